/* nets.c - networks of the zoo: inference, and training steps (forward, cross-entropy, backward, Adam or SGD with
 * momentum) on random pictures.
 *
 * A network that the zoo does not have yet is left out; bench/run.py names those that it has a goal for.
 * Layer: bench.  Read next: overhead.c. */
#include "support/bench.h"

#include <string.h>

typedef struct net {
    const char *name;            /* of the cases, and of torchvision's model */
    const char *model, *variant; /* of the zoo */
    int64_t features;
    const char *hidden;
    int inference[3], training[3]; /* batches */
    bool sgd;
} net;

static const net nets[] = {
    { "mlp", "mlp", NULL, 784, "256,128", { 0 }, { 1, 64, 256 } },
    { "lenet5", "lenet5", NULL, 0, NULL, { 1, 256 }, { 1, 64, 256 } },
    { "alexnet", "alexnet", NULL, 0, NULL, { 1, 8 }, { 1, 8 }, true },
    { "resnet18", "resnet18", NULL, 0, NULL, { 1, 8 }, { 1, 8 }, true },
    { "vgg16", "vgg16", NULL, 0, NULL, { 1, 8 }, { 1, 8 }, true },
    { "googlenet", "googlenet", NULL, 0, NULL, { 1, 8 }, { 1, 8 }, true },
    { "densenet121", "densenet121", NULL, 0, NULL, { 1, 8 }, { 1, 8 }, true },
};

static tp_module *module;
static tp_optim *optim;
static tp_tensor *x, *y;

static void infer(void)
{
    TP_NO_GRAD;
    tp_forward(module, x);
}

static void train(void)
{
    tp_zero_grad(optim); /* first, as training does: gradients and activations are not there at once */
    double weight;
    tp_zero_grad(optim);
    tp_tensor *loss = tp_cross_entropy(tp_forward(module, x), y);
    for (tp_tensor *beside; (beside = tp_take_aux(module, &weight));)
        loss = tp_add(loss, tp_mul(tp_cross_entropy(beside, y), weight));
    tp_backward(loss);
    tp_step(optim);
}

/* Each output is written once and read once.  Of a training step it is three forward passes: the gradients of inputs and
 * weights cost one each. */
static bench_work work_of(tp_params *parameters, bool training)
{
    double weights = 4 * (double)tp_params_numel(parameters);
    bench_work forward = bench_work_of(infer, weights + bench_bytes(x));
    double activations = forward.bytes - weights;
    if (!training)
        return (bench_work){ forward.flops, weights + 2 * activations };
    return (bench_work){ 3 * forward.flops, 9 * weights + 6 * activations };
}

static bench_work open(const bench_case *c)
{
    const net *n = c->spec;
    const tp_model_options *o = &tp_model_find(n->model)->defaults;
    int64_t batch = c->which;
    module = tp_model(n->model, .variant = n->variant, .features = n->features, .hidden = n->hidden);
    x = tp_randn(n->features ? TP_SHAPE(batch, n->features)
                             : TP_SHAPE(batch, o->channels, o->image_size, o->image_size));
    y = tp_zeros(TP_SHAPE(batch), .dtype = TP_I64);
    tp_params *parameters = tp_parameters(module);
    tp_train(module, c->grad);
    if (c->grad)
        optim = n->sgd ? tp_sgd(parameters, .lr = 1e-3, .momentum = 0.9) : tp_adam(parameters);
    else
        tp_fuse(module); /* as ONNX Runtime and OpenVINO do when they load it */
    return work_of(parameters, c->grad);
}

static void add(const net *n, int batch, bool training)
{
    const tp_model_options *o = &tp_model_find(n->model)->defaults;
    bench_add(
        &(bench_case){ .kind = "net",
                       .spec = n,
                       .which = batch,
                       .grad = training,
                       .open = open,
                       .run = training ? train : infer },
        bench_text("%s.%s.%d", n->name, training ? "train" : "infer", batch),
        bench_text("\"model\":\"%s\",\"batch\":%d,\"train\":%s,\"classes\":%d,\"channels\":%d,\"size\":%d,"
                   "\"features\":%d,\"hidden\":\"%s\",\"sgd\":%s",
                   n->model, batch, training ? "true" : "false", (int)o->classes, (int)o->channels,
                   (int)o->image_size, (int)n->features, n->hidden ? n->hidden : "",
                   n->sgd ? "true" : "false"));
}

BENCH_CASES
{
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        if (!tp_model_find(nets[i].model))
            continue;
        for (int k = 0; k < 3; k++) {
            if (nets[i].inference[k])
                add(&nets[i], nets[i].inference[k], false);
            if (nets[i].training[k])
                add(&nets[i], nets[i].training[k], true);
        }
    }
}
