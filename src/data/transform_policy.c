/* transform_policy.c - AutoAugment's policies, RandAugment and TrivialAugment, from one table of operations.
 *
 * Cubuk et al. 2018 and 2019, Mueller and Hutter 2021; operations, ranges and the three policies are torchvision's, with
 * bilinear sampling.  A magnitude is a share of the operation's range: 1 is AutoAugment's 9 (of bins 0 to 9) and
 * RandAugment's 30 (of 0 to 30).  Layer: data.  Depends on transform.h.  Read next: transform_colour.c. */
#include "base/number.h"
#include "data/transform.h"

#include <math.h>
#include <string.h>

/* ---- operations: in place, m in the operation's own unit --------------------------------------------------------- */

typedef struct image {
    float *x, *room; /* room: as large as x */
    int64_t channels, height, width;
} image;

static int64_t pixels_of(const image *im)
{
    return im->height * im->width;
}

static void move(image *im, const double matrix[6])
{
    affine_planes(im->channels, im->height, im->width, im->x, matrix, 0, im->room);
    memcpy(im->x, im->room, (size_t)(im->channels * pixels_of(im)) * sizeof *im->x);
}

/* About the upper left corner: the matrix is of positions from the centre. */
static void shear_x(image *im, double m)
{
    move(im, (double[6]){ 1, m, m * (double)im->height / 2, 0, 1, 0 });
}

static void shear_y(image *im, double m)
{
    move(im, (double[6]){ 1, 0, 0, m, 1, m * (double)im->width / 2 });
}

static void translate_x(image *im, double m)
{
    move(im, (double[6]){ 1, 0, -trunc(m), 0, 1, 0 });
}

static void translate_y(image *im, double m)
{
    move(im, (double[6]){ 1, 0, 0, 0, 1, -trunc(m) });
}

static void rotate(image *im, double m)
{
    double matrix[6];
    affine_inverse_matrix(-m, 0, 0, 1, 0, matrix);
    move(im, matrix);
}

static void brightness(image *im, double m)
{
    adjust_brightness(im->x, im->channels, pixels_of(im), 1 + m);
}

static void color(image *im, double m)
{
    adjust_saturation(im->x, im->channels, pixels_of(im), 1 + m);
}

static void contrast(image *im, double m)
{
    adjust_contrast(im->x, im->channels, pixels_of(im), 1 + m);
}

static inline float clamp(float x) /* NaN: 0 */
{
    return x > 0 ? x < 1 ? x : 1 : 0;
}

/* Between the picture and the mean of each pixel (weight 5) and its neighbours (1 each); the border stays. */
static void sharpness(image *im, double m)
{
    int64_t w = im->width, n = pixels_of(im);
    if (im->height <= 2 || w <= 2)
        return;
    memcpy(im->room, im->x, (size_t)(im->channels * n) * sizeof *im->x);
    for (int64_t c = 0; c < im->channels; c++)
        for (int64_t i = 1; i < im->height - 1; i++)
            for (int64_t j = 1; j < w - 1; j++) {
                const float *p = im->room + c * n + i * w + j;
                float sum =
                    p[-w - 1] + p[-w] + p[-w + 1] + p[-1] + 5 * p[0] + p[1] + p[w - 1] + p[w] + p[w + 1];
                im->x[c * n + i * w + j] = p[0] + (sum / 13 - p[0]) * (float)-m;
            }
    for (int64_t i = 0; i < im->channels * n; i++)
        im->x[i] = clamp(im->x[i]);
}

static void posterize(image *im, double m)
{
    float levels = (float)(1 << (int)m);
    for (int64_t i = 0; i < im->channels * pixels_of(im); i++) {
        float level = floorf(im->x[i] * levels);
        im->x[i] = (level < 0 ? 0 : level > levels - 1 ? levels - 1 : level) * (1 / levels);
    }
}

static void solarize(image *im, double m)
{
    for (int64_t i = 0; i < im->channels * pixels_of(im); i++)
        im->x[i] = im->x[i] >= (float)m ? 1 - im->x[i] : im->x[i];
}

static void invert(image *im, double m)
{
    (void)m;
    for (int64_t i = 0; i < im->channels * pixels_of(im); i++)
        im->x[i] = 1 - im->x[i];
}

