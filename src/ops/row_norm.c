/* row_norm.c - normalisation of rows, each by its own statistics: layer norm, RMS norm, and their gradient.
 *
 * Rows are what the last dims of x hold.  Sums over rows for weight and bias are made by pieces of rows that follow from the
 * shape alone, so that they are the same bits on any number of threads.
 * Layer: ops.  Kernels: norm.rows, norm.rows_backward (kernels.h).  Read next: channel_norm.c, norm_forms.c. */
#include "base/parallel.h"
#include "ops/norm.h"

enum { GRAIN = 4096, MOST_PIECES = 64, LEAST_ROWS = 4 };

static int64_t row_length(const tp_tensor *x, const row_attrs *a)
{
    int64_t n = 1;
    for (int i = x->ndim - (int)a->dims; i < x->ndim; i++)
        n *= x->shape[i];
    return n;
}

static int64_t count_rows(const tp_tensor *x, const row_attrs *a)
{
    int64_t rows = 1;
    for (int i = 0; i < x->ndim - (int)a->dims; i++)
        rows *= x->shape[i];
    return rows;
}

static tp_status check_rows(const tp_call *c, const tp_tensor *x)
{
    const row_attrs *a = c->attrs;
    if (a->dims < 1 || a->dims > x->ndim)
        return tp_fail(TP_ERR_SHAPE, "%s: rows of %lld dims, input %s", c->op->name, (long long)a->dims,
                       tensor_shape_text(x));
    return TP_OK;
}

static norm_view row_view(const row_attrs *a, const tp_shape *x)
{
    norm_view v = { .average = TP_SHAPE(3), .eps = a->eps, .centered = a->centered };
    int64_t rows = 1, n = 1;
    for (int i = 0; i < x->ndim; i++)
        *(i < x->ndim - (int)a->dims ? &rows : &n) *= x->dim[i];
    v.shape = TP_SHAPE(rows, 1, 1, n);
    v.weight = TP_SHAPE(1, 1, 1, n);
    v.moment = TP_SHAPE(rows, 1, 1, 1);
    return v;
}

static norm_rows_args rows_from(const norm_rows_args *a, int64_t begin, int64_t end, int64_t size)
{
    norm_rows_args part = *a;
    const int64_t skipped = begin * a->n * size;
    part.x = (const char *)a->x + skipped;
    part.dy = a->dy ? (const char *)a->dy + skipped : NULL;
    part.y = (char *)a->y + skipped;
    part.mean = (char *)a->mean + begin * size;
    part.var = (char *)a->var + begin * size;
    part.rows = end - begin;
    return part;
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

typedef struct row_run {
    norm_rows_args all;
    const norm_kernels *kernels;
    int64_t size, piece_rows, pieces;
    double *sums; /* backward: of each piece dweight, then dbias; NULL: not wanted */
    const kernel_table *table;
    tp_tensor *const *out;
} row_run;

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const row_run *r = context;
    norm_rows_args part = rows_from(&r->all, begin, end, r->size);
    r->kernels->rows(&part);
}

static tp_status row_norm_infer(tp_call *c)
{
    const row_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_rows(c, x))
        return tp_error_pending();
    const int64_t n = row_length(x, a);
    if (norm_check_vector(c->op->name, "weight", x, c->in[1], n) ||
        norm_check_vector(c->op->name, "bias", x, c->in[2], n))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(x), rows = { .ndim = x->ndim - (int)a->dims };
    for (int i = 0; i < rows.ndim; i++)
        rows.dim[i] = x->shape[i];
    for (int i = 0; i < 3; i++)
        if (tp_infer_shape(c, i, (tp_dtype)x->dtype, i ? rows : shape))
            return tp_error_pending();
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS) + 2 * norm_vector_bytes(x, n);
    return TP_OK;
}

static void row_norm_forward(const tp_call *c)
{
    const row_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    const kernel_table *kernels = c->kernels;
    const int64_t n = row_length(x, a), rows = count_rows(x, a);
    char *scratch = c->scratch;
    row_run r = { .kernels = &kernels->norm[x->dtype], .size = (int64_t)tensor_element_size(x) };
    r.all = (norm_rows_args){ .y = tensor_data(c->out[0]),
                              .mean = tensor_data(c->out[1]),
                              .var = tensor_data(c->out[2]),
                              .rows = rows,
                              .n = n,
                              .eps = a->eps,
                              .centered = a->centered };
    r.all.x = staged(c, x, CLONE_CONTIGUOUS, &scratch);
    r.all.weight = norm_vector(c, c->in[1], n, 1, &scratch);
    r.all.bias = norm_vector(c, c->in[2], n, 0, &scratch);
    parallel_for(rows, n < GRAIN ? GRAIN / (n + 1) + 1 : 1, forward_rows, &r);
}

