/* test_objectives.c - what language models learn: the loss that is made without the answer, masks, prefixes.
 *
 * The loss block by block is compared with cross-entropy over all logits; what is hidden with the rules of Devlin et al. 2018.
 * Layer: tests.  Read next: test_transformer.c, test_documents.c. */
#include "support/compare.h"
#include "support/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/taper.h>

#include "io/json.h"
#include "train/task.h"
#include "train/text_metrics.h"

static void expect_fine(void)
{
    char text[1024];
    if (tp_error_take(text, sizeof text))
        fail_msg("%s", text);
}

/* Gradients of all parameters, clones; they are taken away. */
static tp_params *take_gradients(tp_module *net)
{
    tp_params *all = tp_params_new(), *p = tp_parameters(net);
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(p); i++) {
        tp_tensor *g = tp_grad(tp_params_at(p, i));
        assert_non_null(g);
        tp_params_add(all, tp_params_name(p, i), tp_clone(g));
    }
    tp_zero_grads(net);
    return all;
}

static void expect_near(const char *what, tp_tensor *got, tp_tensor *wanted, double most)
{
    TP_NO_GRAD;
    const double error = tp_item(tp_amax(tp_abs(tp_sub(got, wanted)), TP_SHAPE(), false)),
                 size = tp_item(tp_amax(tp_abs(wanted), TP_SHAPE(), false));
    expect_fine();
    if (!(error <= most * (size + 1e-6)))
        fail_msg("%s: off by %g of %g", what, error, size);
}

static void expect_same_loss(tp_module *net, tp_tensor *x, tp_tensor *y)
{
    TP_SCOPE;
    tp_tensor *correct, *answer = tp_flatten(tp_forward(net, x), 0, 1), *truth = tp_flatten(y, 0, 1);
    tp_tensor *wanted = tp_cross_entropy(answer, truth);
    const double right = tp_item(tp_sum(tp_eq(tp_argmax(answer, 1, false), truth), TP_SHAPE(), false));
    tp_backward(wanted);
    tp_params *gradients = take_gradients(net);
    assert_true(tp_module_has_head(net));
    tp_tensor *loss = tp_forward_loss(net, x, y, TP_IGNORED, &correct);
    expect_fine();
    tp_backward(loss);
    expect_near("loss", loss, wanted, 1e-6);
    assert_int_equal((int64_t)tp_item(correct), (int64_t)right);
    tp_params *now = take_gradients(net);
    for (int i = 0; i < tp_params_count(now); i++)
        expect_near(tp_params_name(now, i), tp_params_at(now, i), tp_params_at(gradients, i), 2e-5);
    expect_fine();
}

static void the_loss_without_the_answer_is_the_same(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < 12; kind++) {
        TP_SCOPE;
        tp_manual_seed(3);
        const char *name = kind % 3 == 0   ? "transformer-lm"
                           : kind % 3 == 1 ? "transformer"
                                           : "transformer-mlm";
        const bool few = kind >= 6, ignores = kind % 6 >= 3, pairs = kind % 3 == 1;
        tp_module *net = tp_model(name, .classes = 97, .inputs = pairs ? 41 : 0, .dim = few ? 64 : 8,
                                  .heads = 2, .layers = 1, .untied = kind % 2);
        tp_tensor *x = tp_randint(4, 41, pairs ? TP_SHAPE(5, 2, 9) : TP_SHAPE(5, 9)),
                  *y = tp_randint(0, 97, TP_SHAPE(5, 9));
        assert_non_null(net);
        for (int64_t i = 0; i < 45 && ignores; i += 2)
            ((int64_t *)tp_data(y))[i] = TP_IGNORED;
        expect_same_loss(net, tp_float(x), y);
    }
}

static tp_tensor *nothing(tp_module *m, tp_tensor *x)
{
    (void)m;
    return x;
}

static tp_status look(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out, void *context)
{
    (void)m, (void)in, (void)n_in, (void)out, (void)n_out, (void)context;
    return TP_OK;
}

