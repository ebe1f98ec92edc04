/* test_train.c - runs from the outside: configuration, loop, stopping, using a run, weights, summary.
 *
 * On the first examples of MNIST, written anew as IDX files so that a run takes a moment, and on a small table.
 * Layer: tests.  Read next: src/train/loop.c, test_checkpoint.c for what happens when a run is killed. */
#include "support/mnist.h"

#include "base/memory.h"
#include "io/json.h"
#include "train/config.h"
#include "train/crc32.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/train.h>
#include <unistd.h>

enum { ROOM = 1 << 22, TRAIN = 400, TEST = 150 };
static unsigned char bytes_a[ROOM], bytes_b[ROOM];

/* ---- data and runs ----------------------------------------------------------------------------------------------- */

/* y = 2 a - b + 1 with a spread of 100 in a */
static const char *small_table(void)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("line.csv"));
        FILE *f = fopen(path, "w");
        fputs("a,b,y\n", f);
        for (int i = 0; i < 100; i++) {
            int a = i * 37 % 100, b = i * 11 % 7;
            fprintf(f, "%d,%d,%g\n", a, b, 0.02 * a - b + 1);
        }
        fclose(f);
    }
    return path;
}

static tp_train_config config_in(const char *out)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "mlp",
        .model_options = { .hidden = "32" },
        .data = small_mnist(TRAIN, TEST),
        .out = out,
        .epochs = 3,
        .batch_size = 40,
        .seed = 3,
    };
}

static const char *in(const char *folder, const char *name)
{
    static char ring[4][700];
    static int turn;
    char *path = ring[turn++ % 4];
    snprintf(path, sizeof *ring, "%s/%s", folder, name);
    return path;
}

static tp_train_result trained(const tp_train_config *c)
{
    tp_train_result result;
    tp_train_run(c, NULL, NULL, &result);
    expect_no_error();
    return result;
}

static const char *finished_run(void)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("finished"));
        tp_train_config c = config_in(path);
        c.epochs = 6;
        trained(&c);
    }
    return path;
}

/* ---- configuration ----------------------------------------------------------------------------------------------- */

static void what_is_left_open_gets_its_default(void **state)
{
    (void)state;
    tp_train_config c = { .model = "lenet5", .data = "data/mnist" };
    assert_int_equal(tp_train_config_resolve(&c), TP_OK);
    assert_int_equal(c.epochs, 10);
    assert_int_equal(c.batch_size, 64);
    assert_string_equal(c.optim, "adam");
    assert_string_equal(c.schedule, "constant");
    assert_true(c.optim_options.lr == 1e-3);
    c = (tp_train_config){ .model = "lenet5", .data = "data/mnist", .optim = "rmsprop", .warmup_epochs = 2 };
    assert_int_equal(tp_train_config_resolve(&c), TP_OK);
    assert_true(c.optim_options.lr == 1e-2);
}

#define REJECTS(piece, ...)                                                            \
    do {                                                                               \
        tp_train_config c_ = { .model = "lenet5", .data = "data/mnist", .epochs = 4 }; \
        tp_train_config *c = &c_;                                                      \
        __VA_ARGS__;                                                                   \
        assert_int_not_equal(tp_train_config_resolve(c), TP_OK);                       \
        expect_error(TP_ERR_ARGUMENT, piece);                                          \
    } while (0)

