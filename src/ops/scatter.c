/* scatter.c - writing where an index says: scatter and its reductions, index_add, index_copy, index_fill, put.
 *
 * y is x, and then src goes in, in index order: where an index stands twice, sums always add up in the same order and
 * the last one stays.
 * Layer: ops.  Depends on indexed.h.  Read next: index.c, the way there. */
#include "ops/indexed.h"
#include "ops/reduce.h"

#include <math.h>
#include <string.h>

static int dim_of(int64_t dim, int ndim)
{
    return (int)(dim < 0 ? dim + ndim : dim);
}

static tp_status check_source(const char *op, const tp_tensor *x, const tp_tensor *index,
                              const tp_tensor *src)
{
    bool fits = (src->ndim == index->ndim || (src->ndim <= 1 && index->ndim <= 1)) && src->dtype == x->dtype;
    for (int i = 0; i < index->ndim && i < src->ndim && fits; i++)
        fits = index->shape[i] <= src->shape[i];
    if (fits || (index->numel == 0 && src->dtype == x->dtype))
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE, "%s: src %s of %s, index %s: src must cover index and be of x's dtype %s",
                   op, tensor_shape_text(src), tp_dtype_name((tp_dtype)src->dtype), tensor_shape_text(index),
                   tp_dtype_name((tp_dtype)x->dtype));
}

/* y = x, where it is not x. */
static void start_from(const tp_call *c)
{
    if (tensor_data(c->out[0]) != tensor_data(c->in[0]))
        copy_tensor(c->kernels, c->out[0], c->in[0]);
}

/* Of index's shape; src may be larger, and what lies beyond has no gradient. */
static tp_tensor *grown(tp_tensor *g, tp_shape src)
{
    tp_shape before = { .ndim = g ? tp_ndim(g) : 0 }, after = before;
    bool smaller = false;
    for (int i = 0; i < before.ndim; i++) {
        after.dim[i] = src.dim[i] - tp_size(g, i);
        smaller |= after.dim[i] != 0;
    }
    return smaller ? tp_pad(g, before, after, 0) : g;
}

/* ---- scatter:  y = x;  y[.., index[.., i, ..], ..] = src[.., i, ..] or value ------------------------------------------------ */

typedef struct scatter_attrs {
    int64_t dim;
    double value;
} scatter_attrs;

static tp_status scatter_infer(tp_call *c)
{
    const scatter_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    int dim;
    if (check_gather("scatter", a->dim, x, index, &dim) || (src && check_source("scatter", x, index, src)))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void scatter_forward(const tp_call *c)
{
    const scatter_attrs *a = c->attrs;
    const kernel_table *kernels = c->kernels;
    const tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    int64_t element = 0; /* of any type */
    tp_storage memory = { .data = &element };
    tp_tensor value = *index;
    start_from(c);
    if (!src) {
        kernels->convert[x->dtype][TP_F64](&element, 1, &a->value, 1, 1);
        value.dtype = x->dtype;
        value.storage = &memory;
        value.offset = 0;
        memset(value.stride, 0, sizeof value.stride);
        src = &value;
    }
    place_elements(kernels, PLACE_SET, c->out[0], index, src, dim_of(a->dim, x->ndim));
}

static void scatter_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const scatter_attrs *a = s->attrs;
    if (s->needs[0])
        dx[0] = tp_scatter_value(dy, (int)a->dim, s->in[1], 0);
    if (s->n_in > 2 && s->needs[2])
        dx[2] = grown(tp_gather(dy, (int)a->dim, s->in[1]), s->in_shape[2]);
}

const tp_op tp_op_scatter = {
    .name = "scatter",
    .formula = "y = x, but y[index[i][j]][j] = src[i][j] for dim 0, or value; the last of equal places stays",
    .inputs = "x index src?",
    .n_in = 3,
    .attrs_size = sizeof(scatter_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(scatter_attrs, dim), TP_REQUIRED, NULL },
                                { "value", TP_ATTR_F64, offsetof(scatter_attrs, value), 0, NULL },
                                { 0 } },
    .saves_in = 2,
    .infer = scatter_infer,
    .forward = scatter_forward,
    .backward = scatter_backward,
    .examples = (const tp_example[]){ { "4,3 1,3@i4 1,3", &(scatter_attrs){ 0, 0 } },
                                      { "3,5@t 3,1@i5 3,4", &(scatter_attrs){ -1, 0 } },
                                      { "3,5 3,4@i5 -", &(scatter_attrs){ 1, 2.5 } },
                                      { "4 0@i4 3", &(scatter_attrs){ 0, 0 } },
                                      { NULL, NULL } },
};

