/* matmul.c - products of matrices and vectors: matmul (batched, broadcast), mm, bmm, mv, dot.
 *
 * C = A B.  Strides go to the kernel as they are, so a transpose costs nothing and a repeated operand no memory.  Dims over
 * which B repeats become rows of A; what is left of the batch is shared out over threads.  Half types are computed in f32,
 * integers in i64, through copies in scratch.  Two gradients of a product are products: dA = dC B^T, dB = A^T dC.
 * Layer: ops.  Kernels: gemm (kernels.h).  Read next: linear.c, einsum.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <string.h>

enum { A, B, Y };

typedef struct plan {
    gemm_args g;      /* one product, its data not set */
    kernel_type type; /* computed in */
    int ndim;         /* dims of the batch */
    int64_t shape[TP_MAX_DIMS], stride[3][TP_MAX_DIMS];
    int64_t batches;
    size_t bytes[3]; /* of the copies in the computing type; 0: none */
    size_t gemm_bytes;
    int threads;  /* that share the batch; each has gemm_bytes */
    bool swapped; /* the kernel's A is the operand B */
} plan;

/* ---- what goes together --------------------------------------------------------------------------------------- */

enum { MATMUL, MM, BMM, MV, DOT };

static const struct {
    int a, b; /* dims; 0: any */
    const char *wanted;
} kinds[] = {
    [MATMUL] = { 0, 0, "(..., M, K) and (..., K, N) with batch dims that broadcast are wanted" },
    [MM] = { 2, 2, "(M, K) and (K, N) are wanted" },
    [BMM] = { 3, 3, "(B, M, K) and (B, K, N) are wanted" },
    [MV] = { 2, 1, "(M, K) and (K,) are wanted" },
    [DOT] = { 1, 1, "two vectors of one size are wanted" },
};

static tp_status check_types(const char *op, const tp_tensor *a, const tp_tensor *b)
{
    if (a->dtype == b->dtype && a->dtype != TP_BOOL)
        return TP_OK;
    return tp_fail(TP_ERR_DTYPE, "%s: %s and %s; two of one dtype, not bool, are wanted", op,
                   tp_dtype_name((tp_dtype)a->dtype), tp_dtype_name((tp_dtype)b->dtype));
}

static int64_t rows_of(const tp_tensor *a)
{
    return a->ndim > 1 ? a->shape[a->ndim - 2] : 1;
}

static int64_t inner_of(const tp_tensor *b) /* K, as the right operand has it */
{
    return b->shape[b->ndim > 1 ? b->ndim - 2 : 0];
}

static int64_t cols_of(const tp_tensor *b)
{
    return b->ndim > 1 ? b->shape[b->ndim - 1] : 1;
}

/* The batch dims of the result; false where they do not broadcast. */
static bool batch_shape(const tp_tensor *a, const tp_tensor *b, tp_shape *shape)
{
    int na = a->ndim > 2 ? a->ndim - 2 : 0, nb = b->ndim > 2 ? b->ndim - 2 : 0;
    shape->ndim = na > nb ? na : nb;
    for (int k = 1; k <= shape->ndim; k++) {
        int64_t sa = k <= na ? a->shape[na - k] : 1, sb = k <= nb ? b->shape[nb - k] : 1;
        if (sa != sb && sa != 1 && sb != 1)
            return false;
        shape->dim[shape->ndim - k] = sa == 1 ? sb : sa;
    }
    return true;
}

static bool fits(const tp_call *c, tp_shape *shape)
{
    const tp_tensor *a = c->in[A], *b = c->in[B];
    int na = kinds[c->op->tag].a, nb = kinds[c->op->tag].b;
    if (!a->ndim || !b->ndim || (na && na != a->ndim) || (nb && nb != b->ndim) ||
        a->shape[a->ndim - 1] != inner_of(b) || !batch_shape(a, b, shape))
        return false;
    return na < 3 || a->shape[0] == b->shape[0];
}

