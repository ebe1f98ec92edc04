/* bench.c - the list of cases, and how one is timed.
 *
 * Layer: bench.  Read next: main.c. */
#include "support/bench.h"

#include <math.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the list ------------------------------------------------------------------------------------------------------ */

enum { MOST_CASES = 400 };
static bench_case cases[MOST_CASES];
static int n_cases;

void bench_add(const bench_case *c, const char *name, const char *params)
{
    if (n_cases == MOST_CASES || strlen(name) >= sizeof c->name || strlen(params) >= sizeof c->params) {
        fprintf(stderr, "bench: no room for %s\n", name);
        exit(2);
    }
    bench_case *to = &cases[n_cases++];
    *to = *c;
    strcpy(to->name, name);
    strcpy(to->params, params);
}

int bench_count(void)
{
    return n_cases;
}

const bench_case *bench_at(int i)
{
    return &cases[i];
}

const char *bench_text(const char *format, ...)
{
    static char texts[8][400];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof *texts, format, list);
    va_end(list);
    return text;
}

double bench_bytes(const tp_tensor *t)
{
    return t ? (double)tp_numel(t) * (double)tp_dtype_size(tp_dtype_of(t)) : 0;
}

bench_work bench_work_of(void (*run)(void), double input_bytes)
{
    TP_SCOPE;
    tp_dry_run_total total = { 0 };
    tp_dry_run(&total);
    run();
    tp_dry_run(NULL);
    return (bench_work){ total.flops, input_bytes + (double)total.output_bytes };
}

/* ---- timing -------------------------------------------------------------------------------------------------------- */

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_of(void (*run)(void *), void *context, int calls)
{
    double begin = bench_now();
    for (int i = 0; i < calls; i++)
        run(context);
    return bench_now() - begin;
}

double bench_seconds(void (*run)(void *), void *context, double window, int windows)
{
    int calls = 1;
    double begin = bench_now(), took;
    while ((took = seconds_of(run, context, calls)) < window && calls < 1 << 24)
        calls *= took < window / 8 ? 4 : 2;
    double best = took / calls;
    for (int i = 1; i < windows && bench_now() - begin < 10 * window; i++)
        best = fmin(best, seconds_of(run, context, calls) / calls);
    return best;
}

/* ---- memory: Linux keeps the largest resident size of a process, and takes it back to the present one when told -------- */

static double status_bytes(const char *name)
{
    char line[256];
    double kilobytes = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)))
            kilobytes = strtod(line + strlen(name) + 1, NULL);
    if (f)
        fclose(f);
    return 1024 * kilobytes;
}

/* What the case before freed goes back to the system: it would hide what this one needs. */
static double start_memory(void)
{
    tp_memory_trim();
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
    FILE *f = fopen("/proc/self/clear_refs", "w");
    bool told = f && fputs("5", f) >= 0;
    if (f)
        told = !fclose(f) && told;
    return told ? status_bytes("VmRSS") : -1;
}

/* ---- one round ------------------------------------------------------------------------------------------------------- */

static const bench_case *opened;
static tp_scope scope;
static bench_work work;
static double memory_before;

static void open_case(const bench_case *c)
{
    if (opened)
        tp_scope_close(&scope);
    opened = c;
    if (!c)
        return;
    memory_before = start_memory();
    tp_scope_open(&scope);
    tp_manual_seed(1);
    work = c->open(c);
}

static void run_case(void *context)
{
    TP_SCOPE; /* results die at once, as PyTorch's do */
    opened->run();
    (void)context;
}

bench_result bench_round(const bench_case *c)
{
    bool before = tp_grad_mode_set(!c || c->grad);
    bench_result result = { 0 };
    bool first = c != opened;
    if (first)
        open_case(c);
    if (c) {
        if (first)
            run_case(NULL);
        result.seconds = bench_seconds(run_case, NULL, 0.03, 3);
        result.work = work;
        result.memory = memory_before < 0 ? -1 : status_bytes("VmHWM") - memory_before;
    }
    tp_grad_mode_set(before);
    return result;
}
