/* winograd_sums.inc.h - the weight gradient by Winograd's algorithm, for REAL.
 *
 * dg = G' [ sum over tiles of (B' x B) . (A dy A') ] G: for each plane a (channels in, channels out) product over the tiles.  An item
 * is a chunk of the tiles, a row of six planes and a range of the channels in; its sums and its blocks of tiles stay in
 * the second cache.  The items of a chunk come together, so that its pictures are read once.
 * Layer: kernels.  Depends on winograd.inc.h.  Read next: conv_sums.inc.h, the same without transforms. */

typedef struct winograd_sum {
    conv_args a;
    int size, side;
    int64_t tiles_h, tiles_w, tiles, block, chunk, chunks; /* in tiles */
    int64_t range, ranges;      /* channels in of an item: a multiple of WIDE, or all */
    int64_t panels, row, plane; /* of channels out; strides of the sums */
    size_t sum_bytes, slot_bytes;
    REAL *sums; /* [chunk][plane][channel in][channel out] */
    char *slots;
} winograd_sum;

enum { FEW_TILES = 64, SUM_BLOCK = 64 };

static winograd_sum plan_winograd_sum(const conv_args *a)
{
    winograd_sum w = { .a = *a, .size = (int)a->kernel[0] };
    w.side = IN_SIDE + 1 - w.size;
    w.tiles_h = divided(a->oh, w.side), w.tiles_w = divided(a->ow, w.side);
    w.tiles = a->n * w.tiles_h * w.tiles_w;
    w.panels = divided(a->k, TILE_COLS);
    w.row = w.panels * TILE_COLS;
    w.plane = plane_step(a->c * w.row);
    w.sum_bytes = rounded(PLANES * w.plane);
    int64_t tile_bytes = w.side * w.side * (a->c + a->k) * (int64_t)sizeof(REAL);
    int64_t most = SUM_BYTES / (int64_t)w.sum_bytes, wanted = divided(w.tiles * tile_bytes, CHUNK_BYTES);
    w.chunks = wanted < most ? wanted : most;
    w.chunks = w.chunks < w.tiles / FEW_TILES ? w.chunks : w.tiles / FEW_TILES;
    w.chunks = w.chunks < 1 ? 1 : w.chunks;
    w.chunk = divided(w.tiles, w.chunks);
    w.chunks = divided(w.tiles, w.chunk);
    w.range = a->c;
    w.ranges = 1;
    while (w.chunks * w.ranges < 4 && w.range > WIDE) {
        w.range = divided(divided(w.range, 2), WIDE) * WIDE;
        w.ranges = divided(a->c, w.range);
    }
    w.block = divided(w.chunk, divided(w.chunk, SUM_BLOCK));
    w.slot_bytes = rounded(IN_SIDE * w.block * (divided(w.range, WIDE) * WIDE + w.row));
    return w;
}

/* Row i of B' and of A: up to four pixels, each with its factor. */
typedef struct transform_row {
    int n, at[4];
    REAL by[4];
} transform_row;

static const transform_row input_rows[IN_SIDE] = {
    { 3, { 0, 2, 4 }, { 1, -2.5, 1 } },
    { 4, { 1, 2, 3, 4 }, { -2 * ROOT_HALF, -2, ROOT_HALF, 1 } },
    { 4, { 1, 2, 3, 4 }, { 2 * ROOT_HALF, -2, -ROOT_HALF, 1 } },
    { 4, { 1, 2, 3, 4 }, { -ROOT_HALF, -0.5, ROOT_2, 1 } },
    { 4, { 1, 2, 3, 4 }, { ROOT_HALF, -0.5, -ROOT_2, 1 } },
    { 3, { 1, 3, 5 }, { 1, -2.5, 1 } },
};
static const transform_row gradient_rows_of_4[IN_SIDE] = {
    { 1, { 0 }, { 1 } },
    { 4, { 0, 1, 2, 3 }, { 1, ROOT_HALF, 0.5, ROOT_HALF / 2 } },
    { 4, { 0, 1, 2, 3 }, { 1, -ROOT_HALF, 0.5, -ROOT_HALF / 2 } },
    { 4, { 0, 1, 2, 3 }, { 1, ROOT_2, 2, 2 * ROOT_2 } },
    { 4, { 0, 1, 2, 3 }, { 1, -ROOT_2, 2, -2 * ROOT_2 } },
    { 1, { 3 }, { 1 } },
};
static const transform_row gradient_rows_of_2[IN_SIDE] = {
    { 1, { 0 }, { 1 } },
    { 2, { 0, 1 }, { 1, ROOT_HALF } },
    { 2, { 0, 1 }, { 1, -ROOT_HALF } },
    { 2, { 0, 1 }, { 1, ROOT_2 } },
    { 2, { 0, 1 }, { 1, -ROOT_2 } },
    { 1, { 1 }, { 1 } },
};

/* Pixels of one tile: the first at (h, w) of a picture of (rows, cols), channels `step` apart. */
typedef struct patch {
    const REAL *at;
    int64_t h, w, rows, cols, step;
} patch;

