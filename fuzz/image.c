/* image.c - fuzzing the reader of PNG and JPEG.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/image.  Layer: fuzz.  Read next: io/png.c, io/jpeg.c. */
#include "io/image.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int channels = 0; channels < 2; channels++) {
        picture p;
        tp_status status = picture_decode("fuzz.png", data, size, channels, &p);
        if (status != tp_error_take(NULL, 0) || (status != TP_OK) != (p.pixels == NULL))
            __builtin_trap(); /* a result or an error, never both or neither */
        picture_free(&p);
    }
    return 0;
}
