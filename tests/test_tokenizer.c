/* test_tokenizer.c - tokenizers give the ids, places and texts that the programs give whose files they are.
 *
 * Goldens: tools/golden/text.py, by Hugging Face's tokenizers and SentencePiece.  Layer: tests.  Read next: test_bad_tokenizer.c. */
#include "support/files.h"

#include "base/utf8.h"
#include "text/load_steps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static js_value *golden;

static void need_text(void)
{
    need_json();
    need_unicode();
    need_regex();
}

static int open_golden(void **state)
{
    (void)state;
    golden = js_read("tests/golden/tokenizers.json");
    return tp_error_take(NULL, 0) != TP_OK && golden;
}

static int close_golden(void **state)
{
    (void)state;
    js_free(golden);
    return 0;
}

static int64_t number(const js_value *list, int64_t i)
{
    int64_t n = -1;
    assert_true(js_integer(js_at(list, i), &n));
    return n;
}

/* ---- whole files ----------------------------------------------------------------------------------------------------- */

static void compare_ids(const char *name, const char *text, const tp_tokens *got, const js_value *want)
{
    bool same = tp_tokens_count(got) == js_count(want);
    for (int64_t i = 0; same && i < js_count(want); i++)
        same = tp_tokens_ids(got)[i] == number(want, i);
    if (same)
        return;
    printf("%s: '%s'\n  wanted", name, text);
    for (int64_t i = 0; i < js_count(want); i++)
        printf(" %lld", (long long)number(want, i));
    printf("\n  got   ");
    for (int64_t i = 0; i < tp_tokens_count(got); i++)
        printf(" %d", tp_tokens_ids(got)[i]);
    fail_msg("%s: other ids", name);
}

static void compare_spans(const char *name, const char *text, const tp_tokens *got, const js_value *want)
{
    for (int64_t i = 0; i < tp_tokens_count(got); i++) {
        int64_t begin, end;
        tp_tokens_span(got, i, &begin, &end);
        const bool around = begin == end; /* a special token: the package says 0, 0 for every one */
        if (!around && (begin != number(want, 2 * i) || end != number(want, 2 * i + 1)))
            fail_msg("%s: '%s': token %lld is of [%lld, %lld), [%lld, %lld) is wanted", name, text,
                     (long long)i, (long long)begin, (long long)end, (long long)number(want, 2 * i),
                     (long long)number(want, 2 * i + 1));
    }
}

/* Where a reference writes U+FFFD for a byte that is no character, the byte itself is written here. */
static void compare_text(const char *name, const char *text, const tp_tokenizer *t, const js_value *ids,
                         const char *want)
{
    static int32_t list[4096];
    static char got[65536];
    for (int64_t i = 0; i < js_count(ids); i++)
        list[i] = (int32_t)number(ids, i);
    const int64_t size = tp_tokenizer_decode(t, list, js_count(ids), got, sizeof got);
    expect_no_error();
    assert_int_equal(size, strlen(got));
    if (strcmp(got, want) != 0 && !strstr(want, "\xef\xbf\xbd"))
        fail_msg("%s: '%s' decodes to '%s', '%s' is wanted", name, text, got, want);
}

static void compare_file(const char *name, const tp_tokenizer *t, const js_value *rows)
{
    const js_value *texts = js_get(golden, "texts");
    for (int64_t i = 0; i < js_count(texts); i++) {
        TP_SCOPE;
        const char *text = js_string(js_at(texts, i));
        const js_value *row = js_at(rows, i);
        for (int pass = 0; pass < 2; pass++) { /* the second time by the cache */
            const tp_tokens *tokens = tp_tokenizer_encode(t, text, -1, .offsets = true);
            expect_no_error();
            compare_ids(name, text, tokens, js_get(row, "ids"));
            if (js_get(row, "spans"))
                compare_spans(name, text, tokens, js_get(row, "spans"));
        }
        compare_text(name, text, t, js_get(row, "ids"), js_string(js_get(row, "text")));
    }
}

static void every_file_gives_the_ids_of_its_own_program(void **state)
{
    (void)state;
    need_text();
    const js_value *files = js_get(golden, "files");
    for (js_member m = js_first(files); m.name; js_next(files, &m)) {
        TP_SCOPE;
        char path[256];
        if (!strchr(m.name, '.'))
            continue;
        snprintf(path, sizeof path, "tests/data/tokenizers/%s", m.name);
        const tp_tokenizer *t = tp_tokenizer_load(path);
        expect_no_error();
        compare_file(m.name, t, m.value);
    }
}

static const char *real_file(const char *variable, const char *path)
{
    const char *there = getenv(variable) ? getenv(variable) : path;
    if (access(there, F_OK))
        skip();
    return there;
}

