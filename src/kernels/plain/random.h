/* random.h - a body (plain.h): normal numbers out of random words, by Box and Muller.
 *
 * In double, with additions and multiplications in a fixed order and no branches: compiled without contraction to fused
 * multiply-adds (cmake/isa.cmake), it gives the same bits on every instruction set.
 * Layer: kernels.  Read next: base/philox.h, isa/random.c. */
#include <math.h>

static inline double bits_to_f64(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double word_to_f64(uint32_t w) /* by a signed conversion, which every instruction set has */
{
    return (double)(int32_t)(w ^ 0x80000000u) + 0x1p31;
}

/* ln x for x in (0, 1], normal: x = 2^e m, m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)) */
static inline double log_of_unit(double x)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t t = bits + (one - root_half);
    double e = bits_to_f64(t >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
    double m = bits_to_f64((t & 0x000fffffffffffff) + root_half);
    double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 23;
    p = p * z + 1.0 / 21;
    p = p * z + 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    return e * 0.69314718055994531 + (2 * s + 2 * s * (z * p));
}

/* y[2 i], y[2 i + 1] from words 2 i and 2 i + 1: radius sqrt(-2 ln u), angle 2 pi t */
static void normals(double *restrict y, const uint32_t *restrict words, int64_t pairs)
{
    for (int64_t i = 0; i < pairs; i++) {
        double u = (word_to_f64(words[2 * i]) + 1) * 0x1p-32, t = word_to_f64(words[2 * i + 1]) * 0x1p-32;
        double radius = sqrt(-2 * log_of_unit(u));
        double shifted = t * 4 + 0x1.8p52, quarter = shifted - 0x1.8p52; /* 0 to 4, the nearest */
        double x = (t - quarter * 0.25) * 6.283185307179586, z = x * x;
        uint64_t q;
        memcpy(&q, &shifted, sizeof q);
        double s = 1.0 / 355687428096000; /* sum of +-x^k / k! */
        s = s * z - 1.0 / 1307674368000;
        s = s * z + 1.0 / 6227020800;
        s = s * z - 1.0 / 39916800;
        s = s * z + 1.0 / 362880;
        s = s * z - 1.0 / 5040;
        s = s * z + 1.0 / 120;
        s = s * z - 1.0 / 6;
        s = x + x * (z * s);
        double c = 1.0 / 20922789888000;
        c = c * z - 1.0 / 87178291200;
        c = c * z + 1.0 / 479001600;
        c = c * z - 1.0 / 3628800;
        c = c * z + 1.0 / 40320;
        c = c * z - 1.0 / 720;
        c = c * z + 1.0 / 24;
        c = c * z - 0.5;
        c = 1 + z * c;
        uint64_t sb, cb, swap = -(q & 1); /* a quarter turn: (c, s) -> (-s, c) */
        memcpy(&sb, &s, sizeof sb);
        memcpy(&cb, &c, sizeof cb);
        uint64_t first = (cb & ~swap) | (sb & swap), second = (sb & ~swap) | (cb & swap);
        y[2 * i] = radius * bits_to_f64(first ^ ((q + 1) & 2) << 62);
        y[2 * i + 1] = radius * bits_to_f64(second ^ (q & 2) << 62);
    }
}
