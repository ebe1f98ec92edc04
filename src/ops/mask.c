/* mask.c - where a condition holds: masked_fill, masked_select, masked_scatter, nonzero; and indices of triangles.
 *
 * Layer: ops.  Depends on map.h, indexed.h.  Read next: index.c. */
#include "base/memory.h"
#include "base/parallel.h"
#include "device/device.h"
#include "ops/indexed.h"

#include <string.h>

/* ---- nonzero: counted in infer, filled in forward, both by pieces ------------------------------------------------------ */

enum { PIECE = 16384, BUFFER = 512 };

typedef struct nonzero_run {
    const kernel_table *kernels;
    const tp_tensor *x;
    int64_t *counts; /* of each piece; then where each begins */
    int64_t *y;
} nonzero_run;

/* Elements [first, first + n) of x in row-major order as truth, or where they lie if they are that already. */
static const uint8_t *truth_of(const nonzero_run *r, int64_t first, int64_t n, uint8_t *buffer)
{
    const tp_tensor *x = r->x;
    const size_t size = tensor_element_size(x);
    if (tensor_is_contiguous(x)) {
        const char *at = tensor_data(x) + first * (int64_t)size;
        if (x->dtype == TP_BOOL)
            return (const uint8_t *)at;
        r->kernels->convert[TP_BOOL][x->dtype](buffer, 1, at, 1, n);
        return buffer;
    }
    for (int64_t i = 0; i < n;) {
        int inner = x->ndim - 1;
        int64_t row = (first + i) / x->shape[inner], col = (first + i) % x->shape[inner];
        int64_t m = x->shape[inner] - col < n - i ? x->shape[inner] - col : n - i,
                offset = col * x->stride[inner];
        for (int d = inner; d-- > 0; row /= x->shape[d])
            offset += row % x->shape[d] * x->stride[d];
        r->kernels->convert[TP_BOOL][x->dtype](buffer + i, 1, tensor_data(x) + offset * (int64_t)size,
                                               x->stride[inner], m);
        i += m;
    }
    return buffer;
}

static int64_t count_true(const uint8_t *truth, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i += 255) { /* bytes add up to at most 255 a lane */
        uint8_t few = 0;
        int64_t m = n - i < 255 ? n - i : 255;
        for (int64_t k = 0; k < m; k++)
            few = (uint8_t)(few + truth[i + k]);
        count += few;
    }
    return count;
}

static void count_pieces(void *context, int64_t begin, int64_t end)
{
    const nonzero_run *r = context;
    uint8_t buffer[BUFFER];
    for (int64_t p = begin; p < end; p++) {
        int64_t last = (p + 1) * PIECE < r->x->numel ? (p + 1) * PIECE : r->x->numel, count = 0;
        for (int64_t i = p * PIECE; i < last; i += BUFFER) {
            int64_t n = last - i < BUFFER ? last - i : BUFFER;
            count += count_true(truth_of(r, i, n, buffer), n);
        }
        r->counts[p] = count;
    }
}

static void coordinates(const tp_tensor *x, int64_t i, int64_t *y)
{
    for (int d = x->ndim; d-- > 0; i /= x->shape[d])
        y[d] = i % x->shape[d];
}

static void fill_pieces(void *context, int64_t begin, int64_t end)
{
    const nonzero_run *r = context;
    const int ndim = r->x->ndim;
    uint8_t buffer[BUFFER];
    for (int64_t p = begin; p < end; p++) {
        int64_t last = (p + 1) * PIECE < r->x->numel ? (p + 1) * PIECE : r->x->numel;
        int64_t *y = r->y + r->counts[p] * ndim, places[BUFFER + 1] = { 0 };
        for (int64_t i = p * PIECE; i < last; i += BUFFER) {
            int64_t n = last - i < BUFFER ? last - i : BUFFER, found = 0;
            const uint8_t *truth = truth_of(r, i, n, buffer);
            for (int64_t k = 0; k < n;
                 k++) { /* without a branch: it would be guessed wrong half of the time */
                places[found] = i + k;
                found += truth[k];
            }
            if (ndim == 1)
                memcpy(y, places, (size_t)found * sizeof *y);
            else
                for (int64_t k = 0; k < found; k++)
                    coordinates(r->x, places[k], y + k * ndim);
            y += found * ndim;
        }
    }
}

