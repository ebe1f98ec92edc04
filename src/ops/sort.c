/* sort.c - sorting along a dim, and the first k: sort, argsort, msort, topk.
 *
 * Every sort is stable and puts NaN behind all numbers (in front of them when descending), as PyTorch's; equal
 * elements keep their order, so the result is one, whatever the number of threads.
 * Layer: ops.  Kernels: order, select (kernels.h).  Read next: rows.h, select.c. */
#include "ops/rows.h"

enum { ROW_FOR_ALL_THREADS = 65536 };

typedef struct sort_attrs {
    int64_t dim;
    bool descending, stable;
} sort_attrs;

static tp_status check_dim(const char *op, const tp_tensor *x, int64_t dim)
{
    int d = (int)dim;
    return normalize_dim(op, x->ndim, &d);
}

/* ---- sort ------------------------------------------------------------------------------------------------------------ */

static tp_status sort_infer(tp_call *c)
{
    const sort_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_dim("sort", x, a->dim) || tp_infer_shape(c, 0, (tp_dtype)x->dtype, tp_shape_of(x)) ||
        tp_infer_shape(c, 1, TP_I64, tp_shape_of(x)))
        return tp_error_pending();
    return rows_infer(c, a->dim, order_scratch(x->dtype, row_length(x, a->dim)));
}

static void sort_row(const rows *r, int64_t row, void *bench)
{
    const sort_attrs *a = r->c->attrs;
    const tp_tensor *x = r->c->in[0];
    int64_t bytes = r->n * (int64_t)tensor_element_size(x);
    ((const kernel_table *)r->c->kernels)
        ->order[x->dtype](r->y[0] + row * bytes, (int64_t *)(void *)r->y[1] + row * r->n, r->x + row * bytes,
                          r->n, a->descending, bench);
}

static void sort_forward(const tp_call *c)
{
    const sort_attrs *a = c->attrs;
    int64_t n = row_length(c->in[0], a->dim);
    if (c->in[0]->numel)
        rows_run(c, a->dim, order_scratch(c->in[0]->dtype, n), n >= ROW_FOR_ALL_THREADS, sort_row);
}

/* Values that stood at out[1] along dim, the op's first attribute. */
static void picked_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *zeros = tp_zeros(s->in_shape[0], .dtype = s->in_dtype[0]);
    dx[0] = tp_scatter_add(zeros, (int)*(const int64_t *)s->attrs, s->out[1], dy);
}

const tp_op tp_op_sort = {
    .name = "sort",
    .formula = "x in order along dim, and where each stood; stable, NaN last",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(sort_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(sort_attrs, dim), -1, NULL },
                                { "descending", TP_ATTR_BOOL, offsetof(sort_attrs, descending), 0, NULL },
                                { "stable", TP_ATTR_BOOL, offsetof(sort_attrs, stable), 1, NULL },
                                { 0 } },
    .saves_out = 2,
    .infer = sort_infer,
    .forward = sort_forward,
    .backward = picked_backward,
    .examples = (const tp_example[]){ { "2,7", NULL },
                                      { "5,3,2", &(sort_attrs){ 0, true, true } },
                                      { "4,5@t", &(sort_attrs){ -1, false, true } },
                                      { "9@i4", NULL },
                                      { "s", NULL },
                                      { "0,4", NULL },
                                      { NULL, NULL } },
};

static tp_tensor *two(const tp_op *op, tp_tensor *x, const void *attrs, tp_tensor **second)
{
    tp_tensor *out[2];
    tp_apply_n(op, &x, 1, attrs, out);
    if (second)
        *second = out[1];
    return out[0];
}

tp_tensor *tp_sort(tp_tensor *x, int dim, bool descending, tp_tensor **indices)
{
    return two(&tp_op_sort, x, &(sort_attrs){ dim, descending, true }, indices);
}

static void argsort_compose(tp_call *c)
{
    const sort_attrs *a = c->attrs;
    tp_sort(c->in[0], (int)a->dim, a->descending, &c->out[0]);
}

const tp_op tp_op_argsort = {
    .name = "argsort",
    .formula = "y = where the elements of x in order along dim stood",
    .inputs = "x",
    .n_in = 1,
    .attrs_size = sizeof(sort_attrs),
    .attrs = (const tp_attr[]){ { "dim", TP_ATTR_I64, offsetof(sort_attrs, dim), -1, NULL },
                                { "descending", TP_ATTR_BOOL, offsetof(sort_attrs, descending), 0, NULL },
                                { "stable", TP_ATTR_BOOL, offsetof(sort_attrs, stable), 1, NULL },
                                { 0 } },
    .not_differentiable = true,
    .compose = argsort_compose,
    .examples =
        (const tp_example[]){
            { "2,7", NULL }, { "4,5@t", &(sort_attrs){ 0, true, true } }, { "9@i4", NULL }, { NULL, NULL } },
};

tp_tensor *tp_argsort(tp_tensor *x, int dim, bool descending)
{
    return tp_apply(&tp_op_argsort, &x, 1, &(sort_attrs){ dim, descending, true });
}

static void msort_compose(tp_call *c)
{
    c->out[0] = tp_sort(c->in[0], 0, false, NULL);
}

