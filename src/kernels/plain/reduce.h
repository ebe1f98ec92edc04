/* reduce.h - a body (plain.h): reductions of rows and columns, and arguments of extremes, for REAL.
 *
 * LANES partial results side by side make a row's reduction a tree that n alone fixes, and vectors.
 * ONE_BEFORE is what stands before the smallest and after the largest number: LOWEST, HIGHEST.
 * Layer: kernels.  Read next: real.h. */
enum { LANES = 32, NARROW = 32, NARROW_ROWS = 8 };

#define COMBINE_sum(a, x) (REAL)(WRAPPING(a) + WRAPPING(x))
#define COMBINE_prod(a, x) (REAL)(WRAPPING(a) * WRAPPING(x))
#define COMBINE_amax(a, x) ((x) > (a) || IS_NAN(x) ? (x) : (a))
#define COMBINE_amin(a, x) ((x) < (a) || IS_NAN(x) ? (x) : (a))

#define REDUCE(name, identity)                                                                \
    static void name##_rows(void *y, const void *x_, int64_t n)                               \
    {                                                                                         \
        const REAL *x = x_;                                                                   \
        REAL lane[LANES];                                                                     \
        for (int l = 0; l < LANES; l++)                                                       \
            lane[l] = identity;                                                               \
        int64_t i = 0;                                                                        \
        for (; i + LANES <= n; i += LANES)                                                    \
            for (int l = 0; l < LANES; l++)                                                   \
                lane[l] = COMBINE_##name(lane[l], x[i + l]);                                  \
        for (int l = 0; i < n; i++, l++)                                                      \
            lane[l] = COMBINE_##name(lane[l], x[i]);                                          \
        for (int width = LANES / 2; width; width /= 2)                                        \
            for (int l = 0; l < width; l++)                                                   \
                lane[l] = COMBINE_##name(lane[l], lane[l + width]);                           \
        *(REAL *)y = lane[0];                                                                 \
    }                                                                                         \
                                                                                              \
    /* Few adjacent columns: several rows are one longer row, folded at the end. */           \
    static void name##_narrow(REAL *y, const REAL *x, int64_t rows, int64_t cols)             \
    {                                                                                         \
        REAL lane[NARROW * NARROW_ROWS];                                                      \
        int64_t width = cols * NARROW_ROWS, r = 0;                                            \
        for (int64_t c = 0; c < width; c++)                                                   \
            lane[c] = identity;                                                               \
        for (; r + NARROW_ROWS <= rows; r += NARROW_ROWS, x += width)                         \
            for (int64_t c = 0; c < width; c++)                                               \
                lane[c] = COMBINE_##name(lane[c], x[c]);                                      \
        for (int64_t c = 0; c < (rows - r) * cols; c++)                                       \
            lane[c] = COMBINE_##name(lane[c], x[c]);                                          \
        for (int64_t c = 0; c < cols; c++) {                                                  \
            REAL a = lane[c];                                                                 \
            for (int64_t k = 1; k < NARROW_ROWS; k++)                                         \
                a = COMBINE_##name(a, lane[k * cols + c]);                                    \
            y[c] = a;                                                                         \
        }                                                                                     \
    }                                                                                         \
                                                                                              \
    static void name##_cols(void *y_, const void *x_, int64_t rows, int64_t cols, int64_t ld) \
    {                                                                                         \
        REAL *restrict y = y_;                                                                \
        const REAL *x = x_;                                                                   \
        if (cols <= NARROW && ld == cols) {                                                   \
            name##_narrow(y, x, rows, cols);                                                  \
            return;                                                                           \
        }                                                                                     \
        for (int64_t c = 0; c < cols; c++)                                                    \
            y[c] = identity;                                                                  \
        for (int64_t r = 0; r < rows; r++, x += ld)                                           \
            for (int64_t c = 0; c < cols; c++)                                                \
                y[c] = COMBINE_##name(y[c], x[c]);                                            \
    }

REDUCE(sum, 0)
REDUCE(prod, 1)
REDUCE(amax, LOWEST)
REDUCE(amin, HIGHEST)

#define ARGUMENT(name, better)                                                  \
    static int64_t name(const void *x_, int64_t n, int64_t stride)              \
    {                                                                           \
        const REAL *x = x_;                                                     \
        int64_t best = 0;                                                       \
        for (int64_t i = 1; i < n && !IS_NAN(x[best * stride]); i++)            \
            if (x[i * stride] better x[best * stride] || IS_NAN(x[i * stride])) \
                best = i;                                                       \
        return best;                                                            \
    }

ARGUMENT(argmax, >)
ARGUMENT(argmin, <)

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
    t->argmax[type] = argmax;
    t->argmin[type] = argmin;
}
