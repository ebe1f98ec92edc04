/* gemm.inc.h - matrix products for REAL: C (m, n) = A (m, k) B (k, n) [+ C] [+ bias].
 *
 * K is cut into slabs.  Of each, B is packed into panels of TILE_COLS columns and A into tiles of TILE_ROWS rows, unless
 * they can be read where they lie; then blocks of tiles are computed, shared out over threads.  Blocks follow from the
 * shape alone.  Copies are made of elements, DEPTH numbers along K each (numbers.inc.h, pairs.inc.h); where that is more than
 * one, nothing can be read where it lies.
 * Layer: kernels.  Depends on tile.inc.h, base/parallel.h.  Read next: gemm_thin.inc.h, conv.inc.h. */
enum {
    SLAB = 1024,          /* elements of K */
    SMALL_WORK = 1 << 17, /* multiply-adds below which threads cost more than they bring */
    PIECE_WORK = 1 << 18,
    MANY_PANELS = 8,
    FEW_PANELS = 4,         /* in which a block has whole rows of C */
    PIECE_COPY = 1 << 13,   /* elements */
    IN_PLACE = 1 << 16,     /* elements of A that stay in the second cache and need no copy */
    FEW_IN_PLACE = 1 << 18, /* of columns of A, beside so few panels that a copy would not pay */
    OWN_TILES = 16,         /* of A, from which on a block is one of them */
    OWN_A = 5 << 18,        /* bytes of A that stay there while panels of B pass by */
    OWN_B = 1 << 20,        /* bytes of B that stay in the second cache while tiles of A pass by */
    EACH_B =
        1 << 19, /* that each thread copies in less time than it waits for the others' copies to come over */
};

typedef enum {
    A_PACKED,
    A_OWN,
    A_COLUMNS,
    A_ROWS
} a_mode; /* copied before all blocks; a tile at a time by who computes it; read as it lies: columns adjacent; rows adjacent, copied as
             A_OWN where DEPTH wants that */

typedef enum {
    B_SHARED,
    B_EACH,
    B_OWN,
    B_DIRECT
} b_mode; /* copied before all blocks; by each thread for itself; a panel at a time by who computes it; read where it lies */

