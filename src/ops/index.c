/* index.c - reading where other tensors say: gather, index_select, take, x[i, j], embedding.
 *
 * An index out of range is found in infer, before anything is read.  gather and index_select take positions from 0 on;
 * take, take_along_dim and index count negative ones from the end, as PyTorch's.
 * Layer: ops.  Depends on indexed.h.  Read next: scatter.c, the way back. */
#include "autograd/node.h"
#include "ops/indexed.h"
#include "ops/reduce.h"

#include <string.h>

static int dim_of(const void *attrs, int ndim)
{
    int64_t dim = *(const int64_t *)attrs;
    return (int)(dim < 0 ? dim + ndim : dim);
}

/* ---- gather:  y[.., i, ..] = x[.., index[.., i, ..], ..] ---------------------------------------------------------------- */

tp_status check_gather(const char *op, int64_t wanted, const tp_tensor *x, const tp_tensor *index, int *dim)
{
    *dim = (int)wanted;
    if (normalize_dim(op, x->ndim, dim))
        return tp_error_pending();
    bool fits = x->ndim == index->ndim || (x->ndim <= 1 && index->ndim <= 1);
    for (int i = 0; i < x->ndim && i < index->ndim && fits; i++)
        fits = i == *dim || index->shape[i] <= x->shape[i];
    if (!fits && index->numel)
        return tp_fail(TP_ERR_SHAPE, "%s: index %s does not lie inside of %s in all dims but dim %d", op,
                       tensor_shape_text(index), tensor_shape_text(x), *dim);
    return check_indices(op, index, x->ndim ? x->shape[*dim] : 1);
}

static tp_status gather_infer(tp_call *c)
{
    int dim;
    const tp_tensor *x = c->in[0], *index = c->in[1];
    if (check_gather(c->op->name, *(const int64_t *)c->attrs, x, index, &dim))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(index));
}

static void gather_forward(const tp_call *c)
{
    pick_elements(c->kernels, c->out[0], c->in[0], c->in[1], dim_of(c->attrs, c->in[0]->ndim));
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
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, TP_REQUIRED, NULL }, { 0 } },
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

/* ---- index_select: slices of x --------------------------------------------------------------------------------------- */

tp_status check_index_vector(const char *op, const tp_tensor *index)
{
    return index->ndim <= 1
               ? TP_OK
               : tp_fail(TP_ERR_SHAPE, "%s: index %s, one dim is wanted", op, tensor_shape_text(index));
}

static tp_status index_select_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1];
    int dim = (int)*(const int64_t *)c->attrs;
    tp_shape shape = tp_shape_of(x);
    if (normalize_dim("index_select", x->ndim, &dim) || check_index_vector("index_select", index) ||
        check_indices("index_select", index, x->ndim ? x->shape[dim] : 1))
        return tp_error_pending();
    if (x->ndim == 0 && index->numel != 1)
        return tp_fail(TP_ERR_SHAPE, "index_select: index %s of a scalar, one number is wanted",
                       tensor_shape_text(index));
    if (x->ndim)
        shape.dim[dim] = index->numel;
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape);
}

static void index_select_forward(const tp_call *c)
{
    int dim = dim_of(c->attrs, c->in[0]->ndim);
    tp_tensor wide = spread_index(c->in[1], c->out[0], dim);
    pick_elements(c->kernels, c->out[0], c->in[0], &wide, dim);
}

static void index_select_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *so_far = gradient_so_far(s, 0);
    dx[0] = tp_index_add_(so_far ? so_far : tp_zeros(s->in_shape[0], .dtype = s->in_dtype[0]),
                          (int)*(const int64_t *)s->attrs, s->in[1], dy, 1);
}

