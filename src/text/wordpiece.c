/* wordpiece.c - WordPiece (BERT): the longest piece that the rest of a word begins with, again and again; and whole words.
 *
 * A word of which a rest is no piece is one unknown token.  Layer: text.  Depends on tokenizer.h.  Read next: encode.c. */
#include "base/error.h"
#include "text/tokenizer.h"

#include <string.h>

static tp_status unknown_word(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    if (t->unknown < 0)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "tokenizer: '%.*s' cannot be made of the vocabulary, which has no unknown token",
                       (int)(end - begin < 40 ? end - begin : 40), e->text.bytes + begin);
    return emit(e, t->unknown, begin, end);
}

/* The longest piece that text[at, end) begins with, and where it ends; -1: none. */
static int32_t longest_piece(const tp_tokenizer *t, const unsigned char *text, int64_t at, int64_t end,
                             bool first, int64_t *stop)
{
    const piece_table *v = &t->pieces;
    piece_walk w = pieces_begin(v);
    int32_t found = -1;
    for (int64_t i = 0; !first && i < t->prefix_size; i++)
        if (!pieces_step(v, &w, (unsigned char)t->prefix[i]))
            return -1;
    for (int64_t i = at; i < end && pieces_step(v, &w, text[i]); i++) {
        int32_t here = pieces_here(v, &w);
        if (here >= 0)
            found = here, *stop = i + 1;
    }
    return found;
}

static tp_status wordpiece_encode(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    int64_t characters = 0, stop = begin;
    for (int64_t i = begin; i < end; i += character_bytes(e->text.bytes[i]))
        characters++;
    if (characters > t->longest_word)
        return unknown_word(t, e, begin, end);
    for (int64_t at = begin; at < end; at = stop) {
        int32_t id = longest_piece(t, e->text.bytes, at, end, at == begin, &stop);
        if (id < 0) {
            e->word.count = 0;
            return unknown_word(t, e, begin, end);
        }
        if (emit(e, id, at, stop))
            return tp_error_pending();
    }
    return TP_OK;
}

const model_type wordpiece_model = { "wordpiece", wordpiece_encode };

static tp_status wordlevel_encode(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    int32_t id = pieces_find(&t->pieces, e->text.bytes + begin, end - begin);
    return id < 0 ? unknown_word(t, e, begin, end) : emit(e, id, begin, end);
}

const model_type wordlevel_model = { "wordlevel", wordlevel_encode };
