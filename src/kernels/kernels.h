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
    ROW(SOFTPLUS, softplus)     \
    ROW(EXP2, exp2)             \
    ROW(LOG2, log2)             \
    ROW(LOG10, log10)           \
    ROW(TAN, tan)               \
    ROW(ASIN, asin)             \
    ROW(ACOS, acos)             \
    ROW(ATAN, atan)             \
    ROW(SINH, sinh)             \
    ROW(COSH, cosh)             \
    ROW(ASINH, asinh)           \
    ROW(ACOSH, acosh)           \
    ROW(ATANH, atanh)           \
    ROW(ERFC, erfc)             \
    ROW(ERFINV, erfinv)         \
    ROW(TRUNC, trunc)           \
    ROW(FRAC, frac)             \
    ROW(SINC, sinc)             \
    ROW(LOGIT, logit)           \
    ROW(NAN_TO_NUM, nan_to_num) \
    ROW(LGAMMA, lgamma)         \
    ROW(DIGAMMA, digamma)       \
    ROW(POLYGAMMA, polygamma)   \
    ROW(BITWISE_NOT, bit_not)   \
    ROW(ELU, elu)               \
    ROW(SELU, selu)             \
    ROW(CELU, celu)             \
    ROW(HARDSIGMOID, hardsigm)  \
    ROW(HARDSWISH, hardswish)   \
    ROW(MISH, mish)             \
    ROW(SOFTSHRINK, softshrink) \
    ROW(HARDSHRINK, hardshrink) \
    ROW(HUBER, huber)           \
    ROW(THRESHOLD, threshold)   \
    ROW(LOGSIGMOID, logsigmoid)

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
    ROW(ADD_RELU, add_relu)                 /* max(a + b, 0) */                 \
    ROW(GELU_BACKWARD, gelu_backward)       /* dy (Phi(x) + x phi(x)); b = x */ \
    ROW(GELU_TANH_BACKWARD, gelu_tanh_backward)                                 \
    ROW(SILU_BACKWARD, silu_backward) /* b = x */                               \
    ROW(DIV_TRUNC, div_trunc)                                                   \
    ROW(DIV_FLOOR, div_floor)                                                   \
    ROW(FMOD, fmod)           /* the sign of a */                               \
    ROW(REMAINDER, remainder) /* the sign of b */                               \
    ROW(ATAN2, atan2)                                                           \
    ROW(HYPOT, hypot)                                                           \
    ROW(XLOGY, xlogy)                                                           \
    ROW(LOGADDEXP, logaddexp)                                                   \
    ROW(LOGADDEXP2, logaddexp2)                                                 \
    ROW(COPYSIGN, copysign)                                                     \
    ROW(NEXTAFTER, nextafter)                                                   \
    ROW(FMAX, fmax)                                                             \
    ROW(FMIN, fmin)                                                             \
    ROW(HEAVISIDE, heaviside)                                                   \
    ROW(MISH_BACKWARD, mish_backward) /* b = x */                               \
    ROW(HARDSWISH_BACKWARD, hardswish_backward)                                 \
    ROW(PRELU, prelu) /* a > 0 ? a : a b */                                     \
    ROW(BITWISE_AND, bitwise_and)                                               \
    ROW(BITWISE_OR, bitwise_or)                                                 \
    ROW(BITWISE_XOR, bitwise_xor)                                               \
    ROW(SHIFT_LEFT, shift_left)                                                 \
    ROW(SHIFT_RIGHT, shift_right)                                               \
    ROW(GCD, gcd)                                                               \
    ROW(LCM, lcm)

/* y[i] = f(a[i], b[i], c[i]); p: parameters */
#define TERNARY_KERNELS(ROW)                                                                        \
    ROW(LERP, lerp)                 /* a + c (b - a) */                                             \
    ROW(ADD_SCALED, add_scaled)     /* a + p[0] b; c: none */                                       \
    ROW(ADDCMUL, addcmul)           /* a + p[0] b c */                                              \
    ROW(ADDCDIV, addcdiv)           /* a + p[0] b / c */                                            \
    ROW(GATE, gate)                 /* a p[2] where b lies in (p[0], p[1]), else a p[3]; c: none */ \
    ROW(ELU_BACKWARD, elu_backward) /* b > 0 ? a p[0] : a (c + p[1]) p[2] */

