/* reduce.c - sums, products, extremes over any dims; mean, var, std, norm and logsumexp made of them.
 *
 * A reduction is brought to [outer][reduced][inner]: straight from the input's memory where its layout allows, else
 * from a copy with the reduced dims last.  Long reductions are cut into blocks whose partial results are reduced
 * again: the tree follows from the shape alone.
 * Layer: ops.  Kernels: reduce_rows, reduce_cols, argmax, argmin (kernels.h).  Read next: map.h, matmul.c. */
#include "base/parallel.h"
#include "ops/map.h"

#include <math.h>
#include <string.h>
#include <taper/ops.h>

enum { ROW_BLOCK = 16384, COL_BLOCK = 1024, GRAIN = 32768 };

typedef struct reduce_attrs {
    tp_shape dims; /* empty: all of them */
    bool keepdim;
} reduce_attrs;

/* ---- the plan: which way through memory ------------------------------------------------------------------------ */

typedef struct plan {
    bool copies; /* input goes through scratch, kept dims first */
    int64_t outer, reduced, inner;
    int64_t blocks; /* partial results a reduction */
    size_t element, copy_bytes, partial_bytes;
} plan;

static unsigned all_dims(int ndim)
{
    return (1u << ndim) - 1;
}

static tp_status dims_mask(const char *op, const tp_tensor *x, const tp_shape *dims, unsigned *mask)
{
    *mask = dims->ndim ? 0 : all_dims(x->ndim);
    for (int i = 0; i < dims->ndim; i++) {
        int dim = (int)dims->dim[i];
        if (normalize_dim(op, x->ndim, &dim))
            return tp_error_pending();
        if (*mask >> dim & 1)
            return tp_fail(TP_ERR_ARGUMENT, "%s: dim %d stands twice", op, dim);
        *mask |= x->ndim ? 1u << dim : 0;
    }
    return TP_OK;
}

/* x read in memory order is [outer kept][reduced][inner kept], and the kept ones lie in the result's order. */
static bool direct_plan(const tp_tensor *x, unsigned mask, plan *p)
{
    int order[TP_MAX_DIMS], n = 0;
    for (int i = 0; i < x->ndim; i++)
        if (x->shape[i] != 1)
            order[n++] = i;
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && x->stride[order[j]] > x->stride[order[j - 1]]; j--) {
            int t = order[j];
            order[j] = order[j - 1], order[j - 1] = t;
        }
    int64_t expected = 1;
    for (int i = n; i-- > 0;) {
        if (x->stride[order[i]] != expected)
            return false;
        expected *= x->shape[order[i]];
    }
    int stage = 0, last_kept = -1; /* 0: outer, 1: reduced, 2: inner */
    p->outer = p->reduced = p->inner = 1;
    for (int i = 0; i < n; i++) {
        bool reduces = mask >> order[i] & 1;
        stage = reduces ? (stage == 0 ? 1 : stage) : (stage == 1 ? 2 : stage);
        if (reduces && stage == 2)
            return false;
        if (!reduces) {
            if (order[i] < last_kept)
                return false;
            last_kept = order[i];
        }
        *(stage == 0 ? &p->outer : stage == 1 ? &p->reduced : &p->inner) *= x->shape[order[i]];
    }
    return true;
}

static plan make_plan(const tp_tensor *x, unsigned mask)
{
    plan p = { .outer = 1, .reduced = 1, .inner = 1 };
    kernel_type type = kernel_type_of(x->dtype);
    p.element = tp_dtype_size(dtype_of_kernel(type));
    p.copies = x->dtype != dtype_of_kernel(type) || x->numel == 0 || !direct_plan(x, mask, &p);
    if (p.copies) {
        p.outer = p.reduced = p.inner = 1;
        for (int i = 0; i < x->ndim; i++)
            *(mask >> i & 1 ? &p.reduced : &p.outer) *= x->shape[i];
        p.copy_bytes = ((size_t)x->numel * p.element + 63) / 64 * 64;
    }
    int64_t block = p.inner == 1 ? ROW_BLOCK : COL_BLOCK;
    p.blocks = p.reduced > block ? (p.reduced + block - 1) / block : 1;
    p.partial_bytes = p.blocks > 1 ? (size_t)(p.outer * p.blocks * p.inner) * p.element : 0;
    return p;
}

