/* rope.c - rotary position embedding: pairs of numbers of each head are turned by angles that grow with the token's place.
 *
 * In place where it is asked for: of the input nothing is needed for its gradient, which is turned back.
 * Layer: ops.  Kernels: attention.turn (kernels.h).  Read next: attention.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

typedef struct rope_attrs {
    int64_t heads, width; /* the first so many heads of a row, of so many numbers each; 0 heads: all */
    bool adjacent, back;
} rope_attrs;

enum { R_X, R_COSINES, R_SINES, R_PLACES, R_INPUTS, GRAIN = 16384 };

static tp_status rope_infer(tp_call *c)
{
    const rope_attrs *a = c->attrs;
    const tp_tensor *x = c->in[R_X], *cosines = c->in[R_COSINES], *sines = c->in[R_SINES],
                    *places = c->in[R_PLACES];
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "rope: input is %s, f32 or f64 is wanted",
                       tp_dtype_name((tp_dtype)x->dtype));
    if (x->ndim != 3 || a->width < 2 || x->shape[2] % a->width || a->heads < 0 ||
        a->heads * a->width > x->shape[2])
        return tp_fail(TP_ERR_SHAPE,
                       "rope: input %s, (B, T, heads x %lld) with at least %lld heads is wanted",
                       tensor_shape_text(x), (long long)a->width, (long long)a->heads);
    if (cosines->dtype != x->dtype || sines->dtype != x->dtype || cosines->ndim != 2 ||
        !tensor_same_shape(cosines, sines) || 2 * cosines->shape[1] > a->width)
        return tp_fail(TP_ERR_SHAPE, "rope: cosines %s and sines %s, (places, at most %lld) of %s are wanted",
                       tensor_shape_text(cosines), tensor_shape_text(sines), (long long)(a->width / 2),
                       tp_dtype_name((tp_dtype)x->dtype));
    if (places && (places->dtype != TP_I64 || places->ndim != 1 || places->shape[0] != x->shape[0]))
        return tp_fail(TP_ERR_SHAPE, "rope: places %s of %s, i64 (%lld,) is wanted",
                       tensor_shape_text(places), tp_dtype_name((tp_dtype)places->dtype),
                       (long long)x->shape[0]);
    const char *place = places ? tensor_data(places) : NULL;
    for (int64_t b = 0; b < x->shape[0]; b++) {
        const int64_t first = place ? ((const int64_t *)(const void *)place)[b * places->stride[0]] : 0;
        if (first < 0 || first > cosines->shape[0] - x->shape[1])
            return tp_fail(TP_ERR_ARGUMENT, "rope: tokens %lld to %lld, there are angles for %lld",
                           (long long)first, (long long)(first + x->shape[1] - 1),
                           (long long)cosines->shape[0]);
    }
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS) + staged_bytes(cosines, CLONE_CONTIGUOUS) +
                       staged_bytes(sines, CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x));
}

typedef struct rope_run {
    const tp_call *c;
    const rope_attrs *attrs;
    const char *x, *cosines, *sines;
    char *y;
    int64_t size, heads, row, half, tokens;
} rope_run;

static void turn_rows(void *context, int64_t begin, int64_t end)
{
    const rope_run *r = context;
    const kernel_table *kernels = r->c->kernels;
    const tp_tensor *places = r->c->in[R_PLACES];
    const int64_t width = r->attrs->width;
    for (int64_t i = begin; i < end; i++) {
        const char *from = r->x + i * r->row * r->size;
        char *to = r->y + i * r->row * r->size;
        const int64_t *first = places ? (const int64_t *)(const void *)tensor_data(places) : NULL,
                      place = i % r->tokens + (first ? first[i / r->tokens * places->stride[0]] : 0),
                      at = place * r->half * r->size;
        for (int64_t h = 0; h < r->heads; h++)
            kernels->attention[r->size == sizeof(double)].turn(to + h * width * r->size,
                                                               from + h * width * r->size, r->cosines + at,
                                                               r->sines + at, r->half, r->attrs->adjacent,
                                                               r->attrs->back);
        if (from == to)
            continue;
        for (int64_t h = 0; h < r->heads && 2 * r->half < width; h++)
            kernels->move[move_kind((size_t)r->size)](to + (h * width + 2 * r->half) * r->size, 1,
                                                      from + (h * width + 2 * r->half) * r->size, 1,
                                                      width - 2 * r->half);
        kernels->move[move_kind((size_t)r->size)](to + r->heads * width * r->size, 1,
                                                  from + r->heads * width * r->size, 1,
                                                  r->row - r->heads * width);
    }
}

static void rope_forward(const tp_call *c)
{
    const rope_attrs *a = c->attrs;
    const tp_tensor *x = c->in[R_X];
    char *scratch = c->scratch;
    rope_run r = { .c = c,
                   .attrs = a,
                   .x = staged(c, x, CLONE_CONTIGUOUS, &scratch),
                   .y = tensor_data(c->out[0]),
                   .size = (int64_t)tensor_element_size(x),
                   .row = x->shape[2],
                   .heads = a->heads ? a->heads : x->shape[2] / a->width,
                   .half = c->in[R_COSINES]->shape[1],
                   .tokens = x->shape[1] };
    r.cosines = staged(c, c->in[R_COSINES], CLONE_CONTIGUOUS, &scratch);
    r.sines = staged(c, c->in[R_SINES], CLONE_CONTIGUOUS, &scratch);
    parallel_for(x->shape[0] * x->shape[1], GRAIN / (r.row + 1) + 1, turn_rows, &r);
}

