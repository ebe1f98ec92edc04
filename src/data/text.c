/* text.c - a text as windows of characters, each with the characters that follow: what a language model learns from.
 *
 * The vocabulary is the text's distinct characters in the order of their code points, or all 256 bytes.  The last tenth of the
 * text is the test part, so that nothing of it is a continuation of what was learned.
 * Layer: data.  Depends on base/utf8.h, io/file.h.  Read next: dataset.c, train/prepare.c. */
#include "data/text.h"

#include "base/utf8.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "io/gzip.h"

#include <string.h>

enum { WINDOW = 128, BYTES = 256, HELD_OUT = 10 /* one part in so many */ };
static const int64_t max_file = (int64_t)1 << 30;

typedef struct text {
    char *name; /* of the file */
    int32_t *tokens;
    int64_t count, room; /* of all tokens */
    int64_t begin, window;
    char (*names)[UTF8_MOST + 1]; /* of the vocabulary; NULL: bytes */
    int64_t vocabulary;
} text;

static void text_destroy(void *context)
{
    text *t = context;
    tp_free(t->name, t->name ? strlen(t->name) + 1 : 0);
    tp_free(t->tokens, (size_t)t->room * sizeof *t->tokens);
    tp_free(t->names, (size_t)t->vocabulary * sizeof *t->names);
    tp_free(t, sizeof *t);
}

static tp_status text_get(void *context, int64_t i, float *x, double *y)
{
    const text *t = context;
    const int32_t *from = t->tokens + t->begin + i * t->window;
    for (int64_t k = 0; k < t->window; k++) {
        x[k] = (float)from[k];
        y[k] = from[k + 1];
    }
    return TP_OK;
}

static const char *text_class_name(void *context, int64_t label)
{
    const text *t = context;
    return t->names ? t->names[label] : NULL;
}

static char *text_example_name(void *context, int64_t i, char *to, size_t size)
{
    const text *t = context;
    snprintf(to, size, "%s[%lld]", t->name, (long long)(t->begin + i * t->window));
    return to;
}

/* ---- characters -------------------------------------------------------------------------------------------------- */

static tp_status add_token(text *t, uint32_t code)
{
    if (tp_grow((void **)&t->tokens, &t->room, t->count + 1, sizeof *t->tokens))
        return tp_error_pending();
    t->tokens[t->count++] = (int32_t)code;
    return TP_OK;
}

/* A mark of byte order at the beginning belongs to the file, not to the text. */
static tp_status decode(text *t, const char *path, const file_bytes *file, const tp_text_options *o)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t i = !o->bytes && file->size >= 3 && !memcmp(file->data, mark, 3) ? 3 : 0;
    for (size_t length; i < file->size; i += length) {
        uint32_t code = file->data[i];
        length = o->bytes ? 1 : utf8_read(file->data + i, file->size - i, &code);
        if (!length && !o->replace)
            return tp_fail(
                TP_ERR_FORMAT,
                "%s: byte %zu (0x%02x) is not UTF-8; it can be replaced (on_bad_text \"replace\"), or the "
                "text be taken as bytes (unit \"bytes\")",
                path, i, file->data[i]);
        if (!length)
            code = UTF8_REPLACEMENT;
        length = length ? length : 1;
        if (add_token(t, code))
            return tp_error_pending();
    }
    return TP_OK;
}

/* Code points become their ranks among the distinct ones. */
static tp_status make_vocabulary(text *t)
{
    enum { CODES = 0x110000 };
    const size_t bytes = CODES * sizeof(int32_t);
    int32_t *rank = tp_calloc(bytes), n = 0;
    if (!rank)
        return tp_error_pending();
    for (int64_t i = 0; i < t->count; i++)
        n += !rank[t->tokens[i]], rank[t->tokens[i]] = 1;
    t->names = tp_calloc((size_t)n * sizeof *t->names);
    t->vocabulary = t->names ? n : 0;
    for (int32_t code = 0, next = 0; code < CODES && t->names; code++)
        if (rank[code]) {
            utf8_write(t->names[next], (uint32_t)code);
            rank[code] = next++;
        }
    for (int64_t i = 0; i < t->count; i++)
        t->tokens[i] = rank[t->tokens[i]];
    tp_free(rank, bytes);
    return tp_error_pending();
}