static void autocontrast(image *im, double m)
{
    (void)m;
    float *x = im->x;
    for (int64_t c = 0, n = pixels_of(im); c < im->channels; c++, x += n) {
        float low = x[0], high = x[0];
        for (int64_t i = 1; i < n; i++) {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
        }
        for (int64_t i = 0; i < n; i++)
            x[i] = clamp(high > low ? (x[i] - low) / (high - low) : x[i]);
    }
}

/* PIL's histogram equalisation of bytes. */
static void equalize(image *im, double m)
{
    (void)m;
    float *x = im->x;
    for (int64_t c = 0, n = pixels_of(im); c < im->channels; c++, x += n) {
        int64_t count[256] = { 0 }, last = 0, sum = 0;
        float to[256];
        for (int64_t i = 0; i < n; i++)
            count[(unsigned char)(clamp(x[i]) * 255.999f)]++;
        for (int k = 0; k < 256; k++)
            last = count[k] ? count[k] : last;
        int64_t step = (n - last) / 255;
        for (int k = 0; k < 256; k++) {
            int64_t level = step ? (sum + step / 2) / step : k;
            to[k] = (float)(level > 255 ? 255 : level) / 255;
            sum += count[k];
        }
        for (int64_t i = 0; i < n; i++)
            x[i] = to[(unsigned char)(clamp(x[i]) * 255.999f)];
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

typedef enum unit { NONE, PLAIN, OF_WIDTH, OF_HEIGHT, BITS } unit;

static const struct operation {
    const char *name;
    void (*run)(image *, double m);
    double from, to, wide; /* magnitudes 0 and 1; 1 of TrivialAugment (whose translations are in pixels) */
    unit unit;
    bool either_way; /* half of them the other way */
} operations[] = {
    { "shearx", shear_x, 0, 0.3, 0.99, PLAIN, true },
    { "sheary", shear_y, 0, 0.3, 0.99, PLAIN, true },
    { "translatex", translate_x, 0, 150.0 / 331, 32, OF_WIDTH, true },
    { "translatey", translate_y, 0, 150.0 / 331, 32, OF_HEIGHT, true },
    { "rotate", rotate, 0, 30, 135, PLAIN, true },
    { "brightness", brightness, 0, 0.9, 0.99, PLAIN, true },
    { "color", color, 0, 0.9, 0.99, PLAIN, true },
    { "contrast", contrast, 0, 0.9, 0.99, PLAIN, true },
    { "sharpness", sharpness, 0, 0.9, 0.99, PLAIN, true },
    { "posterize", posterize, 8, 4, 2, BITS, false },
    { "solarize", solarize, 1, 0, 0, PLAIN, false },
    { "autocontrast", autocontrast, 0, 0, 0, NONE, false },
    { "equalize", equalize, 0, 0, 0, NONE, false },
    { "invert", invert, 0, 0, 0, NONE,
      false }, /* last: RandAugment and TrivialAugment do without, and do nothing */
};
enum { N_OPERATIONS = sizeof operations / sizeof *operations, INVERT = N_OPERATIONS - 1 };

static int find_operation(const char *name, size_t length)
{
    for (int i = 0; i < N_OPERATIONS; i++)
        if (strlen(operations[i].name) == length && !strncmp(operations[i].name, name, length))
            return i;
    return -1;
}

static double magnitude_of(const struct operation *op, double share, bool wide, const image *im)
{
    double m = op->from + share * ((wide ? op->wide : op->to) - op->from);
    if (op->unit == BITS)
        return rint(m);
    if (wide)
        return m;
    return op->unit == OF_WIDTH ? m * (double)im->width : op->unit == OF_HEIGHT ? m * (double)im->height : m;
}

static void apply(image *im, int what, double share, bool wide, draws *d)
{
    const struct operation *op = &operations[what];
    double m = magnitude_of(op, share, wide, im);
    op->run(im, op->either_way && draw_chance(d, 0.5) ? -m : m);
}

static tp_status begin(image *im, tp_shape in, const float *x, float *y)
{
    int64_t numel = in.dim[0] * in.dim[1] * in.dim[2];
    *im = (image){ y, tp_alloc((size_t)numel * sizeof *y), in.dim[0], in.dim[1], in.dim[2] };
    if (!im->room)
        return TP_ERR_MEMORY;
    if (x != y)
        memcpy(y, x, (size_t)numel * sizeof *y);
    return TP_OK;
}

static void end(image *im)
{
    tp_free(im->room, (size_t)(im->channels * pixels_of(im)) * sizeof *im->room);
}

tp_status policy_apply(const char *name, double magnitude, tp_shape shape, float *x)
{
    image im;
    int what = find_operation(name, strlen(name));
    if (what < 0)
        return tp_fail(TP_ERR_ARGUMENT, "policy: no operation '%s'", name);
    tp_status status = begin(&im, shape, x, x);
    if (status)
        return status;
    operations[what].run(&im, magnitude);
    end(&im);
    return TP_OK;
}

/* ---- policies ---------------------------------------------------------------------------------------------------- */

static tp_status policy_run(const tp_transform *t, tp_shape in, const float *x, float *y, transform_draw draw)
{
    image im;
    tp_status status = begin(&im, in, x, y);
    if (status)
        return status;
    draws d = draws_of(draw);
    int which = (int)draw_integer(&d, t->policy.n_policies);
    for (int i = which ? t->policy.ends[which - 1] : 0; i < t->policy.ends[which]; i++) {
        const policy_op *op = &t->policy.ops[i];
        if (draw_chance(&d, op->probability))
            apply(&im, op->what, op->magnitude, false, &d);
    }
    end(&im);
    return TP_OK;
}

static void policy_destroy(tp_transform *t)
{
    tp_free(t->policy.ops, (size_t)t->policy.n_ops * sizeof *t->policy.ops);
    tp_free(t->policy.ends, (size_t)t->policy.n_policies * sizeof *t->policy.ends);
}

const transform_kind policy_kind = { "policy", transform_colour_shape, policy_run, policy_destroy, NULL };

static tp_status randaugment_run(const tp_transform *t, tp_shape in, const float *x, float *y,
                                 transform_draw draw)
{
    image im;
    tp_status status = begin(&im, in, x, y);
    if (status)
        return status;
    draws d = draws_of(draw);
    for (int64_t i = 0; i < t->randaugment.n; i++) {
        int what = (int)draw_integer(&d, N_OPERATIONS);
        double share = t->randaugment.wide ? (double)draw_integer(&d, 31) / 30 : t->randaugment.magnitude;
        if (what != INVERT)
            apply(&im, what, share, t->randaugment.wide, &d);
    }
    end(&im);
    return TP_OK;
}

const transform_kind randaugment_kind = { "randaugment", transform_colour_shape, randaugment_run, NULL,
                                          NULL };

/* ---- the text form ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *text;
} known[] = {
    { "imagenet",
      "posterize:0.4:8+rotate:0.6:9/solarize:0.6:5+autocontrast:0.6/equalize:0.8+equalize:0.6/"
      "posterize:0.6:7+"
      "posterize:0.6:6/equalize:0.4+solarize:0.2:4/equalize:0.4+rotate:0.8:8/solarize:0.6:3+equalize:0.6/"
      "posterize:0.8:5+equalize:1/rotate:0.2:3+solarize:0.6:8/equalize:0.6+posterize:0.4:6/"
      "rotate:0.8:8+color:0.4:0/"
      "rotate:0.4:9+equalize:0.6/equalize:0+equalize:0.8/invert:0.6+equalize:1/color:0.6:4+contrast:1:8/"
      "rotate:0.8:8+color:1:2/color:0.8:8+solarize:0.8:7/sharpness:0.4:7+invert:0.6/shearx:0.6:5+equalize:1/"
      "color:0.4:0+equalize:0.6/equalize:0.4+solarize:0.2:4/solarize:0.6:5+autocontrast:0.6/"
      "invert:0.6+equalize:1/"
      "color:0.6:4+contrast:1:8/equalize:0.8+equalize:0.6" },
    { "cifar10",
      "invert:0.1+contrast:0.2:6/rotate:0.7:2+translatex:0.3:9/sharpness:0.8:1+sharpness:0.9:3/sheary:0.5:8+"
      "translatey:0.7:9/autocontrast:0.5+equalize:0.9/sheary:0.2:7+posterize:0.3:7/"
      "color:0.4:3+brightness:0.6:7/"
      "sharpness:0.3:9+brightness:0.7:9/equalize:0.6+equalize:0.5/contrast:0.6:7+sharpness:0.6:5/color:0.7:7+"
      "translatex:0.5:8/equalize:0.3+autocontrast:0.4/translatey:0.4:3+sharpness:0.2:6/"
      "brightness:0.9:6+color:0.2:8/"
      "solarize:0.5:2+invert:0/equalize:0.2+autocontrast:0.6/equalize:0.2+equalize:0.6/"
      "color:0.9:9+equalize:0.6/"
      "autocontrast:0.8+solarize:0.2:8/brightness:0.1:3+color:0.7:0/solarize:0.4:5+autocontrast:0.9/"
      "translatey:0.9:9+"
      "translatey:0.7:9/autocontrast:0.9+solarize:0.8:3/equalize:0.8+invert:0.1/"
      "translatey:0.7:9+autocontrast:0.9" },
    { "svhn",
      "shearx:0.9:4+invert:0.2/sheary:0.9:8+invert:0.7/equalize:0.6+solarize:0.6:6/invert:0.9+equalize:0.6/"
      "equalize:0.6+rotate:0.9:3/shearx:0.9:4+autocontrast:0.8/sheary:0.9:8+invert:0.4/"
      "sheary:0.9:5+solarize:0.2:6/"
      "invert:0.9+autocontrast:0.8/equalize:0.6+rotate:0.9:3/shearx:0.9:4+solarize:0.3:3/"
      "sheary:0.8:8+invert:0.7/"
      "equalize:0.9+translatey:0.6:6/invert:0.9+equalize:0.6/contrast:0.3:3+rotate:0.8:4/"
      "invert:0.8+translatey:0:2/"
      "sheary:0.7:6+solarize:0.4:8/invert:0.6+rotate:0.8:4/sheary:0.3:7+translatex:0.9:3/"
      "shearx:0.1:6+invert:0.6/"
      "solarize:0.7:2+translatey:0.6:7/sheary:0.8:4+invert:0.8/shearx:0.7:9+translatey:0.8:3/sheary:0.8:5+"
      "autocontrast:0.7/shearx:0.7:2+invert:0.1" },
};

/* NAME:PROBABILITY[:MAGNITUDE], a magnitude from 0 to 9. */
static bool parse_op(const char **text, policy_op *op)
{
    const char *p = *text;
    size_t length = strcspn(p, ":+/");
    double magnitude = 0;
    op->what = find_operation(p, length);
    p += length;
    if (op->what < 0 || *p++ != ':' || !parse_number(p, &op->probability, &p))
        return false;
    bool strong = operations[op->what].unit != NONE;
    if (strong && (*p++ != ':' || !parse_number(p, &magnitude, &p)))
        return false;
    op->magnitude = magnitude / 9;
    *text = p;
    return op->probability >= 0 && op->probability <= 1 && magnitude >= 0 && magnitude <= 9;
}

static int count(const char *text, const char *of)
{
    int n = 1;
    for (; *text; text++)
        n += strchr(of, *text) != NULL;
    return n;
}

bool policy_parse(tp_transform *t, const char *text)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        text = strcmp(text, known[i].name) ? text : known[i].text;
    t->policy.n_ops = count(text, "+/");
    t->policy.n_policies = count(text, "/");
    t->policy.ops = tp_calloc((size_t)t->policy.n_ops * sizeof *t->policy.ops);
    t->policy.ends = tp_calloc((size_t)t->policy.n_policies * sizeof *t->policy.ends);
    if (tp_pending())
        return false;
    for (int i = 0, which = 0; i < t->policy.n_ops; i++) {
        if (!parse_op(&text, &t->policy.ops[i]))
            return false;
        t->policy.ends[which] = i + 1;
        which += *text == '/';
        if (*text != (i + 1 < t->policy.n_ops ? *text == '+' ? '+' : '/' : 0))
            return false;
        text++;
    }
    return true;
}
