/* densenet.c - densely connected networks (Huang et al. 2017): each layer reads what all before it in its block made.
 *
 * A layer is batch norm, ReLU, 1x1 convolution to 4 x growth channels, batch norm, ReLU, 3x3 to growth.  Between blocks a
 * transition halves channels and picture.  The stem "cifar" is one 3x3 convolution without pooling.  Names are torchvision's.
 * The recomputing form (Pleiss et al. 2017, for whole layers) keeps for backward only what layers read.
 * Layer: models.  Depends on taper/nn.h.  Read next: squeezenet.c. */
#include "models/zoo.h"

enum { BLOCKS = 4, GROWTH = 32, BOTTLENECK = 4, FIRST = 64 };

static tp_module *layer(int64_t in)
{
    return tp_nn_sequential("norm1", tp_nn_batch_norm2d(in), "relu1", tp_nn_relu(), "conv1",
                            tp_nn_conv2d(in, BOTTLENECK * GROWTH, 1, .no_bias = true), "norm2",
                            tp_nn_batch_norm2d(BOTTLENECK * GROWTH), "relu2", tp_nn_relu(), "conv2",
                            tp_nn_conv2d(BOTTLENECK * GROWTH, GROWTH, 3, .padding = 1, .no_bias = true));
}

static tp_module *dense_block(int64_t in, int layers, bool recompute)
{
    tp_module *block = tp_nn_dense_block(NULL);
    for (int i = 0; i < layers && !tp_error_pending(); i++) {
        char name[24];
        snprintf(name, sizeof name, "denselayer%d", i + 1);
        tp_module_recompute(tp_child(block, name, layer(in + i * GROWTH)), recompute);
    }
    return block;
}

static tp_module *densenet(const char *name, const int *layers, const tp_model_options *o)
{
    const bool small = model_small_stem(name, o);
    if (tp_error_pending())
        return NULL;
    if (o->image_size < (small ? 8 : 29)) {
        tp_error_set(TP_ERR_ARGUMENT, "%s: image_size is %lld, at least %d is wanted%s", name,
                     (long long)o->image_size, small ? 8 : 29, small ? "" : " (or the stem 'cifar')");
        return NULL;
    }
    tp_module *features =
        tp_nn_sequential("conv0", small ? tp_nn_conv2d(o->channels, FIRST, 3, .padding = 1, .no_bias = true)
                                        : tp_nn_conv2d(o->channels, FIRST, 7, .stride = 2, .padding = 3,
                                                       .no_bias = true));
    model_add(features, "norm0", 0, tp_nn_batch_norm2d(FIRST));
    model_add(features, "relu0", 0, tp_nn_relu());
    if (!small)
        model_add(features, "pool0", 0, tp_nn_max_pool2d(3, .stride = 2, .padding = 1));
    int64_t channels = FIRST;
    for (int i = 0; i < BLOCKS; i++) {
        model_add(features, "denseblock", i + 1, dense_block(channels, layers[i], o->recompute));
        channels += layers[i] * GROWTH;
        if (i == BLOCKS - 1)
            break;
        model_add(features, "transition", i + 1,
                  tp_nn_sequential("norm", tp_nn_batch_norm2d(channels), "relu", tp_nn_relu(), "conv",
                                   tp_nn_conv2d(channels, channels / 2, 1, .no_bias = true), "pool",
                                   tp_nn_avg_pool2d(2)));
        channels /= 2;
    }
    model_add(features, "norm5", 0, tp_nn_batch_norm2d(channels));
    model_add(features, "relu5", 0, tp_nn_relu());
    tp_module *net = tp_nn_sequential("features", features, "avgpool", tp_nn_adaptive_avg_pool2d(1, 1),
                                      "flatten", tp_nn_flatten());
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "classifier", 0, tp_nn_linear(channels, o->classes));
    model_initialise(net, model_kaiming, NULL, true);
    return net;
}

#define DENSENET(id, title_, ...)                                                  \
    static tp_module *build_##id(const tp_model_options *o)                        \
    {                                                                              \
        return densenet(#id, (const int[BLOCKS]){ __VA_ARGS__ }, o);               \
    }                                                                              \
    extern const model_row model_##id;                                             \
    const model_row model_##id = {                                                 \
        .info = { .name = #id,                                                     \
                  .title = title_,                                                 \
                  .paper = "Huang et al. 2017",                                    \
                  .options = "classes channels image_size stem dropout recompute", \
                  .defaults = { .struct_size = sizeof(tp_model_options),           \
                                .classes = 1000,                                   \
                                .channels = 3,                                     \
                                .image_size = 224,                                 \
                                .stem = "imagenet" } },                            \
        .build = build_##id,                                                       \
    };
DENSENET(densenet121, "DenseNet-121", 6, 12, 24, 16)
DENSENET(densenet169, "DenseNet-169", 6, 12, 32, 32)
DENSENET(densenet201, "DenseNet-201", 6, 12, 48, 32)
