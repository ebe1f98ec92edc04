/* index.c - reading and adding at positions that another tensor names: gather, scatter_add, and what follows from them.
 *
 * An index out of range is found in infer, before anything is written.  scatter_add runs in index order on one thread a
 * line, so repeated indices always add up in the same order.
 * Layer: ops.  Depends on map.h.  Read next: loss.c, which gathers the labels. */
#include "base/parallel.h"
#include "device/device.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

enum { GRAIN = 32768 };

static int64_t element_i64(const tp_tensor *t, const int64_t *at)
{
    int64_t offset = 0;
    for (int i = 0; i < t->ndim; i++)
        offset += at[i] * t->stride[i];
    const char *p = tensor_data(t) + offset * (int64_t)tensor_element_size(t);
    switch (t->dtype) {
    case TP_I64: return *(const int64_t *)(const void *)p;
    case TP_I32: return *(const int32_t *)(const void *)p;
    case TP_I16: return *(const int16_t *)(const void *)p;
    case TP_I8: return *(const int8_t *)p;
    default: return *(const uint8_t *)p;
    }
}

static bool next_index(int ndim, const int64_t *shape, int64_t *at)
{
    for (int i = ndim; i-- > 0;) {
        if (++at[i] < shape[i])
            return true;
        at[i] = 0;
    }
    return false;
}

tp_status check_indices(const char *op, const tp_tensor *index, int64_t size)
{
    int64_t at[TP_MAX_DIMS] = { 0 };
    if (tp_dtype_is_float((tp_dtype)index->dtype) || index->dtype == TP_BOOL)
        return tp_fail(TP_ERR_DTYPE, "%s: index is %s, an integer type is wanted", op,
                       tp_dtype_name((tp_dtype)index->dtype));
    if (!tensor_data(index) || index->numel == 0)
        return TP_OK;
    do {
        int64_t value = element_i64(index, at);
        if (value < 0 || value >= size)
            return tp_fail(TP_ERR_INDEX, "%s: index %lld is out of range, [0, %lld) is wanted", op,
                           (long long)value, (long long)size);
    } while (next_index(index->ndim, index->shape, at));
    return TP_OK;
}

static tp_status check_gather(const tp_call *c, const tp_tensor *x, const tp_tensor *index, int *dim)
{
    *dim = (int)*(const int64_t *)c->attrs;
    if (normalize_dim(c->op->name, x->ndim, dim))
        return tp_error_pending();
    bool fits = x->ndim == index->ndim;
    for (int i = 0; i < x->ndim && fits; i++)
        fits = i == *dim || index->shape[i] <= x->shape[i];
    if (!fits)
        return tp_fail(TP_ERR_SHAPE, "%s: index %s does not lie inside of %s in all dims but dim %d",
                       c->op->name, tensor_shape_text(index), tensor_shape_text(x), *dim);
    return check_indices(c->op->name, index, x->ndim ? x->shape[*dim] : 1);
}

/* ---- the walk: lines along dim, one after the other ------------------------------------------------------------------ */

/* Lines of index along dim; for each the first element in a and b (strides without dim). */
typedef struct lines {
    const tp_tensor *index, *a, *b;
    int dim;
    convert_fn *to_i64, *convert;
    void (*body)(const struct lines *, char *a, char *b, const int64_t *index, int64_t n);
    binary_fn *add;
} lines;

static void run_lines(void *context, int64_t begin, int64_t end)
{
    const lines *l = context;
    const tp_tensor *index = l->index;
    int64_t buffer[256], n = index->ndim ? index->shape[l->dim] : 1;
    for (int64_t line = begin; line < end; line++) {
        int64_t rest = line, offset[3] = { 0 };
        for (int i = index->ndim; i-- > 0;) {
            if (i == l->dim)
                continue;
            int64_t at = rest % index->shape[i];
            rest /= index->shape[i];
            offset[0] += at * index->stride[i], offset[1] += at * l->a->stride[i],
                offset[2] += at * l->b->stride[i];
        }
        int64_t is = index->ndim ? index->stride[l->dim] : 1, bs = l->b->ndim ? l->b->stride[l->dim] : 1;
        int64_t isize = (int64_t)tensor_element_size(index), bsize = (int64_t)tensor_element_size(l->b);
        for (int64_t i = 0; i < n; i += 256) {
            int64_t m = n - i < 256 ? n - i : 256;
            l->to_i64(buffer, 1, tensor_data(index) + (offset[0] + i * is) * isize, is, m);
            l->body(l, tensor_data(l->a) + offset[1] * (int64_t)tensor_element_size(l->a),
                    tensor_data(l->b) + (offset[2] + i * bs) * bsize, buffer, m);
        }
    }
}

