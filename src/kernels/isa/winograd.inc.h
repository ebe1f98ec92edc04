/* winograd.inc.h - 3x3 and 5x5 convolutions of stride 1 by Winograd's F(4x4, 3x3) and F(2x2, 5x5), in three directions, for REAL.
 *
 * Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015:  y = A' [ (G g G') . (B' d B) ] A  makes 4x4 pixels of
 * output from 6x6 of input with 36 products where the definition needs 144, or 2x2 where it needs 100: a kernel of `size` and
 * `side` of output take 6 of input, and B is the same.  The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity: as cheap as
 * the paper's 0, +-1, +-2, with a fifth of the error.  Tiles are transformed a block at a time, so that the 36 planes of a
 * block stay in cache; each plane is a plain product.
 * Layer: kernels.  Depends on tile.inc.h, conv.inc.h.  Read next: winograd_sums.inc.h for the weight gradient; conv_way.c, which
 * says where this wins. */
enum {
    IN_SIDE = 6,
    PLANES = IN_SIDE * IN_SIDE,
    MOST_SIDE = 4,
    MOST_SIZE = 5,
    LINE = 64 / sizeof(REAL),
};

/* ---- the transforms of one row or column ---------------------------------------------------------------------------------
 *
 * For points p and their N = product of (p - other points):  row p of B' holds the polynomial with the other points as zeros,
 * row p of G is (1, p, ... p^(size - 1)) / N, column p of A' is (1, p, ... p^(side - 1)); infinity's is the last power alone.
 * `size` and `side` are constants wherever these are called. */

#define ROOT_HALF ((REAL)0.70710678118654752440)
#define ROOT_2 ((REAL)1.41421356237309504880)
#define THIRD ((REAL)(1.0 / 3))
#define SIXTH ((REAL)(1.0 / 6))

INLINE void transform_input(const vec *d, vec *to) /* B': 6 -> 6 */
{
    vec even = d[4] - 2 * d[2], odd = ROOT_HALF * (d[3] - 2 * d[1]);
    vec even_2 = d[4] - (REAL)0.5 * d[2], odd_2 = ROOT_2 * (d[3] - (REAL)0.5 * d[1]);
    vec last = d[1] - (REAL)2.5 * d[3] + d[5];
    to[0] = d[0] - (REAL)2.5 * d[2] + d[4];
    to[1] = even + odd, to[2] = even - odd;
    to[3] = even_2 + odd_2, to[4] = even_2 - odd_2;
    to[5] = last;
}

INLINE void transform_output(const vec *m, int side, vec *to) /* A': 6 -> side */
{
    vec a = m[1] + m[2], b = ROOT_HALF * (m[1] - m[2]);
    vec c = m[3] + m[4], d = ROOT_2 * (m[3] - m[4]);
    to[0] = m[0] + a + c;
    if (side == 2) {
        to[1] = b + d + m[5];
        return;
    }
    to[1] = b + d;
    to[2] = (REAL)0.5 * a + 2 * c;
    to[3] = (REAL)0.5 * b + 2 * d + m[5];
}

INLINE void transform_kernel(const vec *g, int size, int step, vec *to) /* G: size -> 6 */
{
    const vec g0 = g[0], g1 = g[step], g2 = g[2 * step];
    vec a = -2 * THIRD * g0 - THIRD * g2, b = -2 * THIRD * ROOT_HALF * g1;
    vec c = SIXTH * g0 + THIRD * g2, d = SIXTH * ROOT_2 * g1;
    if (size == 5) {
        const vec g3 = g[3 * step], g4 = g[4 * step];
        a -= SIXTH * g4, b -= THIRD * ROOT_HALF * g3;
        c += 2 * THIRD * g4, d += THIRD * ROOT_2 * g3;
    }
    to[0] = g0;
    to[1] = a + b, to[2] = a - b;
    to[3] = c + d, to[4] = c - d;
    to[5] = g[(size - 1) * step];
}

