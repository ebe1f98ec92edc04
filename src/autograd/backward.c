/* backward.c - the walk from results to the leaves.
 *
 * 1. plan():  the nodes that the root reaches, each after all that it depends on, by an explicit stack (graphs are deep);
 *             and which of them lead to somebody who wants a gradient.
 * 2. walk():  in the reverse order, each node's backward turns the sum of what flowed into its outputs into gradients of
 *             its inputs, which are added up in the next nodes or in the leaves.
 * Sums are made in the order of the walk, which follows from the graph alone: same graph, same bits.
 * Layer: autograd.  Depends on node.h.  Read next: inplace.c, hooks.c, recompute.c. */
#include "autograd/node.h"
#include "base/memory.h"
#include "device/device.h"

#include <string.h>

typedef struct capture { /* tp_gradients: gradients of these, instead of adding into leaves */
    tp_tensor *const *inputs;
    tp_tensor **grads; /* retained while the pass runs */
    int n;
} capture;

/* A leaf with hooks: they see the sum of all that arrives, so it is put aside until the last edge has been visited. */
typedef struct hooked_leaf {
    tp_tensor *leaf, *grad;
    int64_t expected;
} hooked_leaf;

typedef struct pass {
    uint64_t number;
    bool retain_graph, create_graph;
    const capture *capture; /* NULL: into the leaves */
    tp_node **order;
    int64_t count, capacity;
    hooked_leaf *hooked;
    int64_t n_hooked, hooked_capacity;
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

static hooked_leaf *hooked_of(const pass *p, const tp_tensor *leaf)
{
    for (int64_t i = 0; leaf && leaf->hooks && i < p->n_hooked; i++)
        if (p->hooked[i].leaf == leaf)
            return &p->hooked[i];
    return NULL;
}

/* One more edge (or root) that something may come by. */
static tp_status expect(pass *p, tp_tensor *leaf)
{
    hooked_leaf *h = hooked_of(p, leaf);
    void *all = p->hooked;
    if (h || !leaf || !hooks_any(leaf->hooks)) {
        if (h)
            h->expected++;
        return TP_OK;
    }
    if (tp_grow(&all, &p->hooked_capacity, p->n_hooked + 1, sizeof *p->hooked))
        return TP_ERR_MEMORY;
    p->hooked = all;
    p->hooked[p->n_hooked++] = (hooked_leaf){ tp_retain(leaf), NULL, 1 };
    return TP_OK;
}

static tp_status put(pass *p, tp_node *n)
{
    void *order = p->order;
    if (tp_grow(&order, &p->capacity, p->count + 1, sizeof *p->order))
        return TP_ERR_MEMORY;
    p->order = order;
    p->order[p->count++] = n;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].leaf && n->in[i].leaf->hooks && expect(p, n->in[i].leaf))
            return TP_ERR_MEMORY;
    return TP_OK;
}

typedef struct frame {
    tp_node *node;
    int next; /* edge to look at next */
} frame;

