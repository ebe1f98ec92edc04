/* test_conv_ways.c - the ways a convolution can go: which one is taken, how exact it is, the same bits on any number of threads. */
#include "kernels/kernels.h"

#include <taper/taper.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- how exact Winograd's algorithm is; docs/performance.md states this bound -------------------------------------------- */

static const double WINOGRAD_ERROR = 4e-5; /* largest error over the result's root mean square */

static uint32_t state = 1;

static float number(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (float)(1 << 23) - 1;
}

static void fill(float *narrow, double *wide, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        wide[i] = (double)(narrow[i] = number());
}

static double error_of(const kernel_table *k, conv_direction d, conv_args a, conv_way way)
{
    const int64_t nx = a.n * a.h * a.w * a.c, ny = a.n * a.oh * a.ow * a.k,
                  nw = a.k * a.c * a.kernel[0] * a.kernel[1];
    const int64_t n = d == CONV_FORWARD ? ny : d == CONV_DATA_GRADIENT ? nx : nw;
    float *x = malloc((size_t)nx * sizeof *x), *dy = malloc((size_t)ny * sizeof *dy),
          *w = malloc((size_t)nw * sizeof *w), *out = malloc((size_t)n * sizeof *out);
    double *wx = malloc((size_t)nx * sizeof *wx), *wdy = malloc((size_t)ny * sizeof *wdy),
           *ww = malloc((size_t)nw * sizeof *ww), *want = malloc((size_t)n * sizeof *want);
    fill(x, wx, nx), fill(dy, wdy, ny), fill(w, ww, nw);
    conv_args exact = a;
    exact.x = wx, exact.dy = wdy, exact.weight = ww, exact.out = want;
    kernels_for("ref")->conv[1][CONV_DIRECT][d].run(&exact);
    a.x = x, a.dy = dy, a.weight = w, a.out = out;
    a.scratch_bytes = k->conv[0][way][d].scratch(&a);
    a.scratch = aligned_alloc(64, (a.scratch_bytes + 63) / 64 * 64);
    k->conv[0][way][d].run(&a);
    double worst = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)out[i] - want[i]));
        squares += want[i] * want[i];
    }
    free(x), free(dy), free(w), free(out), free(wx), free(wdy), free(ww), free(want), free(a.scratch);
    return worst / sqrt(squares / (double)n);
}

static conv_args square(const int64_t shape[5], int64_t size, int64_t padding)
{
    conv_args a = { .n = shape[0], .h = shape[1], .w = shape[2], .c = shape[3], .k = shape[4], .groups = 1 };
    for (int i = 0; i < 2; i++)
        a.kernel[i] = size, a.stride[i] = a.dilation[i] = 1, a.padding[i] = padding;
    a.oh = a.h + 2 * padding - size + 1, a.ow = a.w + 2 * padding - size + 1;
    return a;
}

static void winograd_is_as_exact_as_stated(void **unused)
{
    (void)unused;
    static const int64_t shapes[][5] = {
        { 2, 18, 22, 64, 48 }, { 1, 14, 14, 256, 40 }, { 1, 7, 7, 300, 17 }, { 9, 20, 20, 16, 24 }
    };
    for (int isa = 1; kernels_isa_at(isa); isa++) {
        const kernel_table *k = kernels_for(kernels_isa_at(isa));
        for (size_t i = 0; k && i < 2 * sizeof shapes / sizeof *shapes; i++) {
            const size_t s = i / 2;
            const int64_t size = i % 2 ? 5 : 3;
            for (int64_t padding = s ? 1 : 0; padding < (s ? 2 : 3); padding++)
                for (int d = 0; d < CONV_DIRECTIONS; d++) {
                    const conv_args a = square(shapes[s], size, padding);
                    const bool few = d == CONV_WEIGHT_GRADIENT && (s == 1 || s == 2);
                    assert_true(few || conv_choose(k, 0, (conv_direction)d, &a) == CONV_WINOGRAD);
                    double error = error_of(k, (conv_direction)d, a, CONV_WINOGRAD);
                    if (!(error <= WINOGRAD_ERROR))
                        fail_msg("%s: direction %d of shape %zu, kernel %d, padding %d: error %g of the root "
                                 "mean square",
                                 k->isa, d, s, (int)size, (int)padding, error);
                }
        }
    }
}

/* ---- few channels ------------------------------------------------------------------------------------------------------ */

typedef struct narrow {
    int64_t shape[5], size, padding; /* n h w c k */
    int directions;                  /* that go this way: 1 forward, 2 data gradient, 4 weight gradient */
} narrow;

