/* attention.c - softmax(scale q k' + mask) v without ever holding a (T, S) matrix: blocks of scores, weighed as they come.
 *
 * For each block of queries and each block of keys: scores, their exponentials against the largest score yet (Milakov &
 * Gimelshein 2018), products with the values added to the output, which is scaled down where a larger score comes; at the end it is
 * divided by the sum.  Values are packed once for all queries, and heads, that read them.  A few queries, as in generation, go
 * without packing.  Units of work follow from the shape alone, so results are the same bits on any number of threads.
 * Layer: ops.  Kernels: attention, gemm (kernels.h).  Read next: attention_blocks.c, attention_backward.c, attention_forms.c. */
#include "ops/attention.h"

#include "base/parallel.h"

#include <math.h>
#include <string.h>

enum {
    FEW_QUERIES = 4,  /* that copying the keys would not pay for */
    ENOUGH_UNITS = 8, /* below, queries of one head are shared out too */
    GRAIN = 1 << 18,  /* multiply-adds of one piece of work */
};

/* ---- where things lie ------------------------------------------------------------------------------------------------------- */

placement heads_of(const tp_tensor *x)
{
    return (placement){ tensor_data(x), x->stride[0], x->stride[1], x->stride[2] };
}

void heads_of_packed(attention *a, char *data, placement *q, placement *k, placement *v)
{
    const int64_t row = (a->h + 2 * a->g) * a->d;
    *q = (placement){ data, a->t * row, a->d, row };
    *k = *v = *q;
    k->data = data ? data + a->h * a->d * a->size : NULL;
    v->data = data ? data + (a->h + a->g) * a->d * a->size : NULL;
}

/* Numbers of a head are adjacent in memory. */
static bool lies_right(const tp_tensor *x)
{
    return x->stride[x->ndim - 1] == 1 || x->shape[x->ndim - 1] == 1;
}

/* Where it lies, or a copy of it will. */
static placement strides_of(const tp_tensor *x)
{
    placement h = { 0 };
    if (x && lies_right(x))
        h = heads_of(x);
    else if (x)
        h.t = x->shape[3], h.h = h.t * x->shape[2], h.b = h.h * x->shape[1];
    return h;
}

attention attention_of(const attention_attrs *attrs, tp_tensor *const *in, const kernel_table *kernels)
{
    const tp_tensor *q = in[A_Q], *k = in[A_K], *v = in[A_V];
    attention a = { .attrs = attrs,
                    .kernels = kernels,
                    .size = (int64_t)tensor_element_size(q),
                    .type = q->dtype == TP_F64,
                    .b = q->shape[0] };
    if (attrs->heads) {
        a.h = attrs->heads, a.g = attrs->kv_heads;
        a.t = a.s = q->shape[1];
        a.d = a.v = q->shape[2] / (a.h + 2 * a.g);
        heads_of_packed(&a, NULL, &a.q, &a.k, &a.val);
    } else {
        a.h = q->shape[1], a.g = k->shape[1];
        a.t = q->shape[2], a.s = k->shape[2];
        a.d = q->shape[3], a.v = v->shape[3];
        a.q = strides_of(q), a.k = strides_of(k), a.val = strides_of(v);
    }
    a.mask = strides_of(in[A_MASK]);
    a.mask.data = NULL;
    a.has_mask = in[A_MASK];
    return a;
}

size_t attention_staged_bytes(tp_tensor *const *in)
{
    size_t bytes = 0;
    for (int i = 0; i < A_INPUTS; i++)
        if (in[i])
            bytes += staged_bytes(in[i], CLONE_CONTIGUOUS);
    return bytes;
}

static void *whole(const tp_call *c, const tp_tensor *x, char **scratch)
{
    return x ? (void *)(uintptr_t)staged(c, x, CLONE_CONTIGUOUS, scratch) : NULL;
}

static void *placed(const tp_call *c, const tp_tensor *x, char **scratch)
{
    return x && lies_right(x) ? tensor_data(x) : whole(c, x, scratch);
}

placement attention_heads(const tp_call *c, const tp_tensor *x, char **scratch)
{
    placement h = strides_of(x);
    h.data = placed(c, x, scratch);
    return h;
}

