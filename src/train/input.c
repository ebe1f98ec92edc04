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

/* The same through another transform than the run's own. */
static tp_tensor *input_through(const char *op, tp_run *run, const char *path, const tp_transform *transform)
{
    if (tp_pending())
        return NULL;
    if (!run || !path)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the run or the path is NULL", op);
    tp_shape shape = run->setup->data_shape, example, input = { .ndim = 1, .dim = { 1 } };
    if (shape.ndim != 3 || (shape.dim[0] != 1 && shape.dim[0] != 3))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the run learned from %s, not from grey or RGB pictures",
                            path, run->setup->config.data);
    if (tp_transform_shape(transform, shape, &example))
        return NULL;
    for (int i = 0; i < example.ndim; i++)
        input.dim[input.ndim++] = example.dim[i];
    tp_tensor *picture = tp_image_read(path, (int)shape.dim[0]);
    tp_tensor *x = picture ? as_in_dataset(run, path, picture) : NULL, *y = x ? tp_empty(input) : NULL;
    if (!y || tp_transform_run(transform, shape, tp_data(x), tp_data(y), 0, 0))
        return NULL;
    return y;
}

tp_tensor *tp_run_input(tp_run *run, const char *path)
{
    TP_SCOPE;
    TP_NO_GRAD;
    return tp_keep(input_through("run_input", run, path, run ? run->transform : NULL));
}

tp_transform *transform_to_see(const char *text)
{
    static const char spaces[] = " \t\r\n", name[] = "normalize=";
    size_t room = strlen(text) + 1, used = 0;
    char *rest = tp_alloc(room);
    for (text += strspn(text, spaces); rest && *text; text += strspn(text, spaces)) {
        size_t length = strcspn(text, spaces);
        if (strncmp(text, name, sizeof name - 1) != 0) {
            memcpy(rest + used, text, length);
            used += length;
            rest[used++] = ' ';
        }
        text += length;
    }
    if (!rest)
        return NULL;
    rest[used ? used - 1 : 0] = 0; /* the last blank */
    tp_transform *t = tp_transform_parse(rest);
    tp_free(rest, room);
    return t;
}

tp_tensor *tp_run_picture(tp_run *run, const char *path)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_transform *seen = run && !tp_pending() ? transform_to_see(run->setup->config.transform) : NULL;
    return tp_keep(input_through("run_picture", run, path, seen));
}