/* ---- the plan --------------------------------------------------------------------------------------------------- */

/* Strides of the matrices and of the batch, as they are or as the copy in scratch has them. */
static void lay_out(plan *p, const tp_tensor *t, int which, bool matrix, int64_t *row, int64_t *col)
{
    int64_t packed[TP_MAX_DIMS], size = 1;
    const int64_t *stride = t->stride;
    int own = t->ndim, last = which == A || matrix ? own - 1 : own, batch;
    p->bytes[which] = 0;
    if (t->dtype != dtype_of_kernel(p->type)) {
        for (int i = own; i-- > 0; size *= t->shape[i])
            packed[i] = size;
        stride = packed;
        p->bytes[which] = converted_bytes(t, dtype_of_kernel(p->type));
    }
    *col = last < own ? stride[last] : 1;
    if (which == A && !matrix) /* a vector on the left is a row */
        *row = 0, batch = own - 1;
    else
        *row = stride[last - 1], batch = last - 1;
    for (int i = 0; i < p->ndim; i++) {
        int at = batch - p->ndim + i;
        p->stride[which][i] = at < 0 || t->shape[at] == 1 ? 0 : stride[at];
    }
}

static void drop_dim(plan *p, int dim)
{
    p->ndim--;
    for (int i = dim; i < p->ndim; i++) {
        p->shape[i] = p->shape[i + 1];
        for (int k = 0; k < 3; k++)
            p->stride[k][i] = p->stride[k][i + 1];
    }
}

static void simplify(plan *p)
{
    gemm_args *g = &p->g;
    for (int i = p->ndim; i-- > 0;)
        if (p->shape[i] == 1)
            drop_dim(p, i);
    for (int last; (last = p->ndim - 1) >= 0 && p->stride[B][last] == 0; p->ndim--) {
        if (g->m == 1) {
            g->a_row = p->stride[A][last];
            g->c_row = p->stride[Y][last];
        } else if (p->stride[A][last] != g->m * g->a_row || p->stride[Y][last] != g->m * g->c_row)
            break;
        g->m *= p->shape[last];
    }
    p->swapped = g->n == 1 && g->c_row == 1 && g->a_row == 1 && g->a_col != 1;
    if (p->swapped) /* the columns of A are adjacent: A x = (x^T A^T)^T */
        *g = (gemm_args){
            .m = 1, .n = g->m, .k = g->k, .a_col = g->b_row, .b_row = g->a_col, .b_col = 1, .c_row = g->m
        };
}

enum { ALONE_WORK = 1 << 21 }; /* multiply-adds from which a product fills the threads by itself */

static void choose_threads(plan *p)
{
    double work = (double)p->g.m * (double)p->g.n * (double)p->g.k;
    p->threads = 1;
    if (p->batches > 1 && work < ALONE_WORK && work * (double)p->batches > 1 << 16)
        p->threads = parallel_threads();
}

static void plan_product(plan *p, const kernel_table *kernels, const tp_tensor *a, const tp_tensor *b,
                         const tp_tensor *y)
{
    bool row_dim = a->ndim > 1, col_dim = b->ndim > 1;
    p->type = kernel_type_of((tp_dtype)y->dtype);
    p->g = (gemm_args){ .m = rows_of(a), .n = cols_of(b), .k = inner_of(b) };
    p->g.c_row = p->g.n;
    p->ndim = y->ndim - row_dim - col_dim;
    memcpy(p->shape, y->shape, sizeof *p->shape * (size_t)p->ndim);
    memcpy(p->stride[Y], y->stride, sizeof *p->shape * (size_t)p->ndim);
    lay_out(p, a, A, row_dim, &p->g.a_row, &p->g.a_col);
    lay_out(p, b, B, col_dim, &p->g.b_row, &p->g.b_col);
    p->bytes[Y] = y->dtype == dtype_of_kernel(p->type) ? 0 : converted_bytes(y, dtype_of_kernel(p->type));
    simplify(p);
    p->batches = 1;
    for (int i = 0; i < p->ndim; i++)
        p->batches *= p->shape[i];
    p->gemm_bytes = (kernels->gemm_scratch[p->type](&p->g) + 63) / 64 * 64;
    choose_threads(p);
}

