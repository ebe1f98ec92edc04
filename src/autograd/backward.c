/* backward.c - the walk from a loss to the leaves.
 *
 * 1. plan():  the nodes that the root reaches, each after all that it depends on, by an explicit stack (graphs are deep);
 *             and which of them lead to somebody who wants a gradient.
 * 2. walk():  in the reverse order, each node's backward turns the sum of what flowed into its outputs into gradients of
 *             its inputs, which are added up in the next nodes or in the leaves.
 * Sums are made in the order of the walk, which follows from the graph alone: same graph, same bits.
 * Layer: autograd.  Depends on node.h.  Read next: gradcheck.c. */
#include "autograd/node.h"
#include "base/memory.h"
#include "device/device.h"

#include <string.h>

typedef struct capture { /* tp_gradients: gradients of these, instead of adding into leaves */
    tp_tensor *const *inputs;
    tp_tensor **grads; /* retained while the pass runs */
    int n;
} capture;

typedef struct pass {
    uint64_t number;
    bool retain_graph, create_graph;
    const capture *capture; /* NULL: into the leaves */
    tp_node **order;
    int64_t count, capacity;
} pass;

/* ---- the engine's own operations ------------------------------------------------------------------------ */

tp_tensor *engine_add(tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_add, (tp_tensor *[]){ x, y }, 2, NULL);
}

tp_tensor *engine_clone(tp_tensor *x)
{
    return tp_apply(&tp_op_clone, &x, 1, &(int64_t){ CLONE_CONTIGUOUS });
}

tp_tensor *engine_sum_to(tp_tensor *x, const tp_shape *shape)
{
    return tp_apply(&tp_op_sum_to, &x, 1, shape);
}

tp_tensor *engine_to(tp_tensor *x, tp_dtype dtype)
{
    return tp_apply(&tp_op_to, &x, 1, &dtype);
}

tp_tensor *engine_ones_like(const tp_tensor *x)
{
    tp_tensor *ones = tensor_new((tp_dtype)x->dtype, tp_shape_of(x));
    if (ones)
        ones->storage->device->kernels()->convert[x->dtype][TP_F64](tensor_data(ones), 1, &(double){ 1 }, 0,
                                                                    ones->numel);
    return ones;
}

/* ---- plan --------------------------------------------------------------------------------------------------- */

static int captured(const capture *c, const tp_tensor *leaf, const tp_node *node, int output)
{
    for (int i = 0; c && i < c->n; i++) {
        const tp_tensor *x = c->inputs[i];
        if (leaf ? x == leaf : x->grad_fn == node && x->output == output)
            return i;
    }
    return -1;
}

/* Somebody wants what arrives at this edge. */
static bool edge_wanted(const pass *p, const edge *e)
{
    if (e->leaf)
        return !p->capture || captured(p->capture, e->leaf, NULL, 0) >= 0;
    return e->node && (!p->capture || e->node->needed);
}

static bool node_captured(const pass *p, const tp_node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (captured(p->capture, NULL, n, i) >= 0)
            return true;
    return false;
}

static tp_status put(pass *p, tp_node *n)
{
    void *order = p->order;
    if (tp_grow(&order, &p->capacity, p->count + 1, sizeof *p->order))
        return TP_ERR_MEMORY;
    p->order = order;
    p->order[p->count++] = n;
    return TP_OK;
}

typedef struct frame {
    tp_node *node;
    int next; /* edge to look at next */
} frame;

static tp_status plan(pass *p, tp_node *root)
{
    void *memory = NULL;
    int64_t room = 0, depth = 0;
    tp_status status = tp_grow(&memory, &room, 1, sizeof(frame));
    frame *stack = memory;
    if (!status) {
        root->mark = p->number;
        stack[depth++] = (frame){ root, 0 };
    }
    while (depth && !status) {
        frame *top = &stack[depth - 1];
        tp_node *n = top->node;
        if (top->next == n->n_in) {
            n->needed = node_captured(p, n);
            for (int i = 0; i < n->n_in && !n->needed; i++)
                n->needed = edge_wanted(p, &n->in[i]);
            status = put(p, n);
            depth--;
            continue;
        }
        tp_node *child = n->in[top->next++].node;
        if (!child || child->mark == p->number)
            continue;
        child->mark = p->number;
        status = tp_grow(&memory, &room, depth + 1, sizeof(frame));
        stack = memory;
        if (!status)
            stack[depth++] = (frame){ child, 0 };
    }
    tp_free(memory, (size_t)room * sizeof(frame));
    return status;
}

/* ---- adding up ------------------------------------------------------------------------------------------------ */

/* Nobody else sees this tensor's memory; owners is how many the caller accounts for. */
static bool is_exclusive(const tp_tensor *t, int owners)
{
    return t->object.refs == owners && t->storage->refs == 1;
}