static void what_cannot_be_is_an_error_that_names_it(void **state)
{
    (void)state;
    REJECTS("lenet5", c->model = "lenet");
    REJECTS("adam", c->optim = "adm");
    REJECTS("cosine", c->schedule = "cosin");
    REJECTS("model", c->model = NULL);
    REJECTS("data", c->data = "");
    REJECTS("lr is nan", c->optim_options.lr = NAN);
    REJECTS("lr", c->optim_options.lr = -1);
    REJECTS("epochs is -1", c->epochs = -1);
    REJECTS("batch_size is -3", c->batch_size = -3);
    REJECTS("limit_examples", c->limit_examples = -1);
    REJECTS("early_stop", c->early_stop = -1);
    REJECTS("checkpoint_steps", c->checkpoint_steps = -1);
    REJECTS("clip_norm is nan", c->clip_norm = NAN);
    REJECTS("label_smoothing is 1", c->label_smoothing = 1);
    REJECTS("warm-up of 5 epochs in a run of 4", c->warmup_epochs = 5);
    REJECTS("warmup_epochs", c->warmup_epochs = NAN);
    REJECTS("workers", c->workers = -2);
    REJECTS("'pda=2'", c->transform = "pda=2");
    REJECTS("affine", c->augment = "affine=");
    tp_train_config_resolve(NULL);
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

static void config_json_comes_back_as_it_was(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    char folder[512], again[600];
    strcpy(folder, temp_path("round"));
    snprintf(again, sizeof again, "%s/again", folder);
    mkdir(folder, 0777), mkdir(again, 0777);
    const int64_t milestones[] = { 10, 20 };
    tp_train_config c = config_in(folder);
    c.seed = UINT64_MAX - 4;
    c.optim = "sgd";
    c.optim_options =
        (tp_optim_options){ .lr = 0.1 / 3, .momentum = 0.9, .weight_decay = TP_ZERO, .nesterov = true };
    c.schedule = "multi_step";
    c.schedule_options = (tp_schedule_options){ .milestones = milestones, .n_milestones = 2, .gamma = 0.3 };
    c.data_options.csv = (tp_csv_options){ .target = "a \"quoted\" name", .delimiter = ';', .header = -1 };
    setup *s = setup_of(&c);
    expect_no_error();
    assert_int_equal(setup_resolve_data(s, setup_data(s, TP_TRAIN), setup_data(s, TP_TEST)), TP_OK);
    assert_int_equal(setup_write(s, folder), TP_OK);
    setup *r = setup_read(folder);
    expect_no_error();
    assert_true(r->config.seed == c.seed && r->config.optim_options.lr == 0.1 / 3);
    assert_true(signbit(r->config.optim_options.weight_decay) && r->config.optim_options.nesterov);
    assert_string_equal(r->config.data_options.csv.target, "a \"quoted\" name");
    assert_int_equal(r->config.data_options.csv.delimiter, ';');
    assert_int_equal(r->config.schedule_options.n_milestones, 2);
    assert_int_equal(r->config.schedule_options.milestones[1], 20);
    assert_int_equal(r->classes, 10);
    assert_int_equal(setup_write(r, again), TP_OK);
    size_t n = get_file(in(folder, "config.json"), bytes_a, ROOM);
    assert_int_equal(get_file(in(again, "config.json"), bytes_b, ROOM), n);
    assert_memory_equal(bytes_a, bytes_b, n);
}

static void the_default_transform_is_what_model_and_data_need(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_train_config c = { .model = "lenet5", .data = "data/mnist" };
    setup *s = setup_of(&c);
    setup_resolve_data(s, setup_data(s, TP_TRAIN), setup_data(s, TP_TEST));
    expect_no_error();
    assert_string_equal(s->config.transform, "pad=2 normalize=0.1307/0.3081");
    assert_int_equal(s->config.model_options.classes, 10);
    assert_int_equal(setup_steps_per_epoch(s), 938);
    c = (tp_train_config){ .model = "lenet5", .data = small_table(), .data_options.csv.regression = true };
    s = setup_of(&c);
    setup_resolve_data(s, setup_data(s, TP_TRAIN), setup_data(s, TP_TEST));
    expect_error(TP_ERR_SHAPE, "lenet5 takes pictures");
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void a_run_learns_and_leaves_its_folder(void **state)
{
    (void)state;
    need_json();
    static const char *const names[] = { "config.json",
                                         "metrics.jsonl",
                                         "evaluation.json",
                                         "last/SUMS",
                                         "best/SUMS",
                                         "best/model.safetensors",
                                         "best/optimizer.safetensors",
                                         "best/state.json",
                                         "layer_times.json" };
    const char *out = finished_run();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(access(in(out, names[i]), R_OK), 0);
    tp_train_result result;
    assert_int_equal(tp_train_resume(out, 0, NULL, NULL, &result),
                     TP_OK); /* nothing to do: the results of before */
    assert_int_equal(result.epochs, 6);
    assert_int_equal(result.global_step, 60);
    assert_true(result.best > 0.5 && result.best <= 1 && result.test_loss < 2);
    size_t n = get_file(in(out, "metrics.jsonl"), bytes_a, ROOM - 1);
    bytes_a[n] = 0;
    static const char *const keys[] = {
        "epoch",     "global_step",   "lr",      "train_loss", "train_accuracy",
        "test_loss", "test_accuracy", "is_best", "seconds",    "examples_per_second"
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(strstr((char *)bytes_a, keys[i]));
}

/* One for each module, with its own time in both directions. */
static void layers_are_timed_in_the_third_step(void **state)
{
    (void)state;
    size_t n = get_file(in(finished_run(), "layer_times.json"), bytes_a, ROOM - 1);
    bytes_a[n] = 0;
    js_value *top = js_parse("layer_times.json", bytes_a, n, 0);
    const js_value *layers = js_get(top, "layers");
    assert_int_equal(js_count(layers), 5); /* flatten, fc1, relu1, fc2 and the network itself */
    bool busy = false;
    for (int64_t i = 0; i < js_count(layers); i++) {
        double forward, backward;
        assert_true(js_number(js_get(js_at(layers, i), "forward"), &forward) && forward >= 0);
        assert_true(js_number(js_get(js_at(layers, i), "backward"), &backward) && backward >= 0);
        busy |= !strcmp(js_string(js_get(js_at(layers, i), "name")), "fc1") && forward > 0 && backward > 0;
    }
    assert_true(busy);
    js_free(top);
}

static void a_folder_that_holds_a_run_is_not_written_over(void **state)
{
    (void)state;
    need_json();
    tp_train_config c = config_in(finished_run());
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_STATE, "--resume");
    c.out = temp_path("a-file");
    put_text(c.out, "x");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "a-file");
    c.out = temp_path("no/such/parent");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "no/such/parent");
    c.out = temp_path("never");
    c.data = temp_path("nothing-here");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "nothing-here");
    assert_int_equal(access(c.out, F_OK), -1);
}

