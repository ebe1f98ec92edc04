/* transform_draw.c - random numbers for a transform: uniform, normal, beta, boxes.
 *
 * Number n of a step is word n of Philox at (seed, example, place in the chain): it depends on nothing else, least of all
 * on threads and on the order in which examples are made.  Layer: data.  Read next: base/philox.h, transform.c. */
#include "data/transform.h"

#include <math.h>

static const uint64_t augment_seed =
    0x6175676d656e7400u; /* "augment": apart from what else takes the same seed */

draws draws_of(transform_draw from)
{
    from.seed ^= augment_seed;
    return (draws){ from, 0 };
}

static uint32_t next_word(draws *d)
{
    uint32_t n = d->n++;
    return philox(d->from.seed, d->from.stream, d->from.place << 32 | n / 4).v[n % 4];
}

static double unit(draws *d) /* [0, 1) */
{
    uint32_t high = next_word(d), low = next_word(d);
    return uniform_f64(high, low);
}

double draw_uniform(draws *d, double low, double high)
{
    return low + unit(d) * (high - low);
}

int64_t draw_integer(draws *d, int64_t n)
{
    int64_t i = (int64_t)(unit(d) * (double)n);
    return i < n ? i : n - 1;
}

bool draw_chance(draws *d, double probability)
{
    return unit(d) < probability;
}

/* Box and Muller. */
double draw_normal(draws *d)
{
    double r = sqrt(-2 * log(1 - unit(d)));
    return r * cos(6.283185307179586 * unit(d));
}

/* Marsaglia and Tsang: A simple method for generating gamma variables (2000).  The logarithm, which for small alpha does
 * not vanish as the variable does. */
static double draw_log_gamma(draws *d, double alpha)
{
    double more = alpha < 1 ? log(1 - unit(d)) / alpha : 0, k = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
    for (;;) {
        double z = draw_normal(d), v = 1 + z / sqrt(9 * k);
        double log_u = log(1 - unit(d)), log_v = v > 0 ? 3 * log(v) : 0;
        if (v > 0 && log_u < z * z / 2 + k - k * v * v * v + k * log_v)
            return log(k) + log_v + more;
    }
}

double draw_beta(draws *d, double alpha)
{
    double a = draw_log_gamma(d, alpha), b = draw_log_gamma(d, alpha);
    return 1 / (1 + exp(b - a));
}

bool draw_box(draws *d, int64_t height, int64_t width, range scale, range ratio, int64_t max_height,
              int64_t max_width, window *box)
{
    for (int i = 0; i < 10; i++) {
        double area = (double)height * (double)width * draw_uniform(d, scale.low, scale.high);
        double shape = exp(draw_uniform(d, log(ratio.low), log(ratio.high)));
        int64_t w = (int64_t)rint(sqrt(area * shape)), h = (int64_t)rint(sqrt(area / shape));
        if (w < 1 || h < 1 || w > max_width || h > max_height)
            continue;
        *box = (window){ draw_integer(d, height - h + 1), draw_integer(d, width - w + 1), h, w };
        return true;
    }
    return false;
}
