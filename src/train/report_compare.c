/* report_compare.c - one page about several runs: their curves, their figures side by side, the options in which they differ.
 *
 * Figures are held against each other only among runs of one task on one test part, and curves are drawn by task: a loss of
 * characters says nothing beside one of pictures.  The script, which sorts, is the only one that the page's policy lets run.
 * Layer: train.  Depends on report.h, task.h.  Read next: report.c, report_svg.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/report.h"
#include "train/task.h"

#include <math.h>
#include <string.h>

enum { MOST_RUNS = 64, MOST_OPTIONS = 400, NAME = 120, LETTERS = 80 };

typedef struct compared {
    int n;
    report_run runs[MOST_RUNS];
    char named[MOST_RUNS][NAME];
    const char *names[MOST_RUNS]; /* of these */
} compared;

/* A click on a head sorts its column; what has no number stays below. */
static const char script[] = "for(const b of document.querySelectorAll('th button'))b.onclick=()=>{"
                             "const h=b.parentNode,t=h.closest('table').tBodies[0],i=h.cellIndex,"
                             "s=h.getAttribute('aria-sort')=='ascending'?-1:1;"
                             "for(const c of h.parentNode.cells)c.removeAttribute('aria-sort');"
                             "h.setAttribute('aria-sort',s>0?'ascending':'descending');"
                             "const v=r=>r.cells[i].dataset.v??r.cells[i].textContent;"
                             "t.append(...[...t.rows].sort((a,b)=>{a=v(a);b=v(b);const d=a-b;"
                             "return a===''||b===''?(a==='')-(b===''):s*(isNaN(d)?a.localeCompare(b):d)}))}";
static const char script_hash[] =
    "Gs9xLYFcJ3ezwJdcpzWFHJy2l0eQwedS4mxtg7xcNdQ="; /* tests/cli/report.sh counts it anew */

/* ---- figures ----------------------------------------------------------------------------------------------------- */

typedef double figure_of(const report_run *);

static double best_accuracy(const report_run *r)
{
    return report_best(r) ? report_best(r)->test_accuracy : NAN;
}
static double best_loss(const report_run *r)
{
    return report_best(r) ? report_best(r)->test_loss : NAN;
}
static double last_test_accuracy(const report_run *r)
{
    return r->n_rows ? r->rows[r->n_rows - 1].test_accuracy : NAN;
}
static double last_test_loss(const report_run *r)
{
    return r->n_rows ? r->rows[r->n_rows - 1].test_loss : NAN;
}
static double last_train_loss(const report_run *r)
{
    return r->n_rows ? r->rows[r->n_rows - 1].train_loss : NAN;
}
static double macro_f1(const report_run *r)
{
    return !strcmp(r->best_of, "accuracy") ? report_number(r->evaluation, "macro_f1") : NAN;
}
static double best_figure(const report_run *r) /* where it is neither accuracy nor loss */
{
    return !strcmp(r->best_of, "accuracy") || !strcmp(r->best_of, "loss") ? NAN : report_best_value(r);
}
static double best_epoch(const report_run *r)
{
    return r->best >= 0 ? r->rows[r->best].epoch : NAN;
}
static double epochs(const report_run *r)
{
    return r->n_rows ? r->rows[r->n_rows - 1].epoch : NAN;
}
static double speed(const report_run *r)
{
    return r->n_rows ? r->rows[r->n_rows - 1].examples_per_second : NAN;
}
static double seconds(const report_run *r)
{
    return r->n_rows ? report_seconds(r) : NAN;
}
static double params(const report_run *r)
{
    return r->params ? (double)r->params : NAN;
}
static double step_memory(const report_run *r)
{
    return r->step_bytes ? (double)r->step_bytes / 1e6 : NAN;
}

