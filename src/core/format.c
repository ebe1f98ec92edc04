/* format.c - a tensor as text, character for character as PyTorch prints it (torch/_tensor_str.py).
 *
 * One pass over the elements that will be shown finds the format of all numbers; a second one writes them.  What
 * differs: types have Taper's names (dtype=f64).
 * Layer: core.  Depends on text.h, base/number.h.  Read next: list.c. */
#include "base/memory.h"
#include "base/number.h"
#include "core/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INDENT = 7 /* of "tensor(" */, NUMBER = 512 /* 1.8e308 with 99 digits after the point has 409 */ };

typedef struct writer {
    text_out out;
    const tp_tensor *t;
    int precision;
    int64_t threshold, edge, width_of_line;
    tp_sci_mode sci_mode;
    bool summarized, integers, scientific;
    int64_t width;
    double smallest, largest; /* of |x| over what is finite and not 0 */
} writer;

/* ---- elements ------------------------------------------------------------------------------------------------------ */

static int float_text(const writer *w, double x, char text[NUMBER])
{
    if (isnan(x))
        return snprintf(text, NUMBER, "nan");
    if (isinf(x))
        return snprintf(text, NUMBER, x > 0 ? "inf" : "-inf");
    if (w->scientific)
        return print_number(text, NUMBER, 'e', w->precision, x);
    if (!w->integers)
        return print_number(text, NUMBER, 'f', w->precision, x);
    int n = print_number(text, NUMBER - 1, 'f', 0, x);
    text[n] = '.';
    text[n + 1] = 0;
    return n + 1;
}

static int number_text(const writer *w, int64_t offset, char text[NUMBER])
{
    element_value x = text_element(w->t, offset);
    if (tp_dtype_is_float((tp_dtype)w->t->dtype))
        return float_text(w, x.real, text);
    if (w->t->dtype == TP_BOOL)
        return snprintf(text, NUMBER, "%s", x.integer ? "True" : "False");
    return snprintf(text, NUMBER, "%lld", (long long)x.integer);
}

/* Calls visit for each element that is shown. */
static void for_shown(writer *w, int dim, int64_t offset, void (*visit)(writer *, int64_t offset))
{
    if (dim == w->t->ndim) {
        visit(w, offset);
        return;
    }
    int64_t n = w->t->shape[dim];
    bool cut = w->summarized && n > 2 * w->edge;
    for (int64_t i = 0; i < n; i++) {
        if (cut && i == w->edge)
            i = n - w->edge;
        if (i < n)
            for_shown(w, dim + 1, offset + i * w->t->stride[dim], visit);
    }
}

static void measure_range(writer *w, int64_t offset)
{
    double x = fabs(text_element(w->t, offset).real);
    if (x == 0 || !isfinite(x))
        return;
    w->integers &= x == ceil(x);
    w->smallest = x < w->smallest ? x : w->smallest;
    w->largest = x > w->largest ? x : w->largest;
}

/* What is 0 or not finite makes no column wider, as in PyTorch. */
static void measure_width(writer *w, int64_t offset)
{
    char text[NUMBER];
    if (tp_dtype_is_float((tp_dtype)w->t->dtype)) {
        double x = text_element(w->t, offset).real;
        if (x == 0 || !isfinite(x))
            return;
    }
    int n = number_text(w, offset, text);
    w->width = n > w->width ? n : w->width;
}

static void choose_format(writer *w)
{
    w->integers = true;
    w->width = 1;
    w->smallest = INFINITY;
    if (tp_dtype_is_float((tp_dtype)w->t->dtype)) {
        for_shown(w, 0, 0, measure_range);
        if (w->largest > 0) /* else no number asks for a format */
            w->scientific = w->sci_mode != TP_SCI_AUTO
                                ? w->sci_mode == TP_SCI_ON
                                : w->largest / w->smallest > 1000 || w->largest > 1e8 || w->smallest < 1e-4;
    }
    for_shown(w, 0, 0, measure_width);
}

/* ---- brackets ------------------------------------------------------------------------------------------------------ */

static void put_row(writer *w, int64_t offset, int indent)
{
    const tp_tensor *t = w->t;
    int64_t n = t->shape[t->ndim - 1], stride = t->stride[t->ndim - 1], shown = 0;
    int64_t a_line = (w->width_of_line - indent) / (w->width + 2);
    a_line = a_line < 1 ? 1 : a_line;
    text_put(&w->out, "[");
    for (int64_t i = 0; i < n; i++, shown++) {
        char text[NUMBER];
        if (shown)
            text_put(&w->out, shown % a_line ? ", " : ",\n");
        if (shown && shown % a_line == 0)
            text_pad(&w->out, indent + 1);
        if (w->summarized && n > 2 * w->edge && i == w->edge) {
            text_put(&w->out, w->edge ? " ..." : "...");
            i = n - w->edge - 1;
            continue;
        }
        text_pad(&w->out, w->width - number_text(w, offset + i * stride, text));
        text_put(&w->out, text);
    }
    text_put(&w->out, "]");
}

