/* plot.h - what the plots share: the network, the layer, the picture.
 *
 * Layer: cli.  Depends on cli.h.  Read next: plot.c, plot_seeing.c. */
#ifndef CLI_PLOT_H
#define CLI_PLOT_H

#include "cli/cli.h"

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

#endif
