/* learner.h - what learns in a run: network, frozen parts, groups of parameters.
 *
 * Layer: train.  Depends on loop.h.  Read next: learner.c. */
#ifndef TRAIN_LEARNER_H
#define TRAIN_LEARNER_H

#include "train/loop.h"

tp_status learner_check_rates(const char *lr_of); /* its form; names are known when there is a network */

/* Network, parameters and optimizer of the trainer, as the run's configuration has them. */
tp_status learner_make(trainer *);

/* The weights that a new run begins with, where they are not random. */
tp_status learner_init(trainer *);

#endif
