/* test_norm.c - the layers of normalisation beside PyTorch's: ten training steps, running statistics, evaluation.
 *
 * The numbers: tools/golden/norm.py, in f64; here f32, with room for rounding.  The operations themselves: test_opdb.c,
 * test_ops.c.  Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/nn.h>
#include <taper/optim.h>

static tp_module *network(void)
{
    return tp_nn_sequential("conv1", tp_nn_conv2d(2, 4, 3, .no_bias = true), "bn1", tp_nn_batch_norm2d(4),
                            "relu1", tp_nn_relu(), "conv2", tp_nn_conv2d(4, 6, 3), "bn2",
                            tp_nn_batch_norm2d(6, .cumulative = true, .no_affine = true), "relu2",
                            tp_nn_relu(), "in1",
                            tp_nn_instance_norm(6, .affine = true, .running = true, .momentum = 0.2), "gn1",
                            tp_nn_group_norm(3, 6, .eps = 1e-3), "lrn",
                            tp_nn_local_response_norm(3, .alpha = 0.1), "flatten", tp_nn_flatten(), "fc1",
                            tp_nn_linear(72, 8), "bn3", tp_nn_batch_norm1d(8, .eps = 1e-3, .momentum = 0.3),
                            "relu3", tp_nn_relu(), "bn4", tp_nn_batch_norm1d(8, .no_running = true), "ln1",
                            tp_nn_layer_norm(TP_SHAPE(8)), "rms", tp_nn_rms_norm(TP_SHAPE(8)), "fc2",
                            tp_nn_linear(8, 5));
}

static tp_module *loaded(const tp_params *golden)
{
    tp_module *net = network();
    expect_no_error();
    tp_params *state = tp_params_new(), *own = tp_state_dict(net);
    for (int i = 0; i < tp_params_count(own); i++) {
        const char *name = tp_params_name(own, i);
        tp_params_add(state, name, golden_tensor(golden, "state/%s", name));
    }
    assert_int_equal(tp_load_state(net, state), TP_OK);
    return net;
}

static void expect_same(const char *what, const char *name, tp_tensor *got, tp_tensor *wanted)
{
    char text[512], title[128];
    snprintf(title, sizeof title, "%s %s", what, name);
    if (!same_tensor(title, tp_double(tp_detach(got)), tp_double(wanted), (tolerance){ 2e-4, 1e-4, false },
                     text, sizeof text))
        fail_msg("%s", text);
}

static void expect_running(const tp_params *golden, tp_module *net, int step)
{
    tp_params *buffers = tp_buffers(net);
    for (int i = 0; i < tp_params_count(buffers); i++) {
        const char *name = tp_params_name(buffers, i);
        if (strstr(name, "running"))
            expect_same("step", name, tp_params_at(buffers, i),
                        tp_select(golden_tensor(golden, "running/%s", name), 0, step));
    }
}

/* watched: what lies between a normalisation and its relu is asked for, so that the two are not one pass */
static void look(void *context, tp_module *m, const tp_tensor *x, const tp_tensor *y, double seconds)
{
    (void)m, (void)x, (void)y, (void)seconds;
    ++*(int *)context;
}

static void train(int threads, bool watched)
{
    TP_SCOPE;
    tp_params *golden = golden_read("norm");
    tp_module *net = loaded(golden);
    tp_optim *sgd = tp_sgd(tp_parameters(net), .lr = 0.05);
    int before = tp_num_threads(), seen = 0;
    expect_no_error();
    tp_set_num_threads(threads);
    if (watched)
        tp_set_observer(look, &seen);
    for (int step = 0; step < 10; step++) {
        TP_SCOPE;
        tp_tensor *y = tp_forward(net, tp_select(golden_tensor(golden, "images"), 0, step));
        tp_tensor *loss = tp_mse_loss(y, tp_select(golden_tensor(golden, "targets"), 0, step));
        assert_non_null(loss);
        expect_same("loss", "", loss, tp_select(golden_tensor(golden, "losses"), 0, step));
        tp_zero_grad(sgd);
        assert_int_equal(tp_backward(loss), TP_OK);
        tp_step(sgd);
        expect_running(golden, net, step);
    }
    tp_params *state = tp_state_dict(net);
    for (int i = 0; i < tp_params_count(state); i++)
        expect_same("after", tp_params_name(state, i), tp_params_at(state, i),
                    golden_tensor(golden, "after/%s", tp_params_name(state, i)));
    tp_eval(net);
    tp_tensor *x = tp_select(golden_tensor(golden, "images"), 0, 0);
    for (int i = 0; i < 2; i++) /* twice: evaluation changes nothing */
        expect_same("eval", "", tp_forward(net, x), golden_tensor(golden, "eval"));
    tp_set_observer(NULL, NULL);
    tp_set_num_threads(before);
    assert_true(watched == (seen > 0));
}

