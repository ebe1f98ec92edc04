/* shm.c - tensors in POSIX shared memory, found by name.
 *
 * offset  size  meaning (as this machine stores numbers)
 *      0     8  "TAPERSHM", written last: who finds it, finds all the rest
 *      8     4  version, 1
 *     12     4  where the elements begin, 256
 *     16    16  name of the type ("f32"), padded with zeros
 *     32     8  ndim
 *     40    64  shape
 *    104     8  bytes of all elements
 *    256   ...  elements, row-major
 *
 * What another process wrote is copied and checked before it is used.  Layer: io.  Depends on core.
 * Read next: taper/io.h for the rules, map.c. */
#include "base/error.h"
#include "base/memory.h"
#include "core/tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <taper/io.h>
#include <unistd.h>

enum { VERSION = 1, DATA = 256, LONGEST_NAME = 255 };

static const char magic[8] = { 'T', 'A', 'P', 'E', 'R', 'S', 'H', 'M' };

typedef struct shm_header {
    char magic[8];
    uint32_t version, data;
    char dtype[16];
    int64_t ndim, shape[TP_MAX_DIMS], bytes;
} shm_header;

_Static_assert(sizeof(shm_header) == 112 && TP_MAX_DIMS == 8, "the table above");

static tp_status check_name(const char *op, const char *name)
{
    if (tp_pending())
        return tp_error_pending();
    size_t n = name ? strlen(name) : 0;
    if (n < 2 || n > LONGEST_NAME || name[0] != '/' || strchr(name + 1, '/') || !strcmp(name, "/.") ||
        !strcmp(name, "/.."))
        return tp_fail(TP_ERR_ARGUMENT,
                       "%s: name '%.100s': '/' and 1 to %d characters without '/' are wanted", op,
                       name ? name : "", LONGEST_NAME - 1);
    return TP_OK;
}

/* ---- the mapping --------------------------------------------------------------------------------------------------- */

typedef struct shm_mapping {
    char *base;
    size_t length;
} shm_mapping;

static void unmap(void *context)
{
    shm_mapping *m = context;
    munmap(m->base, m->length);
    tp_free(m, sizeof *m);
}

static shm_mapping *map(const char *name, int fd, size_t length)
{
    shm_mapping *m = tp_alloc(sizeof *m);
    if (!m)
        return NULL;
    m->length = length;
    m->base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (m->base != MAP_FAILED)
        return m;
    tp_fail_errno(name, "cannot map");
    tp_free(m, sizeof *m);
    return NULL;
}

static tp_tensor *over(shm_mapping *m, tp_dtype dtype, tp_shape shape)
{
    tp_tensor *t = m ? tp_tensor_shared(m->base + DATA, dtype, shape, unmap, m) : NULL;
    if (m && !t)
        unmap(m);
    return t;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

static void publish(shm_mapping *m, const shm_header *h)
{
    memcpy(m->base + sizeof magic, (const char *)h + sizeof magic, sizeof *h - sizeof magic);
    atomic_thread_fence(memory_order_release);
    uint64_t word;
    memcpy(&word, magic, sizeof word);
    __atomic_store_n((uint64_t *)(void *)m->base, word, __ATOMIC_RELEASE);
}

static tp_tensor *fill_new(const char *name, int fd, tp_dtype dtype, tp_shape shape)
{
    TP_SCOPE;
    tp_tensor *shaped = tensor_blank(); /* checks the sizes */
    if (!shaped || tensor_set_shape(shaped, "shm_create", dtype, shape))
        return NULL;
    shm_header h = { .version = VERSION, .data = DATA, .ndim = shape.ndim };
    snprintf(h.dtype, sizeof h.dtype, "%s", tp_dtype_name(dtype));
    memcpy(h.shape, shape.dim, sizeof(int64_t) * (size_t)shape.ndim);
    h.bytes = shaped->numel * (int64_t)tp_dtype_size(dtype);
    /* Reserved now: memory that is missing later would be a SIGBUS. */
    int error = h.bytes > INT64_MAX - DATA ? EFBIG : posix_fallocate(fd, 0, DATA + h.bytes);
    if (error) {
        errno = error;
        tp_fail_errno(name, "cannot make shared memory");
        return NULL;
    }
    shm_mapping *m = map(name, fd, (size_t)(DATA + h.bytes));
    tp_tensor *t = over(m, dtype, shape);
    if (t)
        publish(m, &h);
    return tp_keep(t);
}

tp_tensor *tp_shm_create(const char *name, tp_dtype dtype, tp_shape shape)
{
    if (check_name("shm_create", name))
        return NULL;
    if ((unsigned)dtype >= TP_N_DTYPES)
        return tp_fail_null(TP_ERR_DTYPE, "shm_create: dtype %d is none", (int)dtype);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return tp_fail_null(TP_ERR_IO,
                            "%s: shared memory of this name is there already (tp_shm_open, tp_shm_unlink)",
                            name);
    if (fd < 0) {
        tp_fail_errno(name, "cannot make shared memory");
        return NULL;
    }
    tp_tensor *t = fill_new(name, fd, dtype, shape);
    close(fd);
    if (!t)
        shm_unlink(name);
    return t;
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static tp_status read_shape(const char *name, const shm_header *h, int64_t length, tp_dtype *dtype,
                            tp_shape *shape)
{
    int d = 0;
    while (d < TP_N_DTYPES && strncmp(h->dtype, tp_dtype_name((tp_dtype)d), sizeof h->dtype) != 0)
        d++;
    if (d == TP_N_DTYPES)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 16: dtype '%.16s' is unknown", name, h->dtype);
    if (h->ndim < 0 || h->ndim > TP_MAX_DIMS)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 32: %lld dims, 0 to %d are possible", name,
                       (long long)h->ndim, TP_MAX_DIMS);
    *dtype = (tp_dtype)d;
    shape->ndim = (int)h->ndim;
    int64_t bytes = (int64_t)tp_dtype_size(*dtype);
    bool fits = true;
    for (int i = 0; i < shape->ndim; i++) {
        shape->dim[i] = h->shape[i];
        fits &= h->shape[i] >= 0 && tp_mul_fits(bytes, h->shape[i], &bytes);
    }
    if (!fits || bytes != h->bytes)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 40: shape %s of %s does not give the %lld bytes declared",
                       name, shape_text(*shape), tp_dtype_name(*dtype), (long long)h->bytes);
    if (bytes > length - DATA)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: ends here, %lld bytes of data are declared", name,
                       (long long)length, (long long)bytes);
    return TP_OK;
}

