/* recurrent.c - RNN, LSTM and GRU: one layer in one direction over a whole sequence, as one operation.
 *
 * All products with the input are one; then each step is a product with the recurrent weight, which stays packed, and the gates.
 * What backward needs of a step (kept) is the gates and, of an LSTM, its cells.
 * Layer: ops.  Kernels: gemm, panels, recurrent (kernels.h).  Read next: recurrent_walk.c, recurrent_backward.c. */
#include "ops/recurrent.h"

#include "base/parallel.h"

#include <string.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------------------ */

/* A matrix of rows by cols, or a vector: cols -1.  Every call comes here a dozen times, so without a tp_shape, whose 136 bytes take
 * longer than the comparison. */
static tp_status expect(const char *op, const char *what, const tp_tensor *t, const tp_tensor *x,
                        int64_t rows, int64_t cols)
{
    if (!t)
        return TP_OK;
    if (t->dtype != x->dtype)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s and %s %s; one dtype is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype), what, tp_dtype_name((tp_dtype)t->dtype));
    if (t->ndim == (cols < 0 ? 1 : 2) && t->shape[0] == rows && (cols < 0 || t->shape[1] == cols))
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE, "%s: %s %s, %s is wanted", op, what, tensor_shape_text(t),
                   shape_text(cols < 0 ? TP_SHAPE(rows) : TP_SHAPE(rows, cols)));
}

static tp_status check_weights(const char *op, int kind, const tp_tensor *x, const tp_tensor *ih,
                               const tp_tensor *hh)
{
    const int64_t gates = gates_of_kind(kind);
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s, a float type is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype));
    if (x->ndim != 3)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, (steps, batch, input size) is wanted, or without batch",
                       op, tensor_shape_text(x));
    if (ih->ndim != 2 || hh->ndim != 2 || ih->shape[0] != hh->shape[0] || hh->shape[0] % gates)
        return tp_fail(TP_ERR_SHAPE,
                       "%s: weights %s and %s, (%lld hidden, input) and (%lld hidden, hidden) are wanted", op,
                       tensor_shape_text(ih), tensor_shape_text(hh), (long long)gates, (long long)gates);
    if (x->shape[2] != ih->shape[1])
        return tp_fail(TP_ERR_SHAPE, "%s: input %s has %lld features, weight %s wants %lld", op,
                       tensor_shape_text(x), (long long)x->shape[2], tensor_shape_text(ih),
                       (long long)ih->shape[1]);
    return TP_OK;
}

static tp_status check_lengths(const char *op, const recurrence *r, const tp_tensor *t)
{
    if (!t)
        return TP_OK;
    if (t->dtype != TP_I64 || t->ndim != 1 || t->shape[0] != r->b)
        return tp_fail(TP_ERR_SHAPE, "%s: lengths %s of %s, (%lld,) of i64 is wanted", op,
                       tensor_shape_text(t), tp_dtype_name((tp_dtype)t->dtype), (long long)r->b);
    const int64_t *length = (const void *)tensor_data(t);
    for (int64_t i = 0; i < r->b && length; i++)
        if (length[i * t->stride[0]] < 0 || length[i * t->stride[0]] > r->t)
            return tp_fail(TP_ERR_ARGUMENT, "%s: length %lld of sequence %lld, the input has %lld steps", op,
                           (long long)length[i * t->stride[0]], (long long)i, (long long)r->t);
    return TP_OK;
}

