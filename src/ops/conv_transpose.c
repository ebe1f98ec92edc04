/* conv_transpose.c - transposed convolution: the gradient of a convolution by its input, taken as an operation.
 *
 * y[n,k,i s + p d - pad, ..] += w[c,k,p,..] x[n,c,i,..]: each input pixel spreads over a kernel's width of the output.  Size:
 * (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1 (Dumoulin and Visin 2016, section 4).
 * Layer: ops.  Depends on conv.h.  Read next: pool.c. */
#include "ops/conv.h"

typedef struct transpose_attrs {
    int64_t stride[2], padding[2], output_padding[2], dilation[2], groups;
} transpose_attrs;

typedef struct transpose1d_attrs {
    int64_t stride, padding, output_padding, dilation, groups;
} transpose1d_attrs;

static tp_status output_size(const tp_tensor *x, const tp_tensor *w, const transpose_attrs *a, tp_shape *size)
{
    *size = TP_SHAPE(x->shape[0], w->shape[1] * a->groups, 0, 0);
    for (int i = 0; i < 2; i++) {
        const int64_t most = a->stride[i] > a->dilation[i] ? a->stride[i] : a->dilation[i];
        if (a->output_padding[i] < 0 || a->output_padding[i] >= most)
            return tp_fail(TP_ERR_ARGUMENT,
                           "conv_transpose: output_padding %lld, less than stride %lld or dilation %lld is "
                           "wanted",
                           (long long)a->output_padding[i], (long long)a->stride[i],
                           (long long)a->dilation[i]);
        size->dim[2 + i] = (x->shape[2 + i] - 1) * a->stride[i] - 2 * a->padding[i] +
                           a->dilation[i] * (w->shape[2 + i] - 1) + a->output_padding[i] + 1;
        if (size->dim[2 + i] < 1)
            return tp_fail(TP_ERR_SHAPE, "conv_transpose: input %s, weight %s: the result has no size",
                           tensor_shape_text(x), tensor_shape_text(w));
    }
    return TP_OK;
}

static tp_status check(const tp_tensor *x, const tp_tensor *w, const tp_tensor *bias,
                       const transpose_attrs *a)
{
    if (w->ndim != 4 || x->ndim != 4 || x->shape[1] != w->shape[0])
        return tp_fail(TP_ERR_SHAPE,
                       "conv_transpose: input %s, weight %s: (N, C, ...) and (C, K / groups, kernel ...) are "
                       "wanted",
                       tensor_shape_text(x), tensor_shape_text(w));
    for (int i = 0; i < 2; i++)
        if (a->stride[i] < 1 || a->dilation[i] < 1 || a->padding[i] < 0)
            return tp_fail(TP_ERR_ARGUMENT,
                           "conv_transpose: stride %lld, padding %lld, dilation %lld: stride and dilation "
                           "must be at least 1, padding at least 0",
                           (long long)a->stride[i], (long long)a->padding[i], (long long)a->dilation[i]);
    if (a->groups < 1 || w->shape[0] % a->groups)
        return tp_fail(TP_ERR_ARGUMENT, "conv_transpose: %lld groups, a divisor of %lld channels is wanted",
                       (long long)a->groups, (long long)w->shape[0]);
    if (bias && (bias->ndim != 1 || bias->shape[0] != w->shape[1] * a->groups))
        return tp_fail(TP_ERR_SHAPE, "conv_transpose: bias %s, weight %s wants (%lld,)",
                       tensor_shape_text(bias), tensor_shape_text(w), (long long)(w->shape[1] * a->groups));
    return TP_OK;
}

/* x (N, C, H, W) or (C, H, W) */
static tp_tensor *transposed(tp_tensor *x, tp_tensor *w, tp_tensor *bias, const transpose_attrs *a)
{
    tp_shape size;
    if (!x || !w || tp_pending())
        return tp_pending()
                   ? NULL
                   : tp_fail_null(TP_ERR_ARGUMENT, "conv_transpose: the %s is NULL", x ? "weight" : "input");
    TP_SCOPE;
    const tp_dtype dtype = tp_dtype_of(x), wide = conv_computed_in(x, w, bias);
    const bool one = x->ndim == 3;
    x = one ? tp_unsqueeze(x, 0) : x;
    if (check(x, w, bias, a) || output_size(x, w, a, &size))
        return NULL;
    if (wide != dtype) {
        x = tp_to(x, wide);
        w = tp_to(w, wide);
        bias = bias ? tp_to(bias, wide) : NULL;
    }
    const conv_attrs conv = { { a->stride[0], a->stride[1] },
                              { a->padding[0], a->padding[1] },
                              { a->dilation[0], a->dilation[1] },
                              a->groups,
                              tp_precise(),
                              { 0 } };
    tp_tensor *y = conv_input_grad(channels_last(x), w, &conv, &size);
    if (bias)
        y = tp_add(y, tp_reshape(bias, TP_SHAPE(size.dim[1], 1, 1)));
    return tp_keep(tp_to(one && y ? tp_squeeze(y, 0) : y, dtype));
}

