/* shape.c - views: the same storage under another shape; and the copies that undo what a view left out.
 *
 * Most views are one op, view, whose strides are worked out by view_strides: dims that lie together in memory may be
 * cut and joined at will, others not.
 * Layer: ops.  Depends on map.h for copies.  Read next: join.c for cat and pad. */
#include "base/memory.h"
#include "ops/map.h"

#include <string.h>
#include <taper/ops.h>

/* ---- view ------------------------------------------------------------------------------------------------------- */

/* Strides for x's memory seen as shape.  Fails (false) where an element of the new shape would need two strides.
 * *dim is then the dim of x at which the memory breaks. */
static bool view_strides(const tp_tensor *x, const tp_shape *shape, int64_t *stride, int *dim)
{
    if (x->numel == 0) {
        int64_t s = 1;
        for (int i = shape->ndim; i-- > 0; s *= shape->dim[i] ? shape->dim[i] : 1)
            stride[i] = s;
        return true;
    }
    int to = shape->ndim - 1;
    int64_t run = 1, base = x->ndim ? x->stride[x->ndim - 1] : 1;
    for (int i = x->ndim - 1; i >= -1; i--) {
        if (i >= 0)
            run *= x->shape[i];
        /* the run of x's dims that lie together ends here */
        if (i <= 0 || (x->shape[i - 1] != 1 && x->stride[i - 1] != run * base)) {
            int64_t used = 1;
            for (; to >= 0 && (used < run || shape->dim[to] == 1); to--) {
                stride[to] = used * base;
                used *= shape->dim[to];
            }
            if (used != run) {
                *dim = i;
                return false;
            }
            if (i <= 0)
                return to < 0;
            base = x->stride[i - 1];
            run = 1;
        }
    }
    return to < 0;
}

/* Fills in the one size that may be -1. */
static tp_status resolve_shape(const char *op, const tp_tensor *x, tp_shape *shape)
{
    int unknown = -1;
    int64_t known = 1;
    for (int i = 0; i < shape->ndim && i < TP_MAX_DIMS; i++)
        if (shape->dim[i] == -1) {
            if (unknown >= 0)
                return tp_fail(TP_ERR_SHAPE, "%s: shape %s has two sizes of -1", op, shape_text(*shape));
            unknown = i;
        } else if (shape->dim[i] < 0 || !tp_mul_fits(known, shape->dim[i], &known))
            return tp_fail(TP_ERR_SHAPE, "%s: shape %s is no shape", op, shape_text(*shape));
    tp_shape asked = *shape;
    if (unknown >= 0 && known > 0)
        shape->dim[unknown] = x->numel / known;
    if (unknown >= 0 ? known == 0 || known * shape->dim[unknown] != x->numel : known != x->numel)
        return tp_fail(TP_ERR_SHAPE, "%s: %s has %lld elements, %s wants another number", op,
                       tensor_shape_text(x), (long long)x->numel, shape_text(asked));
    return TP_OK;
}

static tp_status view_infer(tp_call *c)
{
    tp_shape shape = *(const tp_shape *)c->attrs;
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    int dim = 0;
    if (resolve_shape("view", x, &shape) || tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape))
        return tp_error_pending();
    if (!view_strides(x, &shape, y->stride, &dim))
        return tp_fail(
            TP_ERR_SHAPE,
            "view: %s to %s needs a copy: in memory dim %d does not follow dim %d; tp_reshape copies",
            tensor_shape_text(x), shape_text(shape), dim > 0 ? dim - 1 : 0, dim > 0 ? dim : 1);
    y->offset = x->offset;
    return TP_OK;
}

static void view_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_reshape(dy, s->in_shape[0]);
}

const tp_op tp_op_view = {
    .name = "view",
    .formula = "y = x, the same memory seen as shape",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .attrs = (const tp_attr[]){ { "shape", TP_ATTR_DIMS, 0, 0 }, { 0 } },
    .is_view = true,
    .infer = view_infer,
    .backward = view_backward,
    .examples = (const tp_example[]){ { "2,3,4", &TP_SHAPE(6, -1) },
                                      { "6", &TP_SHAPE(1, 2, 3) },
                                      { "0,3", &TP_SHAPE(3, 0) },
                                      { NULL, NULL } },
};

tp_tensor *tp_view(tp_tensor *x, tp_shape shape)
{
    return tp_apply(&tp_op_view, &x, 1, &shape);
}

