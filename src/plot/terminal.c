/* terminal.c - a plot as text: charts in dots of Braille, or a mark a character where lines can be told apart by nothing else.
 *
 * Braille has 2 x 4 dots a character, dot (x, y) being bit dot_bits[x][y] (Unicode 15, chapter 21).  A column of labels stands at the
 * left, ticks below; what has no room is left out.
 * Layer: plot.  Depends on plot.h, base/utf8.h.  Read next: terminal_cells.c. */
#include "base/memory.h"
#include "base/utf8.h"
#include "plot/plot.h"

#include <math.h>
#include <string.h>

static const unsigned char dot_bits[2][4] = { { 0x01, 0x02, 0x04, 0x40 }, { 0x08, 0x10, 0x20, 0x80 } };
static const char marks[] = "*+ox#@%&"; /* by colour; what is faint is '.' */

/* ---- words and colours ---------------------------------------------------------------------------------------------------------- */

void terminal_words(terminal *t, const char *text, int most)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t left = text ? strlen(text) : 0;
    bool is_cut = plot_letters(text) > most;
    for (int n = is_cut && most > 3 ? most - (t->ascii ? 2 : 1) : most; left && n > 0; n--) {
        uint32_t code = 0;
        size_t bytes = utf8_read(s, left, &code);
        if (!bytes || code < 32 || (code >= 127 && (t->ascii || code < 160)))
            plot_put(t->out, "?");
        else
            plot_bytes(t->out, (const char *)s, bytes);
        bytes = bytes ? bytes : 1;
        s += bytes, left -= bytes;
    }
    if (is_cut && most > 3)
        plot_put(t->out, t->ascii ? ".." : "…");
}

void terminal_blanks(terminal *t, int n)
{
    for (; n > 0; n--)
        plot_put(t->out, " ");
}

static void put_colour(terminal *t, int colour)
{
    static const char *const codes[] = {
        "0", "94", "33", "32", "91", "35", "36", "93", "95", "2"
    }; /* 0: none */
    if (t->colours)
        plot_put(t->out, "\033[%sm", codes[colour]);
}

/* ---- the field of a chart: characters with dots or marks ------------------------------------------------------------------------- */

typedef struct grid {
    int width, height, across, down; /* characters; dots of each */
    bool marked;                     /* lines by marks, what is faint behind them by dots */
    unsigned char *bits, *colour;    /* of each character */
    plot_axis x, y;
} grid;

static void set_dot(grid *g, int64_t x, int64_t y, int colour)
{
    if (x < 0 || y < 0 || x >= g->width * g->across || y >= g->height * g->down)
        return;
    const int64_t at = y / g->down * g->width + x / g->across;
    if (g->across == 1 && colour == TP_PLOT_FAINT && (x + y) % 2)
        return; /* whole characters would be a wall */
    if (colour == TP_PLOT_FAINT && g->bits[at] && g->colour[at] != TP_PLOT_FAINT)
        return; /* it stands behind */
    if (g->colour[at] == TP_PLOT_FAINT && colour != TP_PLOT_FAINT)
        g->bits[at] = 0;
    g->bits[at] |= g->across == 1 ? 0xff : dot_bits[x % 2][y % 4];
    g->colour[at] = (unsigned char)colour;
}

static bool dot_at(const grid *g, double vx, double vy, double *x, double *y)
{
    *x = plot_share(&g->x, vx) * (g->width * g->across - 1);
    *y = (1 - plot_share(&g->y, vy)) * (g->height * g->down - 1);
    return isfinite(*x) && isfinite(*y);
}

/* A share of the way that lies within 0 .. most: between a and b. */
static bool cut_way(double from, double to, double most, double *a, double *b)
{
    if (from == to)
        return from >= -0.5 && from <= most + 0.5;
    const double u = (-0.5 - from) / (to - from), v = (most + 0.5 - from) / (to - from);
    *a = fmax(*a, fmin(u, v)), *b = fmin(*b, fmax(u, v));
    return *a <= *b;
}

