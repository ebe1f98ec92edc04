/* plot_runs.c - `taper plot curves` and `taper plot confusion`: how runs trained, and what one confuses.
 *
 * Layer: cli.  Depends on plot.h, train.h.  Read next: train/history.c. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

enum { MOST_RUNS = 8, LINES = 2 * MOST_RUNS };

/* ---- curves ---------------------------------------------------------------------------------------------- */

typedef double value_of(const tp_epoch *);
static double train_loss(const tp_epoch *e)
{
    return e->train_loss;
}
static double test_loss(const tp_epoch *e)
{
    return e->test_loss;
}
static double train_accuracy(const tp_epoch *e)
{
    return e->train_accuracy;
}
static double test_accuracy(const tp_epoch *e)
{
    return e->test_accuracy;
}
static double rate(const tp_epoch *e)
{
    return e->lr;
}

static const struct {
    const char *title;
    value_of *train, *test;
    bool percent;
} panels_of[] = {
    { "Loss", train_loss, test_loss, false },
    { "Accuracy", train_accuracy, test_accuracy, true },
    { "Learning rate", rate, NULL, false },
};
enum { N_PANELS = sizeof panels_of / sizeof *panels_of };

typedef struct one_run {
    char names[2][80], name[64]; /* of its lines, of itself */
    double *epochs;
    tp_history history;
} one_run;

static const char *last_name(char text[64], const char *path) /* runs/mlp/ -> mlp */
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    const char *from = path + n;
    while (from > path && from[-1] != '/')
        from--;
    snprintf(text, 64, "%.*s", (int)(path + n - from), from);
    return text;
}

static bool add_line(tp_plot_series *to, const one_run *r, value_of *value, const char *name, int colour,
                     bool dashed)
{
    double *y;
    bool any = false;
    if (!chart_numbers(r->history.n, &y))
        return false;
    for (int64_t i = 0; i < r->history.n; i++) {
        y[i] = value(&r->history.epochs[i]);
        any |= isfinite(y[i]);
    }
    *to = (tp_plot_series){ .name = any ? name : NULL,
                            .x = r->epochs,
                            .y = y,
                            .n = any ? r->history.n : 0,
                            .colour = colour,
                            .dashed = dashed };
    return true;
}

static bool read_runs(const cli *c, one_run *runs, int n)
{
    for (int i = 0; i < n; i++) {
        one_run *r = &runs[i];
        if (tp_history_read(c->words[1 + i], &r->history) || !chart_numbers(r->history.n, &r->epochs))
            return false;
        for (int64_t k = 0; k < r->history.n; k++)
            r->epochs[k] = r->history.epochs[k].epoch;
        last_name(r->name, c->words[1 + i]);
        snprintf(r->names[0], sizeof r->names[0], n > 1 ? "%s, train" : "train", r->name);
        snprintf(r->names[1], sizeof r->names[1], n > 1 ? "%s, test" : "test", r->name);
    }
    return true;
}

static int draw_curves(const cli *c, const one_run *runs, int n)
{
    static tp_plot_series lines[N_PANELS][LINES];
    tp_plot_panel panels[N_PANELS];
    int shown = 0;
    for (int p = 0; p < N_PANELS; p++) {
        int64_t points = 0;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 2; k++) {
                value_of *value = k ? panels_of[p].test : panels_of[p].train;
                tp_plot_series *to = &lines[p][2 * i + k];
                const bool only = !panels_of[p].test;
                *to = (tp_plot_series){ 0 };
                /* of one run train and test have their colours, of several each run has one */
                if (value && !add_line(to, &runs[i], value,
                                       !only   ? runs[i].names[k]
                                       : n > 1 ? runs[i].name
                                               : NULL,
                                       n > 1 ? i + 1 : k + 1, n > 1 && !k && !only))
                    return library_error();
                points += to->n;
            }
        if (points)
            panels[shown++] =
                (tp_plot_panel){ .title = panels_of[p].title,
                                 .x = { .name = "epoch", .whole = true },
                                 .y = { .percent = panels_of[p].percent, .from_zero = !panels_of[p].percent },
                                 .series = lines[p],
                                 .n_series = 2 * n,
                                 .tells = n == 1 };
    }
    if (!shown) {
        complain("%s: metrics.jsonl has no numbers yet", c->words[1]);
        return EXIT_INPUT;
    }
    return show_plot(c, &(tp_plot){ .title = "Training",
                                    .description = "What was measured after each epoch.",
                                    .panels = panels,
                                    .n_panels = shown });
}

int chart_curves(const cli *c)
{
    one_run runs[MOST_RUNS] = { 0 };
    const int n = c->n_words - 1;
    if (n > MOST_RUNS)
        return usage_error("plot curves: at most %d runs fit into a picture", MOST_RUNS);
    const int code = read_runs(c, runs, n) ? draw_curves(c, runs, n) : library_error();
    for (int i = 0; i < n; i++)
        tp_history_free(&runs[i].history);
    return code;
}

/* ---- confusion ------------------------------------------------------------------------------------------- */

static int draw_confusion(const cli *c, tp_run *run, const tp_eval_result *r)
{
    const int64_t n = r->classes;
    double *counts;
    tp_tensor *names = tp_zeros(TP_SHAPE(n * (int64_t)sizeof(char *)), .dtype = TP_U8);
    const char **name = names ? tp_data(names) : NULL;
    bool named = true;
    if (!name || !chart_numbers(n * n, &counts))
        return library_error();
    for (int64_t i = 0; i < n * n; i++)
        counts[i] = (double)r->confusion[i];
    for (int64_t i = 0; i < n; i++) {
        name[i] = tp_run_class_name(run, i);
        named &= name[i] && *name[i];
    }
    const tp_plot_panel panel = { .title = "Confusion: rows are true, columns answered",
                                  .tells = true,
                                  .cells = { .values = counts,
                                             .rows = n,
                                             .columns = n,
                                             .row_names = named ? name : NULL,
                                             .column_names = named ? name : NULL,
                                             .written = true,
                                             .confusion = true } };
    return show_plot(c, &(tp_plot){ .description = "How many examples of each class got which answer.",
                                    .panels = &panel,
                                    .n_panels = 1,
                                    .width = n > 12 ? 760 : 520 });
}

int chart_confusion(const cli *c)
{
    tp_eval_result result = { 0 };
    tp_run *run = tp_run_open(c->words[1]);
    if (!run)
        return library_error();
    if (!tp_run_classes(run))
        return usage_error("%s: the run answers with a number, not with a class", c->words[1]);
    int code;
    if (tp_run_evaluate(run, NULL, TP_TEST, 64, &result))
        code = library_error();
    else if (!result.confusion)
        code =
            usage_error("%s: of %lld classes no matrix is counted", c->words[1], (long long)result.classes);
    else
        code = draw_confusion(c, run, &result);
    tp_eval_free(&result);
    return code;
}
