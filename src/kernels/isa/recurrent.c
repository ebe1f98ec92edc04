/* recurrent.c - the gates of recurrent layers in f32 vectors.
 *
 * Layer: kernels.  Depends on lanes.inc.h, plain/recurrent.h.  Read next: panels.inc.h. */
#include "kernels/isa/lanes.inc.h"

/* 1 / (1 + e^-x): e^-|x| without exp's care for the ends, and no smaller than e^-80 */
INLINE vec gate_of(vec x)
{
    vec a = at_most(magnitude(x), 80.0f), t = a * -1.44269504f + 12582912.0f, n = t - 12582912.0f;
    vec scale = (vec)(((vu32)t + (127 - 0x4b400000u)) << 23),
        r = (-a - n * 0.693359375f) + n * 2.12194440e-4f;
    vec p = r + r * r * HORNER(r, EXP_POLYNOMIAL), e = scale * p + scale;
    return either(x < 0, e, splat(1)) / (e + 1.0f);
}

#include "kernels/plain/recurrent.h"

void NAMED(fill_recurrent)(kernel_table *t)
{
    fill_recurrent(t, KT_F32);
}
