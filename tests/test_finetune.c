/* test_finetune.c - runs that begin with given weights, learn in parts, and decay and step by names.
 *
 * Layer: tests.  Read next: src/train/learner.c, test_freeze.c. */
#include "support/mnist.h"

#include "train/learner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/train.h>
#include <unistd.h>

static tp_train_config config_in(const char *out)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "lenet5",
        .data = small_mnist(200, 100),
        .out = out,
        .epochs = 1,
        .batch_size = 50,
        .seed = 3,
    };
}

static void train(const tp_train_config *c)
{
    tp_train_run(c, NULL, NULL, NULL);
    expect_no_error();
}

static const char *first_weights(void)
{
    static char path[600];
    if (!*path) {
        char out[512];
        strcpy(out, temp_path("first"));
        tp_train_config c = config_in(out);
        train(&c);
        snprintf(path, sizeof path, "%s/last/model.safetensors", out);
    }
    return path;
}

static tp_params *weights_of(const char *run)
{
    char path[600];
    snprintf(path, sizeof path, "%s/last/model.safetensors", run);
    return tp_safetensors_read(path);
}

static bool same_bits(tp_tensor *a, tp_tensor *b)
{
    return tp_item(tp_equal(a, b)) != 0;
}

static void a_frozen_run_changes_only_what_learns(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    char out[512];
    strcpy(out, temp_path("frozen"));
    tp_train_config c = config_in(out);
    c.init = first_weights();
    c.freeze = "conv1,conv2,*.bias";
    train(&c);
    tp_params *before = tp_safetensors_read(first_weights()), *after = weights_of(out);
    for (int i = 0; i < tp_params_count(after); i++) {
        const char *name = tp_params_name(after, i);
        bool same = same_bits(tp_params_find(before, name), tp_params_at(after, i));
        if (same != tp_name_matches(c.freeze, name))
            fail_msg("%s %s", name, same ? "did not learn" : "changed");
    }
}

static void weights_that_do_not_fit_are_named_and_no_run_begins(void **state)
{
    (void)state;
    need_json();
    char out[512], weights[512];
    TP_SCOPE;
    tp_module *net = tp_model("lenet5", .classes = 26);
    strcpy(out, temp_path("misfit"));
    strcpy(weights, temp_path("letters.safetensors"));
    assert_int_equal(tp_save(net, weights), TP_OK);
    tp_train_config c = config_in(out);
    c.init = weights;
    assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_ERR_FORMAT);
    assert_non_null(strstr(tp_error_message(), "letters.safetensors"));
    assert_non_null(strstr(tp_error_message(), "init_except"));
    expect_error(
        TP_ERR_FORMAT,
        "of another shape: fc3.weight (26, 84) instead of (10, 84), fc3.bias (26,) instead of (10,)");
    assert_int_not_equal(access(out, F_OK), 0);
    c.init_except = "fc3";
    train(&c);
    c.init = NULL;
    c.out = temp_path("none");
    assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "init_except 'fc3' without init");
}

static void patterns_that_mean_nothing_are_errors(void **state)
{
    (void)state;
    need_json();
    static const struct {
        const char *freeze, *lr_of, *no_decay, *error;
    } rows[] = {
        { "conv3", NULL, NULL, "no name matches 'conv3'; the names begin with conv1, conv2, fc1" },
        { "*", NULL, NULL, "freeze '*' leaves no parameter that learns" },
        { NULL, "conv1", NULL, "lr_of 'conv1': PATTERN=FACTOR" },
        { NULL, "conv1=0", NULL, "lr_of 'conv1=0'" },
        { NULL, "conv1=1x", NULL, "lr_of 'conv1=1x'" },
        { NULL, "conv1=0.1,conv9=1", NULL, "no name matches 'conv9'" },
        { NULL, NULL, "norms,conv9", "no name matches 'conv9'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tp_train_config c = config_in(temp_path("nothing"));
        c.freeze = rows[i].freeze;
        c.lr_of = rows[i].lr_of;
        c.no_decay = rows[i].no_decay;
        assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_ERR_ARGUMENT);
        expect_error(TP_ERR_ARGUMENT, rows[i].error);
    }
}

