/* train_unigram.c - learning a unigram vocabulary (Kudo 2018): from too many pieces those that are least missed are taken away.
 *
 *   1. seeds: all characters, and the substrings of words with the highest frequency * length
 *   2. EM, twice: how often each piece is expected in the words (forward, backward over all ways to cut them), and from that its score,
 *      digamma(count) - digamma(sum of counts), which favours a sparse vocabulary as Bayes does (Liang and Klein 2009)
 *   3. of each piece, by how much the likelihood of the text falls without it; three quarters of the pieces stay; back to 2
 *   4. the best of the last ones, as many as wanted, and every character
 *
 * Layer: text.  Depends on train.h.  Read next: unigram.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST_SEED = 16,
    SEEDS_A_PIECE = 20,
    MOST_SEEDS = 1000000,
    MOST_SUBSTRINGS = 1 << 23,
    EM_STEPS = 2,
    LONGEST_WORD = 1 << 16
};
static const double rare = 0.5, shrink = 0.75, room_to_choose = 1.1, unlikely = -1e30;

typedef struct candidate_piece {
    int64_t begin; /* in the text of the model's vocabulary */
    int32_t length;
    double value; /* what it is ordered by */
    double score;
    bool character; /* stays whatever happens */
} candidate_piece;

typedef struct piece_list { /* a vocabulary under way */
    piece_table v;
    double *scores;
    bool *characters;
    int64_t score_room, character_room;
} piece_list;

static void list_free(piece_list *l)
{
    pieces_free(&l->v);
    tp_free(l->scores, (size_t)l->score_room * sizeof *l->scores);
    tp_free(l->characters, (size_t)l->character_room * sizeof *l->characters);
    *l = (piece_list){ 0 };
}

static tp_status list_add(piece_list *l, const char *where, const char *piece, int64_t size, double score,
                          bool character)
{
    const int64_t id = l->v.count;
    if (tp_grow((void **)&l->scores, &l->score_room, id + 1, sizeof *l->scores) ||
        tp_grow((void **)&l->characters, &l->character_room, id + 1, sizeof *l->characters))
        return tp_error_pending();
    l->scores[id] = score;
    l->characters[id] = character;
    return pieces_add(&l->v, where, id, piece, size);
}

/* ---- order ----------------------------------------------------------------------------------------------------------------- */

/* The highest value first; of equal ones the one that was there first, so that the order is always the same. */
static int by_value(const void *a, const void *b)
{
    const candidate_piece *x = a, *y = b;
    return x->character != y->character ? y->character - x->character
           : x->value != y->value       ? (x->value < y->value) - (x->value > y->value)
                                        : (x->begin > y->begin) - (x->begin < y->begin);
}

/* The first `keep` of the pieces, and every character, become the list. */
static tp_status keep_best(piece_list *l, const char *where, candidate_piece *c, int64_t count, int64_t keep)
{
    piece_list kept = { 0 };
    tp_status status = TP_OK;
    qsort(c, (size_t)count, sizeof *c, by_value);
    for (int64_t i = 0; i < count && !status && (i < keep || c[i].character); i++)
        status = list_add(&kept, where, l->v.text + c[i].begin, c[i].length, c[i].score, c[i].character);
    status = status ? status : pieces_sort(&kept.v);
    list_free(l);
    *l = kept;
    return status;
}

/* ---- seeds ----------------------------------------------------------------------------------------------------------------- */

static tp_status count_substrings(const trainer *r, piece_list *all)
{
    for (int64_t w = 0; w < r->words.count; w++) {
        const char *s = piece_at(&r->words, w);
        const int64_t size = r->words.items[w].length;
        for (int64_t i = 0; i < size && size <= LONGEST_WORD; i += character_bytes((unsigned char)s[i])) {
            int64_t end = i;
            for (int n = 1; n <= LONGEST_SEED && end < size; n++) {
                end += character_bytes((unsigned char)s[end]);
                const int32_t id = pieces_find(&all->v, s + i, end - i);
                if (id >= 0)
                    all->scores[id] += (double)r->counts[w];
                else if ((n == 1 || all->v.count < MOST_SUBSTRINGS) &&
                         list_add(all, r->path, s + i, end - i, (double)r->counts[w], n == 1))
                    return tp_error_pending();
            }
        }
    }
    return TP_OK;
}

