/* test_lenet_golden.c - LeNet-5 from PyTorch's weights: its logits, loss, gradients, and the weights after three Adam steps.
 *
 * The numbers: tools/golden/lenet5.py.  Once built of layers here, once the model of the library; in f32 against the f64
 * numbers, with room for rounding.  Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/models.h>
#include <taper/optim.h>

static tp_module *of_layers(void)
{
    return tp_nn_sequential("conv1", tp_nn_conv2d(1, 6, 5), "tanh1", tp_nn_tanh(), "pool1",
                            tp_nn_avg_pool2d(2), "conv2", tp_nn_conv2d(6, 16, 5), "tanh2", tp_nn_tanh(),
                            "pool2", tp_nn_avg_pool2d(2), "flatten", tp_nn_flatten(), "fc1",
                            tp_nn_linear(400, 120), "relu1", tp_nn_relu(), "fc2", tp_nn_linear(120, 84),
                            "relu2", tp_nn_relu(), "fc3", tp_nn_linear(84, 10));
}

static tp_module *of_the_library(void)
{
    return tp_model("lenet5", .classes = 10);
}

static const char *const module_names[] = { "conv1",   "tanh1", "pool1", "conv2", "tanh2", "pool2",
                                            "flatten", "fc1",   "relu1", "fc2",   "relu2", "fc3" };

static void load(tp_module *net, const tp_params *golden)
{
    TP_SCOPE;
    tp_params *state = tp_params_new(), *own = tp_parameters(net);
    expect_no_error();
    assert_int_equal(tp_params_count(own), 10);
    for (int i = 0; i < tp_params_count(own); i++)
        tp_params_add(state, tp_params_name(own, i),
                      golden_tensor(golden, "weight/%s", tp_params_name(own, i)));
    assert_int_equal(tp_load_state(net, state), TP_OK);
    assert_int_equal(tp_params_numel(own), 61706);
}

/* Elements of x at sample, as the file has them. */
static tp_tensor *sampled(tp_tensor *x, tp_tensor *sample)
{
    return tp_double(tp_index_select(tp_reshape(tp_detach(x), TP_SHAPE(-1)), 0, tp_long(sample)));
}

static void expect_same(const char *name, const char *what, tp_tensor *got, tp_tensor *wanted, double rtol,
                        double atol)
{
    char text[512], title[128];
    snprintf(title, sizeof title, "%s %s", what, name);
    if (!same_tensor(title, got, wanted, (tolerance){ rtol, atol, false }, text, sizeof text))
        fail_msg("%s", text);
}

static void logits_loss_and_gradients(tp_module *(*build)(void))
{
    TP_SCOPE;
    tp_params *golden = golden_read("lenet5");
    tp_module *net = build();
    expect_no_error();
    load(net, golden);
    tp_tensor *logits = tp_forward(net, golden_tensor(golden, "images"));
    expect_same("", "logits", tp_double(logits), golden_tensor(golden, "logits"), 1e-5, 1e-6);
    tp_tensor *loss = tp_cross_entropy(logits, golden_tensor(golden, "labels"));
    expect_same("", "loss", tp_double(loss), golden_tensor(golden, "loss"), 1e-6, 0);
    assert_int_equal(tp_backward(loss), TP_OK);
    tp_params *own = tp_parameters(net);
    for (int i = 0; i < tp_params_count(own); i++) {
        TP_SCOPE;
        const char *name = tp_params_name(own, i);
        tp_tensor *g = tp_grad(tp_params_at(own, i));
        assert_non_null(g);
        tp_tensor *norm = tp_norm(tp_double(g), 2, TP_ALL_DIMS, false);
        double size = tp_item(norm);
        expect_same(name, "norm of the gradient of", norm, golden_tensor(golden, "norm/%s", name), 1e-5, 0);
        expect_same(name, "gradient of", sampled(g, golden_tensor(golden, "sample/%s", name)),
                    golden_tensor(golden, "grad/%s", name), 1e-4, 1e-6 * size);
    }
}