/* *slot += g; the slot is an owner. */
static tp_status accumulate(const pass *p, tp_tensor **slot, tp_tensor *g)
{
    if (!*slot) {
        *slot = tp_retain(g);
        return TP_OK;
    }
    if (!p->create_graph && is_exclusive(*slot, 1) && !(*slot)->grad_fn && tensor_is_dense(*slot))
        return tp_apply_(&tp_op_add, (tp_tensor *[]){ *slot, g }, 2, NULL) ? TP_OK : tp_error_pending();
    TP_SCOPE;
    tp_tensor *sum = engine_add(*slot, g);
    if (!sum)
        return tp_error_pending();
    tp_release(*slot);
    *slot = tp_retain(sum);
    return TP_OK;
}

/* leaf->grad += g.  A gradient that nobody else holds is taken as it is; others are copied, because optimizers and clipping write into it. */
static tp_status accumulate_leaf(const pass *p, tp_tensor *leaf, tp_tensor *g)
{
    if (leaf->grad && !p->create_graph)
        return tp_apply_(&tp_op_add, (tp_tensor *[]){ leaf->grad, g }, 2, NULL) ? TP_OK : tp_error_pending();
    if (!leaf->grad && !p->create_graph && !(is_exclusive(g, 1) && tensor_is_contiguous(g)))
        g = engine_clone(g);
    return g ? accumulate(p, &leaf->grad, g) : tp_error_pending();
}

static tp_status deliver(const pass *p, const edge *e, tp_tensor *g)
{
    if (e->node)
        return accumulate(p, &e->node->out[e->output].grad, g);
    if (!p->capture)
        return accumulate_leaf(p, e->leaf, g);
    return accumulate(p, &p->capture->grads[captured(p->capture, e->leaf, NULL, 0)], g);
}

/* The gradient in the shape and dtype of the input: broadcasting is undone here, once for all operations. */
static tp_tensor *fitted(const tp_node *n, int i, tp_tensor *g)
{
    const tp_shape *want = &n->shape[i];
    bool same = g->ndim == want->ndim && !memcmp(g->shape, want->dim, sizeof *g->shape * g->ndim);
    if (!same)
        g = engine_sum_to(g, want);
    if (g && g->dtype != n->in[i].dtype)
        g = engine_to(g, n->in[i].dtype);
    return g;
}

/* ---- walk ------------------------------------------------------------------------------------------------------- */

/* What flowed into the node's outputs is complete: those who asked for it get it. */
static tp_status hand_out(const pass *p, tp_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        out_slot *o = &n->out[i];
        if (!o->grad)
            continue;
        int wanted = captured(p->capture, NULL, n, i);
        if (wanted >= 0 && accumulate(p, &p->capture->grads[wanted], o->grad))
            return tp_error_pending();
        if (o->retained && !p->capture) {
            tp_tensor *box = o->retained,
                      *g = box->storage ? engine_add(box, o->grad) : engine_clone(o->grad);
            if (!g)
                return tp_error_pending();
            if (box->storage)
                storage_release(box->storage);
            box->dtype = g->dtype, box->ndim = g->ndim, box->numel = g->numel, box->offset = g->offset;
            memcpy(box->shape, g->shape, sizeof g->shape);
            memcpy(box->stride, g->stride, sizeof g->stride);
            storage_retain(box->storage = g->storage);
        }
    }
    return TP_OK;
}

static tp_status run_node(const pass *p, tp_node *n, tp_tensor **arrays, bool *needs)
{
    tp_tensor **in = arrays, **dx = arrays + n->n_in, **out = dx + n->n_in, **dy = out + n->n_out;
    tp_dtype dtypes[TP_MAX_INPUTS], *dtype = dtypes;
    if (node_unpack(n, p->create_graph, in, out))
        return tp_error_pending();
    if (!n->op->backward)
        return tp_fail(TP_ERR_GRAD, "backward: %s has no gradient", n->op->name);
    for (int i = 0; i < n->n_in; i++) {
        dx[i] = NULL;
        needs[i] = edge_wanted(p, &n->in[i]);
        if (i < TP_MAX_INPUTS)
            dtype[i] = n->in[i].dtype;
    }
    for (int i = 0; i < n->n_out; i++)
        dy[i] = n->out[i].grad;
    tp_saved saved = { .op = n->op,
                       .n_in = n->n_in,
                       .n_out = n->n_out,
                       .in = in,
                       .out = out,
                       .dy = dy,
                       .needs = needs,
                       .in_shape = n->shape,
                       .in_dtype = dtype,
                       .attrs = n->attrs };
    n->op->backward(&saved, dy[0], dx);
    for (int i = 0; i < n->n_in && !tp_pending(); i++)
        if (needs[i] && dx[i]) {
            tp_tensor *g = fitted(n, i, dx[i]);
            if (g)
                deliver(p, &n->in[i], g);
        }
    return tp_error_pending();
}

