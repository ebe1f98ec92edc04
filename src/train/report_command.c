/* report_command.c - commands that use a run, and the one that makes it again.
 *
 * `taper train MODEL key=value...` takes the names of config.json as keys (docs/config.md), so this file alone says how a run was
 * made.  What the data decide is left out, as are the values that stand there when nothing is said.
 * Layer: train.  Depends on report.h, task.h, base/number.h.  Read next: config_file.c. */
#include "base/number.h"
#include "train/report.h"
#include "train/task.h"

#include <limits.h>
#include <math.h>
#include <string.h>

void report_commands(report_page *p, const report_run *r)
{
    page_put(p, "<section>\n<h2>Going on from here</h2>\n<pre tabindex=\"0\">");
    const js_value *dataset = js_get(r->config, "dataset");
    const char *verb, *words;
    task_command(r->task, (int)js_count(js_get(dataset, "shape")), &verb, &words);
    const struct {
        const char *verb, *rest, *what;
    } lines[] = { { "train --resume", NULL, "go on training; --epochs N for more" },
                  { "eval", NULL, "measure it on the test data" },
                  { verb, words, "use it" },
                  { "summary", NULL, "its layers" },
                  { "report", NULL,
                    "write this page anew; with other runs and -o compared.html, compare them" } };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!lines[i].verb)
            continue;
        page_put(p, "taper %s ", lines[i].verb);
        page_shell_word(p, r->folder);
        page_put(p, "%s%s  # %s\n", lines[i].rest ? " " : "", lines[i].rest ? lines[i].rest : "",
                 lines[i].what);
    }
    page_put(p, "</pre>\n</section>\n");
}

/* ---- the run again ----------------------------------------------------------------------------------------------- */

/* What no option sets, and what options set to what is there anyway. */
static bool goes_without_saying(const js_value *config, const char *section, const char *name,
                                const js_value *v)
{
    static const char *const never[] = {
        "taper",  "format",   "model", "steps",   "dataset", "classes", "features",
        "inputs", "channels", "kind",  "scaling", "total",   "warmup",  "maximize",
    };
    static const char *const usual[][2] = { { "optim", "adam" },
                                            { "schedule", "constant" },
                                            { "dtype", "f32" } };
    int64_t one = 0;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (!strcmp(name, never[i]))
            return true;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!strcmp(name, usual[i][0]) && js_string(v) && !strcmp(js_string(v), usual[i][1]))
            return true;
    if (!strcmp(name, "image_size")) /* asked for where the pictures of a folder differ in size */
        return !section || strcmp(section, "model_options") != 0 ||
               !js_true(js_get(js_get(config, "dataset"), "cropped"));
    return (!strcmp(name, "accumulate") || !strcmp(name, "workers") || !strcmp(name, "beam")) &&
           js_integer(v, &one) && one == 1;
}

static void put_number(report_page *p, const js_value *v)
{
    int64_t whole;
    double x;
    char text[32];
    if (js_integer(v, &whole)) {
        page_put(p, "%lld", (long long)whole);
    } else if (js_number(v, &x)) {
        print_number_shortest(text, x);
        page_put(p, "%s", x == 0 ? "0" : text);
    }
}

/* Zeros are what is not said, but -0.0 and a seed. */
static bool is_said(const char *section, const char *name, const js_value *v)
{
    double x;
    const char *text = js_string(v);
    if (js_number(v, &x))
        return x != 0 || signbit(x) || (!section && !strcmp(name, "seed"));
    return text ? *text != 0 : js_true(v) || js_count(v) > 0;
}

static void put_key(report_page *p, const char *section, const char *name, const js_value *v)
{
    const char *text = js_string(v);
    double x;
    if (!strcmp(name, "csv_header")) { /* 1, or -1: there is none */
        page_put(p, " \\\n  header=%s", js_number(v, &x) && x > 0 ? "yes" : "no");
        return;
    }
    page_put(p, " \\\n  %s%s%s=", section ? section : "", section ? "." : "", name);
    if (text && !strcmp(text, "\t"))
        page_put(p, "tab");
    else if (text)
        page_shell_word(p, text);
    else if (js_true(v))
        page_put(p, "true");
    else if (!js_count(v))
        put_number(p, v);
    for (int64_t i = 0; i < js_count(v); i++) {
        page_put(p, i ? "," : "");
        put_number(p, js_at(v, i));
    }
}

static void put_keys(report_page *p, const js_value *config, const char *section)
{
    const js_value *object = section ? js_get(config, section) : config;
    for (js_member m = js_first(object); m.name; js_next(object, &m)) {
        if (js_kind_of(m.value) == JS_OBJECT && !section && strcmp(m.name, "dataset") != 0 &&
            strcmp(m.name, "steps") != 0)
            put_keys(p, config, m.name);
        else if (is_said(section, m.name, m.value) && !goes_without_saying(config, section, m.name, m.value))
            put_key(p, section, m.name, m.value);
    }
}

void report_again(report_page *p, const report_run *r)
{
    char out[PATH_MAX];
    if (!js_string(js_get(r->config, "model")))
        return;
    page_put(p, "<section>\n<h2>The same run again</h2>\n<pre class=\"copy\" tabindex=\"0\">taper train ");
    page_shell_word(p, report_string(r->config, "model", ""));
    put_keys(p, r->config, NULL);
    snprintf(out, sizeof out, "%s", r->folder);
    while (strlen(out) > 1 && out[strlen(out) - 1] == '/')
        out[strlen(out) - 1] = 0;
    page_put(p, " \\\n  out=");
    snprintf(out + strlen(out), sizeof out - strlen(out), "-again");
    page_shell_word(p, out);
    page_put(p, "</pre>\n<p class=\"soft\">One click marks all of it. On the same data, by the same version "
                "on the same "
                "instruction set, it learns the same bits, on any number of threads.</p>\n</section>\n");
}
