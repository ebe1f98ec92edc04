/* test_hooks.c - hooks on tensors and on modules, several roots at once, anomaly detection.
 *
 * Layer: tests.  Depends on cmocka.  Read next: autograd/hooks.c, nn/hooks.c. */
#include "support/golden.h"

#include <taper/nn.h>

#include <math.h>
#include <string.h>

static int after_each(void **state)
{
    (void)state;
    return tp_error_take(NULL, 0) || !tp_grad_mode() ? -1 : 0;
}

static void assert_error(tp_status want, const char *part)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want || (part && !strstr(text, part)))
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
}

static tp_tensor *leaf(double value)
{
    return tp_full(TP_SHAPE(), value, .dtype = TP_F64, .requires_grad = true);
}

static double value_of(const tp_tensor *x)
{
    return x ? tp_item(x) : NAN;
}
#define assert_value(got, want) \
    assert_true(fabs((double)(got) - (double)(want)) < 1e-12 * (1 + fabs((double)(want))))

/* ---- on tensors ------------------------------------------------------------------------------------------------------ */

typedef struct seen {
    double values[16];
    int n;
    tp_tensor *leaf; /* looked at by count_after */
} seen;

static tp_tensor *look(tp_tensor *grad, void *context)
{
    seen *s = context;
    s->values[s->n++] = tp_item(grad);
    return NULL;
}

static tp_tensor *twice(tp_tensor *grad, void *context)
{
    (void)context;
    return tp_mul(grad, 2);
}

static tp_tensor *wrong_shape(tp_tensor *grad, void *context)
{
    (void)grad, (void)context;
    return tp_ones(TP_SHAPE(2), .dtype = TP_F64);
}

static tp_tensor *fails(tp_tensor *grad, void *context)
{
    (void)grad, (void)context;
    tp_error_set(TP_ERR_STATE, "the hook says no");
    return NULL;
}

static void look_after(tp_tensor *leaf, void *context)
{
    seen *s = context;
    s->values[s->n++] = value_of(tp_grad(leaf));
}

static void hooks_see_the_whole_gradient_in_order(void **state)
{
    (void)state;
    TP_SCOPE;
    seen s = { 0 };
    tp_tensor *x = leaf(3), *y = tp_mul(x, x);
    assert_true(tp_register_hook(y, look, &s) > 0);
    assert_true(tp_register_hook(y, twice, NULL) > 0);
    int64_t last = tp_register_hook(y, look, &s);
    tp_register_hook(x, look, &s);
    tp_register_post_accumulate_hook(x, look_after, &s);
    tp_tensor *z = tp_add(tp_mul(y, 5), tp_add(y, x)); /* y by two ways, x by three */
    assert_int_equal(tp_backward(z, .retain_graph = true), TP_OK);
    assert_int_equal(s.n, 4);
    assert_value(s.values[0], 6);
    assert_value(s.values[1], 12);
    assert_value(s.values[2], 2 * 3 * 12 + 1);
    assert_value(s.values[3], 73);
    assert_value(value_of(tp_grad(x)), 73);
    assert_true(tp_remove_hook(y, last));
    assert_false(tp_remove_hook(y, last));
    s.n = 0;
    assert_int_equal(tp_backward(z, .retain_graph = true), TP_OK);
    assert_int_equal(s.n, 3);
    assert_value(s.values[2], 146); /* .grad has both */
    tp_tensor *g[2];
    s.n = 0;
    assert_int_equal(tp_gradients(z, ((tp_tensor *[]){ x, y }), 2, g), TP_OK);
    assert_value(value_of(g[0]), 73);
    assert_value(value_of(g[1]), 12);
    assert_int_equal(s.n, 2); /* no .grad, so nothing after it */
    assert_error(TP_OK, NULL);
}

static void count_release(void *context)
{
    ++*(int *)context;
}

static void a_hook_s_context_is_released_once_when_it_goes(void **state)
{
    (void)state;
    int removed = 0, died = 0, of_history = 0, refused = 0;
    {
        TP_SCOPE;
        tp_tensor *x = leaf(3), *y;
        assert_true(tp_remove_hook(x, tp_register_hook_shared(x, twice, &removed, count_release)));
        assert_int_equal(removed, 1);
        tp_register_hook_shared(x, twice, &died, count_release);
        {
            TP_SCOPE;
            tp_tensor *square = tp_mul(x, x);
            tp_register_hook_shared(square, twice, &of_history, count_release);
            y = tp_keep(tp_mul(square, 5));
        }
        assert_int_equal(of_history, 0); /* the history has it */
        tp_backward(y);
        assert_value(value_of(tp_grad(x)), 2 * 2 * 3 * 2 * 5);
        tp_register_hook_shared(tp_detach(x), twice, &refused, count_release);
        assert_int_equal(tp_error_take(NULL, 0), TP_ERR_GRAD);
    }
    assert_true(removed == 1 && died == 1 && of_history == 1 && refused == 0);
}