static int64_t pieces_of(const tp_tensor *x)
{
    return (x->numel + PIECE - 1) / PIECE;
}

static tp_status nonzero_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const int64_t pieces = pieces_of(x);
    const size_t bytes = (size_t)(pieces + 1) * sizeof(int64_t);
    nonzero_run r = { .kernels = x->storage->device->kernels(), .x = x, .counts = tp_alloc(bytes) };
    if (!r.counts)
        return TP_ERR_MEMORY;
    int64_t all = 0;
    parallel_for(pieces, 2, count_pieces, &r);
    for (int64_t p = 0; p < pieces; p++)
        all += r.counts[p];
    tp_free(r.counts, bytes);
    c->scratch_bytes = bytes;
    return tp_infer_shape(c, 0, TP_I64, TP_SHAPE(all, x->ndim));
}

static void nonzero_forward(const tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const int64_t pieces = pieces_of(x);
    nonzero_run r = { c->kernels, x, c->scratch, (int64_t *)(void *)tensor_data(c->out[0]) };
    if (c->out[0]->numel == 0)
        return;
    parallel_for(pieces, 2, count_pieces, &r);
    for (int64_t p = 0, at = 0; p < pieces; p++) {
        int64_t n = r.counts[p];
        r.counts[p] = at;
        at += n;
    }
    parallel_for(pieces, 2, fill_pieces, &r);
}

static const tp_example nonzero_examples[] = {
    { "2,3@b", NULL }, { "4,5@t", NULL }, { "9@i2", NULL },
    { "s@b", NULL },   { "0,3@b", NULL }, { NULL, NULL },
};

#define NONZERO(op)                                                                         \
    const tp_op tp_op_##op = { .name = #op,                                                 \
                               .formula = "y = places of the x that are not 0, a row each", \
                               .inputs = "x",                                               \
                               .n_in = 1,                                                   \
                               .not_differentiable = true,                                  \
                               .shape_needs_values = true,                                  \
                               .infer = nonzero_infer,                                      \
                               .forward = nonzero_forward,                                  \
                               .examples = nonzero_examples };                              \
    tp_tensor *tp_##op(tp_tensor *x)                                                        \
    {                                                                                       \
        return tp_apply(&tp_op_##op, &x, 1, NULL);                                          \
    }

NONZERO(nonzero)
NONZERO(argwhere)

/* ---- masks --------------------------------------------------------------------------------------------------------------- */

static void masked_fill_compose(tp_call *c)
{
    double value = *(const double *)c->attrs;
    tp_tensor *x = c->in[0], *mask = c->in[1];
    if (tp_dtype_is_float(tp_dtype_of(x)))
        c->out[0] = tp_where(mask, value, x);
    else /* not a number, which would promote */
        c->out[0] = tp_where(mask, tp_to(tp_number(value), tp_dtype_of(x)), x);
}

const tp_op tp_op_masked_fill = {
    .name = "masked_fill",
    .formula = "y = mask ? value : x",
    .inputs = "x mask",
    .n_in = 2,
    .attrs_size = sizeof(double),
    .attrs = (const tp_attr[]){ { "value", TP_ATTR_F64, 0, TP_REQUIRED, NULL }, { 0 } },
    .compose = masked_fill_compose,
    .examples = (const tp_example[]){ { "2,3 2,3@b", &(double){ 0.5 } },
                                      { "4,5@t 5@b", &(double){ -1 } },
                                      { "0,3 3@b", &(double){ 0 } },
                                      { NULL, NULL } },
};

tp_tensor *tp_masked_fill(tp_tensor *x, tp_tensor *mask, double value)
{
    return tp_apply(&tp_op_masked_fill, (tp_tensor *[]){ x, mask }, 2, &value);
}

tp_tensor *tp_masked_fill_(tp_tensor *x, tp_tensor *mask, double value)
{
    return tp_apply_(&tp_op_masked_fill, (tp_tensor *[]){ x, mask }, 2, &value);
}

static tp_status check_mask(const char *op, const tp_tensor *mask)
{
    return mask->dtype == TP_BOOL ? TP_OK
                                  : tp_fail(TP_ERR_DTYPE, "%s: mask is %s, bool is wanted", op,
                                            tp_dtype_name((tp_dtype)mask->dtype));
}

/* x and mask in their common shape. */
static tp_status broadcast_pair(const char *op, tp_tensor **x, tp_tensor **mask)
{
    tp_shape shape = { .ndim = (*x)->ndim > (*mask)->ndim ? (*x)->ndim : (*mask)->ndim };
    for (int k = 1; k <= shape.ndim; k++) {
        int64_t a = (*x)->ndim >= k ? (*x)->shape[(*x)->ndim - k] : 1;
        int64_t b = (*mask)->ndim >= k ? (*mask)->shape[(*mask)->ndim - k] : 1;
        if (a != b && a != 1 && b != 1)
            return tp_fail(TP_ERR_SHAPE, "%s: %s and mask %s do not broadcast", op, tensor_shape_text(*x),
                           tensor_shape_text(*mask));
        shape.dim[shape.ndim - k] = a == 1 ? b : a;
    }
    *x = tp_expand(*x, shape);
    *mask = tp_expand(*mask, shape);
    return tp_error_pending();
}

static tp_tensor *as_row(tp_tensor *x)
{
    return x ? tp_reshape(x, TP_SHAPE(x->numel)) : NULL;
}

static void masked_select_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *mask = c->in[1];
    if (check_mask("masked_select", mask) || broadcast_pair("masked_select", &x, &mask))
        return;
    c->out[0] = tp_index_select(as_row(x), 0, as_row(tp_nonzero(as_row(mask))));
}

