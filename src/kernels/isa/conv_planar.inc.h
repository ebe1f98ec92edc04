/* conv_planar.inc.h - forward convolutions of few channels into few: vectors run along a row of pixels, for REAL.
 *
 * With a channel or three on one side and less than a vector on the other, a tile of pixels by channels (conv.inc.h) leaves most
 * lanes empty.  Here each channel of an image is copied into a plane with its border of zeros, and STRIP pixels of up to
 * PLANAR_OUT channels are summed in registers.  LeNet's first layer is the case in point.
 * Layer: kernels.  Depends on simd.h, gemm.inc.h.  Read next: conv_way.c. */
enum { PLANAR_OUT = 6, STRIP = 2 * WIDTH };

typedef struct planar {
    const conv_args *a;
    int64_t high, wide;  /* of a plane */
    int64_t blocks;      /* of PLANAR_OUT channels out */
    const REAL *weights; /* [block][channel in][tap][PLANAR_OUT] */
    size_t weight_bytes, slot_bytes;
    char *slots; /* the planes of one image for each thread */
} planar;

static planar plan_planar(const conv_args *a)
{
    planar p = { .a = a, .blocks = divided(a->k, PLANAR_OUT) };
    p.high = a->h + 2 * a->padding[0];
    p.wide = a->w + 2 * a->padding[1] + STRIP; /* the last strip of a row reads on */
    p.weight_bytes = rounded(p.blocks * a->c * a->kernel[0] * a->kernel[1] * PLANAR_OUT);
    p.slot_bytes = rounded(a->c * p.high * p.wide);
    return p;
}

static size_t planar_scratch(const conv_args *a)
{
    planar p = plan_planar(a);
    return p.weight_bytes + p.slot_bytes * (size_t)parallel_threads();
}

static void planar_weights(const planar *p, REAL *to)
{
    const conv_args *a = p->a;
    const int64_t area = a->kernel[0] * a->kernel[1];
    for (int64_t block = 0; block < p->blocks; block++)
        for (int64_t c = 0; c < a->c; c++)
            for (int64_t t = 0; t < area; t++)
                for (int64_t i = 0; i < PLANAR_OUT; i++) {
                    int64_t k = block * PLANAR_OUT + i;
                    *to++ = k < a->k ? ((const REAL *)a->weight)[(k * a->c + c) * area + t] : 0;
                }
}

static void copy_planes(const planar *p, int64_t image, REAL *planes)
{
    const conv_args *a = p->a;
    memset(planes, 0, p->slot_bytes);
    for (int64_t c = 0; c < a->c; c++)
        for (int64_t h = 0; h < a->h; h++) {
            REAL *to = planes + (c * p->high + h + a->padding[0]) * p->wide + a->padding[1];
            const REAL *from = (const REAL *)a->x + (image * a->h + h) * a->w * a->c + c;
            for (int64_t w = 0; w < a->w; w++)
                to[w] = from[w * a->c];
        }
}

/* STRIP pixels, the first n of them wanted, of `out` channels from k on */
INLINE void strip(const planar *p, const int out, const REAL *planes, const REAL *weights, int64_t k,
                  int64_t n, REAL *y)
{
    const conv_args *a = p->a;
    vec sum[PLANAR_OUT][2];
    for (int i = 0; i < out; i++)
        sum[i][0] = sum[i][1] = (vec){ 0 } + (a->bias ? ((const REAL *)a->bias)[k + i] : 0);
    for (int64_t c = 0; c < a->c; c++)
        for (int64_t v = 0; v < a->kernel[0]; v++) {
            const REAL *x = planes + (c * p->high + v * a->dilation[0]) * p->wide;
            for (int64_t u = 0; u < a->kernel[1]; u++, x += a->dilation[1], weights += PLANAR_OUT) {
                const vec x0 = V(load)(x), x1 = V(load)(x + WIDTH);
#pragma GCC unroll 6
                for (int i = 0; i < out; i++)
                    sum[i][0] += weights[i] * x0, sum[i][1] += weights[i] * x1;
            }
        }
    REAL turned[PLANAR_OUT][STRIP];
    for (int i = 0; i < out; i++)
        for (int j = 0; j < 2; j++)
            V(store)(turned[i] + j * WIDTH, a->relu ? V(rectified)(sum[i][j]) : sum[i][j]);
    for (int64_t j = 0; j < n; j++, y += a->k)
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
    const conv_args *a = p->a;
    const int64_t block_weights = a->c * a->kernel[0] * a->kernel[1] * PLANAR_OUT;
    REAL *planes = (REAL *)(void *)(p->slots + parallel_thread() * (int64_t)p->slot_bytes);
    for (int64_t image = begin; image < end; image++) {
        copy_planes(p, image, planes);
        for (int64_t i = 0; i < a->oh; i++)
            for (int64_t j = 0; j < a->ow; j += STRIP)
                for (int64_t block = 0; block < p->blocks; block++) {
                    int64_t k = block * PLANAR_OUT, out = a->k - k < PLANAR_OUT ? a->k - k : PLANAR_OUT;
                    strips[out](p, planes + i * a->stride[0] * p->wide + j,
                                p->weights + block * block_weights, k, a->ow - j < STRIP ? a->ow - j : STRIP,
                                (REAL *)a->out + ((image * a->oh + i) * a->ow + j) * a->k + k);
                }
    }
}

static void planar_forward(const conv_args *a)
{
    planar p = plan_planar(a);
    planar_weights(&p, a->scratch);
    p.weights = a->scratch;
    p.slots = (char *)a->scratch + p.weight_bytes;
    int64_t slots = (int64_t)((a->scratch_bytes - p.weight_bytes) / p.slot_bytes);
    double work =
        (double)(a->oh * a->ow * a->k) * (double)(a->c * a->kernel[0] * a->kernel[1]) * (double)a->n;
    parallel_for_at_most((int)slots, a->n, grain_for(work, a->n), planar_images, &p);
}

static void fill_planar(kernel_table *t, kernel_type type)
{
    t->conv[type][CONV_PLANAR][CONV_FORWARD] = (conv_kernel){ planar_forward, planar_scratch };
}
