/* run.c - using a run: its network with the best weights, on pictures and on data.
 *
 * config.json says all that is needed, so predicting never opens the training data.
 * Layer: train.  Depends on config.h, checkpoint.h.  Read next: evaluate.c, input.c. */
#include "train/run.h"

#include "base/random.h"
#include "data/dataset.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/folder.h"

#include <string.h>

static void run_destroy(void *object)
{
    tp_run *run = object;
    tp_release(run->setup);
    tp_release(run->net);
    tp_release(run->transform);
    tp_free(run, sizeof *run);
}

static const tp_class run_class = { "run", run_destroy };

tp_run *tp_run_open(const char *folder)
{
    char best[PATH_MAX], found[PATH_MAX];
    train_state state;
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!folder || !*folder)
        return tp_fail_null(TP_ERR_ARGUMENT, "run_open: the path is empty");
    setup *s = setup_read(folder);
    if (!s || folder_path(best, folder, "best"))
        return NULL;
    tp_rng before = tp_rng_state();
    random_unfilled = true;
    tp_module *net = setup_model(s);
    random_unfilled = false;
    tp_set_rng_state(before);
    if (!net || checkpoint_read(folder, folder_find(best, found) ? "best" : "last",
                                &(checkpoint){ .model = s->config.model, .net = net, .state = &state }))
        return NULL;
    tp_eval(net);
    tp_transform *transform = tp_transform_parse(s->config.transform);
    tp_run *run = transform ? tp_object_new(&run_class, sizeof *run) : NULL;
    if (!run)
        return NULL;
    run->setup = tp_retain(s);
    run->net = tp_retain(net);
    run->transform = tp_retain(transform);
    return tp_keep(run);
}

tp_module *tp_run_model(tp_run *run)
{
    return run ? run->net : NULL;
}

const tp_train_config *tp_run_config(const tp_run *run)
{
    return run ? &run->setup->config : NULL;
}

int64_t tp_run_classes(const tp_run *run)
{
    return run ? run->setup->classes : 0;
}

const char *tp_run_class_name(const tp_run *run, int64_t label)
{
    return run && label >= 0 && label < run->setup->classes ? run->setup->class_names[label] : NULL;
}

tp_shape tp_run_shape(const tp_run *run)
{
    return run ? run->setup->data_shape : (tp_shape){ 0 };
}

tp_tensor *tp_predict(tp_run *run, tp_tensor *x)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return NULL;
    if (!run || !x)
        return tp_fail_null(TP_ERR_ARGUMENT, "predict: the run or the input is NULL");
    tp_tensor *y = tp_forward(run->net, x);
    if (!y)
        return NULL;
    int64_t classes = run->setup->classes;
    if (classes && tp_ndim(y) == 2 && tp_size(y, 1) > classes) /* outputs that no class uses */
        y = tp_narrow(y, 1, 0, classes);
    return tp_keep(classes ? tp_softmax(y, -1) : y);
}

tp_status tp_run_set_beam(tp_run *run, int64_t beam)
{
    if (tp_pending())
        return tp_error_pending();
    if (!run || beam < 1 || beam > 1024)
        return tp_fail(TP_ERR_ARGUMENT, "run_set_beam: a run and a beam of 1 to 1024 are wanted");
    run->setup->config.beam = beam;
    return TP_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------------------------- */

/* Its examples by the numbers of the run's classes: it may lack some, and have them in another order. */
static tp_dataset *by_known_classes(const setup *s, const char *data, tp_dataset *d)
{
    if (s->classes && tp_dataset_classes(d) && tp_dataset_targets(d) == 1)
        d = tp_relabelled(d, (const char *const *)s->class_names, s->classes);
    else if (tp_dataset_classes(d) != s->classes)
        tp_fail(TP_ERR_SHAPE, "%lld classes, the run knows %lld", (long long)tp_dataset_classes(d),
                (long long)s->classes);
    return tp_error_in(data) ? NULL : d;
}

/* Other data must mean the same by the same numbers; sequences of tokens may be of another length. */
static tp_dataset *other_data(const tp_run *run, const char *data, tp_part part)
{
    TP_SCOPE;
    const setup *s = run->setup;
    tp_dataset *d = setup_other_data(s, data, part);
    if (!d)
        return NULL;
    const tp_shape shape = tp_dataset_shape(d);
    if (shape.ndim != s->data_shape.ndim ||
        (!s->inputs && memcmp(shape.dim, s->data_shape.dim, (size_t)shape.ndim * sizeof *shape.dim) != 0))
        return tp_fail_null(TP_ERR_SHAPE,
                            "%s: examples of another size than those of %s, which the run learned from", data,
                            s->config.data);
    d = by_known_classes(s, data, d);
    return d ? tp_keep(d) : NULL;
}

/* Of a vocabulary that has a token for what it does not know. */
static void tell_unknown(const setup *s, const tp_dataset *d, evaluation *e)
{
    if (s->inputs || s->tokenizer)
        evaluation_figure(e, "unknown tokens", (double)d->unknown);
}

tp_status tp_run_evaluate(tp_run *run, const char *data, tp_part part, int64_t batch_size,
                          tp_eval_result *result)
{
    TP_SCOPE;
    evaluation e;
    if (tp_pending())
        return tp_error_pending();
    if (!run || !result || batch_size < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "run_evaluate: a run, a result and a batch size of 0 (256) or more are wanted");
    SETUP_PRECISION(run->setup);
    tp_dataset *d = other_data(run, data ? data : run->setup->config.data, part);
    if (!d || evaluate(run->setup, run->net, d, run->transform, batch_size ? batch_size : 256, &e))
        return tp_error_pending();
    if (data)
        tell_unknown(run->setup, d, &e);
    *result = e.result;
    return TP_OK;
}
