/* gemm_thin.inc.h - matrix products for REAL that are too thin or too small for gemm.inc.h's blocks, and the choice.
 *
 * Thin products whose K lies adjacent on both sides are dot products; a few rows times a B whose rows are long read B once;
 * small ones are read where they lie, without a plan.
 * Layer: kernels.  Depends on gemm.inc.h.  Read next: conv.inc.h. */
enum {
    THIN = 4,
    THIN_OF_LONG = 16, /* copying B would take longer than its product with so few rows */
    LONG = 512,
    WIDE_COLS = 1024, /* of B's rows that a thin product takes at a time */
};

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

/* ---- thin products: dot products --------------------------------------------------------------------------------------- */

typedef REAL quad __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

typedef struct dots_run {
    const gemm_args *g;
    bool along_rows; /* many rows of A with few columns of B, else many columns of B with few rows of A */
} dots_run;

/* dot[j][i] = x[j] . w[i] for four vectors w and rows of x (1, 2 or 4 of them) at once; of one x in two sums each, as its additions
 * would wait for each other.  Every loop over sums is unrolled: they stay in registers.  Long rows come out of memory, and each is too
 * short for the processor to see far ahead: the next four are asked for, which is 3 to 8 % of a token of GPT-2. */
INLINE void dots(quad *dot, const REAL *x, int64_t x_step, const REAL *const *w, int64_t k, const int rows)
{
    const int halves = rows == 1 ? 2 : 1;
    vec sum[4][4];
    int64_t t = 0, next = rows == 1 && k >= LONG ? 4 * (w[1] - w[0]) : 0;
#pragma GCC unroll 4
    for (int j = 0; j < rows * halves; j++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sum[j][i] = (vec){ 0 };
    for (; t + halves * WIDTH <= k; t += halves * WIDTH)
#pragma GCC unroll 2
        for (int h = 0; h < halves; h++)
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                const vec wi = V(load)(w[i] + t + h * WIDTH);
                if (next)
                    __builtin_prefetch(w[i] + next + t + h * WIDTH, 0, 2);
#pragma GCC unroll 4
                for (int j = 0; j < rows; j++)
                    sum[j + h][i] += V(load)(x + j * x_step + t + h * WIDTH) * wi;
            }
    for (; t < k; t += WIDTH) {
        const V(mask) m = V(first)((int)(k - t < WIDTH ? k - t : WIDTH));
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            const vec wi = V(load_first)(w[i] + t, m);
#pragma GCC unroll 4
            for (int j = 0; j < rows; j++)
                sum[j][i] += V(load_first)(x + j * x_step + t, m) * wi;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4 && halves == 2; i++)
        sum[0][i] += sum[1][i];
#pragma GCC unroll 4
    for (int j = 0; j < rows; j++)
        V(four_sums)((REAL *)&dot[j], sum[j]);
}

/* x . w[i] for as many rows i as a vector has lanes, in the same sums.  Half of them are read side by side: out of the second cache, or
 * from beyond it, rows come up to twice as fast as by fours, and a sum costs a third of the instructions. */
static __attribute__((noinline)) vec dots_of_lanes(const REAL *x, const REAL *w, int64_t step, int64_t k)
{
    enum { ROWS = WIDTH / 2 };
    vec all[WIDTH];
    const int64_t next = k >= LONG ? ROWS * step : 0;
#pragma GCC unroll 1
    for (vec *half = all; half < all + WIDTH; half += ROWS, w += ROWS * step) {
        const REAL *row[ROWS];
        vec sum[2][ROWS];
        int64_t t = 0;
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++) {
            row[i] = w + i * step;
            sum[0][i] = sum[1][i] = (vec){ 0 };
        }
#pragma GCC unroll 1
        for (; t + 2 * WIDTH <= k; t += 2 * WIDTH) {
            const vec first = V(load)(x + t), second = V(load)(x + t + WIDTH);
            if (next) {
#pragma GCC unroll 8
                for (int i = 0; i < ROWS; i++) {
                    __builtin_prefetch(row[i] + next + t, 0, 2);
                    __builtin_prefetch(row[i] + next + t + WIDTH, 0, 2);
                }
            }
#pragma GCC unroll 8
            for (int i = 0; i < ROWS; i++) {
                sum[0][i] += first * V(load)(row[i] + t);
                sum[1][i] += second * V(load)(row[i] + t + WIDTH);
            }
        }
#pragma GCC unroll 1
        for (; t < k; t += WIDTH) {
            const V(mask) m = V(first)((int)(k - t < WIDTH ? k - t : WIDTH));
            const vec rest = V(load_first)(x + t, m);
#pragma GCC unroll 8
            for (int i = 0; i < ROWS; i++)
                sum[0][i] += rest * V(load_first)(row[i] + t, m);
        }
#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
            half[i] = sum[0][i] + sum[1][i];
    }
    return V(all_sums)(all);
}

