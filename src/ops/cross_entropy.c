/* cross_entropy.c - losses against classes: cross entropy and the negative log likelihood under it.
 *
 * logits (N, C) or (N, C, ...); the target names a class for each place, or gives probabilities of the logits' shape.
 * Layer: ops.  Read next: softmax.c, taper/ops.h for the formulas. */
#include "base/parallel.h"
#include "ops/loss.h"
#include "ops/map.h"

#include <string.h>

/* ---- pick:  y[n,s] = x[n, index[n,s], s], the one element of each place that counts; and its adjoint --------------------- */

typedef struct pick_attrs {
    int64_t dim, size; /* size: of x along dim, for the adjoint */
} pick_attrs;

extern const tp_op tp_op__pick, tp_op__pick_backward;

typedef struct pick_run {
    const char *from;
    char *to;
    const int64_t *index;
    int64_t classes, inner, bytes;
    bool spread;
} pick_run;

static void pick_pieces(void *context, int64_t begin, int64_t end)
{
    const pick_run *r = context;
    for (int64_t i = begin; i < end; i++) {
        int64_t there = (i / r->inner * r->classes + r->index[i]) * r->inner + i % r->inner;
        const char *from = r->from + (r->spread ? i : there) * r->bytes;
        char *to = r->to + (r->spread ? there : i) * r->bytes;
        if (r->bytes == 4) /* the common sizes as one move */
            memcpy(to, from, 4);
        else if (r->bytes == 8)
            memcpy(to, from, 8);
        else
            memcpy(to, from, (size_t)r->bytes);
    }
}

/* Does every target count?  And lies in [0, classes)?  One look at each; a dry run has none to look at. */
static tp_status check_targets(const char *op, const tp_tensor *index, int64_t ignored, int64_t classes,
                               bool *all_count)
{
    const int64_t *at = (const int64_t *)(const void *)tensor_data(index);
    *all_count = true;
    for (int64_t i = 0; i < index->numel && at; i++) {
        if (at[i] == ignored)
            *all_count = false;
        else if (at[i] < 0 || at[i] >= classes)
            return tp_fail(TP_ERR_INDEX, "%s: target: index %lld is out of range, [0, %lld) is wanted", op,
                           (long long)at[i], (long long)classes);
    }
    return TP_OK;
}

/* In: x or dy, index.  Out: like the index, or with classes in the place of its 1. */
static tp_status pick_infer(tp_call *c)
{
    const pick_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0], *index = c->in[1];
    bool spread = c->op == &tp_op__pick_backward,
         fits = x->ndim == index->ndim && a->dim >= 0 && a->dim < x->ndim;
    for (int i = 0; i < x->ndim && fits; i++)
        fits = i == a->dim ? index->shape[i] == 1 && (!spread || x->shape[i] == 1)
                           : index->shape[i] == x->shape[i];
    if (!fits || index->dtype != TP_I64)
        return tp_fail(TP_ERR_SHAPE, "%s: index %s %s for %s: i64 of its shape, 1 in dim %lld, is wanted",
                       c->op->name, tp_dtype_name((tp_dtype)index->dtype), tensor_shape_text(index),
                       tensor_shape_text(x), (long long)a->dim);
    int64_t classes = spread ? a->size : x->shape[a->dim];
    bool all;
    if (tensor_is_contiguous(index) ? check_targets(c->op->name, index, INT64_MIN, classes, &all)
                                    : check_indices(c->op->name, index, classes))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(index);
    shape.dim[a->dim] = spread ? a->size : 1;
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS) + staged_bytes(index, CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape);
}

