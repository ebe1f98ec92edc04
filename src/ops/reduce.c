/* reduce.c - sums, products, extremes over any dims, and the pass over memory that every reduction makes.
 *
 * A reduction is brought to [outer][reduced][inner]: straight from the input's memory where its layout allows, else
 * from a copy with the reduced dims last.  Long reductions are cut into blocks whose partial results are reduced
 * again: the tree follows from the shape alone.  Types that are not computed in are converted a piece at a time.
 * Layer: ops.  Kernels: reduce_rows, reduce_cols (kernels.h).  Read next: reduce.h, statistics.c. */
#include "ops/reduce.h"

#include "base/parallel.h"

#include <string.h>

enum {
    ROW_BLOCK = 16384,
    COL_BLOCK = 1024,
    CHUNK = 256,   /* columns that one piece takes */
    BUFFER = 1024, /* elements converted at once */
    GRAIN = 32768,
};

/* ---- the plan: which way through memory ------------------------------------------------------------------------ */

static unsigned all_dims(int ndim)
{
    return (1u << ndim) - 1;
}

tp_status dims_mask(const char *op, const tp_tensor *x, const tp_shape *dims, unsigned *mask)
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
static bool direct_plan(const tp_tensor *x, unsigned mask, reduce_plan *p)
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

reduce_plan plan_reduction(const tp_tensor *x, unsigned mask, reduce_reading reading)
{
    reduce_plan p = { .reading = reading, .stored = x->dtype };
    p.type = reading == READ_TRUTH ? TP_I64 : dtype_of_kernel(kernel_type_of(x->dtype));
    p.copies = x->numel == 0 || !direct_plan(x, mask, &p) ||
               (p.stored != p.type && reading == READ_CONVERTED) ||
               ((p.stored != p.type || reading == READ_TRUTH) && p.inner > BUFFER);
    if (p.copies) {
        p.outer = p.reduced = p.inner = 1;
        for (int i = 0; i < x->ndim; i++)
            *(mask >> i & 1 ? &p.reduced : &p.outer) *= x->shape[i];
        p.stored = reading == READ_TRUTH ? TP_BOOL : p.type;
        p.copy_bytes = ((size_t)x->numel * tp_dtype_size(p.stored) + 63) / 64 * 64;
    }
    p.converts = p.stored != p.type || reading == READ_TRUTH;
    if (p.reduced == 1 && !p.converts) /* rows of one number each: one row of sums */
        p.inner *= p.outer, p.outer = 1;
    p.block = p.inner == 1 ? ROW_BLOCK : COL_BLOCK;
    p.blocks = p.reduced > p.block ? (p.reduced + p.block - 1) / p.block : 1;
    p.chunk = p.inner > 2 * CHUNK ? CHUNK : p.inner;
    p.chunks = p.inner ? (p.inner + p.chunk - 1) / p.chunk : 0;
    p.partial_bytes = p.blocks > 1 ? (size_t)(p.outer * p.blocks * p.inner) * tp_dtype_size(p.type) : 0;
    return p;
}

void copy_kept_first(const kernel_table *kernels, const tp_tensor *x, unsigned mask, void *to, tp_dtype type)
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

const char *reduction_input(const tp_call *c, const reduce_plan *p, unsigned mask)
{
    if (!p->copies)
        return tensor_data(c->in[0]);
    copy_kept_first(c->kernels, c->in[0], mask, c->scratch, p->stored);
    return c->scratch;
}

/* ---- running it --------------------------------------------------------------------------------------------------- */

typedef struct reduce_run {
    const reduce_plan *p;
    const kernel_table *kernels;
    kernel_type type;
    reduce_kernel kernel, again; /* of elements; of partial results */
    const char *x;
    char *y, *partial;
    size_t stored, computed; /* bytes of an element */
} reduce_run;

/* n adjacent elements in the computing type. */
static void convert_piece(const reduce_run *r, void *to, const void *x, int64_t n)
{
    const reduce_plan *p = r->p;
    uint8_t truth[BUFFER];
    if (p->reading == READ_TRUTH && p->stored != TP_BOOL) {
        r->kernels->convert[TP_BOOL][p->stored](truth, 1, x, 1, n);
        x = truth;
    }
    r->kernels->convert[p->type][p->reading == READ_TRUTH ? TP_BOOL : p->stored](to, 1, x, 1, n);
}

static void converted_row(const reduce_run *r, char *to, const char *x, int64_t n)
{
    int64_t buffer[BUFFER], partial[ROW_BLOCK / BUFFER]; /* of any computing type */
    int64_t k = 0;
    if (n <= BUFFER) {
        convert_piece(r, buffer, x, n);
        r->kernels->reduce_rows[r->kernel][r->type](to, buffer, n);
        return;
    }
    for (int64_t i = 0; i < n; i += BUFFER, k++) {
        int64_t m = n - i < BUFFER ? n - i : BUFFER;
        convert_piece(r, buffer, x + i * (int64_t)r->stored, m);
        r->kernels->reduce_rows[r->kernel][r->type]((char *)partial + k * (int64_t)r->computed, buffer, m);
    }
    r->kernels->reduce_rows[r->again][r->type](to, partial, k);
}

