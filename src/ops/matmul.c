/* matmul.c - products of matrices: matmul (batched, broadcast) and linear.
 *
 * C = A B.  Strides go to the kernel as they are, so a transpose costs nothing.  Two gradients of a product are products:
 * dA = dC B^T, dB = A^T dC.
 * Layer: ops.  Kernels: gemm (kernels.h).  Read next: conv.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

static tp_status check_types(const char *op, const tp_tensor *a, const tp_tensor *b)
{
    if (a->dtype == b->dtype && (a->dtype == TP_F32 || a->dtype == TP_F64))
        return TP_OK;
    return tp_fail(TP_ERR_DTYPE, "%s: %s and %s; both f32 or both f64 are wanted", op,
                   tp_dtype_name((tp_dtype)a->dtype), tp_dtype_name((tp_dtype)b->dtype));
}

/* ---- matmul on (..., M, K) and (..., K, N) ---------------------------------------------------------------------------- */

/* The batch dims of the result; false where they do not broadcast. */
static bool batch_shape(const tp_tensor *a, const tp_tensor *b, tp_shape *shape)
{
    int na = a->ndim - 2, nb = b->ndim - 2;
    shape->ndim = na > nb ? na : nb;
    for (int k = 1; k <= shape->ndim; k++) {
        int64_t sa = k <= na ? a->shape[na - k] : 1, sb = k <= nb ? b->shape[nb - k] : 1;
        if (sa != sb && sa != 1 && sb != 1)
            return false;
        shape->dim[shape->ndim - k] = sa == 1 ? sb : sa;
    }
    return true;
}

static gemm_args product_of(const tp_tensor *a, const tp_tensor *b, const tp_tensor *y)
{
    int da = a->ndim, db = b->ndim, dy = y->ndim;
    return (gemm_args){ .m = a->shape[da - 2],
                        .n = b->shape[db - 1],
                        .k = a->shape[da - 1],
                        .a = tensor_data(a),
                        .a_row = a->stride[da - 2],
                        .a_col = a->stride[da - 1],
                        .b = tensor_data(b),
                        .b_row = b->stride[db - 2],
                        .b_col = b->stride[db - 1],
                        .c = tensor_data(y),
                        .c_row = y->stride[dy - 2] };
}

static tp_status matmul_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    tp_shape shape;
    if (check_types("matmul", a, b))
        return tp_error_pending();
    if (a->ndim < 2 || b->ndim < 2 || a->shape[a->ndim - 1] != b->shape[b->ndim - 2] ||
        !batch_shape(a, b, &shape))
        return tp_fail(
            TP_ERR_SHAPE,
            "matmul: %s and %s: (..., M, K) and (..., K, N) with batch dims that broadcast are wanted",
            tensor_shape_text(a), tensor_shape_text(b));
    if (shape.ndim > TP_MAX_DIMS - 2)
        return tp_fail(TP_ERR_SHAPE, "matmul: %d batch dims are too many", shape.ndim);
    shape.dim[shape.ndim++] = a->shape[a->ndim - 2];
    shape.dim[shape.ndim++] = b->shape[b->ndim - 1];
    if (tp_infer_shape(c, 0, (tp_dtype)a->dtype, shape))
        return tp_error_pending();
    gemm_args g = product_of(a, b, c->out[0]);
    c->scratch_bytes = kernels_best()->gemm_scratch[a->dtype](&g);
    return TP_OK;
}

