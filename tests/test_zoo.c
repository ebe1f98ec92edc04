/* test_zoo.c - the CNN zoo beside torchvision, from the same weights: outputs, losses, gradients, running statistics, ten steps.
 *
 * The numbers: tools/golden/zoo.py, in f64, and so here; in f32 the outputs alone, with room for rounding, which many batch norms
 * over three pictures make grow (PyTorch's own f32 is as far off).  Both sides fill every tensor from its name alone, so a
 * wrong name is a wrong number.
 * Layer: tests.  Read next: support/golden.h. */
#include "support/filled.h"
#include "support/golden.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/models.h>
#include <taper/optim.h>

enum { CLASSES = 10, BATCH = 3, SAMPLES = 4, STEPS = 10 };
#define EXACT 1e-8 /* in f64 */

typedef struct zoo_case {
    const char *name, *model, *variant, *stem;
    int64_t side;
    double lr;
    double logits; /* room in f32, of the largest logit */
    bool recompute;
} zoo_case;

static const zoo_case cases[] = {
    { "alexnet", "alexnet", NULL, NULL, 67, 2e-5, 1e-5 },
    { "alexnet-paper", "alexnet", "paper", NULL, 75, 2e-5, 1e-5 },
    { "alexnet-paper_groups", "alexnet", "paper_groups", NULL, 75, 2e-5, 1e-5 },
    { "vgg11_bn-cifar", "vgg11_bn", NULL, "cifar", 64, 1e-3, 1e-5 },
    { "vgg16-cifar", "vgg16", NULL, "cifar", 45, 1e-4, 1e-5 },
    { "googlenet", "googlenet", NULL, NULL, 81, 1e-3, 1e-4 },
    { "googlenet-paper", "googlenet", "paper", NULL, 75, 3e-5, 1e-5 },
    { "resnet18", "resnet18", NULL, NULL, 67, 1e-3, 1e-5 },
    { "resnet18-cifar", "resnet18", NULL, "cifar", 19, 1e-3, 1e-5 },
    { "resnet50", "resnet50", NULL, NULL, 65, 2e-5, 1e-4 },
    { "densenet121", "densenet121", NULL, NULL, 65, 1e-3, 1e-4 },
    { "densenet121-cifar", "densenet121", NULL, "cifar", 17, 1e-3, 1e-4 },
    { "squeezenet1_1", "squeezenet1_1", NULL, NULL, 67, 1e-4, 1e-5 },
};

/* ---- comparing --------------------------------------------------------------------------------------------------------------- */

static double at(tp_tensor *t, int64_t i)
{
    return ((const double *)tp_data(t))[i];
}

/* |got - wanted| <= room max(|wanted|) over all */
static void expect_near(const char *what, tp_tensor *got, tp_tensor *wanted, double room)
{
    tp_tensor *g = tp_contiguous(tp_double(tp_detach(got)));
    double largest = 0, worst = 0;
    assert_int_equal(tp_numel(got), tp_numel(wanted));
    for (int64_t i = 0; i < tp_numel(got); i++) {
        largest = fmax(largest, fabs(at(wanted, i)));
        worst = fmax(worst, fabs(at(g, i) - at(wanted, i)));
    }
    if (getenv("TAPER_TEST_VERBOSE"))
        print_message("%s: %.2g of the largest\n", what, worst / largest);
    if (!(worst <= room * largest))
        fail_msg("%s: off by %g of the largest, %g is allowed", what, worst / largest, room);
}

static tp_tensor *loss_of(tp_module *net, tp_tensor *images, tp_tensor *labels)
{
    double weight;
    tp_tensor *loss = tp_cross_entropy(tp_forward(net, images), labels);
    for (tp_tensor *y; (y = tp_take_aux(net, &weight));)
        loss = tp_add(loss, tp_mul(tp_cross_entropy(y, labels), weight));
    expect_no_error();
    return loss;
}