/* ---- running it --------------------------------------------------------------------------------------------------- */

typedef struct reduce_run {
    const plan *p;
    reduce_rows_fn *rows;
    reduce_cols_fn *cols;
    const char *x;
    char *y, *partial;
} reduce_run;

/* Piece i: block i % blocks of outer index i / blocks. */
static void reduce_pieces(void *context, int64_t begin, int64_t end)
{
    const reduce_run *r = context;
    const plan *p = r->p;
    int64_t block = p->inner == 1 ? ROW_BLOCK : COL_BLOCK;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i % p->blocks * block, n = p->reduced - first;
        n = n < block || p->blocks == 1 ? n : block;
        const char *x = r->x + (i / p->blocks * p->reduced + first) * p->inner * (int64_t)p->element;
        char *to = (r->partial ? r->partial : r->y) + i * p->inner * (int64_t)p->element;
        if (p->inner == 1)
            r->rows(to, x, n);
        else
            r->cols(to, x, n, p->inner, p->inner);
    }
}

static void combine(const reduce_run *r)
{
    const plan *p = r->p;
    for (int64_t o = 0; o < p->outer; o++) {
        const char *from = r->partial + o * p->blocks * p->inner * (int64_t)p->element;
        char *to = r->y + o * p->inner * (int64_t)p->element;
        if (p->inner == 1)
            r->rows(to, from, p->blocks);
        else
            r->cols(to, from, p->blocks, p->inner, p->inner);
    }
}

/* The input with kept dims first and reduced ones last, in the computing type. */
static void copy_in(const kernel_table *kernels, const tp_tensor *x, unsigned mask, void *to, tp_dtype type)
{
    int64_t shape[TP_MAX_DIMS], from_stride[TP_MAX_DIMS], to_stride[TP_MAX_DIMS], size = 1;
    int n = 0;
    for (unsigned pass = 0; pass < 2; pass++)
        for (int i = 0; i < x->ndim; i++)
            if ((mask >> i & 1) == pass) {
                shape[n] = x->shape[i];
                from_stride[n++] = x->stride[i];
            }
    for (int i = n; i-- > 0;) {
        to_stride[i] = size;
        size *= shape[i];
    }
    copy_strided(kernels, n, shape, to, type, to_stride, tensor_data(x), x->dtype, from_stride);
}

static void reduce_into(const tp_call *c, unsigned mask, reduce_kernel kernel)
{
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(x->dtype);
    plan p = make_plan(x, mask);
    char *scratch = c->scratch, *after = scratch + p.copy_bytes + p.partial_bytes;
    bool converts = y->dtype != dtype_of_kernel(type);
    reduce_run r = { &p,
                     kernels->reduce_rows[kernel][type],
                     kernels->reduce_cols[kernel][type],
                     tensor_data(x),
                     converts ? after : tensor_data(y),
                     p.blocks > 1 ? scratch + p.copy_bytes : NULL };
    if (p.copies) {
        copy_in(kernels, x, mask, scratch, dtype_of_kernel(type));
        r.x = scratch;
    }
    int64_t pieces = p.outer * p.blocks, work = p.reduced / p.blocks * p.inner + 1;
    parallel_for(pieces, x->numel <= GRAIN ? INT64_MAX / 2 : (GRAIN / 2 + work - 1) / work, reduce_pieces,
                 &r);
    if (p.blocks > 1)
        combine(&r);
    if (converts)
        kernels->convert[y->dtype][dtype_of_kernel(type)](tensor_data(y), 1, after, 1, y->numel);
}

static tp_status infer_reduced(tp_call *c, unsigned mask, bool keepdim, tp_dtype dtype)
{
    const tp_tensor *x = c->in[0];
    tp_shape shape = { 0 };
    for (int i = 0; i < x->ndim; i++)
        if (!(mask >> i & 1) || keepdim)
            shape.dim[shape.ndim++] = mask >> i & 1 ? 1 : x->shape[i];
    if (tp_infer_shape(c, 0, dtype, shape))
        return tp_error_pending();
    plan p = make_plan(x, mask);
    c->scratch_bytes = p.copy_bytes + p.partial_bytes;
    if (dtype != dtype_of_kernel(kernel_type_of(x->dtype)))
        c->scratch_bytes += (size_t)c->out[0]->numel * p.element;
    return TP_OK;
}

