/* binary.c - element-wise functions of two tensors: arithmetic, powers, angles, divisions.
 *
 * Shapes broadcast from the right, dtypes promote.  The engine sums gradients back to each input's shape, so a
 * backward here thinks element by element.
 * Layer: ops.  Kernels: BINARY_KERNELS (kernels.h).  Read next: compare.c, ternary.c, map.c, reduce.c. */
#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* ---- add, sub: z = x + alpha y; attrs NULL means alpha = 1, and costs nothing ------------------------------------------ */

typedef struct alpha_attrs {
    double alpha;
} alpha_attrs;

static double alpha_of(const void *attrs)
{
    return attrs ? ((const alpha_attrs *)attrs)->alpha : 1;
}

static tp_status alpha_infer(tp_call *c)
{
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    double alpha = alpha_of(c->attrs);
    if (alpha != floor(alpha) && !tp_dtype_is_float(c->out[0]->dtype))
        return tp_fail(TP_ERR_ARGUMENT, "%s: alpha is %g, integers want an integer", c->op->name, alpha);
    return TP_OK;
}

static tp_status sub_infer(tp_call *c)
{
    if (c->in[0]->dtype == TP_BOOL || c->in[1]->dtype == TP_BOOL)
        return tp_fail(TP_ERR_DTYPE,
                       "sub: got %s and %s, wants numbers (bool has logical_not, logical_xor ...)",
                       tp_dtype_name(c->in[0]->dtype), tp_dtype_name(c->in[1]->dtype));
    return alpha_infer(c);
}

static void add_forward(const tp_call *c)
{
    if (alpha_of(c->attrs) == 1)
        binary_forward(c);
    else
        ternary_forward_with(c, KERNEL_ADD_SCALED, c->in[1], c->attrs);
}

static void sub_forward(const tp_call *c)
{
    if (alpha_of(c->attrs) == 1)
        binary_forward(c);
    else
        ternary_forward_with(c, KERNEL_ADD_SCALED, c->in[1], &(double){ -alpha_of(c->attrs) });
}

static void add_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double alpha = alpha_of(s->attrs);
    dx[0] = dx[1] = dy;
    if (alpha != 1 && s->needs[1])
        dx[1] = tp_mul(dy, alpha);
}

static void sub_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double alpha = alpha_of(s->attrs);
    dx[0] = dy;
    if (s->needs[1])
        dx[1] = alpha == 1 ? tp_neg(dy) : tp_mul(dy, -alpha);
}

#define WITH_ALPHA(op, KERNEL, text, rule)                                                 \
    const tp_op tp_op_##op = {                                                             \
        .name = #op,                                                                       \
        .formula = text,                                                                   \
        .inputs = "x y",                                                                   \
        .n_in = 2,                                                                         \
        .attrs_size = sizeof(alpha_attrs),                                                 \
        .attrs = (const tp_attr[]){ { "alpha", TP_ATTR_F64, 0, 1, NULL }, { 0 } },         \
        .infer = rule,                                                                     \
        .forward = op##_forward,                                                           \
        .tag = KERNEL_##KERNEL,                                                            \
        .backward = op##_backward,                                                         \
        .examples = (const tp_example[]){ { "2,3 2,3", NULL },                             \
                                          { "4,1,3 2,1", &(alpha_attrs){ 2.5 } },          \
                                          { "3,5@t 3,5", NULL },                           \
                                          { "s 7", &(alpha_attrs){ -2 } },                 \
                                          { "0,3 1,3", NULL },                             \
                                          { "33 33", NULL },                               \
                                          { "5@i9 5@i9", &(alpha_attrs){ 3 } },            \
                                          { NULL, NULL } },                                \
    };                                                                                     \
    tp_tensor *(tp_##op##_alpha)(tp_tensor * x, tp_tensor * y, double alpha)               \
    {                                                                                      \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, &(alpha_attrs){ alpha }); \
    }

WITH_ALPHA(add, ADD, "z = x + alpha y", alpha_infer)
WITH_ALPHA(sub, SUB, "z = x - alpha y", sub_infer)
TWO_INPUTS(add)
TWO_INPUTS(sub)
IN_PLACE(add)
IN_PLACE(sub)

