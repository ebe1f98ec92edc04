/* terminal_cells.c - a matrix as text: coloured blocks, shades of blocks, or characters that get darker; or its numbers.
 *
 * A matrix that is wider than the terminal, or higher than MOST_LINES, is shrunk: a cell is then the mean of several.
 * Layer: plot.  Depends on plot.h.  Read next: write.c. */
#include "plot/plot.h"

#include <math.h>

enum { MOST_LINES = 40, MOST_NAME = 12 };

typedef struct shape {
    const tp_plot_cells *c;
    int64_t rows, columns; /* as shown */
    int gutter, wide;      /* characters: of the names of rows, of a cell */
    double from, to;
} shape;

static double shown(const shape *s, int64_t row, int64_t column)
{
    const tp_plot_cells *c = s->c;
    double sum = 0;
    int64_t n = 0;
    for (int64_t r = row * c->rows / s->rows; r < (row + 1) * c->rows / s->rows; r++)
        for (int64_t k = column * c->columns / s->columns; k < (column + 1) * c->columns / s->columns; k++)
            if (isfinite(c->values[r * c->columns + k]))
                sum += c->values[r * c->columns + k], n++;
    return n ? sum / (double)n : NAN;
}

/* Evenly lighter: violet, blue, green, yellow; for two signs red, white, blue. */
static int palette(double level, bool both)
{
    static const int one[] = { 17, 18, 24, 30, 36, 35, 71, 107, 149, 191, 226 },
                     two[] = { 160, 203, 210, 217, 224, 231, 195, 153, 111, 69, 26 };
    return both ? two[lround((level + 1) * 5)] : one[lround(level * 10)];
}

static void put_shade(terminal *t, double level, bool both, int wide)
{
    static const char *const blocks[] = { " ", "░", "▒", "▓", "█" };
    static const char letters[] = " .:-=+*#%@";
    if (isnan(level)) {
        terminal_blanks(t, wide);
        return;
    }
    if (t->colours) {
        plot_put(t->out, "\033[48;5;%dm", palette(level, both));
        terminal_blanks(t, wide);
        return;
    }
    const double dark = both ? (level + 1) / 2 : level;
    for (int i = 0; i < wide; i++)
        if (t->ascii)
            plot_put(t->out, "%c", letters[lround(dark * 9)]);
        else
            plot_put(t->out, "%s", blocks[lround(dark * 4)]);
}

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

static void put_row_name(terminal *t, const shape *s, int64_t row)
{
    char text[PLOT_LABEL];
    const int room = s->gutter - 1;
    const bool all = s->rows == s->c->rows;
    if (room <= 0)
        return;
    if (!all || (!s->c->row_names && row % 5 && s->rows > 12)) {
        terminal_blanks(t, s->gutter);
        return;
    }
    const char *name = plot_cell_name(s->c->row_names, row, text);
    const int letters = plot_letters(name);
    terminal_blanks(t, room - (letters < room ? letters : room));
    terminal_words(t, name, room);
    plot_put(t->out, " ");
}

/* Below their columns where they have room, else each 5th number, or in a list. */
static void put_column_names(terminal *t, const shape *s)
{
    char text[PLOT_LABEL];
    int at = 0;
    const tp_plot_cells *c = s->c;
    if (s->columns != c->columns)
        return;
    const bool fit = plot_longest_name(c->column_names, c->columns, MOST_NAME) <=
                     s->wide - (s->wide > 2 || !c->column_names);
    if (c->column_names && !fit && s->wide < 3)
        return;
    terminal_blanks(t, s->gutter);
    for (int64_t k = 0; k < s->columns; k++) {
        const char *name = plot_cell_name(c->column_names, k, text);
        const int from = (int)k * s->wide, letters = plot_letters(name),
                  room = c->column_names ? s->wide - 1 : s->wide * 5;
        if (!c->column_names && !fit && k % 5)
            continue;
        if (from + (letters < room ? letters : room) > s->wide * (int)s->columns)
            break;
        terminal_blanks(t, from - at);
        at = from > at ? from : at;
        terminal_words(t, name, fit ? s->wide : room);
        at += letters < (fit ? s->wide : room) ? letters : fit ? s->wide : room;
    }
    plot_put(t->out, "\n");
}

