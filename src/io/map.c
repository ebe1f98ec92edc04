/* map.c - files mapped into memory, and npy files as tensors over them.
 *
 * Layer: io.  Depends on map.h, npy.h.  Read next: npy.c, safetensors.c. */
#include "io/map.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"
#include "io/npy.h"

#include <stdatomic.h>
#include <sys/mman.h>

struct file_mapping {
    _Atomic int refs;
    char *base;
    size_t length;
};

file_mapping *file_map(const file_in *in)
{
    if (in->size == 0)
        return tp_fail_null(TP_ERR_FORMAT, "%s: byte 0: an empty file cannot be mapped", in->path);
    file_mapping *m = tp_alloc(sizeof *m);
    if (!m)
        return NULL;
    *m = (file_mapping){ .refs = 1, .length = (size_t)in->size };
    m->base = mmap(NULL, m->length, PROT_READ | PROT_WRITE, MAP_PRIVATE, in->fd, 0);
    if (m->base != MAP_FAILED)
        return m;
    tp_free(m, sizeof *m);
    tp_fail_errno(in->path, "cannot map");
    return NULL;
}

void file_unmap(file_mapping *m)
{
    if (!m || atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    munmap(m->base, m->length);
    tp_free(m, sizeof *m);
}

static void release(void *mapping)
{
    file_unmap(mapping);
}

tp_tensor *map_tensor(file_mapping *m, int64_t offset, tp_dtype dtype, tp_shape shape,
                      const tp_shape *strides)
{
    char *data = m->base + offset;
    tp_tensor *t = strides ? tp_tensor_shared_strided(data, m->length - (size_t)offset, dtype, shape,
                                                      *strides, release, m)
                           : tp_tensor_shared(data, dtype, shape, release, m);
    if (t)
        atomic_fetch_add(&m->refs, 1);
    return t;
}

static tp_tensor *map_npy(const file_in *in)
{
    npy_header h = { 0 };
    int64_t start = 0, step = 1;
    if (npy_open(in, &h, &start))
        return NULL;
    if (h.big_endian)
        return tp_fail_null(TP_ERR_UNSUPPORTED,
                            "%s: byte 10: big-endian elements cannot be mapped, only read", in->path);
    if (start % (int64_t)tp_dtype_size(h.dtype))
        return tp_fail_null(TP_ERR_UNSUPPORTED,
                            "%s: byte %lld: elements that begin here are not aligned to %zu bytes and "
                            "cannot be mapped, only read",
                            in->path, (long long)start, tp_dtype_size(h.dtype));
    if (start == in->size) /* no elements */
        return tensor_new(h.dtype, h.shape);
    tp_shape columns = { .ndim = h.shape.ndim };
    for (int i = 0; i < columns.ndim; i++) {
        columns.dim[i] = step;
        step *= h.shape.dim[i];
    }
    file_mapping *m = file_map(in);
    tp_tensor *t = m ? map_tensor(m, start, h.dtype, h.shape, h.fortran_order ? &columns : NULL) : NULL;
    if (t)
        elements_check_bool(t); /* elements lie close to each other: the order does not matter */
    file_unmap(m);
    return t;
}

tp_tensor *tp_npy_map(const char *path)
{
    file_in in;
    tp_tensor *t = file_open(&in, path) ? NULL : map_npy(&in);
    file_close(&in);
    return t;
}
