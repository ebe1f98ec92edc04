/* test_op_errors.c - operations that cannot be done: the status, and a text that says what was got and what was wanted;
 * the first error stays, everything after it does nothing.
 *
 * Layer: tests.  Read next: test_ops.c for what works. */
#include "support/golden.h"
#include "support/examples.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static tp_tensor *f32(tp_shape shape)
{
    return tp_ones(shape);
}

static tp_tensor *i64(tp_shape shape)
{
    return tp_zeros(shape, .dtype = TP_I64);
}

#define S(...) TP_SHAPE(__VA_ARGS__)

static int wrong; /* since the test began; told one by one, so that one run shows them all */

static int all_were_as_wanted(void **state)
{
    (void)state;
    int before = wrong;
    wrong = 0;
    return before ? -1 : 0;
}

/* The call fails with this status and these pieces in its text. */
static void fails_with(tp_tensor *result, tp_status status, const char *const *pieces, const char *file,
                       int line)
{
    char text[1024];
    tp_status got = tp_error_pending();
    tp_error_take(text, sizeof text);
    if (result || got != status) {
        print_error("%s:%d: got %s '%s', wanted %s\n", file, line, tp_status_name(got), text,
                    tp_status_name(status));
        wrong++;
        return;
    }
    for (; *pieces; pieces++)
        if (!strstr(text, *pieces)) {
            print_error("%s:%d: '%s' does not say '%s'\n", file, line, text, *pieces);
            wrong++;
        }
}
#define fails(result, status, ...) \
    fails_with(result, status, (const char *const[]){ __VA_ARGS__, NULL }, __FILE__, __LINE__)

/* ---- shapes that do not go together ------------------------------------------------------------------------------------ */

static void shapes_that_do_not_broadcast_are_named(void **state)
{
    (void)state;
    TP_SCOPE;
    fails(tp_add(f32(S(2, 3)), f32(S(4))), TP_ERR_SHAPE, "add: ", "(2, 3)", "(4,)");
    fails(tp_mul(f32(S(2, 3)), f32(S(3, 2))), TP_ERR_SHAPE, "mul: ", "(2, 3)", "(3, 2)");
    fails(tp_maximum(f32(S(2, 1, 3)), f32(S(5, 2))), TP_ERR_SHAPE, "maximum: ", "(2, 1, 3)", "(5, 2)");
    fails(tp_lt(f32(S(0)), f32(S(2))), TP_ERR_SHAPE, "lt: ", "(0,)", "(2,)");
    fails(tp_where(tp_gt(f32(S(2)), 0), f32(S(3)), f32(S())), TP_ERR_SHAPE, "where: ", "(2,)", "(3,)");
    fails(tp_masked_fill(f32(S(2, 3)), tp_gt(f32(S(4)), 0), 0), TP_ERR_SHAPE, "(2, 3)", "(4,)");
}

static void a_result_in_place_that_does_not_fit_is_named(void **state)
{
    (void)state;
    TP_SCOPE;
    fails(tp_add_(f32(S(3)), f32(S(2, 3))), TP_ERR_SHAPE, "(2, 3)", "(3,)");
    fails(tp_copy_(f32(S(3)), f32(S(2, 3))), TP_ERR_SHAPE, "(2, 3)", "(3,)");
    fails(tp_add_(i64(S(3)), f32(S(3))), TP_ERR_DTYPE, "add_", "i64", "f32");
    fails(tp_add_(tp_expand(f32(S(1)), S(3)), f32(S(3))), TP_ERR_ARGUMENT, "expanded");
}

static void products_name_both_shapes(void **state)
{
    (void)state;
    TP_SCOPE;
    fails(tp_matmul(f32(S(2, 3)), f32(S(4, 5))), TP_ERR_SHAPE, "matmul: ", "(2, 3)", "(4, 5)");
    fails(tp_matmul(f32(S(2, 2, 3)), f32(S(3, 3, 5))), TP_ERR_SHAPE, "matmul: ", "(2, 2, 3)", "(3, 3, 5)");
    fails(tp_matmul(f32(S(3)), f32(S(4))), TP_ERR_SHAPE, "matmul: ");
    fails(tp_matmul(f32(S()), f32(S(4))), TP_ERR_SHAPE, "matmul: ", "()", "(4,)");
    fails(tp_linear(f32(S(2, 3)), f32(S(5, 4)), NULL), TP_ERR_SHAPE, "linear: ", "(2, 3)", "(5, 4)");
    fails(tp_linear(f32(S(2, 4)), f32(S(5, 4)), f32(S(4))), TP_ERR_SHAPE, "linear: bias (4,)", "(5, 4)");
    fails(tp_linear(f32(S(2, 4)), f32(S(4)), NULL), TP_ERR_SHAPE, "linear: ", "(2, 4)", "(4,)");
}

