/* pad.c - borders around a tensor: of a number, or of the tensor's own elements (reflect, replicate, circular); and pixel_shuffle,
 * which turns channels into pixels.
 *
 * Layer: ops.  Depends on map.h for strided copies.  Read next: join.c, repeat.c. */
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

/* ---- constant_pad ---------------------------------------------------------------------------------------------------------------- */

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
        return tp_fail(TP_ERR_ARGUMENT, "constant_pad: %d and %d widths for the %d dims of %s",
                       a->before.ndim, a->after.ndim, x->ndim, tensor_shape_text(x));
    for (int i = 0; i < x->ndim; i++) {
        shape.dim[i] += a->before.dim[i] + a->after.dim[i];
        if (shape.dim[i] < 0)
            return tp_fail(TP_ERR_SHAPE, "constant_pad: dim %d of %s has less than the %lld to be cut off", i,
                           tensor_shape_text(x), (long long)-(a->before.dim[i] + a->after.dim[i]));
    }
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape);
}

/* The two slabs of the border along each dim, as wide as y in the dims before it is decided, as x in those after. */
static void fill_border(const tp_call *c, const int64_t *first, const int64_t *last)
{
    const pad_attrs *a = c->attrs;
    const tp_tensor *y = c->out[0];
    const int64_t nowhere[TP_MAX_DIMS] = { 0 };
    int64_t shape[TP_MAX_DIMS], size = (int64_t)tensor_element_size(y), before = 0;
    memcpy(shape, y->shape, sizeof *shape * y->ndim);
    for (int d = 0; d < y->ndim; d++) {
        for (int side = 0; side < 2; side++) {
            shape[d] = side ? y->shape[d] - last[d] : first[d];
            char *to = tensor_data(y) + (before + (side ? last[d] * y->stride[d] : 0)) * size;
            if (shape[d] > 0)
                copy_strided(c->kernels, y->ndim, shape, to, (tp_dtype)y->dtype, y->stride, &a->value, TP_F64,
                             nowhere);
        }
        shape[d] = last[d] - first[d];
        before += first[d] * y->stride[d];
    }
}

static void pad_forward(const tp_call *c)
{
    const pad_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    int64_t size = (int64_t)tensor_element_size(x), shape[TP_MAX_DIMS], first[TP_MAX_DIMS], last[TP_MAX_DIMS];
    char *from = tensor_data(x), *to = tensor_data(y);
    bool empty = y->numel == 0;
    for (int i = 0; i < x->ndim; i++) { /* y[first, last) is x's */
        int64_t before = a->before.dim[i], after = a->after.dim[i];
        first[i] = before < 0 ? 0 : before > y->shape[i] ? y->shape[i] : before;
        last[i] = y->shape[i] - (after < 0 ? 0 : after > y->shape[i] ? y->shape[i] : after);
        last[i] = last[i] < first[i] ? first[i] : last[i];
        shape[i] = last[i] - first[i];
        empty |= shape[i] == 0;
        from += before < 0 ? -before * x->stride[i] * size : 0;
        to += first[i] * y->stride[i] * size;
    }
    if (y->numel)
        fill_border(c, first, last);
    if (!empty)
        copy_strided(c->kernels, x->ndim, shape, to, (tp_dtype)y->dtype, y->stride, from, (tp_dtype)x->dtype,
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

const tp_op tp_op_constant_pad = {
    .name = "constant_pad",
    .formula = "y = x with before and after elements of value at each dim's ends; negative ones cut off",
    .inputs = "x",
    .n_in = 1,
    OP_ATTRS(pad_attrs, OP_ATTR(pad_attrs, DIMS, before, TP_REQUIRED),
             OP_ATTR(pad_attrs, DIMS, after, TP_REQUIRED), OP_ATTR(pad_attrs, F64, value, 0)),
    .infer = pad_infer,
    .forward = pad_forward,
    .backward = pad_backward,
    OP_EXAMPLES({ "2,3", &(pad_attrs){ { 2, { 1, 0 } }, { 2, { 2, -1 } }, 0.5 } },
                { "3,5@t", &(pad_attrs){ { 2, { -1, 1 } }, { 2, { 0, 0 } }, 0 } }),
};

tp_tensor *tp_pad(tp_tensor *x, tp_shape before, tp_shape after, double value)
{
    return tp_apply(&tp_op_constant_pad, &x, 1, &(pad_attrs){ before, after, value });
}

/* ---- borders made of x itself ---------------------------------------------------------------------------------------------- */

typedef struct edges_attrs {
    tp_shape before, after; /* one entry a dim, from 0 on */
    int mode;
} edges_attrs;

/* Along one dim y has up to three parts: what comes before, x, what comes after. */
typedef struct part {
    int64_t to, from, length, step;
} part;

static part part_of(const edges_attrs *a, int which, int dim, int64_t size)
{
    int64_t before = a->before.dim[dim], after = a->after.dim[dim];
    if (which == 1)
        return (part){ before, 0, size, 1 };
    switch (a->mode) {
    case TP_PAD_REFLECT:
        return which ? (part){ before + size, size - 2, after, -1 } : (part){ 0, before, before, -1 };
    case TP_PAD_REPLICATE:
        return which ? (part){ before + size, size - 1, after, 0 } : (part){ 0, 0, before, 0 };
    default: return which ? (part){ before + size, 0, after, 1 } : (part){ 0, size - before, before, 1 };
    }
}

static tp_status edges_infer(tp_call *c)
{
    const edges_attrs *a = c->attrs;
    tp_shape shape = tp_shape_of(c->in[0]);
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] += a->before.dim[i] + a->after.dim[i];
    return tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, shape);
}

