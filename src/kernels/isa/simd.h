/* simd.h - vectors of REAL for the instruction set this is compiled for: types, and the few verbs C has no operator for.
 *
 * Arithmetic is written with operators on the compiler's vector types (GCC's and clang's vector extensions); a mask is
 * the first n lanes.  TILE_ROWS x TILE_VECTORS vectors is the register tile of products; FREE_MASKS: a
 * masked load or store costs no more than a whole one.
 * Layer: kernels.  Depends on nothing.  Read next: tile.inc.h. */
#ifndef KERNELS_ISA_SIMD_H
#define KERNELS_ISA_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64, TILE_ROWS = 12, FREE_MASKS = 1 };
#elif defined(__AVX2__)
enum { VECTOR_BYTES = 32, TILE_ROWS = 6, FREE_MASKS = 0 };
#else
enum { VECTOR_BYTES = 16, TILE_ROWS = 4, FREE_MASKS = 0 };
#endif
enum { TILE_VECTORS = 2 };

#define INLINE static inline __attribute__((always_inline))

typedef float vf32 __attribute__((vector_size(VECTOR_BYTES)));
typedef double vf64 __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi32 __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t vi64 __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf32_anywhere __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef double vf64_anywhere __attribute__((vector_size(VECTOR_BYTES), aligned(8), may_alias));

enum { LANES_F32 = VECTOR_BYTES / 4, LANES_F64 = VECTOR_BYTES / 8 };

typedef vf32 v_f32;
typedef vf64 v_f64;
INLINE vf32 load_f32(const float *p)
{
    return *(const vf32_anywhere *)p;
}
INLINE vf64 load_f64(const double *p)
{
    return *(const vf64_anywhere *)p;
}
INLINE void store_f32(float *p, vf32 v)
{
    *(vf32_anywhere *)p = v;
}
INLINE void store_f64(double *p, vf64 v)
{
    *(vf64_anywhere *)p = v;
}

/* The same, in a register: GCC may read a vector of memory anew for each of its uses. */
#if defined(__AVX512F__)
#define HELD(v) __asm__("" : "+v"(v))
#elif defined(__SSE__)
#define HELD(v) __asm__("" : "+x"(v))
#elif defined(__aarch64__)
#define HELD(v) __asm__("" : "+w"(v))
#else
#define HELD(v) (void)(v)
#endif

INLINE vf32 root_f32(vf32 x)
{
#if defined(__AVX512F__)
    return (vf32)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
    return (vf32)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE__)
    return (vf32)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < LANES_F32; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

INLINE vf64 root_f64(vf64 x)
{
#if defined(__AVX512F__)
    return (vf64)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
    return (vf64)_mm256_sqrt_pd((__m256d)x);
#elif defined(__SSE2__)
    return (vf64)_mm_sqrt_pd((__m128d)x);
#else
    for (int i = 0; i < LANES_F64; i++)
        x[i] = __builtin_sqrt(x[i]);
    return x;
#endif
}

/* The lesser and the larger of two; b where one is NaN. */
#if defined(__AVX512F__)
#define OF_TWO(which, kind, a, b) _mm512_##which##_##kind(a, b)
#elif defined(__AVX2__)
#define OF_TWO(which, kind, a, b) _mm256_##which##_##kind(a, b)
#elif defined(__SSE2__)
#define OF_TWO(which, kind, a, b) _mm_##which##_##kind(a, b)
#endif
INLINE vf32 lesser_f32(vf32 a, vf32 b)
{
#if defined(OF_TWO)
    return (vf32)OF_TWO(min, ps, a, b);
#else
    return (vf32)(((vi32)a & (a < b)) | ((vi32)b & ~(a < b)));
#endif
}
INLINE vf32 larger_f32(vf32 a, vf32 b)
{
#if defined(OF_TWO)
    return (vf32)OF_TWO(max, ps, a, b);
#else
    return (vf32)(((vi32)a & (a > b)) | ((vi32)b & ~(a > b)));
#endif
}

