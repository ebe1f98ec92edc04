/* transform_mix.c - examples mixed with each other in a finished batch: mixup and cutmix.
 *
 * Example i meets example i - 1 (the first one the last), as in torchvision's v2.MixUp and v2.CutMix; one lambda ~
 * Beta(alpha, alpha) a batch; labels become lambda y_i + (1 - lambda) y_(i-1).  An example by itself goes through unchanged.
 * mixup (Zhang et al. 2017): x = lambda x_i + (1 - lambda) x_(i-1).  cutmix (Yun et al. 2019): a box of share 1 - lambda of
 * the area, about a random pixel and cut off at the border, comes from x_(i-1); lambda is then the share that is left.
 * Layer: data.  Depends on transform.h.  Read next: loader.c. */
#include "data/transform.h"

#include <math.h>
#include <string.h>

/* y[j] = keep y[j] + (1 - keep) x[j] */
static void blend(float *y, const float *x, int64_t n, double keep)
{
    float rest = (float)(1 - keep);
    for (int64_t j = 0; j < n; j++)
        y[j] = (float)keep * y[j] + rest * x[j];
}

static void paste(float *y, const float *x, const mix_batch *b, window w)
{
    for (int64_t p = 0; p < b->planes; p++)
        for (int64_t i = w.top; i < w.top + w.height; i++) {
            int64_t at = (p * b->height + i) * b->width + w.left;
            memcpy(y + at, x + at, (size_t)w.width * sizeof *y);
        }
}

/* From the last example to the first, so that each meets its neighbour as it was; box NULL: all pixels are blended. */
tp_status mix_neighbours(mix_batch *b, double keep, const window *box)
{
    size_t bytes = (size_t)(b->numel + b->outputs) * sizeof(float);
    float *last = b->n > 1 ? tp_alloc(bytes) : NULL;
    if (b->n > 1 && !last)
        return TP_ERR_MEMORY;
    if (b->n > 1) {
        memcpy(last, b->x + (b->n - 1) * b->numel, (size_t)b->numel * sizeof *last);
        memcpy(last + b->numel, b->y + (b->n - 1) * b->outputs, (size_t)b->outputs * sizeof *last);
    }
    for (int64_t i = b->n - 1; i >= 0 && b->n > 1; i--) {
        float *x = b->x + i * b->numel, *y = b->y + i * b->outputs;
        const float *other = i ? x - b->numel : last, *label = i ? y - b->outputs : last + b->numel;
        if (box)
            paste(x, other, b, *box);
        else
            blend(x, other, b->numel, keep);
        blend(y, label, b->outputs, keep);
    }
    tp_free(last, bytes);
    return TP_OK;
}

static tp_status mixup_mix(const tp_transform *t, mix_batch *b, transform_draw draw)
{
    draws d = draws_of(draw);
    return mix_neighbours(b, draw_beta(&d, t->alpha), NULL);
}

static int64_t within(int64_t i, int64_t high)
{
    return i < 0 ? 0 : i > high ? high : i;
}

static tp_status cutmix_mix(const tp_transform *t, mix_batch *b, transform_draw draw)
{
    draws d = draws_of(draw);
    double half = 0.5 * sqrt(1 - draw_beta(&d, t->alpha));
    int64_t x = draw_integer(&d, b->width), y = draw_integer(&d, b->height);
    int64_t dx = (int64_t)(half * (double)b->width), dy = (int64_t)(half * (double)b->height);
    window w = { .top = within(y - dy, b->height), .left = within(x - dx, b->width) };
    w.height = within(y + dy, b->height) - w.top;
    w.width = within(x + dx, b->width) - w.left;
    double share = (double)(w.height * w.width) / (double)(b->height * b->width);
    return mix_neighbours(b, 1 - share, &w);
}

static tp_status mixup_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    (void)t;
    *out = in;
    return TP_OK;
}

static tp_status same_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    (void)t, (void)draw;
    int64_t n = 1;
    for (int i = 0; i < in.ndim; i++)
        n *= in.dim[i];
    memcpy(y, x, (size_t)n * sizeof *y);
    return TP_OK;
}

const transform_kind mixup_kind = { "mixup", mixup_shape, same_run, NULL, mixup_mix };
const transform_kind cutmix_kind = { "cutmix", transform_same_shape, same_run, NULL, cutmix_mix };
