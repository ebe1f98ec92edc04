/* test_kernels.c - every instruction set of this machine against the reference.
 *
 * Functions of f32 are compared with the f64 reference in units of the last place; products, convolutions and
 * reductions with a bound that follows from the number of terms; where each writes is fenced. */
#include "kernels/kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
}

static float number(void)
{
    return (float)draw(2001) / 1000.0f - 1;
}

enum { FENCE = 32 };

/* n floats between fences that must stay */
static float *fenced(int64_t n)
{
    float *p = aligned_alloc(64, (size_t)(n + 2 * FENCE + 16) / 16 * 64 + 64);
    for (int64_t i = 0; i < n + 2 * FENCE; i++)
        p[i] = i < FENCE || i >= n + FENCE ? 12345.0f : number();
    return p + FENCE;
}

static void unfence(float *p, int64_t n)
{
    for (int64_t i = 0; i < FENCE; i++) {
        assert_true(p[-1 - i] == 12345.0f);
        assert_true(p[n + i] == 12345.0f);
    }
    free(p - FENCE);
}

static double *widened(const float *p, int64_t n)
{
    double *wide = malloc((size_t)(n + 1) * sizeof *wide);
    for (int64_t i = 0; i < n; i++)
        wide[i] = (double)p[i];
    return wide;
}

static double units(float got, double want)
{
    if ((isnan(got) && isnan(want)) || (double)got == want)
        return 0;
    if (!isfinite(got) || !isfinite((float)want))
        return (double)got == (double)(float)want ? 0 : INFINITY;
    int exponent;
    frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static void check_near(const float *got, const double *want, int64_t n, double bound, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= bound))
            fail_msg("%s: element %lld is %g, wanted %g", what, (long long)i, (double)got[i], want[i]);
}

#define FOR_EACH_ISA(k)                              \
    for (int isa_ = 1; kernels_isa_at(isa_); isa_++) \
        for (const kernel_table *k = kernels_for(kernels_isa_at(isa_)); k; k = NULL)

/* ---- functions ---------------------------------------------------------------------------------------------------- */

typedef struct function_row {
    const char *name;
    unary_kernel kernel;
    double low, high, bound; /* |x| from low to high, both signs; bound in units of the last place */
} function_row;

static const function_row functions[] = {
    { "exp", KERNEL_EXP, 1e-38, 88, 3 },         { "expm1", KERNEL_EXPM1, 1e-38, 88, 4 },
    { "log", KERNEL_LOG, 1e-44, 3e38, 3 },       { "log1p", KERNEL_LOG1P, 1e-38, 3e38, 4 },
    { "sin", KERNEL_SIN, 1e-38, 100, 4 },        { "cos", KERNEL_COS, 1e-38, 1.5, 4 },
    { "erf", KERNEL_ERF, 1e-38, 10, 4 },         { "tanh", KERNEL_TANH, 1e-38, 100, 4 },
    { "sigmoid", KERNEL_SIGMOID, 1e-38, 80, 4 }, { "softplus", KERNEL_SOFTPLUS, 1e-38, 15, 6 },
    { "silu", KERNEL_SILU, 1e-37, 80, 5 },       { "gelu", KERNEL_GELU, 1e-37, 3, 12 },
};

static void functions_are_accurate(void **unused)
{
    (void)unused;
    enum { STEPS = 20000 };
    const kernel_table *ref = kernels_for("ref");
    float *x = malloc(2 * STEPS * sizeof *x), *y = malloc(2 * STEPS * sizeof *y);
    double *want = malloc(2 * STEPS * sizeof *want);
    FOR_EACH_ISA(k)
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        const function_row *row = &functions[f];
        double worst = 0, at = 0;
        for (int i = 0; i < STEPS; i++) {
            double v = row->low * pow(row->high / row->low, (double)i / (STEPS - 1));
            x[i] = (float)v, x[STEPS + i] = -(float)v;
        }
        double *wide = widened(x, 2 * STEPS);
        k->unary[row->kernel][KT_F32](y, x, 2 * STEPS, NULL);
        ref->unary[row->kernel][KT_F64](want, wide, 2 * STEPS, NULL);
        for (int i = 0; i < 2 * STEPS; i++)
            if (units(y[i], want[i]) > worst)
                worst = units(y[i], want[i]), at = wide[i];
        free(wide);
        print_message("%-8s %-9s %6.2f units at %g\n", k->isa, row->name, worst, at);
        if (worst > row->bound)
            fail_msg("%s: %s is %.2f units off at %g", k->isa, row->name, worst, at);
    }
    free(x), free(y), free(want);
}

static void special_arguments_give_what_the_reference_gives(void **unused)
{
    (void)unused;
    static const float x[] = { 0,       -0.0f, INFINITY, -INFINITY, NAN,  1e-45f,
                               -1e-45f, 3e38f, -3e38f,   89,        -104, 1e30f };
    enum { N = sizeof x / sizeof *x };
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        float y[N], want[N];
        k->unary[functions[f].kernel][KT_F32](y, x, N, NULL);
        ref->unary[functions[f].kernel][KT_F32](want, x, N, NULL);
        for (int i = 0; i < N; i++)
            if (units(y[i], (double)want[i]) > 8 && fabsf(y[i] - want[i]) > 1e-30f)
                fail_msg("%s: %s(%g) is %g, wanted %g", k->isa, functions[f].name, (double)x[i], (double)y[i],
                         (double)want[i]);
    }
}

