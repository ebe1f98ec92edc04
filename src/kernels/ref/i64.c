/* i64.c - the reference in 64-bit integers, which every integer type and bool are computed in.
 *
 * Arithmetic wraps.  Functions that make no sense for integers stay NULL.
 * Layer: kernels.  Depends on plain/.  Read next: convert.c. */
#include "base/parallel.h"
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

/* ---- products ------------------------------------------------------------------------------------------------------ */

static void gemm_rows(void *context, int64_t begin, int64_t end)
{
    const gemm_args *g = context;
    const uint64_t *a = g->a, *b = g->b, *bias = g->bias;
    for (int64_t i = begin; i < end; i++) {
        uint64_t *c = (uint64_t *)g->c + i * g->c_row;
        for (int64_t j = 0; j < g->n; j++)
            c[j] = (g->accumulate ? c[j] : 0) + (bias ? bias[j] : 0);
        for (int64_t k = 0; k < g->k; k++) {
            const uint64_t left = a[i * g->a_row + k * g->a_col], *row = b + k * g->b_row;
            if (g->b_col == 1)
                for (int64_t j = 0; j < g->n; j++)
                    c[j] += left * row[j];
            else
                for (int64_t j = 0; j < g->n; j++)
                    c[j] += left * row[j * g->b_col];
        }
    }
}

static void gemm(const gemm_args *g)
{
    double row = (double)g->n * (double)g->k;
    int64_t grain = row * (double)g->m < 1 << 17 ? INT64_MAX / 2 : (int64_t)((1 << 17) / (row + 1)) + 1;
    gemm_args copy = *g;
    parallel_for(g->m, grain, gemm_rows, &copy);
}

static size_t no_gemm_scratch(const gemm_args *g)
{
    (void)g;
    return 0;
}

void ref_fill_i64(kernel_table *t)
{
    t->gemm[KT_I64] = gemm;
    t->gemm_scratch[KT_I64] = no_gemm_scratch;
    fill_elementwise(t, KT_I64);
    fill_reduce(t, KT_I64);
    t->unary[KERNEL_ABS][KT_I64] = absolute;
    t->unary[KERNEL_CLAMP][KT_I64] = clamp;
    t->unary[KERNEL_FLOOR][KT_I64] = t->unary[KERNEL_CEIL][KT_I64] = t->unary[KERNEL_ROUND][KT_I64] = itself;
    t->binary[KERNEL_POW][KT_I64] = power;
}
