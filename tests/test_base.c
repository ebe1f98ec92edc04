/* test_base.c - what everything stands on: scopes and owners, the pending error, memory, threads, random numbers, halves.
 *
 * Layer: tests.  Depends on cmocka.  Read next: test_core.c. */
#include "base/error.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/parallel.h"
#include "base/philox.h"
#include "base/random.h"
#include "support/golden.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- owners and scopes ------------------------------------------------------------------------------------------------ */

static int made, freed;

static void thing_destroy(void *object)
{
    freed++;
    tp_free(object, sizeof(tp_object));
}

static const tp_class thing_class = { "thing", thing_destroy };

static tp_object *thing(void)
{
    tp_object *t = tp_object_new(&thing_class, sizeof(tp_object));
    made += t != NULL;
    return t;
}

static int alive(void)
{
    return made - freed;
}

static int before_each(void **state)
{
    (void)state;
    made = freed = 0;
    tp_error_take(NULL, 0);
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    tp_memory_set_hook(NULL, NULL);
    return tp_error_take(NULL, 0) ? -1 : 0; /* no test leaves an error behind */
}

static void a_scope_frees_what_was_made_in_it(void **state)
{
    (void)state;
    {
        TP_SCOPE;
        thing();
        {
            TP_SCOPE;
            thing();
            thing();
            assert_int_equal(alive(), 3);
        }
        assert_int_equal(alive(), 1);
        thing();
        assert_int_equal(alive(), 2);
    }
    assert_int_equal(alive(), 0);
}

static tp_object *kept_from_two_scopes(void)
{
    TP_SCOPE;
    thing();
    TP_SCOPE;
    thing();
    tp_object *inner = tp_keep(thing());
    thing();
    return inner; /* kept to the outer scope of this function only: gone after the return */
}

static tp_object *last_of(int n)
{
    TP_SCOPE;
    tp_object *t = NULL;
    for (int i = 0; i < n; i++)
        t = thing();
    return tp_keep(t);
}

static void keep_hands_an_object_one_scope_outwards(void **state)
{
    (void)state;
    {
        TP_SCOPE;
        kept_from_two_scopes();
        assert_int_equal(alive(), 0);
        tp_object *t = last_of(5);
        assert_int_equal(alive(), 1);
        assert_int_equal(t->refs, 1);
        tp_object *same = tp_keep(t); /* out of this scope as well, into the thread's root */
        assert_ptr_equal(same, t);
    }
    assert_int_equal(alive(), 1);
    assert_null(tp_keep((tp_object *)NULL));
}

static void keep_leaves_objects_of_outer_scopes_and_retained_ones_alone(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_object *outer = thing(), *mine;
    {
        TP_SCOPE;
        assert_ptr_equal(tp_keep(outer), outer);
        mine = tp_retain(thing());
    }
    assert_ptr_equal(tp_keep(mine), mine);
    assert_int_equal(alive(), 2);
    assert_int_equal(outer->refs, 1);
    assert_int_equal(mine->refs, 1);
    tp_release(mine);
    assert_int_equal(alive(), 1);
}

static void autorelease_hands_an_owner_to_the_scope(void **state)
{
    (void)state;
    tp_object *mine;
    {
        TP_SCOPE;
        mine = tp_retain(thing());
    }
    assert_int_equal(mine->refs, 1);
    {
        TP_SCOPE;
        assert_ptr_equal(tp_autorelease(mine), mine);
        assert_null(tp_autorelease(NULL));
        assert_int_equal(alive(), 1);
    }
    assert_int_equal(alive(), 0);
}

static void keep_moves_several_objects(void **state)
{
    (void)state;
    {
        TP_SCOPE;
        {
            TP_SCOPE;
            tp_object *t[6];
            for (int i = 0; i < 6; i++)
                t[i] = thing();
            tp_keep(t[4]);
            tp_keep(t[0]);
            tp_keep(t[4]); /* twice is once */
            tp_keep(t[2]);
        }
        assert_int_equal(alive(), 3);
    }
    assert_int_equal(alive(), 0);
}