const tp_op tp_op_masked_select = {
    .name = "masked_select",
    .formula = "y = the x where mask is true, in a row",
    .inputs = "x mask",
    .n_in = 2,
    .shape_needs_values = true,
    .compose = masked_select_compose,
    .examples =
        (const tp_example[]){
            { "2,3 2,3@b", NULL }, { "4,5@t 5@b", NULL }, { "0,3 3@b", NULL }, { NULL, NULL } },
};

tp_tensor *tp_masked_select(tp_tensor *x, tp_tensor *mask)
{
    return tp_apply(&tp_op_masked_select, (tp_tensor *[]){ x, mask }, 2, NULL);
}

static void masked_scatter_compose(tp_call *c)
{
    tp_tensor *x = c->in[0], *mask = c->in[1], *source = c->in[2];
    if (check_mask("masked_scatter", mask) || broadcast_pair("masked_scatter", &x, &mask))
        return;
    tp_shape shape = tp_shape_of(x);
    tp_tensor *places = as_row(tp_nonzero(as_row(mask)));
    if (places && places->numel > source->numel) {
        tp_fail(TP_ERR_SHAPE, "masked_scatter: mask has %lld places, source %s has fewer elements",
                (long long)places->numel, tensor_shape_text(source));
        return;
    }
    source = tp_slice(as_row(source), 0, 0, places ? places->numel : 0, 1);
    c->out[0] = tp_reshape(tp_index_copy(as_row(x), 0, places, source), shape);
}

const tp_op tp_op_masked_scatter = {
    .name = "masked_scatter",
    .formula = "y = mask ? the next of source : x",
    .inputs = "x mask source",
    .n_in = 3,
    .shape_needs_values = true,
    .compose = masked_scatter_compose,
    .examples = (const tp_example[]){ { "2,3 2,3@b 7", NULL }, { "4,5@t 5@b 4,5", NULL }, { NULL, NULL } },
};

tp_tensor *tp_masked_scatter(tp_tensor *x, tp_tensor *mask, tp_tensor *source)
{
    return tp_apply(&tp_op_masked_scatter, (tp_tensor *[]){ x, mask, source }, 3, NULL);
}