static tp_status check_header(const char *name, const shm_header *h)
{
    static const char none[sizeof magic];
    if (!memcmp(h->magic, none, sizeof none))
        return tp_fail(TP_ERR_STATE, "%s: is still being made, or no tensor of Taper's", name);
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 0: no tensor of Taper's: begins with 0x%02x%02x, TAPERSHM is wanted", name,
                       (unsigned char)h->magic[0], (unsigned char)h->magic[1]);
    if (h->version != VERSION || h->data != DATA)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 8: version %u with data at %u, version %d at %d is read",
                       name, h->version, h->data, VERSION, DATA);
    return TP_OK;
}

/* A bool that is neither 0 nor 1 would be an index out of range somewhere. */
static tp_status check_bools(const char *name, const tp_tensor *t)
{
    const unsigned char *data = (const unsigned char *)tensor_data(t);
    for (int64_t i = 0; t->dtype == TP_BOOL && i < t->numel; i++)
        if (data[i] > 1)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: a bool is %d, 0 or 1 is wanted", name,
                           (long long)(DATA + i), data[i]);
    return TP_OK;
}

static tp_tensor *open_old(const char *name, int fd)
{
    TP_SCOPE;
    struct stat info;
    shm_header h;
    tp_dtype dtype = TP_F32;
    tp_shape shape = { 0 };
    if (fstat(fd, &info)) {
        tp_fail_errno(name, "cannot open shared memory");
        return NULL;
    }
    if (!S_ISREG(info.st_mode) || info.st_size < DATA)
        return tp_fail_null(TP_ERR_FORMAT, "%s: byte %lld: ends here, a tensor has at least %d bytes", name,
                            (long long)info.st_size, DATA);
    shm_mapping *m = map(name, fd, (size_t)info.st_size);
    if (!m)
        return NULL;
    atomic_thread_fence(memory_order_acquire);
    memcpy(&h, m->base, sizeof h);
    if (check_header(name, &h) || read_shape(name, &h, info.st_size, &dtype, &shape)) {
        unmap(m);
        return NULL;
    }
    tp_tensor *t = over(m, dtype, shape);
    return t && !check_bools(name, t) ? tp_keep(t) : NULL;
}

tp_tensor *tp_shm_open(const char *name)
{
    if (check_name("shm_open", name))
        return NULL;
    int fd = shm_open(name, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) {
        tp_fail_errno(name, "cannot open shared memory");
        return NULL;
    }
    tp_tensor *t = open_old(name, fd);
    close(fd);
    return t;
}

tp_status tp_shm_unlink(const char *name)
{
    tp_status status = check_name("shm_unlink", name);
    if (!status && shm_unlink(name))
        status = tp_fail_errno(name, "cannot remove shared memory");
    return status;
}
