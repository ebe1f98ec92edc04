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

enum {
    QUERIES = 64,
    KEYS = 128,
    GRAIN = 1 << 18, /* multiply-adds */
};

typedef struct bench {                               /* one thread's */
    char *keys;                                      /* all, packed: (keys, D) a block */
    char *q_columns, *dy_columns, *q_rows, *dy_rows; /* a block of queries, packed */
    char *s, *d, *turned, *bias, *keep;         /* (keys, queries), turned: (queries, keys), for dropout */
    char *delta, *lse, *from, *to, *at, *slope; /* of each query */
    const void *left_k[KEYS], *left_v[KEYS], *left_s[KEYS], *left_d[KEYS], *dy[QUERIES], *y[QUERIES];
    void *right_s[KEYS], *right_d[KEYS], *dk[KEYS], *dv[KEYS], *dq[QUERIES];
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
    bench w;
    bench *to = (bench *)(void *)next_piece(&p, sizeof w);
    w.keys = next_piece(&p, (a->s + KEYS - 1) / KEYS * panel_bytes(a, a->d, KEYS));
    w.q_columns = next_piece(&p, panel_bytes(a, QUERIES, a->d));
    w.dy_columns = next_piece(&p, panel_bytes(a, QUERIES, a->v));
    w.q_rows = next_piece(&p, panel_bytes(a, a->d, QUERIES));
    w.dy_rows = next_piece(&p, panel_bytes(a, a->v, QUERIES));
    char **blocks[] = { &w.s, &w.d, &w.turned, &w.bias, &w.keep };
    for (int i = 0; i < 5; i++)
        *blocks[i] = next_piece(&p, QUERIES * KEYS * a->size);
    char **rows[] = { &w.delta, &w.lse, &w.from, &w.to, &w.at, &w.slope };
    for (int i = 0; i < 6; i++)
        *rows[i] = next_piece(&p, QUERIES * a->size);
    if (out) {
        *to = w;
        for (int k = 0; k < KEYS; k++) {
            to->left_s[k] = to->right_s[k] = w.s + k * QUERIES * a->size;
            to->left_d[k] = to->right_d[k] = w.d + k * QUERIES * a->size;
        }
        *out = to;
    }
    return (size_t)(p - at);
}

/* A block of queries, of one head, packed; the range of keys that any of them sees. */
static range take_queries(const run *r, bench *w, int64_t b, int64_t h, int64_t i, int64_t n)
{
    const attention *a = &r->a;
    range seen = { a->s, 0, 0 };
    pack_heads(a, w->q_columns, &a->q, b, h, i, n, a->d, true);
    pack_heads(a, w->dy_columns, &r->dy, b, h, i, n, a->v, true);
    pack_heads(a, w->q_rows, &a->q, b, h, i, n, a->d, false);
    pack_heads(a, w->dy_rows, &r->dy, b, h, i, n, a->v, false);
    for (int64_t t = 0; t < n; t++) {
        widen(&seen, keys_of(a, b, i + t));
        w->dy[t] = row_of(a, &r->dy, b, h, i + t);
        w->y[t] = row_of(a, &a->y, b, h, i + t);
        w->dq[t] = row_of(a, &r->dq, b, h, i + t);
    }
    for (int64_t t = 0; t < n && seen.to <= seen.from; t++) /* else the first keys that pass write it */
        memset(w->dq[t], 0, (size_t)(a->d * a->size));
    a->kernels->attention[a->type].dots(w->delta, w->dy, w->y, n, a->v);
    memcpy(w->lse, a->lse + ((b * a->h + h) * a->t + i) * a->size, (size_t)(n * a->size));
    return seen;
}

/* What belongs to each of the queries, as keys from first on see it. */
static void describe(const run *r, bench *w, int64_t b, int64_t h, int64_t i, int64_t n, int64_t first)
{
    const attention *a = &r->a;
    for (int64_t t = 0; t < n; t++) {
        const range k = keys_of(a, b, i + t);
        set_number(a, w->from, t, (double)(k.from - first));
        set_number(a, w->to, t, (double)(k.to - first));
        set_number(a, w->at, t, (double)(k.at - first));
        if (a->slopes)
            memcpy(w->slope + t * a->size, a->slopes + h * a->size, (size_t)a->size);
    }
}

static void transpose(const attention *a, char *dst, int64_t dst_row, const char *src, int64_t src_row,
                      int64_t rows, int64_t cols)
{
    a->kernels->transpose[move_kind((size_t)a->size)](dst, dst_row, src, src_row, rows, cols);
}

