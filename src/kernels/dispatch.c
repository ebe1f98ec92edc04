/* dispatch.c - makes the tables and picks the best one that this machine may run.
 *
 * A table starts as the one below it, the first as the reference; its instruction set overwrites what it does better.
 * Layer: kernels.  Depends on isa.def, ref/ and, once for each row of isa_built.def, isa/.  Read next: isa/simd.h. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"

#include <taper/base.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ISA(name, ...)               \
    static bool can_run_##name(void) \
    {                                \
        return __VA_ARGS__;          \
    }
#include "kernels/isa.def"
#undef ISA
#define ISA(name) void isa_fill_##name(kernel_table *);
#include "kernels/isa_built.def"
#undef ISA

typedef struct isa_row {
    const char *name;
    bool (*can_run)(void);
    void (*fill)(kernel_table *);
} isa_row;

static bool always(void)
{
    return true;
}

static const isa_row rows[] = {
    { "ref", always, NULL },
#define ISA(name) { #name, can_run_##name, isa_fill_##name },
#include "kernels/isa_built.def"
#undef ISA
};
enum { ROWS = sizeof rows / sizeof *rows };

static kernel_table tables[ROWS];
static const kernel_table *best;
static _Atomic(const kernel_table *) ready; /* best, once every table is made */
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void fill_reference(kernel_table *t)
{
    ref_fill_f32(t);
    ref_fill_f64(t);
    ref_fill_i64(t);
    ref_fill_convert(t);
    ref_fill_move(t);
    ref_fill_indexed(t);
    ref_fill_order(t);
    ref_fill_random(t);
}

static void make_tables(void)
{
    const kernel_table *below = NULL; /* the strongest so far */
    const char *cap = getenv("TAPER_ISA");
    bool allowed = true;
    for (int i = 0; i < ROWS; i++) {
        kernel_table *t = &tables[i];
        if (!rows[i].can_run())
            continue;
        if (rows[i].fill) {
            *t = *below;
            rows[i].fill(t);
        } else
            fill_reference(t);
        below = t;
        t->isa = rows[i].name;
        if (allowed)
            best = t;
        allowed = allowed && !(cap && !strcmp(cap, rows[i].name));
    }
}

const kernel_table *kernels_best(void)
{
    const kernel_table *known = atomic_load_explicit(&ready, memory_order_acquire);
    if (__builtin_expect(known != NULL, 1))
        return known;
    pthread_once(&made, make_tables);
    atomic_store_explicit(&ready, best, memory_order_release);
    return best;
}

const kernel_table *kernels_for(const char *isa)
{
    pthread_once(&made, make_tables);
    for (int i = 0; i < ROWS; i++)
        if (tables[i].isa && !strcmp(isa, tables[i].isa))
            return &tables[i];
    return NULL;
}

const char *kernels_isa_at(int i)
{
    return i >= 0 && i < ROWS ? rows[i].name : NULL;
}

/* ---- precise ------------------------------------------------------------------------------------------------- */

static atomic_int precise = -1; /* nobody has asked yet */

bool tp_precise(void)
{
    int now = atomic_load_explicit(&precise, memory_order_relaxed);
    if (now >= 0)
        return now;
    const char *asked = getenv("TAPER_PRECISE");
    int none = -1;
    atomic_compare_exchange_strong(&precise, &none, asked && *asked && strcmp(asked, "0") != 0);
    return atomic_load(&precise);
}

void tp_set_precise(bool on)
{
    atomic_store(&precise, on);
}
