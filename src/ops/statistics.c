/* statistics.c - mean, variance, norms and counts over any dims.
 *
 * The variance is computed block by block: each block's mean and squared distances from it, in double, then joined
 * pairwise (Chan, Golub and LeVeque 1979), so that a large mean costs no digits.
 * Layer: ops.  Kernels: moments_rows, moments_cols, reduce_rows, reduce_cols.  Read next: reduce.c. */
#include "base/parallel.h"
#include "ops/reduce.h"

#include <math.h>

enum { GRAIN = 32768 };

static unsigned mask_of(const tp_call *c)
{
    unsigned mask = 0;
    dims_mask(c->op->name, c->in[0], &((const reduce_attrs *)c->attrs)->dims, &mask);
    return mask;
}

static tp_tensor *spread(const tp_saved *s, tp_tensor *t)
{
    return with_reduced_dims(t, s->in_shape[0], &((const reduce_attrs *)s->attrs)->dims);
}

static int64_t count_of(const tp_call *c)
{
    return reduced_count(c->op->name, c->in[0], &((const reduce_attrs *)c->attrs)->dims);
}

static tp_status float_infer(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    if (wants_float(c->op->name, c->in[0]) || count_of(c) < 0)
        return tp_error_pending();
    return infer_reduced(c, mask_of(c), a->keepdim, (tp_dtype)c->in[0]->dtype, READ_VALUES);
}

/* A reduction over dims with keepdim: its descriptor and its function. */
#define OVER_DIMS(op, ...)                                                     \
    const tp_op tp_op_##op = { .name = #op,                                    \
                               .inputs = "x",                                  \
                               .n_in = 1,                                      \
                               .attrs_size = sizeof(reduce_attrs),             \
                               .attrs = reduce_attr_table,                     \
                               __VA_ARGS__ };                                  \
    tp_tensor *tp_##op(tp_tensor *x, tp_shape dims, bool keepdim)              \
    {                                                                          \
        return tp_apply(&tp_op_##op, &x, 1, &(reduce_attrs){ dims, keepdim }); \
    }

/* ---- mean ----------------------------------------------------------------------------------------------------------- */

static void divide(const kernel_table *kernels, kernel_type type, void *y, int64_t n, double divisor)
{
    const float narrow = (float)divisor;
    kernels->binary[KERNEL_DIV][type](y, y, 1, type == KT_F32 ? (const void *)&narrow : &divisor, 0, n);
}

static void mean_forward(const tp_call *c)
{
    reduce_finished(c, mask_of(c), KERNEL_SUM, READ_VALUES, divide, (double)count_of(c));
}

static void mean_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double n = 1;
    tp_shape kept = tp_shape_of(dy = spread(s, dy)), shape = s->in_shape[0];
    for (int i = 0; i < shape.ndim; i++)
        n *= kept.dim[i] == shape.dim[i] ? 1 : (double)shape.dim[i];
    dx[0] = tp_expand(tp_div(dy, n), shape);
}

OVER_DIMS(mean, .formula = "y = sum of x over dim / their number", .infer = float_infer,
          .forward = mean_forward, .backward = mean_backward, .examples = reduce_examples)

/* ---- var, std ------------------------------------------------------------------------------------------------------- */

typedef struct var_attrs {
    tp_shape dims;
    double correction; /* PyTorch takes any number */
    bool keepdim;
} var_attrs;

static tp_status var_infer(tp_call *c)
{
    const var_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    unsigned mask;
    if (wants_float(c->op->name, x) || dims_mask(c->op->name, x, &a->dims, &mask) ||
        infer_reduced_shape(c, 0, mask, a->keepdim, (tp_dtype)x->dtype))
        return tp_error_pending();
    reduce_plan p = plan_reduction(x, mask, READ_CONVERTED);
    c->scratch_bytes = p.copy_bytes + (size_t)(p.outer * p.blocks * p.inner) * 2 * sizeof(double);
    return TP_OK;
}

typedef struct var_run {
    const reduce_plan *p;
    const char *x;
    double *moments; /* of block b of outer index o: inner means, then inner sums */
    moments_rows_fn *rows;
    moments_cols_fn *cols;
    int64_t element;
} var_run;

static int64_t rows_of_block(const reduce_plan *p, int64_t b)
{
    int64_t left = p->reduced - b * p->block;
    return left < p->block ? left : p->block;
}

