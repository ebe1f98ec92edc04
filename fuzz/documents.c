/* documents.c - fuzzing the reader of texts and of lines of JSON; the first byte chooses the options.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/documents.  Layer: fuzz.  Read next: data/documents.c. */
#include "data/documents.h"

#include "text/mapped.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    file_bytes text = { 0 };
    documents d;
    tp_text_options o = { .struct_size = sizeof o };
    bool newline = false;
    if (size) {
        o.bytes = *data & 1;
        o.replace = *data & 2;
        o.field = *data & 4 ? NULL : "text";
        newline = *data & 8;
        o.seed = *data >> 4;
        data++, size--;
    }
    file_bytes_append(&text, data, size);
    const tp_status status = documents_from(&d, "fuzz.txt", &text, &o, newline);
    int64_t at = 0, tests = 0;
    for (int64_t i = 0; i < d.count; i++) { /* one behind the other, UTF-8, both parts */
        const document *one = &d.items[i];
        if (one->begin != at || one->end < at ||
            (!o.bytes && utf8_valid(d.text.data + at, one->end - at) != one->end - at))
            __builtin_trap();
        at = one->end;
        tests += one->test;
    }
    if (!status && (at != (int64_t)d.text.size || !tests || tests == d.count))
        __builtin_trap();
    if ((status == TP_OK) != (tp_error_take(NULL, 0) == TP_OK) || (status && d.count))
        __builtin_trap();
    documents_free(&d);
    return 0;
}