/* to[j] = sum over the row's pixels i of by[i] pixel(i, j), j < n; pixels outside are 0 */
INLINE void combine_rows(const patch *p, const transform_row *r, int n, int64_t channel, int channels,
                         vec *to)
{
    const V(mask) some = V(first)(channels < WIDTH ? channels : WIDTH);
    for (int j = 0; j < n; j++) {
        to[j] = (vec){ 0 };
        if (p->w + j < 0 || p->w + j >= p->cols)
            continue;
        for (int i = 0; i < r->n; i++)
            if (p->h + r->at[i] >= 0 && p->h + r->at[i] < p->rows)
                to[j] += r->by[i] * V(load_first)(p->at + (r->at[i] * p->cols + j) * p->step + channel, some);
    }
}

INLINE void combine_whole(const patch *p, const transform_row *r, int n, const int terms, int64_t channel,
                          vec *to)
{
    const REAL *at[4];
    for (int i = 0; i < terms; i++)
        at[i] = p->at + r->at[i] * p->cols * p->step + channel;
#pragma GCC unroll 6
    for (int j = 0; j < n; j++) {
        to[j] = r->by[0] * V(load)(at[0] + j * p->step);
#pragma GCC unroll 4
        for (int i = 1; i < terms; i++)
            to[j] += r->by[i] * V(load)(at[i] + j * p->step);
    }
}

INLINE void combine(const patch *p, const transform_row *r, int n, bool inside, int64_t channel, int64_t end,
                    vec *to)
{
    if (!inside || end - channel < WIDTH)
        combine_rows(p, r, n, channel, end - channel < WIDTH ? (int)(end - channel) : WIDTH, to);
    else if (r->n == 4)
        combine_whole(p, r, n, 4, channel, to);
    else if (r->n == 3)
        combine_whole(p, r, n, 3, channel, to);
    else if (r->n == 2)
        combine_whole(p, r, n, 2, channel, to);
    else
        combine_whole(p, r, n, 1, channel, to);
}

static bool is_inside(const patch *p, int side)
{
    return p->h >= 0 && p->w >= 0 && p->h + side <= p->rows && p->w + side <= p->cols;
}

typedef struct winograd_item {
    const winograd_sum *w;
    int line;            /* planes 6 line ... */
    int64_t first, last; /* channels in */
    int64_t begin, n;    /* the block of tiles */
    REAL *v, *y;         /* v: [plane][panel of WIDE][tile][WIDE], y: [plane][panel][tile][TILE_COLS] */
    int64_t v_plane, y_plane;
} winograd_item;

static void sum_gradients(const winograd_item *s, const patch *grad, int64_t tile)
{
    const int64_t channels = s->w->a.k;
    const bool four = s->w->side == 4, inside = is_inside(grad, s->w->side);
    vec line[MOST_SIDE], out[IN_SIDE];
    for (int64_t k = 0; k < channels; k += WIDTH) {
        if (four) {
            combine(grad, &gradient_rows_of_4[s->line], 4, inside, k, channels, line);
            transform_gradient(line, 4, out);
        } else {
            combine(grad, &gradient_rows_of_2[s->line], 2, inside, k, channels, line);
            transform_gradient(line, 2, out);
        }
        REAL *to = s->y + k / TILE_COLS * TILE_COLS * s->n + tile * TILE_COLS + k % TILE_COLS;
        for (int j = 0; j < IN_SIDE; j++)
            V(store)(to + j * s->y_plane, out[j]);
    }
}

static void sum_inputs(const winograd_item *s)
{
    const winograd_sum *w = s->w;
    const conv_args *a = &w->a;
    for (int64_t t = 0; t < s->n; t++) {
        int64_t all = s->begin + t, image = all / (w->tiles_h * w->tiles_w),
                i = all % (w->tiles_h * w->tiles_w);
        int64_t h = i / w->tiles_w * w->side, x = i % w->tiles_w * w->side;
        patch from = {
            .h = h - a->padding[0], .w = x - a->padding[1], .rows = a->h, .cols = a->w, .step = a->c
        };
        from.at = (const REAL *)a->x + ((image * a->h + from.h) * a->w + from.w) * a->c;
        bool inside = is_inside(&from, IN_SIDE);
        vec line[IN_SIDE], out[IN_SIDE];
        for (int64_t c = s->first; c < s->last; c += WIDTH) {
            combine(&from, &input_rows[s->line], IN_SIDE, inside, c, s->last, line);
            transform_input(line, out);
            int64_t at = c - s->first;
            REAL *to = s->v + at / WIDE * WIDE * s->n + t * WIDE + at % WIDE;
            for (int j = 0; j < IN_SIDE; j++)
                V(store)(to + j * s->v_plane, out[j]);
        }
        patch grad = { .h = h, .w = x, .rows = a->oh, .cols = a->ow, .step = a->k };
        grad.at = (const REAL *)a->dy + ((image * a->oh + h) * a->ow + x) * a->k;
        sum_gradients(s, &grad, t);
    }
}