static int returns_early(int when)
{
    TP_SCOPE;
    thing();
    if (when == 0)
        return 0;
    TP_SCOPE;
    thing();
    if (when == 1)
        return 1;
    thing();
    return 2;
}

static void a_scope_closes_on_return_break_and_continue(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(returns_early(i), i);
        assert_int_equal(alive(), 0);
    }
    for (int i = 0; i < 1000; i++) {
        TP_SCOPE;
        thing();
        assert_int_equal(alive(), 1);
        if (i % 2)
            continue;
        thing();
        if (i == 900)
            break;
    }
    assert_int_equal(alive(), 0);
}

static void the_last_owner_frees(void **state)
{
    (void)state;
    tp_object *t;
    {
        TP_SCOPE;
        t = tp_retain(tp_retain(thing()));
        assert_int_equal(t->refs, 3);
    }
    assert_int_equal(t->refs, 2);
    tp_release(t);
    assert_int_equal(alive(), 1);
    tp_release(t);
    assert_int_equal(alive(), 0);
    tp_release(NULL);
    assert_null(tp_retain(NULL));
}

static void *leaves_things_in_the_root(void *unused)
{
    (void)unused;
    thing();
    thing();
    tp_error_set(TP_ERR_STATE, "of another thread");
    return NULL;
}

static void a_thread_that_ends_frees_its_root(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, leaves_things_in_the_root, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(made, 2);
    assert_int_equal(alive(), 0);
    assert_int_equal(tp_error_pending(), TP_OK);
}

/* ---- the pending error -------------------------------------------------------------------------------------------------- */

static void the_first_error_stays_until_taken(void **state)
{
    (void)state;
    char text[64] = "x";
    assert_int_equal(tp_error_pending(), TP_OK);
    assert_string_equal(tp_error_message(), "");
    assert_int_equal(tp_error_set(TP_ERR_SHAPE, "first %d", 1), TP_ERR_SHAPE);
    assert_int_equal(tp_error_set(TP_ERR_IO, "second"), TP_ERR_SHAPE);
    assert_int_equal(tp_error_pending(), TP_ERR_SHAPE);
    assert_string_equal(tp_error_message(), "first 1");
    assert_int_equal(tp_error_take(text, sizeof text), TP_ERR_SHAPE);
    assert_string_equal(text, "first 1");
    assert_int_equal(tp_error_take(text, sizeof text), TP_OK);
    assert_string_equal(text, "");
    assert_int_equal(tp_error_set(TP_ERR_IO, "long text"), TP_ERR_IO);
    assert_int_equal(tp_error_take(text, 5), TP_ERR_IO);
    assert_string_equal(text, "long");
    assert_int_equal(tp_error_set(TP_OK, "no error"), TP_OK);
    assert_int_equal(tp_error_pending(), TP_OK);
}

static void details_are_lines_behind_the_error(void **state)
{
    (void)state;
    tp_error_detail("of nothing");
    assert_string_equal(tp_error_details(), "");
    tp_error_set(TP_ERR_SHAPE, "three do not fit");
    tp_error_detail("first %d", 1);
    tp_error_detail("second");
    tp_error_in("w.pth");
    assert_string_equal(tp_error_message(), "w.pth: three do not fit");
    assert_string_equal(tp_error_details(), "first 1\nsecond\n");
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_SHAPE);
    assert_string_equal(tp_error_details(), "");
    tp_error_set(TP_ERR_SHAPE, "many do not fit");
    for (int i = 0; i < 100000; i++)
        tp_error_detail("a line of more than twenty letters, number %d", i);
    const char *details = tp_error_details();
    size_t length = strlen(details);
    assert_true(length > 1000000 && length < 1100000);
    assert_string_equal(details + length - 5, "\n...\n");
    tp_error_take(NULL, 0);
}

