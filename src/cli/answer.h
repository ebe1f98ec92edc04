/* answer.h - what a network says of one example, ranked: for `taper predict`, and for `taper serve`.
 *
 * Layer: cli.  Depends on train.h.  Read next: answer.c, predict.c. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "cli/cli.h"

typedef struct answer {
    int64_t label;
    double p;
} answer;

/* n probabilities by class, the likeliest first; of equals the first class. */
void rank_answers(answer *to, const double *values, int64_t n);

/* The name of a class, or its number where it has none; returns text. */
const char *answer_label(const tp_run *, int64_t label, char *text, size_t room);

#endif