/* Adds the nodes that root reaches to the order; those of an earlier root are there already. */
static tp_status plan(pass *p, tp_node *root)
{
    if (root->mark == p->number)
        return TP_OK;
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

static tp_status deliver_leaf(const pass *p, tp_tensor *leaf, tp_tensor *g)
{
    if (!p->capture)
        return accumulate_leaf(p, leaf, g);
    return accumulate(p, &p->capture->grads[captured(p->capture, leaf, NULL, 0)], g);
}

static tp_status deliver(const pass *p, const edge *e, tp_tensor *g)
{
    if (e->node)
        return accumulate(p, &e->node->out[e->output].grad, g);
    hooked_leaf *h = hooked_of(p, e->leaf);
    return h ? accumulate(p, &h->grad, g) : deliver_leaf(p, e->leaf, g);
}

/* Another edge to the leaf has been visited.  After the last one all has arrived: the hooks get it, then the leaf. */
static tp_status settle(const pass *p, const tp_tensor *leaf)
{
    hooked_leaf *h = hooked_of(p, leaf);
    if (!h || --h->expected || !h->grad)
        return TP_OK;
    TP_SCOPE;
    tp_tensor *g = hooks_run(h->leaf->hooks, h->grad);
    bool same = g == h->grad;
    if (g && !same)
        tp_retain(g);
    tp_tensor *mine = h->grad;
    h->grad = NULL;
    if (g)
        deliver_leaf(p, h->leaf, g);
    if (g && !same)
        tp_release(g);
    tp_release(mine);
    if (!tp_pending() && !p->capture)
        hooks_run_after(h->leaf->hooks, h->leaf);
    return tp_error_pending();
}

/* The gradient in the shape and dtype of the input: broadcasting is undone here, once for all operations. */
static tp_tensor *fitted(const tp_node *n, int i, tp_tensor *g)
{
    const tp_shape *want = &n->shape[i];
    bool same = g->ndim == want->ndim;
    for (int d = 0; d < g->ndim && same; d++)
        same = g->shape[d] == want->dim[d];
    if (!same)
        g = engine_sum_to(g, want);
    if (g && g->dtype != n->in[i].dtype)
        g = engine_to(g, n->in[i].dtype);
    return g;
}

/* ---- walk ------------------------------------------------------------------------------------------------------- */

/* The gradient of a tensor that is not a leaf, into its box. */
static tp_status fill_box(tp_tensor *box, tp_tensor *grad)
{
    tp_tensor *g = box->storage ? engine_add(box, grad) : engine_clone(grad);
    if (!g)
        return tp_error_pending();
    if (box->storage)
        storage_release(box->storage);
    box->dtype = g->dtype, box->ndim = g->ndim, box->numel = g->numel, box->offset = g->offset;
    memcpy(box->shape, g->shape, sizeof g->shape);
    memcpy(box->stride, g->stride, sizeof g->stride);
    storage_retain(box->storage = g->storage);
    return TP_OK;
}

/* What flowed into the node's outputs is complete: its hooks may change it, then those who asked for it get it. */
static tp_status hand_out(const pass *p, tp_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        out_slot *o = &n->out[i];
        if (!o->grad)
            continue;
        if (o->hooks) {
            tp_tensor *g = hooks_run(o->hooks, o->grad);
            if (!g)
                return tp_error_pending();
            if (g != o->grad) {
                tp_release(o->grad);
                o->grad = tp_retain(g);
            }
        }
        int wanted = captured(p->capture, NULL, n, i);
        if (wanted >= 0 && accumulate(p, &p->capture->grads[wanted], o->grad))
            return tp_error_pending();
        if (o->retained && !p->capture && fill_box(o->retained, o->grad))
            return tp_error_pending();
    }
    return TP_OK;
}

typedef struct arrays { /* of one node, for its backward */
    tp_tensor **in, **dx, **out, **dy;
    bool *needs;
} arrays;

typedef struct step { /* of the walk: a node's own backward */
    const pass *p;
    const tp_node *n;
    int added; /* the input whose gradient so far may be added to; -1: none was asked for */
} step;

tp_tensor *gradient_so_far(const tp_saved *s, int i)
{
    step *now = s->walk;
    tp_tensor *leaf = now ? now->n->in[i].leaf : NULL, *g = leaf ? leaf->grad : NULL;
    if (!g || !s->needs[i] || now->p->create_graph || now->p->capture || anomaly_detection ||
        hooked_of(now->p, leaf) || g->dtype != s->in_dtype[i] || !tensor_is_contiguous(g) ||
        g->ndim != s->in_shape[i].ndim)
        return NULL;
    for (int d = 0; d < g->ndim; d++)
        if (g->shape[d] != s->in_shape[i].dim[d])
            return NULL;
    now->added = i;
    return g;
}

/* backward of the node itself, or of the one that it holds. */
static tp_status call_backward(const pass *p, tp_node *n, const arrays *a, step *now)
{
    tp_dtype dtypes[TP_MAX_INPUTS];
    if (node_unpack(n, p->create_graph, a->in, a->out))
        return tp_error_pending();
    for (int i = 0; i < n->n_in && i < TP_MAX_INPUTS; i++)
        dtypes[i] = n->in[i].dtype;
    tp_saved saved = { .op = n->op,
                       .n_in = n->n_in,
                       .n_out = n->n_out,
                       .in = a->in,
                       .out = a->out,
                       .dy = a->dy,
                       .needs = a->needs,
                       .in_shape = n->shape,
                       .in_dtype = dtypes,
                       .attrs = n->attrs,
                       .walk = now };
    if (n->op == &tp_op_border)
        return border_backward(n->held, &saved, a->dx);
    if (!n->op->backward)
        return tp_fail(TP_ERR_GRAD, "backward: %s has no gradient", n->op->name);
    n->op->backward(&saved, a->dy[0], a->dx);
    return tp_error_pending();
}

