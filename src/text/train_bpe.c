/* train_bpe.c - learning merges (Sennrich et al. 2016): the pair of neighbours that is most frequent becomes a piece, again and again.
 *
 * Only words that hold the pair are gone through, and only its neighbours' counts change; the most frequent pair is the top of a heap, whose
 * entries may be out of date and are then put back with the count of now.  Of equally frequent pairs the one with the
 * smaller ids is taken.  The tokenizers package does the same, and comes to the same merges.
 * Layer: text.  Depends on train.h.  Read next: train.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/train.h"

#include <string.h>

typedef struct known_pair {
    piece_pair pair;
    int64_t count;
    int32_t *words; /* that held it once; one may stand there twice */
    int64_t n_words, room;
    bool touched; /* its count has grown by the merge under way */
} known_pair;

typedef struct waiting {
    int64_t count; /* when it was put there */
    int32_t pair;  /* index into pairs */
} waiting;

typedef struct bpe_trainer {
    trainer *r;
    int32_t *symbols; /* of all words, one after the other */
    int64_t *begins;  /* of each word in symbols */
    int32_t *lengths; /* of each word now */
    int64_t n_symbols, symbol_room, begin_room, length_room;
    known_pair *pairs;
    int32_t *slots; /* open addressing: index + 1 into pairs */
    int64_t n_pairs, pair_room, n_slots;
    waiting *heap;
    int64_t n_heap, heap_room;
    int32_t *touched; /* the pairs that are */
    int64_t n_touched, touched_room;
} bpe_trainer;

/* ---- pairs ------------------------------------------------------------------------------------------------------------- */

static int64_t pair_slot(const bpe_trainer *b, piece_pair p)
{
    const uint64_t key = (uint64_t)(uint32_t)p.left << 32 | (uint32_t)p.right;
    int64_t mask = b->n_slots - 1, i = (int64_t)(key * 0x9e3779b97f4a7c15u >> 32) & mask;
    for (; b->slots[i]; i = (i + 1) & mask) {
        const piece_pair *q = &b->pairs[b->slots[i] - 1].pair;
        if (q->left == p.left && q->right == p.right)
            break;
    }
    return i;
}

static tp_status grow_slots(bpe_trainer *b)
{
    tp_free(b->slots, (size_t)b->n_slots * sizeof *b->slots);
    b->n_slots = b->n_slots ? 2 * b->n_slots : 4096;
    b->slots = tp_calloc((size_t)b->n_slots * sizeof *b->slots);
    if (!b->slots) {
        b->n_slots = 0;
        return tp_error_pending();
    }
    for (int64_t i = 0; i < b->n_pairs; i++)
        b->slots[pair_slot(b, b->pairs[i].pair)] = (int32_t)i + 1;
    return TP_OK;
}

/* The pair's index; it is made if it is new.  -1 with an error pending. */
static int64_t find_pair(bpe_trainer *b, piece_pair p)
{
    if (2 * (b->n_pairs + 1) > b->n_slots && grow_slots(b))
        return -1;
    int64_t slot = pair_slot(b, p);
    if (b->slots[slot])
        return b->slots[slot] - 1;
    if (b->n_pairs == INT32_MAX - 1 ||
        tp_grow((void **)&b->pairs, &b->pair_room, b->n_pairs + 1, sizeof *b->pairs))
        return -1;
    b->pairs[b->n_pairs] = (known_pair){ .pair = p };
    b->slots[slot] = (int32_t)++b->n_pairs;
    return b->n_pairs - 1;
}

/* The pair stands in the word once more, or once less. */
static tp_status change(bpe_trainer *b, int32_t left, int32_t right, int64_t word, int sign)
{
    const int64_t i = find_pair(b, (piece_pair){ left, right });
    if (i < 0)
        return tp_error_pending();
    known_pair *p = &b->pairs[i];
    p->count += sign * b->r->counts[word];
    if (sign < 0)
        return TP_OK;
    if (!p->n_words || p->words[p->n_words - 1] != word) {
        if (tp_grow((void **)&p->words, &p->room, p->n_words + 1, sizeof *p->words))
            return tp_error_pending();
        p->words[p->n_words++] = (int32_t)word;
    }
    if (p->touched)
        return TP_OK;
    p->touched = true;
    if (tp_grow((void **)&b->touched, &b->touched_room, b->n_touched + 1, sizeof *b->touched))
        return tp_error_pending();
    b->touched[b->n_touched++] = (int32_t)i;
    return TP_OK;
}

