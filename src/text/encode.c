/* encode.c - a text to ids: added tokens, steps, model, special tokens around.
 *
 * Layer: text.  Depends on tokenizer.h.  Read next: normalise.c, split.c, then the model (bpe.c). */
#include "base/error.h"
#include "base/memory.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <string.h>

struct tp_tokens {
    tp_object object;
    token_list list;
};

static void tokens_free(token_list *list)
{
    tp_free(list->ids, (size_t)list->id_room * sizeof *list->ids);
    tp_free(list->spans, (size_t)list->span_room * sizeof *list->spans);
    *list = (token_list){ 0 };
}

static void tokens_destroy(void *object)
{
    tp_tokens *tokens = object;
    tokens_free(&tokens->list);
    tp_free(tokens, sizeof *tokens);
}

static const tp_class tokens_class = { "tokens", tokens_destroy };

tp_status tokens_add(token_list *list, int64_t id, text_span span)
{
    if (tp_grow((void **)&list->ids, &list->id_room, list->count + 1, sizeof *list->ids))
        return tp_error_pending();
    if (list->follow) {
        if (tp_grow((void **)&list->spans, &list->span_room, list->count + 1, sizeof *list->spans))
            return tp_error_pending();
        list->spans[list->count] = span;
    }
    list->ids[list->count++] = (int32_t)id;
    return TP_OK;
}

tp_status encoder_open(encoder *e, const tp_tokenizer *t, token_list *out, bool follow)
{
    *e = (encoder){ .t = t, .out = out, .word = { .follow = true } };
    e->text.follow = e->other.follow = follow;
    bool patterns = false;
    for (int64_t i = 0; i < t->normalisers.count; i++)
        patterns = patterns || t->normalisers.items[i].pattern;
    for (int64_t i = 0; i < t->splitters.count; i++)
        patterns = patterns || t->splitters.items[i].pattern;
    if (patterns && !(e->regex_room = regex_room()))
        return tp_error_pending();
    e->cache = t->cache && cache_take(t->cache) ? t->cache : NULL;
    return TP_OK;
}

void encoder_close(encoder *e)
{
    if (e->cache)
        cache_give(e->cache);
    mapped_free(&e->text);
    mapped_free(&e->other);
    spans_free(&e->pieces);
    spans_free(&e->cut);
    tokens_free(&e->word);
    regex_room_free(e->regex_room);
    tp_free(e->symbols, (size_t)e->symbol_room * sizeof(symbol));
    tp_free(e->heap, (size_t)e->heap_room * sizeof(candidate));
    tp_free(e->best, (size_t)e->best_room * sizeof(viterbi));
}

/* ---- a piece ------------------------------------------------------------------------------------------------------------- */

static tp_status encode_word(encoder *e, int64_t begin, int64_t end)
{
    const unsigned char *word = e->text.bytes + begin;
    tp_status status;
    if (cache_find(e->cache, word, end - begin, begin, e->out, &status))
        return status;
    e->word.count = 0;
    status = e->t->model->encode(e->t, e, begin, end);
    for (int64_t i = 0; i < e->word.count && !status; i++)
        status = tokens_add(e->out, e->word.ids[i], e->word.spans[i]);
    if (!status)
        cache_add(e->cache, word, end - begin, begin, &e->word);
    return tp_error_pending();
}

/* Where no piece of the vocabulary reaches over the beginning of a word, words are done one by one: the same tokens, sooner. */
static tp_status encode_piece(encoder *e, text_span piece)
{
    const unsigned char *s = e->text.bytes;
    int64_t begin = piece.begin;
    for (int64_t i = piece.begin + 1; e->t->words_part && i + METASPACE_BYTES <= piece.end; i++)
        if (s[i] == 0xe2 && i - begin >= e->t->least_part && !memcmp(s + i, METASPACE, METASPACE_BYTES) &&
            (i - begin < METASPACE_BYTES ||
             memcmp(s + i - METASPACE_BYTES, METASPACE, METASPACE_BYTES) != 0)) {
            if (encode_word(e, begin, i))
                return tp_error_pending();
            begin = i;
        }
    return begin < piece.end ? encode_word(e, begin, piece.end) : TP_OK;
}

/* A token's span in the piece's text becomes one in the caller's; with trim_offsets spaces at its ends do not count. */
static void settle_spans(encoder *e, int64_t from)
{
    for (int64_t i = from; e->out->follow && i < e->out->count; i++) {
        const text_span span = e->out->spans[i];
        e->out->spans[i] = mapped_from(&e->text, span.begin, span.end);
    }
}

