/* taper/ops.h - the operations, by family.  This header is their manual.
 *
 * Every function here returns a new tensor that belongs to the innermost scope (a view where it says so),
 * or NULL with a pending error.  Each has a gradient unless it says "no gradient", and that gradient has one too.
 * Where two tensors meet they broadcast from the right and promote as in PyTorch; numbers stand for tensors:
 * tp_mul(x, 2).  A dim may be negative.  Layer: ops.  Read next: functional.h. */
#ifndef TAPER_OPS_H
#define TAPER_OPS_H

#include <taper/autograd.h>
#include <taper/functional.h>

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

/* ---- Element-wise, one operand: y = f(x), x's shape; integers become floats where f needs it -------------
 *
 * In place, with the same arguments, and the result in x's own memory: tp_exp_(x).  See the end of this chapter. */

TP_API tp_tensor *tp_neg(tp_tensor *);        /* bool has no neg, abs, floor ...: an error, as in PyTorch */
TP_API tp_tensor *tp_abs(tp_tensor *);
TP_API tp_tensor *tp_sign(tp_tensor *);       /* -1, 0 or 1; gradient 0 */
TP_API tp_tensor *tp_square(tp_tensor *);
TP_API tp_tensor *tp_sqrt(tp_tensor *);
TP_API tp_tensor *tp_rsqrt(tp_tensor *);      /* 1 / sqrt(x) */
TP_API tp_tensor *tp_reciprocal(tp_tensor *); /* 1 / x */
TP_API tp_tensor *tp_floor(tp_tensor *);      /* gradient 0, as of the next three */
TP_API tp_tensor *tp_ceil(tp_tensor *);
TP_API tp_tensor *tp_round(tp_tensor *);      /* halves to even */
TP_API tp_tensor *tp_trunc(tp_tensor *);      /* towards 0 */
TP_API tp_tensor *tp_frac(tp_tensor *);       /* x - trunc(x) */
TP_API tp_tensor *tp_clamp(tp_tensor *, double low, double high); /* min(max(x, low), high); -INFINITY, INFINITY: no bound; gradient 0 at a bound */

TP_API tp_tensor *tp_exp(tp_tensor *);
TP_API tp_tensor *tp_exp2(tp_tensor *);       /* 2^x */
TP_API tp_tensor *tp_expm1(tp_tensor *);      /* e^x - 1, exact near 0 */
TP_API tp_tensor *tp_log(tp_tensor *);        /* of 0: -inf, of less: nan */
TP_API tp_tensor *tp_log2(tp_tensor *);
TP_API tp_tensor *tp_log10(tp_tensor *);
TP_API tp_tensor *tp_log1p(tp_tensor *);      /* log(1 + x), exact near 0 */
TP_API tp_tensor *tp_logit(tp_tensor *, double eps); /* log(z / (1 - z)), z = x limited to [eps, 1 - eps]; eps < 0: z = x */

TP_API tp_tensor *tp_sin(tp_tensor *);
TP_API tp_tensor *tp_cos(tp_tensor *);
TP_API tp_tensor *tp_tan(tp_tensor *);
TP_API tp_tensor *tp_asin(tp_tensor *);       /* [-1, 1] -> [-pi/2, pi/2], else nan */
TP_API tp_tensor *tp_acos(tp_tensor *);       /* [-1, 1] -> [0, pi], else nan */
TP_API tp_tensor *tp_atan(tp_tensor *);       /* -> (-pi/2, pi/2) */
TP_API tp_tensor *tp_sinh(tp_tensor *);
TP_API tp_tensor *tp_cosh(tp_tensor *);
TP_API tp_tensor *tp_asinh(tp_tensor *);
TP_API tp_tensor *tp_acosh(tp_tensor *);      /* below 1: nan */
TP_API tp_tensor *tp_atanh(tp_tensor *);      /* of 1: inf; beyond: nan */
TP_API tp_tensor *tp_sinc(tp_tensor *);       /* sin(pi x) / (pi x), 1 at 0 */
TP_API tp_tensor *tp_deg2rad(tp_tensor *);
TP_API tp_tensor *tp_rad2deg(tp_tensor *);

