/* test_functional.c - derivatives of whole functions, and checkpoints: the same gradients, bit by bit, in less memory.
 *
 * Layer: tests.  Depends on cmocka.  Read next: autograd/functional.c, autograd/recompute.c. */
#include "support/golden.h"

#include <math.h>
#include <string.h>
#include <taper/nn.h>

static int after_each(void **state)
{
    (void)state;
    tp_memory_set_hook(NULL, NULL);
    return tp_error_take(NULL, 0) || !tp_grad_mode() ? -1 : 0;
}

static void assert_error(tp_status want, const char *part)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want || (part && !strstr(text, part)))
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
}

static tp_tensor *vector(int64_t n, const double *values)
{
    return tp_tensor_copied(values, TP_F64, TP_SHAPE(n));
}
#define V(...) vector(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), (double[]){ __VA_ARGS__ })

static void values_are(const tp_tensor *x, const double *want, int64_t n, int line)
{
    double got[64];
    if (!x || tp_to_f64(x, got, n))
        fail_msg("line %d: %s", line, tp_error_message());
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i]))))
            fail_msg("line %d: element %d: %.17g instead of %.17g", line, (int)i, got[i], want[i]);
}
#define assert_values(x, ...) \
    values_are(x, (double[]){ __VA_ARGS__ }, sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), __LINE__)

/* ---- derivatives of functions -------------------------------------------------------------------------------------------- */

/* y_i = x_i^2 z, for x of 2 elements and z of 1 */
static tp_tensor *square_times(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    return tp_mul(tp_mul(in[0], in[0]), in[1]);
}

/* sum of x^3 z */
static tp_tensor *cubes(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    return tp_sum(tp_mul(tp_mul(tp_mul(in[0], in[0]), in[0]), in[1]), TP_ALL_DIMS, false);
}

static tp_tensor *first_only(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    return tp_mul(in[0], 2);
}

static tp_tensor *constant(tp_tensor *const *in, int n, void *context)
{
    (void)in, (void)n, (void)context;
    return V(1, 2);
}

static void products_with_the_jacobian(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *in[] = { V(2, 3), V(5) }, *v[] = { V(1, 10), V(100) }, *y, *g[2], *jv;
    assert_int_equal(tp_vjp(square_times, NULL, in, 2, V(1, 10), &y, g), TP_OK);
    assert_values(y, 20, 45);
    assert_values(g[0], 20, 300);
    assert_values(g[1], 4 + 90);
    assert_false(tp_requires_grad(g[0]) || tp_requires_grad(y));
    assert_int_equal(tp_jvp(square_times, NULL, in, 2, v, &y, &jv), TP_OK);
    assert_values(jv, 20 + 400, 300 + 900);
    assert_int_equal(tp_jvp(constant, NULL, in, 2, v, NULL, &jv), TP_OK);
    assert_values(jv, 0, 0);
    assert_int_equal(tp_jvp(first_only, NULL, in, 2, v, NULL, &jv), TP_OK);
    assert_values(jv, 2, 20);
    assert_int_equal(tp_vjp(first_only, NULL, in, 2, V(1, 1), NULL, g), TP_OK);
    assert_values(g[1], 0);
    tp_vjp(first_only, NULL, in, 2, V(1, 1), NULL, g, .strict = true);
    assert_error(TP_ERR_GRAD, "input 1");
    tp_vjp(square_times, NULL, in, 2, V(1), NULL, g);
    assert_error(TP_ERR_SHAPE, "vjp");
    tp_vjp(square_times, NULL, in, 2, NULL, NULL, g);
    assert_error(TP_ERR_GRAD, "scalar");
    tp_jvp(square_times, NULL, in, 2, NULL, NULL, &jv);
    assert_error(TP_ERR_SHAPE, "jvp");
}

