/* distance.c - lengths and distances of vectors: normalize, pairwise_distance, cosine_similarity, cdist.
 *
 * Layer: ops.  Depends on reduce.c's norm, matmul.c.  Read next: linalg.c. */
#include "ops/ops.h"

#include <math.h>

typedef struct normalize_attrs {
    double p;
    int64_t dim;
    double eps;
} normalize_attrs;

static void normalize_compose(tp_call *c)
{
    const normalize_attrs *a = c->attrs;
    tp_tensor *length = tp_norm(c->in[0], a->p, TP_SHAPE(a->dim), true);
    c->out[0] = tp_div(c->in[0], tp_clamp(length, a->eps, INFINITY));
}

COMPOSED_OP(normalize, "x", 1, "y = x / max(|x|_p along dim, eps)",
            OP_ATTRS(normalize_attrs, OP_ATTR(normalize_attrs, F64, p, 2),
                     OP_ATTR(normalize_attrs, I64, dim, 1), OP_ATTR(normalize_attrs, F64, eps, 1e-12)),
            OP_EXAMPLES({ "2,3", NULL }, { "3,5@t", &(normalize_attrs){ 1, 0, 1e-12 } },
                        { "4", &(normalize_attrs){ 3, -1, 1e-12 } }));

tp_tensor *tp_normalize(tp_tensor *x, double p, int dim, double eps)
{
    return tp_apply(&tp_op_normalize, &x, 1, &(normalize_attrs){ p, dim, eps });
}

typedef struct pairwise_attrs {
    double p, eps;
    bool keepdim;
} pairwise_attrs;

static void pairwise_distance_compose(tp_call *c)
{
    const pairwise_attrs *a = c->attrs;
    c->out[0] =
        tp_norm(tp_add(tp_sub(c->in[0], c->in[1]), tp_number(a->eps)), a->p, TP_SHAPE(-1), a->keepdim);
}

COMPOSED_OP(pairwise_distance, "x1 x2", 2, "y = |x1 - x2 + eps|_p along the last dim",
            OP_ATTRS(pairwise_attrs, OP_ATTR(pairwise_attrs, F64, p, 2),
                     OP_ATTR(pairwise_attrs, F64, eps, 1e-6), OP_ATTR(pairwise_attrs, BOOL, keepdim, 0)),
            OP_EXAMPLES({ "2,3 2,3", NULL }, { "4,3@t 3", &(pairwise_attrs){ 1, 1e-6, true } }));

tp_tensor *tp_pairwise_distance(tp_tensor *x1, tp_tensor *x2, double p, double eps, bool keepdim)
{
    return tp_apply(&tp_op_pairwise_distance, (tp_tensor *[]){ x1, x2 }, 2,
                    &(pairwise_attrs){ p, eps, keepdim });
}

typedef struct cosine_attrs {
    int64_t dim;
    double eps;
} cosine_attrs;

static void cosine_similarity_compose(tp_call *c)
{
    const cosine_attrs *a = c->attrs;
    tp_shape shape;
    int dim = (int)a->dim;
    if (broadcast_together("cosine_similarity", c->in, 2, &shape) ||
        normalize_dim("cosine_similarity", shape.ndim, &dim))
        return;
    tp_shape along = { 1, { dim } };
    tp_tensor *x1 = tp_expand(c->in[0], shape), *x2 = tp_expand(c->in[1], shape);
    tp_tensor *length1 = tp_clamp(tp_norm(x1, 2, along, false), a->eps, INFINITY);
    tp_tensor *length2 = tp_clamp(tp_norm(x2, 2, along, false), a->eps, INFINITY);
    c->out[0] = tp_div(tp_sum(tp_mul(x1, x2), along, false), tp_mul(length1, length2));
}

COMPOSED_OP(cosine_similarity, "x1 x2", 2, "y = x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim",
            OP_ATTRS(cosine_attrs, OP_ATTR(cosine_attrs, I64, dim, 1), OP_ATTR(cosine_attrs, F64, eps, 1e-8)),
            OP_EXAMPLES({ "2,3 2,3", NULL }, { "3,4@t 1,4", &(cosine_attrs){ -1, 1e-8 } },
                        { "4 4", &(cosine_attrs){ 0, 1e-8 } }));

tp_tensor *tp_cosine_similarity(tp_tensor *x1, tp_tensor *x2, int dim, double eps)
{
    return tp_apply(&tp_op_cosine_similarity, (tp_tensor *[]){ x1, x2 }, 2, &(cosine_attrs){ dim, eps });
}

/* |x - y|^2 = |x|^2 + |y|^2 - 2 x y: a product instead of all differences.  Where rows are equal the distance is 0, and so is
 * its gradient. */
static tp_tensor *by_product(tp_tensor *x1, tp_tensor *x2)
{
    const tp_shape last = { 1, { -1 } };
    tp_tensor *squares =
        tp_add(tp_sum(tp_square(x1), last, true), tp_unsqueeze(tp_sum(tp_square(x2), last, false), -2));
    tp_tensor *square = tp_sub(squares, tp_matmul(x1, tp_transpose(tp_mul(x2, 2), -2, -1))), *apart;
    if (!tp_requires_grad(square))
        return tp_sqrt(tp_clamp(square, 0, INFINITY));
    apart = tp_gt(square, 0);
    return tp_where(apart, tp_sqrt(tp_where(apart, square, 1)), 0);
}

enum { FEW = 25 }; /* rows up to which differences are taken, which lose no digits; as PyTorch */

static void cdist_compose(tp_call *c)
{
    double p = *(const double *)c->attrs;
    tp_tensor *x1 = c->in[0], *x2 = c->in[1];
    if (x1->ndim < 2 || x2->ndim < 2 || x1->ndim == TP_MAX_DIMS || x2->ndim == TP_MAX_DIMS ||
        x1->shape[x1->ndim - 1] != x2->shape[x2->ndim - 1]) {
        tp_fail(TP_ERR_SHAPE, "cdist: %s and %s: (..., P, M) and (..., R, M) are wanted",
                tensor_shape_text(x1), tensor_shape_text(x2));
        return;
    }
    if (p == 2 && (x1->shape[x1->ndim - 2] > FEW || x2->shape[x2->ndim - 2] > FEW))
        c->out[0] = by_product(x1, x2);
    else
        c->out[0] = tp_norm(tp_sub(tp_unsqueeze(x1, -2), tp_unsqueeze(x2, -3)), p, TP_SHAPE(-1), false);
}

COMPOSED_OP(cdist, "x1 x2", 2, "y[i, j] = |x1[i] - x2[j]|_p",
            OP_ATTRS(double, { "p", TP_ATTR_F64, 0, 2, NULL }),
            OP_EXAMPLES({ "3,4 2,4", NULL }, { "2,3,2 2,2@t", &(double){ 1 } }));

tp_tensor *tp_cdist(tp_tensor *x1, tp_tensor *x2, double p)
{
    return tp_apply(&tp_op_cdist, (tp_tensor *[]){ x1, x2 }, 2, &p);
}
