/* layer_times.h - how long each layer takes, forward and backward, in one step of a training.
 *
 * Layer: train.  Depends on taper/nn.h.  Read next: layer_times.c, report_times.c. */
#ifndef TRAIN_LAYER_TIMES_H
#define TRAIN_LAYER_TIMES_H

#include <taper/nn.h>

typedef struct layer_times layer_times; /* an object of the innermost scope; the watch ends with it */

/* Around a step's parts: begin, forward, forward_done, loss, backward, write.  NULL does nothing in all of them. */
layer_times *layer_times_begin(tp_module *net);
void layer_times_forward_done(layer_times *);
void layer_times_backward(layer_times *); /* it begins now */
tp_status layer_times_write(layer_times *, const char *folder, int64_t step,
                            int64_t batch); /* layer_times.json */

#endif
