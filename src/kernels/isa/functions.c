/* functions.c - exp, log, tanh, erf, the activations of most networks and softmax: kernels for f32 vectors.
 *
 * Layer: kernels.  Depends on functions.inc.h, which has the functions themselves.  Read next: trigonometry.c. */
#include "kernels/isa/functions.inc.h"

/* ---- activations and their slopes ------------------------------------------------------------------------------------------------ */

INLINE vec gelu_of(vec x)
{
    return x * normal_of(x).cdf;
}
INLINE vec gelu_slope(vec x)
{
    const normal n = normal_of(x);
    return n.cdf + x * (0.398942280f * TINY * n.density);
}
INLINE vec tanh_argument(vec x)
{
    return 0.797884561f * (x + 0.044715f * x * x * x);
}
INLINE vec gelu_tanh_of(vec x)
{
    return x * logistic_of(2.0f * tanh_argument(x));
}
INLINE vec silu_of(vec x)
{
    return x * logistic_of(x);
}
INLINE vec gelu_tanh_slope(vec x)
{
    vec s = logistic_of(2.0f * tanh_argument(x)), du = 0.797884561f * (1.0f + 0.134145f * x * x);
    return s + x * 2.0f * s * (1.0f - s) * du;
}
INLINE vec silu_slope(vec x)
{
    vec s = logistic_of(x);
    return s * (1.0f + x * (1.0f - s));
}

/* ---- kernels ------------------------------------------------------------------------------------------------------------------------ */

UNARY(exponential, exp_of)
UNARY(exponential_m1, expm1_of)
UNARY(logarithm, log_of)
UNARY(logarithm_1p, log1p_of)
UNARY(sine, sin_of)
UNARY(cosine, cos_of)
UNARY(error_function, erf_of)
UNARY(sigmoid, logistic_of)
UNARY(hyperbolic_tangent, tanh_of)
UNARY(gelu, gelu_of)
UNARY(gelu_tanh, gelu_tanh_of)
UNARY(silu, silu_of)

/* y = dy slope(x) */
#define SLOPE(name, f)                  \
    INLINE vec name##_of(vec dy, vec x) \
    {                                   \
        return dy * f(x);               \
    }                                   \
    BINARY(name, name##_of)

SLOPE(gelu_backward, gelu_slope)
SLOPE(gelu_tanh_backward, gelu_tanh_slope)
SLOPE(silu_backward, silu_slope)

/* Whole vectors are read and written as such: masks are slow on some machines. */
INLINE vec get(const float *p, mask_f32 m, bool whole)
{
    return whole ? load_f32(p) : load_first_f32(p, m);
}
INLINE void put(float *p, mask_f32 m, bool whole, vec v)
{
    if (whole)
        store_f32(p, v);
    else
        store_first_f32(p, m, v);
}

static float largest_of(const float *x, int64_t n) /* 0 where it is -infinity; a NaN is not looked at */
{
    vec top = splat(-INFINITY);
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        vec v = load_f32(x + i);
        top = either(v > top, v, top);
    }
    float lane[WIDTH], most = -INFINITY;
    store_f32(lane, top);
    for (int l = 0; l < WIDTH; l++)
        most = lane[l] > most ? lane[l] : most;
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most == -INFINITY ? 0 : most;
}

/* e^(x - top) of one vector, for the sum: lanes beyond the row count as 0. */
INLINE vec exp_part(float *y, const float *x, float top, mask_f32 m, bool whole)
{
    vec e = exp_of(get(x, m, whole) - top);
    if (y)
        put(y, m, whole, e);
    if (whole)
        return e;
    float lane[WIDTH];
    store_f32(lane, e);
    return load_first_f32(lane, m);
}

/* The sum of e^(x - top), whose terms are written where y is not NULL. */
static float sum_of_exp(float *y, const float *x, float top, int64_t n)
{
    vec sum = { 0 };
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        sum += exp_part(y ? y + i : NULL, x + i, top, first_f32(1), true);
    if (i < n)
        sum += exp_part(y ? y + i : NULL, x + i, top, first_f32((int)(n - i)), false);
    return sum_f32(sum);
}

static void softmax(void *y_, const void *x, int64_t n)
{
    float *y = y_, top = largest_of(x, n), sum = sum_of_exp(y, x, top, n);
    for (int64_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void log_softmax(void *y_, const void *x_, int64_t n)
{
    float *y = y_;
    const float *x = x_, top = largest_of(x, n), log_sum = logf(sum_of_exp(NULL, x, top, n));
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] - top - log_sum;
}

static void softmax_backward(void *dx_, const void *dy_, const void *y_, int64_t n)
{
    float *dx = dx_;
    const float *dy = dy_, *y = y_;
    vec sum = { 0 };
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        sum += load_f32(dy + i) * load_f32(y + i);
    if (i < n) {
        mask_f32 m = first_f32((int)(n - i));
        sum += load_first_f32(dy + i, m) * load_first_f32(y + i, m);
    }
    const float total = sum_f32(sum);
    for (i = 0; i < n; i++)
        dx[i] = y[i] * (dy[i] - total);
}

static void log_softmax_backward(void *dx_, const void *dy_, const void *y_, int64_t n)
{
    float *dx = dx_;
    const float *dy = dy_, *y = y_;
    vec sum = { 0 };
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        sum += load_f32(dy + i);
    mask_f32 m = first_f32((int)(n - i));
    if (i < n)
        sum += load_first_f32(dy + i, m);
    const float total = sum_f32(sum);
    for (i = 0; i + WIDTH <= n; i += WIDTH)
        store_f32(dx + i, load_f32(dy + i) - exp_of(load_f32(y + i)) * total);
    if (i < n)
        put(dx + i, m, false, load_first_f32(dy + i, m) - exp_of(load_first_f32(y + i, m)) * total);
}

/* ---- down columns: VECTORS vectors of them side by side; whole: none is partly filled ------------------------------------------------ */

enum { VECTORS = 4 };

INLINE void softmax_strip(float *y, const float *x, int64_t n, int64_t ld, int vectors, mask_f32 m,
                          bool whole, bool is_log)
{
    vec top[VECTORS], sum[VECTORS];
    for (int k = 0; k < vectors; k++)
        top[k] = splat(-INFINITY), sum[k] = splat(0);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < vectors; k++) {
            vec v = get(x + i * ld + k * WIDTH, m, whole);
            top[k] = either(v > top[k], v, top[k]);
        }
    for (int k = 0; k < vectors; k++)
        top[k] = either(top[k] == splat(-INFINITY), splat(0), top[k]);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < vectors; k++) {
            vec e = exp_of(get(x + i * ld + k * WIDTH, m, whole) - top[k]);
            sum[k] += e;
            if (!is_log)
                put(y + i * ld + k * WIDTH, m, whole, e);
        }
    for (int k = 0; k < vectors; k++)
        sum[k] = is_log ? log_of(sum[k]) : sum[k];
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < vectors; k++) {
            const int64_t at = i * ld + k * WIDTH;
            vec out = is_log ? get(x + at, m, whole) - top[k] - sum[k] : get(y + at, m, whole) / sum[k];
            put(y + at, m, whole, out);
        }
}

