/* loss.c - losses by comparing: differences, margins, and densities; made of operations.
 *
 * One attribute struct serves all of them; each op's table says what its fields are called.
 * Layer: ops.  Read next: cross_entropy.c, taper/ops.h for the formulas. */
#include "ops/loss.h"
#include "ops/map.h"

#include <math.h>

#define HALF_LN_2PI 0.91893853320467274

tp_tensor *loss_reduced(tp_tensor *loss, int reduction)
{
    if (reduction == TP_NONE)
        return loss;
    tp_tensor *total =
        reduction == TP_MEAN ? tp_mean(loss, TP_ALL_DIMS, false) : tp_sum(loss, TP_ALL_DIMS, false);
    if (reduction != TP_BATCHMEAN || !total)
        return total;
    return tp_div(total, loss->ndim ? (double)loss->shape[0] : 1.0);
}

/* The one element of a check; in a dry run, which has no numbers, all is well. */
static bool holds(const tp_tensor *check)
{
    return !check || !tensor_data(check) || tp_item(check) != 0;
}

static tp_status check_same(const char *op, const tp_tensor *x, const tp_tensor *y)
{
    if (x && y && !tensor_same_shape(x, y))
        return tp_fail(TP_ERR_SHAPE, "%s: input %s and target %s differ", op, tensor_shape_text(x),
                       tensor_shape_text(y));
    return TP_OK;
}

static double number_or(double given, double otherwise) /* TP_ZERO is a given 0 */
{
    return given == 0 && !signbit(given) ? otherwise : given;
}

/* ---- differences ---------------------------------------------------------------------------------------------------- */

static tp_tensor *mse(tp_tensor *const *in, const loss_attrs *a)
{
    return check_same("mse_loss", in[0], in[1]) ? NULL
                                                : loss_reduced(tp_square(tp_sub(in[0], in[1])), a->reduction);
}

static tp_tensor *l1(tp_tensor *const *in, const loss_attrs *a)
{
    return loss_reduced(tp_abs(tp_sub(in[0], in[1])), a->reduction);
}

/* Where a formula would round at every step: half precision in f32, and back at the end. */
typedef tp_tensor *formula(tp_tensor *const *in, const loss_attrs *);

static tp_tensor *in_f32(formula *f, tp_tensor *const *in, const loss_attrs *a)
{
    if (!is_half(in[0]) || !is_half(in[1]))
        return f(in, a);
    return tp_to(f((tp_tensor *[]){ tp_float(in[0]), tp_float(in[1]) }, a), tp_dtype_of(in[0]));
}

/* ---- _huber: a parabola that goes on as two straight lines, in one pass; m = min(|x|, delta), y = m (|x| - m / 2) ---------- */

static tp_status bent_infer(tp_call *c)
{
    return tp_infer_like(c, 0);
}

static void bent_forward(const tp_call *c)
{
    unary_forward_with(c, KERNEL_HUBER, c->attrs);
}

static void bent_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double delta = *(const double *)s->attrs;
    dx[0] = tp_mul(dy, tp_clamp(s->in[0], -delta, delta));
}

const tp_op tp_op__huber = {
    .name = "_huber",
    .formula = "y = |x| < delta ? x^2 / 2 : delta (|x| - delta / 2)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(double),
    .attrs = (const tp_attr[]){ { "delta", TP_ATTR_F64, 0, 1, NULL }, { 0 } },
    .saves_in = 1,
    .infer = bent_infer,
    .forward = bent_forward,
    .backward = bent_backward,
    .examples = (const tp_example[]){ { "2,3", &(double){ 0.7 } },
                                      { "3,5@t", &(double){ 1 } },
                                      { "0,4", &(double){ 1 } },
                                      { NULL, NULL } },
};

static tp_tensor *bent(tp_tensor *const *in, double delta)
{
    tp_tensor *d = tp_sub(in[0], in[1]);
    return tp_apply(&tp_op__huber, &d, 1, &delta);
}

