/* loop.h - everything that a run holds while it learns.
 *
 * Layer: train.  Depends on config.h, checkpoint.h.  Read next: loop.c, train.c. */
#ifndef TRAIN_LOOP_H
#define TRAIN_LOOP_H

#include "train/checkpoint.h"
#include "train/config.h"

/* What a run tells TensorBoard: board_run.c. */
typedef struct run_board {
    tp_board *board; /* NULL: none is wanted */
    double loss_sum; /* of the epoch, when it was last told */
    int64_t seen;
    double gradient_norm; /* of the step that is being done; NaN: this one is not told */
} run_board;

typedef struct trainer {
    const setup *setup;
    const tp_train_config *config; /* the setup's */
    const char *folder;
    bool writes; /* to the folder: the first process does, of several (taper/dist.h) */
    tp_dataset *train, *test;
    tp_transform *transform, *augmented; /* of test examples; of training examples */
    tp_module *net;
    tp_params *parameters;
    tp_optim *optim;
    tp_ema *ema;              /* NULL: none */
    tp_tensor *class_weights; /* f32, one an output of the network; NULL: all alike */
    tp_schedule *schedule;
    train_state state;
    int64_t steps;       /* in an epoch */
    double batch_weight; /* of the step's batches so far: examples, or their class weights */
    tp_progress_fn *progress;
    void *context;
    double begun; /* when this process began to train */
    bool stopped, stopped_early;
    run_board board;
    tp_figure figures[TP_MAX_FIGURES]; /* of the best epoch, once this process has seen one */
    int n_figures;
} trainer;

double clock_seconds(void);
uint64_t loop_epoch_seed(uint64_t seed, int64_t epoch); /* of order and augmentation; epoch from 0 */

/* Trains until the epochs are done, the caller or early stopping says stop, or an error. */
tp_status loop_run(trainer *);

tp_status loop_save_last(trainer *);
tp_status loop_load(trainer *); /* what loop_save_last wrote */

#endif
