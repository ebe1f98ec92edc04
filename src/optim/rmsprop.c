/* rmsprop.c - RMSprop (Hinton 2012, lecture 6e): p -= lr g / (sqrt(v) + eps), v a running mean of g^2.
 *
 * Centered (Graves 2013) takes the square of the running mean of g from v; momentum gathers the steps.
 * Each variant has its own states, so that the plain one pays for one buffer only.
 * Layer: optim.  Depends on optim.h, kernels.  Read next: adagrad.c. */
#include "optim/optim.h"

static unsigned rmsprop_states(const tp_optim_options *o)
{
    return 1u | (o->centered ? 2u : 0) | (o->momentum != 0 ? 4u : 0);
}

static void rmsprop_prepare(optim_update *u, const tp_optim_options *o, int64_t step)
{
    (void)step;
    u->args.rmsprop = (rmsprop_args){ .lr = o->lr,
                                      .alpha = o->alpha,
                                      .eps = o->eps,
                                      .weight_decay = o->weight_decay,
                                      .momentum = o->momentum,
                                      .centered = o->centered };
}

static void rmsprop_run(const optim_update *u, void *param, const void *grad, void *const *state, int64_t n)
{
    u->kernels->rmsprop[u->type](param, grad, state[0], state[1], state[2], n, &u->args.rmsprop);
}

const optim_kind optim_rmsprop = {
    .name = "rmsprop",
    .defaults = { .lr = 1e-2, .eps = 1e-8, .alpha = 0.99 },
    .state = { "square_avg", "grad_avg", "momentum_buffer" },
    .states = rmsprop_states,
    .prepare = rmsprop_prepare,
    .run = rmsprop_run,
};