static void edges_forward(const tp_call *c)
{
    const edges_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    int64_t size = (int64_t)tensor_element_size(x), shape[TP_MAX_DIMS], stride[TP_MAX_DIMS];
    int which[TP_MAX_DIMS] = { 0 };
    for (int d = 0; d >= 0;) { /* every choice of a part for each dim */
        int64_t to = 0, from = 0;
        bool empty = false;
        for (d = 0; d < x->ndim; d++) {
            part p = part_of(a, which[d], d, x->shape[d]);
            to += p.to * y->stride[d];
            from += p.from * x->stride[d];
            stride[d] = p.step * x->stride[d];
            shape[d] = p.length;
            empty |= p.length == 0;
        }
        if (!empty)
            copy_strided(c->kernels, x->ndim, shape, tensor_data(y) + to * size, (tp_dtype)y->dtype,
                         y->stride, tensor_data(x) + from * size, (tp_dtype)x->dtype, stride);
        for (d = x->ndim - 1; d >= 0 && ++which[d] == 3; d--)
            which[d] = 0;
    }
}

/* The gradient of one border, at its place along dim in x's size. */
static tp_tensor *edges_gradient(tp_tensor *dy, const edges_attrs *a, int which, int dim, int64_t size)
{
    part p = part_of(a, which, dim, size);
    tp_shape before = { .ndim = tp_ndim(dy) }, after = before;
    tp_tensor *g = tp_slice(dy, dim, p.to, p.to + p.length, 1);
    if (p.step == 0)
        g = tp_sum(g, TP_SHAPE(dim), true);
    else if (p.step < 0)
        g = tp_flip(g, TP_SHAPE(dim));
    int64_t length = p.step ? p.length : 1;
    before.dim[dim] = p.step < 0 ? p.from - p.length + 1 : p.from;
    after.dim[dim] = size - before.dim[dim] - length;
    return tp_pad(g, before, after, 0);
}

static void edges_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const edges_attrs *a = s->attrs;
    for (int d = s->in_shape[0].ndim - 1; d >= 0; d--) {
        int64_t size = s->in_shape[0].dim[d], before = a->before.dim[d], after = a->after.dim[d];
        if (!before && !after)
            continue;
        tp_tensor *g = tp_slice(dy, d, before, before + size, 1);
        if (before)
            g = tp_add(g, edges_gradient(dy, a, 0, d, size));
        if (after)
            g = tp_add(g, edges_gradient(dy, a, 2, d, size));
        dy = g;
    }
    dx[0] = dy;
}

