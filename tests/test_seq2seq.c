/* test_seq2seq.c - sequence to sequence: PyTorch's loss and gradients, beam search against all sequences that there are, and a run.
 *
 * The network's numbers: tools/golden/seq2seq.py.  Layer: tests.  Read next: test_pairs.c, support/golden.h. */
#include "support/files.h"
#include "support/golden.h"

#include "train/decode.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the network ------------------------------------------------------------------------------------------------------ */

static tp_module *golden_net(tp_params *golden, const char *cell, const char *attention, char name[32])
{
    tp_module *net = tp_model("seq2seq", .cell = cell, .attention = attention, .layers = 2, .hidden = "5",
                              .embedding = 4, .inputs = 9, .classes = 7);
    tp_params *own = tp_state_dict(net), *state = tp_params_new();
    snprintf(name, 32, "%s/%s", cell, attention);
    for (int i = 0; i < tp_params_count(own); i++)
        tp_params_add(state, tp_params_name(own, i),
                      golden_tensor(golden, "%s/state/%s", name, tp_params_name(own, i)));
    assert_int_equal(tp_load_state(net, state), TP_OK);
    assert_int_equal(tp_module_to(net, TP_F64), TP_OK);
    return net;
}

static const char *const nets[][2] = { { "gru", "dot" }, { "gru", "additive" }, { "lstm", "dot" } };

static void loss_and_gradients_are_pytorchs(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        TP_SCOPE;
        char name[32];
        tp_params *golden = golden_read("seq2seq");
        tp_module *net = golden_net(golden, nets[i][0], nets[i][1], name);
        tp_tensor *x = golden_tensor(golden, "x"), *y = golden_tensor(golden, "y");
        tp_tensor *loss = tp_cross_entropy(tp_flatten(tp_forward(net, x), 0, 1), tp_flatten(y, 0, 1));
        assert_int_equal(tp_backward(loss), TP_OK);
        assert_true(fabs(tp_item(loss) - tp_item(golden_tensor(golden, "%s/loss", name))) < 1e-12);
        tp_params *p = tp_parameters(net);
        for (int k = 0; k < tp_params_count(p); k++)
            assert_true(tp_item(tp_allclose(tp_grad(tp_params_at(p, k)),
                                            golden_tensor(golden, "%s/grad/%s", name, tp_params_name(p, k)),
                                            1e-10, 1e-12, false)) == 1);
        expect_no_error();
    }
}

/* Padding that all sequences share changes nothing. */
static void padding_changes_nothing(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char name[32];
    tp_params *golden = golden_read("seq2seq");
    tp_module *net = golden_net(golden, "gru", "additive", name);
    tp_tensor *x = golden_tensor(golden, "x"), *wide = tp_zeros(TP_SHAPE(3, 2, 11));
    tp_copy_(tp_narrow(wide, 2, 0, 6), x);
    tp_tensor *y = tp_forward(net, x), *other = tp_narrow(tp_forward(net, wide), 1, 0, 6);
    assert_true(tp_item(tp_allclose(y, other, 1e-13, 1e-13, false)) == 1);
    tp_forward(net, tp_zeros(TP_SHAPE(3, 6)));
    expect_error(TP_ERR_SHAPE, "seq2seq: input of 2 dims");
}

static const int64_t never[] = { 0, 1 };

static decoding_options options_of(int64_t beam, int64_t length, double penalty)
{
    return (decoding_options){ .beam = beam,
                               .max_length = length,
                               .length_penalty = penalty,
                               .begin = 1,
                               .end = 2,
                               .never = never,
                               .n_never = 2 };
}

static void the_likeliest_token_is_pytorchs(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        TP_SCOPE;
        char name[32];
        tp_params *golden = golden_read("seq2seq");
        tp_module *net = golden_net(golden, nets[i][0], nets[i][1], name);
        tp_tensor *sources = tp_long(tp_select(golden_tensor(golden, "x"), 1, 0));
        const int64_t *wanted = tp_data(golden_tensor(golden, "%s/greedy", name));
        const decoding_options o = options_of(1, 6, 0);
        decoded got[3];
        tp_eval(net);
        assert_int_equal(decode(net, sources, &o, got), TP_OK);
        for (int s = 0; s < 3; s++) {
            int64_t n = 0;
            while (n < 6 && wanted[s * 6 + n] >= 0)
                n++;
            assert_int_equal(got[s].n, 1);
            assert_int_equal(got[s].best->n, n);
            assert_memory_equal(got[s].best->tokens, wanted + s * 6, (size_t)n * sizeof *wanted);
        }
        decoded_free(got, 3);
    }
}