/* ---- sum, prod, amax, amin ------------------------------------------------------------------------------------------- */

static tp_status reduce_infer(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    unsigned mask;
    if (dims_mask(c->op->name, x, &a->dims, &mask))
        return tp_error_pending();
    bool extreme = c->op->tag == KERNEL_AMAX || c->op->tag == KERNEL_AMIN;
    for (int i = 0; i < x->ndim && extreme; i++)
        if ((mask >> i & 1) && x->shape[i] == 0)
            return tp_fail(TP_ERR_SHAPE, "%s: dim %d of %s is empty and has no extreme", c->op->name, i,
                           tensor_shape_text(x));
    tp_dtype dtype = x->dtype;
    return infer_reduced(c, mask, a->keepdim, extreme || tp_dtype_is_float(dtype) ? dtype : TP_I64);
}

static void reduce_forward(const tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    unsigned mask = 0;
    dims_mask(c->op->name, c->in[0], &a->dims, &mask);
    reduce_into(c, mask, (reduce_kernel)c->op->tag);
}

/* t, reduced as s->attrs say, with the reduced dims back as size 1. */
static tp_tensor *with_reduced_dims(const tp_saved *s, tp_tensor *t)
{
    const reduce_attrs *a = s->attrs;
    tp_shape shape = s->in_shape[0];
    unsigned mask = a->dims.ndim ? 0 : all_dims(shape.ndim);
    for (int i = 0; i < a->dims.ndim && shape.ndim; i++)
        mask |= 1u << (a->dims.dim[i] < 0 ? a->dims.dim[i] + shape.ndim : a->dims.dim[i]);
    for (int i = 0; i < shape.ndim; i++)
        if (mask >> i & 1)
            shape.dim[i] = 1;
    return tp_view(t, shape);
}

static void sum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_expand(with_reduced_dims(s, tp_contiguous(dy)), s->in_shape[0]);
}

/* The product of the others, for each element: exact with zeros, and to any order.  On an (n, n) copy with 1 on its
 * diagonal, so only where gradients of the gradient are recorded. */
static tp_tensor *product_of_others(const tp_saved *s, tp_tensor *x)
{
    const reduce_attrs *a = s->attrs;
    tp_shape order = { .ndim = tp_ndim(x) }, back = order, moved;
    unsigned mask = 0;
    if (dims_mask("prod", x, &a->dims, &mask))
        return NULL;
    int64_t n = 1;
    for (int pass = 0, at = 0; pass < 2; pass++)
        for (int i = 0; i < order.ndim; i++)
            if ((int)(mask >> i & 1) == pass) {
                back.dim[i] = at;
                order.dim[at++] = i;
                n *= pass ? tp_size(x, i) : 1;
            }
    tp_tensor *y = tp_permute(x, order);
    moved = tp_shape_of(y);
    tp_tensor *flat = tp_reshape(y, TP_SHAPE(n ? tp_numel(x) / n : 0, 1, n));
    tp_tensor *eye = tp_eye(n, n, .dtype = TP_F32);
    tp_tensor *wide = tp_where(tp_ne(eye, 0), 1, tp_expand(flat, TP_SHAPE(n ? tp_numel(x) / n : 0, n, n)));
    return tp_permute(tp_reshape(tp_prod(wide, TP_SHAPE(2), false), moved), back);
}

/* dy y / x, put so that zeros in x do no harm: with one zero only its own element has a gradient, the product of the
 * others; with two or more none has.  That is not so of the second derivative. */
static void prod_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const reduce_attrs *a = s->attrs;
    if (tp_grad_mode()) {
        dx[0] = tp_mul(with_reduced_dims(s, tp_contiguous(dy)), product_of_others(s, s->in[0]));
        return;
    }
    tp_tensor *x = s->in[0], *is_zero = tp_eq(x, 0);
    tp_tensor *nonzero = tp_where(is_zero, 1, x);
    tp_tensor *product = with_reduced_dims(s, tp_prod(nonzero, a->dims, a->keepdim));
    tp_tensor *zeros = with_reduced_dims(s, tp_sum(is_zero, a->dims, a->keepdim));
    tp_tensor *at_zero = tp_where(tp_eq(zeros, 1), product, 0);
    tp_tensor *elsewhere = tp_where(tp_eq(zeros, 0), tp_div(product, nonzero), 0);
    dx[0] = tp_mul(with_reduced_dims(s, tp_contiguous(dy)), tp_where(is_zero, at_zero, elsewhere));
}

