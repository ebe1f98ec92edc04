/* conv_planar.inc.h - convolutions of few channels into few, in three directions: vectors run along a row of pixels, for REAL.
 *
 * With a channel or three on one side and less than a vector on the other, a tile of pixels by channels (conv.inc.h) leaves most
 * lanes empty.  Here each channel of an image is copied into a plane with its border of zeros, and two vectors of pixels, of one row
 * or of two, of up to PLANAR_OUT channels are summed in registers.  LeNet is the case in point.
 * Where the result is pooled (conv_args), an image's sums stay planes until they are means of 2x2.
 * Layer: kernels.  Depends on conv_bands.inc.h.  Read next: conv_rows.inc.h, conv_way.c. */
enum { PLANAR_OUT = 6, RUNS = VECTOR_BYTES == 64 ? 3 : 2 /* as registers allow */ };
#define EIGHT 8

typedef struct planar {
    gather g;
    int64_t high, wide; /* of a plane */
    int64_t vectors;    /* of pixels in a row of the result */
    int64_t blocks;     /* of PLANAR_OUT channels out */
    int64_t taps;       /* of all channels in */
    int64_t bands;      /* of an image */
    const conv_args *args;
    bool transposed;       /* for the data gradient, channels swapped, taps in reverse */
    const REAL *weights;   /* [block][tap][PLANAR_OUT] */
    const int64_t *offset; /* of a tap in the planes */
    size_t weight_bytes, offset_bytes, plane_bytes,
        slot_bytes; /* a thread's: weights, offsets, the planes of an image, and those of its sums where they are pooled */
} planar;

/* Numbers of a plane of sums: rows side by side, the last vector of each reaching into the next one. */
static int64_t plane_of_sums(const planar *p, int64_t rows)
{
    return (rows - 1) * p->g.dw + p->vectors * WIDTH;
}

static planar plan_planar(const gather *g)
{
    planar p = { .g = *g,
                 .vectors = divided(g->dw, WIDTH),
                 .blocks = divided(g->out, PLANAR_OUT),
                 .taps = g->in * g->kernel[0] * g->kernel[1],
                 .bands = bands_of(g) };
    const int64_t read = p.vectors * WIDTH + (g->kernel[1] - 1) * g->dilation[1],
                  copied = g->sw + 2 * g->offset[1];
    p.high = g->sh + 2 * g->offset[0];
    p.wide = read > copied ? read : copied;
    p.weight_bytes = rounded(p.blocks * p.taps * PLANAR_OUT);
    p.offset_bytes = (size_t)divided(p.taps, 8) * 64;
    p.plane_bytes = rounded(g->in * p.high * p.wide);
    p.slot_bytes = p.weight_bytes + p.offset_bytes + p.plane_bytes +
                   (g->between ? rounded(g->out * plane_of_sums(&p, g->dh)) : 0);
    return p;
}

static size_t planar_bytes(const gather *g)
{
    planar p = plan_planar(g);
    return p.slot_bytes * (size_t)parallel_threads();
}

static void planar_weights(const planar *p, REAL *to)
{
    const gather *g = &p->g;
    const REAL *w = p->args->weight;
    const bool transposed = p->transposed;
    const int64_t area = g->kernel[0] * g->kernel[1], in_step = transposed ? g->out * area : area,
                  out_step = transposed ? area : g->in * area;
    for (int64_t block = 0; block < p->blocks; block++)
        for (int64_t c = 0; c < g->in; c++)
            for (int64_t t = 0; t < area; t++)
                for (int64_t i = 0; i < PLANAR_OUT; i++) {
                    int64_t k = block * PLANAR_OUT + i;
                    *to++ = k < g->out ? w[c * in_step + k * out_step + (transposed ? area - 1 - t : t)] : 0;
                }
}

static void planar_offsets(const planar *p, int64_t *to)
{
    const gather *g = &p->g;
    for (int64_t c = 0; c < g->in; c++)
        for (int64_t v = 0; v < g->kernel[0]; v++)
            for (int64_t u = 0; u < g->kernel[1]; u++)
                *to++ = (c * p->high + v * g->dilation[0]) * p->wide + u * g->dilation[1];
}

