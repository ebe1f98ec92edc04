/* reduce.h - a body (plain.h): reductions of rows and columns, and arguments of extremes, for REAL.
 *
 * LANES partial results side by side make a row's reduction a tree that n alone fixes, and vectors.
 * ONE_BEFORE is what stands before the smallest and after the largest number: LOWEST, HIGHEST.
 * Layer: kernels.  Read next: real.h. */
enum { LANES = 32, NARROW = 32, NARROW_ROWS = 8 };

/* STEP takes an element into a partial result, COMBINE joins two partial results. */
#define COMBINE_sum(a, x) (REAL)(WRAPPING(a) + WRAPPING(x))
#define COMBINE_prod(a, x) (REAL)(WRAPPING(a) * WRAPPING(x))
#define COMBINE_amax(a, x) ((x) > (a) || IS_NAN(x) ? (x) : (a))
#define COMBINE_amin(a, x) ((x) < (a) || IS_NAN(x) ? (x) : (a))
#define COMBINE_sum_squares COMBINE_sum
#define COMBINE_sum_abs COMBINE_sum
#define COMBINE_nansum COMBINE_sum
#define STEP_sum COMBINE_sum
#define STEP_prod COMBINE_prod
#define STEP_amax COMBINE_amax
#define STEP_amin COMBINE_amin
#define STEP_sum_squares(a, x) (REAL)(WRAPPING(a) + WRAPPING(x) * WRAPPING(x))
#define STEP_sum_abs(a, x) (REAL)(WRAPPING(a) + ((x) < 0 ? 0 - WRAPPING(x) : WRAPPING(x)))
#define STEP_nansum(a, x) (IS_NAN(x) ? (a) : (REAL)(WRAPPING(a) + WRAPPING(x)))

#define REDUCE(name, identity, UNROLLED)                                                       \
    static void name##_rows(void *y, const void *x_, int64_t n)                                \
    {                                                                                          \
        const REAL *x = x_;                                                                    \
        REAL lane[LANES];                                                                      \
        for (int l = 0; l < LANES; l++)                                                        \
            lane[l] = identity;                                                                \
        int64_t i = 0;                                                                         \
        for (; i + LANES <= n; i += LANES)                                                     \
            UNROLLED for (int l = 0; l < LANES; l++) lane[l] = STEP_##name(lane[l], x[i + l]); \
        for (int l = 0; i < n; i++, l++)                                                       \
            lane[l] = STEP_##name(lane[l], x[i]);                                              \
        for (int width = LANES / 2; width; width /= 2)                                         \
            for (int l = 0; l < width; l++)                                                    \
                lane[l] = COMBINE_##name(lane[l], lane[l + width]);                            \
        *(REAL *)y = lane[0];                                                                  \
    }                                                                                          \
                                                                                               \
    /* Few adjacent columns: several rows are one longer row, folded at the end. */            \
    static void name##_narrow(REAL *y, const REAL *x, int64_t rows, int64_t cols)              \
    {                                                                                          \
        REAL lane[NARROW * NARROW_ROWS];                                                       \
        int64_t width = cols * NARROW_ROWS, r = 0;                                             \
        for (int64_t c = 0; c < width; c++)                                                    \
            lane[c] = identity;                                                                \
        for (; r + NARROW_ROWS <= rows; r += NARROW_ROWS, x += width)                          \
            for (int64_t c = 0; c < width; c++)                                                \
                lane[c] = STEP_##name(lane[c], x[c]);                                          \
        for (int64_t c = 0; c < (rows - r) * cols; c++)                                        \
            lane[c] = STEP_##name(lane[c], x[c]);                                              \
        for (int64_t c = 0; c < cols; c++) {                                                   \
            REAL a = lane[c];                                                                  \
            for (int64_t k = 1; k < NARROW_ROWS; k++)                                          \
                a = COMBINE_##name(a, lane[k * cols + c]);                                     \
            y[c] = a;                                                                          \
        }                                                                                      \
    }                                                                                          \
                                                                                               \
    static void name##_cols(void *y_, const void *x_, int64_t rows, int64_t cols, int64_t ld)  \
    {                                                                                          \
        REAL *restrict y = y_;                                                                 \
        const REAL *x = x_;                                                                    \
        if (cols <= NARROW && ld == cols) {                                                    \
            name##_narrow(y, x, rows, cols);                                                   \
            return;                                                                            \
        }                                                                                      \
        for (int64_t c = 0; c < cols; c++)                                                     \
            y[c] = identity;                                                                   \
        int64_t r = 0;                                                                         \
        for (; r + 4 <= rows; r += 4, x += 4 * ld) /* in row order, with y in registers */     \
            for (int64_t c = 0; c < cols; c++) {                                               \
                REAL a = STEP_##name(y[c], x[c]);                                              \
                a = STEP_##name(a, x[ld + c]);                                                 \
                a = STEP_##name(a, x[2 * ld + c]);                                             \
                y[c] = STEP_##name(a, x[3 * ld + c]);                                          \
            }                                                                                  \
        for (; r < rows; r++, x += ld)                                                         \
            for (int64_t c = 0; c < cols; c++)                                                 \
                y[c] = STEP_##name(y[c], x[c]);                                                \
    }