static void ten_training_steps_are_those_of_pytorch(void **state)
{
    (void)state;
    train(1, false);
    train(3, false);
}

static void so_they_are_where_normalisation_and_relu_are_not_one_pass(void **state)
{
    (void)state;
    train(2, true);
}

/* ---- what is not possible, and what a layer says of itself ----------------------------------------------------------------- */

static void inputs_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *bn = tp_nn_batch_norm2d(3);
    assert_null(tp_forward(bn, tp_ones(TP_SHAPE(2, 3))));
    expect_error(TP_ERR_SHAPE, "batch_norm2d: the input has 2 dims, (N, C, H, W) is wanted");
    assert_null(tp_forward(bn, tp_ones(TP_SHAPE(2, 4, 5, 5))));
    expect_error(TP_ERR_SHAPE, "weight (3,)");
    assert_null(tp_forward(bn, tp_ones(TP_SHAPE(1, 3, 1, 1))));
    expect_error(TP_ERR_SHAPE, "one value for each statistic");
    assert_null(tp_batch_norm(tp_ones(TP_SHAPE(2, 3))));
    expect_error(TP_ERR_ARGUMENT, "running_mean and running_var are wanted");
    assert_null(tp_layer_norm(tp_ones(TP_SHAPE(2, 3)), TP_SHAPE(2)));
    expect_error(TP_ERR_SHAPE, "normalized_shape (2,)");
    assert_null(tp_layer_norm(tp_ones(TP_SHAPE(2, 3), .dtype = TP_I64), TP_SHAPE(3)));
    expect_error(TP_ERR_DTYPE, "i64");
    assert_null(tp_group_norm(tp_ones(TP_SHAPE(2, 3)), 2));
    expect_error(TP_ERR_ARGUMENT, "a divisor of 3 channels");
    assert_null(tp_nn_group_norm(2, 5));
    expect_error(TP_ERR_ARGUMENT, "a divisor of 5 channels");
    assert_null(tp_nn_batch_norm1d(0));
    expect_error(TP_ERR_ARGUMENT, "channels is 0");
    assert_null(tp_nn_layer_norm(TP_SHAPE(3, 0)));
    expect_error(TP_ERR_ARGUMENT, "a size is 0");
    assert_null(tp_nn_local_response_norm(0));
    expect_error(TP_ERR_ARGUMENT, "size is 0");
}

/* ---- tp_fuse: test_zoo.c has the networks ------------------------------------------------------------------------------------- */

static tp_status watch_forward(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                               void *context)
{
    (void)m, (void)in, (void)n_in, (void)out, (void)n_out, (void)context;
    return TP_OK;
}

static void fuse_keeps_what_it_may_not_take(void **state)
{
    (void)state;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_manual_seed(7);
    tp_module *twice = tp_nn_linear(6, 6, .no_bias = true), *seen = tp_nn_linear(6, 6);
    tp_module *net = tp_nn_sequential("fc1", tp_nn_linear(6, 6, .no_bias = true), "bn1",
                                      tp_nn_batch_norm1d(6, .no_affine = true), "fc2", twice, "bn2",
                                      tp_nn_batch_norm1d(6), "fc3", twice, "bn3", tp_nn_batch_norm1d(6),
                                      "fc4", seen, "bn4", tp_nn_batch_norm1d(6), "fc5", tp_nn_linear(6, 6),
                                      "bn5", tp_nn_batch_norm1d(6, .no_running = true));
    assert_int_equal(tp_fuse(net), TP_ERR_STATE);
    expect_error(TP_ERR_STATE, "fuse: the module is in training; call tp_eval first");
    tp_tensor *x = tp_randn(TP_SHAPE(9, 6));
    tp_forward(net, x); /* running statistics */
    tp_register_forward_hook(seen, watch_forward, NULL);
    tp_eval(net);
    tp_tensor *wanted = tp_forward(net, x);
    assert_int_equal(tp_fuse(net), TP_OK);
    assert_int_equal(tp_n_children(net), 9); /* all but bn1 */
    assert_string_equal(tp_module_info(tp_find_module(net, "fc1")), "6, 6");
    assert_null(tp_find_module(net, "bn1"));
    assert_true(tp_item(tp_allclose(tp_forward(net, x), wanted, 1e-5, 1e-6, false)));
    expect_no_error();
}

