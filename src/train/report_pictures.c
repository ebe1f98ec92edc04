/* report_pictures.c - pictures: the examples that the network is most sure and wrong about, its first filters.
 *
 * Of a table, such examples are their numbers.  Examples are PNG inside the page.  What is of few pixels, or where the build has no PNG, is SVG: one rect for every run of equal
 * pixels in a row, on a ground of its most frequent colour.  Large pictures are shrunk first.
 * Layer: train.  Depends on report.h, taper/data.h.  Read next: report_model.c. */
#include "base/error.h"
#include "base/memory.h"
#include "data/vocabulary.h"
#include "io/image.h"
#include "train/report.h"
#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SIDE = 40,
    PNG_SIDE = 112,
    MAX_MISTAKES = 24,
    MAX_FILTERS = 32,
    MAX_INPUTS = 3,
    MAX_COLUMNS = 16,
    ROW = 400
};

typedef struct drawing {
    int height, width;
    uint32_t pixel[MAX_SIDE * MAX_SIDE]; /* 0xRRGGBB */
} drawing;

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t most_frequent(const drawing *im)
{
    uint32_t sorted[MAX_SIDE * MAX_SIDE], best = 0;
    int n = im->height * im->width, most = 0;
    memcpy(sorted, im->pixel, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int i = 0, from = 0; i < n; i++) {
        if (sorted[i] != sorted[from])
            from = i;
        if (i - from + 1 > most) {
            most = i - from + 1;
            best = sorted[i];
        }
    }
    return best;
}

/* attributes with role and label, or hidden from who is read to */
static void put_pixels(report_page *p, const drawing *im, const char *attributes)
{
    uint32_t ground = most_frequent(im);
    page_put(p, "<svg viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\" %s>", im->width, im->height,
             attributes);
    page_put(p, "<rect width=\"%d\" height=\"%d\" fill=\"#%06x\"/>", im->width, im->height, ground);
    for (int y = 0; y < im->height; y++)
        for (int x = 0, end; x < im->width; x = end) {
            uint32_t c = im->pixel[y * im->width + x];
            for (end = x + 1; end < im->width && im->pixel[y * im->width + end] == c; end++)
                ;
            if (c != ground)
                page_put(p, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"1\" fill=\"#%06x\"/>", x, y,
                         end - x, c);
        }
    page_put(p, "</svg>");
}

/* ---- Mistakes ------------------------------------------------------------------------------------------------- */

static uint32_t level(float v, int levels)
{
    double x = v >= 0 ? fmin(v, 1) : 0; /* NaN is black */
    return (uint32_t)(round(x * (levels - 1)) * 255 / (levels - 1));
}

static float block_mean(const float *plane, int64_t stride, const int64_t from[2], const int64_t to[2])
{
    double sum = 0;
    for (int64_t y = from[0]; y < to[0]; y++)
        for (int64_t x = from[1]; x < to[1]; x++)
            sum += plane[y * stride + x];
    return (float)(sum / (double)((to[0] - from[0]) * (to[1] - from[1])));
}

/* (1 or 3, H, W) in blocks that bring it to at most side x side; colours of so many levels a channel. */
static int64_t block_of(tp_shape s, int64_t side)
{
    int64_t longer = s.dim[1] > s.dim[2] ? s.dim[1] : s.dim[2];
    return (longer + side - 1) / side;
}

static uint32_t block_colour(const float *x, tp_shape s, int64_t by, int64_t i, int64_t j, int levels)
{
    int64_t h = s.dim[1], w = s.dim[2];
    int64_t to[2] = { (i + 1) * by < h ? (i + 1) * by : h, (j + 1) * by < w ? (j + 1) * by : w };
    uint32_t c = 0;
    for (int64_t k = 0; k < 3; k++) {
        const float *plane = x + (s.dim[0] == 3 ? k : 0) * h * w;
        c = c << 8 | level(block_mean(plane, w, (int64_t[]){ i * by, j * by }, to), levels);
    }
    return c;
}

