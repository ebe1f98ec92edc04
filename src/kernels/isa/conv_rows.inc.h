/* conv_rows.inc.h - forward convolutions of few channels into up to a vector or two of them, row by row, for REAL.
 *
 * A tile of pixels by channels whose rows are pointers anywhere (conv.inc.h) needs a register for each; where a tile is one vector
 * wide they run out, and it reads its pointers anew at each step.  Here PIXELS pixels follow each other in a row of the result, and in
 * AVX-512 those of the row below go with them: all are so many steps from one pointer.  Tiles that would hang over begin earlier instead.
 * An image with a border is a copy.  Sums are those of conv.inc.h, in the same order.
 * Layer: kernels.  Depends on conv.inc.h.  Read next: conv_planar.inc.h. */
enum {
    PIXELS = 5,
    PIXEL_VECTORS = WIDTH == 16 ? 1 : 2,
    ROWS_AT_ONCE = 3 - PIXEL_VECTORS,
    ROW_COLS = PIXEL_VECTORS * WIDTH,
};

typedef struct pixel_rows {
    gather g;
    int64_t taps;        /* of all channels in, which follow each other in a row of the kernel */
    int64_t high, wide;  /* of an image with its border; numbers of a row */
    const REAL *weights; /* [ROW_COLS channels out][v][u][channel in][ROW_COLS] */
    size_t weight_bytes, image_bytes, slot_bytes;
    char *slots; /* for each thread an image with its border, and its sums where they are pooled */
} pixel_rows;

static pixel_rows plan_rows(const gather *g)
{
    pixel_rows p = { .g = *g, .taps = g->kernel[0] * g->kernel[1] * g->in };
    p.high = g->sh + 2 * g->offset[0];
    p.wide = (g->sw + 2 * g->offset[1]) * g->sc;
    p.weight_bytes = rounded(divided(g->out, ROW_COLS) * ROW_COLS * p.taps);
    p.image_bytes = g->offset[0] || g->offset[1] ? rounded(p.high * p.wide) : 0;
    p.slot_bytes = p.image_bytes + (g->between ? rounded(g->dh * g->dw * g->dc) : 0);
    return p;
}

static size_t rows_bytes(const gather *g)
{
    const pixel_rows p = plan_rows(g);
    return p.weight_bytes + p.slot_bytes * (size_t)parallel_threads();
}

static const REAL *image_with_border(const pixel_rows *p, int64_t image, REAL *copy)
{
    const gather *g = &p->g;
    const int64_t row = g->sw * g->sc;
    const REAL *x = g->src + image * g->sh * row;
    if (!p->image_bytes)
        return x;
    pad_image(copy, x, g->sh, row, g->offset[0], g->offset[1] * g->sc);
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

/* Means of 2x2, in the order of the operation: rows first. */
static void pool_pixels(const gather *g, const REAL *restrict x, REAL *restrict y)
{
    const int64_t channels = g->dc, row = g->dw * channels;
    for (int64_t i = 0; i < g->dh / 2; i++)
        for (int64_t j = 0; j < g->dw / 2; j++, y += channels) {
            const REAL *restrict from = x + 2 * (i * row + j * channels);
            for (int64_t c = 0; c < channels; c++)
                y[c] = ((from[c] + from[row + c]) + (from[channels + c] + from[row + channels + c])) *
                       (REAL)0.25;
        }
}

static void images_by_rows(void *context, int64_t begin, int64_t end)
{
    const pixel_rows *p = context;
    const gather *g = &p->g;
    char *slot = p->slots + parallel_thread() * (int64_t)p->slot_bytes;
    REAL *sums = (REAL *)(void *)(slot + p->image_bytes);
    for (int64_t image = begin; image < end; image++) {
        const REAL *x = image_with_border(p, image, (REAL *)(void *)slot);
        REAL *y = g->between ? sums : g->dst + image * g->dh * g->dw * g->dc;
        for (int64_t k = 0; k < g->out; k += ROW_COLS)
            for (int64_t i = 0; i < g->dh; i += ROWS_AT_ONCE) {
                const int64_t row = i < g->dh - ROWS_AT_ONCE ? i : g->dh - ROWS_AT_ONCE;
                for (int64_t j = 0; j < g->dw; j += PIXELS) {
                    const int64_t pixel = j < g->dw - PIXELS ? j : g->dw - PIXELS;
                    row_tile(p, x + row * g->multiply[0] * p->wide + pixel * g->multiply[1] * g->sc, k,
                             y + (row * g->dw + pixel) * g->dc);
                }
            }
        if (!g->between)
            continue;
        g->between(sums, sums, g->dh * g->dw * g->dc, NULL);
        pool_pixels(g, sums, g->dst + image * (g->dh / 2) * (g->dw / 2) * g->dc);
    }
}

static void run_rows(const gather *g, const conv_args *a)
{
    pixel_rows p = plan_rows(g);
    REAL *weights = a->scratch;
    const int64_t area = g->kernel[0] * g->kernel[1];
    for (int64_t k = 0; k < g->out; k += ROW_COLS)
        turn_panel(weights + k * p.taps, ROW_COLS, (const REAL *)a->weight + k * p.taps, p.taps, g->out - k,
                   g->in, area);
    p.weights = weights;
    p.slots = (char *)a->scratch + p.weight_bytes;
    const int64_t slots =
        p.slot_bytes ? (int64_t)((a->scratch_bytes - p.weight_bytes) / p.slot_bytes) : INT32_MAX;
    const double work = (double)(g->dh * g->dw * g->out) * (double)p.taps * (double)g->n;
    parallel_for_at_most((int)slots, g->n, grain_for(work, g->n), images_by_rows, &p);
}
