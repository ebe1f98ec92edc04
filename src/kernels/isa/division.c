/* division.c - the rests of f32 division: fmod, remainder, floor division; and the neighbours of a number.
 *
 * In double the quotient of two floats is never rounded up to the next integer below 2^28, and its product with the divisor is
 * exact there: so is the rest.  Larger quotients and special operands go to the C library one by one.
 * Layer: kernels.  Depends on plain.h.  Read next: ../ref/real.inc.h for the definitions. */
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#include <math.h>
#include <string.h>

#define REAL float
#define M(function) function##f
#include "kernels/plain/rest.h"

enum { PIECE = 128 };

/* rest[i] = fmod(a[i], b[i]), at most PIECE of them */
static void rests(float *restrict rest, const float *a, const float *b, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = (double)a[i], y = (double)b[i], q = __builtin_trunc(x / y), size = __builtin_fabs(q);
        rest[i] = __builtin_copysignf((float)(x - q * y), a[i]);
        largest = ((size < 0x1p28) & (__builtin_fabs(y) < (double)INFINITY)) ? largest : (double)INFINITY;
    }
    if (largest == 0)
        return;
    for (int64_t i = 0; i < n; i++) {
        double y = (double)b[i], size = __builtin_fabs((double)a[i] / y);
        if (!(size < 0x1p28 && __builtin_fabs(y) < (double)INFINITY))
            rest[i] = fmodf(a[i], b[i]);
    }
}

/* n elements from at on; one that stands for all is repeated, so that every loop here runs over adjacent ones */
static const float *operand(const float *x, int64_t step, int64_t at, int64_t n, float *repeated)
{
    if (step)
        return x + at;
    for (int64_t i = 0; i < n; i++)
        repeated[i] = *x;
    return repeated;
}

#define DIVISION(name, expression)                                                                \
    static void name(void *y_, const void *a_, int64_t sa, const void *b_, int64_t sb, int64_t n) \
    {                                                                                             \
        float *y = y_, rest[PIECE], repeated[2][PIECE];                                           \
        for (int64_t at = 0; at < n; at += PIECE) {                                               \
            int64_t m = n - at < PIECE ? n - at : PIECE;                                          \
            const float *left = operand(a_, sa, at, m, repeated[0]),                              \
                        *right = operand(b_, sb, at, m, repeated[1]);                             \
            rests(rest, left, right, m);                                                          \
            for (int64_t i = 0; i < m; i++) {                                                     \
                float a = left[i], b = right[i], r = rest[i];                                     \
                (void)a, (void)b;                                                                 \
                y[at + i] = expression;                                                           \
            }                                                                                     \
        }                                                                                         \
    }

DIVISION(fmod_f32, r)
DIVISION(remainder_f32, remainder_from(r, b))
DIVISION(floor_divide, floor_divide_from(r, a, b))

/* The bits of a float are sign and magnitude, the magnitudes in the order of their values. */
static inline float next_after(float x, float to)
{
    int32_t bits, size;
    memcpy(&bits, &x, sizeof bits);
    size = bits & 0x7fffffff;
    int32_t away = ((x < to) == (bits >= 0)) ? bits + 1 : bits - 1;
    int32_t first = to < 0 ? (int32_t)0x80000001 : 1;
    int32_t next = size == 0 ? first : away;
    float y;
    memcpy(&y, &next, sizeof y);
    y = x == to ? to : y;
    return ((x != x) | (to != to)) ? x + to : y;
}

static void neighbour(void *y_, const void *a_, int64_t sa, const void *b_, int64_t sb, int64_t n)
{
    float *y = y_, repeated[2][PIECE];
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t m = n - at < PIECE ? n - at : PIECE;
        const float *left = operand(a_, sa, at, m, repeated[0]), *right = operand(b_, sb, at, m, repeated[1]);
        for (int64_t i = 0; i < m; i++)
            y[at + i] = next_after(left[i], right[i]);
    }
}

void NAMED(fill_division)(kernel_table *t)
{
    t->binary[KERNEL_FMOD][KT_F32] = fmod_f32;
    t->binary[KERNEL_REMAINDER][KT_F32] = remainder_f32;
    t->binary[KERNEL_DIV_FLOOR][KT_F32] = floor_divide;
    t->binary[KERNEL_NEXTAFTER][KT_F32] = neighbour;
}
