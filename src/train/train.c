/* train.c - beginning a run, and going on with one.
 *
 * All that can be wrong with words, data and network is found before the folder is touched.  config.json is written
 * last: a folder is a run when it is there, and then last/ is there too.
 * Layer: train.  Depends on loop.h, config.h, folder.h.  Read next: loop.c. */
#include "train/board.h"
#include "train/environment.h"
#include "train/folder.h"
#include "train/learner.h"
#include "train/metrics.h"
#include "train/robust.h"
#include "train/task.h"
#include "train/units.h"

#include <taper/dist.h>

#include <math.h>
#include <string.h>
#include <unistd.h>

/* ---- the parts of a run ------------------------------------------------------------------------------------------ */

static tp_status make_transforms(trainer *t)
{
    t->transform = t->augmented = tp_transform_parse(t->config->transform);
    if (t->config->augment) {
        tp_transform *both[] = { tp_transform_parse(t->config->augment), t->transform };
        t->augmented = tp_pending() ? NULL : tp_transform_chain(both, 2);
    }
    return tp_error_pending();
}

/* Network, optimizer and schedule as they are at the beginning. */
static tp_status make_learner(trainer *t)
{
    if (make_transforms(t) || learner_make(t))
        return tp_error_pending();
    if (robust_check_net(t->config, t->net))
        return tp_error_pending();
    tp_schedule_options o = setup_schedule(t->setup);
    t->steps = setup_steps_per_epoch(t->setup);
    if (o.warmup > o.total && o.total)
        return tp_fail(TP_ERR_ARGUMENT, "train: a warm-up of %lld steps in a run of %lld",
                       (long long)o.warmup, (long long)o.total);
    t->schedule = tp_schedule_new_opt(t->optim, t->config->schedule, &o);
    t->state = (train_state){ .test_loss = NAN, .test_accuracy = NAN, .best = NAN };
    return tp_error_pending();
}

