/* plot_attention.c - `taper plot attention RUN TEXT`: what each token looks at, by layer and head.
 *
 * A panel is a layer, the mean over its heads; with --layer NAME a panel is a head of it.
 * Layer: cli.  Depends on plot.h, train.h.  Read next: plot_runs.c. */
#include "cli/plot.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_MAPS = 96 };

typedef struct collected {
    const char *layer; /* NULL: all */
    tp_plot_panel panels[MOST_MAPS];
    char titles[MOST_MAPS][80];
    char said[1024]; /* names of the layers */
    int n;
    bool failed;
} collected;

static const char **copied_names(const char *const *names, int64_t n)
{
    size_t size = 0;
    for (int64_t i = 0; i < n && names; i++)
        size += strlen(names[i] ? names[i] : "") + 1;
    const char **copy = names ? malloc((size_t)n * sizeof *copy + size) : NULL;
    char *text = copy ? (char *)(copy + n) : NULL;
    for (int64_t i = 0; i < n && copy; i++) {
        copy[i] = strcpy(text, names[i] ? names[i] : "");
        text += strlen(text) + 1;
    }
    return copy;
}

static void add_panel(collected *all, const tp_attention_map *map, int64_t first, int64_t heads)
{
    const int64_t cells = map->rows * map->columns;
    double *values = calloc((size_t)cells, sizeof *values);
    if (!values || all->n == MOST_MAPS) {
        free(values);
        all->failed |= !values;
        return;
    }
    for (int64_t i = 0; i < heads * cells; i++)
        values[i % cells] += map->shares[first * cells + i] / (double)heads;
    char *title = all->titles[all->n];
    if (all->layer)
        snprintf(title, sizeof all->titles[0], "head %lld", (long long)first + 1);
    else
        snprintf(title, sizeof all->titles[0], "%.70s", map->name);
    all->panels[all->n++] =
        (tp_plot_panel){ .title = title,
                         .tells = true,
                         .cells = { .values = values,
                                    .rows = map->rows,
                                    .columns = map->columns,
                                    .to = 1,
                                    .row_names = copied_names(map->row_names, map->rows),
                                    .column_names = copied_names(map->column_names, map->columns) } };
}

static bool take(void *context, const tp_attention_map *map)
{
    collected *all = context;
    const size_t used = strlen(all->said);
    snprintf(all->said + used, sizeof all->said - used, "%s%s", used ? ", " : "", map->name);
    if (!all->layer)
        add_panel(all, map, 0, map->heads);
    for (int64_t h = 0; all->layer && !strcmp(all->layer, map->name) && h < map->heads; h++)
        add_panel(all, map, h, 1);
    return true;
}

static tp_status collect(const cli *c, collected *all)
{
    const char *path = c->words[1], *text = c->words[2];
    if (tp_is_pretrained(path) && c->n_words > 3)
        return tp_error_set(TP_ERR_ARGUMENT, "%s: learned no pairs, a text has no target", path);
    if (tp_is_pretrained(path)) {
        tp_tokenizer *tokenizer = tp_pretrained_tokenizer(path, NULL);
        return tp_attention(tp_pretrained(path), tokenizer, text, take, all);
    }
    return tp_run_attention(tp_run_open(path), text, c->n_words > 3 ? c->words[3] : NULL, take, all);
}

int chart_attention(const cli *c)
{
    static collected all;
    char title[200];
    int code;
    all = (collected){ .layer = c->layer };
    if (collect(c, &all))
        code = library_error();
    else if (all.failed) {
        complain("out of memory for the picture");
        code = EXIT_MEMORY;
    } else if (!all.n)
        code = usage_error("--layer '%s': the network's attentions are %s", c->layer, all.said);
    else {
        snprintf(title, sizeof title, "Attention%s%s: %.120s", c->layer ? " of " : "",
                 c->layer ? c->layer : "", c->words[2]);
        code = show_plot(c, &(tp_plot){ .title = title,
                                        .description = "Rows look at columns; a row's shares sum to 1.",
                                        .panels = all.panels,
                                        .n_panels = all.n,
                                        .across = all.n > 4 ? 3 : 2,
                                        .width = all.n > 1 ? 340 : 460 });
    }
    for (int i = 0; i < all.n; i++) {
        free((void *)(uintptr_t)all.panels[i].cells.values);
        free((void *)(uintptr_t)all.panels[i].cells.row_names);
        free((void *)(uintptr_t)all.panels[i].cells.column_names);
    }
    return code;
}