static const tp_op edges = {
    .name = "pad",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(edges_attrs),
    .infer = edges_infer,
    .forward = edges_forward,
    .backward = edges_backward,
};

/* ---- pad, as torch.nn.functional.pad --------------------------------------------------------------------------------------- */

typedef struct functional_attrs {
    tp_shape pad; /* before and after of the last dim, then of the one before it */
    int mode;
    double value;
} functional_attrs;

/* The widths by dim; false where they make no sense. */
static bool widths(const functional_attrs *a, const tp_tensor *x, edges_attrs *w)
{
    static const char *const limits[] = {
        "",
        "less than the size",
        "a size above 0",
        "up to the size",
    };
    *w = (edges_attrs){ { .ndim = x->ndim }, { .ndim = x->ndim }, a->mode };
    if (a->pad.ndim % 2 || a->pad.ndim > 2 * x->ndim) {
        tp_fail(TP_ERR_ARGUMENT,
                "pad: %d widths %s for the %d dims of %s: two a dim, from the last one, are wanted",
                a->pad.ndim, shape_text(a->pad), x->ndim, tensor_shape_text(x));
        return false;
    }
    for (int i = 0; i < a->pad.ndim / 2; i++) {
        int dim = x->ndim - 1 - i;
        int64_t before = a->pad.dim[2 * i], after = a->pad.dim[2 * i + 1], size = x->shape[dim];
        int64_t most = before > after ? before : after;
        bool wrong = (a->mode == TP_PAD_REFLECT && most >= size) ||
                     (a->mode == TP_PAD_REPLICATE && size == 0) ||
                     (a->mode == TP_PAD_CIRCULAR && most > size);
        if (a->mode != TP_PAD_CONSTANT && most > 0 && wrong) {
            tp_fail(TP_ERR_SHAPE, "pad: %lld and %lld at dim %d of %s: %s is wanted", (long long)before,
                    (long long)after, dim, tensor_shape_text(x), limits[a->mode]);
            return false;
        }
        w->before.dim[dim] = before;
        w->after.dim[dim] = after;
    }
    return true;
}

static void pad_compose(tp_call *c)
{
    const functional_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    edges_attrs w;
    if (!widths(a, x, &w))
        return;
    if (a->mode == TP_PAD_CONSTANT) {
        c->out[0] = tp_pad(x, w.before, w.after, a->value);
        return;
    }
    tp_shape cut_before = w.before, cut_after = w.after;
    bool cuts = false;
    for (int d = 0; d < x->ndim; d++) {
        cut_before.dim[d] = w.before.dim[d] < 0 ? w.before.dim[d] : 0;
        cut_after.dim[d] = w.after.dim[d] < 0 ? w.after.dim[d] : 0;
        cuts |= cut_before.dim[d] < 0 || cut_after.dim[d] < 0;
        w.before.dim[d] -= cut_before.dim[d];
        w.after.dim[d] -= cut_after.dim[d];
    }
    x = tp_apply(&edges, &x, 1, &w);
    c->out[0] = cuts ? tp_pad(x, cut_before, cut_after, 0) : x;
}

COMPOSED_OP(
    pad, "x", 1,
    "y = x with borders of pad[0] and pad[1] at the last dim, pad[2] and pad[3] at the one before, ...",
    OP_ATTRS(functional_attrs, OP_ATTR(functional_attrs, DIMS, pad, TP_REQUIRED),
             { "mode", TP_ATTR_WORD, offsetof(functional_attrs, mode), 0,
               "constant reflect replicate circular" },
             OP_ATTR(functional_attrs, F64, value, 0)),
    OP_EXAMPLES({ "2,3", &(functional_attrs){ { 2, { 1, 2 } }, TP_PAD_CONSTANT, 0.5 } },
                { "1,2,4", &(functional_attrs){ { 2, { 3, 1 } }, TP_PAD_REFLECT, 0 } },
                { "2,3,4@t", &(functional_attrs){ { 4, { 2, 0, 1, 1 } }, TP_PAD_REPLICATE, 0 } },
                { "1,2,3,3", &(functional_attrs){ { 4, { 1, 3, 2, 0 } }, TP_PAD_CIRCULAR, 0 } },
                { "2,5", &(functional_attrs){ { 2, { -1, 2 } }, TP_PAD_REFLECT, 0 } }));

