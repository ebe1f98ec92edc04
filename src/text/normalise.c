/* normalise.c - normalisers: what a text becomes before it is cut.
 *
 * Each reads e->text and appends to e->other; a character that is made knows what it was made from.
 * Layer: text.  Depends on unicode.h, charsmap.h.  Read next: split.c, sentencepiece.c. */
#include "base/error.h"
#include "base/utf8.h"
#include "text/charsmap.h"
#include "text/load_steps.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <string.h>

static void swap_texts(encoder *e)
{
    mapped_text text = e->text;
    e->text = e->other;
    e->other = text;
    mapped_clear(&e->other);
}

tp_status normalise(const tp_tokenizer *t, encoder *e)
{
    for (int64_t k = 0; k < t->normalisers.count; k++) {
        mapped_clear(&e->other);
        if (t->normalisers.items[k].type->normalise(&t->normalisers.items[k], e))
            return tp_error_pending();
        swap_texts(e);
    }
    return TP_OK;
}

/* ---- characters, one by one ------------------------------------------------------------------------------------------ */

static tp_status put(encoder *e, uint32_t code, text_span from)
{
    char bytes[UTF8_MOST + 1];
    return mapped_append(&e->other, bytes, (int64_t)utf8_write(bytes, code), from);
}

static tp_status put_lower(encoder *e, uint32_t code, text_span from)
{
    enum { DOTTED_I = 0x130, DOT_ABOVE = 0x307 };
    if (code == DOTTED_I) /* the one letter whose small form is two characters */
        return put(e, 'i', from) ? tp_error_pending() : put(e, DOT_ABOVE, from);
    return put(e, unicode_lower(code), from);
}

typedef tp_status each_character(encoder *, uint32_t code, text_span from);

