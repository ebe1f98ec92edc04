/* move.h - elements of 1, 2, 4 or 8 bytes to other places: rows with any strides, and transposes.
 *
 * A transpose goes by squares of SIDE x SIDE elements: lines of memory are read and written whole, whatever the distance
 * between them.
 * Layer: kernels.  Depends on plain.h.  Read next: ops/transfer.c. */
#include "kernels/plain/plain.h"
#include "kernels/plain/square.h"

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
