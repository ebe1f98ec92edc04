/* search.c - values among values: unique, searchsorted, bucketize, isin, bincount, histc.  None has a gradient.
 *
 * Layer: ops.  Kernels: search (kernels.h).  Read next: sort.c. */
#include "base/parallel.h"
#include "ops/ops.h"
#include "ops/map.h"

#include <math.h>

enum { GRAIN = 4096 };

/* ---- unique, unique_consecutive -------------------------------------------------------------------------------------- */

typedef struct unique_attrs {
    bool sorted, return_inverse, return_counts;
} unique_attrs;

/* Element i differs from the one before; NaN differs from NaN. */
static tp_tensor *run_starts(tp_tensor *x)
{
    int64_t n = x ? x->numel : 0;
    tp_tensor *first = tp_ones(TP_SHAPE(n > 0), .dtype = TP_BOOL);
    if (n < 2)
        return first;
    return tp_cat((tp_tensor *[]){ first, tp_ne(tp_slice(x, 0, 1, n, 1), tp_slice(x, 0, 0, n - 1, 1)) }, 2,
                  0);
}

/* values, then what is asked for.  order: where the elements of row stood, or NULL: there. */
static void unique_of_runs(tp_call *c, tp_tensor *row, tp_tensor *order)
{
    const unique_attrs *a = c->attrs;
    tp_tensor *starts = run_starts(row), *at = starts ? tp_nonzero(starts) : NULL;
    if (!at)
        return;
    at = tp_reshape(at, TP_SHAPE(tp_size(at, 0)));
    c->n_out = 1;
    c->out[0] = tp_index_select(row, 0, at);
    if (a->return_inverse) {
        tp_tensor *number = tp_sub(tp_cumsum(starts, 0), 1);
        if (order)
            number = tp_scatter(tp_empty(TP_SHAPE(row->numel), .dtype = TP_I64), 0, order, number);
        c->out[c->n_out++] = tp_reshape(number, tp_shape_of(c->in[0]));
    }
    if (a->return_counts) {
        tp_tensor *end = tp_full(TP_SHAPE(1), (double)row->numel, .dtype = TP_I64);
        c->out[c->n_out++] = tp_diff(tp_cat((tp_tensor *[]){ at, end }, 2, 0), 1, 0);
    }
}

static void unique_compose(tp_call *c)
{
    tp_tensor *order, *row = tp_sort(tp_reshape(c->in[0], TP_SHAPE(c->in[0]->numel)), 0, false, &order);
    if (row)
        unique_of_runs(c, row, order);
}

static void unique_consecutive_compose(tp_call *c)
{
    tp_tensor *row = tp_reshape(c->in[0], TP_SHAPE(c->in[0]->numel));
    if (row)
        unique_of_runs(c, row, NULL);
}

static const tp_attr unique_attr_table[] = {
    { "sorted", TP_ATTR_BOOL, offsetof(unique_attrs, sorted), 1, NULL },
    { "return_inverse", TP_ATTR_BOOL, offsetof(unique_attrs, return_inverse), 0, NULL },
    { "return_counts", TP_ATTR_BOOL, offsetof(unique_attrs, return_counts), 0, NULL },
    { 0 },
};
static const tp_example unique_examples[] = {
    { "3,7@i5", &(unique_attrs){ true, true, true } }, { "9", NULL },
    { "4,5@t", &(unique_attrs){ true, true, false } }, { "0@i3", &(unique_attrs){ true, false, true } },
    { "11@b", &(unique_attrs){ true, false, true } },  { NULL, NULL }
};

