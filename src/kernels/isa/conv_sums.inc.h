/* conv_sums.inc.h - weight gradients of convolutions of channels-last images for REAL.
 *
 * dw[tap][c][k] = sum over pixels of x[pixel + tap][c] dy[pixel][k].  An item is a chunk of the rows of dy (of all images, one
 * after the other) and a range of the channels in.  Of a block of rows it copies x, with its border of zeros, into panels of
 * WIDE channels, and dy into panels of TILE_COLS; then a tile is TILE_ROWS of the (tap, channel) rows and a panel of k, with a
 * segment for each row of dy.  Chunks are summed apart and then together, in order.
 * With channels enough for tiles of one tap x is not copied but read where it lies, and comes from memory while tiles are
 * computed; segments end at the border.  For a kernel of one tap x and dy change places: the sums are dw
 * as it is wanted, and a single chunk adds to dw itself.
 * Elements of DEPTH numbers join pixels of a row of dy with those they are multiplied with: of x that is a pixel and the one
 * that the same tap reads next, at every pixel, or at every DEPTH-th where a kernel row has one tap.
 * Layer: kernels.  Depends on conv.inc.h.  Read next: winograd.inc.h. */
enum {
    WIDE = 48, /* a multiple of TILE_ROWS and WIDTH everywhere */
    SUM_BYTES = 24 << 20,
    SUM_PIXELS = 256,
    CHUNK_BYTES = 8 << 20,
    MOST_ROWS = 64, /* of dy in a block */
    ENOUGH_ITEMS = 24,
    BLOCK_BYTES = 256 << 10,
};

typedef struct sum_plan {
    conv_args a;                       /* turned: x and dy, c and k changed places */
    bool turned, in_place;             /* in_place: x is not copied */
    int64_t dy_size[2];                /* rows and columns of what stands as dy */
    int64_t dy_step[2];                /* from a pixel of it that counts to the next */
    int64_t in, out, taps, panels, ld; /* channels of a group; ld: of a row of the sums */
    int64_t step[2], stride[2]; /* x is copied at every step-th pixel and read at every stride-th of these */
    int64_t high, wide;         /* of x, copied, what one row of dy needs: rows, elements of each */
    int64_t pitch, pixels;      /* pixels from one element to the next, and of the row */
    int64_t elements;           /* of a row of dy */
    int64_t range, ranges;      /* channels in of an item */
    int64_t out_range, out_ranges; /* panels of channels out of an item */
    int64_t rows, chunk, chunks;   /* rows of dy: all, of a chunk */
    int64_t block, images;         /* rows of an image, images in a block */
    size_t sum_bytes, x_bytes, slot_bytes;
    REAL *sums; /* [chunk][group][tap][c][ld] */
    char *slots;
} sum_plan;

/* Taps of one row of a kernel one wide read only every stride-th pixel: no others are copied. */
static void plan_copy(sum_plan *p, int dim)
{
    const conv_args *a = &p->a;
    p->step[dim] = a->kernel[dim] == 1 ? a->stride[dim] : 1;
    p->stride[dim] = a->kernel[dim] == 1 ? 1 : a->stride[dim];
}

static int64_t copied_rows(const sum_plan *p, int64_t rows)
{
    return (rows - 1) * p->stride[0] + p->high;
}

/* Rows of one image, or whole images: SUM_PIXELS, if they fit. */
static void plan_block(sum_plan *p)
{
    const conv_args *a = &p->a;
    const int64_t row_bytes =
        (p->stride[0] * p->wide * p->range + p->elements * p->out_range * TILE_COLS) * (int64_t)sizeof(REAL);
    int64_t rows = divided(SUM_PIXELS, a->ow);
    rows = rows < MOST_ROWS ? rows : MOST_ROWS;
    rows = rows * row_bytes <= BLOCK_BYTES ? rows : BLOCK_BYTES / row_bytes;
    rows = rows < 1 ? 1 : rows;
    p->block = rows < a->oh ? rows : a->oh;
    p->images = rows / p->block;
}