static void makers_do_nothing_while_an_error_is_pending(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(1, 2, 3), *grads[1];
    tp_error_set(TP_ERR_INDEX, "mine");
    int64_t blocks = tp_memory_stats().live_blocks;
    float out[3];
    assert_null(thing());
    assert_null(tp_add(x, x));
    assert_null(tp_add(tp_mul(x, 2), tp_exp(x)));
    assert_null(tp_zeros(TP_SHAPE(3)));
    assert_null(tp_tensor_of(1, 2));
    assert_null(tp_number(1));
    assert_null(tp_detach(x));
    assert_null(tp_params_new());
    assert_null(tp_requires_grad_(x, true));
    assert_null(tp_add_(x, x));
    assert_int_equal(tp_to_f32(x, out, 3), TP_ERR_INDEX);
    assert_int_equal(tp_backward(x), TP_ERR_INDEX);
    assert_int_equal(tp_gradients(x, &x, 1, grads), TP_ERR_INDEX);
    assert_int_equal(tp_memory_stats().live_blocks, blocks);
    assert_string_equal(tp_error_message(), "mine");
    tp_release(tp_retain(x)); /* these always work */
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_INDEX);
    assert_int_equal(tp_to_f32(x, out, 3), TP_OK);
    assert_true(out[0] == 1 && out[1] == 2 && out[2] == 3);
}

static void errors_are_reported_and_travel(void **state)
{
    (void)state;
    char text[128] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(tp_report_error(file), 0);
    tp_error_set(TP_ERR_FORMAT, "bad %s", "bytes");
    assert_int_equal(tp_report_error(file), 1);
    assert_int_equal(tp_error_pending(), TP_OK);
    rewind(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_string_equal(text, "error: bad bytes\n");
    fclose(file);

    tp_error_record record;
    tp_error_set(TP_ERR_DEVICE, "gone");
    tp_error_export(&record);
    assert_int_equal(tp_error_pending(), TP_OK);
    assert_int_equal(tp_error_import(&record), TP_ERR_DEVICE);
    assert_string_equal(tp_error_message(), "gone");
    tp_error_take(NULL, 0);
    tp_error_export(&record);
    assert_int_equal(tp_error_import(&record), TP_OK);
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(tp_status_name(TP_OK), "ok");
    assert_string_equal(tp_status_name(TP_ERR_SHAPE), "shape");
    assert_string_equal(tp_status_name(TP_ERR_STATE), "state");
    assert_string_equal(tp_status_name((tp_status)99), "unknown");
    for (tp_status a = TP_OK; a <= TP_ERR_STATE; a++)
        for (tp_status b = TP_OK; b < a; b++)
            assert_string_not_equal(tp_status_name(a), tp_status_name(b));
    assert_string_equal(tp_version(), TP_VERSION);
}

static void need_cache(void)
{
    const char *setting = getenv("TAPER_CACHE");
    if (setting && !strcmp(setting, "0"))
        skip();
}

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

static void blocks_are_aligned_and_counted(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 80, 1000, 4096, 32767, 32768, 32769, 100000, 1 << 20 };
    enum { N = sizeof sizes / sizeof *sizes };
    tp_memory_info before = tp_memory_stats();
    int64_t asked = 0;
    void *blocks[N];
    for (int i = 0; i < N; i++) {
        blocks[i] = tp_alloc(sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        memset(blocks[i], 0xa5, sizes[i] ? sizes[i] : 1);
        asked += (int64_t)sizes[i];
    }
    tp_memory_info during = tp_memory_stats();
    assert_int_equal(during.live_blocks, before.live_blocks + N);
    assert_true(during.live_bytes - before.live_bytes >= asked);
    assert_true(during.live_bytes - before.live_bytes <= asked + asked / 4 + 64 * N);
    assert_true(during.peak_bytes >= during.live_bytes);
    for (int i = 0; i < N; i++)
        tp_free(blocks[i], sizes[i]);
    tp_memory_info after = tp_memory_stats();
    assert_int_equal(after.live_blocks, before.live_blocks);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_true(after.peak_bytes >= during.live_bytes);
    tp_memory_reset_peak();
    assert_int_equal(tp_memory_stats().peak_bytes, after.live_bytes);
    tp_memory_trim();
    assert_int_equal(tp_memory_stats().cached_bytes, 0);
    tp_free(NULL, 10);
}

/* Sizes of all kinds, in an order of no kind: no two blocks share a byte, and in the end none is left. */
static void large_blocks_do_not_overlap(void **state)
{
    (void)state;
    need_cache();
    enum { BLOCKS = 200 };
    static struct {
        unsigned char *at;
        size_t size;
    } blocks[BLOCKS];
    const tp_memory_info before = tp_memory_stats();
    uint32_t random = 7;
    for (int turn = 0; turn < 8000; turn++) {
        random = random * 1664525 + 1013904223;
        const int i = (int)(random >> 8) % BLOCKS;
        if (blocks[i].at) {
            for (size_t k = 0; k < blocks[i].size; k += blocks[i].size - 1) /* its first and last bytes */
                assert_int_equal(blocks[i].at[k], i);
            tp_free(blocks[i].at, blocks[i].size);
            blocks[i].at = NULL;
            continue;
        }
        blocks[i].size = (size_t)40000 << (random >> 3) % 7;
        blocks[i].size += (random >> 12) % blocks[i].size;
        assert_non_null(blocks[i].at = tp_alloc(blocks[i].size));
        assert_int_equal((uintptr_t)blocks[i].at % 64, 0);
        blocks[i].at[0] = blocks[i].at[blocks[i].size - 1] = (unsigned char)i;
    }
    for (int i = 0; i < BLOCKS; i++)
        tp_free(blocks[i].at, blocks[i].size);
    assert_int_equal(tp_memory_stats().live_bytes, before.live_bytes);
    assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);
}

