/* channel_norm.c - normalisation of channels over the pixels: batch, instance and group norm, and their gradient.
 *
 * x (N, C) or (N, C, H, W) is read as N images of rows of C adjacent numbers.  One statistic covers a channel of all images
 * (batch), or of one image (instance), or a group of channels of one image (group).  Statistics and sums are made by pieces of
 * rows that follow from the shape alone, then joined in their order: the same bits on any number of threads.
 * Layer: ops.  Kernels: moments_cols, norm.apply, norm.sums, norm.gradient (kernels.h).  Read next: norm_forms.c. */
#include "ops/channel_norm.h"

#include "base/parallel.h"

#include <math.h>

enum { GRAIN = 16384, MOST_PIECES = 32, LEAST_ROWS = 32, CACHED = 131072 };

static int64_t pixels(const tp_shape *x)
{
    return x->ndim == 4 ? x->dim[2] * x->dim[3] : 1;
}

channel_plan channel_plan_of(const channel_attrs *a, const tp_shape *x)
{
    channel_plan p = { .sets = a->each ? x->dim[0] : 1, .cols = x->dim[1] };
    p.rows = pixels(x) * (a->each ? 1 : x->dim[0]);
    p.groups = a->groups ? a->groups : p.cols;
    p.width = p.groups ? p.cols / p.groups : 1;
    int64_t pieces = p.rows * p.cols / GRAIN, most = MOST_PIECES / (p.sets ? p.sets : 1) + 1;
    pieces = pieces > most ? most : pieces;
    pieces = pieces > p.rows / LEAST_ROWS ? p.rows / LEAST_ROWS : pieces;
    p.piece_rows = pieces > 1 ? (p.rows + pieces - 1) / pieces : p.rows;
    p.pieces = p.rows ? (p.rows + p.piece_rows - 1) / p.piece_rows : 1;
    return p;
}

static int64_t layout_of(const tp_tensor *x)
{
    return x->ndim == 4 ? CLONE_CHANNELS_LAST : CLONE_CONTIGUOUS;
}

/* Elements from one pixel of x to the next where x can be read as it lies: all channels of an image's pixels adjacent, as in a part of
 * the channels of another image.  0: it cannot, or statistics are wanted, which read it more than once. */
int64_t channel_pixel_step(const channel_attrs *a, const tp_tensor *x)
{
    const int64_t *s = x->stride, step = x->ndim == 4 ? s[3] : 0;
    const bool fits = a->fixed && x->ndim == 4 && (s[1] == 1 || x->shape[1] == 1) && step >= x->shape[1] &&
                      s[2] == step * x->shape[3] && (s[0] == s[2] * x->shape[2] || x->shape[0] == 1);
    return fits ? step : 0;
}

/* The scratch of a pass: 4 cols sums a piece, in double; 5 numbers a column of a set, in x's type. */
static size_t sums_bytes(const channel_plan *p)
{
    return ((size_t)((p->sets ? p->sets : 1) * p->pieces * 4 * p->cols) * sizeof(double) + 63) / 64 * 64;
}

static size_t columns_bytes(const channel_plan *p, const tp_tensor *x)
{
    return norm_vector_bytes(x, p->sets * p->cols);
}

size_t channel_scratch(const channel_plan *p, const tp_tensor *x)
{
    return sums_bytes(p) + 5 * columns_bytes(p, x);
}

channel_run channel_start(const tp_call *c, const channel_plan *p, const tp_tensor *x, char *scratch)
{
    channel_run r = {
        .p = p, .kernels = c->kernels, .type = x->dtype, .size = (int64_t)tensor_element_size(x)
    };
    r.sums = (double *)(void *)scratch;
    for (int k = 0; k < 5; k++)
        r.columns[k] = scratch + sums_bytes(p) + (size_t)k * columns_bytes(p, x);
    return r;
}

