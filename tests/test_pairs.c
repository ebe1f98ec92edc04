/* test_pairs.c - pairs of sequences as a dataset, and batches of like lengths.
 *
 * Layer: tests.  Read next: test_text.c, test_seq2seq.c. */
#include "support/files.h"

#include <taper/data.h>

#include <stdio.h>
#include <string.h>

static const char *write_file(const char *text)
{
    put_text(temp_path("pairs.txt"), text);
    return temp_path("pairs.txt");
}

/* "c a t > K AE T": an example by the names of its tokens, from x and from the targets. */
static void text_of(tp_dataset *d, int64_t i, char *text)
{
    const int64_t length = tp_dataset_targets(d);
    float x[2 * 64];
    double y[64];
    assert_true(length <= 64);
    assert_int_equal(tp_dataset_get(d, i, x, y), TP_OK);
    *text = 0;
    for (int64_t k = 0; k < length && x[k] != 0; k++)
        sprintf(text + strlen(text), "%s ", tp_dataset_input_name(d, (int64_t)x[k]));
    strcat(text, ">");
    for (int64_t k = 0; k < length && y[k] != TP_IGNORED; k++) {
        sprintf(text + strlen(text), " %s", tp_dataset_class_name(d, (int64_t)y[k]));
        assert_true(x[length + k] == (k ? (float)y[k - 1] : 1)); /* what goes in is what came out before */
    }
}

/* Twenty words with a second pronunciation each: all of a word are in one part. */
static const char *dictionary(void)
{
    static char text[4000];
    strcpy(text, ";;; a comment\n");
    for (int i = 0; i < 20; i++)
        sprintf(text + strlen(text), "w%c%c A B%s\nw%c%c(2) B\r\n", 'a' + i, 'b', i % 3 ? " C" : "", 'a' + i,
                'b');
    return text;
}

static void a_dictionary_is_split_by_word(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *path = write_file(dictionary());
    tp_dataset *parts[] = { tp_pairs(path, TP_TRAIN), tp_pairs(path, TP_TEST) };
    expect_no_error();
    assert_int_equal(tp_dataset_count(parts[0]) + tp_dataset_count(parts[1]), 40);
    assert_true(tp_dataset_count(parts[1]) > 0 && tp_dataset_count(parts[1]) % 2 == 0);
    assert_int_equal(tp_dataset_classes(parts[0]), 4 + 3);
    assert_string_equal(tp_dataset_class_name(parts[0], 0), "<pad>");
    assert_string_equal(tp_dataset_class_name(parts[0], 4), "A");
    assert_int_equal(tp_dataset_targets(parts[0]), 4); /* wab and <end>; A B C and <end> */
    char text[400], before[400] = "";
    for (int64_t i = 0; i < tp_dataset_count(parts[1]); i++, strcpy(before, text)) {
        text_of(parts[1], i, text);
        assert_int_equal(tp_dataset_group(parts[1], i), i / 2 * 2);
        assert_true(i % 2 == 0 || !strncmp(text, before, strcspn(text, ">")));
    }
    text_of(parts[0], 0, text);
    assert_non_null(strstr(text, "b <end> > A B"));
    text_of(parts[0], 1, text);
    assert_non_null(strstr(text, "b <end> > B <end>"));
    /* which letter tells a word is in the training part only by name: a held-out one is unknown */
    text_of(parts[1], 0, text);
    assert_non_null(strstr(text, "w <unknown> b <end> >"));
    assert_non_null(strstr(tp_dataset_example_name(parts[0], 0, text, sizeof text), "pairs.txt:"));
    tp_dataset *other = tp_pairs(path, TP_TEST, .seed = 1);
    assert_true(tp_dataset_count(other) != tp_dataset_count(parts[1]) ||
                strcmp(tp_dataset_example_name(other, 0, text, sizeof text),
                       tp_dataset_example_name(parts[1], 0, before, sizeof before)) != 0);
}