REDUCE(sum, 0, ALL_AT_ONCE)
REDUCE(prod, 1, ALL_AT_ONCE)
REDUCE(amax, LOWEST, ) /* a choice becomes vectors in a loop only */
REDUCE(amin, HIGHEST, )
REDUCE(sum_squares, 0, ALL_AT_ONCE)
REDUCE(sum_abs, 0, ALL_AT_ONCE)
REDUCE(nansum, 0, ALL_AT_ONCE)

enum { ARG_BLOCK = 1024 };

/* The extreme of each block is found by vectors; only the block that holds the best is searched. */
#define ARGUMENT(name, extreme, better)                                                              \
    static int64_t name(const void *x_, int64_t n, int64_t stride)                                   \
    {                                                                                                \
        const REAL *x = x_;                                                                          \
        int64_t best = 0;                                                                            \
        if (stride != 1) {                                                                           \
            for (int64_t i = 1; i < n && !IS_NAN(x[best * stride]); i++)                             \
                if (x[i * stride] better x[best * stride] || IS_NAN(x[i * stride]))                  \
                    best = i;                                                                        \
            return best;                                                                             \
        }                                                                                            \
        REAL top = x[0];                                                                             \
        for (int64_t begin = 0; begin < n && !IS_NAN(top); begin += ARG_BLOCK) {                     \
            REAL here;                                                                               \
            extreme##_rows(&here, x + begin, n - begin < ARG_BLOCK ? n - begin : ARG_BLOCK);         \
            if (here better top || IS_NAN(here))                                                     \
                top = here, best = begin;                                                            \
        }                                                                                            \
        while (IS_NAN(top) ? !IS_NAN(x[best]) : x[best] != top)                                      \
            best++;                                                                                  \
        return best;                                                                                 \
    }                                                                                                \
                                                                                                     \
    static void name##_cols(int64_t *index, void *best_, const void *x_, int64_t rows, int64_t cols, \
                            int64_t ld)                                                              \
    {                                                                                                \
        REAL *restrict best = best_;                                                                 \
        const REAL *x = x_;                                                                          \
        for (int64_t c = 0; c < cols; c++)                                                           \
            best[c] = x[c], index[c] = 0;                                                            \
        for (int64_t r = 1; r < rows; r++)                                                           \
            for (int64_t c = 0; c < cols; c++) {                                                     \
                REAL v = x[r * ld + c];                                                              \
                bool wins = (v better best[c]) | (IS_NAN(v) & !IS_NAN(best[c]));                     \
                best[c] = wins ? v : best[c];                                                        \
                index[c] = wins ? r : index[c];                                                      \
            }                                                                                        \
    }

ARGUMENT(argmax, amax, >)
ARGUMENT(argmin, amin, <)

enum { NORM_LANES = 16 };

