/* norm.c - the gradient of the gradient of normalisation, and the checks of its inputs.
 *
 * Of u, p, q, the gradients of dx, dweight and dbias, with H = p dy - r (<g h> u + <u h> g), the gradient of h:
 *   by dy:      w r P(u) + p h + q
 *   by weight:  sum of dy r P(u)
 *   by x, mean: r H, -sum of r H
 *   by var:     -r^2 / 2 sum of (r u P(g) + H h)
 * Layer: ops.  Depends on norm.h.  Read next: row_norm.c, channel_norm.c. */
#include "ops/norm.h"

static tp_tensor *average(const norm_view *v, tp_tensor *x)
{
    return tp_mean(x, v->average, true);
}

static tp_tensor *plus(tp_tensor *a, tp_tensor *b)
{
    return a && b ? tp_add(a, b) : a ? a : b;
}

static tp_tensor *shaped(tp_tensor *t, tp_shape shape)
{
    return t ? tp_reshape(t, shape) : NULL;
}

typedef struct seen { /* in the view's four dims; NULL: none */
    tp_tensor *dy, *x, *w, *h, *r, *g;
    tp_tensor *u, *p, *q;
    tp_tensor *before; /* a relu: h w + b; NULL: there was none */
} seen;

/* What a relu read, of which only the signs count: no gradient flows there. */
static tp_tensor *before_relu(const norm_view *v, const tp_saved *s, const seen *t)
{
    tp_tensor *bias = shaped(s->in[NORM_BIAS], v->weight), *y = t->w ? tp_mul(t->h, t->w) : t->h;
    return tp_detach(bias ? tp_add(y, bias) : y);
}

static seen see(const norm_view *v, const tp_saved *s)
{
    seen t = { .u = shaped(s->dy[NORM_DX], v->shape),
               .p = shaped(s->dy[NORM_DWEIGHT], v->weight),
               .q = shaped(s->dy[NORM_DBIAS], v->weight),
               .x = shaped(s->in[NORM_X], v->shape),
               .w = shaped(s->in[NORM_WEIGHT], v->weight) };
    t.dy = shaped(s->in[NORM_DY], v->shape);
    t.r = tp_rsqrt(tp_add(tp_reshape(s->in[NORM_VAR], v->moment), v->eps));
    t.h = tp_mul(tp_sub(t.x, tp_reshape(s->in[NORM_MEAN], v->moment)), t.r);
    if (v->relu)
        t.dy = through_relu(t.dy, t.before = before_relu(v, s, &t));
    t.g = t.w ? tp_mul(t.dy, t.w) : t.dy;
    return t;
}

static tp_tensor *projected(const norm_view *v, const seen *t, tp_tensor *u)
{
    if (v->fixed || !u)
        return u;
    tp_tensor *left = tp_sub(u, tp_mul(t->h, average(v, tp_mul(u, t->h))));
    return v->centered ? tp_sub(left, average(v, u)) : left;
}

/* H; NULL: 0 */
static tp_tensor *gradient_of_h(const norm_view *v, const seen *t)
{
    tp_tensor *by_p = t->p ? tp_mul(t->p, t->dy) : NULL;
    if (!t->u || v->fixed)
        return by_p;
    tp_tensor *by_u =
        tp_add(tp_mul(average(v, tp_mul(t->g, t->h)), t->u), tp_mul(average(v, tp_mul(t->u, t->h)), t->g));
    by_u = tp_mul(t->r, by_u);
    return by_p ? tp_sub(by_p, by_u) : tp_neg(by_u);
}

static void by_dy(const norm_view *v, const tp_saved *s, const seen *t, tp_tensor *scaled, tp_tensor **dx)
{
    tp_tensor *d = scaled && t->w ? tp_mul(t->w, scaled) : scaled;
    d = plus(plus(d, t->p ? tp_mul(t->p, t->h) : NULL), t->q);
    if (!d)
        return;
    d = tp_expand(d, v->shape);
    dx[NORM_DY] = tp_reshape(t->before ? through_relu(d, t->before) : d, s->in_shape[NORM_DY]);
}

void norm_second_backward(const norm_view *v, const tp_saved *s, tp_tensor **dx)
{
    const seen t = see(v, s);
    tp_tensor *pu = projected(v, &t, t.u), *scaled = pu ? tp_mul(t.r, pu) : NULL; /* r P(u) */
    by_dy(v, s, &t, scaled, dx);
    if (t.w && scaled)
        dx[NORM_WEIGHT] =
            tp_reshape(engine_sum_to(tp_mul(t.dy, scaled), &v->weight), s->in_shape[NORM_WEIGHT]);
    tp_tensor *dh = gradient_of_h(v, &t), *rdh = dh ? tp_mul(t.r, dh) : NULL;
    if (rdh) {
        dx[NORM_X] = tp_reshape(rdh, s->in_shape[NORM_X]);
        dx[NORM_MEAN] = tp_reshape(tp_neg(engine_sum_to(rdh, &v->moment)), s->in_shape[NORM_MEAN]);
    }
    tp_tensor *by_r = plus(scaled ? tp_mul(scaled, t.g) : NULL, dh ? tp_mul(dh, t.h) : NULL); /* times r */
    if (by_r)
        dx[NORM_VAR] = tp_reshape(tp_mul(tp_mul(engine_sum_to(by_r, &v->moment), tp_square(t.r)), -0.5),
                                  s->in_shape[NORM_VAR]);
}

tp_tensor *norm_moments_backward(const norm_view *v, const tp_saved *s, tp_tensor *dx)
{
    tp_tensor *x = s->in[0], *d = NULL;
    if (v->fixed || (!s->dy[1] && !s->dy[2]))
        return dx;
    double n = 1;
    for (int i = 0; i < v->average.ndim; i++)
        n *= (double)v->shape.dim[v->average.dim[i]];
    if (s->dy[1] && v->centered)
        d = tp_expand(tp_div(tp_reshape(s->dy[1], v->moment), n), v->shape);
    if (s->dy[2]) {
        tp_tensor *from_mean = tp_sub(tp_reshape(x, v->shape), tp_reshape(s->out[1], v->moment));
        d = plus(d, tp_mul(from_mean, tp_mul(tp_reshape(s->dy[2], v->moment), 2 / n)));
    }
    return plus(dx, d ? tp_reshape(d, s->in_shape[0]) : NULL);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------------- */

tp_status norm_check_vector(const char *op, const char *what, const tp_tensor *x, const tp_tensor *t,
                            int64_t n)
{
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s, a float type is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype));
    if (t && t->dtype != x->dtype)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s and %s %s; one dtype is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype), what, tp_dtype_name((tp_dtype)t->dtype));
    if (t && t->numel != n)
        return tp_fail(TP_ERR_SHAPE, "%s: %s %s, input %s wants %lld numbers", op, what, tensor_shape_text(t),
                       tensor_shape_text(x), (long long)n);
    return TP_OK;
}

size_t norm_vector_bytes(const tp_tensor *x, int64_t n)
{
    return ((size_t)n * tensor_element_size(x) + 63) / 64 * 64;
}

const void *norm_vector(const tp_call *c, const tp_tensor *t, int64_t n, double value, char **scratch)
{
    if (t)
        return staged(c, t, CLONE_CONTIGUOUS, scratch);
    const kernel_table *kernels = c->kernels;
    void *to = *scratch;
    if (n) { /* else there may be no scratch at all */
        kernels->convert[c->in[0]->dtype][TP_F64](to, 1, &value, 0, n);
        *scratch += norm_vector_bytes(c->in[0], n);
    }
    return to;
}
