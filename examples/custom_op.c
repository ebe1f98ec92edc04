/* custom_op.c - an operation of one's own with its gradient: y = x sigmoid(beta x), the Swish of Ramachandran et al. 2017.
 *
 * The descriptor says everything: infer gives the shape, forward the numbers, backward the gradient, made of
 * operations, so that gradients of gradients work too.  tp_gradcheck proves it.
 * Layer: examples.  Read next: taper/autograd.h. */
#include <taper/taper.h>

#include <math.h>

typedef struct swish_attrs {
    double beta;
} swish_attrs;

static tp_status swish_infer(tp_call *c)
{
    tp_dtype dtype = tp_dtype_of(c->in[0]);
    if (dtype != TP_F32 && dtype != TP_F64)
        return tp_error_set(TP_ERR_DTYPE, "swish: input is %s, f32 or f64 is wanted", tp_dtype_name(dtype));
    return tp_infer_shape(c, 0, dtype, tp_shape_of(c->in[0]));
}

/* Cannot fail and allocates nothing.  The input may have any strides: it is walked by them, the output is contiguous. */
static void swish_forward(const tp_call *c)
{
    const swish_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    const tp_shape shape = tp_shape_of(x);
    for (int64_t i = 0; i < tp_numel(x); i++) {
        int64_t at = 0, rest = i;
        for (int d = shape.ndim; d-- > 0; rest /= shape.dim[d])
            at += rest % shape.dim[d] * tp_stride(x, d);
        if (tp_dtype_of(x) == TP_F32) {
            float v = ((const float *)tp_data(x))[at];
            ((float *)tp_data(c->out[0]))[i] = v / (1 + expf((float)-a->beta * v));
        } else {
            double v = ((const double *)tp_data(x))[at];
            ((double *)tp_data(c->out[0]))[i] = v / (1 + exp(-a->beta * v));
        }
    }
}

/* dx = dy s (1 + beta x (1 - s)), s = sigmoid(beta x) */
static void swish_backward(const tp_saved *saved, tp_tensor *dy, tp_tensor **dx)
{
    const swish_attrs *a = saved->attrs;
    tp_tensor *bx = tp_mul(saved->in[0], a->beta), *s = tp_sigmoid(bx);
    dx[0] = tp_mul(dy, tp_mul(s, tp_add(tp_mul(bx, tp_sub(1, s)), 1)));
}

static const tp_op swish_op = {
    .name = "swish",
    .formula = "y = x sigmoid(beta x)",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(swish_attrs),
    .saves_in = 1,
    .infer = swish_infer,
    .forward = swish_forward,
    .backward = swish_backward,
};

static tp_tensor *swish(tp_tensor *x, double beta)
{
    return tp_apply(&swish_op, &x, 1, &(swish_attrs){ beta });
}

static tp_tensor *for_check(tp_tensor *const *inputs, int n, void *context)
{
    (void)n;
    (void)context;
    return swish(tp_transpose(inputs[0], 0, 1), 1.5);
}

int main(void)
{
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(-2, -1, 0, 1, 2), true);
    tp_tensor *y = swish(x, 1.5);
    tp_backward(tp_sum(y, TP_ALL_DIMS, false));
    for (int64_t i = 0; i < tp_numel(x) && y && tp_grad(x); i++)
        printf("x %5.2f   swish %8.5f   slope %8.5f\n", (double)((float *)tp_data(x))[i],
               (double)((float *)tp_data(y))[i], (double)((float *)tp_data(tp_grad(x)))[i]);

    tp_tensor *sample = tp_randn(TP_SHAPE(3, 4), .dtype = TP_F64, .requires_grad = true);
    if (tp_gradcheck(for_check, NULL, &sample, 1, .second = true) == TP_OK)
        puts("gradient and gradient of the gradient agree with differences");
    return tp_report_error(stderr);
}
