/* report_svg.c - the curves: loss, accuracy, learning rate and throughput by epoch, as inline SVG.
 *
 * A point's values show as its <title> when the pointer rests there; the best epoch has a dashed line.
 * Layer: train.  Depends on report.h.  Read next: report_classes.c. */
#include "base/error.h"
#include "train/report.h"

#include <math.h>

enum { WIDTH = 460, HEIGHT = 280, LEFT = 58, RIGHT = 14, TOP = 44, BOTTOM = 40, MAX_HITS = 400 };

typedef double value_of(const report_row *);
static double train_loss(const report_row *r)
{
    return r->train_loss;
}
static double test_loss(const report_row *r)
{
    return r->test_loss;
}
static double train_accuracy(const report_row *r)
{
    return r->train_accuracy;
}
static double test_accuracy(const report_row *r)
{
    return r->test_accuracy;
}
static double rate(const report_row *r)
{
    return r->lr;
}
static double throughput(const report_row *r)
{
    return r->examples_per_second;
}

typedef struct plot {
    const char *title;
    value_of *line[2];
    const char *name[2]; /* NULL: no legend */
    bool percent, from_zero;
    double x0, x1, y0, y1, step; /* what the axes span; step of the ticks of y */
} plot;

static double nice_step(double span, int steps)
{
    double raw = span / steps, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static bool span_axes(plot *g, const report_run *r)
{
    double lo = INFINITY, hi = -INFINITY;
    for (int64_t i = 0; i < r->n_rows; i++)
        for (int k = 0; k < 2; k++) {
            double v = g->line[k] ? g->line[k](&r->rows[i]) : NAN;
            if (isfinite(v)) {
                lo = fmin(lo, v);
                hi = fmax(hi, v);
            }
        }
    if (!(lo <= hi))
        return false;
    if (g->from_zero && lo > 0)
        lo = 0;
    if (hi - lo < 1e-12 + 1e-6 * fabs(hi)) {
        lo -= g->percent ? 0.01 : g->from_zero ? 0 : fabs(hi) * 0.1 + 1e-6;
        hi += g->percent ? 0.01 : fabs(hi) * 0.1 + 1e-6;
    }
    g->step = nice_step(hi - lo, 5);
    g->y0 = floor(lo / g->step + 1e-9) * g->step;
    g->y1 = ceil(hi / g->step - 1e-9) * g->step;
    if (g->percent) {
        g->y0 = fmax(g->y0, 0);
        g->y1 = fmin(g->y1, 1);
    }
    g->x0 = r->rows[0].epoch;
    g->x1 = r->rows[r->n_rows - 1].epoch;
    if (!(g->x1 > g->x0)) {
        g->x0 -= 1;
        g->x1 = g->x0 + 2;
    }
    return true;
}

static double at_x(const plot *g, double x)
{
    return LEFT + (x - g->x0) / (g->x1 - g->x0) * (WIDTH - LEFT - RIGHT);
}
static double at_y(const plot *g, double y)
{
    return HEIGHT - BOTTOM - (y - g->y0) / (g->y1 - g->y0) * (HEIGHT - TOP - BOTTOM);
}

static void put_value(report_page *p, const plot *g, double v, double step)
{
    int decimals = (int)fmax(0, -floor(log10(g->percent ? 100 * step : step) + 1e-9));
    if (g->percent)
        page_percent(p, v, decimals > 4 ? 4 : decimals);
    else if (step < 0.001)
        page_put(p, "%.3g", v);
    else
        page_put(p, "%.*f", decimals, v);
}

static void put_axes(report_page *p, const plot *g)
{
    int64_t ticks = (int64_t)((g->y1 - g->y0) / g->step + 1e-6);
    for (int64_t i = 0; i <= ticks; i++) {
        double v = g->y0 + (double)i * g->step, y = at_y(g, v);
        page_put(p, "<line class=\"grid-line\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
                 WIDTH - RIGHT, y, y);
        page_put(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 8, y + 4);
        put_value(p, g, fabs(v) < g->step * 1e-6 ? 0 : v, g->step);
        page_put(p, "</text>\n");
    }
    double step = fmax(1, nice_step(g->x1 - g->x0, 7));
    int64_t first = (int64_t)ceil(g->x0 / step), last = (int64_t)floor(g->x1 / step + 1e-9);
    for (int64_t i = first; i <= last; i++) {
        double x = (double)i * step;
        page_put(p, "<line class=\"grid-line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", at_x(g, x),
                 at_x(g, x), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5);
        page_put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", at_x(g, x),
                 HEIGHT - BOTTOM + 18, x);
    }
    page_put(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">epoch</text>\n", WIDTH - RIGHT, HEIGHT - 4);
}

