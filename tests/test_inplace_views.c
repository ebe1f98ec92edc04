/* test_inplace_views.c - operations in place on views while gradients are recorded: the base and its other views see them.
 *
 * Most cases are functions whose gradients are compared with differences to the second order; the constants are PyTorch's.
 * Layer: tests.  Depends on cmocka.  Read next: autograd/inplace.c. */
#include "support/golden.h"

#include <math.h>
#include <string.h>

static int after_each(void **state)
{
    (void)state;
    return tp_error_take(NULL, 0) || !tp_grad_mode() ? -1 : 0;
}

static void assert_error(tp_status want)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want)
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
}

static tp_tensor *leaf(int64_t rows, int64_t cols, double first, double step)
{
    double values[64];
    for (int64_t i = 0; i < rows * cols; i++)
        values[i] = first + step * (double)i;
    return tp_requires_grad_(tp_tensor_copied(values, TP_F64,
                                              cols == 1 ? TP_SHAPE(rows) : TP_SHAPE(rows, cols)),
                             true);
}

static void assert_values(const tp_tensor *x, const double *want, int64_t n)
{
    double got[64];
    assert_non_null(x);
    assert_int_equal(tp_to_f64(x, got, n), TP_OK);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-9 * (1 + fabs(want[i]))))
            fail_msg("element %d: %.17g instead of %.17g", (int)i, got[i], want[i]);
}
#define assert_grad(x, ...) \
    assert_values(tp_grad(x), (double[]){ __VA_ARGS__ }, sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))

static tp_tensor *weighted(tp_tensor *y) /* sum of y^2 times 1, 2, 3 ... */
{
    tp_tensor *flat = tp_reshape(y, TP_SHAPE(-1)),
              *w = tp_arange(1, (double)tp_numel(y) + 1, 1, .dtype = TP_F64);
    return tp_sum(tp_mul(tp_mul(flat, flat), w), TP_ALL_DIMS, false);
}

static tp_tensor *in_place(const char *op, tp_tensor *x)
{
    return tp_apply_(tp_op_find(op), &x, 1, NULL);
}

/* ---- against PyTorch ------------------------------------------------------------------------------------------------- */

static void a_row_that_is_added_to(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3, 2, 1, 1), *b = tp_mul(x, 2), *row = tp_select(b, 0, 0);
    tp_mul_(row, tp_select(x, 0, 1));
    assert_string_equal(tp_grad_fn(b), "copy_slices");
    assert_int_equal(tp_backward(weighted(b)), TP_OK);
    assert_grad(x, 72, 512, 96, 384, 200, 288);
    assert_error(TP_OK);
}

static void a_column_that_is_copied_into(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3, 2, 1, 1), *y = leaf(3, 1, 0.5, 0.5), *b = tp_mul(x, 2);
    tp_tensor *before = tp_select(b, 0, 2); /* an older view sees it */
    tp_copy_(tp_select(b, 1, 1), y);
    assert_int_equal(tp_backward(tp_add(weighted(b), weighted(before))), TP_OK);
    assert_grad(x, 8, 0, 72, 0, 240, 0);
    assert_grad(y, 2, 8, 24);
    assert_error(TP_OK);
}

static void zeros_that_are_filled_step_by_step(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *y = leaf(2, 1, 2, 1), *buffer = tp_zeros(TP_SHAPE(3, 2), .dtype = TP_F64);
    assert_false(tp_requires_grad(buffer));
    tp_copy_(tp_select(buffer, 0, 0), y);
    assert_true(tp_requires_grad(buffer));
    for (int i = 1; i < 3; i++)
        tp_copy_(tp_select(buffer, 0, i), tp_mul(tp_clone(tp_select(buffer, 0, i - 1)), y));
    assert_int_equal(tp_backward(weighted(buffer)), TP_OK);
    assert_grad(y, 1060, 9192);
    assert_error(TP_OK);
}

/* ---- against differences ------------------------------------------------------------------------------------------------ */

