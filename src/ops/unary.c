/* unary.c - element-wise functions of one tensor; the activations have a file of their own.
 *
 * y = f(x) in x's shape and layout; an integer x becomes f32 where f needs it.  Each op: its backward, then its row.
 * Layer: ops.  Kernels: UNARY_KERNELS (kernels.h).  Read next: activation.c, compare.c, map.c. */
#include "base/error.h"
#include "ops/elementwise.h"

#include <float.h>
#include <math.h>

/* ---- backwards: dx = dy f'(x), in terms of x or y ------------------------------------------------------------------ */

#define BACKWARD(op, expression)                                                \
    static void op##_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx) \
    {                                                                           \
        tp_tensor *x = s->in[0], *y = s->out[0];                                \
        (void)x, (void)y;                                                       \
        dx[0] = expression;                                                     \
    }

BACKWARD(neg, tp_neg(dy))
BACKWARD(abs, tp_mul(dy, tp_sign(x)))
BACKWARD(square, tp_mul(dy, tp_mul(x, 2)))
BACKWARD(sqrt, tp_div(dy, tp_mul(y, 2)))
BACKWARD(rsqrt, tp_mul(tp_mul(dy, -0.5), tp_mul(tp_square(y), y)))
BACKWARD(reciprocal, tp_neg(tp_mul(dy, tp_square(y))))
BACKWARD(frac, dy)

BACKWARD(exp, tp_mul(dy, y))
BACKWARD(exp2, tp_mul(tp_mul(dy, y), M_LN2))
BACKWARD(expm1, tp_mul(dy, tp_add(y, 1)))
BACKWARD(log, tp_div(dy, x))
BACKWARD(log2, tp_div(dy, tp_mul(x, M_LN2)))
BACKWARD(log10, tp_div(dy, tp_mul(x, M_LN10)))
BACKWARD(log1p, tp_div(dy, tp_add(x, 1)))

BACKWARD(sin, tp_mul(dy, tp_cos(x)))
BACKWARD(cos, tp_neg(tp_mul(dy, tp_sin(x))))
BACKWARD(tan, tp_mul(dy, tp_add(tp_square(y), 1)))
BACKWARD(asin, tp_mul(dy, tp_rsqrt(tp_sub(1, tp_square(x)))))
BACKWARD(acos, tp_neg(tp_mul(dy, tp_rsqrt(tp_sub(1, tp_square(x))))))
BACKWARD(atan, tp_div(dy, tp_add(tp_square(x), 1)))
BACKWARD(sinh, tp_mul(dy, tp_cosh(x)))
BACKWARD(cosh, tp_mul(dy, tp_sinh(x)))
BACKWARD(asinh, tp_mul(dy, tp_rsqrt(tp_add(tp_square(x), 1))))
BACKWARD(acosh, tp_mul(dy, tp_rsqrt(tp_sub(tp_square(x), 1))))
BACKWARD(atanh, tp_div(dy, tp_sub(1, tp_square(x))))
BACKWARD(sinc, tp_where(tp_eq(x, 0), 0,
                        tp_mul(dy, tp_div(tp_sub(tp_cos(tp_mul(x, M_PI)), y), x)))) /* (cos(pi x) - y) / x */

BACKWARD(erf, tp_mul(tp_mul(dy, M_2_SQRTPI), tp_exp(tp_neg(tp_square(x))))) /* 2/sqrt(pi) e^(-x^2) */
BACKWARD(erfc, tp_mul(tp_mul(dy, -M_2_SQRTPI), tp_exp(tp_neg(tp_square(x)))))
BACKWARD(erfinv, tp_mul(tp_mul(dy, 1 / M_2_SQRTPI), tp_exp(tp_square(y))))
BACKWARD(lgamma, tp_mul(dy, tp_digamma(x)))
BACKWARD(digamma, tp_mul(dy, tp_polygamma(1, x)))

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

UNARY(neg, NEG, "y = -x", infer_number, 0, 0, neg_backward, any_number)
UNARY(abs, ABS, "y = |x|", infer_number, 1, 0, abs_backward, any_number)
UNARY(sign, SIGN, "y = -1, 0 or 1", infer_same, 0, 0, zero_backward, any_number)
UNARY(sqrt, SQRT, "y = x^(1/2)", infer_float, 0, 1, sqrt_backward, positive_number)
UNARY(rsqrt, RSQRT, "y = x^(-1/2)", infer_float, 0, 1, rsqrt_backward, positive_number)
UNARY(reciprocal, RECIPROCAL, "y = 1 / x", infer_float, 0, 1, reciprocal_backward, positive_number)

