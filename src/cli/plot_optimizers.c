/* plot_optimizers.c - `taper plot optimizers`: the paths of real optimizers down a surface, over lines of equal height.
 *
 *   rosenbrock   (1 - x)^2 + 100 (y - x^2)^2                                       a curved valley; least at (1, 1)
 *   beale        (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2  plains and walls; least at (3, 0.5)
 *   saddle       x^2 - y^2                                                         the slope is nearly 0 where the paths come in
 *   local        x^4 / 4 - x^2 / 2 + x / 5 + y^2 / 2                               a shallow minimum before the deep one
 *   bowl         x^2 / 20 + y^2                                                    narrow: what a rate is too large for
 *   troubles     four panels: the rate too small, too large, the saddle, the local minimum
 *
 * A surface is a function of tensors: its lines come from values on a grid, the paths from its gradient by backward.
 * Layer: cli.  Depends on plot.h, optim.h.  Read next: plot_schedule.c. */
#include "cli/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_X = 44, GRID_Y = 32, LEVELS = 9, PATHS = 6, STEPS = 200 };

typedef tp_tensor *height_fn(tp_tensor *x, tp_tensor *y);

static tp_tensor *square_of(tp_tensor *a)
{
    return tp_square(a);
}

static tp_tensor *rosenbrock(tp_tensor *x, tp_tensor *y)
{
    tp_tensor *wall = tp_square(tp_sub(y, tp_square(x)));
    return tp_add(tp_square(tp_sub(1, x)), tp_mul(wall, 100));
}

static tp_tensor *beale(tp_tensor *x, tp_tensor *y)
{
    static const double constants[] = { 1.5, 2.25, 2.625 };
    tp_tensor *sum = NULL, *power = x;
    for (int i = 0; i < 3; i++) {
        power = tp_mul(power, y);
        tp_tensor *term = square_of(tp_add(tp_sub(constants[i], x), power));
        sum = i ? tp_add(sum, term) : term;
    }
    return sum;
}

static tp_tensor *saddle(tp_tensor *x, tp_tensor *y)
{
    return tp_sub(tp_square(x), tp_square(y));
}

static tp_tensor *local(tp_tensor *x, tp_tensor *y)
{
    tp_tensor *u = tp_square(x);
    return tp_add(tp_add(tp_sub(tp_div(tp_square(u), 4), tp_div(u, 2)), tp_div(x, 5)),
                  tp_div(tp_square(y), 2));
}

static tp_tensor *bowl(tp_tensor *x, tp_tensor *y)
{
    return tp_add(tp_div(tp_square(x), 20), tp_square(y));
}

typedef struct surface {
    const char *name;
    height_fn *f;
    double from[2], to[2], start[2];
    bool log;            /* heights: the least is 0 */
    double rates[PATHS]; /* in tp_optim_name_at's order: sgd momentum adagrad rmsprop adam adamw */
} surface;

static const surface surfaces[] = {
    { "rosenbrock",
      rosenbrock,
      { -2, -1 },
      { 2, 3 },
      { -1.2, 1 },
      true,
      { 1e-3, 2e-4, 0.5, 0.02, 0.1, 0.1 } },
    { "beale", beale, { -1, -2 }, { 4.5, 2 }, { 1, 1.5 }, true, { 0.01, 2e-3, 0.5, 0.02, 0.1, 0.1 } },
    { "saddle",
      saddle,
      { -2, -1.5 },
      { 2, 1.5 },
      { -1.6, 0.01 },
      false,
      { 0.03, 0.01, 0.1, 0.02, 0.03, 0.03 } },
    { "local", local, { -2, -1.5 }, { 2, 1.5 }, { 1.9, 1.2 }, false, { 0.1, 0.05, 0.3, 0.02, 0.1, 0.1 } },
    { "bowl", bowl, { -5, -2 }, { 5, 2 }, { -4.5, 1.5 }, true, { 0.3, 0.1, 1, 0.1, 0.3, 0.3 } },
    { "troubles" },
};
enum { N_SURFACES = sizeof surfaces / sizeof *surfaces };

const char *surface_choice(int i)
{
    return i < N_SURFACES ? surfaces[i].name : NULL;
}

static const surface *find_surface(const char *name)
{
    const surface *s = surfaces;
    while (strcmp(s->name, name) != 0)
        s++;
    return s;
}

/* ---- lines of equal height: in each square of the grid, straight between its edges (marching squares) ------ */

