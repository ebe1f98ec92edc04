/* test_autograd.c - gradients: what is recorded, what backward adds where, misuse, depth, and a training step that runs
 * out of memory at every place where it can.
 *
 * Layer: tests.  Depends on cmocka.  Read next: test_ops.c for the gradients of each operation. */
#include "support/golden.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int after_each(void **state)
{
    (void)state;
    tp_memory_set_hook(NULL, NULL);
    tp_dry_run(NULL);
    return tp_error_take(NULL, 0) || !tp_grad_mode() ? -1 : 0;
}

static void assert_error(tp_status want)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want)
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
}

static tp_tensor *leaf(double value)
{
    return tp_full(TP_SHAPE(), value, .dtype = TP_F64, .requires_grad = true);
}

static double grad_of(const tp_tensor *x)
{
    return tp_grad(x) ? tp_item(tp_grad(x)) : NAN;
}

static void value_is(double got, double want, int line)
{
    if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
        fail_msg("line %d: %.17g instead of %.17g", line, got, want);
}
#define assert_value(got, want) value_is(got, want, __LINE__)

/* ---- adding into .grad ------------------------------------------------------------------------------------------------- */

static void backward_adds_into_the_leaves(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = leaf(2), *constant = tp_full(TP_SHAPE(), 5, .dtype = TP_F64);
    assert_null(tp_grad(x));
    assert_int_equal(tp_backward(tp_mul(tp_mul(x, x), tp_mul(y, constant))), TP_OK);
    assert_value(grad_of(x), 2 * 3 * 2 * 5);
    assert_value(grad_of(y), 9 * 5);
    assert_null(tp_grad(constant));
    assert_int_equal(tp_backward(tp_mul(x, 7)), TP_OK);
    assert_value(grad_of(x), 60 + 7);        /* accumulated */
    assert_int_equal(tp_backward(x), TP_OK); /* a leaf as the loss */
    assert_value(grad_of(x), 68);
    tp_set_grad(x, NULL);
    assert_null(tp_grad(x));
    tp_backward(tp_add(tp_add(x, x), x)); /* one tensor by three ways */
    assert_value(grad_of(x), 3);
    tp_set_grad(x, constant);
    assert_ptr_equal(tp_grad(x), constant);
    assert_error(TP_OK);
}

static void two_leaves_do_not_share_a_gradient(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = leaf(2), *seed = tp_ones(TP_SHAPE(), .dtype = TP_F64);
    tp_backward(tp_add(x, y), .gradient = seed);
    assert_false(tp_shares_storage(tp_grad(x), tp_grad(y)));
    assert_false(tp_shares_storage(tp_grad(x), seed));
    tp_mul_(tp_grad(x), 10);
    assert_value(grad_of(x), 10);
    assert_value(grad_of(y), 1);
    assert_value(tp_item(seed), 1);
}

static void broadcasting_and_dtypes_are_undone(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_ones(TP_SHAPE(3, 1), .requires_grad = true),
              *y = tp_ones(TP_SHAPE(2, 1, 4), .dtype = TP_F64, .requires_grad = true);
    assert_int_equal(tp_backward(tp_sum(tp_mul(x, y), TP_ALL_DIMS, false)), TP_OK);
    assert_int_equal(tp_dtype_of(tp_grad(x)), TP_F32);
    assert_int_equal(tp_dtype_of(tp_grad(y)), TP_F64);
    assert_true(tp_ndim(tp_grad(x)) == 2 && tp_numel(tp_grad(x)) == 3);
    assert_true(tp_ndim(tp_grad(y)) == 3 && tp_numel(tp_grad(y)) == 8);
    assert_value(((float *)tp_data(tp_grad(x)))[2], 8);
    assert_value(((double *)tp_data(tp_grad(y)))[7], 3);
}

