/* test_kernels.c - every instruction set of this machine against the reference.
 *
 * Functions of f32 are compared with the f64 reference in units of the last place; products, convolutions and
 * reductions with a bound that follows from the number of terms; where each writes is fenced. */
#include "kernels/kernels.h"
#include "support/accuracy.h"

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

/* `make accuracy` looks at every bit pattern; here are enough of them for each exponent, fewer where TAPER_ACCURACY_STEP says so. */
static void functions_are_accurate(void **unused)
{
    (void)unused;
    const char *step = getenv("TAPER_ACCURACY_STEP");
    for (int i = 0; i < accuracy_row_count; i++) {
        const accuracy_row *row = &accuracy_rows[i];
        accuracy_worst worst[ACCURACY_ISAS];
        int isas = accuracy_measure(row, step ? (uint32_t)strtoul(step, NULL, 10) : 4099, worst);
        for (int k = 0; k < isas; k++)
            if (!(worst[k].units <= row->bound))
                fail_msg("%s: %s(%.9g) is %.9g, exactly %.12g: %.2f units off, at most %g wanted",
                         worst[k].isa, row->name, (double)worst[k].at, (double)worst[k].got, worst[k].wanted,
                         worst[k].units, row->bound);
    }
}

static void special_arguments_give_what_the_reference_gives(void **unused)
{
    (void)unused;
    static const float x[] = { 0,       -0.0f, INFINITY, -INFINITY, NAN,  1e-45f,
                               -1e-45f, 3e38f, -3e38f,   89,        -104, 1e30f };
    enum { N = sizeof x / sizeof *x };
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (size_t f = 0; f < (size_t)accuracy_row_count; f++) {
        float y[N], want[N];
        k->unary[accuracy_rows[f].kernel][KT_F32](y, x, N, accuracy_parameters);
        ref->unary[accuracy_rows[f].kernel][KT_F32](want, x, N, accuracy_parameters);
        for (int i = 0; i < N; i++)
            if (accuracy_units(y[i], (double)want[i]) > 8 && fabsf(y[i] - want[i]) > 1e-30f)
                fail_msg("%s: %s(%g) is %g, wanted %g", k->isa, accuracy_rows[f].name, (double)x[i],
                         (double)y[i], (double)want[i]);
    }
}

static void a_value_does_not_depend_on_its_place(void **unused)
{
    (void)unused;
    FOR_EACH_ISA(k)
    for (int f = 0; f < KERNEL_UNARY_COUNT; f++)
        for (int64_t n = 1; n <= 40; n++) {
            static const double p[] = { -0.5, 0.5, 0, 0 };
            if (!k->unary[f][KT_F32])
                continue; /* of integers only */
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
    g.scratch_bytes = k->gemm_scratch[0](&g);
    g.scratch = aligned_alloc(64, g.scratch_bytes / 64 * 64 + 64);
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
        one_product(k, 300, 260, 64, 2); /* shared out by rows, both sides copied by each thread */
        one_product(k, 300, 260, 0, 0);
        one_product(k, 200, 100, 1100, 12);
        one_product(k, 200, 150, 1100, 14); /* B copied once */
        one_product(k, 280, 300, 1000, 1);
        one_product(k, 65, 64, 771, 1); /* in parts of K */
        one_product(k, 25, 48, 1030, 1 | 16);
    }
}

/* ---- convolutions ------------------------------------------------------------------------------------------------------ */

