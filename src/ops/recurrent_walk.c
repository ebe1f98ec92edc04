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
    COLUMNS_WORK = 1 << 16, /* numbers of the weight */
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

recurrent_way choose_way(const recurrence *r)
{
    if (r->t < FEW_STEPS && !r->uneven)
        return UNPACKED;
    return r->b <= BLOCK && r->b * r->gates * r->h * r->p >= SHARED_WORK ? BY_PANELS : BY_SEQUENCES;
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

static int64_t count_panels(const recurrence *r, const recurrent_weight *w)
{
    return (w->n + panels_of(r)->cols - 1) / panels_of(r)->cols;
}

static size_t packed_bytes(const recurrence *r, const recurrent_weight *w)
{
    return (size_t)(count_panels(r, w) * panels_of(r)->cols * w->k * r->size + 63) / 64 * 64;
}

static gemm_args unpacked(const recurrence *r, const recurrent_weight *w)
{
    return (gemm_args){ .m = w->all_rows ? r->t * r->b : r->b,
                        .n = w->n,
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
        g.a_col = 1, g.a_row = rows * w->k, g.c_row = rows * w->n;
        const size_t bytes = r->kernels->gemm_scratch[r->type](&g);
        most = bytes > most ? bytes : most;
    }
    return (most + 63) / 64 * 64;
}

size_t weight_bytes(const recurrence *r, recurrent_way way, const recurrent_weight *w)
{
    return way == UNPACKED ? unpacked_bytes(r, w) : packed_bytes(r, w);
}

typedef struct pack_run {
    const recurrence *r;
    const recurrent_weight *w;
} pack_run;

static void pack_some(void *context, int64_t begin, int64_t end)
{
    const pack_run *p = context;
    const recurrent_weight *w = p->w;
    panels_of(p->r)->pack(w->panels, w->b, w->b_row, w->b_col, w->n, w->k, begin, end);
}

void weight_prepare(const recurrence *r, recurrent_way way, recurrent_weight *w, char **scratch)
{
    const size_t bytes = weight_bytes(r, way, w);
    if (way == UNPACKED) {
        w->scratch = *scratch;
        w->scratch_bytes = bytes;
    } else {
        w->panels = *scratch;
        parallel_for(count_panels(r, w), PANEL_WORK / (panels_of(r)->cols * w->k + 1) + 1, pack_some,
                     &(pack_run){ r, w });
    }
    *scratch += bytes;
}

typedef struct product_run {
    panels_args all;
    const panel_kernels *kernels;
} product_run;

static void some_panels(void *context, int64_t begin, int64_t end)
{
    const product_run *p = context;
    panels_args part = p->all;
    part.first = begin, part.last = end;
    p->kernels->product(&part);
}

typedef struct columns_run {
    const recurrence *r;
    gemm_args all;
} columns_run;

static void some_columns(void *context, int64_t begin, int64_t end)
{
    const columns_run *run = context;
    const int64_t size = run->r->size;
    gemm_args g = run->all;
    g.n = end - begin;
    g.b = (const char *)g.b + begin * g.b_col * size;
    g.c = (char *)g.c + begin * size;
    g.bias = g.bias ? (const char *)g.bias + begin * size : NULL;
    run->r->kernels->gemm[run->r->type](&g);
}

/* With so few rows a product waits for the weight, which several threads read faster.  Then it needs no scratch memory. */
static void multiply(const recurrence *r, const gemm_args *g)
{
    if (g->m <= FEW_ROWS && g->b_row == 1 && g->a_col == 1 && g->n * g->k >= 2 * COLUMNS_WORK)
        parallel_for(g->n, COLUMNS_WORK / g->k / 4 * 4 + 4, some_columns, &(columns_run){ r, *g });
    else
        r->kernels->gemm[r->type](g);
}

void weight_product(const recurrence *r, recurrent_way way, const recurrent_weight *w, int64_t m,
                    void *const *a, void *const *c, bool accumulate, const void *bias)
{
    if (way == UNPACKED) {
        gemm_args g = unpacked(r, w);
        g.a = a[0], g.a_col = 1, g.c = c[0];
        g.a_row = m > 1 ? ((char *)a[1] - (char *)a[0]) / r->size : w->k;
        g.c_row = m > 1 ? ((char *)c[1] - (char *)c[0]) / r->size : w->n;
        g.accumulate = accumulate, g.bias = bias;
        g.scratch = w->scratch, g.scratch_bytes = w->scratch_bytes;
        multiply(r, &g);
        return;
    }
    product_run p = { { .m = m,
                        .n = w->n,
                        .k = w->k,
                        .last = count_panels(r, w),
                        .a = (const void *const *)a,
                        .panels = w->panels,
                        .c = c,
                        .accumulate = accumulate,
                        .bias = bias },
                      panels_of(r) };
    if (way == BY_PANELS)
        parallel_for(p.all.last, PANEL_WORK / (m * panels_of(r)->cols * w->k + 1) + 1, some_panels, &p);
    else
        p.kernels->product(&p.all);
}

typedef struct rows_run {
    product_run product;
    const char *a;
    char *c;
    int64_t size;
} rows_run;

static void some_rows(void *context, int64_t begin, int64_t end)
{
    const rows_run *run = context;
    panels_args part = run->product.all;
    const void *a[ROWS_AT_ONCE];
    void *c[ROWS_AT_ONCE];
    for (int64_t i = begin; i < end; i++) {
        a[i - begin] = run->a + i * part.k * run->size;
        c[i - begin] = run->c + i * part.n * run->size;
    }
    part.m = end - begin, part.a = a, part.c = c;
    run->product.kernels->product(&part);
}

void weight_all_rows(const recurrence *r, recurrent_way way, const recurrent_weight *w, const void *a,
                     void *c, const void *bias)
{
    const int64_t rows = r->t * r->b;
    if (way == UNPACKED) {
        gemm_args g = unpacked(r, w);
        g.a = a, g.a_row = w->k, g.a_col = 1, g.c = c, g.c_row = w->n, g.bias = bias;
        g.scratch = w->scratch, g.scratch_bytes = w->scratch_bytes;
        multiply(r, &g);
        return;
    }
    rows_run run = {
        { { .n = w->n, .k = w->k, .last = count_panels(r, w), .panels = w->panels, .bias = bias },
          panels_of(r) },
        a,
        c,
        r->size
    };
    parallel_for(rows, ROWS_AT_ONCE, some_rows, &run);
}