static void gpt2_gives_its_ids_on_real_text(void **state)
{
    (void)state;
    need_text();
    const tp_tokenizer *t = tp_tokenizer_load(real_file("TAPER_GPT2", "data/gpt2-bpe"));
    expect_no_error();
    assert_int_equal(tp_tokenizer_count(t), 50257);
    compare_file("gpt2", t, js_get(js_get(golden, "files"), "gpt2"));
}

static void minilm_gives_its_ids_by_either_file(void **state)
{
    (void)state;
    need_text();
    static const char *const names[] = { "tokenizer.json", "vocab.txt" };
    const char *folder = real_file("TAPER_MINILM", "data/minilm");
    const js_value *texts = js_get(golden, "texts");
    for (int k = 0; k < 2; k++) {
        TP_SCOPE;
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names[k]);
        const tp_tokenizer *t = tp_tokenizer_load(path);
        expect_no_error();
        for (int64_t i = 0; i < js_count(texts); i++) {
            TP_SCOPE;
            const char *text = js_string(js_at(texts, i));
            const tp_tokens *tokens = tp_tokenizer_encode(t, text, -1);
            expect_no_error();
            compare_ids(names[k], text, tokens, js_at(js_get(golden, "minilm"), i));
        }
    }
}

/* ---- single steps ------------------------------------------------------------------------------------------------------ */

static void compare_pieces(const char *name, const char *text, encoder *e, const js_value *want)
{
    bool same = e->pieces.count == js_count(want);
    for (int64_t i = 0; same && i < js_count(want); i++) {
        const text_span p = e->pieces.items[i];
        const char *piece = js_string(js_at(want, i));
        same = p.end - p.begin == (int64_t)strlen(piece) &&
               !memcmp(e->text.bytes + p.begin, piece, strlen(piece));
    }
    if (same || (!e->pieces.count && js_count(want) == 1 && !*js_string(js_at(want, 0))))
        return;
    printf("%s\n  '%s'\n", name, text);
    for (int64_t i = 0; i < js_count(want); i++)
        printf(" {%s}", js_string(js_at(want, i)));
    printf(" is wanted\n");
    for (int64_t i = 0; i < e->pieces.count; i++)
        printf(" {%.*s}", (int)(e->pieces.items[i].end - e->pieces.items[i].begin),
               e->text.bytes + e->pieces.items[i].begin);
    fail_msg("other pieces");
}

static void compare_steps(const char *name, const tp_tokenizer *t, const js_value *rows)
{
    const js_value *texts = js_get(golden, "texts");
    encoder e;
    token_list none = { 0 };
    assert_int_equal(encoder_open(&e, t, &none, true), TP_OK);
    for (int64_t i = 0; i < js_count(texts); i++) {
        const char *text = js_string(js_at(texts, i));
        e.first = true;
        assert_int_equal(mapped_begin(&e.text, text, (int64_t)strlen(text), 0), TP_OK);
        assert_int_equal(normalise(t, &e), TP_OK);
        assert_int_equal(split(t, &e), TP_OK);
        compare_pieces(name, text, &e, js_at(rows, i));
    }
    encoder_close(&e);
}

static void every_step_gives_the_pieces_of_the_package(void **state)
{
    (void)state;
    need_text();
    const js_value *steps = js_get(golden, "steps");
    for (int64_t i = 0; i < js_count(steps); i++) {
        TP_SCOPE;
        const js_value *row = js_at(steps, i);
        file_bytes name = { 0 };
        tp_tokenizer *t = js_get(row, "file") ? tp_tokenizer_load("tests/data/tokenizers/precompiled.json")
                                              : tokenizer_new();
        loader l = { t, "steps" };
        if (js_get(row, "steps"))
            read_parts(&l, js_get(row, "steps"));
        expect_no_error();
        js_format(row, false, &name);
        name.data[name.size < 300 ? name.size - 1 : 300] = 0;
        compare_steps((const char *)name.data, t, js_get(row, "pieces"));
        file_bytes_free(&name);
    }
}

static void every_decoder_gives_the_text_of_the_package(void **state)
{
    (void)state;
    need_text();
    const js_value *decoders = js_get(golden, "decoders");
    for (int64_t i = 0; i < js_count(decoders); i++) {
        TP_SCOPE;
        const js_value *rows = js_get(js_at(decoders, i), "rows");
        tp_tokenizer *t = tokenizer_new();
        loader l = { t, "decoder" };
        assert_int_equal(read_parts(&l, js_at(decoders, i)), TP_OK);
        for (int64_t k = 0; k < js_count(rows); k++) {
            const js_value *pieces = js_at(js_at(rows, k), 0);
            const char *want = js_string(js_at(js_at(rows, k), 1));
            int32_t ids[32];
            char text[512];
            pieces_free(&t->pieces);
            for (int64_t n = 0; n < js_count(pieces); n++) {
                const char *piece = js_string(js_at(pieces, n));
                ids[n] = pieces_find(&t->pieces, piece, (int64_t)strlen(piece));
                if (ids[n] < 0)
                    pieces_add(&t->pieces, "test", ids[n] = (int32_t)t->pieces.count, piece,
                               (int64_t)strlen(piece));
            }
            t->count = 0;
            tp_tokenizer_decode(t, ids, js_count(pieces), text, sizeof text);
            expect_no_error();
            if (strcmp(text, want) != 0 && !strstr(want, "\xef\xbf\xbd"))
                fail_msg("decoder %lld: row %lld is '%s', '%s' is wanted", (long long)i, (long long)k, text,
                         want);
        }
    }
}

