/* taper/autograd.h - automatic differentiation: gradients of tensors, and how to write an operation of your own.
 *
 * Operations on tensors that require a gradient leave nodes behind; tp_backward walks them from the loss
 * to the leaves and adds into each leaf's grad.
 * Programs: docs/autograd.md.
 * Layer: autograd.  Read next: ops.h, examples/custom_op.c. */
#ifndef TAPER_AUTOGRAD_H
#define TAPER_AUTOGRAD_H

#include <taper/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Gradients --------------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_requires_grad_(tp_tensor *, bool); /* leaves only; float types only; returns its argument */
TP_API bool tp_requires_grad(const tp_tensor *);
TP_API bool tp_is_leaf(const tp_tensor *);
TP_API const char *tp_grad_fn(const tp_tensor *);       /* name of the operation that made it; NULL for a leaf */
TP_API tp_tensor *tp_grad(const tp_tensor *);           /* NULL at first; belongs to its tensor */
TP_API void tp_set_grad(tp_tensor *, tp_tensor *grad);  /* of its shape; NULL takes it away */
TP_API void tp_retain_grad(tp_tensor *);                /* keep the gradient of a tensor that is not a leaf */
TP_API tp_tensor *tp_detach(tp_tensor *);               /* same storage, no history */
TP_API tp_tensor *tp_detach_(tp_tensor *);              /* the tensor itself becomes a leaf; not of views; returns its argument */

/* No history is recorded until the C block ends.  TP_ENABLE_GRAD turns it on again inside. */
#define TP_NO_GRAD TP_GRAD_MODE_NAMED_(TP_JOIN_(tp_grad_mode_, __COUNTER__), false)
#define TP_ENABLE_GRAD TP_GRAD_MODE_NAMED_(TP_JOIN_(tp_grad_mode_, __COUNTER__), true)
#define TP_GRAD_MODE_NAMED_(name, on) \
    __attribute__((cleanup(tp_grad_mode_restore), unused)) bool name = tp_grad_mode_set(on)
TP_API bool tp_grad_mode(void);
TP_API bool tp_grad_mode_set(bool enabled); /* returns the mode before */
TP_API void tp_grad_mode_restore(const bool *before);

typedef struct tp_backward_options {
    size_t struct_size;
    bool retain_graph;   /* keep what backward needs, for another backward through the same graph */
    bool create_graph;   /* record the gradients' own history: gradients of gradients.  Implies retain_graph */
    tp_tensor *gradient; /* seed, of the loss's shape; needed when the loss is not a scalar */
    bool no_unused;         /* tp_gradients: an input that the output does not depend on is an error (allow_unused=False) */
    bool materialize_grads; /* tp_gradients: it gets zeros instead of NULL */
} tp_backward_options;

/* grad of every leaf += d loss / d leaf.  The graph is freed; a second backward through it is an error. */
#define tp_backward(loss, ...) \
    tp_backward_opt(loss, &(tp_backward_options){ .struct_size = sizeof(tp_backward_options), __VA_ARGS__ })
TP_API tp_status tp_backward_opt(tp_tensor *loss, const tp_backward_options *);

/* grads[i] = d output / d inputs[i] without touching any .grad, as torch.autograd.grad; an input that the output
 * does not depend on gives NULL.  The gradients belong to the innermost scope. */
#define tp_gradients(output, inputs, n, grads, ...)     \
    tp_gradients_opt(output, inputs, n, grads,          \
                     &(tp_backward_options){ .struct_size = sizeof(tp_backward_options), __VA_ARGS__ })
TP_API tp_status tp_gradients_opt(tp_tensor *output, tp_tensor *const *inputs, int n, tp_tensor **grads,
                                  const tp_backward_options *);

#define TP_BACKWARD_OPTIONS_(...) (&(tp_backward_options){ .struct_size = sizeof(tp_backward_options), __VA_ARGS__ })

/* The same of several results at once, each with its seed: torch.autograd.backward(outputs, seeds),
 * torch.autograd.grad(outputs, inputs, seeds).  seeds NULL, or one of them NULL: 1, for a result of one element. */
#define tp_backward_of(outputs, n, seeds, ...) tp_backward_of_opt(outputs, n, seeds, TP_BACKWARD_OPTIONS_(__VA_ARGS__))
#define tp_gradients_of(outputs, n_out, seeds, inputs, n, grads, ...) \
    tp_gradients_of_opt(outputs, n_out, seeds, inputs, n, grads, TP_BACKWARD_OPTIONS_(__VA_ARGS__))
TP_API tp_status tp_backward_of_opt(tp_tensor *const *outputs, int n, tp_tensor *const *seeds, const tp_backward_options *);
TP_API tp_status tp_gradients_of_opt(tp_tensor *const *outputs, int n_out, tp_tensor *const *seeds, tp_tensor *const *inputs, int n,
                                     tp_tensor **grads, const tp_backward_options *);

