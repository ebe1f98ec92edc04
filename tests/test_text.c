/* test_text.c - texts as datasets, and examples that have a target at each place.
 *
 * Layer: tests.  Read next: test_data.c, test_loader.c. */
#include "support/files.h"

#include <taper/data.h>

#include <string.h>
#include <sys/stat.h>

/* "ab|b": the characters of x and y by their names; . is one that is ignored. */
static void check_window(tp_dataset *d, int64_t i, const char *want)
{
    float x[32];
    double y[32];
    char text[256] = "";
    const int64_t n = tp_dataset_targets(d);
    assert_int_equal(tp_dataset_get(d, i, x, y), TP_OK);
    for (int64_t k = 0; k < n; k++)
        strcat(text, tp_dataset_class_name(d, (int64_t)x[k]));
    strcat(text, "|");
    for (int64_t k = 0; k < n; k++)
        strcat(text, y[k] == TP_IGNORED ? "." : tp_dataset_class_name(d, (int64_t)y[k]));
    assert_string_equal(text, want);
}

static const char *write_text(const char *name, const char *text)
{
    put_text(temp_path(name), text);
    return temp_path(name);
}

/* 20 characters: 18 to learn from, 2 held out. */
static void windows_of_a_text(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *path = write_text("a.txt", "\xef\xbb\xbf"
                                           "die K\xc3\xbc"
                                           "he m\xc3\xbcssen her!");
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 5);
    expect_no_error();
    assert_string_equal(tp_dataset_kind(d), "text");
    assert_int_equal(tp_dataset_count(d), 3); /* (18 - 1) / 5 */
    assert_int_equal(tp_dataset_targets(d), 5);
    assert_int_equal(tp_dataset_classes(d), 12); /* " !Kdehimnrsü" */
    check_window(d, 0, "die K|ie Kü");
    check_window(d, 2, "üssen|ssen ");
    check_window(tp_text(path, TP_TEST, .window = 1), 0, "r|!");
    assert_int_equal(tp_dataset_targets(tp_subset(tp_shuffled(d, 3), 0, 3)), 5);
    check_window(tp_subset(d, 2, 1), 0, "üssen|ssen ");
    double y;
    tp_dataset_label(d, 0, &y);
    expect_error(TP_ERR_ARGUMENT, "examples of 'text' have 5 targets, not one");
    tp_text(path, TP_TEST, .window = 2);
    expect_error(TP_ERR_FORMAT, "a.txt: the test part has 2 characters: too few for a window of 2;");
}

/* By the characters of another text. */
static void characters_that_are_known(void **unused)
{
    (void)unused;
    TP_SCOPE;
    static const char *const names[] = { "z", "\xc3\xbc", "n", "e" };
    const tp_known_names known = { .classes = names, .n_classes = 4 };
    const char *path = write_text("known.txt", "nenenenenenenennee");
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 2, .known = known);
    float x[2];
    double y[2];
    assert_int_equal(tp_dataset_classes(d), 4);
    assert_string_equal(tp_dataset_class_name(d, 1), "\xc3\xbc");
    assert_int_equal(tp_dataset_get(d, 0, x, y), TP_OK);
    assert_true(x[0] == 2 && x[1] == 3 && y[0] == 3 && y[1] == 2);
    tp_text(write_text("known.txt", "nen\xc3\xa4nenenenenennee"), TP_TRAIN, .window = 2, .known = known);
    expect_error(TP_ERR_FORMAT,
                 "known.txt: the character '\xc3\xa4' (U+00E4) is none of the 4 that are known");
}

