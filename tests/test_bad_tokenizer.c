/* test_bad_tokenizer.c - malformed tokenizers and texts: each is an error that says what is wrong, at once.
 *
 * Layer: tests.  Read next: text/load_json.c, text/sentencepiece.c. */
#include "support/files.h"

#include "text/tokenizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- tokenizer.json ---------------------------------------------------------------------------------------------------- */

#define BPE(vocabulary, merges, more) \
    "{\"model\": {\"type\": \"BPE\", \"vocab\": " vocabulary ", \"merges\": " merges "}" more "}"
#define STEP(role, step) BPE("{\"a\": 0}", "[]", ", \"" role "\": " step)
#define WORDS(more) \
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0, \"<s>\": 1}, \"unk_token\": \"a\"}" more "}"

static const struct {
    const char *text;
    tp_status status; /* TP_OK: it is read */
    const char *piece;
} cases[] = {
    { "", TP_ERR_FORMAT, "f.json: byte 0: not valid JSON" },
    { "[]", TP_ERR_FORMAT, "f.json: an array, a tokenizer's object is wanted" },
    { "3", TP_ERR_FORMAT, "an integer, a tokenizer's object is wanted" },
    { "{}", TP_ERR_FORMAT, "\"model\" is not there, an object is wanted" },
    { "{\"model\": []}", TP_ERR_FORMAT, "\"model\" is an array" },
    { "{\"model\": {\"type\": \"GPT\"}}", TP_ERR_UNSUPPORTED, "the model 'GPT' is unsupported" },
    { "{\"model\": {\"type\": 3}}", TP_ERR_UNSUPPORTED, "the model '?' is unsupported" },
    { BPE("[]", "[]", ""), TP_ERR_FORMAT, "\"vocab\" is an array, an object" },
    { BPE("{}", "[]", ""), TP_ERR_FORMAT, "the vocabulary is empty" },
    { BPE("{\"a\": -1}", "[]", ""), TP_ERR_FORMAT, "the piece 'a' has the id -1, one from 0 to 16777215" },
    { BPE("{\"a\": 1.5}", "[]", ""), TP_ERR_FORMAT, "the id of 'a' is a real number" },
    { BPE("{\"a\": 2147483648}", "[]", ""), TP_ERR_FORMAT,
      "the piece 'a' has the id 2147483648, one from 0 to 1048579 is wanted" },
    { BPE("{\"a\": 99999999999999999999}", "[]", ""), TP_ERR_FORMAT, "not valid JSON" },
    { BPE("{\"a\": 0, \"b\": 0}", "[]", ""), TP_ERR_FORMAT, "the id 0 stands for both 'a' and 'b'" },
    { BPE("{\"a\": 0, \"b\": 7}", "[]", ""), TP_OK, "" }, /* a gap is legal */
    { BPE("{\"a\": 0, \"\\u0061\": 1}", "[]", ""), TP_ERR_FORMAT, "duplicate" },
    { BPE("{\"a\\u0000\": 0}", "[]", ""), TP_ERR_FORMAT, "not valid JSON" },
    { BPE("{\"\\ud800\": 0}", "[]", ""), TP_ERR_FORMAT, "not valid JSON" },
    { BPE("{\"a\": 0, \"b\": 1}", "[\"a b\"]", ""), TP_ERR_FORMAT, "merge 0 of 'a' and 'b' makes no piece" },
    { BPE("{\"a\": 0, \"b\": 1}", "[\"a c\"]", ""), TP_ERR_FORMAT,
      "merge 0 of 'a' and 'c': not in the vocabulary" },
    { BPE("{\"a\": 0, \"b\": 1}", "[\"a c\"], \"ignore_merges\": true", ""), TP_OK, "" },
    { BPE("{\"a\": 0, \"b\": 1}", "[\"a\"]", ""), TP_ERR_FORMAT, "merge 0 is not of two pieces" },
    { BPE("{\"a\": 0, \"b\": 1}", "[\"a b c\"]", ""), TP_ERR_FORMAT, "merge 0 is not of two pieces" },
    { BPE("{\"a\": 0, \"b\": 1}", "[[\"a\"]]", ""), TP_ERR_FORMAT, "merge 0 is not of two pieces" },
    { BPE("{\"a\": 0, \"b\": 1}", "[[\"a\", \"b\", \"c\"]]", ""), TP_ERR_FORMAT,
      "merge 0 is not of two pieces" },
    { BPE("{\"a\": 0, \"b\": 1}", "[[\"a\", 1]]", ""), TP_ERR_FORMAT, "merge 0 is not of two pieces" },
    { BPE("{\"a\": 0, \"b\": 1}", "3", ""), TP_ERR_FORMAT, "\"merges\" is an integer" },
    { BPE("{\"a \": 0, \"b\": 1, \"a b\": 2}", "[[\"a \", \"b\"]]", ""), TP_OK, "" }, /* spaces in pieces */
    { BPE("{\"a\": 0}", "[], \"dropout\": 0.1", ""), TP_ERR_UNSUPPORTED, "\"dropout\" 0.1 is unsupported" },
    { BPE("{\"a\": 0}", "[], \"unk_token\": \"u\"", ""), TP_ERR_FORMAT, "the unknown token 'u' is no piece" },
    { BPE("{\"a\": 0}", "[], \"fuse_unk\": 3", ""), TP_ERR_FORMAT, "\"fuse_unk\" is an integer" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": []}}", TP_ERR_FORMAT, "\"vocab\" is empty" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}}", TP_ERR_FORMAT,
      "piece 0 is no [text, score]" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 1e300]]}}", TP_ERR_FORMAT,
      "piece 0 is no [text, score]" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0], [\"a\", 1]]}}", TP_ERR_FORMAT,
      "'a' has the ids 0 and 1" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": 1}}", TP_ERR_FORMAT,
      "\"unk_id\" 1, but there are 1" },
    { "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]], \"unk_id\": -1}}", TP_ERR_FORMAT,
      "\"unk_id\" is an integer" },
    { WORDS(", \"added_tokens\": [{\"id\": 0, \"content\": \"b\"}]"), TP_ERR_FORMAT,
      "'b' has the id 0, but in the vocabulary that is 'a'" },
    { WORDS(", \"added_tokens\": [{\"id\": 5, \"content\": \"a\"}]"), TP_ERR_FORMAT,
      "'a' has the id 5, but in the vocabulary it has another" },
    { WORDS(", \"added_tokens\": [{\"id\": 5, \"content\": \"b\"}, {\"id\": 5, \"content\": \"c\"}]"),
      TP_ERR_FORMAT, "'b' and 'c' have the same id" },
    { WORDS(", \"added_tokens\": [{\"id\": 5, \"content\": \"b\"}, {\"id\": 6, \"content\": \"b\"}]"),
      TP_ERR_FORMAT, "'b' is there twice" },
    { WORDS(", \"added_tokens\": [{\"id\": 2147483648, \"content\": \"b\"}]"), TP_ERR_FORMAT,
      "the piece 'b' has the id 2147483648" },
    { WORDS(", \"added_tokens\": [{\"id\": -1, \"content\": \"b\"}]"), TP_ERR_FORMAT,
      "the id of added token 0 is no whole number" },
    { WORDS(", \"added_tokens\": [{\"id\": 5}]"), TP_ERR_FORMAT, "\"content\" is null, a string is wanted" },
    { WORDS(
          ", \"post_processor\": {\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 1], \"sep\": [\"x\", 9]}"),
      TP_ERR_FORMAT, "the id 9, which is no piece" },
    { WORDS(", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}"), TP_ERR_FORMAT,
      "no place for the text" },
    { WORDS(", \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
            "{\"id\": \"x\"}}]}"),
      TP_ERR_FORMAT, "special token 'x' has no \"ids\"" },
    { WORDS(", \"post_processor\": {\"type\": \"Other\"}"), TP_ERR_UNSUPPORTED,
      "the post-processor 'Other' is unsupported" },
    { STEP("normalizer", "{\"type\": \"Nmt\"}"), TP_ERR_UNSUPPORTED, "the normalizer 'Nmt' is unsupported" },
    { STEP("normalizer", "{}"), TP_ERR_FORMAT, "a normalizer without a \"type\"" },
    { STEP("normalizer", "{\"type\": \"Sequence\", \"normalizers\": 3}"), TP_ERR_FORMAT,
      "\"normalizers\" is an integer" },
    { STEP("normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"*\"}"), TP_ERR_FORMAT,
      "is no base64" },
    { STEP("normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"\"}"), TP_ERR_FORMAT,
      "cut off or malformed" },
    { STEP("normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAAD8/38A\"}"),
      TP_ERR_FORMAT, "the root of its map of characters points at unit" },
    { STEP("pre_tokenizer", "{\"type\": \"Split\", \"behavior\": \"Isolated\"}"), TP_ERR_FORMAT,
      "\"pattern\" is null" },
    { STEP("pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Cut\"}"),
      TP_ERR_FORMAT, "\"behavior\" is a string, Removed" },
    { STEP("pre_tokenizer",
           "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a\"}, \"behavior\": \"Isolated\"}"),
      TP_ERR_FORMAT, "the pattern '(a': missing closing parenthesis" },
    { STEP("pre_tokenizer",
           "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a-z&&[^b]]\"}, \"behavior\": \"Isolated\"}"),
      TP_ERR_UNSUPPORTED, "'&&[' at byte 4 is unsupported" },
    { STEP("pre_tokenizer", "{\"type\": \"UnicodeScripts\"}"), TP_ERR_UNSUPPORTED,
      "the pre-tokenizer 'UnicodeScripts' is unsupported" },
    { STEP("pre_tokenizer", "{\"type\": \"Metaspace\", \"prepend_scheme\": \"often\"}"), TP_ERR_FORMAT,
      "always, first or never" },
    { STEP("decoder", "{\"type\": \"CTC\"}"), TP_ERR_UNSUPPORTED, "the decoder 'CTC' is unsupported" },
};