tp_tensor *tp_reshape(tp_tensor *x, tp_shape shape)
{
    int64_t stride[TP_MAX_DIMS];
    int dim;
    tp_shape resolved = shape;
    if (x && !tp_pending() && shape.ndim <= TP_MAX_DIMS && !resolve_shape("reshape", x, &resolved) &&
        !view_strides(x, &resolved, stride, &dim))
        x = tp_contiguous(x);
    return tp_view(x, shape);
}

tp_tensor *tp_flatten(tp_tensor *x, int start, int end)
{
    if (!x || tp_pending() || normalize_dim("flatten", x->ndim, &start) ||
        normalize_dim("flatten", x->ndim, &end))
        return tp_reshape(x, TP_SHAPE());
    if (end < start)
        return tp_fail_null(TP_ERR_ARGUMENT, "flatten: end_dim %d lies before start_dim %d", end, start);
    tp_shape shape = { 0 };
    int64_t joined = 1;
    for (int i = 0; i < x->ndim; i++) {
        if (i < start || i > end)
            shape.dim[shape.ndim++] = x->shape[i];
        else if (i == start)
            shape.ndim++;
        if (i >= start && i <= end)
            shape.dim[start] = joined *= x->shape[i];
    }
    if (x->ndim == 0)
        shape = TP_SHAPE(1);
    return tp_reshape(x, shape);
}

tp_tensor *tp_squeeze(tp_tensor *x, int dim)
{
    if (!x || tp_pending() || normalize_dim("squeeze", x->ndim, &dim))
        return tp_view(x, TP_SHAPE());
    tp_shape shape = { 0 };
    for (int i = 0; i < x->ndim; i++)
        if (i != dim || x->shape[i] != 1)
            shape.dim[shape.ndim++] = x->shape[i];
    return tp_view(x, shape);
}

tp_tensor *tp_unsqueeze(tp_tensor *x, int dim)
{
    if (!x || tp_pending() || normalize_dim("unsqueeze", x->ndim + 1, &dim))
        return tp_view(x, TP_SHAPE());
    if (x->ndim == TP_MAX_DIMS)
        return tp_fail_null(TP_ERR_SHAPE, "unsqueeze: %s has %d dims already, the most there can be",
                            tensor_shape_text(x), TP_MAX_DIMS);
    tp_shape shape = { .ndim = x->ndim + 1 };
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = i == dim ? 1 : x->shape[i - (i > dim)];
    return tp_view(x, shape);
}

/* ---- permute -------------------------------------------------------------------------------------------------------- */

static tp_status permute_infer(tp_call *c)
{
    const tp_shape *dims = c->attrs;
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    unsigned seen = 0;
    if (dims->ndim != x->ndim)
        return tp_fail(TP_ERR_ARGUMENT, "permute: %d dims are named, %s has %d", dims->ndim,
                       tensor_shape_text(x), x->ndim);
    y->dtype = x->dtype;
    y->ndim = x->ndim;
    y->numel = x->numel;
    y->offset = x->offset;
    for (int i = 0; i < x->ndim; i++) {
        int dim = (int)dims->dim[i];
        if (normalize_dim("permute", x->ndim, &dim))
            return tp_error_pending();
        if (seen >> dim & 1)
            return tp_fail(TP_ERR_ARGUMENT, "permute: dim %d stands twice", dim);
        seen |= 1u << dim;
        y->shape[i] = x->shape[dim];
        y->stride[i] = x->stride[dim];
    }
    return TP_OK;
}

static void permute_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const tp_shape *dims = s->attrs;
    tp_shape inverse = { .ndim = dims->ndim };
    for (int i = 0; i < dims->ndim; i++)
        inverse.dim[dims->dim[i] < 0 ? dims->dim[i] + dims->ndim : dims->dim[i]] = i;
    dx[0] = tp_permute(dy, inverse);
}

const tp_op tp_op_permute = {
    .name = "permute",
    .formula = "y[i_dims[0], i_dims[1], ...] = x[i_0, i_1, ...]",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .attrs = (const tp_attr[]){ { "dims", TP_ATTR_DIMS, 0, 0 }, { 0 } },
    .is_view = true,
    .infer = permute_infer,
    .backward = permute_backward,
    .examples =
        (const tp_example[]){ { "2,3,4", &TP_SHAPE(2, 0, 1) }, { "3,5@t", &TP_SHAPE(1, 0) }, { NULL, NULL } },
};

