/* indexed.c - the loop of indexed.h, and checks of indices.
 *
 * Dims merge where index and both tensors allow it; the last one is the kernel's row.  Reading is shared out over
 * rows and pieces of rows; writing over a dim in which no two indices meet, so that equal places keep their order.
 * Layer: ops.  Kernels: pick, place (kernels.h).  Read next: index.c. */
#include "ops/indexed.h"

#include "base/parallel.h"
#include "device/device.h"

#include <string.h>

enum {
    GRAIN = 32768,
    ROW = 8192,   /* elements of one kernel call */
    BUFFER = 512, /* indices converted at once */
    FREE_PIECES = 16,
};

/* ---- the loop's shape ------------------------------------------------------------------------------------------- */

enum { INDEX, NEAR, FAR, STRIDES }; /* near moves with the index, far is where it points into */

typedef struct indexed {
    const kernel_table *kernels;
    int ndim;
    int dim; /* the one that the index replaces, after merging; -1: its size is 1 */
    int64_t shape[TP_MAX_DIMS + 1];
    int64_t stride[STRIDES][TP_MAX_DIMS + 1];
    char *data[STRIDES];
    int64_t size[STRIDES]; /* bytes of an element */
    int64_t along;         /* far's stride in dim */
    tp_dtype index_type;
    pick_fn *pick; /* one of the two */
    place_fn *place;
} indexed;

static bool merges(const indexed *x, int outer, int i)
{
    for (int k = 0; k < STRIDES; k++)
        if (x->stride[k][outer] != x->stride[k][i] * x->shape[i])
            return false;
    return true;
}

static indexed plan_indexed(const kernel_table *kernels, const tp_tensor *index, const tp_tensor *near,
                            const tp_tensor *far, int dim)
{
    indexed x = { .kernels = kernels, .dim = -1, .along = 1, .index_type = index->dtype };
    const tp_tensor *t[STRIDES] = { index, near, far };
    for (int k = 0; k < STRIDES; k++) {
        x.data[k] = tensor_data(t[k]);
        x.size[k] = (int64_t)tensor_element_size(t[k]);
    }
    if (far->ndim)
        x.along = far->stride[dim];
    for (int i = 0; i < index->ndim; i++) {
        if (index->shape[i] == 1)
            continue;
        int at = x.ndim++;
        x.shape[at] = index->shape[i];
        for (int k = 0; k < STRIDES; k++)
            x.stride[k][at] = k == FAR && i == dim ? 0 : t[k]->stride[i];
        if (i == dim)
            x.dim = at;
        if (at > 0 && i != dim && x.dim != at - 1 && merges(&x, at - 1, at)) {
            x.shape[at - 1] *= x.shape[at];
            for (int k = 0; k < STRIDES; k++)
                x.stride[k][at - 1] = x.stride[k][at];
            x.ndim--;
        }
    }
    if (x.ndim == 0) {
        x.ndim = 1;
        x.shape[0] = 1;
    }
    return x;
}

/* ---- running it --------------------------------------------------------------------------------------------------- */

/* n elements of the last dim, from the given bytes on. */
static void run_row(const indexed *x, char *const *at, int64_t n)
{
    int inner = x->ndim - 1;
    const int64_t is = x->stride[INDEX][inner], ns = x->stride[NEAR][inner], fs = x->stride[FAR][inner];
    int64_t buffer[BUFFER];
    bool plain = x->index_type == TP_I64;
    int64_t step = plain ? n : is ? BUFFER : n;
    for (int64_t i = 0; i < n; i += step) {
        int64_t m = n - i < step ? n - i : step, s = plain ? is : is != 0;
        const int64_t *index = (const int64_t *)(const void *)(at[INDEX] + i * is * x->size[INDEX]);
        if (!plain) {
            x->kernels->convert[TP_I64][x->index_type](buffer, 1, index, is, is ? m : 1);
            index = buffer;
        }
        char *near = at[NEAR] + i * ns * x->size[NEAR], *far = at[FAR] + i * fs * x->size[FAR];
        if (x->pick)
            x->pick(near, ns, far, fs, x->along, index, s, m);
        else
            x->place(far, fs, x->along, near, ns, index, s, m);
    }
}

/* Row number row of all dims but the last, and first elements of it. */
static void locate(const indexed *x, int64_t row, int64_t first, char **at)
{
    int64_t offset[STRIDES];
    for (int k = 0; k < STRIDES; k++)
        offset[k] = first * x->stride[k][x->ndim - 1];
    for (int i = x->ndim - 1; i-- > 0;) {
        int64_t here = i ? row % x->shape[i] : row;
        row = i ? row / x->shape[i] : 0;
        for (int k = 0; k < STRIDES; k++)
            offset[k] += here * x->stride[k][i];
    }
    for (int k = 0; k < STRIDES; k++)
        at[k] = x->data[k] + offset[k] * x->size[k];
}

