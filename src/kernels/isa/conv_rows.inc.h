/* conv_rows.inc.h - forward convolutions of few channels into up to a vector or two of them, row by row, for REAL.
 *
 * A tile of pixels by channels whose rows are pointers anywhere (conv.inc.h) needs a register for each; where a tile is one vector
 * wide they run out, and it reads its pointers anew at each step.  Here PIXELS pixels follow each other in a row of the result, and in
 * AVX-512 those of the row below go with them: all are so many steps from one pointer.  Tiles that would hang over begin earlier instead.
 * An image with a border is a copy.  Sums are those of conv.inc.h, in the same order.
 * Layer: kernels.  Depends on conv_bands.inc.h.  Read next: conv_planar.inc.h. */
enum {
    PIXELS = 5,
    PIXEL_VECTORS = WIDTH == 16 ? 1 : 2,
    ROWS_AT_ONCE = 3 - PIXEL_VECTORS,
    ROW_COLS = PIXEL_VECTORS * WIDTH,
};

typedef struct pixel_rows {
    gather g;
    int64_t taps;       /* of all channels in, which follow each other in a row of the kernel */
    int64_t high, wide; /* of an image with its border; numbers of a row */
    int64_t bands;
    const conv_args *args;
    const REAL *weights; /* [ROW_COLS channels out][v][u][channel in][ROW_COLS] */
    size_t weight_bytes, image_bytes,
        slot_bytes; /* a thread's: weights, an image with its border, and its sums where they are pooled */
} pixel_rows;

static pixel_rows plan_rows(const gather *g)
{
    pixel_rows p = { .g = *g, .taps = g->kernel[0] * g->kernel[1] * g->in, .bands = bands_of(g) };
    p.high = g->sh + 2 * g->offset[0];
    p.wide = (g->sw + 2 * g->offset[1]) * g->sc;
    p.weight_bytes = rounded(divided(g->out, ROW_COLS) * ROW_COLS * p.taps);
    p.image_bytes = g->offset[0] || g->offset[1] ? rounded(p.high * p.wide) : 0;
    p.slot_bytes = p.weight_bytes + p.image_bytes + (g->between ? rounded(g->dh * g->dw * g->dc) : 0);
    return p;
}

static size_t rows_bytes(const gather *g)
{
    const pixel_rows p = plan_rows(g);
    return p.slot_bytes * (size_t)parallel_threads();
}

/* The image with its border, as far as the band reads it. */
static const REAL *image_with_border(const pixel_rows *p, const band *b, REAL *copy)
{
    const gather *g = &p->g;
    const int64_t row = g->sw * g->sc, first = b->first * g->multiply[0],
                  end = (b->end - 1) * g->multiply[0] + (g->kernel[0] - 1) * g->dilation[0] + 1;
    const REAL *x = g->src + b->image * g->sh * row;
    if (!p->image_bytes)
        return x;
    pad_rows(copy + first * p->wide, x, g->sh, row, g->offset[0], g->offset[1] * g->sc, first, end);
    return copy;
}