int64_t text_token(const char *const *names, int64_t count, bool bytes, uint32_t code)
{
    char name[UTF8_MOST + 1];
    if (bytes)
        return code < BYTES ? (int64_t)code : -1;
    utf8_write(name, code);
    for (int64_t i = 0; i < count; i++)
        if (names[i] && !strcmp(names[i], name))
            return i;
    return -1;
}

/* ---- which file -------------------------------------------------------------------------------------------------- */

static bool is_text(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && !strcmp(name + length - 4, ".txt");
}

/* A folder's input.txt, or its only .txt; *room bytes. */
static char *file_of(const char *path, size_t *room)
{
    if (!is_folder(path)) {
        *room = strlen(path) + 1;
        return tp_memdup(path, *room);
    }
    name_list files;
    char *found = NULL;
    int64_t texts = 0, first = 0;
    if (folder_list(path, FOLDER_FILES, &files))
        return NULL;
    for (int64_t i = 0; i < files.count; i++) {
        const char *name = names_at(&files, i);
        if (!strcmp(name, "input.txt")) {
            texts = 1, first = i;
            break;
        }
        if (is_text(name) && !texts++)
            first = i;
    }
    if (texts == 1)
        found = join_path(path, names_at(&files, first), room);
    else
        tp_fail(TP_ERR_FORMAT, "%s: %s text in this folder; input.txt, or one .txt file, is wanted", path,
                texts ? "more than one" : "no");
    names_free(&files);
    return found;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------- */

static tp_status read_text(text *t, const char *path, const tp_text_options *o)
{
    file_bytes file = { 0 };
    size_t room;
    char *at = file_of(path, &room);
    const char *slash = at ? strrchr(at, '/') : NULL;
    if (at && !file_read(at, max_file, &file) && !gzip_unpack(at, max_file, &file) &&
        !decode(t, at, &file, o) && t->count < 2)
        tp_fail(TP_ERR_FORMAT, "%s: %s, a text to learn from is wanted", at,
                t->count ? "one character" : "the text is empty");
    if (at)
        t->name = tp_memdup(slash ? slash + 1 : at, strlen(slash ? slash + 1 : at) + 1);
    tp_free(at, at ? room : 0);
    file_bytes_free(&file);
    if (tp_pending())
        return tp_error_pending();
    t->vocabulary = BYTES;
    return o->bytes ? TP_OK : make_vocabulary(t);
}

tp_dataset *tp_text_opt(const char *path, tp_part part, const tp_text_options *options)
{
    TP_SCOPE;
    tp_text_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!path || !*path || o.window < 0)
        return tp_fail_null(TP_ERR_ARGUMENT, "text: the path is empty, or the window is %lld",
                            (long long)o.window);
    text *t = tp_calloc(sizeof *t);
    if (!t)
        return NULL;
    t->window = o.window ? o.window : WINDOW;
    int64_t windows = 0;
    if (!read_text(t, path, &o)) {
        const int64_t train = t->count - t->count / HELD_OUT,
                      all = part == TP_TRAIN ? train : t->count - train;
        t->begin = part == TP_TRAIN ? 0 : train;
        windows = all > 0 ? (all - 1) / t->window : 0; /* the last character only follows */
        if (!windows)
            tp_fail(
                TP_ERR_FORMAT,
                "%s: %lld characters, of which the %s part has %lld: too few for a window of %lld; a shorter "
                "window or a longer text is wanted",
                path, (long long)t->count, part == TP_TRAIN ? "training" : "test", (long long)all,
                (long long)t->window);
    }
    if (tp_pending()) {
        text_destroy(t);
        return NULL;
    }
    return tp_keep(dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                       .kind = "text",
                                                       .get = text_get,
                                                       .class_name = text_class_name,
                                                       .destroy = text_destroy,
                                                       .example_name = text_example_name,
                                                       .targets = t->window },
                              t, windows, TP_SHAPE(t->window), t->vocabulary));
}
