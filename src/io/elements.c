/* elements.c - the bytes of a tensor in row-major order.
 *
 * Layer: io.  Depends on core.  Read next: elements.h. */
#include "io/elements.h"

#include "base/memory.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "safetensors and npy writers copy little-endian memory");

enum { PIECE = 1 << 18 }; /* bytes gathered before each write */

/* n elements, step apart, to dst in a row. */
static void gather(char *dst, const char *src, size_t size, int64_t step, int64_t n)
{
    switch (size) {
#define CASE(type)                                            \
    case sizeof(type):                                        \
        for (int64_t i = 0; i < n; i++)                       \
            ((type *)dst)[i] = ((const type *)src)[i * step]; \
        break;
        CASE(uint8_t)
        CASE(uint16_t)
        CASE(uint32_t)
        CASE(uint64_t)
#undef CASE
    }
}

void elements_copy(char *dst, const tp_tensor *t, int64_t first, int64_t n)
{
    int64_t size = (int64_t)tensor_element_size(t), index[TP_MAX_DIMS] = { 0 };
    if (n <= 0)
        return;
    if (tensor_is_contiguous(t)) {
        memcpy(dst, tensor_data(t) + first * size, (size_t)(n * size));
        return;
    }
    int last = t->ndim - 1; /* a scalar is contiguous */
    for (int i = last; i >= 0; i--) {
        index[i] = first % t->shape[i];
        first /= t->shape[i];
    }
    while (n) {
        int64_t offset = 0, left = t->shape[last] - index[last], piece = left < n ? left : n;
        for (int i = 0; i <= last; i++)
            offset += index[i] * t->stride[i];
        gather(dst, tensor_data(t) + offset * size, (size_t)size, t->stride[last], piece);
        dst += piece * size;
        n -= piece;
        index[last] = t->shape[last] - 1; /* the carry begins at the row's last element */
        for (int i = last; i >= 0 && ++index[i] == t->shape[i]; i--)
            index[i] = 0;
    }
}

tp_status elements_put(file_out *out, const tp_tensor *t)
{
    size_t size = tensor_element_size(t);
    if (t->numel == 0)
        return TP_OK;
    if (tensor_is_contiguous(t))
        return file_put(out, tensor_data(t), (size_t)t->numel * size);
    char *piece = tp_alloc(PIECE);
    if (!piece)
        return TP_ERR_MEMORY;
    int64_t room = PIECE / (int64_t)size;
    tp_status status = TP_OK;
    for (int64_t done = 0; done < t->numel && !status; done += room) {
        int64_t n = t->numel - done < room ? t->numel - done : room;
        elements_copy(piece, t, done, n);
        status = file_put(out, piece, (size_t)n * size);
    }
    tp_free(piece, PIECE);
    return status;
}

void elements_check_bool(tp_tensor *t)
{
    if (t->dtype != TP_BOOL)
        return;
    unsigned char *data = (unsigned char *)tensor_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        if (data[i] > 1) /* clean pages of a mapping stay clean */
            data[i] = 1;
}

void elements_swap(tp_tensor *t)
{
    size_t size = tensor_element_size(t);
    unsigned char *p = (unsigned char *)tensor_data(t);
    for (int64_t i = 0; i < t->numel; i++, p += size)
        for (size_t k = 0; k < size / 2; k++) {
            unsigned char byte = p[k];
            p[k] = p[size - 1 - k];
            p[size - 1 - k] = byte;
        }
}