static sum_plan plan_sums(const conv_args *given)
{
    sum_plan p = { .a = *given,
                   .taps = given->kernel[0] * given->kernel[1],
                   .dy_size = { given->oh, given->ow },
                   .dy_step = { 1, 1 } };
    conv_args *a = &p.a;
    p.turned = DEPTH == 1 && p.taps == 1 && a->groups == 1;
    for (int i = 0; i < 2; i++)
        p.turned = p.turned && !a->padding[i];
    if (p.turned) {
        a->x = given->dy, a->dy = given->x, a->c = given->k, a->k = given->c;
        p.dy_size[0] = a->h, p.dy_size[1] = a->w;
        p.dy_step[0] = a->stride[0], p.dy_step[1] = a->stride[1];
    }
    p.in = a->c / a->groups, p.out = a->k / a->groups;
    p.in_place = p.turned || (DEPTH == 1 && p.in >= TILE_ROWS);
    p.panels = divided(p.out, TILE_COLS);
    p.ld = p.panels * TILE_COLS;
    plan_copy(&p, 0), plan_copy(&p, 1);
    p.high = (a->kernel[0] - 1) * a->dilation[0] + 1;
    p.pixels = (a->ow - 1) * p.stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1;
    p.pitch = a->kernel[1] == 1 ? DEPTH : 1;
    p.wide = divided(p.pixels, p.pitch);
    p.elements = divided(a->ow, DEPTH);
    p.sum_bytes = rounded(a->groups * p.taps * p.in * p.ld);
    p.rows = a->n * a->oh;
    /* chunks: whole images, as many as memory and work allow */
    int64_t image = (a->h * a->w * a->c + a->oh * a->ow * a->k) * (int64_t)sizeof(REAL);
    int64_t most = SUM_BYTES / (int64_t)p.sum_bytes, wanted = divided(a->n * image, CHUNK_BYTES);
    int64_t worth = p.rows * a->ow / (4 * SUM_PIXELS);
    wanted = wanted < ENOUGH_ITEMS / a->groups ? ENOUGH_ITEMS / a->groups : wanted;
    p.chunks = wanted < most ? wanted : most;
    p.chunks = p.chunks < worth ? p.chunks : worth;
    p.chunks = p.chunks < a->n ? p.chunks : a->n;
    p.chunks = p.chunks < 1 ? 1 : p.chunks;
    p.chunk = divided(a->n + !a->n, p.chunks) * a->oh;
    p.chunks = divided(p.rows + !p.rows, p.chunk + !p.chunk);
    /* Items near square: what is copied for one is in proportion to its sides, what is computed to their product. */
    p.range = p.in, p.ranges = 1;
    p.out_range = p.panels, p.out_ranges = 1;
    while (p.chunks * a->groups * p.ranges * p.out_ranges < ENOUGH_ITEMS) {
        if (p.range > WIDE && (p.range > p.out_range * TILE_COLS || p.out_range == 1)) {
            p.range = divided(divided(p.range, 2), WIDE) * WIDE;
            p.ranges = divided(p.in, p.range);
        } else if (p.out_range > 1) {
            p.out_range = divided(p.out_range, 2);
            p.out_ranges = divided(p.panels, p.out_range);
        } else
            break;
    }
    plan_block(&p);
    if (p.turned && p.chunks == 1)
        p.sum_bytes = 0, p.ld = p.out;
    p.x_bytes = p.in_place ? 0 : rounded(p.images * copied_rows(&p, p.block) * p.wide * p.range);
    p.slot_bytes = p.x_bytes + rounded(p.images * p.block * p.elements * p.out_range * TILE_COLS);
    return p;
}

static int64_t items_of(const sum_plan *p)
{
    return p->chunks * p->a.groups * p->ranges * p->out_ranges;
}

static size_t sums_scratch(const sum_plan *p)
{
    int64_t items = items_of(p), threads = parallel_threads();
    return p->sum_bytes * (size_t)p->chunks + p->slot_bytes * (size_t)(items < threads ? items : threads);
}

/* A block of rows of one image, of one range of channels; x and dy as copied. */
typedef struct sum_block {
    const sum_plan *p;
    int64_t group, first, channels;   /* in */
    int64_t panel, panels;            /* of channels out */
    int64_t image, images, row, rows; /* of dy: several images only if whole ones */
    REAL *x, *dy; /* x: [panel of WIDE channels][row][pixel][its channels], dy: [panel][pixel][TILE_COLS] */
} sum_block;