/* Rows [first, last) of piece i; all of them in order, over all sets. */
norm_cols_args channel_piece(const channel_run *r, int64_t i)
{
    const channel_plan *p = r->p;
    const int64_t set = i / p->pieces, first = i % p->pieces * p->piece_rows;
    const int64_t skipped = (set * p->rows + first) * p->cols * r->size, column = set * p->cols * r->size;
    norm_cols_args a = r->all;
    a.x = (const char *)a.x + (a.x_step ? (set * p->rows + first) * a.x_step * r->size : skipped);
    a.dy = a.dy ? (const char *)a.dy + skipped : NULL;
    a.out = (char *)a.out + skipped;
    a.mean = r->columns[0] + column;
    a.scale = r->columns[1] + column;
    a.slope = r->columns[2] + column;
    a.shift = r->columns[3] + column;
    a.beta = a.relu ? r->columns[4] + column : NULL;
    a.rows = p->rows - first < p->piece_rows ? p->rows - first : p->piece_rows;
    return a;
}

static void over_pieces(channel_run *r, parallel_body *body)
{
    parallel_for(r->p->sets * r->p->pieces, 1, body, r);
}

static void put(const channel_run *r, char *vector, int64_t i, double value)
{
    if (r->type == (int)TP_F32)
        ((float *)(void *)vector)[i] = (float)value;
    else
        ((double *)(void *)vector)[i] = value;
}

/* Number i of a vector of x's type; otherwise where there is none. */
static double at(const channel_run *r, const void *vector, int64_t i, double otherwise)
{
    return !vector                  ? otherwise
           : r->type == (int)TP_F32 ? (double)((const float *)vector)[i]
                                    : ((const double *)vector)[i];
}

/* ---- statistics ------------------------------------------------------------------------------------------------------------ */

/* Takes moments of n rows into those of count rows (Chan, Golub and LeVeque 1979). */
static void join(double *mean, double *m2, double count, const double *other_mean, const double *other_m2,
                 double n, int64_t cols)
{
    const double share = n / (count + n), weight = count * share;
    for (int64_t c = 0; c < cols; c++) {
        const double delta = other_mean[c] - mean[c];
        mean[c] += delta * share;
        m2[c] += other_m2[c] + delta * delta * weight;
    }
}

/* Of each piece: block by block, as many rows as stay in the cache for the kernel's second look. */
static void piece_moments(void *context, int64_t begin, int64_t end)
{
    const channel_run *r = context;
    const int64_t cols = r->p->cols, block = CACHED / (cols * r->size) + 1;
    for (int64_t i = begin; i < end; i++) {
        const norm_cols_args a = channel_piece(r, i);
        double *mean = r->sums + i * 4 * cols, *m2 = mean + cols, *here = m2 + cols;
        moments_cols_fn *moments = r->kernels->moments_cols[r->type];
        for (int64_t row = 0; row < a.rows || row == 0; row += block) {
            const int64_t n = a.rows - row < block ? a.rows - row : block;
            moments(row ? here : mean, row ? here + cols : m2, (const char *)a.x + row * cols * r->size, n,
                    cols, cols);
            if (row)
                join(mean, m2, (double)row, here, here + cols, (double)n, cols);
        }
    }
}

static void join_pieces(const channel_run *r, int64_t set)
{
    const channel_plan *p = r->p;
    double *mean = r->sums + set * p->pieces * 4 * p->cols;
    for (int64_t i = 1; i < p->pieces; i++) {
        const int64_t before = i * p->piece_rows, left = p->rows - before;
        const double *other = mean + i * 4 * p->cols;
        join(mean, mean + p->cols, (double)before, other, other + p->cols,
             (double)(left < p->piece_rows ? left : p->piece_rows), p->cols);
    }
}

/* Mean and variance of a group from those of its columns. */
static void group_moments(const channel_run *r, int64_t set, int64_t group, double *mean, double *var)
{
    const channel_plan *p = r->p;
    const double *means = r->sums + set * p->pieces * 4 * p->cols + group * p->width, *m2 = means + p->cols;
    double sum = 0, squares = 0;
    for (int64_t c = 0; c < p->width; c++)
        sum += means[c];
    *mean = sum / (double)p->width;
    for (int64_t c = 0; c < p->width; c++)
        squares += m2[c] + (double)p->rows * (means[c] - *mean) * (means[c] - *mean);
    *var = squares / (double)(p->width * p->rows);
}

/* ---- forward ---------------------------------------------------------------------------------------------------------------- */

