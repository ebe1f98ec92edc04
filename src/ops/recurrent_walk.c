/* recurrent_walk.c - how a recurrent layer goes through its steps: which rows, which products, on how many threads.
 *
 * Where the batch gives enough, blocks of sequences go their way through all steps alone, without waiting for each other at any;
 * else each step's product is shared out by columns.  An element is the same sum either way, so all of them give the same bits
 * for any number of threads.
 * Layer: ops.  Kernels: panels, gemm (kernels.h).  Read next: recurrent.c. */
#include "ops/recurrent.h"

#include "base/parallel.h"

enum {
    BLOCK =
        8, /* sequences: with more, a number of the weight would be read less often, which brings nothing */
    FEW_STEPS = 4,         /* copying the weight costs as much as a step or two */
    SHARED_WORK = 1 << 18, /* multiply-adds of a step's product from which threads may share it */
    PANEL_WORK = 1 << 16,
    COLUMNS_WORK = 1 << 16, /* numbers of the weights that a thread reads alone: 2 us of the second cache */
    WHOLE_VECTORS = 16,     /* units */
    FEW_ROWS = 4,
    ROWS_AT_ONCE = 48, /* that stay in the second cache while the panels pass by */
};

recurrence recurrence_of(const recurrent_attrs *a, tp_tensor *const *in, const kernel_table *kernels)
{
    const tp_tensor *x = in[R_X], *w = in[R_WEIGHT_HH];
    recurrence r = { .kind = a->kind,
                     .reverse = a->reverse,
                     .uneven = in[R_LENGTHS],
                     .t = x->shape[a->batch_first],
                     .b = x->shape[!a->batch_first],
                     .i = x->shape[2],
                     .p = w->shape[1],
                     .gates = gates_of_kind(a->kind),
                     .kept = a->kind == LSTM  ? 5
                             : a->kind == GRU ? 4
                                              : 0,
                     .size = (int64_t)tensor_element_size(x),
                     .type = kernel_type_of((tp_dtype)x->dtype),
                     .kernels = kernels };
    r.h = w->shape[0] / r.gates;
    r.row_t = a->batch_first ? 1 : r.b;
    r.row_b = a->batch_first ? r.t : 1;
    return r;
}

int64_t places_at(const recurrence *r, int64_t s, int64_t begin, int64_t end, place *at)
{
    int64_t n = 0;
    for (int64_t b = begin; b < end; b++) {
        const int64_t length = r->lengths ? r->lengths[b] : r->t;
        if (s >= length)
            continue;
        const int64_t row = (r->reverse ? length - 1 - s : s) * r->row_t + b * r->row_b;
        at[n++] = (place){ b, row, s == 0 ? -1 : r->reverse ? row + r->row_t : row - r->row_t };
    }
    return n;
}

int64_t longest(const recurrence *r)
{
    int64_t most = r->lengths ? 0 : r->t;
    for (int64_t b = 0; b < r->b && r->lengths; b++)
        most = r->lengths[b] > most ? r->lengths[b] : most;
    return most;
}

recurrent_way backward_way(const recurrence *r)
{
    if (r->t < FEW_STEPS && !r->uneven)
        return UNPACKED;
    return r->b <= BLOCK && r->b * r->gates * r->h * r->p >= SHARED_WORK ? BY_PANELS : BY_SEQUENCES;
}

recurrent_way forward_way(const recurrence *r)
{
    const recurrent_way way = backward_way(r);
    return way == UNPACKED && r->b <= FEW_ROWS && r->i > 0 ? BY_ROWS : way;
}

void for_sequences(const recurrence *r, recurrent_way way,
                   void (*body)(void *context, int64_t begin, int64_t end), void *context)
{
    const int64_t blocks = (r->b + BLOCK - 1) / BLOCK, each = blocks ? (r->b + blocks - 1) / blocks : 1;
    if (way == BY_SEQUENCES)
        parallel_for(r->b, each, body, context);
    else
        body(context, 0, r->b);
}

/* ---- products ------------------------------------------------------------------------------------------------------------- */

static const panel_kernels *panels_of(const recurrence *r)
{
    return &r->kernels->panels[r->type];
}

