/* forecast.c - `taper predict DIR [FILE]` of a run that forecasts: what comes after the last row of the file.
 *
 * Layer: cli.  Depends on train.h, json.h.  Read next: predict.c. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

typedef struct telling {
    bool json, begun;
} telling;

static void print_head(const tp_forecast *f)
{
    printf("%-20s %-16s", *f->date ? "date" : "step", "target");
    for (int i = 0; i < f->n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%g %%", 100 * f->quantiles[i]);
        printf(" %12s", name);
    }
    putchar('\n');
}

static bool tell(void *context, const tp_forecast *f)
{
    telling *t = context;
    char step[24];
    snprintf(step, sizeof step, "%lld", (long long)f->step);
    if (t->json) {
        emit_object(NULL);
        emit_integer("step", f->step);
        if (*f->date)
            emit_text("date", f->date);
        emit_text("target", f->target);
        emit_list("quantiles");
        for (int i = 0; i < f->n; i++) {
            emit_object(NULL);
            emit_real("quantile", f->quantiles[i]);
            emit_real("value", f->values[i]);
            emit_end();
        }
        emit_end();
        emit_end();
        return !ferror(stdout);
    }
    if (!t->begun)
        print_head(f);
    t->begun = true;
    print_padded(stdout, *f->date ? f->date : step, 21);
    print_padded(stdout, f->target, 16);
    for (int i = 0; i < f->n; i++)
        printf(" %12.6g", f->values[i]);
    putchar('\n');
    return !ferror(stdout);
}

int forecast_files(cli *c, tp_run *run)
{
    telling t = { .json = c->json };
    emit_lines(c->json);
    for (int i = 1; i < c->n_words || i == 1; i++)
        if (tp_run_forecast(run, i < c->n_words ? c->words[i] : NULL, tell, &t))
            return library_error();
    return EXIT_FINE;
}