static int64_t rows_of(const indexed *x)
{
    int64_t rows = 1;
    for (int i = 0; i < x->ndim - 1; i++)
        rows *= x->shape[i];
    return rows;
}

static void pick_pieces(void *context, int64_t begin, int64_t end)
{
    const indexed *x = context;
    int64_t length = x->shape[x->ndim - 1], pieces = (length + ROW - 1) / ROW;
    for (int64_t p = begin; p < end; p++) {
        char *at[STRIDES];
        int64_t first = p % pieces * ROW;
        locate(x, p / pieces, first, at);
        run_row(x, at, length - first < ROW ? length - first : ROW);
    }
}

void pick_elements(const kernel_table *kernels, const tp_tensor *y, const tp_tensor *x,
                   const tp_tensor *index, int dim)
{
    if (index->numel == 0)
        return;
    indexed loop = plan_indexed(kernels, index, y, x, dim);
    loop.pick = kernels->pick[__builtin_ctz((unsigned)loop.size[NEAR])];
    int64_t length = loop.shape[loop.ndim - 1], pieces = (length + ROW - 1) / ROW;
    int64_t work = length < ROW
    ? length : ROW;
    parallel_for(rows_of(&loop) * pieces,
                 index->numel <= GRAIN ? INT64_MAX / 2 : (GRAIN / 2 + work - 1) / work, pick_pieces, &loop);
}

typedef struct place_run {
    const indexed *x;
    int axis; /* that is shared out; -1: none */
    int64_t chunk;
} place_run;

static void place_pieces(void *context, int64_t begin, int64_t end)
{
    const place_run *r = context;
    for (int64_t p = begin; p < end; p++) {
        indexed x = *r->x;
        if (r->axis >= 0) {
            int64_t first = p * r->chunk, n = x.shape[r->axis] - first;
            x.shape[r->axis] = n < r->chunk ? n : r->chunk;
            for (int k = 0; k < STRIDES; k++)
                x.data[k] += first * x.stride[k][r->axis] * x.size[k];
        }
        int64_t rows = rows_of(&x);
        for (int64_t row = 0; row < rows; row++) {
            char *at[STRIDES];
            locate(&x, row, 0, at);
            run_row(&x, at, x.shape[x.ndim - 1]);
        }
    }
}

void place_elements(const kernel_table *kernels, place_kind kind, const tp_tensor *y, const tp_tensor *index,
                    const tp_tensor *src, int dim)
{
    if (index->numel == 0)
        return;
    indexed loop = plan_indexed(kernels, index, src, y, dim);
    loop.place = kernels->place[kind][y->dtype];
    place_run r = { &loop, -1, 1 };
    for (int i = 0; i < loop.ndim && index->numel > GRAIN; i++)
        if (i != loop.dim && loop.shape[i] > 1 && (r.axis < 0 || loop.shape[i] > loop.shape[r.axis]))
            r.axis = i;
    int64_t pieces = 1;
    if (r.axis >= 0) {
        int64_t least = r.axis == loop.ndim - 1 ? 64 : 1,
                n = loop.shape[r.axis]; /* 64: threads keep to their own lines */
        r.chunk = (n + FREE_PIECES - 1) / FREE_PIECES;
        r.chunk = r.chunk < least ? least : r.chunk;
        pieces = (n + r.chunk - 1) / r.chunk;
    }
    parallel_for(pieces, 1, place_pieces, &r);
}

tp_tensor spread_index(const tp_tensor *index, const tp_tensor *like, int dim)
{
    tp_tensor wide = *index;
    int64_t stride = index->ndim ? index->stride[0] : 0;
    wide.ndim = like->ndim;
    wide.numel = like->numel;
    memcpy(wide.shape, like->shape, sizeof *like->shape * like->ndim);
    for (int i = 0; i < like->ndim; i++)
        wide.stride[i] = i == dim ? stride : 0;
    return wide;
}

/* ---- checks ---------------------------------------------------------------------------------------------------------- */

typedef struct index_scan {
    const kernel_table *kernels;
    const tp_tensor *index; /* without repeats */
    int64_t low, size;
    int64_t row, pieces; /* of the last dim */
    bool wrong;
} index_scan;

static const char *index_row(const tp_tensor *t, int64_t row, int64_t first)
{
    int64_t offset = t->ndim ? first * t->stride[t->ndim - 1] : 0;
    for (int i = t->ndim - 1; i-- > 0; row /= t->shape[i])
        offset += row % t->shape[i] * t->stride[i];
    return tensor_data(t) + offset * (int64_t)tensor_element_size(t);
}

/* The first index out of range in n elements, or NULL. */
static const int64_t *first_wrong(const int64_t *index, int64_t n, int64_t low, int64_t size)
{
    uint64_t any = 0;
    for (int64_t i = 0; i < n; i++)
        any |= (uint64_t)(index[i] - low) | (uint64_t)(size - 1 - index[i]);
    for (int64_t i = 0; (any >> 63) && i < n; i++)
        if (index[i] < low || index[i] >= size)
            return &index[i];
    return NULL;
}

