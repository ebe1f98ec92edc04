/* scan.h - a body (plain.h): running sums and products of rows and columns, for REAL and the type ACC they are carried in.
 *
 * Four elements are summed among themselves first, so that the chain of additions, which waits for itself, has one link
 * for four.  reverse runs from the last element to the first.
 * Layer: kernels.  Read next: ops/scan.c. */
#define SCAN(name, COMBINE, identity)                                                                       \
    static ACC name##_total(const REAL *x, int64_t n)                                                       \
    {                                                                                                       \
        ACC lane[16], a = identity;                                                                         \
        for (int l = 0; l < 16; l++)                                                                        \
            lane[l] = identity;                                                                             \
        int64_t i = 0;                                                                                      \
        for (; i + 16 <= n; i += 16)                                                                        \
            ALL_AT_ONCE for (int l = 0; l < 16; l++) lane[l] = COMBINE(lane[l], (ACC)x[i + l]);             \
        for (int l = 0; i < n; i++, l++)                                                                    \
            lane[l] = COMBINE(lane[l], (ACC)x[i]);                                                          \
        for (int l = 0; l < 16; l++)                                                                        \
            a = COMBINE(a, lane[l]);                                                                        \
        return a;                                                                                           \
    }                                                                                                       \
                                                                                                            \
    static void name##_total_row(void *total, const void *x, int64_t n)                                     \
    {                                                                                                       \
        *(ACC *)total = name##_total(x, n);                                                                 \
    }                                                                                                       \
                                                                                                            \
    static void name##_row(void *y_, const void *x_, int64_t n, const void *before, bool reverse)           \
    {                                                                                                       \
        REAL *y = y_;                                                                                       \
        const REAL *x = x_;                                                                                 \
        ACC a = before ? *(const ACC *)before : (ACC)identity;                                              \
        int64_t done = 0;                                                                                   \
        for (; done + 4 <= n; done += 4) {                                                                  \
            int64_t at = reverse ? n - 1 - done : done, step = reverse ? -1 : 1;                            \
            ACC x0 = (ACC)x[at], x1 = (ACC)x[at + step];                                                    \
            ACC x2 = (ACC)x[at + 2 * step], x3 = (ACC)x[at + 3 * step];                                     \
            ACC x01 = COMBINE(x0, x1), x012 = COMBINE(x01, x2), x0123 = COMBINE(x01, COMBINE(x2, x3));      \
            y[at] = (REAL)COMBINE(a, x0);                                                                   \
            y[at + step] = (REAL)COMBINE(a, x01);                                                           \
            y[at + 2 * step] = (REAL)COMBINE(a, x012);                                                      \
            a = COMBINE(a, x0123);                                                                          \
            y[at + 3 * step] = (REAL)a;                                                                     \
        }                                                                                                   \
        for (int64_t i = done; i < n; i++) {                                                                \
            int64_t at = reverse ? n - 1 - i : i;                                                           \
            a = COMBINE(a, (ACC)x[at]);                                                                     \
            y[at] = (REAL)a;                                                                                \
        }                                                                                                   \
    }                                                                                                       \
                                                                                                            \
    /* rows adjacent elements apart by ld; carry: cols of ACC, the sums so far */                           \
    static void name##_cols(void *y_, const void *x_, int64_t rows, int64_t cols, int64_t ld, bool reverse) \
    {                                                                                                       \
        REAL *y = y_;                                                                                       \
        const REAL *x = x_;                                                                                 \
        ACC carry[SCAN_COLUMNS];                                                                            \
        for (int64_t c = 0; c < cols; c++)                                                                  \
            carry[c] = identity;                                                                            \
        for (int64_t r = 0; r < rows; r++) {                                                                \
            int64_t at = (reverse ? rows - 1 - r : r) * ld;                                                 \
            for (int64_t c = 0; c < cols; c++) {                                                            \
                carry[c] = COMBINE(carry[c], (ACC)x[at + c]);                                               \
                y[at + c] = (REAL)carry[c];                                                                 \
            }                                                                                               \
        }                                                                                                   \
    }

#define SCAN_SUM(a, x) (ACC)(WRAPPING(a) + WRAPPING(x))
#define SCAN_PROD(a, x) (ACC)(WRAPPING(a) * WRAPPING(x))
SCAN(scan_sum, SCAN_SUM, 0)
SCAN(scan_prod, SCAN_PROD, 1)

/* The extreme so far and where the last of its equals stands; NaN stays. */
#define SCAN_EXTREME(name, better)                                                              \
    static void name##_row(void *y_, int64_t *index, const void *x_, int64_t n, int64_t stride) \
    {                                                                                           \
        REAL *y = y_;                                                                           \
        const REAL *x = x_;                                                                     \
        for (int64_t i = 0, best = 0; i < n; i++) {                                             \
            REAL v = x[i * stride], top = x[best * stride];                                     \
            best = IS_NAN(v) || (!IS_NAN(top) && v better top) ? i : best;                      \
            y[i * stride] = x[best * stride];                                                   \
            index[i * stride] = best;                                                           \
        }                                                                                       \
    }

SCAN_EXTREME(scan_max, >=)
SCAN_EXTREME(scan_min, <=)

/* y[i] = a[i] y[i - 1] + b[i], from the first element on or from the last */
static void scan_linear_row(void *y_, const void *a_, const void *b_, int64_t n, bool reverse)
{
    REAL *y = y_;
    const REAL *a = a_, *b = b_;
    ACC carry = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = reverse ? n - 1 - i : i;
        carry = (ACC)a[at] * carry + (ACC)b[at];
        y[at] = (REAL)carry;
    }
}

/* Where each of m values belongs among n in order: before its equals, or behind them. */
static void search_row(int64_t *index, const void *sorted_, int64_t n, const void *v_, int64_t m, bool right)
{
    const REAL *sorted = sorted_, *v = v_;
    for (int64_t i = 0; i < m; i++) {
        const REAL x = v[i], *low = sorted;
        int64_t left = n;
        while (left > 0) { /* a step that does not depend on the outcome: no branch to guess */
            int64_t half = left / 2;
            bool above = right ? !(low[half] > x) : !(low[half] >= x);
            low = above ? low + half + 1 : low;
            left = above ? left - half - 1 : half;
        }
        index[i] = low - sorted;
    }
}

static void fill_scan(kernel_table *t, kernel_type type)
{
    t->scan_row[0][type] = scan_sum_row;
    t->scan_row[1][type] = scan_prod_row;
    t->scan_cols[0][type] = scan_sum_cols;
    t->scan_cols[1][type] = scan_prod_cols;
    t->scan_total[0][type] = scan_sum_total_row;
    t->scan_total[1][type] = scan_prod_total_row;
    t->scan_extreme[0][type] = scan_max_row;
    t->scan_extreme[1][type] = scan_min_row;
    t->scan_linear[type] = scan_linear_row;
    t->search[type] = search_row;
}
