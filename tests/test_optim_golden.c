/* test_optim_golden.c - ten steps of every optimizer and variant are PyTorch's, and so are schedules and clipping.
 *
 * The trajectories: tools/golden/optim.py, which describes the file.  ctest runs this for every instruction set and
 * for 1 and 3 threads.  Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/optim.h>

static const char *const dtypes[] = { "f32", "f64" };
static const tolerance tolerances[] = { { 1e-5, 2e-6, false }, { 1e-11, 1e-13, false } };

/* ---- optimizers ---------------------------------------------------------------------------------------------------- */

/* prefix: "" or "second." */
static tp_optim_options options_of(const golden_case *c, const char *prefix)
{
    char key[64];
    tp_optim_options o = { .struct_size = sizeof o };
    struct {
        const char *name;
        double *field;
    } numbers[] = { { "lr", &o.lr },
                    { "weight_decay", &o.weight_decay },
                    { "momentum", &o.momentum },
                    { "dampening", &o.dampening },
                    { "beta1", &o.beta1 },
                    { "beta2", &o.beta2 },
                    { "eps", &o.eps },
                    { "alpha", &o.alpha },
                    { "lr_decay", &o.lr_decay },
                    { "initial_accumulator", &o.initial_accumulator } };
    struct {
        const char *name;
        bool *field;
    } flags[] = { { "nesterov", &o.nesterov },
                  { "averaging", &o.averaging },
                  { "amsgrad", &o.amsgrad },
                  { "centered", &o.centered } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(key, sizeof key, "%s%s", prefix, numbers[i].name);
        *numbers[i].field = golden_f64(c, key, 0);
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        snprintf(key, sizeof key, "%s%s", prefix, flags[i].name);
        *flags[i].field = golden_i64(c, key, 0) != 0;
    }
    return o;
}

static tp_params *one_param(const char *name, tp_tensor *t)
{
    tp_params *p = tp_params_new();
    tp_params_add(p, name, t);
    return p;
}

static tp_optim *build_optim(const golden_case *c, tp_tensor *w, tp_tensor *b)
{
    bool two = strstr(c->attrs, " second.") != NULL;
    tp_optim_options o = options_of(c, ""), second = options_of(c, "second.");
    tp_params *first = one_param("w", w);
    if (!two)
        tp_params_add(first, "b", b);
    tp_optim *optim = tp_optim_new(c->op, first, &o);
    if (optim && two)
        tp_add_group_opt(optim, one_param("b", b), &second);
    return optim;
}

static tp_tensor *leaf(const golden_case *c, const char *dtype, const char *name)
{
    return tp_requires_grad_(tp_clone(golden_tensor(c->tensors, "%s/%s", dtype, name)), true);
}

/* The k-th of the tensors stacked under this name. */
static tp_tensor *at_step(tp_tensor *stack, int k)
{
    return stack ? tp_contiguous(tp_select(stack, 0, k)) : NULL;
}

static bool trajectory_agrees(const golden_case *c, int d, char *text, size_t size)
{
    const char *dtype = dtypes[d];
    tp_tensor *w = leaf(c, dtype, "w"), *b = leaf(c, dtype, "b");
    tp_tensor *gw = golden_tensor(c->tensors, "%s/gw", dtype),
              *gb = golden_tensor(c->tensors, "%s/gb", dtype);
    tp_tensor *ws = golden_tensor(c->tensors, "%s/%s/w", c->name, dtype);
    tp_tensor *bs = golden_tensor(c->tensors, "%s/%s/b", c->name, dtype);
    tp_optim *optim = build_optim(c, w, b);
    for (int k = 0; k < tp_size(ws, 0); k++) {
        TP_SCOPE;
        char what[32];
        tp_set_grad(w, at_step(gw, k));
        tp_set_grad(b, k == golden_i64(c, "skip", -1) ? NULL : at_step(gb, k));
        tp_step(optim);
        snprintf(what, sizeof what, "%s w after step %d", dtype, k + 1);
        if (!same_tensor(what, tp_detach(w), at_step(ws, k), tolerances[d], text, size))
            return false;
        snprintf(what, sizeof what, "%s b after step %d", dtype, k + 1);
        if (!same_tensor(what, tp_detach(b), at_step(bs, k), tolerances[d], text, size))
            return false;
    }
    return true;
}

static bool optimizer_agrees(golden_case *c, char *text, size_t size)
{
    if (!strcmp(c->op, "schedule") || !strncmp(c->op, "clip", 4))
        return true;
    for (int d = 0; d < 2; d++) {
        TP_SCOPE;
        if (!trajectory_agrees(c, d, text, size))
            return false;
    }
    return true;
}

static void ten_steps_of_each_optimizer_are_pytorchs(void **state)
{
    (void)state;
    golden_for_cases("optim", optimizer_agrees);
}

/* ---- schedules ------------------------------------------------------------------------------------------------------- */

static tp_schedule_options schedule_options(const golden_case *c, int64_t *milestones)
{
    tp_shape m = golden_dims(c, "milestones");
    for (int i = 0; i < m.ndim; i++)
        milestones[i] = m.dim[i];
    return (tp_schedule_options){ .struct_size = sizeof(tp_schedule_options),
                                  .warmup = golden_i64(c, "warmup", 0),
                                  .warmup_start = golden_f64(c, "warmup_start", 0),
                                  .total = golden_i64(c, "total", 0),
                                  .step_size = golden_i64(c, "step_size", 0),
                                  .milestones = milestones,
                                  .n_milestones = m.ndim,
                                  .gamma = golden_f64(c, "gamma", 0),
                                  .min_factor = golden_f64(c, "min_factor", 0),
                                  .max_factor = golden_f64(c, "max_factor", 0),
                                  .final_factor = golden_f64(c, "final_factor", 0),
                                  .rise = golden_f64(c, "rise", 0),
                                  .patience = golden_i64(c, "patience", 0),
                                  .threshold = golden_f64(c, "threshold", 0),
                                  .maximize = golden_i64(c, "maximize", 0) != 0 };
}

