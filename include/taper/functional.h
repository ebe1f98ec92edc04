/* taper/functional.h - what layers are made of: convolution, pooling, normalisation, softmax, losses (torch.nn.functional).
 *
 * As in ops.h, which includes it: every function returns a new tensor of the innermost scope, or NULL with a pending error, and has a
 * gradient unless it says "no gradient".  Layer: ops.  Read next: nn.h. */
#ifndef TAPER_FUNCTIONAL_H
#define TAPER_FUNCTIONAL_H

#include <taper/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Convolution and pooling: images (N, C, H, W); results are channels-last in memory --------------------
 *
 * Output size: (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1.  A pair that is given as {0, 0} means its default. */

typedef struct tp_conv2d_options {
    size_t struct_size;
    int64_t stride, padding, dilation, groups;               /* 1, 0, 1, 1 */
    int64_t stride_hw[2], padding_hw[2], dilation_hw[2];     /* given: instead of the single number, {height, width} */
    tp_tensor *bias;                                         /* (K) or NULL; for tp_conv2d */
    bool relu;                                               /* y = max(.., 0), in the same pass over y */
    bool no_bias;                                            /* for tp_nn_conv2d */
    int64_t kernel_hw[2];                                    /* for tp_nn_conv2d: instead of its square kernel */
    int64_t output_padding, output_padding_hw[2];            /* 0; for tp_conv_transpose */
} tp_conv2d_options;
#define TP_CONV2D_OPTIONS_(...) (&(tp_conv2d_options){ .struct_size = sizeof(tp_conv2d_options), __VA_ARGS__ })

/* y[n,k,i,j] = b[k] + sum_{c,p,q} w[k,c,p,q] x[n, c, i stride + p dilation - padding, j stride + q dilation - padding]
 * x (N, C, H, W), weight (K, C / groups, kernel, kernel) -> (N, K, H', W') */
#define tp_conv2d(x, weight, ...) tp_conv2d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_conv2d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

/* The same for (N, C, L) and weight (K, C / groups, kernel) */
#define tp_conv1d(x, weight, ...) tp_conv1d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_conv1d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

/* Transposed: y[n, k, i stride + p dilation - padding, ..] = b[k] + sum_{c,i,p ..} w[c,k,p,q] x[n,c,i,j]
 * x (N, C, H, W), weight (C, K / groups, kernel, kernel) -> (N, K, (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1, ..) */
#define tp_conv_transpose2d(x, weight, ...) tp_conv_transpose2d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
#define tp_conv_transpose1d(x, weight, ...) tp_conv_transpose1d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_conv_transpose2d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);
TP_API tp_tensor *tp_conv_transpose1d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

typedef struct tp_pool2d_options {
    size_t struct_size;
    int64_t stride, padding, dilation;                       /* the kernel, 0, 1 (dilation: max pooling only) */
    int64_t kernel_hw[2], stride_hw[2], padding_hw[2];       /* given: instead of the single numbers */
    bool ceil_mode;                                          /* round output sizes up */
    bool exclude_pad;                                        /* average: divide by the pixels that are there (count_include_pad=False) */
} tp_pool2d_options;
#define TP_POOL2D_OPTIONS_(...) (&(tp_pool2d_options){ .struct_size = sizeof(tp_pool2d_options), __VA_ARGS__ })

#define tp_max_pool2d(x, kernel, ...) tp_max_pool2d_opt(x, kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
#define tp_avg_pool2d(x, kernel, ...) tp_avg_pool2d_opt(x, kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_max_pool2d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *);
TP_API tp_tensor *tp_avg_pool2d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *);
TP_API tp_tensor *tp_adaptive_avg_pool2d(tp_tensor *x, int64_t height, int64_t width); /* window i: [floor(i H / h), ceil((i+1) H / h)) */
TP_API tp_tensor *tp_adaptive_max_pool2d(tp_tensor *x, int64_t height, int64_t width);

/* indices i64: where in its plane each maximum stands, row * W + column */
#define tp_max_pool2d_with_indices(x, kernel, indices, ...) tp_max_pool2d_with_indices_opt(x, kernel, indices, TP_POOL2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_max_pool2d_with_indices_opt(tp_tensor *x, int64_t kernel, tp_tensor **indices, const tp_pool2d_options *);