typedef struct heard {
    int64_t steps, epochs, stop_after_epoch;
    double last_loss, last_lr;
    bool best;
} heard;

static bool listen(void *context, const tp_progress *p)
{
    heard *h = context;
    assert_int_equal(p->steps, 10);
    assert_int_equal(p->epochs, 3);
    if (p->epoch_done) {
        h->epochs++;
        assert_int_equal(p->epoch, h->epochs);
        assert_true(isfinite(p->train_loss) && isfinite(p->test_accuracy) && p->best >= p->test_accuracy);
        h->best = h->best || p->is_best;
        return h->epochs != h->stop_after_epoch;
    }
    assert_int_equal(p->global_step, ++h->steps);
    assert_int_equal(p->step, (h->steps - 1) % 10 + 1);
    assert_true(isfinite(p->loss) && p->lr > 0);
    return true;
}

static void the_caller_hears_of_steps_and_epochs_and_can_stop(void **state)
{
    (void)state;
    need_json();
    tp_train_config c = config_in(temp_path("heard"));
    tp_train_result result;
    heard h = { .stop_after_epoch = 2 };
    assert_int_equal(tp_train_run(&c, listen, &h, &result), TP_OK);
    assert_true(result.stopped && !result.stopped_early && h.best);
    assert_int_equal(h.steps, 20);
    assert_int_equal(result.epochs, 2);
}

static void without_gain_it_stops_early(void **state)
{
    (void)state;
    need_json();
    tp_train_config c = config_in(temp_path("early"));
    c.optim = "sgd";
    c.optim_options.lr = 1e-12; /* nothing changes */
    c.early_stop = 2;
    c.epochs = 9;
    tp_train_result result = trained(&c);
    assert_true(result.stopped_early && !result.stopped);
    assert_int_equal(result.epochs, 3);
    assert_int_equal(result.best_epoch, 1);
}

static void a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(void **state)
{
    (void)state;
    need_json();
    char out[512];
    strcpy(out, temp_path("diverged"));
    tp_train_config c = config_in(out);
    c.optim = "sgd";
    c.optim_options.lr = 1e30;
    tp_train_run(&c, NULL, NULL, NULL);
    assert_non_null(strstr(tp_error_message(), "epoch 1, step"));
    expect_error(TP_ERR_STATE, "learning rate 1e+30");
    tp_run *run;
    TP_SCOPE;
    run = tp_run_open(out);
    expect_no_error();
    float *w = tp_data(tp_params_at(tp_parameters(tp_run_model(run)), 0));
    assert_true(isfinite(w[0]) && fabs((double)w[0]) < 1);
}