static double total_of_lanes(double *lane)
{
    for (int width = NORM_LANES / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

/* Mean and sum of squared distances from it, in double: {mean, m2} of a row, mean[c] and m2[c] of columns. */
static void moments_rows(double *y, const void *x_, int64_t n)
{
    const REAL *x = x_;
    double lane[NORM_LANES] = { 0 }, far[NORM_LANES] = { 0 };
    int64_t i = 0;
    for (; i + NORM_LANES <= n; i += NORM_LANES)
        ALL_AT_ONCE for (int l = 0; l < NORM_LANES; l++) lane[l] += (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i];
    const double mean = total_of_lanes(lane) / (double)n;
    for (i = 0; i + NORM_LANES <= n; i += NORM_LANES)
        ALL_AT_ONCE for (int l = 0; l < NORM_LANES; l++) far[l] +=
            ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
    for (int l = 0; i < n; i++, l++)
        far[l] += ((double)x[i] - mean) * ((double)x[i] - mean);
    y[0] = mean;
    y[1] = total_of_lanes(far);
}

/* Rows of few columns are taken several at once, as one of at least WIDE_ROW and less than twice that. */
enum { WIDE_ROW = 64 };

static int64_t rows_at_once(int64_t cols)
{
    return cols > 0 && cols < WIDE_ROW ? (WIDE_ROW + cols - 1) / cols : 1;
}

/* sum[c] += (x - mean)^power, power 1 or 2, over rows that lie ld apart; in row order, with the sums in registers */
static inline __attribute__((always_inline)) void add_powers(double *restrict sum, const double *mean,
                                                             const REAL *x, int64_t rows, int64_t cols,
                                                             int64_t ld, const int power)
{
#define POWER(row) \
    (power == 1 ? (double)x[(row)*ld + c] : ((double)x[(row)*ld + c] - m) * ((double)x[(row)*ld + c] - m))
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * ld)
        for (int64_t c = 0; c < cols; c++) {
            const double m = power == 1 ? 0 : mean[c];
            double s = sum[c] + POWER(0);
            s += POWER(1);
            s += POWER(2);
            sum[c] = s + POWER(3);
        }
    for (; r < rows; r++, x += ld)
        for (int64_t c = 0; c < cols; c++) {
            const double m = power == 1 ? 0 : mean[c];
            sum[c] += POWER(0);
        }
#undef POWER
}

static void moments_narrow(double *restrict mean, double *restrict m2, const REAL *x, int64_t rows,
                           int64_t cols)
{
    const int64_t times = rows_at_once(cols), wide = times * cols, whole = rows / times;
    const REAL *rest = x + whole * wide;
    double lane[2 * WIDE_ROW] = { 0 }, repeated[2 * WIDE_ROW];
    add_powers(lane, NULL, x, whole, wide, wide, 1);
    for (int64_t i = 0; i < wide; i++)
        mean[i % cols] += lane[i];
    add_powers(mean, NULL, rest, rows - whole * times, cols, cols, 1);
    for (int64_t c = 0; c < cols; c++)
        mean[c] /= (double)rows;
    for (int64_t i = 0; i < wide; i++)
        repeated[i] = mean[i % cols], lane[i] = 0;
    add_powers(lane, repeated, x, whole, wide, wide, 2);
    for (int64_t i = 0; i < wide; i++)
        m2[i % cols] += lane[i];
    add_powers(m2, mean, rest, rows - whole * times, cols, cols, 2);
}

static void moments_cols(double *restrict mean, double *restrict m2, const void *x, int64_t rows,
                         int64_t cols, int64_t ld)
{
    for (int64_t c = 0; c < cols; c++)
        mean[c] = m2[c] = 0;
    if (ld == cols && rows >= 2 * rows_at_once(cols) && rows_at_once(cols) > 1) {
        moments_narrow(mean, m2, x, rows, cols);
        return;
    }
    add_powers(mean, NULL, x, rows, cols, ld, 1);
    for (int64_t c = 0; c < cols; c++)
        mean[c] /= (double)rows;
    add_powers(m2, mean, x, rows, cols, ld, 2);
}

static void fill_reduce(kernel_table *t, kernel_type type)
{
    t->reduce_rows[KERNEL_SUM][type] = sum_rows;
    t->reduce_rows[KERNEL_PROD][type] = prod_rows;
    t->reduce_rows[KERNEL_AMAX][type] = amax_rows;
    t->reduce_rows[KERNEL_AMIN][type] = amin_rows;
    t->reduce_cols[KERNEL_SUM][type] = sum_cols;
    t->reduce_cols[KERNEL_PROD][type] = prod_cols;
    t->reduce_cols[KERNEL_AMAX][type] = amax_cols;
    t->reduce_cols[KERNEL_AMIN][type] = amin_cols;
    t->reduce_rows[KERNEL_SUM_SQUARES][type] = sum_squares_rows;
    t->reduce_cols[KERNEL_SUM_SQUARES][type] = sum_squares_cols;
    t->reduce_rows[KERNEL_SUM_ABS][type] = sum_abs_rows;
    t->reduce_cols[KERNEL_SUM_ABS][type] = sum_abs_cols;
    t->reduce_rows[KERNEL_NANSUM][type] = nansum_rows;
    t->reduce_cols[KERNEL_NANSUM][type] = nansum_cols;
    t->argmax[type] = argmax;
    t->argmin[type] = argmin;
    t->argmax_cols[type] = argmax_cols;
    t->argmin_cols[type] = argmin_cols;
    t->moments_rows[type] = moments_rows;
    t->moments_cols[type] = moments_cols;
}
