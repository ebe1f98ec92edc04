/* npy_header.h - the header of an npy file: a Python dict, of which exactly three keys are known.
 *
 * Layer: io.  Depends on taper/tensor.h.  Read next: npy_header.c, npy.c. */
#ifndef IO_NPY_HEADER_H
#define IO_NPY_HEADER_H

#include <taper/tensor.h>

enum { NPY_MAX_HEADER = 10000 }; /* NumPy's own cap */

typedef struct npy_header {
    tp_dtype dtype;
    bool big_endian, fortran_order;
    tp_shape shape;
} npy_header;

/* text[length] is 0; its first byte is byte number base of the file. */
tp_status npy_parse_header(const char *path, const char *text, int64_t length, int64_t base, npy_header *out);

const char *npy_descr_of(tp_dtype); /* "<f4"; NULL for bf16, which NumPy does not have */

#endif
