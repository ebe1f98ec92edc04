/* idx.h - reading IDX from memory.
 *
 * Layer: data.  Depends on io/file.h.  Read next: idx.c. */
#ifndef DATA_IDX_H
#define DATA_IDX_H

#include "io/file.h"

#include <taper/data.h>

typedef struct idx_array {
    file_bytes bytes; /* the whole file, inflated */
    int64_t start;    /* of the elements in it */
    tp_shape shape;
    bool is_signed;
} idx_array;

/* Takes over the file's bytes, gzip or not.  name is for error texts.  Free with file_bytes_free(&out->bytes). */
tp_status idx_parse(const char *name, file_bytes *file, idx_array *out);

/* The pair of a folder with one file of "idx3-" and one of "idx1-" in their names; NULL, without an error, where it has no such.
 * classes 0: as many as its labels have. */
tp_dataset *idx_folder(const char *folder, int64_t classes);

bool mnist_is_there(const char *folder, tp_part); /* a file of images by MNIST's name; no error if not */

#endif
