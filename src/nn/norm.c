/* norm.c - the normalisations as layers: batch and instance norm with running statistics; layer, RMS, group norm; local
 * response.
 *
 * Names of parameters and buffers are PyTorch's.  Each layer keeps the options of its function with its own tensors put in.
 * Layer: nn.  Depends on module.h.  Read next: ops/norm_forms.c. */
#include "nn/module.h"
#include "ops/norm.h"

#include <math.h>

/* ---- with running statistics: batch_norm1d, batch_norm2d, instance_norm ------------------------------------------------------ */

typedef struct batch_norm_state {
    tp_batch_norm_options options; /* weight, bias, running_mean, running_var: borrowed from the module */
    tp_tensor *batches;            /* num_batches_tracked, i64; NULL: no running statistics */
    int least_dims, most_dims;
} batch_norm_state;

static tp_status check_dims(const tp_module *m, const tp_tensor *x, int least, int most)
{
    int n = tp_ndim(x);
    if (n >= least && n <= most)
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE, "%s: the input has %d dims, %s is wanted", m->type, n,
                   least == 4   ? "(N, C, H, W)"
                   : least == 2 ? "(N, C) or (N, C, L)"
                                : "(N, C, ...)");
}

/* Counts the batch; PyTorch's momentum=None weighs all batches alike. */
static void count_batch(batch_norm_state *s, tp_batch_norm_options *o)
{
    TP_NO_GRAD;
    tp_add_(s->batches, 1);
    if (s->options.cumulative)
        o->momentum = 1 / tp_item(s->batches);
}

/* conv: of a convolution of one tap that reads what a relu leaves; NULL: none */
static tp_tensor *batch_norm_with(tp_module *m, tp_tensor *x, bool relu, tp_tensor *conv)
{
    batch_norm_state *s = tp_module_state(m);
    tp_batch_norm_options o = s->options;
    if (check_dims(m, x, s->least_dims, s->most_dims))
        return NULL;
    o.training = m->training || !s->batches;
    o.relu = relu;
    if (m->training && tp_recomputing())
        o.running_mean = o.running_var = NULL; /* they have this batch */
    else if (m->training && s->batches)
        count_batch(s, &o);
    return conv ? batch_norm_conv(x, &o, conv) : tp_batch_norm_opt(x, &o);
}

static tp_tensor *batch_norm_forward(tp_module *m, tp_tensor *x)
{
    return batch_norm_with(m, x, false, NULL);
}

static tp_tensor *batch_norm_forward_relu(tp_module *m, tp_tensor *x)
{
    return batch_norm_with(m, x, true, NULL);
}

static tp_tensor *batch_norm_into(tp_module *m, tp_tensor *x, tp_tensor *conv)
{
    return batch_norm_with(m, x, true, conv);
}

/* weight / sqrt(var + eps) and bias - mean of it */
static bool batch_norm_scaling(tp_module *m, tp_tensor **scale, tp_tensor **shift)
{
    const batch_norm_state *s = tp_module_state(m);
    if (m->training || !s->batches)
        return false;
    const tp_batch_norm_options *o = &s->options;
    const double eps = o->eps == 0 && !signbit(o->eps) ? 1e-5 : o->eps;
    *scale = tp_rsqrt(tp_add(tp_to(o->running_var, TP_F64), eps));
    if (o->weight)
        *scale = tp_mul(*scale, o->weight);
    *shift = tp_neg(tp_mul(*scale, o->running_mean));
    if (o->bias)
        *shift = tp_add(*shift, o->bias);
    return true;
}

/* PyTorch counts no batches here. */
static tp_tensor *instance_norm_with(tp_module *m, tp_tensor *x, bool relu)
{
    batch_norm_state *s = tp_module_state(m);
    tp_batch_norm_options o = s->options;
    if (check_dims(m, x, s->least_dims, s->most_dims))
        return NULL;
    o.use_running = !m->training && s->batches;
    o.relu = relu;
    return tp_instance_norm_opt(x, &o);
}

static tp_tensor *instance_norm_forward(tp_module *m, tp_tensor *x)
{
    return instance_norm_with(m, x, false);
}

