/* repeat.c - elements again or elsewhere: repeat, tile, repeat_interleave, flip, fliplr, flipud, rot90, roll.
 *
 * Layer: ops.  Depends on map.h for strided copies.  Read next: join.c, pad.c. */
#include "base/memory.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

/* ---- repeat ------------------------------------------------------------------------------------------------------------ */

/* Every dim that is repeated becomes two, (times, size), the first expanded; one reshape then joins them, which is the copy. */
static tp_tensor *repeated(tp_tensor *y, const tp_shape *times)
{
    tp_shape apart = { 0 }, wide = { 0 }, whole = tp_shape_of(y);
    for (int d = 0; d < times->ndim; d++) {
        if (times->dim[d] != 1)
            apart.dim[apart.ndim++] = 1, wide.dim[wide.ndim++] = times->dim[d];
        apart.dim[apart.ndim++] = wide.dim[wide.ndim++] = y->shape[d];
        whole.dim[d] *= times->dim[d];
    }
    return tp_reshape(tp_expand(tp_view(y, apart), wide), whole);
}

/* The same for one dim, where there is no room for more dims: what follows it is one with it. */
static tp_tensor *repeated_along(tp_tensor *y, int dim, int64_t times)
{
    tp_shape whole = tp_shape_of(y), rows = { 2, { 1, 1 } };
    for (int i = 0; i < whole.ndim; i++)
        rows.dim[i >= dim] *= whole.dim[i];
    whole.dim[dim] *= times;
    return tp_reshape(repeated(tp_reshape(y, rows), &TP_SHAPE(1, times)), whole);
}

static void repeat_compose(tp_call *c)
{
    tp_shape times = *(const tp_shape *)c->attrs, shape = { .ndim = times.ndim };
    tp_tensor *x = c->in[0];
    int more = 0;
    if (times.ndim < x->ndim || times.ndim > TP_MAX_DIMS) {
        tp_fail(TP_ERR_ARGUMENT, "repeat: %d counts for the %d dims of %s", times.ndim, x->ndim,
                tensor_shape_text(x));
        return;
    }
    for (int d = 0; d < times.ndim; d++) {
        int64_t from = d - (times.ndim - x->ndim), unused;
        shape.dim[d] = from < 0 ? 1 : x->shape[from];
        more += times.dim[d] != 1;
        if (times.dim[d] < 0 || !tp_mul_fits(times.dim[d], shape.dim[d], &unused)) {
            tp_fail(TP_ERR_ARGUMENT, "repeat: dim %d repeated %lld times", d, (long long)times.dim[d]);
            return;
        }
    }
    tp_tensor *y = tp_view(x, shape);
    if (y && more && times.ndim + more <= TP_MAX_DIMS)
        y = repeated(y, &times);
    else
        for (int d = 0; d < times.ndim && y; d++)
            if (times.dim[d] != 1)
                y = repeated_along(y, d, times.dim[d]);
    c->out[0] = tp_shares_storage(y, x) ? tp_clone(y) : y;
}