/* ---- beam search -------------------------------------------------------------------------------------------------------- */

enum { VOCABULARY = 6, LENGTH = 4 };

typedef struct toy { /* the state after a token is tanh(state A + E[token]), the scores are state W */
    tp_tensor *a, *e, *w;
} toy;

static tp_status toy_begin(tp_module *m, tp_tensor *source, tp_decoding *d)
{
    (void)m;
    d->read[d->n_read++] = source;
    d->carried[d->n_carried++] = tp_mul(tp_double(source), 0.3); /* (M, 3) */
    return tp_error_pending();
}

static tp_tensor *toy_step(tp_module *m, tp_tensor *tokens, tp_decoding *d)
{
    const toy *t = tp_module_state(m);
    tp_tensor *state = tp_tanh(tp_add(tp_matmul(d->carried[0], t->a), tp_embedding(tokens, t->e, TP_NO_DIM)));
    d->carried[0] = state;
    return tp_matmul(state, t->w);
}

static tp_tensor *no_forward(tp_module *m, tp_tensor *x)
{
    (void)m;
    return x;
}

static tp_module *toy_net(uint64_t seed)
{
    static const tp_decoding_functions functions = { toy_begin, toy_step };
    tp_manual_seed(seed);
    tp_module *m = tp_module_new("toy", sizeof(toy), no_forward);
    toy *t = tp_module_state(m);
    if (!t)
        return NULL;
    t->a = tp_buffer(m, "a", tp_randn(TP_SHAPE(3, 3), .dtype = TP_F64));
    t->e = tp_buffer(m, "e", tp_randn(TP_SHAPE(VOCABULARY, 3), .dtype = TP_F64));
    t->w = tp_buffer(m, "w", tp_mul(tp_randn(TP_SHAPE(3, VOCABULARY), .dtype = TP_F64), 2));
    tp_module_decodes(m, &functions);
    return tp_module_built(m);
}

typedef struct found {
    double score, log_probability;
    int64_t tokens[LENGTH], n;
} found;

static int by_score(const void *a, const void *b)
{
    const double x = ((const found *)a)->score, y = ((const found *)b)->score;
    return x > y ? -1 : x < y;
}

/* Every sequence that ends, and every one of LENGTH tokens. */
static int64_t all_sequences(tp_module *m, tp_tensor *source, double penalty, found *all)
{
    int64_t n = 0;
    for (int64_t code = 0; code < 256 * 4;
         code++) { /* four tokens of {3, 4, 5}, and how many of them count */
        TP_SCOPE;
        const int64_t length = code / 256 + 1,
                      tokens[4] = { code % 4 + 2, code / 4 % 4 + 2, code / 16 % 4 + 2, code / 64 % 4 + 2 };
        tp_decoding d = { .n_read = 0 };
        bool ends = false, fits = true;
        double p = 0;
        for (int64_t i = 0; i < 4; i++) /* what does not count is written one way */
            fits = fits && (i < length || tokens[i] == 2);
        for (int64_t i = 0; i < length; i++)
            fits = fits && (tokens[i] != 2 || i + 1 == length);
        ends = tokens[length - 1] == 2;
        if (!fits || (!ends && length < LENGTH))
            continue;
        toy_begin(m, source, &d);
        for (int64_t i = 0; i < length; i++) {
            int64_t last = i ? tokens[i - 1] : 1;
            tp_tensor *scores = toy_step(m, tp_tensor_copied(&last, TP_I64, TP_SHAPE(1)), &d);
            p += tp_item(tp_select(tp_select(tp_log_softmax(scores, 1), 0, 0), 0, tokens[i]));
        }
        found *f = &all[n++];
        *f = (found){ .log_probability = p,
                      .n = length - ends,
                      .score = p / pow((5.0 + (double)length) / 6, penalty) };
        memcpy(f->tokens, tokens, sizeof tokens);
    }
    qsort(all, (size_t)n, sizeof *all, by_score);
    return n;
}

