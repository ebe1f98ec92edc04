/* random_choice.c - random numbers that depend on a tensor: Bernoulli, Poisson, normal around means, draws from weights, permutations.
 *
 * Each element has words of its own, at (seed, stream, element); what needs more than one block takes further ones whose numbers
 * no element has.
 * Layer: ops.  Depends on map.h, base/philox.h.  Read next: random.c. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/random.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>
#include <taper/ops.h>

typedef struct choice_attrs {
    double p;
    int64_t n;
    bool replacement;
    tp_rng rng;
} choice_attrs;

#define SEED_AND_STREAM                                              \
    { "seed", TP_ATTR_U64, offsetof(choice_attrs, rng.seed), 0 },    \
    {                                                                \
        "stream", TP_ATTR_U64, offsetof(choice_attrs, rng.stream), 0 \
    }

/* Number of the element's try: [0, 1) with 53 bits.  Try 0 is half a block that two elements share, as in random.c. */
static double unit(const tp_rng *rng, int64_t element, uint64_t again)
{
    if (!again) {
        philox_block p = philox(rng->seed, rng->stream, (uint64_t)element / 2);
        return uniform_f64(p.v[element % 2 * 2], p.v[element % 2 * 2 + 1]);
    }
    philox_block p = philox(rng->seed, rng->stream, (again << 48 | 1ull << 47) ^ (uint64_t)element);
    return uniform_f64(p.v[0], p.v[1]);
}

/* Every element of a float tensor lies in [low, high]; a dry run has none. */
static tp_status check_range(const char *op, tp_tensor *x, double low, double high)
{
    if (!tp_dtype_is_float((tp_dtype)x->dtype))
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s, a float type is wanted", op,
                       tp_dtype_name((tp_dtype)x->dtype));
    if (!tensor_data(x) || !x->numel)
        return TP_OK;
    double block[256], *values = block;
    bool flat = tensor_is_contiguous(x), fits = true;
    int64_t step = flat ? 256 : x->numel;
    if (!flat && !(values = tp_alloc((size_t)x->numel * sizeof *values)))
        return TP_ERR_MEMORY;
    if (!flat)
        tp_to_f64(x, values, x->numel);
    for (int64_t i = 0; i < x->numel && fits; i += step) {
        int64_t n = x->numel - i < step ? x->numel - i : step;
        if (flat)
            kernels_best()->convert[TP_F64][x->dtype](block, 1,
                                                      tensor_data(x) + i * (int64_t)tensor_element_size(x), 1,
                                                      n);
        for (int64_t k = 0; k < n; k++)
            fits &= values[k] >= low && values[k] <= high;
    }
    if (!flat)
        tp_free(values, (size_t)x->numel * sizeof *values);
    return fits ? TP_OK
                : tp_fail(TP_ERR_ARGUMENT, "%s: input holds an element outside of [%g, %g]", op, low, high);
}

/* ---- bernoulli, poisson: one result an element ---------------------------------------------------------------------------- */

typedef double sampler(const tp_rng *, double x, int64_t element, double first); /* first: unit(element, 0) */

static double bernoulli(const tp_rng *rng, double p, int64_t element, double first)
{
    (void)rng, (void)element;
    return first < p;
}

/* Small rates: multiply uniforms until they fall below e^-rate.  Others: Hoermann's transformed rejection (PTRS, 1993). */
static double poisson(const tp_rng *rng, double rate, int64_t element, double first)
{
    if (rate == 0)
        return 0;
    if (rate < 10) {
        double limit = exp(-rate), product = first;
        uint64_t k = 0;
        while (product > limit)
            product *= unit(rng, element, ++k);
        return (double)k;
    }
    double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b, inverse = 1.1239 + 1.1328 / (b - 3.4),
           v_r = 0.9277 - 3.6224 / (b - 2);
    for (uint64_t again = 1;; again += 2) {
        double u = unit(rng, element, again) - 0.5, v = 1 - unit(rng, element, again + 1), us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= v_r)
            return k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v) + log(inverse) - log(a / (us * us) + b) <= -rate + k * log(rate) - lgamma(k + 1))
            return k;
    }
}

