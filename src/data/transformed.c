/* transformed.c - a dataset whose examples go through a transform, as torchvision's datasets have one.
 *
 * Layer: data.  Depends on dataset.h, transform.h.  Read next: transform.c. */
#include "data/dataset.h"
#include "data/transform.h"

#include <string.h>

typedef struct transformed {
    tp_dataset *of;
    tp_transform *transform;
    uint64_t seed;
} transformed;

static tp_status transformed_load(void *context, int64_t i, tp_sample *out)
{
    transformed *t = context;
    tp_sample in = { 0 };
    tp_shape shape;
    tp_status status = dataset_load(t->of, i, &in);
    out->skipped = in.skipped;
    sample_pass_targets(out, &in);
    if (!status && !in.skipped && tp_transform_shape(t->transform, in.shape, &shape))
        status = dataset_blame(t->of, i);
    if (!status && !in.skipped && !tp_sample_room(out, shape))
        status = tp_error_pending();
    if (!status && !in.skipped)
        status = tp_transform_run(t->transform, in.shape, in.x, out->x, t->seed, (uint64_t)i);
    tp_sample_free(&in);
    return status;
}

static tp_status transformed_label(void *context, int64_t i, double *y)
{
    return tp_dataset_label(((transformed *)context)->of, i, y);
}

static const char *transformed_class_name(void *context, int64_t label)
{
    return tp_dataset_class_name(((transformed *)context)->of, label);
}

static char *transformed_example_name(void *context, int64_t i, char *text, size_t size)
{
    return tp_dataset_example_name(((transformed *)context)->of, i, text, size);
}

static void transformed_destroy(void *context)
{
    transformed *t = context;
    tp_release(t->of);
    tp_release(t->transform);
    tp_free(t, sizeof *t);
}

tp_dataset *tp_transformed(tp_dataset *of, tp_transform *transform, uint64_t seed)
{
    tp_shape shape;
    if (tp_pending())
        return NULL;
    if (!of || !transform)
        return tp_fail_null(TP_ERR_ARGUMENT, "transformed: the dataset or the transform is NULL");
    if (tp_transform_shape(transform, of->shape, &shape))
        return NULL;
    transformed *t = tp_memdup(&(transformed){ of, transform, seed }, sizeof *t);
    if (!t)
        return NULL;
    tp_retain(of);
    tp_retain(transform);
    return dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                               .kind = of->functions.kind,
                                               .load = transformed_load,
                                               .class_name = transformed_class_name,
                                               .destroy = transformed_destroy,
                                               .example_name = transformed_example_name,
                                               .label = transformed_label,
                                               .targets = of->targets },
                      t, of->count, shape, of->classes);
}
