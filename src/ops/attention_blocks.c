/* attention_blocks.c - what both directions of attention do block by block: queries of a head, packed, against keys that pass by.
 *
 * Scores lie in columns of queries, s' = k q': a vector is a key's with as many queries, so that the largest and the sum over keys need no
 * look across lanes, and what a query does not see is at the rows' ends, where no product is made.
 * Layer: ops.  Kernels: panels, attention (kernels.h).  Read next: attention.c, attention_backward.c. */
#include "ops/attention.h"

#include <string.h>

/* ---- panels -------------------------------------------------------------------------------------------------------------- */

int64_t panel_bytes(const attention *a, int64_t n, int64_t k)
{
    const int64_t cols = a->kernels->panels[a->type].cols;
    return (n + cols - 1) / cols * cols * k * a->size;
}

void pack_heads(const attention *a, char *panels, const placement *x, int64_t b, int64_t h, int64_t first,
                int64_t rows, int64_t width, bool as_columns)
{
    const panel_kernels *p = &a->kernels->panels[a->type];
    const int64_t n = as_columns ? rows : width, k = as_columns ? width : rows;
    p->pack(panels, row_of(a, x, b, h, first), as_columns ? 1 : x->t, as_columns ? x->t : 1, n, k, 0,
            (n + p->cols - 1) / p->cols);
}

int64_t key_panel_bytes(const attention *a, int64_t width)
{
    return (a->s + KEYS - 1) / KEYS * panel_bytes(a, width, KEYS);
}

char *key_panel(const attention *a, char *panels, int64_t width, int64_t first)
{
    return panels + first / KEYS * panel_bytes(a, width, KEYS);
}

static int64_t keys_from(const attention *a, int64_t first)
{
    return a->s - first < KEYS ? a->s - first : KEYS;
}

void pack_keys(const attention *a, char *panels, const placement *x, int64_t b, int64_t g, range seen,
               int64_t width)
{
    for (int64_t first = seen.from / KEYS * KEYS; first < seen.to; first += KEYS)
        pack_heads(a, key_panel(a, panels, width, first), x, b, g, first, keys_from(a, first), width, false);
}

/* ---- a block ---------------------------------------------------------------------------------------------------------------- */

size_t block_bytes(const attention *a, char *at, block *out)
{
    char *p = at;
    block w = { .q = next_piece(&p, panel_bytes(a, QUERIES, a->d)) };
    const bool drops = a->attrs->dropout > 0;
    char **squares[] = { &w.s, &w.bias, &w.keep, &w.turned };
    const bool there[] = { true, a->has_mask, drops, drops };
    for (int i = 0; i < 4; i++)
        if (there[i])
            *squares[i] = next_piece(&p, QUERIES * KEYS * a->size);
    w.at = next_piece(&p, QUERIES * a->size);
    w.slope = next_piece(&p, QUERIES * a->size);
    if (out) {
        *out = w;
        for (int k = 0; k < KEYS; k++)
            out->rows[k] = w.s + k * QUERIES * a->size;
    }
    return (size_t)(p - at);
}

range take_queries(const attention *a, block *w, int64_t b, int64_t h, int64_t i, int64_t n)
{
    range seen = { a->s, 0, 0 };
    w->b = b, w->h = h, w->i = i, w->n = n;
    for (int64_t t = 0; t < n; t++)
        widen(&seen, keys_of(a, b, i + t));
    if (seen.to > seen.from)
        pack_heads(a, w->q, &a->q, b, h, i, n, a->d, true);
    return seen;
}

/* Who sees whom, and where the queries stand. */
static void look(const attention *a, block *w)
{
    for (int64_t t = 0; t < w->n; t++) {
        const range seen = within(keys_of(a, w->b, w->i + t), w->first_key, w->keys);
        w->from[t] = seen.from, w->to[t] = seen.to;
        if (!a->slopes)
            continue;
        set_number(a, w->at, t, (double)seen.at);
        memcpy(w->slope + t * a->size, a->slopes + w->h * a->size, (size_t)a->size);
    }
    for (int64_t k = 0, t = 0, end = 0; k < w->keys; k++) {
        while (t < w->n && w->to[t] <= k)
            t++;
        while (end < w->n && w->from[end] <= k)
            end++;
        w->first[k] = t, w->last[k] = end > t ? end : t;
    }
}