static void var_pieces(void *context, int64_t begin, int64_t end)
{
    const var_run *r = context;
    const reduce_plan *p = r->p;
    for (int64_t i = begin; i < end; i++) {
        int64_t b = i / p->chunks % p->blocks, col = i % p->chunks * p->chunk;
        int64_t row = i / p->chunks / p->blocks * p->reduced + b * p->block;
        double *to = r->moments + i / p->chunks * 2 * p->inner + col;
        const char *x = r->x + (row * p->inner + col) * r->element;
        if (p->inner == 1)
            r->rows(to, x, rows_of_block(p, b));
        else
            r->cols(to, to + p->inner, x, rows_of_block(p, b),
                    p->inner - col < p->chunk ? p->inner - col : p->chunk, p->inner);
    }
}

/* Takes block b of outer index o into its block 0, which holds count elements. */
static void join_moments(const var_run *r, int64_t o, int64_t b, double count)
{
    const reduce_plan *p = r->p;
    double *a = r->moments + o * p->blocks * 2 * p->inner, *x = a + b * 2 * p->inner;
    double n = (double)rows_of_block(p, b), all = count + n;
    for (int64_t c = 0; c < p->inner; c++) {
        double delta = x[c] - a[c];
        a[c] += delta * n / all;
        a[p->inner + c] += x[p->inner + c] + delta * delta * count * n / all;
    }
}

static void var_forward(const tp_call *c)
{
    const var_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    unsigned mask = 0;
    dims_mask(c->op->name, x, &a->dims, &mask);
    reduce_plan p = plan_reduction(x, mask, READ_CONVERTED);
    kernel_type type = kernel_type_of(p.type);
    double divisor = fmax(0, (double)p.reduced - a->correction);
    var_run r = { &p,
                  reduction_input(c, &p, mask),
                  (double *)(void *)((char *)c->scratch + p.copy_bytes),
                  kernels->moments_rows[type],
                  kernels->moments_cols[type],
                  (int64_t)tp_dtype_size(p.type) };
    int64_t pieces = p.outer * p.blocks * p.chunks, work = p.reduced / p.blocks * p.chunk + 1;
    parallel_for(pieces, x->numel <= GRAIN ? INT64_MAX / 2 : (GRAIN / 2 + work - 1) / work, var_pieces, &r);
    for (int64_t o = 0; o < p.outer; o++) {
        double *m2 = r.moments + o * p.blocks * 2 * p.inner + p.inner;
        for (int64_t b = 1; b < p.blocks; b++)
            join_moments(&r, o, b, (double)(b * p.block));
        for (int64_t i = 0; i < p.inner; i++)
            m2[i] /= divisor;
        kernels->convert[y->dtype][TP_F64](tensor_data(y) + o * p.inner * (int64_t)tensor_element_size(y), 1,
                                           m2, 1, p.inner);
    }
}

static void var_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const var_attrs *a = s->attrs;
    double divisor = fmax(0, (double)reduced_count("var", s->in[0], &a->dims) - a->correction);
    dy = tp_mul(with_reduced_dims(dy, s->in_shape[0], &a->dims), 2 / divisor);
    dx[0] = tp_mul(tp_sub(s->in[0], tp_mean(s->in[0], a->dims, true)), dy);
}

static const tp_attr var_attr_table[] = {
    { "dim", TP_ATTR_DIMS, offsetof(var_attrs, dims), 0 },
    { "correction", TP_ATTR_F64, offsetof(var_attrs, correction), 1 },
    { "keepdim", TP_ATTR_BOOL, offsetof(var_attrs, keepdim), 0 },
    { 0 },
};
static const tp_example var_examples[] = {
    { "2,3,4", NULL },
    { "2,3,4", &(var_attrs){ { 1, { 1 } }, 0, false } },
    { "2,3,4", &(var_attrs){ { 2, { 0, -1 } }, 1, true } },
    { "4,5@t", &(var_attrs){ { 1, { 0 } }, 1, false } },
    { "0,3", &(var_attrs){ { 1, { 1 } }, 1, false } },
    { NULL, NULL },
};

