/* documents.c - the texts that a language is learned from: one file whose end is held out, or many documents, one in ten of which is.
 *
 * Documents are the .txt files of a folder in the order of their names, or the lines of a file of JSON objects.  Which are held out
 * follows from what is in them: texts that are the same are never on both sides, and a set that grows keeps most of its parts.
 * Layer: data.  Depends on folder.h, io/json.h, text/mapped.h.  Read next: text.c. */
#include "data/documents.h"

#include "base/utf8.h"
#include "data/dataset.h"
#include "data/folder.h"
#include "io/gzip.h"
#include "io/json.h"
#include "text/mapped.h"

#include <stdlib.h>
#include <string.h>

enum { HELD_OUT = 10 /* one part in so many */ };
static const int64_t max_text = (int64_t)1 << 30;
static const char mark[] = "\xef\xbb\xbf"; /* of byte order: it belongs to the file, not to the text */

typedef struct reader {
    documents *d;
    const char *path;
    const tp_text_options *options;
    bool newline;
    file_bytes *given; /* in place of the file at path; NULL: there is one */
} reader;

void documents_free(documents *d)
{
    tp_free(d->name, d->name ? strlen(d->name) + 1 : 0);
    tp_free(d->items, (size_t)d->room * sizeof *d->items);
    file_bytes_free(&d->text);
    *d = (documents){ 0 };
}

/* ---- a file's text ----------------------------------------------------------------------------------------------- */

static tp_status replace_bad(file_bytes *file)
{
    char replacement[UTF8_MOST + 1];
    const size_t n = utf8_write(replacement, UTF8_REPLACEMENT);
    file_bytes clean = { 0 };
    for (size_t at = 0; at < file->size && !tp_pending();) {
        const size_t valid = (size_t)utf8_valid(file->data + at, (int64_t)(file->size - at));
        if (file_bytes_append(&clean, file->data + at, valid))
            break;
        at += valid;
        if (at < file->size)
            file_bytes_append(&clean, replacement, n), at++;
    }
    file_bytes_free(file);
    *file = clean;
    return tp_error_pending();
}

static tp_status make_valid(const reader *r, const char *path, file_bytes *file)
{
    if (r->options->bytes)
        return TP_OK;
    const int64_t valid = utf8_valid(file->data, (int64_t)file->size);
    if (valid < (int64_t)file->size && !r->options->replace)
        return tp_fail(
            TP_ERR_FORMAT,
            "%s: byte %lld (0x%02x) is not UTF-8; it can be replaced (on_bad_text \"replace\"), or the "
            "text be taken as bytes (unit \"bytes\")",
            path, (long long)valid, file->data[valid]);
    return valid < (int64_t)file->size ? replace_bad(file) : TP_OK;
}

typedef struct part {
    const unsigned char *bytes, *end;
} part;

/* A file, to be freed, and its text in it. */
static tp_status read_file(const reader *r, const char *path, file_bytes *file, part *text)
{
    *file = r->given ? *r->given : (file_bytes){ 0 };
    if (r->given)
        *r->given = (file_bytes){ 0 };
    if ((r->given || !file_read(path, max_text, file)) && !gzip_unpack(path, max_text, file))
        make_valid(r, path, file);
    const size_t length = sizeof mark - 1;
    const bool marked = !r->options->bytes && file->size >= length && !memcmp(file->data, mark, length);
    *text = (part){ 0 };
    if (file->size)
        *text = (part){ file->data + (marked ? length : 0), file->data + file->size };
    return tp_error_pending();
}

/* ---- one text ---------------------------------------------------------------------------------------------------- */

static tp_status add_part(documents *d, int64_t begin, int64_t end, bool test)
{
    if (tp_grow((void **)&d->items, &d->room, d->count + 1, sizeof *d->items))
        return tp_error_pending();
    d->items[d->count++] = (document){ .begin = begin, .end = end, .test = test };
    return TP_OK;
}

