/* diagonal.c - diagonals as matrices and matrices cut along them: diag, diag_embed, trace, tril, triu; and tensors with a part
 * replaced: diagonal_scatter, select_scatter, slice_scatter.
 *
 * Layer: ops.  Depends on strided.c, map.h.  Read next: strided.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

/* ---- diagonals ------------------------------------------------------------------------------------------------------- */

typedef struct diagonal_attrs {
    int64_t offset, dim1, dim2;
} diagonal_attrs;

static void diag_embed_compose(tp_call *c)
{
    const diagonal_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    int d1 = (int)a->dim1, d2 = (int)a->dim2, n = x->ndim + 1;
    tp_shape shape = { .ndim = n }, size, stride;
    int64_t first;
    if (!x->ndim || n > TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "diag_embed: %s, 1 to %d dims are wanted", tensor_shape_text(x),
                TP_MAX_DIMS - 1);
        return;
    }
    if (normalize_dim("diag_embed", n, &d1) || normalize_dim("diag_embed", n, &d2))
        return;
    for (int i = 0, from = 0; i < n; i++)
        shape.dim[i] = i == d1 || i == d2 ? x->shape[x->ndim - 1] + (a->offset < 0 ? -a->offset : a->offset)
                                          : x->shape[from++];
    tp_shape plain = contiguous_strides(shape);
    if (!diagonal_geometry("diag_embed", &shape, plain.dim, a->offset, a->dim1, a->dim2, &size, &stride,
                           &first))
        c->out[0] = add_at(x, shape, stride, first);
}

COMPOSED_OP(diag_embed, "x", 1, "y = zeros with y[i, i + offset] = x_i in dims dim1 and dim2",
            OP_ATTRS(diagonal_attrs, OP_ATTR(diagonal_attrs, I64, offset, 0),
                     OP_ATTR(diagonal_attrs, I64, dim1, -2), OP_ATTR(diagonal_attrs, I64, dim2, -1)),
            OP_EXAMPLES({ "3", NULL }, { "2,3@t", &(diagonal_attrs){ 1, 0, 2 } },
                        { "2,3", &(diagonal_attrs){ -1, -1, 0 } }, { "0", NULL }));

tp_tensor *tp_diag_embed(tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    return tp_apply(&tp_op_diag_embed, &x, 1, &(diagonal_attrs){ offset, dim1, dim2 });
}

static void diag_compose(tp_call *c)
{
    int64_t diagonal = *(const int64_t *)c->attrs;
    tp_tensor *x = c->in[0];
    if (x->ndim == 1)
        c->out[0] = tp_diag_embed(x, diagonal, -2, -1);
    else if (x->ndim == 2)
        c->out[0] = tp_clone(tp_diagonal(x, diagonal, 0, 1));
    else
        tp_fail(TP_ERR_SHAPE, "diag: %s, a vector or a matrix is wanted", tensor_shape_text(x));
}

COMPOSED_OP(diag, "x", 1, "of a vector the matrix with it as diagonal, of a matrix its diagonal",
            OP_ATTRS(int64_t, { "diagonal", TP_ATTR_I64, 0, 0, NULL }),
            OP_EXAMPLES({ "3", &(int64_t){ -1 } }, { "3,4", &(int64_t){ 1 } }, { "5,3@t", &(int64_t){ 0 } }));

tp_tensor *tp_diag(tp_tensor *x, int64_t diagonal)
{
    return tp_apply(&tp_op_diag, &x, 1, &diagonal);
}

static void trace_compose(tp_call *c)
{
    if (c->in[0]->ndim != 2 || c->in[0]->dtype == TP_BOOL)
        tp_fail(c->in[0]->ndim == 2 ? TP_ERR_DTYPE : TP_ERR_SHAPE,
                "trace: %s of %s, a matrix of numbers is wanted", tensor_shape_text(c->in[0]),
                tp_dtype_name((tp_dtype)c->in[0]->dtype));
    else
        c->out[0] = tp_sum(tp_diagonal(c->in[0], 0, 0, 1), TP_ALL_DIMS, false);
}

COMPOSED_OP(trace, "x", 1, "y = sum over i of x_ii",
            OP_EXAMPLES({ "3,3", NULL }, { "5,3@t", NULL }, { "2,3@i9", NULL }, { "0,0", NULL }));

tp_tensor *tp_trace(tp_tensor *x)
{
    return tp_apply(&tp_op_trace, &x, 1, NULL);
}