/* Weights and offsets, at the beginning of a slot. */
static void lay_out(planar *p, char *slot)
{
    REAL *weights = (REAL *)(void *)slot;
    int64_t *offset = (int64_t *)(void *)(slot + p->weight_bytes);
    planar_weights(p, weights);
    planar_offsets(p, offset);
    p->weights = weights, p->offset = offset;
}

/* ---- pixels of EIGHT channels and planes of WIDTH pixels: the same numbers, turned ---------------------------------------- */

/* EIGHT numbers of each of n pixels, `step` apart; of the pixels that are not there anything */
INLINE void load_pixels(vec v[EIGHT], const REAL *from, int64_t step, int64_t n)
{
    enum { EACH = WIDTH > EIGHT ? 1 : EIGHT / WIDTH }; /* vectors */
#pragma GCC unroll 8
    for (int64_t i = 0; i < EIGHT; i++) {
        const int64_t j = WIDTH > EIGHT ? 2 * i : i / EACH;
        const REAL *at = from + (j < n ? j : n - 1) * step;
        v[i] =
            WIDTH > EIGHT ? V(load_halves)(at, j + 1 < n ? at + step : at) : V(load)(at + i % EACH * WIDTH);
    }
}

/* n pixels of `channels` numbers, `step` apart, into as many planes; all that is read lies before end */
static void pixels_to_planes(REAL *to, int64_t plane, const REAL *from, int64_t step, int64_t channels,
                             int64_t n, const REAL *end)
{
    if (step == 1) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int64_t w = 0; w < n; w += WIDTH, from += WIDTH * step) {
        const int64_t pixels = n - w < WIDTH ? n - w : WIDTH;
        for (int64_t c = 0; c < channels; c += EIGHT) {
            const int64_t some = channels - c < EIGHT ? channels - c : EIGHT;
            vec v[EIGHT];
            if (end - (from + (pixels - 1) * step + c) >= EIGHT)
                load_pixels(v, from + c, step, pixels);
            else {
                REAL copy[WIDTH][EIGHT] = { 0 };
                for (int64_t j = 0; j < pixels; j++)
                    memcpy(copy[j], from + j * step + c, (size_t)some * sizeof(REAL));
                load_pixels(v, copy[0], EIGHT, pixels);
            }
            shuffle_times(v, EIGHT, WIDTH_BITS);
            V(mask) m = V(first)((int)pixels);
#pragma GCC unroll 8
            for (int i = 0; i < EIGHT; i++)
                if (i < some)
                    V(store_first)(to + (c + i) * plane + w, m, v[i]);
        }
    }
}

/* The first n of WIDTH pixels of `out` channels, at most `most`. */
INLINE void planes_to_pixels(REAL *y, int64_t step, const vec sum[PLANAR_OUT], const int most, int out,
                             int64_t n)
{
    vec v[EIGHT];
#pragma GCC unroll 8
    for (int i = 0; i < EIGHT; i++)
        v[i] = sum[i < most ? i : 0];
    shuffle_times(v, EIGHT, 3);
    if (FREE_MASKS) { /* a pixel or two of each vector */
        const V(mask) low = V(first)(out), high = (V(mask))(V(first)(EIGHT + out) ^ V(first)(EIGHT));
#pragma GCC unroll 8
        for (int i = 0; i < EIGHT; i++) {
            const int64_t j = i * WIDTH / EIGHT;
            if (j < n)
                V(store_first)(y + j * step, low, v[i]);
            if (WIDTH > EIGHT && j + 1 < n)
                V(store_first)(y + (j + 1) * step - EIGHT, high, v[i]);
        }
        return;
    }
    REAL turned[WIDTH][EIGHT];
#pragma GCC unroll 8
    for (int i = 0; i < EIGHT; i++)
        V(store)(turned[0] + i * WIDTH, v[i]);
    for (int64_t j = 0; j < n; j++, y += step)
        if (out == most)
            memcpy(y, turned[j], (size_t)most * sizeof *y);
        else
            memcpy(y, turned[j], (size_t)out * sizeof *y);
}

