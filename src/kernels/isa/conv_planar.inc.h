/* conv_planar.inc.h - convolutions of few channels into few, in three directions: vectors run along a row of pixels, for REAL.
 *
 * With a channel or three on one side and less than a vector on the other, a tile of pixels by channels (conv.inc.h) leaves most
 * lanes empty.  Here each channel of an image is copied into a plane with its border of zeros, and STRIP pixels of up to
 * PLANAR_OUT channels are summed in registers.  LeNet is the case in point.
 * Layer: kernels.  Depends on conv.inc.h.  Read next: conv_way.c. */
enum { PLANAR_OUT = 6, STRIP = 2 * WIDTH };

typedef struct planar {
    gather g;
    int64_t high, wide;  /* of a plane */
    int64_t blocks;      /* of PLANAR_OUT channels out */
    const REAL *weights; /* [block][channel in][tap][PLANAR_OUT] */
    size_t weight_bytes, slot_bytes;
    char *slots; /* the planes of one image for each thread */
} planar;

static planar plan_planar(const gather *g)
{
    planar p = { .g = *g, .blocks = divided(g->out, PLANAR_OUT) };
    p.high = g->sh + 2 * g->offset[0];
    p.wide = g->sw + 2 * g->offset[1] + STRIP; /* the last strip of a row reads on */
    p.weight_bytes = rounded(p.blocks * g->in * g->kernel[0] * g->kernel[1] * PLANAR_OUT);
    p.slot_bytes = rounded(g->in * p.high * p.wide);
    return p;
}

static size_t planar_bytes(const gather *g)
{
    planar p = plan_planar(g);
    return p.weight_bytes + p.slot_bytes * (size_t)parallel_threads();
}

/* transposed: for the data gradient, channels swapped, taps in reverse */
static void planar_weights(const planar *p, const REAL *w, bool transposed, REAL *to)
{
    const gather *g = &p->g;
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

static void copy_planes(const planar *p, int64_t image, REAL *planes)
{
    const gather *g = &p->g;
    memset(planes, 0, (size_t)(g->sc * p->high * p->wide) * sizeof *planes);
    for (int64_t c = 0; c < g->sc; c++)
        for (int64_t h = 0; h < g->sh; h++) {
            REAL *to = planes + (c * p->high + h + g->offset[0]) * p->wide + g->offset[1];
            const REAL *from = g->src + (image * g->sh + h) * g->sw * g->sc + c;
            for (int64_t w = 0; w < g->sw; w++)
                to[w] = from[w * g->sc];
        }
}

/* STRIP pixels, the first n of them wanted, of `out` channels from k on */
INLINE void strip(const planar *p, const int out, const REAL *planes, const REAL *weights, int64_t k,
                  int64_t n, REAL *y)
{
    const gather *g = &p->g;
    vec sum[PLANAR_OUT][2];
#pragma GCC unroll 6
    for (int i = 0; i < out; i++)
        sum[i][0] = sum[i][1] = (vec){ 0 } + (g->bias ? g->bias[k + i] : 0);
    for (int64_t c = 0; c < g->in; c++)
        for (int64_t v = 0; v < g->kernel[0]; v++) {
            const REAL *x = planes + (c * p->high + v * g->dilation[0]) * p->wide;
            for (int64_t u = 0; u < g->kernel[1]; u++, x += g->dilation[1], weights += PLANAR_OUT) {
                const vec x0 = V(load)(x), x1 = V(load)(x + WIDTH);
#pragma GCC unroll 6
                for (int i = 0; i < out; i++)
                    sum[i][0] += weights[i] * x0, sum[i][1] += weights[i] * x1;
            }
        }
    REAL turned[PLANAR_OUT][STRIP];
#pragma GCC unroll 6
    for (int i = 0; i < out; i++)
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++)
            V(store)(turned[i] + j * WIDTH, g->relu ? V(rectified)(sum[i][j]) : sum[i][j]);
    for (int64_t j = 0; j < n; j++, y += g->dc)
#pragma GCC unroll 6
        for (int i = 0; i < out; i++)
            y[i] = turned[i][j];
}

#define STRIP_OF(out)                                                                                       \
    static void strip_##out(const planar *p, const REAL *planes, const REAL *weights, int64_t k, int64_t n, \
                            REAL *y)                                                                        \
    {                                                                                                       \
        strip(p, out, planes, weights, k, n, y);                                                            \
    }
STRIP_OF(1)
STRIP_OF(2)
STRIP_OF(3)
STRIP_OF(4)
STRIP_OF(5)
STRIP_OF(6)

