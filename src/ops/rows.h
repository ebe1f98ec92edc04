/* rows.h - for operations that take one row along dim at a time: input and outputs as adjacent rows, by way of scratch
 * where they do not lie so; rows shared out over threads, each with a bench of its own.
 *
 * Layer: ops.  Depends on map.h.  Read next: rows.c, sort.c. */
#ifndef OPS_ROWS_H
#define OPS_ROWS_H

#include "ops/map.h"

#include <taper/ops.h>

typedef struct rows {
    const tp_call *c;
    int dim;       /* in [0, ndim) */
    int64_t count; /* rows */
    int64_t n;     /* elements of one in the input */
    int64_t m[2];  /* in each output */
    const char *x; /* rows of n */
    char *y[2];    /* rows of m; NULL where there is no such output */
    char *bench;   /* bench_bytes for each of threads */
    size_t bench_bytes;
    int threads;
    void (*body)(const struct rows *, int64_t row, void *bench);
} rows;

/* For infer, when the outputs' shapes are set: dim as given (TP_NO_DIM: the whole input is one row), bench of one thread. */
tp_status rows_infer(tp_call *, int64_t dim, size_t bench_bytes);

/* For forward: calls body for every row.  whole: rows one after the other, body splits its own work. */
void rows_run(const tp_call *, int64_t dim, size_t bench_bytes, bool whole,
              void (*body)(const rows *, int64_t row, void *bench));

/* Elements of a row. */
int64_t row_length(const tp_tensor *x, int64_t dim);

#endif