static void a_hook_on_a_leaf_may_change_what_arrives(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *alone = leaf(1);
    int64_t number = tp_register_hook(x, twice, NULL);
    tp_backward(tp_mul(x, 5));
    assert_value(value_of(tp_grad(x)), 10);
    tp_backward(x); /* the leaf as the loss */
    assert_value(value_of(tp_grad(x)), 12);
    tp_remove_hook(x, number);
    tp_backward(tp_mul(x, 5));
    assert_value(value_of(tp_grad(x)), 17);
    tp_register_hook(x, wrong_shape, NULL);
    tp_backward(tp_mul(x, alone));
    assert_error(TP_ERR_SHAPE, "hook");
    tp_tensor *y = tp_mul(alone, 2);
    tp_register_hook(y, fails, NULL);
    tp_backward(tp_mul(y, 2));
    assert_error(TP_ERR_STATE, "says no");
    assert_int_equal(tp_register_hook(tp_ones(TP_SHAPE()), twice, NULL), 0);
    assert_error(TP_ERR_GRAD, "does not require");
    tp_register_post_accumulate_hook(y, look_after, NULL);
    assert_error(TP_ERR_GRAD, "leaf");
    tp_register_hook(NULL, twice, NULL);
    assert_error(TP_ERR_ARGUMENT, NULL);
}

static void after_a_change_in_place_a_hook_belongs_to_the_value_before(void **state)
{
    (void)state;
    TP_SCOPE;
    seen before = { 0 }, after = { 0 };
    tp_tensor *x = leaf(3), *y = tp_mul(x, 2);
    tp_retain_grad(y);
    int64_t number = tp_register_hook(y, look, &before);
    tp_mul_(y, 3);
    tp_register_hook(y, look, &after);
    assert_int_equal(tp_backward(tp_mul(y, 5), .retain_graph = true), TP_OK);
    assert_true(before.n == 1 && after.n == 1);
    assert_value(before.values[0], 15);
    assert_value(after.values[0], 5);
    assert_value(value_of(tp_grad(y)), 5); /* of y as it is now */
    assert_true(tp_remove_hook(y, number));
    assert_error(TP_OK, NULL);
}

static void hooks_are_recorded_with_create_graph(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = tp_mul(x, x), *g, *g2;
    tp_register_hook(y, twice, NULL);
    tp_gradients(tp_mul(y, y), &x, 1, &g, .create_graph = true);
    assert_value(value_of(g), 2 * 4 * 27);
    tp_gradients(g, &x, 1, &g2);
    assert_true(fabs(value_of(g2)) > 0);
    assert_error(TP_OK, NULL);
}

/* ---- several results ------------------------------------------------------------------------------------------------------ */

static void several_results_at_once(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3), *y = leaf(2), *alone = leaf(1), *shared = tp_mul(x, y);
    tp_tensor *out[] = { tp_mul(shared, x), tp_exp(y), shared, x },
              *seeds[] = { NULL, leaf(10), NULL, leaf(7) }, *g[3];
    assert_int_equal(tp_gradients_of(out, 4, seeds, ((tp_tensor *[]){ x, y, alone }), 3, g,
                                     .retain_graph = true),
                     TP_OK);
    assert_value(value_of(g[0]), 2 * 3 * 2 + 2 + 7);
    assert_value(value_of(g[1]), 9 + 10 * exp(2) + 3);
    assert_null(g[2]);
    assert_int_equal(tp_backward_of(out, 4, seeds, .retain_graph = true), TP_OK);
    assert_value(value_of(tp_grad(x)), 21);
    tp_gradients_of(out, 4, NULL, ((tp_tensor *[]){ alone }), 1, g, .retain_graph = true,
                    .materialize_grads = true);
    assert_value(value_of(g[0]), 0);
    assert_error(TP_OK, NULL);
    tp_gradients_of(out, 4, NULL, ((tp_tensor *[]){ alone }), 1, g, .retain_graph = true, .no_unused = true);
    assert_error(TP_ERR_GRAD, "not used");
    tp_tensor *twice_the_same[] = { shared, shared };
    assert_int_equal(tp_gradients_of(twice_the_same, 2, NULL, &x, 1, g), TP_OK);
    assert_value(value_of(g[0]), 4);
    tp_backward_of(((tp_tensor *[]){ tp_mul(x, 2), tp_ones(TP_SHAPE()) }), 2, NULL);
    assert_error(TP_ERR_GRAD, NULL);
}