/* (queries, keys) of the mask, and of what dropout left, as (keys, queries). */
static void turn_masks(const run *r, bench *w, int64_t b, int64_t h, int64_t i, int64_t n, int64_t first,
                       int64_t keys)
{
    const attention *a = &r->a;
    const attention_attrs *o = a->attrs;
    if (a->mask.data)
        transpose(a, w->bias, QUERIES, row_of(a, &a->mask, b, h, i) + first * a->size, a->mask.t, n, keys);
    if (!(o->dropout > 0))
        return;
    for (int64_t t = 0; t < n; t++) {
        char *row = w->turned + t * KEYS * a->size;
        for (int64_t k = 0; k < keys; k++)
            set_number(a, row, k, 1);
        a->kernels->dropout[a->type](row, row, keys, o->dropout, o->rng.seed, o->rng.stream,
                                     ((b * a->h + h) * a->t + i + t) * a->s + first);
    }
    transpose(a, w->keep, QUERIES, w->turned, KEYS, n, keys);
}

/* The left side lies in rows, or is a (keys, queries) whose columns are its rows. */
static void add_product(const attention *a, int64_t m, int64_t n, int64_t k, int64_t used,
                        const void *const *left, const char *columns, const char *panels, void *const *out,
                        bool accumulate)
{
    const panel_kernels *p = &a->kernels->panels[a->type];
    p->product(&(panels_args){ .m = m,
                               .n = n,
                               .k = k,
                               .used = used,
                               .last = (n + p->cols - 1) / p->cols,
                               .a = left,
                               .columns = columns,
                               .columns_step = QUERIES,
                               .panels = panels,
                               .c = out,
                               .accumulate = accumulate });
}

static int64_t block_of(const attention *a, int64_t first)
{
    return a->s - first < KEYS ? a->s - first : KEYS;
}

/* The keys [first, first + keys) against the block of n queries at hand; more: others came before. */
static void pass_keys(const run *r, bench *w, int64_t b, int64_t g, int64_t h, int64_t i, int64_t n,
                      int64_t first, int64_t keys, bool more)
{
    const attention *a = &r->a;
    for (int64_t k = 0; k < keys; k++) {
        w->left_k[k] = row_of(a, &a->k, b, g, first + k);
        w->left_v[k] = row_of(a, &a->val, b, g, first + k);
        w->dk[k] = row_of(a, &r->dk, b, g, first + k);
        w->dv[k] = row_of(a, &r->dv, b, g, first + k);
    }
    add_product(a, keys, n, a->d, 0, w->left_k, NULL, w->q_columns, w->right_s, false);
    add_product(a, keys, n, a->v, 0, w->left_v, NULL, w->dy_columns, w->right_d, false);
    describe(r, w, b, h, i, n, first);
    turn_masks(r, w, b, h, i, n, first, keys);
    a->kernels->attention[a->type].blame(&(blame_args){ .rows = keys,
                                                        .n = n,
                                                        .row = QUERIES,
                                                        .s = w->s,
                                                        .d = w->d,
                                                        .scale = a->attrs->scale,
                                                        .bias = a->mask.data ? w->bias : NULL,
                                                        .keep = a->attrs->dropout > 0 ? w->keep : NULL,
                                                        .slope = a->slopes ? w->slope : NULL,
                                                        .at = w->at,
                                                        .lse = w->lse,
                                                        .delta = w->delta,
                                                        .from = w->from,
                                                        .to = w->to });
    add_product(a, keys, a->v, n, 0, w->left_s, NULL, w->dy_rows, w->dv, true);
    add_product(a, keys, a->d, n, 0, w->left_d, NULL, w->q_rows, w->dk, true);
    add_product(a, n, a->d, block_of(a, first), keys, NULL, w->d,
                w->keys + first / KEYS * panel_bytes(a, a->d, KEYS), w->dq, more);
}

static void backward_unit(const run *r, bench *w, int64_t unit)
{
    const attention *a = &r->a;
    const int64_t group = a->h / a->g, b = unit / a->g, g = unit % a->g;
    for (int64_t s = 0; s < a->s; s++) {
        memset(row_of(a, &r->dk, b, g, s), 0, (size_t)(a->d * a->size));
        memset(row_of(a, &r->dv, b, g, s), 0, (size_t)(a->v * a->size));
    }
    for (int64_t first = 0; first < a->s; first += KEYS)
        pack_heads(a, w->keys + first / KEYS * panel_bytes(a, a->d, KEYS), &a->k, b, g, first,
                   block_of(a, first), a->d, false);
    for (int64_t h = g * group; h < (g + 1) * group; h++)
        for (int64_t i = 0; i < a->t; i += QUERIES) {
            const int64_t n = a->t - i < QUERIES ? a->t - i : QUERIES;
            const range seen = take_queries(r, w, b, h, i, n);
            const int64_t start = seen.from / KEYS * KEYS;
            for (int64_t first = start; first < seen.to; first += KEYS)
                pass_keys(r, w, b, g, h, i, n, first, seen.to - first < KEYS ? seen.to - first : KEYS,
                          first > start);
        }
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
