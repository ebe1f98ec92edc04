/* taper/nn.h - modules: parameters, buffers, children and a forward function; and the layers.
 *
 * Names of parameters are those of PyTorch (conv1.weight, layers.0.bias), so its weight files load unchanged.
 * A module of your own is a state struct and a forward function: examples/custom_module.c.
 * Programs: docs/nn.md.
 * Layer: nn.  Depends on ops.h.  Read next: optim.h, models.h. */
#ifndef TAPER_NN_H
#define TAPER_NN_H

#include <taper/ops.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_module tp_module;
typedef tp_tensor *tp_forward_fn(tp_module *, tp_tensor *x);

/* ---- Using a module ------------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_forward(tp_module *, tp_tensor *x); /* opens a scope around the module; the result is kept */
TP_API void tp_train(tp_module *, bool training);        /* the module and all below it; true at first */
TP_API void tp_eval(tp_module *);                        /* tp_train(m, false) */
TP_API bool tp_is_training(const tp_module *);
TP_API const char *tp_module_type(const tp_module *);    /* "conv2d" */
TP_API const char *tp_module_info(const tp_module *);    /* "3, 64, kernel 7, stride 2": what its constructor got; may be "" */
TP_API tp_shape tp_module_kernel(const tp_module *);     /* (height, width) of a convolution's or pooling's window; 0 dims: it has none */

/* Lists of named tensors, in the order of definition. */
TP_API tp_params *tp_parameters(tp_module *); /* its own and its children's, each tensor once; dotted names */
TP_API tp_params *tp_buffers(tp_module *);
TP_API tp_params *tp_passing_buffers(tp_module *); /* those that are not saved */
TP_API tp_params *tp_state_dict(tp_module *); /* parameters and buffers, every name (tied ones twice) */

/* Copies values into the module's tensors by name.  What is missing, unexpected and misshapen stands in the error, a whole
 * module that is missing or unexpected as "layer4.1 (12)", and what is too long for a line of 900 letters ends with "and 7 more";
 * tp_error_details has every name, one a line. */
TP_API tp_status tp_load_state(tp_module *, const tp_params *state);

/* In training its forward keeps its input alone; backward runs it once more (tp_checkpoint): less memory, a third more work. */
TP_API void tp_module_recompute(tp_module *, bool recompute);

/* The same for a start of fine-tuning: names that match except (tp_name_matches) are not looked at, in either; the module's
 * stay as they are.  A pattern that chooses nothing in both is an error. */
TP_API tp_status tp_load_state_except(tp_module *, const tp_params *state, const char *except);

/* Parameters whose names match (tp_name_matches) require no gradient any more, or require one again.  A batch norm of which
 * nothing learns keeps its statistics and uses them: it stays in evaluation mode whatever tp_train says. */
TP_API tp_status tp_freeze(tp_module *, const char *patterns);
TP_API tp_status tp_unfreeze(tp_module *, const char *patterns);

/* Its parameters, their gradients and buffers in another float type: module.to(dtype), .double(), .bfloat16(). */
TP_API tp_status tp_module_to(tp_module *, tp_dtype);

/* Folds batch norms into the convolutions and linear layers before them, for inference: W' = s W, b' = s b + t by output channel,
 * s = weight / sqrt(running_var + eps), t = bias - s running_mean, computed in f64.  The batch norms leave the module, so do their
 * names; layers without a bias get one.  Outputs change by rounding only.  The module must be in evaluation (tp_eval).  Folded are
 * neighbours in sequentials and residuals that stand in one place, without hooks. */
TP_API tp_status tp_fuse(tp_module *);

TP_API void tp_zero_grads(tp_module *); /* takes every parameter's grad away */

/* ---- Children and a walk over them ------------------------------------------------------------------------ */

TP_API int tp_n_children(const tp_module *);
TP_API tp_module *tp_child_at(const tp_module *, int i);
TP_API const char *tp_child_name(const tp_module *, int i);
TP_API tp_tensor *tp_forward_children(tp_module *, int first, int end, tp_tensor *x); /* children first .. end - 1, one after another */
TP_API tp_module *tp_find_module(tp_module *, const char *dotted_name); /* NULL, without an error, if there is none */

