/* test_token_runs.c - runs that learn tokens: what they measure, keep, go on with and write.
 *
 * Layer: tests.  Read next: test_documents.c, test_sequences.c. */
#include "support/files.h"

#include "base/utf8.h"
#include "data/text.h"
#include "text/tokenizer.h"
#include "train/run.h"
#include "train/units.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 16 };

static void need_text(void)
{
    need_json();
    need_unicode();
    need_regex();
}

/* ---- numbers to a text ------------------------------------------------------------------------------------------------ */

typedef struct written {
    char text[1 << 16];
    size_t used;
    int calls;
} written;

/* Each part that is told of is UTF-8 by itself. */
static bool write_on(void *context, const char *text, size_t bytes)
{
    written *w = context;
    assert_true(bytes > 0 && w->used + bytes < sizeof w->text);
    assert_int_equal(utf8_valid(text, (int64_t)bytes), bytes);
    memcpy(w->text + w->used, text, bytes);
    w->text[w->used += bytes] = 0;
    w->calls++;
    return true;
}

static const char *const files[] = { "roberta.json", "llama3.json",    "llama.json",          "t5.json",
                                     "bpe.model",    "bpe_user.model", "unigram_bytes.model", "chars.model" };

/* One after the other, ids become the text that they are together; of a prompt, what comes after it. */
static void tokens_become_a_text_one_by_one(void **unused)
{
    (void)unused;
    need_text();
    static const char text[] =
        "Once upon a time, na\u00efve caf\u00e9s had \u65e5\u672c \U0001f600 \u20ac5.\n\nThe  end ab";
    static written w;
    static char whole[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (int64_t prompt = 0; prompt < 12; prompt += 3) {
            TP_SCOPE;
            char path[256];
            snprintf(path, sizeof path, "tests/data/tokenizers/%s", files[i]);
            setup s = { .tokenizer = path };
            units u = { .setup = &s, .tokenizer = tp_retain(tp_tokenizer_load(path)) };
            const tp_tokens *tokens = tp_tokenizer_encode(u.tokenizer, text, -1, .no_special = true);
            expect_no_error();
            const int32_t *ids = tp_tokens_ids(tokens);
            const int64_t n = tp_tokens_count(tokens);
            w = (written){ .used = 0 };
            char before[512] = "";
            for (int64_t k = 0; k < n; k++) {
                if (k == prompt)
                    w.used = 0, w.text[0] = 0;
                assert_true(units_tell(&u, ids[k], write_on, &w));
                if (k + 1 == prompt)
                    strcpy(before, w.text);
            }
            const int64_t size = tp_tokenizer_decode(u.tokenizer, ids, n, whole, sizeof whole);
            expect_no_error();
            assert_true(size > 20 && u.n_tail < 16);
            assert_int_equal(strlen(before) + w.used, size);
            assert_memory_equal(whole, before, strlen(before));
            assert_string_equal(whole + strlen(before), w.text);
            units_close(&u);
        }
}

/* Ids by chance are bytes that are often no UTF-8: what is told is, and nothing is lost. */
static void what_is_no_utf8_is_replaced(void **unused)
{
    (void)unused;
    need_text();
    static written w;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        TP_SCOPE;
        char path[256];
        snprintf(path, sizeof path, "tests/data/tokenizers/%s", files[i]);
        units u = { .tokenizer = tp_retain(tp_tokenizer_load(path)) };
        expect_no_error();
        const int64_t count = tp_tokenizer_count(u.tokenizer) < 300 ? tp_tokenizer_count(u.tokenizer) : 300;
        unsigned state = 7;
        w = (written){ .used = 0 };
        for (int k = 0; k < 2000; k++) {
            state = state * 1664525u + 1013904223u;
            assert_true(units_tell(&u, (state >> 8) % count, write_on, &w));
            if (u.told == 0 && u.n_tail > 50)
                break;
        }
        expect_no_error();
        assert_true(w.used > 1000);
        units_close(&u);
    }
    units u = { .tokenizer = tp_retain(tp_tokenizer_load("tests/data/tokenizers/llama3.json")) };
    static const char *const bytes[] = { "\u00e2", "\u0124", "\u00ac", "\u00e2",
                                         "a",      "\u00f0", "\u00e2", "\u0124" };
    w = (written){ .used = 0 }; /* e2 82 ac, e2 "a", f0, e2 82: a euro, two that are none, and half of one */
    for (size_t k = 0; k < sizeof bytes / sizeof *bytes; k++) {
        const int64_t id = tp_tokenizer_id(u.tokenizer, bytes[k]);
        assert_true(id >= 0 && units_tell(&u, id, write_on, &w));
        assert_int_equal(w.calls > 0, k >= 2);
    }
    assert_string_equal(w.text, "\u20ac\ufffd"
                                "a\ufffd");
    units_close(&u);
}