const tp_op tp_op_var = {
    .name = "var",
    .formula = "y = sum (x - mean)^2 / max(0, n - correction) over dim",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(var_attrs),
    .attrs = var_attr_table,
    .saves_in = 1,
    .infer = var_infer,
    .forward = var_forward,
    .backward = var_backward,
    .examples = var_examples,
};

tp_tensor *tp_var(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim)
{
    return tp_apply(&tp_op_var, &x, 1, &(var_attrs){ dims, (double)correction, keepdim });
}

/* root(s) for s >= 0 with the gradient 0 at 0, where it would be infinite times zero. */
static tp_tensor *safe_root(tp_tensor *s, double p)
{
    if (s && !s->requires_grad)
        return p == 2 ? tp_sqrt(s) : tp_pow(s, 1 / p);
    tp_tensor *is_zero = tp_eq(s, 0), *safe = tp_where(is_zero, 1, s);
    return tp_where(is_zero, 0, p == 2 ? tp_sqrt(safe) : tp_pow(safe, 1 / p));
}

static void std_compose(tp_call *c)
{
    const var_attrs *a = c->attrs;
    c->out[0] = safe_root(tp_apply(&tp_op_var, c->in, 1, a), 2);
}

static void var_mean_compose(tp_call *c)
{
    const var_attrs *a = c->attrs;
    c->out[0] = tp_apply(&tp_op_var, c->in, 1, a);
    c->out[1] = tp_mean(c->in[0], a->dims, a->keepdim);
}

static void std_mean_compose(tp_call *c)
{
    var_mean_compose(c);
    c->out[0] = safe_root(c->out[0], 2);
}

#define VARIANCE(op, outputs, text)                             \
    const tp_op tp_op_##op = { .name = #op,                     \
                               .formula = text,                 \
                               .inputs = "x",                   \
                               .n_in = 1,                       \
                               .n_out = outputs,                \
                               .attrs_size = sizeof(var_attrs), \
                               .attrs = var_attr_table,         \
                               .compose = op##_compose,         \
                               .examples = var_examples };

VARIANCE(std, 1, "y = root of var, gradient 0 where it is 0")
VARIANCE(var_mean, 2, "var and mean over dim")
VARIANCE(std_mean, 2, "std and mean over dim")

tp_tensor *tp_std(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim)
{
    return tp_apply(&tp_op_std, &x, 1, &(var_attrs){ dims, (double)correction, keepdim });
}

static tp_tensor *with_mean(const tp_op *op, tp_tensor *x, const var_attrs *a, tp_tensor **mean)
{
    tp_tensor *out[2];
    tp_apply_n(op, &x, 1, a, out);
    if (mean)
        *mean = out[1];
    return out[0];
}

tp_tensor *tp_var_mean(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim, tp_tensor **mean)
{
    return with_mean(&tp_op_var_mean, x, &(var_attrs){ dims, (double)correction, keepdim }, mean);
}

tp_tensor *tp_std_mean(tp_tensor *x, tp_shape dims, int64_t correction, bool keepdim, tp_tensor **mean)
{
    return with_mean(&tp_op_std_mean, x, &(var_attrs){ dims, (double)correction, keepdim }, mean);
}

/* ---- norm, dist ------------------------------------------------------------------------------------------------------- */

static void root(const kernel_table *kernels, kernel_type type, void *y, int64_t n, double unused)
{
    (void)unused;
    kernels->unary[KERNEL_SQRT][type](y, y, n, NULL);
}

static void norm_2_forward(const tp_call *c)
{
    reduce_finished(c, mask_of(c), KERNEL_SUM_SQUARES, READ_VALUES, root, 0);
}

static void norm_2_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *y = spread(s, s->out[0]), *is_zero = tp_eq(y, 0);
    dx[0] = tp_mul(s->in[0], tp_where(is_zero, 0, tp_div(spread(s, dy), tp_where(is_zero, 1, y))));
}

static void norm_1_forward(const tp_call *c)
{
    reduce_into(c, mask_of(c), KERNEL_SUM_ABS, READ_VALUES);
}

static void norm_1_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_mul(spread(s, dy), tp_sign(s->in[0]));
}

/* The two that are one pass; the others follow from pow, amax, amin. */
static const tp_op norm_1 = { .name = "norm",
                              .inputs = "x",
                              .n_in = 1,
                              .attrs_size = sizeof(reduce_attrs),
                              .saves_in = 1,
                              .infer = float_infer,
                              .forward = norm_1_forward,
                              .backward = norm_1_backward };