static void check_gradients(const zoo_case *c, tp_module *net, tp_tensor *norms, tp_tensor *samples)
{
    tp_params *all = tp_parameters(net);
    double largest = 0, worst_norm = 0, worst = 0;
    assert_int_equal(tp_params_count(all), tp_numel(norms));
    for (int i = 0; i < tp_params_count(all); i++)
        largest = fmax(largest, at(norms, i));
    for (int i = 0; i < tp_params_count(all); i++) {
        TP_SCOPE;
        tp_tensor *g = tp_contiguous(tp_grad(tp_params_at(all, i)));
        assert_non_null(g);
        double norm = tp_item(tp_norm(tp_double(g), 2, TP_ALL_DIMS, false)),
               size = at(norms, i) + 1e-3 * largest; /* a bias before a batch norm has 0 but for rounding */
        worst_norm = fmax(worst_norm, fabs(norm - at(norms, i)) / size);
        for (int j = 0; j < SAMPLES; j++) {
            uint64_t k = filled_raw(tp_params_name(all, i), "?", j) % (uint64_t)tp_numel(g);
            worst = fmax(worst, fabs(at(g, (int64_t)k) - at(samples, SAMPLES * i + j)) / size);
        }
    }
    if (getenv("TAPER_TEST_VERBOSE"))
        print_message("%s: gradients %.2g, their norms %.2g\n", c->name, worst, worst_norm);
    if (!(fmax(worst, worst_norm) <= EXACT))
        fail_msg("%s: gradients off by %g of their norms, the norms by %g; %g is allowed", c->name, worst,
                 worst_norm, EXACT);
}

static void check_running(const zoo_case *c, tp_module *net, tp_tensor *wanted)
{
    tp_params *buffers = tp_buffers(net);
    double worst = 0;
    int64_t k = 0;
    for (int i = 0; i < tp_params_count(buffers); i++) {
        TP_SCOPE;
        if (filled_ends_with(tp_params_name(buffers, i), "num_batches_tracked")) {
            assert_int_equal((int)tp_item(tp_params_at(buffers, i)), 1);
            continue;
        }
        double sum = tp_item(tp_sum(tp_abs(tp_double(tp_params_at(buffers, i))), TP_ALL_DIMS, false));
        worst = fmax(worst, fabs(sum / at(wanted, k) - 1));
        k++;
    }
    assert_int_equal(k, tp_numel(wanted));
    if (!(worst <= EXACT))
        fail_msg("%s: running statistics off by %g", c->name, worst);
}

/* ---- a case -------------------------------------------------------------------------------------------------------------------- */

typedef struct setting {
    tp_params *golden;
    tp_module *net;
    tp_tensor *images, *labels;
} setting;

static setting set_up(const zoo_case *c)
{
    int64_t numbers[BATCH];
    setting s = { .golden = golden_read("zoo") };
    s.net = tp_model(c->model, .classes = CLASSES, .variant = c->variant, .stem = c->stem,
                     .image_size = c->side, .dropout = TP_ZERO, .recompute = c->recompute);
    expect_no_error();
    filled_module(s.net);
    s.images = tp_empty(TP_SHAPE(BATCH, 3, c->side, c->side));
    filled_tensor("images", s.images, 2, 0);
    for (int i = 0; i < BATCH; i++)
        numbers[i] = 7 * i % CLASSES;
    s.labels = tp_tensor_copied(numbers, TP_I64, TP_SHAPE(BATCH));
    return s;
}

/* Logits of one picture in evaluation, of all in training mode. */
static void check_logits(const zoo_case *c, const setting *s, double room)
{
    TP_SCOPE;
    TP_NO_GRAD;
    char what[128];
    tp_eval(s->net);
    tp_tensor *logits = tp_forward(s->net, tp_narrow(s->images, 0, 0, 1));
    expect_no_error();
    snprintf(what, sizeof what, "%s, evaluation", c->name);
    expect_near(what, logits, golden_tensor(s->golden, "%s/eval", c->name), room);
    tp_train(s->net, true);
    logits = tp_forward(s->net, s->images);
    expect_no_error();
    snprintf(what, sizeof what, "%s, training", c->name);
    expect_near(what, logits, golden_tensor(s->golden, "%s/train", c->name), room);
}