/* A function of tensors, as those below take it: to one tensor, of any shape. */
typedef tp_tensor *tp_function(tp_tensor *const *inputs, int n, void *context);

/* Compares gradients with central differences, in f64.
 * An error of the worst element is set when |analytic - numeric| > atol + rtol |numeric|. */
typedef struct tp_gradcheck_options {
    size_t struct_size;
    double eps;   /* 1e-6 */
    double atol;  /* 1e-5 */
    double rtol;  /* 1e-3 */
    bool second;  /* check the gradient of the gradient as well */
} tp_gradcheck_options;
#define tp_gradcheck(f, context, inputs, n, ...)      \
    tp_gradcheck_opt(f, context, inputs, n,           \
                     &(tp_gradcheck_options){ .struct_size = sizeof(tp_gradcheck_options), __VA_ARGS__ })
TP_API tp_status tp_gradcheck_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n,
                                  const tp_gradcheck_options *);

/* ---- Derivatives of a function as a whole (torch.autograd.functional) ------------------------------------------
 *
 * f is called at its inputs cut off from their history; results belong to the innermost scope.  What f does not depend on has
 * derivative 0, or is an error with .strict.  value may be NULL. */

typedef struct tp_functional_options {
    size_t struct_size;
    bool create_graph; /* the results have gradients too, by the inputs that require one */
    bool strict;
} tp_functional_options;
#define TP_FUNCTIONAL_OPTIONS_(...) (&(tp_functional_options){ .struct_size = sizeof(tp_functional_options), __VA_ARGS__ })

/* products[i] = v' J_i; v of the value's shape, or NULL for one number */
#define tp_vjp(f, context, inputs, n, v, value, products, ...) \
    tp_vjp_opt(f, context, inputs, n, v, value, products, TP_FUNCTIONAL_OPTIONS_(__VA_ARGS__))
/* sum of J_i v[i]; v[i] of input i's shape */
#define tp_jvp(f, context, inputs, n, v, value, product, ...) \
    tp_jvp_opt(f, context, inputs, n, v, value, product, TP_FUNCTIONAL_OPTIONS_(__VA_ARGS__))
/* products[i] = sum of H_ij v[j]; f gives one number */
#define tp_hvp(f, context, inputs, n, v, value, products, ...) \
    tp_hvp_opt(f, context, inputs, n, v, value, products, TP_FUNCTIONAL_OPTIONS_(__VA_ARGS__))
/* jacobian[i]: the value's shape, then input i's */
#define tp_jacobian(f, context, inputs, n, jacobian, ...) \
    tp_jacobian_opt(f, context, inputs, n, jacobian, TP_FUNCTIONAL_OPTIONS_(__VA_ARGS__))
/* hessian[i * n + j]: input i's shape, then input j's */
#define tp_hessian(f, context, inputs, n, hessian, ...) \
    tp_hessian_opt(f, context, inputs, n, hessian, TP_FUNCTIONAL_OPTIONS_(__VA_ARGS__))
TP_API tp_status tp_vjp_opt(tp_function *, void *context, tp_tensor *const *inputs, int n, tp_tensor *v, tp_tensor **value,
                            tp_tensor **products, const tp_functional_options *);
TP_API tp_status tp_jvp_opt(tp_function *, void *context, tp_tensor *const *inputs, int n, tp_tensor *const *v, tp_tensor **value,
                            tp_tensor **product, const tp_functional_options *);
TP_API tp_status tp_hvp_opt(tp_function *, void *context, tp_tensor *const *inputs, int n, tp_tensor *const *v, tp_tensor **value,
                            tp_tensor **products, const tp_functional_options *);
TP_API tp_status tp_jacobian_opt(tp_function *, void *context, tp_tensor *const *inputs, int n, tp_tensor **jacobian,
                                 const tp_functional_options *);
TP_API tp_status tp_hessian_opt(tp_function *, void *context, tp_tensor *const *inputs, int n, tp_tensor **hessian,
                                const tp_functional_options *);

/* ---- Hooks: functions that see, and may change, gradients ------------------------------------------------------ */

/* Called in backward with the whole gradient of the tensor; what it returns takes its place (NULL: it stays).  In the order
 * of registering, also for tp_gradients; on a tensor that was changed in place since, of the value before. */
typedef tp_tensor *tp_hook(tp_tensor *grad, void *context);
TP_API int64_t tp_register_hook(tp_tensor *, tp_hook *, void *context); /* its number, from 1; 0 on an error */
TP_API int64_t tp_register_hook_shared(tp_tensor *, tp_hook *, void *context, /* release: once, when it is removed or its tensor is */
                                       void (*release)(void *context));       /* gone; from any thread; not after an error */
