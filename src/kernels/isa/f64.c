/* f64.c - double: products and convolutions.
 *
 * Layer: kernels.  Depends on tile.inc.h, gemm.inc.h, conv.inc.h.  Read next: ../dispatch.c. */
#include "base/parallel.h"
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"
#include "kernels/plain/loops.h"

#include <math.h>
#include <string.h>

#define REAL double
#define V(name) name##_f64
#define LANES_OF_V LANES_F64

#define RESULT REAL
BINARY(add, a + b) /* partial sums and biases, row by row */
#undef RESULT

#include "kernels/isa/numbers.inc.h"

#include "kernels/isa/tile.inc.h"

#include "kernels/isa/gemm.inc.h"

#include "kernels/isa/gemm_thin.inc.h"

#include "kernels/isa/panels.inc.h"

/* avx512 takes convolutions from avx2: with doubles gradients are checked, and networks are trained with floats. */
#if TP_PLAIN != 1
#include "kernels/isa/conv.inc.h"

#include "kernels/isa/conv_sums.inc.h"
#endif

void NAMED(fill_f64)(kernel_table *t)
{
    fill_gemm(t, KT_F64);
    fill_panels(t, KT_F64);
#if TP_PLAIN != 1
    fill_conv(t, KT_F64);
#endif
}
