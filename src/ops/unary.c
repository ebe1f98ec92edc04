/* unary.c - element-wise functions of one tensor, the activations among them.
 *
 * y = f(x) in x's shape and layout; an integer x becomes f32 where f needs it.  Each op: its backward, then its row.
 * Layer: ops.  Kernels: UNARY_KERNELS (kernels.h).  Read next: map.c, binary.c. */
#include "ops/map.h"

#include <math.h>
#include <taper/ops.h>

static tp_status infer_float(tp_call *c)
{
    if (tp_infer_like(c, 0))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype))
        c->out[0]->dtype = TP_F32;
    return TP_OK;
}

static tp_status infer_same(tp_call *c)
{
    return tp_infer_like(c, 0);
}

static void forward(const tp_call *c)
{
    unary_forward_with(c, (unary_kernel)c->op->tag, c->attrs);
}

/* ---- backwards: dx = dy f'(x) ------------------------------------------------------------------------------- */

static void neg_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s;
    dx[0] = tp_neg(dy);
}

static void abs_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_sign(s->in[0]));
}

static void zero_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s;
    dx[0] = tp_zeros_like(dy);
}

static void exp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, s->out[0]);
}

static void expm1_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_add(s->out[0], 1));
}

static void log_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_div(dy, s->in[0]);
}

static void log1p_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_div(dy, tp_add(s->in[0], 1));
}

static void sqrt_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_div(dy, tp_mul(s->out[0], 2));
}

static void rsqrt_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *y = s->out[0];
    dx[0] = tp_mul(tp_mul(dy, -0.5), tp_mul(tp_square(y), y));
}

static void square_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_mul(s->in[0], 2));
}

static void reciprocal_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_neg(tp_mul(dy, tp_square(s->out[0])));
}

static void sin_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(dy, tp_cos(s->in[0]));
}

static void cos_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_neg(tp_mul(dy, tp_sin(s->in[0])));
}

static void erf_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(tp_mul(dy, M_2_SQRTPI), tp_exp(tp_neg(tp_square(s->in[0])))); /* 2/sqrt(pi) exp(-x^2) */
}

typedef struct clamp_attrs {
    double low, high;
} clamp_attrs;

static void clamp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const clamp_attrs *a = s->attrs;
    tp_tensor *x =
        s->in[0]; /* at a bound 0; a bound that is not there holds nothing back, infinity included */
    if (!isinf(a->low))
        dy = tp_where(tp_gt(x, a->low), dy, 0);
    dx[0] = isinf(a->high) ? dy : tp_where(tp_lt(x, a->high), dy, 0);
}

static tp_tensor *pair(const tp_op *op, tp_tensor *dy, tp_tensor *saved)
{
    return tp_apply(op, (tp_tensor *[]){ dy, saved }, 2, NULL);
}

extern const tp_op tp_op_sigmoid_backward, tp_op_tanh_backward, tp_op_relu_backward, tp_op_gelu_backward,
    tp_op_gelu_tanh_backward, tp_op_silu_backward;

static void sigmoid_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_sigmoid_backward, dy, s->out[0]);
}

static void tanh_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_tanh_backward, dy, s->out[0]);
}

static void relu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_relu_backward, dy, s->out[0]);
}

static void gelu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_gelu_backward, dy, s->in[0]);
}

static void gelu_tanh_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_gelu_tanh_backward, dy, s->in[0]);
}

static void silu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = pair(&tp_op_silu_backward, dy, s->in[0]);
}

typedef struct leaky_attrs {
    double negative_slope;
} leaky_attrs;

static void leaky_relu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const leaky_attrs *a = s->attrs;
    dx[0] = tp_where(tp_gt(s->in[0], 0), dy, tp_mul(dy, a->negative_slope));
}

static void softplus_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0];
    dx[0] = tp_where(tp_gt(x, 20), dy, tp_mul(dy, tp_sigmoid(x)));
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static const tp_example any_number[] = { { "2,3", NULL }, { "17", NULL },  { "3,5@t", NULL },
                                         { "s", NULL },   { "0,4", NULL }, { NULL, NULL } };
static const tp_example positive[] = { { "2,3@p", NULL }, { "17@p", NULL },  { "3,5@tp", NULL },
                                       { "s@p", NULL },   { "0,4@p", NULL }, { NULL, NULL } };

