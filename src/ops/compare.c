/* compare.c - comparisons, logic, tests of one number, closeness: what gives bool, and has no gradient.
 *
 * In place the truth is written as 0 or 1 of the tensor's own dtype.
 * Layer: ops.  Kernels: COMPARE_KERNELS (kernels.h).  Read next: bits.c, ternary.c for where. */
#include "base/error.h"
#include "ops/elementwise.h"

#include <math.h>

/* ---- two tensors ------------------------------------------------------------------------------------------------------- */

#define COMPARE(op, KERNEL, text)                          \
    const tp_op tp_op_##op = { .name = #op,                \
                               .formula = text,            \
                               .inputs = "x y",            \
                               .n_in = 2,                  \
                               .not_differentiable = true, \
                               .infer = infer_truth,       \
                               .forward = compare_forward, \
                               .tag = KERNEL_##KERNEL,     \
                               .examples = any_pair };     \
    TWO_INPUTS(op)                                         \
    tp_tensor *(tp_##op##_)(tp_tensor * x, tp_tensor * y)  \
    {                                                      \
        TP_SCOPE;                                          \
        return tp_copy_(x, (tp_##op)(x, y));               \
    }

COMPARE(eq, EQ, "z = x == y")
COMPARE(ne, NE, "z = x != y")
COMPARE(lt, LT, "z = x < y")
COMPARE(le, LE, "z = x <= y")
COMPARE(gt, GT, "z = x > y")
COMPARE(ge, GE, "z = x >= y")
COMPARE(logical_and, AND, "z = x != 0 and y != 0")
COMPARE(logical_or, OR, "z = x != 0 or y != 0")
COMPARE(logical_xor, XOR, "z = (x != 0) != (y != 0)")

/* ---- one tensor -------------------------------------------------------------------------------------------------------- */

#define TRUTH(op, KERNEL, text)                            \
    const tp_op tp_op_##op = { .name = #op,                \
                               .formula = text,            \
                               .inputs = "x",              \
                               .n_in = 1,                  \
                               .not_differentiable = true, \
                               .infer = infer_truth,       \
                               .forward = truth_forward,   \
                               .tag = KERNEL_##KERNEL,     \
                               .examples = any_number };   \
    tp_tensor *tp_##op(tp_tensor *x)                       \
    {                                                      \
        return tp_apply(&tp_op_##op, &x, 1, NULL);         \
    }

TRUTH(isnan, NE, "y = x is no number") /* nothing else differs from itself */
TRUTH(isinf, ISINF, "y = |x| is infinite")
TRUTH(isfinite, ISFINITE, "y = x is neither infinite nor NaN")
TRUTH(signbit, SIGNBIT, "y = x < 0, or -0, or a NaN with that sign")

#define TRUTH_OF(op, text, expression)                     \
    static void op##_compose(tp_call *c)                   \
    {                                                      \
        c->out[0] = expression;                            \
    }                                                      \
    const tp_op tp_op_##op = { .name = #op,                \
                               .formula = text,            \
                               .inputs = "x",              \
                               .n_in = 1,                  \
                               .not_differentiable = true, \
                               .compose = op##_compose,    \
                               .examples = any_number };   \
    tp_tensor *tp_##op(tp_tensor *x)                       \
    {                                                      \
        return tp_apply(&tp_op_##op, &x, 1, NULL);         \
    }

TRUTH_OF(isposinf, "y = x is infinity", tp_eq(c->in[0], INFINITY))
TRUTH_OF(isneginf, "y = x is minus infinity", tp_eq(c->in[0], -INFINITY))
TRUTH_OF(logical_not, "y = x == 0", tp_eq(c->in[0], 0))

tp_tensor *tp_logical_not_(tp_tensor *x)
{
    TP_SCOPE;
    return tp_copy_(x, tp_logical_not(x));
}

/* ---- close, equal ------------------------------------------------------------------------------------------------------- */

typedef struct close_attrs {
    double rtol, atol;
    bool equal_nan;
} close_attrs;

static tp_status check_close(const tp_call *c)
{
    const close_attrs *a = c->attrs;
    if (!(a->rtol >= 0 && a->atol >= 0))
        return tp_fail(TP_ERR_ARGUMENT, "%s: rtol is %g and atol %g, 0 or more are wanted", c->op->name,
                       a->rtol, a->atol);
    return check_one_dtype(c);
}

static tp_tensor *close(const tp_call *c)
{
    const close_attrs *a = c->attrs;
    tp_tensor *x = c->in[0], *y = c->in[1], *z = tp_eq(x, y);
    if (a->equal_nan)
        z = tp_logical_or(z, tp_logical_and(tp_isnan(x), tp_isnan(y)));
    if (a->rtol == 0 && a->atol == 0)
        return z;
    if (!tp_dtype_is_float(tp_dtype_of(y))) /* so that u8 does not wrap */
        y = tp_to(y, TP_F32);
    if (tp_dtype_of(x) == TP_BOOL)
        x = tp_to(x, TP_F32);
    tp_tensor *apart = tp_abs(tp_sub(x, y)), *allowed = tp_add(tp_abs(tp_mul(y, a->rtol)), a->atol);
    return tp_logical_or(z, tp_logical_and(tp_isfinite(apart), tp_le(apart, allowed)));
}

static void isclose_compose(tp_call *c)
{
    c->out[0] = check_close(c) ? NULL : close(c);
}

static void allclose_compose(tp_call *c)
{
    c->out[0] = check_close(c) ? NULL : tp_all(close(c), TP_ALL_DIMS, false);
}

static const tp_attr close_words[] = { { "rtol", TP_ATTR_F64, offsetof(close_attrs, rtol), 1e-5, NULL },
                                       { "atol", TP_ATTR_F64, offsetof(close_attrs, atol), 1e-8, NULL },
                                       { "equal_nan", TP_ATTR_BOOL, offsetof(close_attrs, equal_nan), 0,
                                         NULL },
                                       { 0 } };

#define CLOSE(op, text)                                                                                    \
    const tp_op tp_op_##op = {                                                                             \
        .name = #op,                                                                                       \
        .formula = text,                                                                                   \
        .inputs = "x y",                                                                                   \
        .n_in = 2,                                                                                         \
        .attrs_size = sizeof(close_attrs),                                                                 \
        .attrs = close_words,                                                                              \
        .not_differentiable = true,                                                                        \
        .compose = op##_compose,                                                                           \
        .examples = (const tp_example[]){ { "2,3 2,3", NULL },                                             \
                                          { "3,5@t 3,5", &(close_attrs){ 0.5, 0.3, true } },               \
                                          { "4,1,3 2,1", &(close_attrs){ 1, 1, false } },                  \
                                          { "5@i3 5@i3", &(close_attrs){ 0, 1, false } },                  \
                                          { "0,3 1,3", NULL },                                             \
                                          { NULL, NULL } },                                                \
    };                                                                                                     \
    tp_tensor *(tp_##op)(tp_tensor * x, tp_tensor * y, double rtol, double atol, bool equal_nan)           \
    {                                                                                                      \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, &(close_attrs){ rtol, atol, equal_nan }); \
    }

CLOSE(isclose, "z = x == y or |x - y| <= atol + rtol |y|")
CLOSE(allclose, "z = every x == y or |x - y| <= atol + rtol |y|")

/* Different tensors mostly differ at once: large ones are compared by their first rows before the rest is. */
static bool begins_differently(tp_tensor *x, tp_tensor *y)
{
    enum { FEW = 4096 };
    int64_t row = x->ndim && x->shape[0] ? x->numel / x->shape[0] : x->numel, rows = row ? FEW / row : 0;
    if (x->numel < 4 * FEW || rows < 1 || !tensor_data(x) || !tensor_data(y))
        return false;
    tp_tensor *same = tp_eq(tp_narrow(x, 0, 0, rows), tp_narrow(y, 0, 0, rows));
    return tp_item(tp_all(same, TP_ALL_DIMS, false)) == 0;
}

static void equal_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *y = c->in[1];
    if (tensor_same_shape(x, y) && !begins_differently(x, y))
        c->out[0] = tp_all(tp_eq(x, y), TP_ALL_DIMS, false);
    else
        c->out[0] = tp_full(TP_SHAPE(), 0, .dtype = TP_BOOL);
}

const tp_op tp_op_equal = {
    .name = "equal",
    .formula = "z = x and y have one shape and the same elements",
    .inputs = "x y",
    .n_in = 2,
    .not_differentiable = true,
    .compose = equal_compose,
    .examples = (const tp_example[]){ { "2,3 2,3", NULL },
                                      { "3,5@t 3,5", NULL },
                                      { "3 4", NULL },
                                      { "0,3 0,3", NULL },
                                      { NULL, NULL } },
};
TWO_INPUTS(equal)
