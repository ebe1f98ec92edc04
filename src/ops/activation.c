/* activation.c - activations, and the derivatives of those that have a kernel for them, as operations.
 *
 * Where the derivative is made of straight lines it is a gate (elementwise.c).
 * Layer: ops.  Kernels: UNARY_KERNELS, BINARY_KERNELS (kernels.h).  Read next: unary.c, softmax.c. */
#include "base/error.h"
#include "ops/elementwise.h"

#include <math.h>

static tp_tensor *pair(const tp_op *op, tp_tensor *dy, tp_tensor *saved)
{
    return tp_apply(op, (tp_tensor *[]){ dy, saved }, 2, NULL);
}

extern const tp_op tp_op_sigmoid_backward, tp_op_tanh_backward, tp_op_relu_backward, tp_op_gelu_backward,
    tp_op_silu_backward, tp_op_mish_backward, tp_op_hardswish_backward;

tp_tensor *through_relu(tp_tensor *dy, tp_tensor *y)
{
    return pair(&tp_op_relu_backward, dy, y);
}

#define BACKWARD(op, expression)                                                \
    static void op##_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx) \
    {                                                                           \
        tp_tensor *x = s->in[0], *y = s->out[0];                                \
        (void)x, (void)y;                                                       \
        dx[0] = expression;                                                     \
    }

BACKWARD(sigmoid, pair(&tp_op_sigmoid_backward, dy, y))
BACKWARD(tanh, pair(&tp_op_tanh_backward, dy, y))
BACKWARD(relu, through_relu(dy, y))
BACKWARD(silu, pair(&tp_op_silu_backward, dy, x))
BACKWARD(mish, pair(&tp_op_mish_backward, dy, x))
BACKWARD(logsigmoid, tp_mul(dy, tp_sigmoid(tp_neg(x))))
BACKWARD(hardsigmoid, dy_inside(dy, x, -3, 3, 1.0 / 6, 0))
BACKWARD(hardswish, pair(&tp_op_hardswish_backward, dy, x))

UNARY(sigmoid, SIGMOID, "y = 1 / (1 + e^-x)", infer_float, 0, 1, sigmoid_backward, any_number)
UNARY(tanh, TANH, "y = (e^x - e^-x) / (e^x + e^-x)", infer_float, 0, 1, tanh_backward, any_number)
UNARY(relu, RELU, "y = max(x, 0)", infer_number, 0, 1, relu_backward, any_number)
UNARY(silu, SILU, "y = x / (1 + e^-x)", infer_only_float, 1, 0, silu_backward, any_number)
UNARY(mish, MISH, "y = x tanh(ln(1 + e^x))", infer_only_float, 1, 0, mish_backward, any_number)
UNARY(logsigmoid, LOGSIGMOID, "y = -ln(1 + e^-x)", infer_only_float, 1, 0, logsigmoid_backward, any_number)
UNARY(hardsigmoid, HARDSIGMOID, "y = min(max(x + 3, 0), 6) / 6", infer_only_float, 1, 0, hardsigmoid_backward,
      any_number)
UNARY(hardswish, HARDSWISH, "y = x min(max(x + 3, 0), 6) / 6", infer_only_float, 1, 0, hardswish_backward,
      any_number)

static void softsign_compose(tp_call *c)
{
    c->out[0] = tp_div(c->in[0], tp_add(tp_abs(c->in[0]), 1));
}

static void tanhshrink_compose(tp_call *c)
{
    c->out[0] = tp_sub(c->in[0], tp_tanh(c->in[0]));
}

static void relu6_compose(tp_call *c)
{
    c->out[0] = tp_hardtanh(c->in[0], 0, 6);
}

COMPOSED(softsign, "y = x / (1 + |x|)", any_number)
COMPOSED(tanhshrink, "y = x - tanh(x)", any_number)
COMPOSED(relu6, "y = min(max(x, 0), 6)", any_number)

/* ---- with parameters: the attributes are the kernel's parameters ------------------------------------------------------ */

typedef struct one_number {
    double a;
} one_number;

typedef struct two_numbers {
    double a, b;
} two_numbers;

#define TWO_EXAMPLES(type, first, second)                                                     \
    (const tp_example[])                                                                      \
    {                                                                                         \
        { "2,3", &(type)first }, { "3,5@t", &(type)second }, { "17", NULL }, { "0,4", NULL }, \
        {                                                                                     \
            NULL, NULL                                                                        \
        }                                                                                     \
    }
