/* conv_way.c - which way a convolution goes: the one place where shapes decide.
 *
 * The first rule that holds and whose way the table has wins.  A rule looks at shapes alone, never at threads, so that
 * results keep their bits.  Winograd and the ways for few channels stand before bf16: they stay in f32, as they are both faster
 * and more exact.
 * Layer: kernels.  Depends on kernels.h, base/log.h.  Read next: isa/conv.inc.h, isa/winograd.inc.h. */
#include "base/log.h"
#include "kernels/kernels.h"

typedef struct conv_rule {
    conv_way way;
    bool (*holds)(conv_direction, const conv_args *);
    const char *why;
} conv_rule;

static bool is_depthwise(conv_direction d, const conv_args *a)
{
    (void)d;
    return a->groups == a->c && a->k == a->c && a->c > 1;
}

bool conv_fills_rows(const conv_args *a)
{
    const int64_t columns = a->c * a->kernel[1];
    return a->c > 1 && a->c <= 8 && a->k <= 16 && a->dilation[1] == 1 &&
           4 * columns >= 3 * ((columns + 15) / 16 * 16);
}

bool conv_steps_through_rows(const conv_args *a)
{
    return a->c > 4 && a->c <= 8 && a->k <= 16 && a->dilation[1] == 1 && a->oh >= 2 && a->ow >= 5;
}

/* A vector of channels of the result would stay half empty. */
static bool is_narrow(conv_direction d, const conv_args *a)
{
    if (a->groups > 1 || a->n < 1 || a->stride[1] > 1)
        return false;
    if (d ==
        CONV_DATA_GRADIENT) /* whose result is x; it reads dy with what is left of the kernel as a border */
        return a->c <= 8 && a->k <= 16 && a->stride[0] == 1 && a->padding[0] < a->kernel[0] &&
               a->padding[1] < a->kernel[1];
    return (a->c <= 4 && a->k <= 8) ||
           (d == CONV_WEIGHT_GRADIENT ? conv_fills_rows(a) : conv_steps_through_rows(a));
}

static bool is_precise(conv_direction d, const conv_args *a)
{
    (void)d;
    return a->precise;
}

enum { FEW_TILES = 24 };

/* Below 16 channels on a side the transforms cost more than the products save; so do tiles that hang over too far, and so does a
 * weight gradient of few tiles, whose 36 planes of sums are more memory than all else that a step of AlexNet needs beside its weights. */
static bool suits_winograd(conv_direction d, const conv_args *a)
{
    bool form = (a->kernel[0] == 3 || a->kernel[0] == 5) && a->kernel[1] == a->kernel[0] &&
                a->stride[0] == 1 && a->stride[1] == 1 && a->dilation[0] == 1 && a->dilation[1] == 1 &&
                a->groups == 1;
    if (!form)
        return false;
    const int64_t side = 7 - a->kernel[0]; /* of a tile of the result */
    const int64_t tiled = (a->oh + side - 1) / side * ((a->ow + side - 1) / side) * side * side;
    return a->n > 0 && a->c >= 16 && a->k >= 16 && 5 * tiled <= 8 * a->oh * a->ow &&
           (d != CONV_WEIGHT_GRADIENT || a->n * tiled >= FEW_TILES * side * side);
}

/* Rounding costs a pass over the source and over the weights: each number must be used in enough products. */
static bool pays_for_rounding(conv_direction d, const conv_args *a)
{
    (void)d;
    return a->c / a->groups >= 16 && a->k / a->groups >= 16;
}

static bool otherwise(conv_direction d, const conv_args *a)
{
    (void)d, (void)a;
    return true;
}

static const conv_rule rules[] = {
    { CONV_DEPTHWISE, is_depthwise, "each channel by itself" },
    { CONV_PLANAR, is_narrow, "few channels, fewer than fill a vector" },
    { CONV_DIRECT, is_precise, "precise is asked for" },
    { CONV_WINOGRAD, suits_winograd, "3x3 or 5x5 of stride 1, at least 16 channels on both sides" },
    { CONV_BF16, pays_for_rounding,
      "operands may be rounded to bf16, and 16 channels or more on both sides" },
    { CONV_DIRECT, otherwise, "no other way suits the shape" },
};

static const conv_rule *rule_for(const kernel_table *t, int type, conv_direction d, const conv_args *a)
{
    const conv_rule *r = rules;
    while (!t->conv[type][r->way][d].run || !r->holds(d, a))
        r++;
    return r;
}

conv_way conv_choose(const kernel_table *t, int type, conv_direction d, const conv_args *a)
{
    return rule_for(t, type, d, a)->way;
}

enum { POOLED_AT_ONCE = 1 << 14 }; /* numbers of an image, before they are pooled */

bool conv_pools(const kernel_table *t, int type, const conv_args *a)
{
    return conv_choose(t, type, CONV_FORWARD, a) == CONV_PLANAR && a->k * a->oh * a->ow <= POOLED_AT_ONCE;
}

void conv_log(const kernel_table *t, int type, conv_direction d, const conv_args *a)
{
    static const char *const ways[CONV_WAYS] = { "direct", "planar", "depthwise", "winograd", "bf16" };
    static const char *const directions[CONV_DIRECTIONS] = { "forward", "data gradient", "weight gradient" };
    if (!log_wants(LOG_SELECT))
        return;
    const conv_rule *r = rule_for(t, type, d, a);
    log_line(LOG_SELECT,
             "conv %s (%lld, %lld, %lld, %lld) -> %lld, kernel %lldx%lld, stride %lld, groups %lld: %s, %s",
             directions[d], (long long)a->n, (long long)a->c, (long long)a->h, (long long)a->w,
             (long long)a->k, (long long)a->kernel[0], (long long)a->kernel[1], (long long)a->stride[0],
             (long long)a->groups, ways[r->way], r->why);
}
