/* philox.h - Philox4x32-10: random numbers as a function of (seed, stream, index).
 *
 * Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
 * Layer: base.  Depends on nothing.  Read next: random.c for the thread's generator. */
#ifndef BASE_PHILOX_H
#define BASE_PHILOX_H

#include <stdint.h>

typedef struct philox_block {
    uint32_t v[4];
} philox_block;

/* Block number index of the stream: four independent 32-bit words. */
static inline philox_block philox(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = (uint32_t)stream,
             c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (philox_block){ { c0, c1, c2, c3 } };
}

/* Word number i of the stream. */
static inline uint32_t philox_word(uint64_t seed, uint64_t stream, uint64_t i)
{
    return philox(seed, stream, i / 4).v[i % 4];
}

/* [0, 1) with 24 bits, as f32 holds them; with 53 bits, from two words. */
static inline float uniform_f32(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}
static inline double uniform_f64(uint32_t high, uint32_t low)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

#endif