static bool count_calls(void *context, const tp_progress *p)
{
    int64_t *calls = context; /* after step 4, and after the last of the epoch */
    if (p->step == 4)
        calls[0] = tp_memory_stats().system_calls;
    if (p->step == p->steps && !p->epoch_done)
        calls[1] = tp_memory_stats().system_calls;
    return true;
}

static void a_steady_step_asks_the_system_for_no_memory(void **state)
{
    (void)state;
    need_json();
    const char *cache = getenv("TAPER_CACHE");
    if (cache && !strcmp(cache, "0"))
        skip();
    int64_t calls[2] = { 0, 1 };
    tp_train_config c = config_in(temp_path("steady"));
    c.model = "lenet5";
    c.model_options = (tp_model_options){ 0 };
    c.clip_norm = 1;
    c.epochs = 1;
    assert_int_equal(tp_train_run(&c, count_calls, calls, NULL), TP_OK);
    assert_int_equal(calls[0], calls[1]);
}

static void the_same_seed_gives_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    need_json();
    size_t n = 0;
    static const int threads[] = { 1, 2, 3, 8 };
    for (int i = 0; i < 4; i++) {
        char out[512];
        snprintf(out, sizeof out, "%s-%d", temp_path("threads"), threads[i]);
        tp_train_config c = config_in(out);
        c.model = "lenet5";
        c.model_options = (tp_model_options){ 0 };
        c.augment = "affine=10:0.1";
        c.workers = i - 1 ? i - 1 : -1;
        c.epochs = 1;
        tp_set_num_threads(threads[i]);
        trained(&c);
        size_t m = get_file(in(out, "last/model.safetensors"), i ? bytes_b : bytes_a, ROOM);
        if (i) {
            assert_int_equal(m, n);
            assert_memory_equal(bytes_a, bytes_b, n);
        }
        n = m;
    }
    tp_set_num_threads(2);
}

static void fewer_examples_are_used_when_so_wanted(void **state)
{
    (void)state;
    need_json();
    tp_train_config c = config_in(temp_path("limited"));
    c.limit_examples = 100;
    tp_train_result result = trained(&c);
    assert_int_equal(result.global_step, 9); /* 3 steps of 40, 40, 20 */
}

static void the_threads_generator_is_as_it_was(void **state)
{
    (void)state;
    need_json();
    tp_set_rng_state((tp_rng){ 17, 5 });
    tp_train_config c = config_in(temp_path("generator"));
    c.epochs = 1;
    trained(&c);
    assert_true(tp_rng_state().seed == 17 && tp_rng_state().stream == 5);
}

/* ---- using a run ------------------------------------------------------------------------------------------------- */

static void a_run_predicts_what_it_learned(void **state)
{
    (void)state;
    need_json(), need_png();
    TP_SCOPE;
    tp_run *run = tp_run_open(finished_run());
    expect_no_error();
    assert_int_equal(tp_run_classes(run), 10);
    assert_string_equal(tp_run_class_name(run, 7), "7");
    assert_null(tp_run_class_name(run, 10));
    assert_string_equal(tp_run_config(run)->model, "mlp");
    assert_false(tp_is_training(tp_run_model(run)));
    tp_dataset *test = tp_mnist(small_mnist(TRAIN, TEST), TP_TEST);
    tp_tensor *picture = tp_empty(TP_SHAPE(1, 28, 28));
    int right = 0;
    for (int i = 0; i < 20; i++) {
        TP_SCOPE;
        double y, p[10], sum = 0;
        tp_dataset_get(test, i, tp_data(picture), &y);
        const char *path = temp_path("digit.png");
        tp_image_write_png(path, picture);
        tp_tensor *x = tp_run_input(run, path), *answer = tp_predict(run, x);
        expect_no_error();
        assert_int_equal(tp_numel(x), 784);
        tp_to_f64(answer, p, 10);
        for (int k = 0; k < 10; k++)
            sum += p[k];
        assert_true(fabs(sum - 1) < 1e-5);
        right += tp_item_i64(tp_argmax(answer, 1, false)) == (int64_t)y;
    }
    assert_true(right > 10);
    tp_run_input(run, "data/mnist");
    expect_error(TP_ERR_IO, "data/mnist");
}

