/* attention_backward.c - gradients of attention by queries, keys and values, again without a (T, S) matrix.
 *
 * The shares are made once more from the saved sums, in columns of queries: s' = k q', p' = e^(scale s' + .. - lse), then
 *   dv += p' dy,   ds' = scale p' (v dy' - delta),   delta = y . dy,   dk += ds' q,   dq += ds k       (Dao et al. 2022)
 * A block of queries is packed four ways, once; the keys that they see pass by it in blocks.  One unit of work is all heads that
 * read the same keys, so that each gradient is summed in one order.
 * Layer: ops.  Kernels: panels, attention (kernels.h).  Read next: attention_forms.c. */
#include "ops/attention.h"

#include "base/parallel.h"

#include <string.h>

enum { GRAIN = 1 << 18 }; /* multiply-adds */

typedef struct bench { /* one thread's */
    block part;
    char *keys;                          /* packed */
    char *dy_columns, *q_rows, *dy_rows; /* the block's queries, packed */
    char *d, *delta;
    void *d_rows[KEYS], *dq[QUERIES];
    int64_t begun; /* of the keys, those before it that queries have passed by: their gradients are sums */
} bench;

typedef struct run {
    attention a;
    placement dy, dq, dk, dv;
    char *scratch;
    size_t bytes;
} run;

static size_t lay_out(const attention *a, char *at, bench **out)
{
    char *p = at;
    bench *to = (bench *)(void *)next_piece(&p, sizeof *to), w;
    w.keys = next_piece(&p, key_panel_bytes(a, a->d));
    w.dy_columns = next_piece(&p, panel_bytes(a, QUERIES, a->v));
    w.q_rows = next_piece(&p, panel_bytes(a, a->d, QUERIES));
    w.dy_rows = next_piece(&p, panel_bytes(a, a->v, QUERIES));
    w.d = next_piece(&p, QUERIES * KEYS * a->size);
    w.delta = next_piece(&p, QUERIES * a->size);
    if (out) {
        to->keys = w.keys, to->dy_columns = w.dy_columns, to->q_rows = w.q_rows, to->dy_rows = w.dy_rows;
        to->d = w.d, to->delta = w.delta;
        for (int k = 0; k < KEYS; k++)
            to->d_rows[k] = w.d + k * QUERIES * a->size;
        *out = to;
    }
    p += block_bytes(a, p, out ? &to->part : NULL);
    return (size_t)(p - at);
}

/* Those before end begin at 0, unless others came by. */
static void begin_keys(const run *r, bench *w, int64_t b, int64_t g, int64_t end)
{
    const attention *a = &r->a;
    for (; w->begun < end; w->begun++) {
        memset(row_of(a, &r->dk, b, g, w->begun), 0, (size_t)(a->d * a->size));
        memset(row_of(a, &r->dv, b, g, w->begun), 0, (size_t)(a->v * a->size));
    }
}

/* The keys from first on against the queries at hand; more: others came before. */
static void pass_keys(const run *r, bench *w, int64_t first, int64_t end, bool more)
{
    const attention *a = &r->a;
    const bool again = w->begun > first;
    block *at = &w->part;
    take_keys(a, at, first, end);
    begin_keys(r, w, at->b, at->h / (a->h / a->g), again ? first + at->keys : first);
    w->begun = again ? w->begun : first + at->keys;
    keys_by_queries(a, at, &a->val, a->v, w->dy_columns, w->d_rows);
    weigh_args weights = block_weights(a, at);
    weights.d = w->d;
    weights.lse = a->lse + ((at->b * a->h + at->h) * a->t + at->i) * a->size;
    weights.delta = w->delta;
    a->kernels->attention[a->type].blame(&weights);
    sum_over_queries(a, at, at->rows, w->dy_rows, &r->dv, a->v, again);
    sum_over_queries(a, at, w->d_rows, w->q_rows, &r->dk, a->d, again);
    sum_over_keys(a, at, w->d, w->keys, a->d, w->dq, more);
}

static void pass_queries(const run *r, bench *w, int64_t b, int64_t h, int64_t i, int64_t n)
{
    const attention *a = &r->a;
    const range seen = take_queries(a, &w->part, b, h, i, n);
    const void *dy[QUERIES], *y[QUERIES];
    pack_heads(a, w->dy_columns, &r->dy, b, h, i, n, a->v, true);
    pack_heads(a, w->q_rows, &a->q, b, h, i, n, a->d, false);
    pack_heads(a, w->dy_rows, &r->dy, b, h, i, n, a->v, false);
    for (int64_t t = 0; t < n; t++) {
        dy[t] = row_of(a, &r->dy, b, h, i + t);
        y[t] = row_of(a, &a->y, b, h, i + t);
        w->dq[t] = row_of(a, &r->dq, b, h, i + t);
        if (seen.to <= seen.from) /* else the first keys that pass write it */
            memset(w->dq[t], 0, (size_t)(a->d * a->size));
    }
    a->kernels->attention[a->type].dots(w->delta, dy, y, n, a->v);
    const int64_t start = seen.from / KEYS * KEYS;
    for (int64_t first = start; first < seen.to; first += KEYS)
        pass_keys(r, w, first, seen.to, first > start);
}

