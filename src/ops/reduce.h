/* reduce.h - what reductions share: dims as a mask, the pass over memory, the way back for gradients.
 *
 * Layer: ops.  Depends on map.h.  Read next: reduce.c. */
#ifndef OPS_REDUCE_H
#define OPS_REDUCE_H

#include "ops/map.h"

#include <taper/ops.h>

typedef struct reduce_attrs {
    tp_shape dims; /* empty: all of them */
    bool keepdim;
} reduce_attrs;

typedef struct dim_attrs { /* along one dim, or TP_NO_DIM */
    int64_t dim;
    bool keepdim;
} dim_attrs;

extern const tp_attr reduce_attr_table[], dim_attr_table[];
extern const tp_example reduce_examples[];

/* Bit i: dim i is reduced.  Fails naming op. */
tp_status dims_mask(const char *op, const tp_tensor *x, const tp_shape *dims, unsigned *mask);

/* How many elements go into one result; -1 with an error pending. */
int64_t reduced_count(const char *op, const tp_tensor *x, const tp_shape *dims);

/* How the input is read: as it is, converted a piece at a time; x != 0, counted in i64; converted as a whole. */
typedef enum { READ_VALUES, READ_TRUTH, READ_CONVERTED } reduce_reading;

typedef struct reduce_plan { /* x is read as [outer][reduced][inner] */
    bool copies;             /* through scratch, kept dims first */
    tp_dtype stored, type;   /* in memory (or in scratch), and computed */
    reduce_reading reading;
    bool converts; /* a piece at a time */
    int64_t outer, reduced, inner;
    int64_t block, blocks; /* of reduced: partial results of one result */
    int64_t chunk, chunks; /* of inner */
    size_t copy_bytes, partial_bytes;
} reduce_plan;

reduce_plan plan_reduction(const tp_tensor *x, unsigned mask, reduce_reading);

/* x where the plan wants it: its own memory, or a copy at scratch. */
const char *reduction_input(const tp_call *, const reduce_plan *, unsigned mask);

tp_status infer_reduced_shape(tp_call *, int output, unsigned mask, bool keepdim, tp_dtype);
tp_status infer_reduced(tp_call *, unsigned mask, bool keepdim, tp_dtype, reduce_reading);
void reduce_into(const tp_call *, unsigned mask, reduce_kernel, reduce_reading);

/* With a last step on the n results, in the computing type, before they are rounded to the output's. */
typedef void reduce_finish(const kernel_table *, kernel_type, void *y, int64_t n, double parameter);
void reduce_finished(const tp_call *, unsigned mask, reduce_kernel, reduce_reading, reduce_finish *,
                     double parameter);

/* t, reduced over dims, with them back as size 1; shape is the input's. */
tp_tensor *with_reduced_dims(tp_tensor *t, tp_shape shape, const tp_shape *dims);

/* x with kept dims first and reduced ones last, contiguous, as type. */
void copy_kept_first(const kernel_table *, const tp_tensor *x, unsigned mask, void *to, tp_dtype type);

tp_status wants_float(const char *op, const tp_tensor *x);

#endif