static int64_t count_panels(const recurrence *r, const recurrent_weight *w) /* of a part */
{
    return (w->n + panels_of(r)->cols - 1) / panels_of(r)->cols;
}

static size_t packed_bytes(const recurrence *r, const recurrent_weight *w)
{
    return cache_lines(w->parts * count_panels(r, w) * panels_of(r)->cols * w->k * r->size);
}

static gemm_args unpacked(const recurrence *r, const recurrent_weight *w)
{
    return (gemm_args){ .m = w->all_rows ? r->t * r->b : r->b,
                        .n = w->parts * w->n,
                        .k = w->k,
                        .b = w->b,
                        .b_row = w->b_row,
                        .b_col = w->b_col };
}

/* The rows' strides are not known yet: room for the worst. */
static size_t unpacked_bytes(const recurrence *r, const recurrent_weight *w)
{
    gemm_args g = unpacked(r, w);
    size_t most = 0;
    for (int64_t rows = 1; rows <= 2; rows++) {
        g.a_col = 1, g.a_row = rows * w->k, g.c_row = rows * g.n;
        const size_t bytes = r->kernels->gemm_scratch[r->type](&g);
        most = bytes > most ? bytes : most;
    }
    return (most + 63) / 64 * 64;
}

size_t weight_bytes(const recurrence *r, recurrent_way way, const recurrent_weight *w)
{
    return way == BY_ROWS ? 0 : way == UNPACKED ? unpacked_bytes(r, w) : packed_bytes(r, w);
}

typedef struct pack_run {
    const recurrence *r;
    const recurrent_weight *w;
} pack_run;

static void pack_some(void *context, int64_t begin, int64_t end)
{
    const pack_run *p = context;
    const recurrent_weight *w = p->w;
    const int64_t count = count_panels(p->r, w), part = count * panels_of(p->r)->cols * w->k * p->r->size;
    for (int64_t i = begin; i < end; i++)
        panels_of(p->r)->pack(w->panels + i / count * part,
                              (const char *)w->b + i / count * w->n * w->b_col * p->r->size, w->b_row,
                              w->b_col, w->n, w->k, i % count, i % count + 1);
}

void weight_prepare(const recurrence *r, recurrent_way way, recurrent_weight *w, char **scratch)
{
    const size_t bytes = weight_bytes(r, way, w);
    if (way == UNPACKED || way == BY_ROWS) {
        w->scratch = *scratch;
        w->scratch_bytes = bytes;
    } else {
        w->panels = *scratch;
        parallel_for(w->parts * count_panels(r, w), PANEL_WORK / (panels_of(r)->cols * w->k + 1) + 1,
                     pack_some, &(pack_run){ r, w });
    }
    *scratch += bytes;
}

/* The rows of a and c are as far apart as the first two. */
static gemm_args unpacked_rows(const recurrence *r, const recurrent_weight *w, const rows_product *p)
{
    gemm_args g = unpacked(r, w);
    g.m = p->m, g.a = p->a[0], g.a_col = 1, g.c = p->c[0];
    g.a_row = p->m > 1 ? ((char *)p->a[1] - (char *)p->a[0]) / r->size : w->k;
    g.c_row = p->m > 1 ? ((char *)p->c[1] - (char *)p->c[0]) / r->size : g.n;
    g.accumulate = p->accumulate, g.bias = p->bias;
    g.scratch = w->scratch, g.scratch_bytes = w->scratch_bytes;
    return g;
}

static void columns_by_rows(const recurrence *r, const recurrent_weight *w, const rows_product *p,
                            int64_t first, int64_t last)
{
    gemm_args g = unpacked_rows(r, w, p);
    g.n = last - first;
    for (int64_t part = 0; part < w->parts; part++) {
        const int64_t at = part * w->n + first;
        gemm_args mine = g;
        mine.b = (const char *)g.b + at * g.b_col * r->size;
        mine.c = (char *)g.c + at * r->size;
        mine.bias = g.bias ? (const char *)g.bias + at * r->size : NULL;
        if (p->m == 1 && panels_of(r)->row)
            panels_of(r)->row(&(row_args){ g.n, mine.bias, mine.c, { { mine.a, mine.b, w->k } } });
        else
            r->kernels->gemm[r->type](&mine);
    }
}