/* Room for rounding: where a gradient is near 0, noise of f32 moves a whole part of Adam's step of 1e-3. */
static void three_adam_steps(tp_module *(*build)(void))
{
    TP_SCOPE;
    tp_params *golden = golden_read("lenet5");
    tp_module *net = build();
    expect_no_error();
    load(net, golden);
    tp_params *own = tp_parameters(net);
    tp_optim *adam = tp_adam(own);
    tp_tensor *losses = golden_tensor(golden, "losses");
    for (int k = 0; k < 3; k++) {
        TP_SCOPE;
        tp_tensor *loss = tp_cross_entropy(tp_forward(net, golden_tensor(golden, "images")),
                                           golden_tensor(golden, "labels"));
        expect_same("", "loss of a step", tp_double(loss), tp_select(losses, 0, k), 2e-5, 0);
        tp_zero_grad(adam);
        assert_int_equal(tp_backward(loss), TP_OK);
        assert_int_equal(tp_step(adam), TP_OK);
    }
    for (int i = 0; i < tp_params_count(own); i++) {
        TP_SCOPE;
        const char *name = tp_params_name(own, i);
        tp_tensor *sample = golden_tensor(golden, "sample/%s", name);
        expect_same(name, "after three steps,", sampled(tp_params_at(own, i), sample),
                    golden_tensor(golden, "after/%s", name), 1e-5, 2e-5);
    }
}

static void logits_loss_and_gradients_of_layers_are_pytorchs(void **state)
{
    (void)state;
    logits_loss_and_gradients(of_layers);
}

static void three_adam_steps_of_layers_are_pytorchs(void **state)
{
    (void)state;
    three_adam_steps(of_layers);
}

static void logits_loss_and_gradients_of_the_model_are_pytorchs(void **state)
{
    (void)state;
    logits_loss_and_gradients(of_the_library);
}

static void three_adam_steps_of_the_model_are_pytorchs(void **state)
{
    (void)state;
    three_adam_steps(of_the_library);
}

static void the_model_names_its_modules_as_the_design_says(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = of_the_library();
    expect_no_error();
    assert_int_equal(tp_n_children(net), (int)(sizeof module_names / sizeof *module_names));
    for (int i = 0; i < tp_n_children(net); i++)
        assert_string_equal(tp_child_name(net, i), module_names[i]);
}

/* The same in f64 from functions alone: the numbers of the file to the last bits. */
static void logits_loss_and_gradients_in_f64_are_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    static const char *const names[] = { "conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                         "fc1.weight",   "fc1.bias",   "fc2.weight",   "fc2.bias",
                                         "fc3.weight",   "fc3.bias" };
    tp_params *golden = golden_read("lenet5");
    tp_tensor *p[10], *grads[10];
    for (int i = 0; i < 10; i++)
        p[i] = tp_requires_grad_(tp_double(golden_tensor(golden, "weight/%s", names[i])), true);
    tp_tensor *x = tp_double(golden_tensor(golden, "images"));
    x = tp_avg_pool2d(tp_tanh(tp_conv2d(x, p[0], .bias = p[1])), 2);
    x = tp_avg_pool2d(tp_tanh(tp_conv2d(x, p[2], .bias = p[3])), 2);
    x = tp_relu(tp_linear(tp_flatten(x, 1, -1), p[4], p[5]));
    x = tp_linear(tp_relu(tp_linear(x, p[6], p[7])), p[8], p[9]);
    expect_same("", "logits", x, golden_tensor(golden, "logits"), 1e-11, 1e-13);
    tp_tensor *loss = tp_cross_entropy(x, golden_tensor(golden, "labels"));
    expect_same("", "loss", loss, golden_tensor(golden, "loss"), 1e-12, 0);
    tp_gradients(loss, p, 10, grads);
    expect_no_error();
    for (int i = 0; i < 10; i++)
        expect_same(names[i], "gradient of", sampled(grads[i], golden_tensor(golden, "sample/%s", names[i])),
                    golden_tensor(golden, "grad/%s", names[i]), 1e-9, 1e-13);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_loss_and_gradients_in_f64_are_pytorchs),
        cmocka_unit_test(logits_loss_and_gradients_of_layers_are_pytorchs),
        cmocka_unit_test(three_adam_steps_of_layers_are_pytorchs),
        cmocka_unit_test(the_model_names_its_modules_as_the_design_says),
        cmocka_unit_test(logits_loss_and_gradients_of_the_model_are_pytorchs),
        cmocka_unit_test(three_adam_steps_of_the_model_are_pytorchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