TP_API tp_tensor *tp_erf(tp_tensor *);        /* 2/sqrt(pi) integral from 0 to x of e^(-t^2) */
TP_API tp_tensor *tp_erfc(tp_tensor *);       /* 1 - erf(x), exact where that is small */
TP_API tp_tensor *tp_erfinv(tp_tensor *);     /* y with erf(y) = x */
TP_API tp_tensor *tp_lgamma(tp_tensor *);     /* log |Gamma(x)| */
TP_API tp_tensor *tp_digamma(tp_tensor *);    /* its derivative */
TP_API tp_tensor *tp_polygamma(int64_t n, tp_tensor *); /* the n-th derivative of digamma, n >= 0 */

typedef struct tp_nan_to_num_options {
    size_t struct_size;
    double nan;            /* in the place of NaN: 0 */
    double posinf, neginf; /* of the infinities: the dtype's largest and smallest number; zero is TP_ZERO */
} tp_nan_to_num_options;
#define TP_NAN_TO_NUM_OPTIONS_(...) (&(tp_nan_to_num_options){ .struct_size = sizeof(tp_nan_to_num_options), __VA_ARGS__ })
#define tp_nan_to_num(x, ...) tp_nan_to_num_opt(x, TP_NAN_TO_NUM_OPTIONS_(__VA_ARGS__))
#define tp_nan_to_num_(x, ...) tp_nan_to_num_opt_(x, TP_NAN_TO_NUM_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *tp_nan_to_num_opt(tp_tensor *, const tp_nan_to_num_options *);
TP_API tp_tensor *tp_nan_to_num_opt_(tp_tensor *, const tp_nan_to_num_options *);

/* Activations (docs/plots.md has their table and pictures) */
TP_API tp_tensor *tp_sigmoid(tp_tensor *);     /* 1 / (1 + exp(-x)) */
TP_API tp_tensor *tp_tanh(tp_tensor *);
TP_API tp_tensor *tp_relu(tp_tensor *);        /* max(x, 0); gradient 0 at 0 */
TP_API tp_tensor *tp_relu6(tp_tensor *);       /* min(max(x, 0), 6) */
TP_API tp_tensor *tp_leaky_relu(tp_tensor *, double negative_slope); /* x > 0 ? x : slope x; PyTorch's slope is 0.01 */
TP_API tp_tensor *tp_prelu(tp_tensor *, tp_tensor *weight); /* x > 0 ? x : weight x; weight: one number, or one a channel (dim 1) */
TP_API tp_tensor *tp_hardtanh(tp_tensor *, double min_val, double max_val); /* PyTorch's are -1, 1; gradient 0 at a bound */
TP_API tp_tensor *tp_threshold(tp_tensor *, double threshold, double value); /* x > threshold ? x : value */
TP_API tp_tensor *tp_elu(tp_tensor *, double alpha);  /* x > 0 ? x : alpha (e^x - 1); PyTorch's alpha is 1 */
TP_API tp_tensor *tp_celu(tp_tensor *, double alpha); /* x > 0 ? x : alpha (e^(x / alpha) - 1); PyTorch's alpha is 1 */
TP_API tp_tensor *tp_selu(tp_tensor *);        /* 1.0507 elu(x, 1.6733) (Klambauer et al. 2017) */
TP_API tp_tensor *tp_gelu(tp_tensor *);        /* x Phi(x), exact (erf) */
TP_API tp_tensor *tp_gelu_tanh(tp_tensor *);   /* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
TP_API tp_tensor *tp_silu(tp_tensor *);        /* x sigmoid(x) */
TP_API tp_tensor *tp_mish(tp_tensor *);        /* x tanh(log(1 + e^x)) */
TP_API tp_tensor *tp_logsigmoid(tp_tensor *);  /* log(sigmoid(x)) */
TP_API tp_tensor *tp_hardsigmoid(tp_tensor *); /* min(max(x + 3, 0), 6) / 6 */
TP_API tp_tensor *tp_hardswish(tp_tensor *);   /* x hardsigmoid(x) */
TP_API tp_tensor *tp_softsign(tp_tensor *);    /* x / (1 + |x|) */
TP_API tp_tensor *tp_tanhshrink(tp_tensor *);  /* x - tanh(x) */
TP_API tp_tensor *tp_softshrink(tp_tensor *, double lambd); /* nearer to 0 by lambd, or 0; PyTorch's lambd is 0.5 */
TP_API tp_tensor *tp_hardshrink(tp_tensor *, double lambd); /* |x| > lambd ? x : 0 */
TP_API tp_tensor *tp_glu(tp_tensor *, int dim); /* a sigmoid(b), a and b the halves of x along dim */

