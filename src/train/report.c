/* report.c - reads a run folder and writes report.html: the order of the sections, headline, configuration.
 *
 * What is not in the folder is left out with a line that says why; an error of one section never spoils the page.
 * Layer: train.  Depends on io/file.h, io/json.h, taper/train.h.  Read next: report_svg.c, report_command.c. */
#include "train/report.h"

#include "base/error.h"
#include "base/memory.h"
#include "train/task.h"

#include <math.h>
#include <string.h>

enum { MAX_VALUES = 100 };

/* ---- Looking into JSON --------------------------------------------------------------------------------------- */

const char *report_string(const js_value *object, const char *name, const char *otherwise)
{
    const char *text = object ? js_string(js_get(object, name)) : NULL;
    return text ? text : otherwise;
}

double report_number(const js_value *object, const char *name)
{
    double x;
    return object && js_number(js_get(object, name), &x) ? x : NAN;
}

const char *report_class(const report_run *r, int64_t label, char number[24])
{
    const char *name = js_string(js_at(js_get(r->evaluation, "class_names"), label));
    if (name && *name)
        return name;
    snprintf(number, 24, "%lld", (long long)label);
    return number;
}

/* ---- Reading the folder ---------------------------------------------------------------------------------------- */

static char *path_in(const report_run *r, const char *name, size_t *size)
{
    *size = strlen(r->folder) + strlen(name) + 2;
    char *path = tp_alloc(*size);
    if (path)
        snprintf(path, *size, "%s/%s", r->folder, name);
    return path;
}

/* Takes the pending error as the reason; but without memory there is no report. */
static void take_reason(report_run *r, char why[WHY])
{
    r->no_memory |= tp_error_take(why, WHY) == TP_ERR_MEMORY;
}

static js_value *read_object(report_run *r, const char *name, char why[WHY])
{
    size_t size;
    char *path = path_in(r, name, &size);
    js_value *v = path ? js_read(path) : NULL;
    if (v && js_kind_of(v) != JS_OBJECT) {
        tp_fail(TP_ERR_FORMAT, "%s: %s where an object is wanted", path, js_kind_name(js_kind_of(v)));
        js_free(v);
        v = NULL;
    }
    tp_free(path, size);
    if (!v)
        take_reason(r, why);
    return v;
}

static void read_metrics(report_run *r)
{
    tp_history_read(r->folder, &r->history);
    r->rows = r->history.epochs, r->n_rows = r->history.n;
    for (int64_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].is_best)
            r->best = i;
    if (tp_pending())
        take_reason(r, r->no_metrics);
    else if (!r->n_rows)
        snprintf(r->no_metrics, sizeof r->no_metrics, "metrics.jsonl is empty");
    bool accuracy = isfinite(report_number(r->evaluation, "accuracy"));
    for (int64_t i = 0; i < r->n_rows; i++)
        accuracy |= isfinite(r->rows[i].test_accuracy) || isfinite(r->rows[i].train_accuracy);
    r->regression = !accuracy && (r->n_rows || r->evaluation);
    const js_value *dataset = r->config ? js_get(r->config, "dataset") : NULL;
    r->task = task_for(report_string(r->config, "model", ""), !r->regression,
                       report_number(dataset, "targets") > 1 ? 2 : 1);
    r->best_of = r->task->best_of;
}

tp_status report_read(report_run *r)
{
    r->best = -1;
    r->config = read_object(r, "config.json", r->no_config);
    r->evaluation = read_object(r, "evaluation.json", r->no_evaluation);
    r->times = read_object(r, "layer_times.json", r->no_times);
    r->environment = read_object(r, "environment.json", r->no_environment);
    read_metrics(r);
    if (r->no_memory)
        return tp_fail(TP_ERR_MEMORY, "report: no memory to read %s", r->folder);
    if (!r->config && !r->evaluation && !r->n_rows)
        return tp_fail(TP_ERR_IO, "%s holds no run: %s", r->folder, r->no_config);
    r->run = tp_run_open(r->folder);
    if (!r->run || tp_pending())
        take_reason(r, r->no_run);
    else
        report_measure(r);
    return TP_OK;
}

void report_free(report_run *r)
{
    tp_history_free(&r->history);
    js_free(r->config);
    js_free(r->evaluation);
    js_free(r->times);
    js_free(r->environment);
}

/* ---- Headline -------------------------------------------------------------------------------------------------- */

const report_row *report_best(const report_run *r)
{
    return r->best >= 0 ? &r->rows[r->best] : r->n_rows ? &r->rows[r->n_rows - 1] : NULL;
}

double report_best_value(const report_run *r)
{
    const report_row *best = report_best(r);
    const bool by_accuracy = !strcmp(r->best_of, "accuracy"), by_loss = !strcmp(r->best_of, "loss");
    const double value = best && by_accuracy ? best->test_accuracy : best && by_loss ? best->test_loss : NAN;
    if (isfinite(value))
        return value;
    return report_number(by_accuracy || by_loss ? r->evaluation : js_get(r->evaluation, "figures"),
                         r->best_of);
}