static void backward_unit(const run *r, bench *w, int64_t unit)
{
    const attention *a = &r->a;
    const int64_t group = a->h / a->g, b = unit / a->g, g = unit % a->g;
    w->begun = 0;
    pack_keys(a, w->keys, &a->k, b, g, (range){ 0, a->s, 0 }, a->d);
    for (int64_t h = g * group; h < (g + 1) * group; h++)
        for (int64_t i = 0; i < a->t; i += QUERIES)
            pass_queries(r, w, b, h, i, a->t - i < QUERIES ? a->t - i : QUERIES);
    begin_keys(r, w, b, g, a->s);
}

static void backward_units(void *context, int64_t begin, int64_t end)
{
    const run *r = context;
    bench *w;
    lay_out(&r->a, r->scratch + (size_t)parallel_thread() * r->bytes, &w);
    for (int64_t unit = begin; unit < end; unit++)
        backward_unit(r, w, unit);
}

/* ---- the operation ------------------------------------------------------------------------------------------------------ */

static tp_status gradient_infer(tp_call *c)
{
    const attention_attrs *o = c->attrs;
    if (attention_check(c, c->in, o))
        return tp_error_pending();
    const attention a = attention_of(o, c->in, c->kernels);
    const tp_tensor *q = c->in[A_Q];
    if (o->heads) {
        for (int i = 0; i < 3; i++)
            tp_infer_shape(c, i, (tp_dtype)q->dtype, i ? TP_SHAPE(0) : tp_shape_of(q));
    } else {
        infer_heads(c, 0, q, TP_SHAPE(a.b, a.h, a.t, a.d));
        infer_heads(c, 1, q, TP_SHAPE(a.b, a.g, a.s, a.d));
        infer_heads(c, 2, q, TP_SHAPE(a.b, a.g, a.s, a.v));
    }
    c->scratch_bytes = attention_staged_bytes(c->in) + staged_bytes(c->in[A_DY], CLONE_CONTIGUOUS) +
                       lay_out(&a, NULL, NULL) * (size_t)parallel_threads();
    return tp_error_pending();
}

static void gradient_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    run r = { .a = attention_of(c->attrs, c->in, c->kernels) };
    attention *a = &r.a;
    attention_place(a, c, c->in, &scratch);
    if (a->attrs->heads) {
        a->y = (placement){ tensor_data(c->in[A_Y]), a->t * a->h * a->v, a->v, a->h * a->v };
        r.dy = a->y;
        r.dy.data = (char *)(uintptr_t)staged(c, c->in[A_DY], CLONE_CONTIGUOUS, &scratch);
        heads_of_packed(a, tensor_data(c->out[0]), &r.dq, &r.dk, &r.dv);
    } else {
        a->y = heads_of(c->in[A_Y]);
        r.dy = attention_heads(c, c->in[A_DY], &scratch);
        r.dq = heads_of(c->out[0]), r.dk = heads_of(c->out[1]), r.dv = heads_of(c->out[2]);
    }
    a->lse = tensor_data(c->in[A_LSE]);
    r.scratch = scratch;
    r.bytes = lay_out(a, NULL, NULL);
    const double work = 5.0 * (double)(a->h / a->g * a->t) * (double)a->s * (double)a->d;
    parallel_for(a->b * a->g, work >= GRAIN ? 1 : (int64_t)(GRAIN / (work + 1)) + 1, backward_units, &r);
}

static double gradient_cost(const tp_call *c)
{
    return 2.5 * tp_op__attention.cost(&(tp_call){ .in = c->in, .attrs = c->attrs });
}

/* Not in the table of operations: it means nothing but for a y and sums that come from the same inputs. */
const tp_op attention_gradient = {
    .name = "attention_gradient",
    .formula = "gradients of _attention by query, key and value",
    .inputs = ATTENTION_INPUTS " dy y lse",
    .n_in = A_GRADIENT_INPUTS,
    .n_out = 3,
    .attrs_size = sizeof(attention_attrs),
    .not_differentiable = true,
    .infer = gradient_infer,
    .forward = gradient_forward,
    .cost = gradient_cost,
};
