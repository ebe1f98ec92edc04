/* dispatch.c - makes the tables and picks the best one that this machine may run.
 *
 * A table starts as the one below it, the first as the reference; its instruction set overwrites what it does better.
 * Layer: kernels.  Depends on isa.def, ref/ and, once for each row of isa_built.def, isa/.  Read next: isa/simd.h. */
#include "base/error.h"
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
#define WITH_BF16(name) void isa_fill_bf16_##name(kernel_table *);
#include "kernels/isa_built.def"
#undef ISA
#undef WITH_BF16

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
#define WITH_BF16(name)
#include "kernels/isa_built.def"
#undef ISA
#undef WITH_BF16
};
enum { ROWS = sizeof rows / sizeof *rows };

static const isa_row bf16_rows[] = { /* what fills them over the table of that name */
#define ISA(name)
#define WITH_BF16(name) { #name, can_run_bf16, isa_fill_bf16_##name },
#include "kernels/isa_built.def"
#undef ISA
#undef WITH_BF16
                                     { 0 }
};

static kernel_table tables[ROWS], bf16_table;
static const kernel_table *best, *bf16;     /* bf16: best and products of bf16, or NULL */
static _Atomic(const kernel_table *) ready; /* the one in use, once every table is made */
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
    for (const isa_row *r = bf16_rows; r->name; r++)
        if (!strcmp(r->name, best->isa) && r->can_run()) {
            bf16_table = *best;
            r->fill(&bf16_table);
            bf16 = &bf16_table;
        }
}

static atomic_bool medium; /* tp_set_float32_matmul_precision */

/* After every change of what it depends on. */
static const kernel_table *use_table(void)
{
    pthread_once(&made, make_tables);
    const kernel_table *now = bf16 && atomic_load(&medium) && !tp_precise() ? bf16 : best;
    atomic_store_explicit(&ready, now, memory_order_release);
    return now;
}

const kernel_table *kernels_best(void)
{
    const kernel_table *known = atomic_load_explicit(&ready, memory_order_acquire);
    if (__builtin_expect(known != NULL, 1))
        return known;
    return use_table();
}

const kernel_table *kernels_bf16(void)
{
    pthread_once(&made, make_tables);
    return bf16;
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

/* ---- precision ------------------------------------------------------------------------------------------------- */

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
    use_table();
}

tp_status tp_set_float32_matmul_precision(const char *precision)
{
    if (!precision || (strcmp(precision, "highest") != 0 && strcmp(precision, "medium") != 0))
        return tp_fail(TP_ERR_ARGUMENT, "float32_matmul_precision: '%.40s'; highest or medium is wanted",
                       precision ? precision : "NULL");
    atomic_store(&medium,
                 !strcmp(precision, "medium")); /* with an error pending, too: what was set is set back */
    use_table();
    return tp_error_pending();
}

const char *tp_float32_matmul_precision(void)
{
    return atomic_load(&medium) ? "medium" : "highest";
}

bool tp_has_bf16(void)
{
    return kernels_bf16() != NULL;
}