INLINE void transform_gradient(const vec *y, int side, vec *to) /* A: side -> 6 */
{
    vec a = y[0], b = ROOT_HALF * y[1], c = y[0], d = ROOT_2 * y[1];
    if (side == 4) {
        a += (REAL)0.5 * y[2], b += (REAL)0.5 * ROOT_HALF * y[3];
        c += 2 * y[2], d += 2 * ROOT_2 * y[3];
    }
    to[0] = y[0];
    to[1] = a + b, to[2] = a - b;
    to[3] = c + d, to[4] = c - d;
    to[5] = y[side - 1];
}

INLINE void transform_back(const vec *u, int size, int step, vec *to) /* G': 6 -> size, `step` apart */
{
    vec a = THIRD * (u[1] + u[2]), b = 2 * THIRD * ROOT_HALF * (u[1] - u[2]);
    vec c = THIRD * (u[3] + u[4]), d = SIXTH * ROOT_2 * (u[3] - u[4]);
    to[0] = u[0] - 2 * a + (REAL)0.5 * c;
    to[step] = d - b;
    to[2 * step] = c - a;
    if (size == 5) {
        to[3 * step] = 2 * d - (REAL)0.5 * b;
        to[4 * step] = 2 * c - (REAL)0.5 * a;
    }
    to[(size - 1) * step] += u[5];
}

/* ---- forward and data gradient --------------------------------------------------------------------------------------------
 *
 * dst[h][w] = bias + sum over p, q < size of src[h + p - offset][w + q - offset] g[p][q].  An item is a block of tiles times a range of
 * output channels.  With many tiles the kernels are transformed beforehand, and each item transforms its tiles; ranges come
 * first, so that their part of the kernels stays in the last cache while the blocks go by.  With few tiles it is the other
 * way round: the tiles are transformed beforehand, there is one block, and each item transforms its kernels, which nobody
 * else needs: a slab of channels at a time, that they never leave the second cache. */

typedef struct winograd {
    gather g; /* pixels and channels of both sides */
    const conv_args *a;
    bool transposed; /* the kernels: for the data gradient */
    int size, side;  /* of the kernel, and of a tile of output: 3 and 4, or 5 and 2 */
    bool few;        /* tiles */
    int64_t tiles_h, tiles_w, tiles, block, blocks;
    int64_t range, ranges, slab;                     /* panels of an item; channels in of a slab */
    int64_t u_plane, v_row, v_plane, m_row, m_plane; /* strides, in elements */
    size_t shared_bytes, slot_bytes;
    REAL *shared; /* the kernels, or with few tiles the tiles */
    char *
        slots; /* one for each thread: the other of the two, and the products m [plane][tile][channel of the range] */
} winograd;

static int64_t whole_lines(int64_t elements)
{
    return divided(elements, LINE) * LINE;
}

/* Planes an odd number of lines apart do not meet in one set of a cache. */
static int64_t plane_step(int64_t elements)
{
    return (divided(elements, LINE) | 1) * LINE;
}

/* SECOND_CACHE: of a block's planes where channels are few enough for LEAST_BLOCK tiles; else the kernels' traffic counts. */
enum {
    SECOND_CACHE = 384 << 10,
    LEAST_BLOCK = 16,
    MOST_BLOCK = 96,
    RANGE_COLS = 256,
    FEW_BLOCK = 196,
    FEW_NUMBERS = 32768, /* of tiles and channels: 4.5 MB transformed */
    SLAB_OF_MANY = 256,
    SLAB_OF_FEW = 128,
};

static void plan_few(winograd *w)
{
    w->few = true;
    w->block = w->tiles, w->blocks = 1;
    w->range = 1, w->ranges = w->g.panels;
    w->slab = w->g.in < SLAB_OF_FEW ? w->g.in : SLAB_OF_FEW;
}

static void plan_many(winograd *w)
{
    const gather *g = &w->g;
    w->range = divided(g->panels, divided(g->out, RANGE_COLS));
    int64_t cols = w->range * TILE_COLS < g->out ? w->range * TILE_COLS : g->out;
    int64_t fitting =
        SECOND_CACHE / (int64_t)(PLANES * sizeof(REAL) * (size_t)(w->v_row + whole_lines(cols)));
    int64_t block = fitting >= LEAST_BLOCK && fitting < MOST_BLOCK ? fitting : MOST_BLOCK;
    int64_t blocks = divided(w->tiles, block);
    blocks += blocks & 1;
    w->ranges = divided(g->panels, w->range);
    while (blocks * w->ranges < 8 && w->range > 2)
        w->ranges = divided(g->panels, w->range = w->range / 2);
    w->block = divided(w->tiles, blocks);
    w->blocks = divided(w->tiles, w->block);
    w->slab = g->in < SLAB_OF_MANY ? g->in : SLAB_OF_MANY;
}

