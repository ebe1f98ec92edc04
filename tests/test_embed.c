/* test_embed.c - texts to vectors: those of transformers, with the files that sentence-transformers writes
 * (tools/golden/sentences.py), and files that are wrong.
 *
 * Layer: tests.  Depends on cmocka, taper.  Read next: src/train/embed.c. */
#include "support/files.h"
#include "support/golden.h"

#include <taper/taper.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER "tests/golden/presets/bert_sentence/"

enum { TEXTS = 5, WIDTH = 32 };

/* Those of sentences.py: long ones are cut, one has pieces of words, one is a single word. */
static const char *const texts[TEXTS] = { "the cat sat on the mat", "A dog ran!",
                                          "the cats were running, and the dog sat on the mats of the cat",
                                          "Zürich", "dog" };

static float *vector(tp_tensor *of, int64_t i)
{
    return (float *)tp_data(of) + i * WIDTH;
}

static double apart(const float *a, const float *b)
{
    double most = 0;
    for (int i = 0; i < WIDTH; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static const char *const copied[] = { "config.json",  "model.safetensors",         "vocab.txt",
                                      "modules.json", "sentence_bert_config.json", "1_Pooling/config.json" };

/* A folder with those files, but for the named one, which has this text; NULL: it is not there. */
static const char *folder_with(const char *file, const char *text)
{
    enum { ROOM = 1 << 18 };
    static unsigned char data[ROOM];
    static char folder[256];
    static int made;
    char name[32], from[256], to[512];
    snprintf(name, sizeof name, "sentences%d", made++);
    snprintf(folder, sizeof folder, "%s", temp_path(name));
    snprintf(to, sizeof to, "%s/1_Pooling", folder);
    assert_int_equal(mkdir(folder, 0777) | mkdir(to, 0777), 0);
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        snprintf(from, sizeof from, FOLDER "%s", copied[i]);
        snprintf(to, sizeof to, "%s/%s", folder, copied[i]);
        if (strcmp(copied[i], file) != 0)
            put_file(to, data, get_file(from, data, ROOM));
        else if (text)
            put_text(to, text);
    }
    return folder;
}

static tp_embedder *opened(const char *folder)
{
    need_json();
    need_unicode();
    tp_embedder *e = tp_embedder_open(folder);
    expect_no_error();
    assert_non_null(e);
    return e;
}

static void vectors_are_those_of_transformers(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_params *reference = golden_read("presets/bert_sentence/sentences");
    tp_tensor *got = tp_embed(opened(FOLDER), texts, TEXTS), *unit = golden_tensor(reference, "unit"),
              *long_ones = tp_embed(opened(folder_with("modules.json", "[]")), texts, TEXTS),
              *mean = golden_tensor(reference, "mean");
    expect_no_error();
    for (int64_t i = 0; i < TEXTS; i++) {
        assert_true(apart(vector(got, i), vector(unit, i)) < 1e-6);
        assert_true(apart(vector(long_ones, i), vector(mean, i)) < 1e-5);
    }
}

/* Many texts go through the network some at a time, sorted; each comes back in its place. */
static void company_changes_nothing(void **unused)
{
    (void)unused;
    enum { MANY = 53 };
    TP_SCOPE;
    const char *many[MANY];
    for (int i = 0; i < MANY; i++)
        many[i] = texts[i * 7 % TEXTS];
    tp_embedder *e = opened(FOLDER);
    tp_tensor *all = tp_embed(e, many, MANY);
    expect_no_error();
    for (int i = 0; i < MANY; i++) {
        TP_SCOPE;
        assert_true(apart(vector(all, i), vector(tp_embed(e, &many[i], 1), 0)) < 1e-6);
    }
}

static void files_that_are_missing_mean_the_usual(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_embedder *e = opened(FOLDER);
    tp_tensor *usual = tp_embed(e, texts, TEXTS);
    static const char *const may_miss[] = { "modules.json", "1_Pooling/config.json",
                                            "sentence_bert_config.json" };
    for (size_t k = 0; k < sizeof may_miss / sizeof *may_miss; k++) {
        TP_SCOPE;
        tp_tensor *other = tp_embed(opened(folder_with(may_miss[k], NULL)), texts, TEXTS);
        expect_no_error();
        for (int64_t i = 0; i < TEXTS; i++) /* the third text is then whole */
            assert_true((apart(vector(other, i), vector(usual, i)) < 1e-6) == (k < 2 || i != 2));
    }
}

static void what_cannot_be(void **unused)
{
    (void)unused;
    TP_SCOPE;
    need_json();
    need_unicode();
    assert_null(tp_embedder_open("nowhere"));
    expect_error(TP_ERR_IO, "nowhere: a folder");
    assert_null(
        tp_embedder_open(folder_with("1_Pooling/config.json", "{\"pooling_mode_max_tokens\": true}")));
    expect_error(TP_ERR_FORMAT, "1_Pooling/config.json: none of the ways");
    assert_null(tp_embedder_open(folder_with("modules.json", "[{\"type\": ")));
    expect_error(TP_ERR_FORMAT, "modules.json: byte");
    tp_embedder *e = opened(FOLDER);
    assert_null(tp_embed(e, texts, 0));
    expect_error(TP_ERR_ARGUMENT, "at least one text");
    assert_null(tp_embed(e, (const char *[]){ "dog", "d\xffg" }, 2));
    expect_error(TP_ERR_FORMAT, "UTF-8");
    assert_non_null(tp_embed(e, (const char *[]){ "" }, 1)); /* [CLS] and [SEP] */
    expect_no_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_those_of_transformers),
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(files_that_are_missing_mean_the_usual),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
