/* accuracy.h - f32 functions of one instruction set over bit patterns of f32, against the reference in f64.
 *
 * Layer: tests.  Depends on kernels, base/parallel.h.  Read next: accuracy.def, accuracy.c. */
#ifndef SUPPORT_ACCURACY_H
#define SUPPORT_ACCURACY_H

#include "kernels/kernels.h"

typedef struct accuracy_row {
    const char *name;
    unary_kernel kernel;
    double bound; /* units in the last place */
    double floor; /* a difference up to this is none */
} accuracy_row;

extern const accuracy_row accuracy_rows[];
extern const int accuracy_row_count;
extern const double accuracy_parameters[4]; /* of the functions that take some */

enum { ACCURACY_ISAS = 4 };

typedef struct accuracy_worst {
    const char *isa;
    double units;
    float at, got;
    double wanted;
} accuracy_worst;

/* The difference in units in the last place of want; NaN equals NaN, and infinities must agree. */
double accuracy_units(float got, double want);

/* Every step-th of the 2^32 bit patterns, on every instruction set of this machine that has a function of its own; how many
 * there are */
int accuracy_measure(const accuracy_row *row, uint32_t step, accuracy_worst worst[ACCURACY_ISAS]);

#endif
