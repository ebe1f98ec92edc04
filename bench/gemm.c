/* gemm.c - matrix products in f32: square ones, and thin ones as layers have them.
 *
 * Layer: bench.  Read next: conv.c. */
#include "support/bench.h"

static const int64_t sizes[][3] = { { 256, 256, 256 },    { 1024, 1024, 1024 },
                                    { 2048, 2048, 2048 }, /* m, n, k */
                                    { 1, 4096, 4096 },    { 16, 4096, 1024 },
                                    { 4096, 16, 1024 },   { 64, 120, 400 } };

static tp_tensor *a, *b;

static void run(void)
{
    tp_matmul(a, b);
}

static bench_work open(const bench_case *c)
{
    const int64_t *size = c->spec;
    a = tp_randn(TP_SHAPE(size[0], size[2]));
    b = tp_randn(TP_SHAPE(size[2], size[1]));
    return bench_work_of(run, bench_bytes(a) + bench_bytes(b));
}

BENCH_CASES
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int m = (int)sizes[i][0], n = (int)sizes[i][1], k = (int)sizes[i][2];
        bench_add(&(bench_case){ .kind = "gemm", .spec = sizes[i], .open = open, .run = run },
                  bench_text("gemm.%dx%dx%d", m, n, k), bench_text("\"m\":%d,\"n\":%d,\"k\":%d", m, n, k));
    }
}
