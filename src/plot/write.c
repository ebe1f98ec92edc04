/* write.c - the public functions: what is checked before a plot is drawn, and the text that it grows in.
 *
 * Layer: plot.  Depends on plot.h.  Read next: svg.c, terminal.c. */
#include "base/error.h"
#include "base/memory.h"
#include "base/number.h"
#include "plot/plot.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- text -------------------------------------------------------------------------------------------------------------------- */

void plot_bytes(plot_out *o, const char *text, size_t n)
{
    if (n && !tp_grow((void **)&o->text, &o->room, o->size + (int64_t)n, 1)) {
        memcpy(o->text + o->size, text, n);
        o->size += (int64_t)n;
    }
}

void plot_put(plot_out *o, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    const int n = print_arguments(text, sizeof text, format, args);
    va_end(args);
    if (n > 0)
        plot_bytes(o, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void plot_free(plot_out *o)
{
    tp_free(o->text, (size_t)o->room);
    *o = (plot_out){ 0 };
}

size_t plot_cut(const char *text, int most, bool *is_cut)
{
    int letters = 0;
    size_t n = 0, before = 0; /* before the last letter that fits */
    for (; text[n]; n++)
        if ((text[n] & 0xC0) != 0x80) {
            if (letters == most - 1)
                before = n;
            if (letters++ == most) {
                *is_cut = true;
                return before;
            }
        }
    *is_cut = false;
    return n;
}

int plot_letters(const char *text)
{
    int n = 0;
    for (; text && *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

/* ---- checks ------------------------------------------------------------------------------------------------------------------- */

static tp_status check_panel(const tp_plot_panel *p, int at)
{
    const tp_plot_cells *c = &p->cells;
    if (c->rows || c->columns) {
        if (c->rows < 1 || c->columns < 1 || c->rows > 4096 || c->columns > 4096 || !c->values)
            return tp_fail(TP_ERR_ARGUMENT,
                           "plot: panel %d has %lld x %lld cells; values of 1 x 1 to 4096 x 4096 are wanted",
                           at, (long long)c->rows, (long long)c->columns);
        return TP_OK;
    }
    if (p->n_series < 0 || (p->n_series && !p->series))
        return tp_fail(TP_ERR_ARGUMENT, "plot: panel %d has %d series", at, p->n_series);
    for (int k = 0; k < p->n_series; k++) {
        const tp_plot_series *s = &p->series[k];
        if (s->n < 0 || (s->n && (!s->y || (s->kind == TP_PLOT_BAND && !s->to))))
            return tp_fail(TP_ERR_ARGUMENT, "plot: panel %d, series %d: its numbers are missing", at, k);
    }
    for (int k = 0; k < 2; k++) {
        const tp_plot_axis *a = k ? &p->y : &p->x;
        if (!isfinite(a->from) || !isfinite(a->to) || a->from > a->to)
            return tp_fail(TP_ERR_ARGUMENT, "plot: panel %d: an axis from %g to %g", at, a->from, a->to);
    }
    return TP_OK;
}

static tp_status check(const tp_plot *p, const FILE *to)
{
    if (tp_pending())
        return tp_error_pending();
    if (!p || !to || p->n_panels < 1 || p->n_panels > 1024 || !p->panels)
        return tp_fail(TP_ERR_ARGUMENT, "plot: a file and 1 to 1024 panels are wanted, got %d",
                       p ? p->n_panels : 0);
    const int sizes[] = { p->width, p->height };
    for (int i = 0; i < 2; i++)
        if (p->across < 0 || (sizes[i] && (sizes[i] < 100 || sizes[i] > 10000)))
            return tp_fail(TP_ERR_ARGUMENT,
                           "plot: %d panels across of %d x %d; 0 or more, of 100 to 10000, are wanted",
                           p->across, p->width, p->height);
    for (int i = 0; i < p->n_panels; i++)
        if (check_panel(&p->panels[i], i))
            break;
    return tp_error_pending();
}

static tp_status finish(plot_out *o, FILE *to)
{
    if (!tp_pending() && (fwrite(o->text, 1, (size_t)o->size, to) != (size_t)o->size || fflush(to)))
        tp_fail(TP_ERR_IO, "plot: cannot write: %s", strerror(errno));
    plot_free(o);
    return tp_error_pending();
}

tp_status tp_plot_svg(const tp_plot *p, FILE *to)
{
    plot_out o = { 0 };
    if (check(p, to))
        return tp_error_pending();
    plot_svg(&o, p, true);
    return finish(&o, to);
}

tp_status tp_plot_text_opt(const tp_plot *p, FILE *to, const tp_plot_text_options *options)
{
    plot_out o = { 0 };
    tp_plot_text_options t = { 0 };
    if (check(p, to))
        return tp_error_pending();
    memcpy(&t, options, options->struct_size < sizeof t ? options->struct_size : sizeof t);
    t.rows = t.rows < 2 ? 0 : t.rows > 400 ? 400 : t.rows;
    t.columns = !t.columns ? 80 : t.columns < 20 ? 20 : t.columns > 400 ? 400 : t.columns;
    plot_terminal(&o, p, &t);
    return finish(&o, to);
}