/* An image with its border, as far as rows [first, last] of the result read it. */
static void copy_planes(const planar *p, int64_t image, int64_t first, int64_t last, REAL *planes)
{
    const gather *g = &p->g;
    const int64_t row = g->sw * g->sc, plane = p->high * p->wide, top = first * g->multiply[0],
                  bottom = last * g->multiply[0] + (g->kernel[0] - 1) * g->dilation[0];
    const REAL *from = g->src + image * g->sh * row, *end = g->src + g->n * g->sh * row;
    for (int64_t c = 0; c < g->sc; c++)
        memset(planes + c * plane + top * p->wide, 0,
               (size_t)((bottom + 1 - top) * p->wide) * sizeof *planes);
    for (int64_t h = top; h <= bottom; h++) {
        const int64_t i = h - g->offset[0];
        if (i >= 0 && i < g->sh)
            pixels_to_planes(planes + h * p->wide + g->offset[1], plane, from + i * row, g->sc, g->sc, g->sw,
                             end);
    }
}

/* ---- forward and data gradient ---------------------------------------------------------------------------------------------- */

typedef struct pixel_runs { /* each a part of a row of the result, at most a vector */
    const REAL *at[RUNS];   /* the first tap of the first one, in the first plane */
    REAL *to[RUNS];         /* its first pixel, or number in the first plane of sums */
    int64_t n[RUNS];
    int64_t plane;   /* from one plane of sums to the next */
    int64_t taps[2]; /* [begin, end) of a channel's: those in kernel rows that see more than the border */
} pixel_runs;

/* Channels from k on, at most `most`. */
INLINE void strip(const planar *p, const int most, const pixel_runs *run, const REAL *weights, int64_t k)
{
    const gather *g = &p->g;
    const int64_t area = g->kernel[0] * g->kernel[1];
    const int out = g->out - k < most ? (int)(g->out - k) : most;
    const REAL *at[RUNS];
    vec sum[RUNS][PLANAR_OUT];
#pragma GCC unroll 3
    for (int j = 0; j < RUNS; j++) {
        at[j] = run->at[j];
#pragma GCC unroll 6
        for (int i = 0; i < most; i++)
            sum[j][i] = (vec){ 0 } + (g->bias && i < out ? g->bias[k + i] : 0);
    }
    for (int64_t c = 0; c < p->taps; c += area)
        for (int64_t t = c + run->taps[0], end = c + run->taps[1]; t < end; t++) {
            const REAL *w = weights + t * PLANAR_OUT;
            vec x[RUNS];
#pragma GCC unroll 3
            for (int j = 0; j < RUNS; j++) {
                x[j] = V(load)(at[j] + p->offset[t]);
                HELD(x[j]);
            }
#pragma GCC unroll 6
            for (int i = 0; i < most; i++)
#pragma GCC unroll 3
                for (int j = 0; j < RUNS; j++)
                    sum[j][i] += w[i] * x[j];
        }
#pragma GCC unroll 3
    for (int j = 0; j < RUNS; j++) {
#pragma GCC unroll 6
        for (int i = 0; i < most; i++)
            sum[j][i] = g->relu ? V(rectified)(sum[j][i]) : sum[j][i];
        if (!g->between) {
            planes_to_pixels(run->to[j] + k, g->dc, sum[j], most, out, run->n[j]);
            continue;
        }
#pragma GCC unroll 6
        for (int i = 0; i < most; i++)
            if (i < out)
                V(store)(run->to[j] + (k + i) * run->plane, sum[j][i]);
    }
}

#define STRIP_OF(out)                                                                               \
    static void strip_##out(const planar *p, const pixel_runs *run, const REAL *weights, int64_t k) \
    {                                                                                               \
        strip(p, out, run, weights, k);                                                             \
    }