static tp_tensor *scatter(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, double value,
                          bool in_place)
{
    tp_tensor *in[] = { x, index, src };
    return (in_place ? tp_apply_ : tp_apply)(&tp_op_scatter, in, 3, &(scatter_attrs){ dim, value });
}

static tp_tensor *scatter_src(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, bool in_place)
{
    if (!src && !tp_pending())
        return tp_fail_null(TP_ERR_ARGUMENT, "scatter: src is NULL");
    return scatter(x, dim, index, src, 0, in_place);
}

tp_tensor *tp_scatter(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return scatter_src(x, dim, index, src, false);
}

tp_tensor *tp_scatter_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return scatter_src(x, dim, index, src, true);
}

tp_tensor *tp_scatter_value(tp_tensor *x, int dim, tp_tensor *index, double value)
{
    return scatter(x, dim, index, NULL, value, false);
}

tp_tensor *tp_scatter_value_(tp_tensor *x, int dim, tp_tensor *index, double value)
{
    return scatter(x, dim, index, NULL, value, true);
}

/* ---- scatter_add:  y = x;  y[.., index[.., i, ..], ..] += src[.., i, ..] ---------------------------------------------------- */

static tp_status scatter_add_infer(tp_call *c)
{
    int dim;
    const tp_tensor *x = c->in[0], *index = c->in[1];
    if (check_gather(c->op->name, *(const int64_t *)c->attrs, x, index, &dim) ||
        check_source(c->op->name, x, index, c->in[2]))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void scatter_add_forward(const tp_call *c)
{
    start_from(c);
    place_elements(c->kernels, PLACE_ADD, c->out[0], c->in[1], c->in[2],
                   dim_of(*(const int64_t *)c->attrs, c->in[0]->ndim));
}

static void scatter_add_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (s->needs[2])
        dx[2] = grown(tp_gather(dy, (int)*(const int64_t *)s->attrs, s->in[1]), s->in_shape[2]);
}

const tp_op tp_op_scatter_add = {
    .name = "scatter_add",
    .formula = "y = x; y[index[i][j]][j] += src[i][j] for dim 0",
    .inputs = "x index src",
    .n_in = 3,
    .attrs_size = sizeof(int64_t),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, 0, TP_REQUIRED, NULL }, { 0 } },
    .saves_in = 2,
    .infer = scatter_add_infer,
    .forward = scatter_add_forward,
    .backward = scatter_add_backward,
    .examples = (const tp_example[]){ { "4,3 2,3@i4 2,3", &(int64_t){ 0 } },
                                      { "3,5 3,2@i5 3,4", &(int64_t){ 1 } },
                                      { "7 9@i7 9", &(int64_t){ 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_scatter_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return tp_apply(&tp_op_scatter_add, (tp_tensor *[]){ x, index, src }, 3, &(int64_t){ dim });
}

tp_tensor *tp_scatter_add_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src)
{
    return tp_apply_(&tp_op_scatter_add, (tp_tensor *[]){ x, index, src }, 3, &(int64_t){ dim });
}

/* ---- scatter_reduce ----------------------------------------------------------------------------------------------------------- */

typedef struct scatter_reduce_attrs {
    int64_t dim;
    int reduce;
    bool include_self;
} scatter_reduce_attrs;
enum { REDUCE_SUM, REDUCE_PROD, REDUCE_MEAN, REDUCE_AMAX, REDUCE_AMIN };

/* prod, amax, amin, starting from x. */
static tp_status joined_infer(tp_call *c)
{
    int dim;
    const scatter_reduce_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_gather(c->op->name, a->dim, x, c->in[1], &dim) ||
        check_source(c->op->name, x, c->in[1], c->in[2]))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void joined_forward(const tp_call *c)
{
    static const place_kind kinds[] = { PLACE_ADD, PLACE_MUL, PLACE_ADD, PLACE_AMAX, PLACE_AMIN };
    const scatter_reduce_attrs *a = c->attrs;
    start_from(c);
    place_elements(c->kernels, kinds[a->reduce], c->out[0], c->in[1], c->in[2],
                   dim_of(a->dim, c->in[0]->ndim));
}

/* dy shared by all that are equal to the extreme. */
static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const scatter_reduce_attrs *a = s->attrs;
    tp_tensor *x = s->in[0], *index = s->in[1], *src = s->in[2], *y = s->out[0];
    tp_dtype dtype = tp_dtype_of(x);
    for (int i = 0; src && i < tp_ndim(index); i++) /* what lies beyond index takes no part */
        src = tp_narrow(src, i, 0, tp_size(index, i));
    tp_tensor *x_is = tp_to(tp_eq(x, y), dtype);
    tp_tensor *src_is = tp_to(tp_eq(src, tp_gather(y, (int)a->dim, index)), dtype);
    tp_tensor *share = tp_div(dy, tp_maximum(tp_scatter_add(x_is, (int)a->dim, index, src_is), 1));
    dx[0] = tp_mul(share, x_is);
    dx[2] = grown(tp_mul(tp_gather(share, (int)a->dim, index), src_is), s->in_shape[2]);
}

