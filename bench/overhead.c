/* overhead.c - what an operation costs when there is next to nothing to compute: add of two 16-float tensors.
 *
 * Operations a microsecond: alone, and in a chain of 200 with its backward pass.
 * Layer: bench.  Read next: gemm.c. */
#include <taper/taper.h>

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_of_adds(tp_tensor *x, tp_tensor *y)
{
    double best = 0;
    for (int window = 0; window < 9; window++) {
        double begin = now();
        for (int k = 0; k < 3000; k++) {
            TP_SCOPE;
            for (int i = 0; i < 100; i++)
                tp_add(x, y);
        }
        double rate = 300000 / (now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

static double best_of_chains(tp_tensor *w, tp_tensor *x, tp_tensor *y)
{
    double best = 0;
    for (int window = 0; window < 9; window++) {
        double begin = now();
        for (int k = 0; k < 300; k++) {
            TP_SCOPE;
            tp_tensor *z = w;
            for (int i = 0; i < 100; i++)
                z = tp_add(tp_mul(z, y), x);
            tp_backward(tp_sum(z, TP_ALL_DIMS, false));
            tp_set_grad(w, NULL);
        }
        double rate = 300 * 200 / (now() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(void)
{
    TP_SCOPE;
    tp_tensor *x = tp_full(TP_SHAPE(16), 0.01), *y = tp_full(TP_SHAPE(16), 1),
              *w = tp_requires_grad_(tp_full(TP_SHAPE(16), 2), true);
    printf("add_16 %.2f op/us\n", 1e-6 * best_of_adds(x, y));
    printf("chain_200_forward_backward %.2f op/us\n", 1e-6 * best_of_chains(w, x, y));
    return tp_report_error(stderr);
}
