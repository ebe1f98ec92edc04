/* test_bf16.c - products that round their operands to bf16: the setting, how exact they are, the same bits on any number of threads.
 *
 * Random shapes stand in test_kernels_random.c.  Where the processor multiplies no bf16 all but the setting is skipped. */
#include "base/half.h"
#include "kernels/kernels.h"

#include <taper/taper.h>

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool lacks_bf16(void)
{
    if (!tp_has_bf16())
        print_message("this processor (or TAPER_ISA) has no products of bf16\n");
    return !tp_has_bf16();
}

/* ---- the setting ----------------------------------------------------------------------------------------------------- */

static tp_tensor *product(void)
{
    tp_manual_seed(3);
    return tp_matmul(tp_randn(TP_SHAPE(64, 64)), tp_randn(TP_SHAPE(64, 64)));
}

static bool is_same(tp_tensor *x, tp_tensor *y)
{
    return tp_item(tp_equal(x, y)) != 0;
}

static void the_setting_counts_from_then_on_and_precise_wins(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[200];
    assert_string_equal(tp_float32_matmul_precision(), "highest");
    tp_tensor *exact = product();
    assert_int_equal(tp_set_float32_matmul_precision("medium"), TP_OK);
    assert_string_equal(tp_float32_matmul_precision(), "medium");
    assert_int_equal(is_same(product(), exact), !tp_has_bf16());
    tp_set_precise(true);
    assert_true(is_same(product(), exact));
    tp_set_precise(false);
    assert_int_equal(tp_set_float32_matmul_precision("low"), TP_ERR_ARGUMENT);
    tp_error_take(text, sizeof text);
    assert_string_equal(text, "float32_matmul_precision: 'low'; highest or medium is wanted");
    assert_string_equal(tp_float32_matmul_precision(), "medium");
    tp_error_set(TP_ERR_STATE, "a run that failed"); /* and sets back what it had set */
    assert_int_equal(tp_set_float32_matmul_precision("highest"), TP_ERR_STATE);
    assert_string_equal(tp_float32_matmul_precision(), "highest");
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_STATE);
    assert_int_equal(tp_set_float32_matmul_precision("highest"), TP_OK);
    assert_true(is_same(product(), exact));
}

/* ---- how exact they are: against the operands, and against what base/half.h makes of them ----------------------------------- */

static uint32_t state = 1;

typedef struct operand {
    float *real;
    double *wide, *size, *rounded; /* the same; magnitudes; rounded to bf16 */
} operand;

static operand numbers(int64_t n)
{
    operand o = { malloc((size_t)n * sizeof *o.real), malloc((size_t)n * sizeof *o.wide),
                  malloc((size_t)n * sizeof *o.size), malloc((size_t)n * sizeof *o.rounded) };
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        o.real[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
        o.wide[i] = (double)o.real[i];
        o.size[i] = fabs(o.wide[i]);
        o.rounded[i] = (double)f32_of_bf16(bf16_of_f32(o.real[i]));
    }
    return o;
}

static void release(operand o)
{
    free(o.real), free(o.wide), free(o.size), free(o.rounded);
}

/* An operand has 8 bits, so it is off by 2^-8 of itself at most; each of k sums by 2^-23. */
static void check(const char *what, const float *got, const double *want, const double *rounded,
                  const double *size, int64_t n, int64_t k)
{
    const double sums = (double)k * 0x1p-23;
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs((double)got[i] - want[i]) <= (0x1p-7 + 0x1p-16 + sums) * size[i]))
            fail_msg("%s: element %lld is %.9g, wanted %.9g", what, (long long)i, (double)got[i], want[i]);
        if (!(fabs((double)got[i] - rounded[i]) <= sums * size[i]))
            fail_msg("%s: element %lld is %.9g, operands rounded to nearest even give %.9g", what,
                     (long long)i, (double)got[i], rounded[i]);
    }
}

