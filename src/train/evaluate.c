/* evaluate.c - one pass over a dataset without learning.
 *
 * Loss and probabilities are summed in double, example by example in the dataset's order, so that they do not depend on
 * threads.  Layer: train.  Depends on data, nn.  Read next: evaluate.h, run.c. */
#include "train/evaluate.h"

#include <math.h>
#include <string.h>

/* ---- what an example adds ---------------------------------------------------------------------------------------- */

int64_t answer_of(const float *logits, int64_t classes, int64_t stride)
{
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
        if (logits[k * stride] > logits[best * stride])
            best = k;
    return best;
}

static bool usable(const tp_tensor *logits, const tp_tensor *y)
{
    return logits && y && tp_ndim(logits) == 2 && tp_dtype_of(logits) == TP_F32 && tp_size(logits, 1) > 0 &&
           tp_size(y, 0) == tp_size(logits, 0);
}

/* How many classes are likelier than the true one, or as likely and before it. */
static int64_t rank_of(const float *logits, int64_t classes, int64_t stride, int64_t truth)
{
    float own = logits[truth * stride];
    int64_t rank = 0;
    for (int64_t k = 0; k < classes; k++)
        rank += logits[k * stride] > own || (logits[k * stride] == own && k < truth);
    return rank;
}

int64_t count_right(const tp_tensor *logits, const tp_tensor *labels)
{
    bool mixed = labels && tp_ndim(labels) == 2; /* probabilities: the likeliest is the label */
    if (!usable(logits, labels) || tp_dtype_of(labels) != (mixed ? TP_F32 : TP_I64))
        return 0;
    const float *x = tp_data(logits);
    const void *y = tp_data(labels);
    int64_t right = 0, row = tp_stride(logits, 0), column = tp_stride(logits, 1), step = tp_stride(labels, 0);
    for (int64_t i = 0; i < tp_size(logits, 0); i++)
        right += answer_of(x + i * row, tp_size(logits, 1), column) ==
                 (mixed ? answer_of((const float *)y + i * step, tp_size(labels, 1), 1)
                        : ((const int64_t *)y)[i * step]);
    return right;
}

void as_rows(tp_tensor **answers, tp_tensor **targets, bool classes)
{
    tp_tensor *x = *answers, *y = *targets;
    if (!x || !y || tp_ndim(y) != 2)
        return;
    if (classes && tp_dtype_of(y) == TP_I64 && tp_ndim(x) == 3) {
        *answers = tp_flatten(x, 0, 1);
        *targets = tp_flatten(y, 0, 1);
    } else if (!classes && tp_ndim(x) == 2 && tp_size(y, 1) > 1 && tp_size(x, 1) == tp_size(y, 1)) {
        *answers = tp_reshape(x, TP_SHAPE(-1, 1));
        *targets = tp_reshape(y, TP_SHAPE(-1, 1));
    }
}

/* Keeps the worst ones, worst first; of equals those that came first. */
static void note_mistake(evaluation *e, mistake m)
{
    int at = e->n_mistakes;
    while (at > 0 && m.probability > e->mistakes[at - 1].probability)
        at--;
    if (at == MISTAKES)
        return;
    int last = e->n_mistakes < MISTAKES ? e->n_mistakes++ : MISTAKES - 1;
    memmove(e->mistakes + at + 1, e->mistakes + at, (size_t)(last - at) * sizeof m);
    e->mistakes[at] = m;
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
    r->confusion[truth * r->classes + answer]++;
    r->top5 += rank_of(logits, outputs, stride, truth) < 5;
    if (answer != truth)
        note_mistake(e, (mistake){ example, (double)truth, (double)answer, 1 / sum, exp(log_truth) });
}

static void add_value(evaluation *e, double value, double truth, int64_t example)
{
    double error = value - truth;
    e->result.loss += error * error;
    note_mistake(e, (mistake){ example, truth, value, fabs(error), NAN });
}

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

static tp_status add_batch(evaluation *e, tp_tensor *logits, const tp_batch *b)
{
    tp_tensor *targets = b->y;
    int64_t classes = e->result.classes;
    as_rows(&logits, &targets, classes);
    if (tp_pending())
        return tp_error_pending();
    const int64_t rows = tp_size(targets, 0), each = rows / b->n,
                  outputs = tp_ndim(logits) == 2 ? tp_size(logits, 1) : 0;
    if (!usable(logits, targets) || rows != tp_numel(targets) || outputs != (classes ? classes : 1))
        return tp_fail(TP_ERR_SHAPE, "evaluate: the network does not answer with f32 numbers (%lld, %lld)",
                       (long long)tp_numel(targets), (long long)(classes ? classes : 1));
    const float *x = tp_data(logits);
    const void *y = tp_data(targets);
    int64_t row = tp_stride(logits, 0), column = tp_stride(logits, 1);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t example = b->examples[i / each], truth = classes ? ((const int64_t *)y)[i] : 0;
        if (!classes) {
            add_value(e, (double)x[i * row], (double)((const float *)y)[i], example);
        } else if (truth == TP_IGNORED && each > 1) {
            continue;
        } else if (truth < 0 || truth >= classes) {
            return tp_fail(TP_ERR_INDEX, "evaluate: example %lld has class %lld, the network knows %lld",
                           (long long)example, (long long)truth, (long long)classes);
        } else {
            add_class(e, x + i * row, outputs, column, truth, example);
        }
        e->result.examples++;
    }
    return TP_OK;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Shares by class: of those answered so, of those that are so; NaN where there are none. */
