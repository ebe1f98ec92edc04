/* svg.c - a plot as SVG: its frame and style, and charts of lines, points and bands.
 *
 * Colours are variables that the style sets for light and dark.  What lies outside of an axis is cut by an inner <svg>, so that no
 * names of elements are needed and several plots can stand in one page.
 * Layer: plot.  Depends on plot.h.  Read next: svg_cells.c, terminal.c. */
#include "plot/plot.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 460, HEIGHT = 280, RIGHT = 14, TITLE = 26, LEGEND = 18, LETTER = 7, MAX_HITS = 400, EDGE = 5 };

const char plot_style[] =
    ".tp{font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif;font-variant-numeric:tabular-nums;"
    "--bg:#fff;--fg:#1b1d21;--soft:#626a76;--line:#e1e4e8;--k1:#2563b8;--k2:#d0661b;--k3:#2f8f5b;--k4:#"
    "cf3d3d;"
    "--k5:#7d4fc4;--k6:#14868c;--k7:#9a6b00;--k8:#c2428f}\n"
    "@media(prefers-color-scheme:dark){.tp{--bg:#15171a;--fg:#e6e8eb;--soft:#98a1ad;--line:#30353c;"
    "--k1:#6ea8f2;--k2:#f0995a;--k3:#48b57c;--k4:#ee6b66;--k5:#b494f0;--k6:#46bcc2;--k7:#d6a93a;--k8:#ee85bd}"
    "}"
    "\n"
    ".tp text{fill:var(--soft);font-size:12px}.tp .t{fill:var(--fg);font-size:14px;font-weight:600}"
    ".tp .T{fill:var(--fg);font-size:16px;font-weight:650}.tp .v{fill:var(--fg)}.tp .bg{fill:var(--bg)}\n"
    ".k1{--k:var(--k1)}.k2{--k:var(--k2)}.k3{--k:var(--k3)}.k4{--k:var(--k4)}.k5{--k:var(--k5)}"
    ".k6{--k:var(--k6)}.k7{--k:var(--k7)}.k8{--k:var(--k8)}.k9{--k:var(--soft)}\n"
    ".tp .l{fill:none;stroke:var(--k);stroke-width:2;stroke-linejoin:round}.tp .k9.l{stroke-width:1;"
    "stroke-opacity:.45}.tp .d{stroke-dasharray:5 4}.tp .p{fill:var(--k);stroke:none}"
    ".tp .b{fill:var(--k);fill-opacity:.18}\n"
    ".tp .g{stroke:var(--line);stroke-width:1}.tp .m{stroke:var(--soft);stroke-dasharray:3 4}"
    ".tp .hit{fill:transparent}.tp .hit:hover{fill:var(--soft);fill-opacity:.15}\n"
    ".tp .c,.tp .c path{stroke:var(--k);fill:none;shape-rendering:crispEdges}\n";

void plot_escaped(plot_out *o, const char *text, int most)
{
    bool is_cut;
    const size_t n = text ? plot_cut(text, most, &is_cut) : 0;
    for (size_t i = 0; i < n; i++)
        switch (text[i]) {
        case '<': plot_put(o, "&lt;"); break;
        case '>': plot_put(o, "&gt;"); break;
        case '&': plot_put(o, "&amp;"); break;
        case '"': plot_put(o, "&quot;"); break;
        case '\'': plot_put(o, "&#39;"); break;
        default: plot_bytes(o, (unsigned char)text[i] < 32 ? " " : text + i, 1);
        }
    if (n && is_cut)
        plot_put(o, "…");
}

/* ---- a chart ------------------------------------------------------------------------------------------------------------------ */

typedef struct chart {
    plot_out *o;
    const tp_plot_panel *p;
    plot_axis x, y;
    svg_box box;
} chart;

static double at_x(const chart *c, double v)
{
    return c->box.left + plot_share(&c->x, v) * c->box.width;
}

static double at_y(const chart *c, double v)
{
    return c->box.top + (1 - plot_share(&c->y, v)) * c->box.height;
}

/* Far outside is as good as outside. */
static bool place(const chart *c, double vx, double vy, double *x, double *y)
{
    *x = at_x(c, vx), *y = at_y(c, vy);
    if (!isfinite(*x) || !isfinite(*y))
        return false;
    *x = fmax(-1e4, fmin(1e4, *x)), *y = fmax(-1e4, fmin(1e4, *y));
    return true;
}