STRIP_OF(1)
STRIP_OF(3)
STRIP_OF(6)

/* Those from pixel `next` (row, column) of a band on, which moves behind them; one that is not there writes what the one before it does. */
static void find_runs(const planar *p, const band *b, int64_t next[2], const REAL *planes, REAL *sums,
                      pixel_runs *r)
{
    const gather *g = &p->g;
    const int64_t top = next[0];
    int64_t bottom = top;
    for (int q = 0; q < RUNS; q++) {
        if (next[0] == b->end) {
            r->at[q] = r->at[q - 1], r->to[q] = r->to[q - 1], r->n[q] = 0;
            continue;
        }
        bottom = next[0];
        r->at[q] = planes + bottom * g->multiply[0] * p->wide + next[1];
        r->to[q] = g->between ? sums + (bottom - b->first) * g->dw + next[1]
                              : g->dst + ((b->image * g->dh + bottom) * g->dw + next[1]) * g->dc;
        r->n[q] = g->dw - next[1] < WIDTH ? g->dw - next[1] : WIDTH;
        if ((next[1] += WIDTH) >= g->dw)
            next[0]++, next[1] = 0;
    }
    const int64_t above = g->offset[0] - bottom * g->multiply[0],
                  below =
                      top * g->multiply[0] + (g->kernel[0] - 1) * g->dilation[0] - g->offset[0] - g->sh + 1;
    r->taps[0] = above > 0 ? divided(above, g->dilation[0]) * g->kernel[1] : 0;
    r->taps[1] = (g->kernel[0] - (below > 0 ? divided(below, g->dilation[0]) : 0)) * g->kernel[1];
}

/* Means of 2x2 of so many rows, in the order of the operation: rows first. */
static void pool_planes(const planar *p, int64_t rows, const REAL *sums, REAL *y)
{
    const gather *g = &p->g;
    const int64_t row = g->dw, plane = plane_of_sums(p, rows), wide = g->dw / 2;
    for (int64_t i = 0; i < rows / 2; i++)
        for (int64_t k = 0; k < g->out; k += PLANAR_OUT)
            for (int64_t j = 0; j < wide; j += WIDTH) {
                const int out = g->out - k < PLANAR_OUT ? (int)(g->out - k) : PLANAR_OUT;
                vec mean[PLANAR_OUT];
#pragma GCC unroll 6
                for (int c = 0; c < PLANAR_OUT; c++) {
                    const REAL *at = sums + (k + (c < out ? c : 0)) * plane + 2 * (i * row + j);
                    const vec a = V(load)(at) + V(load)(at + row);
                    const vec b = 2 * j + WIDTH < p->vectors * WIDTH
                                      ? V(load)(at + WIDTH) + V(load)(at + row + WIDTH)
                                      : a;
                    mean[c] = (V(evens)(a, b) + V(odds)(a, b)) * (REAL)0.25;
                }
                planes_to_pixels(y + (i * wide + j) * g->dc + k, g->dc, mean, PLANAR_OUT, out,
                                 wide - j < WIDTH ? wide - j : WIDTH);
            }
}

static void planar_bands(void *context, int64_t begin, int64_t end)
{
    static void (*const strips[])(const planar *, const pixel_runs *, const REAL *,
                                  int64_t) = { NULL, strip_1, strip_3, strip_3, strip_6, strip_6, strip_6 };
    planar own = *(const planar *)context;
    const planar *p = &own;
    const gather *g = &p->g;
    char *slot = slot_here(p->args, p->slot_bytes);
    REAL *planes = (REAL *)(void *)(slot + p->weight_bytes + p->offset_bytes),
         *sums = planes + p->plane_bytes / sizeof(REAL);
    if (p->bands > 1)
        lay_out(&own, slot);
    for (int64_t at = begin; at < end; at++) {
        const band b = band_at(g, p->bands, at);
        const int64_t plane = plane_of_sums(p, b.end - b.first);
        copy_planes(p, b.image, b.first, b.end - 1, planes);
        for (int64_t next[2] = { b.first, 0 }; next[0] < b.end;) {
            pixel_runs run = { .plane = plane };
            find_runs(p, &b, next, planes, sums, &run);
            for (int64_t k = 0; k < g->out; k += PLANAR_OUT)
                strips[g->out - k < PLANAR_OUT ? g->out - k : PLANAR_OUT](p, &run, p->weights + k * p->taps,
                                                                          k);
        }
        if (!g->between)
            continue;
        g->between(sums, sums, g->out * plane, NULL);
        pool_planes(p, b.end - b.first, sums,
                    g->dst + (b.image * (g->dh / 2) + b.first / 2) * (g->dw / 2) * g->dc);
    }
}

