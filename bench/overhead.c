/* overhead.c - what an operation costs when there is next to nothing to compute: tensors of 16 floats.
 *
 * Layer: bench.  Read next: optim.c. */
#include "support/bench.h"

enum { ELEMENTS = 16, PAIRS = 100 };
static tp_tensor *x, *y, *w;

static void add(void)
{
    tp_add(x, y);
}

/* 200 operations and back. */
static void chain(void)
{
    tp_tensor *z = w;
    for (int i = 0; i < PAIRS; i++)
        z = tp_add(tp_mul(z, y), x);
    tp_backward(tp_sum(z, TP_ALL_DIMS, false));
    tp_set_grad(w, NULL);
}

static bench_work open(const bench_case *c)
{
    x = tp_full(TP_SHAPE(ELEMENTS), 0.01);
    y = tp_full(TP_SHAPE(ELEMENTS), 1);
    w = tp_requires_grad_(tp_full(TP_SHAPE(ELEMENTS), 2), true);
    (void)c;
    return (bench_work){ 0 };
}

BENCH_CASES
{
    bench_add(&(bench_case){ .kind = "add", .open = open, .run = add },
              bench_text("overhead.add.%d", ELEMENTS), bench_text("\"elements\":%d", ELEMENTS));
    bench_add(&(bench_case){ .kind = "chain", .grad = true, .open = open, .run = chain },
              bench_text("overhead.chain.%d", 2 * PAIRS),
              bench_text("\"elements\":%d,\"pairs\":%d", ELEMENTS, PAIRS));
}
