/* extreme.c - where the largest and the smallest stand: argmax, argmin, max and min with their indices, aminmax.
 *
 * Layer: ops.  Kernels: argmax, argmin and their _cols (kernels.h).  Read next: reduce.c for amax and amin. */
#include "base/parallel.h"
#include "ops/reduce.h"

enum { GRAIN = 32768, CHUNK = 256, FEW_COLUMNS = 8 };

const tp_attr dim_attr_table[] = {
    { "dim", TP_ATTR_I64, offsetof(dim_attrs, dim), TP_NO_DIM },
    { "keepdim", TP_ATTR_BOOL, offsetof(dim_attrs, keepdim), 0 },
    { 0 },
};

/* ---- argmax, argmin --------------------------------------------------------------------------------------------- */

/* The reduced dim in [0, ndim), or -1 for all of them as one row. */
static tp_status arg_dim(const char *op, const tp_tensor *x, const dim_attrs *a, int *dim)
{
    *dim = -1;
    if (a->dim == TP_NO_DIM)
        return x->numel
                   ? TP_OK
                   : tp_fail(TP_ERR_SHAPE, "%s: %s is empty and has no extreme", op, tensor_shape_text(x));
    *dim = (int)a->dim;
    if (normalize_dim(op, x->ndim, dim))
        return tp_error_pending();
    if (x->ndim && x->shape[*dim] == 0)
        return tp_fail(TP_ERR_SHAPE, "%s: dim %d of %s is empty", op, *dim, tensor_shape_text(x));
    return TP_OK;
}

typedef struct arg_plan {
    int64_t outer, n, inner;
    bool columns; /* x is contiguous and read as it is, [outer][n][inner] */
    bool copies;
    tp_dtype type;
    unsigned mask;
} arg_plan;

static arg_plan plan_arg(const tp_tensor *x, int dim)
{
    arg_plan p = { .outer = 1, .n = 1, .inner = 1, .type = dtype_of_kernel(kernel_type_of(x->dtype)) };
    p.mask = dim < 0 || !x->ndim ? (1u << x->ndim) - 1 : 1u << dim;
    for (int i = 0; i < x->ndim; i++)
        *(p.mask >> i & 1 ? &p.n : i < dim ? &p.outer : &p.inner) *= x->shape[i];
    bool plain = x->dtype == p.type && tensor_is_contiguous(x);
    p.columns = plain && p.inner >= FEW_COLUMNS;
    p.copies = !plain || (p.inner > 1 && !p.columns);
    if (p.copies) {
        p.outer *= p.inner;
        p.inner = 1;
    }
    return p;
}

static tp_status arg_infer(tp_call *c)
{
    const dim_attrs *a = c->attrs;
    int dim;
    if (arg_dim(c->op->name, c->in[0], a, &dim))
        return tp_error_pending();
    arg_plan p = plan_arg(c->in[0], dim);
    if (infer_reduced_shape(c, 0, p.mask, a->keepdim, TP_I64))
        return tp_error_pending();
    c->scratch_bytes = p.copies    ? (size_t)c->in[0]->numel * 8 + 64
                       : p.columns ? (size_t)c->out[0]->numel * 8 + 64
                                   : 0;
    return TP_OK;
}

typedef struct arg_run {
    const arg_plan *p;
    arg_fn *row;
    arg_cols_fn *cols;
    const char *x;
    char *best;
    int64_t *y;
    int64_t element;
} arg_run;

static void arg_rows(void *context, int64_t begin, int64_t end)
{
    const arg_run *r = context;
    for (int64_t i = begin; i < end; i++)
        r->y[i] = r->row(r->x + i * r->p->n * r->element, r->p->n, 1);
}

static void arg_columns(void *context, int64_t begin, int64_t end)
{
    const arg_run *r = context;
    const arg_plan *p = r->p;
    int64_t chunks = (p->inner + CHUNK - 1) / CHUNK;
    for (int64_t i = begin; i < end; i++) {
        int64_t outer = i / chunks, first = i % chunks * CHUNK, at = outer * p->inner + first;
        int64_t cols = p->inner - first < CHUNK ? p->inner - first : CHUNK;
        r->cols(r->y + at, r->best + at * r->element, r->x + (outer * p->n * p->inner + first) * r->element,
                p->n, cols, p->inner);
    }
}

static void arg_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const kernel_table *kernels = c->kernels;
    int dim;
    arg_dim(c->op->name, x, c->attrs, &dim);
    arg_plan p = plan_arg(x, dim);
    kernel_type type = kernel_type_of(p.type);
    arg_run r = { &p,
                  (c->op->tag ? kernels->argmin : kernels->argmax)[type],
                  (c->op->tag ? kernels->argmin_cols : kernels->argmax_cols)[type],
                  tensor_data(x),
                  c->scratch,
                  (int64_t *)(void *)tensor_data(c->out[0]),
                  (int64_t)tp_dtype_size(p.type) };
    if (p.copies) {
        copy_kept_first(kernels, x, p.mask, c->scratch, p.type);
        r.x = c->scratch;
    }
    if (c->out[0]->numel == 0)
        return;
    if (p.columns)
        parallel_for(p.outer * ((p.inner + CHUNK - 1) / CHUNK), GRAIN / (p.n * CHUNK) + 1, arg_columns, &r);
    else
        parallel_for(p.outer, GRAIN / p.n + 1, arg_rows, &r);
}

