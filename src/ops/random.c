/* random.c - random tensors: uniform, normal, exponential, Bernoulli, integers, permutations.
 *
 * Element i is a function of (seed, stream, i): the words of one Philox block serve two elements (four normal ones).  A call that
 * draws takes the thread's next stream; which thread fills what does not matter.  An operation in the table has seed and
 * stream as attributes.
 * Layer: ops.  Kernels: random_words, random_normals (kernels.h).  Read next: random_choice.c, dropout.c. */
#include "base/random.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "device/device.h"
#include "ops/map.h"

#include <math.h>
#include <taper/ops.h>

typedef struct random_attrs {
    tp_shape size;
    tp_dtype dtype;
    double a, b; /* low, high; mean, std; lambd; p */
    int64_t low, high;
    tp_rng rng;
} random_attrs;

enum { BLOCK = 512, GRAIN = 16384 }; /* both are multiples of the elements that one Philox block serves */

/* n elements from words; they are first, first + 1 ... of the tensor. */
typedef void draw(const random_attrs *, const uint32_t *words, void *out, int64_t first, int64_t n);

typedef struct distribution {
    draw *f;
    int words;         /* of an element: 1 or 2 */
    tp_dtype computed; /* what f gives: f64 or i64 */
} distribution;

typedef struct fill_run {
    const random_attrs *attrs;
    const distribution *d;
    const kernel_table *kernels;
    convert_fn *convert;
    char *data;
    int64_t size;
} fill_run;

static void fill_pieces(void *context, int64_t begin, int64_t end)
{
    const fill_run *r = context;
    uint32_t words[2 * BLOCK] __attribute__((aligned(64)));
    double out[BLOCK] __attribute__((aligned(64)));
    for (int64_t i = begin; i < end; i += BLOCK) {
        int64_t n = end - i < BLOCK ? end - i : BLOCK, per_block = 4 / r->d->words;
        r->kernels->random_words(words, r->attrs->rng.seed, r->attrs->rng.stream, (uint64_t)(i / per_block),
                                 (n + per_block - 1) / per_block);
        r->d->f(r->attrs, words, out, i, n);
        r->convert(r->data + i * r->size, 1, out, 1, n);
    }
}

/* ---- uniform and what follows from it ----------------------------------------------------------------------------------- */

/* [0, 1) with 53 bits, as f64 holds them. */
static double unit(const uint32_t *two)
{
    return uniform_f64(two[0], two[1]);
}

/* 53 random bits for f64, 24 for the others; never high itself, whatever the rounding. */
static void uniform(const random_attrs *a, const uint32_t *words, void *out, int64_t first, int64_t n)
{
    (void)first;
    double *y = out, span = a->b - a->a;
    bool wide = a->dtype == TP_F64, empty = a->b <= a->a;
    double below = empty ? a->b : wide ? nextafter(a->b, a->a) : (double)nextafterf((float)a->b, (float)a->a);
    if (wide)
        for (int64_t i = 0; i < n; i++)
            y[i] = a->a + span * unit(words + 2 * i);
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = a->a + span * ((double)(int32_t)(words[2 * i] >> 8) * 0x1p-24);
    for (int64_t i = 0; i < n && !empty; i++)
        y[i] = y[i] < a->b ? y[i] : below;
}

static void exponential(const random_attrs *a, const uint32_t *words, void *out, int64_t first, int64_t n)
{
    (void)first;
    double *y = out;
    for (int64_t i = 0; i < n; i++)
        y[i] = -log1p(-unit(words + 2 * i)) / a->a;
}

static void bernoulli(const random_attrs *a, const uint32_t *words, void *out, int64_t first, int64_t n)
{
    (void)first;
    double *y = out;
    for (int64_t i = 0; i < n; i++)
        y[i] = unit(words + 2 * i) < a->a;
}

/* The kernel gives whole pairs; the last one may have one element too many. */
static void normal(const random_attrs *a, const uint32_t *words, void *out, int64_t first, int64_t n)
{
    (void)first;
    double *y = out;
    kernels_best()->random_normals(y, words, (n + 1) / 2);
    for (int64_t i = 0; i < n; i++)
        y[i] = a->a + a->b * y[i];
}

/* Lemire: the upper half of word times range; the few words that would favour some results are drawn again, from blocks that
 * no element has. */
