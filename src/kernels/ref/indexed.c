/* indexed.c - elements at positions that an index names: read in a row, or written and joined with what is there.
 *
 * One loop for each size of element (reading) or stored type (joining).  A row whose index is one number (is 0) is a
 * row of adjacent elements, and is moved or joined as such.
 * Layer: kernels.  Depends on base/half.h.  Read next: ops/indexed.c. */
#include "base/half.h"
#include "kernels/ref/ref.h"

#include <string.h>

#define PICK(name, type)                                                                                    \
    static void name(void *y_, int64_t ys, const void *x_, int64_t xs, int64_t along, const int64_t *index, \
                     int64_t is, int64_t n)                                                                 \
    {                                                                                                       \
        type *y = y_;                                                                                       \
        const type *x = x_;                                                                                 \
        if (is == 0 && n > 0) {                                                                             \
            x += index[0] * along;                                                                          \
            if (ys == 1 && xs == 1)                                                                         \
                memcpy(y, x, (size_t)n * sizeof *y);                                                        \
            else                                                                                            \
                for (int64_t i = 0; i < n; i++)                                                             \
                    y[i * ys] = x[i * xs];                                                                  \
        } else if (is == 1 && ys == 1 && xs == 0 && along == 1) {                                           \
            for (int64_t i = 0; i < n; i++)                                                                 \
                y[i] = x[index[i]];                                                                         \
        } else                                                                                              \
            for (int64_t i = 0; i < n; i++)                                                                 \
                y[i * ys] = x[index[i * is] * along + i * xs];                                              \
    }

PICK(pick_1, uint8_t)
PICK(pick_2, uint16_t)
PICK(pick_4, uint32_t)
PICK(pick_8, uint64_t)

#define SET(a, b) (b)
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))
#define LARGER(a, b) ((b) > (a) || (b) != (b) ? (b) : (a))
#define SMALLER(a, b) ((b) < (a) || (b) != (b) ? (b) : (a))
#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)

#define PLACE(name, type, from, to, JOIN)                                                                   \
    static void name(void *y_, int64_t ys, int64_t along, const void *x_, int64_t xs, const int64_t *index, \
                     int64_t is, int64_t n)                                                                 \
    {                                                                                                       \
        type *y = y_;                                                                                       \
        const type *x = x_;                                                                                 \
        if (is == 0 && n > 0 && ys == 1 && xs == 1) {                                                       \
            y += index[0] * along;                                                                          \
            for (int64_t i = 0; i < n; i++)                                                                 \
                y[i] = (type)to(JOIN(from(y[i]), from(x[i])));                                              \
        } else                                                                                              \
            for (int64_t i = 0; i < n; i++) {                                                               \
                type *at = y + index[i * is] * along + i * ys;                                              \
                *at = (type)to(JOIN(from(*at), from(x[i * xs])));                                           \
            }                                                                                               \
    }

#define UNSIGNED(x) ((uint64_t)(x)) /* sums and products of integers wrap */
#define OF_TYPE(number, name, type, from, to, wrapped) \
    PLACE(set_##name, type, SAME, SAME, SET)           \
    PLACE(add_##name, type, wrapped, to, ADD)          \
    PLACE(mul_##name, type, wrapped, to, MUL)          \
    PLACE(larger_##name, type, from, to, LARGER)       \
    PLACE(smaller_##name, type, from, to, SMALLER)     \
    static void fill_##name(kernel_table *t)           \
    {                                                  \
        t->place[PLACE_SET][number] = set_##name;      \
        t->place[PLACE_ADD][number] = add_##name;      \
        t->place[PLACE_MUL][number] = mul_##name;      \
        t->place[PLACE_AMAX][number] = larger_##name;  \
        t->place[PLACE_AMIN][number] = smaller_##name; \
    }

OF_TYPE(0, f32, float, SAME, SAME, SAME)
OF_TYPE(1, f64, double, SAME, SAME, SAME)
OF_TYPE(2, f16, uint16_t, f32_of_f16, f16_of_f32, f32_of_f16)
OF_TYPE(3, bf16, uint16_t, f32_of_bf16, bf16_of_f32, f32_of_bf16)
OF_TYPE(4, i64, int64_t, SAME, SAME, UNSIGNED)
OF_TYPE(5, i32, int32_t, SAME, SAME, UNSIGNED)
OF_TYPE(6, i16, int16_t, SAME, SAME, UNSIGNED)
OF_TYPE(7, i8, int8_t, SAME, SAME, UNSIGNED)
OF_TYPE(8, u8, uint8_t, SAME, SAME, UNSIGNED)
OF_TYPE(9, truth, uint8_t, SAME, TRUTH, SAME)

void ref_fill_indexed(kernel_table *t)
{
    t->pick[0] = pick_1;
    t->pick[1] = pick_2;
    t->pick[2] = pick_4;
    t->pick[3] = pick_8;
    fill_f32(t);
    fill_f64(t);
    fill_f16(t);
    fill_bf16(t);
    fill_i64(t);
    fill_i32(t);
    fill_i16(t);
    fill_i8(t);
    fill_u8(t);
    fill_truth(t);
}
