/* test_indexing.c - reading and writing at indices, and masks: what the operations' examples do not say; values are PyTorch's
 * (torch 2.15), errors name operation, index and size.
 *
 * Layer: tests.  Read next: test_ordered.c, test_op_errors.c. */
#include "support/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define S(...) TP_SHAPE(__VA_ARGS__)
#define I64(...)                                         \
    tp_tensor_copied((int64_t[]){ __VA_ARGS__ }, TP_I64, \
                     TP_SHAPE((int64_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))))
#define BOOLS(...)                                        \
    tp_tensor_copied((uint8_t[]){ __VA_ARGS__ }, TP_BOOL, \
                     TP_SHAPE((int64_t)(sizeof((uint8_t[]){ __VA_ARGS__ }))))

static void holds_at(const tp_tensor *t, const double *wanted, int64_t n, const char *file, int line)
{
    double got[64];
    char text[256];
    if (tp_error_take(text, sizeof text)) {
        print_error("%s:%d: %s\n", file, line, text);
        _fail(file, line);
    }
    if (tp_numel(t) != n || tp_to_f64(t, got, n))
        _fail(file, line);
    for (int64_t i = 0; i < n; i++)
        if (got[i] != wanted[i] && !(isnan(got[i]) && isnan(wanted[i]))) {
            print_error("%s:%d: element %d is %g, wanted %g\n", file, line, (int)i, got[i], wanted[i]);
            _fail(file, line);
        }
}
#define holds(t, ...)                                                                                     \
    holds_at(t, (double[]){ __VA_ARGS__ }, (int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), \
             __FILE__, __LINE__)

static void fails_at(const tp_tensor *t, tp_status status, const char *piece, const char *file, int line)
{
    char text[512];
    tp_status got = tp_error_pending();
    tp_error_take(text, sizeof text);
    if (t || got != status || !strstr(text, piece)) {
        print_error("%s:%d: got %s '%s', wanted %s '%s'\n", file, line, tp_status_name(got), text,
                    tp_status_name(status), piece);
        _fail(file, line);
    }
}
#define fails(t, status, piece) fails_at(t, status, piece, __FILE__, __LINE__)

static tp_tensor *counted(tp_shape shape) /* 0, 1, 2, ... */
{
    int64_t n = 1;
    for (int i = 0; i < shape.ndim; i++)
        n *= shape.dim[i];
    return tp_reshape(tp_arange(0, (double)n, 1), shape);
}

static bool has_shape(const tp_tensor *t, tp_shape s)
{
    tp_shape got = tp_shape_of(t);
    return got.ndim == s.ndim && !memcmp(got.dim, s.dim, sizeof *s.dim * (size_t)s.ndim);
}

static void negative_indices_count_from_the_end_where_pytorch_lets_them(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(10, 11, 12, 13), *at = I64(-1, 0);
    holds(tp_take(x, at), 13, 10);
    holds(tp_take_along_dim(x, at, 0), 13, 10);
    holds(tp_index(x, &at, 1), 13, 10);
    holds(tp_index_fill(x, 0, I64(-2), 5), 10, 11, 5, 13);
    holds(tp_put(x, at, tp_tensor_of(1, 2), false), 2, 11, 12, 1);
    holds(tp_put(x, at, tp_tensor_of(1, 2), true), 12, 11, 12, 14);
    fails(tp_gather(x, 0, at), TP_ERR_INDEX, "gather: index -1 is out of range, [0, 4)");
    fails(tp_index_select(x, 0, at), TP_ERR_INDEX, "index_select: index -1");
    fails(tp_scatter_value(x, 0, at, 1), TP_ERR_INDEX, "scatter: index -1");
    fails(tp_index_add(x, 0, at, tp_tensor_of(1, 2), 1), TP_ERR_INDEX, "index_add: index -1");
    fails(tp_index_copy(x, 0, at, tp_tensor_of(1, 2)), TP_ERR_INDEX, "index_copy: index -1");
    fails(tp_embedding(at, tp_ones(S(3, 2)), TP_NO_DIM), TP_ERR_INDEX, "embedding: index -1");
}

static void an_index_out_of_range_names_operation_index_and_size(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = counted(S(2, 3)), *three = I64(0, 3);
    fails(tp_take(x, I64(6)), TP_ERR_INDEX, "take: index 6 is out of range, [-6, 6)");
    fails(tp_index(x, (tp_tensor *[]){ NULL, three }, 2), TP_ERR_INDEX,
          "index: index 3 is out of range, [-3, 3)");
    fails(tp_index(x, (tp_tensor *[]){ NULL, NULL, three }, 3), TP_ERR_INDEX,
          "index: more indices than (2, 3)");
    fails(tp_index_put(x, &three, 1, tp_ones(S()), true), TP_ERR_INDEX, "index_put: index 3");
    fails(tp_put(x, I64(-7), tp_tensor_of(1), true), TP_ERR_INDEX, "put: index -7");
    fails(tp_index_fill(x, 1, I64(3), 1), TP_ERR_INDEX, "index_fill: index 3");
    fails(tp_scatter_add(x, 1, tp_reshape(three, S(1, 2)), x), TP_ERR_INDEX, "scatter_add: index 3");
    fails(tp_scatter_reduce(x, 1, tp_reshape(three, S(1, 2)), x, "amax", true), TP_ERR_INDEX,
          "scatter_reduce: index 3");
    fails(tp_embedding(three, tp_ones(S(3, 2)), TP_NO_DIM), TP_ERR_INDEX,
          "embedding: index 3 is out of range, [0, 3)");
    fails(tp_take(x, tp_tensor_of(1)), TP_ERR_DTYPE, "take: index is f32");
    fails(tp_scatter_reduce(x, 0, three, x, "median", true), TP_ERR_ARGUMENT, "median");
}