TP_API bool tp_remove_hook(tp_tensor *, int64_t number);                /* false if there is none */

/* Called after a leaf's .grad was added to. */
typedef void tp_after_hook(tp_tensor *leaf, void *context);
TP_API int64_t tp_register_post_accumulate_hook(tp_tensor *leaf, tp_after_hook *, void *context);

/* ---- Recomputing: memory for time -------------------------------------------------------------------------------- */

/* f(inputs), without keeping what backward needs of the operations inside: backward runs f once more for it, with the same
 * random numbers.  Gradients are the same bits.  f depends on nothing but its inputs and context, which must stay until then
 * (.keep: an object, a module say, that is retained as long).  They nest.  */
typedef struct tp_checkpoint_options {
    size_t struct_size;
    void *keep;
} tp_checkpoint_options;
#define tp_checkpoint(f, inputs, n, context, ...) \
    tp_checkpoint_opt(f, inputs, n, context, &(tp_checkpoint_options){ .struct_size = sizeof(tp_checkpoint_options), __VA_ARGS__ })
TP_API tp_tensor *tp_checkpoint_opt(tp_function *, tp_tensor *const *inputs, int n, void *context, const tp_checkpoint_options *);

/* Whether f is being run again, in this thread: what it counts or averages beside its result (running statistics) stays alone. */
TP_API bool tp_recomputing(void);

/* ---- Finding NaN --------------------------------------------------------------------------------------------------- */

/* Until the C block ends: a gradient that becomes NaN in backward is an error that names the operation.  Slow. */
#define TP_DETECT_ANOMALY TP_DETECT_ANOMALY_NAMED_(TP_JOIN_(tp_anomaly_, __COUNTER__))
#define TP_DETECT_ANOMALY_NAMED_(name) \
    __attribute__((cleanup(tp_detect_anomaly_restore), unused)) bool name = tp_set_detect_anomaly(true)
TP_API bool tp_set_detect_anomaly(bool on); /* of this thread; returns what was before */
TP_API void tp_detect_anomaly_restore(const bool *before);

/* ---- Operations: the descriptor ------------------------------------------------------------------------
 *
 * Every operation, ours or yours, is one of these.  infer and forward are separate, and forward is a pure
 * function of (inputs, attributes, outputs): it allocates nothing and cannot fail. */

enum {
    TP_MAX_INPUTS = 16,
    TP_MAX_OUTPUTS = 4,
    TP_MAX_PARTS = 64, /* outputs of an operation that gives any number of them (n_out -1) */
};

typedef struct tp_op tp_op;

typedef struct tp_call {
    const tp_op *op;
    int n_in, n_out;
    tp_tensor *const *in; /* an optional input may be NULL */
    tp_tensor **out;      /* n_out of them; compose fills them in (and n_out where the op says -1) */
    const void *attrs;    /* the op's own struct */
    void *scratch;        /* 64-byte aligned, scratch_bytes long */
    size_t scratch_bytes; /* set by infer */
    const void *kernels;  /* the device's kernel table */
} tp_call;

typedef struct tp_saved {     /* what backward gets */
    const tp_op *op;
    int n_in, n_out;
    tp_tensor *const *in;     /* only those that the op saves; NULL otherwise */
    tp_tensor *const *out;
    tp_tensor *const *dy;     /* gradient of each output; NULL where nothing flowed */
    const bool *needs;        /* which inputs want a gradient; dx of the others is ignored */
    const tp_shape *in_shape; /* of every input */
    const tp_dtype *in_dtype;
    const void *attrs;
    void *walk;               /* the engine's own */
} tp_saved;

typedef enum tp_attr_type {
    TP_ATTR_END,
    TP_ATTR_I64,   /* int64_t */
    TP_ATTR_U64,   /* uint64_t */
    TP_ATTR_F64,   /* double */
    TP_ATTR_BOOL,  /* bool */
    TP_ATTR_DIMS,  /* tp_shape: a list of integers */
    TP_ATTR_PAIR,  /* int64_t[2]; one number stands for both */
    TP_ATTR_DTYPE, /* tp_dtype */
    TP_ATTR_WORD,  /* int: place of a word in the list words, "mean sum none" */
    TP_ATTR_TEXT,  /* const char *, alive as long as the call; only for compose */
} tp_attr_type;

#define TP_REQUIRED __builtin_nan("") /* as an attribute's default: it has none and must be given */
enum { TP_NO_DIM = INT32_MIN };       /* a dim that is not given (PyTorch's None): all elements, as one row */

typedef struct tp_attr { /* one field of the op's attribute struct, for the shell, the docs and bindings */
    const char *name;    /* PyTorch's */
    tp_attr_type type;
    size_t offset;
    double otherwise;    /* its default; of DIMS: 0 is the empty list, another number a list of one */
    const char *words;   /* WORD: the words it may be; TEXT: its default */
} tp_attr;

