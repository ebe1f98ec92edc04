/* transform_colour.c - colours: colorjitter and pcajitter.
 *
 * The formulas are torchvision's of tensors in [0, 1]: blend(x, z, f) = clamp(f x + (1 - f) z) with z = 0 (brightness),
 * the mean of the grey picture (contrast), the grey pixel (saturation); the hue turns in HSV.  grey = 0.2989 R + 0.587 G +
 * 0.114 B.  pcajitter is AlexNet's (Krizhevsky et al. 2012, section 4.1): to every pixel sum_k N(0, sigma) value_k vector_k.
 * Layer: data.  Depends on transform.h.  Read next: statistics.c for the axes of one's own pictures. */
#include "data/transform.h"

#include "core/tensor.h"

#include <math.h>
#include <string.h>

static inline float clamp(float x) /* NaN: 0 */
{
    return x > 0 ? x < 1 ? x : 1 : 0;
}

static inline float grey_of(const float *x, int64_t channels, int64_t n, int64_t i)
{
    return channels == 3 ? x[i] * 0.2989f + x[n + i] * 0.587f + x[2 * n + i] * 0.114f : x[i];
}

void adjust_brightness(float *x, int64_t channels, int64_t n, double factor)
{
    for (int64_t i = 0; i < channels * n; i++)
        x[i] = clamp(x[i] * (float)factor);
}

void adjust_contrast(float *x, int64_t channels, int64_t n, double factor)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)grey_of(x, channels, n, i);
    float rest = (float)(sum / (double)n) * (float)(1 - factor);
    for (int64_t i = 0; i < channels * n; i++)
        x[i] = clamp(x[i] * (float)factor + rest);
}

void adjust_saturation(float *x, int64_t channels, int64_t n, double factor)
{
    for (int64_t i = 0; i < n && channels == 3; i++) {
        float rest = grey_of(x, channels, n, i) * (float)(1 - factor);
        for (int64_t c = 0; c < 3; c++)
            x[c * n + i] = clamp(x[c * n + i] * (float)factor + rest);
    }
}

/* Hue in sixths of a turn, saturation, value; of grey the hue is 0. */
static void to_hsv(const float rgb[3], float hsv[3])
{
    float high = fmaxf(rgb[0], fmaxf(rgb[1], rgb[2])), low = fminf(rgb[0], fminf(rgb[1], rgb[2]));
    float r, g, b, span = high - low;
    hsv[0] = hsv[1] = 0;
    hsv[2] = high;
    if (!(span > 0))
        return;
    hsv[1] = span / high;
    r = (high - rgb[0]) / span, g = (high - rgb[1]) / span, b = (high - rgb[2]) / span;
    float sixths = high == rgb[0] ? b - g : high == rgb[1] ? 2 + r - b : 4 + g - r;
    hsv[0] = fmodf(sixths * (1.0f / 6) + 1, 1);
}

static void from_hsv(const float hsv[3], float rgb[3])
{
    static const unsigned char which[6][3] = { { 0, 3, 1 }, { 2, 0, 1 }, { 1, 0, 3 },
                                               { 1, 2, 0 }, { 3, 1, 0 }, { 0, 1, 2 } };
    float sixths = hsv[0] * 6, whole = floorf(sixths), part = sixths - whole, s = hsv[1], v = hsv[2];
    float vpqt[4] = { v, clamp((1 - s) * v), clamp((1 - s * part) * v), clamp((s * part + (1 - s)) * v) };
    for (int c = 0; c < 3; c++)
        rgb[c] = vpqt[which[(int)whole % 6][c]];
}

void adjust_hue(float *x, int64_t channels, int64_t n, double turn)
{
    for (int64_t i = 0; i < n && channels == 3; i++) {
        float rgb[3] = { x[i], x[n + i], x[2 * n + i] }, hsv[3];
        to_hsv(rgb, hsv);
        hsv[0] += (float)turn;
        hsv[0] -= floorf(hsv[0]);
        hsv[0] = hsv[0] >= 0 ? hsv[0] : 0; /* NaN, of pixels that are no colours */
        from_hsv(hsv, rgb);
        x[i] = rgb[0], x[n + i] = rgb[1], x[2 * n + i] = rgb[2];
    }
}

/* ---- colorjitter ------------------------------------------------------------------------------------------------- */

/* Four places in random order, each with its factor. */
static tp_status jitter_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    typedef void adjust(float *, int64_t, int64_t, double);
    static adjust *const adjusts[4] = { adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue };
    int64_t n = in.dim[1] * in.dim[2];
    int order[4] = { 0, 1, 2, 3 };
    double amounts[4];
    draws d = draws_of(draw);
    for (int i = 3; i > 0; i--) {
        int k = (int)draw_integer(&d, i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (int i = 0; i < 3; i++)
        amounts[i] = draw_uniform(&d, t->jitter.factor[i].low, t->jitter.factor[i].high);
    amounts[3] = draw_uniform(&d, -t->jitter.hue, t->jitter.hue);
    memcpy(y, x, (size_t)(in.dim[0] * n) * sizeof *y);
    for (int i = 0; i < 4; i++)
        if (amounts[order[i]] != (order[i] < 3 ? 1 : 0))
            adjusts[order[i]](y, in.dim[0], n, amounts[order[i]]);
    return TP_OK;
}

tp_status transform_colour_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    tp_status status = transform_same_shape(t, in, out);
    if (!status && in.dim[0] != 1 && in.dim[0] != 3)
        status = tp_fail(TP_ERR_SHAPE, "%s: an example of shape %s, grey or RGB is wanted", t->kind->name,
                         shape_text(in));
    return status;
}

const transform_kind jitter_kind = { "colorjitter", transform_colour_shape, jitter_run, NULL, NULL };

/* ---- pcajitter --------------------------------------------------------------------------------------------------- */

static tp_status pca_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    tp_status status = transform_same_shape(t, in, out);
    if (!t->pca.n)
        return tp_fail(TP_ERR_ARGUMENT,
                       "pcajitter: 'data' is no axes yet; transform_resolve puts those of a dataset there");
    if (!status && in.dim[0] != t->pca.n)
        status = tp_fail(TP_ERR_SHAPE, "pcajitter: an example of shape %s, its axes have %d channels",
                         shape_text(in), t->pca.n);
    return status;
}

static tp_status pca_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    draws d = draws_of(draw);
    int64_t n = in.dim[1] * in.dim[2];
    double shift[4] = { 0 };
    for (int k = 0; k < t->pca.n; k++) {
        double along = t->pca.sigma * draw_normal(&d) * (double)t->pca.values[k];
        for (int c = 0; c < t->pca.n; c++)
            shift[c] += along * (double)t->pca.vectors[c * t->pca.n + k];
    }
    for (int c = 0; c < t->pca.n; c++)
        for (int64_t i = 0; i < n; i++)
            y[c * n + i] = x[c * n + i] + (float)shift[c];
    return TP_OK;
}

const transform_kind pca_kind = { "pcajitter", pca_shape, pca_run, NULL, NULL };