static tp_tensor *huber_formula(tp_tensor *const *in, const loss_attrs *a)
{
    double delta = a->number;
    if (!(delta > 0))
        return tp_fail_null(TP_ERR_ARGUMENT, "huber_loss: delta is %g, a positive number is wanted", delta);
    return loss_reduced(bent(in, delta), a->reduction);
}

static tp_tensor *smooth_l1_formula(tp_tensor *const *in, const loss_attrs *a)
{
    double beta = a->number;
    if (!(beta >= 0))
        return tp_fail_null(TP_ERR_ARGUMENT, "smooth_l1_loss: beta is %g, at least 0 is wanted", beta);
    if (beta == 0)
        return l1(in, a);
    return tp_mul(loss_reduced(bent(in, beta), a->reduction), 1 / beta);
}

static tp_tensor *huber(tp_tensor *const *in, const loss_attrs *a)
{
    return in_f32(huber_formula, in, a);
}

static tp_tensor *smooth_l1(tp_tensor *const *in, const loss_attrs *a)
{
    return in_f32(smooth_l1_formula, in, a);
}

/* ---- margins --------------------------------------------------------------------------------------------------------- */

static tp_tensor *hinge_embedding(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1], *apart = tp_clamp(tp_sub(a->number, x), 0, INFINITY);
    tp_tensor *loss = tp_add(tp_where(tp_ne(y, 1), apart, 0), tp_where(tp_ne(y, -1), x, 0));
    return loss_reduced(loss, a->reduction);
}

static tp_tensor *margin_ranking(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *gap = tp_mul(tp_neg(in[2]), tp_sub(in[0], in[1]));
    return loss_reduced(tp_clamp(tp_add(gap, a->number), 0, INFINITY), a->reduction);
}

/* ln(1 + e^-yx) without an exponential that overflows */
static tp_tensor *soft_margin(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *z = tp_neg(tp_mul(in[1], in[0]));
    tp_tensor *loss = tp_add(tp_maximum(z, 0), tp_log1p(tp_exp(tp_neg(tp_abs(z)))));
    return loss_reduced(loss, a->reduction);
}

static tp_tensor *cosine_embedding(tp_tensor *const *in, const loss_attrs *a)
{
    const double tiny = 1e-12;
    tp_tensor *x = in[0], *z = in[1], *y = in[2];
    if (x && y && (x->ndim < 1 || x->ndim > 2 || y->ndim != x->ndim - 1))
        return tp_fail_null(TP_ERR_SHAPE,
                            "cosine_embedding_loss: inputs %s and target %s; (N, D) and (N,), or (D,) and () "
                            "are wanted",
                            tensor_shape_text(x), tensor_shape_text(y));
    tp_shape last = TP_SHAPE(-1);
    tp_tensor *xx = tp_add(tp_sum(tp_square(x), last, false), tiny),
              *zz = tp_add(tp_sum(tp_square(z), last, false), tiny);
    tp_tensor *cosine = tp_div(tp_sum(tp_mul(x, z), last, false), tp_sqrt(tp_mul(xx, zz)));
    tp_tensor *apart = tp_clamp(tp_sub(cosine, a->number), 0, INFINITY);
    tp_tensor *loss = tp_add(tp_where(tp_eq(y, 1), tp_sub(1, cosine), 0), tp_where(tp_eq(y, -1), apart, 0));
    return loss_reduced(loss, a->reduction);
}

static tp_tensor *distance(tp_tensor *x, tp_tensor *y, const loss_attrs *a)
{
    return tp_norm(tp_add(tp_sub(x, y), a->eps), a->p, TP_SHAPE(-1), false);
}

static tp_tensor *triplet_margin(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *near = distance(in[0], in[1], a), *far = distance(in[0], in[2], a);
    if (a->swap)
        far = tp_minimum(far, distance(in[1], in[2], a));
    return loss_reduced(tp_clamp(tp_add(tp_sub(near, far), a->number), 0, INFINITY), a->reduction);
}

