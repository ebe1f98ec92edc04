/* adam.c - Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019): p -= lr (m / c1) / (sqrt(v / c2) + eps).
 *
 * m and v are running means of g and g^2, c1 = 1 - beta1^t and c2 = 1 - beta2^t undo their start at zero; amsgrad takes
 * the largest v so far.  Adam adds decay p to g, AdamW shrinks p itself: that is the whole difference, so one file.
 * Layer: optim.  Depends on optim.h, kernels.  Read next: rmsprop.c. */
#include "optim/optim.h"

#include <math.h>

static unsigned adam_states(const tp_optim_options *o)
{
    return o->amsgrad ? 7 : 3;
}

static void adam_prepare(optim_update *u, const tp_optim_options *o, int64_t step)
{
    double t = (double)step;
    u->args.adam = (adam_args){ .lr = o->lr,
                                .beta1 = o->beta1,
                                .beta2 = o->beta2,
                                .eps = o->eps,
                                .weight_decay = o->weight_decay,
                                .correction1 = 1 - pow(o->beta1, t),
                                .correction2 = 1 - pow(o->beta2, t),
                                .amsgrad = o->amsgrad };
}

static void adamw_prepare(optim_update *u, const tp_optim_options *o, int64_t step)
{
    adam_prepare(u, o, step);
    u->args.adam.decoupled = true;
}

static void adam_run(const optim_update *u, void *param, const void *grad, void *const *state, int64_t n)
{
    u->kernels->adam[u->type](param, grad, state[0], state[1], state[2], n, &u->args.adam);
}

const optim_kind optim_adam = {
    .name = "adam",
    .defaults = { .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 },
    .state = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },
    .states = adam_states,
    .prepare = adam_prepare,
    .run = adam_run,
};

const optim_kind optim_adamw = {
    .name = "adamw",
    .defaults = { .lr = 1e-3, .weight_decay = 1e-2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 },
    .state = { "exp_avg", "exp_avg_sq", "max_exp_avg_sq" },
    .states = adam_states,
    .prepare = adamw_prepare,
    .run = adam_run,
};
