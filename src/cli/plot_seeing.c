/* plot_seeing.c - pictures of what a network has learned: filters, features, saliency, Grad-CAM.
 *
 * Numbers come from the library; here they become colours and tiles.
 * Layer: cli.  Depends on plot.h, canvas.h, nn.h.  Read next: nn/saliency.c. */
#include "cli/canvas.h"
#include "cli/plot.h"
#include "cli/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 1200, PANEL = 448, MOST_TILES = 256, MOST_INPUTS = 16, STRIP = 12 };

static tp_tensor *without_memory(int *code)
{
    complain("out of memory for the picture");
    *code = EXIT_MEMORY;
    return NULL;
}

static float *floats_of(tp_tensor *t)
{
    float *values = t ? malloc((size_t)tp_numel(t) * sizeof *values + 1) : NULL;
    if (values && tp_to_f32(t, values, tp_numel(t))) {
        free(values);
        values = NULL;
    }
    return values;
}

/* ---- filters --------------------------------------------------------------------------------------- */

typedef struct filters {
    const char *name;
    tp_tensor *weight;
    int64_t out, in, height, width;
} filters;

/* Kernels of more than one pixel, or rows of a first layer that are square pictures. */
static bool as_filters(filters *f, const char *name, tp_tensor *w, bool first)
{
    *f = (filters){ name, w, tp_ndim(w) ? tp_size(w, 0) : 0, 1, 1, 1 };
    if (tp_ndim(w) == 4) {
        f->in = tp_size(w, 1);
        f->height = tp_size(w, 2);
        f->width = tp_size(w, 3);
        return tp_numel(w) > 0;
    }
    for (f->in = 1; tp_ndim(w) == 2 && first && f->in <= 3; f->in += 2) {
        int64_t side = (int64_t)lround(sqrt((double)(tp_size(w, 1) / f->in)));
        f->height = f->width = side;
        if (side > 4 && side * side * f->in == tp_size(w, 1))
            return true;
    }
    return false;
}

static bool is_named(const char *name, const char *layer)
{
    size_t n = strlen(layer);
    return !strncmp(name, layer, n) && (!name[n] || !strcmp(name + n, ".weight"));
}

static bool find_filters(filters *f, const plot_job *job, int *code)
{
    const char *layer = job->c->layer;
    tp_params *all = job->net ? tp_parameters(job->net) : tp_safetensors_read(job->source);
    bool there = false;
    for (int i = 0; i < tp_params_count(all); i++) {
        const char *name = tp_params_name(all, i);
        bool named = layer && is_named(name, layer), fits = as_filters(f, name, tp_params_at(all, i), i == 0);
        if (fits && (layer ? named : tp_ndim(f->weight) == 2 || f->height > 1))
            return true;
        there |= named;
    }
    if (!all)
        return false;
    *code =
        there
            ? usage_error("--layer '%s': its weight is not a convolution's, nor of a first layer on pictures",
                          layer)
        : layer ? usage_error("--layer '%s': %s has no parameter of that name, nor with .weight behind it",
                              layer, job->source)
                : usage_error("%s: no convolution, and no first layer on square pictures", job->source);
    return false;
}

/* One tile for all three inputs, in their colours: grey is 0, the strongest weight of the filter is full. */
static tp_tensor *draw_colours(const filters *f, const float *w)
{
    int64_t size = f->height * f->width, n = f->out < MOST_TILES ? f->out : MOST_TILES;
    sheet s;
    if (!sheet_begin(&s, n, f->height, f->width, 0, SIDE))
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        const float *from = w + i * 3 * size;
        float most = 1e-30f, rgb[3];
        for (int64_t k = 0; k < 3 * size; k++)
            most = fmaxf(most, fabsf(from[k]));
        for (int64_t p = 0; p < size; p++) {
            for (int k = 0; k < 3; k++)
                rgb[k] = 0.5f + 0.5f * from[k * size + p] / most;
            sheet_set(&s, i, p / f->width, p % f->width, rgb);
        }
    }
    return s.image;
}

/* A tile for each input: a row of the sheet is a filter, or, where there is one input, a filter is a tile. */
static tp_tensor *draw_signed(const filters *f, const float *w)
{
    int64_t size = f->height * f->width, in = f->in < MOST_INPUTS ? f->in : MOST_INPUTS;
    int64_t most_out = in > 1 ? MOST_INPUTS : MOST_TILES, out = f->out < most_out ? f->out : most_out;
    sheet s;
    if (!sheet_begin(&s, out * in, f->height, f->width, in > 1 ? in : 0, SIDE))
        return NULL;
    for (int64_t i = 0; i < out; i++) {
        const float *from = w + i * f->in * size;
        float most = 1e-30f, rgb[3];
        for (int64_t k = 0; k < in * size; k++)
            most = fmaxf(most, fabsf(from[k]));
        for (int64_t k = 0; k < in * size; k++) {
            colour_of(COLOUR_SIGNED, from[k] / most, rgb);
            sheet_set(&s, i * in + k / size, k % size / f->width, k % f->width, rgb);
        }
    }
    return s.image;
}