static void networks_without_a_head_say_so(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[512];
    tp_tensor *correct, *y = tp_zeros(TP_SHAPE(2, 3), .dtype = TP_I64);
    tp_module *plain = tp_module_new("plain", 8, nothing),
              *net = tp_model("transformer-lm", .classes = 7, .dim = 8, .heads = 2, .layers = 1);
    assert_false(tp_module_has_head(plain));
    assert_null(tp_forward_loss(plain, y, y, -100, &correct));
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "plain is no linear layer"));
    assert_null(tp_forward_loss(net, tp_zeros(TP_SHAPE(2, 4)), y, -100, &correct));
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "answers at 8 places, the target has 6"));
    assert_null(tp_forward_loss(net, tp_zeros(TP_SHAPE(2, 3)), tp_zeros(TP_SHAPE(2, 3)), -100, &correct));
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "i64"));
    tp_register_forward_hook(net, look, NULL);
    assert_false(tp_module_has_head(net)); /* a hook may look at the answer */
    expect_fine();
}

/* ---- blocks of rows against all at once ---------------------------------------------------------------------------- */

static void the_count_of_right_rows_is_argmaxs(void **unused)
{
    (void)unused;
    for (int kind = 0; kind < 4; kind++) {
        TP_SCOPE;
        tp_manual_seed(1 + (uint64_t)kind);
        const int64_t rows = kind % 2 ? 3000 : 7, d = 5, classes = kind >= 2 ? 4000 : 3;
        tp_tensor *x = tp_randn(TP_SHAPE(rows, d)), *w = tp_randn(TP_SHAPE(classes, d)), *correct,
                  *scores = tp_matmul(x, tp_transpose(w, 0, 1)), *y = tp_argmax(scores, 1, false);
        int64_t *truth = tp_data(y), wanted = 0;
        for (int64_t i = 0; i < rows; i++) {
            truth[i] = i % 5 == 0 ? -100 : i % 3 == 0 ? (truth[i] + 1) % classes : truth[i];
            wanted += i % 5 != 0 && i % 3 != 0;
        }
        assert_non_null(tp_linear_cross_entropy_correct(x, w, y, NULL, -100, &correct));
        assert_int_equal((int64_t)tp_item(correct), wanted);
        tp_fill_(w, 0); /* all alike: the first of them is the answer */
        tp_fill_(y, 0);
        assert_non_null(tp_linear_cross_entropy_correct(x, w, y, NULL, -100, &correct));
        assert_int_equal((int64_t)tp_item(correct), rows);
        expect_fine();
    }
}

/* ---- masks and prefixes ------------------------------------------------------------------------------------------- */

enum { MANY = 400, LENGTH = 50, TOKENS = 1000 };

/* A batch of examples first, first + 1, .., each token its place: token k at place k. */
static tp_batch batch_of(int64_t n, int64_t length, int64_t *examples, int64_t first)
{
    tp_batch b = { .n = n, .examples = examples };
    b.x = tp_float(tp_add(tp_zeros(TP_SHAPE(n, length)), tp_arange(0, (double)length, 1, .dtype = TP_F32)));
    b.y = tp_add(tp_zeros(TP_SHAPE(n, length), .dtype = TP_I64),
                 tp_arange(1, (double)length + 1, 1, .dtype = TP_I64));
    for (int64_t i = 0; i < n; i++)
        examples[i] = first + i;
    return b;
}

static void three_in_twenty_places_are_asked_for_and_most_of_them_hidden(void **unused)
{
    (void)unused;
    TP_SCOPE;
    int64_t examples[MANY], asked = 0, hidden = 0, kept = 0, other = 0;
    setup s = { .classes = TOKENS, .config = { .seed = 7, .model = "transformer-mlm" } };
    const task *masked = task_of(&s);
    tp_batch b = batch_of(MANY, LENGTH, examples, 0);
    assert_int_equal(masked->outputs(&s), TOKENS + 1);
    assert_int_equal(masked->prepare(&s, 1, &b), TP_OK);
    const float *x = tp_data(b.x);
    const int64_t *y = tp_data(b.y);
    for (int64_t i = 0; i < MANY * LENGTH; i++) {
        const int64_t place = i % LENGTH, token = (int64_t)x[i];
        if (y[i] == TP_IGNORED) {
            assert_int_equal(token, place); /* what is not asked for stays */
            continue;
        }
        assert_int_equal(y[i], place);
        asked++;
        hidden += token == TOKENS, kept += token == place, other += token != TOKENS && token != place;
        assert_true(token <= TOKENS);
    }
    assert_in_range(asked, 2850, 3150); /* of 20,000 */
    assert_in_range(hidden * 1000 / asked, 770, 830);
    assert_in_range(kept * 1000 / asked, 80, 120);
    assert_in_range(other * 1000 / asked, 80, 120);
}

