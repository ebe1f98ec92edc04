/* pool.c - max and average pooling of images, and their adjoints: the operations with kernels.
 *
 * y[n,c,i,j] = max or mean of x over window (i, j).  Channels-last: the kernels' inner loop runs over C; images are
 * shared out over threads.
 * Layer: ops.  Kernels: max_pool, avg_pool and their backwards (kernels.h).  Read next: pool_forms.c for what people call. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/pool.h"

#include <math.h>

/* PyTorch's rule: a window that would start beyond the input and its left padding is dropped in ceil mode. */
static int64_t pooled_size(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation,
                           bool ceil_mode)
{
    int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
    if (room < 0 && !ceil_mode)
        return 0;
    int64_t steps = room + (ceil_mode ? stride - 1 : 0), out = (steps < 0 ? -1 : steps / stride) + 1;
    return ceil_mode && (out - 1) * stride >= in + padding ? out - 1 : out;
}

static pool_args geometry(const pool_attrs *a, const int64_t *x, const int64_t *y)
{
    return (pool_args){ .h = x[2],
                        .w = x[3],
                        .c = x[1],
                        .oh = y[2],
                        .ow = y[3],
                        .kernel = { a->kernel[0], a->kernel[1] },
                        .stride = { a->stride[0], a->stride[1] },
                        .padding = { a->padding[0], a->padding[1] },
                        .dilation = { a->dilation[0], a->dilation[1] },
                        .ceil_mode = a->ceil_mode,
                        .exclude_pad = a->exclude_pad };
}

tp_status check_image(const char *op, const tp_tensor *x)
{
    if (x->ndim != 4)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, (N, C, H, W) is wanted", op, tensor_shape_text(x));
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s, f32 or f64 is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype));
    return TP_OK;
}

static tp_status check_window(const char *op, const pool_attrs *a)
{
    for (int i = 0; i < 2; i++)
        if (a->kernel[i] < 1 || a->stride[i] < 1 || a->dilation[i] < 1 || a->padding[i] < 0 ||
            a->padding[i] > a->kernel[i] / 2)
            return tp_fail(TP_ERR_ARGUMENT,
                           "%s: kernel %lld, stride %lld, padding %lld, dilation %lld: all but padding at "
                           "least 1, padding at most half the kernel",
                           op, (long long)a->kernel[i], (long long)a->stride[i], (long long)a->padding[i],
                           (long long)a->dilation[i]);
    return TP_OK;
}

static const char *public_name(const tp_op *op)
{
    return op->name + (op->name[0] == '_');
}

static tp_status pool_infer(tp_call *c)
{
    const pool_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    int64_t out[2];
    if (check_image(public_name(c->op), x) || check_window(public_name(c->op), a))
        return tp_error_pending();
    for (int i = 0; i < 2; i++) {
        out[i] = pooled_size(x->shape[2 + i], a->kernel[i], a->stride[i], a->padding[i], a->dilation[i],
                             a->ceil_mode);
        if (out[i] < 1)
            return tp_fail(TP_ERR_SHAPE, "%s: kernel %lldx%lld does not fit into input %s",
                           public_name(c->op), (long long)a->kernel[0], (long long)a->kernel[1],
                           tensor_shape_text(x));
    }
    if (x->shape[2] > UINT32_MAX / (x->shape[3] ? x->shape[3] : 1))
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, at most 2^32 - 1 pixels are wanted", public_name(c->op),
                       tensor_shape_text(x));
    tp_shape shape = TP_SHAPE(x->shape[0], x->shape[1], out[0], out[1]);
    c->scratch_bytes = staged_bytes(x, CLONE_CHANNELS_LAST);
    if (a->taps && (a->kernel[0] > 15 || a->kernel[1] > 15))
        return tp_fail(TP_ERR_ARGUMENT,
                       "%s: taps of a window of at most 15x15 go into a byte, not of %lldx%lld",
                       public_name(c->op), (long long)a->kernel[0], (long long)a->kernel[1]);
    if (c->n_out > 1 && infer_image(c, 1, a->taps ? TP_U8 : TP_I64, shape))
        return tp_error_pending();
    return infer_image(c, 0, (tp_dtype)x->dtype, shape);
}

/* ---- images over threads ------------------------------------------------------------------------------------------------ */

typedef struct pool_run {
    const kernel_table *kernels;
    pool_args geometry;
    int type;         /* 0: f32, 1: f64 */
    const char *from; /* images of from_size bytes */
    char *to;         /* images of to_size bytes */
    char *index;      /* images of index_size bytes: a place for each element of the pooled one */
    int64_t from_size, to_size, index_size;
    int64_t parts; /* of an image, by its rows of y and its channels */
    void (*image)(const struct pool_run *, const pool_args *, const char *from, char *to, char *index);
} pool_run;

