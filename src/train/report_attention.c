/* report_attention.c - where a run's attention looks in one text, a map a layer: of pairs that of the decoder, else all.
 *
 * Layer: train.  Depends on report.h, plot/plot.h.  Read next: attention_maps.c, report_translations.c. */
#include "base/error.h"
#include "base/memory.h"
#include "plot/plot.h"
#include "train/report.h"

#include <string.h>

enum { MOST_MAPS = 6 };

typedef struct sink {
    report_page *p;
    bool pairs;
    int n;
} sink;

/* The mean over heads; what an encoder sees of itself is left out. */
static bool take_map(void *context, const tp_attention_map *map)
{
    sink *to = context;
    const char *end = strrchr(map->name, '.');
    const int64_t cells = map->rows * map->columns;
    const bool cross = !end || !strcmp(end, ".cross"),
               joined = map->row_names && map->row_names == map->column_names;
    if (to->pairs && (!strncmp(map->name, "encoder", 7) || (!cross && !joined)))
        return true; /* what sources see of themselves, and targets */
    if (!to->n)
        page_put(to->p, "<h3>What it looks at</h3>\n<div class=\"grid\">\n");
    double *mean = tp_calloc((size_t)cells * sizeof *mean);
    for (int64_t i = 0; i < map->heads * cells && mean; i++)
        mean[i % cells] += map->shares[i] / (double)map->heads;
    const tp_plot_panel panel = { .title = map->name,
                                  .tells = true,
                                  .cells = { .values = mean,
                                             .rows = map->rows,
                                             .columns = map->columns,
                                             .row_names = map->row_names,
                                             .column_names = map->column_names,
                                             .to = 1 } };
    if (mean)
        page_plot(to->p, &(tp_plot){ .panels = &panel, .n_panels = 1 });
    tp_free(mean, mean ? (size_t)cells * sizeof *mean : 0);
    return ++to->n < MOST_MAPS && !tp_pending();
}

void report_attention(report_page *p, const report_run *r, const char *text, const char *answer)
{
    sink to = { .p = p, .pairs = answer != NULL };
    const tp_status status = tp_run_attention(r->run, text, answer, take_map, &to);
    page_put(p, to.n ? "</div>\n" : "");
    if (status && (to.n || to.pairs))
        page_missing(p, "A map of what it looks at");
    else if (status)
        tp_error_take(NULL, 0); /* most networks have no attention */
    else if (to.n)
        page_put(p,
                 "<p class=\"soft\">%s; a row's shares sum to 1. "
                 "<code>taper plot attention</code> draws heads and other texts.</p>\n",
                 to.pairs ? "Rows are what it wrote, columns what it read" : "Rows look at columns");
}
