/* canvas.c - pictures put together: colours for numbers, sheets of tiles.
 *
 * The colour maps are computed, not copied: straight paths of lightness and hue through OKLCh (Ottosson 2020, "A perceptual
 * color space for image processing"), each colour as strong as wanted or as sRGB can show it.
 * Layer: cli.  Depends on tensor.h, data.h.  Read next: plot_seeing.c. */
#include "cli/canvas.h"

#include <math.h>
#include <string.h>
#include <taper/data.h>
#include <taper/ops.h>

/* ---- colours --------------------------------------------------------------------------------------- */

/* OKLCh to linear sRGB; false where a channel is outside of [0, 1].  hue in degrees. */
static bool linear_rgb(double lightness, double chroma, double hue, double rgb[3])
{
    double a = chroma * cos(hue * M_PI / 180), b = chroma * sin(hue * M_PI / 180);
    double l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3);
    double m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3);
    double s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3);
    rgb[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    rgb[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    rgb[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
    bool fits = true;
    for (int k = 0; k < 3; k++)
        fits = fits && rgb[k] >= -1e-6 && rgb[k] <= 1 + 1e-6;
    return fits;
}

static void colour(double lightness, double chroma, double hue, float rgb[3])
{
    double linear[3];
    for (; !linear_rgb(lightness, chroma, hue, linear) && chroma > 0; chroma -= 0.002)
        ;
    for (int k = 0; k < 3; k++) {
        double x = fmin(fmax(linear[k], 0), 1);
        rgb[k] = (float)(x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055);
    }
}

static const struct {
    double lightness[2], hue[2], chroma; /* from, to */
} paths[] = {
    [COLOUR_COOL] = { { 0.25, 0.92 }, { 305, 105 }, 0.17 },
    [COLOUR_WARM] = { { 0.12, 0.95 }, { 285, 465 }, 0.2 },
};

enum { STEPS = 256 };

/* Each map once: the search for a colour that sRGB has takes a while. */
static const float *colours(colour_map map)
{
    static float table[3][STEPS][3];
    static bool made[3];
    for (int i = 0; i < STEPS && !made[map]; i++) {
        double t = i / (STEPS - 1.0), v = 2 * t - 1;
        if (map == COLOUR_SIGNED)
            colour(0.97 - 0.55 * fabs(v), 0.3 * fabs(v), v < 0 ? 255 : 27, table[map][i]);
        else
            colour(paths[map].lightness[0] + t * (paths[map].lightness[1] - paths[map].lightness[0]),
                   paths[map].chroma, paths[map].hue[0] + t * (paths[map].hue[1] - paths[map].hue[0]),
                   table[map][i]);
    }
    made[map] = true;
    return table[map][0];
}

void colour_of(colour_map map, double value, float rgb[3])
{
    double t = map == COLOUR_SIGNED ? (value + 1) / 2 : value;
    int i = (int)lrint(fmin(fmax(t, 0), 1) * (STEPS - 1));
    if (isnan(value))
        rgb[0] = rgb[1] = rgb[2] = 0.5f;
    else
        memcpy(rgb, colours(map) + (size_t)3 * (size_t)i, 3 * sizeof *rgb);
}

/* ---- sheets ---------------------------------------------------------------------------------------- */

enum { MOST_SCALE = 48 };

static int64_t gap_of(const sheet *s) /* pixels: a part of the tile's size */
{
    int64_t gap = s->width * s->scale / 32;
    return gap < 2 ? 2 : gap > 8 ? 8 : gap;
}

static int64_t span(const sheet *s, int64_t tiles, int64_t pixels)
{
    return tiles * (pixels * s->scale + gap_of(s)) + gap_of(s);
}

/* About square in pixels; a few more where the last row is full then. */
static int64_t good_columns(int64_t n, int64_t height, int64_t width)
{
    int64_t least = (int64_t)ceil(sqrt((double)n * (double)height / (double)width)), c = least;
    while (c < n && c < 2 * least && n % c)
        c++;
    return n % c ? least : c;
}

bool sheet_begin(sheet *s, int64_t n, int64_t height, int64_t width, int64_t columns, int64_t side)
{
    *s = (sheet){ .n = n, .columns = columns, .height = height, .width = width, .scale = MOST_SCALE };
    if (!columns)
        s->columns = good_columns(n, height, width);
    int64_t rows = (n + s->columns - 1) / s->columns;
    while (s->scale > 1 && (span(s, s->columns, width) > side || span(s, rows, height) > side))
        s->scale--;
    s->image = tp_ones(TP_SHAPE(3, span(s, rows, height), span(s, s->columns, width)));
    return s->image != NULL;
}

void sheet_set(sheet *s, int64_t tile, int64_t y, int64_t x, const float rgb[3])
{
    int64_t rows = tp_size(s->image, 1), columns = tp_size(s->image, 2), gap = gap_of(s);
    int64_t top = gap + tile / s->columns * (s->height * s->scale + gap) + y * s->scale;
    int64_t left = gap + tile % s->columns * (s->width * s->scale + gap) + x * s->scale;
    for (int64_t k = 0; k < 3; k++)
        for (int64_t i = 0; i < s->scale; i++)
            for (int64_t j = 0; j < s->scale; j++)
                ((float *)tp_data(s->image))[(k * rows + top + i) * columns + left + j] = rgb[k];
}

bool stretch(const float *planes, int64_t height, int64_t width, float *to, int64_t to_height,
             int64_t to_width)
{
    TP_SCOPE;
    tp_transform *resize = tp_transform_resize(to_height, to_width);
    return resize && !tp_transform_run(resize, TP_SHAPE(1, height, width), planes, to, 0, 0);
}