static void a_vector_needs_a_seed(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_ones(TP_SHAPE(3), .requires_grad = true), *y = tp_mul(x, 2);
    tp_backward(y);
    assert_error(TP_ERR_GRAD);
    tp_backward(y, .gradient = tp_ones(TP_SHAPE(2)));
    assert_error(TP_ERR_SHAPE);
    assert_int_equal(tp_backward(y, .gradient = tp_tensor_of(1, 10, 100)), TP_OK);
    assert_value(((float *)tp_data(tp_grad(x)))[2], 200);
    tp_backward(tp_ones(TP_SHAPE()));
    assert_error(TP_ERR_GRAD);
    tp_backward(NULL);
    assert_error(TP_ERR_GRAD);
}

/* ---- the life of a graph ---------------------------------------------------------------------------------------------------- */

static void a_second_backward_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = tp_mul(x, x), *z = tp_exp(y);
    assert_int_equal(tp_backward(z), TP_OK);
    double first = grad_of(x);
    tp_backward(z);
    assert_error(TP_ERR_GRAD);
    tp_backward(tp_mul(y, 2)); /* a new head on a part that is gone */
    assert_error(TP_ERR_GRAD);
    assert_value(grad_of(x), first);
}

static void retain_graph_keeps_it(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *z = tp_mul(tp_mul(x, x), x);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(tp_backward(z, .retain_graph = true), TP_OK);
        assert_value(grad_of(x), 27 * i);
    }
    assert_int_equal(tp_backward(z), TP_OK);
    assert_value(grad_of(x), 27 * 4);
    tp_backward(z);
    assert_error(TP_ERR_GRAD);
}

static tp_tensor *fourth_by_mul(tp_tensor *x)
{
    return tp_mul(tp_mul(x, x), tp_mul(x, x));
}

static tp_tensor *fourth_by_pow(tp_tensor *x)
{
    return tp_pow(x, 4);
}

static tp_tensor *fourth_by_square(tp_tensor *x)
{
    return tp_square(tp_square(x));
}

static void create_graph_gives_the_third_derivative(void **state)
{
    (void)state;
    static tp_tensor *(*const fourth[])(tp_tensor *) = { fourth_by_mul, fourth_by_pow, fourth_by_square };
    for (int i = 0; i < 3; i++) {
        TP_SCOPE;
        tp_tensor *x = leaf(3), *d1, *d2, *d3, *d4, *y = fourth[i](x);
        assert_value(tp_item(y), 81);
        assert_int_equal(tp_gradients(y, &x, 1, &d1, .create_graph = true), TP_OK);
        assert_value(tp_item(d1), 4 * 27);
        assert_int_equal(tp_gradients(d1, &x, 1, &d2, .create_graph = true), TP_OK);
        assert_value(tp_item(d2), 12 * 9);
        assert_int_equal(tp_gradients(d2, &x, 1, &d3, .create_graph = true), TP_OK);
        assert_value(tp_item(d3), 24 * 3);
        assert_int_equal(tp_gradients(d3, &x, 1, &d4), TP_OK);
        assert_value(tp_item(d4), 24);
        assert_false(tp_requires_grad(d4));
        assert_null(tp_grad(x));
        assert_int_equal(tp_backward(y), TP_OK); /* create_graph implied retain_graph */
        assert_value(grad_of(x), 4 * 27);
        assert_error(TP_OK);
    }
}

static void backward_with_create_graph_records_the_gradient(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(2), *y = tp_exp(tp_mul(x, x)), *g;
    assert_int_equal(tp_backward(y, .create_graph = true), TP_OK);
    g = tp_grad(x);
    assert_true(tp_requires_grad(g) && tp_grad_fn(g));
    assert_value(tp_item(g), 4 * exp(4));
    tp_tensor *second;
    assert_int_equal(tp_gradients(g, &x, 1, &second), TP_OK);
    assert_true(fabs(tp_item(second) - (2 + 16) * exp(4)) < 1e-8);
    tp_set_grad(x, NULL); /* the gradient's history holds x: this ends the circle */
    assert_error(TP_OK);
}

