/* test_sequences.c - layers of sequences, and runs whose examples have a target at each place: a character language model.
 *
 * Layer: tests.  Read next: test_text.c, test_recurrent.c. */
#include "support/files.h"
#include "support/mnist.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- layers --------------------------------------------------------------------------------------------------------- */

static void expect_close(tp_tensor *a, tp_tensor *b)
{
    assert_true(tp_item(tp_allclose(a, b, 1e-6, 1e-6, false)));
    expect_no_error();
}

static void an_embedding_is_rows_of_its_table(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = tp_nn_embedding(5, 3);
    tp_tensor *w = tp_params_at(tp_parameters(m), 0), *x = tp_unsqueeze(tp_tensor_of(4, 0, 4), 0);
    tp_tensor *y = tp_forward(m, x), *rows[] = { tp_select(w, 0, 4), tp_select(w, 0, 0), tp_select(w, 0, 4) };
    expect_close(y, tp_unsqueeze(tp_stack(rows, 3, 0), 0));
    tp_nn_embedding(0, 3);
    expect_error(TP_ERR_ARGUMENT, "embedding: sizes are 0 and 3, at least 1 is wanted");
}

static void a_sequence_becomes_a_vector(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_tensor *x = tp_randn(TP_SHAPE(2, 4, 6));
    expect_close(tp_forward(tp_nn_sequence_pooling("mean", 6, false), x), tp_mean(x, TP_SHAPE(1), false));
    expect_close(tp_forward(tp_nn_sequence_pooling("last", 6, false), x), tp_select(x, 1, 3));
    tp_tensor *both[] = { tp_narrow(tp_select(x, 1, 3), 1, 0, 3), tp_narrow(tp_select(x, 1, 0), 1, 3, 3) };
    expect_close(tp_forward(tp_nn_sequence_pooling("last", 6, true), x), tp_cat(both, 2, 1));
    tp_module *attention = tp_nn_sequence_pooling("attention", 6, false);
    tp_tensor *w = tp_params_at(tp_parameters(attention), 0);
    tp_tensor *scores = tp_sum(tp_mul(x, w), TP_SHAPE(2), false), *shares = tp_softmax(scores, 1);
    expect_close(tp_forward(attention, x), tp_sum(tp_mul(x, tp_unsqueeze(shares, 2)), TP_SHAPE(1), false));
    tp_nn_sequence_pooling("max", 6, false);
    expect_error(TP_ERR_ARGUMENT, "'max', last, mean or attention is wanted");
    tp_tensor *picture = tp_randn(TP_SHAPE(2, 3, 4, 5)), *rows = tp_forward(tp_nn_rows(), picture);
    expect_close(tp_select(rows, 1, 2), tp_flatten(tp_select(picture, 2, 2), 1, 2));
}

/* Halves one after the other are the whole, and of fewer sequences the first ones go on; what was before has no gradient. */
static void a_state_is_carried(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *(*const makes[])(int64_t, int64_t, const tp_rnn_options *) = { tp_nn_lstm_opt, tp_nn_gru_opt,
                                                                              tp_nn_rnn_opt };
    for (int i = 0; i < 3; i++) {
        const tp_rnn_options o = { .struct_size = sizeof o, .num_layers = 2, .batch_first = true };
        tp_module *net = tp_nn_sequential("rnn", makes[i](3, 5, &o), "head", tp_nn_linear(5, 2));
        tp_tensor *x = tp_randn(TP_SHAPE(4, 6, 3)), *whole = tp_forward(net, x);
        tp_rnn_carry(net, true);
        tp_tensor *first = tp_narrow(x, 1, 0, 3), *second = tp_narrow(x, 1, 3, 3);
        tp_requires_grad_(first = tp_clone(first), true);
        tp_forward(net, first);
        tp_params *kept = tp_params_new(), *states = tp_passing_buffers(net);
        for (int k = 0; k < tp_params_count(states); k++)
            tp_params_add(kept, tp_params_name(states, k), tp_clone(tp_params_at(states, k)));
        assert_int_equal(tp_params_count(kept), i == 0 ? 2 : 1);
        tp_tensor *y = tp_forward(net, second);
        expect_close(y, tp_narrow(whole, 1, 3, 3));
        tp_backward(tp_sum(y, TP_SHAPE(), false));
        assert_null(tp_grad(first));
        tp_rnn_load_carried(net, kept);
        expect_close(tp_forward(net, tp_narrow(second, 0, 0, 2)),
                     tp_narrow(tp_narrow(whole, 1, 3, 3), 0, 0, 2));
        assert_int_equal(tp_params_count(tp_state_dict(net)), 2 + 8);
        tp_rnn_carry(net, false);
        expect_close(tp_forward(net, x), whole);
        tp_rnn_load_carried(net, kept);
        expect_error(TP_ERR_SHAPE, "is no state that this network carries");
    }
}