static void put_line(report_page *p, const plot *g, const report_run *r, int k)
{
    bool pen = false;
    page_put(p, "<path class=\"l%c\" d=\"", 'a' + k);
    for (int64_t i = 0; i < r->n_rows; i++) {
        double v = g->line[k](&r->rows[i]);
        if (isfinite(v))
            page_put(p, "%c%.1f %.1f", pen ? 'L' : 'M', at_x(g, r->rows[i].epoch), at_y(g, v));
        pen = isfinite(v);
    }
    page_put(p, "\"/>\n");
    for (int64_t i = 0; r->n_rows <= 40 && i < r->n_rows; i++) {
        double v = g->line[k](&r->rows[i]);
        if (isfinite(v))
            page_put(p, "<circle class=\"p%c\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"/>", 'a' + k,
                     at_x(g, r->rows[i].epoch), at_y(g, v), i == r->best ? "4" : "2.5");
    }
    page_put(p, "\n");
}

static void put_hits(report_page *p, const plot *g,
                     const report_run *r) /* a strip an epoch, with its values */
{
    int64_t every = (r->n_rows + MAX_HITS - 1) / MAX_HITS;
    double half = (double)every * (WIDTH - LEFT - RIGHT) / (g->x1 - g->x0) / 2;
    for (int64_t i = 0; i < r->n_rows; i += every) {
        const report_row *row = &r->rows[i];
        double from = fmax(LEFT, at_x(g, row->epoch) - half),
               to = fmin(WIDTH - RIGHT, at_x(g, row->epoch) + half);
        page_put(p, "<rect class=\"hit\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"><title>Epoch %g",
                 from, TOP, fmax(to - from, 0), HEIGHT - TOP - BOTTOM, row->epoch);
        for (int k = 0; k < 2; k++) {
            double v = g->line[k] ? g->line[k](row) : NAN;
            if (!isfinite(v))
                continue;
            page_put(p, "\n%s: ", g->name[k] ? g->name[k] : "value");
            if (g->percent)
                page_percent(p, v, 2);
            else
                page_put(p, "%.5g", v);
        }
        page_put(p, "%s</title></rect>\n", i == r->best ? "\nbest" : "");
    }
}

static bool put_plot(report_page *p, plot g, const report_run *r)
{
    if (!span_axes(&g, r))
        return false;
    page_put(p,
             "<figure><svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s by epoch\">\n",
             WIDTH, HEIGHT, g.title);
    page_put(p, "<text class=\"t\" x=\"0\" y=\"16\">%s</text>\n", g.title);
    for (int k = 0, x = WIDTH - RIGHT - 100; k < 2 && g.name[k]; k++, x += 60)
        page_put(p,
                 "<line class=\"l%c\" x1=\"%d\" x2=\"%d\" y1=\"12\" y2=\"12\"/><text x=\"%d\" "
                 "y=\"16\">%s</text>\n",
                 'a' + k, x, x + 16, x + 21, g.name[k]);
    put_axes(p, &g);
    if (r->best >= 0) {
        double x = at_x(&g, r->rows[r->best].epoch);
        page_put(p,
                 "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"var(--soft)\" "
                 "stroke-dasharray=\"3 4\"/>",
                 x, x, TOP - 6, HEIGHT - BOTTOM);
        page_put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">best</text>\n", x, TOP - 10,
                 x > WIDTH - 40  ? "end"
                 : x < LEFT + 20 ? "start"
                                 : "middle");
    }
    for (int k = 0; k < 2 && g.line[k]; k++)
        put_line(p, &g, r, k);
    put_hits(p, &g, r);
    page_put(p, "</svg></figure>\n");
    return true;
}

void report_curves(report_page *p, const report_run *r)
{
    page_put(p, "<section>\n<h2>Training</h2>\n");
    if (*r->no_metrics) {
        tp_error_set(TP_ERR_IO, "%s", r->no_metrics);
        page_missing(p, r->n_rows ? "Some of the curves are missing" : "No curves");
    }
    if (r->n_rows) {
        page_put(p, "<div class=\"grid\">\n");
        put_plot(p,
                 (plot){ .title = "Loss",
                         .line = { train_loss, test_loss },
                         .name = { "train", "test" },
                         .from_zero = true },
                 r);
        put_plot(p,
                 (plot){ .title = "Accuracy",
                         .line = { train_accuracy, test_accuracy },
                         .name = { "train", "test" },
                         .percent = true },
                 r);
        put_plot(p, (plot){ .title = "Learning rate", .line = { rate, NULL }, .from_zero = true }, r);
        put_plot(p,
                 (plot){
                     .title = "Training examples a second", .line = { throughput, NULL }, .from_zero = true },
                 r);
        page_put(p, "</div>\n");
    }
    page_put(p, "</section>\n");
}