static void gradients_leave_grad_alone(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = leaf(4), *alone = leaf(1), *middle = tp_mul(x, y), *z = tp_mul(middle, x),
              *g[4];
    assert_int_equal(tp_gradients(z, ((tp_tensor *[]){ x, y, alone, middle }), 4, g), TP_OK);
    assert_value(tp_item(g[0]), 2 * 3 * 4);
    assert_value(tp_item(g[1]), 9);
    assert_null(g[2]);
    assert_value(tp_item(g[3]), 3); /* of a tensor that is not a leaf */
    assert_null(tp_grad(x));
    assert_null(tp_grad(y));
    tp_gradients(z, &x, 1, g);
    assert_error(TP_ERR_GRAD); /* freed, as by backward */
    tp_tensor *constant = tp_ones(TP_SHAPE(), .dtype = TP_F64);
    tp_gradients(tp_mul(x, 2), &constant, 1, g);
    assert_error(TP_ERR_GRAD);
    assert_null(g[0]);
    tp_tensor *w = tp_mul(x, 2);
    tp_gradients(w, &w, 1, g); /* by itself */
    assert_value(tp_item(g[0]), 1);
}

/* ---- what is recorded ----------------------------------------------------------------------------------------------------------- */

static void leaves_and_results_know_what_they_are(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_ones(TP_SHAPE(2)), *y;
    assert_true(!tp_requires_grad(x) && tp_is_leaf(x) && !tp_grad_fn(x));
    assert_ptr_equal(tp_requires_grad_(x, true), x);
    y = tp_exp(x);
    assert_true(tp_requires_grad(y) && !tp_is_leaf(y));
    assert_string_equal(tp_grad_fn(y), "exp");
    assert_false(tp_requires_grad(tp_gt(x, 0.5))); /* no gradient */
    tp_requires_grad_(y, false);
    assert_error(TP_ERR_GRAD);
    tp_requires_grad_(tp_arange(0, 3, 1, .dtype = TP_I64), true);
    assert_error(TP_ERR_DTYPE);
    tp_requires_grad_(x, false);
    assert_true(!tp_requires_grad(x) && !tp_grad_fn(tp_exp(x)));
}

static bool mode_after_an_early_return(void)
{
    TP_NO_GRAD;
    return tp_grad_mode();
}

static void no_grad_records_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3);
    {
        TP_NO_GRAD;
        assert_false(tp_requires_grad(tp_mul(x, x)));
        {
            TP_ENABLE_GRAD;
            assert_true(tp_requires_grad(tp_mul(x, x)));
        }
        assert_false(tp_grad_mode());
        tp_add_(x, 1); /* as an optimizer does */
        assert_true(tp_requires_grad(x) && tp_is_leaf(x));
    }
    assert_true(tp_grad_mode());
    assert_false(mode_after_an_early_return());
    assert_true(tp_grad_mode());
    tp_backward(tp_mul(x, x));
    assert_value(grad_of(x), 8);
    {
        TP_NO_GRAD; /* backward itself may run in here */
        tp_tensor *y;
        {
            TP_ENABLE_GRAD;
            y = tp_mul(x, x);
        }
        tp_backward(y);
        assert_value(grad_of(x), 16);
    }
    assert_error(TP_OK);
}

static void detach_cuts_the_history(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = tp_mul(x, x), *d = tp_detach(y);
    assert_true(tp_shares_storage(d, y) && tp_is_leaf(d) && !tp_requires_grad(d));
    assert_int_equal(tp_backward(tp_mul(y, d)), TP_OK); /* 9 x^2 with 9 constant */
    assert_value(grad_of(x), 9 * 6);
    assert_null(tp_detach(NULL));
    assert_error(TP_ERR_ARGUMENT);
}

