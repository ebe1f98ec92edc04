/* bucket.h - an order of examples in which those of a batch are about as long as each other.
 *
 * Layer: data.  Read next: bucket.c, loader.c. */
#ifndef DATA_BUCKET_H
#define DATA_BUCKET_H

#include <taper/data.h>

/* Into order, count of them.  shuffle: pieces of some batches of a random order are sorted by length, and the batches of all of them
 * come in a random order; all of it follows from the seed.  Otherwise all are sorted by length. */
tp_status bucket_order(const tp_dataset *, int64_t batch_size, bool shuffle, uint64_t seed, int64_t *order);

#endif