/* (N, C, L): the options' single numbers */
#define tp_max_pool1d(x, kernel, ...) tp_max_pool1d_opt(x, kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
#define tp_avg_pool1d(x, kernel, ...) tp_avg_pool1d_opt(x, kernel, TP_POOL2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_max_pool1d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *);
TP_API tp_tensor *tp_avg_pool1d_opt(tp_tensor *x, int64_t kernel, const tp_pool2d_options *);

/* ---- Normalisation: (x - mean) / sqrt(var + eps) weight + bias -------------------------------------------------- */

typedef struct tp_norm_options {
    size_t struct_size;
    tp_tensor *weight, *bias; /* NULL: 1, 0 */
    double eps;               /* 1e-5; rms_norm: the smallest step from 1 of the dtype computed in.  Zero is TP_ZERO */
    bool no_affine, no_bias;  /* for the layers: without weight and bias, without bias */
} tp_norm_options;
#define TP_NORM_OPTIONS_(...) (&(tp_norm_options){ .struct_size = sizeof(tp_norm_options), __VA_ARGS__ })

/* Over the last dims, which are normalized_shape, as are weight and bias: tp_layer_norm(x, TP_SHAPE(512), .weight = w) */
#define tp_layer_norm(x, normalized_shape, ...) tp_layer_norm_opt(x, normalized_shape, TP_NORM_OPTIONS_(__VA_ARGS__))
#define tp_rms_norm(x, normalized_shape, ...) tp_rms_norm_opt(x, normalized_shape, TP_NORM_OPTIONS_(__VA_ARGS__)) /* x / sqrt(mean x^2 + eps) weight */
TP_API tp_tensor *tp_layer_norm_opt(tp_tensor *x, tp_shape normalized_shape, const tp_norm_options *);
TP_API tp_tensor *tp_rms_norm_opt(tp_tensor *x, tp_shape normalized_shape, const tp_norm_options *);

/* (N, C, ...): over the numbers of an image in each of so many groups of channels; weight and bias (C) */
#define tp_group_norm(x, num_groups, ...) tp_group_norm_opt(x, num_groups, TP_NORM_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_group_norm_opt(tp_tensor *x, int64_t num_groups, const tp_norm_options *);

typedef struct tp_batch_norm_options {
    size_t struct_size;
    tp_tensor *running_mean, *running_var; /* (C) */
    tp_tensor *weight, *bias;              /* (C) or NULL: 1, 0 */
    bool training;                         /* batch norm: by the batch's statistics; running ones, where given, follow them */
    bool use_running;                      /* instance norm: by the running statistics (use_input_stats=False) */
    bool relu;                             /* batch norm: y = max(.., 0), in the same pass */
    double momentum, eps;                  /* 0.1, 1e-5; zero is TP_ZERO.  running += momentum (batch's - running) */
    bool cumulative;                       /* for the layers: running statistics are the mean over all batches (momentum=None) */
    bool no_affine, no_running;            /* for tp_nn_batch_norm: without weight and bias; without running statistics */
    bool affine, running;                  /* for tp_nn_instance_norm, which has neither */
} tp_batch_norm_options;
#define TP_BATCH_NORM_OPTIONS_(...) (&(tp_batch_norm_options){ .struct_size = sizeof(tp_batch_norm_options), __VA_ARGS__ })

/* (N, C, ...): each channel over the batch, or (instance) over each image */
#define tp_batch_norm(x, ...) tp_batch_norm_opt(x, TP_BATCH_NORM_OPTIONS_(__VA_ARGS__))
#define tp_instance_norm(x, ...) tp_instance_norm_opt(x, TP_BATCH_NORM_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_batch_norm_opt(tp_tensor *x, const tp_batch_norm_options *);
TP_API tp_tensor *tp_instance_norm_opt(tp_tensor *x, const tp_batch_norm_options *);

typedef struct tp_local_response_norm_options {
    size_t struct_size;
    double alpha, beta, k; /* 1e-4, 0.75, 1; zero is TP_ZERO */
} tp_local_response_norm_options;
/* (N, C, ...): x / (k + alpha mean of x^2 over size channels around)^beta */
#define tp_local_response_norm(x, size, ...) \
    tp_local_response_norm_opt(x, size, &(tp_local_response_norm_options){ .struct_size = sizeof(tp_local_response_norm_options), __VA_ARGS__ })