typedef struct tp_softplus_options {
    size_t struct_size;
    double beta, threshold; /* 1, 20 */
} tp_softplus_options;
#define TP_SOFTPLUS_OPTIONS_(...) (&(tp_softplus_options){ .struct_size = sizeof(tp_softplus_options), __VA_ARGS__ })

/* log(1 + e^(beta x)) / beta, x itself where beta x > threshold.  Its name alone is the function of one tensor. */
#define tp_softplus(x, ...) tp_softplus_opt(x, TP_SOFTPLUS_OPTIONS_(__VA_ARGS__))
#define tp_softplus_(x, ...) tp_softplus_opt_(x, TP_SOFTPLUS_OPTIONS_(__VA_ARGS__))
TP_API tp_tensor *(tp_softplus)(tp_tensor *);
TP_API tp_tensor *tp_softplus_opt(tp_tensor *, const tp_softplus_options *);
TP_API tp_tensor *tp_softplus_opt_(tp_tensor *, const tp_softplus_options *);

/* Tests of each element: bool; no gradient */
TP_API tp_tensor *tp_isnan(tp_tensor *);
TP_API tp_tensor *tp_isinf(tp_tensor *);
TP_API tp_tensor *tp_isfinite(tp_tensor *);
TP_API tp_tensor *tp_isposinf(tp_tensor *);
TP_API tp_tensor *tp_isneginf(tp_tensor *);
TP_API tp_tensor *tp_signbit(tp_tensor *);     /* of -0 true */
TP_API tp_tensor *tp_logical_not(tp_tensor *); /* x == 0 */
TP_API tp_tensor *tp_bitwise_not(tp_tensor *); /* of integers; of bool: not */