static const tp_op norm_2 = { .name = "norm",
                              .inputs = "x",
                              .n_in = 1,
                              .attrs_size = sizeof(reduce_attrs),
                              .saves_in = 1,
                              .saves_out = 1,
                              .infer = float_infer,
                              .forward = norm_2_forward,
                              .backward = norm_2_backward };

typedef struct norm_attrs {
    double p;
    tp_shape dims;
    bool keepdim;
} norm_attrs;

static void norm_compose(tp_call *c)
{
    const norm_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], **y = &c->out[0];
    const reduce_attrs over = { a->dims, a->keepdim };
    if (wants_float(c->op->name, x))
        return;
    if (isnan(a->p))
        tp_fail(TP_ERR_ARGUMENT, "%s: p is nan, a number is wanted", c->op->name);
    else if (a->p == 0)
        *y = tp_to(tp_count_nonzero(x, a->dims, a->keepdim), (tp_dtype)x->dtype);
    else if (isinf(a->p))
        *y = (a->p > 0 ? tp_amax : tp_amin)(tp_abs(x), a->dims, a->keepdim);
    else if (a->p == 1 || a->p == 2)
        *y = tp_apply(a->p == 1 ? &norm_1 : &norm_2, &x, 1, &over);
    else
        *y = safe_root(tp_sum(tp_pow(tp_abs(x), a->p), a->dims, a->keepdim), a->p);
}

const tp_op tp_op_norm = {
    .name = "norm",
    .formula = "y = (sum |x|^p over dim)^(1/p); p inf: largest |x|, -inf: smallest, 0: how many are not 0",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(norm_attrs),
    .attrs = (const tp_attr[]){ { "p", TP_ATTR_F64, offsetof(norm_attrs, p), 2 },
                                { "dim", TP_ATTR_DIMS, offsetof(norm_attrs, dims), 0 },
                                { "keepdim", TP_ATTR_BOOL, offsetof(norm_attrs, keepdim), 0 },
                                { 0 } },
    .compose = norm_compose,
    .examples = (const tp_example[]){ { "2,3,4", NULL },
                                      { "2,3,4", &(norm_attrs){ 1, { 1, { 1 } }, false } },
                                      { "2,3,4", &(norm_attrs){ 2, { 2, { 0, -1 } }, true } },
                                      { "4,5@t", &(norm_attrs){ 3.5, { 1, { 0 } }, false } },
                                      { "4,5", &(norm_attrs){ INFINITY, { 1, { -1 } }, false } },
                                      { "4,5", &(norm_attrs){ -INFINITY, { 0 }, false } },
                                      { "0,3", &(norm_attrs){ 2, { 1, { 0 } }, false } },
                                      { NULL, NULL } },
};

tp_tensor *tp_norm(tp_tensor *x, double p, tp_shape dims, bool keepdim)
{
    return tp_apply(&tp_op_norm, &x, 1, &(norm_attrs){ p, dims, keepdim });
}

static void dist_compose(tp_call *c)
{
    c->out[0] = tp_norm(tp_sub(c->in[0], c->in[1]), *(const double *)c->attrs, TP_ALL_DIMS, false);
}

