/* report_times.c - where the time goes: layers of a training step, by kind and the slowest ones.
 *
 * The numbers are those of layer_times.json.
 * Layer: train.  Depends on report.h.  Read next: layer_times.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLOWEST = 20, MOST_ROWS = 100000 };

typedef struct layer_row {
    const char *name, *type;
    double forward, backward;
    int64_t n; /* layers that were added up */
} layer_row;

static int by_time(const void *a, const void *b)
{
    const layer_row *x = a, *y = b;
    double d = y->forward + y->backward - x->forward - x->backward;
    return d > 0 ? 1 : d < 0 ? -1 : strcmp(x->name, y->name);
}

static double seconds_of(const js_value *v, const char *name)
{
    double x = report_number(v, name);
    return x > 0 ? x : 0;
}

/* Rows of the file; then, behind them, one for each type. */
static int64_t read_rows(const js_value *layers, layer_row *rows, int64_t n)
{
    int64_t types = 0;
    for (int64_t i = 0; i < n; i++) {
        const js_value *v = js_at(layers, i);
        rows[i] = (layer_row){ report_string(v, "name", ""), report_string(v, "type", ""),
                               seconds_of(v, "forward"), seconds_of(v, "backward"), 1 };
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        while (k < types && strcmp(rows[n + k].type, rows[i].type) != 0)
            k++;
        if (k == types)
            rows[n + types++] = (layer_row){ .name = rows[i].type, .type = rows[i].type };
        rows[n + k].forward += rows[i].forward;
        rows[n + k].backward += rows[i].backward;
        rows[n + k].n++;
    }
    return types;
}

static void put_time(report_page *p, double seconds)
{
    double ms = 1e3 * seconds;
    page_put(p, "<td class=\"n\">%.*f</td>", ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
}

static void put_rows(report_page *p, const char *title, const layer_row *rows, int64_t n, double all,
                     bool types)
{
    char heads[120];
    snprintf(heads, sizeof heads, "%s|%s|#Forward, ms|#Backward, ms|#Share|-", title,
             types ? "#Layers" : "Type");
    page_table(p, title, heads);
    for (int64_t i = 0; i < n; i++) {
        double share = (rows[i].forward + rows[i].backward) / all;
        page_put(p, "<tr><th scope=\"row\">");
        page_text(p, *rows[i].name ? rows[i].name : "(network)");
        page_put(p, types ? "</th><td class=\"n\">" : "</th><td>");
        if (types)
            page_count(p, rows[i].n);
        else
            page_text(p, rows[i].type);
        page_put(p, "</td>");
        put_time(p, rows[i].forward);
        put_time(p, rows[i].backward);
        page_put(p, "<td class=\"n\">");
        page_percent(p, share, 1);
        page_put(p, "</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td></tr>\n", 100 * share);
    }
    page_table_end(p);
}

static void put_times(report_page *p, const report_run *r, layer_row *rows, int64_t n)
{
    double forward = 0, backward = 0;
    int64_t types = read_rows(js_get(r->times, "layers"), rows, n);
    for (int64_t i = 0; i < n; i++) {
        forward += rows[i].forward;
        backward += rows[i].backward;
    }
    double all = forward + backward;
    page_put(p,
             "<p class=\"soft\">Step %.0f of the training, a batch of %.0f: %.3g ms forward, %.3g ms "
             "backward. Each layer's own "
             "time, without its children's; activations are not fused in this step.</p>\n",
             report_number(r->times, "step"), report_number(r->times, "batch"), 1e3 * forward,
             1e3 * backward);
    qsort(rows + n, (size_t)types, sizeof *rows, by_time);
    qsort(rows, (size_t)n, sizeof *rows, by_time);
    put_rows(p, "Kind", rows + n, types, all > 0 ? all : 1, true);
    page_put(p, "<p></p>\n");
    put_rows(p, n > SLOWEST ? "The slowest layers" : "Layer", rows, n > SLOWEST ? SLOWEST : n,
             all > 0 ? all : 1, false);
}

void report_times(report_page *p, const report_run *r)
{
    int64_t n = js_count(js_get(r->times, "layers"));
    if (!r->run && !r->times)
        return;
    page_put(p, "<section>\n<h2>Where the time goes</h2>\n");
    n = n > MOST_ROWS ? MOST_ROWS : n;
    layer_row *rows = n ? tp_calloc((size_t)(2 * n) * sizeof *rows) : NULL;
    if (rows)
        put_times(p, r, rows, n);
    else {
        if (!tp_pending())
            tp_error_set(TP_ERR_IO, "%s", r->times ? "layer_times.json has no layers" : r->no_times);
        page_missing(p, "No times of layers");
    }
    tp_free(rows, (size_t)(2 * n) * sizeof *rows);
    page_put(p, "</section>\n");
}
