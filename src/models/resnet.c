/* resnet.c - residual networks (He et al. 2016): four stages of blocks that add to what they read.
 *
 * A block is two 3x3 convolutions (18 and 34 layers) or a bottleneck 1x1, 3x3, 1x1 (50 and more; its stride in the 3x3, as
 * torchvision has it), each with batch norm.  The first block of stages 2 to 4 halves the picture.  The stem "cifar" is one 3x3
 * convolution without pooling.  Names are torchvision's.
 * Layer: models.  Depends on taper/nn.h.  Read next: densenet.c. */
#include "models/zoo.h"

#include <stdio.h>

enum { STAGES = 4 };

static tp_module *conv(int64_t in, int64_t out, int64_t kernel, int64_t stride)
{
    return tp_nn_conv2d(in, out, kernel, .stride = stride, .padding = kernel / 2, .no_bias = true);
}

static tp_module *block(int64_t in, int64_t width, int64_t expansion, int64_t stride)
{
    const int64_t out = width * expansion;
    tp_module *downsample = NULL;
    if (stride > 1 || in != out)
        downsample = tp_nn_sequential("0", conv(in, out, 1, stride), "1", tp_nn_batch_norm2d(out));
    if (expansion == 1)
        return tp_nn_residual(downsample, "conv1", conv(in, width, 3, stride), "bn1",
                              tp_nn_batch_norm2d(width), "relu", tp_nn_relu(), "conv2",
                              conv(width, width, 3, 1), "bn2", tp_nn_batch_norm2d(width));
    return tp_nn_residual(downsample, "conv1", conv(in, width, 1, 1), "bn1", tp_nn_batch_norm2d(width),
                          "relu1", tp_nn_relu(), "conv2", conv(width, width, 3, stride), "bn2",
                          tp_nn_batch_norm2d(width), "relu2", tp_nn_relu(), "conv3", conv(width, out, 1, 1),
                          "bn3", tp_nn_batch_norm2d(out));
}

static tp_module *resnet(const char *name, const int *blocks, int64_t expansion, const tp_model_options *o)
{
    const bool small = model_small_stem(name, o);
    if (tp_error_pending())
        return NULL;
    tp_module *net =
        tp_nn_sequential("conv1", small ? conv(o->channels, 64, 3, 1) : conv(o->channels, 64, 7, 2), "bn1",
                         tp_nn_batch_norm2d(64), "relu", tp_nn_relu());
    if (!small)
        model_add(net, "maxpool", 0, tp_nn_max_pool2d(3, .stride = 2, .padding = 1));
    int64_t in = 64;
    for (int stage = 0; stage < STAGES; stage++) {
        const int64_t width = (int64_t)64 << stage;
        tp_module *layer = tp_nn_sequential(NULL);
        for (int i = 0; i < blocks[stage]; i++) {
            tp_module *next = block(in, width, expansion, stage && i == 0 ? 2 : 1);
            tp_module_recompute(next, o->recompute);
            tp_nn_append(layer, NULL, next);
            in = width * expansion;
        }
        model_add(net, "layer", stage + 1, layer);
    }
    model_add(net, "avgpool", 0, tp_nn_adaptive_avg_pool2d(1, 1));
    model_add(net, "flatten", 0, tp_nn_flatten());
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "fc", 0, tp_nn_linear(in, o->classes));
    model_initialise(net, model_kaiming_fan_out, NULL, false);
    return net;
}

#define RESNET(id, title_, expansion, ...)                                         \
    static tp_module *build_##id(const tp_model_options *o)                        \
    {                                                                              \
        return resnet(#id, (const int[STAGES]){ __VA_ARGS__ }, expansion, o);      \
    }                                                                              \
    extern const model_row model_##id;                                             \
    const model_row model_##id = {                                                 \
        .info = { .name = #id,                                                     \
                  .title = title_,                                                 \
                  .paper = "He et al. 2016",                                       \
                  .options = "classes channels image_size stem dropout recompute", \
                  .defaults = { .struct_size = sizeof(tp_model_options),           \
                                .classes = 1000,                                   \
                                .channels = 3,                                     \
                                .image_size = 224,                                 \
                                .stem = "imagenet" } },                            \
        .build = build_##id,                                                       \
    };
RESNET(resnet18, "ResNet-18", 1, 2, 2, 2, 2)
RESNET(resnet34, "ResNet-34", 1, 3, 4, 6, 3)
RESNET(resnet50, "ResNet-50", 4, 3, 4, 6, 3)
RESNET(resnet101, "ResNet-101", 4, 3, 4, 23, 3)
RESNET(resnet152, "ResNet-152", 4, 3, 8, 36, 3)
