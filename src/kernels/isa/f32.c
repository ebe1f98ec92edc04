/* f32.c - float: the plain loops once more as vectors, products and convolutions.
 *
 * Layer: kernels.  Depends on plain/, tile.inc.h, gemm.inc.h, conv.inc.h.  Read next: functions.c. */
#include "base/parallel.h"
#include "base/philox.h"
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"
#include "kernels/plain/plain.h"

#include <math.h>
#include <string.h>

#define REAL float
#define M(function) function##f
#define V(name) name##_f32
#define LANES_OF_V LANES_F32
#define LOWEST (-(REAL)INFINITY)
#define HIGHEST ((REAL)INFINITY)
#define ACC double
#include "kernels/plain/depthwise.h"
#include "kernels/plain/elementwise.h"
#include "kernels/plain/pool.h"
#include "kernels/plain/real.h"
#include "kernels/plain/reduce.h"
#include "kernels/plain/scan.h"
#include "kernels/plain/step.h"

#include "kernels/plain/norm.h"

#include "kernels/isa/tile.inc.h"

#include "kernels/isa/gemm.inc.h"

#include "kernels/isa/conv.inc.h"

#include "kernels/isa/conv_sums.inc.h"

#include "kernels/isa/winograd.inc.h"

void NAMED(fill_f32)(kernel_table *t)
{
    fill_elementwise(t, KT_F32);
    fill_real(t, KT_F32);
    fill_reduce(t, KT_F32);
    fill_scan(t, KT_F32);
    fill_step(t, KT_F32);
    fill_pool(t, KT_F32);
    fill_norm(t, KT_F32);
    fill_gemm(t, KT_F32);
    fill_conv(t, KT_F32);
    fill_depthwise(t, KT_F32);
    fill_winograd(t, KT_F32);
}