tp_status recurrent_check(const char *op, const recurrent_attrs *a, tp_tensor *const *in)
{
    const tp_tensor *x = in[R_X];
    if (check_weights(op, a->kind, x, in[R_WEIGHT_IH], in[R_WEIGHT_HH]))
        return tp_error_pending();
    const recurrence r = recurrence_of(a, in, NULL);
    const int64_t wide = r.gates * r.h;
    if (in[R_WEIGHT_HR] ? r.p >= r.h || r.p < 1 : r.p != r.h)
        return tp_fail(TP_ERR_SHAPE, "%s: weight_hh %s: hidden size %lld, its state %lld%s", op,
                       tensor_shape_text(in[R_WEIGHT_HH]), (long long)r.h, (long long)r.p,
                       in[R_WEIGHT_HR] ? "; a projection makes it smaller" : "");
    if (expect(op, "weight_ih", in[R_WEIGHT_IH], x, wide, r.i) ||
        expect(op, "weight_hh", in[R_WEIGHT_HH], x, wide, r.p) ||
        expect(op, "bias_ih", in[R_BIAS_IH], x, wide, -1) ||
        expect(op, "bias_hh", in[R_BIAS_HH], x, wide, -1) || expect(op, "h0", in[R_H0], x, r.b, r.p) ||
        expect(op, "c0", in[R_C0], x, r.b, r.h) || expect(op, "weight_hr", in[R_WEIGHT_HR], x, r.p, r.h) ||
        expect(op, "peephole", in[R_PEEPHOLE], x, 3 * r.h, -1))
        return tp_error_pending();
    if (a->kind != LSTM && (in[R_C0] || in[R_WEIGHT_HR] || in[R_PEEPHOLE]))
        return tp_fail(TP_ERR_ARGUMENT, "%s: c0, weight_hr and peephole are for LSTM", op);
    return check_lengths(op, &r, in[R_LENGTHS]);
}

static recurrent_weight weight_hh(const recurrence *r) /* (G H, P): s = h W^T */
{
    return (recurrent_weight){ .parts = r->gates, .n = r->h, .k = r->p, .b_row = 1, .b_col = r->p };
}

static recurrent_weight weight_hr(const recurrence *r) /* (P, H): y = m W^T */
{
    return (recurrent_weight){ .parts = 1, .n = r->p, .k = r->h, .b_row = 1, .b_col = r->h };
}

static recurrent_weight weight_ih(const recurrence *r) /* (G H, I): x W^T */
{
    return (recurrent_weight){
        .parts = r->gates, .n = r->h, .k = r->i, .b_row = 1, .b_col = r->i, .all_rows = true
    };
}

static tp_status recurrent_infer(tp_call *c)
{
    const recurrent_attrs *a = c->attrs;
    if (recurrent_check(c->op->name, a, c->in))
        return tp_error_pending();
    const recurrence r = recurrence_of(a, c->in, c->kernels);
    const tp_dtype dtype = (tp_dtype)c->in[R_X]->dtype;
    const int64_t first = a->batch_first ? r.b : r.t, second = a->batch_first ? r.t : r.b, rows = r.t * r.b;
    if (tp_infer_shape(c, R_OUT_Y, dtype, TP_SHAPE(first, second, r.p)) ||
        tp_infer_shape(c, R_OUT_H_N, dtype, TP_SHAPE(r.b, r.p)) ||
        tp_infer_shape(c, R_OUT_C_N, dtype, a->kind == LSTM ? TP_SHAPE(r.b, r.h) : TP_SHAPE(0)) ||
        tp_infer_shape(c, R_OUT_KEPT, dtype, a->keep ? TP_SHAPE(rows, r.kept * r.h) : TP_SHAPE(0)))
        return tp_error_pending();
    for (int i = 0; i < R_INPUTS; i++)
        c->scratch_bytes += c->in[i] ? staged_bytes(c->in[i], CLONE_CONTIGUOUS) : 0;
    const recurrent_way way = forward_way(&r);
    const recurrent_weight ih = weight_ih(&r), hh = weight_hh(&r), hr = weight_hr(&r);
    const int64_t wide = r.gates * r.h * r.size;
    c->scratch_bytes += cache_lines(rows * wide) + cache_lines(r.b * wide) + cache_lines(r.b * r.h * r.size) +
                        cache_lines(wide) + cache_lines(r.b * PLACE_BYTES) + weight_bytes(&r, way, &hh) +
                        (c->in[R_WEIGHT_HR] ? weight_bytes(&r, way, &hr) : 0) + weight_bytes(&r, way, &ih);
    return TP_OK;
}

/* ---- forward ------------------------------------------------------------------------------------------------------------------- */

typedef struct forward_run {
    recurrence r;
    recurrent_way way;
    recurrent_weight ih, hh, hr;
    bool projects, by_steps; /* by_steps: the input's product as well, x holds a row of each sequence */
    bool in_one;             /* x is both products, and s the state's bias */
    const char *in_x, *peephole, *bias_x, *bias_s; /* biases: of the input's product and the state's */
    const char *h0, *c0;                           /* before the first step: h_n, c_n where these are zeros */
    char *x, *s, *m;                               /* (T B, G H), (B, G H), (B, H): before a projection */
    char *y, *h_n, *c_n, *kept;                    /* kept NULL: not wanted */
    place *places;
    void **rows; /* (4, B): of a step's products */
} forward_run;

