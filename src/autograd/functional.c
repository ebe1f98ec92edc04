/* functional.c - derivatives of a function as a whole: products with its Jacobian from both sides, the Jacobian, the Hessian.
 *
 * torch.autograd.functional's, for one output.  The inputs are cut off from their history first; with .create_graph they are
 * not, and the results have a gradient themselves.
 * Layer: autograd.  Depends on backward.c.  Read next: taper/autograd.h. */
#include "autograd/node.h"
#include "device/device.h"

#include <string.h>

extern const tp_op tp_op_view, tp_op_cat;

typedef struct problem {
    const char *name;
    tp_function *f;
    void *context;
    int n;
    bool create_graph;
    tp_tensor *x[TP_MAX_INPUTS]; /* what f gets */
    tp_tensor *y;
} problem;

static tp_tensor *viewed(tp_tensor *x, tp_shape shape)
{
    return tp_apply(&tp_op_view, &x, 1, &shape);
}

static tp_tensor *zeros_of(const tp_tensor *like)
{
    tp_tensor *z = tensor_new((tp_dtype)like->dtype, tp_shape_of(like));
    if (z)
        memset(tensor_data(z), 0, (size_t)z->numel * tensor_element_size(z));
    return z;
}

/* The function's value at inputs that require a gradient. */
static tp_status pose(problem *p, const char *name, tp_function *f, void *context, tp_tensor *const *inputs,
                      int n, const tp_functional_options *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (!f || n < 1 || n > TP_MAX_INPUTS)
        return tp_fail(TP_ERR_ARGUMENT, "%s: %s", name,
                       f ? "1 to 16 inputs are wanted" : "the function is NULL");
    *p = (problem){ name, f, context, n, o->create_graph, { 0 }, NULL };
    for (int i = 0; i < n; i++) {
        tp_tensor *x = inputs[i];
        if (!x || !tp_dtype_is_float((tp_dtype)x->dtype))
            return tp_fail(TP_ERR_ARGUMENT, "%s: input %d is %s", name, i,
                           x ? "not of a float type" : "NULL");
        if (o->create_graph && tp_requires_grad(x))
            p->x[i] = tensor_is_contiguous(x) ? viewed(x, tp_shape_of(x)) : engine_clone(x);
        else
            p->x[i] = tp_requires_grad_(tp_detach(x), true);
        if (!p->x[i])
            return tp_error_pending();
    }
    p->y = f(p->x, n, context);
    if (!p->y && !tp_pending())
        tp_fail(TP_ERR_STATE, "%s: the function returned NULL without an error", name);
    if (!tp_pending() && !tp_dtype_is_float((tp_dtype)p->y->dtype))
        tp_fail(TP_ERR_DTYPE, "%s: the function gives %s, a float type is wanted", name,
                tp_dtype_name((tp_dtype)p->y->dtype));
    return tp_error_pending();
}

/* Zero where nothing flowed; an error instead if o says so. */
static tp_status fill_in(const problem *p, tp_tensor **grads, tp_tensor *const *like, int n,
                         const tp_functional_options *o)
{
    for (int i = 0; i < n && !tp_pending(); i++) {
        if (grads[i])
            continue;
        if (o->strict)
            return tp_fail(TP_ERR_GRAD, "%s: the result does not depend on input %d", p->name, i);
        grads[i] = zeros_of(like[i]);
    }
    return tp_error_pending();
}

/* Gradients of y by xs, which y need not depend on. */
static tp_status gradients(tp_tensor *const *y, int n_y, tp_tensor *const *seeds, tp_tensor *const *xs, int n,
                           tp_tensor **grads, bool create_graph, bool retain)
{
    tp_tensor *roots[TP_MAX_INPUTS], *given[TP_MAX_INPUTS];
    int k = 0;
    memset(grads, 0, sizeof *grads * (size_t)n);
    for (int i = 0; i < n_y; i++)
        if (y[i] && tp_requires_grad(y[i])) {
            given[k] = seeds ? seeds[i] : NULL;
            roots[k++] = y[i];
        }
    return k && !tp_pending() ? tp_gradients_of(roots, k, given, xs, n, grads, .create_graph = create_graph,
                                                .retain_graph = retain)
                              : tp_error_pending();
}

