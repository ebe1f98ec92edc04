/* conv.c - two-dimensional convolution and its two gradients, each an operation of its own.
 *
 * y[n,k,i,j] = b[k] + sum w[k,c,p,q] x[n, c, i s + p d - pad, j s + q d - pad].  Convolution is linear in x and in w, so the
 * gradients of the gradients are again these three operations.  Images are channels-last in memory.
 * Layer: ops.  Kernels: conv_* (kernels.h).  Read next: conv_transpose.c, pool.c. */
#include "ops/conv.h"

#include "ops/map.h"

static int64_t output_size(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation)
{
    int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
}

static tp_status check_floats(const char *op, tp_tensor *const *in, int n)
{
    for (int i = 0; i < n; i++)
        if (in[i] && (in[i]->dtype != in[0]->dtype || (in[i]->dtype != TP_F32 && in[i]->dtype != TP_F64)))
            return tp_fail(TP_ERR_DTYPE, "%s: %s and %s; all f32 or all f64 are wanted", op,
                           tp_dtype_name((tp_dtype)in[0]->dtype), tp_dtype_name((tp_dtype)in[i]->dtype));
    return TP_OK;
}

static tp_status check_attrs(const char *op, const conv_attrs *a)
{
    for (int i = 0; i < 2; i++)
        if (a->stride[i] < 1 || a->dilation[i] < 1 || a->padding[i] < 0 || a->groups < 1)
            return tp_fail(TP_ERR_ARGUMENT,
                           "%s: stride %lld, padding %lld, dilation %lld, groups %lld: stride, dilation and "
                           "groups must be at least 1, padding at least 0",
                           op, (long long)a->stride[i], (long long)a->padding[i], (long long)a->dilation[i],
                           (long long)a->groups);
    return TP_OK;
}

conv_args conv_geometry(const conv_attrs *a, const int64_t *x, const int64_t *w, const int64_t *y)
{
    return (conv_args){ .n = x[0],
                        .c = x[1],
                        .h = x[2],
                        .w = x[3],
                        .k = w[0],
                        .oh = y[2],
                        .ow = y[3],
                        .kernel = { w[2], w[3] },
                        .stride = { a->stride[0], a->stride[1] },
                        .padding = { a->padding[0], a->padding[1] },
                        .dilation = { a->dilation[0], a->dilation[1] },
                        .groups = a->groups,
                        .precise = a->precise };
}

size_t conv_scratch(const kernel_table *k, int type, conv_direction d, const conv_args *a)
{
    return k->conv[type][conv_choose(k, type, d, a)][d].scratch(a);
}

void conv_run(const tp_call *c, conv_direction d, conv_args *a, void *out, char *scratch)
{
    const kernel_table *k = c->kernels;
    const int type = c->out[0]->dtype;
    a->out = out;
    a->scratch = scratch;
    a->scratch_bytes = c->scratch_bytes - (size_t)(scratch - (char *)c->scratch);
    if (!c->out[0]->numel)
        return;
    conv_log(k, type, d, a);
    k->conv[type][conv_choose(k, type, d, a)][d].run(a);
}

/* ---- conv2d ---------------------------------------------------------------------------------------------------------- */

tp_shape conv2d_size(const conv_attrs *a, const tp_tensor *x, const tp_tensor *w)
{
    tp_shape y = TP_SHAPE(x->shape[0], w->shape[0], 0, 0);
    for (int i = 0; i < 2; i++)
        y.dim[2 + i] =
            output_size(x->shape[2 + i], w->shape[2 + i], a->stride[i], a->padding[i], a->dilation[i]);
    return y;
}

