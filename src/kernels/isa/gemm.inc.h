/* gemm.inc.h - matrix products for REAL: C (m, n) = A (m, k) B (k, n) [+ C] [+ bias].
 *
 * K is cut into slabs.  Of each, B is packed into panels of TILE_COLS columns and A into tiles of TILE_ROWS rows, unless
 * they can be read where they lie; then blocks of tiles are computed, shared out over threads.  Thin products whose
 * K lies adjacent on both sides are dot products.  Blocks follow from the shape alone.
 * Layer: kernels.  Depends on tile.inc.h, base/parallel.h.  Read next: conv.inc.h. */
enum {
    SLAB = 1024,
    SMALL_WORK = 1 << 17, /* multiply-adds below which threads cost more than they bring */
    PIECE_WORK = 1 << 18,
    MANY_PANELS = 8,
    PIECE_COPY = 1 << 13, /* elements */
    THIN = 4,
    THIN_OF_LONG = 16, /* copying B would take longer than its product with so few rows */
    LONG = 512,
    IN_PLACE = 1 << 16, /* elements of A that stay in the second cache and need no copy */
    WIDE_COLS = 1024,   /* of B's rows that a thin product takes at a time */
};

typedef enum {
    A_PACKED,
    A_COLUMNS,
    A_ROWS
} a_mode; /* copied; read as it lies: columns adjacent; rows adjacent */

typedef enum {
    B_SHARED,
    B_OWN,
    B_DIRECT
} b_mode; /* copied before all blocks; a panel at a time by who computes it; read where it lies */

typedef struct gemm_plan {
    const gemm_args *g;
    cut rows;
    int64_t panels, slab;
    a_mode a;
    b_mode b;
    size_t a_bytes, b_bytes, slot_bytes;
    REAL *a_pack, *b_pack;
    int64_t k0, kn; /* the slab at hand */
    int64_t row_block, panel_block, row_blocks, panel_blocks;
    bool by_panels; /* blocks of the same panels follow each other, else of the same rows */
} gemm_plan;

static int64_t divided(int64_t a, int64_t b) /* rounded up */
{
    return (a + b - 1) / b;
}

static bool is_thin(const gemm_args *g)
{
    const bool few = g->m <= THIN || (g->m <= THIN_OF_LONG && g->k >= LONG);
    return g->a_col == 1 && g->b_row == 1 && (few || g->n <= 2) && g->k > 0;
}

/* A few rows times a B whose rows are long: B is read once, row by row. */
static bool is_wide(const gemm_args *g)
{
    return g->m <= THIN && g->b_col == 1 && g->n >= 2 * WIDE_COLS && g->k > 0;
}

/* Read where it lies, without a plan. */
static bool is_small(const gemm_args *g)
{
    return g->b_col == 1 && g->k <= SLAB && g->m * g->n * g->k <= 1 << 15;
}

static gemm_plan plan_gemm(const gemm_args *g)
{
    gemm_plan p = { .g = g, .panels = divided(g->n, TILE_COLS), .slab = g->k < SLAB ? g->k : SLAB };
    p.rows = cut_rows(g->m);
    p.a = g->a_row == 1 && g->m * g->k <= 1 << 18                               ? A_COLUMNS
          : g->a_col == 1 && (g->n <= 4 * TILE_COLS || g->m * g->k <= IN_PLACE) ? A_ROWS
                                                                                : A_PACKED;
    p.b = g->b_col == 1 && g->m <= (g->n % WIDTH ? FEW_ROWS : TILE_ROWS) ? B_DIRECT
          : p.a != A_PACKED && p.panels >= MANY_PANELS                   ? B_OWN
                                                                         : B_SHARED;
    p.a = p.b == B_DIRECT ? A_ROWS : p.a;
    p.a_bytes = p.a == A_PACKED ? rounded(p.rows.tiles * TILE_ROWS * p.slab) : 0;
    p.b_bytes = p.b == B_SHARED ? rounded(p.panels * TILE_COLS * p.slab) : 0;
    p.slot_bytes = p.b == B_OWN ? rounded(TILE_COLS * p.slab + 1) : 0; /* never 0 */
    return p;
}

