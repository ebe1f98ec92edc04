/* axis.c - what an axis spans, where its ticks lie and what they say; levels of cells.
 *
 * Ticks stand at 1, 2 or 5 times a power of ten; on a logarithmic axis at powers of ten.
 * Layer: plot.  Depends on plot.h.  Read next: svg.c. */
#include "plot/plot.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double nice_step(double span, int steps)
{
    const double raw = span / steps, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m <= 1.0001 ? 1 : m <= 2.0001 ? 2 : m <= 5.0001 ? 5 : 10);
}

double plot_x(const tp_plot_series *s, int64_t i)
{
    return s->x ? s->x[i] : (double)i;
}

int plot_colour(const tp_plot_panel *p, int k)
{
    const int c = p->series[k].colour;
    return c > 0 && c <= TP_PLOT_FAINT ? c : k % TP_PLOT_COLOURS + 1;
}

bool plot_has_legend(const tp_plot_panel *p, int k)
{
    return p->series[k].name && *p->series[k].name;
}

static void widen(double v, bool log, double *lo, double *hi)
{
    if (!isfinite(v) || (log && v <= 0))
        return;
    *lo = fmin(*lo, v);
    *hi = fmax(*hi, v);
}

static bool span_of(const tp_plot_panel *p, bool vertical, bool log, double *lo, double *hi)
{
    *lo = INFINITY, *hi = -INFINITY;
    for (int k = 0; k < p->n_series; k++) {
        const tp_plot_series *s = &p->series[k];
        for (int64_t i = 0; i < s->n; i++) {
            widen(vertical ? s->y[i] : plot_x(s, i), log, lo, hi);
            if (vertical && s->kind == TP_PLOT_BAND)
                widen(s->to[i], log, lo, hi);
        }
    }
    return *lo <= *hi;
}

static void span_log(plot_axis *a, double lo, double hi)
{
    a->from = log10(lo), a->to = log10(hi);
    if (!a->fixed) {
        a->from = floor(a->from + 1e-9), a->to = ceil(a->to - 1e-9);
        a->to += a->to == a->from;
    }
    a->step = ceil((a->to - a->from) / 8);
    a->step += a->step < 1;
}

bool plot_axis_of(const tp_plot_panel *p, bool vertical, int steps, plot_axis *a)
{
    const tp_plot_axis *o = vertical ? &p->y : &p->x;
    double lo = o->from, hi = o->to;
    *a = (plot_axis){ .log = o->log,
                      .percent = o->percent,
                      .fixed = lo < hi && (!o->log || lo > 0),
                      .names = o->names,
                      .n_names = o->n_names };
    if (!a->fixed && !span_of(p, vertical, o->log, &lo, &hi))
        return false;
    if (o->log) {
        span_log(a, lo, hi);
        return true;
    }
    lo = fmax(lo, -1e300), hi = fmin(hi, 1e300); /* so that the span is finite */
    if (o->from_zero && lo > 0 && !a->fixed)
        lo = 0;
    if (hi - lo < 1e-12 + 1e-6 * fabs(hi)) { /* all the same */
        const double more = o->percent ? 0.01 : vertical ? fabs(hi) * 0.1 + 1e-6 : 1;
        lo -= vertical && o->from_zero ? 0 : more;
        hi += more;
    }
    a->step = nice_step(hi - lo, steps);
    if ((o->names || o->whole) && a->step < 1)
        a->step = 1;
    a->from = lo, a->to = hi;
    if (vertical && !a->fixed) {
        a->from = floor(lo / a->step + 1e-9) * a->step, a->to = ceil(hi / a->step - 1e-9) * a->step;
        if (o->percent)
            a->from = fmax(a->from, fmin(lo, 0)), a->to = fmin(a->to, fmax(hi, 1));
    }
    return true;
}

double plot_share(const plot_axis *a, double v)
{
    return ((a->log ? v > 0 ? log10(v) : NAN : v) - a->from) / (a->to - a->from);
}

int plot_ticks(const plot_axis *a, double ticks[PLOT_TICKS])
{
    int n = 0;
    const double first = ceil(a->from / a->step - 1e-9), last = floor(a->to / a->step + 1e-6);
    for (double i = first; i <= last && n < PLOT_TICKS; i++)
        ticks[n++] = a->log ? pow(10, i * a->step) : i == 0 ? 0 : i * a->step;
    return n;
}

const char *plot_tick_text(const plot_axis *a, double v, char text[PLOT_LABEL])
{
    const double factor = a->percent ? 100 : 1, step = a->step * factor;
    const int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    int n;
    if (a->names) {
        const int64_t i = (int64_t)(v + 0.5);
        snprintf(text, PLOT_LABEL, "%s", v >= 0 && i < a->n_names && a->names[i] ? a->names[i] : "");
        return text;
    }
    if (a->log || step < 1e-3 || fabs(v) >= 1e7)
        n = print_number(text, PLOT_LABEL, 'g', a->log ? 5 : 4, v * factor);
    else
        n = print_number(text, PLOT_LABEL, 'f', decimals, v * factor);
    if (a->percent && n > 0 && n + 2 < PLOT_LABEL)
        memcpy(text + n, "%", 2);
    return text;
}

/* ---- cells -------------------------------------------------------------------------------------------------------------------- */

void plot_range(const tp_plot_cells *c, double *from, double *to)
{
    *from = c->from, *to = c->to;
    if (*from < *to)
        return;
    *from = INFINITY, *to = -INFINITY;
    for (int64_t i = 0; i < c->rows * c->columns; i++)
        widen(c->values[i], false, from, to);
    if (!(*from < *to))
        *from = 0, *to = isfinite(*to) && *to > 0 ? *to : 1;
}

bool plot_two_signs(double from, double to)
{
    return from < 0 && to > 0;
}

double plot_level(double v, double from, double to)
{
    if (!isfinite(v))
        return NAN;
    if (plot_two_signs(from, to))
        return fmax(-1, fmin(1, v / fmax(-from, to)));
    return fmax(0, fmin(1, (v - from) / (to - from)));
}

const char *plot_cell_name(const char *const *names, int64_t i, char text[PLOT_LABEL])
{
    if (names)
        return names[i] ? names[i] : "";
    print_number(text, PLOT_LABEL, 'f', 0, (double)i);
    return text;
}

int plot_longest_name(const char *const *names, int64_t n, int most)
{
    char text[PLOT_LABEL];
    int longest = 0;
    for (int64_t i = 0; i < n; i++) {
        const int letters = plot_letters(plot_cell_name(names, i, text));
        longest = letters > longest ? letters : longest;
    }
    return longest > most ? most : longest;
}

const char *plot_value_text(double v, char text[PLOT_LABEL])
{
    print_number(text, PLOT_LABEL, 'g', fabs(v) < 1e6 && v == floor(v) ? 6 : 3, v);
    return text;
}
