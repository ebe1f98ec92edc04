/* loop.c - the training loop: steps, epochs, evaluation, checkpoints.
 *
 * Invariants, which make a resumed run the same bits as one that never stopped:
 *  1. Every random draw is a function of (seed, epoch, batch): the loader's seed of (seed, epoch), the thread's
 *     generator of (seed, global step, which of the step's batches).
 *  2. state, weights, their means, optimizer, schedule and what recurrent layers carry on are all that a step leaves behind; last/
 *     holds them all.
 *  3. An epoch's end writes metrics.jsonl, evaluation.json, best/, last/, report.html in this order; a run that is
 *     killed in between goes on from the last/ before and writes the same again.
 *  4. Of several processes each learns from its own of a step's batches; all have the same gradients, state and weights before and after
 *     each step, measure the same, and stop after the same one.  The first writes.
 * Layer: train.  Depends on data, nn, optim.  Read next: train.c, checkpoint.c, metrics.c. */
#include "train/loop.h"

#include "dist/dist.h"
#include "train/board_run.h"
#include "train/evaluate.h"
#include "train/layer_times.h"
#include "train/metrics.h"
#include "train/robust.h"
#include "train/task.h"

#include <math.h>
#include <string.h>
#include <time.h>

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- randomness -------------------------------------------------------------------------------------------------- */

