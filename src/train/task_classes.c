/* task_classes.c - to learn a class an example, or a class at each place of it: softmax and cross-entropy.
 *
 *   answers (N, outputs) to labels i64 (N) or probabilities (N, classes), or (N, T, outputs) to labels (N, T); an output that no
 *   class uses is a class without examples.  An evaluation makes answers of a network with a head (taper/nn.h) a block of rows at a
 *   time, those of ignored places never.
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
    const int64_t *truth;  /* of each place */
    const int64_t *places; /* of those that count, the ones at hand */
    const float *x;        /* logits of all places, or packed: of those at hand */
    bool packed;
    int64_t classes, row, column; /* strides */
    judged *out;                  /* of those at hand */
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
    for (int64_t i = begin; i < end; i++) {
        const int64_t place = j->places[i], truth = j->truth[place];
        if (truth >= 0 && truth < j->classes)
            j->out[i] = judge(j, j->x + (j->packed ? i : place) * j->row, truth);
    }
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

static tp_status add_answers(evaluation *e, judging *j, tp_tensor *answers, int64_t n, const tp_batch *b)
{
    enum { GRAIN = 1 << 14 }; /* logits that are worth a thread */
    if (!answers)
        return tp_error_pending();
    j->x = tp_data(answers), j->row = tp_stride(answers, 0), j->column = tp_stride(answers, 1);
    parallel_for(n, 1 + GRAIN / j->classes, judge_rows, j);
    for (int64_t i = 0; i < n; i++) {
        const int64_t place = j->places[i], truth = j->truth[place],
                      example = b->examples[place / (tp_numel(b->y) / b->n)];
        if (truth < 0 || truth >= j->classes)
            return tp_fail(TP_ERR_INDEX, "evaluate: example %lld has class %lld, the network knows %lld",
                           (long long)example, (long long)truth, (long long)j->classes);
        add_class(e, &j->out[i], truth, example);
    }
    return TP_OK;
}

/* Of rows (R, D) that the body made, the answers of a block at a time: 52 MB, as in training (ops/linear_cross_entropy.c). */
static tp_status add_blocks(evaluation *e, judging *j, tp_tensor *rows, int64_t n, const tp_batch *b)
{
    const int64_t *all = j->places, most = 16 + (13 << 20) / j->classes;
    j->packed = true;
    for (int64_t at = 0, count; at < n && !tp_pending(); at += count) {
        TP_SCOPE;
        count = n - at < most ? n - at : most;
        j->places = all + at;
        tp_tensor *x = tp_index_select(rows, 0, tp_tensor_copied(j->places, TP_I64, TP_SHAPE(count)));
        add_answers(e, j, tp_linear(x, e->head.weight, e->head.bias), count, b);
    }
    return tp_error_pending();
}

tp_status classes_add(evaluation *e, const setup *s, tp_tensor *y, const tp_batch *b)
{
    tp_tensor *labels = b->y;
    const int64_t classes = e->result.classes;
    as_rows(&y, &labels, true);
    labels = tp_contiguous(labels); /* a trimmed batch's are not */
    if (tp_pending())
        return tp_error_pending();
    const int64_t rows = tp_size(labels, 0),
                  outputs = e->head.weight ? tp_size(e->head.weight, 0) : tp_size(y, -1);
    if (!answers_fit(y, labels) || rows != tp_numel(labels) || outputs != classes)
        return tp_fail(TP_ERR_SHAPE, "evaluate: the network does not answer with f32 numbers (%lld, %lld)",
                       (long long)tp_numel(labels), (long long)classes);
    const size_t bytes = (size_t)rows * sizeof(judged), places_bytes = (size_t)rows * sizeof(int64_t);
    int64_t *places = tp_alloc(places_bytes), n = 0;
    judging j = { .truth = tp_data(labels), .places = places, .classes = classes, .out = tp_alloc(bytes) };
    for (int64_t i = 0; i < rows && places; i++)
        if (j.truth[i] != TP_IGNORED || s->targets == 1)
            places[n++] = i;
    if (!tp_pending())
        (void)(e->head.weight ? add_blocks(e, &j, y, n, b) : add_answers(e, &j, y, n, b));
    tp_free(places, places ? places_bytes : 0);
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
