/* plain_f64.c - double: the plain loops once more, as vectors.
 *
 * As the other plain_*.c, it is all loops that a compiler turns into vectors by itself.
 * Layer: kernels.  Depends on plain/.  Read next: f64.c. */
#include "base/parallel.h"
#include "base/philox.h"
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#include <math.h>
#include <string.h>

#define REAL double
#define M(function) function
#define LOWEST (-(REAL)INFINITY)
#define HIGHEST ((REAL)INFINITY)
#define ACC double
#include "kernels/plain/depthwise.h"
#include "kernels/plain/elementwise.h"
#include "kernels/plain/pool.h"
#include "kernels/plain/real.h"
#include "kernels/plain/compare.h"
#include "kernels/plain/seldom.h"
#include "kernels/plain/reduce.h"
#include "kernels/plain/norm.h" /* after reduce.h, whose moments it takes */
#include "kernels/plain/scan.h"
#include "kernels/plain/step.h"

void NAMED(fill_plain_f64)(kernel_table *t)
{
    fill_elementwise(t, KT_F64);
    fill_real(t, KT_F64);
    fill_compare(t, KT_F64);
    fill_seldom(t, KT_F64);
    fill_reduce(t, KT_F64);
    fill_scan(t, KT_F64);
    fill_step(t, KT_F64);
    fill_pool(t, KT_F64);
    fill_norm(t, KT_F64);
    fill_depthwise(t, KT_F64);
}
