/* config.c - a run's configuration: defaults, checks, and the object that owns its strings.
 *
 * Names of models, optimizers and schedules are checked by asking the parts themselves, so that their errors (with
 * "did you mean") are the ones that the user sees.
 * Layer: train.  Depends on models, optim, data.  Read next: prepare.c. */
#include "train/config.h"

#include "base/log.h"
#include "data/transform.h"
#include "train/learner.h"
#include "train/robust.h"

#include <taper/dist.h>

#include <math.h>
#include <string.h>

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static tp_status check_count(const char *name, int64_t value)
{
    if (value < 0)
        return tp_fail(TP_ERR_ARGUMENT, "train: %s is %lld, 0 or more is wanted", name, (long long)value);
    return TP_OK;
}

static tp_status check_amount(const char *name, double value)
{
    if (!(value >= 0) || isinf(value))
        return tp_fail(TP_ERR_ARGUMENT, "train: %s is %g, a number of 0 or more is wanted", name, value);
    return TP_OK;
}

static tp_status check_numbers(const tp_train_config *c)
{
    if (check_count("epochs", c->epochs) || check_count("batch_size", c->batch_size) ||
        check_count("accumulate", c->accumulate) || check_count("early_stop", c->early_stop) ||
        check_count("checkpoint_steps", c->checkpoint_steps) ||
        check_count("limit_examples", c->limit_examples) || check_amount("warmup_epochs", c->warmup_epochs) ||
        check_amount("clip_norm", c->clip_norm) ||
        check_count("the schedule's total", c->schedule_options.total) ||
        check_count("the schedule's warmup", c->schedule_options.warmup))
        return tp_error_pending();
    if (c->epochs > 1000000000)
        return tp_fail(TP_ERR_ARGUMENT, "train: %lld epochs, at most 1000000000 are possible",
                       (long long)c->epochs);
    if (!(c->label_smoothing >= 0 && c->label_smoothing < 1))
        return tp_fail(TP_ERR_ARGUMENT, "train: label_smoothing is %g, [0, 1) is wanted", c->label_smoothing);
    if (!(c->ema >= 0 && c->ema < 1))
        return tp_fail(TP_ERR_ARGUMENT, "train: ema is %g, [0, 1) is wanted", c->ema);
    if (c->warmup_epochs > (double)c->epochs)
        return tp_fail(TP_ERR_ARGUMENT, "train: a warm-up of %g epochs in a run of %lld", c->warmup_epochs,
                       (long long)c->epochs);
    if (c->beam < 1 || c->beam > 1024)
        return tp_fail(TP_ERR_ARGUMENT, "train: a beam of %lld, 1 to 1024 are possible", (long long)c->beam);
    if (c->accumulate % tp_dist_size())
        return tp_fail(TP_ERR_ARGUMENT, "train: accumulate is %lld, a multiple of the %d processes is wanted",
                       (long long)c->accumulate, tp_dist_size());
    if (c->carry && tp_dist_size() > 1)
        return tp_fail(TP_ERR_ARGUMENT,
                       "train: carry, with which batches follow on each other, and %d processes",
                       tp_dist_size());
    if (c->workers < -1 || c->workers > 256)
        return tp_fail(TP_ERR_ARGUMENT, "train: %d workers, -1 (none) to 256 are possible", c->workers);
    return TP_OK;
}

static tp_status check_model(const tp_train_config *c)
{
    if (!c->model || !*c->model)
        return tp_fail(TP_ERR_ARGUMENT, "train: no model; a name such as 'lenet5' is wanted");
    if (!tp_model_find(c->model) &&
        tp_model_opt(c->model, &c->model_options)) /* the zoo says what is meant */
        return tp_fail(TP_ERR_ARGUMENT, "train: no model '%s'", c->model);
    return tp_error_pending();
}

/* Makes the optimizer and the schedule for one number, which checks names and options, and tells the rate. */
static tp_status check_optim(tp_train_config *c)
{
    tp_params *one = tp_params_new();
    tp_tensor *x = tp_zeros(TP_SHAPE(1), .requires_grad = true);
    tp_params_add(one, "x", x);
    tp_optim *optim = tp_optim_new(c->optim, one, &c->optim_options);
    tp_schedule_options o = c->schedule_options;
    if (!o.total) /* follows from the epochs when the data are known */
        o.total = o.warmup + 1000;
    tp_schedule_new_opt(optim, c->schedule, &o);
    if (tp_pending())
        return tp_error_pending();
    if (c->optim_options.lr == 0 && !signbit(c->optim_options.lr)) {
        tp_optim *plain =
            tp_optim_new(c->optim, one, &c->optim_options); /* its rate is not the schedule's first */
        c->optim_options.lr = plain ? tp_lr(plain, 0) : 0;
    }
    return tp_error_pending();
}

