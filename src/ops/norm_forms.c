/* norm_forms.c - the normalisations as everybody calls them: layer, RMS, batch, instance, group, local response.
 *
 * All but the last are one of two operations, rows or channels; half precision is computed in f32.
 * Layer: ops.  Depends on row_norm.c, channel_norm.c.  Read next: nn/norm.c for the layers. */
#include "device/device.h"
#include "ops/norm.h"

#include <float.h>
#include <math.h>

static double option_or(double option, double otherwise) /* 0: not given; TP_ZERO: zero */
{
    return option == 0 && !signbit(option) ? otherwise : option;
}

/* t in the type that x is computed in; NULL stays. */
static tp_tensor *wide(const tp_tensor *x, tp_tensor *t)
{
    return t && is_half(x) ? tp_float(t) : t;
}

/* ---- rows: layer_norm, rms_norm ------------------------------------------------------------------------------------------- */

typedef struct shape_attrs {
    tp_shape normalized_shape;
    double eps;
} shape_attrs;

static bool is_tail(const tp_tensor *x, const tp_shape *tail)
{
    bool same = tail->ndim > 0 && tail->ndim <= x->ndim;
    for (int i = 0; i < tail->ndim && same; i++)
        same = x->shape[x->ndim - tail->ndim + i] == tail->dim[i];
    return same;
}

static tp_status check_tail(const char *op, const tp_tensor *x, const tp_tensor *weight,
                            const tp_tensor *bias, const tp_shape *tail)
{
    const tp_tensor *vector[] = { weight, bias };
    if (!is_tail(x, tail))
        return tp_fail(TP_ERR_SHAPE, "%s: input %s does not end in normalized_shape %s", op,
                       tensor_shape_text(x), shape_text(*tail));
    for (int i = 0; i < 2; i++)
        if (vector[i] && (vector[i]->ndim != tail->ndim || !is_tail(vector[i], tail)))
            return tp_fail(TP_ERR_SHAPE, "%s: %s %s, normalized_shape %s is wanted", op,
                           i ? "bias" : "weight", tensor_shape_text(vector[i]), shape_text(*tail));
    return TP_OK;
}

static tp_tensor *row_norm(const char *op, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                           const shape_attrs *a, bool centered)
{
    if (tp_pending())
        return NULL;
    if (!x)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the input is NULL", op);
    if (check_tail(op, x, weight, bias, &a->normalized_shape))
        return NULL;
    TP_SCOPE;
    tp_tensor *out[3], *in[] = { wide(x, x), wide(x, weight), wide(x, bias) };
    const row_attrs rows = { a->normalized_shape.ndim, a->eps, centered };
    if (tp_apply_n(&tp_op__row_norm, in, 3, &rows, out))
        return NULL;
    return tp_keep(tp_to(out[0], (tp_dtype)x->dtype));
}

