/* ops.h - what the families of operations share with one another, and with nobody else.
 *
 * Layer: ops.  Depends on core.  Read next: taper/ops.h for the public side, ops.def for the list. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "core/tensor.h"

#include <taper/ops.h>

bool is_channels_last(const tp_tensor *x); /* (N, C, H, W) with C innermost in memory */
tp_tensor *channels_last(tp_tensor *x);    /* itself if it is, else a copy that is; a recorded operation */

/* For kernels that want an input in one layout (CLONE_CONTIGUOUS, CLONE_CHANNELS_LAST): infer adds staged_bytes to its
 * scratch, and forward reads what staged returns: x itself where it lies right, else a copy at *scratch, which moves on. */
size_t staged_bytes(const tp_tensor *x, int64_t layout);
const void *staged(const tp_call *, const tp_tensor *x, int64_t layout, char **scratch);

static inline bool is_half(const tp_tensor *x) /* f16, bf16: what kernels of f32 are computed for by casting there and back */
{
    return x && (x->dtype == TP_F16 || x->dtype == TP_BF16);
}

/* For labels and indices: every element of an integer tensor lies in [0, size); fails naming op and the first that does not. */
tp_status check_indices(const char *op, const tp_tensor *index, int64_t size);

#endif