static double grid_at(const surface *s, int dim, double i)
{
    return s->from[dim] + (s->to[dim] - s->from[dim]) * i / ((dim ? GRID_Y : GRID_X) - 1);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Shares of the area that lie lower; more lines where it is low.  Roots of heights are nearer to straight. */
static void find_levels(double *heights, double levels[LEVELS])
{
    static double sorted[GRID_X * GRID_Y];
    double least = INFINITY;
    for (int i = 0; i < GRID_X * GRID_Y; i++)
        least = fmin(least, heights[i]);
    for (int i = 0; i < GRID_X * GRID_Y; i++)
        heights[i] = sqrt(heights[i] - least);
    memcpy(sorted, heights, sizeof sorted);
    qsort(sorted, GRID_X * GRID_Y, sizeof *sorted, by_value);
    for (int k = 0; k < LEVELS; k++)
        levels[k] = sorted[(int)(GRID_X * GRID_Y * pow((k + 1.6) / (LEVELS + 1.2), 1.6))];
}

static void add_point(tp_plot_series *line, double x, double y)
{
    ((double *)(uintptr_t)line->x)[line->n] = x;
    ((double *)(uintptr_t)line->y)[line->n++] = y;
}

/* The line crosses an even number of a square's edges; of four, two and two are joined. */
static void cross_square(const surface *s, const double *heights, int i, int k, double level,
                         tp_plot_series *line)
{
    static const int corners[5][2] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 0, 0 } };
    int n = 0;
    for (int e = 0; e < 4; e++) {
        const int *a = corners[e], *b = corners[e + 1];
        const double p = heights[(k + a[1]) * GRID_X + i + a[0]], q = heights[(k + b[1]) * GRID_X + i + b[0]];
        if ((p < level) == (q < level))
            continue;
        const double share = (level - p) / (q - p);
        add_point(line, grid_at(s, 0, i + a[0] + share * (b[0] - a[0])),
                  grid_at(s, 1, k + a[1] + share * (b[1] - a[1])));
        if (++n % 2 == 0)
            add_point(line, NAN, NAN);
    }
}

static bool draw_lines(const surface *s, tp_plot_series *line)
{
    double *x, *y, *px, *py, levels[LEVELS];
    tp_tensor *tx = chart_numbers(GRID_X * GRID_Y, &x), *ty = chart_numbers(GRID_X * GRID_Y, &y);
    for (int at = 0; x && y && at < GRID_X * GRID_Y; at++)
        x[at] = grid_at(s, 0, at % GRID_X), y[at] = grid_at(s, 1, (double)(at / GRID_X));
    const int64_t room = (int64_t)6 * LEVELS * GRID_X * GRID_Y;
    tp_tensor *heights = s->f(tx, ty);
    if (!chart_numbers(room, &px) || !chart_numbers(room, &py) || !heights)
        return false;
    double *h = tp_data(heights);
    *line = (tp_plot_series){ .x = px, .y = py, .colour = TP_PLOT_FAINT };
    find_levels(h, levels);
    for (int l = 0; l < LEVELS; l++)
        for (int at = 0; at < (GRID_X - 1) * (GRID_Y - 1); at++)
            cross_square(s, h, at % (GRID_X - 1), at / (GRID_X - 1), levels[l], line);
    return true;
}

/* ---- paths ---------------------------------------------------------------------------------------------- */

typedef struct path {
    double *x, *y, *height, *step;
    int64_t n;
} path;

static bool walk(const surface *s, const char *name, double rate, int64_t steps, path *p)
{
    chart_numbers(steps + 1, &p->x), chart_numbers(steps + 1, &p->y), chart_numbers(steps + 1, &p->height);
    tp_tensor *at = tp_zeros(TP_SHAPE(2), .dtype = TP_F64);
    tp_params *params = tp_params_new();
    if (!p->x || !p->y || !p->height || !at)
        return false;
    double *place = tp_data(at);
    memcpy(place, s->start, sizeof s->start);
    tp_params_add(params, "place", tp_requires_grad_(at, true));
    tp_optim *optim =
        tp_optim_new(name, params,
                     &(tp_optim_options){ .struct_size = sizeof(tp_optim_options), .lr = rate });
    for (p->n = 0; p->n <= steps && !tp_error_pending(); p->n++) {
        TP_SCOPE;
        tp_tensor *height = s->f(tp_select(at, 0, 0), tp_select(at, 0, 1));
        p->x[p->n] = place[0], p->y[p->n] = place[1], p->height[p->n] = tp_item(height);
        if (!isfinite(p->height[p->n]) || fabs(p->height[p->n]) > 1e12)
            break; /* it has flown away */
        tp_zero_grad(optim);
        tp_backward(height);
        tp_step(optim);
    }
    return !tp_error_pending();
}

/* ---- the picture ------------------------------------------------------------------------------------------ */

typedef struct race {
    const surface *s;
    const char *names[PATHS], *title;
    double rates[PATHS];
    int n;
    int64_t steps;
    tp_plot_series map[2 * PATHS + 2], heights[PATHS];
} race;

static double usual_rate(const surface *s, const char *name)
{
    int k = 0;
    while (k < PATHS - 1 && strcmp(tp_optim_name_at(k), name) != 0)
        k++;
    return s->rates[k];
}