/* ---- on modules ------------------------------------------------------------------------------------------------------------ */

typedef struct told {
    char order[16];
    double grad_in, grad_out, out;
} told;

static void note(told *t, char c)
{
    size_t n = strlen(t->order);
    t->order[n] = c;
    t->order[n + 1] = 0;
}

static tp_status before(tp_module *m, tp_tensor **in, int n_in, void *context)
{
    (void)m, (void)n_in;
    note(context, 'p');
    in[0] = tp_add(in[0], 1);
    return tp_error_pending();
}

static tp_status after(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                       void *context)
{
    (void)m, (void)in, (void)n_in, (void)n_out;
    told *t = context;
    note(t, 'f');
    out[0] = tp_mul(out[0], 10);
    t->out = value_of(out[0]);
    return tp_error_pending();
}

static tp_status backward(tp_module *m, tp_tensor **grad_in, int n_in, tp_tensor *const *grad_out, int n_out,
                          void *context)
{
    (void)m, (void)n_in, (void)n_out;
    told *t = context;
    note(t, 'b');
    t->grad_in = value_of(grad_in[0]);
    t->grad_out = value_of(grad_out[0]);
    if (grad_in[0])
        grad_in[0] = tp_mul(grad_in[0], 100);
    return tp_error_pending();
}

static tp_tensor *squared(tp_module *m, tp_tensor *x)
{
    (void)m;
    return tp_mul(x, x);
}

static void module_hooks_run_around_forward_and_backward(void **state)
{
    (void)state;
    int64_t blocks = tp_memory_stats().live_blocks;
    {
        TP_SCOPE;
        told t = { 0 };
        tp_module *m = tp_module_new("squared", 0, squared);
        int64_t first = tp_register_forward_pre_hook(m, before, &t);
        tp_register_forward_hook(m, after, &t);
        int64_t last = tp_register_full_backward_hook(m, backward, &t);
        tp_tensor *x = leaf(2), *y = tp_forward(m, x); /* 10 (x + 1)^2 */
        assert_value(value_of(y), 90);
        assert_int_equal(tp_backward(tp_mul(y, 2)), TP_OK);
        assert_string_equal(t.order, "pfb");
        assert_value(t.grad_out, 2);
        assert_value(t.grad_in, 2 * 10 * 2 * 3);
        assert_value(value_of(tp_grad(x)), 12000);
        tp_add_(y, 1);
        assert_error(TP_ERR_GRAD, "backward hooks");
        t = (told){ 0 };
        tp_tensor *constant = tp_forward(m, tp_full(TP_SHAPE(), 2, .dtype = TP_F64));
        assert_false(tp_requires_grad(constant));
        {
            TP_NO_GRAD;
            tp_forward(m, x);
        }
        assert_string_equal(t.order, "pfpf");
        assert_true(tp_remove_module_hook(m, first) && tp_remove_module_hook(m, last));
        assert_false(tp_remove_module_hook(m, first));
        assert_value(value_of(tp_forward(m, x)), 40);
        assert_int_equal(tp_register_forward_hook(m, NULL, NULL), 0);
        assert_error(TP_ERR_ARGUMENT, "NULL");
    }
    assert_int_equal(tp_memory_stats().live_blocks, blocks);
}

static void a_module_whose_input_needs_no_gradient_shows_those_of_its_outputs(void **state)
{
    (void)state;
    TP_SCOPE;
    told t = { 0 };
    tp_module *m = tp_nn_linear(1, 1);
    tp_register_full_backward_hook(m, backward, &t);
    tp_backward(tp_mul(tp_forward(m, tp_ones(TP_SHAPE(1, 1))), 3));
    assert_string_equal(t.order, "b");
    assert_value(t.grad_out, 3);
    assert_true(isnan(t.grad_in));
    assert_error(TP_OK, NULL);
}

/* A typed forward: two inputs, two outputs. */
static tp_status sum_and_product(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                                 void *context)
{
    (void)m, (void)n_in, (void)n_out, (void)context;
    out[0] = tp_add(in[0], in[1]);
    out[1] = tp_mul(in[0], in[1]);
    return tp_error_pending();
}

static tp_status see_both(tp_module *m, tp_tensor **grad_in, int n_in, tp_tensor *const *grad_out, int n_out,
                          void *context)
{
    (void)m;
    double *seen_values = context;
    assert_true(n_in == 2 && n_out == 2);
    for (int i = 0; i < 2; i++) {
        seen_values[i] = value_of(grad_in[i]);
        seen_values[2 + i] = value_of(grad_out[i]);
    }
    return TP_OK;
}

