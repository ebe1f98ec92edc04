/* transform.h - the transform from the inside.
 *
 * A transform is a kind (a table of functions) and its numbers.  It never changes after it is made: any number of
 * threads may run it.  A new one is a kind in the file of its family and a row in transform_parse.c.
 * Layer: data.  Depends on base/object.h.  Read next: transform.c. */
#ifndef DATA_TRANSFORM_H
#define DATA_TRANSFORM_H

#include "base/error.h"
#include "base/memory.h"
#include "base/object.h"
#include "base/philox.h"

#include <taper/data.h>

/* ---- random numbers: a function of seed, example and place in the chain ------------------------------------------ */

typedef struct transform_draw {
    uint64_t seed, stream, place;
} transform_draw;

typedef struct draws { /* one after the other, from a transform_draw */
    transform_draw from;
    uint32_t n;
} draws;

draws draws_of(transform_draw);
double draw_uniform(draws *, double low, double high); /* [low, high) */
int64_t draw_integer(draws *, int64_t n);              /* 0 to n - 1 */
bool draw_chance(draws *, double probability);
double draw_normal(draws *);
double draw_beta(draws *, double alpha); /* Beta(alpha, alpha) */

/* ---- the object -------------------------------------------------------------------------------------------------- */

typedef struct range {
    double low, high;
} range;

typedef enum fill_kind { FILL_VALUE, FILL_NOISE, FILL_MEAN } fill_kind;

typedef struct fill {
    fill_kind kind;
    double value;
} fill;

typedef struct policy_op { /* what of transform_policy.c's table, how often, how strong (0 to 1) */
    int what;
    double probability, magnitude;
} policy_op;

typedef struct mix_batch { /* n examples of numel floats: `planes` planes of height x width; y (n, outputs) */
    float *x, *y;
    int64_t n, numel, planes, height, width, outputs;
} mix_batch;

typedef struct transform_kind {
    const char *name;
    tp_status (*shape)(const tp_transform *, tp_shape in, tp_shape *out);
    tp_status (*run)(const tp_transform *, tp_shape in, const float *x, float *y, transform_draw);
    void (*destroy)(tp_transform *); /* of what the parameters hold; may be NULL */
    tp_status (*mix)(const tp_transform *, mix_batch *,
                     transform_draw); /* of a finished batch; most have none */
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
            int64_t height, width; /* width 0: height is the shorter side */
        } resize;
        struct {
            float *mean, *std;
            int n;
        } normalize;
        struct {
            int64_t height, width, padding;
            float value;
            range scale, ratio;
        } crop;
        struct {
            double probability;
            bool vertical;
        } flip;
        struct {
            range factor[3]; /* of brightness, contrast, saturation */
            double hue;
        } jitter;
        struct {
            double sigma;
            int n; /* channels; 0: those of the data, not known yet */
            float values[4], vectors[16];
        } pca;
        struct {
            double probability;
            range scale, ratio;
            int64_t size; /* a square of that side, cut off at the border; 0: a box by scale and ratio */
            fill fill;
        } erase;
        struct {
            policy_op *ops; /* sub-policies of two and more, one after the other */
            int *ends;      /* of each sub-policy */
            int n_ops, n_policies;
        } policy;
        struct {
            int64_t n; /* operations for each example */
            double magnitude;
            bool wide; /* TrivialAugment's ranges, any magnitude */
        } randaugment;
        double alpha;
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
/* The shape function of those that change nothing in it. */
tp_status transform_same_shape(const tp_transform *, tp_shape in, tp_shape *out);
/* That of those that make pictures of height x width (crop's fields). */
tp_status transform_crop_shape(const tp_transform *, tp_shape in, tp_shape *out);
/* That of those that work on colours: grey or RGB. */
tp_status transform_colour_shape(const tp_transform *, tp_shape in, tp_shape *out);
bool transform_is_known(tp_shape); /* no -1 in it */

/* The next step of a chain's text, length letters that are no blanks; *text moves behind it.  NULL at the end. */
const char *transform_next_step(const char **text, size_t *length);

/* Mixing steps work on batches, after all others, and make labels to probabilities. */
bool transform_mixes(const tp_transform *);
tp_status transform_mix(const tp_transform *, mix_batch *, uint64_t seed, uint64_t batch);

/* ---- parts that several kinds and tests share -------------------------------------------------------------------- */

/* y (planes, height, width) = the window of x from (top, left); what lies outside of x is value. */
typedef struct window {
    int64_t top, left, height, width;
} window;
void window_planes(int64_t planes, int64_t in_height, int64_t in_width, const float *x, window, float value,
                   float *y);

/* A box of a share of the area and of a shape (width / height, log-uniform), as torchvision draws it: ten tries, at
 * most max_height x max_width; false when none fits. */
bool draw_box(draws *, int64_t height, int64_t width, range scale, range ratio, int64_t max_height,
              int64_t max_width, window *);

/* Bilinear with antialiasing, planes of H x W (transform_resize.c). */
tp_status resize_planes(int64_t planes, int64_t in_height, int64_t in_width, const float *x, int64_t height,
                        int64_t width, float *y);

/* y(row, col) = x at matrix * (col, row) about the centre, planes of H x W; matrix (2, 3) maps output to input. */
void affine_planes(int64_t planes, int64_t height, int64_t width, const float *x, const double matrix[6],
                   float outside, float *y);
/* That matrix for torchvision's parameters: degrees, pixels, factor, degrees. */
void affine_inverse_matrix(double angle, double dx, double dy, double scale, double shear, double matrix[6]);

/* torchvision's adjust_ functions of (1 or 3, H, W) in [0, 1], in place (transform_colour.c); n pixels. */
void adjust_brightness(float *x, int64_t channels, int64_t n, double factor);
void adjust_contrast(float *x, int64_t channels, int64_t n, double factor);
void adjust_saturation(float *x, int64_t channels, int64_t n, double factor);
void adjust_hue(float *x, int64_t channels, int64_t n, double turn); /* in [-0.5, 0.5] */

/* The policies' operation of that name (torchvision's, in small letters) with its magnitude in its own unit. */
tp_status policy_apply(const char *name, double magnitude, tp_shape, float *x);

/* x_i = keep x_i + (1 - keep) x_(i-1), or with a box x_(i-1) in it; labels by keep in both (transform_mix.c). */
tp_status mix_neighbours(mix_batch *, double keep, const window *box);

/* ---- parsing: what stands behind the step's name ----------------------------------------------------------------- */

tp_transform *transform_crop(const transform_kind *, int64_t height, int64_t width);
tp_transform *transform_resize(int64_t height, int64_t width); /* width 0: the shorter side becomes height */
extern const transform_kind centercrop_kind, randomcrop_kind, randomresizedcrop_kind, flip_kind, jitter_kind,
    pca_kind, erase_kind, policy_kind, randaugment_kind, mixup_kind, cutmix_kind;

/* The sub-policies of a text or a name; false when it is not understood (or memory ran out: an error is pending). */
bool policy_parse(tp_transform *, const char *text);

#endif
