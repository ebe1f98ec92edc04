/* panels.inc.h - products with a B that is used again and again, such as a recurrent weight: packed once, read at every step.
 *
 * The same tiles as in gemm.inc.h, on one thread; who calls shares the work out.
 * Layer: kernels.  Depends on tile.inc.h, gemm.inc.h.  Read next: ops/recurrent_walk.c. */
static void pack_panel_range(void *panels, const void *b, int64_t b_row, int64_t b_col, int64_t n, int64_t k,
                             int64_t first, int64_t last)
{
    for (int64_t j = first; j < last; j++) {
        const int64_t col = j * TILE_COLS, cols = n - col < TILE_COLS ? n - col : TILE_COLS;
        pack((REAL *)panels + col * k, panel_width(n, j), (const REAL *)b + col * b_col, b_col, b_row, cols,
             k);
    }
}

/* What a tile of the rows [first, last] computes of the panel that begins in column col: columns in whole vectors, and terms. */
typedef struct extent {
    int64_t skipped, cols, term, terms;
} extent;

static extent extent_of(const panels_args *p, int64_t first, int64_t last, int64_t col)
{
    extent w = { .cols = p->n - col < TILE_COLS ? p->n - col : TILE_COLS, .terms = p->k };
    const int64_t from = p->from ? p->from[first] : 0, to = p->from ? p->to[last] : 0;
    if (p->from && p->inner) {
        w.term = from;
        w.terms = to > from ? to - from : 0;
    } else if (p->from && (to <= col || from >= col + w.cols))
        w.cols = 0;
    else if (p->from) {
        const int64_t end = divided(to - col, WIDTH) * WIDTH;
        w.skipped = from >= col + WIDTH ? WIDTH : 0;
        w.cols = (end < w.cols ? end : w.cols) - w.skipped;
    }
    return w;
}

enum { FOUR_AT_ONCE = sizeof(REAL) == 4 && VECTOR_BYTES >= 32 };

/* One row by a panel of each of four parts, all at once, in a tile's order: its two sums would wait for their own additions. */
static void row_by_four(const panels_args *p, int64_t j)
{
    const int64_t col = j * TILE_COLS, part_size = divided(p->n, TILE_COLS) * TILE_COLS * p->k;
    const columns cols = columns_of((int)(p->n - col < TILE_COLS ? p->n - col : TILE_COLS), 2);
    const REAL *b = (const REAL *)p->panels + col * p->k, *a = p->a[0],
               *bias = p->bias ? (const REAL *)p->bias + col : NULL;
    REAL *c = (REAL *)p->c[0] + col;
    vec sum[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const int64_t at = i / 2 * p->n;
        sum[i] = p->accumulate ? load_cols(c + at, i % 2, cols)
                 : bias        ? load_cols(bias + at, i % 2, cols)
                               : (vec){ 0 };
    }
    for (int64_t k = 0; k < p->k; k++, b += TILE_COLS) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            sum[i] = MULTIPLY_ADD(sum[i], a[k], V(load)(b + i / 2 * part_size + i % 2 * WIDTH));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        store_cols(c + i / 2 * p->n, i % 2, cols, sum[i]);
}

/* A panel stays in the first cache while all rows pass by it; of several parts the panels of the same columns follow each other. */
static void panels_product(const panels_args *p)
{
    const cut rows = cut_rows(p->m);
    const int64_t parts = p->parts ? p->parts : 1, part_size = divided(p->n, TILE_COLS) * TILE_COLS * p->k;
    segment s;
    tile_args t = {
        .segments = &s, .n_segments = 1, .a_step = p->a ? 1 : p->columns_step, .accumulate = p->accumulate
    };
    for (int64_t j = p->first; j < p->last; j++)
        for (int64_t part = 0; part < parts; part++) {
            if (FOUR_AT_ONCE && p->m == 1 && parts == 4 && p->a && !p->from &&
                panel_width(p->n, j) == TILE_COLS) {
                row_by_four(p, j);
                break;
            }
            const int64_t col = j * TILE_COLS;
            t.b_step = panel_width(p->n, j);
            for (int64_t i = 0; i < rows.tiles; i++) {
                const int64_t first = cut_begin(&rows, i), mr = cut_begin(&rows, i + 1) - first;
                const extent w = extent_of(p, first, first + mr - 1, col);
                const int64_t at = part * p->n + col + w.skipped;
                if (w.cols <= 0)
                    continue;
                t.cols = (int)w.cols;
                t.bias = p->bias ? (const REAL *)p->bias + at : NULL;
                s = (segment){ .b = (const REAL *)p->panels + part * part_size + col * p->k +
                                    w.term * t.b_step + w.skipped,
                               .a = (const REAL *)p->columns + first + w.term * t.a_step,
                               .rows = p->a ? (const REAL *const *)p->a + first : NULL,
                               .offset = w.term,
                               .n = w.terms };
                for (int64_t r = 0; r < mr; r++)
                    t.out[r] = (REAL *)p->c[first + r] + at;
                tile_for((int)mr, t.cols, !p->a)(&t);
            }
        }
}

static void fill_panels(kernel_table *t, kernel_type type)
{
    t->panels[type] = (panel_kernels){ TILE_COLS, pack_panel_range, panels_product };
}