static size_t gemm_scratch(const gemm_args *g)
{
    if (is_thin(g) || is_wide(g) || is_small(g))
        return 0;
    gemm_plan p = plan_gemm(g);
    return p.a_bytes + p.b_bytes + p.slot_bytes * (size_t)parallel_threads();
}

/* ---- packing ------------------------------------------------------------------------------------------------------ */

/* to[t * width + i] = from[i * row + t * col], i < n, t < k; the rest of each width is zeros.
 * Where col is 1 that is a transpose: blocks of 8 keep whole cache lines in use. */
static void pack(REAL *to, int64_t width, const REAL *from, int64_t row, int64_t col, int64_t n, int64_t k)
{
    if (n < width)
        for (int64_t t = 0; t < k; t++)
            for (int64_t i = n; i < width; i++)
                to[t * width + i] = 0;
    if (row == 1) {
        for (int64_t t = 0; t < k; t++)
            for (int64_t i = 0; i < n; i++)
                to[t * width + i] = from[i + t * col];
        return;
    }
    int64_t t = 0;
    for (; t + 8 <= k; t += 8)
        for (int64_t i = 0; i < n; i++) {
            const REAL *at = from + i * row + t * col;
            REAL *dst = to + t * width + i;
#pragma GCC unroll 8
            for (int u = 0; u < 8; u++)
                dst[u * width] = at[u * col];
        }
    for (; t < k; t++)
        for (int64_t i = 0; i < n; i++)
            to[t * width + i] = from[i * row + t * col];
}

static REAL *packed_tile(const gemm_plan *p, int64_t i)
{
    return p->a_pack + i * TILE_ROWS * p->kn;
}

static REAL *packed_panel(const gemm_plan *p, int64_t j)
{
    return p->b_pack + (p->b == B_OWN ? parallel_thread() * p->slab : j * p->kn) * TILE_COLS;
}

static void pack_tiles(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    const gemm_args *g = p->g;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = cut_begin(&p->rows, i), n = cut_begin(&p->rows, i + 1) - first;
        pack(packed_tile(p, i), TILE_ROWS, (const REAL *)g->a + first * g->a_row + p->k0 * g->a_col, g->a_row,
             g->a_col, n, p->kn);
    }
}

static void pack_panels(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    const gemm_args *g = p->g;
    for (int64_t j = begin; j < end; j++) {
        int64_t first = j * TILE_COLS, n = g->n - first < TILE_COLS ? g->n - first : TILE_COLS;
        pack(packed_panel(p, j), panel_width(g->n, j),
             (const REAL *)g->b + first * g->b_col + p->k0 * g->b_row, g->b_col, g->b_row, n, p->kn);
    }
}

/* ---- tiles ---------------------------------------------------------------------------------------------------------- */

static void run_tile(const gemm_plan *p, int64_t i, int64_t j)
{
    const gemm_args *g = p->g;
    const REAL *rows[TILE_ROWS];
    int64_t first = cut_begin(&p->rows, i), mr = cut_begin(&p->rows, i + 1) - first, col = j * TILE_COLS;
    int cols = (int)(g->n - col < TILE_COLS ? g->n - col : TILE_COLS);
    const REAL *a = (const REAL *)g->a + first * g->a_row + p->k0 * g->a_col;
    segment s = { .rows = rows, .n = p->kn };
    tile_args t = { .segments = &s, .n_segments = 1, .cols = cols };
    s.b = p->b == B_DIRECT ? (const REAL *)g->b + p->k0 * g->b_row + col : packed_panel(p, j);
    t.b_step = p->b == B_DIRECT ? g->b_row : panel_width(g->n, j);
    s.a = p->a == A_COLUMNS ? a : p->a == A_PACKED ? packed_tile(p, i) : NULL;
    t.a_step = p->a == A_PACKED ? TILE_ROWS : g->a_col;
    for (int r = 0; r < mr; r++) {
        rows[r] = a + r * g->a_row;
        t.out[r] = (REAL *)g->c + (first + r) * g->c_row + col;
    }
    t.accumulate = g->accumulate || p->k0 > 0;
    t.bias = g->bias && p->k0 == 0 && !t.accumulate ? (const REAL *)g->bias + col : NULL;
    t.relu = g->relu && p->k0 + p->kn == g->k;
    (p->b == B_DIRECT ? partial_tile_for((int)mr, cols) : tile_for((int)mr, cols, p->a != A_ROWS))(&t);
}