/* ---- tril, triu ------------------------------------------------------------------------------------------------------- */

enum { LOWER, UPPER, GRAIN = 32768 };

typedef struct triangle_run {
    const tp_tensor *x, *y;
    int64_t diagonal;
    bool upper;
    convert_fn *copy;
} triangle_run;

static void triangle_rows(void *context, int64_t begin, int64_t end)
{
    const triangle_run *r = context;
    const tp_tensor *x = r->x, *y = r->y;
    int n = y->ndim;
    int64_t cols = y->shape[n - 1], size = (int64_t)tensor_element_size(y);
    for (int64_t row = begin; row < end; row++) {
        int64_t rest = row, from = 0, line = row % y->shape[n - 2], cut = line + r->diagonal + !r->upper;
        for (int i = n - 1; i-- > 0; rest /= y->shape[i])
            from += rest % y->shape[i] * x->stride[i];
        cut = cut < 0 ? 0 : cut > cols ? cols : cut;
        char *to = tensor_data(y) + row * cols * size;
        int64_t first = r->upper ? cut : 0, last = r->upper ? cols : cut;
        memset(to, 0, (size_t)(first * size));
        r->copy(to + first * size, 1, tensor_data(x) + (from + first * x->stride[n - 1]) * size,
                x->stride[n - 1], last - first);
        memset(to + last * size, 0, (size_t)((cols - last) * size));
    }
}

static tp_status triangle_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->ndim < 2)
        return tp_fail(TP_ERR_SHAPE, "%s: %s, at least 2 dims are wanted", c->op->name, tensor_shape_text(x));
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void triangle_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    int64_t diagonal = *(const int64_t *)c->attrs, far = (int64_t)1 << 61;
    diagonal = diagonal < -far ? -far : diagonal > far ? far : diagonal;
    triangle_run r = { x, y, diagonal, c->op->tag == UPPER,
                       kernels->move[move_kind(tensor_element_size(x))] };
    if (!y->numel)
        return;
    int64_t cols = y->shape[y->ndim - 1];
    parallel_for(y->numel / cols, y->numel <= GRAIN ? INT64_MAX / 2 : GRAIN / cols + 1, triangle_rows, &r);
}

static void triangle_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_apply(s->op, &dy, 1, s->attrs);
}