typedef struct sample_run {
    sampler *f;
    const tp_rng *rng;
    const kernel_table *kernels;
    convert_fn *from, *to;
    const char *x;
    char *y;
    int64_t size;
} sample_run;

enum { BLOCK = 256, GRAIN = 4096 };

static void sample_pieces(void *context, int64_t begin, int64_t end)
{
    const sample_run *r = context;
    double block[BLOCK];
    uint32_t words[2 * BLOCK] __attribute__((aligned(64)));
    for (int64_t i = begin; i < end; i += BLOCK) {
        int64_t n = end - i < BLOCK ? end - i : BLOCK;
        r->from(block, 1, r->x + i * r->size, 1, n);
        r->kernels->random_words(words, r->rng->seed, r->rng->stream, (uint64_t)i / 2, (n + 1) / 2);
        for (int64_t k = 0; k < n; k++)
            block[k] = r->f(r->rng, block[k], i + k, uniform_f64(words[2 * k], words[2 * k + 1]));
        r->to(r->y + i * r->size, 1, block, 1, n);
    }
}

static const struct {
    const char *name;
    sampler *f;
    double high;
} samplers[] = { { "bernoulli", bernoulli, 1 }, { "poisson", poisson, 0x1p53 } };

static tp_status sample_infer(tp_call *c)
{
    tp_tensor *x = c->in[0];
    if (check_range(samplers[c->op->tag].name, x, 0, samplers[c->op->tag].high))
        return tp_error_pending();
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

static void sample_forward(const tp_call *c)
{
    const tp_tensor *y = c->out[0];
    const choice_attrs *a = c->attrs;
    const kernel_table *kernels = c->kernels;
    char *scratch = c->scratch;
    sample_run r = { samplers[c->op->tag].f,
                     &a->rng,
                     kernels,
                     kernels->convert[TP_F64][y->dtype],
                     kernels->convert[y->dtype][TP_F64],
                     staged(c, c->in[0], CLONE_CONTIGUOUS, &scratch),
                     tensor_data(y),
                     (int64_t)tensor_element_size(y) };
    parallel_for(y->numel, GRAIN, sample_pieces, &r);
}

#define SAMPLE(op, KIND, text, inputs_, example)                                                             \
    const tp_op tp_op_##op = {                                                                               \
        .name = #op,                                                                                         \
        .formula = text,                                                                                     \
        .inputs = inputs_,                                                                                   \
        .n_in = 1,                                                                                           \
        .attrs_size = sizeof(choice_attrs),                                                                  \
        .attrs = (const tp_attr[]){ SEED_AND_STREAM, { 0 } },                                                \
        .not_differentiable = true,                                                                          \
        .infer = sample_infer,                                                                               \
        .forward = sample_forward,                                                                           \
        .tag = KIND,                                                                                         \
        .examples = (const tp_example[]){ { example, &(choice_attrs){ .rng = { 1, 2 } } }, { NULL, NULL } }, \
    };
SAMPLE(bernoulli, 0, "y = 1 with probability x, else 0", "input", "3,5@u")
SAMPLE(poisson, 1, "y ~ Poisson(x)", "input", "3,5@p")

tp_tensor *tp_bernoulli(tp_tensor *p)
{
    return tp_apply(&tp_op_bernoulli, &p, 1, &(choice_attrs){ .rng = random_take_stream() });
}

tp_tensor *tp_poisson(tp_tensor *rate)
{
    return tp_apply(&tp_op_poisson, &rate, 1, &(choice_attrs){ .rng = random_take_stream() });
}

/* mean and std broadcast. */
tp_tensor *tp_normal_around(tp_tensor *mean, tp_tensor *std)
{
    TP_SCOPE;
    TP_NO_GRAD;
    if (std && !tp_pending() && check_range("normal: std", std, 0, INFINITY))
        return NULL;
    tp_tensor *zero = tp_mul(mean, std);
    return tp_keep(tp_add(mean, tp_mul(std, tp_randn_like(zero))));
}