/* ---- a language model ------------------------------------------------------------------------------------------------- */

enum { LETTERS = 7, WINDOW = 16 };
static const char letters[] = "taperi ";

/* A text in which each character follows from the one before it, but for every eighth, which is drawn. */
static const char *text_path(void)
{
    static char path[512];
    if (!*path) {
        static char text[4001];
        unsigned at = 0, state = 1;
        for (int i = 0; i < 4000; i++) {
            state = state * 1664525u + 1013904223u;
            at = i % 8 ? (3 * at + 1) % LETTERS : state >> 16;
            text[i] = letters[at % LETTERS];
        }
        strcpy(path, temp_path("text.txt"));
        put_text(path, text);
    }
    return path;
}

static tp_train_config config_of(const char *out, int64_t epochs)
{
    return (tp_train_config){ .struct_size = sizeof(tp_train_config),
                              .model = "char-lm",
                              .model_options = { .hidden = "24", .layers = 1, .embedding = 8 },
                              .data = text_path(),
                              .data_options = { .window = WINDOW },
                              .optim_options = { .lr = 1e-2 },
                              .out = out,
                              .epochs = epochs,
                              .batch_size = 10 };
}

typedef struct written {
    char text[400];
    size_t used;
} written;

static bool write_on(void *context, const char *text, size_t bytes)
{
    written *w = context;
    memcpy(w->text + w->used, text, bytes);
    w->text[w->used += bytes] = 0;
    return true;
}

/* The mean over all characters of the test windows, one by one. */
static double loss_by_hand(tp_run *run)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_dataset *test = tp_text(text_path(), TP_TEST, .window = WINDOW);
    double sum = 0;
    for (int64_t i = 0; i < tp_dataset_count(test); i++) {
        float x[WINDOW];
        double y[WINDOW];
        assert_int_equal(tp_dataset_get(test, i, x, y), TP_OK);
        tp_tensor *scores = tp_forward(tp_run_model(run), tp_tensor_copied(x, TP_F32, TP_SHAPE(1, WINDOW)));
        tp_tensor *log_shares = tp_log_softmax(tp_double(scores), 2);
        for (int64_t k = 0; k < WINDOW; k++)
            sum -= tp_item(tp_select(tp_select(tp_select(log_shares, 0, 0), 0, k), 0, (int64_t)y[k]));
    }
    return sum / (double)(tp_dataset_count(test) * WINDOW);
}

static void a_language_model_learns_and_goes_on(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    tp_train_result result;
    tp_train_config c = config_of(temp_path("lm"), 12);
    tp_train_run(&c, NULL, NULL, &result);
    expect_no_error();
    assert_string_equal(result.best_of, "loss");
    assert_string_equal(result.verb, "generate");
    assert_true(result.test_accuracy > 0.85); /* seven of eight can be known */
    tp_run *run = tp_run_open(temp_path("lm"));
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 7, &e), TP_OK);
    assert_int_equal(e.examples, (400 - 1) / WINDOW * WINDOW);
    assert_int_equal(e.classes, LETTERS);
    assert_true(fabs(e.loss - result.best) < 1e-6 && fabs(e.loss - loss_by_hand(run)) < 1e-5);
    tp_eval_free(&e);

    written a = { .used = 0 }, b = { .used = 0 }, d = { .used = 0 };
    tp_run_generate(run, write_on, &a, .prompt = "tap", .length = 300, .seed = 5);
    tp_set_num_threads(3);
    tp_run_generate(run, write_on, &b, .prompt = "tap", .length = 300, .seed = 5);
    tp_set_num_threads(0);
    tp_run_generate(run, write_on, &d, .prompt = "tap", .length = 300, .seed = 6);
    expect_no_error();
    assert_int_equal(a.used, 300);
    assert_string_equal(a.text, b.text);
    assert_string_not_equal(a.text, d.text);
    int known = 0;
    for (int i = 1; i < 300; i++)
        known += letters[(3 * (strchr(letters, a.text[i - 1]) - letters) + 1) % LETTERS] == a.text[i];
    assert_true(known > 225);
    tp_run_generate(run, write_on, &a, .prompt = "tax");
    expect_error(TP_ERR_ARGUMENT, "generate: 'x' is not in the text that the run learned from");
    tp_run_generate(run, write_on, &a, .prompt = "t\xff");
    expect_error(TP_ERR_ARGUMENT, "generate: the text is not UTF-8");
}