static void run_images(void *context, int64_t begin, int64_t end)
{
    const pool_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        const int64_t n = i / r->parts, part = i % r->parts;
        pool_args a = r->geometry;
        a.begin_row = part * a.oh / r->parts;
        a.end_row = (part + 1) * a.oh / r->parts;
        a.begin_channel = part * a.c / r->parts;
        a.end_channel = (part + 1) * a.c / r->parts;
        r->image(r, &a, r->from + n * r->from_size, r->to + n * r->to_size,
                 r->index ? r->index + n * r->index_size : NULL);
    }
}

static void for_images(const tp_call *c, pool_run *r, const tp_tensor *x, const tp_tensor *pooled,
                       const tp_tensor *index)
{
    int64_t images = pooled->shape[0], size = (int64_t)tensor_element_size(pooled);
    if (!images || !x->numel)
        return;
    bool forward = c->in[0] == x;
    r->kernels = c->kernels;
    r->type = pooled->dtype == TP_F64;
    r->geometry = geometry(c->attrs, x->shape, pooled->shape);
    r->parts = r->parts > 1 ? r->parts : 1;
    if (index) {
        r->geometry.taps = index->dtype == TP_U8;
        r->index_size = pooled->numel / images * (int64_t)tensor_element_size(index);
    }
    r->from_size = (forward ? x->numel : pooled->numel) / images * size;
    r->to_size = (forward ? pooled->numel : x->numel) / images * size;
    const int64_t pieces = images * r->parts;
    parallel_for(pieces, x->numel < 65536 ? INT64_MAX / 2 : 32768 / (x->numel / pieces + 1) + 1, run_images,
                 r);
}

/* ---- max_pool2d: values, and where in the image they stood ------------------------------------------------------------------ */

static void max_image(const pool_run *r, const pool_args *a, const char *from, char *to, char *index)
{
    r->kernels->max_pool[r->type](a, to, index, from);
}

enum { FEW_IMAGES = 8, PARTS = 8, PART_CHANNELS = 64 }; /* of few images parts are shared out */

static void max_pool2d_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    const tp_tensor *index = c->n_out > 1 ? c->out[1] : NULL;
    pool_run r = { .image = max_image,
                   .parts = c->in[0]->shape[0] < FEW_IMAGES && c->out[0]->shape[2] > PARTS ? PARTS : 1,
                   .to = tensor_data(c->out[0]),
                   .index = index ? tensor_data(index) : NULL };
    r.from = staged(c, c->in[0], CLONE_CHANNELS_LAST, &scratch);
    for_images(c, &r, c->in[0], c->out[0], index);
}

extern const tp_op tp_op_max_pool2d_backward;

static tp_tensor *spread(const tp_op *op, tp_tensor *const *in, int n, const pool_attrs *a,
                         const tp_shape *size)
{
    pool_attrs with_size = *a;
    with_size.size = *size;
    return tp_apply(op, in, n, &with_size);
}

static void max_pool2d_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (dy)
        dx[0] = spread(&tp_op_max_pool2d_backward, (tp_tensor *[]){ dy, s->out[1] }, 2, s->attrs,
                       &s->in_shape[0]);
}

#define POOL_ATTRS                                                              \
    { "kernel_size", TP_ATTR_PAIR, offsetof(pool_attrs, kernel), TP_REQUIRED }, \
        { "stride", TP_ATTR_PAIR, offsetof(pool_attrs, stride), 0 },            \
        { "padding", TP_ATTR_PAIR, offsetof(pool_attrs, padding), 0 },          \
        { "dilation", TP_ATTR_PAIR, offsetof(pool_attrs, dilation), 1 },        \
        { "ceil_mode", TP_ATTR_BOOL, offsetof(pool_attrs, ceil_mode), 0 },      \
    {                                                                           \
        "exclude_pad", TP_ATTR_BOOL, offsetof(pool_attrs, exclude_pad), 0       \
    }
static const tp_attr pool_attr_table[] = { POOL_ATTRS, { 0 } };
static const tp_attr max_attr_table[] = { POOL_ATTRS,
                                          { "taps", TP_ATTR_BOOL, offsetof(pool_attrs, taps), 0 },
                                          { 0 } };
static const tp_attr unpool_attr_table[] = {
    POOL_ATTRS, { "input_size", TP_ATTR_DIMS, offsetof(pool_attrs, size), TP_REQUIRED }, { 0 }
};

