/* npz.h - reading npz from an open file or from memory.
 *
 * Layer: io.  Depends on file.h.  Read next: npz.c; the public functions are in taper/io.h. */
#ifndef IO_NPZ_H
#define IO_NPZ_H

#include "io/file.h"

#include <taper/io.h>

tp_params *npz_from(const file_in *);
tp_tensor *npz_from_one(const file_in *, const char *name);

#endif
