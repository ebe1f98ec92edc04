/* numbers.inc.h - the operands of products as they are: an element is one REAL.
 *
 * Layer: kernels.  Depends on simd.h.  Read next: pairs.inc.h, which has the same names for pairs of bf16; tile.inc.h. */
enum { DEPTH = 1 }; /* numbers of K in an element */

#define MULTIPLY_ADD(sum, left, right) ((sum) + (left) * (right))

enum { STRIPS = VECTOR_BYTES >= 32 && sizeof(REAL) == 4, STRIP_ROWS = 4, STRIP = 8 };

/* A strip of STRIP_ROWS x STRIP numbers, turned: to[t * width + i] = from[i * row + t].  No number leaves its 16 bytes before it is
 * stored: a third of the time that whole squares take. */
INLINE void turn_strip(REAL *to, int64_t width, const REAL *from, int64_t row)
{
    typedef REAL line __attribute__((vector_size(STRIP * sizeof(REAL))));
    line a[STRIP_ROWS];
#pragma GCC unroll 4
    for (int i = 0; i < STRIP_ROWS; i++)
        memcpy(&a[i], from + i * row, sizeof *a);
    const line low[2] = { __builtin_shufflevector(a[0], a[1], 0, 8, 1, 9, 4, 12, 5, 13),
                          __builtin_shufflevector(a[2], a[3], 0, 8, 1, 9, 4, 12, 5, 13) },
               high[2] = { __builtin_shufflevector(a[0], a[1], 2, 10, 3, 11, 6, 14, 7, 15),
                           __builtin_shufflevector(a[2], a[3], 2, 10, 3, 11, 6, 14, 7, 15) };
    a[0] = __builtin_shufflevector(low[0], low[1], 0, 1, 8, 9, 4, 5, 12, 13);
    a[1] = __builtin_shufflevector(low[0], low[1], 2, 3, 10, 11, 6, 7, 14, 15);
    a[2] = __builtin_shufflevector(high[0], high[1], 0, 1, 8, 9, 4, 5, 12, 13);
    a[3] = __builtin_shufflevector(high[0], high[1], 2, 3, 10, 11, 6, 7, 14, 15);
#pragma GCC unroll 4
    for (int t = 0; t < STRIP / 2; t++, to += width) {
        memcpy(to, &a[t], sizeof *a / 2);
        memcpy(to + STRIP / 2 * width, (REAL *)&a[t] + STRIP / 2, sizeof *a / 2);
    }
}

/* to[t * width + i] = from[i * row + t * col], i < n, t < k; the rest of each width is zeros.
 * Where col is 1 that is a transpose, by strips, of which the last may cover rows of the one before. */
static void pack(REAL *to, int64_t width, const REAL *from, int64_t row, int64_t col, int64_t n, int64_t k)
{
    if (n < width)
        for (int64_t t = 0; t < k; t++)
            for (int64_t i = n; i < width; i++)
                to[t * width + i] = 0;
    if (row == 1) {
        for (int64_t t = 0; t < k; t++, to += width, from += col) {
            int64_t i = 0;
            for (; i + LANES_OF_V <= n; i += LANES_OF_V)
                V(store)(to + i, V(load)(from + i));
            if (FREE_MASKS && i < n) {
                const V(mask) rest = V(first)((int)(n - i));
                V(store_first)(to + i, rest, V(load_first)(from + i, rest));
            }
            for (; !FREE_MASKS && i < n; i++)
                to[i] = from[i];
        }
        return;
    }
    int64_t t = 0;
    if (STRIPS && col == 1 && n >= STRIP_ROWS)
        for (; t + STRIP <= k; t += STRIP)
            for (int64_t i = 0; i < n; i += STRIP_ROWS) {
                const int64_t at = i + STRIP_ROWS <= n ? i : n - STRIP_ROWS;
                turn_strip(to + t * width + at, width, from + at * row + t, row);
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
