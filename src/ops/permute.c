/* permute.c - views with the dims in another order, or repeated along dims of size 1: permute, expand, what is made of them.
 *
 * Layer: ops.  Depends on core.  Read next: shape.c, slice.c. */
#include "ops/ops.h"

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
    .attrs = (const tp_attr[]){ { "dims", TP_ATTR_DIMS, 0, 0, NULL }, { 0 } },
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
    .attrs = (const tp_attr[]){ { "size", TP_ATTR_DIMS, 0, TP_REQUIRED, NULL }, { 0 } },
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

/* ---- made of permute ------------------------------------------------------------------------------------------------- */

typedef struct two_dims {
    int64_t dim0, dim1;
} two_dims;

static void transpose_compose(tp_call *c)
{
    const two_dims *a = c->attrs;
    c->out[0] = tp_transpose(c->in[0], (int)a->dim0, (int)a->dim1);
}

COMPOSED_OP(transpose, "x", 1, "y = x with dim0 and dim1 in each other's place",
            OP_ATTRS(two_dims, OP_ATTR(two_dims, I64, dim0, TP_REQUIRED),
                     OP_ATTR(two_dims, I64, dim1, TP_REQUIRED)),
            OP_EXAMPLES({ "2,3,4", &(two_dims){ 0, -1 } }, { "3,5@t", &(two_dims){ 1, 0 } },
                        { "s", &(two_dims){ 0, -1 } }));

static void swapaxes_compose(tp_call *c)
{
    transpose_compose(c);
}

