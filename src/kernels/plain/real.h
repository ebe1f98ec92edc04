/* real.h - a body (plain.h): element-wise functions of floats without transcendental parts; after elementwise.h.
 *
 * M(sqrt) is the C library's function for REAL; compilers know these as instructions.
 * Layer: kernels.  Read next: seldom.h. */
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

UNARY(hardswish, x *limited(x + 3) / 6)

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
BINARY(hardswish_backward, b <= -3 ? 0 : b >= 3 ? a : a * (b / 3 + (REAL)0.5))
#undef RESULT

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
    t->unary[KERNEL_HARDSWISH][type] = hardswish;
    t->binary[KERNEL_DIV][type] = quotient;
    t->ternary[KERNEL_GATE][type] = gate;
    t->binary[KERNEL_HARDSWISH_BACKWARD][type] = hardswish_backward;
    t->binary[KERNEL_SIGMOID_BACKWARD][type] = sigmoid_backward;
    t->binary[KERNEL_TANH_BACKWARD][type] = tanh_backward;
    t->binary[KERNEL_RELU_BACKWARD][type] = relu_backward;
    t->binary[KERNEL_ADD_RELU][type] = add_relu;
}