static tp_tensor *finished(const problem *p, tp_tensor *t)
{
    return p->create_graph || !t ? t : tp_detach(t);
}

/* The results go to the caller's scope. */
static tp_status hand_over(const problem *p, tp_tensor **results, int n)
{
    for (int i = 0; i < n; i++)
        results[i] = tp_pending() ? NULL : tp_keep(finished(p, results[i]));
    return tp_error_pending();
}

static tp_status hand_over_value(const problem *p, tp_tensor **value)
{
    if (value)
        *value = tp_pending() ? NULL : tp_keep(finished(p, p->y));
    return tp_error_pending();
}

static tp_status check_vectors(const problem *p, tp_tensor *const *v, tp_tensor *const *like, int n)
{
    for (int i = 0; i < n; i++)
        if (!v || !v[i] || !tensor_same_shape(v[i], like[i]))
            return tp_fail(TP_ERR_SHAPE, "%s: vector %d is %s, %s is wanted", p->name, i,
                           v && v[i] ? tensor_shape_text(v[i]) : "NULL", tensor_shape_text(like[i]));
    return TP_OK;
}

tp_status tp_vjp_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n, tp_tensor *v,
                     tp_tensor **value, tp_tensor **products, const tp_functional_options *o)
{
    problem p;
    TP_SCOPE;
    TP_ENABLE_GRAD;
    memset(products, 0, sizeof *products * (size_t)(n > 0 ? n : 0));
    if (!pose(&p, "vjp", f, context, inputs, n, o) && (!v || !check_vectors(&p, &v, &p.y, 1)) &&
        !gradients(&p.y, 1, &v, p.x, n, products, p.create_graph, false))
        fill_in(&p, products, p.x, n, o);
    hand_over(&p, products, n);
    return hand_over_value(&p, value);
}

/* u' J is linear in u, and its derivative along v by u is J v. */
tp_status tp_jvp_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n, tp_tensor *const *v,
                     tp_tensor **value, tp_tensor **product, const tp_functional_options *o)
{
    problem p;
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *u = NULL, *back[TP_MAX_INPUTS];
    *product = NULL;
    if (!pose(&p, "jvp", f, context, inputs, n, o) && !check_vectors(&p, v, p.x, n) && (u = zeros_of(p.y)) &&
        tp_requires_grad_(u, true) && !gradients(&p.y, 1, &u, p.x, n, back, true, true) &&
        !gradients(back, n, v, &u, 1, product, p.create_graph, false))
        fill_in(&p, product, &u, 1, o);
    hand_over(&p, product, 1);
    return hand_over_value(&p, value);
}

static tp_status first_order(problem *p, tp_tensor **g)
{
    if (p->y->numel != 1)
        return tp_fail(TP_ERR_SHAPE, "%s: the function gives %s, one number is wanted", p->name,
                       tensor_shape_text(p->y));
    return gradients(&p->y, 1, NULL, p->x, p->n, g, true, true);
}

tp_status tp_hvp_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n, tp_tensor *const *v,
                     tp_tensor **value, tp_tensor **products, const tp_functional_options *o)
{
    problem p;
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *g[TP_MAX_INPUTS];
    memset(products, 0, sizeof *products * (size_t)(n > 0 ? n : 0));
    if (!pose(&p, "hvp", f, context, inputs, n, o) && !check_vectors(&p, v, p.x, n) && !first_order(&p, g) &&
        !gradients(g, n, v, p.x, n, products, p.create_graph, false))
        fill_in(&p, products, p.x, n, o);
    hand_over(&p, products, n);
    return hand_over_value(&p, value);
}