static void multiply(int64_t m, int64_t n, int64_t k, bool at, bool bt)
{
    const kernel_table *t = kernels_bf16(), *ref = kernels_for("ref");
    operand a = numbers(m * k), b = numbers(k * n), c = numbers(m * n);
    gemm_args g = { .m = m,
                    .n = n,
                    .k = k,
                    .a_row = at ? 1 : k,
                    .a_col = at ? m : 1,
                    .b_row = bt ? 1 : n,
                    .b_col = bt ? k : 1,
                    .c_row = n },
              w = g;
    w.a = a.wide, w.b = b.wide, w.c = c.wide, ref->gemm[KT_F64](&w);
    w.a = a.size, w.b = b.size, w.c = c.size, ref->gemm[KT_F64](&w);
    w.a = a.rounded, w.b = b.rounded, w.c = c.rounded, ref->gemm[KT_F64](&w);
    g.a = a.real, g.b = b.real, g.c = c.real;
    g.scratch_bytes = t->gemm_scratch[KT_F32](&g);
    g.scratch = aligned_alloc(64, (g.scratch_bytes + 63) / 64 * 64);
    t->gemm[KT_F32](&g);
    char what[100];
    snprintf(what, sizeof what, "(%d, %d) of %d%s%s", (int)m, (int)n, (int)k, at ? ", a turned" : "",
             bt ? ", b turned" : "");
    check(what, c.real, c.wide, c.rounded, c.size, m * n, k);
    free(g.scratch);
    release(a), release(b), release(c);
}

static void products_round_their_operands_to_nearest_even(void **unused)
{
    (void)unused;
    static const int64_t shapes[][3] = { { 24, 24, 24 },    { 37, 55, 129 },  { 100, 33, 2051 },
                                         { 25, 300, 4097 }, { 300, 129, 64 }, { 64, 64, 2048 } };
    if (lacks_bf16())
        skip();
    for (size_t i = 0; i < 4 * sizeof shapes / sizeof *shapes; i++)
        multiply(shapes[i / 4][0], shapes[i / 4][1], shapes[i / 4][2], i & 1, i & 2);
}

static void convolve(const int64_t shape[7], conv_direction d)
{
    static const char *const names[] = { "convolution", "data gradient", "weight gradient" };
    const kernel_table *t = kernels_bf16();
    const conv_kernel *exact = &kernels_for("ref")->conv[1][CONV_DIRECT][d], *way = &t->conv[0][CONV_BF16][d];
    conv_args a = {
        .n = 3, .h = shape[0], .w = shape[0] + 2, .c = shape[1], .k = shape[2], .groups = shape[6]
    };
    for (int i = 0; i < 2; i++)
        a.kernel[i] = shape[3], a.stride[i] = shape[4], a.dilation[i] = 1, a.padding[i] = shape[5];
    a.oh = (a.h + 2 * shape[5] - shape[3]) / shape[4] + 1,
    a.ow = (a.w + 2 * shape[5] - shape[3]) / shape[4] + 1;
    if (conv_choose(t, 0, d, &a) != CONV_BF16)
        return;
    const int64_t nx = a.n * a.h * a.w * a.c, ny = a.n * a.oh * a.ow * a.k,
                  nw = a.k * (a.c / a.groups) * a.kernel[0] * a.kernel[1],
                  n = d == CONV_FORWARD         ? ny
                      : d == CONV_DATA_GRADIENT ? nx
                                                : nw;
    operand x = numbers(nx), dy = numbers(ny), w = numbers(nw), out = numbers(n);
    conv_args e = a;
    e.x = x.wide, e.dy = dy.wide, e.weight = w.wide, e.out = out.wide, exact->run(&e);
    e.x = x.size, e.dy = dy.size, e.weight = w.size, e.out = out.size, exact->run(&e);
    e.x = x.rounded, e.dy = dy.rounded, e.weight = w.rounded, e.out = out.rounded, exact->run(&e);
    a.x = x.real, a.dy = dy.real, a.weight = w.real, a.out = out.real;
    a.scratch_bytes = way->scratch(&a);
    a.scratch = aligned_alloc(64, (a.scratch_bytes + 63) / 64 * 64);
    way->run(&a);
    char what[100];
    snprintf(what, sizeof what, "%s of (%d, %d) to %d, kernel %d, stride %d, %d groups", names[d], (int)a.h,
             (int)a.c, (int)a.k, (int)shape[3], (int)shape[4], (int)a.groups);
    check(what, out.real, out.wide, out.rounded, out.size, n,
          d == CONV_WEIGHT_GRADIENT ? a.n * a.oh * a.ow
                                    : (d == CONV_FORWARD ? a.c : a.k) * shape[3] * shape[3]);
    free(a.scratch);
    release(x), release(dy), release(w), release(out);
}

