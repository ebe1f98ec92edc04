/* dist.h - what training needs of the other processes, beyond taper/dist.h; each is nothing where there are none.
 *
 * Layer: dist.  Depends on core.  Read next: dist.c, transport.h. */
#ifndef DIST_DIST_H
#define DIST_DIST_H

#include <taper/dist.h>

tp_status dist_sum_numbers(double *numbers, int64_t n);
tp_status dist_sum_gradients(tp_params *parameters);

/* Means of tensors whose names end like this. */
tp_status dist_mean_of(tp_params *tensors, const char *ending);

#endif