extern const tp_op tp_op_row_norm_backward;

static void row_norm_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *d[3] = { NULL, NULL, NULL };
    tp_tensor *in[] = { dy, s->in[0], s->in[1], s->out[1], s->out[2] };
    const norm_view v = row_view(s->attrs, &s->in_shape[0]);
    if (dy)
        tp_apply_n(&tp_op_row_norm_backward, in, 5, s->attrs, d);
    if (s->needs[0])
        dx[0] = norm_moments_backward(&v, s, d[NORM_DX]);
    if (d[0] && s->needs[1])
        dx[1] = tp_reshape(d[NORM_DWEIGHT], s->in_shape[1]);
    if (d[0] && s->needs[2])
        dx[2] = tp_reshape(d[NORM_DBIAS], s->in_shape[2]);
}

static double row_norm_cost(const tp_call *c)
{
    return 8.0 * (double)c->out[0]->numel;
}

#define ROW_ATTRS                                                                             \
    OP_ATTRS(row_attrs, OP_ATTR(row_attrs, I64, dims, 1), OP_ATTR(row_attrs, F64, eps, 1e-5), \
             OP_ATTR(row_attrs, BOOL, centered, 1))

const tp_op tp_op__row_norm = {
    .name = "_row_norm",
    .formula = "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var of the last dims; and mean, var",
    .inputs = "x weight? bias?",
    .n_in = 3,
    .n_out = 3,
    ROW_ATTRS,
    .saves_in = 1,
    .saves_for_others = 2,
    .saves_out = 6,
    .infer = row_norm_infer,
    .forward = row_norm_forward,
    .backward = row_norm_grad,
    .cost = row_norm_cost,
    OP_EXAMPLES({ "3,5 5 5", NULL }, { "2,3,4@t 3,4@t 3,4", &(row_attrs){ 2, 1e-3, true } },
                { "2,7 7 -", &(row_attrs){ 1, 1e-5, false } }, { "4,37 - 37", NULL }, { "0,3 3 3", NULL }),
};

/* ---- backward:  dx, dweight, dbias ---------------------------------------------------------------------------------------- */

/* Enough of them for threads, few enough that their sums are small beside x. */
static void plan_pieces(row_run *r)
{
    int64_t rows = r->all.rows, pieces = rows * r->all.n / GRAIN;
    pieces = pieces > rows / LEAST_ROWS ? rows / LEAST_ROWS : pieces;
    pieces = pieces > MOST_PIECES ? MOST_PIECES : pieces < 1 ? 1 : pieces;
    r->piece_rows = (rows + pieces - 1) / pieces;
    r->pieces =
        rows ? (rows + r->piece_rows - 1) / r->piece_rows : 1; /* one at least: sums of nothing are 0 */
}

static tp_status row_backward_infer(tp_call *c)
{
    const row_attrs *a = c->attrs;
    const tp_tensor *dy = c->in[NORM_DY], *x = c->in[NORM_X];
    if (check_rows(c, x))
        return tp_error_pending();
    row_run r = { .all = { .rows = count_rows(x, a), .n = row_length(x, a) } };
    if (dy->dtype != x->dtype || !tensor_same_shape(dy, x))
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s and x %s do not come from one normalisation", c->op->name,
                       tensor_shape_text(dy), tensor_shape_text(x));
    if (norm_check_vector(c->op->name, "weight", x, c->in[NORM_WEIGHT], r.all.n) ||
        norm_check_vector(c->op->name, "mean", x, c->in[NORM_MEAN], r.all.rows) ||
        norm_check_vector(c->op->name, "var", x, c->in[NORM_VAR], r.all.rows))
        return tp_error_pending();
    for (int i = 0; i < 3; i++)
        if (tp_infer_shape(c, i, (tp_dtype)x->dtype, i ? TP_SHAPE(r.all.n) : tp_shape_of(x)))
            return tp_error_pending();
    plan_pieces(&r);
    c->scratch_bytes = staged_bytes(dy, CLONE_CONTIGUOUS) + staged_bytes(x, CLONE_CONTIGUOUS) +
                       norm_vector_bytes(x, r.all.n) + 2 * norm_vector_bytes(x, r.all.rows) +
                       (size_t)(r.pieces * 2 * r.all.n) * sizeof(double);
    return TP_OK;
}

