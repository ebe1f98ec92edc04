/* recompute.c - tp_checkpoint: what backward needs of a function is made again when it needs it, instead of being kept.
 *
 * The first run records its nodes as always, but what they would save they save as promises: (frame, number of the save).
 * The first promise that backward reads runs the function once more, from the same inputs, random numbers and grad mode; the
 * n-th tensor saved then is what promise n stands for.  Same operations on the same numbers: same bits.
 * Invariants:
 *  1. frame->phase goes FIRST -> WAITING -> AGAIN -> MADE; the graph of the second run dies at its end.
 *  2. A made tensor has no history and lives until its promise is released: the node frees it after use.
 *  3. A frame holds its inputs as a node would: inside of another checkpoint they are promises of that one.
 * Layer: autograd.  Depends on node.h.  Read next: node.c, which saves and unpacks. */
#include "autograd/node.h"
#include "base/memory.h"

#include <string.h>

enum phase { FIRST, WAITING, AGAIN, MADE };

typedef struct made {
    tp_tensor *tensor;
    uint32_t version; /* when it was saved again */
    int64_t numel;    /* as the first run had it */
    uint8_t dtype;
} made;

typedef struct frame {
    tp_object object;
    enum phase phase;
    tp_function *f;
    void *context, *keep;
    int n;
    saved_tensor *inputs;
    tp_node **makers; /* of the inputs, and their places, so that a promised one gets its history back */
    int32_t *places;
    tp_rng rng;
    made *made;
    int64_t count, capacity; /* saves of the first run */
    int64_t again;           /* saves of the second */
} frame;

typedef struct promise {
    tp_object object;
    frame *frame;
    int64_t number;
} promise;

static _Thread_local frame *active; /* the innermost that is running, for the first time or again */

static size_t inputs_bytes(int n)
{
    return (size_t)(n + !n) * (sizeof(saved_tensor) + sizeof(tp_node *) + sizeof(int32_t));
}

static void frame_destroy(void *object)
{
    frame *r = object;
    for (int i = 0; i < r->n && r->inputs; i++) {
        tp_release(r->inputs[i].tensor);
        tp_release(r->makers[i]);
    }
    for (int64_t i = 0; i < r->count; i++)
        tp_release(r->made[i].tensor);
    tp_free(r->made, (size_t)r->capacity * sizeof *r->made);
    if (r->inputs)
        tp_free(r->inputs, inputs_bytes(r->n));
    tp_release(r->keep);
    tp_free(r, sizeof *r);
}

static void promise_destroy(void *object)
{
    promise *p = object;
    made *m = &p->frame->made[p->number];
    tp_release(m->tensor);
    m->tensor = NULL;
    tp_release(p->frame);
    tp_free(p, sizeof *p);
}

static const tp_class frame_class = { "checkpoint", frame_destroy },
                      promise_class = { "promise", promise_destroy };

bool tp_recomputing(void)
{
    return active && active->phase == AGAIN;
}

/* ---- saving --------------------------------------------------------------------------------------------------------- */

bool recompute_active(void)
{
    return active;
}

void recompute_written(const tp_storage *s)
{
    made *last = active && active->phase == AGAIN && active->again ? &active->made[active->again - 1] : NULL;
    if (last && last->tensor && last->tensor->storage == s)
        last->version = s->version;
}

bool is_promise(const void *object)
{
    return object && ((const tp_object *)object)->class == &promise_class;
}

static tp_status promise_new(frame *r, const tp_tensor *t, saved_tensor *saved)
{
    void *all = r->made;
    promise *p = tp_alloc(sizeof *p);
    if (!p)
        return TP_ERR_MEMORY;
    if (tp_grow(&all, &r->capacity, r->count + 1, sizeof *r->made)) {
        tp_free(p, sizeof *p);
        return TP_ERR_MEMORY;
    }
    r->made = all;
    r->made[r->count] = (made){ .numel = t->numel, .dtype = t->dtype };
    *p = (promise){ { &promise_class, 1 }, tp_retain(r), r->count++ };
    *saved = (saved_tensor){ (tp_tensor *)(void *)p, 0 };
    return TP_OK;
}

static tp_status changed(void)
{
    return tp_fail(
        TP_ERR_GRAD,
        "checkpoint: the function did other operations when it was run again; it may depend on its "
        "inputs and its context only");
}

/* In the second run: the save that the promise of this number stands for. */
static tp_status keep_made(frame *r, const tp_tensor *t)
{
    int64_t i = r->again++;
    if (i >= r->count || r->made[i].numel != t->numel || r->made[i].dtype != t->dtype)
        return changed();
    TP_SCOPE;
    r->made[i].tensor = tp_retain(tensor_alias(t));
    r->made[i].version = t->storage->version;
    return tp_error_pending();
}