const tp_op tp_op_dist = {
    .name = "dist",
    .formula = "z = norm of x - y over all elements",
    .inputs = "x y",
    .n_in = 2,
    .attrs_size = sizeof(double),
    .attrs = (const tp_attr[]){ { "p", TP_ATTR_F64, 0, 2 }, { 0 } },
    .compose = dist_compose,
    .examples = (const tp_example[]){ { "2,3 2,3", NULL },
                                      { "2,3 3", &(double){ 3 } },
                                      { "4,5@t 4,5", &(double){ 1 } },
                                      { "s s", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_dist(tp_tensor *x, tp_tensor *y, double p)
{
    return tp_apply(&tp_op_dist, (tp_tensor *[]){ x, y }, 2, &p);
}

/* ---- nansum, nanmean ----------------------------------------------------------------------------------------------------- */

static tp_status nansum_infer(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    tp_dtype dtype = c->in[0]->dtype;
    if (count_of(c) < 0)
        return tp_error_pending();
    return infer_reduced(c, mask_of(c), a->keepdim, tp_dtype_is_float(dtype) ? dtype : TP_I64, READ_VALUES);
}

static void nansum_forward(const tp_call *c)
{
    reduce_into(c, mask_of(c), KERNEL_NANSUM, READ_VALUES);
}

static void nansum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_where(tp_eq(s->in[0], s->in[0]), spread(s, dy), 0);
}

OVER_DIMS(nansum, .formula = "y = sum of the x over dim that are numbers", .saves_in = 1,
          .infer = nansum_infer, .forward = nansum_forward, .backward = nansum_backward,
          .examples = reduce_examples)

static void nanmean_compose(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    if (!wants_float("nanmean", x))
        c->out[0] =
            tp_div(tp_nansum(x, a->dims, a->keepdim), tp_count_nonzero(tp_eq(x, x), a->dims, a->keepdim));
}

OVER_DIMS(nanmean, .formula = "y = mean of the x over dim that are numbers", .compose = nanmean_compose,
          .examples = reduce_examples)

/* ---- logsumexp -------------------------------------------------------------------------------------------------------------- */

static void logsumexp_compose(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float((tp_dtype)x->dtype))
        x = tp_float(x);
    if (x && reduced_count("logsumexp", x, &a->dims) == 0) { /* ln 0 */
        c->out[0] = tp_log(tp_sum(tp_exp(x), a->dims, a->keepdim));
        return;
    }
    tp_tensor *top = tp_detach(tp_amax(x, a->dims, true)); /* drops out of the derivative */
    tp_tensor *shift = tp_where(tp_eq(tp_abs(top), INFINITY), 0, top);
    tp_tensor *log = tp_log(tp_sum(tp_exp(tp_sub(x, shift)), a->dims, a->keepdim));
    c->out[0] = tp_add(log, log ? tp_reshape(shift, tp_shape_of(log)) : NULL);
}

OVER_DIMS(logsumexp, .formula = "y = ln sum e^x over dim", .compose = logsumexp_compose,
          .examples = reduce_examples)

/* ---- counts: no gradient ------------------------------------------------------------------------------------------------------ */

static tp_status count_infer(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    return count_of(c) < 0 ? tp_error_pending()
                           : infer_reduced(c, mask_of(c), a->keepdim, TP_I64, READ_TRUTH);
}

static void count_forward(const tp_call *c)
{
    reduce_into(c, mask_of(c), KERNEL_SUM, READ_TRUTH);
}

static const tp_example counts[] = {
    { "2,3,4@b", NULL },
    { "2,3,4@i3", &(reduce_attrs){ { 1, { 1 } }, false } },
    { "4,5@t", &(reduce_attrs){ { 1, { 0 } }, false } },
    { "0,3@b", &(reduce_attrs){ { 1, { 1 } }, false } },
    { "s@b", NULL },
    { NULL, NULL },
};

const tp_op tp_op_count_nonzero = {
    .name = "count_nonzero",
    .formula = "y = number of x over dim that are not 0",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(reduce_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_DIMS, offsetof(reduce_attrs, dims), 0 }, { 0 } },
    .not_differentiable = true,
    .infer = count_infer,
    .forward = count_forward,
    .examples = counts,
};

tp_tensor *tp_count_nonzero(tp_tensor *x, tp_shape dims, bool keepdim)
{
    return tp_apply(&tp_op_count_nonzero, &x, 1, &(reduce_attrs){ dims, keepdim });
}

/* bool, but u8 for u8 */
static tp_tensor *as_truth(const tp_tensor *x, tp_tensor *y)
{
    return x->dtype == TP_U8 ? tp_to(y, TP_U8) : y;
}

static void any_compose(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    c->out[0] = as_truth(c->in[0], tp_gt(tp_count_nonzero(c->in[0], a->dims, a->keepdim), 0));
}

static void all_compose(tp_call *c)
{
    const reduce_attrs *a = c->attrs;
    tp_tensor *count = tp_count_nonzero(c->in[0], a->dims, a->keepdim);
    c->out[0] = as_truth(c->in[0], tp_eq(count, count_of(c)));
}

OVER_DIMS(any, .formula = "y = some x over dim is not 0", .not_differentiable = true, .compose = any_compose,
          .examples = counts)
OVER_DIMS(all, .formula = "y = every x over dim is not 0", .not_differentiable = true, .compose = all_compose,
          .examples = counts)