static int64_t x_panel_width(const sum_block *b, int64_t channel)
{
    int64_t left = b->channels - channel / WIDE * WIDE;
    return left < WIDE ? left : WIDE;
}

static REAL *x_panel(const sum_block *b, int64_t channel)
{
    return b->x + channel / WIDE * WIDE * b->images * copied_rows(b->p, b->rows) * b->p->wide;
}

/* n elements; the copies of one pixel are short */
INLINE void copy_short(REAL *to, const REAL *from, int64_t n)
{
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        V(store)(to + i, V(load)(from + i));
    for (; i < n; i++)
        to[i] = from[i];
}

/* NULL: in the border */
static const REAL *pixel_at(const conv_args *a, const REAL *row, int64_t w)
{
    return w >= 0 && w < a->w ? row + w * a->c : NULL;
}

static void copy_x_row(const sum_block *b, int64_t image, int64_t panel, int64_t width, int64_t h, REAL *to)
{
    const sum_plan *p = b->p;
    const conv_args *a = &p->a;
    if (h < 0 || h >= a->h) {
        memset(to, 0, (size_t)(p->wide * width) * sizeof *to);
        return;
    }
    const REAL *from =
        (const REAL *)a->x + (image * a->h + h) * a->w * a->c + b->group * p->in + b->first + panel;
    if (DEPTH == 1 && width == a->c && p->step[1] == 1) { /* pixels follow each other on both sides */
        int64_t left = a->padding[1] < p->wide ? a->padding[1] : p->wide,
                right = p->wide - left < a->w ? p->wide - left : a->w;
        memset(to, 0, (size_t)(left * width) * sizeof *to);
        memcpy(to + left * width, from, (size_t)(right * width) * sizeof *to);
        memset(to + (left + right) * width, 0, (size_t)((p->wide - left - right) * width) * sizeof *to);
        return;
    }
    int64_t w = -a->padding[1];
    if (DEPTH > 1) {
        const int64_t next = p->stride[1] * p->step[1];
        for (int64_t q = 0; q < p->pixels; q += p->pitch, w += p->pitch * p->step[1], to += width)
            join(to, pixel_at(a, from, w), q + p->stride[1] < p->pixels ? pixel_at(a, from, w + next) : NULL,
                 width, width);
        return;
    }
    for (int64_t j = 0; j < p->wide; j++, w += p->step[1], to += width)
        if (w < 0 || w >= a->w)
            memset(to, 0, (size_t)width * sizeof *to);
        else
            copy_short(to, from + w * a->c, width);
}

static void copy_x(const sum_block *b)
{
    const sum_plan *p = b->p;
    const int64_t rows = copied_rows(p, b->rows), first = b->row * p->a.stride[0] - p->a.padding[0];
    for (int64_t panel = 0; panel < b->channels; panel += WIDE) {
        int64_t width = x_panel_width(b, panel);
        REAL *to = x_panel(b, panel);
        for (int64_t image = 0; image < b->images; image++)
            for (int64_t i = 0; i < rows; i++, to += p->wide * width)
                copy_x_row(b, b->image + image, panel, width, first + i * p->step[0], to);
    }
}

static int64_t elements_of(const sum_block *b)
{
    return b->images * b->rows * b->p->elements;
}

/* The elements of dy: within each row pixels are joined with the next. */
static void join_dy(const sum_block *b)
{
    const sum_plan *p = b->p;
    const conv_args *a = &p->a;
    const int64_t all = elements_of(b), first = b->panel * TILE_COLS;
    const REAL *row =
        (const REAL *)a->dy + (b->image * a->oh + b->row) * a->ow * a->k + b->group * p->out + first;
    for (int64_t i = 0; i < all; row += a->ow * a->k)
        for (int64_t w = 0; w < a->ow; w += DEPTH, i++)
            for (int64_t q = 0; q < b->panels; q++) {
                const int64_t col = q * TILE_COLS, width = panel_width(p->out, b->panel + q);
                const REAL *at = row + w * a->k + col;
                join(b->dy + col * all + i * width, at, w + 1 < a->ow ? at + a->k : NULL,
                     p->out - first - col, width);
            }
}

