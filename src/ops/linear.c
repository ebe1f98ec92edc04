/* linear.c - a product and a sum in one: linear, bilinear, and what PyTorch takes over from BLAS: addmm, addmv, addbmm,
 * baddbmm, addr.
 *
 * linear is an operation of its own, because its bias goes into the product's store.  The others follow from products and
 * sums; addmm takes linear where it can.
 * Layer: ops.  Kernels: gemm (kernels.h).  Read next: matmul.c. */
#include "ops/map.h"
#include "ops/ops.h"

/* ---- linear:  y = x W^T + b ------------------------------------------------------------------------------------------------ */

/* x (..., in) as a matrix (rows, in): its rows must lie at one stride.  as_is: no operand is converted to the computing
 * type, which makes it contiguous. */
static gemm_args linear_product(const tp_tensor *x, const tp_tensor *w, const tp_tensor *y, bool as_is)
{
    int64_t in = w->shape[1], rows = in ? x->numel / in : 0;
    bool matrix = x->ndim == 2 && as_is;
    return (gemm_args){ .m = in ? rows : y->numel / (w->shape[0] ? w->shape[0] : 1),
                        .n = w->shape[0],
                        .k = in,
                        .a_row = matrix ? x->stride[0] : in,
                        .a_col = matrix ? x->stride[1] : 1,
                        .b_row = as_is ? w->stride[1] : 1,
                        .b_col = as_is ? w->stride[0] : in,
                        .c_row = w->shape[0] };
}

static tp_status check_types(const tp_tensor *a, const tp_tensor *b)
{
    if (a->dtype == b->dtype && a->dtype != TP_BOOL)
        return TP_OK;
    return tp_fail(TP_ERR_DTYPE, "linear: %s and %s; two of one dtype, not bool, are wanted",
                   tp_dtype_name((tp_dtype)a->dtype), tp_dtype_name((tp_dtype)b->dtype));
}

static tp_status linear_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *bias = c->in[2];
    const kernel_table *kernels = product_kernels(c);
    if (c->op->tag == WITH_RELU && !tp_dtype_is_float((tp_dtype)x->dtype))
        return tp_fail(TP_ERR_DTYPE, "linear_relu: %s, floats are wanted", tp_dtype_name((tp_dtype)x->dtype));
    if (check_types(x, w) || (bias && check_types(x, bias)))
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
    tp_dtype type = dtype_of_kernel(kernel_type_of((tp_dtype)x->dtype));
    gemm_args g = linear_product(x, w, c->out[0], type == x->dtype);
    c->scratch_bytes = kernels->gemm_scratch[kernel_type_of(type)](&g);
    if (type != x->dtype)
        c->scratch_bytes += converted_bytes(x, type) + converted_bytes(w, type) +
                            converted_bytes(c->out[0], type) + (bias ? converted_bytes(bias, type) : 0);
    else
        c->scratch_bytes += (x->ndim == 2 ? 0 : staged_bytes(x, CLONE_CONTIGUOUS)) +
                            (bias ? staged_bytes(bias, CLONE_CONTIGUOUS) : 0);
    return TP_OK;
}

static void linear_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *bias = c->in[2], *y = c->out[0];
    const kernel_table *kernels = product_kernels(c);
    kernel_type kernel = kernel_type_of((tp_dtype)x->dtype);
    tp_dtype type = dtype_of_kernel(kernel);
    char *scratch = c->scratch;
    if (!y->numel)
        return;
    gemm_args g = linear_product(x, w, y, type == x->dtype);
    if (type != x->dtype) {
        g.a = converted(c, x, type, &scratch);
        g.b = converted(c, w, type, &scratch);
        g.bias = bias ? converted(c, bias, type, &scratch) : NULL;
        g.c = scratch;
        if (y->numel)
            scratch += converted_bytes(y, type);
    } else {
        g.a = x->ndim == 2 ? tensor_data(x) : staged(c, x, CLONE_CONTIGUOUS, &scratch);
        g.b = tensor_data(w);
        g.bias = bias ? staged(c, bias, CLONE_CONTIGUOUS, &scratch) : NULL;
        g.c = tensor_data(y);
    }
    g.scratch = scratch;
    g.scratch_bytes = c->scratch_bytes - (size_t)(scratch - (char *)c->scratch);
    g.relu = c->op->tag == WITH_RELU;
    kernels->gemm[kernel](&g);
    if (type != x->dtype)
        kernels->convert[y->dtype][type](tensor_data(y), 1, g.c, 1, y->numel);
}

static void linear_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->op->tag == WITH_RELU)
        dy = through_relu(dy, s->out[0]);
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
    return (double)c->out[0]->numel * (2.0 * (double)c->in[1]->shape[1] + (c->op->tag == WITH_RELU));
}

