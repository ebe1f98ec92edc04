/* copy.c - copies: clone, contiguous, casts, and copying into a tensor in place.
 *
 * Layer: ops.  Depends on map.h.  Read next: create.c, shape.c. */
#include "ops/map.h"

#include "ops/ops.h"

/* ---- clone: new memory ------------------------------------------------------------------------------------------ */

/* Strides of (N, C, H, W) with C innermost. */
static void channels_last_strides(tp_tensor *y)
{
    y->stride[1] = 1;
    y->stride[3] = y->shape[1];
    y->stride[2] = y->stride[3] * y->shape[3];
    y->stride[0] = y->stride[2] * y->shape[2];
}

static tp_status clone_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int64_t layout = *(const int64_t *)c->attrs;
    if (layout == CLONE_PRESERVE)
        return tp_infer_like(c, 0);
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x)))
        return tp_error_pending();
    if (layout == CLONE_CHANNELS_LAST)
        channels_last_strides(c->out[0]);
    return TP_OK;
}

static void copy_forward(const tp_call *c)
{
    copy_tensor(c->kernels, c->out[0], c->in[c->n_in - 1]);
}

static void pass_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s;
    dx[0] = dy; /* the engine casts it where x had another dtype */
}

static const tp_example any_layout[] = {
    { "2,3", &(int64_t){ 0 } }, { "3,5@t", &(int64_t){ 1 } }, { "0,4", &(int64_t){ 0 } }, { NULL, NULL }
};

const tp_op tp_op_clone = {
    .name = "clone",
    .formula = "y = x in new memory",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "layout", TP_ATTR_I64, 0, 0, NULL },
                                { 0 } }, /* 0: as x, 1: contiguous, 2: channels-last */
    .infer = clone_infer,
    .forward = copy_forward,
    .backward = pass_backward,
    .examples = any_layout,
};

tp_tensor *tp_clone(tp_tensor *x)
{
    return tp_apply(&tp_op_clone, &x, 1, &(int64_t){ CLONE_PRESERVE });
}

tp_tensor *tp_contiguous(tp_tensor *x)
{
    if (x && !tp_pending() && tensor_is_contiguous(x))
        return x;
    return tp_apply(&tp_op_clone, &x, 1, &(int64_t){ CLONE_CONTIGUOUS });
}

static void contiguous_compose(tp_call *c)
{
    c->out[0] = tp_contiguous(c->in[0]);
}

COMPOSED_OP(contiguous, "x", 1, "y = x itself if its elements lie in row-major order, else a copy",
            OP_EXAMPLES({ "2,3", NULL }, { "3,5@t", NULL }));

tp_status infer_image(tp_call *c, int output, tp_dtype dtype, tp_shape shape)
{
    if (tp_infer_shape(c, output, dtype, shape))
        return tp_error_pending();
    channels_last_strides(c->out[output]);
    return TP_OK;
}

bool is_channels_last(const tp_tensor *x)
{
    int64_t expected = 1;
    static const int order[] = { 1, 3, 2, 0 };
    for (int i = 0; i < 4; i++) {
        if (x->shape[order[i]] != 1 && x->stride[order[i]] != expected)
            return x->numel == 0;
        expected *= x->shape[order[i]];
    }
    return true;
}

tp_tensor *channels_last(tp_tensor *x)
{
    if (!x || tp_pending() || x->ndim != 4 || is_channels_last(x))
        return x;
    return tp_apply(&tp_op_clone, &x, 1, &(int64_t){ CLONE_CHANNELS_LAST });
}

static bool lies_right(const tp_tensor *x, int64_t layout)
{
    return layout == CLONE_CHANNELS_LAST ? is_channels_last(x) : tensor_is_contiguous(x);
}

size_t staged_bytes(const tp_tensor *x, int64_t layout)
{
    return lies_right(x, layout) ? 0 : ((size_t)x->numel * tensor_element_size(x) + 63) / 64 * 64;
}

/* There is no scratch at all where nobody needs a byte of it. */
static void *take_scratch(char **scratch, size_t bytes)
{
    char *taken = *scratch;
    if (bytes)
        *scratch += bytes;
    return taken;
}

const void *staged(const tp_call *c, const tp_tensor *x, int64_t layout, char **scratch)
{
    if (lies_right(x, layout))
        return tensor_data(x);
    tp_tensor there = *x; /* only its shape, strides and dtype are used */
    int64_t size = 1;
    for (int i = x->ndim; i-- > 0; size *= x->shape[i])
        there.stride[i] = size;
    if (layout == CLONE_CHANNELS_LAST)
        channels_last_strides(&there);
    void *copy = take_scratch(scratch, staged_bytes(x, layout));
    copy_strided(c->kernels, x->ndim, x->shape, copy, (tp_dtype)x->dtype, there.stride, tensor_data(x),
                 (tp_dtype)x->dtype, x->stride);
    return copy;
}