/* max(x, 0), NaN for NaN */
INLINE vf32 rectified_f32(vf32 x)
{
    return larger_f32((vf32){ 0 }, x);
}
INLINE vf64 rectified_f64(vf64 x)
{
#if defined(OF_TWO)
    return (vf64)OF_TWO(max, pd, (vf64){ 0 }, x);
#else
    return (vf64)((vi64)x & ~(x < 0));
#endif
}

/* ---- sums of lanes, always by halving: lane l + lane l + half ------------------------------------------------------------ */

/* Lane l is what lane l ^ width was; width: a power of 2. */
INLINE vf32 exchanged_f32(vf32 v, const int width)
{
#if defined(__AVX512F__)
    const __m512 x = (__m512)v;
    return (vf32)(width == 8   ? _mm512_shuffle_f32x4(x, x, 0x4e)
                  : width == 4 ? _mm512_shuffle_f32x4(x, x, 0xb1)
                  : width == 2 ? _mm512_permute_ps(x, 0x4e)
                               : _mm512_permute_ps(x, 0xb1));
#elif defined(__AVX2__)
    const __m256 x = (__m256)v;
    return (vf32)(width == 4   ? _mm256_permute2f128_ps(x, x, 1)
                  : width == 2 ? _mm256_permute_ps(x, 0x4e)
                               : _mm256_permute_ps(x, 0xb1));
#else
    vf32 y = v;
    for (int i = 0; i < LANES_F32; i++)
        y[i] = v[i ^ width];
    return y;
#endif
}

INLINE float sum_f32(vf32 v)
{
#pragma GCC unroll 4
    for (int width = LANES_F32 / 2; width; width /= 2)
        v += exchanged_f32(v, width);
    return v[0];
}
INLINE double sum_f64(vf64 v)
{
    double lane[LANES_F64];
    memcpy(lane, &v, sizeof v);
    for (int width = LANES_F64 / 2; width; width /= 2)
        for (int l = 0; l < width; l++)
            lane[l] += lane[l + width];
    return lane[0];
}

/* Of four vectors at once: their halves go side by side. */
INLINE void four_sums_f32(float out[4], const vf32 v[4])
{
#if defined(__AVX512F__)
    const __m512 a = (__m512)v[0], b = (__m512)v[1], c = (__m512)v[2], d = (__m512)v[3];
    const vf32 ab = (vf32)_mm512_shuffle_f32x4(a, b, 0x44) + (vf32)_mm512_shuffle_f32x4(a, b, 0xee),
               cd = (vf32)_mm512_shuffle_f32x4(c, d, 0x44) + (vf32)_mm512_shuffle_f32x4(c, d, 0xee);
    vf32 all = (vf32)_mm512_shuffle_f32x4((__m512)ab, (__m512)cd, 0x88) +
               (vf32)_mm512_shuffle_f32x4((__m512)ab, (__m512)cd, 0xdd);
    all += (vf32)_mm512_permute_ps((__m512)all, 0x4e);
    all += (vf32)_mm512_permute_ps((__m512)all, 0xb1);
    for (int i = 0; i < 4; i++)
        out[i] = all[4 * i];
#elif defined(__AVX2__)
    for (int i = 0; i < 4; i += 2) {
        const __m256 a = (__m256)v[i], b = (__m256)v[i + 1];
        vf32 both = (vf32)_mm256_permute2f128_ps(a, b, 0x20) + (vf32)_mm256_permute2f128_ps(a, b, 0x31);
        both += (vf32)_mm256_permute_ps((__m256)both, 0x4e);
        both += (vf32)_mm256_permute_ps((__m256)both, 0xb1);
        out[i] = both[0], out[i + 1] = both[4];
    }
#else
    for (int i = 0; i < 4; i++)
        out[i] = sum_f32(v[i]);
#endif
}
INLINE void four_sums_f64(double out[4], const vf64 v[4])
{
    for (int i = 0; i < 4; i++)
        out[i] = sum_f64(v[i]);
}