static int legend_width(const char *name)
{
    return 33 + 37 * plot_letters(name) / 5;
}

/* Where the legend's entries stand; with a plot_out it is written. */
static int put_legend(plot_out *o, const tp_plot_panel *p, int width)
{
    int rows = 0, x = width + 1;
    for (int k = 0; k < p->n_series; k++) {
        const tp_plot_series *s = &p->series[k];
        if (!plot_has_legend(p, k))
            continue;
        if (x > 0 && x + legend_width(s->name) > width)
            x = 0, rows++;
        const int y = TITLE + (rows - 1) * LEGEND + 10, colour = plot_colour(p, k);
        if (o && s->kind == TP_PLOT_LINE)
            plot_put(o, "<path class=\"l k%d%s\" d=\"M%d %dh16\"/>", colour, s->dashed ? " d" : "", x, y - 4);
        else if (o && s->kind == TP_PLOT_POINTS)
            plot_put(o, "<circle class=\"p k%d\" cx=\"%d\" cy=\"%d\" r=\"3.5\"/>", colour, x + 8, y - 4);
        else if (o)
            plot_put(o, "<path class=\"b k%d\" d=\"M%d %dh16v10h-16z\"/>", colour, x, y - 9);
        if (o) {
            plot_put(o, "<text x=\"%d\" y=\"%d\">", x + 21, y);
            plot_escaped(o, s->name, 60);
            plot_put(o, "</text>\n");
        }
        x += legend_width(s->name);
    }
    return rows;
}

static void put_axes(const chart *c)
{
    double ticks[PLOT_TICKS];
    char text[PLOT_LABEL];
    const svg_box *b = &c->box;
    plot_out *o = c->o;
    int n = plot_ticks(&c->y, ticks);
    for (int i = 0; i < n; i++) {
        const double y = at_y(c, ticks[i]);
        plot_put(
            o,
            "<path class=\"g\" d=\"M%g %.1fh%g\"/><text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
            b->left, y, b->width, b->left - 8, y + 4, plot_tick_text(&c->y, ticks[i], text));
    }
    n = plot_ticks(&c->x, ticks);
    const double bottom = b->top + b->height;
    for (int i = 0; i < n; i++) {
        const double x = at_x(c, ticks[i]);
        plot_put(o,
                 "<path class=\"g\" d=\"M%.1f %gv5\"/><text x=\"%.1f\" y=\"%g\" "
                 "text-anchor=\"middle\">%s</text>\n",
                 x, bottom, x, bottom + 18, plot_tick_text(&c->x, ticks[i], text));
    }
    if (c->p->x.name) {
        plot_put(o, "<text x=\"%g\" y=\"%g\" text-anchor=\"end\">", b->left + b->width, bottom + 34);
        plot_escaped(o, c->p->x.name, 60);
        plot_put(o, "</text>\n");
    }
}

/* Whole tenths, each place but the first of a line by its distance from the one before: half as long as places would be. */
static void put_line(const chart *c, const tp_plot_series *s, int colour)
{
    bool pen = false, begun = false;
    double x, y;
    long x0 = 0, y0 = 0;
    plot_put(c->o, "<path class=\"l k%d%s\" d=\"", colour, s->dashed ? " d" : "");
    for (int64_t i = 0; i < s->n; i++) {
        if (!place(c, plot_x(s, i), s->y[i], &x, &y)) {
            pen = false;
            continue;
        }
        const long x1 = lround(10 * x), y1 = lround(10 * y);
        if (!pen)
            plot_put(c->o, "M%g %g", (double)x1 / 10, (double)y1 / 10);
        else if (labs(x1 - x0) < 3 && labs(y1 - y0) < 3 && i + 1 < s->n && isfinite(s->y[i + 1]))
            continue; /* nobody can see it */
        else
            plot_put(c->o, "%s%g%s%g",
                     begun     ? "l"
                     : x1 < x0 ? ""
                               : " ",
                     (double)(x1 - x0) / 10, y1 < y0 ? "" : " ", (double)(y1 - y0) / 10);
        begun = !pen;
        x0 = x1, y0 = y1, pen = true;
    }
    plot_put(c->o, "\"/>\n");
}

static void put_points(const chart *c, const tp_plot_series *s, int colour, double r)
{
    double x, y;
    for (int64_t i = 0; i < s->n; i++)
        if (place(c, plot_x(s, i), s->y[i], &x, &y))
            plot_put(c->o, "<circle class=\"p k%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"/>", colour, x, y,
                     c->p->marker_name && plot_x(s, i) == c->p->marker ? r + 1.5 : r);
    plot_put(c->o, "\n");
}

