/* test_copying.c - guided attention and the copy mechanism: sums against plain loops, gradients against differences, token by token
 * against at once, and a task in which only what is copied can be right.
 *
 * Layer: tests.  Read next: test_transformer.c, src/models/copying.c. */
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

#include "models/copying.h"
#include "train/decode.h"

#include <taper/taper.h>
#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES = 11, TARGETS = 9, LENGTH = 6, BATCH = 4 };

/* Every third source token has no target. */
static void set_targets(tp_module *net)
{
    tp_tensor *targets = tp_params_find(tp_buffers(net), "targets");
    int64_t *target = targets ? tp_data(targets) : NULL;
    for (int64_t i = 0; i < SOURCES && target; i++)
        target[i] = i % 3 == 2 ? -1 : (i * 2 + 1) % TARGETS;
}

static tp_module *net_of(double guided, bool copy, const char *norm, int64_t kv_heads)
{
    tp_manual_seed(5);
    tp_module *net =
        tp_model("transformer", .layers = 2, .heads = 2, .kv_heads = kv_heads, .norm = norm, .dim = 16,
                 .ff = 24, .inputs = SOURCES, .classes = TARGETS, .guided = guided, .copy = copy);
    assert_non_null(net);
    set_targets(net);
    return net;
}

/* Rows of different lengths, filled up with 0: sources over targets. */
static tp_tensor *pairs_of(uint64_t seed)
{
    tp_manual_seed(seed);
    tp_tensor *parts[] = { tp_add(tp_randint(0, SOURCES - 1, TP_SHAPE(BATCH, LENGTH)), tp_integer(1)),
                           tp_add(tp_randint(0, TARGETS - 1, TP_SHAPE(BATCH, LENGTH)), tp_integer(1)) };
    for (int side = 0; side < 2; side++) {
        int64_t *t = tp_data(parts[side]);
        for (int64_t b = 1; b < BATCH; b++)
            for (int64_t i = LENGTH - (b + side) % 3; i < LENGTH; i++)
                t[b * LENGTH + i] = 0;
    }
    return tp_stack(parts, 2, 1);
}

static const double *numbers(tp_tensor *t)
{
    return tp_data(tp_contiguous(tp_double(t)));
}

/* Weights that sum to 1 over the first lengths[n] of S. */
static tp_tensor *shares_of(int64_t steps, const int64_t *lengths)
{
    tp_tensor *x = tp_randn(TP_SHAPE(BATCH, steps, LENGTH), .dtype = TP_F64);
    tp_tensor *n = tp_tensor_copied(lengths, TP_I64, TP_SHAPE(BATCH, 1, 1)),
              *place = tp_arange(0, LENGTH, 1, .dtype = TP_I64);
    return tp_softmax(tp_masked_fill(x, tp_ge(place, n), -INFINITY), 2);
}

static const int64_t source_lengths[BATCH] = { 6, 4, 1, 5 }, target_lengths[BATCH] = { 3, 5, 2, 5 };

/* ---- against plain loops ---------------------------------------------------------------------------------------------- */

static void the_penalty_is_the_formulas(void **unused)
{
    (void)unused;
    enum { T = 5 };
    TP_SCOPE;
    tp_manual_seed(1);
    tp_tensor *shares = shares_of(T, source_lengths);
    const double *a = numbers(shares);
    double sum = 0, count = 0;
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t t = 0; t < target_lengths[n]; t++)
            for (int64_t s = 0; s < source_lengths[n]; s++, count++) {
                const double d =
                    (double)t / (double)target_lengths[n] - (double)s / (double)source_lengths[n];
                sum += a[(n * T + t) * LENGTH + s] * (1 - exp(-d * d / (2 * 0.2 * 0.2)));
            }
    tp_tensor *penalty = guided_penalty(shares, tp_tensor_copied(target_lengths, TP_I64, TP_SHAPE(BATCH)),
                                        tp_tensor_copied(source_lengths, TP_I64, TP_SHAPE(BATCH)));
    expect_no_error();
    assert_int_equal(tp_ndim(penalty), 0);
    assert_true(fabs(tp_item(penalty) - sum / count) < 1e-14);
}