static void run_planar(const gather *g, const conv_args *a, bool transposed)
{
    planar p = plan_planar(g);
    p.args = a, p.transposed = transposed;
    if (p.bands == 1)
        lay_out(&p, a->scratch);
    run_bands(g, p.bands, a, p.slot_bytes, planar_bands, &p);
}

static size_t planar_scratch(const conv_args *a)
{
    gather g = forward_gather(a);
    return conv_steps_through_rows(a) ? rows_bytes(&g) : planar_bytes(&g);
}

static void planar_forward(const conv_args *a)
{
    gather g = forward_gather(a);
    if (conv_steps_through_rows(a))
        run_rows(&g, a);
    else
        run_planar(&g, a, false);
}

static size_t planar_data_gradient_scratch(const conv_args *a)
{
    gather g = backward_gather(a);
    return planar_bytes(&g);
}

static void planar_data_gradient(const conv_args *a)
{
    gather g = backward_gather(a);
    run_planar(&g, a, true);
}

/* ---- weight gradient:  dw[k][c][v][u] = sum over pixels of x[c][i + v][j + u] dy[k][i][j] ----------------------------------
 *
 * dy lies in planes too, zeros behind each row.  Sums of up to TOGETHER channels out and PLANAR_TAPS taps of a kernel row stay in
 * registers over a whole image, and as vectors over a chunk of images.  These are summed apart, and then together, in order. */

enum { TOGETHER = VECTOR_BYTES == 64 ? 3 : 2 /* as registers allow */, PLANAR_TAPS = 5, CHUNKS = 16 };

typedef struct planar_sum {
    const conv_args *a;
    planar p;                        /* of x */
    int64_t dy_wide, chunks, length; /* length: numbers of dw */
    size_t part_bytes, x_bytes, dy_bytes, slot_bytes;
    REAL *parts; /* [chunk][dw] */
    char *slots;
} planar_sum;

static planar_sum plan_planar_sum(const conv_args *a)
{
    gather g = forward_gather(a);
    planar_sum s = { .a = a,
                     .p = plan_planar(&g),
                     .dy_wide = divided(a->ow, WIDTH) * WIDTH,
                     .chunks = a->n < CHUNKS ? a->n : CHUNKS };
    s.length = a->k * a->c * a->kernel[0] * a->kernel[1];
    s.part_bytes = rounded(s.chunks * s.length);
    s.x_bytes = s.p.plane_bytes;
    s.dy_bytes = rounded(a->k * a->oh * s.dy_wide);
    s.slot_bytes = s.x_bytes + s.dy_bytes + rounded(divided(s.length, 4) * 4 * WIDTH);
    return s;
}

static void copy_dy_planes(const planar_sum *s, int64_t image, REAL *to)
{
    const conv_args *a = s->a;
    const int64_t row = a->ow * a->k;
    const REAL *from = (const REAL *)a->dy + image * a->oh * row,
               *end = (const REAL *)a->dy + a->n * a->oh * row;
    memset(to, 0, s->dy_bytes);
    for (int64_t i = 0; i < a->oh; i++)
        pixels_to_planes(to + i * s->dy_wide, a->oh * s->dy_wide, from + i * row, a->k, a->k, a->ow, end);
}

