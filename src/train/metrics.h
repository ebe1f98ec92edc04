/* metrics.h - metrics.jsonl: one line of JSON an epoch.
 *
 * Layer: train.  Depends on io.  Read next: metrics.c, loop.c. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "io/json.h"

#include <taper/train.h>

/* Appends a line, and it is on disk.  On failure the file is as it was. */
tp_status metrics_append(const char *folder, const tp_progress *);

/* Cuts off the lines of epochs that the checkpoint does not know, and a line that was not written to its end. */
tp_status metrics_cut(const char *folder, int64_t epochs);

/* Figures as an object: a name, a number. */
js_value *figures_json(const tp_figure *, int n);

#endif
