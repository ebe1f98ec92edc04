/* taper/ops.h - the operations, by family.  This header is their manual.
 *
 * Every function here returns a new tensor that belongs to the innermost scope (a view where it says so),
 * or NULL with a pending error.  Each has a gradient unless it says "no gradient", and that gradient has one too.
 * Where two tensors meet they broadcast from the right and promote as in PyTorch; numbers stand for tensors:
 * tp_mul(x, 2).  A dim may be negative.  Layer: ops.  Read next: nn.h. */
#ifndef TAPER_OPS_H
#define TAPER_OPS_H

#include <taper/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Creation: contiguous, f32 unless .dtype says otherwise; .requires_grad makes a leaf ---------------- */

#define tp_empty(shape, ...) tp_empty_opt(shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_zeros(shape, ...) tp_full_opt(shape, 0, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_ones(shape, ...) tp_full_opt(shape, 1, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_full(shape, value, ...) tp_full_opt(shape, value, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_eye(n, m, ...) tp_eye_opt(n, m, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_arange(start, end, step, ...) tp_arange_opt(start, end, step, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_linspace(start, end, steps, ...) tp_linspace_opt(start, end, steps, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_logspace(start, end, steps, base, ...) tp_logspace_opt(start, end, steps, base, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_rand(shape, ...) tp_uniform_opt(0, 1, shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_uniform(low, high, shape, ...) tp_uniform_opt(low, high, shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_randn(shape, ...) tp_normal_opt(0, 1, shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_normal(mean, std, shape, ...) tp_normal_opt(mean, std, shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))
#define tp_exponential(lambd, shape, ...) tp_exponential_opt(lambd, shape, TP_TENSOR_OPTIONS_(__VA_ARGS__))

TP_API tp_tensor *tp_empty_opt(tp_shape, const tp_tensor_options *);
TP_API tp_tensor *tp_full_opt(tp_shape, double value, const tp_tensor_options *);
TP_API tp_tensor *tp_eye_opt(int64_t rows, int64_t cols, const tp_tensor_options *);
TP_API tp_tensor *tp_arange_opt(double start, double end, double step, const tp_tensor_options *);    /* [start, end) */
TP_API tp_tensor *tp_linspace_opt(double start, double end, int64_t steps, const tp_tensor_options *); /* both ends */
TP_API tp_tensor *tp_logspace_opt(double start, double end, int64_t steps, double base, const tp_tensor_options *);
TP_API tp_tensor *tp_uniform_opt(double low, double high, tp_shape, const tp_tensor_options *);       /* [low, high) */
TP_API tp_tensor *tp_normal_opt(double mean, double std, tp_shape, const tp_tensor_options *);
TP_API tp_tensor *tp_exponential_opt(double lambd, tp_shape, const tp_tensor_options *);               /* density lambd exp(-lambd y) */
TP_API tp_tensor *tp_randint(int64_t low, int64_t high, tp_shape);                                    /* [low, high), i64; every one equally likely */
TP_API tp_tensor *tp_randint_of(int64_t low, int64_t high, tp_shape, tp_dtype);
TP_API tp_tensor *tp_randperm(int64_t n);                                                             /* of 0 .. n-1, i64 */
TP_API tp_tensor *tp_bernoulli(tp_tensor *p);                                                         /* 1 with probability p, else 0; of p's type */
TP_API tp_tensor *tp_poisson(tp_tensor *rate);
TP_API tp_tensor *tp_normal_around(tp_tensor *mean, tp_tensor *std);                                  /* torch.normal of two tensors; they broadcast */
TP_API tp_tensor *tp_multinomial(tp_tensor *weights, int64_t n, bool replacement);                    /* n places of each row of (C,) or (N, C), i64 */

TP_API tp_tensor *tp_rng_state_tensor(void);                     /* tp_rng_state as 16 bytes (u8), for files */
TP_API tp_status tp_set_rng_state_tensor(const tp_tensor *);