/* sums += what one image has for `ks` channels out and `n` taps in a row */
INLINE void taps_of_image(const planar_sum *s, const int ks, const int n, const REAL *x, const REAL *dy,
                          REAL *sums)
{
    const conv_args *a = s->a;
    const int64_t k_step = a->c * a->kernel[0] * a->kernel[1] * WIDTH, plane = a->oh * s->dy_wide;
    vec sum[TOGETHER][PLANAR_TAPS];
#pragma GCC unroll 3
    for (int k = 0; k < ks; k++)
#pragma GCC unroll 5
        for (int u = 0; u < n; u++)
            sum[k][u] = V(load)(sums + k * k_step + u * WIDTH);
    for (int64_t i = 0; i < a->oh; i++, x += a->stride[0] * s->p.wide, dy += s->dy_wide)
        for (int64_t j = 0; j < s->dy_wide; j += WIDTH) {
            vec grad[TOGETHER];
#pragma GCC unroll 3
            for (int k = 0; k < ks; k++)
                grad[k] = V(load)(dy + k * plane + j);
#pragma GCC unroll 5
            for (int u = 0; u < n; u++) {
                vec at = V(load)(x + j + u * a->dilation[1]);
                HELD(at);
#pragma GCC unroll 3
                for (int k = 0; k < ks; k++)
                    sum[k][u] += grad[k] * at;
            }
        }
#pragma GCC unroll 3
    for (int k = 0; k < ks; k++)
#pragma GCC unroll 5
        for (int u = 0; u < n; u++)
            V(store)(sums + k * k_step + u * WIDTH, sum[k][u]);
}

#define TAPS_OF_IMAGE(ks, n)                                                                    \
    static void taps_##ks##_##n(const planar_sum *s, const REAL *x, const REAL *dy, REAL *sums) \
    {                                                                                           \
        taps_of_image(s, ks < TOGETHER ? ks : TOGETHER, n, x, dy, sums);                        \
    }
#define TAPS_OF_IMAGES(ks) \
    TAPS_OF_IMAGE(ks, 1) TAPS_OF_IMAGE(ks, 2) TAPS_OF_IMAGE(ks, 3) TAPS_OF_IMAGE(ks, 4) TAPS_OF_IMAGE(ks, 5)
TAPS_OF_IMAGES(1)
TAPS_OF_IMAGES(2)
TAPS_OF_IMAGES(3)

static void sum_image(const planar_sum *s, const REAL *planes, const REAL *dy, REAL *sums)
{
    static void (*const by_size[][PLANAR_TAPS])(const planar_sum *, const REAL *, const REAL *, REAL *) = {
        { taps_1_1, taps_1_2, taps_1_3, taps_1_4, taps_1_5 },
        { taps_2_1, taps_2_2, taps_2_3, taps_2_4, taps_2_5 },
        { taps_3_1, taps_3_2, taps_3_3, taps_3_4, taps_3_5 },
    };
    const conv_args *a = s->a;
    for (int64_t k = 0; k < a->k; k += TOGETHER)
        for (int64_t c = 0; c < a->c; c++)
            for (int64_t v = 0; v < a->kernel[0]; v++)
                for (int64_t u = 0; u < a->kernel[1]; u += PLANAR_TAPS) {
                    int64_t n = a->kernel[1] - u < PLANAR_TAPS ? a->kernel[1] - u : PLANAR_TAPS,
                            ks = a->k - k < TOGETHER ? a->k - k : TOGETHER;
                    by_size[ks - 1][n - 1](
                        s, planes + (c * s->p.high + v * a->dilation[0]) * s->p.wide + u * a->dilation[1],
                        dy + k * a->oh * s->dy_wide,
                        sums + (((k * a->c + c) * a->kernel[0] + v) * a->kernel[1] + u) * WIDTH);
                }
}