static void one_direction(const kernel_table *k, conv_args g, conv_args w, conv_direction direction,
                          int64_t out_size, double bound)
{
    const kernel_table *ref = kernels_for("ref");
    const conv_kernel *way = &k->conv[0][conv_choose(k, 0, direction, &g)][direction];
    float *out = fenced(out_size);
    w.out = calloc((size_t)out_size + 1, sizeof(double));
    g.out = out;
    g.scratch = aligned_alloc(64, (way->scratch(&g) + 127) / 64 * 64);
    g.scratch_bytes = way->scratch(&g);
    way->run(&g);
    ref->conv[1][CONV_DIRECT][direction].run(&w);
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
    one_direction(k, g, w, CONV_FORWARD, ny, 1e-6 * (4 + (double)nw));
    one_direction(k, g, w, CONV_DATA_GRADIENT, nx, 1e-6 * (4 + (double)nw));
    one_direction(k, g, w, CONV_WEIGHT_GRADIENT, nw, 1e-6 * (4 + (double)ny));
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
        k->softmax[0].rows[0](y, x, n), ref->softmax[1].rows[0](want, wide, n);
        check_near(y, want, n, 2e-6, k->isa);
        k->softmax[0].rows[1](y, x, n), ref->softmax[1].rows[1](want, wide, n);
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

/* ---- more of the functions ---------------------------------------------------------------------------------------------- */

static void functions_of_two_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int f = 0; f < KERNEL_BINARY_COUNT; f++)
        for (int64_t n = 1; n <= 40 && k->binary[f][KT_F32] && f != KERNEL_DIV_TRUNC;
             n++) /* a / b is rounded before */
            for (int s = 0; s < 4; s++) {
                float *a = fenced(n), *b = fenced(n), *y = fenced(n);
                for (int64_t i = 0; i < n; i++) {
                    a[i] = f == KERNEL_POW ? fabsf(a[i]) + 0.1f : a[i];
                    b[i] = f == KERNEL_DIV ? b[i] + (b[i] < 0 ? -0.1f : 0.1f) : 4 * b[i];
                }
                double *wa = widened(a, n), *wb = widened(b, n), *want = widened(y, n);
                k->binary[f][KT_F32](y, a, s & 1, b, s >> 1, n);
                ref->binary[f][KT_F64](want, wa, s & 1, wb, s >> 1, n);
                for (int64_t i = 0; i < n; i++)
                    if (fabs((double)y[i] - want[i]) > 2e-6 * (1 + fabs(want[i])))
                        fail_msg("%s: binary %d of %g, %g is %g, wanted %g", k->isa, f, wa[s & 1 ? i : 0],
                                 wb[s >> 1 ? i : 0], (double)y[i], want[i]);
                free(wa), free(wb), free(want);
                unfence(a, n), unfence(b, n), unfence(y, n);
            }
}

/* Pairs of any size and sign, and of the values that C's annex F names, in units of the last place. */
static void functions_of_two_are_accurate(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        binary_kernel kernel;
        double range; /* powers of 2 of the operands: both ways */
        double bound;
    } rows[] = { { "pow", KERNEL_POW, 6, 1.1 },           { "atan2", KERNEL_ATAN2, 60, 4 },
                 { "hypot", KERNEL_HYPOT, 126, 1.1 },     { "fmod", KERNEL_FMOD, 40, 0 },
                 { "remainder", KERNEL_REMAINDER, 4, 1 }, { "xlogy", KERNEL_XLOGY, 30, 5 },
                 { "logaddexp", KERNEL_LOGADDEXP, 6, 4 }, { "logaddexp2", KERNEL_LOGADDEXP2, 6, 4 } };
    static const float special[] = { 0,           -0.0f, 1,      -1,       2,         -2,
                                     3,           -3,    0.5f,   -0.5f,    1e-45f,    -1e-45f,
                                     16777217.0f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN };
    enum { N = 40000, S = sizeof special / sizeof *special };
    const kernel_table *ref = kernels_for("ref");
    float *a = malloc((N + S * S) * sizeof *a), *b = malloc((N + S * S) * sizeof *b),
          *y = malloc((N + S * S) * sizeof *y);
    double *want = malloc((N + S * S) * sizeof *want);
    FOR_EACH_ISA(k)
    for (size_t f = 0; f < sizeof rows / sizeof *rows; f++) {
        double worst = 0;
        int at = 0;
        for (int i = 0; i < N + S * S; i++) {
            a[i] = i < N ? number() * exp2f((float)rows[f].range * number()) : special[(i - N) / S];
            b[i] = i < N ? number() * exp2f((float)rows[f].range * number()) : special[(i - N) % S];
            a[i] = i < N && rows[f].kernel == KERNEL_POW ? fabsf(a[i]) : a[i];
        }
        double *wa = widened(a, N + S * S), *wb = widened(b, N + S * S);
        k->binary[rows[f].kernel][KT_F32](y, a, 1, b, 1, N + S * S);
        ref->binary[rows[f].kernel][KT_F64](want, wa, 1, wb, 1, N + S * S);
        for (int i = 0; i < N + S * S; i++) {
            bool cancels = rows[f].kernel >= KERNEL_LOGADDEXP && rows[f].kernel <= KERNEL_LOGADDEXP2 &&
                           fabs(want[i]) < 0.5;
            if (!cancels && accuracy_units(y[i], want[i]) > worst)
                worst = accuracy_units(y[i], want[i]), at = i;
        }
        print_message("%-8s %-10s %6.2f units at %g, %g\n", k->isa, rows[f].name, worst, wa[at], wb[at]);
        if (worst > rows[f].bound)
            fail_msg("%s: %s of %.9g, %.9g is %.9g, wanted %.9g", k->isa, rows[f].name, wa[at], wb[at],
                     (double)y[at], want[at]);
        free(wa), free(wb);
    }
    free(a), free(b), free(y), free(want);
}

