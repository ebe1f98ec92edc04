/* hooks.c - functions that run before and after a module's forward, and with the gradients that cross its borders.
 *
 * A module with backward hooks gets a border of autograd around its inputs and one around its outputs: the gradients of the
 * outputs wait in the crossing until those of the inputs have arrived.
 * Layer: nn.  Depends on module.h, autograd/node.h.  Read next: module.c, autograd/border.c. */
#include "autograd/node.h"
#include "nn/module.h"

#include <string.h>

typedef struct module_hook {
    tp_forward_pre_hook *before; /* one of the three is set; none: removed */
    tp_forward_hook *after;
    tp_backward_hook *backward;
    void *context;
    int64_t number;
} module_hook;

typedef struct module_hooks {
    module_hook *hook;
    int64_t n, capacity;
} module_hooks;

void hooks_free(module_hooks *h)
{
    if (!h)
        return;
    tp_free(h->hook, (size_t)h->capacity * sizeof *h->hook);
    tp_free(h, sizeof *h);
}

/* ---- registering ------------------------------------------------------------------------------------------------- */

static int64_t add(tp_module *m, const char *op, module_hook added)
{
    static int64_t count; /* of all threads */
    if (tp_pending())
        return 0;
    if (!m || !(added.before || added.after || added.backward)) {
        tp_fail(TP_ERR_ARGUMENT, "%s: the %s is NULL", op, m ? "function" : "module");
        return 0;
    }
    if (!m->hooks && !(m->hooks = tp_calloc(sizeof *m->hooks)))
        return 0;
    void *all = m->hooks->hook;
    if (tp_grow(&all, &m->hooks->capacity, m->hooks->n + 1, sizeof *m->hooks->hook))
        return 0;
    m->hooks->hook = all;
    added.number = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
    m->hooks->hook[m->hooks->n++] = added;
    return added.number;
}

int64_t tp_register_forward_pre_hook(tp_module *m, tp_forward_pre_hook *f, void *context)
{
    return add(m, "register_forward_pre_hook", (module_hook){ .before = f, .context = context });
}

int64_t tp_register_forward_hook(tp_module *m, tp_forward_hook *f, void *context)
{
    return add(m, "register_forward_hook", (module_hook){ .after = f, .context = context });
}

int64_t tp_register_full_backward_hook(tp_module *m, tp_backward_hook *f, void *context)
{
    return add(m, "register_full_backward_hook", (module_hook){ .backward = f, .context = context });
}

bool tp_remove_module_hook(tp_module *m, int64_t number)
{
    for (int64_t i = 0; m && m->hooks && i < m->hooks->n; i++) {
        module_hook *h = &m->hooks->hook[i];
        if (h->number != number || !(h->before || h->after || h->backward))
            continue;
        *h = (module_hook){ .number = number }; /* its place stays: the list may be running */
        return true;
    }
    return false;
}

/* ---- gradients across the borders ------------------------------------------------------------------------------------ */

typedef struct crossing { /* of one call of the module */
    tp_object object;
    tp_module *module;
    tp_tensor *grad_out[TP_MAX_INPUTS]; /* arrived, not yet shown */
    int n_in, n_out;
    bool has_inputs; /* some input requires a gradient: its border shows them */
} crossing;

typedef struct side {
    border border;
    crossing *crossing;
} side;

static void forget(crossing *c)
{
    for (int i = 0; i < c->n_out; i++) {
        tp_release(c->grad_out[i]);
        c->grad_out[i] = NULL;
    }
}

static void crossing_destroy(void *object)
{
    crossing *c = object;
    forget(c);
    tp_release(c->module);
    tp_free(c, sizeof *c);
}

static void side_destroy(void *object)
{
    side *s = object;
    tp_release(s->crossing);
    tp_free(s, sizeof *s);
}

static const tp_class crossing_class = { "crossing", crossing_destroy },
                      side_class = { "border", side_destroy };

