/* test_documents.c - texts as tokens of a tokenizer, and documents of which whole ones are held out.
 *
 * The tokenizer is trained here: all bytes, "ab", and the end of a text, so that windows can be written down.
 * Layer: tests.  Read next: test_text.c, test_token_runs.c. */
#include "support/files.h"

#include "data/text.h"

#include <taper/data.h>
#include <taper/text.h>

#include <string.h>
#include <sys/stat.h>

static void need_text(void)
{
    need_json();
    need_unicode();
    need_regex();
}

static const char *written(const char *name, const char *text)
{
    put_text(temp_path(name), text);
    return temp_path(name);
}

/* kind "bpe": all bytes, "ab" and <|endoftext|>; "chars": the characters of " abcdeé\n" and <unk>. */
static const char *tokenizer(const char *kind)
{
    const char *path = temp_path(kind);
    tp_tokenizer_train(written("train.txt", *kind == 'b' ? "ab ab ab ab" : "ab cde\n\xc3\xa9"), path,
                       .kind = kind, .vocabulary = *kind == 'b' ? 258 : 0);
    expect_no_error();
    return path;
}

/* "a b|b c": the pieces of x and y of example i; for a tokenizer of bytes \xc4\xa0 is a space. */
static void check_window(tp_dataset *d, int64_t i, const char *want)
{
    float x[32];
    double y[32];
    char text[512] = "";
    const int64_t n = tp_dataset_targets(d);
    expect_no_error();
    assert_int_equal(tp_dataset_get(d, i, x, y), TP_OK);
    for (int64_t k = 0; k < 2 * n; k++) {
        strcat(text, k == n ? "|" : k ? " " : "");
        strcat(text, tp_dataset_class_name(d, (int64_t)(k < n ? x[k] : y[k - n])));
    }
    assert_string_equal(text, want);
}

/* ---- tokens ---------------------------------------------------------------------------------------------------------- */

/* 20 characters, of which the last 2 are the test part: each part is encoded by itself. */
static void windows_of_tokens(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    const char *path = written("text.txt", "\xef\xbb\xbf"
                                           "ab abx ab\xc3\xa9\nabab  caab");
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 4, .tokenizer = tokenizer("bpe"));
    expect_no_error();
    assert_string_equal(tp_dataset_kind(d), "text");
    assert_int_equal(tp_dataset_classes(d), 258);
    assert_int_equal(tp_dataset_count(d), 3); /* (15 - 1) / 4 */
    check_window(d, 0, "ab \xc4\xa0 ab x|\xc4\xa0 ab x \xc4\xa0");
    check_window(d, 1, "\xc4\xa0 ab \xc3\x83 \xc2\xa9|ab \xc3\x83 \xc2\xa9 \xc4\x8a");
    check_window(d, 2, "\xc4\x8a ab ab \xc4\xa0|ab ab \xc4\xa0 \xc4\xa0");
    assert_int_equal(text_bytes(d), 18 - 2); /* to the second space before the c, but for the first "ab" */
    tp_dataset *test = tp_text(path, TP_TEST, .window = 1, .tokenizer = tokenizer("bpe"));
    expect_error(TP_ERR_FORMAT, "text.txt: the test part has 1 tokens: too few for a window of 1; a shorter");
    assert_null(test);
    test = tp_text(written("text.txt", "ab abx ab abab  caba"), TP_TEST, .window = 1,
                   .tokenizer = tokenizer("bpe"));
    check_window(test, 0, "b|a");
    assert_int_equal(text_bytes(test), 1);
}

/* Characters and bytes know how many bytes they stand for, too. */
static void units_stand_for_bytes(void **unused)
{
    (void)unused;
    TP_SCOPE;
    const char *path = written("short.txt", "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac"
                                            "abcdef");
    assert_int_equal(text_bytes(tp_text(path, TP_TRAIN, .window = 3)), 2 + 2 + 3 + 3);
    assert_int_equal(text_bytes(tp_text(path, TP_TRAIN, .window = 3, .bytes = true)), 12);
    assert_int_equal(text_bytes(tp_subset(tp_text(path, TP_TRAIN, .window = 3), 0, 1)), 0);
    expect_no_error();
}