INLINE void softmax_strip_backward(float *dx, const float *dy, const float *y, int64_t n, int64_t ld,
                                   int vectors, mask_f32 m, bool whole, bool is_log)
{
    vec sum[VECTORS];
    for (int k = 0; k < vectors; k++)
        sum[k] = splat(0);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < vectors; k++) {
            const int64_t at = i * ld + k * WIDTH;
            vec g = get(dy + at, m, whole);
            sum[k] += is_log ? g : g * get(y + at, m, whole);
        }
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < vectors; k++) {
            const int64_t at = i * ld + k * WIDTH;
            vec g = get(dy + at, m, whole), out = get(y + at, m, whole);
            put(dx + at, m, whole, is_log ? g - exp_of(out) * sum[k] : out * (g - sum[k]));
        }
}

/* A column's value does not depend on its place: each lane computes alone. */
#define DOWN_COLUMNS(name, is_log)                                                                        \
    static void name##_cols(void *y_, const void *x_, int64_t n, int64_t cols, int64_t ld)                \
    {                                                                                                     \
        float *y = y_;                                                                                    \
        const float *x = x_;                                                                              \
        mask_f32 all = first_f32(WIDTH - 1);                                                              \
        int64_t c = 0;                                                                                    \
        for (; c + VECTORS * WIDTH <= cols; c += VECTORS * WIDTH)                                         \
            softmax_strip(y + c, x + c, n, ld, VECTORS, all, true, is_log);                               \
        for (; c + WIDTH <= cols; c += WIDTH)                                                             \
            softmax_strip(y + c, x + c, n, ld, 1, all, true, is_log);                                     \
        if (c < cols)                                                                                     \
            softmax_strip(y + c, x + c, n, ld, 1, first_f32((int)(cols - c)), false, is_log);             \
    }                                                                                                     \
    static void name##_cols_backward(void *dx_, const void *dy_, const void *y_, int64_t n, int64_t cols, \
                                     int64_t ld)                                                          \
    {                                                                                                     \
        float *dx = dx_;                                                                                  \
        const float *dy = dy_, *y = y_;                                                                   \
        mask_f32 all = first_f32(WIDTH - 1);                                                              \
        int64_t c = 0;                                                                                    \
        for (; c + VECTORS * WIDTH <= cols; c += VECTORS * WIDTH)                                         \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, VECTORS, all, true, is_log);             \
        for (; c + WIDTH <= cols; c += WIDTH)                                                             \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, 1, all, true, is_log);                   \
        if (c < cols)                                                                                     \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, 1, first_f32((int)(cols - c)), false,    \
                                   is_log);                                                               \
    }
DOWN_COLUMNS(softmax, false)
DOWN_COLUMNS(log_softmax, true)

void NAMED(fill_functions)(kernel_table *t)
{
    t->unary[KERNEL_EXP][KT_F32] = exponential;
    t->unary[KERNEL_EXPM1][KT_F32] = exponential_m1;
    t->unary[KERNEL_LOG][KT_F32] = logarithm;
    t->unary[KERNEL_LOG1P][KT_F32] = logarithm_1p;
    t->unary[KERNEL_SIN][KT_F32] = sine;
    t->unary[KERNEL_COS][KT_F32] = cosine;
    t->unary[KERNEL_ERF][KT_F32] = error_function;
    t->unary[KERNEL_SIGMOID][KT_F32] = sigmoid;
    t->unary[KERNEL_TANH][KT_F32] = hyperbolic_tangent;
    t->unary[KERNEL_GELU][KT_F32] = gelu;
    t->unary[KERNEL_GELU_TANH][KT_F32] = gelu_tanh;
    t->unary[KERNEL_SILU][KT_F32] = silu;
    t->binary[KERNEL_GELU_BACKWARD][KT_F32] = gelu_backward;
    t->binary[KERNEL_GELU_TANH_BACKWARD][KT_F32] = gelu_tanh_backward;
    t->binary[KERNEL_SILU_BACKWARD][KT_F32] = silu_backward;
    t->softmax[0] =
        (softmax_kernels){ .rows = { softmax, log_softmax },
                           .rows_backward = { softmax_backward, log_softmax_backward },
                           .cols = { softmax_cols, log_softmax_cols },
                           .cols_backward = { softmax_cols_backward, log_softmax_cols_backward } };
}
