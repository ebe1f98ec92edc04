/* elementwise.c - rules for dtypes, forwards, backwards and examples that element-wise operations share.
 *
 * Layer: ops.  Depends on map.h.  Read next: unary.c, binary.c. */
#include "ops/elementwise.h"

#include "base/error.h"
#include <math.h>
#include <string.h>

/* ---- dtypes --------------------------------------------------------------------------------------------------------- */

tp_status infer_same(tp_call *c)
{
    return c->n_in == 1 ? tp_infer_like(c, 0) : tp_infer_broadcast(c);
}

tp_status infer_float(tp_call *c)
{
    if (infer_same(c))
        return tp_error_pending();
    if (!tp_dtype_is_float(c->out[0]->dtype))
        c->out[0]->dtype = TP_F32;
    return TP_OK;
}

static tp_status refuse(const tp_call *c, const char *wanted)
{
    char got[64] = "";
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i]) {
            strncat(got, *got ? " and " : "", sizeof got - strlen(got) - 1);
            strncat(got, tp_dtype_name(c->in[i]->dtype), sizeof got - strlen(got) - 1);
        }
    return tp_fail(TP_ERR_DTYPE, "%s: got %s, wants %s", c->op->name, got, wanted);
}

tp_status infer_number(tp_call *c)
{
    if (infer_same(c))
        return tp_error_pending();
    return c->out[0]->dtype == TP_BOOL ? refuse(c, "numbers (bool has logical_not, logical_xor ...)") : TP_OK;
}

tp_status infer_only_float(tp_call *c)
{
    if (infer_same(c))
        return tp_error_pending();
    return tp_dtype_is_float(c->out[0]->dtype) ? TP_OK : refuse(c, "floats");
}

tp_status infer_only_integer(tp_call *c)
{
    if (infer_same(c))
        return tp_error_pending();
    return tp_dtype_is_float(c->out[0]->dtype) ? refuse(c, "integers or bool") : TP_OK;
}

tp_status infer_only_shifted(tp_call *c)
{
    if (infer_only_integer(c))
        return tp_error_pending();
    return c->out[0]->dtype == TP_BOOL ? refuse(c, "integers") : TP_OK;
}

tp_status infer_truth(tp_call *c)
{
    if (infer_same(c))
        return tp_error_pending();
    c->out[0]->dtype = TP_BOOL;
    return TP_OK;
}

tp_status infer_divisor(tp_call *c)
{
    if (infer_number(c))
        return tp_error_pending();
    if (tp_dtype_is_float(c->out[0]->dtype) || !c->in[1]->numel || !tensor_data(c->in[1]))
        return TP_OK;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *zero = tp_any(tp_eq(c->in[1], 0), TP_ALL_DIMS, false);
    if (zero && tensor_data(zero) && tp_item(zero) != 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: an integer is divided by zero; floats give inf or nan",
                       c->op->name);
    return tp_error_pending();
}

tp_status check_one_dtype(const tp_call *c)
{
    const tp_tensor *first = NULL;
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (x->is_number)
            continue;
        if (first && x->dtype != first->dtype)
            return refuse(c, "one dtype");
        first = x;
    }
    return TP_OK;
}

/* ---- forwards -------------------------------------------------------------------------------------------------------- */

void unary_forward(const tp_call *c)
{
    unary_forward_with(c, (unary_kernel)c->op->tag, c->attrs);
}

void truth_forward(const tp_call *c)
{
    tp_call twice = *c;
    twice.in = (tp_tensor *[]){ c->in[0], c->in[0] };
    twice.n_in = 2;
    compare_forward(&twice);
}

typedef struct ternary_context {
    ternary_fn *f;
    const double *parameters;
} ternary_context;

static void ternary_body(const void *context, void *const *ptr, const int64_t *step, int64_t n)
{
    const ternary_context *t = context;
    t->f(ptr[0], ptr[1], step[1], ptr[2], step[2], ptr[3], step[3], n, t->parameters);
}

void ternary_forward_with(const tp_call *c, ternary_kernel kernel, const tp_tensor *third,
                          const double *parameters)
{
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(c->out[0]->dtype);
    ternary_context t = { kernels->ternary[kernel][type], parameters };
    map m = { .body = ternary_body, .context = &t };
    map_tensors(&m, kernels, c->out[0], (const tp_tensor *[]){ c->in[0], c->in[1], third }, 3);
    for (int i = 0; i < 4; i++)
        m.computed[i] = dtype_of_kernel(type);
    map_run(&m);
}

