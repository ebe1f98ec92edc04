/* linear_cross_entropy.c - the last product of a language model and its loss in one, a block of rows at a time, so that the logits of a
 * whole batch never exist (Wijmans et al. 2024).
 *
 * Where gradients are wanted they are made on the way, as the block's logits are at hand: the backward pass has nothing left to do but to
 * multiply them by the loss's own gradient.
 * Layer: ops.  Kernels: gemm, softmax (kernels.h).  Read next: cross_entropy.c, linear.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

typedef struct block_attrs {
    int64_t ignore_index;
    bool dx, dweight, dbias; /* wanted */
} block_attrs;

enum { L_X, L_WEIGHT, L_TARGET, L_BIAS, L_INPUTS };
enum { L_LOSS, L_DX, L_DWEIGHT, L_DBIAS, L_CORRECT, L_OUTPUTS };
/* 52 MB of f32: of 50,257 classes 260 rows, with which the products are as fast as those of all rows at once; half as many took a quarter
 * longer, as each block packs the weight again. */
enum { BLOCK_NUMBERS = 13 << 20, LEAST_ROWS = 16, ROW_NUMBERS = 1 << 11 /* a piece of work */ };

typedef struct block_run {
    const tp_call *c;
    const block_attrs *attrs;
    int64_t rows, d, v, block, size, counted;
    kernel_type type;
    const char *x, *weight, *bias; /* bias: or NULL */
    char *logits, *dbias;
    double *losses; /* of each row */
    bool *right;    /* of each row: its largest logit, the first of equals, is the target's */
    const int64_t *target;
    int64_t first, n; /* the block at hand */
} block_run;

static block_run sizes_of(const tp_call *c)
{
    const tp_tensor *x = c->in[L_X], *weight = c->in[L_WEIGHT];
    block_run r = { .c = c,
                    .attrs = c->attrs,
                    .rows = x->shape[0],
                    .d = x->shape[1],
                    .v = weight->shape[0],
                    .size = (int64_t)tensor_element_size(x),
                    .type = kernel_type_of((tp_dtype)x->dtype) };
    r.block = BLOCK_NUMBERS / (r.v + 1);
    r.block = r.block < LEAST_ROWS ? LEAST_ROWS : r.block;
    const int64_t blocks = (r.rows + r.block - 1) / r.block; /* of like size */
    r.block = blocks ? (r.rows + blocks - 1) / blocks : 0;
    return r;
}

/* ---- the three products of a block -------------------------------------------------------------------------------------- */

typedef enum product { LOGITS, DX, DWEIGHT, PRODUCTS } product;

static gemm_args product_of(const block_run *r, product which, int64_t n)
{
    switch (which) {
    case LOGITS:
        return (gemm_args){
            .m = n, .n = r->v, .k = r->d, .a_row = r->d, .a_col = 1, .b_row = 1, .b_col = r->d, .c_row = r->v
        };
    case DX:
        return (gemm_args){
            .m = n, .n = r->d, .k = r->v, .a_row = r->v, .a_col = 1, .b_row = r->d, .b_col = 1, .c_row = r->d
        };
    default:
        return (gemm_args){
            .m = r->v, .n = r->d, .k = n, .a_row = 1, .a_col = r->v, .b_row = r->d, .b_col = 1, .c_row = r->d
        };
    }
}

static size_t products_scratch(const block_run *r)
{
    const kernel_table *kernels = r->c->kernels;
    size_t most = 0;
    for (product i = LOGITS; i < PRODUCTS; i++)
        for (int rest = 0; rest < 2; rest++) { /* the last block is smaller */
            gemm_args g = product_of(r, i, rest && r->block ? r->rows % r->block : r->block);
            const size_t bytes = kernels->gemm_scratch[r->type](&g);
            most = bytes > most ? bytes : most;
        }
    return (most + 63) / 64 * 64;
}

