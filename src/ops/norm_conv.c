/* norm_conv.c - batch norm, relu and a convolution of one tap in one operation, as densely connected networks have them.
 *
 *   z = relu((x - mean) r weight + bias),   y[p,k] = sum over c of conv[k,c] z[p,c]
 * for pixels p of x (N, C, H, W), y (N, K, H, W).  z is made for a block of pixels, multiplied while it lies in the second cache,
 * and never written to memory; backward makes it again from x.  There the sums that dx wants are taken from a block of
 * dz = dy conv while it is at hand; dz itself waits in dx's memory for the pass that ends it.
 * Layer: ops.  Kernels: norm.apply, norm.sums, panels (kernels.h).  Depends on channel_norm.h.  Read next: nn/sequential.c. */
#include "base/parallel.h"
#include "ops/channel_norm.h"
#include "ops/conv.h"

#include <string.h>

enum {
    IN_CONV = 5, /* inputs: x weight bias mean var conv */
    BACK_CONV = 6,
    DCONV = 3,
    MOST_ROWS = 240,
    ROWS_STEP = 12,
    BLOCK_BYTES = 512 << 10,
    BLOCKS = 16, /* at least, where there are pixels enough */
    RANGE = 128, /* channels of x that a part of backward takes */
    PARTS = 32,
    PART_ROWS = 192,
    SUM_BYTES = 24 << 20,
};

static int64_t divided(int64_t a, int64_t b) /* rounded up */
{
    return (a + b - 1) / b;
}

typedef struct mixed {
    channel_plan p;
    int64_t in, out;       /* channels */
    int64_t block;         /* pixels at once */
    int64_t range, ranges; /* backward: channels of x of a part */
    size_t panel_bytes, slot_bytes, sum_bytes;
} mixed;

static int64_t block_rows(int64_t most, int64_t rows, int64_t row_bytes)
{
    int64_t block = BLOCK_BYTES / (row_bytes + 1);
    block = block < most ? block : most;
    block = block < MOST_ROWS ? block : MOST_ROWS;
    block = block / ROWS_STEP * ROWS_STEP;
    block = block < ROWS_STEP ? ROWS_STEP : block;
    return rows < block ? rows + !rows : block;
}

static int64_t panel_cols(const tp_call *c, const tp_tensor *x)
{
    return ((const kernel_table *)c->kernels)->panels[x->dtype].cols;
}

static size_t bytes_of(const tp_tensor *x, int64_t n)
{
    return ((size_t)n * tensor_element_size(x) + 63) / 64 * 64;
}

static mixed mixed_of(const tp_call *c, const tp_tensor *x, const tp_tensor *conv, bool backward)
{
    const tp_shape shape = tp_shape_of(x);
    const int64_t size = (int64_t)tensor_element_size(x), cols = panel_cols(c, x);
    mixed m = { .p = channel_plan_of(c->attrs, &shape), .in = conv->shape[1], .out = conv->shape[0] };
    channel_plan *p = &m.p;
    if (!backward) {
        m.block = block_rows(divided(divided(p->rows, BLOCKS), ROWS_STEP) * ROWS_STEP, p->rows, m.in * size);
        m.panel_bytes = bytes_of(x, divided(m.out, cols) * cols * m.in);
        m.slot_bytes = bytes_of(x, m.block * m.in);
        return m;
    }
    m.ranges = divided(m.in, RANGE);
    m.range = divided(divided(m.in, m.ranges), cols) * cols;
    m.ranges = divided(m.in, m.range);
    m.sum_bytes = bytes_of(x, m.out * m.in);
    int64_t pieces = divided(PARTS, m.ranges), room = SUM_BYTES / (int64_t)(m.sum_bytes + 1) + 1;
    pieces = pieces < p->rows / PART_ROWS ? pieces : p->rows / PART_ROWS;
    pieces = pieces < room ? pieces : room;
    p->piece_rows = divided(p->rows + !p->rows, pieces < 1 ? 1 : pieces);
    p->pieces = divided(p->rows + !p->rows, p->piece_rows);
    m.block = block_rows(MOST_ROWS, p->piece_rows, (m.out + 3 * m.range) * size);
    m.block = divided(p->piece_rows, divided(p->piece_rows, m.block)); /* even ones */
    m.panel_bytes = bytes_of(x, divided(m.in, cols) * cols * m.out);
    m.slot_bytes = 2 * bytes_of(x, m.block * m.range);
    return m;
}