/* ---- the heap ------------------------------------------------------------------------------------------------------------ */

static bool comes_first(const bpe_trainer *b, waiting x, waiting y)
{
    const piece_pair p = b->pairs[x.pair].pair, q = b->pairs[y.pair].pair;
    return x.count != y.count ? x.count > y.count : p.left != q.left ? p.left < q.left : p.right < q.right;
}

static tp_status heap_push(bpe_trainer *b, waiting w)
{
    if (tp_grow((void **)&b->heap, &b->heap_room, b->n_heap + 1, sizeof *b->heap))
        return tp_error_pending();
    int64_t i = b->n_heap++;
    for (; i && comes_first(b, w, b->heap[(i - 1) / 2]); i = (i - 1) / 2)
        b->heap[i] = b->heap[(i - 1) / 2];
    b->heap[i] = w;
    return TP_OK;
}

static waiting heap_pop(bpe_trainer *b)
{
    const waiting top = b->heap[0], last = b->heap[--b->n_heap];
    int64_t i = 0;
    for (int64_t child = 1; child < b->n_heap; i = child, child = 2 * i + 1) {
        child += child + 1 < b->n_heap && comes_first(b, b->heap[child + 1], b->heap[child]);
        if (!comes_first(b, b->heap[child], last))
            break;
        b->heap[i] = b->heap[child];
    }
    b->heap[i] = last;
    return top;
}

/* Pairs whose count has grown wait with their new count. */
static tp_status push_touched(bpe_trainer *b)
{
    for (int64_t i = 0; i < b->n_touched; i++) {
        const int32_t p = b->touched[i];
        b->pairs[p].touched = false;
        if (b->pairs[p].count > 0 && heap_push(b, (waiting){ b->pairs[p].count, p }))
            return tp_error_pending();
    }
    b->n_touched = 0;
    return TP_OK;
}

/* ---- words ---------------------------------------------------------------------------------------------------------------- */

/* A character of a word as a piece, which is made if it is new. */
static int32_t symbol_of(trainer *r, const unsigned char *s, int64_t size, bool first)
{
    char text[128];
    const int64_t prefix = first ? 0 : (int64_t)strlen(r->prefix);
    memcpy(text, r->prefix, (size_t)prefix);
    memcpy(text + prefix, s, (size_t)size);
    int32_t id = pieces_find(&r->pieces, text, prefix + size);
    if (id < 0 && !add_piece(r, text, prefix + size))
        id = (int32_t)r->pieces.count - 1;
    return id;
}

static tp_status read_words(bpe_trainer *b)
{
    trainer *r = b->r;
    const int64_t n = r->words.count;
    if (tp_grow((void **)&b->begins, &b->begin_room, n, sizeof *b->begins) ||
        tp_grow((void **)&b->lengths, &b->length_room, n, sizeof *b->lengths))
        return tp_error_pending();
    for (int64_t w = 0; w < n; w++) {
        const unsigned char *s = (const unsigned char *)piece_at(&r->words, w);
        const int64_t size = r->words.items[w].length;
        b->begins[w] = b->n_symbols;
        for (int64_t i = 0, length; i < size; i += length) {
            length = character_bytes(s[i]);
            const int32_t id = symbol_of(r, s + i, length, !i);
            if (id < 0 ||
                tp_grow((void **)&b->symbols, &b->symbol_room, b->n_symbols + 1, sizeof *b->symbols))
                return tp_error_pending();
            b->symbols[b->n_symbols++] = id;
        }
        b->lengths[w] = (int32_t)(b->n_symbols - b->begins[w]);
        for (int32_t i = 0; i + 1 < b->lengths[w]; i++)
            if (change(b, b->symbols[b->begins[w] + i], b->symbols[b->begins[w] + i + 1], w, 1))
                return tp_error_pending();
    }
    return push_touched(b);
}