static int64_t characters_in(const char *s, int64_t size)
{
    int64_t n = 0;
    for (int64_t i = 0; i < size; i += character_bytes((unsigned char)s[i]))
        n++;
    return n;
}

static tp_status seed(const trainer *r, piece_list *l)
{
    if (count_substrings(r, l))
        return tp_error_pending();
    candidate_piece *c = tp_alloc((size_t)l->v.count * sizeof *c);
    int64_t characters = 0, count = 0,
            most = r->wanted * SEEDS_A_PIECE < MOST_SEEDS ? r->wanted * SEEDS_A_PIECE : MOST_SEEDS;
    double sum = 0;
    for (int64_t id = 0; c && id < l->v.count; id++) {
        const struct piece_item *item = &l->v.items[id];
        const double value = l->scores[id] * (double)characters_in(l->v.text + item->begin, item->length);
        if (l->characters[id] || l->scores[id] >= 2)
            c[count++] = (candidate_piece){ item->begin, item->length, value, value, l->characters[id] };
        characters += l->characters[id];
    }
    const size_t room = (size_t)l->v.count * sizeof *c;
    tp_status status = c && !check_room(r, r->pieces.count + characters)
                           ? keep_best(l, r->path, c, count, most)
                           : tp_error_pending();
    tp_free(c, room);
    for (int64_t id = 0; id < l->v.count; id++)
        sum += l->scores[id];
    for (int64_t id = 0; id < l->v.count; id++)
        l->scores[id] = log(l->scores[id]) - log(sum);
    return status;
}

/* ---- expectation and maximisation ---------------------------------------------------------------------------------------------- */

static double log_add(double a, double b)
{
    const double high = a > b ? a : b, low = a > b ? b : a;
    return low <= unlikely ? high : high + log1p(exp(low - high));
}

/* psi(x) by its asymptotic series, for which x is raised above 7 (Bernardo 1976). */
static double digamma(double x)
{
    double y = 0;
    while (x < 7) {
        y -= 1 / x;
        x++;
    }
    x -= 0.5;
    const double x2 = 1 / (x * x);
    return y + log(x) + x2 * (1.0 / 24 - x2 * (7.0 / 960 - x2 * (31.0 / 8064 - x2 * 127.0 / 30720)));
}

typedef struct lattice {
    double *forward,
        *backward; /* log of the probability of all ways from the beginning to here, and from here to the end */
    int64_t room, other_room;
} lattice;

/* Goes over the pieces that begin at i: with expected NULL forward sums are made, else counts of pieces. */
static void visit(const piece_list *l, const char *s, int64_t size, int64_t i, double *forward,
                  double *backward)
{
    piece_walk w = pieces_begin(&l->v);
    for (int64_t k = i; k < size && pieces_step(&l->v, &w, (unsigned char)s[k]); k++) {
        const int32_t id = pieces_here(&l->v, &w);
        if (id < 0)
            continue;
        if (forward)
            forward[k + 1] = log_add(forward[k + 1], forward[i] + l->scores[id]);
        else
            backward[i] = log_add(backward[i], backward[k + 1] + l->scores[id]);
    }
}

static void expect_in_word(const piece_list *l, const char *s, int64_t size, double count, lattice *a,
                           double *expected)
{
    for (int64_t i = 0; i <= size; i++)
        a->forward[i] = a->backward[i] = 2 * unlikely;
    a->forward[0] = a->backward[size] = 0;
    for (int64_t i = 0; i < size; i += character_bytes((unsigned char)s[i]))
        visit(l, s, size, i, a->forward, NULL);
    for (int64_t i = size - 1; i >= 0; i--)
        if ((s[i] & 0xc0) != 0x80)
            visit(l, s, size, i, NULL, a->backward);
    const double all = a->forward[size];
    for (int64_t i = 0; i < size; i += character_bytes((unsigned char)s[i])) {
        piece_walk w = pieces_begin(&l->v);
        for (int64_t k = i; k < size && pieces_step(&l->v, &w, (unsigned char)s[k]); k++) {
            const int32_t id = pieces_here(&l->v, &w);
            if (id >= 0)
                expected[id] += count * exp(a->forward[i] + l->scores[id] + a->backward[k + 1] - all);
        }
    }
}

