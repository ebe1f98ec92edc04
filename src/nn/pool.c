/* pool.c - the pooling layers: maximum, average, and average to a given size.
 *
 * They have no parameters; each keeps its arguments and hands them to the operation of its name.
 * Sizes are checked when the layer is made.
 * Layer: nn.  Depends on module.h.  Read next: dropout.c. */
#include "nn/module.h"

typedef struct pool_state {
    int64_t kernel;
    tp_pool2d_options options;
} pool_state;

static tp_tensor *max_forward(tp_module *m, tp_tensor *x)
{
    const pool_state *s = tp_module_state(m);
    return tp_max_pool2d_opt(x, s->kernel, &s->options);
}

static tp_tensor *avg_forward(tp_module *m, tp_tensor *x)
{
    const pool_state *s = tp_module_state(m);
    return tp_avg_pool2d_opt(x, s->kernel, &s->options);
}

static tp_module *pool_new(const char *type, int64_t kernel, const tp_pool2d_options *options,
                           tp_forward_fn *forward)
{
    if (tp_pending())
        return NULL;
    tp_pool2d_options o = options ? *options : *TP_POOL2D_OPTIONS_();
    int64_t k[2], stride[2], padding[2];
    pair_of(k, kernel, o.kernel_hw, 0);
    pair_of(stride, o.stride, o.stride_hw, 0);
    pair_of(padding, o.padding, o.padding_hw, 0);
    if (check_pair(type, "kernel", k, 1) || check_pair(type, "stride", stride, 0) ||
        check_pair(type, "padding", padding, 0))
        return NULL;
    if (2 * padding[0] > k[0] || 2 * padding[1] > k[1])
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "%s: padding %lldx%lld is more than half of the kernel %lldx%lld", type,
                            (long long)padding[0], (long long)padding[1], (long long)k[0], (long long)k[1]);
    if (o.dilation < 0 || (o.dilation > 1 && forward == avg_forward))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: dilation is %lld, %s is wanted", type,
                            (long long)o.dilation, forward == avg_forward ? "1" : "at least 1");
    TP_SCOPE;
    tp_module *m = tp_module_new(type, sizeof(pool_state), forward);
    pool_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    *s = (pool_state){ kernel, o };
    m->kernel = TP_SHAPE(k[0], k[1]);
    m->halves = forward == avg_forward && k[0] == 2 && k[1] == 2 && (!stride[0] || stride[0] == 2) &&
                (!stride[1] || stride[1] == 2) && !padding[0] && !padding[1] && !o.ceil_mode;
    char text[256] = "";
    text_add_pair(text, sizeof text, "kernel", k, 0);
    if ((stride[0] && stride[0] != k[0]) || (stride[1] && stride[1] != k[1]))
        text_add_pair(text, sizeof text, "stride", stride, 0);
    text_add_pair(text, sizeof text, "padding", padding, 0);
    if (o.dilation > 1)
        text_add(text, sizeof text, ", dilation %lld", (long long)o.dilation);
    tp_module_set_info(m, "%s%s%s", text + 2, o.ceil_mode ? ", ceil" : "",
                       o.exclude_pad ? ", exclude pad" : "");
    return tp_keep(tp_module_built(m));
}

tp_module *tp_nn_max_pool2d_opt(int64_t kernel, const tp_pool2d_options *options)
{
    return pool_new("max_pool2d", kernel, options, max_forward);
}

tp_module *tp_nn_avg_pool2d_opt(int64_t kernel, const tp_pool2d_options *options)
{
    return pool_new("avg_pool2d", kernel, options, avg_forward);
}

/* ---- to a given size -------------------------------------------------------------------------------------------- */

typedef struct adaptive_state {
    int64_t height, width;
} adaptive_state;

static tp_tensor *adaptive_forward(tp_module *m, tp_tensor *x)
{
    const adaptive_state *s = tp_module_state(m);
    return tp_adaptive_avg_pool2d(x, s->height, s->width);
}

tp_module *tp_nn_adaptive_avg_pool2d(int64_t height, int64_t width)
{
    if (tp_pending() || check_pair("adaptive_avg_pool2d", "size", (int64_t[2]){ height, width }, 1))
        return NULL;
    TP_SCOPE;
    tp_module *m = tp_module_new("adaptive_avg_pool2d", sizeof(adaptive_state), adaptive_forward);
    adaptive_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    *s = (adaptive_state){ height, width };
    tp_module_set_info(m, "%lldx%lld", (long long)height, (long long)width);
    return tp_keep(tp_module_built(m));
}