static const int64_t convolutions[][7] = { /* height, channels in, out, kernel, stride, padding, groups */
                                           { 9, 64, 48, 1, 1, 0, 1 },   { 13, 33, 65, 1, 1, 0, 1 },
                                           { 28, 24, 130, 1, 1, 0, 1 }, { 9, 35, 70, 1, 2, 0, 1 },
                                           { 15, 32, 35, 3, 2, 1, 1 },  { 11, 17, 64, 7, 1, 3, 1 },
                                           { 12, 51, 54, 3, 2, 1, 3 },  { 26, 40, 20, 5, 2, 2, 1 }
};
enum { CONVOLUTIONS = sizeof convolutions / sizeof *convolutions };

static void convolutions_round_their_operands_to_nearest_even(void **unused)
{
    (void)unused;
    if (lacks_bf16())
        skip();
    for (int i = 0; i < CONVOLUTIONS; i++)
        for (int d = 0; d < CONV_DIRECTIONS; d++)
            convolve(convolutions[i], (conv_direction)d);
}

static void infinity_and_nan_stay_what_they_are(void **unused)
{
    (void)unused;
    if (lacks_bf16())
        skip();
    TP_SCOPE;
    tp_set_float32_matmul_precision("medium");
    tp_tensor *x = tp_ones(TP_SHAPE(32, 32)), *y = tp_ones(TP_SHAPE(32, 32));
    float *at = tp_data(x);
    at[5] = INFINITY, at[2 * 32 + 31] = NAN, at[3 * 32] = FLT_MAX;
    const float *z = tp_data(tp_matmul(x, y));
    assert_true(isinf(z[7]) && z[7] > 0);
    assert_true(z[32] == 32);
    assert_true(isnan(z[2 * 32]));
    assert_true(isinf(z[3 * 32])); /* FLT_MAX has no neighbour above it in bf16 */
    tp_set_float32_matmul_precision("highest");
}

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

enum { RESULTS = 6 };

static void results_of(const int64_t *shape, tp_tensor **out)
{
    TP_SCOPE;
    tp_manual_seed(7);
    tp_tensor *x = tp_requires_grad_(tp_randn(TP_SHAPE(5, shape[1], shape[0], shape[0])), true),
              *w = tp_requires_grad_(tp_randn(TP_SHAPE(shape[2], shape[1] / shape[6], shape[3], shape[3])),
                                     true);
    tp_tensor *y = tp_conv2d(x, w, .padding = shape[5], .stride = shape[4], .groups = shape[6], .relu = true);
    tp_backward(tp_sum(tp_square(y), TP_ALL_DIMS, false));
    tp_tensor *a = tp_requires_grad_(tp_randn(TP_SHAPE(40 * shape[0], 100)), true),
              *b = tp_requires_grad_(tp_randn(TP_SHAPE(5 * shape[0], 100)), true);
    tp_tensor *c = tp_linear(a, b, NULL);
    tp_backward(tp_sum(tp_square(c), TP_ALL_DIMS, false));
    tp_tensor *all[RESULTS] = { y, tp_grad(x), tp_grad(w), c, tp_grad(a), tp_grad(b) };
    for (int i = 0; i < RESULTS; i++)
        out[i] = tp_retain(all[i]);
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    static const int threads[] = { 1, 2, 3, 8 };
    const int before = tp_num_threads();
    if (lacks_bf16())
        skip();
    tp_set_float32_matmul_precision("medium");
    for (int s = 0; s < CONVOLUTIONS; s++) {
        tp_tensor *first[RESULTS], *now[RESULTS];
        for (int t = 0; t < 4; t++) {
            TP_SCOPE;
            tp_set_num_threads(threads[t]);
            results_of(convolutions[s], t ? now : first);
            for (int i = 0; i < RESULTS && t; i++) {
                assert_non_null(now[i]);
                assert_true(is_same(first[i], now[i]));
                tp_release(now[i]);
            }
        }
        for (int i = 0; i < RESULTS; i++)
            tp_release(first[i]);
    }
    tp_set_num_threads(before);
    tp_set_float32_matmul_precision("highest");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_setting_counts_from_then_on_and_precise_wins),
        cmocka_unit_test(products_round_their_operands_to_nearest_even),
        cmocka_unit_test(convolutions_round_their_operands_to_nearest_even),
        cmocka_unit_test(infinity_and_nan_stay_what_they_are),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