tp_status channel_check(const tp_call *c, const tp_tensor *x, const tp_tensor *weight, const tp_tensor *bias,
                        const tp_tensor *mean, const tp_tensor *var)
{
    const channel_attrs *a = c->attrs;
    const char *op = c->op->name;
    if (x->ndim != 2 && x->ndim != 4)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, (N, C) or (N, C, H, W) is wanted", op,
                       tensor_shape_text(x));
    const int64_t channels = x->shape[1], groups = a->groups ? a->groups : channels;
    if (a->groups < 0 || (a->groups && channels % a->groups))
        return tp_fail(TP_ERR_ARGUMENT, "%s: %lld groups, a divisor of %lld channels is wanted", op,
                       (long long)a->groups, (long long)channels);
    if (a->fixed && (!mean || !var || a->each || a->groups))
        return tp_fail(TP_ERR_ARGUMENT, "%s: fixed wants mean and var, one of each a channel", op);
    const int64_t statistics = groups * (a->each ? x->shape[0] : 1);
    if (norm_check_vector(op, "weight", x, weight, channels) ||
        norm_check_vector(op, "bias", x, bias, channels) ||
        norm_check_vector(op, "mean", x, mean, statistics) ||
        norm_check_vector(op, "var", x, var, statistics))
        return tp_error_pending();
    return TP_OK;
}