static void images_name_both_shapes(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(8, 3, 32, 32)), *w = f32(S(6, 1, 5, 5));
    fails(tp_conv2d(x, w), TP_ERR_SHAPE,
          "conv2d: input (8, 3, 32, 32) has 3 channels, weight (6, 1, 5, 5) wants 1");
    fails(tp_conv2d(f32(S(32, 33)), w), TP_ERR_SHAPE, "conv2d: ", "(32, 33)", "(6, 1, 5, 5)");
    fails(tp_conv2d(f32(S(1, 1, 4, 9)), w), TP_ERR_SHAPE, "conv2d: ", "5x5", "(1, 1, 4, 9)");
    fails(tp_conv2d(x, f32(S(4, 3, 3, 3)), .bias = f32(S(3))), TP_ERR_SHAPE, "conv2d: bias (3,)",
          "(4, 3, 3, 3)");
    fails(tp_conv2d(f32(S(1, 4, 5, 5)), f32(S(3, 2, 3, 3)), .groups = 2), TP_ERR_SHAPE,
          "conv2d: 3 outputs in 2 groups");
    fails(tp_conv2d(x, f32(S(4, 3, 3, 3)), .stride = -1), TP_ERR_ARGUMENT, "conv2d: stride -1");
    fails(tp_conv2d(x, f32(S(4, 3, 3, 3)), .padding = -1), TP_ERR_ARGUMENT, "conv2d: ", "padding -1");
    fails(tp_max_pool2d(f32(S(3, 4)), 2), TP_ERR_SHAPE, "max_pool2d: ", "(3, 4)");
    fails(tp_max_pool2d(f32(S(1, 1, 3, 3)), 5), TP_ERR_SHAPE, "max_pool2d: ", "(1, 1, 3, 3)");
    fails(tp_avg_pool2d(f32(S(1, 1, 4, 4)), 2, .padding = 2), TP_ERR_ARGUMENT, "avg_pool2d: ", "padding 2");
    fails(tp_max_pool2d(f32(S(1, 1, 4, 4)), 0), TP_ERR_ARGUMENT, "max_pool2d: ");
    fails(tp_adaptive_avg_pool2d(f32(S(1, 4)), 2, 2), TP_ERR_SHAPE, "adaptive_avg_pool2d: ", "(1, 4)");
    fails(tp_adaptive_avg_pool2d(f32(S(1, 1, 4, 4)), 0, -2), TP_ERR_ARGUMENT, "adaptive_avg_pool2d: ");
}

static void joining_names_both_shapes(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *a = f32(S(2, 3)), *b = f32(S(2, 4)), *c = f32(S(3));
    fails(tp_cat((tp_tensor *[]){ a, b }, 2, 0), TP_ERR_SHAPE, "cat: ", "(2, 3)", "(2, 4)");
    fails(tp_cat((tp_tensor *[]){ a, c }, 2, 0), TP_ERR_SHAPE, "cat: ", "(2, 3)", "(3,)");
    fails(tp_cat((tp_tensor *[]){ a, b }, 0, 0), TP_ERR_ARGUMENT, "cat");
    fails(tp_stack((tp_tensor *[]){ a, b }, 2, 0), TP_ERR_SHAPE, "(2, 3)", "(2, 4)");
    fails(tp_pad(a, S(1), S(1), 0), TP_ERR_ARGUMENT, "pad: ", "(2, 3)");
    fails(tp_pad(a, S(-2, 0), S(-1, 0), 0), TP_ERR_SHAPE, "pad: ", "(2, 3)");
    fails(tp_repeat(a, S(2)), TP_ERR_ARGUMENT, "repeat: ", "(2, 3)");
    fails(tp_repeat(a, S(2, -1)), TP_ERR_ARGUMENT, "repeat: ", "-1");
    fails(tp_flip(a, S(2)), TP_ERR_INDEX, "flip: dim 2");
}