static tp_status check_replaced(const crossing *c, tp_tensor *const *now, tp_tensor *const *before)
{
    for (int i = 0; i < c->n_in; i++)
        if (now[i] != before[i] && (!now[i] || !before[i] || !tensor_same_shape(now[i], before[i])))
            return tp_fail(TP_ERR_SHAPE, "%s: a backward hook changed the gradient of input %d from %s to %s",
                           c->module->type, i, before[i] ? tensor_shape_text(before[i]) : "none",
                           now[i] ? tensor_shape_text(now[i]) : "none");
    return TP_OK;
}

static tp_status show(crossing *c, tp_tensor **grad_in)
{
    const module_hooks *h = c->module->hooks;
    for (int64_t i = 0; i < h->n && !tp_pending(); i++) {
        tp_tensor *before[TP_MAX_INPUTS];
        if (!h->hook[i].backward)
            continue;
        memcpy(before, grad_in, sizeof *before * (size_t)c->n_in);
        if (!h->hook[i].backward(c->module, grad_in, c->n_in, c->grad_out, c->n_out, h->hook[i].context))
            check_replaced(c, grad_in, before);
    }
    forget(c);
    return tp_error_pending();
}

static tp_status outputs_crossed(border *b, tp_tensor *const *dy, tp_tensor **dx, int n)
{
    crossing *c = ((side *)(void *)b)->crossing;
    tp_tensor *none[TP_MAX_INPUTS] = { 0 };
    (void)dx;
    for (int i = 0; i < n; i++) {
        tp_release(c->grad_out[i]);
        c->grad_out[i] = tp_retain(dy[i]);
    }
    return c->has_inputs ? TP_OK : show(c, none);
}

static tp_status inputs_crossed(border *b, tp_tensor *const *dy, tp_tensor **dx, int n)
{
    (void)dy, (void)n;
    return show(((side *)(void *)b)->crossing, dx);
}

/* Aliases of the tensors behind a border of their own. */
static tp_status cross(tp_tensor **t, int n, crossing *c,
                       tp_status crossed(border *, tp_tensor *const *, tp_tensor **, int))
{
    side *s = tp_object_new(&side_class, sizeof *s);
    if (!s)
        return tp_error_pending();
    s->border.crossed = crossed;
    s->crossing = tp_retain(c);
    return tensors_cross(t, n, &s->border);
}

static bool any_wanted(tp_tensor *const *t, int n)
{
    for (int i = 0; i < n; i++)
        if (t[i] && tp_requires_grad(t[i]))
            return true;
    return false;
}

static bool has_backward_hooks(const module_hooks *h)
{
    for (int64_t i = 0; i < h->n; i++)
        if (h->hook[i].backward)
            return true;
    return false;
}

/* ---- around a forward --------------------------------------------------------------------------------------------------- */

tp_status hooks_begin(tp_module *m, tp_tensor **in, int n_in, void **result)
{
    const module_hooks *h = m->hooks;
    for (int64_t i = 0; i < h->n && !tp_pending(); i++)
        if (h->hook[i].before)
            h->hook[i].before(m, in, n_in, h->hook[i].context);
    if (tp_pending() || !tp_grad_mode() || !has_backward_hooks(h))
        return tp_error_pending();
    crossing *c = tp_object_new(&crossing_class, sizeof *c);
    if (!c)
        return tp_error_pending();
    c->module = tp_retain(m);
    c->n_in = n_in;
    *result = c;
    c->has_inputs = any_wanted(in, n_in);
    return c->has_inputs ? cross(in, n_in, c, inputs_crossed) : TP_OK;
}

tp_status hooks_end(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, void *result)
{
    const module_hooks *h = m->hooks;
    crossing *c = result;
    for (int64_t i = 0; i < h->n && !tp_pending(); i++)
        if (h->hook[i].after)
            h->hook[i].after(m, in, n_in, out, n_out, h->hook[i].context);
    if (tp_pending() || !c || !any_wanted(out, n_out))
        return tp_error_pending();
    c->n_out = n_out;
    return cross(out, n_out, c, outputs_crossed);
}
