/* conv.c - convolutions of the classic networks at batch 8, in the three directions: forward, gradient of the input,
 * gradient of the weight.
 *
 * Images and their gradients lie as the library itself lays them out (channels innermost), weights as a layer holds them.
 * Layer: bench.  Read next: nets.c. */
#include "support/bench.h"

enum { BATCH = 8, FORWARD = 0, INPUT_GRAD, WEIGHT_GRAD, DIRECTIONS };
static const char *const direction[DIRECTIONS] = { "forward", "input_grad", "weight_grad" };

typedef struct shape {
    const char *set, *net;
    int size, c, k, kernel, stride, padding; /* image size x size with c channels, k outputs */
} shape;

/* Sets: 3x3 with stride 1, all that differ; other, 1x1 and strided ones, some of each network; first layers.  bench/goals.py
 * takes the geometric mean of a set by its name. */
static const shape shapes[] = {
    { "3x3", "vgg16", 224, 64, 64, 3, 1, 1 },          { "3x3", "vgg16", 112, 64, 128, 3, 1, 1 },
    { "3x3", "vgg16", 112, 128, 128, 3, 1, 1 },        { "3x3", "vgg16", 56, 128, 256, 3, 1, 1 },
    { "3x3", "vgg16", 56, 256, 256, 3, 1, 1 },         { "3x3", "vgg16", 28, 256, 512, 3, 1, 1 },
    { "3x3", "vgg16", 28, 512, 512, 3, 1, 1 },         { "3x3", "vgg16", 14, 512, 512, 3, 1, 1 },
    { "3x3", "resnet18", 56, 64, 64, 3, 1, 1 },        { "3x3", "resnet18", 28, 128, 128, 3, 1, 1 },
    { "3x3", "resnet18", 14, 256, 256, 3, 1, 1 },      { "3x3", "resnet18", 7, 512, 512, 3, 1, 1 },
    { "other", "resnet18", 56, 64, 128, 3, 2, 1 },     { "other", "resnet18", 14, 256, 512, 3, 2, 1 },
    { "other", "resnet18", 56, 64, 128, 1, 2, 0 },     { "other", "resnet50", 56, 64, 256, 1, 1, 0 },
    { "other", "resnet50", 56, 256, 64, 1, 1, 0 },     { "other", "resnet50", 56, 128, 128, 3, 2, 1 },
    { "other", "resnet50", 28, 512, 128, 1, 1, 0 },    { "other", "resnet50", 14, 1024, 256, 1, 1, 0 },
    { "other", "resnet50", 14, 1024, 2048, 1, 2, 0 },  { "other", "resnet50", 7, 512, 2048, 1, 1, 0 },
    { "other", "googlenet", 28, 192, 64, 1, 1, 0 },    { "other", "googlenet", 14, 480, 192, 1, 1, 0 },
    { "other", "googlenet", 7, 832, 384, 1, 1, 0 },    { "other", "densenet121", 56, 256, 128, 1, 1, 0 },
    { "other", "densenet121", 28, 512, 128, 1, 1, 0 }, { "other", "densenet121", 14, 1024, 512, 1, 1, 0 },
    { "first", "resnet18", 224, 3, 64, 7, 2, 3 },      { "first", "alexnet", 224, 3, 64, 11, 4, 2 },
    { "first", "vgg16", 224, 3, 64, 3, 1, 1 },
};

static const shape *now;
static const tp_op *gradient;
static _Alignas(16) char attrs[512];
static tp_tensor *x, *w, *dy;

static tp_tensor *image(int64_t channels, int64_t size)
{
    return tp_permute(tp_randn(TP_SHAPE(BATCH, size, size, channels)), TP_SHAPE(0, 3, 1, 2));
}

static void forward(void)
{
    tp_conv2d(x, w, .stride = now->stride, .padding = now->padding);
}

static void input_grad(void)
{
    tp_apply(gradient, (tp_tensor *[]){ dy, w }, 2, attrs);
}

static void weight_grad(void)
{
    tp_apply(gradient, (tp_tensor *[]){ dy, x }, 2, attrs);
}

static void (*const runs[DIRECTIONS])(void) = { forward, input_grad, weight_grad };

/* The gradients' attributes, as text: what a convolution has, and the result's shape. */
static void open_gradient(const char *op, const char *size_name, const char *size)
{
    gradient = tp_op_find(op);
    tp_op_defaults(gradient, attrs);
    tp_op_set(gradient, attrs, "stride", bench_text("%d", now->stride));
    tp_op_set(gradient, attrs, "padding", bench_text("%d", now->padding));
    tp_op_set(gradient, attrs, size_name, size);
}

static bench_work open(const bench_case *c)
{
    now = c->spec;
    int out = (now->size + 2 * now->padding - now->kernel) / now->stride + 1;
    x = c->which != INPUT_GRAD ? image(now->c, now->size) : NULL;
    w = c->which != WEIGHT_GRAD ? tp_randn(TP_SHAPE(now->k, now->c, now->kernel, now->kernel)) : NULL;
    dy = c->which != FORWARD ? image(now->k, out) : NULL;
    if (c->which == INPUT_GRAD)
        open_gradient("conv2d_input_grad", "input_size",
                      bench_text("%d,%d,%d,%d", BATCH, now->c, now->size, now->size));
    if (c->which == WEIGHT_GRAD)
        open_gradient("conv2d_weight_grad", "weight_size",
                      bench_text("%d,%d,%d,%d", now->k, now->c, now->kernel, now->kernel));
    return bench_work_of(c->run, bench_bytes(x) + bench_bytes(w) + bench_bytes(dy));
}

BENCH_CASES
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int d = 0; d < DIRECTIONS; d++) {
            const shape *s = &shapes[i];
            bench_add(&(bench_case){ .kind = "conv", .spec = s, .which = d, .open = open, .run = runs[d] },
                      bench_text("conv.%s.%s.%d-%d.%dx%d/%d@%d.%s", s->set, s->net, s->c, s->k, s->kernel,
                                 s->kernel, s->stride, s->size, direction[d]),
                      bench_text("\"direction\":\"%s\",\"n\":%d,\"c\":%d,\"size\":%d,\"k\":%d,\"kernel\":%d,"
                                 "\"stride\":%d,\"padding\":%d",
                                 direction[d], BATCH, s->c, s->size, s->k, s->kernel, s->stride, s->padding));
        }
}