const tp_op tp_op_index_select = {
    .name = "index_select",
    .formula = "y[i] = x[index[i]] for dim 0",
    .inputs = "x index",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, TP_REQUIRED, NULL }, { 0 } },
    .saves_in = 2,
    .infer = index_select_infer,
    .forward = index_select_forward,
    .backward = index_select_backward,
    .examples = (const tp_example[]){ { "4,3 5@i4", &(int64_t){ 0 } },
                                      { "2,3,5@t 4@i5", &(int64_t){ -1 } },
                                      { "2,3,5 4@i3", &(int64_t){ 1 } },
                                      { "4,3 0@i4", &(int64_t){ 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_index_select(tp_tensor *x, int dim, tp_tensor *index)
{
    return tp_apply(&tp_op_index_select, (tp_tensor *[]){ x, index }, 2, &(int64_t){ dim });
}

/* ---- take, take_along_dim ------------------------------------------------------------------------------------------------ */

static void take_compose(tp_call *c)
{
    tp_tensor *x = tp_reshape(c->in[0], TP_SHAPE(-1));
    tp_tensor *index = x ? wrapped_index("take", c->in[1], x->numel) : NULL;
    tp_tensor *y = tp_index_select(x, 0, tp_reshape(index, TP_SHAPE(-1)));
    c->out[0] = tp_reshape(y, tp_shape_of(c->in[1]));
}

const tp_op tp_op_take = {
    .name = "take",
    .formula = "y = x[index], with x as one row",
    .inputs = "x index",
    .n_in = 2,
    .compose = take_compose,
    .examples =
        (const tp_example[]){
            { "4,3 2,5@i12", NULL }, { "4,5@t 3@i20", NULL }, { "7 s@i7", NULL }, { NULL, NULL } },
};

tp_tensor *tp_take(tp_tensor *x, tp_tensor *index)
{
    return tp_apply(&tp_op_take, (tp_tensor *[]){ x, index }, 2, NULL);
}

static void take_along_dim_compose(tp_call *c)
{
    int64_t wanted = *(const int64_t *)c->attrs;
    tp_tensor *x = c->in[0], *index = c->in[1];
    int dim = 0;
    if (wanted == TP_NO_DIM) {
        x = tp_reshape(x, TP_SHAPE(-1));
        index = tp_reshape(index, TP_SHAPE(-1));
    } else {
        dim = (int)wanted;
        if (x->ndim != index->ndim) {
            tp_fail(TP_ERR_SHAPE, "take_along_dim: indices %s, input %s: as many dims are wanted",
                    tensor_shape_text(index), tensor_shape_text(x));
            return;
        }
        if (normalize_dim("take_along_dim", x->ndim, &dim))
            return;
        tp_shape xs = tp_shape_of(x), is = tp_shape_of(index);
        for (int i = 0; i < xs.ndim; i++)
            if (i != dim)
                *(xs.dim[i] == 1 ? &xs.dim[i] : &is.dim[i]) = xs.dim[i] == 1 ? is.dim[i] : xs.dim[i];
        x = tp_expand(x, xs);
        index = tp_expand(index, is);
    }
    c->out[0] =
        x ? tp_gather(x, dim, wrapped_index("take_along_dim", index, x->ndim ? x->shape[dim] : 1)) : NULL;
}

const tp_op tp_op_take_along_dim = {
    .name = "take_along_dim",
    .formula = "y[i][j] = x[indices[i][j]][j] for dim 0; of x as one row without dim",
    .inputs = "x indices",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, TP_NO_DIM, NULL }, { 0 } },
    .compose = take_along_dim_compose,
    .examples = (const tp_example[]){ { "4,3 2,1@i4", &(int64_t){ 0 } },
                                      { "3,5@t 3,7@i5", &(int64_t){ -1 } },
                                      { "3,5 4@i15", &(int64_t){ TP_NO_DIM } },
                                      { NULL, NULL } },
};

tp_tensor *tp_take_along_dim(tp_tensor *x, tp_tensor *indices, int dim)
{
    return tp_apply(&tp_op_take_along_dim, (tp_tensor *[]){ x, indices }, 2, &(int64_t){ dim });
}

/* ---- x[i, j]: several index tensors -------------------------------------------------------------------------------------- */

/* x[i0, i1, ..]: which dims of x are indexed, and by what.  A mask stands for as many dims as it has, and becomes their indices. */
typedef struct advanced {
    int n; /* dims of x spoken of */
    tp_tensor *at[TP_MAX_DIMS];
    int n_indexed;
    bool together;            /* the indexed dims are neighbours */
    int first;                /* of them */
    tp_shape broadcast, rest; /* of the indices; of the other dims */
    tp_shape order;           /* indexed dims first */
    int64_t indexed;          /* product of their sizes */
} advanced;

static tp_status add_index(const char *op, advanced *a, const tp_tensor *x, tp_tensor *index)
{
    int dims = index && index->dtype == TP_BOOL ? index->ndim : 1;
    if (a->n + dims > x->ndim)
        return tp_fail(TP_ERR_INDEX, "%s: more indices than %s has dims", op, tensor_shape_text(x));
    if (!index) {
        a->at[a->n++] = NULL;
        return TP_OK;
    }
    if (index->dtype != TP_BOOL) {
        a->at[a->n] = wrapped_index(op, index, x->shape[a->n]);
        return a->at[a->n++] ? TP_OK : tp_error_pending();
    }
    for (int i = 0; i < dims; i++)
        if (index->shape[i] != x->shape[a->n + i])
            return tp_fail(TP_ERR_INDEX, "%s: mask %s does not fit to %s from dim %d on", op,
                           tensor_shape_text(index), tensor_shape_text(x), a->n);
    tp_tensor *places = tp_nonzero(index);
    for (int i = 0; i < dims && places; i++)
        a->at[a->n++] = tp_select(places, 1, i);
    return tp_error_pending();
}

static tp_status broadcast_indices(const char *op, advanced *a)
{
    a->broadcast.ndim = 0;
    for (int d = 0; d < a->n; d++)
        if (a->at[d] && a->at[d]->ndim > a->broadcast.ndim)
            a->broadcast.ndim = a->at[d]->ndim;
    for (int k = 1; k <= a->broadcast.ndim; k++) {
        int64_t size = 1;
        for (int d = 0; d < a->n; d++) {
            const tp_tensor *t = a->at[d];
            int64_t s = t && t->ndim >= k ? t->shape[t->ndim - k] : 1;
            if (s != 1 && size != 1 && s != size)
                return tp_fail(TP_ERR_SHAPE,
                               "%s: the indices' shapes do not broadcast: %lld and %lld in dim -%d", op,
                               (long long)size, (long long)s, k);
            size = size == 1 ? s : size;
        }
        a->broadcast.dim[a->broadcast.ndim - k] = size;
    }
    return TP_OK;
}

static tp_status plan_advanced(const char *op, const tp_tensor *x, tp_tensor *const *indices, int n,
                               advanced *a)
{
    *a = (advanced){ .first = -1, .indexed = 1, .order = { .ndim = x->ndim } };
    while (n > 0 && !indices[n - 1]) /* dims after the last index are whole anyway */
        n--;
    for (int i = 0; i < n; i++)
        if (add_index(op, a, x, indices[i]))
            return tp_error_pending();
    int at = 0, last = -1;
    for (int d = 0; d < a->n; d++)
        if (a->at[d]) {
            a->first = a->first < 0 ? d : a->first;
            a->indexed *= x->shape[d];
            a->order.dim[at++] = last = d;
        }
    a->n_indexed = at;
    a->together = last - a->first + 1 == at;
    for (int d = 0; d < x->ndim; d++)
        if (d >= a->n || !a->at[d]) {
            a->rest.dim[a->rest.ndim++] = x->shape[d];
            a->order.dim[at++] = d;
        }
    if (at == a->rest.ndim)
        return tp_fail(TP_ERR_ARGUMENT, "%s: no index among %d", op, n);
    if (a->broadcast.ndim + a->rest.ndim > TP_MAX_DIMS)
        return tp_fail(TP_ERR_SHAPE, "%s: the result would have more than %d dims", op, TP_MAX_DIMS);
    return broadcast_indices(op, a);
}

/* Place in the indexed dims as one row, (numel of broadcast). */
static tp_tensor *linear_index(const advanced *a, const tp_tensor *x)
{
    tp_tensor *linear = NULL;
    for (int d = 0; d < a->n; d++)
        if (a->at[d])
            linear = linear ? tp_add(tp_mul(linear, (int64_t)x->shape[d]), a->at[d]) : a->at[d];
    return tp_reshape(tp_expand(linear, a->broadcast), TP_SHAPE(-1));
}

static int64_t rest_size(const advanced *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rest.ndim; i++)
        n *= a->rest.dim[i];
    return n;
}

