/* test_seeing.c - summaries beside torchinfo's; saliency and Grad-CAM beside PyTorch's.
 *
 * The numbers: tools/golden/seeing.py; both sides fill the networks from names alone.
 * Layer: tests.  Read next: support/filled.h, support/golden.h. */
#include "support/filled.h"
#include "support/golden.h"
#include "support/files.h"

#include <math.h>
#include <string.h>
#include <taper/optim.h>
#include <taper/train.h>

static int64_t whole(const tp_tensor *t, int64_t i)
{
    return ((const int64_t *)tp_data((tp_tensor *)t))[i];
}

static int64_t product(tp_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.ndim; i++)
        n *= s.dim[i];
    return n;
}

/* ---- summaries --------------------------------------------------------------------------------------------------- */

static void check_summary(tp_params *golden, const char *model)
{
    TP_SCOPE;
    tp_summary s;
    int64_t k = 0;
    assert_int_equal(tp_summarize(tp_model(model), TP_SHAPE(1, 3, 224, 224), &s), TP_OK);
    tp_tensor *totals = golden_tensor(golden, "%s/totals", model),
              *layers = golden_tensor(golden, "%s/layers", model);
    const int64_t got[] = { s.params, s.trainable, s.mult_adds, s.input_bytes, s.pass_bytes, s.param_bytes };
    for (int i = 0; i < 6; i++)
        assert_int_equal(got[i], whole(totals, i));
    for (int i = 0; i < s.n_rows; i++) {
        const tp_summary_row *r = &s.rows[i];
        if (!r->params || !r->calls)
            continue;
        assert_int_equal(r->params, whole(layers, 4 * k));
        assert_int_equal(r->mult_adds, whole(layers, 4 * k + 1));
        assert_int_equal(product(r->input), whole(layers, 4 * k + 2));
        assert_int_equal(product(r->output), whole(layers, 4 * k + 3));
        k++;
    }
    assert_int_equal(k, tp_size(layers, 0));
    tp_summary_free(&s);
}

static void summaries_are_torchinfos(void **state)
{
    static const char *const models[] = { "alexnet", "vgg16", "googlenet", "resnet18", "densenet121" };
    TP_SCOPE;
    (void)state;
    tp_params *golden = golden_read("seeing");
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check_summary(golden, models[i]);
}

/* The most memory that a real step takes, and what the network itself does. */
static double measured_step(const char *model, const char *stem, int64_t batch, int64_t side, bool recompute)
{
    TP_SCOPE;
    int64_t labels[8] = { 0 }, before = tp_memory_stats().live_bytes;
    tp_module *net = tp_model(model, .classes = 10, .stem = stem, .image_size = side, .channels = 3,
                              .recompute = recompute);
    tp_optim *sgd = tp_sgd(tp_parameters(net), .lr = 0.01);
    tp_memory_reset_peak();
    {
        TP_SCOPE;
        tp_tensor *x = tp_zeros(TP_SHAPE(batch, 3, side, side));
        tp_tensor *y = tp_tensor_copied(labels, TP_I64, TP_SHAPE(batch));
        tp_backward(tp_cross_entropy(tp_forward(net, x), y));
        tp_step(sgd);
    }
    expect_no_error();
    return (double)(tp_memory_stats().peak_bytes - before);
}

static void the_memory_of_a_training_step_is_what_one_takes(void **state)
{
    static const struct {
        const char *model, *stem;
        int64_t batch, side;
        bool recompute;
    } steps[] = { { "resnet18", "cifar", 8, 32, false },
                  { "densenet121", "cifar", 4, 32, false },
                  { "densenet121", "cifar", 4, 32, true },
                  { "alexnet", "cifar", 8, 32, false },
                  { "simple_cnn", NULL, 8, 32, false } };
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        TP_SCOPE;
        tp_summary s;
        tp_module *net = tp_model(steps[i].model, .classes = 10, .channels = 3, .stem = steps[i].stem,
                                  .image_size = steps[i].side, .recompute = steps[i].recompute);
        int64_t before = tp_memory_stats().live_bytes;
        tp_summarize(net, TP_SHAPE(steps[i].batch, 3, steps[i].side, steps[i].side), &s);
        expect_no_error();
        double got = (double)s.training_bytes;
        tp_summary_free(&s);
        assert_int_equal(tp_memory_stats().live_bytes, before);
        double took =
            measured_step(steps[i].model, steps[i].stem, steps[i].batch, steps[i].side, steps[i].recompute);
        print_message("%s%s: %.2f MB computed, %.2f MB taken\n", steps[i].model,
                      steps[i].recompute ? ", recomputing" : "", got / 1e6, took / 1e6);
        if (!(got <= took && took <= 1.15 * got)) /* the allocator rounds sizes up, nodes take some */
            fail_msg("%s: %.0f bytes computed, %.0f taken", steps[i].model, got, took);
    }
}