enum {
    BY_LANES = sizeof(REAL) == 4 && VECTOR_BYTES >= 32, /* with doubles and short vectors it brings nothing */
    GROUPS_OF_LANES = BY_LANES ? WIDTH / 4 : 1,         /* of four rows */
};

typedef void dots_fn(quad *dot, const REAL *x, int64_t x_step, const REAL *const *w, int64_t k);

static __attribute__((noinline)) void dots_1(quad *dot, const REAL *x, int64_t x_step, const REAL *const *w,
                                             int64_t k)
{
    dots(dot, x, x_step, w, k, 1);
}

static __attribute__((noinline)) void dots_2(quad *dot, const REAL *x, int64_t x_step, const REAL *const *w,
                                             int64_t k)
{
    dots(dot, x, x_step, w, k, 2);
}

static __attribute__((noinline)) void dots_4(quad *dot, const REAL *x, int64_t x_step, const REAL *const *w,
                                             int64_t k)
{
    dots(dot, x, x_step, w, k, 4);
}

/* The few are taken as many at a time as there are registers for the sums. */
enum { FEW_AT_ONCE = sizeof(vec) == 64 ? 4 : 2 };

static dots_fn *dots_of(int64_t rows)
{
    return rows == 1 ? dots_1 : rows == 2 || FEW_AT_ONCE == 2 ? dots_2 : dots_4;
}

/* The first n of four dots to C from (row, col) on, to the right or down. */
static __attribute__((noinline, cold)) void store_some(const gemm_args *g, const quad *dot, int64_t row,
                                                       int64_t col, int n, bool down)
{
    for (int u = 0; u < n; u++) {
        const int64_t j = col + (down ? 0 : u);
        REAL *c = (REAL *)g->c + (row + (down ? u : 0)) * g->c_row + j;
        *c = (*dot)[u] + (g->accumulate ? *c : 0) + (g->bias ? ((const REAL *)g->bias)[j] : 0);
        if (g->relu && *c < 0)
            *c = 0;
    }
}

INLINE void store_four(const gemm_args *g, const quad *dot, int64_t row, int64_t col)
{
    quad sum = *dot;
    quad *c = (quad *)((REAL *)g->c + row * g->c_row + col);
    if (g->accumulate)
        sum += *c;
    if (g->bias)
        sum += *(const quad *)((const REAL *)g->bias + col);
    for (int u = 0; u < 4 && g->relu; u++)
        sum[u] = sum[u] < 0 ? 0 : sum[u];
    *c = sum;
}

INLINE void store_lanes(const gemm_args *g, vec sum, int64_t row, int64_t col)
{
    REAL *c = (REAL *)g->c + row * g->c_row + col;
    if (g->accumulate)
        sum += V(load)(c);
    if (g->bias)
        sum += V(load)((const REAL *)g->bias + col);
    V(store)(c, g->relu ? V(rectified)(sum) : sum);
}

