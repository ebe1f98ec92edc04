/* taper/optim.h - optimizers, learning-rate schedules, gradient clipping.
 *
 * The rules and defaults are PyTorch's, term by term.  In options a zero means the default; write TP_ZERO
 * where zero itself is wanted.  Programs: docs/optim.md.
 * Layer: optim.  Depends on ops.h.  Read next: train.h. */
#ifndef TAPER_OPTIM_H
#define TAPER_OPTIM_H

#include <taper/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_optim tp_optim;

TP_API tp_status tp_step(tp_optim *);     /* one update from the gradients; parameters without one are left out */
TP_API void tp_zero_grad(tp_optim *);     /* takes every gradient away */

/* One struct for all: each optimizer reads the fields named beside it. */
typedef struct tp_optim_options {
    size_t struct_size;
    double lr;             /* all: 1e-3 (SGD, Adam, AdamW), 1e-2 (RMSprop, Adagrad) */
    double weight_decay;   /* all: 0; AdamW 1e-2 */
    double momentum;       /* SGD, RMSprop: 0 */
    double dampening;      /* SGD: 0 */
    bool nesterov;         /* SGD */
    bool averaging;        /* SGD: m = beta m + (1 - beta) g, the averaging form of momentum */
    double beta1, beta2;   /* Adam, AdamW: 0.9, 0.999 */
    double eps;            /* Adam, AdamW, RMSprop: 1e-8; Adagrad 1e-10 */
    bool amsgrad;          /* Adam, AdamW */
    double alpha;          /* RMSprop: 0.99 */
    bool centered;         /* RMSprop */
    double lr_decay;       /* Adagrad: 0 */
    double initial_accumulator; /* Adagrad: 0 */
} tp_optim_options;
#define TP_OPTIM_OPTIONS_(...) (&(tp_optim_options){ .struct_size = sizeof(tp_optim_options), __VA_ARGS__ })

#define tp_sgd(params, ...) tp_optim_new("sgd", params, TP_OPTIM_OPTIONS_(__VA_ARGS__))
#define tp_adagrad(params, ...) tp_optim_new("adagrad", params, TP_OPTIM_OPTIONS_(__VA_ARGS__))
#define tp_rmsprop(params, ...) tp_optim_new("rmsprop", params, TP_OPTIM_OPTIONS_(__VA_ARGS__))
#define tp_adam(params, ...) tp_optim_new("adam", params, TP_OPTIM_OPTIONS_(__VA_ARGS__))
#define tp_adamw(params, ...) tp_optim_new("adamw", params, TP_OPTIM_OPTIONS_(__VA_ARGS__))

/* By name: "sgd", "momentum" (SGD with 0.9 unless told), "adagrad", "rmsprop", "adam", "adamw".  The parameters are group 0. */
TP_API tp_optim *tp_optim_new(const char *name, tp_params *, const tp_optim_options *);
TP_API const char *tp_optim_name(const tp_optim *);
TP_API const char *tp_optim_name_at(int i); /* the i-th known name; NULL past the end */

/* Parameter groups: each has its own options. */
#define tp_add_group(optim, params, ...) tp_add_group_opt(optim, params, TP_OPTIM_OPTIONS_(__VA_ARGS__))
TP_API tp_status tp_add_group_opt(tp_optim *, tp_params *, const tp_optim_options *);
TP_API int tp_n_groups(const tp_optim *);
TP_API double tp_lr(const tp_optim *, int group);
TP_API void tp_set_lr(tp_optim *, int group, double lr); /* group -1: all */

/* State: momentum buffers and the like, named "<parameter>.exp_avg"; and the number of steps done. */
TP_API tp_params *tp_optim_state(tp_optim *);
TP_API tp_status tp_optim_load_state(tp_optim *, const tp_params *, int64_t steps);
TP_API int64_t tp_optim_steps(const tp_optim *);

