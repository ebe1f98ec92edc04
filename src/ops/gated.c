/* gated.c - gated activations, f(u) v of the halves of a row: SwiGLU, GeGLU, ReGLU, each in one pass.
 *
 * Shazeer 2020.  An op's tag is its place in `kinds`.
 * Layer: ops.  Kernels: unary and binary ones of f (kernels.h).  Read next: activation.c, attention.c. */
#include "base/parallel.h"
#include "ops/map.h"
#include "ops/ops.h"

typedef struct gated_kind {
    unary_kernel f;
    binary_kernel backward;
    tp_tensor *(*steps)(tp_tensor *u);
} gated_kind;

static const gated_kind kinds[] = {
    { KERNEL_SILU, KERNEL_SILU_BACKWARD, tp_silu },
    { KERNEL_GELU, KERNEL_GELU_BACKWARD, tp_gelu },
    { KERNEL_GELU_TANH, KERNEL_GELU_TANH_BACKWARD, tp_gelu_tanh },
    { KERNEL_RELU, KERNEL_RELU_BACKWARD, tp_relu },
};

enum { GRAIN = 16384, BLOCK = 512 };

static tp_status check_halves(const tp_call *c, const tp_tensor *x)
{
    if (x->dtype != TP_F32 && x->dtype != TP_F64)
        return tp_fail(TP_ERR_DTYPE, "%s: input is %s, f32 or f64 is wanted", c->op->name,
                       tp_dtype_name((tp_dtype)x->dtype));
    if (x->ndim < 1 || x->shape[x->ndim - 1] % 2)
        return tp_fail(TP_ERR_SHAPE, "%s: input %s, an even last dim is wanted", c->op->name,
                       tensor_shape_text(x));
    return TP_OK;
}

typedef struct gated_run {
    const kernel_table *kernels;
    const gated_kind *kind;
    const char *x, *dy;
    char *y;
    int64_t half, size;
    kernel_type type;
} gated_run;

static void gate_rows(void *context, int64_t begin, int64_t end)
{
    const gated_run *r = context;
    const int64_t half = r->half * r->size;
    for (int64_t i = begin; i < end; i++) {
        const char *x = r->x + i * 2 * half;
        char *y = r->y + i * half;
        r->kernels->unary[r->kind->f][r->type](y, x, r->half, NULL);
        r->kernels->binary[KERNEL_MUL][r->type](y, y, 1, x + half, 1, r->half);
    }
}

/* du = f'(u) (dy v), dv = dy f(u); in blocks, so that what lies between stays in the first cache. */
static void ungate_rows(void *context, int64_t begin, int64_t end)
{
    const gated_run *r = context;
    const int64_t half = r->half * r->size;
    double between[BLOCK];
    binary_fn *mul = r->kernels->binary[KERNEL_MUL][r->type];
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < r->half; k += BLOCK) {
            const int64_t n = r->half - k < BLOCK ? r->half - k : BLOCK;
            const char *u = r->x + i * 2 * half + k * r->size, *dy = r->dy + i * half + k * r->size;
            char *du = r->y + i * 2 * half + k * r->size;
            mul(between, dy, 1, u + half, 1, n);
            r->kernels->binary[r->kind->backward][r->type](du, between, 1, u, 1, n);
            r->kernels->unary[r->kind->f][r->type](between, u, n, NULL);
            mul(du + half, dy, 1, between, 1, n);
        }
}

static tp_status gated_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (check_halves(c, x))
        return tp_error_pending();
    tp_shape shape = tp_shape_of(x);
    shape.dim[shape.ndim - 1] /= 2;
    c->scratch_bytes = staged_bytes(x, CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)x->dtype, shape);
}