static void planar_images(void *context, int64_t begin, int64_t end)
{
    static void (*const strips[])(const planar *, const REAL *, const REAL *, int64_t, int64_t,
                                  REAL *) = { NULL, strip_1, strip_2, strip_3, strip_4, strip_5, strip_6 };
    const planar *p = context;
    const gather *g = &p->g;
    const int64_t block_weights = g->in * g->kernel[0] * g->kernel[1] * PLANAR_OUT;
    REAL *planes = (REAL *)(void *)(p->slots + parallel_thread() * (int64_t)p->slot_bytes);
    for (int64_t image = begin; image < end; image++) {
        copy_planes(p, image, planes);
        for (int64_t i = 0; i < g->dh; i++)
            for (int64_t j = 0; j < g->dw; j += STRIP)
                for (int64_t block = 0; block < p->blocks; block++) {
                    int64_t k = block * PLANAR_OUT, out = g->out - k < PLANAR_OUT ? g->out - k : PLANAR_OUT;
                    strips[out](p, planes + i * g->multiply[0] * p->wide + j,
                                p->weights + block * block_weights, k, g->dw - j < STRIP ? g->dw - j : STRIP,
                                g->dst + ((image * g->dh + i) * g->dw + j) * g->dc + k);
                }
    }
}

static void run_planar(const gather *g, const conv_args *a, bool transposed)
{
    planar p = plan_planar(g);
    planar_weights(&p, a->weight, transposed, a->scratch);
    p.weights = a->scratch;
    p.slots = (char *)a->scratch + p.weight_bytes;
    int64_t slots = (int64_t)((a->scratch_bytes - p.weight_bytes) / p.slot_bytes);
    double work =
        (double)(g->dh * g->dw * g->out) * (double)(g->in * g->kernel[0] * g->kernel[1]) * (double)g->n;
    parallel_for_at_most((int)slots, g->n, grain_for(work, g->n), planar_images, &p);
}

static size_t planar_scratch(const conv_args *a)
{
    gather g = forward_gather(a);
    return planar_bytes(&g);
}

