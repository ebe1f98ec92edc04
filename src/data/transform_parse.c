/* transform_parse.c - transforms as the shell writes them, and the list of all of them.
 *
 * A step is NAME or NAME=VALUES; steps stand apart by spaces and run in order.  The forms stand in the table below, what
 * they mean in taper/data.h.  Layer: data.  Read next: transform.c. */
#include "base/number.h"
#include "data/transform.h"

#include <string.h>

enum { MAX_STEPS = 64, MAX_CHANNELS = 64 };

/* One number; the text moves behind it. */
static bool number(const char **text, double *value)
{
    return parse_number(*text, value, text);
}

static bool take(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* A whole number in [low, 2^20). */
static bool whole(const char **text, int64_t low, int64_t *value)
{
    double x;
    if (!number(text, &x) || !(x >= (double)low && x < 1 << 20) || x != (double)(int64_t)x)
        return false;
    *value = (int64_t)x;
    return true;
}

/* LOW-HIGH */
static bool two(const char **text, range *r)
{
    return number(text, &r->low) && take(text, '-') && number(text, &r->high) && r->low <= r->high;
}

/* SIZE or HEIGHTxWIDTH; the width of the former is otherwise. */
static bool size(const char **text, int64_t *height, int64_t *width, bool square)
{
    if (!whole(text, 1, height))
        return false;
    *width = square ? *height : 0;
    return !take(text, 'x') || whole(text, 1, width);
}

/* Empty at a step's end, where what follows may be left out; ':' goes before what is there. */
static bool more(const char **text)
{
    return take(text, ':');
}

static bool share(const char **text, double *p)
{
    return number(text, p) && *p >= 0 && *p <= 1;
}

static bool word(const char **text, const char *w)
{
    size_t length = strlen(w);
    if (strncmp(*text, w, length) != 0)
        return false;
    *text += length;
    return true;
}

static bool fill_of(const char **text, fill *f)
{
    if (word(text, "mean"))
        f->kind = FILL_MEAN;
    else if (word(text, "noise"))
        f->kind = FILL_NOISE;
    else {
        f->kind = FILL_VALUE;
        return number(text, &f->value);
    }
    return true;
}

/* ---- the steps: NULL when the values are not understood, with an error pending only when they cannot be ----------- */

static tp_transform *parse_pad(const char *p)
{
    int64_t pixels;
    double value = 0;
    if (!whole(&p, 0, &pixels) || (more(&p) && !number(&p, &value)) || *p)
        return NULL;
    return tp_transform_pad(pixels, value);
}

static tp_transform *parse_resize(const char *p)
{
    int64_t height, width;
    return size(&p, &height, &width, false) && !*p ? transform_resize(height, width) : NULL;
}

static tp_transform *parse_centercrop(const char *p)
{
    int64_t height, width;
    return size(&p, &height, &width, true) && !*p ? transform_crop(&centercrop_kind, height, width) : NULL;
}

static int numbers(const char **p, float *values)
{
    int n = 0;
    double value;
    do {
        if (n == MAX_CHANNELS || !number(p, &value))
            return -1;
        values[n++] = (float)value;
    } while (take(p, ','));
    return n;
}

static tp_transform *parse_normalize(const char *p)
{
    float mean[MAX_CHANNELS], std[MAX_CHANNELS];
    int n = numbers(&p, mean);
    if (n < 1 || !take(&p, '/') || numbers(&p, std) != n || *p)
        return NULL;
    return tp_transform_normalize(mean, std, n);
}

static tp_transform *parse_affine(const char *p)
{
    tp_affine_options o = { .struct_size = sizeof o };
    bool good = number(&p, &o.degrees);
    if (good && take(&p, ':'))
        good = number(&p, &o.translate);
    if (good && take(&p, ':')) {
        good = number(&p, &o.scale_min);
        o.scale_max = o.scale_min;
        if (good && take(&p, '-'))
            good = number(&p, &o.scale_max);
    }
    if (good && take(&p, ':'))
        good = number(&p, &o.shear);
    return good && !*p ? tp_transform_affine_opt(&o) : NULL;
}

static tp_transform *parse_rotation(const char *p)
{
    tp_affine_options o = { .struct_size = sizeof o };
    return number(&p, &o.degrees) && (!more(&p) || number(&p, &o.fill)) && !*p ? tp_transform_affine_opt(&o)
                                                                               : NULL;
}

static tp_transform *parse_randomcrop(const char *p)
{
    int64_t height, width, padding = 0;
    double value = 0;
    bool good = size(&p, &height, &width, true);
    if (good && more(&p))
        good = whole(&p, 0, &padding) && (!more(&p) || number(&p, &value));
    tp_transform *t = good && !*p ? transform_crop(&randomcrop_kind, height, width) : NULL;
    if (t) {
        t->crop.padding = padding;
        t->crop.value = (float)value;
    }
    return t;
}

static tp_transform *parse_randomresizedcrop(const char *p)
{
    int64_t height, width;
    if (!size(&p, &height, &width, true))
        return NULL;
    tp_transform *t = transform_crop(&randomresizedcrop_kind, height, width);
    if (!t)
        return NULL;
    bool good = !more(&p) || (two(&p, &t->crop.scale) && (!more(&p) || two(&p, &t->crop.ratio)));
    return good && !*p && t->crop.scale.low > 0 && t->crop.scale.high <= 1 && t->crop.ratio.low > 0 ? t
                                                                                                    : NULL;
}

static tp_transform *parse_flip(const char *p, bool vertical)
{
    double probability = 0.5;
    if (*p && (!share(&p, &probability) || *p))
        return NULL;
    tp_transform *t = transform_new(&flip_kind);
    if (t) {
        t->flip.probability = probability;
        t->flip.vertical = vertical;
    }
    return t;
}

static tp_transform *parse_hflip(const char *p)
{
    return parse_flip(p, false);
}

static tp_transform *parse_vflip(const char *p)
{
    return parse_flip(p, true);
}

static tp_transform *parse_colorjitter(const char *p)
{
    double amounts[4] = { 0 };
    bool good = number(&p, &amounts[0]);
    for (int i = 1; i < 4 && good && more(&p); i++)
        good = number(&p, &amounts[i]);
    for (int i = 0; i < 4; i++)
        good = good && amounts[i] >= 0 && amounts[i] <= (i < 3 ? 100 : 0.5);
    tp_transform *t = good && !*p ? transform_new(&jitter_kind) : NULL;
    for (int i = 0; i < 3 && t; i++)
        t->jitter.factor[i] = (range){ amounts[i] > 1 ? 0 : 1 - amounts[i], 1 + amounts[i] };
    if (t)
        t->jitter.hue = amounts[3];
    return t;
}

/* ImageNet's colours as AlexNet's implementations have them; alone they are a third of the channels' variances. */
static const float imagenet_values[3] = { 0.2175f, 0.0188f, 0.0045f };
static const float imagenet_vectors[9] = { -0.5675f, 0.7192f,  0.4009f,  -0.5808f, -0.0045f,
                                           -0.8140f, -0.5836f, -0.6948f, 0.4203f };

static tp_transform *parse_pcajitter(const char *p)
{
    float values[MAX_CHANNELS], vectors[MAX_CHANNELS];
    double sigma;
    int n = 3;
    bool good = number(&p, &sigma) && sigma >= 0 && sigma <= 100, own = good && more(&p);
    if (own && word(&p, "data")) {
        n = 0;
    } else if (own) {
        n = numbers(&p, values);
        good = n >= 1 && n <= 4 && take(&p, ':') && numbers(&p, vectors) == n * n;
    }
    tp_transform *t = good && !*p ? transform_new(&pca_kind) : NULL;
    if (!t)
        return NULL;
    t->pca.sigma = sigma;
    t->pca.n = n;
    memcpy(t->pca.values, own ? values : imagenet_values, (size_t)n * sizeof *values);
    memcpy(t->pca.vectors, own ? vectors : imagenet_vectors, (size_t)(n * n) * sizeof *vectors);
    return t;
}

static tp_transform *parse_randomerasing(const char *p)
{
    tp_transform *t = transform_new(&erase_kind);
    if (!t)
        return NULL;
    t->erase.scale = (range){ 0.02, 0.33 };
    t->erase.ratio = (range){ 0.3, 3.3 };
    bool good = share(&p, &t->erase.probability);
    if (good && more(&p))
        good = two(&p, &t->erase.scale);
    if (good && more(&p))
        good = two(&p, &t->erase.ratio);
    if (good && more(&p))
        good = fill_of(&p, &t->erase.fill);
    return good && !*p && t->erase.scale.low > 0 && t->erase.scale.high <= 1 && t->erase.ratio.low > 0 ? t
                                                                                                       : NULL;
}

static tp_transform *parse_cutout(const char *p)
{
    tp_transform *t = transform_new(&erase_kind);
    if (!t)
        return NULL;
    t->erase.fill.kind = FILL_MEAN;
    return whole(&p, 1, &t->erase.size) && (!more(&p) || fill_of(&p, &t->erase.fill)) && !*p ? t : NULL;
}

static tp_transform *parse_policy(const char *p)
{
    tp_transform *t = transform_new(&policy_kind);
    return t && policy_parse(t, p) ? t : NULL;
}

static tp_transform *parse_randaugment(const char *p)
{
    int64_t n;
    double magnitude = 9;
    bool good = whole(&p, 0, &n) && n <= 100 && (!more(&p) || number(&p, &magnitude)) && !*p;
    tp_transform *t = good && magnitude >= 0 && magnitude <= 30 ? transform_new(&randaugment_kind) : NULL;
    if (t) {
        t->randaugment.n = n;
        t->randaugment.magnitude = magnitude / 30;
    }
    return t;
}

static tp_transform *parse_trivialaugment(const char *p)
{
    tp_transform *t = *p ? NULL : transform_new(&randaugment_kind);
    if (t) {
        t->randaugment.n = 1;
        t->randaugment.wide = true;
    }
    return t;
}

static tp_transform *parse_mix(const transform_kind *kind, const char *p)
{
    double alpha;
    tp_transform *t = number(&p, &alpha) && !*p && alpha > 0 && alpha <= 1000 ? transform_new(kind) : NULL;
    if (t)
        t->alpha = alpha;
    return t;
}

static tp_transform *parse_mixup(const char *p)
{
    return parse_mix(&mixup_kind, p);
}

static tp_transform *parse_cutmix(const char *p)
{
    return parse_mix(&cutmix_kind, p);
}

static const struct {
    const char *name;
    tp_transform *(*parse)(const char *values);
    bool bare; /* may stand without values */
    const char *form;
} steps_known[] = {
    { "pad", parse_pad, false, "pad=PIXELS or pad=PIXELS:VALUE" },
    { "resize", parse_resize, false, "resize=SIZE or resize=HEIGHTxWIDTH" },
    { "centercrop", parse_centercrop, false, "centercrop=SIZE or centercrop=HEIGHTxWIDTH" },
    { "normalize", parse_normalize, false, "normalize=MEAN/STD or normalize=MEAN,MEAN,MEAN/STD,STD,STD" },
    { "randomcrop", parse_randomcrop, false, "randomcrop=SIZE:PADDING:VALUE" },
    { "randomresizedcrop", parse_randomresizedcrop, false, "randomresizedcrop=SIZE:SCALE-SCALE:RATIO-RATIO" },
    { "hflip", parse_hflip, true, "hflip or hflip=PROBABILITY" },
    { "vflip", parse_vflip, true, "vflip or vflip=PROBABILITY" },
    { "rotation", parse_rotation, false, "rotation=DEGREES or rotation=DEGREES:VALUE" },
    { "affine", parse_affine, false, "affine=DEGREES:TRANSLATE:SCALE-SCALE:SHEAR" },
    { "colorjitter", parse_colorjitter, false,
      "colorjitter=BRIGHTNESS:CONTRAST:SATURATION:HUE (hue at most 0.5)" },
    { "pcajitter", parse_pcajitter, false,
      "pcajitter=SIGMA, pcajitter=SIGMA:data or pcajitter=SIGMA:VALUE,VALUE,VALUE:9 numbers of vectors" },
    { "randomerasing", parse_randomerasing, false,
      "randomerasing=PROBABILITY:SCALE-SCALE:RATIO-RATIO:VALUE (or noise, or mean)" },
    { "cutout", parse_cutout, false, "cutout=SIZE or cutout=SIZE:VALUE (or noise, or mean)" },
    { "policy", parse_policy, false,
      "policy=imagenet, cifar10, svhn or OP:PROBABILITY:MAGNITUDE+OP:.../OP:... (magnitude 0 to 9)" },
    { "randaugment", parse_randaugment, false,
      "randaugment=OPERATIONS or randaugment=OPERATIONS:MAGNITUDE (0 to 30)" },
    { "trivialaugment", parse_trivialaugment, true, "trivialaugment" },
    { "mixup", parse_mixup, false, "mixup=ALPHA" },
    { "cutmix", parse_cutmix, false, "cutmix=ALPHA" },
};
enum { N_STEPS = sizeof steps_known / sizeof *steps_known };

static tp_transform *wrong(const char *step, const char *wanted)
{
    return tp_fail_null(TP_ERR_ARGUMENT, "transform: '%s' is not understood, %s is wanted", step, wanted);
}

static tp_transform *no_such_step(const char *step)
{
    char names[512] = "one of";
    size_t used = strlen(names);
    for (int i = 0; i < N_STEPS; i++)
        used +=
            (size_t)snprintf(names + used, sizeof names - used, "%s %s", i ? "," : "", steps_known[i].name);
    return wrong(step, names);
}

static tp_transform *parse_step(const char *step)
{
    size_t length = strcspn(step, "=");
    for (int i = 0; i < N_STEPS; i++) {
        if (strlen(steps_known[i].name) != length || strncmp(step, steps_known[i].name, length) != 0)
            continue;
        const char *values = step[length] ? step + length + 1 : "";
        tp_transform *t = step[length] || steps_known[i].bare ? steps_known[i].parse(values) : NULL;
        return t || tp_pending() ? t : wrong(step, steps_known[i].form);
    }
    return no_such_step(step);
}

const char *transform_next_step(const char **text, size_t *length)
{
    static const char blanks[] = " \t\r\n";
    const char *step = *text + strspn(*text, blanks);
    *length = strcspn(step, blanks);
    *text = step + *length;
    return *length ? step : NULL;
}

tp_transform *tp_transform_parse(const char *text)
{
    TP_SCOPE;
    tp_transform *steps[MAX_STEPS];
    int n = 0;
    size_t length;
    if (tp_pending())
        return NULL;
    if (!text)
        return tp_fail_null(TP_ERR_ARGUMENT, "transform: the text is NULL");
    for (const char *at; (at = transform_next_step(&text, &length));) {
        char step[2048];
        if (length >= sizeof step || n == MAX_STEPS)
            return tp_fail_null(TP_ERR_ARGUMENT,
                                "transform: more than %d steps, or one of more than %zu bytes", MAX_STEPS,
                                sizeof step - 1);
        memcpy(step, at, length);
        step[length] = 0;
        if (!(steps[n++] = parse_step(step)))
            return NULL;
    }
    return tp_keep(tp_transform_chain(steps, n));
}