static void pictures_of_another_size_are_brought_to_size(void **state)
{
    (void)state;
    need_json(), need_png();
    TP_SCOPE;
    tp_run *run = tp_run_open(finished_run());
    const char *path = temp_path("wide.png");
    tp_image_write_png(path, tp_full(TP_SHAPE(3, 40, 90), 0.5));
    tp_tensor *x = tp_run_input(run, path);
    expect_no_error();
    assert_int_equal(tp_ndim(x), 4);
    assert_true(tp_size(x, 1) == 1 && tp_size(x, 2) == 28 && tp_size(x, 3) == 28);
    tp_tensor *seen = tp_run_picture(run, path); /* before it is normalised */
    expect_no_error();
    assert_true(tp_ndim(seen) == 4 && tp_size(seen, 2) == 28);
    assert_true(fabs(tp_item(tp_mean(seen, TP_ALL_DIMS, false)) - 128 / 255.0) < 1e-5);
    assert_true(fabs(tp_item(tp_mean(x, TP_ALL_DIMS, false)) - 128 / 255.0) > 0.05);
}

static void an_evaluation_adds_up(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_train_result result;
    tp_eval_result e, small;
    tp_train_resume(finished_run(), 0, NULL, NULL, &result);
    tp_run *run = tp_run_open(finished_run());
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 64, &e), TP_OK);
    assert_int_equal(tp_run_evaluate(run, small_mnist(TRAIN, TEST), TP_TEST, 7, &small), TP_OK);
    assert_int_equal(e.examples, TEST);
    assert_true(e.accuracy == result.best);
    assert_true(fabs(e.loss - small.loss) < 1e-5 && e.accuracy == small.accuracy);
    int64_t all = 0, right = 0;
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 10; k++) {
            all += e.confusion[10 * i + k];
            right += i == k ? e.confusion[10 * i + k] : 0;
        }
    assert_int_equal(all, TEST);
    assert_true(fabs((double)right / TEST - e.accuracy) < 1e-12);
    for (int k = 0; k < 10; k++)
        if (isfinite(e.f1[k]) && e.precision[k] + e.recall[k] > 0)
            assert_true(fabs(e.f1[k] - 2 * e.precision[k] * e.recall[k] / (e.precision[k] + e.recall[k])) <
                        1e-12);
    tp_eval_free(&e), tp_eval_free(&small);
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TRAIN, 0, &e), TP_OK);
    assert_int_equal(e.examples, TRAIN);
    tp_eval_free(&e);
    tp_run_evaluate(run, small_table(), TP_TEST, 0, &e);
    expect_error(TP_ERR_FORMAT, "line.csv");
    tp_run_evaluate(run, "tests/data/no-such", TP_TEST, 0, &e);
    expect_error(TP_ERR_IO, "no-such");
}

static void a_regression_learns_values(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    char out[512];
    strcpy(out, temp_path("regression"));
    tp_train_config c = config_in(out);
    c.data = small_table();
    c.data_options.csv.regression = true;
    c.optim_options.lr = 0.02;
    c.batch_size = 16;
    c.epochs = 40;
    tp_train_result result = trained(&c);
    assert_true(isnan(result.test_accuracy) && result.best < 0.05 && result.best <= result.test_loss);
    tp_run *run = tp_run_open(out);
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_true(e.classes == 0 && isnan(e.accuracy) && fabs(e.loss - result.best) < 1e-6);
    tp_eval_free(&e);
    tp_run_input(run, "x.png");
    expect_error(TP_ERR_ARGUMENT, "x.png");
}

