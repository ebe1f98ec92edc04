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
    int64_t row = t->ndim ? t->shape[t->ndim - 1] : 1, step = t->ndim ? t->stride[t->ndim - 1] : 1;
    int64_t index[TP_MAX_DIMS] = { 0 }, room = PIECE / (int64_t)size, used = 0;
    tp_status status = TP_OK;
    for (int64_t done = 0; done < t->numel && !status; done += row) {
        int64_t offset = 0;
        for (int i = 0; i < t->ndim - 1; i++)
            offset += index[i] * t->stride[i];
        for (int64_t i = 0; i < row && !status;) {
            int64_t n = row - i < room - used ? row - i : room - used;
            gather(piece + used * (int64_t)size, tensor_data(t) + (offset + i * step) * (int64_t)size, size,
                   step, n);
            i += n;
            used += n;
            if (used == room) {
                status = file_put(out, piece, (size_t)used * size);
                used = 0;
            }
        }
        for (int i = t->ndim - 2; i >= 0 && ++index[i] == t->shape[i]; i--)
            index[i] = 0;
    }
    if (!status && used)
        status = file_put(out, piece, (size_t)used * size);
    tp_free(piece, PIECE);
    return status;
}

void elements_check_bool(tp_tensor *t)
{
    if (t->dtype != TP_BOOL)
        return;
    unsigned char *data = (unsigned char *)tensor_data(t);
    for (int64_t i = 0; i < t->numel; i++)
        data[i] = data[i] != 0;
}