/* ---- densities --------------------------------------------------------------------------------------------------------- */

static tp_tensor *x_log_x(tp_tensor *x) /* 0 at 0 */
{
    tp_tensor *zero = tp_eq(x, 0);
    return tp_where(zero, 0, tp_mul(x, tp_log((tp_where)(zero, tp_ones_like(x), x))));
}

static tp_tensor *kl_div(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1];
    tp_tensor *loss = a->flag ? tp_mul(tp_exp(y), tp_sub(y, x)) : tp_sub(x_log_x(y), tp_mul(y, x));
    return loss_reduced(loss, a->reduction);
}

static tp_tensor *poisson_nll(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1];
    tp_tensor *loss =
        a->flag ? tp_sub(tp_exp(x), tp_mul(y, x)) : tp_sub(x, tp_mul(y, tp_log(tp_add(x, a->eps))));
    if (a->full) { /* Stirling's ln y!, for y > 1 */
        tp_tensor *above = tp_gt(y, 1), *z = tp_where(above, y, 1);
        tp_tensor *log_factorial =
            tp_add(tp_sub(tp_mul(z, tp_log(z)), z), tp_add(tp_mul(tp_log(z), 0.5), HALF_LN_2PI));
        loss = tp_add(loss, tp_where(above, log_factorial, 0));
    }
    return loss_reduced(loss, a->reduction);
}

/* 1/2 (ln var + (x - y)^2 / var), var raised to eps; the gradient goes past the raising, as in PyTorch. */
static tp_tensor *gaussian_nll(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1], *var = in[2];
    if (!x || !y || !var || tp_pending())
        return NULL;
    if (var->ndim == x->ndim - 1)
        var = tp_unsqueeze(var, -1);
    if (!(a->eps > 0) || !var)
        return tp_fail_null(TP_ERR_ARGUMENT, "gaussian_nll_loss: eps is %g, a positive number is wanted",
                            a->eps);
    if (!holds(tp_all(tp_logical_not(tp_lt(var, 0)), TP_ALL_DIMS, false)))
        return tp_fail_null(TP_ERR_ARGUMENT, "gaussian_nll_loss: var has a negative element");
    tp_tensor *still = tp_detach(var), *low = tp_lt(still, a->eps);
    var = tp_add(var, tp_where(low, tp_sub(a->eps, still), 0));
    tp_tensor *loss = tp_mul(tp_add(tp_log(var), tp_div(tp_square(tp_sub(x, y)), var)), 0.5);
    return loss_reduced(a->full ? tp_add(loss, HALF_LN_2PI) : loss, a->reduction);
}

/* ---- many labels ------------------------------------------------------------------------------------------------------- */

static tp_tensor *log_from(
    tp_tensor *x) /* max(ln x, -100), and no gradient at 0 instead of an infinite one */
{
    tp_tensor *above = tp_gt(x, 0);
    return tp_where(above, tp_clamp(tp_log((tp_where)(above, x, tp_ones_like(x))), -100, INFINITY), -100.0);
}

static tp_tensor *bce(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1];
    if (check_same("binary_cross_entropy", x, y))
        return NULL;
    if (!holds(tp_all(tp_logical_and(tp_ge(x, 0), tp_le(x, 1)), TP_ALL_DIMS, false)))
        return tp_fail_null(
            TP_ERR_ARGUMENT,
            "binary_cross_entropy: input has elements outside of [0, 1]; probabilities are wanted");
    tp_tensor *loss = tp_neg(tp_add(tp_mul(y, log_from(x)), tp_mul(tp_sub(1, y), log_from(tp_sub(1, x)))));
    return loss_reduced(in[2] ? tp_mul(loss, in[2]) : loss, a->reduction);
}