/* ---- backwards -------------------------------------------------------------------------------------------------------- */

void zero_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->needs[i])
            dx[i] = tp_zeros_like(dy);
}

/* ---- gate: z = dy times one number where x lies in an open interval, times another elsewhere: the slope of what is made
 * of straight lines ---- */

typedef struct gate_attrs {
    double low, high, inside, outside;
} gate_attrs;

static void gate_forward(const tp_call *c)
{
    ternary_forward_with(c, KERNEL_GATE, c->in[1], c->attrs);
}

static void gate_backward(const tp_saved *s, tp_tensor *dz, tp_tensor **dx)
{
    const gate_attrs *a = s->attrs;
    dx[0] = dy_inside(dz, s->in[1], a->low, a->high, a->inside, a->outside);
    if (s->needs[1])
        dx[1] = tp_zeros_like(dz);
}

#define FIELD(name, otherwise)                                          \
    {                                                                   \
#name, TP_ATTR_F64, offsetof(gate_attrs, name), otherwise, NULL \
    }

const tp_op tp_op_gate = {
    .name = "gate",
    .formula = "z = low < x < high ? inside dy : outside dy",
    .inputs = "dy x",
    .n_in = 2,
    .attrs_size = sizeof(gate_attrs),
    .attrs = (const tp_attr[]){ FIELD(low, 0), FIELD(high, 1), FIELD(inside, 1), FIELD(outside, 0), { 0 } },
    .saves_in = 2,
    .infer = infer_only_float,
    .forward = gate_forward,
    .backward = gate_backward,
    .examples = (const tp_example[]){ { "2,3 2,3", &(gate_attrs){ -0.3, 0.4, 1, 0 } },
                                      { "3,5@t 3,5", &(gate_attrs){ 0, INFINITY, 1, 0.1 } },
                                      { "0,4 0,4", NULL },
                                      { NULL, NULL } },
};

tp_tensor *dy_inside(tp_tensor *dy, tp_tensor *x, double low, double high, double inside, double outside)
{
    return tp_apply(&tp_op_gate, (tp_tensor *[]){ dy, x }, 2, &(gate_attrs){ low, high, inside, outside });
}

/* ---- examples ---------------------------------------------------------------------------------------------------------- */

const tp_example any_number[] = { { "2,3", NULL }, { "17", NULL },  { "3,5@t", NULL },
                                  { "s", NULL },   { "0,4", NULL }, { NULL, NULL } };
const tp_example positive_number[] = { { "2,3@p", NULL }, { "17@p", NULL },  { "3,5@tp", NULL },
                                       { "s@p", NULL },   { "0,4@p", NULL }, { NULL, NULL } };
const tp_example unit_number[] = { { "2,3@u", NULL }, { "17@u", NULL },  { "3,5@tu", NULL },
                                   { "s@u", NULL },   { "0,4@u", NULL }, { NULL, NULL } };
const tp_example above_one[] = { { "2,3@g", NULL }, { "17@g", NULL },  { "3,5@tg", NULL },
                                 { "s@g", NULL },   { "0,4@g", NULL }, { NULL, NULL } };
const tp_example any_pair[] = { { "2,3 2,3", NULL }, { "4,1,3 2,1", NULL }, { "3,5@t 3,5", NULL },
                                { "s 7", NULL },     { "0,3 1,3", NULL },   { "33 33", NULL },
                                { NULL, NULL } };
const tp_example positive_pair[] = { { "2,3@p 2,3@p", NULL },  { "4,1,3@p 2,1@p", NULL },
                                     { "3,5@tp 3,5@p", NULL }, { "s@p 7@p", NULL },
                                     { "0,3@p 1,3@p", NULL },  { NULL, NULL } };
const tp_example integer_pair[] = { { "2,3@i9 2,3@i7", NULL },   { "4,1,3@i9 2,1@i7", NULL },
                                    { "3,5@ti40 3,5@i5", NULL }, { "s@i9 7@i3", NULL },
                                    { "0,3@i2 1,3@i2", NULL },   { NULL, NULL } };
