/* map.h - one loop for all element-wise work: any strides, any dtypes, any number of dims.
 *
 * Operand 0 is written, the others are read; stride 0 repeats an element.  Contiguous operands of the computing type
 * go to the kernel as they are; others pass through small buffers that gather and convert a block at a time.
 * Layer: ops.  Depends on core, kernels.  Read next: map.c, unary.c. */
#ifndef OPS_MAP_H
#define OPS_MAP_H

#include "autograd/node.h"
#include "kernels/kernels.h"

enum { MAP_OPERANDS = 4 };

/* ptr[i], step[i] (0 or 1 element) of each operand in its computing type; operand 0 always has step 1. */
typedef void map_body(const void *context, void *const *ptr, const int64_t *step, int64_t n);

typedef struct map {
    int n; /* operands */
    int ndim;
    int64_t shape[TP_MAX_DIMS];
    int64_t stride[MAP_OPERANDS][TP_MAX_DIMS]; /* elements; negative ones are fine */
    char *data[MAP_OPERANDS];
    tp_dtype stored[MAP_OPERANDS];   /* in memory */
    tp_dtype computed[MAP_OPERANDS]; /* what the kernel takes */
    const kernel_table *kernels;
    map_body *body;
    const void *context;
    bool no_repeat; /* the kernel cannot take step 0 */
} map;

kernel_type kernel_type_of(tp_dtype);  /* the type to compute in */
tp_dtype dtype_of_kernel(kernel_type); /* f32, f64, i64 */

/* The loop over y's shape with inputs broadcast to it. */
void map_tensors(map *, const kernel_table *, const tp_tensor *y, const tp_tensor *const *in, int n_in);
void map_simplify(
    map *); /* dims in operand 0's order in memory, merged where all operands allow it; the last one is the row */
void map_swap_dims(map *, int a, int b);
void map_run(map *);
map_body map_binary; /* the body for a binary_fn *context */

/* Whole forwards of element-wise ops: kernel number in op->tag. */
void unary_forward_with(const tp_call *, unary_kernel, const double *parameters);
void binary_forward_with(const tp_call *, binary_kernel);
void binary_forward(const tp_call *);  /* op->tag: binary_kernel; computed in the output's type */
void compare_forward(const tp_call *); /* op->tag: compare_kernel; computed in the inputs' common type */

/* The kernels of a product: bf16 loses nothing where bf16 is multiplied. */
static inline const kernel_table *product_kernels(const tp_call *c)
{
    const kernel_table *bf16 = c->in[0]->dtype == TP_BF16 ? kernels_bf16() : NULL;
    return bf16 ? bf16 : c->kernels;
}

/* Which of the kernels move and transpose takes elements of so many bytes. */
static inline int move_kind(size_t bytes)
{
    return bytes == 1 ? 0 : bytes == 2 ? 1 : bytes == 4 ? 2 : 3;
}

/* transfer.c: dst = src, converted; src broadcasts to dst.  Raw form: over a shape with strides in elements. */
void copy_tensor(const kernel_table *, const tp_tensor *dst, const tp_tensor *src);
void copy_strided(const kernel_table *, int ndim, const int64_t *shape, void *dst, tp_dtype dst_type,
                  const int64_t *dst_stride, const void *src, tp_dtype src_type, const int64_t *src_stride);

#endif
