/* task.h - what a network learns to do: its loss, what becomes of its answers to the test part, what is best.
 *
 * A row of tasks.def is a task; a model's row names its own (tp_model_info.task), or the data decide: classes, a class at each
 * place, values.
 * Layer: train.  Depends on evaluate.h, report.h.  Read next: task.c, task_classes.c. */
#ifndef TRAIN_TASK_H
#define TRAIN_TASK_H

#include "train/evaluate.h"
#include "train/report.h"

typedef struct task {
    const char *name;
    /* Whether the answer to one example, of a dry run, fits the run's data, and of how many outputs it is. */
    tp_status (*check)(const setup *, const tp_tensor *y, int64_t *outputs);
    /* How many outputs the network needs for the data's classes; NULL: one each. */
    int64_t (*outputs)(const setup *);
    /* Puts what the network is to read and to tell in place of a batch's x and y, which are a dataset's; epoch 0: the test part.  NULL:
     * they stay. */
    tp_status (*prepare)(const setup *, int64_t epoch, tp_batch *);
    /* Of a batch; class_weights (outputs) or NULL. */
    tp_tensor *(*loss)(const setup *, tp_tensor *y, tp_tensor *truth, tp_tensor *class_weights);
    /* Adds a batch of the test part to the evaluation. */
    tp_status (*add)(evaluation *, const setup *, tp_tensor *y, const tp_batch *);
    /* Cuts off what only fills up all examples of a batch; NULL: nothing does. */
    void (*trim)(tp_tensor **x, tp_tensor **y);
    /* What is measured besides, when all batches are added: figures (evaluation_figure).  NULL: nothing. */
    tp_status (*measure)(evaluation *, const setup *, tp_module *, tp_dataset *test, tp_transform *);
    /* What says which epoch is best: "accuracy", the highest; "loss" or the name of a figure, the lowest. */
    const char *best_of;
    /* The report's section of what the run can do, in place of those about classes and pictures; NULL: those. */
    void (*report)(report_page *, const report_run *);
    const char *verb,
        *words; /* of the command that uses such a run: taper VERB RUN WORDS; NULL: that of pictures, or none */
} task;

void task_command(const task *, int dims, const char **verb,
                  const char **words); /* dims: of an example; 3 is a picture, 1 a row of a table */

const task *task_of(const setup *);
const task *task_for(const char *model, int64_t classes,
                     int64_t targets); /* of a run that is known by its config.json alone */

int64_t mask_token(
    const setup
        *); /* of a masked language model: the number that stands for a hidden token (task_language.c) */

/* Of rows (.., L) that are filled up with 0, the length of the longest (task_tokens.c). */
int64_t tokens_longest(tp_tensor *x);

/* Classes: softmax and cross-entropy, of an example or of each place in it (task_classes.c). */
tp_status classes_check(const setup *, const tp_tensor *y, int64_t *outputs);
tp_tensor *classes_loss(const setup *, tp_tensor *y, tp_tensor *truth, tp_tensor *class_weights);
tp_status classes_add(evaluation *, const setup *, tp_tensor *y, const tp_batch *);

#endif
