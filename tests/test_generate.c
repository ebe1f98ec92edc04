/* test_generate.c - drawing the next unit of a text: what may be drawn, how often; strings that end a text; several texts and a beam of a
 * network, and a context that is full.
 *
 * Layer: tests.  Read next: test_token_runs.c, cli/pretrained.sh. */
#include "support/files.h"
#include "support/golden.h"

#include "train/decode.h"
#include "train/sample.h"
#include "train/stop.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- draws ------------------------------------------------------------------------------------------------------------------ */

enum { N = 8, DRAWS = 40000 };
static const double log_shares[N] = { -1.2, -3.0, -0.9, -2.2, -5.0, -1.9, -4.0, -2.6 };

static void count_draws(const sampling *s, double share[N])
{
    int64_t order[N];
    for (int i = 0; i < N; i++)
        share[i] = 0;
    for (int i = 0; i < DRAWS; i++) {
        double scores[N];
        memcpy(scores, log_shares, sizeof scores);
        share[sample(s, scores, order, N, NULL, 0, 3, (uint64_t)i)] += 1.0 / DRAWS;
    }
}

/* Shares of what is kept, the others' 0. */
static void shares_of(double temperature, const bool kept[N], double share[N])
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += share[i] = kept[i] ? exp(log_shares[i] / temperature) : 0;
    for (int i = 0; i < N; i++)
        share[i] /= sum;
}

static void draws_follow_the_shares_of_what_is_kept(void **unused)
{
    (void)unused;
    const struct {
        sampling s;
        bool kept[N];
    } cases[] = {
        { { .temperature = 1 }, { 1, 1, 1, 1, 1, 1, 1, 1 } },
        { { .temperature = 0.5 }, { 1, 1, 1, 1, 1, 1, 1, 1 } },
        { { .temperature = 1, .top_k = 3 }, { 1, 0, 1, 0, 0, 1, 0, 0 } },
        { { .temperature = 1, .top_p = 0.5 }, { 1, 0, 1, 0, 0, 0, 0, 0 } }, /* 0.369 and 0.274 of all */
        { { .temperature = 1, .top_p = 0.36 }, { 0, 0, 1, 0, 0, 0, 0, 0 } },
        { { .temperature = 1, .top_p = 0.9 }, { 1, 0, 1, 1, 0, 1, 0, 1 } },
        { { .temperature = 1, .top_k = 3, .top_p = 0.8 }, { 1, 0, 1, 0, 0, 0, 0, 0 } }, /* of the three */
        { { .temperature = 1, .min_p = 0.3 }, { 1, 0, 1, 0, 0, 1, 0, 0 } }, /* e^-1 > 0.3 > e^-1.3 */
        { { .temperature = 1, .gumbel = 1 }, { 1, 1, 1, 1, 1, 1, 1, 1 } },
        { { .temperature = 1, .gumbel = 1, .top_k = 2 }, { 1, 0, 1, 0, 0, 0, 0, 0 } },
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double got[N], wanted[N];
        count_draws(&cases[c].s, got);
        shares_of(cases[c].s.temperature, cases[c].kept, wanted);
        for (int i = 0; i < N; i++)
            if ((!cases[c].kept[i] && got[i] > 0) || fabs(got[i] - wanted[i]) > 4.5 * sqrt(wanted[i] / DRAWS))
                fail_msg("case %d: unit %d is drawn with share %g, wanted %g", (int)c, i, got[i], wanted[i]);
    }
}

static void what_stood_before_is_less_likely(void **unused)
{
    (void)unused;
    const sampling s = { .temperature = 0, .repetition_penalty = 2 };
    int64_t order[4];
    double scores[] = { 3, 2, -1, 1 };
    const int64_t before[] = { 0, 0 }; /* counts once: 3 / 2 < 2 */
    assert_int_equal(sample(&s, scores, order, 4, before, 2, 0, 0), 1);
    assert_true(scores[0] == 1.5);
    double low[] = { -1, -1.5 }; /* a negative score is multiplied */
    assert_int_equal(sample(&s, low, order, 2, before, 2, 0, 0), 1);
    assert_true(fabs(log_share((const double[]){ 0, 0, 0, 0 }, 4, 2) + log(4)) < 1e-12);
}

/* ---- the string that ends a text ------------------------------------------------------------------------------------------ */

static bool append(void *text, const char *more, size_t bytes)
{
    strncat(text, more, bytes);
    return true;
}

