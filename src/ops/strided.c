/* strided.c - views by strides: as_strided, diagonal, unfold (windows), and the operations that undo them.
 *
 * Such a view is a geometry (sizes, strides, offset) over another tensor's memory.  Its gradient adds into zeros at the same
 * places: as_strided_backward, over a contiguous tensor.  Where windows overlap it goes through the dims that make
 * them overlap one after the other, so that sums have one order.  as_strided_scatter writes instead of adding.
 * Layer: ops.  Depends on map.h.  Read next: slice.c, diagonal.c. */
#include "base/memory.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

typedef struct geometry {
    tp_shape size, stride;
    int64_t offset; /* elements */
} geometry;

#define GEOMETRY_ATTRS(type, base, otherwise)                                             \
    { "size", TP_ATTR_DIMS, base + offsetof(geometry, size), TP_REQUIRED, NULL },         \
        { "stride", TP_ATTR_DIMS, base + offsetof(geometry, stride), TP_REQUIRED, NULL }, \
    {                                                                                     \
        "storage_offset", TP_ATTR_I64, base + offsetof(geometry, offset), otherwise, NULL \
    }

/* Elements from the first to the last, both included; 0 of nothing; -1 where that is no number. */
static int64_t extent_of(const geometry *g)
{
    int64_t last = 0;
    for (int i = 0; i < g->size.ndim; i++)
        if (g->size.dim[i] == 0)
            return 0;
    for (int i = 0; i < g->size.ndim; i++) {
        int64_t reach;
        if (g->size.dim[i] < 0 || g->stride.dim[i] < 0 ||
            !tp_mul_fits(g->size.dim[i] - 1, g->stride.dim[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return -1;
    }
    return last < INT64_MAX ? last + 1 : -1;
}

/* The geometry lies within n elements. */
static tp_status check_geometry(const char *op, const geometry *g, int64_t n, const char *of)
{
    int64_t extent = extent_of(g);
    if (g->size.ndim != g->stride.ndim)
        return tp_fail(TP_ERR_ARGUMENT, "%s: size %s has %d dims, stride %s has %d", op, shape_text(g->size),
                       g->size.ndim, shape_text(g->stride), g->stride.ndim);
    if (extent < 0 || g->offset < 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: size %s, stride %s, storage_offset %lld: none may be negative",
                       op, shape_text(g->size), shape_text(g->stride), (long long)g->offset);
    if (extent > 0 && (g->offset > n || extent > n - g->offset))
        return tp_fail(TP_ERR_INDEX,
                       "%s: size %s, stride %s from element %lld on reach beyond the %lld elements of %s", op,
                       shape_text(g->size), shape_text(g->stride), (long long)g->offset, (long long)n, of);
    return TP_OK;
}

tp_shape contiguous_strides(tp_shape shape)
{
    tp_shape stride = { .ndim = shape.ndim };
    int64_t size = 1;
    for (int i = shape.ndim; i-- > 0; size *= shape.dim[i] ? shape.dim[i] : 1)
        stride.dim[i] = size;
    return stride;
}

static bool is_apart(const geometry *g, unsigned dims) /* no two elements of these dims lie at one place */
{
    int64_t reach = 0;
    for (unsigned left = dims; left;) {
        int next = -1;
        for (int i = 0; i < g->size.ndim; i++)
            if (left >> i & 1 && (next < 0 || g->stride.dim[i] < g->stride.dim[next]))
                next = i;
        left &= ~(1u << next);
        if (g->size.dim[next] > 1 && g->stride.dim[next] <= reach)
            return false;
        reach += (g->size.dim[next] - 1) * g->stride.dim[next];
    }
    return true;
}

/* Dims, the largest first, that together stay apart; the others are walked one index after the other. */
static unsigned dims_apart(const geometry *g)
{
    unsigned apart = 0;
    for (unsigned left = (1u << g->size.ndim) - 1; left;) {
        int next = -1;
        for (int i = 0; i < g->size.ndim; i++)
            if (left >> i & 1 && (next < 0 || g->size.dim[i] > g->size.dim[next]))
                next = i;
        left &= ~(1u << next);
        if (is_apart(g, apart | 1u << next))
            apart |= 1u << next;
    }
    return apart;
}

static tp_status give_geometry(tp_call *c, const geometry *g, int64_t offset)
{
    tp_tensor *y = c->out[0];
    if (tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, g->size))
        return tp_error_pending();
    memcpy(y->stride, g->stride.dim, sizeof *y->stride * y->ndim);
    y->offset = offset;
    return TP_OK;
}

/* ---- as_strided_backward:  y = zeros(shape);  y at the geometry += x ------------------------------------------------------ */

typedef struct backward_attrs {
    tp_shape shape;
    geometry g;
} backward_attrs;

static tp_status as_strided_backward_infer(tp_call *c)
{
    const backward_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, a->shape) ||
        check_geometry("as_strided_backward", &a->g, c->out[0]->numel, shape_text(a->shape)))
        return tp_error_pending();
    for (int i = 0; i < x->ndim || i < a->g.size.ndim; i++)
        if (x->ndim != a->g.size.ndim || x->shape[i] != a->g.size.dim[i])
            return tp_fail(TP_ERR_SHAPE, "as_strided_backward: %s is not of size %s", tensor_shape_text(x),
                           shape_text(a->g.size));
    return TP_OK;
}

