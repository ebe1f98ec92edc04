/* input.c - a picture file becomes what the network takes.
 *
 * First what the dataset did to its own pictures (channels, size), then the transform of the test part.  Colours stay
 * as they are: a dark digit on white paper is not MNIST's light one on black, and nobody here guesses which was meant.
 * Layer: train.  Depends on data, io.  Read next: data/transform.c, run.c. */
#include "train/run.h"

#include "core/tensor.h"
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

static bool learned_from_pictures(const tp_run *run)
{
    const tp_shape shape = run->setup->data_shape;
    return shape.ndim == 3 && (shape.dim[0] == 1 || shape.dim[0] == 3);
}

static tp_tensor *through(const char *op, const tp_run *run, tp_tensor *example,
                          const tp_transform *transform)
{
    if (tp_pending())
        return NULL;
    tp_shape want = run->setup->data_shape, is = tp_shape_of(example), out,
             input = { .ndim = 1, .dim = { 1 } };
    const bool pictures = learned_from_pictures(run);
    const size_t bytes = (size_t)want.ndim * sizeof *want.dim;
    if (tp_dtype_of(example) != TP_F32 || is.ndim != want.ndim ||
        (pictures ? is.dim[0] != want.dim[0] : memcmp(is.dim, want.dim, bytes) != 0))
        return tp_fail_null(TP_ERR_SHAPE, "%s: an example of shape %s; the run learned from f32 of shape %s",
                            op, tensor_shape_text(example), shape_text(want));
    if (tp_transform_shape(transform, want, &out))
        return NULL;
    for (int i = 0; i < out.ndim; i++)
        input.dim[input.ndim++] = out.dim[i];
    tp_tensor *x = pictures ? as_in_dataset(run, tp_contiguous(example)) : tp_contiguous(example),
              *y = x ? tp_empty(input) : NULL;
    if (!y || tp_transform_run(transform, tp_shape_of(x), tp_data(x), tp_data(y), 0, 0))
        return NULL;
    return y;
}

static tp_tensor *input_through(const char *op, tp_run *run, const char *path, const tp_transform *transform)
{
    if (tp_pending())
        return NULL;
    if (!run || !path)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the run or the path is NULL", op);
    if (!learned_from_pictures(run))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: the run learned from %s, not from grey or RGB pictures",
                            path, run->setup->config.data);
    return through(op, run, tp_image_read(path, (int)run->setup->data_shape.dim[0]), transform);
}

tp_tensor *tp_run_input_of(tp_run *run, tp_tensor *example)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return NULL;
    if (!run || !example)
        return tp_fail_null(TP_ERR_ARGUMENT, "run_input_of: the run or the example is NULL");
    return tp_keep(through("run_input_of", run, example, run->transform));
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
