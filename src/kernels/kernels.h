/* kernels.h - THE TABLE: every number that Taper computes in bulk goes through one of these slots.
 *
 * Raw buffers only; no tensor is known here.  ref/ fills every slot in plain C; isa/ is compiled once per
 * instruction set and overwrites what it does better; dispatch.c picks at start-up.
 * Layer: kernels.  Depends on base.  Read next: ref/ref.h, isa/simd.h, dispatch.c. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types that kernels compute in.  Every other dtype is converted to one of them a block at a time (ops/map.c):
 * f16 and bf16 to f32; i32, i16, i8, u8, bool to i64. */
typedef enum { KT_F32, KT_F64, KT_I64, KT_COUNT } kernel_type;

/* Types that memory holds, in tp_dtype's order. */
enum { STORED_TYPES = 10 };

/* y[i] = f(x[i]); p: up to two parameters.  KERNEL(name, in f32+f64 only? see KIND) */
#define UNARY_KERNELS(ROW)      \
    ROW(NEG, neg)               \
    ROW(ABS, abs)               \
    ROW(SIGN, sign)             \
    ROW(EXP, exp)               \
    ROW(EXPM1, expm1)           \
    ROW(LOG, log)               \
    ROW(LOG1P, log1p)           \
    ROW(SQRT, sqrt)             \
    ROW(RSQRT, rsqrt)           \
    ROW(SQUARE, square)         \
    ROW(RECIPROCAL, reciprocal) \
    ROW(SIN, sin)               \
    ROW(COS, cos)               \
    ROW(ERF, erf)               \
    ROW(FLOOR, floor)           \
    ROW(CEIL, ceil)             \
    ROW(ROUND, round)           \
    ROW(CLAMP, clamp)           \
    ROW(SIGMOID, sigmoid)       \
    ROW(TANH, tanh)             \
    ROW(RELU, relu)             \
    ROW(LEAKY_RELU, leaky_relu) \
    ROW(GELU, gelu)             \
    ROW(GELU_TANH, gelu_tanh)   \
    ROW(SILU, silu)             \
    ROW(SOFTPLUS, softplus)

/* y[i] = f(a[i], b[i]) */
#define BINARY_KERNELS(ROW)                                                     \
    ROW(ADD, add)                                                               \
    ROW(SUB, sub)                                                               \
    ROW(MUL, mul)                                                               \
    ROW(DIV, div)                                                               \
    ROW(POW, pow)                                                               \
    ROW(MAXIMUM, maximum)                                                       \
    ROW(MINIMUM, minimum)                                                       \
    ROW(SIGMOID_BACKWARD, sigmoid_backward) /* dy y (1 - y): a = dy, b = y */   \
    ROW(TANH_BACKWARD, tanh_backward)       /* dy (1 - y^2) */                  \
    ROW(RELU_BACKWARD, relu_backward)       /* b > 0 ? dy : 0; b = x or y */    \
    ROW(GELU_BACKWARD, gelu_backward)       /* dy (Phi(x) + x phi(x)); b = x */ \
    ROW(GELU_TANH_BACKWARD, gelu_tanh_backward)                                 \
    ROW(SILU_BACKWARD, silu_backward) /* b = x */

/* y[i] = a[i] ? b[i], as 0 or 1 in a byte */
#define COMPARE_KERNELS(ROW) \
    ROW(EQ, eq)              \
    ROW(NE, ne)              \
    ROW(LT, lt)              \
    ROW(LE, le)              \
    ROW(GT, gt)              \
    ROW(GE, ge)              \
    ROW(AND, and)            \
    ROW(OR, or)              \
    ROW(XOR, xor)

#define REDUCE_KERNELS(ROW) \
    ROW(SUM, sum)           \
    ROW(PROD, prod)         \
    ROW(AMAX, amax)         \
    ROW(AMIN, amin)

