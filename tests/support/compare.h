/* compare.h - tensors against tensors: same dtype and shape, every element close; and inputs laid out in memory.
 *
 * Layer: tests.  Depends on taper.  Read next: compare.c. */
#ifndef SUPPORT_COMPARE_H
#define SUPPORT_COMPARE_H

#include <taper/ops.h>

typedef struct tolerance {
    double rtol, atol; /* |got - wanted| <= atol + rtol |wanted|; NaN equals NaN, infinities must agree */
    bool signed_zeros; /* 0 and -0 differ */
} tolerance;

/* true, or false with what differs in text: "out0 (2, 3): element 4 is 1.5, wanted 2".  An error that is pending is taken
 * and told. */
bool same_tensor(const char *what, tp_tensor *got, tp_tensor *wanted, tolerance, char *text, size_t size);
bool same_bits(const char *what, tp_tensor *got, tp_tensor *wanted, char *text, size_t size);

/* x's elements in other memory, without history:  "" row-major; "t" the last two dims transposed; "cl" channels-last;
 * "step" every second element of a larger tensor whose other elements are no numbers; "wide" rows
 * inside longer ones, not aligned; "e4,3" expanded to (4, 3). */
tp_tensor *laid_out(tp_tensor *x, const char *layout);

#endif
