/* linear.c - the fully connected layer: y = x W^T + b.
 *
 * The smallest layer with parameters: read it as the pattern of the others.
 * State: the two tensors, borrowed from the module.
 * Layer: nn.  Depends on module.h.  Read next: conv.c, init.c. */
#include "nn/module.h"

#include <math.h>

typedef struct linear_state {
    tp_tensor *weight, *bias; /* bias NULL: none */
} linear_state;

static tp_tensor *linear_forward(tp_module *m, tp_tensor *x)
{
    const linear_state *s = tp_module_state(m);
    return tp_linear(x, s->weight, s->bias);
}

static tp_tensor *linear_forward_relu(tp_module *m, tp_tensor *x)
{
    const linear_state *s = tp_module_state(m);
    return tp_linear_relu(x, s->weight, s->bias);
}

static tp_status linear_absorb(tp_module *m, tp_tensor *scale, tp_tensor *shift)
{
    linear_state *s = tp_module_state(m);
    return module_absorb_into(m, &s->weight, &s->bias, scale, shift);
}

tp_module *tp_nn_linear_opt(int64_t in, int64_t out, const tp_linear_options *options)
{
    if (tp_pending())
        return NULL;
    if (in < 1 || out < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "linear: sizes are %lld and %lld, at least 1 is wanted",
                            (long long)in, (long long)out);
    TP_SCOPE;
    bool no_bias = options && options->no_bias;
    double bound = 1 / sqrt((double)in);
    tp_module *m = tp_module_new("linear", sizeof(linear_state), linear_forward);
    linear_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    m->forward_relu = linear_forward_relu;
    m->absorb = linear_absorb;
    s->weight = tp_parameter(m, "weight", tp_uniform(-bound, bound, TP_SHAPE(out, in)));
    if (!no_bias)
        s->bias = tp_parameter(m, "bias", tp_uniform(-bound, bound, TP_SHAPE(out)));
    tp_module_set_info(m, "%lld, %lld%s", (long long)in, (long long)out, no_bias ? ", no bias" : "");
    return tp_keep(tp_module_built(m));
}