static void fill_picture(drawing *im, const float *x, tp_shape s)
{
    int64_t by = block_of(s, MAX_SIDE);
    im->height = (int)((s.dim[1] + by - 1) / by);
    im->width = (int)((s.dim[2] + by - 1) / by);
    for (int64_t i = 0; i < im->height; i++)
        for (int64_t j = 0; j < im->width; j++)
            im->pixel[i * im->width + j] = block_colour(x, s, by, i, j, 32);
}

static bool png_of(const float *x, tp_shape s, picture *p, file_bytes *png)
{
    int64_t by = block_of(s, PNG_SIDE);
    if (picture_new("report", (s.dim[1] + by - 1) / by, (s.dim[2] + by - 1) / by, 3, p))
        return false;
    for (int64_t i = 0; i < p->height; i++)
        for (int64_t j = 0; j < p->width; j++) {
            uint32_t c = block_colour(x, s, by, i, j, 256);
            for (int k = 0; k < 3; k++)
                p->pixels[(i * p->width + j) * 3 + k] = (unsigned char)(c >> (16 - 8 * k));
        }
    return !encode_png("report", p, png);
}

void page_picture(report_page *page, const float *x, tp_shape s, const char *label)
{
    picture p = { 0 };
    file_bytes png = { 0 };
    char attributes[160];
    snprintf(attributes, sizeof attributes, "class=\"pixels\" role=\"img\" aria-label=\"%s\"", label);
    if (png_of(x, s, &p, &png)) {
        page_put(page,
                 "<svg viewBox=\"0 0 %d %d\" %s><image width=\"%d\" height=\"%d\" "
                 "href=\"data:image/png;base64,",
                 (int)p.width, (int)p.height, attributes, (int)p.width, (int)p.height);
        page_base64(page, png.data, png.size);
        page_put(page, "\"/></svg>");
    } else if (tp_error_take(NULL, 0) == TP_ERR_MEMORY) {
        page->failed = true;
    } else {
        drawing im;
        fill_picture(&im, x, s);
        put_pixels(page, &im, attributes);
    }
    file_bytes_free(&png);
    picture_free(&p);
}

static tp_dataset *mistake_data(const report_run *r)
{
    const tp_train_config *c = r->run ? tp_run_config(r->run) : NULL;
    if (!r->run)
        return tp_fail_null(TP_ERR_IO, "%s", r->no_run);
    if (!c || !c->data)
        return tp_fail_null(TP_ERR_STATE, "the run names no data");
    tp_dataset *d = setup_whole_data(r->run->setup, TP_TEST);
    if (!d)
        return NULL;
    tp_shape s = tp_dataset_shape(d);
    if ((s.ndim == 3 && (s.dim[0] == 1 || s.dim[0] == 3)) ||
        (s.ndim == 1 && (s.dim[0] <= MAX_COLUMNS || tp_dataset_input_name(d, 0))))
        return d;
    return tp_fail_null(TP_ERR_UNSUPPORTED, "the examples are no pictures, texts or short rows");
}

static void put_answer(report_page *p, const report_run *r, const js_value *m, const char *name)
{
    char number[24];
    int64_t label;
    page_put(p, "<b>");
    if (!r->regression && js_integer(js_get(m, name), &label))
        page_cut(p, report_class(r, label, number), 24);
    else if (isfinite(report_number(m, name)))
        page_put(p, "%.5g", report_number(m, name));
    else
        page_put(p, "?");
    page_put(p, "</b>");
}

/* Numbers of a table's row, or the tokens of a text. */
static void write_row(char text[ROW], const report_run *r, tp_dataset *d, const tp_sample *sample)
{
    const char *unit = tp_run_config(r->run)->data_options.source_unit;
    const bool is_text = tp_dataset_input_name(d, 0) != NULL, words = unit && !strcmp(unit, "words");
    size_t used = 0;
    text[0] = 0;
    for (int64_t i = 0; i < sample->shape.dim[0]; i++) {
        const int64_t token = (int64_t)sample->x[i];
        const char *name = is_text ? tp_dataset_input_name(d, token) : "";
        if (!name || (is_text && (token == TOKEN_PAD || token == TOKEN_END)))
            continue;
        if (used + strlen(name) + 32 > ROW)
            break;
        if (is_text)
            used += (size_t)snprintf(text + used, ROW - used, "%s%s", words && used ? " " : "", name);
        else
            used +=
                (size_t)snprintf(text + used, ROW - used, "%s%.4g", used ? ", " : "", (double)sample->x[i]);
    }
}

