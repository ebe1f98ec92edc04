/* compare.h - a body (plain.h): comparisons, and functions that choose between two numbers, for REAL.
 *
 * Apart from elementwise.h because a network seldom waits for them: one form serves all wider vectors (cmake/isa.cmake).
 * Layer: kernels.  Depends on loops.h.  Read next: seldom.h. */
#include "kernels/plain/loops.h"

#define RESULT REAL
BINARY(fmax_of, a >= b || IS_NAN(b) ? a : b) /* the number of a number and a NaN */
BINARY(fmin_of, a <= b || IS_NAN(b) ? a : b)
BINARY(heaviside, a == 0 ? b : (REAL)(a > 0))
#undef RESULT

#define RESULT uint8_t
BINARY(eq, a == b)
BINARY(ne, a != b)
BINARY(lt, a < b)
BINARY(le, a <= b)
BINARY(gt, a > b)
BINARY(ge, a >= b)
BINARY(and, (a != 0) & (b != 0))
BINARY(or, (a != 0) | (b != 0))
BINARY(xor, (a != 0) ^ (b != 0))
#undef RESULT

static void fill_compare(kernel_table *t, kernel_type type)
{
    t->binary[KERNEL_FMAX][type] = fmax_of;
    t->binary[KERNEL_FMIN][type] = fmin_of;
    t->binary[KERNEL_HEAVISIDE][type] = heaviside;
    t->compare[KERNEL_EQ][type] = eq;
    t->compare[KERNEL_NE][type] = ne;
    t->compare[KERNEL_LT][type] = lt;
    t->compare[KERNEL_LE][type] = le;
    t->compare[KERNEL_GT][type] = gt;
    t->compare[KERNEL_GE][type] = ge;
    t->compare[KERNEL_AND][type] = and;
    t->compare[KERNEL_OR][type] = or ;
    t->compare[KERNEL_XOR][type] = xor;
}
