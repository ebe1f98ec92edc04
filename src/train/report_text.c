/* report_text.c - of a language model: what it writes.
 *
 * Always by the same draws, so that a report is a function of the run.
 * Layer: train.  Depends on report.h, taper/train.h.  Read next: generate.c, report.c. */
#include "base/error.h"
#include "train/report.h"

#include <string.h>

enum { SAMPLE = 600, SAMPLE_ROOM = 4 * SAMPLE + 1 };

typedef struct sample {
    char text[SAMPLE_ROOM];
    size_t used;
} sample;

static bool take(void *context, const char *text, size_t bytes)
{
    sample *s = context;
    const bool writable = bytes != 1 || *text == '\n' || *text == '\t' || (*text >= ' ' && *text < 127);
    if (s->used + bytes >= sizeof s->text)
        return false;
    memcpy(s->text + s->used, writable ? text : ".", bytes); /* a byte by itself may be no character */
    s->used += bytes;
    return true;
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
        page_put(p, "</pre>\n<p class=\"soft\">%d characters at temperature 0.8.</p>\n", SAMPLE);
    }
    page_put(p, "</section>\n");
}