tp_tensor *tp_pad_last(tp_tensor *x, tp_shape pad, tp_pad_mode mode, double value)
{
    return tp_apply(&tp_op_pad, &x, 1, &(functional_attrs){ pad, (int)mode, value });
}

/* ---- pixel_shuffle -------------------------------------------------------------------------------------------------------- */

static void pixel_shuffle_compose(tp_call *c)
{
    tp_tensor *x = c->in[0];
    int64_t r = *(const int64_t *)c->attrs;
    tp_shape s = tp_shape_of(x);
    if (s.ndim < 3 || r < 1 || r > INT32_MAX || s.dim[s.ndim - 3] % (r * r)) {
        tp_fail(TP_ERR_SHAPE, "pixel_shuffle: %s by %lld: (..., C %lld, H, W) is wanted",
                tensor_shape_text(x), (long long)r, (long long)(r > 0 && r <= INT32_MAX ? r * r : r));
        return;
    }
    int64_t rows = 1, ch = s.dim[s.ndim - 3] / (r * r), h = s.dim[s.ndim - 2], w = s.dim[s.ndim - 1];
    for (int i = 0; i < s.ndim - 3; i++)
        rows *= s.dim[i];
    tp_tensor *y = tp_permute(tp_reshape(x, TP_SHAPE(rows, ch, r, r, h, w)), TP_SHAPE(0, 1, 4, 2, 5, 3));
    s.dim[s.ndim - 3] = ch, s.dim[s.ndim - 2] = h * r, s.dim[s.ndim - 1] = w * r;
    c->out[0] = tp_reshape(y, s);
}

COMPOSED_OP(pixel_shuffle, "x", 1, "y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w], r = upscale_factor",
            OP_ATTRS(int64_t, { "upscale_factor", TP_ATTR_I64, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "1,8,2,3", &(int64_t){ 2 } }, { "9,2,1@t", &(int64_t){ 3 } }));

tp_tensor *tp_pixel_shuffle(tp_tensor *x, int64_t upscale_factor)
{
    return tp_apply(&tp_op_pixel_shuffle, &x, 1, &upscale_factor);
}

static void pixel_unshuffle_compose(tp_call *c)
{
    tp_tensor *x = c->in[0];
    int64_t r = *(const int64_t *)c->attrs;
    tp_shape s = tp_shape_of(x);
    if (s.ndim < 3 || r < 1 || r > INT32_MAX || s.dim[s.ndim - 2] % r || s.dim[s.ndim - 1] % r) {
        tp_fail(TP_ERR_SHAPE, "pixel_unshuffle: %s by %lld: (..., C, H %lld, W %lld) is wanted",
                tensor_shape_text(x), (long long)r, (long long)r, (long long)r);
        return;
    }
    int64_t rows = 1, ch = s.dim[s.ndim - 3], h = s.dim[s.ndim - 2] / r, w = s.dim[s.ndim - 1] / r;
    for (int i = 0; i < s.ndim - 3; i++)
        rows *= s.dim[i];
    tp_tensor *y = tp_permute(tp_reshape(x, TP_SHAPE(rows, ch, h, r, w, r)), TP_SHAPE(0, 1, 3, 5, 2, 4));
    s.dim[s.ndim - 3] = ch * r * r, s.dim[s.ndim - 2] = h, s.dim[s.ndim - 1] = w;
    c->out[0] = tp_reshape(y, s);
}

COMPOSED_OP(pixel_unshuffle, "x", 1,
            "y[c r^2 + i r + j, h, w] = x[c, h r + i, w r + j], r = downscale_factor",
            OP_ATTRS(int64_t, { "downscale_factor", TP_ATTR_I64, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "1,2,4,6", &(int64_t){ 2 } }, { "1,3,6@t", &(int64_t){ 3 } }));

tp_tensor *tp_pixel_unshuffle(tp_tensor *x, int64_t downscale_factor)
{
    return tp_apply(&tp_op_pixel_unshuffle, &x, 1, &downscale_factor);
}
