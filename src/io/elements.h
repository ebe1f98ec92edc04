/* elements.h - the bytes of a tensor in row-major order, as files hold them.
 *
 * Layer: io.  Depends on core.  Read next: safetensors.c, npy.c. */
#ifndef IO_ELEMENTS_H
#define IO_ELEMENTS_H

#include "core/tensor.h"
#include "io/file.h"

/* Elements first to first + n - 1 in row-major order, to dst. */
void elements_copy(char *dst, const tp_tensor *, int64_t first, int64_t n);

/* Writes all elements; strides may be any. */
tp_status elements_put(file_out *, const tp_tensor *);

/* After raw bytes were read into a tensor: every non-zero byte of a bool becomes 1, as the kernels rely on. */
void elements_check_bool(tp_tensor *);

/* Turns the bytes of each element round, for files of big-endian machines. */
void elements_swap(tp_tensor *);

#endif