tp_tensor *plot_filters(plot_job *job, int *code)
{
    filters f;
    if (!find_filters(&f, job, code))
        return NULL;
    float *w = floats_of(f.weight);
    if (!w)
        return tp_error_pending() ? NULL : without_memory(code);
    tp_tensor *picture = f.in == 3 ? draw_colours(&f, w) : draw_signed(&f, w);
    free(w);
    snprintf(job->said, sizeof job->said, "%lld filters of %s, %lld x %lld x %lld", (long long)f.out, f.name,
             (long long)f.in, (long long)f.height, (long long)f.width);
    return picture;
}

/* ---- features -------------------------------------------------------------------------------------- */

static tp_module *first_convolution(tp_module *m)
{
    if (!strncmp(tp_module_type(m), "conv", 4))
        return m;
    tp_module *found = NULL;
    for (int i = 0; i < tp_n_children(m) && !found; i++)
        found = first_convolution(tp_child_at(m, i));
    return found;
}

static tp_module *layer_named(const plot_job *job, int *code)
{
    tp_module *layer = tp_find_module(job->net, job->c->layer);
    if (!layer)
        *code = usage_error("--layer '%s': the network has none of that name; 'taper summary %s' lists them",
                            job->c->layer, job->source);
    return layer;
}

/* From its least to its largest value. */
static void draw_map(sheet *s, int64_t tile, const float *from)
{
    float least = INFINITY, most = -INFINITY, rgb[3];
    for (int64_t p = 0; p < s->height * s->width; p++) {
        least = fminf(least, from[p]);
        most = fmaxf(most, from[p]);
    }
    for (int64_t p = 0; p < s->height * s->width; p++) {
        colour_of(COLOUR_COOL, most > least ? (from[p] - least) / (most - least) : from[p] * 0, rgb);
        sheet_set(s, tile, p / s->width, p % s->width, rgb);
    }
}

tp_tensor *plot_features(plot_job *job, int *code)
{
    tp_module *layer = job->c->layer ? layer_named(job, code) : first_convolution(job->net);
    if (!layer)
        return *code ? NULL
                     : (*code = usage_error("the network has no convolution; --layer names another layer"),
                        NULL);
    tp_tensor *maps = tp_output_of(job->net, layer, tp_run_input(job->run, job->image));
    if (!maps)
        return NULL;
    bool row = tp_ndim(maps) == 2; /* of numbers: one map */
    if (row)
        maps = tp_expand(tp_view(maps, TP_SHAPE(1, 1, 1, tp_size(maps, 1))),
                         TP_SHAPE(1, 1, 1 + tp_size(maps, 1) / STRIP, tp_size(maps, 1)));
    if (maps && tp_ndim(maps) != 4) {
        *code = usage_error(
            "--layer '%s': its output has %d dims; maps (N, channels, height, width) can be drawn",
            job->c->layer, tp_ndim(maps));
        return NULL;
    }
    float *values = floats_of(maps);
    if (!values)
        return tp_error_pending() ? NULL : without_memory(code);
    int64_t all = tp_size(maps, 1), height = tp_size(maps, 2), width = tp_size(maps, 3);
    int64_t n = all < MOST_TILES ? all : MOST_TILES;
    sheet s = { 0 };
    if (sheet_begin(&s, n, height, width, 0, SIDE))
        for (int64_t i = 0; i < n; i++)
            draw_map(&s, i, values + i * height * width);
    free(values);
    const char *of = job->c->layer ? job->c->layer : "the first convolution";
    if (row)
        snprintf(job->said, sizeof job->said, "%lld values of %s", (long long)width, of);
    else
        snprintf(job->said, sizeof job->said, "%lld of %lld maps of %s, %lld x %lld", (long long)n,
                 (long long)all, of, (long long)height, (long long)width);
    return s.image;
}

/* ---- which class ----------------------------------------------------------------------------------- */

/* The class that was asked for, or the likeliest; says which, and how likely it is. */
static bool choose_class(plot_job *job, const char *what, tp_tensor *x, int64_t *label, int *code)
{
    int64_t classes = tp_run_classes(job->run);
    const char *asked = job->c->label;
    char *end = NULL;
    if (!classes) {
        *code = usage_error("%s: the run answers with a number, not with a class", job->source);
        return false;
    }
    tp_tensor *p = tp_predict(job->run, x);
    if (!p)
        return false;
    *label = asked ? -1 : (int64_t)tp_item(tp_argmax(p, 1, false));
    for (int64_t i = 0; asked && i < classes && *label < 0; i++)
        if (tp_run_class_name(job->run, i) && !strcmp(tp_run_class_name(job->run, i), asked))
            *label = i;
    if (*label < 0) {
        long long number = strtoll(asked, &end, 10);
        *label = *asked && !*end && number >= 0 && number < classes ? number : -1;
    }
    if (*label < 0) {
        *code = usage_error("--class '%s': the run knows no such class, by name or number from 0 to %lld",
                            asked, (long long)classes - 1);
        return false;
    }
    const char *name = tp_run_class_name(job->run, *label);
    int used = snprintf(job->said, sizeof job->said, "%s of ", what);
    used += name ? snprintf(job->said + used, 256, "%s", name)
                 : snprintf(job->said + used, 256, "class %lld", (long long)*label);
    snprintf(job->said + (used < 300 ? used : 300), 64, ", %.1f %%",
             100 * tp_item(tp_select(tp_select(p, 0, 0), 0, *label)));
    return !tp_error_pending();
}

