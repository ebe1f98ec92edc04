/* state.c - the state of an optimizer as named tensors, and loading it back to the same bits.
 *
 * Names are PyTorch's after the parameter's own: "conv1.weight.exp_avg"; "conv1.weight.step" is its count of updates.
 * The buffers are the optimizer's own, not copies, as in PyTorch: saving a checkpoint costs no memory.
 * Layer: optim.  Depends on optim.h, ops/map.h.  Read next: schedule.c. */
#include "base/memory.h"
#include "device/device.h"
#include "ops/map.h"
#include "optim/optim.h"

#include <string.h>

/* Adds t as "<parameter>.<state>". */
static tp_status add(tp_params *list, const char *parameter, const char *state, tp_tensor *t)
{
    size_t size = strlen(parameter) + strlen(state) + 2;
    char *name = t ? tp_alloc(size) : NULL;
    if (!name)
        return tp_error_pending();
    snprintf(name, size, "%s.%s", parameter, state);
    tp_status status = tp_params_add(list, name, t);
    tp_free(name, size);
    return status;
}

tp_params *tp_optim_state(tp_optim *o)
{
    if (tp_pending())
        return NULL;
    if (!o)
        return tp_fail_null(TP_ERR_ARGUMENT, "optim_state: the optimizer is NULL");
    TP_SCOPE;
    tp_params *list = tp_params_new();
    for (int64_t i = 0; i < o->n_slots; i++) {
        const optim_slot *s = &o->slots[i];
        if (add(list, s->name, "step", tp_tensor_copied(&s->step, TP_I64, TP_SHAPE())))
            return NULL;
        for (int k = 0; k < OPTIM_STATES; k++)
            if (s->state[k] && add(list, s->name, o->kind->state[k], s->state[k]))
                return NULL;
    }
    return list ? tp_keep(list) : NULL;
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

typedef struct complaints {
    char text[800];
    size_t used;
    int count, left_out;
} complaints;

static void complain(complaints *c, const char *name, const char *what, const tp_tensor *got,
                     const tp_tensor *want)
{
    char line[320];
    int n = got ? snprintf(line, sizeof line, "%s'%.80s' %s %s %s, wanted %s %s", c->count ? "; " : "", name,
                           what, tp_dtype_name((tp_dtype)got->dtype), tensor_shape_text(got),
                           tp_dtype_name((tp_dtype)want->dtype), tensor_shape_text(want))
                : snprintf(line, sizeof line, "%s'%.80s' %s", c->count ? "; " : "", name, what);
    size_t length = n < (int)sizeof line ? (size_t)n : sizeof line - 1;
    c->count++;
    if (c->left_out || c->used + length >= sizeof c->text) {
        c->left_out++;
        return;
    }
    memcpy(c->text + c->used, line, length + 1);
    c->used += length;
}

static bool is_step(const char *name) /* ".step" is no state's name, so the end tells */
{
    size_t n = strlen(name);
    return n >= 5 && !strcmp(name + n - 5, ".step");
}

static tp_status check_state(const tp_optim *o, const tp_params *mine, const tp_params *given)
{
    complaints c = { .count = 0 };
    for (int i = 0; i < tp_params_count(mine); i++) {
        const char *name = tp_params_name(mine, i);
        const tp_tensor *want = tp_params_at(mine, i), *got = tp_params_find(given, name);
        if (!got)
            complain(&c, name, "is missing", NULL, NULL);
        else if (got->dtype != want->dtype || !tensor_same_shape(got, want))
            complain(&c, name, "is", got, want);
        else if (got->dtype == TP_I64 && is_step(name) && tp_item_i64(got) < 0)
            complain(&c, name, "is negative", NULL, NULL);
    }
    for (int i = 0; i < tp_params_count(given); i++)
        if (!tp_params_find(mine, tp_params_name(given, i)))
            complain(&c, tp_params_name(given, i), "is not of this optimizer", NULL, NULL);
    if (!c.count)
        return TP_OK;
    char more[48] = "";
    if (c.left_out)
        snprintf(more, sizeof more, "; and %d more", c.left_out);
    return tp_fail(TP_ERR_ARGUMENT, "%s: the state does not fit: %s%s", o->kind->name, c.text, more);
}

tp_status tp_optim_load_state(tp_optim *o, const tp_params *given, int64_t steps)
{
    if (tp_pending())
        return tp_error_pending();
    if (!o || !given)
        return tp_fail(TP_ERR_ARGUMENT, "optim_load_state: the %s is NULL", o ? "state" : "optimizer");
    if (steps < 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: steps is %lld, a number >= 0 is wanted", o->kind->name,
                       (long long)steps);
    TP_SCOPE;
    tp_params *mine = tp_optim_state(o);
    if (!mine || check_state(o, mine, given))
        return tp_error_pending();
    for (int64_t i = 0, at = 0; i < o->n_slots; i++) { /* mine lists them in this order */
        optim_slot *s = &o->slots[i];
        s->step = tp_item_i64(tp_params_find(given, tp_params_name(mine, (int)at++)));
        for (int k = 0; k < OPTIM_STATES; k++) {
            if (!s->state[k])
                continue;
            const tp_tensor *from = tp_params_find(given, tp_params_name(mine, (int)at++));
            if (from->storage != s->state[k]->storage)
                copy_tensor(s->state[k]->storage->device->kernels(), s->state[k], from);
            s->state[k]->storage->version++;
        }
    }
    o->steps = steps;
    return TP_OK;
}
