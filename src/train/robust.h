/* robust.h - ways of training that make a network bear its own mistakes and small changes of what it reads.
 *
 * Shapes: N examples, T places, V tokens.  An input of pairs is (N, 2, T), sources over targets (data/pairs.c).
 * Layer: train.  Depends on loop.h.  Read next: robust.c, reinforce.c. */
#ifndef TRAIN_ROBUST_H
#define TRAIN_ROBUST_H

#include "train/loop.h"

tp_status robust_check(const tp_train_config *); /* what can be told without the data */
tp_status robust_check_net(const tp_train_config *, tp_module *);

/* ---- a batch as it is learned ---------------------------------------------------------------------------------------- */

typedef struct robust_batch {
    tp_tensor *x;      /* what goes in: the batch's, or with tokens of the network's own */
    tp_tensor *drawn;  /* (N, 2, T) sources over what was drawn after them, to be forced; NULL: no reward */
    tp_tensor *tokens; /* i64 (N, T) what was drawn, <end> included; TP_IGNORED where there is nothing */
    tp_tensor *advantage; /* f32 (N, 1) reward of what was drawn less that of the likeliest */
} robust_batch;

tp_status robust_begin(const trainer *, const tp_batch *, robust_batch *);

/* (1 - reward) loss + reward self_critical_loss; the loss itself where nothing was drawn. */
tp_tensor *robust_loss(const trainer *, const robust_batch *, tp_tensor *loss);

/* ---- scheduled sampling ---------------------------------------------------------------------------------------------- */

/* last step / (steps - 1), step from 0: none at the first step, last at the last. */
double scheduled_share(double last, int64_t step, int64_t steps);

/* x with that share of the target's tokens replaced by the network's likeliest ones; <begin> and padding stay. */
tp_tensor *scheduled_input(tp_module *, tp_tensor *x, double share);

/* ---- adversarial perturbation ---------------------------------------------------------------------------------------- */

enum { MOST_TABLES = 16 };
typedef struct adversary {
    int n;
    struct moved_table {
        tp_tensor *weight;
        tp_tensor *value;    /* before it was moved */
        tp_tensor *gradient; /* that it had of the step's batches before; NULL: none */
    } table[MOST_TABLES];
} adversary;

/* Around two backward passes: begin, the first, move, the second, end.  Of it comes the sum of both gradients, beside those of
 * batches before; what the adversary holds belongs to the scope that begin was called in. */
tp_status adversary_begin(adversary *, tp_module *);
tp_status adversary_move(adversary *, double eps);
tp_status adversary_end(adversary *);

/* ---- self-critical reinforcement learning ---------------------------------------------------------------------------- */

/* Draws a sequence after each source of x, and weighs it against the likeliest; truth i64 (N, T). */
tp_status self_critical_draw(tp_module *, tp_tensor *x, tp_tensor *truth, robust_batch *);

/* Mean over examples of (r(likeliest) - r(drawn)) log p(drawn), which has a gradient. */
tp_tensor *self_critical_loss(tp_module *, const robust_batch *);

#endif
