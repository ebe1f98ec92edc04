/* test_ordered.c - reductions, scans, sorting and searching: NaN, equals, empty and scalar tensors, types, errors; values are
 * PyTorch's (torch 2.15) or follow from the definition.
 *
 * Layer: tests.  Read next: test_indexing.c, test_op_errors.c. */
#include "support/golden.h"
#include "support/examples.h"

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

static bool has_shape(const tp_tensor *t, tp_shape s)
{
    tp_shape got = tp_shape_of(t);
    return got.ndim == s.ndim && !memcmp(got.dim, s.dim, sizeof *s.dim * (size_t)s.ndim);
}

/* ---- reductions ------------------------------------------------------------------------------------------------------- */

static void extremes_without_a_dim_are_of_all_elements(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_reshape(tp_tensor_of(3, 1, 2, 7, 7, 0), S(2, 3)), *at, *top;
    holds(tp_max(x, TP_NO_DIM, false, &at), 7);
    assert_null(at);
    holds(tp_max(x, 1, false, &at), 3, 7);
    holds(at, 0, 0); /* the first of equals */
    holds(tp_min(x, 0, true, &at), 3, 1, 0);
    assert_true(has_shape(at, S(1, 3)));
    holds(tp_aminmax(x, TP_NO_DIM, false, &top), 0);
    holds(top, 7);
    holds(tp_argmax(x, TP_NO_DIM, false), 3);
    assert_true(has_shape(tp_argmin(x, TP_NO_DIM, true), S(1, 1)));
    holds(tp_argmax(tp_tensor_of(1, NAN, 5, NAN), 0, false), 1);
    holds(tp_argmin(tp_transpose(tp_reshape(tp_tensor_of(1, NAN, 5, -1), S(2, 2)), 0, 1), 0, false), 1, 1);
    fails(tp_argmax(tp_zeros(S(0)), TP_NO_DIM, false), TP_ERR_SHAPE, "argmax: (0,) is empty");
    fails(tp_aminmax(tp_zeros(S(0)), 0, false, NULL), TP_ERR_SHAPE, "amin: dim 0 of (0,) is empty");
}

static void an_extreme_among_many_is_found_in_every_layout(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) { /* blocks of a row, chunks of columns */
        TP_SCOPE;
        tp_tensor *x = tp_zeros(S(700, 900)), *at = I64(12, 345), *y;
        y = tp_index_put(x, (tp_tensor *[]){ I64(699, 650), at }, 2, tp_full(S(), k ? NAN : 2), false);
        holds(tp_index_select(tp_argmax(y, 0, false), 0, at), 699, 650);
        holds(tp_argmax(y, TP_NO_DIM, false), 650 * 900 + 345);
        holds(tp_index_select(tp_argmax(tp_transpose(y, 0, 1), 1, false), 0, at), 699, 650);
    }
}

static void nan_counts_or_does_not_as_the_name_says(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(1, NAN, 3), *none = tp_tensor_of(NAN, NAN);
    holds(tp_nansum(x, TP_ALL_DIMS, false), 4);
    holds(tp_nanmean(x, TP_ALL_DIMS, false), 2);
    holds(tp_nansum(none, TP_ALL_DIMS, false), 0);
    holds(tp_nanmean(none, TP_ALL_DIMS, false), NAN);
    holds(tp_count_nonzero(x, TP_ALL_DIMS, false), 3);
    holds(tp_any(none, TP_ALL_DIMS, false), 1);
    holds(tp_sum(x, TP_ALL_DIMS, false), NAN);
    fails(tp_nanmean(I64(1, 2), TP_ALL_DIMS, false), TP_ERR_DTYPE, "nanmean: x is i64");
}