static void put_band(const chart *c, const tp_plot_series *s, int colour)
{
    double x, y;
    char pen = 'M';
    plot_put(c->o, "<path class=\"b k%d\" d=\"", colour);
    for (int64_t i = 0; i < 2 * s->n; i++) {
        const int64_t k = i < s->n ? i : 2 * s->n - 1 - i;
        if (place(c, plot_x(s, k), i < s->n ? s->y[k] : s->to[k], &x, &y)) {
            plot_put(c->o, "%c%.1f %.1f", pen, x, y);
            pen = 'L';
        }
    }
    plot_put(c->o, "z\"/>\n");
}

static void put_series(const chart *c)
{
    const svg_box *b = &c->box;
    plot_put(c->o, "<svg x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" viewBox=\"%g %g %g %g\">\n",
             b->left - EDGE, b->top - EDGE, b->width + 2 * EDGE, b->height + 2 * EDGE, b->left - EDGE,
             b->top - EDGE, b->width + 2 * EDGE, b->height + 2 * EDGE);
    for (int k = 0; k < c->p->n_series; k++) {
        const tp_plot_series *s = &c->p->series[k];
        const int colour = plot_colour(c->p, k);
        if (s->kind == TP_PLOT_BAND)
            put_band(c, s, colour);
        else if (s->kind == TP_PLOT_POINTS)
            put_points(c, s, colour, 4);
        else
            put_line(c, s, colour);
        if (s->kind == TP_PLOT_LINE && c->p->tells && s->n <= 40)
            put_points(c, s, colour, 2.5);
    }
    plot_put(c->o, "</svg>\n");
}

static void put_marker(const chart *c)
{
    const double x = at_x(c, c->p->marker), left = c->box.left, right = left + c->box.width;
    if (!(x >= left && x <= right))
        return;
    plot_put(c->o, "<path class=\"m\" d=\"M%.1f %gv%g\"/><text x=\"%.1f\" y=\"%g\" text-anchor=\"%s\">", x,
             c->box.top - 2, c->box.height + 2, x, c->box.top - 6,
             x > right - 30  ? "end"
             : x < left + 20 ? "start"
                             : "middle");
    plot_escaped(c->o, c->p->marker_name, 40);
    plot_put(c->o, "</text>\n");
}

static void tell(const chart *c, double x)
{
    for (int k = 0; k < c->p->n_series; k++) {
        const tp_plot_series *s = &c->p->series[k];
        int64_t i = 0;
        while (i < s->n && plot_x(s, i) != x)
            i++;
        if (i == s->n || !isfinite(s->y[i]))
            continue;
        plot_put(c->o, "\n");
        plot_escaped(c->o, s->name ? s->name : "value", 60);
        if (c->y.percent)
            plot_put(c->o, ": %.2f %%", 100 * s->y[i]);
        else
            plot_put(c->o, ": %.5g", s->y[i]);
    }
}

/* A strip at each x, with its values. */
static void put_hits(const chart *c)
{
    const tp_plot_series *s = &c->p->series[0];
    const int64_t every = (s->n + MAX_HITS - 1) / MAX_HITS;
    const double left = c->box.left, right = left + c->box.width,
                 half = (double)(every ? every : 1) * c->box.width / fmax(1, (double)(s->n - 1)) / 2;
    for (int64_t i = 0; i < s->n; i += every) {
        const double x = at_x(c, plot_x(s, i)), from = fmax(left, x - half), to = fmin(right, x + half);
        if (!(to >= from))
            continue;
        plot_put(c->o, "<rect class=\"hit\" x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"%g\"><title>", from,
                 c->box.top, to - from, c->box.height);
        plot_escaped(c->o, c->p->x.name ? c->p->x.name : "x", 60);
        plot_put(c->o, " %g", plot_x(s, i));
        tell(c, plot_x(s, i));
        if (c->p->marker_name && plot_x(s, i) == c->p->marker) {
            plot_put(c->o, "\n");
            plot_escaped(c->o, c->p->marker_name, 60);
        }
        plot_put(c->o, "</title></rect>\n");
    }
}

static double widest_label(const plot_axis *a)
{
    double ticks[PLOT_TICKS];
    char text[PLOT_LABEL];
    int most = 0;
    for (int i = 0, n = plot_ticks(a, ticks); i < n; i++) {
        const int letters = plot_letters(plot_tick_text(a, ticks[i], text));
        most = letters > most ? letters : most;
    }
    return most * LETTER + 12;
}