static void put_mistake(report_page *p, const report_run *r, const js_value *m, tp_dataset *d, char row[ROW])
{
    char name[512];
    int64_t index = -1;
    if (!js_integer(js_get(m, "index"), &index))
        js_integer(js_get(m, "example"), &index);
    page_put(p, "<figure>");
    bool there = d && index >= 0 && index < tp_dataset_count(d);
    double probability = report_number(m, "probability");
    tp_sample sample = { 0 };
    if (there && !tp_dataset_load(d, index, &sample) && !sample.skipped) {
        char label[64];
        snprintf(label, sizeof label, "Test example %lld", (long long)index);
        if (sample.shape.ndim == 3)
            page_picture(p, sample.x, sample.shape, label);
        else
            write_row(row, r, d, &sample), page_text(p, row);
    } else if (there) {
        page_missing(p, "No picture");
    }
    tp_sample_free(&sample);
    page_put(p, "<figcaption title=\"");
    page_text(p, there ? tp_dataset_example_name(d, index, name, sizeof name) : NULL);
    page_put(p, "\">");
    put_answer(p, r, m, "truth");
    page_put(p, r->regression ? " answered " : " taken for ");
    put_answer(p, r, m, "answer");
    page_put(p, "<br>no. %lld", (long long)index);
    if (isfinite(probability)) {
        page_put(p, ", ");
        page_percent(p, probability, 1);
    }
    page_put(p, "</figcaption></figure>\n");
}

void report_mistakes(report_page *p, const report_run *r)
{
    const js_value *all = js_get(r->evaluation, "mistakes");
    if (!js_count(all))
        return;
    TP_SCOPE;
    page_put(p, "<section>\n<h2>Worst mistakes</h2>\n");
    tp_dataset *d = mistake_data(r);
    if (!d)
        page_missing(p, "Without their pictures");
    page_put(p, "<div class=\"cards%s\">\n", d && tp_dataset_shape(d).ndim == 1 ? " rows" : "");
    char row[ROW] = "", first[ROW] = "";
    for (int64_t i = 0; i < js_count(all) && i < MAX_MISTAKES; i++) {
        put_mistake(p, r, js_at(all, i), d, row);
        if (!i)
            memcpy(first, row, ROW);
    }
    page_put(p, "</div>\n");
    if (d && *first && tp_run_labels_texts(r->run))
        report_attention(p, r, first, NULL);
    page_put(p, "</section>\n");
}

/* ---- Filters -------------------------------------------------------------------------------------------------- */

static uint32_t diverging(double v) /* -1 blue, 0 white, 1 red */
{
    static const double ends[2][3] = { { 33, 102, 172 }, { 178, 24, 43 } };
    double share = isfinite(v) ? sqrt(fmin(fabs(v), 1)) : 0; /* the root: small weights show as well */
    uint32_t c = 0;
    share = round(share * 12) / 12; /* fewer colours make longer runs */
    for (int k = 0; k < 3; k++)
        c = c << 8 | (uint32_t)round(247 + (ends[v > 0][k] - 247) * share);
    return c;
}

typedef struct filters {
    const char *name;
    tp_tensor *weight;
    int64_t out, in, height, width;
} filters;

static bool find_filters(filters *f, const report_run *r)
{
    tp_params *all = tp_parameters(tp_run_model(r->run));
    for (int i = 0; i < tp_params_count(all); i++) {
        tp_tensor *w = tp_params_at(all, i);
        if (tp_ndim(w) == 4 && tp_size(w, 2) >= 2 && tp_size(w, 2) <= MAX_SIDE && tp_size(w, 3) <= MAX_SIDE) {
            *f = (filters){ tp_params_name(all, i), w, tp_size(w, 0), tp_size(w, 1), tp_size(w, 2),
                            tp_size(w, 3) };
            return true;
        }
    }
    tp_tensor *w = tp_params_count(all) ? tp_params_at(all, 0) : NULL;
    const tp_train_config *c = tp_run_config(r->run);
    if (!w || tp_ndim(w) != 2 || !c || c->model_options.features > 0)
        return false;
    int64_t side = (int64_t)round(sqrt((double)tp_size(w, 1)));
    if (side * side != tp_size(w, 1) || side < 5 || side > MAX_SIDE)
        return false;
    *f = (filters){ tp_params_name(all, 0), w, tp_size(w, 0), 1, side, side };
    return true;
}