static tp_status infer_like(tp_call *c, const tp_tensor *x)
{
    return (x->ndim == 4 ? infer_image : tp_infer_shape)(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static tp_status channel_norm_infer(tp_call *c)
{
    const channel_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (channel_check(c, x, c->in[1], c->in[2], c->in[3], c->in[4]))
        return tp_error_pending();
    const tp_shape shape = tp_shape_of(x);
    const channel_plan p = channel_plan_of(a, &shape);
    if (infer_like(c, x) || tp_infer_shape(c, 1, (tp_dtype)x->dtype, TP_SHAPE(p.sets * p.groups)) ||
        tp_infer_shape(c, 2, (tp_dtype)x->dtype, TP_SHAPE(p.sets * p.groups)))
        return tp_error_pending();
    c->scratch_bytes =
        (channel_pixel_step(a, x) ? 0 : staged_bytes(x, layout_of(x))) + channel_scratch(&p, x);
    for (int i = 1; i < 5; i++)
        c->scratch_bytes += c->in[i] ? staged_bytes(c->in[i], CLONE_CONTIGUOUS) : 0;
    return TP_OK;
}

static void apply_pieces(void *context, int64_t begin, int64_t end)
{
    const channel_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        const norm_cols_args a = channel_piece(r, i);
        r->kernels->norm[r->type].apply(&a);
    }
}

/* The statistics into the outputs, and what each column needs. */
static void finish_forward(const tp_call *c, const channel_run *r, const void *const *vector)
{
    const channel_attrs *a = c->attrs;
    const channel_plan *p = r->p;
    for (int64_t i = 0; i < p->sets * p->groups; i++) {
        double moments[2];
        if (a->fixed)
            moments[0] = at(r, vector[3], i, 0), moments[1] = at(r, vector[4], i, 1);
        else
            group_moments(r, i / p->groups, i % p->groups, &moments[0], &moments[1]);
        for (int k = 0; k < 2; k++)
            put(r, tensor_data(c->out[1 + k]), i, moments[k]);
        const double rstd = 1 / sqrt(moments[1] + a->eps);
        const double lost = moments[0] - at(r, tensor_data(c->out[1]), i, 0); /* in rounding the mean */
        for (int64_t k = 0; k < p->width; k++) {
            const int64_t column = i * p->width + k, channel = column % p->cols;
            const double scale = rstd * at(r, vector[1], channel, 1);
            put(r, r->columns[0], column, moments[0]);
            put(r, r->columns[1], column, scale);
            put(r, r->columns[3], column, at(r, vector[2], channel, 0) - lost * scale);
        }
    }
}

void channel_statistics(const tp_call *c, channel_run *r, const void *const *vector)
{
    if (!((const channel_attrs *)c->attrs)->fixed) {
        over_pieces(r, piece_moments);
        for (int64_t set = 0; set < r->p->sets; set++)
            join_pieces(r, set);
    }
    finish_forward(c, r, vector);
}

static void channel_norm_forward(const tp_call *c)
{
    const channel_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    const tp_shape shape = tp_shape_of(x);
    const channel_plan p = channel_plan_of(a, &shape);
    const kernel_table *kernels = c->kernels;
    char *scratch = c->scratch;
    const void *vector[5] = { NULL };
    if (!x->numel && !a->fixed) { /* statistics of nothing */
        for (int k = 1; k < 3; k++)
            kernels->convert[x->dtype][TP_F64](tensor_data(c->out[k]), 1, &(double){ 0 }, 0,
                                               c->out[k]->numel);
        return;
    }
    const int64_t step = channel_pixel_step(a, x);
    vector[0] = step ? tensor_data(x) : staged(c, x, layout_of(x), &scratch);
    for (int i = 1; i < 5; i++)
        vector[i] = c->in[i] ? staged(c, c->in[i], CLONE_CONTIGUOUS, &scratch) : NULL;
    channel_run r = channel_start(c, &p, x, scratch);
    r.all = (norm_cols_args){
        .x = vector[0], .out = tensor_data(c->out[0]), .cols = p.cols, .x_step = step, .relu = a->relu
    };
    channel_statistics(c, &r, vector);
    over_pieces(&r, apply_pieces);
}

/* ---- its gradient ------------------------------------------------------------------------------------------------------------- */

norm_view channel_view(const channel_attrs *a, const tp_shape *x)
{
    const channel_plan p = channel_plan_of(a, x);
    norm_view v = { .eps = a->eps, .centered = true, .fixed = a->fixed, .relu = a->relu };
    v.shape = TP_SHAPE(x->dim[0], p.groups, p.width, pixels(x));
    v.weight = TP_SHAPE(1, p.groups, p.width, 1);
    v.moment = TP_SHAPE(p.sets, p.groups, 1, 1);
    v.average = a->each ? TP_SHAPE(2, 3) : TP_SHAPE(0, 2, 3);
    return v;
}

extern const tp_op tp_op_channel_norm_backward;

/* Given mean and var have a gradient too: of mean -sum of dx, of var -r^2 / 2 weight dweight. */
static void given_moments_backward(const tp_saved *s, const norm_view *v, tp_tensor *const *d, tp_tensor **dx)
{
    if (s->needs[3])
        dx[3] =
            tp_neg(tp_reshape(tp_sum(tp_reshape(d[NORM_DX], v->shape), v->average, false), s->in_shape[3]));
    if (!s->needs[4])
        return;
    tp_tensor *dh =
        s->in[1] ? tp_mul(tp_reshape(s->in[1], s->in_shape[4]), d[NORM_DWEIGHT]) : d[NORM_DWEIGHT];
    dx[4] = tp_div(tp_mul(dh, -0.5), tp_add(s->in[4], v->eps));
}

void channel_gradients(const tp_saved *s, const norm_view *v, tp_tensor *const *d, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = norm_moments_backward(v, s, d[NORM_DX]);
    if (!d[0])
        return;
    dx[1] = s->needs[1] ? tp_reshape(d[NORM_DWEIGHT], s->in_shape[1]) : NULL;
    dx[2] = s->needs[2] ? tp_reshape(d[NORM_DBIAS], s->in_shape[2]) : NULL;
    if (v->fixed)
        given_moments_backward(s, v, d, dx);
}

static void channel_norm_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const channel_attrs *a = s->attrs;
    tp_tensor *d[3] = { NULL, NULL, NULL };
    tp_tensor *mean = a->fixed ? s->in[3] : s->out[1], *var = a->fixed ? s->in[4] : s->out[2];
    const norm_view v = channel_view(a, &s->in_shape[0]);
    if (dy)
        tp_apply_n(&tp_op_channel_norm_backward,
                   (tp_tensor *[]){ dy, s->in[0], s->in[1], mean, var, s->in[2] }, 6, a, d);
    channel_gradients(s, &v, d, dx);
}

static double channel_norm_cost(const tp_call *c)
{
    return 8.0 * (double)c->out[0]->numel;
}

static const tp_example channel_examples[] = {
    { "4,3 3 3 - -", NULL },
    { "2,3,4,5 3 3 - -", NULL },
    { "2,6,3,2 6 - - -", &(channel_attrs){ 3, true, false, 1e-3, false } },
    { "2,3,3,4 - 3 - -", &(channel_attrs){ 0, true, false, 1e-5, false } },
    { "2,3,2,2 3 3 3 3@p", &(channel_attrs){ 0, false, true, 1e-5, false } },
    { "3,70@t 70 70 - -", NULL },
    { "2,3,4,5 3 3 - -", &(channel_attrs){ 0, false, false, 1e-5, true } },
    { "3,4,2,3 - 4 - -", &(channel_attrs){ 0, true, false, 1e-5, true } },
    { NULL, NULL },
};