/* English that is put together again, as WordPiece's decoder does: of no three pieces does the text become other than what was told of. */
static void what_is_cleaned_up_is_told_whole(void **unused)
{
    (void)unused;
    need_text();
    static written w;
    TP_SCOPE;
    put_text(temp_path("vocab.txt"),
             "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ndo\n##g\nn\nn't\n'\n's\nm\n're\n##re\n.\n,\nnot\n!\nt\n");
    units u = { .tokenizer = tp_retain(tp_tokenizer_load(temp_path("vocab.txt"))) };
    expect_no_error();
    const int32_t first = 5, count = (int32_t)tp_tokenizer_count(u.tokenizer) - first;
    for (int32_t i = 0; i < count * count * count; i++) {
        const int32_t ids[] = { first + i % count, first + i / count % count, first + i / count / count,
                                first };
        char whole[256];
        w = (written){ .used = 0 };
        u.n_tail = u.whole = u.told = 0;
        for (int k = 0; k < 4; k++)
            assert_true(units_tell(&u, ids[k], write_on, &w));
        assert_in_range(tp_tokenizer_decode(u.tokenizer, ids, 4, whole, sizeof whole), 1, 200);
        if (strcmp(whole, w.text) != 0)
            fail_msg("'%s' was told of '%s'", w.text, whole);
    }
    units_close(&u);
    expect_no_error();
}

static bool take_any(void *context, const char *text, size_t bytes)
{
    (void)context, (void)text;
    return bytes > 0;
}

static void read_and_tell(void)
{
    TP_SCOPE;
    setup s = { .tokenizer = "tests/data/tokenizers/roberta.json", .classes = 0 };
    units u;
    const tp_tokenizer *t = tp_tokenizer_load(s.tokenizer);
    s.classes = tp_tokenizer_count(t);
    if (!units_open(&u, &s) && !units_read(&u, "generate", "Once upon a time"))
        for (int64_t i = 0; i < u.n_read && units_tell(&u, u.read[i], take_any, NULL);)
            i++;
    units_close(&u);
}

static void running_out_of_memory_is_an_error(void **unused)
{
    (void)unused;
    need_text();
    with_failing_allocations(read_and_tell);
}

/* ---- runs ------------------------------------------------------------------------------------------------------------- */

/* Documents in which each word follows from the one before it. */
static const char *documents(void)
{
    static const char *const words[] = { "caf\u00e9", "ab", "abab", "\u20ac" };
    static char path[512], text[1 << 16];
    if (!*path) {
        size_t used = 0;
        for (int i = 0; i < 120; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "{\"body\": \"%d", i);
            for (int k = 0; k < 9; k++)
                used += (size_t)snprintf(text + used, sizeof text - used, " %s", words[(i + k) % 4]);
            used += (size_t)snprintf(text + used, sizeof text - used, ".\"}\n");
        }
        strcpy(path, temp_path("documents.jsonl"));
        put_text(path, text);
    }
    return path;
}

static const char *tokenizer(void)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("some.json"));
        put_text(temp_path("words.txt"), "caf\u00e9 ab abab \u20ac ab abab caf\u00e9 \u20ac");
        tp_tokenizer_train(temp_path("words.txt"), path, .vocabulary = 270);
        expect_no_error();
    }
    return path;
}

static tp_train_config config_of(const char *out, int64_t epochs)
{
    return (tp_train_config){
        .struct_size = sizeof(tp_train_config),
        .model = "char-lm",
        .model_options = { .hidden = "24", .layers = 1, .embedding = 8 },
        .data = documents(),
        .data_options = { .window = WINDOW, .field = "body", .tokenizer = tokenizer() },
        .optim_options = { .lr = 1e-2 },
        .out = out,
        .epochs = epochs,
        .batch_size = 10,
    };
}

/* Goes wrong where two files differ. */
static void expect_same_file(const char *a, const char *b, const char *name)
{
    static unsigned char x[1 << 18], y[1 << 18];
    char path[600];
    snprintf(path, sizeof path, "%s/%s", a, name);
    const size_t n = get_file(path, x, sizeof x);
    snprintf(path, sizeof path, "%s/%s", b, name);
    assert_int_equal(n, get_file(path, y, sizeof y));
    assert_memory_equal(x, y, n);
}