static bool rate_agrees(const char *what, int step, double got, double wanted, char *text, size_t size)
{
    if (!tp_error_pending() && fabs(got - wanted) <= 1e-9 * fabs(wanted) + 1e-15)
        return true;
    int n = snprintf(text, size, "%s at step %d is %.15g, wanted %.15g ", what, step, got, wanted);
    if (n > 0 && (size_t)n < size)
        tp_error_take(text + n, size - (size_t)n);
    return false;
}

/* Two groups: the schedule is a factor on each one's own rate. */
static bool rates_agree(const golden_case *c, tp_optim *optim, tp_schedule *s, const char *kind,
                        const tp_schedule_options *o, char *text, size_t size)
{
    tp_tensor *rates = golden_tensor(c->tensors, "%s/lr", c->name);
    bool plateau = !strcmp(kind, "plateau");
    const double *lr = tp_data(rates);
    const double *metrics = plateau ? tp_data(golden_tensor(c->tensors, "%s/metrics", c->name)) : NULL;
    for (int k = 0; k < tp_numel(rates); k++) {
        if (plateau)
            tp_schedule_metric(s, metrics[k]);
        if (!rate_agrees("lr", k, tp_lr(optim, 0), lr[k], text, size) ||
            !rate_agrees("lr of group 1", k, tp_lr(optim, 1), 3 * lr[k], text, size))
            return false;
        if (!plateau && !rate_agrees("0.1 tp_schedule_factor", k, 0.1 * tp_schedule_factor(kind, o, k), lr[k],
                                     text, size))
            return false;
        if (!plateau)
            tp_schedule_step(s);
    }
    return true;
}

static bool schedule_agrees(golden_case *c, char *text, size_t size)
{
    if (strcmp(c->op, "schedule") != 0)
        return true;
    char kind[32];
    int64_t milestones[TP_MAX_DIMS];
    golden_word(c, "kind", kind, sizeof kind);
    tp_schedule_options o = schedule_options(c, milestones);
    tp_optim *optim = tp_sgd(one_param("w", tp_zeros(TP_SHAPE(2), .requires_grad = true)), .lr = 0.1);
    tp_add_group(optim, one_param("b", tp_zeros(TP_SHAPE(2), .requires_grad = true)), .lr = 0.3);
    tp_schedule *s = tp_schedule_new_opt(optim, kind, &o);
    if (s)
        return rates_agree(c, optim, s, kind, &o, text, size);
    tp_error_take(text, size);
    return false;
}

static void schedules_are_pytorchs(void **state)
{
    (void)state;
    golden_for_cases("optim", schedule_agrees);
}

/* ---- clipping -------------------------------------------------------------------------------------------------------- */

static bool clipped_agrees(const golden_case *c, int d, char *text, size_t size)
{
    const char *dtype = dtypes[d];
    double scale = golden_f64(c, "scale", 1);
    tp_tensor *w = leaf(c, dtype, "w"), *b = leaf(c, dtype, "b"), *without = leaf(c, dtype, "b");
    tp_params *params = tp_params_new();
    tp_params_add(params, "w", w);
    tp_params_add(params, "without", without);
    tp_params_add(params, "b", b);
    tp_set_grad(w, tp_mul(at_step(golden_tensor(c->tensors, "%s/gw", dtype), 0), scale));
    tp_set_grad(b, tp_mul(at_step(golden_tensor(c->tensors, "%s/gb", dtype), 0), scale));
    if (!strcmp(c->op, "clip_norm")) {
        double norm = tp_clip_grad_norm(params, golden_f64(c, "max_norm", 0));
        double wanted = tp_item(golden_tensor(c->tensors, "%s/%s/norm", c->name, dtype));
        if (!(fabs(norm - wanted) <= tolerances[d].rtol * wanted)) {
            snprintf(text, size, "%s norm is %.17g, wanted %.17g", dtype, norm, wanted);
            return false;
        }
    } else
        tp_clip_grad_value(params, golden_f64(c, "value", 0));
    tolerance t = { tolerances[d].rtol, 0, false };
    return same_tensor("grad of w", tp_grad(w), golden_tensor(c->tensors, "%s/%s/gw", c->name, dtype), t,
                       text, size) &&
           same_tensor("grad of b", tp_grad(b), golden_tensor(c->tensors, "%s/%s/gb", c->name, dtype), t,
                       text, size);
}

static bool clip_agrees(golden_case *c, char *text, size_t size)
{
    if (strncmp(c->op, "clip", 4) != 0)
        return true;
    for (int d = 0; d < 2; d++) {
        TP_SCOPE;
        if (!clipped_agrees(c, d, text, size))
            return false;
    }
    return true;
}

static void clipping_is_pytorchs(void **state)
{
    (void)state;
    golden_for_cases("optim", clip_agrees);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_of_each_optimizer_are_pytorchs),
        cmocka_unit_test(schedules_are_pytorchs),
        cmocka_unit_test(clipping_is_pytorchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
