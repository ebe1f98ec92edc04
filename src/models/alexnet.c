/* alexnet.c - AlexNet (Krizhevsky et al. 2012): five convolutions, three linear layers.
 *
 *   torchvision   64-192-384-256-256 channels, of "One weird trick" (Krizhevsky 2014); its names, so its weights load
 *   paper         96-256-384-384-256 with local response normalisation, 227x227: 55x55x96, 27x27x256, 13x13x256, 6x6x256
 *   paper_groups  the same on two GPUs: convolutions 2, 4 and 5 in two groups
 * An average brings the last pictures to 6x6, which they are at 227x227 (or 224x224 in torchvision's).
 * Layer: models.  Depends on taper/nn.h.  Read next: vgg.c. */
#include "models/zoo.h"

enum { TORCHVISION, PAPER, PAPER_GROUPS };

typedef struct alexnet_form {
    int64_t widths[5], padding; /* padding: of the first convolution */
    bool normalises, two_groups;
} alexnet_form;

static const alexnet_form forms[] = {
    [TORCHVISION] = { { 64, 192, 384, 256, 256 }, 2, false, false },
    [PAPER] = { { 96, 256, 384, 384, 256 }, 0, true, false },
    [PAPER_GROUPS] = { { 96, 256, 384, 384, 256 }, 0, true, true },
};

/* b = a / (2 + 1e-4 sum over 5 channels of a^2)^0.75; PyTorch's alpha counts the mean. */
static tp_module *response_norm(void)
{
    return tp_nn_local_response_norm(5, .alpha = 5e-4, .beta = 0.75, .k = 2);
}

static tp_module *features(const tp_model_options *o, const alexnet_form *form, bool small)
{
    const int64_t *w = form->widths, groups = form->two_groups ? 2 : 1;
    tp_module *net = tp_nn_sequential("0", small ? tp_nn_conv2d(o->channels, w[0], 3, .padding = 1)
                                                 : tp_nn_conv2d(o->channels, w[0], 11, .stride = 4,
                                                                .padding = form->padding));
    tp_nn_append(net, NULL, tp_nn_relu());
    if (form->normalises)
        tp_nn_append(net, NULL, response_norm());
    tp_nn_append(net, NULL, tp_nn_max_pool2d(3, .stride = 2));
    tp_nn_append(net, NULL, tp_nn_conv2d(w[0], w[1], 5, .padding = 2, .groups = groups));
    tp_nn_append(net, NULL, tp_nn_relu());
    if (form->normalises)
        tp_nn_append(net, NULL, response_norm());
    tp_nn_append(net, NULL, tp_nn_max_pool2d(3, .stride = 2));
    for (int i = 2; i < 5; i++) {
        tp_nn_append(net, NULL, tp_nn_conv2d(w[i - 1], w[i], 3, .padding = 1, .groups = i > 2 ? groups : 1));
        tp_nn_append(net, NULL, tp_nn_relu());
    }
    tp_nn_append(net, NULL, tp_nn_max_pool2d(3, .stride = 2));
    return net;
}

static tp_module *build(const tp_model_options *o)
{
    static const char *const variants[] = { "torchvision", "paper", "paper_groups", NULL };
    int variant = model_choice("alexnet", "variant", o->variant, variants);
    bool small = model_small_stem("alexnet", o);
    if (tp_error_pending())
        return NULL;
    const int64_t least = small ? 15 : variant == TORCHVISION ? 63 : 67;
    if (o->image_size < least) {
        tp_error_set(TP_ERR_ARGUMENT, "alexnet: image_size is %lld, at least %lld is wanted%s",
                     (long long)o->image_size, (long long)least, small ? "" : " (or the stem 'cifar')");
        return NULL;
    }
    const alexnet_form *form = &forms[variant];
    tp_module *classifier =
        tp_nn_sequential("0", tp_nn_dropout(o->dropout), "1", tp_nn_linear(form->widths[4] * 6 * 6, 4096),
                         "2", tp_nn_relu(), "3", tp_nn_dropout(o->dropout), "4", tp_nn_linear(4096, 4096),
                         "5", tp_nn_relu(), "6", tp_nn_linear(4096, o->classes));
    return tp_nn_sequential("features", features(o, form, small), "avgpool", tp_nn_adaptive_avg_pool2d(6, 6),
                            "flatten", tp_nn_flatten(), "classifier", classifier);
}

extern const model_row model_alexnet;
const model_row model_alexnet = {
    .info = { .name = "alexnet",
              .title = "AlexNet",
              .paper = "Krizhevsky et al. 2012",
              .options = "classes channels image_size variant stem dropout",
              .defaults = { .struct_size = sizeof(tp_model_options),
                            .classes = 1000,
                            .channels = 3,
                            .image_size = 224,
                            .variant = "torchvision",
                            .stem = "imagenet",
                            .dropout = 0.5 } },
    .build = build,
};