static void copied_tokens_have_the_formulas_probabilities(void **unused)
{
    (void)unused;
    enum { T = 5 };
    TP_SCOPE;
    tp_manual_seed(2);
    tp_tensor *scores = tp_randn(TP_SHAPE(BATCH, T, TARGETS), .dtype = TP_F64),
              *generate = tp_randn(TP_SHAPE(BATCH, T, 1), .dtype = TP_F64),
              *shares = shares_of(T, source_lengths),
              *targets = tp_sub(tp_randint(0, TARGETS + 1, TP_SHAPE(BATCH, LENGTH)), tp_integer(1));
    const double *made = numbers(tp_softmax(scores, 2)), *gate = numbers(tp_sigmoid(generate)),
                 *a = numbers(shares);
    const int64_t *target = tp_data(targets);
    tp_tensor *y = copying_scores(scores, generate, shares, targets);
    expect_no_error();
    const double *log_p = numbers(y);
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t t = 0; t < T; t++) {
            const int64_t row = n * T + t;
            double p[TARGETS] = { 0 }, unknown = 0, all = 0;
            for (int64_t s = 0; s < LENGTH; s++)
                if (target[n * LENGTH + s] < 0)
                    unknown += a[row * LENGTH + s];
                else
                    p[target[n * LENGTH + s]] += (1 - gate[row]) * a[row * LENGTH + s];
            for (int64_t w = 0; w < TARGETS; w++) {
                p[w] += (gate[row] + (1 - gate[row]) * unknown) * made[row * TARGETS + w];
                assert_true(fabs(exp(log_p[row * TARGETS + w]) - p[w]) < 1e-14);
                all += p[w];
            }
            assert_true(fabs(all - 1) < 1e-13);
        }
}

/* What is far beyond the smallest float has a finite logarithm and gradient. */
static void an_unlikely_token_has_a_gradient(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const float logits[] = { 0, -300, 0 };
    const int64_t first = 0, length = 1;
    tp_tensor *scores = tp_tensor_copied(logits, TP_F32, TP_SHAPE(1, 1, 3)),
              *generate = tp_full(TP_SHAPE(1, 1, 1), 2);
    tp_requires_grad_(scores, true);
    tp_tensor *y = copying_scores(scores, generate, tp_ones(TP_SHAPE(1, 1, 1)),
                                  tp_tensor_copied(&first, TP_I64, TP_SHAPE(1, length)));
    tp_tensor *loss = tp_neg(tp_narrow(tp_flatten(y, 0, 2), 0, 1, 1));
    tp_backward(tp_sum(loss, TP_ALL_DIMS, false));
    expect_no_error();
    assert_true(isfinite(tp_item(loss)) && tp_item(loss) > 60);
    assert_true(isfinite(tp_item(tp_sum(tp_grad(scores), TP_ALL_DIMS, false))));
}

/* ---- the shares of an attention ---------------------------------------------------------------------------------------- */

static void shares_change_nothing_and_sum_to_one(void **unused)
{
    (void)unused;
    TP_NO_GRAD;
    for (int kv_heads = 1; kv_heads <= 4; kv_heads *= 2) {
        TP_SCOPE;
        tp_manual_seed(3);
        tp_module *stack =
            tp_nn_transformer(16, 2, 4, .kv_heads = kv_heads, .causal = true, .cross = true, .norm = "post");
        tp_tensor *x = tp_randn(TP_SHAPE(BATCH, 5, 16)), *memory = tp_randn(TP_SHAPE(BATCH, LENGTH, 16)),
                  *lengths = tp_tensor_copied(source_lengths, TP_I64, TP_SHAPE(BATCH)), *shares = NULL;
        char text[256] = "";
        tp_tensor *y = tp_transformer_forward(stack, x, .memory = memory, .memory_lengths = lengths),
                  *other = tp_transformer_forward(stack, x, .memory = memory, .memory_lengths = lengths,
                                                  .shares = &shares);
        expect_no_error();
        if (!same_tensor("with shares", other, y, (tolerance){ 1e-5, 1e-6, false }, text, sizeof text))
            fail_msg("%s", text);
        const double *a = numbers(shares);
        for (int64_t row = 0; row < BATCH * 5; row++) {
            double sum = 0;
            for (int64_t s = 0; s < LENGTH; s++) {
                assert_true(s < source_lengths[row / 5] || a[row * LENGTH + s] == 0);
                sum += a[row * LENGTH + s];
            }
            assert_true(fabs(sum - 1) < 1e-6);
        }
    }
    TP_SCOPE;
    tp_tensor *shares;
    tp_module *alone = tp_nn_transformer(16, 1, 2);
    assert_null(tp_transformer_forward(alone, tp_zeros(TP_SHAPE(1, 2, 16)), .shares = &shares));
    expect_error(TP_ERR_ARGUMENT, "look at no memory");
}

