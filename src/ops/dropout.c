/* dropout.c - dropout: zeroes elements at random and scales the others up.
 *
 * The mask is a function of (seed, stream, element), so backward makes it again instead of keeping it.
 * Layer: ops.  Kernels: dropout (kernels.h).  Read next: random.c. */
#include "base/parallel.h"
#include "base/random.h"
#include "ops/map.h"
#include "ops/ops.h"

typedef struct dropout_attrs {
    double p;
    tp_rng rng;
} dropout_attrs;

typedef struct dropout_run {
    const kernel_table *kernels;
    const dropout_attrs *attrs;
    const char *x;
    char *y;
    int type;
    int64_t size;
} dropout_run;

static void drop_pieces(void *context, int64_t begin, int64_t end)
{
    const dropout_run *r = context;
    r->kernels->dropout[r->type](r->y + begin * r->size, r->x + begin * r->size, end - begin, r->attrs->p,
                                 r->attrs->rng.seed, r->attrs->rng.stream, begin);
}

static tp_status dropout_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "dropout: input is %s, a float type is wanted",
                       tp_dtype_name((tp_dtype)x->dtype));
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void dropout_forward(const tp_call *c)
{
    const tp_tensor *y = c->out[0];
    char *scratch = c->scratch;
    dropout_run r = { .kernels = c->kernels,
                      .attrs = c->attrs,
                      .y = tensor_data(y),
                      .type = y->dtype,
                      .size = (int64_t)tensor_element_size(y) };
    r.x = staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch);
    parallel_for(y->numel, 16384, drop_pieces, &r);
}

static void dropout_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(s->op, &dy, 1, s->attrs);
}

const tp_op tp_op__dropout = {
    .name = "_dropout",
    .formula = "y = x mask / (1 - p), mask ~ Bernoulli(1 - p)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(dropout_attrs),
    .attrs = (const tp_attr[]){ { "p", TP_ATTR_F64, offsetof(dropout_attrs, p), 0.5 },
                                { "seed", TP_ATTR_U64, offsetof(dropout_attrs, rng.seed), 0 },
                                { "stream", TP_ATTR_U64, offsetof(dropout_attrs, rng.stream), 0 },
                                { 0 } },
    .infer = dropout_infer,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .examples = (const tp_example[]){ { "4,5", &(dropout_attrs){ 0.3, { 1, 2 } } },
                                      { "37", &(dropout_attrs){ 0.9, { 1, 2 } } },
                                      { "3,5@t", &(dropout_attrs){ 0.5, { 3, 4 } } },
                                      { NULL, NULL } },
};

tp_tensor *dropout_by(tp_tensor *x, double p, tp_rng rng)
{
    return tp_apply(&tp_op__dropout, &x, 1, &(dropout_attrs){ p, rng });
}

/* ---- as everybody calls it ----------------------------------------------------------------------------------- */

typedef struct dropout_options {
    dropout_attrs mask;
    bool training;
} dropout_options;

/* rng NULL: the thread's next stream, and only if one is needed. */
static tp_tensor *drop(tp_tensor *x, double p, bool training, const tp_rng *rng)
{
    if (tp_pending())
        return NULL;
    if (!(p >= 0 && p <= 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "dropout: p is %g, [0, 1] is wanted", p);
    if (!x)
        return tp_apply(&tp_op__dropout, &x, 1, &(dropout_attrs){ p, { 0 } });
    if (!training || p == 0)
        return x;
    if (p == 1)
        return tp_mul(x, 0);
    dropout_attrs a = { p, rng ? *rng : random_take_stream() };
    if (!is_half(x))
        return tp_apply(&tp_op__dropout, &x, 1, &a);
    TP_SCOPE;
    tp_tensor *wide = tp_float(x);
    return tp_keep(tp_to(tp_apply(&tp_op__dropout, &wide, 1, &a), tp_dtype_of(x)));
}

tp_tensor *tp_dropout(tp_tensor *x, double p, bool training)
{
    return drop(x, p, training, NULL);
}

/* One element of the mask for a channel of an example. */
static tp_tensor *drop_channels(tp_tensor *x, double p, bool training, const tp_rng *rng)
{
    if (tp_pending())
        return NULL;
    if (!x || x->ndim < 2)
        return tp_fail_null(TP_ERR_SHAPE, "dropout2d: input %s, (N, C, ...) is wanted",
                            x ? tensor_shape_text(x) : "NULL");
    if (!training || p == 0)
        return drop(x, p, training, rng);
    TP_SCOPE;
    tp_shape channels = tp_shape_of(x);
    for (int i = 2; i < channels.ndim; i++)
        channels.dim[i] = 1;
    return tp_keep(tp_mul(x, drop(tp_ones(channels, .dtype = (tp_dtype)x->dtype), p, true, rng)));
}

tp_tensor *tp_dropout2d(tp_tensor *x, double p, bool training)
{
    return drop_channels(x, p, training, NULL);
}

static void dropout_compose(tp_call *c)
{
    const dropout_options *o = c->attrs;
    c->out[0] = drop(c->in[0], o->mask.p, o->training, &o->mask.rng);
}

static void dropout2d_compose(tp_call *c)
{
    const dropout_options *o = c->attrs;
    c->out[0] = drop_channels(c->in[0], o->mask.p, o->training, &o->mask.rng);
}

#define DROPOUT_ATTRS                                                                       \
    OP_ATTRS(dropout_options, { "p", TP_ATTR_F64, offsetof(dropout_options, mask.p), 0.5 }, \
             { "training", TP_ATTR_BOOL, offsetof(dropout_options, training), 1 },          \
             { "seed", TP_ATTR_U64, offsetof(dropout_options, mask.rng.seed), 0 },          \
             { "stream", TP_ATTR_U64, offsetof(dropout_options, mask.rng.stream), 0 })
COMPOSED_OP(dropout, "input", 1, "y = x mask / (1 - p), mask ~ Bernoulli(1 - p); x itself unless training",
            DROPOUT_ATTRS,
            OP_EXAMPLES({ "4,5", &(dropout_options){ { 0.3, { 1, 2 } }, true } },
                        { "3,5@t", &(dropout_options){ { 1, { 1, 2 } }, true } },
                        { "7", &(dropout_options){ { 0.5, { 1, 2 } }, false } }));
COMPOSED_OP(dropout2d, "input", 1, "the same with one element of the mask for each channel of each example",
            DROPOUT_ATTRS,
            OP_EXAMPLES({ "4,5,2,3", &(dropout_options){ { 0.3, { 1, 2 } }, true } },
                        { "3,5@t", &(dropout_options){ { 1, { 1, 2 } }, true } },
                        { "2,3,7", &(dropout_options){ { 0.5, { 1, 2 } }, false } }));
