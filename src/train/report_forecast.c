/* report_forecast.c - of a run that forecasts: the test part as it was, and as it was forecast, window after window.
 *
 * Layer: train.  Depends on report.h, forecast.h, run.h.  Read next: task_forecast.c, report_svg.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/forecast.h"
#include "train/report.h"
#include "train/run.h"

#include <math.h>

enum { WIDTH = 940, HEIGHT = 300, POINTS = 600, DATE = 40 };

typedef struct picture {
    const series *v;
    int64_t first, n;            /* rows that are drawn */
    double *low, *middle, *high; /* of each; NaN where there is no forecast */
} picture;

/* NaN where the file has none. */
static double truth_at(const picture *g, int64_t i)
{
    const int64_t row = g->first + i, column = series_target(g->v, 0);
    return series_has(g->v, row, column) ? series_value(g->v, row, column, row) : NAN;
}

/* Windows one after the other, each forecast from its own beginning; the first target. */
static tp_status fill(picture *g, const report_run *r)
{
    const setup *s = r->run->setup;
    const series *v = g->v;
    double quantiles[MAX_QUANTILES];
    const int n = forecast_quantiles(s, quantiles), middle = forecast_middle(quantiles, n);
    const int64_t cells = v->horizon * v->n_targets * n;
    double *answers = n ? tp_alloc((size_t)cells * sizeof *answers) : NULL;
    for (int64_t last = v->first + (v->rows - 1 - v->first) % v->horizon;
         answers && last + v->horizon < v->rows;
         last += v->horizon) { /* so that the last one ends with the last row */
        if (last + v->horizon < g->first)
            continue;
        if (forecast_after(s, tp_run_model(r->run), v, last, answers))
            break;
        for (int64_t h = 1; h <= v->horizon; h++) {
            const int64_t i = last + h - g->first;
            const double *q = answers + (h - 1) * v->n_targets * n;
            if (i < 0 || i >= g->n)
                continue;
            g->low[i] = q[0], g->middle[i] = q[middle], g->high[i] = q[n - 1];
        }
    }
    tp_free(answers, answers ? (size_t)cells * sizeof *answers : 0);
    return tp_error_pending();
}

static void put_picture(report_page *p, const picture *g)
{
    const size_t size = (size_t)g->n * sizeof(double), text_size = (size_t)g->n * (DATE + sizeof(char *));
    double *truth = tp_alloc(size);
    const char **names = tp_alloc(text_size);
    for (int64_t i = 0; i < g->n && truth && names; i++) {
        char *text = (char *)(names + g->n) + i * DATE;
        truth[i] = truth_at(g, i);
        series_date(g->v, g->first + i, text, DATE);
        if (!*text)
            snprintf(text, DATE, "%lld", (long long)(g->first + i + 1));
        names[i] = text;
    }
    const tp_plot_series lines[] = {
        { .name = "interval", .y = g->low, .to = g->high, .n = g->n, .kind = TP_PLOT_BAND, .colour = 2 },
        { .name = "truth", .y = truth, .n = g->n, .colour = 1 },
        { .name = "forecast", .y = g->middle, .n = g->n, .colour = 2 },
    };
    const tp_plot_panel panel = { .title = "Truth and forecast",
                                  .x = { .names = names, .n_names = g->n },
                                  .series = lines,
                                  .n_series = 3 };
    page_put(p, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Truth and forecast\">");
    if (!tp_pending())
        page_plot(p, &(tp_plot){ .panels = &panel, .n_panels = 1, .width = WIDTH, .height = HEIGHT });
    page_put(p, "</div>\n<p class=\"soft\">");
    page_text(p, g->v->columns[series_target(g->v, 0)].name);
    page_put(p, ": windows of %lld steps one after the other, each forecast from the rows before it.</p>\n",
             (long long)g->v->horizon);
    tp_free(truth, truth ? size : 0);
    tp_free(names, names ? text_size : 0);
}

void report_forecast(report_page *p, const report_run *r)
{
    TP_SCOPE;
    if (!r->run)
        return;
    page_put(p, "<section>\n<h2>The test part, forecast</h2>\n");
    tp_dataset *d = setup_data(r->run->setup, TP_TEST);
    picture g = { .v = series_of(d) };
    double *room = NULL;
    if (g.v) {
        const int64_t from = g.v->first - g.v->window, most = g.v->rows - (from > 0 ? from : 0);
        g.n = most < POINTS ? most : POINTS;
        g.first = g.v->rows - most;
        room = tp_alloc(3 * (size_t)g.n * sizeof *room);
    }
    for (int64_t i = 0; i < 3 * g.n && room; i++)
        room[i] = NAN;
    g.low = room, g.middle = room ? room + g.n : NULL, g.high = room ? room + 2 * g.n : NULL;
    if (!room || fill(&g, r))
        page_missing(p, "A picture");
    else
        put_picture(p, &g);
    tp_free(room, room ? 3 * (size_t)g.n * sizeof *room : 0);
    page_put(p, "</section>\n");
}