static void own_panels(void *context, int64_t begin, int64_t end)
{
    gemm_plan p = *(const gemm_plan *)context;
    for (int64_t j = begin; j < end; j++)
        for (p.k0 = 0; p.k0 == 0 || p.k0 < p.g->k; p.k0 += SLAB) {
            p.kn = p.g->k - p.k0 < SLAB ? p.g->k - p.k0 : SLAB;
            pack_panels(&p, j, j + 1);
            for (int64_t i = 0; i < p.rows.tiles; i++)
                run_tile(&p, i, j);
        }
}

static void run_blocks(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    for (int64_t block = begin; block < end; block++) {
        int64_t i = p->by_panels ? block % p->row_blocks : block / p->panel_blocks,
                j = p->by_panels ? block / p->row_blocks : block % p->panel_blocks, i0 = i * p->row_block,
                j0 = j * p->panel_block;
        for (j = j0; j < j0 + p->panel_block && j < p->panels; j++)
            for (i = i0; i < i0 + p->row_block && i < p->rows.tiles; i++)
                run_tile(p, i, j);
    }
}

/* 16 tiles by 4 panels keep A's and B's parts in the second cache; less where that leaves too few blocks.  A thread's share of the
 * blocks is a part of the panels or of the rows: of what is copied, or more of it, so that it finds in its cache what it copied. */
static int64_t choose_blocks(gemm_plan *p)
{
    p->by_panels = p->b_bytes >= p->a_bytes && p->b != B_DIRECT;
    p->row_block = 16, p->panel_block = 4;
    for (;;) {
        p->row_blocks = divided(p->rows.tiles, p->row_block);
        p->panel_blocks = divided(p->panels, p->panel_block);
        int64_t blocks = p->row_blocks * p->panel_blocks;
        if (blocks >= 16 || (p->row_block == 1 && p->panel_block == 1))
            return blocks;
        if (p->panel_block > 1)
            p->panel_block /= 2;
        else
            p->row_block /= 2;
    }
}

/* ---- thin products: dot products --------------------------------------------------------------------------------------- */

typedef struct dots_run {
    const gemm_args *g;
    bool along_rows; /* many rows of A with few columns of B, else many columns of B with few rows of A */
} dots_run;

