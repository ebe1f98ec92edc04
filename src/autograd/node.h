/* node.h - the tape: what an operation leaves behind for backward.
 *
 * Invariants:
 *  1. Edges run from node to node, or to a leaf; a node never holds the tensor that it made, only (for ops that save
 *     an output) an alias without history.  So there are no cycles, and an activation that nobody saves dies at once.
 *  2. saved tensors carry the storage's version at saving time; another version at use is an error.
 *  3. freed is set by the backward that used the node without retain_graph; saved tensors are gone then.
 *  4. mark and needed belong to the backward pass whose number stands in mark.
 * Layer: autograd.  Depends on core.  Read next: apply.c (makes nodes), backward.c (walks them). */
#ifndef AUTOGRAD_NODE_H
#define AUTOGRAD_NODE_H

#include "core/tensor.h"

#include <taper/autograd.h>

typedef struct tp_node tp_node;

typedef struct saved_tensor {
    tp_tensor *tensor; /* NULL: not saved */
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
    tp_tensor *grad;     /* sum of what has flowed in during a backward pass */
    tp_tensor *retained; /* tp_retain_grad's box: a tensor shared with the output, filled by backward */
} out_slot;

struct tp_node {
    tp_object object;
    const tp_op *op;
    int32_t n_in, n_out;
    bool freed, needed;
    uint64_t mark;
    tp_node *next;   /* while waiting to be destroyed */
    edge *in;        /* n_in; these four lie in the node's own block */
    out_slot *out;   /* n_out */
    tp_shape *shape; /* n_in: shapes of the inputs; sizes beyond ndim are not set */
    void *attrs;
    size_t bytes;
};

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

#endif
