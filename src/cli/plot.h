/* plot.h - what the plots share: the network, the layer, the picture; drawing in the terminal or into a file.
 *
 * Layer: cli.  Depends on cli.h, taper/plot.h.  Read next: plot.c, plot_seeing.c, plot_functions.c. */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include "cli/cli.h"

#include <taper/plot.h>

typedef struct plot_job {
    const cli *c;
    tp_run *run;        /* NULL: words[1] is a file of weights */
    tp_module *net;     /* of the run, in evaluation mode */
    const char *source; /* words[1] */
    const char *image;  /* words[2] */
    char said[512];     /* for the line that is printed: what the picture shows */
} plot_job;

/* Each gives the picture (3, H, W) in [0, 1], or NULL after a message (*code set) or with an error pending. */
typedef tp_tensor *plot_fn(plot_job *, int *code);
plot_fn plot_filters, plot_features, plot_saliency, plot_gradcam;

/* Each draws its chart by show_plot, and returns the exit code. */
typedef int chart_fn(const cli *);
chart_fn chart_activation, chart_loss, chart_optimizers, chart_schedule, chart_position, chart_attention,
    chart_curves, chart_confusion;

int show_plot(const cli *, const tp_plot *); /* into -o FILE.svg, or the terminal */

/* The names that stand behind the kind, or the list's own; each must be in the list, which ends with NULL. */
enum { MOST_NAMES = 24 };
int chart_names(const cli *, const char *what, choice_fn *known, const char *const *usual,
                const char *names[MOST_NAMES], int *n);
int no_such(const char *what, const char *name, choice_fn *known); /* usage_error: 'did you mean' */

tp_tensor *chart_numbers(int64_t n, double **data); /* n f64, for a chart; NULL with an error pending */

#endif