/* In an instant: their weights take no memory. */
static void every_model_is_summed_up(void **state)
{
    (void)state;
    for (int i = 0; i < tp_model_count(); i++) {
        TP_SCOPE;
        tp_summary s;
        tp_dry_run_total total = { 0 };
        const tp_model_info *info = tp_model_at(i);
        tp_shape input = tp_model_input_shape(info, NULL, 2);
        tp_dry_run(&total);
        tp_module *net = tp_model(info->name);
        tp_dry_run(NULL);
        int64_t before = tp_memory_stats().live_bytes, own = 0;
        tp_memory_reset_peak();
        assert_int_equal(tp_summarize(net, input, &s), TP_OK);
        assert_true(tp_memory_stats().peak_bytes - before < 4 << 20);
        for (int k = 0; k < s.n_rows; k++)
            own += s.rows[k].params;
        assert_int_equal(own, s.params);
        assert_int_equal(s.rows[0].mult_adds, s.mult_adds);
        assert_true(s.training_bytes > 8 * s.params && s.pass_bytes > 0 && s.flops > (double)s.mult_adds);
        tp_summary_free(&s);
    }
}

/* torchinfo 1.8 of the same three layers. */
static void steps_count_as_torchinfo_counts_them(void **state)
{
    TP_SCOPE;
    tp_summary s;
    (void)state;
    assert_int_equal(tp_summarize(tp_model("char-lm"), TP_SHAPE(2, 128), &s), TP_OK);
    assert_int_equal(s.rows[1].mult_adds, 8320);
    assert_int_equal(s.rows[2].mult_adds, 219152384);
    assert_int_equal(s.rows[3].mult_adds, 33410);
    tp_summary_free(&s);
}

/* One picture, and batch norms over one pixel. */
static void a_batch_that_cannot_be_trained_on_is_summed_up(void **state)
{
    TP_SCOPE;
    tp_summary s;
    (void)state;
    assert_int_equal(tp_summarize(tp_model("resnet18", .image_size = 32), TP_SHAPE(1, 3, 32, 32), &s), TP_OK);
    assert_true(s.training_bytes == 0 && s.params == 11689512);
    tp_summary_free(&s);
}

/* ---- being watched --------------------------------------------------------------------------------------------------- */

static void count_calls(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output,
                        double seconds)
{
    (void)m, (void)input, (void)output, (void)seconds;
    ++*(int *)context;
}

static tp_params *gradients_when(bool watched, int *calls)
{
    tp_module *net = tp_model("squeezenet1_1", .classes = 10, .image_size = 43, .dropout = TP_ZERO);
    tp_tensor *x = tp_empty(TP_SHAPE(4, 3, 43, 43));
    int64_t labels[] = { 0, 3, 5, 9 };
    filled_module(net);
    filled_tensor("images", x, 2, 0);
    if (watched)
        tp_set_observer(count_calls, calls);
    tp_tensor *y = tp_forward(net, x);
    tp_set_observer(NULL, NULL);
    tp_backward(tp_cross_entropy(y, tp_tensor_copied(labels, TP_I64, TP_SHAPE(4))));
    expect_no_error();
    return tp_parameters(net);
}

/* Which the times of layers rely on: activations are not fused under an observer. */
static void an_observer_changes_no_bit(void **state)
{
    TP_SCOPE;
    int calls = 0;
    (void)state;
    tp_params *alone = gradients_when(false, NULL), *watched = gradients_when(true, &calls);
    assert_true(calls > 40);
    for (int i = 0; i < tp_params_count(alone); i++) {
        tp_tensor *a = tp_contiguous(tp_grad(tp_params_at(alone, i))),
                  *b = tp_contiguous(tp_grad(tp_params_at(watched, i)));
        assert_memory_equal(tp_data(a), tp_data(b), (size_t)tp_numel(a) * sizeof(float));
    }
}

/* ---- saliency and Grad-CAM ----------------------------------------------------------------------------------------- */

typedef struct seen_case {
    const char *name, *stem, *layer;
    int64_t side;
    bool is_last; /* the layer is the one that NULL means */
} seen_case;

static const seen_case seen[] = {
    { "resnet18", "cifar", "layer4", 19, true },
    { "alexnet", NULL, "features.10", 67, true },
    { "squeezenet1_1", NULL, "features.12", 43, false },
};

static void expect_near(const char *what, tp_tensor *got, tp_tensor *wanted, double room)
{
    expect_no_error();
    got = tp_double(tp_contiguous(got));
    wanted = tp_double(wanted);
    assert_true(tp_ndim(got) == 3 && tp_numel(got) == tp_numel(wanted));
    double off = tp_item(tp_amax(tp_abs(tp_sub(got, wanted)), TP_ALL_DIMS, false)),
           largest = tp_item(tp_amax(wanted, TP_ALL_DIMS, false));
    if (!(off <= room * largest))
        fail_msg("%s: off by %g of the largest, %g is allowed", what, off / largest, room);
}

