/* recurrent_backward.c - the gradient of a recurrent layer: back through the steps, then each weight's as one product over all.
 *
 * d: what the gates' arguments get, (T B, G H); ds: what the state's products get, which differs for GRU alone.
 *   dh' = ds W_hh (+ dh z, GRU);  dx = d W_ih;  dW_ih = d^T x;  dW_hh = ds^T h';  dbias = sums of d and ds
 * Its own gradient is taken from recurrent_steps, which computes the layer once more.
 * Layer: ops.  Kernels: gemm, panels, recurrent (kernels.h).  Read next: recurrent_steps.c. */
#include "ops/recurrent.h"

#include "base/parallel.h"

#include <string.h>

const int recurrent_gradient_of[D_OUTPUTS] = { R_X,  R_WEIGHT_IH, R_WEIGHT_HH, R_BIAS_IH, R_BIAS_HH,
                                               R_H0, R_C0,        R_WEIGHT_HR, R_PEEPHOLE };

typedef struct backward_run {
    recurrence r;
    recurrent_way way;
    recurrent_weight ih, hh, hr;
    bool projects, wants_h0;
    const char *peephole, *dy, *dh_n, *dc_n, *y, *kept, *h0, *c0;
    char *d, *ds;  /* (T B, G H) */
    char *dh, *dc; /* (B, P), (B, H): of the states, as the steps go back */
    char *dp;      /* (T B, P): of what the projection gives, */
    char *m, *dm;  /* (T B, H): what it gets, and its gradient at this step, (B, H) */
    char *beside;  /* (T B, ..): what d is multiplied with over all steps */
    place *places;
    void **a, **c;
    char *scratch;
    size_t scratch_bytes;
} backward_run;

/* ---- shapes ------------------------------------------------------------------------------------------------------------------ */

static bool needs(const gradient_attrs *a, int input)
{
    return a->needs >> input & 1;
}

static recurrent_weight weight_hh(const recurrence *r) /* dh' = ds W */
{
    return (recurrent_weight){ .parts = 1, .n = r->p, .k = r->gates * r->h, .b_row = r->p, .b_col = 1 };
}

static recurrent_weight weight_hr(const recurrence *r) /* dm = dp W */
{
    return (recurrent_weight){ .parts = 1, .n = r->h, .k = r->p, .b_row = r->h, .b_col = 1 };
}

static recurrent_weight weight_ih(const recurrence *r) /* dx = d W */
{
    return (recurrent_weight){
        .parts = 1, .n = r->i, .k = r->gates * r->h, .b_row = r->i, .b_col = 1, .all_rows = true
    };
}

/* What gets multiplied with d, or ds, over all steps: x, h' and a one side by side; of a GRU x and a one, then h' and a one. */
static int64_t most_beside(const recurrence *r)
{
    return 1 + (r->kind == GRU ? (r->i > r->p ? r->i : r->p) : r->i + r->p);
}

/* d (rows, n)^T b (rows, k), or that transposed: the side with fewer numbers is the one that is copied in narrow strips. */
static gemm_args over_steps(const recurrence *r, int64_t n, int64_t k)
{
    const int64_t m = n > k ? k : n, cols = n > k ? n : k;
    return (gemm_args){
        .m = m, .n = cols, .k = r->t * r->b, .a_row = 1, .a_col = m, .b_row = cols, .b_col = 1, .c_row = cols
    };
}

static size_t over_steps_bytes(const recurrence *r, int64_t n, int64_t k)
{
    const gemm_args g = over_steps(r, n, k);
    return cache_lines(n * k * r->size) + r->kernels->gemm_scratch[r->type](&g);
}