static void layers_say_what_they_are(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_string_equal(tp_module_info(tp_nn_batch_norm2d(64)), "64");
    assert_string_equal(tp_module_info(
                            tp_nn_batch_norm1d(8, .eps = 1e-3, .momentum = 0.3, .no_affine = true)),
                        "8, eps 0.001, momentum 0.3, no weight");
    assert_string_equal(tp_module_info(tp_nn_instance_norm(4)), "4, no weight, no running statistics");
    assert_string_equal(tp_module_info(tp_nn_layer_norm(TP_SHAPE(3, 4), .no_bias = true)), "3x4, no bias");
    assert_string_equal(tp_module_info(tp_nn_group_norm(2, 6)), "6, groups 2");
    expect_no_error();
}

/* Weights that only the layer holds are scaled where they lie, those that others hold are left to them. */
static void fuse_leaves_others_weights(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        TP_SCOPE;
        TP_NO_GRAD;
        tp_manual_seed(8);
        tp_module *net = tp_nn_sequential("fc", tp_nn_linear(5, 4), "bn", tp_nn_batch_norm1d(4));
        tp_tensor *x = tp_randn(TP_SHAPE(9, 5));
        tp_forward(net, x);
        tp_eval(net);
        tp_tensor *wanted = tp_forward(net, x), *copy, *own = NULL;
        const void *place;
        {
            TP_SCOPE;
            tp_tensor *weight = tp_params_at(tp_parameters(net), 0);
            place = tp_data(weight);
            copy = tp_keep(tp_clone(weight));
            if (held)
                own = tp_retain(weight);
        }
        assert_int_equal(tp_fuse(net), TP_OK);
        assert_true((tp_data(tp_params_at(tp_parameters(net), 0)) == place) == !held);
        if (held)
            assert_true(tp_item(tp_equal(own, copy)) != 0);
        tp_release(own);
        assert_true(tp_item(tp_allclose(tp_forward(net, x), wanted, 1e-5, 1e-6, false)));
        expect_no_error();
    }
}

/* A large mean costs no digits: the mean is 4096, the variance 1. */
static void a_large_mean_costs_no_digits(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(3);
    tp_tensor *x = tp_round(tp_mul(tp_randn(TP_SHAPE(512, 5), .dtype = TP_F64), 64));
    x = tp_float(tp_add(tp_div(x, 64), 4096)); /* exact in f32 */
    tp_tensor *wanted = tp_batch_norm(tp_double(x), .training = true);
    expect_same("batch_norm", "of a large mean", tp_batch_norm(x, .training = true), wanted);
    tp_tensor *columns = tp_contiguous(tp_transpose(x, 0, 1));
    expect_same("layer_norm", "of a large mean", tp_layer_norm(columns, TP_SHAPE(512)),
                tp_transpose(wanted, 0, 1));
}

static void build_and_train_once(void)
{
    TP_SCOPE;
    tp_module *net = network();
    tp_tensor *y = tp_forward(net, tp_ones(TP_SHAPE(2, 2, 8, 7)));
    tp_backward(tp_sum(y, TP_ALL_DIMS, false));
}

static void without_memory_they_fail_and_leave_none_behind(void **state)
{
    (void)state;
    with_failing_allocations(build_and_train_once);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_training_steps_are_those_of_pytorch),
        cmocka_unit_test(so_they_are_where_normalisation_and_relu_are_not_one_pass),
        cmocka_unit_test(inputs_that_do_not_fit_are_errors),
        cmocka_unit_test(fuse_keeps_what_it_may_not_take),
        cmocka_unit_test(fuse_leaves_others_weights),
        cmocka_unit_test(layers_say_what_they_are),
        cmocka_unit_test(a_large_mean_costs_no_digits),
        cmocka_unit_test(without_memory_they_fail_and_leave_none_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