static REAL sum_of(vec v)
{
    REAL lane[WIDTH];
    memcpy(lane, &v, sizeof v);
    for (int width = WIDTH / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

/* out[j][i] = x[j] . w[i] for four vectors w and rows of x (1, 2 or 4 of them) at once; of one x in two sums each, as its additions
 * would wait for each other. */
static inline __attribute__((always_inline)) void dots(REAL out[][4], const REAL *const *x,
                                                       const REAL *const *w, int64_t k, const int rows)
{
    const int halves = rows == 1 ? 2 : 1;
    vec sum[4][4] = { 0 };
    int64_t t = 0;
    for (; t + halves * WIDTH <= k; t += halves * WIDTH)
        for (int h = 0; h < halves; h++)
            for (int i = 0; i < 4; i++) {
                const vec wi = V(load)(w[i] + t + h * WIDTH);
                for (int j = 0; j < rows; j++)
                    sum[j + h][i] += V(load)(x[j] + t + h * WIDTH) * wi;
            }
    for (; t < k; t += WIDTH) {
        V(mask) m = V(first)((int)(k - t < WIDTH ? k - t : WIDTH));
        for (int i = 0; i < 4; i++) {
            const vec wi = V(load_first)(w[i] + t, m);
            for (int j = 0; j < rows; j++)
                sum[j][i] += V(load_first)(x[j] + t, m) * wi;
        }
    }
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < 4; i++)
            out[j][i] = sum_of(halves == 2 ? sum[0][i] + sum[1][i] : sum[j][i]);
}

static void dots_of(REAL out[][4], const REAL *const *x, const REAL *const *w, int64_t k, int rows)
{
    if (rows == 1)
        dots(out, x, w, k, 1);
    else if (rows == 2)
        dots(out, x, w, k, 2);
    else
        dots(out, x, w, k, 4);
}

/* The few are taken as many at a time as there are registers for the sums. */
enum { FEW_AT_ONCE = sizeof(vec) == 64 ? 4 : 2 };

static void run_dots(void *context, int64_t begin, int64_t end)
{
    const dots_run *r = context;
    const gemm_args *g = r->g;
    const REAL *a = g->a, *b = g->b, *bias = g->bias;
    const int64_t many_step = r->along_rows ? g->a_row : g->b_col,
                  few_step = r->along_rows ? g->b_col : g->a_row, last = (r->along_rows ? g->m : g->n) - 1,
                  few_rows = r->along_rows ? g->n : g->m;
    const REAL *many = r->along_rows ? a : b, *few = r->along_rows ? b : a;
    for (int64_t i = begin * 4; i < end * 4; i += 4) {
        const REAL *w[4], *x[4];
        for (int u = 0; u < 4; u++)
            w[u] = many + (i + u < last ? i + u : last) * many_step;
        for (int64_t j = 0; j < few_rows;) {
            const int rows = few_rows - j >= FEW_AT_ONCE ? FEW_AT_ONCE : few_rows - j >= 2 ? 2 : 1;
            REAL dot[4][4];
            for (int v = 0; v < rows; v++)
                x[v] = few + (j + v) * few_step;
            dots_of(dot, x, w, g->k, rows);
            for (int v = 0; v < rows; v++, j++)
                for (int u = 0; u < 4 && i + u <= last; u++) {
                    int64_t row = r->along_rows ? i + u : j, col = r->along_rows ? j : i + u;
                    REAL *c = (REAL *)g->c + row * g->c_row + col;
                    *c = dot[v][u] + (g->accumulate ? *c : 0) + (bias ? bias[col] : 0);
                    if (g->relu && *c < 0)
                        *c = 0;
                }
        }
    }
}

/* ---- thin products of long rows ------------------------------------------------------------------------------- */

/* c[j] += a[0] b[0][j] + ... a[3] b[3][j] */
static void add_four_rows(REAL *c, const REAL *a, int64_t a_col, const REAL *b, int64_t b_row, int64_t n)
{
    const REAL a0 = a[0], a1 = a[a_col], a2 = a[2 * a_col], a3 = a[3 * a_col];
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH)
        V(store)
    (c + j, V(load)(c + j) + a0 * V(load)(b + j) + a1 * V(load)(b + b_row + j) +
                a2 * V(load)(b + 2 * b_row + j) + a3 * V(load)(b + 3 * b_row + j));
    for (; j < n; j++)
        c[j] += a0 * b[j] + a1 * b[b_row + j] + a2 * b[2 * b_row + j] + a3 * b[3 * b_row + j];
}

static void add_one_row(REAL *c, REAL a, const REAL *b, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        c[j] += a * b[j];
}

static void run_wide(void *context, int64_t begin, int64_t end)
{
    const gemm_args *g = context;
    for (int64_t block = begin; block < end; block++) {
        const int64_t col = block * WIDE_COLS, n = g->n - col < WIDE_COLS ? g->n - col : WIDE_COLS;
        const REAL *a = g->a, *b = (const REAL *)g->b + col, *bias = g->bias;
        for (int64_t i = 0; i < g->m; i++) {
            REAL *c = (REAL *)g->c + i * g->c_row + col;
            for (int64_t j = 0; j < n; j++)
                c[j] = (g->accumulate ? c[j] : 0) + (bias ? bias[col + j] : 0);
        }
        int64_t k = 0;
        for (; k + 4 <= g->k; k += 4)
            for (int64_t i = 0; i < g->m; i++)
                add_four_rows((REAL *)g->c + i * g->c_row + col, a + i * g->a_row + k * g->a_col, g->a_col,
                              b + k * g->b_row, g->b_row, n);
        for (; k < g->k; k++)
            for (int64_t i = 0; i < g->m; i++)
                add_one_row((REAL *)g->c + i * g->c_row + col, a[i * g->a_row + k * g->a_col],
                            b + k * g->b_row, n);
        for (int64_t i = 0; i < g->m && g->relu; i++) {
            REAL *c = (REAL *)g->c + i * g->c_row + col;
            for (int64_t j = 0; j < n; j++)
                c[j] = c[j] < 0 ? 0 : c[j];
        }
    }
}