#define ROW(upper, lower) KERNEL_##upper,
typedef enum { UNARY_KERNELS(ROW) KERNEL_UNARY_COUNT } unary_kernel;
typedef enum { BINARY_KERNELS(ROW) KERNEL_BINARY_COUNT } binary_kernel;
typedef enum { COMPARE_KERNELS(ROW) KERNEL_COMPARE_COUNT } compare_kernel;
typedef enum { REDUCE_KERNELS(ROW) KERNEL_REDUCE_COUNT } reduce_kernel;
#undef ROW

typedef void unary_fn(void *y, const void *x, int64_t n, const double *p);

/* sa, sb: 1, or 0 for one value that stands for all n */
typedef void binary_fn(void *y, const void *a, int64_t sa, const void *b, int64_t sb, int64_t n);
typedef void where_fn(void *y, const uint8_t *c, int64_t sc, const void *a, int64_t sa, const void *b,
                      int64_t sb, int64_t n);

/* dst[i * ds] = (dst type) src[i * ss]; strides in elements.  Float to integer truncates; to bool: != 0 */
typedef void convert_fn(void *dst, int64_t ds, const void *src, int64_t ss, int64_t n);

/* dst[j * dst_row + i] = src[i * src_row + j], i < rows, j < cols */
typedef void transpose_fn(void *dst, int64_t dst_row, const void *src, int64_t src_row, int64_t rows,
                          int64_t cols);

/* Rows:    y[0] = reduce(x[0 .. n)): a tree fixed by n, never by the caller's threads.
 * Columns: y[c] = reduce over r of x[r * ld + c], c < cols; sequential in r. */
typedef void reduce_rows_fn(void *y, const void *x, int64_t n);
typedef void reduce_cols_fn(void *y, const void *x, int64_t rows, int64_t cols, int64_t ld);

/* index of the first largest (smallest) of x[i * stride]; a NaN counts as larger (smaller) than everything */
typedef int64_t arg_fn(const void *x, int64_t n, int64_t stride);

/* C (m, n) = A (m, k) B (k, n) [+ C] [+ bias (n)].  Any strides for A and B, in elements; C's columns are adjacent. */
typedef struct gemm_args {
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_col;
    const void *b;
    int64_t b_row, b_col;
    void *c;
    int64_t c_row;
    bool accumulate;  /* += instead of = */
    const void *bias; /* added to every row; NULL: none */
    void *scratch;    /* gemm_scratch(args) bytes, 64-byte aligned */
} gemm_args;

/* Images channels-last: x (N, H, W, C), y (N, OH, OW, K); weights as PyTorch stores them: w (K, C / groups, KH, KW). */
typedef struct conv_args {
    int64_t n, h, w, c, k, oh, ow;
    int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
    const void *x; /* forward, weight gradient: in;  data gradient: unused */
    const void *weight;
    const void *bias; /* (K) or NULL; forward only */
    const void *dy;   /* gradients: (N, OH, OW, K) */
    void *out;        /* forward: y;  data gradient: dx;  weight gradient: dw, laid out like w */
    void *scratch;
} conv_args;

typedef struct pool_args { /* one image: x (H, W, C) -> y (OH, OW, C) */
    int64_t h, w, c, oh, ow;
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool ceil_mode, exclude_pad;
} pool_args;

typedef struct sgd_args {
    double lr, momentum, dampening, weight_decay, grad_scale;
    bool nesterov, averaging, first, maximize;
} sgd_args;
typedef struct adam_args {
    double lr, beta1, beta2, eps, weight_decay, correction1, correction2;
    bool decoupled, amsgrad;
} adam_args;
typedef struct rmsprop_args {
    double lr, alpha, eps, weight_decay, momentum;
    bool centered;
} rmsprop_args;
typedef struct adagrad_args {
    double lr, eps, weight_decay;
} adagrad_args; /* lr already divided by 1 + (t-1) lr_decay */

/* [0] softmax, [1] log_softmax.  Backward: y (dy - sum dy y), dy - exp(y) sum dy.
 * Rows: one, of n.  Columns: cols side by side, of n elements each, the next element ld further. */
