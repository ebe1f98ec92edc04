/* pool.h - a body (plain.h): pooling of one channels-last image, for REAL (float, double).
 *
 * The innermost loop runs over adjacent channels.
 * Layer: kernels.  Read next: ../ref/ref.h. */

/* Rows (or columns) of the input under window i: [begin, end) of what is there, count of them with the padding. */
typedef struct window {
    int64_t begin, end, count;
} window;

static window window_at(int64_t i, int64_t kernel, int64_t stride, int64_t padding, int64_t size)
{
    int64_t begin = i * stride - padding, end = begin + kernel;
    end = end < size + padding ? end : size + padding;
    window w = { begin < 0 ? 0 : begin, end > size ? size : end, end - begin };
    return w;
}

static REAL divisor_of(const pool_args *a, window h, window w)
{
    int64_t count = a->exclude_pad ? (h.end - h.begin) * (w.end - w.begin) : h.count * w.count;
    return 1 / (REAL)count;
}

/* to[c] = sum over the columns of a window, which lie channels apart, times scale.  Of few channels a whole vector is
 * written where there is room: the next window writes over what is too much. */
enum { FEW = 8 };
static inline __attribute__((always_inline)) void sum_columns(REAL *restrict to, const REAL *restrict from,
                                                              int64_t columns, const int64_t channels,
                                                              int64_t room, REAL scale)
{
    if (columns == 2 && channels < FEW && room >= FEW) {
        for (int64_t c = 0; c < FEW; c++)
            to[c] = (from[c] + from[channels + c]) * scale;
        return;
    }
    if (columns == 2) { /* of most networks */
        for (int64_t c = 0; c < channels; c++)
            to[c] = (from[c] + from[channels + c]) * scale;
        return;
    }
    for (int64_t c = 0; c < channels; c++) {
        REAL sum = 0;
        for (int64_t q = 0; q < columns; q++)
            sum += from[q * channels + c];
        to[c] = sum * scale;
    }
}

/* to[k] = sum over rows of from[r row + k], k < n */
static void add_rows(REAL *restrict to, const REAL *restrict from, int64_t row, int64_t rows, int64_t n)
{
    if (rows < 2)
        for (int64_t k = 0; k < n; k++)
            to[k] = rows ? from[k] : 0;
    else
        for (int64_t k = 0; k < n; k++)
            to[k] = from[k] + from[row + k];
    for (int64_t r = 2; r < rows; r++)
        for (int64_t k = 0; k < n; k++)
            to[k] += from[r * row + k];
}

/* Rows of a window first, over the whole width at once; then its columns. */
static void avg_pool(const pool_args *a, void *y_, const void *x_)
{
    enum { MOST = 2048 };
    REAL *restrict y = y_;
    const REAL *restrict x = x_;
    const int64_t channels = a->c, row = a->w * channels;
    REAL sums[MOST + FEW];
    const REAL *const end = y + a->oh * a->ow * channels;
    const int64_t part =
        MOST / channels; /* columns that fit; none: one row at a time, in place of the sums */
    for (int64_t i = 0; i < a->oh; i++) {
        window h = window_at(i, a->kernel[0], a->stride[0], a->padding[0], a->h);
        int64_t first = 0, last = 0; /* columns that stand in sums */
        for (int64_t j = 0; j < a->ow; j++, y += channels) {
            window w = window_at(j, a->kernel[1], a->stride[1], a->padding[1], a->w);
            const REAL scale = divisor_of(a, h, w);
            if (w.end - w.begin > part) {
                for (int64_t c = 0; c < channels; c++) {
                    y[c] = 0;
                    for (int64_t p = h.begin; p < h.end; p++)
                        for (int64_t q = w.begin; q < w.end; q++)
                            y[c] += x[p * row + q * channels + c];
                    y[c] *= scale;
                }
                continue;
            }
            if (w.end > last) {
                first = w.begin;
                last = first + part < a->w ? first + part : a->w;
                const REAL *restrict from = x + h.begin * row + first * channels;
                const int64_t n = (last - first) * channels, rows = h.end - h.begin;
                add_rows(sums, from, row, rows, n);
            }
            sum_columns(y, sums + (w.begin - first) * channels, w.end - w.begin, channels, end - y, scale);
        }
    }
}

/* Windows side by side: every pixel belongs to one at most, and rows of a window are alike. */
static void spread_apart(const pool_args *a, REAL *restrict dx, const REAL *restrict dy)
{
    const int64_t channels = a->c, row = a->w * channels, kh = a->kernel[0], kw = a->kernel[1],
                  used = a->ow * kw * channels;
    const REAL scale = 1 / (REAL)(kh * kw);
    for (int64_t i = 0; i < a->oh; i++, dx += kh * row) {
        REAL *to = dx;
        for (int64_t j = 0; j < a->ow; j++, dy += channels)
            for (int64_t q = 0; q < kw; q++, to += channels)
                for (int64_t c = 0; c < channels; c++)
                    to[c] = dy[c] * scale;
        memset(to, 0, (size_t)(row - used) * sizeof *to);
        for (int64_t p = 1; p < kh; p++)
            memcpy(dx + p * row, dx, (size_t)row * sizeof *dx);
    }
    memset(dx, 0, (size_t)((a->h - a->oh * kh) * row) * sizeof *dx);
}