/* Called after each module's forward in this thread, innermost first: summaries, profiles, feature pictures.  NULL takes it away. */
typedef void tp_observer(void *context, tp_module *, const tp_tensor *input, const tp_tensor *output, double seconds);
TP_API void tp_set_observer(tp_observer *, void *context);

/* Attention to look at: while `into` is there, everything in this thread that attends leaves its shares (B, H, T, S) in it, by its dotted
 * name in net, "encoder.layers.0.attention", of several calls the first.  NULL ends it.  For pictures: the matrix is made, which attention
 * itself never does.  A module of your own notes (B, T, S) or (B, H, T, S). */
TP_API void tp_record_attention(tp_module *net, tp_params *into);
TP_API bool tp_is_recording_attention(void);
TP_API void tp_note_attention(const tp_module *, tp_tensor *shares); /* nothing where nobody looks */

/* ---- Hooks: functions around a module's forward and at its borders in backward ------------------------------------
 *
 * In the order of registering.  They fail by setting an error (tp_error_set).  Each register function returns the hook's number,
 * from 1; 0 on an error. */

/* May put other tensors into in. */
typedef tp_status tp_forward_pre_hook(tp_module *, tp_tensor **in, int n_in, void *context);
/* May put other tensors into out. */
typedef tp_status tp_forward_hook(tp_module *, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, void *context);
/* Called when the gradients of the inputs are there; may put others into grad_in.  NULL: that tensor has none. */
typedef tp_status tp_backward_hook(tp_module *, tp_tensor **grad_in, int n_in, tp_tensor *const *grad_out, int n_out, void *context);
TP_API int64_t tp_register_forward_pre_hook(tp_module *, tp_forward_pre_hook *, void *context);
TP_API int64_t tp_register_forward_hook(tp_module *, tp_forward_hook *, void *context);
TP_API int64_t tp_register_full_backward_hook(tp_module *, tp_backward_hook *, void *context);
TP_API bool tp_remove_module_hook(tp_module *, int64_t number); /* false if there is none */

/* ---- What a network looks at: src/nn/saliency.c ---------------------------------------------------------------------
 *
 * x (N, C, H, W); the network answers with scores (N, classes).  label: whose score is explained; TP_TOP_CLASS: each picture's highest.
 * In the mode that the network is in (tp_eval first: batch norms in training mix the pictures); no .grad is touched. */
enum { TP_TOP_CLASS = -1 };

/* (N, H, W): max over channels of |d score / d x| (Simonyan et al. 2013). */
TP_API tp_tensor *tp_saliency(tp_module *, tp_tensor *x, int64_t label);

/* (N, h, w), the size of layer's output A (N, K, h, w): relu(sum_k a_k A_k), a_k = mean over h, w of d score / d A_k (Selvaraju et al. 2017).
 * layer NULL: tp_last_maps. */
TP_API tp_tensor *tp_grad_cam(tp_module *, tp_module *layer, tp_tensor *x, int64_t label);

/* The last convolution that runs, or the largest module around it whose output has still its height and width: a block with its
 * sum or all its branches.  NULL and an error if there is none. */
TP_API tp_module *tp_last_maps(tp_module *, tp_tensor *x);

/* The output of layer, somewhere in the network, when it is run on x; of several calls the last. */
TP_API tp_tensor *tp_output_of(tp_module *, tp_module *layer, tp_tensor *x);

/* ---- Writing a module --------------------------------------------------------------------------------------- */

/* A module with state_bytes of cleared state of your own.  type is a literal. */
TP_API tp_module *tp_module_new(const char *type, size_t state_bytes, tp_forward_fn *forward);
TP_API void *tp_module_state(tp_module *);

/* Each returns its last argument (borrowed: the module holds it), or NULL with an error pending. */
TP_API tp_tensor *tp_parameter(tp_module *, const char *name, tp_tensor *); /* requires a gradient from now on */
TP_API tp_tensor *tp_buffer(tp_module *, const char *name, tp_tensor *);    /* saved and loaded, not trained */
TP_API tp_module *tp_child(tp_module *, const char *name, tp_module *);