typedef struct mixed_run {
    const mixed *m;
    channel_run norm;
    const panel_kernels *panels;
    const char *conv, *dy;
    char *y;      /* or the first piece's dconv, */
    char *sums;   /* and the others' */
    char *packed; /* conv in panels */
    char *slots;
} mixed_run;

static void pack_panels(void *context, int64_t begin, int64_t end)
{
    const mixed_run *r = context;
    const mixed *m = r->m;
    if (r->dy)
        r->panels->pack(r->packed, r->conv, m->in, 1, m->in, m->out, begin, end);
    else
        r->panels->pack(r->packed, r->conv, 1, m->in, m->out, m->in, begin, end);
}

/* Scratch behind what the normalisation takes; runs body for n parts with a slot each. */
static void run_parts(const tp_call *c, mixed_run *r, const tp_tensor *x, int64_t n, parallel_body *body)
{
    const mixed *m = r->m;
    const int64_t cols = r->panels->cols;
    r->packed = (char *)(void *)r->norm.sums + channel_scratch(&m->p, x);
    r->sums = r->packed + m->panel_bytes;
    r->slots = r->sums + m->sum_bytes * (size_t)(m->p.pieces - 1);
    const size_t room = c->scratch_bytes - (size_t)(r->slots - (char *)c->scratch);
    parallel_for(divided(r->dy ? m->in : m->out, cols), 1, pack_panels, r);
    parallel_for_at_most((int)(room / m->slot_bytes), n, 1, body, r);
}

static size_t mixed_scratch(const mixed *m, const tp_tensor *x)
{
    return channel_scratch(&m->p, x) + m->panel_bytes + m->sum_bytes * (size_t)(m->p.pieces - 1) +
           m->slot_bytes * (size_t)parallel_threads();
}

/* ---- forward ----------------------------------------------------------------------------------------------------------------- */

static tp_status check_conv(const tp_call *c, const tp_tensor *x, const tp_tensor *conv)
{
    const channel_attrs *a = c->attrs;
    if (a->groups || a->each || !a->relu)
        return tp_fail(TP_ERR_ARGUMENT, "%s: statistics of channels over the batch, and relu, are wanted",
                       c->op->name);
    if (x->ndim != 4 || conv->ndim != 4 || conv->dtype != x->dtype || conv->shape[1] != x->shape[1] ||
        conv->shape[0] < 1 || conv->shape[1] < 1 || conv->shape[2] != 1 || conv->shape[3] != 1)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, convolution %s: (N, C, H, W) and (K, C, 1, 1) are wanted",
                       c->op->name, tensor_shape_text(x), tensor_shape_text(conv));
    return TP_OK;
}

static tp_status norm_conv_infer(tp_call *c)
{
    const channel_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *conv = c->in[IN_CONV];
    if (channel_check(c, x, c->in[1], c->in[2], c->in[3], c->in[4]) || check_conv(c, x, conv))
        return tp_error_pending();
    const tp_dtype dtype = (tp_dtype)x->dtype;
    if (infer_image(c, 0, dtype, TP_SHAPE(x->shape[0], conv->shape[0], x->shape[2], x->shape[3])) ||
        tp_infer_shape(c, 1, dtype, TP_SHAPE(x->shape[1])) ||
        tp_infer_shape(c, 2, dtype, TP_SHAPE(x->shape[1])))
        return tp_error_pending();
    const mixed m = mixed_of(c, x, conv, false);
    c->scratch_bytes =
        mixed_scratch(&m, x) + (channel_pixel_step(a, x) ? 0 : staged_bytes(x, CLONE_CHANNELS_LAST));
    for (int i = 1; i <= IN_CONV; i++)
        c->scratch_bytes += c->in[i] ? staged_bytes(c->in[i], CLONE_CONTIGUOUS) : 0;
    return TP_OK;
}

