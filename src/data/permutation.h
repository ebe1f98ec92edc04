/* permutation.h - a random order of 0 .. n-1 that is not stored.
 *
 * A keyed Feistel network is a bijection of the numbers of b bits; numbers that come out at n or above are sent
 * through again (cycle walking) until one below n comes out.  n > 2^(b-1), so that takes two rounds on average at most.
 * Layer: data.  Depends on base/philox.h.  Read next: permutation.c, loader.c. */
#ifndef DATA_PERMUTATION_H
#define DATA_PERMUTATION_H

#include <stdint.h>

enum { PERMUTATION_ROUNDS = 10 };

typedef struct permutation {
    int64_t n;
    int left_bits, right_bits;
    uint64_t keys[PERMUTATION_ROUNDS];
} permutation;

permutation permutation_of(int64_t n, uint64_t seed);
int64_t permutation_at(const permutation *, int64_t i); /* i in [0, n) */

#endif