/* The region's gradient goes back through what was done to the region; the base's is the rest, and there what came out. */
static tp_status slices_backward(const pass *p, tp_node *n, const arrays *a)
{
    tp_node *done = n->held;
    tp_tensor *dy = a->dy[0];
    if (!(a->dy[0] = tp_apply(&tp_op_region, &dy, 1, n->attrs)) || call_backward(p, done, a, NULL) ||
        !a->needs[0])
        return tp_error_pending();
    tp_tensor *part = a->dx[0] ? fitted(done, 0, a->dx[0]) : NULL;
    if (!part && !tp_pending()) {
        part = tensor_new((tp_dtype)dy->dtype, ((const region *)n->attrs)->size);
        if (part)
            memset(tensor_data(part), 0, (size_t)part->numel * tensor_element_size(part));
    }
    if (part)
        a->dx[0] = tp_apply(&tp_op_region_put, (tp_tensor *[]){ dy, part }, 2, n->attrs);
    return tp_error_pending();
}

static tp_status run_node(const pass *p, tp_node *n, const arrays *a)
{
    for (int i = 0; i < n->n_in; i++) {
        a->dx[i] = NULL;
        a->needs[i] = edge_wanted(p, &n->in[i]);
    }
    for (int i = 0; i < n->n_out; i++)
        a->dy[i] = n->out[i].grad;
    step now = { p, n, -1 };
    if (n->op == &copy_slices ? slices_backward(p, n, a) : call_backward(p, n, a, &now))
        return tp_error_pending();
    for (int i = 0; i < n->n_in && !tp_pending(); i++)
        if (a->needs[i] && a->dx[i] && !(i == now.added && a->dx[i] == n->in[i].leaf->grad)) {
            tp_tensor *g = fitted(n, i, a->dx[i]);
            if (g && !(anomaly_detection && anomaly_check(n, i, g)))
                deliver(p, &n->in[i], g);
        }
    return tp_error_pending();
}

static tp_status freed_twice(const tp_node *n)
{
    return tp_fail(TP_ERR_GRAD,
                   "backward: the graph behind %s was freed by an earlier backward; give that one "
                   ".retain_graph = true",
                   n->op->name);
}

static tp_status visit_needed(const pass *p, tp_node *n)
{
    if (n->freed)
        return freed_twice(n);
    TP_SCOPE;
    tp_tensor *few[4 * TP_MAX_INPUTS], **pointers = few;
    bool few_needs[TP_MAX_INPUTS], *needs = few_needs;
    size_t count = (size_t)(2 * n->n_in + 2 * n->n_out), bytes = count * sizeof *pointers + (size_t)n->n_in;
    bool many = n->n_in > TP_MAX_INPUTS || n->n_out > TP_MAX_INPUTS;
    if (many) {
        if (!(pointers = tp_alloc(bytes)))
            return TP_ERR_MEMORY;
        needs = (bool *)(pointers + count);
    }
    arrays a = { pointers, pointers + n->n_in, pointers + 2 * n->n_in, pointers + 2 * n->n_in + n->n_out,
                 needs };
    if (!hand_out(p, n))
        run_node(p, n, &a);
    if (many)
        tp_free(pointers, bytes);
    return tp_error_pending();
}

/* What it saved is needed no more. */
static void spend(const pass *p, tp_node *n)
{
    if (p->retain_graph || tp_pending())
        return;
    node_free_saved(n);
    n->freed = true;
}

static tp_status visit(const pass *p, tp_node *n)
{
    bool flowed = false;
    for (int i = 0; i < n->n_out; i++)
        flowed |= n->out[i].grad != NULL;
    if (flowed && n->needed)
        visit_needed(p, n);
    for (int i = 0; i < n->n_out; i++) {
        tp_release(n->out[i].grad);
        n->out[i].grad = NULL;
    }
    for (int i = 0; i < n->n_in && p->n_hooked && !tp_pending(); i++)
        if (n->in[i].leaf)
            settle(p, n->in[i].leaf);
    if (n->op != &copy_slices && !n->is_held)
        spend(p, n);
    return tp_error_pending();
}

/* After an error nothing half summed stays behind. */
static void clear(pass *p)
{
    for (int64_t k = 0; k < p->count && tp_pending(); k++)
        for (int i = 0; i < p->order[k]->n_out; i++) {
            tp_release(p->order[k]->out[i].grad);
            p->order[k]->out[i].grad = NULL;
        }
    for (int64_t i = 0; i < p->n_hooked; i++) {
        tp_release(p->hooked[i].grad);
        tp_release(p->hooked[i].leaf);
    }
    tp_free(p->order, (size_t)p->capacity * sizeof *p->order);
    tp_free(p->hooked, (size_t)p->hooked_capacity * sizeof *p->hooked);
}