const tp_op tp_op__channel_norm = {
    .name = "_channel_norm",
    .formula = "y = (x - mean) / sqrt(var + eps) weight + bias, mean and var of a channel or "
               "group; and mean, var; "
               "with relu max(y, 0)",
    .inputs = "x weight? bias? mean? var?",
    .n_in = 5,
    .n_out = 3,
    CHANNEL_ATTRS(0),
    .saves_in = 29, /* bias for where a relu let nothing through */
    .saves_for_others = 2,
    .saves_out = 6,
    .infer = channel_norm_infer,
    .forward = channel_norm_forward,
    .backward = channel_norm_grad,
    .cost = channel_norm_cost,
    .examples = channel_examples,
};

/* ---- backward:  dx, dweight, dbias ---------------------------------------------------------------------------------------------- */

static tp_status channel_backward_infer(tp_call *c)
{
    const tp_tensor *dy = c->in[NORM_DY], *x = c->in[NORM_X];
    if (channel_check(c, x, c->in[NORM_WEIGHT], c->in[NORM_BIAS], c->in[NORM_MEAN], c->in[NORM_VAR]))
        return tp_error_pending();
    if (dy->dtype != x->dtype || !tensor_same_shape(dy, x))
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s and x %s do not come from one normalisation", c->op->name,
                       tensor_shape_text(dy), tensor_shape_text(x));
    const tp_shape shape = tp_shape_of(x);
    const channel_plan p = channel_plan_of(c->attrs, &shape);
    if (infer_like(c, x) || tp_infer_shape(c, 1, (tp_dtype)x->dtype, TP_SHAPE(p.cols)) ||
        tp_infer_shape(c, 2, (tp_dtype)x->dtype, TP_SHAPE(p.cols)))
        return tp_error_pending();
    c->scratch_bytes = channel_scratch(&p, x);
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i])
            c->scratch_bytes +=
                staged_bytes(c->in[i], c->in[i]->ndim == x->ndim ? layout_of(x) : CLONE_CONTIGUOUS);
    return TP_OK;
}

static void piece_sums(void *context, int64_t begin, int64_t end)
{
    const channel_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        norm_cols_args a = channel_piece(r, i);
        a.sum = r->sums + i * 4 * a.cols;
        a.dot = a.sum + a.cols;
        for (int64_t c = 0; c < 2 * a.cols; c++)
            a.sum[c] = 0;
        r->kernels->norm[r->type].sums(&a);
    }
}

static void gradient_pieces(void *context, int64_t begin, int64_t end)
{
    const channel_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        const norm_cols_args a = channel_piece(r, i);
        r->kernels->norm[r->type].gradient(&a);
    }
}

/* The sums of a set's pieces, in their order, into its first piece's. */
static double *set_sums(const channel_run *r, int64_t set)
{
    const int64_t cols = r->p->cols;
    double *sum = r->sums + set * r->p->pieces * 4 * cols;
    for (int64_t i = 1; i < r->p->pieces; i++)
        for (int64_t c = 0; c < 2 * cols; c++)
            sum[c] += sum[i * 4 * cols + c];
    return sum;
}

/* dx = dy r w - (x - mean) r^3 <w dot> - r <w sum>, <.> over a group's m numbers; dweight and dbias of this set are added
 * to total. */
static void finish_set(const channel_run *r, const channel_attrs *a, int64_t set, const void *weight,
                       const void *var, double *total)
{
    const channel_plan *p = r->p;
    const double *sum = set_sums(r, set), *dot = sum + p->cols, m = (double)(p->width * p->rows);
    for (int64_t g = 0; g < p->groups; g++) {
        const double rstd = 1 / sqrt(at(r, var, set * p->groups + g, 1) + a->eps);
        double sums = 0, dots = 0;
        for (int64_t c = g * p->width; c < (g + 1) * p->width; c++) {
            sums += at(r, weight, c, 1) * sum[c];
            dots += at(r, weight, c, 1) * dot[c];
            total[c] += dot[c] * rstd;
            total[p->cols + c] += sum[c];
        }
        for (int64_t c = g * p->width; c < (g + 1) * p->width; c++) {
            const int64_t column = set * p->cols + c;
            put(r, r->columns[2], column, a->fixed ? 0 : -rstd * rstd * rstd * dots / m);
            put(r, r->columns[3], column, a->fixed ? 0 : -rstd * sums / m);
        }
    }
}

