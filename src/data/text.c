/* text.c - texts as windows of units, each with the units that follow: what a language model learns from.
 *
 * Units are the texts' distinct characters in the order of their code points, all 256 bytes, or the tokens of a tokenizer.  Whole
 * documents stand one behind the other, each with the end of a text behind it.  The test part has its own, so that nothing of it is a
 * continuation of what was learned.
 * Layer: data.  Depends on base/utf8.h, documents.h, taper/text.h.  Read next: documents.c, train/prepare.c. */
#include "data/text.h"

#include "base/utf8.h"
#include "data/dataset.h"
#include "data/documents.h"
#include "text/mapped.h"

#include <taper/text.h>

#include <string.h>

enum { WINDOW = 128, BYTES = 256 };

typedef struct text {
    char *name; /* of the file or folder */
    int32_t *tokens;
    int64_t count, room; /* of all tokens that were kept */
    int64_t begin, window;
    char (*names)[UTF8_MOST + 1]; /* of the vocabulary, where that is characters */
    tp_tokenizer *tokenizer;      /* NULL: units are characters or bytes */
    int64_t vocabulary;
    int64_t bytes;   /* that all targets together stand for */
    int64_t unknown; /* tokens of the tokenizer that stand for what it does not know */
} text;

static void text_destroy(void *context)
{
    text *t = context;
    tp_free(t->name, t->name ? strlen(t->name) + 1 : 0);
    tp_free(t->tokens, (size_t)t->room * sizeof *t->tokens);
    tp_free(t->names, t->names ? (size_t)t->vocabulary * sizeof *t->names : 0);
    tp_release(t->tokenizer);
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
    return t->tokenizer ? tp_tokenizer_piece(t->tokenizer, label) : t->names ? t->names[label] : NULL;
}

static char *text_example_name(void *context, int64_t i, char *to, size_t size)
{
    const text *t = context;
    snprintf(to, size, "%s[%lld]", t->name, (long long)(t->begin + i * t->window));
    return to;
}

int64_t text_bytes(const tp_dataset *d)
{
    return d && d->functions.get == text_get ? ((const text *)d->context)->bytes : 0;
}

static tp_status add_token(text *t, int64_t token)
{
    if (tp_grow((void **)&t->tokens, &t->room, t->count + 1, sizeof *t->tokens))
        return tp_error_pending();
    t->tokens[t->count++] = (int32_t)token;
    return TP_OK;
}

/* ---- characters and bytes ---------------------------------------------------------------------------------------- */

static tp_status add_characters(text *t, const documents *d, bool test, bool bytes)
{
    for (int64_t i = 0; i < d->count; i++) {
        const unsigned char *at = d->text.data + d->items[i].begin, *end = d->text.data + d->items[i].end;
        for (; d->items[i].test == test && at < end; at += bytes ? 1 : character_bytes(*at))
            if (add_token(t, bytes ? *at : character_at(at)))
                return tp_error_pending();
    }
    return TP_OK;
}

enum { CODES = 0x110000 };

/* The distinct code points by their order; rank of each, from 1 on, 0 of those that are not there. */
static tp_status rank_own(text *t, int32_t *rank)
{
    int32_t n = 0;
    for (int64_t i = 0; i < t->count; i++)
        n += !rank[t->tokens[i]], rank[t->tokens[i]] = 1;
    t->names = tp_calloc((size_t)n * sizeof *t->names);
    t->vocabulary = t->names ? n : 0;
    for (int32_t code = 0, next = 0; code < CODES && t->names; code++)
        if (rank[code]) {
            utf8_write(t->names[next], (uint32_t)code);
            rank[code] = ++next;
        }
    return tp_error_pending();
}

static tp_status rank_known(text *t, int32_t *rank, const tp_known_names *known)
{
    t->names = tp_calloc((size_t)known->n_classes * sizeof *t->names);
    t->vocabulary = t->names ? known->n_classes : 0;
    for (int64_t k = 0; k < t->vocabulary; k++) {
        const char *name = known->classes[k] ? known->classes[k] : "";
        uint32_t code = 0; /* "" is that */
        const size_t length = strlen(name);
        if (length && utf8_read((const unsigned char *)name, length, &code) != length)
            return tp_fail(TP_ERR_ARGUMENT, "text: known name %lld, '%.20s', is no character", (long long)k,
                           name);
        memcpy(t->names[k], name, length);
        rank[code] = (int32_t)k + 1;
    }
    return tp_error_pending();
}

