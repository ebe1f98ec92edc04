/* elementwise.h - a body (plain.h): element-wise functions that are a few instructions each, for REAL.
 *
 * Layer: kernels.  Depends on loops.h.  Read next: compare.h, seldom.h, reduce.h. */
#include "kernels/plain/loops.h"

UNARY(neg, -WRAPPING(x))
UNARY(square, WRAPPING(x) * WRAPPING(x))
UNARY(relu, x < 0 ? 0 : x) /* NaN and -0 stay */
UNARY(sign, (x > 0) - (x < 0))

#define RESULT REAL
BINARY(add, WRAPPING(a) + WRAPPING(b))
BINARY(sub, WRAPPING(a) - WRAPPING(b))
BINARY(mul, WRAPPING(a) * WRAPPING(b))
BINARY(maximum, a > b || IS_NAN(a) ? a : b)
BINARY(minimum, a < b || IS_NAN(a) ? a : b)
#undef RESULT

TERNARY(add_scaled, 1, ((void)c, WRAPPING(a) + WRAPPING(q0) * WRAPPING(b)))
TERNARY(addcmul, 1, WRAPPING(a) + WRAPPING(q0) * WRAPPING(b) * WRAPPING(c))

static void where(void *y_, const uint8_t *c, int64_t sc, const void *a_, int64_t sa, const void *b_,
                  int64_t sb, int64_t n)
{
    REAL *y = y_;
    const REAL *a = a_, *b = b_;
    if (sc && sa && sb)
        for (int64_t i = 0; i < n; i++)
            y[i] = c[i] ? a[i] : b[i];
    else if (sc && sa)
        for (int64_t i = 0; i < n; i++)
            y[i] = c[i] ? a[i] : b[0];
    else if (sc && sb)
        for (int64_t i = 0; i < n; i++)
            y[i] = c[i] ? a[0] : b[i];
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = c[i * sc] ? a[i * sa] : b[i * sb];
}

static void fill_elementwise(kernel_table *t, kernel_type type)
{
    t->unary[KERNEL_NEG][type] = neg;
    t->unary[KERNEL_SQUARE][type] = square;
    t->unary[KERNEL_RELU][type] = relu;
    t->unary[KERNEL_SIGN][type] = sign;
    t->binary[KERNEL_ADD][type] = add;
    t->binary[KERNEL_SUB][type] = sub;
    t->binary[KERNEL_MUL][type] = mul;
    t->binary[KERNEL_MAXIMUM][type] = maximum;
    t->binary[KERNEL_MINIMUM][type] = minimum;
    t->ternary[KERNEL_ADD_SCALED][type] = add_scaled;
    t->ternary[KERNEL_ADDCMUL][type] = addcmul;
    t->where[type] = where;
}
