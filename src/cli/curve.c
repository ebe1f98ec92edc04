/* curve.c - two curves in cells of the terminal, each of 2 x 4 dots (braille), or one where there is no Unicode.
 *
 * Layer: cli.  Depends on text.h.  Read next: watch.c. */
#include "cli/curve.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>

enum { MARGIN = 8, ACROSS = 2, DOWN = 4 };

typedef struct grid {
    int width, height; /* in dots */
    double low, high;
    unsigned char *train, *test; /* a byte a dot */
} grid;

static int x_of(const grid *g, int64_t i, int64_t n)
{
    return n > 1 ? (int)lround((double)i * (g->width - 1) / (double)(n - 1)) : 0;
}

static int y_of(const grid *g, double value)
{
    return (int)lround((g->high - value) / (g->high - g->low) * (g->height - 1));
}

static void set(const grid *g, unsigned char *dots, int x, int y)
{
    dots[y * g->width + x] = 1;
}

/* From each point to the next; one alone is a dot. */
static void draw_line(const grid *g, const double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double from = values[i], to = i + 1 < n && isfinite(values[i + 1]) ? values[i + 1] : from;
        if (!isfinite(from))
            continue;
        const int x0 = x_of(g, i, n), x1 = i + 1 < n ? x_of(g, i + 1, n) : x0, y0 = y_of(g, from),
                  y1 = y_of(g, to);
        const int steps = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);
        for (int k = 0; k <= steps; k++)
            set(g, g->test, x0 + (steps ? (x1 - x0) * k / steps : 0),
                y0 + (steps ? (y1 - y0) * k / steps : 0));
    }
}

static void find_range(grid *g, const curve *c)
{
    g->low = INFINITY, g->high = -INFINITY;
    for (int64_t i = 0; i < c->n; i++)
        for (int k = 0; k < 2; k++) {
            const double x = k ? c->test[i] : c->train[i];
            g->low = isfinite(x) && x < g->low ? x : g->low;
            g->high = isfinite(x) && x > g->high ? x : g->high;
        }
    if (!(g->high > g->low)) { /* one value, or none */
        g->high = isfinite(g->high) ? g->high : 0;
        g->low = g->high - 1;
    }
}

/* Whether a column of cells or one to its right has a dot in this row: blanks at the end of a line are left out. */
static bool goes_on(const grid *g, int column, int row)
{
    for (int i = row * DOWN; i < (row + 1) * DOWN; i++)
        for (int k = column * ACROSS; k < g->width; k++)
            if (g->train[i * g->width + k] || g->test[i * g->width + k])
                return true;
    return false;
}

static void print_cell(FILE *to, const grid *g, int column, int row, bool utf8)
{
    static const unsigned char bits[DOWN][ACROSS] = {
        { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 }
    };
    unsigned all = 0;
    bool test = false;
    for (int i = 0; i < DOWN; i++)
        for (int k = 0; k < ACROSS; k++) {
            const int at = (row * DOWN + i) * g->width + column * ACROSS + k;
            all |= g->train[at] || g->test[at] ? bits[i][k] : 0u;
            test = test || g->test[at];
        }
    if (!all)
        fputc(' ', to);
    else if (!utf8)
        fputc(test ? '*' : '.', to);
    else
        fprintf(to, "%s\xe2%c%c%s", test ? green(stdout) : "", (int)(0xa0 | all >> 6),
                (int)(0x80 | (all & 0x3f)), test ? no_style(stdout) : "");
}

void print_curve(FILE *to, const curve *c)
{
    const int cells = c->columns - MARGIN < 4 ? 4 : c->columns - MARGIN;
    const bool utf8 = speaks_utf8();
    grid g = { .width = cells * ACROSS, .height = c->rows * DOWN };
    const size_t size = (size_t)g.width * (size_t)g.height;
    g.train = calloc(2, size);
    if (!g.train)
        return;
    g.test = g.train + size;
    find_range(&g, c);
    draw_line(&g, c->test, c->n);
    for (int64_t i = 0; i < c->n; i++)
        if (isfinite(c->train[i]))
            set(&g, g.train, x_of(&g, i, c->n), y_of(&g, c->train[i]));
    fprintf(to, "%s%s%s%s\n", dimmed(stdout), c->name, c->columns < 40 ? "" : ": train dots, test line",
            no_style(stdout));
    for (int row = 0; row < c->rows; row++) {
        const bool first = row == 0, last = row == c->rows - 1, more = goes_on(&g, 0, row);
        if (first || last)
            fprintf(to, "%7.4g%s", first ? g.high : g.low, more ? " " : "");
        else if (more)
            fprintf(to, "%*s", MARGIN, "");
        for (int column = 0; column < cells && goes_on(&g, column, row); column++)
            print_cell(to, &g, column, row, utf8);
        fputc('\n', to);
    }
    free(g.train);
}