#define LINEAR(op, KIND, text, saved_outputs, ...)                                 \
    const tp_op tp_op_##op = {                                                     \
        .name = #op,                                                               \
        .formula = text,                                                           \
        .inputs = "x weight bias?",                                                \
        .n_in = 3,                                                                 \
        .saves_for_others = 3,                                                     \
        .saves_out = saved_outputs,                                                \
        .infer = linear_infer,                                                     \
        .forward = linear_forward,                                                 \
        .backward = linear_backward,                                               \
        .cost = linear_cost,                                                       \
        OP_EXAMPLES(__VA_ARGS__),                                                  \
        .tag = KIND,                                                               \
    };                                                                             \
    tp_tensor *tp_##op(tp_tensor *x, tp_tensor *weight, tp_tensor *bias)           \
    {                                                                              \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, weight, bias }, 3, NULL); \
    }

LINEAR(linear, PLAIN, "y = x W^T + b", 0, { "4,3 5,3 5", NULL }, { "2,3,7 2,7 -", NULL },
       { "1,17 10,17 10", NULL }, { "0,3 2,3 2", NULL }, { "3 2,3 2", NULL }, { "2,3@i9 4,3@i9 4@i9", NULL })
LINEAR(linear_relu, WITH_RELU, "y = max(x W^T + b, 0), in the product's store", 1, { "4,3 5,3 5", NULL },
       { "2,3,7 2,7 -", NULL }, { "0,3 2,3 2", NULL }, { "3 2,3 2", NULL })

/* ---- beta input + alpha (a product) ---------------------------------------------------------------------------------------- */

typedef struct scale_attrs {
    double beta, alpha;
} scale_attrs;

static bool is_whole(double x)
{
    return x == (double)(int64_t)x;
}

/* Integers stay integers. */
static tp_tensor *scaled(const char *op, tp_tensor *x, double factor)
{
    if (!x || factor == 1)
        return x;
    if (tp_dtype_is_float((tp_dtype)x->dtype))
        return tp_mul(x, tp_number(factor));
    if (!(factor > -0x1p63 && factor < 0x1p63 && is_whole(factor)))
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: beta or alpha is %g, integer tensors want an integer", op,
                            factor);
    return tp_mul(x, tp_integer((int64_t)factor));
}

/* beta 0 leaves input out altogether, whatever it holds. */
static void sum_up(tp_call *c, tp_tensor *input, tp_tensor *product)
{
    const scale_attrs *a = c->attrs;
    if (!product || !input)
        return;
    if (input->dtype != product->dtype) {
        tp_fail(TP_ERR_DTYPE, "%s: input is %s, the product %s; one dtype is wanted", c->op->name,
                tp_dtype_name((tp_dtype)input->dtype), tp_dtype_name((tp_dtype)product->dtype));
        return;
    }
    if (!(input = tp_expand(input, tp_shape_of(product))))
        return;
    product = scaled(c->op->name, product, a->alpha);
    c->out[0] = a->beta == 0 ? product : tp_add(scaled(c->op->name, input, a->beta), product);
}

static void addmm_compose(tp_call *c)
{
    const scale_attrs *a = c->attrs;
    tp_tensor *input = c->in[0], *x = c->in[1], *y = c->in[2];
    if (a->alpha == 1 && a->beta == 1 && x->ndim == 2 && y->ndim == 2 && input->ndim == 1 &&
        input->dtype == x->dtype && input->shape[0] == y->shape[1])
        c->out[0] = tp_linear(x, tp_transpose(y, 0, 1), input);
    else
        sum_up(c, c->in[0], tp_mm(x, y));
}

static void addmv_compose(tp_call *c)
{
    sum_up(c, c->in[0], tp_mv(c->in[1], c->in[2]));
}

static void baddbmm_compose(tp_call *c)
{
    sum_up(c, c->in[0], tp_bmm(c->in[1], c->in[2]));
}

/* The sum over the batch is a part of the product: (M, B K) (B K, N). */
static void addbmm_compose(tp_call *c)
{
    tp_tensor *x = c->in[1], *y = c->in[2];
    if (x->ndim != 3 || y->ndim != 3 || x->shape[0] != y->shape[0] || x->shape[2] != y->shape[1]) {
        tp_fail(TP_ERR_SHAPE, "addbmm: %s and %s: (B, M, K) and (B, K, N) are wanted", tensor_shape_text(x),
                tensor_shape_text(y));
        return;
    }
    int64_t inner = x->shape[0] * x->shape[2];
    tp_tensor *rows = tp_reshape(tp_permute(x, TP_SHAPE(1, 0, 2)), TP_SHAPE(x->shape[1], inner));
    sum_up(c, c->in[0], tp_mm(rows, tp_reshape(y, TP_SHAPE(inner, y->shape[2]))));
}

static void addr_compose(tp_call *c)
{
    if (c->in[1]->ndim != 1 || c->in[2]->ndim != 1)
        tp_fail(TP_ERR_SHAPE, "addr: %s and %s, two vectors are wanted", tensor_shape_text(c->in[1]),
                tensor_shape_text(c->in[2]));
    else if (c->in[0]->dtype == TP_F16 || c->in[0]->dtype == TP_BF16) { /* rounded once, at the end */
        tp_tensor *product = tp_outer(tp_float(c->in[1]), tp_float(c->in[2]));
        sum_up(c, tp_float(c->in[0]), product);
        c->out[0] = c->out[0] ? tp_to(c->out[0], (tp_dtype)c->in[0]->dtype) : NULL;
    } else if (((const scale_attrs *)c->attrs)->beta == 1 &&
               tp_dtype_is_float((tp_dtype)c->in[0]->dtype)) /* in one pass */
        c->out[0] =
            tp_addcmul(c->in[0], tp_unsqueeze(c->in[1], 1), c->in[2], ((const scale_attrs *)c->attrs)->alpha);
    else
        sum_up(c, c->in[0], tp_outer(c->in[1], c->in[2]));
}