UNARY(floor, FLOOR, "y = largest integer <= x", infer_number, 0, 0, zero_backward, any_number)
UNARY(ceil, CEIL, "y = smallest integer >= x", infer_number, 0, 0, zero_backward, any_number)
UNARY(round, ROUND, "y = nearest integer, halves to even", infer_number, 0, 0, zero_backward, any_number)
UNARY(trunc, TRUNC, "y = nearest integer towards 0", infer_number, 0, 0, zero_backward, any_number)
UNARY(frac, FRAC, "y = x - trunc(x)", infer_only_float, 0, 0, frac_backward, any_number)

UNARY(exp, EXP, "y = e^x", infer_float, 0, 1, exp_backward, any_number)
UNARY(exp2, EXP2, "y = 2^x", infer_float, 0, 1, exp2_backward, any_number)
UNARY(expm1, EXPM1, "y = e^x - 1", infer_float, 0, 1, expm1_backward, any_number)
UNARY(log, LOG, "y = ln x", infer_float, 1, 0, log_backward, positive_number)
UNARY(log2, LOG2, "y = log x to base 2", infer_float, 1, 0, log2_backward, positive_number)
UNARY(log10, LOG10, "y = log x to base 10", infer_float, 1, 0, log10_backward, positive_number)
UNARY(log1p, LOG1P, "y = ln(1 + x)", infer_float, 1, 0, log1p_backward, positive_number)

UNARY(sin, SIN, "y = sin x", infer_float, 1, 0, sin_backward, any_number)
UNARY(cos, COS, "y = cos x", infer_float, 1, 0, cos_backward, any_number)
UNARY(tan, TAN, "y = sin x / cos x", infer_float, 0, 1, tan_backward, any_number)
UNARY(asin, ASIN, "y in [-pi/2, pi/2] with sin y = x", infer_float, 1, 0, asin_backward, unit_number)
UNARY(acos, ACOS, "y in [0, pi] with cos y = x", infer_float, 1, 0, acos_backward, unit_number)
UNARY(atan, ATAN, "y in (-pi/2, pi/2) with tan y = x", infer_float, 1, 0, atan_backward, any_number)
UNARY(sinh, SINH, "y = (e^x - e^-x) / 2", infer_float, 1, 0, sinh_backward, any_number)
UNARY(cosh, COSH, "y = (e^x + e^-x) / 2", infer_float, 1, 0, cosh_backward, any_number)
UNARY(asinh, ASINH, "y = ln(x + sqrt(x^2 + 1))", infer_float, 1, 0, asinh_backward, any_number)
UNARY(acosh, ACOSH, "y = ln(x + sqrt(x^2 - 1))", infer_float, 1, 0, acosh_backward, above_one)
UNARY(atanh, ATANH, "y = ln((1 + x) / (1 - x)) / 2", infer_float, 1, 0, atanh_backward, unit_number)
UNARY(sinc, SINC, "y = sin(pi x) / (pi x), 1 at 0", infer_float, 1, 1, sinc_backward, any_number)

UNARY(erf, ERF, "y = 2/sqrt(pi) integral from 0 to x of e^(-t^2)", infer_float, 1, 0, erf_backward,
      any_number)
UNARY(erfc, ERFC, "y = 1 - erf(x)", infer_float, 1, 0, erfc_backward, any_number)
UNARY(erfinv, ERFINV, "y with erf(y) = x", infer_float, 0, 1, erfinv_backward, unit_number)
UNARY(lgamma, LGAMMA, "y = ln |Gamma(x)|", infer_float, 1, 0, lgamma_backward, positive_number)
UNARY(digamma, DIGAMMA, "y = d/dx ln Gamma(x)", infer_float, 1, 0, digamma_backward, positive_number)

static tp_status square_infer(tp_call *c) /* bool counts */
{
    if (infer_same(c))
        return tp_error_pending();
    c->out[0]->dtype = c->out[0]->dtype == TP_BOOL ? TP_I64 : c->out[0]->dtype;
    return TP_OK;
}

