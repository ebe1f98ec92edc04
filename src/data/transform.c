/* transform.c - the transform object: normalize, and chains of transforms.
 *
 * Images are (C, H, W) floats.  Layer: data.  Depends on base.  Read next: transform_parse.c for the list of all;
 * transform_crop.c, transform_resize.c, transform_affine.c, transform_colour.c, transform_erase.c, transform_policy.c,
 * transform_mix.c. */
#include "data/transform.h"

#include "core/tensor.h"

#include <math.h>
#include <string.h>

/* ---- the object -------------------------------------------------------------------------------------------------- */

static void transform_destroy(void *object)
{
    tp_transform *t = object;
    if (t->kind && t->kind->destroy)
        t->kind->destroy(t);
    tp_free(t, sizeof *t);
}

static const tp_class transform_class = { "transform", transform_destroy };

tp_transform *transform_new(const transform_kind *kind)
{
    tp_transform *t = tp_object_new(&transform_class, sizeof *t);
    if (t)
        t->kind = kind;
    return t;
}

tp_status transform_wants_image(const char *name, tp_shape in)
{
    if (in.ndim != 3)
        return tp_fail(TP_ERR_SHAPE, "%s: an example of shape %s, an image (C, H, W) is wanted", name,
                       shape_text(in));
    return TP_OK;
}

tp_status transform_same_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    *out = in;
    return transform_wants_image(t->kind->name, in);
}

bool transform_is_known(tp_shape shape)
{
    for (int i = 0; i < shape.ndim; i++)
        if (shape.dim[i] < 0)
            return false;
    return true;
}

static int64_t numel_of(tp_shape shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.ndim; i++)
        n *= shape.dim[i];
    return n;
}

tp_status tp_transform_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    if (tp_pending())
        return tp_error_pending();
    if (!t)
        return tp_fail(TP_ERR_ARGUMENT, "transform_shape: the transform is NULL");
    tp_status status = t->kind->shape(t, in, out);
    int64_t n = 1;
    for (int i = 0; i < out->ndim && !status; i++) {
        if (out->dim[i] == -1 && !transform_is_known(in))
            continue;
        if (out->dim[i] < 1 || !tp_mul_fits(n, out->dim[i], &n) || n > (int64_t)1 << 40)
            status =
                tp_fail(TP_ERR_SHAPE, "%s: makes an example of shape %s", t->kind->name, shape_text(*out));
    }
    return status;
}

tp_status tp_transform_run(const tp_transform *t, tp_shape in, const float *x, float *y, uint64_t seed,
                           uint64_t stream)
{
    tp_shape out;
    tp_status status = tp_transform_shape(t, in, &out);
    if (!status && !transform_is_known(in))
        status = tp_fail(TP_ERR_SHAPE, "transform_run: an example of shape %s", shape_text(in));
    return status ? status : t->kind->run(t, in, x, y, (transform_draw){ seed, stream, 0 });
}

/* ---- normalize: y = (x - mean) / std, by channel ----------------------------------------------------------------- */

static tp_status normalize_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    *out = in;
    if (t->normalize.n != 1 && (in.ndim < 1 || in.dim[0] != t->normalize.n))
        return tp_fail(TP_ERR_SHAPE, "normalize: an example of shape %s, the mean has %d channels",
                       shape_text(in), t->normalize.n);
    return TP_OK;
}

static tp_status normalize_run(const tp_transform *t, tp_shape in, const float *x, float *y,
                               transform_draw draw)
{
    (void)draw;
    int64_t numel = numel_of(in), block = numel / t->normalize.n;
    for (int c = 0; c < t->normalize.n; c++) {
        float mean = t->normalize.mean[c], std = t->normalize.std[c];
        for (int64_t i = 0; i < block; i++) /* a division, not a product with 1 / std: PyTorch's bits */
            y[i] = (x[i] - mean) / std;
        x += block;
        y += block;
    }
    return TP_OK;
}

static void normalize_destroy(tp_transform *t)
{
    tp_free(t->normalize.mean, (size_t)t->normalize.n * sizeof(float));
    tp_free(t->normalize.std, (size_t)t->normalize.n * sizeof(float));
}

static const transform_kind normalize_kind = { "normalize", normalize_shape, normalize_run, normalize_destroy,
                                               NULL };

tp_transform *tp_transform_normalize(const float *mean, const float *std, int n)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    if (!mean || !std || n < 1)
        return tp_fail_null(TP_ERR_ARGUMENT, "normalize: %d channels, a mean and a std of each are wanted",
                            n);
    for (int c = 0; c < n; c++)
        if (!isfinite(mean[c]) || !isfinite(std[c]) || std[c] <= 0)
            return tp_fail_null(TP_ERR_ARGUMENT,
                                "normalize: channel %d: mean %g, std %g; a std above 0 is wanted", c,
                                (double)mean[c], (double)std[c]);
    tp_transform *t = transform_new(&normalize_kind);
    if (!t)
        return NULL;
    t->normalize.n = n;
    t->normalize.mean = tp_memdup(mean, (size_t)n * sizeof *mean);
    t->normalize.std = tp_memdup(std, (size_t)n * sizeof *std);
    return tp_pending() ? NULL : tp_keep(t);
}