/* What many blocks leave serves one of another size; an idle region goes back to the system when asked. */
static void neighbours_that_are_free_become_one(void **state)
{
    (void)state;
    need_cache();
    enum { N = 24, MEGA = 1 << 20 };
    void *parts[N];
    tp_memory_trim();
    for (int i = 0; i < N; i++)
        assert_non_null(parts[i] = tp_alloc(MEGA));
    const int64_t calls = tp_memory_stats().system_calls;
    for (int i = 0; i < N; i += 2)
        tp_free(parts[i], MEGA);
    for (int i = 1; i < N; i += 2)
        tp_free(parts[i], MEGA);
    void *whole = tp_alloc((size_t)N * MEGA);
    assert_non_null(whole);
    assert_int_equal(tp_memory_stats().system_calls, calls);
    tp_free(whole, (size_t)N * MEGA);
    const int64_t cached = tp_memory_stats().cached_bytes;
    tp_memory_trim();
    assert_true(tp_memory_stats().cached_bytes <= cached - (int64_t)N * MEGA);
}

static void freed_blocks_are_used_again(void **state)
{
    (void)state;
    need_cache();
    for (int warm = 0; warm < 2; warm++) {
        int64_t calls = tp_memory_stats().system_calls;
        for (size_t size = 1; size < 3 << 20; size = size * 3 / 2 + 1) {
            char *a = tp_calloc(size), *b = tp_alloc(size);
            assert_non_null(a);
            for (size_t i = 0; i < size; i += 61)
                assert_int_equal(a[i], 0);
            memset(a, 1, size);
            memset(b, 2, size);
            tp_free(a, size);
            tp_free(b, size);
        }
        if (warm)
            assert_int_equal(tp_memory_stats().system_calls, calls);
    }
}

static void a_size_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    assert_null(tp_alloc(SIZE_MAX));
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_MEMORY);
    assert_null(tp_calloc((size_t)1 << 62));
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_MEMORY);
    int64_t product;
    assert_true(tp_mul_fits(1 << 30, 1 << 30, &product));
    assert_false(tp_mul_fits(INT64_MAX, 2, &product));
    assert_false(tp_add_fits(INT64_MAX, 1, &product));
    TP_SCOPE;
    assert_null(tp_zeros(TP_SHAPE(INT64_MAX, 4)));
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_MEMORY);
}

