/* train.c - a tokenizer from a text: words are counted, a trainer makes pieces of them, and both become a tokenizer.json.
 *
 * Each line is a text of its own, with its end.  What is done to texts stands here as the tokenizer.json says it, and is read by the same code
 * that will read the file.
 * Layer: text.  Depends on io/file.h, io/json.h.  Read next: train_bpe.c, train_unigram.c. */
#include "text/train.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static const int64_t max_text = (int64_t)1 << 30;
enum { VOCABULARY = 8000 };

#define BYTE_LEVEL(cut)                                                                                    \
    "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "   \
    "\"use_regex\": " cut "}, \"post_processor\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, " \
    "\"trim_offsets\": false, \"use_regex\": true},"                                                       \
    " \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, "         \
    "\"use_regex\": true}"
#define METASPACE_STEP                                        \
    "{\"type\": \"Metaspace\", \"replacement\": \"" METASPACE \
    "\", \"prepend_scheme\": \"always\", \"split\": true}"

typedef struct kind {
    const char *name, *model;
    const char *steps;   /* of tokenizer.json; %s: lowercase */
    const char *special; /* by default */
    const char *prefix;
    bool byte_level, uses_unknown;
    tp_status (*train)(trainer *);
} kind;

static tp_status no_training(trainer *r)
{
    (void)r;
    return TP_OK;
}

static const kind kinds[] = {
    { "bpe", "BPE", "{" BYTE_LEVEL("true") "}", "<|endoftext|>", "", true, false, train_bpe },
    { "wordpiece", "WordPiece",
      "{\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
      "\"strip_accents\": null, "
      "\"lowercase\": %s}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, "
      "\"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}}",
      "[PAD],[UNK],[CLS],[SEP],[MASK]", "##", false, true, train_bpe },
    { "unigram", "Unigram", "{\"pre_tokenizer\": " METASPACE_STEP ", \"decoder\": " METASPACE_STEP "}",
      "<unk>", "", false, true, train_unigram },
    { "chars", "BPE", "{\"decoder\": {\"type\": \"Fuse\"}}", "<unk>", "", false, true, no_training },
    { "bytes", "BPE", "{" BYTE_LEVEL("false") "}", "", "", true, false, no_training },
};

/* ---- what is learned from ---------------------------------------------------------------------------------------------------- */

static tp_status count_word(trainer *r, const void *word, int64_t size)
{
    int32_t id = pieces_find(&r->words, word, size);
    if (id < 0) {
        id = (int32_t)r->words.count;
        if (tp_grow((void **)&r->counts, &r->count_room, r->words.count + 1, sizeof *r->counts) ||
            pieces_add(&r->words, r->path, id, word, size))
            return tp_error_pending();
        r->counts[id] = 0;
    }
    r->counts[id]++;
    return TP_OK;
}

static tp_status count_words(trainer *r, const tp_tokenizer *t, const unsigned char *s, int64_t size)
{
    encoder e;
    tp_status status = encoder_open(&e, t, NULL, false);
    for (int64_t i = 0, end; i < size && !status; i = end) {
        const unsigned char *stop = memchr(s + i, '\n', (size_t)(size - i));
        end = stop ? stop - s + 1 : size;
        e.first = true;
        status = mapped_begin(&e.text, s + i, end - i, i) || normalise(t, &e) || split(t, &e)
                     ? tp_error_pending()
                     : TP_OK;
        for (int64_t k = 0; k < e.pieces.count && !status; k++)
            status = count_word(r, e.text.bytes + e.pieces.items[k].begin,
                                e.pieces.items[k].end - e.pieces.items[k].begin);
    }
    encoder_close(&e);
    return status;
}

