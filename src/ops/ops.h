/* ops.h - what the families of operations share with one another, and with nobody else.
 *
 * Layer: ops.  Depends on core.  Read next: taper/ops.h for the public side, ops.def for the list. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "core/tensor.h"

#include <taper/ops.h>

/* ---- writing a descriptor --------------------------------------------------------------------------------------- */

/* An operation made of others: its function is name_compose. */
#define COMPOSED_OP(name_, inputs_, n_in_, formula_, ...)     \
    const tp_op tp_op_##name_ = { .name = #name_,             \
                                  .formula = formula_,        \
                                  .inputs = inputs_,          \
                                  .n_in = n_in_,              \
                                  .compose = name_##_compose, \
                                  __VA_ARGS__ }
#define OP_EXAMPLES(...)             \
    .examples = (const tp_example[]) \
    {                                \
        __VA_ARGS__,                 \
        {                            \
            NULL, NULL               \
        }                            \
    }
#define OP_ATTRS(type, ...)                                \
    .attrs_size = sizeof(type), .attrs = (const tp_attr[]) \
    {                                                      \
        __VA_ARGS__,                                       \
        {                                                  \
            0                                              \
        }                                                  \
    }
#define OP_ATTR(type, KIND, field, otherwise)                          \
    {                                                                  \
#field, TP_ATTR_##KIND, offsetof(type, field), otherwise, NULL \
    }

/* Tags of an operation that has a form with max(.., 0) in its store. */
enum { PLAIN, WITH_RELU };

/* activation.c: dy where y > 0, else 0: what is left of a gradient before a relu that gave y. */
tp_tensor *through_relu(tp_tensor *dy, tp_tensor *y);

tp_tensor *dropout_by(tp_tensor *x, double p, tp_rng); /* dropout.c: with the numbers of this stream */

/* For operations with any number of outputs: fails where there are more than TP_MAX_PARTS; and tp_apply_n into the caller's
 * array, which has room for just as many as come (*n_out, which may be NULL, says). */
bool too_many_parts(const char *op, int64_t n);
tp_status apply_parts(const tp_op *, tp_tensor *const *in, int n_in, const void *attrs, tp_tensor **out,
                      int *n_out);

/* strided.c: zeros of shape with x added at these strides (of a contiguous tensor) from element offset on; and the diagonal of
 * a tensor of such a shape and strides, which lies at *size, *strides, *first. */
tp_tensor *add_at(tp_tensor *x, tp_shape shape, tp_shape stride, int64_t offset);
tp_tensor *scatter_at(tp_tensor *x, tp_tensor *src, tp_shape stride,
                      int64_t offset); /* x with src written there */
tp_status diagonal_geometry(const char *op, const tp_shape *shape, const int64_t *stride, int64_t offset,
                            int64_t dim1, int64_t dim2, tp_shape *size, tp_shape *strides, int64_t *first);
tp_shape contiguous_strides(tp_shape);

/* The shape that n tensors broadcast to. */
tp_status broadcast_together(const char *op, tp_tensor *const *in, int n, tp_shape *shape);

bool is_channels_last(const tp_tensor *x); /* (N, C, H, W) with C innermost in memory */
tp_tensor *channels_last(tp_tensor *x);    /* itself if it is, else a copy that is; a recorded operation */

/* For infer: an output (N, C, H, W) with C innermost in memory. */
tp_status infer_image(tp_call *, int output, tp_dtype, tp_shape);

/* For kernels that want an input in one layout (CLONE_CONTIGUOUS, CLONE_CHANNELS_LAST): infer adds staged_bytes to its
 * scratch, and forward reads what staged returns: x itself where it lies right, else a copy at *scratch, which moves on. */
size_t staged_bytes(const tp_tensor *x, int64_t layout);
const void *staged(const tp_call *, const tp_tensor *x, int64_t layout, char **scratch);

/* The same for kernels that compute in another dtype than x's: a contiguous copy in that one. */
size_t converted_bytes(const tp_tensor *x, tp_dtype);
const void *converted(const tp_call *, const tp_tensor *x, tp_dtype, char **scratch);

/* Whether a gradient by it will be asked for. */
static inline bool wants_gradient(const tp_tensor *x)
{
    return x && tp_grad_mode() && tp_requires_grad(x);
}

static inline bool is_half(
    const tp_tensor *x) /* f16, bf16: what kernels of f32 are computed for by casting there and back */
{
    return x && (x->dtype == TP_F16 || x->dtype == TP_BF16);
}

/* Memory in pieces, one after the other, each at 64 bytes. */
static inline char *next_piece(char **at, int64_t bytes)
{
    char *p = *at;
    *at += (bytes + 63) / 64 * 64;
    return p;
}

/* copy.c: without its history, at the beginning of another one: for gradients that are made of operations once more.  NULL and integers stay. */
tp_tensor *fresh_leaf(tp_tensor *);

/* For labels and indices: every element of an integer tensor lies in [0, size); fails naming op and the first that does not. */
tp_status check_indices(const char *op, const tp_tensor *index, int64_t size);

#endif