static void grow_keeps_the_items(void **state)
{
    (void)state;
    void *items = NULL;
    int64_t capacity = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(tp_grow(&items, &capacity, i + 1, sizeof(int)), TP_OK);
        ((int *)items)[i] = i * 7;
    }
    assert_true(capacity >= 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(((int *)items)[i], i * 7);
    tp_free(items, (size_t)capacity * sizeof(int));
    char *copy = tp_memdup("word", 5);
    assert_string_equal(copy, "word");
    tp_free(copy, 5);
}

typedef struct nth {
    int64_t count, n;
} nth;

static bool fail_nth(size_t bytes, void *context)
{
    nth *c = context;
    (void)bytes;
    return ++c->count != c->n;
}

static void the_hook_makes_the_nth_request_fail(void **state)
{
    (void)state;
    nth c = { 0, 3 };
    void *a[4];
    tp_memory_info before = tp_memory_stats();
    tp_memory_set_hook(fail_nth, &c);
    for (int i = 0; i < 4; i++) {
        a[i] = tp_alloc(100);
        assert_int_equal(tp_error_take(NULL, 0), i == 2 ? TP_ERR_MEMORY : TP_OK);
        assert_true(!a[i] == (i == 2));
    }
    tp_memory_set_hook(NULL, NULL);
    assert_int_equal(c.count, 4);
    for (int i = 0; i < 4; i++)
        tp_free(a[i], 100);
    assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);

    for (c = (nth){ 0, 1 };; c = (nth){ 0, c.n + 1 }) { /* objects and tensors fail without a trace */
        {
            TP_SCOPE;
            tp_memory_set_hook(fail_nth, &c);
            thing();
            tp_mul(tp_tensor_of(1, 2, 3), 2);
            tp_memory_set_hook(NULL, NULL);
        }
        assert_int_equal(tp_error_take(NULL, 0), c.count >= c.n ? TP_ERR_MEMORY : TP_OK);
        assert_int_equal(alive(), 0);
        assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);
        if (c.count < c.n)
            break;
    }
    assert_true(c.n > 4);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

typedef struct pieces {
    int64_t n, grain;
    int64_t end[64]; /* of the piece that begins at i * grain; 0: not seen */
    int wrong, nested;
} pieces;

static void note_piece(void *context, int64_t begin, int64_t end)
{
    pieces *p = context;
    int64_t i = begin / p->grain;
    if (begin % p->grain || begin >= p->n || p->end[i] || parallel_thread() < 0)
        __atomic_fetch_add(&p->wrong, 1, __ATOMIC_RELAXED);
    else
        p->end[i] = end;
}

static void note_nested(void *context, int64_t begin, int64_t end)
{
    pieces inner = { .n = 10, .grain = 3 };
    int *sum = context;
    parallel_for(inner.n, inner.grain, note_piece, &inner);
    int good =
        !inner.wrong && inner.end[0] == 3 && inner.end[1] == 6 && inner.end[2] == 9 && inner.end[3] == 10;
    __atomic_fetch_add(sum, good ? (int)(end - begin) : -1000, __ATOMIC_RELAXED);
}

