/* fill.c - the table of one instruction set, put together over that of the set below it.
 *
 * TP_PLAIN says how much of plain_*.c it has of its own (cmake/isa.cmake): 0 nothing, 1 the loops of f32, 2 all.
 * Layer: kernels.  Depends on isa.h.  Read next: plain_move.c, f32.c. */
#include "kernels/isa/isa.h"

void NAMED(fill)(kernel_table *t)
{
#if TP_PLAIN >= 1
    NAMED(fill_plain_f32)(t);
#endif
#if TP_PLAIN >= 2
    NAMED(fill_plain)(t);
#endif
    NAMED(fill_f32)(t);
    NAMED(fill_f64)(t);
    NAMED(fill_functions)(t);
    NAMED(fill_trigonometry)(t);
    NAMED(fill_power)(t);
    NAMED(fill_activations)(t);
    NAMED(fill_division)(t);
    NAMED(fill_recurrent)(t);
    NAMED(fill_attention)(t);
    NAMED(fill_random)(t);
}
