/* safetensors.h - reading safetensors from an open file or from memory.
 *
 * Layer: io.  Depends on file.h.  Read next: safetensors.c; the public functions are in taper/io.h. */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "io/file.h"

#include <taper/io.h>

tp_params *safetensors_from(const file_in *);

#endif
