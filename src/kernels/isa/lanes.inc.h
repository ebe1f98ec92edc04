/* lanes.inc.h - for bodies of plain/ that are written in vectors of any width (plain/lanes.h): f32.
 *
 * Layer: kernels.  Depends on functions.inc.h.  Read next: recurrent.c, attention.c. */
#include "kernels/isa/functions.inc.h"

#define REAL float

/* The first n lanes at p; what is left out is 0. */
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