static void losses_name_both_shapes(void **state)
{
    (void)state;
    TP_SCOPE;
    fails(tp_mse_loss(f32(S(2, 3)), f32(S(2, 4))), TP_ERR_SHAPE, "mse_loss: ", "(2, 3)", "(2, 4)");
    fails(tp_cross_entropy(f32(S(4, 10)), i64(S(5))), TP_ERR_SHAPE, "cross_entropy: ", "(4, 10)", "(5,)");
    fails(tp_cross_entropy(f32(S(4, 10)), f32(S(4, 9))), TP_ERR_SHAPE, "cross_entropy: ", "(4, 10)",
          "(4, 9)");
    fails(tp_cross_entropy(f32(S(4, 10)), i64(S(4)), .weight = f32(S(9))), TP_ERR_SHAPE,
          "cross_entropy: weight (9,)", "(10,)");
    fails(tp_cross_entropy(f32(S(4, 10)), i64(S(4)), .label_smoothing = 1.5), TP_ERR_ARGUMENT,
          "label_smoothing", "1.5");
    fails(tp_binary_cross_entropy_with_logits(f32(S(2, 3)), f32(S(3))), TP_ERR_SHAPE, "(2, 3)", "(3,)");
}

/* ---- views ----------------------------------------------------------------------------------------------------------------- */

static void a_view_that_needs_a_copy_says_why(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(2, 3));
    fails(tp_view(tp_transpose(x, 0, 1), S(6)), TP_ERR_SHAPE, "view: (3, 2) to (6,) needs a copy",
          "tp_reshape");
    fails(tp_view(x, S(4, 2)), TP_ERR_SHAPE, "view: (2, 3) has 6 elements", "(4, 2)");
    fails(tp_reshape(x, S(-1, 4)), TP_ERR_SHAPE, "(2, 3)", "(-1, 4)");
    fails(tp_reshape(x, S(-1, -1)), TP_ERR_SHAPE, "(-1, -1)", "two");
    fails(tp_reshape(f32(S(0, 3)), S(-1, 0)), TP_ERR_SHAPE, "(-1, 0)");
    fails(tp_view(x, S(-2, 3)), TP_ERR_SHAPE, "(-2, 3)");
    fails(tp_expand(x, S(4, 3)), TP_ERR_SHAPE, "expand: (2, 3) to (4, 3)");
    fails(tp_expand(x, S(3)), TP_ERR_SHAPE, "expand: ", "(2, 3)", "(3,)");
    fails(tp_permute(x, S(0)), TP_ERR_ARGUMENT, "permute: ", "(2, 3)");
    fails(tp_permute(x, S(1, 1)), TP_ERR_ARGUMENT, "permute: dim 1 stands twice");
    fails(tp_flatten(x, 1, 0), TP_ERR_ARGUMENT, "flatten: ");
}