tp_status recompute_save(saved_tensor *saved, const tp_tensor *t, bool *taken)
{
    *taken = active->phase == FIRST;
    return *taken ? promise_new(active, t, saved) : keep_made(active, t);
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

static tp_tensor *run(frame *r, enum phase phase, tp_tensor *const *inputs)
{
    frame *outer = active;
    active = r;
    r->phase = phase;
    tp_tensor *y = r->f(inputs, r->n, r->context);
    active = outer;
    return y;
}

/* An input as the function got it: itself, or out of the checkpoint around this one. */
static tp_tensor *input_again(frame *r, int i)
{
    saved_tensor *s = &r->inputs[i];
    if (is_promise(s->tensor)) {
        tp_tensor *t = promise_keep(s->tensor);
        t = t && r->makers[i] ? tensor_alias(t) : t;
        if (t && r->makers[i])
            tensor_set_history(t, r->makers[i], r->places[i]);
        return t;
    }
    if (s->tensor && s->tensor->storage->version != s->version)
        return tp_fail_null(TP_ERR_GRAD,
                            "checkpoint: input %d, shape %s, was changed in place before backward", i,
                            tensor_shape_text(s->tensor));
    return s->tensor;
}

static tp_status run_again(frame *r)
{
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *inputs[TP_MAX_INPUTS] = { 0 };
    for (int i = 0; i < r->n; i++)
        if (r->inputs[i].tensor && !(inputs[i] = input_again(r, i)))
            return tp_error_pending();
    tp_rng now = tp_rng_state();
    tp_set_rng_state(r->rng);
    r->again = 0;
    run(r, AGAIN, inputs);
    tp_set_rng_state(now);
    if (!tp_pending() && r->again != r->count)
        changed();
    r->phase = tp_pending() ? WAITING : MADE;
    return tp_error_pending();
}

tp_tensor *promise_keep(void *object)
{
    promise *p = object;
    frame *r = p->frame;
    if (r->phase == FIRST || r->phase == AGAIN)
        return tp_fail_null(TP_ERR_GRAD,
                            "checkpoint: the function takes gradients of its own operations; only what "
                            "is outside of it can");
    if (r->phase == WAITING && run_again(r))
        return NULL;
    made *m = &r->made[p->number];
    if (m->tensor->storage->version != m->version)
        return tp_fail_null(
            TP_ERR_GRAD,
            "backward: a tensor of shape %s, made inside of a checkpoint, was changed in place "
            "after it was saved",
            tensor_shape_text(m->tensor));
    return m->tensor;
}

static tp_status hold_inputs(frame *r, tp_tensor *const *inputs)
{
    if (!(r->inputs = tp_calloc(inputs_bytes(r->n))))
        return TP_ERR_MEMORY;
    r->makers = (tp_node **)(void *)(r->inputs + r->n + !r->n);
    r->places = (int32_t *)(void *)(r->makers + r->n + !r->n);
    for (int i = 0; i < r->n; i++) {
        tp_tensor *x = inputs[i];
        bool taken = false;
        if (!x || tensor_refresh(x))
            continue;
        r->makers[i] = tp_retain(x->grad_fn);
        r->places[i] = x->output;
        if (active && (x->grad_fn || !x->requires_grad) &&
            (recompute_save(&r->inputs[i], x, &taken) || taken))
            continue;
        r->inputs[i] = (saved_tensor){ tp_retain(x), x->storage->version };
    }
    return tp_error_pending();
}

tp_tensor *tp_checkpoint_opt(tp_function *f, tp_tensor *const *inputs, int n, void *context,
                             const tp_checkpoint_options *o)
{
    if (tp_pending())
        return NULL;
    if (!f || n < 0 || n > TP_MAX_INPUTS)
        return tp_fail_null(TP_ERR_ARGUMENT, "checkpoint: %s",
                            f ? "0 to 16 inputs are possible" : "the function is NULL");
    TP_SCOPE;
    if (!tp_grad_mode())
        return tp_keep(f(inputs, n, context));
    frame *r = tp_object_new(&frame_class, sizeof *r);
    if (!r)
        return NULL;
    r->f = f;
    r->context = context;
    r->keep = tp_retain(o->keep);
    r->n = n;
    r->rng = tp_rng_state();
    if (hold_inputs(r, inputs))
        return NULL;
    tp_tensor *y = run(r, FIRST, inputs);
    r->phase = WAITING;
    if (!y && !tp_pending())
        tp_fail(TP_ERR_STATE, "checkpoint: the function returned NULL without an error");
    return tp_pending() ? NULL : tp_keep(y);
}
