/* fill.c - the table of one instruction set, put together.
 *
 * Layer: kernels.  Depends on isa.h, plain/move.h, plain/gemm_i64.h.  Read next: f32.c. */
#include "kernels/isa/isa.h"
#include "kernels/plain/gemm_i64.h"
#include "kernels/plain/move.h"

void NAMED(fill)(kernel_table *t)
{
    fill_move(t);
    fill_gemm_i64(t);
    NAMED(fill_f32)(t);
    NAMED(fill_f64)(t);
    NAMED(fill_i64)(t);
    NAMED(fill_functions)(t);
    NAMED(fill_trigonometry)(t);
    NAMED(fill_power)(t);
    NAMED(fill_activations)(t);
    NAMED(fill_division)(t);
    NAMED(fill_convert)(t);
    NAMED(fill_indexed)(t);
    NAMED(fill_random)(t);
}