/* dy y / x; a single zero among the factors has the product of the others. */
static void prod_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const scatter_reduce_attrs *a = s->attrs;
    int dim = (int)a->dim;
    tp_tensor *x = s->in[0], *index = s->in[1], *src = s->in[2];
    for (int i = 0; src && i < tp_ndim(index); i++)
        src = tp_narrow(src, i, 0, tp_size(index, i));
    tp_tensor *x_zero = tp_eq(x, 0), *src_zero = tp_eq(src, 0);
    tp_tensor *product =
        tp_scatter_reduce(tp_where(x_zero, 1, x), dim, index, tp_where(src_zero, 1, src), "prod", true);
    tp_tensor *zeros = tp_scatter_add(tp_to(x_zero, TP_I64), dim, index, tp_to(src_zero, TP_I64));
    tp_tensor *none = tp_where(tp_eq(zeros, 0), tp_mul(dy, product), 0);
    tp_tensor *one = tp_where(tp_eq(zeros, 1), tp_mul(dy, product), 0);
    dx[0] = tp_where(x_zero, one, tp_div(none, tp_where(x_zero, 1, x)));
    tp_tensor *dsrc = tp_where(src_zero, tp_gather(one, dim, index),
                               tp_div(tp_gather(none, dim, index), tp_where(src_zero, 1, src)));
    dx[2] = grown(dsrc, s->in_shape[2]);
}

static const tp_op joined_prod = { .name = "scatter_reduce",
                                   .inputs = "x index src",
                                   .n_in = 3,
                                   .attrs_size = sizeof(scatter_reduce_attrs),
                                   .saves_in = 7,
                                   .infer = joined_infer,
                                   .forward = joined_forward,
                                   .backward = prod_backward };
static const tp_op joined_extreme = { .name = "scatter_reduce",
                                      .inputs = "x index src",
                                      .n_in = 3,
                                      .attrs_size = sizeof(scatter_reduce_attrs),
                                      .saves_in = 7,
                                      .saves_out = 1,
                                      .infer = joined_infer,
                                      .forward = joined_forward,
                                      .backward = extreme_backward };

/* What changes nothing when src is joined with it. */
static double neutral(int reduce, tp_dtype dtype)
{
    static const double smallest[TP_N_DTYPES] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                                                  -0x1p63,   -0x1p31,   -0x1p15,   -0x1p7 };
    static const double largest[TP_N_DTYPES] = { INFINITY,   INFINITY,   INFINITY,  INFINITY, 0x1p63,
                                                 0x1p31 - 1, 0x1p15 - 1, 0x1p7 - 1, 255,      1 };
    return reduce == REDUCE_AMAX   ? smallest[dtype]
           : reduce == REDUCE_AMIN ? largest[dtype]
                                   : reduce == REDUCE_PROD;
}

/* sum / count; integers round down. */
static tp_tensor *mean_of(tp_tensor *sum, const scatter_reduce_attrs *a, tp_tensor *x, tp_tensor *index)
{
    TP_NO_GRAD;
    tp_dtype dtype = tp_dtype_is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_F64;
    tp_tensor *before = tp_full(tp_shape_of(x), a->include_self, .dtype = dtype);
    tp_tensor *ones = tp_expand(tp_full(TP_SHAPE(), 1, .dtype = dtype), tp_shape_of(index));
    tp_tensor *count = tp_maximum(tp_scatter_add(before, (int)a->dim, index, ones), 1);
    if (dtype == (tp_dtype)x->dtype) {
        TP_ENABLE_GRAD;
        return tp_div(sum, count);
    }
    return tp_to(tp_floor(tp_div(tp_to(sum, dtype), count)), (tp_dtype)x->dtype);
}