#define UNPACK(...) \
    {               \
        __VA_ARGS__ \
    }

/* op, kernel, formula, dtype rule, reads x, y, examples, name of the number and its default */
#define UNARY_1(op, KERNEL, text, rule, reads_x, reads_y, samples, name_a, default_a)      \
    const tp_op tp_op_##op = {                                                             \
        .name = #op,                                                                       \
        .formula = text,                                                                   \
        .inputs = "x",                                                                     \
        .n_in = 1,                                                                         \
        .attrs_size = sizeof(one_number),                                                  \
        .attrs = (const tp_attr[]){ { #name_a, TP_ATTR_F64, 0, default_a, NULL }, { 0 } }, \
        .saves_in = reads_x,                                                               \
        .saves_out = reads_y,                                                              \
        .infer = rule,                                                                     \
        .forward = unary_forward,                                                          \
        .tag = KERNEL_##KERNEL,                                                            \
        .backward = op##_backward,                                                         \
        .examples = samples,                                                               \
    };                                                                                     \
    tp_tensor *tp_##op(tp_tensor *x, double name_a)                                        \
    {                                                                                      \
        return tp_apply(&tp_op_##op, &x, 1, &(one_number){ name_a });                      \
    }                                                                                      \
    tp_tensor *tp_##op##_(tp_tensor *x, double name_a)                                     \
    {                                                                                      \
        return tp_apply_(&tp_op_##op, &x, 1, &(one_number){ name_a });                     \
    }

#define UNARY_2(op, KERNEL, text, rule, reads_x, reads_y, samples, name_a, default_a, name_b, default_b) \
    const tp_op tp_op_##op = {                                                                           \
        .name = #op,                                                                                     \
        .formula = text,                                                                                 \
        .inputs = "x",                                                                                   \
        .n_in = 1,                                                                                       \
        .attrs_size = sizeof(two_numbers),                                                               \
        .attrs = (const tp_attr[]){ { #name_a, TP_ATTR_F64, offsetof(two_numbers, a), default_a, NULL }, \
                                    { #name_b, TP_ATTR_F64, offsetof(two_numbers, b), default_b, NULL }, \
                                    { 0 } },                                                             \
        .saves_in = reads_x,                                                                             \
        .saves_out = reads_y,                                                                            \
        .infer = rule,                                                                                   \
        .forward = unary_forward,                                                                        \
        .tag = KERNEL_##KERNEL,                                                                          \
        .backward = op##_backward,                                                                       \
        .examples = samples,                                                                             \
    };                                                                                                   \
    FUNCTIONS_2(op, op, name_a, name_b)

#define FUNCTIONS_2(op, function, name_a, name_b)                               \
    tp_tensor *(tp_##function)(tp_tensor * x, double name_a, double name_b)     \
    {                                                                           \
        return tp_apply(&tp_op_##op, &x, 1, &(two_numbers){ name_a, name_b });  \
    }                                                                           \
    tp_tensor *(tp_##function##_)(tp_tensor * x, double name_a, double name_b)  \
    {                                                                           \
        return tp_apply_(&tp_op_##op, &x, 1, &(two_numbers){ name_a, name_b }); \
    }

#define BACKWARD_P(op, expression)                                              \
    static void op##_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx) \
    {                                                                           \
        const double *p = s->attrs;                                             \
        tp_tensor *x = s->in[0];                                                \
        dx[0] = expression;                                                     \
    }

BACKWARD_P(leaky_relu, dy_inside(dy, x, 0, INFINITY, 1, p[0]))
BACKWARD_P(hardtanh, dy_inside(dy, x, p[0], p[1], 1, 0))
BACKWARD_P(softplus, tp_where(tp_gt(tp_mul(x, p[0]), p[1]), dy, tp_mul(dy, tp_sigmoid(tp_mul(x, p[0])))))

/* The number of x's dtype next above: an open interval ends there where a closed one ends at the number itself. */
static double above(tp_tensor *x, double number)
{
    return tp_dtype_of(x) == TP_F64 ? nextafter(number, INFINITY)
                                    : (double)nextafterf((float)number, INFINITY);
}

BACKWARD_P(threshold, dy_inside(dy, x, -INFINITY, above(x, p[0]), 0, 1))
BACKWARD_P(softshrink, dy_inside(dy, x, -above(x, p[0]), above(x, p[0]), 0, 1))
BACKWARD_P(hardshrink, dy_inside(dy, x, -above(x, p[0]), above(x, p[0]), 0, 1))

static tp_status softshrink_infer(tp_call *c)
{
    double lambd = ((const one_number *)c->attrs)->a;
    if (!(lambd >= 0))
        return tp_fail(TP_ERR_ARGUMENT, "softshrink: lambd is %g, 0 or more is wanted", lambd);
    return infer_only_float(c);
}

UNARY_1(leaky_relu, LEAKY_RELU, "y = x > 0 ? x : negative_slope x", infer_only_float, 1, 0,
        TWO_EXAMPLES(one_number, UNPACK(0.01), UNPACK(0.3)), negative_slope, 0.01)
UNARY_1(softshrink, SOFTSHRINK, "y = x - lambd above lambd, x + lambd below -lambd, else 0", softshrink_infer,
        1, 0, TWO_EXAMPLES(one_number, UNPACK(0.5), UNPACK(0.2)), lambd, 0.5)
UNARY_1(hardshrink, HARDSHRINK, "y = |x| > lambd ? x : 0", infer_only_float, 1, 0,
        TWO_EXAMPLES(one_number, UNPACK(0.5), UNPACK(0.2)), lambd, 0.5)
UNARY_2(hardtanh, CLAMP, "y = min(max(x, min_val), max_val)", infer_number, 1, 0,
        TWO_EXAMPLES(two_numbers, UNPACK(-0.7, 0.5), UNPACK(-0.2, 0.9)), min_val, -1, max_val, 1)
UNARY_2(threshold, THRESHOLD, "y = x > threshold ? x : value", infer_number, 1, 0,
        ((const tp_example[]){ { "2,3", &(two_numbers){ 0.1, 20 } },
                               { "3,5@t", &(two_numbers){ -0.4, -3 } },
                               { "0,4", &(two_numbers){ 0, 0 } },
                               { NULL, NULL } }),
        threshold, TP_REQUIRED, value, TP_REQUIRED)

const tp_op tp_op_softplus = {
    .name = "softplus",
    .formula = "y = ln(1 + e^(beta x)) / beta, x itself where beta x > threshold",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(two_numbers),
    .attrs = (const tp_attr[]){ { "beta", TP_ATTR_F64, offsetof(two_numbers, a), 1, NULL },
                                { "threshold", TP_ATTR_F64, offsetof(two_numbers, b), 20, NULL },
                                { 0 } },
    .saves_in = 1,
    .infer = infer_only_float,
    .forward = unary_forward,
    .tag = KERNEL_SOFTPLUS,
    .backward = softplus_backward,
    .examples = TWO_EXAMPLES(two_numbers, UNPACK(1, 20), UNPACK(2.5, 1)),
};

static double option_or(double option, double otherwise) /* 0: not given; TP_ZERO: zero */
{
    return option == 0 && !signbit(option) ? otherwise : option;
}

tp_tensor *(tp_softplus)(tp_tensor *x)
{
    return tp_apply(&tp_op_softplus, &x, 1, &(two_numbers){ 1, 20 });
}

tp_tensor *tp_softplus_opt(tp_tensor *x, const tp_softplus_options *o)
{
    return tp_apply(&tp_op_softplus, &x, 1,
                    &(two_numbers){ option_or(o->beta, 1), option_or(o->threshold, 20) });
}

tp_tensor *tp_softplus_opt_(tp_tensor *x, const tp_softplus_options *o)
{
    return tp_apply_(&tp_op_softplus, &x, 1,
                     &(two_numbers){ option_or(o->beta, 1), option_or(o->threshold, 20) });
}

/* ---- elu, selu, celu: y = x > 0 ? k x : a (e^(b x) - 1), so the derivative is k, or (y + a) b ---------------------------- */

typedef struct elu_slope {
    double positive, shift, factor;
} elu_slope;

static void elu_backward_forward(const tp_call *c)
{
    ternary_forward_with(c, KERNEL_ELU_BACKWARD, c->in[2], c->attrs);
}

static void elu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    const elu_slope *a = s->attrs;
    tp_tensor *dy = s->in[0], *x = s->in[1], *y = s->in[2];
    dx[0] = tp_apply(s->op, (tp_tensor *[]){ dz, x, y }, 3, a);
    if (s->needs[1])
        dx[1] = tp_zeros_like(dz);
    if (s->needs[2])
        dx[2] = dy_inside(tp_mul(dz, dy), x, 0, INFINITY, 0, a->factor);
}

const tp_op tp_op_elu_backward = {
    .name = "elu_backward",
    .formula = "z = x > 0 ? positive dy : dy (y + shift) factor",
    .inputs = "dy x y",
    .n_in = 3,
    .attrs_size = sizeof(elu_slope),
    .attrs = (const tp_attr[]){ { "positive", TP_ATTR_F64, offsetof(elu_slope, positive), 1, NULL },
                                { "shift", TP_ATTR_F64, offsetof(elu_slope, shift), 1, NULL },
                                { "factor", TP_ATTR_F64, offsetof(elu_slope, factor), 1, NULL },
                                { 0 } },
    .saves_in = 7,
    .infer = infer_only_float,
    .forward = elu_backward_forward,
    .backward = elu_backward_backward,
    .examples = (const tp_example[]){ { "2,3 2,3 2,3", NULL },
                                      { "3,5@t 3,5 3,5", &(elu_slope){ 1.5, 0.5, 2 } },
                                      { "0,4 0,4 0,4", NULL },
                                      { NULL, NULL } },
};

static tp_tensor *elu_slope_of(const tp_saved *s, tp_tensor *dy, double positive, double shift, double factor)
{
    return tp_apply(&tp_op_elu_backward, (tp_tensor *[]){ dy, s->in[0], s->out[0] }, 3,
                    &(elu_slope){ positive, shift, factor });
}

static void elu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = elu_slope_of(s, dy, 1, *(const double *)s->attrs, 1);
}

static void celu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double alpha = *(const double *)s->attrs;
    dx[0] = elu_slope_of(s, dy, 1, alpha, 1 / alpha);
}

static void selu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
    dx[0] = elu_slope_of(s, dy, scale, scale * alpha, 1);
}

static tp_status celu_infer(tp_call *c)
{
    if (((const one_number *)c->attrs)->a == 0)
        return tp_fail(TP_ERR_ARGUMENT, "celu: alpha is 0, another number is wanted");
    return infer_only_float(c);
}

UNARY_1(elu, ELU, "y = x > 0 ? x : alpha (e^x - 1)", infer_only_float, 1, 1,
        TWO_EXAMPLES(one_number, UNPACK(1), UNPACK(0.4)), alpha, 1)
UNARY_1(celu, CELU, "y = x > 0 ? x : alpha (e^(x / alpha) - 1)", celu_infer, 1, 1,
        TWO_EXAMPLES(one_number, UNPACK(1), UNPACK(0.4)), alpha, 1)
UNARY(selu, SELU, "y = 1.0507 (x > 0 ? x : 1.6733 (e^x - 1))", infer_only_float, 1, 1, selu_backward,
      any_number)

/* ---- gelu: exact, or with tanh ------------------------------------------------------------------------------------------- */

typedef struct gelu_attrs {
    int approximate; /* 0: none, 1: tanh */
} gelu_attrs;

static const tp_attr gelu_words[] = { { "approximate", TP_ATTR_WORD, 0, 0, "none tanh" }, { 0 } };

static void gelu_forward(const tp_call *c)
{
    const gelu_attrs *a = c->attrs;
    unary_forward_with(c, a->approximate ? KERNEL_GELU_TANH : KERNEL_GELU, NULL);
}

static void gelu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op_gelu_backward, (tp_tensor *[]){ dy, s->in[0] }, 2, s->attrs);
}

const tp_op tp_op_gelu = {
    .name = "gelu",
    .formula = "y = x Phi(x); tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(gelu_attrs),
    .attrs = gelu_words,
    .saves_in = 1,
    .infer = infer_only_float,
    .forward = gelu_forward,
    .backward = gelu_backward,
    .examples = TWO_EXAMPLES(gelu_attrs, UNPACK(0), UNPACK(1)),
};

tp_tensor *tp_gelu(tp_tensor *x)
{
    return tp_apply(&tp_op_gelu, &x, 1, &(gelu_attrs){ 0 });
}

tp_tensor *tp_gelu_tanh(tp_tensor *x)
{
    return tp_apply(&tp_op_gelu, &x, 1, &(gelu_attrs){ 1 });
}

tp_tensor *tp_gelu_(tp_tensor *x)
{
    return tp_apply_(&tp_op_gelu, &x, 1, &(gelu_attrs){ 0 });
}

tp_tensor *tp_gelu_tanh_(tp_tensor *x)
{
    return tp_apply_(&tp_op_gelu, &x, 1, &(gelu_attrs){ 1 });
}

/* ---- prelu: a slope a channel; glu --------------------------------------------------------------------------------------- */

static void prelu_kernel_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0], *w = s->in[1];
    if (s->needs[0])
        dx[0] = tp_where(tp_gt(x, 0), dy, tp_mul(dy, w));
    if (s->needs[1])
        dx[1] = tp_where(tp_gt(x, 0), 0, tp_mul(dy, x));
}

