/* random.c - Philox blocks side by side in the lanes of a vector, and normal numbers.
 *
 * Each lane holds a 32-bit word in the lower half of 64 bits; what is in the upper half does not matter to the next
 * multiplication, so nothing is masked away until the end.
 * Layer: kernels.  Depends on simd.h, plain/random.h.  Read next: base/philox.h. */
#include "kernels/isa/isa.h"
#include "kernels/isa/simd.h"

#include "kernels/plain/random.h"

typedef uint64_t vec __attribute__((vector_size(VECTOR_BYTES)));
enum { WIDTH = VECTOR_BYTES / 8, PAIR = 2 };

#if !defined(__AVX2__) && !defined(__AVX512F__) && defined(__SSE2__)
#include <emmintrin.h>
#endif

INLINE vec splat(uint64_t x)
{
    return x - (vec){ 0 };
}

/* 64-bit product of the lower halves */
INLINE vec product(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (vec)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (vec)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * (b & 0xffffffff);
#endif
}

/* PAIR vectors of blocks, whose rounds do not wait for one another. */
INLINE void rounds(uint64_t *out, uint64_t seed, uint64_t stream, uint64_t first)
{
    vec c0[PAIR], c1[PAIR], c2[PAIR], c3[PAIR];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    uint64_t lane[WIDTH];
    vec lanes;
    for (int l = 0; l < WIDTH; l++)
        lane[l] = (uint64_t)l;
    memcpy(&lanes, lane, sizeof lanes);
    for (int p = 0; p < PAIR; p++) {
        c0[p] = lanes + splat(first + (uint64_t)(p * WIDTH));
        c1[p] = c0[p] >> 32;
        c2[p] = splat(stream);
        c3[p] = splat(stream >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int p = 0; p < PAIR; p++) {
            vec p0 = product(c0[p], splat(0xD2511F53u)), p1 = product(c2[p], splat(0xCD9E8D57u));
            c0[p] = (p1 >> 32) ^ c1[p] ^ splat(k0);
            c2[p] = (p0 >> 32) ^ c3[p] ^ splat(k1);
            c1[p] = p1;
            c3[p] = p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int p = 0; p < PAIR; p++) {
        vec low = (c0[p] & 0xffffffff) | c1[p] << 32, high = (c2[p] & 0xffffffff) | c3[p] << 32;
        for (int l = 0; l < WIDTH; l++) {
            out[2 * (p * WIDTH + l)] = low[l];
            out[2 * (p * WIDTH + l) + 1] = high[l];
        }
    }
}

static void words(uint32_t *out, uint64_t seed, uint64_t stream, uint64_t first, int64_t blocks)
{
    uint64_t some[2 * PAIR * WIDTH];
    for (int64_t b = 0; b < blocks; b += PAIR * WIDTH) {
        int64_t n = blocks - b < PAIR * WIDTH ? blocks - b : PAIR * WIDTH;
        rounds(some, seed, stream, first + (uint64_t)b);
        for (int64_t i = 0; i < 2 * n; i++) { /* word 0 of a block is the lower half, on any machine */
            out[4 * b + 2 * i] = (uint32_t)some[i];
            out[4 * b + 2 * i + 1] = (uint32_t)(some[i] >> 32);
        }
    }
}

void NAMED(fill_random)(kernel_table *t)
{
    t->random_words = words;
    t->random_normals = normals;
}