static void types_of_reductions_are_those_of_pytorch(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *u8 = tp_to(I64(200, 100, 0), TP_U8), *half = tp_half(tp_tensor_of(60000, 5000, 60000));
    assert_int_equal(tp_dtype_of(tp_sum(u8, TP_ALL_DIMS, false)), TP_I64);
    holds(tp_sum(u8, TP_ALL_DIMS, false), 300);
    holds(tp_prod(tp_to(I64(3, -2), TP_I8), TP_ALL_DIMS, false), -6);
    holds(tp_amax(u8, TP_ALL_DIMS, false), 200);
    assert_int_equal(tp_dtype_of(tp_amax(u8, TP_ALL_DIMS, false)), TP_U8);
    assert_int_equal(tp_dtype_of(tp_any(u8, TP_ALL_DIMS, false)), TP_U8); /* of bytes a byte, else bool */
    assert_int_equal(tp_dtype_of(tp_all(half, TP_ALL_DIMS, false)), TP_BOOL);
    assert_int_equal(tp_dtype_of(tp_mean(half, TP_ALL_DIMS, false)), TP_F16);
    holds(tp_mean(half, TP_ALL_DIMS, false), 41664); /* the sum would not fit */
    holds(tp_sum(tp_gt(tp_ones(S(300, 5)), 0), S(0), false), 300, 300, 300, 300, 300);
    holds(tp_count_nonzero(tp_transpose(tp_ones(S(5, 300)), 0, 1), S(0), false), 300, 300, 300, 300, 300);
    fails(tp_var(I64(1, 2), TP_ALL_DIMS, 1, false), TP_ERR_DTYPE, "var: x is i64");
    fails(tp_norm(I64(1, 2), 2, TP_ALL_DIMS, false), TP_ERR_DTYPE, "norm: x is i64");
}

static void a_variance_of_large_numbers_keeps_its_digits(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_add(tp_reshape(tp_arange(0, 100000, 1, .dtype = TP_F64), S(50000, 2)), 1e9), *mean;
    tp_tensor *v = tp_var_mean(x, S(0), 0, false, &mean);
    for (int i = 0; i < 2; i++) { /* of 0, 2, 4 ..: (n^2 - 1) / 3 */
        assert_true(fabs(tp_item(tp_select(v, 0, i)) / ((50000.0 * 50000 - 1) / 3) - 1) < 1e-12);
        assert_true(fabs(tp_item(tp_select(mean, 0, i)) - (1e9 + 49999 + i)) < 1e-5);
    }
    double all = tp_item(tp_var(x, TP_ALL_DIMS, 0, false));
    assert_true(fabs(all / ((1e10 - 1) / 12) - 1) < 1e-12);
    holds(tp_var(tp_tensor_of(1), TP_ALL_DIMS, 1, false), NAN);
    holds(tp_std(tp_zeros(S(0)), TP_ALL_DIMS, 1, false), NAN);
    holds(tp_var(tp_ones(S(3)), TP_ALL_DIMS, 3, false), NAN);
}

static void norms_of_any_order(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(3, -4, 0);
    holds(tp_norm(x, 2, TP_ALL_DIMS, false), 5);
    holds(tp_norm(x, 1, TP_ALL_DIMS, false), 7);
    holds(tp_norm(x, 0, TP_ALL_DIMS, false), 2);
    holds(tp_norm(x, INFINITY, TP_ALL_DIMS, false), 4);
    holds(tp_norm(x, -INFINITY, TP_ALL_DIMS, false), 0);
    holds(tp_norm(tp_zeros(S(0)), 2, TP_ALL_DIMS, false), 0);
    holds(tp_dist(x, tp_tensor_of(0), 1), 7);
    tp_requires_grad_(x, true);
    assert_int_equal(tp_backward(tp_norm(tp_mul(x, 0), 2, TP_ALL_DIMS, false)), TP_OK);
    holds(tp_grad(x), 0, 0, 0); /* at 0, where it would be 0 / 0 */
    fails(tp_norm(x, INFINITY, S(1), false), TP_ERR_INDEX, "dim 1");
    fails(tp_norm(tp_zeros(S(0)), INFINITY, TP_ALL_DIMS, false), TP_ERR_SHAPE, "is empty");
}

/* ---- scans -------------------------------------------------------------------------------------------------------------- */

static void running_extremes_name_the_last_of_equals_and_keep_nan(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *at, *x = tp_tensor_of(1, 1, NAN, 2, NAN);
    holds(tp_cummax(x, 0, &at), 1, 1, NAN, NAN, NAN);
    holds(at, 0, 1, 2, 2, 4);
    holds(tp_cummin(I64(1, 1, 0, 0), 0, &at), 1, 1, 0, 0);
    holds(at, 0, 1, 2, 3);
    holds(tp_cummax(BOOLS(1, 0), 0, &at), 1, 1);
    holds(at, 0, 0);
}

