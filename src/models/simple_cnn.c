/* simple_cnn.c - a small network: blocks of 3x3 convolution, activation, 2x2 max pooling; then two linear layers.
 *
 * The first one to try on small images.  Each number of .hidden is the channels of a block, which halves the size.
 * Layer: models.  Depends on taper/nn.h.  Read next: mlp.c. */
#include "models/zoo.h"

enum { LINEAR_WIDTH = 128 };

static tp_module *build(const tp_model_options *o)
{
    int64_t widths[MODEL_MAX_HIDDEN], in = o->channels;
    int n = model_widths("simple_cnn", o->hidden, widths);
    if (n < 0)
        return NULL;
    int64_t side = o->image_size >> n;
    if (n == 0 || side < 1) {
        tp_error_set(TP_ERR_ARGUMENT,
                     "simple_cnn: hidden '%s' has %d blocks, 1 or more are wanted, "
                     "each of which halves image_size %lld",
                     o->hidden, n, (long long)o->image_size);
        return NULL;
    }
    if (side > INT16_MAX) {
        tp_error_set(TP_ERR_ARGUMENT, "simple_cnn: image_size %lld is too large for %d blocks",
                     (long long)o->image_size, n);
        return NULL;
    }
    const char *act = o->activation;
    tp_module *net = tp_nn_sequential("conv1", tp_nn_conv2d(in, widths[0], 3, .padding = 1));
    for (int i = 0; i < n; i++) {
        if (i > 0)
            model_add(net, "conv", i + 1, tp_nn_conv2d(in, widths[i], 3, .padding = 1));
        model_add(net, act, i + 1, tp_nn_activation(act));
        model_add(net, "pool", i + 1, tp_nn_max_pool2d(2));
        in = widths[i];
    }
    model_add(net, "flatten", 0, tp_nn_flatten());
    model_add(net, "fc1", 0, tp_nn_linear(in * side * side, LINEAR_WIDTH));
    model_add(net, act, n + 1, tp_nn_activation(act));
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "fc2", 0, tp_nn_linear(LINEAR_WIDTH, o->classes));
    return net;
}

extern const model_row model_simple_cnn;
const model_row model_simple_cnn = {
    .info = { .name = "simple_cnn",
              .title = "Simple CNN",
              .paper = "",
              .options = "classes channels image_size hidden activation dropout",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .channels = 1,
                            .image_size = 28,
                            .hidden = "32,64",
                            .activation = "relu",
                            .dropout = 0.25 } },
    .build = build,
};