TP_API tp_tensor *tp_empty_like(const tp_tensor *);
TP_API tp_tensor *tp_zeros_like(const tp_tensor *);
TP_API tp_tensor *tp_ones_like(const tp_tensor *);
TP_API tp_tensor *tp_full_like(const tp_tensor *, double value);
TP_API tp_tensor *tp_rand_like(const tp_tensor *);
TP_API tp_tensor *tp_randn_like(const tp_tensor *);
TP_API tp_tensor *tp_randint_like(const tp_tensor *, int64_t low, int64_t high);

/* ---- Copies, casts, in-place filling ---------------------------------------------------------------- */

TP_API tp_tensor *tp_clone(tp_tensor *);      /* new memory, same strides where dense */
TP_API tp_tensor *tp_contiguous(tp_tensor *); /* itself if it is, else a row-major copy */
TP_API tp_tensor *tp_to(tp_tensor *, tp_dtype);
TP_API tp_tensor *tp_float(tp_tensor *);
TP_API tp_tensor *tp_double(tp_tensor *);
TP_API tp_tensor *tp_int(tp_tensor *);
TP_API tp_tensor *tp_long(tp_tensor *);
TP_API tp_tensor *tp_bool(tp_tensor *);
TP_API tp_tensor *tp_half(tp_tensor *);
TP_API tp_tensor *tp_bfloat16(tp_tensor *);

TP_API tp_tensor *tp_copy_(tp_tensor *dst, tp_tensor *src); /* src broadcasts and converts into dst; returns dst */
TP_API tp_tensor *tp_fill_(tp_tensor *, double value);
TP_API tp_tensor *tp_zero_(tp_tensor *);
TP_API tp_tensor *tp_uniform_(tp_tensor *, double low, double high);
TP_API tp_tensor *tp_normal_(tp_tensor *, double mean, double std);
TP_API tp_tensor *tp_exponential_(tp_tensor *, double lambd);
TP_API tp_tensor *tp_bernoulli_(tp_tensor *, double p);
TP_API tp_tensor *tp_random_(tp_tensor *, int64_t low, int64_t high); /* [low, high); 0, 0: from 0 to the largest that the type holds exactly */
TP_API tp_tensor *tp_add_(tp_tensor *x, tp_tensor *y); /* x += y; y broadcasts to x */
TP_API tp_tensor *tp_sub_(tp_tensor *x, tp_tensor *y);
TP_API tp_tensor *tp_mul_(tp_tensor *x, tp_tensor *y);
TP_API tp_tensor *tp_div_(tp_tensor *x, tp_tensor *y);

/* ---- Element-wise, one operand: y = f(x), x's shape; integers become floats where f needs it ------------- */

TP_API tp_tensor *tp_neg(tp_tensor *);
TP_API tp_tensor *tp_abs(tp_tensor *);
TP_API tp_tensor *tp_sign(tp_tensor *);
TP_API tp_tensor *tp_exp(tp_tensor *);
TP_API tp_tensor *tp_expm1(tp_tensor *);
TP_API tp_tensor *tp_log(tp_tensor *);
TP_API tp_tensor *tp_log1p(tp_tensor *);
TP_API tp_tensor *tp_sqrt(tp_tensor *);
TP_API tp_tensor *tp_rsqrt(tp_tensor *);      /* 1 / sqrt(x) */
TP_API tp_tensor *tp_square(tp_tensor *);
TP_API tp_tensor *tp_reciprocal(tp_tensor *);
TP_API tp_tensor *tp_sin(tp_tensor *);
TP_API tp_tensor *tp_cos(tp_tensor *);
TP_API tp_tensor *tp_erf(tp_tensor *);
TP_API tp_tensor *tp_floor(tp_tensor *);      /* gradient 0 */
TP_API tp_tensor *tp_ceil(tp_tensor *);
TP_API tp_tensor *tp_round(tp_tensor *);      /* halves to even */
TP_API tp_tensor *tp_clamp(tp_tensor *, double low, double high); /* min(max(x, low), high); -INFINITY, INFINITY: no bound */
TP_API tp_tensor *tp_logical_not(tp_tensor *); /* bool; no gradient */

