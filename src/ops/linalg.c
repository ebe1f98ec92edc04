/* linalg.c - products made of others: inner, outer, vdot, tensordot, kron, cross, matrix_power, multi_dot.
 *
 * Layer: ops.  Depends on matmul.c.  Read next: linear.c, einsum.c. */
#include "ops/ops.h"

#include <string.h>

/* ---- of vectors ------------------------------------------------------------------------------------------------------ */

static bool are_vectors(const tp_call *c)
{
    if (c->in[0]->ndim == 1 && c->in[1]->ndim == 1)
        return true;
    tp_fail(TP_ERR_SHAPE, "%s: %s and %s, two vectors are wanted", c->op->name, tensor_shape_text(c->in[0]),
            tensor_shape_text(c->in[1]));
    return false;
}

static void outer_compose(tp_call *c)
{
    if (are_vectors(c))
        c->out[0] = tp_mul(tp_unsqueeze(c->in[0], 1), c->in[1]);
}

COMPOSED_OP(outer, "x y", 2, "z_ij = x_i y_j",
            OP_EXAMPLES({ "3 4", NULL }, { "0 2", NULL }, { "3@i9 2@i9", NULL }));

tp_tensor *tp_outer(tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_outer, (tp_tensor *[]){ x, y }, 2, NULL);
}

static void vdot_compose(tp_call *c)
{
    c->out[0] = tp_dot(c->in[0], c->in[1]);
}

COMPOSED_OP(vdot, "x y", 2, "z = sum over k of x_k y_k, the same as dot for real numbers",
            OP_EXAMPLES({ "5 5", NULL }));

tp_tensor *tp_vdot(tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_vdot, (tp_tensor *[]){ x, y }, 2, NULL);
}

typedef struct cross_attrs {
    int64_t dim;
} cross_attrs;

static void cross_compose(tp_call *c)
{
    tp_shape shape;
    int dim = (int)((const cross_attrs *)c->attrs)->dim;
    if (broadcast_together("cross", c->in, 2, &shape))
        return;
    if (dim == TP_NO_DIM)
        for (dim = 0; dim < shape.ndim - 1 && shape.dim[dim] != 3;)
            dim++;
    if (normalize_dim("cross", shape.ndim, &dim))
        return;
    if (!shape.ndim || shape.dim[dim] != 3) {
        tp_fail(TP_ERR_SHAPE, "cross: %s and %s, dim %d must have size 3", tensor_shape_text(c->in[0]),
                tensor_shape_text(c->in[1]), dim);
        return;
    }
    tp_tensor *x = tp_expand(c->in[0], shape), *y = tp_expand(c->in[1], shape);
    const tp_shape next = { 1, { -1 } }, after = { 1, { -2 } }, along = { 1, { dim } };
    c->out[0] = tp_sub(tp_mul(tp_roll(x, next, along), tp_roll(y, after, along)),
                       tp_mul(tp_roll(x, after, along), tp_roll(y, next, along)));
}

COMPOSED_OP(cross, "x y", 2,
            "z = (x1 y2 - x2 y1, x2 y0 - x0 y2, x0 y1 - x1 y0) along dim; without dim the first of size 3",
            OP_ATTRS(cross_attrs, OP_ATTR(cross_attrs, I64, dim, TP_NO_DIM)),
            OP_EXAMPLES({ "3 3", NULL }, { "2,3 1,3@t", &(cross_attrs){ 1 } },
                        { "3,4 3,1", &(cross_attrs){ -2 } }));

tp_tensor *tp_cross(tp_tensor *x, tp_tensor *y, int dim)
{
    return tp_apply(&tp_op_cross, (tp_tensor *[]){ x, y }, 2, &(cross_attrs){ dim });
}

/* ---- of tensors -------------------------------------------------------------------------------------------------------- */

static void inner_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *y = c->in[1];
    if (!x->ndim || !y->ndim) {
        c->out[0] = tp_mul(x, y);
        return;
    }
    int64_t k = x->shape[x->ndim - 1];
    if (y->shape[y->ndim - 1] != k || x->ndim + y->ndim - 2 > TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "inner: %s and %s: last dims of one size and at most %d others are wanted",
                tensor_shape_text(x), tensor_shape_text(y), TP_MAX_DIMS);
        return;
    }
    tp_shape shape = { 0 };
    for (int i = 0; i < x->ndim - 1; i++)
        shape.dim[shape.ndim++] = x->shape[i];
    for (int i = 0; i < y->ndim - 1; i++)
        shape.dim[shape.ndim++] = y->shape[i];
    if (x->ndim <= 2 && y->ndim <= 2) {
        c->out[0] = tp_matmul(x, y->ndim == 2 ? tp_transpose(y, 0, 1) : y);
        return;
    }
    tp_tensor *rows = x->ndim > 1 ? tp_flatten(x, 0, -2) : tp_unsqueeze(x, 0);
    tp_tensor *cols = y->ndim > 1 ? tp_flatten(y, 0, -2) : tp_unsqueeze(y, 0);
    c->out[0] = tp_reshape(tp_matmul(rows, tp_transpose(cols, 0, 1)), shape);
}