typedef struct softmax_kernels {
    void (*rows[2])(void *y, const void *x, int64_t n);
    void (*rows_backward[2])(void *dx, const void *dy, const void *y, int64_t n);
    void (*cols[2])(void *y, const void *x, int64_t n, int64_t cols, int64_t ld);
    void (*cols_backward[2])(void *dx, const void *dy, const void *y, int64_t n, int64_t cols, int64_t ld);
} softmax_kernels;

typedef struct kernel_table {
    const char *isa;

    unary_fn *unary[KERNEL_UNARY_COUNT][KT_COUNT]; /* NULL where the type makes no sense (exp of i64) */
    binary_fn *binary[KERNEL_BINARY_COUNT][KT_COUNT];
    binary_fn *compare[KERNEL_COMPARE_COUNT][KT_COUNT];
    where_fn *where[KT_COUNT];
    convert_fn *convert[STORED_TYPES][STORED_TYPES]; /* [dst][src] */

    convert_fn *move[4]; /* elements of 1, 2, 4, 8 bytes as they are; ss may be negative */
    transpose_fn *transpose[4];

    reduce_rows_fn *reduce_rows[KERNEL_REDUCE_COUNT][KT_COUNT];
    reduce_cols_fn *reduce_cols[KERNEL_REDUCE_COUNT][KT_COUNT];
    arg_fn *argmax[KT_COUNT], *argmin[KT_COUNT];

    /* gemm and conv split their own work over threads (base/parallel.h); the rest is called from inside a split. */
    void (*gemm[KT_COUNT])(const gemm_args *); /* integers wrap */
    size_t (*gemm_scratch[KT_COUNT])(const gemm_args *);

    /* From here on: [0] f32, [1] f64. */
    void (*conv_forward[2])(const conv_args *);
    void (*conv_data_gradient[2])(const conv_args *);
    void (*conv_weight_gradient[2])(const conv_args *);
    size_t (*conv_forward_scratch[2])(const conv_args *);
    size_t (*conv_data_gradient_scratch[2])(const conv_args *);
    size_t (*conv_weight_gradient_scratch[2])(const conv_args *);

    void (*max_pool[2])(const pool_args *, void *y, int64_t *index,
                        const void *x); /* index: ih * W + iw of the first largest */
    void (*max_pool_backward[2])(const pool_args *, void *dx, const void *dy,
                                 const int64_t *index); /* dx += nothing else: zeroed inside */
    void (*avg_pool[2])(const pool_args *, void *y, const void *x);
    void (*avg_pool_backward[2])(const pool_args *, void *dx, const void *dy);

    softmax_kernels softmax[2];

    /* y[i] = x[i] / (1 - p) where the i-th number of (seed, stream) >= p, else 0; i counts from first */
    void (*dropout[2])(void *y, const void *x, int64_t n, double p, uint64_t seed, uint64_t stream,
                       int64_t first);

    /* Four words of each Philox block (seed, stream, first + b), b < blocks.  Two normal numbers out of each pair of words.  The
     * same bits in every table. */
    void (*random_words)(uint32_t *out, uint64_t seed, uint64_t stream, uint64_t first, int64_t blocks);
    void (*random_normals)(double *y, const uint32_t *words, int64_t pairs);

    /* One optimizer step over n adjacent elements; NULL states where the variant has none. */
    void (*sgd[2])(void *param, const void *grad, void *momentum, int64_t n, const sgd_args *);
    void (*adam[2])(void *param, const void *grad, void *m, void *v, void *v_max, int64_t n,
                    const adam_args *);
    void (*rmsprop[2])(void *param, const void *grad, void *square, void *mean, void *momentum, int64_t n,
                       const rmsprop_args *);
    void (*adagrad[2])(void *param, const void *grad, void *sum, int64_t n, const adagrad_args *);
} kernel_table;

/* The table of the best instruction set that this machine has and TAPER_ISA allows.  Made once, on first use. */
const kernel_table *kernels_best(void);

/* The table of one instruction set, "ref" included; NULL when this machine or build lacks it. */
const kernel_table *kernels_for(const char *isa);

/* Row i of those in this build, weakest first, "ref" at 0; NULL past the end. */
const char *kernels_isa_at(int i);

#endif
