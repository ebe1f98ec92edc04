/* task_tokens.c - classes of sequences of tokens, and of each token in one: as other classes, in batches without what only fills up.
 *
 * Layer: train.  Depends on task.h.  Read next: task_classes.c, task_seq2seq.c. */
#include "data/vocabulary.h"
#include "train/task.h"

int64_t tokens_longest(tp_tensor *x)
{
    const float *p = tp_data(x);
    const int64_t length = tp_size(x, -1), rows = tp_numel(x) / length;
    int64_t most = 1;
    for (int64_t i = 0; i < rows; i++)
        while (most < length && p[i * length + most] != TOKEN_PAD)
            most++;
    return most;
}

static void trim_input(tp_tensor **x, tp_tensor **y)
{
    (void)y;
    *x = tp_narrow(*x, 1, 0, tokens_longest(*x));
}

static void trim_both(tp_tensor **x, tp_tensor **y)
{
    const int64_t length = tokens_longest(*x);
    *x = tp_narrow(*x, 1, 0, length);
    *y = tp_narrow(*y, 1, 0, length);
}

extern const task task_text_classes, task_tags;
const task task_text_classes = { .name = "text classes",
                                 .check = classes_check,
                                 .loss = classes_loss,
                                 .add = classes_add,
                                 .trim = trim_input,
                                 .best_of = "accuracy",
                                 .verb = "predict",
                                 .words = "TEXT" };
const task task_tags = { .name = "tags",
                         .check = classes_check,
                         .loss = classes_loss,
                         .add = classes_add,
                         .trim = trim_both,
                         .best_of = "loss",
                         .verb = "predict",
                         .words = "'A TEXT'" };
