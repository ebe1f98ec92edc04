/* npy.h - reading npy from an open file or from memory.
 *
 * Layer: io.  Depends on file.h.  Read next: npy.c; the public functions are in taper/io.h. */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "io/file.h"

#include <taper/io.h>

tp_tensor *npy_from(const file_in *);

#endif