static tp_status for_each(encoder *e, each_character *body)
{
    for (int64_t i = 0, n; i < e->text.size; i += n) {
        n = character_bytes(e->text.bytes[i]);
        if (body(e, character_at(e->text.bytes + i), mapped_from(&e->text, i, i + n)))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status put_unless_mark(encoder *e, uint32_t code, text_span from)
{
    return is_mark(code) ? TP_OK : put(e, code, from);
}

static tp_status put_unless_nonspacing(encoder *e, uint32_t code, text_span from)
{
    return is_nonspacing(code) ? TP_OK : put(e, code, from);
}

static tp_status put_clean(encoder *e, uint32_t code, text_span from)
{
    if (!code || code == UTF8_REPLACEMENT || is_control(code))
        return TP_OK;
    return put(e, is_white(code) ? ' ' : code, from);
}

static tp_status put_apart(encoder *e, uint32_t code, text_span from)
{
    if (!is_han(code))
        return put(e, code, from);
    if (put(e, ' ', from) || put(e, code, from))
        return tp_error_pending();
    return put(e, ' ', from);
}

static tp_status lowercase(const step *s, encoder *e)
{
    (void)s;
    return for_each(e, put_lower);
}

static tp_status strip_accents(const step *s, encoder *e)
{
    (void)s;
    return for_each(e, put_unless_mark);
}

/* flags: clean, Chinese characters apart, strip accents, lowercase */
static tp_status bert(const step *s, encoder *e)
{
    static each_character *const bodies[] = { put_clean, put_apart, put_unless_nonspacing, put_lower };
    for (int i = 0; i < 4; i++) {
        if (!s->flags[i])
            continue;
        if (i == 2) { /* accents come off a decomposed text */
            if (unicode_normalise(NFD, &e->text, &e->other))
                return tp_error_pending();
            swap_texts(e);
        }
        if (for_each(e, bodies[i]))
            return tp_error_pending();
        swap_texts(e);
    }
    return mapped_copy(&e->other, &e->text, 0, e->text.size);
}

static tp_status bytes_shown(const step *s, encoder *e)
{
    (void)s;
    for (int64_t i = 0; i < e->text.size; i++)
        if (put(e, byte_character(e->text.bytes[i]), mapped_from(&e->text, i, i + 1)))
            return tp_error_pending();
    return TP_OK;
}

/* ---- whole texts ------------------------------------------------------------------------------------------------------- */

static tp_status normal_form(const step *s, encoder *e)
{
    return unicode_normalise((unicode_form)s->start, &e->text, &e->other);
}

tp_status replace_all(const step *s, void *regex_room, const mapped_text *t, mapped_text *out)
{
    int64_t done = 0, begin, end;
    for (int64_t at = 0; at <= t->size;) {
        if (next_match(s, regex_room, t, at, t->size, &begin, &end))
            return tp_error_pending();
        if (end < 0)
            break;
        if (mapped_copy(out, t, done, begin) ||
            mapped_append(out, s->content, s->content_size, mapped_from(t, begin, end)))
            return tp_error_pending();
        done = end;
        at = end > begin ? end : end == t->size ? end + 1 : end + character_bytes(t->bytes[end]);
    }
    return mapped_copy(out, t, done, t->size);
}

static tp_status replace(const step *s, encoder *e)
{
    return replace_all(s, e->regex_room, &e->text, &e->other);
}

static tp_status prepend(const step *s, encoder *e)
{
    if (!e->text.size)
        return TP_OK;
    if (mapped_append(&e->other, s->text, s->text_size,
                      mapped_from(&e->text, 0, character_bytes(e->text.bytes[0]))))
        return tp_error_pending();
    return mapped_copy(&e->other, &e->text, 0, e->text.size);
}

static tp_status strip(const step *s, encoder *e) /* flags: left, right */
{
    const mapped_text *t = &e->text;
    int64_t begin = 0, end = t->size;
    while (s->flags[0] && begin < end && is_white(character_at(t->bytes + begin)))
        begin += character_bytes(t->bytes[begin]);
    while (s->flags[1] && begin < end) {
        int64_t last = end - 1;
        while (last > begin && (t->bytes[last] & 0xc0) == 0x80)
            last--;
        if (!is_white(character_at(t->bytes + last)))
            break;
        end = last;
    }
    return mapped_copy(&e->other, t, begin, end);
}

/* As the tokenizers package does it: a short grapheme cluster as a whole, else its characters; and the shortest entry of the map
 * that it begins with stands for all of it. */
static tp_status by_map(const step *s, encoder *e)
{
    enum { SHORT = 6 };
    const mapped_text *t = &e->text;
    const char *text;
    for (int64_t i = 0, end; i < t->size; i = end) {
        end = grapheme_end(t->bytes, i, t->size);
        if (end - i < SHORT && charsmap_find(s->map, t->bytes + i, end - i, false, &text)) {
            if (mapped_append(&e->other, text, (int64_t)strlen(text), mapped_from(t, i, end)))
                return tp_error_pending();
            continue;
        }
        for (int64_t k = i, n; k < end; k += n) {
            n = character_bytes(t->bytes[k]);
            tp_status status =
                charsmap_find(s->map, t->bytes + k, n, false, &text)
                    ? mapped_append(&e->other, text, (int64_t)strlen(text), mapped_from(t, k, k + n))
                    : mapped_copy(&e->other, t, k, k + n);
            if (status)
                return status;
        }
    }
    return TP_OK;
}

const step_type normaliser_types[] = {
    { "NFC", read_nfc, normal_form },
    { "NFD", read_nfd, normal_form },
    { "NFKC", read_nfkc, normal_form },
    { "NFKD", read_nfkd, normal_form },
    { "Lowercase", read_unicode, lowercase },
    { "StripAccents", read_unicode, strip_accents },
    { "BertNormalizer", read_bert, bert },
    { "Replace", read_replace, replace },
    { "Prepend", read_prepend, prepend },
    { "Strip", read_strip, strip },
    { "Precompiled", read_precompiled, by_map },
    { "ByteLevel", read_nothing, bytes_shown },
    { NULL },
};
