/* mlp.c - the multilayer perceptron: linear layers with an activation between them.
 *
 * Takes images or rows of features: it flattens first.  With .hidden = "" it is a linear model (softmax regression).
 * Dropout, where wanted, stands before the last layer.
 * Layer: models.  Depends on taper/nn.h.  Read next: zoo.c. */
#include "models/zoo.h"

static tp_module *build(const tp_model_options *o)
{
    int64_t widths[MODEL_MAX_HIDDEN];
    int n = model_widths("mlp", o->hidden, widths);
    int64_t area = o->image_size * o->image_size, in = o->features;
    if (n < 0)
        return NULL;
    if (!in && o->channels > INT32_MAX / area) {
        tp_error_set(TP_ERR_ARGUMENT, "mlp: %lld channels of %lldx%lld are too many inputs",
                     (long long)o->channels, (long long)o->image_size, (long long)o->image_size);
        return NULL;
    }
    in = in ? in : o->channels * area;
    tp_module *net = tp_nn_sequential("flatten", tp_nn_flatten());
    for (int i = 0; i < n; i++) {
        model_add(net, "fc", i + 1, tp_nn_linear(in, widths[i]));
        model_add(net, o->activation, i + 1, tp_nn_activation(o->activation));
        in = widths[i];
    }
    if (o->dropout > 0)
        model_add(net, "dropout", 0, tp_nn_dropout(o->dropout));
    model_add(net, "fc", n + 1, tp_nn_linear(in, o->classes));
    return net;
}

extern const model_row model_mlp;
const model_row model_mlp = {
    .info = { .name = "mlp",
              .title = "Multilayer perceptron",
              .paper = "Rumelhart et al. 1986",
              .options = "classes channels image_size features hidden activation dropout",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 10,
                            .channels = 1,
                            .image_size = 28,
                            .hidden = "128,64",
                            .activation = "relu" },
              .input = TP_INPUT_FLAT },
    .build = build,
};
