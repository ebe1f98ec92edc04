/* input.c - a picture file becomes what the network takes.
 *
 * First what the dataset did to its own pictures (channels, size), then the transform of the test part.  Colours stay
 * as they are: a dark digit on white paper is not MNIST's light one on black, and nobody here guesses which was meant.
 * Layer: train.  Depends on data, io.  Read next: data/image_folder.c, run.c. */
#include "train/run.h"

#include <math.h>
#include <string.h>

/* Shorter side to the size, as data/image_folder.c does it; then the middle is cut out. */
static tp_shape size_before_crop(tp_shape picture, tp_shape want)
{
    double height = (double)picture.dim[1], width = (double)picture.dim[2], size = (double)want.dim[1];
    int64_t longer = (int64_t)(size * (height > width ? height / width : width / height));
    picture.dim[1] = height > width ? longer : want.dim[1];
    picture.dim[2] = height > width ? want.dim[1] : longer;
    return picture;
}

static void crop(const float *x, tp_shape from, float *y, tp_shape to)
{
    int64_t top = (int64_t)rint((double)(from.dim[1] - to.dim[1]) / 2);
    int64_t left = (int64_t)rint((double)(from.dim[2] - to.dim[2]) / 2);
    for (int64_t c = 0; c < to.dim[0]; c++)
        for (int64_t i = 0; i < to.dim[1]; i++, y += to.dim[2])
            memcpy(y, x + (c * from.dim[1] + top + i) * from.dim[2] + left, (size_t)to.dim[2] * sizeof *y);
}

/* The picture as the dataset would have given it. */
static tp_tensor *as_in_dataset(const tp_run *run, const char *path, tp_tensor *picture)
{
    enum { MAX_PIXELS = 1 << 26 };
    tp_shape is = tp_shape_of(picture), want = run->setup->data_shape, between = want;
    if (is.dim[1] == want.dim[1] && is.dim[2] == want.dim[2])
        return picture;
    if (run->setup->pictures_cropped)
        between = size_before_crop(is, want);
    if (between.dim[1] < 1 || between.dim[2] < 1 || between.dim[1] > MAX_PIXELS / between.dim[2])
        return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: a picture of %lld x %lld is too narrow to be resized",
                            path, (long long)is.dim[2], (long long)is.dim[1]);
    tp_tensor *resized = tp_empty(between), *result = tp_empty(want);
    tp_transform *resize = tp_transform_resize(between.dim[1], between.dim[2]);
    if (tp_pending() || tp_transform_run(resize, is, tp_data(picture), tp_data(resized), 0, 0))
        return NULL;
    crop(tp_data(resized), between, tp_data(result), want);
    return result;
}

tp_tensor *tp_run_input(tp_run *run, const char *path)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_status status;
    if (tp_pending())
        return NULL;
    if (!run || !path)
        return tp_fail_null(TP_ERR_ARGUMENT, "run_input: the run or the path is NULL");
    tp_shape shape = run->setup->data_shape;
    if (shape.ndim != 3 || (shape.dim[0] != 1 && shape.dim[0] != 3))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the run learned from %s, not from grey or RGB pictures",
                            path, run->setup->config.data);
    tp_shape input = setup_input(run->setup, &status);
    tp_tensor *picture = status ? NULL : tp_image_read(path, (int)shape.dim[0]);
    tp_tensor *x = picture ? as_in_dataset(run, path, picture) : NULL, *y = x ? tp_empty(input) : NULL;
    if (!y || tp_transform_run(run->transform, shape, tp_data(x), tp_data(y), 0, 0))
        return NULL;
    return tp_keep(y);
}