static void retain_grad_keeps_the_gradient_of_a_result(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = tp_mul(x, x), *other = tp_mul(x, 5), *z;
    tp_retain_grad(y);
    tp_retain_grad(y);
    tp_retain_grad(x); /* a leaf keeps it anyway */
    assert_null(tp_grad(y));
    z = tp_add(tp_mul(y, y), other);
    assert_int_equal(tp_backward(z, .retain_graph = true), TP_OK);
    assert_value(grad_of(y), 18);
    assert_value(grad_of(x), 18 * 6 + 5);
    assert_null(tp_grad(other));
    assert_int_equal(tp_backward(z), TP_OK);
    assert_value(grad_of(y), 36);
    assert_error(TP_OK);
}

/* ---- in place --------------------------------------------------------------------------------------------------------------------- */

static void what_was_saved_must_not_change(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(2), *y = tp_exp(x), *z = tp_mul(y, 3);
    tp_add_(y, 1); /* exp saved its output */
    tp_backward(z);
    assert_error(TP_ERR_GRAD);
    assert_null(tp_grad(x));

    tp_tensor *w = tp_full(TP_SHAPE(), 4, .dtype = TP_F64), *product = tp_mul(x, w);
    tp_fill_(tp_view(w, TP_SHAPE(1)), 5); /* through a view of an input that mul saved */
    tp_backward(product);
    assert_error(TP_ERR_GRAD);

    tp_tensor *sum = tp_add(x, w); /* add saves nothing */
    tp_fill_(w, 6);
    assert_int_equal(tp_backward(sum), TP_OK);
    assert_value(grad_of(x), 1);
}

static void an_operation_in_place_has_a_gradient(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = tp_mul(x, 2);
    assert_ptr_equal(tp_mul_(y, x), y); /* 2 x * x */
    tp_backward(y); /* x's gradient needs the value that was overwritten: it was copied, as in PyTorch */
    assert_value(grad_of(x), 12);
    tp_set_grad(x, NULL);

    tp_tensor *z = tp_mul(x, 2);
    tp_mul_(z, 5);
    tp_add_(z, x);
    assert_value(tp_item(z), 33);
    assert_int_equal(tp_backward(z), TP_OK);
    assert_value(grad_of(x), 11);

    tp_add_(x, 1);
    assert_error(TP_ERR_GRAD); /* a leaf */
    tp_add_(tp_view(x, TP_SHAPE(1)), 1);
    assert_error(TP_ERR_GRAD); /* a view of one */
    assert_value(tp_item(x), 3);
}

/* ---- depth ------------------------------------------------------------------------------------------------------------------------- */

enum { DEEP = 200000 };

typedef struct deep_result {
    double grad, value;
    tp_status status;
    bool backward;
} deep_result;

static void *goes_deep(void *context)
{
    deep_result *r = context;
    TP_SCOPE;
    tp_tensor *x = leaf(1), *y = tp_retain(x);
    for (int i = 0; i < DEEP; i++) {
        TP_SCOPE;
        tp_tensor *next = tp_retain(i % 2 ? tp_mul(y, -1) : tp_add(y, x));
        tp_release(y);
        y = next;
    }
    r->value = tp_item(y);
    if (r->backward)
        tp_backward(y);
    r->grad = grad_of(x);
    tp_release(y);
    r->status = tp_error_take(NULL, 0);
    return NULL;
}

static void deep_graphs_need_no_deep_stack(void **state)
{
    (void)state;
    tp_memory_info before = tp_memory_stats();
    for (int with_backward = 0; with_backward < 2; with_backward++) {
        deep_result r = { .backward = with_backward };
        pthread_attr_t small;
        pthread_t thread;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 1 << 20);
        assert_int_equal(pthread_create(&thread, &small, goes_deep, &r), 0);
        pthread_join(thread, NULL);
        pthread_attr_destroy(&small);
        assert_int_equal(r.status, TP_OK);
        assert_value(r.value, 1); /* (y + 1) * -1 twice is y */
        if (with_backward)
            assert_value(r.grad, 1);
    }
    assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);
}