static tp_status expect(const trainer *r, const piece_list *l, double *expected)
{
    lattice a = { 0 };
    tp_status status = TP_OK;
    memset(expected, 0, (size_t)l->v.count * sizeof *expected);
    for (int64_t w = 0; w < r->words.count && !status; w++) {
        const int64_t size = r->words.items[w].length;
        if (size > LONGEST_WORD)
            continue;
        if (tp_grow((void **)&a.forward, &a.room, size + 1, sizeof *a.forward) ||
            tp_grow((void **)&a.backward, &a.other_room, size + 1, sizeof *a.backward))
            status = tp_error_pending();
        else
            expect_in_word(l, piece_at(&r->words, w), size, (double)r->counts[w], &a, expected);
    }
    tp_free(a.forward, (size_t)a.room * sizeof *a.forward);
    tp_free(a.backward, (size_t)a.other_room * sizeof *a.backward);
    return status;
}

/* Pieces that are hardly expected go; the others get their scores. */
static tp_status maximise(const trainer *r, piece_list *l, const double *expected)
{
    candidate_piece *c = tp_alloc((size_t)l->v.count * sizeof *c);
    const size_t room = (size_t)l->v.count * sizeof *c;
    int64_t count = 0;
    double sum = 0;
    for (int64_t id = 0; c && id < l->v.count; id++) {
        const double n = expected[id] > rare || !l->characters[id] ? expected[id] : rare;
        if (n < rare)
            continue;
        sum += n;
        c[count++] = (candidate_piece){ l->v.items[id].begin, l->v.items[id].length, 0, digamma(n),
                                        l->characters[id] };
    }
    for (int64_t i = 0; i < count; i++)
        c[i].score -= digamma(sum);
    tp_status status = c ? keep_best(l, r->path, c, count, count) : tp_error_pending();
    tp_free(c, room);
    return status;
}

/* ---- what is least missed ---------------------------------------------------------------------------------------------------------- */

typedef struct way { /* the best one to a place */
    double score;
    int64_t from;
    int32_t id;
} way;

/* The best way to cut s, without one piece (-1: with all). */
static void find_best(const piece_list *l, const char *s, int64_t size, int32_t without, way *best)
{
    for (int64_t i = 1; i <= size; i++)
        best[i] = (way){ 2 * unlikely, -1, -1 };
    best[0] = (way){ 0, -1, -1 };
    for (int64_t i = 0; i < size; i += character_bytes((unsigned char)s[i])) {
        piece_walk w = pieces_begin(&l->v);
        for (int64_t k = i; k < size && pieces_step(&l->v, &w, (unsigned char)s[k]); k++) {
            const int32_t id = pieces_here(&l->v, &w);
            if (id >= 0 && id != without && best[i].score + l->scores[id] > best[k + 1].score)
                best[k + 1] = (way){ best[i].score + l->scores[id], i, id };
        }
    }
}

/* How often each piece stands in the best ways to cut the words. */
static tp_status count_best(const trainer *r, const piece_list *l, double *counts)
{
    way *best = NULL;
    int64_t room = 0;
    memset(counts, 0, (size_t)l->v.count * sizeof *counts);
    for (int64_t w = 0; w < r->words.count; w++) {
        const int64_t size = r->words.items[w].length;
        if (size > LONGEST_WORD)
            continue;
        if (tp_grow((void **)&best, &room, size + 1, sizeof *best))
            break;
        find_best(l, piece_at(&r->words, w), size, -1, best);
        for (int64_t at = size; at > 0 && best[at].from >= 0; at = best[at].from)
            counts[best[at].id] += (double)r->counts[w];
    }
    tp_free(best, (size_t)room * sizeof *best);
    return tp_error_pending();
}