static void running_sums_are_exact_over_blocks_and_in_every_direction(void **state)
{
    (void)state;
    TP_SCOPE;
    const int64_t n = 100000; /* several blocks, and a rest */
    tp_tensor *i = tp_arange(0, (double)n, 1, .dtype = TP_I64),
              *wanted = tp_div(tp_mul(tp_double(i), tp_add(i, 1)), 2);
    holds(tp_all(tp_eq(tp_cumsum(i, 0), wanted), TP_ALL_DIMS, false), 1);
    holds(tp_all(tp_eq(tp_cumsum(tp_double(i), 0), wanted), TP_ALL_DIMS, false), 1);
    tp_tensor *both = tp_stack((tp_tensor *[]){ i, i, i }, 3, 1); /* columns */
    holds(tp_all(tp_eq(tp_select(tp_cumsum(both, 0), 1, 2), wanted), TP_ALL_DIMS, false), 1);
    holds(tp_cumsum(tp_to(I64(200, 100), TP_U8), 0), 200, 300);
    assert_int_equal(tp_dtype_of(tp_cumprod(tp_int(I64(2, 3)), 0)), TP_I64);
    tp_tensor *x = tp_requires_grad_(tp_ones(S(40000)), true);
    assert_int_equal(tp_backward(tp_sum(tp_cumsum(x, 0), TP_ALL_DIMS, false)), TP_OK);
    holds(tp_index_select(tp_grad(x), 0, I64(0, 1, 39999)), 40000, 39999, 1);
    tp_tensor *y = tp_tensor_of(1, 2, 3);
    tp_cumsum_(y, 0);
    tp_cumprod_(y, 0);
    holds(y, 1, 3, 18);
}

static void zeros_do_not_stop_the_gradient_of_a_running_product(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(2, 0, 3, 0, 5), true);
    assert_int_equal(tp_backward(tp_sum(tp_cumprod(x, 0), TP_ALL_DIMS, false)), TP_OK);
    holds(tp_grad(x), 1, 8, 0, 0, 0);
}

static tp_tensor *logcumsumexp_of(tp_tensor *const *x, int n, void *context)
{
    (void)n, (void)context;
    return tp_logcumsumexp(x[0], 0);
}

static void logcumsumexp_neither_overflows_nor_forgets(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *y =
        tp_logcumsumexp(tp_tensor_copied((double[]){ -INFINITY, -1000, 0, 1000 }, TP_F64, S(4)), 0);
    holds(y, -INFINITY, -1000, 0, 1000);
    tp_tensor *x = tp_requires_grad_(tp_tensor_copied((double[]){ 800, -3, 801, 2 }, TP_F64, S(4)), true);
    assert_int_equal(tp_gradcheck(logcumsumexp_of, NULL, &x, 1, .eps = 1e-4), TP_OK);
    fails(tp_logcumsumexp(I64(1, 2), 0), TP_ERR_DTYPE, "logcumsumexp: x is i64");
}

static void differences_and_areas(void **state)
{
    (void)state;
    TP_SCOPE;
    holds(tp_diff(tp_tensor_of(1, 4, 9, 16), 2, 0), 2, 2);
    holds(tp_diff(BOOLS(1, 0, 0), 1, 0), 1, 0);
    assert_int_equal(tp_numel(tp_diff(tp_ones(S(1)), 3, 0)), 0);
    holds(tp_trapezoid(I64(1, 2, 3), NULL, 1, 0), 4);
    holds(tp_trapezoid(tp_tensor_of(1, 2, 3), tp_tensor_of(0, 1, 3), 1, 0), 6.5);
    holds(tp_trapezoid(tp_zeros(S(0)), NULL, 1, 0), 0);
    fails(tp_diff(tp_ones(S()), 1, 0), TP_ERR_ARGUMENT, "diff: n 1 of ()");
}

/* ---- order ---------------------------------------------------------------------------------------------------------------- */

