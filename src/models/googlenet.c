/* googlenet.c - GoogLeNet (Szegedy et al. 2015): nine inceptions of four branches, two auxiliary classifiers.
 *
 *   torchvision   batch norm behind each convolution, 3x3 in the third branch; its names, so its weights load
 *   paper         biases instead, 5x5 in the third branch, local response normalisation around the second convolutions
 * The auxiliary classifiers read what inceptions 4a and 4d made; they work in training only, with weight 0.3 of their loss
 * (tp_take_aux).  The stem "cifar" is a 3x3 convolution and does not pool.
 * Layer: models.  Depends on taper/nn.h.  Read next: resnet.c. */
#include "models/zoo.h"

#include <string.h>

enum { TORCHVISION, PAPER, INCEPTIONS = 9, AUX_FEATURES = 128 * 4 * 4, AUX_WIDE = 1024 };
static const double aux_weight = 0.3;

/* channels: of branch 1, in and out of branch 2, in and out of branch 3, of branch 4; pools: a pooling stands before it */
typedef struct inception_row {
    const char *name;
    int64_t in, one, three_in, three, five_in, five, pool;
    int64_t pools; /* its kernel in torchvision; 0: none */
} inception_row;

static const inception_row rows[INCEPTIONS] = {
    { "inception3a", 192, 64, 96, 128, 16, 32, 32, 0 },
    { "inception3b", 256, 128, 128, 192, 32, 96, 64, 0 },
    { "inception4a", 480, 192, 96, 208, 16, 48, 64, 3 },
    { "inception4b", 512, 160, 112, 224, 24, 64, 64, 0 },
    { "inception4c", 512, 128, 128, 256, 24, 64, 64, 0 },
    { "inception4d", 512, 112, 144, 288, 32, 64, 64, 0 },
    { "inception4e", 528, 256, 160, 320, 32, 128, 128, 0 },
    { "inception5a", 832, 256, 160, 320, 32, 128, 128, 2 },
    { "inception5b", 832, 384, 192, 384, 48, 128, 128, 0 },
};

static tp_module *conv(int variant, int64_t in, int64_t out, int64_t kernel, int64_t stride)
{
    const bool paper = variant == PAPER;
    tp_module *m = tp_nn_sequential("conv", tp_nn_conv2d(in, out, kernel, .stride = stride,
                                                         .padding = kernel / 2, .no_bias = !paper));
    if (!paper)
        model_add(m, "bn", 0, tp_nn_batch_norm2d(out, .eps = 1e-3));
    model_add(m, "relu", 0, tp_nn_relu());
    return m;
}

static tp_module *inception(int variant, const inception_row *r)
{
    return tp_nn_concat("branch1", conv(variant, r->in, r->one, 1, 1), "branch2",
                        tp_nn_sequential("0", conv(variant, r->in, r->three_in, 1, 1), "1",
                                         conv(variant, r->three_in, r->three, 3, 1)),
                        "branch3",
                        tp_nn_sequential("0", conv(variant, r->in, r->five_in, 1, 1), "1",
                                         conv(variant, r->five_in, r->five, variant == PAPER ? 5 : 3, 1)),
                        "branch4",
                        tp_nn_sequential("0",
                                         tp_nn_max_pool2d(3, .stride = 1, .padding = 1, .ceil_mode = true),
                                         "1", conv(variant, r->in, r->pool, 1, 1)));
}

static tp_module *pool(int64_t kernel)
{
    return tp_nn_max_pool2d(kernel, .stride = 2, .ceil_mode = true);
}

/* b = a / (1 + 1e-4 sum over 5 channels of a^2)^0.75, Caffe's and the paper's; PyTorch's alpha counts the mean. */
static tp_module *response_norm(void)
{
    return tp_nn_local_response_norm(5, .alpha = 5e-4, .beta = 0.75, .k = 1);
}

