/* bpe.c - byte-pair encoding (Sennrich et al. 2016): the pair that was learned first is joined first, the leftmost of equal ones.
 *
 * Symbols are a list over the word; candidates wait in a heap, and one whose symbols have changed since is passed over: n log n for a
 * word of n characters, whatever it looks like.  A pair's rank comes from the merges; in SentencePiece's models there are
 * none: neighbours join when together they are a piece, the one with the highest score first.
 * Layer: text.  Depends on tokenizer.h.  Read next: encode.c. */
#include "base/error.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#include <string.h>

/* ---- merges ------------------------------------------------------------------------------------------------------------- */

static merge *merge_slot(const merge *merges, int64_t slots, uint64_t pair)
{
    uint64_t h = pair * 0x9e3779b97f4a7c15u;
    int64_t i = (int64_t)(h >> 32) & (slots - 1);
    while ((merges[i].pair || merges[i].id) && merges[i].pair != pair)
        i = (i + 1) & (slots - 1);
    return (merge *)(uintptr_t)&merges[i];
}

static tp_status grow_merges(tp_tokenizer *t)
{
    const int64_t slots = t->merge_slots ? 2 * t->merge_slots : 1024;
    merge *wide = tp_calloc((size_t)slots * sizeof *wide);
    if (!wide)
        return tp_error_pending();
    for (int64_t i = 0; i < t->merge_slots; i++)
        if (t->merges[i].pair || t->merges[i].id)
            *merge_slot(wide, slots, t->merges[i].pair) = t->merges[i];
    tp_free(t->merges, (size_t)t->merge_slots * sizeof *t->merges);
    t->merges = wide;
    t->merge_slots = slots;
    return TP_OK;
}

/* What both are together: the right one without its prefix behind the left one. */
static int32_t joined_id(const tp_tokenizer *t, int32_t left, int32_t right, char *room)
{
    const struct piece_item *a = &t->pieces.items[left], *b = &t->pieces.items[right];
    const int64_t cut = t->prefix_size < b->length ? t->prefix_size : b->length;
    memcpy(room, t->pieces.text + a->begin, (size_t)a->length);
    memcpy(room + a->length, t->pieces.text + b->begin + cut, (size_t)(b->length - cut));
    return pieces_find(&t->pieces, room, a->length + b->length - cut);
}

tp_status bpe_add_merge(tp_tokenizer *t, const char *where, int64_t rank, int32_t left, int32_t right)
{
    const size_t size = 2 * (size_t)t->pieces.longest + 1;
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    char *room = tp_alloc(size);
    int32_t id = room ? joined_id(t, left, right, room) : -1;
    tp_free(room, size);
    if (id < 0)
        return tp_fail(TP_ERR_FORMAT,
                       "%s: merge %lld of '%.40s' and '%.40s' makes no piece of the vocabulary", where,
                       (long long)rank, piece_at(&t->pieces, left), piece_at(&t->pieces, right));
    if (2 * (t->n_merges + 1) > t->merge_slots && grow_merges(t))
        return tp_error_pending();
    merge *slot = merge_slot(t->merges, t->merge_slots, pair);
    t->n_merges += !slot->pair && !slot->id;
    *slot = (merge){ pair, (int32_t)rank, id }; /* of two equal ones the later counts */
    return TP_OK;
}

tp_status bpe_byte_pieces(tp_tokenizer *t, const char *where)
{
    char name[8];
    for (int b = 0; b < 256; b++) {
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
        t->byte_ids[b] = pieces_find(&t->pieces, name, 6);
        if (t->byte_ids[b] < 0 && t->sentencepiece)
            return tp_fail(TP_ERR_FORMAT,
                           "%s: bytes stand in for unknown characters, but there is no piece %s", where,
                           name);
    }
    return TP_OK;
}

/* ---- the heap ------------------------------------------------------------------------------------------------------------ */