static void avg_pool_backward(const pool_args *a, void *dx_, const void *dy_)
{
    if (a->stride[0] == a->kernel[0] && a->stride[1] == a->kernel[1] && !a->padding[0] && !a->padding[1] &&
        a->oh * a->kernel[0] <= a->h && a->ow * a->kernel[1] <= a->w) {
        spread_apart(a, dx_, dy_);
        return;
    }
    REAL *restrict dx = dx_;
    const REAL *restrict dy = dy_;
    const int64_t channels = a->c;
    memset(dx, 0, (size_t)(a->h * a->w * channels) * sizeof *dx);
    for (int64_t i = 0; i < a->oh; i++) {
        window h = window_at(i, a->kernel[0], a->stride[0], a->padding[0], a->h);
        for (int64_t j = 0; j < a->ow; j++, dy += channels) {
            window w = window_at(j, a->kernel[1], a->stride[1], a->padding[1], a->w);
            const REAL scale = divisor_of(a, h, w);
            for (int64_t p = h.begin; p < h.end; p++)
                for (int64_t q = w.begin; q < w.end; q++)
                    for (int64_t c = 0; c < channels; c++)
                        dx[(p * a->w + q) * channels + c] += dy[c] * scale;
        }
    }
}

enum { GROUP = 64 }; /* channels whose best is kept beside the loop over a window's taps */

/* The largest of each of n channels in one window, and if index is there, where it stood.  h and w: the window's first row and
 * column, of which rows and columns [p, q) of taps lie inside.  Places count in 32 bits, as wide as f32, so that both fit the
 * same vectors. */
static inline __attribute__((always_inline)) void max_window(const pool_args *a, REAL *restrict y,
                                                             int64_t *restrict index, const REAL *restrict x,
                                                             int64_t h, int64_t w, const int64_t rows[2],
                                                             const int64_t columns[2], int n)
{
    REAL best[GROUP];
    uint32_t place[GROUP];
    if (rows[0] >= rows[1] || columns[0] >= columns[1]) {
        for (int c = 0; c < n; c++)
            y[c] = LOWEST;
        for (int c = 0; index && c < n; c++)
            index[c] = -1;
        return;
    }
    const int64_t first = (h + rows[0] * a->dilation[0]) * a->w + w + columns[0] * a->dilation[1];
    memcpy(best, x + first * a->c, (size_t)n * sizeof *best);
    for (int c = 0; index && c < n; c++)
        place[c] = (uint32_t)first;
    for (int64_t p = rows[0]; p < rows[1]; p++)
        for (int64_t q = columns[0]; q < columns[1]; q++) {
            const int64_t tap = (h + p * a->dilation[0]) * a->w + w + q * a->dilation[1];
            const REAL *restrict from = x + tap * a->c;
            for (int c = 0; c < n; c++) {
                const bool better =
                    (from[c] > best[c]) | IS_NAN(from[c]); /* of several NaN the last, as in PyTorch */
                if (index)
                    place[c] = better ? (uint32_t)tap : place[c];
                best[c] = better ? from[c] : best[c];
            }
        }
    memcpy(y, best, (size_t)n * sizeof *y);
    for (int c = 0; index && c < n; c++)
        index[c] = (int64_t)place[c];
}

/* Which taps of a window that begins at first lie inside: those of a dilated one may all lie outside. */
static void inner_taps(int64_t taps[2], int64_t first, int64_t kernel, int64_t dilation, int64_t size)
{
    taps[0] = first < 0 ? (-first + dilation - 1) / dilation : 0;
    taps[1] = first < size ? (size - first + dilation - 1) / dilation : 0;
    taps[1] = taps[1] < kernel ? taps[1] : kernel;
}

static inline __attribute__((always_inline)) void max_windows(const pool_args *a, REAL *y, int64_t *index,
                                                              const REAL *x)
{
    const int64_t channels = a->c;
    for (int64_t i = a->begin_row; i < a->end_row; i++)
        for (int64_t j = 0; j < a->ow; j++) {
            const int64_t at = (i * a->ow + j) * channels, h = i * a->stride[0] - a->padding[0],
                          w = j * a->stride[1] - a->padding[1];
            int64_t rows[2], columns[2], c = 0;
            inner_taps(rows, h, a->kernel[0], a->dilation[0], a->h);
            inner_taps(columns, w, a->kernel[1], a->dilation[1], a->w);
            for (; c + GROUP <= channels; c += GROUP)
                max_window(a, y + at + c, index ? index + at + c : NULL, x + c, h, w, rows, columns, GROUP);
            if (c < channels)
                max_window(a, y + at + c, index ? index + at + c : NULL, x + c, h, w, rows, columns,
                           (int)(channels - c));
        }
}

static void max_pool(const pool_args *a, void *y, int64_t *index, const void *x)
{
    if (index)
        max_windows(a, y, index, x);
    else
        max_windows(a, y, NULL, x);
}

static void max_pool_backward(const pool_args *a, void *dx_, const void *dy_, const int64_t *index)
{
    REAL *dx = dx_;
    const REAL *dy = dy_;
    const int64_t channels = a->c, inside = a->h * a->w;
    memset(dx, 0, (size_t)(a->h * a->w * channels) * sizeof *dx);
    for (int64_t i = 0; i < a->oh * a->ow; i++, dy += channels, index += channels)
        for (int64_t c = 0; c < channels; c++)
            if (index[c] >= 0 && index[c] < inside) /* an index from elsewhere writes nowhere */
                dx[index[c] * channels + c] += dy[c];
}

static void fill_pool(kernel_table *t, kernel_type type)
{
    t->max_pool[type] = max_pool;
    t->max_pool_backward[type] = max_pool_backward;
    t->avg_pool[type] = avg_pool;
    t->avg_pool_backward[type] = avg_pool_backward;
}