/* In SentencePiece's models unknown characters side by side are one token, wherever they were cut. */
static void join_unknown(encoder *e, int64_t from)
{
    token_list *out = e->out;
    int64_t kept = from;
    for (int64_t i = from; i < out->count; i++) {
        if (kept > from && out->ids[i] == e->t->unknown && out->ids[kept - 1] == e->t->unknown) {
            if (out->follow)
                out->spans[kept - 1].end = out->spans[i].end;
            continue;
        }
        if (out->follow)
            out->spans[kept] = out->spans[i];
        out->ids[kept++] = out->ids[i];
    }
    out->count = kept;
}

static tp_status encode_pieces(encoder *e)
{
    const int64_t from = e->out->count;
    if (split(e->t, e))
        return tp_error_pending();
    for (int64_t i = 0; i < e->pieces.count; i++)
        if (encode_piece(e, e->pieces.items[i]))
            return tp_error_pending();
    if (e->t->sentencepiece && !e->t->byte_fallback)
        join_unknown(e, from);
    settle_spans(e, from);
    return TP_OK;
}

/* ---- added tokens ---------------------------------------------------------------------------------------------------------- */

typedef struct found_token {
    int64_t begin, end;
    const added_token *token; /* NULL: none is left */
} found_token;

static bool word_before(const unsigned char *s, int64_t at)
{
    while (at > 0 && (s[--at] & 0xc0) == 0x80) {}
    return is_word(character_at(s + at));
}

static void take_spaces(const added_token *a, const unsigned char *s, int64_t done, int64_t size,
                        found_token *f)
{
    while (a->strip_left && f->begin > done) {
        int64_t before = f->begin - 1;
        while (before > done && (s[before] & 0xc0) == 0x80)
            before--;
        if (!is_white(character_at(s + before)))
            break;
        f->begin = before;
    }
    while (a->strip_right && f->end < size && is_white(character_at(s + f->end)))
        f->end += character_bytes(s[f->end]);
}

/* The first added token in s[done, size): of those that begin at one place the longest. */
static found_token find_added(const tp_tokenizer *t, const piece_table *v, const bool *firsts, bool plain,
                              const unsigned char *s, int64_t done, int64_t size)
{
    for (int64_t at = done; v->n_sorted && at < size; at++) {
        if (!firsts[s[at]])
            continue;
        found_token f = { at, at, NULL };
        piece_walk w = pieces_begin(v);
        for (int64_t i = at; i < size && pieces_step(v, &w, s[i]); i++) {
            int32_t here = pieces_here(v, &w);
            if (here >= 0)
                f.token = &t->added[here], f.end = i + 1;
        }
        if (!f.token)
            continue;
        const bool in_word = f.token->single_word && ((at && word_before(s, at)) ||
                                                      (f.end < size && is_word(character_at(s + f.end))));
        if (in_word || (plain && f.token->special)) {
            at = f.end - 1;
            continue;
        }
        take_spaces(f.token, s, done, size, &f);
        return f;
    }
    return (found_token){ size, size, NULL };
}

/* e->text is normalised: cuts out the added tokens that are looked for now, and gives what is between to the model. */
static tp_status encode_normalised(encoder *e, bool plain)
{
    const tp_tokenizer *t = e->t;
    if (!t->normal_added.n_sorted)
        return encode_pieces(e);
    mapped_text whole = e->text;
    e->text = (mapped_text){ .follow = whole.follow };
    const bool first = e->first;
    tp_status status = TP_OK;
    for (int64_t done = 0; done < whole.size && !status;) {
        found_token f =
            find_added(t, &t->normal_added, t->normal_first, plain, whole.bytes, done, whole.size);
        mapped_clear(&e->text);
        e->first = first && !done;
        status = mapped_copy(&e->text, &whole, done, f.begin);
        status = status ? status : encode_pieces(e);
        if (f.token && !status)
            status = tokens_add(e->out, f.token->id, mapped_from(&whole, f.begin, f.end));
        done = f.end;
    }
    mapped_free(&whole);
    return status;
}

static tp_status encode_text(encoder *e, const unsigned char *s, int64_t size, bool plain)
{
    const tp_tokenizer *t = e->t;
    for (int64_t done = 0; done < size;) {
        found_token f = find_added(t, &t->raw_added, t->raw_first, plain, s, done, size);
        e->first = !done;
        if (f.begin > done && (mapped_begin(&e->text, s + done, f.begin - done, done) || normalise(t, e) ||
                               encode_normalised(e, plain)))
            return tp_error_pending();
        if (f.token && tokens_add(e->out, f.token->id, (text_span){ f.begin, f.end }))
            return tp_error_pending();
        done = f.end;
    }
    return TP_OK;
}

