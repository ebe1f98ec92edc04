/* lenet5.c - training steps of LeNet-5 a second, batch 64 and batch 1, on random pictures.
 *
 * A step: forward, cross-entropy, backward, Adam.  The median of windows of half a second, after warm-up.
 * bench/pytorch.py measures the same in PyTorch.
 * Layer: bench.  Read next: overhead.c. */
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

static void step(tp_module *net, tp_optim *adam, tp_tensor *x, tp_tensor *y)
{
    TP_SCOPE;
    tp_tensor *loss = tp_cross_entropy(tp_forward(net, x), y);
    tp_zero_grad(adam);
    tp_backward(loss);
    tp_step(adam);
}

static void measure(int64_t batch)
{
    TP_SCOPE;
    tp_module *net = tp_model("lenet5");
    tp_optim *adam = tp_adam(tp_parameters(net));
    tp_tensor *x = tp_randn(TP_SHAPE(batch, 1, 32, 32)), *y = tp_zeros(TP_SHAPE(batch), .dtype = TP_I64);
    double rate[WINDOWS], begin = now();
    while (now() - begin < 0.5)
        step(net, adam, x, y);
    for (int i = 0; i < WINDOWS; i++) {
        int64_t steps = 0;
        begin = now();
        do
            step(net, adam, x, y), steps++;
        while (now() - begin < 0.5);
        rate[i] = (double)steps / (now() - begin);
    }
    qsort(rate, WINDOWS, sizeof *rate, ascending);
    printf("lenet5_batch_%lld %.0f steps/s\n", (long long)batch, rate[WINDOWS / 2]);
}

int main(void)
{
    TP_SCOPE;
    tp_manual_seed(1);
    measure(64);
    measure(1);
    return tp_report_error(stderr);
}