COMPOSED_OP(inner, "x y", 2, "z[i.., j..] = sum over k of x[i.., k] y[j.., k]",
            OP_EXAMPLES({ "4 4", NULL }, { "2,3 4,3", NULL }, { "2,2,3@t 3", NULL }, { "s 2,3", NULL },
                        { "2,1,3 2,3", NULL }));

tp_tensor *tp_inner(tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_inner, (tp_tensor *[]){ x, y }, 2, NULL);
}

typedef struct tensordot_attrs {
    int64_t dims;
    tp_shape dims_self, dims_other;
} tensordot_attrs;

/* Dims to sum over last (right: first), the others in their order; *kept their shape, *summed the number of elements summed over. */
static tp_tensor *as_matrix(tp_tensor *x, const tp_shape *dims, bool right, tp_shape *kept, int64_t *summed)
{
    tp_shape order = { .ndim = x->ndim };
    unsigned taken = 0;
    int n = dims->ndim, rest = x->ndim - n;
    *summed = 1;
    for (int i = 0; i < n; i++) {
        int dim = (int)dims->dim[i];
        if (normalize_dim("tensordot", x->ndim, &dim))
            return NULL;
        if (taken >> dim & 1 || !x->ndim)
            return tp_fail_null(TP_ERR_ARGUMENT, "tensordot: dim %d of %s stands twice", dim,
                                tensor_shape_text(x));
        taken |= 1u << dim;
        order.dim[right ? i : rest + i] = dim;
        *summed *= x->shape[dim];
    }
    int64_t others = 1;
    *kept = (tp_shape){ 0 };
    for (int i = 0; i < x->ndim; i++) {
        if (taken >> i & 1)
            continue;
        order.dim[(right ? n : 0) + kept->ndim] = i;
        kept->dim[kept->ndim++] = x->shape[i];
        others *= x->shape[i];
    }
    return tp_reshape(tp_permute(x, order), right ? TP_SHAPE(*summed, others) : TP_SHAPE(others, *summed));
}

static void tensordot_compose(tp_call *c)
{
    const tensordot_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *y = c->in[1];
    tp_shape dx = a->dims_self, dy = a->dims_other, left, right;
    int64_t kx, ky;
    if (a->dims != TP_NO_DIM) {
        if (a->dims < 0 || a->dims > x->ndim || a->dims > y->ndim) {
            tp_fail(TP_ERR_ARGUMENT, "tensordot: %lld dims of %s and %s", (long long)a->dims,
                    tensor_shape_text(x), tensor_shape_text(y));
            return;
        }
        dx.ndim = dy.ndim = (int)a->dims;
        for (int i = 0; i < dx.ndim; i++)
            dx.dim[i] = x->ndim - dx.ndim + i, dy.dim[i] = i;
    }
    bool fits = dx.ndim == dy.ndim && dx.ndim <= x->ndim && dy.ndim <= y->ndim &&
                x->ndim + y->ndim - 2 * dx.ndim <= TP_MAX_DIMS;
    for (int i = 0; i < dx.ndim && fits; i++) {
        int ix = (int)dx.dim[i], iy = (int)dy.dim[i];
        if (normalize_dim("tensordot", x->ndim, &ix) || normalize_dim("tensordot", y->ndim, &iy))
            return;
        int64_t sx = x->shape[ix], sy = y->shape[iy];
        fits = sx == sy || sx == 1 || sy == 1;
        if (fits && sx != sy && sx == 1) /* as PyTorch: a size of 1 stands for as many as there are */
            y = tp_sum(y, TP_SHAPE(iy), true);
        else if (fits && sx != sy)
            x = tp_sum(x, TP_SHAPE(ix), true);
    }
    if (!fits) {
        tp_fail(TP_ERR_SHAPE,
                "tensordot: dims %s of %s and %s of %s: as many of one size and at most %d others are wanted",
                shape_text(dx), tensor_shape_text(c->in[0]), shape_text(dy), tensor_shape_text(c->in[1]),
                TP_MAX_DIMS);
        return;
    }
    if (!x || !y)
        return;
    tp_tensor *l = as_matrix(x, &dx, false, &left, &kx), *r = as_matrix(y, &dy, true, &right, &ky);
    if (!l || !r)
        return;
    for (int i = 0; i < right.ndim; i++)
        left.dim[left.ndim++] = right.dim[i];
    c->out[0] = tp_reshape(tp_matmul(l, r), left);
}

