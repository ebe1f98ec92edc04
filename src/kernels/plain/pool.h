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

/* Windows side by side: every pixel belongs to one at most, and all windows are alike. */
static bool is_side_by_side(const pool_args *a)
{
    return a->stride[0] == a->kernel[0] && a->stride[1] == a->kernel[1] && !a->padding[0] && !a->padding[1] &&
           a->dilation[0] == 1 && a->dilation[1] == 1 && a->oh * a->kernel[0] <= a->h &&
           a->ow * a->kernel[1] <= a->w;
}

enum { MOST = 2048 };

static void avg_apart(const pool_args *a, REAL *restrict y, const REAL *restrict x)
{
    const int64_t channels = a->c, row = a->w * channels, step = a->kernel[1] * channels;
    const REAL *const end = y + a->oh * a->ow * channels;
    const REAL scale = 1 / (REAL)(a->kernel[0] * a->kernel[1]);
    REAL sums[MOST + FEW];
    for (int64_t i = 0; i < a->oh; i++, x += a->kernel[0] * row) {
        add_rows(sums, x, row, a->kernel[0], a->ow * step);
        for (int64_t j = 0; j < a->ow; j++, y += channels)
            sum_columns(y, sums + j * step, a->kernel[1], channels, end - y, scale);
    }
}

