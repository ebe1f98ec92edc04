/* numbers.inc.h - the operands of products as they are: an element is one REAL.
 *
 * Layer: kernels.  Depends on plain/square.h.  Read next: pairs.inc.h, which has the same names for pairs of bf16; tile.inc.h. */
#include "kernels/plain/square.h"

enum { DEPTH = 1 }; /* numbers of K in an element */

#define MULTIPLY_ADD(sum, left, right) ((sum) + (left) * (right))

enum { SQUARES = VECTOR_BYTES >= 32 && sizeof(REAL) == 4 }; /* elsewhere they are large and bring less */
SQUARE(packed, REAL)

/* to[t * width + i] = from[i * row + t * col], i < n, t < k; the rest of each width is zeros.
 * Where col is 1 that is a transpose: blocks of SIDE keep whole cache lines in use. */
static void pack(REAL *to, int64_t width, const REAL *from, int64_t row, int64_t col, int64_t n, int64_t k)
{
    if (n < width)
        for (int64_t t = 0; t < k; t++)
            for (int64_t i = n; i < width; i++)
                to[t * width + i] = 0;
    if (row == 1) {
        for (int64_t t = 0; t < k; t++)
            for (int64_t i = 0; i < n; i++)
                to[t * width + i] = from[i + t * col];
        return;
    }
    int64_t t = 0;
    for (; t + SIDE <= k; t += SIDE) {
        int64_t i = 0;
        for (; SQUARES && i + SIDE <= n && col == 1; i += SIDE)
            square_packed(to + t * width + i, width, from + i * row + t, row);
        for (; i < n; i++) {
            const REAL *at = from + i * row + t * col;
            REAL *dst = to + t * width + i;
#pragma GCC unroll 8
            for (int u = 0; u < SIDE; u++)
                dst[u * width] = at[u * col];
        }
    }
    for (; t < k; t++)
        for (int64_t i = 0; i < n; i++)
            to[t * width + i] = from[i * row + t * col];
}

/* to[i] = the element of first[i] and of what DEPTH joins with it, i < n; zeros up to width */
INLINE void join(REAL *to, const REAL *first, const REAL *second, int64_t n, int64_t width)
{
    (void)second;
    for (int64_t i = 0; i < width; i++)
        to[i] = first && i < n ? first[i] : 0;
}

/* n adjacent numbers as elements */
static void copy_elements(REAL *to, const REAL *from, int64_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}