static const struct figure {
    const char *title;
    figure_of *of;
    char form;  /* % share, n whole number, s seconds, g */
    int better; /* 1: more, -1: less, 0: neither */
} figures[] = {
    { "Best accuracy", best_accuracy, '%', 1 },
    { "Best figure", best_figure, 'g', -1 },
    { "Loss at best", best_loss, 'g', -1 },
    { "F1", macro_f1, '%', 1 },
    { "Last accuracy", last_test_accuracy, '%', 1 },
    { "Last loss", last_test_loss, 'g', -1 },
    { "Last train loss", last_train_loss, 'g', 0 },
    { "Best epoch", best_epoch, 'n', 0 },
    { "Epochs", epochs, 'n', 0 },
    { "Time", seconds, 's', -1 },
    { "Examples a second", speed, 'n', 1 },
    { "Parameters", params, 'n', 0 },
    { "Memory, MB", step_memory, 'g', 0 },
};
enum { N_FIGURES = sizeof figures / sizeof *figures };

static bool same_text(const js_value *a, const js_value *b)
{
    const char *x = js_string(a), *y = js_string(b);
    return x && y ? !strcmp(x, y) : x == y;
}

/* Whether figures of the test part are of the same. */
static bool comparable(const report_run *a, const report_run *b)
{
    const double x = report_number(js_get(a->config, "dataset"), "test_examples"),
                 y = report_number(js_get(b->config, "dataset"), "test_examples");
    return a->task == b->task && same_text(js_get(a->config, "data"), js_get(b->config, "data")) &&
           (x == y || (isnan(x) && isnan(y)));
}

/* The best of those that it can be compared with, of which there are some. */
static bool is_best(const compared *c, int run, const struct figure *f)
{
    const double x = f->of(&c->runs[run]);
    int others = 0;
    for (int i = 0; i < c->n; i++) {
        const double y = f->of(&c->runs[i]);
        if (i == run || !isfinite(y) || !comparable(&c->runs[i], &c->runs[run]))
            continue;
        if (f->better * y > f->better * x)
            return false;
        others++;
    }
    return others && f->better && isfinite(x);
}

static void put_figure(report_page *p, const compared *c, int run, const struct figure *f)
{
    const double x = f->of(&c->runs[run]);
    if (!isfinite(x)) {
        page_put(p, "<td class=\"n\" data-v=\"\">–</td>");
        return;
    }
    const bool best = is_best(c, run, f);
    page_put(p, "<td class=\"n%s\" data-v=\"%.17g\">", best ? " best" : "", x);
    if (f->form == '%')
        page_percent(p, x, 2);
    else if (f->form == 'n')
        page_count(p, (int64_t)(x + 0.5));
    else if (f->form == 's')
        page_duration(p, x);
    else
        page_put(p, "%.4g", x);
    if (f->of == best_figure) {
        page_put(p, "<br>");
        page_text(p, c->runs[run].best_of);
    }
    page_put(p, best ? "<br><small>best</small></td>" : "</td>");
}

static void put_figures(report_page *p, const compared *c)
{
    bool there[N_FIGURES] = { false };
    page_put(p, "<section>\n<h2>Figures</h2>\n<div class=\"runs\">\n");
    page_table(p, "Figures of the runs", "");
    page_put(
        p, "<thead><tr><th scope=\"col\"><button type=\"button\">Run</button></th><th scope=\"col\"><button "
           "type=\"button\">Model</button></th>");
    for (int k = 0; k < N_FIGURES; k++) {
        for (int i = 0; i < c->n; i++)
            there[k] |= isfinite(figures[k].of(&c->runs[i]));
        if (there[k])
            page_put(p, "<th scope=\"col\" class=\"n\"><button type=\"button\">%s</button></th>",
                     figures[k].title);
    }
    page_put(p, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < c->n; i++) {
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, c->names[i]);
        page_put(p, "</th><td>");
        page_text(p, report_string(c->runs[i].config, "model", "–"));
        page_put(p, "</td>");
        for (int k = 0; k < N_FIGURES; k++)
            if (there[k])
                put_figure(p, c, i, &figures[k]);
        page_put(p, "</tr>\n");
    }
    page_table_end(p);
    page_put(p,
             "</div>\n<p class=\"soft\">Figures are of the test part; memory is that of a training step. "
             "Marked is the best of a "
             "column, among runs of the same task and test part. A click on a head sorts.</p>\n</section>\n");
}

/* ---- curves, by task --------------------------------------------------------------------------------------------- */

