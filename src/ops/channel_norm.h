/* channel_norm.h - the normalisation of channels from the inside, for operations that do more in the same pass.
 *
 * Layer: ops.  Depends on norm.h.  Read next: channel_norm.c, norm_conv.c. */
#ifndef OPS_CHANNEL_NORM_H
#define OPS_CHANNEL_NORM_H

#include "ops/norm.h"

#define CHANNEL_ATTRS(with_relu)                                                                           \
    OP_ATTRS(channel_attrs, OP_ATTR(channel_attrs, I64, groups, 0), OP_ATTR(channel_attrs, BOOL, each, 0), \
             OP_ATTR(channel_attrs, BOOL, fixed, 0), OP_ATTR(channel_attrs, F64, eps, 1e-5),               \
             OP_ATTR(channel_attrs, BOOL, relu, with_relu))

typedef struct channel_plan {
    int64_t sets, rows, cols; /* x is sets of rows of cols; a set has statistics of its own */
    int64_t groups, width;    /* of a set's columns; columns of a group */
    int64_t pieces, piece_rows;
} channel_plan;

typedef struct channel_run {
    const channel_plan *p;
    const kernel_table *kernels;
    norm_cols_args all;
    char *columns[5]; /* mean, scale, slope, shift, beta of each column of each set */
    double *sums;     /* of piece i: 4 cols numbers */
    int type;
    int64_t size;
} channel_run;

channel_plan channel_plan_of(const channel_attrs *, const tp_shape *x);
norm_view channel_view(const channel_attrs *, const tp_shape *x);
tp_status channel_check(const tp_call *, const tp_tensor *x, const tp_tensor *weight, const tp_tensor *bias,
                        const tp_tensor *mean, const tp_tensor *var);
int64_t channel_pixel_step(const channel_attrs *, const tp_tensor *x);

/* The scratch of a pass, which starts where it is told to. */
size_t channel_scratch(const channel_plan *, const tp_tensor *x);
channel_run channel_start(const tp_call *, const channel_plan *, const tp_tensor *x, char *scratch);

norm_cols_args channel_piece(const channel_run *, int64_t i); /* its rows, and what their columns need */

/* Forward: statistics into outputs 1 and 2, and the columns' numbers.  vector: x weight bias mean var, contiguous. */
void channel_statistics(const tp_call *, channel_run *, const void *const *vector);

/* Backward: the columns' numbers; then, when each piece has its sums, dweight and dbias into outputs 1 and 2, and dx out of
 * what all.dy is by then.  vector: by NORM_DY ...; only vectors are read. */
void channel_backward_columns(const tp_call *, channel_run *, const void *const *vector);
void channel_finish_gradient(const tp_call *, channel_run *, const void *const *vector);

/* What flows into the inputs x weight bias mean var, out of what channel_norm_backward gave. */
void channel_gradients(const tp_saved *, const norm_view *, tp_tensor *const *d, tp_tensor **dx);

#endif
