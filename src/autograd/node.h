/* node.h - the tape: what an operation leaves behind for backward.
 *
 * Invariants:
 *  1. Edges run from node to node, or to a leaf; a node never holds the tensor that it made, only (for ops that save
 *     an output) an alias without history.  So there are no cycles, and an activation that nobody saves dies at once.
 *  2. saved tensors carry the storage's version at saving time; another version at use is an error.
 *  3. freed is set by the backward that used the node without retain_graph; saved tensors are gone then.
 *  4. mark and needed belong to the backward pass whose number stands in mark.
 *  5. No cycle through a view either: a node saves a view as an alias with its history and without its base.
 * Layer: autograd.  Depends on core.  Read next: apply.c (makes nodes), inplace.c, backward.c (walks them). */
#ifndef AUTOGRAD_NODE_H
#define AUTOGRAD_NODE_H

#include "core/tensor.h"

#include <taper/autograd.h>

typedef struct tp_node tp_node;

typedef struct saved_tensor {
    tp_tensor *
        tensor; /* NULL: not saved; inside of tp_checkpoint a promise (recompute.c), another class of object */
    uint32_t version;
} saved_tensor;

typedef struct edge {
    tp_node *node;   /* where the gradient of this input goes: another node, */
    tp_tensor *leaf; /* or a leaf; both NULL: nobody wants it */
    int32_t output;  /* which output of node */
    tp_dtype dtype;  /* of the input */
    saved_tensor saved;
} edge;

typedef struct out_slot {
    saved_tensor saved;
    tp_tensor *grad;        /* sum of what has flowed in during a backward pass */
    tp_tensor *retained;    /* tp_retain_grad's box: a tensor shared with the output, filled by backward */
    struct tp_hooks *hooks; /* those of the tensor that it made, shared with it */
} out_slot;

struct tp_node {
    tp_object object;
    const tp_op *op;
    int32_t n_in, n_out;
    bool freed, needed, is_held; /* is_held: by copy_slices, which frees it */
    uint32_t sequence;           /* the how-manyth node of its thread: for error texts */
    uint64_t mark;
    tp_node *next;   /* while waiting to be destroyed */
    edge *in;        /* n_in; these four lie in the node's own block */
    out_slot *out;   /* n_out */
    tp_shape *shape; /* n_in: shapes of the inputs; sizes beyond ndim are not set */
    void *attrs;
    void *
        held; /* an object that backward needs besides: of copy_slices the node that was done to the region */
    size_t bytes;
};

tp_node *node_new(
    const tp_op *, int n_in,
    int n_out); /* edges and outputs empty, attributes and shapes not set; not owned by a scope */

/* Makes the node the history of its output number output; tp_retain_grad's box goes along. */
void tensor_set_history(tp_tensor *, tp_node *, int output);

/* Edge i of the node: where the gradient of input x goes. */
void node_connect(tp_node *, int i, tp_tensor *x);

/* ---- views (inplace.c) ------------------------------------------------------------------------------------------- */

/* A place in the memory of a base: where the elements of a view lie. */
typedef struct region {
    tp_shape base_size, base_stride, size, stride;
    int64_t offset;  /* of the first element, from the base's first */
    bool accumulate; /* region_put adds: several elements of the region may be one of the base */
} region;

extern const tp_op tp_op_region, tp_op_region_put; /* ops/region.c */
extern const tp_op copy_slices; /* the history of a base after something was done to a view of it */

static inline bool tensor_is_stale(const tp_tensor *t)
{
    return t->base && t->storage && t->view_version != t->storage->version;
}
tp_status tensor_refresh(
    const tp_tensor *); /* a view's history after its base, or another view of it, was changed in place */

/* x, a view, has just been changed in place by the node that is now its grad_fn: its base and x itself get their new history. */
tp_status rebase_history(tp_tensor *x);

/* ---- hooks (hooks.c) ---------------------------------------------------------------------------------------------- */

bool hooks_any(const struct tp_hooks *);
tp_tensor *hooks_run(struct tp_hooks *,
                     tp_tensor *grad); /* the gradient after all of them; NULL and an error */
tp_status hooks_run_after(struct tp_hooks *, tp_tensor *leaf); /* those that come after adding into .grad */

/* For an operation's backward, of one of its inputs: what leaf i has of its gradient already, from other uses or earlier passes, where
 * more may be added in place; then dx[i] = it says that this was done.  NULL: dx[i] is to be a tensor of its own. */
tp_tensor *gradient_so_far(const tp_saved *, int i);

/* The border of a module with backward hooks: y_i = x_i for all tensors at once.  The node holds whom to tell. */
typedef struct border {
    tp_object object;
    tp_status (*crossed)(struct border *, tp_tensor *const *dy, tp_tensor **dx,
                         int n); /* dx is dy at first; may be replaced */
} border;
extern const tp_op tp_op_border;
tp_status border_backward(border *, const tp_saved *, tp_tensor **dx);
tp_status tensors_cross(tp_tensor **t, int n,
                        border *); /* those that require a gradient become aliases behind the border */

/* ---- anomalies (anomaly.c) ----------------------------------------------------------------------------------------- */

extern _Thread_local bool anomaly_detection;
tp_status anomaly_check(const tp_node *, int input,
                        tp_tensor *dx); /* an error where the gradient holds a NaN */

/* ---- recomputing (recompute.c) -------------------------------------------------------------------------------------- */

/* Inside of tp_checkpoint: what the node gets instead of the tensor.  *taken: it was. */
tp_status recompute_save(saved_tensor *, const tp_tensor *, bool *taken);
bool recompute_active(void);
void recompute_written(
    const tp_storage *); /* an operation in place has written what it had saved as its output */
bool is_promise(const void *object);
tp_tensor *promise_keep(
    void *object); /* runs the function again if it has not yet; the tensor, without history */

int op_input_name(const tp_op *, int i, const char **name); /* the i-th word of op->inputs: its length */

/* A node for a finished call; its outputs get it as grad_fn.  Fails only for lack of memory. */
tp_status node_record(const tp_call *);

/* Drops the saved tensors. */
void node_free_saved(tp_node *);

/* Inputs and outputs as they were when saved, or an error when one was changed in place since. */
tp_status node_unpack(tp_node *, bool create_graph, tp_tensor **in, tp_tensor **out);

/* The dtype in which the inputs of a call meet. */
tp_dtype call_promoted(const tp_call *);

/* The operations that the engine itself adds, sums and copies gradients with: the same ones that everybody uses,
 * defined in ops/. */
extern const tp_op tp_op_add, tp_op_clone, tp_op_copy, tp_op_sum_to, tp_op_to;

/* The one attribute of clone, an int64_t. */
enum { CLONE_PRESERVE, CLONE_CONTIGUOUS, CLONE_CHANNELS_LAST };

tp_tensor *engine_add(tp_tensor *, tp_tensor *);
tp_tensor *engine_clone(tp_tensor *);                    /* contiguous */
tp_tensor *engine_sum_to(tp_tensor *, const tp_shape *); /* the inverse of broadcasting */
tp_tensor *engine_to(tp_tensor *, tp_dtype);
tp_tensor *engine_ones_like(const tp_tensor *);

bool in_dry_run(void); /* results have no memory: tp_dry_run */

#endif
