/* scan.c - running sums, products and extremes along a dim; differences and the trapezoid rule.
 *
 * Sums and products are carried in double (integers in i64).  A long row is cut into blocks of fixed size: first their
 * totals, then each block from the total of those before it, so that threads share one row and the result is the same.
 * Layer: ops.  Kernels: scan_row, scan_cols, scan_extreme, scan_linear, logcumsumexp (kernels.h).  Read next: rows.h. */
#include "base/parallel.h"
#include "ops/reduce.h"
#include "ops/rows.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16384, GRAIN = 32768 };

typedef struct scan_attrs {
    int64_t dim;
    bool reverse; /* from the last element on; only for gradients */
} scan_attrs;

static tp_status check_dim(const tp_call *c)
{
    int dim = (int)*(const int64_t *)c->attrs;
    return normalize_dim(c->op->name, c->in[0]->ndim, &dim);
}

static const tp_attr scan_attr_table[] = {
    { "dim", TP_ATTR_I64, offsetof(scan_attrs, dim), TP_REQUIRED, NULL }, { 0 }
};
static const tp_example scan_examples[] = {
    { "2,7", &(scan_attrs){ -1, false } },
    { "5,3,2", &(scan_attrs){ 0, false } },
    { "2,3,4", &(scan_attrs){ 1, false } },
    { "4,5@t", &(scan_attrs){ 1, false } },
    { "s", &(scan_attrs){ 0, false } },
    { "0,4", &(scan_attrs){ 0, false } },
    { NULL, NULL },
};

/* ---- cumsum, cumprod ------------------------------------------------------------------------------------------------------ */

typedef struct scan_plan {
    int64_t outer, n, inner;
    tp_dtype type;
    bool copies_in, copies_out; /* through scratch, contiguous, in the computing type */
    int64_t blocks;             /* of a row, when inner is 1 */
    int64_t chunks;             /* of columns, when it is not */
    size_t bytes;               /* of one copy */
} scan_plan;

static scan_plan plan_scan(const tp_tensor *x, tp_dtype out, int64_t wanted)
{
    scan_plan p = { .outer = 1, .n = 1, .inner = 1, .type = dtype_of_kernel(kernel_type_of(out)) };
    int dim = (int)(wanted < 0 ? wanted + x->ndim : wanted);
    for (int i = 0; i < x->ndim; i++)
        *(i < dim ? &p.outer : i == dim ? &p.n : &p.inner) *= x->shape[i];
    p.copies_in = x->dtype != p.type || !tensor_is_contiguous(x);
    p.copies_out = out != p.type;
    p.blocks = p.inner == 1 ? (p.n + BLOCK - 1) / BLOCK : 1;
    p.chunks = (p.inner + SCAN_COLUMNS - 1) / SCAN_COLUMNS;
    p.bytes = ((size_t)x->numel * tp_dtype_size(p.type) + 63) / 64 * 64;
    return p;
}

static tp_status scan_infer(tp_call *c)
{
    const scan_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    tp_dtype dtype = tp_dtype_is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_I64;
    if (check_dim(c) || tp_infer_shape(c, 0, dtype, tp_shape_of(x)))
        return tp_error_pending();
    scan_plan p = plan_scan(x, dtype, a->dim);
    c->scratch_bytes = p.bytes * (size_t)(p.copies_in + p.copies_out) + (size_t)(p.outer * p.blocks) * 8;
    return TP_OK;
}

typedef struct scan_run {
    const scan_plan *p;
    const char *x;
    char *y, *before; /* totals of the blocks before, 8 bytes each */
    scan_row_fn *row;
    scan_cols_fn *cols;
    scan_total_fn *total;
    int64_t size;
    bool reverse;
} scan_run;

/* Block b of a row, counted from where the scan begins. */
static int64_t block_at(const scan_run *r, int64_t b, int64_t *n)
{
    int64_t first = b * BLOCK;
    *n = r->p->n - first < BLOCK ? r->p->n - first : BLOCK;
    return r->reverse ? r->p->n - first - *n : first;
}

static void total_pieces(void *context, int64_t begin, int64_t end)
{
    const scan_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        int64_t n, at = block_at(r, i % r->p->blocks, &n);
        r->total(r->before + i * 8, r->x + (i / r->p->blocks * r->p->n + at) * r->size, n);
    }
}