static void put_curves(report_page *p, const compared *c)
{
    bool done[MOST_RUNS] = { false };
    page_put(p, "<section>\n<h2>Training</h2>\n");
    for (int i = 0; i < c->n; i++) {
        const report_run *runs[MOST_RUNS];
        const char *names[MOST_RUNS];
        int n = 0;
        for (int k = i; k < c->n; k++)
            if (!done[k] && c->runs[k].task == c->runs[i].task) {
                done[k] = true;
                runs[n] = &c->runs[k];
                names[n++] = c->names[k];
            }
        if (!n)
            continue;
        if (n < c->n)
            page_put(p, "<h3>Task: %s</h3>\n", c->runs[i].task->name);
        report_charts(p, runs, names, n == 1 ? 1 : n);
    }
    page_put(p,
             "<p class=\"soft\">Of several runs, dashed lines are training, solid ones the test part.</p>\n"
             "</section>\n");
}

/* ---- options that differ ----------------------------------------------------------------------------------------- */

typedef struct option_row {
    const char *section, *name;
} option_row;

static const js_value *option_of(const report_run *r, const option_row *o)
{
    return js_get(o->section ? js_get(r->config, o->section) : r->config, o->name);
}

static bool same_value(const js_value *a, const js_value *b)
{
    file_bytes x = { 0 }, y = { 0 };
    bool same = a == b;
    if (a && b && !js_format(a, false, &x) && !js_format(b, false, &y))
        same = x.size == y.size && !memcmp(x.data, y.data, x.size);
    file_bytes_free(&x);
    file_bytes_free(&y);
    return same;
}

static void add_option(const compared *c, option_row *rows, int *n, const char *section, const char *name)
{
    const option_row row = { section, name };
    bool differs = false;
    for (int i = 0; i < *n; i++)
        if (rows[i].section == section && !strcmp(rows[i].name, name))
            return;
    for (int i = 1; i < c->n; i++)
        differs |= !same_value(option_of(&c->runs[0], &row), option_of(&c->runs[i], &row));
    if (differs && *n < MOST_OPTIONS)
        rows[(*n)++] = row;
}

static int find_options(const compared *c, option_row *rows)
{
    static const char *const sections[] = {
        NULL, "model_options", "data_options", "optim_options", "schedule_options", "dataset"
    };
    static const char *const no_option[] = { "class_names", "input_names", "column_names", "class_counts" };
    int n = 0;
    for (size_t s = 0; s < sizeof sections / sizeof *sections; s++)
        for (int i = 0; i < c->n; i++) {
            const js_value *object = sections[s] ? js_get(c->runs[i].config, sections[s]) : c->runs[i].config;
            for (js_member m = js_first(object); m.name; js_next(object, &m)) {
                bool shown = js_kind_of(m.value) != JS_OBJECT;
                for (size_t k = 0; k < sizeof no_option / sizeof *no_option; k++)
                    shown &= strcmp(m.name, no_option[k]) != 0;
                if (shown)
                    add_option(c, rows, &n, sections[s], m.name);
            }
        }
    return n;
}

static void put_value(report_page *p, const js_value *v)
{
    if (js_string(v) && *js_string(v))
        page_cut(p, js_string(v), LETTERS);
    else if (js_string(v) || !v)
        page_put(p, "–");
    else if (js_kind_of(v) != JS_ARRAY)
        report_scalar(p, v);
    for (int64_t i = 0; i < js_count(v) && i < 12; i++) {
        page_put(p, i ? ", " : "");
        report_scalar(p, js_at(v, i));
    }
}

