/* units.c - what the numbers of a language model stand for: a prompt becomes them, and they become a text, one after the other.
 *
 * What a token adds to a text depends on those before it (a space in front or none, half a character).  So a few of them are decoded
 * again with each new one, and what is more than before is new.  Invariants of these last ones, tail:
 *  1. Its text without the bytes from `told` on was told of; what comes behind is no whole character yet.
 *  2. The first `whole` of its tokens had text, all of which was told of: when that is so again, they are left out, and the others are
 *     enough to know what stands before.
 * Layer: train.  Depends on text/tokenizer.h, data/text.h, base/utf8.h.  Read next: units.h, generate.c. */
#include "train/units.h"

#include "base/utf8.h"
#include "data/text.h"
#include "text/tokenizer.h"
#include "train/folder.h"

#include <string.h>

enum { PROMPT_TAIL = 32 /* of the prompt's tokens, as many as can change what the next ones mean */ };

/* ---- the tokenizer's copy ---------------------------------------------------------------------------------------------- */

tp_status tokenizer_check(const setup *s, const char *folder)
{
    char path[PATH_MAX];
    if (!s->tokenizer || folder_path(path, folder, "tokenizer"))
        return tp_error_pending();
    return file_exists(path)
               ? tp_fail(TP_ERR_STATE,
                         "%s: holds tokenizer/, where the run would keep its own; choose another folder",
                         folder)
               : TP_OK;
}

tp_status tokenizer_keep(const setup *s, const char *folder)
{
    char path[PATH_MAX];
    if (!s->tokenizer || folder_path(path, folder, "tokenizer") || folder_make(path))
        return tp_error_pending();
    return tokenizer_copy(s->tokenizer, path);
}

void tokenizer_drop(const setup *s, const char *folder)
{
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/tokenizer", folder);
    if (s->tokenizer && length > 0 && length < PATH_MAX)
        folder_remove(path);
}

/* ---- open and close ---------------------------------------------------------------------------------------------------- */

tp_status units_open(units *u, const setup *s)
{
    const char *unit = s->config.data_options.unit;
    *u = (units){ .setup = s, .bytes = unit && !strcmp(unit, "bytes") };
    if (!s->tokenizer || !(u->tokenizer = tp_retain(tp_tokenizer_load(s->tokenizer))))
        return tp_error_pending();
    if (tp_tokenizer_count(u->tokenizer) != s->classes)
        tp_fail(TP_ERR_FORMAT, "%s: %lld pieces, the run in %s learned %lld", s->tokenizer,
                (long long)tp_tokenizer_count(u->tokenizer), s->config.out, (long long)s->classes);
    return tp_error_pending();
}

tp_status units_open_tokenizer(units *u, tp_tokenizer *tokenizer)
{
    *u = (units){ .tokenizer = tp_retain(tokenizer) };
    return tp_error_pending();
}

void units_close(units *u)
{
    tp_release(u->tokenizer);
    tp_free(u->read, u->read_room);
    tp_free(u->tail, (size_t)u->tail_room * sizeof *u->tail);
    tp_free(u->text, (size_t)u->text_room);
    *u = (units){ 0 };
}

/* ---- a text to numbers ------------------------------------------------------------------------------------------------- */

static tp_status make_room(units *u, size_t count)
{
    tp_free(u->read, u->read_room);
    u->n_read = 0;
    u->read = tp_alloc(count * sizeof *u->read);
    u->read_room = u->read ? count * sizeof *u->read : 0;
    return tp_error_pending();
}

static tp_status read_characters(units *u, const char *what, const char *prompt)
{
    const unsigned char *at = (const unsigned char *)prompt;
    if (make_room(u, strlen(prompt)))
        return tp_error_pending();
    for (size_t length; *at; at += length) {
        uint32_t code = *at;
        length = u->bytes ? 1 : utf8_read(at, strlen((const char *)at), &code);
        const int64_t unit =
            length ? text_token(u->setup->class_names, u->setup->classes, u->bytes, code) : -1;
        if (unit < 0)
            return tp_fail(TP_ERR_ARGUMENT,
                           length ? "%s: '%.*s' is not in the text that the run learned from"
                                  : "%s: the text is not UTF-8 at '%.*s'",
                           what, length ? (int)length : 1, (const char *)at);
        u->read[u->n_read++] = unit;
    }
    return TP_OK;
}

/* A new line, where the text has such. */
static tp_status read_beginning(units *u)
{
    const int64_t line = text_token(u->setup->class_names, u->setup->classes, u->bytes, '\n');
    if (make_room(u, 1))
        return tp_error_pending();
    u->read[u->n_read++] = line < 0 ? 0 : line;
    return TP_OK;
}

/* The end of a text is what a document begins after. */
static int64_t before_documents(const units *u)
{
    const bool packed = u->setup && u->setup->data_kind && !strcmp(u->setup->data_kind, "documents");
    return packed ? tp_tokenizer_special(u->tokenizer, TP_SPECIAL_END) : -1;
}

static int64_t any_token(const units *u)
{
    const int64_t end = tp_tokenizer_special(u->tokenizer, TP_SPECIAL_END),
                  begin = tp_tokenizer_special(u->tokenizer, TP_SPECIAL_BEGIN);
    return end >= 0 ? end : begin >= 0 ? begin : 0;
}

/* A network of no run learned texts that began with a token for it, where that is not the one that ends them. */
static bool begins(const units *u)
{
    const int64_t begin = tp_tokenizer_special(u->tokenizer, TP_SPECIAL_BEGIN);
    return !u->setup && begin >= 0 && begin != tp_tokenizer_special(u->tokenizer, TP_SPECIAL_END);
}

static tp_status begin_tail(units *u, const int32_t *ids, int64_t n);