static tp_tensor *transposed_view(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_mul(in[0], 2);
    tp_mul_(tp_transpose(b, 0, 1), in[1]);
    return tp_mul(b, b);
}

static tp_tensor *view_of_a_view(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_mul(in[0], in[0]), *lower = tp_slice(b, 0, 1, 3, 1), *other = tp_select(b, 0, 1);
    tp_mul_(tp_select(lower, 0, 0), tp_select(in[1], 1, 0));
    tp_add_(tp_slice(lower, 1, 0, 1, 1), 3);
    return tp_add(tp_mul(other, tp_sum(b, TP_SHAPE(0), false)), tp_select(lower, 0, 1));
}

static tp_tensor *base_then_views(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_mul(in[0], 2), *row = tp_select(b, 0, 0),
              *wide = tp_expand(tp_slice(b, 1, 0, 1, 1), TP_SHAPE(3, 4));
    tp_mul_(b, in[0]); /* both views are outdated now */
    tp_tensor *sum = tp_sum(tp_mul(wide, 1.5), TP_SHAPE(1), false);
    tp_add_(row, tp_select(in[1], 1, 0)); /* and again */
    return tp_add(tp_sum(tp_mul(sum, 0.25), TP_ALL_DIMS, false), tp_mul(row, tp_select(b, 0, 2)));
}

static tp_tensor *saved_output(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *a = tp_mul(in[0], 0.5), *b = tp_mul(in[0], 2);
    in_place("exp", tp_select(a, 1, 1));
    in_place("sigmoid", tp_slice(b, 0, 0, 3, 2));
    return tp_mul(tp_add(a, b), in[0]);
}

static tp_tensor *loop_over_rows(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_zeros(TP_SHAPE(3, 2), .dtype = TP_F64), *h = tp_select(in[0], 0, 0);
    for (int i = 0; i < 3; i++) {
        h = tp_tanh(tp_add(tp_select(in[0], 0, i), tp_mul(h, tp_select(in[1], 1, 0))));
        tp_copy_(tp_select(b, 0, i), h);
    }
    return tp_mul(b, tp_flip(b, TP_SHAPE(0)));
}

static tp_tensor *base_with_gaps(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_detach(tp_slice(tp_zeros(TP_SHAPE(3, 5), .dtype = TP_F64), 1, 0, 4, 3));
    tp_copy_(b, in[0]);
    tp_mul_(tp_select(b, 0, 1), tp_select(in[1], 1, 0));
    return tp_mul(b, b);
}

static tp_tensor *overlapping_inputs(tp_tensor *const *in, int n, void *context)
{
    (void)n, (void)context;
    tp_tensor *b = tp_mul(in[0], in[0]);
    tp_mul_(tp_select(b, 0, 0), tp_select(b, 0, 1)); /* another region of the same memory */
    tp_add_(tp_slice(b, 0, 0, 2, 1), tp_slice(b, 0, 1, 3, 1));
    return tp_add(b, tp_mul(b, 2));
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    static tp_function *const cases[] = { transposed_view, view_of_a_view, base_then_views,   saved_output,
                                          loop_over_rows,  base_with_gaps, overlapping_inputs };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        tp_tensor *in[] = { leaf(3, 2, 0.3, 0.2), leaf(2, 3, -0.5, 0.3) };
        char text[512];
        if (tp_gradcheck(cases[i], NULL, in, 2, .second = true)) {
            tp_error_take(text, sizeof text);
            fail_msg("case %d: %s", (int)i, text);
        }
    }
}

