/* npy.c - fuzzing the reader of NumPy arrays.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/npy.  Layer: fuzz.  Read next: io/npy.c. */
#include "io/npy.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    file_in in = file_from_memory("fuzz.npy", data, size);
    tp_tensor *array = npy_from(&in);
    if ((array == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    return 0;
}
