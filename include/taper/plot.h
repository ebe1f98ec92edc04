/* taper/plot.h - charts and heat maps: a plot is data, and comes out as SVG or as text for a terminal.
 *
 *     double losses[] = { 2.3, 1.1, 0.7, 0.4, 0.3 };
 *     tp_plot plot = { .panels = &(tp_plot_panel){ .title = "Loss", .x = { .name = "step" }, .n_series = 1,
 *                      .series = &(tp_plot_series){ .y = losses, .n = 5 } }, .n_panels = 1 };
 *     tp_plot_text(&plot, stdout, .columns = 80);
 *
 * All pointers are the caller's and are only read.  Layer: plot.  Depends on base.h.  Read next: docs/plots.md. */
#ifndef TAPER_PLOT_H
#define TAPER_PLOT_H

#include <taper/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tp_plot_kind {
    TP_PLOT_LINE,
    TP_PLOT_POINTS,
    TP_PLOT_BAND /* the area between y and to */
} tp_plot_kind;

enum { TP_PLOT_COLOURS = 8, TP_PLOT_FAINT = 9 }; /* FAINT: the colour of what stands behind, such as lines of equal height */

typedef struct tp_plot_series {
    const char *name;    /* in the legend; NULL: it is not there */
    const double *x, *y; /* n of each; x NULL: 0, 1, 2, ..; where a number is not finite a line stops and begins anew */
    const double *to;    /* of a band */
    int64_t n;
    tp_plot_kind kind;
    int colour; /* from 1; 0: by its place in the panel */
    bool dashed;
} tp_plot_series;

typedef struct tp_plot_axis {
    const char *name;
    double from, to;     /* equal: what the series span */
    bool log, from_zero, percent, whole; /* whole: ticks at whole numbers alone */
    const char *const *names; /* what 0, 1, .. n_names - 1 are called; NULL: numbers */
    int64_t n_names;
} tp_plot_axis;

typedef struct tp_plot_cells { /* a matrix, row 0 on top */
    const double *values;      /* rows x columns; a cell without a finite value is empty */
    int64_t rows, columns;
    const char *const *row_names, *const *column_names; /* NULL: numbers from 0 */
    double from, to;           /* equal: from least to greatest; with 0 between them, shades have two colours and meet there */
    bool written;              /* values stand in their cells */
    bool confusion;            /* counts: the diagonal has one colour, what is beside it another, both by logarithms */
} tp_plot_cells;

typedef struct tp_plot_panel {
    const char *title;
    tp_plot_axis x, y;
    const tp_plot_series *series;
    int n_series;
    tp_plot_cells cells;     /* instead of series, where rows > 0 */
    const char *marker_name; /* a dashed upright at x = marker; NULL: none */
    double marker;
    bool tells;              /* SVG: where the pointer rests, all values at that x of the first series are told */
} tp_plot_panel;

typedef struct tp_plot {
    const char *title, *description; /* for who cannot see it; the title also stands over several panels */
    const tp_plot_panel *panels;
    int n_panels;
    int across;         /* SVG: panels side by side; 0: 2 */
    int width, height;  /* SVG: of a panel; 0: 460 x 280; a matrix is as high as it gets */
} tp_plot;

/* A whole file, for light and dark, without scripts and fonts of its own. */
TP_API tp_status tp_plot_svg(const tp_plot *, FILE *to);

typedef struct tp_plot_text_options {
    size_t struct_size;
    int columns;  /* 80; at least 20 */
    int rows;     /* between the ends of a chart's upright axis; 0: by the columns */
    bool colours; /* by ECMA-48's escape sequences; else lines differ by their marks */
    bool ascii;   /* no blocks and dots of Unicode */
} tp_plot_text_options;
#define tp_plot_text(plot, to, ...) \
    tp_plot_text_opt(plot, to, &(tp_plot_text_options){ .struct_size = sizeof(tp_plot_text_options), __VA_ARGS__ })
TP_API tp_status tp_plot_text_opt(const tp_plot *, FILE *to, const tp_plot_text_options *);

#ifdef __cplusplus
}
#endif
#endif
