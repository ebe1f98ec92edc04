/* transform.c - fuzzing the text form of transforms, and running what it understands on a small picture.
 *
 * The input is the text.  Long numbers are parsed and not run: they may ask for large pictures.  make fuzz builds and runs it;
 * seeds lie in fuzz/corpus/transform.  Layer: fuzz.  Read next: data/transform_parse.c. */
#include <stdint.h>
#include <string.h>
#include <taper/data.h>

enum { ROOM = 600, DIGITS = 2, LARGEST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_long_number(const char *text)
{
    int digits = 0;
    for (; *text; text++) {
        digits = *text >= '0' && *text <= '9' ? digits + 1 : *text == '.' ? -ROOM : 0;
        if (digits > DIGITS || *text == 'e')
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    char text[ROOM];
    float x[3 * 7 * 9];
    tp_shape in = TP_SHAPE(3, 7, 9), out;
    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = 0;
    for (int i = 0; i < 3 * 7 * 9; i++)
        x[i] = (float)(i * 37 % 101) / 100;
    tp_transform *t = tp_transform_parse(text);
    if ((t == NULL) != (tp_error_pending() != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    if (t && !tp_transform_shape(t, in, &out)) {
        int64_t numel = out.dim[0] * out.dim[1] * out.dim[2];
        float *y = numel <= LARGEST && !has_long_number(text) ? tp_data(tp_empty(TP_SHAPE(numel))) : NULL;
        if (y && tp_transform_run(t, in, x, y, 1, 2))
            __builtin_trap(); /* what has a shape runs */
    }
    tp_error_take(NULL, 0);
    return 0;
}