static void few_channels_are_exact(void **unused)
{
    (void)unused;
    static const narrow rows[] = {
        { { 3, 32, 32, 1, 6 }, 5, 0, 7 },  { { 40, 14, 14, 6, 16 }, 5, 0, 7 },
        { { 2, 14, 15, 6, 16 }, 5, 2, 7 }, { { 2, 9, 40, 4, 8 }, 3, 1, 7 },
        { { 1, 5, 3, 2, 7 }, 3, 1, 7 },    { { 5, 70, 9, 8, 13 }, 2, 0, 7 },
        { { 17, 12, 35, 3, 5 }, 7, 3, 7 }, { { 3, 8, 8, 8, 16 }, 4, 1, 7 },
        { { 2, 20, 18, 4, 3 }, 1, 0, 7 },
    };
    for (int isa = 1; kernels_isa_at(isa); isa++) {
        const kernel_table *k = kernels_for(kernels_isa_at(isa));
        for (size_t i = 0; k && i < sizeof rows / sizeof *rows; i++)
            for (int d = 0; d < CONV_DIRECTIONS; d++) {
                const narrow *r = &rows[i];
                if (!(r->directions >> d & 1))
                    continue;
                const conv_args a = square(r->shape, r->size, r->padding);
                assert_int_equal(conv_choose(k, 0, (conv_direction)d, &a), CONV_PLANAR);
                double error = error_of(k, (conv_direction)d, a, CONV_PLANAR);
                if (!(error <= 1e-5))
                    fail_msg("%s: direction %d of row %zu: error %g of the root mean square", k->isa, d, i,
                             error);
            }
    }
}

/* ---- which way is taken ---------------------------------------------------------------------------------------------------- */

static char last_line[512];

static void remember(const char *subject, const char *text, void *context)
{
    (void)context;
    assert_string_equal(subject, "select");
    snprintf(last_line, sizeof last_line, "%s", text);
}

static void convolve(int64_t c, int64_t k, int64_t size, int64_t kernel, int64_t groups)
{
    TP_SCOPE;
    assert_non_null(tp_conv2d(tp_randn(TP_SHAPE(2, c, size, size)),
                              tp_randn(TP_SHAPE(k, c / groups, kernel, kernel)), .padding = 1,
                              .groups = groups));
}

static void the_log_tells_the_way_and_why(void **unused)
{
    (void)unused;
    if (strcmp(tp_isa(), "ref") == 0)
        skip();
    tp_set_log("select", remember, NULL);
    convolve(64, 64, 12, 3, 1);
    assert_non_null(strstr(last_line, "winograd, 3x3 or 5x5 of stride 1"));
    convolve(64, 64, 12, 5, 1);
    assert_non_null(strstr(last_line, "winograd, 3x3 or 5x5 of stride 1"));
    convolve(64, 64, 12, 7, 1);
    assert_non_null(strstr(last_line, "direct, "));
    convolve(1, 6, 12, 5, 1);
    assert_non_null(strstr(last_line, "planar, "));
    tp_set_precise(true);
    assert_true(tp_precise());
    convolve(64, 64, 12, 3, 1);
    assert_non_null(strstr(last_line, "direct, precise"));
    tp_set_precise(false);
    last_line[0] = 0;
    tp_set_log(NULL, NULL, NULL);
    convolve(64, 64, 12, 3, 1);
    assert_string_equal(last_line, "");
}

/* ---- threads ----------------------------------------------------------------------------------------------------------------- */

typedef struct results {
    tp_tensor *of[3];
} results;

static results directions(int64_t c, int64_t k, int64_t size, int64_t kernel, int64_t stride, int64_t groups,
                          int64_t padding)
{
    TP_SCOPE;
    tp_manual_seed(7);
    tp_tensor *x = tp_requires_grad_(tp_randn(TP_SHAPE(5, c, size, size)), true),
              *w = tp_requires_grad_(tp_randn(TP_SHAPE(k, c / groups, kernel, kernel)), true);
    tp_tensor *y = tp_conv2d(x, w, .padding = padding, .stride = stride, .groups = groups, .relu = true);
    tp_backward(tp_sum(tp_square(y), TP_ALL_DIMS, false));
    results r = { { tp_retain(y), tp_retain(tp_grad(x)), tp_retain(tp_grad(w)) } };
    return r;
}

static void bits_do_not_depend_on_threads(void **unused)
{
    (void)unused;
    static const int64_t shapes[][7] = { { 1, 6, 28, 5, 1, 1, 1 },    { 6, 16, 14, 5, 1, 1, 1 },
                                         { 64, 64, 30, 3, 1, 1, 1 },  { 96, 40, 7, 3, 1, 1, 1 },
                                         { 48, 48, 17, 3, 1, 48, 1 }, { 32, 70, 17, 3, 2, 1, 1 },
                                         { 64, 64, 15, 1, 2, 1, 1 },  { 64, 80, 15, 1, 2, 1, 0 },
                                         { 3, 24, 33, 7, 2, 1, 1 },   { 12, 12, 15, 3, 1, 4, 1 } };
    const int before = tp_num_threads();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        results first = { 0 };
        for (int t = 0; t < 4; t++) {
            static const int threads[] = { 1, 2, 3, 8 };
            TP_SCOPE;
            tp_set_num_threads(threads[t]);
            results r = directions(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], shapes[s][4],
                                   shapes[s][5], shapes[s][6]);
            for (int i = 0; i < 3; i++) {
                assert_non_null(r.of[i]);
                if (t == 0)
                    first.of[i] = r.of[i];
                else {
                    assert_true(tp_item(tp_equal(first.of[i], r.of[i])) != 0);
                    tp_release(r.of[i]);
                }
            }
        }
        for (int i = 0; i < 3; i++)
            tp_release(first.of[i]);
    }
    tp_set_num_threads(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(winograd_is_as_exact_as_stated),
        cmocka_unit_test(few_channels_are_exact),
        cmocka_unit_test(the_log_tells_the_way_and_why),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
