/* panels.inc.h - products with a B that is used again and again, such as a recurrent weight: packed once, read at every step.
 *
 * The same tiles as in gemm.inc.h, on one thread; who calls shares the work out.  For a few steps copying would not pay: then one
 * row is multiplied by two weights where they lie.
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
    const cut rows = p->m == 1 ? (cut){ 1, 1, 0 } : cut_rows(p->m); /* divisions are 3 % of a small step */
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

/* ---- one row by weights that are not packed, of whose rows it needs the dot products -------------------------------------- */

/* Vectors of the row that stay in registers while a weight is read in the order in which it lies; two rows' sums of both products go on
 * in the same vectors, and are added up once.  Text of an LSTM 2x256 comes 17 % faster than by gemm's dot products, with eight rows of
 * the weight side by side, of each weight apart. */
enum { ROW_VECTORS = VECTOR_BYTES == 64 ? 16 : 8, HAS_ROW = sizeof(REAL) == 4 && VECTOR_BYTES >= 32 };

/* sum[i] += a . b[i] for so many vectors of them and some rows i, two at a time. */
INLINE void add_dots(vec *sum, const REAL *a, const REAL *b, int64_t step, int64_t rows, const int vectors)
{
    vec x[ROW_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < vectors; i++) {
        x[i] = V(load)(a + i * WIDTH);
        HELD(x[i]);
    }
#pragma GCC unroll 1
    for (int64_t r = 0; r < rows; r += 2, b += 2 * step) {
        const REAL *both[2] = { b, r + 1 < rows ? b + step : b };
        vec s[2][2] = { { sum[r] }, { sum[r + 1] } };
#pragma GCC unroll 8
        for (int i = 0; i < vectors; i += 2)
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                s[j / 2][j % 2] += x[i + j % 2] * V(load)(both[j / 2] + (i + j % 2) * WIDTH);
        sum[r] = s[0][0] + s[0][1];
        sum[r + 1] = s[1][0] + s[1][1];
    }
}

static void row_product(const row_args *p)
{
    for (int64_t j = 0; j < p->n; j += WIDTH) {
        const int rows = (int)(p->n - j < WIDTH ? p->n - j : WIDTH);
        const V(mask) some = V(first)(rows);
        vec sum[WIDTH], zero = { 0 };
        HELD(zero); /* else all of them are a call of memset */
#pragma GCC unroll 16
        for (int r = 0; r < WIDTH; r++)
            sum[r] = zero;
        for (int i = 0; i < 2; i++) {
            const int64_t n = p->of[i].k;
            const REAL *a = p->of[i].a, *b = (const REAL *)p->of[i].b + j * n;
            int64_t k = 0;
            for (; k + ROW_VECTORS * WIDTH <= n; k += ROW_VECTORS * WIDTH)
                add_dots(sum, a + k, b + k, n, rows, ROW_VECTORS);
            for (; k + 4 * WIDTH <= n; k += 4 * WIDTH)
                add_dots(sum, a + k, b + k, n, rows, 4);
            for (; k < n; k += WIDTH) {
                const V(mask) m = V(first)((int)(n - k < WIDTH ? n - k : WIDTH));
                const vec x = V(load_first)(a + k, m);
                for (int r = 0; r < rows; r++)
                    sum[r] += x * V(load_first)(b + r * n + k, m);
            }
        }
        vec all = V(all_sums)(sum);
        if (p->bias)
            all += V(load_first)((const REAL *)p->bias + j, some);
        V(store_first)((REAL *)p->c + j, some, all);
    }
}

static void fill_panels(kernel_table *t, kernel_type type)
{
    t->panels[type] =
        (panel_kernels){ TILE_COLS, pack_panel_range, panels_product, HAS_ROW ? row_product : NULL };
}