UNARY(square, SQUARE, "y = x^2", square_infer, 1, 0, square_backward, any_number)

static void deg2rad_compose(tp_call *c)
{
    c->out[0] = tp_mul(c->in[0], M_PI / 180);
}

static void rad2deg_compose(tp_call *c)
{
    c->out[0] = tp_mul(c->in[0], 180 / M_PI);
}

COMPOSED(deg2rad, "y = pi x / 180", any_number)
COMPOSED(rad2deg, "y = 180 x / pi", any_number)

/* ---- polygamma ------------------------------------------------------------------------------------------------------- */

typedef struct polygamma_attrs {
    double n;
} polygamma_attrs;

static void polygamma_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const polygamma_attrs *a = s->attrs;
    dx[0] = tp_mul(dy, tp_polygamma((int64_t)a->n + 1, s->in[0]));
}

const tp_op tp_op_polygamma = {
    .name = "polygamma",
    .formula = "y = n-th derivative of digamma at x",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(polygamma_attrs),
    .attrs = (const tp_attr[]){ { "n", TP_ATTR_F64, 0, TP_REQUIRED, NULL }, { 0 } },
    .saves_in = 1,
    .infer = infer_float,
    .forward = unary_forward,
    .tag = KERNEL_POLYGAMMA,
    .backward = polygamma_backward,
    .examples = (const tp_example[]){ { "2,3@p", &(polygamma_attrs){ 1 } },
                                      { "3,5@tp", &(polygamma_attrs){ 2 } },
                                      { "0,4@p", &(polygamma_attrs){ 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_polygamma(int64_t n, tp_tensor *x)
{
    if (n < 0)
        return tp_fail_null(TP_ERR_ARGUMENT, "polygamma: n is %lld, 0 or more is wanted", (long long)n);
    return tp_apply(&tp_op_polygamma, &x, 1, &(polygamma_attrs){ (double)n });
}

/* ---- clamp ------------------------------------------------------------------------------------------------------------ */

typedef struct clamp_attrs {
    double low, high;
} clamp_attrs;

static bool is_whole(double bound)
{
    return isinf(bound) || bound == floor(bound);
}

static tp_status clamp_infer(tp_call *c)
{
    const clamp_attrs *a = c->attrs;
    if (square_infer(c))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype) && !(is_whole(a->low) && is_whole(a->high)))
        c->out[0]->dtype = TP_F32;
    return TP_OK;
}

static void clamp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const clamp_attrs *a =
        s->attrs; /* at a bound 0; a bound that is not there holds nothing back, infinity included */
    dx[0] = dy_inside(dy, s->in[0], a->low, a->high, 1, 0);
}

const tp_op tp_op_clamp = {
    .name = "clamp",
    .formula = "y = min(max(x, low), high)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(clamp_attrs),
    .attrs = (const tp_attr[]){ { "min", TP_ATTR_F64, offsetof(clamp_attrs, low), -INFINITY, NULL },
                                { "max", TP_ATTR_F64, offsetof(clamp_attrs, high), INFINITY, NULL },
                                { 0 } },
    .saves_in = 1,
    .infer = clamp_infer,
    .forward = unary_forward,
    .tag = KERNEL_CLAMP,
    .backward = clamp_backward,
    .examples = (const tp_example[]){ { "2,3", &(clamp_attrs){ -0.3, 0.4 } },
                                      { "3,5@t", &(clamp_attrs){ -INFINITY, 0.1 } },
                                      { "0,4", &(clamp_attrs){ 0, 1 } },
                                      { "4@i9", &(clamp_attrs){ 2, 5 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_clamp(tp_tensor *x, double low, double high)
{
    return tp_apply(&tp_op_clamp, &x, 1, &(clamp_attrs){ low, high });
}

tp_tensor *tp_clamp_(tp_tensor *x, double low, double high)
{
    return tp_apply_(&tp_op_clamp, &x, 1, &(clamp_attrs){ low, high });
}

/* ---- nan_to_num: posinf -inf and neginf inf, which nobody can mean, stand for the dtype's largest and smallest number ---- */

typedef struct nan_attrs {
    double nan, posinf, neginf;
} nan_attrs;

static void nan_to_num_forward(const tp_call *c)
{
    static const double largest[] = {
        [TP_F32] = FLT_MAX, [TP_F64] = DBL_MAX, [TP_F16] = 65504, [TP_BF16] = 0x1.fep127
    };
    nan_attrs a = *(const nan_attrs *)c->attrs;
    tp_dtype dtype = (tp_dtype)c->out[0]->dtype;
    if (tp_dtype_is_float(dtype)) {
        a.posinf = a.posinf == -INFINITY ? largest[dtype] : a.posinf;
        a.neginf = a.neginf == INFINITY ? -largest[dtype] : a.neginf;
    }
    unary_forward_with(c, KERNEL_NAN_TO_NUM, &a.nan);
}

static void nan_to_num_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = tp_where(tp_isfinite(s->in[0]), dy, 0);
}

const tp_op tp_op_nan_to_num = {
    .name = "nan_to_num",
    .formula = "y = x, but nan, posinf, neginf in the place of those",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(nan_attrs),
    .attrs = (const tp_attr[]){ { "nan", TP_ATTR_F64, offsetof(nan_attrs, nan), 0, NULL },
                                { "posinf", TP_ATTR_F64, offsetof(nan_attrs, posinf), -INFINITY, NULL },
                                { "neginf", TP_ATTR_F64, offsetof(nan_attrs, neginf), INFINITY, NULL },
                                { 0 } },
    .saves_in = 1,
    .infer = infer_same,
    .forward = nan_to_num_forward,
    .backward = nan_to_num_backward,
    .examples = any_number,
    .note = "posinf -inf and neginf inf, the defaults, mean the dtype's largest and smallest number",
};

static nan_attrs nan_attrs_of(const tp_nan_to_num_options *o)
{
    bool no_posinf = o->posinf == 0 && !signbit(o->posinf), no_neginf = o->neginf == 0 && !signbit(o->neginf);
    return (nan_attrs){ o->nan, no_posinf ? -INFINITY : o->posinf + 0.0,
                        no_neginf ? INFINITY : o->neginf + 0.0 };
}

tp_tensor *tp_nan_to_num_opt(tp_tensor *x, const tp_nan_to_num_options *o)
{
    nan_attrs a = nan_attrs_of(o);
    return tp_apply(&tp_op_nan_to_num, &x, 1, &a);
}

tp_tensor *tp_nan_to_num_opt_(tp_tensor *x, const tp_nan_to_num_options *o)
{
    nan_attrs a = nan_attrs_of(o);
    return tp_apply_(&tp_op_nan_to_num, &x, 1, &a);
}

/* ---- logit ------------------------------------------------------------------------------------------------------------- */

typedef struct logit_attrs {
    double eps;
} logit_attrs;

static void logit_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const logit_attrs *a = s->attrs;
    tp_tensor *x = s->in[0], *inside = tp_div(dy, tp_mul(x, tp_sub(1, x)));
    double low = a->eps < 0 ? 0 : a->eps, elsewhere = a->eps < 0 ? (double)NAN : 0;
    dx[0] = tp_where(tp_logical_and(tp_ge(x, low), tp_le(x, 1 - low)), inside, elsewhere);
}

const tp_op tp_op_logit = {
    .name = "logit",
    .formula = "y = ln(z / (1 - z)), z = x limited to [eps, 1 - eps]; eps < 0: z = x",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(logit_attrs),
    .attrs = (const tp_attr[]){ { "eps", TP_ATTR_F64, 0, -1, NULL }, { 0 } },
    .saves_in = 1,
    .infer = infer_float,
    .forward = unary_forward,
    .tag = KERNEL_LOGIT,
    .backward = logit_backward,
    .examples = (const tp_example[]){ { "2,3@u", &(logit_attrs){ -1 } },
                                      { "3,5@tu", &(logit_attrs){ 0.2 } },
                                      { "0,4@u", &(logit_attrs){ -1 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_logit(tp_tensor *x, double eps)
{
    return tp_apply(&tp_op_logit, &x, 1, &(logit_attrs){ eps });
}

tp_tensor *tp_logit_(tp_tensor *x, double eps)
{
    return tp_apply_(&tp_op_logit, &x, 1, &(logit_attrs){ eps });
}
