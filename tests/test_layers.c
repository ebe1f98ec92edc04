/* test_layers.c - 1-d and transposed convolutions as layers, beside PyTorch's: five training steps; dropout of channels; dense blocks.
 *
 * The numbers: tools/golden/layers.py, in f64, and so here.  Layer: tests.  Read next: support/golden.h. */
#include "support/golden.h"
#include "support/files.h"

#include <math.h>
#include <taper/nn.h>
#include <taper/optim.h>

static tp_module *of_one_dim(void)
{
    return tp_nn_sequential("0", tp_nn_conv1d(4, 6, 3, .stride = 2, .padding = 1, .groups = 2), "1",
                            tp_nn_relu(), "2", tp_nn_conv1d(6, 4, 2, .dilation = 3, .no_bias = true), "3",
                            tp_nn_conv_transpose1d(4, 6, 4, .stride = 3, .padding = 2, .output_padding = 1,
                                                   .groups = 2),
                            "4", tp_nn_relu(), "5",
                            tp_nn_conv_transpose1d(6, 3, 3, .dilation = 2, .no_bias = true));
}

static tp_module *of_two_dims(void)
{
    return tp_nn_sequential("0", tp_nn_conv2d(3, 4, 3), "1", tp_nn_relu(), "2",
                            tp_nn_conv_transpose2d(4, 6, 0, .kernel_hw = { 3, 2 }, .stride_hw = { 2, 1 },
                                                   .padding_hw = { 1, 0 }, .output_padding_hw = { 1, 0 }),
                            "3", tp_nn_relu(), "4", tp_nn_conv_transpose2d(6, 6, 3, .stride = 2, .groups = 6),
                            "5", tp_nn_relu(), "6",
                            tp_nn_conv_transpose2d(6, 2, 3, .padding = 1, .dilation = 2, .no_bias = true));
}

static void expect_near(tp_tensor *got, tp_tensor *wanted)
{
    assert_true(tp_item(tp_allclose(got, wanted, 1e-12, 1e-12, false)) == 1);
}

static void train(const char *name, tp_module *net)
{
    TP_SCOPE;
    tp_params *golden = golden_read("layers"), *own = tp_state_dict(net), *state = tp_params_new();
    for (int i = 0; i < tp_params_count(own); i++)
        tp_params_add(state, tp_params_name(own, i),
                      golden_tensor(golden, "%s/state/%s", name, tp_params_name(own, i)));
    assert_int_equal(tp_load_state(net, state), TP_OK);
    assert_int_equal(tp_module_to(net, TP_F64), TP_OK);
    tp_optim *sgd = tp_sgd(tp_parameters(net), .lr = 0.05);
    tp_tensor *x = tp_double(golden_tensor(golden, "%s/x", name)),
              *y = tp_double(golden_tensor(golden, "%s/y", name));
    for (int step = 0; step < 5; step++) {
        TP_SCOPE;
        tp_tensor *loss = tp_mse_loss(tp_forward(net, x), y);
        expect_no_error();
        expect_near(loss, tp_select(golden_tensor(golden, "%s/losses", name), 0, step));
        tp_zero_grad(sgd);
        assert_int_equal(tp_backward(loss), TP_OK);
        assert_int_equal(tp_step(sgd), TP_OK);
    }
    expect_near(tp_detach(tp_forward(net, x)), golden_tensor(golden, "%s/out", name));
}

static void convolutions_train_as_pytorchs(void **unused)
{
    (void)unused;
    TP_SCOPE;
    train("one", of_one_dim());
    train("two", of_two_dims());
}