/* The groups, seen through one step of SGD from equal weights: p' = p (1 - lr decay) - lr g. */
static void rates_and_decay_go_by_names(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_train_config c = config_in("unused");
    c.optim = "sgd";
    c.optim_options = (tp_optim_options){ .lr = 0.5, .weight_decay = 0.1 };
    c.lr_of = "conv*=0.1,conv2=2,fc3.bias=4";
    c.no_decay = "biases,norms,fc3";
    setup *s = setup_of(&c);
    assert_int_equal(setup_resolve_data(s, setup_data(s, TP_TRAIN), setup_data(s, TP_TEST)), TP_OK);
    trainer t = { .setup = s, .config = &s->config };
    assert_int_equal(learner_make(&t), TP_OK);
    static const struct {
        const char *name;
        double lr, decay;
    } rows[] = {
        { "conv1.weight", 0.05, 0.1 }, { "conv1.bias", 0.05, 0 }, { "conv2.weight", 1, 0.1 },
        { "fc1.weight", 0.5, 0.1 },    { "fc1.bias", 0.5, 0 },    { "fc3.weight", 0.5, 0 },
        { "fc3.bias", 2, 0 },
    };
    tp_params *before = tp_params_new();
    for (int i = 0; i < tp_params_count(t.parameters); i++) {
        tp_tensor *p = tp_params_at(t.parameters, i);
        tp_params_add(before, tp_params_name(t.parameters, i), tp_clone(tp_detach(p)));
        tp_set_grad(p, tp_ones(tp_shape_of(p)));
    }
    assert_int_equal(tp_step(t.optim), TP_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double was = tp_item(tp_select(tp_reshape(tp_params_find(before, rows[i].name), TP_SHAPE(-1)), 0, 0));
        double is =
            tp_item(tp_select(tp_reshape(tp_params_find(t.parameters, rows[i].name), TP_SHAPE(-1)), 0, 0));
        double wanted = was * (1 - rows[i].lr * rows[i].decay) - rows[i].lr;
        if (!(fabs(is - wanted) < 1e-6))
            fail_msg("%s: %g became %g, %g is wanted", rows[i].name, was, is, wanted);
    }
    assert_true(tp_lr(t.optim, 0) == 0.5);
    expect_no_error();
}

static void classes_are_balanced_by_their_counts(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_train_config c = config_in("unused");
    c.balance = true;
    c.model_options.classes = 12; /* two outputs that no class has */
    setup *s = setup_of(&c);
    tp_dataset *data = setup_data(s, TP_TRAIN);
    assert_int_equal(setup_resolve_data(s, data, setup_data(s, TP_TEST)), TP_OK);
    assert_int_equal(setup_count_classes(s, data), TP_OK);
    trainer t = { .setup = s, .config = &s->config };
    assert_int_equal(learner_make(&t), TP_OK);
    double weights[12], sum = 0;
    assert_int_equal(tp_to_f64(t.class_weights, weights, 12), TP_OK);
    for (int k = 0; k < 10; k++) {
        assert_true(fabs(weights[k] * (double)s->class_counts[k] - 20) <
                    1e-5); /* each class as 200 / 10 examples */
        sum += (double)s->class_counts[k];
    }
    assert_true(sum == 200 && weights[10] == 0 && weights[11] == 0);
    put_text(temp_path("line.csv"), "a,b\n1,2\n2,3\n3,4\n4,5\n5,6\n");
    c = (tp_train_config){
        .model = "mlp", .data = temp_path("line.csv"), .out = temp_path("line"), .balance = true
    };
    c.data_options.csv.regression = true;
    assert_int_equal(tp_train_run(&c, NULL, NULL, NULL), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "balance wants classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_run_changes_only_what_learns),
        cmocka_unit_test(weights_that_do_not_fit_are_named_and_no_run_begins),
        cmocka_unit_test(patterns_that_mean_nothing_are_errors),
        cmocka_unit_test(rates_and_decay_go_by_names),
        cmocka_unit_test(classes_are_balanced_by_their_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