static void matmul_forward(const tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    int batch_dims = y->ndim - 2, pad_a = y->ndim - a->ndim, pad_b = y->ndim - b->ndim;
    gemm_args g = product_of(a, b, y);
    g.scratch = c->scratch;
    int64_t at[TP_MAX_DIMS] = { 0 }, batches = 1, size = (int64_t)tensor_element_size(y);
    for (int i = 0; i < batch_dims; i++)
        batches *= y->shape[i];
    for (int64_t n = 0; n < batches && y->numel; n++) {
        int64_t oa = 0, ob = 0, oy = 0;
        for (int i = 0; i < batch_dims; i++) {
            oa += i >= pad_a && a->shape[i - pad_a] > 1 ? at[i] * a->stride[i - pad_a] : 0;
            ob += i >= pad_b && b->shape[i - pad_b] > 1 ? at[i] * b->stride[i - pad_b] : 0;
            oy += at[i] * y->stride[i];
        }
        g.a = tensor_data(a) + oa * size;
        g.b = tensor_data(b) + ob * size;
        g.c = tensor_data(y) + oy * size;
        kernels->gemm[y->dtype](&g);
        for (int i = batch_dims; i-- > 0 && ++at[i] == y->shape[i];)
            at[i] = 0;
    }
}

static void matmul_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_matmul(dy, tp_transpose(s->in[1], -2, -1));
    if (s->needs[1])
        dx[1] = tp_matmul(tp_transpose(s->in[0], -2, -1), dy);
}

static double matmul_cost(const tp_call *c)
{
    return 2.0 * (double)c->out[0]->numel * (double)c->in[0]->shape[c->in[0]->ndim - 1];
}

const tp_op tp_op_matmul = {
    .name = "matmul",
    .formula = "z[..., i, j] = sum over k of x[..., i, k] y[..., k, j]",
    .inputs = "x y",
    .n_in = 2,
    .saves_for_others = 3,
    .infer = matmul_infer,
    .forward = matmul_forward,
    .backward = matmul_backward,
    .cost = matmul_cost,
    .examples = (const tp_example[]){ { "2,3 3,4", NULL },
                                      { "5,7@t 7,3@t", NULL },
                                      { "2,1,3,4 5,4,2", NULL },
                                      { "1,9 9,1", NULL },
                                      { "0,3 3,2", NULL },
                                      { "2,0 0,3", NULL },
                                      { NULL, NULL } },
};

static tp_tensor *two_matrices(tp_tensor *a, tp_tensor *b)
{
    return tp_apply(&tp_op_matmul, (tp_tensor *[]){ a, b }, 2, NULL);
}

tp_tensor *tp_matmul(tp_tensor *a, tp_tensor *b)
{
    if (!a || !b || tp_pending() || (a->ndim >= 2 && b->ndim >= 2 && !(a->ndim > 2 && b->ndim == 2)))
        return two_matrices(a, b);
    if (!a->ndim || !b->ndim)
        return tp_fail_null(TP_ERR_SHAPE, "matmul: %s and %s: a scalar is no matrix; use mul",
                            tensor_shape_text(a), tensor_shape_text(b));
    TP_SCOPE;
    if (a->ndim > 2 && b->ndim == 2) { /* many matrices with one: a single tall product */
        tp_shape shape = tp_shape_of(a);
        tp_tensor *tall = two_matrices(tp_flatten(a, 0, -2), b);
        shape.dim[shape.ndim - 1] = b->shape[1];
        return tp_keep(tp_view(tall, shape));
    }
    bool row = a->ndim == 1, column = b->ndim == 1;
    tp_tensor *y = tp_matmul(row ? tp_unsqueeze(a, 0) : a, column ? tp_unsqueeze(b, 1) : b);
    if (column)
        y = tp_squeeze(y, -1);
    if (row)
        y = tp_squeeze(y, column ? -1 : -2);
    return tp_keep(y);
}

/* ---- linear:  y = x W^T + b ------------------------------------------------------------------------------------------------ */

/* x (..., in) as a matrix (rows, in): its rows must lie at one stride. */
static gemm_args linear_product(const tp_tensor *x, const tp_tensor *w, const tp_tensor *bias,
                                const tp_tensor *y)
{
    int64_t in = w->shape[1], rows = in ? x->numel / in : 0;
    int64_t x_row = x->ndim == 2 ? x->stride[0] : in, x_col = x->ndim == 2 ? x->stride[1] : 1;
    return (gemm_args){ .m = in ? rows : y->numel / (w->shape[0] ? w->shape[0] : 1),
                        .n = w->shape[0],
                        .k = in,
                        .a = tensor_data(x),
                        .a_row = x_row,
                        .a_col = x_col,
                        .b = tensor_data(w),
                        .b_row = w->stride[1],
                        .b_col = w->stride[0],
                        .c = tensor_data(y),
                        .c_row = w->shape[0],
                        .bias = bias ? tensor_data(bias) : NULL };
}