typedef struct gemm_plan {
    const gemm_args *g;
    cut rows;
    int64_t panels, depth, slab; /* elements of K: all, most in a slab */
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

/* Each when it is computed. */
static bool copies_tiles(const gemm_plan *p)
{
    return p->a == A_OWN || (DEPTH > 1 && p->a == A_ROWS);
}

static gemm_plan plan_gemm(const gemm_args *g)
{
    gemm_plan p = { .g = g, .panels = divided(g->n, TILE_COLS), .depth = divided(g->k, DEPTH) };
    p.slab = p.depth < SLAB ? p.depth : SLAB;
    p.rows = cut_rows(g->m);
    const size_t a_bytes = rounded(p.rows.tiles * TILE_ROWS * p.slab),
                 b_bytes = rounded(p.panels * TILE_COLS * p.slab);
    if (DEPTH > 1) {
        p.a = g->a_col == 1 && g->n <= FEW_PANELS * TILE_COLS ? A_ROWS : A_PACKED;
        p.b = B_SHARED;
    } else {
        const bool few = g->n <= FEW_PANELS * TILE_COLS, own = p.rows.tiles >= OWN_TILES && b_bytes <= OWN_B;
        if (g->a_row == 1 && g->m * g->k <= (few ? FEW_IN_PLACE : IN_PLACE))
            p.a = A_COLUMNS;
        else if (g->a_col == 1 && (few || (!own && g->m * g->k <= IN_PLACE)))
            p.a = A_ROWS;
        else
            p.a = own ? A_OWN : A_PACKED;
        const bool in_place = p.a == A_ROWS || p.a == A_COLUMNS,
                   stays = p.a == A_PACKED && a_bytes <= OWN_A && b_bytes > OWN_B;
        p.b = p.a == A_OWN && b_bytes <= EACH_B                                ? B_EACH
              : g->b_col == 1 && g->m <= (g->n % WIDTH ? FEW_ROWS : TILE_ROWS) ? B_DIRECT
              : (in_place || stays) && p.panels >= MANY_PANELS && g->m <= g->n ? B_OWN
                                                                               : B_SHARED;
        p.a = p.b == B_DIRECT ? A_ROWS : p.a;
    }
    p.a_bytes = p.a == A_PACKED ? a_bytes : 0;
    p.b_bytes = p.b == B_SHARED ? b_bytes : 0;
    p.slot_bytes = p.b == B_OWN       ? rounded(TILE_COLS * p.slab + 1) /* never 0 */
                   : copies_tiles(&p) ? 64 + rounded(TILE_ROWS * p.slab + 1) + (p.b == B_EACH ? b_bytes : 0)
                                      : 0;
    return p;
}

/* ---- a small C of a long K, such as a weight's gradient ------------------------------------------------------------- */

/* K is shared out too, in parts that are added at the end: each thread reads what it made when it had these rows at hand before,
 * where shares of C would want all of A or B from the other cores' caches. */
enum { PARTS = 4, PART_BLOCKS = 4, LONG_K = 512, SMALL_C = 1 << 15, PARTS_WORK = 1 << 20 };

static bool goes_in_parts(const gemm_args *g)
{
    return DEPTH == 1 && g->a_row == 1 && g->b_col == 1 && g->n % WIDTH == 0 && g->k >= LONG_K &&
           g->k >= 2 * g->m && g->k >= 2 * g->n && g->m >= TILE_ROWS && g->m * g->n <= SMALL_C &&
           g->m * g->n * g->k >= PARTS_WORK && !g->accumulate && !g->bias && !g->relu;
}

/* Part 0 is C itself. */
static REAL *part_row(const gemm_args *g, int64_t part, int64_t i)
{
    return part ? (REAL *)g->scratch + ((part - 1) * g->m + i) * g->n : (REAL *)g->c + i * g->c_row;
}

static void run_parts(void *context, int64_t begin, int64_t end)
{
    const gemm_args *g = context;
    const cut rows = cut_rows(g->m);
    for (int64_t at = begin; at < end; at++) {
        const int64_t part = at / PART_BLOCKS, block = at % PART_BLOCKS, k0 = g->k * part / PARTS;
        segment s = { .n = g->k * (part + 1) / PARTS - k0 };
        tile_args t = { .segments = &s, .n_segments = 1, .a_step = g->a_col, .b_step = g->b_row };
        for (int64_t col = 0; col < g->n; col += TILE_COLS)
            for (int64_t i = rows.tiles * block / PART_BLOCKS; i < rows.tiles * (block + 1) / PART_BLOCKS;
                 i++) {
                const int64_t first = cut_begin(&rows, i), mr = cut_begin(&rows, i + 1) - first;
                t.cols = (int)(g->n - col < TILE_COLS ? g->n - col : TILE_COLS);
                s.a = (const REAL *)g->a + k0 * g->a_col + first;
                s.b = (const REAL *)g->b + k0 * g->b_row + col;
                for (int64_t r = 0; r < mr; r++)
                    t.out[r] = part_row(g, part, first + r) + col;
                tile_for((int)mr, t.cols, true)(&t);
            }
    }
}

static void add_parts(void *context, int64_t begin, int64_t end)
{
    const gemm_args *g = context;
    for (int64_t i = begin; i < end; i++)
        for (int64_t part = 1; part < PARTS; part++)
            add(part_row(g, 0, i), part_row(g, 0, i), 1, part_row(g, part, i), 1, g->n);
}

static size_t blocks_scratch(const gemm_args *g)
{
    if (goes_in_parts(g))
        return rounded((PARTS - 1) * g->m * g->n);
    gemm_plan p = plan_gemm(g);
    return p.a_bytes + p.b_bytes + p.slot_bytes * (size_t)parallel_threads();
}

/* ---- packing ------------------------------------------------------------------------------------------------------ */

/* Of K, in the slab at hand. */
static int64_t numbers_of(const gemm_plan *p)
{
    int64_t left = p->g->k - p->k0 * DEPTH;
    return left < p->kn * DEPTH ? left : p->kn * DEPTH;
}

/* A thread's slot: a line that says whether it has its copy of B, a tile, B's panels. */
static char *slot(const gemm_plan *p, int64_t thread)
{
    return (char *)p->b_pack + p->b_bytes + (size_t)thread * p->slot_bytes;
}

static REAL *own_tile(const gemm_plan *p)
{
    return (REAL *)(void *)(slot(p, parallel_thread()) + 64);
}

static REAL *packed_tile(const gemm_plan *p, int64_t i)
{
    return p->a == A_OWN ? own_tile(p) : p->a_pack + i * TILE_ROWS * p->kn;
}

static REAL *packed_panel(const gemm_plan *p, int64_t j)
{
    if (p->b == B_EACH)
        return own_tile(p) + rounded(TILE_ROWS * p->slab + 1) / sizeof(REAL) + j * p->kn * TILE_COLS;
    return p->b_pack + (p->b == B_OWN ? parallel_thread() * p->slab : j * p->kn) * TILE_COLS;
}

static void pack_tiles(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    const gemm_args *g = p->g;
    for (int64_t i = begin; i < end; i++) {
        int64_t first = cut_begin(&p->rows, i), n = cut_begin(&p->rows, i + 1) - first;
        pack(packed_tile(p, i), n, (const REAL *)g->a + first * g->a_row + p->k0 * DEPTH * g->a_col, g->a_row,
             g->a_col, n, numbers_of(p));
    }
}

static void pack_panels(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    const gemm_args *g = p->g;
    for (int64_t j = begin; j < end; j++) {
        int64_t first = j * TILE_COLS, n = g->n - first < TILE_COLS ? g->n - first : TILE_COLS;
        pack(packed_panel(p, j), panel_width(g->n, j),
             (const REAL *)g->b + first * g->b_col + p->k0 * DEPTH * g->b_row, g->b_col, g->b_row, n,
             numbers_of(p));
    }
}

static void copy_tile(const gemm_plan *p, int64_t i)
{
    const gemm_args *g = p->g;
    int64_t first = cut_begin(&p->rows, i), n = cut_begin(&p->rows, i + 1) - first;
    if (p->a == A_OWN)
        pack_tiles((void *)(uintptr_t)p, i, i + 1);
    else
        for (int64_t r = 0; r < n; r++)
            copy_elements(own_tile(p) + r * p->kn,
                          (const REAL *)g->a + (first + r) * g->a_row + p->k0 * DEPTH, numbers_of(p));
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
    s.a = p->a == A_COLUMNS ? a : p->a != A_ROWS ? packed_tile(p, i) : NULL;
    t.a_step = p->a == A_PACKED || p->a == A_OWN ? mr : g->a_col;
    REAL *c = (REAL *)g->c + first * g->c_row + col;
    for (int r = 0; r < mr; r++, a += g->a_row, c += g->c_row) {
        rows[r] = DEPTH == 1 ? a : p->a == A_ROWS ? own_tile(p) + r * p->kn : packed_tile(p, i) + r;
        t.out[r] = c;
    }
    t.accumulate = g->accumulate || p->k0 > 0;
    t.bias = g->bias && p->k0 == 0 && !t.accumulate ? (const REAL *)g->bias + col : NULL;
    t.relu = g->relu && p->k0 + p->kn == p->depth;
    if (DEPTH == 1 && p->b == B_DIRECT)
        partial_tile_for((int)mr, cols)(&t);
    else
        tile_for((int)mr, cols,
                 DEPTH == 1 && p->a != A_ROWS)(&t); /* pairs: in rows, whichever way they lie */
}

static void own_panels(void *context, int64_t begin, int64_t end)
{
    const gemm_plan p = *(const gemm_plan *)context;
    for (int64_t j = begin; j < end; j++) {
        pack_panels(context, j, j + 1);
        for (int64_t i = 0; i < p.rows.tiles; i++)
            run_tile(&p, i, j);
    }
}

static void run_blocks(void *context, int64_t begin, int64_t end)
{
    const gemm_plan *p = context;
    bool *has_b = (bool *)slot(p, parallel_thread());
    if (p->b == B_EACH && !*has_b) {
        pack_panels(context, 0, p->panels);
        *has_b = true;
    }
    for (int64_t block = begin; block < end; block++) {
        int64_t i = p->by_panels ? block % p->row_blocks : block / p->panel_blocks,
                j = p->by_panels ? block / p->row_blocks : block % p->panel_blocks, i0 = i * p->row_block,
                j0 = j * p->panel_block;
        const int64_t i1 = i0 + p->row_block < p->rows.tiles ? i0 + p->row_block : p->rows.tiles,
                      j1 = j0 + p->panel_block < p->panels ? j0 + p->panel_block : p->panels;
        if (copies_tiles(p))
            for (i = i0; i < i1; i++) {
                copy_tile(p, i);
                for (j = j0; j < j1; j++)
                    run_tile(p, i, j);
            }
        else
            for (j = j0; j < j1; j++)
                for (i = i0; i < i1; i++)
                    run_tile(p, i, j);
    }
}

/* 16 tiles by 4 panels keep A's and B's parts in the second cache; less where that leaves too few blocks.  A thread's share of the
 * blocks is a part of the rows where they are many, as in what comes before and follows; else of what is copied, or more of it. */
static int64_t choose_blocks(gemm_plan *p)
{
    p->by_panels = p->b_bytes >= p->a_bytes && p->b != B_DIRECT && p->g->m <= p->g->n;
    p->row_block = p->a == A_OWN ? 1 : 16, p->panel_block = p->a == A_OWN ? p->panels : FEW_PANELS;
    for (;;) {
        p->row_blocks = divided(p->rows.tiles, p->row_block);
        p->panel_blocks = divided(p->panels, p->panel_block);
        int64_t blocks = p->row_blocks * p->panel_blocks;
        if (blocks >= 16 || (p->row_block <= 1 && p->panel_block <= 1))
            return blocks;
        if (p->panel_block > 1 && !(copies_tiles(p) && p->row_block > 1))
            p->panel_block /= 2;
        else
            p->row_block /= 2;
    }
}

static int64_t grain_for(double work, int64_t pieces)
{
    if (work < SMALL_WORK)
        return INT64_MAX / 2;
    double each = work / (double)pieces;
    return each >= PIECE_WORK ? 1 : (int64_t)(PIECE_WORK / (each + 1)) + 1;
}

static void add_bias(const gemm_args *g)
{
    for (int64_t i = 0; i < g->m && g->bias; i++)
        add((REAL *)g->c + i * g->c_row, (REAL *)g->c + i * g->c_row, 1, g->bias, 1, g->n);
}

static void gemm_in_blocks(const gemm_args *g)
{
    const double work = (double)g->m * (double)g->n * (double)g->k;
    if (goes_in_parts(g)) {
        parallel_for(PARTS * PART_BLOCKS, 1, run_parts, (void *)(uintptr_t)g);
        parallel_for(g->m, PIECE_COPY / g->n + 1, add_parts, (void *)(uintptr_t)g);
        return;
    }
    gemm_plan p = plan_gemm(g);
    p.a_pack = g->scratch;
    p.b_pack = (REAL *)(void *)((char *)g->scratch + p.a_bytes);
    const int64_t blocks = p.b == B_OWN ? p.panels : choose_blocks(&p);
    for (p.k0 = 0; p.k0 == 0 || p.k0 < p.depth; p.k0 += SLAB) {
        p.kn = p.depth - p.k0 < SLAB ? p.depth - p.k0 : SLAB;
        int64_t copied = work < SMALL_WORK ? INT64_MAX / 2 : PIECE_COPY / (TILE_COLS * p.kn + 1) + 1;
        if (p.a == A_PACKED)
            parallel_for(p.rows.tiles, copied, pack_tiles, &p);
        if (p.b == B_SHARED)
            parallel_for(p.panels, copied, pack_panels, &p);
        const int slots = p.slot_bytes ? (int)((g->scratch_bytes - p.a_bytes - p.b_bytes) / p.slot_bytes)
                                       : parallel_threads();
        for (int i = 0; p.b == B_EACH && i < slots; i++)
            *slot(&p, i) = 0;
        parallel_for_at_most(slots, blocks, grain_for(work / (double)p.depth * (double)p.kn, blocks),
                             p.b == B_OWN ? own_panels : run_blocks, &p);
    }
    if (g->accumulate)
        add_bias(g);
}