/* A buffer that is not in the state dict (register_buffer's persistent=False).  It takes the place of the one of that name, which
 * NULL takes away. */
TP_API tp_tensor *tp_passing_buffer(tp_module *, const char *name, tp_tensor *);

/* Outputs beside the result, such as the logits of auxiliary classifiers, with the weight of their loss: a forward function
 * leaves them in training, and the trainer takes them, of the module and all below it, until there is none (NULL, without an error);
 * one without dimensions is a loss itself, to be added with its weight:
 *
 *     double weight;
 *     tp_tensor *loss = tp_cross_entropy(tp_forward(net, x), labels), *y;
 *     while ((y = tp_take_aux(net, &weight)))
 *         loss = tp_add(loss, tp_mul(tp_cross_entropy(y, labels), weight));
 *
 * What is not taken goes at the module's next forward. */
TP_API void tp_leave_aux(tp_module *, tp_tensor *output, double weight);
TP_API tp_tensor *tp_take_aux(tp_module *, double *weight);

/* Networks that read one sequence and write another, token by token, for several hypotheses at once.  Every tensor has the hypotheses
 * in front, so that whoever decodes can repeat and choose them (tp_index_select). */
enum { TP_DECODING_PARTS = 64 };
typedef struct tp_decoding {
    tp_tensor *read[TP_DECODING_PARTS];    /* of the source, made by begin */
    tp_tensor *carried[TP_DECODING_PARTS]; /* made by begin, and by each step for the next */
    int n_read, n_carried;
    tp_tensor *lengths;                    /* (M) i64, set before begin, NULL: its tokens are those that are not 0; or a text's step of several, NULL: all.  They take it */
} tp_decoding;
typedef struct tp_decoding_functions {
    tp_status (*begin)(tp_module *, tp_tensor *source /* i64 (M, S), filled up with 0, or what the network takes for that; of a text what stands before, or NULL */, tp_decoding *);
    tp_tensor *(*step)(tp_module *, tp_tensor *tokens /* i64 (M), of a text also (M, T) */, tp_decoding *); /* scores of the next token (M, V) */
    int64_t (*context)(const tp_module *); /* most tokens that it sees; NULL or 0: there is no limit */
} tp_decoding_functions;
TP_API void tp_module_decodes(tp_module *, const tp_decoding_functions *); /* which outlive it */
TP_API const tp_decoding_functions *tp_module_decoding(const tp_module *); /* NULL, without an error: it does not */

/* A network whose answer is a linear layer over what it makes before, as that of a language model is, says so: body makes that, (.., D), and
 * tells the layer.  Its loss then needs no answer, (.., C):
 *     tp_tensor *correct = NULL;
 *     tp_tensor *loss = tp_module_has_head(net) ? tp_forward_loss(net, x, labels, -100, &correct)
 *                                               : tp_cross_entropy(tp_forward(net, x), labels);
 * the mean over the targets, i64 (..), that are not ignore_index, and into *correct, i64 (), how many of them are the likeliest class
 * (tp_linear_cross_entropy_correct).  tp_forward_body is for what else is wanted of answers, some rows at a time:
 * tp_linear(rows, head.weight, head.bias).  A network with hooks, which may look at the answer, has none. */
typedef struct tp_head {
    tp_tensor *weight, *bias; /* (C, D); (C) or NULL */
} tp_head;
typedef tp_tensor *tp_body_fn(tp_module *, tp_tensor *x, tp_head *);
TP_API void tp_module_heads(tp_module *, tp_body_fn *body);
TP_API bool tp_module_has_head(const tp_module *);
TP_API tp_tensor *tp_forward_loss(tp_module *, tp_tensor *x, tp_tensor *target, int64_t ignore_index, tp_tensor **correct);
TP_API tp_tensor *tp_forward_body(tp_module *, tp_tensor *x, tp_head *);