static void multiply(const block_run *r, product which, const void *a, const void *b, void *out,
                     bool accumulate, char *scratch, size_t bytes)
{
    gemm_args g = product_of(r, which, r->n);
    g.a = a, g.b = b, g.c = out, g.accumulate = accumulate;
    g.bias = which == LOGITS ? r->bias : NULL;
    g.scratch = scratch, g.scratch_bytes = bytes;
    ((const kernel_table *)r->c->kernels)->gemm[r->type](&g);
}

/* ---- loss of each row, and the gradient of the mean by its logits in their place ------------------------------------------------- */

static double number_at(const block_run *r, const char *p)
{
    return r->type == KT_F64 ? *(const double *)(const void *)p : (double)*(const float *)(const void *)p;
}

static void set_number(const block_run *r, char *p, double x)
{
    if (r->type == KT_F64)
        *(double *)(void *)p = x;
    else
        *(float *)(void *)p = (float)x;
}

static void loss_rows(void *context, int64_t begin, int64_t end)
{
    const block_run *r = context;
    const kernel_table *kernels = r->c->kernels;
    const bool backward = r->attrs->dx || r->attrs->dweight || r->attrs->dbias;
    for (int64_t i = begin; i < end; i++) {
        char *row = r->logits + i * r->v * r->size, share[8];
        const int64_t target = r->target[r->first + i];
        r->losses[r->first + i] = 0;
        r->right[r->first + i] = false;
        if (target == r->attrs->ignore_index) {
            memset(row, 0, (size_t)(r->v * r->size));
            continue;
        }
        const int64_t top = kernels->argmax[r->type](row, r->v, 1);
        r->right[r->first + i] = top == target;
        const double above = number_at(r, row + top * r->size) - number_at(r, row + target * r->size);
        kernels->softmax[r->type].rows[0](row, row, r->v); /* the largest share is 1 over the sum of all */
        r->losses[r->first + i] = above - log(number_at(r, row + top * r->size));
        if (!backward)
            continue;
        set_number(r, row + target * r->size, number_at(r, row + target * r->size) - 1);
        set_number(r, share, 1 / (double)r->counted);
        kernels->binary[KERNEL_MUL][r->type](row, row, 1, share, 0, r->v);
    }
}

/* The block's part of the bias's gradient: the rows' sum. */
static void add_bias_gradient(void *context, int64_t begin, int64_t end)
{
    const block_run *r = context;
    const kernel_table *kernels = r->c->kernels;
    char *to = r->dbias + begin * r->size;
    for (int64_t i = 0; i < r->n; i++)
        kernels->binary[KERNEL_ADD][r->type](to, to, 1, r->logits + (i * r->v + begin) * r->size, 1,
                                             end - begin);
}

/* ---- the operation ---------------------------------------------------------------------------------------------------------- */