void channel_backward_columns(const tp_call *c, channel_run *r, const void *const *vector)
{
    const channel_attrs *a = c->attrs;
    const channel_plan *p = r->p;
    for (int64_t i = 0; i < p->sets * p->cols; i++) {
        const double rstd = 1 / sqrt(at(r, vector[NORM_VAR], i / p->width, 1) + a->eps),
                     beta = at(r, vector[NORM_BIAS], i % p->cols, 0);
        put(r, r->columns[0], i, at(r, vector[NORM_MEAN], i / p->width, 0));
        put(r, r->columns[1], i, rstd * at(r, vector[NORM_WEIGHT], i % p->cols, 1));
        put(r, r->columns[3], i, beta);
        put(r, r->columns[4], i, beta);
    }
}

void channel_finish_gradient(const tp_call *c, channel_run *r, const void *const *vector)
{
    const channel_plan *p = r->p;
    double *total = r->sums + 2 * p->cols; /* the first piece's room that its sums leave */
    for (int64_t i = 0; i < 2 * p->cols; i++)
        total[i] = 0;
    for (int64_t set = 0; set < p->sets; set++)
        finish_set(r, c->attrs, set, vector[NORM_WEIGHT], vector[NORM_VAR], total);
    for (int k = 0; k < 2; k++)
        r->kernels->convert[r->type][TP_F64](tensor_data(c->out[NORM_DWEIGHT + k]), 1, total + k * p->cols, 1,
                                             p->cols);
    if (p->sets && p->rows && p->cols)
        over_pieces(r, gradient_pieces);
}

static void channel_backward_forward(const tp_call *c)
{
    const channel_attrs *a = c->attrs;
    const tp_tensor *x = c->in[NORM_X];
    const tp_shape shape = tp_shape_of(x);
    const channel_plan p = channel_plan_of(a, &shape);
    char *scratch = c->scratch;
    const void *in[6] = { NULL };
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i])
            in[i] =
                staged(c, c->in[i], c->in[i]->ndim == x->ndim ? layout_of(x) : CLONE_CONTIGUOUS, &scratch);
    channel_run r = channel_start(c, &p, x, scratch);
    r.all = (norm_cols_args){ .x = in[NORM_X],
                              .dy = in[NORM_DY],
                              .out = tensor_data(c->out[NORM_DX]),
                              .cols = p.cols,
                              .relu = a->relu };
    channel_backward_columns(c, &r, in);
    over_pieces(&r, piece_sums);
    channel_finish_gradient(c, &r, in);
}

static void channel_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    (void)dz;
    const norm_view v = channel_view(s->attrs, &s->in_shape[NORM_X]);
    norm_second_backward(&v, s, dx);
}

const tp_op tp_op_channel_norm_backward = {
    .name = "channel_norm_backward",
    .formula = "dx = r (g - avg g - h avg(g h)), g = dy weight, h = (x - mean) r, r = 1 / "
               "sqrt(var + eps); "
               "dweight = sum of dy h; dbias = sum of dy; with relu dy counts where h weight + "
               "bias > 0",
    .inputs = "dy x weight? mean var bias?",
    .n_in = 6,
    .n_out = 3,
    CHANNEL_ATTRS(0),
    .saves_in = 63,
    .infer = channel_backward_infer,
    .forward = channel_backward_forward,
    .backward = channel_backward_backward,
    .cost = channel_norm_cost,
    OP_EXAMPLES({ "4,3 4,3 3 3 3@p -", NULL },
                { "2,3,2,3 2,3,2,3 3 3 3@p 3", &(channel_attrs){ 0, false, false, 1e-5, true } },
                { "2,6,3,2 2,6,3,2 6 6 6@p -", &(channel_attrs){ 3, true, false, 1e-3, false } },
                { "2,3,2,2 2,3,2,2 3 3 3@p -", &(channel_attrs){ 0, false, true, 1e-5, false } },
                { "3,70@t 3,70 70 70 70@p -", NULL }),
};