static void planar_chunks(void *context, int64_t begin, int64_t end)
{
    const planar_sum *s = context;
    const conv_args *a = s->a;
    char *slot = s->slots + parallel_thread() * (int64_t)s->slot_bytes;
    REAL *planes = (REAL *)(void *)slot, *dy = (REAL *)(void *)(slot + s->x_bytes),
         *sums = (REAL *)(void *)(slot + s->x_bytes + s->dy_bytes);
    for (int64_t chunk = begin; chunk < end; chunk++) {
        memset(sums, 0, s->slot_bytes - s->x_bytes - s->dy_bytes);
        for (int64_t image = a->n * chunk / s->chunks; image < a->n * (chunk + 1) / s->chunks; image++) {
            copy_planes(&s->p, image, 0, a->oh - 1, planes);
            copy_dy_planes(s, image, dy);
            sum_image(s, planes, dy, sums);
        }
        REAL *part = s->parts + chunk * s->length;
        for (int64_t i = 0; i < s->length; i += 4) {
            REAL four[4];
            vec v[4];
            for (int j = 0; j < 4; j++)
                v[j] = V(load)(sums + (i + j) * WIDTH);
            V(four_sums)(four, v);
            memcpy(part + i, four, (size_t)(s->length - i < 4 ? s->length - i : 4) * sizeof *four);
        }
    }
}

static void planar_sums(const conv_args *a)
{
    planar_sum s = plan_planar_sum(a);
    REAL *dw = a->out;
    s.parts = a->scratch;
    s.slots = (char *)a->scratch + s.part_bytes;
    int64_t slots = (int64_t)((a->scratch_bytes - s.part_bytes) / s.slot_bytes);
    double work = (double)(a->n * a->oh * a->ow) * (double)s.length;
    parallel_for_at_most((int)slots, s.chunks, grain_for(work, s.chunks), planar_chunks, &s);
    memset(dw, 0, (size_t)s.length * sizeof *dw);
    for (int64_t chunk = 0; chunk < s.chunks; chunk++)
        add(dw, dw, 1, s.parts + chunk * s.length, 1, s.length);
}

/* ---- weight gradient, where the channels of a kernel row fill vectors ---------------------------------------------------------
 *
 * They are adjacent in x: dw[v][k][u c] is a product for each kernel row v, over the pixels of dy, and neither side is copied but
 * images with a border and the last one, behind which a vector would read on. */

typedef struct row_sums {
    const conv_args *a;
    int64_t high, wide, cols, ld, length,
        chunks; /* wide: of a row of x; cols: of dw's rows, ld elements apart */
    size_t part_bytes, slot_bytes;
    REAL *parts; /* [chunk][v][k][ld] */
    char *slots;
} row_sums;

static row_sums plan_row_sums(const conv_args *a)
{
    row_sums s = { .a = a,
                   .high = a->h + 2 * a->padding[0],
                   .wide = (a->w + 2 * a->padding[1]) * a->c,
                   .cols = a->kernel[1] * a->c,
                   .chunks = a->n < CHUNKS ? a->n : CHUNKS };
    s.ld = divided(s.cols, WIDTH) * WIDTH;
    s.length = a->kernel[0] * a->k * s.ld;
    s.part_bytes = rounded(s.chunks * s.length);
    s.slot_bytes = rounded(s.high * s.wide + TILE_COLS);
    return s;
}

static const REAL *image_read_beyond(const row_sums *s, int64_t image, REAL *copy)
{
    const conv_args *a = s->a;
    const int64_t row = a->w * a->c;
    const REAL *x = (const REAL *)a->x + image * a->h * row;
    if (!a->padding[0] && !a->padding[1] && image + 1 < a->n)
        return x;
    REAL *behind = pad_image(copy, x, a->h, row, a->padding[0], a->padding[1] * a->c);
    memset(behind, 0, s->slot_bytes - (size_t)(behind - copy) * sizeof *copy);
    return copy;
}

