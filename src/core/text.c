/* text.c - text that grows into a caller's buffer.
 *
 * Layer: core.  Depends on text.h, the device's convert kernels.  Read next: format.c. */
#include "core/text.h"

#include "device/device.h"
#include "kernels/kernels.h"

void text_put(text_out *out, const char *piece)
{
    for (; *piece; piece++, out->length++) {
        if (out->length + 1 < out->room)
            out->text[out->length] = *piece;
        out->line = *piece == '\n' ? 0 : out->line + 1;
    }
}

void text_pad(text_out *out, int64_t spaces)
{
    while (spaces-- > 0)
        text_put(out, " ");
}

size_t text_end(text_out *out)
{
    if (out->room)
        out->text[out->length < out->room ? out->length : out->room - 1] = 0;
    return out->length;
}

element_value text_element(const tp_tensor *t, int64_t offset)
{
    const kernel_table *kernels = t->storage->device->kernels();
    const char *at = tensor_data(t) + offset * (int64_t)tensor_element_size(t);
    element_value value;
    if (tp_dtype_is_float((tp_dtype)t->dtype))
        kernels->convert[TP_F64][t->dtype](&value.real, 1, at, 1, 1);
    else
        kernels->convert[TP_I64][t->dtype](&value.integer, 1, at, 1, 1);
    return value;
}
