/* ternary.c - element-wise functions of three tensors: choice, interpolation, products and quotients added.
 *
 * Layer: ops.  Kernels: where, TERNARY_KERNELS (kernels.h).  Read next: binary.c, map.c. */
#include "base/error.h"
#include "ops/elementwise.h"

#include <math.h>

/* ---- where:  z = condition ? x : y ------------------------------------------------------------------------------------- */

static tp_status where_infer(tp_call *c)
{
    if (c->in[0]->dtype != TP_BOOL)
        return tp_fail(TP_ERR_DTYPE, "where: condition is %s, bool is wanted",
                       tp_dtype_name(c->in[0]->dtype));
    tp_call values = *c; /* the condition takes part in the shape, not in the dtype */
    values.in = c->in + 1;
    values.n_in = 2;
    tp_dtype dtype = call_promoted(&values);
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    c->out[0]->dtype = (uint8_t)dtype;
    return TP_OK;
}

static void where_body(const void *context, void *const *ptr, const int64_t *step, int64_t n)
{
    (*(where_fn *const *)context)(ptr[0], ptr[1], step[1], ptr[2], step[2], ptr[3], step[3], n);
}

static void where_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(c->out[0]->dtype);
    map m = { .body = where_body, .context = &kernels->where[type] };
    map_tensors(&m, kernels, c->out[0], (const tp_tensor *[]){ c->in[0], c->in[1], c->in[2] }, 3);
    m.computed[0] = m.computed[2] = m.computed[3] = dtype_of_kernel(type);
    m.computed[1] = TP_BOOL;
    map_run(&m);
}

static void where_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[1])
        dx[1] = tp_where(s->in[0], dy, 0);
    if (s->needs[2])
        dx[2] = tp_where(s->in[0], 0, dy);
}

const tp_op tp_op_where = {
    .name = "where",
    .formula = "z = condition ? x : y",
    .inputs = "condition x y",
    .n_in = 3,
    .saves_in = 1,
    .infer = where_infer,
    .forward = where_forward,
    .backward = where_backward,
    .examples = (const tp_example[]){ { "2,3@b 2,3 2,3", NULL },
                                      { "4,1@b 3 4,3@t", NULL },
                                      { "5@b s 5", NULL },
                                      { "0,3@b 3 s", NULL },
                                      { NULL, NULL } },
};

tp_tensor *(tp_where)(tp_tensor *condition, tp_tensor *x, tp_tensor *y)
{
    return tp_apply(&tp_op_where, (tp_tensor *[]){ condition, x, y }, 3, NULL);
}

/* ---- lerp ----------------------------------------------------------------------------------------------------------------- */

static tp_status lerp_infer(tp_call *c)
{
    return check_one_dtype(c) ? tp_error_pending() : infer_only_float(c);
}

static void lerp_forward(const tp_call *c)
{
    ternary_forward_with(c, KERNEL_LERP, c->in[2], NULL);
}

static void lerp_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *w = s->in[2];
    if (s->needs[0])
        dx[0] = tp_mul(dy, tp_sub(1, w));
    if (s->needs[1])
        dx[1] = tp_mul(dy, w);
    if (s->needs[2])
        dx[2] = tp_mul(dy, tp_sub(s->in[1], s->in[0]));
}

#define TRIPLES                                                                                           \
    { "2,3 2,3 2,3@p", NULL }, { "4,1,3 2,1 s@p", NULL }, { "3,5@t 3,5 5@p", NULL }, { "s 7 7@p", NULL }, \
    {                                                                                                     \
        "0,3 1,3 s@p", NULL                                                                               \
    }

const tp_op tp_op_lerp = {
    .name = "lerp",
    .formula = "z = x + weight (y - x)",
    .inputs = "input end weight",
    .n_in = 3,
    .saves_in = 4,
    .saves_for_others = 3,
    .infer = lerp_infer,
    .forward = lerp_forward,
    .backward = lerp_backward,
    .examples = (const tp_example[]){ TRIPLES, { NULL, NULL } },
};

tp_tensor *(tp_lerp)(tp_tensor *input, tp_tensor *end, tp_tensor *weight)
{
    return tp_apply(&tp_op_lerp, (tp_tensor *[]){ input, end, weight }, 3, NULL);
}

