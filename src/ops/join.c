/* join.c - putting tensors together: cat, stack, hstack, vstack, dstack, column_stack, block_diag, meshgrid, cartesian_prod.
 *
 * Layer: ops.  Depends on map.h for strided copies.  Read next: slice.c for the way back, repeat.c. */
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

/* ---- cat ------------------------------------------------------------------------------------------------------------ */

/* A vector of no elements joins anything and adds nothing, as in PyTorch. */
static bool is_nothing(const tp_shape *shape)
{
    return shape->ndim == 1 && shape->dim[0] == 0;
}

/* Images whose channels lie innermost, all of them, stay so. */
static bool joins_images(const tp_call *c)
{
    bool all = true, plain = true;
    for (int i = 0; i < c->n_in && all; i++) {
        all = c->in[i]->ndim == 4 && is_channels_last(c->in[i]);
        plain = plain && tensor_is_contiguous(c->in[i]);
    }
    return all && !plain;
}

/* The first that says which dims there are. */
static int leader(const tp_call *c)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i]->ndim != 1 || c->in[i]->numel)
            return i;
    return 0;
}

static tp_status cat_infer(tp_call *c)
{
    int dim = (int)*(const int64_t *)c->attrs, lead = leader(c);
    const tp_tensor *first = c->in[lead];
    if (first->ndim == 0)
        return tp_fail(TP_ERR_SHAPE, "cat: a scalar has no dim to join along; use stack");
    if (normalize_dim("cat", first->ndim, &dim))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(first);
    tp_dtype dtype = c->in[0]->dtype;
    shape.dim[dim] = 0;
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        dtype = tp_promote(dtype, (tp_dtype)x->dtype);
        bool fits = x->ndim == first->ndim;
        for (int d = 0; d < x->ndim && fits; d++)
            fits = d == dim || x->shape[d] == first->shape[d];
        if (!fits && x->ndim == 1 && x->numel == 0)
            continue;
        if (!fits)
            return tp_fail(TP_ERR_SHAPE,
                           "cat: tensor %d is %s, tensor %d is %s: all dims but dim %d must be equal", i,
                           tensor_shape_text(x), lead, tensor_shape_text(first), dim);
        shape.dim[dim] += x->shape[dim];
    }
    return (joins_images(c) ? infer_image : tp_infer_shape)(c, 0, dtype, shape);
}

static void cat_forward(const tp_call *c)
{
    const tp_tensor *y = c->out[0];
    int dim = (int)*(const int64_t *)c->attrs;
    dim += dim < 0 ? y->ndim : 0;
    char *to = tensor_data(y);
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (!x->numel)
            continue;
        copy_strided(c->kernels, x->ndim, x->shape, to, (tp_dtype)y->dtype, y->stride, tensor_data(x),
                     (tp_dtype)x->dtype, x->stride);
        to += x->shape[dim] * y->stride[dim] * (int64_t)tensor_element_size(y);
    }
}

static void cat_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    int64_t dim = *(const int64_t *)s->attrs, at = 0;
    dim += dim < 0 ? dy->ndim : 0;
    for (int i = 0; i < s->n_in; i++) {
        bool nothing = is_nothing(&s->in_shape[i]);
        int64_t size = nothing ? 0 : s->in_shape[i].dim[dim];
        if (s->needs[i])
            dx[i] = nothing ? tp_zeros(s->in_shape[i], .dtype = s->in_dtype[i])
                            : tp_slice(dy, (int)dim, at, at + size, 1);
        at += size;
    }
}