/* Activations (SPEC: docs/activations.md has their table) */
TP_API tp_tensor *tp_sigmoid(tp_tensor *);     /* 1 / (1 + exp(-x)) */
TP_API tp_tensor *tp_tanh(tp_tensor *);
TP_API tp_tensor *tp_relu(tp_tensor *);        /* max(x, 0); gradient 0 at 0 */
TP_API tp_tensor *tp_leaky_relu(tp_tensor *, double negative_slope); /* x > 0 ? x : slope x; PyTorch's slope is 0.01 */
TP_API tp_tensor *tp_gelu(tp_tensor *);        /* x Phi(x), exact (erf) */
TP_API tp_tensor *tp_gelu_tanh(tp_tensor *);   /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
TP_API tp_tensor *tp_silu(tp_tensor *);        /* x sigmoid(x) */
TP_API tp_tensor *tp_softplus(tp_tensor *);    /* log(1 + exp(x)), x itself above 20 */

/* ---- Element-wise, two operands: shapes broadcast, types promote ------------------------------------------ */

TP_API tp_tensor *tp_add(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_sub(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_mul(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_div(tp_tensor *, tp_tensor *); /* true division: integers give f32 */
TP_API tp_tensor *tp_pow(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_maximum(tp_tensor *, tp_tensor *); /* gradient split evenly where equal, as PyTorch */
TP_API tp_tensor *tp_minimum(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_eq(tp_tensor *, tp_tensor *); /* comparisons give bool; no gradient */
TP_API tp_tensor *tp_ne(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_lt(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_le(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_gt(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_ge(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_logical_and(tp_tensor *, tp_tensor *); /* bool; no gradient */
TP_API tp_tensor *tp_logical_or(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_logical_xor(tp_tensor *, tp_tensor *);

TP_API tp_tensor *tp_where(tp_tensor *condition, tp_tensor *x, tp_tensor *y);      /* condition ? x : y */
TP_API tp_tensor *tp_masked_fill(tp_tensor *x, tp_tensor *mask, double value);    /* mask ? value : x */

/* ---- Reductions over the dims of a shape: TP_SHAPE(0, 2); TP_ALL_DIMS for all of them ---------------------- */

#define TP_ALL_DIMS TP_SHAPE()

TP_API tp_tensor *tp_sum(tp_tensor *, tp_shape dims, bool keepdim);  /* integers sum in i64 */
TP_API tp_tensor *tp_mean(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_prod(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_amax(tp_tensor *, tp_shape dims, bool keepdim); /* gradient split evenly between equals */
TP_API tp_tensor *tp_amin(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_any(tp_tensor *, tp_shape dims, bool keepdim);  /* bool; no gradient */
TP_API tp_tensor *tp_all(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_var(tp_tensor *, tp_shape dims, int64_t correction, bool keepdim); /* 1: sample, 0: population */
TP_API tp_tensor *tp_std(tp_tensor *, tp_shape dims, int64_t correction, bool keepdim);
TP_API tp_tensor *tp_norm(tp_tensor *, double p, tp_shape dims, bool keepdim);          /* (sum |x|^p)^(1/p); INFINITY: max |x| */
TP_API tp_tensor *tp_logsumexp(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_max(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);      /* first of equals; indices i64 or NULL */
TP_API tp_tensor *tp_min(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);
TP_API tp_tensor *tp_argmax(tp_tensor *, int dim, bool keepdim); /* i64; no gradient */
TP_API tp_tensor *tp_argmin(tp_tensor *, int dim, bool keepdim);

/* ---- Products: both operands of one dtype, not bool; f16 and bf16 are summed in f32, integers wrap ------------ */

/* (..., M, K) x (..., K, N) -> (..., M, N), batch dims broadcast; a vector on the left is a row, on the right a
 * column, and its dim is dropped, as torch.matmul. */
TP_API tp_tensor *tp_matmul(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_mm(tp_tensor *, tp_tensor *);    /* (M, K) x (K, N) */
TP_API tp_tensor *tp_bmm(tp_tensor *, tp_tensor *);   /* (B, M, K) x (B, K, N) */
TP_API tp_tensor *tp_mv(tp_tensor *, tp_tensor *);    /* (M, K) x (K) */
TP_API tp_tensor *tp_dot(tp_tensor *, tp_tensor *);   /* (K) x (K) -> () */
TP_API tp_tensor *tp_vdot(tp_tensor *, tp_tensor *);  /* the same */
TP_API tp_tensor *tp_inner(tp_tensor *, tp_tensor *); /* (I.., K) x (J.., K) -> (I.., J..); a scalar scales */
TP_API tp_tensor *tp_outer(tp_tensor *, tp_tensor *); /* (M) x (N) -> (M, N) */

/* Sums of products by index letters, as torch.einsum: "bij,bjk->bik", "ii" (trace), "ii->i" (diagonal), "i,j->ij".
 * A letter that the output lacks is summed over; without "->" the output is every letter that stands once, in alphabetical
 * order (A-Z before a-z), after the dims of "...", which broadcast.  Sizes of 1 broadcast.  An order of low cost is
 * chosen for more than two operands. */
TP_API tp_tensor *tp_einsum(const char *equation, tp_tensor *const *tensors, int n);

TP_API tp_tensor *tp_tensordot(tp_tensor *x, tp_tensor *y, tp_shape dims_x, tp_shape dims_y); /* sum over pairs of dims */
TP_API tp_tensor *tp_kron(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_cross(tp_tensor *, tp_tensor *, int dim);          /* of size 3; TP_NO_DIM: the first that is */
TP_API tp_tensor *tp_matrix_power(tp_tensor *, int64_t n);              /* n >= 0 */
TP_API tp_tensor *tp_multi_dot(tp_tensor *const *matrices, int n);      /* in the cheapest order */

/* y = x W^T + b:  x (..., in), weight (out, in), bias (out) or NULL -> (..., out) */
TP_API tp_tensor *tp_linear(tp_tensor *x, tp_tensor *weight, tp_tensor *bias);
/* y_o = sum_ij x1_i W_oij x2_j + b_o:  x1 (..., I), x2 (..., J), weight (O, I, J), bias (O) or NULL -> (..., O) */
TP_API tp_tensor *tp_bilinear(tp_tensor *x1, tp_tensor *x2, tp_tensor *weight, tp_tensor *bias);

/* beta input + alpha (the product); input broadcasts; with beta 0 it does not count, even where it is NaN */
TP_API tp_tensor *tp_addmm(tp_tensor *input, tp_tensor *mat1, tp_tensor *mat2, double beta, double alpha);
TP_API tp_tensor *tp_addmv(tp_tensor *input, tp_tensor *mat, tp_tensor *vec, double beta, double alpha);
TP_API tp_tensor *tp_addbmm(tp_tensor *input, tp_tensor *batch1, tp_tensor *batch2, double beta, double alpha); /* summed over the batch */
TP_API tp_tensor *tp_baddbmm(tp_tensor *input, tp_tensor *batch1, tp_tensor *batch2, double beta, double alpha);
TP_API tp_tensor *tp_addr(tp_tensor *input, tp_tensor *vec1, tp_tensor *vec2, double beta, double alpha);       /* vec1 outer vec2 */

TP_API tp_tensor *tp_normalize(tp_tensor *, double p, int dim, double eps);           /* x / max(|x|_p, eps); PyTorch's: 2, 1, 1e-12 */
TP_API tp_tensor *tp_pairwise_distance(tp_tensor *, tp_tensor *, double p, double eps, bool keepdim); /* |x - y + eps|_p of the last dim; 2, 1e-6 */
TP_API tp_tensor *tp_cosine_similarity(tp_tensor *, tp_tensor *, int dim, double eps); /* 1, 1e-8 */
TP_API tp_tensor *tp_cdist(tp_tensor *, tp_tensor *, double p);                        /* (.., P, M), (.., R, M) -> (.., P, R) */

/* ---- Views: the same storage in another shape -------------------------------------------------------------- */

TP_API tp_tensor *tp_view(tp_tensor *, tp_shape);    /* never copies; one dim may be -1; says why where strides forbid it */
TP_API tp_tensor *tp_reshape(tp_tensor *, tp_shape); /* a view where one is possible, else a copy */
TP_API tp_tensor *tp_flatten(tp_tensor *, int start_dim, int end_dim);       /* as reshape */
TP_API tp_tensor *tp_unflatten(tp_tensor *, int dim, tp_shape sizes);        /* one of the sizes may be -1 */
TP_API tp_tensor *tp_ravel(tp_tensor *);                                     /* as reshape, to one dim */
TP_API tp_tensor *tp_view_as(tp_tensor *, tp_tensor *other);
TP_API tp_tensor *tp_squeeze(tp_tensor *, int dim);            /* without that dim if its size is 1 */
TP_API tp_tensor *tp_squeeze_dims(tp_tensor *, tp_shape dims); /* without those of size 1; TP_ALL_DIMS: without any of size 1 */
TP_API tp_tensor *tp_unsqueeze(tp_tensor *, int dim);
TP_API tp_tensor *tp_permute(tp_tensor *, tp_shape dims);
TP_API tp_tensor *tp_transpose(tp_tensor *, int dim0, int dim1); /* torch's swapaxes too */
TP_API tp_tensor *tp_t(tp_tensor *);                             /* of at most 2 dims */
TP_API tp_tensor *tp_movedim(tp_tensor *, tp_shape source, tp_shape destination);
TP_API tp_tensor *tp_expand(tp_tensor *, tp_shape);              /* stride 0; -1 keeps a size */
TP_API tp_tensor *tp_expand_as(tp_tensor *, tp_tensor *other);
TP_API tp_tensor *tp_broadcast_to(tp_tensor *, tp_shape size);   /* the same as expand */
TP_API tp_status tp_broadcast_tensors(tp_tensor *const *tensors, int n, tp_tensor **out);
TP_API tp_tensor *tp_slice(tp_tensor *, int dim, int64_t start, int64_t end, int64_t step); /* x[start:end:step], step > 0 */
TP_API tp_tensor *tp_narrow(tp_tensor *, int dim, int64_t start, int64_t length);
TP_API tp_tensor *tp_select(tp_tensor *, int dim, int64_t index); /* without that dim */

/* Several parts at once, at most TP_MAX_PARTS; parts has room for as many as come. */
TP_API tp_status tp_split(tp_tensor *, int64_t size, int dim, tp_tensor **parts, int n); /* of size each, the last one smaller; n of them */
TP_API tp_status tp_split_sizes(tp_tensor *, tp_shape sizes, int dim, tp_tensor **parts);
TP_API tp_status tp_chunk(tp_tensor *, int chunks, int dim, tp_tensor **parts, int *n);  /* at most chunks of equal size; *n: how many */
TP_API tp_status tp_tensor_split(tp_tensor *, int64_t sections, int dim, tp_tensor **parts);      /* sections of nearly equal size */
TP_API tp_status tp_tensor_split_at(tp_tensor *, tp_shape indices, int dim, tp_tensor **parts);   /* cut at indices: one part more */
TP_API tp_status tp_unbind(tp_tensor *, int dim, tp_tensor **parts);                              /* every select of dim */

TP_API tp_tensor *tp_diagonal(tp_tensor *, int64_t offset, int dim1, int dim2);       /* offset 0, dims 0 and 1 in PyTorch; the diagonal is the last dim */
TP_API tp_tensor *tp_unfold(tp_tensor *, int dimension, int64_t size, int64_t step);  /* windows: a dim more, of size; Tensor.unfold */
TP_API tp_tensor *tp_as_strided(tp_tensor *, tp_shape size, tp_shape stride, int64_t storage_offset); /* TP_NO_DIM: x's own offset */

/* ---- Joining, repeating, borders: copies -------------------------------------------------------------------- */

TP_API tp_tensor *tp_cat(tp_tensor *const *tensors, int n, int dim); /* a tensor of shape (0,) joins anything */
TP_API tp_tensor *tp_stack(tp_tensor *const *tensors, int n, int dim);
TP_API tp_tensor *tp_hstack(tp_tensor *const *tensors, int n);
TP_API tp_tensor *tp_vstack(tp_tensor *const *tensors, int n);
TP_API tp_tensor *tp_dstack(tp_tensor *const *tensors, int n);
TP_API tp_tensor *tp_column_stack(tp_tensor *const *tensors, int n);
TP_API tp_tensor *tp_block_diag(tp_tensor *const *tensors, int n);
TP_API tp_status tp_meshgrid(tp_tensor *const *tensors, int n, bool xy, tp_tensor **out); /* views; xy: the first two dims change places */
TP_API tp_tensor *tp_cartesian_prod(tp_tensor *const *tensors, int n);
TP_API tp_tensor *tp_repeat(tp_tensor *, tp_shape times);     /* as Tensor.repeat: a count a dim, more in front */
TP_API tp_tensor *tp_tile(tp_tensor *, tp_shape dims);        /* as numpy.tile: counts from the last dim */
TP_API tp_tensor *tp_repeat_interleave(tp_tensor *, int64_t repeats, int dim);              /* TP_NO_DIM: of all elements as a vector */
TP_API tp_tensor *tp_repeat_interleave_by(tp_tensor *, tp_tensor *repeats, int dim);        /* a count an element, integers */
TP_API tp_tensor *tp_flip(tp_tensor *, tp_shape dims);
TP_API tp_tensor *tp_fliplr(tp_tensor *);
TP_API tp_tensor *tp_flipud(tp_tensor *);
TP_API tp_tensor *tp_rot90(tp_tensor *, int64_t k, tp_shape dims);        /* dims (0, 1) in PyTorch */
TP_API tp_tensor *tp_roll(tp_tensor *, tp_shape shifts, tp_shape dims);   /* no dims: one shift, of all elements as a vector */
TP_API tp_tensor *tp_pad(tp_tensor *, tp_shape before, tp_shape after, double value); /* one entry per dim; negative crops */

/* As torch.nn.functional.pad: {before, after} of the last dim, then of the one before it ...; negative crops. */
typedef enum tp_pad_mode { TP_PAD_CONSTANT, TP_PAD_REFLECT, TP_PAD_REPLICATE, TP_PAD_CIRCULAR } tp_pad_mode;
TP_API tp_tensor *tp_pad_last(tp_tensor *, tp_shape pad, tp_pad_mode, double value);

TP_API tp_tensor *tp_pixel_shuffle(tp_tensor *, int64_t upscale_factor);     /* (.., C r^2, H, W) -> (.., C, H r, W r) */
TP_API tp_tensor *tp_pixel_unshuffle(tp_tensor *, int64_t downscale_factor); /* and back */

/* ---- Diagonals, triangles, parts replaced: copies ------------------------------------------------------------- */

TP_API tp_tensor *tp_diag(tp_tensor *, int64_t diagonal); /* a vector makes a matrix, a matrix gives its diagonal */
TP_API tp_tensor *tp_diag_embed(tp_tensor *, int64_t offset, int dim1, int dim2); /* 0, -2, -1 in PyTorch */
TP_API tp_tensor *tp_trace(tp_tensor *);
TP_API tp_tensor *tp_tril(tp_tensor *, int64_t diagonal); /* 0 where j > i + diagonal */
TP_API tp_tensor *tp_triu(tp_tensor *, int64_t diagonal); /* 0 where j < i + diagonal */
TP_API tp_tensor *tp_diagonal_scatter(tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2);
TP_API tp_tensor *tp_select_scatter(tp_tensor *x, tp_tensor *src, int dim, int64_t index);
TP_API tp_tensor *tp_slice_scatter(tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t end, int64_t step);
TP_API tp_tensor *tp_as_strided_scatter(tp_tensor *x, tp_tensor *src, tp_shape size, tp_shape stride, int64_t storage_offset); /* strides of x as if contiguous */

/* ---- Indexing ------------------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_gather(tp_tensor *, int dim, tp_tensor *index);       /* y[i][j] = x[index[i][j]][j] for dim 0 */
TP_API tp_tensor *tp_scatter_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src); /* x with src added at index */
TP_API tp_tensor *tp_index_select(tp_tensor *, int dim, tp_tensor *index); /* index: 1-d integers */
TP_API tp_tensor *tp_one_hot(tp_tensor *labels, int64_t classes);          /* i64 (..., classes); no gradient */

/* ---- Convolution and pooling: images (N, C, H, W); results are channels-last in memory --------------------
 *
 * Output size: (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1.  A pair that is given as {0, 0} means its default. */

typedef struct tp_conv2d_options {
    size_t struct_size;
    int64_t stride, padding, dilation, groups;               /* 1, 0, 1, 1 */
    int64_t stride_hw[2], padding_hw[2], dilation_hw[2];     /* given: instead of the single number, {height, width} */
    tp_tensor *bias;                                         /* (K) or NULL; for tp_conv2d */
    bool no_bias;                                            /* for tp_nn_conv2d */
    int64_t kernel_hw[2];                                    /* for tp_nn_conv2d: instead of its square kernel */
} tp_conv2d_options;
#define TP_CONV2D_OPTIONS_(...) (&(tp_conv2d_options){ .struct_size = sizeof(tp_conv2d_options), __VA_ARGS__ })

/* y[n,k,i,j] = b[k] + sum_{c,p,q} w[k,c,p,q] x[n, c, i stride + p dilation - padding, j stride + q dilation - padding]
 * x (N, C, H, W), weight (K, C / groups, kernel, kernel) -> (N, K, H', W') */
#define tp_conv2d(x, weight, ...) tp_conv2d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_conv2d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

/* The same for (N, C, L) and weight (K, C / groups, kernel) */
#define tp_conv1d(x, weight, ...) tp_conv1d_opt(x, weight, TP_CONV2D_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_conv1d_opt(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *);

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

/* ---- Softmax and losses ----------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_softmax(tp_tensor *, int dim);     /* exp(x_i) / sum_j exp(x_j) */
TP_API tp_tensor *tp_log_softmax(tp_tensor *, int dim);
TP_API tp_tensor *tp_softmin(tp_tensor *, int dim);     /* softmax(-x) */

/* y = x mask / (1 - p), mask ~ Bernoulli(1 - p); x itself when not training or p = 0.  Draws one stream. */
TP_API tp_tensor *tp_dropout(tp_tensor *, double p, bool training);

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

/* ---- The table of operations --------------------------------------------------------------------------- */

TP_API int tp_op_count(void);
TP_API const tp_op *tp_op_at(int);
TP_API const char *tp_op_family(int);        /* "Reductions", ...: neighbours in the table share it */
TP_API const tp_op *tp_op_find(const char *name); /* NULL, without an error, if there is none */

/* ---- C numbers as operands: tp_add(x, 1), tp_div(1.0, x) ------------------------------------------------ */
#ifndef __cplusplus
#define tp_add(x, y) (tp_add)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_sub(x, y) (tp_sub)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_mul(x, y) (tp_mul)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_div(x, y) (tp_div)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_pow(x, y) (tp_pow)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_maximum(x, y) (tp_maximum)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_minimum(x, y) (tp_minimum)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_eq(x, y) (tp_eq)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_ne(x, y) (tp_ne)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_lt(x, y) (tp_lt)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_le(x, y) (tp_le)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_gt(x, y) (tp_gt)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_ge(x, y) (tp_ge)(TP_OPERAND(x), TP_OPERAND(y))
#define tp_where(condition, x, y) (tp_where)(condition, TP_OPERAND(x), TP_OPERAND(y))
#define tp_add_(x, y) (tp_add_)(x, TP_OPERAND(y))
#define tp_sub_(x, y) (tp_sub_)(x, TP_OPERAND(y))
#define tp_mul_(x, y) (tp_mul_)(x, TP_OPERAND(y))
#define tp_div_(x, y) (tp_div_)(x, TP_OPERAND(y))
#endif

#ifdef __cplusplus
}
#endif
#endif