COMPOSED_OP(repeat, "x", 1,
            "y = x repeats[d] times along dim d, more dims in front where there are more repeats",
            OP_ATTRS(tp_shape, { "repeats", TP_ATTR_DIMS, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3", &TP_SHAPE(2, 1, 3) }, { "3,2@t", &TP_SHAPE(2, 2) }, { "s", &TP_SHAPE(3) },
                        { "2", &TP_SHAPE(0) }, { "1,2,1,2,2", &TP_SHAPE(2, 2, 2, 1, 2) }));

tp_tensor *tp_repeat(tp_tensor *x, tp_shape times)
{
    return tp_apply(&tp_op_repeat, &x, 1, &times);
}

static void tile_compose(tp_call *c)
{
    tp_shape dims = *(const tp_shape *)c->attrs,
             times = { .ndim = c->in[0]->ndim > dims.ndim ? c->in[0]->ndim : dims.ndim };
    for (int i = 1; i <= times.ndim; i++)
        times.dim[times.ndim - i] = i <= dims.ndim ? dims.dim[dims.ndim - i] : 1;
    c->out[0] = tp_repeat(c->in[0], times);
}

COMPOSED_OP(tile, "x", 1, "y = x dims[d] times along dim d, counted from the last",
            OP_ATTRS(tp_shape, { "dims", TP_ATTR_DIMS, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "2,3", &TP_SHAPE(2) }, { "3,2@t", &TP_SHAPE(2, 1, 2) }));

tp_tensor *tp_tile(tp_tensor *x, tp_shape dims)
{
    return tp_apply(&tp_op_tile, &x, 1, &dims);
}

/* ---- repeat_interleave --------------------------------------------------------------------------------------------------- */

typedef struct interleave_attrs {
    int64_t repeats, dim;
} interleave_attrs;

/* 0 0 1 2 2 2 ... of the counts 2 1 3 ... */
static tp_tensor *index_of_repeats(tp_tensor *repeats, int64_t n)
{
    int64_t total = 0;
    if (tp_dtype_is_float((tp_dtype)repeats->dtype) || repeats->dtype == TP_BOOL || repeats->ndim > 1 ||
        (repeats->numel != n && repeats->numel != 1))
        return tp_fail_null(TP_ERR_SHAPE,
                            "repeat_interleave: repeats %s of %s, %lld integers or one are wanted",
                            tensor_shape_text(repeats), tp_dtype_name((tp_dtype)repeats->dtype),
                            (long long)n);
    if (!tensor_data(repeats))
        return tp_fail_null(
            TP_ERR_UNSUPPORTED,
            "repeat_interleave: the shape of its result depends on values, which a dry run has not");
    const tp_tensor *counts = tp_contiguous(tp_long(repeats));
    const int64_t *count = counts ? (const int64_t *)(const void *)tensor_data(counts) : NULL;
    for (int64_t i = 0; count && i < n; i++) {
        int64_t times = count[counts->numel == 1 ? 0 : i];
        if (times < 0 || __builtin_add_overflow(total, times, &total))
            return tp_fail_null(TP_ERR_ARGUMENT, "repeat_interleave: element %lld is repeated %lld times",
                                (long long)i, (long long)times);
    }
    tp_tensor *index = count ? tensor_new(TP_I64, TP_SHAPE(total)) : NULL;
    int64_t *to = index ? (int64_t *)(void *)tensor_data(index) : NULL;
    for (int64_t i = 0; to && i < n; i++)
        for (int64_t k = 0; k < count[counts->numel == 1 ? 0 : i]; k++)
            *to++ = i;
    return index;
}

static void repeat_interleave_compose(tp_call *c)
{
    const interleave_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *repeats = c->in[1];
    int dim = a->dim == TP_NO_DIM ? 0 : (int)a->dim;
    if (a->dim == TP_NO_DIM)
        x = tp_ravel(x);
    if (!x || normalize_dim("repeat_interleave", x->ndim, &dim))
        return;
    if (x->ndim == 0)
        x = tp_view(x, TP_SHAPE(1));
    if (repeats) {
        tp_tensor *index = index_of_repeats(repeats, x->shape[dim]);
        c->out[0] = index ? tp_index_select(x, dim, index) : NULL;
        return;
    }
    if (a->repeats < 0 || x->ndim == TP_MAX_DIMS) {
        tp_fail(TP_ERR_ARGUMENT,
                "repeat_interleave: %s, dim %d repeated %lld times; a count from 0 on and at most %d dims "
                "are wanted",
                tensor_shape_text(x), dim, (long long)(a->repeats == TP_NO_DIM ? -1 : a->repeats),
                TP_MAX_DIMS - 1);
        return;
    }
    tp_shape whole = tp_shape_of(x), wide = { .ndim = x->ndim + 1 };
    whole.dim[dim] *= a->repeats;
    for (int i = 0; i < wide.ndim; i++)
        wide.dim[i] = i == dim + 1 ? a->repeats : x->shape[i - (i > dim)];
    c->out[0] = tp_reshape(tp_expand(tp_unsqueeze(x, dim + 1), wide), whole);
}

COMPOSED_OP(
    repeat_interleave, "x repeats?", 2,
    "y = every element along dim repeats times, one after the other; without dim all of x as a vector",
    OP_ATTRS(interleave_attrs, OP_ATTR(interleave_attrs, I64, repeats, TP_NO_DIM),
             OP_ATTR(interleave_attrs, I64, dim, TP_NO_DIM)),
    OP_EXAMPLES({ "2,3 -", &(interleave_attrs){ 2, 1 } }, { "3,2@t -", &(interleave_attrs){ 3, TP_NO_DIM } },
                { "2,3 -", &(interleave_attrs){ 0, 0 } }));

tp_tensor *tp_repeat_interleave(tp_tensor *x, int64_t repeats, int dim)
{
    return tp_apply(&tp_op_repeat_interleave, (tp_tensor *[]){ x, NULL }, 2,
                    &(interleave_attrs){ repeats, dim });
}

tp_tensor *tp_repeat_interleave_by(tp_tensor *x, tp_tensor *repeats, int dim)
{
    return tp_apply(&tp_op_repeat_interleave, (tp_tensor *[]){ x, repeats }, 2,
                    &(interleave_attrs){ TP_NO_DIM, dim });
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
    .attrs = (const tp_attr[]){ { "dims", TP_ATTR_DIMS, 0, 0, NULL }, { 0 } },
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

static void flipud_compose(tp_call *c)
{
    c->out[0] = tp_flip(c->in[0], TP_SHAPE(0));
}

static void fliplr_compose(tp_call *c)
{
    if (c->in[0]->ndim < 2)
        tp_fail(TP_ERR_SHAPE, "fliplr: %s, at least 2 dims are wanted", tensor_shape_text(c->in[0]));
    else
        c->out[0] = tp_flip(c->in[0], TP_SHAPE(1));
}

COMPOSED_OP(fliplr, "x", 1, "y = x with its columns (dim 1) in reverse order",
            OP_EXAMPLES({ "2,3", NULL }, { "3,5@t", NULL }));
COMPOSED_OP(flipud, "x", 1, "y = x with its rows (dim 0) in reverse order",
            OP_EXAMPLES({ "2,3", NULL }, { "5", NULL }));

tp_tensor *tp_fliplr(tp_tensor *x)
{
    return tp_apply(&tp_op_fliplr, &x, 1, NULL);
}

tp_tensor *tp_flipud(tp_tensor *x)
{
    return tp_apply(&tp_op_flipud, &x, 1, NULL);
}

typedef struct rot90_attrs {
    int64_t k;
    tp_shape dims;
} rot90_attrs;

static void rot90_compose(tp_call *c)
{
    const rot90_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    int d0 = a->dims.ndim ? (int)a->dims.dim[0] : 0, d1 = a->dims.ndim ? (int)a->dims.dim[1] : 1;
    if (normalize_dim("rot90", x->ndim, &d0) || normalize_dim("rot90", x->ndim, &d1))
        return;
    if (a->dims.ndim % 2 || a->dims.ndim > 2 || d0 == d1 || x->ndim < 2) {
        tp_fail(TP_ERR_ARGUMENT, "rot90: dims %s of %s; two different ones are wanted", shape_text(a->dims),
                tensor_shape_text(x));
        return;
    }
    switch ((a->k % 4 + 4) % 4) {
    case 1: c->out[0] = tp_transpose(tp_flip(x, TP_SHAPE(d1)), d0, d1); break;
    case 2: c->out[0] = tp_flip(x, TP_SHAPE(d0, d1)); break;
    case 3: c->out[0] = tp_transpose(tp_flip(x, TP_SHAPE(d0)), d0, d1); break;
    default: c->out[0] = tp_clone(x);
    }
}

COMPOSED_OP(rot90, "x", 1, "y = x turned k times by 90 degrees, from the first of dims to the second",
            OP_ATTRS(rot90_attrs, OP_ATTR(rot90_attrs, I64, k, 1), OP_ATTR(rot90_attrs, DIMS, dims, 0)),
            OP_EXAMPLES({ "2,3", &(rot90_attrs){ 1, { 0 } } },
                        { "2,3,4", &(rot90_attrs){ -1, { 2, { 2, 0 } } } },
                        { "3,2@t", &(rot90_attrs){ 2, { 2, { 0, 1 } } } },
                        { "2,2", &(rot90_attrs){ 4, { 0 } } }),
            .note = "dims (0, 1) where none are given");

tp_tensor *tp_rot90(tp_tensor *x, int64_t k, tp_shape dims)
{
    return tp_apply(&tp_op_rot90, &x, 1, &(rot90_attrs){ k, dims });
}

/* ---- roll ------------------------------------------------------------------------------------------------------------------- */

typedef struct roll_attrs {
    tp_shape shifts, dims;
} roll_attrs;

static tp_status rolled_infer(tp_call *c)
{
    return tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, tp_shape_of(c->in[0]));
}

/* shifts has an entry for every dim, in [0, size). */
static void rolled_forward(const tp_call *c)
{
    const tp_shape *shift = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    int64_t size = (int64_t)tensor_element_size(x), shape[TP_MAX_DIMS];
    for (unsigned part = 0; part < 1u << x->ndim;
         part++) { /* bit d: what passes dim d's end and comes in at its beginning */
        int64_t from = 0, to = 0;
        bool empty = false;
        for (int d = 0; d < x->ndim; d++) {
            bool wraps = part >> d & 1;
            int64_t stays = x->shape[d] - shift->dim[d];
            shape[d] = wraps ? shift->dim[d] : stays;
            from += wraps ? stays * x->stride[d] : 0;
            to += wraps ? 0 : shift->dim[d] * y->stride[d];
            empty |= shape[d] == 0;
        }
        if (!empty)
            copy_strided(c->kernels, x->ndim, shape, tensor_data(y) + to * size, (tp_dtype)y->dtype,
                         y->stride, tensor_data(x) + from * size, (tp_dtype)x->dtype, x->stride);
    }
}

static void rolled_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_shape back = *(const tp_shape *)s->attrs;
    for (int d = 0; d < back.ndim; d++)
        back.dim[d] = back.dim[d] ? s->in_shape[0].dim[d] - back.dim[d] : 0;
    dx[0] = tp_apply(s->op, &dy, 1, &back);
}