static void every_schedule_and_optimizer_runs(void **state)
{
    (void)state;
    need_json();
    for (int i = 0; tp_schedule_name_at(i); i++) {
        char out[512];
        snprintf(out, sizeof out, "%s%d", temp_path("schedule"), i);
        const int64_t milestones[] = { 2, 4 };
        tp_train_config c = config_in(out);
        c.schedule = tp_schedule_name_at(i);
        c.optim = tp_optim_name_at(i);
        c.limit_examples = 80;
        c.warmup_epochs = strcmp(c.schedule, "one_cycle") ? 1 : 0;
        c.schedule_options.step_size = strcmp(c.schedule, "step") ? 0 : 3;
        c.schedule_options.milestones = strcmp(c.schedule, "multi_step") ? NULL : milestones;
        c.schedule_options.n_milestones = strcmp(c.schedule, "multi_step") ? 0 : 2;
        trained(&c);
        assert_int_equal(tp_train_resume(out, 4, NULL, NULL, NULL), TP_OK);
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static void weights_are_saved_and_loaded(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    char path[512];
    strcpy(path, temp_path("weights.safetensors"));
    tp_manual_seed(1);
    tp_module *a = tp_model("lenet5"), *b = tp_model("lenet5"), *other = tp_model("mlp");
    assert_int_equal(tp_save(a, path), TP_OK);
    assert_int_equal(tp_load(b, path), TP_OK);
    tp_params *x = tp_state_dict(a), *y = tp_state_dict(b);
    for (int i = 0; i < tp_params_count(x); i++)
        assert_memory_equal(tp_data(tp_params_at(x, i)), tp_data(tp_params_at(y, i)),
                            4 * (size_t)tp_numel(tp_params_at(x, i)));
    assert_int_not_equal(tp_load(other, path), TP_OK);
    expect_error(tp_error_pending(), "weights.safetensors");
    tp_load(a, temp_path("none.safetensors"));
    expect_error(TP_ERR_IO, "none.safetensors");
    tp_save(NULL, path);
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

/* ---- checksums --------------------------------------------------------------------------------------------------- */

static uint32_t crc_bit_by_bit(uint32_t polynomial, const unsigned char *p, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < 8 * n; i++) {
        crc ^= i % 8 ? 0 : p[i / 8];
        crc = crc >> 1 ^ (polynomial & (0u - (crc & 1)));
    }
    return ~crc;
}

static void checksums_are_those_of_their_standards(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_int_equal(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926u);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283u);
    enum { MOST = (2 << 20) + 77777 };
    static const size_t sizes[] = {
        0, 1, 4095, 4096, 4097, 4127, 70001, 1 << 20, (1 << 20) + 1, 2 << 20, MOST
    };
    unsigned char *bytes = malloc(MOST);
    for (size_t i = 0; i < MOST; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        const uint32_t wanted = crc_bit_by_bit(0xedb88320u, bytes, n);
        assert_int_equal(crc32_update(0, bytes, n), wanted);
        assert_int_equal(crc32_update(crc32_update(0, bytes, n / 3), bytes + n / 3, n - n / 3), wanted);
        assert_int_equal(crc32c(bytes, n), crc_bit_by_bit(0x82f63b78u, bytes, n));
        const char *path = temp_path("bytes");
        FILE *file = fopen(path, "wb");
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
        uint32_t crc;
        int64_t size;
        assert_int_equal(crc32_of_file(path, &crc, &size), TP_OK);
        assert_int_equal(crc, wanted);
        assert_int_equal(size, n);
    }
    free(bytes);
}

/* ---- summary ----------------------------------------------------------------------------------------------------- */

static const tp_summary_row *row_named(const tp_summary *s, const char *name)
{
    for (int i = 0; i < s->n_rows; i++)
        if (!strcmp(s->rows[i].name, name))
            return &s->rows[i];
    fail_msg("no row '%s'", name);
    return NULL;
}

static void lenet5_is_summed_up(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_summary s;
    tp_module *net = tp_model("lenet5");
    assert_int_equal(tp_summarize(net, TP_SHAPE(4, 1, 32, 32), &s), TP_OK);
    assert_int_equal(s.params, 61706);
    assert_int_equal(s.trainable, 61706);
    assert_true(tp_is_training(net));
    int64_t own = 0;
    double leaves = 0;
    for (int i = 0; i < s.n_rows; i++) {
        own += s.rows[i].params;
        if (s.rows[i].depth == 1)
            leaves += s.rows[i].flops;
        assert_true(s.rows[i].output.ndim > 0 && s.rows[i].output.dim[0] == 4);
    }
    assert_int_equal(own, 61706);
    assert_true(s.rows[0].depth == 0 && s.rows[0].flops == s.flops && leaves == s.flops);
    assert_int_equal(s.rows[0].output.dim[1], 10);
    const tp_summary_row *conv = row_named(&s, "conv1");
    assert_int_equal(conv->params, 156);
    assert_int_equal(conv->output.dim[1], 6);
    assert_true(conv->flops >= 2.0 * 4 * 6 * 28 * 28 * 25);
    assert_true(s.activation_bytes > 0);
    tp_summary_free(&s);
    tp_summarize(net, TP_SHAPE(1, 3, 32, 32), &s);
    expect_error(TP_ERR_SHAPE, "");
}

/* Activations of some terabytes. */
static void a_network_larger_than_the_machine_is_summed_up(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_summary s;
    tp_module *net = tp_model("lenet5");
    int64_t before = tp_memory_stats().live_bytes;
    tp_memory_reset_peak();
    assert_int_equal(tp_summarize(net, TP_SHAPE((int64_t)1 << 28, 1, 32, 32), &s), TP_OK);
    assert_true(s.activation_bytes > (int64_t)1 << 40);
    assert_true(tp_memory_stats().peak_bytes - before < 1 << 20);
    tp_summary_free(&s);
}

/* ---- memory that runs out ---------------------------------------------------------------------------------------- */

static void open_and_predict(void)
{
    TP_SCOPE;
    tp_run *run = tp_run_open(finished_run());
    tp_predict(run, tp_zeros(TP_SHAPE(1, 1, 28, 28)));
}

static void sum_up(void)
{
    TP_SCOPE;
    tp_summary s = { 0 };
    if (!tp_summarize(tp_model("mlp"), TP_SHAPE(1, 784), &s))
        tp_summary_free(&s);
}

static void train_one_step(void)
{
    TP_SCOPE;
    float x[6][4] = { { 0 } };
    int64_t y[6] = { 0, 1, 2, 0, 1, 2 };
    tp_dataset *data = tp_tensor_dataset(tp_tensor_copied(x, TP_F32, TP_SHAPE(6, 4)),
                                         tp_tensor_copied(y, TP_I64, TP_SHAPE(6)), 3);
    tp_module *net = tp_model("mlp", .classes = 3, .features = 4, .hidden = "5", .dropout = 0.5);
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 1e-3);
    tp_schedule *schedule = tp_schedule_new(adam, "cosine", .total = 4);
    tp_loader *batches = tp_loader_new(data, 6, .shuffle = true, .workers = -1);
    for (tp_batch b; batches && tp_loader_next(batches, &b);) {
        TP_SCOPE;
        tp_tensor *loss = tp_cross_entropy(tp_forward(net, b.x), b.y);
        tp_backward(loss);
        tp_clip_grad_norm(tp_parameters(net), 1);
        tp_step(adam);
        tp_schedule_step(schedule);
    }
}