const tp_op tp_op_cat = {
    .name = "cat",
    .formula = "y = the tensors one after the other along dim",
    .inputs = "tensors...",
    .n_in = -1,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, 0, NULL }, { 0 } },
    .infer = cat_infer,
    .forward = cat_forward,
    .backward = cat_backward,
    .examples = (const tp_example[]){ { "2,3 1,3 4,3", &(int64_t){ 0 } },
                                      { "2,3 2,5@t", &(int64_t){ -1 } },
                                      { "2,0 2,1", &(int64_t){ 1 } },
                                      { "0 2,3 1,3", &(int64_t){ 0 } },
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

static void stack_compose(tp_call *c)
{
    c->out[0] = tp_stack(c->in, c->n_in, (int)*(const int64_t *)c->attrs);
}

COMPOSED_OP(stack, "tensors...", -1, "y = the tensors side by side in a new dim",
            OP_ATTRS(int64_t, { "dim", TP_ATTR_I64, 0, 0, NULL }),
            OP_EXAMPLES({ "2,3 2,3", &(int64_t){ 0 } }, { "2,3 2,3@t 2,3", &(int64_t){ -1 } },
                        { "s s", &(int64_t){ 0 } }));

/* ---- stacks of what may have too few dims ---------------------------------------------------------------------------- */

/* As numpy.atleast_1d, 2d, 3d; column: vectors become columns. */
static tp_tensor *at_least(tp_tensor *x, int ndim, bool column)
{
    if (column && x->ndim < 2)
        return tp_reshape(x, TP_SHAPE(x->numel, 1));
    if (x->ndim >= ndim)
        return x;
    int64_t first = x->ndim ? x->shape[0] : 1;
    if (ndim == 3)
        return x->ndim == 2 ? tp_unsqueeze(x, 2) : tp_reshape(x, TP_SHAPE(1, first, 1));
    return tp_reshape(x, ndim == 1 ? TP_SHAPE(first) : TP_SHAPE(1, first));
}

static void joined(tp_call *c, int ndim, int dim, bool column)
{
    if (c->n_in > 4096) {
        tp_fail(TP_ERR_ARGUMENT, "%s: %d tensors, at most 4096 are possible", c->op->name, c->n_in);
        return;
    }
    tp_tensor *all[c->n_in];
    for (int i = 0; i < c->n_in; i++)
        all[i] = at_least(c->in[i], ndim, column);
    c->out[0] = tp_cat(all, c->n_in, dim);
}

static void hstack_compose(tp_call *c)
{
    joined(c, 1, c->in[0]->ndim > 1, false);
}

static void vstack_compose(tp_call *c)
{
    joined(c, 2, 0, false);
}

static void dstack_compose(tp_call *c)
{
    joined(c, 3, 2, false);
}

static void column_stack_compose(tp_call *c)
{
    joined(c, 1, 1, true);
}

#define STACK(op, text, ...)                                           \
    COMPOSED_OP(op, "tensors...", -1, text, OP_EXAMPLES(__VA_ARGS__)); \
    tp_tensor *tp_##op(tp_tensor *const *tensors, int n)               \
    {                                                                  \
        return tp_apply(&tp_op_##op, tensors, n, NULL);                \
    }

STACK(hstack, "y = the tensors along dim 1, vectors along dim 0", { "3 2", NULL }, { "2,3 2,1@t", NULL },
      { "s 2", NULL })
STACK(vstack, "y = the tensors, vectors as rows, along dim 0", { "3 3", NULL }, { "2,3 1,3@t", NULL },
      { "s s", NULL })
STACK(dstack, "y = the tensors with at least 3 dims along dim 2", { "3 3", NULL }, { "2,3 2,3@t", NULL },
      { "2,1,2 2,1,3", NULL })
STACK(column_stack, "y = the tensors, vectors as columns, along dim 1", { "3 3", NULL }, { "2 2,3@t", NULL })

static void block_diag_compose(tp_call *c)
{
    int64_t cols = 0, at = 0;
    if (c->n_in > 4096) {
        tp_fail(TP_ERR_ARGUMENT, "block_diag: %d tensors, at most 4096 are possible", c->n_in);
        return;
    }
    tp_tensor *rows[c->n_in];
    for (int i = 0; i < c->n_in; i++) {
        if (c->in[i]->ndim > 2) {
            tp_fail(TP_ERR_SHAPE, "block_diag: tensor %d is %s, at most 2 dims are wanted", i,
                    tensor_shape_text(c->in[i]));
            return;
        }
        if (!(rows[i] = at_least(c->in[i], 2, false)))
            return;
        cols += rows[i]->shape[1];
    }
    for (int i = 0; i < c->n_in; i++) {
        int64_t own = rows[i]->shape[1];
        rows[i] = tp_pad(rows[i], TP_SHAPE(0, at), TP_SHAPE(0, cols - at - own), 0);
        at += own;
    }
    c->out[0] = tp_cat(rows, c->n_in, 0);
}

STACK(block_diag, "y = zeros with the matrices one after the other on its diagonal", { "2,3 1,2", NULL },
      { "3 s 2,2@t", NULL }, { "0,2 1,1", NULL })

/* ---- grids ------------------------------------------------------------------------------------------------------------- */

static void meshgrid_compose(tp_call *c)
{
    bool xy = *(const int *)c->attrs == 1;
    tp_shape shape = { .ndim = c->n_in };
    if (c->n_in > TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "meshgrid: %d tensors make as many dims, at most %d are possible", c->n_in,
                TP_MAX_DIMS);
        return;
    }
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (x->ndim > 1 || x->dtype != c->in[0]->dtype) {
            tp_fail(x->ndim > 1 ? TP_ERR_SHAPE : TP_ERR_DTYPE,
                    "meshgrid: tensor %d is %s of %s, vectors of one dtype are wanted", i,
                    tensor_shape_text(x), tp_dtype_name((tp_dtype)x->dtype));
            return;
        }
        shape.dim[i] = x->numel;
    }
    c->n_out = c->n_in;
    for (int i = 0; i < c->n_in; i++) {
        tp_shape thin = { .ndim = c->n_in };
        for (int d = 0; d < c->n_in; d++)
            thin.dim[d] = d == i ? shape.dim[i] : 1;
        tp_tensor *y = tp_expand(tp_reshape(c->in[i], thin), shape);
        c->out[i] = xy && c->n_in > 1 ? tp_transpose(y, 0, 1) : y;
    }
}