tp_status conv2d_infer_size(tp_call *c, const conv_attrs *a, tp_shape *y)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *bias = c->in[2];
    if (check_floats("conv2d", c->in, 3) || check_attrs("conv2d", a))
        return tp_error_pending();
    if (x->ndim != 4 || w->ndim != 4)
        return tp_fail(
            TP_ERR_SHAPE,
            "conv2d: input %s, weight %s: (N, C, H, W) and (K, C / groups, height, width) are wanted",
            tensor_shape_text(x), tensor_shape_text(w));
    if (x->shape[1] != w->shape[1] * a->groups)
        return tp_fail(TP_ERR_SHAPE, "conv2d: input %s has %lld channels, weight %s wants %lld",
                       tensor_shape_text(x), (long long)x->shape[1], tensor_shape_text(w),
                       (long long)(w->shape[1] * a->groups));
    if (w->shape[0] % a->groups)
        return tp_fail(TP_ERR_SHAPE, "conv2d: %lld outputs in %lld groups do not come out even",
                       (long long)w->shape[0], (long long)a->groups);
    if (bias && (bias->ndim != 1 || bias->shape[0] != w->shape[0]))
        return tp_fail(TP_ERR_SHAPE, "conv2d: bias %s, weight %s wants (%lld,)", tensor_shape_text(bias),
                       tensor_shape_text(w), (long long)w->shape[0]);
    *y = conv2d_size(a, x, w);
    if (y->dim[2] < 1 || y->dim[3] < 1 || w->shape[2] < 1 || w->shape[3] < 1)
        return tp_fail(TP_ERR_SHAPE,
                       "conv2d: kernel %lldx%lld does not fit into input %s with padding %lld, %lld",
                       (long long)w->shape[2], (long long)w->shape[3], tensor_shape_text(x),
                       (long long)a->padding[0], (long long)a->padding[1]);
    c->scratch_bytes = staged_bytes(x, CLONE_CHANNELS_LAST) + staged_bytes(w, CLONE_CONTIGUOUS) +
                       (bias ? staged_bytes(bias, CLONE_CONTIGUOUS) : 0);
    return TP_OK;
}

static tp_status conv2d_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_shape y = { 0 };
    if (conv2d_infer_size(c, c->attrs, &y) || infer_image(c, 0, (tp_dtype)x->dtype, y))
        return tp_error_pending();
    conv_args g = conv_geometry(c->attrs, x->shape, c->in[1]->shape, y.dim);
    c->scratch_bytes += conv_scratch(c->kernels, x->dtype, CONV_FORWARD, &g);
    return TP_OK;
}

void conv_operands(const tp_call *c, conv_args *g, char **scratch)
{
    g->x = staged(c, c->in[0], CLONE_CHANNELS_LAST, scratch);
    g->weight = staged(c, c->in[1], CLONE_CONTIGUOUS, scratch);
    g->bias = c->in[2] ? staged(c, c->in[2], CLONE_CONTIGUOUS, scratch) : NULL;
}

static void conv2d_forward(const tp_call *c)
{
    conv_args g = conv_geometry(c->attrs, c->in[0]->shape, c->in[1]->shape, c->out[0]->shape);
    char *scratch = c->scratch;
    g.relu = c->op->tag == WITH_RELU;
    conv_operands(c, &g, &scratch);
    conv_run(c, CONV_FORWARD, &g, tensor_data(c->out[0]), scratch);
}

extern const tp_op tp_op__conv2d, tp_op__conv2d_relu, tp_op_conv2d_input_grad, tp_op_conv2d_weight_grad;

static tp_tensor *convolution(const tp_op *op, tp_tensor *x, tp_tensor *w, tp_tensor *bias,
                              const conv_attrs *a)
{
    conv_attrs now = *a;
    now.precise |= tp_precise(); /* the gradients take it from here */
    return tp_apply(op, (tp_tensor *[]){ channels_last(x), w, bias }, 3, &now);
}

static tp_tensor *gradient(const tp_op *op, tp_tensor *dy, tp_tensor *other, const conv_attrs *a,
                           const tp_shape *size)
{
    conv_attrs with_size = *a;
    with_size.size = *size;
    return tp_apply(op, (tp_tensor *[]){ dy, other }, 2, &with_size);
}

tp_tensor *conv_input_grad(tp_tensor *dy, tp_tensor *w, const conv_attrs *a, const tp_shape *size)
{
    return gradient(&tp_op_conv2d_input_grad, dy, w, a, size);
}

