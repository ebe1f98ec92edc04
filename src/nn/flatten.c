/* flatten.c - (N, C, H, W) to (N, C H W): the step from convolutions to linear layers.
 *
 * A layer only so that it has a place and a name in a sequential.  The order is row-major whatever the memory
 * layout, so weights agree with PyTorch's.
 * Layer: nn.  Depends on module.h.  Read next: activation.c. */
#include "nn/module.h"

static tp_tensor *flatten_forward(tp_module *m, tp_tensor *x)
{
    if (tp_ndim(x) == 0)
        return tp_fail_null(TP_ERR_SHAPE, "%s: the input is a scalar, (N, ...) is wanted", m->type);
    return tp_ndim(x) == 1 ? tp_unsqueeze(x, 1) : tp_flatten(x, 1, -1);
}

tp_module *tp_nn_flatten(void)
{
    return tp_module_new("flatten", 0, flatten_forward);
}