#define SCALED(op, inputs_, text, ...)                                                                  \
    COMPOSED_OP(op, inputs_, 3, text,                                                                   \
                OP_ATTRS(scale_attrs, OP_ATTR(scale_attrs, F64, beta, 1),                               \
                         OP_ATTR(scale_attrs, F64, alpha, 1)),                                          \
                OP_EXAMPLES(__VA_ARGS__));                                                              \
    tp_tensor *tp_##op(tp_tensor *input, tp_tensor *x, tp_tensor *y, double beta, double alpha)         \
    {                                                                                                   \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ input, x, y }, 3, &(scale_attrs){ beta, alpha }); \
    }

SCALED(addmm, "input mat1 mat2", "y = beta input + alpha mat1 mat2", { "4 3,2 2,4", NULL },
       { "3,1@t 3,2@t 2,4", &(scale_attrs){ 0.5, -2 } }, { "2,2 2,3 3,2", &(scale_attrs){ 0, 1 } })
SCALED(addmv, "input mat vec", "y = beta input + alpha mat vec", { "3 3,2 2", NULL },
       { "s 3,2@t 2", &(scale_attrs){ 0.5, -2 } })
SCALED(addbmm, "input batch1 batch2", "y = beta input + alpha sum over b of batch1[b] batch2[b]",
       { "3,4 2,3,2 2,2,4", NULL }, { "4 2,3,2@t 2,2,4", &(scale_attrs){ 0.5, -2 } })
SCALED(baddbmm, "input batch1 batch2", "y[b] = beta input[b] + alpha batch1[b] batch2[b]",
       { "2,3,4 2,3,2 2,2,4", NULL }, { "4 2,3,2@t 2,2,4", &(scale_attrs){ 0.5, -2 } })
SCALED(addr, "input vec1 vec2", "y_ij = beta input_ij + alpha vec1_i vec2_j", { "3,4 3 4", NULL },
       { "4 3 4", &(scale_attrs){ 0.5, -2 } })

/* ---- bilinear:  y_o = x1 W_o x2 + b_o ------------------------------------------------------------------------------------------ */

static void bilinear_compose(tp_call *c)
{
    tp_tensor *x1 = c->in[0], *x2 = c->in[1], *w = c->in[2], *bias = c->in[3];
    bool fits = w->ndim == 3 && x1->ndim == x2->ndim && x1->ndim > 0 &&
                x1->shape[x1->ndim - 1] == w->shape[1] && x2->shape[x2->ndim - 1] == w->shape[2] &&
                (!bias || (bias->ndim == 1 && bias->shape[0] == w->shape[0]));
    for (int i = 0; i < x1->ndim - 1 && fits; i++)
        fits = x1->shape[i] == x2->shape[i];
    if (!fits) {
        tp_fail(TP_ERR_SHAPE,
                "bilinear: inputs %s and %s, weight %s, bias %s: (..., I), (..., J), (O, I, J) and (O,) are "
                "wanted",
                tensor_shape_text(x1), tensor_shape_text(x2), tensor_shape_text(w),
                bias ? tensor_shape_text(bias) : "none");
        return;
    }
    int64_t o = w->shape[0], i = w->shape[1], j = w->shape[2], rows = 1;
    tp_shape shape = tp_shape_of(x1);
    for (int d = 0; d < x1->ndim - 1; d++)
        rows *= x1->shape[d];
    shape.dim[shape.ndim - 1] = o;
    tp_tensor *left = tp_reshape(x1, TP_SHAPE(rows, i)), *right = tp_reshape(x2, TP_SHAPE(rows, j, 1));
    tp_tensor *half =
        tp_matmul(left, tp_reshape(tp_permute(w, TP_SHAPE(1, 0, 2)), TP_SHAPE(i, o * j))); /* x1 W_o */
    tp_tensor *y = tp_reshape(tp_matmul(tp_reshape(half, TP_SHAPE(rows, o, j)), right), shape);
    c->out[0] = bias ? tp_add(y, bias) : y;
}

COMPOSED_OP(bilinear, "input1 input2 weight bias?", 4,
            "y_o = sum over i, j of input1_i weight_oij input2_j + bias_o",
            OP_EXAMPLES({ "2,3 2,4 5,3,4 5", NULL }, { "2,2,3 2,2,2 1,3,2 -", NULL },
                        { "3 2 2,3,2 2", NULL }));

tp_tensor *tp_bilinear(tp_tensor *x1, tp_tensor *x2, tp_tensor *weight, tp_tensor *bias)
{
    return tp_apply(&tp_op_bilinear, (tp_tensor *[]){ x1, x2, weight, bias }, 4, NULL);
}
