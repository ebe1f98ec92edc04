/* test_models.c - the zoo: the table, each model's names, shapes and parameter counts, options and their errors.
 *
 * LeNet-5's numbers against PyTorch's are in test_lenet_golden.c.
 * Layer: tests.  Read next: test_nn.c. */
#include "support/compare.h"
#include "support/files.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/models.h>

static int64_t n_parameters(tp_module *net)
{
    return tp_params_numel(tp_parameters(net));
}

static void expect_children(tp_module *net, const char *wanted)
{
    char names[512] = "";
    expect_no_error();
    for (int i = 0; i < tp_n_children(net); i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "",
                 tp_child_name(net, i));
    assert_string_equal(names, wanted);
}

static void expect_output(tp_module *net, tp_shape input, int64_t classes)
{
    TP_SCOPE;
    tp_tensor *y = tp_forward(net, tp_randn(input));
    expect_no_error();
    assert_int_equal(tp_ndim(y), 2);
    assert_int_equal(tp_size(y, 0), input.dim[0]);
    assert_int_equal(tp_size(y, 1), classes);
}

static void the_table_says_what_each_model_is(void **state)
{
    (void)state;
    assert_true(tp_model_count() >= 3);
    assert_null(tp_model_at(-1));
    assert_null(tp_model_at(tp_model_count()));
    assert_null(tp_model_find("nosuch"));
    assert_null(tp_model_find(NULL));
    for (int i = 0; i < tp_model_count(); i++) {
        const tp_model_info *m = tp_model_at(i);
        assert_ptr_equal(tp_model_find(m->name), m);
        assert_true(*m->title && m->paper && *m->options);
        const bool pictures = m->input == TP_INPUT_PICTURE || m->input == TP_INPUT_FLAT;
        assert_true(m->defaults.classes > 0 && (m->steps > 0) != pictures);
        assert_true((m->defaults.channels > 0 && m->defaults.image_size > 0) == pictures);
        assert_true((m->defaults.features > 0) ==
                    (m->input == TP_INPUT_SEQUENCE || m->input == TP_INPUT_SERIES));
    }
    assert_int_equal(tp_model_find("mlp")->input, TP_INPUT_FLAT);
    assert_int_equal(tp_model_find("lenet5")->input, TP_INPUT_PICTURE);
    assert_int_equal(tp_model_find("char-lm")->input, TP_INPUT_TEXT);
    assert_string_equal(tp_model_find("lenet5")->title, "LeNet-5");
    assert_string_equal(tp_model_find("lenet5")->paper, "LeCun et al. 1998");
    expect_no_error();
}

/* Large pictures as small ones here: of one step each parameter has a gradient. */
static void every_model_learns(void **state)
{
    (void)state;
    for (int i = 0; i < tp_model_count(); i++) {
        TP_SCOPE;
        const tp_model_info *m = tp_model_at(i);
        const tp_model_options *d = &m->defaults;
        const int64_t side = d->image_size > 67 ? 67 : d->image_size, classes = 10;
        const bool pair = m->input == TP_INPUT_PAIR,
                   text = m->input == TP_INPUT_TEXT || m->input == TP_INPUT_TAGGED || pair;
        tp_module *net = tp_model(m->name, .classes = classes, .image_size = side,
                                  .stem = strncmp(m->name, "vgg", 3) ? NULL : "cifar");
        expect_no_error();
        tp_shape input = tp_model_input_shape(m, &(tp_model_options){ .image_size = side }, 2);
        tp_tensor *x = text || m->input == TP_INPUT_LABELLED ? tp_randint(0, classes, input) : tp_rand(input);
        tp_tensor *y = tp_forward(net, x),
                  *truth = tp_randint(0, classes, TP_SHAPE(text ? tp_numel(x) / (pair ? 2 : 1) : 2));
        tp_tensor *loss = tp_cross_entropy(text ? tp_flatten(y, 0, 1) : y, truth);
        double weight;
        while ((y = tp_take_aux(net, &weight)))
            loss = tp_add(loss, tp_mul(tp_cross_entropy(y, truth), weight));
        assert_int_equal(tp_backward(loss), TP_OK);
        tp_params *p = tp_parameters(net);
        for (int k = 0; k < tp_params_count(p); k++)
            assert_non_null(tp_grad(tp_params_at(p, k)));
    }
}

