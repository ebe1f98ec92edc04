/* show.c - `taper show augment DATA -o FILE.png`: a sheet of pictures, and what augmenting makes of them.
 *
 * A row is an example, one of each class as far as they go; first as it is, then draw after draw.  What is drawn is a batch
 * of the loader, so that mixing steps show as well.
 * Layer: cli.  Depends on canvas.h, data.h.  Read next: canvas.c, data/transform_parse.c for the steps. */
#include "cli/canvas.h"
#include "cli/cli.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <taper/ops.h>

enum { ROWS = 6, DRAWS = 8, SIDE = 128, SHEET = 1400 };

static const char by_default[] = "randomresizedcrop=128 hflip colorjitter=0.4:0.4:0.4:0.1";

const char *show_choice(int i)
{
    static const char *const names[] = { "augment" };
    return i < 1 ? names[i] : NULL;
}

/* ---- the examples -------------------------------------------------------------------------------- */

typedef struct chosen {
    tp_dataset *of;
    int64_t examples[ROWS], n;
} chosen;

static tp_status chosen_load(void *context, int64_t i, tp_sample *sample)
{
    const chosen *c = context;
    return tp_dataset_load(c->of, c->examples[i], sample);
}

static bool is_new_class(const chosen *c, double label)
{
    double other;
    for (int64_t i = 0; i < c->n; i++)
        if (!tp_dataset_label(c->of, c->examples[i], &other) && other == label)
            return false;
    return true;
}

/* One of each class, in the order of the data; then, where there are fewer classes than rows, any others. */
static bool choose(chosen *c, tp_dataset *of)
{
    int64_t count = tp_dataset_count(of), look = count < 5000 ? count : 5000;
    double label;
    *c = (chosen){ .of = of };
    for (int64_t i = 0; i < look && c->n < ROWS && c->n < tp_dataset_classes(of); i++)
        if (!tp_dataset_label(of, i, &label) && is_new_class(c, label))
            c->examples[c->n++] = i;
    for (int64_t i = 0; i < look && c->n < ROWS; i++) {
        bool taken = false;
        for (int64_t k = 0; k < c->n; k++)
            taken = taken || c->examples[k] == i;
        if (!taken)
            c->examples[c->n++] = i;
    }
    return c->n > 0 && !tp_error_pending();
}

/* ---- the sheet ----------------------------------------------------------------------------------- */

typedef struct augment_sheet {
    sheet sheet;
    tp_dataset *rows;
    int64_t n, channels, height, width;
} augment_sheet;

/* What the steps make of the rows with that seed, into a column of the sheet. */
static bool draw_column(augment_sheet *a, const char *steps, uint64_t seed, int64_t column)
{
    TP_SCOPE;
    tp_batch b;
    tp_loader *loader =
        tp_loader_new(a->rows, a->n, .workers = -1, .seed = seed, .transform = tp_transform_parse(steps));
    if (!loader || !tp_loader_next(loader, &b))
        return false;
    int64_t plane = a->height * a->width;
    for (int64_t i = 0; i < b.n; i++) {
        const float *x = (const float *)tp_data(b.x) + i * a->channels * plane;
        for (int64_t p = 0; p < plane; p++) {
            float rgb[3];
            for (int k = 0; k < 3; k++) {
                float v = x[(a->channels == 3 ? k : 0) * plane + p];
                rgb[k] = v > 0 ? v < 1 ? v : 1 : 0;
            }
            sheet_set(&a->sheet, b.examples[i] * a->sheet.columns + column, p / a->width, p % a->width, rgb);
        }
    }
    return true;
}

/* The first column stands apart: twice more of the gap goes behind it. */
static tp_tensor *set_apart(const sheet *s)
{
    int64_t all = tp_size(s->image, 2), tile = s->width * s->scale;
    int64_t gap = (all - s->columns * tile) / (s->columns + 1), first = gap + tile;
    tp_tensor *parts[] = { tp_narrow(s->image, 2, 0, first),
                           tp_ones(TP_SHAPE(3, tp_size(s->image, 1), 2 * gap)),
                           tp_narrow(s->image, 2, first, all - first) };
    return tp_cat(parts, 3, 2);
}