/* ---- more of the products ------------------------------------------------------------------------------------------------ */

/* A's and B's elements apart in both directions; f32 and f64. */
static void products_of_strided_operands_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int run = 0; run < 300; run++) {
        int64_t m = 1 + draw(70), n = 1 + draw(70), depth = draw(71);
        int64_t ac = 1 + draw(3), bc = 1 + draw(3), ar = depth * ac + draw(3), br = n * bc + draw(3);
        int64_t na = m * ar + 1, nb = depth * br + 1, nc = m * n;
        float *a = fenced(na), *b = fenced(nb), *c = fenced(nc), *bias = fenced(n);
        double *wa = widened(a, na), *wb = widened(b, nb), *wc = widened(c, nc), *again = widened(c, nc),
               *wbias = widened(bias, n);
        gemm_args g = { .m = m,
                        .n = n,
                        .k = depth,
                        .a = a,
                        .a_row = ar,
                        .a_col = ac,
                        .b = b,
                        .b_row = br,
                        .b_col = bc,
                        .c = c,
                        .c_row = n,
                        .accumulate = draw(2),
                        .bias = draw(2) ? bias : NULL };
        gemm_args w = g;
        w.a = wa, w.b = wb, w.c = wc, w.bias = g.bias ? wbias : NULL;
        ref->gemm[1](&w);
        g.scratch_bytes = k->gemm_scratch[0](&g);
        g.scratch = aligned_alloc(64, (g.scratch_bytes + 127) / 64 * 64);
        k->gemm[0](&g);
        check_near(c, wc, nc, 1e-6 * (4 + (double)depth), k->isa);
        free(g.scratch);
        w.c = again;
        w.scratch_bytes = k->gemm_scratch[1](&w);
        w.scratch = aligned_alloc(64, (w.scratch_bytes + 127) / 64 * 64);
        k->gemm[1](&w);
        for (int64_t i = 0; i < nc; i++)
            if (!(fabs(again[i] - wc[i]) <= 1e-14 * (4 + (double)depth)))
                fail_msg("%s: f64 product (%lld, %lld) of %lld: %g, wanted %g", k->isa, (long long)m,
                         (long long)n, (long long)depth, again[i], wc[i]);
        free(w.scratch), free(wa), free(wb), free(wc), free(again), free(wbias);
        unfence(a, na), unfence(b, nb), unfence(c, nc), unfence(bias, n);
    }
}

/* ---- first of several, pools ---------------------------------------------------------------------------------------------- */

static void the_first_largest_is_found(void **unused)
{
    (void)unused;
    FOR_EACH_ISA(k)
    for (int64_t n = 1; n <= 40; n++)
        for (int64_t stride = 1; stride <= 3; stride++)
            for (int run = 0; run < 20; run++) {
                float *x = fenced(n * stride);
                int64_t high = 0, low = 0, number_at = -1;
                for (int64_t i = 0; i < n; i++) {
                    x[i * stride] = run % 4 == 3 && !draw(12) ? NAN : (float)draw(4);
                    number_at = number_at < 0 && isnan(x[i * stride]) ? i : number_at;
                    high = x[i * stride] > x[high * stride] ? i : high;
                    low = x[i * stride] < x[low * stride] ? i : low;
                }
                assert_int_equal(k->argmax[KT_F32](x, n, stride), number_at < 0 ? high : number_at);
                assert_int_equal(k->argmin[KT_F32](x, n, stride), number_at < 0 ? low : number_at);
                unfence(x, n * stride);
            }
}