/* name, formula, shape rule, what backward reads (bit 0: x / y), examples */
#define UNARY(op, KERNEL, text, rule, reads_x, reads_y, backward_of, samples) \
    const tp_op tp_op_##op = { .name = #op,                                   \
                               .formula = text,                               \
                               .inputs = "x",                                 \
                               .n_in = 1,                                     \
                               .saves_in = reads_x,                           \
                               .saves_out = reads_y,                          \
                               .infer = rule,                                 \
                               .forward = forward,                            \
                               .tag = KERNEL_##KERNEL,                        \
                               .backward = backward_of,                       \
                               .examples = samples };                         \
    tp_tensor *tp_##op(tp_tensor *x)                                          \
    {                                                                         \
        return tp_apply(&tp_op_##op, &x, 1, NULL);                            \
    }

UNARY(neg, NEG, "y = -x", infer_same, 0, 0, neg_backward, any_number)
UNARY(abs, ABS, "y = |x|", infer_same, 1, 0, abs_backward, any_number)
UNARY(sign, SIGN, "y = -1, 0 or 1", infer_same, 0, 0, zero_backward, any_number)
UNARY(exp, EXP, "y = e^x", infer_float, 0, 1, exp_backward, any_number)
UNARY(expm1, EXPM1, "y = e^x - 1", infer_float, 0, 1, expm1_backward, any_number)
UNARY(log, LOG, "y = ln x", infer_float, 1, 0, log_backward, positive)
UNARY(log1p, LOG1P, "y = ln(1 + x)", infer_float, 1, 0, log1p_backward, positive)
UNARY(sqrt, SQRT, "y = x^(1/2)", infer_float, 0, 1, sqrt_backward, positive)
UNARY(rsqrt, RSQRT, "y = x^(-1/2)", infer_float, 0, 1, rsqrt_backward, positive)
UNARY(square, SQUARE, "y = x^2", infer_same, 1, 0, square_backward, any_number)
UNARY(reciprocal, RECIPROCAL, "y = 1 / x", infer_float, 0, 1, reciprocal_backward, positive)
UNARY(sin, SIN, "y = sin x", infer_float, 1, 0, sin_backward, any_number)
UNARY(cos, COS, "y = cos x", infer_float, 1, 0, cos_backward, any_number)
UNARY(erf, ERF, "y = 2/sqrt(pi) integral from 0 to x of e^(-t^2)", infer_float, 1, 0, erf_backward,
      any_number)
UNARY(floor, FLOOR, "y = largest integer <= x", infer_same, 0, 0, zero_backward, any_number)
UNARY(ceil, CEIL, "y = smallest integer >= x", infer_same, 0, 0, zero_backward, any_number)
UNARY(round, ROUND, "y = nearest integer, halves to even", infer_same, 0, 0, zero_backward, any_number)
UNARY(sigmoid, SIGMOID, "y = 1 / (1 + e^-x)", infer_float, 0, 1, sigmoid_backward, any_number)
UNARY(tanh, TANH, "y = (e^x - e^-x) / (e^x + e^-x)", infer_float, 0, 1, tanh_backward, any_number)
UNARY(relu, RELU, "y = max(x, 0)", infer_same, 0, 1, relu_backward, any_number)
UNARY(gelu, GELU, "y = x Phi(x)", infer_float, 1, 0, gelu_backward, any_number)
UNARY(gelu_tanh, GELU_TANH, "y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))", infer_float, 1, 0,
      gelu_tanh_backward, any_number)
UNARY(silu, SILU, "y = x / (1 + e^-x)", infer_float, 1, 0, silu_backward, any_number)
UNARY(softplus, SOFTPLUS, "y = ln(1 + e^x)", infer_float, 1, 0, softplus_backward, any_number)

const tp_op tp_op_leaky_relu = {
    .name = "leaky_relu",
    .formula = "y = x > 0 ? x : negative_slope x",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(leaky_attrs),
    .attrs =
        (const tp_attr[]){ { "negative_slope", TP_ATTR_F64, offsetof(leaky_attrs, negative_slope), 0.01 },
                           { 0 } },
    .saves_in = 1,
    .infer = infer_float,
    .forward = forward,
    .tag = KERNEL_LEAKY_RELU,
    .backward = leaky_relu_backward,
    .examples = (const tp_example[]){ { "2,3", &(leaky_attrs){ 0.01 } },
                                      { "3,5@t", &(leaky_attrs){ 0.3 } },
                                      { "0,4", &(leaky_attrs){ 0.1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_leaky_relu(tp_tensor *x, double negative_slope)
{
    return tp_apply(&tp_op_leaky_relu, &x, 1, &(leaky_attrs){ negative_slope });
}

const tp_op tp_op_clamp = {
    .name = "clamp",
    .formula = "y = min(max(x, low), high)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(clamp_attrs),
    .attrs = (const tp_attr[]){ { "min", TP_ATTR_F64, offsetof(clamp_attrs, low), -INFINITY },
                                { "max", TP_ATTR_F64, offsetof(clamp_attrs, high), INFINITY },
                                { 0 } },
    .saves_in = 1,
    .infer = infer_same,
    .forward = forward,
    .tag = KERNEL_CLAMP,
    .backward = clamp_backward,
    .examples = (const tp_example[]){ { "2,3", &(clamp_attrs){ -0.3, 0.4 } },
                                      { "3,5@t", &(clamp_attrs){ -INFINITY, 0.1 } },
                                      { "0,4", &(clamp_attrs){ 0, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_clamp(tp_tensor *x, double low, double high)
{
    return tp_apply(&tp_op_clamp, &x, 1, &(clamp_attrs){ low, high });
}

tp_tensor *tp_logical_not(tp_tensor *x)
{
    return tp_eq(x, 0);
}
