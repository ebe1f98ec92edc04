/* safetensors.c - fuzzing the reader of weight files.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/safetensors.  Layer: fuzz.  Read next: io/safetensors.c. */
#include "io/safetensors.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    file_in in = file_from_memory("fuzz.safetensors", data, size);
    tp_params *params = safetensors_from(&in);
    if ((params == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    return 0;
}
