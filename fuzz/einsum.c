/* einsum.c - fuzzing equations of sums of products.
 *
 * The input: a byte with the number of operands, for each a byte with its dims and a byte for each size; the rest is the
 * equation.  make fuzz builds and runs it; seeds lie in fuzz/corpus/einsum.  Layer: fuzz.  Read next: ops/einsum.c. */
#include <stdint.h>
#include <string.h>
#include <taper/ops.h>

enum { MOST_OPERANDS = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t next(const uint8_t **data, size_t *size)
{
    if (!*size)
        return 0;
    --*size;
    return *(*data)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t sizes[] = { 0, 1, 2, 2, 2, 3, 1, 2 };
    TP_SCOPE;
    char text[512];
    tp_tensor *in[MOST_OPERANDS];
    int n = next(&data, &size) % (MOST_OPERANDS + 1);
    for (int i = 0; i < n; i++) {
        tp_shape shape = { .ndim = next(&data, &size) % (TP_MAX_DIMS + 1) };
        for (int d = 0; d < shape.ndim; d++)
            shape.dim[d] = sizes[next(&data, &size) % 8];
        in[i] = tp_ones(shape, .requires_grad = true);
    }
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    tp_tensor *y = tp_einsum(text, in, n);
    if ((y == NULL) != (tp_error_pending() != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    if (y && tp_backward(y, .gradient = tp_ones(tp_shape_of(y))))
        __builtin_trap(); /* whatever works has a gradient */
    tp_error_take(NULL, 0);
    return 0;
}