void weight_columns(const recurrence *r, recurrent_way way, const recurrent_weight *w, const rows_product *p,
                    int64_t first, int64_t last)
{
    const int64_t cols = panels_of(r)->cols;
    if (way == BY_ROWS)
        columns_by_rows(r, w, p, first, last);
    else
        panels_of(r)->product(&(panels_args){ .m = p->m,
                                              .n = w->n,
                                              .k = w->k,
                                              .first = first / cols,
                                              .last = (last + cols - 1) / cols,
                                              .parts = w->parts,
                                              .a = (const void *const *)p->a,
                                              .panels = w->panels,
                                              .c = p->c,
                                              .accumulate = p->accumulate,
                                              .bias = p->bias });
}

/* How many of n things a piece has, at most so many: an even number of pieces, so that two threads, or twice as many, end together. */
static int64_t even_share(int64_t n, int64_t most)
{
    const int64_t pairs = (n + 2 * most - 1) / (2 * most);
    return (n + 2 * pairs - 1) / (2 * pairs);
}

int64_t units_at_once(const recurrence *r, recurrent_way way, int64_t units, int64_t numbers, int64_t m)
{
    const int64_t cols = panels_of(r)->cols, vectors = (units + WHOLE_VECTORS - 1) / WHOLE_VECTORS,
                  alone = COLUMNS_WORK / (numbers * WHOLE_VECTORS);
    return way == BY_ROWS ? (vectors > alone ? even_share(vectors, 2 * alone + 1) : vectors) * WHOLE_VECTORS
           : way == BY_PANELS ? (PANEL_WORK / (m * cols * numbers + 1) + 1) * cols
           : way == UNPACKED  ? GATES_AT_ONCE / (m + 1) + 1
                              : units;
}

typedef struct product_run {
    const recurrence *r;
    recurrent_way way;
    const recurrent_weight *w;
    const rows_product *p;
} product_run;

static void some_columns(void *context, int64_t begin, int64_t end)
{
    const product_run *run = context;
    weight_columns(run->r, run->way, run->w, run->p, begin, end);
}

void weight_product(const recurrence *r, recurrent_way way, const recurrent_weight *w, const rows_product *p)
{
    if (way == UNPACKED) {
        const gemm_args g = unpacked_rows(r, w, p);
        r->kernels->gemm[r->type](&g);
    } else
        parallel_for(w->n, units_at_once(r, way, w->n, w->parts * w->k, p->m), some_columns,
                     &(product_run){ r, way, w, p });
}

typedef struct rows_run {
    const recurrence *r;
    const recurrent_weight *w;
    const char *a;
    char *c;
    const void *bias;
} rows_run;

static void some_rows(void *context, int64_t begin, int64_t end)
{
    const rows_run *run = context;
    const recurrent_weight *w = run->w;
    const int64_t size = run->r->size;
    void *a[ROWS_AT_ONCE], *c[ROWS_AT_ONCE];
    for (int64_t i = begin; i < end; i++) {
        a[i - begin] = (char *)(uintptr_t)run->a + i * w->k * size;
        c[i - begin] = run->c + i * w->parts * w->n * size;
    }
    weight_columns(run->r, BY_PANELS, w, &(rows_product){ end - begin, a, c, false, run->bias }, 0, w->n);
}

void weight_all_rows(const recurrence *r, recurrent_way way, const recurrent_weight *w, const void *a,
                     void *c, const void *bias)
{
    const int64_t rows = r->t * r->b;
    if (way == UNPACKED) {
        gemm_args g = unpacked(r, w);
        g.a = a, g.a_row = w->k, g.a_col = 1, g.c = c, g.c_row = g.n, g.bias = bias;
        g.scratch = w->scratch, g.scratch_bytes = w->scratch_bytes;
        r->kernels->gemm[r->type](&g);
    } else
        parallel_for(rows, rows > ROWS_AT_ONCE ? even_share(rows, ROWS_AT_ONCE) : rows, some_rows,
                     &(rows_run){ r, w, a, c, bias });
}
