/* plain.h - what the loops of this folder are made of.
 *
 * The headers here are bodies: a file defines REAL (float, double or int64_t) and includes them, and gets static
 * functions for that type.  They hold nothing but loops that a compiler turns into vectors by itself, so ref/ and isa/
 * share them: the second time they are compiled for more than the first instruction set.
 * Layer: kernels.  Depends on kernels.h.  Read next: elementwise.h. */
#ifndef KERNELS_PLAIN_PLAIN_H
#define KERNELS_PLAIN_PLAIN_H

#include "kernels/kernels.h"

/* Arithmetic of integers wraps: it is done in unsigned numbers.  Floats stay what they are. */
#define WRAPPING(x) _Generic((x), int64_t : (uint64_t)(x), default : (x))

#define IS_NAN(x) ((x) != (x))

/* Before a loop over partial results side by side: unrolled, they are vectors that stay in registers. */
#define ALL_AT_ONCE _Pragma("GCC unroll 32")

/* Before a loop that writes where it has just read, or elsewhere: no step of it reads what another one writes. */
#if defined(__clang__)
#define APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define APART _Pragma("GCC ivdep")
#endif

#endif