#define HALVE                                                 \
    {                                                         \
        { 2, 2 }, { 2, 2 }, { 0, 0 }, { 1, 1 }, false, false, \
        {                                                     \
            4,                                                \
            {                                                 \
                2, 3, 4, 6                                    \
            }                                                 \
        }                                                     \
    }
#define OVERLAP                                             \
    {                                                       \
        { 3, 2 }, { 2, 1 }, { 1, 1 }, { 1, 1 }, true, true, \
        {                                                   \
            4,                                              \
            {                                               \
                1, 2, 5, 4                                  \
            }                                               \
        }                                                   \
    }
static const tp_example max_examples[] = {
    { "2,3,4,6", &(pool_attrs)HALVE },
    { "1,2,5,4", &(pool_attrs)OVERLAP },
    { "2,67,5,4",
      &(pool_attrs){
          .kernel = { 3, 3 }, .stride = { 2, 1 }, .padding = { 1, 1 }, .dilation = { 1, 2 }, .taps = true } },
    { NULL, NULL }
};
static const tp_example pool_examples[] = { { "2,3,4,6", &(pool_attrs)HALVE },
                                            { "1,2,5,4", &(pool_attrs)OVERLAP },
                                            { NULL, NULL } };

const tp_op tp_op__max_pool2d = {
    .name = "_max_pool2d",
    .formula = "y[n,c,i,j] = largest x in window (i, j); index = where it stands",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(pool_attrs),
    .attrs = max_attr_table,
    .saves_out = 2,
    .infer = pool_infer,
    .forward = max_pool2d_forward,
    .backward = max_pool2d_grad,
    .examples = max_examples,
};

/* Where no gradient will ask for the places. */
const tp_op tp_op__max_pool2d_values = {
    .name = "_max_pool2d_values",
    .formula = "y[n,c,i,j] = largest x in window (i, j)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(pool_attrs),
    .attrs = pool_attr_table,
    .not_differentiable = true,
    .infer = pool_infer,
    .forward = max_pool2d_forward,
    .examples = pool_examples,
};

/* dx = dy at the places of the maxima */
static tp_status unpool_infer(tp_call *c)
{
    const pool_attrs *a = c->attrs;
    for (int i = 0; i < c->n_in; i++) {
        if (i == 0 ? check_image(c->op->name, c->in[i])
                   : (c->in[i]->dtype != TP_I64 && c->in[i]->dtype != TP_U8) ||
                         !tensor_same_shape(c->in[0], c->in[i]))
            return tp_fail(TP_ERR_SHAPE, "%s: dy %s and index %s do not come from one pooling", c->op->name,
                           tensor_shape_text(c->in[0]), tensor_shape_text(c->in[i]));
        c->scratch_bytes += staged_bytes(c->in[i], CLONE_CHANNELS_LAST);
    }
    const tp_tensor *dy = c->in[0];
    bool fits = a->size.ndim == 4 && dy->shape[0] == a->size.dim[0] && dy->shape[1] == a->size.dim[1];
    for (int i = 0; i < 2 && fits; i++)
        fits = dy->shape[2 + i] == pooled_size(a->size.dim[2 + i], a->kernel[i], a->stride[i], a->padding[i],
                                               a->dilation[i], a->ceil_mode);
    if (check_window(c->op->name, a) || !fits)
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s is not what pooling makes of input_size %s", c->op->name,
                       tensor_shape_text(dy), shape_text(a->size));
    return infer_image(c, 0, (tp_dtype)c->in[0]->dtype, a->size);
}

static void max_image_backward(const pool_run *r, const pool_args *a, const char *from, char *to, char *index)
{
    r->kernels->max_pool_backward[r->type](a, to, from, index);
}

static void max_pool2d_backward_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    pool_run r = { .image = max_image_backward,
                   .parts = c->in[0]->shape[0] < FEW_IMAGES ? c->in[0]->shape[1] / PART_CHANNELS : 1,
                   .to = tensor_data(c->out[0]) };
    r.from = staged(c, c->in[0], CLONE_CHANNELS_LAST, &scratch);
    r.index = (char *)(uintptr_t)staged(c, c->in[1], CLONE_CHANNELS_LAST, &scratch);
    for_images(c, &r, c->out[0], c->in[0], c->in[1]);
}

/* 0, 1 ... n - 1, each times stride, less padding */
static tp_tensor *first_of_windows(int64_t n, int64_t stride, int64_t padding)
{
    return tp_sub(tp_mul(tp_arange(0, (double)n, 1, .dtype = TP_I64), tp_integer(stride)),
                  tp_integer(padding));
}

