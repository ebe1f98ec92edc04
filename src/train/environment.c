/* environment.c - what ran a training, and the report's section about it: version, processor, threads, compiler, libraries.
 *
 * It is written down when the run begins or goes on: a report may be made on another machine.
 * Layer: train.  Depends on io/json.h, report.h.  Read next: libraries.c, report.c. */
#include "train/environment.h"

#include "base/error.h"
#include "train/folder.h"
#include "train/report.h"

#include <sys/utsname.h>

static js_value *libraries(void)
{
    js_value *object = js_new_object();
    tp_library one;
    for (int i = 0; tp_library_at(i, &one) && !tp_pending(); i++)
        if (*one.running)
            js_set(object, one.library, js_new_string(one.running));
    return object;
}

tp_status environment_write(const char *folder)
{
    char path[PATH_MAX], system[256] = "";
    struct utsname name;
    if (tp_pending() || folder_path(path, folder, "environment.json"))
        return tp_error_pending();
    if (!uname(&name))
        snprintf(system, sizeof system, "%.60s %.80s %.60s", name.sysname, name.release, name.machine);
    js_value *top = js_new_object();
    js_set(top, "taper", js_new_string(tp_version()));
    js_set(top, "compiler", js_new_string(tp_compiler()));
    js_set(top, "processor", js_new_string(tp_processor()));
    js_set(top, "isa", js_new_string(tp_isa()));
    js_set(top, "threads", js_new_integer(tp_num_threads()));
    js_set(top, "system", js_new_string(system));
    js_set(top, "libraries", libraries());
    if (!tp_pending())
        js_write(path, top);
    js_free(top);
    return tp_error_pending();
}

void report_environment(report_page *p, const report_run *r)
{
    static const char *const rows[][2] = {
        { "taper", "Taper" },         { "compiler", "Compiler" }, { "processor", "Processor" },
        { "isa", "Instruction set" }, { "threads", "Threads" },   { "system", "System" },
    };
    page_put(p, "<section>\n<h2>What ran it</h2>\n");
    if (r->environment) {
        page_table(p, "What ran it", NULL);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            page_put(p, "<tr><th scope=\"row\" class=\"k\">%s</th><td class=\"v\">", rows[i][1]);
            report_scalar(p, js_get(r->environment, rows[i][0]));
            page_put(p, "</td></tr>\n");
        }
        page_put(p, "<tr><th scope=\"row\" class=\"k\">Libraries</th><td class=\"v\">");
        const js_value *all = js_get(r->environment, "libraries");
        int n = 0;
        for (js_member m = js_first(all); m.name; js_next(all, &m)) {
            page_put(p, n++ ? ", " : "");
            page_text(p, m.name);
            page_put(p, " ");
            report_scalar(p, m.value);
        }
        page_put(p, "%s</td></tr>\n", n ? "" : "none");
        page_table_end(p);
        page_put(p, "<p class=\"soft\">When the training began, or last went on.</p>\n");
    } else {
        tp_error_set(TP_ERR_IO, "%s", r->no_environment);
        page_missing(p, "Not known");
    }
    page_put(p, "</section>\n");
}
