/* peak.c - what this machine could do at most: multiply-adds in registers, and a triad over memory, on all threads.
 *
 * The roofs of the roofline picture.  Layer: bench.  Depends on base/parallel.h.  Read next: run.py. */
#include "base/parallel.h"
#include "support/bench.h"

#include <string.h>

/* ---- arithmetic: twelve sums at a time hide the latency of a multiply-add on every processor so far ----------------------- */

enum { SUMS = 12, STEPS = 20000, PIECES = 64 };
static volatile float sink;

/* clang-format off */
#define EACH(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11)
#define BEGIN(k) sum##k = { 0 },
#define ADD(k) sum##k = sum##k * a + b; __asm__ volatile("" : ISA_REGISTER(sum##k));
#define END(k) sink = sum##k[0];
#define MULTIPLY_ADDS(isa, target, lanes)                                  \
    typedef float isa##_vector __attribute__((vector_size(4 * (lanes))));  \
    target static void isa##_loop(void)                                    \
    {                                                                      \
        isa##_vector EACH(BEGIN) a = { 0 }, b = { 0 };                     \
        a += 0.999f, b += 0.001f;                                          \
        for (int i = 0; i < STEPS; i++) {                                  \
            EACH(ADD)                                                      \
        }                                                                  \
        EACH(END)                                                          \
    }
/* clang-format on */

#if defined(__x86_64__)
#define ISA_REGISTER(v) "+x"(v)
MULTIPLY_ADDS(avx512, __attribute__((target("avx512f"))), 16)
MULTIPLY_ADDS(avx2, __attribute__((target("avx2,fma"))), 8)
#elif defined(__aarch64__)
#define ISA_REGISTER(v) "+w"(v)
#else
#define ISA_REGISTER(v) "+m"(v)
#endif
MULTIPLY_ADDS(generic, , 4)

typedef struct loop {
    const char *isa;
    void (*run)(void);
    int lanes;
} loop;
static const loop loops[] = {
#if defined(__x86_64__)
    { "avx512", avx512_loop, 16 },
    { "avx2", avx2_loop, 8 },
#endif
    { "", generic_loop, 4 },
};

static const loop *loop_here(void)
{
    const loop *l = loops;
    while (*l->isa && strcmp(l->isa, tp_isa()) != 0)
        l++;
    return l;
}

static void piece(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        ((const loop *)context)->run();
}

static void multiply_adds(void)
{
    loop here = *loop_here();
    parallel_for(PIECES, 1, piece, &here);
}

/* ---- memory: a = b + s c over arrays that no cache holds ------------------------------------------------------------------ */

enum { ELEMENTS = 16 << 20 };
static float *sum, *first, *second;

static void triad_piece(void *context, int64_t begin, int64_t end)
{
    float *restrict to = sum;
    for (int64_t i = begin; i < end; i++)
        to[i] = first[i] + 3 * second[i];
    (void)context;
}

static void triad(void)
{
    parallel_for(ELEMENTS, 1 << 16, triad_piece, NULL);
}

static bench_work open(const bench_case *c)
{
    if (c->run == multiply_adds)
        return (bench_work){ 2.0 * loop_here()->lanes * SUMS * STEPS * PIECES, 0 };
    sum = tp_data(tp_ones(TP_SHAPE(ELEMENTS)));
    first = tp_data(tp_ones(TP_SHAPE(ELEMENTS)));
    second = tp_data(tp_ones(TP_SHAPE(ELEMENTS)));
    return (bench_work){ 2.0 * ELEMENTS, 12.0 * ELEMENTS };
}

BENCH_CASES
{
    bench_add(&(bench_case){ .kind = "peak", .open = open, .run = multiply_adds }, "peak.arithmetic",
              "\"of\":\"flops\"");
    bench_add(&(bench_case){ .kind = "peak", .open = open, .run = triad }, "peak.memory", "\"of\":\"bytes\"");
}
