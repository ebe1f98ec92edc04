/* plot.c - `taper plot KIND ... -o FILE.png`: the table of plots, and what is checked before one is drawn.
 *
 * A plot is one function that gives a picture, and one row here.
 * Layer: cli.  Depends on plot.h.  Read next: plot_seeing.c. */
#include "cli/plot.h"
#include "cli/text.h"

#include <string.h>

static const struct {
    const char *name;
    int words; /* with its own name */
    const char *wants;
    bool labelled, layered; /* takes --class, --layer */
    plot_fn *draw;
} plots[] = {
    { "filters", 2, "a run folder or a file of weights", false, true, plot_filters },
    { "features", 3, "a run folder and a picture", false, true, plot_features },
    { "saliency", 3, "a run folder and a picture", true, false, plot_saliency },
    { "gradcam", 3, "a run folder and a picture", true, true, plot_gradcam },
};
enum { N_PLOTS = sizeof plots / sizeof *plots };

const char *plot_choice(int i)
{
    return i < N_PLOTS ? plots[i].name : NULL;
}

static int find_plot(const char *name, int *found)
{
    for (*found = 0; *found < N_PLOTS; ++*found)
        if (!strcmp(plots[*found].name, name))
            return 0;
    const char *meant = nearest_name(name, plot_choice);
    if (meant)
        return usage_error("no plot '%s'; did you mean '%s'?", name, meant);
    return usage_error("no plot '%s'; 'taper help plot' lists them", name);
}

static int check_words(const cli *c, int k)
{
    if (c->n_words != plots[k].words)
        return usage_error("plot %s wants %s", plots[k].name, plots[k].wants);
    if (c->label && !plots[k].labelled)
        return usage_error("plot %s has no option '--class'; saliency and gradcam explain a class",
                           plots[k].name);
    if (c->layer && !plots[k].layered)
        return usage_error("plot %s has no option '--layer'", plots[k].name);
    return check_png(c, "plot");
}

int verb_plot(cli *c)
{
    TP_SCOPE;
    int k, code = find_plot(c->words[0], &k);
    if (code || (code = check_words(c, k)))
        return code;
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
