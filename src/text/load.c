/* load.c - a tokenizer from a file or folder: which kind it is, and the kinds that are lists of words.
 *
 * GPT-2's and BERT's lists come without the steps that belong to them; those stand here as the tokenizer.json that they would have.
 * Layer: text.  Depends on io/file.h, io/json.h.  Read next: load_json.c, sentencepiece.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t max_file = (int64_t)64 << 20;
enum { MAX_LINES = 1 << 22 };

static const char gpt2_steps[] = "{\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": "
                                 "false}, \"decoder\": {\"type\": \"ByteLevel\"}}";
static const char bert_steps[] = "{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": %s}, "
                                 "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"
                                 " \"decoder\": {\"type\": \"WordPiece\"}, \"post_processor\": {\"type\": "
                                 "\"BertProcessing\", \"cls\": [\"[CLS]\", %d],"
                                 " \"sep\": [\"[SEP]\", %d]}}";

static tp_tokenizer *finish(loader *l, tp_status status)
{
    return status || tokenizer_ready(l) ? NULL : l->t;
}

static tp_status read_steps_of(loader *l, const char *text)
{
    js_value *root = js_parse(l->path, text, strlen(text), 0);
    tp_status status = root ? read_parts(l, root) : tp_error_pending();
    js_free(root);
    return status;
}

tp_tokenizer *tokenizer_from_json(const char *path, const unsigned char *data, size_t size)
{
    TP_SCOPE;
    js_value *root = js_parse(path, data, size, 0);
    loader l = { root ? tokenizer_new() : NULL, path };
    tp_tokenizer *t = l.t ? finish(&l, read_json(&l, root)) : NULL;
    js_free(root);
    return tp_keep(t);
}

/* ---- lists of lines ------------------------------------------------------------------------------------------------------------------ */

typedef struct line_list {
    const char *at, *end;
    int64_t number;
} line_list;

/* The next line without its end, which may be \r\n. */
static bool next_line(line_list *list, const char **line, int64_t *length)
{
    if (list->at >= list->end)
        return false;
    const char *stop = memchr(list->at, '\n', (size_t)(list->end - list->at));
    *line = list->at;
    stop = stop ? stop : list->end;
    *length = stop - *line;
    *length -= *length && (*line)[*length - 1] == '\r';
    list->at = stop + 1;
    list->number++;
    return true;
}

static tp_status check_lines(const char *path, const unsigned char *data, size_t size)
{
    int64_t lines = 0, valid = utf8_valid(data, (int64_t)size);
    for (const unsigned char *p = data; (p = memchr(p, '\n', (size_t)(data + size - p))); p++)
        lines++;
    if (valid < (int64_t)size)
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld is not UTF-8", path, (long long)valid);
    return lines <= MAX_LINES ? TP_OK
                              : tp_fail(TP_ERR_FORMAT, "%s: %lld lines, at most %d are wanted", path,
                                        (long long)lines, MAX_LINES);
}

/* ---- GPT-2: a map of pieces to ids, and merges, a pair a line ----------------------------------------------------------------------------- */

static tp_status read_merge_lines(loader *l, const unsigned char *data, size_t size)
{
    const piece_table *pieces = &l->t->pieces;
    line_list lines = { (const char *)data, (const char *)data + size, 0 };
    const char *line;
    int64_t length, rank = 0;
    if (check_lines(l->path, data, size))
        return tp_error_pending();
    while (next_line(&lines, &line, &length)) {
        if (!length || (length >= 8 && !strncmp(line, "#version", 8)))
            continue;
        const char *space = memchr(line, ' ', (size_t)length);
        const int64_t left = space ? space - line : 0, right = length - left - 1;
        if (!left || right < 1 || memchr(space + 1, ' ', (size_t)right))
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld is not of two pieces with a space between them",
                           l->path, (long long)lines.number);
        int32_t a = pieces_find(pieces, line, left), b = pieces_find(pieces, space + 1, right);
        if (a < 0 || b < 0)
            return tp_fail(TP_ERR_FORMAT, "%s: line %lld: '%.*s' is not in the vocabulary", l->path,
                           (long long)lines.number, (int)(length < 80 ? length : 80), line);
        if (bpe_add_merge(l->t, l->path, rank++, a, b))
            return tp_error_pending();
    }
    return TP_OK;
}

tp_tokenizer *gpt2_from(const char *path, const unsigned char *words, size_t words_size,
                        const unsigned char *merges, size_t merges_size)
{
    TP_SCOPE;
    js_value *root = js_parse(path, words, words_size, 0);
    loader l = { root ? tokenizer_new() : NULL, path };
    tp_status status = l.t ? read_vocabulary(&l, root) : tp_error_pending();
    js_free(root);
    if (status)
        return NULL;
    l.t->model = &bpe_model;
    const added_token end = { .content = "<|endoftext|>",
                              .special = true,
                              .id = pieces_find(&l.t->pieces, "<|endoftext|>", 13) };
    status = read_merge_lines(&l, merges, merges_size);
    status = status || end.id < 0 ? status : add_token(&l, &end);
    status = status ? status : read_steps_of(&l, gpt2_steps);
    return tp_keep(finish(&l, status));
}