static void scatter_reduce_compose(tp_call *c)
{
    const scatter_reduce_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *index = c->in[1], *src = c->in[2];
    if (!a->include_self)
        x = tp_scatter_value(x, (int)a->dim, index, neutral(a->reduce, (tp_dtype)x->dtype));
    if (!x)
        return;
    if (a->reduce == REDUCE_SUM || a->reduce == REDUCE_MEAN) {
        tp_tensor *sum = tp_scatter_add(x, (int)a->dim, index, src);
        c->out[0] = !sum || a->reduce == REDUCE_SUM ? sum : mean_of(sum, a, x, index);
        return;
    }
    c->out[0] = tp_apply(a->reduce == REDUCE_PROD ? &joined_prod : &joined_extreme,
                         (tp_tensor *[]){ x, index, src }, 3, a);
}

const tp_op tp_op_scatter_reduce = {
    .name = "scatter_reduce",
    .formula =
        "y = x joined with src[i][j] at [index[i][j]][j] for dim 0; x itself takes part if include_self",
    .inputs = "x index src",
    .n_in = 3,
    .attrs_size = sizeof(scatter_reduce_attrs),
    .attrs =
        (const tp_attr[]){
            { "dim", TP_ATTR_I64, offsetof(scatter_reduce_attrs, dim), TP_REQUIRED, NULL },
            { "reduce", TP_ATTR_WORD, offsetof(scatter_reduce_attrs, reduce), TP_REQUIRED,
              "sum prod mean amax amin" },
            { "include_self", TP_ATTR_BOOL, offsetof(scatter_reduce_attrs, include_self), 1, NULL },
            { 0 } },
    .compose = scatter_reduce_compose,
    .examples =
        (const tp_example[]){ { "4,3 2,3@i4 2,3", &(scatter_reduce_attrs){ 0, REDUCE_SUM, false } },
                              { "4,3 3,3@i4 3,3", &(scatter_reduce_attrs){ 0, REDUCE_PROD, true } },
                              { "4,3 3,3@i4 3,3", &(scatter_reduce_attrs){ 0, REDUCE_PROD, false } },
                              { "3,5 3,4@i5 3,4", &(scatter_reduce_attrs){ 1, REDUCE_MEAN, true } },
                              { "3,5 3,4@i5 3,4", &(scatter_reduce_attrs){ 1, REDUCE_AMAX, true } },
                              { "3,5@t 3,4@i5 3,6", &(scatter_reduce_attrs){ -1, REDUCE_AMIN, false } },
                              { NULL, NULL } },
};

tp_tensor *tp_scatter_reduce(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src, const char *reduce,
                             bool include_self)
{
    scatter_reduce_attrs a = { dim, 0, include_self };
    if (tp_op_set(&tp_op_scatter_reduce, &a, "reduce", reduce))
        return NULL;
    return tp_apply(&tp_op_scatter_reduce, (tp_tensor *[]){ x, index, src }, 3, &a);
}

/* ---- index_add, index_copy, index_fill: whole slices --------------------------------------------------------------------------- */

typedef struct index_add_attrs {
    int64_t dim;
    double alpha;
} index_add_attrs;

static tp_status check_slices(const char *op, const tp_tensor *x, const tp_tensor *index,
                              const tp_tensor *source, int64_t *wanted)
{
    int dim = (int)*wanted;
    if (normalize_dim(op, x->ndim, &dim) || check_index_vector(op, index) ||
        check_indices(op, index, x->ndim ? x->shape[dim] : 1))
        return tp_error_pending();
    *wanted = dim;
    bool fits = (source->ndim == x->ndim || (x->ndim <= 1 && source->ndim <= 1)) && source->dtype == x->dtype;
    if (x->ndim && source->ndim)
        for (int i = 0; i < x->ndim && fits; i++)
            fits = source->shape[i] == (i == dim ? index->numel : x->shape[i]);
    else
        fits = fits && source->numel == 1 && index->numel == 1;
    if (fits)
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE,
                   "%s: source %s of %s, index %s, x %s of %s: source has index's size in dim %d, else x's",
                   op, tensor_shape_text(source), tp_dtype_name((tp_dtype)source->dtype),
                   tensor_shape_text(index), tensor_shape_text(x), tp_dtype_name((tp_dtype)x->dtype), dim);
}

