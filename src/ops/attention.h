/* attention.h - what the files of attention share: where operands lie, which keys a query sees, blocks of scratch memory.
 *
 * Invariants: 1. head h of the queries reads head h / (heads / kv_heads) of keys and values;
 *             2. a query sees the keys of one range [from, to), whatever hides the others (keys_of), less what a mask takes away;
 *                neither end falls from query to query.
 * Layer: ops.  Depends on kernels.h, ops.h.  Read next: attention.c. */
#ifndef OPS_ATTENTION_H
#define OPS_ATTENTION_H

#include "kernels/kernels.h"
#include "ops/map.h"
#include "ops/ops.h"

typedef struct attention_attrs {
    double scale;   /* of scores */
    double dropout; /* of shares */
    tp_rng rng;
    bool causal, at_end; /* at_end: the queries are the last of the keys, else the first */
    int64_t window;      /* keys that a query sees to each side, itself counted; 0: all */
    int64_t heads,
        kv_heads; /* packed: of an input (B, T, (heads + 2 kv_heads) D); 0: queries, keys and values are three */
} attention_attrs;

/* Inputs.  Packed, all three are one tensor, and its gradient is that of the first. */
enum { A_Q, A_K, A_V, A_MASK, A_LENGTHS, A_PREFIX, A_SLOPES, A_INPUTS };
enum { A_DY = A_INPUTS, A_Y, A_LSE, A_GRADIENT_INPUTS }; /* of attention_gradient */
#define ATTENTION_INPUTS "query key value mask? lengths? prefix? slopes?"

typedef struct placement { /* (B, heads, T, width), numbers of a head adjacent */
    char *data;
    int64_t b, h, t; /* strides, in elements */
} placement;

typedef struct attention {
    const attention_attrs *attrs;
    const kernel_table *kernels;
    int64_t b, h, g, t, s, d, v; /* batch, heads, kv_heads, queries, keys, width of keys, of values */
    int64_t size;
    int type;
    placement q, k, val, y;
    placement mask;                  /* data NULL: none */
    bool has_mask;                   /* will have data */
    const int64_t *lengths, *prefix; /* (B) or NULL */
    const char *slopes;              /* (heads) or NULL */
    char *lse;                       /* (B, heads, T) */
} attention;

tp_status attention_check(const tp_call *, tp_tensor *const *in, const attention_attrs *);
attention attention_of(const attention_attrs *, tp_tensor *const *in,
                       const kernel_table *); /* sizes and strides; no data */
size_t attention_staged_bytes(tp_tensor *const *in);
void attention_place(attention *, const tp_call *, tp_tensor *const *in, char **scratch); /* the data */
placement heads_of(const tp_tensor *x);                                                   /* as it lies */
placement attention_heads(const tp_call *, const tp_tensor *,
                          char **scratch); /* itself, or a copy that lies right; NULL: none */
void heads_of_packed(attention *, char *data, placement *q, placement *k, placement *v);
void infer_heads(tp_call *, int output, const tp_tensor *like,
                 tp_shape); /* (B, heads, T, width), in memory (B, T, heads, width) */

static inline char *row_of(const attention *a, const placement *x, int64_t b, int64_t h, int64_t t)
{
    return x->data + (b * x->b + h * x->h + t * x->t) * a->size;
}

/* The keys that query i of batch b sees, and its own place among them. */
typedef struct range {
    int64_t from, to, at;
} range;
static inline range keys_of(const attention *a, int64_t b, int64_t i)
{
    const attention_attrs *o = a->attrs;
    const int64_t length = a->lengths ? a->lengths[b] : a->s;
    range r = { .from = 0, .to = length, .at = o->at_end ? length - a->t + i : i };
    if (o->causal) {
        r.to = r.at + 1;
        if (a->prefix && r.to < a->prefix[b])
            r.to = a->prefix[b];
    } else if (o->window && r.to > r.at + o->window)
        r.to = r.at + o->window;
    if (o->window && r.at - o->window + 1 > 0)
        r.from = r.at - o->window + 1;
    r.to = r.to > length ? length : r.to;
    r.from = r.from > r.to ? r.to : r.from;
    return r.to < 0 ? (range){ 0, 0, r.at } : r;
}