static tp_status block_infer(tp_call *c)
{
    const block_attrs *a = c->attrs;
    const tp_tensor *x = c->in[L_X], *weight = c->in[L_WEIGHT], *target = c->in[L_TARGET],
                    *bias = c->in[L_BIAS];
    if ((x->dtype != TP_F32 && x->dtype != TP_F64) || weight->dtype != x->dtype || target->dtype != TP_I64)
        return tp_fail(TP_ERR_DTYPE,
                       "linear_cross_entropy: %s, weight %s, target %s: f32 or f64 twice and i64 are wanted",
                       tp_dtype_name((tp_dtype)x->dtype), tp_dtype_name((tp_dtype)weight->dtype),
                       tp_dtype_name((tp_dtype)target->dtype));
    if (x->ndim != 2 || weight->ndim != 2 || target->ndim != 1 || x->shape[1] != weight->shape[1] ||
        target->shape[0] != x->shape[0] || weight->shape[0] < 1)
        return tp_fail(TP_ERR_SHAPE,
                       "linear_cross_entropy: %s, weight %s, target %s: (N, D), (C, D) and (N,) are wanted",
                       tensor_shape_text(x), tensor_shape_text(weight), tensor_shape_text(target));
    if (bias && (bias->dtype != x->dtype || bias->ndim != 1 || bias->shape[0] != weight->shape[0]))
        return tp_fail(TP_ERR_SHAPE, "linear_cross_entropy: bias %s %s, weight %s wants %s (C,)",
                       tp_dtype_name((tp_dtype)bias->dtype), tensor_shape_text(bias),
                       tensor_shape_text(weight), tp_dtype_name((tp_dtype)x->dtype));
    const int64_t *t = (const int64_t *)(const void *)tensor_data(target);
    for (int64_t i = 0; t && i < target->shape[0]; i++) {
        const int64_t index = t[i * target->stride[0]];
        if (index != a->ignore_index && (index < 0 || index >= weight->shape[0]))
            return tp_fail(TP_ERR_INDEX,
                           "linear_cross_entropy: target: index %lld is out of range, [0, %lld) is wanted",
                           (long long)index, (long long)weight->shape[0]);
    }
    const tp_dtype dtype = (tp_dtype)x->dtype;
    if (tp_infer_shape(c, L_LOSS, dtype, TP_SHAPE()) || tp_infer_shape(c, L_CORRECT, TP_I64, TP_SHAPE()) ||
        tp_infer_shape(c, L_DX, dtype, a->dx ? tp_shape_of(x) : TP_SHAPE(0)) ||
        tp_infer_shape(c, L_DWEIGHT, dtype, a->dweight ? tp_shape_of(weight) : TP_SHAPE(0)) ||
        tp_infer_shape(c, L_DBIAS, dtype, a->dbias ? tp_shape_of(bias) : TP_SHAPE(0)))
        return tp_error_pending();
    const block_run r = sizes_of(c);
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS) + staged_bytes(weight, CLONE_CONTIGUOUS) +
                       staged_bytes(target, CLONE_CONTIGUOUS) +
                       (bias ? staged_bytes(bias, CLONE_CONTIGUOUS) : 0) +
                       (size_t)(r.block * r.v * r.size + 63) / 64 * 64 + (size_t)(r.rows * 8 + 63) / 64 * 64 +
                       (size_t)(r.rows + 63) / 64 * 64 + products_scratch(&r);
    return TP_OK;
}

static void block_forward(const tp_call *c)
{
    block_run r = sizes_of(c);
    char *scratch = c->scratch, *dx = tensor_data(c->out[L_DX]), *dweight = tensor_data(c->out[L_DWEIGHT]);
    r.x = staged(c, c->in[L_X], CLONE_CONTIGUOUS, &scratch);
    r.weight = staged(c, c->in[L_WEIGHT], CLONE_CONTIGUOUS, &scratch);
    r.target = staged(c, c->in[L_TARGET], CLONE_CONTIGUOUS, &scratch);
    r.bias = c->in[L_BIAS] ? staged(c, c->in[L_BIAS], CLONE_CONTIGUOUS, &scratch) : NULL;
    r.dbias = tensor_data(c->out[L_DBIAS]);
    r.logits = next_piece(&scratch, r.block * r.v * r.size);
    r.losses = (double *)(void *)next_piece(&scratch, r.rows * 8);
    r.right = (bool *)(void *)next_piece(&scratch, r.rows);
    const size_t left = products_scratch(&r);
    for (int64_t i = 0; i < r.rows; i++)
        r.counted += r.target[i] != r.attrs->ignore_index;
    double sum = 0;
    if (r.attrs->dbias)
        memset(r.dbias, 0, (size_t)(r.v * r.size));
    for (r.first = 0; r.first < r.rows; r.first += r.block) {
        r.n = r.rows - r.first < r.block ? r.rows - r.first : r.block;
        const char *x = r.x + r.first * r.d * r.size;
        multiply(&r, LOGITS, x, r.weight, r.logits, false, scratch, left);
        parallel_for(r.n, ROW_NUMBERS / (r.v + 1) + 1, loss_rows, &r);
        if (r.attrs->dx)
            multiply(&r, DX, r.logits, r.weight, dx + r.first * r.d * r.size, false, scratch, left);
        if (r.attrs->dweight)
            multiply(&r, DWEIGHT, r.logits, x, dweight, r.first > 0, scratch, left);
        if (r.attrs->dbias)
            parallel_for(r.v, 256, add_bias_gradient, &r);
    }
    int64_t correct = 0;
    for (int64_t i = 0; i < r.rows; i++)
        sum += r.losses[i], correct += r.right[i];
    *(int64_t *)(void *)tensor_data(c->out[L_CORRECT]) = correct;
    if (r.attrs->dweight && !r.rows)
        memset(dweight, 0, (size_t)(r.v * r.d * r.size));
    set_number(&r, tensor_data(c->out[L_LOSS]), sum / (double)r.counted);
}

