/* recurrent.c - the gates of recurrent layers in f32 vectors.
 *
 * Layer: kernels.  Depends on lanes.inc.h, plain/recurrent.h.  Read next: panels.inc.h. */
#include "kernels/isa/lanes.inc.h"

/* 1 / (1 + e^-x) of an x brought into [-80, 80], so without exp's care for the ends */
INLINE vec gate_of(vec x)
{
    vec a = at_least(at_most(x, 80.0f), -80.0f), t = a * -1.44269504f + 12582912.0f, n = t - 12582912.0f;
    vec scale = (vec)(((vu32)t + (127 - 0x4b400000u)) << 23),
        r = (-a - n * 0.693359375f) + n * 2.12194440e-4f;
    vec p = r + r * r * HORNER(r, EXP_POLYNOMIAL);
    return 1.0f / (scale * p + scale + 1.0f);
}

#include "kernels/plain/recurrent.h"

void NAMED(fill_recurrent)(kernel_table *t)
{
    fill_recurrent(t, KT_F32);
}
