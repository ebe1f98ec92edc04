/* functions.c - exp, log, tanh, erf and their kin for f32 vectors, and the kernels made of them.
 *
 * Each is a range reduction and a polynomial fitted to less than 1e-8 (weighted Chebyshev fit of the exact function),
 * accurate to a few units in the last place, also relatively, down to the smallest arguments.  Every element goes through the same vector
 * code, the last ones of a row in a partly filled vector, so a value does not depend on its place.
 * Layer: kernels.  Depends on simd.h.  Read next: ../dispatch.c. */
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"

#include <math.h>

typedef vf32 vec;
typedef vi32 mask;
typedef uint32_t vu32 __attribute__((vector_size(VECTOR_BYTES)));
enum { WIDTH = LANES_F32 };

INLINE vec splat(float x)
{
    return x - (vec){ 0 };
}
INLINE vec either(mask m, vec yes, vec no)
{
    return (vec)((m & (mask)yes) | (~m & (mask)no));
}
INLINE vec magnitude(vec x)
{
    return (vec)((mask)x & 0x7fffffff);
}
INLINE vec with_sign(vec x, vec sign)
{
    return (vec)((mask)x | ((mask)sign & (int32_t)0x80000000));
}
INLINE vec at_least(vec x, float low)
{
    return either(x < low, splat(low), x);
} /* NaN stays */
INLINE vec at_most(vec x, float high)
{
    return either(x > high, splat(high), x);
}

#define HORNER(x, ...) \
    horner(x, (const float[]){ __VA_ARGS__ }, sizeof((const float[]){ __VA_ARGS__ }) / sizeof(float))