tp_tensor *tp_masked_scatter_(tp_tensor *x, tp_tensor *mask, tp_tensor *source)
{
    return tp_apply_(&tp_op_masked_scatter, (tp_tensor *[]){ x, mask, source }, 3, NULL);
}

/* ---- tril_indices, triu_indices ------------------------------------------------------------------------------------------------ */

typedef struct triangle_attrs {
    int64_t row, col, offset;
} triangle_attrs;

/* Columns [*begin, *end) of a row. */
static void row_of_triangle(const triangle_attrs *a, bool upper, int64_t i, int64_t *begin, int64_t *end)
{
    int64_t diagonal = i + a->offset + !upper; /* first column right of the lower part, of the upper one */
    diagonal = diagonal < 0 ? 0 : diagonal > a->col ? a->col : diagonal;
    *begin = upper ? diagonal : 0;
    *end = upper ? a->col : diagonal;
}

static tp_status triangle_infer(tp_call *c)
{
    const triangle_attrs *a = c->attrs;
    int64_t n = 0;
    if (a->row < 0 || a->col < 0 || a->row > INT32_MAX || a->col > INT32_MAX || a->offset > INT32_MAX ||
        a->offset < INT32_MIN)
        return tp_fail(TP_ERR_ARGUMENT, "%s: row %lld, col %lld, sizes are wanted", c->op->name,
                       (long long)a->row, (long long)a->col);
    for (int64_t i = 0; i < a->row; i++) {
        int64_t begin, end;
        row_of_triangle(a, c->op->tag, i, &begin, &end);
        n += end - begin;
    }
    return tp_infer_shape(c, 0, TP_I64, TP_SHAPE(2, n));
}

static void triangle_forward(const tp_call *c)
{
    const triangle_attrs *a = c->attrs;
    int64_t *rows = (int64_t *)(void *)tensor_data(c->out[0]), *cols = rows + c->out[0]->shape[1];
    for (int64_t i = 0; i < a->row; i++) {
        int64_t begin, end;
        row_of_triangle(a, c->op->tag, i, &begin, &end);
        for (int64_t j = begin; j < end; j++)
            *rows++ = i, *cols++ = j;
    }
}

#define TRIANGLE(op, text, is_upper)                                                                     \
    const tp_op tp_op_##op = {                                                                           \
        .name = #op,                                                                                     \
        .formula = text,                                                                                 \
        .inputs = "",                                                                                    \
        .n_in = 0,                                                                                       \
        .attrs_size = sizeof(triangle_attrs),                                                            \
        .attrs =                                                                                         \
            (const tp_attr[]){ { "row", TP_ATTR_I64, offsetof(triangle_attrs, row), TP_REQUIRED, NULL }, \
                               { "col", TP_ATTR_I64, offsetof(triangle_attrs, col), TP_REQUIRED, NULL }, \
                               { "offset", TP_ATTR_I64, offsetof(triangle_attrs, offset), 0, NULL },     \
                               { 0 } },                                                                  \
        .not_differentiable = true,                                                                      \
        .infer = triangle_infer,                                                                         \
        .forward = triangle_forward,                                                                     \
        .tag = is_upper,                                                                                 \
        .examples = (const tp_example[]){ { "", &(triangle_attrs){ 3, 4, 0 } },                          \
                                          { "", &(triangle_attrs){ 4, 3, -1 } },                         \
                                          { "", &(triangle_attrs){ 0, 3, 1 } },                          \
                                          { NULL, NULL } },                                              \
    };                                                                                                   \
    tp_tensor *tp_##op(int64_t row, int64_t col, int64_t offset)                                         \
    {                                                                                                    \
        return tp_apply(&tp_op_##op, NULL, 0, &(triangle_attrs){ row, col, offset });                    \
    }

TRIANGLE(tril_indices, "rows and columns of the lower triangle of (row, col), j <= i + offset", 0)
TRIANGLE(triu_indices, "rows and columns of the upper triangle of (row, col), j >= i + offset", 1)