static void pick_forward(const tp_call *c)
{
    const pick_attrs *a = c->attrs;
    const tp_tensor *index = c->in[1], *y = c->out[0];
    char *scratch = c->scratch;
    pick_run r = { .to = tensor_data(y),
                   .inner = 1,
                   .bytes = (int64_t)tensor_element_size(y),
                   .spread = c->op == &tp_op__pick_backward };
    r.from = staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch);
    r.index = staged(c, index, CLONE_CONTIGUOUS, &scratch);
    r.classes = r.spread ? a->size : c->in[0]->shape[a->dim];
    for (int i = (int)a->dim + 1; i < index->ndim; i++)
        r.inner *= index->shape[i];
    if (r.spread) /* zero is all bits zero in every dtype */
        memset(r.to, 0, (size_t)(y->numel * r.bytes));
    parallel_for(index->numel, 16384, pick_pieces, &r);
}

static void pick_grad(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    pick_attrs a = *(const pick_attrs *)s->attrs;
    a.size = s->in_shape[0].dim[a.dim];
    dx[0] = tp_apply(&tp_op__pick_backward, (tp_tensor *[]){ dy, s->in[1] }, 2, &a);
}

static void pick_backward_grad(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    dx[0] = tp_apply(&tp_op__pick, (tp_tensor *[]){ dz, s->in[1] }, 2, s->attrs);
}

const tp_op tp_op__pick = {
    .name = "_pick",
    .formula = "y = x at index along dim, one element for each place of the other dims",
    .inputs = "x index",
    .n_in = 2,
    .attrs_size = sizeof(pick_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(pick_attrs, dim), TP_REQUIRED }, { 0 } },
    .saves_in = 2,
    .infer = pick_infer,
    .forward = pick_forward,
    .backward = pick_grad,
    .examples = (const tp_example[]){ { "3,4 3,1@i4", &(pick_attrs){ 1, 0 } },
                                      { "2,3,5@t 2,1,5@i3", &(pick_attrs){ 1, 0 } },
                                      { NULL, NULL } },
};

const tp_op tp_op__pick_backward = {
    .name = "_pick_backward",
    .formula = "y = zeros with x at index along dim",
    .inputs = "x index",
    .n_in = 2,
    .attrs_size = sizeof(pick_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(pick_attrs, dim), TP_REQUIRED },
                                { "size", TP_ATTR_I64, offsetof(pick_attrs, size), TP_REQUIRED },
                                { 0 } },
    .saves_in = 2,
    .infer = pick_infer,
    .forward = pick_forward,
    .backward = pick_backward_grad,
    .examples = (const tp_example[]){ { "3,1 3,1@i4", &(pick_attrs){ 1, 4 } }, { NULL, NULL } },
};

static tp_tensor *picked(tp_tensor *x, int64_t dim, tp_tensor *index)
{
    return tp_apply(&tp_op__pick, (tp_tensor *[]){ x, index }, 2, &(pick_attrs){ dim, 0 });
}

/* ---- what is wanted ----------------------------------------------------------------------------------------------- */