static void forward_blocks(void *context, int64_t begin, int64_t end)
{
    const mixed_run *r = context;
    const mixed *m = r->m;
    const int64_t size = r->norm.size, step = r->norm.all.x_step ? r->norm.all.x_step : m->in;
    norm_cols_args a = channel_piece(&r->norm, 0);
    const void *from[MOST_ROWS];
    void *to[MOST_ROWS];
    char *z = r->slots + (size_t)parallel_thread() * m->slot_bytes;
    for (int64_t i = begin; i < end; i++) {
        const int64_t first = i * m->block, left = m->p.rows - first;
        a.rows = left < m->block ? left : m->block;
        a.x = (const char *)r->norm.all.x + first * step * size;
        a.out = z;
        r->norm.kernels->norm[r->norm.type].apply(&a);
        for (int64_t k = 0; k < a.rows; k++) {
            from[k] = z + k * m->in * size;
            to[k] = r->y + (first + k) * m->out * size;
        }
        r->panels->product(&(panels_args){ .m = a.rows,
                                           .n = m->out,
                                           .k = m->in,
                                           .last = divided(m->out, r->panels->cols),
                                           .a = from,
                                           .panels = r->packed,
                                           .c = to });
    }
}

static void norm_conv_forward(const tp_call *c)
{
    const channel_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    const mixed m = mixed_of(c, x, c->in[IN_CONV], false);
    const int64_t step = channel_pixel_step(a, x);
    const void *vector[IN_CONV + 1] = { NULL };
    char *scratch = c->scratch;
    vector[0] = step ? tensor_data(x) : staged(c, x, CLONE_CHANNELS_LAST, &scratch);
    for (int i = 1; i <= IN_CONV; i++)
        vector[i] = c->in[i] ? staged(c, c->in[i], CLONE_CONTIGUOUS, &scratch) : NULL;
    mixed_run r = { .m = &m,
                    .norm = channel_start(c, &m.p, x, scratch),
                    .conv = vector[IN_CONV],
                    .y = tensor_data(c->out[0]) };
    r.panels = &r.norm.kernels->panels[r.norm.type];
    r.norm.all = (norm_cols_args){ .x = vector[0], .out = r.y, .cols = m.in, .x_step = step, .relu = true };
    if (!x->numel && !a->fixed) {
        for (int k = 1; k < 3; k++)
            memset(tensor_data(c->out[k]), 0, (size_t)(c->out[k]->numel * r.norm.size));
        return;
    }
    channel_statistics(c, &r.norm, vector);
    if (c->out[0]->numel)
        run_parts(c, &r, x, divided(m.p.rows, m.block), forward_blocks);
}

/* ---- its gradient ------------------------------------------------------------------------------------------------------------ */

extern const tp_op tp_op_conv2d_weight_grad, tp_op_channel_norm_backward, tp_op_norm_conv_backward;

/* The same out of the operations that it is made of, which have further gradients. */
static void gradients_apart(const tp_saved *s, tp_tensor *dy, tp_tensor *mean, tp_tensor *var, tp_tensor **d)
{
    conv_attrs conv = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1, .size = s->in_shape[IN_CONV] };
    tp_tensor *z[3], *dz = conv_input_grad(dy, s->in[IN_CONV], &conv, &s->in_shape[0]);
    if (tp_apply_n(&tp_op__channel_norm, s->in, IN_CONV, s->attrs, z) ||
        tp_apply_n(&tp_op_channel_norm_backward,
                   (tp_tensor *[]){ dz, s->in[0], s->in[1], mean, var, s->in[2] }, 6, s->attrs, d))
        return;
    d[DCONV] = tp_apply(&tp_op_conv2d_weight_grad, (tp_tensor *[]){ dy, z[0] }, 2, &conv);
}

static void norm_conv_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const channel_attrs *a = s->attrs;
    tp_tensor *d[4] = { NULL }, *mean = a->fixed ? s->in[3] : s->out[1],
              *var = a->fixed ? s->in[4] : s->out[2];
    const norm_view v = channel_view(a, &s->in_shape[0]);
    if (dy && tp_grad_mode())
        gradients_apart(s, dy, mean, var, d);
    else if (dy)
        tp_apply_n(&tp_op_norm_conv_backward,
                   (tp_tensor *[]){ dy, s->in[0], s->in[1], mean, var, s->in[2], s->in[IN_CONV] }, 7, a, d);
    channel_gradients(s, &v, d, dx);
    dx[IN_CONV] = d[DCONV];
}

static double norm_conv_cost(const tp_call *c)
{
    const tp_tensor *x = c->in[c->op == &tp_op_norm_conv_backward ? NORM_X : 0];
    const bool back = c->op == &tp_op_norm_conv_backward;
    const double out = (double)c->in[back ? BACK_CONV : IN_CONV]->shape[0];
    return (double)x->numel * (8 + (back ? 4 : 2) * out);
}

