/* move.h - elements of 1, 2, 4 or 8 bytes to other places: rows with any strides, and transposes.
 *
 * A transpose goes by squares of SIDE x SIDE elements: lines of memory are read and written whole, whatever the distance
 * between them.
 * Layer: kernels.  Depends on plain.h.  Read next: ops/transfer.c. */
#include "kernels/plain/plain.h"

#include <string.h>

enum { SIDE = 8 };

/* Three times every row of the upper half is zipped with one of the lower half: then rows are columns. */
#define ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define SQUARE(name, type)                                                                         \
    static inline void square_##name(type *dst, int64_t dst_row, const type *src, int64_t src_row) \
    {                                                                                              \
        typedef type row __attribute__((vector_size(SIDE * sizeof(type))));                        \
        row a[SIDE], b[SIDE];                                                                      \
        for (int i = 0; i < SIDE; i++)                                                             \
            memcpy(&a[i], src + i * src_row, sizeof *a);                                           \
        for (int turn = 0; turn < 3; turn++) {                                                     \
            for (int i = 0; i < SIDE / 2; i++) {                                                   \
                b[2 * i] = ZIP_LOW(a[i], a[i + SIDE / 2]);                                         \
                b[2 * i + 1] = ZIP_HIGH(a[i], a[i + SIDE / 2]);                                    \
            }                                                                                      \
            memcpy(a, b, sizeof a);                                                                \
        }                                                                                          \
        for (int j = 0; j < SIDE; j++)                                                             \
            memcpy(dst + j * dst_row, &a[j], sizeof *a);                                           \
    }

SQUARE(1, uint8_t)
SQUARE(2, uint16_t)
SQUARE(4, uint32_t)
SQUARE(8, uint64_t)

#define MOVE(name, type)                                                                           \
    static void move_##name(void *dst_, int64_t ds, const void *src_, int64_t ss, int64_t n)       \
    {                                                                                              \
        type *dst = dst_;                                                                          \
        const type *src = src_;                                                                    \
        if (ds == 1 && ss == 1)                                                                    \
            memcpy(dst, src, (size_t)n * sizeof *dst);                                             \
        else if (ds == 1 && ss == -1)                                                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                dst[i] = src[-i];                                                                  \
        else if (ds == 1 && ss == 0) {                                                             \
            const type value = n ? src[0] : 0;                                                     \
            for (int64_t i = 0; i < n; i++)                                                        \
                dst[i] = value;                                                                    \
        } else                                                                                     \
            for (int64_t i = 0; i < n; i++)                                                        \
                dst[i * ds] = src[i * ss];                                                         \
    }                                                                                              \
    static void transpose_##name(void *dst_, int64_t dst_row, const void *src_, int64_t src_row,   \
                                 int64_t rows, int64_t cols)                                       \
    {                                                                                              \
        type *dst = dst_;                                                                          \
        const type *src = src_;                                                                    \
        for (int64_t j = 0; j < cols; j += SIDE)                                                   \
            for (int64_t i = 0; i < rows; i += SIDE) {                                             \
                if (i + SIDE <= rows && j + SIDE <= cols) {                                        \
                    square_##name(dst + j * dst_row + i, dst_row, src + i * src_row + j, src_row); \
                    continue;                                                                      \
                }                                                                                  \
                for (int64_t q = j; q < cols && q < j + SIDE; q++)                                 \
                    for (int64_t p = i; p < rows && p < i + SIDE; p++)                             \
                        dst[q * dst_row + p] = src[p * src_row + q];                               \
            }                                                                                      \
    }

MOVE(1, uint8_t)
MOVE(2, uint16_t)
MOVE(4, uint32_t)
MOVE(8, uint64_t)

static void fill_move(kernel_table *t)
{
    t->move[0] = move_1, t->move[1] = move_2, t->move[2] = move_4, t->move[3] = move_8;
    t->transpose[0] = transpose_1, t->transpose[1] = transpose_2;
    t->transpose[2] = transpose_4, t->transpose[3] = transpose_8;
}