/* ---- add_relu: where a residual network's branches meet, one pass and one tensor instead of two ------------------------------- */

static tp_status add_relu_infer(tp_call *c)
{
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype))
        return tp_fail(TP_ERR_DTYPE, "add_relu: got %s and %s, floats are wanted",
                       tp_dtype_name(c->in[0]->dtype), tp_dtype_name(c->in[1]->dtype));
    return TP_OK;
}

static void add_relu_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dx[1] = through_relu(dy, s->out[0]);
}

BINARY(add_relu, ADD_RELU, "z = max(x + y, 0)", "x y", add_relu_infer, 0, 0, 1, add_relu_backward, any_pair)
TWO_INPUTS(add_relu)

/* ---- mul --------------------------------------------------------------------------------------------------------------- */

static void mul_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_mul(dy, s->in[1]);
    if (s->needs[1])
        dx[1] = tp_mul(dy, s->in[0]);
}

BINARY(mul, MUL, "z = x y", "x y", tp_infer_broadcast, 0, 3, 0, mul_backward, any_pair)
TWO_INPUTS(mul)
IN_PLACE(mul)

/* ---- div: true, or rounded; fmod, remainder ------------------------------------------------------------------------------- */

typedef struct div_attrs {
    int rounding_mode; /* tp_rounding */
} div_attrs;

static int mode_of(const void *attrs) /* NULL: none */
{
    return attrs ? ((const div_attrs *)attrs)->rounding_mode : TP_ROUND_NONE;
}

static tp_status div_infer(tp_call *c)
{
    return mode_of(c->attrs) == TP_ROUND_NONE ? infer_float(c) : infer_divisor(c);
}

static void div_forward(const tp_call *c)
{
    static const binary_kernel kernels[] = { KERNEL_DIV, KERNEL_DIV_TRUNC, KERNEL_DIV_FLOOR };
    binary_forward_with(c, kernels[mode_of(c->attrs)]);
}

static void div_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *b = s->in[1];
    if (mode_of(s->attrs) != TP_ROUND_NONE) {
        zero_backward(s, dy, dx);
        return;
    }
    if (s->needs[0])
        dx[0] = tp_div(dy, b);
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(dy, tp_div(tp_div(s->in[0], b), b)));
}

const tp_op tp_op_div = {
    .name = "div",
    .formula = "z = x / y; trunc: towards 0, floor: downwards",
    .inputs = "x y",
    .n_in = 2,
    .attrs_size = sizeof(div_attrs),
    .attrs = (const tp_attr[]){ { "rounding_mode", TP_ATTR_WORD, 0, 0, "none trunc floor" }, { 0 } },
    .saves_in = 2,
    .saves_for_others = 1,
    .infer = div_infer,
    .forward = div_forward,
    .backward = div_backward,
    .examples = (const tp_example[]){ { "2,3@p 2,3@p", NULL },
                                      { "4,1,3@p 2,1@p", NULL },
                                      { "3,5@tp 3,5@p", NULL },
                                      { "s@p 7@p", NULL },
                                      { "0,3@p 1,3@p", NULL },
                                      { "3,5 3,5@p", &(div_attrs){ TP_ROUND_TRUNC } },
                                      { "3,5 3,5@p", &(div_attrs){ TP_ROUND_FLOOR } },
                                      { "3@i9 3@i9", NULL },
                                      { NULL, NULL } },
};

TWO_INPUTS(div)
IN_PLACE(div)

tp_tensor *(tp_div_rounded)(tp_tensor *x, tp_tensor *y, tp_rounding mode)
{
    return tp_apply(&tp_op_div, (tp_tensor *[]){ x, y }, 2, &(div_attrs){ (int)mode });
}

tp_tensor *(tp_div_rounded_)(tp_tensor *x, tp_tensor *y, tp_rounding mode)
{
    return tp_apply_(&tp_op_div, (tp_tensor *[]){ x, y }, 2, &(div_attrs){ (int)mode });
}