/* (1 - y) x + (1 + (p - 1) y) softplus(-x): no exponential that overflows. */
static tp_tensor *bce_with_logits(tp_tensor *const *in, const loss_attrs *a)
{
    tp_tensor *x = in[0], *y = in[1], *weight = in[2], *pos_weight = in[3];
    if (check_same("binary_cross_entropy_with_logits", x, y))
        return NULL;
    tp_tensor *log_term = tp_softplus(tp_neg(x));
    if (pos_weight)
        log_term = tp_mul(log_term, tp_add(tp_mul(tp_sub(pos_weight, 1), y), 1));
    tp_tensor *loss = tp_add(tp_mul(tp_sub(1, y), x), log_term);
    return loss_reduced(weight ? tp_mul(loss, weight) : loss, a->reduction);
}

/* ---- the table --------------------------------------------------------------------------------------------------------- */

#define NUMBER(name, otherwise) { name, TP_ATTR_F64, offsetof(loss_attrs, number), otherwise },
#define EPS(otherwise) { "eps", TP_ATTR_F64, offsetof(loss_attrs, eps), otherwise },
#define FLAG(name, field, otherwise) { name, TP_ATTR_BOOL, offsetof(loss_attrs, field), otherwise },
#define POWER { "p", TP_ATTR_F64, offsetof(loss_attrs, p), 2 },
#define NO_MORE

#define EXAMPLES(...) ((const tp_example[]){ __VA_ARGS__, { NULL, NULL } })
#define WITH(...)   \
    &(loss_attrs)   \
    {               \
        __VA_ARGS__ \
    }

#define LOSS(op, f, inputs_, n, text, words_, more, examples_)                                          \
    static void op##_compose(tp_call *c)                                                                \
    {                                                                                                   \
        c->out[0] = f(c->in, c->attrs);                                                                 \
    }                                                                                                   \
    const tp_op tp_op_##op = {                                                                          \
        .name = #op,                                                                                    \
        .formula = text,                                                                                \
        .inputs = inputs_,                                                                              \
        .n_in = n,                                                                                      \
        .attrs_size = sizeof(loss_attrs),                                                               \
        .attrs =                                                                                        \
            (const tp_attr[]){                                                                          \
                more{ "reduction", TP_ATTR_WORD, offsetof(loss_attrs, reduction), 0, words_ }, { 0 } }, \
        .compose = op##_compose,                                                                        \
        .examples = examples_,                                                                          \
    };

#define PAIRS EXAMPLES({ "3,4 3,4", NULL }, { "5@t 5", WITH(TP_SUM) }, { "2,3@t 2,3", WITH(TP_NONE) })

LOSS(mse_loss, mse, "input target", 2, "mean of (x - y)^2", LOSS_WORDS, NO_MORE, PAIRS)
LOSS(l1_loss, l1, "input target", 2, "mean of |x - y|", LOSS_WORDS, NO_MORE, PAIRS)
LOSS(huber_loss, huber, "input target", 2,
     "d = |x - y|: mean of d^2 / 2 where d <= delta, else delta (d - delta / 2)", LOSS_WORDS,
     NUMBER("delta", 1),
     EXAMPLES({ "3,4 3,4", NULL }, { "3,4 3,4", WITH(TP_SUM, 0.3) }, { "2,3 2,3", WITH(TP_NONE, 0.7) }))
LOSS(smooth_l1_loss, smooth_l1, "input target", 2,
     "d = |x - y|: mean of d^2 / (2 beta) where d < beta, else d - beta / 2", LOSS_WORDS, NUMBER("beta", 1),
     EXAMPLES({ "3,4 3,4", NULL }, { "3,4 3,4", WITH(TP_SUM, 0.3) }, { "2,3 2,3", WITH(TP_NONE, 0) }))
LOSS(hinge_embedding_loss, hinge_embedding, "input target", 2,
     "mean of x where y = 1, max(margin - x, 0) where y = -1", LOSS_WORDS, NUMBER("margin", 1),
     EXAMPLES({ "3,4 3,4@b", NULL }, { "5 5@b", WITH(TP_NONE, 0.5) }))
