/* division.c - the rests of f32 division: fmod, remainder, floor division.
 *
 * In double the quotient of two floats is never rounded up to the next integer below 2^28, and its product with the divisor is
 * exact there: so is the rest.  Larger quotients and special operands go to the C library one by one.
 * Layer: kernels.  Depends on plain.h.  Read next: ../ref/real.inc.h for the definitions. */
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#include <math.h>

#define REAL float
#define M(function) function##f
#include "kernels/plain/rest.h"

enum { PIECE = 128 };

/* rest[i] = fmod(a[i], b[i]), at most PIECE of them */
static void rests(float *rest, const float *a, int64_t sa, const float *b, int64_t sb, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = (double)a[i * sa], y = (double)b[i * sb], q = __builtin_trunc(x / y),
               size = __builtin_fabs(q);
        rest[i] = __builtin_copysignf((float)(x - q * y), a[i * sa]);
        largest = size < 0x1p28 && __builtin_fabs(y) < INFINITY ? largest : INFINITY;
    }
    if (largest == 0)
        return;
    for (int64_t i = 0; i < n; i++) {
        double y = (double)b[i * sb], size = __builtin_fabs((double)a[i * sa] / y);
        if (!(size < 0x1p28 && __builtin_fabs(y) < INFINITY))
            rest[i] = fmodf(a[i * sa], b[i * sb]);
    }
}

#define DIVISION(name, expression)                                                                 \
    static void name(void *y_, const void *a_, int64_t sa, const void *b_, int64_t sb, int64_t n)  \
    {                                                                                              \
        float *y = y_, rest[PIECE];                                                                \
        for (int64_t at = 0; at < n; at += PIECE) {                                                \
            const float *left = (const float *)a_ + at * sa, *right = (const float *)b_ + at * sb; \
            int64_t m = n - at < PIECE ? n - at : PIECE;                                           \
            rests(rest, left, sa, right, sb, m);                                                   \
            for (int64_t i = 0; i < m; i++) {                                                      \
                float a = left[i * sa], b = right[i * sb], r = rest[i];                            \
                (void)a, (void)b;                                                                  \
                y[at + i] = expression;                                                            \
            }                                                                                      \
        }                                                                                          \
    }

DIVISION(fmod_f32, r)
DIVISION(remainder_f32, remainder_from(r, b))
DIVISION(floor_divide, floor_divide_from(r, a, b))

void NAMED(fill_division)(kernel_table *t)
{
    t->binary[KERNEL_FMOD][KT_F32] = fmod_f32;
    t->binary[KERNEL_REMAINDER][KT_F32] = remainder_f32;
    t->binary[KERNEL_DIV_FLOOR][KT_F32] = floor_divide;
}
