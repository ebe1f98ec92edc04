/* parallel.h - the one place where work is given to threads.
 *
 * Layer: base.  Read next: parallel.c for the pool, kernels/kernels.h. */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

#include <stdint.h>

/* Calls body(context, begin, end) for [0, n) in pieces of grain (the last one smaller), on as many threads as there are.
 * The pieces follow from n and grain alone, never from the number of threads: that is what keeps results the same bits.
 * One piece runs on the calling thread.  Nested calls run on the calling thread, in the same pieces. */
typedef void parallel_body(void *context, int64_t begin, int64_t end);
void parallel_for(int64_t n, int64_t grain, parallel_body *body, void *context);

/* The same on at most so many threads, numbered below that: for bodies with a slot of scratch memory each. */
void parallel_for_at_most(int most_threads, int64_t n, int64_t grain, parallel_body *body, void *context);

int parallel_threads(void); /* how many a parallel_for may use now */
int parallel_thread(void);  /* which of them this one is, from 0; for scratch memory by thread */

#endif
