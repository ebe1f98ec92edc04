/* board_graph.c - a network as TensorBoard's graph: its operations, grouped by the modules that ran them.
 *
 * A dry run leaves the tape behind.  The observer hears of modules innermost first, so whatever of the tape is not yet
 * anybody's when a module is done is that module's own.
 * Layer: train.  Depends on board.h, autograd's tape.  Read next: autograd/node.h. */
#include "autograd/node.h"
#include "base/error.h"
#include "base/memory.h"
#include "train/board.h"

#include <string.h>

typedef struct drawn {
    tp_node *node;
    int64_t module; /* whose it is */
    int number;     /* of the equal names before it */
    const tp_shape *output;
} drawn;

typedef struct graph {
    tp_module *net;
    drawn *nodes; /* inputs before what they go into */
    int64_t n, room;
    char **names; /* of modules, as nodes begin with them: "layer1/0/conv1/" */
    tp_module **modules;
    int64_t *parents;
    int64_t n_modules, modules_room, names_room, parents_room;
    const tp_tensor *input;
} graph;

enum { NAME = 512 };

/* ---- whose an operation is ----------------------------------------------------------------------------------------- */

static int64_t find_node(const graph *g, const tp_node *node)
{
    for (int64_t i = g->n - 1; i >= 0; i--)
        if (g->nodes[i].node == node)
            return i;
    return -1;
}

/* All of the tape before a node, inputs first.  As deep as the network since the last module that was done. */
static void take(graph *g, tp_node *node, int64_t module)
{
    if (!node || tp_pending() || find_node(g, node) >= 0)
        return;
    for (int i = 0; i < node->n_in; i++)
        take(g, node->in[i].node, module);
    if (tp_grow((void **)&g->nodes, &g->room, g->n + 1, sizeof *g->nodes))
        return;
    int number = 0;
    for (int64_t i = 0; i < g->n; i++)
        number += g->nodes[i].module == module && !strcmp(g->nodes[i].node->op->name, node->op->name);
    g->nodes[g->n++] = (drawn){ tp_retain(node), module, number, NULL };
}

static void module_done(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output,
                        double seconds)
{
    graph *g = context;
    (void)seconds;
    for (int64_t i = 0; i < g->n_modules && output; i++)
        if (g->modules[i] == m) {
            take(g, input ? input->grad_fn : NULL, g->parents[i]); /* what was done to its input */
            take(g, output->grad_fn, i);
        }
}

static void list_modules(graph *g, tp_module *m, const char *name, int64_t parent)
{
    char child[NAME];
    if (tp_grow((void **)&g->modules, &g->modules_room, g->n_modules + 1, sizeof *g->modules) ||
        tp_grow((void **)&g->names, &g->names_room, g->n_modules + 1, sizeof *g->names) ||
        tp_grow((void **)&g->parents, &g->parents_room, g->n_modules + 1, sizeof *g->parents))
        return;
    const int64_t at = g->n_modules;
    char *copy = tp_memdup(name, strlen(name) + 1);
    if (!copy)
        return;
    g->names[at] = copy;
    g->parents[at] = parent;
    g->modules[g->n_modules++] = m;
    for (int i = 0; i < tp_n_children(m) && !tp_pending(); i++) {
        snprintf(child, sizeof child, "%s%s/", name, tp_child_name(m, i));
        list_modules(g, tp_child_at(m, i), child, at);
    }
}

/* ---- GraphDef -------------------------------------------------------------------------------------------------------- */

static void name_of(const graph *g, int64_t i, char name[NAME])
{
    const drawn *d = &g->nodes[i];
    int n = snprintf(name, NAME, "%s%s", g->names[d->module], d->node->op->name);
    if (d->number && n < NAME)
        snprintf(name + n, (size_t)(NAME - n), "_%d", d->number);
}

/* attr (5): "_output_shapes" -> list (1) . shape (7) . dim (2) . size (1), which the edges show */
static void put_shape(file_bytes *out, const tp_shape *shape)
{
    size_t attr = proto_begin(out, 5);
    proto_put_text(out, 1, "_output_shapes");
    size_t value = proto_begin(out, 2), list = proto_begin(out, 1), of = proto_begin(out, 7);
    for (int i = 0; i < shape->ndim; i++) {
        size_t dim = proto_begin(out, 2);
        proto_put_number(out, 1, (uint64_t)shape->dim[i]);
        proto_end(out, dim);
    }
    proto_end(out, of);
    proto_end(out, list);
    proto_end(out, value);
    proto_end(out, attr);
}

static size_t begin_node(file_bytes *out, const char *name, const char *op)
{
    size_t node = proto_begin(out, 1);
    proto_put_text(out, 1, name);
    proto_put_text(out, 2, op);
    return node;
}

/* "layer1/0/conv1/weight"; of no parameter "input". */
static void leaf_name(const graph *g, tp_params *all, const tp_tensor *leaf, char name[NAME])
{
    snprintf(name, NAME, "%s", leaf == g->input ? "input" : "constant");
    for (int i = 0; i < tp_params_count(all); i++)
        if (tp_params_at(all, i) == leaf) {
            snprintf(name, NAME, "%s", tp_params_name(all, i));
            for (char *dot = strchr(name, '.'); dot; dot = strchr(dot, '.'))
                *dot = '/';
            return;
        }
}