static tp_status check(tp_train_config *c)
{
    TP_SCOPE;
    if (check_model(c))
        return tp_error_pending();
    if (!c->data || !*c->data)
        return tp_fail(TP_ERR_ARGUMENT, "train: no data; a path such as 'data/mnist' is wanted");
    if (c->init_except && !c->init)
        return tp_fail(TP_ERR_ARGUMENT, "train: init_except '%s' without init: no weights are loaded",
                       c->init_except);
    if (strcmp(c->dtype, "f32") != 0 && strcmp(c->dtype, "bf16") != 0)
        return tp_fail(TP_ERR_ARGUMENT, "train: dtype '%s'; f32 or bf16 is wanted", c->dtype);
    if (check_numbers(c) || robust_check(c) || check_optim(c) || learner_check_rates(c->lr_of))
        return tp_error_pending();
    tp_transform *transform = c->transform ? tp_transform_parse(c->transform) : NULL;
    if (transform_mixes(transform))
        return tp_fail(
            TP_ERR_ARGUMENT,
            "train: transform '%s' mixes examples, and test examples go through it; that belongs to augment",
            c->transform);
    if (c->augment)
        tp_transform_parse(c->augment);
    return tp_error_pending();
}

tp_status tp_train_config_resolve(tp_train_config *c)
{
    if (tp_pending())
        return tp_error_pending();
    if (!c)
        return tp_fail(TP_ERR_ARGUMENT, "train: the configuration is NULL");
    if (c->struct_size && c->struct_size < sizeof *c)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "train: a configuration of %zu bytes, %zu are wanted: compile again with "
                       "this version's headers",
                       c->struct_size, sizeof *c);
    c->struct_size = sizeof *c;
    c->model_options.struct_size = sizeof c->model_options;
    c->data_options.struct_size = sizeof c->data_options;
    c->data_options.csv.struct_size = sizeof c->data_options.csv;
    c->data_options.series.struct_size = sizeof c->data_options.series;
    c->optim_options.struct_size = sizeof c->optim_options;
    c->schedule_options.struct_size = sizeof c->schedule_options;
    c->optim = c->optim ? c->optim : "adam";
    c->schedule = c->schedule ? c->schedule : "constant";
    c->epochs = c->epochs ? c->epochs : 10;
    c->batch_size = c->batch_size ? c->batch_size : 64;
    c->accumulate = c->accumulate ? c->accumulate : tp_dist_size();
    c->workers = c->workers ? c->workers : 1;
    c->beam = c->beam ? c->beam : 1;
    c->dtype = c->dtype ? c->dtype : "f32";
    return check(c);
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static void setup_destroy(void *object)
{
    setup *s = object;
    for (int64_t i = 0; i < s->n_texts; i++)
        tp_free(s->texts[i], strlen(s->texts[i]) + 1);
    tp_free(s->texts, (size_t)s->texts_room * sizeof *s->texts);
    tp_free(s->milestones, (size_t)s->config.schedule_options.n_milestones * sizeof *s->milestones);
    tp_free(s->class_names, (size_t)s->classes * sizeof *s->class_names);
    tp_free(s->class_counts, (size_t)s->classes * sizeof *s->class_counts);
    tp_free(s->input_names, (size_t)s->inputs * sizeof *s->input_names);
    tp_free(s->column_names, (size_t)s->columns * sizeof *s->column_names);
    tp_free(s, sizeof *s);
}

static const tp_class setup_class = { "train_setup", setup_destroy };

setup *setup_new(void)
{
    setup *s = tp_object_new(&setup_class, sizeof(setup));
    if (s)
        s->targets = 1;
    return s;
}

const char *setup_text(setup *s, const char *text)
{
    if (!text || tp_grow((void **)&s->texts, &s->texts_room, s->n_texts + 1, sizeof *s->texts))
        return NULL;
    char *copy = tp_memdup(text, strlen(text) + 1);
    if (copy)
        s->texts[s->n_texts++] = copy;
    return copy;
}