static void conv2d_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->op->tag == WITH_RELU)
        dy = through_relu(dy, s->out[0]);
    if (s->needs[0])
        dx[0] = conv_input_grad(dy, s->in[1], s->attrs, &s->in_shape[0]);
    if (s->needs[1])
        dx[1] = gradient(&tp_op_conv2d_weight_grad, dy, s->in[0], s->attrs, &s->in_shape[1]);
    if (s->needs[2])
        dx[2] = tp_sum(dy, TP_SHAPE(0, 2, 3), false);
}

static double conv2d_cost(const tp_call *c)
{
    const tp_tensor *w = c->in[1];
    return (double)c->out[0]->numel *
           (2.0 * (double)(w->shape[1] * w->shape[2] * w->shape[3]) + (c->op->tag == WITH_RELU));
}

#define CONV_GRADIENT_ATTRS(size_name)                                                                  \
    (const tp_attr[])                                                                                   \
    {                                                                                                   \
        CONV_ATTRS(conv_attrs, ), { size_name, TP_ATTR_DIMS, offsetof(conv_attrs, size), TP_REQUIRED }, \
        {                                                                                               \
            0                                                                                           \
        }                                                                                               \
    }

#define PAIR(a, b) \
    {              \
        a, b       \
    }
#define CONV(stride, padding, dilation, groups)   \
    &(conv_attrs)                                 \
    {                                             \
        stride, padding, dilation, groups, false, \
        {                                         \
            0                                     \
        }                                         \
    }
#define CONV_OF(stride, padding, dilation, ...) \
    &(conv_attrs)                               \
    {                                           \
        stride, padding, dilation, 1, false,    \
        {                                       \
            4,                                  \
            {                                   \
                __VA_ARGS__                     \
            }                                   \
        }                                       \
    }

static const tp_example conv2d_examples[] = {
    { "2,1,6,5 3,1,3,3 3", CONV(PAIR(1, 1), PAIR(0, 0), PAIR(1, 1), 1) },
    { "1,3,5,7 2,3,3,2 -", CONV(PAIR(2, 1), PAIR(1, 2), PAIR(1, 2), 1) },
    { "2,4,4,4 6,2,3,3 6", CONV(PAIR(1, 1), PAIR(1, 1), PAIR(1, 1), 2) },
    { NULL, NULL }
};

#define CONV_FORMULA "y[n,k,i,j] = b[k] + sum of w[k,c,p,q] x[n,c,i stride + p dilation - padding, ...]"

#define CONV2D_KERNEL(op, KIND, text, saved_outputs)                   \
    const tp_op tp_op_##op = {                                         \
        .name = #op,                                                   \
        .formula = text,                                               \
        .inputs = "x weight bias?",                                    \
        .n_in = 3,                                                     \
        .attrs_size = sizeof(conv_attrs),                              \
        .attrs = (const tp_attr[]){ CONV_ATTRS(conv_attrs, ), { 0 } }, \
        .saves_for_others = 3,                                         \
        .saves_out = saved_outputs,                                    \
        .infer = conv2d_infer,                                         \
        .forward = conv2d_forward,                                     \
        .backward = conv2d_backward,                                   \
        .cost = conv2d_cost,                                           \
        .examples = conv2d_examples,                                   \
        .tag = KIND,                                                   \
    };
CONV2D_KERNEL(_conv2d, PLAIN, CONV_FORMULA, 0)
CONV2D_KERNEL(_conv2d_relu, WITH_RELU, "y = relu(conv2d(x))", 1)

/* ---- gradient by the input, of shape size:  dx[.., i s + p d - pad, ..] += w[..p..] dy[..i..] ------------------------------- */