/* Rows of a table by numbers, through which no gradient goes: the tokens that the network takes. */
static bool looks_up(const tp_node *node)
{
    return !strcmp(node->op->name, "index_select") && node->in[0].leaf && node->n_in == 2 &&
           !node->in[1].node && !node->in[1].leaf;
}

static void put_node(file_bytes *out, const graph *g, tp_params *all, int64_t i)
{
    char name[NAME], input[NAME];
    const tp_node *node = g->nodes[i].node;
    name_of(g, i, name);
    size_t begun = begin_node(out, name, node->op->name);
    for (int k = 0; k < node->n_in; k++) {
        const edge *e = &node->in[k];
        int64_t from = e->node ? find_node(g, e->node) : -1;
        if (from >= 0)
            name_of(g, from, input);
        else if (e->leaf)
            leaf_name(g, all, e->leaf, input);
        else
            continue;
        size_t n = strlen(input);
        if (from >= 0 && e->output && n < NAME)
            snprintf(input + n, NAME - n, ":%d", (int)e->output);
        proto_put_text(out, 3, input);
    }
    if (looks_up(node))
        proto_put_text(out, 3, "input");
    if (g->nodes[i].output)
        put_shape(out, g->nodes[i].output);
    proto_end(out, begun);
}

static void put_leaves(file_bytes *out, const graph *g, tp_params *all)
{
    char name[NAME];
    tp_shape shape = tp_shape_of(g->input);
    size_t node = begin_node(out, "input", "input");
    put_shape(out, &shape);
    proto_end(out, node);
    for (int i = 0; i < tp_params_count(all); i++) {
        shape = tp_shape_of(tp_params_at(all, i));
        leaf_name(g, all, tp_params_at(all, i), name);
        node = begin_node(out, name, "parameter");
        put_shape(out, &shape);
        proto_end(out, node);
    }
}

/* What goes into a node says of which shape it came out of another. */
static void find_shapes(graph *g)
{
    for (int64_t i = 0; i < g->n; i++)
        for (int k = 0; k < g->nodes[i].node->n_in; k++) {
            int64_t from = find_node(g, g->nodes[i].node->in[k].node);
            if (from >= 0 && g->nodes[i].node->in[k].output == 0)
                g->nodes[from].output = &g->nodes[i].node->shape[k];
        }
}

static void put_graph(file_bytes *out, graph *g, const tp_shape *last)
{
    tp_params *all = tp_parameters(g->net);
    find_shapes(g);
    if (g->n && !g->nodes[g->n - 1].output)
        g->nodes[g->n - 1].output = last;
    put_leaves(out, g, all);
    for (int64_t i = 0; i < g->n && !tp_pending(); i++)
        put_node(out, g, all, i);
    size_t versions = proto_begin(out, 4);
    proto_put_number(out, 1, 22);
    proto_end(out, versions);
}

/* ---- the dry run ------------------------------------------------------------------------------------------------------ */

static void free_graph(graph *g)
{
    for (int64_t i = 0; i < g->n; i++)
        tp_release(g->nodes[i].node);
    for (int64_t i = 0; i < g->n_modules; i++)
        tp_free(g->names[i], strlen(g->names[i]) + 1);
    tp_free(g->nodes, (size_t)g->room * sizeof *g->nodes);
    tp_free(g->names, (size_t)g->names_room * sizeof *g->names);
    tp_free(g->parents, (size_t)g->parents_room * sizeof *g->parents);
    tp_free(g->modules, (size_t)g->modules_room * sizeof *g->modules);
}

static tp_shape run_dry(graph *g, tp_shape input)
{
    TP_ENABLE_GRAD;
    tp_dry_run_total total = { .records = true };
    const bool training = tp_is_training(g->net);
    tp_rng before = tp_rng_state();
    tp_shape last = { 0 };
    tp_eval(g->net);
    tp_dry_run(&total);
    tp_set_observer(module_done, g);
    tp_tensor *x = tp_zeros(input, .requires_grad = true), *y = (g->input = x, tp_forward(g->net, x));
    tp_set_observer(NULL, NULL);
    tp_dry_run(NULL);
    tp_train(g->net, training);
    tp_set_rng_state(before);
    if (y)
        last = tp_shape_of(y);
    return last;
}

tp_status tp_board_graph(tp_board *b, tp_module *net, tp_shape input)
{
    TP_SCOPE;
    file_bytes def = { 0 };
    if (board_begin(b, "board_graph", "graph", 0))
        return tp_error_pending();
    if (!net)
        return tp_fail(TP_ERR_ARGUMENT, "board_graph: the network is NULL");
    graph g = { .net = net };
    list_modules(&g, net, "", 0);
    tp_shape last = tp_pending() ? (tp_shape){ 0 } : run_dry(&g, input);
    if (!tp_pending())
        put_graph(&def, &g, &last);
    if (!tp_pending()) {
        proto_put_bytes(&b->event, EVENT_GRAPH, def.data, def.size);
        board_write(b);
    }
    free_graph(&g);
    file_bytes_free(&def);
    return tp_error_pending();
}