#define TP_IN_PLACE_(op) TP_API tp_tensor *tp_##op##_(tp_tensor *);
TP_IN_PLACE_(neg) TP_IN_PLACE_(abs) TP_IN_PLACE_(sign) TP_IN_PLACE_(square) TP_IN_PLACE_(sqrt) TP_IN_PLACE_(rsqrt)
TP_IN_PLACE_(reciprocal) TP_IN_PLACE_(floor) TP_IN_PLACE_(ceil) TP_IN_PLACE_(round) TP_IN_PLACE_(trunc) TP_IN_PLACE_(frac)
TP_IN_PLACE_(exp) TP_IN_PLACE_(exp2) TP_IN_PLACE_(expm1) TP_IN_PLACE_(log) TP_IN_PLACE_(log2) TP_IN_PLACE_(log10)
TP_IN_PLACE_(log1p) TP_IN_PLACE_(sin) TP_IN_PLACE_(cos) TP_IN_PLACE_(tan) TP_IN_PLACE_(asin) TP_IN_PLACE_(acos)
TP_IN_PLACE_(atan) TP_IN_PLACE_(sinh) TP_IN_PLACE_(cosh) TP_IN_PLACE_(asinh) TP_IN_PLACE_(acosh) TP_IN_PLACE_(atanh)
TP_IN_PLACE_(sinc) TP_IN_PLACE_(deg2rad) TP_IN_PLACE_(rad2deg) TP_IN_PLACE_(erf) TP_IN_PLACE_(erfc) TP_IN_PLACE_(erfinv)
TP_IN_PLACE_(lgamma) TP_IN_PLACE_(digamma) TP_IN_PLACE_(sigmoid) TP_IN_PLACE_(tanh) TP_IN_PLACE_(relu) TP_IN_PLACE_(relu6)
TP_IN_PLACE_(selu) TP_IN_PLACE_(gelu) TP_IN_PLACE_(gelu_tanh) TP_IN_PLACE_(silu) TP_IN_PLACE_(mish) TP_IN_PLACE_(logsigmoid)
TP_IN_PLACE_(hardsigmoid) TP_IN_PLACE_(hardswish) TP_IN_PLACE_(softsign) TP_IN_PLACE_(tanhshrink)
TP_IN_PLACE_(logical_not) TP_IN_PLACE_(bitwise_not)
#undef TP_IN_PLACE_
TP_API tp_tensor *tp_clamp_(tp_tensor *, double low, double high);
TP_API tp_tensor *tp_logit_(tp_tensor *, double eps);
TP_API tp_tensor *tp_leaky_relu_(tp_tensor *, double negative_slope);
TP_API tp_tensor *tp_hardtanh_(tp_tensor *, double min_val, double max_val);
TP_API tp_tensor *tp_threshold_(tp_tensor *, double threshold, double value);
TP_API tp_tensor *tp_elu_(tp_tensor *, double alpha);
TP_API tp_tensor *tp_celu_(tp_tensor *, double alpha);
TP_API tp_tensor *tp_softshrink_(tp_tensor *, double lambd);
TP_API tp_tensor *tp_hardshrink_(tp_tensor *, double lambd);

/* ---- Element-wise, two operands: shapes broadcast, types promote ------------------------------------------ */