/* ---- the network ------------------------------------------------------------------------------------------------------- */

/* Token t of the target is the one after it; with what stands beside. */
static tp_tensor *loss_of(tp_module *net, tp_tensor *x)
{
    double weight;
    tp_tensor *y = tp_forward(net, x), *tokens = tp_select(x, 1, 1);
    tp_tensor *loss =
        tp_cross_entropy(tp_flatten(tp_narrow(y, 1, 0, LENGTH - 1), 0, 1),
                         tp_flatten(tp_narrow(tokens, 1, 1, LENGTH - 1), 0, 1), .ignore_zero = true);
    for (tp_tensor *beside; (beside = tp_take_aux(net, &weight));)
        loss = tp_add(loss, tp_mul(beside, weight));
    return loss;
}

static void check_gradients(tp_module *net)
{
    tp_tensor *x = pairs_of(4), *way[256];
    tp_module_to(net, TP_F64);
    tp_params *p = tp_parameters(net);
    tp_backward(loss_of(net, x));
    double analytic = 0, value[2];
    const double eps = 1e-7; /* so small that hardly any relu changes sides */
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(p); i++) {
        assert_non_null(tp_grad(tp_params_at(p, i)));
        way[i] = tp_randn(tp_shape_of(tp_params_at(p, i)), .dtype = TP_F64);
        analytic += tp_item(tp_sum(tp_mul(tp_grad(tp_params_at(p, i)), way[i]), TP_ALL_DIMS, false));
    }
    for (int sign = 0; sign < 2; sign++) {
        for (int i = 0; i < tp_params_count(p); i++)
            tp_add_(tp_params_at(p, i), tp_mul(way[i], tp_number(sign ? -2 * eps : eps)));
        value[sign] = tp_item(loss_of(net, x));
    }
    expect_no_error();
    const double numeric = (value[0] - value[1]) / (2 * eps);
    if (!(fabs(analytic - numeric) < 1e-5 * (1 + fabs(numeric))))
        fail_msg("derivative %.9g, differences give %.9g", analytic, numeric);
}

static void gradients_agree_with_differences(void **unused)
{
    (void)unused;
    static const char *const norms[] = { "post", "pre", "deep", "rms" };
    for (int i = 0; i < 4; i++)
        for (int use = 1; use < 4; use++) {
            TP_SCOPE;
            check_gradients(net_of(use & 1 ? 3 : 0, use & 2, norms[i], 1 + i % 2));
        }
}

static void the_penalty_is_left_in_training_alone(void **unused)
{
    (void)unused;
    TP_SCOPE;
    double weight = 0;
    tp_module *net = net_of(3, false, "pre", 2), *plain = net_of(0, false, "pre", 2);
    tp_tensor *x = pairs_of(4), *penalty;
    char text[256] = "";
    tp_tensor *y = tp_forward(net, x);
    assert_non_null(penalty = tp_take_aux(net, &weight));
    assert_true(weight == 3 && tp_item(penalty) > 0 && tp_item(penalty) < 1);
    assert_null(tp_take_aux(net, &weight));
    if (!same_tensor("with the penalty", y, tp_forward(plain, x), (tolerance){ 1e-5, 1e-6, false }, text,
                     sizeof text))
        fail_msg("%s", text);
    tp_eval(net);
    tp_forward(net, x);
    assert_null(tp_take_aux(net, &weight));
    expect_no_error();
}

