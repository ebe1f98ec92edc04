/* select.c - elements by their rank along a dim: kthvalue, median, nanmedian, mode, quantile.
 *
 * Layer: ops.  Kernels: kth, order (kernels.h).  Read next: rows.h, sort.c. */
#include "ops/reduce.h"
#include "ops/rows.h"

#include <math.h>
#include <string.h>

/* ---- one element a row: its place decides ------------------------------------------------------------------------------ */

typedef struct pick_attrs {
    int64_t dim;
    bool keepdim;
    int64_t k;
} pick_attrs;

static size_t pick_bench(const tp_call *c)
{
    int64_t n = row_length(c->in[0], ((const pick_attrs *)c->attrs)->dim);
    return order_scratch(c->in[0]->dtype, n) + (size_t)n * 16 + 128; /* mode: values, places */
}

static tp_status pick_infer(tp_call *c)
{
    const pick_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    int dim = (int)a->dim;
    if (normalize_dim(c->op->name, x->ndim, &dim))
        return tp_error_pending();
    int64_t n = row_length(x, a->dim);
    if (n == 0)
        return tp_fail(TP_ERR_INDEX, "%s: dim %d of %s is empty", c->op->name, dim, tensor_shape_text(x));
    if (a->k < 0 || a->k > n)
        return tp_fail(TP_ERR_INDEX, "%s: k %lld is out of range, [1, %lld] is wanted in dim %d", c->op->name,
                       (long long)a->k, (long long)n, dim);
    if (infer_reduced_shape(c, 0, x->ndim ? 1u << dim : 0, a->keepdim, (tp_dtype)x->dtype) ||
        infer_reduced_shape(c, 1, x->ndim ? 1u << dim : 0, a->keepdim, TP_I64))
        return tp_error_pending();
    return rows_infer(c, a->dim, pick_bench(c));
}

static void pick_run(const tp_call *c, void (*body)(const rows *, int64_t, void *))
{
    if (c->out[0]->numel)
        rows_run(c, ((const pick_attrs *)c->attrs)->dim, pick_bench(c), false, body);
}

static void put_pick(const rows *r, int64_t row, int64_t place)
{
    const size_t size = tensor_element_size(r->c->in[0]);
    memcpy(r->y[0] + row * (int64_t)size, r->x + (row * r->n + place) * (int64_t)size, size);
    ((int64_t *)(void *)r->y[1])[row] = place;
}

static int64_t kth_place(const rows *r, int64_t row, int64_t k, void *bench)
{
    const tp_tensor *x = r->c->in[0];
    const char *at = r->x + row * r->n * (int64_t)tensor_element_size(x);
    return ((const kernel_table *)r->c->kernels)->kth[x->dtype](at, r->n, k, bench);
}

static void pick_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const pick_attrs *a = s->attrs;
    tp_tensor *index = s->out[1];
    if (!a->keepdim && s->in_shape[0].ndim) {
        dy = tp_unsqueeze(dy, (int)a->dim);
        index = tp_unsqueeze(index, (int)a->dim);
    }
    dx[0] = tp_scatter_add(tp_zeros(s->in_shape[0], .dtype = s->in_dtype[0]), (int)a->dim, index, dy);
}

static tp_tensor *two(const tp_op *op, tp_tensor *x, const pick_attrs *a, tp_tensor **indices)
{
    tp_tensor *out[TP_MAX_PARTS];
    tp_apply_n(op, &x, 1, a, out);
    if (indices)
        *indices = op->n_out == 2 || a->dim != TP_NO_DIM ? out[1] : NULL;
    return out[0];
}

/* ---- kthvalue --------------------------------------------------------------------------------------------------------------- */

static void kth_row(const rows *r, int64_t row, void *bench)
{
    put_pick(r, row, kth_place(r, row, ((const pick_attrs *)r->c->attrs)->k, bench));
}

static void kthvalue_forward(const tp_call *c)
{
    pick_run(c, kth_row);
}