static void scan_pieces(void *context, int64_t begin, int64_t end)
{
    const scan_run *r = context;
    const scan_plan *p = r->p;
    for (int64_t i = begin; i < end; i++) {
        if (p->inner == 1) {
            int64_t n, at = block_at(r, i % p->blocks, &n);
            at = (i / p->blocks * p->n + at) * r->size;
            r->row(r->y + at, r->x + at, n, i % p->blocks ? r->before + i * 8 : NULL, r->reverse);
        } else {
            int64_t first = i % p->chunks * SCAN_COLUMNS, cols = p->inner - first;
            int64_t at = (i / p->chunks * p->n * p->inner + first) * r->size;
            r->cols(r->y + at, r->x + at, p->n, cols < SCAN_COLUMNS ? cols : SCAN_COLUMNS, p->inner,
                    r->reverse);
        }
    }
}

/* before[b] = what blocks 0 .. b - 1 come to. */
static void totals_before(const scan_run *r, int kind, kernel_type type)
{
    for (int64_t o = 0; o < r->p->outer; o++) {
        double *d = (double *)(void *)(r->before + o * r->p->blocks * 8), sum = kind;
        uint64_t *u = (uint64_t *)(void *)d, whole = (uint64_t)kind;
        for (int64_t b = 0; b < r->p->blocks; b++)
            if (type == KT_I64) {
                uint64_t here = u[b];
                u[b] = whole;
                whole = kind ? whole * here : whole + here;
            } else {
                double here = d[b];
                d[b] = sum;
                sum = kind ? sum * here : sum + here;
            }
    }
}

static void scan_forward(const tp_call *c)
{
    const scan_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    if (x->numel == 0)
        return;
    scan_plan p = plan_scan(x, (tp_dtype)y->dtype, a->dim);
    kernel_type type = kernel_type_of(p.type);
    char *scratch = c->scratch, *out = tensor_data(y);
    const char *in = tensor_data(x);
    if (p.copies_in) {
        copy_kept_first(kernels, x, 0, scratch, p.type);
        in = scratch;
        scratch += p.bytes;
    }
    if (p.copies_out) {
        out = scratch;
        scratch += p.bytes;
    }
    int kind = (int)c->op->tag;
    scan_run r = { &p,
                   in,
                   out,
                   scratch,
                   kernels->scan_row[kind][type],
                   kernels->scan_cols[kind][type],
                   kernels->scan_total[kind][type],
                   (int64_t)tp_dtype_size(p.type),
                   a->reverse };
    int64_t pieces = p.inner == 1 ? p.outer * p.blocks : p.outer * p.chunks;
    int64_t grain = x->numel <= GRAIN ? INT64_MAX / 2 : GRAIN / 2 / (x->numel / pieces + 1) + 1;
    if (p.blocks > 1) {
        parallel_for(pieces, grain, total_pieces, &r);
        totals_before(&r, kind, type);
    }
    parallel_for(pieces, grain, scan_pieces, &r);
    if (p.copies_out)
        kernels->convert[y->dtype][p.type](tensor_data(y), 1, out, 1, y->numel);
}

extern const tp_op tp_op_cumsum;

static void cumsum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    scan_attrs a = *(const scan_attrs *)s->attrs;
    a.reverse = !a.reverse;
    dx[0] = tp_apply(&tp_op_cumsum, &dy, 1, &a);
}

static tp_tensor *sum_from_here(tp_tensor *x, int64_t dim)
{
    return tp_apply(&tp_op_cumsum, &x, 1, &(scan_attrs){ dim, true });
}

/* With zeros in x: P[i][k], the product of x up to k without factor i, from an (n, n) copy of every row. */
static tp_tensor *cumprod_gradient_at_zeros(tp_tensor *x, tp_tensor *dy, int dim)
{
    tp_tensor *lines = tp_transpose(x, dim, -1),
              *dyr = tp_unsqueeze(tp_transpose(dy, dim, -1), -2); /* (.., n), (.., 1, n) */
    int64_t n = tp_size(lines, -1);
    tp_tensor *eye = tp_ne(tp_eye(n, n, .dtype = TP_F32), 0);
    tp_tensor *without = tp_cumprod(tp_where(eye, 1, tp_unsqueeze(lines, -2)), -1);
    tp_tensor *i = tp_unsqueeze(tp_arange(0, (double)n, 1, .dtype = TP_I64), 1),
              *k = tp_arange(0, (double)n, 1, .dtype = TP_I64);
    tp_tensor *terms = tp_where(tp_ge(k, i), tp_mul(without, dyr), 0);
    return tp_transpose(tp_sum(terms, TP_SHAPE(-1), false), dim, -1);
}