double report_seconds(const report_run *r)
{
    double seconds = 0;
    for (int64_t i = 0; i < r->n_rows; i++)
        seconds += isfinite(r->rows[i].seconds) ? r->rows[i].seconds : 0;
    return seconds;
}

static void put_best(report_page *p, const report_run *r)
{
    const double value = report_best_value(r);
    page_put(p, "<div><div class=\"big\">");
    if (!strcmp(r->best_of, "accuracy"))
        page_percent(p, value, 2);
    else if (isfinite(value))
        page_put(p, "%.4g", value);
    page_put(p, "</div><div class=\"soft\">best test ");
    page_text(p, r->best_of);
    if (r->best >= 0)
        page_put(p, ", epoch %g", r->rows[r->best].epoch);
    if (!strcmp(r->task->name, "language") && isfinite(value))
        page_put(p, "<br>%.3f bits a %s, perplexity %.2f", value / log(2), report_unit(r), exp(value));
    page_put(p, "</div></div>\n");
}

/* Each where there is such a number. */
static void put_amount(report_page *p, const char *name, double value, const char *unit)
{
    if (!(value > 0))
        return;
    page_put(p, "<div><dt>%s</dt><dd>", name);
    if (!strcmp(unit, "s"))
        page_duration(p, value);
    else if (!strcmp(unit, "%"))
        page_percent(p, value, 2);
    else if (!strcmp(unit, "n"))
        page_count(p, (int64_t)(value + 0.5));
    else if (!strcmp(unit, "B"))
        page_amount(p, value), page_put(p, "B");
    else
        page_put(p, "%.4g", value);
    page_put(p, "</dd></div>\n");
}

static void put_amounts(report_page *p, const report_run *r)
{
    static const report_row none = { .epoch = NAN };
    const report_row *best = report_best(r), *last = r->n_rows ? &r->rows[r->n_rows - 1] : &none;
    const double of = report_number(r->config, "epochs");
    page_put(p, "<dl>\n");
    if (best && strcmp(r->best_of, "loss") != 0)
        put_amount(p, "Test loss", best->test_loss, "");
    if (!strcmp(r->best_of, "accuracy"))
        put_amount(p, "F1, mean of classes", report_number(r->evaluation, "macro_f1"), "%");
    put_amount(p, "Train loss, last", last->train_loss, "");
    if (best != last)
        put_amount(p, "Test accuracy, last", last->test_accuracy, "%");
    if (r->n_rows) {
        page_put(p, "<div><dt>Epochs</dt><dd>%g", last->epoch);
        if (of > last->epoch)
            page_put(p, " of %g", of);
        page_put(p, "</dd></div>\n");
    }
    put_amount(p, "Parameters", (double)r->params, "n");
    put_amount(p, "Time", report_seconds(r), "s");
    put_amount(p, "Examples a second", last->examples_per_second, "n");
    put_amount(p, "Memory of a step", (double)r->step_bytes, "B");
    page_put(p, "</dl>\n");
}

void report_headline(report_page *p, const report_run *r)
{
    const tp_model_info *info = tp_model_find(report_string(r->config, "model", ""));
    page_put(p, "<header>\n<h1>");
    page_text(p, info ? info->title : report_string(r->config, "model", "A run"));
    page_put(p, " <span class=\"soft\">on</span> ");
    page_text(p, report_string(r->config, "data", "unknown data"));
    page_put(p, "</h1>\n<p class=\"soft\">");
    page_text(p, r->folder);
    page_put(p, "</p>\n<div class=\"head\">\n");
    put_best(p, r);
    put_amounts(p, r);
    page_put(p, "</div>\n</header>\n<main>\n");
}

/* ---- Configuration --------------------------------------------------------------------------------------------- */

typedef struct config_name {
    char text[256];
    size_t size;
} config_name;

void report_scalar(report_page *p, const js_value *v)
{
    int64_t n;
    double x;
    if (js_string(v))
        page_text(p, js_string(v));
    else if (js_integer(v, &n))
        page_put(p, "%lld", (long long)n);
    else if (js_number(v, &x))
        page_put(p, "%.10g", x);
    else if (js_kind_of(v) == JS_BOOL)
        page_put(p, js_true(v) ? "true" : "false");
    else
        page_put(p, "–");
}

/* 0, false, null, "" or a list of nothing: what most fields are. */
static bool is_nothing(const js_value *v)
{
    double x;
    const char *text = js_string(v);
    if (js_number(v, &x))
        return x == 0;
    return text ? !*text : !js_true(v) && !js_count(v);
}

/* A row of the table: a value, or a list of them with commas. */
static void put_values(report_page *p, const config_name *name, const js_value *v)
{
    if (is_nothing(v))
        return;
    page_put(p, "<tr><th scope=\"row\" class=\"k\">");
    page_text(p, name->text);
    page_put(p, "</th><td class=\"v\">");
    if (js_kind_of(v) != JS_ARRAY)
        report_scalar(p, v);
    for (int64_t i = 0; i < js_count(v) && i <= MAX_VALUES; i++) {
        page_put(p, i ? ", " : "");
        if (i < MAX_VALUES)
            report_scalar(p, js_at(v, i));
        else
            page_put(p, "…");
    }
    page_put(p, "</td></tr>\n");
}