static void integers(const random_attrs *a, const uint32_t *words, void *out, int64_t first, int64_t n)
{
    int64_t *y = out;
    uint64_t range = (uint64_t)a->high - (uint64_t)a->low; /* 0: all of 2^64 */
    for (int64_t i = 0; i < n; i++) {
        uint64_t word = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
        __uint128_t product = (__uint128_t)word * range;
        if ((uint64_t)product < range) {
            const uint64_t unfair = -range % range;
            for (uint64_t again = 1; (uint64_t)product < unfair; again++) {
                philox_block p =
                    philox(a->rng.seed, a->rng.stream, (again << 56 | 1ull << 55) ^ (uint64_t)(first + i));
                product = (__uint128_t)((uint64_t)p.v[0] << 32 | p.v[1]) * range;
            }
        }
        y[i] = (int64_t)((uint64_t)a->low + (range ? (uint64_t)(product >> 64) : word));
    }
}

enum { UNIFORM, NORMAL, EXPONENTIAL, BERNOULLI, INTEGERS };
static const distribution distributions[] = {
    [UNIFORM] = { uniform, 2, TP_F64 },         [NORMAL] = { normal, 1, TP_F64 },
    [EXPONENTIAL] = { exponential, 2, TP_F64 }, [BERNOULLI] = { bernoulli, 2, TP_F64 },
    [INTEGERS] = { integers, 2, TP_I64 },
};

/* ---- the operations ------------------------------------------------------------------------------------------------------ */

static tp_status check_parameters(const tp_op *op, const random_attrs *a)
{
    bool is_float = tp_dtype_is_float(a->dtype);
    if ((unsigned)a->dtype >= TP_N_DTYPES || (!is_float && op->tag != INTEGERS && op->tag != BERNOULLI))
        return tp_fail(TP_ERR_DTYPE, "%s: dtype is %s, a float type is wanted", op->name,
                       tp_dtype_name(a->dtype));
    if (op->tag == INTEGERS && a->high <= a->low && !(a->low == INT64_MIN && a->high == INT64_MIN))
        return tp_fail(TP_ERR_ARGUMENT, "%s: [%lld, %lld) holds no integer", op->name, (long long)a->low,
                       (long long)a->high);
    if (op->tag == UNIFORM && !(a->a <= a->b && isfinite(a->b - a->a)))
        return tp_fail(TP_ERR_ARGUMENT, "%s: from %g to %g: an interval is wanted", op->name, a->a, a->b);
    if (op->tag == NORMAL && !(a->b >= 0))
        return tp_fail(TP_ERR_ARGUMENT, "%s: std is %g, at least 0 is wanted", op->name, a->b);
    if (op->tag == EXPONENTIAL && !(a->a > 0))
        return tp_fail(TP_ERR_ARGUMENT, "%s: lambd is %g, a positive number is wanted", op->name, a->a);
    if (op->tag == BERNOULLI && !(a->a >= 0 && a->a <= 1))
        return tp_fail(TP_ERR_ARGUMENT, "%s: p is %g, [0, 1] is wanted", op->name, a->a);
    return TP_OK;
}

static tp_status random_infer(tp_call *c)
{
    const random_attrs *a = c->attrs;
    return check_parameters(c->op, a) ? tp_error_pending() : tp_infer_shape(c, 0, a->dtype, a->size);
}

static void random_forward(const tp_call *c)
{
    tp_tensor *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    const distribution *d = &distributions[c->op->tag];
    fill_run r = { c->attrs,       d,
                   kernels,        kernels->convert[y->dtype][d->computed],
                   tensor_data(y), (int64_t)tensor_element_size(y) };
    if (random_unfilled)
        return;
    parallel_for(y->numel, GRAIN, fill_pieces, &r);
}

#define SIZE { "size", TP_ATTR_DIMS, offsetof(random_attrs, size), TP_REQUIRED },
#define NUMBER(name, field, otherwise) { name, TP_ATTR_F64, offsetof(random_attrs, field), otherwise },
#define INTEGER(name, field, otherwise) { name, TP_ATTR_I64, offsetof(random_attrs, field), otherwise },
#define DTYPE(otherwise) { "dtype", TP_ATTR_DTYPE, offsetof(random_attrs, dtype), otherwise },
#define SEED_AND_STREAM                                              \
    { "seed", TP_ATTR_U64, offsetof(random_attrs, rng.seed), 0 },    \
    {                                                                \
        "stream", TP_ATTR_U64, offsetof(random_attrs, rng.stream), 0 \
    }

#define RANDOM(op, name_, KIND, text, attrs_, ...)                                                           \
    const tp_op tp_op_##op = {                                                                               \
        .name = name_,                                                                                       \
        .formula = text,                                                                                     \
        .inputs = "",                                                                                        \
        .n_in = 0,                                                                                           \
        .attrs_size = sizeof(random_attrs),                                                                  \
        .attrs = (const tp_attr[]){ attrs_ SEED_AND_STREAM, { 0 } },                                         \
        .not_differentiable = true,                                                                          \
        .infer = random_infer,                                                                               \
        .forward = random_forward,                                                                           \
        .tag = KIND,                                                                                         \
        .examples =                                                                                          \
            (const tp_example[]){ { "", &(random_attrs){ { 2, { 3, 5 } }, __VA_ARGS__ } }, { NULL, NULL } }, \
    };