static tp_status merge_in_word(bpe_trainer *b, int64_t w, piece_pair p, int32_t made)
{
    int32_t *s = b->symbols + b->begins[w], n = b->lengths[w];
    for (int32_t i = 0; i + 1 < n; i++) {
        if (s[i] != p.left || s[i + 1] != p.right)
            continue;
        if (i && (change(b, s[i - 1], p.left, w, -1) || change(b, s[i - 1], made, w, 1)))
            return tp_error_pending();
        s[i] = made;
        memmove(s + i + 1, s + i + 2, (size_t)(n - i - 2) * sizeof *s);
        n--;
        if (i + 1 < n && (change(b, p.right, s[i + 1], w, -1) || change(b, made, s[i + 1], w, 1)))
            return tp_error_pending();
    }
    b->lengths[w] = n;
    return TP_OK;
}

/* Both pieces as one, which may be there already. */
static int32_t made_piece(trainer *r, piece_pair p)
{
    const struct piece_item *a = &r->pieces.items[p.left], *c = &r->pieces.items[p.right];
    const int64_t cut = (int64_t)strlen(r->prefix), size = a->length + c->length - cut;
    char *text = tp_alloc((size_t)size);
    if (!text)
        return -1;
    memcpy(text, r->pieces.text + a->begin, (size_t)a->length);
    memcpy(text + a->length, r->pieces.text + c->begin + cut, (size_t)(c->length - cut));
    int32_t id = pieces_find(&r->pieces, text, size);
    if (id < 0 && !add_piece(r, text, size))
        id = (int32_t)r->pieces.count - 1;
    tp_free(text, (size_t)size);
    return id;
}

static tp_status merge_pair(bpe_trainer *b, int32_t index)
{
    trainer *r = b->r;
    const piece_pair p = b->pairs[index].pair;
    const int32_t made = made_piece(r, p);
    if (made < 0 || tp_grow((void **)&r->merges, &r->merge_room, r->n_merges + 1, sizeof *r->merges))
        return tp_error_pending();
    r->merges[r->n_merges++] = p;
    known_pair done = b->pairs[index]; /* merging may bring the pair about anew */
    b->pairs[index].words = NULL;
    b->pairs[index].n_words = b->pairs[index].room = 0;
    tp_status status = TP_OK;
    for (int64_t i = 0; i < done.n_words && !status; i++)
        status = merge_in_word(b, done.words[i], p, made);
    tp_free(done.words, (size_t)done.room * sizeof *done.words);
    return status ? status : push_touched(b);
}

static void bpe_trainer_free(bpe_trainer *b)
{
    for (int64_t i = 0; i < b->n_pairs; i++)
        tp_free(b->pairs[i].words, (size_t)b->pairs[i].room * sizeof *b->pairs[i].words);
    tp_free(b->symbols, (size_t)b->symbol_room * sizeof *b->symbols);
    tp_free(b->begins, (size_t)b->begin_room * sizeof *b->begins);
    tp_free(b->lengths, (size_t)b->length_room * sizeof *b->lengths);
    tp_free(b->pairs, (size_t)b->pair_room * sizeof *b->pairs);
    tp_free(b->slots, (size_t)b->n_slots * sizeof *b->slots);
    tp_free(b->heap, (size_t)b->heap_room * sizeof *b->heap);
    tp_free(b->touched, (size_t)b->touched_room * sizeof *b->touched);
}

tp_status train_bpe(trainer *r)
{
    bpe_trainer b = { .r = r };
    tp_status status = read_words(&b);
    while (!status && b.n_heap && r->pieces.count < r->wanted) {
        waiting top = heap_pop(&b);
        const int64_t now = b.pairs[top.pair].count;
        if (top.count != now) {
            top.count = now;
            status = now > 0 ? heap_push(&b, top) : TP_OK;
            continue;
        }
        if (now < 1 || now < r->min_frequency)
            break;
        status = merge_pair(&b, top.pair);
    }
    bpe_trainer_free(&b);
    return status;
}
