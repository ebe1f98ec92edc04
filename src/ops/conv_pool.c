/* conv_pool.c - convolution, activation and average pooling of 2x2 in one, where no gradient will ask for what lies between.
 *
 * y[n,k,i,j] = mean of f(conv2d(x))[n, k, 2 i .. 2 i + 1, 2 j .. 2 j + 1].  Where channels are few the kernel pools each image
 * while its sums lie in the first cache; else it goes two rows at a time over what the convolution wrote.  A sequential takes
 * it for such layers in inference.  The same bits as the three operations one by one.
 * Layer: ops.  Kernels: conv_*, avg_pool, the activations (kernels.h).  Read next: conv.c, nn/sequential.c. */
#include "base/parallel.h"
#include "ops/conv.h"

#include <string.h>

typedef struct activation_kind {
    const char *name;
    unary_kernel kernel;
    tp_tensor *(*op)(tp_tensor *);
} activation_kind;

static const activation_kind activations[] = { { "tanh", KERNEL_TANH, tp_tanh },
                                               { "sigmoid", KERNEL_SIGMOID, tp_sigmoid },
                                               { "relu", KERNEL_RELU, tp_relu } };
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

int conv_activation(const char *name)
{
    int i = N_ACTIVATIONS - 1;
    while (i >= 0 && strcmp(activations[i].name, name) != 0)
        i--;
    return i;
}

typedef struct conv_pool_attrs {
    conv_attrs conv;
    int64_t activation;
} conv_pool_attrs;

static const conv_attrs *attrs_of(const tp_call *c)
{
    return &((const conv_pool_attrs *)c->attrs)->conv;
}

static unary_fn *between(const tp_call *c)
{
    const conv_pool_attrs *a = c->attrs;
    const kernel_table *k = c->kernels;
    return k->unary[activations[a->activation].kernel][c->in[0]->dtype];
}

/* Of what is not pooled yet, of shape z; its between is NULL where the convolution cannot pool. */
static conv_args geometry(const tp_call *c, const int64_t *z)
{
    conv_args g = conv_geometry(attrs_of(c), c->in[0]->shape, c->in[1]->shape, z);
    g.between = conv_pools(c->kernels, c->in[0]->dtype, &g) ? between(c) : NULL;
    return g;
}

static size_t bytes_between(const tp_call *c, const conv_args *g)
{
    const size_t bytes = (size_t)(g->n * g->oh * g->ow * g->k) * tensor_element_size(c->in[0]);
    return g->between ? 0 : (bytes + 63) / 64 * 64;
}

static tp_status conv2d_pool_infer(tp_call *c)
{
    const int64_t f = ((const conv_pool_attrs *)c->attrs)->activation;
    tp_shape z = { 0 };
    if (conv2d_infer_size(c, attrs_of(c), &z))
        return tp_error_pending();
    if (f < 0 || f >= N_ACTIVATIONS || z.dim[2] < 2 || z.dim[3] < 2)
        return tp_fail(
            TP_ERR_ARGUMENT,
            "_conv2d_pool: activation %lld, %lldx%lld pixels: 0 to %d, and at least 2x2 are wanted",
            (long long)f, (long long)z.dim[2], (long long)z.dim[3], N_ACTIVATIONS - 1);
    if (infer_image(c, 0, (tp_dtype)c->in[0]->dtype,
                    TP_SHAPE(z.dim[0], z.dim[1], z.dim[2] / 2, z.dim[3] / 2)))
        return tp_error_pending();
    const conv_args g = geometry(c, z.dim);
    c->scratch_bytes += bytes_between(c, &g) + conv_scratch(c->kernels, c->in[0]->dtype, CONV_FORWARD, &g);
    return TP_OK;
}

typedef struct pool_run {
    const tp_call *call;
    const conv_args *conv;
} pool_run;