/* Rows of a window first, over the whole width at once; then its columns. */
static void avg_pool(const pool_args *a, void *y_, const void *x_)
{
    if (is_side_by_side(a) && a->ow * a->kernel[1] * a->c <= MOST) {
        avg_apart(a, y_, x_);
        return;
    }
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

/* The rows of a window are alike.  Of few channels a whole vector is written where there is room, as in sum_columns. */
static void spread_apart(const pool_args *a, REAL *restrict dx, const REAL *restrict dy)
{
    const int64_t channels = a->c, row = a->w * channels, kh = a->kernel[0], kw = a->kernel[1],
                  used = a->ow * kw * channels;
    const REAL *const end = dx + a->h * row, *const last = dy + a->oh * a->ow * channels;
    const REAL scale = 1 / (REAL)(kh * kw);
    for (int64_t i = 0; i < a->oh; i++, dx += kh * row) {
        REAL *to = dx;
        for (int64_t j = 0; j < a->ow; j++, dy += channels)
            if (channels < FEW && end - to >= kw * FEW && last - dy >= FEW)
                for (int64_t q = 0; q < kw; q++, to += channels)
                    for (int64_t c = 0; c < FEW; c++)
                        to[c] = dy[c] * scale;
            else
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
    if (is_side_by_side(a)) {
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

enum { GROUP = 64, NOWHERE = 255 }; /* channels whose best is kept beside the loop over a window's taps */

typedef enum { VALUES, PLACES, TAPS } max_kind; /* what is written beside the values */

/* Which taps of a window that begins at first lie inside: those of a dilated one may all lie outside. */
static void inner_taps(int64_t taps[2], int64_t first, int64_t kernel, int64_t dilation, int64_t size)
{
    taps[0] = first < 0 ? (-first + dilation - 1) / dilation : 0;
    taps[1] = first < size ? (size - first + dilation - 1) / dilation : 0;
    taps[1] = taps[1] < kernel ? taps[1] : kernel;
}

typedef struct inner {
    int64_t h, w;                /* the window's first row and column */
    int64_t rows[2], columns[2]; /* [0], [1]: of its taps those that lie inside */
} inner;

static inner inner_window(const pool_args *a, int64_t i, int64_t j)
{
    inner t = { .h = i * a->stride[0] - a->padding[0], .w = j * a->stride[1] - a->padding[1] };
    inner_taps(t.rows, t.h, a->kernel[0], a->dilation[0], a->h);
    inner_taps(t.columns, t.w, a->kernel[1], a->dilation[1], a->w);
    return t;
}

static inline int64_t pixel_of(const pool_args *a, const inner *t, int64_t p, int64_t q)
{
    return (t->h + p * a->dilation[0]) * a->w + t->w + q * a->dilation[1];
}

static inline __attribute__((always_inline)) void keep_places(void *index, int64_t at, const uint32_t *place,
                                                              max_kind kind, int n)
{
    for (int c = 0; kind == PLACES && c < n; c++)
        ((int64_t *)index)[at + c] = place ? (int64_t)place[c] : -1;
    for (int c = 0; kind == TAPS && c < n; c++)
        ((uint8_t *)index)[at + c] = place ? (uint8_t)place[c] : NOWHERE;
}

/* The largest of each of n channels in one window, and where it stood.  Places count in 32 bits, as wide as f32, so that both
 * fit the same vectors. */
static inline __attribute__((always_inline)) void max_window(const pool_args *a, REAL *restrict y,
                                                             void *index, int64_t at, const REAL *restrict x,
                                                             const inner *t, max_kind kind, int n)
{
    REAL best[GROUP];
    uint32_t place[GROUP];
    if (t->rows[0] >= t->rows[1] || t->columns[0] >= t->columns[1]) {
        for (int c = 0; c < n; c++)
            y[at + c] = LOWEST;
        keep_places(index, at, NULL, kind, n);
        return;
    }
    const int64_t first = pixel_of(a, t, t->rows[0], t->columns[0]);
    memcpy(best, x + first * a->c, (size_t)n * sizeof *best);
    for (int c = 0; kind != VALUES && c < n; c++)
        place[c] = (uint32_t)(kind == TAPS ? t->rows[0] * a->kernel[1] + t->columns[0] : first);
    for (int64_t p = t->rows[0]; p < t->rows[1]; p++)
        for (int64_t q = t->columns[0]; q < t->columns[1]; q++) {
            const int64_t pixel = pixel_of(a, t, p, q), here = kind == TAPS ? p * a->kernel[1] + q : pixel;
            const REAL *restrict from = x + pixel * a->c;
            for (int c = 0; c < n; c++) {
                const REAL larger = from[c] > best[c] ? from[c] : best[c];
                if (kind != VALUES)
                    place[c] = ((from[c] > best[c]) | IS_NAN(from[c])) ? (uint32_t)here : place[c];
                best[c] = IS_NAN(from[c]) ? from[c] : larger; /* of several NaN the last, as in PyTorch */
            }
        }
    memcpy(y + at, best, (size_t)n * sizeof *y);
    keep_places(index, at, place, kind, n);
}

static inline __attribute__((always_inline)) void max_windows(const pool_args *a, REAL *y, void *index,
                                                              const REAL *x, max_kind kind)
{
    const int64_t channels = a->c;
    for (int64_t i = a->begin_row; i < a->end_row; i++)
        for (int64_t j = 0; j < a->ow; j++) {
            const int64_t at = (i * a->ow + j) * channels;
            const inner t = inner_window(a, i, j);
            int64_t c = 0;
            for (; kind != PLACES && channels >= GROUP && c < channels; c += GROUP) {
                const int64_t first = c + GROUP <= channels ? c : channels - GROUP;
                max_window(a, y, index, at + first, x + first, &t, kind, GROUP);
            }
            for (; c < channels; c += GROUP) /* places are seldom asked for: one body is enough */
                max_window(a, y, index, at + c, x + c, &t, kind,
                           (int)(channels - c < GROUP ? channels - c : GROUP));
        }
}

static void max_pool(const pool_args *a, void *y, void *index, const void *x)
{
    if (!index)
        max_windows(a, y, NULL, x, VALUES);
    else if (a->taps)
        max_windows(a, y, index, x, TAPS);
    else
        max_windows(a, y, index, x, PLACES);
}

/* dx[c] = or += dy[c] where the largest stood at this tap */
static inline __attribute__((always_inline)) void give_back(REAL *restrict dx, const REAL *restrict dy,
                                                            const uint8_t *restrict at, int64_t tap,
                                                            int64_t n, bool adds)
{
    for (int64_t c = 0; c < n; c++) {
        const REAL mine = at[c] == tap ? dy[c] : 0;
        dx[c] = adds ? dx[c] + mine : mine;
    }
}

static inline __attribute__((always_inline)) void give_back_windows(const pool_args *a, REAL *dx,
                                                                    const REAL *dy, const uint8_t *at,
                                                                    int64_t n, bool adds)
{
    for (int64_t i = 0; i < a->oh; i++)
        for (int64_t j = 0; j < a->ow; j++, dy += a->c, at += a->c) {
            const inner t = inner_window(a, i, j);
            for (int64_t p = t.rows[0]; p < t.rows[1]; p++)
                for (int64_t q = t.columns[0]; q < t.columns[1]; q++)
                    give_back(dx + pixel_of(a, &t, p, q) * a->c, dy, at, p * a->kernel[1] + q, n, adds);
        }
}

static void max_pool_backward(const pool_args *a, void *dx_, const void *dy_, const void *index)
{
    const int64_t channels = a->c, inside = a->h * a->w, n = a->end_channel - a->begin_channel;
    REAL *dx = (REAL *)dx_ + a->begin_channel;
    const REAL *dy = (const REAL *)dy_ + a->begin_channel;
    if (a->taps && is_side_by_side(a) && a->oh * a->kernel[0] == a->h &&
        a->ow * a->kernel[1] == a->w) { /* no pixel is left over: each is written once */
        give_back_windows(a, dx, dy, (const uint8_t *)index + a->begin_channel, n, false);
        return;
    }
    for (int64_t i = 0; i < inside; i++)
        memset(dx + i * channels, 0, (size_t)n * sizeof *dx);
    if (a->taps) {
        give_back_windows(a, dx, dy, (const uint8_t *)index + a->begin_channel, n, true);
        return;
    }
    const int64_t *place = (const int64_t *)index + a->begin_channel;
    for (int64_t i = 0; i < a->oh * a->ow; i++, dy += channels, place += channels)
        for (int64_t c = 0; c < n; c++)
            if (place[c] >= 0 && place[c] < inside) /* an index from elsewhere writes nowhere */
                dx[place[c] * channels + c] += dy[c];
}

static void fill_pool(kernel_table *t, kernel_type type)
{
    t->max_pool[type] = max_pool;
    t->max_pool_backward[type] = max_pool_backward;
    t->avg_pool[type] = avg_pool;
    t->avg_pool_backward[type] = avg_pool_backward;
}