static bool sooner(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static tp_status heap_push(encoder *e, candidate c)
{
    if (tp_grow((void **)&e->heap, &e->heap_room, e->n_heap + 1, sizeof *e->heap))
        return tp_error_pending();
    int64_t i = e->n_heap++;
    for (; i && sooner(&c, &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
        e->heap[i] = e->heap[(i - 1) / 2];
    e->heap[i] = c;
    return TP_OK;
}

static candidate heap_pop(encoder *e)
{
    const candidate top = e->heap[0], last = e->heap[--e->n_heap];
    int64_t i = 0;
    for (int64_t child = 1; child < e->n_heap; i = child, child = 2 * i + 1) {
        child += child + 1 < e->n_heap && sooner(&e->heap[child + 1], &e->heap[child]);
        if (!sooner(&e->heap[child], &last))
            break;
        e->heap[i] = e->heap[child];
    }
    e->heap[i] = last;
    return top;
}

/* ---- joining --------------------------------------------------------------------------------------------------------------- */

static tp_status consider(const tp_tokenizer *t, encoder *e, int64_t left)
{
    const symbol *a = left < 0 ? NULL : &e->symbols[left],
                 *b = a && a->after >= 0 ? &e->symbols[a->after] : NULL;
    if (!b || a->alone || b->alone)
        return TP_OK;
    candidate c = { .left = left, .size = b->end - a->begin };
    if (t->sentencepiece) {
        c.id = pieces_find(&t->pieces, e->text.bytes + a->begin, c.size);
        if (c.id < 0 || (t->kinds && t->kinds[c.id] != PIECE_NORMAL && t->kinds[c.id] != PIECE_USER))
            return TP_OK;
        c.rank = -t->scores[c.id];
        return heap_push(e, c);
    }
    if (!t->n_merges)
        return TP_OK;
    const merge *m = merge_slot(t->merges, t->merge_slots, (uint64_t)(uint32_t)a->id << 32 | (uint32_t)b->id);
    if (!m->pair && !m->id)
        return TP_OK;
    c.rank = m->rank;
    c.id = m->id;
    return heap_push(e, c);
}

static tp_status join_all(const tp_tokenizer *t, encoder *e, int64_t count)
{
    e->n_heap = 0;
    for (int64_t i = 0; i + 1 < count; i++)
        if (consider(t, e, i))
            return tp_error_pending();
    while (e->n_heap) {
        const candidate c = heap_pop(e);
        symbol *a = &e->symbols[c.left], *b = a->after < 0 ? NULL : &e->symbols[a->after];
        if (a->begin == a->end || !b || b->end - a->begin != c.size)
            continue;
        a->id = c.id;
        a->end = b->end;
        a->after = b->after;
        b->begin = b->end;
        if (a->after >= 0)
            e->symbols[a->after].before = c.left;
        if (consider(t, e, a->before) || consider(t, e, c.left))
            return tp_error_pending();
    }
    return TP_OK;
}

/* ---- characters ------------------------------------------------------------------------------------------------------------ */

static tp_status add_symbol(encoder *e, int64_t *count, int32_t id, int64_t begin, int64_t end, bool alone)
{
    if (tp_grow((void **)&e->symbols, &e->symbol_room, *count + 1, sizeof *e->symbols))
        return tp_error_pending();
    e->symbols[*count] = (symbol){ begin, end, *count - 1, -1, id, alone };
    if (*count)
        e->symbols[*count - 1].after = *count;
    ++*count;
    return TP_OK;
}

/* The character as a piece, with the prefix or suffix that its place in the word asks for. */
static int32_t character_id(const tp_tokenizer *t, const unsigned char *s, int64_t size, bool first,
                            bool last)
{
    char room[256];
    int64_t used = 0;
    if (!t->prefix_size && !t->suffix_size)
        return pieces_find(&t->pieces, s, size);
    if (!first && t->prefix_size)
        memcpy(room, t->prefix, (size_t)t->prefix_size), used = t->prefix_size;
    memcpy(room + used, s, (size_t)size);
    used += size;
    if (last && t->suffix_size)
        memcpy(room + used, t->suffix, (size_t)t->suffix_size), used += t->suffix_size;
    return pieces_find(&t->pieces, room, used);
}

static bool has_bytes(const tp_tokenizer *t, const unsigned char *s, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        if (t->byte_ids[s[i]] < 0)
            return false;
    return true;
}

/* A character that is no piece: its bytes, or the unknown token, one for a run of them if the file says so. */
static tp_status add_unknown(const tp_tokenizer *t, encoder *e, int64_t *count, int64_t at, int64_t size)
{
    symbol *before = *count ? &e->symbols[*count - 1] : NULL;
    if (t->byte_fallback && has_bytes(t, e->text.bytes + at, size)) {
        for (int64_t i = at; i < at + size; i++)
            if (add_symbol(e, count, t->byte_ids[e->text.bytes[i]], i, i + 1, false))
                return tp_error_pending();
        return TP_OK;
    }
    if (t->unknown < 0)
        return tp_fail(TP_ERR_UNSUPPORTED,
                       "tokenizer: '%.*s' is no piece of the vocabulary, which has no unknown token",
                       (int)size, e->text.bytes + at);
    if (t->fuse_unknown && before && before->id == t->unknown && before->alone) {
        before->end = at + size;
        return TP_OK;
    }
    /* `alone` marks it as one to be fused with; it may not be joined, as no merge is of the unknown token. */
    return add_symbol(e, count, t->unknown, at, at + size, true);
}

int64_t user_symbol(const tp_tokenizer *t, const unsigned char *s, int64_t size, int32_t *id)
{
    int64_t longest = 0;
    piece_walk w = pieces_begin(&t->pieces);
    for (int64_t i = 0; i < size && pieces_step(&t->pieces, &w, s[i]); i++) {
        int32_t here = pieces_here(&t->pieces, &w);
        if (here >= 0 && t->kinds[here] == PIECE_USER)
            *id = here, longest = i + 1;
    }
    return longest;
}

static tp_status add_characters(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end, int64_t *count)
{
    for (int64_t i = begin, n; i < end; i += n) {
        int32_t id = -1;
        tp_status status;
        if (t->pieces.n_sorted && (n = user_symbol(t, e->text.bytes + i, end - i, &id))) {
            status = add_symbol(e, count, id, i, i + n, true);
        } else {
            n = character_bytes(e->text.bytes[i]);
            id = character_id(t, e->text.bytes + i, n, i == begin, i + n == end);
            if (id >= 0 && t->kinds && t->kinds[id] != PIECE_NORMAL && t->kinds[id] != PIECE_USER)
                id = -1;
            status = id >= 0 || t->sentencepiece ? add_symbol(e, count, id, i, i + n, false)
                                                 : add_unknown(t, e, count, i, n);
        }
        if (status)
            return status;
    }
    return TP_OK;
}

static tp_status emit_bytes(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        if (emit(e, t->byte_ids[e->text.bytes[i]], begin, end))
            return tp_error_pending();
    return TP_OK;
}

static tp_status bpe_encode(const tp_tokenizer *t, encoder *e, int64_t begin, int64_t end)
{
    int64_t count = 0;
    if (t->ignore_merges) {
        int32_t whole = pieces_find(&t->pieces, e->text.bytes + begin, end - begin);
        if (whole >= 0)
            return emit(e, whole, begin, end);
    }
    if (add_characters(t, e, begin, end, &count) || join_all(t, e, count))
        return tp_error_pending();
    for (int64_t i = count ? 0 : -1; i >= 0; i = e->symbols[i].after) {
        const symbol *s = &e->symbols[i];
        tp_status status = s->id < 0 && t->byte_fallback
                               ? emit_bytes(t, e, s->begin, s->end)
                               : emit(e, s->id < 0 ? t->unknown : s->id, s->begin, s->end);
        if (status)
            return status;
    }
    return TP_OK;
}

const model_type bpe_model = { "bpe", bpe_encode };
