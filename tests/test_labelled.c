/* test_labelled.c - texts with a class, and tokens with a label each: files, runs, and what a run says of other texts.
 *
 * Layer: tests.  Read next: test_pairs.c, data/labelled.c. */
#include "support/files.h"

#include <taper/train.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *write_file(const char *text)
{
    put_text(temp_path("labelled.tsv"), text);
    return temp_path("labelled.tsv");
}

static void texts_with_a_class(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[4000] = "\xef\xbb\xbf";
    for (int i = 0; i < 40; i++)
        sprintf(text + strlen(text), "n\xc3\xa9 %d\t%s\r\n\n", i % 7, i % 2 ? "odd one" : "even");
    tp_dataset *d = tp_labelled(write_file(text), TP_TRAIN, false, 0),
               *words = tp_labelled(temp_path("labelled.tsv"), TP_TEST, true, 0);
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), 36);
    assert_int_equal(tp_dataset_count(words), 4);
    assert_int_equal(tp_dataset_classes(d), 2);
    assert_string_equal(tp_dataset_class_name(d, 1), "odd one");
    assert_int_equal(tp_dataset_inputs(d), 4 + 3 + 7); /* n, é, a blank and seven digits */
    assert_int_equal(tp_dataset_inputs(words), 4 + 1 + 7);
    float x[4];
    double y;
    assert_int_equal(tp_dataset_get(d, 0, x, &y), TP_OK);
    assert_string_equal(tp_dataset_input_name(d, (int64_t)x[1]), "\xc3\xa9");
    assert_string_equal(tp_dataset_input_name(d, (int64_t)x[2]), " ");
    assert_int_equal(tp_dataset_length(words, 0), 2);
    char name[100];
    assert_non_null(strstr(tp_dataset_example_name(d, 1, name, sizeof name), "labelled.tsv:"));
}

static void tokens_with_labels(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[4000] = "";
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "the\tO\n%s\tNAME\n\n\nhere\tO\n\n", i % 2 ? "king" : "queen");
    tp_dataset *d = tp_tagged(write_file(text), TP_TRAIN, 1),
               *test = tp_tagged(temp_path("labelled.tsv"), TP_TEST, 1);
    expect_no_error();
    assert_int_equal(tp_dataset_count(d) + tp_dataset_count(test), 40);
    assert_int_equal(tp_dataset_targets(d), 2);
    int ones = 0;
    for (int64_t i = 0; i < tp_dataset_count(d); i++) {
        float x[2];
        double y[2];
        assert_int_equal(tp_dataset_get(d, i, x, y), TP_OK);
        assert_string_equal(tp_dataset_class_name(d, (int64_t)y[0]), "O");
        ones += y[1] == TP_IGNORED;
        assert_true((y[1] == TP_IGNORED) == (x[1] == 0) && tp_dataset_length(d, i) == 1 + (x[1] != 0));
    }
    assert_true(ones >= 16);
}

static void what_is_wrong(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_labelled(write_file("a\tx\nb\n"), TP_TRAIN, false, 0);
    expect_error(TP_ERR_FORMAT, "labelled.tsv: line 2: a text, a tab and a label are wanted");
    tp_labelled(write_file("a\tx\n\ty\n"), TP_TRAIN, false, 0);
    expect_error(TP_ERR_FORMAT, "line 2: a text, a tab");
    tp_tagged(write_file("a\tx\nb\t\n"), TP_TRAIN, 0);
    expect_error(TP_ERR_FORMAT, "line 2: a token, a tab and a label are wanted");
    tp_labelled(write_file("a\tx\nb\xff\ty\n"), TP_TRAIN, false, 0);
    expect_error(TP_ERR_FORMAT, "line 2: the text is not UTF-8");
    tp_labelled(write_file(" \tx\nb\tx\n"), TP_TRAIN, true, 0);
    expect_error(TP_ERR_FORMAT, "line 1: 0 tokens, 1 to 65536 are wanted");
    tp_labelled(write_file(""), TP_TRAIN, false, 0);
    expect_error(TP_ERR_FORMAT, "no sequences for the training part");
    char text[1000] = ""; /* every label once: that of the one that is held out is never learned */
    for (int i = 0; i < 10; i++)
        sprintf(text + strlen(text), "text\tlabel%d\n", i);
    tp_labelled(write_file(text), TP_TEST, false, 3);
    expect_error(TP_ERR_FORMAT, "no sequence to learn from has the label 'label");
    tp_labelled(temp_path("none"), TP_TRAIN, false, 0);
    expect_error(TP_ERR_IO, "none");
}

/* ---- runs ------------------------------------------------------------------------------------------------------------- */

/* Letters a to f; a text is "high" when its first letter is d or later.  A token is tagged by the one before it. */
static const char *made(bool tags)
{
    static char text[60000];
    unsigned state = 5;
    *text = 0;
    for (int i = 0; i < 900; i++) {
        const int n = 1 + (int)((state = state * 1664525u + 1013904223u) >> 29);
        char before = 'a', first = 0;
        for (int k = 0; k < n; k++) {
            const char c = "abcdef"[((state = state * 1664525u + 1013904223u) >> 16) % 6];
            first = first ? first : c;
            if (tags)
                sprintf(text + strlen(text), "%c\t%s\n", c, before > 'c' ? "after-high" : "after-low");
            else
                sprintf(text + strlen(text), "%c", c);
            before = c;
        }
        sprintf(text + strlen(text), tags ? "\n" : "\t%s\n", first > 'c' ? "high" : "low");
    }
    return write_file(text);
}