static void layers_say_what_they_are_and_what_is_wrong(void **unused)
{
    (void)unused;
    TP_SCOPE;
    assert_string_equal(tp_module_info(tp_nn_conv1d(4, 6, 3, .stride = 2, .groups = 2)),
                        "4, 6, kernel 3, stride 2, groups 2");
    assert_string_equal(tp_module_info(tp_nn_conv_transpose2d(4, 6, 3, .stride = 2, .output_padding = 1,
                                                              .no_bias = true)),
                        "4, 6, kernel 3, stride 2, output padding 1, no bias");
    assert_null(tp_nn_conv1d(3, 4, 0));
    expect_error(TP_ERR_ARGUMENT, "conv1d: kernel is 0, at least 1 is wanted");
    assert_null(tp_nn_conv_transpose2d(4, 6, 3, .groups = 3));
    expect_error(TP_ERR_ARGUMENT, "conv_transpose2d: groups is 3, a divisor of 4 and 6 channels is wanted");
    tp_module *m = tp_nn_conv_transpose2d(2, 3, 3, .output_padding = 1);
    assert_null(tp_forward(m, tp_ones(TP_SHAPE(1, 2, 4, 4))));
    expect_error(TP_ERR_ARGUMENT, "output_padding 1, less than stride 1 or dilation 1 is wanted");
    assert_null(tp_nn_dropout2d(1.5));
    expect_error(TP_ERR_ARGUMENT, "dropout2d: p is 1.5, [0, 1] is wanted");
}

/* Each channel of each example is all 0 or all 4/3; the share of zeros is p within four standard deviations. */
static void whole_channels_drop(void **unused)
{
    (void)unused;
    enum { EXAMPLES = 40, CHANNELS = 50, PIXELS = 6 };
    TP_SCOPE;
    tp_manual_seed(5);
    tp_module *m = tp_nn_dropout2d(0.25);
    tp_tensor *x = tp_ones(TP_SHAPE(EXAMPLES, CHANNELS, 2, 3));
    tp_tensor *y = tp_contiguous(tp_forward(m, x));
    const float *at = tp_data(y);
    int zeros = 0;
    for (int i = 0; i < EXAMPLES * CHANNELS; i++, at += PIXELS) {
        zeros += at[0] == 0;
        assert_true(at[0] == 0 || fabsf(at[0] - 4.f / 3) < 1e-6f);
        for (int k = 1; k < PIXELS; k++)
            assert_true(at[k] == at[0]);
    }
    const double share = (double)zeros / (EXAMPLES * CHANNELS);
    assert_true(fabs(share - 0.25) < 4 * sqrt(0.25 * 0.75 / (EXAMPLES * CHANNELS)));
    tp_eval(m);
    assert_ptr_equal(tp_forward(m, x), x);
}

/* Children of 3, 5 and 2 channels: the same bits with a graph, which joins tensors, and without, where all lie in one. */
static void a_dense_block_without_a_graph_gives_the_same_bits(void **state)
{
    (void)state;
    TP_SCOPE;
    static const int64_t widths[] = { 4, 7, 12, 14 };
    tp_module *block = tp_nn_dense_block(NULL);
    tp_manual_seed(5);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        tp_child(block, name,
                 tp_nn_sequential("norm", tp_nn_batch_norm2d(widths[i]), "relu", tp_nn_relu(), "conv",
                                  tp_nn_conv2d(widths[i], widths[i + 1] - widths[i], 3, .padding = 1)));
    }
    tp_tensor *x = tp_randn(TP_SHAPE(2, 4, 5, 6));
    for (int training = 1; training >= 0; training--) {
        tp_train(block, training);
        tp_tensor *with = tp_forward(block, x), *without;
        {
            TP_NO_GRAD;
            without = tp_forward(block, x);
        }
        expect_no_error();
        assert_int_equal(tp_size(without, 1), 14);
        assert_true(tp_item(tp_equal(with, without)) != 0);
    }
}