static tp_status visit(const pass *p, tp_node *n)
{
    bool flowed = false;
    for (int i = 0; i < n->n_out; i++)
        flowed |= n->out[i].grad != NULL;
    if (flowed && n->needed) {
        if (n->freed)
            return tp_fail(TP_ERR_GRAD,
                           "backward: the graph behind %s was freed by an earlier backward; give that one "
                           ".retain_graph = true",
                           n->op->name);
        TP_SCOPE;
        tp_tensor *few[4 * TP_MAX_INPUTS], **arrays = few;
        bool few_needs[TP_MAX_INPUTS], *needs = few_needs;
        size_t pointers = (size_t)(2 * n->n_in + 2 * n->n_out),
               bytes = pointers * sizeof *arrays + (size_t)n->n_in;
        bool many = n->n_in > TP_MAX_INPUTS || n->n_out > TP_MAX_OUTPUTS;
        if (many) {
            if (!(arrays = tp_alloc(bytes)))
                return TP_ERR_MEMORY;
            needs = (bool *)(arrays + pointers);
        }
        if (!hand_out(p, n))
            run_node(p, n, arrays, needs);
        if (many)
            tp_free(arrays, bytes);
    }
    for (int i = 0; i < n->n_out; i++) {
        tp_release(n->out[i].grad);
        n->out[i].grad = NULL;
    }
    if (!p->retain_graph && !tp_pending()) {
        node_free_saved(n);
        n->freed = true;
    }
    return tp_error_pending();
}

static tp_status walk(pass *p, tp_node *root, int output, tp_tensor *seed)
{
    if (!plan(p, root) && !accumulate(p, &root->out[output].grad, seed))
        for (int64_t k = p->count; k-- > 0;)
            if (visit(p, p->order[k]))
                break;
    for (int64_t k = 0; k < p->count && tp_pending();
         k++) /* after an error: nothing half summed stays behind */
        for (int i = 0; i < p->order[k]->n_out; i++) {
            tp_release(p->order[k]->out[i].grad);
            p->order[k]->out[i].grad = NULL;
        }
    tp_free(p->order, (size_t)p->capacity * sizeof *p->order);
    return tp_error_pending();
}

/* ---- entries ------------------------------------------------------------------------------------------------------ */

static tp_tensor *make_seed(tp_tensor *root, tp_tensor *given)
{
    if (given && !tensor_same_shape(given, root))
        return tp_fail_null(TP_ERR_SHAPE, "backward: gradient %s is not of the tensor's shape %s",
                            tensor_shape_text(given), tensor_shape_text(root));
    if (!given && root->numel != 1)
        return tp_fail_null(
            TP_ERR_GRAD, "backward: a tensor of shape %s is not a scalar; give .gradient, or reduce it first",
            tensor_shape_text(root));
    return given ? given : engine_ones_like(root);
}

static tp_status start(tp_tensor *root, const tp_backward_options *o, const capture *wanted)
{
    static uint64_t passes; /* of all threads: they may share nodes */
    if (tp_pending())
        return tp_error_pending();
    if (!root || !root->requires_grad)
        return tp_fail(TP_ERR_GRAD, "backward: the tensor %s",
                       root ? "does not require a gradient and has no history" : "is NULL");
    pass p = { .number = __atomic_add_fetch(&passes, 1, __ATOMIC_RELAXED),
               .create_graph = o->create_graph,
               .retain_graph = o->retain_graph || o->create_graph,
               .capture = wanted };
    TP_SCOPE;
    bool mode __attribute__((cleanup(tp_grad_mode_restore), unused)) = tp_grad_mode_set(o->create_graph);
    tp_tensor *seed = make_seed(root, o->gradient);
    if (!seed)
        return tp_error_pending();
    if (root->grad_fn)
        return walk(&p, root->grad_fn, root->output, seed);
    return edge_wanted(&p, &(edge){ .leaf = root }) ? deliver(&p, &(edge){ .leaf = root }, seed) : TP_OK;
}

tp_status tp_backward_opt(tp_tensor *loss, const tp_backward_options *o)
{
    return start(loss, o, NULL);
}

tp_status tp_gradients_opt(tp_tensor *output, tp_tensor *const *inputs, int n, tp_tensor **grads,
                           const tp_backward_options *o)
{
    memset(grads, 0, sizeof *grads * (size_t)n);
    for (int i = 0; i < n && !tp_pending(); i++)
        if (!inputs[i] || !inputs[i]->requires_grad)
            return tp_fail(TP_ERR_GRAD, "gradients: input %d %s", i,
                           inputs[i] ? "does not require a gradient" : "is NULL");
    tp_status status = start(output, o, &(capture){ inputs, grads, n });
    for (int i = 0; i < n; i++) {
        if (status) {
            tp_release(grads[i]);
            grads[i] = NULL;
        } else if (grads[i] && !tp_scope_own(grads[i])) /* the pass's ownership becomes the scope's */
            grads[i] = NULL;
        for (int j = 0; j < i && !grads[i]; j++) /* an input that is named twice has its gradient twice */
            if (inputs[j] == inputs[i])
                grads[i] = grads[j];
    }
    return status ? status : tp_error_pending();
}
