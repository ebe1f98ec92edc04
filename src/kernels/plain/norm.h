/* norm.h - a body (plain.h): normalisation of rows and of columns, forward and backward, for REAL (float, double).
 *
 * Statistics and sums are in double, in an order that the sizes alone fix.  A row is read from memory once: what is done to it
 * a second time finds it in the cache.
 * Layer: kernels.  Depends on reduce.h (moments_rows, total_of_lanes, rows_at_once).  Read next: pool.h. */

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static double mean_square(const REAL *x, int64_t n)
{
    double lane[NORM_LANES] = { 0 };
    int64_t i = 0;
    for (; i + NORM_LANES <= n; i += NORM_LANES)
        for (int l = 0; l < NORM_LANES; l++)
            lane[l] += (double)x[i + l] * (double)x[i + l];
    for (int l = 0; i < n; i++, l++)
        lane[l] += (double)x[i] * (double)x[i];
    return total_of_lanes(lane) / (double)n;
}

static void norm_rows(const norm_rows_args *a)
{
    const int64_t n = a->n;
    const REAL *x = a->x, *w = a->weight, *b = a->bias;
    REAL *restrict y = a->y;
    for (int64_t r = 0; r < a->rows; r++, x += n, y += n) {
        double moments[2] = { 0, 0 };
        if (a->centered) {
            moments_rows(moments, x, n);
            moments[1] /= (double)n;
        } else
            moments[1] = mean_square(x, n);
        const REAL mean = (REAL)moments[0], rstd = (REAL)(1 / sqrt(moments[1] + a->eps));
        const REAL lost = (REAL)(moments[0] - (double)mean) * rstd; /* in rounding the mean */
        ((REAL *)a->mean)[r] = mean;
        ((REAL *)a->var)[r] = (REAL)moments[1];
        for (int64_t i = 0; i < n; i++)
            y[i] = ((x[i] - mean) * rstd - lost) * w[i] + b[i];
    }
}

/* sums: {g, g h} over the row; the row's part of dweight and dbias in the same pass */
static inline __attribute__((always_inline)) void row_sums(double *sums, double *restrict dweight,
                                                           double *restrict dbias, const REAL *x,
                                                           const REAL *dy, const REAL *w, REAL mean,
                                                           REAL rstd, int64_t n, const bool wanted)
{
    double plain[NORM_LANES] = { 0 }, dot[NORM_LANES] = { 0 };
    int64_t i = 0;
    for (; i + NORM_LANES <= n; i += NORM_LANES)
        for (int l = 0; l < NORM_LANES; l++) {
            const REAL d = dy[i + l], h = (x[i + l] - mean) * rstd, g = d * w[i + l];
            plain[l] += (double)g;
            dot[l] += (double)g * (double)h;
            if (wanted) {
                dweight[i + l] += (double)d * (double)h;
                dbias[i + l] += (double)d;
            }
        }
    for (int l = 0; i < n; i++, l++) {
        const REAL h = (x[i] - mean) * rstd, g = dy[i] * w[i];
        plain[l] += (double)g;
        dot[l] += (double)g * (double)h;
        if (wanted) {
            dweight[i] += (double)dy[i] * (double)h;
            dbias[i] += (double)dy[i];
        }
    }
    sums[0] = total_of_lanes(plain);
    sums[1] = total_of_lanes(dot);
}

static void norm_rows_backward(const norm_rows_args *a)
{
    const int64_t n = a->n;
    const REAL *x = a->x, *dy = a->dy, *w = a->weight;
    REAL *restrict dx = a->y;
    for (int64_t r = 0; r < a->rows; r++, x += n, dy += n, dx += n) {
        const REAL mean = ((const REAL *)a->mean)[r];
        const REAL rstd = (REAL)(1 / sqrt((double)((const REAL *)a->var)[r] + a->eps));
        double sums[2];
        if (a->dweight)
            row_sums(sums, a->dweight, a->dbias, x, dy, w, mean, rstd, n, true);
        else
            row_sums(sums, NULL, NULL, x, dy, w, mean, rstd, n, false);
        const REAL average = a->centered ? (REAL)(sums[0] / (double)n) : 0,
                   slope = (REAL)(sums[1] / (double)n);
        for (int64_t i = 0; i < n; i++)
            dx[i] = rstd * (dy[i] * w[i] - average - (x[i] - mean) * rstd * slope);
    }
}

/* ---- columns --------------------------------------------------------------------------------------------------------- */

/* Where rows are narrow, several of them are one: the columns' numbers are repeated as often. */
enum { NORM_ARRAYS = 5 };
typedef REAL repeated_cols[NORM_ARRAYS][2 * WIDE_ROW];

static int64_t x_step_of(const norm_cols_args *a)
{
    return a->x_step ? a->x_step : a->cols;
}

static int64_t rows_in_one(const norm_cols_args *a)
{
    const int64_t times = x_step_of(a) == a->cols ? rows_at_once(a->cols) : 1;
    return a->rows < 2 * times ? 1 : times;
}

static void repeat_cols(norm_cols_args *a, repeated_cols to, int64_t times)
{
    const void **array[NORM_ARRAYS] = { &a->mean, &a->scale, &a->slope, &a->shift, &a->beta };
    for (int k = 0; k < NORM_ARRAYS; k++) {
        const REAL *from = *array[k];
        for (int64_t i = 0; from && i < times * a->cols; i++)
            to[k][i] = from[i % a->cols];
        *array[k] = from ? to[k] : NULL;
    }
    a->rows /= times;
    a->cols *= times;
    a->x_step = 0;
}

