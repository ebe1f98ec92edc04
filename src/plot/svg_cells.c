/* svg_cells.c - a matrix as SVG: shades of one colour over the ground, of two where values lie on both sides of 0.
 *
 * A row of equal cells is one stroke ("M0 .5h7" is seven cells), and a shade one path, so that 64 x 64 cells stay at tens of KB.
 * Layer: plot.  Depends on plot.h.  Read next: terminal.c. */
#include "plot/plot.h"

#include <math.h>

enum {
    WIDTH = 460,
    TOP = 34,
    LETTER = 7,
    NAME = 14,
    MOST_CELL = 40,
    SHADES = 24,
    GAP = 12,
    MOST_TOLD = 1024
};

typedef struct field {
    double left, top, cell_width, cell_height, below; /* below: room for the names of columns */
    int row_step, column_step;                        /* every so many have their name */
    bool turned;                                      /* names of columns */
} field;

static int longest(const char *const *names, int64_t n)
{
    const int letters = plot_longest_name(names, n, NAME);
    return letters < 1 ? 1 : letters;
}

static int step_for(double room, double each, bool named)
{
    static const int steps[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 };
    int k = 0;
    while (k < 9 && steps[k] * each < room)
        k++;
    return named && each >= 9 ? 1 : steps[k];
}

static field field_of(const tp_plot *plot, const tp_plot_panel *p)
{
    const tp_plot_cells *c = &p->cells;
    const double width = plot->width ? plot->width : WIDTH;
    const int columns = longest(c->column_names, c->columns);
    field f = { .left = longest(c->row_names, c->rows) * LETTER + 10 + (p->y.name ? 16 : 0), .top = TOP };
    const double room = width - f.left - 8;
    f.cell_width = fmin(MOST_CELL, room / (double)c->columns);
    f.cell_height = f.cell_width < 14 && c->columns > 2 * c->rows
                        ? fmin(14, room / 2 / (double)c->rows)
                        : fmin(f.cell_width, 24 + room / (double)c->rows);
    f.turned = c->column_names && columns * LETTER > f.cell_width;
    f.column_step = step_for(f.turned ? 12 : columns * LETTER + 8, f.cell_width, c->column_names != NULL);
    f.row_step = step_for(13, f.cell_height, c->row_names != NULL);
    f.below = (f.turned ? columns * LETTER * 0.75 + 16 : 18) + (p->x.name ? 16 : 0);
    return f;
}

double svg_cells_height(const tp_plot *plot, const tp_plot_panel *p)
{
    const field f = field_of(plot, p);
    return f.top + f.cell_height * (double)p->cells.rows + f.below + 26;
}

typedef struct shades {
    const tp_plot_cells *c;
    double from, to;
    double most[2]; /* confusion: of the diagonal and beside it */
} shades;

static shades shades_of(const tp_plot_cells *c)
{
    shades s = { .c = c, .most = { 1, 1 } };
    plot_range(c, &s.from, &s.to);
    for (int64_t i = 0; i < c->rows * c->columns && c->confusion; i++) {
        double *most = &s.most[i / c->columns != i % c->columns];
        *most = fmax(*most, c->values[i]);
    }
    return s;
}

/* 0: empty; k and -k: shade k of the first and the second colour.  Below numbers shades are weak enough to be
 * read on, and small ones show. */
static int shade(const shades *s, int64_t row, int64_t column)
{
    const double v = s->c->values[row * s->c->columns + column], level = plot_level(v, s->from, s->to);
    if (isnan(level))
        return 0;
    if (s->c->confusion && v > 0)
        return (int)lround((row == column ? 1 : -1) * SHADES *
                           (0.1 + 0.48 * log1p(v) / log1p(s->most[row != column])));
    return (int)lround(s->c->written && level > 0 ? 0.6 * sqrt(level) * SHADES : level * SHADES);
}

static void put_shade(plot_out *o, const shades *s, int wanted)
{
    bool begun = false;
    const tp_plot_cells *c = s->c;
    for (int64_t r = 0; r < c->rows; r++)
        for (int64_t k = 0, end; k < c->columns; k = end) {
            end = k + 1;
            if (shade(s, r, k) != wanted)
                continue;
            while (end < c->columns && shade(s, r, end) == wanted)
                end++;
            if (!begun)
                plot_put(o, "<path class=\"k%d\" stroke-opacity=\"%.2g\" d=\"",
                         wanted < 0     ? 4
                         : c->confusion ? 3
                                        : 1,
                         (double)(wanted < 0 ? -wanted : wanted) / SHADES);
            begun = true;
            plot_put(o, "M%lld %lld.5h%lld", (long long)k, (long long)r, (long long)(end - k));
        }
    if (begun)
        plot_put(o, "\"/>\n");
}