/* (N, C, L): an image one pixel high. */
static tp_tensor *transposed1d(tp_tensor *x, tp_tensor *w, tp_tensor *bias, const transpose1d_attrs *a)
{
    if (x && w && (x->ndim < 2 || x->ndim > 3 || w->ndim != 3))
        return tp_fail_null(
            TP_ERR_SHAPE,
            "conv_transpose1d: input %s, weight %s: (N, C, L) and (C, K / groups, length) are wanted",
            tensor_shape_text(x), tensor_shape_text(w));
    TP_SCOPE;
    const transpose_attrs flat = {
        { 1, a->stride }, { 0, a->padding }, { 0, a->output_padding }, { 1, a->dilation }, a->groups
    };
    return tp_keep(tp_squeeze(transposed(tp_unsqueeze(x, -2), tp_unsqueeze(w, 2), bias, &flat), -2));
}

static void conv_transpose2d_compose(tp_call *c)
{
    c->out[0] = transposed(c->in[0], c->in[1], c->in[2], c->attrs);
}

static void conv_transpose1d_compose(tp_call *c)
{
    c->out[0] = transposed1d(c->in[0], c->in[1], c->in[2], c->attrs);
}

#define PAIR(a, b) \
    {              \
        a, b       \
    }
COMPOSED_OP(conv_transpose2d, "input weight bias?", 3,
            "y[n,k,i stride + p dilation - padding, ...] = b[k] + sum of w[c,k,p,q] x[n,c,i,j]",
            OP_ATTRS(transpose_attrs, OP_ATTR(transpose_attrs, PAIR, stride, 1),
                     OP_ATTR(transpose_attrs, PAIR, padding, 0),
                     OP_ATTR(transpose_attrs, PAIR, output_padding, 0),
                     OP_ATTR(transpose_attrs, I64, groups, 1), OP_ATTR(transpose_attrs, PAIR, dilation, 1)),
            OP_EXAMPLES({ "2,3,4,3 3,2,3,3 2", NULL },
                        { "1,4,3,4 4,3,3,2 -",
                          &(transpose_attrs){ PAIR(2, 3), PAIR(1, 0), PAIR(1, 2), PAIR(1, 1), 2 } },
                        { "3,4,4 3,2,2,3@t 2",
                          &(transpose_attrs){ PAIR(1, 1), PAIR(0, 1), PAIR(0, 0), PAIR(2, 1), 1 } }));
COMPOSED_OP(
    conv_transpose1d, "input weight bias?", 3,
    "y[n,k,i stride + p dilation - padding] = b[k] + sum of w[c,k,p] x[n,c,i]",
    OP_ATTRS(transpose1d_attrs, OP_ATTR(transpose1d_attrs, I64, stride, 1),
             OP_ATTR(transpose1d_attrs, I64, padding, 0), OP_ATTR(transpose1d_attrs, I64, output_padding, 0),
             OP_ATTR(transpose1d_attrs, I64, groups, 1), OP_ATTR(transpose1d_attrs, I64, dilation, 1)),
    OP_EXAMPLES({ "2,3,7 3,4,3 4", NULL }, { "2,4,5 4,3,2 -", &(transpose1d_attrs){ 3, 1, 2, 1, 2 } }));

tp_tensor *tp_conv_transpose2d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *o)
{
    const conv_attrs conv = conv_attrs_of(o);
    transpose_attrs a = { { conv.stride[0], conv.stride[1] },
                          { conv.padding[0], conv.padding[1] },
                          { 0 },
                          { conv.dilation[0], conv.dilation[1] },
                          conv.groups };
    conv_pair_of(a.output_padding, o->output_padding, o->output_padding_hw, 0);
    tp_tensor *y = tp_apply(&tp_op_conv_transpose2d, (tp_tensor *[]){ x, weight, o->bias }, 3, &a);
    return o->relu ? tp_relu(y) : y;
}

tp_tensor *tp_conv_transpose1d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *o)
{
    const conv_attrs conv = conv_attrs_of(o);
    const transpose1d_attrs a = { conv.stride[1], conv.padding[1],
                                  o->output_padding_hw[1] ? o->output_padding_hw[1] : o->output_padding,
                                  conv.dilation[1], conv.groups };
    tp_tensor *y = tp_apply(&tp_op_conv_transpose1d, (tp_tensor *[]){ x, weight, o->bias }, 3, &a);
    return o->relu ? tp_relu(y) : y;
}
