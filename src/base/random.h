/* random.h - one stream of the thread's generator, for an operation that draws.
 *
 * Layer: base.  Depends on taper/base.h.  Read next: philox.h. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <taper/base.h>

tp_rng random_take_stream(void); /* the seed and a stream that no later call gets */

/* While true, this thread's random tensors hold what their memory held: for a network whose weights are loaded next. */
extern _Thread_local bool random_unfilled;

#endif