static void a_value_does_not_depend_on_its_place(void **unused)
{
    (void)unused;
    FOR_EACH_ISA(k)
    for (int f = 0; f < KERNEL_UNARY_COUNT; f++)
        for (int64_t n = 1; n <= 40; n++) {
            static const double p[] = { -0.5, 0.5 };
            float *x = fenced(n), *y = fenced(n), one;
            k->unary[f][KT_F32](y, x, n, p);
            for (int64_t i = 0; i < n; i++) {
                k->unary[f][KT_F32](&one, x + i, 1, p);
                assert_memory_equal(&one, y + i, sizeof one);
            }
            unfence(x, n), unfence(y, n);
        }
}

/* ---- products -------------------------------------------------------------------------------------------------------- */

static void one_product(const kernel_table *k, int64_t m, int64_t n, int64_t depth, unsigned layout)
{
    const kernel_table *ref = kernels_for("ref");
    bool at = layout & 1, bt = layout & 2, wide_c = layout & 16;
    int64_t c_row = n + (wide_c ? 3 : 0), c_size = m ? (m - 1) * c_row + n : 0;
    float *a = fenced(m * depth), *b = fenced(depth * n), *c = fenced(c_size), *bias = fenced(n);
    double *wa = widened(a, m * depth), *wb = widened(b, depth * n), *wc = widened(c, c_size),
           *wbias = widened(bias, n);
    gemm_args g = { .m = m,
                    .n = n,
                    .k = depth,
                    .a = a,
                    .a_row = at ? 1 : depth,
                    .a_col = at ? m : 1,
                    .b = b,
                    .b_row = bt ? 1 : n,
                    .b_col = bt ? depth : 1,
                    .c = c,
                    .c_row = c_row,
                    .accumulate = layout & 4,
                    .bias = layout & 8 ? bias : NULL };
    gemm_args w = g;
    w.a = wa, w.b = wb, w.c = wc, w.bias = g.bias ? wbias : NULL;
    g.scratch = aligned_alloc(64, k->gemm_scratch[0](&g) + 64);
    k->gemm[0](&g);
    ref->gemm[1](&w);
    char what[96];
    snprintf(what, sizeof what, "%s: (%lld, %lld) of %lld, layout %u", k->isa, (long long)m, (long long)n,
             (long long)depth, layout);
    check_near(c, wc, c_size, 1e-6 * (4 + (double)depth), what);
    free(g.scratch), free(wa), free(wb), free(wc), free(wbias);
    unfence(a, m * depth), unfence(b, depth * n), unfence(c, c_size), unfence(bias, n);
}