static void token_by_token_is_the_same_as_at_once(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_module *net = net_of(1, true, "pre", 1);
    tp_eval(net);
    tp_tensor *x = pairs_of(4), *y = tp_forward(net, x), *tokens = tp_select(x, 1, 1);
    const tp_decoding_functions *f = tp_module_decoding(net);
    tp_decoding d = { .n_read = 0 };
    char text[256] = "";
    assert_int_equal(f->begin(net, tp_select(x, 1, 0), &d), TP_OK);
    for (int64_t t = 0; t < LENGTH; t++) {
        tp_tensor *step = f->step(net, tp_select(tokens, 1, t), &d);
        if (!same_tensor("a step", step, tp_contiguous(tp_select(y, 1, t)), (tolerance){ 1e-4, 2e-5, false },
                         text, sizeof text))
            fail_msg("%s", text);
        tp_tensor *off = tp_sub(tp_sum(tp_exp(step), TP_SHAPE(1), false), tp_integer(1));
        assert_true(tp_item(tp_amax(tp_abs(off), TP_ALL_DIMS, false)) < 1e-5);
    }
    decoded out[BATCH];
    const decoding_options o = { .beam = 2, .max_length = 8, .begin = 1, .end = 2 };
    assert_int_equal(decode(net, tp_select(x, 1, 0), &o, out), TP_OK);
    assert_true(out[0].n >= 1 && out[0].best[0].n <= 8);
    decoded_free(out, BATCH);
}

static void the_table_of_targets_is_saved(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *path = temp_path("copying.safetensors");
    tp_module *net = net_of(0, true, "pre", 2),
              *other = tp_model("transformer", .layers = 2, .heads = 2, .norm = "pre", .dim = 16, .ff = 24,
                                .inputs = SOURCES, .classes = TARGETS, .copy = true);
    assert_int_equal(tp_save(net, path), TP_OK);
    assert_int_equal(tp_load(other, path), TP_OK);
    tp_tensor *targets = tp_params_find(tp_buffers(other), "targets");
    assert_true(tp_item(tp_equal(targets, tp_params_find(tp_buffers(net), "targets"))) == 1);
    expect_no_error();
}

/* A dry run has shapes without numbers. */
static void a_survey_has_all_of_it(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_summary with, plain;
    tp_module *net = net_of(3, true, "pre", 2), *other = net_of(0, false, "pre", 2);
    assert_int_equal(tp_summarize(net, TP_SHAPE(BATCH, 2, LENGTH), &with), TP_OK);
    assert_int_equal(tp_summarize(other, TP_SHAPE(BATCH, 2, LENGTH), &plain), TP_OK);
    assert_int_equal(with.params - plain.params, 16 + 1);
    assert_true(with.flops > plain.flops && with.training_bytes > 0 && plain.training_bytes > 0);
    tp_summary_free(&with);
    tp_summary_free(&plain);
    expect_no_error();
}

static void wrong_options_are_told(void **unused)
{
    (void)unused;
    TP_SCOPE;
    assert_null(tp_model("transformer", .copy = true, .structure = "causal-decoder"));
    expect_error(TP_ERR_ARGUMENT,
                 "copy is for the shares of a source, structure encoder-decoder with a head is wanted");
    assert_null(tp_model("transformer", .guided = 1, .structure = "prefix-decoder"));
    expect_error(TP_ERR_ARGUMENT, "guided is for the shares");
    assert_null(tp_model("transformer", .guided = -1));
    expect_error(TP_ERR_ARGUMENT, "guided is -1, 0 or more is wanted");
    assert_null(tp_model("transformer-lm", .copy = true));
    expect_error(TP_ERR_ARGUMENT, "has no option 'copy'");
}

/* ---- strings that are written again, over an alphabet of which training has only a part --------------------------------- */

enum { SYMBOLS = 44, KNOWN = 32, FIRST = 4, STRING = 5, ROWS = 32 };

/* (N, 2, L): symbols first .. first + n and END over BEGIN and the same symbols, and what is to be written: symbols and END. */
static void strings_of(int64_t first, int64_t n, tp_tensor **x, tp_tensor **y)
{
    tp_tensor *symbols = tp_add(tp_randint(0, n, TP_SHAPE(ROWS, STRING)), tp_integer(FIRST + first)),
              *begin = tp_full(TP_SHAPE(ROWS, 1), 1, .dtype = TP_I64),
              *end = tp_full(TP_SHAPE(ROWS, 1), 2, .dtype = TP_I64);
    *y = tp_cat((tp_tensor *[]){ symbols, end }, 2, 1);
    tp_tensor *target = tp_cat((tp_tensor *[]){ begin, symbols }, 2, 1);
    *x = tp_stack((tp_tensor *[]){ *y, target }, 2, 1);
}