const tp_op tp_op_msort = {
    .name = "msort",
    .formula = "x in order along dim 0",
    .inputs = "x",
    .n_in = 1,
    .compose = msort_compose,
    .examples = (const tp_example[]){ { "7", NULL }, { "4,5@t", NULL }, { NULL, NULL } },
};

tp_tensor *tp_msort(tp_tensor *x)
{
    return tp_apply(&tp_op_msort, &x, 1, NULL);
}

/* ---- topk -------------------------------------------------------------------------------------------------------------- */

typedef struct topk_attrs {
    int64_t dim, k;
    bool largest, sorted;
} topk_attrs;

/* From here on sorting all of them costs less. */
static bool sorts_all(int64_t n, int64_t k)
{
    return k > n / 4;
}

static size_t topk_bench(const tp_tensor *x, int64_t n, int64_t k)
{
    if (!sorts_all(n, k))
        return select_scratch(x->dtype, n, k);
    return order_scratch(x->dtype, n) + (size_t)n * (8 + tensor_element_size(x)) +
           2 * 64; /* each part at a multiple of 64 */
}

static tp_status topk_infer(tp_call *c)
{
    const topk_attrs *a = c->attrs;
    const tp_tensor *x = c->in[0];
    if (check_dim("topk", x, a->dim))
        return tp_error_pending();
    if (x->dtype == TP_BOOL)
        return tp_fail(TP_ERR_DTYPE, "topk: x is bool, a number type is wanted");
    int64_t n = row_length(x, a->dim);
    if (a->k < 0 || a->k > n)
        return tp_fail(TP_ERR_INDEX, "topk: k %lld of the %lld elements in dim %lld of %s", (long long)a->k,
                       (long long)n, (long long)a->dim, tensor_shape_text(x));
    tp_shape shape = tp_shape_of(x);
    if (x->ndim)
        shape.dim[a->dim < 0 ? a->dim + x->ndim : a->dim] = a->k;
    if (tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape) || tp_infer_shape(c, 1, TP_I64, shape))
        return tp_error_pending();
    return rows_infer(c, a->dim, topk_bench(x, n, a->k));
}

static void topk_row(const rows *r, int64_t row, void *bench)
{
    const topk_attrs *a = r->c->attrs;
    const kernel_table *kernels = r->c->kernels;
    const tp_tensor *x = r->c->in[0];
    const int64_t size = (int64_t)tensor_element_size(x), k = r->m[0];
    char *y = r->y[0] + row * k * size;
    int64_t *index = (int64_t *)(void *)r->y[1] + row * k;
    const char *from = r->x + row * r->n * size;
    if (!sorts_all(r->n, k)) {
        kernels->select[x->dtype](y, index, from, r->n, k, a->largest, bench);
        return;
    }
    int64_t *all = bench;
    char *values = (char *)bench + (r->n * 8 + 63) / 64 * 64, *rest = values + (r->n * size + 63) / 64 * 64;
    kernels->order[x->dtype](values, all, from, r->n, a->largest, rest);
    for (int64_t i = 0; i < k; i++)
        index[i] = all[i];
    kernels->convert[x->dtype][x->dtype](y, 1, values, 1, k);
}

static void topk_forward(const tp_call *c)
{
    const topk_attrs *a = c->attrs;
    int64_t n = row_length(c->in[0], a->dim);
    if (c->out[0]->numel)
        rows_run(c, a->dim, topk_bench(c->in[0], n, a->k), n >= ROW_FOR_ALL_THREADS, topk_row);
}

const tp_op tp_op_topk = {
    .name = "topk",
    .formula = "the k largest x along dim, or smallest, in order, and where they stood",
    .inputs = "x",
    .n_in = 1,
    .n_out = 2,
    .attrs_size = sizeof(topk_attrs),
    .attrs = (const tp_attr[]){ { "k", TP_ATTR_I64, offsetof(topk_attrs, k), TP_REQUIRED, NULL },
                                { "dim", TP_ATTR_I64, offsetof(topk_attrs, dim), -1, NULL },
                                { "largest", TP_ATTR_BOOL, offsetof(topk_attrs, largest), 1, NULL },
                                { "sorted", TP_ATTR_BOOL, offsetof(topk_attrs, sorted), 1, NULL },
                                { 0 } },
    .saves_out = 2,
    .infer = topk_infer,
    .forward = topk_forward,
    .backward = picked_backward,
    .examples = (const tp_example[]){ { "2,17", &(topk_attrs){ -1, 3, true, true } },
                                      { "5,3,2", &(topk_attrs){ 0, 4, false, true } },
                                      { "4,15@t", &(topk_attrs){ 1, 1, true, true } },
                                      { "9@i4", &(topk_attrs){ 0, 2, true, true } },
                                      { "3,4", &(topk_attrs){ 1, 0, true, true } },
                                      { "s", &(topk_attrs){ 0, 1, true, true } },
                                      { NULL, NULL } },
};

tp_tensor *tp_topk(tp_tensor *x, int64_t k, int dim, bool largest, tp_tensor **indices)
{
    return two(&tp_op_topk, x, &(topk_attrs){ dim, k, largest, true }, indices);
}
