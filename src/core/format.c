/* format.c - a tensor as text, as PyTorch prints it (torch/_tensor_str.py): 4 digits, the ends of what is long.
 *
 * One pass over the elements that will be shown finds the format of all numbers; a second one writes them.
 * Layer: core.  Depends on tensor.h, the device's convert kernels.  Read next: tensor.c. */
#include "core/tensor.h"
#include "device/device.h"
#include "kernels/kernels.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EDGE = 3, SUMMARIZED = 1000, LINE = 80, INDENT = 7, DIGITS = 4 };

typedef struct writer {
    const tp_tensor *t;
    char *text; /* room bytes */
    size_t room, length, line;
    bool summarized, is_float, integers, scientific;
    int width;
    double smallest, largest; /* of |x| over what is finite and not 0 */
} writer;

static void put(writer *w, const char *format, ...) TP_PRINTF(2, 3);

static void put(writer *w, const char *format, ...)
{
    char piece[128];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    for (int i = 0; i < n; i++, w->length++) {
        if (w->length + 1 < w->room)
            w->text[w->length] = piece[i];
        w->line = piece[i] == '\n' ? 0 : w->line + 1;
    }
}

/* ---- elements ------------------------------------------------------------------------------------------------- */

static double element(const writer *w, int64_t offset, int64_t *integer)
{
    const tp_tensor *t = w->t;
    const kernel_table *kernels = t->storage->device->kernels();
    const char *at = tensor_data(t) + offset * (int64_t)tensor_element_size(t);
    double value;
    kernels->convert[TP_F64][t->dtype](&value, 1, at, 1, 1);
    kernels->convert[TP_I64][t->dtype](integer, 1, at, 1, 1);
    return value;
}

static int number_text(const writer *w, int64_t offset, char text[64])
{
    int64_t integer;
    double x = element(w, offset, &integer);
    if (w->t->dtype == TP_BOOL)
        return snprintf(text, 64, "%s", integer ? "True" : "False");
    if (!w->is_float)
        return snprintf(text, 64, "%lld", (long long)integer);
    if (isnan(x))
        return snprintf(text, 64, "nan");
    if (isinf(x))
        return snprintf(text, 64, x > 0 ? "inf" : "-inf");
    if (w->scientific)
        return snprintf(text, 64, "%.*e", DIGITS, x);
    if (w->integers)
        return snprintf(text, 64, "%.0f.", x);
    return snprintf(text, 64, "%.*f", DIGITS, x);
}

/* Calls visit for each element that is shown. */
static void for_shown(writer *w, int dim, int64_t offset, void (*visit)(writer *, int64_t offset))
{
    if (dim == w->t->ndim) {
        visit(w, offset);
        return;
    }
    int64_t n = w->t->shape[dim];
    bool cut = w->summarized && n > 2 * EDGE;
    for (int64_t i = 0; i < n; i++) {
        if (cut && i == EDGE)
            i = n - EDGE;
        for_shown(w, dim + 1, offset + i * w->t->stride[dim], visit);
    }
}

static void measure_range(writer *w, int64_t offset)
{
    int64_t integer;
    double x = fabs(element(w, offset, &integer));
    if (x == 0 || !isfinite(x))
        return;
    w->integers &= x == ceil(x);
    w->smallest = x < w->smallest ? x : w->smallest;
    w->largest = x > w->largest ? x : w->largest;
}

static void measure_width(writer *w, int64_t offset)
{
    char text[64];
    int n = number_text(w, offset, text);
    w->width = n > w->width ? n : w->width;
}

static void choose_format(writer *w)
{
    w->is_float = tp_dtype_is_float((tp_dtype)w->t->dtype);
    w->integers = true;
    w->smallest = INFINITY;
    if (w->is_float) {
        for_shown(w, 0, 0, measure_range);
        w->scientific = w->largest > 0 && (w->largest / w->smallest > 1000 || w->largest > 1e8 ||
                                           (!w->integers && w->smallest < 1e-4));
    }
    for_shown(w, 0, 0, measure_width);
}

/* ---- brackets --------------------------------------------------------------------------------------------------- */

static void put_row(writer *w, int64_t offset, int indent)
{
    const tp_tensor *t = w->t;
    int64_t n = t->shape[t->ndim - 1], stride = t->stride[t->ndim - 1], shown = 0;
    int64_t a_line = (LINE - indent) / (w->width + 2);
    put(w, "[");
    for (int64_t i = 0; i < n; i++, shown++) {
        char text[64];
        if (shown)
            put(w, ",%s", shown % (a_line < 1 ? 1 : a_line) ? " " : "\n");
        if (shown && shown % (a_line < 1 ? 1 : a_line) == 0)
            put(w, "%*s", indent + 1, "");
        if (w->summarized && n > 2 * EDGE && i == EDGE) {
            put(w, " ...");
            i = n - EDGE - 1;
            continue;
        }
        number_text(w, offset + i * stride, text);
        put(w, "%*s", w->width, text);
    }
    put(w, "]");
}

static void put_dims(writer *w, int dim, int64_t offset, int indent)
{
    const tp_tensor *t = w->t;
    if (dim == t->ndim - 1) {
        put_row(w, offset, indent);
        return;
    }
    put(w, "[");
    for (int64_t i = 0; i < t->shape[dim]; i++) {
        if (i > 0) {
            put(w, ",");
            for (int k = dim; k < t->ndim - 1; k++)
                put(w, "\n");
            put(w, "%*s", indent + 1, "");
        }
        if (w->summarized && t->shape[dim] > 2 * EDGE && i == EDGE) {
            put(w, "...");
            i = t->shape[dim] - EDGE - 1;
            continue;
        }
        put_dims(w, dim + 1, offset + i * t->stride[dim], indent + 1);
    }
    put(w, "]");
}

static void put_suffix(writer *w, const char *text)
{
    if (w->line + strlen(text) + 3 > LINE)
        put(w, ",\n%*s%s", INDENT, "", text);
    else
        put(w, ", %s", text);
}

static void put_content(writer *w)
{
    const tp_tensor *t = w->t;
    char text[64];
    if (!tensor_data(t)) {
        put(w, "...");
    } else if (t->numel == 0) {
        put(w, "[]");
    } else {
        choose_format(w);
        if (t->ndim == 0) {
            number_text(w, 0, text);
            put(w, "%s", text);
        } else
            put_dims(w, 0, 0, INDENT);
    }
    if (t->numel == 0 ? t->ndim != 1 : !tensor_data(t)) {
        char size[128];
        snprintf(size, sizeof size, "size=%s", tensor_shape_text(t));
        put_suffix(w, size);
    }
}

size_t tp_format(const tp_tensor *t, char *text, size_t size)
{
    writer w = { .t = t, .text = text, .room = size };
    char suffix[128];
    if (!t) {
        put(&w, "NULL");
    } else {
        w.summarized = t->numel > SUMMARIZED;
        put(&w, "tensor(");
        put_content(&w);
        if (t->dtype != TP_F32 && t->dtype != TP_I64 && t->dtype != TP_BOOL) {
            snprintf(suffix, sizeof suffix, "dtype=%s", tp_dtype_name((tp_dtype)t->dtype));
            put_suffix(&w, suffix);
        }
        if (t->requires_grad)
            put_suffix(&w, "requires_grad=True");
        put(&w, ")");
    }
    if (size)
        text[w.length < size ? w.length : size - 1] = 0;
    return w.length;
}