/* ---- around it --------------------------------------------------------------------------------------------------------------- */

/* Spaces at the ends of a token are not of its span (Roberta's and the byte-level post-processor). */
static void trim_spans(const unsigned char *s, token_list *list)
{
    for (int64_t i = 0; i < list->count; i++) {
        text_span *span = &list->spans[i];
        while (span->begin < span->end && is_white(character_at(s + span->begin)))
            span->begin += character_bytes(s[span->begin]);
        while (span->end > span->begin) {
            int64_t last = span->end - 1;
            while (last > span->begin && (s[last] & 0xc0) == 0x80)
                last--;
            if (!is_white(character_at(s + last)))
                break;
            span->end = last;
        }
    }
}

static tp_status put_around(const tp_tokenizer *t, token_list *list, int64_t size,
                            const tp_tokenizer_encode_options *o)
{
    const bool around = !o->no_special;
    const int64_t begin = t->specials[TP_SPECIAL_BEGIN], end = t->specials[TP_SPECIAL_END];
    const int64_t text = list->count, n_before = around ? t->n_before : 0;
    if ((o->begin && begin < 0) || (o->end && end < 0))
        return tp_fail(TP_ERR_ARGUMENT, "tokenizer: it has no special token for the %s of a text",
                       o->begin && begin < 0 ? "beginning" : "end");
    const bool put_begin = o->begin && !(n_before && t->before[0] == begin);
    const bool put_end = o->end && !(around && t->n_after && t->after[t->n_after - 1] == end);
    const int64_t front = n_before + put_begin;
    for (int64_t i = 0; i < front; i++)
        if (tokens_add(list, 0, (text_span){ 0, 0 }))
            return tp_error_pending();
    if (front) {
        memmove(list->ids + front, list->ids, (size_t)text * sizeof *list->ids);
        if (list->follow)
            memmove(list->spans + front, list->spans, (size_t)text * sizeof *list->spans);
        for (int64_t i = 0; i < front; i++) {
            list->ids[i] = put_begin && !i ? (int32_t)begin : t->before[i - put_begin];
            if (list->follow)
                list->spans[i] = (text_span){ 0, 0 };
        }
    }
    for (int64_t i = 0; around && i < t->n_after; i++)
        if (tokens_add(list, t->after[i], (text_span){ size, size }))
            return tp_error_pending();
    return put_end ? tokens_add(list, end, (text_span){ size, size }) : TP_OK;
}

static tp_status encode(const tp_tokenizer *t, const char *text, int64_t size,
                        const tp_tokenizer_encode_options *o, token_list *list)
{
    encoder e;
    list->follow = o->offsets;
    tp_status status = encoder_open(&e, t, list, o->offsets);
    if (!status)
        status = encode_text(&e, (const unsigned char *)text, size, o->plain_text);
    encoder_close(&e);
    if (!status && o->offsets && t->trim_offsets)
        trim_spans((const unsigned char *)text, list);
    return status ? status : put_around(t, list, size, o);
}

tp_tokens *tp_tokenizer_encode_opt(const tp_tokenizer *t, const char *text, int64_t size,
                                   const tp_tokenizer_encode_options *options)
{
    tp_tokenizer_encode_options o = { 0 };
    if (tp_pending())
        return NULL;
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (!t || !text || size < -1)
        return tp_fail_null(TP_ERR_ARGUMENT,
                            "tokenizer: the tokenizer or the text is NULL, or its size is %lld",
                            (long long)size);
    size = size < 0 ? (int64_t)strlen(text) : size;
    const int64_t valid = utf8_valid(text, size);
    if (valid < size)
        return tp_fail_null(TP_ERR_FORMAT, "tokenizer: byte %lld of the text (0x%02x) is not UTF-8",
                            (long long)valid, (unsigned char)text[valid]);
    tp_tokens *tokens = tp_object_new(&tokens_class, sizeof *tokens);
    return tokens && !encode(t, text, size, &o, &tokens->list) ? tokens : NULL;
}

int64_t tp_tokens_count(const tp_tokens *tokens)
{
    return tokens ? tokens->list.count : 0;
}

const int32_t *tp_tokens_ids(const tp_tokens *tokens)
{
    return tokens ? tokens->list.ids : NULL;
}

void tp_tokens_span(const tp_tokens *tokens, int64_t i, int64_t *begin, int64_t *end)
{
    const bool there = tokens && tokens->list.follow && i >= 0 && i < tokens->list.count;
    *begin = there ? tokens->list.spans[i].begin : 0;
    *end = there ? tokens->list.spans[i].end : 0;
}