static winograd plan_winograd(const gather *g, const conv_args *a, bool transposed)
{
    winograd w = { .g = *g, .a = a, .transposed = transposed, .size = (int)a->kernel[0] };
    w.side = IN_SIDE + 1 - w.size;
    w.tiles_h = divided(g->dh, w.side), w.tiles_w = divided(g->dw, w.side);
    w.tiles = g->n * w.tiles_h * w.tiles_w;
    w.v_row = whole_lines(g->in);
    if (w.tiles <= FEW_BLOCK && w.tiles * g->in <= FEW_NUMBERS)
        plan_few(&w);
    else
        plan_many(&w);
    w.m_row = w.range * TILE_COLS < g->out ? w.range * TILE_COLS : whole_lines(g->out);
    w.u_plane = plane_step(w.few ? w.range * TILE_COLS * w.slab : g->panels * TILE_COLS * g->in);
    w.v_plane = plane_step(w.block * w.v_row), w.m_plane = plane_step(w.block * w.m_row);
    w.shared_bytes = rounded(PLANES * (w.few ? w.v_plane : w.u_plane));
    w.slot_bytes = rounded(PLANES * (w.m_plane + (w.few ? w.u_plane : w.v_plane)));
    return w;
}

/* The 36 planes of a panel's kernels for n input channels (at most TURNED numbers of each), TILE_COLS (or WIDTH) kernels wide, into
 * `to`: kernels are turned first, so that vectors lie across them. */
enum { TURNED = 144 };

INLINE void transform_kernels_of(const winograd *w, const int size, int64_t panel, int64_t channel, int64_t n,
                                 REAL *to)
{
    const gather *g = &w->g;
    const int all = size * size;
    const int64_t width = panel_width(g->out, panel), col = panel * TILE_COLS,
                  cols = g->out - col < width ? g->out - col : width,
                  in_step = w->transposed ? g->out * all : all, out_step = w->transposed ? all : g->in * all;
    _Alignas(64) REAL turned[TURNED * TILE_COLS];
    const REAL *from = (const REAL *)w->a->weight + channel * in_step + col * out_step;
    if (!w->transposed)
        turn_panel(turned, width, from, out_step, cols, n, all);
    for (int64_t c = 0; c < n; c++, to += width) {
        const REAL *kernel = turned + (w->transposed ? 0 : c * width);
        const int64_t step = w->transposed ? -width : n * width; /* from one tap to the next */
        if (w->transposed) {
            turn_panel(turned, width, from + c * in_step, out_step, cols, 1, all);
            kernel += (all - 1) * width;
        }
        for (int64_t j = 0; j < width; j += WIDTH) {
            vec k[MOST_SIZE * MOST_SIZE], half[IN_SIDE * MOST_SIZE], u[PLANES];
#pragma GCC unroll 25
            for (int t = 0; t < all; t++)
                k[t] = V(load)(kernel + t * step + j);
#pragma GCC unroll 5
            for (int q = 0; q < size; q++)
                transform_kernel(k + q, size, size, half + IN_SIDE * q);
#pragma GCC unroll 6
            for (int p = 0; p < IN_SIDE; p++)
                transform_kernel(half + p, size, IN_SIDE, u + IN_SIDE * p);
#pragma GCC unroll 36
            for (int p = 0; p < PLANES; p++)
                V(store)(to + p * w->u_plane + j, u[p]);
        }
    }
}

static void transform_kernels(const winograd *w, int64_t panel, int64_t channel, int64_t n, REAL *to)
{
    const int64_t most = TURNED / (w->size * w->size), width = panel_width(w->g.out, panel);
    for (int64_t c = 0; c < n; c += most) {
        const int64_t some = n - c < most ? n - c : most;
        if (w->size == 3)
            transform_kernels_of(w, 3, panel, channel + c, some, to + c * width);
        else
            transform_kernels_of(w, 5, panel, channel + c, some, to + c * width);
    }
}

