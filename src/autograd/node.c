/* node.c - making, unpacking and freeing nodes of the tape.
 *
 * Layer: autograd.  Depends on core.  Read next: node.h for the invariants, apply.c. */
#include "autograd/node.h"

#include "base/memory.h"

#include <string.h>

/* A chain of a million nodes must not become a million nested calls: nodes that die while another one is being
 * taken apart wait in a list. */
static void node_destroy(void *object)
{
    static _Thread_local tp_node *waiting;
    static _Thread_local bool draining;
    tp_node *n = object;
    n->next = waiting;
    waiting = n;
    if (draining)
        return;
    draining = true;
    while ((n = waiting)) {
        waiting = n->next;
        node_free_saved(n);
        for (int i = 0; i < n->n_in; i++) {
            tp_release(n->in[i].node);
            tp_release(n->in[i].leaf);
        }
        for (int i = 0; i < n->n_out; i++) {
            tp_release(n->out[i].grad);
            tp_release(n->out[i].retained);
            tp_release(n->out[i].hooks);
        }
        tp_release(n->held);
        tp_free(n, n->bytes);
    }
    draining = false;
}

static const tp_class node_class = { "node", node_destroy };

void node_free_saved(tp_node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        tp_release(n->in[i].saved.tensor);
        n->in[i].saved.tensor = NULL;
    }
    for (int i = 0; i < n->n_out; i++) {
        tp_release(n->out[i].saved.tensor);
        n->out[i].saved.tensor = NULL;
    }
    if (n->op == &copy_slices)
        node_free_saved(n->held);
}

tp_node *node_new(const tp_op *op, int n_in, int n_out)
{
    size_t edges = (size_t)n_in * sizeof(edge), outs = (size_t)n_out * sizeof(out_slot);
    size_t shapes = (size_t)n_in * sizeof(tp_shape);
    size_t bytes = sizeof(tp_node) + edges + outs + shapes + op->attrs_size;
    static _Thread_local uint32_t count;
    tp_node *n = tp_alloc(bytes);
    if (!n)
        return NULL;
    memset(n, 0, sizeof *n + edges + outs);
    n->object = (tp_object){ &node_class, 1 };
    n->op = op;
    n->n_in = n_in;
    n->n_out = n_out;
    n->bytes = bytes;
    n->sequence = ++count;
    n->in = (edge *)(n + 1);
    n->out = (out_slot *)((char *)n->in + edges);
    n->shape = (tp_shape *)((char *)n->out + outs);
    n->attrs = (char *)n->shape + shapes;
    return n;
}

/* Bit i of the result: input i is read by backward, given who wants a gradient. */
static unsigned inputs_to_save(const tp_op *op, unsigned wants)
{
    unsigned mask = op->saves_in;
    for (unsigned i = 0; op->saves_for_others >> i; i++)
        if ((op->saves_for_others >> i & 1) && (wants & ~(1u << i)))
            mask |= 1u << i;
    return mask;
}

/* The same memory without history, not owned by a scope: what a node may hold of its own output (invariant 1). */
static tp_tensor *held_alias(const tp_tensor *t)
{
    TP_SCOPE;
    return tp_retain(tensor_alias(t));
}

/* A view that is not a leaf as an alias that keeps its history, but not its base (invariant 5). */
static tp_tensor *held_view(tp_tensor *t)
{
    tp_tensor *alias = held_alias(t);
    if (alias && t->grad_fn) {
        alias->grad_fn = tp_retain(t->grad_fn);
        alias->output = t->output;
        alias->requires_grad = true;
    }
    return alias;
}

static bool is_wanted_leaf(const tp_tensor *t)
{
    return t->requires_grad && !t->grad_fn;
}

enum role { INPUT, OVERWRITTEN, OUTPUT };

/* An input that the operation in place is about to overwrite: its values now, with its history. */
static tp_tensor *held_copy(tp_tensor *t)
{
    TP_SCOPE;
    bool before = tp_grad_mode_set(false);
    tp_tensor *copy = tp_retain(engine_clone(t));
    tp_grad_mode_set(before);
    if (copy && t->grad_fn)
        tensor_set_history(copy, t->grad_fn, t->output);
    return copy;
}

static uint32_t version_of(const tp_tensor *t) /* made in a dry run it has no storage */
{
    return t->storage ? t->storage->version : 0;
}

static tp_status save(saved_tensor *saved, tp_tensor *t, enum role role)
{
    saved->tensor = role == OUTPUT                  ? held_alias(t)
                    : role == OVERWRITTEN           ? held_copy(t)
                    : t->base && !is_wanted_leaf(t) ? held_view(t)
                                                    : tp_retain(t);
    if (!saved->tensor)
        return TP_ERR_MEMORY;
    saved->version = version_of(saved->tensor);
    if (!recompute_active() || (role == INPUT && is_wanted_leaf(t)))
        return TP_OK;
    bool taken;
    tp_tensor *kept = saved->tensor;
    tp_status status = recompute_save(saved, kept, &taken);
    if (taken && !status)
        tp_release(kept);
    return status;
}

