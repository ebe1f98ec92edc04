/* f32.c - the reference in float.
 *
 * Layer: kernels.  Depends on real.inc.h, which holds all of it.  Read next: f64.c. */
#define REAL float
#define M(function) function##f
#define TYPE KT_F32
#define FILL ref_fill_f32
#include "kernels/ref/real.inc.h"