static void pieces_are_the_same_on_any_number_of_threads(void **state)
{
    (void)state;
    static const int threads[] = { 1, 2, 3, 8 };
    static const int64_t sizes[][2] = { { 0, 4 },  { 1, 4 },     { 4, 4 },  { 5, 4 },
                                        { 63, 1 }, { 1000, 17 }, { 7, 100 } };
    int before = tp_num_threads();
    for (int t = 0; t < 4; t++) {
        tp_set_num_threads(threads[t]);
        assert_int_equal(tp_num_threads(), threads[t]);
        assert_int_equal(parallel_threads(), threads[t]);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            pieces p = { .n = sizes[s][0], .grain = sizes[s][1] };
            parallel_for(p.n, p.grain, note_piece, &p);
            assert_int_equal(p.wrong, 0);
            for (int64_t i = 0; i < 64; i++) {
                int64_t begin = i * p.grain, end = begin + p.grain < p.n ? begin + p.grain : p.n;
                assert_int_equal(p.end[i], begin < p.n ? end : 0);
            }
        }
        int sum = 0;
        parallel_for(40, 4, note_nested, &sum);
        assert_int_equal(sum, 40);
    }
    tp_set_num_threads(0);
    assert_int_equal(tp_num_threads(), 1);
    tp_set_num_threads(before);
    assert_non_null(tp_isa());
}

/* Many short jobs from several threads at once: one of them has the workers, the others work alone. */
static void *call_again_and_again(void *count)
{
    for (int k = 0; k < 2000; k++) {
        pieces p = { .n = 100, .grain = 7 };
        parallel_for(p.n, p.grain, note_piece, &p);
        for (int64_t i = 0; i < 15; i++)
            p.wrong += p.end[i] != (i < 14 ? 7 * i + 7 : 100);
        *(int *)count += p.wrong == 0;
    }
    return NULL;
}

static void several_threads_may_call_at_once(void **state)
{
    (void)state;
    enum { CALLERS = 4 };
    pthread_t threads[CALLERS];
    int right[CALLERS] = { 0 }, before = tp_num_threads();
    tp_set_num_threads(3);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_again_and_again, &right[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(right[i], 2000);
    }
    tp_set_num_threads(before);
}