static void finish(tp_eval_result *r)
{
    int64_t n = r->classes, right = 0, present = 0;
    r->loss /= (double)r->examples;
    for (int64_t k = 0; k < n; k++) {
        int64_t truths = 0, answers = 0, both = r->confusion[k * n + k];
        for (int64_t i = 0; i < n; i++) {
            truths += r->confusion[k * n + i];
            answers += r->confusion[i * n + k];
        }
        r->precision[k] = answers ? (double)both / (double)answers : NAN;
        r->recall[k] = truths ? (double)both / (double)truths : NAN;
        r->f1[k] = truths + answers ? 2 * (double)both / (double)(truths + answers) : NAN;
        right += both;
        present += truths + answers > 0;
        r->macro_precision += answers ? r->precision[k] : 0;
        r->macro_recall += truths ? r->recall[k] : 0;
        r->macro_f1 += truths + answers ? r->f1[k] : 0;
    }
    r->accuracy = n ? (double)right / (double)r->examples : (double)NAN;
    r->top5 = n ? r->top5 / (double)r->examples : (double)NAN;
    r->macro_precision /= (double)present; /* NaN for regressions */
    r->macro_recall /= (double)present;
    r->macro_f1 /= (double)present;
}

static tp_status make_room(tp_eval_result *r, int64_t classes)
{
    *r = (tp_eval_result){ 0 };
    int64_t cells, bytes;
    if (!classes)
        return TP_OK;
    if (!tp_mul_fits(classes, classes, &cells) || !tp_mul_fits(cells, (int64_t)sizeof(int64_t), &bytes))
        return tp_fail(TP_ERR_MEMORY, "evaluate: %lld classes", (long long)classes);
    size_t n = (size_t)classes * sizeof(double);
    r->classes = classes;
    r->confusion = tp_calloc((size_t)bytes);
    r->precision = tp_calloc(n);
    r->recall = tp_calloc(n);
    r->f1 = tp_calloc(n);
    return tp_error_pending();
}

void tp_eval_free(tp_eval_result *r)
{
    size_t n = (size_t)r->classes * sizeof(double);
    tp_free(r->confusion, (size_t)(r->classes * r->classes) * sizeof *r->confusion);
    tp_free(r->precision, n);
    tp_free(r->recall, n);
    tp_free(r->f1, n);
    *r = (tp_eval_result){ 0 };
}

void evaluation_free(evaluation *e)
{
    tp_eval_free(&e->result);
}

/* How many classes the network knows at each target; at least those of the data, as it was checked to be. */
static int64_t outputs_of(tp_module *net, tp_dataset *d, tp_transform *transform, tp_status *status)
{
    TP_SCOPE;
    tp_shape example, input = { .ndim = 1, .dim = { 1 } };
    tp_dry_run_total total = { 0 };
    *status = tp_transform_shape(transform, tp_dataset_shape(d), &example);
    if (*status)
        return 0;
    for (int i = 0; i < example.ndim; i++)
        input.dim[input.ndim++] = example.dim[i];
    tp_dry_run(&total);
    tp_tensor *y = tp_forward(net, tp_zeros(input));
    tp_dry_run(NULL);
    *status = tp_error_pending();
    return y ? tp_numel(y) / tp_dataset_targets(d) : 0;
}

static tp_status run_batches(tp_module *net, tp_loader *loader, evaluation *e)
{
    for (tp_batch b; tp_loader_next(loader, &b);) {
        TP_SCOPE;
        if (add_batch(e, tp_forward(net, b.x), &b))
            break;
    }
    return tp_error_pending();
}

tp_status evaluate(tp_module *net, tp_dataset *d, tp_transform *transform, int64_t batch_size, int workers,
                   evaluation *e)
{
    TP_SCOPE;
    TP_NO_GRAD;
    *e = (evaluation){ 0 };
    if (tp_pending())
        return tp_error_pending();
    tp_status status;
    bool training = tp_is_training(net);
    tp_eval(net);
    int64_t outputs = outputs_of(net, d, transform, &status);
    if (!status && tp_dataset_count(d) == 0)
        status = tp_fail(TP_ERR_ARGUMENT, "evaluate: the dataset has no examples");
    if (!status)
        status = make_room(&e->result, tp_dataset_classes(d) ? outputs : 0);
    if (!status) {
        tp_loader *loader = tp_loader_new(d, batch_size, .workers = workers, .transform = transform);
        status = loader ? run_batches(net, loader, e) : tp_error_pending();
    }
    tp_train(net, training);
    if (status)
        evaluation_free(e);
    else
        finish(&e->result);
    return status;
}
