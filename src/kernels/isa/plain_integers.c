/* plain_integers.c - the reference's loops over integers, its conversions and its indexed moves once more, as vectors.
 *
 * All of it is exact or single operations: the same source gives the same bits on every instruction set, so it stands
 * once, in ref/.
 * Layer: kernels.  Depends on ref/.  Read next: ref/i64.c, ref/convert.c, ref/indexed.c. */
#include "kernels/isa/isa.h"

#define ref_fill_i64 NAMED(fill_i64)
#define ref_fill_convert NAMED(fill_convert)
#define ref_fill_indexed NAMED(fill_indexed)
#include "kernels/ref/convert.c" // NOLINT(bugprone-suspicious-include)
#include "kernels/ref/i64.c"     // NOLINT(bugprone-suspicious-include)
#include "kernels/ref/indexed.c" // NOLINT(bugprone-suspicious-include)