static void converted_cols(const reduce_run *r, char *to, const char *x, int64_t rows)
{
    static const binary_kernel joins[] = { KERNEL_ADD, KERNEL_MUL, KERNEL_MAXIMUM, KERNEL_MINIMUM };
    int64_t buffer[BUFFER], part[BUFFER], inner = r->p->inner, group = BUFFER / inner;
    for (int64_t i = 0; i < rows; i += group) {
        int64_t m = rows - i < group ? rows - i : group;
        convert_piece(r, buffer, x + i * inner * (int64_t)r->stored, m * inner);
        r->kernels->reduce_cols[r->kernel][r->type](i ? (char *)part : to, buffer, m, inner, inner);
        if (i)
            r->kernels->binary[joins[r->again]][r->type](to, to, 1, part, 1, inner);
    }
}

/* Piece i: chunk i % chunks of block i / chunks % blocks of outer index i / chunks / blocks. */
static void reduce_pieces(void *context, int64_t begin, int64_t end)
{
    const reduce_run *r = context;
    const reduce_plan *p = r->p;
    const bool converts = p->converts;
    const int64_t chunks = converts ? 1 : p->chunks, chunk = converts ? p->inner : p->chunk;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = i / chunks % p->blocks * p->block, n = p->reduced - first, col = i % chunks * chunk;
        int64_t cols = p->inner - col < chunk ? p->inner - col : chunk;
        n = n < p->block || p->blocks == 1 ? n : p->block;
        const char *x =
            r->x + ((i / chunks / p->blocks * p->reduced + first) * p->inner + col) * (int64_t)r->stored;
        char *to = (r->partial ? r->partial : r->y) + (i / chunks * p->inner + col) * (int64_t)r->computed;
        if (converts && p->inner == 1)
            converted_row(r, to, x, n);
        else if (converts)
            converted_cols(r, to, x, n);
        else if (p->inner == 1)
            r->kernels->reduce_rows[r->kernel][r->type](to, x, n);
        else
            r->kernels->reduce_cols[r->kernel][r->type](to, x, n, cols, p->inner);
    }
}

static void combine(const reduce_run *r)
{
    const reduce_plan *p = r->p;
    for (int64_t o = 0; o < p->outer; o++) {
        const char *from = r->partial + o * p->blocks * p->inner * (int64_t)r->computed;
        char *to = r->y + o * p->inner * (int64_t)r->computed;
        if (p->inner == 1)
            r->kernels->reduce_rows[r->again][r->type](to, from, p->blocks);
        else
            r->kernels->reduce_cols[r->again][r->type](to, from, p->blocks, p->inner, p->inner);
    }
}

void reduce_finished(const tp_call *c, unsigned mask, reduce_kernel kernel, reduce_reading reading,
                     reduce_finish *finish, double parameter)
{
    tp_tensor *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    reduce_plan p = plan_reduction(c->in[0], mask, reading);
    char *scratch = c->scratch, *after = scratch ? scratch + p.copy_bytes + p.partial_bytes : NULL;
    bool converts = y->dtype != p.type;
    reduce_run r = { .p = &p,
                     .kernels = kernels,
                     .type = kernel_type_of(p.type),
                     .kernel = kernel,
                     .again = kernel <= KERNEL_AMIN ? kernel : KERNEL_SUM,
                     .x = reduction_input(c, &p, mask),
                     .y = converts ? after : tensor_data(y),
                     .partial = p.blocks > 1 ? scratch + p.copy_bytes : NULL,
                     .stored = tp_dtype_size(p.stored),
                     .computed = tp_dtype_size(p.type) };
    int64_t chunks = p.converts ? 1 : p.chunks;
    int64_t pieces = p.outer * p.blocks * chunks,
            work = p.reduced / p.blocks * (chunks > 1 ? CHUNK : p.inner) + 1;
    if (p.inner)
        parallel_for(pieces, c->in[0]->numel <= GRAIN ? INT64_MAX / 2 : (GRAIN / 2 + work - 1) / work,
                     reduce_pieces, &r);
    if (p.blocks > 1)
        combine(&r);
    if (finish)
        finish(kernels, r.type, r.y, y->numel, parameter);
    if (converts)
        kernels->convert[y->dtype][p.type](tensor_data(y), 1, after, 1, y->numel);
}

void reduce_into(const tp_call *c, unsigned mask, reduce_kernel kernel, reduce_reading reading)
{
    reduce_finished(c, mask, kernel, reading, NULL, 0);
}