/* For a module with a typed function of its own (tp_lstm_forward(m, x, &state)): the same as tp_forward for several tensors.
 * Opens a scope, runs hooks and observer around body, which fills out; the results are kept. */
typedef tp_status tp_module_body(tp_module *, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, void *context);
TP_API tp_status tp_module_call(tp_module *, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, tp_module_body *, void *context);

TP_API void tp_module_set_info(tp_module *, const char *format, ...) TP_PRINTF(2, 3);

/* The last line of a constructor: the module, or NULL when anything in it failed. */
TP_API tp_module *tp_module_built(tp_module *);

/* ---- Containers ----------------------------------------------------------------------------------------------- */

/* tp_nn_sequential("conv1", tp_nn_conv2d(...), "relu", tp_nn_relu(), ...): name, module, name, module ... */
#define tp_nn_sequential(...) tp_nn_sequential_of((const void *const[]){ __VA_ARGS__, NULL })
TP_API tp_module *tp_nn_sequential_of(const void *const *names_and_modules);
TP_API tp_status tp_nn_append(tp_module *sequential, const char *name, tp_module *); /* name NULL: its number */

/* Branches that meet again, given in the same way.  concat: the children's outputs for the same input, joined along dim 1.
 * residual: relu(body(x) + downsample(x)), the body one after another; downsample NULL: x itself.  dense_block: x = cat(x, child(x))
 * for each child. */
#define tp_nn_concat(...) tp_nn_concat_of((const void *const[]){ __VA_ARGS__, NULL })
#define tp_nn_residual(downsample, ...) tp_nn_residual_of(downsample, (const void *const[]){ __VA_ARGS__, NULL })
#define tp_nn_dense_block(...) tp_nn_dense_block_of((const void *const[]){ __VA_ARGS__, NULL })
TP_API tp_module *tp_nn_concat_of(const void *const *names_and_modules);
TP_API tp_module *tp_nn_residual_of(tp_module *downsample, const void *const *names_and_modules);
TP_API tp_module *tp_nn_dense_block_of(const void *const *names_and_modules);

/* ---- Layers: initialised as PyTorch does ------------------------------------------------------------------------ */

typedef struct tp_linear_options {
    size_t struct_size;
    bool no_bias;
} tp_linear_options;
/* y = x W^T + b; weight (out, in), bias (out), both U(-1/sqrt(in), 1/sqrt(in)) */
#define tp_nn_linear(in, out, ...) \
    tp_nn_linear_opt(in, out, &(tp_linear_options){ .struct_size = sizeof(tp_linear_options), __VA_ARGS__ })
TP_API tp_module *tp_nn_linear_opt(int64_t in, int64_t out, const tp_linear_options *);

/* Options of tp_conv2d; weight (out, in / groups, kernel, kernel) and bias (out), both U(-1/sqrt(f), 1/sqrt(f)), f = in / groups * kernel^2 */
#define tp_nn_conv2d(in, out, kernel, ...) tp_nn_conv2d_opt(in, out, kernel, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_conv2d_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *);

/* The same for (N, C, L); and transposed: weight (in, out / groups, kernel, kernel), f = out / groups * kernel^2 */
#define tp_nn_conv1d(in, out, kernel, ...) tp_nn_conv1d_opt(in, out, kernel, TP_CONV2D_OPTIONS_(__VA_ARGS__))
#define tp_nn_conv_transpose1d(in, out, kernel, ...) tp_nn_conv_transpose1d_opt(in, out, kernel, TP_CONV2D_OPTIONS_(__VA_ARGS__))
#define tp_nn_conv_transpose2d(in, out, kernel, ...) tp_nn_conv_transpose2d_opt(in, out, kernel, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_conv1d_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *);
TP_API tp_module *tp_nn_conv_transpose1d_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *);
TP_API tp_module *tp_nn_conv_transpose2d_opt(int64_t in, int64_t out, int64_t kernel, const tp_conv2d_options *);

