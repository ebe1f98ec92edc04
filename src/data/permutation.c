/* permutation.c - a random order of 0 .. n-1 that is not stored.
 *
 * Layer: data.  Depends on base/philox.h.  Read next: permutation.h. */
#include "data/permutation.h"

#include "base/philox.h"

static const uint64_t shuffle_stream =
    0x73687566666c6500u; /* "shuffle": no other user of the seed takes this one */

permutation permutation_of(int64_t n, uint64_t seed)
{
    int bits = n > 1 ? 64 - __builtin_clzll((uint64_t)n - 1) : 0;
    permutation p = { .n = n, .left_bits = bits / 2, .right_bits = bits - bits / 2 };
    for (int i = 0; i < PERMUTATION_ROUNDS; i++) {
        philox_block block = philox(seed, shuffle_stream, (uint64_t)i);
        p.keys[i] = (uint64_t)block.v[1] << 32 | block.v[0];
    }
    return p;
}

static uint64_t mix(uint64_t x) /* the finalizer of SplitMix64 */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t feistel(const permutation *p, uint64_t x)
{
    uint64_t right_mask = ((uint64_t)1 << p->right_bits) - 1, left_mask = ((uint64_t)1 << p->left_bits) - 1;
    uint64_t right = x & right_mask, left = x >> p->right_bits;
    for (int i = 0; i < PERMUTATION_ROUNDS;
         i += 2) { /* each half in turn is changed by what the other one says */
        right ^= mix(left ^ p->keys[i]) & right_mask;
        left ^= mix(right ^ p->keys[i + 1]) & left_mask;
    }
    return left << p->right_bits | right;
}

int64_t permutation_at(const permutation *p, int64_t i)
{
    uint64_t x = (uint64_t)i;
    do
        x = feistel(p, x);
    while (x >= (uint64_t)p->n);
    return (int64_t)x;
}
