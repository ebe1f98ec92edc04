/* loss.h - what the files of losses share: their attributes and the last step, reduction.
 *
 * Layer: ops.  Depends on ops.h.  Read next: loss.c, cross_entropy.c. */
#ifndef OPS_LOSS_H
#define OPS_LOSS_H

#include "base/error.h"
#include "ops/ops.h"

typedef struct loss_attrs {
    int reduction; /* tp_reduction: a word of LOSS_WORDS */
    double number; /* beta, delta, margin, label_smoothing: the one number that most losses have */
    double p, eps;
    bool flag, full, swap; /* flag: log_target, log_input */
    int64_t ignore_index;
} loss_attrs;

#define LOSS_WORDS "mean sum none"

tp_tensor *loss_reduced(tp_tensor *loss, int reduction);

#endif
