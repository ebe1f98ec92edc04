/* conv2d.c - the convolution layer.
 *
 * Keeps the options of tp_conv2d as they were given, with its own bias put in, and hands them on at each forward.
 * Sizes are checked here, so that a wrong layer fails where it is made and not at its first batch.
 * Layer: nn.  Depends on module.h.  Read next: pool.c. */
#include "nn/module.h"

#include <math.h>

typedef struct conv2d_state {
    tp_tensor *weight;
    tp_conv2d_options options; /* bias: borrowed from the module */
} conv2d_state;

typedef struct conv2d_sizes {
    int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
} conv2d_sizes;

static tp_tensor *conv2d_forward(tp_module *m, tp_tensor *x)
{
    const conv2d_state *s = tp_module_state(m);
    return tp_conv2d_opt(x, s->weight, &s->options);
}

static tp_tensor *conv2d_forward_relu(tp_module *m, tp_tensor *x)
{
    const conv2d_state *s = tp_module_state(m);
    tp_conv2d_options options = s->options;
    options.relu = true;
    return tp_conv2d_opt(x, s->weight, &options);
}

static tp_status conv2d_absorb(tp_module *m, tp_tensor *scale, tp_tensor *shift)
{
    conv2d_state *s = tp_module_state(m);
    return module_absorb_into(m, &s->weight, &s->options.bias, scale, shift);
}

static tp_status conv2d_check(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *o,
                              conv2d_sizes *z)
{
    pair_of(z->kernel, kernel, o->kernel_hw, 0);
    pair_of(z->stride, o->stride, o->stride_hw, 1);
    pair_of(z->padding, o->padding, o->padding_hw, 0);
    pair_of(z->dilation, o->dilation, o->dilation_hw, 1);
    z->groups = o->groups ? o->groups : 1;
    if (in < 1 || out < 1)
        return tp_fail(TP_ERR_ARGUMENT, "conv2d: channels are %lld and %lld, at least 1 is wanted",
                       (long long)in, (long long)out);
    if (z->groups < 1 || in % z->groups || out % z->groups)
        return tp_fail(TP_ERR_ARGUMENT,
                       "conv2d: groups is %lld, a divisor of %lld and %lld channels is wanted",
                       (long long)z->groups, (long long)in, (long long)out);
    if (check_pair("conv2d", "kernel", z->kernel, 1) || check_pair("conv2d", "stride", z->stride, 1) ||
        check_pair("conv2d", "padding", z->padding, 0) || check_pair("conv2d", "dilation", z->dilation, 1))
        return tp_error_pending();
    return TP_OK;
}

static void conv2d_info(tp_module *m, int64_t in, int64_t out, const conv2d_sizes *z, bool no_bias)
{
    char text[256];
    snprintf(text, sizeof text, "%lld, %lld", (long long)in, (long long)out);
    text_add_pair(text, sizeof text, "kernel", z->kernel, 0);
    text_add_pair(text, sizeof text, "stride", z->stride, 1);
    text_add_pair(text, sizeof text, "padding", z->padding, 0);
    text_add_pair(text, sizeof text, "dilation", z->dilation, 1);
    if (z->groups > 1)
        text_add(text, sizeof text, ", groups %lld", (long long)z->groups);
    tp_module_set_info(m, "%s%s", text, no_bias ? ", no bias" : "");
}

tp_module *tp_nn_conv2d_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *options)
{
    tp_conv2d_options o = options ? *options : *TP_CONV2D_OPTIONS_();
    conv2d_sizes z;
    if (tp_pending() || conv2d_check(in, out, kernel, &o, &z))
        return NULL;
    if (o.bias)
        return tp_fail_null(TP_ERR_ARGUMENT, "conv2d: the layer makes its own bias; .bias is for tp_conv2d");
    TP_SCOPE;
    tp_module *m = tp_module_new("conv2d", sizeof(conv2d_state), conv2d_forward);
    conv2d_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    m->forward_relu = conv2d_forward_relu;
    m->absorb = conv2d_absorb;
    m->kernel = TP_SHAPE(z.kernel[0], z.kernel[1]);
    bool no_bias = o.no_bias;
    double bound = 1 / sqrt((double)(in / z.groups) * (double)z.kernel[0] * (double)z.kernel[1]);
    tp_shape shape = TP_SHAPE(out, in / z.groups, z.kernel[0], z.kernel[1]);
    s->weight = tp_parameter(m, "weight", tp_uniform(-bound, bound, shape));
    s->options = o;
    s->options.no_bias = false;
    s->options.kernel_hw[0] = s->options.kernel_hw[1] = 0;
    if (!no_bias)
        s->options.bias = tp_parameter(m, "bias", tp_uniform(-bound, bound, TP_SHAPE(out)));
    conv2d_info(m, in, out, &z, no_bias);
    return tp_keep(tp_module_built(m));
}