/* ---- multinomial: n places of each row, by weight ------------------------------------------------------------------------------ */

typedef struct candidate {
    double key; /* an exponential time with the weight as rate: the first ones are the sample */
    int64_t place;
} candidate;

static int earlier(const void *a_, const void *b_)
{
    const candidate *a = a_, *b = b_;
    return a->key != b->key ? (a->key < b->key ? -1 : 1) : a->place < b->place ? -1 : a->place > b->place;
}

typedef struct multinomial_run {
    const choice_attrs *attrs;
    const double *weights; /* (rows, classes) */
    int64_t classes;
    int64_t *y;
    candidate *candidates;
} multinomial_run;

static void draw_with_replacement(const multinomial_run *r, int64_t row, double *sums)
{
    const double *w = r->weights + row * r->classes;
    double total = 0;
    for (int64_t j = 0; j < r->classes; j++)
        sums[j] = total += w[j];
    for (int64_t k = 0; k < r->attrs->n; k++) {
        double at = unit(&r->attrs->rng, row * r->attrs->n + k, 0) * total;
        int64_t low = 0, high = r->classes - 1; /* the first whose sum is above */
        while (low < high) {
            int64_t middle = (low + high) / 2;
            if (sums[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        while (low > 0 && w[low] == 0) /* rounding put it past the last that has a weight */
            low--;
        r->y[row * r->attrs->n + k] = low;
    }
}

static void draw_without(const multinomial_run *r, int64_t row)
{
    const double *w = r->weights + row * r->classes;
    for (int64_t j = 0; j < r->classes; j++) {
        double time = -log1p(-unit(&r->attrs->rng, row * r->classes + j, 0));
        r->candidates[j] = (candidate){ w[j] > 0 ? time / w[j] : INFINITY, j };
    }
    qsort(r->candidates, (size_t)r->classes, sizeof *r->candidates, earlier);
    for (int64_t k = 0; k < r->attrs->n; k++)
        r->y[row * r->attrs->n + k] = r->candidates[k].place;
}

static tp_status check_weights(tp_tensor *x, int64_t rows, int64_t classes, const choice_attrs *a)
{
    if (check_range("multinomial", x, 0, 0x1p1000) || !tensor_data(x))
        return tp_error_pending();
    double *w = tp_alloc((size_t)(x->numel + 1) * sizeof *w);
    if (!w)
        return TP_ERR_MEMORY;
    tp_to_f64(x, w, x->numel);
    for (int64_t i = 0; i < rows && !tp_pending(); i++) {
        int64_t positive = 0;
        for (int64_t j = 0; j < classes; j++)
            positive += w[i * classes + j] > 0;
        if (positive < (a->replacement ? 1 : a->n))
            tp_fail(TP_ERR_ARGUMENT,
                    "multinomial: row %lld has %lld positive weights for %lld draws %s replacement",
                    (long long)i, (long long)positive, (long long)a->n, a->replacement ? "with" : "without");
    }
    tp_free(w, (size_t)(x->numel + 1) * sizeof *w);
    return tp_error_pending();
}

static tp_status multinomial_infer(tp_call *c)
{
    const choice_attrs *a = c->attrs;
    tp_tensor *x = c->in[0];
    if (x->ndim < 1 || x->ndim > 2 || a->n < 1)
        return tp_fail(TP_ERR_SHAPE,
                       "multinomial: %lld draws from %s; at least 1 from (C,) or (N, C) is wanted",
                       (long long)a->n, tensor_shape_text(x));
    int64_t classes = x->shape[x->ndim - 1], rows = x->ndim == 2 ? x->shape[0] : 1;
    if (check_weights(x, rows, classes, a))
        return tp_error_pending();
    c->scratch_bytes = (size_t)x->numel * sizeof(double) + (size_t)(classes + 1) * sizeof(candidate);
    return tp_infer_shape(c, 0, TP_I64, x->ndim == 2 ? TP_SHAPE(rows, a->n) : TP_SHAPE(a->n));
}

static void multinomial_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int64_t classes = x->shape[x->ndim - 1], rows = x->ndim == 2 ? x->shape[0] : 1;
    double *weights = c->scratch;
    multinomial_run r = { c->attrs, weights, classes, (int64_t *)(void *)tensor_data(c->out[0]),
                          (candidate *)(void *)(weights + x->numel) };
    tp_to_f64(x, weights, x->numel);
    for (int64_t row = 0; row < rows; row++)
        if (r.attrs->replacement)
            draw_with_replacement(&r, row, (double *)(void *)r.candidates);
        else
            draw_without(&r, row);
}

const tp_op tp_op_multinomial = {
    .name = "multinomial",
    .formula = "num_samples places of each row, drawn by its weights",
    .inputs = "input",
    .n_in = 1,
    .attrs_size = sizeof(choice_attrs),
    .attrs = (const tp_attr[]){ { "num_samples", TP_ATTR_I64, offsetof(choice_attrs, n), TP_REQUIRED },
                                { "replacement", TP_ATTR_BOOL, offsetof(choice_attrs, replacement), 0 },
                                SEED_AND_STREAM,
                                { 0 } },
    .not_differentiable = true,
    .infer = multinomial_infer,
    .forward = multinomial_forward,
    .examples =
        (const tp_example[]){ { "3,5@p", &(choice_attrs){ .n = 2, .rng = { 1, 2 } } },
                              { "5@p", &(choice_attrs){ .n = 7, .replacement = true, .rng = { 1, 2 } } },
                              { NULL, NULL } },
};

tp_tensor *tp_multinomial(tp_tensor *weights, int64_t n, bool replacement)
{
    choice_attrs a = { .n = n, .replacement = replacement, .rng = random_take_stream() };
    return tp_apply(&tp_op_multinomial, &weights, 1, &a);
}

/* ---- randperm: Fisher and Yates ------------------------------------------------------------------------------------------------- */

static tp_status randperm_infer(tp_call *c)
{
    const choice_attrs *a = c->attrs;
    if (a->n < 0)
        return tp_fail(TP_ERR_ARGUMENT, "randperm: n is %lld, at least 0 is wanted", (long long)a->n);
    return tp_infer_shape(c, 0, TP_I64, TP_SHAPE(a->n));
}

static void randperm_forward(const tp_call *c)
{
    const choice_attrs *a = c->attrs;
    int64_t *p = (int64_t *)(void *)tensor_data(c->out[0]);
    for (int64_t i = 0; i < a->n; i++)
        p[i] = i;
    for (int64_t i = a->n - 1; i > 0; i--) {
        philox_block block = philox(a->rng.seed, a->rng.stream, (uint64_t)i);
        uint64_t word = (uint64_t)block.v[0] << 32 | block.v[1];
        int64_t j = (int64_t)(((__uint128_t)word * (uint64_t)(i + 1)) >> 64), t = p[i];
        p[i] = p[j], p[j] = t;
    }
}

const tp_op tp_op_randperm = {
    .name = "randperm",
    .formula = "0, ..., n - 1 in random order",
    .inputs = "",
    .n_in = 0,
    .attrs_size = sizeof(choice_attrs),
    .attrs = (const tp_attr[]){ { "n", TP_ATTR_I64, offsetof(choice_attrs, n), TP_REQUIRED },
                                SEED_AND_STREAM,
                                { 0 } },
    .not_differentiable = true,
    .infer = randperm_infer,
    .forward = randperm_forward,
    .examples = (const tp_example[]){ { "", &(choice_attrs){ .n = 7, .rng = { 1, 2 } } }, { NULL, NULL } },
};

tp_tensor *tp_randperm(int64_t n)
{
    return tp_apply(&tp_op_randperm, NULL, 0, &(choice_attrs){ .n = n, .rng = random_take_stream() });
}
