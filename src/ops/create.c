/* create.c - tensors out of nothing: constant and sequences.
 *
 * Every filler is a function of the element's index, computed in f64 and converted a block at a time.
 * Layer: ops.  Depends on map.h.  Read next: random.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <math.h>

typedef struct create_attrs {
    tp_shape size;
    tp_dtype dtype;
    double a, b; /* value; start, end */
    double step, base;
    int64_t n, m;
} create_attrs;

enum { BLOCK = 512, GRAIN = 16384 };

typedef struct fill_run fill_run;
typedef void filler(const fill_run *, double *block, int64_t first, int64_t n);

struct fill_run {
    const create_attrs *attrs;
    const tp_tensor *y;
    filler *fill;
    convert_fn *convert;
};

static void fill_pieces(void *context, int64_t begin, int64_t end)
{
    const fill_run *r = context;
    double block[BLOCK];
    for (int64_t i = begin; i < end; i += BLOCK) {
        int64_t n = end - i < BLOCK ? end - i : BLOCK;
        r->fill(r, block, i, n);
        r->convert(tensor_data(r->y) + i * (int64_t)tensor_element_size(r->y), 1, block, 1, n);
    }
}

static void sequence(const fill_run *r, double *block, int64_t first, int64_t n)
{
    const create_attrs *a = r->attrs;
    for (int64_t i = 0; i < n; i++)
        block[i] = a->a + (double)(first + i) * a->step;
}

/* From both ends to the middle, so that the last element is the end itself. */
static void between(const fill_run *r, double *block, int64_t first, int64_t n)
{
    const create_attrs *a = r->attrs;
    int64_t steps = r->y->shape[0];
    double step = steps > 1 ? (a->b - a->a) / (double)(steps - 1) : 0;
    for (int64_t i = 0; i < n; i++)
        block[i] = first + i < steps / 2 || steps == 1 ? a->a + step * (double)(first + i)
                                                       : a->b - step * (double)(steps - 1 - first - i);
}

static void powers(const fill_run *r, double *block, int64_t first, int64_t n)
{
    between(r, block, first, n);
    for (int64_t i = 0; i < n; i++)
        block[i] = pow(r->attrs->base, block[i]);
}

static filler *const fillers[] = { NULL, NULL, NULL, sequence, between, powers };
enum { ZEROS, ONES, CONSTANT, SEQUENCE, BETWEEN, POWERS, DIAGONAL };

static tp_status sized_infer(tp_call *c)
{
    const create_attrs *a = c->attrs;
    return tp_infer_shape(c, 0, a->dtype, a->size);
}

#define AS_X ((tp_dtype)-1) /* a dtype that is not given */

static bool is_whole(double x)
{
    return x == floor(x);
}

/* Without a dtype: integers from integers, as PyTorch. */
static tp_status arange_infer(tp_call *c)
{
    const create_attrs *a = c->attrs;
    bool whole = is_whole(a->a) && is_whole(a->b) && is_whole(a->step);
    double n = ceil((a->b - a->a) / a->step);
    if (a->step == 0 || isnan(n) || n < 0 || n > 0x1p62)
        return tp_fail(TP_ERR_ARGUMENT,
                       "arange: from %g to %g in steps of %g: no number of steps leads there", a->a, a->b,
                       a->step);
    return tp_infer_shape(c, 0, a->dtype != AS_X ? a->dtype : whole ? TP_I64 : TP_F32, TP_SHAPE((int64_t)n));
}

static tp_status steps_infer(tp_call *c)
{
    const create_attrs *a = c->attrs;
    return tp_infer_shape(c, 0, a->dtype, TP_SHAPE(a->n));
}

static tp_status eye_infer(tp_call *c)
{
    const create_attrs *a = c->attrs;
    return tp_infer_shape(c, 0, a->dtype, TP_SHAPE(a->n, a->m == TP_NO_DIM ? a->n : a->m));
}

/* One element, and as many copies of it. */
typedef struct constant_run {
    const tp_tensor *y;
    convert_fn *move;
    const void *value;
} constant_run;

