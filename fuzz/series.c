/* series.c - fuzzing the reader of tables of values in time; the first byte chooses the options.
 *
 * make fuzz builds and runs it; seeds lie in fuzz/corpus/series.  Layer: fuzz.  Read next: data/series_table.c. */
#include "base/error.h"
#include "data/series.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static series *read_series(const uint8_t *data, size_t size, const tp_series_options *o)
{
    file_bytes text = { 0 };
    file_bytes_append(&text, data, size);
    series *s = series_from("fuzz.csv", &text, o);
    file_bytes_free(&text);
    return s;
}

/* Its last window, what it is compared with, the dates after it; and the file is its own by the scaling that a run would keep. */
static void use(const series *s, const uint8_t *data, size_t size, tp_series_options o)
{
    float x[4096];
    char text[8192];
    const int64_t last = s->rows - 1, back = s->season > s->window ? s->season : s->window;
    if (last >= back && s->window * s->features <= 4096)
        series_window(s, last, x);
    for (int64_t h = 1; h <= s->horizon; h++) {
        if (last >= back)
            series_base(s, last, h, s->n_targets - 1);
        series_date_after(s, h, text, sizeof text);
    }
    series_date(s, last, text, sizeof text);
    if (series_scaling(s, text, sizeof text)) {
        tp_error_take(NULL, 0); /* too many long names */
        return;
    }
    o.scaling = text;
    series *again = read_series(data, size, &o);
    if (!again)
        __builtin_trap();
    series_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TP_SCOPE;
    static const char *const missing[] = { NULL, "last", "error", "linear" };
    tp_series_options o = { .struct_size = sizeof o, .window = 3, .horizon = 2 };
    if (size) {
        o.missing = missing[*data & 3];
        o.header = (*data >> 2 & 3) == 3 ? -1 : *data >> 2 & 1;
        o.target = *data & 16 ? "1" : NULL;
        o.columns = *data & 32 ? "1,0" : NULL;
        o.level = *data & 64 ? "season" : NULL;
        o.no_calendar = *data >> 7;
        data++, size--;
    }
    series *s = read_series(data, size, &o);
    if (s) {
        use(s, data, size, o);
        series_free(s);
    }
    if ((s == NULL) != (tp_error_take(NULL, 0) != TP_OK))
        __builtin_trap(); /* a result or an error, never both or neither */
    return 0;
}
