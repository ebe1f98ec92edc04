/* map.h - files mapped into memory, privately: what is written stays in this process.
 *
 * Layer: io.  Depends on file.h, core.  Read next: map.c; what a mapping cannot do is said in taper/io.h. */
#ifndef IO_MAP_H
#define IO_MAP_H

#include "core/tensor.h"
#include "io/file.h"

#include <taper/io.h>

typedef struct file_mapping file_mapping;

file_mapping *file_map(const file_in *); /* with one owner; the file may be closed */
void file_unmap(file_mapping *);         /* one owner less; NULL is fine */

/* A tensor over the mapping from byte offset on, which becomes one of its owners.  strides NULL: row-major. */
tp_tensor *map_tensor(file_mapping *, int64_t offset, tp_dtype, tp_shape, const tp_shape *strides);

#endif
