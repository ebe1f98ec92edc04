/* trigonometry.c - tan, the inverses of sin, cos and tan, and the hyperbolic functions: kernels for f32 vectors.
 *
 * At most 4 units in the last place away from the exact value (tests/test_kernels.c).
 * Layer: kernels.  Depends on functions.inc.h.  Read next: power.c. */
#include "kernels/isa/functions.inc.h"

/* ---- circular ------------------------------------------------------------------------------------------------------ */

INLINE vec tan_of(vec x)
{
    quarter t = quarter_of(x);
    mask odd = (t.q & 1) == 1;
    vec y = either(odd, -t.c, either(x == 0, x, t.s)) / either(odd, t.s, t.c);
    for (int i = 0; i < WIDTH; i++)
        if (!(fabsf(x[i]) <= 8192.0f))
            y[i] = tanf(x[i]);
    return y;
}

/* asin of s where z = s^2 <= 1/4 */
INLINE vec small_asin(vec s, vec z)
{
    return s + s * z *
                   HORNER(z, 0.166666597f, 0.0750051737f, 0.0445147827f, 0.0318239443f, 0.0143823018f,
                          0.0375902466f);
}

INLINE vec asin_of(vec x) /* above 1/2: pi/2 - 2 asin sqrt((1 - x) / 2) */
{
    vec a = magnitude(x), z = either(a > 0.5f, 0.5f * (1.0f - a), a * a);
    vec r = small_asin(either(a > 0.5f, root_f32(z), a), z);
    return with_sign(either(a > 0.5f, 1.57079637f - (2.0f * r + 4.37113883e-8f), r), x);
}

INLINE vec acos_of(vec x)
{
    vec a = magnitude(x), z = either(a > 0.5f, 0.5f * (1.0f - a), a * a);
    vec r = small_asin(either(a > 0.5f, root_f32(z), a), z);
    vec outer = either(x < 0, 3.14159274f - (2.0f * r + 8.74227766e-8f), 2.0f * r);
    return either(a > 0.5f, outer, 1.57079637f - (with_sign(r, x) + 4.37113883e-8f));
}

/* t in [0, 1] */
INLINE vec small_atan(vec t)
{
    vec z = t * t;
    return t + t * z *
                   HORNER(z, -0.333332986f, 0.199985355f, -0.142641246f, 0.109516382f, -0.0840198547f,
                          0.057934247f, -0.0311559234f, 0.0109034106f, -0.00179122353f);
}

INLINE vec atan_of(vec x)
{
    vec a = magnitude(x), r = small_atan(either(a > 1.0f, 1.0f / a, a));
    return with_sign(either(a > 1.0f, 1.57079637f - (r + 4.37113883e-8f), r), x);
}

INLINE vec atan2_of(vec y, vec x)
{
    vec a = magnitude(x), b = magnitude(y), high = either(a < b, b, a), low = either(a < b, a, b);
    vec t = low / high;
    t = either(high == 0, splat(0), either(low == INFINITY, splat(1), t));
    vec r = small_atan(t);
    r = either(a < b, 1.57079637f - (r + 4.37113883e-8f), r);
    r = either((mask)x < 0, 3.14159274f - (r + 8.74227766e-8f), r);
    return either(is_number(x) & is_number(y), with_sign(r, y), x + y);
}

/* ---- hyperbolic --------------------------------------------------------------------------------------------------- */

/* e^x / 2, x >= 0; finite as long as that is */
INLINE vec half_exp(vec x)
{
    reduced e = reduce_exp(at_most(x, 90.5f));
    mask half = e.n >> 1;
    return (e.p + 1.0f) * power_of_2(half) * power_of_2(e.n - half - 1);
}

INLINE vec sinh_of(vec x)
{
    vec a = magnitude(x), z = a * a, t = half_exp(a);
    vec small = a + a * z * HORNER(z, 0.166666667f, 0.00833333333f, 0.000198412698f, 2.75573192e-6f);
    return with_sign(either(a < 1.0f, small, t - 0.25f / t), x);
}

INLINE vec cosh_of(vec x)
{
    vec t = half_exp(magnitude(x));
    return t + 0.25f / t;
}

INLINE vec asinh_of(vec x) /* log(x + sqrt(x^2 + 1)) */
{
    vec a = magnitude(x), z = a * a;
    mask huge = a > 1e9f;
    vec y = log1p_of(either(huge, a, a + z / (1.0f + root_f32(z + 1.0f))));
    return with_sign(y + either(huge, splat(0.693147181f), splat(0)), x);
}

INLINE vec acosh_of(vec x)
{
    vec t = x - 1.0f;
    mask huge = x > 1e9f;
    vec y = log1p_of(either(huge, x, t + root_f32(t * (t + 2.0f))));
    return either(x < 1.0f, splat(NAN), y + either(huge, splat(0.693147181f), splat(0)));
}

INLINE vec atanh_of(vec x)
{
    vec a = magnitude(x);
    return with_sign(0.5f * log1p_of(2.0f * a / (1.0f - a)), x);
}

UNARY(tangent, tan_of)
UNARY(arc_sine, asin_of)
UNARY(arc_cosine, acos_of)
UNARY(arc_tangent, atan_of)
UNARY(hyperbolic_sine, sinh_of)
UNARY(hyperbolic_cosine, cosh_of)
UNARY(area_sine, asinh_of)
UNARY(area_cosine, acosh_of)
UNARY(area_tangent, atanh_of)
BINARY(angle, atan2_of)

void NAMED(fill_trigonometry)(kernel_table *t)
{
    t->unary[KERNEL_TAN][KT_F32] = tangent;
    t->unary[KERNEL_ASIN][KT_F32] = arc_sine;
    t->unary[KERNEL_ACOS][KT_F32] = arc_cosine;
    t->unary[KERNEL_ATAN][KT_F32] = arc_tangent;
    t->unary[KERNEL_SINH][KT_F32] = hyperbolic_sine;
    t->unary[KERNEL_COSH][KT_F32] = hyperbolic_cosine;
    t->unary[KERNEL_ASINH][KT_F32] = area_sine;
    t->unary[KERNEL_ACOSH][KT_F32] = area_cosine;
    t->unary[KERNEL_ATANH][KT_F32] = area_tangent;
    t->binary[KERNEL_ATAN2][KT_F32] = angle;
}
