/* fill.c - the table of one instruction set, put together.
 *
 * The first set of a machine has no plain_*.c: the reference, which stands in the table already, is compiled for it.
 * Layer: kernels.  Depends on isa.h.  Read next: plain_move.c, f32.c. */
#include "kernels/isa/isa.h"

void NAMED(fill)(kernel_table *t)
{
#ifndef TP_ISA_OF_REFERENCE
    NAMED(fill_plain)(t);
#endif
    NAMED(fill_f32)(t);
    NAMED(fill_f64)(t);
    NAMED(fill_functions)(t);
    NAMED(fill_trigonometry)(t);
    NAMED(fill_power)(t);
    NAMED(fill_activations)(t);
    NAMED(fill_division)(t);
    NAMED(fill_random)(t);
}