void attention_place(attention *a, const tp_call *c, tp_tensor *const *in, char **scratch)
{
    if (a->attrs->heads)
        heads_of_packed(a, whole(c, in[A_Q], scratch), &a->q, &a->k, &a->val);
    else {
        a->q = attention_heads(c, in[A_Q], scratch);
        a->k = attention_heads(c, in[A_K], scratch);
        a->val = attention_heads(c, in[A_V], scratch);
    }
    a->mask = attention_heads(c, in[A_MASK], scratch);
    a->lengths = whole(c, in[A_LENGTHS], scratch);
    a->prefix = whole(c, in[A_PREFIX], scratch);
    a->slopes = whole(c, in[A_SLOPES], scratch);
}

/* ---- forward, block by block --------------------------------------------------------------------------------------------------- */

typedef struct bench { /* one thread's */
    block part;
    char *values;     /* packed */
    char *sum, *less; /* of each query */
    void *out[QUERIES];
} bench;

typedef struct forward_run {
    attention a;
    int64_t chunks, chunk; /* of the queries of a head, and how many are in each */
    size_t gemm_bytes;     /* few queries */
    char *scratch;
    size_t bytes; /* a thread's */
} forward_run;

static size_t lay_out(const attention *a, char *at, bench **out)
{
    char *p = at;
    bench *w = (bench *)(void *)next_piece(&p, sizeof(bench));
    char *values = next_piece(&p, key_panel_bytes(a, a->v)), *sum = next_piece(&p, QUERIES * a->size),
         *less = next_piece(&p, QUERIES * a->size);
    if (out) {
        w->values = values, w->sum = sum, w->less = less;
        *out = w;
    }
    p += block_bytes(a, p, out ? &w->part : NULL);
    return (size_t)(p - at);
}

static char *lse_of(const attention *a, int64_t b, int64_t h, int64_t i)
{
    return a->lse + ((b * a->h + h) * a->t + i) * a->size;
}

/* y /= sum, lse = m + log(sum); of a query that sees nothing both are 0. */
static void finish(const attention *a, char *lse, char *sum, void *const *y, int64_t n)
{
    char logs[QUERIES * 8];
    a->kernels->unary[KERNEL_LOG][a->type ? KT_F64 : KT_F32](logs, sum, n, NULL);
    for (int64_t r = 0; r < n; r++) {
        const double total = number_at(a, sum, r);
        set_number(a, lse, r, total == 0 ? 0 : number_at(a, lse, r) + number_at(a, logs, r));
        set_number(a, sum, r, total == 0 ? 0 : 1 / total);
    }
    a->kernels->attention[a->type].scale(y, sum, n, a->v);
}

static void forward_queries(const attention *a, bench *w, int64_t b, int64_t h, int64_t i, int64_t n)
{
    const range seen = take_queries(a, &w->part, b, h, i, n);
    const int64_t start = seen.from / KEYS * KEYS;
    char *lse = lse_of(a, b, h, i), *y = row_of(a, &a->y, b, h, i);
    for (int64_t t = 0; t < n; t++, y += a->y.t * a->size) {
        w->out[t] = y;
        set_number(a, w->sum, t, 0);
        set_number(a, lse, t, -INFINITY);
        if (seen.to <= seen.from) /* else the first keys that pass write it */
            memset(y, 0, (size_t)(a->v * a->size));
    }
    for (int64_t first = start; first < seen.to; first += KEYS) {
        take_keys(a, &w->part, first, seen.to);
        weigh_args weights = block_weights(a, &w->part);
        weights.m = lse, weights.sum = w->sum, weights.less = w->less;
        a->kernels->attention[a->type].weigh(&weights);
        if (first > start)
            a->kernels->attention[a->type].scale(w->out, w->less, n, a->v);
        sum_over_keys(a, &w->part, w->part.s, w->values, a->v, w->out, first > start);
    }
    finish(a, lse, w->sum, w->out, n);
}

/* A unit: some queries of all heads that read the same keys. */
static void forward_unit(const forward_run *f, bench *w, int64_t unit)
{
    const attention *a = &f->a;
    const int64_t group = a->h / a->g, b = unit / (a->g * f->chunks), g = unit / f->chunks % a->g,
                  begin = unit % f->chunks * f->chunk,
                  end = begin + f->chunk < a->t ? begin + f->chunk : a->t;
    if (begin >= end)
        return;
    range seen = keys_of(a, b, begin);
    widen(&seen, keys_of(a, b, end - 1));
    pack_keys(a, w->values, &a->val, b, g, seen, a->v);
    for (int64_t h = g * group; h < (g + 1) * group; h++)
        for (int64_t i = begin; i < end; i += QUERIES)
            forward_queries(a, w, b, h, i, end - i < QUERIES ? end - i : QUERIES);
}

