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
#define ACC int64_t
#include "kernels/plain/elementwise.h"
#include "kernels/plain/compare.h"
#include "kernels/plain/reduce.h"
#include "kernels/plain/scan.h"

#include "kernels/plain/bits.h"

UNARY(absolute, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
UNARY(itself, x)
UNARY(threshold, (double)x <= p[0] ? (int64_t)p[1] : x)
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

/* No integer divides by zero here (ops/binary.c); b = -1 stands apart because the smallest number has no opposite. */
static int64_t quotient_of(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t rest_of(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static int64_t floor_quotient_of(int64_t a, int64_t b)
{
    int64_t r = rest_of(a, b);
    return quotient_of(a, b) - (r != 0 && (r < 0) != (b < 0));
}

static int64_t remainder_of(int64_t a, int64_t b)
{
    int64_t r = rest_of(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static uint64_t gcd_of(int64_t a, int64_t b)
{
    uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    while (y) {
        uint64_t rest = x % y;
        x = y, y = rest;
    }
    return x;
}

static uint64_t lcm_of(int64_t a, int64_t b)
{
    uint64_t g = gcd_of(a, b), m = g ? (uint64_t)quotient_of(a, (int64_t)g) * (uint64_t)b : 0;
    return (int64_t)m < 0 ? 0 - m : m;
}

#define RESULT int64_t
BINARY(power, power_of(a, b))
BINARY(quotient, quotient_of(a, b))
BINARY(floor_quotient, floor_quotient_of(a, b))
BINARY(rest, rest_of(a, b))
BINARY(remainder_, remainder_of(a, b))
BINARY(gcd, gcd_of(a, b))
BINARY(lcm, lcm_of(a, b))
#undef RESULT

#define RESULT uint8_t
BINARY(is_negative, ((void)b, a < 0))
BINARY(is_infinite, ((void)a, (void)b, 0))
BINARY(is_finite, ((void)a, (void)b, 1))
#undef RESULT

void ref_fill_i64(kernel_table *t)
{
    fill_gemm_i64(t);
    fill_elementwise(t, KT_I64);
    fill_compare(t, KT_I64);
    fill_reduce(t, KT_I64);
    fill_scan(t, KT_I64);
    t->unary[KERNEL_ABS][KT_I64] = absolute;
    t->unary[KERNEL_CLAMP][KT_I64] = clamp;
    t->unary[KERNEL_TRUNC][KT_I64] = t->unary[KERNEL_NAN_TO_NUM][KT_I64] = t->unary[KERNEL_FLOOR][KT_I64] =
        t->unary[KERNEL_CEIL][KT_I64] = t->unary[KERNEL_ROUND][KT_I64] = itself;
    t->unary[KERNEL_THRESHOLD][KT_I64] = threshold;
    t->binary[KERNEL_POW][KT_I64] = power;
    t->binary[KERNEL_DIV_TRUNC][KT_I64] = quotient;
    t->binary[KERNEL_DIV_FLOOR][KT_I64] = floor_quotient;
    t->binary[KERNEL_FMOD][KT_I64] = rest;
    t->binary[KERNEL_REMAINDER][KT_I64] = remainder_;
    t->binary[KERNEL_GCD][KT_I64] = gcd;
    t->binary[KERNEL_LCM][KT_I64] = lcm;
    t->compare[KERNEL_SIGNBIT][KT_I64] = is_negative;
    t->compare[KERNEL_ISINF][KT_I64] = is_infinite;
    t->compare[KERNEL_ISFINITE][KT_I64] = is_finite;
    fill_bits(t);
}