static double rms_eps(const tp_tensor *x, double eps) /* -INFINITY: not given */
{
    return eps != -INFINITY ? eps : x && x->dtype == TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

static void layer_norm_compose(tp_call *c)
{
    c->out[0] = row_norm("layer_norm", c->in[0], c->in[1], c->in[2], c->attrs, true);
}

static void rms_norm_compose(tp_call *c)
{
    shape_attrs a = *(const shape_attrs *)c->attrs;
    a.eps = rms_eps(c->in[0], a.eps);
    c->out[0] = row_norm("rms_norm", c->in[0], c->in[1], NULL, &a, false);
}

#define TAIL(...)       \
    {                   \
        1,              \
        {               \
            __VA_ARGS__ \
        }               \
    }
#define TAIL_2(...)     \
    {                   \
        2,              \
        {               \
            __VA_ARGS__ \
        }               \
    }
COMPOSED_OP(layer_norm, "input weight? bias?", 3,
            "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var over the last dims",
            OP_ATTRS(shape_attrs, OP_ATTR(shape_attrs, DIMS, normalized_shape, TP_REQUIRED),
                     OP_ATTR(shape_attrs, F64, eps, 1e-5)),
            OP_EXAMPLES({ "3,5 5 5", &(shape_attrs){ TAIL(5), 1e-5 } },
                        { "2,3,4@t 3,4@t 3,4", &(shape_attrs){ TAIL_2(3, 4), 1e-3 } },
                        { "2,3,7 - -", &(shape_attrs){ TAIL(7), 1e-5 } }));
COMPOSED_OP(rms_norm, "input weight?", 2, "y = x / sqrt(mean of x^2 over the last dims + eps) weight",
            OP_ATTRS(shape_attrs, OP_ATTR(shape_attrs, DIMS, normalized_shape, TP_REQUIRED),
                     OP_ATTR(shape_attrs, F64, eps, -INFINITY)),
            OP_EXAMPLES({ "3,5 5", &(shape_attrs){ TAIL(5), 1e-5 } },
                        { "2,3,4@t 3,4@t", &(shape_attrs){ TAIL_2(3, 4), 1e-3 } },
                        { "2,7 -", &(shape_attrs){ TAIL(7), 1e-5 } }),
            .note = "eps -inf (PyTorch's None): the smallest step from 1 of the dtype computed in");

tp_tensor *tp_layer_norm_opt(tp_tensor *x, tp_shape normalized_shape, const tp_norm_options *o)
{
    return row_norm("layer_norm", x, o->weight, o->bias,
                    &(shape_attrs){ normalized_shape, option_or(o->eps, 1e-5) }, true);
}

tp_tensor *tp_rms_norm_opt(tp_tensor *x, tp_shape normalized_shape, const tp_norm_options *o)
{
    return row_norm("rms_norm", x, o->weight, o->bias,
                    &(shape_attrs){ normalized_shape, rms_eps(x, option_or(o->eps, -INFINITY)) }, false);
}

/* ---- channels: batch_norm, instance_norm, group_norm ------------------------------------------------------------------------- */

/* (N, C, ...) as (N, C) or (N, C, H, W), channels innermost. */
static tp_tensor *as_image(tp_tensor *x)
{
    if (!x || x->ndim == 2 || x->ndim == 4)
        return channels_last(x);
    int64_t last = x->shape[x->ndim - 1], above = 1;
    for (int i = 2; i < x->ndim - 1; i++)
        above *= x->shape[i];
    return channels_last(tp_reshape(x, TP_SHAPE(x->shape[0], x->shape[1], above, last)));
}

/* conv: what a convolution multiplies the result with; NULL: none.  out: y, mean, var */
static tp_status channel_norm(tp_tensor *x, tp_tensor *const *vectors, const channel_attrs *a,
                              tp_tensor *conv, tp_tensor **out)
{
    tp_tensor *in[6] = { [5] = conv };
    in[0] = conv ? x : as_image(wide(x, x));
    for (int i = 1; i < 5; i++)
        in[i] = i < 3 || a->fixed ? wide(x, vectors[i - 1]) : NULL;
    if (tp_apply_n(conv ? &tp_op__norm_conv : &tp_op__channel_norm, in, conv ? 6 : 5, a, out) || conv)
        return tp_error_pending();
    if (x->ndim != 2 && x->ndim != 4)
        out[0] = tp_reshape(out[0], tp_shape_of(x));
    out[0] = tp_to(out[0], (tp_dtype)x->dtype);
    return tp_error_pending();
}

/* running += momentum (now - running) */
static void follow(tp_tensor *running, tp_tensor *now, double momentum)
{
    TP_NO_GRAD;
    if (!running || !now)
        return;
    if (tp_dtype_of(running) == tp_dtype_of(now))
        tp_lerp_(running, now, momentum);
    else
        tp_copy_(running, tp_lerp(tp_to(running, tp_dtype_of(now)), now, momentum));
}

typedef struct batch_attrs {
    bool training; /* of instance_norm: use_input_stats */
    double momentum, eps;
} batch_attrs;

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR };

