/* convert.c - a module in another float type: module.to(dtype), .double(), .half(), .bfloat16().
 *
 * The tensors stay the objects that layers and optimizers hold; their memory is what changes.
 * Layer: nn.  Depends on module.h, core/tensor.h.  Read next: state.c. */
#include "nn/module.h"

#include "core/tensor.h"

#include <string.h>

/* t takes what other has: type, strides and memory. */
static void take_memory(tp_tensor *t, const tp_tensor *other)
{
    storage_retain(other->storage);
    storage_release(t->storage);
    t->storage = other->storage;
    t->dtype = other->dtype;
    t->offset = other->offset;
    memcpy(t->stride, other->stride, sizeof t->stride);
}

static void convert(tp_tensor *t, tp_dtype dtype)
{
    if (!tp_dtype_is_float(tp_dtype_of(t)) || tp_dtype_of(t) == dtype)
        return;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *other = tp_to(tp_detach(t), dtype), *grad = tp_grad(t);
    tp_tensor *other_grad = grad ? tp_to(grad, dtype) : NULL;
    if (tp_pending())
        return;
    tp_set_grad(t, NULL);
    take_memory(t, other);
    if (other_grad)
        tp_set_grad(t, other_grad);
}

tp_status tp_module_to(tp_module *m, tp_dtype dtype)
{
    if (tp_pending())
        return tp_error_pending();
    if (!tp_dtype_is_float(dtype))
        return tp_fail(TP_ERR_DTYPE, "module_to: %s, a float type is wanted", tp_dtype_name(dtype));
    for (int64_t i = 0; i < m->n_tensors; i++)
        convert(m->tensors[i].tensor, dtype);
    for (int64_t i = 0; i < m->n_children && !tp_pending(); i++)
        tp_module_to(m->children[i].module, dtype);
    return tp_error_pending();
}