static void sum_rows_of_image(const row_sums *s, const REAL *x, const REAL *dy, REAL *sums, bool accumulate)
{
    const conv_args *a = s->a;
    const cut rows = cut_rows(a->k);
    segment segments[MAX_SEGMENTS];
    tile_args t = { .segments = segments, .a_step = a->k, .b_step = a->stride[1] * a->c };
    for (int64_t v = 0; v < a->kernel[0]; v++)
        for (int64_t tile = 0; tile < rows.tiles; tile++)
            for (int64_t col = 0; col < s->cols; col += TILE_COLS) {
                const int64_t k = cut_begin(&rows, tile), mr = cut_begin(&rows, tile + 1) - k;
                t.cols = (int)(s->cols - col < TILE_COLS ? s->cols - col : TILE_COLS);
                t.accumulate = accumulate;
                for (int64_t r = 0; r < mr; r++)
                    t.out[r] = sums + (v * a->k + k + r) * s->ld + col;
                for (int64_t i = 0; i < a->oh; t.accumulate = true) {
                    for (t.n_segments = 0; i < a->oh && t.n_segments < MAX_SEGMENTS; i++)
                        segments[t.n_segments++] = (segment){
                            .b = x + (i * a->stride[0] + v * a->dilation[0]) * s->wide + col,
                            .a = dy + i * a->ow * a->k + k,
                            .n = a->ow,
                        };
                    tile_for((int)mr, t.cols, true)(&t);
                }
            }
}

static void row_chunks(void *context, int64_t begin, int64_t end)
{
    const row_sums *s = context;
    const conv_args *a = s->a;
    REAL *copy = (REAL *)(void *)(s->slots + parallel_thread() * (int64_t)s->slot_bytes);
    for (int64_t chunk = begin; chunk < end; chunk++) {
        const int64_t first = a->n * chunk / s->chunks;
        for (int64_t image = first; image < a->n * (chunk + 1) / s->chunks; image++)
            sum_rows_of_image(s, image_read_beyond(s, image, copy),
                              (const REAL *)a->dy + image * a->oh * a->ow * a->k,
                              s->parts + chunk * s->length, image > first);
    }
}

static void sum_rows_by_image(const conv_args *a)
{
    row_sums s = plan_row_sums(a);
    REAL *dw = a->out;
    s.parts = a->scratch;
    s.slots = (char *)a->scratch + s.part_bytes;
    int64_t slots = (int64_t)((a->scratch_bytes - s.part_bytes) / s.slot_bytes);
    double work = (double)(a->n * a->oh * a->ow) * (double)s.length;
    parallel_for_at_most((int)slots, s.chunks, grain_for(work, s.chunks), row_chunks, &s);
    for (int64_t chunk = 1; chunk < s.chunks; chunk++)
        add(s.parts, s.parts, 1, s.parts + chunk * s.length, 1, s.length);
    for (int64_t k = 0; k < a->k; k++)
        for (int64_t c = 0; c < a->c; c++)
            for (int64_t v = 0; v < a->kernel[0]; v++)
                for (int64_t u = 0; u < a->kernel[1]; u++)
                    *dw++ = s.parts[(v * a->k + k) * s.ld + u * a->c + c];
}

static size_t planar_sum_scratch(const conv_args *a)
{
    if (conv_fills_rows(a)) {
        row_sums s = plan_row_sums(a);
        return s.part_bytes + s.slot_bytes * (size_t)parallel_threads();
    }
    planar_sum s = plan_planar_sum(a);
    return s.part_bytes + s.slot_bytes * (size_t)parallel_threads();
}

static void planar_weight_gradient(const conv_args *a)
{
    (conv_fills_rows(a) ? sum_rows_by_image : planar_sums)(a);
}

static void fill_planar(kernel_table *t, kernel_type type)
{
    t->conv[type][CONV_PLANAR][CONV_FORWARD] = (conv_kernel){ planar_forward, planar_scratch };
    t->conv[type][CONV_PLANAR][CONV_DATA_GRADIENT] =
        (conv_kernel){ planar_data_gradient, planar_data_gradient_scratch };
    t->conv[type][CONV_PLANAR][CONV_WEIGHT_GRADIENT] =
        (conv_kernel){ planar_weight_gradient, planar_sum_scratch };
}