static void bytes_and_what_is_no_utf8(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *path = write_text("b.txt", "abcde\xff"
                                           "fghij"
                                           "abcdefghij");
    tp_text(path, TP_TRAIN, .window = 2);
    expect_error(TP_ERR_FORMAT, "b.txt: byte 5 (0xff) is not UTF-8; it can be replaced");
    check_window(tp_text(path, TP_TRAIN, .window = 6, .replace = true), 0,
                 "abcde\xef\xbf\xbd|bcde\xef\xbf\xbd"
                 "f");
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 2, .bytes = true);
    assert_int_equal(tp_dataset_classes(d), 256);
    check_window(d, 2, "101255|255102");
    tp_text(write_text("c.txt", ""), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "c.txt: the text is empty, a text to learn from is wanted");
    tp_text(write_text("d.txt", "x"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "d.txt: one character");
    tp_text(temp_path("not there"), TP_TRAIN);
    expect_error(TP_ERR_IO, "not there: ");
}

static void a_folder_s_text(void **unused)
{
    (void)unused;
    TP_SCOPE;
    mkdir(temp_path("texts"), 0700);
    tp_text(temp_path("texts"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT,
                 "texts: no text in this folder; input.txt, or .txt files, each a document, are wanted");
    write_text("texts/one.txt", "abababababababababab");
    check_window(tp_data_open(temp_path("texts"), TP_TRAIN, .kind = "text", .window = 3), 0, "aba|bab");
    write_text("texts/two.txt", "cd");
    tp_text(temp_path("texts"), TP_TRAIN, .field = "text");
    expect_error(TP_ERR_ARGUMENT,
                 "texts: field 'text' is for a file with a JSON object a line, this is a folder");
    write_text("texts/input.txt", "xyxyxyxyxyxyxyxyxyxy");
    check_window(tp_text(temp_path("texts"), TP_TRAIN, .window = 2), 0, "xy|yx");
    tp_data_open(temp_path("texts"), TP_TRAIN, .kind = "text", .unit = "words");
    expect_error(TP_ERR_ARGUMENT, "unit 'words', chars or bytes is wanted");
}

/* A loader gives i64 (N, T) classes and f32 (N, T) values; some places are ignored. */
static void targets_at_each_place(void **unused)
{
    (void)unused;
    TP_SCOPE;
    float data[12];
    double labels[12], values[12];
    for (int i = 0; i < 12; i++)
        data[i] = (float)i, labels[i] = i % 3 ? i % 2 : TP_IGNORED, values[i] = 0.5 * i;
    tp_tensor *x = tp_tensor_copied(data, TP_F32, TP_SHAPE(4, 3)),
              *y = tp_tensor_copied(labels, TP_F64, TP_SHAPE(4, 3)),
              *v = tp_tensor_copied(values, TP_F64, TP_SHAPE(4, 3));
    tp_batch b;
    tp_loader *l = tp_loader_new(tp_tensor_dataset(x, y, 2), 3);
    assert_true(tp_loader_next(l, &b));
    assert_int_equal(tp_dtype_of(b.y), TP_I64);
    assert_int_equal(tp_size(b.y, 1), 3);
    for (int i = 0; i < 9; i++)
        assert_int_equal(((const int64_t *)tp_data(b.y))[i], (int64_t)labels[i]);
    l = tp_loader_new(tp_tensor_dataset(x, v, 0), 4);
    assert_true(tp_loader_next(l, &b));
    assert_int_equal(tp_dtype_of(b.y), TP_F32);
    for (int i = 0; i < 12; i++)
        assert_true(((const float *)tp_data(b.y))[i] == (float)values[i]);
    tp_loader_new(tp_tensor_dataset(x, y, 2), 2, .transform = tp_transform_parse("mixup=1"));
    expect_error(TP_ERR_ARGUMENT, "examples of 3 targets cannot be mixed");
    tp_tensor_dataset(x, tp_sub(y, 1), 2);
    expect_error(TP_ERR_INDEX, "label 0 is -101, 0 to 1 is wanted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_a_text),         cmocka_unit_test(characters_that_are_known),
        cmocka_unit_test(bytes_and_what_is_no_utf8), cmocka_unit_test(a_folder_s_text),
        cmocka_unit_test(targets_at_each_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
