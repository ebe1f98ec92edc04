/* task_classes.c - to learn a class an example, or a class at each place of it: softmax and cross-entropy.
 *
 *   answers (N, outputs) to labels i64 (N) or probabilities (N, classes), or (N, T, outputs) to labels (N, T); an output that no
 *   class uses is a class without examples.
 * Layer: train.  Depends on task.h.  Read next: task_language.c, task_values.c, evaluate.c. */
#include "base/parallel.h"
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

/* What there is to say about an answer. */
typedef struct judged {
    int64_t answer,
        rank; /* rank: how many classes are likelier than the true one, or as likely and before it */
    double share, log_truth; /* the probability of the answer, the logarithm of the truth's */
} judged;

typedef struct judging {
    const float *x; /* logits */
    const int64_t *truth;
    int64_t classes, row, column; /* strides */
    judged *out;
} judging;

static judged judge(const judging *j, const float *logits, int64_t truth)
{
    const int64_t n = j->classes, stride = j->column;
    const float own = logits[truth * stride];
    judged out = { .answer = answer_of(logits, n, stride) };
    const float top = logits[out.answer * stride];
    double sum = 0;
    if (n > MOST_CONFUSED) /* single precision is enough where so many are summed, and a third of the time */
        for (int64_t k = 0; k < n; k++)
            sum += (double)expf(logits[k * stride] - top);
    else
        for (int64_t k = 0; k < n; k++)
            sum += exp((double)logits[k * stride] - (double)top);
    for (int64_t k = 0; k < truth; k++)
        out.rank += logits[k * stride] >= own;
    for (int64_t k = truth + 1; k < n; k++)
        out.rank += logits[k * stride] > own;
    out.share = 1 / sum;
    out.log_truth = (double)own - (double)top - log(sum);
    return out;
}

static void judge_rows(void *context, int64_t begin, int64_t end)
{
    const judging *j = context;
    for (int64_t i = begin; i < end; i++)
        if (j->truth[i] >= 0 && j->truth[i] < j->classes)
            j->out[i] = judge(j, j->x + i * j->row, j->truth[i]);
}

static void add_class(evaluation *e, const judged *j, int64_t truth, int64_t example)
{
    tp_eval_result *r = &e->result;
    r->examples++;
    r->loss -= j->log_truth;
    if (r->confusion)
        r->confusion[truth * r->classes + j->answer]++;
    e->counts[truth].truths++;
    e->counts[j->answer].answers++;
    e->counts[truth].both += truth == j->answer;
    r->top5 += j->rank < 5;
    if (j->answer != truth)
        evaluation_mistake(e, (mistake){ example, (double)truth, (double)j->answer, j->share,
                                         exp(j->log_truth) });
}

static tp_status add_rows(evaluation *e, const setup *s, judging *j, int64_t rows, const tp_batch *b)
{
    enum { GRAIN = 1 << 14 }; /* logits that are worth a thread */
    parallel_for(rows, 1 + GRAIN / j->classes, judge_rows, j);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t example = b->examples[i / (rows / b->n)], truth = j->truth[i];
        if (truth == TP_IGNORED && s->targets > 1)
            continue;
        if (truth < 0 || truth >= j->classes)
            return tp_fail(TP_ERR_INDEX, "evaluate: example %lld has class %lld, the network knows %lld",
                           (long long)example, (long long)truth, (long long)j->classes);
        add_class(e, &j->out[i], truth, example);
    }
    return TP_OK;
}

tp_status classes_add(evaluation *e, const setup *s, tp_tensor *y, const tp_batch *b)
{
    tp_tensor *labels = b->y;
    const int64_t classes = e->result.classes;
    as_rows(&y, &labels, true);
    labels = tp_contiguous(labels); /* a trimmed batch's are not */
    if (tp_pending())
        return tp_error_pending();
    const int64_t rows = tp_size(labels, 0);
    if (!answers_fit(y, labels) || rows != tp_numel(labels) || tp_size(y, 1) != classes)
        return tp_fail(TP_ERR_SHAPE, "evaluate: the network does not answer with f32 numbers (%lld, %lld)",
                       (long long)tp_numel(labels), (long long)classes);
    const size_t bytes = (size_t)rows * sizeof(judged);
    judging j = { .x = tp_data(y),
                  .truth = tp_data(labels),
                  .classes = classes,
                  .row = tp_stride(y, 0),
                  .column = tp_stride(y, 1),
                  .out = tp_alloc(bytes) };
    if (j.out)
        add_rows(e, s, &j, rows, b);
    tp_free(j.out, j.out ? bytes : 0);
    return tp_error_pending();
}

extern const task task_classes, task_labels;
const task task_classes = {
    .name = "classes", .check = classes_check, .loss = classes_loss, .add = classes_add, .best_of = "accuracy"
};
const task task_labels = {
    .name = "labels", .check = classes_check, .loss = classes_loss, .add = classes_add, .best_of = "loss"
};