COMPOSED_OP(tensordot, "x y", 2,
            "z = sum over the last dims dims of x and the first of y, or over dims_self and dims_other",
            OP_ATTRS(tensordot_attrs, OP_ATTR(tensordot_attrs, I64, dims, 2),
                     OP_ATTR(tensordot_attrs, DIMS, dims_self, 0),
                     OP_ATTR(tensordot_attrs, DIMS, dims_other, 0)),
            OP_EXAMPLES({ "2,3,4 3,4,2", NULL }, { "2,3@t 3,2", &(tensordot_attrs){ 1, { 0 }, { 0 } } },
                        { "2,3,4 4,5,2", &(tensordot_attrs){ TP_NO_DIM, { 2, { 0, 2 } }, { 2, { -1, 0 } } } },
                        { "2 3", &(tensordot_attrs){ 0, { 0 }, { 0 } } }),
            .note = "lists of dims are dims_self and dims_other, with dims none");

tp_tensor *tp_tensordot(tp_tensor *x, tp_tensor *y, tp_shape dims_x, tp_shape dims_y)
{
    return tp_apply(&tp_op_tensordot, (tp_tensor *[]){ x, y }, 2,
                    &(tensordot_attrs){ TP_NO_DIM, dims_x, dims_y });
}

/* All products, the larger operand's elements side by side; then its dims and the other's by turns, and one reshape joins them. */
static void kron_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *y = c->in[1];
    int n = x->ndim > y->ndim ? x->ndim : y->ndim;
    bool x_inside = x->numel > y->numel;
    tp_shape all[2] = { { .ndim = n }, { .ndim = n } }, apart = { .ndim = 2 * n }, order = { .ndim = 2 * n },
             whole = { .ndim = n };
    if (2 * n > TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "kron: %s and %s: at most %d dims are possible", tensor_shape_text(x),
                tensor_shape_text(y), TP_MAX_DIMS / 2);
        return;
    }
    for (int i = 0; i < n; i++) {
        int ix = i - (n - x->ndim), iy = i - (n - y->ndim), at_x = x_inside ? n + i : i,
            at_y = x_inside ? i : n + i;
        all[0].dim[i] = ix < 0 ? 1 : x->shape[ix];
        all[1].dim[i] = iy < 0 ? 1 : y->shape[iy];
        apart.dim[at_x] = all[0].dim[i];
        apart.dim[at_y] = all[1].dim[i];
        order.dim[2 * i] = at_x;
        order.dim[2 * i + 1] = at_y;
        whole.dim[i] = all[0].dim[i] * all[1].dim[i];
    }
    tp_tensor *inside = tp_reshape(x_inside ? x : y, TP_SHAPE(1, x_inside ? x->numel : y->numel));
    tp_tensor *outside = tp_reshape(x_inside ? y : x, TP_SHAPE(x_inside ? y->numel : x->numel, 1));
    c->out[0] = tp_reshape(tp_permute(tp_view(tp_mul(inside, outside), apart), order), whole);
}

COMPOSED_OP(kron, "x y", 2, "z = every element of x times all of y, at that element's place",
            OP_EXAMPLES({ "2,3 2,2", NULL }, { "3,2@t 2", NULL }, { "s 3", NULL }, { "2@i5 3@i5", NULL }));

tp_tensor *tp_kron(tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_kron, (tp_tensor *[]){ x, y }, 2, NULL);
}

/* ---- of many matrices ------------------------------------------------------------------------------------------------------ */

