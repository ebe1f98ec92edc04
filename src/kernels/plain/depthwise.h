/* depthwise.h - a body (plain.h): convolutions of each channel by itself (groups == channels in == channels out), for REAL.
 *
 * Channels-last images: the innermost loop runs over adjacent channels, so no product has to be found.  Weights come as
 * PyTorch stores them, (C, 1, KH, KW), and are turned to [tap][channel].
 * Layer: kernels.  Depends on base/parallel.h.  Read next: ../conv_way.c. */

/* What row or column `at` of the result reads in one dim: taps [begin, end). */
typedef struct depthwise_taps {
    int64_t begin, end;
} depthwise_taps;

/* Taps t with 0 <= at stride - padding + t dilation < size */
static depthwise_taps taps_inside(const conv_args *a, int dim, int64_t at, int64_t size)
{
    int64_t first = at * a->stride[dim] - a->padding[dim], d = a->dilation[dim];
    int64_t begin = first < 0 ? (-first + d - 1) / d : 0,
            end = size - first <= 0 ? 0 : (size - first - 1) / d + 1;
    return (depthwise_taps){ begin, end < a->kernel[dim] ? end : a->kernel[dim] };
}

typedef struct depthwise_run {
    const conv_args *a;
    REAL *taps;  /* [tap][channel] */
    REAL *parts; /* weight gradient: [image][tap][channel] */
} depthwise_run;

static void turn_weights(const conv_args *a, REAL *taps)
{
    const int64_t n = a->kernel[0] * a->kernel[1];
    for (int64_t c = 0; c < a->c; c++)
        for (int64_t t = 0; t < n; t++)
            taps[t * a->c + c] = ((const REAL *)a->weight)[c * n + t];
}

/* All taps of pixel (i, j) of the result: y += x tap, x += y tap, or tap += y x, as the direction says. */
static inline __attribute__((always_inline)) void pixel_taps(const conv_args *a, const conv_direction d,
                                                             int64_t i, int64_t j, REAL *x_image,
                                                             REAL *restrict y, REAL *taps)
{
    const depthwise_taps v = taps_inside(a, 0, i, a->h), u = taps_inside(a, 1, j, a->w);
    const int64_t channels = a->c;
    for (int64_t p = v.begin; p < v.end; p++)
        for (int64_t q = u.begin; q < u.end; q++) {
            int64_t h = i * a->stride[0] - a->padding[0] + p * a->dilation[0],
                    w = j * a->stride[1] - a->padding[1] + q * a->dilation[1];
            REAL *restrict x = x_image + (h * a->w + w) * channels, *restrict tap =
                                                                        taps +
                                                                        (p * a->kernel[1] + q) * channels;
            for (int64_t c = 0; c < channels; c++)
                if (d == CONV_FORWARD)
                    y[c] += x[c] * tap[c];
                else if (d == CONV_DATA_GRADIENT)
                    x[c] += y[c] * tap[c];
                else
                    tap[c] += y[c] * x[c];
        }
}

static void depthwise_rows(void *context, int64_t begin, int64_t end)
{
    const depthwise_run *r = context;
    const conv_args *a = r->a;
    for (int64_t row = begin; row < end; row++)
        for (int64_t j = 0; j < a->ow; j++) {
            REAL *y = (REAL *)a->out + (row * a->ow + j) * a->c;
            for (int64_t c = 0; c < a->c; c++)
                y[c] = a->bias ? ((const REAL *)a->bias)[c] : 0;
            pixel_taps(a, CONV_FORWARD, row % a->oh, j,
                       (REAL *)(uintptr_t)a->x + row / a->oh * a->h * a->w * a->c, y, r->taps);
            for (int64_t c = 0; c < a->c && a->relu; c++)
                y[c] = y[c] < 0 ? 0 : y[c];
        }
}

/* The gradients go by whole images: what one pixel of dy adds overlaps with what the next one adds. */
static void depthwise_images(void *context, int64_t begin, int64_t end)
{
    const depthwise_run *r = context;
    const conv_args *a = r->a;
    const int64_t pixels = a->h * a->w * a->c;
    for (int64_t image = begin; image < end; image++) {
        REAL *x = (REAL *)(r->parts ? (void *)(uintptr_t)a->x : a->out) + image * pixels;
        REAL *part = r->parts + (r->parts ? image * a->kernel[0] * a->kernel[1] * a->c : 0);
        memset(r->parts ? part : x, 0,
               (size_t)(r->parts ? a->kernel[0] * a->kernel[1] * a->c : pixels) * sizeof(REAL));
        for (int64_t i = 0; i < a->oh; i++)
            for (int64_t j = 0; j < a->ow; j++) {
                REAL *dy = (REAL *)(uintptr_t)a->dy + ((image * a->oh + i) * a->ow + j) * a->c;
                if (r->parts)
                    pixel_taps(a, CONV_WEIGHT_GRADIENT, i, j, x, dy, part);
                else
                    pixel_taps(a, CONV_DATA_GRADIENT, i, j, x, dy, r->taps);
            }
    }
}

static int64_t depthwise_grain(const conv_args *a, int64_t pieces)
{
    int64_t work = a->n * a->oh * a->ow * a->c * a->kernel[0] * a->kernel[1];
    return 65536 / (work / (pieces + 1) + 1) + 1;
}

static size_t depthwise_scratch(const conv_args *a)
{
    return (size_t)(a->kernel[0] * a->kernel[1] * a->c) * sizeof(REAL);
}

static size_t depthwise_weight_gradient_scratch(const conv_args *a)
{
    return depthwise_scratch(a) * (size_t)a->n;
}

static void depthwise_forward(const conv_args *a)
{
    depthwise_run r = { .a = a, .taps = a->scratch };
    turn_weights(a, r.taps);
    parallel_for(a->n * a->oh, depthwise_grain(a, a->n * a->oh), depthwise_rows, &r);
}

static void depthwise_data_gradient(const conv_args *a)
{
    depthwise_run r = { .a = a, .taps = a->scratch };
    turn_weights(a, r.taps);
    parallel_for(a->n, depthwise_grain(a, a->n), depthwise_images, &r);
}

/* Images are summed apart and then together, in order. */
static void depthwise_weight_gradient(const conv_args *a)
{
    depthwise_run r = { .a = a, .parts = a->scratch };
    const int64_t n = a->kernel[0] * a->kernel[1];
    parallel_for(a->n, depthwise_grain(a, a->n), depthwise_images, &r);
    for (int64_t c = 0; c < a->c; c++)
        for (int64_t t = 0; t < n; t++) {
            REAL sum = 0;
            for (int64_t image = 0; image < a->n; image++)
                sum += r.parts[(image * n + t) * a->c + c];
            ((REAL *)a->out)[c * n + t] = sum;
        }
}

static void fill_depthwise(kernel_table *t, kernel_type type)
{
    conv_kernel *conv = t->conv[type][CONV_DEPTHWISE];
    conv[CONV_FORWARD] = (conv_kernel){ depthwise_forward, depthwise_scratch };
    conv[CONV_DATA_GRADIENT] = (conv_kernel){ depthwise_data_gradient, depthwise_scratch };
    conv[CONV_WEIGHT_GRADIENT] =
        (conv_kernel){ depthwise_weight_gradient, depthwise_weight_gradient_scratch };
}