/* A pixel's channels of dy, those of the block, into panels. */
static void copy_dy_pixel(const sum_block *b, const REAL *from, int64_t i, int64_t pixels)
{
    const sum_plan *p = b->p;
    const int64_t first = b->panel * TILE_COLS;
    for (int64_t q = 0; q < b->panels; q++) {
        int64_t col = q * TILE_COLS, cols = p->out - first - col, width = panel_width(p->out, b->panel + q);
        REAL *to = b->dy + col * pixels + i * width;
        if (cols >= TILE_COLS) {
            for (int v = 0; v < TILE_VECTORS; v++)
                V(store)(to + v * WIDTH, V(load)(from + col + v * WIDTH));
            continue;
        }
        for (int64_t k = 0; k < width; k += WIDTH) {
            vec some = V(load_first)(from + col + k, V(first)(cols - k < WIDTH ? (int)(cols - k) : WIDTH));
            V(store)(to + k, some);
        }
    }
}

static void copy_dy(const sum_block *b)
{
    const sum_plan *p = b->p;
    const conv_args *a = &p->a;
    const int64_t pixels = elements_of(b), rows = b->images * b->rows, channel = b->group * p->out;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t row = (b->image + i / b->rows) * p->dy_size[0] + (b->row + i % b->rows) * p->dy_step[0];
        const REAL *from = (const REAL *)a->dy + row * p->dy_size[1] * a->k + channel + b->panel * TILE_COLS;
        for (int64_t j = 0; j < a->ow; j++, from += p->dy_step[1] * a->k)
            copy_dy_pixel(b, from, i * a->ow + j, pixels);
    }
}

/* Pointers to the TILE_ROWS (tap, channel) rows from m on, and where their sums are. */
static void tile_sums(const sum_block *b, int64_t m, int64_t mr, const REAL **row, REAL **out, REAL *sums)
{
    const sum_plan *p = b->p;
    const conv_args *a = &p->a;
    int64_t tap = m / b->channels, c = m % b->channels;
    for (int64_t i = 0; i < mr; i++) {
        int64_t width = x_panel_width(b, c), h = tap / a->kernel[1] * a->dilation[0],
                w = tap % a->kernel[1] * a->dilation[1];
        row[i] = x_panel(b, c) + (h * p->wide + w) * width + c % WIDE;
        out[i] = sums + ((b->group * p->taps + tap) * p->in + b->first + c) * p->ld;
        if (++c == b->channels)
            c = 0, tap++;
    }
}

/* A tile's rows are of one tap, or lie in one panel of a copy: the step from pixel to pixel is one number.  What is left goes into
 * tiles of one size. */
static int64_t rows_of_tile(const sum_block *b, int64_t m)
{
    int64_t left = b->p->taps * b->channels - m, c = m % b->channels;
    if (b->p->in_place)
        left = b->channels - c;
    else if (b->channels > WIDE)
        left = ((c / WIDE + 1) * WIDE < b->channels ? (c / WIDE + 1) * WIDE : b->channels) - c;
    return divided(left, divided(left, TILE_ROWS));
}

/* Segments of a tile of one tap whose first row is x[0] of each pixel: a row of dy each, as far as the tap lies inside; from: its
 * first element in the block. */
static int segments_in_place(const sum_block *b, int64_t tap, const REAL *x, segment *s, int64_t *from)
{
    const conv_args *a = &b->p->a;
    if (b->p->turned) { /* all rows follow each other */
        *s = (segment){ .a = x + (b->image * a->oh + b->row) * a->ow * a->c, .n = elements_of(b) };
        return *from = 0, 1;
    }
    const int64_t w = tap % a->kernel[1] * a->dilation[1] - a->padding[1],
                  first = w < 0 ? divided(-w, a->stride[1]) : 0,
                  all = a->w > w ? divided(a->w - w, a->stride[1]) : 0, last = all < a->ow ? all : a->ow;
    int n = 0;
    for (int64_t i = 0; i < b->images * b->rows && first < last; i++) {
        const int64_t image = b->image + i / b->rows, row = b->row + i % b->rows,
                      h = row * a->stride[0] + tap / a->kernel[1] * a->dilation[0] - a->padding[0];
        if (h < 0 || h >= a->h)
            continue;
        s[n] = (segment){ .a = x + ((image * a->h + h) * a->w + first * a->stride[1] + w) * a->c,
                          .n = last - first };
        from[n++] = i * a->ow + first;
    }
    return n;
}

