/* slice.c - parts of a tensor, as views: slice and its adjoint; narrow, select, split, chunk, tensor_split, unbind.
 *
 * Layer: ops.  Depends on map.h for copies.  Read next: strided.c for diagonals and windows, join.c for the way back. */
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

/* ---- slice, and its adjoint ---------------------------------------------------------------------------------------------- */

typedef struct slice_attrs {
    int64_t dim, start, end, step;
} slice_attrs;

/* The bounds as Python has them: negative from the end, too large ones cut. */
static tp_status resolve_slice(const char *op, const int64_t *shape, int ndim, slice_attrs *a)
{
    int dim = (int)a->dim;
    if (ndim == 0)
        return tp_fail(TP_ERR_INDEX, "%s: a scalar cannot be sliced", op);
    if (normalize_dim(op, ndim, &dim))
        return tp_error_pending();
    if (a->step < 1)
        return tp_fail(TP_ERR_ARGUMENT, "%s: step %lld, at least 1 is wanted", op, (long long)a->step);
    int64_t size = shape[dim];
    a->dim = dim;
    a->start += a->start < 0 ? size : 0;
    a->end += a->end < 0 ? size : 0;
    a->start = a->start < 0 ? 0 : a->start > size ? size : a->start;
    a->end = a->end < a->start ? a->start : a->end > size ? size : a->end;
    return TP_OK;
}

static tp_status slice_infer(tp_call *c)
{
    slice_attrs a = *(const slice_attrs *)c->attrs;
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    if (resolve_slice("slice", x->shape, x->ndim, &a))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(x);
    shape.dim[a.dim] = (a.end - a.start + a.step - 1) / a.step;
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape))
        return tp_error_pending();
    memcpy(y->stride, x->stride, sizeof *x->stride * x->ndim);
    y->stride[a.dim] *= a.step;
    y->offset = x->offset + (shape.dim[a.dim] ? a.start * x->stride[a.dim] : 0);
    return TP_OK;
}

typedef struct slice_backward_attrs {
    slice_attrs slice;
    tp_shape shape; /* of what was sliced */
} slice_backward_attrs;

extern const tp_op tp_op_slice_backward;

static void slice_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    slice_backward_attrs a = { *(const slice_attrs *)s->attrs, s->in_shape[0] };
    dx[0] = tp_apply(&tp_op_slice_backward, &dy, 1, &a);
}

#define SLICE_ATTRS(base)                                                        \
    { "dim", TP_ATTR_I64, base + offsetof(slice_attrs, dim), 0, NULL },          \
        { "start", TP_ATTR_I64, base + offsetof(slice_attrs, start), 0, NULL },  \
        { "end", TP_ATTR_I64, base + offsetof(slice_attrs, end), 0x1p62, NULL }, \
    {                                                                            \
        "step", TP_ATTR_I64, base + offsetof(slice_attrs, step), 1, NULL         \
    }

