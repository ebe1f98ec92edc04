/* examples.c - parses and runs the examples of operations.
 *
 * An input is one word: sizes joined by commas, "s" for a scalar, "-" for one left out, then flags after @: t stored
 * transposed, p positive, u in (0, 1), g above 1, b bool, iN integers in [0, N).  Layer: tests.  Read next: examples.h. */
#include "support/examples.h"
#include "support/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct input_word {
    bool absent, transposed, positive, unit, above, boolean;
    int64_t below; /* integers in [0, below); 0: floats */
    tp_shape shape;
} input_word;

/* Returns the place after the word. */
static const char *parse_word(const char *at, input_word *w)
{
    *w = (input_word){ 0 };
    while (*at && *at != ' ' && *at != '@') {
        char *end = (char *)at + 1;
        if (*at == '-')
            w->absent = true;
        else if (*at >= '0' && *at <= '9')
            w->shape.dim[w->shape.ndim++] = strtoll(at, &end, 10);
        at = end; /* "s" and commas say nothing more */
    }
    at += *at == '@';
    while (*at && *at != ' ') {
        char *end = (char *)at + 1;
        w->transposed |= *at == 't';
        w->positive |= *at == 'p';
        w->unit |= *at == 'u';
        w->above |= *at == 'g';
        w->boolean |= *at == 'b';
        if (*at == 'i')
            w->below = strtoll(at + 1, &end, 10);
        at = end;
    }
    while (*at == ' ')
        at++;
    return at;
}

