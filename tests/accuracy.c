/* accuracy.c - every f32 function on every f32 there is: the worst of each instruction set, beside its bound.
 *
 *   accuracy [--step N] [FUNCTION...]   every N-th bit pattern (1: all 2^32); fails where a bound is exceeded
 *   accuracy --markdown                 docs/accuracy.md, with the table of bounds
 *
 * Layer: tests.  Read next: support/accuracy.def. */
#include "support/accuracy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_page(void)
{
    printf("# How accurate the functions are\n\n"
           "The f32 functions with a vector form, and how far each may be from the exact value: in units in "
           "the last place of\n"
           "the exact value, for every f32 there is, on every instruction set.  NaN and infinities come out "
           "as in C.  Where\n"
           "the third column has a number, a difference up to it counts as none: results near the smallest "
           "numbers of f32\n"
           "are products of numbers below them.\n\n"
           "`make accuracy` measures all 2^32 arguments and prints the worst of each; `make test` takes "
           "every 4099th.  The\n"
           "bounds stand in tests/support/accuracy.def, and `make docs` makes this page from there.\n\n"
           "| function | units | or a difference of |\n|---|---|---|\n");
    for (int i = 0; i < accuracy_row_count; i++) {
        const accuracy_row *row = &accuracy_rows[i];
        printf("| %s | %g | ", row->name, row->bound);
        if (row->floor > 0)
            printf("%g |\n", row->floor);
        else
            printf("|\n");
    }
}

static bool asked_for(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--step"))
            i++;
        else if (!strcmp(argv[i], name))
            return true;
        else
            any = true;
    }
    return !any;
}

int main(int argc, char **argv)
{
    uint32_t step = 1;
    if (argc == 2 && !strcmp(argv[1], "--markdown")) {
        print_page();
        return 0;
    }
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--step"))
            step = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    if (step == 0) {
        fprintf(stderr, "accuracy: --step wants a number from 1 on\n");
        return 2;
    }
    int failed = 0;
    printf("%-12s %-8s %8s %6s   %s\n", "function", "set", "units", "bound", "at");
    for (int i = 0; i < accuracy_row_count; i++) {
        const accuracy_row *row = &accuracy_rows[i];
        accuracy_worst worst[ACCURACY_ISAS];
        if (!asked_for(row->name, argc, argv))
            continue;
        int isas = accuracy_measure(row, step, worst);
        for (int k = 0; k < isas; k++) {
            bool bad = !(worst[k].units <= row->bound);
            printf("%-12s %-8s %8.2f %6g   %.9g is %.9g, exactly %.12g%s\n", row->name, worst[k].isa,
                   worst[k].units, row->bound, (double)worst[k].at, (double)worst[k].got, worst[k].wanted,
                   bad ? "  TOO FAR" : "");
            fflush(stdout);
            failed += bad;
        }
    }
    return failed > 0;
}
