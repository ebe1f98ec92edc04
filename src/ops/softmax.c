/* softmax.c - softmax and log_softmax along a dim.
 *
 * A dim in the middle is no copy: the kernels for columns walk down many columns side by side.
 * Layer: ops.  Kernels: softmax, log_softmax, their backwards, in rows and columns (kernels.h).  Read next: loss.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

/* The input as (outer, n, inner) with the dim in the middle. */
typedef struct dim_run {
    const softmax_kernels *kernels;
    bool is_log, backward;
    char *to;
    const char *x, *y; /* backward: dy and y */
    int64_t n, inner, size;
} dim_run;

enum { GRAIN = 16384, SMALL = 32768, STRIP = 128 }; /* columns that one thread takes at once */

static void run_rows(void *context, int64_t begin, int64_t end)
{
    const dim_run *r = context;
    const softmax_kernels *k = r->kernels;
    int64_t bytes = r->n * r->size;
    for (int64_t i = begin; i < end; i++)
        if (r->backward)
            k->rows_backward[r->is_log](r->to + i * bytes, r->x + i * bytes, r->y + i * bytes, r->n);
        else
            k->rows[r->is_log](r->to + i * bytes, r->x + i * bytes, r->n);
}

static void run_strips(void *context, int64_t begin, int64_t end)
{
    const dim_run *r = context;
    const softmax_kernels *k = r->kernels;
    int64_t strips = (r->inner + STRIP - 1) / STRIP;
    for (int64_t i = begin; i < end; i++) {
        int64_t col = i % strips * STRIP, cols = r->inner - col < STRIP ? r->inner - col : STRIP;
        int64_t at = (i / strips * r->n * r->inner + col) * r->size;
        if (r->backward)
            k->cols_backward[r->is_log](r->to + at, r->x + at, r->y + at, r->n, cols, r->inner);
        else
            k->cols[r->is_log](r->to + at, r->x + at, r->n, cols, r->inner);
    }
}

static void for_dim(const tp_call *c, bool is_log)
{
    const tp_tensor *out = c->out[0];
    const kernel_table *kernels = c->kernels;
    char *scratch = c->scratch;
    int dim = (int)*(const int64_t *)c->attrs;
    dim += dim < 0 ? out->ndim : 0;
    dim_run r = { .kernels = &kernels->softmax[out->dtype],
                  .is_log = is_log,
                  .backward = c->n_in > 1,
                  .to = tensor_data(out),
                  .n = out->ndim ? out->shape[dim] : 1,
                  .inner = 1,
                  .size = (int64_t)tensor_element_size(out) };
    r.x = staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch);
    r.y = r.backward ? staged(c, c->in[1], CLONE_CONTIGUOUS, &scratch) : NULL;
    for (int i = dim + 1; i < out->ndim; i++)
        r.inner *= out->shape[i];
    if (!out->numel)
        return;
    int64_t strips = r.inner == 1 ? 1 : (r.inner + STRIP - 1) / STRIP;
    int64_t tasks = out->numel / r.n / r.inner * strips;
    parallel_for(tasks, out->numel < SMALL ? INT64_MAX / 2 : GRAIN * tasks / out->numel + 1,
                 r.inner == 1 ? run_rows : run_strips, &r);
}

static const char *public_name(const tp_op *op)
{
    return op->name + (op->name[0] == '_');
}

static tp_status dim_infer(tp_call *c)
{
    int dim = (int)*(const int64_t *)c->attrs;
    if (normalize_dim(public_name(c->op), c->in[0]->ndim, &dim))
        return tp_error_pending();
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if ((x->dtype != TP_F32 && x->dtype != TP_F64) || x->dtype != c->in[0]->dtype)
            return tp_fail(TP_ERR_DTYPE, "%s: input is %s, a float type is wanted", public_name(c->op),
                           tp_dtype_name((tp_dtype)x->dtype));
        if (!tensor_same_shape(x, c->in[0]))
            return tp_fail(TP_ERR_SHAPE, "%s: %s and %s differ", public_name(c->op),
                           tensor_shape_text(c->in[0]), tensor_shape_text(x));
        c->scratch_bytes += staged_bytes(x, CLONE_CONTIGUOUS);
    }
    return tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, tp_shape_of(c->in[0]));
}

static tp_shape dim_of(const tp_saved *s)
{
    return TP_SHAPE(*(const int64_t *)s->attrs);
}

static const tp_attr dim_attr[] = { { "dim", TP_ATTR_I64, 0, TP_REQUIRED }, { 0 } };
static const tp_example unary_examples[] = { { "3,5", &(int64_t){ -1 } },   { "2,3,17", &(int64_t){ 2 } },
                                             { "4,3@t", &(int64_t){ 1 } },  { "7", &(int64_t){ 0 } },
                                             { "0,4", &(int64_t){ 1 } },    { "4,0", &(int64_t){ 0 } },
                                             { "2,5,11", &(int64_t){ 1 } }, { "5,3@t", &(int64_t){ 0 } },
                                             { "s", &(int64_t){ 0 } },      { NULL, NULL } };