static tp_status prelu_kernel_infer(tp_call *c)
{
    return check_one_dtype(c) ? tp_error_pending() : infer_only_float(c);
}

BINARY(_prelu_kernel, PRELU, "z = x > 0 ? x : x y", "x y", prelu_kernel_infer, 1, 2, 0, prelu_kernel_backward,
       any_pair)

static void prelu_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *weight = c->in[1];
    int64_t channels = tp_ndim(x) > 1 ? tp_size(x, 1) : 1, n = tp_numel(weight);
    if (tp_ndim(weight) > 1 || (n != 1 && n != channels)) {
        tp_fail(TP_ERR_SHAPE, "prelu: weight %s, one number or %lld, one a channel of x %s, is wanted",
                tensor_shape_text(weight), (long long)channels, tensor_shape_text(x));
        return;
    }
    tp_shape shape = { tp_ndim(x) > 2 && n > 1 ? tp_ndim(x) - 1 : n > 1, { n, 1, 1, 1, 1, 1, 1, 1 } };
    c->out[0] = tp_apply(&tp_op__prelu_kernel, (tp_tensor *[]){ x, tp_reshape(weight, shape) }, 2, NULL);
}

const tp_op tp_op_prelu = {
    .name = "prelu",
    .formula = "y = x > 0 ? x : weight[channel] x",
    .inputs = "x weight",
    .n_in = 2,
    .compose = prelu_compose,
    .examples = (const tp_example[]){ { "2,3 1", NULL },
                                      { "4,3 3", NULL },
                                      { "2,3,5@t 3", NULL },
                                      { "2,3,2,2 3", NULL },
                                      { "s s", NULL },
                                      { "0,4 4", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_prelu(tp_tensor *x, tp_tensor *weight)
{
    return tp_apply(&tp_op_prelu, (tp_tensor *[]){ x, weight }, 2, NULL);
}

typedef struct glu_attrs {
    int64_t dim;
} glu_attrs;

static void glu_compose(tp_call *c)
{
    tp_tensor *x = c->in[0];
    int dim = (int)((const glu_attrs *)c->attrs)->dim;
    if (!tp_dtype_is_float(tp_dtype_of(x))) {
        tp_fail(TP_ERR_DTYPE, "glu: got %s, wants floats", tp_dtype_name(tp_dtype_of(x)));
        return;
    }
    if (tp_ndim(x) == 0 || normalize_dim("glu", tp_ndim(x), &dim) || tp_size(x, dim) % 2) {
        tp_fail(TP_ERR_SHAPE, "glu: dim %d of %s cannot be halved", dim, tensor_shape_text(x));
        return;
    }
    int64_t half = tp_size(x, dim) / 2;
    c->out[0] = tp_mul(tp_narrow(x, dim, 0, half), tp_sigmoid(tp_narrow(x, dim, half, half)));
}

const tp_op tp_op_glu = {
    .name = "glu",
    .formula = "y = a sigmoid(b), a and b the halves of x along dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(glu_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, -1, NULL }, { 0 } },
    .compose = glu_compose,
    .examples = (const tp_example[]){ { "3,4", &(glu_attrs){ -1 } },
                                      { "4,5@t", &(glu_attrs){ 0 } },
                                      { "2,6,3", &(glu_attrs){ 1 } },
                                      { "0,4", &(glu_attrs){ -1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_glu(tp_tensor *x, int dim)
{
    return tp_apply(&tp_op_glu, &x, 1, &(glu_attrs){ dim });
}
