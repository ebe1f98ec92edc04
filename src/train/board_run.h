/* board_run.h - what a run tells TensorBoard while it learns.  Without tensorboard in its configuration all of it does nothing.
 *
 * Layer: train.  Depends on loop.h.  Read next: board_run.c. */
#ifndef TRAIN_BOARD_RUN_H
#define TRAIN_BOARD_RUN_H

#include "train/loop.h"

tp_status run_board_open(trainer *);      /* the board, and what is known before the first step */
tp_status run_board_gradients(trainer *); /* of a step, before they are clipped */
tp_status run_board_step(trainer *, const tp_progress *);
tp_status run_board_epoch(trainer *, const tp_progress *);
tp_status run_board_close(trainer *);

#endif