/* sum over k >= i of dy_k y_k / x_i */
static void cumprod_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const scan_attrs *a = s->attrs;
    tp_tensor *x = s->in[0], *any_zero;
    {
        TP_NO_GRAD;
        any_zero = tp_any(tp_eq(x, 0), TP_ALL_DIMS, false);
    }
    if (!any_zero)
        return;
    if (x->ndim && tp_item(any_zero) != 0)
        dx[0] = cumprod_gradient_at_zeros(x, dy, (int)a->dim);
    else if (x->ndim)
        dx[0] = tp_div(sum_from_here(tp_mul(dy, s->out[0]), a->dim), x);
    else
        dx[0] = dy;
}

#define SCAN(op, text, kind, reads_x, reads_y)                             \
    const tp_op tp_op_##op = { .name = #op,                                \
                               .formula = text,                            \
                               .inputs = "x",                              \
                               .n_in = 1,                                  \
                               .attrs_size = sizeof(scan_attrs),           \
                               .attrs = scan_attr_table,                   \
                               .saves_in = reads_x,                        \
                               .saves_out = reads_y,                       \
                               .infer = scan_infer,                        \
                               .forward = scan_forward,                    \
                               .tag = kind,                                \
                               .backward = op##_backward,                  \
                               .examples = scan_examples };                \
    tp_tensor *tp_##op(tp_tensor *x, int dim)                              \
    {                                                                      \
        return tp_apply(&tp_op_##op, &x, 1, &(scan_attrs){ dim, false });  \
    }                                                                      \
    tp_tensor *tp_##op##_(tp_tensor *x, int dim)                           \
    {                                                                      \
        return tp_apply_(&tp_op_##op, &x, 1, &(scan_attrs){ dim, false }); \
    }

SCAN(cumsum, "y_i = sum of x_0 .. x_i along dim", 0, 0, 0)
SCAN(cumprod, "y_i = product of x_0 .. x_i along dim", 1, 1, 1)

/* ---- linear_recurrence:  y_i = a_i y_(i-1) + b_i  along the last dim: for the gradient of logcumsumexp ------------------------ */

typedef struct recurrence_run {
    scan_linear_fn *f;
    const char *a, *b;
    char *y;
    int64_t n, size;
    bool reverse;
} recurrence_run;

static tp_status recurrence_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    if (!tensor_same_shape(a, b) || a->dtype != b->dtype || (a->dtype != TP_F32 && a->dtype != TP_F64) ||
        !a->ndim || !tensor_is_contiguous(a) || !tensor_is_contiguous(b))
        return tp_fail(TP_ERR_SHAPE, "linear_recurrence: a %s, b %s: one shape and float type are wanted",
                       tensor_shape_text(a), tensor_shape_text(b));
    return tp_infer_shape(c, 0, (tp_dtype)a->dtype, tp_shape_of(a));
}

static void recurrence_rows(void *context, int64_t begin, int64_t end)
{
    const recurrence_run *r = context;
    for (int64_t i = begin; i < end; i++)
        r->f(r->y + i * r->n * r->size, r->a + i * r->n * r->size, r->b + i * r->n * r->size, r->n,
             r->reverse);
}

static void recurrence_forward(const tp_call *c)
{
    const tp_tensor *a = c->in[0], *y = c->out[0];
    if (y->numel == 0)
        return;
    recurrence_run r = { ((const kernel_table *)c->kernels)->scan_linear[kernel_type_of((tp_dtype)a->dtype)],
                         tensor_data(a),
                         tensor_data(c->in[1]),
                         tensor_data(y),
                         a->shape[a->ndim - 1],
                         (int64_t)tensor_element_size(a),
                         *(const bool *)c->attrs };
    parallel_for(y->numel / r.n, GRAIN / r.n + 1, recurrence_rows, &r);
}

static const tp_op linear_recurrence;

static tp_tensor *recurrence(tp_tensor *a, tp_tensor *b, bool reverse)
{
    return tp_apply(&linear_recurrence, (tp_tensor *[]){ tp_contiguous(a), tp_contiguous(b) }, 2, &reverse);
}

/* x_(i+by), with 0 where there is none. */
static tp_tensor *shifted(tp_tensor *x, int64_t by)
{
    tp_shape before = { .ndim = x ? x->ndim : 0 }, after = before;
    if (!before.ndim)
        return NULL;
    before.dim[before.ndim - 1] = -by;
    after.dim[after.ndim - 1] = by;
    return tp_pad(x, before, after, 0);
}

/* The gradient g of b runs the other way: g_i = dy_i + a_(i+1) g_(i+1), and da_i = g_i y_(i-1). */
static void recurrence_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    bool reverse = *(const bool *)s->attrs;
    int64_t next = reverse ? -1 : 1;
    tp_tensor *g = recurrence(shifted(s->in[0], next), dy, !reverse);
    dx[1] = g;
    dx[0] = tp_mul(g, shifted(s->out[0], -next));
}

