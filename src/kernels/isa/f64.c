/* f64.c - double: the plain loops once more as vectors, products and convolutions.
 *
 * Layer: kernels.  Depends on plain/, tile.inc.h, gemm.inc.h, conv.inc.h.  Read next: ../dispatch.c. */
#include "base/parallel.h"
#include "base/philox.h"
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"
#include "kernels/plain/plain.h"

#include <math.h>
#include <string.h>

#define REAL double
#define M(function) function
#define V(name) name##_f64
#define LANES_OF_V LANES_F64
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

void NAMED(fill_f64)(kernel_table *t)
{
    fill_elementwise(t, KT_F64);
    fill_real(t, KT_F64);
    fill_reduce(t, KT_F64);
    fill_scan(t, KT_F64);
    fill_step(t, KT_F64);
    fill_pool(t, KT_F64);
    fill_norm(t, KT_F64);
    fill_gemm(t, KT_F64);
    fill_conv(t, KT_F64);
    fill_depthwise(t, KT_F64);
}
