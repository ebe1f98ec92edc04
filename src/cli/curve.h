/* curve.h - a small chart of two curves for the terminal.
 *
 * Layer: cli.  Depends on libc only.  Read next: curve.c, watch.c. */
#ifndef CLI_CURVE_H
#define CLI_CURVE_H

#include <stdint.h>
#include <stdio.h>

typedef struct curve {
    const char *name;
    const double *train, *test; /* n of each; NaN: a gap */
    int64_t n;
    int columns, rows; /* of the whole, its line of words not counted */
} curve;

/* test as a line, train as dots; in the colours of standard output. */
void print_curve(FILE *, const curve *);

#endif
