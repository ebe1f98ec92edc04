/* evaluate.h - one pass over a dataset without learning: loss, accuracy, confusion matrix, the worst mistakes.
 *
 * Layer: train.  Depends on data, nn.  Read next: evaluate.c. */
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "train/config.h"

enum { MISTAKES = 24, MOST_CONFUSED = 1024 /* classes; of more there is no matrix */ };

typedef struct class_count { /* of examples */
    int64_t truths, answers, both;
} class_count;

typedef struct mistake {
    int64_t example;      /* of the dataset */
    double truth, answer; /* class indices, or values of a regression */
    double probability;   /* that the network gave its answer; of a regression: the absolute error */
    double truth_probability;
} mistake;

typedef struct evaluation {
    tp_eval_result result;
    class_count *counts;        /* by class; while the pass is under way */
    tp_head head;               /* of a batch whose y the network's body made; weight NULL: y are answers */
    mistake mistakes[MISTAKES]; /* worst first */
    int n_mistakes;
    struct {
        double first, sum, squares, absolute; /* of the truths less the first one; of the errors */
    } values;                                 /* of a regression */
} evaluation;

/* By the run's task; the module is in training mode or not as it was before. */
tp_status evaluate(const setup *, tp_module *, tp_dataset *, tp_transform *, int64_t batch_size,
                   evaluation *);
void evaluation_free(evaluation *);

/* evaluation.json (evaluation_file.c) */
tp_status evaluation_write(const char *folder, const setup *, int64_t epoch, const evaluation *);

/* What a task notes. */
void evaluation_mistake(evaluation *, mistake); /* the worst ones are kept; of equals those that came first */
void evaluation_figure(evaluation *, const char *name, double value);

/* The accuracy, the loss, or the figure of that name; NaN if there is none. */
double result_best(const tp_eval_result *, const char *best_of);

/* f32 (N, outputs) and targets (N, ..). */
bool answers_fit(const tp_tensor *answers, const tp_tensor *targets);

/* Row-wise over logits (n, classes) of float32: the likeliest class of row i (the first of equals). */
int64_t answer_of(const float *logits, int64_t classes, int64_t stride);

/* How many rows have their likeliest class right; rows of TP_IGNORED have not. */
int64_t count_right(const tp_tensor *logits, const tp_tensor *labels);

/* Answers (N, T, classes) to labels (N, T), or (N, T) to values (N, T), as (N T, classes) to (N T) or (N T, 1) both; others stay. */
void as_rows(tp_tensor **answers, tp_tensor **targets, bool classes);

#endif
