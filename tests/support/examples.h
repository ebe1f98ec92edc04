/* examples.h - runs an operation on one of its own examples (tp_example, taper/autograd.h): any float type, any size,
 * any layout in memory, with gradients.
 *
 * Layer: tests.  Depends on taper.  Read next: examples.c. */
#ifndef SUPPORT_EXAMPLES_H
#define SUPPORT_EXAMPLES_H

#include <taper/ops.h>

typedef struct example_run {
    const tp_op *op;
    int n_in, n_out;
    tp_tensor *in[TP_MAX_INPUTS]; /* NULL: an optional one that is left out */
    tp_tensor *out[TP_MAX_PARTS];
    tp_tensor *dx[TP_MAX_INPUTS]; /* NULL for what has no gradient */
    _Alignas(16) char attrs[512];
} example_run;

/* Inputs and attributes.  The same numbers for every float type (those that f32 has), scale and layout:
 *   scale   multiplies every size but 1, and the attributes "shape", "normalized_shape" and "size"
 *   layout  NULL: as the example says; else that of laid_out (compare.h) for every input that has enough dims
 * Float inputs require a gradient where the operation has one. */
void example_build(example_run *, const tp_op *, const tp_example *, tp_dtype, int64_t scale,
                   const char *layout);

tp_status example_apply(example_run *); /* fills out */
tp_status example_gradient(
    example_run *); /* fills dx, for a fixed random gradient of out[0]; dx stays NULL without one */

/* A scale at which the operation takes the example and does not work much longer than max_flops; 1 if nothing larger does. */
int64_t example_large_scale(const tp_op *, const tp_example *, double max_flops);

/* -1.5 to 1.5 but not near 0, the same for the same (seed, i). */
double example_number(uint64_t seed, int64_t i);

#endif
