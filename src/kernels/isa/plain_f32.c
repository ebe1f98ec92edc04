/* plain_f32.c - float: the plain loops once more, as vectors.
 *
 * As the other plain_*.c, it is all loops that a compiler turns into vectors by itself.
 * Layer: kernels.  Depends on plain/.  Read next: f32.c. */
#include "base/parallel.h"
#include "base/philox.h"
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#include <math.h>
#include <string.h>

#define REAL float
#define M(function) function##f
#define LOWEST (-(REAL)INFINITY)
#define HIGHEST ((REAL)INFINITY)
#define ACC double
#include "kernels/plain/depthwise.h"
#include "kernels/plain/elementwise.h"
#include "kernels/plain/pool.h"
#include "kernels/plain/real.h"
#include "kernels/plain/reduce.h"
#include "kernels/plain/norm.h" /* after reduce.h, whose moments it takes */
#include "kernels/plain/scan.h"
#include "kernels/plain/step.h"

void NAMED(fill_plain_f32)(kernel_table *t)
{
    fill_elementwise(t, KT_F32);
    fill_real(t, KT_F32);
    fill_reduce(t, KT_F32);
    fill_scan(t, KT_F32);
    fill_step(t, KT_F32);
    fill_pool(t, KT_F32);
    fill_norm(t, KT_F32);
    fill_depthwise(t, KT_F32);
}