static void fmod_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(dy, tp_div_rounded(s->in[0], s->in[1], TP_ROUND_TRUNC)));
}

static void remainder_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(dy, tp_div_rounded(s->in[0], s->in[1], TP_ROUND_FLOOR)));
}

#define BOTH(op) TWO_INPUTS(op) IN_PLACE(op)

BINARY(floor_divide, DIV_FLOOR, "z = floor(x / y)", "x y", infer_divisor, 0, 0, 0, zero_backward,
       positive_pair)
BINARY(fmod, FMOD, "z = x - y trunc(x / y): the sign of x", "x y", infer_divisor, 2, 1, 0, fmod_backward,
       any_pair)
BINARY(remainder, REMAINDER, "z = x - y floor(x / y): the sign of y", "x y", infer_divisor, 2, 1, 0,
       remainder_backward, any_pair)
BOTH(floor_divide)
BOTH(fmod)
BOTH(remainder)

/* ---- pow, maximum, minimum, fmax, fmin -------------------------------------------------------------------------------------- */

static tp_status pow_infer(tp_call *c)
{
    const tp_tensor *e = c->in[1];
    if (infer_number(c))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype) && e->is_number && tensor_data(e) && tp_item(e) < 0)
        return tp_fail(TP_ERR_ARGUMENT, "pow: the exponent of integers is %g, 0 or more is wanted",
                       tp_item(e));
    return TP_OK;
}

/* a^n for a number n: n a^(n-1), without where the general rule asks */
static tp_tensor *constant_slope(tp_tensor *a, double n)
{
    return n == 0 ? tp_zeros_like(a) : n == 1 ? NULL : n == 2 ? tp_mul(a, 2) : tp_mul(tp_pow(a, n - 1), n);
}

static void pow_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *y = s->out[0], *a = tp_to(s->in[0], tp_dtype_of(y)), *b = tp_to(s->in[1], tp_dtype_of(y));
    if (s->needs[0] && s->in[1]->is_number) {
        tp_tensor *slope = constant_slope(a, tp_item(s->in[1]));
        dx[0] = slope ? tp_mul(dy, slope) : dy;
    } else if (s->needs[0]) /* b a^(b-1), and 0 where b = 0 whatever a is */
        dx[0] = tp_where(tp_eq(b, 0), 0, tp_mul(dy, tp_mul(b, tp_pow(a, tp_sub(b, 1)))));
    if (s->needs[1]) /* y ln a, and 0 where a = 0 and b >= 0 */
        dx[1] = tp_where(tp_logical_and(tp_eq(a, 0), tp_ge(b, 0)), 0, tp_mul(dy, tp_mul(y, tp_log(a))));
}

BINARY(pow, POW, "z = x^y", "x y", pow_infer, 3, 0, 1, pow_backward, positive_pair)
BOTH(pow)

static void float_power_compose(tp_call *c)
{
    c->out[0] = tp_pow(tp_to(c->in[0], TP_F64), tp_to(c->in[1], TP_F64));
}

static void ldexp_compose(tp_call *c)
{
    c->out[0] = tp_mul(c->in[0], tp_exp2(c->in[1]));
}

#define COMPOSED_2(op, text, samples)                   \
    const tp_op tp_op_##op = { .name = #op,             \
                               .formula = text,         \
                               .inputs = "x y",         \
                               .n_in = 2,               \
                               .compose = op##_compose, \
                               .examples = samples };   \
    BOTH(op)

COMPOSED_2(float_power, "z = x^y in f64", positive_pair)
COMPOSED_2(ldexp, "z = x 2^y", any_pair)

/* All of dy to the winner, half to each of two equals. */
static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx, tp_tensor *a_wins,
                             tp_tensor *b_wins)
{
    tp_tensor *shared = tp_where(tp_eq(s->in[0], s->in[1]), tp_mul(dy, 0.5), dy);
    dx[0] = tp_where(b_wins, 0, shared);
    dx[1] = tp_where(a_wins, 0, shared);
}