static void the_values_are_those_without_gradients(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *in[] = { leaf(3, 2, 0.3, 0.2), leaf(2, 3, -0.5, 0.3) }, *a = base_then_views(in, 2, NULL), *b;
    {
        TP_NO_GRAD;
        b = base_then_views(in, 2, NULL);
    }
    double want[64];
    assert_int_equal(tp_to_f64(b, want, tp_numel(b)), TP_OK);
    assert_values(a, want, tp_numel(b));
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

static void what_would_be_wrong_is_refused(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3, 2, 1, 1), *b = tp_mul(x, 2), *quiet, *y = leaf(2, 1, 1, 1);
    tp_mul_(tp_select(x, 0, 0), 2);
    assert_error(TP_ERR_GRAD); /* a view of a leaf */
    {
        TP_NO_GRAD;
        quiet = tp_select(b, 0, 0);
        tp_add_(quiet, 1); /* inside it is plain memory */
    }
    assert_error(TP_OK);
    assert_false(tp_requires_grad(quiet));
    tp_mul_(quiet, y);
    assert_error(TP_ERR_GRAD);
    tp_add_(tp_expand(tp_slice(b, 1, 0, 1, 1), TP_SHAPE(3, 4)), 1);
    assert_error(TP_ERR_ARGUMENT);
    tp_tensor *square = tp_mul(b, b); /* saved b */
    tp_mul_(tp_select(b, 0, 1), 2);
    tp_backward(tp_sum(square, TP_ALL_DIMS, false));
    assert_error(TP_ERR_GRAD);
}

static void views_of_parameters_survive_the_optimizer(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(3, 2, 1, 1), *row = tp_select(x, 0, 1);
    {
        TP_NO_GRAD;
        tp_add_(x, 1);
    }
    assert_int_equal(tp_backward(weighted(row)), TP_OK);
    assert_grad(x, 0, 0, 8, 20, 0, 0);
    assert_string_equal(tp_grad_fn(tp_select(x, 0, 0)), "view");
    tp_tensor *part = tp_select(tp_zeros(TP_SHAPE(2, 2)), 0, 0);
    tp_fill_(part, 1);
    assert_true(tp_is_leaf(part) && !tp_requires_grad(part));
    assert_error(TP_OK);
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    int64_t before = tp_memory_stats().live_blocks;
    for (int with_backward = 0; with_backward < 2; with_backward++) {
        TP_SCOPE;
        tp_tensor *in[] = { leaf(3, 2, 0.3, 0.2), leaf(2, 3, -0.5, 0.3) };
        tp_function *const cases[] = { transposed_view, view_of_a_view, base_then_views,
                                       saved_output,    loop_over_rows, overlapping_inputs };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            tp_tensor *y = cases[i](in, 2, NULL);
            if (with_backward)
                tp_backward(weighted(y));
        }
        tp_tensor *b = tp_zeros(TP_SHAPE(2, 2), .dtype = TP_F64), *top = tp_select(b, 0, 0);
        tp_copy_(tp_select(b, 0, 1), tp_mul(tp_mul(top, top), tp_select(in[0], 0, 0)));
    }
    assert_int_equal(tp_memory_stats().live_blocks, before);
    assert_error(TP_OK);
}

static void hooks_and_retained_gradients_follow(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = leaf(2, 1, 1, 1), *y = tp_mul(x, 2);
    tp_retain_grad(y);
    tp_mul_(tp_slice(y, 0, 0, 1, 1), 5);
    assert_int_equal(tp_backward(weighted(y)), TP_OK);
    assert_grad(y, 20, 16); /* of y as it is now */
    assert_grad(x, 200, 32);
    assert_error(TP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_row_that_is_added_to, after_each),
        cmocka_unit_test_teardown(a_column_that_is_copied_into, after_each),
        cmocka_unit_test_teardown(zeros_that_are_filled_step_by_step, after_each),
        cmocka_unit_test_teardown(gradients_agree_with_differences, after_each),
        cmocka_unit_test_teardown(the_values_are_those_without_gradients, after_each),
        cmocka_unit_test_teardown(what_would_be_wrong_is_refused, after_each),
        cmocka_unit_test_teardown(views_of_parameters_survive_the_optimizer, after_each),
        cmocka_unit_test_teardown(nothing_is_left_behind, after_each),
        cmocka_unit_test_teardown(hooks_and_retained_gradients_follow, after_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
