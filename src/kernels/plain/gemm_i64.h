/* gemm_i64.h - products of matrices of 64-bit integers, which wrap.
 *
 * Layer: kernels.  Depends on plain.h, base/parallel.h.  Read next: isa/gemm.inc.h. */
#include "base/parallel.h"
#include "kernels/plain/plain.h"

static void gemm_rows_i64(void *context, int64_t begin, int64_t end)
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

static void gemm_i64(const gemm_args *g)
{
    double row = (double)g->n * (double)g->k;
    int64_t grain = row * (double)g->m < 1 << 17 ? INT64_MAX / 2 : (int64_t)((1 << 17) / (row + 1)) + 1;
    gemm_args copy = *g;
    parallel_for(g->m, grain, gemm_rows_i64, &copy);
}

static size_t no_scratch_i64(const gemm_args *g)
{
    (void)g;
    return 0;
}

static void fill_gemm_i64(kernel_table *t)
{
    t->gemm[KT_I64] = gemm_i64;
    t->gemm_scratch[KT_I64] = no_scratch_i64;
}
