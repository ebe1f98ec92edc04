/* memory.h - the caching allocator: 64-byte aligned blocks, small ones in size classes.
 *
 * Small blocks wait in lists of the thread that freed them, large ones in regions that all threads share, so that a steady
 * training step asks malloc for nothing.  TAPER_CACHE=0 in the environment passes every request on to malloc (for
 * sanitizers and valgrind).  Layer: base.  Read next: memory.c. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <taper/base.h>

/* bytes of memory, 64-byte aligned, not cleared; NULL with a pending TP_ERR_MEMORY.  0 bytes is a request for 1. */
void *tp_alloc(size_t bytes);
void *tp_calloc(size_t bytes); /* cleared */

/* Gives it back; the size must be the one asked for.  NULL is fine. */
void tp_free(void *block, size_t bytes);

/* A copy of n bytes; of a string (n = strlen + 1). */
void *tp_memdup(const void *data, size_t n);

/* Grows an array of items of size bytes: *items gets room for at least want, *capacity says how many. */
tp_status tp_grow(void **items, int64_t *capacity, int64_t want, size_t size);

/* a * b and a + b in bytes or elements; false when the result does not fit into int64_t. */
static inline bool tp_mul_fits(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool tp_add_fits(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

#endif