static const tp_op linear_recurrence = { .name = "linear_recurrence",
                                         .inputs = "a b",
                                         .n_in = 2,
                                         .attrs_size = sizeof(bool),
                                         .saves_in = 1,
                                         .saves_out = 1,
                                         .infer = recurrence_infer,
                                         .forward = recurrence_forward,
                                         .backward = recurrence_backward };

/* ---- logcumsumexp --------------------------------------------------------------------------------------------------------------- */

static tp_status logcumsumexp_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (check_dim(c) || wants_float("logcumsumexp", x))
        return tp_error_pending();
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "logcumsumexp: x is %s, f32 or f64 is wanted",
                       tp_dtype_name((tp_dtype)x->dtype));
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x))
               ? tp_error_pending()
               : rows_infer(c, *(const int64_t *)c->attrs, 0);
}

static void logcumsumexp_row(const rows *r, int64_t row, void *bench)
{
    (void)bench;
    int64_t at = row * r->n * (int64_t)tensor_element_size(r->c->in[0]);
    ((const kernel_table *)r->c->kernels)
        ->logcumsumexp[kernel_type_of((tp_dtype)r->c->in[0]->dtype)](r->y[0] + at, r->x + at, r->n);
}

static void logcumsumexp_forward(const tp_call *c)
{
    if (c->in[0]->numel)
        rows_run(c, *(const int64_t *)c->attrs, 0, false, logcumsumexp_row);
}

/* dx_i = sum over k >= i of dy_k e^(x_i - y_k) = e^(x_i - y_i) G_i,  G_i = dy_i + e^(y_i - y_(i+1)) G_(i+1):
 * every exponent is <= 0. */
static void logcumsumexp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    int dim = (int)*(const int64_t *)s->attrs;
    if (!s->in_shape[0].ndim) {
        dx[0] = dy;
        return;
    }
    tp_tensor *x = tp_transpose(s->in[0], dim, -1), *y = tp_transpose(s->out[0], dim, -1);
    tp_tensor *none = tp_eq(y, -INFINITY),
              *safe = tp_where(none, 0, y); /* nothing but -inf so far: e^x is 0 */
    int64_t n = tp_size(safe, -1);
    tp_shape before = { .ndim = s->in_shape[0].ndim }, after = before;
    after.dim[after.ndim - 1] = n > 0;
    tp_tensor *step = tp_sub(tp_slice(safe, -1, 0, n ? n - 1 : 0, 1), tp_slice(safe, -1, n > 0, n, 1));
    tp_tensor *ratio = tp_where(none, 0, tp_pad(tp_exp(step), before, after, 0)); /* none after the last */
    tp_tensor *g = recurrence(ratio, tp_transpose(dy, dim, -1), true);
    dx[0] = tp_transpose(tp_mul(tp_where(none, 0, tp_exp(tp_sub(x, safe))), g), dim, -1);
}

static const tp_op logcumsumexp_f = { .name = "logcumsumexp",
                                      .inputs = "x",
                                      .n_in = 1,
                                      .attrs_size = sizeof(scan_attrs),
                                      .saves_in = 1,
                                      .saves_out = 1,
                                      .infer = logcumsumexp_infer,
                                      .forward = logcumsumexp_forward,
                                      .backward = logcumsumexp_backward };

/* The halves in f32. */
static void logcumsumexp_compose(tp_call *c)
{
    tp_tensor *x = c->in[0];
    tp_dtype dtype = (tp_dtype)x->dtype;
    bool narrow = dtype == TP_F16 || dtype == TP_BF16;
    x = narrow ? tp_float(x) : x;
    tp_tensor *y = tp_apply(&logcumsumexp_f, &x, 1, c->attrs);
    c->out[0] = narrow ? tp_to(y, dtype) : y;
}

const tp_op tp_op_logcumsumexp = { .name = "logcumsumexp",
                                   .formula = "y_i = ln(e^x_0 + .. + e^x_i) along dim",
                                   .inputs = "x",
                                   .n_in = 1,
                                   .attrs_size = sizeof(scan_attrs),
                                   .attrs = scan_attr_table,
                                   .compose = logcumsumexp_compose,
                                   .examples = scan_examples };

