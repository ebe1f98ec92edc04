/* transform_crop.c - windows and mirrors: pad, centercrop, randomcrop, randomresizedcrop, hflip, vflip.
 *
 * A window may reach beyond the picture; what lies outside has one value.  Parameters are drawn as torchvision does it.
 * Layer: data.  Depends on transform.h.  Read next: transform_resize.c. */
#include "data/transform.h"

#include <math.h>
#include <string.h>

static void fill_with(float *y, float value, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

void window_planes(int64_t planes, int64_t in_height, int64_t in_width, const float *x, window w, float value,
                   float *y)
{
    int64_t begin = w.left < 0 ? -w.left : 0, end = in_width - w.left; /* columns of y that are inside of x */
    begin = begin < w.width ? begin : w.width;
    end = end < begin ? begin : end < w.width ? end : w.width;
    for (int64_t p = 0; p < planes; p++, x += in_height * in_width)
        for (int64_t i = 0; i < w.height; i++, y += w.width) {
            int64_t row = w.top + i;
            bool inside = row >= 0 && row < in_height;
            fill_with(y, value, inside ? begin : w.width);
            if (!inside)
                continue;
            if (end > begin)
                memcpy(y + begin, x + row * in_width + w.left + begin, (size_t)(end - begin) * sizeof *y);
            fill_with(y + end, value, w.width - end);
        }
}

/* ---- pad: a frame of pixels of one value ------------------------------------------------------------------------- */

static tp_status pad_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    tp_status status = transform_same_shape(t, in, out);
    for (int i = 1; i < 3 && !status; i++)
        out->dim[i] += in.dim[i] < 0 ? 0 : 2 * t->pad.pixels;
    return status;
}

static tp_status pad_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    (void)draw;
    int64_t p = t->pad.pixels;
    window_planes(in.dim[0], in.dim[1], in.dim[2], x,
                  (window){ -p, -p, in.dim[1] + 2 * p, in.dim[2] + 2 * p }, t->pad.value, y);
    return TP_OK;
}

static const transform_kind pad_kind = { "pad", pad_shape, pad_run, NULL, NULL };

tp_transform *tp_transform_pad(int64_t pixels, double value)
{
    if (!tp_pending() && (pixels < 0 || pixels > 1 << 20 || !isfinite((float)value)))
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "pad: %lld pixels of value %g, 0 or more and a finite one are wanted",
                            (long long)pixels, value);
    tp_transform *t = transform_new(&pad_kind);
    if (!t)
        return NULL;
    t->pad.pixels = pixels;
    t->pad.value = (float)value;
    return t;
}

/* ---- crops ------------------------------------------------------------------------------------------------------- */

tp_status transform_crop_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    tp_status status = transform_same_shape(t, in, out);
    if (!status) {
        out->dim[1] = t->crop.height;
        out->dim[2] = t->crop.width;
    }
    return status;
}

tp_transform *transform_crop(const transform_kind *kind, int64_t height, int64_t width)
{
    tp_transform *t = transform_new(kind);
    if (!t)
        return NULL;
    t->crop.height = height;
    t->crop.width = width;
    t->crop.scale = (range){ 0.08, 1 };
    t->crop.ratio = (range){ 3.0 / 4, 4.0 / 3 };
    return t;
}

/* Where the middle begins: torchvision rounds half to even, and puts the odd row of padding at the end. */
static int64_t middle(int64_t in, int64_t size)
{
    return in >= size ? (int64_t)rint((double)(in - size) / 2) : -((size - in) / 2);
}

static tp_status centercrop_run(const tp_transform *t, tp_shape in, const float *x, float *y,
                                transform_draw draw)
{
    (void)draw;
    int64_t height = t->crop.height, width = t->crop.width;
    window_planes(in.dim[0], in.dim[1], in.dim[2], x,
                  (window){ middle(in.dim[1], height), middle(in.dim[2], width), height, width }, 0, y);
    return TP_OK;
}

const transform_kind centercrop_kind = { "centercrop", transform_crop_shape, centercrop_run, NULL, NULL };

/* From -padding to where the window ends at the padding; a picture that is smaller than the window lies anywhere in it. */
static int64_t random_begin(draws *d, int64_t in, int64_t padding, int64_t size)
{
    int64_t room = in + 2 * padding - size;
    return room >= 0 ? draw_integer(d, room + 1) - padding : -padding - draw_integer(d, 1 - room);
}

static tp_status randomcrop_run(const tp_transform *t, tp_shape in, const float *x, float *y,
                                transform_draw draw)
{
    draws d = draws_of(draw);
    window w = { .height = t->crop.height, .width = t->crop.width };
    w.top = random_begin(&d, in.dim[1], t->crop.padding, w.height);
    w.left = random_begin(&d, in.dim[2], t->crop.padding, w.width);
    window_planes(in.dim[0], in.dim[1], in.dim[2], x, w, t->crop.value, y);
    return TP_OK;
}

const transform_kind randomcrop_kind = { "randomcrop", transform_crop_shape, randomcrop_run, NULL, NULL };

/* When no box fits: the largest one in the middle whose shape is allowed. */
static window largest_box(int64_t height, int64_t width, range ratio)
{
    double shape = (double)width / (double)height;
    window w = { 0, 0, height, width };
    if (shape < ratio.low)
        w.height = (int64_t)rint((double)width / ratio.low);
    else if (shape > ratio.high)
        w.width = (int64_t)rint((double)height * ratio.high);
    w.height = w.height < 1 ? 1 : w.height > height ? height : w.height;
    w.width = w.width < 1 ? 1 : w.width > width ? width : w.width;
    w.top = (height - w.height) / 2;
    w.left = (width - w.width) / 2;
    return w;
}

static tp_status randomresizedcrop_run(const tp_transform *t, tp_shape in, const float *x, float *y,
                                       transform_draw draw)
{
    draws d = draws_of(draw);
    int64_t height = in.dim[1], width = in.dim[2];
    window w;
    if (!draw_box(&d, height, width, t->crop.scale, t->crop.ratio, height, width, &w))
        w = largest_box(height, width, t->crop.ratio);
    size_t bytes = (size_t)(in.dim[0] * w.height * w.width) * sizeof(float);
    float *part = tp_alloc(bytes);
    if (!part)
        return TP_ERR_MEMORY;
    window_planes(in.dim[0], height, width, x, w, 0, part);
    tp_status status = resize_planes(in.dim[0], w.height, w.width, part, t->crop.height, t->crop.width, y);
    tp_free(part, bytes);
    return status;
}

const transform_kind randomresizedcrop_kind = { "randomresizedcrop", transform_crop_shape,
                                                randomresizedcrop_run, NULL, NULL };

/* ---- mirrors ----------------------------------------------------------------------------------------------------- */

static tp_status flip_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    draws d = draws_of(draw);
    bool flip = draw_chance(&d, t->flip.probability), across = flip && !t->flip.vertical;
    int64_t height = in.dim[1], width = in.dim[2];
    for (int64_t p = 0; p < in.dim[0]; p++, x += height * width)
        for (int64_t i = 0; i < height; i++, y += width) {
            const float *from = x + (flip && t->flip.vertical ? height - 1 - i : i) * width;
            for (int64_t j = 0; across && j < width; j++)
                y[j] = from[width - 1 - j];
            if (!across)
                memcpy(y, from, (size_t)width * sizeof *y);
        }
    return TP_OK;
}

const transform_kind flip_kind = { "flip", transform_same_shape, flip_run, NULL, NULL };
