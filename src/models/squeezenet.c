/* squeezenet.c - SqueezeNet 1.1 (Iandola et al. 2016): AlexNet's accuracy with a fiftieth of the parameters.
 *
 * A fire module squeezes to few channels by 1x1 and expands by 1x1 and 3x3 side by side; the classifier is a convolution.
 * Names are torchvision's.  Layer: models.  Depends on taper/nn.h.  Read next: zoo.c. */
#include "models/zoo.h"

static tp_tensor *fire_forward(tp_module *m, tp_tensor *x)
{
    tp_tensor *squeezed = tp_relu(tp_forward(tp_child_at(m, 0), x));
    tp_tensor *expanded[] = { tp_forward(tp_child_at(m, 1), squeezed),
                              tp_forward(tp_child_at(m, 2), squeezed) };
    return tp_relu(tp_cat(expanded, 2, 1));
}

static tp_module *fire(int64_t in, int64_t squeeze, int64_t expand)
{
    TP_SCOPE;
    tp_module *m = tp_module_new("fire", 0, fire_forward);
    if (!m)
        return NULL;
    tp_child(m, "squeeze", tp_nn_conv2d(in, squeeze, 1));
    tp_child(m, "expand1x1", tp_nn_conv2d(squeeze, expand, 1));
    tp_child(m, "expand3x3", tp_nn_conv2d(squeeze, expand, 3, .padding = 1));
    tp_module_set_info(m, "%lld, squeeze %lld, expand %lld", (long long)in, (long long)squeeze,
                       (long long)expand);
    return tp_keep(tp_module_built(m));
}

static tp_module *pool(void)
{
    return tp_nn_max_pool2d(3, .stride = 2, .ceil_mode = true);
}

static tp_tensor *uniform(tp_tensor *t)
{
    return tp_init_kaiming_uniform_(t, 0);
}

static tp_module *build(const tp_model_options *o)
{
    if (o->image_size < 17) {
        tp_error_set(TP_ERR_ARGUMENT, "squeezenet1_1: image_size is %lld, at least 17 is wanted",
                     (long long)o->image_size);
        return NULL;
    }
    tp_module *features =
        tp_nn_sequential("0", tp_nn_conv2d(o->channels, 64, 3, .stride = 2), "1", tp_nn_relu(), "2", pool(),
                         "3", fire(64, 16, 64), "4", fire(128, 16, 64), "5", pool(), "6", fire(128, 32, 128),
                         "7", fire(256, 32, 128), "8", pool(), "9", fire(256, 48, 192), "10",
                         fire(384, 48, 192), "11", fire(384, 64, 256), "12", fire(512, 64, 256));
    tp_module *last = tp_nn_conv2d(512, o->classes, 1);
    tp_module *net = tp_nn_sequential("features", features, "classifier",
                                      tp_nn_sequential("0", tp_nn_dropout(o->dropout), "1", last, "2",
                                                       tp_nn_relu(), "3", tp_nn_adaptive_avg_pool2d(1, 1)),
                                      "flatten", tp_nn_flatten());
    model_initialise(net, uniform, NULL, true);
    model_initialise(last, model_normal, NULL, false);
    return net;
}

extern const model_row model_squeezenet1_1;
const model_row model_squeezenet1_1 = {
    .info = { .name = "squeezenet1_1",
              .title = "SqueezeNet 1.1",
              .paper = "Iandola et al. 2016",
              .options = "classes channels image_size dropout",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 1000,
                            .channels = 3,
                            .image_size = 224,
                            .dropout = 0.5 } },
    .build = build,
};