static void run_of(const char *model, const char *out, tp_train_result *r)
{
    tp_train_config c = { .struct_size = sizeof c,
                          .model = model,
                          .model_options = { .hidden = "16",
                                             .embedding = 8,
                                             .pooling = strcmp(model, "tagger") ? "mean" : NULL },
                          .data = made(!strcmp(model, "tagger")),
                          .optim_options = { .lr = 1e-2 },
                          .out = out,
                          .epochs = 12,
                          .batch_size = 16 };
    tp_train_run(&c, NULL, NULL, r);
    expect_no_error();
}

typedef struct told {
    char text[200];
    int errors;
} told;

static const tp_run *asked;

static bool take(void *context, const tp_label *l)
{
    told *t = context;
    t->errors += l->error != NULL;
    int64_t best = 0;
    for (int64_t i = 1; i < l->n; i++)
        best = l->values[i] > l->values[best] ? i : best;
    if (l->n)
        sprintf(t->text + strlen(t->text), "%s:%s ", l->token ? l->token : l->text,
                tp_run_class_name(asked, best));
    return true;
}

/* What is measured does not depend on how examples are batched, padding or none. */
static void expect_the_same_for_any_batch(tp_run *run)
{
    tp_eval_result first, e;
    assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, 1, &first), TP_OK);
    for (int64_t batch = 7; batch < 200; batch += 90) {
        assert_int_equal(tp_run_evaluate(run, NULL, TP_TEST, batch, &e), TP_OK);
        assert_int_equal(e.examples, first.examples);
        assert_true(fabs(e.loss - first.loss) < 1e-6 && e.accuracy == first.accuracy);
        tp_eval_free(&e);
    }
    tp_eval_free(&first);
}

/* Another file is read by the run's tokens and labels, though it has not all of them, and others. */
static void expect_others(tp_run *run, const char *text, const char *bad)
{
    tp_eval_result e;
    double unknown = 0;
    int64_t examples = 0;
    const char *path = write_file(text);
    for (int part = 0; part < 2; part++) {
        assert_int_equal(tp_run_evaluate(run, path, part ? TP_TEST : TP_TRAIN, 0, &e), TP_OK);
        assert_string_equal(e.figures[e.n_figures - 1].name, "unknown tokens");
        unknown += e.figures[e.n_figures - 1].value;
        examples += e.examples;
        assert_true(e.accuracy == 1);
        tp_eval_free(&e);
    }
    assert_int_equal(unknown, 3);
    assert_int_equal(examples, 12);
    tp_run_evaluate(run, write_file(bad), TP_TEST, 0, &e);
    expect_error(TP_ERR_FORMAT, "line 2: the label 'sharp' is none of the 2 that are known");
}

static void a_text_classifier(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    char out[512];
    tp_train_result r;
    strcpy(out, temp_path("texts"));
    run_of("text-classifier", out, &r);
    assert_string_equal(r.best_of, "accuracy");
    assert_true(r.best > 0.9);
    tp_run *run = tp_run_open(out);
    expect_the_same_for_any_batch(run);
    const char *const texts[] = { "aff", "", "d", "\xff", "xyz" };
    told t = { .errors = 0 };
    asked = run;
    assert_int_equal(tp_run_label(run, texts, 5, take, &t), TP_OK);
    assert_int_equal(t.errors, 2);
    assert_int_equal(strncmp(t.text, "aff:low d:high xyz:", 19), 0);
    expect_others(run,
                  "aff\tlow\naff\tlow\naffz\tlow\naff\tlow\naff\tlow\nazfz\tlow\naff\tlow\naff\tlow\n"
                  "aff\tlow\naff\tlow\naff\tlow\naff\tlow\n",
                  "a\tlow\na\tsharp\n");
}

static void a_tagger(void **unused)
{
    (void)unused;
    need_json();
    TP_SCOPE;
    char out[512];
    tp_train_result r;
    strcpy(out, temp_path("tags"));
    run_of("tagger", out, &r);
    assert_string_equal(r.best_of, "loss");
    assert_true(r.test_accuracy > 0.98 && r.test_accuracy <= 1);
    tp_run *run = tp_run_open(out);
    expect_the_same_for_any_batch(run);
    const char *const texts[] = { "a f b", "   " };
    told t = { .errors = 0 };
    asked = run;
    assert_int_equal(tp_run_label(run, texts, 2, take, &t), TP_OK);
    assert_string_equal(t.text, "a:after-low f:after-low b:after-high ");
    assert_int_equal(t.errors, 1);
    expect_others(run,
                  "a\tafter-low\nb\tafter-low\nz\tafter-low\n\nz\tafter-low\n\na\tafter-low\n\n"
                  "a\tafter-low\nz\tafter-low\n\na\tafter-low\nb\tafter-low\nc\tafter-low\n\na\tafter-"
                  "low\nb\tafter-low\n",
                  "a\tafter-low\na\tsharp\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_with_a_class), cmocka_unit_test(tokens_with_labels),
        cmocka_unit_test(what_is_wrong),      cmocka_unit_test(a_text_classifier),
        cmocka_unit_test(a_tagger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