static void put_tile(report_page *p, const filters *f, const drawing *im)
{
    char attributes[96];
    int64_t scale = (f->height * f->width > 200 ? 84 : 56) / f->width,
            shown = (scale < 1 ? 1 : scale) * f->width;
    snprintf(attributes, sizeof attributes, "width=\"%lld\" height=\"%lld\" aria-hidden=\"true\"",
             (long long)shown, (long long)(shown * f->height / f->width));
    put_pixels(p, im, attributes);
    page_put(p, "\n");
}

/* Three inputs are red, green and blue: one tile a filter, grey where it is 0, full where it is strongest. */
static void put_colours(report_page *p, const filters *f, const float *w, int64_t out)
{
    int64_t size = f->height * f->width;
    for (int64_t i = 0; i < out; i++) {
        drawing im = { .height = (int)f->height, .width = (int)f->width };
        const float *from = w + i * 3 * size;
        double most = 1e-30;
        for (int64_t k = 0; k < 3 * size; k++)
            most = fmax(most, fabs((double)from[k]));
        for (int64_t k = 0; k < 3 * size; k++)
            im.pixel[k % size] = im.pixel[k % size] << 8 | level((float)(0.5 + 0.5 * from[k] / most), 256);
        put_tile(p, f, &im);
    }
}

static void put_signed(report_page *p, const filters *f, const float *w, int64_t out, int64_t in, double most)
{
    int64_t size = f->height * f->width;
    for (int64_t i = 0; i < out * in; i++) {
        drawing im = { .height = (int)f->height, .width = (int)f->width };
        const float *from = w + (i / in * f->in + i % in) * size;
        for (int64_t k = 0; k < size; k++)
            im.pixel[k] = diverging(most > 0 ? from[k] / most : 0);
        put_tile(p, f, &im);
    }
}

static void put_filters(report_page *p, const filters *f, const float *w)
{
    bool colours = f->in == 3;
    int64_t most_out = colours ? 2 * MAX_FILTERS : MAX_FILTERS, out = f->out < most_out ? f->out : most_out;
    int64_t in = f->in < MAX_INPUTS ? f->in : MAX_INPUTS;
    double most = 0;
    for (int64_t i = 0; i < f->out * f->in * f->height * f->width; i++)
        most = fmax(most, fabs((double)w[i]));
    page_put(p, "<p class=\"soft\"><code>");
    page_text(p, f->name);
    page_put(p, "</code>, %lld × %lld × %lld × %lld", (long long)f->out, (long long)f->in,
             (long long)f->height, (long long)f->width);
    if (out < f->out || in < f->in)
        page_put(p, "; the first %lld of them, %lld of the inputs", (long long)out, (long long)in);
    page_put(p,
             ". %s, the strongest %.3g.</p>\n<div class=\"tiles\" role=\"img\" aria-label=\"Weights as "
             "pictures\">\n",
             colours ? "In the colours that they read, grey is 0" : "Blue is negative, red positive", most);
    if (colours)
        put_colours(p, f, w, out);
    else
        put_signed(p, f, w, out, in, most);
    page_put(p, "</div>\n");
}

void report_filters(report_page *p, const report_run *r)
{
    filters f;
    TP_SCOPE;
    if (!r->run || !find_filters(&f, r))
        return; /* the model's section says why there is no run */
    int64_t n = tp_numel(f.weight);
    float *w = tp_alloc((size_t)n * sizeof *w);
    page_put(p, "<section>\n<h2>%s</h2>\n", tp_ndim(f.weight) == 4 ? "First filters" : "First layer");
    if (w && !tp_to_f32(f.weight, w, n))
        put_filters(p, &f, w);
    else
        page_missing(p, "No filters");
    page_put(p, "</section>\n");
    tp_free(w, (size_t)n * sizeof *w);
}
