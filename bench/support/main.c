/* main.c - a bench program: its cases as a table, or served to bench/run.py.
 *
 *   build/bench/conv [PATTERN...]     a table of all cases, or of those that a pattern fits ("3x3", "*.forward")
 *   build/bench/conv --list           their names
 *   build/bench/all --serve           first line: the machine and all cases as JSON; then a name a line is answered with one
 *                                     round of that case
 *
 * OMP_NUM_THREADS and TAPER_ISA count, as for every program with Taper.
 * Layer: bench.  Read next: ../run.py. */
#include "support/bench.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pending errors end a case, not the program. */
static const char *error_text(void)
{
    static char text[400];
    *text = 0;
    tp_error_take(text, sizeof text);
    for (char *p = text; *p; p++)
        if (*p == '"' || *p == '\\' || *p == '\n')
            *p = ' ';
    return text;
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

static bool wanted(const char *name, int n, char **patterns)
{
    for (int i = 0; i < n; i++)
        if (!fnmatch(bench_text("*%s*", patterns[i]), name, 0))
            return true;
    return !n;
}

static void print_time(double seconds)
{
    static const char *const units[] = { "s ", "ms", "us", "ns" };
    int i = 0;
    while (seconds < 0.9995 && i < 3)
        seconds *= 1000, i++;
    printf(" %8.*f %s", seconds < 9.995 ? 2 : seconds < 99.95 ? 1 : 0, seconds, units[i]);
}

static void print_rate(int width, double a_second)
{
    printf(" %*s", width, a_second > 0 ? bench_text("%.1f", 1e-9 * a_second) : "-");
}

static int table(int n, char **patterns)
{
    int failed = 0;
    printf("%s, %d threads, the best of three rounds\n", tp_isa(), tp_num_threads());
    printf("%-52s %11s %9s %8s %8s\n", "case", "a run", "GFLOP/s", "GB/s", "memory");
    for (int i = 0; i < bench_count(); i++) {
        const bench_case *c = bench_at(i);
        if (!wanted(c->name, n, patterns))
            continue;
        bench_result r = bench_round(c);
        for (int k = 0; k < 2 && r.seconds < 1; k++)
            r.seconds = fmin(r.seconds, bench_round(c).seconds);
        printf("%-52s", c->name);
        const char *error = error_text();
        if (*error) {
            printf(" %s\n", error);
            failed = 1;
            continue;
        }
        print_time(r.seconds);
        print_rate(9, r.work.flops / r.seconds);
        print_rate(8, r.work.bytes / r.seconds);
        printf(" %5.0f MB\n", fmax(r.memory, 0) * 1e-6);
        fflush(stdout);
    }
    bench_round(NULL);
    return failed;
}

/* ---- the server --------------------------------------------------------------------------------------------------------- */

static void describe(void)
{
    printf("{\"version\":\"%s\",\"isa\":\"%s\",\"threads\":%d,\"cases\":[", tp_version(), tp_isa(),
           tp_num_threads());
    for (int i = 0; i < bench_count(); i++) {
        const bench_case *c = bench_at(i);
        printf("%s{\"name\":\"%s\",\"kind\":\"%s\",%s}", i ? "," : "", c->name, c->kind, c->params);
    }
    printf("]}\n");
    fflush(stdout);
}

static int serve(void)
{
    char line[256];
    describe();
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        const bench_case *c = NULL;
        for (int i = 0; i < bench_count() && !c; i++)
            c = strcmp(bench_at(i)->name, line) ? NULL : bench_at(i);
        bench_result r = bench_round(c); /* an unknown name closes what is open */
        const char *error = c ? error_text() : "no such case";
        printf("{\"seconds\":%.9g,\"flops\":%.17g,\"bytes\":%.17g,\"memory\":%.0f,\"error\":\"%s\"}\n",
               r.seconds, r.work.flops, r.work.bytes, r.memory, error);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--serve"))
        return serve();
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (int i = 0; i < bench_count(); i++)
            puts(bench_at(i)->name);
        return 0;
    }
    return table(argc - 1, argv + 1);
}
