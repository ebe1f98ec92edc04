/* border.c - a node around the inputs, or the outputs, of a module: who waits there sees all their gradients at once.
 *
 * Layer: autograd.  Depends on node.h.  Read next: nn/hooks.c. */
#include "autograd/node.h"

#include <string.h>

/* Never applied: tensors_cross records it, border_backward is its gradient. */
const tp_op tp_op_border = {
    .name = "module",
    .formula = "y_i = x_i",
    .inputs = "x...",
    .n_in = -1,
};

tp_status border_backward(border *b, const tp_saved *s, tp_tensor **dx)
{
    for (int i = 0; i < s->n_in; i++)
        dx[i] = s->dy[i];
    return b->crossed(b, s->dy, dx, s->n_in);
}

tp_status tensors_cross(tp_tensor **t, int n, border *b)
{
    tp_node *node = tp_pending() ? NULL : node_new(&tp_op_border, n, n);
    if (!node)
        return tp_error_pending();
    node->held = tp_retain(b);
    for (int i = 0; i < n; i++) {
        tp_tensor *x = t[i];
        node->shape[i].ndim = 0;
        if (!x)
            continue;
        node_connect(node, i, x);
        if (!x->requires_grad)
            continue;
        if (!(t[i] = tensor_alias(x)))
            break;
        t[i]->base = tp_retain(x->base ? x->base : x);
        t[i]->view_version = x->storage ? x->storage->version : 0;
        t[i]->view_kind = VIEW_BORDER;
        tensor_set_history(t[i], node, i);
    }
    tp_release(node);
    return tp_error_pending();
}
