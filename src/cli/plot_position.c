/* plot_position.c - `taper plot position`: what tells a Transformer where a token stands.
 *
 *   sinusoidal     rows are places, columns the numbers that are added to a token   Vaswani et al. 2017
 *   learned RUN    the same, as a run has learned them
 *   rope           how far the first pairs of a head are turned at each place, and the product of a query and a key by their distance
 *                                                                                   Su et al. 2021
 *   alibi          what each head takes from the scores of keys, for the last of the queries    Press et al. 2022
 * All are what the library computes: a position's rows added to zeros, rope of (1, 0), attention without queries.
 * Layer: cli.  Depends on plot.h, nn.h.  Read next: plot_attention.c. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

enum { PLACES = 64, WIDTH = 64, PAIRS = 8, HEADS = 8, KEYS = 32 };

static const char *position_choice(int i)
{
    static const char *const names[] = { "sinusoidal", "learned", "rope", "alibi" };
    return i < 4 ? names[i] : NULL;
}

static const double *doubles(tp_tensor *t)
{
    t = t ? tp_contiguous(tp_double(tp_detach(t))) : NULL;
    return t ? tp_data(t) : NULL;
}

static int draw_table(const cli *c, tp_tensor *table, const char *title)
{
    const double *values = doubles(table);
    if (!values)
        return library_error();
    const tp_plot_panel panel = {
        .title = title,
        .x = { .name = "dimension" },
        .y = { .name = "place" },
        .cells = { .values = values, .rows = tp_size(table, 0), .columns = tp_size(table, 1) },
    };
    return show_plot(c,
                     &(tp_plot){ .description = "A heat map: a row for each place, a column for each number.",
                                 .panels = &panel,
                                 .n_panels = 1 });
}

static int draw_sinusoidal(const cli *c)
{
    tp_module *m = tp_nn_position("sinusoidal", PLACES, WIDTH);
    tp_tensor *rows = m ? tp_forward(m, tp_zeros(TP_SHAPE(1, PLACES, WIDTH))) : NULL;
    return rows ? draw_table(c, tp_select(rows, 0, 0), "Sinusoidal positions") : library_error();
}

/* The first of a run's modules that is a table of places. */
static tp_module *find_positions(tp_module *m)
{
    if (!strcmp(tp_module_type(m), "position") && tp_params_count(tp_parameters(m)))
        return m;
    tp_module *found = NULL;
    for (int i = 0; i < tp_n_children(m) && !found; i++)
        found = find_positions(tp_child_at(m, i));
    return found;
}

static int draw_learned(const cli *c)
{
    tp_run *run = tp_run_open(c->words[2]);
    tp_module *m = run ? find_positions(tp_run_model(run)) : NULL;
    if (run && !m)
        return usage_error("%s: the network has no learned positions", c->words[2]);
    tp_tensor *rows = m ? tp_params_at(tp_parameters(m), 0) : NULL;
    return rows ? draw_table(c, tp_narrow(rows, 0, 0, tp_size(rows, 0) < 256 ? tp_size(rows, 0) : 256),
                             "Learned positions")
                : library_error();
}

/* cos and sin of place x theta^(-2 i / width), (PLACES, WIDTH / 2) each. */
static bool angles(tp_tensor *t[2])
{
    t[0] = tp_zeros(TP_SHAPE(PLACES, WIDTH / 2)), t[1] = tp_zeros(TP_SHAPE(PLACES, WIDTH / 2));
    float *cosine = t[0] && t[1] ? tp_data(t[0]) : NULL, *sine = cosine ? tp_data(t[1]) : NULL;
    for (int at = 0; sine && at < PLACES * WIDTH / 2; at++) {
        const double angle = at / (WIDTH / 2) * pow(10000, -2.0 * (at % (WIDTH / 2)) / WIDTH);
        cosine[at] = (float)cos(angle), sine[at] = (float)sin(angle);
    }
    return sine;
}