static void planar_forward(const conv_args *a)
{
    gather g = forward_gather(a);
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
 * dy lies in planes too, zeros behind each row.  Sums of TWO channels out and up to PLANAR_TAPS taps of a kernel row stay in registers
 * over a whole image.  Images are summed in CHUNKS apart, and these together, in order. */

enum { TWO = 2, PLANAR_TAPS = 5, CHUNKS = 16 };

typedef struct planar_sum {
    const conv_args *a;
    planar p;                        /* of x */
    int64_t dy_wide, chunks, length; /* length: numbers of dw */
    size_t part_bytes;
    REAL *parts; /* [chunk][dw] */
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
    s.p.slot_bytes += rounded(a->k * a->oh * s.dy_wide);
    return s;
}

static size_t planar_sum_scratch(const conv_args *a)
{
    planar_sum s = plan_planar_sum(a);
    return s.part_bytes + s.p.slot_bytes * (size_t)parallel_threads();
}

static void copy_dy_planes(const planar_sum *s, int64_t image, REAL *to)
{
    const conv_args *a = s->a;
    memset(to, 0, (size_t)(a->k * a->oh * s->dy_wide) * sizeof *to);
    const REAL *from = (const REAL *)a->dy + image * a->oh * a->ow * a->k;
    for (int64_t i = 0; i < a->oh; i++)
        for (int64_t j = 0; j < a->ow; j++)
            for (int64_t k = 0; k < a->k; k++)
                to[(k * a->oh + i) * s->dy_wide + j] = *from++;
}

/* dw += what one image has for `ks` channels out and `n` taps in a row */
INLINE void taps_of_image(const planar_sum *s, const int ks, const int n, const REAL *x, const REAL *dy,
                          REAL *dw)
{
    const conv_args *a = s->a;
    vec sum[TWO][PLANAR_TAPS];
#pragma GCC unroll 2
    for (int k = 0; k < ks; k++)
#pragma GCC unroll 5
        for (int u = 0; u < n; u++)
            sum[k][u] = (vec){ 0 };
    for (int64_t i = 0; i < a->oh; i++, x += a->stride[0] * s->p.wide, dy += s->dy_wide)
        for (int64_t j = 0; j < s->dy_wide; j += WIDTH) {
            vec grad[TWO];
#pragma GCC unroll 2
            for (int k = 0; k < ks; k++)
                grad[k] = V(load)(dy + k * a->oh * s->dy_wide + j);
#pragma GCC unroll 5
            for (int u = 0; u < n; u++) {
                const vec at = V(load)(x + j + u * a->dilation[1]);
#pragma GCC unroll 2
                for (int k = 0; k < ks; k++)
                    sum[k][u] += grad[k] * at;
            }
        }
    REAL lanes[TWO][PLANAR_TAPS][WIDTH]; /* a copy: the sums themselves stay in registers */
#pragma GCC unroll 2
    for (int k = 0; k < ks; k++)
#pragma GCC unroll 5
        for (int u = 0; u < n; u++)
            V(store)(lanes[k][u], sum[k][u]);
    for (int k = 0; k < ks; k++)
        for (int u = 0; u < n; u++)
            dw[k * a->c * a->kernel[0] * a->kernel[1] + u] += V(sum)(V(load)(lanes[k][u]));
}

#define TAPS_OF_IMAGE(ks, n)                                                                  \
    static void taps_##ks##_##n(const planar_sum *s, const REAL *x, const REAL *dy, REAL *dw) \
    {                                                                                         \
        taps_of_image(s, ks, n, x, dy, dw);                                                   \
    }
TAPS_OF_IMAGE(1, 1)
TAPS_OF_IMAGE(1, 2)
TAPS_OF_IMAGE(1, 3)
TAPS_OF_IMAGE(1, 4)
TAPS_OF_IMAGE(1, 5)
TAPS_OF_IMAGE(2, 1)
TAPS_OF_IMAGE(2, 2)
TAPS_OF_IMAGE(2, 3)
TAPS_OF_IMAGE(2, 4)
TAPS_OF_IMAGE(2, 5)

static void sum_image(const planar_sum *s, const REAL *planes, const REAL *dy, REAL *part)
{
    static void (*const by_size[TWO][PLANAR_TAPS])(const planar_sum *, const REAL *, const REAL *, REAL *) = {
        { taps_1_1, taps_1_2, taps_1_3, taps_1_4, taps_1_5 },
        { taps_2_1, taps_2_2, taps_2_3, taps_2_4, taps_2_5 }
    };
    const conv_args *a = s->a;
    for (int64_t k = 0; k < a->k; k += TWO)
        for (int64_t c = 0; c < a->c; c++)
            for (int64_t v = 0; v < a->kernel[0]; v++)
                for (int64_t u = 0; u < a->kernel[1]; u += PLANAR_TAPS) {
                    int64_t n = a->kernel[1] - u < PLANAR_TAPS ? a->kernel[1] - u : PLANAR_TAPS;
                    by_size[a->k - k > 1][n - 1](
                        s, planes + (c * s->p.high + v * a->dilation[0]) * s->p.wide + u * a->dilation[1],
                        dy + k * a->oh * s->dy_wide,
                        part + ((k * a->c + c) * a->kernel[0] + v) * a->kernel[1] + u);
                }
}

static void planar_chunks(void *context, int64_t begin, int64_t end)
{
    const planar_sum *s = context;
    const conv_args *a = s->a;
    REAL *planes = (REAL *)(void *)(s->p.slots + parallel_thread() * (int64_t)s->p.slot_bytes),
         *dy = planes + (int64_t)(rounded(a->c * s->p.high * s->p.wide) / sizeof(REAL));
    for (int64_t chunk = begin; chunk < end; chunk++) {
        REAL *part = s->parts + chunk * s->length;
        memset(part, 0, (size_t)s->length * sizeof *part);
        for (int64_t image = a->n * chunk / s->chunks; image < a->n * (chunk + 1) / s->chunks; image++) {
            copy_planes(&s->p, image, planes);
            copy_dy_planes(s, image, dy);
            sum_image(s, planes, dy, part);
        }
    }
}

static void planar_weight_gradient(const conv_args *a)
{
    planar_sum s = plan_planar_sum(a);
    REAL *dw = a->out;
    s.parts = a->scratch;
    s.p.slots = (char *)a->scratch + s.part_bytes;
    int64_t slots = (int64_t)((a->scratch_bytes - s.part_bytes) / s.p.slot_bytes);
    double work = (double)(a->n * a->oh * a->ow) * (double)s.length;
    parallel_for_at_most((int)slots, s.chunks, grain_for(work, s.chunks), planar_chunks, &s);
    memset(dw, 0, (size_t)s.length * sizeof *dw);
    for (int64_t chunk = 0; chunk < s.chunks; chunk++)
        add(dw, dw, 1, s.parts + chunk * s.length, 1, s.length);
}

static void fill_planar(kernel_table *t, kernel_type type)
{
    t->conv[type][CONV_PLANAR][CONV_FORWARD] = (conv_kernel){ planar_forward, planar_scratch };
    t->conv[type][CONV_PLANAR][CONV_DATA_GRADIENT] =
        (conv_kernel){ planar_data_gradient, planar_data_gradient_scratch };
    t->conv[type][CONV_PLANAR][CONV_WEIGHT_GRADIENT] =
        (conv_kernel){ planar_weight_gradient, planar_sum_scratch };
}
