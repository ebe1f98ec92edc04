/* parallel.c - parallel_for: a small pool of threads that waits politely.
 *
 * A piece is [i grain, (i + 1) grain).  Each thread begins with a share of its own, the same part of the pieces in every job,
 * so that what one job wrote is in the cache of who reads it in the next; then it helps the others with theirs.  Which
 * thread does what varies, and what is done does not.  Workers look for work for a few microseconds after each job, as the next one mostly
 * follows at once, and then sleep: a machine that is busy with other things is not kept busier.
 *
 * Invariants:
 *  1. One job at a time: whoever holds `busy` owns `job` and its pieces.  A second caller meanwhile does its work alone.
 *  2. `gate` counts the workers inside the job; CLOSED while there is none to enter.  job changes only while gate == CLOSED,
 *     so a worker that came in reads a whole job.
 *  3. A worker that sleeps is counted in `sleepers` before it looks at `turn` for the last time; a caller raises `turn`
 *     before it looks at `sleepers`: one of them sees the other.
 * Layer: base.  Depends on pthreads only.  Read next: parallel.h. */
#include "base/parallel.h"

#include <taper/base.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 1024, CLOSED = 1 << 30, SPINS = 2000 };

typedef struct job {
    int64_t n, grain;
    parallel_body *body;
    void *context;
    int threads; /* the caller and workers 1 .. threads - 1 */
} job;

static struct { /* in one cache line: whoever sees the turn has all of it */
    _Alignas(64) job job;
    atomic_int gate;
    atomic_uint turn;
} call = { .gate = CLOSED };

static struct {
    _Alignas(64) atomic_int_fast64_t next;
    int64_t end;
} shares[MOST_THREADS]; /* pieces of the job, one share for each of its threads */

static atomic_int sleepers, wanted_threads, spins = SPINS;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static int workers; /* started; changed by the owner of busy */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_came = PTHREAD_COND_INITIALIZER;
static _Thread_local int index_here;
static _Thread_local bool inside; /* a parallel_for: nested ones run where they are called */

/* ---- how many ------------------------------------------------------------------------------------------------- */

static int cores(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

static int clamped(long n)
{
    return n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : (int)n;
}

static void child_begins(void)
{
    workers = 0; /* they did not come along */
    atomic_store(&call.gate, CLOSED);
    atomic_store(&sleepers, 0);
    atomic_flag_clear(&busy);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&work_came, NULL);
}

static void start(void)
{
    const char *asked = getenv("OMP_NUM_THREADS"), *policy = getenv("OMP_WAIT_POLICY");
    long n = asked ? strtol(asked, NULL, 10) : 0;
    int none = 0;
    atomic_compare_exchange_strong(&wanted_threads, &none, clamped(n > 0 ? n : cores()));
    if (policy && (*policy == 'p' || *policy == 'P'))
        atomic_store(&spins, 0);
    pthread_atfork(NULL, NULL, child_begins);
}

static void start_once(void)
{
    static pthread_once_t started = PTHREAD_ONCE_INIT;
    pthread_once(&started, start);
}

int tp_num_threads(void)
{
    int n = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
    if (n)
        return n;
    start_once();
    return atomic_load(&wanted_threads);
}

void tp_set_num_threads(int n)
{
    start_once();
    atomic_store(&wanted_threads, clamped(n));
}

int parallel_threads(void)
{
    return inside ? 1 : tp_num_threads();
}