static void fill_result(const trainer *t, tp_train_result *result)
{
    if (!result)
        return;
    const task *row = t->setup ? task_of(t->setup) : NULL;
    *result = (tp_train_result){
        .epochs = t->state.epoch,
        .global_step = t->state.global_step,
        .test_loss = t->state.test_loss,
        .test_accuracy = t->state.test_accuracy,
        .best = t->state.best,
        .best_of = row ? row->best_of : NULL,
        .best_epoch = t->state.best_epoch,
        .seconds = t->begun > 0 ? clock_seconds() - t->begun : 0,
        .stopped = t->stopped,
        .stopped_early = t->stopped_early,
        .n_figures = t->n_figures,
    };
    memcpy(result->figures, t->figures, sizeof t->figures);
    if (row)
        task_command(row, t->setup->data_shape.ndim, &result->verb, &result->words);
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static tp_status check_out(const char *out)
{
    char path[PATH_MAX];
    if (!out || !*out)
        return tp_fail(TP_ERR_ARGUMENT, "train: no run folder; a path such as 'runs/lenet5' is wanted");
    if (folder_path(path, out, "config.json"))
        return tp_error_pending();
    if (file_exists(path))
        return tp_fail(TP_ERR_STATE,
                       "%s: holds a run; go on with it by taper train --resume %s (tp_train_resume), or "
                       "choose another folder",
                       out, out);
    if (folder_path(path, out, "best"))
        return tp_error_pending();
    if (file_exists(path))
        return tp_fail(TP_ERR_STATE,
                       "%s: holds best/ of a run without its config.json; choose another folder", out);
    if (file_exists(out) && !folder_exists(out))
        return tp_fail(TP_ERR_IO, "%s: is not a folder", out);
    return TP_OK;
}

static tp_status write_beginning(trainer *t)
{
    if (tokenizer_check(t->setup, t->folder))
        return tp_error_pending();
    if (!tokenizer_keep(t->setup, t->folder) && !loop_save_last(t) && !metrics_cut(t->folder, 0) &&
        !environment_write(t->folder))
        setup_write(t->setup, t->folder);
    if (tp_pending())
        tokenizer_drop(t->setup, t->folder);
    return tp_error_pending();
}

static tp_status begin(trainer *t)
{
    SETUP_PRECISION(t->setup);
    if (!t->writes)
        return loop_run(t);
    bool was_there = folder_exists(t->folder);
    if (folder_make(t->folder))
        return tp_error_pending();
    int lock = folder_lock(t->folder);
    if (lock >= 0 && !check_out(t->folder) && !write_beginning(t))
        loop_run(t);
    folder_unlock(lock);
    if (tp_pending() && !was_there)
        rmdir(t->folder); /* does nothing unless it is empty */
    return tp_error_pending();
}

static tp_status train_run(const tp_train_config *config, trainer *t)
{
    setup *s = setup_of(config);
    if (!s || (t->writes && (check_out(s->config.out) || tokenizer_check(s, s->config.out))))
        return tp_error_pending();
    t->setup = s;
    t->config = &s->config;
    t->folder = s->config.out;
    t->test = setup_whole_data(s, TP_TEST);
    tp_dataset *whole = setup_whole_data(s, TP_TRAIN);
    if (setup_resolve_data(s, whole, t->test))
        return tp_error_pending();
    t->train = s->train_examples < tp_dataset_count(whole)
                   ? tp_subset(tp_shuffled(whole, s->config.seed), 0, s->train_examples)
                   : whole;
    if ((t->config->balance && setup_count_classes(s, t->train)) || make_learner(t) || learner_init(t))
        return tp_error_pending();
    if (s->config.tensorboard && board_folder(s->config.tensorboard))
        return tp_error_pending();
    return begin(t);
}

tp_status tp_train_run(const tp_train_config *config, tp_progress_fn *progress, void *context,
                       tp_train_result *result)
{
    TP_SCOPE;
    trainer t = { .progress = progress, .context = context, .writes = tp_dist_rank() == 0 };
    tp_rng before = tp_rng_state();
    if (tp_pending())
        return tp_error_pending();
    train_run(config, &t);
    fill_result(&t, result);
    tp_set_rng_state(before);
    return tp_error_pending();
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

/* The examples must be those of the beginning: their number is the least that can be said. */
static tp_status open_data(trainer *t)
{
    const setup *s = t->setup;
    t->test = setup_data(s, TP_TEST);
    t->train = setup_data(s, TP_TRAIN);
    if (tp_pending())
        return tp_error_pending();
    if (tp_dataset_count(t->train) != s->train_examples || tp_dataset_count(t->test) != s->test_examples ||
        tp_dataset_classes(t->train) != s->classes || tp_dataset_targets(t->train) != s->targets)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: %lld training and %lld test examples of %lld classes, the run in %s began "
                       "with %lld, %lld and %lld",
                       s->config.data, (long long)tp_dataset_count(t->train),
                       (long long)tp_dataset_count(t->test), (long long)tp_dataset_classes(t->train),
                       t->folder, (long long)s->train_examples, (long long)s->test_examples,
                       (long long)s->classes);
    return TP_OK;
}

static tp_status check_state(const trainer *t)
{
    const train_state *s = &t->state;
    if (s->step > t->steps || s->global_step != s->epoch * t->steps + s->step ||
        s->seen / t->setup->targets > t->setup->train_examples || s->right > s->seen ||
        (s->step > 0) != (s->seen > 0))
        return tp_fail(TP_ERR_FORMAT,
                       "%s/last/state.json: epoch %lld, step %lld and global_step %lld do not go "
                       "together with config.json's %lld steps an epoch",
                       t->folder, (long long)s->epoch, (long long)s->step, (long long)s->global_step,
                       (long long)t->steps);
    return TP_OK;
}

/* config.json says how many epochs there are before a step is done that depends on it. */
static tp_status change_epochs(setup *s, const trainer *t, int64_t epochs)
{
    int64_t done = t->state.epoch + (t->state.step > 0);
    if (epochs < done)
        return tp_fail(TP_ERR_ARGUMENT, "%s: %lld epochs are wanted, the run is in its epoch %lld already",
                       t->folder, (long long)epochs, (long long)done);
    return setup_write(s, t->folder);
}

static tp_status restore(setup *s, trainer *t, int64_t epochs)
{
    int64_t before = s->config.epochs;
    if (epochs)
        s->config.epochs = epochs;
    if (open_data(t) || make_learner(t) || loop_load(t) || check_state(t))
        return tp_error_pending();
    tp_schedule_set(t->schedule, t->state.schedule);
    if (!t->writes)
        return TP_OK;
    if (metrics_cut(t->folder, t->state.epoch))
        return tp_error_pending();
    return epochs && epochs != before ? change_epochs(s, t, epochs) : TP_OK;
}

static tp_status train_resume(const char *folder, int64_t epochs, trainer *t)
{
    if (!folder || !*folder || epochs < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "train_resume: folder '%s', %lld epochs: a run folder and 0 or more are wanted",
                       folder ? folder : "", (long long)epochs);
    setup *s = setup_read(folder);
    if (!s)
        return tp_error_pending();
    t->setup = s;
    t->config = &s->config;
    t->folder = s->config.out;
    SETUP_PRECISION(s);
    int lock = t->writes ? folder_lock(t->folder) : -1;
    if ((lock >= 0 || !t->writes) && !restore(s, t, epochs) && !(t->writes && environment_write(t->folder)))
        loop_run(t);
    folder_unlock(lock);
    return tp_error_pending();
}

tp_status tp_train_resume(const char *folder, int64_t epochs, tp_progress_fn *progress, void *context,
                          tp_train_result *result)
{
    TP_SCOPE;
    trainer t = { .progress = progress, .context = context, .writes = tp_dist_rank() == 0 };
    tp_rng before = tp_rng_state();
    if (tp_pending())
        return tp_error_pending();
    train_resume(folder, epochs, &t);
    fill_result(&t, result);
    tp_set_rng_state(before);
    return tp_error_pending();
}