#define tp_nn_max_pool2d(kernel, ...) tp_nn_max_pool2d_opt(kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
#define tp_nn_avg_pool2d(kernel, ...) tp_nn_avg_pool2d_opt(kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_max_pool2d_opt(int64_t kernel, const tp_pool2d_options *);
TP_API tp_module *tp_nn_avg_pool2d_opt(int64_t kernel, const tp_pool2d_options *);
TP_API tp_module *tp_nn_adaptive_avg_pool2d(int64_t height, int64_t width);

/* Options of tp_batch_norm; weight (channels) 1, bias 0; buffers running_mean 0, running_var 1, num_batches_tracked.  1d: (N, C) or
 * (N, C, L); 2d: (N, C, H, W); instance norm: (N, C, ...). */
#define tp_nn_batch_norm1d(channels, ...) tp_nn_batch_norm1d_opt(channels, TP_BATCH_NORM_OPTIONS_(__VA_ARGS__))
#define tp_nn_batch_norm2d(channels, ...) tp_nn_batch_norm2d_opt(channels, TP_BATCH_NORM_OPTIONS_(__VA_ARGS__))
#define tp_nn_instance_norm(channels, ...) tp_nn_instance_norm_opt(channels, TP_BATCH_NORM_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_batch_norm1d_opt(int64_t channels, const tp_batch_norm_options *);
TP_API tp_module *tp_nn_batch_norm2d_opt(int64_t channels, const tp_batch_norm_options *);
TP_API tp_module *tp_nn_instance_norm_opt(int64_t channels, const tp_batch_norm_options *);

/* Options of tp_layer_norm; weight (normalized_shape) 1, bias 0 (rms_norm: none).  group_norm: weight and bias (channels) */
#define tp_nn_layer_norm(normalized_shape, ...) tp_nn_layer_norm_opt(normalized_shape, TP_NORM_OPTIONS_(__VA_ARGS__))
#define tp_nn_rms_norm(normalized_shape, ...) tp_nn_rms_norm_opt(normalized_shape, TP_NORM_OPTIONS_(__VA_ARGS__))
#define tp_nn_group_norm(num_groups, channels, ...) tp_nn_group_norm_opt(num_groups, channels, TP_NORM_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_layer_norm_opt(tp_shape normalized_shape, const tp_norm_options *);
TP_API tp_module *tp_nn_rms_norm_opt(tp_shape normalized_shape, const tp_norm_options *);
TP_API tp_module *tp_nn_group_norm_opt(int64_t num_groups, int64_t channels, const tp_norm_options *);

#define tp_nn_local_response_norm(size, ...) \
    tp_nn_local_response_norm_opt(size, &(tp_local_response_norm_options){ .struct_size = sizeof(tp_local_response_norm_options), __VA_ARGS__ })
TP_API tp_module *tp_nn_local_response_norm_opt(int64_t size, const tp_local_response_norm_options *);

/* ---- Recurrent layers: torch.nn.RNN, LSTM, GRU ------------------------------------------------------------------------
 *
 * x (T, B, input), (B, T, input) with .batch_first, or (T, input) without a batch -> y: the last layer's output at every step, both
 * directions' side by side.  Parameters are PyTorch's: weight_ih_l0 (G H, input), weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0 (a
 * projection's), .. weight_ih_l1_reverse; and peephole_l0, norm_ih_l0, norm_hh_l0, norm_cell_l0, norm_cell_bias_l0.  All are
 * U(-1/sqrt(H), 1/sqrt(H)), those of norms 1 and 0.  Formulas: tp_rnn, tp_lstm, tp_gru (functional.h). */