/* The rows behind the first so many. */
static norm_cols_args rows_from(const norm_cols_args *a, int64_t row)
{
    norm_cols_args rest = *a;
    const int64_t skipped = row * a->cols;
    rest.x = (const REAL *)a->x + skipped;
    rest.dy = a->dy ? (const REAL *)a->dy + skipped : NULL;
    rest.out = a->out ? (REAL *)a->out + skipped : NULL;
    rest.rows = a->rows - row;
    return rest;
}

typedef void norm_cols_body(const norm_cols_args *);

static void in_wide_rows(const norm_cols_args *a, norm_cols_body *body)
{
    const int64_t times = rows_in_one(a);
    if (times == 1) {
        body(a);
        return;
    }
    repeated_cols space;
    norm_cols_args wide = *a, rest = rows_from(a, a->rows / times * times);
    repeat_cols(&wide, space, times);
    body(&wide);
    body(&rest);
}

static inline __attribute__((always_inline)) void apply_cols(const norm_cols_args *a, const bool relu)
{
    const REAL *x = a->x, *mean = a->mean, *scale = a->scale, *shift = a->shift;
    REAL *restrict y = a->out;
    const int64_t cols = a->cols, step = x_step_of(a);
    for (int64_t r = 0; r < a->rows; r++, x += step, y += cols)
        for (int64_t c = 0; c < cols; c++) {
            const REAL v = (x[c] - mean[c]) * scale[c] + shift[c];
            y[c] = relu && v < 0 ? 0 : v;
        }
}

static void apply_plain(const norm_cols_args *a)
{
    apply_cols(a, false);
}

static void apply_relu(const norm_cols_args *a)
{
    apply_cols(a, true);
}

static void norm_apply(const norm_cols_args *a)
{
    in_wide_rows(a, a->relu ? apply_relu : apply_plain);
}

static inline __attribute__((always_inline)) void gradient_cols(const norm_cols_args *a, const bool masked)
{
    const REAL *x = a->x, *dy = a->dy;
    const REAL *mean = a->mean, *scale = a->scale, *slope = a->slope, *shift = a->shift, *beta = a->beta;
    REAL *dx = a->out;
    const int64_t cols = a->cols;
    for (int64_t r = 0; r < a->rows; r++, x += cols, dy += cols, dx += cols)
        APART
    for (int64_t c = 0; c < cols; c++) {
        const REAL all = dy[c], h = x[c] - mean[c], d = masked && h * scale[c] + beta[c] <= 0 ? 0 : all;
        dx[c] = d * scale[c] + (h * slope[c] + shift[c]);
    }
}

static void gradient_plain(const norm_cols_args *a)
{
    gradient_cols(a, false);
}

static void gradient_masked(const norm_cols_args *a)
{
    gradient_cols(a, true);
}

static void norm_gradient(const norm_cols_args *a)
{
    in_wide_rows(a, a->beta ? gradient_masked : gradient_plain);
}

static inline __attribute__((always_inline)) void sums_cols(const norm_cols_args *a, const bool masked)
{
    const REAL *x = a->x, *dy = a->dy, *mean = a->mean, *scale = a->scale, *beta = a->beta;
    double *restrict sum = a->sum, *restrict dot = a->dot;
    const int64_t cols = a->cols, step = x_step_of(a);
    int64_t r = 0;
    for (; r + 4 <= a->rows; r += 4, x += 4 * step, dy += 4 * step)
        for (int64_t c = 0; c < cols; c++) { /* four rows in REAL, then into the double sums */
            REAL plain = 0, product = 0;
            for (int k = 0; k < 4; k++) {
                const REAL all = dy[k * step + c], h = x[k * step + c] - mean[c],
                           d = masked && h * scale[c] + beta[c] <= 0 ? 0 : all;
                plain += d;
                product += d * h;
            }
            sum[c] += (double)plain;
            dot[c] += (double)product;
        }
    for (; r < a->rows; r++, x += step, dy += step)
        for (int64_t c = 0; c < cols; c++) {
            const REAL all = dy[c], h = x[c] - mean[c], d = masked && h * scale[c] + beta[c] <= 0 ? 0 : all;
            sum[c] += (double)d;
            dot[c] += (double)d * (double)h;
        }
}

static void sums_of(const norm_cols_args *a)
{
    if (a->beta)
        sums_cols(a, true);
    else
        sums_cols(a, false);
}

static void norm_sums(const norm_cols_args *a)
{
    const int64_t times = rows_in_one(a);
    if (times == 1) {
        sums_of(a);
        return;
    }
    repeated_cols space;
    double sum[2 * WIDE_ROW] = { 0 }, dot[2 * WIDE_ROW] = { 0 };
    norm_cols_args wide = *a, rest = rows_from(a, a->rows / times * times);
    wide.sum = sum;
    wide.dot = dot;
    repeat_cols(&wide, space, times);
    sums_of(&wide);
    for (int64_t i = 0; i < wide.cols; i++) {
        a->sum[i % a->cols] += sum[i];
        a->dot[i % a->cols] += dot[i];
    }
    sums_of(&rest);
}

static void fill_norm(kernel_table *t, kernel_type type)
{
    t->norm[type] = (norm_kernels){ .rows = norm_rows,
                                    .rows_backward = norm_rows_backward,
                                    .apply = norm_apply,
                                    .sums = norm_sums,
                                    .gradient = norm_gradient };
}
