/* npy.c - NumPy's array files, versions 1 to 3, read and written.
 *
 * offset  size     meaning
 *      0     6     "\x93NUMPY"
 *      6     2     version, major and minor
 *      8     2, 4  length of the header, little-endian: 2 bytes in version 1, 4 in 2 and 3
 *            ...   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, spaces, newline
 *            ...   elements
 *
 * Layer: io.  Depends on file.h, elements.h.  Read next: npy_header.c, elements.c. */
#include "io/npy.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/elements.h"
#include "io/npy_header.h"

#include <string.h>

static const char magic[6] = { '\x93', 'N', 'U', 'M', 'P', 'Y' };

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Finds the header; *data_start is where the elements begin. */
static tp_status read_header(const file_in *in, npy_header *header, int64_t *data_start)
{
    unsigned char head[12];
    if (in->size < 10)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not an npy file: %lld bytes, at least 10 are wanted",
                       in->path, (long long)in->size);
    if (file_read_at(in, 0, head, 10))
        return tp_error_pending();
    if (memcmp(head, magic, sizeof magic) != 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: byte 0: not an npy file: begins with 0x%02x%02x, \\x93NUMPY is wanted", in->path,
                       head[0], head[1]);
    if (head[6] < 1 || head[6] > 3 || head[7] != 0)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: byte 6: npy version %d.%d, 1.0 to 3.0 are read", in->path,
                       head[6], head[7]);
    int64_t start = head[6] == 1 ? 10 : 12, length = head[8] | head[9] << 8;
    if (head[6] > 1) {
        if (file_read_at(in, 10, head + 10, 2))
            return tp_error_pending();
        length =
            (int64_t)((uint32_t)head[11] << 24 | (uint32_t)head[10] << 16 | (uint32_t)head[9] << 8 | head[8]);
    }
    if (length > NPY_MAX_HEADER || length > in->size - start)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 8: header of %lld bytes, at most %lld are possible", in->path,
                       (long long)length,
                       (long long)(in->size - start < NPY_MAX_HEADER ? in->size - start : NPY_MAX_HEADER));
    char text[NPY_MAX_HEADER + 1];
    if (file_read_at(in, start, text, (size_t)length))
        return tp_error_pending();
    text[length] = 0;
    *data_start = start + length;
    return npy_parse_header(in->path, text, length, start, header);
}

static tp_status check_length(const file_in *in, const npy_header *h, int64_t data_start)
{
    int64_t bytes = (int64_t)tp_dtype_size(h->dtype), got = in->size - data_start;
    bool fits = true, empty = false;
    for (int i = 0; i < h->shape.ndim; i++) {
        empty |= h->shape.dim[i] == 0;
        fits &= tp_mul_fits(bytes, h->shape.dim[i] ? h->shape.dim[i] : 1, &bytes);
    }
    if (!fits)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 10: shape %s is larger than any memory", in->path,
                       shape_text(h->shape));
    bytes = empty ? 0 : bytes;
    if (got != bytes)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: too %s: %lld bytes of data, shape %s of %s wants %lld",
                       in->path, (long long)(data_start + (got < bytes ? got : bytes)),
                       got < bytes ? "short" : "long", (long long)got, shape_text(h->shape),
                       tp_dtype_name(h->dtype), (long long)bytes);
    return TP_OK;
}

tp_status npy_open(const file_in *in, npy_header *header, int64_t *data_start)
{
    tp_status status = tp_error_pending();
    if (!status)
        status = read_header(in, header, data_start);
    return status ? status : check_length(in, header, *data_start);
}

/* A row-major copy of column-major elements. */
static tp_tensor *from_fortran(tp_tensor *t)
{
    tp_tensor *y = tensor_new((tp_dtype)t->dtype, tp_shape_of(t));
    if (!y)
        return NULL;
    size_t size = tensor_element_size(t);
    int64_t index[TP_MAX_DIMS] = { 0 }, step[TP_MAX_DIMS], offset = 0;
    for (int i = 0; i < t->ndim; i++)
        step[i] = i ? step[i - 1] * t->shape[i - 1] : 1;
    for (int64_t done = 0; done < t->numel; done++) {
        memcpy(tensor_data(y) + done * (int64_t)size, tensor_data(t) + offset * (int64_t)size, size);
        for (int i = t->ndim - 1; i >= 0; i--) {
            offset += step[i];
            if (++index[i] < t->shape[i])
                break;
            offset -= step[i] * t->shape[i];
            index[i] = 0;
        }
    }
    return y;
}

tp_tensor *npy_from(const file_in *in)
{
    TP_SCOPE;
    npy_header h = { 0 };
    int64_t start = 0;
    if (npy_open(in, &h, &start))
        return NULL;
    tp_tensor *t = tensor_new(h.dtype, h.shape);
    size_t size = tp_dtype_size(h.dtype);
    if (!t || file_read_at(in, start, tensor_data(t), (size_t)t->numel * size))
        return NULL;
    if (h.big_endian)
        elements_swap(t);
    elements_check_bool(t);
    return tp_keep(h.fortran_order && t->ndim > 1 ? from_fortran(t) : t);
}

tp_tensor *tp_npy_read(const char *path)
{
    file_in in;
    tp_tensor *t = file_open(&in, path) ? NULL : npy_from(&in);
    file_close(&in);
    return t;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Version 1, padded so that the elements begin at a multiple of 64 bytes, as NumPy does. */
size_t npy_format_head(const char *op, const tp_tensor *t, char text[NPY_HEAD])
{
    if (!t || (t->numel && !tensor_data(t)))
        return (void)tp_fail(TP_ERR_ARGUMENT, "%s: the tensor is NULL or has no data", op), 0;
    const char *descr = npy_descr_of((tp_dtype)t->dtype);
    if (!descr)
        return (void)tp_fail(TP_ERR_DTYPE, "%s: NumPy has no %s, convert to f32 first", op,
                             tp_dtype_name((tp_dtype)t->dtype)),
               0;
    size_t n = 10;
    n +=
        (size_t)snprintf(text + n, NPY_HEAD - n, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < t->ndim; i++)
        n += (size_t)snprintf(text + n, NPY_HEAD - n, i ? ", %lld" : "%lld", (long long)t->shape[i]);
    n += (size_t)snprintf(text + n, NPY_HEAD - n, "%s), }", t->ndim == 1 ? "," : "");
    while ((n + 1) % 64)
        text[n++] = ' ';
    text[n++] = '\n';
    memcpy(text, magic, sizeof magic);
    text[6] = 1;
    text[7] = 0;
    text[8] = (char)((n - 10) & 0xff);
    text[9] = (char)((n - 10) >> 8);
    return n;
}

tp_status tp_npy_write(const char *path, tp_tensor *t)
{
    char head[NPY_HEAD];
    if (tp_pending())
        return tp_error_pending();
    size_t length = npy_format_head("npy_write", t, head);
    if (!length)
        return tp_error_pending();
    file_out out;
    tp_status status = file_create(&out, path);
    if (!status)
        status = file_put(&out, head, length);
    if (!status)
        status = elements_put(&out, t);
    if (!status)
        status = file_commit(&out);
    file_abandon(&out);
    return status;
}
