/* inplace.c - the history of views and their bases when one of them is changed in place.
 *
 * The base's new history is one node, copy_slices: the gradient of the region that the view is goes back through what was done
 * to it, the rest straight on.  Views of the same base find out by the storage's version (tensor_refresh): their
 * history becomes "a region of the base".
 * Layer: autograd.  Depends on node.h.  Read next: backward.c, ops/region.c. */
#include "autograd/node.h"

#include <string.h>

/* Never applied, so it has no functions: backward.c runs the node that it holds. */
const tp_op copy_slices = {
    .name = "copy_slices",
    .formula = "y = x with a region changed by another operation",
    .inputs = "base others...",
    .n_in = -1,
    .attrs_size = sizeof(region),
};

static tp_shape strides_of(const tp_tensor *t)
{
    tp_shape s = { .ndim = t->ndim };
    memcpy(s.dim, t->stride, sizeof *t->stride * t->ndim);
    return s;
}

static region region_of(const tp_tensor *view)
{
    const tp_tensor *base = view->base;
    return (region){ .base_size = tp_shape_of(base),
                     .base_stride = strides_of(base),
                     .size = tp_shape_of(view),
                     .stride = strides_of(view),
                     .offset = view->offset - base->offset };
}

/* The view as what it is: a region of its base, as the base is now. */
static tp_node *region_node(const tp_tensor *view)
{
    tp_node *n = node_new(&tp_op_region, 1, 1);
    if (!n)
        return NULL;
    *(region *)n->attrs = region_of(view);
    node_connect(n, 0, view->base);
    return n;
}

tp_status tensor_refresh(const tp_tensor *view)
{
    tp_tensor *t = (tp_tensor *)(uintptr_t)view; /* its history is brought up to date, nothing else */
    if (!tensor_is_stale(t))
        return TP_OK;
    if (t->view_kind != VIEW_NO_GRAD && t->base->requires_grad && tp_dtype_is_float((tp_dtype)t->dtype)) {
        tp_node *n = region_node(t);
        if (!n)
            return TP_ERR_MEMORY;
        tensor_set_history(t, n, 0);
        tp_release(n);
    }
    t->view_version = t->storage->version;
    return TP_OK;
}

tp_status rebase_history(tp_tensor *x)
{
    tp_node *done = x->grad_fn, *slices = node_new(&copy_slices, done->n_in, 1), *now = NULL;
    if (!slices)
        return TP_ERR_MEMORY;
    *(region *)slices->attrs = region_of(x);
    slices->held = tp_retain(done);
    done->is_held = true;
    node_connect(slices, 0, x->base);
    for (int i = 1; i < done->n_in; i++) {
        const edge *e = &done->in[i];
        slices->in[i] = (edge){ tp_retain(e->node), tp_retain(e->leaf), e->output, e->dtype, { 0 } };
        slices->shape[i] = done->shape[i];
    }
    if ((now = node_new(&tp_op_region, 1, 1))) {
        *(region *)now->attrs = region_of(x);
        tensor_set_history(x->base, slices, 0);
        node_connect(now, 0, x->base);
        tensor_set_history(x, now, 0);
        tp_release(now);
    }
    tp_release(slices);
    return now ? TP_OK : TP_ERR_MEMORY;
}