TP_API tp_tensor *tp_local_response_norm_opt(tp_tensor *x, int64_t size, const tp_local_response_norm_options *);

/* ---- Recurrent layers: one, in one direction, over a whole sequence -----------------------------------------------
 *
 * x (T, B, I), or (B, T, I) with .batch_first, or (T, I) without a batch -> y of P numbers a step.  H hidden units, P = H or what a
 * projection leaves, G gates (RNN 1, LSTM 4: i f g o, GRU 3: r z n).  weight_ih (G H, I), weight_hh (G H, P). */

typedef struct tp_recurrent_options {
    size_t struct_size;
    tp_tensor *bias_ih, *bias_hh;            /* (G H) */
    tp_tensor *h0, *c0;                      /* (B, P), LSTM (B, H): the state before the first step; NULL: 0 */
    tp_tensor **h_n, **c_n;                  /* get the state after the last one */
    tp_tensor *lengths;                      /* (B), i64, 0 to T, in any order: a sequence's state stays as it is past its length, y is 0 there */
    bool reverse;                            /* from the last step, of each sequence its own, to the first */
    bool batch_first;
    bool relu;                               /* RNN: instead of tanh */
    bool reset_before;                       /* GRU: n = tanh(.. + W_n (r h)) instead of tanh(.. + r (W_n h)) */
    tp_tensor *weight_hr;                    /* LSTM: (P, H), h = weight_hr (o tanh c) */
    tp_tensor *peephole;                     /* LSTM: (3 H), times c' into i and f, times c into o */
    tp_tensor *norm_ih, *norm_hh;            /* gains (G H) of layer normalisation before the biases (Ba et al. 2016); RNN: norm_ih (H), of the sum */
    tp_tensor *norm_cell, *norm_cell_bias;   /* LSTM: (H), of c in tanh c */
} tp_recurrent_options;
#define TP_RECURRENT_OPTIONS_(...) (&(tp_recurrent_options){ .struct_size = sizeof(tp_recurrent_options), __VA_ARGS__ })

/* h = tanh(W_ih x + b_ih + W_hh h' + b_hh) */
#define tp_rnn(x, weight_ih, weight_hh, ...) tp_rnn_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
/* c = f c' + i g, h = o tanh(c); i, f, o = sigmoid(W x + W h'), g = tanh(W x + W h') */
#define tp_lstm(x, weight_ih, weight_hh, ...) tp_lstm_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
/* h = (1 - z) n + z h'; r, z = sigmoid(W x + W h'), n = tanh(W x + b + r (W h' + b)) */
#define tp_gru(x, weight_ih, weight_hh, ...) tp_gru_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_rnn_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);
TP_API tp_tensor *tp_lstm_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);
TP_API tp_tensor *tp_gru_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);

/* One step: x (B, I) or (I) -> h (B, P) or (P); of an LSTM *.c_n gets c.  h0 NULL: 0 */
#define tp_rnn_cell(x, weight_ih, weight_hh, ...) tp_rnn_cell_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
#define tp_lstm_cell(x, weight_ih, weight_hh, ...) tp_lstm_cell_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
#define tp_gru_cell(x, weight_ih, weight_hh, ...) tp_gru_cell_opt(x, weight_ih, weight_hh, TP_RECURRENT_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_rnn_cell_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);
TP_API tp_tensor *tp_lstm_cell_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);
TP_API tp_tensor *tp_gru_cell_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, const tp_recurrent_options *);

/* Sequences (T_i, ...) one beside the other: (T, n, ...), or (n, T, ...), T the longest; the rest is value.  lengths NULL, or gets (n) of i64. */
TP_API tp_tensor *tp_pad_sequence(tp_tensor *const *sequences, int n, bool batch_first, double value, tp_tensor **lengths);

/* ---- Attention: softmax(scale q k' + mask) v (Vaswani et al. 2017), without the (T, S) matrix (Dao et al. 2022) --------- */