/* y[i] = a[i] ? b[i], as 0 or 1 in a byte */
#define COMPARE_KERNELS(ROW)                                \
    ROW(EQ, eq)                                             \
    ROW(NE, ne)                                             \
    ROW(LT, lt)                                             \
    ROW(LE, le)                                             \
    ROW(GT, gt)                                             \
    ROW(GE, ge)                                             \
    ROW(AND, and)                                           \
    ROW(OR, or)                                             \
    ROW(XOR, xor)                                           \
    ROW(SIGNBIT, signbit) /* of a alone, as the next two */ \
    ROW(ISINF, isinf)                                       \
    ROW(ISFINITE, isfinite)

/* One number from many; the partial results of the last three are summed. */
#define REDUCE_KERNELS(ROW)       \
    ROW(SUM, sum)                 \
    ROW(PROD, prod)               \
    ROW(AMAX, amax)               \
    ROW(AMIN, amin)               \
    ROW(SUM_SQUARES, sum_squares) \
    ROW(SUM_ABS, sum_abs)         \
    ROW(NANSUM, nansum)

#define ROW(upper, lower) KERNEL_##upper,
typedef enum { UNARY_KERNELS(ROW) KERNEL_UNARY_COUNT } unary_kernel;
typedef enum { BINARY_KERNELS(ROW) KERNEL_BINARY_COUNT } binary_kernel;
typedef enum { TERNARY_KERNELS(ROW) KERNEL_TERNARY_COUNT } ternary_kernel;
typedef enum { COMPARE_KERNELS(ROW) KERNEL_COMPARE_COUNT } compare_kernel;
typedef enum { REDUCE_KERNELS(ROW) KERNEL_REDUCE_COUNT } reduce_kernel;
#undef ROW

typedef void unary_fn(void *y, const void *x, int64_t n, const double *p);

/* sa, sb: 1, or 0 for one value that stands for all n */
typedef void binary_fn(void *y, const void *a, int64_t sa, const void *b, int64_t sb, int64_t n);
typedef void ternary_fn(void *y, const void *a, int64_t sa, const void *b, int64_t sb, const void *c,
                        int64_t sc, int64_t n, const double *p);
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
typedef void arg_cols_fn(int64_t *index, void *best, const void *x, int64_t rows, int64_t cols, int64_t ld);

/* {mean, sum of squared distances from the mean} of a row; of columns the means, then the sums */
typedef void moments_rows_fn(double *y, const void *x, int64_t n);
typedef void moments_cols_fn(double *mean, double *m2, const void *x, int64_t rows, int64_t cols, int64_t ld);

/* Running sums and products.  They are carried in double (f32, f64) or i64: before and total are one of these.
 * A row from *before on (NULL: from nothing); columns, at most SCAN_COLUMNS of them, ld apart. */
enum { SCAN_COLUMNS = 256 };
typedef void scan_row_fn(void *y, const void *x, int64_t n, const void *before, bool reverse);
typedef void scan_cols_fn(void *y, const void *x, int64_t rows, int64_t cols, int64_t ld, bool reverse);
typedef void scan_total_fn(void *total, const void *x, int64_t n);
typedef void scan_extreme_fn(void *y, int64_t *index, const void *x, int64_t n, int64_t stride);
typedef void scan_linear_fn(void *y, const void *a, const void *b, int64_t n,
                            bool reverse); /* y[i] = a[i] y[i - 1] + b[i] */

/* Where each of m values belongs among n in order: before its equals, or (right) behind them */
typedef void search_fn(int64_t *index, const void *sorted, int64_t n, const void *v, int64_t m, bool right);