static void several_indices_broadcast_and_stand_where_the_dims_stood(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = counted(S(2, 3, 4)), *row = I64(0, 1), *column = tp_reshape(I64(0, 2), S(2, 1));
    holds(tp_index(counted(S(2, 3)), (tp_tensor *[]){ row, I64(2, 0) }, 2), 2, 3);
    assert_true(has_shape(tp_index(x, (tp_tensor *[]){ NULL, row }, 2), S(2, 2, 4)));
    assert_true(
        has_shape(tp_index(x, (tp_tensor *[]){ row, NULL, column }, 3), S(2, 2, 3))); /* apart: in front */
    assert_true(has_shape(tp_index(x, (tp_tensor *[]){ NULL, row, column }, 3), S(2, 2, 2)));
    holds(tp_index(x, (tp_tensor *[]){ NULL, row, column }, 3), 0, 4, 2, 6, 12, 16, 14, 18);
    tp_tensor *mask = tp_reshape(BOOLS(1, 0, 1, 1, 1, 0), S(2, 3)); /* a mask stands for its dims */
    assert_true(has_shape(tp_index(x, &mask, 1), S(4, 4)));
    holds(tp_select(tp_index(x, &mask, 1), 1, 0), 0, 8, 12, 16);
    fails(tp_index(x, (tp_tensor *[]){ NULL, mask }, 2), TP_ERR_INDEX,
          "mask (2, 3) does not fit to (2, 3, 4) from dim 1");
    fails(tp_index(x, (tp_tensor *[]){ I64(0, 1), I64(0, 1, 1) }, 2), TP_ERR_SHAPE, "do not broadcast");
}

static void index_put_sets_or_adds_through_views_too(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_zeros(S(2, 3)), *at[] = { NULL, I64(0, 0, 2) };
    holds(tp_index_put(x, at, 2, tp_ones(S()), true), 2, 0, 1, 2, 0, 1);
    holds(tp_index_put(x, at, 2, counted(S(2, 3)), false), 1, 0, 2, 4, 0, 5); /* the last of equals stays */
    fails(tp_index_put(x, at, 1, tp_ones(S()), false), TP_ERR_ARGUMENT, "index_put: no index");
    tp_tensor *rows = I64(1);
    tp_index_put_(tp_transpose(x, 0, 1), &rows, 1, tp_full(S(), 7), false);
    holds(x, 0, 7, 0, 0, 7, 0);
}

static void scatters_join_in_index_order(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(1, 2, 3), *at = I64(0, 0, 2), *src = tp_tensor_of(5, 6, NAN);
    holds(tp_scatter(x, 0, at, src), 6, 2, NAN);
    holds(tp_scatter_reduce(x, 0, at, src, "amax", false), 6, 2, NAN);
    holds(tp_scatter_reduce(x, 0, at, src, "amin", true), 1, 2, NAN);
    holds(tp_scatter_reduce(x, 0, at, src, "prod", true), 30, 2, NAN);
    holds(tp_scatter_reduce(x, 0, at, src, "prod", false), 30, 2, NAN);
    holds(tp_scatter_reduce(x, 0, at, src, "sum", false), 11, 2, NAN);
    holds(tp_scatter_reduce(I64(1, 2, 3), 0, at, I64(5, 6, -4), "mean", true), 4, 2, -1); /* rounded down */
    holds(tp_index_add(tp_zeros(S(2, 2)), 0, I64(1, 1), tp_ones(S(2, 2)), -0.5), 0, 0, -1, -1);
    fails(tp_scatter(x, 0, at, tp_ones(S(3), .dtype = TP_F64)), TP_ERR_SHAPE, "scatter: src (3,) of f64");
    fails(tp_index_add(x, 0, I64(1), tp_ones(S(2)), 1), TP_ERR_SHAPE, "index_add: source (2,)");
    tp_scatter_value_(x, 0, I64(1), -1);
    tp_scatter_add_(x, 0, I64(0), tp_tensor_of(10));
    tp_index_copy_(x, 0, I64(2), tp_tensor_of(4));
    tp_index_fill_(x, 0, I64(-2), 8);
    holds(x, 11, 8, 4);
    tp_tensor *truth = BOOLS(0, 1);
    holds(tp_scatter_add(truth, 0, I64(0, 1), BOOLS(1, 1)), 1, 1); /* bool adds as or */
}