/* What the text's likelihood loses without the piece, whose count then goes to those it is cut into; 0: it is not missed, as it is not
 * the best way to cut itself. */
static double loss_without(const piece_list *l, int32_t id, const double *counts, double sum)
{
    way best[LONGEST_SEED * 4 + 1];
    const int64_t size = l->v.items[id].length;
    double others = 0;
    int n = 0;
    find_best(l, piece_at(&l->v, id), size, id, best);
    if (best[size].score >= l->scores[id] || counts[id] <= 0)
        return 0;
    for (int64_t at = size; at > 0; at = best[at].from, n++)
        others += log(counts[best[at].id] + counts[id]);
    return counts[id] * (log(counts[id]) - log(sum) - others + n * log(sum + counts[id] * (n - 1)));
}

static tp_status prune(const trainer *r, piece_list *l, double *counts, int64_t keep)
{
    candidate_piece *c = tp_alloc((size_t)l->v.count * sizeof *c);
    const size_t room = (size_t)l->v.count * sizeof *c;
    int64_t count = 0;
    double sum = 0;
    tp_status status = c ? count_best(r, l, counts) : tp_error_pending();
    for (int64_t id = 0; id < l->v.count && !status; id++)
        sum += counts[id];
    for (int32_t id = 0; id < l->v.count && !status; id++) {
        const double loss = l->characters[id] ? 0 : loss_without(l, id, counts, sum);
        if (l->characters[id] || loss > 0)
            c[count++] = (candidate_piece){ l->v.items[id].begin, l->v.items[id].length, loss, l->scores[id],
                                            l->characters[id] };
    }
    status = status ? status : keep_best(l, r->path, c, count, keep);
    tp_free(c, room);
    return status;
}

static tp_status finish(trainer *r, piece_list *l)
{
    const int64_t specials = r->pieces.count;
    candidate_piece *c = tp_alloc((size_t)l->v.count * sizeof *c);
    const size_t room = (size_t)l->v.count * sizeof *c;
    for (int64_t id = 0; c && id < l->v.count; id++)
        c[id] = (candidate_piece){ l->v.items[id].begin, l->v.items[id].length, l->scores[id], l->scores[id],
                                   l->characters[id] };
    tp_status status = c ? keep_best(l, r->path, c, l->v.count, r->wanted - specials) : tp_error_pending();
    tp_free(c, room);
    status = status || tp_grow((void **)&r->scores, &r->score_room, specials + l->v.count, sizeof *r->scores)
                 ? tp_error_pending()
                 : TP_OK;
    for (int64_t id = 0; id < specials && !status; id++)
        r->scores[id] = 0;
    for (int64_t id = 0; id < l->v.count && !status; id++) {
        const struct piece_item *item = &l->v.items[id];
        if (pieces_find(&r->pieces, l->v.text + item->begin, item->length) >= 0)
            continue; /* a special token that stands in the text */
        r->scores[r->pieces.count] = l->scores[id];
        status = add_piece(r, l->v.text + item->begin, item->length);
    }
    return status;
}

tp_status train_unigram(trainer *r)
{
    piece_list l = { 0 };
    const int64_t goal = (int64_t)((double)(r->wanted - r->pieces.count) * room_to_choose);
    tp_status status = seed(r, &l);
    const size_t room = (size_t)l.v.count * sizeof(double);
    double *expected = status ? NULL : tp_alloc(room);
    status = expected ? TP_OK : tp_error_pending();
    for (bool done = false; !status && !done;) {
        const int64_t before = l.v.count;
        for (int i = 0; i < EM_STEPS && !status; i++)
            if (!(status = expect(r, &l, expected)))
                status = maximise(r, &l, expected);
        done = l.v.count <= goal;
        if (done || status)
            break;
        const int64_t keep = (int64_t)((double)l.v.count * shrink);
        status = prune(r, &l, expected, keep > goal ? keep : goal);
        done = l.v.count >= before; /* nothing but characters is left */
    }
    status = status ? status : finish(r, &l);
    tp_free(expected, room);
    list_free(&l);
    return status;
}