/* Adds x into y at the dims of `apart`, at one index of the others. */
static void add_part(const tp_call *c, const geometry *g, unsigned apart, int64_t to, int64_t from)
{
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of((tp_dtype)y->dtype);
    binary_fn *add = kernels->binary[KERNEL_ADD][type];
    map m = { .n = 3, .kernels = kernels, .body = map_binary, .context = &add };
    m.data[0] = m.data[1] = tensor_data(y) + to * (int64_t)tensor_element_size(y);
    m.data[2] = tensor_data(x) + from * (int64_t)tensor_element_size(x);
    for (int k = 0; k < 3; k++) {
        m.stored[k] = (tp_dtype)y->dtype;
        m.computed[k] = dtype_of_kernel(type);
    }
    for (int i = 0; i < x->ndim; i++) {
        if (!(apart >> i & 1))
            continue;
        m.shape[m.ndim] = x->shape[i];
        m.stride[0][m.ndim] = m.stride[1][m.ndim] = g->stride.dim[i];
        m.stride[2][m.ndim++] = x->stride[i];
    }
    map_run(&m);
}

static void as_strided_backward_forward(const tp_call *c)
{
    const backward_attrs *a = c->attrs;
    const geometry *g = &a->g;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    int64_t at[TP_MAX_DIMS] = { 0 };
    memset(tensor_data(y), 0,
           (size_t)y->numel * tensor_element_size(y)); /* zero is all bits zero in every dtype */
    if (!x->numel)
        return;
    unsigned all = (1u << x->ndim) - 1, apart = is_apart(g, all) ? all : dims_apart(g);
    if (apart == all) {
        copy_strided(c->kernels, x->ndim, x->shape,
                     tensor_data(y) + g->offset * (int64_t)tensor_element_size(y), (tp_dtype)y->dtype,
                     g->stride.dim, tensor_data(x), (tp_dtype)x->dtype, x->stride);
        return;
    }
    for (int i = 0; i >= 0;) {
        int64_t to = g->offset, from = 0;
        for (i = 0; i < x->ndim; i++)
            to += at[i] * g->stride.dim[i], from += at[i] * x->stride[i];
        add_part(c, g, apart, to, from);
        for (i = x->ndim - 1; i >= 0; i--) {
            if (apart >> i & 1)
                continue;
            if (++at[i] < x->shape[i])
                break;
            at[i] = 0;
        }
    }
}