LOSS(margin_ranking_loss, margin_ranking, "input1 input2 target", 3, "mean of max(-y (x1 - x2) + margin, 0)",
     LOSS_WORDS, NUMBER("margin", 0), EXAMPLES({ "7 7 7", NULL }, { "3,2 3,2 3,2", WITH(TP_SUM, 0.5) }))
LOSS(soft_margin_loss, soft_margin, "input target", 2, "mean of ln(1 + e^(-y x))", LOSS_WORDS, NO_MORE, PAIRS)
LOSS(cosine_embedding_loss, cosine_embedding, "input1 input2 target", 3,
     "mean of 1 - cos where y = 1, max(cos - margin, 0) where y = -1", LOSS_WORDS, NUMBER("margin", 0),
     EXAMPLES({ "3,4 3,4 3@b", NULL }, { "5 5 s@b", WITH(TP_SUM, 0.5) }))
LOSS(triplet_margin_loss, triplet_margin, "anchor positive negative", 3,
     "mean of max(|a - p| - |a - n| + margin, 0), |.| the p-norm along the last dim", LOSS_WORDS,
     NUMBER("margin", 1) POWER EPS(1e-6) FLAG("swap", swap, 0),
     EXAMPLES({ "3,4 3,4 3,4", NULL }, { "3,4 3,4 3,4", WITH(TP_NONE, 0.5, 2, 1e-6, .swap = true) }))
LOSS(kl_div, kl_div, "input target", 2, "mean of y (ln y - x); of e^y (y - x) with log_target",
     LOSS_WORDS " batchmean", FLAG("log_target", flag, 0),
     EXAMPLES({ "3,4 3,4@u", NULL }, { "3,4 3,4", WITH(TP_BATCHMEAN, .flag = true) },
              { "5 5@u", WITH(TP_NONE) }))
LOSS(poisson_nll_loss, poisson_nll, "input target", 2,
     "mean of e^x - y x; of x - y ln(x + eps) without log_input", LOSS_WORDS,
     FLAG("log_input", flag, 1) FLAG("full", full, 0) EPS(1e-8),
     EXAMPLES({ "3,4 3,4@p", NULL }, { "3,4@p 3,4@g", WITH(TP_SUM, .eps = 1e-8, .full = true) }))
LOSS(gaussian_nll_loss, gaussian_nll, "input target var", 3, "mean of (ln var + (x - y)^2 / var) / 2",
     LOSS_WORDS, FLAG("full", full, 0) EPS(1e-6),
     EXAMPLES({ "3,4 3,4 3,4@p", NULL }, { "3,4 3,4 3@p", WITH(TP_SUM, .eps = 1e-6, .full = true) }))
LOSS(binary_cross_entropy, bce, "input target weight?", 3,
     "mean of -w [y ln x + (1 - y) ln(1 - x)], logarithms at least -100", LOSS_WORDS, NO_MORE,
     EXAMPLES({ "3,4@u 3,4@u -", NULL }, { "3,4@u 3,4@u 4@p", WITH(TP_SUM) }))
LOSS(binary_cross_entropy_with_logits, bce_with_logits, "input target weight? pos_weight?", 4,
     "mean of -w [p y ln sigmoid(x) + (1 - y) ln(1 - sigmoid(x))]", LOSS_WORDS, NO_MORE,
     EXAMPLES({ "3,4 3,4@u - -", NULL }, { "3,4 3,4@u 3,1@p 4@p", WITH(TP_SUM) },
              { "2,3 2,3@u - 3@p", WITH(TP_NONE) }))

