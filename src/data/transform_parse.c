/* transform_parse.c - transforms as the shell writes them.
 *
 *   pad=2  pad=2:0.5            pixels, value
 *   resize=32x32  resize=32     height x width, or both
 *   normalize=0.1307/0.3081     mean/std; by channel: 0.49,0.48,0.45/0.25,0.24,0.26
 *   affine=10:0.1:0.9-1.1:5     degrees : translate : scale : shear; what follows may be left out
 *
 * Steps stand apart by spaces and run in order.  Layer: data.  Read next: transform.c. */
#include "base/number.h"
#include "data/transform.h"

#include <string.h>

enum { MAX_STEPS = 64, MAX_CHANNELS = 64 };

static tp_transform *wrong(const char *step, const char *wanted)
{
    return tp_fail_null(TP_ERR_ARGUMENT, "transform: '%s' is not understood, %s is wanted", step, wanted);
}

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

static tp_transform *parse_pad(const char *step, const char *p)
{
    double pixels, value = 0;
    if (!number(&p, &pixels) || (take(&p, ':') && !number(&p, &value)) || *p ||
        !(pixels >= 0 && pixels < 1 << 20) || pixels != (double)(int64_t)pixels)
        return wrong(step, "pad=PIXELS or pad=PIXELS:VALUE");
    return tp_transform_pad((int64_t)pixels, value);
}

static tp_transform *parse_resize(const char *step, const char *p)
{
    double height, width;
    bool good = number(&p, &height);
    width = height;
    if (!good || (take(&p, 'x') && !number(&p, &width)) || *p || !(height >= 1 && height < 1 << 20) ||
        !(width >= 1 && width < 1 << 20) || height != (double)(int64_t)height ||
        width != (double)(int64_t)width)
        return wrong(step, "resize=HEIGHTxWIDTH");
    return tp_transform_resize((int64_t)height, (int64_t)width);
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

static tp_transform *parse_normalize(const char *step, const char *p)
{
    float mean[MAX_CHANNELS], std[MAX_CHANNELS];
    int n = numbers(&p, mean);
    if (n < 1 || !take(&p, '/') || numbers(&p, std) != n || *p)
        return wrong(step, "normalize=MEAN/STD or normalize=MEAN,MEAN,MEAN/STD,STD,STD");
    return tp_transform_normalize(mean, std, n);
}

static tp_transform *parse_affine(const char *step, const char *p)
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
    if (!good || *p)
        return wrong(step, "affine=DEGREES:TRANSLATE:SCALE-SCALE:SHEAR");
    return tp_transform_affine_opt(&o);
}

static const struct {
    const char *name;
    tp_transform *(*parse)(const char *step, const char *values);
} steps_known[] = {
    { "pad", parse_pad },
    { "resize", parse_resize },
    { "normalize", parse_normalize },
    { "affine", parse_affine },
};

static tp_transform *parse_step(const char *step)
{
    size_t length = strcspn(step, "=");
    for (size_t i = 0; i < sizeof steps_known / sizeof *steps_known; i++)
        if (strlen(steps_known[i].name) == length && !strncmp(step, steps_known[i].name, length) &&
            step[length])
            return steps_known[i].parse(step, step + length + 1);
    return wrong(step, "pad=, resize=, normalize= or affine=");
}

tp_transform *tp_transform_parse(const char *text)
{
    TP_SCOPE;
    tp_transform *steps[MAX_STEPS];
    int n = 0;
    static const char spaces[] = " \t\r\n";
    if (tp_pending())
        return NULL;
    if (!text)
        return tp_fail_null(TP_ERR_ARGUMENT, "transform: the text is NULL");
    for (text += strspn(text, spaces); *text; text += strspn(text, spaces)) {
        char step[2048];
        size_t length = strcspn(text, spaces);
        if (length >= sizeof step || n == MAX_STEPS)
            return tp_fail_null(TP_ERR_ARGUMENT,
                                "transform: more than %d steps, or one of more than %zu bytes", MAX_STEPS,
                                sizeof step - 1);
        memcpy(step, text, length);
        step[length] = 0;
        if (!(steps[n++] = parse_step(step)))
            return NULL;
        text += length;
    }
    return tp_keep(tp_transform_chain(steps, n));
}