static void sum_products(const winograd_item *s, REAL *sums, bool accumulate)
{
    const winograd_sum *w = s->w;
    segment part = { .n = s->n };
    tile_args t = {
        .segments = &part, .n_segments = 1, .a_step = WIDE, .b_step = TILE_COLS, .accumulate = accumulate
    };
    for (int j = 0; j < IN_SIDE; j++)
        for (int64_t q = 0; q < w->panels; q++) {
            t.cols = (int)(w->a.k - q * TILE_COLS < TILE_COLS ? w->a.k - q * TILE_COLS : TILE_COLS);
            part.b = s->y + j * s->y_plane + q * TILE_COLS * s->n;
            for (int64_t c = s->first; c < s->last; c += TILE_ROWS) {
                int64_t at = c - s->first, mr = s->last - c < TILE_ROWS ? s->last - c : TILE_ROWS;
                part.a = s->v + j * s->v_plane + at / WIDE * WIDE * s->n + at % WIDE;
                for (int64_t r = 0; r < mr; r++)
                    t.out[r] = sums + (s->line * IN_SIDE + j) * w->plane + (c + r) * w->row + q * TILE_COLS;
                tile_for((int)mr, t.cols, true)(&t);
            }
        }
}

static void winograd_sum_items(void *context, int64_t begin, int64_t end)
{
    const winograd_sum *w = context;
    for (int64_t item = begin; item < end; item++) {
        int64_t chunk = item / (w->ranges * IN_SIDE), range = item / IN_SIDE % w->ranges;
        winograd_item s = { .w = w, .line = (int)(item % IN_SIDE), .first = range * w->range };
        s.last = s.first + w->range < w->a.c ? s.first + w->range : w->a.c;
        s.v = (REAL *)(void *)(w->slots + parallel_thread() * (int64_t)w->slot_bytes);
        int64_t last = (chunk + 1) * w->chunk < w->tiles ? (chunk + 1) * w->chunk : w->tiles;
        for (int64_t tile = chunk * w->chunk; tile < last; tile += s.n) {
            s.begin = tile;
            s.n = last - tile < w->block ? last - tile : w->block;
            s.v_plane = divided(w->range, WIDE) * WIDE * s.n, s.y_plane = w->row * s.n;
            s.y = s.v + IN_SIDE * s.v_plane;
            sum_inputs(&s);
            sum_products(&s, w->sums + chunk * (int64_t)(w->sum_bytes / sizeof(REAL)),
                         tile > chunk * w->chunk);
        }
    }
}

/* The chunks' sums together, in order, and back to size x size. */
INLINE void sums_back_of(const winograd_sum *w, const int size, int64_t begin, int64_t end)
{
    const conv_args *a = &w->a;
    const int all = size * size;
    const int64_t step = (int64_t)(w->sum_bytes / sizeof(REAL));
    for (int64_t c = begin; c < end; c++)
        for (int64_t k = 0; k < w->row; k += WIDTH) {
            vec u[PLANES], half[IN_SIDE * MOST_SIZE], dw[MOST_SIZE * MOST_SIZE];
            for (int p = 0; p < PLANES; p++) {
                const REAL *at = w->sums + p * w->plane + c * w->row + k;
                u[p] = V(load)(at);
                for (int64_t chunk = 1; chunk < w->chunks; chunk++)
                    u[p] += V(load)(at + chunk * step);
            }
            for (int i = 0; i < IN_SIDE; i++)
                transform_back(u + IN_SIDE * i, size, IN_SIDE, half + i);
            for (int j = 0; j < size; j++)
                transform_back(half + IN_SIDE * j, size, size, dw + j);
            REAL *to = (REAL *)a->out + (k * a->c + c) * all;
            for (int64_t l = 0; l < WIDTH && k + l < a->k; l++)
                for (int t = 0; t < all; t++)
                    to[l * a->c * all + t] = dw[t][l];
        }
}

static void sums_back(void *context, int64_t begin, int64_t end)
{
    const winograd_sum *w = context;
    if (w->size == 3)
        sums_back_of(w, 3, begin, end);
    else
        sums_back_of(w, 5, begin, end);
}

static size_t winograd_weight_gradient_scratch(const conv_args *a)
{
    winograd_sum w = plan_winograd_sum(a);
    int64_t items = w.chunks * w.ranges * IN_SIDE, threads = parallel_threads();
    return w.sum_bytes * (size_t)w.chunks + w.slot_bytes * (size_t)(items < threads ? items : threads);
}

static void winograd_weight_gradient(const conv_args *a)
{
    winograd_sum w = plan_winograd_sum(a);
    w.sums = a->scratch;
    w.slots = (char *)a->scratch + w.sum_bytes * (size_t)w.chunks;
    int64_t slots = (int64_t)((a->scratch_bytes - w.sum_bytes * (size_t)w.chunks) / w.slot_bytes);
    parallel_for_at_most((int)slots, w.chunks * w.ranges * IN_SIDE, 1, winograd_sum_items, &w);
    parallel_for(a->c, 4096 / w.row + 1, sums_back, &w);
}
