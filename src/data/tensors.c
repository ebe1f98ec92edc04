/* tensors.c - a dataset from two tensors in memory.
 *
 * Layer: data.  Depends on core, ops.  Read next: dataset.c. */
#include "core/tensor.h"
#include "data/dataset.h"

#include <string.h>

typedef struct tensors {
    tp_tensor *x; /* (N, ...) f32, contiguous */
    tp_tensor *y; /* (N) or (N, T) f64, contiguous */
    int64_t numel, targets;
} tensors;

static tp_status tensors_get(void *context, int64_t i, float *x, double *y)
{
    tensors *t = context;
    const float *from = (const float *)tensor_data(t->x) + i * t->numel;
    for (int64_t j = 0; j < t->numel; j++)
        x[j] = from[j];
    memcpy(y, (const double *)tensor_data(t->y) + i * t->targets, (size_t)t->targets * sizeof *y);
    return TP_OK;
}

static void tensors_destroy(void *context)
{
    tensors *t = context;
    tp_release(t->x);
    tp_release(t->y);
    tp_free(t, sizeof *t);
}

static tp_status check_labels(const tp_tensor *y, int64_t classes, bool sequence)
{
    const double *labels = (const double *)tensor_data(y);
    for (int64_t i = 0; i < y->numel && classes; i++)
        if (!(labels[i] >= 0 && labels[i] < (double)classes) && !(sequence && labels[i] == TP_IGNORED))
            return tp_fail(TP_ERR_INDEX, "tensor_dataset: label %lld is %g, 0 to %lld is wanted",
                           (long long)i, labels[i], (long long)classes - 1);
    return TP_OK;
}

tp_dataset *tp_tensor_dataset(tp_tensor *x, tp_tensor *y, int64_t classes)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!x || !y)
        return tp_fail_null(TP_ERR_ARGUMENT, "tensor_dataset: x or y is NULL");
    if (x->ndim < 2 || !(y->ndim == 1 || (y->ndim == 2 && y->shape[1] > 0)) || x->shape[0] != y->shape[0])
        return tp_fail_null(TP_ERR_SHAPE,
                            "tensor_dataset: x %s and y %s, (N, ...) and (N) or (N, T) are wanted",
                            tensor_shape_text(x), tensor_shape_text(y));
    tp_shape shape = { .ndim = x->ndim - 1 };
    for (int i = 0; i < shape.ndim; i++)
        shape.dim[i] = x->shape[i + 1];
    x = tp_contiguous(tp_float(tp_detach(x)));
    y = tp_contiguous(tp_double(tp_detach(y)));
    const int64_t targets = y && y->ndim == 2 ? y->shape[1] : 1;
    if (!x || !y || check_labels(y, classes, targets > 1))
        return NULL;
    tensors *t = tp_calloc(sizeof *t);
    if (!t)
        return NULL;
    t->x = tp_retain(x);
    t->y = tp_retain(y);
    t->numel = x->shape[0] ? x->numel / x->shape[0] : 0;
    t->targets = targets;
    return tp_keep(dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                       .kind = "tensors",
                                                       .get = tensors_get,
                                                       .destroy = tensors_destroy,
                                                       .targets = targets },
                              t, x->shape[0], shape, classes));
}
