/* f32.c - float: products and convolutions.
 *
 * Layer: kernels.  Depends on tile.inc.h, gemm.inc.h, conv.inc.h.  Read next: functions.c. */
#include "base/parallel.h"
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"
#include "kernels/plain/loops.h"

#include <math.h>
#include <string.h>

#define REAL float
#define V(name) name##_f32
#define LANES_OF_V LANES_F32

#define RESULT REAL
BINARY(add, a + b) /* partial sums and biases, row by row */
#undef RESULT

#include "kernels/isa/numbers.inc.h"

#include "kernels/isa/tile.inc.h"

#include "kernels/isa/gemm.inc.h"

#include "kernels/isa/gemm_thin.inc.h"

#include "kernels/isa/panels.inc.h"

#include "kernels/isa/conv.inc.h"

#include "kernels/isa/conv_sums.inc.h"

#include "kernels/isa/conv_bands.inc.h"
#include "kernels/isa/conv_rows.inc.h"

#include "kernels/isa/conv_planar.inc.h"

#include "kernels/isa/winograd.inc.h"

void NAMED(gemm_f32)(const gemm_args *g)
{
    gemm(g);
}

size_t NAMED(gemm_scratch_f32)(const gemm_args *g)
{
    return gemm_scratch(g);
}

void NAMED(fill_f32)(kernel_table *t)
{
    fill_gemm(t, KT_F32);
    fill_panels(t, KT_F32);
    fill_conv(t, KT_F32);
    fill_planar(t, KT_F32);
    fill_winograd(t, KT_F32);
}
