/* unigram.c - the unigram model (Kudo 2018): of all ways to cut a text into pieces the one with the highest sum of scores.
 *
 * Viterbi over the ends of pieces.  A character that is no piece costs 10 more than the worst one, and a run of them is one unknown
 * token.  SentencePiece adds in single precision, which decides between ways that are equally good, the tokenizers package in double:
 * each as its own.
 * Layer: text.  Depends on tokenizer.h.  Read next: train_unigram.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/tokenizer.h"

static double score_of(const tp_tokenizer *t, int32_t id, int64_t bytes)
{
    if (t->kinds && t->kinds[id] == PIECE_USER) /* always taken */
        return (double)((float)bytes * (float)t->top_score) - 0.1;
    return t->scores[id];
}

static void offer(const tp_tokenizer *t, viterbi *to, const viterbi *at, int64_t from, int32_t id,
                  double score)
{
    const double sum = t->sentencepiece ? (double)(float)(score + at->score) : score + at->score;
    if (to->from < 0 || sum > to->score)
        *to = (viterbi){ .score = sum, .from = from, .id = id };
}

static bool is_matched(const tp_tokenizer *t, int32_t id)
{
    return !t->kinds || t->kinds[id] == PIECE_NORMAL || t->kinds[id] == PIECE_USER;
}

static void find_ways(const tp_tokenizer *t, viterbi *best, const unsigned char *s, int64_t size)
{
    for (int64_t i = 0, n; i < size; i += n) {
        bool single = false;
        n = character_bytes(s[i]);
        piece_walk w = pieces_begin(&t->pieces);
        for (int64_t k = i; k < size && pieces_step(&t->pieces, &w, s[k]); k++) {
            int32_t id = pieces_here(&t->pieces, &w);
            if (id < 0 || !is_matched(t, id))
                continue;
            offer(t, &best[k + 1], &best[i], i, id, score_of(t, id, k + 1 - i));
            single = single || k + 1 - i == n;
        }
        if (!single)
            offer(t, &best[i + n], &best[i], i, -1, t->unknown_score);
    }
}

static tp_status emit_unknown(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    bool bytes = t->byte_fallback;
    for (int64_t i = begin; bytes && i < end; i++)
        bytes = t->byte_ids[e->text.bytes[i]] >= 0;
    if (!bytes && t->unknown < 0)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "tokenizer: '%.*s' is no piece of the vocabulary, which has no unknown token",
                       (int)(end - begin < 40 ? end - begin : 40), e->text.bytes + begin);
    for (int64_t i = begin; bytes && i < end; i++)
        if (emit(e, t->byte_ids[e->text.bytes[i]], begin, end))
            return tp_error_pending();
    return bytes ? TP_OK : emit(e, t->unknown, begin, end);
}

static tp_status unigram_encode(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    const int64_t size = end - begin;
    if (tp_grow((void **)&e->best, &e->best_room, size + 1, sizeof *e->best))
        return tp_error_pending();
    viterbi *best = e->best;
    for (int64_t i = 0; i <= size; i++)
        best[i] = (viterbi){ .from = -1 };
    find_ways(t, best, e->text.bytes + begin, size);
    for (int64_t at = size; at > 0; at = best[at].from) {
        best[best[at].from].next = at;
        best[best[at].from].next_id = best[at].id;
    }
    for (int64_t at = 0, stop; at < size; at = stop) {
        const int32_t id = best[at].next_id;
        stop = best[at].next;
        while (id < 0 && stop < size && best[stop].next_id < 0)
            stop = best[stop].next; /* a run of unknown characters */
        if (id < 0 ? emit_unknown(t, e, begin + at, begin + stop) : emit(e, id, begin + at, begin + stop))
            return tp_error_pending();
    }
    return TP_OK;
}

const model_type unigram_model = { "unigram", unigram_encode };