static void put_names(plot_out *o, const tp_plot_panel *p, const field *f)
{
    const tp_plot_cells *c = &p->cells;
    char text[PLOT_LABEL];
    const double bottom = f->top + f->cell_height * (double)c->rows;
    for (int64_t r = 0; r < c->rows; r += f->row_step) {
        plot_put(o, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", f->left - 6,
                 f->top + ((double)r + 0.5) * f->cell_height + 4);
        plot_escaped(o, plot_cell_name(c->row_names, r, text), NAME);
        plot_put(o, "</text>\n");
    }
    for (int64_t k = 0; k < c->columns; k += f->column_step) {
        const double x = f->left + ((double)k + 0.5) * f->cell_width;
        if (f->turned)
            plot_put(o, "<text transform=\"translate(%.1f %.1f)rotate(-45)\" text-anchor=\"end\">", x + 3,
                     bottom + 12);
        else
            plot_put(o, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x, bottom + 15);
        plot_escaped(o, plot_cell_name(c->column_names, k, text), NAME);
        plot_put(o, "</text>\n");
    }
    if (p->x.name) {
        plot_put(o, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                 f->left + f->cell_width * (double)c->columns / 2, bottom + f->below - 2);
        plot_escaped(o, p->x.name, 40);
        plot_put(o, "</text>\n");
    }
    if (p->y.name) {
        plot_put(o, "<text transform=\"translate(10 %.1f)rotate(-90)\" text-anchor=\"middle\">",
                 (f->top + bottom) / 2);
        plot_escaped(o, p->y.name, 40);
        plot_put(o, "</text>\n");
    }
}

/* What a cell is, in words and where it is asked for in digits. */
static void put_cell(plot_out *o, const tp_plot_cells *c, const field *f, int64_t r, int64_t k, bool told)
{
    char text[PLOT_LABEL];
    const double v = c->values[r * c->columns + k], x = f->left + (double)k * f->cell_width,
                 y = f->top + (double)r * f->cell_height;
    if (!isfinite(v))
        return;
    if (told) {
        plot_put(o, "<rect class=\"hit\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>", x, y,
                 f->cell_width, f->cell_height);
        plot_escaped(o, plot_cell_name(c->row_names, r, text), 60);
        plot_put(o, ", ");
        plot_escaped(o, plot_cell_name(c->column_names, k, text), 60);
        plot_put(o, ": %s</title></rect>\n", plot_value_text(v, text));
    }
    if (c->written && v != 0 && plot_letters(plot_value_text(v, text)) * LETTER <= f->cell_width)
        plot_put(o, "<text class=\"v\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                 x + f->cell_width / 2, y + f->cell_height / 2 + 4, text);
}

/* from, shades, to: below everything. */
static void put_key(plot_out *o, const tp_plot_panel *p, const field *f, double from, double to)
{
    char text[PLOT_LABEL];
    const double y = f->top + f->cell_height * (double)p->cells.rows + f->below + 16;
    double x = f->left;
    const bool both = plot_two_signs(from, to);
    if (both)
        to = fmax(-from, to), from = -to;
    plot_put(o, "<text x=\"%.1f\" y=\"%.1f\">%s</text>", x, y, plot_value_text(from, text));
    x += plot_letters(text) * LETTER + 6;
    for (int i = 0; i <= 8; i++) {
        const double level = both ? i / 4.0 - 1 : i / 8.0;
        plot_put(o, "<path class=\"c k%d\" stroke-width=\"10\" stroke-opacity=\"%.2g\" d=\"M%.1f %.1fh%d\"/>",
                 level < 0 ? 4 : 1, fabs(level), x + i * GAP, y - 4, GAP);
    }
    plot_put(o, "<text x=\"%.1f\" y=\"%.1f\">%s</text>\n", x + 9 * GAP + 6, y, plot_value_text(to, text));
}

void svg_cells(plot_out *o, const tp_plot *plot, const tp_plot_panel *p)
{
    const tp_plot_cells *c = &p->cells;
    const field f = field_of(plot, p);
    const shades all = shades_of(c);
    plot_put(o, "<g class=\"c\" transform=\"translate(%.1f %.1f)scale(%.4g %.4g)\">\n", f.left, f.top,
             f.cell_width, f.cell_height);
    for (int s = -SHADES; s <= SHADES; s++)
        if (s)
            put_shade(o, &all, s);
    plot_put(o,
             "</g>\n<rect class=\"g\" fill=\"none\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
             f.left, f.top, f.cell_width * (double)c->columns, f.cell_height * (double)c->rows);
    const bool told = p->tells && c->rows * c->columns * plot->n_panels <= MOST_TOLD;
    for (int64_t r = 0; r < c->rows && (told || c->written); r++)
        for (int64_t k = 0; k < c->columns; k++)
            put_cell(o, c, &f, r, k, told);
    put_names(o, p, &f);
    if (!c->written && !c->confusion)
        put_key(o, p, &f, all.from, all.to);
}