void node_connect(tp_node *n, int i, tp_tensor *x)
{
    edge *e = &n->in[i];
    e->dtype = x->dtype;
    n->shape[i].ndim = x->ndim;
    memcpy(n->shape[i].dim, x->shape,
           sizeof x->shape); /* all of it: moves, where a number of dims would be a slow loop */
    if (!x->requires_grad)
        return;
    if (x->grad_fn) {
        e->node = tp_retain(x->grad_fn);
        e->output = x->output;
    } else
        e->leaf = tp_retain(x);
}

static tp_status connect_and_save(tp_node *n, const tp_call *c)
{
    unsigned wants = 0;
    for (int i = 0; i < c->n_in; i++)
        wants |= c->in[i] && c->in[i]->requires_grad ? 1u << (i < 31 ? i : 31) : 0;
    unsigned saves = inputs_to_save(c->op, wants);
    for (int i = 0; i < c->n_in; i++) {
        tp_tensor *x = c->in[i];
        n->shape[i].ndim = 0;
        if (!x)
            continue;
        node_connect(n, i, x);
        if (i < 32 && (saves >> i & 1) && save(&n->in[i].saved, x, x == c->out[0] ? OVERWRITTEN : INPUT))
            return TP_ERR_MEMORY;
    }
    for (int i = 0; i < c->n_out; i++)
        if ((c->op->saves_out >> i & 1) && save(&n->out[i].saved, c->out[i], OUTPUT))
            return TP_ERR_MEMORY;
    return TP_OK;
}

/* Takes over an owner of n. */
static void give_history(tp_tensor *t, tp_node *n, int output)
{
    tp_node *before = t->grad_fn; /* a result in place has one */
    if (t->retains_grad && before) {
        tp_release(n->out[output].retained);
        n->out[output].retained = before->out[t->output].retained;
        before->out[t->output].retained = NULL;
    }
    t->grad_fn = n;
    t->output = (uint8_t)output;
    t->requires_grad = true;
    tp_release(before);
}

void tensor_set_history(tp_tensor *t, tp_node *n, int output)
{
    give_history(t, tp_retain(n), output);
}

tp_status node_record(const tp_call *c)
{
    const tp_op *op = c->op;
    tp_node *n = node_new(op, c->n_in, c->n_out);
    if (!n)
        return TP_ERR_MEMORY;
    if (op->attrs_size && c->attrs)
        memcpy(n->attrs, c->attrs, op->attrs_size);
    else if (op->attrs_size)
        tp_op_defaults(op, n->attrs);
    if (connect_and_save(n, c)) {
        tp_release(n);
        return TP_ERR_MEMORY;
    }
    bool given = false; /* the owner that it was made with: no locked instruction for the first output */
    for (int i = 0; i < c->n_out; i++) {
        tp_tensor *y = c->out[i];
        if (!tp_dtype_is_float(y->dtype))
            continue;
        give_history(y, given ? tp_retain(n) : n, i);
        given = true;
    }
    if (!given)
        tp_release(n);
    return TP_OK;
}

static tp_status check_version(const tp_node *n, const saved_tensor *s, const char *what, int i)
{
    if (version_of(s->tensor) == s->version)
        return TP_OK;
    return tp_fail(TP_ERR_GRAD,
                   "backward: %s %d of %s, shape %s, was changed in place after it was saved (version %u, %u "
                   "was saved); "
                   "use the form without _ or clone it first",
                   what, i, n->op->name, tensor_shape_text(s->tensor), version_of(s->tensor), s->version);
}

/* What the function that was run again has made, with the history that the node's edge still knows. */
static tp_tensor *recomputed(const saved_tensor *s, tp_node *maker, int output)
{
    tp_tensor *t = promise_keep(s->tensor);
    if (!t || !maker)
        return t;
    t = tensor_alias(t);
    if (t)
        tensor_set_history(t, maker, output);
    return t;
}

tp_status node_unpack(tp_node *n, bool create_graph, tp_tensor **in, tp_tensor **out)
{
    for (int i = 0; i < n->n_in; i++) {
        const edge *e = &n->in[i];
        in[i] = e->saved.tensor;
        if (in[i] && is_promise(in[i])) {
            if (!(in[i] = recomputed(&e->saved, create_graph ? e->node : NULL, e->output)))
                return tp_error_pending();
        } else if (in[i] && check_version(n, &e->saved, "input", i))
            return TP_ERR_GRAD;
    }
    for (int i = 0; i < n->n_out; i++) {
        const saved_tensor *s = &n->out[i].saved;
        out[i] = s->tensor;
        if (!out[i])
            continue;
        if (is_promise(out[i])) {
            if (!(out[i] = recomputed(s, create_graph ? n : NULL, i)))
                return tp_error_pending();
            continue;
        }
        if (check_version(n, s, "output", i))
            return TP_ERR_GRAD;
        if (create_graph) { /* in the new graph the saved output is again what this node made */
            if (!(out[i] = tensor_alias(out[i])))
                return TP_ERR_MEMORY;
            tensor_set_history(out[i], n, i);
        }
    }
    return TP_OK;
}