/* The finaliser of splitmix64: near numbers become far ones. */
static uint64_t mixed(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t loop_epoch_seed(uint64_t seed, int64_t epoch)
{
    return mixed(mixed(seed) ^ (uint64_t)(epoch + 1));
}

/* Streams of the initialisation lie below 2^24, those of step n from (n + 1) 2^24 on, 2^14 for each of its batches. */
static void seed_batch(const trainer *t, int64_t batch)
{
    const uint64_t place = (uint64_t)(batch % t->config->accumulate);
    tp_set_rng_state((tp_rng){ .seed = t->config->seed,
                               .stream = ((uint64_t)(t->state.global_step + 1) << 24) + (place << 14) });
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

static tp_status loss_failure(const trainer *t, const char *which, double loss)
{
    return tp_fail(TP_ERR_STATE,
                   "train: the %s loss is %g in epoch %lld, step %lld, at learning rate %g; a lower "
                   "rate or a clip_norm may help; %s/last is the checkpoint before it",
                   which, loss, (long long)t->state.epoch + 1, (long long)t->state.step + 1,
                   tp_lr(t->optim, 0), t->folder);
}

/* That of auxiliary classifiers comes to it, with their weights; what has no dimensions can be no answer and is a loss itself. */
static tp_tensor *with_aux(const trainer *t, tp_tensor *loss, tp_tensor *truth)
{
    double weight;
    const task *row = task_of(t->setup);
    for (tp_tensor *beside; (beside = tp_take_aux(t->net, &weight));)
        loss = tp_add(loss,
                      tp_mul(tp_ndim(beside) ? row->loss(t->setup, beside, truth, t->class_weights) : beside,
                             weight));
    return loss;
}

enum { TIMED_STEP = 3 }; /* the first in which all memory is there already; of every run the same */

/* The targets that count; the batch's examples where each has one. */
static int64_t targets_of(const trainer *t, const tp_batch *b)
{
    if (t->setup->targets < 2)
        return b->n;
    const int64_t all = tp_numel(b->y);
    if (!t->setup->classes)
        return all;
    tp_tensor *labels = tp_contiguous(b->y); /* a trimmed batch's are not */
    int64_t ignored = 0;
    for (int64_t i = 0; i < all && labels; i++)
        ignored += ((const int64_t *)tp_data(labels))[i] == TP_IGNORED;
    return all - ignored;
}

/* What a batch's mean loss is a mean over: its targets, or the weights of their classes (not where labels are mixed). */
static double weight_of(const trainer *t, const tp_batch *b, int64_t targets)
{
    if (!t->class_weights || tp_dtype_of(b->y) != TP_I64)
        return (double)targets;
    const float *weights = tp_data(t->class_weights);
    const int64_t *y = tp_data(b->y);
    double sum = 0;
    for (int64_t i = 0; i < b->n; i++)
        sum += (double)weights[y[i]];
    return sum;
}

static tp_status backward(const trainer *t, tp_tensor *loss, double weight)
{
    return tp_backward(t->config->accumulate > 1 ? tp_mul(loss, weight) : loss);
}

/* Whether the loss can be made without the answer: as tp_forward_loss makes it. */
static bool loss_needs_no_answer(const trainer *t, const tp_tensor *truth)
{
    return tp_module_has_head(t->net) && t->setup->classes && !t->class_weights &&
           t->config->label_smoothing == 0 && truth && tp_dtype_of(truth) == TP_I64 && tp_ndim(truth) == 2;
}

/* The loss of a batch's input; NULL, or how many of its targets are the likeliest into *right. */
static tp_tensor *forward_loss(const trainer *t, const robust_batch *r, tp_tensor *truth, layer_times *times,
                               int64_t *right)
{
    tp_tensor *correct = NULL, *y = NULL, *loss;
    if (loss_needs_no_answer(t, truth)) {
        loss = with_aux(t, tp_forward_loss(t->net, r->x, truth, TP_IGNORED, &correct), truth);
        layer_times_forward_done(times);
    } else {
        y = tp_forward(t->net, r->x);
        layer_times_forward_done(times);
        loss = with_aux(t, task_of(t->setup)->loss(t->setup, y, truth, t->class_weights), truth);
        as_rows(&y, &truth, t->setup->classes);
    }
    if (right && t->setup->classes)
        *right = correct ? (int64_t)tp_item(correct) : count_right(y, truth);
    return robust_loss(t, r, loss);
}

/* The batch once more, with embeddings that are moved against the network. */
static tp_status learn_moved(const trainer *t, const robust_batch *r, tp_tensor *truth, double weight,
                             adversary *a)
{
    if (!adversary_move(a, t->config->adversarial))
        backward(t, forward_loss(t, r, truth, NULL, NULL), weight);
    return adversary_end(a);
}

/* Adds a batch's gradient to the step's.  Of several batches each counts by its weight, and finish_step divides by their sum:
 * the mean over all examples of the step, as if they had been one batch. */
static tp_status learn_batch(trainer *t, const tp_batch *whole)
{
    TP_SCOPE;
    tp_batch trimmed = *whole;
    seed_batch(t, whole->index);
    const tp_batch *b = &trimmed;
    if (task_of(t->setup)->trim)
        task_of(t->setup)->trim(&trimmed.x, &trimmed.y);
    if (task_of(t->setup)->prepare && task_of(t->setup)->prepare(t->setup, t->state.epoch + 1, &trimmed))
        return tp_error_pending();
    robust_batch r;
    adversary moved;
    const bool moves = t->config->adversarial > 0;
    if (robust_begin(t, b, &r) || (moves && adversary_begin(&moved, t->net)))
        return tp_error_pending();
    bool timed = t->writes && t->state.global_step == TIMED_STEP - 1 && t->batch_weight == 0;
    layer_times *times = timed ? layer_times_begin(t->net) : NULL;
    int64_t right = 0;
    tp_tensor *loss = forward_loss(t, &r, b->y, times, &right);
    if (tp_pending())
        return tp_error_pending();
    const int64_t targets = targets_of(t, b);
    double value = tp_item(loss), weight = weight_of(t, b, targets);
    if (!isfinite(value))
        return loss_failure(t, "training", value);
    layer_times_backward(times);
    backward(t, loss, weight);
    layer_times_write(times, t->folder, TIMED_STEP, b->n);
    if (moves)
        learn_moved(t, &r, b->y, weight, &moved);
    t->batch_weight += weight;
    t->state.loss_sum += value * (double)targets;
    t->state.right += right;
    t->state.seen += targets;
    return tp_error_pending();
}

static void divide_gradients(const trainer *t)
{
    TP_SCOPE;
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(t->parameters) && !tp_pending(); i++) {
        tp_tensor *gradient = tp_grad(tp_params_at(t->parameters, i));
        if (gradient)
            tp_mul_(gradient, 1 / t->batch_weight);
    }
}

static void begin_step(trainer *t)
{
    tp_zero_grad(t->optim);
    t->batch_weight = 0;
}

/* What all processes learned in a step, from so many batches; `before` is the state that it began with. */
static tp_status join_step(trainer *t, const train_state *before, int64_t *batches)
{
    TP_SCOPE;
    train_state *s = &t->state;
    double sums[] = { (double)*batches, t->batch_weight, s->loss_sum - before->loss_sum,
                      (double)(s->right - before->right), (double)(s->seen - before->seen) };
    if (tp_dist_size() == 1 || dist_sum_numbers(sums, 5))
        return tp_error_pending();
    *batches = (int64_t)sums[0];
    t->batch_weight = sums[1];
    s->loss_sum = before->loss_sum + sums[2];
    s->right = before->right + (int64_t)sums[3];
    s->seen = before->seen + (int64_t)sums[4];
    if (!*batches || dist_sum_gradients(t->parameters))
        return tp_error_pending();
    tp_params *buffers = tp_buffers(t->net);
    dist_mean_of(buffers, "running_mean");
    return dist_mean_of(buffers, "running_var");
}

static tp_status finish_step(trainer *t)
{
    TP_SCOPE;
    if (t->config->accumulate > 1)
        divide_gradients(t);
    run_board_gradients(t);
    if (t->config->clip_norm > 0)
        tp_clip_grad_norm(t->parameters, t->config->clip_norm);
    if (tp_step(t->optim) || (t->ema && tp_ema_update(t->ema)))
        return tp_error_pending();
    tp_schedule_step(t->schedule);
    t->state.step++;
    t->state.global_step++;
    return tp_error_pending();
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

static tp_progress progress_of(const trainer *t, double rate)
{
    const train_state *s = &t->state;
    return (tp_progress){
        .epoch = s->epoch + 1,
        .epochs = t->config->epochs,
        .step = s->step,
        .steps = t->steps,
        .global_step = s->global_step,
        .loss = s->seen ? s->loss_sum / (double)s->seen : (double)NAN,
        .lr = tp_lr(t->optim, 0),
        .examples_per_second = rate,
        .seconds = clock_seconds() - t->begun,
        .train_loss = NAN,
        .train_accuracy = NAN,
        .test_loss = NAN,
        .test_accuracy = NAN,
        .best = s->best,
        .best_of = task_of(t->setup)->best_of,
    };
}

static bool go_on(trainer *t, const tp_progress *p)
{
    double stop = t->progress && !t->progress(t->context, p);
    dist_sum_numbers(&stop, 1);
    t->stopped = stop > 0;
    return !t->stopped;
}

/* ---- the end of an epoch ----------------------------------------------------------------------------------------- */

static bool is_better(const trainer *t, const tp_eval_result *r)
{
    const char *best_of = task_of(t->setup)->best_of;
    const double best = t->state.best, value = result_best(r, best_of);
    return isnan(best) || (strcmp(best_of, "accuracy") ? value < best : value > best);
}

static checkpoint checkpoint_of(trainer *t)
{
    return (checkpoint){ .model = t->config->model,
                         .net = t->net,
                         .optim = t->optim,
                         .ema = t->ema,
                         .carries = t->config->carry,
                         .state = &t->state };
}

static tp_status save(trainer *t, const char *name, const checkpoint *c)
{
    if (!t->writes)
        return tp_error_pending();
    t->state.optim_steps = tp_optim_steps(t->optim);
    t->state.schedule = tp_schedule_get(t->schedule);
    return checkpoint_write(t->folder, name, c);
}

tp_status loop_save_last(trainer *t)
{
    checkpoint c = checkpoint_of(t);
    return save(t, "last", &c);
}

/* Called while the network answers with the means, if there are any: they are its weights there, and nobody goes on from
 * best/. */
static tp_status save_best(trainer *t)
{
    checkpoint c = checkpoint_of(t);
    c.ema = NULL;
    c.carries = false;
    return save(t, "best", &c);
}

tp_status loop_load(trainer *t)
{
    checkpoint c = checkpoint_of(t);
    return tp_rnn_carry(t->net, c.carries) ? tp_error_pending() : checkpoint_read(t->folder, "last", &c);
}

/* Takes the results into the state; the epoch is done then. */
static void close_epoch(trainer *t, const tp_eval_result *r, tp_progress *p, double seconds)
{
    train_state *s = &t->state;
    p->epoch_done = true;
    p->seconds = seconds;
    p->train_loss = p->loss;
    p->train_accuracy = t->setup->classes ? (double)s->right / (double)s->seen : (double)NAN;
    p->test_loss = s->test_loss = r->loss;
    p->test_accuracy = s->test_accuracy = r->accuracy;
    p->figures = r->figures;
    p->n_figures = r->n_figures;
    p->is_best = is_better(t, r);
    s->without_gain++;
    s->epoch++;
    if (p->is_best) {
        s->best = result_best(r, task_of(t->setup)->best_of);
        s->best_epoch = s->epoch;
        s->without_gain = 0;
        memcpy(t->figures, r->figures, sizeof t->figures);
        t->n_figures = r->n_figures;
    }
    p->best = s->best;
    s->step = s->seen = s->right = 0;
    s->loss_sum = 0;
    if (!strcmp(t->config->schedule, "plateau")) /* the one that looks at a metric */
        tp_schedule_metric(t->schedule,
                           t->config->schedule_options.maximize && t->setup->classes ? r->accuracy : r->loss);
}

static tp_status write_epoch(trainer *t, const evaluation *e, const tp_progress *p)
{
    if (!t->writes || metrics_append(t->folder, p))
        return tp_error_pending();
    if (p->is_best && (evaluation_write(t->folder, t->setup, t->state.epoch, e) || save_best(t)))
        return tp_error_pending();
    return TP_OK;
}

/* Whatever the others' processors make of the last bits: all go by what the first process measured. */
static tp_status agree(tp_eval_result *r)
{
    double numbers[2 + TP_MAX_FIGURES] = { r->loss, r->accuracy };
    for (int i = 0; i < r->n_figures; i++)
        numbers[2 + i] = r->figures[i].value;
    if (tp_dist_size() == 1 || dist_take_first(numbers, 2 + r->n_figures))
        return tp_error_pending();
    r->loss = numbers[0];
    r->accuracy = numbers[1];
    for (int i = 0; i < r->n_figures; i++)
        r->figures[i].value = numbers[2 + i];
    return TP_OK;
}

/* Evaluates, closes the epoch, and keeps the network if it is the best so far. */
static tp_status measure_epoch(trainer *t, tp_progress *p, double epoch_begun, evaluation *e)
{
    int64_t batch = t->config->batch_size < 64 ? 64 : t->config->batch_size;
    if (evaluate(t->setup, t->net, t->test, t->transform, batch, e) || agree(&e->result))
        return tp_error_pending();
    if (!isfinite(e->result.loss)) {
        loss_failure(t, "test", e->result.loss);
    } else {
        close_epoch(t, &e->result, p, clock_seconds() - epoch_begun);
        write_epoch(t, e, p);
    }
    return tp_error_pending();
}

static tp_status end_epoch(trainer *t, double rate, double epoch_begun)
{
    evaluation e; /* whose figures the caller hears of */
    tp_progress p = progress_of(t, rate);
    tp_ema_swap(t->ema); /* the means are what is measured and kept */
    tp_status status = measure_epoch(t, &p, epoch_begun, &e);
    tp_ema_swap(t->ema);
    if (!status && !loop_save_last(t) && !run_board_epoch(t, &p) &&
        !(t->writes && tp_report_write(t->folder))) {
        p.seconds = clock_seconds() - t->begun;
        go_on(t, &p);
    }
    evaluation_free(&e);
    return tp_error_pending();
}

/* ---- epochs ------------------------------------------------------------------------------------------------------ */

/* After a step: the checkpoint that is due, and the caller's word; what stands in last/ is then all that was done. */
static tp_status after_step(trainer *t, double rate)
{
    int64_t every = t->config->checkpoint_steps;
    bool due = every && t->state.global_step % every == 0 && t->state.step < t->steps;
    if (due && loop_save_last(t))
        return tp_error_pending();
    tp_progress p = progress_of(t, rate);
    if (run_board_step(t, &p))
        return tp_error_pending();
    if (!go_on(t, &p) && !due)
        loop_save_last(t);
    return tp_error_pending();
}

typedef struct epoch {
    double begun, rate;
    int64_t seen_before;
} epoch;

/* Steps none of whose pictures can be read are gone by: nothing is learnt, and the count goes on. */
static void pass_step(trainer *t)
{
    tp_schedule_step(t->schedule);
    t->state.step++;
    t->state.global_step++;
}

static tp_status end_step(trainer *t, epoch *e)
{
    if (finish_step(t))
        return tp_error_pending();
    double seconds = clock_seconds() - e->begun;
    e->rate = seconds > 0 ? (double)(t->state.seen - e->seen_before) / seconds : 0;
    return after_step(t, e->rate);
}

/* Batch k belongs to step k / accumulate.  A batch may be missing, none of whose pictures can be read: what is there of its
 * step counts. */
static tp_status run_batches(trainer *t, tp_loader *loader, epoch *e)
{
    tp_batch b;
    bool has = tp_loader_next(loader, &b);
    while (!t->stopped && t->state.step < t->steps && !tp_pending()) {
        const train_state before = t->state;
        int64_t batches = 0;
        begin_step(t);
        for (; has && b.index / t->config->accumulate == t->state.step && !tp_pending();
             has = tp_loader_next(loader, &b), batches++)
            learn_batch(t, &b);
        if (tp_pending() || join_step(t, &before, &batches))
            break;
        if (batches)
            end_step(t, e);
        else
            pass_step(t);
    }
    return tp_error_pending();
}

static tp_status run_epoch(trainer *t)
{
    TP_SCOPE;
    epoch e = { .begun = clock_seconds(), .seen_before = t->state.seen };
    int64_t batches = setup_batches_per_epoch(t->setup),
            first = t->state.step * t->config->accumulate + tp_dist_rank();
    tp_loader *loader =
        tp_loader_new(t->train, t->config->batch_size, .shuffle = !t->config->carry,
                      .streams = t->config->carry, .bucket = task_of(t->setup)->trim != NULL,
                      .seed = loop_epoch_seed(t->config->seed, t->state.epoch), .workers = t->config->workers,
                      .transform = t->augmented, .first_batch = first < batches ? first : batches,
                      .stride = tp_dist_size());
    if (!loader || (t->state.step == 0 && tp_rnn_carry(t->net, t->config->carry)))
        return tp_error_pending();
    tp_train(t->net, true);
    if (run_batches(t, loader, &e) || t->stopped)
        return tp_error_pending();
    return end_epoch(t, e.rate, e.begun);
}

static tp_status begin_alike(const trainer *t)
{
    TP_SCOPE;
    return tp_dist_size() > 1 ? dist_take_first_tensors(tp_state_dict(t->net)) : tp_error_pending();
}

tp_status loop_run(trainer *t)
{
    t->begun = clock_seconds();
    if (begin_alike(t) || (t->writes && run_board_open(t)))
        return tp_error_pending();
    while (!t->stopped && t->state.epoch < t->config->epochs) {
        if (t->config->early_stop && t->state.without_gain >= t->config->early_stop) {
            t->stopped_early = true;
            break;
        }
        if (run_epoch(t))
            return tp_error_pending();
    }
    return run_board_close(t);
}
