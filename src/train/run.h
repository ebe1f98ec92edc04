/* run.h - a run that is used: network, labels and transform.
 *
 * Layer: train.  Depends on config.h.  Read next: run.c, input.c. */
#ifndef TRAIN_RUN_H
#define TRAIN_RUN_H

#include "train/config.h"

struct tp_run {
    tp_object object;
    setup *setup;
    tp_module *net; /* not in training mode */
    tp_transform *transform;
};

/* The steps of the text but normalize, which makes numbers of colours (input.c). */
tp_transform *transform_to_see(const char *text);

#endif