/* (indexed, rest), a copy where the indexed dims do not come first. */
static tp_tensor *indexed_rows(const advanced *a, tp_tensor *x)
{
    return tp_reshape(tp_permute(x, a->order), TP_SHAPE(a->indexed, rest_size(a)));
}

static tp_shape result_shape(const advanced *a)
{
    tp_shape s = a->broadcast;
    for (int i = 0; i < a->rest.ndim; i++)
        s.dim[s.ndim++] = a->rest.dim[i];
    return s;
}

/* The dims of the indices stand where the indexed dims stood, if these are neighbours. */
static tp_shape result_order(const advanced *a)
{
    tp_shape order = { .ndim = a->broadcast.ndim + a->rest.ndim };
    int before = a->together ? a->first : 0, at = 0;
    for (int i = 0; i < before; i++)
        order.dim[at++] = a->broadcast.ndim + i;
    for (int i = 0; i < a->broadcast.ndim; i++)
        order.dim[at++] = i;
    for (int i = before; i < a->rest.ndim; i++)
        order.dim[at++] = a->broadcast.ndim + i;
    return order;
}

static void index_compose(tp_call *c)
{
    advanced a;
    tp_tensor *x = c->in[0];
    if (plan_advanced("index", x, c->in + 1, c->n_in - 1, &a))
        return;
    tp_tensor *y = tp_index_select(indexed_rows(&a, x), 0, linear_index(&a, x));
    y = tp_reshape(y, result_shape(&a));
    c->out[0] = a.together && a.first ? tp_permute(y, result_order(&a)) : y;
}