/* y[i ys] = x[index[i is] along + i xs]: strides in elements, of the size 2^k of pick[k] */
typedef void pick_fn(void *y, int64_t ys, const void *x, int64_t xs, int64_t along, const int64_t *index,
                     int64_t is, int64_t n);

/* y[index[i is] along + i ys] = it joined with x[i xs], in the order of i */
typedef enum { PLACE_SET, PLACE_ADD, PLACE_MUL, PLACE_AMAX, PLACE_AMIN, PLACE_COUNT } place_kind;
typedef void place_fn(void *y, int64_t ys, int64_t along, const void *x, int64_t xs, const int64_t *index,
                      int64_t is, int64_t n);

/* Sorts n elements, stably, NaN behind all numbers: y (NULL: not wanted) and where each stood in x.  Splits its own work
 * over threads.  scratch: order_scratch(type, n) bytes. */
typedef void order_fn(void *y, int64_t *index, const void *x, int64_t n, bool descending, void *scratch);
size_t order_scratch(int stored_type, int64_t n);

/* The first k of them, sorted, with far less work when k is small; n >= k >= 1 */
typedef void select_fn(void *y, int64_t *index, const void *x, int64_t n, int64_t k, bool descending,
                       void *scratch);
size_t select_scratch(int stored_type, int64_t n, int64_t k);

/* Where the k-th smallest stands; scratch as for order */
typedef int64_t kth_fn(const void *x, int64_t n, int64_t k, void *scratch);

/* C (m, n) = A (m, k) B (k, n) [+ C] [+ bias (n)], or max(that, 0).  Any strides for A and B, in elements; C's columns are adjacent. */
typedef struct gemm_args {
    int64_t m, n, k;
    const void *a;
    int64_t a_row, a_col;
    const void *b;
    int64_t b_row, b_col;
    void *c;
    int64_t c_row;
    bool accumulate;  /* += instead of = */
    bool relu;        /* max(.., 0); not with accumulate */
    const void *bias; /* added to every row; NULL: none */
    void *scratch;    /* 64-byte aligned; at least what gemm_scratch asks for */
    size_t scratch_bytes;
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
    bool relu;        /* forward: y = max(.., 0) */
    unary_fn *
        between; /* forward, where conv_pools: y (N, OH / 2, OW / 2, K) has the means of 2x2 of between(conv(x)); else NULL */
    bool precise;  /* plain sums only, in their order */
    void *scratch; /* 64-byte aligned; at least what the kernel's scratch() asks for */
    size_t scratch_bytes;
} conv_args;

/* The ways a convolution can go in each direction; conv_way.c chooses by shape. */
typedef enum { CONV_DIRECT, CONV_PLANAR, CONV_DEPTHWISE, CONV_WINOGRAD, CONV_BF16, CONV_WAYS } conv_way;
typedef enum { CONV_FORWARD, CONV_DATA_GRADIENT, CONV_WEIGHT_GRADIENT, CONV_DIRECTIONS } conv_direction;
typedef struct conv_kernel {
    void (*run)(const conv_args *);
    size_t (*scratch)(const conv_args *);
} conv_kernel;