static void a_wide_and_deep_graph_in_one_scope(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(1), *y = x;
    for (int i = 0; i < 60; i++)
        y = tp_mul(tp_add(y, y), 0.5); /* 2^60 paths, 120 nodes */
    assert_int_equal(tp_backward(y), TP_OK);
    assert_value(grad_of(x), 1);
}

/* ---- a training step -------------------------------------------------------------------------------------------------------------------- */

typedef struct net {
    tp_tensor *w1, *b1, *w2, *b2, *x, *target;
} net;

static net net_new(void)
{
    tp_manual_seed(7);
    net n = { .w1 = tp_randn(TP_SHAPE(16, 8), .requires_grad = true),
              .b1 = tp_zeros(TP_SHAPE(16), .requires_grad = true),
              .w2 = tp_randn(TP_SHAPE(4, 16), .requires_grad = true),
              .b2 = tp_zeros(TP_SHAPE(4), .requires_grad = true),
              .x = tp_randn(TP_SHAPE(32, 8)),
              .target = tp_randint(0, 4, TP_SHAPE(32)) };
    assert_error(TP_OK);
    return n;
}

static double training_step(net *n)
{
    tp_tensor *params[] = { n->w1, n->b1, n->w2, n->b2 };
    TP_SCOPE;
    tp_tensor *hidden = tp_tanh(tp_linear(n->x, n->w1, n->b1));
    tp_tensor *loss = tp_cross_entropy(tp_linear(hidden, n->w2, n->b2), n->target);
    tp_backward(loss);
    {
        TP_NO_GRAD;
        for (int i = 0; i < 4; i++)
            if (!tp_error_pending())
                tp_sub_(params[i], tp_mul(tp_grad(params[i]), 0.1));
    }
    for (int i = 0; i < 4; i++)
        tp_set_grad(params[i], NULL);
    return tp_error_pending() ? NAN : tp_item(loss);
}

static void training_lowers_the_loss(void **state)
{
    (void)state;
    TP_SCOPE;
    net n = net_new();
    double first = training_step(&n), last = first;
    for (int i = 0; i < 100; i++)
        last = training_step(&n);
    assert_error(TP_OK);
    assert_true(last < 0.8 * first);
}

typedef struct failing {
    int64_t count, n;
    bool ever_after;
} failing;

static bool fail_from(size_t bytes, void *context)
{
    failing *f = context;
    int64_t i = __atomic_add_fetch(&f->count, 1, __ATOMIC_RELAXED);
    (void)bytes;
    return f->ever_after ? i < f->n : i != f->n;
}

static void every_allocation_of_a_step_may_fail(void **state)
{
    (void)state;
    TP_SCOPE;
    net n = net_new();
    for (int i = 0; i < 3; i++)
        training_step(&n);
    assert_error(TP_OK);
    tp_memory_info before = tp_memory_stats();
    for (int ever_after = 0; ever_after < 2; ever_after++) {
        failing f = { .ever_after = ever_after };
        do {
            f.count = 0;
            f.n++;
            tp_memory_set_hook(fail_from, &f);
            training_step(&n);
            tp_memory_set_hook(NULL, NULL);
            tp_status status = tp_error_take(NULL, 0);
            tp_memory_info after = tp_memory_stats();
            if (status != (f.count >= f.n ? TP_ERR_MEMORY : TP_OK))
                fail_msg("request %lld of %lld failed: status %s", (long long)f.n, (long long)f.count,
                         tp_status_name(status));
            if (after.live_blocks != before.live_blocks || after.live_bytes != before.live_bytes)
                fail_msg("request %lld failed: %lld blocks, %lld bytes more than before", (long long)f.n,
                         (long long)(after.live_blocks - before.live_blocks),
                         (long long)(after.live_bytes - before.live_bytes));
        } while (f.count >= f.n);
        assert_true(f.n > 30);
    }
    assert_true(tp_grad_mode());
    assert_true(isfinite(training_step(&n))); /* and goes on */
}

