/* shape.c - the same storage under another shape: view, and reshape, flatten, unflatten, squeeze, unsqueeze made of it.
 *
 * The strides of a view are worked out by view_strides: dims that lie together in memory may be cut and joined at will,
 * others not.
 * Layer: ops.  Depends on core.  Read next: permute.c, slice.c, strided.c for the other views. */
#include "base/memory.h"
#include "ops/ops.h"

#include <string.h>

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
    .attrs = (const tp_attr[]){ { "shape", TP_ATTR_DIMS, 0, 0, NULL }, { 0 } },
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

/* ---- the table's form of them ------------------------------------------------------------------------------------------- */

static void reshape_compose(tp_call *c)
{
    c->out[0] = tp_reshape(c->in[0], *(const tp_shape *)c->attrs);
}

COMPOSED_OP(reshape, "x", 1, "y = x seen as shape; a copy where strides forbid a view",
            OP_ATTRS(tp_shape, { "shape", TP_ATTR_DIMS, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3,4", &TP_SHAPE(6, -1) }, { "4,6@t", &TP_SHAPE(2, -1, 3) },
                        { "s", &TP_SHAPE(1, 1) }, { "0,3", &TP_SHAPE(3, 0) }));

typedef struct flatten_attrs {
    int64_t start_dim, end_dim;
} flatten_attrs;

static void flatten_compose(tp_call *c)
{
    const flatten_attrs *a = c->attrs;
    c->out[0] = tp_flatten(c->in[0], (int)a->start_dim, (int)a->end_dim);
}

COMPOSED_OP(flatten, "x", 1, "y = x with the dims from start_dim to end_dim as one",
            OP_ATTRS(flatten_attrs, OP_ATTR(flatten_attrs, I64, start_dim, 0),
                     OP_ATTR(flatten_attrs, I64, end_dim, -1)),
            OP_EXAMPLES({ "2,3,4", &(flatten_attrs){ 1, -1 } }, { "3,5@t", NULL }, { "s", NULL },
                        { "2,0,3", &(flatten_attrs){ 0, 1 } }));

typedef struct unflatten_attrs {
    int64_t dim;
    tp_shape sizes;
} unflatten_attrs;

static void unflatten_compose(tp_call *c)
{
    const unflatten_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    int dim = (int)a->dim;
    tp_shape shape = { 0 };
    if (normalize_dim("unflatten", x->ndim, &dim))
        return;
    if (!x->ndim || a->sizes.ndim < 1 || x->ndim - 1 + a->sizes.ndim > TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "unflatten: dim %d of %s in %d sizes: 1 to %d dims in all are wanted", dim,
                tensor_shape_text(x), a->sizes.ndim, TP_MAX_DIMS);
        return;
    }
    for (int i = 0; i < x->ndim; i++)
        for (int k = 0; k < (i == dim ? a->sizes.ndim : 1); k++)
            shape.dim[shape.ndim++] = i == dim ? a->sizes.dim[k] : x->shape[i];
    tp_shape part = a->sizes;
    tp_tensor one = { .numel = x->shape[dim], .ndim = 1, .shape = { x->shape[dim] } };
    if (resolve_shape("unflatten", &one, &part)) /* a -1 stands for what is left of that dim alone */
        return;
    memcpy(shape.dim + dim, part.dim, sizeof *part.dim * (size_t)part.ndim);
    c->out[0] = tp_view(x, shape);
}

COMPOSED_OP(unflatten, "x", 1, "y = x with dim as several dims of the sizes, one of which may be -1",
            OP_ATTRS(unflatten_attrs, OP_ATTR(unflatten_attrs, I64, dim, TP_REQUIRED),
                     OP_ATTR(unflatten_attrs, DIMS, sizes, TP_REQUIRED)),
            OP_EXAMPLES({ "2,6", &(unflatten_attrs){ 1, { 2, { 2, -1 } } } },
                        { "12,5@t", &(unflatten_attrs){ 0, { 3, { -1, 2, 3 } } } }));

tp_tensor *tp_unflatten(tp_tensor *x, int dim, tp_shape sizes)
{
    return tp_apply(&tp_op_unflatten, &x, 1, &(unflatten_attrs){ dim, sizes });
}

static void ravel_compose(tp_call *c)
{
    c->out[0] = tp_reshape(c->in[0], TP_SHAPE(-1));
}

COMPOSED_OP(ravel, "x", 1, "y = all elements of x in row-major order",
            OP_EXAMPLES({ "2,3", NULL }, { "3,5@t", NULL }, { "s", NULL }));

tp_tensor *tp_ravel(tp_tensor *x)
{
    return tp_apply(&tp_op_ravel, &x, 1, NULL);
}

static void view_as_compose(tp_call *c)
{
    c->out[0] = tp_view(c->in[0], tp_shape_of(c->in[1]));
}

COMPOSED_OP(view_as, "x other", 2, "y = x seen in other's shape",
            OP_EXAMPLES({ "2,6 3,4@i2", NULL }, { "s 1,1@i2", NULL }));

tp_tensor *tp_view_as(tp_tensor *x, tp_tensor *other)
{
    return tp_apply(&tp_op_view_as, (tp_tensor *[]){ x, other }, 2, NULL);
}

tp_tensor *tp_squeeze_dims(tp_tensor *x, tp_shape dims)
{
    unsigned drop = dims.ndim ? 0 : ~0u;
    tp_shape shape = { 0 };
    for (int i = 0; x && !tp_pending() && i < dims.ndim; i++) {
        int dim = (int)dims.dim[i];
        if (!normalize_dim("squeeze", x->ndim, &dim))
            drop |= 1u << dim;
    }
    for (int i = 0; x && i < x->ndim; i++)
        if (x->shape[i] != 1 || !(drop >> i & 1))
            shape.dim[shape.ndim++] = x->shape[i];
    return tp_view(x, shape);
}

static void squeeze_compose(tp_call *c)
{
    c->out[0] = tp_squeeze_dims(c->in[0], *(const tp_shape *)c->attrs);
}

COMPOSED_OP(squeeze, "x", 1, "y = x without the dims of size 1, or without those of them that dim names",
            OP_ATTRS(tp_shape, { "dim", TP_ATTR_DIMS, 0, 0, NULL }),
            OP_EXAMPLES({ "1,3,1", NULL }, { "1,3,1@t", &TP_SHAPE(-1) }, { "2,1,3,1", &TP_SHAPE(0, 1) },
                        { "1", NULL }),
            .note = "an empty list of dims means all of size 1");

static void unsqueeze_compose(tp_call *c)
{
    c->out[0] = tp_unsqueeze(c->in[0], (int)*(const int64_t *)c->attrs);
}

COMPOSED_OP(unsqueeze, "x", 1, "y = x with a dim of size 1 at dim",
            OP_ATTRS(int64_t, { "dim", TP_ATTR_I64, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3", &(int64_t){ 1 } }, { "3,2@t", &(int64_t){ -1 } }, { "s", &(int64_t){ 0 } }));