static void go_on_with_nothing_to_do(void)
{
    tp_train_resume(finished_run(), 0, NULL, NULL, NULL);
}

static void failing_allocations_come_back_as_errors(void **state)
{
    (void)state;
    need_json();
    finished_run();
    with_failing_allocations(train_one_step);
    with_failing_allocations(open_and_predict);
    with_failing_allocations(sum_up);
    with_failing_allocations(go_on_with_nothing_to_do);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_open_gets_its_default),
        cmocka_unit_test(what_cannot_be_is_an_error_that_names_it),
        cmocka_unit_test(config_json_comes_back_as_it_was),
        cmocka_unit_test(the_default_transform_is_what_model_and_data_need),
        cmocka_unit_test(a_run_learns_and_leaves_its_folder),
        cmocka_unit_test(layers_are_timed_in_the_third_step),
        cmocka_unit_test(a_folder_that_holds_a_run_is_not_written_over),
        cmocka_unit_test(the_caller_hears_of_steps_and_epochs_and_can_stop),
        cmocka_unit_test(without_gain_it_stops_early),
        cmocka_unit_test(a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint),
        cmocka_unit_test(a_steady_step_asks_the_system_for_no_memory),
        cmocka_unit_test(the_same_seed_gives_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(fewer_examples_are_used_when_so_wanted),
        cmocka_unit_test(the_threads_generator_is_as_it_was),
        cmocka_unit_test(a_run_predicts_what_it_learned),
        cmocka_unit_test(pictures_of_another_size_are_brought_to_size),
        cmocka_unit_test(an_evaluation_adds_up),
        cmocka_unit_test(a_regression_learns_values),
        cmocka_unit_test(every_schedule_and_optimizer_runs),
        cmocka_unit_test(weights_are_saved_and_loaded),
        cmocka_unit_test(checksums_are_those_of_their_standards),
        cmocka_unit_test(lenet5_is_summed_up),
        cmocka_unit_test(a_network_larger_than_the_machine_is_summed_up),
        cmocka_unit_test(failing_allocations_come_back_as_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