static int segments_of_copy(const sum_block *b, int64_t width, const REAL *const *rows, segment *s,
                            int64_t *from)
{
    const sum_plan *p = b->p;
    const bool one = p->taps == 1; /* rows of elements follow each other */
    const int n = one ? 1 : (int)(b->images * b->rows);
    for (int i = 0; i < n; i++) {
        const int64_t row = i / b->rows * copied_rows(p, b->rows) + i % b->rows * p->stride[0];
        s[i] = (segment){ .rows = rows,
                          .offset = row * p->wide * width,
                          .n = one ? elements_of(b) : p->elements };
        from[i] = i * p->elements;
    }
    return n;
}

static void add_block(const sum_block *b, REAL *sums, bool accumulate)
{
    const sum_plan *p = b->p;
    const conv_args *a = &p->a;
    const REAL *x = (const REAL *)a->x + b->group * p->in + b->first;
    int64_t from[MAX_SEGMENTS];
    tile_run t;
    t.args = (tile_args){ .segments = t.segments, .accumulate = accumulate };
    for (int64_t m = 0, mr; m < p->taps * b->channels; m += mr) {
        REAL *out[TILE_ROWS];
        const int64_t tap = m / b->channels, c = m % b->channels, width = x_panel_width(b, c);
        mr = rows_of_tile(b, m);
        tile_sums(b, m, mr, t.rows[0], out, sums);
        t.args.a_step = p->turned     ? a->c
                        : p->in_place ? a->stride[1] * a->c
                                      : p->stride[1] * DEPTH / p->pitch * width;
        t.args.n_segments = p->in_place ? segments_in_place(b, tap, x + c, t.segments, from)
                                        : segments_of_copy(b, width, t.rows[0], t.segments, from);
        for (int64_t q = 0; q < b->panels; q++) {
            const int64_t col = (b->panel + q) * TILE_COLS, left = p->out - col;
            t.args.b_step = panel_width(p->out, b->panel + q);
            t.args.cols = (int)(left < TILE_COLS ? left : TILE_COLS);
            for (int i = 0; i < t.args.n_segments; i++)
                t.segments[i].b = b->dy + q * TILE_COLS * elements_of(b) + from[i] * t.args.b_step;
            for (int64_t i = 0; i < mr; i++)
                t.args.out[i] = out[i] + col;
            tile_for((int)mr, t.args.cols, DEPTH == 1 && p->in_place)(&t.args);
        }
    }
}

static sum_block block_of(const sum_plan *p, int64_t item)
{
    sum_block b = { .p = p, .panel = item % p->out_ranges * p->out_range };
    item /= p->out_ranges;
    b.first = item % p->ranges * p->range;
    b.group = item / p->ranges % p->a.groups;
    b.channels = p->in - b.first < p->range ? p->in - b.first : p->range;
    b.panels = p->panels - b.panel < p->out_range ? p->panels - b.panel : p->out_range;
    b.x = (REAL *)(void *)(p->slots + parallel_thread() * (int64_t)p->slot_bytes);
    b.dy = (REAL *)(void *)((char *)b.x + p->x_bytes);
    return b;
}

static void sum_items(void *context, int64_t begin, int64_t end)
{
    const sum_plan *p = context;
    for (int64_t item = begin; item < end; item++) {
        sum_block b = block_of(p, item);
        int64_t chunk = item / (p->out_ranges * p->ranges * p->a.groups), row = chunk * p->chunk,
                last = row + p->chunk < p->rows ? row + p->chunk : p->rows;
        for (bool first = true; row < last; row += b.images * b.rows, first = false) {
            b.image = row / p->a.oh, b.row = row % p->a.oh;
            b.rows = p->a.oh - b.row < p->block ? p->a.oh - b.row : p->block;
            b.images = p->images * b.rows < last - row ? p->images : divided(last - row, b.rows);
            b.images = b.rows == p->a.oh ? b.images : 1;
            if (!p->in_place)
                copy_x(&b);
            (DEPTH > 1 ? join_dy : copy_dy)(&b);
            add_block(&b, p->sums + chunk * (int64_t)(p->sum_bytes / sizeof(REAL)), !first);
        }
    }
}