/* ---- BERT: a piece a line ------------------------------------------------------------------------------------------------------------------ */

static tp_status read_words(loader *l, const unsigned char *data, size_t size)
{
    line_list lines = { (const char *)data, (const char *)data + size, 0 };
    const char *line;
    int64_t length;
    if (check_lines(l->path, data, size))
        return tp_error_pending();
    while (next_line(&lines, &line, &length))
        if (pieces_add(&l->t->pieces, l->path, lines.number - 1, line, length))
            return tp_error_pending();
    return l->t->pieces.count ? pieces_sort(&l->t->pieces)
                              : tp_fail(TP_ERR_FORMAT, "%s: the vocabulary is empty", l->path);
}

tp_tokenizer *bert_from(const char *path, const unsigned char *data, size_t size, bool lowercase)
{
    static const char *const names[] = { "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]" };
    TP_SCOPE;
    char steps[sizeof bert_steps + 32];
    loader l = { tokenizer_new(), path };
    if (!l.t || read_words(&l, data, size))
        return NULL;
    for (int i = 0; i < 5; i++) {
        added_token a = { .content = names[i],
                          .special = true,
                          .id = pieces_find(&l.t->pieces, names[i], (int64_t)strlen(names[i])) };
        if (a.id < 0 && i < 3)
            return tp_fail_null(TP_ERR_FORMAT, "%s: there is no piece %s", path, names[i]);
        if (a.id >= 0 && add_token(&l, &a))
            return NULL;
    }
    l.t->model = &wordpiece_model;
    l.t->unknown = l.t->added[0].id;
    l.t->prefix = "##";
    l.t->prefix_size = 2;
    l.t->longest_word = 100;
    snprintf(steps, sizeof steps, bert_steps, lowercase ? "true" : "false", l.t->added[1].id,
             l.t->added[2].id);
    return tp_keep(finish(&l, read_steps_of(&l, steps)));
}

/* ---- llama2.c: offset 0, int32, bytes of the longest piece; then of each piece a float score, an int32 length and its bytes -------------- */

static tp_status read_scored(loader *l, const unsigned char *data, int64_t size)
{
    enum { SPECIAL = 3, HEAD = 8 };
    tp_tokenizer *t = l->t;
    for (int64_t at = 4, id = 0; at < size; id++) {
        float score;
        int32_t length;
        if (size - at < HEAD)
            return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: the file ends within a piece", l->path,
                           (long long)at);
        memcpy(&score, data + at, 4);
        memcpy(&length, data + at + 4, 4);
        at += HEAD;
        if (length < 1 || length > size - at || !(score >= -1e30f && score <= 1e30f) ||
            utf8_valid(data + at, length) < length)
            return tp_fail(TP_ERR_FORMAT,
                           "%s: byte %lld: piece %lld of %d bytes with the score %g, UTF-8 is wanted",
                           l->path, (long long)at - HEAD, (long long)id, length, (double)score);
        if (tp_grow((void **)&t->scores, &t->score_room, id + 1, sizeof *t->scores) ||
            tp_grow((void **)&t->kinds, &t->kind_room, id + 1, 1) ||
            pieces_add(&t->pieces, l->path, id, data + at, length))
            return tp_error_pending();
        t->scores[id] = (double)score;
        t->kinds[id] = (unsigned char)(!id                                  ? PIECE_UNKNOWN
                                       : id < SPECIAL                       ? PIECE_CONTROL
                                       : byte_named(data + at, length) >= 0 ? PIECE_BYTE
                                                                            : PIECE_NORMAL);
        t->n_scores = id + 1;
        at += length;
    }
    return t->n_scores > SPECIAL
               ? TP_OK
               : tp_fail(TP_ERR_FORMAT, "%s: %lld pieces are no vocabulary", l->path, (long long)t->n_scores);
}

tp_tokenizer *llama2c_from(const char *path, const unsigned char *data, size_t size)
{
    static const bool flags[4] = { true }; /* a space in front; spaces are spaces */
    TP_SCOPE;
    loader l = { tokenizer_new(), path };
    if (!l.t || read_scored(&l, data, (int64_t)size))
        return NULL;
    l.t->model = &bpe_model;
    l.t->sentencepiece = l.t->byte_fallback = true;
    l.t->unknown = 0;
    l.t->specials[TP_SPECIAL_BEGIN] = 1;
    l.t->specials[TP_SPECIAL_END] = 2;
    tp_status status = bpe_byte_pieces(l.t, path);
    return tp_keep(finish(&l, status ? status : add_sentencepiece_steps(l.t, flags)));
}