typedef struct tp_attention_options {
    size_t struct_size;
    tp_tensor *attn_mask;     /* broadcasts to (.., H, T, S): bool, true where a query may look, or numbers added to the scores */
    double dropout_p;         /* of the shares; 0 outside of training */
    bool is_causal;           /* query i sees keys 0 to i */
    double scale;             /* 1 / sqrt(D) */
    bool at_end;              /* the queries are the last of the keys: query i stands at length - T + i */
    tp_tensor *lengths;       /* (B) i64: the first so many keys are there; NULL: all */
    tp_tensor *prefix;        /* (B) i64, with is_causal: the first so many keys are seen by every query */
    tp_tensor *slopes;        /* (H): slope |key - query| is taken from the scores: ALiBi, Press et al. 2022 */
    int64_t window;           /* a query sees so many keys to each side, itself counted (Beltagy et al. 2020); 0: all */
} tp_attention_options;
#define TP_ATTENTION_OPTIONS_(...) (&(tp_attention_options){ .struct_size = sizeof(tp_attention_options), __VA_ARGS__ })

/* query (.., H, T, D), key (.., G, S, D), value (.., G, S, V) -> (.., H, T, V), H a multiple of G: as many query heads read the same keys
 * (grouped-query attention).  A query that sees nothing gives zeros. */