typedef struct tp_rnn_options {
    size_t struct_size;
    int64_t num_layers;       /* 1 */
    bool bidirectional, batch_first, no_bias;
    double dropout;           /* of what a layer gives to the next one, in training */
    int64_t proj_size;        /* LSTM: 0: no projection */
    const char *nonlinearity; /* RNN: "tanh", "relu" */
    bool peephole;            /* LSTM: gates see the cell (Gers et al. 2002) */
    bool reset_before;        /* GRU: the reset gate before the product (Cho et al. 2014) */
    bool layer_norm;          /* Ba et al. 2016; much slower */
    bool orthogonal;          /* weight_hh at first: an orthogonal matrix a gate */
    double forget_bias;       /* LSTM: added to the forget gates' bias at first */
} tp_rnn_options;
#define TP_RNN_OPTIONS_(...) (&(tp_rnn_options){ .struct_size = sizeof(tp_rnn_options), __VA_ARGS__ })
#define tp_nn_rnn(input, hidden, ...) tp_nn_rnn_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
#define tp_nn_lstm(input, hidden, ...) tp_nn_lstm_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
#define tp_nn_gru(input, hidden, ...) tp_nn_gru_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_rnn_opt(int64_t input, int64_t hidden, const tp_rnn_options *);
TP_API tp_module *tp_nn_lstm_opt(int64_t input, int64_t hidden, const tp_rnn_options *);
TP_API tp_module *tp_nn_gru_opt(int64_t input, int64_t hidden, const tp_rnn_options *);

/* One step: x (B, input) or (input) -> h.  Parameters without _l0. */
#define tp_nn_rnn_cell(input, hidden, ...) tp_nn_rnn_cell_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
#define tp_nn_lstm_cell(input, hidden, ...) tp_nn_lstm_cell_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
#define tp_nn_gru_cell(input, hidden, ...) tp_nn_gru_cell_opt(input, hidden, TP_RNN_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_rnn_cell_opt(int64_t input, int64_t hidden, const tp_rnn_options *);
TP_API tp_module *tp_nn_lstm_cell_opt(int64_t input, int64_t hidden, const tp_rnn_options *);
TP_API tp_module *tp_nn_gru_cell_opt(int64_t input, int64_t hidden, const tp_rnn_options *);

/* What goes on from one piece of a sequence to the next.  Begin with { 0 }: zeros. */
typedef struct tp_rnn_state {
    tp_tensor *h, *c;    /* (layers directions, B, H), of a cell (B, H); c: LSTM */
    tp_tensor *own_h, *own_c; /* tp_detach_state's */
} tp_rnn_state;

typedef struct tp_rnn_forward_options {
    size_t struct_size;
    tp_tensor *lengths; /* (B), i64, 1 to T, in any order: y is 0 past a sequence's length, and its state that of its last step */
} tp_rnn_forward_options;

/* The module's output from this state on; the state becomes the one after the last step.  tp_forward(m, x): from zeros. */
#define tp_rnn_forward(m, x, state, ...) tp_rnn_forward_opt(m, x, state, &(tp_rnn_forward_options){ .struct_size = sizeof(tp_rnn_forward_options), __VA_ARGS__ })
#define tp_lstm_forward tp_rnn_forward
#define tp_gru_forward tp_rnn_forward
TP_API tp_tensor *tp_rnn_forward_opt(tp_module *, tp_tensor *x, tp_rnn_state *, const tp_rnn_forward_options *);

/* Truncated back-propagation: the state's values without their history, in memory of the scope outside of this one, the same at every
 * call.  After backward, at the end of the block that makes a step; without it the state dies with that block:
 *
 *     tp_module *lstm = tp_nn_lstm(4, 8);
 *     tp_rnn_state state = { 0 };
 *     for (int piece = 0; piece < 3; piece++) {
 *         TP_SCOPE;
 *         tp_tensor *y = tp_lstm_forward(lstm, x, &state);
 *         tp_backward(tp_sum(y, TP_ALL_DIMS, false));
 *         tp_detach_state(&state);
 *     }
 */
TP_API tp_status tp_detach_state(tp_rnn_state *);

/* The same for networks with recurrent layers somewhere in them: while it is on, tp_forward begins with the state in which the call
 * before ended, without its history (of its first sequences, where there are fewer now).  Off and on again forgets the states, which
 * are passing buffers h and c of the layers; tp_rnn_load_carried puts those of a tp_passing_buffers list back. */
TP_API tp_status tp_rnn_carry(tp_module *, bool on);
TP_API tp_status tp_rnn_load_carried(tp_module *, const tp_params *);

