/* report_svg.c - the curves: loss, accuracy, learning rate and throughput by epoch, as inline SVG.
 *
 * A point's values show as its <title> when the pointer rests there; the best epoch has a dashed line.
 * Layer: train.  Depends on report.h, plot/plot.h.  Read next: report_classes.c. */
#include "base/error.h"
#include "base/memory.h"
#include "plot/plot.h"
#include "train/report.h"

#include <math.h>

void page_plot(report_page *p, const tp_plot *plot)
{
    plot_out o = { 0 };
    plot_svg(&o, plot, false);
    page_put(p, "<figure>");
    page_bytes(p, o.text, (size_t)o.size);
    page_put(p, "</figure>\n");
    plot_free(&o);
}

typedef struct curves {
    const char *title;
    size_t line[2]; /* of report_row; the second 0: there is one line, without a name */
    bool percent, from_zero;
} curves;

static double *values_of(const report_run *r, size_t field, bool *any)
{
    double *values = tp_alloc((size_t)r->n_rows * sizeof *values);
    for (int64_t i = 0; i < r->n_rows && values; i++) {
        values[i] = *(const double *)((const char *)&r->rows[i] + field);
        *any |= isfinite(values[i]);
    }
    return values;
}

static void put_curves(report_page *p, const curves *g, const report_run *r)
{
    static const char *const names[] = { "train", "test" };
    const size_t size = (size_t)r->n_rows * sizeof(double);
    const int n = g->line[1] ? 2 : 1;
    bool any = false, all = false;
    double *epochs = values_of(r, offsetof(report_row, epoch), &all), *values[2] = { NULL };
    tp_plot_series series[2] = { 0 };
    for (int k = 0; k < n; k++) {
        values[k] = values_of(r, g->line[k], &any);
        series[k] =
            (tp_plot_series){ .name = n > 1 ? names[k] : NULL, .x = epochs, .y = values[k], .n = r->n_rows };
    }
    tp_plot_panel panel = { .title = g->title,
                            .x = { .name = "epoch", .whole = true },
                            .y = { .percent = g->percent, .from_zero = g->from_zero },
                            .series = series,
                            .n_series = n,
                            .marker = r->best >= 0 ? r->rows[r->best].epoch : 0,
                            .marker_name = r->best >= 0 ? "best" : NULL,
                            .tells = true };
    if (any && !tp_pending())
        page_plot(p, &(tp_plot){ .panels = &panel, .n_panels = 1 });
    for (int k = 0; k < n; k++)
        tp_free(values[k], size);
    tp_free(epochs, size);
}

void report_curves(report_page *p, const report_run *r)
{
    static const curves all[] = {
        { "Loss", { offsetof(report_row, train_loss), offsetof(report_row, test_loss) }, .from_zero = true },
        { "Accuracy",
          { offsetof(report_row, train_accuracy), offsetof(report_row, test_accuracy) },
          .percent = true },
        { "Learning rate", { offsetof(report_row, lr) }, .from_zero = true },
        { "Training examples a second", { offsetof(report_row, examples_per_second) }, .from_zero = true },
    };
    page_put(p, "<section>\n<h2>Training</h2>\n");
    if (*r->no_metrics) {
        tp_error_set(TP_ERR_IO, "%s", r->no_metrics);
        page_missing(p, r->n_rows ? "Some of the curves are missing" : "No curves");
    }
    if (r->n_rows) {
        page_put(p, "<div class=\"grid\">\n");
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            put_curves(p, &all[i], r);
        page_put(p, "</div>\n");
    }
    page_put(p, "</section>\n");
}