static void maximum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    extreme_backward(s, dy, dx, tp_gt(s->in[0], s->in[1]), tp_lt(s->in[0], s->in[1]));
}

static void minimum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    extreme_backward(s, dy, dx, tp_lt(s->in[0], s->in[1]), tp_gt(s->in[0], s->in[1]));
}

/* A NaN loses: it counts as smaller (larger) than everything. */
static void fmax_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0], *y = s->in[1];
    extreme_backward(s, dy, dx, tp_logical_or(tp_gt(x, y), tp_isnan(y)),
                     tp_logical_and(tp_logical_or(tp_lt(x, y), tp_isnan(x)), tp_logical_not(tp_isnan(y))));
}

static void fmin_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0], *y = s->in[1];
    extreme_backward(s, dy, dx, tp_logical_or(tp_lt(x, y), tp_isnan(y)),
                     tp_logical_and(tp_logical_or(tp_gt(x, y), tp_isnan(x)), tp_logical_not(tp_isnan(y))));
}

BINARY(maximum, MAXIMUM, "z = max(x, y)", "x y", tp_infer_broadcast, 3, 0, 0, maximum_backward, any_pair)
BINARY(minimum, MINIMUM, "z = min(x, y)", "x y", tp_infer_broadcast, 3, 0, 0, minimum_backward, any_pair)
BINARY(fmax, FMAX, "z = max(x, y), of a number and a NaN the number", "x y", tp_infer_broadcast, 3, 0, 0,
       fmax_backward, any_pair)
BINARY(fmin, FMIN, "z = min(x, y), of a number and a NaN the number", "x y", tp_infer_broadcast, 3, 0, 0,
       fmin_backward, any_pair)
BOTH(maximum)
BOTH(minimum)
BOTH(fmax)
BOTH(fmin)

/* ---- angles and lengths --------------------------------------------------------------------------------------------------- */

static void atan2_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *y = s->in[0], *x = s->in[1], *square = tp_add(tp_square(x), tp_square(y));
    tp_tensor *scaled = tp_where(tp_eq(square, 0), 0, tp_div(dy, square)); /* at the origin 0 */
    if (s->needs[0])
        dx[0] = tp_mul(scaled, x);
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(scaled, y));
}

static void hypot_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    for (int i = 0; i < 2; i++)
        if (s->needs[i])
            dx[i] = tp_mul(dy, tp_div(s->in[i], s->out[0]));
}

BINARY(atan2, ATAN2, "z = angle of (x, y), in [-pi, pi]", "y x", infer_float, 3, 0, 0, atan2_backward,
       any_pair)
BINARY(hypot, HYPOT, "z = sqrt(x^2 + y^2)", "x y", infer_only_float, 3, 0, 1, hypot_backward, any_pair)
BOTH(atan2)
BOTH(hypot)

/* ---- logarithms ------------------------------------------------------------------------------------------------------------ */

static void xlogy_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0], *y = s->in[1];
    if (s->needs[0]) /* log y, but 0 where that is no number and x = 0 does not ask for it */
        dx[0] = tp_where(tp_logical_and(tp_eq(x, 0), tp_le(y, 0)), 0, tp_mul(dy, tp_log(y)));
    if (s->needs[1])
        dx[1] = tp_div(tp_mul(dy, x), y);
}

/* d/dx = 1 / (1 + b^(y - x)) */
static void logaddexp_pass(const tp_saved *s, tp_tensor *dy, tp_tensor **dx, double ln_base)
{
    tp_tensor *apart = tp_sub(s->in[0], s->in[1]);
    if (ln_base != 1)
        apart = tp_mul(apart, ln_base);
    if (s->needs[0])
        dx[0] = tp_mul(dy, tp_sigmoid(apart));
    if (s->needs[1])
        dx[1] = tp_mul(dy, tp_sigmoid(tp_neg(apart)));
}

static void logaddexp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    logaddexp_pass(s, dy, dx, 1);
}

static void logaddexp2_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    logaddexp_pass(s, dy, dx, M_LN2);
}