tp_tensor *tp_permute(tp_tensor *x, tp_shape dims)
{
    return tp_apply(&tp_op_permute, &x, 1, &dims);
}

tp_tensor *tp_transpose(tp_tensor *x, int a, int b)
{
    tp_shape dims = { .ndim = tp_ndim(x) };
    if (!x || tp_pending() || normalize_dim("transpose", x->ndim, &a) ||
        normalize_dim("transpose", x->ndim, &b))
        return tp_permute(x, dims);
    for (int i = 0; i < dims.ndim; i++)
        dims.dim[i] = i == a ? b : i == b ? a : i;
    return tp_permute(x, dims);
}

/* ---- expand -------------------------------------------------------------------------------------------------------- */

static tp_status expand_infer(tp_call *c)
{
    tp_shape shape = *(const tp_shape *)c->attrs;
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    int pad = shape.ndim - x->ndim;
    for (int i = 0; i < shape.ndim && pad >= 0; i++)
        if (shape.dim[i] == -1 && i >= pad)
            shape.dim[i] = x->shape[i - pad];
    if (pad < 0)
        return tp_fail(TP_ERR_SHAPE, "expand: %s has more dims than %s", tensor_shape_text(x),
                       shape_text(shape));
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape))
        return tp_error_pending();
    y->offset = x->offset;
    for (int i = 0; i < shape.ndim; i++) {
        int64_t size = i < pad ? 1 : x->shape[i - pad];
        if (size != 1 && size != shape.dim[i])
            return tp_fail(TP_ERR_SHAPE, "expand: %s to %s: dim %d is %lld and not 1", tensor_shape_text(x),
                           shape_text(shape), i - pad, (long long)size);
        y->stride[i] = i < pad || size != shape.dim[i] ? 0 : x->stride[i - pad];
    }
    return TP_OK;
}

static void expand_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s;
    dx[0] = dy; /* the engine sums it back to x's shape */
}

const tp_op tp_op_expand = {
    .name = "expand",
    .formula = "y = x repeated along dims of size 1, without memory",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .attrs = (const tp_attr[]){ { "shape", TP_ATTR_DIMS, 0, 0 }, { 0 } },
    .is_view = true,
    .infer = expand_infer,
    .backward = expand_backward,
    .examples =
        (const tp_example[]){ { "2,1,4", &TP_SHAPE(5, 2, 3, -1) }, { "s", &TP_SHAPE(2, 2) }, { NULL, NULL } },
};

tp_tensor *tp_expand(tp_tensor *x, tp_shape shape)
{
    return tp_apply(&tp_op_expand, &x, 1, &shape);
}

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

#define SLICE_ATTRS(base)                                                  \
    { "dim", TP_ATTR_I64, base + offsetof(slice_attrs, dim), 0 },          \
        { "start", TP_ATTR_I64, base + offsetof(slice_attrs, start), 0 },  \
        { "end", TP_ATTR_I64, base + offsetof(slice_attrs, end), 0x1p62 }, \
    {                                                                      \
        "step", TP_ATTR_I64, base + offsetof(slice_attrs, step), 1         \
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
                                { "shape", TP_ATTR_DIMS, offsetof(slice_backward_attrs, shape), 0 },
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
    return tp_squeeze(tp_slice(x, dim, index, index + 1, 1), dim);
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

tp_status tp_chunk(tp_tensor *x, int chunks, int dim, tp_tensor **parts, int *n)
{
    *n = 0;
    if (chunks < 1)
        return tp_fail(TP_ERR_ARGUMENT, "chunk: %d chunks, at least 1 is wanted", chunks);
    if (!x || tp_pending() || normalize_dim("chunk", x->ndim, &dim))
        return tp_slice(x, dim, 0, 0, 1) ? TP_OK : tp_error_pending();
    int64_t total = x->ndim ? x->shape[dim] : 0, size = (total + chunks - 1) / chunks;
    *n = size ? (int)((total + size - 1) / size) : chunks;
    if (size)
        return tp_split(x, size, dim, parts, *n);
    for (int i = 0; i < chunks; i++) /* an empty dim: chunks empty parts, as PyTorch */
        parts[i] = tp_slice(x, dim, 0, 0, 1);
    return tp_error_pending();
}