/* Small typical inputs, one word each: sizes joined by commas, "s" for a scalar, "-" for an optional input left out, then
 * flags after @: t stored transposed (last two dims), p positive values, u in (0, 1), g above 1, b bool, iN integers in [0, N).
 * "2,3 3,1@t", "0,4", "s", "5,2@i2". */
typedef struct tp_example {
    const char *inputs;
    const void *attrs; /* NULL: the defaults */
} tp_example;

struct tp_op {
    const char *name;    /* PyTorch's */
    const char *formula; /* "y = max(x, 0)" */
    const char *inputs;  /* names, "x weight bias?"; ? marks one that may be NULL; "x..." any number */
    int n_in;            /* how many names; -1: any number */
    int n_out;           /* 0 means 1; -1: any number, compose says how many */
    size_t attrs_size;
    const tp_attr *attrs;           /* ends with a row of TP_ATTR_END */
    unsigned saves_in, saves_out;   /* bit i: backward reads input i, output i */
    unsigned saves_for_others;      /* bit i: it reads input i, but not for the gradient of input i itself */
    bool is_view;                   /* the output shares the storage of input 0; no forward */
    bool not_differentiable;        /* said aloud; backward is NULL then */
    bool shape_needs_values;        /* the output's shape depends on what the input holds: no dry run */
    tp_status (*infer)(tp_call *);  /* shape, strides, dtype of each out; scratch_bytes; or an error */
    void (*forward)(const tp_call *);
    void (*backward)(const tp_saved *, tp_tensor *dy, tp_tensor **dx); /* made of operations; dy = s->dy[0] */
    void (*compose)(tp_call *);     /* instead of the three: fills out with what other operations make; so has its gradient from them */
    double (*cost)(const tp_call *);                                   /* floating-point operations; NULL: one an output element */
    const tp_example *examples;                                        /* ends with inputs == NULL */
    const char *note;               /* what differs from PyTorch on purpose, or NULL */
    int64_t tag;                    /* for your own functions: what tells this op from its siblings */
};

/* Runs an operation: infer, allocate, forward, record; or compose.  attrs is copied; NULL, where the op's own functions
 * take it, stands for the defaults. */
TP_API tp_tensor *tp_apply(const tp_op *, tp_tensor *const *in, int n_in, const void *attrs);

/* The same for several outputs.  out has room for n_out of them; for TP_MAX_PARTS, and the rest NULL, where that is -1. */
TP_API tp_status tp_apply_n(const tp_op *, tp_tensor *const *in, int n_in, const void *attrs, tp_tensor **out);

/* tp_apply for bindings to other languages: in a scope of its own, and the caller owns the result (tp_release). */
TP_API tp_tensor *tp_apply_retained(const tp_op *, tp_tensor *const *in, int n_in, const void *attrs);

/* In place: the result goes into in[0]'s memory, and in[0] takes the node.  Shape and dtype must stay. */
TP_API tp_tensor *tp_apply_(const tp_op *, tp_tensor *const *in, int n_in, const void *attrs);

/* The op's attribute struct from text, as in "--stride 2": its defaults, then one attribute by name.  "none" is
 * TP_NO_DIM, lists are "0,-1", dtypes "f32" or "float32".  An error names the op, what was got and what is wanted. */
TP_API void tp_op_defaults(const tp_op *, void *attrs);
TP_API tp_status tp_op_set(const tp_op *, void *attrs, const char *name, const char *text);
TP_API const char *tp_op_missing(const tp_op *, const char *const *given, int n); /* first required one not among the names given, or NULL */

/* For infer: the output is new memory, contiguous, or laid out like an input. */
TP_API tp_status tp_infer_shape(tp_call *, int output, tp_dtype, tp_shape);
TP_API tp_status tp_infer_like(tp_call *, int input);                    /* output 0 like that input, strides too */
TP_API tp_status tp_infer_broadcast(tp_call *);                          /* all inputs broadcast and promoted into output 0 */

/* Shapes only: between on and off nothing is allocated or computed, results have a shape and no data.
 * total counts what would have been done.  For summaries of networks larger than the machine.
 * With .records, set before, history is recorded as well: gradients can be taken, and live_bytes and peak_bytes follow what results
 * would hold (an operation's scratch memory too).  What is made in such a run dies before it is turned off. */
typedef struct tp_dry_run_total {
    double flops;          /* by the ops' cost */
    int64_t output_bytes;  /* of all outputs that are not views */
    bool records;
    int64_t live_bytes, peak_bytes;
} tp_dry_run_total;
TP_API void tp_dry_run(tp_dry_run_total *total); /* NULL turns it off */

#ifdef __cplusplus
}
#endif
#endif