static tp_tensor *at_geometry(tp_tensor *x, const geometry *g) /* of a tensor as if it were contiguous */
{
    x = tp_contiguous(x);
    return tp_as_strided(x, g->size, g->stride, g->offset + tp_storage_offset(x));
}

static void as_strided_backward_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const backward_attrs *a = s->attrs;
    dx[0] = at_geometry(dy, &a->g);
}

const tp_op tp_op_as_strided_backward = {
    .name = "as_strided_backward",
    .formula = "y = zeros of shape; y seen with size, stride and storage_offset += x",
    .inputs = "x",
    .n_in = 1,
    OP_ATTRS(backward_attrs, OP_ATTR(backward_attrs, DIMS, shape, TP_REQUIRED),
             GEOMETRY_ATTRS(backward_attrs, offsetof(backward_attrs, g), 0)),
    .infer = as_strided_backward_infer,
    .forward = as_strided_backward_forward,
    .backward = as_strided_backward_backward,
    OP_EXAMPLES({ "2,3", &(backward_attrs){ { 1, { 8 } }, { { 2, { 2, 3 } }, { 2, { 2, 1 } }, 1 } } },
                { "3,2@t", &(backward_attrs){ { 2, { 4, 5 } }, { { 2, { 3, 2 } }, { 2, { 5, 2 } }, 0 } } },
                { "4", &(backward_attrs){ { 2, { 2, 2 } }, { { 1, { 4 } }, { 1, { 0 } }, 3 } } }),
};

tp_tensor *add_at(tp_tensor *x, tp_shape shape, tp_shape stride, int64_t offset)
{
    backward_attrs a = { shape, { tp_shape_of(x), stride, offset } };
    return tp_apply(&tp_op_as_strided_backward, &x, 1, &a);
}

/* ---- as_strided ------------------------------------------------------------------------------------------------------------ */

typedef struct as_strided_attrs {
    geometry g, x; /* of the result, and of what it is a view of */
} as_strided_attrs;

static tp_status as_strided_view_infer(tp_call *c)
{
    const as_strided_attrs *a = c->attrs;
    const tp_storage *storage = c->in[0]->storage;
    int64_t n =
        storage && storage->data ? (int64_t)(storage->bytes / tensor_element_size(c->in[0])) : INT64_MAX;
    if (check_geometry("as_strided", &a->g, n, "the storage"))
        return tp_error_pending();
    return give_geometry(c, &a->g, a->g.offset);
}

/* Both lie in one stretch of memory: dy is added up there, and read again as x lies in it.  An element of x that stands at
 * several places of x (an expanded view) has an equal share of what came to its place. */
static void as_strided_view_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    as_strided_attrs a = *(const as_strided_attrs *)s->attrs;
    int64_t x_end = a.x.offset + extent_of(&a.x), y_end = a.g.offset + extent_of(&a.g);
    int64_t begin = a.x.offset < a.g.offset ? a.x.offset : a.g.offset, end = x_end > y_end ? x_end : y_end;
    tp_shape plain = contiguous_strides(a.x.size), stretch = { 1, { end - begin } };
    a.x.offset -= begin;
    a.g.offset -= begin;
    if (!memcmp(plain.dim, a.x.stride.dim, sizeof *plain.dim * (size_t)plain.ndim) && a.x.offset == 0 &&
        y_end <= x_end) {
        dx[0] = add_at(dy, a.x.size, a.g.stride, a.g.offset);
        return;
    }
    dx[0] = at_geometry(add_at(dy, stretch, a.g.stride, a.g.offset), &a.x);
    if (!is_apart(&a.x, (1u << a.x.size.ndim) - 1)) {
        tp_tensor *ones = tp_ones(a.x.size, .dtype = s->in_dtype[0]);
        dx[0] = tp_div(dx[0], at_geometry(add_at(ones, stretch, a.x.stride, a.x.offset), &a.x));
    }
}

