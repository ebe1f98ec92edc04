/* report_text.c - of a language model: what it writes.
 *
 * Always by the same draws, so that a report is a function of the run.
 * Layer: train.  Depends on report.h, taper/train.h.  Read next: generate.c, report.c. */
#include "base/error.h"
#include "train/report.h"

#include <string.h>

enum { LOOKED_AT = 24, SAMPLE = 600, SAMPLE_ROOM = 16 * SAMPLE };

typedef struct sample {
    char text[SAMPLE_ROOM];
    size_t used;
} sample;

static bool take(void *context, const char *text, size_t bytes)
{
    sample *s = context;
    if (s->used + bytes >= sizeof s->text)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        const bool control = (c < ' ' && c != '\n' && c != '\t') || c == 127,
                   half = bytes == 1 && c > 127; /* a byte by itself is no character */
        s->text[s->used++] = control || half ? '.' : text[i];
    }
    return true;
}

const char *report_unit(const report_run *r)
{
    const js_value *options = js_get(r->config, "data_options");
    return js_string(js_get(options, "tokenizer"))                     ? "token"
           : !strcmp(report_string(options, "unit", "chars"), "bytes") ? "byte"
                                                                       : "character";
}

void report_text(report_page *p, const report_run *r)
{
    sample s = { .used = 0 };
    if (!r->run)
        return;
    page_put(p, "<section>\n<h2>What it writes</h2>\n");
    if (tp_run_generate(r->run, take, &s, .length = SAMPLE, .temperature = 0.8)) {
        page_missing(p, "A text");
    } else {
        s.text[s.used] = 0;
        page_put(p, "<pre class=\"written\">");
        page_text(p, s.text);
        page_put(p, "</pre>\n<p class=\"soft\">Up to %d %ss at temperature 0.8.</p>\n", SAMPLE,
                 report_unit(r));
        for (size_t i = 0, n = 0; s.text[i]; i++)
            if ((s.text[i] & 0xC0) != 0x80 && n++ == LOOKED_AT)
                s.text[i--] = 0;
        report_attention(p, r, s.text, NULL);
    }
    page_put(p, "</section>\n");
}
