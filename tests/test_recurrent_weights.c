/* test_recurrent_weights.c - recurrent layers with weights that others trained: TensorFlow's charlstm foresees Shakespeare as well as it
 * did there, PyTorch's g2p-gru pronounces words as it did there.
 *
 * The code that reads and runs them is that of the examples; the numbers: tools/golden/recurrent_weights.py, in NumPy.
 * Layer: tests.  Read next: examples/char_lstm.c, examples/g2p.c. */
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

#include <math.h>

#define main char_lstm_main
#include "../examples/char_lstm.c"
#undef main
#define main g2p_main
#include "../examples/g2p.c"
#undef main

#define FOLDER "data/charlstm"

/* ---- charlstm -------------------------------------------------------------------------------------------------------------- */

static void expect_near(double got, double wanted, double bound)
{
    expect_no_error();
    if (!(fabs(got - wanted) <= bound))
        fail_msg("%.9g, wanted %.9g", got, wanted);
}

static void charlstm_foresees_shakespeare_to_1_265_nats_a_character(void **state)
{
    (void)state;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_tensor *text = read_text(FOLDER "/shakespeare.txt");
    assert_int_equal(tp_numel(text), 1501);
    expect_near(loss_of(load(FOLDER, 1), text, 1500), 1.265, 0.0005);
    expect_near(loss_of(load(FOLDER, 0), text, 1500), 1.475, 0.0005);
}

static void a_state_carried_in_pieces_gives_the_loss_of_the_whole(void **state)
{
    (void)state;
    TP_SCOPE;
    TP_NO_GRAD;
    static const int64_t pieces[] = { 1, 7, 100, 1499 };
    tp_module *net = load(FOLDER, 1);
    tp_tensor *text = read_text(FOLDER "/shakespeare.txt");
    const double whole = loss_of(net, text, 1500);
    for (int i = 0; i < 4; i++)
        expect_near(loss_of(net, text, pieces[i]), whole, 1e-6);
}

static void every_character_has_the_loss_that_numpy_gives_it(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_params *golden = golden_read("recurrent_weights");
    tp_tensor *text = read_text(FOLDER "/shakespeare.txt");
    for (int bias = 0; bias < 2; bias++) {
        tp_rnn_state state = { 0 };
        char why[512];
        tp_tensor *scores = read_on(load(FOLDER, bias), tp_narrow(text, 0, 0, 1500), &state);
        tp_tensor *losses = tp_cross_entropy(scores, tp_narrow(text, 0, 1, 1500), .reduction = TP_NONE);
        tp_tensor *wanted = tp_to(golden_tensor(golden, bias ? "losses" : "losses_without"), TP_F32);
        if (!same_tensor("losses", losses, wanted, (tolerance){ 1e-4, 1e-4, false }, why, sizeof why))
            fail_msg("forget bias %d: %s", bias, why);
    }
    expect_no_error();
}

/* ---- g2p-gru ---------------------------------------------------------------------------------------------------------------- */

static const tp_params *g2p(void)
{
    need_npz();
    return tp_npz_read("data/g2p-gru/checkpoint20.npz");
}

static void expect_pronunciation(const tp_params *w, const char *word, const char *wanted)
{
    char text[128] = "";
    pronounce(w, word, text, sizeof text);
    expect_no_error();
    if (strcmp(text, wanted) != 0)
        fail_msg("%s: %s, wanted %s", word, text, wanted);
}

static void g2p_pronounces_three_words_as_its_authors_say(void **state)
{
    (void)state;
    TP_SCOPE;
    const tp_params *w = g2p();
    expect_pronunciation(w, "activationist", "AE2 K T IH0 V EY1 SH AH0 N IH0 S T");
    expect_pronunciation(w, "hello", "HH EH1 L OW0");
    expect_pronunciation(w, "transformer", "T R AE0 N S F AO1 R M ER0");
    expect_pronunciation(w, "Hello", "HH EH1 L OW0");
}

static void g2p_pronounces_words_as_numpy_does(void **state)
{
    (void)state;
    TP_SCOPE;
    const tp_params *w = g2p();
    char *words = golden_metadata("recurrent_weights", "words");
    int n = 0;
    for (char *line = words, *end; *line; line = end, n++) {
        end = line + strcspn(line, "\n");
        if (*end)
            *end++ = '\0';
        char *space = strchr(line, ' ');
        *space = '\0';
        expect_pronunciation(w, line, space + 1);
    }
    free(words);
    assert_int_equal(n, 34);
}

/* ---- what is not there -------------------------------------------------------------------------------------------------------- */

static void weights_that_are_not_there_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[128];
    load(temp_path("nothing"), 1);
    expect_error(TP_ERR_IO, "nothing/embedding: 8320 floats are wanted");
    tokens_of("O, for a muse of #");
    expect_error(TP_ERR_ARGUMENT, "byte 17 of the text, 0x23, is none of the model's characters");
    pronounce(tp_params_new(), "hello", text, sizeof text);
    expect_error(TP_ERR_FORMAT, "is not in the file");
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(charlstm_foresees_shakespeare_to_1_265_nats_a_character),
        cmocka_unit_test(a_state_carried_in_pieces_gives_the_loss_of_the_whole),
        cmocka_unit_test(every_character_has_the_loss_that_numpy_gives_it),
        cmocka_unit_test(g2p_pronounces_three_words_as_its_authors_say),
        cmocka_unit_test(g2p_pronounces_words_as_numpy_does),
        cmocka_unit_test(weights_that_are_not_there_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