static tp_tensor *instance_norm_forward_relu(tp_module *m, tp_tensor *x)
{
    return instance_norm_with(m, x, true);
}

static void batch_norm_info(tp_module *m, int64_t channels, const tp_batch_norm_options *o, bool affine,
                            bool running)
{
    char text[128] = "";
    if (o->eps != 0)
        text_add(text, sizeof text, ", eps %g", o->eps);
    if (running && o->cumulative)
        text_add(text, sizeof text, ", cumulative");
    else if (running && o->momentum != 0)
        text_add(text, sizeof text, ", momentum %g", o->momentum);
    tp_module_set_info(m, "%lld%s%s%s", (long long)channels, text, affine ? "" : ", no weight",
                       running ? "" : ", no running statistics");
}

typedef struct layer_kind {
    const char *type;
    tp_forward_fn *forward, *forward_relu;
    module_scaling *scaling;
    int least_dims, most_dims;
} layer_kind;

static tp_module *with_statistics(const layer_kind *kind, int64_t channels, const tp_batch_norm_options *o,
                                  bool affine, bool running)
{
    if (tp_pending())
        return NULL;
    if (channels < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: channels is %lld, at least 1 is wanted", kind->type,
                            (long long)channels);
    if (o->weight || o->bias || o->running_mean || o->running_var)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "%s: the layer makes its own tensors; .weight is for tp_batch_norm", kind->type);
    TP_SCOPE;
    const tp_shape shape = TP_SHAPE(channels);
    tp_module *m = tp_module_new(kind->type, sizeof(batch_norm_state), kind->forward);
    batch_norm_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    m->forward_relu = kind->forward_relu;
    m->scaling = kind->scaling;
    *s = (batch_norm_state){ .options = *o, .least_dims = kind->least_dims, .most_dims = kind->most_dims };
    if (affine) {
        s->options.weight = tp_parameter(m, "weight", tp_ones(shape));
        s->options.bias = tp_parameter(m, "bias", tp_zeros(shape));
    }
    if (running) {
        s->options.running_mean = tp_buffer(m, "running_mean", tp_zeros(shape));
        s->options.running_var = tp_buffer(m, "running_var", tp_ones(shape));
        s->batches = tp_buffer(m, "num_batches_tracked", tp_zeros((tp_shape){ 0 }, .dtype = TP_I64));
    }
    batch_norm_info(m, channels, o, affine, running);
    return tp_keep(tp_module_built(m));
}

tp_module *tp_nn_batch_norm1d_opt(int64_t channels, const tp_batch_norm_options *o)
{
    static const layer_kind kind = {
        "batch_norm1d", batch_norm_forward, batch_norm_forward_relu, batch_norm_scaling, 2, 3
    };
    return with_statistics(&kind, channels, o, !o->no_affine, !o->no_running);
}

tp_module *tp_nn_batch_norm2d_opt(int64_t channels, const tp_batch_norm_options *o)
{
    static const layer_kind kind = {
        "batch_norm2d", batch_norm_forward, batch_norm_forward_relu, batch_norm_scaling, 4, 4
    };
    tp_module *m = with_statistics(&kind, channels, o, !o->no_affine, !o->no_running);
    if (m)
        m->forward_into = batch_norm_into;
    return m;
}

tp_module *tp_nn_instance_norm_opt(int64_t channels, const tp_batch_norm_options *o)
{
    static const layer_kind kind = {
        "instance_norm", instance_norm_forward, instance_norm_forward_relu, NULL, 3, TP_MAX_DIMS
    };
    return with_statistics(&kind, channels, o, o->affine, o->running);
}

/* ---- without: layer_norm, rms_norm, group_norm --------------------------------------------------------------------------------- */

typedef struct norm_state {
    tp_norm_options options; /* weight, bias: borrowed from the module */
    tp_shape shape;          /* normalized_shape */
    int64_t groups;
} norm_state;

static tp_tensor *layer_norm_forward(tp_module *m, tp_tensor *x)
{
    const norm_state *s = tp_module_state(m);
    return tp_layer_norm_opt(x, s->shape, &s->options);
}

