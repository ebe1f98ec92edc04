/* pairs.inc.h - the operands of products as pairs of bf16: two numbers that follow each other along K are one element.
 *
 * A pair lies in the 32 bits of a float and is only ever moved as one.  vdpbf16ps multiplies 16 pairs by 16 pairs and adds both
 * products to a float each; it takes and makes no subnormal numbers.  Rounding is to nearest even.
 * Layer: kernels.  Depends on simd.h, AVX512-BF16.  Read next: numbers.inc.h, which has the same names; tile.inc.h. */
enum { DEPTH = 2 }; /* numbers of K in an element */

INLINE vf32 add_products(vf32 sum, float left, vf32 right)
{
    return (vf32)_mm512_dpbf16_ps((__m512)sum, (__m512bh)right, (__m512bh)_mm512_set1_ps(left));
}
#define MULTIPLY_ADD(sum, left, right) add_products(sum, left, right)

/* The 32 numbers of two vectors as pairs: of neighbours, and each of one with its like of the other. */
INLINE vf32 paired(vf32 first, vf32 second)
{
    return (vf32)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

INLINE vf32 paired_across(vf32 first, vf32 second)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return (vf32)_mm512_permutexvar_epi16(order, (__m512i)paired(first, second));
}

/* The lanes of a vector at `at` that lie below n */
INLINE mask_f32 lanes(int64_t at, int64_t n)
{
    return first_f32(n - at >= LANES_F32 ? LANES_F32 : n > at ? (int)(n - at) : 0);
}

/* 16 vectors of 16 pairs, turned: lane j of r[i] becomes lane i of r[j]. */
INLINE void transpose(__m512 r[16])
{
    __m512 s[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            const __m512d upper = (__m512d)s[i + k], lower = (__m512d)s[i + k + 2];
            r[i + 2 * k] = (__m512)_mm512_unpacklo_pd(upper, lower);
            r[i + 2 * k + 1] = (__m512)_mm512_unpackhi_pd(upper, lower);
        }
#pragma GCC unroll 4
    for (int c = 0; c < 4;
         c++) { /* r[4 q + c] holds the lanes c, c + 4, c + 8, c + 12 of the vectors 4 q on */
        const __m512 even0 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88),
                     even1 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88),
                     odd0 = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd),
                     odd1 = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
        s[c] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        s[c + 4] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        s[c + 8] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        s[c + 12] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        r[i] = s[i];
}

/* Up to 16 rows, adjacent along K: 32 numbers of each at a time, turned. */
static void pack_adjacent(float *to, int64_t width, const float *from, int64_t row, int64_t n, int64_t k)
{
    const mask_f32 stored = lanes(0, width);
    for (int64_t t = 0; t < k; t += 32) {
        const mask_f32 low = lanes(t, k), high = lanes(t + 16, k);
        __m512 r[16];
        for (int i = 0; i < 16; i++)
            r[i] = i < n ? (__m512)paired(load_first_f32(from + i * row + t, low),
                                          load_first_f32(from + i * row + t + 16, high))
                         : _mm512_setzero_ps();
        transpose(r);
        for (int64_t u = 0; u < 16 && t + 2 * u < k; u++)
            store_first_f32(to + (t / 2 + u) * width, stored, (vf32)r[u]);
    }
}

/* Of two numbers along K a vector each, 16 rows at a time. */
static void pack_strided(float *to, int64_t width, const float *from, int64_t row, int64_t col, int64_t n,
                         int64_t k)
{
    for (int64_t t = 0; t < k; t += 2, to += width, from += 2 * col)
        for (int64_t i = 0; i < width; i += LANES_F32) {
            vf32 both[2] = { 0 };
            for (int h = 0; h < 2 && t + h < k; h++)
                if (row == 1)
                    both[h] = load_first_f32(from + h * col + i, lanes(i, n));
                else
                    for (int64_t u = 0; u < LANES_F32 && i + u < n; u++)
                        both[h][u] = from[(i + u) * row + h * col];
            store_first_f32(to + i, lanes(i, width), paired_across(both[0], both[1]));
        }
}

/* to[t * width + i] = the pair of from[i * row + 2 t * col] and the next along K, i < n; the rest of each width is zeros, and
 * so is what lies beyond k. */
static void pack(float *to, int64_t width, const float *from, int64_t row, int64_t col, int64_t n, int64_t k)
{
    if (col != 1)
        pack_strided(to, width, from, row, col, n, k);
    else
        for (int64_t i = 0; i < width; i += LANES_F32)
            pack_adjacent(to + i, width, from + i * row, row, n - i, k);
}

/* to[i] = the pair of first[i] and second[i], i < n; zeros up to width, and for NULL */
INLINE void join(float *to, const float *first, const float *second, int64_t n, int64_t width)
{
    for (int64_t i = 0; i < width; i += LANES_F32) {
        const mask_f32 some = lanes(i, n);
        store_first_f32(to + i, lanes(i, width),
                        paired_across(first ? load_first_f32(first + i, some) : (vf32){ 0 },
                                      second ? load_first_f32(second + i, some) : (vf32){ 0 }));
    }
}

/* n adjacent numbers as elements */
static void copy_elements(float *to, const float *from, int64_t n)
{
    int64_t i = 0;
    for (; i + 32 <= n; i += 32)
        store_f32(to + i / 2, paired(load_f32(from + i), load_f32(from + i + 16)));
    if (i < n)
        store_first_f32(to + i / 2, lanes(i / 2, (n + 1) / 2),
                        paired(load_first_f32(from + i, lanes(i, n)),
                               load_first_f32(from + i + 16, lanes(i + 16, n))));
}
