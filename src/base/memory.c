/* memory.c - the caching allocator.
 *
 * Size classes: four to each power of two (64, 80, 96, 112, 128, 160 ...), so that at most a fifth is lost.
 * Invariants:
 *  1. A block's class follows from the size asked for alone; whoever frees it names the same size.
 *  2. A free block of a class lies in the freeing thread's list of it; a list that outgrows LOCAL_MAX hands half to the
 *     shared list.  Blocks above 32 KB have no class: region.h.
 *  3. counters.live_bytes counts class sizes handed out, and what large blocks take; cached_bytes classes in any list.
 * Layer: base.  Depends on error.h, region.h.  Read next: region.c. */
#include "base/memory.h"

#include "base/error.h"
#include "base/region.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 37, SMALL = 32768 /* bytes of the last of them */, LOCAL_MAX = 256 };

typedef struct free_block {
    struct free_block *next;
} free_block;

typedef struct free_list {
    free_block *first;
    int32_t count;
} free_list;

static struct {
    pthread_mutex_t lock;
    free_list lists[CLASSES];
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
    _Atomic int64_t live_bytes, peak_bytes, cached_bytes, live_blocks, system_calls;
} counters;

/* Counts of a thread since it last added them to the shared counters: no locked instruction for each small block. */
typedef struct thread_cache {
    free_list lists[CLASSES];
    int64_t live_bytes, live_blocks; /* not yet in counters */
    int64_t cached_bytes;            /* of the lists, as counters know it */
    bool registered;
} thread_cache;

static _Thread_local thread_cache cache __attribute__((tls_model("initial-exec")));
static pthread_key_t at_thread_exit;
static pthread_once_t started = PTHREAD_ONCE_INIT;
static bool caching = true;

static _Atomic(tp_memory_hook *) hook;
static void *hook_context;

static int class_of(size_t bytes)
{
    if (bytes <= 64)
        return 0;
    int log2 = 63 - __builtin_clzll(bytes - 1);         /* bytes in (2^log2, 2^(log2+1)] */
    int quarter = (int)((bytes - 1) >> (log2 - 2)) & 3; /* which fourth of it */
    return 4 * (log2 - 6) + quarter + 1;
}

#define FOUR(bytes) (bytes) / 4 * 5, (bytes) / 4 * 6, (bytes) / 4 * 7, (bytes) / 4 * 8
static const int32_t class_bytes[CLASSES] = { 64,         FOUR(64),   FOUR(128),  FOUR(256),  FOUR(512),
                                              FOUR(1024), FOUR(2048), FOUR(4096), FOUR(8192), FOUR(16384) };

static void count_live(int64_t bytes, int64_t blocks)
{
    int64_t live = atomic_fetch_add_explicit(&counters.live_bytes, bytes, memory_order_relaxed) + bytes;
    atomic_fetch_add_explicit(&counters.live_blocks, blocks, memory_order_relaxed);
    int64_t peak = atomic_load_explicit(&counters.peak_bytes, memory_order_relaxed);
    while (live > peak && !atomic_compare_exchange_weak(&counters.peak_bytes, &peak, live))
        ;
}

static void publish_counts(void)
{
    if (cache.live_bytes || cache.live_blocks)
        count_live(cache.live_bytes, cache.live_blocks);
    int64_t cached = 0;
    for (int class = 0; class < CLASSES; class ++)
        cached += (int64_t)cache.lists[class].count * class_bytes[class];
    atomic_fetch_add_explicit(&counters.cached_bytes, cached - cache.cached_bytes, memory_order_relaxed);
    cache.cached_bytes = cached;
    cache.live_bytes = cache.live_blocks = 0;
}

static void push(free_list *list, free_block *block)
{
    block->next = list->first;
    list->first = block;
    list->count++;
}

static free_block *pop(free_list *list)
{
    free_block *block = list->first;
    if (block) {
        list->first = block->next;
        list->count--;
    }
    return block;
}

static void give_to_shared(int class, int keep)
{
    free_list *list = &cache.lists[class];
    int64_t moved = 0;
    pthread_mutex_lock(&shared.lock);
    for (; list->count > keep; moved++)
        push(&shared.lists[class], pop(list));
    pthread_mutex_unlock(&shared.lock);
    atomic_fetch_add_explicit(&counters.cached_bytes, moved * class_bytes[class], memory_order_relaxed);
}

static void thread_ends(void *unused)
{
    (void)unused;
    for (int class = 0; class < CLASSES; class ++)
        give_to_shared(class, 0);
    publish_counts();
    cache.registered = false; /* later destructors of this thread may still allocate; they register again */
}

static void start(void)
{
    const char *setting = getenv("TAPER_CACHE");
    caching = !setting || strcmp(setting, "0") != 0;
    pthread_key_create(&at_thread_exit, thread_ends);
}

static void register_thread(void)
{
    pthread_once(&started, start);
    pthread_setspecific(at_thread_exit, &cache);
    cache.registered = true;
}

static void *from_system(size_t bytes)
{
    void *block = NULL;
    atomic_fetch_add_explicit(&counters.system_calls, 1, memory_order_relaxed);
    return posix_memalign(&block, 64, bytes) == 0 ? block : NULL;
}

/* A block of a small class for an empty thread list: some from the shared list, else a new one. */
static void *refill(int class)
{
    free_list *list = &cache.lists[class];
    int64_t moved = 0;
    publish_counts();
    pthread_mutex_lock(&shared.lock);
    for (; moved < LOCAL_MAX / 4 && shared.lists[class].first; moved++)
        push(list, pop(&shared.lists[class]));
    pthread_mutex_unlock(&shared.lock);
    atomic_fetch_sub_explicit(&counters.cached_bytes, moved * class_bytes[class], memory_order_relaxed);
    void *block = pop(list);
    return block ? block : from_system((size_t)class_bytes[class]);
}

