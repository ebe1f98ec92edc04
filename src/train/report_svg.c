/* report_svg.c - the curves: loss, accuracy, learning rate and throughput by epoch, as inline SVG.
 *
 * A point's values show as its <title> when the pointer rests there; the best epoch has a dashed line.
 * Layer: train.  Depends on report.h, plot/plot.h.  Read next: report_classes.c. */
#include "base/error.h"
#include "base/memory.h"
#include "plot/plot.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

enum { MOST_ROWS = 200 };

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
    size_t line[2]; /* of report_row; the second 0: there is one line */
    bool percent, from_zero;
} curves;

static const curves all[] = {
    { "Loss", { offsetof(report_row, train_loss), offsetof(report_row, test_loss) }, .from_zero = true },
    { "Accuracy",
      { offsetof(report_row, train_accuracy), offsetof(report_row, test_accuracy) },
      .percent = true },
    { "Learning rate", { offsetof(report_row, lr) }, .from_zero = true },
    { "Training examples a second", { offsetof(report_row, examples_per_second) }, .from_zero = true },
};
enum { N_CURVES = sizeof all / sizeof *all };

static double value_of(const report_row *row, size_t field)
{
    return *(const double *)((const char *)row + field);
}

static bool fill(double *values, const report_run *r, size_t field)
{
    bool any = false;
    for (int64_t i = 0; i < r->n_rows; i++) {
        values[i] = value_of(&r->rows[i], field);
        any |= isfinite(values[i]);
    }
    return any;
}

/* Of one run train and test have their colours; of several each run has one, and its training is dashed. */
static void put_curves(report_page *p, const curves *g, const report_run *const *runs,
                       const char *const *names, int n)
{
    static const char *const parts[] = { "train", "test" };
    const int lines = g->line[1] ? 2 : 1, n_series = n * lines;
    const bool alone = n == 1;
    const report_run *r = runs[0];
    int64_t points = 0;
    for (int i = 0; i < n; i++)
        points += runs[i]->n_rows;
    const size_t size = (size_t)n_series * sizeof(tp_plot_series), room = 3 * (size_t)points * sizeof(double);
    tp_plot_series *series = tp_calloc(size);
    double *numbers = points ? tp_calloc(room) : NULL, *next = numbers;
    bool any = false;
    for (int i = 0; i < n && series && numbers; i++) {
        const double *epochs = next;
        fill(next, runs[i], offsetof(report_row, epoch));
        next += runs[i]->n_rows;
        for (int k = 0; k < lines; k++, next += runs[i]->n_rows) {
            const bool there = fill(next, runs[i], g->line[k]), last = k == lines - 1;
            any |= there;
            series[i * lines + k] =
                (tp_plot_series){ .name = !alone      ? (last && there ? names[i] : NULL)
                                          : lines > 1 ? parts[k]
                                                      : NULL,
                                  .x = epochs,
                                  .y = next,
                                  .n = there ? runs[i]->n_rows : 0,
                                  .kind = !alone && runs[i]->n_rows == 1 ? TP_PLOT_POINTS : TP_PLOT_LINE,
                                  .colour = alone ? k + 1 : i % TP_PLOT_COLOURS + 1,
                                  .dashed = !alone && !last };
        }
    }
    const tp_plot_panel panel = { .title = g->title,
                                  .x = { .name = "epoch", .whole = true },
                                  .y = { .percent = g->percent, .from_zero = g->from_zero },
                                  .series = series,
                                  .n_series = n_series,
                                  .marker = alone && r->best >= 0 ? r->rows[r->best].epoch : 0,
                                  .marker_name = alone && r->best >= 0 ? "best" : NULL,
                                  .tells = alone };
    if (any && !tp_pending())
        page_plot(p, &(tp_plot){ .panels = &panel, .n_panels = 1, .height = alone ? 0 : 300 + 6 * n });
    tp_free(series, series ? size : 0);
    tp_free(numbers, numbers ? room : 0);
}

void report_charts(report_page *p, const report_run *const *runs, const char *const *names, int n)
{
    page_put(p, "<div class=\"grid\">\n");
    for (int i = 0; i < N_CURVES; i++)
        put_curves(p, &all[i], runs, names, n);
    page_put(p, "</div>\n");
}

/* For who cannot see the curves, and to be copied: the last epochs, a row each. */
static void put_numbers(report_page *p, const report_run *r)
{
    char heads[200] = "#Epoch";
    bool there[N_CURVES][2] = { { false } };
    for (int k = 0; k < 2 * N_CURVES; k++) {
        const curves *g = &all[k / 2];
        for (int64_t i = 0; i < r->n_rows && g->line[k % 2]; i++)
            there[k / 2][k % 2] |= isfinite(value_of(&r->rows[i], g->line[k % 2]));
        if (there[k / 2][k % 2])
            snprintf(heads + strlen(heads), sizeof heads - strlen(heads), "|#%s%s", g->title,
                     !g->line[1] ? ""
                     : k % 2     ? ", test"
                                 : ", train");
    }
    page_put(p, "<details><summary>The same in numbers</summary>\n");
    page_table(p, "Figures of each epoch", heads);
    for (int64_t i = r->n_rows > MOST_ROWS ? r->n_rows - MOST_ROWS : 0; i < r->n_rows; i++) {
        page_put(p, "<tr><th scope=\"row\" class=\"n\">%g%s</th>", r->rows[i].epoch,
                 i == r->best ? ", best" : "");
        for (int k = 0; k < 2 * N_CURVES; k++) {
            if (!there[k / 2][k % 2])
                continue;
            const double x = value_of(&r->rows[i], all[k / 2].line[k % 2]);
            page_put(p, "<td class=\"n\">");
            if (all[k / 2].percent || !isfinite(x))
                page_percent(p, x, 2);
            else
                page_put(p, "%.5g", x);
            page_put(p, "</td>");
        }
        page_put(p, "</tr>\n");
    }
    page_table_end(p);
    page_put(p, "</details>\n");
}

void report_curves(report_page *p, const report_run *r)
{
    page_put(p, "<section>\n<h2>Training</h2>\n");
    if (*r->no_metrics) {
        tp_error_set(TP_ERR_IO, "%s", r->no_metrics);
        page_missing(p, r->n_rows ? "Some of the curves are missing" : "No curves");
    }
    if (r->n_rows) {
        report_charts(p, &r, NULL, 1);
        put_numbers(p, r);
    }
    page_put(p, "</section>\n");
}