/* Blocks of OUT_ROWS numbers of dw's rows, which are (channel, tap): the sums of all chunks, turned in the first cache. */
enum { OUT_ROWS = 64, OUT_COLS = 16 };

static void sums_out(void *context, int64_t begin, int64_t end)
{
    const sum_plan *p = context;
    const int64_t length = p->in * p->taps, all = (int64_t)(p->sum_bytes / sizeof(REAL)),
                  blocks = divided(length, OUT_ROWS);
    REAL block[OUT_ROWS][OUT_COLS];
    for (int64_t item = begin; item < end; item++) {
        int64_t group = item / blocks, first = item % blocks * OUT_ROWS,
                rows = length - first < OUT_ROWS ? length - first : OUT_ROWS;
        for (int64_t k = 0; k < p->out; k += OUT_COLS) {
            const int64_t cols = p->out - k < OUT_COLS ? p->out - k : OUT_COLS;
            for (int64_t i = 0; i < rows; i++) {
                int64_t c = (first + i) / p->taps, tap = (first + i) % p->taps;
                const REAL *sum = p->sums + ((group * p->taps + tap) * p->in + c) * p->ld + k;
                add(block[i], sum, 1, p->chunks > 1 ? sum + all : (REAL[]){ 0 }, p->chunks > 1, cols);
                for (int64_t chunk = 2; chunk < p->chunks; chunk++)
                    add(block[i], block[i], 1, sum + chunk * all, 1, cols);
            }
            for (int64_t j = 0; j < cols; j++) {
                REAL *dw = (REAL *)p->a.out + (group * p->out + k + j) * length + first;
                for (int64_t i = 0; i < rows; i++)
                    dw[i] = block[i][j];
            }
        }
    }
}

/* The same of turned sums, whose rows are dw's. */
static void turned_sums_out(void *context, int64_t begin, int64_t end)
{
    const sum_plan *p = context;
    const int64_t all = (int64_t)(p->sum_bytes / sizeof(REAL));
    for (int64_t i = begin; i < end; i++) {
        REAL *dw = (REAL *)p->a.out + i * p->out;
        const REAL *sum = p->sums + i * p->ld;
        for (int64_t chunk = 1; chunk < p->chunks; chunk++)
            add(dw, chunk == 1 ? sum : dw, 1, sum + chunk * all, 1, p->out);
    }
}

static size_t conv_weight_gradient_scratch(const conv_args *a)
{
    sum_plan p = plan_sums(a);
    return sums_scratch(&p);
}

static void conv_weight_gradient(const conv_args *a)
{
    sum_plan p = plan_sums(a);
    if (!p.rows) {
        memset(a->out, 0, (size_t)(a->k * (a->c / a->groups) * p.taps) * sizeof(REAL));
        return;
    }
    p.sums = p.sum_bytes ? a->scratch : a->out;
    p.slots = (char *)a->scratch + p.sum_bytes * (size_t)p.chunks;
    int64_t slots = (int64_t)((a->scratch_bytes - p.sum_bytes * (size_t)p.chunks) / p.slot_bytes);
    int64_t items = items_of(&p);
    double work = (double)(p.rows * a->ow) * (double)(p.taps * p.in) * (double)p.a.k;
    parallel_for_at_most((int)slots, items, grain_for(work, items), sum_items, &p);
    if (!p.turned)
        parallel_for(a->groups * divided(p.taps * p.in, OUT_ROWS), 32768 / (OUT_ROWS * p.out * p.chunks) + 1,
                     sums_out, &p);
    else if (DEPTH == 1 && p.chunks > 1)
        parallel_for(p.in, 32768 / (p.out * p.chunks) + 1, turned_sums_out, &p);
}

INLINE void fill_conv(kernel_table *t, kernel_type type)
{
    conv_kernel *conv = t->conv[type][CONV_DIRECT];
    conv[CONV_FORWARD] = (conv_kernel){ conv_forward, conv_forward_scratch };
    conv[CONV_DATA_GRADIENT] = (conv_kernel){ conv_data_gradient, conv_data_gradient_scratch };
    conv[CONV_WEIGHT_GRADIENT] = (conv_kernel){ conv_weight_gradient, conv_weight_gradient_scratch };
}