const tp_op tp_op_index = {
    .name = "index",
    .formula = "y = x[i0, i1, ..]; an index that is left out stands for a whole dim; a bool one for its "
               "places that are true",
    .inputs = "x i0? i1? i2? i3? i4? i5? i6? i7?",
    .n_in = -1,
    .compose = index_compose,
    .examples = (const tp_example[]){ { "4,3 2@i4 2@i3", NULL },
                                      { "4,3,5 - 2,2@i3", NULL },
                                      { "4,3,5@t 2@i4 - 3,1@i5", NULL },
                                      { "6 0@i6", NULL },
                                      { NULL, NULL } },
};

static tp_status gather_inputs(tp_tensor **in, tp_tensor *x, tp_tensor *const *indices, int n, const char *op)
{
    if (n < 1 || n > TP_MAX_DIMS)
        return tp_fail(TP_ERR_ARGUMENT, "%s: %d indices, 1 to %d are possible", op, n, TP_MAX_DIMS);
    in[0] = x;
    memcpy(in + 1, indices, sizeof *in * (size_t)n);
    return TP_OK;
}

tp_tensor *tp_index(tp_tensor *x, tp_tensor *const *indices, int n)
{
    tp_tensor *in[TP_MAX_DIMS + 1];
    return gather_inputs(in, x, indices, n, "index") ? NULL : tp_apply(&tp_op_index, in, n + 1, NULL);
}

static void index_put_compose(tp_call *c)
{
    const bool *accumulate = c->attrs;
    advanced a;
    tp_tensor *x = c->in[0], *values = c->in[1];
    if (plan_advanced("index_put", x, c->in + 2, c->n_in - 2, &a))
        return;
    tp_shape order = result_order(&a), shape = result_shape(&a), wanted = shape,
             back = { .ndim = order.ndim };
    for (int i = 0; i < order.ndim; i++) {
        wanted.dim[i] = shape.dim[order.dim[i]];
        back.dim[order.dim[i]] = i;
    }
    values = tp_permute(tp_expand(values, wanted), back);
    tp_tensor *rows = indexed_rows(&a, x), *index = linear_index(&a, x);
    values = tp_reshape(values, TP_SHAPE(tp_numel(index), rest_size(&a)));
    rows = *accumulate ? tp_index_add(rows, 0, index, values, 1) : tp_index_copy(rows, 0, index, values);
    tp_shape ordered = { .ndim = x->ndim }, undo = ordered;
    for (int i = 0; i < x->ndim; i++) {
        ordered.dim[i] = x->shape[a.order.dim[i]];
        undo.dim[a.order.dim[i]] = i;
    }
    c->out[0] = tp_contiguous(tp_permute(tp_reshape(rows, ordered), undo));
}

const tp_op tp_op_index_put = {
    .name = "index_put",
    .formula = "y = x, but y[i0, i1, ..] = values, or += values",
    .inputs = "x values i0? i1? i2? i3? i4? i5? i6? i7?",
    .n_in = -1,
    .attrs_size = sizeof(bool),
    .attrs = (const tp_attr[]){ { "accumulate", TP_ATTR_BOOL, 0, 0, NULL }, { 0 } },
    .compose = index_put_compose,
    .examples = (const tp_example[]){ { "4,3 2 2@i4 2@i3", &(bool){ true } },
                                      { "4,3,5 4,1,5 - 1@i3", &(bool){ false } },
                                      { "4,3,5@t s 2@i4 - 3,1@i5", &(bool){ true } },
                                      { "4,0,5 s 2@i4", &(bool){ false } },
                                      { NULL, NULL } },
};