/* A beam that is wide enough finds the best there are; the step that a source ends in is its own. */
static void a_wide_beam_finds_the_best(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 12; seed++) {
        TP_SCOPE;
        const double penalty = seed % 3 == 0 ? 0 : seed % 3 == 1 ? 0.6 : 1;
        static found all[1024];
        tp_module *m = toy_net(seed);
        const int64_t values[] = { 1, 4, 0, 5, 2, 3 };
        tp_tensor *sources = tp_tensor_copied(values, TP_I64, TP_SHAPE(2, 3));
        const decoding_options o = options_of(200, LENGTH, penalty);
        decoded got[2];
        assert_int_equal(decode(m, sources, &o, got), TP_OK);
        for (int s = 0; s < 2; s++) {
            const int64_t n = all_sequences(m, tp_narrow(sources, 0, s, 1), penalty, all);
            assert_int_equal(got[s].n, n < 200 ? n : 200);
            for (int64_t i = 0; i < got[s].n && i < 30; i++) {
                const hypothesis *h = &got[s].best[i];
                assert_true(fabs(h->score - all[i].score) < 1e-12);
                assert_true(fabs(h->log_probability - all[i].log_probability) < 1e-12);
                assert_int_equal(h->n, all[i].n);
                assert_memory_equal(h->tokens, all[i].tokens, (size_t)h->n * sizeof *h->tokens);
            }
        }
        decoded_free(got, 2);
        expect_no_error();
    }
}

/* A wider beam is at least as good here, its hypotheses are sorted and different, and each source is alone. */
static void beams_are_sorted_and_apart(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = toy_net(77);
    tp_tensor *sources = tp_randint(0, 6, TP_SHAPE(5, 3));
    double before[5];
    for (int64_t beam = 1; beam <= 8; beam *= 2) {
        const decoding_options o = options_of(beam, 9, 0.6);
        decoded got[5], one[1];
        assert_int_equal(decode(m, sources, &o, got), TP_OK);
        for (int s = 0; s < 5; s++) {
            assert_int_equal(got[s].n, beam);
            for (int64_t i = 1; i < beam; i++) {
                const hypothesis *a = &got[s].best[i - 1], *b = &got[s].best[i];
                assert_true(a->score >= b->score);
                assert_true(a->n != b->n ||
                            memcmp(a->tokens, b->tokens, (size_t)a->n * sizeof *a->tokens) != 0);
            }
            assert_int_equal(decode(m, tp_narrow(sources, 0, s, 1), &o, one), TP_OK);
            assert_true(one->best->score == got[s].best->score && one->best->n == got[s].best->n);
            decoded_free(one, 1);
            before[s] = got[s].best->score;
        }
        decoded_free(got, 5);
    }
    assert_true(isfinite(before[0]));
    const decoding_options none = options_of(0, 9, 0.6);
    decoded got[5];
    decode(m, sources, &none, got);
    expect_error(TP_ERR_ARGUMENT, "decode: sources (N, S), a beam and a length of 1 or more are wanted");
    decode(tp_nn_identity(), sources, &none, got);
    expect_error(TP_ERR_ARGUMENT, "decode: the network does not write sequences");
}

static void a_search_without_memory(void)
{
    TP_SCOPE;
    tp_module *m = toy_net(3);
    const int64_t values[] = { 1, 4, 0 };
    const decoding_options o = options_of(2, 3, 0.6);
    decoded got[1];
    if (m && !decode(m, tp_tensor_copied(values, TP_I64, TP_SHAPE(1, 3)), &o, got))
        decoded_free(got, 1);
}

static void without_memory_there_is_an_error(void **unused)
{
    (void)unused;
    with_failing_allocations(a_search_without_memory);
}

/* ---- a run: words become themselves read backwards -------------------------------------------------------------------------- */

static const char *reversed(void)
{
    static char text[40000];
    unsigned state = 7;
    for (int i = 0; i < 1200; i++) {
        char word[8];
        const int n = 2 + (int)((state = state * 1664525u + 1013904223u) >> 30);
        for (int k = 0; k < n; k++)
            word[k] = "abcde"[(state = state * 1664525u + 1013904223u) >> 16 & 3];
        sprintf(text + strlen(text), "%.*s\t", n, word);
        for (int k = n; k-- > 0;)
            sprintf(text + strlen(text), "%c", word[k]);
        strcat(text, "\n");
    }
    put_text(temp_path("reversed.tsv"), text);
    return temp_path("reversed.tsv");
}