/* Any part may be left out where nobody wants it. */
static size_t largest_product(const recurrence *r)
{
    const int64_t wide = r->gates * r->h;
    size_t most = over_steps_bytes(r, r->p, r->h);
    const int64_t columns[] = { 1, r->i, r->i + 1, r->p, r->p + 1, most_beside(r) - 1, most_beside(r) };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const size_t bytes = over_steps_bytes(r, wide, columns[i]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static tp_status gradient_infer(tp_call *c)
{
    const gradient_attrs *a = c->attrs;
    const recurrence r = recurrence_of(&a->of, c->in, c->kernels);
    const tp_dtype dtype = (tp_dtype)c->in[R_X]->dtype;
    const int64_t wide = r.gates * r.h, rows = r.t * r.b, size = r.size;
    const tp_shape none = TP_SHAPE(0);
    const tp_shape shapes[D_OUTPUTS] = {
        needs(a, R_X) ? tp_shape_of(c->in[R_X]) : none,
        needs(a, R_WEIGHT_IH) ? TP_SHAPE(wide, r.i) : none,
        needs(a, R_WEIGHT_HH) ? TP_SHAPE(wide, r.p) : none,
        needs(a, R_BIAS_IH) ? TP_SHAPE(wide) : none,
        needs(a, R_BIAS_HH) ? TP_SHAPE(wide) : none,
        TP_SHAPE(r.b, r.p),
        a->of.kind == LSTM ? TP_SHAPE(r.b, r.h) : none,
        needs(a, R_WEIGHT_HR) ? TP_SHAPE(r.p, r.h) : none,
        needs(a, R_PEEPHOLE) ? TP_SHAPE(3 * r.h) : none,
    };
    for (int i = 0; i < D_OUTPUTS; i++)
        if (tp_infer_shape(c, i, dtype, shapes[i]))
            return tp_error_pending();
    for (int i = 0; i < R_GRADIENT_INPUTS; i++)
        c->scratch_bytes += c->in[i] ? staged_bytes(c->in[i], CLONE_CONTIGUOUS) : 0;
    const recurrent_way way = backward_way(&r);
    const recurrent_weight ih = weight_ih(&r), hh = weight_hh(&r), hr = weight_hr(&r);
    c->scratch_bytes += weight_bytes(&r, way, &ih) +
                        cache_lines(rows * wide * size) * (a->of.kind == GRU ? 2 : 1) +
                        cache_lines(rows * most_beside(&r) * size) + cache_lines(r.b * r.h * size) +
                        cache_lines(r.b * PLACE_BYTES) + weight_bytes(&r, way, &hh) + largest_product(&r);
    if (c->in[R_WEIGHT_HR])
        c->scratch_bytes += cache_lines(rows * r.p * size) + cache_lines(rows * r.h * size) +
                            cache_lines(r.b * r.h * size) + weight_bytes(&r, way, &hr);
    return TP_OK;
}

/* ---- back through the steps ----------------------------------------------------------------------------------------------------- */

typedef struct step {
    const backward_run *w;
    const place *at;
} step;

static void add(const recurrence *r, void *y, const void *a, const void *b, int64_t n)
{
    r->kernels->binary[KERNEL_ADD][r->type](y, a, 1, b, 1, n);
}

/* The whole gradient of what the projection gives, and once more what it got: o tanh(c). */
static void before_projection(const backward_run *w, const place *at)
{
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size, out = r->p * r->size;
    char *dp = w->dp + at->row * out, *m = w->m + at->row * line;
    const char *dh = w->dh + at->b * out, *kept = w->kept + at->row * 5 * line;
    if (w->dy)
        add(r, dp, dh, w->dy + at->row * out, r->p);
    else
        memcpy(dp, dh, (size_t)out);
    r->kernels->unary[KERNEL_TANH][r->type](m, kept + 4 * line, r->h, NULL);
    r->kernels->binary[KERNEL_MUL][r->type](m, m, 1, kept + 3 * line, 1, r->h);
}

static void gates_of_lstm(const backward_run *w, const place *at)
{
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size;
    const char *kept = w->kept + at->row * 5 * line;
    r->kernels->recurrent[r->type].lstm_backward(&(lstm_backward_args){
        .n = r->h,
        .gates = kept,
        .c = kept + 4 * line,
        .before = at->before < 0 ? w->c0 + at->b * line : w->kept + (at->before * 5 + 4) * line,
        .peephole = w->peephole,
        .dy = w->dy && !w->projects ? w->dy + at->row * line : NULL,
        .dh = (w->projects ? w->dm : w->dh) + at->b * line,
        .dc = w->dc + at->b * line,
        .dgates = w->d + at->row * 4 * line });
}

static void gates_of_gru(const backward_run *w, const place *at)
{
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size;
    r->kernels->recurrent[r->type].gru_backward(
        &(gru_backward_args){ .n = r->h,
                              .gates = w->kept + at->row * 4 * line,
                              .before = at->before < 0 ? w->h0 + at->b * line : w->y + at->before * line,
                              .dy = w->dy ? w->dy + at->row * line : NULL,
                              .dh = w->dh + at->b * line,
                              .dx = w->d + at->row * 3 * line,
                              .ds = w->ds + at->row * 3 * line });
}

static void gates_of_rnn(const backward_run *w, const place *at)
{
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size;
    char *d = w->d + at->row * line, *dh = w->dh + at->b * line;
    if (w->dy)
        add(r, d, dh, w->dy + at->row * line, r->h);
    r->kernels->binary[r->kind == RNN_RELU ? KERNEL_RELU_BACKWARD : KERNEL_TANH_BACKWARD][r->type](
        d, w->dy ? d : dh, 1, w->y + at->row * line, 1, r->h);
}

static void projections_of(void *context, int64_t begin, int64_t end)
{
    const step *now = context;
    for (int64_t i = begin; i < end; i++)
        before_projection(now->w, &now->at[i]);
}

static void gates_of(void *context, int64_t begin, int64_t end)
{
    const step *now = context;
    const int kind = now->w->r.kind;
    for (int64_t i = begin; i < end; i++)
        (kind == LSTM ? gates_of_lstm : kind == GRU ? gates_of_gru : gates_of_rnn)(now->w, &now->at[i]);
}

static void walk_back(void *context, int64_t begin, int64_t end)
{
    const backward_run *w = context;
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size, out = r->p * r->size, grain = GATES_AT_ONCE / (r->h + 1) + 1;
    place *at = w->places + begin;
    void **a = w->a + begin, **c = w->c + begin;
    for (int64_t s = longest(r) - 1; s >= 0; s--) {
        const int64_t n = places_at(r, s, begin, end, at);
        if (n == 0)
            continue;
        step now = { w, at };
        if (w->projects) {
            parallel_for(n, grain, projections_of, &now);
            for (int64_t i = 0; i < n; i++)
                a[i] = w->dp + at[i].row * out, c[i] = w->dm + at[i].b * line;
            weight_product(r, w->way, &w->hr, &(rows_product){ n, a, c, false, NULL });
        }
        parallel_for(n, grain, gates_of, &now);
        for (int64_t i = 0; i < n; i++)
            a[i] = w->ds + at[i].row * r->gates * line, c[i] = w->dh + at[i].b * out;
        if (s > 0 || w->wants_h0)
            weight_product(r, w->way, &w->hh, &(rows_product){ n, a, c, r->kind == GRU, NULL });
    }
}

/* ---- sums over all steps -------------------------------------------------------------------------------------------------------- */

typedef struct sides { /* what stands side by side in a row of so many numbers */
    const backward_run *w;
    const char *x; /* NULL, false: not there */
    bool before, one;
    int64_t cols;
} sides;

static void gather_row(const sides *g, int64_t row, const char *before)
{
    const recurrence *r = &g->w->r;
    const int64_t x = g->x ? r->i * r->size : 0, h = g->before ? r->p * r->size : 0;
    char *to = g->w->beside + row * g->cols * r->size;
    if (x)
        memcpy(to, g->x + row * x, (size_t)x);
    if (h && before)
        memcpy(to + x, before, (size_t)h);
    else
        memset(to + x, 0, (size_t)h); /* past a sequence's end, where d is 0 */
    if (g->one)
        r->kernels->convert[dtype_of_kernel(r->type)][TP_F64](to + x + h, 1, &(double){ 1 }, 1, 1);
}

static void gather_steps(void *context, int64_t begin, int64_t end)
{
    const sides *g = context;
    const backward_run *w = g->w;
    const recurrence *r = &w->r;
    const int64_t line = r->p * r->size, back = r->reverse ? r->row_t : -r->row_t;
    for (int64_t s = begin; s < end; s++)
        for (int64_t b = 0; b < r->b; b++) {
            const int64_t length = r->lengths ? r->lengths[b] : r->t,
                          t = s < length && r->reverse ? length - 1 - s : s,
                          row = t * r->row_t + b * r->row_b;
            gather_row(g, row, s >= length ? NULL : s ? w->y + (row + back) * line : w->h0 + b * line);
        }
}

/* What short sequences have not gets no gradient. */
static void clear_rest(const backward_run *w)
{
    const recurrence *r = &w->r;
    const int64_t wide = r->gates * r->h * r->size, line = r->h * r->size, out = r->p * r->size;
    for (int64_t b = 0; b < r->b && r->lengths; b++)
        for (int64_t t = r->lengths[b]; t < r->t; t++) {
            const int64_t row = t * r->row_t + b * r->row_b;
            memset(w->d + row * wide, 0, (size_t)wide);
            memset(w->ds + row * wide, 0, (size_t)wide);
            if (w->projects) {
                memset(w->dp + row * out, 0, (size_t)out);
                memset(w->m + row * line, 0, (size_t)line);
            }
        }
}

/* d^T b in new scratch memory: (n, k), or (k, n) where that is turned. */
static const char *product_over_steps(const backward_run *w, const char *d, int64_t n, const char *b,
                                      int64_t k)
{
    const recurrence *r = &w->r;
    gemm_args g = over_steps(r, n, k);
    char *scratch = w->scratch;
    g.a = n > k ? b : d, g.b = n > k ? d : b;
    g.c = taken(&scratch, n * k * r->size);
    g.scratch = scratch, g.scratch_bytes = w->scratch_bytes - (size_t)(scratch - w->scratch);
    r->kernels->gemm[r->type](&g);
    return g.c;
}

/* Columns [first, ..) of d^T b, as many as the gradient has */
static void put_part(const backward_run *w, const char *product, int64_t n, int64_t k, int64_t first,
                     const tp_tensor *to)
{
    const int64_t cols = n ? to->numel / n : 0, row = n > k ? 1 : k, col = n > k ? n : 1;
    const tp_dtype dtype = (tp_dtype)to->dtype;
    if (cols)
        copy_strided(w->r.kernels, 2, (int64_t[]){ n, cols }, tensor_data(to), dtype, (int64_t[]){ cols, 1 },
                     product + first * col * w->r.size, dtype, (int64_t[]){ row, col });
}

/* The gradients of weights and bias that d^T [x, h', 1] holds; without elements: not wanted. */
static void weight_gradients(const backward_run *w, const char *d, const char *x, const tp_tensor *by_x,
                             const tp_tensor *by_before, const tp_tensor *bias)
{
    const recurrence *r = &w->r;
    const int64_t n = r->gates * r->h;
    sides g = { w, by_x && by_x->numel ? x : NULL, by_before && by_before->numel, bias->numel, 0 };
    const int64_t before = g.x ? r->i : 0, one = before + (g.before ? r->p : 0), k = one + g.one;
    if (k == 0)
        return;
    g.cols = k;
    parallel_for(r->t, GATES_AT_ONCE / (r->b * k + 1) + 1, gather_steps, &g);
    const char *product = product_over_steps(w, d, n, w->beside, k);
    if (g.x)
        put_part(w, product, n, k, 0, by_x);
    if (g.before)
        put_part(w, product, n, k, before, by_before);
    put_part(w, product, n, k, one, bias);
}

/* Of i and f the sums of di c' and df c', of o that of do c. */
static void sum_peephole(const backward_run *w, const tp_tensor *to)
{
    const recurrence *r = &w->r;
    const int64_t line = r->h * r->size;
    char *sum = tensor_data(to);
    if (to->numel == 0)
        return;
    memset(sum, 0, (size_t)(3 * line));
    for (int64_t s = 0; s < r->t; s++) {
        const int64_t n = places_at(r, s, 0, r->b, w->places);
        for (int64_t i = 0; i < n; i++) {
            const place *at = &w->places[i];
            const char *d = w->d + at->row * 4 * line, *c = w->kept + (at->row * 5 + 4) * line,
                       *before =
                           at->before < 0 ? w->c0 + at->b * line : w->kept + (at->before * 5 + 4) * line;
            for (int gate = 0; gate < 3; gate++) {
                char *mine = sum + gate * line;
                r->kernels->ternary[KERNEL_ADDCMUL][r->type](mine, mine, 1, d + (gate == 2 ? 3 : gate) * line,
                                                             1, gate == 2 ? c : before, 1, r->h,
                                                             &(double){ 1 });
            }
        }
    }
}

/* ---- forward of the gradient ----------------------------------------------------------------------------------------------------- */

static void begin_at(void *to, const void *from, int64_t bytes)
{
    if (from)
        memcpy(to, from, (size_t)bytes);
    else
        memset(to, 0, (size_t)bytes);
}

static void sum_up(const tp_call *c, const backward_run *w, const char *const *in)
{
    const recurrence *r = &w->r;
    tp_tensor *const *out = c->out;
    clear_rest(w);
    if (out[D_X]->numel)
        weight_all_rows(r, w->way, &w->ih, w->d, tensor_data(out[D_X]), NULL);
    if (r->kind == GRU) {
        weight_gradients(w, w->d, in[R_X], out[D_WEIGHT_IH], NULL, out[D_BIAS_IH]);
        weight_gradients(w, w->ds, NULL, NULL, out[D_WEIGHT_HH], out[D_BIAS_HH]);
    } else {
        const tp_tensor *bias = out[out[D_BIAS_IH]->numel ? D_BIAS_IH : D_BIAS_HH], *other = out[D_BIAS_HH];
        weight_gradients(w, w->d, in[R_X], out[D_WEIGHT_IH], out[D_WEIGHT_HH], bias);
        if (bias != other && other->numel)
            memcpy(tensor_data(other), tensor_data(bias), (size_t)(other->numel * r->size));
    }
    if (out[D_WEIGHT_HR]->numel)
        put_part(w, product_over_steps(w, w->dp, r->p, w->m, r->h), r->p, r->h, 0, out[D_WEIGHT_HR]);
    sum_peephole(w, out[D_PEEPHOLE]);
}

static void gradient_forward(const tp_call *c)
{
    const gradient_attrs *a = c->attrs;
    char *scratch = c->scratch;
    const char *in[R_GRADIENT_INPUTS] = { 0 };
    for (int i = 0; i < R_GRADIENT_INPUTS; i++)
        in[i] = c->in[i] ? staged(c, c->in[i], CLONE_CONTIGUOUS, &scratch) : NULL;
    backward_run w = { .r = recurrence_of(&a->of, c->in, c->kernels),
                       .projects = in[R_WEIGHT_HR],
                       .wants_h0 = needs(a, R_H0) };
    recurrence *r = &w.r;
    r->lengths = (const void *)in[R_LENGTHS];
    const int64_t rows = r->t * r->b, size = r->size, wide = r->gates * r->h;
    w.way = backward_way(r);
    w.peephole = in[R_PEEPHOLE], w.dy = in[R_DY], w.y = in[R_Y], w.kept = in[R_KEPT], w.h0 = in[R_H0],
    w.c0 = in[R_C0];
    if (!w.h0 || !w.c0) {
        const char *zeros = memset(taken(&scratch, r->b * r->h * size), 0, (size_t)(r->b * r->h * size));
        w.h0 = w.h0 ? w.h0 : zeros, w.c0 = w.c0 ? w.c0 : zeros;
    }
    w.dh = tensor_data(c->out[D_H0]), w.dc = tensor_data(c->out[D_C0]);
    w.d = w.ds = taken(&scratch, rows * wide * size);
    if (r->kind == GRU)
        w.ds = taken(&scratch, rows * wide * size);
    w.beside = taken(&scratch, rows * most_beside(r) * size);
    w.places = taken(&scratch, r->b * PLACE_BYTES);
    w.a = (void **)(void *)(w.places + r->b), w.c = w.a + r->b;
    w.ih = weight_ih(r), w.hh = weight_hh(r), w.hr = weight_hr(r);
    w.ih.b = in[R_WEIGHT_IH], w.hh.b = in[R_WEIGHT_HH], w.hr.b = in[R_WEIGHT_HR];
    weight_prepare(r, w.way, &w.hh, &scratch);
    if (needs(a, R_X))
        weight_prepare(r, w.way, &w.ih, &scratch);
    if (w.projects) {
        w.dp = taken(&scratch, rows * r->p * size);
        w.m = taken(&scratch, rows * r->h * size);
        w.dm = taken(&scratch, r->b * r->h * size);
        weight_prepare(r, w.way, &w.hr, &scratch);
    }
    w.scratch = scratch;
    w.scratch_bytes = c->scratch_bytes - (size_t)(scratch - (char *)c->scratch);
    begin_at(w.dh, in[R_DH_N], r->b * r->p * size);
    if (r->kind == LSTM)
        begin_at(w.dc, in[R_DC_N], r->b * r->h * size);
    for_sequences(r, w.way, walk_back, &w);
    sum_up(c, &w, in);
}

/* ---- the gradient's gradient ------------------------------------------------------------------------------------------------------ */

/* The same gradient once more, made of operations with a history that begins here. */
static void gradient_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    const gradient_attrs *a = s->attrs;
    tp_tensor *in[R_GRADIENT_INPUTS] = { 0 }, *all[R_ALL_INPUTS] = { 0 }, *y[R_RESULTS] = { 0 };
    (void)dz;
    if (tp_grad_mode()) {
        tp_fail(TP_ERR_UNSUPPORTED,
                "recurrent_gradient: a third derivative of a recurrent layer is wanted; there are two");
        return;
    }
    TP_ENABLE_GRAD;
    for (int i = 0; i < R_Y; i++)
        in[i] = fresh_leaf(s->in[i]);
    for (int i = 0; i < R_INPUTS; i++)
        all[i] = in[i];
    recurrent_steps(&a->of, all, y);
    tp_tensor *outs[R_RESULTS], *seeds[R_RESULTS], *wanted[D_OUTPUTS], *back[D_OUTPUTS], *first[D_OUTPUTS];
    int n_out = 0, n = 0, n_first = 0;
    for (int i = 0; i < R_RESULTS; i++)
        if (in[R_DY + i] && y[i] && tp_requires_grad(y[i]))
            outs[n_out] = y[i], seeds[n_out++] = in[R_DY + i];
    for (int i = 0; i < D_OUTPUTS; i++)
        if (s->dy[i] && needs(a, recurrent_gradient_of[i]))
            wanted[n] = in[recurrent_gradient_of[i]], back[n++] = s->dy[i];
    if (!n || !n_out || tp_pending() ||
        tp_gradients_of(outs, n_out, seeds, wanted, n, first, .create_graph = true))
        return;
    for (int i = 0; i < n; i++)
        if (first[i] && tp_requires_grad(first[i]))
            first[n_first] = first[i], back[n_first++] = back[i];
    tp_tensor *leaves[R_Y], *second[R_Y];
    int place_of[R_Y], n_leaves = 0;
    for (int i = 0; i < R_Y; i++)
        if (in[i] && s->needs[i] && tp_requires_grad(in[i]))
            leaves[n_leaves] = in[i], place_of[n_leaves++] = i;
    if (n_first && n_leaves && !tp_gradients_of(first, n_first, back, leaves, n_leaves, second))
        for (int i = 0; i < n_leaves; i++)
            dx[place_of[i]] = second[i];
}

#define EACH_BUT_OUTPUTS \
    "x weight_ih weight_hh bias_ih? bias_hh? h0? c0? lengths? weight_hr? peephole? dy? dh_n? dc_n? y kept"

static double gradient_cost(const tp_call *c)
{
    const gradient_attrs *a = c->attrs;
    return 2 * tp_op__recurrent.cost(&(tp_call){ .in = c->in, .attrs = &a->of });
}

/* Not in the table of operations: it means nothing but for a y and kept that come from the same inputs. */
const tp_op recurrent_gradient = {
    .name = "recurrent_gradient",
    .formula = "gradients of _recurrent by all its inputs",
    .inputs = EACH_BUT_OUTPUTS,
    .n_in = R_GRADIENT_INPUTS,
    .n_out = D_OUTPUTS,
    .attrs_size = sizeof(gradient_attrs),
    .saves_in = (1 << R_GRADIENT_INPUTS) - 1,
    .infer = gradient_infer,
    .forward = gradient_forward,
    .backward = gradient_backward,
    .cost = gradient_cost,
};