/* A vector of ones at every place, turned: its first numbers, and its product with itself at place 0. */
static int draw_rope(const cli *c)
{
    tp_tensor *t[2];
    if (!angles(t))
        return library_error();
    tp_tensor *q = tp_rope(tp_ones(TP_SHAPE(1, PLACES, WIDTH)), t[0], t[1], WIDTH, .adjacent = true);
    const double *turned = doubles(q), *at_0 = turned;
    double *pairs, *products;
    if (!turned || !chart_numbers(PLACES * PAIRS, &pairs) || !chart_numbers(PLACES, &products))
        return library_error();
    for (int p = 0; p < PLACES; p++) {
        for (int i = 0; i < PAIRS; i++) /* the first number of (1, 1) turned: cos - sin */
            pairs[i * PLACES + p] = turned[p * WIDTH + 4 * i];
        for (int k = 0; k < WIDTH; k++)
            products[p] += at_0[k] * turned[p * WIDTH + k] / WIDTH;
    }
    static const char *const names[PAIRS] = { "0", "2", "4", "6", "8", "10", "12", "14" };
    const tp_plot_series line = { .y = products, .n = PLACES };
    const tp_plot_panel panels[] = {
        { .title = "RoPE: a number of each pair, turned",
          .x = { .name = "place" },
          .y = { .name = "pair" },
          .cells = { .values = pairs, .rows = PAIRS, .columns = PLACES, .row_names = names } },
        { .title = "RoPE: equal query and key", .x = { .name = "distance" }, .series = &line, .n_series = 1 },
    };
    return show_plot(c, &(tp_plot){ .title = "Rotary positions",
                                    .description = "Pairs turn by the place, slower from pair to pair.",
                                    .panels = panels,
                                    .n_panels = 2 });
}

/* Queries of zeros: shares are softmax of the bias alone, and log(share / share of the key itself) is the bias. */
static int draw_alibi(const cli *c)
{
    double slopes[HEADS], *bias, *lines;
    static char names[HEADS][16];
    const char *heads[HEADS];
    if (!chart_numbers(HEADS * KEYS, &bias) || !chart_numbers((int64_t)KEYS * KEYS, &lines))
        return library_error();
    for (int h = 0; h < HEADS; h++) {
        slopes[h] = exp2(-8.0 * (h + 1) / HEADS);
        heads[h] = names[h];
        snprintf(names[h], sizeof names[h], "%d: %.3g", h + 1, slopes[h]);
    }
    tp_tensor *s = tp_tensor_copied(slopes, TP_F64, TP_SHAPE(HEADS)),
              *zero = tp_zeros(TP_SHAPE(1, HEADS, KEYS, 1), .dtype = TP_F64),
              *eye = tp_expand(tp_eye(KEYS, KEYS, .dtype = TP_F64), TP_SHAPE(1, HEADS, KEYS, KEYS));
    const double *shares =
        doubles(tp_scaled_dot_product_attention(zero, zero, eye, .is_causal = true, .slopes = s));
    if (!shares)
        return library_error();
    for (int h = 0; h < HEADS; h++) {
        const double *last = shares + ((int64_t)h * KEYS + KEYS - 1) * KEYS;
        for (int k = 0; k < KEYS; k++)
            bias[h * KEYS + k] = log(last[k] / last[KEYS - 1]);
    }
    const double *first = shares; /* of head 1, whose slope is steepest */
    for (int i = 0; i < KEYS * KEYS; i++)
        lines[i] = first[i] > 0 ? log(first[i] / first[i / KEYS * (KEYS + 1)]) : NAN;
    const tp_plot_panel panels[] = {
        { .title = "ALiBi by head: slope",
          .x = { .name = "key; the query is the last" },
          .cells = { .values = bias, .rows = HEADS, .columns = KEYS, .row_names = heads } },
        { .title = "ALiBi: head 1",
          .x = { .name = "key" },
          .y = { .name = "query" },
          .cells = { .values = lines, .rows = KEYS, .columns = KEYS } },
    };
    return show_plot(c, &(tp_plot){ .title = "Attention with linear biases",
                                    .description =
                                        "What is taken from scores, by the distance of key and query.",
                                    .panels = panels,
                                    .n_panels = 2 });
}

int chart_position(const cli *c)
{
    int k = 0;
    while (position_choice(k) && strcmp(position_choice(k), c->words[1]) != 0)
        k++;
    if (!position_choice(k))
        return no_such("position", c->words[1], position_choice);
    if ((k == 1) != (c->n_words == 3))
        return usage_error(k == 1 ? "plot position learned wants a run folder"
                                  : "plot position %s wants nothing more",
                           c->words[1]);
    int (*const draw[])(const cli *) = { draw_sinusoidal, draw_learned, draw_rope, draw_alibi };
    return draw[k](c);
}