static void dims_and_indices_out_of_range_say_the_range(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(2, 3)), *parts[4];
    int n;
    fails(tp_sum(x, S(2), false), TP_ERR_INDEX, "sum: dim 2 is out of range, [-2, 1]");
    fails(tp_sum(x, S(0, -2), false), TP_ERR_ARGUMENT, "sum: dim 0 stands twice");
    fails(tp_mean(x, S(-3), false), TP_ERR_INDEX, "mean: dim -3");
    fails(tp_softmax(x, 2), TP_ERR_INDEX, "softmax: dim 2");
    fails(tp_transpose(x, 0, 2), TP_ERR_INDEX, "transpose: dim 2");
    fails(tp_squeeze(x, 2), TP_ERR_INDEX, "squeeze: dim 2");
    fails(tp_unsqueeze(x, 3), TP_ERR_INDEX, "unsqueeze: dim 3");
    fails(tp_select(x, 0, 2), TP_ERR_INDEX, "select: index 2", "(2, 3)");
    fails(tp_select(x, 0, -3), TP_ERR_INDEX, "select: index -3", "(2, 3)");
    fails(tp_narrow(x, 1, 2, 2), TP_ERR_INDEX, "narrow: ", "(2, 3)");
    fails(tp_narrow(x, 1, -1, 1), TP_ERR_INDEX, "narrow: ", "(2, 3)");
    fails(tp_slice(x, 0, 0, 2, 0), TP_ERR_ARGUMENT, "slice: step 0");
    fails(tp_slice(f32(S()), 0, 0, 1, 1), TP_ERR_INDEX, "slice: ");
    fails(tp_argmax(x, 5, false), TP_ERR_INDEX, "argmax: dim 5");
    fails(tp_max(f32(S(0, 3)), 0, false, NULL), TP_ERR_SHAPE, "argmax: dim 0 of (0, 3) is empty");
    fails(tp_amax(f32(S(0, 3)), S(0), false), TP_ERR_SHAPE, "amax: dim 0 of (0, 3) is empty");
    fails(tp_split(x, 2, 1, parts, 3) ? NULL : x, TP_ERR_ARGUMENT, "split: 3 elements", "2 parts, not 3");
    fails(tp_chunk(x, 0, 1, parts, &n) ? NULL : x, TP_ERR_ARGUMENT, "chunk: 0 chunks");
}

static void indices_in_tensors_are_checked_before_anything_is_read(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(2, 3)), *labels = tp_tensor_copied((int64_t[]){ 0, 3 }, TP_I64, S(2));
    tp_tensor *negative = tp_tensor_copied((int64_t[]){ 0, -1 }, TP_I64, S(2));
    fails(tp_cross_entropy(x, labels), TP_ERR_INDEX, "cross_entropy: ", "3", "[0, 3)");
    fails(tp_cross_entropy(x, negative), TP_ERR_INDEX, "cross_entropy: ", "-1", "[0, 3)");
    fails(tp_index_select(x, 1, labels), TP_ERR_INDEX, "3", "[0, 3)");
    fails(tp_index_select(x, 0, negative), TP_ERR_INDEX, "-1", "[0, 2)");
    fails(tp_one_hot(labels, 3), TP_ERR_INDEX, "one_hot: ", "3", "[0, 3)");
    fails(tp_gather(x, 1, tp_unsqueeze(labels, 1)), TP_ERR_INDEX, "gather: ", "3", "[0, 3)");
    fails(tp_gather(x, 0, i64(S(2, 4))), TP_ERR_SHAPE, "gather: ", "(2, 4)", "(2, 3)");
    fails(tp_gather(x, 0, i64(S(2))), TP_ERR_SHAPE, "gather: ", "(2,)", "(2, 3)");
    fails(tp_gather(x, 0, f32(S(2, 3))), TP_ERR_DTYPE, "gather: ", "f32");
    fails(tp_scatter_add(x, 0, i64(S(2, 3)), f32(S(1, 3))), TP_ERR_SHAPE, "scatter_add: ", "(1, 3)",
          "(2, 3)");
    fails(tp_index_select(x, 0, i64(S(2, 2))), TP_ERR_SHAPE, "index_select: ", "(2, 2)");
}

