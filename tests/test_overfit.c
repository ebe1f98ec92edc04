/* test_overfit.c - every network learns 32 photographs by heart: it is right on all of them, in evaluation.
 *
 * tests/data/photos has four classes, eight parts of one picture each.  A network whose gradient, batch norm or dropout were wrong
 * would not get there; how many steps it may take is a few times what it takes.
 * Layer: tests.  Read next: test_zoo.c. */
#include "support/files.h"

#include <stdio.h>
#include <string.h>
#include <taper/data.h>
#include <taper/models.h>
#include <taper/optim.h>

enum { PICTURES = 32, CLASSES = 4, LOOK = 4 };

typedef struct overfit_case {
    const char *model, *variant, *stem;
    int64_t channels, side;
    double lr;
    int steps;
    bool no_dropout; /* with it a deep network without norms takes minutes */
} overfit_case;

static const overfit_case cases[] = {
    { "mlp", NULL, NULL, 3, 32, 1e-3, 40 },
    { "lenet5", NULL, NULL, 1, 32, 2e-3, 100 },
    { "simple_cnn", NULL, NULL, 3, 32, 1e-3, 40 },
    { "alexnet", NULL, NULL, 3, 64, 3e-4, 80 },
    { "alexnet", "paper", NULL, 3, 67, 3e-4, 80 },
    { "vgg16", NULL, "cifar", 3, 32, 1e-4, 160, .no_dropout = true },
    { "googlenet", NULL, NULL, 3, 64, 1e-3, 120 },
    { "googlenet", "paper", NULL, 3, 64, 5e-4, 160 },
    { "resnet18", NULL, NULL, 3, 64, 1e-3, 60 },
    { "densenet121", NULL, NULL, 3, 32, 1e-3, 60 },
    { "squeezenet1_1", NULL, NULL, 3, 64, 3e-4, 120 },
};

/* All 32, (x, y), as f32 and classes. */
static void pictures(const overfit_case *c, tp_tensor **x, tp_tensor **y)
{
    char text[128];
    snprintf(text, sizeof text, "resize=%lldx%lld normalize=0.45/0.25", (long long)c->side,
             (long long)c->side);
    tp_dataset *d = tp_image_folder("tests/data/photos", c->channels, 64);
    tp_loader *loader = tp_loader_new(d, PICTURES, .workers = -1, .transform = tp_transform_parse(text));
    tp_batch b;
    expect_no_error();
    assert_true(tp_loader_next(loader, &b));
    assert_int_equal(b.n, PICTURES);
    *x = tp_clone(b.x);
    *y = tp_clone(b.y);
}

static int right(tp_module *net, tp_tensor *x, tp_tensor *y)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_eval(net);
    tp_tensor *hits = tp_sum(tp_eq(tp_argmax(tp_forward(net, x), 1, false), y), TP_SHAPE(0), false);
    tp_train(net, true);
    return (int)tp_item(hits);
}

static void step(tp_module *net, tp_optim *optim, tp_tensor *x, tp_tensor *y)
{
    TP_SCOPE;
    double weight;
    tp_zero_grad(optim);
    tp_tensor *loss = tp_cross_entropy(tp_forward(net, x), y);
    for (tp_tensor *beside; (beside = tp_take_aux(net, &weight));)
        loss = tp_add(loss, tp_mul(tp_cross_entropy(beside, y), weight));
    tp_backward(loss);
    tp_step(optim);
}

static void learns_by_heart(void **state)
{
    const overfit_case *c = *state;
    need_jpeg();
    TP_SCOPE;
    tp_tensor *x, *y;
    tp_manual_seed(1);
    tp_module *net = tp_model(c->model, .classes = CLASSES, .channels = c->channels, .image_size = c->side,
                              .variant = c->variant, .stem = c->stem, .dropout = c->no_dropout ? TP_ZERO : 0);
    tp_optim *optim = tp_adam(tp_parameters(net), .lr = c->lr);
    expect_no_error();
    pictures(c, &x, &y);
    int steps = 0, best = right(net, x, y);
    for (; best < PICTURES && steps < c->steps; steps++) {
        step(net, optim, x, y);
        if ((steps + 1) % LOOK == 0)
            best = right(net, x, y);
    }
    expect_no_error();
    print_message("%s %s %s: %d of %d after %d steps\n", c->model, c->variant ? c->variant : "",
                  c->stem ? c->stem : "", best, PICTURES, steps);
    assert_int_equal(best, PICTURES);
}

int main(void)
{
    enum { N = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[N];
    char names[N][64];
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof *names, "%s %s %s", cases[i].model,
                 cases[i].variant ? cases[i].variant : "", cases[i].stem ? cases[i].stem : "");
        tests[i] = (struct CMUnitTest){ .name = names[i],
                                        .test_func = learns_by_heart,
                                        .initial_state = (void *)&cases[i] };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