static void masks_are_a_function_of_seed_epoch_and_example(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[512];
    int64_t some[8], one[1];
    setup s = { .classes = TOKENS, .config = { .seed = 7, .model = "transformer-mlm" } };
    const task *masked = task_of(&s);
    tp_batch all = batch_of(8, LENGTH, some, 0), again = all, later = all,
             alone = batch_of(1, LENGTH, one, 5);
    assert_int_equal(masked->prepare(&s, 1, &all) | masked->prepare(&s, 1, &again) |
                         masked->prepare(&s, 2, &later) | masked->prepare(&s, 1, &alone),
                     TP_OK);
    assert_true(same_bits("again", again.x, all.x, text, sizeof text));
    assert_true(same_bits("alone", alone.x, tp_contiguous(tp_narrow(all.x, 0, 5, 1)), text, sizeof text));
    assert_true(same_bits("alone", alone.y, tp_contiguous(tp_narrow(all.y, 0, 5, 1)), text, sizeof text));
    assert_false(same_bits("another epoch", later.y, all.y, text, sizeof text));
    tp_batch tiny = batch_of(8, 1, some, 0); /* a place at least, or a loss would be the mean of nothing */
    assert_int_equal(masked->prepare(&s, 1, &tiny), TP_OK);
    for (int i = 0; i < 8; i++)
        assert_int_equal(((int64_t *)tp_data(tiny.y))[i], 0);
}

static void a_prefix_is_cut_anywhere_and_the_loss_is_behind_it(void **unused)
{
    (void)unused;
    TP_SCOPE;
    int64_t examples[MANY], seen[LENGTH] = { 0 };
    setup s = { .classes = TOKENS, .config = { .seed = 7, .model = "transformer-lm" } };
    tp_batch b = batch_of(MANY, LENGTH, examples, 0), same = b;
    const task *language = task_of(&s);
    assert_int_equal(language->prepare(&s, 1, &same), TP_OK);
    assert_ptr_equal(same.x, b.x); /* a causal decoder's stays */
    s.config.model_options.structure = "prefix-decoder";
    assert_int_equal(language->prepare(&s, 1, &b), TP_OK);
    assert_int_equal(tp_ndim(b.x), 3);
    const float *x = tp_data(b.x);
    const int64_t *y = tp_data(b.y);
    for (int64_t i = 0; i < MANY; i++, x += 2 * LENGTH, y += LENGTH) {
        int64_t prefix = 0;
        for (int64_t k = 0; k < LENGTH; k++) {
            assert_int_equal((int64_t)x[k], k);
            prefix += x[LENGTH + k] != 0;
        }
        assert_in_range(prefix, 1, LENGTH - 1);
        seen[prefix]++;
        for (int64_t k = 0; k < LENGTH; k++) {
            assert_int_equal(x[LENGTH + k] != 0, k < prefix);
            assert_int_equal(y[k], k + 1 < prefix
                                       ? TP_IGNORED
                                       : k + 1); /* the last place of the prefix tells what comes */
        }
    }
    for (int64_t k = 1; k < LENGTH; k++)
        assert_in_range(seen[k], 1, 30);
}