static void types_that_an_operation_does_not_take_are_named(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *i = i64(S(2, 3)), *x = f32(S(3, 4)), *d = tp_ones(S(3, 4), .dtype = TP_F64);
    fails(tp_mean(i, TP_ALL_DIMS, false), TP_ERR_DTYPE, "mean: ", "i64");
    fails(tp_matmul(i, x), TP_ERR_DTYPE, "matmul: ", "i64", "f32");
    fails(tp_matmul(f32(S(2, 3)), d), TP_ERR_DTYPE, "matmul: ", "f32", "f64");
    fails(tp_where(i, i, i), TP_ERR_DTYPE, "where: ", "i64", "bool");
    fails(tp_softmax(i, 0), TP_ERR_DTYPE, "softmax: ", "i64");
    fails(tp_requires_grad_(i, true), TP_ERR_DTYPE, "i64");
    fails(tp_arange(0, 1, 0), TP_ERR_ARGUMENT, "arange: ");
    fails(tp_arange(0, 1, -1), TP_ERR_ARGUMENT, "arange: ");
    fails(tp_arange(0, NAN, 1), TP_ERR_ARGUMENT, "arange: ");
    fails(tp_linspace(0, 1, -1), TP_ERR_SHAPE, "-1");
    fails(tp_zeros(S(2, -1)), TP_ERR_SHAPE, "(2, -1)");
    fails(tp_zeros(S(1 << 30, 1 << 30, 1 << 30)), TP_ERR_MEMORY, "1073741824");
    fails(tp_dropout(x, 1.5, true), TP_ERR_ARGUMENT, "dropout: ", "1.5");
    fails(tp_dropout(x, NAN, true), TP_ERR_ARGUMENT, "dropout: ");
    fails(tp_randint(3, 3, S(2)), TP_ERR_ARGUMENT, "randint: ", "[3, 3)");
    fails(tp_norm(x, NAN, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "norm: ");
}

/* ---- NULL, and the first error ------------------------------------------------------------------------------------------------- */

static bool may_be_null(const tp_op *op, int i)
{
    const char *at = op->inputs;
    for (; i > 0 && at; i--)
        at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
    size_t length = at ? strcspn(at, " ") : 0;
    return length && at[length - 1] == '?';
}

static void a_missing_input_is_an_error_that_names_the_operation(void **state)
{
    (void)state;
    for (int k = 0; k < tp_op_count(); k++) {
        TP_SCOPE;
        const tp_op *op = tp_op_at(k);
        example_run r;
        for (int i = 0; i < op->n_in; i++) {
            example_build(&r, op, op->examples, TP_F32, 1, NULL);
            r.in[i] = NULL;
            tp_status status = example_apply(&r);
            if (may_be_null(op, i)) {
                expect_no_error();
                assert_int_equal(status, TP_OK);
                continue;
            }
            assert_int_equal(status, TP_ERR_ARGUMENT);
            assert_null(r.out[0]);
            fails(r.out[0], TP_ERR_ARGUMENT, op->name, "NULL");
        }
    }
}

static void while_an_error_is_pending_no_operation_does_anything(void **state)
{
    (void)state;
    for (int k = 0; k < tp_op_count(); k++) {
        TP_SCOPE;
        example_run r;
        example_build(&r, tp_op_at(k), tp_op_at(k)->examples, TP_F32, 1, NULL);
        tp_error_set(TP_ERR_STATE, "the first one");
        assert_int_equal(example_apply(&r), TP_ERR_STATE);
        assert_null(r.out[0]);
        assert_string_equal(tp_error_message(), "the first one");
        tp_error_take(NULL, 0);
    }
}

static void an_error_deep_in_an_expression_is_the_one_that_is_told(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(2, 3)), *w = f32(S(4, 5));
    tp_tensor *y = tp_relu(tp_add(tp_mul(tp_matmul(x, w), 2), tp_sum(f32(S(3)), S(7), false)));
    (void)y; /* the order in which C evaluates the two is its own: either is told, never both */
    assert_null(y);
    char text[512];
    tp_error_take(text, sizeof text);
    assert_true(!strncmp(text, "matmul: ", 8) || !strncmp(text, "sum: ", 5));
    assert_int_equal(tp_error_pending(), TP_OK);
    assert_string_equal(tp_error_message(), "");

    y = tp_mean(tp_softmax(tp_linear(tp_reshape(x, S(7)), w, NULL), -1), TP_ALL_DIMS, false);
    fails(y, TP_ERR_SHAPE, "(2, 3)", "(7,)");
    y = tp_cross_entropy(tp_matmul(x, w), NULL);
    fails(y, TP_ERR_SHAPE, "matmul: ");
    y = tp_conv2d(f32(S(1, 1, 4, 4)), f32(S(1, 1, 3, 3)), .bias = tp_sum(x, S(9), false));
    fails(y, TP_ERR_INDEX, "sum: dim 9");
    expect_no_error();
    assert_non_null(tp_add(x, 1));
    expect_no_error();
}

