/* pieces.h - pieces and their numbers, both ways.
 *
 * Invariants:
 *  1. A piece is stored with a 0 behind it, but may hold others: its length counts.
 *  2. items[id].begin < 0 is a hole: an id of no piece.
 *  3. After pieces_sort, sorted lists the ids by the bytes of their pieces, and walks can begin.
 * Layer: text.  Depends on base.  Read next: pieces.c, bpe.c. */
#ifndef TEXT_PIECES_H
#define TEXT_PIECES_H

#include <taper/base.h>

enum { MAX_IDS = 1 << 24 }; /* more is a mistake in the file */

typedef struct piece_table {
    char *text; /* all pieces, one after the other */
    struct piece_item {
        int64_t begin;
        int32_t length;
    } * items;
    int32_t *slots; /* open addressing: id + 1, or 0; their number is a power of two */
    int32_t *sorted;
    int32_t firsts[257]; /* where pieces with each first byte begin in sorted */
    int64_t text_size, text_room, count, item_room, n_slots, n_sorted, used, longest;
} piece_table;

/* Fails when the id or the piece is taken; `where` begins the error's text. */
tp_status pieces_add(piece_table *, const char *where, int64_t id, const void *piece, int64_t length);
int32_t pieces_find(const piece_table *, const void *piece, int64_t length); /* -1: none */
void pieces_free(piece_table *);

static inline const char *piece_at(const piece_table *v, int64_t id)
{
    return id < 0 || id >= v->count || v->items[id].begin < 0 ? NULL : v->text + v->items[id].begin;
}

/* A walk down the pieces, byte by byte: all that begin with what was walked lie in sorted[low, high). */
typedef struct piece_walk {
    int64_t low, high, depth;
} piece_walk;

tp_status pieces_sort(piece_table *); /* of the pieces that are there */
static inline piece_walk pieces_begin(const piece_table *v)
{
    return (piece_walk){ 0, v->n_sorted, 0 };
}
bool pieces_step(const piece_table *, piece_walk *, unsigned char); /* false: no piece goes on so */
int32_t pieces_here(const piece_table *, const piece_walk *);       /* the piece that ends here, or -1 */

uint64_t hash_bytes(const void *data, int64_t length);

#endif