/* ---- Transformers ------------------------------------------------------------------------------------------------------ */

typedef struct tp_rope_scaling { /* Llama 3's; factor 0: none, without original_context: all frequencies divided by it */
    double factor, low_freq_factor, high_freq_factor, original_context;
} tp_rope_scaling;

typedef struct tp_transformer_options {
    size_t struct_size;
    const char *activation;    /* "gelu"; relu, gelu_tanh, silu, and gated: swiglu, geglu, geglu_tanh, reglu */
    const char *norm;          /* "pre" (x + f(norm x)), "post" (norm(x + f x)), "deep" (norm(alpha x + f x)), "rms" (pre, RMS norm) */
    const char *position;      /* inside of attention: "rope", "alibi"; others: "none" */
    bool causal;
    bool cross;                /* layers look at a memory as well */
    int64_t kv_heads;          /* heads */
    int64_t head_dim;          /* width / heads */
    int64_t ff;                /* of the feed-forward part: 4 width, of a gated one 8/3 width in multiples of 8 */
    int64_t window;            /* tokens that each sees to a side, itself counted; 0: all */
    int64_t memory_width;      /* width */
    double dropout;            /* of what is added to the residual */
    double attention_dropout;  /* of shares */
    double drop_path;          /* of whole additions an example, from 0 in the first layer to this in the last */
    double eps;                /* of norms: 1e-5 */
    double alpha, beta;        /* of deep: 1, 1; tp_transformer_deepnorm has the paper's */
    double rope_theta;         /* 10000 */
    tp_rope_scaling rope_scaling;
    bool adjacent;             /* RoPE turns neighbours, not halves */
    bool no_bias, no_qkv_bias; /* of all products; of queries, keys and values */
    int64_t layers, heads;     /* set by the constructor */
} tp_transformer_options;
#define TP_TRANSFORMER_OPTIONS_(...) (&(tp_transformer_options){ .struct_size = sizeof(tp_transformer_options), __VA_ARGS__ })

/* (B, T, width) of embedded tokens -> (B, T, width): layers.0.attention.qkv, .out, (.cross.q, .k, .v, .out,) .up, .down, .norm1, .norm2,
 * (.norm_cross) .., and norm where layers begin with one. */
#define tp_nn_transformer(width, layers, heads, ...) tp_nn_transformer_opt(width, layers, heads, TP_TRANSFORMER_OPTIONS_(__VA_ARGS__))
TP_API tp_module *tp_nn_transformer_opt(int64_t width, int64_t layers, int64_t heads, const tp_transformer_options *);

TP_API bool tp_transformer_gated(const char *activation); /* whether it is one of two halves: swiglu, ... */

/* DeepNorm's alpha and beta (Wang et al. 2022) of the "encoder" or "decoder" of so many layers; 0 layers: there is none. */
TP_API void tp_transformer_deepnorm(const char *stack, int64_t encoder_layers, int64_t decoder_layers, double *alpha, double *beta);

/* Keys and values of what was read, for reading on token by token.  Begin with { 0 }; made under TP_NO_GRAD.  Its tensors have the
 * sequences in front and belong to the scope of the call that made them. */
typedef struct tp_kv_cache {
    tp_tensor *keys, *values; /* (B, layers, kv_heads, room, head_dim) */
    tp_tensor *lengths;       /* (B) i64: tokens that each sequence has in it */
    tp_tensor *places;        /* (B) i64: tokens that it has read */
} tp_kv_cache;
TP_API tp_status tp_kv_cache_reserve(tp_kv_cache *, int64_t batch, int64_t layers, int64_t kv_heads, int64_t tokens, int64_t head_dim,
                                     int64_t window, tp_dtype);
TP_API tp_status tp_kv_cache_advance(tp_kv_cache *, tp_tensor *tokens); /* (B) or a number: so many of those read just now count */

