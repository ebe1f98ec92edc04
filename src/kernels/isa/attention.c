/* attention.c - softmax over blocks of scores and the way back, in f32 vectors.
 *
 * Layer: kernels.  Depends on lanes.inc.h, plain/attention.h.  Read next: panels.inc.h. */
#include "kernels/isa/lanes.inc.h"
#define LOWEST (-INFINITY)

INLINE vec all_of(float x)
{
    return splat(x);
}

INLINE vec count(float first)
{
    float lane[WIDTH];
    for (int i = 0; i < WIDTH; i++)
        lane[i] = (float)i;
    return load_f32(lane) + first;
}

INLINE vec larger(vec a, vec b)
{
    return either(a > b, a, b);
}

INLINE vec chosen(vec x, vec low, vec high, vec yes, vec no)
{
    return either((x >= low) & (x < high), yes, no);
}

/* e^x without exp's care for its upper end; 0 below e^-87, NaN stays */
INLINE vec decay_of(vec x)
{
    const vec t = at_least(x, -87.0f) * 1.44269504f + 12582912.0f, n = t - 12582912.0f;
    const vec scale = (vec)(((vu32)t + (127 - 0x4b400000u)) << 23),
              r = (at_least(x, -87.0f) - n * 0.693359375f) + n * 2.12194440e-4f;
    const vec p = r + r * r * HORNER(r, EXP_POLYNOMIAL);
    return either(x < -87.0f, splat(0), scale * p + scale);
}

INLINE float sum_of(vec x)
{
    return sum_f32(x);
}

INLINE float top_of(vec v)
{
#pragma GCC unroll 4
    for (int width = WIDTH / 2; width; width /= 2)
        v = larger(v, exchanged_f32(v, width));
    return v[0];
}

#include "kernels/plain/attention.h"

void NAMED(fill_attention)(kernel_table *t)
{
    fill_attention(t, KT_F32);
}
