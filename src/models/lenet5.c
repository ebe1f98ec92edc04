/* lenet5.c - LeNet-5 (LeCun et al. 1998): two convolutions with average pooling, three linear layers.
 *
 * Image 32x32 -> 28x28x6 -> 14x14x6 -> 10x10x16 -> 5x5x16 -> 120 -> 84 -> classes.  The activation after the
 * convolutions is tanh unless told; the linear layers have ReLU.
 * Layer: models.  Depends on taper/nn.h.  Read next: simple_cnn.c. */
#include "models/zoo.h"

#include <string.h>

static tp_module *build(const tp_model_options *o)
{
    int64_t side = ((o->image_size - 4) / 2 - 4) / 2; /* each 5x5 takes 4 away, each pooling half */
    if (o->image_size < 16) {
        tp_error_set(TP_ERR_ARGUMENT, "lenet5: image_size is %lld, at least 16 is wanted",
                     (long long)o->image_size);
        return NULL;
    }
    const char *act = o->activation;
    int relus = strcmp(act, "relu") == 0 ? 2 : 0; /* names stay apart when the convolutions have ReLU too */
    tp_module *net = tp_nn_sequential("conv1", tp_nn_conv2d(o->channels, 6, 5));
    model_add(net, act, 1, tp_nn_activation(act));
    model_add(net, "pool1", 0, tp_nn_avg_pool2d(2));
    model_add(net, "conv2", 0, tp_nn_conv2d(6, 16, 5));
    model_add(net, act, 2, tp_nn_activation(act));
    model_add(net, "pool2", 0, tp_nn_avg_pool2d(2));
    model_add(net, "flatten", 0, tp_nn_flatten());
    model_add(net, "fc1", 0, tp_nn_linear(16 * side * side, 120));
    model_add(net, "relu", relus + 1, tp_nn_relu());
    model_add(net, "fc2", 0, tp_nn_linear(120, 84));
    model_add(net, "relu", relus + 2, tp_nn_relu());
    model_add(net, "fc3", 0, tp_nn_linear(84, o->classes));
    return net;
}

extern const model_row model_lenet5;
const model_row model_lenet5 = {
    .info = { .name = "lenet5",
              .title = "LeNet-5",
              .paper = "LeCun et al. 1998",
              .options = "classes channels image_size activation",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .channels = 1,
                            .image_size = 32,
                            .activation = "tanh" } },
    .build = build,
};
