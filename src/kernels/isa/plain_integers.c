/* plain_integers.c - the reference's conversions and indexed moves once more, as vectors.  Its loops over integers are not: no network
 * spends its time there, and they are as large as all of the others.
 *
 * All of it is exact or single operations: the same source gives the same bits on every instruction set, so it stands
 * once, in ref/.
 * Layer: kernels.  Depends on ref/.  Read next: ref/convert.c, ref/indexed.c. */
#include "kernels/isa/isa.h"

#define ref_fill_convert NAMED(fill_convert)
#define ref_fill_indexed NAMED(fill_indexed)
#include "kernels/ref/convert.c" // NOLINT(bugprone-suspicious-include)
#include "kernels/ref/indexed.c" // NOLINT(bugprone-suspicious-include)