static void second_derivatives(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *in[] = { V(2, 3), V(5) }, *v[] = { V(1, 10), V(100) }, *y, *h[4], *hv[2];
    assert_int_equal(tp_hvp(cubes, NULL, in, 2, v, &y, hv), TP_OK); /* H: 6 x z, 3 x^2; 3 x^2, 0 */
    assert_values(y, 175);
    assert_values(hv[0], 60 + 1200, 900 + 2700);
    assert_values(hv[1], 12 + 270);
    assert_int_equal(tp_hessian(cubes, NULL, in, 2, h), TP_OK);
    assert_true(tp_ndim(h[0]) == 2 && tp_size(h[1], 0) == 2 && tp_size(h[1], 1) == 1);
    assert_values(h[0], 60, 0, 0, 90);
    assert_values(h[1], 12, 27);
    assert_values(h[2], 12, 27);
    assert_values(h[3], 0);
    tp_hvp(square_times, NULL, in, 2, v, NULL, hv);
    assert_error(TP_ERR_SHAPE, "one number");
}

static void jacobians(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *in[] = { V(2, 3), V(5) }, *j[2], *g;
    assert_int_equal(tp_jacobian(square_times, NULL, in, 2, j), TP_OK);
    assert_values(j[0], 20, 0, 0, 30);
    assert_values(j[1], 4, 9);
    assert_int_equal(tp_jacobian(constant, NULL, in, 2, j), TP_OK);
    assert_values(j[0], 0, 0, 0, 0);
    tp_requires_grad_(in[0], true);
    assert_int_equal(tp_jacobian(square_times, NULL, in, 2, j, .create_graph = true), TP_OK);
    assert_int_equal(tp_gradients(tp_sum(tp_mul(j[0], j[0]), TP_ALL_DIMS, false), in, 1, &g), TP_OK);
    assert_values(g, 2 * 20 * 10, 2 * 30 * 10);
    assert_null(tp_grad(in[0]));
    assert_error(TP_OK, NULL);
}

/* ---- checkpoints ----------------------------------------------------------------------------------------------------------- */

enum { LAYERS = 4 };

typedef struct net {
    tp_tensor *w[LAYERS], *x;
    bool checkpointed, nested;
    int calls, fail_at;
} net;

typedef struct layer {
    net *net;
    int i;
} layer;

static tp_tensor *one_layer(tp_tensor *const *in, int n, void *context)
{
    (void)n;
    layer *l = context;
    l->net->calls++;
    if (l->net->calls == l->net->fail_at) {
        tp_error_set(TP_ERR_STATE, "layer %d fails", l->i);
        return NULL;
    }
    tp_tensor *y = tp_matmul(in[0], tp_transpose(l->net->w[l->i], 0, 1));
    y = tp_dropout(tp_gelu(tp_mul(y, tp_sigmoid(y))), 0.3, true);
    tp_tensor *part = tp_slice(y, 1, 0, 3, 1);
    tp_mul_(part, 0.5); /* in place, and on a view */
    return tp_add(tp_tanh(y), in[0]);
}

static tp_tensor *two_layers(tp_tensor *const *in, int n, void *context)
{
    layer *l = context;
    tp_tensor *y = tp_checkpoint(one_layer, in, n, l);
    return tp_checkpoint(one_layer, &y, 1, l + 1);
}

static tp_tensor *loss_of(net *n, layer *layers)
{
    TP_SCOPE;
    tp_tensor *h = n->x;
    for (int i = 0; i < LAYERS; i++) {
        layers[i] = (layer){ n, i };
        layers[i + 1 < LAYERS ? i + 1 : i] = (layer){ n, i + 1 < LAYERS ? i + 1 : i };
        if (n->nested && i % 2 == 0)
            h = tp_checkpoint(two_layers, &h, 1, &layers[i++]);
        else if (n->checkpointed)
            h = tp_checkpoint(one_layer, &h, 1, &layers[i]);
        else
            h = one_layer(&h, 1, &layers[i]);
    }
    return tp_keep(tp_mean(tp_mul(h, h), TP_ALL_DIMS, false));
}

static net net_new(int64_t rows)
{
    tp_manual_seed(3);
    net n = { .x = tp_randn(TP_SHAPE(rows, 32)) };
    for (int i = 0; i < LAYERS; i++)
        n.w[i] = tp_randn(TP_SHAPE(32, 32), .requires_grad = true);
    return n;
}

static void same_bits(tp_tensor *a, tp_tensor *b)
{
    TP_SCOPE;
    TP_NO_GRAD;
    a = tp_contiguous(a), b = tp_contiguous(b);
    assert_true(a && b && tp_numel(a) == tp_numel(b));
    assert_memory_equal(tp_data(a), tp_data(b), (size_t)tp_numel(a) * tp_dtype_size(tp_dtype_of(a)));
}

