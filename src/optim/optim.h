/* optim.h - an optimizer from the inside: its descriptor, its groups, the state of each parameter.
 *
 * One descriptor says all that makes Adam Adam; optim.c does what they share: groups, states, walking the parameters.
 * Invariants: states are contiguous, of their parameter's shape and dtype, there from the start; step counts a
 * parameter's own updates.  Layer: optim.  Depends on core, kernels, device.  Read next: optim.c, adam.c. */
#ifndef OPTIM_OPTIM_H
#define OPTIM_OPTIM_H

#include "core/tensor.h"
#include "kernels/kernels.h"

#include <taper/optim.h>

enum { OPTIM_STATES = 3, OPTIM_PIECE = 4096 };

/* What one update of one parameter needs; the kernel's arguments are filled once, its pieces read them. */
typedef struct optim_update {
    const struct optim_kind *kind;
    const kernel_table *kernels;
    int type;   /* in the kernel table: 0 f32, 1 f64 */
    bool flush; /* subnormal numbers are zero */
    char *param;
    const char *grad;
    char *state[OPTIM_STATES]; /* NULL where the variant has none */
    union {
        sgd_args sgd;
        adam_args adam;
        rmsprop_args rmsprop;
        adagrad_args adagrad;
    } args;
} optim_update;

typedef struct optim_kind {
    const char *name;
    tp_optim_options defaults;
    const char *state[OPTIM_STATES]; /* names as PyTorch's: "exp_avg" */

    /* Options come with their defaults filled in.  check may be NULL; of what optim.c does not check for all. */
    tp_status (*check)(const struct optim_kind *, const tp_optim_options *);
    unsigned (*states)(const tp_optim_options *); /* bit k: this variant keeps state k */
    double (*start)(const tp_optim_options *);    /* of every element of state 0; NULL: 0 */
    void (*prepare)(optim_update *, const tp_optim_options *,
                    int64_t step); /* args for the step-th update, from 1 */
    void (*run)(const optim_update *, void *param, const void *grad, void *const *state, int64_t n);
} optim_kind;

typedef struct optim_slot { /* one parameter */
    char *name;
    tp_tensor *param;
    tp_tensor *state[OPTIM_STATES];
    int64_t step;
    int group;
} optim_slot;

struct tp_optim {
    tp_object object;
    const optim_kind *kind;
    tp_optim_options *groups; /* defaults filled in; lr is the rate of now */
    int64_t n_groups, group_room;
    optim_slot *slots;
    int64_t n_slots, slot_room;
    int64_t steps;
};

/* A zero means otherwise; TP_ZERO means zero. */
double optim_or(double value, double otherwise);

#endif
