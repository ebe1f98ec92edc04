/* real.h - a body (plain.h): element-wise functions of floats without transcendental parts; after elementwise.h.
 *
 * M(sqrt) is the C library's function for REAL; compilers know these as instructions.
 * Layer: kernels.  Read next: step.h. */
static inline REAL limited(REAL x) /* to [0, 6]; NaN stays */
{
    x = x < 0 ? 0 : x;
    return x > 6 ? 6 : x;
}

UNARY(absolute, M(fabs)(x))
UNARY(square_root, M(sqrt)(x))
UNARY(reciprocal_root, 1 / M(sqrt)(x))
UNARY(reciprocal, 1 / x)
UNARY(floor_of, M(floor)(x))
UNARY(ceil_of, M(ceil)(x))
UNARY(round_of, M(rint)(x))
UNARY_P(leaky_relu, 1, x > 0 ? x : x * q0)

UNARY(trunc_of, M(trunc)(x))
UNARY(frac_of, x - M(trunc)(x))
UNARY_P(nan_to_num, 3, IS_NAN(x) ? q0 : x == HIGHEST ? q1 : x == LOWEST ? q2 : x)
UNARY(hardsigmoid, limited(x + 3) / 6)
UNARY(hardswish, x *limited(x + 3) / 6)
UNARY_P(softshrink, 1, x > q0 ? x - q0 : x < -q0 ? x + q0 : x * 0)
UNARY_P(hardshrink, 1, ((x >= -q0) & (x <= q0)) ? 0 : x)
UNARY_P(huber, 1,
        (M(fabs)(x) < q0 ? M(fabs)(x) : q0) * (M(fabs)(x) - (M(fabs)(x) < q0 ? M(fabs)(x) : q0) / 2))
UNARY_P(threshold_of, 2, x <= q0 ? q1 : x)

static void clamp(void *y_, const void *x_, int64_t n, const double *p)
{
    REAL *y = y_;
    const REAL *x = x_, low = (REAL)p[0], high = (REAL)p[1];
    for (int64_t i = 0; i < n; i++) {
        REAL raised = x[i] < low ? low : x[i]; /* NaN stays */
        y[i] = raised > high ? high : raised;
    }
}

#define RESULT REAL
BINARY(quotient, a / b)
BINARY(sigmoid_backward, a *b *(1 - b))
BINARY(tanh_backward, a *(1 - b * b))
BINARY(relu_backward, b <= 0 ? 0 : a)
BINARY(add_relu, a + b < 0 ? 0 : a + b) /* as relu: NaN stays */
BINARY(div_trunc, M(trunc)(a / b))
BINARY(copysign_of, M(copysign)(a, b))
BINARY(prelu, a > 0 ? a : a * b)
BINARY(hardswish_backward, b <= -3 ? 0 : b >= 3 ? a : a * (b / 3 + (REAL)0.5))
#undef RESULT

#define RESULT uint8_t
BINARY(is_negative, ((void)b, __builtin_signbit(a) != 0))
BINARY(is_infinite, ((void)b, M(fabs)(a) == HIGHEST))
BINARY(is_finite, ((void)b, M(fabs)(a) < HIGHEST))
#undef RESULT

TERNARY(lerp, 0, M(fabs)(c) < (REAL)0.5 ? a + c * (b - a) : b - (b - a) * (1 - c))
TERNARY(addcdiv, 1, a + q0 * b / c)
TERNARY(elu_backward, 3, b > 0 ? a * q0 : a * (c + q1) * q2)

/* An infinite bound is none. */
TERNARY(gate, 4, ((void)c, ((b > q0) | (q0 == LOWEST)) & ((b < q1) | (q1 == HIGHEST)) ? a * q2 : a * q3))

static void fill_real(kernel_table *t, kernel_type type)
{
    t->unary[KERNEL_ABS][type] = absolute;
    t->unary[KERNEL_SQRT][type] = square_root;
    t->unary[KERNEL_RSQRT][type] = reciprocal_root;
    t->unary[KERNEL_RECIPROCAL][type] = reciprocal;
    t->unary[KERNEL_FLOOR][type] = floor_of;
    t->unary[KERNEL_CEIL][type] = ceil_of;
    t->unary[KERNEL_ROUND][type] = round_of;
    t->unary[KERNEL_LEAKY_RELU][type] = leaky_relu;
    t->unary[KERNEL_CLAMP][type] = clamp;
    t->unary[KERNEL_TRUNC][type] = trunc_of;
    t->unary[KERNEL_FRAC][type] = frac_of;
    t->unary[KERNEL_NAN_TO_NUM][type] = nan_to_num;
    t->unary[KERNEL_HARDSIGMOID][type] = hardsigmoid;
    t->unary[KERNEL_HARDSWISH][type] = hardswish;
    t->unary[KERNEL_SOFTSHRINK][type] = softshrink;
    t->unary[KERNEL_HARDSHRINK][type] = hardshrink;
    t->unary[KERNEL_HUBER][type] = huber;
    t->unary[KERNEL_THRESHOLD][type] = threshold_of;
    t->binary[KERNEL_DIV][type] = quotient;
    t->binary[KERNEL_DIV_TRUNC][type] = div_trunc;
    t->binary[KERNEL_COPYSIGN][type] = copysign_of;
    t->binary[KERNEL_PRELU][type] = prelu;
    t->compare[KERNEL_SIGNBIT][type] = is_negative;
    t->compare[KERNEL_ISINF][type] = is_infinite;
    t->compare[KERNEL_ISFINITE][type] = is_finite;
    t->ternary[KERNEL_LERP][type] = lerp;
    t->ternary[KERNEL_ADDCDIV][type] = addcdiv;
    t->ternary[KERNEL_GATE][type] = gate;
    t->ternary[KERNEL_ELU_BACKWARD][type] = elu_backward;
    t->binary[KERNEL_HARDSWISH_BACKWARD][type] = hardswish_backward;
    t->binary[KERNEL_SIGMOID_BACKWARD][type] = sigmoid_backward;
    t->binary[KERNEL_TANH_BACKWARD][type] = tanh_backward;
    t->binary[KERNEL_RELU_BACKWARD][type] = relu_backward;
    t->binary[KERNEL_ADD_RELU][type] = add_relu;
}