/* ---- the picture and a map ------------------------------------------------------------------------- */

typedef struct panels {
    sheet sheet;          /* two tiles, or what is left of them */
    float *picture, *map; /* stretched to the tile: (channels, side, side), (side, side) */
    int64_t channels, height, width;
} panels;

static void panels_end(panels *p)
{
    free(p->picture);
    free(p->map);
}

/* Picture and map at a size at which one sees something. */
static bool panels_begin(panels *p, tp_tensor *picture, tp_tensor *map)
{
    int64_t h = tp_size(picture, -2), w = tp_size(picture, -1), longer = h > w ? h : w;
    int64_t times = PANEL / longer > 0 ? PANEL / longer : 1;
    float *small = floats_of(picture), *values = floats_of(map);
    *p = (panels){ .channels = tp_size(picture, -3), .height = h * times, .width = w * times };
    size_t pixels = (size_t)(p->height * p->width);
    p->picture = malloc(pixels * (size_t)p->channels * sizeof(float));
    p->map = malloc(pixels * sizeof(float));
    bool fine =
        small && values && p->picture && p->map && sheet_begin(&p->sheet, 2, p->height, p->width, 2, 1);
    for (int64_t k = 0; fine && k < p->channels; k++)
        fine = stretch(small + k * h * w, h, w, p->picture + k * (int64_t)pixels, p->height, p->width);
    fine = fine && stretch(values, tp_size(map, -2), tp_size(map, -1), p->map, p->height, p->width);
    free(small);
    free(values);
    return fine;
}

/* At left the picture; at right the map's colours, if it is laid over the picture the more of them the larger it is. */
static void draw_panels(panels *p, double most, bool overlay)
{
    int64_t n = p->height * p->width;
    for (int64_t i = 0; i < n; i++) {
        float rgb[3], heat[3];
        for (int k = 0; k < 3; k++)
            rgb[k] = p->picture[(p->channels == 3 ? k : 0) * n + i];
        sheet_set(&p->sheet, 0, i / p->width, i % p->width, rgb);
        double grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        double v = fmin(fmax(p->map[i], 0) / most, 1), share = overlay ? 0.25 + 0.5 * v : 1;
        colour_of(COLOUR_WARM, v, heat);
        for (int k = 0; k < 3; k++)
            heat[k] = (float)(share * heat[k] + (1 - share) * grey);
        sheet_set(&p->sheet, 1, i / p->width, i % p->width, heat);
    }
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A value that few are above: one bright pixel does not darken all others. */
static double nearly_most(const float *map, int64_t n)
{
    float *sorted = malloc((size_t)n * sizeof *sorted);
    if (!sorted)
        return 1;
    memcpy(sorted, map, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    double v = sorted[(n - 1) * 995 / 1000];
    free(sorted);
    return v;
}

static tp_tensor *draw_seen(plot_job *job, tp_tensor *map, bool overlay, int *code)
{
    panels p;
    tp_tensor *picture = map ? tp_run_picture(job->run, job->image) : NULL;
    if (!picture)
        return NULL;
    bool fine = panels_begin(&p, picture, map);
    if (fine) {
        double most = nearly_most(p.map, p.height * p.width);
        draw_panels(&p, most > 0 ? most : 1, overlay);
    }
    panels_end(&p);
    return fine ? p.sheet.image : tp_error_pending() ? NULL : without_memory(code);
}

tp_tensor *plot_saliency(plot_job *job, int *code)
{
    int64_t label;
    tp_tensor *x = tp_run_input(job->run, job->image);
    if (!x || !choose_class(job, "saliency", x, &label, code))
        return NULL;
    return draw_seen(job, tp_saliency(job->net, x, label), false, code);
}

tp_tensor *plot_gradcam(plot_job *job, int *code)
{
    int64_t label;
    tp_module *layer = job->c->layer ? layer_named(job, code) : NULL;
    tp_tensor *x = *code ? NULL : tp_run_input(job->run, job->image);
    if (!x || !choose_class(job, "grad-cam", x, &label, code))
        return NULL;
    return draw_seen(job, tp_grad_cam(job->net, layer, x, label), true, code);
}
