/* indexed.h - the loop under gather, scatter and all that reads or writes where an index says; and checks of indices.
 *
 * Layer: ops.  Depends on map.h.  Read next: indexed.c, index.c. */
#ifndef OPS_INDEXED_H
#define OPS_INDEXED_H

#include "ops/map.h"
#include "ops/ops.h"

/* y[.., i, ..] = x[.., index[.., i, ..], ..] along dim; index has y's shape. */
void pick_elements(const kernel_table *, const tp_tensor *y, const tp_tensor *x, const tp_tensor *index,
                   int dim);

/* y[.., index[.., i, ..], ..] joined with src[.., i, ..]; src covers index.  Equal places are joined in index order. */
void place_elements(const kernel_table *, place_kind, const tp_tensor *y, const tp_tensor *index,
                    const tp_tensor *src, int dim);

/* index (n) seen as if it had the shape of like, its own numbers along dim: for index_select and the like. */
tp_tensor spread_index(const tp_tensor *index, const tp_tensor *like, int dim);

/* As check_indices, but in [low, size). */
tp_status check_index_range(const char *op, const tp_tensor *index, int64_t low, int64_t size);

/* The same numbers as i64, negative ones counted from the end: in [0, size). */
tp_tensor *wrapped_index(const char *op, tp_tensor *index, int64_t size);

/* dim in range, index inside of x in all dims but dim, every index in [0, size of dim). */
tp_status check_gather(const char *op, int64_t wanted, const tp_tensor *x, const tp_tensor *index, int *dim);
tp_status check_index_vector(const char *op, const tp_tensor *index); /* at most one dim */

#endif
