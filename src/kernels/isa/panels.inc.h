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
