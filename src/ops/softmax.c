/* softmax.c - softmax and log_softmax along a dim, and dropout.
 *
 * Rows are adjacent in memory: another dim than the last is brought there by a view and a copy.
 * Layer: ops.  Kernels: softmax, log_softmax, their backwards, dropout (kernels.h).  Read next: loss.c. */
#include "base/parallel.h"
#include "base/random.h"
#include "ops/map.h"
#include "ops/ops.h"

typedef void row_fn(void *y, const void *x, int64_t n);
typedef void row_backward_fn(void *dx, const void *dy, const void *y, int64_t n);

typedef struct rows_run {
    row_fn *f;
    row_backward_fn *backward;
    char *to;
    const char *x, *y;
    int64_t n, bytes;
} rows_run;

static void run_rows(void *context, int64_t begin, int64_t end)
{
    const rows_run *r = context;
    for (int64_t i = begin; i < end; i++)
        if (r->f)
            r->f(r->to + i * r->bytes, r->x + i * r->bytes, r->n);
        else
            r->backward(r->to + i * r->bytes, r->x + i * r->bytes, r->y + i * r->bytes, r->n);
}

static void for_rows(const tp_call *c, rows_run *r)
{
    const tp_tensor *out = c->out[0];
    char *scratch = c->scratch;
    r->n = out->ndim ? out->shape[out->ndim - 1] : 1;
    r->bytes = r->n * (int64_t)tensor_element_size(out);
    r->to = tensor_data(out);
    r->x = staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch);
    r->y = c->n_in > 1 ? staged(c, c->in[1], CLONE_CONTIGUOUS, &scratch) : NULL;
    if (out->numel)
        parallel_for(out->numel / r->n, out->numel < 32768 ? INT64_MAX / 2 : 16384 / r->n + 1, run_rows, r);
}

static tp_status rows_infer(tp_call *c)
{
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if ((x->dtype != TP_F32 && x->dtype != TP_F64) || x->dtype != c->in[0]->dtype)
            return tp_fail(TP_ERR_DTYPE, "%s: input is %s, f32 or f64 is wanted", c->op->name,
                           tp_dtype_name((tp_dtype)x->dtype));
        if (!tensor_same_shape(x, c->in[0]))
            return tp_fail(TP_ERR_SHAPE, "%s: %s and %s differ", c->op->name, tensor_shape_text(c->in[0]),
                           tensor_shape_text(x));
        c->scratch_bytes += staged_bytes(x, CLONE_CONTIGUOUS);
    }
    return tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, tp_shape_of(c->in[0]));
}

/* ---- softmax:  dx = y (dy - sum dy y) ------------------------------------------------------------------------------------ */

extern const tp_op tp_op_softmax_backward, tp_op_log_softmax_backward;

static void softmax_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    for_rows(c, &(rows_run){ .f = kernels->softmax[c->out[0]->dtype] });
}

static void softmax_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op_softmax_backward, (tp_tensor *[]){ dy, s->out[0] }, 2, NULL);
}

static const tp_example rows[] = { { "3,5", NULL }, { "2,3,17", NULL }, { "4,3@t", NULL },
                                   { "7", NULL },   { "0,4", NULL },    { NULL, NULL } };
static const tp_example row_pairs[] = { { "3,5 3,5", NULL }, { "4,3@t 4,3", NULL }, { NULL, NULL } };

const tp_op tp_op_softmax = {
    .name = "softmax",
    .formula = "y_i = e^x_i / sum of e^x_j along the last dim",
    .inputs = "x",
    .n_in = 1,
    .saves_out = 1,
    .infer = rows_infer,
    .forward = softmax_forward,
    .backward = softmax_grad,
    .examples = rows,
};

static void softmax_backward_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    for_rows(c, &(rows_run){ .backward = kernels->softmax_backward[c->out[0]->dtype] });
}

static void softmax_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = tp_apply(s->op, (tp_tensor *[]){ dz, y }, 2, NULL); /* the Jacobian is symmetric */
    if (s->needs[1])                                            /* z_i = y_i (dy_i - sum dy y) */
        dx[1] = tp_sub(tp_mul(dz, tp_sub(dy, tp_sum(tp_mul(dy, y), TP_SHAPE(-1), true))),
                       tp_mul(dy, tp_sum(tp_mul(dz, y), TP_SHAPE(-1), true)));
}