static void a_run_keeps_its_tokenizer_and_goes_on(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    char out[512], moved[512], path[512];
    strcpy(out, temp_path("run")), strcpy(moved, temp_path("moved run")), strcpy(path, tokenizer());
    tp_train_result result;
    tp_train_config c = config_of(out, 12);
    tp_train_run(&c, NULL, NULL, &result);
    expect_no_error();
    assert_true(result.test_accuracy > 0.6);
    assert_string_equal(result.figures[0].name, "bits per byte");
    rename(path, temp_path("some.away"));
    rename(out, moved);

    tp_run *run = tp_run_open(moved);
    tp_eval_result e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 0, &e), TP_OK);
    expect_no_error();
    tp_dataset *test = tp_text(documents(), TP_TEST, .window = WINDOW, .field = "body",
                               .tokenizer = temp_path("moved run/tokenizer"));
    assert_int_equal(e.examples, tp_dataset_count(test) * WINDOW);
    assert_int_equal(e.classes, tp_tokenizer_count(tp_tokenizer_load(temp_path("moved run/tokenizer"))));
    assert_true(fabs(e.figures[0].value - e.loss * (double)e.examples / (double)text_bytes(test) / log(2)) <
                1e-9);
    tp_eval_free(&e);
    assert_string_equal(tp_run_class_name(run, 0), "<|endoftext|>");

    static written a, b, whole;
    a = b = whole = (written){ .used = 0 };
    tp_run_generate(run, write_on, &a, .prompt = "7 caf\u00e9 ab", .length = 6, .temperature = TP_ZERO);
    expect_no_error();
    assert_string_equal(a.text, " abab \u20ac caf\u00e9 ab abab \u20ac");
    tp_run_generate(run, write_on, &whole, .length = 500, .temperature = 0.5, .seed = 3);
    tp_run_generate(run, write_on, &b, .length = 500, .temperature = 0.5, .seed = 3);
    expect_no_error();
    assert_string_equal(whole.text, b.text);
    assert_in_range(whole.used, 20, 200);   /* a document ends */
    assert_in_range(*whole.text, '0', '9'); /* and begins with its number */
    tp_run_generate(run, write_on, &b, .prompt = "ab\xff");
    expect_error(TP_ERR_ARGUMENT, "generate: the text is not UTF-8 at ");
    tp_train_resume(moved, 13, NULL, NULL, &result);
    expect_no_error();
    assert_int_equal(result.epochs, 13);
    tp_export_result exported;
    tp_run_export_c(run, temp_path("c"), &exported);
    expect_error(TP_ERR_UNSUPPORTED, "export: there is no C for a tokenizer");
    rename(temp_path("some.away"), path);
    unlink(temp_path("moved run/tokenizer/tokenizer.json"));
    tp_run_generate(run, write_on, &b);
    expect_error(TP_ERR_IO, "moved run/tokenizer: no tokenizer in this folder");
}

static bool stop_in_the_second_epoch(void *context, const tp_progress *p)
{
    (void)context;
    return p->epoch_done || p->epoch < 2 || p->step < 5;
}

static void a_stopped_one_ends_with_the_same_bits(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    for (int carry = 0; carry < 2; carry++) {
        char one[512], other[512];
        strcpy(one, temp_path(carry ? "carried" : "whole")),
            strcpy(other, temp_path(carry ? "carried parts" : "parts"));
        tp_train_config whole = config_of(one, 3), parts = config_of(other, 3);
        whole.carry = parts.carry = carry;
        tp_train_run(&whole, NULL, NULL, NULL);
        tp_train_run(&parts, stop_in_the_second_epoch, NULL, NULL);
        tp_train_resume(other, 0, NULL, NULL, NULL);
        expect_no_error();
        expect_same_file(one, other, "last/model.safetensors");
        expect_same_file(one, other, "config.json");
        expect_same_file(one, other, "evaluation.json");
        expect_same_file(one, other, "tokenizer/tokenizer.json");
    }
}

/* Bits of a byte are the same measure whatever the units are; of characters, each of one byte, the loss itself. */
static void characters_are_measured_by_their_bytes(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    static char text[4001];
    for (int i = 0; i < 4000; i++)
        text[i] = "abcd"[i * i / 3 % 4];
    put_text(temp_path("plain.txt"), text);
    tp_train_config c = config_of(temp_path("characters"), 1);
    c.data = temp_path("plain.txt");
    c.data_options = (tp_data_options){ .window = WINDOW };
    tp_train_result result;
    tp_train_run(&c, NULL, NULL, &result);
    expect_no_error();
    assert_true(fabs(result.figures[0].value - result.test_loss / log(2)) < 1e-9);
}