/* Of the heads that are turned the first or second numbers of the pairs: (B, T, heads, half). */
static tp_tensor *pairs_of(tp_tensor *x, const rope_attrs *a, int64_t half, bool second)
{
    const int64_t heads = a->heads ? a->heads : x->shape[2] / a->width;
    tp_tensor *all =
        tp_reshape(tp_narrow(x, 2, 0, heads * a->width), TP_SHAPE(x->shape[0], x->shape[1], heads, a->width));
    return a->adjacent ? tp_slice(all, 3, second, 2 * half, 2) : tp_narrow(all, 3, second ? half : 0, half);
}

/* Rows (B, T, heads, half), one for each token, summed into the rows of the tokens' places. */
static tp_tensor *by_place(tp_tensor *rows, const tp_saved *s)
{
    const int64_t batch = s->in_shape[R_X].dim[0], tokens = s->in_shape[R_X].dim[1];
    tp_tensor *at = tp_arange(0, (double)tokens, 1, .dtype = TP_I64);
    at = tp_expand(at, TP_SHAPE(batch, tokens));
    if (s->in[R_PLACES])
        at = tp_add(at, tp_unsqueeze(s->in[R_PLACES], 1));
    rows =
        tp_reshape(tp_sum(rows, TP_SHAPE(2), false), TP_SHAPE(batch * tokens, s->in_shape[R_COSINES].dim[1]));
    tp_tensor *zeros = tp_zeros(s->in_shape[R_COSINES], .dtype = s->in_dtype[R_COSINES]);
    return tp_index_add_(zeros, 0, tp_reshape(at, TP_SHAPE(batch * tokens)), rows, 1);
}

static void rope_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    rope_attrs a = *(const rope_attrs *)s->attrs;
    const int64_t half = s->in_shape[R_COSINES].dim[1];
    a.back = !a.back;
    if (s->needs[R_X])
        dx[R_X] = tp_apply(s->op, (tp_tensor *[]){ dy, s->in[R_COSINES], s->in[R_SINES], s->in[R_PLACES] },
                           R_INPUTS, &a);
    if (!s->needs[R_COSINES] && !s->needs[R_SINES])
        return;
    tp_tensor *u = pairs_of(s->in[R_X], &a, half, false), *v = pairs_of(s->in[R_X], &a, half, true),
              *du = pairs_of(dy, &a, half, false), *dv = pairs_of(dy, &a, half, true);
    dx[R_COSINES] = by_place(tp_add(tp_mul(du, u), tp_mul(dv, v)), s);
    tp_tensor *sines = by_place(tp_sub(tp_mul(dv, u), tp_mul(du, v)), s);
    dx[R_SINES] = a.back ? sines : tp_neg(sines);
}

static double rope_cost(const tp_call *c)
{
    return 3.0 * (double)c->out[0]->numel;
}

const tp_op tp_op_rope = {
    .name = "rope",
    .formula = "(u, v) to (u cos - v sin, v cos + u sin), of the halves of each head or of adjacent numbers",
    .inputs = "x cosines sines places?",
    .n_in = R_INPUTS,
    OP_ATTRS(rope_attrs, OP_ATTR(rope_attrs, I64, heads, 0), OP_ATTR(rope_attrs, I64, width, TP_REQUIRED),
             OP_ATTR(rope_attrs, BOOL, adjacent, 0), OP_ATTR(rope_attrs, BOOL, back, 0)),
    .saves_for_others = 15,
    .infer = rope_infer,
    .forward = rope_forward,
    .backward = rope_backward,
    .cost = rope_cost,
    OP_EXAMPLES({ "2,3,12 5,3 5,3 -", &(rope_attrs){ .width = 6 } },
                { "2,3,20 8,2 8,2 2@i5", &(rope_attrs){ .heads = 3, .width = 5, .adjacent = true } },
                { "1,3,34 3,17 3,17 -", &(rope_attrs){ .width = 34, .back = true } },
                { "0,2,4 2,2 2,2 -", &(rope_attrs){ .width = 4 } }),
};

static rope_attrs rope_attrs_of(int64_t width, const tp_rope_options *o)
{
    return (rope_attrs){ .heads = o->heads, .width = width, .adjacent = o->adjacent };
}

tp_tensor *tp_rope_opt(tp_tensor *x, tp_tensor *cosines, tp_tensor *sines, int64_t width,
                       const tp_rope_options *o)
{
    const rope_attrs a = rope_attrs_of(width, o);
    return tp_apply(&tp_op_rope, (tp_tensor *[]){ x, cosines, sines, o->places }, R_INPUTS, &a);
}

tp_tensor *tp_rope_opt_(tp_tensor *x, tp_tensor *cosines, tp_tensor *sines, int64_t width,
                        const tp_rope_options *o)
{
    const rope_attrs a = rope_attrs_of(width, o);
    return tp_apply_(&tp_op_rope, (tp_tensor *[]){ x, cosines, sines, o->places }, R_INPUTS, &a);
}