static tp_status input_grad_infer(tp_call *c)
{
    const conv_attrs *a = c->attrs;
    const tp_tensor *dy = c->in[0], *w = c->in[1];
    if (check_floats(c->op->name, c->in, 2) || check_attrs(c->op->name, a))
        return tp_error_pending();
    if (dy->ndim != 4 || w->ndim != 4 || a->size.ndim != 4 || dy->shape[1] != w->shape[0] ||
        a->size.dim[1] != w->shape[1] * a->groups || dy->shape[0] != a->size.dim[0])
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s and weight %s do not come from one convolution", c->op->name,
                       tensor_shape_text(dy), tensor_shape_text(w));
    if (infer_image(c, 0, (tp_dtype)dy->dtype, a->size))
        return tp_error_pending();
    conv_args g = conv_geometry(a, a->size.dim, w->shape, dy->shape);
    c->scratch_bytes = staged_bytes(dy, CLONE_CHANNELS_LAST) + staged_bytes(w, CLONE_CONTIGUOUS) +
                       conv_scratch(c->kernels, dy->dtype, CONV_DATA_GRADIENT, &g);
    return TP_OK;
}

static void input_grad_forward(const tp_call *c)
{
    const tp_tensor *dy = c->in[0], *w = c->in[1], *dx = c->out[0];
    conv_args g = conv_geometry(c->attrs, dx->shape, w->shape, dy->shape);
    char *scratch = c->scratch;
    g.dy = staged(c, dy, CLONE_CHANNELS_LAST, &scratch);
    g.weight = staged(c, w, CLONE_CONTIGUOUS, &scratch);
    conv_run(c, CONV_DATA_GRADIENT, &g, tensor_data(dx), scratch);
}

static void input_grad_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = convolution(&tp_op__conv2d, dz, s->in[1], NULL, s->attrs);
    if (s->needs[1])
        dx[1] = gradient(&tp_op_conv2d_weight_grad, s->in[0], dz, s->attrs, &s->in_shape[1]);
}

static double gradient_cost(const tp_call *c)
{
    const tp_tensor *dy = c->in[0], *w = c->op == &tp_op_conv2d_weight_grad ? c->out[0] : c->in[1];
    return 2.0 * (double)dy->numel * (double)(w->shape[1] * w->shape[2] * w->shape[3]);
}

const tp_op tp_op_conv2d_input_grad = {
    .name = "conv2d_input_grad",
    .formula = "gradient of conv2d by x, of shape size",
    .inputs = "dy weight",
    .n_in = 2,
    .attrs_size = sizeof(conv_attrs),
    .attrs = CONV_GRADIENT_ATTRS("input_size"),
    .saves_for_others = 3,
    .infer = input_grad_infer,
    .forward = input_grad_forward,
    .backward = input_grad_backward,
    .cost = gradient_cost,
    .examples =
        (const tp_example[]){ { "2,3,4,3 3,1,3,3", CONV_OF(PAIR(1, 1), PAIR(0, 0), PAIR(1, 1), 2, 1, 6, 5) },
                              { "1,2,3,9 2,3,3,2", CONV_OF(PAIR(2, 1), PAIR(1, 2), PAIR(1, 2), 1, 3, 5, 7) },
                              { NULL, NULL } },
};

/* ---- gradient by the weight, of shape size:  dw[k,c,p,q] = sum dy[n,k,i,j] x[n,c,i s + p d - pad, ..] --------------------------- */

static tp_status weight_grad_infer(tp_call *c)
{
    const conv_attrs *a = c->attrs;
    const tp_tensor *dy = c->in[0], *x = c->in[1];
    if (check_floats(c->op->name, c->in, 2) || check_attrs(c->op->name, a))
        return tp_error_pending();
    if (dy->ndim != 4 || x->ndim != 4 || a->size.ndim != 4 || dy->shape[0] != x->shape[0] ||
        dy->shape[1] != a->size.dim[0] || x->shape[1] != a->size.dim[1] * a->groups)
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s and x %s do not come from one convolution", c->op->name,
                       tensor_shape_text(dy), tensor_shape_text(x));
    if (tp_infer_shape(c, 0, (tp_dtype)dy->dtype, a->size))
        return tp_error_pending();
    conv_args g = conv_geometry(a, x->shape, a->size.dim, dy->shape);
    c->scratch_bytes = staged_bytes(dy, CLONE_CHANNELS_LAST) + staged_bytes(x, CLONE_CHANNELS_LAST) +
                       conv_scratch(c->kernels, dy->dtype, CONV_WEIGHT_GRADIENT, &g);
    return TP_OK;
}

