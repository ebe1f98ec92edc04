/* conv.inc.h - convolutions of channels-last images for REAL and their data gradients, without im2col.
 *
 * Forward and data gradient are one thing, a gather: an output pixel sums, over the taps of the kernel, a pixel of the
 * source times a (channels in, channels out) matrix.  A tile is up to TILE_ROWS output pixels; its rows are pointers
 * into the source, and to zeros where a tap lies outside.  Where no tap does, the taps of a kernel row are one longer
 * row.  The data gradient of a stride s falls into s x s classes of pixels, each with its own taps.
 * Layer: kernels.  Depends on tile.inc.h, gemm.inc.h.  Read next: conv_sums.inc.h. */
enum { MAX_SEGMENTS = 64, BLOCK_TILES = 16, FEW_CHANNELS = 4 };

typedef struct gather {
    const REAL *src;
    REAL *dst;
    int64_t n, sh, sw, sc, dh, dw, dc;
    int64_t kernel[2], multiply[2], offset[2], dilation[2],
        divide[2]; /* src = (dst multiply - offset + tap dilation) / divide */
    int64_t groups, channels, in,
        out;        /* of a group: channels of the source, elements that hold them, channels out */
    int64_t panels; /* of a group */
    const REAL *weights, *bias, *zeros;
    bool relu;
    unary_fn *between; /* of a planar one whose result is pooled */
} gather;

/* Where tap t of one dim lies: [begin, end) in steps of step hit a source pixel in this class; the first at base. */
typedef struct taps {
    int64_t begin, step, count, move; /* move: source pixels from one tap to the next */
} taps;

typedef struct class_run {
    const gather *g;
    int64_t first[2], size[2]; /* pixels of the class: first + i divide, i < size */
    taps taps[2];
    bool merges;
    cut tiles;
    int64_t items_per_block;
} class_run;

enum { BLOCK_PIXELS = BLOCK_TILES * TILE_ROWS };

/* The pixels of some tiles that follow each other. */
typedef struct pixel_block {
    const REAL *at[BLOCK_PIXELS]; /* source of the first tap, first channel; may lie outside */
    REAL *out[BLOCK_PIXELS];
    int64_t h[BLOCK_PIXELS], w[BLOCK_PIXELS]; /* its place */
    bool inside[BLOCK_PIXELS];                /* and all other taps' */
} pixel_block;

static taps taps_of(const gather *g, int dim, int64_t first)
{
    taps t = { .begin = -1, .move = 1 };
    int64_t start = first * g->multiply[dim] - g->offset[dim];
    for (int64_t k = 0; k < g->kernel[dim]; k++) {
        if ((start + k * g->dilation[dim]) % g->divide[dim])
            continue;
        if (t.begin < 0)
            t.begin = k;
        else if (t.count == 1) {
            t.step = k - t.begin;
            t.move = t.step * g->dilation[dim] / g->divide[dim];
        }
        t.count++;
    }
    return t;
}

static int64_t place(const gather *g, const taps *t, int dim, int64_t dst)
{
    return (dst * g->multiply[dim] - g->offset[dim] + (t->count ? t->begin * g->dilation[dim] : 0)) /
           g->divide[dim];
}

/* From one pixel of a class to the next the source moves by multiply. */
static void find_pixels(const class_run *c, int64_t begin, int64_t n, pixel_block *p)
{
    const gather *g = c->g;
    const taps *v = &c->taps[0], *u = &c->taps[1];
    const int64_t plane = c->size[0] * c->size[1], h0 = place(g, v, 0, c->first[0]),
                  w0 = place(g, u, 1, c->first[1]);
    int64_t image = begin / plane, i = begin % plane / c->size[1], j = begin % c->size[1];
    for (int64_t k = 0; k < n; i = i + 1 < c->size[0] ? i + 1 : (image++, 0), j = 0) {
        const int64_t h = h0 + i * g->multiply[0];
        const REAL *at = g->src + (image * g->sh + h) * g->sw * g->sc;
        REAL *out = g->dst + ((image * g->dh + c->first[0] + i * g->divide[0]) * g->dw + c->first[1]) * g->dc;
        const bool inside = h >= 0 && h + (v->count - 1) * v->move < g->sh;
        for (; j < c->size[1] && k < n; j++, k++) {
            const int64_t w = w0 + j * g->multiply[1];
            p->at[k] = at + w * g->sc, p->out[k] = out + j * g->divide[1] * g->dc;
            p->h[k] = h, p->w[k] = w;
            p->inside[k] = inside && w >= 0 && w + (u->count - 1) * u->move < g->sw;
        }
    }
}