static void run_dots(void *context, int64_t begin, int64_t end)
{
    const dots_run *r = context;
    const gemm_args *g = r->g;
    const bool along_rows = r->along_rows;
    const REAL *many = along_rows ? g->a : g->b, *few = along_rows ? g->b : g->a;
    const int64_t many_step = along_rows ? g->a_row : g->b_col, few_step = along_rows ? g->b_col : g->a_row,
                  n = along_rows ? g->m : g->n, few_rows = along_rows ? g->n : g->m;
    const bool adjacent = !along_rows || (g->n == 1 && g->c_row == 1 && !g->bias);
    int64_t i = begin * 4;
    for (; BY_LANES && few_rows == 1 && adjacent && i + WIDTH <= (end * 4 < n ? end * 4 : n); i += WIDTH)
        store_lanes(g, dots_of_lanes(few, many + i * many_step, many_step, g->k), along_rows ? i : 0,
                    along_rows ? 0 : i);
    for (; i < end * 4; i += 4) {
        const int left = n - i < 4 ? (int)(n - i) : 4;
        const REAL *w[4] = { many + i * many_step };
        for (int u = 1; u < 4; u++)
            w[u] = u < left ? w[u - 1] + many_step : w[u - 1];
        for (int64_t j = 0; j < few_rows;) {
            const int rows = few_rows - j >= FEW_AT_ONCE ? FEW_AT_ONCE : few_rows - j >= 2 ? 2 : 1;
            quad dot[4];
            dots_of(rows)(dot, few + j * few_step, few_step, w, g->k);
            for (int v = 0; v < rows; v++, j++)
                if (left == 4 && adjacent)
                    store_four(g, &dot[v], along_rows ? i : j, along_rows ? j : i);
                else
                    store_some(g, &dot[v], along_rows ? i : j, along_rows ? j : i, left, along_rows);
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

/* ---- the product of two vectors: what is written is all there is to do ------------------------------------------------- */

enum {
    ALONE_LINE = 3 << 14,
    PIECE_LINE = 1 << 12
}; /* elements that a thread goes through alone, at a time */

static int64_t grain_of_lines(int64_t lines, int64_t elements)
{
    return lines * elements < ALONE_LINE ? INT64_MAX / 2 : PIECE_LINE / (elements + 1) + 1;
}

static bool is_outer(const gemm_args *g)
{
    return g->k == 1 && g->b_col == 1 && g->n >= 2 * WIDTH && !g->bias && !g->relu;
}

static void run_outer(void *context, int64_t begin, int64_t end)
{
    const gemm_args *g = context;
    const REAL *b = g->b;
    for (int64_t i = begin; i < end; i++) {
        const REAL a = ((const REAL *)g->a)[i * g->a_row];
        REAL *c = (REAL *)g->c + i * g->c_row;
        if (g->accumulate)
            add_one_row(c, a, b, g->n);
        else
            for (int64_t j = 0; j < g->n; j++)
                c[j] = a * b[j];
    }
}

/* ---- small products ------------------------------------------------------------------------------------ */

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

static size_t gemm_scratch(const gemm_args *g)
{
    return is_thin(g) || is_wide(g) || is_outer(g) || is_small(g) ? 0 : blocks_scratch(g);
}

static void gemm(const gemm_args *g)
{
    const double work = (double)g->m * (double)g->n * (double)g->k;
    if (is_outer(g)) {
        parallel_for(g->m, grain_of_lines(g->m, g->n), run_outer, (void *)(uintptr_t)g);
        return;
    }
    if (is_thin(g)) {
        dots_run r = { g, g->n <= 2 && g->m > THIN };
        int64_t groups = ((r.along_rows ? g->m : g->n) + 3) / 4;
        parallel_for(groups, divided(grain_of_lines(groups, 4 * g->k), GROUPS_OF_LANES) * GROUPS_OF_LANES,
                     run_dots, &r);
        return;
    }
    if (is_wide(g)) {
        int64_t blocks = (g->n + WIDE_COLS - 1) / WIDE_COLS;
        parallel_for(blocks, grain_for(work, blocks), run_wide, (void *)(uintptr_t)g);
        return;
    }
    if (is_small(g))
        small(g);
    else
        gemm_in_blocks(g);
}

static void fill_gemm(kernel_table *t, kernel_type type)
{
    t->gemm[type] = gemm;
    t->gemm_scratch[type] = gemm_scratch;
}