static void a_tokenizer_that_cannot_be(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    const char *path = written("text.txt", "ab abx ab abab  caab");
    tp_text(path, TP_TRAIN, .tokenizer = temp_path("none.json"));
    expect_error(TP_ERR_IO, "none.json: cannot open");
    tp_text(path, TP_TRAIN, .tokenizer = written("bad.json", "{\"model\": 3}"));
    expect_error(TP_ERR_FORMAT, "bad.json: ");
    tp_text(path, TP_TRAIN, .tokenizer = path);
    expect_error(TP_ERR_FORMAT, "text.txt: ");
    tp_text(path, TP_TRAIN, .tokenizer = tokenizer("bpe"), .bytes = true);
    expect_error(TP_ERR_ARGUMENT, "one of them is the unit");
    tp_data_open(path, TP_TRAIN, .kind = "text", .tokenizer = tokenizer("bpe"), .unit = "chars");
    expect_error(TP_ERR_ARGUMENT, "unit 'chars' and the tokenizer ");
    tp_text(written("latin.txt", "ab\xff"), TP_TRAIN, .tokenizer = tokenizer("bpe"));
    expect_error(TP_ERR_FORMAT, "latin.txt: byte 2 (0xff) is not UTF-8; it can be replaced");
    tp_text(written("other.txt", "abcdeabcdexyz"), TP_TRAIN, .tokenizer = tokenizer("chars"), .window = 4);
    expect_no_error(); /* <unk> */
}

/* ---- documents ------------------------------------------------------------------------------------------------------- */

/* All tokens of a part: its windows have one place each. */
static void check_part(const char *path, tp_part part, const char *tokenizer_path, uint64_t seed,
                       const char *want)
{
    char text[512] = "";
    tp_dataset *d = tp_text(path, part, .window = 1, .tokenizer = tokenizer_path, .seed = seed);
    expect_no_error();
    assert_string_equal(tp_dataset_kind(d), "documents");
    for (int64_t i = 0; i <= tp_dataset_count(d); i++) {
        float x;
        double y;
        assert_int_equal(tp_dataset_get(d, i ? i - 1 : 0, &x, &y), TP_OK);
        strcat(text, tp_dataset_class_name(d, i ? (int64_t)y : (int64_t)x));
    }
    assert_string_equal(text, want);
}

static const char *folder_of_three(void)
{
    mkdir(temp_path("three"), 0700);
    written("three/a.txt", "abab");
    written("three/b.txt", "cdab");
    written("three/c.txt", "eabe\n");
    written("three/notes.md", "not one of them");
    return temp_path("three");
}

static void documents_stand_one_behind_the_other(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    char path[512];
    strcpy(path, folder_of_three());
    check_part(path, TP_TRAIN, tokenizer("bpe"), 0, "abab<|endoftext|>cdab<|endoftext|>");
    check_part(path, TP_TEST, tokenizer("bpe"), 0, "eabe\xc4\x8a<|endoftext|>");
    check_part(path, TP_TRAIN, tokenizer("chars"), 0, "abab\ncdab\n"); /* no end of a text */
    check_part(path, TP_TRAIN, NULL, 0, "abab\ncdab\n");
    check_part(path, TP_TEST, NULL, 0, "eabe\n");
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 3, .tokenizer = tokenizer("bpe"));
    assert_int_equal(tp_dataset_count(d), 2);
    check_window(d, 0, "ab ab <|endoftext|>|ab <|endoftext|> c");
    check_window(d, 1, "c d ab|d ab <|endoftext|>");
    assert_int_equal(text_bytes(d), 2 + 4); /* an end of a text stands for no bytes */
}

/* Lines of JSON are the same documents; other seeds hold out others. */
static void lines_of_json_are_documents(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    char path[512];
    strcpy(path, written("three.jsonl",
                         "{\"text\": \"abab\", \"body\": \"x\"}\r\n\n{\"id\": 7, \"text\": \"cdab\"}\n"
                         "  {\"text\": \"eabe\\n\"}"));
    check_part(path, TP_TRAIN, tokenizer("bpe"), 0, "abab<|endoftext|>cdab<|endoftext|>");
    check_part(path, TP_TEST, tokenizer("bpe"), 0, "eabe\xc4\x8a<|endoftext|>");
    int64_t differ = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        tp_dataset *d = tp_text(path, TP_TEST, .window = 1, .seed = seed, .bytes = true);
        float x;
        double y;
        tp_dataset_get(d, 0, &x, &y);
        differ += (int)x != 'e';
    }
    assert_in_range(differ, 8, 19);
    strcpy(path, written("named.txt", "{\"body\": \"aaaa\"}\n{\"body\": \"b\xc3\xa9\xe2\x82\xac\"}\n"));
    tp_dataset *d = tp_text(path, TP_TRAIN, .window = 2, .field = "body");
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), 1);
    assert_int_equal(tp_dataset_classes(d), 5);
}