static const tp_op as_strided_view = {
    .name = "as_strided",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(as_strided_attrs),
    .is_view = true,
    .infer = as_strided_view_infer,
    .backward = as_strided_view_backward,
};

static void as_strided_compose(tp_call *c)
{
    as_strided_attrs a = { .g = *(const geometry *)c->attrs };
    const tp_tensor *x = c->in[0];
    a.x = (geometry){ tp_shape_of(x), { .ndim = x->ndim }, x->offset };
    memcpy(a.x.stride.dim, x->stride, sizeof *x->stride * x->ndim);
    if (a.g.offset == TP_NO_DIM)
        a.g.offset = x->offset;
    c->out[0] = tp_apply(&as_strided_view, c->in, 1, &a);
}

COMPOSED_OP(as_strided, "x", 1, "y = x's storage seen with size, stride and storage_offset",
            OP_ATTRS(geometry, GEOMETRY_ATTRS(geometry, 0, TP_NO_DIM)),
            OP_EXAMPLES({ "3,4", &(geometry){ { 2, { 2, 3 } }, { 2, { 4, 1 } }, 1 } },
                        { "8", &(geometry){ { 2, { 3, 4 } }, { 2, { 2, 1 } }, TP_NO_DIM } },
                        { "2,3", &(geometry){ { 3, { 2, 3, 2 } }, { 3, { 0, 1, 2 } }, 0 } }));

tp_tensor *tp_as_strided(tp_tensor *x, tp_shape size, tp_shape stride, int64_t storage_offset)
{
    return tp_apply(&tp_op_as_strided, &x, 1, &(geometry){ size, stride, storage_offset });
}

/* ---- as_strided_scatter:  y = x;  y at the geometry = src ------------------------------------------------------------------ */

static tp_status as_strided_scatter_infer(tp_call *c)
{
    const geometry *g = c->attrs;
    const tp_tensor *x = c->in[0], *src = c->in[1];
    if (check_geometry("as_strided_scatter", g, x->numel, tensor_shape_text(x)))
        return tp_error_pending();
    if (!is_apart(g, (1u << g->size.ndim) - 1) && src->numel)
        return tp_fail(TP_ERR_ARGUMENT,
                       "as_strided_scatter: size %s, stride %s: several elements of src go to one place",
                       shape_text(g->size), shape_text(g->stride));
    for (int i = 0; i < src->ndim || i < g->size.ndim; i++)
        if (src->ndim != g->size.ndim || src->shape[i] != g->size.dim[i])
            return tp_fail(TP_ERR_SHAPE, "as_strided_scatter: src %s, %s is wanted", tensor_shape_text(src),
                           shape_text(g->size));
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void as_strided_scatter_forward(const tp_call *c)
{
    const geometry *g = c->attrs;
    const tp_tensor *src = c->in[1], *y = c->out[0];
    copy_tensor(c->kernels, y, c->in[0]);
    if (src->numel)
        copy_strided(c->kernels, src->ndim, src->shape,
                     tensor_data(y) + g->offset * (int64_t)tensor_element_size(y), (tp_dtype)y->dtype,
                     g->stride.dim, tensor_data(src), (tp_dtype)src->dtype, src->stride);
}

static void as_strided_scatter_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const geometry *g = s->attrs;
    if (s->needs[0])
        dx[0] = scatter_at(dy, tp_zeros(g->size, .dtype = tp_dtype_of(dy)), g->stride, g->offset);
    if (s->needs[1])
        dx[1] = at_geometry(dy, g);
}

const tp_op tp_op_as_strided_scatter = {
    .name = "as_strided_scatter",
    .formula = "y = x; y seen with size, stride and storage_offset = src",
    .inputs = "x src",
    .n_in = 2,
    OP_ATTRS(geometry, GEOMETRY_ATTRS(geometry, 0, 0)),
    .infer = as_strided_scatter_infer,
    .forward = as_strided_scatter_forward,
    .backward = as_strided_scatter_backward,
    OP_EXAMPLES({ "3,4 2,2", &(geometry){ { 2, { 2, 2 } }, { 2, { 4, 2 } }, 1 } },
                { "5,2@t 3", &(geometry){ { 1, { 3 } }, { 1, { 3 } }, 0 } }),
    .note = "strides are those of x as if it were contiguous; PyTorch's gradient of x is that of the "
            "replaced elements",
};