static const tp_example pair_examples[] = { { "3,5 3,5", &(int64_t){ -1 } },
                                            { "4,3@t 4,3", &(int64_t){ 1 } },
                                            { "3,4,5 3,4,5", &(int64_t){ 1 } },
                                            { NULL, NULL } };

/* ---- softmax:  dx = y (dy - sum dy y) ------------------------------------------------------------------------------------ */

extern const tp_op tp_op_softmax_backward, tp_op_log_softmax_backward;

/* Of the gradient, too: for_dim sees which it is. */
static void softmax_forward(const tp_call *c)
{
    for_dim(c, false);
}

static void softmax_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op_softmax_backward, (tp_tensor *[]){ dy, s->out[0] }, 2, s->attrs);
}

const tp_op tp_op__softmax = {
    .name = "_softmax",
    .formula = "y_i = e^x_i / sum of e^x_j along dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(int64_t),
    .attrs = dim_attr,
    .saves_out = 1,
    .infer = dim_infer,
    .forward = softmax_forward,
    .backward = softmax_grad,
    .examples = unary_examples,
};

static void softmax_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = tp_apply(s->op, (tp_tensor *[]){ dz, y }, 2, s->attrs); /* the Jacobian is symmetric */
    if (s->needs[1])                                                /* z_i = y_i (dy_i - sum dy y) */
        dx[1] = tp_sub(tp_mul(dz, tp_sub(dy, tp_sum(tp_mul(dy, y), dim_of(s), true))),
                       tp_mul(dy, tp_sum(tp_mul(dz, y), dim_of(s), true)));
}

const tp_op tp_op_softmax_backward = {
    .name = "softmax_backward",
    .formula = "z = y (dy - sum of dy y along dim)",
    .inputs = "dy y",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = dim_attr,
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = dim_infer,
    .forward = softmax_forward,
    .backward = softmax_backward_backward,
    .examples = pair_examples,
};

/* ---- log_softmax:  dx = dy - e^y sum dy --------------------------------------------------------------------------------------- */

static void log_softmax_forward(const tp_call *c)
{
    for_dim(c, true);
}

static void log_softmax_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op_log_softmax_backward, (tp_tensor *[]){ dy, s->out[0] }, 2, s->attrs);
}

const tp_op tp_op__log_softmax = {
    .name = "_log_softmax",
    .formula = "y_i = x_i - ln sum of e^x_j along dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(int64_t),
    .attrs = dim_attr,
    .saves_out = 1,
    .infer = dim_infer,
    .forward = log_softmax_forward,
    .backward = log_softmax_grad,
    .examples = unary_examples,
};

static void log_softmax_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *p = tp_exp(s->in[1]);
    if (s->needs[0]) /* z_i = dy_i - p_i sum dy:  d/d dy_j = dz_j - sum dz p */
        dx[0] = tp_sub(dz, tp_sum(tp_mul(dz, p), dim_of(s), true));
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(tp_mul(dz, p), tp_sum(s->in[0], dim_of(s), true)));
}

const tp_op tp_op_log_softmax_backward = {
    .name = "log_softmax_backward",
    .formula = "z = dy - e^y sum of dy along dim",
    .inputs = "dy y",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = dim_attr,
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = dim_infer,
    .forward = log_softmax_forward,
    .backward = log_softmax_backward_backward,
    .examples = pair_examples,
};

/* ---- as everybody calls them: half precision is computed in f32 ---------------------------------------------------------- */

static tp_tensor *along(const tp_op *op, tp_tensor *x, int64_t dim)
{
    if (!is_half(x))
        return tp_apply(op, &x, 1, &dim);
    TP_SCOPE;
    tp_tensor *wide = tp_float(x);
    return tp_keep(tp_to(tp_apply(op, &wide, 1, &dim), tp_dtype_of(x)));
}

tp_tensor *tp_softmax(tp_tensor *x, int dim)
{
    return along(&tp_op__softmax, x, dim);
}

tp_tensor *tp_log_softmax(tp_tensor *x, int dim)
{
    return along(&tp_op__log_softmax, x, dim);
}

tp_tensor *tp_softmin(tp_tensor *x, int dim)
{
    TP_SCOPE;
    return tp_keep(tp_softmax(tp_neg(x), dim));
}

#define ALONG_DIM(op, text)                                             \
    static void op##_compose(tp_call *c)                                \
    {                                                                   \
        c->out[0] = tp_##op(c->in[0], (int)*(const int64_t *)c->attrs); \
    }                                                                   \
    const tp_op tp_op_##op = {                                          \
        .name = #op,                                                    \
        .formula = text,                                                \
        .inputs = "input",                                              \
        .n_in = 1,                                                      \
        .attrs_size = sizeof(int64_t),                                  \
        .attrs = dim_attr,                                              \
        .compose = op##_compose,                                        \
        .examples = unary_examples,                                     \
    };

ALONG_DIM(softmax, "y_i = e^x_i / sum of e^x_j along dim")
ALONG_DIM(log_softmax, "y_i = x_i - ln sum of e^x_j along dim")
ALONG_DIM(softmin, "y_i = e^-x_i / sum of e^-x_j along dim")