/* The map: lines, paths, the last place of each. */
static bool run_race(race *r)
{
    if (!draw_lines(r->s, &r->map[0]))
        return false;
    for (int i = 0; i < r->n; i++) {
        path p;
        if (!walk(r->s, r->names[i], r->rates[i], r->steps, &p))
            return false;
        r->map[1 + i] =
            (tp_plot_series){ .name = r->names[i], .x = p.x, .y = p.y, .n = p.n, .colour = i + 1 };
        r->map[1 + r->n + i] = (tp_plot_series){
            .x = p.x + p.n - 1, .y = p.y + p.n - 1, .n = 1, .kind = TP_PLOT_POINTS, .colour = i + 1
        };
        r->heights[i] = (tp_plot_series){ .name = r->names[i], .y = p.height, .n = p.n, .colour = i + 1 };
    }
    return true;
}

static tp_plot_panel map_of(const race *r)
{
    const surface *s = r->s;
    return (tp_plot_panel){ .title = r->title,
                            .x = { .name = "x", .from = s->from[0], .to = s->to[0] },
                            .y = { .from = s->from[1], .to = s->to[1] },
                            .series = r->map,
                            .n_series = 1 + 2 * r->n };
}

static tp_plot_panel heights_of(const race *r)
{
    return (tp_plot_panel){ .title = "height by step",
                            .x = { .name = "step" },
                            .y = { .log = r->s->log,
                                   .from = r->s->log           ? 0
                                           : r->s->f == saddle ? -4
                                                               : 0,
                                   .to = !r->s->log && r->s->f == saddle ? 4 : 0 },
                            .series = r->heights,
                            .n_series = r->n };
}

static int draw_troubles(const cli *c, int64_t steps)
{
    static race races[4];
    static const struct {
        const char *title, *surface, *names[3];
        double rates[3];
        int n;
    } rows[] = {
        { "the rate is too small, and as it should be", "bowl", { "sgd", "sgd" }, { 0.01, 0.6 }, 2 },
        { "the rate is too large", "bowl", { "sgd" }, { 1.03 }, 1 },
        { "a saddle", "saddle", { "sgd", "momentum", "adam" }, { 0.02, 0.02, 0.02 }, 3 },
        { "a local minimum", "local", { "sgd", "momentum" }, { 0.05, 0.05 }, 2 },
    };
    tp_plot_panel panels[4];
    for (int i = 0; i < 4; i++) {
        race *r = &races[i];
        *r = (race){
            .s = find_surface(rows[i].surface),
            .title = rows[i].title,
            .n = rows[i].n,
            .steps = i == 1 ? steps / 3 + 1 : steps /* it fills the picture soon */
        };
        memcpy(r->names, rows[i].names, sizeof rows[i].names);
        memcpy(r->rates, rows[i].rates, sizeof rows[i].rates);
        if (!run_race(r))
            return library_error();
        panels[i] = map_of(r);
    }
    for (int k = 0; k < 2; k++)
        races[0].map[1 + k].name = k ? "sgd, rate 0.6" : "sgd, rate 0.01";
    races[1].map[1].name = "sgd, rate 1.03";
    return show_plot(c, &(tp_plot){ .title = "What makes training hard",
                                    .description =
                                        "Paths of optimizers that are too slow, fly off, or are caught.",
                                    .panels = panels,
                                    .n_panels = 4 });
}

int chart_optimizers(const cli *c)
{
    static race r;
    const char *usual[PATHS + 1] = { NULL }, *names[MOST_NAMES];
    static char title[120];
    for (int i = 0; i < PATHS && tp_optim_name_at(i); i++)
        usual[i] = tp_optim_name_at(i);
    int n, code = chart_names(c, "optimizer", tp_optim_name_at, usual, names, &n);
    if (code)
        return code;
    if (n > PATHS)
        return usage_error("plot optimizers: at most %d names fit into a picture", PATHS);
    r = (race){ .s = find_surface(c->surface ? c->surface : "rosenbrock"),
                .n = n,
                .steps = c->steps ? c->steps : STEPS };
    if (!r.s->f)
        return c->n_words > 1 || option_given(c, "lr")
                   ? usage_error("plot optimizers: --surface troubles chooses optimizers and rates itself")
                   : draw_troubles(c, c->steps ? c->steps : 60);
    for (int i = 0; i < n; i++) {
        r.names[i] = names[i];
        r.rates[i] = c->train.optim_options.lr > 0 ? c->train.optim_options.lr : usual_rate(r.s, names[i]);
    }
    snprintf(title, sizeof title, "%s, %lld steps", r.s->name, (long long)r.steps);
    r.title = title;
    if (!run_race(&r))
        return library_error();
    return show_plot(c,
                     &(tp_plot){ .title = "Optimizers",
                                 .description = "Paths of optimizers down a surface, and how high they are.",
                                 .panels = (tp_plot_panel[]){ map_of(&r), heights_of(&r) },
                                 .n_panels = 2,
                                 .height = 340 });
}
