/* adagrad.c - Adagrad (Duchi, Hazan, Singer 2011): p -= lr g / (sqrt(s) + eps), s the sum of all g^2 so far.
 *
 * lr falls as lr / (1 + (t - 1) lr_decay), t the parameter's own count; the kernel gets the rate of this step.  The sum
 * starts at initial_accumulator, the one state of all optimizers that need not start at zero.
 * Layer: optim.  Depends on optim.h, kernels.  Read next: schedule.c. */
#include "optim/optim.h"

static unsigned adagrad_states(const tp_optim_options *o)
{
    (void)o;
    return 1;
}

static double adagrad_start(const tp_optim_options *o)
{
    return o->initial_accumulator;
}

static void adagrad_prepare(optim_update *u, const tp_optim_options *o, int64_t step)
{
    u->args.adagrad = (adagrad_args){ .lr = o->lr / (1 + (double)(step - 1) * o->lr_decay),
                                      .eps = o->eps,
                                      .weight_decay = o->weight_decay };
}

static void adagrad_run(const optim_update *u, void *param, const void *grad, void *const *state, int64_t n)
{
    u->kernels->adagrad[u->type](param, grad, state[0], n, &u->args.adagrad);
}

const optim_kind optim_adagrad = {
    .name = "adagrad",
    .defaults = { .lr = 1e-2, .eps = 1e-10 },
    .state = { "sum" },
    .states = adagrad_states,
    .start = adagrad_start,
    .prepare = adagrad_prepare,
    .run = adagrad_run,
};
