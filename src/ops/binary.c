/* binary.c - element-wise functions of two tensors, comparisons, where; and the derivatives of activations as ops.
 *
 * Shapes broadcast from the right, dtypes promote.  The engine sums gradients back to each input's shape, so a
 * backward here thinks element by element.
 * Layer: ops.  Kernels: BINARY_KERNELS, COMPARE_KERNELS, where (kernels.h).  Read next: map.c, reduce.c. */
#include "ops/map.h"

#include <math.h>
#include <taper/ops.h>

/* ---- add, sub, mul, div --------------------------------------------------------------------------------------- */

static void add_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    (void)s;
    dx[0] = dx[1] = dy;
}

static void sub_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    dx[0] = dy;
    if (s->needs[1])
        dx[1] = tp_neg(dy);
}

static void mul_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    if (s->needs[0])
        dx[0] = tp_mul(dy, s->in[1]);
    if (s->needs[1])
        dx[1] = tp_mul(dy, s->in[0]);
}

static tp_status div_infer(tp_call *c)
{
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype))
        c->out[0]->dtype = TP_F32;
    return TP_OK;
}

static void div_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *b = s->in[1];
    if (s->needs[0])
        dx[0] = tp_div(dy, b);
    if (s->needs[1])
        dx[1] = tp_neg(tp_mul(dy, tp_div(tp_div(s->in[0], b), b)));
}

/* ---- pow, maximum, minimum -------------------------------------------------------------------------------------- */

static void pow_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *y = s->out[0], *a = tp_to(s->in[0], tp_dtype_of(y)), *b = tp_to(s->in[1], tp_dtype_of(y));
    if (s->needs[0]) /* b a^(b-1), and 0 where b = 0 whatever a is */
        dx[0] = tp_where(tp_eq(b, 0), 0, tp_mul(dy, tp_mul(b, tp_pow(a, tp_sub(b, 1)))));
    if (s->needs[1]) /* y ln a, and 0 where a = 0 and b >= 0 */
        dx[1] = tp_where(tp_logical_and(tp_eq(a, 0), tp_ge(b, 0)), 0, tp_mul(dy, tp_mul(y, tp_log(a))));
}

/* All of dy to the winner, half to each of two equals. */
static void extreme_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx, tp_tensor *a_wins,
                             tp_tensor *b_wins)
{
    tp_tensor *shared = tp_where(tp_eq(s->in[0], s->in[1]), tp_mul(dy, 0.5), dy);
    dx[0] = tp_where(b_wins, 0, shared);
    dx[1] = tp_where(a_wins, 0, shared);
}

static void maximum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    extreme_backward(s, dy, dx, tp_gt(s->in[0], s->in[1]), tp_lt(s->in[0], s->in[1]));
}

static void minimum_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    extreme_backward(s, dy, dx, tp_lt(s->in[0], s->in[1]), tp_gt(s->in[0], s->in[1]));
}

/* ---- derivatives of activations: z = dy f'(x or y), and how that in turn depends on dy and x or y ------------------ */

static tp_tensor *again(const tp_saved *s, tp_tensor *dz) /* d z / d dy = f' */
{
    return tp_apply(s->op, (tp_tensor *[]){ dz, s->in[1] }, 2, NULL);
}

static void sigmoid_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_mul(tp_mul(dz, dy), tp_sub(1, tp_mul(y, 2)));
}

static void tanh_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *y = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(y, -2));
}

static void relu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    dx[0] = again(s, dz);
    if (s->needs[1])
        dx[1] = tp_zeros_like(dz);
}

static void gelu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1]) { /* f'' = phi(x) (2 - x^2) */
        tp_tensor *x2 = tp_square(x), *phi = tp_mul(tp_exp(tp_mul(x2, -0.5)), 0.3989422804014327);
        dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(phi, tp_sub(2, x2)));
    }
}

static void gelu_tanh_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = again(s, dz);
    if (!s->needs[1])
        return;
    /* f = x/2 (1 + t), t = tanh u, u = k (x + a x^3);  f'' = t' + x/2 t'',  t' = (1 - t^2) u',  t'' = (1 - t^2) (u'' - 2 t u'^2) */
    const double k = 0.7978845608028654, a = 0.044715;
    tp_tensor *x2 = tp_square(x);
    tp_tensor *t = tp_tanh(tp_mul(tp_mul(x, k), tp_add(tp_mul(x2, a), 1)));
    tp_tensor *du = tp_mul(tp_add(tp_mul(x2, 3 * a), 1), k), *ddu = tp_mul(x, 6 * a * k);
    tp_tensor *slope = tp_sub(1, tp_square(t));
    tp_tensor *curve = tp_sub(ddu, tp_mul(tp_mul(t, 2), tp_square(du)));
    dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(slope, tp_add(du, tp_mul(tp_mul(x, 0.5), curve))));
}

static void silu_backward_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    tp_tensor *dy = s->in[0], *x = s->in[1];
    dx[0] = again(s, dz);
    if (s->needs[1]) { /* f'' = p (1 - p) (2 + x (1 - 2 p)), p = sigmoid x */
        tp_tensor *p = tp_sigmoid(x);
        tp_tensor *curve = tp_add(tp_mul(x, tp_sub(1, tp_mul(p, 2))), 2);
        dx[1] = tp_mul(tp_mul(dz, dy), tp_mul(tp_mul(p, tp_sub(1, p)), curve));
    }
}

/* ---- comparisons --------------------------------------------------------------------------------------------------- */