static uint64_t scramble(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

double example_number(uint64_t seed, int64_t i)
{
    double u =
        (double)(scramble(seed * 1000003 + (uint64_t)i) >> 44) * 0x1p-20; /* 20 bits: f32 has them all */
    return u < 0.5 ? 2 * u + 0.0625 : -2 * (u - 0.5) - 0.0625;
}

static tp_tensor *fill(const input_word *w, uint64_t seed, tp_dtype dtype)
{
    int64_t n = 1;
    for (int i = 0; i < w->shape.ndim; i++)
        n *= w->shape.dim[i];
    double *values = malloc(((size_t)n + 1) * sizeof *values);
    for (int64_t i = 0; i < n; i++) {
        double v = example_number(seed, i);
        uint64_t bits = scramble(seed * 7919 + (uint64_t)i);
        values[i] = w->below      ? (double)(bits % (uint64_t)w->below)
                    : w->boolean  ? (double)(bits & 1)
                    : w->positive ? fabs(v) * 1.5 + 0.125
                    : w->above    ? fabs(v) * 1.5 + 1.0625
                    : w->unit     ? fabs(v) * 0.75 + 0.0625
                                  : v;
    }
    tp_tensor *x = tp_tensor_copied(values, TP_F64, w->shape);
    free(values);
    return tp_to(x, w->below ? TP_I64 : w->boolean ? TP_BOOL : dtype);
}

static void copy_attrs(example_run *r, const tp_example *e, int64_t scale)
{
    if (r->op->attrs_size > sizeof r->attrs)
        return;
    if (e->attrs)
        memcpy(r->attrs, e->attrs, r->op->attrs_size);
    else
        tp_op_defaults(r->op, r->attrs);
    for (const tp_attr *a = r->op->attrs; a && a->name; a++) {
        if (a->type != TP_ATTR_DIMS ||
            (strcmp(a->name, "shape") != 0 && strcmp(a->name, "normalized_shape") != 0 &&
             (*e->inputs || strcmp(a->name, "size") != 0)))
            continue;
        tp_shape *s = (tp_shape *)(void *)(r->attrs + a->offset);
        for (int i = 0; i < s->ndim; i++)
            s->dim[i] *= s->dim[i] > 1 ? scale : 1;
    }
}

void example_build(example_run *r, const tp_op *op, const tp_example *e, tp_dtype dtype, int64_t scale,
                   const char *layout)
{
    TP_NO_GRAD;
    *r = (example_run){ .op = op, .n_out = op->n_out > 0 ? op->n_out : op->n_out == 0 };
    copy_attrs(r, e, scale);
    for (const char *at = e->inputs; *at && r->n_in < TP_MAX_INPUTS; r->n_in++) {
        input_word w;
        at = parse_word(at, &w);
        for (int i = 0; i < w.shape.ndim; i++)
            w.shape.dim[i] *= w.shape.dim[i] > 1 ? scale : 1;
        if (w.absent)
            continue;
        tp_tensor *x = fill(&w, (uint64_t)r->n_in + 1, dtype);
        if (layout ? *layout && (w.shape.ndim > 1 || strcmp(layout, "t") != 0) : w.transposed)
            x = laid_out(x, layout ? layout : "t");
        if (x && !op->not_differentiable && tp_dtype_is_float(tp_dtype_of(x)))
            tp_requires_grad_(x, true);
        r->in[r->n_in] = x;
    }
}

tp_status example_apply(example_run *r)
{
    tp_status status = tp_apply_n(r->op, r->in, r->n_in, r->attrs, r->out);
    while (r->op->n_out < 0 && r->n_out < TP_MAX_PARTS && r->out[r->n_out])
        r->n_out++;
    return status;
}

tp_status example_gradient(example_run *r)
{
    tp_tensor *y = r->out[0], *leaves[TP_MAX_INPUTS], *grads[TP_MAX_INPUTS] = { 0 };
    int n = 0, place[TP_MAX_INPUTS];
    if (!y || !tp_requires_grad(y))
        return tp_error_pending();
    for (int i = 0; i < r->n_in; i++)
        if (r->in[i] && tp_requires_grad(r->in[i])) {
            place[n] = i;
            leaves[n++] = r->in[i];
        }
    input_word w = { .shape = tp_shape_of(y) };
    tp_tensor *dy = fill(&w, 99, tp_dtype_of(y));
    tp_status status = tp_gradients(y, leaves, n, grads, .gradient = dy);
    for (int k = 0; k < n; k++)
        r->dx[place[k]] = grads[k];
    return status;
}

/* ---- a larger one ------------------------------------------------------------------------------------------------- */

enum { MOST_ELEMENTS = 1 << 18 };

/* Their attributes name the sizes of another tensor; in large they run as gradients of what they belong to. */
static const char *const of_one_size[] = { "slice_backward", "max_pool2d_backward", "avg_pool2d_backward" };

static double elements_of(const tp_example *e, int64_t scale)
{
    double all = 0;
    for (const char *at = e->inputs; *at;) {
        input_word w;
        double n = 1;
        at = parse_word(at, &w);
        for (int i = 0; i < w.shape.ndim; i++)
            n *= (double)w.shape.dim[i] * (w.shape.dim[i] > 1 ? (double)scale : 1);
        all += n;
    }
    return all;
}

int64_t example_large_scale(const tp_op *op, const tp_example *e, double max_flops)
{
    for (size_t i = 0; i < sizeof of_one_size / sizeof *of_one_size; i++)
        if (!strcmp(op->name, of_one_size[i]))
            return 1;
    static const int64_t scales[] = { 4096, 1024, 400, 200, 100, 64, 40, 24, 16, 11, 8, 5, 4, 3, 2 };
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        if (elements_of(e, scales[i]) > MOST_ELEMENTS)
            continue;
        TP_SCOPE;
        example_run r;
        tp_dry_run_total total = { 0 };
        example_build(&r, op, e, TP_F32, scales[i], NULL);
        tp_dry_run(&total);
        tp_status status = example_apply(&r);
        tp_dry_run(NULL);
        if (!status && total.flops <= max_flops && tp_numel(r.out[0]) <= 2 * MOST_ELEMENTS)
            return scales[i];
        tp_error_take(NULL, 0);
    }
    return 1;
}
