/* join.c - putting tensors together and taking their borders: cat, stack, repeat, flip, pad.
 *
 * Layer: ops.  Depends on map.h for strided copies.  Read next: shape.c for slices. */
#include "ops/map.h"

#include <string.h>
#include <taper/ops.h>

/* ---- cat ------------------------------------------------------------------------------------------------------------ */

static tp_status cat_infer(tp_call *c)
{
    int dim = (int)*(const int64_t *)c->attrs;
    const tp_tensor *first = c->in[0];
    if (first->ndim == 0)
        return tp_fail(TP_ERR_SHAPE, "cat: a scalar has no dim to join along; use stack");
    if (normalize_dim("cat", first->ndim, &dim))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(first);
    tp_dtype dtype = first->dtype;
    for (int i = 1; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        bool fits = x->ndim == first->ndim;
        for (int d = 0; d < x->ndim && fits; d++)
            fits = d == dim || x->shape[d] == first->shape[d];
        if (!fits)
            return tp_fail(TP_ERR_SHAPE,
                           "cat: tensor %d is %s, tensor 0 is %s: all dims but dim %d must be equal", i,
                           tensor_shape_text(x), tensor_shape_text(first), dim);
        shape.dim[dim] += x->shape[dim];
        dtype = tp_promote(dtype, (tp_dtype)x->dtype);
    }
    return tp_infer_shape(c, 0, dtype, shape);
}

static void cat_forward(const tp_call *c)
{
    const tp_tensor *y = c->out[0];
    int dim = (int)*(const int64_t *)c->attrs;
    dim += dim < 0 ? y->ndim : 0;
    char *to = tensor_data(y);
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        copy_strided(c->kernels, x->ndim, x->shape, to, (tp_dtype)y->dtype, y->stride, tensor_data(x),
                     (tp_dtype)x->dtype, x->stride);
        to += x->shape[dim] * y->stride[dim] * (int64_t)tensor_element_size(y);
    }
}

static void cat_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    int64_t dim = *(const int64_t *)s->attrs, at = 0;
    dim += dim < 0 ? s->in_shape[0].ndim : 0;
    for (int i = 0; i < s->n_in; i++) {
        int64_t size = s->in_shape[i].dim[dim];
        if (s->needs[i])
            dx[i] = tp_slice(dy, (int)dim, at, at + size, 1);
        at += size;
    }
}

