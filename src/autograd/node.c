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
        }
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
}

static tp_node *node_new(const tp_op *op, int n_in, int n_out)
{
    size_t edges = (size_t)n_in * sizeof(edge), outs = (size_t)n_out * sizeof(out_slot);
    size_t shapes = (size_t)n_in * sizeof(tp_shape);
    size_t bytes = sizeof(tp_node) + edges + outs + shapes + op->attrs_size;
    tp_node *n = tp_alloc(bytes);
    if (!n)
        return NULL;
    memset(n, 0, sizeof *n + edges + outs);
    n->object = (tp_object){ &node_class, 1 };
    n->op = op;
    n->n_in = n_in;
    n->n_out = n_out;
    n->bytes = bytes;
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

static tp_status save(saved_tensor *saved, tp_tensor *t, bool is_output)
{
    saved->tensor = is_output ? held_alias(t) : tp_retain(t);
    if (!saved->tensor)
        return TP_ERR_MEMORY;
    saved->version = t->storage->version;
    return TP_OK;
}

/* Edge i: where the gradient of input x goes. */
static void connect(tp_node *n, int i, tp_tensor *x)
{
    edge *e = &n->in[i];
    e->dtype = x->dtype;
    n->shape[i].ndim = x->ndim;
    memcpy(n->shape[i].dim, x->shape, sizeof(int64_t) * x->ndim);
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
        connect(n, i, x);
        if (i < 32 && (saves >> i & 1) && save(&n->in[i].saved, x, x == c->out[0]))
            return TP_ERR_MEMORY;
    }
    for (int i = 0; i < c->n_out; i++)
        if ((c->op->saves_out >> i & 1) && save(&n->out[i].saved, c->out[i], true))
            return TP_ERR_MEMORY;
    return TP_OK;
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
    for (int i = 0; i < c->n_out; i++) {
        tp_tensor *y = c->out[i];
        if (!tp_dtype_is_float(y->dtype))
            continue;
        tp_release(y->grad_fn); /* an in-place result had one before */
        y->grad_fn = tp_retain(n);
        y->output = (uint8_t)i;
        y->requires_grad = true;
    }
    tp_release(n);
    return TP_OK;
}

static tp_status check_version(const tp_node *n, const saved_tensor *s, const char *what, int i)
{
    if (s->tensor->storage->version == s->version)
        return TP_OK;
    return tp_fail(TP_ERR_GRAD,
                   "backward: %s %d of %s, shape %s, was changed in place after it was saved (version %u, %u "
                   "was saved); "
                   "use the form without _ or clone it first",
                   what, i, n->op->name, tensor_shape_text(s->tensor), s->tensor->storage->version,
                   s->version);
}

tp_status node_unpack(tp_node *n, bool create_graph, tp_tensor **in, tp_tensor **out)
{
    for (int i = 0; i < n->n_in; i++) {
        in[i] = n->in[i].saved.tensor;
        if (in[i] && check_version(n, &n->in[i].saved, "input", i))
            return TP_ERR_GRAD;
    }
    for (int i = 0; i < n->n_out; i++) {
        out[i] = n->out[i].saved.tensor;
        if (!out[i])
            continue;
        if (check_version(n, &n->out[i].saved, "output", i))
            return TP_ERR_GRAD;
        if (create_graph) { /* in the new graph the saved output is again what this node made */
            if (!(out[i] = tensor_alias(out[i])))
                return TP_ERR_MEMORY;
            out[i]->grad_fn = tp_retain(n);
            out[i]->output = (uint8_t)i;
            out[i]->requires_grad = true;
        }
    }
    return TP_OK;
}