static void forward_units(void *context, int64_t begin, int64_t end)
{
    const forward_run *f = context;
    bench *w;
    lay_out(&f->a, f->scratch + (size_t)parallel_thread() * f->bytes, &w);
    for (int64_t unit = begin; unit < end; unit++)
        forward_unit(f, w, unit);
}

/* ---- a few queries: keys and values are read where they lie ----------------------------------------------------------------------- */

/* Heads of one group are rows of one product where there is one query, else each head's queries are. */
static gemm_args few_product(const attention *a, int64_t keys, bool values)
{
    const bool one = a->t == 1;
    gemm_args g = { .m = one ? a->h / a->g : a->t, .n = values ? a->v : keys, .k = values ? keys : a->d };
    g.a_row = values ? a->s : one ? a->q.h : a->q.t;
    g.a_col = 1;
    g.b_row = values ? a->val.t : 1;
    g.b_col = values ? 1 : a->k.t;
    g.c_row = !values ? a->s : one ? a->y.h : a->y.t;
    return g;
}

static size_t few_scratch(const attention *a)
{
    size_t most = 0;
    for (int values = 0; values < 2; values++) {
        gemm_args g = few_product(a, a->s, values);
        const size_t bytes = a->kernels->gemm_scratch[a->type ? KT_F64 : KT_F32](&g);
        most = bytes > most ? bytes : most;
    }
    return (most + 63) / 64 * 64;
}

/* A product of fewer keys may go another way, which copies more. */
static bool fits_few(const forward_run *f, int64_t keys)
{
    const attention *a = &f->a;
    size_t (*scratch)(const gemm_args *) = a->kernels->gemm_scratch[a->type ? KT_F64 : KT_F32];
    const gemm_args left = few_product(a, keys, false), right = few_product(a, keys, true);
    return scratch(&left) <= f->gemm_bytes && scratch(&right) <= f->gemm_bytes;
}

static void drop_shares(const attention *a, char *row, int64_t n, int64_t b, int64_t h, int64_t i,
                        int64_t first)
{
    const attention_attrs *o = a->attrs;
    if (o->dropout > 0)
        a->kernels->dropout[a->type](row, row, n, o->dropout, o->rng.seed, o->rng.stream,
                                     ((b * a->h + h) * a->t + i) * a->s + first);
}

typedef struct few { /* one thread's */
    char *sum, *scores, *gemm;
} few;

static size_t lay_out_few(const forward_run *f, char *at, few *out)
{
    const attention *a = &f->a;
    const int64_t group = a->h / a->g, rows = group > FEW_QUERIES ? group : FEW_QUERIES;
    char *p = at;
    few w = { .sum = next_piece(&p, rows * a->size) };
    w.scores = next_piece(&p, rows * a->s * a->size);
    w.gemm = next_piece(&p, (int64_t)f->gemm_bytes);
    *out = w;
    return (size_t)(p - at);
}

static void few_rows(const forward_run *f, const few *w, int64_t b, int64_t g, int64_t h)
{
    const attention *a = &f->a;
    const bool one = a->t == 1;
    const int64_t rows = one ? a->h / a->g : a->t;
    const kernel_type type = a->type ? KT_F64 : KT_F32;
    char *lse = lse_of(a, b, h, 0);
    void *out[QUERIES];
    range all = { a->s, 0, 0 };
    for (int64_t i = 0; i < a->t; i++)
        widen(&all, keys_of(a, b, i));
    int64_t from = all.from, n = all.to > all.from ? all.to - all.from : 0;
    if (n && !fits_few(f, n)) /* there is room for all of them */
        from = 0, n = a->s;
    gemm_args left = few_product(a, n, false), right = few_product(a, n, true);
    left.a = row_of(a, &a->q, b, h, 0), left.b = row_of(a, &a->k, b, g, from), left.c = w->scores;
    right.a = w->scores, right.b = row_of(a, &a->val, b, g, from), right.c = row_of(a, &a->y, b, h, 0);
    left.scratch = right.scratch = w->gemm;
    left.scratch_bytes = right.scratch_bytes = f->gemm_bytes;
    if (n)
        a->kernels->gemm[type](&left);
    for (int64_t r = 0; r < rows; r++) { /* one query: row r is head h + r's */
        const int64_t head = one ? h + r : h, i = one ? 0 : r;
        const range seen = within(keys_of(a, b, i), from, n);
        char *scores = w->scores + r * a->s * a->size;
        out[r] = row_of(a, &a->y, b, head, i);
        a->kernels->attention[a->type].share(
            &(share_args){ .n = n,
                           .from = seen.from,
                           .to = seen.to,
                           .s = scores,
                           .scale = a->attrs->scale,
                           .bias = a->mask.data ? row_of(a, &a->mask, b, head, i) + from * a->size : NULL,
                           .slope = a->slopes ? number_at(a, a->slopes, head) : 0,
                           .at = (double)seen.at,
                           .m = lse + r * a->size,
                           .sum = w->sum + r * a->size });
        drop_shares(a, scores, n, b, head, i, from);
        if (!n)
            memset(out[r], 0, (size_t)(a->v * a->size));
    }
    if (n)
        a->kernels->gemm[type](&right);
    finish(a, lse, w->sum, out, rows);
}

