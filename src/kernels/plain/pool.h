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

static void max_pool(const pool_args *a, void *y_, int64_t *restrict index, const void *x_)
{
    REAL *restrict y = y_;
    const REAL *restrict x = x_;
    const int64_t channels = a->c;
    for (int64_t i = 0; i < a->oh; i++)
        for (int64_t j = 0; j < a->ow; j++, y += channels, index += channels) {
            bool first = true;
            for (int64_t p = 0; p < a->kernel[0]; p++)
                for (int64_t q = 0; q < a->kernel[1]; q++) {
                    int64_t h = i * a->stride[0] - a->padding[0] + p * a->dilation[0];
                    int64_t w = j * a->stride[1] - a->padding[1] + q * a->dilation[1];
                    if (h < 0 || w < 0 || h >= a->h || w >= a->w)
                        continue;
                    const REAL *from = x + (h * a->w + w) * channels;
                    const int64_t at = h * a->w + w;
                    if (first)
                        for (int64_t c = 0; c < channels; c++)
                            y[c] = from[c], index[c] = at;
                    else
                        for (int64_t c = 0; c < channels; c++) {
                            bool better = from[c] > y[c] ||
                                          IS_NAN(from[c]); /* of several NaN the last, as in PyTorch */
                            index[c] = better ? at : index[c];
                            y[c] = better ? from[c] : y[c];
                        }
                    first = false;
                }
            for (int64_t c = 0; c < channels && first;
                 c++) /* every tap of a dilated window may lie outside */
                y[c] = LOWEST, index[c] = -1;
        }
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