/* From a list that is not empty. */
static inline void *take_small(int class)
{
    cache.live_bytes += class_bytes[class];
    cache.live_blocks++;
    return pop(&cache.lists[class]);
}

static void *alloc_small(int class)
{
    if (cache.lists[class].first)
        return take_small(class);
    void *block = refill(class);
    if (block) {
        cache.live_bytes += class_bytes[class];
        cache.live_blocks++;
    }
    return block;
}

static void *alloc_large(size_t bytes)
{
    int64_t taken;
    void *block = region_alloc(bytes, &taken);
    if (!block)
        return NULL;
    count_live(taken + cache.live_bytes, 1 + cache.live_blocks);
    cache.live_bytes = cache.live_blocks = 0;
    return block;
}

static void *alloc_otherwise(size_t bytes)
{
    tp_memory_hook *ask = atomic_load_explicit(&hook, memory_order_relaxed);
    void *block = NULL;
    if (!cache.registered)
        register_thread();
    if (bytes < (size_t)1 << 62 && (!ask || ask(bytes, hook_context))) {
        if (!caching) {
            block = from_system(bytes ? bytes : 1);
            if (block)
                count_live((int64_t)bytes, 1);
        } else {
            block = bytes <= SMALL ? alloc_small(class_of(bytes)) : alloc_large(bytes);
        }
    }
    if (!block)
        tp_fail(TP_ERR_MEMORY, "out of memory: %zu bytes were wanted", bytes);
    return block;
}

/* A list with a block in it means that this thread is registered and the cache in use. */
void *tp_alloc(size_t bytes)
{
    if (__builtin_expect(bytes <= SMALL && !atomic_load_explicit(&hook, memory_order_relaxed), 1)) {
        int class = class_of(bytes);
        if (__builtin_expect(cache.lists[class].first != NULL, 1))
            return take_small(class);
    }
    return alloc_otherwise(bytes);
}

void *tp_calloc(size_t bytes)
{
    void *block = tp_alloc(bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

static inline void keep_small(int class, void *block)
{
    push(&cache.lists[class], block);
    cache.live_bytes -= class_bytes[class];
    cache.live_blocks--;
}

static void free_otherwise(void *block, size_t bytes)
{
    if (!block)
        return;
    if (!caching) {
        count_live(-(int64_t)bytes, -1);
        free(block);
        return;
    }
    if (!cache.registered)
        register_thread();
    if (bytes > SMALL) {
        count_live(-region_free(block), -1);
        return;
    }
    int class = class_of(bytes);
    keep_small(class, block);
    if (cache.lists[class].count > LOCAL_MAX)
        give_to_shared(class, LOCAL_MAX / 2);
}

void tp_free(void *block, size_t bytes)
{
    if (__builtin_expect(block && bytes <= SMALL && cache.registered && caching, 1)) {
        int class = class_of(bytes);
        if (__builtin_expect(cache.lists[class].count < LOCAL_MAX, 1)) {
            keep_small(class, block);
            return;
        }
    }
    free_otherwise(block, bytes);
}

void *tp_memdup(const void *data, size_t n)
{
    void *copy = tp_alloc(n);
    return copy ? memcpy(copy, data, n) : NULL;
}

tp_status tp_grow(void **items, int64_t *capacity, int64_t want, size_t size)
{
    if (want <= *capacity)
        return TP_OK;
    int64_t room = *capacity ? *capacity : 16, bytes;
    while (room < want)
        room *= 2;
    if (!tp_mul_fits(room, (int64_t)size, &bytes))
        return tp_fail(TP_ERR_MEMORY, "out of memory: %lld items of %zu bytes were wanted", (long long)want,
                       size);
    void *bigger = tp_alloc((size_t)bytes);
    if (!bigger)
        return TP_ERR_MEMORY;
    if (*items)
        memcpy(bigger, *items, (size_t)*capacity * size);
    tp_free(*items, (size_t)*capacity * size);
    *items = bigger;
    *capacity = room;
    return TP_OK;
}

tp_memory_info tp_memory_stats(void)
{
    publish_counts();
    const region_totals large = region_stats();
    return (tp_memory_info){ .live_bytes = counters.live_bytes,
                             .peak_bytes = counters.peak_bytes,
                             .cached_bytes = counters.cached_bytes + large.cached,
                             .live_blocks = counters.live_blocks,
                             .system_calls = counters.system_calls + large.system_calls };
}

void tp_memory_reset_peak(void)
{
    publish_counts();
    atomic_store(&counters.peak_bytes, atomic_load(&counters.live_bytes));
}

void tp_memory_trim(void)
{
    for (int class = 0; class < CLASSES; class ++)
        give_to_shared(class, 0);
    pthread_mutex_lock(&shared.lock);
    for (int class = 0; class < CLASSES; class ++)
        for (free_block *block; (block = pop(&shared.lists[class]));) {
            atomic_fetch_sub_explicit(&counters.cached_bytes, class_bytes[class], memory_order_relaxed);
            free(block);
        }
    pthread_mutex_unlock(&shared.lock);
    region_trim();
}

void tp_memory_set_hook(tp_memory_hook *ask, void *context)
{
    hook_context = context;
    atomic_store(&hook, ask);
}