/* One sequence whose weights fit into the first cache: the input's products are done while a step waits for its gates, which leave
 * the multipliers idle, and not before all steps. */
static bool goes_by_steps(const recurrence *r, recurrent_way way)
{
    enum { FIRST_CACHE = 32768 };
    return way == BY_ROWS || (way == BY_SEQUENCES && r->b == 1 && r->kind == LSTM &&
                              r->gates * r->h * (r->i + r->p) * r->size <= FIRST_CACHE);
}

static char *x_at(const forward_run *f, const place *at)
{
    return f->x + (f->by_steps ? at->b : at->row) * f->r.gates * f->r.h * f->r.size;
}

static const char *s_at(const forward_run *f, const place *at)
{
    return f->in_one ? f->bias_s : f->s + at->b * f->r.gates * f->r.h * f->r.size;
}

/* ---- gates of n units from `first` on -------------------------------------------------------------------------------------------- */

static void gates_of_lstm(const forward_run *f, const place *at, int64_t first, int64_t n)
{
    const recurrence *r = &f->r;
    const int64_t line = r->h * r->size, kept = r->kept * line, skip = first * r->size;
    char *c = f->c_n + at->b * line + skip, *mine = f->kept ? f->kept + at->row * kept + skip : NULL;
    r->kernels->recurrent[r->type].lstm(
        &(lstm_args){ .n = n,
                      .gap = r->h,
                      .x = x_at(f, at) + skip,
                      .s = s_at(f, at) + skip,
                      .before = at->before < 0 ? f->c0 + at->b * line + skip
                                : mine         ? f->kept + at->before * kept + 4 * line + skip
                                               : c,
                      .peephole = f->peephole ? f->peephole + skip : NULL,
                      .c = mine ? mine + 4 * line : c,
                      .h = (f->projects ? f->m + at->b * line : f->y + at->row * line) + skip,
                      .gates = mine });
}

static void gates_of_gru(const forward_run *f, const place *at, int64_t first, int64_t n)
{
    const recurrence *r = &f->r;
    const int64_t line = r->h * r->size, skip = first * r->size;
    r->kernels->recurrent[r->type].gru(
        &(gru_args){ .n = n,
                     .gap = r->h,
                     .x = x_at(f, at) + skip,
                     .s = s_at(f, at) + skip,
                     .before = (at->before < 0 ? f->h0 + at->b * line : f->y + at->before * line) + skip,
                     .h = f->y + at->row * line + skip,
                     .gates = f->kept ? f->kept + at->row * 4 * line + skip : NULL });
}

static void gates_of_rnn(const forward_run *f, const place *at, int64_t first, int64_t n)
{
    const recurrence *r = &f->r;
    const int64_t line = r->h * r->size, skip = first * r->size;
    char *y = f->y + at->row * line + skip;
    r->kernels->binary[KERNEL_ADD][r->type](y, x_at(f, at) + skip, 1, s_at(f, at) + skip, 1, n);
    r->kernels->unary[r->kind == RNN_RELU ? KERNEL_RELU : KERNEL_TANH][r->type](y, y, n, NULL);
}

/* ---- one step -------------------------------------------------------------------------------------------------------------------- */

typedef struct step {
    const forward_run *f;
    const place *at;
    int64_t n; /* sequences that have this step */
    bool begins_at_zero;
    rows_product by_input, by_state;
} step;

static void products_in_one(const step *now, int64_t first, int64_t last)
{
    const forward_run *f = now->f;
    const recurrence *r = &f->r;
    for (int64_t gate = 0; gate < r->gates; gate++) {
        const int64_t skip = (gate * r->h + first) * r->size, p = now->begins_at_zero ? 0 : r->p;
        r->kernels->panels[r->type].row(
            &(row_args){ .n = last - first,
                         .bias = f->bias_x ? f->bias_x + skip : NULL,
                         .c = (char *)now->by_input.c[0] + skip,
                         .of = { { now->by_input.a[0], (const char *)f->ih.b + skip * r->i, r->i },
                                 { now->by_state.a[0], (const char *)f->hh.b + skip * r->p, p } } });
    }
}

