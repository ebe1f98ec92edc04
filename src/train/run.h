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

/* Tells the answer to each row of a table, or what is wrong with it; for a run with columns (predict_table.c). */
tp_status predict_table(tp_run *, const char *path, int64_t batch_size, tp_prediction_fn *told, void *context,
                        bool *go_on);

/* The steps of the text but normalize, which makes numbers of colours (input.c). */
tp_transform *transform_to_see(const char *text);

/* The first pictures of the training, at most n in a batch, as it sees them but for normalize (report_augmented.c). */
bool shows_pictures(const setup *);
tp_loader *loader_as_seen(const setup *, tp_dataset *train, int64_t n);

#endif