/* ---- the forms ------------------------------------------------------------------------------------------------------------------- */

static void put_right(terminal *t, const char *text, int wide, bool is_bold)
{
    const int letters = plot_letters(text);
    terminal_blanks(t, wide - letters);
    plot_put(t->out, "%s", is_bold ? "\033[1m" : "");
    terminal_words(t, text, wide - 1);
    plot_put(t->out, "%s", is_bold ? "\033[0m" : "");
}

static void put_numbers(terminal *t, const shape *s)
{
    char text[PLOT_LABEL];
    for (int64_t r = 0; r < s->rows; r++) {
        put_row_name(t, s, r);
        for (int64_t k = 0; k < s->columns; k++)
            put_right(t, plot_value_text(s->c->values[r * s->columns + k], text), s->wide,
                      r == k && t->colours);
        plot_put(t->out, "\n");
    }
    terminal_blanks(t, s->gutter);
    for (int64_t k = 0; k < s->columns; k++)
        put_right(t, plot_cell_name(s->c->column_names, k, text), s->wide, false);
    plot_put(t->out, "\n");
}

static void put_shades(terminal *t, const shape *s)
{
    char text[PLOT_LABEL];
    const bool both = plot_two_signs(s->from, s->to);
    const double top = both ? fmax(-s->from, s->to) : s->to, bottom = both ? -top : s->from;
    for (int64_t r = 0; r < s->rows; r++) {
        put_row_name(t, s, r);
        for (int64_t k = 0; k < s->columns; k++)
            put_shade(t, plot_level(shown(s, r, k), s->from, s->to), both, s->wide);
        plot_put(t->out, t->colours ? "\033[0m\n" : "\n");
    }
    put_column_names(t, s);
    terminal_blanks(t, s->gutter);
    plot_put(t->out, "%s ", plot_value_text(bottom, text));
    for (int i = 0; i <= 4; i++)
        put_shade(t, both ? i / 2.0 - 1 : i / 4.0, both, 1);
    plot_put(t->out, "%s %s\n", t->colours ? "\033[0m" : "", plot_value_text(top, text));
}

static int widest_number(const tp_plot_cells *c)
{
    char text[PLOT_LABEL];
    int most = plot_longest_name(c->column_names, c->columns, MOST_NAME);
    for (int64_t i = 0; i < c->rows * c->columns; i++) {
        const int letters = plot_letters(plot_value_text(c->values[i], text));
        most = letters > most ? letters : most;
    }
    return most;
}

void terminal_cells(terminal *t, const tp_plot_cells *c)
{
    shape s = { .c = c, .rows = c->rows < MOST_LINES ? c->rows : MOST_LINES };
    s.gutter = plot_longest_name(c->row_names, c->rows, MOST_NAME) + 1;
    if (s.gutter > t->columns / 2)
        s.gutter = t->columns / 2;
    const int room = t->columns - s.gutter;
    plot_range(c, &s.from, &s.to);
    if (c->written && s.rows == c->rows && (widest_number(c) + 1) * c->columns <= room) {
        s.columns = c->columns;
        s.wide = widest_number(c) + 1;
        put_numbers(t, &s);
        return;
    }
    s.wide = 2 * c->columns <= room ? 2 : 1;
    if (plot_longest_name(c->column_names, c->columns, MOST_NAME) > 2 && c->column_names &&
        8 * c->columns <= room)
        s.wide = 8;
    s.columns = s.wide * c->columns <= room ? c->columns : room;
    put_shades(t, &s);
}