/* top_k 1 and temperature 0 both are the likeliest. */
static void the_likeliest(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    tp_run *run = tp_run_open(temp_path("lm"));
    written a = { .used = 0 }, b = { .used = 0 }, none = { .used = 0 };
    tp_run_generate(run, write_on, &a, .prompt = "er", .length = 50, .temperature = TP_ZERO);
    tp_run_generate(run, write_on, &b, .prompt = "er", .length = 50, .top_k = 1, .seed = 9);
    tp_run_generate(run, write_on, &none, .length = 5);
    expect_no_error();
    assert_string_equal(a.text, b.text);
    assert_int_equal(none.used, 5);
    tp_run_generate(run, write_on, &a, .length = -1);
    expect_error(TP_ERR_ARGUMENT, "generate: length -1");
}

static bool stop_in_the_second_epoch(void *context, const tp_progress *p)
{
    (void)context;
    return p->epoch_done || p->epoch < 2 || p->step < 5;
}

static void expect_the_same_bits(bool carry)
{
    static unsigned char x[1 << 18], y[1 << 18];
    char one[512], other[512], path[600];
    strcpy(one, temp_path(carry ? "carried" : "whole"));
    strcpy(other, temp_path(carry ? "carried in parts" : "parts"));
    tp_train_config whole = config_of(one, 3), parts = config_of(other, 3);
    whole.carry = parts.carry = carry;
    tp_train_run(&whole, NULL, NULL, NULL);
    tp_train_run(&parts, stop_in_the_second_epoch, NULL, NULL);
    snprintf(path, sizeof path, "%s/last/carried.safetensors", other);
    assert_int_equal(access(path, F_OK) == 0, carry);
    tp_train_resume(other, 0, NULL, NULL, NULL);
    expect_no_error();
    assert_int_not_equal(access(path, F_OK), 0); /* an epoch's end has none */
    snprintf(path, sizeof path, "%s/last/model.safetensors", one);
    size_t n = get_file(path, x, sizeof x);
    snprintf(path, sizeof path, "%s/last/model.safetensors", other);
    assert_int_equal(n, get_file(path, y, sizeof y));
    assert_memory_equal(x, y, n);
}

static void a_stopped_one_goes_on_with_the_same_bits(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    expect_the_same_bits(false);
    expect_the_same_bits(true);
}

static void what_does_not_go_together(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    tp_train_config c = config_of(temp_path("bad"), 1);
    c.balance = true;
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "balance wants classes, ");
    c = config_of(temp_path("bad"), 1);
    c.model = "sequence-classifier", c.model_options.embedding = 0, c.data = small_mnist(20, 10),
    c.carry = true;
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "carry is for a text");
    c = config_of(temp_path("bad"), 1);
    c.data_options.window = 5000;
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_FORMAT, "too few for a window of 5000");
    c = config_of(temp_path("bad"), 1);
    c.model_options.cell = "mgu";
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "unknown cell 'mgu' (known: rnn, lstm, gru)");
    c = config_of(temp_path("bad"), 1);
    c.model = "mlp";
    c.model_options = (tp_model_options){ .hidden = "4" };
    c.data_options.kind = "text";
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_SHAPE, "mlp answers with 7 numbers an example, ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_embedding_is_rows_of_its_table),
        cmocka_unit_test(a_sequence_becomes_a_vector),
        cmocka_unit_test(a_state_is_carried),
        cmocka_unit_test(a_language_model_learns_and_goes_on),
        cmocka_unit_test(the_likeliest),
        cmocka_unit_test(a_stopped_one_goes_on_with_the_same_bits),
        cmocka_unit_test(what_does_not_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
