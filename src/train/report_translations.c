/* report_translations.c - of a run of pairs: what it makes of the first sources of the test part, beside what is true.
 *
 * Layer: train.  Depends on report.h, taper/train.h, run.h.  Read next: translate.c, report.c. */
#include "base/error.h"
#include "base/memory.h"
#include "data/vocabulary.h"
#include "train/report.h"
#include "train/run.h"

#include <string.h>

enum { SHOWN = 20, ROOM = 400 };

typedef struct shown {
    char source[ROOM], truth[ROOM], answer[ROOM];
} shown;

static void add(char *to, const char *name, bool blank)
{
    const size_t used = strlen(to);
    snprintf(to + used, ROOM - used, "%s%s", used && blank ? " " : "", name ? name : "");
}

static bool is_words(const char *unit, bool otherwise)
{
    return unit ? !strcmp(unit, "words") : otherwise;
}

/* The texts of example i. */
static tp_status read_pair(tp_dataset *d, const tp_data_options *o, int64_t i, shown *to)
{
    tp_sample sample = { 0 };
    *to = (shown){ .source = "" };
    if (tp_dataset_load(d, i, &sample))
        return tp_error_pending();
    for (int64_t k = 0; k < tp_dataset_targets(d); k++) {
        const int64_t token = (int64_t)sample.x[k], label = (int64_t)sample.targets[k];
        if (token != TOKEN_PAD && token != TOKEN_END)
            add(to->source, tp_dataset_input_name(d, token), is_words(o->source_unit, false));
        if (label != TP_IGNORED && label != TOKEN_END)
            add(to->truth, tp_dataset_class_name(d, label), is_words(o->target_unit, true));
    }
    tp_sample_free(&sample);
    return TP_OK;
}

static bool take(void *context, const tp_translation *t)
{
    shown **next = context;
    snprintf((*next)->answer, ROOM, "%s", t->n ? t->texts[0] : "");
    (*next)++;
    return true;
}

static void put_rows(report_page *p, const shown *rows, int64_t n)
{
    page_table(p, "Answers", "Source|Truth|Answer");
    for (int64_t i = 0; i < n; i++) {
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, rows[i].source);
        page_put(p, "</th><td>");
        page_text(p, rows[i].truth);
        page_put(p, strcmp(rows[i].truth, rows[i].answer) ? "</td><td><b>" : "</td><td>");
        page_text(p, rows[i].answer);
        page_put(p, strcmp(rows[i].truth, rows[i].answer) ? "</b></td></tr>\n" : "</td></tr>\n");
    }
    page_table_end(p);
    page_put(p, "<p class=\"soft\">Sources from all over the test part; answers that differ "
                "are bold.</p>\n");
}

void report_translations(report_page *p, const report_run *r)
{
    TP_SCOPE;
    const char *sources[SHOWN];
    shown *rows = r->run ? tp_calloc(SHOWN * sizeof *rows) : NULL, *next = rows;
    int64_t n = 0;
    if (!rows)
        return;
    page_put(p, "<section>\n<h2>What it makes of the test part</h2>\n");
    tp_dataset *d = setup_data(r->run->setup, TP_TEST);
    const int64_t count = d ? tp_dataset_count(d) : 0, every = count > SHOWN ? count / SHOWN : 1;
    for (; n < SHOWN && n * every < count && !tp_pending(); n++) {
        read_pair(d, &r->run->setup->config.data_options, n * every, &rows[n]);
        sources[n] = rows[n].source;
    }
    if (tp_pending() || tp_run_translate(r->run, sources, n, take, &next))
        page_missing(p, "Answers");
    else
        put_rows(p, rows, n);
    if (n && !tp_pending())
        report_attention(p, r, rows[0].source, rows[0].answer);
    page_put(p, "</section>\n");
    tp_free(rows, SHOWN * sizeof *rows);
}
