/* i64.c - the reference in 64-bit integers, which every integer type and bool are computed in.
 *
 * Arithmetic wraps.  Functions that make no sense for integers stay NULL.
 * Layer: kernels.  Depends on plain/.  Read next: convert.c. */
#include "kernels/plain/gemm_i64.h"
#include "kernels/plain/plain.h"
#include "kernels/ref/ref.h"

#define REAL int64_t
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#include "kernels/plain/elementwise.h"
#include "kernels/plain/reduce.h"

UNARY(absolute, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
UNARY(itself, x)
UNARY(clamp, (double)x<p[0] ? (p[0] < p[1] ? p[0] : p[1]) : (double)x> p[1] ? p[1] : (double)x)

static int64_t power_of(int64_t base, int64_t exponent)
{
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    uint64_t result = 1, factor = (uint64_t)base;
    for (; exponent; exponent >>= 1, factor *= factor)
        if (exponent & 1)
            result *= factor;
    return (int64_t)result;
}

#define RESULT int64_t
BINARY(power, power_of(a, b))
#undef RESULT

void ref_fill_i64(kernel_table *t)
{
    fill_gemm_i64(t);
    fill_elementwise(t, KT_I64);
    fill_reduce(t, KT_I64);
    t->unary[KERNEL_ABS][KT_I64] = absolute;
    t->unary[KERNEL_CLAMP][KT_I64] = clamp;
    t->unary[KERNEL_FLOOR][KT_I64] = t->unary[KERNEL_CEIL][KT_I64] = t->unary[KERNEL_ROUND][KT_I64] = itself;
    t->binary[KERNEL_POW][KT_I64] = power;
}
