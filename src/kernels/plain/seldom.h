/* seldom.h - a body (plain.h): element-wise functions of floats that few networks use.
 *
 * Apart from real.h because one form serves all wider vectors (cmake/isa.cmake).
 * Layer: kernels.  Depends on loops.h.  Read next: step.h. */
#include "kernels/plain/loops.h"

UNARY(trunc_of, M(trunc)(x))
UNARY(frac_of, x - M(trunc)(x))
UNARY_P(nan_to_num, 3, IS_NAN(x) ? q0 : x == HIGHEST ? q1 : x == LOWEST ? q2 : x)
UNARY(hardsigmoid, x <= -3 ? 0 : x >= 3 ? 1 : (x + 3) / 6) /* NaN stays */
UNARY_P(softshrink, 1, x > q0 ? x - q0 : x < -q0 ? x + q0 : x * 0)
UNARY_P(hardshrink, 1, ((x >= -q0) & (x <= q0)) ? 0 : x)
UNARY_P(huber, 1,
        (M(fabs)(x) < q0 ? M(fabs)(x) : q0) * (M(fabs)(x) - (M(fabs)(x) < q0 ? M(fabs)(x) : q0) / 2))
UNARY_P(threshold_of, 2, x <= q0 ? q1 : x)

#define RESULT REAL
BINARY(div_trunc, M(trunc)(a / b))
BINARY(copysign_of, M(copysign)(a, b))
BINARY(prelu, a > 0 ? a : a * b)
#undef RESULT

#define RESULT uint8_t
BINARY(is_negative, ((void)b, __builtin_signbit(a) != 0))
BINARY(is_infinite, ((void)b, M(fabs)(a) == HIGHEST))
BINARY(is_finite, ((void)b, M(fabs)(a) < HIGHEST))
#undef RESULT

TERNARY(lerp, 0, M(fabs)(c) < (REAL)0.5 ? a + c * (b - a) : b - (b - a) * (1 - c))
TERNARY(addcdiv, 1, a + q0 * b / c)
TERNARY(elu_backward, 3, b > 0 ? a * q0 : a * (c + q1) * q2)

static void fill_seldom(kernel_table *t, kernel_type type)
{
    t->unary[KERNEL_TRUNC][type] = trunc_of;
    t->unary[KERNEL_FRAC][type] = frac_of;
    t->unary[KERNEL_NAN_TO_NUM][type] = nan_to_num;
    t->unary[KERNEL_HARDSIGMOID][type] = hardsigmoid;
    t->unary[KERNEL_SOFTSHRINK][type] = softshrink;
    t->unary[KERNEL_HARDSHRINK][type] = hardshrink;
    t->unary[KERNEL_HUBER][type] = huber;
    t->unary[KERNEL_THRESHOLD][type] = threshold_of;
    t->binary[KERNEL_DIV_TRUNC][type] = div_trunc;
    t->binary[KERNEL_COPYSIGN][type] = copysign_of;
    t->binary[KERNEL_PRELU][type] = prelu;
    t->compare[KERNEL_SIGNBIT][type] = is_negative;
    t->compare[KERNEL_ISINF][type] = is_infinite;
    t->compare[KERNEL_ISFINITE][type] = is_finite;
    t->ternary[KERNEL_LERP][type] = lerp;
    t->ternary[KERNEL_ADDCDIV][type] = addcdiv;
    t->ternary[KERNEL_ELU_BACKWARD][type] = elu_backward;
}