static void observe(void *context, tp_module *m, const tp_tensor *in, const tp_tensor *out, double seconds)
{
    (void)m, (void)in, (void)out;
    *(int *)context += seconds >= 0;
}

static void hooks_wrap_typed_forwards_too(void **state)
{
    (void)state;
    TP_SCOPE;
    double v[4];
    int calls = 0;
    tp_module *m = tp_module_new("pair", 0, squared);
    tp_register_full_backward_hook(m, see_both, v);
    tp_set_observer(observe, &calls);
    tp_tensor *in[] = { leaf(2), leaf(5) }, *out[2];
    assert_int_equal(tp_module_call(m, in, 2, out, 2, sum_and_product, NULL), TP_OK);
    tp_set_observer(NULL, NULL);
    assert_int_equal(calls, 1);
    assert_int_equal(tp_backward(tp_add(tp_mul(out[0], 3), tp_mul(out[1], 4))), TP_OK);
    assert_value(v[0], 3 + 4 * 5);
    assert_value(v[1], 3 + 4 * 2);
    assert_value(v[2], 3);
    assert_value(v[3], 4);
    assert_value(value_of(tp_grad(in[0])), 23);
    assert_error(TP_OK, NULL);
}

/* ---- anomalies ----------------------------------------------------------------------------------------------------------------- */

static void a_gradient_that_becomes_nan_is_named(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_zeros(TP_SHAPE(3), .requires_grad = true);
    tp_tensor *y = tp_sum(tp_mul(tp_sqrt(tp_mul(x, 1)), 0.0), TP_ALL_DIMS, false); /* 0 times infinity */
    assert_int_equal(tp_backward(y, .retain_graph = true), TP_OK);
    {
        TP_DETECT_ANOMALY;
        tp_backward(y, .retain_graph = true);
        assert_error(TP_ERR_GRAD, "gradient of sqrt by its input 0");
    }
    tp_backward(y);
    assert_error(TP_OK, NULL);
}

/* ---- grad itself ----------------------------------------------------------------------------------------------------------------- */

static void set_grad_and_detach_check_what_they_get(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_ones(TP_SHAPE(2), .requires_grad = true);
    tp_set_grad(x, tp_ones(TP_SHAPE(3)));
    assert_error(TP_ERR_SHAPE, "(3,)");
    tp_set_grad(x, x);
    assert_error(TP_ERR_SHAPE, "itself");
    tp_tensor *y = tp_mul(x, 2);
    assert_ptr_equal(tp_detach_(y), y);
    assert_true(tp_is_leaf(y) && !tp_requires_grad(y));
    tp_detach_(tp_view(tp_mul(x, 2), TP_SHAPE(2, 1)));
    assert_error(TP_ERR_GRAD, "view");
    tp_tensor *half = tp_ones(TP_SHAPE(2), .dtype = TP_F16, .requires_grad = true);
    for (int i = 0; i < 3; i++)
        tp_backward(tp_sum(tp_mul(half, 1000.5), TP_ALL_DIMS, false));
    assert_int_equal(tp_dtype_of(tp_grad(half)), TP_F16);
    tp_tensor *wide = tp_requires_grad_(tp_transpose(tp_ones(TP_SHAPE(3, 4)), 0, 1), true);
    tp_backward(tp_sum(tp_mul(wide, 3), TP_ALL_DIMS, false));
    assert_true(tp_size(tp_grad(wide), 0) == 4 && tp_size(tp_grad(wide), 1) == 3);
    assert_error(TP_OK, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hooks_see_the_whole_gradient_in_order, after_each),
        cmocka_unit_test_teardown(a_hook_s_context_is_released_once_when_it_goes, after_each),
        cmocka_unit_test_teardown(a_hook_on_a_leaf_may_change_what_arrives, after_each),
        cmocka_unit_test_teardown(after_a_change_in_place_a_hook_belongs_to_the_value_before, after_each),
        cmocka_unit_test_teardown(hooks_are_recorded_with_create_graph, after_each),
        cmocka_unit_test_teardown(several_results_at_once, after_each),
        cmocka_unit_test_teardown(module_hooks_run_around_forward_and_backward, after_each),
        cmocka_unit_test_teardown(a_module_whose_input_needs_no_gradient_shows_those_of_its_outputs,
                                  after_each),
        cmocka_unit_test_teardown(hooks_wrap_typed_forwards_too, after_each),
        cmocka_unit_test_teardown(a_gradient_that_becomes_nan_is_named, after_each),
        cmocka_unit_test_teardown(set_grad_and_detach_check_what_they_get, after_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