static void check_seen(tp_params *golden, const seen_case *c)
{
    TP_SCOPE;
    tp_module *net = tp_model(c->name, .classes = 10, .stem = c->stem, .image_size = c->side);
    tp_tensor *x = tp_empty(TP_SHAPE(2, 3, c->side, c->side));
    filled_module(net);
    filled_tensor("images", x, 2, 0);
    assert_int_equal(tp_module_to(net, TP_F64), TP_OK);
    tp_eval(net);
    x = tp_double(x);
    tp_module *layer = tp_find_module(net, c->layer), *last = c->is_last ? NULL : layer;
    assert_non_null(layer);
    if (c->is_last)
        assert_ptr_equal(tp_last_maps(net, x), layer);
    expect_near(c->name, tp_saliency(net, x, TP_TOP_CLASS), golden_tensor(golden, "%s/saliency", c->name),
                1e-6);
    expect_near(c->name, tp_saliency(net, x, 3), golden_tensor(golden, "%s/saliency3", c->name), 1e-6);
    expect_near(c->name, tp_grad_cam(net, last, x, TP_TOP_CLASS), golden_tensor(golden, "%s/cam", c->name),
                1e-9);
    expect_near(c->name, tp_grad_cam(net, layer, x, 3), golden_tensor(golden, "%s/cam3", c->name), 1e-9);
    for (int i = 0; i < tp_params_count(tp_parameters(net)); i++)
        assert_null(tp_grad(tp_params_at(tp_parameters(net), i)));
}

static void saliency_and_grad_cam_are_pytorchs(void **state)
{
    TP_SCOPE;
    (void)state;
    tp_params *golden = golden_read("seeing");
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
        check_seen(golden, &seen[i]);
}

static void what_cannot_be_seen_is_an_error(void **state)
{
    TP_SCOPE;
    (void)state;
    tp_module *net = tp_model("lenet5"), *mlp = tp_model("mlp"), *other = tp_nn_relu();
    tp_tensor *x = tp_zeros(TP_SHAPE(1, 1, 32, 32));
    assert_null(tp_saliency(net, x, 10));
    expect_error(TP_ERR_ARGUMENT, "saliency: class 10 of 10");
    assert_null(tp_saliency(net, NULL, 0));
    expect_error(TP_ERR_ARGUMENT, "saliency: the input is NULL");
    assert_null(tp_saliency(net, tp_zeros(TP_SHAPE(1, 1024)), 0));
    expect_error(TP_ERR_SHAPE, "2 dims, (N, C, H, W) is wanted");
    assert_null(tp_grad_cam(net, other, x, 0));
    expect_error(TP_ERR_ARGUMENT, "does not run");
    assert_null(tp_grad_cam(net, tp_find_module(net, "fc1"), x, 0));
    expect_error(TP_ERR_SHAPE, "the layer (linear) puts out 2 dims");
    assert_null(tp_grad_cam(mlp, NULL, tp_zeros(TP_SHAPE(1, 1, 28, 28)), 0));
    expect_error(TP_ERR_ARGUMENT, "has no convolution");
    assert_null(tp_output_of(net, NULL, x));
    expect_error(TP_ERR_ARGUMENT, "the layer is NULL");
    tp_tensor *maps = tp_output_of(net, tp_find_module(net, "conv2"), x);
    assert_true(maps && tp_size(maps, 1) == 16 && tp_size(maps, 2) == 10);
}

static void look(void)
{
    TP_SCOPE;
    tp_module *net = tp_model("lenet5", .image_size = 16);
    tp_tensor *x = tp_zeros(TP_SHAPE(1, 1, 16, 16));
    tp_saliency(net, x, 2);
    tp_grad_cam(net, NULL, x, TP_TOP_CLASS);
}

static void without_memory_there_is_an_error(void **state)
{
    (void)state;
    with_failing_allocations(look);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries_are_torchinfos),
        cmocka_unit_test(the_memory_of_a_training_step_is_what_one_takes),
        cmocka_unit_test(every_model_is_summed_up),
        cmocka_unit_test(steps_count_as_torchinfo_counts_them),
        cmocka_unit_test(a_batch_that_cannot_be_trained_on_is_summed_up),
        cmocka_unit_test(an_observer_changes_no_bit),
        cmocka_unit_test(saliency_and_grad_cam_are_pytorchs),
        cmocka_unit_test(what_cannot_be_seen_is_an_error),
        cmocka_unit_test(without_memory_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