static void draw_segment(grid *g, const double p[2], const double q[2], int colour)
{
    double a = 0, b = 1;
    if (!cut_way(p[0], q[0], g->width * g->across - 1, &a, &b) ||
        !cut_way(p[1], q[1], g->height * g->down - 1, &a, &b))
        return;
    const double dx = q[0] - p[0], dy = q[1] - p[1];
    const int64_t n = (int64_t)ceil(fmax(fabs(dx), fabs(dy)) * (b - a));
    for (int64_t i = 0; i <= n; i++) {
        const double s = n ? a + (b - a) * (double)i / (double)n : a;
        set_dot(g, lround(p[0] + s * dx), lround(p[1] + s * dy), colour);
    }
}

static void draw_series(grid *g, const tp_plot_series *s, int colour)
{
    bool pen = false;
    double before[2] = { 0 }, now[2];
    for (int64_t i = 0; i < s->n; i++) {
        if (!dot_at(g, plot_x(s, i), s->y[i], &now[0], &now[1])) {
            pen = false;
            continue;
        }
        if (s->kind == TP_PLOT_BAND) { /* its edge, and every other column of what is between */
            double to[2];
            if (dot_at(g, plot_x(s, i), s->to[i], &to[0], &to[1]) && lround(now[0]) % 2 == 0)
                draw_segment(g, now, to, TP_PLOT_FAINT);
        } else if (s->kind == TP_PLOT_POINTS) {
            for (int k = 0; k < g->across * g->across; k++)
                set_dot(g, lround(now[0]) + k % g->across, lround(now[1]) + k / g->across, colour);
        } else
            draw_segment(g, pen ? before : now, now, colour);
        memcpy(before, now, sizeof now);
        pen = true;
    }
}

static void put_character(terminal *t, const grid *g, int at)
{
    char text[UTF8_MOST + 1];
    if (!g->bits[at])
        plot_put(t->out, " ");
    else if (g->across == 1 || (g->marked && g->colour[at] != TP_PLOT_FAINT))
        plot_put(t->out, "%c", g->colour[at] == TP_PLOT_FAINT ? '.' : marks[g->colour[at] - 1]);
    else {
        utf8_write(text, 0x2800u + g->bits[at]);
        plot_put(t->out, "%s", text);
    }
}

static void put_row(terminal *t, const grid *g, int row)
{
    int colour = 0, last = g->width;
    while (last && !g->bits[row * g->width + last - 1])
        last--;
    for (int i = row * g->width; i < row * g->width + last; i++) {
        if (g->bits[i] && g->colour[i] != colour) {
            if (colour)
                put_colour(t, 0);
            put_colour(t, colour = g->colour[i]);
        }
        put_character(t, g, i);
    }
    if (colour)
        put_colour(t, 0);
    plot_put(t->out, "\n");
}

/* ---- around it ------------------------------------------------------------------------------------------------------------------- */

static void put_legend(terminal *t, const tp_plot_panel *p, bool marked)
{
    int column = 0;
    for (int k = 0; k < p->n_series; k++) {
        if (!plot_has_legend(p, k))
            continue;
        const char *name = p->series[k].name;
        const int colour = plot_colour(p, k), room = t->columns - 3, letters = plot_letters(name),
                  wide = 3 + (letters < room ? letters : room);
        if (column && column + 2 + wide > t->columns) {
            plot_put(t->out, "\n");
            column = 0;
        }
        terminal_blanks(t, column ? 2 : 0);
        column += wide + (column ? 2 : 0);
        put_colour(t, colour);
        if (marked)
            plot_put(t->out, "%c", colour == TP_PLOT_FAINT ? '.' : marks[colour - 1]);
        else
            plot_put(t->out, t->ascii ? "-" : p->series[k].kind == TP_PLOT_POINTS ? "•" : "━");
        put_colour(t, 0);
        plot_put(t->out, " ");
        terminal_words(t, name, room);
    }
    if (column)
        plot_put(t->out, "\n");
}