/* ---- training ---------------------------------------------------------------------------------------------------------- */

static const char *training_text(void)
{
    const char *path = temp_path("text.txt");
    put_text(path, js_string(js_get(js_get(golden, "training"), "text")));
    return path;
}

static void training_bpe_gives_the_merges_of_the_package(void **state)
{
    (void)state;
    need_text();
    const char *out = temp_path("bpe.json");
    tp_tokenizer_train(training_text(), out, .vocabulary = 500, .special = "");
    js_value *root = js_read(out);
    expect_no_error();
    const js_value *got = js_get(js_get(root, "model"), "merges"),
                   *want = js_get(js_get(golden, "training"), "bpe");
    assert_int_equal(js_count(got), js_count(want));
    for (int64_t i = 0; i < js_count(want); i++)
        for (int side = 0; side < 2; side++)
            assert_string_equal(js_string(js_at(js_at(got, i), side)),
                                js_string(js_at(js_at(want, i), side)));
    js_free(root);
}

/* Same text, same file; what is trained goes back to the text that went in. */
static void training_is_the_same_again_and_its_ids_go_back_to_the_text(void **state)
{
    (void)state;
    need_text();
    static const char *const kinds[] = { "bpe", "bytes", "chars", "unigram", "wordpiece" };
    static unsigned char one[1 << 18], two[1 << 18];
    static char back[1 << 16];
    const char *text = js_string(js_get(js_get(golden, "training"), "text"));
    for (int k = 0; k < 5; k++) {
        TP_SCOPE;
        const char *path = training_text(), *a = temp_path("a.json"), *b = temp_path("b.json");
        tp_tokenizer_train(path, a, .kind = kinds[k], .vocabulary = 1000);
        tp_tokenizer_train(path, b, .kind = kinds[k], .vocabulary = 1000);
        expect_no_error();
        const size_t size = get_file(a, one, sizeof one);
        assert_int_equal(size, get_file(b, two, sizeof two));
        assert_memory_equal(one, two, size);
        const tp_tokenizer *t = tp_tokenizer_load(a);
        const tp_tokens *tokens = tp_tokenizer_encode(t, text, -1);
        tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), back, sizeof back,
                            .keep_special = true);
        expect_no_error();
        if (k < 3) /* unigram takes U+2581 for a space, WordPiece loses spaces */
            assert_string_equal(back, text);
        assert_true(tp_tokens_count(tokens) > 100 && tp_tokenizer_count(t) <= 1000);
    }
}

/* The score of the text by the pieces that were learned: better than by characters alone, and not far from SentencePiece's. */
static void a_unigram_vocabulary_is_as_good_as_sentencepieces(void **state)
{
    (void)state;
    need_text();
    double nats = 0, wanted = 0;
    const char *out = temp_path("unigram.json");
    const js_value *training = js_get(golden, "training");
    const char *text = js_string(js_get(training, "prose"));
    const char *path = temp_path("prose.txt");
    put_text(path, text);
    tp_tokenizer_train(path, out, .kind = "unigram", .vocabulary = 100);
    const tp_tokenizer *t = tp_tokenizer_load(out);
    expect_no_error();
    for (const char *line = text, *end; *line; line = end + 1) {
        TP_SCOPE;
        end = strchr(line, '\n');
        const tp_tokens *tokens = tp_tokenizer_encode(t, line, end - line);
        for (int64_t i = 0; i < tp_tokens_count(tokens); i++)
            nats -= t->scores[tp_tokens_ids(tokens)[i]];
    }
    assert_true(js_number(js_get(training, "nats"), &wanted));
    if (!(nats < 1.03 * wanted))
        fail_msg("%g nats, SentencePiece's vocabulary of the same size has %g", nats, wanted);
}

/* ---- the interface ------------------------------------------------------------------------------------------------------- */