/* No place sees what it has to tell: another token there changes nothing before it, and inside of the prefix everything. */
static void a_prefix_is_seen_both_ways_and_the_rest_from_left_to_right(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_manual_seed(1);
    tp_module *net = tp_model("transformer-lm", .structure = "prefix-decoder", .classes = 20, .dim = 16,
                              .heads = 2, .layers = 2);
    float tokens[2][8] = { { 1, 2, 3, 4, 5, 6, 7, 8 }, { 1, 1, 1, 1, 0, 0, 0, 0 } };
    tp_eval(net);
    tp_tensor *before = tp_forward(net, tp_tensor_copied(tokens, TP_F32, TP_SHAPE(1, 2, 8)));
    for (int changed = 3; changed <= 6; changed += 3) {
        tokens[0][changed] = 15;
        tp_tensor *after = tp_forward(net, tp_tensor_copied(tokens, TP_F32, TP_SHAPE(1, 2, 8)));
        for (int64_t k = 0; k < 8; k++) {
            const double moved = tp_item(
                tp_amax(tp_abs(tp_sub(tp_select(after, 1, k), tp_select(before, 1, k))), TP_SHAPE(), false));
            assert_int_equal(moved > 0, changed == 3 || k >= changed);
        }
        before = after;
    }
    expect_fine();
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */

static const char *const lines[] = { "the cat sat on the mat. ", "a dog ran to the park. ",
                                     "my hen is in the den. " };

static void write_text(const char *path, int distinct)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 300; i++)
        fputs(lines[(i * 7 + i / 5) % distinct], f);
    fclose(f);
}

static tp_train_result train(const char *data, const char *out, const char *model, const char *structure,
                             int64_t epochs)
{
    tp_train_result result;
    tp_train_config c = {
        .model = model,
        .data = data,
        .out = out,
        .epochs = epochs,
        .batch_size = 8,
        .optim_options = { .lr = 0.003 },
        .model_options = { .structure = structure, .position = "rope", .dim = 32, .heads = 2, .layers = 2 },
        .data_options = { .window = 20 },
        .seed = 1
    };
    if (tp_train_run(&c, NULL, NULL, &result))
        expect_fine();
    return result;
}

static bool take(void *context, const char *text, size_t bytes)
{
    strncat(context, text, bytes);
    return true;
}

static bool note(void *context, const tp_filling *f)
{
    char *text = context;
    if (!f->rank)
        strcat(text, f->token);
    assert_true(f->probability >= 0 && f->probability <= 1);
    return true;
}

static bool look_at_map(void *context, const tp_attention_map *map)
{
    (void)context, (void)map;
    return true;
}

static void a_masked_run_learns_fills_masks_and_is_the_same_again(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[512] = "";
    const char *data = temp_path("text.txt"), *out = temp_path("masked"), *again = temp_path("again");
    need_json();
    write_text(data, 1);
    const tp_train_result r = train(data, out, "transformer-mlm", NULL, 80);
    if (!(r.test_loss < 1.0))
        fail_msg("the loss is still %g", r.test_loss);
    assert_int_equal(r.n_figures, 2);
    assert_string_equal(r.figures[0].name, "masked accuracy");
    assert_string_equal(r.figures[1].name, "masked perplexity");
    assert_true(fabs(r.figures[1].value - exp(r.best)) <
                1e-9); /* of the best epoch, which need not be the last */
    const int threads = tp_num_threads();
    tp_set_num_threads(threads == 1 ? 3 : 1);
    const tp_train_result one = train(data, again, "transformer-mlm", NULL, 2);
    tp_set_num_threads(threads);
    const tp_train_result same = train(data, temp_path("third"), "transformer-mlm", NULL, 2);
    assert_true(same.test_loss == one.test_loss);
    tp_run *run = tp_run_open(out);
    assert_true(tp_run_fills(run));
    assert_int_equal(tp_run_fill(run, "the c[MASK]t sat on the m[MASK]t.", 2, note, text), TP_OK);
    assert_string_equal(text, "aa");
    assert_int_not_equal(tp_run_fill(run, "the cat", 1, note, text), TP_OK);
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "has no [MASK] to fill"));
    assert_int_not_equal(tp_run_fill(run, "the c[MASK]t X", 1, note, text), TP_OK);
    tp_error_take(text, sizeof text);
    assert_string_equal(text, "fill: 'X' is not in the text that the run learned from");
    assert_int_not_equal(tp_run_attention(run, "the X", NULL, look_at_map, NULL), TP_OK);
    tp_error_take(text, sizeof text);
    assert_string_equal(text, "attention: 'X' is not in the text that the run learned from");
    assert_int_not_equal(tp_run_generate(run, take, text), TP_OK);
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "does not write"));
    expect_fine();
}