/* All kernels: [plane][panel][channel in][TILE_COLS] */
static void transform_panels(void *context, int64_t begin, int64_t end)
{
    const winograd *w = context;
    for (int64_t i = begin, n; i < end; i += n) {
        const int64_t panel = i / w->g.in, channel = i % w->g.in;
        n = w->g.in - channel < end - i ? w->g.in - channel : end - i;
        transform_kernels(w, panel, channel, n,
                          w->shared + panel * TILE_COLS * w->g.in + channel * panel_width(w->g.out, panel));
    }
}

/* Where tile t lies in the picture. */
typedef struct tile_place {
    int64_t image, h, w;
} tile_place;

static tile_place place_of(const winograd *w, int64_t t)
{
    int64_t plane = w->tiles_h * w->tiles_w, i = t % plane;
    return (tile_place){ t / plane, i / w->tiles_w * w->side, i % w->tiles_w * w->side };
}

static void next_place(const winograd *w, tile_place *p)
{
    p->w += w->side;
    if (p->w >= w->tiles_w * w->side) {
        p->w = 0, p->h += w->side;
        if (p->h >= w->tiles_h * w->side)
            p->h = 0, p->image++;
    }
}

/* 6x6 pixels of WIDTH channels from `at`, inside[i][j] of them there; into v, a plane each. */
INLINE void input_tile(const REAL *at, int64_t row, int64_t col, const bool *inside_h, const bool *inside_w,
                       bool inside, int channels, REAL *v, int64_t plane)
{
    vec half[PLANES], d[IN_SIDE], out[IN_SIDE];
    const bool whole = channels >= WIDTH;
    const V(mask) some = V(first)(whole ? WIDTH : channels);
#pragma GCC unroll 6
    for (int j = 0; j < IN_SIDE; j++) {
#pragma GCC unroll 6
        for (int i = 0; i < IN_SIDE; i++) {
            const REAL *p = at + i * row + j * col;
            d[i] = inside || (inside_h[i] && inside_w[j]) ? (whole ? V(load)(p) : V(load_first)(p, some))
                                                          : (vec){ 0 };
        }
        transform_input(d, half + IN_SIDE * j);
    }
#pragma GCC unroll 6
    for (int i = 0; i < IN_SIDE; i++) {
        for (int j = 0; j < IN_SIDE; j++)
            d[j] = half[IN_SIDE * j + i];
        transform_input(d, out);
        for (int j = 0; j < IN_SIDE; j++)
            V(store)(v + (IN_SIDE * i + j) * plane, out[j]);
    }
}

static void inputs(const winograd *w, int64_t tile_begin, int64_t n, REAL *v)
{
    const gather *g = &w->g;
    const int64_t row = g->sw * g->sc;
    tile_place p = place_of(w, tile_begin);
    for (int64_t t = 0; t < n; t++, next_place(w, &p)) {
        int64_t h = p.h - g->offset[0], x = p.w - g->offset[1];
        bool inside_h[IN_SIDE], inside_w[IN_SIDE],
            inside = h >= 0 && x >= 0 && h + IN_SIDE <= g->sh && x + IN_SIDE <= g->sw;
        for (int i = 0; i < IN_SIDE; i++)
            inside_h[i] = h + i >= 0 && h + i < g->sh, inside_w[i] = x + i >= 0 && x + i < g->sw;
        const REAL *at = g->src + ((p.image * g->sh + h) * g->sw + x) * g->sc;
        REAL *to = v + t * w->v_row;
        int64_t c = 0;
        if (inside)
            for (; c + WIDTH <= g->in; c += WIDTH)
                input_tile(at + c, row, g->sc, inside_h, inside_w, true, WIDTH, to + c, w->v_plane);
        for (; c < g->in; c += WIDTH)
            input_tile(at + c, row, g->sc, inside_h, inside_w, false, (int)(g->in - c), to + c, w->v_plane);
    }
}

/* What multiply goes through: a block's tiles, some panels of kernels, m. */
typedef struct products {
    const winograd *w;
    cut rows;
    const REAL *row[MOST_BLOCK > FEW_BLOCK ? MOST_BLOCK : FEW_BLOCK]; /* of tiles, in plane 0 */
    int64_t first_panel;
    REAL *m;
} products;