static void put_dims(writer *w, int dim, int64_t offset, int indent)
{
    const tp_tensor *t = w->t;
    if (dim == t->ndim - 1) {
        put_row(w, offset, indent);
        return;
    }
    text_put(&w->out, "[");
    for (int64_t i = 0; i < t->shape[dim]; i++) {
        if (i > 0) {
            text_put(&w->out, ",");
            for (int k = dim; k < t->ndim - 1; k++)
                text_put(&w->out, "\n");
            text_pad(&w->out, indent + 1);
        }
        if (w->summarized && t->shape[dim] > 2 * w->edge && i == w->edge) {
            text_put(&w->out, "...");
            i = t->shape[dim] - w->edge - 1;
            continue;
        }
        put_dims(w, dim + 1, offset + i * t->stride[dim], indent + 1);
    }
    text_put(&w->out, "]");
}

static void put_content(writer *w)
{
    char text[NUMBER];
    if (!tensor_data(w->t) && w->t->numel) {
        text_put(&w->out, "...");
    } else if (w->t->numel == 0) {
        text_put(&w->out, "[]");
    } else {
        choose_format(w);
        if (w->t->ndim == 0) {
            text_pad(&w->out, w->width - number_text(w, 0, text));
            text_put(&w->out, text);
        } else {
            put_dims(w, 0, 0, INDENT);
        }
    }
}

/* ---- suffixes: size, dtype, history ---------------------------------------------------------------------------------- */

/* PyTorch counts the last line of the content two characters too long, and its own lines as they are: so do we. */
static void put_suffix(writer *w, const char *text, bool *after_content)
{
    size_t line = w->out.line + (*after_content ? 2 : 0);
    if ((int64_t)(line + strlen(text) + 2) > w->width_of_line) {
        text_put(&w->out, ",\n");
        text_pad(&w->out, INDENT);
        *after_content = false;
    } else {
        text_put(&w->out, ", ");
    }
    text_put(&w->out, text);
}

/* masked_fill is printed as MaskedFillBackward0, as PyTorch names its nodes. */
static void history_text(const char *op, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "grad_fn=<");
    bool starts = true;
    for (; *op && n + 16 < size; op++) {
        if (*op != '_')
            text[n++] = (char)(starts ? toupper((unsigned char)*op) : *op);
        starts = *op == '_';
    }
    snprintf(text + n, size - n, "Backward0>");
}

static void put_suffixes(writer *w)
{
    const tp_tensor *t = w->t;
    bool is_meta = !tensor_data(t) && t->numel, after_content = true;
    bool said_by_numbers =
        t->dtype == TP_F32 || ((t->dtype == TP_I64 || t->dtype == TP_BOOL) && t->numel && !is_meta);
    char text[300];
    if (is_meta || (t->numel ? w->edge == 0 : t->ndim != 1)) {
        snprintf(text, sizeof text, "size=%s", tensor_shape_text(t));
        put_suffix(w, text, &after_content);
    }
    if (!said_by_numbers) {
        snprintf(text, sizeof text, "dtype=%s", tp_dtype_name((tp_dtype)t->dtype));
        put_suffix(w, text, &after_content);
    }
    if (t->grad_fn) {
        history_text(tp_grad_fn(t), text, sizeof text);
        put_suffix(w, text, &after_content);
    } else if (t->requires_grad) {
        put_suffix(w, "requires_grad=True", &after_content);
    }
}

/* Zero is "not said", negative is zero (tensor.h). */
static int64_t option(int64_t given, int64_t otherwise)
{
    return given > 0 ? given : given < 0 ? 0 : otherwise;
}

size_t tp_format_opt(const tp_tensor *t, char *text, size_t size, const tp_format_options *o)
{
    static const tp_format_options none;
    o = o ? o : &none;
    writer w = { .out = { .text = text, .room = size },
                 .t = t,
                 .precision = (int)option(o->precision > 99 ? 99 : o->precision, 4),
                 .threshold = option(o->threshold, 1000),
                 .edge = option(o->edgeitems, 3),
                 .width_of_line = option(o->linewidth, 80),
                 .sci_mode = o->sci_mode };
    if (!t) {
        text_put(&w.out, "NULL");
        return text_end(&w.out);
    }
    w.summarized = t->numel > w.threshold;
    text_put(&w.out, "tensor(");
    put_content(&w);
    put_suffixes(&w);
    text_put(&w.out, ")");
    return text_end(&w.out);
}

void tp_print(const tp_tensor *t, FILE *to)
{
    size_t size = tp_format(t, NULL, 0) + 1;
    char *text = tp_alloc(size);
    if (!text)
        return;
    tp_format(t, text, size);
    fprintf(to, "%s\n", text);
    tp_free(text, size);
}