/* ---- small products ------------------------------------------------------------------------------------ */

static void add_bias(const gemm_args *g)
{
    for (int64_t i = 0; i < g->m && g->bias; i++)
        add((REAL *)g->c + i * g->c_row, (REAL *)g->c + i * g->c_row, 1, g->bias, 1, g->n);
}

static void small(const gemm_args *g)
{
    const REAL *rows[TILE_ROWS];
    segment s = { .rows = rows, .n = g->k };
    tile_args t = { .segments = &s,
                    .n_segments = 1,
                    .a_step = g->a_col,
                    .b_step = g->b_row,
                    .accumulate = g->accumulate,
                    .relu = g->relu };
    for (int64_t j = 0; j < g->n; j += TILE_COLS) {
        t.cols = (int)(g->n - j < TILE_COLS ? g->n - j : TILE_COLS);
        t.bias = g->bias && !g->accumulate ? (const REAL *)g->bias + j : NULL;
        s.b = (const REAL *)g->b + j;
        for (int64_t i = 0; i < g->m;) {
            int64_t left = g->m - i,
                    mr = left > FEW_ROWS ? (left >= 2 * FEW_ROWS ? FEW_ROWS : (left + 1) / 2) : left;
            for (int r = 0; r < mr; r++) {
                rows[r] = (const REAL *)g->a + (i + r) * g->a_row;
                t.out[r] = (REAL *)g->c + (i + r) * g->c_row + j;
            }
            partial_tile_for((int)mr, t.cols)(&t);
            i += mr;
        }
    }
    if (g->accumulate)
        add_bias(g);
}

/* ---- the product ---------------------------------------------------------------------------------------------------------- */

static int64_t grain_for(double work, int64_t pieces)
{
    if (work < SMALL_WORK)
        return INT64_MAX / 2;
    double each = work / (double)pieces;
    return each >= PIECE_WORK ? 1 : (int64_t)(PIECE_WORK / (each + 1)) + 1;
}

static void gemm(const gemm_args *g)
{
    const double work = (double)g->m * (double)g->n * (double)g->k;
    if (is_thin(g)) {
        dots_run r = { g, g->n <= 2 && g->m > THIN };
        int64_t groups = ((r.along_rows ? g->m : g->n) + 3) / 4;
        parallel_for(groups, grain_for(work, groups), run_dots, &r);
        return;
    }
    if (is_wide(g)) {
        int64_t blocks = (g->n + WIDE_COLS - 1) / WIDE_COLS;
        parallel_for(blocks, grain_for(work, blocks), run_wide, (void *)(uintptr_t)g);
        return;
    }
    if (is_small(g)) {
        small(g);
        return;
    }
    gemm_plan p = plan_gemm(g);
    p.a_pack = g->scratch;
    p.b_pack = (REAL *)(void *)((char *)g->scratch + p.a_bytes);
    if (p.b == B_OWN)
        parallel_for_at_most((int)((g->scratch_bytes - p.a_bytes) / p.slot_bytes), p.panels,
                             grain_for(work, p.panels), own_panels, &p);
    int64_t blocks = choose_blocks(&p);
    for (p.k0 = 0; p.b != B_OWN && (p.k0 == 0 || p.k0 < g->k); p.k0 += SLAB) {
        p.kn = g->k - p.k0 < SLAB ? g->k - p.k0 : SLAB;
        int64_t copied = work < SMALL_WORK ? INT64_MAX / 2 : PIECE_COPY / (TILE_COLS * p.kn + 1) + 1;
        if (p.a == A_PACKED)
            parallel_for(p.rows.tiles, copied, pack_tiles, &p);
        if (p.b == B_SHARED)
            parallel_for(p.panels, copied, pack_panels, &p);
        parallel_for(blocks, grain_for(work / (double)g->k * (double)p.kn, blocks), run_blocks, &p);
    }
    if (g->accumulate)
        add_bias(g);
}

static void fill_gemm(kernel_table *t, kernel_type type)
{
    t->gemm[type] = gemm;
    t->gemm_scratch[type] = gemm_scratch;
}