static void a_text_ends_before_its_stop_string(void **unused)
{
    (void)unused;
    const struct {
        const char *stop, *pieces[6], *told;
        bool ends;
    } cases[] = {
        { "END", { "to the ", "EN", "D of it" }, "to the ", true },
        { "END", { "E", "N", "E", "N", "D", NULL }, "EN", true },
        { "END", { "to the E", "N", NULL }, "to the EN", false },
        { "\n\n", { "a\n", "b\n", "\nc", NULL }, "a\nb", true },
        { "", { "all", " of it", NULL }, "all of it", false },
        { "aab", { "aaa", "ab", NULL }, "aa", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char told[64] = "";
        stop s;
        bool more = true;
        assert_int_equal(stop_open(&s, cases[i].stop, append, told), TP_OK);
        for (int k = 0; k < 6 && cases[i].pieces[k] && more; k++)
            more = stop_tell(&s, cases[i].pieces[k], strlen(cases[i].pieces[k]));
        stop_end(&s);
        assert_string_equal(told, cases[i].told);
        assert_int_equal(!more, cases[i].ends);
        stop_close(&s);
    }
}

/* ---- of a network -------------------------------------------------------------------------------------------------------------- */

static tp_module *stories(tp_tokenizer **tokenizer)
{
    tp_module *net = tp_pretrained("data/stories260K/stories260K.bin");
    *tokenizer = tp_pretrained_tokenizer("data/stories260K/stories260K.bin", NULL);
    assert_true(net && *tokenizer);
    tp_eval(net);
    return net;
}

/* The likelihood that it tells of is that of the whole text read at once. */
static void likelihoods_are_those_of_the_text_at_once(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tokenizer *tokenizer;
    tp_module *net = stories(&tokenizer);
    for (int64_t beam = 0; beam < 5; beam += 4) {
        char text[2000] = "Tim had a red";
        double told;
        int64_t n;
        assert_int_equal(tp_generate(net, tokenizer, append, text, .prompt = "Tim had a red", .length = 30,
                                     .beam = beam, .temperature = TP_ZERO, .log_probability = &told,
                                     .tokens = &n),
                         TP_OK);
        const tp_tokens *tokens = tp_tokenizer_encode(tokenizer, text, (int64_t)strlen(text), .begin = true);
        const int64_t count = tp_tokens_count(tokens);
        int64_t ids[400];
        for (int64_t i = 0; i < count; i++)
            ids[i] = tp_tokens_ids(tokens)[i];
        tp_tensor *x = tp_tensor_copied(ids, TP_I64, TP_SHAPE(1, count));
        tp_tensor *log_p = tp_log_softmax(tp_double(tp_select(tp_forward(net, x), 0, 0)), 1);
        double sum = 0;
        for (int64_t i = count - n; i < count; i++)
            sum += tp_item(tp_select(tp_select(log_p, 0, i - 1), 0, ids[i]));
        assert_int_equal(n, 30);
        assert_true(fabs(sum - told) < 1e-3);
    }
    expect_no_error();
}

static void several_texts_are_those_that_each_would_be(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_tokenizer *tokenizer;
    tp_module *net = stories(&tokenizer);
    char one[1000] = "", all[4000] = "";
    assert_int_equal(tp_generate(net, tokenizer, append, one, .prompt = "The dog", .length = 20, .seed = 4),
                     TP_OK);
    assert_int_equal(tp_generate(net, tokenizer, append, all, .prompt = "The dog", .length = 20, .seed = 4,
                                 .samples = 3),
                     TP_OK);
    assert_memory_equal(all, one, strlen(one));
    assert_true(strstr(all, "\n--- 2 ---\nThe dog") && strstr(all, "\n--- 3 ---\nThe dog"));
    char long_text[8000] = "";
    assert_int_equal(tp_generate(net, tokenizer, append, long_text, .length = 1200, .temperature = TP_ZERO),
                     TP_OK);
    assert_true(strlen(long_text) > 2000); /* past the context of 512, twice */
    expect_no_error();
}

/* ---- prompts of different lengths ------------------------------------------------------------------------------------ */

/* Scores after a ragged step and after one more token, against each row's alone. */
static void expect_rows_as_alone(tp_module *net, const char *what)
{
    enum { ROWS = 3, MOST = 7 };
    const int64_t lengths[ROWS] = { 2, 7, 1 };
    int64_t tokens[ROWS][MOST + 1];
    const tp_decoding_functions *f = tp_module_decoding(net);
    tp_decoding all = { .lengths = tp_tensor_copied(lengths, TP_I64, TP_SHAPE(ROWS)) };
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k <= MOST; k++)
            tokens[r][k] = 4 + (5 * r + 3 * k) % 7;
    tp_tensor *packed = tp_zeros(TP_SHAPE(ROWS, MOST), .dtype = TP_I64), *scores[2];
    for (int r = 0; r < ROWS; r++)
        memcpy((int64_t *)tp_data(packed) + r * MOST, tokens[r], (size_t)lengths[r] * sizeof(int64_t));
    int64_t next[ROWS];
    for (int r = 0; r < ROWS; r++)
        next[r] = tokens[r][lengths[r]];
    scores[0] = f->step(net, packed, &all);
    assert_null(all.lengths);
    scores[1] = f->step(net, tp_tensor_copied(next, TP_I64, TP_SHAPE(ROWS)), &all);
    for (int r = 0; r < ROWS; r++) {
        tp_decoding one = { 0 };
        tp_tensor *alone[2];
        alone[0] = f->step(net, tp_tensor_copied(tokens[r], TP_I64, TP_SHAPE(1, lengths[r])), &one);
        alone[1] = f->step(net, tp_tensor_copied(&next[r], TP_I64, TP_SHAPE(1)), &one);
        for (int k = 0; k < 2; k++) {
            const double off =
                tp_item(tp_amax(tp_abs(tp_sub(tp_narrow(scores[k], 0, r, 1), alone[k])), TP_SHAPE(), false));
            expect_no_error();
            if (!(off < 1e-5))
                fail_msg("%s: row %d, step %d is off by %g", what, r, k, off);
        }
    }
}

