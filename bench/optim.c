/* optim.c - a step of an optimizer over ten million parameters.
 *
 * Layer: bench.  Read next: peak.c. */
#include "support/bench.h"

enum { TENSORS = 10, ELEMENTS = 1000000 };
static tp_optim *adam;

static void run(void)
{
    tp_step(adam);
}

static bench_work open(const bench_case *c)
{
    tp_params *parameters = tp_params_new();
    for (int i = 0; i < TENSORS; i++) {
        tp_tensor *p = tp_requires_grad_(tp_randn(TP_SHAPE(ELEMENTS)), true);
        tp_set_grad(p, tp_randn(TP_SHAPE(ELEMENTS)));
        tp_params_add(parameters, bench_text("%d", i), p);
    }
    adam = tp_adam(parameters);
    (void)c;
    /* m and v: 3 operations each; p: a root, a sum, two quotients, a product and a difference.  Four arrays are read, three written. */
    return (bench_work){ 12.0 * TENSORS * ELEMENTS, 28.0 * TENSORS * ELEMENTS };
}

BENCH_CASES
{
    bench_add(&(bench_case){ .kind = "adam", .open = open, .run = run }, "optim.adam.10M",
              bench_text("\"tensors\":%d,\"elements\":%d", TENSORS, ELEMENTS));
}
