/* task_classes.c - to learn a class an example, or a class at each place of it: softmax and cross-entropy.
 *
 *   answers (N, outputs) to labels i64 (N) or probabilities (N, classes), or (N, T, outputs) to labels (N, T); an output that no
 *   class uses is a class without examples.
 * Layer: train.  Depends on task.h, data/text.h.  Read next: task_values.c, evaluate.c. */
#include "data/text.h"
#include "train/task.h"

#include <math.h>

tp_status classes_check(const setup *s, const tp_tensor *y, int64_t *outputs)
{
    const int dims = s->targets > 1 ? 3 : 2;
    const int64_t found = tp_ndim(y) == dims ? tp_size(y, dims - 1) : 0;
    const bool fits = tp_size(y, 0) == 1 && (dims == 2 || tp_size(y, 1) == s->targets);
    if (!fits || found < s->classes)
        return tp_fail(TP_ERR_SHAPE, "%s answers with %lld numbers an example, %s wants %lld",
                       s->config.model, (long long)tp_numel(y), s->config.data,
                       (long long)(s->targets * s->classes));
    *outputs = found;
    return TP_OK;
}

tp_tensor *classes_loss(const setup *s, tp_tensor *y, tp_tensor *truth, tp_tensor *class_weights)
{
    as_rows(&y, &truth, true);
    if (tp_pending())
        return NULL;
    int64_t unused = tp_ndim(truth) == 2 ? tp_size(y, 1) - tp_size(truth, 1) : 0;
    if (unused > 0) /* mixed labels; outputs that no class uses have none of them */
        truth = tp_cat((tp_tensor *[]){ truth, tp_zeros(TP_SHAPE(tp_size(truth, 0), unused)) }, 2, 1);
    return tp_cross_entropy(y, truth, .label_smoothing = s->config.label_smoothing, .weight = class_weights);
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

/* How many classes are likelier than the true one, or as likely and before it. */
static int64_t rank_of(const float *logits, int64_t classes, int64_t stride, int64_t truth)
{
    float own = logits[truth * stride];
    int64_t rank = 0;
    for (int64_t k = 0; k < classes; k++)
        rank += logits[k * stride] > own || (logits[k * stride] == own && k < truth);
    return rank;
}

static void add_class(evaluation *e, const float *logits, int64_t outputs, int64_t stride, int64_t truth,
                      int64_t example)
{
    tp_eval_result *r = &e->result;
    int64_t answer = answer_of(logits, outputs, stride);
    double top = (double)logits[answer * stride], sum = 0;
    for (int64_t k = 0; k < outputs; k++)
        sum += exp((double)logits[k * stride] - top);
    double log_truth = (double)logits[truth * stride] - top - log(sum);
    r->loss -= log_truth;
    if (r->confusion)
        r->confusion[truth * r->classes + answer]++;
    e->counts[truth].truths++;
    e->counts[answer].answers++;
    e->counts[truth].both += truth == answer;
    r->top5 += rank_of(logits, outputs, stride, truth) < 5;
    if (answer != truth)
        evaluation_mistake(e, (mistake){ example, (double)truth, (double)answer, 1 / sum, exp(log_truth) });
}

tp_status classes_add(evaluation *e, const setup *s, tp_tensor *y, const tp_batch *b)
{

    tp_tensor *labels = b->y;
    const int64_t classes = e->result.classes;
    as_rows(&y, &labels, true);
    labels = tp_contiguous(labels); /* a trimmed batch's are not */
    if (tp_pending())
        return tp_error_pending();
    const int64_t rows = tp_size(labels, 0), each = rows / b->n;
    if (!answers_fit(y, labels) || rows != tp_numel(labels) || tp_size(y, 1) != classes)
        return tp_fail(TP_ERR_SHAPE, "evaluate: the network does not answer with f32 numbers (%lld, %lld)",
                       (long long)tp_numel(labels), (long long)classes);
    const float *x = tp_data(y);
    const int64_t *truth = tp_data(labels), row = tp_stride(y, 0), column = tp_stride(y, 1);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t example = b->examples[i / each];
        if (truth[i] == TP_IGNORED && s->targets > 1)
            continue;
        if (truth[i] < 0 || truth[i] >= classes)
            return tp_fail(TP_ERR_INDEX, "evaluate: example %lld has class %lld, the network knows %lld",
                           (long long)example, (long long)truth[i], (long long)classes);
        add_class(e, x + i * row, classes, column, truth[i], example);
        e->result.examples++;
    }
    return TP_OK;
}

/* ---- a language -------------------------------------------------------------------------------------------------- */

/* The loss in a measure that does not depend on what the units are: bits of a byte of the text. */
static tp_status measure_bits(evaluation *e, const setup *s, tp_module *net, tp_dataset *d,
                              tp_transform *transform)
{
    (void)s, (void)net, (void)transform;
    const int64_t bytes = text_bytes(d);
    if (bytes)
        evaluation_figure(e, "bits per byte",
                          e->result.loss * (double)e->result.examples / (double)bytes / M_LN2);
    return TP_OK;
}

extern const task task_classes, task_labels, task_language;
const task task_classes = {
    .name = "classes", .check = classes_check, .loss = classes_loss, .add = classes_add, .best_of = "accuracy"
};
const task task_labels = {
    .name = "labels", .check = classes_check, .loss = classes_loss, .add = classes_add, .best_of = "loss"
};
const task task_language = { .name = "language",
                             .check = classes_check,
                             .loss = classes_loss,
                             .add = classes_add,
                             .measure = measure_bits,
                             .best_of = "loss",
                             .report = report_text,
                             .verb = "generate",
                             .words = "--length 500" };