static void a_step_over_rows_of_different_lengths_is_each_alone(void **unused)
{
    (void)unused;
    static const char *const positions[] = { "sinusoidal", "learned", "rope", "alibi" },
                             *const structures[] = { "causal-decoder", "prefix-decoder" };
    for (int i = 0; i < 16; i++) {
        TP_SCOPE;
        TP_NO_GRAD;
        tp_manual_seed(4);
        tp_module *net = tp_model("transformer-lm", .structure = structures[i % 2],
                                  .position = positions[i / 2 % 4], .classes = 12, .dim = 16, .heads = 2,
                                  .layers = 2, .attention_window = i >= 8 && i % 2 == 0 ? 3 : 0);
        tp_eval(net);
        expect_rows_as_alone(net, positions[i / 2 % 4]);
    }
    for (int i = 0; i < 3; i++) {
        TP_SCOPE;
        TP_NO_GRAD;
        tp_module *net = tp_model("char-lm", .classes = 12, .cell = i == 0 ? "rnn" : i == 1 ? "lstm" : "gru");
        tp_eval(net);
        expect_rows_as_alone(net, "char-lm");
    }
}

static void sources_of_different_lengths_are_decoded_as_each_alone(void **unused)
{
    (void)unused;
    enum { ROWS = 3, MOST = 8 };
    static const char *const structures[] = { "encoder-decoder", "causal-decoder", "prefix-decoder", NULL };
    const int64_t lengths[ROWS] = { 3, 8, 1 };
    for (int i = 0; i < 8; i++) {
        TP_SCOPE;
        tp_manual_seed(6);
        tp_module *net = structures[i % 4] ? tp_model("transformer", .structure = structures[i % 4],
                                                      .classes = 12, .inputs = 12, .dim = 16, .heads = 2)
                                           : tp_model("seq2seq", .classes = 12, .inputs = 12, .hidden = "16");
        const decoding_options o = {
            .beam = i < 4 ? 1 : 3, .max_length = 6, .length_penalty = 0.6, .begin = 1, .end = 2
        };
        decoded all[ROWS], one;
        tp_tensor *packed = tp_zeros(TP_SHAPE(ROWS, MOST), .dtype = TP_I64);
        int64_t *to = tp_data(packed);
        for (int r = 0; r < ROWS; r++)
            for (int k = 0; k < lengths[r]; k++)
                to[r * MOST + k] = 4 + (5 * r + 3 * k) % 7;
        tp_eval(net);
        decode(net, packed, &o, all);
        expect_no_error();
        for (int r = 0; r < ROWS; r++) {
            assert_int_equal(decode(net, tp_tensor_copied(to + r * MOST, TP_I64, TP_SHAPE(1, lengths[r])), &o,
                                    &one),
                             TP_OK);
            assert_int_equal(one.n, all[r].n);
            for (int64_t k = 0; k < one.n; k++) {
                assert_int_equal(one.best[k].n, all[r].best[k].n);
                assert_memory_equal(one.best[k].tokens, all[r].best[k].tokens,
                                    (size_t)one.best[k].n * sizeof(int64_t));
                assert_true(fabs(one.best[k].score - all[r].best[k].score) < 1e-5);
            }
            decoded_free(&one, 1);
        }
        decoded_free(all, ROWS);
    }
}