static void constant_pieces(void *context, int64_t begin, int64_t end)
{
    const constant_run *r = context;
    r->move(tensor_data(r->y) + begin * (int64_t)tensor_element_size(r->y), 1, r->value, 0, end - begin);
}

static void fill_constant(const kernel_table *kernels, const tp_tensor *y, double value)
{
    int64_t element;
    kernels->convert[y->dtype][TP_F64](&element, 1, &value, 1, 1);
    constant_run r = { y, kernels->move[move_kind(tensor_element_size(y))], &element };
    parallel_for(y->numel, 4 * GRAIN, constant_pieces, &r);
}

static void create_forward(const tp_call *c)
{
    tp_tensor *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    const create_attrs *a = c->attrs;
    double one = 1;
    if (c->op->tag <= CONSTANT) {
        fill_constant(kernels, y, c->op->tag == CONSTANT ? a->a : (double)c->op->tag);
        return;
    }
    if (c->op->tag == DIAGONAL) {
        fill_constant(kernels, y, 0);
        int64_t n = y->shape[0] < y->shape[1] ? y->shape[0] : y->shape[1];
        kernels->convert[y->dtype][TP_F64](tensor_data(y), y->shape[1] + 1, &one, 0, n);
        return;
    }
    fill_run r = { a, y, fillers[c->op->tag], kernels->convert[y->dtype][TP_F64] };
    parallel_for(y->numel, GRAIN, fill_pieces, &r);
}

#define FIELD(name, KIND, field, otherwise)                                  \
    {                                                                        \
        name, TP_ATTR_##KIND, offsetof(create_attrs, field), otherwise, NULL \
    }
#define SIZE FIELD("size", DIMS, size, TP_REQUIRED)
#define DTYPE FIELD("dtype", DTYPE, dtype, TP_F32)

#define CREATE(op, KIND, infer_, text, attributes, ...)                                             \
    const tp_op tp_op_##op = { .name = #op,                                                         \
                               .formula = text,                                                     \
                               .inputs = "",                                                        \
                               .n_in = 0,                                                           \
                               OP_ATTRS(create_attrs, UNPACK attributes),                           \
                               .not_differentiable = true,                                          \
                               .infer = infer_,                                                     \
                               .forward = create_forward,                                           \
                               .tag = KIND,                                                         \
                               OP_EXAMPLES({ "", &(create_attrs){ .dtype = TP_F32, __VA_ARGS__ } }, \
                                           { "", &(create_attrs){ .dtype = TP_I64, __VA_ARGS__ } }) };
#define UNPACK(...) __VA_ARGS__

CREATE(zeros, ZEROS, sized_infer, "y = 0", (SIZE, DTYPE), .size = { 2, { 3, 5 } })
CREATE(ones, ONES, sized_infer, "y = 1", (SIZE, DTYPE), .size = { 0 })
CREATE(full, CONSTANT, sized_infer, "y = fill_value", (SIZE, FIELD("fill_value", F64, a, TP_REQUIRED), DTYPE),
       .size = { 2, { 3, 5 } }, .a = 2.5)
CREATE(arange, SEQUENCE, arange_infer, "y_i = start + i step, below end",
       (FIELD("start", F64, a, 0), FIELD("end", F64, b, TP_REQUIRED), FIELD("step", F64, step, 1),
        FIELD("dtype", DTYPE, dtype, -1)),
       .a = 1, .b = 4.25, .step = 0.5)
CREATE(linspace, BETWEEN, steps_infer, "y_i from start to end, both reached",
       (FIELD("start", F64, a, TP_REQUIRED), FIELD("end", F64, b, TP_REQUIRED),
        FIELD("steps", I64, n, TP_REQUIRED), DTYPE),
       .a = -1, .b = 4, .n = 7)
CREATE(logspace, POWERS, steps_infer, "y_i = base^x_i, x_i from start to end, both reached",
       (FIELD("start", F64, a, TP_REQUIRED), FIELD("end", F64, b, TP_REQUIRED),
        FIELD("steps", I64, n, TP_REQUIRED), FIELD("base", F64, base, 10), DTYPE),
       .a = 0, .b = 3, .n = 7, .base = 2)
