/* dataset.h - the dataset from the inside.
 *
 * Layer: data.  Depends on base/object.h.  Read next: dataset.c; idx.c is a format of its own. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"

#include <taper/data.h>

struct tp_dataset {
    tp_object object;
    tp_dataset_functions functions;
    void *context;
    int64_t count, classes, targets, numel; /* numel: of one example; 0 where sizes differ */
    int64_t unknown;                        /* tokens that its vocabulary lacks */
    tp_shape shape;
};

/* Makes the dataset; when that fails the context is destroyed all the same. */
tp_dataset *dataset_of(const tp_dataset_functions *, void *context, int64_t count, tp_shape, int64_t classes);

tp_status dataset_load(const tp_dataset *, int64_t i, tp_sample *); /* i is in range */
void sample_pass_targets(tp_sample *to, tp_sample *from);           /* y or targets; from keeps to's room */

/* Puts example i's name before the pending error, of what was done with it; returns its status. */
tp_status dataset_blame(const tp_dataset *, int64_t i);

/* At most so many of the examples, chosen by chance, that going through them takes a moment; NULL with an error. */
tp_dataset *dataset_some(tp_dataset *);

/* Whether an example of the test part, or of the training part, belongs to what is asked for. */
static inline bool part_takes(tp_part part, bool is_test)
{
    return part == TP_WHOLE || is_test == (part == TP_TEST);
}

static inline const char *part_name(tp_part part)
{
    return part == TP_WHOLE ? "whole" : part == TP_TEST ? "test part" : "training part";
}

/* y[j] = x[j] / 255, exactly as the division gives it */
void bytes_to_unit(float *restrict y, const unsigned char *restrict x, int64_t n);

/* folder/name into memory of *room bytes from tp_alloc */
char *join_path(const char *folder, const char *name, size_t *room);

#endif