tp_tensor *(tp_lerp_)(tp_tensor *input, tp_tensor *end, tp_tensor *weight)
{
    return tp_apply_(&tp_op_lerp, (tp_tensor *[]){ input, end, weight }, 3, NULL);
}

/* ---- addcmul, addcdiv --------------------------------------------------------------------------------------------------------- */

typedef struct value_attrs {
    double value;
} value_attrs;

static double value_of(const void *attrs)
{
    return ((const value_attrs *)attrs)->value;
}

static void addcmul_forward(const tp_call *c)
{
    ternary_forward_with(c, KERNEL_ADDCMUL, c->in[2], c->attrs);
}

static void addcdiv_forward(const tp_call *c)
{
    ternary_forward_with(c, KERNEL_ADDCDIV, c->in[2], c->attrs);
}

static void addcmul_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double value = value_of(s->attrs);
    dx[0] = dy;
    if (value != 1)
        dy = tp_mul(dy, value);
    if (s->needs[1])
        dx[1] = tp_mul(dy, s->in[2]);
    if (s->needs[2])
        dx[2] = tp_mul(dy, s->in[1]);
}

static void addcdiv_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    double value = value_of(s->attrs);
    tp_tensor *c = s->in[2];
    dx[0] = dy;
    if (value != 1)
        dy = tp_mul(dy, value);
    if (s->needs[1])
        dx[1] = tp_div(dy, c);
    if (s->needs[2])
        dx[2] = tp_neg(tp_mul(dy, tp_div(tp_div(s->in[1], c), c)));
}

static tp_status addcmul_infer(tp_call *c)
{
    if (infer_number(c))
        return tp_error_pending();
    double value = value_of(c->attrs);
    if (value != floor(value) && !tp_dtype_is_float(c->out[0]->dtype))
        return tp_fail(TP_ERR_ARGUMENT, "addcmul: value is %g, integers want an integer", value);
    return TP_OK;
}

static tp_status addcdiv_infer(tp_call *c)
{
    if (!tp_dtype_is_float(c->in[1]->dtype) && !tp_dtype_is_float(c->in[2]->dtype))
        return tp_fail(TP_ERR_DTYPE, "addcdiv: divides %s by %s, a float is wanted",
                       tp_dtype_name(c->in[1]->dtype), tp_dtype_name(c->in[2]->dtype));
    return infer_only_float(c);
}

#define WITH_VALUE(op, text, own, others)                                                                 \
    const tp_op tp_op_##op = {                                                                            \
        .name = #op,                                                                                      \
        .formula = text,                                                                                  \
        .inputs = "input tensor1 tensor2",                                                                \
        .n_in = 3,                                                                                        \
        .attrs_size = sizeof(value_attrs),                                                                \
        .attrs = (const tp_attr[]){ { "value", TP_ATTR_F64, 0, 1, NULL }, { 0 } },                        \
        .saves_in = own,                                                                                  \
        .saves_for_others = others,                                                                       \
        .infer = op##_infer,                                                                              \
        .forward = op##_forward,                                                                          \
        .backward = op##_backward,                                                                        \
        .examples =                                                                                       \
            (const tp_example[]){ TRIPLES, { "2,3 2,3 2,3@p", &(value_attrs){ -0.5 } }, { NULL, NULL } }, \
    };                                                                                                    \
    tp_tensor *tp_##op(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value)            \
    {                                                                                                     \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ input, tensor1, tensor2 }, 3,                       \
                        &(value_attrs){ value });                                                         \
    }                                                                                                     \
    tp_tensor *tp_##op##_(tp_tensor *input, tp_tensor *tensor1, tp_tensor *tensor2, double value)         \
    {                                                                                                     \
        return tp_apply_(&tp_op_##op, (tp_tensor *[]){ input, tensor1, tensor2 }, 3,                      \
                         &(value_attrs){ value });                                                        \
    }

WITH_VALUE(addcmul, "z = input + value tensor1 tensor2", 0, 6)
WITH_VALUE(addcdiv, "z = input + value tensor1 / tensor2", 4, 2)