/* Rows of y, counted over all images. */
static void pool_rows(void *context, int64_t begin, int64_t end)
{
    const pool_run *r = context;
    const tp_call *c = r->call;
    const conv_args *g = r->conv;
    const kernel_table *k = c->kernels;
    const int type = c->in[0]->dtype;
    const int64_t size = (int64_t)tensor_element_size(c->in[0]), row = g->ow * g->k * size;
    const pool_args pool = {
        .h = 2,
        .w = g->ow,
        .c = g->k,
        .oh = 1,
        .ow = g->ow / 2,
        .kernel = { 2, 2 },
        .stride = { 2, 2 },
        .dilation = { 1, 1 },
    };
    for (int64_t i = begin; i < end; i++) {
        char *z = (char *)g->out + (i / (g->oh / 2) * g->oh + i % (g->oh / 2) * 2) * row;
        between(c)(z, z, 2 * g->ow * g->k, NULL);
        k->avg_pool[type](&pool, (char *)tensor_data(c->out[0]) + i * pool.ow * g->k * size, z);
    }
}

static void conv2d_pool_forward(const tp_call *c)
{
    char *scratch = c->scratch;
    const tp_shape z = conv2d_size(attrs_of(c), c->in[0], c->in[1]);
    conv_args g = geometry(c, z.dim);
    conv_operands(c, &g, &scratch);
    if (g.between) {
        conv_run(c, CONV_FORWARD, &g, tensor_data(c->out[0]), scratch);
        return;
    }
    conv_run(c, CONV_FORWARD, &g, scratch, scratch + bytes_between(c, &g));
    pool_run r = { c, &g };
    if (c->out[0]->numel)
        parallel_for(g.n * (g.oh / 2), 8192 / (g.ow * g.k + 1) + 1, pool_rows, &r);
}

static double conv2d_pool_cost(const tp_call *c)
{
    const tp_tensor *w = c->in[1];
    return (double)c->out[0]->numel *
           (4 * (2.0 * (double)(w->shape[1] * w->shape[2] * w->shape[3]) + 1) + 1); /* as the three */
}

const tp_op tp_op__conv2d_pool = {
    .name = "_conv2d_pool",
    .formula =
        "y[n,k,i,j] = mean of f(conv2d(x)) in window (i, j) of 2x2; activation f: 0 tanh, 1 sigmoid, 2 relu",
    .inputs = "x weight bias?",
    .n_in = 3,
    .attrs_size = sizeof(conv_pool_attrs),
    .attrs = (const tp_attr[]){ CONV_ATTRS(conv_pool_attrs, conv.),
                                { "activation", TP_ATTR_I64, offsetof(conv_pool_attrs, activation), 0 },
                                { 0 } },
    .not_differentiable = true,
    .infer = conv2d_pool_infer,
    .forward = conv2d_pool_forward,
    .cost = conv2d_pool_cost,
    .examples =
        (const tp_example[]){
            { "2,1,12,13 6,1,5,5 6", &(conv_pool_attrs){ { { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 }, 0 } },
            { "3,6,10,11 16,6,5,5 16", &(conv_pool_attrs){ { { 1, 1 }, { 0, 0 }, { 1, 1 }, 1 }, 0 } },
            { "2,3,9,40 8,3,3,3@t -", &(conv_pool_attrs){ { { 2, 1 }, { 1, 1 }, { 1, 1 }, 1 }, 2 } },
            { "2,5,9,9 13,5,3,2 13", &(conv_pool_attrs){ { { 1, 1 }, { 1, 1 }, { 2, 1 }, 1 }, 1 } },
            { "2,4,8,6 6,2,3,3 6", &(conv_pool_attrs){ { { 1, 1 }, { 1, 1 }, { 1, 1 }, 2 }, 0 } },
            { NULL, NULL } },
};

tp_tensor *conv2d_pooled(tp_tensor *x, tp_tensor *weight, const tp_conv2d_options *o, int activation)
{
    if (x->ndim == 4 && !o->relu && conv_computed_in(x, weight, o->bias) == tp_dtype_of(x)) {
        conv_pool_attrs a = { conv_attrs_of(o), activation };
        a.conv.precise = tp_precise();
        return tp_apply(&tp_op__conv2d_pool, (tp_tensor *[]){ channels_last(x), weight, o->bias }, 3, &a);
    }
    TP_SCOPE;
    return tp_keep(tp_avg_pool2d(activations[activation].op(tp_conv2d_opt(x, weight, o)), 2));
}