/* Adds what the channels in from k on bring to one plane of a panel; their kernels lie in u. */
static void multiply_slab(const products *p, int64_t plane, int64_t k, int64_t panel, const REAL *u)
{
    const winograd *w = p->w;
    const gather *g = &w->g;
    const int64_t width = panel_width(g->out, panel);
    REAL *m = p->m + plane * w->m_plane + (panel - p->first_panel) * TILE_COLS;
    segment s = { .b = u, .offset = plane * w->v_plane + k, .n = g->in - k < w->slab ? g->in - k : w->slab };
    tile_args t = {
        .segments = &s, .n_segments = 1, .a_step = 1, .b_step = width, .cols = (int)width, .accumulate = k > 0
    };
    for (int64_t i = 0; i < p->rows.tiles; i++) {
        const int64_t at = cut_begin(&p->rows, i), mr = cut_begin(&p->rows, i + 1) - at;
        s.rows = p->row + at;
        for (int64_t r = 0; r < mr; r++)
            t.out[r] = m + (at + r) * w->m_row;
        tile_for((int)mr, t.cols, false)(&t);
    }
}

/* m[plane] = v[plane] u[plane], for n tiles and the panels of a range.  Kernels that are transformed here are so for all planes at
 * once; else the tiles of one plane stay in the second cache while its panels go by. */
static void multiply(const winograd *w, int64_t first_panel, int64_t panels, int64_t n, const REAL *v,
                     REAL *u, REAL *m)
{
    const int64_t in = w->g.in;
    products p = { .w = w, .rows = cut_rows(n), .first_panel = first_panel, .m = m };
    for (int64_t t = 0; t < n; t++)
        p.row[t] = v + t * w->v_row;
    for (int64_t k = 0; k < in && w->few; k += w->slab)
        for (int64_t q = first_panel; q < first_panel + panels; q++) {
            transform_kernels(w, q, k, in - k < w->slab ? in - k : w->slab, u);
            for (int64_t plane = 0; plane < PLANES; plane++)
                multiply_slab(&p, plane, k, q, u + plane * w->u_plane);
        }
    for (int64_t plane = 0; plane < PLANES && !w->few; plane++)
        for (int64_t k = 0; k < in; k += w->slab)
            for (int64_t q = first_panel; q < first_panel + panels; q++)
                multiply_slab(&p, plane, k, q,
                              w->shared + plane * w->u_plane + q * TILE_COLS * in +
                                  k * panel_width(w->g.out, q));
}

INLINE void output_tile(const REAL *m, int64_t plane, const int side, const vec start, vec *y)
{
    vec half[MOST_SIDE * IN_SIDE], column[IN_SIDE];
#pragma GCC unroll 6
    for (int j = 0; j < IN_SIDE; j++) {
#pragma GCC unroll 6
        for (int i = 0; i < IN_SIDE; i++)
            column[i] = V(load)(m + (IN_SIDE * i + j) * plane);
        transform_output(column, side, half + side * j);
    }
#pragma GCC unroll 4
    for (int i = 0; i < side; i++) {
        for (int j = 0; j < IN_SIDE; j++)
            column[j] = half[side * j + i];
        transform_output(column, side, y + side * i);
        for (int j = 0; j < side; j++)
            y[side * i + j] += start;
    }
}

INLINE void outputs_of(const winograd *w, const int side, int64_t tile_begin, int64_t n,
                       int64_t first_channel, int64_t channels, const REAL *m)
{
    const gather *g = &w->g;
    tile_place p = place_of(w, tile_begin);
    for (int64_t t = 0; t < n; t++, next_place(w, &p)) {
        const int64_t rows = g->dh - p.h < side ? g->dh - p.h : side,
                      cols = g->dw - p.w < side ? g->dw - p.w : side;
        REAL *at = g->dst + ((p.image * g->dh + p.h) * g->dw + p.w) * g->dc + first_channel;
        for (int64_t k = 0; k < channels; k += WIDTH) {
            vec y[MOST_SIDE * MOST_SIDE];
            const columns c = columns_of(channels - k < WIDTH ? (int)(channels - k) : WIDTH, 1);
            output_tile(m + t * w->m_row + k, w->m_plane, side,
                        g->bias ? load_cols(g->bias + first_channel + k, 0, c) : (vec){ 0 }, y);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < cols; j++)
                    store_cols(at + (i * g->dw + j) * g->dc + k, 0, c,
                               g->relu ? V(rectified)(y[side * i + j]) : y[side * i + j]);
        }
    }
}