static void every_function_takes_null_for_a_failure_before_it(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = f32(S(2, 3)), *none = NULL, *parts[2];
    int n;
    fails(tp_mean(none, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_var(none, TP_ALL_DIMS, 1, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_std(none, TP_ALL_DIMS, 1, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_norm(none, 2, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_norm(none, INFINITY, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_norm(none, 0, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_logsumexp(none, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_any(none, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_all(none, TP_ALL_DIMS, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_max(none, 0, false, parts), TP_ERR_ARGUMENT, "NULL");
    fails(tp_min(none, 0, false, NULL), TP_ERR_ARGUMENT, "NULL");
    fails(tp_matmul(x, none), TP_ERR_ARGUMENT, "NULL");
    fails(tp_flatten(none, 0, -1), TP_ERR_ARGUMENT, "NULL");
    fails(tp_reshape(none, S(2)), TP_ERR_ARGUMENT, "NULL");
    fails(tp_transpose(none, 0, 1), TP_ERR_ARGUMENT, "NULL");
    fails(tp_squeeze(none, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_unsqueeze(none, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_narrow(none, 0, 0, 1), TP_ERR_ARGUMENT, "NULL");
    fails(tp_select(none, 0, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_split(none, 1, 0, parts, 2) ? NULL : x, TP_ERR_ARGUMENT, "NULL");
    fails(tp_chunk(none, 2, 0, parts, &n) ? NULL : x, TP_ERR_ARGUMENT, "NULL");
    fails(tp_stack((tp_tensor *[]){ x, NULL }, 2, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_cat((tp_tensor *[]){ x, NULL }, 2, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_repeat(none, S(2)), TP_ERR_ARGUMENT, "NULL");
    fails(tp_index_select(none, 0, i64(S(2))), TP_ERR_ARGUMENT, "NULL");
    fails(tp_index_select(x, 0, NULL), TP_ERR_ARGUMENT, "NULL");
    fails(tp_one_hot(none, 3), TP_ERR_ARGUMENT, "NULL");
    fails(tp_softmax(none, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_adaptive_avg_pool2d(none, 1, 1), TP_ERR_ARGUMENT, "NULL");
    fails(tp_conv2d(none, x), TP_ERR_ARGUMENT, "NULL");
    fails(tp_mse_loss(none, x), TP_ERR_ARGUMENT, "NULL");
    fails(tp_mse_loss(x, NULL), TP_ERR_ARGUMENT, "NULL");
    fails(tp_cross_entropy(none, x), TP_ERR_ARGUMENT, "NULL");
    fails(tp_binary_cross_entropy_with_logits(none, x), TP_ERR_ARGUMENT, "NULL");
    fails(tp_dropout(none, 0.5, true), TP_ERR_ARGUMENT, "NULL");
    fails(tp_dropout(none, 0.5, false), TP_ERR_ARGUMENT, "NULL");
    fails(tp_masked_fill(x, NULL, 0), TP_ERR_ARGUMENT, "NULL");
    fails(tp_to(none, TP_F64), TP_ERR_ARGUMENT, "NULL");
    fails(tp_contiguous(none), TP_ERR_ARGUMENT, "NULL");
    fails(tp_detach(none), TP_ERR_ARGUMENT, "NULL");
    fails(tp_zeros_like(none), TP_ERR_ARGUMENT, "NULL");
    fails(tp_add_(none, x), TP_ERR_ARGUMENT, "NULL");
    fails(tp_copy_(x, NULL), TP_ERR_ARGUMENT, "NULL");
    fails(tp_logical_not(none), TP_ERR_ARGUMENT, "NULL");
}

#define T(test) cmocka_unit_test_teardown(test, all_were_as_wanted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(shapes_that_do_not_broadcast_are_named),
        T(a_result_in_place_that_does_not_fit_is_named),
        T(products_name_both_shapes),
        T(images_name_both_shapes),
        T(joining_names_both_shapes),
        T(losses_name_both_shapes),
        T(a_view_that_needs_a_copy_says_why),
        T(dims_and_indices_out_of_range_say_the_range),
        T(indices_in_tensors_are_checked_before_anything_is_read),
        T(types_that_an_operation_does_not_take_are_named),
        T(a_missing_input_is_an_error_that_names_the_operation),
        T(while_an_error_is_pending_no_operation_does_anything),
        T(an_error_deep_in_an_expression_is_the_one_that_is_told),
        T(every_function_takes_null_for_a_failure_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