static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const reduce_attrs *a = s->attrs;
    tp_tensor *is_extreme = tp_to(tp_eq(s->in[0], with_reduced_dims(s, s->out[0])), s->in_dtype[0]);
    tp_tensor *count = with_reduced_dims(s, tp_sum(is_extreme, a->dims, a->keepdim));
    dx[0] = tp_mul(tp_div(with_reduced_dims(s, tp_contiguous(dy)), count), is_extreme);
}

static const tp_attr reduce_attr_table[] = {
    { "dim", TP_ATTR_DIMS, offsetof(reduce_attrs, dims), 0 },
    { "keepdim", TP_ATTR_BOOL, offsetof(reduce_attrs, keepdim), 0 },
    { 0 },
};
static const tp_example reduce_examples[] = {
    { "2,3,4", NULL },
    { "2,3,4", &(reduce_attrs){ { 1, { 1 } }, false } },
    { "2,3,4", &(reduce_attrs){ { 2, { 0, -1 } }, true } },
    { "4,5@t", &(reduce_attrs){ { 1, { 0 } }, false } },
    { "s", NULL },
    { "0,3", &(reduce_attrs){ { 1, { 1 } }, false } },
    { NULL, NULL },
};

#define REDUCE(op, KERNEL, text, reads_x, reads_y, backward_of)                \
    const tp_op tp_op_##op = { .name = #op,                                    \
                               .formula = text,                                \
                               .inputs = "x",                                  \
                               .n_in = 1,                                      \
                               .attrs_size = sizeof(reduce_attrs),             \
                               .attrs = reduce_attr_table,                     \
                               .saves_in = reads_x,                            \
                               .saves_out = reads_y,                           \
                               .infer = reduce_infer,                          \
                               .forward = reduce_forward,                      \
                               .tag = KERNEL_##KERNEL,                         \
                               .backward = backward_of,                        \
                               .examples = reduce_examples };                  \
    tp_tensor *tp_##op(tp_tensor *x, tp_shape dims, bool keepdim)              \
    {                                                                          \
        return tp_apply(&tp_op_##op, &x, 1, &(reduce_attrs){ dims, keepdim }); \
    }

REDUCE(sum, SUM, "y = sum of x over dim", 0, 0, sum_backward)
REDUCE(prod, PROD, "y = product of x over dim", 1, 0, prod_backward)
REDUCE(amax, AMAX, "y = largest x over dim", 1, 1, extreme_backward)
REDUCE(amin, AMIN, "y = smallest x over dim", 1, 1, extreme_backward)

/* ---- sum_to: the inverse of broadcasting ---------------------------------------------------------------------------------- */

static unsigned sum_to_mask(const tp_tensor *x, const tp_shape *want)
{
    int pad = x->ndim - want->ndim;
    unsigned mask = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i < pad || (want->dim[i - pad] == 1 && x->shape[i] != 1))
            mask |= 1u << i;
    return mask;
}

static tp_status sum_to_infer(tp_call *c)
{
    const tp_shape *want = c->attrs;
    const tp_tensor *x = c->in[0];
    int pad = x->ndim - want->ndim;
    for (int i = 0; i < want->ndim; i++)
        if (pad < 0 || (want->dim[i] != 1 && want->dim[i] != x->shape[i + pad]))
            return tp_fail(TP_ERR_SHAPE, "sum_to: %s does not broadcast to %s", shape_text(*want),
                           tensor_shape_text(x));
    if (infer_reduced(c, sum_to_mask(x, want), false, (tp_dtype)x->dtype))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, *want);
}

static void sum_to_forward(const tp_call *c)
{
    reduce_into(c, sum_to_mask(c->in[0], c->attrs), KERNEL_SUM);
}

static void sum_to_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_expand(dy, s->in_shape[0]);
}

const tp_op tp_op_sum_to = {
    .name = "sum_to",
    .formula = "y = x summed over the dims in which shape was broadcast to x",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .attrs = (const tp_attr[]){ { "shape", TP_ATTR_DIMS, 0, 0 }, { 0 } },
    .infer = sum_to_infer,
    .forward = sum_to_forward,
    .backward = sum_to_backward,
    .examples =
        (const tp_example[]){
            { "2,3,4", &TP_SHAPE(3, 1) }, { "4,5@t", &TP_SHAPE(5) }, { "2,3", &TP_SHAPE() }, { NULL, NULL } },
};

