/* plot_schedule.c - `taper plot schedule`: the factor of the learning rate, step by step.
 *
 * What a schedule needs and is not told (where it drops, how many steps there are) is chosen so that the picture shows it.
 * Layer: cli.  Depends on plot.h, optim.h.  Read next: plot_position.c. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

static const char *schedule_choice(int i)
{
    int n = 0;
    while (tp_schedule_name_at(n))
        n++;
    return i < n ? tp_schedule_name_at(i) : i == n ? "warmup" : NULL;
}

/* Plateau looks at a metric: one that falls until the middle and then stays. */
static tp_status run_plateau(const tp_schedule_options *o, int64_t steps, double *factors)
{
    TP_SCOPE;
    tp_params *params = tp_params_new();
    tp_params_add(params, "w", tp_zeros(TP_SHAPE(1)));
    tp_optim *sgd = tp_sgd(params, .lr = 1);
    tp_schedule *schedule = tp_schedule_new_opt(sgd, "plateau", o);
    for (int64_t i = 0; i < steps && !tp_error_pending(); i++) {
        factors[i] = tp_lr(sgd, 0);
        tp_schedule_metric(schedule, 1 / (1.0 + (double)(i < steps / 2 ? i : steps / 2)));
        tp_schedule_step(schedule);
    }
    return tp_error_pending();
}

static tp_status fill(const char *name, const tp_schedule_options *given, int64_t steps, double *factors)
{
    tp_schedule_options o = *given;
    int64_t usual[] = { steps / 2, steps * 3 / 4 };
    o.total = steps;
    o.step_size = o.step_size ? o.step_size : (steps + 3) / 4;
    if (!o.n_milestones)
        o.milestones = usual, o.n_milestones = 2;
    if (!strcmp(name, "inverse_sqrt") && !o.warmup)
        o.warmup = (steps + 9) / 10;
    if (!strcmp(name, "warmup")) {
        o.warmup = o.warmup ? o.warmup : (steps + 4) / 5;
        name = "constant";
    }
    if (!strcmp(name, "plateau"))
        return run_plateau(&o, steps, factors);
    for (int64_t i = 0; i < steps && !tp_error_pending(); i++)
        factors[i] = tp_schedule_factor(name, &o, i);
    return tp_error_pending();
}

int chart_schedule(const cli *c)
{
    static const char *const usual[] = { "constant", "step",   "multi_step", "exponential",
                                         "cosine",   "linear", "one_cycle",  "inverse_sqrt",
                                         "plateau",  "warmup", NULL };
    const char *names[MOST_NAMES];
    tp_plot_panel panels[MOST_NAMES];
    tp_plot_series series[MOST_NAMES];
    const int64_t steps = c->steps ? c->steps : 200;
    int n, code = chart_names(c, "schedule", schedule_choice, usual, names, &n);
    if (code)
        return code;
    for (int i = 0; i < n; i++) {
        double *factors;
        if (!chart_numbers(steps, &factors) || fill(names[i], &c->train.schedule_options, steps, factors))
            return library_error();
        series[i] = (tp_plot_series){ .y = factors, .n = steps };
        panels[i] = (tp_plot_panel){ .title = names[i],
                                     .x = { .name = "step" },
                                     .y = { .from_zero = true },
                                     .series = &series[i],
                                     .n_series = 1 };
    }
    return show_plot(c, &(tp_plot){ .title = n > 1 ? "Schedules: factor of the learning rate" : NULL,
                                    .description = "The factor of the learning rate by step.",
                                    .panels = panels,
                                    .n_panels = n,
                                    .across = 3,
                                    .width = 300,
                                    .height = 190 });
}
