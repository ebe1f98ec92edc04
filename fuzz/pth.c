/* pth.c - fuzzing the reader of PyTorch's state dicts: containers, pickles, names.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/pth.  Layer: fuzz.  Read next: io/pth.c, io/pickle.c. */
#include "io/elements.h"
#include "io/pth.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    char left_out[64];
    file_in in = file_from_memory("fuzz.pth", data, size);
    tp_params *params =
        pth_from(&in, &(tp_pth_options){ .left_out = left_out, .left_out_size = sizeof left_out });
    if ((params == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap();                               /* a result or an error, never both or neither */
    for (int i = 0; i < tp_params_count(params); i++) { /* every element lies in memory that is there */
        static char elements[8 * 4096];
        const tp_tensor *t = tp_params_at(params, i);
        elements_copy(elements, t, 0, tp_numel(t) < 4096 ? tp_numel(t) : 4096);
    }
    return 0;
}