static void every_case_is_the_error_it_should_be(void **state)
{
    (void)state;
    need_json();
    need_regex();
    need_unicode();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        const tp_tokenizer *t =
            tokenizer_from_json("f.json", (const unsigned char *)cases[i].text, strlen(cases[i].text));
        if ((t != NULL) != (cases[i].status == TP_OK))
            fail_msg("%s: %s", t ? "this is taken" : tp_error_message(), cases[i].text);
        expect_error(cases[i].status, cases[i].piece);
    }
}

/* ---- texts that a tokenizer has to stand ----------------------------------------------------------------------------------- */

static const tp_tokenizer *json(const char *text)
{
    const tp_tokenizer *t = tokenizer_from_json("f.json", (const unsigned char *)text, strlen(text));
    expect_no_error();
    return t;
}

static char *run_of(char c, size_t n)
{
    char *text = malloc(n + 1);
    memset(text, c, n);
    text[n] = 0;
    return text;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void a_character_that_is_no_piece_is_an_error_without_an_unknown_token(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    assert_null(tp_tokenizer_encode(json(BPE("{\"a\": 0}", "[]", "")), "ab", -1));
    expect_error(TP_ERR_UNSUPPORTED, "'b' is no piece of the vocabulary, which has no unknown token");
    assert_null(
        tp_tokenizer_encode(json("{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 0]]}}"), "ab", -1));
    expect_error(TP_ERR_UNSUPPORTED, "'b' is no piece");
    assert_null(
        tp_tokenizer_encode(json("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}"), "b", -1));
    expect_error(TP_ERR_UNSUPPORTED, "'b' cannot be made of the vocabulary");
}

static void text_that_is_no_utf8_is_an_error_that_names_the_byte(void **state)
{
    (void)state;
    need_json();
    static const char *const texts[] = { "ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\x80",
                                         "ab\xf5\x80\x80\x80" };
    TP_SCOPE;
    const tp_tokenizer *t = json(BPE("{\"a\": 0, \"b\": 1}", "[]", ""));
    for (int i = 0; i < 5; i++) {
        assert_null(tp_tokenizer_encode(t, texts[i], -1));
        expect_error(TP_ERR_FORMAT, "byte 2 of the text");
    }
    const int32_t ids[] = { 0, 2 };
    assert_int_equal(tp_tokenizer_decode(t, ids, 2, NULL, 0), -1);
    expect_error(TP_ERR_INDEX, "there is no piece 2; ids from 0 to 1");
    assert_int_equal(tp_tokenizer_decode(t, (int32_t[]){ -1 }, 1, NULL, 0), -1);
    expect_error(TP_ERR_INDEX, "there is no piece -1");
}

static void a_long_run_takes_no_time(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    char *text = run_of('A', 43000);
    const double begin = seconds();
    const tp_tokens *tokens =
        tp_tokenizer_encode(json(BPE("{\"A\": 0, \"AA\": 1, \"AAAA\": 2}", "[\"A A\", \"AA AA\"]", "")), text,
                            -1);
    assert_int_equal(tp_tokens_count(tokens), 43000 / 4);
    tokens = tp_tokenizer_encode(
        json("{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"A\", -1], [\"AAA\", -2]]}}"), text, -1);
    assert_int_equal(tp_tokens_count(tokens), 43000 / 3 + 1);
    tokens =
        tp_tokenizer_encode(json("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"A\": 0, \"##A\": 1}, "
                                 "\"max_input_chars_per_word\": 1000000}}"),
                            text, -1);
    assert_int_equal(tp_tokens_count(tokens), 43000);
    assert_true(seconds() - begin < 1);
    expect_no_error();
    free(text);
}

/* More than 32 pieces that the text begins with, the longest of 100 KB. */
static void long_pieces_and_many_prefixes_are_found(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    enum { LONG = 100000 };
    char *text = run_of('a', LONG), *file = malloc(2 * LONG), *p = file;
    p += sprintf(p, "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"%s\", -1]", text);
    for (int n = 1; n <= 40; n++)
        p += sprintf(p, ", [\"%.*s\", -%d]", n, text, 2 + n);
    strcpy(p, "]}}");
    const double begin = seconds();
    const tp_tokenizer *t = json(file);
    const tp_tokens *tokens = tp_tokenizer_encode(t, text, 40);
    assert_int_equal(tp_tokens_count(tokens), 1);
    assert_int_equal(tp_tokens_ids(tokens)[0], 40);
    assert_true(seconds() - begin < 1);
    expect_no_error();
    free(text);
    free(file);
}

static void a_pattern_that_never_ends_is_stopped(void **state)
{
    (void)state;
    need_json();
    need_regex();
    TP_SCOPE;
    char *text = run_of('a', 2000);
    text[1999] = 'b';
    static const char file[] =
        STEP("pre_tokenizer", "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a|aa)+\\\\p{N}\"}, "
                              "\"behavior\": \"Isolated\"}");
    const tp_tokenizer *t = json(file);
    const double begin = seconds();
    assert_null(tp_tokenizer_encode(t, text, -1));
    expect_error(TP_ERR_UNSUPPORTED, "its regular expression needs more than");
    assert_true(seconds() - begin < 1);
    free(text);
}

/* Something out of nothing, marks in another order: tokens come from the text all the same, and none ends before it begins. */
static void places_are_in_the_text_whatever_a_normaliser_does(void **state)
{
    (void)state;
    need_json();
    need_regex();
    need_unicode();
    static const char *const files[] = {
        WORDS(", \"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {0,}\"}, \"content\": "
              "\"--\"}"),
        WORDS(", \"normalizer\": {\"type\": \"NFD\"}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": "
              "{\"Regex\": "
              "\"\\\\p{M}+\"}, \"behavior\": \"Isolated\"}"),
    };
    static const char text[] = "a b o\xcc\x81\xcc\xa3\xcc\xb4 c";
    for (int i = 0; i < 2; i++) {
        TP_SCOPE;
        const tp_tokens *tokens = tp_tokenizer_encode(json(files[i]), text, -1, .offsets = true);
        expect_no_error();
        assert_true(tp_tokens_count(tokens) >= 1);
        for (int64_t k = 0; k < tp_tokens_count(tokens); k++) {
            int64_t begin, end;
            tp_tokens_span(tokens, k, &begin, &end);
            assert_true(begin >= 0 && begin <= end && end <= (int64_t)sizeof text - 1);
        }
    }
}

static void ten_million_merges_are_refused_at_once(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    enum { LINES = 10000000 };
    char *merges = malloc(4 * (size_t)LINES);
    for (size_t i = 0; i < LINES; i++)
        memcpy(merges + 4 * i, "a a\n", 4);
    const double begin = seconds();
    assert_null(gpt2_from("vocab.bpe", (const unsigned char *)"{\"a\": 0, \"aa\": 1}", 17,
                          (unsigned char *)merges, 4 * (size_t)LINES));
    expect_error(TP_ERR_FORMAT, "10000000 lines, at most 4194304 are wanted");
    assert_true(seconds() - begin < 1);
    free(merges);
}

/* ---- the other kinds ---------------------------------------------------------------------------------------------------------- */

static void lists_of_words_and_merges_that_are_wrong(void **state)
{
    (void)state;
    need_json();
    static const struct {
        const char *merges, *piece;
    } rows[] = {
        { "a\n", "line 1 is not of two pieces" },
        { "#version: 0.2\na b c\n", "line 2 is not of two pieces" },
        { "a x\n", "line 1: 'a x' is not in the" },
        { "a b\n", "makes no piece of the vocabulary" },
        { " a\n", "line 1 is not of two pieces" },
        { "a \n", "line 1 is not of two pieces" },
        { "a a\xff\n", "byte 3 is not UTF-8" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TP_SCOPE;
        assert_null(gpt2_from("vocab.bpe", (const unsigned char *)"{\"a\": 0, \"b\": 1}", 16,
                              (const unsigned char *)rows[i].merges, strlen(rows[i].merges)));
        expect_error(TP_ERR_FORMAT, rows[i].piece);
    }
    TP_SCOPE;
    assert_null(bert_from("vocab.txt", (const unsigned char *)"[UNK]\n[CLS]\n", 12, true));
    expect_error(TP_ERR_FORMAT, "vocab.txt: there is no piece [SEP]");
    assert_null(bert_from("vocab.txt", (const unsigned char *)"a\nb\na\n", 6, true));
    expect_error(TP_ERR_FORMAT, "the piece 'a' has the ids 0 and 2");
    assert_null(bert_from("vocab.txt", (const unsigned char *)"", 0, true));
    expect_error(TP_ERR_FORMAT, "the vocabulary is empty");
    assert_null(tp_tokenizer_load("tests"));
    expect_error(TP_ERR_IO, "tests: no tokenizer in this folder");
    const char *lonely = temp_path("merges.txt");
    put_text(lonely, "a b\n");
    assert_null(tp_tokenizer_load(lonely));
    expect_error(TP_ERR_FORMAT, "no tokenizer without its other file");
}

/* A .model by hand: of each piece text, score and kind, then whether bytes stand in. */
static size_t put_piece(unsigned char *to, const char *text, size_t size, float score, int kind)
{
    size_t n = 0;
    const size_t inner = 2 + size + 5 + 2;
    to[n++] = 0x0a, to[n++] = (unsigned char)inner;
    to[n++] = 0x0a, to[n++] = (unsigned char)size;
    memcpy(to + n, text, size), n += size;
    to[n++] = 0x15, memcpy(to + n, &score, 4), n += 4;
    to[n++] = 0x18, to[n++] = (unsigned char)kind;
    return n;
}

static void sentencepiece_models_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size;
        float score;
        int kind;
        const char *piece;
    } rows[] = {
        { "<0x-1>", 6, 0, 6, "byte 12: the piece '<0x-1>' of a byte is not one of" },
        { "<0xZZ>", 6, 0, 6, "the piece '<0xZZ>' of a byte" },
        { "a\xff", 2, 0, 1, "byte 12: a piece that is no UTF-8" },
        { "", 0, 0, 1, "a piece that is empty" },
        { "a", 1, 0, 9, "a piece of kind 9" },
        { "a", 1, (float)(1e38 * 10), 1, "with the score inf" },
        { "u", 1, 0, 2, "'u' has the ids 0 and 1" },
        { "v", 1, 0, 2, "a second unknown piece" },
        { "a\0b", 3, 0, 1, NULL }, /* a piece with a zero byte is one */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TP_SCOPE;
        unsigned char data[256];
        size_t n = put_piece(data, "u", 1, 0, 2);
        n += put_piece(data + n, rows[i].text, rows[i].size, rows[i].score, rows[i].kind);
        const tp_tokenizer *t = sentencepiece_from("f.model", data, n);
        if (rows[i].piece)
            expect_error(TP_ERR_FORMAT, rows[i].piece);
        else
            assert_non_null(t);
    }
    TP_SCOPE;
    static const unsigned char no_pieces[] = { 0x12, 0x02, 0x18, 0x01 },
                               word[] = { 0x0a, 5, 0x0a, 1, 'u', 0x18, 2, 0x12, 2, 0x18, 3 },
                               bytes[] = { 0x0a, 5, 0x0a, 1, 'u', 0x18, 2, 0x12, 3, 0x98, 2, 1 },
                               past[] = { 0x0a, 9, 1 }, varint[] = { 0x08, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                                     0xff, 0xff, 0xff, 0xff, 0xff, 1 },
                               group[] = { 0x0b },
                               map[] = { 0x0a, 5, 0x0a, 1, 'u', 0x18, 2, 0x1a, 6, 0x12, 4, 9, 0, 0, 0 };
    static const struct {
        const unsigned char *data;
        size_t size;
        tp_status status;
        const char *piece;
    } files[] = {
        { no_pieces, sizeof no_pieces, TP_ERR_FORMAT, "a model of 0 pieces" },
        { word, sizeof word, TP_ERR_UNSUPPORTED, "a model of type 3 is unsupported" },
        { bytes, sizeof bytes, TP_ERR_FORMAT, "there is no piece <0x00>" },
        { past, sizeof past, TP_ERR_FORMAT, "byte 0: a field is longer than what is left" },
        { varint, sizeof varint, TP_ERR_FORMAT, "a varint of more than 64 bits" },
        { group, sizeof group, TP_ERR_FORMAT, "a wire type that is none of" },
        { map, sizeof map, TP_ERR_FORMAT, "a map of characters of 4 bytes that gives 9 to its trie" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        assert_null(sentencepiece_from("f.model", files[i].data, files[i].size));
        expect_error(files[i].status, files[i].piece);
    }
}

/* Of a good file every beginning, and every byte changed, is read or refused, and does no harm. */
static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    need_json();
    static const char *const names[] = { "bpe_user.model", "chars.model", "words.json" };
    static unsigned char data[1 << 16];
    for (int f = 0; f < 3; f++) {
        char path[256];
        snprintf(path, sizeof path, "tests/data/tokenizers/%s", names[f]);
        const size_t size = get_file(path, data, sizeof data);
        for (size_t i = 0; i < size; i += f ? 1 : 3)
            for (int change = 0; change < 2; change++) {
                TP_SCOPE;
                data[i] ^= change ? 0x81 : 0;
                const size_t now = change ? size : i;
                const tp_tokenizer *t =
                    f < 2 ? sentencepiece_from("f", data, now) : tokenizer_from_json("f", data, now);
                if (t)
                    tp_tokenizer_encode(t, "the low [MASK] \xc3\xa9", -1, .offsets = true);
                data[i] ^= change ? 0x81 : 0;
                tp_error_take(NULL, 0);
            }
    }
}

