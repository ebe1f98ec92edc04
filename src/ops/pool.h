/* pool.h - the attributes of the pooling operations with kernels, for the forms made of them.
 *
 * Layer: ops.  Depends on ops.h.  Read next: pool.c, pool_forms.c. */
#ifndef OPS_POOL_H
#define OPS_POOL_H

#include "ops/ops.h"

typedef struct pool_attrs {
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool ceil_mode, exclude_pad;
    tp_shape size; /* of the result, for the backwards */
    bool taps;     /* _max_pool2d says where in the window the largest stood, in a byte: for its gradient */
} pool_attrs;

extern const tp_op tp_op__max_pool2d, tp_op__max_pool2d_values, tp_op__avg_pool2d;

tp_status check_image(const char *op, const tp_tensor *x); /* (N, C, H, W) of f32 or f64 */

#endif
