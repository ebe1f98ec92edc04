/* grad.c - a tensor's own side of autograd: requires_grad, grad, detach.
 *
 * tp_retain_grad: the gradient of a tensor that is not a leaf waits in a box, a blank tensor that both the tensor (as
 * grad) and its node hold; backward fills it.  A grad without storage is a box still empty.
 * Layer: autograd.  Depends on node.h.  Read next: backward.c. */
#include "autograd/node.h"

tp_tensor *tp_requires_grad_(tp_tensor *t, bool on)
{
    if (tp_pending() || !t)
        return tp_pending() ? NULL : tp_fail_null(TP_ERR_ARGUMENT, "requires_grad_: the tensor is NULL");
    if (tensor_refresh(t))
        return NULL;
    if (t->grad_fn && !on)
        return tp_fail_null(TP_ERR_GRAD,
                            "requires_grad_: only a leaf can stop requiring a gradient; this one comes from "
                            "%s; use tp_detach",
                            t->grad_fn->op->name);
    if (on && !tp_dtype_is_float(t->dtype))
        return tp_fail_null(TP_ERR_DTYPE,
                            "requires_grad_: only float tensors can require a gradient, this one is %s",
                            tp_dtype_name(t->dtype));
    t->requires_grad = on || t->grad_fn;
    return t;
}

bool tp_requires_grad(const tp_tensor *t)
{
    return t && !tensor_refresh(t) && t->requires_grad;
}

bool tp_is_leaf(const tp_tensor *t)
{
    return t && !tensor_refresh(t) && !t->grad_fn;
}

const char *tp_grad_fn(const tp_tensor *t)
{
    return t && !tensor_refresh(t) && t->grad_fn ? t->grad_fn->op->name : NULL;
}

tp_tensor *tp_grad(const tp_tensor *t)
{
    return t && t->grad && t->grad->storage ? t->grad : NULL;
}

void tp_set_grad(tp_tensor *t, tp_tensor *grad)
{
    if (!t || t->grad == grad)
        return;
    if (grad && (grad == t || !tensor_same_shape(grad, t))) {
        tp_fail(TP_ERR_SHAPE, "set_grad: a gradient of shape %s for a tensor of shape %s%s",
                tensor_shape_text(grad), tensor_shape_text(t), grad == t ? ": it is the tensor itself" : "");
        return;
    }
    tp_release(t->grad);
    t->grad = tp_retain(grad);
}

void tp_retain_grad(tp_tensor *t)
{
    if (tp_pending() || !t || tensor_refresh(t) || !t->grad_fn || t->retains_grad)
        return;
    TP_SCOPE;
    tp_tensor *box = tensor_blank();
    if (!box)
        return;
    t->grad = tp_retain(box);
    t->grad_fn->out[t->output].retained = tp_retain(box);
    t->retains_grad = true;
}

tp_tensor *tp_detach(tp_tensor *t)
{
    if (tp_pending())
        return NULL;
    return t ? tensor_alias(t) : tp_fail_null(TP_ERR_ARGUMENT, "detach: the tensor is NULL");
}

tp_tensor *tp_detach_(tp_tensor *t)
{
    if (tp_pending())
        return NULL;
    if (!t || t->base)
        return tp_fail_null(TP_ERR_GRAD, "detach_: the tensor is %s",
                            t ? "a view, which keeps its base's history; use tp_detach" : "NULL");
    tp_release(t->grad_fn);
    tp_release(t->hooks);
    t->grad_fn = NULL;
    t->hooks = NULL;
    t->output = 0;
    t->requires_grad = t->retains_grad = false;
    return t;
}