/* ---- which file ------------------------------------------------------------------------------------------------------------------------------- */

enum { PATH_ROOM = 4096 };

/* The file of that name in the folder of path, or in path itself if it is one. */
static bool beside(char room[PATH_ROOM], const char *path, bool folder, const char *name)
{
    const char *slash = strrchr(path, '/');
    const int length = folder ? (int)strlen(path) : slash ? (int)(slash - path) : 0;
    return snprintf(room, PATH_ROOM, "%.*s%s%s", length, path, folder || slash ? "/" : "", name) <
               PATH_ROOM &&
           !access(room, F_OK);
}

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n >= m && !strcmp(path + n - m, ending);
}

/* "bos_token": "<s>", or an object with the "content" */
static void read_named(tp_tokenizer *t, const js_value *config)
{
    static const struct {
        const char *name;
        tp_special which;
    } rows[] = {
        { "cls_token", TP_SPECIAL_BEGIN },   { "sep_token", TP_SPECIAL_END },
        { "bos_token", TP_SPECIAL_BEGIN },   { "eos_token", TP_SPECIAL_END },
        { "unk_token", TP_SPECIAL_UNKNOWN }, { "pad_token", TP_SPECIAL_PAD },
        { "mask_token", TP_SPECIAL_MASK },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const js_value *v = js_get(config, rows[i].name);
        const char *text = js_string(v) ? js_string(v) : js_string(js_get(v, "content"));
        const int64_t id = text ? tp_tokenizer_id(t, text) : -1;
        if (id >= 0)
            t->specials[rows[i].which] = (int32_t)id;
    }
}

static js_value *config_beside(const char *path, const char *name)
{
    char room[PATH_ROOM];
    return beside(room, path, false, name) ? js_read(room) : NULL;
}

static const char *const gpt2_pairs[][2] = { { "encoder.json", "vocab.bpe" },
                                             { "vocab.json", "merges.txt" } };

/* The other file of GPT-2's two, and which pair they are; -1 with an error. */
static int find_other(const char *path, bool is_merges, char other[PATH_ROOM])
{
    for (int i = 0; i < 2; i++)
        if (ends_with(path, gpt2_pairs[i][is_merges]) &&
            beside(other, path, false, gpt2_pairs[i][!is_merges]))
            return i;
    tp_fail(TP_ERR_FORMAT,
            "%s: %s is no tokenizer without its other file: encoder.json with vocab.bpe, or vocab.json with "
            "merges.txt, side by side",
            path, is_merges ? "a list of merges" : "a vocabulary");
    return -1;
}

static tp_tokenizer *load_gpt2(const char *path, const file_bytes *file, bool is_merges)
{
    char other[PATH_ROOM];
    file_bytes second = { 0 };
    if (find_other(path, is_merges, other) < 0 || file_read(other, max_file, &second))
        return NULL;
    const file_bytes *words = is_merges ? &second : file, *merges = is_merges ? file : &second;
    tp_tokenizer *t =
        gpt2_from(is_merges ? path : other, words->data, words->size, merges->data, merges->size);
    file_bytes_free(&second);
    return t;
}

static tp_tokenizer *load_bert(const char *path, const file_bytes *file)
{
    js_value *config = config_beside(path, "tokenizer_config.json");
    const js_value *lower = js_get(config, "do_lower_case");
    bool lowercase = js_kind_of(lower) != JS_BOOL || js_true(lower);
    js_free(config);
    return tp_pending() ? NULL : bert_from(path, file->data, file->size, lowercase);
}

typedef enum file_kind { NO_TOKENIZER, MERGES, WORDS, BERT, LLAMA2C, JSON, SENTENCEPIECE } file_kind;

static file_kind kind_of(const char *path, const file_bytes *file)
{
    size_t i = 0;
    while (i < file->size && file->data[i] && strchr(" \t\r\n", file->data[i]))
        i++;
    if (ends_with(path, "vocab.bpe") || ends_with(path, "merges.txt"))
        return MERGES;
    if (ends_with(path, "encoder.json") || ends_with(path, "vocab.json"))
        return WORDS;
    if (ends_with(path, ".txt"))
        return BERT;
    if (ends_with(path, ".bin"))
        return LLAMA2C;
    if (ends_with(path, ".json") || (i < file->size && file->data[i] == '{'))
        return JSON;
    if (file->size && (ends_with(path, ".model") || file->data[0] == 0x0a))
        return SENTENCEPIECE;
    tp_fail(TP_ERR_FORMAT,
            "%s: %s no tokenizer: a .json, vocab.bpe, merges.txt, vocab.txt, .model or .bin is wanted", path,
            file->size ? "is" : "is empty, and");
    return NO_TOKENIZER;
}