/* ---- tiles of pixels, one panel of output channels ------------------------------------------------------------------- */

typedef struct tile_run {
    tile_args args;
    segment segments[MAX_SEGMENTS];
    const REAL *rows[MAX_SEGMENTS][TILE_ROWS];
} tile_run;

typedef struct panel_run {
    const class_run *c;
    int64_t channel, out, width; /* its first channels in and out; how wide it lies */
    const REAL *weights;
    tile_args args; /* of a tile without taps outside: only rows and out differ from tile to tile */
    segment segments[MAX_SEGMENTS];
    bool many; /* more segments than that: no tile goes this way */
} panel_run;

static const REAL *weights_of_tap(const panel_run *p, int64_t a, int64_t b)
{
    const taps *v = &p->c->taps[0], *u = &p->c->taps[1];
    const gather *g = p->c->g;
    return p->weights + ((v->begin + a * v->step) * g->kernel[1] + u->begin + b * u->step) * g->in * p->width;
}

static void open_panel(panel_run *p, const class_run *c, int64_t group, int64_t panel)
{
    const gather *g = c->g;
    const int64_t col = panel * TILE_COLS, across = c->merges ? 1 : c->taps[1].count;
    p->c = c, p->channel = group * g->in, p->out = group * g->out + col;
    p->width = panel_width(g->out, panel);
    p->weights = g->weights + ((group * g->panels + panel) * TILE_COLS) * g->kernel[0] * g->kernel[1] * g->in;
    p->args = (tile_args){ .segments = p->segments,
                           .cols = (int)(g->out - col < TILE_COLS ? g->out - col : TILE_COLS),
                           .a_step = 1,
                           .b_step = p->width,
                           .bias = g->bias ? g->bias + p->out : NULL,
                           .relu = g->relu };
    p->many = c->taps[0].count * across > MAX_SEGMENTS;
    for (int64_t a = 0; a < c->taps[0].count && !p->many; a++)
        for (int64_t b = 0; b < across; b++)
            p->segments[p->args.n_segments++] = (segment){
                .offset = (a * c->taps[0].move * g->sw + b * c->taps[1].move) * g->sc + p->channel,
                .b = weights_of_tap(p, a, b),
                .n = c->merges ? c->taps[1].count * g->in : g->in,
            };
}

static void inside_tile(panel_run *p, const pixel_block *at, int64_t first, int mr)
{
    for (int i = 0; i < mr; i++)
        p->args.out[i] = at->out[first + i] + p->out;
    for (int i = 0; i < p->args.n_segments; i++)
        p->segments[i].rows = at->at + first;
    tile_for(mr, p->args.cols, false)(&p->args);
}

static void flush_tile(tile_run *t, int mr)
{
    tile_for(mr, t->args.cols, false)(&t->args);
    t->args.n_segments = 0;
    t->args.accumulate = true;
}

