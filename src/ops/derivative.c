/* derivative.c - derivatives of activations as operations: z = dy f'(x or y), and how that in turn depends on dy and x or y.
 *
 * Layer: ops.  Kernels: BINARY_KERNELS (kernels.h).  Read next: activation.c. */
#include "ops/elementwise.h"

static tp_tensor *again(const tp_saved *s, tp_tensor *dz) /* d z / d dy = f' */
{
    return tp_apply(s->op, (tp_tensor *[]){ dz, s->in[1] }, 2, NULL);
}

static void sigmoid_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_mul(tp_mul(dz, dy), tp_sub(1, tp_mul(y, 2)));
}

static void tanh_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(y, -2));
}

static void relu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_zeros_like(dz);
}

static tp_tensor *gelu_curve(tp_tensor *x) /* f'' = phi(x) (2 - x^2) */
{
    tp_tensor *x2 = tp_square(x), *phi = tp_mul(tp_exp(tp_mul(x2, -0.5)), 0.3989422804014327);
    return tp_mul(phi, tp_sub(2, x2));
}

/* f = x/2 (1 + t), t = tanh u, u = k (x + a x^3);  f'' = t' + x/2 t'',  t' = (1 - t^2) u',  t'' = (1 - t^2) (u'' - 2 t u'^2) */
static tp_tensor *gelu_tanh_curve(tp_tensor *x)
{
    const double k = 0.7978845608028654, a = 0.044715;
    tp_tensor *x2 = tp_square(x);
    tp_tensor *t = tp_tanh(tp_mul(tp_mul(x, k), tp_add(tp_mul(x2, a), 1)));
    tp_tensor *du = tp_mul(tp_add(tp_mul(x2, 3 * a), 1), k), *ddu = tp_mul(x, 6 * a * k);
    tp_tensor *curve = tp_sub(ddu, tp_mul(tp_mul(t, 2), tp_square(du)));
    return tp_mul(tp_sub(1, tp_square(t)), tp_add(du, tp_mul(tp_mul(x, 0.5), curve)));
}

static void gelu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = tp_apply(s->op, (tp_tensor *[]){ dz, x }, 2, s->attrs);
    if (s->needs[1])
        dx[1] = tp_mul(tp_mul(dz, dy), *(const int *)s->attrs ? gelu_tanh_curve(x) : gelu_curve(x));
}

static void silu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1]) { /* f'' = p (1 - p) (2 + x (1 - 2 p)), p = sigmoid x */
        tp_tensor *p = tp_sigmoid(x);
        tp_tensor *curve = tp_add(tp_mul(x, tp_sub(1, tp_mul(p, 2))), 2);
        dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(tp_mul(p, tp_sub(1, p)), curve));
    }
}

/* f = x t, t = tanh(ln(1 + e^x)), t' = p (1 - t^2), p = sigmoid x:  f'' = 2 t' + x (p (1 - p) (1 - t^2) - 2 t t' p) */
static void mish_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = again(s, dz);
    if (!s->needs[1])
        return;
    tp_tensor *p = tp_sigmoid(x), *t = tp_tanh((tp_softplus)(x)), *rest = tp_sub(1, tp_square(t)),
              *slope = tp_mul(p, rest);
    tp_tensor *bend = tp_sub(tp_mul(tp_mul(p, tp_sub(1, p)), rest), tp_mul(tp_mul(t, 2), tp_mul(slope, p)));
    dx[1] = tp_mul(tp_mul(dz, dy), tp_add(tp_mul(slope, 2), tp_mul(x, bend)));
}

static void hardswish_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = dy_inside(tp_mul(dz, s->in[0]), s->in[1], -3, 3, 1.0 / 3, 0);
}

/* ---- rows ---- */

BINARY(sigmoid_backward, SIGMOID_BACKWARD, "z = dy y (1 - y)", "dy y", tp_infer_broadcast, 2, 1, 0,
       sigmoid_backward_backward, any_pair)
BINARY(tanh_backward, TANH_BACKWARD, "z = dy (1 - y^2)", "dy y", tp_infer_broadcast, 2, 1, 0,
       tanh_backward_backward, any_pair)
BINARY(relu_backward, RELU_BACKWARD, "z = y > 0 ? dy : 0", "dy y", tp_infer_broadcast, 2, 0, 0,
       relu_backward_backward, any_pair)
BINARY(mish_backward, MISH_BACKWARD, "z = dy d/dx mish(x)", "dy x", infer_only_float, 2, 1, 0,
       mish_backward_backward, any_pair)
BINARY(hardswish_backward, HARDSWISH_BACKWARD, "z = dy (x / 3 + 1/2) in (-3, 3), dy above, 0 below", "dy x",
       infer_only_float, 2, 1, 0, hardswish_backward_backward, any_pair)
BINARY(silu_backward, SILU_BACKWARD, "z = dy p (1 + x (1 - p)), p = sigmoid(x)", "dy x", tp_infer_broadcast,
       2, 1, 0, silu_backward_backward, any_pair)

static void gelu_backward_forward(const tp_call *c)
{
    binary_forward_with(c, *(const int *)c->attrs ? KERNEL_GELU_TANH_BACKWARD : KERNEL_GELU_BACKWARD);
}

const tp_op tp_op_gelu_backward = {
    .name = "gelu_backward",
    .formula = "z = dy (Phi(x) + x phi(x)); tanh: the derivative of that",
    .inputs = "dy x",
    .n_in = 2,
    .attrs_size = sizeof(int),
    .attrs = (const tp_attr[]){ { "approximate", TP_ATTR_WORD, 0, 0, "none tanh" }, { 0 } },
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = infer_only_float,
    .forward = gelu_backward_forward,
    .backward = gelu_backward_backward,
    .examples = (const tp_example[]){ { "2,3 2,3", &(int){ 0 } },
                                      { "3,5@t 3,5", &(int){ 1 } },
                                      { "4,1,3 2,1", &(int){ 1 } },
                                      { "0,4 0,4", &(int){ 0 } },
                                      { NULL, NULL } },
};
