/* functions.inc.h - exp, log, sin, cos, tanh, erf and their kin for f32 vectors: what the kernels of this folder's files are
 * made of.
 *
 * Each is a range reduction and a polynomial fitted to less than 1e-8 (weighted Chebyshev fit of the exact function),
 * accurate to a few units in the last place, also relatively, down to the smallest arguments.  Every element goes through the same vector
 * code, the last ones of a row in a partly filled vector, so a value does not depend on its place.
 * Layer: kernels.  Depends on simd.h.  Read next: functions.c, trigonometry.c, power.c, activations.c. */
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
INLINE mask is_number(vec x) /* not NaN */
{
    return magnitude(x) <= INFINITY;
}
INLINE vec with_sign(vec x, vec sign)
{
    return (vec)((mask)x | ((mask)sign & (int32_t)0x80000000));
}
INLINE vec at_least(vec x, float low)
{
    return larger_f32(splat(low), x);
} /* NaN stays */
INLINE vec at_most(vec x, float high)
{
    return lesser_f32(splat(high), x);
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

/* (e^r - 1 - r) / r^2 */
#define EXP_POLYNOMIAL 0.5f, 0.166666665f, 0.0416664632f, 0.00833336105f, 0.00139338561f, 0.000198578808f

typedef struct reduced {
    mask n;
    vec r, p; /* p = e^r - 1 */
} reduced;

/* Of x + more, which would lose more in the sum. */
INLINE reduced reduce_exp_of_sum(vec x, vec more)
{
    reduced e;
    vec n = ((x + more) * 1.44269504f + 12582912.0f) - 12582912.0f; /* nearest integer */
    e.n =
        __builtin_convertvector(either(magnitude(n) <= 200.0f, n, splat(0)), mask); /* p carries the NaN on */
    e.r = (x - n * 0.693359375f) + (n * 2.12194440e-4f + more);                     /* ln 2 in two parts */
    e.p = e.r + e.r * e.r * HORNER(e.r, EXP_POLYNOMIAL);
    return e;
}

INLINE reduced reduce_exp(vec x)
{
    return reduce_exp_of_sum(x, splat(0));
}

INLINE vec exp_of_reduced(reduced e)
{
    mask half = e.n >> 1; /* in two steps, so that tiny and huge results come out right */
    return (e.p + 1.0f) * power_of_2(half) * power_of_2(e.n - half);
}

INLINE vec exp_of(vec x)
{
    return exp_of_reduced(reduce_exp(at_most(at_least(x, -105.0f), 89.5f)));
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

/* h / (h + 1), h = (e^2|x| - 1) / 2: expm1 without its care for the ends, as n lies in [0, 29].  r is half of e's: all is exact that
 * halves.  One ln 2 is enough, being 2e-9 too large: where n is not small, an error of n ln 2 no longer shows.
 * The polynomial is (e^2r - 1 - 2r) / (2 r^2), to a quarter of a unit. */
INLINE vec tanh_of(vec x)
{
    vec a = at_most(magnitude(x), 10.0f), t = a * (2 * 1.44269504f) + 12582912.0f, n = t - 12582912.0f;
    vec scale = (vec)(((vu32)t + (127 - 0x4b400000u)) << 23), r = a - n * 0.346573591f;
    vec p = r + r * r * HORNER(r, 1.0f, 0.666661739f, 0.333337605f, 0.13386476f, 0.0444240496f);
    vec h = scale * p + (scale * 0.5f - 0.5f);
    return with_sign(h / (h + 1.0f), x);
}

/* ---- log: x = 2^n (1 + f), f in [sqrt(1/2) - 1, sqrt(2) - 1) ------------------------------------------------------------ */

/* (log(1 + f) - f + f^2 / 2) / f^3 */
#define LOG_POLYNOMIAL(f)                                                                           \
    HORNER(f, 0.333333333f, -0.249999902f, 0.200000031f, -0.16668007f, 0.142868956f, -0.124509131f, \
           0.110313161f, -0.106384929f, 0.105666831f, -0.0626233653f)

INLINE vec log_of(vec x)
{
    mask tiny = x < 0x1p-126f;
    vec scaled = either(tiny, x * 0x1p25f, x);
    mask n = (mask)((vu32)scaled - 0x3f3504f3u) >> 23;
    vec f = (vec)((vu32)scaled - ((vu32)n << 23)) - 1.0f;
    vec e = __builtin_convertvector(n - (tiny & 25), vec);
    vec y = f * f * f * LOG_POLYNOMIAL(f) - f * f * 0.5f;
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

/* ---- sin, cos: x = n pi/2 + r; huge arguments one by one -------------------------------------------------------------------- */

typedef struct quarter {
    mask q;   /* which quarter turn */
    vec s, c; /* sine and cosine of the rest */
} quarter;

INLINE quarter quarter_of(vec x)
{
    vec n = (x * 0.636619772f + 12582912.0f) - 12582912.0f;
    vec r = x - n * 1.5703125f; /* pi/2 in parts of 11 bits, whose products are exact */
    r = r - n * 4.83751297e-4f;
    r = (r - n * 7.54953362e-8f) - n * 2.56334407e-12f;
    vec u = r * r;
    return (quarter){
        .q = __builtin_convertvector(either(magnitude(n) < 1e6f, n, splat(0)), mask),
        .s = r + r * u * HORNER(u, -0.166666667f, 0.00833333185f, -0.00019840076f, 2.72486342e-06f),
        .c = (1.0f - 0.5f * u) +
             u * u * HORNER(u, 0.0416666667f, -0.001388888f, 2.47966334e-05f, -2.68413716e-07f),
    };
}

INLINE vec sine_of(vec x, int quadrant)
{
    quarter t = quarter_of(x);
    mask q = t.q + quadrant;
    vec y = either((q & 1) == 1, t.c, either(x == 0, x, t.s));
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

/* e^(-t^2), t >= 0; t^2 in two parts, so that its rounding does not grow in the exponent */
INLINE vec exp_of_minus_square(vec t)
{
    vec head = (vec)((mask)t & (int32_t)0xfffff000);
    return exp_of_reduced(reduce_exp_of_sum(-(head * head), (head - t) * (head + t)));
}

/* t >= 1: erfc(t) e^(t^2) = w P(w), w = 1 / (t + 2) */
INLINE vec erfc_factor(vec t)
{
    vec w = 1.0f / (at_most(t, 10.5f) + 2.0f);
    return w * HORNER(w, 0.564195672f, 1.12820306f, 1.97498675f, 2.86679414f, 1.92004001f, 5.37279466f,
                      -29.1153466f, 24.0376103f);
}

/* The same for t >= 1/2 */
INLINE vec erfc_factor_from_half(vec t)
{
    vec w = 1.0f / (at_most(t, 10.5f) + 2.0f);
    return w * HORNER(w, 0.564174652f, 1.12919462f, 1.95567f, 3.06726718f, 0.741409063f, 9.06726646f,
                      -32.8335533f, 12.5330143f, 37.9542007f, -32.7657471f);
}

INLINE vec large_erfc(vec t)
{
    return exp_of_minus_square(at_most(t, 10.5f)) * erfc_factor(t);
}

INLINE vec erf_of(vec x)
{
    vec t = magnitude(x);
    return either(t < 1.0f, small_erf(x), with_sign(1.0f - large_erfc(t), x));
}

/* The same for t >= 0 */
INLINE vec erfc_factor_from_zero(vec t)
{
    vec w = 1.0f / (t + 2.0f);
    return w * HORNER(w, 0.564136803f, 1.1310972f, 1.91507816f, 3.54982567f, -2.78688574f, 25.5599804f,
                      -82.2580643f, 104.370987f, -58.350071f, 10.7835846f);
}

/* Phi(x), and e^(-x^2 / 2) / TINY: no subnormal number before the last product */
#define TINY 0x1p-64f
typedef struct normal {
    vec cdf, density;
} normal;

/* -t^2 / 2 = n ln 2 + r, t <= 14.8; the square is exact, either in a fused product or in two parts */
INLINE vec normal_rest(vec t, vec n)
{
    vec large = n * 0.693359375f;
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    HELD(large); /* exact as it is: the other product is the one to be fused */
    return (-large - 0.5f * t * t) + n * 2.12194440e-4f;
#else
    const vec head = (vec)((mask)t & (int32_t)0xfffff000);
    return ((-large - 0.5f * head * head) + 0.5f * ((head - t) * (head + t))) + n * 2.12194440e-4f;
#endif
}

INLINE normal normal_of(vec x)
{
    const vec t = at_most(magnitude(x), 14.8f), whole = t * t * (-0.5f * 1.44269504f) + 12582912.0f,
              r = normal_rest(t, whole - 12582912.0f),
              scale = (vec)(((vu32)whole + (127 + 64 - 0x4b400000u)) << 23), /* 2^n / TINY */
        p = r + r * r * HORNER(r, EXP_POLYNOMIAL), e = scale * p + scale,
              tail = e * erfc_factor_from_zero(t * 0.707106781f) * (0.5f * TINY);
    return (normal){ either(x < 0, tail, 1.0f - tail), e };
}

/* ---- kernels: whole vectors, then a partly filled one --------------------------------------------------------------- */

#define UNARY_P(name, expression)                                          \
    static void name(void *y_, const void *x_, int64_t n, const double *p) \
    {                                                                      \
        float *y = y_;                                                     \
        const float *in = x_;                                              \
        (void)p;                                                           \
        int64_t i = 0;                                                     \
        for (; i + WIDTH <= n; i += WIDTH) {                               \
            vec x = load_f32(in + i);                                      \
            store_f32(y + i, expression);                                  \
        }                                                                  \
        if (i < n) {                                                       \
            mask_f32 rest = first_f32((int)(n - i));                       \
            vec x = load_first_f32(in + i, rest);                          \
            store_first_f32(y + i, rest, expression);                      \
        }                                                                  \
    }
#define UNARY(name, f) UNARY_P(name, f(x))

/* Either operand may be one value for all. */
#define BINARY(name, f)                                                                                      \
    static void name(void *y_, const void *a_, int64_t sa, const void *b_, int64_t sb, int64_t n)            \
    {                                                                                                        \
        float *y = y_;                                                                                       \
        const float *a = a_, *b = b_;                                                                        \
        const vec one_a = splat(sa || !n ? 0 : *a), one_b = splat(sb || !n ? 0 : *b);                        \
        int64_t i = 0;                                                                                       \
        for (; i + WIDTH <= n; i += WIDTH)                                                                   \
            store_f32(y + i, f(sa ? load_f32(a + i) : one_a, sb ? load_f32(b + i) : one_b));                 \
        if (i < n) {                                                                                         \
            mask_f32 m = first_f32((int)(n - i));                                                            \
            vec left = sa ? load_first_f32(a + i, m) : one_a, right = sb ? load_first_f32(b + i, m) : one_b; \
            store_first_f32(y + i, m, f(left, right));                                                       \
        }                                                                                                    \
    }