/* Norm, relu and a convolution of one tap as a sequential joins them, beside the three apart: result, statistics, gradients. */
static void expect_joined_as_apart(tp_dtype dtype, tp_shape size, int64_t out, bool training,
                                   double tolerance)
{
    TP_SCOPE;
    tp_manual_seed(3);
    const int64_t in = size.dim[1];
    tp_tensor *x[2], *y[2], *means[2];
    tp_params *parameters[2];
    for (int apart = 0; apart < 2; apart++) {
        tp_manual_seed(7);
        tp_module *norm = tp_nn_batch_norm2d(in), *conv = tp_nn_conv2d(in, out, 1, .no_bias = true),
                  *net = tp_nn_sequential("norm", norm, "relu", tp_nn_relu(), "conv", conv);
        parameters[apart] = tp_parameters(net);
        for (int i = 0; i < 2; i++) {
            TP_NO_GRAD;
            tp_copy_(tp_params_at(parameters[apart], i), tp_randn(TP_SHAPE(in)));
        }
        x[apart] = tp_to(tp_add(tp_randn(size), 0.5), dtype);
        assert_int_equal(tp_module_to(net, dtype), TP_OK);
        parameters[apart] = tp_parameters(net);
        tp_train(net, training);
        tp_requires_grad_(x[apart], true);
        y[apart] = apart ? tp_forward(conv, tp_relu(tp_forward(norm, x[apart]))) : tp_forward(net, x[apart]);
        assert_int_equal(tp_backward(tp_sum(tp_square(y[apart]), TP_ALL_DIMS, false)), TP_OK);
        means[apart] = tp_params_find(tp_state_dict(net), "norm.running_mean");
        expect_no_error();
    }
    assert_true(tp_item(tp_allclose(y[0], y[1], tolerance, tolerance, false)) == 1);
    assert_true(tp_item(tp_equal(means[0], means[1])) == 1);
    for (int i = -1; i < 3; i++) {
        tp_tensor *a = tp_grad(i < 0 ? x[0] : tp_params_at(parameters[0], i)),
                  *b = tp_grad(i < 0 ? x[1] : tp_params_at(parameters[1], i));
        const double scale = tp_item(tp_amax(tp_abs(b), TP_ALL_DIMS, false));
        assert_true(tp_item(tp_allclose(a, b, tolerance, tolerance * scale, false)) == 1);
    }
}

static void norm_relu_and_convolution_in_one_give_what_three_give(void **state)
{
    (void)state;
    for (int training = 0; training < 2; training++) {
        expect_joined_as_apart(TP_F64, TP_SHAPE(3, 300, 19, 23), 40, training, 1e-11);
        expect_joined_as_apart(TP_F64, TP_SHAPE(1, 5, 3, 2), 270, training, 1e-11);
        expect_joined_as_apart(TP_F32, TP_SHAPE(2, 96, 31, 33), 37, training, 1e-4);
    }
}

/* ---- convolution, activation and pooling in one pass ---------------------------------------------------------------------- */

static tp_module *activation_of(int kind)
{
    return kind == 0 ? tp_nn_tanh() : kind == 1 ? tp_nn_sigmoid() : tp_nn_relu();
}

/* Where no gradient is wanted a sequential takes the three in one; with gradients they are three. */
static void pooled_convolutions_are_the_three_layers(void **state)
{
    (void)state;
    static const int64_t shapes[][7] = {
        /* images, channels, size, channels out, kernel, padding; relu of the layer */
        { 3, 1, 28, 6, 5, 2, 0 }, { 1, 6, 14, 16, 5, 0, 0 },  { 2, 8, 15, 13, 3, 1, 0 },
        { 9, 5, 9, 7, 3, 1, 0 },  { 2, 32, 12, 24, 3, 1, 0 }, { 0, 6, 14, 16, 5, 0, 0 },
        { 2, 6, 14, 16, 5, 0, 1 }
    };
    const int before = tp_num_threads();
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < 3; kind++) {
            TP_SCOPE;
            const int64_t *s = shapes[i];
            tp_manual_seed(3);
            tp_module *net =
                tp_nn_sequential("conv", tp_nn_conv2d(s[1], s[3], s[4], .padding = s[5], .relu = s[6] != 0),
                                 "act", activation_of(kind), "pool", tp_nn_avg_pool2d(2));
            tp_eval(net);
            tp_tensor *x = tp_randn(TP_SHAPE(s[0], s[1], s[2], s[2])),
                      *wanted = tp_detach(tp_forward(net, x));
            for (int threads = 1; threads <= 8; threads++) {
                TP_NO_GRAD;
                tp_set_num_threads(threads);
                tp_tensor *y = tp_forward(net, x);
                assert_non_null(y);
                assert_true(tp_item(tp_equal(y, wanted)) != 0);
            }
            assert_int_equal(tp_error_pending(), TP_OK);
        }
    tp_set_num_threads(before);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_train_as_pytorchs),
        cmocka_unit_test(layers_say_what_they_are_and_what_is_wrong),
        cmocka_unit_test(whole_channels_drop),
        cmocka_unit_test(a_dense_block_without_a_graph_gives_the_same_bits),
        cmocka_unit_test(norm_relu_and_convolution_in_one_give_what_three_give),
        cmocka_unit_test(pooled_convolutions_are_the_three_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