static tp_tensor *rms_norm_forward(tp_module *m, tp_tensor *x)
{
    const norm_state *s = tp_module_state(m);
    return tp_rms_norm_opt(x, s->shape, &s->options);
}

static tp_tensor *group_norm_forward(tp_module *m, tp_tensor *x)
{
    const norm_state *s = tp_module_state(m);
    return tp_group_norm_opt(x, s->groups, &s->options);
}

/* groups 0: over the last dims, which are shape */
static tp_module *norm_new(const char *type, tp_forward_fn *forward, tp_shape shape, int64_t groups,
                           const tp_norm_options *o, bool has_bias)
{
    char text[160] = "";
    if (tp_pending())
        return NULL;
    if (shape.ndim < 1 || shape.ndim > TP_MAX_DIMS)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: normalized_shape has %d dims, 1 to %d are wanted", type,
                            shape.ndim, TP_MAX_DIMS);
    for (int i = 0; i < shape.ndim; i++) {
        if (shape.dim[i] < 1)
            return tp_fail_null(TP_ERR_ARGUMENT, "%s: a size is %lld, at least 1 is wanted", type,
                                (long long)shape.dim[i]);
        text_add(text, sizeof text, "%s%lld", i ? "x" : "", (long long)shape.dim[i]);
    }
    if (o->weight || o->bias)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the layer makes its own tensors; .weight is for tp_%s",
                            type, type);
    TP_SCOPE;
    tp_module *m = tp_module_new(type, sizeof(norm_state), forward);
    norm_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    *s = (norm_state){ *o, shape, groups };
    if (!o->no_affine)
        s->options.weight = tp_parameter(m, "weight", tp_ones(shape));
    if (!o->no_affine && has_bias)
        s->options.bias = tp_parameter(m, "bias", tp_zeros(shape));
    if (groups)
        text_add(text, sizeof text, ", groups %lld", (long long)groups);
    if (o->eps != 0)
        text_add(text, sizeof text, ", eps %g", o->eps);
    tp_module_set_info(m, "%s%s", text, o->no_affine ? ", no weight" : o->no_bias ? ", no bias" : "");
    return tp_keep(tp_module_built(m));
}

tp_module *tp_nn_layer_norm_opt(tp_shape normalized_shape, const tp_norm_options *o)
{
    return norm_new("layer_norm", layer_norm_forward, normalized_shape, 0, o, !o->no_bias);
}

tp_module *tp_nn_rms_norm_opt(tp_shape normalized_shape, const tp_norm_options *o)
{
    return norm_new("rms_norm", rms_norm_forward, normalized_shape, 0, o, false);
}

tp_module *tp_nn_group_norm_opt(int64_t num_groups, int64_t channels, const tp_norm_options *o)
{
    if (!tp_pending() && (num_groups < 1 || channels % num_groups))
        return tp_fail_null(TP_ERR_ARGUMENT, "group_norm: %lld groups, a divisor of %lld channels is wanted",
                            (long long)num_groups, (long long)channels);
    return norm_new("group_norm", group_norm_forward, TP_SHAPE(channels), num_groups, o, !o->no_bias);
}

/* ---- local response ----------------------------------------------------------------------------------------------------------------- */

typedef struct response_state {
    tp_local_response_norm_options options;
    int64_t size;
} response_state;

static tp_tensor *local_response_norm_forward(tp_module *m, tp_tensor *x)
{
    const response_state *s = tp_module_state(m);
    return tp_local_response_norm_opt(x, s->size, &s->options);
}

tp_module *tp_nn_local_response_norm_opt(int64_t size, const tp_local_response_norm_options *o)
{
    if (tp_pending())
        return NULL;
    if (size < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "local_response_norm: size is %lld, at least 1 is wanted",
                            (long long)size);
    TP_SCOPE;
    tp_module *m = tp_module_new("local_response_norm", sizeof(response_state), local_response_norm_forward);
    if (!m)
        return NULL;
    *(response_state *)tp_module_state(m) = (response_state){ *o, size };
    tp_module_set_info(m, "%lld", (long long)size);
    return tp_keep(tp_module_built(m));
}