/* Ticks of x below, where they have room, and the name of the axis behind the last or in a line of its own. */
static void put_x(terminal *t, const tp_plot_panel *p, const grid *g, int gutter)
{
    double ticks[PLOT_TICKS];
    char text[PLOT_LABEL];
    int at = 0;
    terminal_blanks(t, gutter);
    plot_put(t->out, t->ascii ? "+" : "└");
    for (int i = 0; i < g->width; i++)
        plot_put(t->out, t->ascii ? "-" : "─");
    plot_put(t->out, "\n");
    terminal_blanks(t, gutter + 1);
    for (int i = 0, n = plot_ticks(&g->x, ticks); i < n; i++) {
        const int letters = plot_letters(plot_tick_text(&g->x, ticks[i], text));
        int from = (int)lround(plot_share(&g->x, ticks[i]) * (g->width - 1)) - letters / 2;
        from = from < 0 ? 0 : from > g->width - letters ? g->width - letters : from;
        if (from < at + (at ? 1 : 0))
            continue;
        terminal_blanks(t, from - at);
        plot_put(t->out, "%s", text);
        at = from + letters;
    }
    const int name = plot_letters(p->x.name);
    if (name && at + 2 + name > g->width) {
        plot_put(t->out, "\n");
        terminal_blanks(t, gutter + 1);
        at = 0;
    }
    if (name) {
        terminal_blanks(t, g->width - at - name);
        terminal_words(t, p->x.name, g->width);
    }
    plot_put(t->out, "\n");
}

static int gutter_of(const plot_axis *y, int columns)
{
    double ticks[PLOT_TICKS];
    char text[PLOT_LABEL];
    int most = 0;
    for (int i = 0, n = plot_ticks(y, ticks); i < n; i++) {
        const int letters = plot_letters(plot_tick_text(y, ticks[i], text));
        most = letters > most ? letters : most;
    }
    return most < columns / 2 ? most + 1 : 0;
}

static void put_rows(terminal *t, const grid *g, int gutter)
{
    double ticks[PLOT_TICKS];
    char text[PLOT_LABEL];
    const int n = plot_ticks(&g->y, ticks);
    for (int row = 0, next = n - 1; row < g->height; row++) {
        bool labelled = false;
        for (; next >= 0 && (int)lround((1 - plot_share(&g->y, ticks[next])) * (g->height - 1)) <= row;
             next--)
            if (!labelled && gutter) {
                labelled = true;
                plot_tick_text(&g->y, ticks[next], text);
            }
        terminal_blanks(t, labelled ? gutter - 1 - plot_letters(text) : gutter);
        if (labelled)
            plot_put(t->out, "%s ", text);
        plot_put(t->out, t->ascii ? "|" : labelled ? "┤" : "│");
        put_row(t, g, row);
    }
}

static void put_chart(terminal *t, const tp_plot_panel *p)
{
    grid g = { .height = t->rows ? t->rows : t->columns < 40 ? 8 : t->columns < 100 ? 14 : 18 };
    int lines = 0;
    for (int k = 0; k < p->n_series; k++)
        lines += plot_colour(p, k) != TP_PLOT_FAINT;
    g.marked = t->ascii || (lines > 1 && !t->colours);
    g.across = t->ascii ? 1 : 2, g.down = t->ascii ? 1 : 4;
    if (!plot_axis_of(p, false, t->columns / 12 + 1, &g.x) ||
        !plot_axis_of(p, true, g.height < 6 ? 2 : g.height / 3, &g.y)) {
        plot_put(t->out, "no numbers\n");
        return;
    }
    const int gutter = gutter_of(&g.y, t->columns);
    g.width = t->columns - gutter - 1;
    const size_t room = (size_t)(g.width * g.height);
    g.bits = tp_calloc(2 * room);
    if (!g.bits)
        return;
    g.colour = g.bits + room;
    for (int k = 0; k < p->n_series; k++)
        draw_series(&g, &p->series[k], plot_colour(p, k));
    put_legend(t, p, g.marked);
    put_rows(t, &g, gutter);
    put_x(t, p, &g, gutter);
    tp_free(g.bits, 2 * room);
}

void plot_terminal(plot_out *o, const tp_plot *p, const tp_plot_text_options *options)
{
    terminal t = { o, options->columns, options->rows, options->colours, options->ascii };
    for (int i = 0; i < p->n_panels; i++) {
        const tp_plot_panel *panel = &p->panels[i];
        if (i)
            plot_put(o, "\n");
        if (t.colours && panel->title)
            plot_put(o, "\033[1m");
        terminal_words(&t, panel->title, t.columns);
        if (t.colours && panel->title)
            plot_put(o, "\033[0m");
        if (panel->title)
            plot_put(o, "\n");
        if (panel->cells.rows)
            terminal_cells(&t, &panel->cells);
        else
            put_chart(&t, panel);
    }
}