static void transpose(const attention *a, char *dst, int64_t dst_row, const char *src, int64_t src_row,
                      int64_t rows, int64_t cols)
{
    a->kernels->transpose[move_kind((size_t)a->size)](dst, dst_row, src, src_row, rows, cols);
}

/* (queries, keys) of the mask, and of what dropout left, as (keys, queries). */
static void turn_masks(const attention *a, block *w)
{
    const attention_attrs *o = a->attrs;
    if (a->mask.data)
        transpose(a, w->bias, QUERIES, row_of(a, &a->mask, w->b, w->h, w->i) + w->first_key * a->size,
                  a->mask.t, w->n, w->keys);
    if (!(o->dropout > 0))
        return;
    for (int64_t t = 0; t < w->n; t++) {
        char *row = w->turned + t * KEYS * a->size;
        for (int64_t k = 0; k < w->keys; k++)
            set_number(a, row, k, 1);
        a->kernels->dropout[a->type](row, row, w->keys, o->dropout, o->rng.seed, o->rng.stream,
                                     ((w->b * a->h + w->h) * a->t + w->i + t) * a->s + w->first_key);
    }
    transpose(a, w->keep, QUERIES, w->turned, KEYS, w->n, w->keys);
}

void take_keys(const attention *a, block *w, int64_t first, int64_t end)
{
    w->first_key = first;
    w->keys = end - first < KEYS ? end - first : KEYS;
    look(a, w);
    turn_masks(a, w);
    keys_by_queries(a, w, &a->k, a->d, w->q, w->rows);
}

weigh_args block_weights(const attention *a, const block *w)
{
    return (weigh_args){ .rows = w->keys,
                         .n = w->n,
                         .row = QUERIES,
                         .s = w->s,
                         .scale = a->attrs->scale,
                         .from = w->from,
                         .to = w->to,
                         .bias = a->mask.data ? w->bias : NULL,
                         .keep = a->attrs->dropout > 0 ? w->keep : NULL,
                         .slope = a->slopes ? w->slope : NULL,
                         .at = w->at };
}

/* ---- products ------------------------------------------------------------------------------------------------------------------ */

static void multiply(const attention *a, panels_args product)
{
    const panel_kernels *p = &a->kernels->panels[a->type];
    product.last = (product.n + p->cols - 1) / p->cols;
    p->product(&product);
}

void keys_by_queries(const attention *a, const block *w, const placement *x, int64_t width,
                     const char *queries, void *const *out)
{
    const void *rows[KEYS];
    const char *row = row_of(a, x, w->b, w->h / (a->h / a->g), w->first_key);
    for (int64_t k = 0; k < w->keys; k++, row += x->t * a->size)
        rows[k] = row;
    multiply(a, (panels_args){ .m = w->keys,
                               .n = w->n,
                               .k = width,
                               .a = rows,
                               .panels = queries,
                               .c = out,
                               .from = w->first,
                               .to = w->last });
}

void sum_over_keys(const attention *a, const block *w, const char *s, const char *panels, int64_t width,
                   void *const *out, bool more)
{
    multiply(a, (panels_args){ .m = w->n,
                               .n = width,
                               .k = keys_from(a, w->first_key),
                               .columns = s,
                               .columns_step = QUERIES,
                               .panels = key_panel(a, (char *)(uintptr_t)panels, width, w->first_key),
                               .c = out,
                               .accumulate = more,
                               .from = w->from,
                               .to = w->to,
                               .inner = true });
}

void sum_over_queries(const attention *a, const block *w, void *const *s, const char *queries,
                      const placement *x, int64_t width, bool more)
{
    void *out[KEYS];
    char *row = row_of(a, x, w->b, w->h / (a->h / a->g), w->first_key);
    for (int64_t k = 0; k < w->keys; k++, row += x->t * a->size)
        out[k] = row;
    multiply(a, (panels_args){ .m = w->keys,
                               .n = width,
                               .k = w->n,
                               .a = (const void *const *)s,
                               .panels = queries,
                               .c = out,
                               .accumulate = more,
                               .from = w->first,
                               .to = w->last,
                               .inner = true });
}
