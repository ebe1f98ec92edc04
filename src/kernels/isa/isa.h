/* isa.h - the parts of one instruction set's table, and their names: NAMED(fill) is isa_fill_avx2 when TP_ISA is avx2.
 *
 * Layer: kernels.  Depends on kernels.h.  Read next: simd.h. */
#ifndef KERNELS_ISA_ISA_H
#define KERNELS_ISA_ISA_H

#include "kernels/kernels.h"

#define NAMED_(part, isa) isa_##part##_##isa
#define NAMED_2(part, isa) NAMED_(part, isa)
#define NAMED(part) NAMED_2(part, TP_ISA)

void NAMED(fill)(kernel_table *);
void NAMED(fill_f32)(kernel_table *);
void NAMED(fill_f64)(kernel_table *);
void NAMED(fill_bf16)(kernel_table *); /* only where the processor multiplies bf16 */
void NAMED(fill_plain)(kernel_table *);
void NAMED(fill_plain_f32)(kernel_table *);
void NAMED(fill_plain_f64)(kernel_table *);
void NAMED(fill_plain_seldom)(kernel_table *);
void NAMED(fill_functions)(kernel_table *);
void NAMED(fill_trigonometry)(kernel_table *);
void NAMED(fill_power)(kernel_table *);
void NAMED(fill_activations)(kernel_table *);
void NAMED(fill_division)(kernel_table *);
void NAMED(fill_convert)(kernel_table *);
void NAMED(fill_indexed)(kernel_table *);
void NAMED(fill_recurrent)(kernel_table *);
void NAMED(fill_attention)(kernel_table *);
void NAMED(fill_random)(kernel_table *);

/* The products of float, for bf16.c. */
void NAMED(gemm_f32)(const gemm_args *);
size_t NAMED(gemm_scratch_f32)(const gemm_args *);

#endif
