/* sgd.c - stochastic gradient descent: p -= lr m;  m = mu m + (1 - dampening) g (Polyak 1964), or plain g when mu = 0.
 *
 * Nesterov (Sutskever et al. 2013) steps by g + mu m; averaging keeps m = mu m + (1 - mu) g from m = 0, else the first
 * m is g itself.  "momentum" is the same with mu = 0.9, for those who choose by name.
 * Layer: optim.  Depends on optim.h, kernels.  Read next: adam.c. */
#include "optim/optim.h"

static tp_status sgd_check(const optim_kind *kind, const tp_optim_options *o)
{
    if (o->nesterov && o->momentum == 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: nesterov wants a momentum > 0", kind->name);
    if (o->nesterov && o->dampening != 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: nesterov wants dampening 0, it is %g", kind->name, o->dampening);
    if (o->averaging && o->dampening != 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "%s: averaging has its own (1 - momentum) and wants dampening 0, it is %g", kind->name,
                       o->dampening);
    return TP_OK;
}

static unsigned sgd_states(const tp_optim_options *o)
{
    return o->momentum != 0;
}

static void sgd_prepare(optim_update *u, const tp_optim_options *o, int64_t step)
{
    u->args.sgd = (sgd_args){ .lr = o->lr,
                              .momentum = o->momentum,
                              .dampening = o->dampening,
                              .weight_decay = o->weight_decay,
                              .grad_scale = 1,
                              .nesterov = o->nesterov,
                              .averaging = o->averaging,
                              .first = step == 1 };
}

static void sgd_run(const optim_update *u, void *param, const void *grad, void *const *state, int64_t n)
{
    u->kernels->sgd[u->type](param, grad, state[0], n, &u->args.sgd);
}

const optim_kind optim_sgd = {
    .name = "sgd",
    .defaults = { .lr = 1e-3 },
    .state = { "momentum_buffer" },
    .check = sgd_check,
    .states = sgd_states,
    .prepare = sgd_prepare,
    .run = sgd_run,
};

const optim_kind optim_momentum = {
    .name = "momentum",
    .defaults = { .lr = 1e-3, .momentum = 0.9 },
    .state = { "momentum_buffer" },
    .check = sgd_check,
    .states = sgd_states,
    .prepare = sgd_prepare,
    .run = sgd_run,
};