/* Brings pictures of any size to one, which a run leaves to its transform. */
static tp_status close_steps(const char *steps, tp_shape in, char *text, size_t room, tp_shape *out)
{
    snprintf(text, room, "%s", steps);
    if (tp_transform_shape(tp_transform_parse(text), in, out))
        return tp_error_pending();
    if (out->dim[1] < 1 || out->dim[2] < 1)
        snprintf(text, room, "%s resize=%d centercrop=%d", steps, SIDE, SIDE);
    return tp_transform_shape(tp_transform_parse(text), in, out);
}

static tp_tensor *draw(tp_dataset *d, const chosen *c, const char *steps, uint64_t seed)
{
    tp_shape in = tp_dataset_shape(d), out;
    size_t room = strlen(steps) + 64;
    char whole[64], *text = malloc(room);
    augment_sheet a = { .n = c->n, .channels = in.dim[0] };
    bool fine = text && !close_steps(steps, in, text, room, &out);
    if (fine) {
        a.height = out.dim[1];
        a.width = out.dim[2];
        int64_t longer = a.height > a.width ? a.height : a.width;
        snprintf(whole, sizeof whole, "resize=%lld centercrop=%lldx%lld", (long long)longer,
                 (long long)a.height, (long long)a.width);
        a.rows = tp_dataset_new(&(tp_dataset_functions){ .struct_size = sizeof(tp_dataset_functions),
                                                         .load = chosen_load },
                                (void *)c, c->n, in, tp_dataset_classes(d));
        fine = a.rows && sheet_begin(&a.sheet, a.n * (DRAWS + 1), a.height, a.width, DRAWS + 1, SHEET) &&
               draw_column(&a, whole, 0, 0);
    }
    for (int64_t k = 1; k <= DRAWS && fine; k++)
        fine = draw_column(&a, text, seed + (uint64_t)k, k);
    free(text);
    return fine ? set_apart(&a.sheet) : NULL;
}

/* ---- the verb ------------------------------------------------------------------------------------ */

/* The data of a run and its augment, or the data at the path. */
static tp_dataset *open_data(const cli *c, const char **steps)
{
    const char *path = c->words[1];
    tp_data_options o = c->train.data_options;
    *steps = c->train.augment;
    if (is_run_folder(path)) {
        tp_run *run = tp_run_open(path);
        const tp_train_config *config = run ? tp_run_config(run) : NULL;
        if (!config)
            return NULL;
        path = config->data;
        o = config->data_options;
        if (c->train.data_options.on_bad_image)
            o.on_bad_image = c->train.data_options.on_bad_image;
        o.channels = o.channels ? o.channels : config->model_options.channels;
        *steps = *steps ? *steps : config->augment ? config->augment : "";
    }
    *steps = *steps ? *steps : by_default;
    o.struct_size = sizeof o;
    o.image_size = TP_WHOLE_PICTURES;
    return tp_data_open_opt(path, TP_TRAIN, &o);
}

static int check_words(const cli *c)
{
    if (strcmp(c->words[0], "augment") != 0)
        return usage_error("nothing to show by the name of '%s'; 'taper show augment DATA' is known",
                           c->words[0]);
    return check_png(c, "show");
}

int verb_show(cli *c)
{
    TP_SCOPE;
    const char *steps;
    chosen rows;
    int code = check_words(c);
    tp_dataset *d = code ? NULL : open_data(c, &steps);
    if (!d)
        return code ? code : library_error();
    tp_shape s = tp_dataset_shape(d);
    if (s.ndim != 3 || (s.dim[0] != 1 && s.dim[0] != 3))
        return usage_error("%s: no grey or RGB pictures", c->words[1]);
    char resolved[8192];
    tp_tensor *picture = NULL;
    if (!tp_transform_resolve(steps, d, resolved, sizeof resolved) && choose(&rows, d))
        picture = draw(d, &rows, resolved, c->train.seed);
    if (!picture || tp_image_write_png(c->out, picture))
        return library_error();
    printf("%lld pictures, as they are and %d times through '%s' -> %s  (%lld x %lld)\n", (long long)rows.n,
           DRAWS, steps, c->out, (long long)tp_size(picture, 2), (long long)tp_size(picture, 1));
    return EXIT_FINE;
}