/* ih * W + iw of taps */
static tp_tensor *places_of(tp_tensor *taps, const pool_attrs *a)
{
    tp_tensor *tap = tp_to(taps, TP_I64), *row = tp_floor_divide(tap, tp_integer(a->kernel[1])),
              *column = tp_sub(tap, tp_mul(row, tp_integer(a->kernel[1])));
    tp_tensor *h = first_of_windows(tp_size(taps, 2), a->stride[0], a->padding[0]),
              *w = first_of_windows(tp_size(taps, 3), a->stride[1], a->padding[1]);
    row = tp_add(tp_mul(row, tp_integer(a->dilation[0])), tp_unsqueeze(h, 1));
    column = tp_add(tp_mul(column, tp_integer(a->dilation[1])), w);
    return tp_add(tp_mul(row, tp_integer(a->size.dim[3])), column);
}

/* Its own gradient: what stands at those places, read plane by plane. */
static void max_pool2d_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *index = s->in[1], *planes = tp_flatten(dz, 2, 3), *outside = NULL;
    if (tp_dtype_of(index) == TP_U8) {
        outside = tp_eq(index, tp_integer(255));
        index = tp_masked_fill(places_of(index, s->attrs), outside, 0);
    }
    tp_tensor *read = tp_reshape(tp_gather(planes, 2, tp_flatten(index, 2, 3)), s->in_shape[0]);
    dx[0] = outside ? tp_masked_fill(read, outside, 0) : read;
}

const tp_op tp_op_max_pool2d_backward = {
    .name = "max_pool2d_backward",
    .formula = "dx = dy where x was the largest, else 0",
    .inputs = "dy index",
    .n_in = 2,
    .attrs_size = sizeof(pool_attrs),
    .attrs = unpool_attr_table,
    .saves_in = 2,
    .infer = unpool_infer,
    .forward = max_pool2d_backward_forward,
    .backward = max_pool2d_backward_backward,
    .examples = (const tp_example[]){ { "2,3,2,3 2,3,2,3@i24", &(pool_attrs)HALVE }, { NULL, NULL } },
};

/* ---- avg_pool2d and its adjoint ------------------------------------------------------------------------------------------------- */

static void avg_image(const pool_run *r, const pool_args *a, const char *from, char *to, char *index)
{
    (void)index;
    r->kernels->avg_pool[r->type](a, to, from);
}

static void avg_image_backward(const pool_run *r, const pool_args *a, const char *from, char *to, char *index)
{
    (void)index;
    r->kernels->avg_pool_backward[r->type](a, to, from);
}

static void avg_pool2d_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    pool_run r = { .image = avg_image, .to = tensor_data(c->out[0]) };
    r.from = staged(c, c->in[0], CLONE_CHANNELS_LAST, &scratch);
    for_images(c, &r, c->in[0], c->out[0], NULL);
}

static void avg_pool2d_backward_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    pool_run r = { .image = avg_image_backward, .to = tensor_data(c->out[0]) };
    r.from = staged(c, c->in[0], CLONE_CHANNELS_LAST, &scratch);
    for_images(c, &r, c->out[0], c->in[0], NULL);
}

extern const tp_op tp_op__avg_pool2d, tp_op_avg_pool2d_backward;

static void avg_pool2d_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = spread(&tp_op_avg_pool2d_backward, &dy, 1, s->attrs, &s->in_shape[0]);
}

static void avg_pool2d_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op__avg_pool2d, &dz, 1, s->attrs);
}

const tp_op tp_op__avg_pool2d = {
    .name = "_avg_pool2d",
    .formula = "y[n,c,i,j] = mean of x in window (i, j)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(pool_attrs),
    .attrs = pool_attr_table,
    .infer = pool_infer,
    .forward = avg_pool2d_forward,
    .backward = avg_pool2d_grad,
    .examples = pool_examples,
};

const tp_op tp_op_avg_pool2d_backward = {
    .name = "avg_pool2d_backward",
    .formula = "dx = dy spread evenly over its window",
    .inputs = "dy",
    .n_in = 1,
    .attrs_size = sizeof(pool_attrs),
    .attrs = unpool_attr_table,
    .infer = unpool_infer,
    .forward = avg_pool2d_backward_forward,
    .backward = avg_pool2d_backward_backward,
    .examples = (const tp_example[]){ { "2,3,2,3", &(pool_attrs)HALVE }, { NULL, NULL } },
};
