/* optim.c - what all optimizers share: names, options and their checks, groups, one step over the parameters.
 *
 * All memory is taken when a group is added, so that a step asks for none; only a parameter or gradient that is not
 * contiguous passes through a copy.  Large tensors go in pieces that do not depend on the number of threads.
 * Layer: optim.  Depends on optim.h, ops/map.h, base/parallel.h.  Read next: state.c, sgd.c. */
#include "optim/optim.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "base/subnormal.h"
#include "device/device.h"
#include "ops/map.h"

#include <math.h>
#include <string.h>

#define OPTIM(name) extern const optim_kind optim_##name;
#include "optim/optim.def"
#undef OPTIM

static const optim_kind *const kinds[] = {
#define OPTIM(name) &optim_##name,
#include "optim/optim.def"
#undef OPTIM
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

const char *tp_optim_name_at(int i)
{
    return i >= 0 && (size_t)i < sizeof kinds / sizeof *kinds ? kinds[i]->name : NULL;
}

const char *tp_optim_name(const tp_optim *o)
{
    return o ? o->kind->name : NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

double optim_or(double value, double otherwise)
{
    if (value != 0) /* NaN too: the checks tell of it */
        return value;
    return signbit(value) ? 0 : otherwise;
}

static tp_optim_options fill_options(const optim_kind *kind, const tp_optim_options *given)
{
    const tp_optim_options *d = &kind->defaults;
    tp_optim_options o = { 0 };
    if (given)
        memcpy(&o, given,
               given->struct_size && given->struct_size < sizeof o ? given->struct_size : sizeof o);
    o.struct_size = sizeof o;
    o.lr = optim_or(o.lr, d->lr);
    o.weight_decay = optim_or(o.weight_decay, d->weight_decay);
    o.momentum = optim_or(o.momentum, d->momentum);
    o.dampening = optim_or(o.dampening, d->dampening);
    o.beta1 = optim_or(o.beta1, d->beta1);
    o.beta2 = optim_or(o.beta2, d->beta2);
    o.eps = optim_or(o.eps, d->eps);
    o.alpha = optim_or(o.alpha, d->alpha);
    o.lr_decay = optim_or(o.lr_decay, d->lr_decay);
    o.initial_accumulator = optim_or(o.initial_accumulator, d->initial_accumulator);
    return o;
}

static tp_status check_options(const optim_kind *kind, const tp_optim_options *o)
{
    const struct {
        const char *name;
        double value, below; /* in [0, below) */
    } rows[] = {
        { "lr", o->lr, INFINITY },
        { "weight_decay", o->weight_decay, INFINITY },
        { "momentum", o->momentum, INFINITY },
        { "beta1", o->beta1, 1 },
        { "beta2", o->beta2, 1 },
        { "eps", o->eps, INFINITY },
        { "alpha", o->alpha, nextafter(1, 2) },
        { "lr_decay", o->lr_decay, INFINITY },
        { "initial_accumulator", o->initial_accumulator, INFINITY },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!(rows[i].value >= 0 && rows[i].value < rows[i].below))
            return tp_fail(TP_ERR_ARGUMENT, "%s: %s is %g, %s is wanted", kind->name, rows[i].name,
                           rows[i].value,
                           isinf(rows[i].below) ? "a finite number >= 0"
                           : rows[i].below == 1 ? "[0, 1)"
                                                : "[0, 1]");
    if (!isfinite(o->dampening))
        return tp_fail(TP_ERR_ARGUMENT, "%s: dampening is %g, a finite number is wanted", kind->name,
                       o->dampening);
    return kind->check ? kind->check(kind, o) : TP_OK;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static void slot_clear(optim_slot *s)
{
    if (s->name)
        tp_free(s->name, strlen(s->name) + 1);
    tp_release(s->param);
    for (int k = 0; k < OPTIM_STATES; k++)
        tp_release(s->state[k]);
}

static void optim_destroy(void *object)
{
    tp_optim *o = object;
    for (int64_t i = 0; i < o->n_slots; i++)
        slot_clear(&o->slots[i]);
    tp_free(o->slots, (size_t)o->slot_room * sizeof *o->slots);
    tp_free(o->groups, (size_t)o->group_room * sizeof *o->groups);
    tp_free(o, sizeof *o);
}

static const tp_class optim_class = { "optim", optim_destroy };

static tp_status check_params(const tp_optim *o, const tp_params *params)
{
    const char *kind = o->kind->name;
    for (int i = 0; i < tp_params_count(params); i++) {
        const tp_tensor *t = tp_params_at(params, i);
        const char *name = tp_params_name(params, i);
        if (t->dtype != TP_F32 && t->dtype != TP_F64)
            return tp_fail(TP_ERR_DTYPE, "%s: parameter '%s' is %s, f32 or f64 is wanted", kind, name,
                           tp_dtype_name((tp_dtype)t->dtype));
        if (t->grad_fn)
            return tp_fail(TP_ERR_GRAD, "%s: parameter '%s' is a result of %s, a leaf is wanted", kind, name,
                           t->grad_fn->op->name);
        for (int64_t k = 0; k < o->n_slots; k++)
            if (o->slots[k].param == t)
                return tp_fail(TP_ERR_ARGUMENT, "%s: parameter '%s' is in group %d already, as '%s'", kind,
                               name, o->slots[k].group, o->slots[k].name);
        for (int k = 0; k < i; k++)
            if (tp_params_at(params, k) == t)
                return tp_fail(TP_ERR_ARGUMENT, "%s: parameter '%s' is in the list already, as '%s'", kind,
                               name, tp_params_name(params, k));
    }
    return TP_OK;
}

static void fill_state(tp_tensor *t, double value)
{
    char *data = tensor_data(t);
    if (data)
        memset(data, 0, (size_t)t->numel * tensor_element_size(t));
    for (int64_t i = 0; data && value != 0 && i < t->numel; i++)
        if (t->dtype == TP_F32)
            ((float *)(void *)data)[i] = (float)value;
        else
            ((double *)(void *)data)[i] = value;
}

static tp_status fill_slot(const tp_optim *o, optim_slot *s, const char *name, tp_tensor *param)
{
    TP_SCOPE;
    const tp_optim_options *options = &o->groups[o->n_groups];
    unsigned states = o->kind->states(options);
    *s = (optim_slot){ .param = tp_retain(param), .group = (int)o->n_groups };
    s->name = tp_memdup(name, strlen(name) + 1);
    for (int k = 0; k < OPTIM_STATES && s->name; k++) {
        if (!(states >> k & 1))
            continue;
        tp_tensor *t = tensor_new((tp_dtype)param->dtype, tp_shape_of(param));
        if (!t)
            break;
        fill_state(t, k == 0 && o->kind->start ? o->kind->start(options) : 0);
        s->state[k] = tp_retain(t);
    }
    return tp_error_pending();
}

tp_status tp_add_group_opt(tp_optim *o, tp_params *params, const tp_optim_options *given)
{
    if (tp_pending())
        return tp_error_pending();
    if (!o || !params)
        return tp_fail(TP_ERR_ARGUMENT, "add_group: the %s is NULL", o ? "list of parameters" : "optimizer");
    tp_optim_options options = fill_options(o->kind, given);
    if (check_options(o->kind, &options) || check_params(o, params))
        return tp_error_pending();
    int n = tp_params_count(params);
    void *groups = o->groups, *slots = o->slots;
    if (tp_grow(&groups, &o->group_room, o->n_groups + 1, sizeof *o->groups))
        return tp_error_pending();
    o->groups = groups;
    if (tp_grow(&slots, &o->slot_room, o->n_slots + n, sizeof *o->slots))
        return tp_error_pending();
    o->slots = slots;
    o->groups[o->n_groups] = options;
    for (int i = 0; i < n; i++)
        if (fill_slot(o, &o->slots[o->n_slots + i], tp_params_name(params, i), tp_params_at(params, i))) {
            for (; i >= 0; i--)
                slot_clear(&o->slots[o->n_slots + i]);
            return tp_error_pending();
        }
    o->n_slots += n;
    o->n_groups++;
    return TP_OK;
}

tp_optim *tp_optim_new(const char *name, tp_params *params, const tp_optim_options *options)
{
    if (tp_pending())
        return NULL;
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(name ? name : "", kinds[i]->name) != 0)
        i++;
    if (i == sizeof kinds / sizeof *kinds) {
        tp_error_unknown("optimizer", name ? name : "", tp_optim_name_at);
        return NULL;
    }
    TP_SCOPE;
    tp_optim *o = tp_object_new(&optim_class, sizeof *o);
    if (!o)
        return NULL;
    o->kind = kinds[i];
    return tp_add_group_opt(o, params, options) ? NULL : tp_keep(o);
}

int tp_n_groups(const tp_optim *o)
{
    return o ? (int)o->n_groups : 0;
}

double tp_lr(const tp_optim *o, int group)
{
    return o && group >= 0 && group < o->n_groups ? o->groups[group].lr : NAN;
}

void tp_set_lr(tp_optim *o, int group, double lr)
{
    if (!o || tp_pending())
        return;
    if (group < -1 || group >= o->n_groups)
        tp_fail(TP_ERR_INDEX, "set_lr: there is no group %d, there are %d", group, (int)o->n_groups);
    else if (!(lr >= 0 && isfinite(lr)))
        tp_fail(TP_ERR_ARGUMENT, "set_lr: lr is %g, a finite number >= 0 is wanted", lr);
    else
        for (int64_t g = group < 0 ? 0 : group; g < (group < 0 ? o->n_groups : group + 1); g++)
            o->groups[g].lr = lr;
}

/* ---- step -------------------------------------------------------------------------------------------------------- */

/* Beside such an eps the root of a subnormal number is nothing. */
static const double LEAST_EPS = 1e-12;

static void run_piece(void *context, int64_t begin, int64_t end)
{
    const optim_update *u = context;
    int64_t at = begin * (u->type ? 8 : 4);
    void *state[OPTIM_STATES];
    for (int k = 0; k < OPTIM_STATES; k++)
        state[k] = u->state[k] ? u->state[k] + at : NULL;
    const unsigned before = u->flush ? flush_subnormals() : 0;
    u->kind->run(u, u->param + at, u->grad + at, state, end - begin);
    if (u->flush)
        restore_subnormals(before);
}

/* to = from, between two layouts of the tensor like */
static void relayout(const optim_update *u, const tp_tensor *like, void *to, const int64_t *to_stride,
                     const void *from, int from_type, const int64_t *from_stride)
{
    copy_strided(u->kernels, like->ndim, like->shape, to, (tp_dtype)like->dtype, to_stride, from,
                 (tp_dtype)from_type, from_stride);
}

/* Updates of small parameters wait for others: all of them are one job. */
enum { BATCH = 64, ENOUGH_WORK = 8192 };
typedef struct batch {
    int64_t n, numel;
    optim_update update[BATCH];
    int64_t size[BATCH];
} batch;

static void run_updates(void *context, int64_t begin, int64_t end)
{
    const batch *b = context;
    for (int64_t i = begin; i < end; i++)
        run_piece((void *)(uintptr_t)&b->update[i], 0, b->size[i]);
}

static void run_batch(batch *b)
{
    parallel_for(b->n, b->numel < ENOUGH_WORK ? BATCH : 1, run_updates, b);
    b->n = b->numel = 0;
}

/* Parameters may lie in the same memory: then each has its turn. */
static bool reaches_into(const batch *b, const tp_tensor *p, const char *from)
{
    const int64_t size = (int64_t)tensor_element_size(p);
    int64_t last = 0;
    for (int d = 0; d < p->ndim; d++)
        last += (p->shape[d] - 1) * p->stride[d];
    const char *end = from + (last + 1) * size;
    for (int64_t i = 0; i < b->n; i++)
        if (from < b->update[i].param + b->size[i] * (b->update[i].type ? 8 : 4) && b->update[i].param < end)
            return true;
    return false;
}

static void wait_in_batch(batch *b, const optim_update *u, int64_t numel)
{
    b->update[b->n] = *u;
    b->size[b->n++] = numel;
    b->numel += numel;
    if (b->n == BATCH)
        run_batch(b);
}

static tp_status update(const tp_optim *o, optim_slot *s, const tp_tensor *grad, batch *small)
{
    tp_tensor *p = s->param;
    optim_update u = { .kind = o->kind,
                       .kernels = p->storage->device->kernels(),
                       .type = p->dtype == TP_F64,
                       .flush = !(o->kind->defaults.eps > 0) || o->groups[s->group].eps >= LEAST_EPS,
                       .param = tensor_data(p),
                       .grad = tensor_data(grad) };
    bool param_lies_right = tensor_is_contiguous(p);
    bool grad_lies_right = grad->dtype == p->dtype && tensor_is_contiguous(grad);
    size_t bytes = (size_t)p->numel * tensor_element_size(p);
    char *param_copy = NULL, *grad_copy = NULL;
    if (p->numel == 0 || !u.param || !u.grad) {
        s->step++;
        return TP_OK;
    }
    if (reaches_into(small, p, u.param))
        run_batch(small);
    if ((!param_lies_right && !(param_copy = tp_alloc(bytes))) ||
        (!grad_lies_right && !(grad_copy = tp_alloc(bytes)))) {
        tp_free(param_copy, bytes);
        return tp_error_pending();
    }
    int64_t rows[TP_MAX_DIMS], step = 1;
    for (int d = p->ndim - 1; d >= 0; step *= p->shape[d--])
        rows[d] = step;
    if (param_copy)
        relayout(&u, p, param_copy, rows, u.param, p->dtype, p->stride);
    if (grad_copy)
        relayout(&u, p, grad_copy, rows, u.grad, grad->dtype, grad->stride);
    u.param = param_copy ? param_copy : u.param;
    u.grad = grad_copy ? grad_copy : u.grad;
    for (int k = 0; k < OPTIM_STATES; k++)
        u.state[k] = s->state[k] ? tensor_data(s->state[k]) : NULL;
    o->kind->prepare(&u, &o->groups[s->group], ++s->step);
    if (p->numel <= OPTIM_PIECE && !param_copy && !grad_copy)
        wait_in_batch(small, &u, p->numel);
    else
        parallel_for(p->numel, OPTIM_PIECE, run_piece, &u);
    if (param_copy)
        relayout(&u, p, tensor_data(p), p->stride, param_copy, p->dtype, rows);
    p->storage->version++;
    tp_free(param_copy, bytes);
    tp_free(grad_copy, bytes);
    return TP_OK;
}

tp_status tp_step(tp_optim *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (!o)
        return tp_fail(TP_ERR_ARGUMENT, "step: the optimizer is NULL");
    for (int64_t i = 0; i < o->n_slots; i++) { /* all first: a wrong gradient changes nothing */
        const optim_slot *s = &o->slots[i];
        const tp_tensor *g = tp_grad(s->param);
        if (g && !tensor_same_shape(g, s->param))
            return tp_fail(TP_ERR_SHAPE, "%s: the gradient of '%s' is %s, the parameter is %s", o->kind->name,
                           s->name, tensor_shape_text(g), tensor_shape_text(s->param));
    }
    batch small;
    small.n = small.numel = 0;
    for (int64_t i = 0; i < o->n_slots; i++) {
        const tp_tensor *g = tp_grad(o->slots[i].param);
        if (g && update(o, &o->slots[i], g, &small))
            break;
    }
    run_batch(&small); /* also of a step that failed: these parameters count as updated */
    if (tp_pending())
        return tp_error_pending();
    o->steps++;
    return TP_OK;
}

void tp_zero_grad(tp_optim *o)
{
    for (int64_t i = 0; o && i < o->n_slots; i++)
        tp_set_grad(o->slots[i].param, NULL);
}

int64_t tp_optim_steps(const tp_optim *o)
{
    return o ? o->steps : 0;
}