typedef struct kept {
    char text[4096];
} kept;

static bool keep_text(void *context, const char *text, size_t bytes)
{
    kept *k = context;
    const size_t used = strlen(k->text);
    if (used + bytes + 1 < sizeof k->text) {
        memcpy(k->text + used, text, bytes);
        k->text[used + bytes] = 0;
    }
    return true;
}

/* Of a prompt that is longer than the context the end is read: what stands before it changes nothing. */
static void of_a_long_prompt_the_end_is_read(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static char prompts[2][8192];
    kept texts[2] = { { "" }, { "" } };
    int64_t tokens[2];
    tp_module *net = tp_pretrained("data/stories260K/stories260K.bin");
    tp_tokenizer *tokenizer = tp_pretrained_tokenizer("data/stories260K/stories260K.bin", NULL);
    tp_eval(net);
    for (int i = 0; i < 2; i++) {
        strcpy(prompts[i], i ? "A cow. " : "Sue ran home. ");
        for (int k = 0; k < 120; k++)
            strcat(prompts[i], "The little dog ran and ran in the park all day. ");
        tp_generate(net, tokenizer, keep_text, &texts[i], .prompt = prompts[i], .length = 12,
                    .temperature = TP_ZERO, .tokens = &tokens[i]);
        expect_no_error();
        assert_int_equal(tokens[i], 12);
    }
    assert_string_equal(texts[0].text, texts[1].text);
    expect_error(tp_generate(net, tokenizer, keep_text, &texts[0], .prompt = "a\xff"), "not UTF-8");
}

static void prompts_together_are_each_alone(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const char *const prompts[] = { "The dragon", "Once upon a time, there was a little girl who", "",
                                           "Tom" };
    tp_module *net = tp_pretrained("data/stories260K/stories260K.bin");
    tp_tokenizer *tokenizer = tp_pretrained_tokenizer("data/stories260K/stories260K.bin", NULL);
    kept all = { "" }, wanted = { "" };
    tp_eval(net);
    for (int beam = 0; beam <= 3; beam += 3) { /* drawn, and searched for */
        double together[4], alone;
        all = wanted = (kept){ "" };
        tp_generate(net, tokenizer, keep_text, &all, .prompts = prompts, .n_prompts = 4, .length = 30,
                    .seed = 3, .beam = beam, .log_probability = together);
        for (int i = 0; i < 4; i++) {
            char line[64];
            snprintf(line, sizeof line, "\n--- %d ---\n", i + 1);
            strcat(wanted.text, i ? line : "");
            strcat(wanted.text, prompts[i]);
            tp_generate(net, tokenizer, keep_text, &wanted, .prompt = prompts[i], .length = 30, .seed = 3,
                        .beam = beam, .log_probability = &alone);
            assert_true(fabs(together[i] - alone) < 1e-4);
        }
        expect_no_error();
        assert_string_equal(all.text, wanted.text);
    }
    expect_error(tp_generate(net, tokenizer, keep_text, &all, .prompts = prompts, .n_prompts = 4,
                             .length = 600),
                 "prompt 1 has");
    expect_error(tp_generate(net, tokenizer, keep_text, &all, .prompts = prompts, .n_prompts = 4,
                             .samples = 2),
                 "without a prompt or samples");
    expect_error(tp_generate(net, tokenizer, keep_text, &all, .prompts = (const char *const[]){ "a", "\xff" },
                             .n_prompts = 2),
                 "is not UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_shares_of_what_is_kept),
        cmocka_unit_test(what_stood_before_is_less_likely),
        cmocka_unit_test(a_text_ends_before_its_stop_string),
        cmocka_unit_test(likelihoods_are_those_of_the_text_at_once),
        cmocka_unit_test(several_texts_are_those_that_each_would_be),
        cmocka_unit_test(a_step_over_rows_of_different_lengths_is_each_alone),
        cmocka_unit_test(sources_of_different_lengths_are_decoded_as_each_alone),
        cmocka_unit_test(of_a_long_prompt_the_end_is_read),
        cmocka_unit_test(prompts_together_are_each_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
