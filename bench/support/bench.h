/* bench.h - cases that are timed: what they are called, how they are made, what one run of them computes.
 *
 * A file of bench/ says what its cases are in BENCH_CASES { ... bench_add(...); }.  Linked with main.c it is a program that
 * prints its own table; all files together are build/bench/all, which bench/run.py asks, case by case.
 * Layer: bench.  Read next: ../gemm.c, bench.c, main.c. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <taper/taper.h>

typedef struct bench_work { /* of one run; 0: not known */
    double flops, bytes;    /* bytes: what must pass between processor and memory once */
} bench_work;

/* One case is open at a time, so that its tensors may lie in variables of its file; they belong to a scope that closes with
 * the case.  open works within it, without gradients where the case says so. */
typedef struct bench_case bench_case;
struct bench_case {
    const char *kind; /* which peer runs the same: gemm, conv, net ... (bench/peers.py) */
    const void *spec; /* the row that it was made from */
    int which;        /* and what of it */
    bool grad;        /* runs with gradients recorded */
    bench_work (*open)(const bench_case *);
    void (*run)(void);
    char name[96];    /* set by bench_add, as the next one */
    char params[400]; /* the shape as members of a JSON object, from which the peer is built */
};

void bench_add(const bench_case *, const char *name, const char *params);
int bench_count(void);
const bench_case *bench_at(int i);
const char *bench_text(const char *format, ...) TP_PRINTF(1, 2); /* of the last eight calls */

#define BENCH_CASES __attribute__((constructor)) static void add_cases(void)

/* What run computes, by the operations' own costs (a dry run), and input_bytes + what it writes. */
bench_work bench_work_of(void (*run)(void), double input_bytes);
double bench_bytes(const tp_tensor *); /* 0 of NULL */

/* ---- Timing -------------------------------------------------------------------------------------------------------- */

double bench_now(void); /* seconds */

/* Seconds of one call: the best of some windows of at least that many seconds, each of as many calls as fill it; no further
 * window begins after ten times as long. */
double bench_seconds(void (*run)(void *), void *context, double window, int windows);

typedef struct bench_result {
    double seconds; /* of one run */
    bench_work work;
    double memory; /* bytes by which the process grew at most since the case was opened; -1: not known */
} bench_result;

/* One round.  The case stays open until another one is asked for (or NULL). */
bench_result bench_round(const bench_case *);

#endif