static tp_status compare_infer(tp_call *c)
{
    if (tp_infer_broadcast(c))
        return tp_error_pending();
    c->out[0]->dtype = TP_BOOL;
    return TP_OK;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static const tp_example pairs[] = { { "2,3 2,3", NULL }, { "4,1,3 2,1", NULL }, { "3,5@t 3,5", NULL },
                                    { "s 7", NULL },     { "0,3 1,3", NULL },   { "33 33", NULL },
                                    { NULL, NULL } };
static const tp_example positive_pairs[] = { { "2,3@p 2,3@p", NULL },  { "4,1,3@p 2,1@p", NULL },
                                             { "3,5@tp 3,5@p", NULL }, { "s@p 7@p", NULL },
                                             { "0,3@p 1,3@p", NULL },  { NULL, NULL } };

#define BINARY(op, KERNEL, text, names, rule, own, others, reads_y, backward_of, samples) \
    const tp_op tp_op_##op = { .name = #op,                                               \
                               .formula = text,                                           \
                               .inputs = names,                                           \
                               .n_in = 2,                                                 \
                               .saves_in = own,                                           \
                               .saves_for_others = others,                                \
                               .saves_out = reads_y,                                      \
                               .infer = rule,                                             \
                               .forward = binary_forward,                                 \
                               .tag = KERNEL_##KERNEL,                                    \
                               .backward = backward_of,                                   \
                               .examples = samples };
#define PUBLIC(op)                                                      \
    tp_tensor *(tp_##op)(tp_tensor * x, tp_tensor * y)                  \
    {                                                                   \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, NULL); \
    }

BINARY(add, ADD, "z = x + y", "x y", tp_infer_broadcast, 0, 0, 0, add_backward, pairs)
BINARY(sub, SUB, "z = x - y", "x y", tp_infer_broadcast, 0, 0, 0, sub_backward, pairs)
BINARY(mul, MUL, "z = x y", "x y", tp_infer_broadcast, 0, 3, 0, mul_backward, pairs)
BINARY(div, DIV, "z = x / y", "x y", div_infer, 2, 1, 0, div_backward, positive_pairs)
BINARY(pow, POW, "z = x^y", "x y", tp_infer_broadcast, 3, 0, 1, pow_backward, positive_pairs)
BINARY(maximum, MAXIMUM, "z = max(x, y)", "x y", tp_infer_broadcast, 3, 0, 0, maximum_backward, pairs)
BINARY(minimum, MINIMUM, "z = min(x, y)", "x y", tp_infer_broadcast, 3, 0, 0, minimum_backward, pairs)
PUBLIC(add)
PUBLIC(sub)
PUBLIC(mul)
PUBLIC(div)
PUBLIC(pow)
PUBLIC(maximum)
PUBLIC(minimum)

BINARY(sigmoid_backward, SIGMOID_BACKWARD, "z = dy y (1 - y)", "dy y", tp_infer_broadcast, 2, 1, 0,
       sigmoid_backward_backward, pairs)
BINARY(tanh_backward, TANH_BACKWARD, "z = dy (1 - y^2)", "dy y", tp_infer_broadcast, 2, 1, 0,
       tanh_backward_backward, pairs)
BINARY(relu_backward, RELU_BACKWARD, "z = y > 0 ? dy : 0", "dy y", tp_infer_broadcast, 2, 0, 0,
       relu_backward_backward, pairs)
BINARY(gelu_backward, GELU_BACKWARD, "z = dy (Phi(x) + x phi(x))", "dy x", tp_infer_broadcast, 2, 1, 0,
       gelu_backward_backward, pairs)
BINARY(gelu_tanh_backward, GELU_TANH_BACKWARD, "z = dy d/dx gelu_tanh(x)", "dy x", tp_infer_broadcast, 2, 1,
       0, gelu_tanh_backward_backward, pairs)
BINARY(silu_backward, SILU_BACKWARD, "z = dy p (1 + x (1 - p)), p = sigmoid(x)", "dy x", tp_infer_broadcast,
       2, 1, 0, silu_backward_backward, pairs)

#define COMPARE(op, KERNEL, text)                          \
    const tp_op tp_op_##op = { .name = #op,                \
                               .formula = text,            \
                               .inputs = "x y",            \
                               .n_in = 2,                  \
                               .not_differentiable = true, \
                               .infer = compare_infer,     \
                               .forward = compare_forward, \
                               .tag = KERNEL_##KERNEL,     \
                               .examples = pairs };        \
    PUBLIC(op)

COMPARE(eq, EQ, "z = x == y")
COMPARE(ne, NE, "z = x != y")
COMPARE(lt, LT, "z = x < y")
COMPARE(le, LE, "z = x <= y")
COMPARE(gt, GT, "z = x > y")
COMPARE(ge, GE, "z = x >= y")
COMPARE(logical_and, AND, "z = x != 0 and y != 0")
COMPARE(logical_or, OR, "z = x != 0 or y != 0")
COMPARE(logical_xor, XOR, "z = (x != 0) != (y != 0)")

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

/* ---- in place: x op= y --------------------------------------------------------------------------------------------------- */

#define IN_PLACE(op)                                                     \
    tp_tensor *(tp_##op##_)(tp_tensor * x, tp_tensor * y)                \
    {                                                                    \
        return tp_apply_(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, NULL); \
    }

IN_PLACE(add)
IN_PLACE(sub)
IN_PLACE(mul)
IN_PLACE(div)