static int by_code(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Every character of the words; of a byte-level text all 256. */
static tp_status add_alphabet(trainer *r, const kind *k)
{
    enum { CODES = 0x110000 };
    uint32_t *codes = tp_alloc(CODES * sizeof *codes), n = 0;
    unsigned char *seen = codes ? tp_calloc(CODES) : NULL;
    for (int b = 0; seen && k->byte_level && b < 256; b++)
        seen[codes[n++] = byte_character((unsigned char)b)] = 1;
    for (int64_t w = 0; seen && !k->byte_level && w < r->words.count; w++) {
        const unsigned char *s = (const unsigned char *)piece_at(&r->words, w);
        for (int64_t i = 0; i < r->words.items[w].length; i += character_bytes(s[i])) {
            const uint32_t code = character_at(s + i);
            if (!seen[code])
                seen[codes[n++] = code] = 1;
        }
    }
    if (seen && !(k->byte_level && k->train == no_training)) /* single bytes stand in their own order */
        qsort(codes, n, sizeof *codes, by_code);
    for (uint32_t i = 0; seen && i < n; i++) {
        char text[UTF8_MOST + 1];
        const int64_t size = (int64_t)utf8_write(text, codes[i]);
        if (pieces_find(&r->pieces, text, size) < 0 && add_piece(r, text, size))
            break;
    }
    tp_free(codes, CODES * sizeof *codes);
    tp_free(seen, CODES);
    return tp_error_pending();
}

static tp_status add_specials(trainer *r, const char *names)
{
    for (const char *p = names; *p;) {
        const size_t length = strcspn(p, ",");
        if (!length || utf8_valid(p, (int64_t)length) < (int64_t)length)
            return tp_fail(TP_ERR_ARGUMENT, "tokenizer: special tokens '%.100s': one is empty or no UTF-8",
                           names);
        if (pieces_find(&r->pieces, p, (int64_t)length) >= 0)
            return tp_fail(TP_ERR_ARGUMENT, "tokenizer: the special token '%.*s' is given twice", (int)length,
                           p);
        if (add_piece(r, p, (int64_t)length))
            return tp_error_pending();
        p += length + (p[length] == ',');
    }
    return TP_OK;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------------- */

static js_value *added_tokens(const trainer *r, int64_t specials)
{
    static const char *const flags[] = { "single_word", "lstrip", "rstrip", "normalized", "special" };
    js_value *list = js_new_array();
    for (int64_t id = 0; id < specials; id++) {
        js_value *a = js_new_object();
        js_set(a, "id", js_new_integer(id));
        js_set(a, "content", js_new_string(piece_at(&r->pieces, id)));
        for (int i = 0; i < 5; i++)
            js_set(a, flags[i], js_new_bool(i == 4));
        js_append(list, a);
    }
    return list;
}

static js_value *piece_list_json(const trainer *r)
{
    js_value *list = r->scores ? js_new_array() : js_new_object();
    for (int64_t id = 0; id < r->pieces.count && !tp_error_pending(); id++) {
        const char *piece = piece_at(&r->pieces, id);
        if (!r->scores) {
            js_set(list, piece, js_new_integer(id));
            continue;
        }
        js_value *row = js_new_array();
        js_append(row, js_new_string(piece));
        js_append(row, js_new_number(r->scores[id]));
        js_append(list, row);
    }
    return list;
}

static js_value *merges_json(const trainer *r)
{
    js_value *list = js_new_array();
    for (int64_t i = 0; i < r->n_merges && !tp_error_pending(); i++) {
        js_value *row = js_new_array();
        js_append(row, js_new_string(piece_at(&r->pieces, r->merges[i].left)));
        js_append(row, js_new_string(piece_at(&r->pieces, r->merges[i].right)));
        js_append(list, row);
    }
    return list;
}

static js_value *model_json(const trainer *r, const kind *k, int32_t unknown)
{
    js_value *m = js_new_object();
    js_set(m, "type", js_new_string(k->model));
    if (r->scores) {
        js_set(m, "unk_id", js_new_integer(unknown));
        js_set(m, "byte_fallback", js_new_bool(false));
    } else if (unknown >= 0) {
        js_set(m, "unk_token", js_new_string(piece_at(&r->pieces, unknown)));
    }
    if (*k->prefix) {
        js_set(m, "continuing_subword_prefix", js_new_string(k->prefix));
        js_set(m, "max_input_chars_per_word", js_new_integer(100));
    }
    js_set(m, "vocab", piece_list_json(r));
    if (!strcmp(k->model, "BPE"))
        js_set(m, "merges", merges_json(r));
    return m;
}

/* WordPiece puts [CLS] and [SEP] around a text, if they are there. */
static tp_status set_around(const trainer *r, js_value *root)
{
    static const char *const names[][2] = { { "sep", "[SEP]" }, { "cls", "[CLS]" } };
    js_value *p = js_new_object();
    js_set(p, "type", js_new_string("BertProcessing"));
    for (int i = 0; i < 2; i++) {
        const int32_t id = pieces_find(&r->pieces, names[i][1], 5);
        if (id < 0) {
            js_free(p);
            return TP_OK;
        }
        js_value *pair = js_new_array();
        js_append(pair, js_new_string(names[i][1]));
        js_append(pair, js_new_integer(id));
        js_set(p, names[i][0], pair);
    }
    return js_set(root, "post_processor", p);
}

static tp_status write_tokenizer(const trainer *r, const kind *k, const char *steps, int64_t specials,
                                 int32_t unknown, const char *path)
{
    static const char head[] =
        "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": null, "
        "\"normalizer\": null, \"pre_tokenizer\": null, \"post_processor\": null, \"decoder\": null}";
    js_value *root = js_parse(path, head, sizeof head - 1, 0),
             *parts = js_parse(path, steps, strlen(steps), 0);
    js_set(root, "added_tokens", added_tokens(r, specials));
    for (js_member m = js_first(parts); m.name; js_next(parts, &m)) {
        file_bytes text = { 0 };
        js_format(m.value, false, &text);
        js_set(root, m.name, js_parse(path, text.data, text.size, 0));
        file_bytes_free(&text);
    }
    if (*k->prefix)
        set_around(r, root);
    js_set(root, "model", model_json(r, k, unknown));
    tp_status status = tp_error_pending() ? tp_error_pending() : js_write(path, root);
    js_free(root);
    js_free(parts);
    return status;
}

tp_status check_room(const trainer *r, int64_t taken)
{
    return taken < r->wanted ? TP_OK
                             : tp_fail(TP_ERR_ARGUMENT,
                                       "tokenizer: a vocabulary of %lld; special tokens and characters of "
                                       "the text alone are %lld",
                                       (long long)r->wanted, (long long)taken);
}

/* ---- all of it --------------------------------------------------------------------------------------------------------------------- */

static tp_status train(trainer *r, const kind *k, const char *steps, const char *special,
                       const file_bytes *text, const char *out)
{
    TP_SCOPE;
    loader l = { tokenizer_new(), "tokenizer" };
    js_value *parts = l.t ? js_parse("tokenizer", steps, strlen(steps), 0) : NULL;
    tp_status status = parts ? read_parts(&l, parts) : tp_error_pending();
    js_free(parts);
    if (status || add_specials(r, special))
        return tp_error_pending();
    const int64_t specials = r->pieces.count;
    static const char *const unknowns[] = { "[UNK]", "<unk>" };
    int32_t unknown = -1;
    for (int i = 0; i < 2 && unknown < 0 && k->uses_unknown; i++)
        unknown = pieces_find(&r->pieces, unknowns[i], 5);
    if (k->uses_unknown && unknown < 0)
        return tp_fail(TP_ERR_ARGUMENT,
                       "tokenizer: special tokens '%.100s': a %s tokenizer needs [UNK] or <unk>", special,
                       k->name);
    if (count_words(r, l.t, text->data, (int64_t)text->size) ||
        (k->train != train_unigram && add_alphabet(r, k)))
        return tp_error_pending();
    if (k->train == train_bpe && check_room(r, r->pieces.count))
        return tp_error_pending();
    return k->train(r) ? tp_error_pending() : write_tokenizer(r, k, steps, specials, unknown, out);
}

static void trainer_free(trainer *r)
{
    pieces_free(&r->words);
    pieces_free(&r->pieces);
    tp_free(r->counts, (size_t)r->count_room * sizeof *r->counts);
    tp_free(r->merges, (size_t)r->merge_room * sizeof *r->merges);
    tp_free(r->scores, (size_t)r->score_room * sizeof *r->scores);
}

static tp_status check_text(const char *path, const file_bytes *text, const kind *k)
{
    const int64_t valid = utf8_valid(text->data, (int64_t)text->size);
    const unsigned char *zero = k->byte_level || !text->size ? NULL : memchr(text->data, 0, text->size);
    if (valid < (int64_t)text->size)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld (0x%02x) is not UTF-8", path, (long long)valid,
                       text->data[valid]);
    if (zero)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld is 0, which only byte-level tokenizers know", path,
                       (long long)(zero - text->data));
    return text->size ? TP_OK : tp_fail(TP_ERR_FORMAT, "%s: the text is empty", path);
}