TP_API tp_tensor *tp_add(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_sub(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_add_relu(tp_tensor *, tp_tensor *); /* max(x + y, 0) in one pass; floats */
TP_API tp_tensor *tp_add_alpha(tp_tensor *x, tp_tensor *y, double alpha); /* x + alpha y */
TP_API tp_tensor *tp_sub_alpha(tp_tensor *x, tp_tensor *y, double alpha); /* x - alpha y */
TP_API tp_tensor *tp_mul(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_div(tp_tensor *, tp_tensor *); /* true division: integers give f32 */

typedef enum tp_rounding { TP_ROUND_NONE, TP_ROUND_TRUNC, TP_ROUND_FLOOR } tp_rounding;
TP_API tp_tensor *tp_div_rounded(tp_tensor *, tp_tensor *, tp_rounding); /* rounded integers stay integers; those divided by 0: an error */
TP_API tp_tensor *tp_floor_divide(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_fmod(tp_tensor *, tp_tensor *);      /* x - y trunc(x / y): the sign of x, C's % */
TP_API tp_tensor *tp_remainder(tp_tensor *, tp_tensor *); /* x - y floor(x / y): the sign of y, Python's % */
TP_API tp_tensor *tp_pow(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_float_power(tp_tensor *, tp_tensor *); /* x^y in f64 */
TP_API tp_tensor *tp_ldexp(tp_tensor *, tp_tensor *);       /* x 2^y */
TP_API tp_tensor *tp_maximum(tp_tensor *, tp_tensor *); /* gradient split evenly where equal, as PyTorch */
TP_API tp_tensor *tp_minimum(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_fmax(tp_tensor *, tp_tensor *);      /* of a number and a NaN the number */
TP_API tp_tensor *tp_fmin(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_atan2(tp_tensor *y, tp_tensor *x);   /* angle of the point (x, y), in [-pi, pi] */
TP_API tp_tensor *tp_hypot(tp_tensor *, tp_tensor *);     /* sqrt(x^2 + y^2) without overflow */
TP_API tp_tensor *tp_xlogy(tp_tensor *, tp_tensor *);     /* x log(y), 0 where x = 0 */
TP_API tp_tensor *tp_logaddexp(tp_tensor *, tp_tensor *); /* log(e^x + e^y) */
TP_API tp_tensor *tp_logaddexp2(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_copysign(tp_tensor *, tp_tensor *);  /* |x| with the sign of y */
TP_API tp_tensor *tp_nextafter(tp_tensor *, tp_tensor *); /* the number next to x on the way to y */
TP_API tp_tensor *tp_heaviside(tp_tensor *, tp_tensor *); /* x < 0 ? 0 : x > 0 ? 1 : y; no gradient */
TP_API tp_tensor *tp_eq(tp_tensor *, tp_tensor *); /* comparisons give bool; no gradient */
TP_API tp_tensor *tp_ne(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_lt(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_le(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_gt(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_ge(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_logical_and(tp_tensor *, tp_tensor *); /* bool; no gradient */
TP_API tp_tensor *tp_logical_or(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_logical_xor(tp_tensor *, tp_tensor *);

/* |x - y| <= atol + rtol |y|, or equal; PyTorch's rtol is 1e-5, its atol 1e-8.  equal_nan: two NaN are close. */
TP_API tp_tensor *tp_isclose(tp_tensor *, tp_tensor *, double rtol, double atol, bool equal_nan);
TP_API tp_tensor *tp_allclose(tp_tensor *, tp_tensor *, double rtol, double atol, bool equal_nan); /* of all: 0-dim bool */
TP_API tp_tensor *tp_equal(tp_tensor *, tp_tensor *); /* one shape and the same elements: 0-dim bool */

/* Integers and bool; no gradient */
TP_API tp_tensor *tp_bitwise_and(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_bitwise_or(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_bitwise_xor(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_bitwise_left_shift(tp_tensor *, tp_tensor *);  /* by the dtype's bits or more, or less than 0: 0 */
TP_API tp_tensor *tp_bitwise_right_shift(tp_tensor *, tp_tensor *); /* likewise 0 or -1, the sign */
TP_API tp_tensor *tp_gcd(tp_tensor *, tp_tensor *);
TP_API tp_tensor *tp_lcm(tp_tensor *, tp_tensor *);

/* In place: y broadcasts to x; a comparison writes 0 or 1 */
#define TP_IN_PLACE_(op) TP_API tp_tensor *tp_##op##_(tp_tensor *x, tp_tensor *y);
TP_IN_PLACE_(add) TP_IN_PLACE_(sub) TP_IN_PLACE_(mul) TP_IN_PLACE_(div) TP_IN_PLACE_(floor_divide) TP_IN_PLACE_(fmod)
TP_IN_PLACE_(remainder) TP_IN_PLACE_(pow) TP_IN_PLACE_(float_power) TP_IN_PLACE_(ldexp) TP_IN_PLACE_(maximum)
TP_IN_PLACE_(minimum) TP_IN_PLACE_(fmax) TP_IN_PLACE_(fmin) TP_IN_PLACE_(atan2) TP_IN_PLACE_(hypot) TP_IN_PLACE_(xlogy)
TP_IN_PLACE_(logaddexp) TP_IN_PLACE_(logaddexp2) TP_IN_PLACE_(copysign) TP_IN_PLACE_(nextafter) TP_IN_PLACE_(heaviside)
TP_IN_PLACE_(eq) TP_IN_PLACE_(ne) TP_IN_PLACE_(lt) TP_IN_PLACE_(le) TP_IN_PLACE_(gt) TP_IN_PLACE_(ge)
TP_IN_PLACE_(logical_and) TP_IN_PLACE_(logical_or) TP_IN_PLACE_(logical_xor) TP_IN_PLACE_(bitwise_and)
TP_IN_PLACE_(bitwise_or) TP_IN_PLACE_(bitwise_xor) TP_IN_PLACE_(bitwise_left_shift) TP_IN_PLACE_(bitwise_right_shift)
TP_IN_PLACE_(gcd) TP_IN_PLACE_(lcm)
#undef TP_IN_PLACE_
TP_API tp_tensor *tp_div_rounded_(tp_tensor *, tp_tensor *, tp_rounding);

/* ---- Element-wise, three operands -------------------------------------------------------------------------- */

TP_API tp_tensor *tp_where(tp_tensor *condition, tp_tensor *x, tp_tensor *y);      /* condition ? x : y */
TP_API tp_tensor *tp_lerp(tp_tensor *input, tp_tensor *end, tp_tensor *weight);   /* input + weight (end - input) */
TP_API tp_tensor *tp_addcmul(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value); /* input + value tensor1 tensor2 */
TP_API tp_tensor *tp_addcdiv(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value); /* input + value tensor1 / tensor2 */
TP_API tp_tensor *tp_lerp_(tp_tensor *input, tp_tensor *end, tp_tensor *weight);
TP_API tp_tensor *tp_addcmul_(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value);
TP_API tp_tensor *tp_addcdiv_(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value);

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
TP_API tp_tensor *tp_var_mean(tp_tensor *, tp_shape dims, int64_t correction, bool keepdim, tp_tensor **mean);
TP_API tp_tensor *tp_std_mean(tp_tensor *, tp_shape dims, int64_t correction, bool keepdim, tp_tensor **mean);
TP_API tp_tensor *tp_dist(tp_tensor *x, tp_tensor *y, double p);                        /* norm of x - y */
TP_API tp_tensor *tp_nansum(tp_tensor *, tp_shape dims, bool keepdim);                  /* of those that are numbers */
TP_API tp_tensor *tp_nanmean(tp_tensor *, tp_shape dims, bool keepdim);
TP_API tp_tensor *tp_count_nonzero(tp_tensor *, tp_shape dims, bool keepdim);           /* i64; no gradient */

/* Along one dim; TP_NO_DIM: of all elements (max and min have no indices then).  Results besides the first go to a pointer
 * that may be NULL: indices are i64 and name the first of equals. */
TP_API tp_tensor *tp_max(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);
TP_API tp_tensor *tp_min(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);
TP_API tp_tensor *tp_aminmax(tp_tensor *, int dim, bool keepdim, tp_tensor **largest); /* the smallest, and the largest */
TP_API tp_tensor *tp_argmax(tp_tensor *, int dim, bool keepdim); /* i64; no gradient */
TP_API tp_tensor *tp_argmin(tp_tensor *, int dim, bool keepdim);

/* ---- Scans along one dim ---------------------------------------------------------------------------------- */

TP_API tp_tensor *tp_cumsum(tp_tensor *, int dim);       /* y_i = x_0 + .. + x_i; integers in i64 */
TP_API tp_tensor *tp_cumsum_(tp_tensor *, int dim);
TP_API tp_tensor *tp_cumprod(tp_tensor *, int dim);
TP_API tp_tensor *tp_cumprod_(tp_tensor *, int dim);
TP_API tp_tensor *tp_logcumsumexp(tp_tensor *, int dim); /* ln of the running sum of e^x */
TP_API tp_tensor *tp_cummax(tp_tensor *, int dim, tp_tensor **indices); /* of equals the last; NaN stays */
TP_API tp_tensor *tp_cummin(tp_tensor *, int dim, tp_tensor **indices);
TP_API tp_tensor *tp_diff(tp_tensor *, int64_t n, int dim);             /* x_(i+1) - x_i, n times */
TP_API tp_tensor *tp_trapezoid(tp_tensor *y, tp_tensor *x, double dx, int dim); /* x NULL: dx apart */

/* ---- Order: sorting is stable, NaN comes last (first when descending), as in PyTorch ----------------------- */

TP_API tp_tensor *tp_sort(tp_tensor *, int dim, bool descending, tp_tensor **indices);
TP_API tp_tensor *tp_argsort(tp_tensor *, int dim, bool descending);                 /* i64; no gradient */
TP_API tp_tensor *tp_msort(tp_tensor *);                                             /* along dim 0 */
TP_API tp_tensor *tp_topk(tp_tensor *, int64_t k, int dim, bool largest, tp_tensor **indices); /* in order */
TP_API tp_tensor *tp_kthvalue(tp_tensor *, int64_t k, int dim, bool keepdim, tp_tensor **indices); /* k-th smallest, from 1 on */
TP_API tp_tensor *tp_median(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);    /* lower of two; NaN if one is; TP_NO_DIM: of all, no indices */
TP_API tp_tensor *tp_nanmedian(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);
TP_API tp_tensor *tp_mode(tp_tensor *, int dim, bool keepdim, tp_tensor **indices);      /* most frequent, then smallest; its last place */

/* q: a number in [0, 1] or (Q) of them, which become the first dim.  interpolation: "linear" (NULL), "lower", "higher",
 * "midpoint", "nearest". */
TP_API tp_tensor *tp_quantile(tp_tensor *, tp_tensor *q, int dim, bool keepdim, const char *interpolation);
TP_API tp_tensor *tp_nanquantile(tp_tensor *, tp_tensor *q, int dim, bool keepdim, const char *interpolation);

/* No gradients from here on.  inverse: the number of each x among the different ones, x's shape; counts: how often each
 * stands; either may be NULL. */
TP_API tp_tensor *tp_unique(tp_tensor *, tp_tensor **inverse, tp_tensor **counts);             /* in order */
TP_API tp_tensor *tp_unique_consecutive(tp_tensor *, tp_tensor **inverse, tp_tensor **counts);
TP_API tp_tensor *tp_searchsorted(tp_tensor *sequence, tp_tensor *values, bool right); /* first place where sequence >= value; right: > */
TP_API tp_tensor *tp_bucketize(tp_tensor *, tp_tensor *boundaries, bool right);
TP_API tp_tensor *tp_isin(tp_tensor *elements, tp_tensor *test_elements, bool invert);
TP_API tp_tensor *tp_bincount(tp_tensor *, tp_tensor *weights, int64_t minlength);     /* y_k = number of x that are k; weights or NULL */
TP_API tp_tensor *tp_histc(tp_tensor *, int64_t bins, double min, double max);         /* min = max: of all of x */

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
TP_API tp_tensor *tp_linear_relu(tp_tensor *x, tp_tensor *weight, tp_tensor *bias); /* max(.., 0), in the same pass over y */
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

/* Indices are integers of any type.  Where it says so, negative ones count from the end; else they are an error, as in PyTorch. */

TP_API tp_tensor *tp_gather(tp_tensor *, int dim, tp_tensor *index);       /* y[i][j] = x[index[i][j]][j] for dim 0 */
TP_API tp_tensor *tp_index_select(tp_tensor *, int dim, tp_tensor *index); /* slices of x; index: 1-d */
TP_API tp_tensor *tp_take(tp_tensor *, tp_tensor *index);                  /* of x as one row; negative ones too */
TP_API tp_tensor *tp_take_along_dim(tp_tensor *, tp_tensor *indices, int dim); /* gather that broadcasts; TP_NO_DIM: one row; negative ones too */
TP_API tp_tensor *tp_embedding(tp_tensor *index, tp_tensor *weight, int64_t padding_idx); /* rows of weight (V, D); that row has no gradient, or TP_NO_DIM */
TP_API tp_tensor *tp_one_hot(tp_tensor *labels, int64_t classes);          /* i64 (..., classes), -1: the largest label + 1; no gradient */

/* x[i, j, ..] with indices that broadcast, as NumPy and PyTorch: NULL stands for a whole dim, a bool mask for its places;
 * negative ones too.  The indices' dims stand where the indexed dims stood if those are neighbours, else in front. */
TP_API tp_tensor *tp_index(tp_tensor *x, tp_tensor *const *indices, int n);
TP_API tp_tensor *tp_index_put(tp_tensor *x, tp_tensor *const *indices, int n, tp_tensor *values, bool accumulate);
TP_API tp_tensor *tp_index_put_(tp_tensor *x, tp_tensor *const *indices, int n, tp_tensor *values, bool accumulate);

/* x with src written at index: y[index[i][j]][j] = src[i][j] for dim 0.  The last of equal places stays. */
TP_API tp_tensor *tp_scatter(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
TP_API tp_tensor *tp_scatter_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
TP_API tp_tensor *tp_scatter_value(tp_tensor *x, int dim, tp_tensor *index, double value);
TP_API tp_tensor *tp_scatter_value_(tp_tensor *x, int dim, tp_tensor *index, double value);
TP_API tp_tensor *tp_scatter_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src); /* added, in index order */
TP_API tp_tensor *tp_scatter_add_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src);
TP_API tp_tensor *tp_scatter_reduce(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *src,
                                    const char *reduce, bool include_self); /* "sum", "prod", "mean", "amax", "amin" */

/* Whole slices: y[index[i]] += alpha source[i] for dim 0, and so on. */
TP_API tp_tensor *tp_index_add(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source, double alpha);
TP_API tp_tensor *tp_index_add_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source, double alpha);
TP_API tp_tensor *tp_index_copy(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source);
TP_API tp_tensor *tp_index_copy_(tp_tensor *x, int dim, tp_tensor *index, tp_tensor *source);
TP_API tp_tensor *tp_index_fill(tp_tensor *x, int dim, tp_tensor *index, double value); /* negative ones too */
TP_API tp_tensor *tp_index_fill_(tp_tensor *x, int dim, tp_tensor *index, double value);
TP_API tp_tensor *tp_put(tp_tensor *x, tp_tensor *index, tp_tensor *source, bool accumulate); /* x as one row; negative ones too */
TP_API tp_tensor *tp_put_(tp_tensor *x, tp_tensor *index, tp_tensor *source, bool accumulate);

/* Masks are bool and broadcast to x. */
TP_API tp_tensor *tp_masked_fill(tp_tensor *x, tp_tensor *mask, double value);              /* mask ? value : x */
TP_API tp_tensor *tp_masked_fill_(tp_tensor *x, tp_tensor *mask, double value);
TP_API tp_tensor *tp_masked_select(tp_tensor *x, tp_tensor *mask);                          /* those where mask is true, 1-d */
TP_API tp_tensor *tp_masked_scatter(tp_tensor *x, tp_tensor *mask, tp_tensor *source);      /* mask ? the next of source : x */
TP_API tp_tensor *tp_masked_scatter_(tp_tensor *x, tp_tensor *mask, tp_tensor *source);
TP_API tp_tensor *tp_nonzero(tp_tensor *);                                                  /* (n, ndim) i64: the places, row by row; no gradient */
TP_API tp_tensor *tp_argwhere(tp_tensor *);                                                 /* the same */
TP_API tp_tensor *tp_tril_indices(int64_t row, int64_t col, int64_t offset);                /* (2, n) i64: j <= i + offset */
TP_API tp_tensor *tp_triu_indices(int64_t row, int64_t col, int64_t offset);                /* j >= i + offset */

/* ---- The table of operations --------------------------------------------------------------------------- */

TP_API int tp_op_count(void);
TP_API const tp_op *tp_op_at(int);
TP_API const char *tp_op_family(int);        /* "Reductions", ...: neighbours in the table share it */
TP_API const tp_op *tp_op_find(const char *name); /* NULL, without an error, if there is none */

#ifdef __cplusplus
}
#endif

#include <taper/operands.h> /* macros of the functions' names: last */

#endif