static tp_status read_tokens(units *u, const char *what, const char *prompt)
{
    TP_SCOPE;
    const int64_t before = before_documents(u);
    const char *text = prompt ? prompt : before < 0 && u->setup ? "\n" : "";
    const int64_t size = (int64_t)strlen(text), valid = utf8_valid(text, size);
    if (valid < size)
        return tp_fail(TP_ERR_ARGUMENT, "%s: the text is not UTF-8 at '%.1s'", what, text + valid);
    const tp_tokens *tokens =
        tp_tokenizer_encode(u->tokenizer, text, size, .no_special = true, .begin = begins(u));
    if (!tokens || make_room(u, (size_t)tp_tokens_count(tokens) + 1))
        return tp_error_pending();
    const int64_t n = tp_tokens_count(tokens);
    const int32_t *ids = tp_tokens_ids(tokens);
    if (before >= 0 || !n)
        u->read[u->n_read++] = before >= 0 ? before : any_token(u);
    for (int64_t i = 0; i < n; i++)
        u->read[u->n_read++] = ids[i];
    const int64_t known = !prompt ? 0 : n < PROMPT_TAIL ? n : PROMPT_TAIL;
    return begin_tail(u, known ? ids + n - known : NULL, known);
}

tp_status units_read(units *u, const char *what, const char *prompt)
{
    prompt = prompt && *prompt ? prompt : NULL;
    if (u->tokenizer)
        return read_tokens(u, what, prompt);
    return prompt ? read_characters(u, what, prompt) : read_beginning(u);
}

/* ---- numbers to a text ------------------------------------------------------------------------------------------------- */

int64_t units_end_unit(const units *u)
{
    return u->tokenizer ? tp_tokenizer_special(u->tokenizer, TP_SPECIAL_END) : -1;
}

bool units_end(const units *u, int64_t unit)
{
    return unit >= 0 && unit == units_end_unit(u);
}

/* How long the text of the tail is; -1 with an error. */
static int64_t decode_tail(units *u)
{
    const int64_t size = tp_tokenizer_decode(u->tokenizer, u->tail, u->n_tail, u->text, u->text_room);
    if (size < u->text_room || size < 0)
        return size;
    if (tp_grow((void **)&u->text, &u->text_room, size + 1, 1))
        return -1;
    return tp_tokenizer_decode(u->tokenizer, u->tail, u->n_tail, u->text, u->text_room);
}

static tp_status add_to_tail(units *u, int32_t id)
{
    if (tp_grow((void **)&u->tail, &u->tail_room, u->n_tail + 1, sizeof *u->tail))
        return tp_error_pending();
    u->tail[u->n_tail++] = id;
    return TP_OK;
}

/* From tokens whose text is known to the reader. */
static tp_status begin_tail(units *u, const int32_t *ids, int64_t n)
{
    u->n_tail = u->whole = u->told = 0;
    for (int64_t i = 0; i < n; i++)
        if (add_to_tail(u, ids[i]))
            return tp_error_pending();
    u->told = decode_tail(u);
    return tp_error_pending();
}

/* All of the tail's text was told of, and the last tokens had some: those before are no longer needed. */
static tp_status shorten_tail(units *u)
{
    memmove(u->tail, u->tail + u->whole, (size_t)(u->n_tail - u->whole) * sizeof *u->tail);
    u->n_tail -= u->whole;
    u->whole = u->n_tail;
    u->told = decode_tail(u);
    return tp_error_pending();
}

/* Whether more bytes can make a character of these. */
static bool may_become_one(const char *s, size_t n)
{
    static const unsigned char
        lowest = 0x80,
        highest = 0xbf; /* each second byte that is possible at all has one of them in its range */
    const unsigned char *const rests[] = { &lowest, &highest };
    for (size_t i = 0; i < 2 && n < UTF8_MOST; i++) {
        unsigned char whole[UTF8_MOST];
        uint32_t code;
        memset(whole, *rests[i], sizeof whole);
        memcpy(whole, s, n);
        if (utf8_read(whole, sizeof whole, &code) > n)
            return true;
    }
    return false;
}

static bool tell_text(units *u, int64_t size, tp_generate_fn *told, void *context)
{
    char replacement[UTF8_MOST + 1];
    const size_t n = utf8_write(replacement, UTF8_REPLACEMENT);
    int64_t at = u->told, from = at;
    bool more = true;
    while (at < size && more) {
        uint32_t code;
        const size_t length = utf8_read((const unsigned char *)u->text + at, (size_t)(size - at), &code);
        if (!length && may_become_one(u->text + at, (size_t)(size - at)))
            break;
        if (length) {
            at += (int64_t)length;
            continue;
        }
        more = (at == from || told(context, u->text + from, (size_t)(at - from))) &&
               told(context, replacement, n);
        from = ++at;
    }
    more = more && (at == from || told(context, u->text + from, (size_t)(at - from)));
    u->told = at;
    return more;
}

bool units_tell(units *u, int64_t unit, tp_generate_fn *told, void *context)
{
    if (!u->tokenizer) {
        const char byte = (char)unit, *name = u->bytes                   ? &byte
                                              : unit < u->setup->classes ? u->setup->class_names[unit]
                                                                         : "";
        return told(context, name, u->bytes ? 1 : strlen(name));
    }
    if (!tp_tokenizer_piece(u->tokenizer, unit)) /* an output that no piece uses */
        return true;
    if (add_to_tail(u, (int32_t)unit))
        return false;
    const int64_t size = decode_tail(u), before = u->told;
    if (size < 0 || (size > before && !tell_text(u, size, told, context)))
        return false;
    return u->told == before || u->told < size || !shorten_tail(u);
}