static void scan_pieces(void *context, int64_t begin, int64_t end)
{
    index_scan *s = context;
    const tp_tensor *t = s->index;
    int64_t buffer[BUFFER], stride = t->ndim ? t->stride[t->ndim - 1] : 1;
    for (int64_t p = begin; p < end && !__atomic_load_n(&s->wrong, __ATOMIC_RELAXED); p++) {
        int64_t first = p % s->pieces * BUFFER, n = s->row - first < BUFFER ? s->row - first : BUFFER;
        const void *at = index_row(t, p / s->pieces, first);
        bool plain = t->dtype == TP_I64 && stride == 1;
        if (!plain)
            s->kernels->convert[TP_I64][t->dtype](buffer, 1, at, stride, n);
        if (first_wrong(plain ? at : buffer, n, s->low, s->size))
            __atomic_store_n(&s->wrong, true, __ATOMIC_RELAXED);
    }
}

/* Again, on one thread and from the start, so that the same one is named however many threads there are. */
static int64_t named_wrong(index_scan *s, int64_t pieces)
{
    int64_t buffer[BUFFER], stride = s->index->ndim ? s->index->stride[s->index->ndim - 1] : 1;
    for (int64_t p = 0; p < pieces; p++) {
        int64_t first = p % s->pieces * BUFFER, n = s->row - first < BUFFER ? s->row - first : BUFFER;
        s->kernels->convert[TP_I64][s->index->dtype](buffer, 1, index_row(s->index, p / s->pieces, first),
                                                     stride, n);
        const int64_t *wrong = first_wrong(buffer, n, s->low, s->size);
        if (wrong)
            return *wrong;
    }
    return 0;
}

tp_status check_index_range(const char *op, const tp_tensor *index, int64_t low, int64_t size)
{
    if (tp_dtype_is_float((tp_dtype)index->dtype) || index->dtype == TP_BOOL)
        return tp_fail(TP_ERR_DTYPE, "%s: index is %s, an integer type is wanted", op,
                       tp_dtype_name((tp_dtype)index->dtype));
    if (!tensor_data(index) || index->numel == 0)
        return TP_OK;
    tp_tensor once = *index; /* dims of stride 0 repeat what was seen */
    once.ndim = 0;
    int64_t rows = 1;
    for (int i = 0; i < index->ndim; i++)
        if (index->stride[i] && index->shape[i] > 1) {
            once.shape[once.ndim] = index->shape[i];
            once.stride[once.ndim++] = index->stride[i];
        }
    if (tensor_is_contiguous(index) && once.ndim > 1) {
        once.shape[0] = index->numel;
        once.stride[0] = 1;
        once.ndim = 1;
    }
    for (int i = 0; i < once.ndim - 1; i++)
        rows *= once.shape[i];
    index_scan s = { .kernels = index->storage->device->kernels(), .index = &once, .low = low, .size = size };
    s.row = once.ndim ? once.shape[once.ndim - 1] : 1;
    s.pieces = (s.row + BUFFER - 1) / BUFFER;
    int64_t pieces = rows * s.pieces;
    parallel_for(pieces, rows * s.row <= 4 * GRAIN ? INT64_MAX / 2 : 64, scan_pieces, &s);
    if (!s.wrong)
        return TP_OK;
    return tp_fail(TP_ERR_INDEX, "%s: index %lld is out of range, [%lld, %lld) is wanted", op,
                   (long long)named_wrong(&s, pieces), (long long)low, (long long)size);
}

tp_status check_indices(const char *op, const tp_tensor *index, int64_t size)
{
    return check_index_range(op, index, 0, size);
}

/* ---- negative indices --------------------------------------------------------------------------------------------------- */

typedef struct wrap_attrs {
    const char *op;
    int64_t size;
} wrap_attrs;

static tp_status wrap_infer(tp_call *c)
{
    const wrap_attrs *a = c->attrs;
    if (check_index_range(a->op, c->in[0], -a->size, a->size))
        return tp_error_pending();
    return tp_infer_shape(c, 0, TP_I64, tp_shape_of(c->in[0]));
}

static void wrap_forward(const tp_call *c)
{
    const wrap_attrs *a = c->attrs;
    int64_t *y = (int64_t *)(void *)tensor_data(c->out[0]);
    copy_tensor(c->kernels, c->out[0], c->in[0]);
    for (int64_t i = 0; i < c->out[0]->numel; i++)
        y[i] += y[i] < 0 ? a->size : 0;
}

static const tp_op wrap_index = { .name = "wrap_index",
                                  .inputs = "index",
                                  .n_in = 1,
                                  .attrs_size = sizeof(wrap_attrs),
                                  .not_differentiable = true,
                                  .infer = wrap_infer,
                                  .forward = wrap_forward };

tp_tensor *wrapped_index(const char *op, tp_tensor *index, int64_t size)
{
    return tp_apply(&wrap_index, &index, 1, &(wrap_attrs){ op, size });
}
