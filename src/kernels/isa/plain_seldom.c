/* plain_seldom.c - float: the plain loops that few networks wait for, as vectors.
 *
 * Apart from plain_f32.c so that avx512 takes them from avx2, and compiled for size (cmake/isa.cmake).
 * Layer: kernels.  Depends on plain/.  Read next: plain_f32.c. */
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#include <math.h>

#define REAL float
#define M(function) function##f
#define LOWEST (-(REAL)INFINITY)
#define HIGHEST ((REAL)INFINITY)
#include "kernels/plain/compare.h"
#include "kernels/plain/seldom.h"

void NAMED(fill_plain_seldom)(kernel_table *t)
{
    fill_compare(t, KT_F32);
    fill_seldom(t, KT_F32);
}
