/* create.c - tensors out of nothing: constant, sequences, random.
 *
 * Every filler is a function of the element's index, computed in f64 and converted a block at a time; random ones
 * take a stream of the thread's generator, so that which thread fills what does not matter.
 * Layer: ops.  Depends on map.h, base/random.h.  Read next: dropout.c. */
#include "base/parallel.h"
#include "base/philox.h"
#include "base/random.h"
#include "ops/map.h"

#include <math.h>
#include <taper/ops.h>

typedef struct create_attrs {
    tp_shape shape;
    tp_dtype dtype;
    double a, b; /* value; start, step; low, high; mean, std; rows' length */
    tp_rng rng;
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

/* 53 random bits for f64, 24 for the others; never high itself, whatever the rounding. */
static void uniform(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    bool wide = a->dtype == TP_F64;
    double below = wide ? nextafter(a->b, a->a) : (double)nextafterf((float)a->b, (float)a->a);
    for (int64_t i = 0; i < n; i++) {
        philox_block p = philox(a->rng.seed, a->rng.stream, (uint64_t)(first + i) / 2);
        int half = (int)((first + i) % 2) * 2;
        double u = wide ? uniform_f64(p.v[half], p.v[half + 1]) : (double)uniform_f32(p.v[half]);
        double value = a->a + (a->b - a->a) * u;
        block[i] = value < a->b || a->b <= a->a ? value : below;
    }
}

/* Box and Muller: two words make two normals. */
static void normal(const create_attrs *a, double *block, int64_t first, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        philox_block p = philox(a->rng.seed, a->rng.stream, (uint64_t)(first + i) / 4);
        int pair = (int)((first + i) % 4) / 2 * 2;
        double radius = sqrt(-2 * log(((double)p.v[pair] + 1) * 0x1p-32));
        double angle = 2 * M_PI * (double)p.v[pair + 1] * 0x1p-32;
        block[i] = a->a + a->b * radius * ((first + i) % 2 ? sin(angle) : cos(angle));
    }
}

static filler *const fillers[] = { constant, sequence, between, diagonal, uniform, normal };
enum { CONSTANT, SEQUENCE, BETWEEN, DIAGONAL, UNIFORM, NORMAL };

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

#define CREATE_ATTRS(first, second)                                           \
    (const tp_attr[])                                                         \
    {                                                                         \
        { "shape", TP_ATTR_DIMS, offsetof(create_attrs, shape), 0 },          \
            { "dtype", TP_ATTR_DTYPE, offsetof(create_attrs, dtype), 0 },     \
            { first, TP_ATTR_F64, offsetof(create_attrs, a), 0 },             \
            { second, TP_ATTR_F64, offsetof(create_attrs, b), 1 },            \
            { "seed", TP_ATTR_U64, offsetof(create_attrs, rng.seed), 0 },     \
            { "stream", TP_ATTR_U64, offsetof(create_attrs, rng.stream), 0 }, \
        {                                                                     \
            0                                                                 \
        }                                                                     \
    }

#define CREATE(op, KIND, text, first, second, shape_, a_, b_)                                   \
    const tp_op tp_op_##op = { .name = #op,                                                     \
                               .formula = text,                                                 \
                               .inputs = "",                                                    \
                               .n_in = 0,                                                       \
                               .attrs_size = sizeof(create_attrs),                              \
                               .attrs = CREATE_ATTRS(first, second),                            \
                               .not_differentiable = true,                                      \
                               .infer = create_infer,                                           \
                               .forward = create_forward,                                       \
                               .tag = KIND,                                                     \
                               .examples = (const tp_example[]){                                \
                                   { "", &(create_attrs){ shape_, TP_F32, a_, b_, { 1, 2 } } }, \
                                   { NULL, NULL } } };
#define VECTOR \
    {          \
        1,     \
        {      \
            7  \
        }      \
    }
#define MATRIX   \
    {            \
        2,       \
        {        \
            3, 5 \
        }        \
    }

