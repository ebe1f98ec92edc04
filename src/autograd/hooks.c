/* hooks.c - functions that are called with a tensor's gradient during backward.
 *
 * A list belongs to a leaf, or to an output of a node and is shared by the tensor that this output is.  After an operation in
 * place the tensor is another output and starts a new list; the old one, still the older output's, hangs behind it.
 * Layer: autograd.  Depends on node.h.  Read next: backward.c, which runs them; nn/hooks.c for modules. */
#include "base/memory.h"
#include "autograd/node.h"

typedef struct hook {
    tp_hook *call; /* both NULL: removed */
    tp_after_hook *after;
    void *context;
    void (*release)(void *context); /* NULL: nobody is told */
    int64_t id;
} hook;

typedef struct tp_hooks {
    tp_object object;
    hook *hook;
    int64_t n, capacity;
    struct tp_hooks *older;
} tp_hooks;

/* Its place stays: the list may be running. */
static void take_away(hook *h)
{
    void (*release)(void *) = h->release;
    h->call = NULL;
    h->after = NULL;
    h->release = NULL;
    if (release)
        release(h->context);
}

static void hooks_destroy(void *object)
{
    tp_hooks *h = object;
    for (int64_t i = 0; i < h->n; i++)
        take_away(&h->hook[i]);
    tp_release(h->older);
    tp_free(h->hook, (size_t)h->capacity * sizeof *h->hook);
    tp_free(h, sizeof *h);
}

static const tp_class hooks_class = { "hooks", hooks_destroy };

static tp_hooks *hooks_new(void)
{
    TP_SCOPE;
    return tp_retain(tp_object_new(&hooks_class, sizeof(tp_hooks)));
}

/* The list of what the tensor is now. */
static tp_hooks *list_of(tp_tensor *t)
{
    if (t->hooks && (!t->grad_fn || t->grad_fn->out[t->output].hooks == t->hooks))
        return t->hooks;
    tp_hooks *h = t->grad_fn && t->grad_fn->out[t->output].hooks ? tp_retain(t->grad_fn->out[t->output].hooks)
                                                                 : hooks_new();
    if (!h)
        return NULL;
    if (t->grad_fn && !t->grad_fn->out[t->output].hooks)
        t->grad_fn->out[t->output].hooks = tp_retain(h);
    if (!h->older && t->hooks != h)
        h->older = t->hooks;
    else
        tp_release(t->hooks);
    return t->hooks = h;
}

static int64_t add(tp_tensor *t, const char *op, hook added)
{
    static int64_t count; /* of all threads */
    if (tp_pending())
        return 0;
    if (!t || !(added.call || added.after)) {
        tp_fail(TP_ERR_ARGUMENT, "%s: the %s is NULL", op, t ? "function" : "tensor");
        return 0;
    }
    if (tensor_refresh(t))
        return 0;
    if (!t->requires_grad || (added.after && t->grad_fn)) {
        tp_fail(TP_ERR_GRAD, "%s: the tensor %s", op,
                t->requires_grad ? "is not a leaf" : "does not require a gradient");
        return 0;
    }
    tp_hooks *h = list_of(t);
    void *list = h ? h->hook : NULL;
    if (!h || tp_grow(&list, &h->capacity, h->n + 1, sizeof *h->hook))
        return 0;
    h->hook = list;
    added.id = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    h->hook[h->n++] = added;
    return added.id;
}

int64_t tp_register_hook(tp_tensor *t, tp_hook *f, void *context)
{
    return add(t, "register_hook", (hook){ .call = f, .context = context });
}

int64_t tp_register_hook_shared(tp_tensor *t, tp_hook *f, void *context, void (*release)(void *context))
{
    return add(t, "register_hook", (hook){ .call = f, .context = context, .release = release });
}

int64_t tp_register_post_accumulate_hook(tp_tensor *t, tp_after_hook *f, void *context)
{
    return add(t, "register_post_accumulate_hook", (hook){ .after = f, .context = context });
}

bool tp_remove_hook(tp_tensor *t, int64_t id)
{
    for (tp_hooks *h = t ? t->hooks : NULL; h; h = h->older)
        for (int64_t i = 0; i < h->n; i++)
            if (h->hook[i].id == id && (h->hook[i].call || h->hook[i].after)) {
                take_away(&h->hook[i]);
                return true;
            }
    return false;
}

/* ---- running them ------------------------------------------------------------------------------------------------ */

bool hooks_any(const tp_hooks *h)
{
    for (int64_t i = 0; h && i < h->n; i++)
        if (h->hook[i].call || h->hook[i].after)
            return true;
    return false;
}

tp_tensor *hooks_run(tp_hooks *h, tp_tensor *grad)
{
    for (int64_t i = 0; h && i < h->n && grad; i++) {
        if (!h->hook[i].call)
            continue;
        tp_tensor *other = h->hook[i].call(grad, h->hook[i].context);
        if (tp_pending())
            return NULL;
        if (other && (!tensor_same_shape(other, grad) || other->dtype != grad->dtype))
            return tp_fail_null(TP_ERR_SHAPE,
                                "hook: it returned %s of shape %s for a gradient %s of shape %s",
                                tp_dtype_name((tp_dtype)other->dtype), tensor_shape_text(other),
                                tp_dtype_name((tp_dtype)grad->dtype), tensor_shape_text(grad));
        grad = other ? other : grad;
    }
    return grad;
}

tp_status hooks_run_after(tp_hooks *h, tp_tensor *leaf)
{
    for (int64_t i = 0; h && i < h->n && !tp_pending(); i++)
        if (h->hook[i].after)
            h->hook[i].after(leaf, h->hook[i].context);
    return tp_error_pending();
}