/* Of as many vectors as there are lanes, two of which go on as one at each step: lane i is the sum of v[i], the same bits. */
INLINE vf32 all_sums_f32(const vf32 v[LANES_F32])
{
#if defined(__AVX512F__)
    vf32 four[4], all[2];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m512 a = (__m512)v[4 * i], b = (__m512)v[4 * i + 1], c = (__m512)v[4 * i + 2],
                     d = (__m512)v[4 * i + 3];
        const vf32 ab = (vf32)_mm512_shuffle_f32x4(a, b, 0x44) + (vf32)_mm512_shuffle_f32x4(a, b, 0xee),
                   cd = (vf32)_mm512_shuffle_f32x4(c, d, 0x44) + (vf32)_mm512_shuffle_f32x4(c, d, 0xee);
        four[i] = (vf32)_mm512_shuffle_f32x4((__m512)ab, (__m512)cd, 0x88) +
                  (vf32)_mm512_shuffle_f32x4((__m512)ab, (__m512)cd, 0xdd);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const __m512 a = (__m512)four[2 * i], b = (__m512)four[2 * i + 1];
        all[i] = (vf32)_mm512_shuffle_ps(a, b, 0x44) + (vf32)_mm512_shuffle_ps(a, b, 0xee);
    }
    const __m512 a = (__m512)all[0], b = (__m512)all[1];
    const vf32 turned = (vf32)_mm512_shuffle_ps(a, b, 0x88) + (vf32)_mm512_shuffle_ps(a, b, 0xdd);
    return (
        vf32)_mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                   (__m512)turned);
#elif defined(__AVX2__)
    vf32 two[4], four[2];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const __m256 a = (__m256)v[2 * i], b = (__m256)v[2 * i + 1];
        two[i] = (vf32)_mm256_permute2f128_ps(a, b, 0x20) + (vf32)_mm256_permute2f128_ps(a, b, 0x31);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const __m256 a = (__m256)two[2 * i], b = (__m256)two[2 * i + 1];
        four[i] = (vf32)_mm256_shuffle_ps(a, b, 0x44) + (vf32)_mm256_shuffle_ps(a, b, 0xee);
    }
    const __m256 a = (__m256)four[0], b = (__m256)four[1];
    const vf32 turned = (vf32)_mm256_shuffle_ps(a, b, 0x88) + (vf32)_mm256_shuffle_ps(a, b, 0xdd);
    return (vf32)_mm256_permutevar8x32_ps((__m256)turned, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
#else
    vf32 sums = { 0 };
    for (int i = 0; i < LANES_F32; i++)
        sums[i] = sum_f32(v[i]);
    return sums;
#endif
}
INLINE vf64 all_sums_f64(const vf64 v[LANES_F64])
{
    vf64 sums = { 0 };
    for (int i = 0; i < LANES_F64; i++)
        sums[i] = sum_f64(v[i]);
    return sums;
}

/* ---- halves from two places ---------------------------------------------------------------------------------------------- */

INLINE vf32 load_halves_f32(const float *a, const float *b)
{
#if defined(__AVX512F__)
    return (vf32)_mm512_insertf64x4(_mm512_castpd256_pd512((__m256d)_mm256_loadu_ps(a)),
                                    (__m256d)_mm256_loadu_ps(b), 1);
#else
    float both[LANES_F32];
    memcpy(both, a, sizeof both / 2);
    memcpy(both + LANES_F32 / 2, b, sizeof both / 2);
    return load_f32(both);
#endif
}
INLINE vf64 load_halves_f64(const double *a, const double *b)
{
    double both[LANES_F64];
    memcpy(both, a, sizeof both / 2);
    memcpy(both + LANES_F64 / 2, b, sizeof both / 2);
    return load_f64(both);
}

/* ---- two vectors as one row of pairs, a[0] b[0] a[1] b[1] ...: its first half, its second half ------------------------------ */

#define LOW_2 0, 2
#define HIGH_2 1, 3
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define EVEN_2 0, 2
#define ODD_2 1, 3
#define EVEN_4 0, 2, 4, 6
#define ODD_4 1, 3, 5, 7
#define EVEN_8 EVEN_4, 8, 10, 12, 14
#define ODD_8 ODD_4, 9, 11, 13, 15
#define EVEN_16 EVEN_8, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_16 ODD_8, 17, 19, 21, 23, 25, 27, 29, 31

