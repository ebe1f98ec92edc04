/* transform_resize.c - bilinear resizing with antialiasing, as PIL and torchvision do it.
 *
 * Along each axis an output pixel is the mean of the input pixels under a triangle, whose half width is the scale
 * in / out (1 at least):  y[i] = sum_j w(j) x[j],  w(j) ~ max(0, 1 - |(j + 0.5 - (i + 0.5) scale) / max(scale, 1)|).
 * Rows first, then columns.  Layer: data.  Read next: transform.c. */
#include "data/transform.h"

#include <math.h>
#include <string.h>

typedef struct axis { /* weights of output i: weights[i * taps ...], for count[i] inputs from first[i] */
    int64_t taps;
    float *weights;
    int64_t *first, *count;
    void *memory;
    size_t bytes;
} axis;

static tp_status axis_weights(int64_t in, int64_t out, axis *a)
{
    double scale = (double)in / (double)out, support = scale < 1 ? 1 : scale;
    a->taps = (int64_t)ceil(support) * 2 + 1;
    a->bytes = (size_t)out * (2 * sizeof(int64_t) + (size_t)a->taps * sizeof(float));
    a->memory = tp_alloc(a->bytes);
    if (!a->memory)
        return TP_ERR_MEMORY;
    a->first = a->memory;
    a->count = a->first + out;
    a->weights = (float *)(a->count + out);
    for (int64_t i = 0; i < out; i++) {
        double centre = ((double)i + 0.5) * scale, total = 0;
        int64_t begin = (int64_t)(centre - support + 0.5), end = (int64_t)(centre + support + 0.5);
        begin = begin < 0 ? 0 : begin;
        end = end > in ? in : end;
        float *w = a->weights + i * a->taps;
        for (int64_t j = begin; j < end; j++)
            total += fmax(0, 1 - fabs(((double)j - centre + 0.5) / support));
        for (int64_t j = begin; j < end; j++)
            w[j - begin] = (float)(fmax(0, 1 - fabs(((double)j - centre + 0.5) / support)) / total);
        a->first[i] = begin;
        a->count[i] = end - begin;
    }
    return TP_OK;
}

/* (rows, in) to (rows, out) */
static void along_rows(const axis *a, int64_t rows, int64_t in, int64_t out, const float *restrict x,
                       float *restrict y)
{
    for (int64_t r = 0; r < rows; r++, x += in, y += out)
        for (int64_t i = 0; i < out; i++) {
            const float *w = a->weights + i * a->taps, *from = x + a->first[i];
            float sum = 0;
            for (int64_t j = 0; j < a->count[i]; j++)
                sum += w[j] * from[j];
            y[i] = sum;
        }
}

/* (in, width) to (out, width), one plane */
static void along_columns(const axis *a, int64_t out, int64_t width, const float *restrict x,
                          float *restrict y)
{
    for (int64_t i = 0; i < out; i++, y += width) {
        memset(y, 0, (size_t)width * sizeof *y);
        for (int64_t j = 0; j < a->count[i]; j++) {
            const float w = a->weights[i * a->taps + j], *from = x + (a->first[i] + j) * width;
            for (int64_t k = 0; k < width; k++)
                y[k] += w * from[k];
        }
    }
}

tp_status resize_planes(int64_t planes, int64_t in_height, int64_t in_width, const float *x, int64_t height,
                        int64_t width, float *y)
{
    if (in_height == height && in_width == width) {
        memcpy(y, x, (size_t)(planes * height * width) * sizeof *y);
        return TP_OK;
    }
    axis rows = { 0 }, columns = { 0 };
    size_t bytes = (size_t)(in_height * width) * sizeof(float);
    float *between = tp_alloc(bytes); /* one plane: rows done, columns not */
    tp_status status = between ? axis_weights(in_width, width, &rows) : TP_ERR_MEMORY;
    if (!status)
        status = axis_weights(in_height, height, &columns);
    for (int64_t p = 0; p < planes && !status; p++) {
        along_rows(&rows, in_height, in_width, width, x + p * in_height * in_width, between);
        along_columns(&columns, height, width, between, y + p * height * width);
    }
    tp_free(rows.memory, rows.bytes);
    tp_free(columns.memory, columns.bytes);
    tp_free(between, bytes);
    return status;
}

/* torchvision's: the shorter side becomes the size, the longer one is cut to a whole number. */
static void target(const tp_transform *t, tp_shape in, int64_t *height, int64_t *width)
{
    int64_t size = t->resize.height, h = in.dim[1], w = in.dim[2];
    *height = size;
    *width = t->resize.width;
    if (*width)
        return;
    bool known = h > 0 && w > 0;
    *height = !known ? -1 : h <= w ? size : (int64_t)((double)size * (double)h / (double)w);
    *width = !known ? -1 : w <= h ? size : (int64_t)((double)size * (double)w / (double)h);
}

static tp_status resize_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    tp_status status = transform_same_shape(t, in, out);
    if (!status)
        target(t, in, &out->dim[1], &out->dim[2]);
    if (!status && out->dim[1] > 0 && out->dim[1] > ((int64_t)1 << 28) / out->dim[2])
        status = tp_fail(TP_ERR_UNSUPPORTED, "resize: a picture of %lld x %lld is too narrow to be resized",
                         (long long)in.dim[2], (long long)in.dim[1]);
    return status;
}

static tp_status resize_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    (void)draw;
    int64_t height, width;
    target(t, in, &height, &width);
    return resize_planes(in.dim[0], in.dim[1], in.dim[2], x, height, width, y);
}

static const transform_kind resize_kind = { "resize", resize_shape, resize_run, NULL, NULL };

tp_transform *transform_resize(int64_t height, int64_t width)
{
    tp_transform *t = transform_new(&resize_kind);
    if (!t)
        return NULL;
    t->resize.height = height;
    t->resize.width = width;
    return t;
}

tp_transform *tp_transform_resize(int64_t height, int64_t width)
{
    if (!tp_pending() && (height < 1 || width < 1 || height > 1 << 20 || width > 1 << 20))
        return tp_fail_null(TP_ERR_ARGUMENT, "resize: to %lld x %lld, 1 or more is wanted", (long long)height,
                            (long long)width);
    return transform_resize(height, width);
}
