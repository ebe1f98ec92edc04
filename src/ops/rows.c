/* rows.c - rows along any dim: to scratch and back.
 *
 * Layer: ops.  Depends on map.h.  Read next: rows.h. */
#include "ops/rows.h"

#include "base/parallel.h"
#include "ops/reduce.h"

enum { GRAIN = 32768 };

static size_t rounded(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static int normal(const tp_tensor *x, int64_t dim)
{
    return dim == TP_NO_DIM ? -1 : (int)(dim < 0 ? dim + x->ndim : dim);
}

int64_t row_length(const tp_tensor *x, int64_t dim)
{
    return dim == TP_NO_DIM ? x->numel : x->ndim ? x->shape[normal(x, dim)] : 1;
}

static bool is_last(const tp_tensor *x, int64_t dim)
{
    return dim == TP_NO_DIM || x->ndim == 0 || normal(x, dim) == x->ndim - 1;
}

/* Outputs that have dim lie as the input does; those without it are one element a row, in order. */
static bool goes_back(const tp_tensor *x, const tp_tensor *y, int64_t dim)
{
    return !is_last(x, dim) && y->ndim == x->ndim && y->shape[normal(x, dim)] != 1;
}

static int threads_for(int64_t count)
{
    return count < parallel_threads() ? (count ? (int)count : 1) : parallel_threads();
}

static int64_t count_rows(const tp_tensor *x, int64_t dim)
{
    int64_t count = 1;
    for (int i = 0; i < x->ndim && dim != TP_NO_DIM; i++)
        count *= i == normal(x, dim) ? 1 : x->shape[i];
    return count;
}

tp_status rows_infer(tp_call *c, int64_t dim, size_t bench_bytes)
{
    const tp_tensor *x = c->in[0];
    if (row_length(x, dim) > UINT32_MAX)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: %s has more than 2^32 - 1 elements in a row", c->op->name,
                       tensor_shape_text(x));
    bool plain = is_last(x, dim) && tensor_is_contiguous(x);
    c->scratch_bytes = plain ? 0 : rounded((size_t)x->numel * tensor_element_size(x));
    for (int i = 0; i < c->n_out; i++)
        if (goes_back(x, c->out[i], dim))
            c->scratch_bytes += rounded((size_t)c->out[i]->numel * tensor_element_size(c->out[i]));
    c->scratch_bytes += rounded(bench_bytes) * (size_t)threads_for(count_rows(x, dim));
    return TP_OK;
}

static void run_rows(void *context, int64_t begin, int64_t end)
{
    const rows *r = context;
    char *bench = r->bench + (r->threads > 1 ? (size_t)parallel_thread() * r->bench_bytes : 0);
    for (int64_t i = begin; i < end; i++)
        r->body(r, i, bench);
}

/* From rows to where the output has them. */
static void bring_back(const rows *r, const tp_tensor *y, const char *from)
{
    int64_t stride[TP_MAX_DIMS], size = y->shape[r->dim];
    stride[r->dim] = 1;
    for (int i = y->ndim; i-- > 0;)
        if (i != r->dim) {
            stride[i] = size;
            size *= y->shape[i];
        }
    copy_strided(r->c->kernels, y->ndim, y->shape, tensor_data(y), (tp_dtype)y->dtype, y->stride, from,
                 (tp_dtype)y->dtype, stride);
}

void rows_run(const tp_call *c, int64_t dim, size_t bench_bytes, bool whole,
              void (*body)(const rows *, int64_t row, void *bench))
{
    const tp_tensor *x = c->in[0];
    rows r = {
        .c = c, .dim = normal(x, dim), .count = count_rows(x, dim), .n = row_length(x, dim), .body = body
    };
    char *scratch = c->scratch;
    r.x = tensor_data(x);
    if (!(is_last(x, dim) && tensor_is_contiguous(x))) {
        copy_kept_first(c->kernels, x, r.dim < 0 || !x->ndim ? 0 : 1u << r.dim, scratch, (tp_dtype)x->dtype);
        r.x = scratch;
        scratch += rounded((size_t)x->numel * tensor_element_size(x));
    }
    for (int i = 0; i < c->n_out && i < 2; i++) {
        r.m[i] = r.count ? c->out[i]->numel / r.count : 0;
        r.y[i] = tensor_data(c->out[i]);
        if (!goes_back(x, c->out[i], dim))
            continue;
        r.y[i] = scratch;
        scratch += rounded((size_t)c->out[i]->numel * tensor_element_size(c->out[i]));
    }
    r.bench = scratch;
    r.bench_bytes = rounded(bench_bytes);
    r.threads = whole ? 1 : threads_for(r.count);
    if (whole)
        run_rows(&r, 0, r.count);
    else
        parallel_for(r.count, GRAIN / (4 * (r.n + 16)) + 1, run_rows, &r);
    for (int i = 0; i < c->n_out && i < 2; i++)
        if (goes_back(x, c->out[i], dim))
            bring_back(&r, c->out[i], r.y[i]);
}