INLINE vec horner(vec x, const float *c, int n) /* lowest power first */
{
    vec y = splat(c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        y = y * x + c[i];
    return y;
}

INLINE vec power_of_2(mask n) /* n in [-126, 127] */
{
    return (vec)((vu32)(n + 127) << 23);
}

/* ---- exp: e^x = 2^n e^r, |r| <= ln(2)/2 ------------------------------------------------------------------------------ */

typedef struct reduced {
    mask n;
    vec r, p; /* p = e^r - 1 */
} reduced;

INLINE reduced reduce_exp(vec x)
{
    reduced e;
    vec n = (x * 1.44269504f + 12582912.0f) - 12582912.0f; /* nearest integer */
    e.n =
        __builtin_convertvector(either(magnitude(n) <= 200.0f, n, splat(0)), mask); /* p carries the NaN on */
    e.r = (x - n * 0.693359375f) + n * 2.12194440e-4f;                              /* ln 2 in two parts */
    e.p = e.r +
          e.r * e.r *
              HORNER(e.r, 0.5f, 0.166666665f, 0.0416664632f, 0.00833336105f, 0.00139338561f, 0.000198578808f);
    return e;
}

INLINE vec exp_of(vec x)
{
    reduced e = reduce_exp(at_most(at_least(x, -105.0f), 89.5f));
    mask half = e.n >> 1; /* in two steps, so that tiny and huge results come out right */
    return (e.p + 1.0f) * power_of_2(half) * power_of_2(e.n - half);
}

INLINE vec expm1_of(vec x)
{
    reduced e = reduce_exp(at_most(at_least(x, -40.0f), 89.0f));
    vec scale = power_of_2(e.n - 1);
    return either(e.n == 0, either(x == 0, x, e.p), (scale * e.p + (scale - 0.5f)) * 2.0f);
}

INLINE vec logistic_of(vec x)
{
    vec e = exp_of(-magnitude(x));
    return either(x < 0, e, splat(1)) / (e + 1.0f);
}

INLINE vec tanh_of(vec x)
{
    vec a = at_most(magnitude(x), 10.0f), e = expm1_of(a + a);
    return with_sign(e / (e + 2.0f), x);
}

/* ---- log: x = 2^n (1 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1) ------------------------------------------------------------ */

INLINE vec log_of(vec x)
{
    mask tiny = x < 0x1p-126f;
    vec scaled = either(tiny, x * 0x1p25f, x);
    mask n = (mask)((vu32)scaled - 0x3f3504f3u) >> 23;
    vec f = (vec)((vu32)scaled - ((vu32)n << 23)) - 1.0f;
    vec e = __builtin_convertvector(n - (tiny & 25), vec);
    vec p = HORNER(f, 0.333333333f, -0.249999902f, 0.200000031f, -0.16668007f, 0.142868956f, -0.124509131f,
                   0.110313161f, -0.106384929f, 0.105666831f, -0.0626233653f);
    vec y = f * f * f * p - f * f * 0.5f;
    y = (y + e * -2.12194440e-4f) + f + e * 0.693359375f;
    y = either(x == 0, splat(-INFINITY), y);
    y = either(x == INFINITY, x, y);
    return either(x >= 0, y, splat(NAN));
}

INLINE vec log1p_of(vec x)
{
    vec u = x + 1.0f;
    vec lost = either(x > 1.0f, 1.0f - (u - x), x - (u - 1.0f)); /* what rounding u took away */
    vec y = log_of(u) + lost / u;
    y = either(x == -1.0f, splat(-INFINITY), y);
    y = either(x == 0, x, y);
    return either(x == INFINITY, x, y);
}

INLINE vec softplus_of(vec x)
{
    return either(x > 20.0f, x, log1p_of(exp_of(x)));
}

/* ---- sin, cos: x = n pi/2 + r; huge arguments one by one -------------------------------------------------------------------- */

INLINE vec sine_of(vec x, int quadrant)
{
    vec n = (x * 0.636619772f + 12582912.0f) - 12582912.0f;
    vec r = x - n * 1.5703125f; /* pi/2 in parts of 11 bits, whose products are exact */
    r = r - n * 4.83751297e-4f;
    r = (r - n * 7.54953362e-8f) - n * 2.56334407e-12f;
    mask q = __builtin_convertvector(either(magnitude(n) < 1e6f, n, splat(0)), mask) + quadrant;
    vec u = r * r;
    vec s = r + r * u * HORNER(u, -0.166666667f, 0.00833333185f, -0.00019840076f, 2.72486342e-06f);
    vec c = (1.0f - 0.5f * u) +
            u * u * HORNER(u, 0.0416666667f, -0.001388888f, 2.47966334e-05f, -2.68413716e-07f);
    vec y = either((q & 1) == 1, c, either(x == 0, x, s));
    y = (vec)((mask)y ^ (mask)((vu32)(q & 2) << 30));
    for (int i = 0; i < WIDTH; i++)
        if (!(fabsf(x[i]) <= 8192.0f))
            y[i] = quadrant ? cosf(x[i]) : sinf(x[i]);
    return y;
}

INLINE vec sin_of(vec x)
{
    return sine_of(x, 0);
}
INLINE vec cos_of(vec x)
{
    return sine_of(x, 1);
}

/* ---- erf: a polynomial below 1, 1 - erfc above ---------------------------------------------------------------------------------- */

/* x in [-1, 1] */
INLINE vec small_erf(vec x)
{
    return x * HORNER(x * x, 1.12837917f, -0.376126384f, 0.11283782f, -0.0268654f, 0.00522094542f,
                      -0.000848282861f, 0.00011256946f, -9.64151026e-06f);
}

/* t >= 1: e^(-t^2) w P(w), w = 1 / (t + 2); t^2 in two parts, so that its rounding does not grow in the exponent */
INLINE vec large_erfc(vec t)
{
    t = at_most(t, 10.5f);
    vec head = (vec)((mask)t & (int32_t)0xfffff000), w = 1.0f / (t + 2.0f);
    vec p = w * HORNER(w, 0.564195672f, 1.12820306f, 1.97498675f, 2.86679414f, 1.92004001f, 5.37279466f,
                       -29.1153466f, 24.0376103f);
    return exp_of(-(head * head)) * exp_of((head - t) * (head + t)) * p;
}

INLINE vec erf_of(vec x)
{
    vec t = magnitude(x);
    return either(t < 1.0f, small_erf(x), with_sign(1.0f - large_erfc(t), x));
}

INLINE vec normal_cdf_of(vec x)
{
    vec z = x * 0.707106781f, tail = 0.5f * large_erfc(magnitude(z));
    return either(magnitude(z) < 1.0f, 0.5f + 0.5f * small_erf(z), either(x < 0, tail, 1.0f - tail));
}

/* ---- activations and their slopes ------------------------------------------------------------------------------------------------ */

INLINE vec gelu_of(vec x)
{
    return x * normal_cdf_of(x);
}
INLINE vec gelu_slope(vec x)
{
    return normal_cdf_of(x) + x * (0.398942280f * exp_of(-0.5f * x * x));
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

#define UNARY(name, f)                                                     \
    static void name(void *y_, const void *x_, int64_t n, const double *p) \
    {                                                                      \
        float *y = y_;                                                     \
        const float *x = x_;                                               \
        (void)p;                                                           \
        int64_t i = 0;                                                     \
        for (; i + WIDTH <= n; i += WIDTH)                                 \
            store_f32(y + i, f(load_f32(x + i)));                          \
        if (i < n) {                                                       \
            mask_f32 rest = first_f32((int)(n - i));                       \
            store_first_f32(y + i, rest, f(load_first_f32(x + i, rest)));  \
        }                                                                  \
    }

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
UNARY(softplus, softplus_of)

/* y = dy slope(x); either may be one value for all */
#define SLOPE(name, f)                                                                            \
    static void name(void *y_, const void *a_, int64_t sa, const void *b_, int64_t sb, int64_t n) \
    {                                                                                             \
        float *y = y_;                                                                            \
        const float *dy = a_, *x = b_;                                                            \
        for (int64_t i = 0; i < n; i += WIDTH) {                                                  \
            mask_f32 m = first_f32((int)(n - i < WIDTH ? n - i : WIDTH));                         \
            vec left = sa ? load_first_f32(dy + i, m) : splat(*dy),                               \
                at = sb ? load_first_f32(x + i, m) : splat(*x);                                   \
            store_first_f32(y + i, m, left * f(at));                                              \
        }                                                                                         \
    }

SLOPE(gelu_backward, gelu_slope)
SLOPE(gelu_tanh_backward, gelu_tanh_slope)
SLOPE(silu_backward, silu_slope)

static float sum_of(vec v)
{
    float lane[WIDTH];
    memcpy(lane, &v, sizeof v);
    for (int width = WIDTH / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

static float largest_of(const float *x, int64_t n) /* 0 where it is -infinity */
{
    float top = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        top = x[i] > top || x[i] != x[i] ? x[i] : top;
    return top == -INFINITY ? 0 : top;
}

/* The sum of e^(x - top), whose terms are written where y is not NULL. */
static float sum_of_exp(float *y, const float *x, float top, int64_t n)
{
    vec sum = { 0 };
    for (int64_t i = 0; i < n; i += WIDTH) {
        mask_f32 m = first_f32((int)(n - i < WIDTH ? n - i : WIDTH));
        float lane[WIDTH];
        vec e = exp_of(load_first_f32(x + i, m) - top);
        if (y)
            store_first_f32(y + i, m, e);
        store_f32(lane, e);
        sum += load_first_f32(lane, m);
    }
    return sum_of(sum);
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
    for (int64_t i = 0; i < n; i += WIDTH) {
        mask_f32 m = first_f32((int)(n - i < WIDTH ? n - i : WIDTH));
        sum += load_first_f32(dy + i, m) * load_first_f32(y + i, m);
    }
    const float total = sum_of(sum);
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] * (dy[i] - total);
}

static void log_softmax_backward(void *dx_, const void *dy_, const void *y_, int64_t n)
{
    float *dx = dx_;
    const float *dy = dy_, *y = y_;
    vec sum = { 0 };
    for (int64_t i = 0; i < n; i += WIDTH)
        sum += load_first_f32(dy + i, first_f32((int)(n - i < WIDTH ? n - i : WIDTH)));
    const float total = sum_of(sum);
    for (int64_t i = 0; i < n; i += WIDTH) {
        mask_f32 m = first_f32((int)(n - i < WIDTH ? n - i : WIDTH));
        store_first_f32(dx + i, m, load_first_f32(dy + i, m) - exp_of(load_first_f32(y + i, m)) * total);
    }
}

/* ---- down columns: VECTORS vectors of them side by side; whole: none is partly filled ------------------------------------------------ */

enum { VECTORS = 4 };

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

INLINE void softmax_strip(float *y, const float *x, int64_t n, int64_t ld, int vectors, mask_f32 m, bool whole,
                          bool is_log)
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
            vec out =
                is_log ? get(x + at, m, whole) - top[k] - sum[k] : get(y + at, m, whole) / sum[k];
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
#define DOWN_COLUMNS(name, is_log)                                                                          \
    static void name##_cols(void *y_, const void *x_, int64_t n, int64_t cols, int64_t ld)                  \
    {                                                                                                       \
        float *y = y_;                                                                                      \
        const float *x = x_;                                                                                \
        mask_f32 all = first_f32(WIDTH - 1);                                                                \
        int64_t c = 0;                                                                                      \
        for (; c + VECTORS * WIDTH <= cols; c += VECTORS * WIDTH)                                           \
            softmax_strip(y + c, x + c, n, ld, VECTORS, all, true, is_log);                                 \
        for (; c + WIDTH <= cols; c += WIDTH)                                                               \
            softmax_strip(y + c, x + c, n, ld, 1, all, true, is_log);                                       \
        if (c < cols)                                                                                       \
            softmax_strip(y + c, x + c, n, ld, 1, first_f32((int)(cols - c)), false, is_log);               \
    }                                                                                                       \
    static void name##_cols_backward(void *dx_, const void *dy_, const void *y_, int64_t n, int64_t cols,   \
                                     int64_t ld)                                                            \
    {                                                                                                       \
        float *dx = dx_;                                                                                    \
        const float *dy = dy_, *y = y_;                                                                     \
        mask_f32 all = first_f32(WIDTH - 1);                                                                \
        int64_t c = 0;                                                                                      \
        for (; c + VECTORS * WIDTH <= cols; c += VECTORS * WIDTH)                                           \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, VECTORS, all, true, is_log);               \
        for (; c + WIDTH <= cols; c += WIDTH)                                                               \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, 1, all, true, is_log);                     \
        if (c < cols)                                                                                       \
            softmax_strip_backward(dx + c, dy + c, y + c, n, ld, 1, first_f32((int)(cols - c)), false,      \
                                   is_log);                                                                 \
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
    t->unary[KERNEL_SOFTPLUS][KT_F32] = softplus;
    t->binary[KERNEL_GELU_BACKWARD][KT_F32] = gelu_backward;
    t->binary[KERNEL_GELU_TANH_BACKWARD][KT_F32] = gelu_tanh_backward;
    t->binary[KERNEL_SILU_BACKWARD][KT_F32] = silu_backward;
    t->softmax[0] = (softmax_kernels){ .rows = { softmax, log_softmax },
                                       .rows_backward = { softmax_backward, log_softmax_backward },
                                       .cols = { softmax_cols, log_softmax_cols },
                                       .cols_backward = { softmax_cols_backward, log_softmax_cols_backward } };
}