static void run_gated(const tp_call *c, parallel_body *body)
{
    const tp_tensor *x = c->in[0];
    char *scratch = c->scratch;
    gated_run r = { .kernels = c->kernels,
                    .kind = &kinds[c->op->tag],
                    .x = staged(c, x, CLONE_CONTIGUOUS, &scratch),
                    .dy = c->n_in > 1 ? staged(c, c->in[1], CLONE_CONTIGUOUS, &scratch) : NULL,
                    .y = tensor_data(c->out[0]),
                    .half = x->shape[x->ndim - 1] / 2,
                    .size = (int64_t)tensor_element_size(x),
                    .type = kernel_type_of((tp_dtype)x->dtype) };
    if (x->numel)
        parallel_for(x->numel / (2 * r.half), GRAIN / (r.half + 1) + 1, body, &r);
}

static void gated_forward(const tp_call *c)
{
    run_gated(c, gate_rows);
}

static tp_status gated_gradient_infer(tp_call *c)
{
    c->scratch_bytes = staged_bytes(c->in[0], CLONE_CONTIGUOUS) + staged_bytes(c->in[1], CLONE_CONTIGUOUS);
    return tp_infer_shape(c, 0, (tp_dtype)c->in[0]->dtype, tp_shape_of(c->in[0]));
}

static void gated_gradient_forward(const tp_call *c)
{
    run_gated(c, ungate_rows);
}

static double gated_cost(const tp_call *c)
{
    return 10.0 * (double)c->out[0]->numel;
}

/* One of each kind, not in the table of operations: they are what gated_backward calls. */
#define GRADIENT(kind)                                                                                \
    {                                                                                                 \
        .name = "gated_gradient", .formula = "f'(u) dy v, dy f(u)", .inputs = "x dy", .n_in = 2,      \
        .not_differentiable = true, .infer = gated_gradient_infer, .forward = gated_gradient_forward, \
        .cost = gated_cost, .tag = kind,                                                              \
    }
static const tp_op gated_gradient[] = { GRADIENT(0), GRADIENT(1), GRADIENT(2), GRADIENT(3) };

static void gated_backward(const tp_saved *s, tp_tensor *dy, tp_tensor **dx)
{
    tp_tensor *x = s->in[0];
    if (!tp_grad_mode()) {
        dx[0] = tp_apply(&gated_gradient[s->op->tag], (tp_tensor *[]){ x, dy }, 2, NULL);
        return;
    }
    const int64_t half = x->shape[x->ndim - 1] / 2;
    tp_tensor *u = tp_narrow(x, -1, 0, half), *v = tp_narrow(x, -1, half, half),
              *f = u ? kinds[s->op->tag].steps(u) : NULL, *du = NULL;
    if (!f || tp_gradients(f, &u, 1, &du, .create_graph = true, .gradient = tp_mul(dy, v)))
        return;
    dx[0] = tp_cat((tp_tensor *[]){ du, tp_mul(dy, f) }, 2, -1);
}

#define GATED(op, kind, text)                                                              \
    const tp_op tp_op_##op = {                                                             \
        .name = #op,                                                                       \
        .formula = text,                                                                   \
        .inputs = "x",                                                                     \
        .n_in = 1,                                                                         \
        .saves_in = 1,                                                                     \
        .infer = gated_infer,                                                              \
        .forward = gated_forward,                                                          \
        .backward = gated_backward,                                                        \
        .cost = gated_cost,                                                                \
        OP_EXAMPLES({ "2,3,8", NULL }, { "5,74@t", NULL }, { "6", NULL }, { "0,4", NULL }, \
                    { "1,1300", NULL }),                                                   \
        .tag = kind,                                                                       \
    };                                                                                     \
    tp_tensor *tp_##op(tp_tensor *x)                                                       \
    {                                                                                      \
        return tp_apply(&tp_op_##op, &x, 1, NULL);                                         \
    }

GATED(swiglu, 0, "y = silu(u) v, the halves of x's last dim")
GATED(geglu, 1, "y = gelu(u) v, the halves of x's last dim")
GATED(geglu_tanh, 2, "y = gelu_tanh(u) v, the halves of x's last dim")
GATED(reglu, 3, "y = max(u, 0) v, the halves of x's last dim")