static void a_steady_step_asks_malloc_for_nothing(void **state)
{
    (void)state;
    const char *setting = getenv("TAPER_CACHE");
    if (setting && !strcmp(setting, "0"))
        skip();
    TP_SCOPE;
    net n = net_new();
    for (int i = 0; i < 3; i++)
        training_step(&n);
    tp_memory_info before = tp_memory_stats();
    for (int i = 0; i < 20; i++)
        training_step(&n);
    tp_memory_info after = tp_memory_stats();
    assert_error(TP_OK);
    assert_int_equal(after.system_calls, before.system_calls);
    assert_int_equal(after.live_blocks, before.live_blocks);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_int_equal(after.cached_bytes, before.cached_bytes);
}

/* ---- operations of one's own, gradcheck ---------------------------------------------------------------------------------------------------- */

static tp_status cube_infer(tp_call *c)
{
    return tp_infer_like(c, 0);
}

static void cube_forward(const tp_call *c)
{
    const double *x = tp_data(c->in[0]);
    double *y = tp_data(c->out[0]);
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        y[i] = x[i] * x[i] * x[i];
}

static void cube_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_mul(tp_square(s->in[0]), s->op->tag));
}

/* Right as far as it goes, but the factor has no history. */
static void cut_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_detach(tp_mul(tp_square(s->in[0]), 3)));
}

static void no_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s, (void)dy, (void)dx;
}

#define CUBE(gradient, factor)                                                                              \
    {                                                                                                       \
        .name = "cube", .formula = "y = x^3", .inputs = "x", .n_in = 1, .saves_in = 1, .infer = cube_infer, \
        .forward = cube_forward, .backward = gradient, .tag = factor                                        \
    }
static const tp_op cube = CUBE(cube_backward, 3), wrong_cube = CUBE(cube_backward, 2),
                   cut_cube = CUBE(cut_backward, 0), forgotten_cube = CUBE(no_backward, 0);

static tp_tensor *apply_one(tp_tensor *const *inputs, int n, void *context)
{
    return tp_apply(context, inputs, n, NULL);
}

static void gradcheck_tells_right_from_wrong(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_uniform(0.5, 1.5, TP_SHAPE(2, 3), .dtype = TP_F64, .requires_grad = true);
    double before[6], after[6];
    tp_to_f64(x, before, 6);
    assert_int_equal(tp_gradcheck(apply_one, (void *)&cube, &x, 1, .second = true), TP_OK);
    tp_gradcheck(apply_one, (void *)&wrong_cube, &x, 1);
    assert_non_null(strstr(tp_error_message(), "first derivative"));
    assert_error(TP_ERR_GRAD);
    tp_gradcheck(apply_one, (void *)&forgotten_cube, &x, 1);
    assert_error(TP_ERR_GRAD);
    assert_int_equal(tp_gradcheck(apply_one, (void *)&cut_cube, &x, 1), TP_OK);
    tp_gradcheck(apply_one, (void *)&cut_cube, &x, 1, .second = true);
    assert_non_null(strstr(tp_error_message(), "second derivative"));
    assert_error(TP_ERR_GRAD);
    tp_to_f64(x, after, 6);
    assert_memory_equal(before, after, sizeof before);
    assert_null(tp_grad(x));
    tp_tensor *f32 = tp_ones(TP_SHAPE(2), .requires_grad = true);
    tp_gradcheck(apply_one, (void *)&cube, &f32, 1);
    assert_error(TP_ERR_ARGUMENT);
}