/* The part of it that lies in [first, first + n), counted from there. */
static inline range within(range k, int64_t first, int64_t n)
{
    int64_t from = k.from - first, to = k.to - first;
    from = from < 0 ? 0 : from > n ? n : from;
    to = to > n ? n : to < from ? from : to;
    return (range){ from, to, k.at - first };
}

/* What is seen by any: begin with { all keys, 0 }. */
static inline void widen(range *seen, range k)
{
    if (k.to <= k.from)
        return;
    seen->from = k.from < seen->from ? k.from : seen->from;
    seen->to = k.to > seen->to ? k.to : seen->to;
}

/* A number of the type computed in. */
static inline void set_number(const attention *a, char *to, int64_t i, double x)
{
    if (a->type)
        ((double *)(void *)to)[i] = x;
    else
        ((float *)(void *)to)[i] = (float)x;
}

static inline double number_at(const attention *a, const char *from, int64_t i)
{
    return a->type ? ((const double *)(const void *)from)[i] : (double)((const float *)(const void *)from)[i];
}

/* ---- attention_blocks.c ------------------------------------------------------------------------------------------------------- */

enum { QUERIES = 64, KEYS = 128 }; /* of a block */

/* Of one thread: the queries [i, i + n) of head h, packed, and the keys [first_key, first_key + keys) that pass by. */
typedef struct block {
    int64_t b, h, i, n, first_key, keys;
    char *q; /* queries, packed as columns */
    char *s, *bias,
        *keep;    /* (keys, queries): scores, the mask, what dropout left; the latter where they are wanted */
    char *turned; /* (queries, keys), for dropout */
    char *at, *slope;                   /* of each query */
    int64_t from[QUERIES], to[QUERIES]; /* the keys of the block that each query sees */
    int64_t first[KEYS], last[KEYS];    /* the queries of the block that see each key, [first, last) */
    void *rows[KEYS];                   /* of s */
} block;

size_t block_bytes(const attention *, char *at, block *); /* what its pieces take; NULL: only that */
range take_queries(const attention *, block *, int64_t b, int64_t h, int64_t i,
                   int64_t n); /* the keys that any of them sees */
void take_keys(const attention *, block *, int64_t first,
               int64_t end); /* as many of them as the block has; s' = k q' of what is seen */
weigh_args block_weights(const attention *, const block *);

/* Bytes of a (k, n) packed in panels. */
int64_t panel_bytes(const attention *, int64_t n, int64_t k);
/* Rows [first, first + rows) of a head as the right side of a product: (rows, width), or as_columns (width, rows). */
void pack_heads(const attention *, char *panels, const placement *, int64_t b, int64_t h, int64_t first,
                int64_t rows, int64_t width, bool as_columns);
/* All keys' (keys, width), a block each of its own panels. */
int64_t key_panel_bytes(const attention *, int64_t width);
void pack_keys(const attention *, char *panels, const placement *, int64_t b, int64_t g, range seen,
               int64_t width);

/* out' = x queries', of what is seen; x: keys or values */
void keys_by_queries(const attention *, const block *, const placement *x, int64_t width, const char *queries,
                     void *const *out);
/* out [+]= s'' panels: of each query */
void sum_over_keys(const attention *, const block *, const char *s, const char *panels, int64_t width,
                   void *const *out, bool more);
/* x [+]= s' queries: of each key */
void sum_over_queries(const attention *, const block *, void *const *s, const char *queries,
                      const placement *x, int64_t width, bool more);

/* The same made of other operations, with a (T, S) matrix: what gradients of gradients, and of a mask, are made by. */
tp_tensor *attention_steps(const attention_attrs *, tp_tensor *const *in);
extern const tp_op tp_op__attention, attention_gradient;

#endif