static void products_agree(void **unused)
{
    (void)unused;
    static const int64_t sizes[] = { 1, 2, 3, 5, 7, 12, 13, 16, 17, 25, 31, 33, 64, 70, 130 };
    enum { N = sizeof sizes / sizeof *sizes };
    FOR_EACH_ISA(k)
    {
        for (unsigned layout = 0; layout < 32; layout++)
            for (int i = 0; i < 60; i++)
                one_product(k, sizes[draw(N)], sizes[draw(N)], sizes[draw(N)], layout);
        one_product(k, 5, 7, 0, 0);
        one_product(k, 150, 90, 1100, 0);
        one_product(k, 150, 90, 1100, 15);
        one_product(k, 3, 300, 2000, 2);
        one_product(k, 300, 1, 777, 0);
    }
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------ */

typedef void conv_fn(const conv_args *);
typedef size_t conv_scratch_fn(const conv_args *);

static void one_direction(const kernel_table *k, conv_args g, conv_args w, int direction, int64_t out_size,
                          double bound)
{
    const kernel_table *ref = kernels_for("ref");
    conv_fn *const run[] = { k->conv_forward[0], k->conv_data_gradient[0], k->conv_weight_gradient[0] };
    conv_fn *const want[] = { ref->conv_forward[1], ref->conv_data_gradient[1],
                              ref->conv_weight_gradient[1] };
    conv_scratch_fn *const scratch[] = { k->conv_forward_scratch[0], k->conv_data_gradient_scratch[0],
                                         k->conv_weight_gradient_scratch[0] };
    float *out = fenced(out_size);
    w.out = calloc((size_t)out_size + 1, sizeof(double));
    g.out = out;
    g.scratch = aligned_alloc(64, (scratch[direction](&g) + 127) / 64 * 64);
    run[direction](&g);
    want[direction](&w);
    char what[160];
    snprintf(what, sizeof what,
             "%s: direction %d of (%lld, %lld, %lld, %lld) k %lld kernel %lldx%lld stride %lld padding %lld "
             "dilation %lld groups %lld",
             k->isa, direction, (long long)g.n, (long long)g.h, (long long)g.w, (long long)g.c,
             (long long)g.k, (long long)g.kernel[0], (long long)g.kernel[1], (long long)g.stride[0],
             (long long)g.padding[0], (long long)g.dilation[0], (long long)g.groups);
    check_near(out, w.out, out_size, bound, what);
    free(g.scratch), free(w.out);
    unfence(out, out_size);
}

static void one_convolution(const kernel_table *k)
{
    conv_args g = {
        .n = 1 + draw(3), .h = 1 + draw(14), .w = 1 + draw(14), .groups = draw(3) ? 1 : 1 + draw(3)
    };
    g.c = g.groups * (1 + draw(draw(2) ? 4 : 20));
    g.k = g.groups * (1 + draw(draw(2) ? 8 : 40));
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = 1 + draw(5), g.stride[i] = 1 + draw(3), g.padding[i] = draw(4),
        g.dilation[i] = 1 + draw(2);
        int64_t room = (i ? g.w : g.h) + 2 * g.padding[i] - g.dilation[i] * (g.kernel[i] - 1) - 1;
        if (room < 0)
            return;
        *(i ? &g.ow : &g.oh) = room / g.stride[i] + 1;
    }
    int64_t nx = g.n * g.h * g.w * g.c, ny = g.n * g.oh * g.ow * g.k,
            nw = g.k * (g.c / g.groups) * g.kernel[0] * g.kernel[1];
    float *x = fenced(nx), *dy = fenced(ny), *weight = fenced(nw), *bias = fenced(g.k);
    conv_args w = g;
    g.x = x, g.dy = dy, g.weight = weight, g.bias = draw(2) ? bias : NULL;
    double *wx = widened(x, nx), *wdy = widened(dy, ny), *ww = widened(weight, nw), *wb = widened(bias, g.k);
    w.x = wx, w.dy = wdy, w.weight = ww, w.bias = g.bias ? wb : NULL;
    one_direction(k, g, w, 0, ny, 1e-6 * (4 + (double)nw));
    one_direction(k, g, w, 1, nx, 1e-6 * (4 + (double)nw));
    one_direction(k, g, w, 2, nw, 1e-6 * (4 + (double)ny));
    free(wx), free(wdy), free(ww), free(wb);
    unfence(x, nx), unfence(dy, ny), unfence(weight, nw), unfence(bias, g.k);
}

static void convolutions_agree(void **unused)
{
    (void)unused;
    FOR_EACH_ISA(k)
    for (int i = 0; i < 400; i++)
        one_convolution(k);
}

/* ---- reductions, rows ------------------------------------------------------------------------------------------------------ */

static void reductions_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int f = 0; f < KERNEL_REDUCE_COUNT; f++)
        for (int i = 0; i < 60; i++) {
            int64_t rows = 1 + draw(70), cols = 1 + draw(70);
            float *x = fenced(rows * cols), *y = fenced(cols);
            double *wide = widened(x, rows * cols), want[70];
            k->reduce_cols[f][KT_F32](y, x, rows, cols, cols);
            ref->reduce_cols[f][KT_F64](want, wide, rows, cols, cols);
            check_near(y, want, cols, 1e-4, k->isa);
            k->reduce_rows[f][KT_F32](y, x, rows * cols);
            ref->reduce_rows[f][KT_F64](want, wide, rows * cols);
            check_near(y, want, 1, 1e-3, k->isa);
            free(wide);
            unfence(x, rows * cols), unfence(y, cols);
        }
}

static void softmax_of_any_row_agrees(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int64_t n = 1; n <= 40; n++) {
        float *x = fenced(n), *y = fenced(n);
        for (int64_t i = 0; i < n; i++)
            x[i] *= 90;
        double *wide = widened(x, n), *want = widened(y, n);
        k->softmax[0](y, x, n), ref->softmax[1](want, wide, n);
        check_near(y, want, n, 2e-6, k->isa);
        k->log_softmax[0](y, x, n), ref->log_softmax[1](want, wide, n);
        check_near(y, want, n, 3e-5, k->isa);
        free(wide), free(want);
        unfence(x, n), unfence(y, n);
    }
}

static void dropout_keeps_the_same_elements(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    {
        float *x = fenced(1000), *y = fenced(1000), *want = fenced(1000);
        ref->dropout[0](want, x, 1000, 0.3, 7, 9, 0);
        k->dropout[0](y, x, 333, 0.3, 7, 9, 0); /* in two parts */
        k->dropout[0](y + 333, x + 333, 667, 0.3, 7, 9, 333);
        assert_memory_equal(y, want, 1000 * sizeof *y);
        unfence(x, 1000), unfence(y, 1000), unfence(want, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_accurate),
        cmocka_unit_test(special_arguments_give_what_the_reference_gives),
        cmocka_unit_test(a_value_does_not_depend_on_its_place),
        cmocka_unit_test(products_agree),
        cmocka_unit_test(convolutions_agree),
        cmocka_unit_test(reductions_agree),
        cmocka_unit_test(softmax_of_any_row_agrees),
        cmocka_unit_test(dropout_keeps_the_same_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