int parallel_thread(void)
{
    return index_here;
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool is_empty(int share)
{
    return atomic_load_explicit(&shares[share].next, memory_order_relaxed) >= shares[share].end;
}

/* From its own copy of the job, as the line of the call belongs to who writes its gate. */
static void take_pieces(const job j)
{
    inside = true;
    const bool one_each = j.n <= j.threads * j.grain; /* the caller has begun its piece */
    for (int share = 0; share < j.threads; share++) {
        const int at = (index_here + share) % j.threads;
        if (one_each && !at && index_here)
            continue;
        for (int64_t i;
             !is_empty(at) &&
             (i = atomic_fetch_add_explicit(&shares[at].next, 1, memory_order_relaxed)) < shares[at].end;) {
            int64_t begin = i * j.grain, end = begin + j.grain;
            j.body(j.context, begin, end < j.n ? end : j.n);
        }
    }
    inside = false;
}

/* ---- workers ------------------------------------------------------------------------------------------------------ */

static bool come_in(void)
{
    int now = atomic_load(&call.gate);
    while (!(now & CLOSED))
        if (atomic_compare_exchange_weak(&call.gate, &now, now + 1))
            return true;
    return false;
}

/* Returns when turn is no longer seen. */
static unsigned wait_for_work(unsigned seen)
{
    int patience = atomic_load_explicit(&spins, memory_order_relaxed);
    for (int i = 0; i < patience; i++, relax())
        if (atomic_load_explicit(&call.turn, memory_order_acquire) != seen)
            return atomic_load(&call.turn);
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&sleepers, 1);
    while (atomic_load(&call.turn) == seen)
        pthread_cond_wait(&work_came, &lock);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&lock);
    return atomic_load(&call.turn);
}

static void *worker(void *number)
{
    unsigned seen = 0;
    index_here = (int)(intptr_t)number;
    for (;;) {
        seen = wait_for_work(seen);
        __builtin_prefetch(&shares[index_here], 1); /* with the gate: the caller's cache has both */
        if (!come_in())
            continue;
        if (index_here < call.job.threads)
            take_pieces(call.job);
        atomic_fetch_sub_explicit(&call.gate, 1, memory_order_release);
    }
    return NULL;
}

/* As many as can be had; fewer do the same work. */
static void start_workers(int n)
{
    pthread_attr_t attributes;
    if (workers >= n || pthread_attr_init(&attributes))
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; workers < n; workers++)
        if (pthread_create(&thread, &attributes, worker, (void *)(intptr_t)(workers + 1)))
            break;
    pthread_attr_destroy(&attributes);
}

static void wake_workers(void)
{
    atomic_fetch_add(&call.turn, 1);
    if (!atomic_load(&sleepers))
        return;
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&work_came);
    pthread_mutex_unlock(&lock);
}

/* Nobody comes in any more, and those inside have left.  They are at their last piece, so this is short; on a machine with
 * more threads than cores the one that is waited for may need this core. */
static void wait_for_workers(void)
{
    atomic_fetch_or(&call.gate, CLOSED);
    for (int i = 0; atomic_load_explicit(&call.gate, memory_order_acquire) != CLOSED; i++)
        if (i < SPINS)
            relax();
        else
            sched_yield();
}

/* ---- the caller ----------------------------------------------------------------------------------------------------- */

static void run_here(int64_t n, int64_t grain, parallel_body *body, void *context)
{
    int before = index_here;
    index_here = 0; /* alone in this call, also where the call came from a numbered worker */
    for (int64_t begin = 0; begin < n; begin += grain)
        body(context, begin, begin + grain < n ? begin + grain : n);
    index_here = before;
}

static void run_together(int threads, int64_t n, int64_t grain, parallel_body *body, void *context)
{
    start_workers(threads - 1);
    const int64_t pieces = n / grain + (n % grain != 0);
    const job j = { n, grain, body, context, threads };
    call.job = j;
    for (int64_t t = 0, first = 0; t < threads; t++) {
        atomic_store_explicit(&shares[t].next, first, memory_order_relaxed);
        shares[t].end = first += pieces / threads + (t < pieces % threads);
    }
    atomic_store(&call.gate, 0);
    wake_workers();
    take_pieces(j);
    wait_for_workers();
}

void parallel_for_at_most(int most_threads, int64_t n, int64_t grain, parallel_body *body, void *context)
{
    if (grain < 1)
        grain = 1;
    int64_t pieces = n / grain + (n % grain != 0), threads = parallel_threads();
    threads = pieces < threads ? pieces : threads;
    threads = most_threads < threads ? most_threads : threads;
    if (threads <= 1 || atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        run_here(n, grain, body, context);
        return;
    }
    run_together((int)threads, n, grain, body, context);
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

void parallel_for(int64_t n, int64_t grain, parallel_body *body, void *context)
{
    parallel_for_at_most(MOST_THREADS, n, grain, body, context);
}