static tp_status check_batch(const char *op, const tp_tensor *x, tp_tensor *const *vectors, bool fixed,
                             int64_t numbers)
{
    static const char *const names[] = { "weight", "bias", "running_mean", "running_var" };
    if (x->ndim < 2)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, (N, C, ...) is wanted", op, tensor_shape_text(x));
    for (int i = 0; i < 4; i++)
        if (vectors[i] && (vectors[i]->ndim != 1 || vectors[i]->shape[0] != x->shape[1]))
            return tp_fail(TP_ERR_SHAPE, "%s: %s %s, input %s wants (%lld,)", op, names[i],
                           tensor_shape_text(vectors[i]), tensor_shape_text(x), (long long)x->shape[1]);
    if (fixed && (!vectors[RUNNING_MEAN] || !vectors[RUNNING_VAR]))
        return tp_fail(
            TP_ERR_ARGUMENT,
            "%s: running_mean and running_var are wanted where the input's statistics are not used", op);
    if (!fixed && numbers == 1)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s has one value for each statistic, more are wanted", op,
                       tensor_shape_text(x));
    return TP_OK;
}

/* each: instance_norm.  vectors: weight, bias, running_mean, running_var */
static tp_tensor *batch_norm(const char *name, bool relu, tp_tensor *x, tp_tensor *const *vectors,
                             const batch_attrs *a, bool each, tp_tensor *conv)
{
    if (tp_pending())
        return NULL;
    if (!x)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the input is NULL", name);
    const bool fixed = !a->training;
    const int64_t images = x->ndim ? x->shape[0] : 0, channels = x->ndim > 1 ? x->shape[1] : 0;
    const int64_t count = images && channels ? x->numel / channels / (each ? images : 1) : 0;
    if (check_batch(name, x, vectors, fixed, count))
        return NULL;
    TP_SCOPE;
    tp_tensor *out[3];
    if (channel_norm(x, vectors, &(channel_attrs){ 0, each && !fixed, fixed, a->eps, relu }, conv, out))
        return NULL;
    if (!fixed && x->numel && (vectors[RUNNING_MEAN] || vectors[RUNNING_VAR])) {
        TP_NO_GRAD;
        tp_tensor *unbiased = tp_mul(out[2], (double)count / (double)(count - 1)),
                  *now[] = { out[1], unbiased };
        for (int i = 0; i < 2; i++)
            follow(vectors[RUNNING_MEAN + i],
                   each ? tp_mean(tp_reshape(now[i], TP_SHAPE(images, channels)), TP_SHAPE(0), false)
                        : now[i],
                   a->momentum);
    }
    return tp_keep(out[0]);
}

static void batch_norm_compose(tp_call *c)
{
    tp_tensor *const vectors[] = { c->in[3], c->in[4], c->in[1], c->in[2] };
    c->out[0] = batch_norm(c->op->name, c->op->tag == WITH_RELU, c->in[0], vectors, c->attrs, false, NULL);
}

static void instance_norm_compose(tp_call *c)
{
    tp_tensor *const vectors[] = { c->in[3], c->in[4], c->in[1], c->in[2] };
    c->out[0] = batch_norm("instance_norm", false, c->in[0], vectors, c->attrs, true, NULL);
}

#define BATCH_ATTRS(first, otherwise)                                          \
    .attrs_size = sizeof(batch_attrs), .attrs = (const tp_attr[])              \
    {                                                                          \
        { first, TP_ATTR_BOOL, offsetof(batch_attrs, training), otherwise },   \
            { "momentum", TP_ATTR_F64, offsetof(batch_attrs, momentum), 0.1 }, \
            { "eps", TP_ATTR_F64, offsetof(batch_attrs, eps), 1e-5 },          \
        {                                                                      \
            0                                                                  \
        }                                                                      \
    }
static const tp_example batch_examples[] = { { "4,3 3 3@p 3 3", &(batch_attrs){ true, 0.1, 1e-5 } },
                                             { "2,3,4,5 - - 3 3", &(batch_attrs){ true, 0.1, 1e-5 } },
                                             { "2,3,2,2 3 3@p 3 3", &(batch_attrs){ false, 0.1, 1e-3 } },
                                             { "2,3,5@t - - - 3", &(batch_attrs){ true, 0.1, 1e-5 } },
                                             { "2,2,2,3,2 - - 2 -", &(batch_attrs){ true, 0.1, 1e-5 } },
                                             { NULL, NULL } };

COMPOSED_OP(
    batch_norm, "input running_mean? running_var? weight? bias?", 5,
    "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var of each channel over the batch, or the "
    "running ones",
    BATCH_ATTRS("training", 0), .examples = batch_examples);

