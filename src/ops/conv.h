/* conv.h - what convolutions and their transposes share.
 *
 * Layer: ops.  Depends on taper/ops.h.  Read next: conv.c, conv_transpose.c. */
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "ops/ops.h"

typedef struct conv_attrs {
    int64_t stride[2], padding[2], dilation[2], groups;
    bool precise;
    tp_shape size; /* of the result, for the two gradients */
} conv_attrs;

conv_attrs conv_attrs_of(const tp_conv2d_options *);
void conv_pair_of(int64_t to[2], int64_t both, const int64_t given[2], int64_t otherwise);

/* The type to compute in, where the kernels have none for all three; else their own. */
tp_dtype conv_computed_in(const tp_tensor *x, const tp_tensor *w, const tp_tensor *bias);

/* The gradient of conv2d by its input, of this size: dx[.., i s + p d - pad, ..] += w[..p..] dy[..i..] */
tp_tensor *conv_input_grad(tp_tensor *dy, tp_tensor *w, const conv_attrs *, const tp_shape *size);

#endif
