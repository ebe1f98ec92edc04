/* arena.h - many small blocks that end together.
 *
 * Layer: base.  Depends on memory.h.  Read next: arena.c. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

typedef struct arena {
    struct arena_chunk *chunks;
} arena;

void *arena_alloc(arena *, size_t bytes); /* cleared, 16-byte aligned; NULL with an error pending */
void arena_free(arena *);

#endif