static void weight_grad_forward(const tp_call *c)
{
    const tp_tensor *dy = c->in[0], *x = c->in[1], *dw = c->out[0];
    conv_args g = conv_geometry(c->attrs, x->shape, dw->shape, dy->shape);
    char *scratch = c->scratch;
    g.x = staged(c, x, CLONE_CHANNELS_LAST, &scratch);
    g.dy = staged(c, dy, CLONE_CHANNELS_LAST, &scratch);
    conv_run(c, CONV_WEIGHT_GRADIENT, &g, tensor_data(dw), scratch);
}

static void weight_grad_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = convolution(&tp_op__conv2d, s->in[1], dz, NULL, s->attrs);
    if (s->needs[1])
        dx[1] = conv_input_grad(s->in[0], dz, s->attrs, &s->in_shape[1]);
}

const tp_op tp_op_conv2d_weight_grad = {
    .name = "conv2d_weight_grad",
    .formula = "gradient of conv2d by weight, of shape size",
    .inputs = "dy x",
    .n_in = 2,
    .attrs_size = sizeof(conv_attrs),
    .attrs = CONV_GRADIENT_ATTRS("weight_size"),
    .saves_for_others = 3,
    .infer = weight_grad_infer,
    .forward = weight_grad_forward,
    .backward = weight_grad_backward,
    .cost = gradient_cost,
    .examples =
        (const tp_example[]){ { "2,3,4,3 2,1,6,5", CONV_OF(PAIR(1, 1), PAIR(0, 0), PAIR(1, 1), 3, 1, 3, 3) },
                              { "1,2,3,9 1,3,5,7", CONV_OF(PAIR(2, 1), PAIR(1, 2), PAIR(1, 2), 2, 3, 3, 2) },
                              { NULL, NULL } },
};

/* ---- as everybody calls it: without a batch too; half precision is computed in f32, i64 in f64 ----------------------------------- */

tp_dtype conv_computed_in(const tp_tensor *x, const tp_tensor *w, const tp_tensor *bias)
{
    tp_dtype dtype = tp_dtype_of(x);
    bool same = w->dtype == dtype && (!bias || bias->dtype == dtype);
    return !same ? dtype : is_half(x) ? TP_F32 : dtype == TP_I64 ? TP_F64 : dtype;
}

static tp_tensor *conv2d(const tp_op *op, tp_tensor *x, tp_tensor *w, tp_tensor *bias, const conv_attrs *a)
{
    if (!x || !w || tp_pending())
        return convolution(op, x, w, bias, a);
    tp_dtype dtype = tp_dtype_of(x), wide = conv_computed_in(x, w, bias);
    bool one = x->ndim == 3;
    if (!one && wide == dtype)
        return convolution(op, x, w, bias, a);
    TP_SCOPE;
    x = tp_to(one ? tp_unsqueeze(x, 0) : x, wide);
    tp_tensor *y = convolution(op, x, wide == dtype ? w : tp_to(w, wide),
                               bias && wide != dtype ? tp_to(bias, wide) : bias, a);
    return tp_keep(tp_to(one && y ? tp_squeeze(y, 0) : y, dtype));
}

typedef struct conv1d_attrs {
    int64_t stride, padding, dilation, groups;
} conv1d_attrs;

/* (N, C, L): an image one pixel high. */
static tp_tensor *conv1d(tp_tensor *x, tp_tensor *w, tp_tensor *bias, const conv1d_attrs *a)
{
    if (x && w && (x->ndim < 2 || x->ndim > 3 || w->ndim != 3))
        return tp_fail_null(TP_ERR_SHAPE,
                            "conv1d: input %s, weight %s: (N, C, L) and (K, C / groups, length) are wanted",
                            tensor_shape_text(x), tensor_shape_text(w));
    TP_SCOPE;
    conv_attrs flat = { { 1, a->stride }, { 0, a->padding }, { 1, a->dilation }, a->groups, false, { 0 } };
    tp_tensor *y = conv2d(&tp_op__conv2d, tp_unsqueeze(x, -2), tp_unsqueeze(w, 2), bias, &flat);
    return tp_keep(tp_squeeze(y, -2));
}