/* The units [first, last) of all sequences that have this step: their products, and their gates right after, while the sums are
 * in the first cache. */
static void units_of_step(void *context, int64_t first, int64_t last)
{
    const step *now = context;
    const forward_run *f = now->f;
    const int kind = f->r.kind;
    if (f->in_one)
        products_in_one(now, first, last);
    if (!f->in_one && f->by_steps)
        weight_columns(&f->r, f->way, &f->ih, &now->by_input, first, last);
    if (!f->in_one && f->way != UNPACKED && !now->begins_at_zero)
        weight_columns(&f->r, f->way, &f->hh, &now->by_state, first, last);
    for (int64_t i = 0; i < now->n; i++)
        (kind == LSTM  ? gates_of_lstm
         : kind == GRU ? gates_of_gru
                       : gates_of_rnn)(f, &now->at[i], first, last - first);
}

/* What the state gives where it is zero: its bias. */
static void no_state(const forward_run *f, void *s)
{
    const int64_t wide = f->r.gates * f->r.h * f->r.size;
    f->bias_s ? memcpy(s, f->bias_s, (size_t)wide) : memset(s, 0, (size_t)wide);
}

static void one_step(const forward_run *f, const place *at, int64_t n, int64_t units, void **rows)
{
    const recurrence *r = &f->r;
    const int64_t line = r->p * r->size, wide = r->gates * r->h * r->size, b = r->b;
    void **state = rows, **s = rows + b, **input = rows + 2 * b, **x = rows + 3 * b;
    step now = { f,
                 at,
                 n,
                 at->before < 0 && f->h0 == f->h_n,
                 { n, input, x, false, f->bias_x },
                 { n, state, s, false, f->bias_s } };
    for (int64_t i = 0; i < n; i++) {
        state[i] = at[i].before < 0 ? (char *)(uintptr_t)f->h0 + at[i].b * line : f->y + at[i].before * line;
        s[i] = f->s + at[i].b * wide;
        input[i] = (char *)(uintptr_t)f->in_x + at[i].row * r->i * r->size;
        x[i] = x_at(f, &at[i]);
        if (now.begins_at_zero)
            no_state(f, s[i]);
    }
    if (f->way == UNPACKED && !now.begins_at_zero)
        weight_product(r, f->way, &f->hh, &now.by_state);
    parallel_for(r->h, units, units_of_step, &now);
    if (!f->projects)
        return;
    for (int64_t i = 0; i < n; i++) {
        state[i] = f->m + at[i].b * r->h * r->size;
        s[i] = f->y + at[i].row * line;
    }
    weight_product(r, f->way, &f->hr, &(rows_product){ n, state, s, false, NULL });
}

static void walk(void *context, int64_t begin, int64_t end)
{
    const forward_run *f = context;
    const recurrence *r = &f->r;
    place *at = f->places + begin;
    const int64_t numbers = r->gates * (r->p + (f->way == BY_ROWS ? r->i : 0)),
                  units = units_at_once(r, f->way, r->h, numbers, end - begin);
    for (int64_t s = 0; s < r->t; s++) {
        const int64_t n = places_at(r, s, begin, end, at);
        if (n == 0)
            return;
        one_step(f, at, n, units, f->rows + begin);
    }
}

/* x W_ih^T and the biases, or what these products need later; GRU's of the state stays with the state's product.  So does
 * everybody's for a few steps: a sum would come out of this thread's cache, 64 bytes in 0.1 us, and is 2 of 8 us of a thread's piece. */
static void multiply_inputs(forward_run *f, const char *const *in, char **scratch)
{
    const recurrence *r = &f->r;
    const int64_t wide = r->gates * r->h;
    f->bias_x = in[R_BIAS_IH];
    if (r->kind == GRU || f->way == BY_ROWS)
        f->bias_s = in[R_BIAS_HH];
    else if (f->bias_x && in[R_BIAS_HH]) {
        char *sum = taken(scratch, wide * r->size);
        r->kernels->binary[KERNEL_ADD][r->type](sum, f->bias_x, 1, in[R_BIAS_HH], 1, wide);
        f->bias_x = sum;
    } else
        f->bias_x = f->bias_x ? f->bias_x : in[R_BIAS_HH];
    f->in_one =
        f->way == BY_ROWS && r->b == 1 && r->kind != GRU && f->bias_s && r->kernels->panels[r->type].row;
    weight_prepare(r, f->way, &f->ih, scratch);
    if (!f->by_steps)
        weight_all_rows(r, f->way, &f->ih, in[R_X], f->x, f->bias_x);
}

