/* i64.c - int64_t: the plain loops once more as vectors.
 *
 * Layer: kernels.  Depends on plain/.  Read next: ../ref/i64.c. */
#include "kernels/isa/isa.h"
#include "kernels/plain/plain.h"

#define REAL int64_t
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#include "kernels/plain/elementwise.h"

#include "kernels/plain/bits.h"
#include "kernels/plain/reduce.h"

void NAMED(fill_i64)(kernel_table *t)
{
    fill_elementwise(t, KT_I64);
    fill_reduce(t, KT_I64);
    fill_bits(t);
}