const tp_op tp_op_batch_norm_relu = {
    .name = "batch_norm_relu",
    .formula = "y = relu(batch_norm(x)), max(.., 0) in the same pass",
    .inputs = "input running_mean? running_var? weight? bias?",
    .n_in = 5,
    .compose = batch_norm_compose,
    BATCH_ATTRS("training", 0),
    .examples = batch_examples,
    .tag = WITH_RELU,
};

COMPOSED_OP(instance_norm, "input running_mean? running_var? weight? bias?", 5,
            "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var of each channel of each image",
            BATCH_ATTRS("use_input_stats", 1),
            OP_EXAMPLES({ "2,3,4,5 - - 3 3", NULL }, { "2,3,5@t 3 3@p 3 -", NULL },
                        { "2,3,2,2 3 3@p - 3", &(batch_attrs){ false, 0.1, 1e-5 } }));

static tp_tensor *batch_norm_into(tp_tensor *x, const tp_batch_norm_options *o, tp_tensor *conv)
{
    tp_tensor *const vectors[] = { o->weight, o->bias, o->running_mean, o->running_var };
    const batch_attrs a = { o->training, option_or(o->momentum, 0.1), option_or(o->eps, 1e-5) };
    return batch_norm("batch_norm", o->relu, x, vectors, &a, false, conv);
}

tp_tensor *tp_batch_norm_opt(tp_tensor *x, const tp_batch_norm_options *o)
{
    return batch_norm_into(x, o, NULL);
}

/* Products of bf16 are another way, which wants what it multiplies in memory. */
static bool joins(const tp_tensor *x, const tp_batch_norm_options *o, const tp_tensor *conv)
{
    const kernel_table *k = device_cpu.kernels();
    return x && conv && x->ndim == 4 && conv->ndim == 4 && (x->dtype == TP_F32 || x->dtype == TP_F64) &&
           conv->dtype == x->dtype && (!o->weight || o->weight->dtype == x->dtype) &&
           conv->shape[1] == x->shape[1] && conv->shape[2] == 1 && conv->shape[3] == 1 &&
           !k->conv[x->dtype][CONV_BF16][CONV_FORWARD].run;
}

tp_tensor *batch_norm_conv(tp_tensor *x, const tp_batch_norm_options *o, tp_tensor *conv)
{
    if (joins(x, o, conv))
        return batch_norm_into(x, o, conv);
    TP_SCOPE;
    return tp_keep(tp_conv2d(batch_norm_into(x, o, NULL), conv));
}

tp_tensor *tp_instance_norm_opt(tp_tensor *x, const tp_batch_norm_options *o)
{
    tp_tensor *const vectors[] = { o->weight, o->bias, o->running_mean, o->running_var };
    const batch_attrs a = { !o->use_running, option_or(o->momentum, 0.1), option_or(o->eps, 1e-5) };
    return batch_norm("instance_norm", o->relu, x, vectors, &a, true, NULL);
}

typedef struct group_attrs {
    int64_t num_groups;
    double eps;
} group_attrs;

static tp_tensor *group_norm(tp_tensor *x, tp_tensor *weight, tp_tensor *bias, const group_attrs *a)
{
    tp_tensor *const vectors[4] = { weight, bias };
    if (tp_pending())
        return NULL;
    if (!x)
        return tp_fail_null(TP_ERR_ARGUMENT, "group_norm: the input is NULL");
    const int64_t channels = x->ndim > 1 ? x->shape[1] : 0;
    if (a->num_groups < 1 || channels % a->num_groups)
        return tp_fail_null(TP_ERR_ARGUMENT, "group_norm: %lld groups, a divisor of %lld channels is wanted",
                            (long long)a->num_groups, (long long)channels);
    const int64_t statistics = x->ndim ? x->shape[0] * a->num_groups : 0;
    if (check_batch("group_norm", x, vectors, false, statistics ? x->numel / statistics : 0))
        return NULL;
    TP_SCOPE;
    tp_tensor *out[3];
    if (channel_norm(x, vectors, &(channel_attrs){ a->num_groups, true, false, a->eps, false }, NULL, out))
        return NULL;
    return tp_keep(out[0]);
}

static void group_norm_compose(tp_call *c)
{
    c->out[0] = group_norm(c->in[0], c->in[1], c->in[2], c->attrs);
}