static const kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, name ? name : "bpe"))
            return &kinds[i];
    return tp_fail_null(TP_ERR_ARGUMENT,
                        "tokenizer: no kind '%.40s'; bpe, wordpiece, unigram, chars and bytes are known",
                        name);
}

tp_status tp_tokenizer_train_opt(const char *text_path, const char *out_path,
                                 const tp_tokenizer_train_options *options)
{
    tp_tokenizer_train_options o = { 0 };
    file_bytes text = { 0 };
    char steps[1024];
    if (tp_pending())
        return tp_error_pending();
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!text_path || !out_path || o.vocabulary < 0 || o.vocabulary > MAX_IDS || o.min_frequency < 0)
        return tp_fail(
            TP_ERR_ARGUMENT,
            "tokenizer: a path is NULL, or the vocabulary of %lld or the frequency of %lld cannot be",
            (long long)o.vocabulary, (long long)o.min_frequency);
    const kind *k = kind_of(o.kind);
    if (!k || file_read(text_path, max_text, &text))
        return tp_error_pending();
    trainer r = { .path = text_path,
                  .wanted = o.vocabulary ? o.vocabulary : VOCABULARY,
                  .min_frequency = o.min_frequency,
                  .prefix = k->prefix };
    if (*k->prefix)
        snprintf(steps, sizeof steps, k->steps, o.lowercase ? "true" : "false");
    else
        snprintf(steps, sizeof steps, "%s", k->steps);
    if (!check_text(text_path, &text, k))
        train(&r, k, steps, o.special ? o.special : k->special, &text, out_path);
    file_bytes_free(&text);
    trainer_free(&r);
    return tp_error_pending();
}
