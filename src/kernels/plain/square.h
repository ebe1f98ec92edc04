/* square.h - transposes of SIDE x SIDE elements, in the compiler's vectors.
 *
 * Layer: kernels.  Depends on nothing.  Read next: move.h. */
#ifndef KERNELS_PLAIN_SQUARE_H
#define KERNELS_PLAIN_SQUARE_H

#include <stdint.h>
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

#endif
