/* move.c - the reference of moving elements.
 *
 * Layer: kernels.  Depends on plain/move.h.  Read next: convert.c. */
#include "kernels/plain/move.h"
#include "kernels/ref/ref.h"

void ref_fill_move(kernel_table *t)
{
    fill_move(t);
}