typedef struct pool_args { /* one image: x (H, W, C) -> y (OH, OW, C) */
    int64_t h, w, c, oh, ow;
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    bool ceil_mode, exclude_pad;
    bool taps; /* places are those in the window, as bytes: kernel w * row + column, 255: none */
    int64_t begin_row, end_row;         /* of y, that max_pool writes; the others write all */
    int64_t begin_channel, end_channel; /* that max_pool_backward writes */
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

/* Normalisation: h = (x - mean) r, r = 1 / sqrt(var + eps).
 *
 * Rows of n numbers, each with statistics of its own: y = h w + b.  Not centered (RMS norm): mean 0, var the mean of x^2.
 * Backward, g = dy w: dx = r (g - avg g - h avg(g h)), avg g left out when not centered; and dweight += dy h, dbias += dy. */
typedef struct norm_rows_args {
    const void *x, *dy, *weight, *bias; /* weight, bias: n; forward: no dy */
    void *y;                            /* backward: dx */
    void *mean, *var;                   /* one a row: written forward, read backward */
    double *dweight, *dbias;            /* n sums each; NULL: not wanted */
    int64_t rows, n;
    double eps;
    bool centered;
} norm_rows_args;

/* Adjacent rows of cols numbers; each column has statistics of its own.  What a column needs stands in arrays of cols.
 * apply:    y = (x - mean) scale + shift, or with relu max(that, 0)
 * sums:     sum += dy, dot += dy (x - mean), over the rows
 * gradient: dx = dy scale + (x - mean) slope + shift
 * beta given to the last two: dy counts as 0 where a relu let nothing through, (x - mean) scale + beta <= 0. */
typedef struct norm_cols_args {
    const void *x, *dy;
    const void *mean, *scale, *slope, *shift, *beta;
    void *out; /* y or dx, which may be dy */
    double *sum, *dot;
    int64_t rows, cols;
    int64_t x_step; /* apply, sums: elements from a row of x, and of dy, to the next; 0: cols */
    bool relu;
} norm_cols_args;

typedef struct norm_kernels {
    void (*rows)(const norm_rows_args *);
    void (*rows_backward)(const norm_rows_args *);
    void (*apply)(const norm_cols_args *);
    void (*sums)(const norm_cols_args *);
    void (*gradient)(const norm_cols_args *);
} norm_kernels;

/* C (m, n) = A (m, k) B (k, n) [+ C] [+ bias (n)] for a B that is used again and again: packed once, in panels of so many columns,
 * panel j at panels + j cols k.  A and C are rows anywhere, of adjacent elements.  Both do panels [first, last) only, on this
 * thread: an element is the same bits whatever m and the panels are.
 * parts: so many B's beside each other, each with panels of its own that follow the others'; C and bias have n columns of each.
 * from, to, neither of which falls from row to row: of each row of C the columns [from, to) are wanted, the others may be left as they
 * are; or, inner, of each row of A the numbers [from, to) count, and the others are 0. */
typedef struct panels_args {
    int64_t m, n, k, first, last;
    int64_t parts;        /* 0: one */
    const void *const *a; /* NULL: row i of A is every columns_step-th number from columns + i on */
    const void *columns;
    int64_t columns_step;
    const void *panels;
    void *const *c;
    bool accumulate;
    const void *bias;         /* NULL: none */
    const int64_t *from, *to; /* NULL: all */
    bool inner;
} panels_args;

/* c (n) = a (k) B (n, k)^T + a' B'^T [+ bias (n)], of adjacent rows, on this thread; the same bits for any range of n. */
typedef struct row_args {
    int64_t n;
    const void *bias; /* NULL: none */
    void *c;
    struct {
        const void *a, *b;
        int64_t k;
    } of[2];
} row_args;

typedef struct panel_kernels {
    int64_t cols;
    void (*pack)(void *panels, const void *b, int64_t b_row, int64_t b_col, int64_t n, int64_t k,
                 int64_t first, int64_t last);
    void (*product)(const panels_args *);
    void (*row)(const row_args *); /* NULL: two gemms do it as well */
} panel_kernels;

/* n units of a recurrent layer at one step, after the products: x and s are what the input and the state gave, of each gate so
 * many numbers, gap apart; so are peephole's and the gates that backward wants.
 *
 * LSTM, gates i f g o:  c = f c' + i g,  h = o tanh(c);  i, f, o are sigmoid(x + s + peephole c), of c' for i and f; g is tanh(x + s)
 * GRU, gates r z n:     h = n + z (h' - n);  r, z are sigmoid(x + s), n is tanh(x_n + r s_n) */
typedef struct lstm_args {
    int64_t n, gap;
    const void *x, *s, *before; /* before: c' */
    const void *peephole;       /* of i, f, o; NULL: none */
    void *c, *h;
    void *gates; /* for backward; NULL: not wanted */
} lstm_args;

typedef struct gru_args {
    int64_t n, gap;
    const void *x, *s, *before; /* before: h' */
    void *h;
    void *gates; /* r, z, n and s_n; NULL: not wanted */
} gru_args;

/* dh is what came from the step after; dy what came by the output (NULL: nothing).  dc: of c in, of c' out. */
typedef struct lstm_backward_args {
    int64_t n;
    const void *gates, *c, *before, *peephole, *dy, *dh;
    void *dc, *dgates; /* dgates: of x and s alike */
} lstm_backward_args;

typedef struct gru_backward_args {
    int64_t n;
    const void *gates, *before, *dy;
    void *dh;      /* of h in, of h' out but for what goes through s */
    void *dx, *ds; /* of x, of s */
} gru_backward_args;

typedef struct recurrent_kernels {
    void (*lstm)(const lstm_args *);
    void (*lstm_backward)(const lstm_backward_args *);
    void (*gru)(const gru_args *);
    void (*gru_backward)(const gru_backward_args *);
} recurrent_kernels;

/* Attention, a block of scores at a time: a key each row, a query each column; rows of n numbers, row apart.  Scores are
 * z = scale s + bias - slope |key - at|, of the keys [from, to) that a query sees; neither end falls from query to query.  bias and keep
 * lie as s does; NULL: 0, 1.
 *
 * weigh: over all blocks of a query m is the largest z yet and sum that of e^(z - m); both are brought to the new m, and less becomes
 * e^(m before - m).  s becomes keep e^(z - m), 0 outside of [from, to).
 *
 * blame, the way back: s becomes p = keep p', d becomes scale p' (keep d - delta), p' = e^(z - lse), both 0 outside of [from, to). */
typedef struct weigh_args {
    int64_t rows, n, row;
    void *s;
    double scale;
    const int64_t *from, *to; /* of each query, in [0, rows] */
    const void *bias, *keep;
    const void *slope, *at;  /* of each query; NULL: no slope.  at: as a row of this block */
    void *m, *sum, *less;    /* weigh; of each query */
    void *d;                 /* blame */
    const void *lse, *delta; /* of each query */
} weigh_args;

/* share: a query alone, a key each column: s becomes e^(z - m), 0 outside of [from, to); m and sum are of all its keys. */
typedef struct share_args {
    int64_t n, from, to;
    void *s;
    double scale;
    const void *bias;
    double slope, at;
    void *m, *sum;
} share_args;

/* turn: pairs of numbers of one head turned by angles of given cosines and sines, half of each: the i-th of the first half with
 * the i-th of the second one, or (adjacent) the two at 2 i.  RoPE, Su et al. 2021. */
typedef struct attention_kernels {
    void (*weigh)(const weigh_args *);
    void (*blame)(const weigh_args *);
    void (*share)(const share_args *);
    void (*scale)(void *const *rows, const void *factors, int64_t n,
                  int64_t width); /* of each row its own factor */
    void (*dots)(void *y, const void *const *a, const void *const *b, int64_t rows,
                 int64_t n); /* y[r] = a[r] . b[r] */
    void (*turn)(void *y, const void *x, const void *cosines, const void *sines, int64_t half, bool adjacent,
                 bool back);
} attention_kernels;

typedef struct kernel_table {
    const char *isa;

    unary_fn *unary[KERNEL_UNARY_COUNT][KT_COUNT]; /* NULL where the type makes no sense (exp of i64) */
    binary_fn *binary[KERNEL_BINARY_COUNT][KT_COUNT];
    ternary_fn *ternary[KERNEL_TERNARY_COUNT][KT_COUNT];
    binary_fn *compare[KERNEL_COMPARE_COUNT][KT_COUNT];
    where_fn *where[KT_COUNT];
    convert_fn *convert[STORED_TYPES][STORED_TYPES]; /* [dst][src] */

    convert_fn *move[4]; /* elements of 1, 2, 4, 8 bytes as they are; ss may be negative */
    transpose_fn *transpose[4];

    reduce_rows_fn *reduce_rows[KERNEL_REDUCE_COUNT][KT_COUNT];
    reduce_cols_fn *reduce_cols[KERNEL_REDUCE_COUNT][KT_COUNT];
    arg_fn *argmax[KT_COUNT], *argmin[KT_COUNT];
    arg_cols_fn *argmax_cols[KT_COUNT], *argmin_cols[KT_COUNT];
    moments_rows_fn *moments_rows[KT_COUNT];
    moments_cols_fn *moments_cols[KT_COUNT];

    scan_row_fn *scan_row[2][KT_COUNT]; /* [0] sums, [1] products */
    scan_cols_fn *scan_cols[2][KT_COUNT];
    scan_total_fn *scan_total[2][KT_COUNT];
    scan_extreme_fn *scan_extreme[2][KT_COUNT]; /* [0] largest, [1] smallest */

    scan_linear_fn *scan_linear[KT_COUNT];
    search_fn *search[KT_COUNT];

    pick_fn *pick[4]; /* elements of 1, 2, 4, 8 bytes */
    place_fn *place[PLACE_COUNT][STORED_TYPES];

    order_fn *order[STORED_TYPES];
    select_fn *select[STORED_TYPES];
    kth_fn *kth[STORED_TYPES];

    /* gemm and conv split their own work over threads (base/parallel.h); the rest is called from inside a split. */
    void (*gemm[KT_COUNT])(const gemm_args *); /* integers wrap */
    size_t (*gemm_scratch[KT_COUNT])(const gemm_args *);

    /* From here on: [0] f32, [1] f64. */
    conv_kernel conv[2][CONV_WAYS]
                    [CONV_DIRECTIONS]; /* NULL: this table has no such way; CONV_DIRECT is always there */

    /* index: ih * W + iw of the first largest, int64_t, -1: none; or see taps; NULL: not wanted */
    void (*max_pool[2])(const pool_args *, void *y, void *index, const void *x);
    void (*max_pool_backward[2])(const pool_args *, void *dx, const void *dy,
                                 const void *index); /* dx += nothing else: zeroed inside */
    void (*avg_pool[2])(const pool_args *, void *y, const void *x);
    void (*avg_pool_backward[2])(const pool_args *, void *dx, const void *dy);

    void (*logcumsumexp[2])(void *y, const void *x, int64_t n);
    softmax_kernels softmax[2];
    norm_kernels norm[2];
    panel_kernels panels[2];
    recurrent_kernels recurrent[2];
    attention_kernels attention[2];

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

/* Whether the channels of a row of a small kernel fill vectors of a weight gradient; whether a forward one of few channels has a vector
 * of them for each pixel, several pixels of a row at a time. */
bool conv_fills_rows(const conv_args *);
bool conv_steps_through_rows(const conv_args *);

/* Whether the forward one can pool what it makes while that lies in the first cache. */
bool conv_pools(const kernel_table *, int type, const conv_args *);

/* The way that a convolution takes with this table; type: 0 f32, 1 f64.  It follows from the shapes alone. */
conv_way conv_choose(const kernel_table *, int type, conv_direction, const conv_args *);
void conv_log(const kernel_table *, int type, conv_direction,
              const conv_args *); /* says so, if TAPER_LOG=select asks */

/* The table of the best instruction set that this machine has and TAPER_ISA allows; with products of bf16 where
 * tp_set_float32_matmul_precision allows them.  Made once, on first use. */
const kernel_table *kernels_best(void);

/* The best one with products of bf16: products and convolutions of f32 may round their operands to it.  NULL: none. */
const kernel_table *kernels_bf16(void);

/* The table of one instruction set, "ref" included; NULL when this machine or build lacks it. */
const kernel_table *kernels_for(const char *isa);

/* Row i of those in this build, weakest first, "ref" at 0; NULL past the end. */
const char *kernels_isa_at(int i);

#endif