static tp_status walk(pass *p, tp_tensor *const *roots, tp_tensor *const *seeds, int n)
{
    for (int i = 0; i < n && !tp_pending(); i++)
        if (roots[i]->grad_fn)
            plan(p, roots[i]->grad_fn);
        else
            expect(p, roots[i]);
    for (int i = 0; i < n && !tp_pending(); i++) {
        edge e = { .node = roots[i]->grad_fn,
                   .leaf = roots[i]->grad_fn ? NULL : roots[i],
                   .output = roots[i]->output };
        if ((e.node || edge_wanted(p, &e)) && !deliver(p, &e, seeds[i]) && e.leaf)
            settle(p, e.leaf);
    }
    for (int64_t k = p->count; k-- > 0 && !tp_pending();)
        visit(p, p->order[k]);
    for (int64_t k = 0; k < p->count; k++) /* two nodes may have read these */
        if (p->order[k]->op == &copy_slices)
            spend(p, p->order[k]);
    clear(p);
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

/* seeds: NULL, or one a root, each of which may be NULL. */
static tp_status start(tp_tensor *const *roots, tp_tensor *const *given, int n, const tp_backward_options *o,
                       const capture *wanted)
{
    static uint64_t passes; /* of all threads: they may share nodes */
    if (tp_pending())
        return tp_error_pending();
    for (int i = 0; i < n; i++)
        if (!roots[i] || tensor_refresh(roots[i]) || !roots[i]->requires_grad)
            return tp_fail(TP_ERR_GRAD, "backward: the tensor %s",
                           roots[i] ? "does not require a gradient and has no history" : "is NULL");
    pass p = { .number = __atomic_add_fetch(&passes, 1, __ATOMIC_RELAXED),
               .create_graph = o->create_graph,
               .retain_graph = o->retain_graph || o->create_graph,
               .capture = wanted };
    TP_SCOPE;
    bool mode __attribute__((cleanup(tp_grad_mode_restore), unused)) = tp_grad_mode_set(o->create_graph);
    tp_tensor *one[1], **seeds = n > 1 ? tp_alloc((size_t)n * sizeof *seeds) : one;
    for (int i = 0; i < n && seeds; i++)
        if (!(seeds[i] = make_seed(roots[i], given ? given[i] : NULL)))
            break;
    if (!tp_pending())
        walk(&p, roots, seeds, n);
    if (seeds != one)
        tp_free(seeds, (size_t)n * sizeof *seeds);
    return tp_error_pending();
}

tp_status tp_backward_opt(tp_tensor *loss, const tp_backward_options *o)
{
    return start(&loss, &o->gradient, 1, o, NULL);
}

tp_status tp_backward_of_opt(tp_tensor *const *outputs, int n, tp_tensor *const *seeds,
                             const tp_backward_options *o)
{
    return start(outputs, seeds, n, o, NULL);
}

/* An input that nothing flowed to: NULL, zeros, or an error. */
static tp_tensor *unused(const tp_tensor *input, int i, const tp_backward_options *o)
{
    if (o->no_unused)
        return tp_fail_null(TP_ERR_GRAD, "gradients: input %d is not used in what the gradient is taken of",
                            i);
    tp_tensor *zeros = o->materialize_grads ? tensor_new((tp_dtype)input->dtype, tp_shape_of(input)) : NULL;
    if (zeros)
        memset(tensor_data(zeros), 0, (size_t)zeros->numel * tensor_element_size(zeros));
    return zeros;
}

tp_status tp_gradients_of_opt(tp_tensor *const *outputs, int n_out, tp_tensor *const *seeds,
                              tp_tensor *const *inputs, int n, tp_tensor **grads,
                              const tp_backward_options *o)
{
    memset(grads, 0, sizeof *grads * (size_t)n);
    for (int i = 0; i < n && !tp_pending(); i++)
        if (!inputs[i] || tensor_refresh(inputs[i]) || !inputs[i]->requires_grad)
            return tp_fail(TP_ERR_GRAD, "gradients: input %d %s", i,
                           inputs[i] ? "does not require a gradient" : "is NULL");
    start(outputs, seeds, n_out, o, &(capture){ inputs, grads, n });
    for (int i = 0; i < n; i++) {
        if (tp_pending()) {
            tp_release(grads[i]);
            grads[i] = NULL;
        } else if (grads[i] && !tp_scope_own(grads[i])) /* the pass's ownership becomes the scope's */
            grads[i] = NULL;
        for (int j = 0; j < i && !grads[i]; j++) /* an input that is named twice has its gradient twice */
            if (inputs[j] == inputs[i])
                grads[i] = grads[j];
    }
    for (int i = 0; i < n && !tp_pending(); i++)
        if (!grads[i])
            grads[i] = unused(inputs[i], i, o);
    return tp_error_pending();
}

tp_status tp_gradients_opt(tp_tensor *output, tp_tensor *const *inputs, int n, tp_tensor **grads,
                           const tp_backward_options *o)
{
    return tp_gradients_of_opt(&output, 1, &o->gradient, inputs, n, grads, o);
}