static tp_tokenizer *load_file(const char *path, const file_bytes *file)
{
    switch (kind_of(path, file)) {
    case MERGES: return load_gpt2(path, file, true);
    case WORDS: return load_gpt2(path, file, false);
    case BERT: return load_bert(path, file);
    case LLAMA2C: return llama2c_from(path, file->data, file->size);
    case JSON: return tokenizer_from_json(path, file->data, file->size);
    case SENTENCEPIECE: return sentencepiece_from(path, file->data, file->size);
    case NO_TOKENIZER: break;
    }
    return NULL;
}

static const char *find_in_folder(const char *path, char room[PATH_ROOM])
{
    static const char *const names[] = { "tokenizer.json",
                                         "vocab.bpe",
                                         "merges.txt",
                                         "vocab.txt",
                                         "tokenizer.model",
                                         "spiece.model",
                                         "sentencepiece.bpe.model",
                                         "tokenizer.bin",
                                         "tok512.bin" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (beside(room, path, true, names[i]))
            return room;
    return tp_fail_null(
        TP_ERR_IO,
        "%s: no tokenizer in this folder: tokenizer.json, vocab.bpe, merges.txt, vocab.txt, tokenizer.model, "
        "spiece.model, sentencepiece.bpe.model or tokenizer.bin is wanted",
        path);
}

static const char *const configs[] = { "special_tokens_map.json", "tokenizer_config.json" };

/* path, or what is in it where that is a folder, and its bytes; NULL with an error. */
static const char *read_main(const char *path, char room[PATH_ROOM], file_bytes *file)
{
    struct stat info;
    if (!path || !*path)
        return tp_fail_null(TP_ERR_ARGUMENT, "tokenizer: the path is empty");
    if (!stat(path, &info) && S_ISDIR(info.st_mode))
        path = find_in_folder(path, room);
    return path && !file_read(path, max_file, file) ? path : NULL;
}

tp_tokenizer *tp_tokenizer_load(const char *path)
{
    TP_SCOPE;
    char room[PATH_ROOM];
    file_bytes file = { 0 };
    if (tp_pending())
        return NULL;
    path = read_main(path, room, &file);
    tp_tokenizer *t = path ? load_file(path, &file) : NULL;
    file_bytes_free(&file);
    for (int i = 0; t && i < 2 && !t->kinds; i++) {
        js_value *config = config_beside(path, configs[i]);
        read_named(t, config);
        js_free(config);
    }
    return tp_pending() ? NULL : tp_keep(t);
}

/* ---- a copy of it ------------------------------------------------------------------------------------------------------------------------------- */

static tp_status write_into(const char *folder, const char *name, const file_bytes *file)
{
    char path[PATH_ROOM];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_ROOM)
        return tp_fail(TP_ERR_ARGUMENT, "%.200s...: the path is longer than %d bytes", folder, PATH_ROOM - 1);
    return file_write(path, file->data, file->size);
}

static tp_status copy_into(const char *folder, const char *name, const char *from)
{
    file_bytes file = { 0 };
    tp_status status = file_read(from, max_file, &file);
    status = status ? status : write_into(folder, name, &file);
    file_bytes_free(&file);
    return status;
}

/* The file under the name that its kind has in a folder, and the other one of two. */
static tp_status copy_main(const char *path, const file_bytes *file, const char *folder)
{
    static const char *const names[] = { [BERT] = "vocab.txt",
                                         [LLAMA2C] = "tokenizer.bin",
                                         [JSON] = "tokenizer.json",
                                         [SENTENCEPIECE] = "tokenizer.model" };
    char other[PATH_ROOM];
    const file_kind kind = kind_of(path, file);
    if (kind == NO_TOKENIZER)
        return tp_error_pending();
    if (kind != MERGES && kind != WORDS)
        return write_into(folder, names[kind], file);
    const int pair = find_other(path, kind == MERGES, other);
    if (pair < 0 || write_into(folder, gpt2_pairs[pair][kind == MERGES], file))
        return tp_error_pending();
    return copy_into(folder, gpt2_pairs[pair][kind != MERGES], other);
}

tp_status tokenizer_copy(const char *path, const char *folder)
{
    char room[PATH_ROOM], config[PATH_ROOM];
    file_bytes file = { 0 };
    if (tp_pending())
        return tp_error_pending();
    path = read_main(path, room, &file);
    tp_status status = path ? copy_main(path, &file, folder) : tp_error_pending();
    file_bytes_free(&file);
    for (int i = 0; i < 2 && !status; i++)
        if (beside(config, path, false, configs[i]))
            status = copy_into(folder, configs[i], config);
    return status;
}