const tp_op tp_op_cat = {
    .name = "cat",
    .formula = "y = the tensors one after the other along dim",
    .inputs = "tensors...",
    .n_in = -1,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, 0 }, { 0 } },
    .infer = cat_infer,
    .forward = cat_forward,
    .backward = cat_backward,
    .examples = (const tp_example[]){ { "2,3 1,3 4,3", &(int64_t){ 0 } },
                                      { "2,3 2,5@t", &(int64_t){ -1 } },
                                      { "2,0 2,1", &(int64_t){ 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_cat(tp_tensor *const *tensors, int n, int dim)
{
    return tp_apply(&tp_op_cat, tensors, n, &(int64_t){ dim });
}

tp_tensor *tp_stack(tp_tensor *const *tensors, int n, int dim)
{
    TP_SCOPE;
    if (n < 1 || n > 4096)
        return tp_fail_null(TP_ERR_ARGUMENT, "stack: %d tensors, 1 to 4096 are possible", n);
    for (int i = 1; i < n; i++)
        if (tensors[0] && tensors[i] && !tensor_same_shape(tensors[0], tensors[i]))
            return tp_fail_null(TP_ERR_SHAPE,
                                "stack: tensor %d is %s, tensor 0 is %s: all must be of one shape", i,
                                tensor_shape_text(tensors[i]), tensor_shape_text(tensors[0]));
    tp_tensor *rows[n];
    for (int i = 0; i < n; i++)
        rows[i] = tp_unsqueeze(tensors[i], dim);
    int at = rows[0] && dim < 0 ? dim + rows[0]->ndim : dim;
    return tp_keep(tp_cat(rows, n, at));
}

/* One dim becomes two (times, size), the first expanded; a reshape then joins them, which is the copy. */
tp_tensor *tp_repeat(tp_tensor *x, tp_shape times)
{
    if (!x || tp_pending() || times.ndim < x->ndim)
        return !x || tp_pending() ? tp_clone(x)
                                  : tp_fail_null(TP_ERR_ARGUMENT, "repeat: %d counts for the %d dims of %s",
                                                 times.ndim, x->ndim, tensor_shape_text(x));
    TP_SCOPE;
    tp_tensor *y = x;
    while (y && y->ndim < times.ndim)
        y = tp_unsqueeze(y, 0);
    for (int d = 0; d < times.ndim && y; d++) {
        if (times.dim[d] < 0)
            return tp_fail_null(TP_ERR_ARGUMENT, "repeat: dim %d repeated %lld times", d,
                                (long long)times.dim[d]);
        if (times.dim[d] == 1)
            continue;
        tp_shape rows = { 3, { 1, y->shape[d], 1 } }, joined = tp_shape_of(y), whole = joined;
        for (int i = 0; i < d; i++)
            rows.dim[0] *= y->shape[i];
        for (int i = d; i < y->ndim; i++)
            rows.dim[2] *= i > d ? y->shape[i] : 1;
        whole.dim[d] *= times.dim[d];
        tp_tensor *wide = tp_unsqueeze(tp_reshape(y, rows), 1);
        y = tp_reshape(tp_expand(wide, TP_SHAPE(rows.dim[0], times.dim[d], rows.dim[1], rows.dim[2])), whole);
    }
    return tp_keep(y == x ? tp_clone(x) : y);
}

/* ---- flip ------------------------------------------------------------------------------------------------------------ */

static tp_status flip_infer(tp_call *c)
{
    const tp_shape *dims = c->attrs;
    for (int i = 0; i < dims->ndim; i++) {
        int dim = (int)dims->dim[i];
        if (normalize_dim("flip", c->in[0]->ndim, &dim))
            return tp_error_pending();
    }
    return tp_infer_like(c, 0);
}

static void flip_forward(const tp_call *c)
{
    const tp_shape *dims = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    int64_t stride[TP_MAX_DIMS];
    char *from = tensor_data(x);
    memcpy(stride, x->stride, sizeof *stride * x->ndim);
    for (int i = 0; i < dims->ndim && x->ndim && x->numel; i++) {
        int64_t dim = dims->dim[i] + (dims->dim[i] < 0 ? x->ndim : 0);
        from += (x->shape[dim] - 1) * stride[dim] * (int64_t)tensor_element_size(x);
        stride[dim] = -stride[dim];
    }
    copy_strided(c->kernels, x->ndim, x->shape, tensor_data(y), (tp_dtype)y->dtype, y->stride, from,
                 (tp_dtype)x->dtype, stride);
}

static void flip_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_flip(dy, *(const tp_shape *)s->attrs);
}

const tp_op tp_op_flip = {
    .name = "flip",
    .formula = "y = x in reverse order along dims",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .attrs = (const tp_attr[]){ { "dims", TP_ATTR_DIMS, 0, 0 }, { 0 } },
    .infer = flip_infer,
    .forward = flip_forward,
    .backward = flip_backward,
    .examples =
        (const tp_example[]){ { "2,3", &TP_SHAPE(1) }, { "3,5@t", &TP_SHAPE(0, -1) }, { NULL, NULL } },
};

tp_tensor *tp_flip(tp_tensor *x, tp_shape dims)
{
    return tp_apply(&tp_op_flip, &x, 1, &dims);
}

/* ---- pad ---------------------------------------------------------------------------------------------------------------- */

typedef struct pad_attrs {
    tp_shape before, after; /* one entry a dim; negative ones cut */
    double value;
} pad_attrs;

static tp_status pad_infer(tp_call *c)
{
    const pad_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    tp_shape shape = tp_shape_of(x);
    if (a->before.ndim != x->ndim || a->after.ndim != x->ndim)
        return tp_fail(TP_ERR_ARGUMENT, "pad: %d and %d widths for the %d dims of %s", a->before.ndim,
                       a->after.ndim, x->ndim, tensor_shape_text(x));
    for (int i = 0; i < x->ndim; i++) {
        shape.dim[i] += a->before.dim[i] + a->after.dim[i];
        if (shape.dim[i] < 0)
            return tp_fail(TP_ERR_SHAPE, "pad: dim %d of %s has less than the %lld to be cut off", i,
                           tensor_shape_text(x), (long long)-(a->before.dim[i] + a->after.dim[i]));
    }
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape);
}

static void pad_forward(const tp_call *c)
{
    const pad_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    int64_t size = (int64_t)tensor_element_size(x), shape[TP_MAX_DIMS];
    kernels->convert[y->dtype][TP_F64](tensor_data(y), 1, &a->value, 0, y->numel);
    char *from = tensor_data(x), *to = tensor_data(y);
    for (int i = 0; i < x->ndim; i++) {
        int64_t before = a->before.dim[i], after = a->after.dim[i];
        shape[i] = x->shape[i] + (before < 0 ? before : 0) + (after < 0 ? after : 0);
        if (shape[i] <= 0)
            return;
        *(before < 0 ? &from : &to) += (before < 0 ? -before * x->stride[i] : before * y->stride[i]) * size;
    }
    copy_strided(kernels, x->ndim, shape, to, (tp_dtype)y->dtype, y->stride, from, (tp_dtype)x->dtype,
                 x->stride);
}

static void pad_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    pad_attrs a = *(const pad_attrs *)s->attrs;
    for (int i = 0; i < a.before.ndim; i++) {
        a.before.dim[i] = -a.before.dim[i];
        a.after.dim[i] = -a.after.dim[i];
    }
    dx[0] = tp_pad(dy, a.before, a.after, 0);
}

const tp_op tp_op_pad = {
    .name = "pad",
    .formula = "y = x with before and after elements of value at each dim's ends",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(pad_attrs),
    .attrs = (const tp_attr[]){ { "before", TP_ATTR_DIMS, offsetof(pad_attrs, before), 0 },
                                { "after", TP_ATTR_DIMS, offsetof(pad_attrs, after), 0 },
                                { "value", TP_ATTR_F64, offsetof(pad_attrs, value), 0 },
                                { 0 } },
    .infer = pad_infer,
    .forward = pad_forward,
    .backward = pad_backward,
    .examples = (const tp_example[]){ { "2,3", &(pad_attrs){ { 2, { 1, 0 } }, { 2, { 2, -1 } }, 0.5 } },
                                      { "3,5@t", &(pad_attrs){ { 2, { -1, 1 } }, { 2, { 0, 0 } }, 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_pad(tp_tensor *x, tp_shape before, tp_shape after, double value)
{
    return tp_apply(&tp_op_pad, &x, 1, &(pad_attrs){ before, after, value });
}