/* Beyond a thousand classes there is no matrix, but all that is counted by class. */
static void a_large_vocabulary_has_no_matrix(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    static char text[60000];
    size_t used = 0;
    for (int i = 0; i < 6000; i++) { /* the last tenth has of 1,100 characters some */
        uint32_t code = 0x4e00 + (uint32_t)(i * 7) % 1100;
        char name[5];
        const size_t n = utf8_write(name, code);
        memcpy(text + used, name, n);
        used += n;
    }
    put_text(temp_path("many.txt"), text);
    tp_train_config c = config_of(temp_path("many"), 1);
    c.data = temp_path("many.txt");
    c.data_options = (tp_data_options){ .window = WINDOW };
    tp_train_run(&c, NULL, NULL, NULL);
    expect_no_error();
    tp_eval_result e;
    tp_run_evaluate(tp_run_open(temp_path("many")), NULL, TP_TEST, 0, &e);
    expect_no_error();
    assert_int_equal(e.classes, 1100);
    assert_null(e.confusion);
    assert_true(isfinite(e.macro_f1) && e.recall[0] == e.recall[0]);
    tp_eval_free(&e);
}

static void what_does_not_go_together(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    char out[512];
    strcpy(out, temp_path("bad"));
    tp_train_config c = config_of(out, 1);
    c.data_options.tokenizer = temp_path("none.json");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_IO, "none.json: cannot open");
    put_text(temp_path("table.csv"), "a,b\n1,x\n2,y\n3,x\n4,y\n5,x\n6,y\n");
    c = config_of(out, 1);
    c.model = "mlp", c.model_options = (tp_model_options){ .hidden = "4" }, c.data = temp_path("table.csv");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_ARGUMENT, "some.json is for a text, ");
    assert_int_not_equal(access(out, F_OK), 0);
    c = config_of(out, 1);
    mkdir(out, 0700);
    put_text(temp_path("bad/tokenizer"), "");
    tp_train_run(&c, NULL, NULL, NULL);
    expect_error(TP_ERR_STATE, "bad: holds tokenizer/, where the run would keep its own");
}

/* ---- the copy ---------------------------------------------------------------------------------------------------------- */

/* Of each kind of file the copy is a tokenizer that gives the same ids. */
static void a_copy_gives_the_same_ids(void **unused)
{
    (void)unused;
    need_text();
    static const char text[] = "Once upon a time, na\u00efve caf\u00e9s";
    char bert[512], gpt2[512];
    strcpy(bert, temp_path("old bert.txt")), strcpy(gpt2, temp_path("vocab.json"));
    put_text(bert, "[UNK]\n[CLS]\n[SEP]\nOnce\nonce\nupon\na\n##n\n,\n");
    put_text(temp_path("tokenizer_config.json"), "{\"do_lower_case\": false, \"eos_token\": \"a\"}");
    put_text(gpt2, "{\"O\": 0, \"n\": 1, \"On\": 2, \"<|endoftext|>\": 3, \"c\": 4, \"e\": 5}");
    put_text(temp_path("merges.txt"), "#version: 0.2\nO n\n");
    const char *const paths[] = { "tests/data/tokenizers/roberta.json",
                                  "tests/data/tokenizers/unigram_bytes.model", bert, gpt2,
                                  temp_path("merges.txt") };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        TP_SCOPE;
        char folder[512];
        snprintf(folder, sizeof folder, "%s%zu", temp_path("copy"), i);
        mkdir(folder, 0700);
        assert_int_equal(tokenizer_copy(paths[i], folder), TP_OK);
        const tp_tokenizer *a = tp_tokenizer_load(paths[i]), *b = tp_tokenizer_load(folder);
        expect_no_error();
        const char *words = i < 3 ? text : "Once";
        const tp_tokens *x = tp_tokenizer_encode(a, words, -1), *y = tp_tokenizer_encode(b, words, -1);
        expect_no_error();
        assert_int_equal(tp_tokens_count(x), tp_tokens_count(y));
        assert_memory_equal(tp_tokens_ids(x), tp_tokens_ids(y), (size_t)tp_tokens_count(x) * sizeof(int32_t));
        for (int k = 0; k < TP_N_SPECIALS; k++)
            assert_int_equal(tp_tokenizer_special(a, (tp_special)k), tp_tokenizer_special(b, (tp_special)k));
    }
    put_text(temp_path("empty"), "");
    tokenizer_copy(temp_path("empty"), temp_path("copy0"));
    expect_error(TP_ERR_FORMAT, "empty: is empty, and no tokenizer");
    tokenizer_copy("tests/data/tokenizers/roberta.json", temp_path("nowhere"));
    expect_error(TP_ERR_IO, "nowhere/tokenizer.json: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_become_a_text_one_by_one),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(what_is_cleaned_up_is_told_whole),
        cmocka_unit_test(running_out_of_memory_is_an_error),
        cmocka_unit_test(a_run_keeps_its_tokenizer_and_goes_on),
        cmocka_unit_test(a_stopped_one_ends_with_the_same_bits),
        cmocka_unit_test(characters_are_measured_by_their_bytes),
        cmocka_unit_test(a_large_vocabulary_has_no_matrix),
        cmocka_unit_test(what_does_not_go_together),
        cmocka_unit_test(a_copy_gives_the_same_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