tp_tensor *scatter_at(tp_tensor *x, tp_tensor *src, tp_shape stride, int64_t offset)
{
    geometry g = { tp_shape_of(src), stride, offset };
    return tp_apply(&tp_op_as_strided_scatter, (tp_tensor *[]){ x, src }, 2, &g);
}

tp_tensor *tp_as_strided_scatter(tp_tensor *x, tp_tensor *src, tp_shape size, tp_shape stride,
                                 int64_t storage_offset)
{
    return tp_apply(&tp_op_as_strided_scatter, (tp_tensor *[]){ x, src }, 2,
                    &(geometry){ size, stride, storage_offset });
}

/* ---- diagonal -------------------------------------------------------------------------------------------------------------- */

typedef struct diagonal_attrs {
    int64_t offset, dim1, dim2;
} diagonal_attrs;

tp_status diagonal_geometry(const char *op, const tp_shape *shape, const int64_t *stride, int64_t offset,
                            int64_t dim1, int64_t dim2, tp_shape *size, tp_shape *strides, int64_t *first)
{
    int d1 = (int)dim1, d2 = (int)dim2;
    if (normalize_dim(op, shape->ndim, &d1) || normalize_dim(op, shape->ndim, &d2))
        return tp_error_pending();
    if (shape->ndim < 2 || d1 == d2)
        return tp_fail(TP_ERR_ARGUMENT, "%s: dims %lld and %lld of %s; two different dims are wanted", op,
                       (long long)dim1, (long long)dim2, shape_text(*shape));
    int64_t down = offset < 0 ? -offset : 0, right = offset > 0 ? offset : 0;
    int64_t rows = shape->dim[d1] - down, cols = shape->dim[d2] - right, n = rows < cols ? rows : cols;
    *size = *strides = (tp_shape){ 0 };
    for (int i = 0; i < shape->ndim; i++) {
        if (i == d1 || i == d2)
            continue;
        size->dim[size->ndim++] = shape->dim[i];
        strides->dim[strides->ndim++] = stride[i];
    }
    size->dim[size->ndim++] = n > 0 ? n : 0;
    strides->dim[strides->ndim++] = stride[d1] + stride[d2];
    *first = n > 0 ? down * stride[d1] + right * stride[d2] : 0;
    return TP_OK;
}

static tp_status diagonal_infer(tp_call *c)
{
    const diagonal_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    tp_shape shape = tp_shape_of(x);
    geometry g = { 0 };
    if (diagonal_geometry("diagonal", &shape, x->stride, a->offset, a->dim1, a->dim2, &g.size, &g.stride,
                          &g.offset))
        return tp_error_pending();
    return give_geometry(c, &g, x->offset + g.offset);
}

static void diagonal_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const diagonal_attrs *a = s->attrs;
    tp_shape plain = contiguous_strides(s->in_shape[0]);
    geometry g = { 0 };
    diagonal_geometry("diagonal", &s->in_shape[0], plain.dim, a->offset, a->dim1, a->dim2, &g.size, &g.stride,
                      &g.offset);
    dx[0] = add_at(dy, s->in_shape[0], g.stride, g.offset);
}