/* ---- chain: one after the other ---------------------------------------------------------------------------------- */

static tp_status chain_shape(const tp_transform *t, tp_shape in, tp_shape *out)
{
    *out = in;
    tp_status status = TP_OK;
    for (int i = 0; i < t->chain.n && !status; i++) {
        in = *out;
        status = tp_transform_shape(t->chain.steps[i], in, out);
    }
    return status;
}

/* The largest example between two steps. */
static tp_status scratch_numel(const tp_transform *t, tp_shape in, int64_t *largest)
{
    tp_status status = TP_OK;
    *largest = 0;
    for (int i = 0; i + 1 < t->chain.n && !status; i++) {
        tp_shape out;
        status = t->chain.steps[i]->kind->shape(t->chain.steps[i], in, &out);
        int64_t numel = numel_of(out);
        *largest = numel > *largest ? numel : *largest;
        in = out;
    }
    return status;
}

static tp_status chain_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    int64_t largest;
    tp_status status = scratch_numel(t, in, &largest);
    if (status)
        return status;
    if (t->chain.n == 0) {
        memcpy(y, x, (size_t)numel_of(in) * sizeof *y);
        return TP_OK;
    }
    size_t bytes = 2 * (size_t)largest * sizeof(float);
    float *scratch = t->chain.n > 1 ? tp_alloc(bytes) : NULL;
    if (t->chain.n > 1 && !scratch)
        return TP_ERR_MEMORY;
    for (int i = 0; i < t->chain.n && !status; i++) {
        const tp_transform *step = t->chain.steps[i];
        float *to = i + 1 == t->chain.n ? y : scratch + i % 2 * largest;
        tp_shape out;
        draw.place = (uint64_t)i;
        status = step->kind->shape(step, in, &out);
        if (!status)
            status = step->kind->run(step, in, x, to, draw);
        in = out;
        x = to;
    }
    tp_free(scratch, bytes);
    return status;
}

static void chain_destroy(tp_transform *t)
{
    for (int i = 0; i < t->chain.n; i++)
        tp_release(t->chain.steps[i]);
    tp_free(t->chain.steps, (size_t)t->chain.n * sizeof *t->chain.steps);
}

static const transform_kind chain_kind = { "chain", chain_shape, chain_run, chain_destroy, NULL };

/* A chain in a chain is laid open: a step's place is its place in the whole. */
tp_transform *tp_transform_chain(tp_transform *const *steps, int n)
{
    TP_SCOPE;
    if (tp_pending())
        return NULL;
    int total = 0;
    for (int i = 0; i < n; i++) {
        if (!steps || !steps[i])
            return tp_fail_null(TP_ERR_ARGUMENT, "chain: transform %d is NULL", i);
        total += steps[i]->kind == &chain_kind ? steps[i]->chain.n : 1;
    }
    tp_transform *t = transform_new(&chain_kind);
    if (!t || !(t->chain.steps = tp_calloc((size_t)total * sizeof *t->chain.steps)))
        return NULL;
    for (int i = 0; i < n; i++)
        if (steps[i]->kind == &chain_kind)
            for (int k = 0; k < steps[i]->chain.n; k++)
                t->chain.steps[t->chain.n++] = tp_retain(steps[i]->chain.steps[k]);
        else
            t->chain.steps[t->chain.n++] = tp_retain(steps[i]);
    return tp_keep(t);
}

/* ---- mixing: what finished batches go through -------------------------------------------------------------------- */

static const tp_transform *mixing_step(const tp_transform *t, int wanted, int *found)
{
    int n = t->kind == &chain_kind ? t->chain.n : 1;
    const tp_transform *result = NULL;
    *found = 0;
    for (int i = 0; i < n; i++) {
        const tp_transform *step = t->kind == &chain_kind ? t->chain.steps[i] : t;
        if (!step->kind->mix)
            continue;
        if (*found == wanted)
            result = step;
        (*found)++;
    }
    return result;
}

bool transform_mixes(const tp_transform *t)
{
    int found = 0;
    return t && mixing_step(t, 0, &found) != NULL;
}

tp_status transform_mix(const tp_transform *t, mix_batch *b, uint64_t seed, uint64_t batch)
{
    int n;
    mixing_step(t, 0, &n);
    transform_draw from = { seed, batch, UINT32_MAX }; /* a place that no step of a chain has */
    draws d = draws_of(from);
    const tp_transform *step = mixing_step(t, (int)draw_integer(&d, n), &n);
    from.place--;
    return step->kind->mix(step, b, from);
}
