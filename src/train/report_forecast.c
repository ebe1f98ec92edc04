/* report_forecast.c - of a run that forecasts: the test part as it was, and as it was forecast, window after window.
 *
 * Layer: train.  Depends on report.h, forecast.h, run.h.  Read next: task_forecast.c, report_svg.c. */
#include "base/error.h"
#include "base/memory.h"
#include "train/forecast.h"
#include "train/report.h"
#include "train/run.h"

#include <math.h>

enum { WIDTH = 940, HEIGHT = 300, LEFT = 58, RIGHT = 14, TOP = 20, BOTTOM = 40, POINTS = 600 };

typedef struct picture {
    const series *v;
    int64_t first, n;            /* rows that are drawn */
    double *low, *middle, *high; /* of each; NaN where there is no forecast */
    double y0, y1;
} picture;

/* NaN where the file has none. */
static double truth_at(const picture *g, int64_t i)
{
    const int64_t row = g->first + i, column = series_target(g->v, 0);
    return series_has(g->v, row, column) ? series_value(g->v, row, column, row) : NAN;
}

static double at_x(const picture *g, int64_t i)
{
    return LEFT + (double)i / (double)(g->n > 1 ? g->n - 1 : 1) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const picture *g, double y)
{
    return HEIGHT - BOTTOM - (y - g->y0) / (g->y1 - g->y0) * (HEIGHT - TOP - BOTTOM);
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

static void span(picture *g)
{
    g->y0 = INFINITY, g->y1 = -INFINITY;
    for (int64_t i = 0; i < g->n; i++) {
        g->y0 = fmin(g->y0, fmin(truth_at(g, i), g->low[i]));
        g->y1 = fmax(g->y1, fmax(truth_at(g, i), g->high[i]));
    }
    if (!(g->y1 > g->y0))
        g->y0 -= 1, g->y1 = g->y0 + 2;
}

static void put_axes(report_page *p, const picture *g)
{
    for (int i = 0; i <= 4; i++) {
        const double value = g->y0 + (g->y1 - g->y0) * i / 4, y = at_y(g, value);
        page_put(p,
                 "<line class=\"grid-line\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%d\" "
                 "y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
                 LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, value);
    }
    for (int i = 0; i <= 5; i++) {
        const int64_t row = (g->n - 1) * i / 5;
        char text[40];
        series_date(g->v, g->first + row, text, sizeof text);
        if (!*text)
            snprintf(text, sizeof text, "%lld", (long long)(g->first + row + 1));
        page_put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", at_x(g, row),
                 HEIGHT - BOTTOM + 18,
                 i == 0   ? "start"
                 : i == 5 ? "end"
                          : "middle",
                 text);
    }
}

static void put_band(report_page *p, const picture *g)
{
    bool any = false;
    page_put(p, "<path fill=\"var(--b)\" fill-opacity=\"0.22\" stroke=\"none\" d=\"");
    for (int64_t i = 0; i < g->n; i++)
        if (isfinite(g->high[i])) {
            page_put(p, "%c%.1f %.1f", any ? 'L' : 'M', at_x(g, i), at_y(g, g->high[i]));
            any = true;
        }
    for (int64_t i = g->n; i-- > 0;)
        if (isfinite(g->low[i]))
            page_put(p, "L%.1f %.1f", at_x(g, i), at_y(g, g->low[i]));
    page_put(p, "%s\"/>\n", any ? "Z" : "");
}

static void put_line(report_page *p, const picture *g, const double *values, char kind)
{
    bool pen = false;
    page_put(p, "<path class=\"l%c\" d=\"", kind);
    for (int64_t i = 0; i < g->n; i++) {
        const double value = values ? values[i] : truth_at(g, i);
        if (isfinite(value))
            page_put(p, "%c%.1f %.1f", pen ? 'L' : 'M', at_x(g, i), at_y(g, value));
        pen = isfinite(value);
    }
    page_put(p, "\"/>\n");
}

static void put_picture(report_page *p, picture *g)
{
    span(g);
    page_put(p,
             "<div class=\"wide\"><figure><svg class=\"plot\" viewBox=\"0 0 %d %d\" style=\"max-width:%dpx\" "
             "role=\"img\" aria-label=\"Truth and forecast\">\n",
             WIDTH, HEIGHT, WIDTH);
    put_axes(p, g);
    put_band(p, g);
    put_line(p, g, NULL, 'a');
    put_line(p, g, g->middle, 'b');
    page_put(
        p,
        "<line class=\"la\" x1=\"%d\" x2=\"%d\" y1=\"12\" y2=\"12\"/><text x=\"%d\" y=\"16\">truth</text>"
        "<line class=\"lb\" x1=\"%d\" x2=\"%d\" y1=\"12\" y2=\"12\"/><text x=\"%d\" y=\"16\">forecast and "
        "interval</text>\n",
        LEFT, LEFT + 16, LEFT + 21, LEFT + 80, LEFT + 96, LEFT + 101);
    page_put(p, "</svg></figure></div>\n<p class=\"soft\">");
    page_text(p, g->v->columns[series_target(g->v, 0)].name);
    page_put(p, ": windows of %lld steps one after the other, each forecast from the rows before it.</p>\n",
             (long long)g->v->horizon);
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