static tp_status kthvalue_infer(tp_call *c)
{
    if (((const pick_attrs *)c->attrs)->k == 0)
        return tp_fail(TP_ERR_INDEX, "kthvalue: k 0 is out of range, ranks begin with 1");
    return pick_infer(c);
}

const tp_op tp_op_kthvalue = {
    .name = "kthvalue",
    .formula = "k-th smallest x along dim, k from 1 on, and where it stood; NaN last",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(pick_attrs),
    .attrs = (const tp_attr[]){ { "k", TP_ATTR_I64, offsetof(pick_attrs, k), TP_REQUIRED, NULL },
                                { "dim", TP_ATTR_I64, offsetof(pick_attrs, dim), -1, NULL },
                                { "keepdim", TP_ATTR_BOOL, offsetof(pick_attrs, keepdim), 0, NULL },
                                { 0 } },
    .saves_out = 2,
    .infer = kthvalue_infer,
    .forward = kthvalue_forward,
    .backward = pick_backward,
    .examples = (const tp_example[]){ { "2,7", &(pick_attrs){ -1, false, 3 } },
                                      { "5,3,2", &(pick_attrs){ 0, true, 2 } },
                                      { "4,5@t", &(pick_attrs){ 1, false, 5 } },
                                      { "s", &(pick_attrs){ 0, false, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_kthvalue(tp_tensor *x, int64_t k, int dim, bool keepdim, tp_tensor **indices)
{
    return two(&tp_op_kthvalue, x, &(pick_attrs){ dim, keepdim, k }, indices);
}

/* ---- median, nanmedian: the lower of two ---------------------------------------------------------------------------------------- */

/* How many NaN a row has, and where the first one stands. */
static int64_t count_nans(const rows *r, int64_t row, int64_t *first)
{
    const tp_tensor *x = r->c->in[0];
    const kernel_table *kernels = r->c->kernels;
    double buffer[256];
    int64_t nans = 0;
    *first = 0;
    for (int64_t i = 0; i < r->n && tp_dtype_is_float((tp_dtype)x->dtype); i += 256) {
        int64_t n = r->n - i < 256 ? r->n - i : 256, here = 0;
        kernels->convert[TP_F64][x->dtype](buffer, 1,
                                           r->x + (row * r->n + i) * (int64_t)tensor_element_size(x), 1, n);
        for (int64_t k = 0; k < n; k++)
            here += buffer[k] != buffer[k];
        for (int64_t k = 0; k < n && here && !nans; k++)
            if (buffer[k] != buffer[k]) {
                *first = i + k;
                break;
            }
        nans += here;
    }
    return nans;
}

static void median_row(const rows *r, int64_t row, void *bench)
{
    int64_t first, nans = count_nans(r, row, &first);
    put_pick(r, row, nans ? first : kth_place(r, row, (r->n + 1) / 2, bench));
}

static void nanmedian_row(const rows *r, int64_t row, void *bench)
{
    int64_t first, n = r->n - count_nans(r, row, &first);
    put_pick(r, row, n ? kth_place(r, row, (n + 1) / 2, bench) : 0);
}

static void median_forward(const tp_call *c)
{
    pick_run(c, c->op->tag ? nanmedian_row : median_row);
}

static const tp_attr pick_attr_table[] = { { "dim", TP_ATTR_I64, offsetof(pick_attrs, dim), TP_NO_DIM, NULL },
                                           { "keepdim", TP_ATTR_BOOL, offsetof(pick_attrs, keepdim), 0,
                                             NULL },
                                           { 0 } };
static const tp_example pick_examples[] = { { "2,7", &(pick_attrs){ -1, false, 0 } },
                                            { "5,3,2", &(pick_attrs){ 0, true, 0 } },
                                            { "4,6@t", &(pick_attrs){ 1, false, 0 } },
                                            { "s", &(pick_attrs){ 0, false, 0 } },
                                            { NULL, NULL } };
static const tp_example median_examples[] = { { "2,7", &(pick_attrs){ -1, false, 0 } },
                                              { "5,3,2", &(pick_attrs){ 0, true, 0 } },
                                              { "4,6@t", &(pick_attrs){ TP_NO_DIM, false, 0 } },
                                              { "0", &(pick_attrs){ TP_NO_DIM, false, 0 } },
                                              { NULL, NULL } };

/* Along a dim a primitive with places; without one the value alone. */
static void middle_compose(tp_call *c, const tp_op *along)
{
    const pick_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *out[2];
    c->n_out = a->dim == TP_NO_DIM ? 1 : 2;
    if (a->dim != TP_NO_DIM) {
        tp_apply_n(along, &x, 1, a, c->out);
    } else if (x->numel == 0 && tp_dtype_is_float((tp_dtype)x->dtype)) {
        c->out[0] = tp_full(TP_SHAPE(), NAN, .dtype = (tp_dtype)x->dtype);
    } else {
        x = tp_reshape(x, TP_SHAPE(x->numel));
        tp_apply_n(along, &x, 1, &(pick_attrs){ 0, false, 0 }, out);
        c->out[0] = out[0];
    }
}

#define MEDIAN(op, text, skips)                                                  \
    static const tp_op op##_along = { .name = #op,                               \
                                      .inputs = "x",                             \
                                      .n_in = 1,                                 \
                                      .n_out = 2,                                \
                                      .attrs_size = sizeof(pick_attrs),          \
                                      .saves_out = 2,                            \
                                      .infer = pick_infer,                       \
                                      .forward = median_forward,                 \
                                      .tag = skips,                              \
                                      .backward = pick_backward };               \
    static void op##_compose(tp_call *c)                                         \
    {                                                                            \
        middle_compose(c, &op##_along);                                          \
    }                                                                            \
    const tp_op tp_op_##op = { .name = #op,                                      \
                               .formula = text,                                  \
                               .inputs = "x",                                    \
                               .n_in = 1,                                        \
                               .n_out = -1,                                      \
                               .attrs_size = sizeof(pick_attrs),                 \
                               .attrs = pick_attr_table,                         \
                               .compose = op##_compose,                          \
                               .examples = median_examples };                    \
    tp_tensor *tp_##op(tp_tensor *x, int dim, bool keepdim, tp_tensor **indices) \
    {                                                                            \
        return two(&tp_op_##op, x, &(pick_attrs){ dim, keepdim, 0 }, indices);   \
    }

MEDIAN(median, "middle x along dim, the lower of two, and where it stood; NaN if one is", 0)
MEDIAN(nanmedian, "middle of the x along dim that are numbers, the lower of two, and where it stood", 1)

/* ---- mode ------------------------------------------------------------------------------------------------------------------------ */

/* flags[i]: element i of a sorted row differs from the one before. */
static void mode_row(const rows *r, int64_t row, void *bench)
{
    const tp_tensor *x = r->c->in[0];
    const kernel_table *kernels = r->c->kernels;
    const kernel_type type = kernel_type_of((tp_dtype)x->dtype);
    const int64_t size = (int64_t)tensor_element_size(x);
    int64_t *places = bench;
    const int64_t part = (r->n * 8 + 63) / 64 * 64; /* order wants its scratch aligned */
    char *values = (char *)bench + part, *rest = values + part;
    kernels->order[x->dtype](values, places, r->x + row * r->n * size, r->n, false, rest);
    int64_t buffer[257], best = 0, best_length = 0, length = 0;
    uint8_t differs[256];
    for (int64_t i = 0; i < r->n; i += 256) { /* element 0 of the buffer is the one before */
        int64_t n = r->n - i < 256 ? r->n - i : 256, before = i > 0;
        const size_t computed = tp_dtype_size(dtype_of_kernel(type));
        kernels->convert[dtype_of_kernel(type)][x->dtype](buffer, 1, values + (i - before) * size, 1,
                                                          n + before);
        const char *at = (const char *)buffer + (size_t)before * computed;
        differs[0] = 1;
        kernels->compare[KERNEL_NE][type](differs + !before, at + (before ? 0 : computed), 1,
                                          (const char *)buffer, 1, n - !before);
        for (int64_t k = 0; k < n; k++) {
            length = differs[k] ? 1 : length + 1;
            if (length > best_length) {
                best_length = length;
                best = i + k;
            }
        }
    }
    put_pick(r, row, places[best]); /* the last of the run: equals stand in the order of their places */
}

static void mode_forward(const tp_call *c)
{
    pick_run(c, mode_row);
}

const tp_op tp_op_mode = {
    .name = "mode",
    .formula =
        "most frequent x along dim, the smallest of equally frequent ones, and where the last one stood",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(pick_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(pick_attrs, dim), -1, NULL },
                                { "keepdim", TP_ATTR_BOOL, offsetof(pick_attrs, keepdim), 0, NULL },
                                { 0 } },
    .saves_out = 2,
    .infer = pick_infer,
    .forward = mode_forward,
    .backward = pick_backward,
    .examples = pick_examples,
};

tp_tensor *tp_mode(tp_tensor *x, int dim, bool keepdim, tp_tensor **indices)
{
    return two(&tp_op_mode, x, &(pick_attrs){ dim, keepdim, 0 }, indices);
}

/* ---- quantile ---------------------------------------------------------------------------------------------------------------------- */

typedef struct quantile_attrs {
    int64_t dim;
    bool keepdim;
    int interpolation;
} quantile_attrs;
enum { LINEAR, LOWER, HIGHER, MIDPOINT, NEAREST };

/* Ranks (.., Q) from 0 on, in f64, for rows (.., n) in order; where a row has NaN and these count, the last one's. */
static tp_tensor *ranks_of(tp_tensor *sorted, tp_tensor *q, bool skips_nan)
{
    const double n = (double)tp_size(sorted, -1);
    tp_tensor *numbers = tp_count_nonzero(tp_eq(sorted, sorted), TP_SHAPE(-1), true); /* (.., 1) */
    if (skips_nan)
        return tp_maximum(tp_mul(q, tp_sub(tp_double(numbers), 1)), 0);
    return tp_where(tp_lt(numbers, n), n - 1, tp_mul(q, n - 1));
}

static tp_tensor *between(tp_tensor *sorted, tp_tensor *ranks, int interpolation, tp_dtype dtype)
{
    tp_tensor *low = tp_floor(ranks), *high = tp_ceil(ranks), *weight = tp_to(tp_sub(ranks, low), dtype);
    if (interpolation == MIDPOINT)
        weight = tp_where(tp_eq(weight, 0), 0, tp_full_like(weight, 0.5));
    if (interpolation == NEAREST)
        low = tp_round(ranks);
    if (interpolation == HIGHER)
        low = high;
    tp_tensor *y = tp_gather(sorted, -1, tp_long(low));
    if (interpolation != LINEAR && interpolation != MIDPOINT)
        return y;
    tp_tensor *step = tp_sub(tp_gather(sorted, -1, tp_long(high)), y);
    return tp_where(tp_eq(weight, 0), y,
                    tp_add(y, tp_mul(step, weight))); /* between two infinities there is none */
}

static tp_status check_quantile(const char *op, const tp_tensor *x, const tp_tensor *q)
{
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: x is %s, f32 or f64 is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype));
    if (q->ndim > 1)
        return tp_fail(TP_ERR_SHAPE, "%s: q %s, a number or one dim is wanted", op, tensor_shape_text(q));
    if (x->numel == 0)
        return tp_fail(TP_ERR_SHAPE, "%s: %s is empty", op, tensor_shape_text(x));
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *inside =
        tp_logical_and(tp_ge((tp_tensor *)(uintptr_t)q, 0), tp_le((tp_tensor *)(uintptr_t)q, 1));
    if (inside && tensor_data(inside) && tp_item(tp_all(inside, TP_ALL_DIMS, false)) == 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: q is out of range, [0, 1] is wanted", op);
    return tp_error_pending();
}

static void quantile_compose(tp_call *c)
{
    const quantile_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *q = c->in[1];
    int dim = a->dim == TP_NO_DIM ? 0 : (int)a->dim, ndim = x->ndim;
    if (check_quantile(c->op->name, x, q))
        return;
    if (a->dim == TP_NO_DIM)
        x = tp_reshape(x, TP_SHAPE(x->numel));
    else if (normalize_dim(c->op->name, x->ndim, &dim))
        return;
    else if (x->ndim)
        x = tp_transpose(x, dim, -1);
    else
        x = tp_reshape(x, TP_SHAPE(1));
    tp_tensor *sorted = tp_sort(x, -1, false, NULL), *ranks;
    if (!sorted)
        return;
    ranks = ranks_of(sorted, tp_double(tp_reshape(q, TP_SHAPE(-1))), c->op->tag);
    tp_shape wide = tp_shape_of(sorted);
    wide.dim[wide.ndim - 1] = tp_numel(q);
    ranks = tp_reshape(ranks, wide);
    tp_tensor *y = between(sorted, ranks, a->interpolation,
                           (tp_dtype)x->dtype); /* (.., Q), dim's place taken by the last */
    y = tp_unsqueeze(y, 0);
    y = tp_transpose(y, 0, -1); /* (Q, .., 1) */
    if (a->dim != TP_NO_DIM && ndim)
        y = tp_transpose(y, dim + 1, -1); /* the 1 where dim was */
    tp_shape shape = { 0 };
    if (q->ndim)
        shape.dim[shape.ndim++] = q->shape[0];
    for (int i = 0; i < ndim; i++)
        if (a->dim == TP_NO_DIM ? a->keepdim : i != dim || a->keepdim)
            shape.dim[shape.ndim++] = a->dim == TP_NO_DIM || i == dim ? 1 : c->in[0]->shape[i];
    c->out[0] = tp_reshape(y, shape);
}

static const tp_attr quantile_attr_table[] = {
    { "dim", TP_ATTR_I64, offsetof(quantile_attrs, dim), TP_NO_DIM, NULL },
    { "keepdim", TP_ATTR_BOOL, offsetof(quantile_attrs, keepdim), 0, NULL },
    { "interpolation", TP_ATTR_WORD, offsetof(quantile_attrs, interpolation), 0,
      "linear lower higher midpoint nearest" },
    { 0 },
};
static const tp_example quantile_examples[] = {
    { "2,7 3@u", &(quantile_attrs){ -1, false, LINEAR } },
    { "5,3,2 s@u", &(quantile_attrs){ 0, true, MIDPOINT } },
    { "4,6@t 2@u", &(quantile_attrs){ TP_NO_DIM, false, NEAREST } },
    { NULL, NULL },
};

#define QUANTILE(op, text, skips)                                                                    \
    const tp_op tp_op_##op = { .name = #op,                                                          \
                               .formula = text,                                                      \
                               .inputs = "x q",                                                      \
                               .n_in = 2,                                                            \
                               .attrs_size = sizeof(quantile_attrs),                                 \
                               .attrs = quantile_attr_table,                                         \
                               .compose = quantile_compose,                                          \
                               .tag = skips,                                                         \
                               .examples = quantile_examples };                                      \
    tp_tensor *tp_##op(tp_tensor *x, tp_tensor *q, int dim, bool keepdim, const char *interpolation) \
    {                                                                                                \
        quantile_attrs a = { dim, keepdim, LINEAR };                                                 \
        if (interpolation && tp_op_set(&tp_op_##op, &a, "interpolation", interpolation))             \
            return NULL;                                                                             \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, q }, 2, &a);                                \
    }

QUANTILE(quantile,
         "y = element of rank q (n - 1) of x in order along dim, between two of them if it is no integer", 0)
QUANTILE(nanquantile, "quantile of the x that are numbers", 1)