CREATE(full, CONSTANT, "y = value", "value", "unused", MATRIX, 2.5, 0)
CREATE(arange, SEQUENCE, "y_i = start + i step", "start", "step", VECTOR, 1, 0.5)
CREATE(linspace, BETWEEN, "y_i from start to end, both reached", "start", "end", VECTOR, -1, 1)
CREATE(eye, DIAGONAL, "y_ij = i == j", "unused", "unused2", MATRIX, 0, 0)
CREATE(uniform, UNIFORM, "y ~ U[low, high)", "low", "high", MATRIX, -1, 1)
CREATE(normal, NORMAL, "y ~ N(mean, std^2)", "mean", "std", MATRIX, 0, 1)

static tp_tensor *create(const tp_op *op, tp_shape shape, const tp_tensor_options *o, double a, double b)
{
    create_attrs attrs = { shape, o->dtype, a, b, { 0 } };
    if (op->tag >= UNIFORM)
        attrs.rng = random_take_stream();
    tp_tensor *y = tp_apply(op, NULL, 0, &attrs);
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
    return create(&tp_op_eye, TP_SHAPE(rows, cols), o, 0, 0);
}

tp_tensor *tp_arange_opt(double start, double end, double step, const tp_tensor_options *o)
{
    double n = ceil((end - start) / step);
    if (step == 0 || isnan(n) || n < 0 || n > 0x1p62)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "arange: from %g to %g in steps of %g: no number of steps leads there", start,
                            end, step);
    return create(&tp_op_arange, TP_SHAPE((int64_t)n), o, start, step);
}

tp_tensor *tp_linspace_opt(double start, double end, int64_t steps, const tp_tensor_options *o)
{
    return create(&tp_op_linspace, TP_SHAPE(steps), o, start, end);
}

tp_tensor *tp_logspace_opt(double start, double end, int64_t steps, double base, const tp_tensor_options *o)
{
    tp_tensor_options wide = { sizeof wide, TP_F64, false };
    tp_tensor *y = tp_to(tp_pow(base, tp_linspace_opt(start, end, steps, &wide)), o->dtype);
    return y && o->requires_grad ? tp_requires_grad_(y, true) : y;
}

tp_tensor *tp_uniform_opt(double low, double high, tp_shape shape, const tp_tensor_options *o)
{
    return create(&tp_op_uniform, shape, o, low, high);
}

tp_tensor *tp_normal_opt(double mean, double std, tp_shape shape, const tp_tensor_options *o)
{
    return create(&tp_op_normal, shape, o, mean, std);
}

tp_tensor *tp_randint(int64_t low, int64_t high, tp_shape shape)
{
    if (high <= low)
        return tp_fail_null(TP_ERR_ARGUMENT, "randint: [%lld, %lld) holds no integer", (long long)low,
                            (long long)high);
    tp_tensor_options wide = { sizeof wide, TP_F64, false };
    return tp_to(tp_floor(tp_uniform_opt((double)low, (double)high, shape, &wide)), TP_I64);
}

/* Fisher and Yates. */
tp_tensor *tp_randperm(int64_t n)
{
    tp_tensor *y = tp_pending() ? NULL : tensor_new(TP_I64, TP_SHAPE(n));
    if (!y)
        return NULL;
    tp_rng rng = random_take_stream();
    int64_t *p = (int64_t *)(void *)tensor_data(y);
    for (int64_t i = 0; i < n; i++)
        p[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        philox_block block = philox(rng.seed, rng.stream, (uint64_t)i);
        int64_t j =
            (int64_t)(((__uint128_t)((uint64_t)block.v[0] << 32 | block.v[1]) * (uint64_t)(i + 1)) >> 64);
        int64_t t = p[i];
        p[i] = p[j], p[j] = t;
    }
    return y;
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
tp_tensor *tp_rand_like(const tp_tensor *x)
{
    return like(x, &tp_op_uniform, 0, 1);
}
tp_tensor *tp_randn_like(const tp_tensor *x)
{
    return like(x, &tp_op_normal, 0, 1);
}

tp_tensor *tp_uniform_(tp_tensor *x, double low, double high)
{
    TP_SCOPE;
    return tp_copy_(x, like(x, &tp_op_uniform, low, high));
}

tp_tensor *tp_normal_(tp_tensor *x, double mean, double std)
{
    TP_SCOPE;
    return tp_copy_(x, like(x, &tp_op_normal, mean, std));
}