const tp_op tp_op_softmax_backward = {
    .name = "softmax_backward",
    .formula = "z = y (dy - sum of dy y along the last dim)",
    .inputs = "dy y",
    .n_in = 2,
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = rows_infer,
    .forward = softmax_backward_forward,
    .backward = softmax_backward_backward,
    .examples = row_pairs,
};

/* ---- log_softmax:  dx = dy - e^y sum dy --------------------------------------------------------------------------------------- */

static void log_softmax_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    for_rows(c, &(rows_run){ .f = kernels->log_softmax[c->out[0]->dtype] });
}

static void log_softmax_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op_log_softmax_backward, (tp_tensor *[]){ dy, s->out[0] }, 2, NULL);
}

const tp_op tp_op_log_softmax = {
    .name = "log_softmax",
    .formula = "y_i = x_i - ln sum of e^x_j along the last dim",
    .inputs = "x",
    .n_in = 1,
    .saves_out = 1,
    .infer = rows_infer,
    .forward = log_softmax_forward,
    .backward = log_softmax_grad,
    .examples = rows,
};

static void log_softmax_backward_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    for_rows(c, &(rows_run){ .backward = kernels->log_softmax_backward[c->out[0]->dtype] });
}

static void log_softmax_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *p = tp_exp(s->in[1]);
    if (s->needs[0]) /* z_i = dy_i - p_i sum dy:  d/d dy_j = dz_j - sum dz p */
        dx[0] = tp_sub(dz, tp_sum(tp_mul(dz, p), TP_SHAPE(-1), true));
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(tp_mul(dz, p), tp_sum(s->in[0], TP_SHAPE(-1), true)));
}

const tp_op tp_op_log_softmax_backward = {
    .name = "log_softmax_backward",
    .formula = "z = dy - e^y sum of dy along the last dim",
    .inputs = "dy y",
    .n_in = 2,
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = rows_infer,
    .forward = log_softmax_backward_forward,
    .backward = log_softmax_backward_backward,
    .examples = row_pairs,
};

static tp_tensor *along(const tp_op *op, tp_tensor *x, int dim)
{
    if (!x || tp_pending() || normalize_dim(op->name, x->ndim, &dim) || dim >= x->ndim - 1)
        return tp_apply(op, &x, 1, NULL);
    TP_SCOPE;
    tp_tensor *last = tp_transpose(x, dim, -1);
    return tp_keep(tp_transpose(tp_apply(op, &last, 1, NULL), dim, -1));
}

tp_tensor *tp_softmax(tp_tensor *x, int dim)
{
    return along(&tp_op_softmax, x, dim);
}

tp_tensor *tp_log_softmax(tp_tensor *x, int dim)
{
    return along(&tp_op_log_softmax, x, dim);
}

/* ---- dropout: the mask is a function of (seed, stream, element), so backward makes it again instead of keeping it -------------- */

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

const tp_op tp_op_dropout = {
    .name = "dropout",
    .formula = "y = x mask / (1 - p), mask ~ Bernoulli(1 - p)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(dropout_attrs),
    .attrs = (const tp_attr[]){ { "p", TP_ATTR_F64, offsetof(dropout_attrs, p), 0.5 },
                                { "seed", TP_ATTR_U64, offsetof(dropout_attrs, rng.seed), 0 },
                                { "stream", TP_ATTR_U64, offsetof(dropout_attrs, rng.stream), 0 },
                                { 0 } },
    .infer = rows_infer,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .examples = (const tp_example[]){ { "4,5", &(dropout_attrs){ 0.3, { 1, 2 } } },
                                      { "37", &(dropout_attrs){ 0.9, { 1, 2 } } },
                                      { "3,5@t", &(dropout_attrs){ 0.5, { 3, 4 } } },
                                      { NULL, NULL } },
};

tp_tensor *tp_dropout(tp_tensor *x, double p, bool training)
{
    if (!(p >= 0 && p <= 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "dropout: p is %g, [0, 1] is wanted", p);
    if (!x || tp_pending() || !training || p == 0)
        return x ? (tp_pending() ? NULL : x) : tp_apply(&tp_op_dropout, &x, 1, &(dropout_attrs){ p, { 0 } });
    if (p == 1)
        return tp_mul(x, 0);
    return tp_apply(&tp_op_dropout, &x, 1, &(dropout_attrs){ p, random_take_stream() });
}
