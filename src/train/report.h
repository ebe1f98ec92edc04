/* report.h - the page that report.html is made on, the run's numbers, and the sections.
 *
 * A section that cannot be made says why in one line, so that a half-finished run has a report as well.
 * Layer: train.  Depends on io/file.h, io/json.h.  Read next: report.c, report_svg.c. */
#ifndef TRAIN_REPORT_H
#define TRAIN_REPORT_H

#include "io/json.h"

#include <taper/plot.h>
#include <taper/train.h>

/* ---- The page: html that grows; once out of memory it stays so ----------------------------------------------- */

typedef struct report_page {
    file_bytes html;
    bool failed;
} report_page;

void page_put(report_page *, const char *format, ...) TP_PRINTF(2, 3); /* as it stands: markup and numbers */
void page_bytes(report_page *, const char *text, size_t size);         /* markup of any length */
void page_text(report_page *, const char *text);                       /* escaped; "" for NULL */
void page_cut(report_page *, const char *text,
              int letters);              /* escaped, at most so many letters and an ellipsis */
void page_count(report_page *, int64_t); /* 61 706, with narrow spaces */
void page_base64(report_page *, const void *data, size_t size);
void page_amount(report_page *, double);                      /* 61.7 K */
void page_percent(report_page *, double share, int decimals); /* "98.91 %", or a dash for NaN */
void page_missing(report_page *, const char *what);           /* takes the pending error and says why */
void page_plot(report_page *, const tp_plot *);               /* a chart, inline */
/* A table that scrolls sideways where it is too wide.  heads: "Class|#Examples|-", # of numbers, - of bars;
 * NULL: it has none, "": they and <tbody> follow. */
void page_table(report_page *, const char *label, const char *heads);
void page_table_end(report_page *);
void page_shell_word(report_page *, const char *word); /* in quotes where a shell needs them */
void page_duration(report_page *, double seconds);
/* script: of a page that has one, with the SHA-256 of it in base64; NULL: nothing on the page may run */
void page_begin(report_page *, const char *title, const char *script, const char *hash);
void page_end(report_page *);

/* ---- The run ------------------------------------------------------------------------------------------------- */

typedef tp_epoch report_row; /* a line of metrics.jsonl */

enum { WHY = 1100 };

typedef struct report_run {
    const char *folder;
    js_value *config, *evaluation, *times, *environment; /* NULL: not there */
    char no_config[WHY], no_metrics[WHY], no_evaluation[WHY], no_run[WHY], no_times[WHY],
        no_environment[WHY]; /* why not */
    tp_history history;
    const report_row *rows; /* its epochs */
    int64_t n_rows;
    int64_t best; /* index of the best row, or -1 */
    bool regression, no_memory;
    const struct task *task;
    const char *best_of; /* the task's: "accuracy", "loss" or a figure's name */
    tp_run *run;         /* NULL: not there */
    int64_t params;      /* of its network */
    int64_t step_bytes;  /* the most that a training step holds (tp_summary.training_bytes); 0: not known */
} report_run;

tp_status report_read(report_run *); /* all but folder is filled in; what is missing in part is no error */
void report_free(report_run *);
const report_row *report_best(
    const report_run *); /* the best epoch, or the last one where none is called so; NULL: none */
double report_best_value(const report_run *);        /* of best_of; NaN if there is none */
double report_seconds(const report_run *);           /* of all epochs */
void report_scalar(report_page *, const js_value *); /* a text, a number, true, or a dash */
void report_measure(report_run *);                   /* params and step_bytes */

const char *report_unit(const report_run *); /* of a language: character, byte or token */
const char *report_string(const js_value *object, const char *name, const char *otherwise);
double report_number(const js_value *object, const char *name);               /* NaN if there is none */
const char *report_class(const report_run *, int64_t label, char number[24]); /* its name, or its number */

/* A picture (1 or 3, H, W) in [0, 1], as PNG, or drawn where the build has none; large ones are shrunk. */
void page_picture(report_page *, const float *x, tp_shape, const char *label);

/* ---- Sections ------------------------------------------------------------------------------------------------ */

void report_headline(report_page *, const report_run *);
void report_curves(report_page *, const report_run *);
void report_charts(report_page *, const report_run *const *, const char *const *names,
                   int n); /* the same of several runs */
void report_text(report_page *, const report_run *);
void report_masked(report_page *, const report_run *);
void report_translations(report_page *, const report_run *);
void report_attention(report_page *, const report_run *, const char *text,
                      const char *answer); /* of pairs; NULL: text alone is read */
void report_forecast(report_page *, const report_run *);
void report_confusion(report_page *, const report_run *);
void report_by_class(report_page *, const report_run *);
void report_mistakes(report_page *, const report_run *);
void report_augmented(report_page *, const report_run *);
void report_filters(report_page *, const report_run *);
void report_model(report_page *, const report_run *);
void report_times(report_page *, const report_run *);
void report_config(report_page *, const report_run *);
void report_environment(report_page *, const report_run *);
void report_commands(report_page *, const report_run *);
void report_again(report_page *, const report_run *); /* the command that makes the run once more */

#endif