/* Code points become their ranks. */
static tp_status make_vocabulary(text *t, const char *path, const tp_known_names *known)
{
    const size_t bytes = CODES * sizeof(int32_t);
    int32_t *rank = tp_calloc(bytes);
    if (!rank || (known->n_classes ? rank_known(t, rank, known) : rank_own(t, rank))) {
        tp_free(rank, rank ? bytes : 0);
        return tp_error_pending();
    }
    for (int64_t i = 0; i < t->count && !tp_pending(); i++) {
        char name[UTF8_MOST + 1];
        utf8_write(name, (uint32_t)t->tokens[i]);
        if (!rank[t->tokens[i]])
            tp_fail(TP_ERR_FORMAT,
                    "%s: the character '%s' (U+%04X) is none of the %lld that are known; where units are "
                    "bytes or a tokenizer's, none is unknown",
                    path, name, (unsigned)t->tokens[i], (long long)t->vocabulary);
        t->tokens[i] = rank[t->tokens[i]] - 1;
    }
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

/* All texts' characters, those of the training part first: the vocabulary is of both. */
static tp_status read_characters(text *t, const documents *d, const char *path, tp_part part,
                                 const tp_text_options *o)
{
    const bool bytes = o->bytes;
    if (add_characters(t, d, false, bytes))
        return tp_error_pending();
    const int64_t train = t->count;
    if (add_characters(t, d, true, bytes))
        return tp_error_pending();
    t->vocabulary = BYTES;
    if (!bytes && make_vocabulary(t, path, &o->known))
        return tp_error_pending();
    t->begin = part == TP_TEST ? train : 0;
    t->count = part == TP_TRAIN ? train : t->count;
    return TP_OK;
}

/* Of the tokens first to end. */
static int64_t bytes_of_characters(const text *t, int64_t first, int64_t end)
{
    int64_t bytes = 0;
    for (int64_t i = first; i < end; i++) {
        const char *name = t->names ? t->names[t->tokens[i]] : "";
        bytes += *name ? (int64_t)strlen(name) : 1;
    }
    return bytes;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

typedef struct ends {
    int64_t *at;          /* of each token, the bytes of the part up to its end */
    int64_t room, before; /* before: of the documents that are done */
} ends;

static tp_status add_ended(text *t, ends *e, int64_t token, int64_t end)
{
    if (tp_grow((void **)&e->at, &e->room, t->count + 1, sizeof *e->at))
        return tp_error_pending();
    const int64_t last = t->count ? e->at[t->count - 1] : 0;
    e->at[t->count] = end > last ? end : last; /* normal forms may have put marks into another order */
    return add_token(t, token);
}

/* The ids of a whole document: as `taper tokenize --no-special` has them. */
static tp_status add_document(text *t, ends *e, const char *bytes, int64_t size, int64_t end_of_text)
{
    TP_SCOPE;
    const tp_tokens *tokens =
        tp_tokenizer_encode(t->tokenizer, bytes, size, .no_special = true, .offsets = true);
    const int64_t unknown = tp_tokenizer_special(t->tokenizer, TP_SPECIAL_UNKNOWN);
    for (int64_t k = 0; tokens && k < tp_tokens_count(tokens); k++) {
        int64_t begin, end;
        t->unknown += tp_tokens_ids(tokens)[k] == unknown;
        tp_tokens_span(tokens, k, &begin, &end);
        if (add_ended(t, e, tp_tokens_ids(tokens)[k], e->before + end))
            break;
    }
    e->before += size;
    if (!tp_pending() && end_of_text >= 0)
        add_ended(t, e, end_of_text, e->before);
    return tp_error_pending();
}

static tp_status read_tokens(text *t, const documents *d, tp_part part, ends *e)
{
    const int64_t end_of_text = d->packed ? tp_tokenizer_special(t->tokenizer, TP_SPECIAL_END) : -1;
    t->vocabulary = tp_tokenizer_count(t->tokenizer);
    for (int64_t i = 0; i < d->count; i++) {
        const document *one = &d->items[i];
        if (part_takes(part, one->test) &&
            add_document(t, e, (const char *)d->text.data + one->begin, one->end - one->begin, end_of_text))
            return tp_error_pending();
    }
    return TP_OK;
}

/* ---- the dataset ------------------------------------------------------------------------------------------------- */

static tp_status check_count(const text *t, const char *path, tp_part part, const tp_text_options *o)
{
    const int64_t units = t->count - t->begin;
    return units > t->window ? TP_OK
                             : tp_fail(TP_ERR_FORMAT,
                                       "%s: the %s has %lld %s: too few for a window of %lld; a shorter "
                                       "window or a longer text is wanted",
                                       path, part_name(part), (long long)units,
                                       t->tokenizer ? "tokens"
                                       : o->bytes   ? "bytes"
                                                    : "characters",
                                       (long long)t->window);
}

/* Fills all but the window; how many there are, 0 with an error. */
static int64_t read_text(text *t, const char *path, tp_part part, const tp_text_options *o, bool *packed)
{
    documents d = { 0 };
    ends e = { 0 };
    int64_t windows = 0;
    if (o->tokenizer && !(t->tokenizer = tp_retain(tp_tokenizer_load(o->tokenizer))))
        return 0;
    const bool ends_texts = tp_tokenizer_special(t->tokenizer, TP_SPECIAL_END) >= 0;
    if (documents_read(&d, path, o, !ends_texts))
        return 0;
    if (!(t->tokenizer ? read_tokens(t, &d, part, &e) : read_characters(t, &d, path, part, o)) &&
        !check_count(t, path, part, o)) {
        windows = (t->count - t->begin - 1) / t->window; /* the last one only follows */
        const int64_t first = t->begin, last = t->begin + windows * t->window;
        t->bytes = t->tokenizer ? e.at[last] - e.at[first] : bytes_of_characters(t, first + 1, last + 1);
    }
    *packed = d.packed;
    t->name = d.name;
    d.name = NULL;
    documents_free(&d);
    tp_free(e.at, (size_t)e.room * sizeof *e.at);
    return windows;
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
    if (o.tokenizer && o.bytes)
        return tp_fail_null(TP_ERR_ARGUMENT, "text: bytes and the tokenizer %s: one of them is the unit",
                            o.tokenizer);
    text *t = tp_calloc(sizeof *t);
    if (!t)
        return NULL;
    bool packed = false;
    t->window = o.window ? o.window : WINDOW;
    const int64_t windows = read_text(t, path, part, &o, &packed);
    if (tp_pending()) {
        text_destroy(t);
        return NULL;
    }
    const int64_t unknown = t->unknown;
    tp_dataset *d = dataset_of(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                        .kind = packed ? "documents" : "text",
                                                        .get = text_get,
                                                        .class_name = text_class_name,
                                                        .destroy = text_destroy,
                                                        .example_name = text_example_name,
                                                        .targets = t->window },
                               t, windows, TP_SHAPE(t->window), t->vocabulary);
    if (d)
        d->unknown = unknown;
    return tp_keep(d);
}
