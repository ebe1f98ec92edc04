/* decode.c - ids to text: pieces through the decoders, which undo what normalisers and pre-tokenisers did.
 *
 * A list of pieces is a text and the spans of it.  Bytes that a piece stands for come out as they are: whoever decodes part of a
 * text gets part of its bytes.
 * Layer: text.  Depends on tokenizer.h.  Read next: split.c for the other direction. */
#include "base/error.h"
#include "base/memory.h"
#include "text/load_steps.h"
#include "text/tokenizer.h"

#include <string.h>

/* ---- one list of pieces to the next ------------------------------------------------------------------------------------------ */

static tp_status put(mapped_text *out, const void *bytes, int64_t size)
{
    return mapped_append(out, bytes, size, (text_span){ 0, 0 });
}

static tp_status close_piece(mapped_text *out, span_list *pieces, int64_t start)
{
    return spans_add(pieces, start, out->size);
}

static tp_status decode_bytes(const step *s, const mapped_text *in, const span_list *pieces, mapped_text *out,
                              span_list *made)
{
    (void)s;
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        bool shown = true;
        for (int64_t i = p.begin; shown && i < p.end; i += character_bytes(in->bytes[i]))
            shown = byte_of_character(character_at(in->bytes + i)) >= 0;
        if (!shown && put(out, in->bytes + p.begin, p.end - p.begin))
            return tp_error_pending();
        for (int64_t i = p.begin; shown && i < p.end; i += character_bytes(in->bytes[i])) {
            unsigned char b = (unsigned char)byte_of_character(character_at(in->bytes + i));
            if (put(out, &b, 1))
                return tp_error_pending();
        }
    }
    return close_piece(out, made, 0);
}

static tp_status decode_metaspace(const step *s, const mapped_text *in, const span_list *pieces,
                                  mapped_text *out, span_list *made)
{
    const bool in_front = s->flags[0] || s->flags[1];
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        const int64_t start = out->size;
        for (int64_t i = p.begin, n; i < p.end; i += n) {
            n = character_bytes(in->bytes[i]);
            const bool mark = n == s->text_size && !memcmp(in->bytes + i, s->text, (size_t)n);
            if (mark ? (k || !in_front) && put(out, " ", 1) : put(out, in->bytes + i, n))
                return tp_error_pending();
        }
        if (close_piece(out, made, start))
            return tp_error_pending();
    }
    return TP_OK;
}

/* A text in place of another, wherever it stands in what was put out since start. */
static void put_instead(mapped_text *out, int64_t start, const char *old, const char *new)
{
    const size_t n = strlen(old), m = strlen(new);
    unsigned char *at = out->bytes + start, *end = out->bytes + out->size, *to = at;
    while (at < end)
        if ((size_t)(end - at) >= n && !memcmp(at, old, n)) {
            for (size_t i = 0; i < m; i++)
                *to++ = (unsigned char)new[i];
            at += n;
        } else {
            *to++ = *at++;
        }
    out->size = to - out->bytes;
}

