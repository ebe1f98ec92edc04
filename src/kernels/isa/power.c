/* power.c - powers and logarithms of other bases, erfc and erfinv, functions of two operands: kernels for f32 vectors.
 *
 * pow and hypot pass through double, so they are exact to rounding but for 1 unit in the last place; the others are at
 * most 6 units away (tests/test_kernels.c).
 * Layer: kernels.  Depends on functions.inc.h.  Read next: activations.c. */
#include "kernels/isa/functions.inc.h"
#include "kernels/plain/plain.h"

#define REAL float
#define M(function) function##f
#include "kernels/plain/constant_power.h"

/* ---- powers and logarithms of 2 and 10 ------------------------------------------------------------------------------ */

INLINE vec exp2_of(vec x)
{
    x = at_most(at_least(x, -151.0f), 129.0f);
    vec n = (x + 12582912.0f) - 12582912.0f, r = (x - n) * 0.693147181f;
    vec p = HORNER(r, 1.0f, 1.0f, 0.5f, 0.166666665f, 0.0416664632f, 0.00833336105f, 0.00139338561f,
                   0.000198578808f);
    mask whole = __builtin_convertvector(either(is_number(x), n, splat(0)), mask), half = whole >> 1;
    return p * power_of_2(half) * power_of_2(whole - half);
}

/* log_b x = n log_b 2 + (f + p) log_b e, the large parts of both factors apart from the rest */
INLINE vec scaled_log(vec x, vec base2_high, vec base2_low, vec e_high, vec e_low)
{
    mask tiny = x < 0x1p-126f;
    vec scaled = either(tiny, x * 0x1p25f, x);
    mask n = (mask)((vu32)scaled - 0x3f3504f3u) >> 23;
    vec f = (vec)((vu32)scaled - ((vu32)n << 23)) - 1.0f;
    vec e = __builtin_convertvector(n - (tiny & 25), vec);
    vec p = f * f * f * LOG_POLYNOMIAL(f) - f * f * 0.5f;
    vec y = e * base2_low + (p * (e_high + e_low) + f * e_low);
    y = (y + f * e_high) + e * base2_high;
    y = either(x == 0, splat(-INFINITY), y);
    y = either(x == INFINITY, x, y);
    return either(x >= 0, y, splat(NAN));
}

INLINE vec log2_of(vec x)
{
    return scaled_log(x, splat(1), splat(0), splat(1), splat(0.442695041f));
}

INLINE vec log10_of(vec x)
{
    return scaled_log(x, splat(0.301025391f), splat(4.60503898e-6f), splat(0.434082031f),
                      splat(2.12450653e-4f));
}

/* ---- erfc, erfinv -------------------------------------------------------------------------------------------------- */

INLINE vec erfc_of(vec x)
{
    vec t = magnitude(x);
    vec tail = exp_of_minus_square(at_most(t, 10.5f)) * erfc_factor_from_half(t);
    return either(t < 0.5f, 1.0f - small_erf(x), either(x < 0, 2.0f - tail, tail));
}

/* x P(w) with w = -log(1 - x^2); in the tail a polynomial of sqrt(w) */
INLINE vec erfinv_of(vec x)
{
    vec a = magnitude(x), w = -log_of((1.0f - a) * (1.0f + a));
    vec c = w - 2.5f, s = root_f32(w) - 3.0f;
    vec middle =
        HORNER(c, 1.50140941f, 0.246640295f, -0.00417750003f, -0.00125275878f, 0.000218410496f,
               -4.9540422e-06f, -3.47692821e-06f, 4.64242333e-07f, 2.42512961e-08f, -8.65672778e-09f);
    vec tail = HORNER(s, 2.83297682f, 1.00167394f, 0.00944043323f, -0.00762044359f, 0.00573306112f,
                      -0.00367946364f, 0.00135980663f, 0.000106050888f, -0.000206477969f);
    vec y = x * either(w < 5.0f, middle, tail);
    return either(a == 1.0f, with_sign(splat(INFINITY), x), either(a < 1.0f, y, splat(NAN)));
}

/* ---- two operands -------------------------------------------------------------------------------------------------- */

INLINE vec xlogy_of(vec a, vec b)
{
    return either((a == 0) & is_number(b), splat(0), a * log_of(b));
}

INLINE vec logaddexp_of(vec a, vec b)
{
    vec high = either(a > b, a, b), y = high + log1p_of(exp_of(-magnitude(a - b)));
    return either(a == b, a + 0.693147181f, y);
}

INLINE vec logaddexp2_of(vec a, vec b)
{
    vec high = either(a > b, a, b), y = high + log1p_of(exp2_of(-magnitude(a - b))) * 1.44269504f;
    return either(a == b, a + 1.0f, y);
}

/* ---- through double ------------------------------------------------------------------------------------------------ */

typedef float half_vec __attribute__((vector_size(VECTOR_BYTES / 2)));
typedef uint64_t vu64 __attribute__((vector_size(VECTOR_BYTES)));
typedef struct wide {
    vf64 part[2];
} wide;

INLINE wide widen(vec x)
{
    half_vec half[2];
    memcpy(half, &x, sizeof half);
    return (wide){ { __builtin_convertvector(half[0], vf64), __builtin_convertvector(half[1], vf64) } };
}

