/* pieces.c - pieces and their numbers, both ways.
 *
 * Layer: text.  Depends on base/memory.h.  Read next: pieces.h for the invariants. */
#include "text/pieces.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t h)
{
    h *= 0x9fb21c651e98df25u; /* an odd number; the high bits, which depend on all others, come down */
    return h ^ h >> 32;
}

/* Eight bytes at a time. */
uint64_t hash_bytes(const void *data, int64_t length)
{
    const unsigned char *p = data;
    uint64_t h = 0x9e3779b97f4a7c15u ^ (uint64_t)length, word = 0;
    for (; length >= 8; p += 8, length -= 8) {
        memcpy(&word, p, 8);
        h = mix(h ^ word);
    }
    word = 0;
    memcpy(&word, p, (size_t)length);
    return mix(mix(h ^ word));
}

static int64_t slot_of(const piece_table *v, const void *piece, int64_t length)
{
    int64_t mask = v->n_slots - 1, i = (int64_t)hash_bytes(piece, length) & mask;
    for (; v->slots[i]; i = (i + 1) & mask) {
        const struct piece_item *item = &v->items[v->slots[i] - 1];
        if (item->length == length && !memcmp(v->text + item->begin, piece, (size_t)length))
            break;
    }
    return i;
}

int32_t pieces_find(const piece_table *v, const void *piece, int64_t length)
{
    return v->n_slots && length <= v->longest ? v->slots[slot_of(v, piece, length)] - 1 : -1;
}

static tp_status grow_slots(piece_table *v)
{
    piece_table wide = *v;
    wide.n_slots = v->n_slots ? 2 * v->n_slots : 256;
    wide.slots = tp_calloc((size_t)wide.n_slots * sizeof *wide.slots);
    if (!wide.slots)
        return tp_error_pending();
    for (int64_t i = 0; i < v->n_slots; i++)
        if (v->slots[i]) {
            const struct piece_item *item = &v->items[v->slots[i] - 1];
            wide.slots[slot_of(&wide, v->text + item->begin, item->length)] = v->slots[i];
        }
    tp_free(v->slots, (size_t)v->n_slots * sizeof *v->slots);
    *v = wide;
    return TP_OK;
}

static tp_status make_room(piece_table *v, int64_t id, int64_t length)
{
    if (2 * (v->used + 1) > v->n_slots && grow_slots(v))
        return tp_error_pending();
    if (tp_grow((void **)&v->items, &v->item_room, id + 1, sizeof *v->items) ||
        tp_grow((void **)&v->text, &v->text_room, v->text_size + length + 1, 1))
        return tp_error_pending();
    for (; v->count <= id; v->count++)
        v->items[v->count] = (struct piece_item){ -1, 0 };
    return TP_OK;
}

tp_status pieces_add(piece_table *v, const char *where, int64_t id, const void *piece, int64_t length)
{
    const int shown = length < 40 ? (int)length : 40;
    if (id < 0 || id >= MAX_IDS)
        return tp_fail(TP_ERR_FORMAT, "%s: the piece '%.*s' has the id %lld, one from 0 to %d is wanted",
                       where, shown, (const char *)piece, (long long)id, MAX_IDS - 1);
    if (piece_at(v, id))
        return tp_fail(TP_ERR_FORMAT, "%s: the id %lld stands for both '%.40s' and '%.*s'", where,
                       (long long)id, piece_at(v, id), shown, (const char *)piece);
    if (length > INT32_MAX / 2 || make_room(v, id, length))
        return tp_fail(TP_ERR_FORMAT, "%s: a piece of %lld bytes", where, (long long)length);
    int64_t slot = slot_of(v, piece, length);
    if (v->slots[slot])
        return tp_fail(TP_ERR_FORMAT, "%s: the piece '%.*s' has the ids %d and %lld", where, shown,
                       (const char *)piece, v->slots[slot] - 1, (long long)id);
    memcpy(v->text + v->text_size, piece, (size_t)length);
    v->text[v->text_size + length] = 0;
    v->items[id] = (struct piece_item){ v->text_size, (int32_t)length };
    v->text_size += length + 1;
    v->longest = length > v->longest ? length : v->longest;
    v->slots[slot] = (int32_t)id + 1;
    v->used++;
    return TP_OK;
}

void pieces_free(piece_table *v)
{
    tp_free(v->text, (size_t)v->text_room);
    tp_free(v->items, (size_t)v->item_room * sizeof *v->items);
    tp_free(v->slots, (size_t)v->n_slots * sizeof *v->slots);
    tp_free(v->sorted, (size_t)v->n_sorted * sizeof *v->sorted);
    *v = (piece_table){ 0 };
}

/* ---- walks ------------------------------------------------------------------------------------------------------- */

typedef struct sorted_piece {
    const char *text;
    int32_t length, id;
} sorted_piece;

static int by_bytes(const void *a, const void *b)
{
    const sorted_piece *x = a, *y = b;
    int order = memcmp(x->text, y->text, (size_t)(x->length < y->length ? x->length : y->length));
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static void find_firsts(piece_table *v)
{
    int64_t i = 0;
    for (int b = 0; b <= 256; b++) { /* an empty piece stands in front of all */
        while (i < v->n_sorted &&
               (!v->items[v->sorted[i]].length || (unsigned char)v->text[v->items[v->sorted[i]].begin] < b))
            i++;
        v->firsts[b] = (int32_t)i;
    }
}

tp_status pieces_sort(piece_table *v)
{
    const size_t room = (size_t)v->used * sizeof(sorted_piece);
    sorted_piece *list = tp_alloc(room);
    v->sorted = list ? tp_alloc((size_t)v->used * sizeof *v->sorted) : NULL;
    if (!v->sorted) {
        tp_free(list, room);
        return tp_error_pending();
    }
    for (int64_t id = 0; id < v->count; id++)
        if (v->items[id].begin >= 0)
            list[v->n_sorted++] =
                (sorted_piece){ v->text + v->items[id].begin, v->items[id].length, (int32_t)id };
    qsort(list, (size_t)v->n_sorted, sizeof *list, by_bytes);
    for (int64_t k = 0; k < v->n_sorted; k++)
        v->sorted[k] = list[k].id;
    tp_free(list, room);
    find_firsts(v);
    return TP_OK;
}

/* The first in [low, high) whose byte at depth is at least b; one that ends there counts as less than every byte. */
static int64_t lower(const piece_table *v, const piece_walk *w, int b)
{
    int64_t low = w->low, high = w->high;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const struct piece_item *item = &v->items[v->sorted[middle]];
        int here = item->length > w->depth ? (unsigned char)v->text[item->begin + w->depth] : -1;
        if (here < b)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pieces_step(const piece_table *v, piece_walk *w, unsigned char b)
{
    if (!w->depth) {
        w->low = v->firsts[b];
        w->high = v->firsts[b + 1];
    } else {
        w->low = lower(v, w, b);
        w->high = lower(v, w, b + 1);
    }
    w->depth++;
    return w->low < w->high;
}

int32_t pieces_here(const piece_table *v, const piece_walk *w)
{
    return w->low < w->high && v->items[v->sorted[w->low]].length == w->depth ? v->sorted[w->low] : -1;
}