/* One in ten, whichever they are: all units of both parts together are all that there is, and none is in both. */
static void one_document_in_ten_is_held_out(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    static char text[40000];
    int held[500] = { 0 };
    size_t used = 0;
    for (int i = 0; i < 500; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "{\"text\": \"%03d\"}\n", i);
    char path[512];
    strcpy(path, written("many.jsonl", text));
    for (int part = 0; part < 2; part++) {
        tp_dataset *d = tp_text(path, part ? TP_TEST : TP_TRAIN, .window = 3, .bytes = true);
        expect_no_error();
        for (int64_t i = 0; i < tp_dataset_count(d); i++) { /* windows go over documents of 4 bytes */
            float x[3];
            double y[3];
            tp_dataset_get(d, i, x, y);
            if (i % 4 == 0)
                held[100 * ((int)x[0] - '0') + 10 * ((int)x[1] - '0') + (int)x[2] - '0'] += part ? 2 : 1;
        }
    }
    int tests = 0, both = 0;
    for (int i = 0; i < 500; i++)
        tests += held[i] == 2, both += held[i] == 3;
    assert_int_equal(both, 0);
    assert_in_range(tests, 12,
                    18); /* a window in four begins a document, and in 50 documents that is one in three */
    tp_dataset *d = tp_text(path, TP_TEST, .window = 1, .bytes = true);
    assert_int_equal(tp_dataset_count(d), 50 * 4 - 1);
}

static void expect_bad(const char *text, const char *field, const char *words)
{
    tp_text(written("bad.jsonl", text), TP_TRAIN, .window = 1, .field = field);
    expect_error(TP_ERR_FORMAT, words);
}

static void documents_that_are_none(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    expect_bad("{\"text\": \"a\"}\n[1]\n", NULL,
               "bad.jsonl: line 2 is an array, an object with the field 'text' is wanted");
    expect_bad("{\"text\": \"a\"}\n\n{\"txt\": \"b\"}\n", NULL,
               "line 3 has no field 'text', where its text is wanted");
    expect_bad("{\"text\": \"a\"}\n", "body", "line 1 has no field 'body'");
    expect_bad("{\"text\": 3}\n", NULL, "line 1: field 'text' is an integer, a text is wanted");
    expect_bad("{\"text\": \"a\"}\n{\"text\": \"\"}\n", NULL,
               "line 2: the document is empty, a text is wanted");
    expect_bad("{\"text\": \"a\"}\n{\"text\": \"b\"\n", NULL, "bad.jsonl: byte 26: not valid JSON");
    expect_bad("{\"text\": \"a\xff\"}\n", NULL, "bad.jsonl: byte 11 (0xff) is not UTF-8");
    expect_bad("", NULL, "bad.jsonl: no documents, at least two are wanted");
    expect_bad("{\"text\": \"abc\"}\n", NULL, "bad.jsonl: one document, at least two are wanted");
    expect_bad("{\"text\": \"abc\"}\n{\"text\": \"abc\"}\n", NULL, "all 2 documents are the same");
    expect_bad("{\"text\": \"\\u0000\"}\n", NULL, "bad.jsonl: byte ");
    mkdir(temp_path("pair"), 0700);
    written("pair/a.txt", "abc");
    written("pair/b.txt", "");
    tp_text(temp_path("pair"), TP_TRAIN, .window = 1);
    expect_error(TP_ERR_FORMAT, "pair/b.txt: the document is empty, a text is wanted");
    written("pair/b.txt", "ab\xe2\x82");
    tp_text(temp_path("pair"), TP_TRAIN, .window = 1);
    expect_error(TP_ERR_FORMAT, "pair/b.txt: byte 2 (0xe2) is not UTF-8");
    assert_int_equal(text_bytes(tp_text(temp_path("pair"), TP_TEST, .window = 1, .replace = true)), 3);
    tp_text(temp_path("pair"), TP_TRAIN, .window = 100, .replace = true, .tokenizer = tokenizer("bpe"));
    expect_error(TP_ERR_FORMAT, "pair: the training part has ");
}

static void open_both_parts(void)
{
    TP_SCOPE;
    tp_text(temp_path("three"), TP_TRAIN, .window = 2, .tokenizer = "tests/data/tokenizers/roberta.json");
    tp_text(temp_path("three.jsonl"), TP_TEST, .window = 2);
}

static void running_out_of_memory_is_an_error(void **unused)
{
    (void)unused;
    need_text();
    TP_SCOPE;
    folder_of_three();
    written("three.jsonl", "{\"text\": \"abab\"}\n{\"text\": \"cdab\"}\n");
    with_failing_allocations(open_both_parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_of_tokens),           cmocka_unit_test(units_stand_for_bytes),
        cmocka_unit_test(a_tokenizer_that_cannot_be),  cmocka_unit_test(documents_stand_one_behind_the_other),
        cmocka_unit_test(lines_of_json_are_documents), cmocka_unit_test(one_document_in_ten_is_held_out),
        cmocka_unit_test(documents_that_are_none),     cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