COMPOSED_OP(
    group_norm, "input weight? bias?", 3,
    "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var of each group of channels of each image",
    OP_ATTRS(group_attrs, OP_ATTR(group_attrs, I64, num_groups, TP_REQUIRED),
             OP_ATTR(group_attrs, F64, eps, 1e-5)),
    OP_EXAMPLES({ "2,6,4,3 6 6", &(group_attrs){ 3, 1e-5 } }, { "3,4 4 -", &(group_attrs){ 2, 1e-3 } },
                { "2,4,5@t - 4", &(group_attrs){ 1, 1e-5 } }));

tp_tensor *tp_group_norm_opt(tp_tensor *x, int64_t num_groups, const tp_norm_options *o)
{
    return group_norm(x, o->weight, o->bias, &(group_attrs){ num_groups, option_or(o->eps, 1e-5) });
}

/* ---- local response (Krizhevsky et al. 2012, 3.3) --------------------------------------------------------------------------------- */

typedef struct response_attrs {
    int64_t size;
    double alpha, beta, k;
} response_attrs;

/* The mean of x over size channels around each: channels as the rows of an image whose channels are the pixels. */
static tp_tensor *mean_of_neighbours(tp_tensor *x, int64_t size)
{
    if (!x)
        return NULL;
    const int64_t n = x->shape[0], channels = x->shape[1], rest = n && channels ? x->numel / n / channels : 1;
    tp_tensor *image =
        tp_unsqueeze(tp_permute(tp_reshape(x, TP_SHAPE(n, channels, rest)), TP_SHAPE(0, 2, 1)), 3);
    tp_tensor *mean =
        tp_avg_pool2d(image, 0, .kernel_hw = { size, 1 }, .stride = 1, .padding_hw = { size / 2, 0 });
    mean = tp_narrow(mean, 2, 0, channels); /* where size is even there is one row more */
    return tp_reshape(tp_permute(tp_squeeze(mean, 3), TP_SHAPE(0, 2, 1)), tp_shape_of(x));
}

static void local_response_norm_compose(tp_call *c)
{
    const response_attrs *a = c->attrs;
    tp_tensor *x = wide(c->in[0], c->in[0]);
    if (x && (x->ndim < 3 || a->size < 1)) {
        tp_fail(TP_ERR_ARGUMENT,
                "local_response_norm: input %s, size %lld: (N, C, ...) and at least 1 are wanted",
                tensor_shape_text(x), (long long)a->size);
        return;
    }
    if (!x || !tp_dtype_is_float((tp_dtype)x->dtype) || !x->numel) {
        c->out[0] = x && x->numel ? tp_fail_null(TP_ERR_DTYPE,
                                                 "local_response_norm: input is %s, a float type is wanted",
                                                 tp_dtype_name((tp_dtype)x->dtype))
                                  : tp_clone(c->in[0]);
        return;
    }
    tp_tensor *scale = tp_add(tp_mul(mean_of_neighbours(tp_square(x), a->size), a->alpha), a->k);
    c->out[0] = tp_to(tp_div(x, tp_pow(scale, a->beta)), (tp_dtype)c->in[0]->dtype);
}

COMPOSED_OP(local_response_norm, "input", 1, "y = x / (k + alpha mean of x^2 over size channels around)^beta",
            OP_ATTRS(response_attrs, OP_ATTR(response_attrs, I64, size, TP_REQUIRED),
                     OP_ATTR(response_attrs, F64, alpha, 1e-4), OP_ATTR(response_attrs, F64, beta, 0.75),
                     OP_ATTR(response_attrs, F64, k, 1)),
            OP_EXAMPLES({ "2,5,3", &(response_attrs){ 3, 0.5, 0.75, 1 } },
                        { "2,4,3,2", &(response_attrs){ 2, 0.1, 0.5, 2 } }));

tp_tensor *tp_local_response_norm_opt(tp_tensor *x, int64_t size, const tp_local_response_norm_options *o)
{
    return tp_apply(&tp_op_local_response_norm, &x, 1,
                    &(response_attrs){ size, option_or(o->alpha, 1e-4), option_or(o->beta, 0.75),
                                       option_or(o->k, 1) });
}