INLINE vec narrow(wide x)
{
    half_vec half[2] = { __builtin_convertvector(x.part[0], half_vec),
                         __builtin_convertvector(x.part[1], half_vec) };
    vec y;
    memcpy(&y, half, sizeof y);
    return y;
}

INLINE vf64 choose(vi64 m, vf64 yes, vf64 no)
{
    return (vf64)((m & (vi64)yes) | (~m & (vi64)no));
}

/* log2 of a positive f32: 2^n (1 + f), log2(1 + f) = 2 atanh(f / (2 + f)) / ln 2; error below 1e-10 */
INLINE vf64 wide_log2(vf64 x)
{
    vu64 bits = (vu64)x, n = (bits - 0x3fe6a09e667f3bcdu + ((uint64_t)1023 << 52)) >> 52;
    vf64 exponent = (vf64)(n | 0x4330000000000000u) - (0x1p52 + 1023);
    vf64 f = (vf64)(bits - ((n - 1023) << 52)) - 1.0, s = f / (f + 2.0), z = s * s;
    vf64 p = 0.2623081892525388 + z * 0.22195308321368668; /* 2 / (11 ln 2), 2 / (13 ln 2) */
    p = 0.41219858311113244 + z * (0.32059889797532523 + z * p);
    p = 2.8853900817779268 + z * (0.9617966939259756 + z * (0.5770780163555854 + z * p));
    return exponent + s * p;
}

INLINE vf64 wide_exp2(vf64 x) /* error below 1e-8; beyond f32's range anything beyond f32's range */
{
    x = choose(x < -400.0, (vf64){ 0 } - 400.0, choose(x > 400.0, (vf64){ 0 } + 400.0, x));
    vf64 shifted = x + 0x1.8p52, r = (x - (shifted - 0x1.8p52)) * 0.6931471805599453;
    vf64 p = 1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320));
    p = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * p)))));
    return (vf64)((vu64)p + ((vu64)shifted << 52));
}

/* |x|^y = 2^(y log2 |x|), then the sign and the cases that C names. */
INLINE vec pow_of(vec x, vec y)
{
    vec a = magnitude(x), b = magnitude(y);
    wide base = widen(a), exponent = widen(y), result;
    for (int i = 0; i < 2; i++) {
        vf64 logarithm = wide_log2(base.part[i]);
        logarithm = choose(base.part[i] == 0, (vf64){ 0 } - INFINITY,
                           choose(base.part[i] < INFINITY, logarithm, base.part[i]));
        result.part[i] = wide_exp2(exponent.part[i] * logarithm);
    }
    vec r = narrow(result), whole = (b + 8388608.0f) - 8388608.0f;
    mask large = b >= 8388608.0f; /* 2^23: an integer */
    mask integer = large | (whole == b),
         parity = __builtin_convertvector(either(b < 16777216.0f, b, splat(0)), mask) & 1;
    mask odd = integer & (parity == 1), negative = (mask)x < 0;
    r = either((a == 1.0f) & is_number(y), splat(1), r);
    r = either(negative & odd, -r, r);
    r = either((x < 0) & (a < INFINITY) & ~integer & is_number(y), splat(NAN), r);
    return either((y == 0) | (x == 1.0f), splat(1), r);
}

INLINE vec hypot_of(vec x, vec y)
{
    wide a = widen(x), b = widen(y);
    for (int i = 0; i < 2; i++)
        a.part[i] = root_f64(a.part[i] * a.part[i] + b.part[i] * b.part[i]);
    return either((magnitude(x) == INFINITY) | (magnitude(y) == INFINITY), splat(INFINITY), narrow(a));
}

UNARY(exponential_2, exp2_of)
UNARY(logarithm_2, log2_of)
UNARY(logarithm_10, log10_of)
UNARY(erf_complement, erfc_of)
UNARY(erf_inverse, erfinv_of)
BINARY(x_log_y, xlogy_of)
BINARY(log_add_exp, logaddexp_of)
BINARY(log_add_exp2, logaddexp2_of)
BINARY(any_power, pow_of)
BINARY(hypotenuse, hypot_of)

static void power(void *y, const void *a, int64_t sa, const void *b, int64_t sb, int64_t n)
{
    if (!(sa && !sb && constant_power(y, a, *(const float *)b, n)))
        any_power(y, a, sa, b, sb, n);
}

void NAMED(fill_power)(kernel_table *t)
{
    t->unary[KERNEL_EXP2][KT_F32] = exponential_2;
    t->unary[KERNEL_LOG2][KT_F32] = logarithm_2;
    t->unary[KERNEL_LOG10][KT_F32] = logarithm_10;
    t->unary[KERNEL_ERFC][KT_F32] = erf_complement;
    t->unary[KERNEL_ERFINV][KT_F32] = erf_inverse;
    t->binary[KERNEL_XLOGY][KT_F32] = x_log_y;
    t->binary[KERNEL_LOGADDEXP][KT_F32] = log_add_exp;
    t->binary[KERNEL_LOGADDEXP2][KT_F32] = log_add_exp2;
    t->binary[KERNEL_POW][KT_F32] = power;
    t->binary[KERNEL_HYPOT][KT_F32] = hypotenuse;
}