CREATE(eye, DIAGONAL, eye_infer, "y_ij = i == j",
       (FIELD("n", I64, n, TP_REQUIRED), FIELD("m", I64, m, TP_NO_DIM), DTYPE), .n = 3, .m = 5)
static tp_tensor *made(const tp_op *op, const create_attrs *attrs, bool requires_grad)
{
    tp_tensor *y = tp_apply(op, NULL, 0, attrs);
    return y && requires_grad ? tp_requires_grad_(y, true) : y;
}

static tp_tensor *create(const tp_op *op, tp_shape size, const tp_tensor_options *o, double a, double b)
{
    create_attrs attrs = { .size = size, .dtype = o->dtype, .a = a, .b = b };
    return made(op, &attrs, o->requires_grad);
}

/* ---- public ------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_empty_opt(tp_shape shape, const tp_tensor_options *o)
{
    if (in_dry_run()) /* an operation, which makes nothing then */
        return tp_full_opt(shape, 0, o);
    tp_tensor *y = tp_pending() ? NULL : tensor_new(o->dtype, shape);
    return y && o->requires_grad ? tp_requires_grad_(y, true) : y;
}

tp_tensor *tp_full_opt(tp_shape shape, double value, const tp_tensor_options *o)
{
    return create(&tp_op_full, shape, o, value, 0);
}

tp_tensor *tp_eye_opt(int64_t rows, int64_t cols, const tp_tensor_options *o)
{
    return made(&tp_op_eye, &(create_attrs){ .dtype = o->dtype, .n = rows, .m = cols }, o->requires_grad);
}

tp_tensor *tp_arange_opt(double start, double end, double step, const tp_tensor_options *o)
{
    return made(&tp_op_arange, &(create_attrs){ .dtype = o->dtype, .a = start, .b = end, .step = step },
                o->requires_grad);
}

tp_tensor *tp_linspace_opt(double start, double end, int64_t steps, const tp_tensor_options *o)
{
    return made(&tp_op_linspace, &(create_attrs){ .dtype = o->dtype, .a = start, .b = end, .n = steps },
                o->requires_grad);
}

tp_tensor *tp_logspace_opt(double start, double end, int64_t steps, double base, const tp_tensor_options *o)
{
    return made(&tp_op_logspace,
                &(create_attrs){ .dtype = o->dtype, .a = start, .b = end, .n = steps, .base = base },
                o->requires_grad);
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
/* ---- the table's form of *_like ----------------------------------------------------------------------------------------- */

typedef struct like_attrs {
    double fill_value;
    tp_dtype dtype;
} like_attrs;

static void filled_like(tp_call *c, double value)
{
    const like_attrs *a = c->attrs;
    tp_dtype dtype = a->dtype == AS_X ? (tp_dtype)c->in[0]->dtype : a->dtype;
    c->out[0] = tp_full(tp_shape_of(c->in[0]), value, .dtype = dtype);
}

static void zeros_like_compose(tp_call *c)
{
    filled_like(c, 0);
}

static void ones_like_compose(tp_call *c)
{
    filled_like(c, 1);
}

static void full_like_compose(tp_call *c)
{
    filled_like(c, ((const like_attrs *)c->attrs)->fill_value);
}

#define LIKE(op, text, ...)                                                                             \
    COMPOSED_OP(op, "x", 1, text, .not_differentiable = true,                                           \
                OP_ATTRS(like_attrs,                                                                    \
                         __VA_ARGS__{ "dtype", TP_ATTR_DTYPE, offsetof(like_attrs, dtype), -1, NULL }), \
                OP_EXAMPLES({ "2,3", &(like_attrs){ 2, AS_X } }, { "3,2@t", &(like_attrs){ 3, TP_I64 } }));

LIKE(zeros_like, "y = 0, of x's shape and dtype")
LIKE(ones_like, "y = 1, of x's shape and dtype")
LIKE(full_like, "y = fill_value, of x's shape and dtype", OP_ATTR(like_attrs, F64, fill_value, TP_REQUIRED), )