tp_status setup_room_for_classes(setup *s, int64_t classes)
{
    tp_free(s->class_names, (size_t)s->classes * sizeof *s->class_names);
    tp_free(s->class_counts, (size_t)s->classes * sizeof *s->class_counts);
    s->class_counts = NULL;
    s->classes = 0;
    s->class_names = classes ? tp_calloc((size_t)classes * sizeof *s->class_names) : NULL;
    if (classes && !s->class_names)
        return TP_ERR_MEMORY;
    s->classes = classes;
    return TP_OK;
}

tp_status setup_room_for_names(const char ***names, int64_t *has, int64_t n)
{
    tp_free(*names, (size_t)*has * sizeof **names);
    *names = n ? tp_calloc((size_t)n * sizeof **names) : NULL;
    *has = *names ? n : 0;
    return tp_error_pending();
}

static tp_status own_strings(setup *s)
{
    tp_train_config *c = &s->config;
    const char **texts[] = {
        &c->model,
        &c->data,
        &c->out,
        &c->optim,
        &c->schedule,
        &c->transform,
        &c->augment,
        &c->init,
        &c->init_except,
        &c->freeze,
        &c->lr_of,
        &c->no_decay,
        &c->dtype,
        &c->model_options.hidden,
        &c->model_options.activation,
        &c->model_options.variant,
        &c->model_options.stem,
        &c->model_options.cell,
        &c->model_options.pooling,
        &c->data_options.csv.target,
        &c->data_options.on_bad_image,
        &c->data_options.kind,
        &c->data_options.unit,
        &c->data_options.on_bad_text,
        &c->quantiles,
        &c->data_options.source_unit,
        &c->data_options.series.columns,
        &c->data_options.series.date,
        &c->data_options.series.missing,
        &c->data_options.series.level,
        &c->data_options.series.scaling,
        &c->data_options.target_unit,
        &c->model_options.attention,
        &c->model_options.structure,
        &c->model_options.position,
        &c->model_options.norm,
        &c->data_options.tokenizer,
        &c->data_options.field,
        &c->tensorboard,
        &c->command,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = setup_text(s, *texts[i]);
    return tp_error_pending();
}

static tp_status own_milestones(setup *s)
{
    tp_schedule_options *o = &s->config.schedule_options;
    int n = o->milestones && o->n_milestones > 0 ? o->n_milestones : 0;
    o->n_milestones = 0;
    s->milestones = n ? tp_memdup(o->milestones, (size_t)n * sizeof *s->milestones) : NULL;
    if (n && !s->milestones)
        return TP_ERR_MEMORY;
    o->milestones = s->milestones;
    o->n_milestones = n;
    return TP_OK;
}

setup *setup_of(const tp_train_config *config)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!config)
        return tp_fail_null(TP_ERR_ARGUMENT, "train: the configuration is NULL");
    tp_train_config c = *config;
    if (tp_train_config_resolve(&c))
        return NULL;
    setup *s = setup_new();
    if (!s)
        return NULL;
    s->config = c;
    if (own_milestones(s) || own_strings(s))
        return NULL;
    s->tokenizer = s->config.data_options.tokenizer;
    return tp_keep(s);
}

/* ---- precision --------------------------------------------------------------------------------------------------- */

const char *setup_precision(const setup *s)
{
    const char *before = tp_float32_matmul_precision();
    bool bf16 = !strcmp(s->config.dtype, "bf16");
    if (bf16 && !tp_has_bf16())
        log_line(LOG_RUN, "dtype bf16: this processor has no products of bf16 (%s); they stay in f32",
                 tp_isa());
    tp_set_float32_matmul_precision(bf16 ? "medium" : "highest");
    return before;
}

void setup_precision_restore(const char *const *before)
{
    tp_set_float32_matmul_precision(*before);
}

/* ---- what follows from epochs ------------------------------------------------------------------------------------ */

static int64_t parts(int64_t n, int64_t size)
{
    return n / size + (n % size != 0);
}

int64_t setup_batches_per_epoch(const setup *s)
{
    return parts(s->train_examples, s->config.batch_size);
}

int64_t setup_steps_per_epoch(const setup *s)
{
    return parts(setup_batches_per_epoch(s), s->config.accumulate);
}

tp_schedule_options setup_schedule(const setup *s)
{
    tp_schedule_options o = s->config.schedule_options;
    int64_t steps = setup_steps_per_epoch(s);
    if (!o.warmup)
        o.warmup = llround(s->config.warmup_epochs * (double)steps);
    if (!o.total)
        o.total = s->config.epochs * steps;
    return o;
}