static void wrong_inputs_are_named(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(2), *two[] = { x, x }, *none = NULL;
    assert_value(tp_item(tp_apply(&cube, &x, 1, NULL)), 8);
    assert_null(tp_apply(&cube, two, 2, NULL));
    assert_error(TP_ERR_ARGUMENT);
    assert_null(tp_apply(&cube, &none, 1, NULL));
    assert_non_null(strstr(tp_error_message(), "cube"));
    assert_error(TP_ERR_ARGUMENT);
}

/* ---- dry run ------------------------------------------------------------------------------------------------------------------------------------ */

static void a_dry_run_counts_and_computes_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    enum { N = 1 << 20 };
    tp_tensor *x = tp_expand(tp_ones(TP_SHAPE(1, 1), .requires_grad = true), TP_SHAPE(N, N));
    tp_dry_run_total total = { 0, 0 };
    int64_t live = tp_memory_stats().live_bytes;
    tp_dry_run(&total);
    tp_tensor *y = tp_relu(tp_transpose(tp_matmul(x, x), 0, 1)); /* 4 TB twice */
    tp_dry_run(NULL);
    assert_error(TP_OK);
    assert_true(tp_size(y, 0) == N && tp_size(y, 1) == N);
    assert_false(tp_requires_grad(y));
    assert_int_equal(total.output_bytes, 2 * (int64_t)N * N * 4);
    assert_true(total.flops >= 2.0 * N * N * N && total.flops < 2.1 * N * N * N);
    assert_true(tp_memory_stats().live_bytes - live < 100000);
    tp_item(tp_detach(tp_select(tp_select(y, 0, 0), 0, 0))); /* there is nothing to read */
    assert_error(TP_ERR_ARGUMENT);
    assert_value(tp_item(tp_relu(tp_ones(TP_SHAPE()))), 1); /* off again */
}

/* ---- passes of several threads over one graph; an input that is named twice ----------------------------------- */

static void *backward_again(void *loss)
{
    return tp_backward((tp_tensor *)loss, .retain_graph = true) ? (tp_error_take(NULL, 0), NULL) : loss;
}

static void threads_in_turn_go_through_one_graph(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(1, 2, 3), true);
    tp_tensor *loss = tp_sum(tp_square(tp_exp(x)), TP_ALL_DIMS, false);
    double once = 0;
    for (int i = 1; i <= 3; i++) {
        pthread_t thread;
        void *done = NULL;
        assert_int_equal(pthread_create(&thread, NULL, backward_again, loss), 0);
        pthread_join(thread, &done);
        assert_non_null(done);
        double sum = tp_item(tp_sum(tp_grad(x), TP_ALL_DIMS, false));
        once = i == 1 ? sum : once;
        assert_true(sum > (i - 0.001) * once && sum < (i + 0.001) * once);
    }
}

static void an_input_named_twice_has_its_gradient_twice(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(1, 2, 3), true), *grads[2];
    tp_tensor *y = tp_sum(tp_square(x), TP_ALL_DIMS, false);
    assert_int_equal(tp_gradients(y, ((tp_tensor *[]){ x, x }), 2, grads), TP_OK);
    assert_non_null(grads[0]);
    assert_ptr_equal(grads[0], grads[1]);
}

static tp_tensor *twice(tp_tensor *grad, void *context)
{
    (void)context;
    return tp_mul(grad, 2);
}

