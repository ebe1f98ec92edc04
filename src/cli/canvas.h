/* canvas.h - pictures put together: colours for numbers, sheets of tiles.
 *
 * Colours are three floats in [0, 1] of sRGB, pictures tensors (3, H, W).
 * Layer: cli.  Depends on tensor.h.  Read next: canvas.c, plot_seeing.c. */
#ifndef CLI_CANVAS_H
#define CLI_CANVAS_H

#include <taper/tensor.h>

/* Colours of numbers: lightness in OKLab rises evenly, so that equal steps look equal, also in grey. */
typedef enum colour_map {
    COLOUR_COOL,  /* 0 to 1: violet, blue, green, yellow */
    COLOUR_WARM,  /* 0 to 1: black, violet, red, yellow; to lay over pictures */
    COLOUR_SIGNED /* -1 to 1: blue, white, red */
} colour_map;
void colour_of(colour_map, double value, float rgb[3]); /* NaN is grey; what lies outside is cut off */

/* Tiles of height x width pixels in rows, each pixel scale x scale, with gaps between and around them. */
typedef struct sheet {
    tp_tensor *image;
    int64_t n, columns, height, width, scale;
} sheet;

/* columns 0: so that the sheet is about square and its last row full.  The scale makes it at most about `side` wide and high, if it can. */
bool sheet_begin(sheet *, int64_t n, int64_t height, int64_t width, int64_t columns, int64_t side);
void sheet_set(sheet *, int64_t tile, int64_t y, int64_t x, const float rgb[3]);

/* planes (height, width), stretched to (to_height, to_width), smoothly. */
bool stretch(const float *planes, int64_t height, int64_t width, float *to, int64_t to_height,
             int64_t to_width);

#endif
