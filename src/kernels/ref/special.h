/* special.h - functions that the C library lacks, one number at a time, in double.
 *
 * Layer: kernels.  Read next: special.c. */
#ifndef KERNELS_REF_SPECIAL_H
#define KERNELS_REF_SPECIAL_H

#include <stdint.h>

double special_erfinv(double x);               /* erf(special_erfinv(x)) = x */
double special_lgamma(double x);               /* log |Gamma(x)|; unlike lgamma it writes no global sign */
double special_digamma(double x);              /* d/dx log Gamma(x) */
double special_polygamma(int64_t n, double x); /* n-th derivative of digamma */

#endif