static void lenet5_is_the_papers(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_model("lenet5");
    expect_children(net, "conv1 tanh1 pool1 conv2 tanh2 pool2 flatten fc1 relu1 fc2 relu2 fc3");
    assert_int_equal(n_parameters(net), 61706);
    assert_string_equal(tp_module_type(tp_find_module(net, "pool1")), "avg_pool2d");
    assert_string_equal(tp_module_info(tp_find_module(net, "fc1")), "400, 120");
    expect_output(net, TP_SHAPE(3, 1, 32, 32), 10);
}

static void lenet5_takes_other_sizes_and_activations(void **state)
{
    (void)state;
    TP_SCOPE;
    expect_output(tp_model("lenet5", .classes = 4, .channels = 3, .image_size = 28), TP_SHAPE(2, 3, 28, 28),
                  4);
    expect_output(tp_model("lenet5", .image_size = 45), TP_SHAPE(2, 1, 45, 45), 10);
    expect_output(tp_model("lenet5", .image_size = 16), TP_SHAPE(2, 1, 16, 16), 10);
    assert_null(tp_model("lenet5", .image_size = 15));
    expect_error(TP_ERR_ARGUMENT, "image_size is 15");
    expect_children(tp_model("lenet5", .activation = "sigmoid"),
                    "conv1 sigmoid1 pool1 conv2 sigmoid2 pool2 flatten fc1 relu1 fc2 relu2 fc3");
    tp_module *net = tp_model("lenet5", .activation = "relu");
    expect_output(net, TP_SHAPE(1, 1, 32, 32), 10);
    assert_int_equal(n_parameters(net), 61706);
    assert_null(tp_model("lenet5", .activation = "rleu"));
    expect_error(TP_ERR_ARGUMENT, "did you mean 'relu'?");
}

static void mlp_takes_images_and_rows(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_model("mlp");
    expect_children(net, "flatten fc1 relu1 fc2 relu2 fc3");
    assert_int_equal(n_parameters(net), 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10);
    expect_output(net, TP_SHAPE(2, 1, 28, 28), 10);
    expect_output(net, TP_SHAPE(2, 784), 10);
    tp_module *iris =
        tp_model("mlp", .features = 4, .hidden = "32,16", .classes = 3, .activation = "gelu", .dropout = 0.5);
    expect_children(iris, "flatten fc1 gelu1 fc2 gelu2 dropout fc3");
    expect_output(iris, TP_SHAPE(5, 4), 3);
    tp_module *one = tp_model("mlp", .channels = 3, .image_size = 8, .hidden = "7");
    assert_int_equal(n_parameters(one), 192 * 7 + 7 + 70 + 10);
    expect_children(tp_model("mlp", .hidden = "", .features = 2), "flatten fc1");
}

static void simple_cnn_halves_the_image_once_a_block(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_model("simple_cnn");
    expect_children(net, "conv1 relu1 pool1 conv2 relu2 pool2 flatten fc1 relu3 dropout fc2");
    assert_int_equal(n_parameters(net),
                     32 * 9 + 32 + 64 * 32 * 9 + 64 + 64 * 7 * 7 * 128 + 128 + 128 * 10 + 10);
    expect_output(net, TP_SHAPE(2, 1, 28, 28), 10);
    tp_module *other = tp_model("simple_cnn", .hidden = "8,8,16", .channels = 3, .image_size = 33,
                                .classes = 5, .dropout = TP_ZERO);
    expect_children(other, "conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 pool3 flatten fc1 relu4 fc2");
    expect_output(other, TP_SHAPE(2, 3, 33, 33), 5);
    assert_null(tp_model("simple_cnn", .hidden = "8,8,8", .image_size = 7));
    expect_error(TP_ERR_ARGUMENT, "image_size");
}

