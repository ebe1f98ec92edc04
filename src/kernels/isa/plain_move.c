/* plain_move.c - the plain loops once more, put together: moves and products of integers here, the rest beside it.
 *
 * cmake/isa.cmake leaves plain_*.c out where the reference is compiled for the same instruction set.
 * Layer: kernels.  Depends on plain/move.h, plain/gemm_i64.h.  Read next: plain_f32.c. */
#include "kernels/isa/isa.h"
#include "kernels/plain/gemm_i64.h"
#include "kernels/plain/move.h"

void NAMED(fill_plain)(kernel_table *t)
{
    fill_move(t);
    fill_gemm_i64(t);
    NAMED(fill_plain_f64)(t);
    NAMED(fill_plain_seldom)(t);
    NAMED(fill_convert)(t);
    NAMED(fill_indexed)(t);
}
