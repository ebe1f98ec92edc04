/* loss.c - losses, made of operations: mean squared error, cross entropy, binary cross entropy.
 *
 * Layer: ops.  Read next: softmax.c, taper/ops.h for the formulas. */
#include "ops/ops.h"

static tp_tensor *reduced(tp_tensor *loss, tp_reduction reduction)
{
    if (reduction == TP_NONE)
        return loss;
    return reduction == TP_SUM ? tp_sum(loss, TP_ALL_DIMS, false) : tp_mean(loss, TP_ALL_DIMS, false);
}

tp_tensor *tp_mse_loss_opt(tp_tensor *input, tp_tensor *target, const tp_mse_options *o)
{
    if (input && target && !tensor_same_shape(input, target))
        return tp_fail_null(TP_ERR_SHAPE, "mse_loss: input %s and target %s differ", tensor_shape_text(input),
                            tensor_shape_text(target));
    TP_SCOPE;
    tp_tensor *loss = reduced(tp_square(tp_sub(input, target)), o->reduction);
    return tp_keep(o->half ? tp_mul(loss, 0.5) : loss);
}

/* ---- cross entropy -------------------------------------------------------------------------------------------------- */

static tp_status check_cross_entropy(const tp_tensor *x, const tp_tensor *target,
                                     const tp_cross_entropy_options *o)
{
    if (x->ndim < 1)
        return tp_fail(TP_ERR_SHAPE, "cross_entropy: logits are a scalar, (N, C, ...) is wanted");
    int dim = x->ndim > 1;
    int64_t classes = x->shape[dim];
    bool fits = tp_dtype_is_float((tp_dtype)target->dtype) ? tensor_same_shape(x, target)
                                                           : target->ndim == x->ndim - 1;
    for (int i = 0; i < target->ndim && fits && target->ndim < x->ndim; i++)
        fits = target->shape[i] == x->shape[i + (i >= dim)];
    if (!fits)
        return tp_fail(TP_ERR_SHAPE,
                       "cross_entropy: logits %s, target %s: class indices (N, ...) or probabilities of the "
                       "logits' shape are wanted",
                       tensor_shape_text(x), tensor_shape_text(target));
    if (o->weight && (o->weight->ndim != 1 || o->weight->shape[0] != classes))
        return tp_fail(TP_ERR_SHAPE, "cross_entropy: weight %s, (%lld,) is wanted",
                       tensor_shape_text(o->weight), (long long)classes);
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1))
        return tp_fail(TP_ERR_ARGUMENT, "cross_entropy: label_smoothing is %g, [0, 1] is wanted",
                       o->label_smoothing);
    return TP_OK;
}

/* The weight of each class along dim of x. */
static tp_tensor *weight_along(tp_tensor *weight, const tp_tensor *x, int dim)
{
    tp_shape shape = { .ndim = x->ndim };
    for (int i = 0; i < x->ndim; i++)
        shape.dim[i] = i == dim ? x->shape[i] : 1;
    return tp_reshape(weight, shape);
}

/* -sum_c w_c q_c log p_c, q smoothed; the mean is over N and the other dims, not over classes. */
static tp_tensor *with_probabilities(tp_tensor *logp, tp_tensor *q, int dim,
                                     const tp_cross_entropy_options *o)
{
    double smoothing = o->label_smoothing;
    if (smoothing > 0)
        q = tp_add(tp_mul(q, 1 - smoothing), smoothing / (double)tp_size(logp, dim));
    tp_tensor *terms = tp_mul(logp, q);
    if (o->weight && logp)
        terms = tp_mul(terms, weight_along(o->weight, logp, dim));
    tp_tensor *loss = tp_neg(tp_sum(terms, TP_SHAPE(dim), false));
    return reduced(loss, o->reduction);
}

static tp_tensor *with_indices(tp_tensor *logp, tp_tensor *target, int dim, const tp_cross_entropy_options *o)
{
    int64_t ignored = o->ignore_zero ? 0 : o->ignore_index ? o->ignore_index : -100;
    tp_tensor *index = tp_unsqueeze(tp_long(target), dim), *counts = tp_ne(index, ignored);
    bool all_count = tp_item(tp_all(counts, TP_ALL_DIMS, false)) == 1;
    if (!all_count)
        index = tp_where(counts, index, 0);
    if (!index || check_indices("cross_entropy: target", index, logp->shape[dim]))
        return NULL;
    tp_tensor *nll = tp_neg(tp_gather(logp, dim, index)), *weight = NULL;
    if (o->weight) {
        tp_shape wide = tp_shape_of(logp);
        weight = tp_gather(tp_expand(weight_along(o->weight, logp, dim), wide), dim, index);
    }
    if (!all_count)
        weight = weight ? tp_where(counts, weight, 0) : tp_to(counts, tp_dtype_of(logp));
    if (weight)
        nll = tp_mul(nll, weight);
    double smoothing = o->label_smoothing;
    tp_tensor *smooth = NULL;
    if (smoothing > 0) { /* the same for the uniform distribution over classes, each with its own weight */
        tp_tensor *terms = o->weight ? tp_mul(logp, weight_along(o->weight, logp, dim)) : logp;
        smooth = tp_neg(tp_sum(terms, TP_SHAPE(dim), true));
        if (!all_count)
            smooth = tp_where(counts, smooth, 0);
        nll = tp_add(tp_mul(nll, 1 - smoothing), tp_mul(smooth, smoothing / (double)logp->shape[dim]));
    }
    if (o->reduction == TP_NONE)
        return tp_squeeze(nll, dim);
    if (o->reduction == TP_SUM || !weight)
        return reduced(nll, o->reduction);
    return tp_div(tp_sum(nll, TP_ALL_DIMS, false), tp_sum(weight, TP_ALL_DIMS, false));
}

tp_tensor *tp_cross_entropy_opt(tp_tensor *logits, tp_tensor *target, const tp_cross_entropy_options *o)
{
    if (!logits || !target || tp_pending())
        return tp_pending()
                   ? NULL
                   : tp_fail_null(TP_ERR_ARGUMENT, "cross_entropy: %s is NULL", logits ? "target" : "logits");
    if (check_cross_entropy(logits, target, o))
        return NULL;
    TP_SCOPE;
    int dim = logits->ndim > 1;
    tp_tensor *logp = tp_log_softmax(logits, dim);
    if (!logp)
        return NULL;
    return tp_keep(tp_dtype_is_float((tp_dtype)target->dtype) ? with_probabilities(logp, target, dim, o)
                                                              : with_indices(logp, target, dim, o));
}

/* ---- many labels ------------------------------------------------------------------------------------------------------ */

/* (1 - y) x + (1 + (p - 1) y) softplus(-x): no exponential that overflows. */
tp_tensor *tp_binary_cross_entropy_with_logits_opt(tp_tensor *x, tp_tensor *y, const tp_bce_options *o)
{
    if (x && y && !tensor_same_shape(x, y))
        return tp_fail_null(TP_ERR_SHAPE, "binary_cross_entropy_with_logits: logits %s and target %s differ",
                            tensor_shape_text(x), tensor_shape_text(y));
    TP_SCOPE;
    tp_tensor *log_term = tp_softplus(tp_neg(x));
    if (o->pos_weight)
        log_term = tp_mul(log_term, tp_add(tp_mul(tp_sub(o->pos_weight, 1), y), 1));
    tp_tensor *loss = tp_add(tp_mul(tp_sub(1, y), x), log_term);
    if (o->weight)
        loss = tp_mul(loss, o->weight);
    return tp_keep(reduced(loss, o->reduction));
}