/* Measured some rows at a time, and by all answers, as where a hook may look at them. */
static void a_run_is_measured_without_its_answers(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const char *const models[] = { "transformer-lm", "transformer-mlm" };
    const char *data = temp_path("text.txt");
    need_json();
    write_text(data, 3);
    for (int i = 0; i < 2; i++) {
        const char *out = temp_path(models[i]);
        tp_eval_result blocks, all;
        train(data, out, models[i], NULL, 2);
        tp_run *run = tp_run_open(out);
        assert_true(tp_module_has_head(tp_run_model(run)));
        assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &blocks), TP_OK);
        tp_register_forward_hook(tp_run_model(run), look, NULL);
        assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &all), TP_OK);
        assert_int_equal(all.examples, blocks.examples);
        assert_true(fabs(all.loss - blocks.loss) < 1e-6 && all.accuracy == blocks.accuracy &&
                    all.top5 == blocks.top5);
        assert_memory_equal(all.confusion, blocks.confusion,
                            (size_t)(all.classes * all.classes) * sizeof *all.confusion);
        tp_eval_free(&all);
        tp_eval_free(&blocks);
        expect_fine();
    }
}

static void a_prefix_run_learns_and_writes(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[256] = "";
    const char *data = temp_path("text.txt"), *out = temp_path("prefix");
    need_json();
    write_text(data, 3);
    const tp_train_result r = train(data, out, "transformer-lm", "prefix-decoder", 8);
    assert_true(r.test_loss < 0.7);
    assert_string_equal(r.figures[0].name, "perplexity");
    tp_run *run = tp_run_open(out);
    assert_int_equal(tp_run_generate(run, take, text, .prompt = "the cat s", .length = 14,
                                     .temperature = TP_ZERO),
                     TP_OK);
    assert_string_equal(text, "at on the mat.");
    expect_fine();
}

/* ---- BLEU and chrF against sacreBLEU: tools/golden/bleu.py ------------------------------------------------------------- */

static void bleu_and_chrf_are_sacrebleus(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    js_value *all = js_read("tests/golden/bleu.json");
    assert_true(js_count(all) > 10);
    for (int64_t i = 0; i < js_count(all); i++) {
        const js_value *one = js_at(all, i), *corpus = js_get(one, "corpus");
        bleu_sums bleu = { .written = 0 };
        chrf_sums chrf = { .both = { 0 } };
        double wanted_bleu, wanted_chrf;
        assert_true(js_number(js_get(one, "bleu"), &wanted_bleu) &&
                    js_number(js_get(one, "chrf"), &wanted_chrf));
        for (int64_t k = 0; k < js_count(corpus); k++) {
            const js_value *references = js_at(js_at(corpus, k), 1);
            const char *texts[MOST_REFERENCES], *text = js_string(js_at(js_at(corpus, k), 0));
            const int n = (int)js_count(references);
            for (int r = 0; r < n; r++)
                texts[r] = js_string(js_at(references, r));
            assert_int_equal(bleu_add(&bleu, text, texts, n) | chrf_add(&chrf, text, texts, n), TP_OK);
        }
        if (fabs(bleu_of(&bleu) - wanted_bleu) > 1e-9 || fabs(chrf_of(&chrf) - wanted_chrf) > 1e-9)
            fail_msg("corpus %d: BLEU %.9f, chrF %.9f; sacreBLEU has %.9f, %.9f", (int)i, bleu_of(&bleu),
                     chrf_of(&chrf), wanted_bleu, wanted_chrf);
    }
    js_free(all);
    expect_fine();
}

/* ---- recomputing, and products of bf16 -------------------------------------------------------------------------------- */

