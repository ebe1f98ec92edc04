/* evaluate.c - one pass over a dataset without learning.
 *
 * Loss and probabilities are summed in double, example by example in the dataset's order, so that they do not depend on
 * threads.  Layer: train.  Depends on data, nn.  Read next: evaluate.h, run.c. */
#include "train/evaluate.h"

#include "train/task.h"

#include <math.h>
#include <string.h>

/* ---- answers and what is noted of them ---------------------------------------------------------------------------------------- */

int64_t answer_of(const float *logits, int64_t classes, int64_t stride)
{
    int64_t best = 0;
    float top = *logits;
    for (int64_t k = 1; k < classes; k++) {
        logits += stride;
        if (*logits > top)
            top = *logits, best = k;
    }
    return best;
}

bool answers_fit(const tp_tensor *logits, const tp_tensor *y)
{
    return logits && y && tp_ndim(logits) == 2 && tp_dtype_of(logits) == TP_F32 && tp_size(logits, 1) > 0 &&
           tp_size(y, 0) == tp_size(logits, 0);
}

int64_t count_right(const tp_tensor *logits, const tp_tensor *labels)
{
    bool mixed = labels && tp_ndim(labels) == 2; /* probabilities: the likeliest is the label */
    if (!answers_fit(logits, labels) || tp_dtype_of(labels) != (mixed ? TP_F32 : TP_I64))
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

void evaluation_mistake(evaluation *e, mistake m)
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

void evaluation_figure(evaluation *e, const char *name, double value)
{
    tp_eval_result *r = &e->result;
    if (r->n_figures == TP_MAX_FIGURES)
        return;
    tp_figure *f = &r->figures[r->n_figures++];
    snprintf(f->name, sizeof f->name, "%s", name);
    f->value = value;
}

double result_best(const tp_eval_result *r, const char *best_of)
{
    if (!strcmp(best_of, "accuracy"))
        return r->accuracy;
    if (!strcmp(best_of, "loss"))
        return r->loss;
    for (int i = 0; i < r->n_figures; i++)
        if (!strcmp(r->figures[i].name, best_of))
            return r->figures[i].value;
    return NAN;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Shares by class: of those answered so, of those that are so; NaN where there are none. */
static void finish(evaluation *e)
{
    tp_eval_result *r = &e->result;
    int64_t n = r->classes, right = 0, present = 0;
    r->loss /= (double)r->examples;
    for (int64_t k = 0; k < n; k++) {
        const int64_t truths = e->counts[k].truths, answers = e->counts[k].answers, both = e->counts[k].both;
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

static tp_status make_room(evaluation *e, int64_t classes)
{
    tp_eval_result *r = &e->result;
    if (!classes)
        return TP_OK;
    size_t n = (size_t)classes * sizeof(double);
    r->classes = classes;
    e->counts = tp_calloc((size_t)classes * sizeof *e->counts);
    if (classes <= MOST_CONFUSED)
        r->confusion = tp_calloc((size_t)(classes * classes) * sizeof *r->confusion);
    r->precision = tp_calloc(n);
    r->recall = tp_calloc(n);
    r->f1 = tp_calloc(n);
    return tp_error_pending();
}

void tp_eval_free(tp_eval_result *r)
{
    size_t n = (size_t)r->classes * sizeof(double);
    tp_free(r->confusion, r->confusion ? (size_t)(r->classes * r->classes) * sizeof *r->confusion : 0);
    tp_free(r->precision, n);
    tp_free(r->recall, n);
    tp_free(r->f1, n);
    *r = (tp_eval_result){ 0 };
}

static void free_counts(evaluation *e)
{
    tp_free(e->counts, e->counts ? (size_t)e->result.classes * sizeof *e->counts : 0);
    e->counts = NULL;
}

void evaluation_free(evaluation *e)
{
    free_counts(e);
    tp_eval_free(&e->result);
}

/* Whether answers are made some at a time (task_classes.c). */
static bool by_head(const setup *s, const tp_module *net)
{
    return task_of(s)->add == classes_add && tp_module_has_head(net);
}

static tp_status run_batches(const setup *s, tp_module *net, tp_loader *loader, evaluation *e)
{
    const task *row = task_of(s);
    for (tp_batch b; tp_loader_next(loader, &b);) {
        TP_SCOPE;
        if (row->trim)
            row->trim(&b.x, &b.y);
        tp_tensor *y = NULL;
        if (!row->prepare || !row->prepare(s, 0, &b))
            y = by_head(s, net) ? tp_forward_body(net, b.x, &e->head) : tp_forward(net, b.x);
        if (!y || row->add(e, s, y, &b))
            break;
    }
    return tp_error_pending();
}

/* What a network makes of many places, or answers of a large vocabulary, fill memory: a batch has so many examples as fit, where it
 * means nothing how many they are. */
static int64_t fitting(const setup *s, const tp_module *net, int64_t batch_size, int64_t outputs)
{
    const int64_t most = by_head(s, net) ? 1 << 13 /* places */ : (int64_t)1 << 25 /* numbers */,
                  each = by_head(s, net) ? s->targets : s->targets * outputs,
                  fits = each > 0 && each < most ? most / each : 1;
    return s->config.carry || task_of(s)->trim || fits > batch_size ? batch_size : fits;
}

static tp_status measure(const setup *s, tp_module *net, tp_dataset *d, tp_transform *transform,
                         int64_t batch_size, evaluation *e)
{
    const task *row = task_of(s);
    int64_t outputs;
    if (tp_dataset_count(d) == 0)
        return tp_fail(TP_ERR_ARGUMENT, "evaluate: the dataset has no examples");
    if (setup_outputs(s, net, &outputs) || make_room(e, s->classes ? outputs : 0))
        return tp_error_pending();
    tp_loader *loader =
        tp_loader_new(d, fitting(s, net, batch_size, outputs), .workers = s->config.workers,
                      .transform = transform, .streams = s->config.carry, .bucket = row->trim != NULL);
    if (!loader || tp_rnn_carry(net, s->config.carry) || run_batches(s, net, loader, e))
        return tp_error_pending();
    finish(e);
    free_counts(e);
    return row->measure ? row->measure(e, s, net, d, transform) : TP_OK;
}

tp_status evaluate(const setup *s, tp_module *net, tp_dataset *d, tp_transform *transform, int64_t batch_size,
                   evaluation *e)
{
    TP_SCOPE;
    TP_NO_GRAD;
    *e = (evaluation){ 0 };
    if (tp_pending())
        return tp_error_pending();
    bool training = tp_is_training(net);
    tp_eval(net);
    tp_status status = measure(s, net, d, transform, batch_size, e);
    tp_rnn_carry(net, s->config.carry); /* forgets the states */
    tp_train(net, training);
    if (status)
        evaluation_free(e);
    return status;
}