/* As PyTorch defines it: weight (C, .., D), logits (.., C, ..). */
static tp_tensor *by_steps(tp_tensor *x, tp_tensor *weight, tp_tensor *target, tp_tensor *bias,
                           int64_t ignore_index, tp_tensor **correct)
{
    if (weight->ndim < 2 || x->ndim < 1)
        return tp_fail_null(TP_ERR_SHAPE,
                            "linear_cross_entropy: %s, weight %s: (.., D) and (C, D) are wanted",
                            tensor_shape_text(x), tensor_shape_text(weight));
    tp_shape shape = tp_shape_of(x);
    shape.ndim--;
    for (int i = 0; i + 1 < weight->ndim && shape.ndim < TP_MAX_DIMS; i++)
        shape.dim[shape.ndim++] = weight->shape[i];
    tp_tensor *logits = tp_linear(x, tp_reshape(weight, TP_SHAPE(-1, weight->shape[weight->ndim - 1])),
                                  bias ? tp_reshape(bias, TP_SHAPE(-1)) : NULL);
    if (correct) {
        TP_NO_GRAD;
        *correct = tp_sum(tp_eq(tp_argmax(logits, -1, false), target), TP_SHAPE(), false);
    }
    return tp_cross_entropy(tp_reshape(logits, shape), target, .ignore_index = ignore_index);
}

static void block_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    const block_attrs *a = s->attrs;
    static const int made[] = { [L_X] = L_DX, [L_WEIGHT] = L_DWEIGHT, [L_BIAS] = L_DBIAS };
    if (tp_grad_mode()) { /* gradients of gradients */
        tp_tensor *y = by_steps(s->in[L_X], s->in[L_WEIGHT], s->in[L_TARGET], s->in[L_BIAS], a->ignore_index,
                                NULL),
                  *wanted[L_INPUTS], *got[L_INPUTS];
        int n = 0, place[L_INPUTS];
        for (int i = 0; i < L_INPUTS; i++)
            if (made[i] && s->needs[i])
                place[n] = i, wanted[n++] = s->in[i];
        if (y && dy && n && !tp_gradients(y, wanted, n, got, .create_graph = true, .gradient = dy))
            for (int i = 0; i < n; i++)
                dx[place[i]] = got[i];
        return;
    }
    if (!dy)
        return;
    const bool as_is = tp_item(dy) == 1;
    for (int i = 0; i < L_INPUTS; i++)
        if (made[i] && s->needs[i])
            dx[i] = as_is ? s->out[made[i]] : tp_mul(s->out[made[i]], dy);
}

static double block_cost(const tp_call *c)
{
    const block_run r = sizes_of(c);
    return 2.0 * (double)r.rows * (double)r.d * (double)r.v * (1 + r.attrs->dx + r.attrs->dweight) +
           5.0 * (double)r.rows * (double)r.v;
}