#define LOW_HIGH NUMBER("low", a, 0) NUMBER("high", b, 1)
#define MEAN_STD NUMBER("mean", a, 0) NUMBER("std", b, 1)

RANDOM(uniform, "uniform", UNIFORM, "y ~ U[low, high)", SIZE LOW_HIGH DTYPE(0), TP_F32, -1, 1, 0, 0, { 1, 2 })
RANDOM(normal, "normal", NORMAL, "y ~ N(mean, std^2)", SIZE MEAN_STD DTYPE(0), TP_F32, 0, 1, 0, 0, { 1, 2 })
RANDOM(exponential, "exponential", EXPONENTIAL, "y ~ lambd e^(-lambd y)", SIZE NUMBER("lambd", a, 1) DTYPE(0),
       TP_F32, 2, 0, 0, 0, { 1, 2 })
RANDOM(_bernoulli, "_bernoulli", BERNOULLI, "y = 1 with probability p, else 0",
       SIZE NUMBER("p", a, 0.5) DTYPE(0), TP_F32, 0.3, 0, 0, 0, { 1, 2 })
RANDOM(randint, "randint", INTEGERS, "y ~ U{low, ..., high - 1}",
       INTEGER("low", low, 0) INTEGER("high", high, TP_REQUIRED) SIZE DTYPE(TP_I64), TP_I64, 0, 0, -3, 9,
       { 1, 2 })

/* rand and randn, by other names: nothing to choose but the size. */
static void standard_compose(tp_call *c)
{
    random_attrs a = *(const random_attrs *)c->attrs;
    a.a = 0, a.b = 1;
    c->out[0] = tp_apply(c->op->tag == NORMAL ? &tp_op_normal : &tp_op_uniform, NULL, 0, &a);
}

#define STANDARD(op, KIND, text)                                                                            \
    const tp_op tp_op_##op = {                                                                              \
        .name = #op,                                                                                        \
        .formula = text,                                                                                    \
        .inputs = "",                                                                                       \
        .n_in = 0,                                                                                          \
        .attrs_size = sizeof(random_attrs),                                                                 \
        .attrs = (const tp_attr[]){ SIZE DTYPE(0) SEED_AND_STREAM, { 0 } },                                 \
        .not_differentiable = true,                                                                         \
        .compose = standard_compose,                                                                        \
        .tag = KIND,                                                                                        \
        .examples =                                                                                         \
            (const tp_example[]){ { "", &(random_attrs){ { 2, { 3, 5 } }, TP_F32, 0, 1, 0, 0, { 1, 2 } } }, \
                                  { NULL, NULL } },                                                         \
    };
STANDARD(rand, UNIFORM, "y ~ U[0, 1)")
STANDARD(randn, NORMAL, "y ~ N(0, 1)")

/* ---- public ----------------------------------------------------------------------------------------------------------------- */

static tp_tensor *drawn(const tp_op *op, random_attrs a, bool requires_grad)
{
    if (tp_pending())
        return NULL;
    a.rng = random_take_stream();
    tp_tensor *y = tp_apply(op, NULL, 0, &a);
    return y && requires_grad ? tp_requires_grad_(y, true) : y;
}

tp_tensor *tp_uniform_opt(double low, double high, tp_shape shape, const tp_tensor_options *o)
{
    return drawn(&tp_op_uniform, (random_attrs){ shape, o->dtype, low, high, 0, 0, { 0 } }, o->requires_grad);
}

tp_tensor *tp_normal_opt(double mean, double std, tp_shape shape, const tp_tensor_options *o)
{
    return drawn(&tp_op_normal, (random_attrs){ shape, o->dtype, mean, std, 0, 0, { 0 } }, o->requires_grad);
}

tp_tensor *tp_exponential_opt(double lambd, tp_shape shape, const tp_tensor_options *o)
{
    return drawn(&tp_op_exponential, (random_attrs){ shape, o->dtype, lambd, 0, 0, 0, { 0 } },
                 o->requires_grad);
}

tp_tensor *tp_randint(int64_t low, int64_t high, tp_shape shape)
{
    return drawn(&tp_op_randint, (random_attrs){ shape, TP_I64, 0, 0, low, high, { 0 } }, false);
}

tp_tensor *tp_randint_of(int64_t low, int64_t high, tp_shape shape, tp_dtype dtype)
{
    return drawn(&tp_op_randint, (random_attrs){ shape, dtype, 0, 0, low, high, { 0 } }, false);
}