/* ---- argmax, argmin --------------------------------------------------------------------------------------------------------- */

typedef struct arg_attrs {
    int64_t dim;
    bool keepdim;
} arg_attrs;

static tp_status arg_infer(tp_call *c)
{
    const arg_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    int dim = (int)a->dim;
    if (normalize_dim(c->op->name, x->ndim, &dim))
        return tp_error_pending();
    if (x->ndim && x->shape[dim] == 0)
        return tp_fail(TP_ERR_SHAPE, "%s: dim %d of %s is empty", c->op->name, dim, tensor_shape_text(x));
    if (infer_reduced(c, x->ndim ? 1u << dim : 0, a->keepdim, TP_I64))
        return tp_error_pending();
    c->scratch_bytes = (size_t)x->numel * 8 + 64;
    return TP_OK;
}

typedef struct arg_run {
    arg_fn *f;
    const char *x;
    int64_t *y, n;
    size_t element;
} arg_run;

static void arg_rows(void *context, int64_t begin, int64_t end)
{
    const arg_run *r = context;
    for (int64_t i = begin; i < end; i++)
        r->y[i] = r->f(r->x + i * r->n * (int64_t)r->element, r->n, 1);
}

static void arg_forward(const tp_call *c)
{
    const arg_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(x->dtype);
    int dim = (int)a->dim < 0 ? (int)a->dim + x->ndim : (int)a->dim;
    arg_run r = { (c->op->tag ? kernels->argmin : kernels->argmax)[type], tensor_data(x),
                  (int64_t *)tensor_data(c->out[0]), x->ndim ? x->shape[dim] : 1,
                  tp_dtype_size(dtype_of_kernel(type)) };
    if (x->dtype != dtype_of_kernel(type) || !tensor_is_contiguous(x) || dim != x->ndim - 1) {
        copy_in(kernels, x, x->ndim ? 1u << dim : 0, c->scratch, dtype_of_kernel(type));
        r.x = c->scratch;
    }
    parallel_for(c->out[0]->numel, GRAIN / r.n + 1, arg_rows, &r);
}

static const tp_attr arg_attr_table[] = {
    { "dim", TP_ATTR_I64, offsetof(arg_attrs, dim), -1 },
    { "keepdim", TP_ATTR_BOOL, offsetof(arg_attrs, keepdim), 0 },
    { 0 },
};
static const tp_example arg_examples[] = { { "2,3,4", &(arg_attrs){ 1, false } },
                                           { "4,5@t", &(arg_attrs){ -1, true } },
                                           { "7", NULL },
                                           { NULL, NULL } };