static void gradients_are_the_same_bits(void **state)
{
    (void)state;
    for (int kind = 1; kind < 3; kind++) {
        TP_SCOPE;
        net n = net_new(20);
        layer layers[LAYERS];
        tp_tensor *plain[LAYERS], *g[LAYERS];
        tp_manual_seed(11);
        tp_tensor *loss = loss_of(&n, layers);
        tp_rng after = tp_rng_state();
        assert_int_equal(tp_gradients(loss, n.w, LAYERS, plain), TP_OK);
        n.checkpointed = true, n.nested = kind == 2;
        tp_manual_seed(11);
        n.calls = 0;
        tp_tensor *again = loss_of(&n, layers);
        assert_int_equal(n.calls, LAYERS);
        same_bits(loss, again);
        assert_int_equal(tp_rng_state().stream, after.stream);
        assert_int_equal(tp_gradients(again, n.w, LAYERS, g, .retain_graph = true), TP_OK);
        assert_int_equal(n.calls, kind == 2 ? 3 * LAYERS : 2 * LAYERS);
        for (int i = 0; i < LAYERS; i++)
            same_bits(g[i], plain[i]);
        assert_int_equal(tp_backward(again), TP_OK); /* the retained graph once more */
        for (int i = 0; i < LAYERS; i++)
            same_bits(tp_grad(n.w[i]), plain[i]);
        assert_int_equal(tp_rng_state().stream, after.stream); /* backward draws nothing of its own */
        assert_error(TP_OK, NULL);
    }
}

static void second_derivatives_go_through_a_checkpoint(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *in[] = { V(2, 3), V(5) }, *plain[2], *g[2], *plain2[2], *g2[2];
    tp_requires_grad_(in[0], true);
    tp_requires_grad_(in[1], true);
    tp_tensor *x[] = { tp_exp(in[0]), tp_mul(in[1], in[1]) }; /* inputs with a history */
    assert_int_equal(tp_gradients(cubes(x, 2, NULL), in, 2, plain, .create_graph = true), TP_OK);
    assert_int_equal(tp_gradients(tp_checkpoint(cubes, x, 2, NULL), in, 2, g, .create_graph = true), TP_OK);
    same_bits(g[0], plain[0]);
    same_bits(g[1], plain[1]);
    tp_tensor *a = tp_add(tp_sum(plain[0], TP_ALL_DIMS, false), tp_sum(plain[1], TP_ALL_DIMS, false)),
              *b = tp_add(tp_sum(g[0], TP_ALL_DIMS, false), tp_sum(g[1], TP_ALL_DIMS, false));
    assert_int_equal(tp_gradients(a, in, 2, plain2, .retain_graph = true), TP_OK);
    assert_int_equal(tp_gradients(b, in, 2, g2), TP_OK);
    same_bits(g2[0], plain2[0]);
    same_bits(g2[1], plain2[1]);
    assert_error(TP_OK, NULL);
}

static int64_t peak_of(net *n, layer *layers)
{
    TP_SCOPE;
    tp_memory_info before = tp_memory_stats();
    tp_memory_reset_peak();
    tp_backward(loss_of(n, layers));
    assert_error(TP_OK, NULL);
    return tp_memory_stats().peak_bytes - before.live_bytes;
}

static void memory_falls(void **state)
{
    (void)state;
    TP_SCOPE;
    net n = net_new(2000);
    layer layers[LAYERS];
    int64_t blocks = tp_memory_stats().live_blocks, plain = peak_of(&n, layers);
    n.checkpointed = true;
    int64_t less = peak_of(&n, layers);
    if (less * 10 > plain * 6)
        fail_msg("%lld bytes, %lld without checkpoints", (long long)less, (long long)plain);
    for (int i = 0; i < LAYERS; i++)
        tp_set_grad(n.w[i], NULL);
    assert_int_equal(tp_memory_stats().live_blocks, blocks);
}

static tp_tensor *forgetful(tp_tensor *const *in, int n, void *context)
{
    (void)n;
    int *calls = context;
    return (*calls)++ ? tp_exp(tp_mul(in[0], in[0])) : tp_mul(in[0], in[0]);
}

static tp_tensor *looks_inside(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *x = tp_mul(in[0], 1), *g, *y = tp_mul(x, x);
    return tp_gradients(y, &x, 1, &g, .gradient = tp_ones_like(y)) ? NULL : g;
}

