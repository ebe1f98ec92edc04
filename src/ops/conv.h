/* conv.h - what convolutions and their transposes share.
 *
 * Layer: ops.  Depends on taper/ops.h.  Read next: conv.c, conv_transpose.c. */
#ifndef OPS_CONV_H
#define OPS_CONV_H

#include "kernels/kernels.h"
#include "ops/ops.h"

typedef struct conv_attrs {
    int64_t stride[2], padding[2], dilation[2], groups;
    bool precise;
    tp_shape size; /* of the result, for the two gradients */
} conv_attrs;

/* Of an op whose attributes are `type`, with a conv_attrs at its member `in.` */
#define CONV_ATTRS(type, in)                                          \
    { "stride", TP_ATTR_PAIR, offsetof(type, in stride), 1 },         \
        { "padding", TP_ATTR_PAIR, offsetof(type, in padding), 0 },   \
        { "dilation", TP_ATTR_PAIR, offsetof(type, in dilation), 1 }, \
        { "groups", TP_ATTR_I64, offsetof(type, in groups), 1 },      \
    {                                                                 \
        "precise", TP_ATTR_BOOL, offsetof(type, in precise), 0        \
    }

conv_attrs conv_attrs_of(const tp_conv2d_options *);
void conv_pair_of(int64_t to[2], int64_t both, const int64_t given[2], int64_t otherwise);

/* The type to compute in, where the kernels have none for all three; else their own. */
tp_dtype conv_computed_in(const tp_tensor *x, const tp_tensor *w, const tp_tensor *bias);

/* For infer, of inputs x, weight and perhaps bias: checks them, says the shape of the result, asks for the scratch of staging. */
tp_status conv2d_infer_size(tp_call *, const conv_attrs *, tp_shape *y);
tp_shape conv2d_size(const conv_attrs *, const tp_tensor *x, const tp_tensor *w);

/* What the kernels want to know, from the shapes of an image, a weight and a result; the scratch they need the way they will go. */
conv_args conv_geometry(const conv_attrs *, const int64_t *x, const int64_t *w, const int64_t *y);
size_t conv_scratch(const kernel_table *, int type, conv_direction, const conv_args *);

/* For forward: x, weight and bias, staged; then the kernel, with what is left of the call's scratch. */
void conv_operands(const tp_call *, conv_args *, char **scratch);
void conv_run(const tp_call *, conv_direction, conv_args *, void *out, char *scratch);

/* The gradient of conv2d by its input, of this size: dx[.., i s + p d - pad, ..] += w[..p..] dy[..i..] */
tp_tensor *conv_input_grad(tp_tensor *dy, tp_tensor *w, const conv_attrs *, const tp_shape *size);

/* conv_pool.c: the means of 2x2 of an activation of conv2d(x), where no gradient is wanted; and the activation's number by its name,
 * below 0: there is none. */
tp_tensor *conv2d_pooled(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *, int activation);
int conv_activation(const char *name);

#endif