static void border_tile(const panel_run *p, const pixel_block *at, int64_t first, int mr)
{
    const gather *g = p->c->g;
    const taps *v = &p->c->taps[0], *u = &p->c->taps[1];
    tile_run t;
    t.args = p->args;
    t.args.segments = t.segments, t.args.n_segments = 0, t.args.relu = false;
    for (int i = 0; i < mr; i++)
        t.args.out[i] = at->out[first + i] + p->out;
    for (int64_t a = 0; a < v->count; a++)
        for (int64_t b = 0; b < u->count; b++) {
            if (t.args.n_segments == MAX_SEGMENTS)
                flush_tile(&t, mr);
            const REAL **rows = t.rows[t.args.n_segments];
            bool any = false;
            for (int i = 0; i < mr; i++) {
                int64_t h = at->h[first + i] + a * v->move, w = at->w[first + i] + b * u->move;
                bool there = h >= 0 && w >= 0 && h < g->sh && w < g->sw;
                rows[i] = there ? at->at[first + i] + (a * v->move * g->sw + b * u->move) * g->sc + p->channel
                                : g->zeros;
                any |= there;
            }
            if (any)
                t.segments[t.args.n_segments++] =
                    (segment){ .rows = rows, .b = weights_of_tap(p, a, b), .n = g->in };
        }
    t.args.relu = g->relu; /* now that all taps are there */
    flush_tile(&t, mr);
}

static void gather_items(void *context, int64_t begin, int64_t end)
{
    const class_run *c = context;
    const gather *g = c->g;
    int64_t all_panels = g->groups * g->panels, share = all_panels / c->items_per_block;
    for (int64_t item = begin; item < end; item++) {
        int64_t block = item / c->items_per_block, first_panel = item % c->items_per_block * share;
        int64_t tile0 = block * BLOCK_TILES,
                tile1 = tile0 + BLOCK_TILES < c->tiles.tiles ? tile0 + BLOCK_TILES : c->tiles.tiles;
        int64_t start = cut_begin(&c->tiles, tile0), stop = cut_begin(&c->tiles, tile1);
        pixel_block at;
        find_pixels(c, start, stop - start, &at);
        for (int64_t q = first_panel; q < first_panel + share; q++) {
            panel_run p;
            open_panel(&p, c, q / g->panels, q % g->panels);
            for (int64_t i = tile0; i < tile1; i++) {
                const int64_t first = cut_begin(&c->tiles, i) - start;
                const int mr = (int)(cut_begin(&c->tiles, i + 1) - start - first);
                bool inside = !p.many;
                for (int r = 0; r < mr; r++)
                    inside &= at.inside[first + r];
                if (inside)
                    inside_tile(&p, &at, first, mr);
                else
                    border_tile(&p, &at, first, mr);
            }
        }
    }
}

static void clear_rows(void *context, int64_t begin, int64_t end)
{
    const gather *g = context;
    const int64_t row = g->dw * g->dc;
    memset(g->dst + begin * row, 0, (size_t)((end - begin) * row) * sizeof *g->dst);
}

/* Pixels that no tap hits, as of a kernel smaller than the stride, are cleared together with all others. */
static void clear_holes(const gather *g)
{
    bool holes = false;
    for (int dim = 0; dim < 2; dim++)
        for (int64_t r = 0; r < g->divide[dim]; r++)
            holes |= !taps_of(g, dim, r).count;
    if (holes)
        parallel_for(g->n * g->dh, 32768 / (g->dw * g->dc + 1) + 1, clear_rows, (void *)(uintptr_t)g);
}

static void run_gather(const gather *g)
{
    clear_holes(g);
    for (int64_t r = 0; r < g->divide[0]; r++)
        for (int64_t s = 0; s < g->divide[1]; s++) {
            class_run c = { .g = g, .first = { r, s } };
            c.size[0] = (g->dh - r + g->divide[0] - 1) / g->divide[0];
            c.size[1] = (g->dw - s + g->divide[1] - 1) / g->divide[1];
            if (c.size[0] < 1 || c.size[1] < 1)
                continue;
            c.taps[0] = taps_of(g, 0, r);
            c.taps[1] = taps_of(g, 1, s);
            if (!c.taps[0].count || !c.taps[1].count)
                continue;
            c.merges = g->groups == 1 && c.taps[1].move == 1 && (c.taps[1].step == 1 || c.taps[1].count == 1);
            c.tiles = cut_rows(g->n * c.size[0] * c.size[1]);
            int64_t blocks = (c.tiles.tiles + BLOCK_TILES - 1) / BLOCK_TILES,
                    all_panels = g->groups * g->panels;
            c.items_per_block = blocks < 16 ? all_panels : 1;
            double work = (double)(g->n * c.size[0] * c.size[1]) *
                          (double)(c.taps[0].count * c.taps[1].count * g->in) * (double)g->dc;
            parallel_for(blocks * c.items_per_block, grain_for(work, blocks * c.items_per_block),
                         gather_items, &c);
        }
}