static void sorting_is_stable_and_puts_nan_last(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(2, NAN, 0, -0.0f, INFINITY, -INFINITY, -1, 2, NAN), *at;
    holds(tp_sort(x, 0, false, &at), -INFINITY, -1, 0, -0.0, 2, 2, INFINITY, NAN, NAN);
    holds(at, 5, 6, 2, 3, 0, 7, 4, 1, 8);
    holds(tp_sort(x, 0, true, &at), NAN, NAN, INFINITY, 2, 2, 0, -0.0, -1, -INFINITY);
    holds(at, 1, 8, 4, 0, 7, 2, 3, 6, 5);
    holds(tp_argsort(BOOLS(1, 0, 1, 0), 0, false), 1, 3, 0, 2);
    holds(tp_sort(tp_to(I64(-1, 5, -128, 127), TP_I8), 0, true, &at), 127, 5, -1, -128);
    holds(tp_sort(tp_full(S(), 3), 0, false, &at), 3);
    holds(at, 0);
    fails(tp_sort(tp_ones(S(2)), 1, false, NULL), TP_ERR_INDEX, "sort: dim 1");
}

/* Every type, few and many elements: in order, and each stands where its index says; equals in the order of their places. */
static void every_type_and_length_is_sorted(void **state)
{
    (void)state;
    static const int64_t lengths[] = { 2, 40, 41, 300, 5000, 20000, 70001 };
    for (int type = 0; type < TP_N_DTYPES; type++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            for (int descending = 0; descending < 2; descending++) {
                TP_SCOPE;
                int64_t n = lengths[k];
                tp_tensor *x = tp_mul(tp_sub(tp_rand(S(n), .dtype = TP_F64), 0.5),
                                      type == TP_U8 ? -100.0 : 200.0),
                          *at;
                x = tp_to(type == TP_U8 ? tp_abs(x) : x, (tp_dtype)type);
                tp_tensor *y = tp_sort(x, 0, descending, &at), *picked = tp_index_select(x, 0, at);
                tp_tensor *low = tp_slice(y, 0, 0, n - 1, 1), *high = tp_slice(y, 0, 1, n, 1);
                tp_tensor *in_order = descending ? tp_ge(low, high) : tp_le(low, high);
                tp_tensor *stable = tp_logical_or(tp_ne(low, high), tp_lt(tp_slice(at, 0, 0, n - 1, 1),
                                                                          tp_slice(at, 0, 1, n, 1)));
                holds(tp_all(in_order, TP_ALL_DIMS, false), 1);
                holds(tp_all(stable, TP_ALL_DIMS, false), 1);
                holds(tp_all(tp_eq(picked, y), TP_ALL_DIMS, false), 1);
                holds(tp_sum(at, TP_ALL_DIMS, false), (double)(n * (n - 1) / 2));
            }
}

static void the_first_k_are_those_of_sorting(void **state)
{
    (void)state;
    static const int64_t ks[] = { 0, 1, 7, 1000, 30000, 60000 };
    for (int type = TP_F32; type <= TP_I64; type++)
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
            for (int largest = 0; largest < 2; largest++) {
                TP_SCOPE;
                tp_tensor *x = tp_to(tp_mul(tp_randn(S(60000), .dtype = TP_F64), 50), (tp_dtype)type), *at,
                          *all;
                tp_tensor *y = tp_topk(x, ks[i], 0, largest, &at), *sorted = tp_sort(x, 0, largest, &all);
                holds(tp_all(tp_eq(y, tp_slice(sorted, 0, 0, ks[i], 1)), TP_ALL_DIMS, false), 1);
                holds(tp_all(tp_eq(at, tp_slice(all, 0, 0, ks[i], 1)), TP_ALL_DIMS, false), 1);
                if (ks[i] && !largest) {
                    holds(tp_sub(tp_kthvalue(x, ks[i], 0, false, &at), tp_select(sorted, 0, ks[i] - 1)), 0);
                    holds(tp_sub(at, tp_select(all, 0, ks[i] - 1)), 0);
                }
            }
    TP_SCOPE;
    tp_tensor *at;
    holds(tp_topk(tp_tensor_of(1, NAN, 2), 2, 0, true, &at), NAN, 2);
    holds(tp_topk(tp_tensor_of(1, NAN, 2), 2, 0, false, &at), 1, 2);
    holds(at, 0, 2);
    fails(tp_topk(tp_ones(S(3)), 4, 0, true, NULL), TP_ERR_INDEX,
          "topk: k 4 of the 3 elements in dim 0 of (3,)");
    fails(tp_topk(BOOLS(1, 0), 1, 0, true, NULL), TP_ERR_DTYPE, "topk: x is bool");
    fails(tp_kthvalue(tp_ones(S(3)), 0, 0, false, NULL), TP_ERR_INDEX, "kthvalue: k 0");
    fails(tp_kthvalue(tp_ones(S(3)), 4, 0, false, NULL), TP_ERR_INDEX,
          "kthvalue: k 4 is out of range, [1, 3]");
}

static void medians_and_modes(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *at, *x = tp_tensor_of(3, NAN, 2, 2), *none = tp_tensor_of(NAN, NAN, NAN);
    holds(tp_median(tp_tensor_of(3, 1, 2, 2), 0, false, &at), 2);
    holds(at, 2);
    holds(tp_median(x, 0, false, &at), NAN);
    holds(at, 1);
    holds(tp_nanmedian(x, 0, false, &at), 2);
    holds(at, 3);
    holds(tp_nanmedian(none, 0, false, &at), NAN);
    holds(at, 0);
    holds(tp_median(tp_zeros(S(0)), TP_NO_DIM, false, &at), NAN);
    assert_null(at);
    fails(tp_median(tp_zeros(S(2, 0)), 1, false, NULL), TP_ERR_INDEX, "median: dim 1 of (2, 0) is empty");
    holds(tp_mode(tp_tensor_of(3, 1, 3, 2, 1, 1), 0, false, &at), 1);
    holds(at, 5);
    holds(tp_mode(tp_tensor_of(2, 1, 1, 2), 0, false, &at), 1); /* the smallest of equally frequent ones */
    holds(at, 2);
    holds(tp_mode(tp_tensor_of(2, NAN, NAN, 2, 2), 0, false, &at), 2); /* a NaN equals no other */
    holds(at, 4);
}

static void quantiles_between_two_elements(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(4, 1, 3, 2), *half = tp_full(S(), 0.5),
              *with_nan = tp_tensor_of(1, 2, 3, NAN);
    holds(tp_quantile(x, half, TP_NO_DIM, false, NULL), 2.5);
    holds(tp_quantile(x, half, 0, false, "lower"), 2);
    holds(tp_quantile(x, half, 0, false, "higher"), 3);
    holds(tp_quantile(x, tp_tensor_of(0.3f), 0, false, "midpoint"), 1.5);
    holds(tp_quantile(x, tp_tensor_of(0.3f), 0, false, "nearest"), 2);
    holds(tp_quantile(with_nan, half, 0, false, NULL), NAN);
    holds(tp_nanquantile(with_nan, half, 0, false, NULL), 2);
    holds(tp_nanquantile(tp_tensor_of(NAN), half, 0, false, NULL), NAN);
    assert_true(
        has_shape(tp_quantile(tp_ones(S(2, 3)), tp_tensor_of(0.1f, 0.2f), 1, true, NULL), S(2, 2, 1)));
    fails(tp_quantile(x, tp_tensor_of(1.5), 0, false, NULL), TP_ERR_ARGUMENT, "quantile: q is out of range");
    fails(tp_quantile(tp_half(x), half, 0, false, NULL), TP_ERR_DTYPE, "quantile: x is f16");
    fails(tp_quantile(tp_zeros(S(0)), half, 0, false, NULL), TP_ERR_SHAPE, "quantile: (0,) is empty");
    fails(tp_quantile(x, half, 0, false, "cubic"), TP_ERR_ARGUMENT, "cubic");
}

static void different_elements_with_their_numbers(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *number, *count, *x = tp_reshape(I64(3, 1, 1, 2), S(2, 2));
    holds(tp_unique(x, &number, &count), 1, 2, 3);
    holds(number, 2, 0, 0, 1);
    assert_true(has_shape(number, S(2, 2)));
    holds(count, 2, 1, 1);
    holds(tp_unique_consecutive(I64(1, 1, 2, 1), NULL, &count), 1, 2, 1);
    holds(count, 2, 1, 1);
    holds(tp_unique(tp_tensor_of(NAN, 1, NAN), &number, NULL), 1, NAN, NAN);
    holds(number, 1, 0, 2);
    assert_int_equal(tp_numel(tp_unique(tp_zeros(S(0)), &number, &count)), 0);
    assert_int_equal(tp_numel(count), 0);
}

static void places_among_sorted_numbers(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *s = tp_tensor_of(1, 2, 2, 3);
    holds(tp_searchsorted(s, tp_tensor_of(2, NAN, 0, 9), false), 1, 4, 0, 4);
    holds(tp_searchsorted(s, tp_tensor_of(2, NAN, 0, 9), true), 3, 4, 0, 4);
    holds(tp_searchsorted(s, tp_number(2.5), false), 3);
    holds(tp_bucketize(I64(2, 3), s, true), 3, 4);
    holds(tp_searchsorted(tp_zeros(S(0)), tp_ones(S(2)), false), 0, 0);
    holds(tp_searchsorted(tp_reshape(tp_tensor_of(1, 2, 5, 6), S(2, 2)),
                          tp_reshape(tp_tensor_of(2, 2), S(2, 1)), false),
          1, 0);
    fails(tp_searchsorted(tp_ones(S(2, 3)), tp_ones(S(3, 2)), false), TP_ERR_SHAPE,
          "searchsorted: sequence (2, 3)");
    holds(tp_isin(tp_tensor_of(1, NAN, 3), tp_tensor_of(NAN, 1), false), 1, 0, 0);
    holds(tp_isin(I64(1, 2), tp_tensor_of(1), true), 0, 1);
}

static void counts_in_bins(void **state)
{
    (void)state;
    TP_SCOPE;
    holds(tp_bincount(I64(1, 1, 3), NULL, 2), 0, 2, 0, 1);
    holds(tp_bincount(tp_zeros(S(0), .dtype = TP_I64), NULL, 2), 0, 0);
    holds(tp_bincount(I64(1, 1), tp_tensor_of(1, 2), 0), 0, 3);
    assert_int_equal(tp_dtype_of(tp_bincount(I64(1), I64(2), 0)), TP_F64);
    fails(tp_bincount(I64(-1), NULL, 0), TP_ERR_INDEX, "bincount: index -1");
    fails(tp_bincount(tp_tensor_of(1), NULL, 0), TP_ERR_DTYPE, "bincount: index is f32");
    fails(tp_bincount(tp_zeros(S(1, 1), .dtype = TP_I64), NULL, 0), TP_ERR_SHAPE, "bincount: x (1, 1)");
    tp_tensor *x = tp_tensor_of(1, 2, 1);
    holds(tp_histc(x, 4, 0, 3), 0, 2, 1, 0);
    holds(tp_histc(x, 2, 0, 0), 2, 1);
    holds(tp_histc(tp_tensor_of(1, 1), 3, 0, 0), 0, 2, 0);
    holds(tp_histc(tp_tensor_of(1, NAN, 5), 2, 0, 2), 0, 1);
    fails(tp_histc(tp_tensor_of(1, NAN), 2, 0, 0), TP_ERR_ARGUMENT, "histc: 2 bins in [");
    fails(tp_histc(x, 3, 2, 1), TP_ERR_ARGUMENT, "histc: 3 bins in [2, 1]");
    fails(tp_histc(I64(1), 3, 2, 1), TP_ERR_DTYPE, "histc: x is i64");
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extremes_without_a_dim_are_of_all_elements),
        cmocka_unit_test(an_extreme_among_many_is_found_in_every_layout),
        cmocka_unit_test(nan_counts_or_does_not_as_the_name_says),
        cmocka_unit_test(types_of_reductions_are_those_of_pytorch),
        cmocka_unit_test(a_variance_of_large_numbers_keeps_its_digits),
        cmocka_unit_test(norms_of_any_order),
        cmocka_unit_test(running_extremes_name_the_last_of_equals_and_keep_nan),
        cmocka_unit_test(running_sums_are_exact_over_blocks_and_in_every_direction),
        cmocka_unit_test(zeros_do_not_stop_the_gradient_of_a_running_product),
        cmocka_unit_test(logcumsumexp_neither_overflows_nor_forgets),
        cmocka_unit_test(differences_and_areas),
        cmocka_unit_test(sorting_is_stable_and_puts_nan_last),
        cmocka_unit_test(every_type_and_length_is_sorted),
        cmocka_unit_test(the_first_k_are_those_of_sorting),
        cmocka_unit_test(medians_and_modes),
        cmocka_unit_test(quantiles_between_two_elements),
        cmocka_unit_test(different_elements_with_their_numbers),
        cmocka_unit_test(places_among_sorted_numbers),
        cmocka_unit_test(counts_in_bins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