BINARY(xlogy, XLOGY, "z = x ln y, 0 where x = 0", "x y", infer_float, 3, 0, 0, xlogy_backward, positive_pair)
BINARY(logaddexp, LOGADDEXP, "z = ln(e^x + e^y)", "x y", infer_only_float, 3, 0, 0, logaddexp_backward,
       any_pair)
BINARY(logaddexp2, LOGADDEXP2, "z = log(2^x + 2^y) to base 2", "x y", infer_only_float, 3, 0, 0,
       logaddexp2_backward, any_pair)
BOTH(xlogy)
BOTH(logaddexp)
BOTH(logaddexp2)

/* ---- signs and neighbours --------------------------------------------------------------------------------------------------- */

static void copysign_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0];
    if (s->needs[0])
        dx[0] = tp_mul(dy, tp_mul(tp_sign(x), tp_copysign(tp_ones_like(dy), s->in[1])));
    if (s->needs[1])
        dx[1] = tp_zeros_like(dy);
}

static void nextafter_backward(const tp_saved *s, tp_tensor *dy,
                               tp_tensor **dx) /* of two equals it is the second */
{
    tp_tensor *same = tp_eq(s->in[0], s->in[1]);
    dx[0] = tp_where(same, 0, dy);
    dx[1] = tp_where(same, dy, 0);
}

static tp_status heaviside_infer(tp_call *c)
{
    return check_one_dtype(c) ? tp_error_pending() : tp_infer_broadcast(c);
}

/* The halves step in their own bits: as sign and magnitude they are in the order of their values. */
static void nextafter_body(const void *context, void *const *ptr, const int64_t *step, int64_t n)
{
    const uint16_t infinity = *(const uint16_t *)context, *a = ptr[1], *b = ptr[2];
    uint16_t *y = ptr[0];
    for (int64_t i = 0; i < n; i++) {
        uint16_t x = a[i * step[1]], to = b[i * step[2]], size = x & 0x7fff, goal = to & 0x7fff;
        int at = x >> 15 ? -size : size, end = to >> 15 ? -goal : goal;
        if (size > infinity || goal > infinity) /* a NaN */
            y[i] = infinity | 0x40 | infinity >> 1;
        else if (at == end)
            y[i] = to;
        else if (size == 0)
            y[i] = (uint16_t)((end < 0 ? 0x8000 : 0) | 1);
        else
            y[i] = (uint16_t)((at < end) == (at > 0) ? x + 1 : x - 1);
    }
}

static void nextafter_forward(const tp_call *c)
{
    static const uint16_t infinity[] = { [TP_F16] = 0x7c00, [TP_BF16] = 0x7f80 };
    tp_dtype dtype = (tp_dtype)c->out[0]->dtype;
    if (dtype != TP_F16 && dtype != TP_BF16) {
        binary_forward(c);
        return;
    }
    map m = { .body = nextafter_body, .context = &infinity[dtype] };
    map_tensors(&m, c->kernels, c->out[0], (const tp_tensor *[]){ c->in[0], c->in[1] }, 2);
    m.computed[0] = m.computed[1] = m.computed[2] = dtype;
    map_run(&m);
}

BINARY(copysign, COPYSIGN, "z = |x| with the sign of y", "x y", infer_float, 3, 0, 0, copysign_backward,
       any_pair)
BOTH(copysign)

const tp_op tp_op_nextafter = {
    .name = "nextafter",
    .formula = "z = the number next to x on the way to y",
    .inputs = "x y",
    .n_in = 2,
    .saves_in = 3,
    .infer = infer_only_float,
    .forward = nextafter_forward,
    .tag = KERNEL_NEXTAFTER,
    .backward = nextafter_backward,
    .examples = any_pair,
};
BOTH(nextafter)

const tp_op tp_op_heaviside = {
    .name = "heaviside",
    .formula = "z = x < 0 ? 0 : x > 0 ? 1 : y",
    .inputs = "x y",
    .n_in = 2,
    .not_differentiable = true,
    .infer = heaviside_infer,
    .forward = binary_forward,
    .tag = KERNEL_HEAVISIDE,
    .examples = any_pair,
};
BOTH(heaviside)