/* ---- running it --------------------------------------------------------------------------------------------------- */

typedef struct run {
    const plan *p;
    const kernel_table *kernels;
    const char *data[3];
    char *scratch;
} run;

static void run_batches(void *context, int64_t begin, int64_t end)
{
    const run *r = context;
    const plan *p = r->p;
    int64_t at[TP_MAX_DIMS], offset[3] = { 0 }, size = (int64_t)tp_dtype_size(dtype_of_kernel(p->type));
    int left = p->swapped ? B : A, right = p->swapped ? A : B;
    int64_t rest = begin;
    for (int i = p->ndim; i-- > 0; rest /= p->shape[i]) {
        at[i] = rest % p->shape[i];
        for (int k = 0; k < 3; k++)
            offset[k] += at[i] * p->stride[k][i];
    }
    gemm_args g = p->g;
    g.scratch = r->scratch;
    g.scratch_bytes = p->gemm_bytes;
    if (p->threads > 1 && p->gemm_bytes)
        g.scratch = r->scratch + (size_t)parallel_thread() * p->gemm_bytes;
    for (int64_t n = begin; n < end; n++) {
        g.a = r->data[left] + offset[left] * size;
        g.b = r->data[right] + offset[right] * size;
        g.c = (char *)(uintptr_t)r->data[Y] + offset[Y] * size;
        r->kernels->gemm[p->type](&g);
        for (int i = p->ndim; i-- > 0;) {
            for (int k = 0; k < 3; k++)
                offset[k] += p->stride[k][i];
            if (++at[i] < p->shape[i])
                break;
            for (int k = 0; k < 3; k++)
                offset[k] -= p->stride[k][i] * p->shape[i];
            at[i] = 0;
        }
    }
}

static tp_status matmul_infer(tp_call *c)
{
    const tp_tensor *a = c->in[A], *b = c->in[B];
    tp_shape shape;
    plan p;
    if (check_types(c->op->name, a, b))
        return tp_error_pending();
    if (!fits(c, &shape))
        return tp_fail(TP_ERR_SHAPE, "%s: %s and %s: %s", c->op->name, tensor_shape_text(a),
                       tensor_shape_text(b), kinds[c->op->tag].wanted);
    if (a->ndim > 1)
        shape.dim[shape.ndim++] = rows_of(a);
    if (b->ndim > 1)
        shape.dim[shape.ndim++] = cols_of(b);
    if (tp_infer_shape(c, 0, (tp_dtype)a->dtype, shape))
        return tp_error_pending();
    plan_product(&p, product_kernels(c), a, b, c->out[0]);
    c->scratch_bytes = p.bytes[A] + p.bytes[B] + p.bytes[Y] + p.gemm_bytes * (size_t)p.threads;
    return TP_OK;
}

static void matmul_forward(const tp_call *c)
{
    const tp_tensor *y = c->out[0];
    plan p;
    run r = { .p = &p, .kernels = product_kernels(c) };
    if (!y->numel)
        return;
    plan_product(&p, r.kernels, c->in[A], c->in[B], y);
    char *scratch = c->scratch;
    for (int k = 0; k < 3; k++) {
        const tp_tensor *t = k == Y ? y : c->in[k];
        r.data[k] = !p.bytes[k] ? tensor_data(t)
                    : k == Y    ? scratch
                                : converted(c, t, dtype_of_kernel(p.type), &scratch);
    }
    r.scratch = p.bytes[Y] ? scratch + p.bytes[Y] : scratch;
    double work = (double)p.g.m * (double)p.g.n * (double)p.g.k;
    int64_t grain = p.threads > 1 ? (int64_t)((1 << 17) / (work + 256)) + 1 : INT64_MAX / 2;
    parallel_for(p.batches, grain, run_batches, &r);
    if (p.bytes[Y]) /* contiguous on both sides */
        r.kernels->convert[y->dtype][dtype_of_kernel(p.type)](tensor_data(y), 1, r.data[Y], 1, y->numel);
}

