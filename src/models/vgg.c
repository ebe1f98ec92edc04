/* vgg.c - VGG (Simonyan and Zisserman 2015): 3x3 convolutions in five blocks, each followed by 2x2 max pooling.
 *
 * Two linear layers of 4096 and the classes.  The average before them gives 7x7, which it is at 224x224; with the stem
 * "cifar" it gives 1x1, and the linear layers have 512.  Names are torchvision's.
 * Layer: models.  Depends on taper/nn.h.  Read next: googlenet.c. */
#include "models/zoo.h"

enum { BLOCKS = 5 };
static const int64_t widths[BLOCKS] = { 64, 128, 256, 512, 512 };

static tp_module *features(int64_t channels, const int *convolutions, bool normalises)
{
    tp_module *net = NULL;
    for (int block = 0; block < BLOCKS; block++) {
        for (int i = 0; i < convolutions[block]; i++) {
            tp_module *conv = tp_nn_conv2d(channels, widths[block], 3, .padding = 1);
            if (net)
                tp_nn_append(net, NULL, conv);
            else
                net = tp_nn_sequential("0", conv);
            if (normalises)
                tp_nn_append(net, NULL, tp_nn_batch_norm2d(widths[block]));
            tp_nn_append(net, NULL, tp_nn_relu());
            channels = widths[block];
        }
        tp_nn_append(net, NULL, tp_nn_max_pool2d(2));
    }
    return net;
}

static tp_module *vgg(const char *name, const int *convolutions, bool normalises, const tp_model_options *o)
{
    const bool small = model_small_stem(name, o);
    if (tp_error_pending())
        return NULL;
    if (o->image_size < 32) {
        tp_error_set(TP_ERR_ARGUMENT, "%s: image_size is %lld, at least 32 is wanted", name,
                     (long long)o->image_size);
        return NULL;
    }
    const int64_t side = small ? 1 : 7, wide = small ? 512 : 4096;
    tp_module *classifier =
        tp_nn_sequential("0", tp_nn_linear(512 * side * side, wide), "1", tp_nn_relu(), "2",
                         tp_nn_dropout(o->dropout), "3", tp_nn_linear(wide, wide), "4", tp_nn_relu(), "5",
                         tp_nn_dropout(o->dropout), "6", tp_nn_linear(wide, o->classes));
    tp_module *net = tp_nn_sequential("features", features(o->channels, convolutions, normalises), "avgpool",
                                      tp_nn_adaptive_avg_pool2d(side, side), "flatten", tp_nn_flatten(),
                                      "classifier", classifier);
    /* N(0, 0.01) suits linear layers of 4096; narrow ones would pass on next to nothing, and keep the layer's own start. */
    model_initialise(net, model_kaiming_fan_out, small ? NULL : model_normal, true);
    return net;
}

#define VGG(id, title_, normalises, ...)                                    \
    static tp_module *build_##id(const tp_model_options *o)                 \
    {                                                                       \
        return vgg(#id, (const int[BLOCKS]){ __VA_ARGS__ }, normalises, o); \
    }                                                                       \
    extern const model_row model_##id;                                      \
    const model_row model_##id = {                                          \
        .info = { .name = #id,                                              \
                  .title = title_,                                          \
                  .paper = "Simonyan and Zisserman 2015",                   \
                  .options = "classes channels image_size stem dropout",    \
                  .defaults = { .struct_size = sizeof(tp_model_options),    \
                                .classes = 1000,                            \
                                .channels = 3,                              \
                                .image_size = 224,                          \
                                .stem = "imagenet",                         \
                                .dropout = 0.5 } },                         \
        .build = build_##id,                                                \
    };
VGG(vgg11, "VGG-11", false, 1, 1, 2, 2, 2)
VGG(vgg11_bn, "VGG-11, batch norm", true, 1, 1, 2, 2, 2)
VGG(vgg13, "VGG-13", false, 2, 2, 2, 2, 2)
VGG(vgg13_bn, "VGG-13, batch norm", true, 2, 2, 2, 2, 2)
VGG(vgg16, "VGG-16", false, 2, 2, 3, 3, 3)
VGG(vgg16_bn, "VGG-16, batch norm", true, 2, 2, 3, 3, 3)
VGG(vgg19, "VGG-19", false, 2, 2, 4, 4, 4)
VGG(vgg19_bn, "VGG-19, batch norm", true, 2, 2, 4, 4, 4)