const tp_op tp_op_slice = {
    .name = "slice",
    .formula = "y = x[start:end:step] along dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(slice_attrs),
    .attrs = (const tp_attr[]){ SLICE_ATTRS(0), { 0 } },
    .is_view = true,
    .infer = slice_infer,
    .backward = slice_backward,
    .examples = (const tp_example[]){ { "5,3", &(slice_attrs){ 0, 1, 5, 2 } },
                                      { "2,6", &(slice_attrs){ -1, -4, -1, 1 } },
                                      { "4", &(slice_attrs){ 0, 3, 1, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_slice(tp_tensor *x, int dim, int64_t start, int64_t end, int64_t step)
{
    return tp_apply(&tp_op_slice, &x, 1, &(slice_attrs){ dim, start, end, step });
}

static tp_status slice_backward_infer(tp_call *c)
{
    const slice_backward_attrs *a = c->attrs;
    const tp_tensor *dy = c->in[0];
    slice_attrs slice = a->slice;
    tp_shape part = a->shape;
    if (resolve_slice("slice_backward", part.dim, part.ndim, &slice))
        return tp_error_pending();
    part.dim[slice.dim] =
        slice.end > slice.start ? (slice.end - slice.start + slice.step - 1) / slice.step : 0;
    for (int i = 0; i < part.ndim; i++)
        if (dy->ndim != part.ndim || dy->shape[i] != part.dim[i])
            return tp_fail(TP_ERR_SHAPE, "slice_backward: dy %s is not such a slice of %s",
                           tensor_shape_text(dy), shape_text(a->shape));
    return tp_infer_shape(c, 0, (tp_dtype)dy->dtype, a->shape);
}

static void slice_backward_forward(const tp_call *c)
{
    slice_backward_attrs a = *(const slice_backward_attrs *)c->attrs;
    const tp_tensor *dy = c->in[0], *dx = c->out[0];
    resolve_slice("slice", dx->shape, dx->ndim, &a.slice);
    memset(tensor_data(dx), 0,
           (size_t)dx->numel * tensor_element_size(dx)); /* zero is all bits zero in every dtype */
    int64_t stride[TP_MAX_DIMS];
    memcpy(stride, dx->stride, sizeof *stride * dx->ndim);
    stride[a.slice.dim] *= a.slice.step;
    char *first =
        tensor_data(dx) + a.slice.start * dx->stride[a.slice.dim] * (int64_t)tensor_element_size(dx);
    if (dy->numel)
        copy_strided(c->kernels, dy->ndim, dy->shape, first, (tp_dtype)dx->dtype, stride, tensor_data(dy),
                     (tp_dtype)dy->dtype, dy->stride);
}

static void slice_backward_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const slice_backward_attrs *a = s->attrs;
    dx[0] = tp_slice(dy, (int)a->slice.dim, a->slice.start, a->slice.end, a->slice.step);
}

const tp_op tp_op_slice_backward = {
    .name = "slice_backward",
    .formula = "y = zeros of shape with y[start:end:step] = x along dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(slice_backward_attrs),
    .attrs = (const tp_attr[]){ SLICE_ATTRS(offsetof(slice_backward_attrs, slice)),
                                { "shape", TP_ATTR_DIMS, offsetof(slice_backward_attrs, shape), 0, NULL },
                                { 0 } },
    .infer = slice_backward_infer,
    .forward = slice_backward_forward,
    .backward = slice_backward_backward,
    .examples = (const tp_example[]){ { "2,3", &(slice_backward_attrs){ { 0, 1, 5, 2 }, { 2, { 5, 3 } } } },
                                      { NULL, NULL } },
};

tp_tensor *tp_narrow(tp_tensor *x, int dim, int64_t start, int64_t length)
{
    if (!x || tp_pending() || normalize_dim("narrow", x->ndim, &dim))
        return tp_slice(x, dim, 0, 0, 1);
    if (!x->ndim || start < 0 || length < 0 || start > x->shape[dim] - length)
        return tp_fail_null(TP_ERR_INDEX, "narrow: [%lld, %lld) of dim %d is outside of %s", (long long)start,
                            (long long)(start + length), dim, tensor_shape_text(x));
    return tp_slice(x, dim, start, start + length, 1);
}

tp_tensor *tp_select(tp_tensor *x, int dim, int64_t index)
{
    if (!x || tp_pending() || normalize_dim("select", x->ndim, &dim))
        return tp_slice(x, dim, 0, 0, 1);
    int64_t size = x->ndim ? x->shape[dim] : 0;
    if (index < -size || index >= size)
        return tp_fail_null(TP_ERR_INDEX, "select: index %lld is outside of dim %d of %s", (long long)index,
                            dim, tensor_shape_text(x));
    index += index < 0 ? size : 0;
    tp_tensor *y = tp_slice(x, dim, index, index + 1, 1);
    if (!y || y->grad_fn)
        return tp_squeeze(y, dim);
    for (int i = dim; i + 1 < y->ndim; i++) { /* nobody has seen it yet: without a second view */
        y->shape[i] = y->shape[i + 1];
        y->stride[i] = y->stride[i + 1];
    }
    if (y->ndim)
        y->ndim--;
    return y;
}

/* ---- the table's form ---------------------------------------------------------------------------------------------------- */

typedef struct narrow_attrs {
    int64_t dim, start, length;
} narrow_attrs;

static void narrow_compose(tp_call *c)
{
    const narrow_attrs *a = c->attrs;
    int dim = (int)a->dim;
    int64_t start = a->start;
    if (normalize_dim("narrow", c->in[0]->ndim, &dim))
        return;
    if (start < 0 && c->in[0]->ndim && start >= -c->in[0]->shape[dim]) /* PyTorch counts it from the end */
        start += c->in[0]->shape[dim];
    c->out[0] = tp_narrow(c->in[0], dim, start, a->length);
}

COMPOSED_OP(narrow, "x", 1, "y = x[start : start + length] along dim",
            OP_ATTRS(narrow_attrs, OP_ATTR(narrow_attrs, I64, dim, TP_REQUIRED),
                     OP_ATTR(narrow_attrs, I64, start, TP_REQUIRED),
                     OP_ATTR(narrow_attrs, I64, length, TP_REQUIRED)),
            OP_EXAMPLES({ "5,3", &(narrow_attrs){ 0, 1, 3 } }, { "3,5@t", &(narrow_attrs){ -1, -3, 2 } },
                        { "4", &(narrow_attrs){ 0, 4, 0 } }));

typedef struct select_attrs {
    int64_t dim, index;
} select_attrs;

static void select_compose(tp_call *c)
{
    const select_attrs *a = c->attrs;
    c->out[0] = tp_select(c->in[0], (int)a->dim, a->index);
}

COMPOSED_OP(select, "x", 1, "y = x[index] along dim, which is gone",
            OP_ATTRS(select_attrs, OP_ATTR(select_attrs, I64, dim, TP_REQUIRED),
                     OP_ATTR(select_attrs, I64, index, TP_REQUIRED)),
            OP_EXAMPLES({ "5,3", &(select_attrs){ 0, 2 } }, { "3,5@t", &(select_attrs){ -1, -2 } },
                        { "4", &(select_attrs){ 0, 0 } }));

/* ---- many parts --------------------------------------------------------------------------------------------------------------- */

bool too_many_parts(const char *op, int64_t n)
{
    if (n <= TP_MAX_PARTS)
        return false;
    tp_fail(TP_ERR_UNSUPPORTED, "%s: makes %lld tensors, at most %d at once are possible", op, (long long)n,
            TP_MAX_PARTS);
    return true;
}

tp_status apply_parts(const tp_op *op, tp_tensor *const *in, int n_in, const void *attrs, tp_tensor **out,
                      int *n_out)
{
    tp_tensor *all[TP_MAX_PARTS];
    int n = 0;
    if (!tp_apply_n(op, in, n_in, attrs, all))
        for (; n < TP_MAX_PARTS && all[n]; n++)
            out[n] = all[n];
    if (n_out)
        *n_out = n;
    return tp_error_pending();
}

/* The dim's size; -1 with an error where there is no such dim. */
static int64_t size_to_split(const char *op, const tp_tensor *x, int *dim)
{
    if (normalize_dim(op, x->ndim, dim))
        return -1;
    if (x->ndim)
        return x->shape[*dim];
    tp_fail(TP_ERR_SHAPE, "%s: a scalar cannot be split", op);
    return -1;
}

typedef struct split_attrs {
    tp_shape split_size_or_sections;
    int64_t dim;
} split_attrs;

static void split_compose(tp_call *c)
{
    const split_attrs *a = c->attrs;
    const tp_shape *pieces = &a->split_size_or_sections;
    int dim = (int)a->dim;
    int64_t total = size_to_split("split", c->in[0], &dim), sum = 0, size = pieces->ndim ? pieces->dim[0] : 0;
    if (total < 0)
        return;
    for (int i = 0; i < pieces->ndim; i++) {
        sum += pieces->dim[i];
        if (pieces->dim[i] < 0 || pieces->dim[i] > total)
            sum = pieces->ndim > 1 ? -1 : sum;
    }
    if (pieces->ndim > 1 ? sum != total : size < 0 || (size == 0 && total > 0) || !pieces->ndim) {
        tp_fail(TP_ERR_ARGUMENT,
                "split: dim %d of %s in pieces of %s: a size above 0, or sizes with the sum %lld, are wanted",
                dim, tensor_shape_text(c->in[0]), shape_text(*pieces), (long long)total);
        return;
    }
    int64_t n = pieces->ndim > 1 ? pieces->ndim : total ? (total - 1) / size + 1 : 1, at = 0;
    if (too_many_parts("split", n))
        return;
    c->n_out = (int)n;
    for (int i = 0; i < n; i++) {
        int64_t length = pieces->ndim > 1 ? pieces->dim[i] : total - at < size ? total - at : size;
        c->out[i] = tp_slice(c->in[0], dim, at, at + length, 1);
        at += length;
    }
}

COMPOSED_OP(split, "x", 1, "parts of x along dim: of one size, the last one smaller, or of the sizes given",
            .n_out = -1,
            OP_ATTRS(split_attrs, OP_ATTR(split_attrs, DIMS, split_size_or_sections, TP_REQUIRED),
                     OP_ATTR(split_attrs, I64, dim, 0)),
            OP_EXAMPLES({ "7,2", &(split_attrs){ { 1, { 3 } }, 0 } },
                        { "2,6@t", &(split_attrs){ { 3, { 1, 0, 5 } }, -1 } }));

tp_status tp_split_sizes(tp_tensor *x, tp_shape sizes, int dim, tp_tensor **parts)
{
    if (sizes.ndim != 1)
        return apply_parts(&tp_op_split, &x, 1, &(split_attrs){ sizes, dim }, parts, NULL);
    parts[0] = tp_narrow(x, dim, 0, sizes.dim[0]); /* one size alone would cut all of it */
    return tp_error_pending();
}

tp_status tp_split(tp_tensor *x, int64_t size, int dim, tp_tensor **parts, int n)
{
    for (int i = 0; i < n; i++)
        parts[i] = NULL;
    if (!x || tp_pending() || normalize_dim("split", x->ndim, &dim))
        return tp_slice(x, dim, 0, 0, 1) ? TP_OK : tp_error_pending();
    int64_t total = x->ndim ? x->shape[dim] : 0;
    if (size < 1 || (total + size - 1) / size != n)
        return tp_fail(TP_ERR_ARGUMENT,
                       "split: %lld elements of dim %d in pieces of %lld make %lld parts, not %d",
                       (long long)total, dim, (long long)size,
                       (long long)(size < 1 ? 0 : (total + size - 1) / size), n);
    for (int i = 0; i < n; i++)
        parts[i] = tp_slice(x, dim, i * size, (i + 1) * size, 1);
    return tp_error_pending();
}

typedef struct chunk_attrs {
    int64_t chunks, dim;
} chunk_attrs;

static void chunk_compose(tp_call *c)
{
    const chunk_attrs *a = c->attrs;
    int dim = (int)a->dim;
    int64_t total = size_to_split("chunk", c->in[0], &dim), n = a->chunks, size = 0;
    if (total < 0)
        return;
    if (n < 1) {
        tp_fail(TP_ERR_ARGUMENT, "chunk: %lld chunks, at least 1 is wanted", (long long)n);
        return;
    }
    if (total > 0) {
        size = (total - 1) / n + 1;
        n = (total - 1) / size + 1;
    } /* of an empty dim: chunks empty parts, as PyTorch */
    if (too_many_parts("chunk", n))
        return;
    c->n_out = (int)n;
    for (int i = 0; i < n; i++)
        c->out[i] = tp_slice(c->in[0], dim, i * size, (i + 1) * size, 1);
}

COMPOSED_OP(chunk, "x", 1, "at most chunks parts of x along dim, of one size, the last one smaller",
            .n_out = -1,
            OP_ATTRS(chunk_attrs, OP_ATTR(chunk_attrs, I64, chunks, TP_REQUIRED),
                     OP_ATTR(chunk_attrs, I64, dim, 0)),
            OP_EXAMPLES({ "7,2", &(chunk_attrs){ 3, 0 } }, { "2,5@t", &(chunk_attrs){ 4, -1 } },
                        { "0,3", &(chunk_attrs){ 2, 0 } }));

tp_status tp_chunk(tp_tensor *x, int chunks, int dim, tp_tensor **parts, int *n)
{
    return apply_parts(&tp_op_chunk, &x, 1, &(chunk_attrs){ chunks, dim }, parts, n);
}

typedef struct tensor_split_attrs {
    int64_t sections, dim;
    tp_shape indices;
} tensor_split_attrs;

static void tensor_split_compose(tp_call *c)
{
    const tensor_split_attrs *a = c->attrs;
    int dim = (int)a->dim;
    bool by_index = a->sections == TP_NO_DIM;
    int64_t total = size_to_split("tensor_split", c->in[0], &dim),
            n = by_index ? a->indices.ndim + 1 : a->sections, at = 0;
    if (total < 0)
        return;
    if (n < 1) {
        tp_fail(TP_ERR_ARGUMENT, "tensor_split: %lld sections, at least 1 is wanted", (long long)n);
        return;
    }
    if (too_many_parts("tensor_split", n))
        return;
    c->n_out = (int)n;
    for (int i = 0; i < n; i++) { /* by indices as Python slices: they may lie outside, or go back */
        int64_t end = !by_index ? at + total / n + (i < total % n) : i < n - 1 ? a->indices.dim[i] : total;
        c->out[i] = tp_slice(c->in[0], dim, at, end, 1);
        at = end;
    }
}

COMPOSED_OP(tensor_split, "x", 1, "parts of x along dim: sections of nearly one size, or cut at the indices",
            .n_out = -1,
            OP_ATTRS(tensor_split_attrs, OP_ATTR(tensor_split_attrs, I64, sections, TP_NO_DIM),
                     OP_ATTR(tensor_split_attrs, DIMS, indices, 0), OP_ATTR(tensor_split_attrs, I64, dim, 0)),
            OP_EXAMPLES({ "7,2", &(tensor_split_attrs){ 3, 0, { 0 } } },
                        { "2,5@t", &(tensor_split_attrs){ TP_NO_DIM, -1, { 3, { 1, -1, 9 } } } }));

tp_status tp_tensor_split(tp_tensor *x, int64_t sections, int dim, tp_tensor **parts)
{
    return apply_parts(&tp_op_tensor_split, &x, 1, &(tensor_split_attrs){ sections, dim, { 0 } }, parts,
                       NULL);
}

tp_status tp_tensor_split_at(tp_tensor *x, tp_shape indices, int dim, tp_tensor **parts)
{
    return apply_parts(&tp_op_tensor_split, &x, 1, &(tensor_split_attrs){ TP_NO_DIM, dim, indices }, parts,
                       NULL);
}

static void unbind_compose(tp_call *c)
{
    int dim = (int)*(const int64_t *)c->attrs;
    int64_t n = size_to_split("unbind", c->in[0], &dim);
    if (n < 0 || too_many_parts("unbind", n))
        return;
    c->n_out = (int)n;
    for (int i = 0; i < n; i++)
        c->out[i] = tp_select(c->in[0], dim, i);
}

COMPOSED_OP(unbind, "x", 1, "x[0], x[1], ... along dim, which is gone", .n_out = -1,
            OP_ATTRS(int64_t, { "dim", TP_ATTR_I64, 0, 0, NULL }),
            OP_EXAMPLES({ "3,2", &(int64_t){ 0 } }, { "2,3@t", &(int64_t){ -1 } }));

tp_status tp_unbind(tp_tensor *x, int dim, tp_tensor **parts)
{
    return apply_parts(&tp_op_unbind, &x, 1, &(int64_t){ dim }, parts, NULL);
}