static void few_units(void *context, int64_t begin, int64_t end)
{
    const forward_run *f = context;
    const attention *a = &f->a;
    const int64_t group = a->h / a->g;
    few w;
    lay_out_few(f, f->scratch + (size_t)parallel_thread() * f->bytes, &w);
    for (int64_t unit = begin; unit < end; unit++)
        for (int64_t h = 0; h < (a->t == 1 ? 1 : group); h++)
            few_rows(f, &w, unit / a->g, unit % a->g, unit % a->g * group + h);
}

static bool is_few(const attention *a)
{
    return a->t <= FEW_QUERIES && (a->t > 1 || a->h / a->g <= QUERIES);
}

static forward_run plan(const attention *a)
{
    forward_run f = { .a = *a, .chunks = 1 };
    const int64_t units = a->b * a->g;
    if (units < ENOUGH_UNITS && units > 0) {
        const int64_t most = (a->t + QUERIES - 1) / QUERIES;
        f.chunks = (ENOUGH_UNITS + units - 1) / units;
        f.chunks = f.chunks > most ? most : f.chunks;
    }
    f.chunks = f.chunks < 1 ? 1 : f.chunks;
    f.chunk = (a->t + f.chunks - 1) / f.chunks;
    if (is_few(a)) {
        f.gemm_bytes = few_scratch(a);
        f.bytes = lay_out_few(&f, NULL, &(few){ 0 });
    } else
        f.bytes = lay_out(a, NULL, NULL);
    return f;
}

/* ---- the operation ---------------------------------------------------------------------------------------------------------------- */

void infer_heads(tp_call *c, int output, const tp_tensor *like, tp_shape shape)
{
    tp_tensor *y = c->out[output];
    if (tp_infer_shape(c, output, (tp_dtype)like->dtype, shape))
        return;
    y->stride[1] = shape.dim[3];
    y->stride[2] = shape.dim[1] * shape.dim[3];
}

static bool is_vector(const tp_tensor *x, int64_t n, tp_dtype dtype)
{
    return !x || (x->ndim == 1 && x->shape[0] == n && x->dtype == dtype);
}

static tp_status check_numbers(const tp_call *c, const tp_tensor *x, int64_t most, const char *name)
{
    const char *data = x ? tensor_data(x) : NULL;
    for (int64_t i = 0; data && i < x->shape[0]; i++) {
        const int64_t n = ((const int64_t *)(const void *)data)[i * x->stride[0]];
        if (n < 0 || n > most)
            return tp_fail(TP_ERR_ARGUMENT, "%s: %s[%lld] is %lld, 0 to %lld is wanted", c->op->name, name,
                           (long long)i, (long long)n, (long long)most);
    }
    return TP_OK;
}