static void pools_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int run = 0; run < 400; run++) {
        pool_args a = {
            .h = 1 + draw(12), .w = 1 + draw(12), .c = 1 + draw(run % 4 ? 40 : 150), .exclude_pad = draw(2)
        };
        for (int i = 0; i < 2; i++) {
            a.kernel[i] = 1 + draw(4), a.stride[i] = 1 + draw(3), a.dilation[i] = 1;
            a.padding[i] = draw((uint32_t)a.kernel[i] / 2 + 1);
            int64_t room = (i ? a.w : a.h) + 2 * a.padding[i] - a.kernel[i];
            *(i ? &a.ow : &a.oh) = room < 0 ? 0 : room / a.stride[i] + 1;
        }
        a.end_row = a.oh, a.end_channel = a.c;
        int64_t nx = a.h * a.w * a.c, ny = a.oh * a.ow * a.c;
        float *x = fenced(nx), *y = fenced(ny), *dx = fenced(nx);
        double *wx = widened(x, nx), *wy = widened(y, ny), *wdx = widened(dx, nx);
        int64_t *at = malloc((size_t)(ny + 1) * sizeof *at), *want = malloc((size_t)(ny + 1) * sizeof *want);
        k->max_pool[0](&a, y, at, x), ref->max_pool[1](&a, wy, want, wx);
        check_near(y, wy, ny, 0, k->isa);
        assert_memory_equal(at, want, (size_t)ny * sizeof *at);
        k->max_pool_backward[0](&a, dx, y, at), ref->max_pool_backward[1](&a, wdx, wy, want);
        check_near(dx, wdx, nx, 1e-5, k->isa);
        k->avg_pool[0](&a, y, x), ref->avg_pool[1](&a, wy, wx);
        check_near(y, wy, ny, 1e-6, k->isa);
        k->avg_pool_backward[0](&a, dx, y), ref->avg_pool_backward[1](&a, wdx, wy);
        check_near(dx, wdx, nx, 1e-5, k->isa);
        free(wx), free(wy), free(wdx), free(at), free(want);
        unfence(x, nx), unfence(y, ny), unfence(dx, nx);
    }
}

/* ---- rows of large numbers, and backwards ---------------------------------------------------------------------------------- */

static void softmax_of_large_numbers_and_its_gradient_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int64_t n = 1; n <= 40; n++) {
        float *x = fenced(n), *y = fenced(n), *dy = fenced(n), *dx = fenced(n);
        for (int64_t i = 0; i < n; i++)
            x[i] = draw(3) ? 1e30f * (float)draw(3) : -INFINITY;
        x[draw((uint32_t)n)] = 2e30f;
        double *wx = widened(x, n), *want = widened(y, n), *wdy = widened(dy, n), *wdx = widened(dx, n);
        k->softmax[0].rows[0](y, x, n), ref->softmax[1].rows[0](want, wx, n);
        check_near(y, want, n, 1e-6, k->isa);
        k->softmax[0].rows_backward[0](dx, dy, y, n), ref->softmax[1].rows_backward[0](wdx, wdy, want, n);
        check_near(dx, wdx, n, 2e-6, k->isa);
        for (int64_t i = 0; i < n; i++)
            x[i] = 3 * number(), wx[i] = (double)x[i];
        k->softmax[0].rows[1](y, x, n), ref->softmax[1].rows[1](want, wx, n);
        k->softmax[0].rows_backward[1](dx, dy, y, n), ref->softmax[1].rows_backward[1](wdx, wdy, want, n);
        check_near(dx, wdx, n, 1e-5, k->isa);
        free(wx), free(want), free(wdy), free(wdx);
        unfence(x, n), unfence(y, n), unfence(dy, n), unfence(dx, n);
    }
}

/* ---- steps of the optimizers ------------------------------------------------------------------------------------------------ */

/* state[0]: parameters, then up to three states */
static void one_step(const kernel_table *k, int type, int variant, void *const *s, const void *grad,
                     int64_t n)
{
    int v = variant / 4;
    bool one = v & 1, two = v & 2;
    switch (variant % 4) {
    case 0:
        k->sgd[type](s[0], grad, v ? s[1] : NULL, n,
                     &(sgd_args){ .lr = 0.1,
                                  .momentum = v ? 0.9 : 0,
                                  .weight_decay = 0.01,
                                  .grad_scale = 0.5,
                                  .nesterov = one,
                                  .averaging = two,
                                  .first = v == 1 });
        return;
    case 1:
        k->adam[type](s[0], grad, s[1], s[2], one ? s[3] : NULL, n,
                      &(adam_args){ .lr = 0.1,
                                    .beta1 = 0.9,
                                    .beta2 = 0.99,
                                    .eps = 1e-3,
                                    .weight_decay = 0.01,
                                    .correction1 = 0.19,
                                    .correction2 = 0.0199,
                                    .decoupled = two,
                                    .amsgrad = one });
        return;
    case 2:
        k->rmsprop[type](s[0], grad, s[1], one ? s[2] : NULL, two ? s[3] : NULL, n,
                         &(rmsprop_args){ .lr = 0.1,
                                          .alpha = 0.9,
                                          .eps = 1e-3,
                                          .weight_decay = 0.01,
                                          .momentum = two ? 0.9 : 0,
                                          .centered = one });
        return;
    default:
        k->adagrad[type](s[0], grad, s[1], n,
                         &(adagrad_args){ .lr = 0.1, .eps = 1e-3, .weight_decay = 0.01 });
    }
}

