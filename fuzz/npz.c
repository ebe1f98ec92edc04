/* npz.c - fuzzing the reader of NumPy's archives.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/npz.  Layer: fuzz.  Read next: io/npz.c. */
#include "io/npz.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    file_in in = file_from_memory("fuzz.npz", data, size);
    tp_params *params = npz_from(&in);
    if ((params == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    tp_tensor *one = npz_from_one(&in, "a");
    if ((one == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap();
    return 0;
}