COMPOSED_OP(meshgrid, "tensors...", -1,
            "y_k[i_0, i_1, ...] = x_k[i_k]; with indexing xy the first two dims change places", .n_out = -1,
            OP_ATTRS(int, { "indexing", TP_ATTR_WORD, 0, 0, "ij xy" }),
            OP_EXAMPLES({ "2 3", &(int){ 0 } }, { "2 3 s", &(int){ 1 } }));

tp_status tp_meshgrid(tp_tensor *const *tensors, int n, bool xy, tp_tensor **out)
{
    return apply_parts(&tp_op_meshgrid, tensors, n, &(int){ xy }, out, NULL);
}

static void cartesian_prod_compose(tp_call *c)
{
    tp_tensor *grid[TP_MAX_DIMS];
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i]->ndim != 1) {
            tp_fail(TP_ERR_SHAPE, "cartesian_prod: tensor %d is %s, vectors are wanted", i,
                    tensor_shape_text(c->in[i]));
            return;
        }
    if (c->n_in == 1) {
        c->out[0] = tp_view(c->in[0], TP_SHAPE(-1));
        return;
    }
    if (c->n_in > TP_MAX_DIMS || tp_meshgrid(c->in, c->n_in, false, grid)) {
        tp_fail(TP_ERR_SHAPE, "cartesian_prod: %d tensors, at most %d are possible", c->n_in, TP_MAX_DIMS);
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        grid[i] = tp_ravel(grid[i]);
    c->out[0] = tp_stack(grid, c->n_in, 1);
}

STACK(cartesian_prod,
      "y = a row for every choice of one element from each vector, the last one changing first",
      { "2 3", NULL }, { "2 1 3", NULL }, { "4", NULL })