static void for_lines(const tp_call *c, lines *l)
{
    const kernel_table *kernels = c->kernels;
    l->to_i64 = kernels->convert[TP_I64][l->index->dtype];
    int64_t n = l->index->ndim ? l->index->shape[l->dim] : 1;
    if (l->index->numel)
        parallel_for(l->index->numel / n, l->index->numel <= GRAIN ? INT64_MAX / 2 : GRAIN / n + 1, run_lines,
                     l);
}

/* ---- gather:  y[.., i, ..] = x[.., index[.., i, ..], ..] ---------------------------------------------------------------- */

static tp_status gather_infer(tp_call *c)
{
    int dim;
    const tp_tensor *x = c->in[0], *index = c->in[1];
    if (check_gather(c, x, index, &dim))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(index));
}

static void gather_line(const lines *l, char *x, char *y, const int64_t *index, int64_t n)
{
    size_t size = tensor_element_size(l->a);
    int64_t xs = l->a->ndim ? l->a->stride[l->dim] : 1, ys = l->b->ndim ? l->b->stride[l->dim] : 1;
    for (int64_t i = 0; i < n; i++)
        memcpy(y + i * ys * (int64_t)size, x + index[i] * xs * (int64_t)size, size);
}

static void gather_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int dim = (int)*(const int64_t *)c->attrs;
    lines l = {
        .index = c->in[1], .a = x, .b = c->out[0], .dim = dim < 0 ? dim + x->ndim : dim, .body = gather_line
    };
    for_lines(c, &l);
}

static void gather_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *zeros = tp_zeros(s->in_shape[0], .dtype = s->in_dtype[0]);
    dx[0] = tp_scatter_add(zeros, (int)*(const int64_t *)s->attrs, s->in[1], dy);
}