#define tp_scaled_dot_product_attention(query, key, value, ...) \
    tp_scaled_dot_product_attention_opt(query, key, value, TP_ATTENTION_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_scaled_dot_product_attention_opt(tp_tensor *query, tp_tensor *key, tp_tensor *value, const tp_attention_options *);

/* The same of what one product made: x (B, T, (heads + 2 kv_heads) D), queries, then keys, then values -> (B, T, heads D) */
#define tp_packed_attention(x, heads, kv_heads, ...) tp_packed_attention_opt(x, heads, kv_heads, TP_ATTENTION_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_packed_attention_opt(tp_tensor *x, int64_t heads, int64_t kv_heads, const tp_attention_options *);

typedef struct tp_rope_options {
    size_t struct_size;
    int64_t heads;            /* the first so many are turned; 0: all */
    bool adjacent;            /* pairs are numbers 2 i and 2 i + 1, else i and i + half */
    tp_tensor *places;        /* (B) i64: of the first token; NULL: 0 */
} tp_rope_options;
#define TP_ROPE_OPTIONS_(...) (&(tp_rope_options){ .struct_size = sizeof(tp_rope_options), __VA_ARGS__ })

/* RoPE (Su et al. 2021): x (B, T, heads x width), pairs (u, v) of token t become (u cos - v sin, v cos + u sin) by row t of cosines and
 * sines (places, half), 2 half <= width; the rest of a head stays. */
#define tp_rope(x, cosines, sines, width, ...) tp_rope_opt(x, cosines, sines, width, TP_ROPE_OPTIONS_(__VA_ARGS__))
#define tp_rope_(x, cosines, sines, width, ...) tp_rope_opt_(x, cosines, sines, width, TP_ROPE_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_rope_opt(tp_tensor *x, tp_tensor *cosines, tp_tensor *sines, int64_t width, const tp_rope_options *);
TP_API tp_tensor *tp_rope_opt_(tp_tensor *x, tp_tensor *cosines, tp_tensor *sines, int64_t width, const tp_rope_options *);

/* x (.., 2 F), its halves u and v: f(u) v (Shazeer 2020) */
TP_API tp_tensor *tp_swiglu(tp_tensor *); /* f = silu */
TP_API tp_tensor *tp_geglu(tp_tensor *);  /* f = gelu */
TP_API tp_tensor *tp_geglu_tanh(tp_tensor *); /* f = gelu by tanh, Gemma's */
TP_API tp_tensor *tp_reglu(tp_tensor *);  /* f = relu */

/* ---- Softmax and losses ----------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_softmax(tp_tensor *, int dim);     /* exp(x_i) / sum_j exp(x_j) */
TP_API tp_tensor *tp_log_softmax(tp_tensor *, int dim);
TP_API tp_tensor *tp_softmin(tp_tensor *, int dim);     /* softmax(-x) */

/* y = x mask / (1 - p), mask ~ Bernoulli(1 - p); x itself when not training or p = 0.  Draws one stream. */
TP_API tp_tensor *tp_dropout(tp_tensor *, double p, bool training);
TP_API tp_tensor *tp_dropout2d(tp_tensor *, double p, bool training); /* (N, C, ...): whole channels of an example */

typedef enum tp_reduction { TP_MEAN, TP_SUM, TP_NONE, TP_BATCHMEAN } tp_reduction; /* the last: sum / N, for tp_kl_div */

typedef struct tp_mse_options {
    size_t struct_size;
    tp_reduction reduction; /* mean */
    bool half;              /* J = 1/(2n) sum (y - y^)^2 instead of 1/n */
} tp_mse_options;
#define tp_mse_loss(input, target, ...) \
    tp_mse_loss_opt(input, target, &(tp_mse_options){ .struct_size = sizeof(tp_mse_options), __VA_ARGS__ })
TP_API tp_tensor *tp_mse_loss_opt(tp_tensor *input, tp_tensor *target, const tp_mse_options *);

typedef struct tp_cross_entropy_options {
    size_t struct_size;
    tp_reduction reduction;  /* mean: over the weights of the targets that are not ignored */
    tp_tensor *weight;       /* (C), one weight a class */
    double label_smoothing;  /* in [0, 1] */
    int64_t ignore_index;    /* a target that does not count; 0 means PyTorch's -100.  With use_ignore_zero: class 0 */
    bool ignore_zero;        /* ignore class 0 */
} tp_cross_entropy_options;

/* -log softmax(logits)[target].  logits (N, C) or (N, C, ...); target: class indices (N, ...) of an integer type,
 * or probabilities of the logits' shape. */
#define tp_cross_entropy(logits, target, ...) \
    tp_cross_entropy_opt(logits, target, &(tp_cross_entropy_options){ .struct_size = sizeof(tp_cross_entropy_options), __VA_ARGS__ })
TP_API tp_tensor *tp_cross_entropy_opt(tp_tensor *logits, tp_tensor *target, const tp_cross_entropy_options *);

/* The mean of cross_entropy(input linear_weight' + linear_bias, target) over the targets that are not ignore_index (PyTorch's is -100),
 * without the logits of all rows at once: input (N, D), linear_weight (C, D), target (N), linear_bias (C) or NULL.  Other forms that
 * PyTorch has are made by those two. */
TP_API tp_tensor *tp_linear_cross_entropy(tp_tensor *input, tp_tensor *linear_weight, tp_tensor *target, tp_tensor *linear_bias, int64_t ignore_index);
/* The same of rows alone; *correct, i64 (): how many rows have their largest logit, the first of equals, at the target. */
TP_API tp_tensor *tp_linear_cross_entropy_correct(tp_tensor *input, tp_tensor *linear_weight, tp_tensor *target, tp_tensor *linear_bias,
                                                  int64_t ignore_index, tp_tensor **correct);

typedef struct tp_bce_options {
    size_t struct_size;
    tp_reduction reduction;
    tp_tensor *weight;     /* broadcasts to the input */
    tp_tensor *pos_weight; /* (C), weight of the positive examples of each label */
} tp_bce_options;

/* Many labels: -[p y log sigmoid(x) + (1 - y) log(1 - sigmoid(x))], target in [0, 1], input's shape */
#define tp_binary_cross_entropy_with_logits(logits, target, ...) \
    tp_binary_cross_entropy_with_logits_opt(logits, target, &(tp_bce_options){ .struct_size = sizeof(tp_bce_options), __VA_ARGS__ })
TP_API tp_tensor *tp_binary_cross_entropy_with_logits_opt(tp_tensor *logits, tp_tensor *target, const tp_bce_options *);

/* The same of probabilities x in (0, 1); logarithms are at least -100, as in PyTorch. */
#define tp_binary_cross_entropy(input, target, ...) \
    tp_binary_cross_entropy_opt(input, target, &(tp_bce_options){ .struct_size = sizeof(tp_bce_options), __VA_ARGS__ })
TP_API tp_tensor *tp_binary_cross_entropy_opt(tp_tensor *input, tp_tensor *target, const tp_bce_options *);

/* -w[y] x[y]: cross_entropy of log probabilities.  Its options without label_smoothing. */
#define tp_nll_loss(logp, target, ...) \
    tp_nll_loss_opt(logp, target, &(tp_cross_entropy_options){ .struct_size = sizeof(tp_cross_entropy_options), __VA_ARGS__ })
TP_API tp_tensor *tp_nll_loss_opt(tp_tensor *logp, tp_tensor *target, const tp_cross_entropy_options *);

/* Differences d = |x - y| */
TP_API tp_tensor *tp_l1_loss(tp_tensor *x, tp_tensor *y, tp_reduction);                     /* d */
TP_API tp_tensor *tp_smooth_l1_loss(tp_tensor *x, tp_tensor *y, double beta, tp_reduction); /* d < beta ? d^2 / (2 beta) : d - beta / 2 */
TP_API tp_tensor *tp_huber_loss(tp_tensor *x, tp_tensor *y, double delta, tp_reduction);    /* d <= delta ? d^2 / 2 : delta (d - delta / 2) */

/* Margins; targets y are 1 or -1 */
TP_API tp_tensor *tp_hinge_embedding_loss(tp_tensor *x, tp_tensor *y, double margin, tp_reduction);                       /* y = 1: x; -1: max(margin - x, 0) */
TP_API tp_tensor *tp_margin_ranking_loss(tp_tensor *x1, tp_tensor *x2, tp_tensor *y, double margin, tp_reduction);        /* max(-y (x1 - x2) + margin, 0) */
TP_API tp_tensor *tp_soft_margin_loss(tp_tensor *x, tp_tensor *y, tp_reduction);                                          /* ln(1 + exp(-y x)) */
TP_API tp_tensor *tp_cosine_embedding_loss(tp_tensor *x1, tp_tensor *x2, tp_tensor *y, double margin, tp_reduction);      /* (N, D), (N, D), (N): y = 1: 1 - cos; -1: max(cos - margin, 0) */

typedef struct tp_triplet_options {
    size_t struct_size;
    tp_reduction reduction;
    double margin, p, eps; /* 1, 2, 1e-6 */
    bool swap;             /* the smaller of |a - n| and |p - n| */
} tp_triplet_options;
/* max(|a - p| - |a - n| + margin, 0), |.| the p-norm of the last dim */
#define tp_triplet_margin_loss(anchor, positive, negative, ...) \
    tp_triplet_margin_loss_opt(anchor, positive, negative, &(tp_triplet_options){ .struct_size = sizeof(tp_triplet_options), __VA_ARGS__ })
TP_API tp_tensor *tp_triplet_margin_loss_opt(tp_tensor *anchor, tp_tensor *positive, tp_tensor *negative, const tp_triplet_options *);

/* Densities */
TP_API tp_tensor *tp_kl_div(tp_tensor *x, tp_tensor *y, bool log_target, tp_reduction); /* y (ln y - x); log_target: e^y (y - x) */

typedef struct tp_nll_density_options {
    size_t struct_size;
    tp_reduction reduction;
    double eps;     /* Poisson 1e-8, Gauss 1e-6 */
    bool full;      /* with the terms that do not depend on x */
    bool not_log;   /* Poisson: x is the rate itself, not its logarithm */
} tp_nll_density_options;
#define TP_NLL_DENSITY_OPTIONS_(...) (&(tp_nll_density_options){ .struct_size = sizeof(tp_nll_density_options), __VA_ARGS__ })
#define tp_poisson_nll_loss(x, y, ...) tp_poisson_nll_loss_opt(x, y, TP_NLL_DENSITY_OPTIONS_(__VA_ARGS__))            /* e^x - y x */
#define tp_gaussian_nll_loss(x, y, var, ...) tp_gaussian_nll_loss_opt(x, y, var, TP_NLL_DENSITY_OPTIONS_(__VA_ARGS__)) /* (ln var + (x - y)^2 / var) / 2 */
TP_API tp_tensor *tp_poisson_nll_loss_opt(tp_tensor *x, tp_tensor *y, const tp_nll_density_options *);
TP_API tp_tensor *tp_gaussian_nll_loss_opt(tp_tensor *x, tp_tensor *y, tp_tensor *var, const tp_nll_density_options *);

#ifdef __cplusplus
}
#endif
#endif
