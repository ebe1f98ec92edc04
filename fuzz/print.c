/* print.c - fuzzing the printing of tensors and the reader of nested lists.
 *
 * The first bytes choose type, shape, strides and options; the elements, and the text of a list, are what follows.
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/print.  Layer: fuzz.  Read next: core/format.c, core/list.c. */
#include "core/tensor.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        __builtin_trap();
}

/* Text into exactly as much memory as it asks for; free() it. */
static char *print(const tp_tensor *x, const tp_format_options *o)
{
    size_t n = o ? tp_format_opt(x, NULL, 0, o) : tp_tolist(x, NULL, 0);
    char *text = malloc(n + 1);
    check((o ? tp_format_opt(x, text, n + 1, o) : tp_tolist(x, text, n + 1)) == n && strlen(text) == n);
    return text;
}

/* Lists that were written are read as the same numbers. */
static void check_list(const tp_tensor *x)
{
    char *text = print(x, NULL);
    tp_tensor *y = tp_from_list_as(text, tp_dtype_of(x));
    check(y && tp_numel(y) == tp_numel(x));
    char *again = print(y, NULL);
    check(!strcmp(text, again));
    free(again);
    free(text);
}

/* A strided tensor over the rest of the input. */
static void print_tensor(const uint8_t *data, size_t size)
{
    enum { HEAD = 1 + 2 * TP_MAX_DIMS + 5 };
    if (size < HEAD)
        return;
    tp_dtype dtype = data[0] % TP_N_DTYPES;
    tp_shape shape = { .ndim = data[0] / TP_N_DTYPES % (TP_MAX_DIMS + 1) };
    int64_t last = 0, numel = 1;
    tp_tensor *x = tensor_blank();
    for (int i = 0; i < shape.ndim; i++) {
        shape.dim[i] = data[1 + i] % 12;
        numel *= shape.dim[i];
    }
    if (numel > 300 || tensor_set_shape(x, "fuzz", dtype, shape))
        return;
    for (int i = 0; i < shape.ndim; i++) {
        x->stride[i] = data[1 + TP_MAX_DIMS + i] % 20;
        last += numel ? (shape.dim[i] - 1) * x->stride[i] : 0;
    }
    const uint8_t *option = data + 1 + 2 * TP_MAX_DIMS;
    tp_format_options o = { .struct_size = sizeof o,
                            .precision = (int8_t)option[0],
                            .edgeitems = (int8_t)option[1],
                            .linewidth = (int8_t)option[2],
                            .threshold = (int8_t)option[3],
                            .sci_mode = option[4] % 3 };
    size_t bytes = (size_t)(last + 1) * tp_dtype_size(dtype);
    TP_SCOPE;
    tp_tensor *memory = tensor_new(dtype, TP_SHAPE(last + 1));
    for (size_t i = 0; i < bytes; i++)
        tensor_data(memory)[i] =
            (char)(size > HEAD ? data[HEAD + i % (size - HEAD)] & (dtype == TP_BOOL ? 1 : 255) : 0);
    storage_retain(x->storage = memory->storage);
    free(print(x, &o));
    check_list(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    print_tensor(data, size);
    check(tp_error_pending() == TP_OK || tp_error_take(NULL, 0) == TP_ERR_MEMORY);

    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    tp_tensor *list = tp_from_list(text);
    check((list != NULL) == (tp_error_take(NULL, 0) == TP_OK));
    if (list)
        check_list(list);
    free(text);
    return 0;
}
