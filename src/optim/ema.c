/* ema.c - a running mean of weights beside those that learn: e = d e + (1 - d) p after each step, from e = p at the first.
 *
 * As torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn and use_buffers; what is no float is copied.  Swapping
 * exchanges the memory of the two, so that a network answers with the means while nothing moves.
 * Layer: optim.  Depends on core, ops.  Read next: optim.c, train/loop.c. */
#include "base/memory.h"
#include "core/tensor.h"

#include <taper/optim.h>

#include <string.h>

struct tp_ema {
    tp_object object;
    tp_params *of, *means; /* the same names */
    double decay;
    int64_t updates;
};

static void ema_destroy(void *object)
{
    tp_ema *e = object;
    tp_release(e->of);
    tp_release(e->means);
    tp_free(e, sizeof *e);
}

static const tp_class ema_class = { "ema", ema_destroy };

static bool listed(const tp_params *list, const tp_tensor *t)
{
    for (int i = 0; i < tp_params_count(list); i++)
        if (tp_params_at(list, i) == t)
            return true;
    return false;
}

tp_ema *tp_ema_new(const tp_params *of, double decay)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return NULL;
    if (!of || !(decay >= 0 && decay < 1))
        return tp_fail_null(TP_ERR_ARGUMENT, "ema: decay %g, a list of tensors and [0, 1) are wanted", decay);
    tp_ema *e = tp_object_new(&ema_class, sizeof *e);
    if (!e)
        return NULL;
    e->decay = decay;
    e->of = tp_retain(tp_params_new());
    e->means = tp_retain(tp_params_new());
    for (int i = 0; i < tp_params_count(of) && !tp_pending(); i++) {
        tp_tensor *t = tp_params_at(of, i);
        const char *name = tp_params_name(of, i);
        if (!listed(e->of, t) && !tp_params_add(e->of, name, t)) /* tied ones once */
            tp_params_add(e->means, name, tp_clone(tp_detach(t)));
    }
    return tp_pending() ? NULL : tp_keep(e);
}

tp_status tp_ema_update(tp_ema *e)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return tp_error_pending();
    if (!e)
        return tp_fail(TP_ERR_ARGUMENT, "ema_update: the means are NULL");
    for (int i = 0; i < tp_params_count(e->of) && !tp_pending(); i++) {
        tp_tensor *mean = tp_params_at(e->means, i), *t = tp_params_at(e->of, i);
        if (e->updates && tp_dtype_is_float(tp_dtype_of(t)))
            tp_lerp_(mean, t, 1 - e->decay);
        else
            tp_copy_(mean, t);
    }
    e->updates += !tp_pending();
    return tp_error_pending();
}

void tp_ema_swap(tp_ema *e)
{
    for (int i = 0; e && i < tp_params_count(e->of); i++) {
        tp_tensor *a = tp_params_at(e->of, i), *b = tp_params_at(e->means, i), was = *a;
        a->storage = b->storage;
        a->offset = b->offset;
        memcpy(a->stride, b->stride, sizeof a->stride);
        b->storage = was.storage;
        b->offset = was.offset;
        memcpy(b->stride, was.stride, sizeof b->stride);
    }
}

tp_params *tp_ema_state(tp_ema *e)
{
    if (!tp_pending() && !e)
        return tp_fail_null(TP_ERR_ARGUMENT, "ema_state: the means are NULL");
    return tp_pending() ? NULL : e->means;
}

tp_status tp_ema_load_state(tp_ema *e, const tp_params *state, int64_t updates)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (tp_pending())
        return tp_error_pending();
    if (!e || !state || updates < 0)
        return tp_fail(TP_ERR_ARGUMENT, "ema: means, a state and 0 or more updates are wanted");
    for (int i = 0; i < tp_params_count(e->means); i++) {
        const tp_tensor *mean = tp_params_at(e->means, i),
                        *given = tp_params_find(state, tp_params_name(e->means, i));
        if (!given || tp_dtype_of(given) != tp_dtype_of(mean) || !tensor_same_shape(given, mean))
            return tp_fail(TP_ERR_ARGUMENT, "ema: the mean of '%s' %s, %s %s is wanted",
                           tp_params_name(e->means, i), given ? "is of another type or shape" : "is missing",
                           tp_dtype_name(tp_dtype_of(mean)), tensor_shape_text(mean));
    }
    if (tp_params_count(state) != tp_params_count(e->means))
        return tp_fail(TP_ERR_ARGUMENT, "ema: means of %d tensors, %d are wanted", tp_params_count(state),
                       tp_params_count(e->means));
    for (int i = 0; i < tp_params_count(e->means) && !tp_pending(); i++)
        tp_copy_(tp_params_at(e->means, i), tp_params_find(state, tp_params_name(e->means, i)));
    e->updates = updates;
    return tp_error_pending();
}
