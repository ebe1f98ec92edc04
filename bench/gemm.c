/* gemm.c - GFLOP/s of matrix products in f32: square ones, and thin ones as layers have them.
 *
 * The median of windows of a fifth of a second.  bench/pytorch.py measures the same in PyTorch.
 * Layer: bench.  Read next: lenet5.c. */
#include <taper/taper.h>

#include <stdlib.h>
#include <time.h>

enum { WINDOWS = 7 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(int64_t m, int64_t n, int64_t k)
{
    TP_SCOPE;
    tp_tensor *a = tp_randn(TP_SHAPE(m, k)), *b = tp_randn(TP_SHAPE(k, n));
    double rate[WINDOWS];
    tp_matmul(a, b);
    for (int i = 0; i < WINDOWS; i++) {
        double begin = now();
        int64_t runs = 0;
        do {
            TP_SCOPE;
            tp_matmul(a, b);
            runs++;
        } while (now() - begin < 0.2);
        rate[i] = 2e-9 * (double)(m * n * k) * (double)runs / (now() - begin);
    }
    qsort(rate, WINDOWS, sizeof *rate, ascending);
    printf("gemm_%lldx%lldx%lld %.1f GFLOP/s\n", (long long)m, (long long)n, (long long)k, rate[WINDOWS / 2]);
}

int main(void)
{
    TP_SCOPE;
    static const int64_t sizes[][3] = { { 64, 64, 64 },    { 128, 128, 128 },    { 256, 256, 256 },
                                        { 512, 512, 512 }, { 1024, 1024, 1024 }, { 2048, 2048, 2048 },
                                        { 64, 120, 400 },  { 1, 4096, 4096 },    { 16, 4096, 1024 },
                                        { 4096, 16, 1024 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure(sizes[i][0], sizes[i][1], sizes[i][2]);
    return tp_report_error(stderr);
}