/* ---- whole matrices: a row an element of y ------------------------------------------------------------------------------ */

static tp_tensor *one_at(const tp_tensor *like, int64_t i)
{
    tp_tensor *e = zeros_of(like);
    if (e)
        e->storage->device->kernels()->convert[e->dtype][TP_F64](tensor_data(e) +
                                                                     i * (int64_t)tensor_element_size(e),
                                                                 1, &(double){ 1 }, 1, 1);
    return e;
}

/* rows[j] gets one more row, of the gradient by x[j]. */
static tp_status add_rows(const problem *p, tp_tensor *y, int64_t i, tp_tensor **rows,
                          const tp_functional_options *o)
{
    tp_tensor *g[TP_MAX_INPUTS], *seed = one_at(y, i);
    if (!seed || gradients(&y, 1, &seed, p->x, p->n, g, p->create_graph, true) ||
        fill_in(p, g, p->x, p->n, o))
        return tp_error_pending();
    for (int j = 0; j < p->n; j++) {
        tp_tensor *row = tensor_is_contiguous(g[j]) ? g[j] : engine_clone(g[j]);
        row = row ? viewed(row, TP_SHAPE(1, row->numel)) : NULL;
        rows[j] =
            rows[j] && row ? tp_apply(&tp_op_cat, (tp_tensor *[]){ rows[j], row }, 2, &(int64_t){ 0 }) : row;
        if (!rows[j])
            return tp_error_pending();
    }
    return TP_OK;
}

/* out[j]: the Jacobian of y by x[j], of y's shape and then x[j]'s. */
static tp_status jacobian_of(const problem *p, tp_tensor *y, tp_tensor **out, const tp_functional_options *o)
{
    memset(out, 0, sizeof *out * (size_t)p->n);
    for (int64_t i = 0; i < y->numel; i++)
        if (add_rows(p, y, i, out, o))
            return tp_error_pending();
    for (int j = 0; j < p->n; j++) {
        tp_shape shape = tp_shape_of(y);
        if (y->ndim + p->x[j]->ndim > TP_MAX_DIMS)
            return tp_fail(TP_ERR_SHAPE, "%s: %s and %s together have more than %d dims", p->name,
                           tensor_shape_text(y), tensor_shape_text(p->x[j]), TP_MAX_DIMS);
        for (int i = 0; i < p->x[j]->ndim; i++)
            shape.dim[shape.ndim++] = p->x[j]->shape[i];
        out[j] = out[j] ? viewed(out[j], shape) : tensor_new((tp_dtype)p->x[j]->dtype, shape);
    }
    return tp_error_pending();
}

tp_status tp_jacobian_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n,
                          tp_tensor **jacobian, const tp_functional_options *o)
{
    problem p;
    TP_SCOPE;
    TP_ENABLE_GRAD;
    memset(jacobian, 0, sizeof *jacobian * (size_t)(n > 0 ? n : 0));
    if (!pose(&p, "jacobian", f, context, inputs, n, o))
        jacobian_of(&p, p.y, jacobian, o);
    return hand_over(&p, jacobian, n);
}

tp_status tp_hessian_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n, tp_tensor **hessian,
                         const tp_functional_options *o)
{
    problem p;
    TP_SCOPE;
    TP_ENABLE_GRAD;
    tp_tensor *g[TP_MAX_INPUTS] = { 0 };
    memset(hessian, 0, sizeof *hessian * (size_t)(n > 0 ? n * n : 0));
    if (!pose(&p, "hessian", f, context, inputs, n, o) && !first_order(&p, g) && !fill_in(&p, g, p.x, n, o))
        for (int i = 0; i < n && !tp_pending(); i++)
            jacobian_of(&p, g[i], hessian + i * n, o);
    return hand_over(&p, hessian, n > 0 ? n * n : 0);
}