/* ---- public -------------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_mse_loss_opt(tp_tensor *input, tp_tensor *target, const tp_mse_options *o)
{
    TP_SCOPE;
    tp_tensor *loss = tp_apply(&tp_op_mse_loss, (tp_tensor *[]){ input, target }, 2, WITH((int)o->reduction));
    return tp_keep(o->half ? tp_mul(loss, 0.5) : loss);
}

tp_tensor *tp_binary_cross_entropy_with_logits_opt(tp_tensor *x, tp_tensor *y, const tp_bce_options *o)
{
    return tp_apply(&tp_op_binary_cross_entropy_with_logits,
                    (tp_tensor *[]){ x, y, o->weight, o->pos_weight }, 4, WITH((int)o->reduction));
}

tp_tensor *tp_binary_cross_entropy_opt(tp_tensor *x, tp_tensor *y, const tp_bce_options *o)
{
    return tp_apply(&tp_op_binary_cross_entropy, (tp_tensor *[]){ x, y, o->weight }, 3,
                    WITH((int)o->reduction));
}

tp_tensor *tp_l1_loss(tp_tensor *x, tp_tensor *y, tp_reduction reduction)
{
    return tp_apply(&tp_op_l1_loss, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction));
}

tp_tensor *tp_smooth_l1_loss(tp_tensor *x, tp_tensor *y, double beta, tp_reduction reduction)
{
    return tp_apply(&tp_op_smooth_l1_loss, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction, beta));
}

tp_tensor *tp_huber_loss(tp_tensor *x, tp_tensor *y, double delta, tp_reduction reduction)
{
    return tp_apply(&tp_op_huber_loss, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction, delta));
}

tp_tensor *tp_hinge_embedding_loss(tp_tensor *x, tp_tensor *y, double margin, tp_reduction reduction)
{
    return tp_apply(&tp_op_hinge_embedding_loss, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction, margin));
}

tp_tensor *tp_margin_ranking_loss(tp_tensor *x1, tp_tensor *x2, tp_tensor *y, double margin,
                                  tp_reduction reduction)
{
    return tp_apply(&tp_op_margin_ranking_loss, (tp_tensor *[]){ x1, x2, y }, 3,
                    WITH((int)reduction, margin));
}

tp_tensor *tp_soft_margin_loss(tp_tensor *x, tp_tensor *y, tp_reduction reduction)
{
    return tp_apply(&tp_op_soft_margin_loss, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction));
}

tp_tensor *tp_cosine_embedding_loss(tp_tensor *x1, tp_tensor *x2, tp_tensor *y, double margin,
                                    tp_reduction reduction)
{
    return tp_apply(&tp_op_cosine_embedding_loss, (tp_tensor *[]){ x1, x2, y }, 3,
                    WITH((int)reduction, margin));
}

tp_tensor *tp_triplet_margin_loss_opt(tp_tensor *anchor, tp_tensor *positive, tp_tensor *negative,
                                      const tp_triplet_options *o)
{
    loss_attrs a = { (int)o->reduction, number_or(o->margin, 1), number_or(o->p, 2), number_or(o->eps, 1e-6),
                     .swap = o->swap };
    return tp_apply(&tp_op_triplet_margin_loss, (tp_tensor *[]){ anchor, positive, negative }, 3, &a);
}

tp_tensor *tp_kl_div(tp_tensor *x, tp_tensor *y, bool log_target, tp_reduction reduction)
{
    return tp_apply(&tp_op_kl_div, (tp_tensor *[]){ x, y }, 2, WITH((int)reduction, .flag = log_target));
}

tp_tensor *tp_poisson_nll_loss_opt(tp_tensor *x, tp_tensor *y, const tp_nll_density_options *o)
{
    loss_attrs a = { (int)o->reduction, .eps = number_or(o->eps, 1e-8), .flag = !o->not_log,
                     .full = o->full };
    return tp_apply(&tp_op_poisson_nll_loss, (tp_tensor *[]){ x, y }, 2, &a);
}

tp_tensor *tp_gaussian_nll_loss_opt(tp_tensor *x, tp_tensor *y, tp_tensor *var,
                                    const tp_nll_density_options *o)
{
    loss_attrs a = { (int)o->reduction, .eps = number_or(o->eps, 1e-6), .full = o->full };
    return tp_apply(&tp_op_gaussian_nll_loss, (tp_tensor *[]){ x, y, var }, 3, &a);
}