const tp_op tp_op__norm_conv = {
    .name = "_norm_conv",
    .formula = "y = conv2d(relu((x - mean) / sqrt(var + eps) weight + bias), conv) of one tap; and mean, var",
    .inputs = "x weight? bias? mean? var? conv",
    .n_in = 6,
    .n_out = 3,
    CHANNEL_ATTRS(1),
    .saves_in = 63,
    .saves_out = 6,
    .infer = norm_conv_infer,
    .forward = norm_conv_forward,
    .backward = norm_conv_grad,
    .cost = norm_conv_cost,
    OP_EXAMPLES({ "2,3,4,5 3 3 - - 4,3,1,1", NULL }, { "1,5,3,3@t - 5 - - 2,5,1,1", NULL },
                { "2,4,2,2 4 - 4 4@p 3,4,1,1", &(channel_attrs){ 0, false, true, 1e-5, true } }),
};

/* ---- backward:  dx, dweight, dbias, dconv ---------------------------------------------------------------------------------------- */

static tp_status norm_conv_backward_infer(tp_call *c)
{
    const tp_tensor *dy = c->in[NORM_DY], *x = c->in[NORM_X], *conv = c->in[BACK_CONV];
    const tp_dtype dtype = (tp_dtype)x->dtype;
    if (channel_check(c, x, c->in[NORM_WEIGHT], c->in[NORM_BIAS], c->in[NORM_MEAN], c->in[NORM_VAR]) ||
        check_conv(c, x, conv))
        return tp_error_pending();
    const tp_shape y = TP_SHAPE(x->shape[0], conv->shape[0], x->shape[2], x->shape[3]);
    if (dy->dtype != x->dtype || dy->ndim != 4 || memcmp(dy->shape, y.dim, 4 * sizeof *y.dim) != 0)
        return tp_fail(TP_ERR_SHAPE, "%s: dy %s and x %s do not come from one convolution", c->op->name,
                       tensor_shape_text(dy), tensor_shape_text(x));
    if (infer_image(c, NORM_DX, dtype, tp_shape_of(x)) ||
        tp_infer_shape(c, NORM_DWEIGHT, dtype, TP_SHAPE(x->shape[1])) ||
        tp_infer_shape(c, NORM_DBIAS, dtype, TP_SHAPE(x->shape[1])) ||
        tp_infer_shape(c, DCONV, dtype, tp_shape_of(conv)))
        return tp_error_pending();
    const mixed m = mixed_of(c, x, conv, true);
    c->scratch_bytes = mixed_scratch(&m, x);
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i])
            c->scratch_bytes += staged_bytes(c->in[i], i <= NORM_X ? CLONE_CHANNELS_LAST : CLONE_CONTIGUOUS);
    return TP_OK;
}

/* dz of a block into dx, its sums, and z; then dconv += dy^T z. */
static void backward_block(const mixed_run *r, const norm_cols_args *part, int64_t channel, int64_t first,
                           bool more, char *slot, char *dconv)
{
    const mixed *m = r->m;
    const int64_t size = r->norm.size, cols = r->panels->cols, rows = part->rows;
    const void *from[MOST_ROWS];
    void *to[MOST_ROWS];
    norm_cols_args a = *part;
    for (int64_t k = 0; k < rows; k++) {
        from[k] = r->dy + (first + k) * m->out * size;
        to[k] = (char *)r->norm.all.out + (first + k) * m->in * size;
    }
    r->panels->product(&(panels_args){ .m = rows,
                                       .n = m->in,
                                       .k = m->out,
                                       .first = channel / cols,
                                       .last = divided(channel + a.cols, cols),
                                       .a = from,
                                       .panels = r->packed,
                                       .c = to });
    a.x = (const char *)r->norm.all.x + (first * m->in + channel) * size;
    a.dy = (char *)r->norm.all.out + (first * m->in + channel) * size;
    a.out = slot;
    r->norm.kernels->norm[r->norm.type].apply(&a);
    r->norm.kernels->norm[r->norm.type].sums(&a);
    char *z = slot + m->slot_bytes / 2;
    const int64_t panels = divided(a.cols, cols);
    r->panels->pack(z, slot, a.cols, 1, a.cols, rows, 0, panels);
    for (int64_t k = 0; k < m->out; k += MOST_ROWS) {
        const int64_t n = m->out - k < MOST_ROWS ? m->out - k : MOST_ROWS;
        for (int64_t i = 0; i < n; i++)
            to[i] = dconv + ((k + i) * m->in + channel) * size;
        r->panels->product(&(panels_args){ .m = n,
                                           .n = a.cols,
                                           .k = rows,
                                           .last = panels,
                                           .columns = r->dy + (first * m->out + k) * size,
                                           .columns_step = m->out,
                                           .panels = z,
                                           .c = to,
                                           .accumulate = more });
    }
}

