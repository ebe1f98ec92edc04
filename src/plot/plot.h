/* plot.h - what both forms of a plot share: text that grows, axes, levels of cells.
 *
 * Layer: plot.  Depends on taper/plot.h.  Read next: axis.c, svg.c, terminal.c. */
#ifndef PLOT_PLOT_H
#define PLOT_PLOT_H

#include <taper/plot.h>

/* ---- Text that grows; once out of memory it stays as it is, with the error pending ---------------------------------------- */

typedef struct plot_out {
    char *text;
    int64_t size, room;
} plot_out;

void plot_put(plot_out *, const char *format, ...)
    TP_PRINTF(2, 3); /* at most 255 bytes; numbers with a point */
void plot_bytes(plot_out *, const char *, size_t);
void plot_free(plot_out *);

int plot_letters(const char *);                        /* characters of UTF-8; 0 of NULL */
size_t plot_cut(const char *, int most, bool *is_cut); /* bytes of at most so many characters */

/* ---- Axes ------------------------------------------------------------------------------------------------------------------- */

enum { PLOT_TICKS = 24, PLOT_LABEL = 32 };

typedef struct plot_axis {
    double from, to, step; /* of a logarithmic one: log10 of the ends, step decades */
    bool log, percent, fixed;
    const char *const *names;
    int64_t n_names;
} plot_axis;

bool plot_axis_of(const tp_plot_panel *, bool vertical, int steps, plot_axis *); /* false: nothing to show */
double plot_share(const plot_axis *, double value);                              /* 0 at from, 1 at to */
int plot_ticks(const plot_axis *, double ticks[PLOT_TICKS]);
const char *plot_tick_text(const plot_axis *, double v, char text[PLOT_LABEL]);
double plot_x(const tp_plot_series *, int64_t i);
int plot_colour(const tp_plot_panel *, int k);      /* of series k: 1 .. TP_PLOT_FAINT */
bool plot_has_legend(const tp_plot_panel *, int k); /* whether series k has a place in it */

/* ---- Cells ------------------------------------------------------------------------------------------------------------------ */

void plot_range(const tp_plot_cells *, double *from, double *to);
bool plot_two_signs(double from, double to);
double plot_level(double value, double from, double to); /* 0 to 1; of two signs -1 to 1; NaN: none */
const char *plot_cell_name(const char *const *names, int64_t i, char text[PLOT_LABEL]);
int plot_longest_name(const char *const *names, int64_t n,
                      int most); /* letters of the longest, at most so many */
const char *plot_value_text(double value, char text[PLOT_LABEL]);

/* ---- The forms -------------------------------------------------------------------------------------------------------------- */

extern const char plot_style[];                           /* CSS of what plot_svg writes */
void plot_svg(plot_out *, const tp_plot *, bool is_file); /* else for a page that has the style */
void plot_escaped(plot_out *, const char *, int most);    /* for XML, cut */

typedef struct svg_box { /* where a panel lies: its inner field */
    double left, top, width, height;
} svg_box;
double svg_cells_height(const tp_plot *, const tp_plot_panel *); /* all of the panel */
void svg_cells(plot_out *, const tp_plot *, const tp_plot_panel *);
void plot_terminal(plot_out *, const tp_plot *, const tp_plot_text_options *);

typedef struct terminal {
    plot_out *out;
    int columns, rows; /* rows: of a chart; 0: by the columns */
    bool colours, ascii;
} terminal;
void terminal_cells(terminal *, const tp_plot_cells *);
void terminal_words(terminal *, const char *, int most); /* cut; what is no character of the form is ? */
void terminal_blanks(terminal *, int n);

#endif