/* ---- weights as panels: [group][panel][tap][channel in][TILE_COLS channels out] ------------------------------------------ */

typedef struct weight_pack {
    const gather *g;
    const REAL *w;
    REAL *to;
    bool transposed; /* for the data gradient: channels swapped, taps in reverse */
} weight_pack;

/* Perfect shuffles of all the vectors' numbers: once for each bit of a number's place that moves from its front to its end. */
INLINE void shuffle_times(vec *v, const int vectors, const int times)
{
#pragma GCC unroll 4
    for (int t = 0; t < times; t++) {
        vec to[WIDTH < 8 ? 8 : WIDTH];
#pragma GCC unroll 8
        for (int i = 0; i < vectors / 2; i++) {
            to[2 * i] = V(low_pairs)(v[i], v[i + vectors / 2]);
            to[2 * i + 1] = V(high_pairs)(v[i], v[i + vectors / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < vectors; i++)
            v[i] = to[i];
    }
}

enum { WIDTH_BITS = WIDTH == 16 ? 4 : WIDTH == 8 ? 3 : WIDTH == 4 ? 2 : 1 };

/* A panel of `cols` rows of (channel, tap) each, `row` apart, turned WIDTH by WIDTH. */
static __attribute__((noinline)) void turn_panel(REAL *to, int64_t width, const REAL *from, int64_t row,
                                                 int64_t cols, int64_t channels, int64_t n_taps)
{
    const int64_t length = channels * n_taps;
    for (int64_t k = 0; k < width; k += WIDTH)
        for (int64_t j = 0, c = 0, t = 0; j < length; j += WIDTH) {
            const int n = length - j < WIDTH ? (int)(length - j) : WIDTH;
            const V(mask) m = V(first)(n);
            vec v[WIDTH];
#pragma GCC unroll 16
            for (int64_t i = 0; i < WIDTH; i++)
                v[i] = k + i < cols ? V(load_first)(from + (k + i) * row + j, m) : (vec){ 0 };
            shuffle_times(v, WIDTH, WIDTH_BITS);
            for (int i = 0; i < n; i++) {
                V(store)(to + (t * channels + c) * width + k, v[i]);
                if (++t == n_taps)
                    t = 0, c++;
            }
        }
}

static void pack_weights(void *context, int64_t begin, int64_t end)
{
    const weight_pack *p = context;
    const gather *g = p->g;
    const int64_t n_taps = g->kernel[0] * g->kernel[1];
    const int64_t in_step = p->transposed ? g->out * n_taps : n_taps,
                  out_step = p->transposed ? n_taps : g->channels * n_taps;
    for (int64_t q = begin; q < end; q++) {
        int64_t group = q / g->panels, col = q % g->panels * TILE_COLS,
                width = panel_width(g->out, q % g->panels);
        int64_t cols = g->out - col < width ? g->out - col : width;
        const REAL *from = p->w + group * g->channels * g->out * n_taps + col * out_step;
        REAL *to = p->to + q * TILE_COLS * n_taps * g->in;
        if (DEPTH == 1 && !p->transposed && n_taps > 1) {
            turn_panel(to, width, from, out_step, cols, g->channels, n_taps);
            continue;
        }
        for (int64_t t = 0; t < n_taps; t++, to += g->in * width)
            pack(to, width, from + (p->transposed ? n_taps - 1 - t : t), out_step, in_step, cols,
                 g->channels);
    }
}

static size_t weights_bytes(const gather *g)
{
    return rounded(g->groups * g->panels * TILE_COLS * g->kernel[0] * g->kernel[1] * g->in);
}

/* ---- the source in elements ------------------------------------------------------------------------------------------------ */

static int64_t source_elements(const gather *g)
{
    return DEPTH > 1 ? g->n * g->sh * g->sw * g->sc : 0;
}

typedef struct source_copy {
    const gather *g;
    REAL *to;
} source_copy;

/* Rows of pixels at once, or group by group where a group's last element ends with a zero. */
static void copy_source(void *context, int64_t begin, int64_t end)
{
    const source_copy *r = context;
    const gather *g = r->g;
    const bool whole = g->channels % DEPTH == 0;
    const int64_t length = whole ? g->sw * g->groups * g->channels : g->channels,
                  step = divided(length, DEPTH), pieces = whole ? 1 : g->sw * g->groups;
    for (int64_t i = begin * pieces; i < end * pieces; i++)
        copy_elements(r->to + i * step, g->src + i * length, length);
}

/* The same gather of a copy in scratch, where numbers are no elements; returns what lies behind it. */
static char *source_in_elements(gather *g, char *scratch)
{
    if (DEPTH == 1)
        return scratch;
    source_copy r = { g, (REAL *)(void *)scratch };
    parallel_for(g->n * g->sh, 32768 / (g->sw * g->sc + 1) + 1, copy_source, &r);
    g->src = r.to;
    return scratch + rounded(source_elements(g));
}

/* ---- a padded copy of the source ---------------------------------------------------------------------------------------------
 *
 * It leaves no tap outside, and the taps of a kernel row become one row.  Worth it where rows are short otherwise, few channels,
 * or where most pixels of the result see the border: small images. */

enum { SMALL_SIDE = 24 };

static bool wants_padding(const gather *g)
{
    bool pads = (g->offset[0] > 0 || g->offset[1] > 0) && g->offset[0] >= 0 && g->offset[1] >= 0 &&
                g->divide[0] == 1 && g->divide[1] == 1;
    return pads && (g->sc <= FEW_CHANNELS ||
                    (g->groups == 1 && g->kernel[1] > 1 && g->dilation[1] == 1 && g->sw <= SMALL_SIDE));
}

static int64_t padded_elements(const gather *g)
{
    return wants_padding(g) ? g->n * (g->sh + 2 * g->offset[0]) * (g->sw + 2 * g->offset[1]) * g->sc : 0;
}

/* Rows [first, end) of an image with its border: rows of so many numbers, with zeros above and below and on each side; returns what
 * lies behind them. */
static REAL *pad_rows(REAL *to, const REAL *from, int64_t high, int64_t row, int64_t above, int64_t side,
                      int64_t first, int64_t end)
{
    for (int64_t i = first - above; i < end - above; i++, to += row + 2 * side) {
        const int64_t left = i < 0 || i >= high ? row + 2 * side : side;
        memset(to, 0, (size_t)left * sizeof *to);
        if (left > side)
            continue;
        memcpy(to + side, from + i * row, (size_t)row * sizeof *to);
        memset(to + side + row, 0, (size_t)side * sizeof *to);
    }
    return to;
}

static REAL *pad_image(REAL *to, const REAL *from, int64_t high, int64_t row, int64_t above, int64_t side)
{
    return pad_rows(to, from, high, row, above, side, 0, high + 2 * above);
}

typedef struct pad_run {
    const gather *g;
    REAL *to;
} pad_run;

static void pad_images(void *context, int64_t begin, int64_t end)
{
    const pad_run *r = context;
    const gather *g = r->g;
    const int64_t row = g->sw * g->sc, side = g->offset[1] * g->sc,
                  each = (g->sh + 2 * g->offset[0]) * (row + 2 * side);
    for (int64_t n = begin; n < end; n++)
        pad_image(r->to + n * each, g->src + n * g->sh * row, g->sh, row, g->offset[0], side);
}

/* The same gather of a padded copy in scratch; returns what lies behind it. */
static char *pad_source(gather *g, char *scratch)
{
    if (!wants_padding(g))
        return scratch;
    size_t bytes = rounded(padded_elements(g));
    pad_run r = { g, (REAL *)(void *)scratch };
    parallel_for(g->n, 32768 / (g->sh * g->sw * g->sc + 1) + 1, pad_images, &r);
    g->src = r.to;
    g->sh += 2 * g->offset[0], g->sw += 2 * g->offset[1];
    g->offset[0] = g->offset[1] = 0;
    return scratch + bytes;
}

static gather forward_gather(const conv_args *a)
{
    gather g = { .src = a->x,
                 .dst = a->out,
                 .n = a->n,
                 .sh = a->h,
                 .sw = a->w,
                 .sc = a->groups * divided(a->c / a->groups, DEPTH),
                 .dh = a->oh,
                 .dw = a->ow,
                 .dc = a->k,
                 .groups = a->groups,
                 .channels = a->c / a->groups,
                 .in = divided(a->c / a->groups, DEPTH),
                 .out = a->k / a->groups,
                 .bias = a->bias,
                 .relu = a->relu,
                 .between = a->between };
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = a->kernel[i], g.multiply[i] = a->stride[i], g.offset[i] = a->padding[i];
        g.dilation[i] = a->dilation[i], g.divide[i] = 1;
    }
    g.panels = (g.out + TILE_COLS - 1) / TILE_COLS;
    return g;
}

static gather backward_gather(const conv_args *a)
{
    gather g = { .src = a->dy,
                 .dst = a->out,
                 .n = a->n,
                 .sh = a->oh,
                 .sw = a->ow,
                 .sc = a->groups * divided(a->k / a->groups, DEPTH),
                 .dh = a->h,
                 .dw = a->w,
                 .dc = a->c,
                 .groups = a->groups,
                 .channels = a->k / a->groups,
                 .in = divided(a->k / a->groups, DEPTH),
                 .out = a->c / a->groups };
    for (int i = 0; i < 2; i++) {
        g.kernel[i] = a->kernel[i], g.multiply[i] = 1,
        g.offset[i] = (a->kernel[i] - 1) * a->dilation[i] - a->padding[i];
        g.dilation[i] = a->dilation[i], g.divide[i] = a->stride[i];
    }
    g.panels = (g.out + TILE_COLS - 1) / TILE_COLS;
    return g;
}

static size_t gather_scratch(const gather *g)
{
    return rounded(source_elements(g)) + rounded(padded_elements(g)) + weights_bytes(g) + rounded(g->in);
}

static void pack_and_run(gather *g, const void *w, char *scratch, bool transposed)
{
    scratch = pad_source(g, source_in_elements(g, scratch));
    weight_pack p = { g, w, (REAL *)(void *)scratch, transposed };
    int64_t panel = TILE_COLS * g->kernel[0] * g->kernel[1] * g->in;
    parallel_for(g->groups * g->panels, 32768 / (panel + 1) + 1, pack_weights, &p);
    g->weights = p.to;
    scratch += weights_bytes(g);
    memset(scratch, 0, rounded(g->in));
    g->zeros = (const REAL *)(void *)scratch;
    run_gather(g);
}

static size_t conv_forward_scratch(const conv_args *a)
{
    gather g = forward_gather(a);
    return gather_scratch(&g);
}

static void conv_forward(const conv_args *a)
{
    gather g = forward_gather(a);
    pack_and_run(&g, a->weight, a->scratch, false);
}

static size_t conv_data_gradient_scratch(const conv_args *a)
{
    gather g = backward_gather(a);
    return gather_scratch(&g);
}

static void conv_data_gradient(const conv_args *a)
{
    gather g = backward_gather(a);
    pack_and_run(&g, a->weight, a->scratch, true);
}