static void put_options(report_page *p, const compared *c)
{
    option_row rows[MOST_OPTIONS];
    const int n = find_options(c, rows);
    page_put(p, "<section>\n<h2>What differs</h2>\n");
    if (!n) {
        page_put(p, "<p>The configurations are the same.</p>\n</section>\n");
        return;
    }
    page_put(p, "<div class=\"runs\">\n");
    page_table(p, "Options that differ", "");
    page_put(p, "<thead><tr><th scope=\"col\">Option</th>");
    for (int i = 0; i < c->n; i++) {
        page_put(p, "<th scope=\"col\">");
        page_text(p, c->names[i]);
        page_put(p, "</th>");
    }
    page_put(p, "</tr></thead>\n<tbody>\n");
    for (int k = 0; k < n; k++) {
        page_put(p, "<tr><th scope=\"row\" class=\"k\">%s%s", rows[k].section ? rows[k].section : "",
                 rows[k].section ? "." : "");
        page_text(p, rows[k].name);
        page_put(p, "</th>");
        for (int i = 0; i < c->n; i++) {
            page_put(p, "<td class=\"v\">");
            put_value(p, option_of(&c->runs[i], &rows[k]));
            page_put(p, "</td>");
        }
        page_put(p, "</tr>\n");
    }
    page_table_end(p);
    page_put(p, "</div>\n<p class=\"soft\">By the names of config.json.</p>\n</section>\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* runs/a/ and runs/b are a and b; where two would be called the same, all have their whole paths. */
static void name_runs(compared *c)
{
    bool twice = false;
    for (int i = 0; i < c->n; i++) {
        const char *folder = c->runs[i].folder, *end = folder + strlen(folder), *from;
        while (end > folder + 1 && end[-1] == '/')
            end--;
        for (from = end; from > folder && from[-1] != '/'; from--)
            ;
        snprintf(c->named[i], NAME, "%.*s", (int)(end - from), from);
        c->names[i] = c->named[i];
        for (int k = 0; k < i; k++)
            twice |= !strcmp(c->named[i], c->named[k]);
    }
    for (int i = 0; i < c->n && twice; i++)
        c->names[i] = c->runs[i].folder;
}

static void put_page(report_page *p, const compared *c)
{
    char title[60];
    snprintf(title, sizeof title, "%d runs compared", c->n);
    page_begin(p, title, script, script_hash);
    page_put(p, "<header>\n<h1>%s</h1>\n<p class=\"soft\">", title);
    for (int i = 0; i < c->n; i++) {
        page_put(p, i ? ", " : "");
        page_text(p, c->runs[i].folder);
    }
    page_put(p, "</p>\n");
    for (int i = 0; i < c->n; i++) {
        if (!*c->runs[i].no_metrics)
            continue;
        page_put(p, "<p class=\"missing\">");
        page_text(p, c->names[i]);
        page_put(p, ": ");
        page_text(p, c->runs[i].no_metrics);
        page_put(p, "</p>\n");
    }
    page_put(p, "</header>\n<main>\n");
    put_figures(p, c);
    put_curves(p, c);
    put_options(p, c);
    page_put(p, "</main>\n<script>");
    page_bytes(p, script, sizeof script - 1);
    page_put(p, "</script>\n");
    page_end(p);
}

static void compare(compared *c, const char *const *folders, int n, const char *path)
{
    report_page p = { .failed = false };
    for (; c->n < n && !tp_pending(); c->n++) {
        c->runs[c->n].folder = folders[c->n];
        if (report_read(&c->runs[c->n]))
            break;
    }
    if (!tp_pending()) {
        name_runs(c);
        put_page(&p, c);
        if (p.failed || tp_pending())
            tp_fail(TP_ERR_MEMORY, "report: no memory for %s", path);
        else
            file_write(path, p.html.data, p.html.size);
    }
    file_bytes_free(&p.html);
    for (int i = 0; i < n; i++)
        report_free(&c->runs[i]);
}

tp_status tp_report_compare(const char *const *run_folders, int n, const char *path)
{
    if (tp_pending())
        return tp_error_pending();
    if (!run_folders || n < 2 || n > MOST_RUNS || !path || !*path)
        return tp_fail(TP_ERR_ARGUMENT, "report: %d runs, 2 to %d and a file are wanted", n, MOST_RUNS);
    for (int i = 0; i < n; i++)
        if (!run_folders[i] || !*run_folders[i])
            return tp_fail(TP_ERR_ARGUMENT, "report: run %d has no folder", i + 1);
    TP_SCOPE;
    tp_rng rng = tp_rng_state();
    compared *c = tp_calloc(sizeof *c);
    if (c)
        compare(c, run_folders, n, path);
    tp_free(c, c ? sizeof *c : 0);
    tp_set_rng_state(rng);
    return tp_error_pending();
}