static tp_status check_classes(const char *op, const tp_tensor *x, const tp_tensor *target,
                               const tp_tensor *weight, bool probabilities)
{
    if (x->ndim < 1)
        return tp_fail(TP_ERR_SHAPE, "%s: logits are a scalar, (N, C, ...) is wanted", op);
    int dim = x->ndim > 1;
    int64_t classes = x->shape[dim];
    bool fits = probabilities && tp_dtype_is_float((tp_dtype)target->dtype) ? tensor_same_shape(x, target)
                                                                            : target->ndim == x->ndim - 1;
    for (int i = 0; i < target->ndim && fits && target->ndim < x->ndim; i++)
        fits = target->shape[i] == x->shape[i + (i >= dim)];
    if (!fits)
        return tp_fail(TP_ERR_SHAPE, "%s: logits %s, target %s: class indices (N, ...)%s are wanted", op,
                       tensor_shape_text(x), tensor_shape_text(target),
                       probabilities ? " or probabilities of the logits' shape" : "");
    if (weight && (weight->ndim != 1 || weight->shape[0] != classes))
        return tp_fail(TP_ERR_SHAPE, "%s: weight %s, (%lld,) is wanted", op, tensor_shape_text(weight),
                       (long long)classes);
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

/* ---- probabilities ---------------------------------------------------------------------------------------------------- */

/* -sum_c w_c q_c log p_c, q smoothed; the mean is over N and the other dims, not over classes. */
static tp_tensor *with_probabilities(tp_tensor *logp, tp_tensor *q, tp_tensor *weight, int dim,
                                     const loss_attrs *a)
{
    double smoothing = a->number;
    if (smoothing > 0)
        q = tp_add(tp_mul(q, 1 - smoothing), smoothing / (double)tp_size(logp, dim));
    tp_tensor *terms = tp_mul(logp, q);
    if (weight && logp)
        terms = tp_mul(terms, weight_along(weight, logp, dim));
    tp_tensor *loss = tp_neg(tp_sum(terms, TP_SHAPE(dim), false));
    return loss_reduced(loss, a->reduction);
}

/* ---- indices ------------------------------------------------------------------------------------------------------------ */

/* The mean is over the weights of the targets that count. */
static tp_tensor *with_indices(const char *op, tp_tensor *logp, tp_tensor *target, tp_tensor *weight, int dim,
                               const loss_attrs *a)
{
    if (tp_dtype_is_float((tp_dtype)target->dtype) || target->dtype == TP_BOOL)
        return tp_fail_null(TP_ERR_DTYPE, "%s: target is %s, an integer type is wanted", op,
                            tp_dtype_name((tp_dtype)target->dtype));
    tp_tensor *index = tp_contiguous(tp_unsqueeze(tp_long(target), dim)), *counts = NULL;
    bool all_count;
    if (!index || check_targets(op, index, a->ignore_index, logp->shape[dim], &all_count))
        return NULL;
    if (!all_count) {
        counts = tp_ne(index, a->ignore_index);
        index = tp_where(counts, index, 0);
    }
    tp_tensor *nll = tp_neg(picked(logp, dim, index)), *each = NULL; /* the weight of each target */
    if (weight) {
        tp_shape wide = tp_shape_of(logp);
        each = tp_gather(tp_expand(weight_along(weight, logp, dim), wide), dim, index);
    }
    if (!all_count)
        each = each ? tp_where(counts, each, 0) : tp_to(counts, tp_dtype_of(logp));
    if (each)
        nll = all_count ? tp_mul(nll, each) : tp_where(counts, tp_mul(nll, each), 0);
    double smoothing = a->number;
    if (smoothing > 0) { /* the same for the uniform distribution over classes, each with its own weight */
        tp_tensor *terms = weight ? tp_mul(logp, weight_along(weight, logp, dim)) : logp,
                  *smooth = tp_neg(tp_sum(terms, TP_SHAPE(dim), true));
        if (!all_count)
            smooth = tp_where(counts, smooth, 0);
        nll = tp_add(tp_mul(nll, 1 - smoothing), tp_mul(smooth, smoothing / (double)logp->shape[dim]));
    }
    if (a->reduction == TP_NONE)
        return tp_squeeze(nll, dim);
    if (a->reduction == TP_SUM || !each)
        return loss_reduced(nll, a->reduction);
    return tp_div(tp_sum(nll, TP_ALL_DIMS, false), tp_sum(each, TP_ALL_DIMS, false));
}

/* ---- the two operations ---------------------------------------------------------------------------------------------------- */

static void cross_entropy_compose(tp_call *c)
{
    tp_tensor *logits = c->in[0], *target = c->in[1], *weight = c->in[2];
    const loss_attrs *a = c->attrs;
    if (check_classes("cross_entropy", logits, target, weight, true))
        return;
    if (!(a->number >= 0 && a->number <= 1)) {
        tp_fail(TP_ERR_ARGUMENT, "cross_entropy: label_smoothing is %g, [0, 1] is wanted", a->number);
        return;
    }
    int dim = logits->ndim > 1;
    tp_tensor *logp = tp_log_softmax(logits, dim);
    if (logp)
        c->out[0] = tp_dtype_is_float((tp_dtype)target->dtype)
                        ? with_probabilities(logp, target, weight, dim, a)
                        : with_indices("cross_entropy", logp, target, weight, dim, a);
}

static void nll_loss_compose(tp_call *c)
{
    tp_tensor *logp = c->in[0], *target = c->in[1], *weight = c->in[2];
    if (!check_classes("nll_loss", logp, target, weight, false))
        c->out[0] = with_indices("nll_loss", logp, target, weight, logp->ndim > 1, c->attrs);
}

#define CLASS_ATTRS                                                               \
    { "ignore_index", TP_ATTR_I64, offsetof(loss_attrs, ignore_index), -100 },    \
    {                                                                             \
        "reduction", TP_ATTR_WORD, offsetof(loss_attrs, reduction), 0, LOSS_WORDS \
    }

static const tp_example examples[] = {
    { "3,4 3@i4 -", NULL },
    { "3,4 3@i4 4@p", &(loss_attrs){ .reduction = TP_SUM, .ignore_index = -100 } },
    { "2,3,5 2,5@i3 3@p", &(loss_attrs){ .reduction = TP_MEAN, .ignore_index = 1 } },
    { "4 s@i4 -", &(loss_attrs){ .reduction = TP_NONE, .ignore_index = -100 } },
    { NULL, NULL }
};

const tp_op tp_op_nll_loss = {
    .name = "nll_loss",
    .formula = "mean of -w[y] x[y], y the class that target names",
    .inputs = "input target weight?",
    .n_in = 3,
    .attrs_size = sizeof(loss_attrs),
    .attrs = (const tp_attr[]){ CLASS_ATTRS, { 0 } },
    .compose = nll_loss_compose,
    .examples = examples,
};

const tp_op tp_op_cross_entropy = {
    .name = "cross_entropy",
    .formula =
        "mean of -w[y] log_softmax(x)[y], y the class that target names; or -sum of w q log_softmax(x)",
    .inputs = "input target weight?",
    .n_in = 3,
    .attrs_size = sizeof(loss_attrs),
    .attrs = (const tp_attr[]){ CLASS_ATTRS,
                                { "label_smoothing", TP_ATTR_F64, offsetof(loss_attrs, number), 0 },
                                { 0 } },
    .compose = cross_entropy_compose,
    .examples =
        (const tp_example[]){
            { "3,4 3@i4 -", NULL },
            { "3,4 3@i4 4@p", &(loss_attrs){ .reduction = TP_SUM, .number = 0.1, .ignore_index = -100 } },
            { "2,3,5 2,5@i3 3@p", &(loss_attrs){ .number = 0.2, .ignore_index = 1 } },
            { "3,4 3,4@u 4@p", &(loss_attrs){ .number = 0.1, .ignore_index = -100 } },
            { "4@t s@i4 -", &(loss_attrs){ .reduction = TP_NONE, .ignore_index = -100 } },
            { NULL, NULL } },
};

/* ---- public ------------------------------------------------------------------------------------------------------------------ */

static loss_attrs attrs_of(const tp_cross_entropy_options *o)
{
    return (loss_attrs){ .reduction = (int)o->reduction,
                         .number = o->label_smoothing,
                         .ignore_index = o->ignore_zero    ? 0
                                         : o->ignore_index ? o->ignore_index
                                                           : -100 };
}

tp_tensor *tp_cross_entropy_opt(tp_tensor *logits, tp_tensor *target, const tp_cross_entropy_options *o)
{
    loss_attrs a = attrs_of(o);
    return tp_apply(&tp_op_cross_entropy, (tp_tensor *[]){ logits, target, o->weight }, 3, &a);
}

tp_tensor *tp_nll_loss_opt(tp_tensor *logp, tp_tensor *target, const tp_cross_entropy_options *o)
{
    loss_attrs a = attrs_of(o);
    return tp_apply(&tp_op_nll_loss, (tp_tensor *[]){ logp, target, o->weight }, 3, &a);
}