/* flags: clean up the English that was cut apart */
static tp_status decode_wordpiece(const step *s, const mapped_text *in, const span_list *pieces,
                                  mapped_text *out, span_list *made)
{
    static const char *const rules[][2] = {
        { " .", "." },   { " ?", "?" },     { " !", "!" },     { " ,", "," },
        { " ' ", "'" },  { " n't", "n't" }, { " 'm", "'m" },   { " do not", " don't" },
        { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" },
    };
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        const int64_t start = out->size;
        const bool within = k && p.end - p.begin >= s->text_size && s->text_size &&
                            !memcmp(in->bytes + p.begin, s->text, (size_t)s->text_size);
        const int64_t skip = within ? s->text_size : 0;
        if ((k && !within && put(out, " ", 1)) ||
            put(out, in->bytes + p.begin + skip, p.end - p.begin - skip))
            return tp_error_pending();
        for (size_t i = 0; s->flags[0] && i < sizeof rules / sizeof *rules; i++)
            put_instead(out, start, rules[i][0], rules[i][1]);
        if (close_piece(out, made, start))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status decode_suffix(const step *s, const mapped_text *in, const span_list *pieces,
                               mapped_text *out, span_list *made)
{
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        const mapped_text alone = { .bytes = in->bytes + p.begin, .size = p.end - p.begin };
        step to_space = *s;
        to_space.content = " ";
        to_space.content_size = k + 1 < pieces->count;
        const int64_t start = out->size;
        if (replace_all(&to_space, NULL, &alone, out) || close_piece(out, made, start))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status decode_replace(const step *s, const mapped_text *in, const span_list *pieces,
                                mapped_text *out, span_list *made)
{
    void *room = s->pattern ? regex_room() : NULL;
    tp_status status = tp_error_pending();
    for (int64_t k = 0; k < pieces->count && !status; k++) {
        const text_span p = pieces->items[k];
        const mapped_text alone = { .bytes = in->bytes + p.begin, .size = p.end - p.begin };
        const int64_t start = out->size;
        status = replace_all(s, room, &alone, out);
        status = status ? status : close_piece(out, made, start);
    }
    regex_room_free(room);
    return status;
}

int byte_named(const unsigned char *s, int64_t size)
{
    int b = 0;
    if (size != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    for (int i = 3; i < 5; i++) {
        const int c = s[i];
        const int digit = c >= '0' && c <= '9'                 ? c - '0'
                          : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                               : -1;
        if (digit < 0)
            return -1;
        b = b * 16 + digit;
    }
    return b;
}

static tp_status decode_fallback(const step *s, const mapped_text *in, const span_list *pieces,
                                 mapped_text *out, span_list *made)
{
    (void)s;
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        const int64_t start = out->size;
        const int named = byte_named(in->bytes + p.begin, p.end - p.begin);
        const unsigned char b = (unsigned char)named;
        if (named >= 0 ? put(out, &b, 1) : put(out, in->bytes + p.begin, p.end - p.begin))
            return tp_error_pending();
        if (close_piece(out, made, start))
            return tp_error_pending();
    }
    return TP_OK;
}

static tp_status decode_fuse(const step *s, const mapped_text *in, const span_list *pieces, mapped_text *out,
                             span_list *made)
{
    (void)s;
    for (int64_t k = 0; k < pieces->count; k++)
        if (put(out, in->bytes + pieces->items[k].begin, pieces->items[k].end - pieces->items[k].begin))
            return tp_error_pending();
    return close_piece(out, made, 0);
}

/* At most start of the text at the beginning of each piece, and stop at its end, come off. */
static tp_status decode_strip(const step *s, const mapped_text *in, const span_list *pieces, mapped_text *out,
                              span_list *made)
{
    const int64_t n = s->text_size;
    for (int64_t k = 0; k < pieces->count; k++) {
        text_span p = pieces->items[k];
        const int64_t start = out->size;
        for (int64_t i = 0;
             i < s->start && n && p.end - p.begin >= n && !memcmp(in->bytes + p.begin, s->text, (size_t)n);
             i++)
            p.begin += n;
        for (int64_t i = 0;
             i < s->stop && n && p.end - p.begin >= n && !memcmp(in->bytes + p.end - n, s->text, (size_t)n);
             i++)
            p.end -= n;
        if (put(out, in->bytes + p.begin, p.end - p.begin) || close_piece(out, made, start))
            return tp_error_pending();
    }
    return TP_OK;
}

/* SentencePiece's own: bytes, spaces, and no space in front.  flags: it puts one there; it removes those that are too many */
static tp_status decode_sentencepiece(const step *s, const mapped_text *in, const span_list *pieces,
                                      mapped_text *out, span_list *made)
{
    bool first = true;
    for (int64_t k = 0; k < pieces->count; k++) {
        text_span p = pieces->items[k];
        const int named = byte_named(in->bytes + p.begin, p.end - p.begin);
        const unsigned char b = (unsigned char)named;
        if (named >= 0) {
            if (put(out, &b, 1))
                return tp_error_pending();
            first = false;
            continue;
        }
        first = first && !out->size;
        const int64_t n = s->text_size;
        const bool space = p.end - p.begin >= n && !memcmp(in->bytes + p.begin, s->text, (size_t)n);
        if (first && space && (s->flags[0] || s->flags[1])) {
            p.begin += n;
            first = s->flags[1];
        }
        const mapped_text alone = { .bytes = in->bytes + p.begin, .size = p.end - p.begin };
        if (replace_all(s, NULL, &alone, out))
            return tp_error_pending();
    }
    return close_piece(out, made, 0);
}

const step_type sentencepiece_decoder = { "SentencePiece", NULL, .decode = decode_sentencepiece };

const step_type decoder_types[] = {
    { "ByteLevel", read_nothing, .decode = decode_bytes },
    { "Metaspace", read_metaspace, .decode = decode_metaspace },
    { "WordPiece", read_wordpiece_decoder, .decode = decode_wordpiece },
    { "BPEDecoder", read_suffix, .decode = decode_suffix },
    { "Replace", read_replace, .decode = decode_replace },
    { "ByteFallback", read_nothing, .decode = decode_fallback },
    { "Fuse", read_nothing, .decode = decode_fuse },
    { "Strip", read_strip_decoder, .decode = decode_strip },
    { NULL },
};

/* ---- all of them -------------------------------------------------------------------------------------------------------------- */

const added_token *added_of(const tp_tokenizer *t, int64_t id)
{
    return id < 0 || id >= t->count || t->added_index[id] < 0 ? NULL : &t->added[t->added_index[id]];
}

const char *tp_tokenizer_piece(const tp_tokenizer *t, int64_t id)
{
    const char *piece = t ? piece_at(&t->pieces, id) : NULL;
    const added_token *added = t && !piece ? added_of(t, id) : NULL;
    return added ? added->content : piece;
}

/* What an id is before the decoders; nothing for a special token that is not to be seen. */
static tp_status put_piece(const tp_tokenizer *t, int64_t id, bool special, mapped_text *out, span_list *made)
{
    const int64_t start = out->size;
    const added_token *added = added_of(t, id);
    const char *piece = tp_tokenizer_piece(t, id);
    if (!piece)
        return tp_fail(TP_ERR_INDEX, "tokenizer: there is no piece %lld; ids from 0 to %lld are wanted",
                       (long long)id, (long long)t->count - 1);
    if (!special &&
        ((added && added->special) || (t->kinds && id < t->n_scores && t->kinds[id] == PIECE_CONTROL)))
        return TP_OK;
    if (t->unknown_text && id == t->unknown && !special)
        piece = t->unknown_text;
    const int64_t size =
        piece == piece_at(&t->pieces, id) ? t->pieces.items[id].length : (int64_t)strlen(piece);
    return put(out, piece, size) ? tp_error_pending() : close_piece(out, made, start);
}

static tp_status decode_all(const tp_tokenizer *t, mapped_text *text, span_list *pieces)
{
    for (int64_t k = 0; k < t->decoders.count; k++) {
        mapped_text next = { 0 };
        span_list made = { 0 };
        tp_status status =
            t->decoders.items[k].type->decode(&t->decoders.items[k], text, pieces, &next, &made);
        mapped_free(text);
        spans_free(pieces);
        *text = next;
        *pieces = made;
        if (status)
            return status;
    }
    return TP_OK;
}

/* How many bytes the pieces have together; those that fit are copied. */
static int64_t copy_out(const tp_tokenizer *t, const mapped_text *text, const span_list *pieces, char *to,
                        int64_t room)
{
    int64_t size = 0;
    for (int64_t k = 0; k < pieces->count; k++) {
        const text_span p = pieces->items[k];
        if (k && t->join_with_spaces) {
            if (size + 1 < room)
                to[size] = ' ';
            size++;
        }
        int64_t fits = room - 1 - size < p.end - p.begin ? room - 1 - size : p.end - p.begin;
        if (fits > 0)
            memcpy(to + size, text->bytes + p.begin, (size_t)fits);
        size += p.end - p.begin;
    }
    if (room > 0)
        to[size < room ? size : room - 1] = 0;
    return size;
}

int64_t tp_tokenizer_decode_opt(const tp_tokenizer *t, const int32_t *ids, int64_t count, char *to,
                                int64_t room, const tp_tokenizer_decode_options *options)
{
    mapped_text text = { 0 };
    span_list pieces = { 0 };
    tp_tokenizer_decode_options o = { 0 };
    if (tp_pending())
        return -1;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!t || (!ids && count) || count < 0 || room < 0 || (!to && room)) {
        tp_fail(TP_ERR_ARGUMENT, "tokenizer: nothing to decode, or nowhere to put it");
        return -1;
    }
    tp_status status = TP_OK;
    for (int64_t i = 0; i < count && !status; i++)
        status = put_piece(t, ids[i], o.keep_special, &text, &pieces);
    status = status ? status : decode_all(t, &text, &pieces);
    int64_t size = status ? -1 : copy_out(t, &text, &pieces, to, room);
    mapped_free(&text);
    spans_free(&pieces);
    return size;
}