static void put_chart(plot_out *o, const tp_plot_panel *p, int width, int height)
{
    chart c = { .o = o, .p = p };
    const double legend = put_legend(o, p, width) * LEGEND;
    if (!plot_axis_of(p, false, width > 300 ? 7 : 4, &c.x) || !plot_axis_of(p, true, 5, &c.y)) {
        plot_put(o, "<text x=\"0\" y=\"60\">no numbers</text>\n");
        return;
    }
    c.box.left = fmax(40, widest_label(&c.y));
    c.box.top = TITLE + legend + (p->marker_name ? 22 : 10);
    c.box.width = width - c.box.left - RIGHT;
    c.box.height = height - c.box.top - (p->x.name ? 40 : 26);
    put_axes(&c);
    put_series(&c);
    if (p->marker_name)
        put_marker(&c);
    if (p->tells && p->n_series)
        put_hits(&c);
}

/* ---- the frame ---------------------------------------------------------------------------------------------------------------- */

static void put_panel(plot_out *o, const tp_plot *plot, const tp_plot_panel *p, int width, int height,
                      double x, double y)
{
    plot_put(o, "<g transform=\"translate(%g %g)\">\n", x, y);
    if (p->title) {
        plot_put(o, "<text class=\"t\" x=\"0\" y=\"16\">");
        plot_escaped(o, p->title, width / 8);
        plot_put(o, "</text>\n");
    }
    if (p->cells.rows)
        svg_cells(o, plot, p);
    else
        put_chart(o, p, width, height);
    plot_put(o, "</g>\n");
}

static void put_head(plot_out *o, const tp_plot *p, double width, double height, bool is_file)
{
    const char *title = p->title ? p->title : p->panels[0].title;
    plot_put(o, "<svg %sclass=\"tp plot\" viewBox=\"%g %g %g %g\" ",
             is_file ? "xmlns=\"http://www.w3.org/2000/svg\" " : "", is_file ? -14.0 : 0, is_file ? -10.0 : 0,
             width + (is_file ? 28 : 0), height + (is_file ? 24 : 0));
    if (is_file)
        plot_put(o, "width=\"%g\" height=\"%g\" ", width + 28, height + 24);
    plot_put(o, "role=\"img\" aria-label=\"");
    plot_escaped(o, title, 200);
    plot_put(o, "\">\n");
    if (!is_file)
        return;
    plot_put(o, "<title>");
    plot_escaped(o, title, 200);
    plot_put(o, "</title>\n<desc>");
    plot_escaped(o, p->description ? p->description : title, 2000);
    plot_put(o, "</desc>\n<style>");
    plot_bytes(o, plot_style, sizeof plot_style - 1);
    plot_put(
        o, "</style>\n<rect class=\"bg\" x=\"-14\" y=\"-10\" width=\"100%%\" height=\"100%%\" rx=\"6\"/>\n");
}

void plot_svg(plot_out *o, const tp_plot *p, bool is_file)
{
    const int width = p->width ? p->width : WIDTH, height = p->height ? p->height : HEIGHT,
              across = p->n_panels < (p->across ? p->across : 2) ? p->n_panels
                       : p->across                               ? p->across
                                                                 : 2,
              gap = 24, rows = (p->n_panels + across - 1) / across;
    const double title = p->title && p->n_panels > 1 ? 32 : 0;
    double y = title, tall[1024] = { 0 };
    for (int i = 0; i < p->n_panels; i++) {
        const tp_plot_panel *panel = &p->panels[i];
        tall[i / across] = fmax(tall[i / across], panel->cells.rows ? svg_cells_height(p, panel) : height);
    }
    double all = title;
    for (int r = 0; r < rows; r++)
        all += tall[r] + (r ? gap : 0);
    put_head(o, p, across * width + (across - 1) * gap, all, is_file);
    if (title > 0) {
        plot_put(o, "<text class=\"T\" x=\"0\" y=\"18\">");
        plot_escaped(o, p->title, 120);
        plot_put(o, "</text>\n");
    }
    for (int i = 0; i < p->n_panels; i++) {
        put_panel(o, p, &p->panels[i], width, height, i % across * (width + gap), y);
        if (i % across == across - 1)
            y += tall[i / across] + gap;
    }
    plot_put(o, "</svg>\n");
}
