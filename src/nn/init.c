/* init.c - initialisation in place: Xavier (Glorot and Bengio 2010) and Kaiming (He et al. 2015), as torch.nn.init.
 *
 * Layers initialise themselves; these are for those who want another start.  The fans are a weight's
 * inputs and outputs: (out, in, ...) has fan_in = in * rest, fan_out = out * rest.
 * Layer: nn.  Depends on ops.h.  Read next: models/zoo.c. */
#include "nn/module.h"

#include <math.h>

static tp_status fans(const char *op, const tp_tensor *t, double *in, double *out)
{
    if (tp_pending())
        return tp_error_pending();
    if (!t)
        return tp_fail(TP_ERR_ARGUMENT, "%s: the tensor is NULL", op);
    if (tp_ndim(t) < 2)
        return tp_fail(TP_ERR_SHAPE, "%s: the tensor has %d dims, at least 2 are wanted", op, tp_ndim(t));
    double rest = 1;
    for (int i = 2; i < tp_ndim(t); i++)
        rest *= (double)tp_size(t, i);
    *in = (double)tp_size(t, 1) * rest;
    *out = (double)tp_size(t, 0) * rest;
    if (*in + *out > 0)
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE, "%s: the tensor has no elements", op);
}

/* Uniform numbers of that standard deviation lie in +-sqrt(3) std. */
static tp_tensor *fill(tp_tensor *t, double std, bool uniform)
{
    TP_NO_GRAD;
    return uniform ? tp_uniform_(t, -sqrt(3) * std, sqrt(3) * std) : tp_normal_(t, 0, std);
}

static tp_tensor *xavier(const char *op, tp_tensor *t, double gain, bool uniform)
{
    double in, out;
    if (fans(op, t, &in, &out))
        return NULL;
    if (!(gain > 0) || isinf(gain))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: gain is %g, a positive number is wanted", op, gain);
    return fill(t, gain * sqrt(2 / (in + out)), uniform);
}

static tp_tensor *kaiming(const char *op, tp_tensor *t, double a, bool uniform, bool fan_out)
{
    double in, out;
    if (fans(op, t, &in, &out))
        return NULL;
    const double fan = fan_out ? out : in;
    if (!isfinite(a))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: a is %g, a number is wanted", op, a);
    return fill(t, sqrt(2 / (1 + a * a)) / sqrt(fan > 0 ? fan : 1), uniform);
}

tp_tensor *tp_init_xavier_uniform_(tp_tensor *t, double gain)
{
    return xavier("xavier_uniform_", t, gain, true);
}

tp_tensor *tp_init_xavier_normal_(tp_tensor *t, double gain)
{
    return xavier("xavier_normal_", t, gain, false);
}

tp_tensor *tp_init_kaiming_uniform_(tp_tensor *t, double a)
{
    return kaiming("kaiming_uniform_", t, a, true, false);
}

tp_tensor *tp_init_kaiming_normal_(tp_tensor *t, double a)
{
    return kaiming("kaiming_normal_", t, a, false, false);
}

tp_tensor *tp_init_kaiming_normal_fan_out_(tp_tensor *t, double a)
{
    return kaiming("kaiming_normal_fan_out_", t, a, false, true);
}