/* One of x's shape and dtype. */
static tp_tensor *like(const char *name, const tp_tensor *x, const tp_op *op, random_attrs a)
{
    if (!x || tp_pending())
        return tp_pending() ? NULL : tp_fail_null(TP_ERR_ARGUMENT, "%s: the tensor is NULL", name);
    a.size = tp_shape_of(x);
    a.dtype = (tp_dtype)x->dtype;
    return drawn(op, a, false);
}

tp_tensor *tp_rand_like(const tp_tensor *x)
{
    return like("rand_like", x, &tp_op_uniform, (random_attrs){ .b = 1 });
}

tp_tensor *tp_randn_like(const tp_tensor *x)
{
    return like("randn_like", x, &tp_op_normal, (random_attrs){ .b = 1 });
}

tp_tensor *tp_randint_like(const tp_tensor *x, int64_t low, int64_t high)
{
    return like("randint_like", x, &tp_op_randint, (random_attrs){ .low = low, .high = high });
}

/* ---- in place -------------------------------------------------------------------------------------------------------------------- */

/* Where nothing is recorded they are drawn where they stand: a copy of a layer's weights may be most of what a network takes. */
static tp_tensor *in_place(const char *name, tp_tensor *x, const tp_op *op, random_attrs a)
{
    TP_SCOPE;
    if (!tp_pending() && x && tensor_data(x) && !x->base && tensor_is_contiguous(x) &&
        !(x->requires_grad && tp_grad_mode())) {
        a.size = tp_shape_of(x);
        a.dtype = (tp_dtype)x->dtype;
        if (check_parameters(op, &a))
            return NULL;
        a.rng = random_take_stream();
        random_forward(
            &(tp_call){ .op = op, .attrs = &a, .out = &x, .kernels = x->storage->device->kernels() });
        x->storage->version++;
        return x;
    }
    return tp_copy_(x, like(name, x, op, a));
}

tp_tensor *tp_uniform_(tp_tensor *x, double low, double high)
{
    return in_place("uniform_", x, &tp_op_uniform, (random_attrs){ .a = low, .b = high });
}

tp_tensor *tp_normal_(tp_tensor *x, double mean, double std)
{
    return in_place("normal_", x, &tp_op_normal, (random_attrs){ .a = mean, .b = std });
}

tp_tensor *tp_exponential_(tp_tensor *x, double lambd)
{
    return in_place("exponential_", x, &tp_op_exponential, (random_attrs){ .a = lambd });
}

tp_tensor *tp_bernoulli_(tp_tensor *x, double p)
{
    return in_place("bernoulli_", x, &tp_op__bernoulli, (random_attrs){ .a = p });
}

/* All integers that the type holds from 0 on; of a float type those that it holds exactly. */
static int64_t largest_integer(tp_dtype dtype)
{
    switch (dtype) {
    case TP_F64: return 1ll << 53;
    case TP_F32: return 1ll << 24;
    case TP_F16: return 1ll << 11;
    case TP_BF16: return 1ll << 8;
    case TP_BOOL: return 1;
    case TP_U8: return UINT8_MAX;
    default: return INT64_MAX >> (64 - 8 * (int)tp_dtype_size(dtype));
    }
}

tp_tensor *tp_random_(tp_tensor *x, int64_t low, int64_t high)
{
    if (low == 0 && high == 0 &&
        x) { /* up to and with the largest one: 2^63 of them do not fit into an end */
        high = largest_integer((tp_dtype)x->dtype);
        high += high < INT64_MAX;
    }
    return in_place("random_", x, &tp_op_randint, (random_attrs){ .low = low, .high = high });
}

/* ---- the state, for files ---------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_rng_state_tensor(void)
{
    tp_rng rng = tp_rng_state();
    uint8_t bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(rng.seed >> 8 * i);
        bytes[8 + i] = (uint8_t)(rng.stream >> 8 * i);
    }
    return tp_tensor_copied(bytes, TP_U8, TP_SHAPE(16));
}

tp_status tp_set_rng_state_tensor(const tp_tensor *t)
{
    int64_t bytes[16];
    tp_rng rng = { 0 };
    if (tp_pending())
        return tp_error_pending();
    if (!t || t->dtype != TP_U8 || t->numel != 16)
        return tp_fail(TP_ERR_ARGUMENT, "set_rng_state: %s is not a state; 16 bytes (u8) are wanted",
                       t ? tensor_shape_text(t) : "NULL");
    if (tp_to_i64(t, bytes, 16))
        return tp_error_pending();
    for (int i = 0; i < 8; i++) {
        rng.seed |= (uint64_t)bytes[i] << 8 * i;
        rng.stream |= (uint64_t)bytes[8 + i] << 8 * i;
    }
    tp_set_rng_state(rng);
    return TP_OK;
}