static const tp_example arg_examples[] = {
    { "2,3,4", &(dim_attrs){ 1, false } },      { "4,5@t", &(dim_attrs){ -1, true } },
    { "3,9", &(dim_attrs){ 0, false } },        { "7", &(dim_attrs){ TP_NO_DIM, false } },
    { "2,3", &(dim_attrs){ TP_NO_DIM, true } }, { "s", &(dim_attrs){ TP_NO_DIM, false } },
    { "0,3", &(dim_attrs){ 1, false } },        { NULL, NULL },
};

#define ARG(op, text, is_min)                                              \
    const tp_op tp_op_##op = { .name = #op,                                \
                               .formula = text,                            \
                               .inputs = "x",                              \
                               .n_in = 1,                                  \
                               .attrs_size = sizeof(dim_attrs),            \
                               .attrs = dim_attr_table,                    \
                               .not_differentiable = true,                 \
                               .infer = arg_infer,                         \
                               .forward = arg_forward,                     \
                               .tag = is_min,                              \
                               .examples = arg_examples };                 \
    tp_tensor *tp_##op(tp_tensor *x, int dim, bool keepdim)                \
    {                                                                      \
        return tp_apply(&tp_op_##op, &x, 1, &(dim_attrs){ dim, keepdim }); \
    }

ARG(argmax, "y = index of the largest x along dim, the first of equals", 0)
ARG(argmin, "y = index of the smallest x along dim, the first of equals", 1)

/* ---- max, min: with indices along one dim; alone over all ------------------------------------------------------------ */

static void extreme_compose(tp_call *c, tp_tensor *(*arg)(tp_tensor *, int, bool),
                            tp_tensor *(*all)(tp_tensor *, tp_shape, bool))
{
    const dim_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    c->n_out = a->dim == TP_NO_DIM ? 1 : 2;
    if (a->dim == TP_NO_DIM) {
        c->out[0] = all(x, TP_ALL_DIMS, false);
        return;
    }
    tp_tensor *index = arg(x, (int)a->dim, true);
    if (!index)
        return;
    tp_tensor *y = x->ndim ? tp_gather(x, (int)a->dim, index) : tp_clone(x);
    bool drops = !a->keepdim && x->ndim;
    c->out[0] = drops ? tp_squeeze(y, (int)a->dim) : y;
    c->out[1] = drops ? tp_squeeze(index, (int)a->dim) : index;
}

static void max_compose(tp_call *c)
{
    extreme_compose(c, tp_argmax, tp_amax);
}

static void min_compose(tp_call *c)
{
    extreme_compose(c, tp_argmin, tp_amin);
}

static const tp_example extreme_examples[] = {
    { "2,3,4", &(dim_attrs){ 1, false } },       { "4,5@t", &(dim_attrs){ -1, true } },
    { "2,3", &(dim_attrs){ TP_NO_DIM, false } }, { "s", &(dim_attrs){ 0, false } },
    { "0,3", &(dim_attrs){ 1, false } },         { NULL, NULL },
};

#define EXTREME(op, text)                                                        \
    const tp_op tp_op_##op = { .name = #op,                                      \
                               .formula = text,                                  \
                               .inputs = "x",                                    \
                               .n_in = 1,                                        \
                               .n_out = -1,                                      \
                               .attrs_size = sizeof(dim_attrs),                  \
                               .attrs = dim_attr_table,                          \
                               .compose = op##_compose,                          \
                               .examples = extreme_examples };                   \
    tp_tensor *tp_##op(tp_tensor *x, int dim, bool keepdim, tp_tensor **indices) \
    {                                                                            \
        tp_tensor *out[TP_MAX_PARTS];                                            \
        tp_apply_n(&tp_op_##op, &x, 1, &(dim_attrs){ dim, keepdim }, out);       \
        if (indices)                                                             \
            *indices = out[1];                                                   \
        return out[0];                                                           \
    }

EXTREME(max, "y = largest x along dim, and where the first of them stands; of all x without dim")
EXTREME(min, "y = smallest x along dim, and where the first of them stands; of all x without dim")

/* ---- aminmax ----------------------------------------------------------------------------------------------------------- */

static void aminmax_compose(tp_call *c)
{
    const dim_attrs *a = c->attrs;
    tp_shape dims = a->dim == TP_NO_DIM ? TP_ALL_DIMS : TP_SHAPE(a->dim);
    c->out[0] = tp_amin(c->in[0], dims, a->keepdim);
    c->out[1] = tp_amax(c->in[0], dims, a->keepdim);
}

const tp_op tp_op_aminmax = {
    .name = "aminmax",
    .formula = "smallest and largest x along dim",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(dim_attrs),
    .attrs = dim_attr_table,
    .compose = aminmax_compose,
    .examples = extreme_examples,
};

tp_tensor *tp_aminmax(tp_tensor *x, int dim, bool keepdim, tp_tensor **largest)
{
    tp_tensor *out[2];
    tp_apply_n(&tp_op_aminmax, &x, 1, &(dim_attrs){ dim, keepdim }, out);
    if (largest)
        *largest = out[1];
    return out[0];
}