const tp_op tp_op_gather = {
    .name = "gather",
    .formula = "y[i][j] = x[index[i][j]][j] for dim 0, x[i][index[i][j]] for dim 1",
    .inputs = "x index",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, 0 }, { 0 } },
    .saves_in = 2,
    .infer = gather_infer,
    .forward = gather_forward,
    .backward = gather_backward,
    .examples = (const tp_example[]){ { "4,3 2,3@i4", &(int64_t){ 0 } },
                                      { "3,5@t 3,7@i5", &(int64_t){ -1 } },
                                      { "4 0@i4", &(int64_t){ 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_gather(tp_tensor *x, int dim, tp_tensor *index)
{
    return tp_apply(&tp_op_gather, (tp_tensor *[]){ x, index }, 2, &(int64_t){ dim });
}

/* ---- scatter_add:  y = x;  y[.., index[.., i, ..], ..] += src[.., i, ..] ---------------------------------------------------- */

static tp_status scatter_add_infer(tp_call *c)
{
    int dim;
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    if (check_gather(c, x, index, &dim))
        return tp_error_pending();
    bool fits = src->ndim == index->ndim && src->dtype == x->dtype;
    for (int i = 0; i < index->ndim && fits; i++)
        fits = index->shape[i] <= src->shape[i];
    if (!fits)
        return tp_fail(TP_ERR_SHAPE,
                       "scatter_add: src %s of %s, index %s: src must cover index and be of x's dtype %s",
                       tensor_shape_text(src), tp_dtype_name((tp_dtype)src->dtype), tensor_shape_text(index),
                       tp_dtype_name((tp_dtype)x->dtype));
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void add_line(const lines *l, char *y, char *src, const int64_t *index, int64_t n)
{
    tp_dtype type = dtype_of_kernel(kernel_type_of((tp_dtype)l->a->dtype));
    int64_t size = (int64_t)tensor_element_size(l->a), ys = l->a->ndim ? l->a->stride[l->dim] : 1,
            ss = l->b->ndim ? l->b->stride[l->dim] : 1;
    bool converts = type != l->a->dtype;
    const kernel_table *kernels = l->a->storage->device->kernels();
    for (int64_t i = 0; i < n; i++) {
        char *to = y + index[i] * ys * size, *from = src + i * ss * size;
        if (!converts) {
            l->add(to, to, 1, from, 1, 1);
            continue;
        }
        int64_t sum[2]; /* of either computing type */
        kernels->convert[type][l->a->dtype](&sum[0], 1, to, 1, 1);
        kernels->convert[type][l->a->dtype](&sum[1], 1, from, 1, 1);
        l->add(&sum[0], &sum[0], 1, &sum[1], 1, 1);
        kernels->convert[l->a->dtype][type](to, 1, &sum[0], 1, 1);
    }
}

static void scatter_add_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    int dim = (int)*(const int64_t *)c->attrs;
    copy_tensor(kernels, y, x);
    lines l = { .index = c->in[1],
                .a = y,
                .b = c->in[2],
                .dim = dim < 0 ? dim + x->ndim : dim,
                .body = add_line,
                .add = kernels->binary[KERNEL_ADD][kernel_type_of((tp_dtype)x->dtype)] };
    for_lines(c, &l);
}

static void scatter_add_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (!s->needs[2])
        return;
    int dim = (int)*(const int64_t *)s->attrs;
    tp_tensor *g = tp_gather(dy, dim, s->in[1]); /* of index's shape; src may be larger */
    tp_shape before = { .ndim = tp_ndim(g) }, after = before;
    bool smaller = false;
    for (int i = 0; i < before.ndim; i++) {
        after.dim[i] = s->in_shape[2].dim[i] - tp_size(g, i);
        smaller |= after.dim[i] != 0;
    }
    dx[2] = smaller ? tp_pad(g, before, after, 0) : g;
}

const tp_op tp_op_scatter_add = {
    .name = "scatter_add",
    .formula = "y = x; y[index[i][j]][j] += src[i][j] for dim 0",
    .inputs = "x index src",
    .n_in = 3,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, 0 }, { 0 } },
    .saves_in = 2,
    .infer = scatter_add_infer,
    .forward = scatter_add_forward,
    .backward = scatter_add_backward,
    .examples = (const tp_example[]){ { "4,3 2,3@i4 2,3", &(int64_t){ 0 } },
                                      { "3,5 3,2@i5 3,4", &(int64_t){ 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_scatter_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return tp_apply(&tp_op_scatter_add, (tp_tensor *[]){ x, index, src }, 3, &(int64_t){ dim });
}

/* ---- made of them ---------------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_index_select(tp_tensor *x, int dim, tp_tensor *index)
{
    if (!x || !index || tp_pending() || normalize_dim("index_select", x->ndim, &dim))
        return tp_gather(x, dim, index);
    if (index->ndim > 1)
        return tp_fail_null(TP_ERR_SHAPE, "index_select: index %s, one dim is wanted",
                            tensor_shape_text(index));
    TP_SCOPE;
    tp_shape thin = { .ndim = x->ndim }, wide = tp_shape_of(x);
    for (int i = 0; i < x->ndim; i++)
        thin.dim[i] = 1;
    if (x->ndim)
        thin.dim[dim] = wide.dim[dim] = index->numel;
    return tp_keep(tp_gather(x, dim, tp_expand(tp_reshape(index, thin), wide)));
}

tp_tensor *tp_one_hot(tp_tensor *labels, int64_t classes)
{
    if (!labels || tp_pending())
        return tp_long(labels);
    if (check_indices("one_hot", labels, classes))
        return NULL;
    TP_SCOPE;
    tp_tensor *hot = tp_eq(tp_unsqueeze(labels, -1), tp_arange(0, (double)classes, 1, .dtype = TP_I64));
    return tp_keep(tp_long(hot));
}
