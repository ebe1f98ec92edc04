/* sample.h - which of the scores of the next unit is taken.
 *
 * Layer: train.  Depends on base.  Read next: sample.c, generate.c. */
#ifndef TRAIN_SAMPLE_H
#define TRAIN_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sampling {
    double temperature; /* of scores; 0: the largest is taken */
    double top_p,
        min_p;     /* the likeliest that hold top_p of all; those that have min_p of the likeliest's share */
    double gumbel; /* noise of so much is added to the scores, and the largest is taken (Gumbel 1954) */
    double repetition_penalty; /* what stood before: its score by so much less (Keskar et al. 2019) */
    int64_t top_k;             /* the k likeliest; 0: all */
    uint64_t seed;
} sampling;

/* Of n scores, which are changed; order: room for n.  before: what stood there.  The draw is a function of (seed, stream, index). */
int64_t sample(const sampling *, double *scores, int64_t *order, int64_t n, const int64_t *before,
               int64_t n_before, uint64_t stream, uint64_t index);

double log_share(const double *scores, int64_t n, int64_t which); /* log softmax(scores)[which] */

#endif