static void matrix_power_compose(tp_call *c)
{
    int64_t n = *(const int64_t *)c->attrs;
    tp_tensor *x = c->in[0], *y = NULL;
    if (x->ndim < 2 || x->shape[x->ndim - 1] != x->shape[x->ndim - 2]) {
        tp_fail(TP_ERR_SHAPE, "matrix_power: %s, square matrices are wanted", tensor_shape_text(x));
        return;
    }
    if (n < 0) {
        tp_fail(TP_ERR_UNSUPPORTED, "matrix_power: %lld; a power from 0 on is wanted, there is no inverse",
                (long long)n);
        return;
    }
    if (n == 0) { /* x replaced by identities: its gradient is zero, and not none */
        tp_tensor *one = tp_eye(x->shape[x->ndim - 1], x->shape[x->ndim - 1], .dtype = (tp_dtype)x->dtype);
        c->out[0] = scatter_at(x, tp_expand(one, tp_shape_of(x)), contiguous_strides(tp_shape_of(x)), 0);
        return;
    }
    for (; n && !tp_pending(); n >>= 1) { /* squares, multiplied where n has a bit */
        if (n & 1)
            y = y ? tp_matmul(y, x) : x;
        if (n > 1)
            x = tp_matmul(x, x);
    }
    c->out[0] = y == c->in[0] ? tp_clone(y) : y;
}

COMPOSED_OP(matrix_power, "x", 1, "y = x x ... x, n times",
            OP_ATTRS(int64_t, { "n", TP_ATTR_I64, 0, TP_REQUIRED, NULL }),
            OP_EXAMPLES({ "3,3", &(int64_t){ 3 } }, { "2,2,2@t", &(int64_t){ 2 } },
                        { "3,3", &(int64_t){ 1 } }, { "2,3,3", &(int64_t){ 0 } }));

tp_tensor *tp_matrix_power(tp_tensor *x, int64_t n)
{
    return tp_apply(&tp_op_matrix_power, &x, 1, &n);
}

enum { MOST_MATRICES = 64 };

/* The product of matrices first .. last, cut where cut says. */
static tp_tensor *chain(tp_tensor *const *m, uint8_t (*cut)[MOST_MATRICES], int first, int last)
{
    if (first == last)
        return m[first];
    int k = cut[first][last];
    return tp_matmul(chain(m, cut, first, k), chain(m, cut, k + 1, last));
}

/* The cheapest order, by the classic table over all stretches (Godbole 1973). */
static void multi_dot_compose(tp_call *c)
{
    int n = c->n_in;
    tp_tensor *m[MOST_MATRICES];
    double cost[MOST_MATRICES][MOST_MATRICES], size[MOST_MATRICES + 1];
    uint8_t cut[MOST_MATRICES][MOST_MATRICES];
    if (n < 2 || n > MOST_MATRICES) {
        tp_fail(TP_ERR_ARGUMENT, "multi_dot: %d matrices, 2 to %d are possible", n, MOST_MATRICES);
        return;
    }
    for (int i = 0; i < n; i++) {
        bool end = i == 0 || i == n - 1;
        m[i] = c->in[i];
        if (m[i]->ndim == 1 && end)
            m[i] = tp_unsqueeze(m[i], i ? 1 : 0);
        if (!m[i])
            return;
        if (m[i]->ndim != 2 || (i && m[i]->shape[0] != m[i - 1]->shape[1])) {
            tp_fail(TP_ERR_SHAPE, "multi_dot: tensor %d is %s after %s: matrices that go together are wanted",
                    i, tensor_shape_text(c->in[i]), i ? tensor_shape_text(c->in[i - 1]) : "nothing");
            return;
        }
        size[i] = (double)m[i]->shape[0];
        size[i + 1] = (double)m[i]->shape[1];
        cost[i][i] = 0;
    }
    for (int length = 2; length <= n; length++)
        for (int i = 0, j = length - 1; j < n; i++, j++)
            for (int k = i; k < j; k++) {
                double total = cost[i][k] + cost[k + 1][j] + size[i] * size[k + 1] * size[j + 1];
                if (k == i || total < cost[i][j])
                    cost[i][j] = total, cut[i][j] = (uint8_t)k;
            }
    tp_tensor *y = chain(m, cut, 0, n - 1);
    if (c->in[n - 1]->ndim == 1)
        y = tp_squeeze(y, -1);
    if (c->in[0]->ndim == 1)
        y = tp_squeeze(y, c->in[n - 1]->ndim == 1 ? -1 : 0);
    c->out[0] = y;
}

COMPOSED_OP(multi_dot, "matrices...", -1,
            "y = the product of all, in the order that costs least; a vector at an end is a row or a column",
            OP_EXAMPLES({ "2,3 3,4", NULL }, { "4 4,2 2,5 5", NULL }, { "3,2@t 2,6 6,1 1,4", NULL }));

tp_tensor *tp_multi_dot(tp_tensor *const *matrices, int n)
{
    return tp_apply(&tp_op_multi_dot, matrices, n, NULL);
}
