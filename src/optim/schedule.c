/* schedule.c - learning-rate schedules: each a factor f(step) on every group's initial rate; plateau looks at a metric.
 *
 * The factor is a pure function of the options and the step, so that resuming is setting the step, and a picture of a
 * schedule needs no optimizer.  Cosine: Loshchilov, Hutter 2017; one_cycle: Smith, Topin 2018.
 * Layer: optim.  Depends on optim.h.  Read next: clip.c. */
#include "base/memory.h"
#include "optim/optim.h"

#include <math.h>
#include <string.h>

typedef tp_schedule_options options;

/* s: steps since the end of the warm-up; span: steps from there to total. */
typedef double factor_fn(const options *, double s, double span);

typedef struct schedule_kind {
    const char *name;
    factor_fn *factor;
    double gamma; /* its default; 0: reads none */
    bool wants_total;
} schedule_kind;

struct tp_schedule {
    tp_object object;
    const schedule_kind *kind;
    tp_optim *optim;
    options o;
    int64_t *milestones; /* o.milestones, its own copy */
    double *base;        /* each group's initial rate */
    int64_t n_base, base_room;
    tp_schedule_state state;
};

/* ---- factors ----------------------------------------------------------------------------------------------------- */

/* Half a cosine wave from a at 0 to b at 1. */
static double wave(double a, double b, double share)
{
    return b + (a - b) * 0.5 * (1 + cos(3.14159265358979323846 * share));
}

static double constant_factor(const options *o, double s, double span)
{
    (void)o, (void)s, (void)span;
    return 1;
}

static double step_factor(const options *o, double s, double span)
{
    (void)span;
    return pow(o->gamma, floor(s / (double)o->step_size));
}

static double multi_step_factor(const options *o, double s, double span)
{
    (void)span;
    int passed = 0;
    for (int i = 0; i < o->n_milestones; i++)
        passed += s >= (double)o->milestones[i];
    return pow(o->gamma, passed);
}

static double exponential_factor(const options *o, double s, double span)
{
    (void)span;
    return pow(o->gamma, s);
}

static double cosine_factor(const options *o, double s, double span)
{
    return s >= span ? o->min_factor : wave(1, o->min_factor, s / span);
}

static double linear_factor(const options *o, double s, double span)
{
    return s >= span ? o->min_factor : 1 + (o->min_factor - 1) * s / span;
}

static double one_cycle_factor(const options *o, double s, double span)
{
    double top = o->rise * span - 1,
           last = span - 1; /* PyTorch counts from 0 and stands at the peak at step `top` */
    if (s <= top && top > 0)
        return wave(1, o->max_factor, s / top);
    return s >= last ? o->final_factor : wave(o->max_factor, o->final_factor, (s - top) / (last - top));
}

static double inverse_sqrt_factor(const options *o, double s, double span)
{
    (void)span;
    double step = s + (double)o->warmup;
    return o->warmup ? sqrt((double)o->warmup / step) : 1 / sqrt(fmax(step, 1));
}

static const schedule_kind kinds[] = {
    { "constant", constant_factor, 0, false },
    { "step", step_factor, 0.1, false },
    { "multi_step", multi_step_factor, 0.1, false },
    { "exponential", exponential_factor, 0.95, false },
    { "cosine", cosine_factor, 0, true },
    { "linear", linear_factor, 0, true },
    { "one_cycle", one_cycle_factor, 0, true },
    { "inverse_sqrt", inverse_sqrt_factor, 0, false },
    { "plateau", NULL, 0.1, false },
};

const char *tp_schedule_name_at(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? kinds[i].name : NULL;
}