tp_status attention_check(const tp_call *c, tp_tensor *const *in, const attention_attrs *o)
{
    const tp_tensor *q = in[A_Q], *k = in[A_K], *v = in[A_V], *mask = in[A_MASK];
    const char *op = c->op->name;
    if (q->dtype != TP_F32 && q->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: query is %s, f32 or f64 is wanted", op,
                       tp_dtype_name((tp_dtype)q->dtype));
    if (o->heads) {
        if (q->ndim != 3 || o->kv_heads < 1 || o->heads % o->kv_heads ||
            q->shape[2] % (o->heads + 2 * o->kv_heads))
            return tp_fail(TP_ERR_SHAPE,
                           "%s: %s, (B, T, (%lld + 2 x %lld) D) is wanted, heads a multiple of kv_heads", op,
                           tensor_shape_text(q), (long long)o->heads, (long long)o->kv_heads);
    } else {
        if (!k || !v || q->ndim != 4 || k->ndim != 4 || v->ndim != 4 || q->shape[0] != k->shape[0] ||
            k->shape[0] != v->shape[0] || k->shape[1] != v->shape[1] || k->shape[2] != v->shape[2] ||
            q->shape[3] != k->shape[3] || k->shape[1] < 1 || q->shape[1] % k->shape[1])
            return tp_fail(
                TP_ERR_SHAPE,
                "%s: query %s, key %s, value %s: (B, H, T, D), (B, G, S, D) and (B, G, S, V) are wanted, H "
                "a multiple of G",
                op, tensor_shape_text(q), k ? tensor_shape_text(k) : "none",
                v ? tensor_shape_text(v) : "none");
        if (k->dtype != q->dtype || v->dtype != q->dtype)
            return tp_fail(TP_ERR_DTYPE, "%s: query %s, key %s, value %s: one dtype is wanted", op,
                           tp_dtype_name((tp_dtype)q->dtype), tp_dtype_name((tp_dtype)k->dtype),
                           tp_dtype_name((tp_dtype)v->dtype));
    }
    const attention a = attention_of(o, in, NULL);
    if (mask && (mask->dtype != q->dtype || mask->ndim != 4 || mask->shape[0] != a.b ||
                 mask->shape[1] != a.h || mask->shape[2] != a.t || mask->shape[3] != a.s))
        return tp_fail(TP_ERR_SHAPE, "%s: mask %s of %s, (%lld, %lld, %lld, %lld) of %s is wanted", op,
                       tensor_shape_text(mask), tp_dtype_name((tp_dtype)mask->dtype), (long long)a.b,
                       (long long)a.h, (long long)a.t, (long long)a.s, tp_dtype_name((tp_dtype)q->dtype));
    if (!is_vector(in[A_LENGTHS], a.b, TP_I64) || !is_vector(in[A_PREFIX], a.b, TP_I64) ||
        !is_vector(in[A_SLOPES], a.h, (tp_dtype)q->dtype))
        return tp_fail(TP_ERR_SHAPE, "%s: lengths and prefix i64 (%lld,), slopes %s (%lld,) are wanted", op,
                       (long long)a.b, tp_dtype_name((tp_dtype)q->dtype), (long long)a.h);
    if (!(o->dropout >= 0 && o->dropout <= 1) || o->window < 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: dropout %g, window %lld: 0 to 1, and 0 or more are wanted", op,
                       o->dropout, (long long)o->window);
    return check_numbers(c, in[A_LENGTHS], a.s, "lengths") || check_numbers(c, in[A_PREFIX], a.s, "prefix")
               ? tp_error_pending()
               : TP_OK;
}

static tp_status attention_infer(tp_call *c)
{
    const attention_attrs *o = c->attrs;
    if (attention_check(c, c->in, o))
        return tp_error_pending();
    const attention a = attention_of(o, c->in, c->kernels);
    if (o->heads)
        tp_infer_shape(c, 0, (tp_dtype)c->in[A_Q]->dtype, TP_SHAPE(a.b, a.t, a.h * a.v));
    else
        infer_heads(c, 0, c->in[A_Q], TP_SHAPE(a.b, a.h, a.t, a.v));
    tp_infer_shape(c, 1, (tp_dtype)c->in[A_Q]->dtype, TP_SHAPE(a.b, a.h, a.t));
    if (!a.h || !a.g)
        return tp_error_pending();
    c->scratch_bytes = attention_staged_bytes(c->in) + plan(&a).bytes * (size_t)parallel_threads();
    return tp_error_pending();
}

static void attention_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    attention a = attention_of(c->attrs, c->in, c->kernels);
    if (!c->out[0]->numel)
        return;
    attention_place(&a, c, c->in, &scratch);
    a.y = a.attrs->heads ? (placement){ tensor_data(c->out[0]), a.t * a.h * a.v, a.v, a.h * a.v }
                         : heads_of(c->out[0]);
    a.lse = tensor_data(c->out[1]);
    forward_run f = plan(&a);
    f.scratch = scratch;
    const int64_t units = a.b * a.g * (is_few(&a) ? 1 : f.chunks);
    const double work = (double)(a.h / a.g * f.chunk) * (double)a.s * (double)(a.d + a.v);
    const int64_t grain = work >= GRAIN ? 1 : (int64_t)(GRAIN / (work + 1)) + 1;
    parallel_for(units, grain, is_few(&a) ? few_units : forward_units, &f);
}

