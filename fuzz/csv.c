/* csv.c - fuzzing the reader of tables; the first byte chooses the options.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/csv.  Layer: fuzz.  Read next: data/csv.c. */
#include "data/csv.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    file_bytes text = { 0 };
    tp_csv_options o = { .struct_size = sizeof o };
    if (size) {
        o.regression = *data & 1;
        o.header = (*data >> 1 & 3) == 3 ? -1 : *data >> 1 & 1;
        o.target = *data & 8 ? "0" : NULL;
        data++, size--;
    }
    file_bytes_append(&text, data, size);
    tp_dataset *d = csv_from("fuzz.csv", &text, &o);
    tp_shape shape = tp_dataset_shape(d);
    if (d && tp_dataset_count(d) && shape.dim[0] <= 4096) {
        float x[4096];
        double y;
        tp_dataset_get(d, tp_dataset_count(d) - 1, x, &y);
        if (tp_dataset_classes(d))
            tp_dataset_class_name(d, (int64_t)y);
    }
    if ((d == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    return 0;
}
