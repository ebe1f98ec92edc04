/* conv.c - the convolution layers: 1-d and 2-d, and their transposes.
 *
 * Each keeps the options of its function as they were given, with its own bias put in, and hands them on at each forward.
 * Sizes are checked here, so that a wrong layer fails where it is made and not at its first batch.
 * Layer: nn.  Depends on module.h.  Read next: pool.c. */
#include "nn/module.h"
#include "ops/conv.h"

#include <math.h>

typedef tp_tensor *conv_fn(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

typedef struct conv_kind {
    const char *type;
    conv_fn *conv;
    bool one_dim, transposed;
} conv_kind;

typedef struct conv_state {
    conv_fn *conv;
    tp_tensor *weight;
    tp_conv2d_options options; /* bias: borrowed from the module */
} conv_state;

typedef struct conv_sizes {
    int64_t kernel[2], stride[2], padding[2], dilation[2], output_padding[2], groups;
} conv_sizes;

static tp_tensor *conv_forward(tp_module *m, tp_tensor *x)
{
    const conv_state *s = tp_module_state(m);
    return s->conv(x, s->weight, &s->options);
}

static tp_tensor *conv_forward_relu(tp_module *m, tp_tensor *x)
{
    const conv_state *s = tp_module_state(m);
    tp_conv2d_options options = s->options;
    options.relu = true;
    return s->conv(x, s->weight, &options);
}

static tp_tensor *conv_forward_pooled(tp_module *m, tp_tensor *x, int activation)
{
    const conv_state *s = tp_module_state(m);
    return conv2d_pooled(x, s->weight, &s->options, activation);
}

static tp_status conv_absorb(tp_module *m, tp_tensor *scale, tp_tensor *shift)
{
    conv_state *s = tp_module_state(m);
    return module_absorb_into(m, &s->weight, &s->options.bias, scale, shift);
}

static tp_tensor *conv_pointwise(const tp_module *m)
{
    const conv_state *s = m->state;
    const tp_conv2d_options *o = &s->options;
    int64_t stride[2], padding[2];
    pair_of(stride, o->stride, o->stride_hw, 1);
    pair_of(padding, o->padding, o->padding_hw, 0);
    const bool is = m->kernel.dim[0] == 1 && m->kernel.dim[1] == 1 && stride[0] == 1 && stride[1] == 1 &&
                    !padding[0] && !padding[1] && o->groups <= 1 && !o->bias;
    return is ? s->weight : NULL;
}

static tp_status conv_check(const conv_kind *kind, int64_t in, int64_t out, int64_t kernel,
                            const tp_conv2d_options *o, conv_sizes *z)
{
    pair_of(z->kernel, kernel, o->kernel_hw, 0);
    pair_of(z->stride, o->stride, o->stride_hw, 1);
    pair_of(z->padding, o->padding, o->padding_hw, 0);
    pair_of(z->dilation, o->dilation, o->dilation_hw, 1);
    pair_of(z->output_padding, o->output_padding, o->output_padding_hw, 0);
    z->groups = o->groups ? o->groups : 1;
    if (in < 1 || out < 1)
        return tp_fail(TP_ERR_ARGUMENT, "%s: channels are %lld and %lld, at least 1 is wanted", kind->type,
                       (long long)in, (long long)out);
    if (z->groups < 1 || in % z->groups || out % z->groups)
        return tp_fail(TP_ERR_ARGUMENT, "%s: groups is %lld, a divisor of %lld and %lld channels is wanted",
                       kind->type, (long long)z->groups, (long long)in, (long long)out);
    if (check_pair(kind->type, "kernel", z->kernel, 1) || check_pair(kind->type, "stride", z->stride, 1) ||
        check_pair(kind->type, "padding", z->padding, 0) ||
        check_pair(kind->type, "dilation", z->dilation, 1) ||
        check_pair(kind->type, "output_padding", z->output_padding, 0))
        return tp_error_pending();
    return TP_OK;
}

/* The pair's last number alone, where there is one dim. */
static void add_pair(const conv_kind *kind, char *text, size_t size, const char *what, const int64_t pair[2],
                     int64_t otherwise)
{
    const int64_t flat[2] = { pair[1], pair[1] };
    text_add_pair(text, size, what, kind->one_dim ? flat : pair, otherwise);
}

static void conv_info(tp_module *m, const conv_kind *kind, int64_t in, int64_t out, const conv_sizes *z,
                      bool no_bias)
{
    char text[256];
    snprintf(text, sizeof text, "%lld, %lld", (long long)in, (long long)out);
    add_pair(kind, text, sizeof text, "kernel", z->kernel, 0);
    add_pair(kind, text, sizeof text, "stride", z->stride, 1);
    add_pair(kind, text, sizeof text, "padding", z->padding, 0);
    add_pair(kind, text, sizeof text, "output padding", z->output_padding, 0);
    add_pair(kind, text, sizeof text, "dilation", z->dilation, 1);
    if (z->groups > 1)
        text_add(text, sizeof text, ", groups %lld", (long long)z->groups);
    tp_module_set_info(m, "%s%s", text, no_bias ? ", no bias" : "");
}

/* (out, in / groups, ...), transposed (in, out / groups, ...); its second size counts for the bound, as in PyTorch. */
static tp_shape weight_shape(const conv_kind *kind, int64_t in, int64_t out, const conv_sizes *z)
{
    const int64_t first = kind->transposed ? in : out, second = (kind->transposed ? out : in) / z->groups;
    return kind->one_dim ? TP_SHAPE(first, second, z->kernel[1])
                         : TP_SHAPE(first, second, z->kernel[0], z->kernel[1]);
}

static tp_module *conv_new(const conv_kind *kind, int64_t in, int64_t out, int64_t kernel,
                           const tp_conv2d_options *options)
{
    const tp_conv2d_options o = options ? *options : *TP_CONV2D_OPTIONS_();
    conv_sizes z;
    if (tp_pending() || conv_check(kind, in, out, kernel, &o, &z))
        return NULL;
    if (o.bias)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the layer makes its own bias; .bias is for tp_%s",
                            kind->type, kind->type);
    TP_SCOPE;
    tp_module *m = tp_module_new(kind->type, sizeof(conv_state), conv_forward);
    conv_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    const tp_shape shape = weight_shape(kind, in, out, &z);
    double fan_in = 1;
    for (int i = 1; i < shape.ndim; i++)
        fan_in *= (double)shape.dim[i];
    const double bound = 1 / sqrt(fan_in);
    m->forward_relu = conv_forward_relu;
    m->absorb = kind->transposed ? NULL : conv_absorb;
    if (!kind->transposed && !kind->one_dim) {
        m->pointwise = conv_pointwise;
        m->forward_pooled = conv_forward_pooled;
    }
    m->kernel = kind->one_dim ? TP_SHAPE(z.kernel[1]) : TP_SHAPE(z.kernel[0], z.kernel[1]);
    s->conv = kind->conv;
    s->weight = tp_parameter(m, "weight", tp_uniform(-bound, bound, shape));
    s->options = o;
    s->options.no_bias = false;
    s->options.kernel_hw[0] = s->options.kernel_hw[1] = 0;
    if (!o.no_bias)
        s->options.bias = tp_parameter(m, "bias", tp_uniform(-bound, bound, TP_SHAPE(out)));
    conv_info(m, kind, in, out, &z, o.no_bias);
    return tp_keep(tp_module_built(m));
}

#define CONV_LAYER(name, one_dim, transposed)                                                          \
    tp_module *tp_nn_##name##_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *o) \
    {                                                                                                  \
        static const conv_kind kind = { #name, tp_##name##_opt, one_dim, transposed };                 \
        return conv_new(&kind, in, out, kernel, o);                                                    \
    }
CONV_LAYER(conv1d, true, false)
CONV_LAYER(conv2d, false, false)
CONV_LAYER(conv_transpose1d, true, true)
CONV_LAYER(conv_transpose2d, false, true)
