/* ref.h - the reference: every slot of the table in plain C, slow and easy to check.
 *
 * real.inc.h is compiled for float and for double; what needs the C library's functions stands there.
 * Layer: kernels.  Depends on kernels.h, plain/.  Read next: real.inc.h. */
#ifndef KERNELS_REF_REF_H
#define KERNELS_REF_REF_H

#include "kernels/kernels.h"

void ref_fill_f32(kernel_table *);
void ref_fill_f64(kernel_table *);
void ref_fill_i64(kernel_table *);
void ref_fill_convert(kernel_table *);
void ref_fill_move(kernel_table *);
void ref_fill_indexed(kernel_table *);
void ref_fill_order(kernel_table *);
void ref_fill_random(kernel_table *);

#endif
