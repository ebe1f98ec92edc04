/* activations.c - further activations, sinc, logit and the gamma function's logarithm: kernels for f32 vectors.
 *
 * Layer: kernels.  Depends on functions.inc.h.  Read next: division.c. */
#include "kernels/isa/functions.inc.h"

INLINE vec softplus_of(vec x, float beta, float threshold)
{
    vec scaled = x * beta;
    return either(scaled > threshold, x, log1p_of(exp_of(scaled)) / beta);
}

INLINE vec logsigmoid_of(vec x)
{
    return at_most(x, 0) - log1p_of(exp_of(-magnitude(x)));
}

/* x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2) */
INLINE vec mish_of(vec x)
{
    vec e = exp_of(at_most(x, 20.0f)), n = e * (e + 2.0f);
    return either(x > 20.0f, x, x * (n / (n + 2.0f)));
}

INLINE vec elu_of(vec x, float alpha, float scale, float input_scale)
{
    return either(x > 0, x * scale, alpha * scale * expm1_of(x * input_scale));
}

INLINE vec sinc_of(vec x)
{
    vec t = x * 3.14159265f;
    return either(x == 0, splat(1), sin_of(t) / t);
}

INLINE vec logit_of(vec x, float eps)
{
    vec z = eps < 0 ? x : at_most(at_least(x, eps), 1.0f - eps);
    return log_of(z / (1.0f - z));
}

/* t + x s (1 - t^2), t = tanh(ln(1 + e^x)) = n / (n + 2), s = e^x / (1 + e^x) */
INLINE vec mish_slope(vec dy, vec x)
{
    vec e = exp_of(at_most(x, 20.0f)), n = e * (e + 2.0f), t = n / (n + 2.0f);
    return dy * either(x > 20.0f, splat(1),
                       t + x * (e / (e + 1.0f)) * (4.0f * (n + 1.0f) / ((n + 2.0f) * (n + 2.0f))));
}

BINARY(mish_backward, mish_slope)
UNARY_P(softplus, softplus_of(x, (float)p[0], (float)p[1]))
UNARY(logsigmoid, logsigmoid_of)
UNARY(mish, mish_of)
UNARY_P(elu, elu_of(x, (float)p[0], 1, 1))
UNARY_P(selu, elu_of(x, 1.6732632423543772f, 1.0507009873554805f, 1))
UNARY_P(celu, elu_of(x, (float)p[0], 1, (float)(1 / p[0])))
UNARY(sinc, sinc_of)
UNARY_P(logit, logit_of(x, (float)p[0]))

void NAMED(fill_activations)(kernel_table *t)
{
    t->unary[KERNEL_SOFTPLUS][KT_F32] = softplus;
    t->unary[KERNEL_LOGSIGMOID][KT_F32] = logsigmoid;
    t->unary[KERNEL_MISH][KT_F32] = mish;
    t->binary[KERNEL_MISH_BACKWARD][KT_F32] = mish_backward;
    t->unary[KERNEL_ELU][KT_F32] = elu;
    t->unary[KERNEL_SELU][KT_F32] = selu;
    t->unary[KERNEL_CELU][KT_F32] = celu;
    t->unary[KERNEL_SINC][KT_F32] = sinc;
    t->unary[KERNEL_LOGIT][KT_F32] = logit;
}