#define TRIANGLE(op, KIND, text)                                                                     \
    const tp_op tp_op_##op = { .name = #op,                                                          \
                               .formula = text,                                                      \
                               .inputs = "x",                                                        \
                               .n_in = 1,                                                            \
                               OP_ATTRS(int64_t, { "diagonal", TP_ATTR_I64, 0, 0, NULL }),           \
                               .infer = triangle_infer,                                              \
                               .forward = triangle_forward,                                          \
                               .backward = triangle_backward,                                        \
                               OP_EXAMPLES({ "3,4", &(int64_t){ 0 } }, { "5,3@t", &(int64_t){ 1 } }, \
                                           { "2,3,3", &(int64_t){ -1 } }, { "0,3", NULL }),          \
                               .tag = KIND };                                                        \
    tp_tensor *tp_##op(tp_tensor *x, int64_t diagonal)                                               \
    {                                                                                                \
        return tp_apply(&tp_op_##op, &x, 1, &diagonal);                                              \
    }

TRIANGLE(tril, LOWER, "y_ij = j <= i + diagonal ? x_ij : 0")
TRIANGLE(triu, UPPER, "y_ij = j >= i + diagonal ? x_ij : 0")

/* ---- a part replaced ---------------------------------------------------------------------------------------------------- */

static bool is_of_size(const char *op, const tp_tensor *src, const tp_shape *size)
{
    bool same = src->ndim == size->ndim;
    for (int i = 0; i < size->ndim && same; i++)
        same = src->shape[i] == size->dim[i];
    if (!same)
        tp_fail(TP_ERR_SHAPE, "%s: src %s, %s is wanted", op, tensor_shape_text(src), shape_text(*size));
    return same;
}

static void diagonal_scatter_compose(tp_call *c)
{
    const diagonal_attrs *a = c->attrs;
    tp_shape shape = tp_shape_of(c->in[0]), plain = contiguous_strides(shape), size, stride;
    int64_t first;
    if (!diagonal_geometry("diagonal_scatter", &shape, plain.dim, a->offset, a->dim1, a->dim2, &size, &stride,
                           &first) &&
        is_of_size("diagonal_scatter", c->in[1], &size))
        c->out[0] = scatter_at(c->in[0], c->in[1], stride, first);
}

COMPOSED_OP(diagonal_scatter, "x src", 2, "y = x with the diagonal src",
            OP_ATTRS(diagonal_attrs, OP_ATTR(diagonal_attrs, I64, offset, 0),
                     OP_ATTR(diagonal_attrs, I64, dim1, 0), OP_ATTR(diagonal_attrs, I64, dim2, 1)),
            OP_EXAMPLES({ "3,4 3", NULL }, { "4,2,3@t 2,3", &(diagonal_attrs){ 1, 2, 0 } }));

tp_tensor *tp_diagonal_scatter(tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2)
{
    return tp_apply(&tp_op_diagonal_scatter, (tp_tensor *[]){ x, src }, 2,
                    &(diagonal_attrs){ offset, dim1, dim2 });
}

typedef struct select_attrs {
    int64_t dim, index;
} select_attrs;

static void select_scatter_compose(tp_call *c)
{
    const select_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    int dim = (int)a->dim;
    tp_shape size = { 0 }, stride = { 0 };
    if (normalize_dim("select_scatter", x->ndim, &dim))
        return;
    int64_t n = x->ndim ? x->shape[dim] : 0;
    if (a->index < -n || a->index >= n) {
        tp_fail(TP_ERR_INDEX, "select_scatter: index %lld is outside of dim %d of %s", (long long)a->index,
                dim, tensor_shape_text(x));
        return;
    }
    tp_shape plain = contiguous_strides(tp_shape_of(x));
    for (int i = 0; i < x->ndim; i++)
        if (i != dim) {
            size.dim[size.ndim++] = x->shape[i];
            stride.dim[stride.ndim++] = plain.dim[i];
        }
    if (is_of_size("select_scatter", c->in[1], &size))
        c->out[0] = scatter_at(x, c->in[1], stride, (a->index + (a->index < 0 ? n : 0)) * plain.dim[dim]);
}

COMPOSED_OP(select_scatter, "x src", 2, "y = x with y[index] = src along dim",
            OP_ATTRS(select_attrs, OP_ATTR(select_attrs, I64, dim, TP_REQUIRED),
                     OP_ATTR(select_attrs, I64, index, TP_REQUIRED)),
            OP_EXAMPLES({ "3,4 4", &(select_attrs){ 0, -1 } }, { "3,4@t 3", &(select_attrs){ 1, 2 } }));

tp_tensor *tp_select_scatter(tp_tensor *x, tp_tensor *src, int dim, int64_t index)
{
    return tp_apply(&tp_op_select_scatter, (tp_tensor *[]){ x, src }, 2, &(select_attrs){ dim, index });
}

typedef struct slice_scatter_attrs {
    int64_t dim, start, end, step;
} slice_scatter_attrs;

static void slice_scatter_compose(tp_call *c)
{
    const slice_scatter_attrs *a = c->attrs;
    int64_t start = a->start == TP_NO_DIM ? 0 : a->start, end = a->end == TP_NO_DIM ? INT64_MAX : a->end;
    tp_tensor *x = tp_contiguous(c->in[0]), *part = tp_slice(x, (int)a->dim, start, end, a->step);
    if (!part)
        return;
    tp_shape size = tp_shape_of(part), stride = size;
    memcpy(stride.dim, part->stride, sizeof *part->stride * part->ndim);
    if (is_of_size("slice_scatter", c->in[1], &size))
        c->out[0] = scatter_at(x, c->in[1], stride, part->offset - x->offset);
}

COMPOSED_OP(slice_scatter, "x src", 2, "y = x with y[start:end:step] = src along dim",
            OP_ATTRS(slice_scatter_attrs, OP_ATTR(slice_scatter_attrs, I64, dim, 0),
                     OP_ATTR(slice_scatter_attrs, I64, start, TP_NO_DIM),
                     OP_ATTR(slice_scatter_attrs, I64, end, TP_NO_DIM),
                     OP_ATTR(slice_scatter_attrs, I64, step, 1)),
            OP_EXAMPLES({ "5,2 2,2", &(slice_scatter_attrs){ 0, 1, -1, 2 } },
                        { "3,4@t 3,2", &(slice_scatter_attrs){ 1, -2, TP_NO_DIM, 1 } }));

tp_tensor *tp_slice_scatter(tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t end, int64_t step)
{
    return tp_apply(&tp_op_slice_scatter, (tp_tensor *[]){ x, src }, 2,
                    &(slice_scatter_attrs){ dim, start, end, step });
}