/* The last tenth of the characters is the test part, whatever the units are: so runs over different units measure the same text. */
static tp_status read_whole(reader *r, const char *path)
{
    file_bytes file;
    part whole;
    if (!read_file(r, path, &file, &whole))
        file_bytes_append(&r->d->text, whole.bytes, (size_t)(whole.end - whole.bytes));
    file_bytes_free(&file);
    if (tp_pending())
        return tp_error_pending();
    const unsigned char *text = r->d->text.data;
    const int64_t size = (int64_t)r->d->text.size;
    int64_t characters = 0, cut = 0;
    for (int64_t i = 0; i < size; i += r->options->bytes ? 1 : character_bytes(text[i]))
        characters++;
    if (characters < 2)
        return tp_fail(TP_ERR_FORMAT, "%s: %s, a text to learn from is wanted", path,
                       characters ? "one character" : "the text is empty");
    for (int64_t n = characters - characters / HELD_OUT; n > 0; n--)
        cut += r->options->bytes ? 1 : character_bytes(text[cut]);
    return add_part(r->d, 0, cut, false) || add_part(r->d, cut, size, true) ? tp_error_pending() : TP_OK;
}

/* ---- many -------------------------------------------------------------------------------------------------------- */

static uint64_t order_of(uint64_t seed, const unsigned char *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
    return h ^ h >> 32;
}

static tp_status add_document(reader *r, const void *bytes, size_t n)
{
    documents *d = r->d;
    const int64_t begin = (int64_t)d->text.size;
    if (begin + (int64_t)n >= max_text)
        return tp_fail(TP_ERR_FORMAT, "%s: the texts are more than %lld bytes together", r->path,
                       (long long)max_text);
    if (file_bytes_append(&d->text, bytes, n) ||
        (r->newline && d->text.data[d->text.size - 1] != '\n' && file_bytes_append(&d->text, "\n", 1)) ||
        add_part(d, begin, (int64_t)d->text.size, false))
        return tp_error_pending();
    d->items[d->count - 1].order = order_of(r->options->seed, bytes, n);
    return TP_OK;
}