static tp_status index_add_infer(tp_call *c)
{
    index_add_attrs a = *(const index_add_attrs *)c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_slices(c->op->name, x, c->in[1], c->in[2], &a.dim))
        return tp_error_pending();
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void index_place(const tp_call *c, place_kind kind)
{
    int dim = dim_of(*(const int64_t *)c->attrs, c->in[0]->ndim);
    tp_tensor wide = spread_index(c->in[1], c->in[2], dim);
    start_from(c);
    place_elements(c->kernels, kind, c->out[0], &wide, c->in[2], dim);
}

static void index_add_forward(const tp_call *c)
{
    index_place(c, PLACE_ADD);
}

static tp_tensor *selected(const tp_saved *s, tp_tensor *dy)
{
    return tp_reshape(tp_index_select(dy, (int)*(const int64_t *)s->attrs, s->in[1]), s->in_shape[2]);
}

static void index_add_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (s->needs[2])
        dx[2] = selected(s, dy);
}

/* alpha = 1 */
static const tp_op index_add_1 = { .name = "index_add",
                                   .inputs = "x index source",
                                   .n_in = 3,
                                   .attrs_size = sizeof(index_add_attrs),
                                   .saves_in = 2,
                                   .infer = index_add_infer,
                                   .forward = index_add_forward,
                                   .backward = index_add_backward };

static void index_add_compose(tp_call *c)
{
    const index_add_attrs *a = c->attrs;
    tp_tensor *source = c->in[2];
    if (a->alpha != 1)
        source = tp_to(tp_mul(source, a->alpha), (tp_dtype)c->in[2]->dtype);
    c->out[0] = tp_apply(&index_add_1, (tp_tensor *[]){ c->in[0], c->in[1], source }, 3, a);
}