static tp_status linear_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *bias = c->in[2];
    if (check_types("linear", x, w) || (bias && check_types("linear", x, bias)))
        return tp_error_pending();
    if (x->ndim < 1 || w->ndim != 2 || x->shape[x->ndim - 1] != w->shape[1])
        return tp_fail(TP_ERR_SHAPE, "linear: input %s, weight %s wants (..., %lld)", tensor_shape_text(x),
                       tensor_shape_text(w), (long long)(w->ndim == 2 ? w->shape[1] : -1));
    if (bias && (bias->ndim != 1 || bias->shape[0] != w->shape[0]))
        return tp_fail(TP_ERR_SHAPE, "linear: bias %s, weight %s wants (%lld,)", tensor_shape_text(bias),
                       tensor_shape_text(w), (long long)w->shape[0]);
    tp_shape shape = tp_shape_of(x);
    shape.dim[shape.ndim - 1] = w->shape[0];
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape))
        return tp_error_pending();
    gemm_args g = linear_product(x, w, bias, c->out[0]);
    c->scratch_bytes = kernels_best()->gemm_scratch[x->dtype](&g) +
                       (x->ndim == 2 ? 0 : staged_bytes(x, CLONE_CONTIGUOUS)) +
                       (bias ? staged_bytes(bias, CLONE_CONTIGUOUS) : 0);
    return TP_OK;
}

static void linear_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    gemm_args g = linear_product(c->in[0], c->in[1], c->in[2], c->out[0]);
    char *scratch = c->scratch;
    if (c->in[0]->ndim != 2)
        g.a = staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch);
    if (c->in[2])
        g.bias = staged(c, c->in[2], CLONE_CONTIGUOUS, &scratch);
    g.scratch = scratch;
    if (c->out[0]->numel)
        kernels->gemm[c->out[0]->dtype](&g);
}

static void linear_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_matmul(dy, s->in[1]);
    tp_tensor *rows =
        dy && tp_ndim(dy) != 2
            ? tp_reshape(dy, TP_SHAPE(tp_numel(dy) / (s->in_shape[1].dim[0] ? s->in_shape[1].dim[0] : 1),
                                      s->in_shape[1].dim[0]))
            : dy;
    if (s->needs[1]) {
        tp_tensor *x = tp_ndim(s->in[0]) == 2
                           ? s->in[0]
                           : tp_reshape(s->in[0], TP_SHAPE(tp_size(rows, 0), s->in_shape[1].dim[1]));
        dx[1] = tp_matmul(tp_transpose(rows, 0, 1), x);
    }
    if (s->n_in > 2 && s->needs[2])
        dx[2] = tp_sum(rows, TP_SHAPE(0), false);
}

static double linear_cost(const tp_call *c)
{
    return 2.0 * (double)c->out[0]->numel * (double)c->in[1]->shape[1];
}

const tp_op tp_op_linear = {
    .name = "linear",
    .formula = "y = x W^T + b",
    .inputs = "x weight bias?",
    .n_in = 3,
    .saves_for_others = 3,
    .infer = linear_infer,
    .forward = linear_forward,
    .backward = linear_backward,
    .cost = linear_cost,
    .examples = (const tp_example[]){ { "4,3 5,3 5", NULL },
                                      { "2,3,7 2,7 -", NULL },
                                      { "1,17 10,17 10", NULL },
                                      { "0,3 2,3 2", NULL },
                                      { "3 2,3 2", NULL },
                                      { NULL, NULL } },
};

tp_tensor *tp_linear(tp_tensor *x, tp_tensor *weight, tp_tensor *bias)
{
    return tp_apply(&tp_op_linear, (tp_tensor *[]){ x, weight, bias }, 3, NULL);
}