static void an_unknown_model_is_told_the_known_ones(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_model("lenet"));
    expect_error(TP_ERR_ARGUMENT, "did you mean 'lenet5'?");
    assert_null(tp_model("transformer9000"));
    char text[1024];
    assert_int_equal(tp_error_take(text, sizeof text), TP_ERR_ARGUMENT);
    assert_non_null(strstr(text, "unknown model 'transformer9000'"));
    assert_null(strstr(text, "did you mean"));
    for (int i = 0; i < tp_model_count(); i++)
        assert_non_null(strstr(text, tp_model_at(i)->name));
    assert_null(tp_model(NULL));
    expect_error(TP_ERR_ARGUMENT, "unknown model");
}

static void options_that_cannot_be_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
#define FAILS(name, piece, ...)               \
    assert_null(tp_model(name, __VA_ARGS__)); \
    expect_error(TP_ERR_ARGUMENT, piece)
    FAILS("lenet5", "'hidden'", .hidden = "3");
    FAILS("lenet5", "'features'", .features = 3);
    FAILS("lenet5", "'dropout'", .dropout = 0.5);
    FAILS("lenet5", "'variant'", .variant = "big");
    FAILS("simple_cnn", "'features'", .features = 3);
    FAILS("lenet5", "classes is -1", .classes = -1);
    FAILS("mlp", "features is -4", .features = -4);
    FAILS("mlp", "channels", .channels = INT64_MAX);
    FAILS("mlp", "image_size", .image_size = INT64_MIN);
    FAILS("mlp", "dropout", .dropout = 1);
    FAILS("mlp", "dropout", .dropout = -0.5);
    FAILS("mlp", "dropout", .dropout = NAN);
    FAILS("simple_cnn", "hidden", .hidden = "");
    static const char *const bad[] = {
        "3,x", ",3",
        "3,",  "3,,4",
        "0",   "-3",
        "3 4", "99999999999999999999",
        "x",   "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS("mlp", "hidden", .hidden = bad[i]);
    }
    FAILS("mlp", "too many inputs", .channels = 1 << 24, .image_size = 1 << 24);
    FAILS("simple_cnn", "too large", .image_size = 1 << 24);
#undef FAILS
}

static void a_seed_decides_the_weights(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(7);
    tp_params *a = tp_parameters(tp_model("lenet5"));
    tp_manual_seed(7);
    tp_params *b = tp_parameters(tp_model("lenet5"));
    char text[512];
    for (int i = 0; i < tp_params_count(a); i++)
        if (!same_bits(tp_params_name(a, i), tp_params_at(a, i), tp_params_at(b, i), text, sizeof text))
            fail_msg("%s", text);
}

static void build_run_and_load(void)
{
    TP_SCOPE;
    tp_model("lenet5", .image_size = 16);
    tp_module *net = tp_model("mlp", .features = 3, .hidden = "2");
    tp_forward(net, tp_ones(TP_SHAPE(1, 3)));
    tp_load_state(net, tp_state_dict(net));
}

static void building_running_and_loading_survive_failing_allocations(void **state)
{
    (void)state;
    with_failing_allocations(build_run_and_load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_each_model_is),
        cmocka_unit_test(every_model_learns),
        cmocka_unit_test(lenet5_is_the_papers),
        cmocka_unit_test(lenet5_takes_other_sizes_and_activations),
        cmocka_unit_test(mlp_takes_images_and_rows),
        cmocka_unit_test(simple_cnn_halves_the_image_once_a_block),
        cmocka_unit_test(an_unknown_model_is_told_the_known_ones),
        cmocka_unit_test(options_that_cannot_be_are_errors),
        cmocka_unit_test(a_seed_decides_the_weights),
        cmocka_unit_test(building_running_and_loading_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