static void conv2d_compose(tp_call *c)
{
    c->out[0] = conv2d(c->op->tag == WITH_RELU ? &tp_op__conv2d_relu : &tp_op__conv2d, c->in[0], c->in[1],
                       c->in[2], c->attrs);
}

static void conv1d_compose(tp_call *c)
{
    c->out[0] = conv1d(c->in[0], c->in[1], c->in[2], c->attrs);
}

#define CONV2D(op, KIND, text)                                         \
    const tp_op tp_op_##op = {                                         \
        .name = #op,                                                   \
        .formula = text,                                               \
        .inputs = "input weight bias?",                                \
        .n_in = 3,                                                     \
        .attrs_size = sizeof(conv_attrs),                              \
        .attrs = (const tp_attr[]){ CONV_ATTRS(conv_attrs, ), { 0 } }, \
        .compose = conv2d_compose,                                     \
        .examples = conv2d_examples,                                   \
        .tag = KIND,                                                   \
    };
CONV2D(conv2d, PLAIN, CONV_FORMULA)
CONV2D(conv2d_relu, WITH_RELU, "y = relu(conv2d(x)), max(.., 0) in the convolution's store")

const tp_op tp_op_conv1d = {
    .name = "conv1d",
    .formula = "y[n,k,i] = b[k] + sum of w[k,c,p] x[n,c,i stride + p dilation - padding]",
    .inputs = "input weight bias?",
    .n_in = 3,
    .attrs_size = sizeof(conv1d_attrs),
    .attrs = (const tp_attr[]){ { "stride", TP_ATTR_I64, offsetof(conv1d_attrs, stride), 1 },
                                { "padding", TP_ATTR_I64, offsetof(conv1d_attrs, padding), 0 },
                                { "dilation", TP_ATTR_I64, offsetof(conv1d_attrs, dilation), 1 },
                                { "groups", TP_ATTR_I64, offsetof(conv1d_attrs, groups), 1 },
                                { 0 } },
    .compose = conv1d_compose,
    .examples = (const tp_example[]){ { "2,3,7 4,3,3 4", NULL },
                                      { "2,4,9 6,2,3 -", &(conv1d_attrs){ 2, 3, 2, 2 } },
                                      { "3,7 4,3,2@t -", NULL },
                                      { NULL, NULL } },
};

void conv_pair_of(int64_t to[2], int64_t both, const int64_t given[2], int64_t otherwise)
{
    bool is_pair = given[0] || given[1];
    to[0] = is_pair ? given[0] : both ? both : otherwise;
    to[1] = is_pair ? given[1] : both ? both : otherwise;
}

conv_attrs conv_attrs_of(const tp_conv2d_options *o)
{
    conv_attrs a = { .groups = o->groups ? o->groups : 1 };
    conv_pair_of(a.stride, o->stride, o->stride_hw, 1);
    conv_pair_of(a.padding, o->padding, o->padding_hw, 0);
    conv_pair_of(a.dilation, o->dilation, o->dilation_hw, 1);
    return a;
}

tp_tensor *tp_conv2d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *o)
{
    conv_attrs a = conv_attrs_of(o);
    return conv2d(o->relu ? &tp_op__conv2d_relu : &tp_op__conv2d, x, weight, o->bias, &a);
}

tp_tensor *tp_conv1d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *o)
{
    conv_attrs a = conv_attrs_of(o);
    conv1d_attrs flat = { a.stride[1], a.padding[1], a.dilation[1], a.groups };
    tp_tensor *y = tp_apply(&tp_op_conv1d, (tp_tensor *[]){ x, weight, o->bias }, 3, &flat);
    return o->relu ? tp_relu(y) : y;
}
