/* tensor.h - the tensor from the inside.
 *
 * Invariants:
 *  1. numel is the product of shape; strides count elements and are >= 0; element (i, j, ...) lies at
 *     storage->data + (offset + i stride[0] + j stride[1] + ...) * size of dtype, inside the storage.
 *  2. Several tensors may share a storage; storage->version grows at every write in place.
 *  3. grad_fn is set exactly on results of recorded operations; grad, grad_mode flags only matter on float types.
 *  4. A view keeps its base alive.  One whose view_version is not the storage's has an outdated grad_fn: whoever reads that
 *     calls tensor_refresh (autograd/node.h) first.
 *  5. In a dry run (autograd/apply.c) data is NULL and nothing may read it.
 * Layer: core.  Depends on base.  Read next: tensor.c, view.c, autograd/node.h. */
#ifndef CORE_TENSOR_H
#define CORE_TENSOR_H

#include "base/error.h"
#include "base/object.h"

#include <taper/tensor.h>

struct tp_storage {
    int32_t refs;
    uint32_t version;
    void *data;
    size_t bytes; /* of data */
    bool owned;   /* data came from device->alloc */
    bool inside;  /* data lies behind this, in the same block */
    const struct tp_device *device;
    void (*release)(void *context); /* of foreign memory */
    void *context;
};

struct tp_tensor {
    tp_object object;
    uint8_t dtype; /* tp_dtype */
    uint8_t ndim;
    uint8_t output; /* which output of grad_fn */
    bool requires_grad;
    bool retains_grad;
    bool is_number;        /* from tp_number, tp_integer: yields in promotion */
    uint8_t view_kind;     /* a VIEW_... */
    uint32_t view_version; /* of a view: the storage's version that grad_fn speaks of */
    int64_t numel;
    int64_t offset;
    int64_t shape[TP_MAX_DIMS];
    int64_t stride[TP_MAX_DIMS];
    tp_storage *storage;
    struct tp_node *grad_fn;
    tp_tensor *grad;
    tp_tensor *base;        /* of a view: the tensor, itself no view, whose memory this is a region of */
    struct tp_hooks *hooks; /* autograd/hooks.c; NULL at first */
};

/* What may be done to a view in place while gradients are recorded. */
enum {
    VIEW_PLAIN,
    VIEW_NO_GRAD, /* made under TP_NO_GRAD: nothing, it is outside of its base's history */
    VIEW_BORDER,  /* an input or output of a module with backward hooks: nothing, they would not see it */
};

extern const tp_class tensor_class;

/* A tensor without storage and ndim 0, owned by the innermost scope; NULL with an error pending. */
tp_tensor *tensor_blank(void);

/* New memory (not cleared) for a tensor whose shape, strides and dtype are set; strides are dense. */
tp_status tensor_allocate(tp_tensor *);
tp_status tensor_promise(tp_tensor *, void (*release)(void *),
                         void *context); /* a storage without memory, for dry runs; release when it goes */

/* A contiguous tensor with memory that is not cleared. */
tp_tensor *tensor_new(tp_dtype, tp_shape);

/* Another tensor over the same storage, same shape, no history. */
tp_tensor *tensor_alias(const tp_tensor *);

/* Frees what a tensor holds; called at its end, and by tp_set_grad and friends. */
void storage_retain(tp_storage *);
void storage_release(tp_storage *);

/* Sets shape, row-major strides and numel; fails when a size is negative, ndim too large or the bytes overflow. */
tp_status tensor_set_shape(tp_tensor *, const char *op, tp_dtype, tp_shape);

bool tensor_is_row_major(const tp_tensor *); /* the general case of the next */
static inline bool tensor_is_contiguous(const tp_tensor *t)
{
    return (t->ndim == 1 && t->stride[0] == 1) || tensor_is_row_major(t);
}
bool tensor_is_dense(const tp_tensor *); /* some permutation of its dims is contiguous: no gaps, no overlap */
static inline bool tensor_same_shape(const tp_tensor *a, const tp_tensor *b)
{
    bool same = a->ndim == b->ndim;
    for (int i = 0; i < a->ndim && same; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

static inline size_t tensor_element_size(const tp_tensor *t)
{
    static const uint8_t size[TP_N_DTYPES] = { 4, 8, 2, 2, 8, 4, 2, 1, 1, 1 };
    return size[t->dtype];
}

static inline char *tensor_data(const tp_tensor *t) /* of the first element; NULL in a dry run */
{
    char *data = t->storage ? t->storage->data : NULL;
    return data ? data + t->offset * (int64_t)tensor_element_size(t) : NULL;
}

/* "(8, 3, 32, 32)" for error texts; several may stand in one message (a ring of buffers). */
const char *tensor_shape_text(const tp_tensor *);
const char *shape_text(tp_shape);

/* Name of the operation that made it; autograd, which knows what a node is, defines it (taper/autograd.h). */
const char *tp_grad_fn(const tp_tensor *);

/* dim in [-ndim, ndim) to [0, ndim); fails naming op. */
tp_status normalize_dim(const char *op, int ndim, int *dim);

#endif
