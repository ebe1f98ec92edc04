/* arena.c - many small blocks that end together, cut off chunks of 64 KB or what a block needs.
 *
 * Layer: base.  Depends on memory.h.  Read next: arena.h. */
#include "base/arena.h"

#include "base/memory.h"

#include <string.h>

enum { CHUNK = 1 << 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    _Alignas(16) unsigned char data[];
};

void *arena_alloc(arena *a, size_t bytes)
{
    size_t want = (bytes + 15) & ~(size_t)15;
    struct arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < want) {
        size_t size = want > CHUNK ? want : CHUNK;
        c = tp_alloc(sizeof *c + size);
        if (!c)
            return NULL;
        *c = (struct arena_chunk){ .size = size, .next = a->chunks };
        a->chunks = c;
    }
    void *place = c->data + c->used;
    c->used += want;
    return memset(place, 0, want);
}

void arena_free(arena *a)
{
    for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        tp_free(c, sizeof *c + c->size);
    }
    a->chunks = NULL;
}