static void optimizer_steps_agree(void **unused)
{
    (void)unused;
    const kernel_table *ref = kernels_for("ref");
    FOR_EACH_ISA(k)
    for (int variant = 0; variant < 16; variant++)
        for (int64_t n = 1; n <= 70; n++) {
            float *s[4], *grad = fenced(n);
            double *w[4], *wide = widened(grad, n);
            for (int i = 0; i < 4; i++) {
                s[i] = fenced(n);
                /* squares: at least 2, so that a centered one stays above its mean's square */
                for (int64_t j = 0; i > 0 && j < n; j++)
                    s[i][j] = i == 1 ? 2 + fabsf(s[i][j]) : fabsf(s[i][j]);
                w[i] = widened(s[i], n);
            }
            for (int step = 0; step < 3; step++) {
                one_step(k, 0, variant, (void *const *)s, grad, n);
                one_step(ref, 1, variant, (void *const *)w, wide, n);
            }
            for (int i = 0; i < 4; i++) {
                char what[64];
                snprintf(what, sizeof what, "%s: optimizer %d, state %d", k->isa, variant, i);
                check_near(s[i], w[i], n, 2e-5, what);
                free(w[i]);
                unfence(s[i], n);
            }
            free(wide);
            unfence(grad, n);
        }
}

/* ---- conversions -------------------------------------------------------------------------------------------------------------- */

/* All 100 pairs: small integers, which every type holds, there and back; strides 0 to 3; the same bits as the reference. */
static void conversions_agree(void **unused)
{
    (void)unused;
    static const size_t size[STORED_TYPES] = { 4, 8, 2, 2, 8, 4, 2, 1, 1, 1 };
    enum { I64 = 4, U8 = 8, TRUTH = 9, N = 40 };
    const kernel_table *ref = kernels_for("ref");
    for (int isa = 0; kernels_isa_at(isa); isa++) {
        const kernel_table *k = kernels_for(kernels_isa_at(isa));
        for (int from = 0; k && from < STORED_TYPES; from++)
            for (int to = 0; to < STORED_TYPES; to++)
                for (int64_t ds = 1; ds <= 3; ds++)
                    for (int64_t ss = 0; ss <= 3; ss++) {
                        int64_t plain[N], back[N], n = 1 + draw(N);
                        unsigned char src[3 * N * 8 + 8], dst[3 * N * 8 + 8], want[3 * N * 8 + 8];
                        for (int64_t i = 0; i < n; i++)
                            plain[i] = from == TRUTH || to == TRUTH ? draw(2)
                                       : from == U8 || to == U8     ? draw(128)
                                                                    : (int64_t)draw(255) - 127;
                        memset(src, 0, sizeof src), memset(dst, 0xa5, sizeof dst),
                            memset(want, 0xa5, sizeof want);
                        ref->convert[from][I64](src, ss ? ss : 1, plain, 1, n);
                        k->convert[to][from](dst, ds, src, ss, n);
                        ref->convert[to][from](want, ds, src, ss, n);
                        assert_memory_equal(dst, want, sizeof dst);
                        for (size_t i = (size_t)((n - 1) * ds + 1) * size[to]; i < sizeof dst; i++)
                            assert_int_equal(dst[i], 0xa5);
                        k->convert[I64][to](back, 1, dst, ds, n);
                        for (int64_t i = 0; i < n; i++)
                            if (back[i] != plain[ss ? i : 0])
                                fail_msg("%s: type %d to %d, strides %d %d: %lld became %lld", k->isa, from,
                                         to, (int)ds, (int)ss, (long long)plain[ss ? i : 0],
                                         (long long)back[i]);
                    }
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
        cmocka_unit_test(functions_of_two_agree),
        cmocka_unit_test(functions_of_two_are_accurate),
        cmocka_unit_test(products_of_strided_operands_agree),
        cmocka_unit_test(the_first_largest_is_found),
        cmocka_unit_test(pools_agree),
        cmocka_unit_test(softmax_of_large_numbers_and_its_gradient_agree),
        cmocka_unit_test(optimizer_steps_agree),
        cmocka_unit_test(conversions_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