/* By the same function made of operations, which have all gradients: in is what history is wanted of. */
static void backward_by_steps(const tp_saved *s, tp_tensor *const *in, tp_tensor *dy, bool create_graph,
                              tp_tensor **dx)
{
    tp_tensor *y = attention_steps(s->attrs, in), *wanted[A_INPUTS], *got[A_INPUTS];
    const bool packed = ((const attention_attrs *)s->attrs)->heads;
    int n = 0, place[A_INPUTS];
    for (int i = 0; i < A_INPUTS; i++)
        if (in[i] && s->needs[i] && !(packed && (i == A_K || i == A_V)))
            place[n] = i, wanted[n++] = in[i];
    if (y && dy && n && !tp_gradients(y, wanted, n, got, .create_graph = create_graph, .gradient = dy))
        for (int i = 0; i < n; i++)
            dx[place[i]] = got[i];
}

static void attention_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *in[A_GRADIENT_INPUTS], *d[3] = { NULL, NULL, NULL };
    for (int i = 0; i < A_INPUTS; i++)
        in[i] = s->in[i];
    if (tp_grad_mode()) { /* gradients of gradients */
        backward_by_steps(s, in, dy, true, dx);
        return;
    }
    if (s->needs[A_MASK] || s->needs[A_SLOPES]) {
        TP_ENABLE_GRAD;
        for (int i = 0; i < A_INPUTS; i++)
            in[i] = fresh_leaf(in[i]);
        backward_by_steps(s, in, dy, false, dx);
        return;
    }
    in[A_DY] = dy, in[A_Y] = s->out[0], in[A_LSE] = s->out[1];
    if (!dy || tp_apply_n(&attention_gradient, in, A_GRADIENT_INPUTS, s->attrs, d))
        return;
    const bool packed = ((const attention_attrs *)s->attrs)->heads;
    for (int i = 0; i < (packed ? 1 : 3); i++)
        dx[i] = d[i];
}

/* Keys that are hidden from all queries of a row count as well: what a causal mask saves is not known without its values. */
static double attention_cost(const tp_call *c)
{
    const attention a = attention_of(c->attrs, c->in, NULL);
    const double pairs = (double)(a.b * a.h) * (double)a.t * (double)a.s;
    return pairs * (double)(2 * a.d + 2 * a.v + 5) * (a.attrs->causal && a.t == a.s ? 0.5 : 1);
}

const tp_op tp_op__attention = {
    .name = "_attention",
    .formula = "softmax(scale q k' + mask - slope |key - query|) v of the keys that each query sees; and log "
               "of the softmax's sum",
    .inputs = ATTENTION_INPUTS,
    .n_in = A_INPUTS,
    .n_out = 2,
    OP_ATTRS(attention_attrs, OP_ATTR(attention_attrs, F64, scale, 1),
             OP_ATTR(attention_attrs, F64, dropout, 0), OP_ATTR(attention_attrs, U64, rng.seed, 0),
             OP_ATTR(attention_attrs, U64, rng.stream, 0), OP_ATTR(attention_attrs, BOOL, causal, 0),
             OP_ATTR(attention_attrs, BOOL, at_end, 0), OP_ATTR(attention_attrs, I64, window, 0),
             OP_ATTR(attention_attrs, I64, heads, 0), OP_ATTR(attention_attrs, I64, kv_heads, 0)),
    .saves_in = (1 << A_INPUTS) - 1,
    .saves_out = 3,
    .infer = attention_infer,
    .forward = attention_forward,
    .backward = attention_backward,
    .cost = attention_cost,
    OP_EXAMPLES({ "2,4,5,3 2,2,7,3 2,2,7,6 - - - -", &(attention_attrs){ .scale = 0.5 } },
                { "1,2,70,4@t 1,1,70,4 1,1,70,3 1,2,70,70 1@i70 - -", &(attention_attrs){ .scale = 1 } },
                { "1,2,3,4 1,1,9,4 1,1,9,5 - - 1@i9 2",
                  &(attention_attrs){ .scale = 1, .causal = true, .at_end = true, .window = 4 } },
                { "2,2,1,4 2,1,33,4 2,1,33,5 - 2@i33 - -",
                  &(attention_attrs){ .scale = 1, .causal = true, .at_end = true } },
                { "1,2,0,4 1,2,3,4 1,2,3,4 - - - -", &(attention_attrs){ .scale = 1 } }),
};