COMPOSED_OP(swapaxes, "x", 1, "y = x with axis0 and axis1 in each other's place",
            OP_ATTRS(two_dims, { "axis0", TP_ATTR_I64, offsetof(two_dims, dim0), TP_REQUIRED, NULL },
                     { "axis1", TP_ATTR_I64, offsetof(two_dims, dim1), TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3,4", &(two_dims){ 1, -1 } }));

static void t_compose(tp_call *c)
{
    tp_tensor *x = c->in[0];
    if (x->ndim > 2)
        tp_fail(TP_ERR_SHAPE, "t: %s has %d dims, at most 2 are wanted; use transpose", tensor_shape_text(x),
                x->ndim);
    else
        c->out[0] = x->ndim < 2 ? tp_view(x, tp_shape_of(x)) : tp_transpose(x, 0, 1);
}

COMPOSED_OP(t, "x", 1, "y_ij = x_ji", OP_EXAMPLES({ "2,3", NULL }, { "3,5@t", NULL }, { "4", NULL }));

tp_tensor *tp_t(tp_tensor *x)
{
    return tp_apply(&tp_op_t, &x, 1, NULL);
}

typedef struct movedim_attrs {
    tp_shape source, destination;
} movedim_attrs;

static void movedim_compose(tp_call *c)
{
    const movedim_attrs *a = c->attrs;
    int n = c->in[0]->ndim, from[TP_MAX_DIMS];
    tp_shape order = { .ndim = n };
    unsigned moved = 0;
    if (a->source.ndim != a->destination.ndim) {
        tp_fail(TP_ERR_ARGUMENT, "movedim: %d dims to %d places; as many are wanted", a->source.ndim,
                a->destination.ndim);
        return;
    }
    for (int i = 0; i < n; i++)
        from[i] = -1; /* whose place it is */
    for (int i = 0; i < a->source.ndim; i++) {
        int s = (int)a->source.dim[i], d = (int)a->destination.dim[i];
        if (normalize_dim("movedim", n, &s) || normalize_dim("movedim", n, &d))
            return;
        if (n && ((moved >> s & 1) || from[d] >= 0)) {
            tp_fail(TP_ERR_ARGUMENT, "movedim: dim %d is moved, or place %d taken, twice", s, d);
            return;
        }
        moved |= 1u << s;
        if (n)
            from[d] = s;
    }
    for (int i = 0, next = 0; i < n; i++) {
        while (from[i] < 0 && moved >> next & 1)
            next++;
        order.dim[i] = from[i] < 0 ? next++ : from[i];
    }
    c->out[0] = tp_permute(c->in[0], order);
}

COMPOSED_OP(movedim, "x", 1,
            "y = x with the dims of source at the places of destination, the others in their order",
            OP_ATTRS(movedim_attrs, OP_ATTR(movedim_attrs, DIMS, source, TP_REQUIRED),
                     OP_ATTR(movedim_attrs, DIMS, destination, TP_REQUIRED)),
            OP_EXAMPLES({ "2,3,4", &(movedim_attrs){ { 1, { 0 } }, { 1, { -1 } } } },
                        { "2,3,4,5", &(movedim_attrs){ { 2, { 0, 1 } }, { 2, { -1, 0 } } } }));

tp_tensor *tp_movedim(tp_tensor *x, tp_shape source, tp_shape destination)
{
    return tp_apply(&tp_op_movedim, &x, 1, &(movedim_attrs){ source, destination });
}

/* ---- made of expand ---------------------------------------------------------------------------------------------------- */

static void expand_as_compose(tp_call *c)
{
    c->out[0] = tp_expand(c->in[0], tp_shape_of(c->in[1]));
}

COMPOSED_OP(expand_as, "x other", 2, "y = x repeated to other's shape, without memory",
            OP_EXAMPLES({ "2,1 3,2,4@i2", NULL }));

tp_tensor *tp_expand_as(tp_tensor *x, tp_tensor *other)
{
    return tp_apply(&tp_op_expand_as, (tp_tensor *[]){ x, other }, 2, NULL);
}

static void broadcast_to_compose(tp_call *c)
{
    c->out[0] = tp_expand(c->in[0], *(const tp_shape *)c->attrs);
}

COMPOSED_OP(broadcast_to, "x", 1, "y = x repeated to size, without memory",
            OP_ATTRS(tp_shape, { "size", TP_ATTR_DIMS, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,1", &TP_SHAPE(3, 2, 4) }, { "s", &TP_SHAPE(2, 0) }));

tp_tensor *tp_broadcast_to(tp_tensor *x, tp_shape size)
{
    return tp_apply(&tp_op_broadcast_to, &x, 1, &size);
}

tp_status broadcast_together(const char *op, tp_tensor *const *in, int n, tp_shape *shape)
{
    *shape = (tp_shape){ 0 };
    for (int k = 0; k < n; k++) {
        tp_shape before = *shape;
        const tp_tensor *x = in[k];
        shape->ndim = x->ndim > before.ndim ? x->ndim : before.ndim;
        for (int i = 1; i <= shape->ndim; i++) {
            int64_t a = i <= before.ndim ? before.dim[before.ndim - i] : 1,
                    b = i <= x->ndim ? x->shape[x->ndim - i] : 1;
            if (a != b && a != 1 && b != 1)
                return tp_fail(TP_ERR_SHAPE,
                               "%s: tensor %d is %s, those before make %s: dim -%d differs and is not 1", op,
                               k, tensor_shape_text(x), shape_text(before), i);
            shape->dim[shape->ndim - i] = a == 1 ? b : a;
        }
    }
    return TP_OK;
}

static void broadcast_tensors_compose(tp_call *c)
{
    tp_shape shape;
    if (too_many_parts("broadcast_tensors", c->n_in) ||
        broadcast_together("broadcast_tensors", c->in, c->n_in, &shape))
        return;
    c->n_out = c->n_in;
    for (int i = 0; i < c->n_in; i++)
        c->out[i] = tp_expand(c->in[i], shape);
}

COMPOSED_OP(broadcast_tensors, "tensors...", -1, "all tensors repeated to the shape that they broadcast to",
            .n_out = -1, OP_EXAMPLES({ "2,1 3", NULL }, { "s 2,3@t 4,1,1", NULL }));

tp_status tp_broadcast_tensors(tp_tensor *const *tensors, int n, tp_tensor **out)
{
    return apply_parts(&tp_op_broadcast_tensors, tensors, n, NULL, out, NULL);
}