/* ---- A running mean of weights (torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn and use_buffers) --------------
 *
 * mean = decay mean + (1 - decay) weight after each step; the first update copies, as does every one of what is no float.  Swapping
 * exchanges means and weights, and swapping again brings them back:
 *
 *     tp_ema *ema = tp_ema_new(tp_state_dict(net), 0.999);
 *     for (int step = 0; step < 3; step++) {
 *         TP_SCOPE;
 *         tp_zero_grad(adam);
 *         tp_backward(tp_cross_entropy(tp_forward(net, x), labels));
 *         tp_step(adam);
 *         tp_ema_update(ema);
 *     }
 *     tp_ema_swap(ema);                       // now net has the means: evaluate it,
 *     tp_ema_swap(ema);                       // and go on training
 */

typedef struct tp_ema tp_ema; /* an object; it holds the tensors of the list */
TP_API tp_ema *tp_ema_new(const tp_params *of, double decay); /* decay in [0, 1) */
TP_API tp_status tp_ema_update(tp_ema *);
TP_API void tp_ema_swap(tp_ema *);
TP_API tp_params *tp_ema_state(tp_ema *); /* the means themselves, by the names of the list */
TP_API tp_status tp_ema_load_state(tp_ema *, const tp_params *, int64_t updates /* that were made before it was saved */);

/* ---- Clipping ------------------------------------------------------------------------------------------- */

TP_API double tp_clip_grad_norm(tp_params *, double max_norm);  /* 2-norm of all gradients together; returns the norm before */
TP_API tp_status tp_clip_grad_value(tp_params *, double value); /* every element into [-value, value] */

/* ---- Schedules: a factor on each group's initial rate, or a rule that looks at a metric -------------------- */

typedef struct tp_schedule tp_schedule;
typedef struct tp_schedule_options {
    size_t struct_size;
    int64_t warmup;          /* steps of linear warm-up before any of them: factor from warmup_start to 1 */
    double warmup_start;     /* 0 */
    int64_t total;           /* steps in all: cosine, linear, one_cycle */
    int64_t step_size;       /* step: every so many */
    const int64_t *milestones; /* multi_step; n_milestones of them */
    int n_milestones;
    double gamma;            /* step, multi_step, plateau: 0.1; exponential: 0.95 */
    double min_factor;       /* cosine, linear: the last factor; plateau: no lower; 0 */
    double max_factor;       /* one_cycle: peak over initial rate: 25 (PyTorch's div_factor) */
    double final_factor;     /* one_cycle: last over initial rate: 1e-4 (PyTorch's 1 / final_div_factor) */
    double rise;             /* one_cycle: share of steps that rise: 0.3 */
    int64_t patience;        /* plateau: 10 */
    double threshold;        /* plateau: relative gain that counts: 1e-4 */
    bool maximize;           /* plateau: the metric should grow */
} tp_schedule_options;

/* kinds: "constant", "step", "multi_step", "exponential", "cosine", "linear", "one_cycle", "inverse_sqrt", "plateau".
 * tp_schedule_step sets the rate for the step that comes next. */
#define tp_schedule_new(optim, kind, ...) \
    tp_schedule_new_opt(optim, kind, &(tp_schedule_options){ .struct_size = sizeof(tp_schedule_options), __VA_ARGS__ })
TP_API tp_schedule *tp_schedule_new_opt(tp_optim *, const char *kind, const tp_schedule_options *);
TP_API void tp_schedule_step(tp_schedule *);                     /* after each tp_step (or each epoch, as you like) */
TP_API void tp_schedule_metric(tp_schedule *, double metric);    /* plateau only: after each validation */
TP_API const char *tp_schedule_name_at(int i);                   /* the i-th kind; NULL past the end */
TP_API double tp_schedule_factor(const char *kind, const tp_schedule_options *, int64_t step); /* for pictures; NaN for plateau */
typedef struct tp_schedule_state { int64_t step; double best, factor; int64_t bad; } tp_schedule_state;
TP_API tp_schedule_state tp_schedule_get(const tp_schedule *);
TP_API void tp_schedule_set(tp_schedule *, tp_schedule_state);

#ifdef __cplusplus
}
#endif
#endif