const tp_op tp_op_diagonal = {
    .name = "diagonal",
    .formula = "y_i = x[i, i + offset] in dims dim1 and dim2, which go, and i comes last",
    .inputs = "x",
    .n_in = 1,
    OP_ATTRS(diagonal_attrs, OP_ATTR(diagonal_attrs, I64, offset, 0), OP_ATTR(diagonal_attrs, I64, dim1, 0),
             OP_ATTR(diagonal_attrs, I64, dim2, 1)),
    .is_view = true,
    .infer = diagonal_infer,
    .backward = diagonal_backward,
    OP_EXAMPLES({ "3,4", NULL }, { "4,3@t", &(diagonal_attrs){ -1, 0, 1 } },
                { "2,3,4", &(diagonal_attrs){ 1, 0, -1 } }, { "2,3", &(diagonal_attrs){ 7, 0, 1 } }),
};

tp_tensor *tp_diagonal(tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    return tp_apply(&tp_op_diagonal, &x, 1, &(diagonal_attrs){ offset, dim1, dim2 });
}

/* ---- unfold: windows --------------------------------------------------------------------------------------------------------- */

typedef struct unfold_attrs {
    int64_t dimension, size, step;
} unfold_attrs;

static tp_status unfold_geometry(const tp_shape *shape, const int64_t *stride, const unfold_attrs *a,
                                 geometry *g)
{
    int dim = (int)a->dimension;
    if (normalize_dim("unfold", shape->ndim, &dim))
        return tp_error_pending();
    int64_t length = shape->ndim ? shape->dim[dim] : 1;
    if (a->size < 0 || a->size > length || a->step < 1 || shape->ndim == TP_MAX_DIMS)
        return tp_fail(TP_ERR_ARGUMENT,
                       "unfold: windows of %lld every %lld in dim %d of %s: a size up to %lld, a step from 1 "
                       "on and at most %d "
                       "dims are wanted",
                       (long long)a->size, (long long)a->step, dim, shape_text(*shape), (long long)length,
                       TP_MAX_DIMS - 1);
    *g = (geometry){ .size = *shape, .stride = { .ndim = shape->ndim } };
    memcpy(g->stride.dim, stride, sizeof *stride * (size_t)shape->ndim);
    int64_t along = shape->ndim ? stride[dim] : 1;
    if (shape->ndim) {
        g->size.dim[dim] = (length - a->size) / a->step + 1;
        g->stride.dim[dim] = along * a->step;
    }
    g->size.dim[g->size.ndim++] = a->size;
    g->stride.dim[g->stride.ndim++] = along;
    return TP_OK;
}

static tp_status unfold_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_shape shape = tp_shape_of(x);
    geometry g = { 0 };
    if (unfold_geometry(&shape, x->stride, c->attrs, &g))
        return tp_error_pending();
    return give_geometry(c, &g, x->offset);
}

static void unfold_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_shape plain = contiguous_strides(s->in_shape[0]);
    geometry g = { 0 };
    unfold_geometry(&s->in_shape[0], plain.dim, s->attrs, &g);
    dx[0] = add_at(dy, s->in_shape[0], g.stride, g.offset);
}

const tp_op tp_op_unfold = {
    .name = "unfold",
    .formula = "y[.., i, .., k] = x[.., i step + k, ..] in dim dimension, k < size",
    .inputs = "x",
    .n_in = 1,
    OP_ATTRS(unfold_attrs, OP_ATTR(unfold_attrs, I64, dimension, TP_REQUIRED),
             OP_ATTR(unfold_attrs, I64, size, TP_REQUIRED), OP_ATTR(unfold_attrs, I64, step, TP_REQUIRED)),
    .is_view = true,
    .infer = unfold_infer,
    .backward = unfold_backward,
    OP_EXAMPLES({ "7", &(unfold_attrs){ 0, 3, 2 } }, { "2,5@t", &(unfold_attrs){ -1, 2, 1 } },
                { "6,2", &(unfold_attrs){ 0, 2, 3 } }, { "s", &(unfold_attrs){ 0, 1, 1 } }),
};

tp_tensor *tp_unfold(tp_tensor *x, int dimension, int64_t size, int64_t step)
{
    return tp_apply(&tp_op_unfold, &x, 1, &(unfold_attrs){ dimension, size, step });
}
