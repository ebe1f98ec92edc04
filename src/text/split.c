/* split.c - pre-tokenisers: a text into the pieces that the model sees one by one.
 *
 * Each finds matches (of a text, a pattern, or characters of a set) and cuts there; what becomes of a match is its behaviour.
 * Layer: text.  Depends on unicode.h, regex.h.  Read next: load_steps.c reads their options, bpe.c. */
#include "base/error.h"
#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <string.h>

/* ---- cutting ------------------------------------------------------------------------------------------------------- */

typedef struct cutter {
    span_list *out;
    cut_behaviour behaviour;
    bool invert, was_match;
    text_span open; /* not yet put out */
} cutter;

static tp_status flush(cutter *c)
{
    text_span open = c->open;
    c->open.begin = c->open.end;
    return open.end > open.begin ? spans_add(c->out, open.begin, open.end) : TP_OK;
}

/* The next stretch of the text, which follows on the last one. */
static tp_status cut(cutter *c, int64_t begin, int64_t end, bool is_match)
{
    is_match = is_match != c->invert;
    const bool was = c->was_match;
    const bool joined = c->behaviour == CUT_CONTIGUOUS      ? was == is_match
                        : c->behaviour == CUT_WITH_PREVIOUS ? !was && is_match
                        : c->behaviour == CUT_WITH_NEXT     ? was && !is_match
                                                            : false;
    c->was_match = is_match;
    if (joined && c->open.end > c->open.begin) {
        c->open.end = end;
        return TP_OK;
    }
    if (flush(c))
        return tp_error_pending();
    c->open = (text_span){ is_match && c->behaviour == CUT_REMOVED ? end : begin, end };
    return TP_OK;
}

/* ---- finding --------------------------------------------------------------------------------------------------------- */

tp_status next_match(const step *s, void *regex_room, const mapped_text *t, int64_t at, int64_t limit,
                     int64_t *begin, int64_t *end)
{
    if (s->pattern)
        return regex_find(s->pattern, regex_room, t->bytes, limit, at, begin, end);
    const unsigned char *found =
        s->text_size ? memmem(t->bytes + at, (size_t)(limit - at), s->text, (size_t)s->text_size) : NULL;
    *begin = found ? found - t->bytes : 0;
    *end = found ? *begin + s->text_size : -1;
    return TP_OK;
}

/* Cuts a piece of t at the matches of s->text or s->pattern.  A pattern sees the piece alone. */
static tp_status cut_at_matches(const step *s, encoder *e, const mapped_text *t, text_span piece, cutter *c)
{
    const mapped_text alone = { .bytes = t->bytes + piece.begin, .size = piece.end - piece.begin };
    int64_t done = 0, begin, end;
    for (int64_t at = 0; at <= alone.size;) {
        if (next_match(s, e->regex_room, &alone, at, alone.size, &begin, &end))
            return tp_error_pending();
        if (end < 0)
            break;
        if (begin > done && cut(c, piece.begin + done, piece.begin + begin, false))
            return tp_error_pending();
        if (cut(c, piece.begin + begin, piece.begin + end, true))
            return tp_error_pending();
        done = end;
        at = end > begin         ? end
             : end == alone.size ? end + 1
                                 : end + character_bytes(alone.bytes[end]); /* empty: go on behind */
    }
    if (alone.size > done && cut(c, piece.begin + done, piece.end, false))
        return tp_error_pending();
    return flush(c);
}

static tp_status cut_at_set(encoder *e, text_span piece, character_set *set, cutter *c)
{
    int64_t done = piece.begin;
    for (int64_t i = piece.begin, n; i < piece.end; i += n) {
        n = character_bytes(e->text.bytes[i]);
        if (!set(character_at(e->text.bytes + i)))
            continue;
        if ((i > done && cut(c, done, i, false)) || cut(c, i, i + n, true))
            return tp_error_pending();
        done = i + n;
    }
    if (piece.end > done && cut(c, done, piece.end, false))
        return tp_error_pending();
    return flush(c);
}

/* ---- the pre-tokenisers ------------------------------------------------------------------------------------------------ */

static cutter cutter_of(encoder *e, cut_behaviour behaviour)
{
    return (cutter){ .out = &e->cut, .behaviour = behaviour };
}

static tp_status split_split(const step *s, encoder *e, text_span piece) /* flags: invert */
{
    cutter c = cutter_of(e, s->behaviour);
    c.invert = s->flags[0];
    return cut_at_matches(s, e, &e->text, piece, &c);
}

/* \w+|[^\w\s]+ */
static tp_status split_whitespace(const step *s, encoder *e, text_span piece)
{
    (void)s;
    int before = 0; /* 0: white, 1: of words, 2: neither */
    int64_t begin = piece.begin;
    for (int64_t i = piece.begin, n; i < piece.end; i += n) {
        n = character_bytes(e->text.bytes[i]);
        uint32_t code = character_at(e->text.bytes + i);
        int kind = is_white(code) ? 0 : is_word(code) || code == 0x200c || code == 0x200d ? 1 : 2;
        if (kind != before) {
            if (before && spans_add(&e->cut, begin, i))
                return tp_error_pending();
            begin = i;
            before = kind;
        }
    }
    return before ? spans_add(&e->cut, begin, piece.end) : TP_OK;
}

static tp_status split_white(const step *s, encoder *e, text_span piece)
{
    (void)s;
    cutter c = cutter_of(e, CUT_REMOVED);
    return cut_at_set(e, piece, is_white, &c);
}

static tp_status split_digits(const step *s, encoder *e, text_span piece) /* flags: one by one */
{
    cutter c = cutter_of(e, s->flags[0] ? CUT_ISOLATED : CUT_CONTIGUOUS);
    return cut_at_set(e, piece, is_numeric, &c);
}