static void a_forked_child_has_workers_of_its_own(void **state)
{
    (void)state;
    int right = 0, status = -1, before = tp_num_threads();
    tp_set_num_threads(3);
    call_again_and_again(&right);
    pid_t child = fork();
    if (child == 0) {
        int here = 0;
        call_again_and_again(&here);
        _exit(here != 2000);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tp_set_num_threads(before);
}

/* ---- random numbers --------------------------------------------------------------------------------------------------------- */

static void philox_gives_the_known_answers(void **state)
{
    (void)state; /* Random123's kat_vectors: philox4x32 10 */
    static const struct {
        uint64_t seed, stream, index;
        uint32_t answer[4];
    } rows[] = {
        { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822, /* the digits of pi */
          0x0370734413198a2e,
          0x85a308d3243f6a88,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        philox_block b = philox(rows[i].seed, rows[i].stream, rows[i].index);
        assert_memory_equal(b.v, rows[i].answer, sizeof b.v);
    }
    for (uint64_t i = 0; i < 12; i++)
        assert_int_equal(philox_word(5, 6, i), philox(5, 6, i / 4).v[i % 4]);
    assert_true(uniform_f32(0) == 0 && uniform_f32(UINT32_MAX) < 1);
    assert_true(uniform_f64(0, 0) == 0 && uniform_f64(UINT32_MAX, UINT32_MAX) < 1);
}

static void each_draw_takes_the_next_stream(void **state)
{
    (void)state;
    TP_SCOPE;
    float a[8], b[8], c[8];
    tp_manual_seed(42);
    assert_true(tp_rng_state().seed == 42 && tp_rng_state().stream == 0);
    tp_to_f32(tp_rand(TP_SHAPE(8)), a, 8);
    tp_rng between = tp_rng_state();
    assert_int_equal(between.stream, 1);
    tp_to_f32(tp_rand(TP_SHAPE(8)), b, 8);
    assert_memory_not_equal(a, b, sizeof a);
    tp_set_rng_state(between);
    tp_to_f32(tp_rand(TP_SHAPE(8)), c, 8);
    assert_memory_equal(b, c, sizeof b);
    tp_manual_seed(42);
    tp_to_f32(tp_rand(TP_SHAPE(8)), c, 8);
    assert_memory_equal(a, c, sizeof a);
    tp_rng taken = random_take_stream();
    assert_int_equal(taken.stream + 1, tp_rng_state().stream);
}

/* ---- halves ------------------------------------------------------------------------------------------------------------------ */

typedef struct half_kind {
    uint16_t infinity;
    float (*up)(uint16_t);
    uint16_t (*down)(float);
} half_kind;

static const half_kind kinds[] = { { 0x7c00, f32_of_f16, f16_of_f32 }, { 0x7f80, f32_of_bf16, bf16_of_f32 } };

static void every_half_survives_the_way_to_f32_and_back(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++)
        for (uint32_t bits = 0; bits < 65536; bits++) {
            float x = kinds[k].up((uint16_t)bits);
            uint16_t back = kinds[k].down(x);
            bool nan = (bits & 0x7fff) > kinds[k].infinity;
            assert_int_equal(x != x, nan);
            if (nan)
                assert_true((back & 0x7fff) > kinds[k].infinity && (back & 0x8000) == (bits & 0x8000));
            else
                assert_int_equal(back, bits);
        }
    assert_true(f32_of_f16(0x3c00) == 1 && f32_of_f16(0xc000) == -2 && f32_of_f16(1) == 0x1p-24f);
    assert_true(f32_of_f16(0x7bff) == 65504 && f32_of_bf16(0x3f80) == 1);
}

static void halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++)
        for (uint32_t low = 0; low + 1 < kinds[k].infinity; low++) {
            uint16_t high = (uint16_t)(low + 1);
            float a = kinds[k].up((uint16_t)low), b = kinds[k].up(high);
            float middle = (float)(((double)a + (double)b) / 2);
            assert_true(a < middle && middle < b);
            assert_int_equal(kinds[k].down(middle), low % 2 ? high : low);
            assert_int_equal(kinds[k].down(nextafterf(middle, INFINITY)), high);
            assert_int_equal(kinds[k].down(nextafterf(middle, 0)), low);
            assert_int_equal(kinds[k].down(-middle), (low % 2 ? high : low) | 0x8000);
        }
    assert_int_equal(f16_of_f32(65519.996f), 0x7bff);
    assert_int_equal(f16_of_f32(65520), 0x7c00);
    assert_int_equal(f16_of_f32(0x1p-25f), 0);
    assert_int_equal(f16_of_f32(nextafterf(0x1p-25f, 1)), 1);
    assert_int_equal(bf16_of_f32(3.4028235e38f), 0x7f80);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)
    const struct CMUnitTest tests[] = {
        TEST(a_scope_frees_what_was_made_in_it),
        TEST(keep_hands_an_object_one_scope_outwards),
        TEST(keep_leaves_objects_of_outer_scopes_and_retained_ones_alone),
        TEST(autorelease_hands_an_owner_to_the_scope),
        TEST(keep_moves_several_objects),
        TEST(a_scope_closes_on_return_break_and_continue),
        TEST(the_last_owner_frees),
        TEST(a_thread_that_ends_frees_its_root),
        TEST(the_first_error_stays_until_taken),
        TEST(details_are_lines_behind_the_error),
        TEST(makers_do_nothing_while_an_error_is_pending),
        TEST(errors_are_reported_and_travel),
        TEST(every_status_has_a_name),
        TEST(blocks_are_aligned_and_counted),
        TEST(freed_blocks_are_used_again),
        TEST(large_blocks_do_not_overlap),
        TEST(neighbours_that_are_free_become_one),
        TEST(a_size_that_does_not_fit_is_an_error),
        TEST(grow_keeps_the_items),
        TEST(the_hook_makes_the_nth_request_fail),
        TEST(pieces_are_the_same_on_any_number_of_threads),
        TEST(several_threads_may_call_at_once),
        TEST(a_forked_child_has_workers_of_its_own),
        TEST(philox_gives_the_known_answers),
        TEST(each_draw_takes_the_next_stream),
        TEST(every_half_survives_the_way_to_f32_and_back),
        TEST(halves_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
