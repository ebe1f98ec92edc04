/* copying.c - guided attention (Tachibana et al. 2018) and the copy mechanism (pointer-generator, See et al. 2017).
 *
 * Where sources and targets run in parallel, attention near the diagonal is a hint that otherwise takes many epochs to find; where
 * names and numbers go over as they are, a share of the source is itself a probability of a token.
 * Layer: models.  Depends on copying.h.  Read next: transformer.c. */
#include "models/copying.h"

#include <math.h>

/* ---- guided attention ------------------------------------------------------------------------------------------------------ */

/* 0, 1, .. n - 1 along the dimension of three. */
static tp_tensor *places(int64_t n, int dim, tp_dtype dtype)
{
    tp_tensor *place = tp_arange(0, (double)n, 1, .dtype = dtype);
    return tp_reshape(place, dim == 1 ? TP_SHAPE(1, n, 1) : TP_SHAPE(1, 1, n));
}

tp_tensor *guided_penalty(tp_tensor *shares, tp_tensor *targets, tp_tensor *sources)
{
    const double g = 0.2;
    if (!shares || !targets || !sources)
        return NULL;
    const tp_dtype dtype = tp_dtype_of(shares);
    tp_tensor *t = places(tp_size(shares, 1), 1, dtype), *s = places(tp_size(shares, 2), 2, dtype),
              *t_n = tp_reshape(tp_to(targets, dtype), TP_SHAPE(-1, 1, 1)),
              *s_n = tp_reshape(tp_to(sources, dtype), TP_SHAPE(-1, 1, 1));
    tp_tensor *far = tp_square(tp_sub(tp_div(t, t_n), tp_div(s, s_n)));
    tp_tensor *weight = tp_neg(tp_expm1(tp_mul(far, tp_number(-1 / (2 * g * g)))));
    weight = tp_mul(weight, tp_to(tp_logical_and(tp_lt(t, t_n), tp_lt(s, s_n)), dtype));
    tp_tensor *sum = tp_sum(tp_mul(shares, weight), TP_ALL_DIMS, false);
    return tp_div(sum, tp_sum(tp_mul(t_n, s_n), TP_ALL_DIMS, false));
}

/* ---- the copy mechanism ---------------------------------------------------------------------------------------------------- */

/* Adding logarithms keeps what softmax makes of a token exact where it is less than the smallest float; what is no token of the source
 * has probability 0, of which the logarithm has no gradient: the floor stands for it. */
static tp_tensor *log_of(tp_tensor *p)
{
    return tp_log(tp_clamp(p, 1e-30, INFINITY));
}

tp_tensor *copying_scores(tp_tensor *scores, tp_tensor *generate, tp_tensor *shares, tp_tensor *targets)
{
    if (!scores || !generate || !shares || !targets)
        return NULL;
    const tp_dtype dtype = tp_dtype_of(scores) == TP_F64 ? TP_F64 : TP_F32;
    scores = tp_to(scores, dtype), generate = tp_to(generate, dtype);
    tp_tensor *known = tp_unsqueeze(tp_to(tp_ge(targets, tp_integer(0)), dtype), 1);
    shares = tp_mul(tp_to(shares, dtype), tp_sigmoid(tp_neg(generate))); /* times 1 - g */
    tp_tensor *copied = tp_mul(shares, known), *unknown = tp_sub(shares, copied);
    tp_tensor *made = tp_add(tp_sigmoid(generate), tp_sum(unknown, TP_SHAPE(2), true));
    tp_tensor *token = tp_expand(tp_unsqueeze(tp_clamp(targets, 0, INFINITY), 1), tp_shape_of(copied));
    copied = tp_scatter_add(tp_zeros(tp_shape_of(scores), .dtype = dtype), 2, token, copied);
    return tp_logaddexp(tp_add(log_of(made), tp_log_softmax(scores, 2)), log_of(copied));
}