static tp_status split_punctuation(const step *s, encoder *e, text_span piece)
{
    cutter c = cutter_of(e, s->behaviour);
    return cut_at_set(e, piece, is_punctuation, &c);
}

static bool is_white_or_punctuation(uint32_t code)
{
    return is_white(code) || is_punctuation(code);
}

/* White space goes, punctuation stands alone. */
static tp_status split_bert(const step *s, encoder *e, text_span piece)
{
    (void)s;
    const int64_t before = e->cut.count;
    cutter c = cutter_of(e, CUT_ISOLATED);
    if (cut_at_set(e, piece, is_white_or_punctuation, &c))
        return tp_error_pending();
    int64_t kept = before;
    for (int64_t i = before; i < e->cut.count; i++)
        if (!is_white(character_at(e->text.bytes + e->cut.items[i].begin)))
            e->cut.items[kept++] = e->cut.items[i];
    e->cut.count = kept;
    return TP_OK;
}

/* Spaces become U+2581, one is put in front, and words begin there.  flags: always in front, in front of the text, do not split */
static tp_status split_metaspace(const step *s, encoder *e, text_span piece)
{
    const mapped_text *t = &e->text;
    const int64_t start = e->other.size;
    const bool there = piece.end - piece.begin >= s->text_size &&
                       !memcmp(t->bytes + piece.begin, s->text, (size_t)s->text_size);
    const bool space = t->bytes[piece.begin] == ' ', first = e->first && !piece.begin;
    if (!there && !space && (s->flags[0] || (s->flags[1] && first)) &&
        mapped_append(&e->other, s->text, s->text_size,
                      mapped_from(t, piece.begin, piece.begin + character_bytes(t->bytes[piece.begin]))))
        return tp_error_pending();
    for (int64_t i = piece.begin, run; i < piece.end; i += run) {
        for (run = 0; i + run < piece.end && t->bytes[i + run] != ' '; run++) {}
        if (run ? mapped_copy(&e->other, t, i, i + run)
                : mapped_append(&e->other, s->text, s->text_size, mapped_from(t, i, i + 1)))
            return tp_error_pending();
        run = run ? run : 1;
    }
    if (s->flags[2])
        return spans_add(&e->cut, start, e->other.size);
    cutter c = cutter_of(e, CUT_WITH_NEXT);
    return cut_at_matches(s, e, &e->other, (text_span){ start, e->other.size }, &c);
}

/* Bytes become characters; flags: a space in front.  The pattern is GPT-2's, or NULL. */
static tp_status split_bytes(const step *s, encoder *e, text_span piece)
{
    const mapped_text *t = &e->text;
    const mapped_text *source = t;
    mapped_text spaced = { .follow = t->follow };
    span_list words = { 0 };
    char bytes[UTF8_MOST + 1];
    tp_status status = TP_OK;
    if (s->flags[0] && t->bytes[piece.begin] != ' ') {
        int64_t n = character_bytes(t->bytes[piece.begin]);
        status = mapped_append(&spaced, " ", 1, mapped_from(t, piece.begin, piece.begin + n));
        status = status ? status : mapped_copy(&spaced, t, piece.begin, piece.end);
        source = &spaced;
        piece = (text_span){ 0, spaced.size };
    }
    cutter c = { .out = &words, .behaviour = CUT_ISOLATED };
    if (!status)
        status =
            s->pattern ? cut_at_matches(s, e, source, piece, &c) : spans_add(&words, piece.begin, piece.end);
    for (int64_t w = 0; w < words.count && !status; w++) {
        const int64_t start = e->other.size;
        for (int64_t i = words.items[w].begin; i < words.items[w].end && !status; i++) {
            int64_t n = (int64_t)utf8_write(bytes, byte_character(source->bytes[i]));
            status = mapped_append(&e->other, bytes, n, mapped_from(source, i, i + 1));
        }
        status = status ? status : spans_add(&e->cut, start, e->other.size);
    }
    mapped_free(&spaced);
    spans_free(&words);
    return status;
}

tp_status split(const tp_tokenizer *t, encoder *e)
{
    e->pieces.count = 0;
    if (e->text.size && spans_add(&e->pieces, 0, e->text.size))
        return tp_error_pending();
    for (int64_t k = 0; k < t->splitters.count; k++) {
        const step *s = &t->splitters.items[k];
        e->cut.count = 0;
        mapped_clear(&e->other);
        for (int64_t i = 0; i < e->pieces.count; i++)
            if (s->type->split(s, e, e->pieces.items[i]))
                return tp_error_pending();
        span_list pieces = e->pieces;
        e->pieces = e->cut;
        e->cut = pieces;
        if (s->type->rewrites) {
            mapped_text text = e->text;
            e->text = e->other;
            e->other = text;
        }
    }
    return TP_OK;
}

/* ---- their table ------------------------------------------------------------------------------------------------------- */

#include "text/load_steps.h"

const step_type splitter_types[] = {
    { "ByteLevel", read_byte_level, .split = split_bytes, .rewrites = true },
    { "Whitespace", read_unicode, .split = split_whitespace },
    { "WhitespaceSplit", read_unicode, .split = split_white },
    { "BertPreTokenizer", read_unicode, .split = split_bert },
    { "Metaspace", read_metaspace, .split = split_metaspace, .rewrites = true },
    { "Split", read_split, .split = split_split },
    { "CharDelimiterSplit", read_delimiter, .split = split_split },
    { "Digits", read_digits, .split = split_digits },
    { "Punctuation", read_punctuation, .split = split_punctuation },
    { NULL },
};
