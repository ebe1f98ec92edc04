/* transform.h - the transform from the inside.
 *
 * A transform is a kind (a table of functions) and its numbers.  It never changes after it is made: any number of
 * threads may run it.  Layer: data.  Depends on base/object.h.  Read next: transform.c. */
#ifndef DATA_TRANSFORM_H
#define DATA_TRANSFORM_H

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/philox.h"

#include <taper/data.h>

typedef struct
    transform_draw { /* where random numbers come from: a function of seed, example and place in the chain */
    uint64_t seed, stream, place;
} transform_draw;

typedef struct transform_kind {
    const char *name;
    tp_status (*shape)(const tp_transform *, tp_shape in, tp_shape *out);
    tp_status (*run)(const tp_transform *, tp_shape in, const float *x, float *y, transform_draw);
    void (*destroy)(tp_transform *); /* of what the parameters hold; may be NULL */
} transform_kind;

struct tp_transform {
    tp_object object;
    const transform_kind *kind;
    union {
        struct {
            int64_t pixels;
            float value;
        } pad;
        struct {
            int64_t height, width;
        } resize;
        struct {
            float *mean, *std;
            int n;
        } normalize;
        tp_affine_options affine;
        struct {
            tp_transform **steps;
            int n;
        } chain;
    };
};

tp_transform *transform_new(const transform_kind *);

/* Fails unless the shape is (C, H, W). */
tp_status transform_wants_image(const char *name, tp_shape);

/* Bilinear with antialiasing, planes of H x W (transform_resize.c). */
tp_status resize_planes(int64_t planes, int64_t in_height, int64_t in_width, const float *x, int64_t height,
                        int64_t width, float *y);

/* y(row, col) = x at matrix * (col, row) about the centre, planes of H x W; matrix (2, 3) maps output to input. */
void affine_planes(int64_t planes, int64_t height, int64_t width, const float *x, const double matrix[6],
                   float fill, float *y);
/* That matrix for torchvision's parameters: degrees, pixels, factor, degrees. */
void affine_inverse_matrix(double angle, double dx, double dy, double scale, double shear, double matrix[6]);

#endif