/* Not in the table of operations: which of its outputs there are follows from who wants a gradient. */
static const tp_op blocks = {
    .name = "linear_cross_entropy",
    .formula = "mean over rows of -log softmax(x W' + b)[target]; and its gradients by x, W and b",
    .inputs = "x weight target bias?",
    .n_in = L_INPUTS,
    .n_out = L_OUTPUTS,
    .attrs_size = sizeof(block_attrs),
    .saves_in = (1 << L_INPUTS) - 1,
    .saves_out = 1 << L_DX | 1 << L_DWEIGHT | 1 << L_DBIAS,
    .infer = block_infer,
    .forward = block_forward,
    .backward = block_backward,
    .cost = block_cost,
};

typedef struct form_attrs {
    int64_t ignore_index;
} form_attrs;

/* The loss; the count of right rows into *correct if that is wanted, which only rows of matrices have. */
static tp_tensor *loss_and_correct(tp_tensor *x, tp_tensor *weight, tp_tensor *target, tp_tensor *bias,
                                   int64_t ignore_index, tp_tensor **correct)
{
    tp_tensor *out[L_OUTPUTS];
    const bool fits =
        x->ndim == 2 && weight->ndim == 2 && target->ndim == 1 && target->dtype == TP_I64 && !is_half(x);
    if (!fits || x->dtype != weight->dtype)
        return by_steps(x, weight, target, bias, ignore_index, correct);
    const block_attrs a = { ignore_index, wants_gradient(x), wants_gradient(weight), wants_gradient(bias) };
    if (tp_apply_n(&blocks, (tp_tensor *[]){ x, weight, target, bias }, L_INPUTS, &a, out))
        return NULL;
    if (correct)
        *correct = out[L_CORRECT];
    return out[L_LOSS];
}

static void linear_cross_entropy_compose(tp_call *c)
{
    const form_attrs *o = c->attrs;
    c->out[0] =
        loss_and_correct(c->in[L_X], c->in[L_WEIGHT], c->in[L_TARGET], c->in[L_BIAS], o->ignore_index, NULL);
}

COMPOSED_OP(linear_cross_entropy, "input linear_weight target linear_bias?", L_INPUTS,
            "mean of -log softmax(input linear_weight' + linear_bias)[target], a block of rows at a time",
            OP_ATTRS(form_attrs, OP_ATTR(form_attrs, I64, ignore_index, -100)),
            OP_EXAMPLES({ "5,3 7,3 5@i7 -", NULL }, { "9,3 7,3 9@i7 7", NULL },
                        { "6,4@t 5,4@t 6@i5 -", &(form_attrs){ 2 } },
                        { "6,4 5,4 6@i5 5", &(form_attrs){ 2 } }));

tp_tensor *tp_linear_cross_entropy(tp_tensor *input, tp_tensor *linear_weight, tp_tensor *target,
                                   tp_tensor *linear_bias, int64_t ignore_index)
{
    return tp_apply(&tp_op_linear_cross_entropy, (tp_tensor *[]){ input, linear_weight, target, linear_bias },
                    L_INPUTS, &(form_attrs){ ignore_index });
}

tp_tensor *tp_linear_cross_entropy_correct(tp_tensor *input, tp_tensor *linear_weight, tp_tensor *target,
                                           tp_tensor *linear_bias, int64_t ignore_index, tp_tensor **correct)
{
    if (correct)
        *correct = NULL;
    if (tp_error_pending())
        return NULL;
    if (!input || !linear_weight || !target || !correct || input->ndim != 2 || linear_weight->ndim != 2 ||
        target->ndim != 1)
        return tp_fail_null(TP_ERR_SHAPE,
                            "linear_cross_entropy_correct: input %s, weight %s, target %s: (N, D), (C, D), "
                            "(N,) and a place for the count are wanted",
                            input ? tensor_shape_text(input) : "NULL",
                            linear_weight ? tensor_shape_text(linear_weight) : "NULL",
                            target ? tensor_shape_text(target) : "NULL");
    return loss_and_correct(input, linear_weight, target, linear_bias, ignore_index, correct);
}