static double warmed(const schedule_kind *kind, const options *o, int64_t step, double plateau)
{
    step = step < 0 ? 0 : step;
    double after = kind->factor ? 1 : plateau;
    if (step < o->warmup)
        return after * (o->warmup_start + (1 - o->warmup_start) * (double)step / (double)o->warmup);
    return kind->factor ? kind->factor(o, (double)(step - o->warmup), (double)(o->total - o->warmup)) : after;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static options fill_options(const schedule_kind *kind, const options *given)
{
    options o = { 0 };
    if (given)
        memcpy(&o, given,
               given->struct_size && given->struct_size < sizeof o ? given->struct_size : sizeof o);
    o.struct_size = sizeof o;
    o.warmup_start = optim_or(o.warmup_start, 0);
    o.gamma = optim_or(o.gamma, kind->gamma);
    o.min_factor = optim_or(o.min_factor, 0);
    o.max_factor = optim_or(o.max_factor, 25);
    o.final_factor = optim_or(o.final_factor, 1e-4);
    o.rise = optim_or(o.rise, 0.3);
    o.patience = o.patience ? o.patience : 10;
    o.threshold = optim_or(o.threshold, 1e-4);
    return o;
}

static tp_status check_numbers(const schedule_kind *kind, const options *o)
{
    const struct {
        const char *name;
        double value, most;
    } rows[] = {
        { "warmup_start", o->warmup_start, INFINITY },
        { "gamma", o->gamma, INFINITY },
        { "min_factor", o->min_factor, INFINITY },
        { "max_factor", o->max_factor, INFINITY },
        { "final_factor", o->final_factor, INFINITY },
        { "rise", o->rise, 1 },
        { "threshold", o->threshold, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= 0 && isfinite(rows[i].value) && rows[i].value <= rows[i].most))
            return tp_fail(TP_ERR_ARGUMENT, "schedule %s: %s is %g, %s is wanted", kind->name, rows[i].name,
                           rows[i].value, isinf(rows[i].most) ? "a finite number >= 0" : "[0, 1]");
    return TP_OK;
}

static tp_status check_options(const schedule_kind *kind, const options *o)
{
    const char *name = kind->name;
    if (o->warmup < 0 || o->patience < 0)
        return tp_fail(TP_ERR_ARGUMENT, "schedule %s: %s is %lld, a number >= 0 is wanted", name,
                       o->warmup < 0 ? "warmup" : "patience",
                       (long long)(o->warmup < 0 ? o->warmup : o->patience));
    if (kind->wants_total && o->total < 1)
        return tp_fail(TP_ERR_ARGUMENT, "schedule %s: total is %lld, the number of steps in all is wanted",
                       name, (long long)o->total);
    if (kind->wants_total && o->total < o->warmup)
        return tp_fail(TP_ERR_ARGUMENT, "schedule %s: warmup %lld is more than total %lld", name,
                       (long long)o->warmup, (long long)o->total);
    if (kind->factor == step_factor && o->step_size < 1)
        return tp_fail(TP_ERR_ARGUMENT, "schedule %s: step_size is %lld, a number > 0 is wanted", name,
                       (long long)o->step_size);
    if (kind->factor == multi_step_factor && (o->n_milestones < 1 || !o->milestones))
        return tp_fail(TP_ERR_ARGUMENT, "schedule %s: milestones are wanted, there are none", name);
    return check_numbers(kind, o);
}

/* The kind of that name with its options filled in and checked; NULL with an error. */
static const schedule_kind *understand(const char *name, const options *given, options *o)
{
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(name ? name : "", kinds[i].name) != 0)
        i++;
    if (i == sizeof kinds / sizeof *kinds) {
        tp_error_unknown("schedule", name ? name : "", tp_schedule_name_at);
        return NULL;
    }
    *o = fill_options(&kinds[i], given);
    return check_options(&kinds[i], o) ? NULL : &kinds[i];
}