static void backward_pieces(void *context, int64_t begin, int64_t end)
{
    const row_run *r = context;
    const int64_t n = r->all.n;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i * r->piece_rows, last = first + r->piece_rows;
        norm_rows_args part = rows_from(&r->all, first, last < r->all.rows ? last : r->all.rows, r->size);
        part.dweight = r->sums + i * 2 * n;
        part.dbias = part.dweight + n;
        for (int64_t k = 0; k < 2 * n; k++)
            part.dweight[k] = 0;
        r->kernels->rows_backward(&part);
    }
}

/* The pieces' sums, in their order, into the first piece's; then into the outputs. */
static void join_pieces(void *context, int64_t begin, int64_t end)
{
    const row_run *r = context;
    const int64_t n = r->all.n;
    for (int64_t i = 1; i < r->pieces; i++)
        for (int64_t k = begin; k < end; k++)
            r->sums[k] += r->sums[i * 2 * n + k];
    for (int k = 0; k < 2; k++) { /* [begin, end) of 2 n numbers: the part in each output */
        const int64_t from = begin > k * n ? begin : k * n, to = end < (k + 1) * n ? end : (k + 1) * n;
        const tp_tensor *y = r->out[NORM_DWEIGHT + k];
        if (from < to)
            r->table->convert[y->dtype][TP_F64](tensor_data(y) + (from - k * n) * r->size, 1, r->sums + from,
                                                1, to - from);
    }
}

static void row_backward_forward(const tp_call *c)
{
    const row_attrs *a = c->attrs;
    const tp_tensor *x = c->in[NORM_X];
    const kernel_table *kernels = c->kernels;
    const int64_t n = row_length(x, a), rows = count_rows(x, a);
    char *scratch = c->scratch;
    row_run r = { .kernels = &kernels->norm[x->dtype],
                  .size = (int64_t)tensor_element_size(x),
                  .table = kernels,
                  .out = c->out };
    r.all = (norm_rows_args){
        .y = tensor_data(c->out[NORM_DX]), .rows = rows, .n = n, .eps = a->eps, .centered = a->centered
    };
    r.all.dy = staged(c, c->in[NORM_DY], CLONE_CONTIGUOUS, &scratch);
    r.all.x = staged(c, x, CLONE_CONTIGUOUS, &scratch);
    r.all.weight = norm_vector(c, c->in[NORM_WEIGHT], n, 1, &scratch);
    r.all.mean = (void *)norm_vector(c, c->in[NORM_MEAN], rows, 0, &scratch);
    r.all.var = (void *)norm_vector(c, c->in[NORM_VAR], rows, 1, &scratch);
    r.sums = (double *)(void *)scratch;
    plan_pieces(&r);
    parallel_for(r.pieces, 1, backward_pieces, &r);
    parallel_for(2 * n, GRAIN, join_pieces, &r);
}

static void row_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    (void)dz;
    const norm_view v = row_view(s->attrs, &s->in_shape[NORM_X]);
    norm_second_backward(&v, s, dx);
}

const tp_op tp_op_row_norm_backward = {
    .name = "row_norm_backward",
    .formula = "dx = r (g - avg g - h avg(g h)), g = dy weight, h = (x - mean) r, r = 1 / sqrt(var + eps); "
               "dweight = sum of dy h; dbias = sum of dy",
    .inputs = "dy x weight? mean var",
    .n_in = 5,
    .n_out = 3,
    ROW_ATTRS,
    .saves_in = 31,
    .infer = row_backward_infer,
    .forward = row_backward_forward,
    .backward = row_backward_backward,
    .cost = row_norm_cost,
    OP_EXAMPLES({ "3,5 3,5 5 3 3@p", NULL }, { "2,3,4@t 2,3,4 3,4@t 2 2@p", &(row_attrs){ 2, 1e-3, true } },
                { "2,7 2,7 - 2 2@p", &(row_attrs){ 1, 1e-5, false } }, { "0,3 0,3 3 0 0", NULL }),
};