/* And the numbers of two vectors in a row that have even places, and odd ones. */
#define SHUFFLE(name, type, v, ...)                        \
    INLINE v name##_##type(v a, v b)                       \
    {                                                      \
        return __builtin_shufflevector(a, b, __VA_ARGS__); \
    }
#define PAIRS(type, v, lanes)                  \
    SHUFFLE(low_pairs, type, v, LOW_##lanes)   \
    SHUFFLE(high_pairs, type, v, HIGH_##lanes) \
    SHUFFLE(evens, type, v, EVEN_##lanes)      \
    SHUFFLE(odds, type, v, ODD_##lanes)
#if defined(__AVX512F__)
PAIRS(f32, vf32, 16)
PAIRS(f64, vf64, 8)
#elif defined(__AVX2__)
PAIRS(f32, vf32, 8)
PAIRS(f64, vf64, 4)
#else
PAIRS(f32, vf32, 4)
PAIRS(f64, vf64, 2)
#endif

/* ---- the first n lanes; the others are read as 0 and not written ------------------------------------------------ */

#if defined(__AVX512F__)
typedef __mmask16 mask_f32;
typedef __mmask8 mask_f64;
INLINE mask_f32 first_f32(int n)
{
    return (mask_f32)((1u << n) - 1);
}
INLINE mask_f64 first_f64(int n)
{
    return (mask_f64)((1u << n) - 1);
}
INLINE vf32 load_first_f32(const float *p, mask_f32 m)
{
    return (vf32)_mm512_maskz_loadu_ps(m, p);
}
INLINE vf64 load_first_f64(const double *p, mask_f64 m)
{
    return (vf64)_mm512_maskz_loadu_pd(m, p);
}
INLINE void store_first_f32(float *p, mask_f32 m, vf32 v)
{
    _mm512_mask_storeu_ps(p, m, (__m512)v);
}
INLINE void store_first_f64(double *p, mask_f64 m, vf64 v)
{
    _mm512_mask_storeu_pd(p, m, (__m512d)v);
}
#elif defined(__AVX2__)
typedef __m256i mask_f32;
typedef __m256i mask_f64;
INLINE mask_f32 first_f32(int n)
{
    return (__m256i)(((vi32){ 0, 1, 2, 3, 4, 5, 6, 7 }) < n);
}
INLINE mask_f64 first_f64(int n)
{
    return (__m256i)(((vi64){ 0, 1, 2, 3 }) < (int64_t)n);
}
INLINE vf32 load_first_f32(const float *p, mask_f32 m)
{
    return (vf32)_mm256_maskload_ps(p, m);
}
INLINE vf64 load_first_f64(const double *p, mask_f64 m)
{
    return (vf64)_mm256_maskload_pd(p, m);
}
INLINE void store_first_f32(float *p, mask_f32 m, vf32 v)
{
    _mm256_maskstore_ps(p, m, (__m256)v);
}
INLINE void store_first_f64(double *p, mask_f64 m, vf64 v)
{
    _mm256_maskstore_pd(p, m, (__m256d)v);
}
#else
typedef int mask_f32;
typedef int mask_f64;
INLINE mask_f32 first_f32(int n)
{
    return n;
}
INLINE mask_f64 first_f64(int n)
{
    return n;
}
INLINE vf32 load_first_f32(const float *p, mask_f32 m)
{
    vf32 v = { 0 };
    for (int i = 0; i < LANES_F32; i++)
        if (i < m)
            v[i] = p[i];
    return v;
}
INLINE vf64 load_first_f64(const double *p, mask_f64 m)
{
    vf64 v = { 0 };
    for (int i = 0; i < LANES_F64; i++)
        if (i < m)
            v[i] = p[i];
    return v;
}
INLINE void store_first_f32(float *p, mask_f32 m, vf32 v)
{
    for (int i = 0; i < LANES_F32; i++)
        if (i < m)
            p[i] = v[i];
}
INLINE void store_first_f64(double *p, mask_f64 m, vf64 v)
{
    for (int i = 0; i < LANES_F64; i++)
        if (i < m)
            p[i] = v[i];
}
#endif

#endif
