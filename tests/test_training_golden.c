/* test_training_golden.c - whole runs end with PyTorch's weights: groups, frozen parameters, class weights with label
 * smoothing, accumulated batches, warm-up and cosine, clipping, means of weights.  And metrics are scikit-learn's.
 *
 * tools/golden/training.py has the other side.  All 60 examples are in each step, so their order does not matter.
 * Layer: tests.  Read next: src/train/learner.c, src/train/loop.c. */
#include "support/golden.h"
#include "support/mnist.h"

#include "train/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <taper/train.h>
#include <unistd.h>

static const char *const names[] = { "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias" };

/* The weights of the beginning as a file of their own. */
static const char *initial_weights(const tp_params *golden)
{
    static char path[512];
    TP_SCOPE;
    tp_params *weights = tp_params_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        tp_params_add(weights, names[i], golden_tensor(golden, "init/%s", names[i]));
    strcpy(path, temp_path("init.safetensors"));
    assert_int_equal(tp_safetensors_write(path, weights, NULL, 0), TP_OK);
    return path;
}

static tp_train_config config_of(const tp_params *golden, const char *out)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "mlp",
        .model_options = { .hidden = "4" },
        .data = small_mnist(60, 20),
        .out = out,
        .init = initial_weights(golden),
        .transform = "normalize=0/1",
        .epochs = 5,
        .batch_size = 60,
    };
}

/* Weights of two runs of the same arithmetic in another order. */
static void assert_near(const char *what, tp_tensor *got, tp_tensor *wanted)
{
    double most = 0, scale = 0;
    static double x[4096], y[4096];
    int64_t n = tp_numel(wanted);
    assert_int_equal(tp_to_f64(got, x, n), TP_OK);
    assert_int_equal(tp_to_f64(wanted, y, n), TP_OK);
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs(x[i] - y[i]));
        scale = fmax(scale, fabs(y[i]));
    }
    if (!(most <= 2e-6 * fmax(scale, 1)))
        fail_msg("%s: differs by %g from numbers up to %g", what, most, scale);
}

static void assert_weights(const tp_params *golden, const char *prefix, const char *run, const char *file)
{
    char path[600], what[128];
    TP_SCOPE;
    snprintf(path, sizeof path, "%s/%s", run, file);
    tp_params *got = tp_safetensors_read(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(what, sizeof what, "%s: %s/%s", file, prefix, names[i]);
        assert_near(what, tp_params_find(got, names[i]), golden_tensor(golden, "%s/%s", prefix, names[i]));
    }
    expect_no_error();
}

static void train(const tp_train_config *c)
{
    tp_train_run(c, NULL, NULL, NULL);
    expect_no_error();
}

static tp_train_config sgd_config(const tp_params *golden, const char *out)
{
    tp_train_config c = config_of(golden, out);
    c.optim = "sgd";
    c.optim_options = (tp_optim_options){ .lr = 0.2, .momentum = 0.9, .weight_decay = 0.05 };
    c.lr_of = "fc1=0.5,fc2.bias=2";
    c.no_decay = "biases";
    c.label_smoothing = 0.1;
    c.balance = true;
    c.ema = 0.8;
    return c;
}

static void groups_class_weights_and_means_are_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *golden = golden_read("training");
    char out[512];
    strcpy(out, temp_path("sgd"));
    tp_train_config c = sgd_config(golden, out);
    train(&c);
    assert_weights(golden, "sgd", out, "last/model.safetensors");
    assert_weights(golden, "ema/sgd", out, "last/ema.safetensors");
}

static void accumulated_batches_are_one_large_batch(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *golden = golden_read("training");
    static const int64_t batches[][2] = { { 20, 3 }, { 7, 9 }, { 13, 100 } };
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        char out[512];
        snprintf(out, sizeof out, "%s%zu", temp_path("parts"), i);
        tp_train_config c = sgd_config(golden, out);
        c.batch_size = batches[i][0];
        c.accumulate = batches[i][1];
        train(&c);
        assert_weights(golden, "sgd", out, "last/model.safetensors");
        assert_weights(golden, "ema/sgd", out, "last/ema.safetensors");
    }
}