const tp_op tp_op_index_add = {
    .name = "index_add",
    .formula = "y = x; y[index[i]] += alpha source[i] for dim 0",
    .inputs = "x index source",
    .n_in = 3,
    .attrs_size = sizeof(index_add_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(index_add_attrs, dim), TP_REQUIRED, NULL },
                                { "alpha", TP_ATTR_F64, offsetof(index_add_attrs, alpha), 1, NULL },
                                { 0 } },
    .compose = index_add_compose,
    .examples = (const tp_example[]){ { "4,3 5@i4 5,3", &(index_add_attrs){ 0, 1 } },
                                      { "2,3,5@t 4@i5 2,3,4", &(index_add_attrs){ -1, -0.5 } },
                                      { "4 0@i4 0", &(index_add_attrs){ 0, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_index_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source, double alpha)
{
    return tp_apply(&tp_op_index_add, (tp_tensor *[]){ x, index, source }, 3,
                    &(index_add_attrs){ dim, alpha });
}

static void index_copy_forward(const tp_call *c)
{
    index_place(c, PLACE_SET);
}

static void index_copy_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_index_fill(dy, (int)*(const int64_t *)s->attrs, s->in[1], 0);
    if (s->needs[2])
        dx[2] = selected(s, dy);
}

const tp_op tp_op_index_copy = {
    .name = "index_copy",
    .formula = "y = x, but y[index[i]] = source[i] for dim 0; the last of equal places stays",
    .inputs = "x index source",
    .n_in = 3,
    .attrs_size = sizeof(index_add_attrs), /* alpha is not read */
    .attrs =
        (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(index_add_attrs, dim), TP_REQUIRED, NULL }, { 0 } },
    .saves_in = 2,
    .infer = index_add_infer,
    .forward = index_copy_forward,
    .backward = index_copy_backward,
    .examples = (const tp_example[]){ { "4,3 1@i4 1,3", &(index_add_attrs){ 0, 0 } },
                                      { "2,3,5@t 1@i5 2,3,1", &(index_add_attrs){ -1, 0 } },
                                      { "4 0@i4 0", &(index_add_attrs){ 0, 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_index_copy(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source)
{
    return tp_apply(&tp_op_index_copy, (tp_tensor *[]){ x, index, source }, 3, &(index_add_attrs){ dim, 0 });
}

static void index_fill_compose(tp_call *c)
{
    const scatter_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *index = c->in[1];
    int dim = (int)a->dim;
    if (normalize_dim("index_fill", x->ndim, &dim) || check_index_vector("index_fill", index))
        return;
    index = wrapped_index("index_fill", index, x->ndim ? x->shape[dim] : 1);
    tp_shape thin = { .ndim = x->ndim }, wide = tp_shape_of(x);
    for (int i = 0; i < x->ndim; i++)
        thin.dim[i] = i == dim ? c->in[1]->numel : 1;
    if (x->ndim)
        wide.dim[dim] = c->in[1]->numel;
    c->out[0] = tp_scatter_value(x, dim, tp_expand(tp_reshape(index, thin), wide), a->value);
}

const tp_op tp_op_index_fill = {
    .name = "index_fill",
    .formula = "y = x, but y[index[i]] = value for dim 0",
    .inputs = "x index",
    .n_in = 2,
    .attrs_size = sizeof(scatter_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(scatter_attrs, dim), TP_REQUIRED, NULL },
                                { "value", TP_ATTR_F64, offsetof(scatter_attrs, value), TP_REQUIRED, NULL },
                                { 0 } },
    .compose = index_fill_compose,
    .examples = (const tp_example[]){ { "4,3 2@i4", &(scatter_attrs){ 0, 2.5 } },
                                      { "2,3,5@t 3@i5", &(scatter_attrs){ -1, 0 } },
                                      { "4 0@i4", &(scatter_attrs){ 0, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_index_fill(tp_tensor *x, int dim, tp_tensor *index, double value)
{
    return tp_apply(&tp_op_index_fill, (tp_tensor *[]){ x, index }, 2, &(scatter_attrs){ dim, value });
}

tp_tensor *tp_index_add_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source, double alpha)
{
    if (alpha == 1)
        return tp_apply_(&index_add_1, (tp_tensor *[]){ x, index, source }, 3,
                         &(index_add_attrs){ dim, alpha });
    return tp_apply_(&tp_op_index_add, (tp_tensor *[]){ x, index, source }, 3,
                     &(index_add_attrs){ dim, alpha });
}

tp_tensor *tp_index_copy_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source)
{
    return tp_apply_(&tp_op_index_copy, (tp_tensor *[]){ x, index, source }, 3, &(index_add_attrs){ dim, 0 });
}

tp_tensor *tp_index_fill_(tp_tensor *x, int dim, tp_tensor *index, double value)
{
    return tp_apply_(&tp_op_index_fill, (tp_tensor *[]){ x, index }, 2, &(scatter_attrs){ dim, value });
}

/* ---- put: x as one row ------------------------------------------------------------------------------------------------------------- */

static void put_compose(tp_call *c)
{
    const bool *accumulate = c->attrs;
    tp_tensor *x = tp_reshape(c->in[0], TP_SHAPE(-1)), *source = tp_reshape(c->in[2], TP_SHAPE(-1));
    tp_tensor *index = x ? tp_reshape(wrapped_index("put", c->in[1], x->numel), TP_SHAPE(-1)) : NULL;
    tp_tensor *y = *accumulate ? tp_index_add(x, 0, index, source, 1) : tp_index_copy(x, 0, index, source);
    c->out[0] = tp_reshape(y, tp_shape_of(c->in[0]));
}

const tp_op tp_op_put = {
    .name = "put",
    .formula = "y = x, but y[index] = source with x as one row, or += source",
    .inputs = "x index source",
    .n_in = 3,
    .attrs_size = sizeof(bool),
    .attrs = (const tp_attr[]){ { "accumulate", TP_ATTR_BOOL, 0, 0, NULL }, { 0 } },
    .compose = put_compose,
    .examples = (const tp_example[]){ { "4,3 2,5@i12 2,5", &(bool){ true } },
                                      { "4,5@t 1@i20 1", &(bool){ false } },
                                      { NULL, NULL } },
};

tp_tensor *tp_put(tp_tensor *x, tp_tensor *index, tp_tensor *source, bool accumulate)
{
    return tp_apply(&tp_op_put, (tp_tensor *[]){ x, index, source }, 3, &accumulate);
}

tp_tensor *tp_put_(tp_tensor *x, tp_tensor *index, tp_tensor *source, bool accumulate)
{
    return tp_apply_(&tp_op_put, (tp_tensor *[]){ x, index, source }, 3, &accumulate);
}