/* x: the first tap of the first pixel; channels from k on */
static void row_tile(const pixel_rows *p, const REAL *x, int64_t k, REAL *y)
{
    const gather *g = &p->g;
    const int64_t step = g->multiply[1] * g->sc, length = g->kernel[1] * g->in, cols = g->out - k;
    const REAL *w = p->weights + k * p->taps;
    vec sum[ROWS_AT_ONCE][PIXELS][PIXEL_VECTORS];
    V(mask) some[PIXEL_VECTORS];
#pragma GCC unroll 2
    for (int64_t j = 0; j < PIXEL_VECTORS; j++) {
        const int64_t left = cols - j * WIDTH;
        some[j] = V(first)(left < 0 ? 0 : left < WIDTH ? (int)left : WIDTH);
        const vec start = g->bias ? V(load_first)(g->bias + k + j * WIDTH, some[j]) : (vec){ 0 };
#pragma GCC unroll 2
        for (int r = 0; r < ROWS_AT_ONCE; r++)
#pragma GCC unroll 5
            for (int i = 0; i < PIXELS; i++)
                sum[r][i][j] = start;
    }
    for (int64_t v = 0; v < g->kernel[0]; v++) {
        const REAL *row[2] = { x + v * g->dilation[0] * p->wide };
        row[1] = row[0] + g->multiply[0] * p->wide;
        for (const REAL *end = row[0] + length; row[0] < end; row[0]++, row[1]++, w += ROW_COLS) {
            vec right[PIXEL_VECTORS];
#pragma GCC unroll 2
            for (int j = 0; j < PIXEL_VECTORS; j++)
                right[j] = V(load)(w + j * WIDTH);
#pragma GCC unroll 2
            for (int r = 0; r < ROWS_AT_ONCE; r++)
#pragma GCC unroll 5
                for (int i = 0; i < PIXELS; i++)
#pragma GCC unroll 2
                    for (int j = 0; j < PIXEL_VECTORS; j++)
                        sum[r][i][j] += row[r][i * step] * right[j];
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < ROWS_AT_ONCE; r++)
#pragma GCC unroll 5
        for (int i = 0; i < PIXELS; i++)
#pragma GCC unroll 2
            for (int64_t j = 0; j < PIXEL_VECTORS; j++) {
                REAL *to = y + (r * g->dw + i) * g->dc + k + j * WIDTH;
                const vec z = g->relu ? V(rectified)(sum[r][i][j]) : sum[r][i][j];
                if (FREE_MASKS || cols < (j + 1) * WIDTH)
                    V(store_first)(to, some[j], z);
                else
                    V(store)(to, z);
            }
}

/* Means of 2x2 of so many rows, in the order of the operation: rows first. */
static void pool_pixels(const gather *g, int64_t rows, const REAL *restrict x, REAL *restrict y)
{
    const int64_t channels = g->dc, row = g->dw * channels;
    for (int64_t i = 0; i < rows / 2; i++)
        for (int64_t j = 0; j < g->dw / 2; j++, y += channels) {
            const REAL *restrict from = x + 2 * (i * row + j * channels);
            for (int64_t c = 0; c < channels; c++)
                y[c] = ((from[c] + from[row + c]) + (from[channels + c] + from[row + channels + c])) *
                       (REAL)0.25;
        }
}

static void turn_weights(const pixel_rows *p, REAL *to)
{
    const gather *g = &p->g;
    for (int64_t k = 0; k < g->out; k += ROW_COLS)
        turn_panel(to + k * p->taps, ROW_COLS, (const REAL *)p->args->weight + k * p->taps, p->taps,
                   g->out - k, g->in, g->kernel[0] * g->kernel[1]);
}

static void bands_by_rows(void *context, int64_t begin, int64_t end)
{
    pixel_rows own = *(const pixel_rows *)context;
    const pixel_rows *p = &own;
    const gather *g = &p->g;
    REAL *slot = slot_here(p->args, p->slot_bytes), *copy = slot + p->weight_bytes / sizeof(REAL),
         *sums = copy + p->image_bytes / sizeof(REAL);
    if (p->bands > 1) {
        turn_weights(p, slot);
        own.weights = slot;
    }
    for (int64_t at = begin; at < end; at++) {
        const band b = band_at(g, p->bands, at);
        const int64_t rows = b.end - b.first;
        const REAL *x = image_with_border(p, &b, copy) + b.first * g->multiply[0] * p->wide;
        REAL *y = g->between ? sums : g->dst + (b.image * g->dh + b.first) * g->dw * g->dc;
        for (int64_t k = 0; k < g->out; k += ROW_COLS)
            for (int64_t i = 0; i < rows; i += ROWS_AT_ONCE) {
                const int64_t row = i < rows - ROWS_AT_ONCE ? i : rows - ROWS_AT_ONCE;
                for (int64_t j = 0; j < g->dw; j += PIXELS) {
                    const int64_t pixel = j < g->dw - PIXELS ? j : g->dw - PIXELS;
                    row_tile(p, x + row * g->multiply[0] * p->wide + pixel * g->multiply[1] * g->sc, k,
                             y + (row * g->dw + pixel) * g->dc);
                }
            }
        if (!g->between)
            continue;
        g->between(sums, sums, rows * g->dw * g->dc, NULL);
        pool_pixels(g, rows, sums, g->dst + (b.image * (g->dh / 2) + b.first / 2) * (g->dw / 2) * g->dc);
    }
}

static void run_rows(const gather *g, const conv_args *a)
{
    pixel_rows p = plan_rows(g);
    p.args = a, p.weights = a->scratch;
    if (p.bands == 1)
        turn_weights(&p, a->scratch);
    run_bands(g, p.bands, a, p.slot_bytes, bands_by_rows, &p);
}
