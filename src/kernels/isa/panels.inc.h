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

/* A panel stays in the first cache while all rows pass by it; of several parts the panels of the same columns follow each other. */
static void panels_product(const panels_args *p)
{
    const cut rows = cut_rows(p->m);
    const int64_t parts = p->parts ? p->parts : 1, part_size = divided(p->n, TILE_COLS) * TILE_COLS * p->k;
    segment s = { .n = p->used ? p->used : p->k };
    tile_args t = {
        .segments = &s, .n_segments = 1, .a_step = p->a ? 1 : p->columns_step, .accumulate = p->accumulate
    };
    for (int64_t j = p->first; j < p->last; j++)
        for (int64_t part = 0; part < parts; part++) {
            const int64_t col = j * TILE_COLS, at = part * p->n + col;
            t.cols = (int)(p->n - col < TILE_COLS ? p->n - col : TILE_COLS);
            t.b_step = panel_width(p->n, j);
            t.bias = p->bias ? (const REAL *)p->bias + at : NULL;
            s.b = (const REAL *)p->panels + part * part_size + col * p->k;
            for (int64_t i = 0; i < rows.tiles; i++) {
                const int64_t first = cut_begin(&rows, i), mr = cut_begin(&rows, i + 1) - first;
                s.rows = p->a ? (const REAL *const *)p->a + first : NULL;
                s.a = (const REAL *)p->columns + first;
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