static void ten_steps(const zoo_case *c, const setting *s)
{
    tp_optim *sgd = tp_sgd(tp_parameters(s->net), .lr = c->lr, .momentum = 0.9);
    tp_tensor *losses = golden_tensor(s->golden, "%s/losses", c->name);
    for (int step = 0; step <= STEPS; step++) {
        TP_SCOPE;
        tp_tensor *loss = loss_of(s->net, s->images, s->labels);
        double value = tp_item(loss);
        if (!(fabs(value - at(losses, step)) <= EXACT * fmax(at(losses, step), 1)))
            fail_msg("%s: loss %.12g before step %d, wanted %.12g", c->name, value, step, at(losses, step));
        if (step == STEPS)
            break;
        tp_zero_grad(sgd);
        assert_int_equal(tp_backward(loss), TP_OK);
        if (step == 0) {
            check_gradients(c, s->net, golden_tensor(s->golden, "%s/norms", c->name),
                            golden_tensor(s->golden, "%s/samples", c->name));
            if (tp_params_count(tp_buffers(s->net)))
                check_running(c, s->net, golden_tensor(s->golden, "%s/running", c->name));
        }
        assert_int_equal(tp_step(sgd), TP_OK);
    }
}

static int batch_norms(tp_module *m)
{
    int n = !strcmp(tp_module_type(m), "batch_norm2d");
    for (int i = 0; i < tp_n_children(m); i++)
        n += batch_norms(tp_child_at(m, i));
    return n;
}

/* After ten steps, so that no batch norm is as it began.  DenseNet alone has some before their convolution: the first of each of
 * 58 layers, of 3 transitions, and the last. */
static void fuse_changes_nothing(const zoo_case *c, const setting *s)
{
    char what[128];
    TP_NO_GRAD;
    tp_eval(s->net);
    tp_tensor *wanted = tp_forward(s->net, s->images);
    assert_int_equal(tp_fuse(s->net), TP_OK);
    snprintf(what, sizeof what, "%s, fused", c->name);
    expect_near(what, tp_forward(s->net, s->images), wanted, 1e-12);
    assert_int_equal(batch_norms(s->net), strcmp(c->model, "densenet121") ? 0 : 58 + 3 + 1);
}

static void check_case(const zoo_case *c)
{
    TP_SCOPE;
    setting s = set_up(c);
    check_logits(c, &s, c->logits);
    filled_module(s.net); /* running statistics as they were */
    assert_int_equal(tp_module_to(s.net, TP_F64), TP_OK);
    s.images = tp_double(s.images);
    ten_steps(c, &s);
    fuse_changes_nothing(c, &s);
}

static void so_they_are_when_they_recompute(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(cases[i].name, "resnet18-cifar") || !strcmp(cases[i].name, "densenet121-cifar")) {
            zoo_case c = cases[i];
            c.recompute = true;
            check_case(&c);
        }
}

static void networks_are_torchvisions(void **unused)
{
    (void)unused;
    const char *only = getenv("TAPER_TEST_CASE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!only || !strcmp(only, cases[i].name))
            check_case(&cases[i]);
}

/* ---- parameter counts ------------------------------------------------------------------------------------------------------------ */

static void counts_are_torchvisions(void **unused)
{
    static const struct {
        const char *model;
        int64_t count;
    } wanted[] = {
        { "alexnet", 61100840 },      { "vgg11", 132863336 },      { "vgg11_bn", 132868840 },
        { "vgg13", 133047848 },       { "vgg13_bn", 133053736 },   { "vgg16", 138357544 },
        { "vgg16_bn", 138365992 },    { "vgg19", 143667240 },      { "vgg19_bn", 143678248 },
        { "googlenet", 13004888 },    { "resnet18", 11689512 },    { "resnet34", 21797672 },
        { "resnet50", 25557032 },     { "resnet101", 44549160 },   { "resnet152", 60192808 },
        { "densenet121", 7978856 },   { "densenet169", 14149480 }, { "densenet201", 20013928 },
        { "squeezenet1_1", 1235496 },
    };
    (void)unused;
    tp_dry_run_total total = { 0 };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        TP_SCOPE;
        tp_dry_run(&total);
        tp_module *net = tp_model(wanted[i].model);
        tp_dry_run(NULL);
        expect_no_error();
        assert_int_equal(tp_params_numel(tp_parameters(net)), wanted[i].count);
    }
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts_are_torchvisions),
                                        cmocka_unit_test(networks_are_torchvisions),
                                        cmocka_unit_test(so_they_are_when_they_recompute) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
