/* map.c - the element-wise loop.
 *
 * The dims are ordered by operand 0's strides and merged where every operand allows it, so most work ends as one long
 * row.  Rows are cut into blocks; blocks are shared out over threads.
 * Layer: ops.  Depends on core, kernels.  Read next: map.h, unary.c. */
#include "ops/map.h"

#include "base/parallel.h"

#include <string.h>

enum {
    BLOCK = 512,         /* elements that pass through a buffer at once */
    DIRECT_BLOCK = 8192, /* elements of one kernel call when no buffer is needed */
    GRAIN = 32768,       /* elements below which threads cost more than they bring */
};

kernel_type kernel_type_of(tp_dtype d)
{
    return d == TP_F64 ? KT_F64 : tp_dtype_is_float(d) ? KT_F32 : KT_I64;
}

tp_dtype dtype_of_kernel(kernel_type t)
{
    return t == KT_F32 ? TP_F32 : t == KT_F64 ? TP_F64 : TP_I64;
}

/* ---- the shape of the loop ---------------------------------------------------------------------------------- */

static int64_t magnitude(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

/* Outer dims first: by operand 0's stride, then by operand 1's where operand 0 says nothing. */
static bool is_outer(const map *m, int a, int b)
{
    for (int k = 0; k < m->n; k++)
        if (m->stride[k][a] != m->stride[k][b])
            return magnitude(m->stride[k][a]) > magnitude(m->stride[k][b]);
    return false;
}

void map_swap_dims(map *m, int a, int b)
{
    int64_t t = m->shape[a];
    m->shape[a] = m->shape[b], m->shape[b] = t;
    for (int k = 0; k < m->n; k++)
        t = m->stride[k][a], m->stride[k][a] = m->stride[k][b], m->stride[k][b] = t;
}

static bool can_merge(const map *m, int outer, int inner)
{
    for (int k = 0; k < m->n; k++)
        if (m->stride[k][outer] != m->stride[k][inner] * m->shape[inner])
            return false;
    return true;
}

static void copy_dim(map *m, int to, int from)
{
    m->shape[to] = m->shape[from];
    for (int k = 0; k < m->n; k++)
        m->stride[k][to] = m->stride[k][from];
}

void map_simplify(map *m)
{
    int n = 0;
    for (int i = 0; i < m->ndim; i++) /* sizes of 1 are no dims */
        if (m->shape[i] != 1)
            copy_dim(m, n++, i);
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && is_outer(m, j, j - 1); j--)
            map_swap_dims(m, j, j - 1);
    int last = 0;
    for (int i = 1; i < n; i++)
        if (can_merge(m, last, i)) {
            int64_t size = m->shape[last] * m->shape[i];
            copy_dim(m, last, i);
            m->shape[last] = size;
        } else
            copy_dim(m, ++last, i);
    m->ndim = n ? last + 1 : 0;
    if (!n) { /* a single element */
        m->ndim = 1;
        m->shape[0] = 1;
        for (int k = 0; k < m->n; k++)
            m->stride[k][0] = 1;
    }
}

void map_tensors(map *m, const kernel_table *kernels, const tp_tensor *y, const tp_tensor *const *in,
                 int n_in)
{
    m->n = n_in + 1;
    m->ndim = y->ndim;
    m->kernels = kernels;
    m->no_repeat = false;
    memcpy(m->shape, y->shape, sizeof *m->shape * y->ndim);
    for (int k = 0; k < m->n; k++) {
        const tp_tensor *t = k ? in[k - 1] : y;
        m->data[k] = tensor_data(t);
        m->stored[k] = t->dtype;
        int pad = y->ndim - t->ndim;
        for (int i = 0; i < y->ndim; i++)
            m->stride[k][i] = i < pad || t->shape[i - pad] == 1 ? 0 : t->stride[i - pad];
    }
}

/* ---- running it ------------------------------------------------------------------------------------------------ */

typedef struct run {
    const map *m;
    int64_t row_length, block, blocks_per_row;
    size_t size[MAP_OPERANDS], computed_size[MAP_OPERANDS];
    bool buffered[MAP_OPERANDS];
} run;

static void run_block(const run *r, char *const *row, int64_t begin, int64_t n)
{
    const map *m = r->m;
    const int inner = m->ndim - 1;
    char buffer[MAP_OPERANDS][BLOCK * 8] __attribute__((aligned(64)));
    void *ptr[MAP_OPERANDS];
    int64_t step[MAP_OPERANDS];
    for (int k = 0; k < m->n; k++) {
        int64_t s = m->stride[k][inner];
        char *at = row[k] + begin * s * (int64_t)r->size[k];
        step[k] = s == 0 && k > 0 && !m->no_repeat ? 0 : 1;
        ptr[k] = r->buffered[k] ? buffer[k] : at;
        if (k > 0 && r->buffered[k])
            m->kernels->convert[m->computed[k]][m->stored[k]](buffer[k], 1, at, s, step[k] ? n : 1);
    }
    m->body(m->context, ptr, step, n);
    if (r->buffered[0])
        m->kernels->convert[m->stored[0]][m->computed[0]](row[0] + begin * m->stride[0][inner] *
                                                                       (int64_t)r->size[0],
                                                          m->stride[0][inner], buffer[0], 1, n);
}