static bool is_nested(const js_value *v) /* a list that has lists or objects in it */
{
    for (int64_t i = 0; js_kind_of(v) == JS_ARRAY && i < js_count(v); i++)
        if (js_kind_of(js_at(v, i)) == JS_ARRAY || js_kind_of(js_at(v, i)) == JS_OBJECT)
            return true;
    return false;
}

static void put_fields(report_page *p, config_name *name, const js_value *v);

static void put_field(report_page *p, config_name *name, const char *field, const js_value *v)
{
    size_t before = name->size;
    int n = snprintf(name->text + before, sizeof name->text - before, "%s%s", before ? "." : "", field);
    name->size = n > 0 && before + (size_t)n < sizeof name->text ? before + (size_t)n : sizeof name->text - 1;
    put_fields(p, name, v);
    name->size = before;
    name->text[before] = 0;
}

static void put_fields(report_page *p, config_name *name, const js_value *v)
{
    if (js_kind_of(v) == JS_OBJECT) {
        for (js_member m = js_first(v); m.name; js_next(v, &m))
            put_field(p, name, m.name, m.value);
    } else if (is_nested(v)) {
        for (int64_t i = 0; i < js_count(v) && i < MAX_VALUES; i++) {
            char number[24];
            snprintf(number, sizeof number, "%lld", (long long)i);
            put_field(p, name, number, js_at(v, i));
        }
    } else {
        put_values(p, name, v);
    }
}

void report_config(report_page *p, const report_run *r)
{
    page_put(p, "<section>\n<h2>Configuration</h2>\n");
    if (r->config) {
        config_name name = { 0 };
        page_table(p, "Configuration", NULL);
        put_fields(p, &name, r->config);
        page_table_end(p);
        page_put(p, "<p class=\"soft\">All other fields are 0, false or empty.</p>\n");
    } else {
        tp_error_set(TP_ERR_IO, "%s", r->no_config);
        page_missing(p, "No configuration");
    }
    page_put(p, "</section>\n");
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

static void report_of_task(report_page *p, const report_run *r)
{
    if (r->task->report)
        r->task->report(p, r);
}

/* What the task measures of the test part. */
static void report_figures(report_page *p, const report_run *r)
{
    const js_value *figures = js_get(r->evaluation, "figures");
    if (!js_first(figures).name)
        return;
    page_put(p, "<section>\n<h2>Measured on the test part</h2>\n<div class=\"narrow\">\n");
    page_table(p, "Measured on the test part", NULL);
    for (js_member m = js_first(figures); m.name; js_next(figures, &m)) {
        double value;
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, m.name);
        if (js_number(m.value, &value))
            page_put(p, "</th><td class=\"n\">%.4g</td></tr>\n", value);
        else
            page_put(p, "</th><td class=\"n\">–</td></tr>\n");
    }
    page_table_end(p);
    page_put(p, "</div>\n</section>\n");
}

static void put_page(report_page *p, const report_run *r)
{
    static const struct {
        void (*put)(report_page *, const report_run *);
        bool of_classes; /* and of pictures: a task with a section of its own has no need of it */
    } sections[] = {
        { report_headline },       { report_curves },          { report_figures },
        { report_of_task },        { report_confusion, true }, { report_by_class, true },
        { report_mistakes, true }, { report_augmented, true }, { report_filters, true },
        { report_times },          { report_model },           { report_config },
        { report_environment },    { report_again },           { report_commands },
    };
    char title[300];
    snprintf(title, sizeof title, "%.120s on %.120s", report_string(r->config, "model", "A run"),
             report_string(r->config, "data", "unknown data"));
    page_begin(p, title, NULL, NULL);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!r->task->report || !sections[i].of_classes)
            sections[i].put(p, r);
        if (tp_pending() && tp_error_take(NULL, 0) == TP_ERR_MEMORY)
            p->failed = true;
    }
    page_put(p, "</main>\n");
    page_end(p);
}

tp_status tp_report_write(const char *run_folder)
{
    if (tp_pending())
        return tp_error_pending();
    if (!run_folder || !*run_folder)
        return tp_fail(TP_ERR_ARGUMENT, "report: a run folder is wanted");
    TP_SCOPE;
    tp_rng rng =
        tp_rng_state(); /* making the network draws numbers, and the caller may be in the middle of training */
    report_run r = { .folder = run_folder };
    report_page p = { .failed = false };
    size_t size = 0;
    char *path = NULL;
    if (!report_read(&r)) {
        p.failed = r.no_memory;
        put_page(&p, &r);
        path = path_in(&r, "report.html", &size);
        if (p.failed)
            tp_fail(TP_ERR_MEMORY, "report: no memory for the page of %s", run_folder);
        else if (path)
            file_write(path, p.html.data, p.html.size);
    }
    tp_free(path, size);
    file_bytes_free(&p.html);
    report_free(&r);
    tp_set_rng_state(rng);
    return tp_error_pending();
}
