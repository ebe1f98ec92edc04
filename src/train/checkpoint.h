/* checkpoint.h - last/ and best/: weights, optimizer, where the run stands, means of weights, and the checksums of all.
 *
 * A checkpoint is a function of what was computed, not of the clock: two runs that did the same have the same bytes.
 * Layer: train.  Depends on folder.h, io.  Read next: checkpoint.c, state.c. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <taper/train.h>

typedef struct train_state {
    int64_t epoch;       /* epochs that are done */
    int64_t step;        /* steps done in the epoch under way */
    int64_t global_step; /* steps done in all */
    double loss_sum;     /* of the epoch under way, over its examples so far */
    int64_t seen, right;
    int64_t optim_steps;
    tp_schedule_state schedule;
    double test_loss, test_accuracy;  /* after the last whole epoch; NaN before */
    double best;                      /* accuracy, or loss for regressions; NaN before */
    int64_t best_epoch, without_gain; /* epochs since */
} train_state;

/* What a checkpoint is made of, and what it is loaded into. */
typedef struct checkpoint {
    const char *model;
    tp_module *net;
    tp_optim *optim;    /* NULL when reading: only weights and state are looked at */
    tp_ema *ema;        /* NULL: there is none, or nobody goes on from here */
    bool carries;       /* with the states that recurrent layers carry on; at an epoch's end there are none */
    train_state *state; /* writing reads it only */
} checkpoint;

/* All of it as it is now into folder/name.  On failure what was there stays. */
tp_status checkpoint_write(const char *folder, const char *name, const checkpoint *);

/* Loads folder/name, after its checksums were compared. */
tp_status checkpoint_read(const char *folder, const char *name, const checkpoint *);

/* state.json alone (state.c) */
tp_status state_write(const char *path, const char *model, const train_state *);
tp_status state_read(const char *path, const char *model, train_state *);

/* Reads weights into a module, but for those whose names match except (NULL: none); errors name the file. */
tp_status weights_load(tp_module *, const char *path, const char *except);

#endif
