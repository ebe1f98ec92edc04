/* saliency.c - what a network looks at: outputs of layers inside, saliency, Grad-CAM.
 *
 * A forward hook catches the output of a layer; the gradient of a score by it is taken with tp_gradients, so that
 * parameters keep theirs.  The input is made to require a gradient, for frozen networks have no other.
 * Layer: nn.  Depends on module.h, autograd.  Read next: hooks.c, cli/plot_seeing.c. */
#include "nn/module.h"

#include <string.h>

/* ---- the output of a layer ----------------------------------------------------------------------------------------- */

static tp_status keep_output(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                             void *context)
{
    tp_tensor **kept = context;
    (void)m, (void)in, (void)n_in, (void)n_out;
    tp_release(*kept);
    *kept = tp_retain(out[0]);
    return TP_OK;
}

/* Runs the network; *maps becomes the layer's output, owned by the caller's scope. */
static tp_tensor *forward_with(tp_module *net, tp_module *layer, tp_tensor *x, tp_tensor **maps)
{
    tp_tensor *kept = NULL;
    int64_t hook = tp_register_forward_hook(layer, keep_output, &kept);
    tp_tensor *y = tp_forward(net, x);
    tp_remove_module_hook(layer, hook);
    *maps = kept ? tp_scope_own(kept) : NULL;
    if (y && !kept)
        return tp_fail_null(TP_ERR_ARGUMENT, "the layer (%s) does not run in this network's forward",
                            tp_module_type(layer));
    return y;
}

tp_tensor *tp_output_of(tp_module *net, tp_module *layer, tp_tensor *x)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *maps;
    if (tp_pending())
        return NULL;
    if (!net || !layer || !x)
        return tp_fail_null(TP_ERR_ARGUMENT, "output_of: the %s is NULL",
                            !net     ? "network"
                            : !layer ? "layer"
                                     : "input");
    return forward_with(net, layer, x, &maps) ? tp_keep(maps) : NULL;
}

/* ---- a score --------------------------------------------------------------------------------------------------------- */

/* The sum over pictures of the score that is explained: each depends on its own picture only. */
static tp_tensor *score_of(const char *what, tp_tensor *y, int64_t label)
{
    if (!y)
        return NULL;
    if (tp_ndim(y) != 2)
        return tp_fail_null(TP_ERR_SHAPE, "%s: the network answers with %d dims, (N, classes) is wanted",
                            what, tp_ndim(y));
    if (label < TP_TOP_CLASS || label >= tp_size(y, 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: class %lld of %lld", what, (long long)label,
                            (long long)tp_size(y, 1));
    tp_tensor *score =
        label == TP_TOP_CLASS ? tp_gather(y, 1, tp_argmax(y, 1, true)) : tp_select(y, 1, label);
    return tp_sum(score, TP_ALL_DIMS, false);
}

static tp_status check_pictures(const char *what, const tp_module *net, const tp_tensor *x)
{
    if (tp_pending())
        return tp_error_pending();
    if (!net || !x)
        return tp_fail(TP_ERR_ARGUMENT, "%s: the %s is NULL", what, net ? "input" : "network");
    return tp_ndim(x) == 4
               ? TP_OK
               : tp_fail(TP_ERR_SHAPE, "%s: an input of %d dims, (N, C, H, W) is wanted", what, tp_ndim(x));
}

tp_tensor *tp_saliency(tp_module *net, tp_tensor *x, int64_t label)
{
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *dx = NULL;
    if (check_pictures("saliency", net, x))
        return NULL;
    x = tp_requires_grad_(tp_detach(x), true);
    tp_tensor *score = score_of("saliency", tp_forward(net, x), label);
    if (!score || tp_gradients(score, &x, 1, &dx, .materialize_grads = true))
        return NULL;
    return tp_keep(tp_amax(tp_abs(dx), TP_SHAPE(1), false));
}

/* ---- Grad-CAM -------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_grad_cam(tp_module *net, tp_module *layer, tp_tensor *x, int64_t label)
{
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *maps = NULL, *slope = NULL;
    if (check_pictures("grad_cam", net, x) || (!layer && !(layer = tp_last_maps(net, x))))
        return NULL;
    x = tp_requires_grad_(tp_detach(x), true);
    tp_tensor *score = score_of("grad_cam", forward_with(net, layer, x, &maps), label);
    if (!score)
        return NULL;
    if (tp_ndim(maps) != 4)
        return tp_fail_null(
            TP_ERR_SHAPE, "grad_cam: the layer (%s) puts out %d dims, (N, channels, height, width) is wanted",
            tp_module_type(layer), tp_ndim(maps));
    if (tp_gradients(score, &maps, 1, &slope, .materialize_grads = true))
        return NULL;
    TP_NO_GRAD;
    tp_tensor *weights = tp_mean(slope, TP_SHAPE(2, 3), true);
    return tp_keep(tp_relu(tp_sum(tp_mul(weights, tp_detach(maps)), TP_SHAPE(1), false)));
}

typedef struct last_maps {
    tp_module *conv, *around; /* around: conv, or what holds it */
    int64_t height, width;
} last_maps;

static bool holds(tp_module *m, const tp_module *inner)
{
    bool found = m == inner;
    for (int i = 0; i < tp_n_children(m) && !found; i++)
        found = holds(tp_child_at(m, i), inner);
    return found;
}

static void look(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output, double seconds)
{
    last_maps *last = context;
    (void)input, (void)seconds;
    if (tp_ndim(output) != 4)
        return;
    if (!strncmp(tp_module_type(m), "conv", 4))
        *last = (last_maps){ m, m, tp_size(output, 2), tp_size(output, 3) };
    else if (last->conv && tp_size(output, 2) == last->height && tp_size(output, 3) == last->width &&
             holds(m, last->conv))
        last->around = m;
}

tp_module *tp_last_maps(tp_module *net, tp_tensor *x)
{
    TP_SCOPE;
    TP_NO_GRAD;
    last_maps last = { 0 };
    if (check_pictures("last_maps", net, x))
        return NULL;
    tp_set_observer(look, &last);
    tp_forward(net, x);
    tp_set_observer(NULL, NULL);
    if (tp_pending())
        return NULL;
    return last.around ? last.around
                       : tp_fail_null(TP_ERR_ARGUMENT, "last_maps: the network has no convolution");
}