/* A step's gradients, and the most memory that it held beside what was there. */
static tp_params *step_of(const char *model, const char *structure, const char *position, const char *norm,
                          bool recompute, int64_t *peak)
{
    tp_manual_seed(11);
    const bool pairs = !strcmp(model, "transformer");
    tp_module *net = tp_model(model, .structure = structure, .position = position, .norm = norm,
                              .classes = 20, .inputs = pairs ? 20 : 0, .dim = 32, .heads = 4, .kv_heads = 2,
                              .layers = 6, .dropout = 0.1, .recompute = recompute);
    assert_non_null(net);
    tp_tensor *x = tp_float(tp_randint(1, 20, pairs ? TP_SHAPE(4, 2, 48) : TP_SHAPE(4, 48))),
              *y = tp_randint(0, 20, TP_SHAPE(4, 48));
    for (int64_t i = 40; i < 48 && pairs; i++)
        ((float *)tp_data(x))[i] = 0; /* the first source is shorter */
    const int64_t before = tp_memory_stats().live_bytes;
    {
        TP_SCOPE;
        tp_tensor *correct;
        tp_memory_reset_peak();
        tp_backward(tp_forward_loss(net, x, y, TP_IGNORED, &correct));
    }
    *peak = tp_memory_stats().peak_bytes - before;
    expect_fine();
    return take_gradients(net);
}

static void layers_that_are_run_again_give_the_same_bits_in_less_memory(void **unused)
{
    (void)unused;
    static const struct {
        const char *model, *structure, *position, *norm;
    } cases[] = {
        { "transformer", "encoder-decoder", "sinusoidal", "post" },
        { "transformer", "prefix-decoder", "rope", "rms" },
        { "transformer", "causal-decoder", "alibi", "deep" },
        { "transformer-lm", "causal-decoder", "rope", "pre" },
        { "transformer-mlm", "encoder", "learned", "pre" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        char text[512];
        int64_t plain, less;
        tp_params *wanted = step_of(cases[i].model, cases[i].structure, cases[i].position, cases[i].norm,
                                    false, &plain),
                  *got = step_of(cases[i].model, cases[i].structure, cases[i].position, cases[i].norm, true,
                                 &less);
        for (int k = 0; k < tp_params_count(wanted); k++)
            if (!same_bits(tp_params_name(wanted, k), tp_params_at(got, k), tp_params_at(wanted, k), text,
                           sizeof text))
                fail_msg("%s: %s", cases[i].structure, text);
        if (!(less < plain * 2 / 3))
            fail_msg("%s, %s: %lld bytes with recomputing, %lld without", cases[i].model, cases[i].structure,
                     (long long)less, (long long)plain);
    }
}

static void bf16_learns_as_f32_does(void **unused)
{
    (void)unused;
    need_json();
    const char *data = temp_path("text.txt");
    double loss[2];
    write_text(data, 3);
    for (int i = 0; i < 2; i++) {
        TP_SCOPE;
        tp_train_result result;
        tp_train_config c = {
            .model = "transformer-lm",
            .data = data,
            .out = temp_path(i ? "bf16" : "f32"),
            .epochs = 4,
            .batch_size = 8,
            .dtype = i ? "bf16" : "f32",
            .optim_options = { .lr = 0.003 },
            .model_options = { .position = "rope", .dim = 64, .heads = 2, .layers = 2, .recompute = i },
            .data_options = { .window = 32 },
            .seed = 1
        };
        tp_train_run(&c, NULL, NULL, &result);
        expect_fine();
        loss[i] = result.test_loss;
    }
    if (!(loss[0] < 1.5 && fabs(loss[1] - loss[0]) < 0.1 * loss[0]))
        fail_msg("f32 comes to %g, bf16 to %g", loss[0], loss[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_without_the_answer_is_the_same),
        cmocka_unit_test(networks_without_a_head_say_so),
        cmocka_unit_test(the_count_of_right_rows_is_argmaxs),
        cmocka_unit_test(three_in_twenty_places_are_asked_for_and_most_of_them_hidden),
        cmocka_unit_test(masks_are_a_function_of_seed_epoch_and_example),
        cmocka_unit_test(a_prefix_is_cut_anywhere_and_the_loss_is_behind_it),
        cmocka_unit_test(a_prefix_is_seen_both_ways_and_the_rest_from_left_to_right),
        cmocka_unit_test(a_masked_run_learns_fills_masks_and_is_the_same_again),
        cmocka_unit_test(a_prefix_run_learns_and_writes),
        cmocka_unit_test(a_run_is_measured_without_its_answers),
        cmocka_unit_test(bleu_and_chrf_are_sacrebleus),
        cmocka_unit_test(layers_that_are_run_again_give_the_same_bits_in_less_memory),
        cmocka_unit_test(bf16_learns_as_f32_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
