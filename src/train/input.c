/* input.c - a picture file becomes what the network takes.
 *
 * First what the dataset did to its own pictures (channels, size), then the transform of the test part.  Colours stay
 * as they are: a dark digit on white paper is not MNIST's light one on black, and nobody here guesses which was meant.
 * Layer: train.  Depends on data, io.  Read next: data/transform.c, run.c. */
#include "train/run.h"

#include "data/transform.h"

#include <string.h>

/* The picture as the dataset would have given it: as it is, or brought to the dataset's size. */
static tp_tensor *as_in_dataset(const tp_run *run, tp_tensor *picture)
{
    tp_shape is = tp_shape_of(picture), want = run->setup->data_shape;
    if (!transform_is_known(want) || (is.dim[1] == want.dim[1] && is.dim[2] == want.dim[2]))
        return picture;
    bool cropped = run->setup->pictures_cropped;
    tp_transform *steps[] = { transform_resize(want.dim[1], cropped ? 0 : want.dim[2]),
                              transform_crop(&centercrop_kind, want.dim[1], want.dim[2]) };
    tp_tensor *result = tp_empty(want);
    if (tp_pending() ||
        tp_transform_run(tp_transform_chain(steps, 2), is, tp_data(picture), tp_data(result), 0, 0))
        return NULL;
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
    tp_tensor *x = picture ? as_in_dataset(run, picture) : NULL, *y = x ? tp_empty(input) : NULL;
    if (!y || tp_transform_run(transform, tp_shape_of(x), tp_data(x), tp_data(y), 0, 0))
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
    static const char name[] = "normalize=";
    size_t room = strlen(text) + 1, used = 0, length;
    char *rest = tp_alloc(room);
    if (!rest)
        return NULL;
    for (const char *step; (step = transform_next_step(&text, &length));)
        if (strncmp(step, name, sizeof name - 1) != 0) {
            memcpy(rest + used, step, length);
            used += length;
            rest[used++] = ' ';
        }
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
