/* init.c - initialisation in place: Xavier (Glorot and Bengio 2010), Kaiming (He et al. 2015), orthogonal, as torch.nn.init.
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

/* ---- orthogonal -------------------------------------------------------------------------------------------------------- */

/* n vectors of so many numbers, no more than that: each loses its part along those before it, twice against rounding. */
static void make_orthogonal(double *v, int64_t n, int64_t length)
{
    for (int64_t i = 0; i < n; i++) {
        double *mine = v + i * length, squares = 0;
        for (int64_t k = 0; k < 2 * i; k++) {
            const double *other = v + k % i * length;
            double dot = 0;
            for (int64_t t = 0; t < length; t++)
                dot += mine[t] * other[t];
            for (int64_t t = 0; t < length; t++)
                mine[t] -= dot * other[t];
        }
        for (int64_t t = 0; t < length; t++)
            squares += mine[t] * mine[t];
        const double scale = 1 / sqrt(squares);
        for (int64_t t = 0; t < length; t++)
            mine[t] *= scale;
    }
}

tp_tensor *tp_init_orthogonal_(tp_tensor *t, double gain)
{
    double in, out;
    if (fans("orthogonal_", t, &in, &out))
        return NULL;
    TP_NO_GRAD;
    TP_SCOPE;
    const int64_t rows = tp_size(t, 0), cols = tp_numel(t) / rows;
    const int64_t n = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    tp_tensor *random = tp_randn(TP_SHAPE(n, length), .dtype = TP_F64);
    double *v = random ? tp_data(random) : NULL;
    if (!v)
        return tp_pending() ? NULL : t; /* a dry run */
    make_orthogonal(v, n, length);
    tp_tensor *q = tp_reshape(rows < cols ? random : tp_transpose(random, 0, 1), tp_shape_of(t));
    return tp_copy_(t, tp_mul(q, gain)) ? t : NULL;
}