static tp_status read_texts(reader *r, const name_list *files)
{
    for (int64_t i = 0; i < files->count; i++) {
        size_t room;
        file_bytes file;
        part text;
        char *path = join_path(r->path, names_at(files, i), &room);
        if (!path)
            return tp_error_pending();
        if (!read_file(r, path, &file, &text)) {
            if (text.bytes == text.end)
                tp_fail(TP_ERR_FORMAT, "%s: the document is empty, a text is wanted", path);
            else
                add_document(r, text.bytes, (size_t)(text.end - text.bytes));
        }
        file_bytes_free(&file);
        tp_free(path, room);
        if (tp_pending())
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status read_line(reader *r, const void *line, size_t n, int64_t base, int64_t number)
{
    const char *field = r->options->field ? r->options->field : "text";
    js_value *root = js_parse(r->path, line, n, base);
    const js_value *value = js_get(root, field);
    const char *text = js_string(value);
    if (root && js_kind_of(root) != JS_OBJECT)
        tp_fail(TP_ERR_FORMAT, "%s: line %lld is %s, an object with the field '%.60s' is wanted", r->path,
                (long long)number, js_kind_name(js_kind_of(root)), field);
    else if (root && !value)
        tp_fail(TP_ERR_FORMAT, "%s: line %lld has no field '%.60s', where its text is wanted", r->path,
                (long long)number, field);
    else if (root && !text)
        tp_fail(TP_ERR_FORMAT, "%s: line %lld: field '%.60s' is %s, a text is wanted", r->path,
                (long long)number, field, js_kind_name(js_kind_of(value)));
    else if (root && !*text)
        tp_fail(TP_ERR_FORMAT, "%s: line %lld: the document is empty, a text is wanted", r->path,
                (long long)number);
    else if (root)
        add_document(r, text, strlen(text));
    js_free(root);
    return tp_error_pending();
}

static bool is_blank(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p == end;
}

static tp_status read_lines(reader *r)
{
    file_bytes file;
    part text;
    read_file(r, r->path, &file, &text);
    for (int64_t number = 1; !tp_pending() && text.bytes < text.end; number++) {
        const unsigned char *line = text.bytes, *newline = memchr(line, '\n', (size_t)(text.end - line)),
                            *end = newline ? newline : text.end;
        if (!is_blank(line, end))
            read_line(r, line, (size_t)(end - line), line - file.data, number);
        text.bytes = newline ? newline + 1 : end;
    }
    file_bytes_free(&file);
    return tp_error_pending();
}

static int by_order(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The tenth that comes first by the order, at least one; with it all that are the same as its last. */
static tp_status hold_out(documents *d, const char *path)
{
    if (d->count < 2)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: %s, at least two are wanted: one to learn from and one to test with", path,
                       d->count ? "one document" : "no documents");
    const int64_t held = d->count / HELD_OUT ? d->count / HELD_OUT : 1;
    const size_t bytes = (size_t)d->count * sizeof(uint64_t);
    uint64_t *orders = tp_alloc(bytes);
    if (!orders)
        return tp_error_pending();
    for (int64_t i = 0; i < d->count; i++)
        orders[i] = d->items[i].order;
    qsort(orders, (size_t)d->count, sizeof *orders, by_order);
    for (int64_t i = 0; i < d->count; i++)
        d->items[i].test = d->items[i].order <= orders[held - 1];
    const bool same = orders[held - 1] == orders[d->count - 1];
    tp_free(orders, bytes);
    return same ? tp_fail(
                      TP_ERR_FORMAT,
                      "%s: all %lld documents are the same, none is left to learn from beside the test part",
                      path, (long long)d->count)
                : TP_OK;
}

static tp_status read_many(reader *r, const name_list *files)
{
    r->d->packed = true;
    if (files ? read_texts(r, files) : read_lines(r))
        return tp_error_pending();
    return hold_out(r->d, r->path);
}

/* ---- which file -------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, size_t length, const char *ending)
{
    const size_t n = strlen(ending);
    return length > n && !memcmp(name + length - n, ending, n);
}

static bool holds_lines(const char *path, const tp_text_options *o)
{
    size_t length = strlen(path);
    length -= ends_with(path, length, ".gz") ? 3 : 0;
    return o->field || ends_with(path, length, ".jsonl") || ends_with(path, length, ".ndjson");
}

/* Only the texts of a folder; input.txt alone where it has that. */
static tp_status list_texts(const char *folder, name_list *texts)
{
    name_list files;
    *texts = (name_list){ 0 };
    if (folder_list(folder, FOLDER_FILES, &files))
        return tp_error_pending();
    bool alone = false;
    for (int64_t i = 0; i < files.count; i++)
        alone = alone || !strcmp(names_at(&files, i), "input.txt");
    if (alone)
        names_add(texts, "input.txt");
    for (int64_t i = 0; i < files.count && !alone && !tp_pending(); i++)
        if (ends_with(names_at(&files, i), strlen(names_at(&files, i)), ".txt"))
            names_add(texts, names_at(&files, i));
    names_free(&files);
    if (!tp_pending() && !texts->count)
        tp_fail(TP_ERR_FORMAT,
                "%s: no text in this folder; input.txt, or .txt files, each a document, are wanted", folder);
    return tp_error_pending();
}

static tp_status read_folder(reader *r)
{
    name_list texts;
    if (r->options->field)
        return tp_fail(TP_ERR_ARGUMENT,
                       "%s: field '%.60s' is for a file with a JSON object a line, this is a folder", r->path,
                       r->options->field);
    if (!list_texts(r->path, &texts) && texts.count == 1) {
        size_t room;
        char *path = join_path(r->path, names_at(&texts, 0), &room);
        if (path)
            read_whole(r, path);
        tp_free(path, path ? room : 0);
    } else if (!tp_pending()) {
        read_many(r, &texts);
    }
    names_free(&texts);
    return tp_error_pending();
}

static char *last_part(const char *path)
{
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin && path[begin - 1] != '/'; begin--) {}
    char *name = tp_alloc(end - begin + 1);
    if (name) {
        memcpy(name, path + begin, end - begin);
        name[end - begin] = 0;
    }
    return name;
}

static tp_status read_all(reader *r)
{
    r->d->name = last_part(r->path);
    if (!tp_pending()) {
        if (!r->given && is_folder(r->path))
            read_folder(r);
        else if (holds_lines(r->path, r->options))
            read_many(r, NULL);
        else
            read_whole(r, r->path);
    }
    if (tp_pending())
        documents_free(r->d);
    return tp_error_pending();
}

tp_status documents_read(documents *d, const char *path, const tp_text_options *o, bool newline)
{
    *d = (documents){ 0 };
    return read_all(&(reader){ d, path, o, newline, NULL });
}

tp_status documents_from(documents *d, const char *path, file_bytes *file, const tp_text_options *o,
                         bool newline)
{
    *d = (documents){ 0 };
    read_all(&(reader){ d, path, o, newline, file });
    file_bytes_free(file);
    return tp_error_pending();
}