#define UNIQUE(op, text, row_of_attrs)                                                 \
    const tp_op tp_op_##op = { .name = #op,                                            \
                               .formula = text,                                        \
                               .inputs = "x",                                          \
                               .n_in = 1,                                              \
                               .n_out = -1,                                            \
                               .attrs_size = sizeof(unique_attrs),                     \
                               .attrs = row_of_attrs,                                  \
                               .not_differentiable = true,                             \
                               .shape_needs_values = true,                             \
                               .compose = op##_compose,                                \
                               .examples = unique_examples };                          \
    tp_tensor *tp_##op(tp_tensor *x, tp_tensor **inverse, tp_tensor **counts)          \
    {                                                                                  \
        tp_tensor *out[TP_MAX_PARTS];                                                  \
        tp_apply_n(&tp_op_##op, &x, 1, &(unique_attrs){ true, inverse, counts }, out); \
        if (inverse)                                                                   \
            *inverse = out[1];                                                         \
        if (counts)                                                                    \
            *counts = out[1 + (inverse != NULL)];                                      \
        return out[0];                                                                 \
    }

UNIQUE(unique,
       "the different x in order; with return_inverse the number of each x among them, with return_counts "
       "how often each stands",
       unique_attr_table)
UNIQUE(unique_consecutive,
       "x without repeats of the element before; with return_inverse and return_counts as unique",
       unique_attr_table + 1)

/* ---- searchsorted, bucketize --------------------------------------------------------------------------------------------- */

typedef struct search_attrs {
    bool right, out_int32;
} search_attrs;

/* Of a type that is computed in, contiguous: sequence (n) or (.., n), values (.., m). */
static tp_status search_infer(tp_call *c)
{
    return tp_infer_shape(c, 0, TP_I64, tp_shape_of(c->in[1]));
}

typedef struct search_run {
    search_fn *f;
    const char *sequence, *values;
    int64_t *y, n, m, size;
    bool one; /* sequence for all rows */
    bool right;
    int64_t pieces;
} search_run;

static void search_pieces(void *context, int64_t begin, int64_t end)
{
    const search_run *r = context;
    for (int64_t p = begin; p < end; p++) {
        int64_t row = p / r->pieces, first = p % r->pieces * GRAIN,
                m = r->m - first < GRAIN ? r->m - first : GRAIN;
        int64_t at = row * r->m + first;
        r->f(r->y + at, r->sequence + (r->one ? 0 : row * r->n * r->size), r->n, r->values + at * r->size, m,
             r->right);
    }
}

static void search_forward(const tp_call *c)
{
    const search_attrs *a = c->attrs;
    const tp_tensor *s = c->in[0], *v = c->in[1];
    if (v->numel == 0)
        return;
    bool one = s->ndim == 1;
    int64_t rows = 1;
    for (int i = 0; i < v->ndim - 1 && !one; i++)
        rows *= v->shape[i];
    search_run r = { ((const kernel_table *)c->kernels)->search[kernel_type_of((tp_dtype)s->dtype)],
                     tensor_data(s),
                     tensor_data(v),
                     (int64_t *)(void *)tensor_data(c->out[0]),
                     s->shape[s->ndim - 1],
                     v->numel / rows,
                     (int64_t)tensor_element_size(s),
                     one,
                     a->right,
                     0 };
    r.pieces = (r.m + GRAIN - 1) / GRAIN;
    parallel_for(rows * r.pieces, GRAIN / (r.m < GRAIN ? r.m : GRAIN) + 1, search_pieces, &r);
}

static const tp_op search = { .name = "searchsorted",
                              .inputs = "sequence values",
                              .n_in = 2,
                              .attrs_size = sizeof(search_attrs),
                              .not_differentiable = true,
                              .infer = search_infer,
                              .forward = search_forward };

static tp_tensor *computable(tp_tensor *x, tp_dtype dtype)
{
    return tp_contiguous(tp_to(x, dtype_of_kernel(kernel_type_of(dtype))));
}

static void search_in(tp_call *c, tp_tensor *sequence, tp_tensor *values)
{
    const search_attrs *a = c->attrs;
    bool fits = sequence->ndim == 1 || (sequence->ndim && sequence->ndim == values->ndim);
    for (int i = 0; sequence->ndim > 1 && i < sequence->ndim - 1 && fits; i++)
        fits = sequence->shape[i] == values->shape[i];
    if (!fits) {
        tp_fail(TP_ERR_SHAPE,
                "%s: sequence %s, values %s: one dim, or all dims but the last equal, is wanted", c->op->name,
                tensor_shape_text(sequence), tensor_shape_text(values));
        return;
    }
    tp_dtype dtype = values->is_number ? (tp_dtype)sequence->dtype
                                       : tp_promote((tp_dtype)sequence->dtype, (tp_dtype)values->dtype);
    if (values->is_number && tp_dtype_is_float((tp_dtype)values->dtype) && !tp_dtype_is_float(dtype))
        dtype = TP_F64;
    tp_tensor *y =
        tp_apply(&search, (tp_tensor *[]){ computable(sequence, dtype), computable(values, dtype) }, 2, a);
    c->out[0] = a->out_int32 ? tp_int(y) : y;
}

static void searchsorted_compose(tp_call *c)
{
    search_in(c, c->in[0], c->in[1]);
}

static void bucketize_compose(tp_call *c)
{
    if (c->in[1]->ndim != 1)
        tp_fail(TP_ERR_SHAPE, "bucketize: boundaries %s, one dim is wanted", tensor_shape_text(c->in[1]));
    else
        search_in(c, c->in[1], c->in[0]);
}

static const tp_attr search_attr_table[] = {
    { "out_int32", TP_ATTR_BOOL, offsetof(search_attrs, out_int32), 0, NULL },
    { "right", TP_ATTR_BOOL, offsetof(search_attrs, right), 0, NULL },
    { 0 }
};

const tp_op tp_op_searchsorted = {
    .name = "searchsorted",
    .formula = "y = first place in sequence before which value belongs; right: the last one; rows with rows",
    .inputs = "sequence values",
    .n_in = 2,
    .attrs_size = sizeof(search_attrs),
    .attrs = search_attr_table,
    .not_differentiable = true,
    .compose = searchsorted_compose,
    .examples = (const tp_example[]){ { "1 7", NULL },
                                      { "1@i3 4,5@ti3", &(search_attrs){ true, false } },
                                      { "3,1 3,4", NULL },
                                      { "0 3", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_searchsorted(tp_tensor *sequence, tp_tensor *values, bool right)
{
    return tp_apply(&tp_op_searchsorted, (tp_tensor *[]){ sequence, values }, 2,
                    &(search_attrs){ right, false });
}

const tp_op tp_op_bucketize = {
    .name = "bucketize",
    .formula = "y = number of the bucket of x between boundaries: boundaries[y-1] < x <= boundaries[y]; "
               "right: <= and <",
    .inputs = "x boundaries",
    .n_in = 2,
    .attrs_size = sizeof(search_attrs),
    .attrs = search_attr_table,
    .not_differentiable = true,
    .compose = bucketize_compose,
    .examples = (const tp_example[]){ { "7 1", NULL },
                                      { "4,5@ti3 1@i3", &(search_attrs){ true, false } },
                                      { "3 0", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_bucketize(tp_tensor *x, tp_tensor *boundaries, bool right)
{
    return tp_apply(&tp_op_bucketize, (tp_tensor *[]){ x, boundaries }, 2, &(search_attrs){ right, false });
}

/* ---- isin ------------------------------------------------------------------------------------------------------------------ */

typedef struct isin_attrs {
    bool assume_unique, invert;
} isin_attrs;

static void isin_compose(tp_call *c)
{
    const isin_attrs *a = c->attrs;
    tp_dtype dtype = tp_promote((tp_dtype)c->in[0]->dtype, (tp_dtype)c->in[1]->dtype);
    tp_tensor *x = tp_to(c->in[0], dtype), *test = tp_to(c->in[1], dtype);
    if (!x || !test)
        return;
    if (test->numel == 0) {
        c->out[0] = tp_full(tp_shape_of(x), a->invert, .dtype = TP_BOOL);
        return;
    }
    test = tp_sort(tp_reshape(test, TP_SHAPE(test->numel)), 0, false, NULL);
    /* NaN as infinity: in order, but behind a true one, and never found */
    tp_tensor *row = tp_dtype_is_float(dtype) ? tp_where(tp_eq(test, test), test, INFINITY) : test;
    tp_tensor *at = tp_minimum(tp_searchsorted(row, x, false), c->in[1]->numel - 1);
    tp_tensor *found = tp_take(test, at);
    c->out[0] = a->invert ? tp_ne(found, x) : tp_eq(found, x);
}

const tp_op tp_op_isin = {
    .name = "isin",
    .formula = "y = x stands among test_elements",
    .inputs = "elements test_elements",
    .n_in = 2,
    .attrs_size = sizeof(isin_attrs),
    .attrs =
        (const tp_attr[]){ { "assume_unique", TP_ATTR_BOOL, offsetof(isin_attrs, assume_unique), 0, NULL },
                           { "invert", TP_ATTR_BOOL, offsetof(isin_attrs, invert), 0, NULL },
                           { 0 } },
    .not_differentiable = true,
    .compose = isin_compose,
    .examples = (const tp_example[]){ { "7@i9 3@i9", NULL },
                                      { "4,5@t 2,3", &(isin_attrs){ false, true } },
                                      { "3 0", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_isin(tp_tensor *elements, tp_tensor *test_elements, bool invert)
{
    return tp_apply(&tp_op_isin, (tp_tensor *[]){ elements, test_elements }, 2,
                    &(isin_attrs){ false, invert });
}

/* ---- bincount, histc ---------------------------------------------------------------------------------------------------------- */

static void bincount_compose(tp_call *c)
{
    int64_t least = *(const int64_t *)c->attrs, n = 0;
    tp_tensor *x = c->in[0], *weights = c->in[1];
    if (x->ndim != 1 || least < 0 || (weights && !tensor_same_shape(x, weights))) {
        tp_fail(
            TP_ERR_SHAPE,
            "bincount: x %s, weights %s, minlength %lld: one dim, as many weights, minlength >= 0 are wanted",
            tensor_shape_text(x), weights ? tensor_shape_text(weights) : "none", (long long)least);
        return;
    }
    if (x->numel && !tp_dtype_is_float((tp_dtype)x->dtype) && x->dtype != TP_BOOL) {
        tp_tensor *top = tp_amax(x, TP_ALL_DIMS, false);
        n = top ? tp_item_i64(top) + 1 : 0;
    }
    n = n < least ? least : n;
    if (check_indices("bincount", x, n > 0 ? n : 1))
        return;
    tp_dtype dtype = !weights ? TP_I64 : weights->dtype == TP_F32 ? TP_F32 : TP_F64;
    tp_tensor *ones =
        weights ? tp_to(weights, dtype) : tp_expand(tp_ones(TP_SHAPE(1), .dtype = TP_I64), tp_shape_of(x));
    c->out[0] = tp_scatter_add_(tp_zeros(TP_SHAPE(n), .dtype = dtype), 0, x, ones);
}

const tp_op tp_op_bincount = {
    .name = "bincount",
    .formula = "y_k = number of x that are k, or the sum of their weights",
    .inputs = "x weights?",
    .n_in = 2,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "minlength", TP_ATTR_I64, 0, 0, NULL }, { 0 } },
    .not_differentiable = true,
    .shape_needs_values = true,
    .compose = bincount_compose,
    .examples = (const tp_example[]){ { "9@i5 -", NULL },
                                      { "9@i5 9", &(int64_t){ 7 } },
                                      { "0@i5 -", &(int64_t){ 3 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_bincount(tp_tensor *x, tp_tensor *weights, int64_t minlength)
{
    return tp_apply(&tp_op_bincount, (tp_tensor *[]){ x, weights }, 2, &minlength);
}

typedef struct histc_attrs {
    int64_t bins;
    double min, max;
} histc_attrs;

static void histc_compose(tp_call *c)
{
    const histc_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    double low = a->min, high = a->max;
    if (!tp_dtype_is_float((tp_dtype)x->dtype)) {
        tp_fail(TP_ERR_DTYPE, "histc: x is %s, a float type is wanted", tp_dtype_name((tp_dtype)x->dtype));
        return;
    }
    if (low == high && x->numel) {
        low = tp_item(tp_amin(x, TP_ALL_DIMS, false));
        high = tp_item(tp_amax(x, TP_ALL_DIMS, false));
    }
    if (low == high)
        low -= 1, high += 1;
    if (a->bins < 1 || !(low < high) || isinf(low) || isinf(high)) {
        tp_fail(TP_ERR_ARGUMENT, "histc: %lld bins in [%g, %g]: at least one, and a finite range, are wanted",
                (long long)a->bins, low, high);
        return;
    }
    tp_tensor *row =
        tp_reshape(x, TP_SHAPE(x->numel)); /* in its own type, as PyTorch: who is at an edge depends on it */
    tp_tensor *inside = tp_logical_and(tp_ge(row, low), tp_le(row, high));
    tp_tensor *bin = tp_floor(tp_div(tp_mul(tp_sub(row, low), (double)a->bins), high - low));
    bin = tp_long(tp_where(inside, tp_minimum(bin, (double)(a->bins - 1)),
                           (double)a->bins)); /* the last one is for the others */
    tp_tensor *counts = tp_bincount(bin, NULL, a->bins + 1);
    c->out[0] = tp_to(tp_slice(counts, 0, 0, a->bins, 1), (tp_dtype)x->dtype);
}

const tp_op tp_op_histc = {
    .name = "histc",
    .formula = "y_k = number of x in bin k of equal bins over [min, max]; of all of x where both are 0",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(histc_attrs),
    .attrs = (const tp_attr[]){ { "bins", TP_ATTR_I64, offsetof(histc_attrs, bins), 100, NULL },
                                { "min", TP_ATTR_F64, offsetof(histc_attrs, min), 0, NULL },
                                { "max", TP_ATTR_F64, offsetof(histc_attrs, max), 0, NULL },
                                { 0 } },
    .not_differentiable = true,
    .shape_needs_values = true,
    .compose = histc_compose,
    .examples = (const tp_example[]){ { "17", &(histc_attrs){ 4, -1, 1 } },
                                      { "4,5@t", &(histc_attrs){ 3, 0, 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_histc(tp_tensor *x, int64_t bins, double min, double max)
{
    return tp_apply(&tp_op_histc, &x, 1, &(histc_attrs){ bins, min, max });
}
