/* transform_erase.c - boxes of a picture that vanish: randomerasing and cutout.
 *
 * randomerasing (Zhong et al. 2017) is torchvision's; cutout (DeVries and Taylor 2017) is a square about a random pixel
 * that may reach over the border.  What is left is a value, the picture's mean colour, or noise.
 * Layer: data.  Depends on transform.h.  Read next: transform_crop.c for draw_box's other user. */
#include "data/transform.h"

#include <string.h>

static window square_about(draws *d, int64_t height, int64_t width, int64_t size)
{
    int64_t top = draw_integer(d, height) - size / 2, left = draw_integer(d, width) - size / 2;
    int64_t bottom = top + size, right = left + size;
    top = top < 0 ? 0 : top;
    left = left < 0 ? 0 : left;
    return (window){ top, left, (bottom < height ? bottom : height) - top,
                     (right < width ? right : width) - left };
}

static float mean_of(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return (float)(sum / (double)n);
}

static void erase(float *y, tp_shape in, window w, fill f, draws *d)
{
    int64_t plane = in.dim[1] * in.dim[2];
    for (int64_t c = 0; c < in.dim[0]; c++, y += plane) {
        float value = f.kind == FILL_MEAN ? mean_of(y, plane) : (float)f.value;
        for (int64_t i = w.top; i < w.top + w.height; i++)
            for (int64_t j = w.left; j < w.left + w.width; j++)
                y[i * in.dim[2] + j] = f.kind == FILL_NOISE ? (float)draw_uniform(d, 0, 1) : value;
    }
}

static tp_status erase_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    int64_t height = in.dim[1], width = in.dim[2];
    draws d = draws_of(draw);
    window w;
    memcpy(y, x, (size_t)(in.dim[0] * height * width) * sizeof *y);
    if (t->erase.size) {
        erase(y, in, square_about(&d, height, width, t->erase.size), t->erase.fill, &d);
        return TP_OK;
    }
    range shape = { 1 / t->erase.ratio.high,
                    1 / t->erase.ratio.low }; /* torchvision's is height / width here */
    if (draw_chance(&d, t->erase.probability) &&
        draw_box(&d, height, width, t->erase.scale, shape, height - 1, width - 1, &w))
        erase(y, in, w, t->erase.fill, &d);
    return TP_OK;
}

const transform_kind erase_kind = { "erase", transform_same_shape, erase_run, NULL, NULL };