static tp_tensor *index_put(tp_tensor *x, tp_tensor *const *indices, int n, tp_tensor *values,
                            bool accumulate, bool in_place)
{
    tp_tensor *in[TP_MAX_DIMS + 2] = { x, values };
    if (gather_inputs(in + 1, values, indices, n, "index_put"))
        return NULL;
    return (in_place ? tp_apply_ : tp_apply)(&tp_op_index_put, in, n + 2, &accumulate);
}

tp_tensor *tp_index_put(tp_tensor *x, tp_tensor *const *indices, int n, tp_tensor *values, bool accumulate)
{
    return index_put(x, indices, n, values, accumulate, false);
}

tp_tensor *tp_index_put_(tp_tensor *x, tp_tensor *const *indices, int n, tp_tensor *values, bool accumulate)
{
    return index_put(x, indices, n, values, accumulate, true);
}

/* ---- embedding, one_hot ------------------------------------------------------------------------------------------------------ */

static void embedding_compose(tp_call *c)
{
    int64_t padding = *(const int64_t *)c->attrs;
    tp_tensor *index = c->in[0], *weight = c->in[1];
    if (weight->ndim != 2) {
        tp_fail(TP_ERR_SHAPE, "embedding: weight %s, (rows, width) is wanted", tensor_shape_text(weight));
        return;
    }
    tp_shape shape = tp_shape_of(index);
    if (shape.ndim == TP_MAX_DIMS || check_indices("embedding", index, weight->shape[0])) {
        tp_fail(TP_ERR_SHAPE, "embedding: indices %s have too many dims", tensor_shape_text(index));
        return;
    }
    shape.dim[shape.ndim++] = weight->shape[1];
    tp_tensor *y = tp_reshape(tp_index_select(weight, 0, tp_reshape(index, TP_SHAPE(-1))), shape);
    if (padding != TP_NO_DIM && y && y->requires_grad) { /* its row learns nothing */
        padding += padding < 0 ? weight->shape[0] : 0;
        y = tp_where(tp_unsqueeze(tp_eq(index, padding), -1), tp_detach(y), y);
    }
    c->out[0] = y;
}

const tp_op tp_op_embedding = {
    .name = "embedding",
    .formula = "y[..] = weight[index[..]]; row padding_idx has no gradient",
    .inputs = "index weight",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "padding_idx", TP_ATTR_I64, 0, TP_NO_DIM, NULL }, { 0 } },
    .compose = embedding_compose,
    .examples =
        (const tp_example[]){
            { "2,3@i5 5,4", NULL }, { "s@i5 5,3@t", NULL }, { "7@i4 4,3", NULL }, { NULL, NULL } },
};

tp_tensor *tp_embedding(tp_tensor *index, tp_tensor *weight, int64_t padding_idx)
{
    return tp_apply(&tp_op_embedding, (tp_tensor *[]){ index, weight }, 2, &padding_idx);
}

static void one_hot_compose(tp_call *c)
{
    int64_t classes = *(const int64_t *)c->attrs;
    tp_tensor *labels = c->in[0];
    if (classes < 0 && (!tensor_data(labels) || !labels->numel)) {
        tp_fail(TP_ERR_ARGUMENT, "one_hot: num_classes is not given and no label says it");
        return;
    }
    if (classes < 0)
        classes = tp_item_i64(tp_amax(labels, TP_ALL_DIMS, false)) + 1;
    if (check_indices("one_hot", labels, classes))
        return;
    tp_shape shape = tp_shape_of(labels);
    if (shape.ndim == TP_MAX_DIMS) {
        tp_fail(TP_ERR_SHAPE, "one_hot: labels %s have too many dims", tensor_shape_text(labels));
        return;
    }
    shape.dim[shape.ndim++] = classes;
    tp_tensor *zeros = tp_zeros(shape, .dtype = TP_I64);
    c->out[0] = classes ? tp_scatter_value_(zeros, -1, tp_unsqueeze(labels, -1), 1) : zeros;
}

const tp_op tp_op_one_hot = {
    .name = "one_hot",
    .formula = "y[.., k] = 1 where k is the label, else 0",
    .inputs = "labels",
    .n_in = 1,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "num_classes", TP_ATTR_I64, 0, -1, NULL }, { 0 } },
    .not_differentiable = true,
    .compose = one_hot_compose,
    .examples = (const tp_example[]){ { "2,3@i5", &(int64_t){ 5 } },
                                      { "0@i5", &(int64_t){ 3 } },
                                      { "s@i5", &(int64_t){ 6 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_one_hot(tp_tensor *labels, int64_t classes)
{
    return tp_apply(&tp_op_one_hot, &labels, 1, &classes);
}