/* A table of which rows are read, and which is used as a whole: whoever comes second adds to the gradient that is there. */
static void rows_of_a_table_add_up(void **state)
{
    (void)state;
    enum { ONCE, AGAIN, HOOKED, CAPTURED, CREATED, WAYS };
    static const double wanted[] = { 2, 2, 5, 6, 2, 2, 8, 10 };
    for (int i = 0; i < 2 * WAYS; i++) {
        TP_SCOPE;
        const int way = i / 2;
        tp_tensor *table = tp_requires_grad_(tp_ones(TP_SHAPE(4, 2), .dtype = TP_F64), true), *g = NULL;
        tp_tensor *index = tp_to(tp_tensor_of(3, 1, 3), TP_I64);
        tp_tensor *weights = tp_reshape(tp_arange(1, 7, 1, .dtype = TP_F64), TP_SHAPE(3, 2));
        if (way == HOOKED)
            tp_register_hook(table, twice, NULL);
        for (int pass = 0; pass < 1 + (way == AGAIN); pass++) {
            tp_tensor *rows =
                tp_sum(tp_mul(tp_embedding(index, table, TP_NO_DIM), weights), TP_ALL_DIMS, false);
            tp_tensor *all = tp_sum(tp_mul(table, table), TP_ALL_DIMS, false);
            tp_tensor *loss = i % 2 ? tp_add(rows, all) : tp_add(all, rows);
            if (way == CAPTURED)
                tp_gradients(loss, &table, 1, &g);
            else
                tp_backward(loss, .create_graph = way == CREATED);
        }
        assert_true((way == CAPTURED) == !tp_grad(table));
        g = g ? g : tp_grad(table);
        for (int k = 0; k < 8; k++)
            assert_value(tp_item(tp_select(tp_flatten(g, 0, 1), 0, k)),
                         (way == AGAIN || way == HOOKED ? 2 : 1) * wanted[k]);
        if (way == CREATED) {
            assert_int_equal(tp_backward(tp_sum(g, TP_ALL_DIMS, false)), TP_OK); /* of 2 table */
            assert_value(tp_item(tp_select(tp_flatten(tp_grad(table), 0, 1), 0, 0)), 2 + 2);
            tp_set_grad(table, NULL);
        }
        assert_error(TP_OK);
    }
}

static void a_retained_result_has_an_owner_outside_of_every_scope(void **state)
{
    (void)state;
    tp_tensor *x = NULL, *y = NULL;
    {
        TP_SCOPE;
        x = tp_retain(tp_tensor_of(1, 2));
        y = tp_apply_retained(tp_op_find("square"), &x, 1, NULL);
        assert_null(tp_apply_retained(tp_op_find("square"), (tp_tensor *[]){ NULL }, 1, NULL));
        assert_int_equal(tp_error_take(NULL, 0), TP_ERR_ARGUMENT);
    }
    assert_true(((float *)tp_data(y))[1] == 4);
    tp_release(x);
    tp_release(y);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, after_each)
    const struct CMUnitTest tests[] = {
        TEST(backward_adds_into_the_leaves),
        TEST(two_leaves_do_not_share_a_gradient),
        TEST(broadcasting_and_dtypes_are_undone),
        TEST(a_vector_needs_a_seed),
        TEST(a_second_backward_is_an_error),
        TEST(retain_graph_keeps_it),
        TEST(create_graph_gives_the_third_derivative),
        TEST(backward_with_create_graph_records_the_gradient),
        TEST(gradients_leave_grad_alone),
        TEST(leaves_and_results_know_what_they_are),
        TEST(no_grad_records_nothing),
        TEST(detach_cuts_the_history),
        TEST(retain_grad_keeps_the_gradient_of_a_result),
        TEST(what_was_saved_must_not_change),
        TEST(an_operation_in_place_has_a_gradient),
        TEST(deep_graphs_need_no_deep_stack),
        TEST(a_wide_and_deep_graph_in_one_scope),
        TEST(training_lowers_the_loss),
        TEST(every_allocation_of_a_step_may_fail),
        TEST(a_steady_step_asks_malloc_for_nothing),
        TEST(gradcheck_tells_right_from_wrong),
        TEST(wrong_inputs_are_named),
        TEST(threads_in_turn_go_through_one_graph),
        TEST(an_input_named_twice_has_its_gradient_twice),
        TEST(rows_of_a_table_add_up),
        TEST(a_retained_result_has_an_owner_outside_of_every_scope),
        TEST(a_dry_run_counts_and_computes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
