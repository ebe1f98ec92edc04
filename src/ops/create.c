/* create.c - tensors out of nothing: constant and sequences.
 *
 * Every filler is a function of the element's index, computed in f64 and converted a block at a time.
 * Layer: ops.  Depends on map.h.  Read next: random.c. */
#include "base/parallel.h"
#include "ops/map.h"

#include <math.h>
#include <taper/ops.h>

typedef struct create_attrs {
    tp_shape shape;
    tp_dtype dtype;
    double a, b; /* value; start, step; start, end */
} create_attrs;

enum { BLOCK = 512, GRAIN = 16384 };

typedef void filler(const create_attrs *, double *block, int64_t first, int64_t n);

typedef struct fill_run {
    const create_attrs *attrs;
    filler *fill;
    convert_fn *convert;
    char *data;
    size_t size;
} fill_run;

static void fill_pieces(void *context, int64_t begin, int64_t end)
{
    const fill_run *r = context;
    double block[BLOCK];
    for (int64_t i = begin; i < end; i += BLOCK) {
        int64_t n = end - i < BLOCK ? end - i : BLOCK;
        r->fill(r->attrs, block, i, n);
        r->convert(r->data + i * (int64_t)r->size, 1, block, 1, n);
    }
}

static void constant(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    (void)first;
    for (int64_t i = 0; i < n; i++)
        block[i] = a->a;
}

static void sequence(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        block[i] = a->a + (double)(first + i) * a->b;
}

/* From both ends to the middle, so that the last element is the end itself. */
static void between(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    int64_t steps = a->shape.dim[0];
    double step = steps > 1 ? (a->b - a->a) / (double)(steps - 1) : 0;
    for (int64_t i = 0; i < n; i++)
        block[i] = first + i < steps / 2 || steps == 1 ? a->a + step * (double)(first + i)
                                                       : a->b - step * (double)(steps - 1 - first - i);
}

static void diagonal(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    int64_t cols = a->shape.dim[1];
    for (int64_t i = 0; i < n; i++)
        block[i] = (first + i) / cols == (first + i) % cols;
}

static filler *const fillers[] = { constant, sequence, between, diagonal };
enum { CONSTANT, SEQUENCE, BETWEEN, DIAGONAL };

static tp_status create_infer(tp_call *c)
{
    const create_attrs *a = c->attrs;
    return tp_infer_shape(c, 0, a->dtype, a->shape);
}

static void create_forward(const tp_call *c)
{
    tp_tensor *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    const create_attrs *a = c->attrs;
    if (c->op->tag == CONSTANT) { /* one conversion that reads the same number again and again */
        kernels->convert[y->dtype][TP_F64](tensor_data(y), 1, &a->a, 0, y->numel);
        return;
    }
    fill_run r = { a, fillers[c->op->tag], kernels->convert[y->dtype][TP_F64], tensor_data(y),
                   tensor_element_size(y) };
    parallel_for(y->numel, GRAIN, fill_pieces, &r);
}

#define SIZE_AND_DTYPE                                                  \
    { "size", TP_ATTR_DIMS, offsetof(create_attrs, shape), TP_REQUIRED }, \
    {                                                                   \
        "dtype", TP_ATTR_DTYPE, offsetof(create_attrs, dtype), 0        \
    }
#define NUMBERS(first, second)                                     \
    { first, TP_ATTR_F64, offsetof(create_attrs, a), 0 },          \
    {                                                              \
        second, TP_ATTR_F64, offsetof(create_attrs, b), 1          \
    }

#define CREATE(op, name_, KIND, text, a_, b_, numbers, ...)                                       \
    const tp_op tp_op_##op = {                                                                    \
        .name = name_,                                                                            \
        .formula = text,                                                                          \
        .inputs = "",                                                                             \
        .n_in = 0,                                                                                \
        .attrs_size = sizeof(create_attrs),                                                       \
        .attrs = (const tp_attr[]){ SIZE_AND_DTYPE, numbers, { 0 } },                             \
        .not_differentiable = true,                                                               \
        .infer = create_infer,                                                                    \
        .forward = create_forward,                                                                \
        .tag = KIND,                                                                              \
        .examples =                                                                               \
            (const tp_example[]){ { "", &(create_attrs){ __VA_ARGS__, TP_F32, a_, b_ } }, { NULL, NULL } }, \
    };

#define VALUE { "fill_value", TP_ATTR_F64, offsetof(create_attrs, a), 0 }
#define NOTHING { 0 }
#define PAIR_OF(a, b) NUMBERS(a, b)
CREATE(full, "full", CONSTANT, "y = fill_value", 2.5, 0, VALUE, { 2, { 3, 5 } })
CREATE(_arange, "_arange", SEQUENCE, "y_i = start + i step, i < size", 1, 0.5, PAIR_OF("start", "step"), { 1, { 7 } })
CREATE(_linspace, "_linspace", BETWEEN, "y_i from start to end, both reached", -1, 1, PAIR_OF("start", "end"), { 1, { 7 } })
CREATE(_eye, "_eye", DIAGONAL, "y_ij = i == j", 0, 0, NOTHING, { 2, { 3, 5 } })

static tp_tensor *create(const tp_op *op, tp_shape shape, const tp_tensor_options *o, double a, double b)
{
    tp_tensor *y = tp_apply(op, NULL, 0, &(create_attrs){ shape, o->dtype, a, b });
    return y && o->requires_grad ? tp_requires_grad_(y, true) : y;
}

