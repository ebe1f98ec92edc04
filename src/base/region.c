/* region.c - large blocks: best fit in large regions, neighbours that are free joined.
 *
 * A network's activations have hundreds of sizes; lists by size would keep memory for each of them.  Here what one tensor leaves
 * is any other's.  Invariants:
 *  1. A region is a row of chunks without gaps; before and after lead to the neighbours, size is in PAGEs.
 *  2. No two free chunks are neighbours.  A free chunk is in the bin of its size, and only free ones are in bins.
 *  3. A block begins HEADER bytes behind its chunk.
 * Regions grow with what there is already, so that there are few; what nobody has touched costs no memory.  They ask for huge pages:
 * kernels that walk megabytes would wait for the tables of small ones, twice so under a hypervisor.
 * Layer: base.  Read next: memory.c. */
#include "base/region.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

enum {
    HEADER = 64,
    PAGE = 4096,
    BINS = 4 * 52,
    HUGE_PAGE = 2 << 20,
    LEAST_REGION = 32 << 20,
    LEAST_CHUNK = 32 << 10 /* a smaller rest stays with the block */
};

typedef struct chunk {
    size_t size;
    struct chunk *before, *after;  /* in its region; NULL at its ends */
    struct chunk *next, *previous; /* in its bin */
    bool free;
} chunk;

_Static_assert(sizeof(chunk) <= HEADER, "a block stands behind its chunk");

static struct {
    pthread_mutex_t lock;
    chunk *bins[BINS];
    uint64_t used[(BINS + 63) / 64]; /* a bit for each bin with a chunk in it */
    int64_t total;                   /* of all regions */
    region_totals totals;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Four to each power of two of pages; all chunks of a bin are at least as large as those of the one before. */
static int bin_of(size_t size)
{
    const size_t pages = size / PAGE;
    if (pages < 4)
        return (int)pages;
    const int log2 = 63 - __builtin_clzll(pages);
    return 4 * (log2 - 1) + (int)(pages >> (log2 - 2) & 3);
}

static void put(chunk *c)
{
    const int bin = bin_of(c->size);
    c->free = true;
    c->previous = NULL;
    c->next = all.bins[bin];
    if (c->next)
        c->next->previous = c;
    all.bins[bin] = c;
    all.used[bin / 64] |= 1ull << bin % 64;
    all.totals.cached += (int64_t)c->size;
}

static void take(chunk *c)
{
    const int bin = bin_of(c->size);
    c->free = false;
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else if (!(all.bins[bin] = c->next))
        all.used[bin / 64] &= ~(1ull << bin % 64);
    all.totals.cached -= (int64_t)c->size;
}

/* The smallest of a bin that has room for size; NULL if none. */
static chunk *smallest(int bin, size_t size)
{
    chunk *best = NULL;
    for (chunk *c = all.bins[bin]; c; c = c->next)
        if (c->size >= size && (!best || c->size < best->size))
            best = c;
    return best;
}

static chunk *best_fit(size_t size)
{
    int bin = bin_of(size);
    chunk *found = smallest(bin, size);
    for (bin++; !found && bin < BINS; bin++) {
        const uint64_t rest = all.used[bin / 64] >> bin % 64;
        if (!rest)
            bin |= 63;
        else
            found = smallest(bin += __builtin_ctzll(rest), size);
    }
    return found;
}

static size_t whole_pages(size_t size)
{
    return (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

static chunk *from_system(size_t size)
{
    void *at = NULL;
    all.totals.system_calls++;
    if (posix_memalign(&at, HUGE_PAGE, size) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(at, size, MADV_HUGEPAGE);
#endif
    return at;
}

/* A free chunk that is a whole new region, as large as all others together: with half of that, training VGG-16 and ResNet-18
 * took 3 to 10 % more, as what is free in two regions cannot be joined. */
static chunk *new_region(size_t size)
{
    const size_t others = (size_t)all.total, least = whole_pages(size),
                 grown = whole_pages(others > LEAST_REGION ? others : LEAST_REGION);
    size_t got = least > grown ? least : grown;
    chunk *c = from_system(got);
    if (!c && got > least)
        c = from_system(got = least);
    if (!c)
        return NULL;
    *c = (chunk){ .size = got };
    all.total += (int64_t)got;
    put(c);
    return c;
}

static void free_empty_regions(void)
{
    for (int bin = 0; bin < BINS; bin++)
        for (chunk *c = all.bins[bin], *next; c; c = next) {
            next = c->next;
            if (c->before || c->after)
                continue;
            take(c);
            all.total -= (int64_t)c->size;
            free(c);
        }
}

/* What is behind size becomes a chunk of its own. */
static void split(chunk *c, size_t size)
{
    if (c->size - size < LEAST_CHUNK)
        return;
    chunk *rest = (chunk *)(void *)((char *)c + size);
    *rest = (chunk){ .size = c->size - size, .before = c, .after = c->after };
    if (c->after)
        c->after->before = rest;
    c->after = rest;
    c->size = size;
    put(rest);
}

static void join_with_next(chunk *c)
{
    c->size += c->after->size;
    c->after = c->after->after;
    if (c->after)
        c->after->before = c;
}

void *region_alloc(size_t bytes, int64_t *taken)
{
    const size_t size = (bytes + HEADER + PAGE - 1) / PAGE * PAGE;
    pthread_mutex_lock(&all.lock);
    chunk *c = best_fit(size);
    if (!c) {
        free_empty_regions(); /* they are too small, and what there is grows */
        c = new_region(size);
    }
    if (c) {
        take(c);
        split(c, size);
        *taken = (int64_t)c->size;
    }
    pthread_mutex_unlock(&all.lock);
    return c ? (char *)c + HEADER : NULL;
}

int64_t region_free(void *block)
{
    chunk *c = (chunk *)(void *)((char *)block - HEADER);
    const int64_t taken = (int64_t)c->size;
    pthread_mutex_lock(&all.lock);
    if (c->after && c->after->free) {
        take(c->after);
        join_with_next(c);
    }
    if (c->before && c->before->free) {
        c = c->before;
        take(c);
        join_with_next(c);
    }
    put(c);
    pthread_mutex_unlock(&all.lock);
    return taken;
}

void region_trim(void)
{
    pthread_mutex_lock(&all.lock);
    free_empty_regions();
    pthread_mutex_unlock(&all.lock);
}

region_totals region_stats(void)
{
    pthread_mutex_lock(&all.lock);
    const region_totals totals = all.totals;
    pthread_mutex_unlock(&all.lock);
    return totals;
}