tp_tensor *tp_logcumsumexp(tp_tensor *x, int dim)
{
    return tp_apply(&tp_op_logcumsumexp, &x, 1, &(scan_attrs){ dim, false });
}

/* ---- cummax, cummin ---------------------------------------------------------------------------------------------------------------- */

static size_t extreme_bench(const tp_tensor *x, int64_t dim)
{
    return x->dtype == dtype_of_kernel(kernel_type_of((tp_dtype)x->dtype)) ? 0
                                                                           : (size_t)row_length(x, dim) * 16;
}

static tp_status extreme_infer(tp_call *c)
{
    int64_t dim = *(const int64_t *)c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_dim(c) || tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x)) ||
        tp_infer_shape(c, 1, TP_I64, tp_shape_of(x)))
        return tp_error_pending();
    return rows_infer(c, dim, extreme_bench(x, dim));
}

static void extreme_row(const rows *r, int64_t row, void *bench)
{
    const tp_tensor *x = r->c->in[0];
    const kernel_table *kernels = r->c->kernels;
    const tp_dtype stored = (tp_dtype)x->dtype, type = dtype_of_kernel(kernel_type_of(stored));
    const int64_t at = row * r->n * (int64_t)tensor_element_size(x);
    int64_t *index = (int64_t *)(void *)r->y[1] + row * r->n;
    scan_extreme_fn *f = kernels->scan_extreme[r->c->op->tag][kernel_type_of(stored)];
    if (stored == type) {
        f(r->y[0] + at, index, r->x + at, r->n, 1);
        return;
    }
    char *to = (char *)bench + r->n * 8;
    kernels->convert[type][stored](bench, 1, r->x + at, 1, r->n);
    f(to, index, bench, r->n, 1);
    kernels->convert[stored][type](r->y[0] + at, 1, to, 1, r->n);
}

static void extreme_forward(const tp_call *c)
{
    int64_t dim = *(const int64_t *)c->attrs;
    if (c->in[0]->numel)
        rows_run(c, dim, extreme_bench(c->in[0], dim), false, extreme_row);
}

static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *zeros = tp_zeros(s->in_shape[0], .dtype = s->in_dtype[0]);
    dx[0] = tp_scatter_add(zeros, (int)*(const int64_t *)s->attrs, s->out[1], dy);
}

