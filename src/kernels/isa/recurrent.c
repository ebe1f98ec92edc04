/* recurrent.c - the gates of recurrent layers in f32 vectors.
 *
 * Layer: kernels.  Depends on functions.inc.h, plain/recurrent.h.  Read next: panels.inc.h. */
#include "kernels/isa/functions.inc.h"

#define REAL float
INLINE vec get(const float *p, int n)
{
    return n == WIDTH ? load_f32(p) : load_first_f32(p, first_f32(n));
}

INLINE void put(float *p, int n, vec v)
{
    if (n == WIDTH)
        store_f32(p, v);
    else
        store_first_f32(p, first_f32(n), v);
}

#include "kernels/plain/recurrent.h"

void NAMED(fill_recurrent)(kernel_table *t)
{
    fill_recurrent(t, KT_F32);
}
