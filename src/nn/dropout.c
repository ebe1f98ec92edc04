/* dropout.c - dropout as a layer: zeroes a share p of the elements while training, does nothing otherwise.
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

tp_module *tp_nn_dropout(double p)
{
    if (tp_pending())
        return NULL;
    if (!(p >= 0 && p <= 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "dropout: p is %g, [0, 1] is wanted", p);
    TP_SCOPE;
    tp_module *m = tp_module_new("dropout", sizeof p, dropout_forward);
    if (!m)
        return NULL;
    *(double *)tp_module_state(m) = p;
    tp_module_set_info(m, "%g", p);
    return tp_keep(tp_module_built(m));
}
