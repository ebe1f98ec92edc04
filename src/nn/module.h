/* module.h - the module from the inside: its tensors, its children, its forward function.
 *
 * Here because state.c walks what module.c holds; the layers themselves need only nn.h and the helpers below.
 * Layer: nn.  Depends on base/object.h, taper/nn.h.  Read next: module.c. */
#ifndef NN_MODULE_H
#define NN_MODULE_H

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"

#include <taper/nn.h>

typedef struct module_tensor {
    char *name;
    tp_tensor *tensor;       /* held */
    bool is_buffer, passing; /* passing: not in the state dict */
} module_tensor;

typedef struct module_child {
    char *name;
    tp_module *module; /* held */
} module_child;

/* What fuse.c asks of layers.  scaling: whether in evaluation it is scale x + shift, a number of each a channel, f64.  absorb:
 * from now on it makes scale y + shift out of what it made. */
typedef bool module_scaling(tp_module *, tp_tensor **scale, tp_tensor **shift);
typedef tp_status module_absorb(tp_module *, tp_tensor *scale, tp_tensor *shift);

/* What sequential.c asks of layers.  pointwise: the weight (K, C, 1, 1) of a convolution that does nothing else than multiply each
 * pixel's channels with it, else NULL.  into: conv2d(max(forward(x), 0), weight) in one pass. */
typedef tp_tensor *module_pointwise(const tp_module *);
typedef tp_tensor *module_into(tp_module *, tp_tensor *x, tp_tensor *weight);

/* Of a convolution: the means of 2x2 of an activation (conv_activation) of forward(x), where no gradient is wanted. */
typedef tp_tensor *module_pooled(tp_module *, tp_tensor *x, int activation);

struct tp_module {
    tp_object object;
    const char *type; /* a literal */
    char *info;       /* NULL: "" */
    tp_forward_fn *forward;
    tp_forward_fn *forward_relu;   /* max(forward(x), 0) in one pass; NULL: no such form */
    module_into *forward_into;     /* of a normalisation; NULL: no such form */
    module_pointwise *pointwise;   /* of a convolution; NULL: it never is one */
    module_pooled *forward_pooled; /* of a convolution; NULL: no such form */
    module_scaling *scaling;       /* of a normalisation; NULL: it never is one */
    module_absorb *absorb;         /* of a layer with weights; NULL: it cannot */
    void *state;
    size_t state_bytes;
    tp_shape kernel; /* of a window; 0 dims: none */
    bool halves;     /* it is the average of windows of 2x2 side by side */
    bool training;
    bool frozen;            /* keeps its statistics: training stays false (freeze.c) */
    module_tensor *tensors; /* parameters and buffers, in the order of definition */
    module_child *children;
    struct module_hooks *hooks; /* hooks.c; NULL: none were ever registered */
    struct module_aux *aux;     /* aux.c; NULL: none were ever left */
    int64_t n_tensors, tensors_capacity, n_children, children_capacity;
    const tp_decoding_functions *decoding; /* NULL: it does not write sequences */
    tp_body_fn *body; /* what its linear head reads (head.c); NULL: the answer is none of a head's */
    bool recomputes;  /* in training: tp_checkpoint around forward */
    bool chain;       /* a child reads what the child before it made */
    int64_t beside;   /* so many of the last children stand outside of the chain */
};

/* Replaces a parameter by another tensor, or adds it; the tensor (borrowed), or NULL with an error pending. */
tp_tensor *module_put_parameter(tp_module *, const char *name, tp_tensor *);
tp_tensor *module_tensor_named(const tp_module *,
                               const char *name); /* a parameter or buffer of its own; NULL */
void module_drop_child(tp_module *, int64_t i);

/* Whether m and then a relu can be one pass: both have that form and nobody watches what lies between them.  relu NULL: it is no module. */
bool module_fuses(const tp_module *m, const tp_module *relu);
tp_tensor *module_forward_relu(tp_module *m, tp_tensor *x); /* where it can */

/* The weight of next where m, a relu and next can be one pass; else NULL. */
tp_tensor *module_fuses_into(const tp_module *m, const tp_module *next);
tp_tensor *module_forward_into(tp_module *m, tp_tensor *x, tp_tensor *weight);

/* The number of the activation where m, it and the pooling behind it can be one pass, else below 0. */
int module_pools(const tp_module *m, const tp_module *activation, const tp_module *pool);
tp_tensor *module_forward_pooled(tp_module *m, tp_tensor *x, int activation);

/* A container: its children by name, module, name, module ... NULL. */
tp_module *module_of_children(const char *type, size_t state_bytes, tp_forward_fn *forward,
                              const void *const *names_and_modules);

/* module_absorb of a layer with weight (out, ...) and a bias, perhaps NULL, in its own variables (fuse.c). */
tp_status module_absorb_into(tp_module *, tp_tensor **weight, tp_tensor **bias, tp_tensor *scale,
                             tp_tensor *shift);

/* Around a module's forward (hooks.c).  begin: pre-hooks, which may replace in; end: forward hooks, which may replace out.
 * Between them *result goes from one to the other. */
tp_status hooks_begin(tp_module *, tp_tensor **in, int n_in, void **result);
tp_status hooks_end(tp_module *, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, void *result);
void hooks_free(struct module_hooks *);

/* Outputs beside the result (aux.c): drop what was not taken; the same and the memory. */
void aux_drop(tp_module *);
void aux_free(tp_module *);

/* Adds to the text in a buffer of size bytes; what does not fit is cut off. */
void text_add(char *text, size_t size, const char *format, ...) TP_PRINTF(3, 4);

/* One pair out of a single number (0: otherwise) and a {height, width} that replaces it unless both are 0. */
void pair_of(int64_t pair[2], int64_t number, const int64_t hw[2], int64_t otherwise);

/* ", stride 2" or ", stride 2x1" added to an info text, unless both are the default */
void text_add_pair(char *text, size_t size, const char *what, const int64_t pair[2], int64_t otherwise);

/* Fails naming the layer unless both numbers are at least least. */
tp_status check_pair(const char *layer, const char *what, const int64_t pair[2], int64_t least);

#endif
