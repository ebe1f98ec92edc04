/* f64.c - the reference in double: what gradient checks run on.
 *
 * Layer: kernels.  Depends on real.inc.h, which holds all of it.  Read next: i64.c. */
#define REAL double
#define M(function) function
#define TYPE KT_F64
#define FILL ref_fill_f64
#include "kernels/ref/real.inc.h"