/* The state before the first step; and zeros where short sequences have no results. */
static void begin_states(forward_run *f, const char *h0, const char *c0)
{
    const recurrence *r = &f->r;
    const size_t h = (size_t)(r->b * r->p * r->size), c = (size_t)(r->b * r->h * r->size);
    f->h0 = h0 ? h0 : memset(f->h_n, 0, h);
    f->c0 = c0 || r->kind != LSTM ? c0 : memset(f->c_n, 0, c);
    for (int64_t b = 0; b < r->b && r->lengths; b++)
        for (int64_t t = r->lengths[b]; t < r->t; t++) {
            const int64_t row = t * r->row_t + b * r->row_b, y = r->p * r->size,
                          kept = r->kept * r->h * r->size;
            memset(f->y + row * y, 0, (size_t)y);
            if (f->kept)
                memset(f->kept + row * kept, 0, (size_t)kept);
        }
}

static void copy_state(char *to, const char *from, int64_t bytes)
{
    if (to != from)
        memcpy(to, from, (size_t)bytes);
}

static void end_states(const forward_run *f)
{
    const recurrence *r = &f->r;
    const int64_t h = r->p * r->size, c = r->h * r->size;
    for (int64_t b = 0; b < r->b; b++) {
        const int64_t length = r->lengths ? r->lengths[b] : r->t,
                      row = (r->reverse ? 0 : length - 1) * r->row_t + b * r->row_b;
        copy_state(f->h_n + b * h, length ? f->y + row * h : f->h0 + b * h, h);
        if (r->kind == LSTM && length == 0)
            copy_state(f->c_n + b * c, f->c0 + b * c, c);
        else if (r->kind == LSTM && f->kept)
            copy_state(f->c_n + b * c, f->kept + (row * 5 + 4) * c, c);
    }
}

static void recurrent_forward(const tp_call *c)
{
    const recurrent_attrs *a = c->attrs;
    char *scratch = c->scratch;
    const char *in[R_INPUTS] = { 0 };
    for (int i = 0; i < R_INPUTS; i++)
        in[i] = c->in[i] ? staged(c, c->in[i], CLONE_CONTIGUOUS, &scratch) : NULL;
    forward_run f = { .r = recurrence_of(a, c->in, c->kernels), .projects = in[R_WEIGHT_HR] };
    recurrence *r = &f.r;
    r->lengths = (const void *)in[R_LENGTHS];
    f.way = forward_way(r);
    f.by_steps = goes_by_steps(r, f.way);
    f.peephole = in[R_PEEPHOLE];
    f.y = tensor_data(c->out[R_OUT_Y]), f.h_n = tensor_data(c->out[R_OUT_H_N]),
    f.c_n = tensor_data(c->out[R_OUT_C_N]);
    f.kept = a->keep && r->kept ? tensor_data(c->out[R_OUT_KEPT]) : NULL;
    const int64_t wide = r->gates * r->h * r->size;
    f.x = taken(&scratch, r->t * r->b * wide);
    f.s = taken(&scratch, r->b * wide);
    f.m = taken(&scratch, r->b * r->h * r->size);
    f.places = taken(&scratch, r->b * PLACE_BYTES);
    f.rows = (void **)(void *)(f.places + r->b);
    f.ih = weight_ih(r), f.hh = weight_hh(r), f.hr = weight_hr(r);
    f.in_x = in[R_X], f.ih.b = in[R_WEIGHT_IH], f.hh.b = in[R_WEIGHT_HH], f.hr.b = in[R_WEIGHT_HR];
    begin_states(&f, in[R_H0], in[R_C0]);
    if (r->t == 0 || r->b == 0 || r->h == 0) {
        end_states(&f);
        return;
    }
    weight_prepare(r, f.way, &f.hh, &scratch);
    if (f.projects)
        weight_prepare(r, f.way, &f.hr, &scratch);
    multiply_inputs(&f, in, &scratch);
    for_sequences(r, f.way, walk, &f);
    end_states(&f);
}

/* ---- backward ------------------------------------------------------------------------------------------------------------------- */