static void training_that_cannot_be(void **state)
{
    (void)state;
    need_json();
    const char *text = temp_path("text.txt"), *empty = temp_path("empty.txt"), *bad = temp_path("bad.txt"),
               *out = temp_path("out.json");
    put_text(text, "some text\n");
    put_text(empty, "");
    put_file(bad, "ab\xff", 3);
    tp_tokenizer_train(empty, out, .kind = "chars");
    expect_error(TP_ERR_FORMAT, "the text is empty");
    tp_tokenizer_train(bad, out, .kind = "chars");
    expect_error(TP_ERR_FORMAT, "byte 2 (0xff) is not UTF-8");
    tp_tokenizer_train(text, out, .kind = "words");
    expect_error(TP_ERR_ARGUMENT, "no kind 'words'; bpe, wordpiece, unigram, chars and bytes are known");
    tp_tokenizer_train(text, out, .kind = "chars", .special = "<s>");
    expect_error(TP_ERR_ARGUMENT, "a chars tokenizer needs [UNK] or <unk>");
    tp_tokenizer_train(text, out, .kind = "chars", .special = "<unk>,<unk>");
    expect_error(TP_ERR_ARGUMENT, "the special token '<unk>' is given twice");
    tp_tokenizer_train(text, out, .kind = "chars", .special = "<unk>,,a");
    expect_error(TP_ERR_ARGUMENT, "one is empty");
    tp_tokenizer_train("nowhere.txt", out);
    expect_error(TP_ERR_IO, "nowhere.txt");
    if (unicode_there()) {
        tp_tokenizer_train(text, out, .kind = "wordpiece", .vocabulary = 5);
        expect_error(TP_ERR_ARGUMENT,
                     "a vocabulary of 5; special tokens and characters of the text alone are");
        tp_tokenizer_train(text, out, .kind = "unigram", .vocabulary = 5);
        expect_error(TP_ERR_ARGUMENT,
                     "a vocabulary of 5; special tokens and characters of the text alone are 9");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_the_error_it_should_be),
        cmocka_unit_test(a_character_that_is_no_piece_is_an_error_without_an_unknown_token),
        cmocka_unit_test(text_that_is_no_utf8_is_an_error_that_names_the_byte),
        cmocka_unit_test(a_long_run_takes_no_time),
        cmocka_unit_test(long_pieces_and_many_prefixes_are_found),
        cmocka_unit_test(a_pattern_that_never_ends_is_stopped),
        cmocka_unit_test(places_are_in_the_text_whatever_a_normaliser_does),
        cmocka_unit_test(ten_million_merges_are_refused_at_once),
        cmocka_unit_test(lists_of_words_and_merges_that_are_wrong),
        cmocka_unit_test(sentencepiece_models_that_are_wrong),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
        cmocka_unit_test(training_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
