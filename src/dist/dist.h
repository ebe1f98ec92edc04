/* dist.h - what training needs of the other processes, beyond taper/dist.h; each is nothing where there are none.
 *
 * Layer: dist.  Depends on core.  Read next: dist.c, transport.h. */
#ifndef DIST_DIST_H
#define DIST_DIST_H

#include <taper/dist.h>

tp_status dist_sum_numbers(double *numbers, int64_t n);
tp_status dist_sum_gradients(tp_params *parameters);

/* Everybody's become those of the first process. */
tp_status dist_take_first(double *numbers, int64_t n);
tp_status dist_take_first_tensors(tp_params *tensors); /* the f32 and f64 ones among them */

/* Means of tensors whose names end like this. */
tp_status dist_mean_of(tp_params *tensors, const char *ending);

#endif
