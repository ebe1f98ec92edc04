/* idx.c - fuzzing the reader of IDX files, plain and gzip.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/idx.  Layer: fuzz.  Read next: data/idx.c. */
#include "data/idx.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    file_bytes file = { 0 };
    idx_array array;
    file_bytes_append(&file, data, size);
    tp_status status = idx_parse("fuzz.idx", &file, &array);
    if (status != tp_error_take(NULL, 0) || (status != TP_OK) != (array.bytes.data == NULL))
        __builtin_trap(); /* a result or an error, never both or neither */
    file_bytes_free(&array.bytes);
    return 0;
}