static void errors_travel(void **state)
{
    (void)state;
    TP_SCOPE;
    net n = net_new(4);
    layer layers[LAYERS];
    n.checkpointed = true;
    n.fail_at = 2;
    assert_null(loss_of(&n, layers));
    assert_error(TP_ERR_STATE, "layer 1 fails");
    n.calls = 0;
    n.fail_at = LAYERS + 2; /* the second of those that backward runs again */
    tp_tensor *loss = loss_of(&n, layers);
    assert_int_equal(tp_backward(loss), TP_ERR_STATE);
    assert_error(TP_ERR_STATE, "fails");
    int calls = 0;
    tp_tensor *x = tp_requires_grad_(V(1, 2), true), *first = tp_mul(x, 3),
              *y = tp_checkpoint(forgetful, &first, 1, &calls);
    tp_backward(tp_sum(y, TP_ALL_DIMS, false));
    assert_error(TP_ERR_GRAD, "other operations");
    tp_checkpoint(looks_inside, &x, 1, NULL);
    assert_error(TP_ERR_GRAD, "of its own");
    tp_tensor *h = tp_mul(x, 2), *z = tp_checkpoint(forgetful, &h, 1, &(int){ 0 });
    tp_mul_(h, 2);
    tp_backward(tp_sum(z, TP_ALL_DIMS, false));
    assert_error(TP_ERR_GRAD, "changed in place");
    tp_checkpoint(NULL, &x, 1, NULL);
    assert_error(TP_ERR_ARGUMENT, "NULL");
    {
        TP_NO_GRAD;
        calls = 0;
        assert_false(tp_requires_grad(tp_checkpoint(forgetful, &x, 1, &calls)));
    }
    assert_error(TP_OK, NULL);
}

static tp_tensor *through_module(tp_tensor *const *in, int n, void *module)
{
    (void)n;
    return tp_forward(module, in[0]);
}

static void a_module_is_kept_as_long_as_its_graph(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_ones(TP_SHAPE(2, 3), .requires_grad = true), *y;
    {
        TP_SCOPE;
        tp_module *m = tp_nn_sequential("fc", tp_nn_linear(3, 4), "act", tp_nn_gelu());
        y = tp_keep(tp_checkpoint(through_module, &x, 1, m, .keep = m));
    }
    assert_int_equal(tp_backward(tp_sum(y, TP_ALL_DIMS, false)), TP_OK);
    assert_non_null(tp_grad(x));
    assert_error(TP_OK, NULL);
}

/* ---- out of memory at every place ------------------------------------------------------------------------------------------- */

static int64_t allowed;

static bool fail_later(size_t bytes, void *context)
{
    (void)bytes, (void)context;
    return allowed-- > 0;
}

static void no_memory_anywhere_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    net n = net_new(4);
    layer layers[LAYERS];
    n.checkpointed = n.nested = true;
    bool done = false;
    int64_t blocks = tp_memory_stats().live_blocks;
    for (int64_t at = 0; !done; at += at < 100 ? 1 : 17) {
        TP_SCOPE;
        allowed = at;
        tp_memory_set_hook(fail_later, NULL);
        tp_tensor *loss = loss_of(&n, layers), *g[LAYERS];
        done = loss && !tp_gradients(loss, n.w, LAYERS, g);
        tp_memory_set_hook(NULL, NULL);
        assert_error(done ? TP_OK : TP_ERR_MEMORY, NULL);
    }
    assert_int_equal(tp_memory_stats().live_blocks, blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(products_with_the_jacobian, after_each),
        cmocka_unit_test_teardown(second_derivatives, after_each),
        cmocka_unit_test_teardown(jacobians, after_each),
        cmocka_unit_test_teardown(gradients_are_the_same_bits, after_each),
        cmocka_unit_test_teardown(second_derivatives_go_through_a_checkpoint, after_each),
        cmocka_unit_test_teardown(memory_falls, after_each),
        cmocka_unit_test_teardown(errors_travel, after_each),
        cmocka_unit_test_teardown(a_module_is_kept_as_long_as_its_graph, after_each),
        cmocka_unit_test_teardown(no_memory_anywhere_is_an_error_and_leaves_nothing, after_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
