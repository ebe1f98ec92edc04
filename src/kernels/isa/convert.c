/* convert.c - the integer types to and from int64_t, in which they are computed: adjacent elements as vectors.
 *
 * Layer: kernels.  Depends on isa.h.  Read next: ../ref/convert.c, which has all other pairs and says what is exact. */
#include "kernels/isa/isa.h"

#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)

#define ONE_WAY(name, dst_type, src_type, value)                                      \
    static void name(void *dst_, int64_t ds, const void *src_, int64_t ss, int64_t n) \
    {                                                                                 \
        dst_type *restrict dst = dst_;                                                \
        const src_type *restrict src = src_;                                          \
        if (ds == 1 && ss == 1)                                                       \
            for (int64_t i = 0; i < n; i++)                                           \
                dst[i] = (dst_type)value(src[i]);                                     \
        else                                                                          \
            for (int64_t i = 0; i < n; i++)                                           \
                dst[i * ds] = (dst_type)value(src[i * ss]);                           \
    }

/* ROW(place in tp_dtype, name, C type, element of a number) */
#define INTEGERS(ROW)          \
    ROW(5, i32, int32_t, SAME) \
    ROW(6, i16, int16_t, SAME) \
    ROW(7, i8, int8_t, SAME)   \
    ROW(8, u8, uint8_t, SAME)  \
    ROW(9, truth, uint8_t, TRUTH)

#define BOTH_WAYS(place, name, type, to)        \
    ONE_WAY(i64_of_##name, int64_t, type, SAME) \
    ONE_WAY(name##_of_i64, type, int64_t, to)
INTEGERS(BOTH_WAYS)

enum { I64 = 4 }; /* tp_dtype's place */

void NAMED(fill_convert)(kernel_table *t)
{
#define FILL(place, name, type, to)         \
    t->convert[I64][place] = i64_of_##name; \
    t->convert[place][I64] = name##_of_i64;
    INTEGERS(FILL)
}
