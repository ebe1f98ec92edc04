/* plot.c - `taper plot KIND ...`: the table of plots, what is checked before one is drawn, and where it goes.
 *
 * A plot is one function and one row here: pictures of pixels go into a .png, charts into an .svg or the terminal.
 * Layer: cli.  Depends on plot.h.  Read next: plot_seeing.c, plot_functions.c. */
#include "cli/plot.h"
#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int words, most; /* with its own name; most 0: no limit */
    const char *wants;
    bool labelled, layered; /* takes --class, --layer */
    plot_fn *draw;
    chart_fn *chart;
    const char *options; /* of charts: those that it takes besides -o */
} plots[] = {
    { "filters", 2, 2, "a run folder or a file of weights", false, true, plot_filters },
    { "features", 3, 3, "a run folder and a picture", false, true, plot_features },
    { "saliency", 3, 3, "a run folder and a picture", true, false, plot_saliency },
    { "gradcam", 3, 3, "a run folder and a picture", true, true, plot_gradcam },
    { "activation", 1, 0, "names of activations, or none", .chart = chart_activation },
    { "loss", 1, 0, "names of losses, or none", .chart = chart_loss },
    { "optimizers", 1, 0, "names of optimizers, or none", .chart = chart_optimizers,
      .options = "surface steps lr" },
    { "schedule", 1, 0, "names of schedules, or none", .chart = chart_schedule,
      .options =
          "steps warmup warmup-start min-factor gamma step-size milestones max-factor final-factor rise "
          "patience threshold" },
    { "position", 2, 3, "sinusoidal, learned and a run folder, rope or alibi", .chart = chart_position },
    { "attention", 3, 4, "a run folder and a text, of pairs perhaps its target", false, true,
      .chart = chart_attention },
    { "curves", 2, 0, "run folders", .chart = chart_curves },
    { "confusion", 2, 2, "a run folder", .chart = chart_confusion },
};
enum { N_PLOTS = sizeof plots / sizeof *plots };

const char *plot_choice(int i)
{
    return i < N_PLOTS ? plots[i].name : NULL;
}

int no_such(const char *what, const char *name, choice_fn *known)
{
    const char *meant = nearest_name(name, known);
    if (meant)
        return usage_error("no %s '%s'; did you mean '%s'?", what, name, meant);
    return usage_error("no %s '%s'; 'taper help plot' lists them", what, name);
}

/* ---- charts ------------------------------------------------------------------------------------------ */

int chart_names(const cli *c, const char *what, choice_fn *known, const char *const *usual,
                const char *names[MOST_NAMES], int *n)
{
    const bool given = c->n_words > 1;
    for (*n = 0; given ? *n + 1 < c->n_words : usual[*n] != NULL; ++*n) {
        const char *name = given ? c->words[*n + 1] : usual[*n];
        bool found = false;
        if (*n == MOST_NAMES)
            return usage_error("plot %s: at most %d names fit into a picture", c->words[0], MOST_NAMES);
        for (int i = 0; known(i) && !found; i++)
            found = !strcmp(known(i), name);
        if (!found)
            return no_such(what, name, known);
        names[*n] = name;
    }
    return 0;
}

tp_tensor *chart_numbers(int64_t n, double **data)
{
    tp_tensor *t = tp_zeros(TP_SHAPE(n), .dtype = TP_F64);
    *data = t ? tp_data(t) : NULL;
    return t;
}

static int write_svg(const char *path, const tp_plot *p)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        complain("%s: cannot write: %s", path, strerror(errno));
        return EXIT_INPUT;
    }
    const tp_status status = tp_plot_svg(p, f);
    if (fclose(f) && !status) {
        complain("%s: cannot write: %s", path, strerror(errno));
        return EXIT_OUTPUT;
    }
    if (status)
        remove(path);
    else
        printf("%s -> %s\n", p->title ? p->title : p->panels[0].title, path);
    return status ? library_error() : EXIT_FINE;
}

int show_plot(const cli *c, const tp_plot *p)
{
    if (c->out)
        return tp_error_pending() ? library_error() : write_svg(c->out, p);
    if (tp_plot_text(p, stdout, .columns = terminal_columns(), .colours = colour_on(stdout),
                     .ascii = !speaks_utf8()))
        return library_error();
    return EXIT_FINE;
}

/* ---- what is asked for --------------------------------------------------------------------------------- */

static bool is_among(const char *name, const char *list)
{
    const size_t n = strlen(name);
    for (const char *p = list; p && (p = strstr(p, name)); p += n)
        if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
            return true;
    return false;
}

/* Options of other kinds of plots are no options of this one. */
static int check_options(const cli *c, int k)
{
    for (int i = 0; i < n_options; i++) {
        const char *name = options[i].name;
        if (!c->given[i] || !strcmp(name, "out") || !strcmp(name, "threads") ||
            is_among(name, plots[k].options))
            continue;
        if (!strcmp(name, "class") ? plots[k].labelled : !strcmp(name, "layer") && plots[k].layered)
            continue;
        if (!strcmp(name, "class"))
            return usage_error("plot %s has no option '--class'; saliency and gradcam explain a class",
                               plots[k].name);
        return usage_error("plot %s has no option '--%s'", plots[k].name, name);
    }
    return 0;
}

static int check_words(const cli *c, int k)
{
    if (c->n_words < plots[k].words || (plots[k].most && c->n_words > plots[k].most))
        return usage_error("plot %s wants %s", plots[k].name, plots[k].wants);
    const int code = check_options(c, k);
    if (code || plots[k].draw)
        return code ? code : check_png(c, "plot");
    const size_t n = c->out ? strlen(c->out) : 0;
    if (n && (n < 5 || strcmp(c->out + n - 4, ".svg") != 0))
        return usage_error("-o '%s': a name that ends in .svg is wanted", c->out);
    return 0;
}

static int draw_picture(const cli *c, int k)
{
    int code = 0;
    plot_job job = { .c = c, .source = c->words[1], .image = c->n_words > 2 ? c->words[2] : NULL };
    if (job.image || is_directory(job.source)) {
        job.run = tp_run_open(job.source);
        if (!job.run)
            return library_error();
        job.net = tp_run_model(job.run);
    }
    tp_tensor *picture = plots[k].draw(&job, &code);
    if (!picture || tp_image_write_png(c->out, picture))
        return code ? code : library_error();
    printf("%s -> %s  (%lld x %lld)\n", job.said, c->out, (long long)tp_size(picture, 2),
           (long long)tp_size(picture, 1));
    return EXIT_FINE;
}

int verb_plot(cli *c)
{
    TP_SCOPE;
    int k = 0;
    while (k < N_PLOTS && strcmp(plots[k].name, c->words[0]) != 0)
        k++;
    if (k == N_PLOTS)
        return no_such("plot", c->words[0], plot_choice);
    const int code = check_words(c, k);
    return code ? code : plots[k].draw ? draw_picture(c, k) : plots[k].chart(c);
}