size_t converted_bytes(const tp_tensor *x, tp_dtype dtype)
{
    return ((size_t)x->numel * tp_dtype_size(dtype) + 63) / 64 * 64;
}

const void *converted(const tp_call *c, const tp_tensor *x, tp_dtype dtype, char **scratch)
{
    int64_t stride[TP_MAX_DIMS], size = 1;
    void *copy = take_scratch(scratch, converted_bytes(x, dtype));
    for (int i = x->ndim; i-- > 0; size *= x->shape[i])
        stride[i] = size;
    copy_strided(c->kernels, x->ndim, x->shape, copy, dtype, stride, tensor_data(x), (tp_dtype)x->dtype,
                 x->stride);
    return copy;
}

/* ---- to: another dtype -------------------------------------------------------------------------------------------- */

static tp_status to_infer(tp_call *c)
{
    tp_dtype dtype = *(const tp_dtype *)c->attrs;
    if ((unsigned)dtype >= TP_N_DTYPES)
        return tp_fail(TP_ERR_DTYPE, "to: %d is no dtype", (int)dtype);
    if (tp_infer_like(c, 0))
        return tp_error_pending();
    c->out[0]->dtype = (uint8_t)dtype;
    return TP_OK;
}

const tp_op tp_op_to = {
    .name = "to",
    .formula = "y = x as dtype",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(tp_dtype),
    .attrs = (const tp_attr[]){ { "dtype", TP_ATTR_DTYPE, 0, 0, NULL }, { 0 } },
    .infer = to_infer,
    .forward = copy_forward,
    .backward = pass_backward,
    .examples = (const tp_example[]){ { "2,3", &(tp_dtype){ TP_F64 } },
                                      { "3,5@t", &(tp_dtype){ TP_F64 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_to(tp_tensor *x, tp_dtype dtype)
{
    if (x && !tp_pending() && x->dtype == dtype && !x->is_number)
        return x;
    return tp_apply(&tp_op_to, &x, 1, &dtype);
}

tp_tensor *tp_float(tp_tensor *x)
{
    return tp_to(x, TP_F32);
}
tp_tensor *tp_double(tp_tensor *x)
{
    return tp_to(x, TP_F64);
}
tp_tensor *tp_int(tp_tensor *x)
{
    return tp_to(x, TP_I32);
}
tp_tensor *tp_long(tp_tensor *x)
{
    return tp_to(x, TP_I64);
}
tp_tensor *tp_bool(tp_tensor *x)
{
    return tp_to(x, TP_BOOL);
}
tp_tensor *tp_half(tp_tensor *x)
{
    return tp_to(x, TP_F16);
}
tp_tensor *tp_bfloat16(tp_tensor *x)
{
    return tp_to(x, TP_BF16);
}

/* ---- copy: into a tensor ------------------------------------------------------------------------------------------- */

static tp_status copy_infer(tp_call *c)
{
    tp_tensor *dst = c->in[0], *src = c->in[1];
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    if (!tensor_same_shape(dst, c->out[0]))
        return tp_fail(TP_ERR_SHAPE, "copy: %s does not broadcast to %s", tensor_shape_text(src),
                       tensor_shape_text(dst));
    return tp_infer_like(c, 0);
}

static void copy_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_zeros_like(dy);
    dx[1] = dy;
}

const tp_op tp_op_copy = {
    .name = "copy",
    .formula = "y = src in dst's shape and dtype",
    .inputs = "dst src",
    .n_in = 2,
    .infer = copy_infer,
    .forward = copy_forward,
    .backward = copy_backward,
    .examples =
        (const tp_example[]){ { "2,3 2,3", NULL }, { "2,3 3", NULL }, { "4,5@t s", NULL }, { NULL, NULL } },
};

tp_tensor *tp_copy_(tp_tensor *dst, tp_tensor *src)
{
    return tp_apply_(&tp_op_copy, (tp_tensor *[]){ dst, src }, 2, NULL);
}

tp_tensor *tp_fill_(tp_tensor *x, double value)
{
    TP_SCOPE;
    return tp_copy_(x, tp_number(value));
}

tp_tensor *tp_zero_(tp_tensor *x)
{
    return tp_fill_(x, 0);
}

tp_tensor *fresh_leaf(tp_tensor *t)
{
    return t && tp_dtype_is_float((tp_dtype)t->dtype) ? tp_requires_grad_(tp_detach(t), true) : t;
}