static void backward_parts(void *context, int64_t begin, int64_t end)
{
    const mixed_run *r = context;
    const mixed *m = r->m;
    for (int64_t part = begin; part < end; part++) {
        const int64_t piece = part / m->ranges, channel = part % m->ranges * m->range,
                      skipped = channel * r->norm.size, left = m->in - channel;
        norm_cols_args a = channel_piece(&r->norm, piece);
        const int64_t first = piece * m->p.piece_rows, rows = a.rows;
        const void **column[] = { &a.mean, &a.scale, &a.slope, &a.shift, &a.beta };
        for (int k = 0; k < 5; k++)
            *column[k] = (const char *)*column[k] + skipped;
        a.cols = left < m->range ? left : m->range;
        a.x_step = m->in;
        a.sum = r->norm.sums + piece * 4 * m->in + channel;
        a.dot = a.sum + m->in;
        for (int64_t i = 0; i < a.cols; i++)
            a.sum[i] = a.dot[i] = 0;
        for (int64_t i = 0; i < rows; i += m->block) {
            a.rows = rows - i < m->block ? rows - i : m->block;
            backward_block(r, &a, channel, first + i, i > 0,
                           r->slots + (size_t)parallel_thread() * m->slot_bytes,
                           piece ? r->sums + (size_t)(piece - 1) * m->sum_bytes : r->y);
        }
    }
}

static void add_rows(void *context, int64_t begin, int64_t end)
{
    const mixed_run *r = context;
    const int64_t n = (end - begin) * r->m->in, skipped = begin * r->m->in * r->norm.size;
    char *to = r->y + skipped;
    for (int64_t piece = 1; piece < r->m->p.pieces; piece++)
        r->norm.kernels->binary[KERNEL_ADD][r->norm.type](
            to, to, 1, r->sums + (size_t)(piece - 1) * r->m->sum_bytes + skipped, 1, n);
}

static void norm_conv_backward_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[NORM_X];
    const mixed m = mixed_of(c, x, c->in[BACK_CONV], true);
    const void *in[BACK_CONV + 1] = { NULL };
    char *scratch = c->scratch;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i])
            in[i] = staged(c, c->in[i], i <= NORM_X ? CLONE_CHANNELS_LAST : CLONE_CONTIGUOUS, &scratch);
    char *dx = tensor_data(c->out[NORM_DX]);
    mixed_run r = { .m = &m,
                    .norm = channel_start(c, &m.p, x, scratch),
                    .conv = in[BACK_CONV],
                    .dy = in[NORM_DY],
                    .y = tensor_data(c->out[DCONV]) };
    r.panels = &r.norm.kernels->panels[r.norm.type];
    r.norm.all = (norm_cols_args){ .x = in[NORM_X], .dy = dx, .out = dx, .cols = m.in, .relu = true };
    channel_backward_columns(c, &r.norm, in);
    if (!m.p.rows)
        memset(r.y, 0, (size_t)(m.out * m.in * r.norm.size));
    run_parts(c, &r, x, m.p.pieces * m.ranges, backward_parts);
    parallel_for(m.out, 16384 / (m.in * m.p.pieces + 1) + 1, add_rows, &r);
    channel_finish_gradient(c, &r.norm, in);
}

const tp_op tp_op_norm_conv_backward = {
    .name = "norm_conv_backward",
    .formula = "gradients of _norm_conv by x, weight, bias and conv",
    .inputs = "dy x weight? mean var bias? conv",
    .n_in = 7,
    .n_out = 4,
    CHANNEL_ATTRS(1),
    .not_differentiable = true,
    .infer = norm_conv_backward_infer,
    .forward = norm_conv_backward_forward,
    .cost = norm_conv_cost,
    OP_EXAMPLES({ "2,4,3,5 2,3,3,5 3 3 3@p 3 4,3,1,1", NULL },
                { "1,2,3,3 1,5,3,3@t - 5 5@p - 2,5,1,1", NULL }),
};