#define ARG(op, text, is_min)                                              \
    const tp_op tp_op_##op = { .name = #op,                                \
                               .formula = text,                            \
                               .inputs = "x",                              \
                               .n_in = 1,                                  \
                               .attrs_size = sizeof(arg_attrs),            \
                               .attrs = arg_attr_table,                    \
                               .not_differentiable = true,                 \
                               .infer = arg_infer,                         \
                               .forward = arg_forward,                     \
                               .tag = is_min,                              \
                               .examples = arg_examples };                 \
    tp_tensor *tp_##op(tp_tensor *x, int dim, bool keepdim)                \
    {                                                                      \
        return tp_apply(&tp_op_##op, &x, 1, &(arg_attrs){ dim, keepdim }); \
    }

ARG(argmax, "y = index of the largest x along dim, the first of equals", 0)
ARG(argmin, "y = index of the smallest x along dim, the first of equals", 1)

/* ---- made of the above ----------------------------------------------------------------------------------------------------------- */

static tp_tensor *picked(tp_tensor *x, int dim, bool keepdim, tp_tensor *index, tp_tensor **indices)
{
    if (indices)
        *indices = NULL;
    if (!index)
        return NULL;
    tp_tensor *y = x->ndim ? tp_gather(x, dim, index) : tp_clone(x);
    if (!keepdim && x->ndim) {
        y = tp_squeeze(y, dim);
        index = tp_squeeze(index, dim);
    }
    if (indices)
        *indices = index;
    return y;
}

tp_tensor *tp_max(tp_tensor *x, int dim, bool keepdim, tp_tensor **indices)
{
    return picked(x, dim, keepdim, tp_argmax(x, dim, true), indices);
}

tp_tensor *tp_min(tp_tensor *x, int dim, bool keepdim, tp_tensor **indices)
{
    return picked(x, dim, keepdim, tp_argmin(x, dim, true), indices);
}

/* How many elements go into one result; -1 with an error pending. */
static int64_t reduced_count(const char *op, const tp_tensor *x, const tp_shape *dims)
{
    unsigned mask;
    if (tp_pending() || !x || dims_mask(op, x, dims, &mask))
        return x ? -1 : (tp_fail(TP_ERR_ARGUMENT, "%s: input 0 (x) is NULL", op), -1);
    int64_t n = 1;
    for (int i = 0; i < x->ndim; i++)
        n *= mask >> i & 1 ? x->shape[i] : 1;
    return n;
}

tp_tensor *tp_mean(tp_tensor *x, tp_shape dims, bool keepdim)
{
    int64_t n = reduced_count("mean", x, &dims);
    if (n < 0)
        return NULL;
    if (!tp_dtype_is_float((tp_dtype)x->dtype))
        return tp_fail_null(TP_ERR_DTYPE, "mean: x is %s, a float type is wanted",
                            tp_dtype_name((tp_dtype)x->dtype));
    return tp_div(tp_sum(x, dims, keepdim), (double)n);
}

tp_tensor *tp_var(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim)
{
    int64_t n = reduced_count("var", x, &dims);
    if (n < 0)
        return NULL;
    tp_tensor *centred = tp_sub(x, tp_mean(x, dims, true));
    double divisor = (double)(n > correction ? n - correction : 0);
    return tp_div(tp_sum(tp_square(centred), dims, keepdim), divisor);
}

/* root(s) for s >= 0 with the gradient 0 at 0, where it would be infinite times zero. */
static tp_tensor *safe_root(tp_tensor *s, double p)
{
    tp_tensor *is_zero = tp_eq(s, 0), *safe = tp_where(is_zero, 1, s);
    return tp_where(is_zero, 0, p == 2 ? tp_sqrt(safe) : tp_pow(safe, 1 / p));
}

tp_tensor *tp_std(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim)
{
    return safe_root(tp_var(x, dims, correction, keepdim), 2);
}

tp_tensor *tp_norm(tp_tensor *x, double p, tp_shape dims, bool keepdim)
{
    if (isnan(p))
        return tp_fail_null(TP_ERR_ARGUMENT, "norm: p is nan, a number is wanted");
    if (p == 0)
        return x ? tp_to(tp_sum(tp_ne(x, 0), dims, keepdim), (tp_dtype)x->dtype) : tp_sum(x, dims, keepdim);
    if (isinf(p))
        return p > 0 ? tp_amax(tp_abs(x), dims, keepdim) : tp_amin(tp_abs(x), dims, keepdim);
    if (p == 1)
        return tp_sum(tp_abs(x), dims, keepdim);
    if (p == 2)
        return safe_root(tp_sum(tp_square(x), dims, keepdim), 2);
    return safe_root(tp_sum(tp_pow(tp_abs(x), p), dims, keepdim), p);
}

tp_tensor *tp_logsumexp(tp_tensor *x, tp_shape dims, bool keepdim)
{
    if (reduced_count("logsumexp", x, &dims) == 0) /* ln 0 */
        return tp_log(tp_sum(tp_exp(x), dims, keepdim));
    tp_tensor *top = tp_detach(tp_amax(x, dims, true)); /* drops out of the derivative */
    tp_tensor *shift = tp_where(tp_eq(tp_abs(top), INFINITY), 0, top);
    tp_tensor *sum = tp_sum(tp_exp(tp_sub(x, shift)), dims, keepdim);
    tp_tensor *log = tp_log(sum);
    return tp_add(log, log ? tp_reshape(shift, tp_shape_of(log)) : NULL);
}

tp_tensor *tp_any(tp_tensor *x, tp_shape dims, bool keepdim)
{
    return tp_gt(tp_sum(tp_ne(x, 0), dims, keepdim), 0);
}

tp_tensor *tp_all(tp_tensor *x, tp_shape dims, bool keepdim)
{
    return tp_eq(tp_sum(tp_eq(x, 0), dims, keepdim), 0);
}