#define RUNNING_EXTREME(op, text, is_min)                                 \
    const tp_op tp_op_##op = { .name = #op,                               \
                               .formula = text,                           \
                               .inputs = "x",                             \
                               .n_in = 1,                                 \
                               .n_out = 2,                                \
                               .attrs_size = sizeof(scan_attrs),          \
                               .attrs = scan_attr_table,                  \
                               .saves_out = 2,                            \
                               .infer = extreme_infer,                    \
                               .forward = extreme_forward,                \
                               .tag = is_min,                             \
                               .backward = extreme_backward,              \
                               .examples = scan_examples };               \
    tp_tensor *tp_##op(tp_tensor *x, int dim, tp_tensor **indices)        \
    {                                                                     \
        tp_tensor *out[2];                                                \
        tp_apply_n(&tp_op_##op, &x, 1, &(scan_attrs){ dim, false }, out); \
        if (indices)                                                      \
            *indices = out[1];                                            \
        return out[0];                                                    \
    }

RUNNING_EXTREME(cummax, "y_i = largest of x_0 .. x_i along dim, and where the last of its equals stands", 0)
RUNNING_EXTREME(cummin, "y_i = smallest of x_0 .. x_i along dim, and where the last of its equals stands", 1)

/* ---- diff, trapezoid ------------------------------------------------------------------------------------------------------------------ */

typedef struct diff_attrs {
    int64_t n, dim;
} diff_attrs;

static void diff_compose(tp_call *c)
{
    const diff_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *parts[3];
    int dim = (int)a->dim, n = 0;
    if (x->ndim == 0 || a->n < 0) {
        tp_fail(TP_ERR_ARGUMENT, "diff: n %lld of %s: n >= 0 and at least one dim are wanted",
                (long long)a->n, tensor_shape_text(x));
        return;
    }
    if (normalize_dim("diff", x->ndim, &dim))
        return;
    if (c->in[1])
        parts[n++] = c->in[1];
    parts[n++] = x;
    if (c->in[2])
        parts[n++] = c->in[2];
    x = n > 1 ? tp_cat(parts, n, dim) : x;
    for (int64_t i = 0; x && i < a->n; i++) {
        int64_t size = x->shape[dim];
        tp_tensor *later = tp_slice(x, dim, 1, size > 1 ? size : 1, 1),
                  *sooner = tp_slice(x, dim, 0, size > 1 ? size - 1 : 0, 1);
        x = x->dtype == TP_BOOL ? tp_ne(later, sooner) : tp_sub(later, sooner);
        if (size == 0)
            break;
    }
    c->out[0] = x == c->in[0] ? tp_clone(x) : x;
}

const tp_op tp_op_diff = {
    .name = "diff",
    .formula = "y_i = x_(i+1) - x_i along dim, n times; prepend and append are joined to x first",
    .inputs = "x prepend? append?",
    .n_in = 3,
    .attrs_size = sizeof(diff_attrs),
    .attrs = (const tp_attr[]){ { "n", TP_ATTR_I64, offsetof(diff_attrs, n), 1, NULL },
                                { "dim", TP_ATTR_I64, offsetof(diff_attrs, dim), -1, NULL },
                                { 0 } },
    .compose = diff_compose,
    .examples = (const tp_example[]){ { "2,7 - -", NULL },
                                      { "5,3,2 - -", &(diff_attrs){ 2, 0 } },
                                      { "4,5@t 4,1 4,2", &(diff_attrs){ 1, 1 } },
                                      { "3,1 - -", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_diff(tp_tensor *x, int64_t n, int dim)
{
    return tp_apply(&tp_op_diff, (tp_tensor *[]){ x, NULL, NULL }, 3, &(diff_attrs){ n, dim });
}

typedef struct trapezoid_attrs {
    double dx;
    int64_t dim;
} trapezoid_attrs;

static void trapezoid_compose(tp_call *c)
{
    const trapezoid_attrs *a = c->attrs;
    tp_tensor *y = c->in[0], *x = c->in[1];
    int dim = (int)a->dim;
    if (y->ndim == 0) {
        tp_fail(TP_ERR_SHAPE, "trapezoid: y is a scalar, at least one dim is wanted");
        return;
    }
    if (normalize_dim("trapezoid", y->ndim, &dim))
        return;
    int64_t n = y->shape[dim], m = n > 1 ? n - 1 : 0;
    if (!tp_dtype_is_float((tp_dtype)y->dtype))
        y = tp_float(y);
    tp_tensor *both = tp_add(tp_slice(y, dim, 0, m, 1), tp_slice(y, dim, n ? 1 : 0, n ? m + 1 : 0, 1));
    if (!x) {
        c->out[0] = tp_mul(tp_sum(both, TP_SHAPE(dim), false), a->dx / 2);
        return;
    }
    if (x->ndim == 1 && y->ndim > 1) { /* along dim */
        tp_shape thin = { .ndim = y->ndim - dim };
        for (int i = 0; i < thin.ndim; i++)
            thin.dim[i] = i ? 1 : x->numel;
        x = tp_reshape(x, thin);
    }
    int back = dim - y->ndim; /* x may have fewer dims */
    c->out[0] = tp_mul(tp_sum(tp_mul(both, tp_diff(x, 1, back)), TP_SHAPE(dim), false), 0.5);
}

const tp_op tp_op_trapezoid = {
    .name = "trapezoid",
    .formula = "z = sum of (y_i + y_(i+1)) / 2 dx along dim, or (x_(i+1) - x_i) for dx",
    .inputs = "y x?",
    .n_in = 2,
    .attrs_size = sizeof(trapezoid_attrs),
    .attrs = (const tp_attr[]){ { "dx", TP_ATTR_F64, offsetof(trapezoid_attrs, dx), 1, NULL },
                                { "dim", TP_ATTR_I64, offsetof(trapezoid_attrs, dim), -1, NULL },
                                { 0 } },
    .compose = trapezoid_compose,
    .examples = (const tp_example[]){ { "2,7 -", NULL },
                                      { "5,3 -", &(trapezoid_attrs){ 0.5, 0 } },
                                      { "4,5@t 4,5", NULL },
                                      { "4,5,2 5", &(trapezoid_attrs){ 1, 1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_trapezoid(tp_tensor *y, tp_tensor *x, double dx, int dim)
{
    return tp_apply(&tp_op_trapezoid, (tp_tensor *[]){ y, x }, 2, &(trapezoid_attrs){ dx, dim });
}
