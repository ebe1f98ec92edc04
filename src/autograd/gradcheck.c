/* gradcheck.c - analytic gradients against central differences, in f64.
 *
 * L = sum(f(x) * r) with fixed random r, so that one backward gives every element; then each input element is moved
 * by eps both ways.  For the second order the same is done to G = sum(dL/dx * s).
 * Layer: autograd.  Depends on backward.c.  Read next: taper/autograd.h. */
#include "autograd/node.h"
#include "base/memory.h"
#include "base/philox.h"

#include <math.h>

extern const tp_op tp_op_mul, tp_op_sum_to;

typedef struct check {
    tp_function *f;
    void *context;
    tp_tensor *const *inputs;
    int n;
    bool second; /* the function checked is G, not L */
    tp_gradcheck_options o;
} check;

static tp_tensor *times_random_summed(tp_tensor *y, uint64_t stream)
{
    if (!y)
        return NULL;
    tp_tensor *r = tensor_new(TP_F64, tp_shape_of(y));
    if (!r)
        return NULL;
    for (int64_t i = 0; i < r->numel; i++)
        ((double *)tensor_data(r))[i] = 0.5 + uniform_f32(philox_word(1234, stream, (uint64_t)i));
    tp_tensor *product = tp_apply(&tp_op_mul, (tp_tensor *[]){ y, r }, 2, NULL);
    return product ? engine_sum_to(product, &TP_SHAPE()) : NULL;
}

/* The scalar whose gradient is checked; with its graph. */
static tp_tensor *scalar(const check *c)
{
    tp_tensor *y = c->f(c->inputs, c->n, c->context);
    if (y && !tp_dtype_is_float(y->dtype))
        return tp_fail_null(TP_ERR_DTYPE, "gradcheck: the function gives %s", tp_dtype_name(y->dtype));
    tp_tensor *total = times_random_summed(y, 0);
    if (!total || !c->second)
        return total;
    tp_tensor *grads[TP_MAX_INPUTS], *sum = NULL;
    if (!total->requires_grad || tp_gradients(total, c->inputs, c->n, grads, .create_graph = true))
        return NULL;
    for (int i = 0; i < c->n; i++) {
        tp_tensor *part = grads[i] ? times_random_summed(grads[i], (uint64_t)i + 1) : NULL;
        sum = sum && part ? engine_add(sum, part) : part ? part : sum;
    }
    return sum;
}

static double evaluate(const check *c)
{
    TP_SCOPE;
    tp_tensor *y = scalar(c);
    return y ? tp_item(y) : NAN;
}

static tp_status check_element(const check *c, int input, int64_t i, double *x, double analytic)
{
    double before = *x, eps = c->o.eps;
    *x = before + eps;
    double above = evaluate(c);
    *x = before - eps;
    double below = evaluate(c);
    *x = before;
    double numeric = (above - below) / (2 * eps);
    if (tp_pending() || fabs(analytic - numeric) <= c->o.atol + c->o.rtol * fabs(numeric))
        return tp_error_pending();
    return tp_fail(TP_ERR_GRAD,
                   "gradcheck: %s derivative by element %lld of input %d is %.10g, differences give %.10g",
                   c->second ? "second" : "first", (long long)i, input, analytic, numeric);
}

static tp_status check_order(const check *c)
{
    TP_SCOPE;
    tp_tensor *grads[TP_MAX_INPUTS] = { 0 }, *total = scalar(c);
    if (!total)
        return tp_error_pending(); /* second order of something linear: nothing to check */
    if (total->requires_grad && tp_gradients(total, c->inputs, c->n, grads))
        return tp_error_pending();
    for (int k = 0; k < c->n; k++) {
        tp_tensor *x = c->inputs[k];
        double *values = tp_alloc((size_t)(x->numel + 1) * sizeof *values);
        if (!values)
            return TP_ERR_MEMORY;
        for (int64_t i = 0; i < x->numel; i++)
            values[i] = 0;
        if (grads[k])
            tp_to_f64(grads[k], values, x->numel);
        for (int64_t i = 0; i < x->numel && !tp_pending(); i++)
            check_element(c, k, i, (double *)tensor_data(x) + i, values[i]);
        tp_free(values, (size_t)(x->numel + 1) * sizeof *values);
    }
    return tp_error_pending();
}

tp_status tp_gradcheck_opt(tp_function *f, void *context, tp_tensor *const *inputs, int n,
                           const tp_gradcheck_options *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (n > TP_MAX_INPUTS)
        return tp_fail(TP_ERR_ARGUMENT, "gradcheck: %d inputs, at most %d are possible", n, TP_MAX_INPUTS);
    for (int i = 0; i < n; i++)
        if (!inputs[i] || inputs[i]->dtype != TP_F64 || !inputs[i]->requires_grad ||
            !tensor_is_contiguous(inputs[i]))
            return tp_fail(TP_ERR_ARGUMENT,
                           "gradcheck: input %d must be a contiguous f64 leaf that requires a gradient", i);
    check c = { f, context, inputs, n, false, *o };
    c.o.eps = o->eps > 0 ? o->eps : 1e-6;
    c.o.atol = o->atol > 0 ? o->atol : 1e-5;
    c.o.rtol = o->rtol > 0 ? o->rtol : 1e-3;
    if (check_order(&c) || !o->second)
        return tp_error_pending();
    c.second = true;
    c.o.eps = o->eps > 0 ? o->eps : 1e-5;
    return check_order(&c);
}
