/* npy.h - npy files from anywhere: an open file, memory, a member of an archive.
 *
 * Layer: io.  Depends on file.h.  Read next: npy.c; the public functions are in taper/io.h. */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "io/file.h"
#include "io/npy_header.h"

#include <taper/io.h>

/* The header, checked against the file's length; *data_start is where the elements begin. */
tp_status npy_open(const file_in *, npy_header *, int64_t *data_start);

/* Reads from the first byte to the last, none of them twice. */
tp_tensor *npy_from(const file_in *);

/* What stands before the elements of t when it is written; its length, or 0 with an error pending. */
enum { NPY_HEAD = 512 };
size_t npy_format_head(const char *op, const tp_tensor *t, char text[NPY_HEAD]);

#endif