typedef struct tp_transformer_forward_options {
    size_t struct_size;
    tp_tensor *lengths, *prefix, *attn_mask;    /* as tp_attention_options has them */
    tp_tensor *memory, *memory_lengths;         /* cross-attention: (B, S, memory_width); (B) i64 or NULL */
    tp_tensor *memory_keys, *memory_values;     /* or tp_transformer_memory's, in place of memory */
    tp_kv_cache *cache;                         /* x goes on after what it holds; then tp_kv_cache_advance */
    tp_tensor **shares;                         /* gets those of the memory in the last layer, the mean over heads, (B, T, S) */
} tp_transformer_forward_options;
#define tp_transformer_forward(m, x, ...) \
    tp_transformer_forward_opt(m, x, &(tp_transformer_forward_options){ .struct_size = sizeof(tp_transformer_forward_options), __VA_ARGS__ })
TP_API tp_tensor *tp_transformer_forward_opt(tp_module *, tp_tensor *x, const tp_transformer_forward_options *);

/* What all layers' cross-attentions make of a memory, (B, layers, S, kv_heads head_dim) each: once for a whole decoding. */
TP_API tp_status tp_transformer_memory(tp_module *, tp_tensor *memory, tp_tensor **keys, tp_tensor **values);

/* x (B, T, width) + a row for each place: "learned" (weight (count, width), N(0, 0.02)), "sinusoidal" (Vaswani et al. 2017), and
 * "sinusoidal_halves", sines in the first half and cosines in the second.  places (B) i64: of the first tokens; NULL: 0 */
TP_API tp_module *tp_nn_position(const char *kind, int64_t count, int64_t width);
TP_API tp_tensor *tp_position_forward(tp_module *, tp_tensor *x, tp_tensor *places);

TP_API tp_module *tp_nn_dropout(double p); /* in training only */
TP_API tp_module *tp_nn_dropout2d(double p); /* whole channels of an example */
TP_API tp_module *tp_nn_embedding(int64_t count, int64_t width); /* whole numbers (..) -> (.., width); weight (count, width) is N(0, 1) */
TP_API tp_module *tp_nn_rows(void); /* pictures (N, C, H, W) -> sequences of their rows (N, H, C W); (N, T) -> (N, T, 1); others stay */
/* (N, T, D) -> (N, D): the "last" step (of two directions each one's own), the "mean", or "attention": softmax over t of w . x_t as shares */
TP_API tp_module *tp_nn_sequence_pooling(const char *kind, int64_t width, bool bidirectional);
TP_API tp_module *tp_nn_flatten(void);     /* (N, ...) -> (N, numel / N) */
TP_API tp_module *tp_nn_identity(void);

TP_API tp_module *tp_nn_sigmoid(void);
TP_API tp_module *tp_nn_tanh(void);
TP_API tp_module *tp_nn_relu(void);
TP_API tp_module *tp_nn_leaky_relu(double negative_slope);
TP_API tp_module *tp_nn_gelu(void);
TP_API tp_module *tp_nn_gelu_tanh(void);
TP_API tp_module *tp_nn_silu(void);
TP_API tp_module *tp_nn_softplus(void);
TP_API tp_module *tp_nn_softmax(int dim);
TP_API tp_module *tp_nn_log_softmax(int dim);
TP_API tp_module *tp_nn_activation(const char *name); /* "relu", "tanh", ...: by the name of its constructor */

/* ---- Initialisation, in place (torch.nn.init) ----------------------------------------------------------------------- */

TP_API tp_tensor *tp_init_xavier_uniform_(tp_tensor *, double gain);
TP_API tp_tensor *tp_init_xavier_normal_(tp_tensor *, double gain);
TP_API tp_tensor *tp_init_kaiming_uniform_(tp_tensor *, double a); /* fan in; gain sqrt(2 / (1 + a^2)) */
TP_API tp_tensor *tp_init_kaiming_normal_(tp_tensor *, double a);
TP_API tp_tensor *tp_init_kaiming_normal_fan_out_(tp_tensor *, double a);
TP_API tp_tensor *tp_init_orthogonal_(tp_tensor *, double gain); /* rows, or columns where they are fewer, of length gain at right angles (Saxe et al. 2013) */

#ifdef __cplusplus
}
#endif
#endif
