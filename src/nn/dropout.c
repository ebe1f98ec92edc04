/* dropout.c - dropout as layers: zeroes a share p of the elements, or of the channels, while training; does nothing otherwise.
 *
 * The operation draws from the thread's generator; the layer adds only p and the module's training flag.
 * At p = 1 all is 0, as in PyTorch.
 * Layer: nn.  Depends on module.h.  Read next: flatten.c. */
#include "nn/module.h"

static tp_tensor *dropout_forward(tp_module *m, tp_tensor *x)
{
    const double *p = tp_module_state(m);
    return tp_dropout(x, *p, m->training);
}

static tp_tensor *dropout2d_forward(tp_module *m, tp_tensor *x)
{
    const double *p = tp_module_state(m);
    return tp_dropout2d(x, *p, m->training);
}

static tp_module *dropout_new(const char *type, tp_forward_fn *forward, double p)
{
    if (tp_pending())
        return NULL;
    if (!(p >= 0 && p <= 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: p is %g, [0, 1] is wanted", type, p);
    TP_SCOPE;
    tp_module *m = tp_module_new(type, sizeof p, forward);
    if (!m)
        return NULL;
    *(double *)tp_module_state(m) = p;
    tp_module_set_info(m, "%g", p);
    return tp_keep(tp_module_built(m));
}

tp_module *tp_nn_dropout(double p)
{
    return dropout_new("dropout", dropout_forward, p);
}

tp_module *tp_nn_dropout2d(double p)
{
    return dropout_new("dropout2d", dropout2d_forward, p);
}