static void recurrent_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *in[R_GRADIENT_INPUTS] = { 0 }, *d[D_OUTPUTS];
    gradient_attrs a = { .of = *(const recurrent_attrs *)s->attrs };
    for (int i = 0; i < R_INPUTS; i++) {
        in[i] = s->in[i];
        a.needs |= s->in[i] && s->needs[i] ? (int64_t)1 << i : 0;
    }
    in[R_DY] = dy, in[R_DH_N] = s->dy[R_OUT_H_N], in[R_DC_N] = a.of.kind == LSTM ? s->dy[R_OUT_C_N] : NULL;
    in[R_Y] = tp_detach(s->out[R_OUT_Y]), in[R_KEPT] = tp_detach(s->out[R_OUT_KEPT]);
    if (tp_apply_n(&recurrent_gradient, in, R_GRADIENT_INPUTS, &a, d))
        return;
    for (int i = 0; i < D_OUTPUTS; i++)
        dx[recurrent_gradient_of[i]] = a.needs >> recurrent_gradient_of[i] & 1 ? d[i] : NULL;
}

static double recurrent_cost(const tp_call *c)
{
    const recurrence r = recurrence_of(c->attrs, c->in, NULL);
    const double rows = (double)(r.t * r.b), wide = (double)(r.gates * r.h);
    return rows * (2 * wide * (double)(r.i + r.p) + 10 * wide + (r.p < r.h ? 2.0 * (double)(r.p * r.h) : 0));
}

#define RECURRENT_ATTRS                                                                                 \
    .attrs_size = sizeof(recurrent_attrs), .attrs = (const tp_attr[])                                   \
    {                                                                                                   \
        { "kind", TP_ATTR_WORD, offsetof(recurrent_attrs, kind), 0, "rnn_tanh rnn_relu lstm gru" },     \
            OP_ATTR(recurrent_attrs, BOOL, reverse, 0), OP_ATTR(recurrent_attrs, BOOL, batch_first, 0), \
            OP_ATTR(recurrent_attrs, BOOL, keep, 1),                                                    \
        {                                                                                               \
            0                                                                                           \
        }                                                                                               \
    }

const tp_op tp_op__recurrent = {
    .name = "_recurrent",
    .formula = "one layer of RNN, LSTM or GRU in one direction: all steps' outputs, the last state, and what "
               "backward needs",
    .inputs = "x weight_ih weight_hh bias_ih? bias_hh? h0? c0? lengths? weight_hr? peephole?",
    .n_in = R_INPUTS,
    .n_out = R_OUTPUTS,
    RECURRENT_ATTRS,
    .saves_in = (1 << R_INPUTS) - 1,
    .saves_out = 1 << R_OUT_Y | 1 << R_OUT_KEPT,
    .infer = recurrent_infer,
    .forward = recurrent_forward,
    .backward = recurrent_backward,
    .cost = recurrent_cost,
    OP_EXAMPLES(
        { "1,2,2 3,2 3,3 3 3 2,3 - - - -", &(recurrent_attrs){ RNN_TANH, false, false, true, false } },
        { "4,3,2 1,2 1,1 1 1 3,1 - - - -", &(recurrent_attrs){ RNN_TANH, false, false, true, false } },
        { "2,5,3 2,3 2,2 - - - - 5@i3 - -", &(recurrent_attrs){ RNN_TANH, true, false, true, false } },
        { "3,2,2 12,2 12,3 12 12 2,3 2,3 - - -", &(recurrent_attrs){ LSTM, false, false, true, false } },
        { "2,3,2 8,2 8,2 - 8 - 2,2 2@i3 - 6", &(recurrent_attrs){ LSTM, true, true, true, false } },
        { "2,2,2 12,2 12,2@t 12 - 2,2 2,3 - 2,3 9", &(recurrent_attrs){ LSTM, false, false, true, false } },
        { "3,2,2 9,2 9,3 9 9 2,3 - - - -", &(recurrent_attrs){ GRU, false, false, true, false } },
        { "2,3,2@t 6,2 6,2 - - - - 2@i3 - -", &(recurrent_attrs){ GRU, true, true, true, false } },
        { "0,2,2 4,2 4,1 4 4 - - - - -", &(recurrent_attrs){ LSTM, false, false, true, false } },
        { "5,1,2 2,2 2,2 2 - - - - - -", &(recurrent_attrs){ RNN_RELU, false, true, true, false } }),
};