/* Batch and rows as the rows of one tall matrix. */
static tp_tensor *tall(tp_tensor *x)
{
    return tp_ndim(x) > 2 ? tp_flatten(x, 0, -2) : x;
}

static void matmul_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *a = s->in[A], *b = s->in[B];
    bool row = s->in_shape[A].ndim == 1, column = s->in_shape[B].ndim == 1;
    if (column)
        dy = tp_unsqueeze(dy, -1);
    if (row)
        dy = tp_unsqueeze(dy, -2);
    if (s->needs[A]) {
        dx[A] = column ? tp_matmul(dy, tp_unsqueeze(b, 0)) : tp_matmul(dy, tp_transpose(b, -2, -1));
        if (row)
            dx[A] = tp_squeeze(dx[A], -2);
    }
    if (s->needs[B]) {
        if (row)
            a = tp_unsqueeze(a, 0);
        if (s->in_shape[B].ndim <= 2 && tp_ndim(a) > 2) /* the sum over the batch is a part of the product */
            a = tall(a), dy = tall(dy);
        dx[B] = tp_matmul(tp_transpose(a, -2, -1), dy);
        if (column)
            dx[B] = tp_squeeze(dx[B], -1);
    }
}

static double matmul_cost(const tp_call *c)
{
    const tp_tensor *a = c->in[A];
    return 2.0 * (double)c->out[0]->numel * (double)a->shape[a->ndim - 1];
}

#define PRODUCT(op, KIND, text, ...)                                    \
    const tp_op tp_op_##op = {                                          \
        .name = #op,                                                    \
        .formula = text,                                                \
        .inputs = "x y",                                                \
        .n_in = 2,                                                      \
        .saves_for_others = 3,                                          \
        .infer = matmul_infer,                                          \
        .forward = matmul_forward,                                      \
        .backward = matmul_backward,                                    \
        .cost = matmul_cost,                                            \
        OP_EXAMPLES(__VA_ARGS__),                                       \
        .tag = KIND,                                                    \
    };                                                                  \
    tp_tensor *tp_##op(tp_tensor *x, tp_tensor *y)                      \
    {                                                                   \
        return tp_apply(&tp_op_##op, (tp_tensor *[]){ x, y }, 2, NULL); \
    }

PRODUCT(matmul, MATMUL, "z[..., i, j] = sum over k of x[..., i, k] y[..., k, j]", { "2,3 3,4", NULL },
        { "5,7@t 7,3@t", NULL }, { "2,1,3,4 5,4,2", NULL }, { "1,9 9,1", NULL }, { "0,3 3,2", NULL },
        { "2,0 0,3", NULL }, { "2,3,4 4,5", NULL }, { "3 3", NULL }, { "3 2,3,5", NULL }, { "2,3,4 4", NULL },
        { "5,4@t 4", NULL }, { "3,2,2@i9 2,4@i9", NULL })
PRODUCT(mm, MM, "z = x y", { "3,4 4,5", NULL }, { "17,9@t 9,2", NULL }, { "2,3@i9 3,2@i9", NULL })
PRODUCT(bmm, BMM, "z[b] = x[b] y[b]", { "3,2,4 3,4,5", NULL }, { "2,3,5@t 2,5,3@t", NULL },
        { "0,2,3 0,3,1", NULL })
PRODUCT(mv, MV, "z_i = sum over k of x_ik y_k", { "3,5 5", NULL }, { "4,7@t 7", NULL }, { "2,0 0", NULL })
PRODUCT(dot, DOT, "z = sum over k of x_k y_k", { "7 7", NULL }, { "0 0", NULL }, { "5@i9 5@i9", NULL })