static void run_blocks(void *context, int64_t begin, int64_t end)
{
    const run *r = context;
    const map *m = r->m;
    int64_t index[TP_MAX_DIMS] = { 0 };
    char *row[MAP_OPERANDS];
    int64_t rest = begin / r->blocks_per_row, block = begin % r->blocks_per_row;
    for (int k = 0; k < m->n; k++)
        row[k] = m->data[k];
    for (int i = m->ndim - 2; i >= 0; i--) {
        index[i] = rest % m->shape[i];
        rest /= m->shape[i];
        for (int k = 0; k < m->n; k++)
            row[k] += index[i] * m->stride[k][i] * (int64_t)r->size[k];
    }
    for (int64_t b = begin; b < end; b++) {
        int64_t at = block * r->block, n = r->row_length - at;
        run_block(r, row, at, n < r->block ? n : r->block);
        if (++block < r->blocks_per_row)
            continue;
        block = 0;
        for (int i = m->ndim - 2; i >= 0; i--) { /* the next row */
            for (int k = 0; k < m->n; k++)
                row[k] += m->stride[k][i] * (int64_t)r->size[k];
            if (++index[i] < m->shape[i])
                break;
            index[i] = 0;
            for (int k = 0; k < m->n; k++)
                row[k] -= m->shape[i] * m->stride[k][i] * (int64_t)r->size[k];
        }
    }
}

void map_run(map *m)
{
    run r = { .m = m };
    bool buffers = false;
    map_simplify(m);
    int inner = m->ndim - 1;
    int64_t rows = 1;
    for (int i = 0; i < inner; i++)
        rows *= m->shape[i];
    r.row_length = m->shape[inner];
    if (rows * r.row_length == 0)
        return;
    for (int k = 0; k < m->n; k++) {
        int64_t s = m->stride[k][inner];
        r.size[k] = tp_dtype_size(m->stored[k]);
        r.buffered[k] = m->stored[k] != m->computed[k] || (s != 1 && (s != 0 || k == 0 || m->no_repeat));
        buffers |= r.buffered[k];
    }
    r.block = buffers ? BLOCK : DIRECT_BLOCK;
    r.blocks_per_row = (r.row_length + r.block - 1) / r.block;
    int64_t elements = r.row_length < r.block ? r.row_length : r.block;
    parallel_for(rows * r.blocks_per_row,
                 rows * r.row_length <= GRAIN ? INT64_MAX / 2 : (GRAIN / 4 + elements - 1) / elements,
                 run_blocks, &r);
}

/* ---- forwards --------------------------------------------------------------------------------------------------- */

typedef struct unary_context {
    unary_fn *f;
    const double *parameters;
} unary_context;

static void unary_body(const void *context, void *const *ptr, const int64_t *step, int64_t n)
{
    (void)step;
    const unary_context *u = context;
    u->f(ptr[0], ptr[1], n, u->parameters);
}

void unary_forward_with(const tp_call *c, unary_kernel kernel, const double *parameters)
{
    const tp_tensor *x = c->in[0], *y = c->out[0];
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(y->dtype);
    unary_context u = { kernels->unary[kernel][type], parameters };
    if (x->dtype == y->dtype && x->dtype == dtype_of_kernel(type) && y->numel <= DIRECT_BLOCK &&
        tensor_is_contiguous(x) && tensor_is_contiguous(y)) { /* small and plain: no loop to set up */
        u.f(tensor_data(y), tensor_data(x), y->numel, parameters);
        return;
    }
    map m = { .body = unary_body, .context = &u };
    map_tensors(&m, kernels, y, &x, 1);
    m.computed[0] = m.computed[1] = dtype_of_kernel(type);
    m.no_repeat = true;
    map_run(&m);
}

void map_binary(const void *context, void *const *ptr, const int64_t *step, int64_t n)
{
    (*(binary_fn *const *)context)(ptr[0], ptr[1], step[1], ptr[2], step[2], n);
}

static void binary_with(const tp_call *c, binary_fn *f, tp_dtype in, tp_dtype out)
{
    const tp_tensor *a = c->in[0], *b = c->in[1], *y = c->out[0];
    if (a->dtype == in && b->dtype == in && y->dtype == out && y->numel <= DIRECT_BLOCK &&
        tensor_same_shape(a, b) && tensor_is_contiguous(a) && tensor_is_contiguous(b) &&
        tensor_is_contiguous(y)) {
        f(tensor_data(y), tensor_data(a), 1, tensor_data(b), 1, y->numel);
        return;
    }
    map m = { .body = map_binary, .context = &f };
    map_tensors(&m, c->kernels, y, (const tp_tensor *[]){ a, b }, 2);
    m.computed[0] = out;
    m.computed[1] = m.computed[2] = in;
    map_run(&m);
}

void binary_forward_with(const tp_call *c, binary_kernel kernel)
{
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(c->out[0]->dtype);
    binary_with(c, kernels->binary[kernel][type], dtype_of_kernel(type), dtype_of_kernel(type));
}

void binary_forward(const tp_call *c)
{
    binary_forward_with(c, (binary_kernel)c->op->tag);
}

void compare_forward(const tp_call *c)
{
    const kernel_table *kernels = c->kernels;
    kernel_type type = kernel_type_of(call_promoted(c));
    binary_with(c, kernels->compare[c->op->tag][type], dtype_of_kernel(type), TP_BOOL);
}