tp_status infer_reduced_shape(tp_call *c, int output, unsigned mask, bool keepdim, tp_dtype dtype)
{
    const tp_tensor *x = c->in[0];
    tp_shape shape = { 0 };
    for (int i = 0; i < x->ndim; i++)
        if (!(mask >> i & 1) || keepdim)
            shape.dim[shape.ndim++] = mask >> i & 1 ? 1 : x->shape[i];
    return tp_infer_shape(c, output, dtype, shape);
}

tp_status infer_reduced(tp_call *c, unsigned mask, bool keepdim, tp_dtype dtype, reduce_reading reading)
{
    if (infer_reduced_shape(c, 0, mask, keepdim, dtype))
        return tp_error_pending();
    reduce_plan p = plan_reduction(c->in[0], mask, reading);
    c->scratch_bytes = p.copy_bytes + p.partial_bytes;
    if (dtype != p.type)
        c->scratch_bytes += (size_t)c->out[0]->numel * tp_dtype_size(p.type);
    return TP_OK;
}

int64_t reduced_count(const char *op, const tp_tensor *x, const tp_shape *dims)
{
    unsigned mask;
    if (tp_pending() || !x || dims_mask(op, x, dims, &mask))
        return x ? -1 : (tp_fail(TP_ERR_ARGUMENT, "%s: input 0 (x) is NULL", op), -1);
    int64_t n = 1;
    for (int i = 0; i < x->ndim; i++)
        n *= mask >> i & 1 ? x->shape[i] : 1;
    return n;
}

tp_status wants_float(const char *op, const tp_tensor *x)
{
    if (tp_dtype_is_float((tp_dtype)x->dtype))
        return TP_OK;
    return tp_fail(TP_ERR_DTYPE, "%s: x is %s, a float type is wanted", op,
                   tp_dtype_name((tp_dtype)x->dtype));
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
    return infer_reduced(c, mask, a->keepdim, extreme || tp_dtype_is_float(dtype) ? dtype : TP_I64,
                         READ_VALUES);
}

static void reduce_forward(const tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    unsigned mask = 0;
    dims_mask(c->op->name, c->in[0], &a->dims, &mask);
    reduce_into(c, mask, (reduce_kernel)c->op->tag, READ_VALUES);
}

tp_tensor *with_reduced_dims(tp_tensor *t, tp_shape shape, const tp_shape *dims)
{
    unsigned mask = dims->ndim ? 0 : all_dims(shape.ndim);
    for (int i = 0; i < dims->ndim && shape.ndim; i++)
        mask |= 1u << (dims->dim[i] < 0 ? dims->dim[i] + shape.ndim : dims->dim[i]);
    for (int i = 0; i < shape.ndim; i++)
        if (mask >> i & 1)
            shape.dim[i] = 1;
    return tp_reshape(t, shape);
}

/* The same for what a backward has. */
static tp_tensor *spread(const tp_saved *s, tp_tensor *t)
{
    return with_reduced_dims(t, s->in_shape[0], &((const reduce_attrs *)s->attrs)->dims);
}

static void sum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_expand(spread(s, dy), s->in_shape[0]);
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
        dx[0] = tp_mul(spread(s, dy), product_of_others(s, s->in[0]));
        return;
    }
    tp_tensor *x = s->in[0], *is_zero = tp_eq(x, 0);
    tp_tensor *nonzero = tp_where(is_zero, 1, x);
    tp_tensor *product = spread(s, tp_prod(nonzero, a->dims, a->keepdim));
    tp_tensor *zeros = spread(s, tp_sum(is_zero, a->dims, a->keepdim));
    tp_tensor *at_zero = tp_where(tp_eq(zeros, 1), product, 0);
    tp_tensor *elsewhere = tp_where(tp_eq(zeros, 0), tp_div(product, nonzero), 0);
    dx[0] = tp_mul(spread(s, dy), tp_where(is_zero, at_zero, elsewhere));
}

static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const reduce_attrs *a = s->attrs;
    tp_tensor *is_extreme = tp_to(tp_eq(s->in[0], spread(s, s->out[0])), s->in_dtype[0]);
    tp_tensor *count = spread(s, tp_sum(is_extreme, a->dims, a->keepdim));
    dx[0] = tp_mul(tp_div(spread(s, dy), count), is_extreme);
}

const tp_attr reduce_attr_table[] = {
    { "dim", TP_ATTR_DIMS, offsetof(reduce_attrs, dims), 0 },
    { "keepdim", TP_ATTR_BOOL, offsetof(reduce_attrs, keepdim), 0 },
    { 0 },
};
const tp_example reduce_examples[] = {
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
    if (infer_reduced(c, sum_to_mask(x, want), false, (tp_dtype)x->dtype, READ_VALUES))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, *want);
}

static void sum_to_forward(const tp_call *c)
{
    reduce_into(c, sum_to_mask(c->in[0], c->attrs), KERNEL_SUM, READ_VALUES);
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