double tp_schedule_factor(const char *name, const tp_schedule_options *given, int64_t step)
{
    options o;
    const schedule_kind *kind = tp_pending() ? NULL : understand(name, given, &o);
    return kind && kind->factor ? warmed(kind, &o, step, 1) : NAN;
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static void schedule_destroy(void *object)
{
    tp_schedule *s = object;
    tp_release(s->optim);
    tp_free(s->milestones, (size_t)s->o.n_milestones * sizeof *s->milestones);
    tp_free(s->base, (size_t)s->base_room * sizeof *s->base);
    tp_free(s, sizeof *s);
}

static const tp_class schedule_class = { "schedule", schedule_destroy };

/* Groups added since last time come in with the rate they have now. */
static tp_status know_groups(tp_schedule *s)
{
    void *base = s->base;
    if (s->n_base == s->optim->n_groups)
        return TP_OK;
    if (tp_grow(&base, &s->base_room, s->optim->n_groups, sizeof *s->base))
        return tp_error_pending();
    s->base = base;
    for (; s->n_base < s->optim->n_groups; s->n_base++)
        s->base[s->n_base] = s->optim->groups[s->n_base].lr;
    return TP_OK;
}

static void set_rates(tp_schedule *s)
{
    if (know_groups(s))
        return;
    double factor = warmed(s->kind, &s->o, s->state.step, s->state.factor);
    if (s->kind->factor)
        s->state.factor = factor;
    for (int64_t g = 0; g < s->n_base; g++)
        s->optim->groups[g].lr = s->base[g] * factor;
}

tp_schedule *tp_schedule_new_opt(tp_optim *optim, const char *name, const tp_schedule_options *given)
{
    options o;
    if (tp_pending())
        return NULL;
    if (!optim)
        return tp_fail_null(TP_ERR_ARGUMENT, "schedule_new: the optimizer is NULL");
    const schedule_kind *kind = understand(name, given, &o);
    if (!kind)
        return NULL;
    TP_SCOPE;
    tp_schedule *s = tp_object_new(&schedule_class, sizeof *s);
    if (!s)
        return NULL;
    if (kind->factor == multi_step_factor)
        s->milestones = tp_memdup(o.milestones, (size_t)o.n_milestones * sizeof *s->milestones);
    if (tp_pending())
        return NULL;
    s->kind = kind;
    s->optim = tp_retain(optim);
    s->o = o;
    s->o.milestones = s->milestones;
    s->o.n_milestones = s->milestones ? o.n_milestones : 0;
    s->state = (tp_schedule_state){ .best = o.maximize ? -INFINITY : INFINITY, .factor = 1 };
    set_rates(s);
    return tp_pending() ? NULL : tp_keep(s);
}

void tp_schedule_step(tp_schedule *s)
{
    if (!s || tp_pending())
        return;
    s->state.step++;
    set_rates(s);
}

void tp_schedule_metric(tp_schedule *s, double metric)
{
    if (!s || tp_pending())
        return;
    if (s->kind->factor) {
        tp_fail(TP_ERR_STATE, "schedule_metric: %s looks at no metric, only plateau does", s->kind->name);
        return;
    }
    tp_schedule_state *t = &s->state;
    double bar =
        isinf(t->best) ? t->best : t->best * (1 + (s->o.maximize ? s->o.threshold : -s->o.threshold));
    if (s->o.maximize ? metric > bar : metric < bar) { /* a NaN is never better */
        t->best = metric;
        t->bad = 0;
    } else if (++t->bad > s->o.patience) {
        double least = fmin(s->o.min_factor, t->factor);
        t->factor = fmax(t->factor * s->o.gamma, least);
        t->bad = 0;
    }
    set_rates(s);
}

tp_schedule_state tp_schedule_get(const tp_schedule *s)
{
    return s ? s->state : (tp_schedule_state){ .factor = NAN };
}

void tp_schedule_set(tp_schedule *s, tp_schedule_state state)
{
    if (!s || tp_pending())
        return;
    if (state.step < 0 || state.bad < 0 || !(state.factor >= 0 && isfinite(state.factor))) {
        tp_fail(TP_ERR_ARGUMENT,
                "schedule_set: step %lld, bad %lld, factor %g: finite numbers >= 0 are wanted",
                (long long)state.step, (long long)state.bad, state.factor);
        return;
    }
    s->state = state;
    set_rates(s);
}