static void what_is_frozen_and_a_warm_cosine_are_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *golden = golden_read("training");
    char out[512];
    strcpy(out, temp_path("adamw"));
    tp_train_config c = config_of(golden, out);
    c.optim = "adamw";
    c.optim_options = (tp_optim_options){ .lr = 0.02, .weight_decay = 0.1 };
    c.lr_of = "fc1.weight=0.1";
    c.freeze = "fc1.bias";
    c.label_smoothing = 0.2;
    c.schedule = "cosine";
    c.warmup_epochs = 2;
    c.clip_norm = 0.5;
    train(&c);
    assert_weights(golden, "adamw", out, "last/model.safetensors");
}

/* best/ answers with the means, and last/ goes on from the weights. */
static void the_means_are_what_is_kept(void **state)
{
    (void)state;
    TP_SCOPE;
    char out[512], path[600];
    tp_params *golden = golden_read("training");
    strcpy(out, temp_path("kept"));
    tp_train_config c = sgd_config(golden, out);
    tp_train_result r;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    snprintf(path, sizeof path, "%s/best/ema.safetensors", out);
    assert_int_not_equal(access(path, F_OK), 0);
    tp_run *run = tp_run_open(out);
    tp_eval_result e = { 0 };
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_true(e.accuracy == r.best);
    tp_eval_free(&e);
    if (r.best_epoch == 5)
        assert_weights(golden, "ema/sgd", out, "best/model.safetensors");
}

/* ---- metrics ------------------------------------------------------------------------------------------------------- */

static void assert_values(const char *what, const double *got, tp_tensor *wanted)
{
    double y[64];
    int64_t n = tp_numel(wanted);
    assert_int_equal(tp_to_f64(wanted, y, n), TP_OK);
    for (int64_t i = 0; i < n; i++)
        if (isnan(y[i]) ? !isnan(got[i]) : !(fabs(got[i] - y[i]) < 1e-6))
            fail_msg("%s[%d] is %g, %g is wanted", what, (int)i, got[i], y[i]);
}

static void metrics_are_scikit_learns(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *golden = golden_read("training");
    tp_dataset *d = tp_tensor_dataset(golden_tensor(golden, "logits"), golden_tensor(golden, "labels"), 8);
    evaluation e;
    setup *s = setup_new();
    s->config.model = "mlp";
    s->config.transform = "";
    s->data_shape = tp_dataset_shape(d);
    assert_int_equal(setup_room_for_classes(s, 8), TP_OK);
    assert_int_equal(evaluate(s, tp_nn_identity(), d, tp_transform_parse(""), 7, &e), TP_OK);
    const tp_eval_result *r = &e.result;
    double by_class[24], confusion[64];
    for (int k = 0; k < 8; k++) {
        by_class[k] = r->precision[k];
        by_class[8 + k] = r->recall[k];
        by_class[16 + k] = r->f1[k];
    }
    for (int i = 0; i < 64; i++)
        confusion[i] = (double)r->confusion[i];
    assert_values("confusion", confusion, golden_tensor(golden, "confusion"));
    assert_values("by class", by_class, golden_tensor(golden, "by_class"));
    assert_values("macro", (double[]){ r->macro_precision, r->macro_recall, r->macro_f1 },
                  golden_tensor(golden, "macro"));
    assert_values("shares", (double[]){ r->accuracy, r->top5, r->loss }, golden_tensor(golden, "shares"));
    evaluation_free(&e);
    expect_no_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_class_weights_and_means_are_pytorchs),
        cmocka_unit_test(accumulated_batches_are_one_large_batch),
        cmocka_unit_test(what_is_frozen_and_a_warm_cosine_are_pytorchs),
        cmocka_unit_test(the_means_are_what_is_kept),
        cmocka_unit_test(metrics_are_scikit_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
