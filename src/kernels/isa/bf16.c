/* bf16.c - products and convolutions of floats that round their operands to bf16 and sum in float.
 *
 * The tile, the blocks and the gathers are those of float, over pairs of bf16 (pairs.inc.h).  What has too few rows to pay
 * for the rounding goes to float's own kernels.  Compiled for one processor more than its instruction set (cmake/isa.cmake);
 * dispatch.c puts it into a table of its own.
 * Layer: kernels.  Depends on pairs.inc.h, tile.inc.h, gemm.inc.h, conv.inc.h.  Read next: f32.c, ../conv_way.c. */
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

#include "kernels/isa/pairs.inc.h"

#include "kernels/isa/tile.inc.h"

#include "kernels/isa/gemm.inc.h"

#include "kernels/isa/conv.inc.h"

#include "kernels/isa/conv_sums.inc.h"

/* ---- products ------------------------------------------------------------------------------------------------- */

enum { FEWEST = 24 }; /* below it float's thin and small forms are as fast */

/* What is rounded is m k + k n numbers, for m k n products. */
static bool is_worth(const gemm_args *g)
{
    return g->m >= FEWEST && g->n >= FEWEST && g->k >= FEWEST;
}

static void gemm(const gemm_args *g)
{
    if (is_worth(g))
        gemm_in_blocks(g);
    else
        NAMED(gemm_f32)(g);
}

static size_t gemm_scratch(const gemm_args *g)
{
    return is_worth(g) ? blocks_scratch(g) : NAMED(gemm_scratch_f32)(g);
}

/* ---- convolutions: those of one tap that moves pixel by pixel are products -------------------------------------------------- */

/* Of a weight gradient only where pixels are few: conv_sums' blocks stay in the cache whatever their number (1.3 times the speed
 * at 7x7 and 14x14, batch 8; 0.6 at 56x56). */
static bool is_product(const conv_args *a, conv_direction d)
{
    bool is = a->groups == 1 && (d != CONV_WEIGHT_GRADIENT || a->n * a->h * a->w <= 2048);
    for (int i = 0; i < 2; i++)
        is = is && a->kernel[i] == 1 && a->stride[i] == 1 && a->padding[i] == 0;
    return is;
}

static gemm_args product_of(const conv_args *a, conv_direction d)
{
    const int64_t pixels = a->n * a->h * a->w, in = a->c, out = a->k;
    gemm_args g = { .c = a->out, .scratch = a->scratch, .scratch_bytes = a->scratch_bytes };
    if (d == CONV_FORWARD) { /* (pixels, in) times the turned weight */
        g.m = pixels, g.n = out, g.k = in;
        g.a = a->x, g.a_row = in, g.a_col = 1;
        g.b = a->weight, g.b_row = 1, g.b_col = in;
        g.bias = a->bias, g.relu = a->relu;
    } else if (d == CONV_DATA_GRADIENT) { /* (pixels, out) times the weight */
        g.m = pixels, g.n = in, g.k = out;
        g.a = a->dy, g.a_row = out, g.a_col = 1;
        g.b = a->weight, g.b_row = in, g.b_col = 1;
    } else { /* (out, pixels) times (pixels, in) */
        g.m = out, g.n = in, g.k = pixels;
        g.a = a->dy, g.a_row = 1, g.a_col = out;
        g.b = a->x, g.b_row = in, g.b_col = 1;
    }
    g.c_row = g.n;
    return g;
}

static void run(const conv_args *a, conv_direction d, void (*otherwise)(const conv_args *))
{
    gemm_args g = product_of(a, d);
    if (is_product(a, d))
        gemm_in_blocks(&g);
    else
        otherwise(a);
}

static size_t scratch_of(const conv_args *a, conv_direction d, size_t (*otherwise)(const conv_args *))
{
    gemm_args g = product_of(a, d);
    return is_product(a, d) ? blocks_scratch(&g) : otherwise(a);
}

#define DIRECTION(name, d)                              \
    static void name(const conv_args *a)                \
    {                                                   \
        run(a, d, conv_##name);                         \
    }                                                   \
    static size_t name##_scratch(const conv_args *a)    \
    {                                                   \
        return scratch_of(a, d, conv_##name##_scratch); \
    }
DIRECTION(forward, CONV_FORWARD)
DIRECTION(data_gradient, CONV_DATA_GRADIENT)
DIRECTION(weight_gradient, CONV_WEIGHT_GRADIENT)

void NAMED(fill_bf16)(kernel_table *t)
{
    t->gemm[KT_F32] = gemm;
    t->gemm_scratch[KT_F32] = gemm_scratch;
    conv_kernel *conv = t->conv[KT_F32][CONV_BF16];
    conv[CONV_FORWARD] = (conv_kernel){ forward, forward_scratch };
    conv[CONV_DATA_GRADIENT] = (conv_kernel){ data_gradient, data_gradient_scratch };
    conv[CONV_WEIGHT_GRADIENT] = (conv_kernel){ weight_gradient, weight_gradient_scratch };
}