static void scalars_and_empty_tensors_are_indexed_too(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *scalar = tp_full(S(), 3), *none = tp_zeros(S(0), .dtype = TP_I64);
    holds(tp_gather(scalar, 0, I64(0)), 3);
    holds(tp_index_select(scalar, 0, I64(0)), 3);
    assert_int_equal(tp_ndim(tp_index_select(scalar, 0, I64(0))), 0);
    fails(tp_index_select(scalar, 0, I64(0, 0)), TP_ERR_SHAPE, "index_select: index (2,) of a scalar");
    assert_true(has_shape(tp_index_select(tp_zeros(S(3, 2)), 0, none), S(0, 2)));
    assert_true(has_shape(tp_index(tp_zeros(S(3, 2)), &none, 1), S(0, 2)));
    assert_true(has_shape(tp_nonzero(scalar), S(1, 0)));
    assert_true(has_shape(tp_nonzero(tp_zeros(S())), S(0, 0)));
    assert_true(has_shape(tp_nonzero(tp_zeros(S(0, 3))), S(0, 2)));
    assert_true(has_shape(tp_one_hot(none, 3), S(0, 3)));
    fails(tp_one_hot(none, -1), TP_ERR_ARGUMENT, "one_hot: num_classes is not given");
    assert_true(has_shape(tp_one_hot(I64(2, 0), -1), S(2, 3)));
}

static void masks_broadcast_and_keep_the_type(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *mask = BOOLS(1, 0, 1);
    holds(tp_masked_select(counted(S(2, 3)), mask), 0, 2, 3, 5);
    holds(tp_masked_select(tp_tensor_of(4, 5, 6), tp_reshape(BOOLS(1, 0, 0, 0, 1, 1), S(2, 3))), 4, 5, 6);
    holds(tp_masked_scatter(tp_zeros(S(2, 3)), mask, tp_tensor_of(1, 2, 3, 4, 5)), 1, 0, 2, 3, 0, 4);
    fails(tp_masked_scatter(tp_zeros(S(2, 3)), mask, tp_tensor_of(1, 2)), TP_ERR_SHAPE,
          "masked_scatter: mask has 4 places");
    fails(tp_masked_select(tp_zeros(S(3)), I64(1, 0, 1)), TP_ERR_DTYPE, "masked_select: mask is i64, bool");
    tp_tensor *ints = tp_masked_fill(I64(1, 2, 3), mask, 1.5);
    assert_int_equal(tp_dtype_of(ints), TP_I64);
    holds(ints, 1, 2, 1);
    tp_tensor *x = tp_tensor_of(1, 2, 3);
    tp_masked_fill_(x, mask, -1);
    holds(x, -1, 2, -1);
    holds(tp_nonzero(tp_tensor_of(0, NAN, -1)), 1, 2);
    holds(tp_nonzero(tp_transpose(tp_reshape(BOOLS(1, 0, 1, 0, 1, 0), S(2, 3)), 0, 1)), 0, 0, 1, 1, 2, 0);
    holds(tp_tril_indices(2, 3, 0), 0, 1, 1, 0, 0, 1);
    holds(tp_triu_indices(2, 3, 1), 0, 0, 1, 1, 2, 2);
}

static void a_row_of_padding_learns_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *weight = tp_requires_grad_(counted(S(3, 2)), true),
              *y = tp_embedding(I64(2, 1, 2), weight, -1);
    holds(y, 4, 5, 2, 3, 4, 5);
    assert_int_equal(tp_backward(tp_sum(y, TP_ALL_DIMS, false)), TP_OK);
    holds(tp_grad(weight), 0, 0, 1, 1, 0, 0);
}

static void indices_of_every_integer_type_mean_the_same(void **state)
{
    (void)state;
    static const tp_dtype types[] = { TP_I64, TP_I32, TP_I16, TP_I8, TP_U8 };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        TP_SCOPE;
        tp_tensor *at = tp_to(I64(2, 0, 1, 2), types[i]), *x = counted(S(3, 2));
        holds(tp_index_select(x, 0, at), 4, 5, 0, 1, 2, 3, 4, 5);
        holds(tp_gather(x, 0, tp_expand(tp_unsqueeze(at, 1), S(4, 2))), 4, 5, 0, 1, 2, 3, 4, 5);
        holds(tp_index_add(tp_zeros(S(3)), 0, at, tp_ones(S(4)), 1), 1, 1, 2);
    }
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negative_indices_count_from_the_end_where_pytorch_lets_them),
        cmocka_unit_test(an_index_out_of_range_names_operation_index_and_size),
        cmocka_unit_test(several_indices_broadcast_and_stand_where_the_dims_stood),
        cmocka_unit_test(index_put_sets_or_adds_through_views_too),
        cmocka_unit_test(scatters_join_in_index_order),
        cmocka_unit_test(scalars_and_empty_tensors_are_indexed_too),
        cmocka_unit_test(masks_broadcast_and_keep_the_type),
        cmocka_unit_test(a_row_of_padding_learns_nothing),
        cmocka_unit_test(indices_of_every_integer_type_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