/* ---- public ------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_empty_opt(tp_shape shape, const tp_tensor_options *o)
{
    tp_tensor *y = tp_pending() ? NULL : tensor_new(o->dtype, shape);
    return y && o->requires_grad ? tp_requires_grad_(y, true) : y;
}

tp_tensor *tp_full_opt(tp_shape shape, double value, const tp_tensor_options *o)
{
    return create(&tp_op_full, shape, o, value, 0);
}

tp_tensor *tp_eye_opt(int64_t rows, int64_t cols, const tp_tensor_options *o)
{
    return create(&tp_op__eye, TP_SHAPE(rows, cols), o, 0, 0);
}

tp_tensor *tp_arange_opt(double start, double end, double step, const tp_tensor_options *o)
{
    double n = ceil((end - start) / step);
    if (step == 0 || isnan(n) || n < 0 || n > 0x1p62)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "arange: from %g to %g in steps of %g: no number of steps leads there", start,
                            end, step);
    return create(&tp_op__arange, TP_SHAPE((int64_t)n), o, start, step);
}

tp_tensor *tp_linspace_opt(double start, double end, int64_t steps, const tp_tensor_options *o)
{
    return create(&tp_op__linspace, TP_SHAPE(steps), o, start, end);
}

tp_tensor *tp_logspace_opt(double start, double end, int64_t steps, double base, const tp_tensor_options *o)
{
    tp_tensor_options wide = { sizeof wide, TP_F64, false };
    tp_tensor *y = tp_to(tp_pow(base, tp_linspace_opt(start, end, steps, &wide)), o->dtype);
    return y && o->requires_grad ? tp_requires_grad_(y, true) : y;
}

static tp_tensor *like(const tp_tensor *x, const tp_op *op, double a, double b)
{
    if (!x)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s_like: the tensor is NULL", op ? op->name : "empty");
    tp_tensor_options o = { sizeof o, (tp_dtype)x->dtype, false };
    return op ? create(op, tp_shape_of(x), &o, a, b) : tp_empty_opt(tp_shape_of(x), &o);
}

tp_tensor *tp_empty_like(const tp_tensor *x)
{
    return like(x, NULL, 0, 0);
}
tp_tensor *tp_zeros_like(const tp_tensor *x)
{
    return like(x, &tp_op_full, 0, 0);
}
tp_tensor *tp_ones_like(const tp_tensor *x)
{
    return like(x, &tp_op_full, 1, 0);
}
tp_tensor *tp_full_like(const tp_tensor *x, double value)
{
    return like(x, &tp_op_full, value, 0);
}

/* ---- the sequences as people call them ------------------------------------------------------------------------------------ */

typedef struct sequence_attrs {
    double start, end, step, base;
    int64_t steps, rows, cols;
    tp_shape size;
    tp_dtype dtype;
} sequence_attrs;

#define OPTIONS(s) (&(tp_tensor_options){ sizeof(tp_tensor_options), (s)->dtype, false })

static void arange_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_arange_opt(s->start, s->end, s->step, OPTIONS(s));
}
static void linspace_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_linspace_opt(s->start, s->end, s->steps, OPTIONS(s));
}
static void logspace_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_logspace_opt(s->start, s->end, s->steps, s->base, OPTIONS(s));
}
static void eye_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_eye_opt(s->rows, s->cols == TP_NO_DIM ? s->rows : s->cols, OPTIONS(s));
}
static void zeros_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_full_opt(s->size, 0, OPTIONS(s));
}
static void ones_compose(tp_call *c)
{
    const sequence_attrs *s = c->attrs;
    c->out[0] = tp_full_opt(s->size, 1, OPTIONS(s));
}

#define FIELD(name, type, field, otherwise) { name, TP_ATTR_##type, offsetof(sequence_attrs, field), otherwise },
#define SEQUENCE_OP(op, text, fields, ...)                                                                        \
    const tp_op tp_op_##op = {                                                                                    \
        .name = #op,                                                                                              \
        .formula = text,                                                                                          \
        .inputs = "",                                                                                             \
        .n_in = 0,                                                                                                \
        .attrs_size = sizeof(sequence_attrs),                                                                     \
        .attrs =                                                                                                  \
            (const tp_attr[]){ fields{ "dtype", TP_ATTR_DTYPE, offsetof(sequence_attrs, dtype), 0 }, { 0 } },     \
        .not_differentiable = true,                                                                               \
        .compose = op##_compose,                                                                                  \
        .examples = (const tp_example[]){ { "", &(sequence_attrs){ __VA_ARGS__ } }, { NULL, NULL } },             \
    };

SEQUENCE_OP(zeros, "y = 0", FIELD("size", DIMS, size, TP_REQUIRED), .size = { 2, { 3, 5 } })
SEQUENCE_OP(ones, "y = 1", FIELD("size", DIMS, size, TP_REQUIRED), .size = { 2, { 3, 5 } })
SEQUENCE_OP(arange, "y_i = start + i step, below end",
            FIELD("start", F64, start, 0) FIELD("end", F64, end, TP_REQUIRED) FIELD("step", F64, step, 1), .start = 1,
            .end = 4, .step = 0.5)
SEQUENCE_OP(linspace, "steps numbers from start to end, both reached",
            FIELD("start", F64, start, TP_REQUIRED) FIELD("end", F64, end, TP_REQUIRED)
                FIELD("steps", I64, steps, TP_REQUIRED),
            .start = -1, .end = 1, .steps = 7)
SEQUENCE_OP(logspace, "steps numbers from base^start to base^end, both reached",
            FIELD("start", F64, start, TP_REQUIRED) FIELD("end", F64, end, TP_REQUIRED)
                FIELD("steps", I64, steps, TP_REQUIRED) FIELD("base", F64, base, 10),
            .start = -1, .end = 1, .steps = 7, .base = 10)
SEQUENCE_OP(eye, "y_ij = i == j", FIELD("n", I64, rows, TP_REQUIRED) FIELD("m", I64, cols, TP_NO_DIM), .rows = 3, .cols = 5)