static void outputs(const winograd *w, int64_t tile_begin, int64_t n, int64_t first_channel, int64_t channels,
                    const REAL *m)
{
    if (w->side == 4)
        outputs_of(w, 4, tile_begin, n, first_channel, channels, m);
    else
        outputs_of(w, 2, tile_begin, n, first_channel, channels, m);
}

static void winograd_items(void *context, int64_t begin, int64_t end)
{
    const winograd *w = context;
    REAL *slot = (REAL *)(void *)(w->slots + parallel_thread() * (int64_t)w->slot_bytes),
         *m = slot + PLANES * (w->few ? w->u_plane : w->v_plane);
    for (int64_t item = begin; item < end; item++) {
        int64_t tile_begin = item % w->blocks * w->block, panel = item / w->blocks * w->range;
        int64_t n = w->tiles - tile_begin < w->block ? w->tiles - tile_begin : w->block;
        int64_t panels = w->g.panels - panel < w->range ? w->g.panels - panel : w->range,
                col = panel * TILE_COLS;
        if (!w->few)
            inputs(w, tile_begin, n, slot);
        multiply(w, panel, panels, n, w->few ? w->shared : slot, slot, m);
        outputs(w, tile_begin, n, col,
                w->g.out - col < panels * TILE_COLS ? w->g.out - col : panels * TILE_COLS, m);
    }
}

static void all_inputs(void *context, int64_t begin, int64_t end)
{
    const winograd *w = context;
    inputs(w, begin, end - begin, w->shared + begin * w->v_row);
}

static size_t winograd_scratch(const winograd *w)
{
    int64_t items = w->blocks * w->ranges, threads = parallel_threads();
    return w->shared_bytes + w->slot_bytes * (size_t)(items < threads ? items : threads);
}

static void run_winograd(winograd *w)
{
    w->shared = w->a->scratch;
    w->slots = (char *)w->a->scratch + w->shared_bytes;
    int64_t slots = (int64_t)((w->a->scratch_bytes - w->shared_bytes) / w->slot_bytes);
    if (w->few)
        parallel_for(w->tiles, 1024 / w->g.in + 1, all_inputs, w);
    else
        parallel_for(w->g.panels * w->g.in, 2048 / TILE_COLS, transform_panels, w);
    parallel_for_at_most((int)slots, w->blocks * w->ranges, 1, winograd_items, w);
}

static winograd winograd_of(const conv_args *a, bool backward)
{
    gather g = backward ? backward_gather(a) : forward_gather(a);
    return plan_winograd(&g, a, backward);
}

static size_t winograd_forward_scratch(const conv_args *a)
{
    winograd w = winograd_of(a, false);
    return winograd_scratch(&w);
}

static void winograd_forward(const conv_args *a)
{
    winograd w = winograd_of(a, false);
    run_winograd(&w);
}

static size_t winograd_data_gradient_scratch(const conv_args *a)
{
    winograd w = winograd_of(a, true);
    return winograd_scratch(&w);
}

static void winograd_data_gradient(const conv_args *a)
{
    winograd w = winograd_of(a, true);
    run_winograd(&w);
}

#include "kernels/isa/winograd_sums.inc.h"

static void fill_winograd(kernel_table *t, kernel_type type)
{
    conv_kernel *conv = t->conv[type][CONV_WINOGRAD];
    conv[CONV_FORWARD] = (conv_kernel){ winograd_forward, winograd_forward_scratch };
    conv[CONV_DATA_GRADIENT] = (conv_kernel){ winograd_data_gradient, winograd_data_gradient_scratch };
    conv[CONV_WEIGHT_GRADIENT] = (conv_kernel){ winograd_weight_gradient, winograd_weight_gradient_scratch };
}