typedef struct written {
    char text[400];
    int errors;
} written;

static bool note(void *context, const tp_translation *t)
{
    written *w = context;
    for (int64_t i = 0; i < t->n; i++)
        sprintf(w->text + strlen(w->text), "%s ", t->texts[i]);
    w->errors += t->status != TP_OK;
    assert_int_equal(t->n == 0, t->error != NULL);
    return true;
}

/* Other words of the same letters, and some with a letter that is not: the run's own tokens stand for them. */
static const char *others(int64_t *strange)
{
    static const char *const words[] = { "ccba", "dd", "bdda", "zab", "ca", "azbz", "dca" };
    char text[8000] = "";
    *strange = 0;
    for (int i = 0; i < 280; i++) {
        const char *word = words[i % 7];
        const size_t n = strlen(word);
        sprintf(text + strlen(text), "%s%.*s\t%.*s", word, i % 4, "bbbb", i % 4, "bbbb");
        for (size_t k = n; k-- > 0;)
            sprintf(text + strlen(text), "%c", word[k]);
        strcat(text, "\n");
        for (size_t k = 0; k < n; k++)
            *strange += 2 * (word[k] == 'z'); /* in the source and in the target */
    }
    put_text(temp_path("others.tsv"), text);
    return temp_path("others.tsv");
}

static double figure(const tp_figure *figures, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(figures[i].name, name))
            return figures[i].value;
    return NAN;
}

static bool told_of_figures(void *context, const tp_progress *p)
{
    if (p->epoch_done)
        *(double *)context = figure(p->figures, p->n_figures, "token error");
    return true;
}

static void words_are_reversed(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    char out[512];
    strcpy(out, temp_path("run"));
    tp_train_config c = { .struct_size = sizeof c,
                          .model = "seq2seq",
                          .model_options = { .hidden = "32", .embedding = 16 },
                          .data = reversed(),
                          .data_options = { .target_unit = "chars" },
                          .optim_options = { .lr = 1e-2 },
                          .out = out,
                          .epochs = 15,
                          .batch_size = 32 };
    tp_train_result r;
    double last = NAN;
    tp_train_run(&c, told_of_figures, &last, &r);
    expect_no_error();
    assert_string_equal(r.best_of, "token error");
    assert_string_equal(r.verb, "predict");
    assert_true(r.best < 0.02 && last < 0.2);
    tp_run *run = tp_run_open(out);
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_true(figure(e.figures, e.n_figures, "token error") == r.best);
    tp_eval_free(&e);
    tp_run_set_beam(run, 3);
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    assert_true(figure(e.figures, e.n_figures, "sequence error") < 0.1);
    tp_eval_free(&e);

    int64_t strange;
    double unknown = 0, error = 0;
    const char *other = others(&strange);
    for (int part = 0; part < 2; part++) {
        assert_int_equal(tp_run_evaluate(run, other, part ? TP_TEST : TP_TRAIN, 0, &e), TP_OK);
        unknown += figure(e.figures, e.n_figures, "unknown tokens");
        error += figure(e.figures, e.n_figures, "token error");
        tp_eval_free(&e);
    }
    assert_int_equal(unknown, strange);
    assert_true(error > 0 && error < 1.2);

    const char *const words[] = { "abcd", "", "\xff", "dab" };
    written one = { .errors = 0 }, more = { .errors = 0 };
    tp_run_translate(run, words, 4, note, &one);
    expect_no_error();
    assert_string_equal(one.text, "dcba bad ");
    assert_int_equal(one.errors, 2);
    tp_run_translate(run, words, 1, note, &more, .beam = 4, .n_best = 2);
    assert_true(!strncmp(more.text, "dcba ", 5) && strlen(more.text) > 6);
    tp_run_translate(run, words, 1, note, &more, .beam = 2, .n_best = 3);
    expect_error(TP_ERR_ARGUMENT, "translate: beam 2 (1 to 1024), n_best 3 (1 to beam)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradients_are_pytorchs),
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(the_likeliest_token_is_pytorchs),
        cmocka_unit_test(a_wide_beam_finds_the_best),
        cmocka_unit_test(beams_are_sorted_and_apart),
        cmocka_unit_test(without_memory_there_is_an_error),
        cmocka_unit_test(words_are_reversed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