/* The share of symbols that training never had, and that are written rightly. */
static double unseen_right_after_training(bool copy)
{
    tp_manual_seed(7);
    tp_module *net = tp_model("transformer", .layers = 2, .heads = 2, .dim = 32, .ff = 64,
                              .position = "learned", .norm = "post", .inputs = FIRST + SYMBOLS,
                              .classes = FIRST + SYMBOLS, .guided = 5, .copy = copy);
    tp_tensor *targets = tp_params_find(tp_buffers(net), "targets"), *x, *y;
    if (targets)
        tp_copy_(targets, tp_arange(0, FIRST + SYMBOLS, 1, .dtype = TP_I64));
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 3e-3);
    for (int step = 0; step < 200; step++) {
        TP_SCOPE;
        double weight;
        strings_of(0, KNOWN, &x, &y);
        tp_tensor *loss = tp_cross_entropy(tp_flatten(tp_forward(net, x), 0, 1), tp_flatten(y, 0, 1));
        for (tp_tensor *beside; (beside = tp_take_aux(net, &weight));)
            loss = tp_add(loss, tp_mul(beside, weight));
        tp_zero_grad(adam);
        tp_backward(loss);
        tp_clip_grad_norm(tp_parameters(net), 1);
        tp_step(adam);
    }
    TP_NO_GRAD;
    tp_eval(net);
    strings_of(KNOWN, SYMBOLS - KNOWN, &x, &y);
    tp_tensor *right = tp_narrow(tp_eq(tp_argmax(tp_forward(net, x), 2, false), y), 1, 0, STRING);
    const double share = tp_item(tp_mean(tp_float(right), TP_ALL_DIMS, false));
    expect_no_error();
    if (getenv("TAPER_TEST_VERBOSE"))
        print_message("%s: %.3f of unseen symbols\n", copy ? "copying" : "without", share);
    return share;
}

static void what_training_never_wrote_is_copied(void **unused)
{
    (void)unused;
    TP_SCOPE;
    assert_true(unseen_right_after_training(true) > 0.9);
    assert_true(unseen_right_after_training(false) < 0.1);
}

/* ---- a run -------------------------------------------------------------------------------------------------------------- */

/* Words in which small letters stay and capitals become others. */
static const char *words(void)
{
    const char *path = temp_path("words.dict");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++) {
        const int a = i % 6, b = i / 6 % 6, c = i / 36 % 6;
        fprintf(f, "%c%c%c\t%c%c%c\n", "abcXYZ"[a], "abcXYZ"[b], "abcXYZ"[c], "abc123"[a], "abc123"[b],
                "abc123"[c]);
    }
    fclose(f);
    return path;
}

static void a_run_knows_which_tokens_are_the_same(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    char out[512], data[512];
    snprintf(out, sizeof out, "%s", temp_path("run"));
    snprintf(data, sizeof data, "%s", words());
    tp_train_config c = { .struct_size = sizeof c,
                          .model = "transformer",
                          .model_options = { .layers = 1, .heads = 2, .dim = 16, .guided = 1, .copy = true },
                          .data = data,
                          .data_options = { .target_unit = "chars" },
                          .optim_options = { .lr = 1e-2 },
                          .out = out,
                          .epochs = 20,
                          .batch_size = 32 };
    tp_train_result r;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    assert_true(r.best < 0.1);
    tp_run *run = tp_run_open(out);
    tp_tensor *targets = tp_params_find(tp_buffers(tp_run_model(run)), "targets");
    tp_dataset *d = tp_pairs(data, TP_TRAIN, .target_unit = "chars");
    expect_no_error();
    const int64_t *target = tp_data(targets);
    int without = 0;
    assert_int_equal(tp_numel(targets), tp_dataset_inputs(d));
    for (int64_t i = 0; i < tp_dataset_inputs(d); i++)
        if (target[i] < 0)
            without++;
        else
            assert_string_equal(tp_dataset_class_name(d, target[i]), tp_dataset_input_name(d, i));
    assert_int_equal(without, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_penalty_is_the_formulas),
        cmocka_unit_test(copied_tokens_have_the_formulas_probabilities),
        cmocka_unit_test(an_unlikely_token_has_a_gradient),
        cmocka_unit_test(shares_change_nothing_and_sum_to_one),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(the_penalty_is_left_in_training_alone),
        cmocka_unit_test(token_by_token_is_the_same_as_at_once),
        cmocka_unit_test(the_table_of_targets_is_saved),
        cmocka_unit_test(a_survey_has_all_of_it),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(what_training_never_wrote_is_copied),
        cmocka_unit_test(a_run_knows_which_tokens_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