static void tabs_and_units(void **unused)
{
    (void)unused;
    TP_SCOPE;
    char text[2000] = "\xef\xbb\xbf";
    for (int i = 0; i < 30; i++)
        sprintf(text + strlen(text), "%d gr\xc3\xbcn\tn\xc3\xa9 %d\r\n\n", i, i % 2);
    tp_dataset *d = tp_pairs(write_file(text), TP_TRAIN, .source_unit = "words", .target_unit = "chars");
    expect_no_error();
    char first[400];
    text_of(d, 0, first);
    assert_non_null(strstr(first, " gr\xc3\xbcn <end> > n \xc3\xa9   "));
    assert_int_equal(tp_dataset_length(d, 0), 5); /* né 0 and <end> */
    tp_pairs(temp_path("pairs.txt"), TP_TRAIN, .source_unit = "bytes");
    expect_error(TP_ERR_ARGUMENT, "pairs: source_unit 'bytes', chars or words is wanted");
}

static void what_is_no_pair(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_pairs(write_file("cat K AE T\ndog\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "pairs.txt: line 2: no blank, that source and target have between them");
    tp_pairs(write_file("cat\tK AE T\ndog D AO G\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 2: no tab");
    tp_pairs(write_file("cat\tK\tT\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 1: more than one tab");
    tp_pairs(write_file("cat\t \n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 1: the target has 0 tokens, 1 to 4096 are wanted");
    tp_pairs(write_file("\tK AE T\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 1: the source has 0 tokens");
    tp_pairs(write_file("c\xff K AE T\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 1: the source is not UTF-8 (0xff)");
    tp_pairs(write_file("\n\n"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "0 pairs, of which the training part has none");
    static char many[20000] = "w ";
    memset(many + 2, 'x', 2);
    for (size_t i = 2; i < 9000; i += 2)
        many[i] = 'x', many[i + 1] = ' ';
    tp_pairs(write_file(many), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "line 1: the target has 4499 tokens, 1 to 4096 are wanted");
    tp_pairs(temp_path("none.txt"), TP_TRAIN);
    expect_error(TP_ERR_IO, "none.txt");
    tp_data_open(temp_path("pairs.txt"), TP_TRAIN, .kind = "triples");
    expect_error(TP_ERR_ARGUMENT, "kind 'triples', text, pairs, series, labelled or tagged is wanted");
}

/* ---- batches of like lengths ------------------------------------------------------------------------------------------ */

enum { COUNT = 1003 };

static tp_status get(void *context, int64_t i, float *x, double *y)
{
    (void)context;
    *x = (float)i;
    *y = 0;
    return TP_OK;
}

static int64_t length(void *context, int64_t i)
{
    (void)context;
    return 1 + i * 7919 % 40;
}

/* Every example once; the lengths within a batch differ little; a function of the seed; the same from the middle on. */
static void buckets(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_dataset_functions f = { .struct_size = sizeof f, .get = get, .length = length };
    tp_dataset *d = tp_shuffled(tp_dataset_new(&f, NULL, COUNT, TP_SHAPE(1), 1), 3);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        static int64_t first[COUNT];
        int64_t at = 0, spread = 0, before = 0, falls = 0, seen[COUNT] = { 0 };
        tp_loader *l = tp_loader_new(d, 10, .shuffle = shuffle, .bucket = true, .seed = 9);
        for (tp_batch b; tp_loader_next(l, &b);) {
            int64_t low = 99, high = 0;
            for (int64_t i = 0; i < b.n; i++) {
                const int64_t n = tp_dataset_length(d, b.examples[i]);
                low = n < low ? n : low, high = n > high ? n : high;
                seen[b.examples[i]]++;
                first[at++] = b.examples[i];
            }
            spread = high - low > spread ? high - low : spread;
            falls += low < before;
            before = low;
        }
        expect_no_error();
        assert_int_equal(at, COUNT);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(seen[i], 1);
        assert_true(spread <= (shuffle ? 40 : 1));
        assert_true(shuffle ? falls > 30 : falls == 0);
        at = 40;
        tp_loader *again =
            tp_loader_new(d, 10, .shuffle = shuffle, .bucket = true, .seed = 9, .first_batch = 4);
        for (tp_batch b; tp_loader_next(again, &b); at += b.n)
            assert_memory_equal(b.examples, first + at, (size_t)b.n * sizeof *first);
        assert_int_equal(at, COUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dictionary_is_split_by_word),
        cmocka_unit_test(tabs_and_units),
        cmocka_unit_test(what_is_no_pair),
        cmocka_unit_test(buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