static void special_tokens_in_the_text_are_text_when_asked(void **state)
{
    (void)state;
    need_text();
    const tp_tokenizer *t = tp_tokenizer_load("tests/data/tokenizers/roberta.json");
    const tp_tokens *marked = tp_tokenizer_encode(t, "a</s>b", -1, .no_special = true),
                    *plain = tp_tokenizer_encode(t, "a</s>b", -1, .no_special = true, .plain_text = true),
                    *around = tp_tokenizer_encode(t, "a", -1, .begin = true, .end = true);
    expect_no_error();
    assert_int_equal(tp_tokens_count(marked), 3);
    assert_int_equal(tp_tokens_ids(marked)[1], tp_tokenizer_special(t, TP_SPECIAL_END));
    assert_true(tp_tokens_count(plain) > 3);
    assert_int_equal(tp_tokens_count(around), 3); /* they are there already */
    assert_int_equal(tp_tokenizer_special(t, TP_SPECIAL_BEGIN), tp_tokenizer_id(t, "<s>"));
    assert_int_equal(tp_tokenizer_special(t, TP_SPECIAL_PAD), tp_tokenizer_id(t, "<pad>"));
    assert_null(tp_tokenizer_piece(t, tp_tokenizer_count(t)));
    assert_null(tp_tokenizer_piece(t, -1));
    assert_int_equal(tp_tokenizer_id(t, "no such piece"), -1);
}

static void decoding_tells_its_size_and_writes_no_more_than_fits(void **state)
{
    (void)state;
    need_text();
    const tp_tokenizer *t = tp_tokenizer_load("tests/data/tokenizers/llama3.json");
    const tp_tokens *tokens = tp_tokenizer_encode(t, "the best", -1);
    char text[8] = "#######";
    assert_int_equal(tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), NULL, 0), 8);
    assert_int_equal(tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), text, 5), 8);
    assert_string_equal(text, "the ");
    assert_int_equal(text[5], '#');
    expect_no_error();
}

/* Any bytes that are UTF-8 come back as they were. */
static void byte_level_goes_back_exactly(void **state)
{
    (void)state;
    need_text();
    const tp_tokenizer *t = tp_tokenizer_load("tests/data/tokenizers/llama3.json");
    static char text[4 * 0x3000], back[sizeof text];
    for (uint32_t base = 0; base < 0x20000; base += 0x1000) {
        TP_SCOPE;
        int64_t size = 0;
        for (uint32_t code = base; code < base + 0x1000; code++)
            if (code && (code < 0xd800 || code > 0xdfff)) {
                char bytes[5];
                const size_t n = utf8_write(bytes, code);
                memcpy(text + size, bytes, n);
                size += (int64_t)n;
            }
        text[size] = 0;
        const tp_tokens *tokens = tp_tokenizer_encode(t, text, size, .no_special = true);
        assert_int_equal(tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), back,
                                             sizeof back),
                         size);
        expect_no_error();
        assert_memory_equal(text, back, (size_t)size);
    }
}

static void load_encode_decode_train(void)
{
    TP_SCOPE;
    static const char *const files[] = { "roberta.json", "bert.json", "t5.json", "bpe_user.model",
                                         "unigram_bytes.model" };
    char path[256], text[256];
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "tests/data/tokenizers/%s", files[i]);
        const tp_tokenizer *t = tp_tokenizer_load(path);
        const tp_tokens *tokens =
            tp_tokenizer_encode(t, "I'm na\u00efve, [MASK] \u65e5 e\u0301", -1, .offsets = true);
        tp_tokenizer_decode(t, tp_tokens_ids(tokens), tp_tokens_count(tokens), text, sizeof text);
    }
    tp_tokenizer_train("tests/data/tokenizers/small.txt", temp_path("small.json"), .kind = "bpe",
                       .vocabulary = 280);
    tp_tokenizer_train("tests/data/tokenizers/small.txt", temp_path("small.json"), .kind = "unigram",
                       .vocabulary = 30);
}

static void running_out_of_memory_anywhere_is_an_error(void **state)
{
    (void)state;
    need_text();
    with_failing_allocations(load_encode_decode_train);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_gives_the_pieces_of_the_package),
        cmocka_unit_test(every_decoder_gives_the_text_of_the_package),
        cmocka_unit_test(every_file_gives_the_ids_of_its_own_program),
        cmocka_unit_test(gpt2_gives_its_ids_on_real_text),
        cmocka_unit_test(minilm_gives_its_ids_by_either_file),
        cmocka_unit_test(training_bpe_gives_the_merges_of_the_package),
        cmocka_unit_test(training_is_the_same_again_and_its_ids_go_back_to_the_text),
        cmocka_unit_test(a_unigram_vocabulary_is_as_good_as_sentencepieces),
        cmocka_unit_test(special_tokens_in_the_text_are_text_when_asked),
        cmocka_unit_test(decoding_tells_its_size_and_writes_no_more_than_fits),
        cmocka_unit_test(byte_level_goes_back_exactly),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