static tp_module *auxiliary(int variant, int64_t in, int64_t classes, double dropout)
{
    return tp_nn_sequential("pool", tp_nn_adaptive_avg_pool2d(4, 4), "conv", conv(variant, in, 128, 1, 1),
                            "flatten", tp_nn_flatten(), "fc1", tp_nn_linear(AUX_FEATURES, AUX_WIDE), "relu",
                            tp_nn_relu(), "dropout", tp_nn_dropout(dropout), "fc2",
                            tp_nn_linear(AUX_WIDE, classes));
}

static int child_number(const tp_module *m, const char *name)
{
    int i = 0;
    while (i < tp_n_children(m) && strcmp(tp_child_name(m, i), name) != 0)
        i++;
    return i;
}

static void classify_beside(tp_module *m, int child, tp_tensor *x)
{
    if (tp_is_training(m))
        tp_leave_aux(m, tp_forward(tp_child_at(m, child), x), aux_weight);
}

/* The children in order, but for the auxiliary ones. */
static tp_tensor *forward(tp_module *m, tp_tensor *x)
{
    const int first = child_number(m, "inception4a") + 1, second = child_number(m, "inception4d") + 1,
              aux = child_number(m, "aux1");
    x = tp_forward_children(m, 0, first, x);
    classify_beside(m, aux, x);
    x = tp_forward_children(m, first, second, x);
    classify_beside(m, aux + 1, x);
    x = tp_forward_children(m, second, aux, x);
    return tp_forward_children(m, aux + 2, tp_n_children(m), x);
}

static void add_stem(tp_module *net, int variant, bool small, int64_t channels)
{
    const bool paper = variant == PAPER;
    tp_child(net, "conv1", small ? conv(variant, channels, 64, 3, 1) : conv(variant, channels, 64, 7, 2));
    if (!small)
        tp_child(net, "maxpool1", pool(3));
    if (paper)
        tp_child(net, "norm1", response_norm());
    tp_child(net, "conv2", conv(variant, 64, 64, 1, 1));
    tp_child(net, "conv3", conv(variant, 64, 192, 3, 1));
    if (paper)
        tp_child(net, "norm2", response_norm());
    tp_child(net, "maxpool2", pool(3));
}

static tp_module *build(const tp_model_options *o)
{
    const int variant = model_choice("googlenet", "variant", o->variant,
                                     (const char *const[]){ "torchvision", "paper", NULL });
    const bool small = model_small_stem("googlenet", o);
    if (tp_error_pending())
        return NULL;
    TP_SCOPE;
    tp_module *net = tp_module_new("googlenet", 0, forward);
    if (!net)
        return NULL;
    add_stem(net, variant, small, o->channels);
    for (int i = 0; i < INCEPTIONS; i++) {
        if (rows[i].pools)
            tp_child(net, rows[i].pools == 3 ? "maxpool3" : "maxpool4",
                     pool(variant == PAPER ? 3 : rows[i].pools));
        tp_child(net, rows[i].name, inception(variant, &rows[i]));
    }
    const double dropout = o->dropout > 0 ? 0.7 : 0; /* of the auxiliary ones, as in the paper */
    tp_child(net, "aux1", auxiliary(variant, 512, o->classes, dropout));
    tp_child(net, "aux2", auxiliary(variant, 528, o->classes, dropout));
    tp_child(net, "avgpool", tp_nn_adaptive_avg_pool2d(1, 1));
    tp_child(net, "flatten", tp_nn_flatten());
    tp_child(net, "dropout", tp_nn_dropout(o->dropout));
    tp_child(net, "fc", tp_nn_linear(1024, o->classes));
    if (variant == TORCHVISION)
        model_initialise(net, model_normal, model_normal, false);
    return tp_keep(tp_module_built(net));
}

extern const model_row model_googlenet;
const model_row model_googlenet = {
    .info = { .name = "googlenet",
              .title = "GoogLeNet",
              .paper = "Szegedy et al. 2015",
              .options = "classes channels image_size variant stem dropout",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 1000,
                            .channels = 3,
                            .image_size = 224,
                            .variant = "torchvision",
                            .stem = "imagenet",
                            .dropout = 0.2 } },
    .build = build,
};