static const tp_op rolled = {
    .name = "roll",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_shape),
    .infer = rolled_infer,
    .forward = rolled_forward,
    .backward = rolled_backward,
};

static void roll_compose(tp_call *c)
{
    const roll_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    bool flat = a->dims.ndim == 0 && a->shifts.ndim == 1;
    if (!flat && (a->shifts.ndim != a->dims.ndim || a->shifts.ndim == 0)) {
        tp_fail(TP_ERR_ARGUMENT, "roll: shifts %s, dims %s: as many are wanted", shape_text(a->shifts),
                shape_text(a->dims));
        return;
    }
    if (flat)
        x = tp_ravel(x);
    tp_shape shift = { .ndim = tp_ndim(x) };
    for (int i = 0; x && i < a->shifts.ndim; i++) {
        int dim = flat ? 0 : (int)a->dims.dim[i];
        if (normalize_dim("roll", x->ndim, &dim))
            return;
        int64_t size = x->ndim ? x->shape[dim] : 1;
        if (size)
            shift.dim[dim] = ((shift.dim[dim] + a->shifts.dim[i] % size) % size + size) % size;
    }
    x = tp_apply(&rolled, &x, 1, &shift);
    c->out[0] = flat ? tp_reshape(x, tp_shape_of(c->in[0])) : x;
}

COMPOSED_OP(roll, "x", 1, "y[i + shift] = x[i] along dims, around the end; without dims all of x as a vector",
            OP_ATTRS(roll_attrs, OP_ATTR(roll_attrs, DIMS, shifts, TP_REQUIRED),
                     OP_ATTR(roll_attrs, DIMS, dims, 0)),
            OP_EXAMPLES({ "3,4", &(roll_attrs){ { 1, { 1 } }, { 1, { 0 } } } },
                        { "3,5@t", &(roll_attrs){ { 2, { -1, 7 } }, { 2, { 0, -1 } } } },
                        { "2,3", &(roll_attrs){ { 1, { 2 } }, { 0 } } },
                        { "0,3", &(roll_attrs){ { 1, { 1 } }, { 1, { 1 } } } }));

tp_tensor *tp_roll(tp_tensor *x, tp_shape shifts, tp_shape dims)
{
    return tp_apply(&tp_op_roll, &x, 1, &(roll_attrs){ shifts, dims });
}
