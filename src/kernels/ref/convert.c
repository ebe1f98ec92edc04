/* convert.c - every stored type to every other, with strides.
 *
 * A value passes through a type that holds it exactly: float for the halves, double or int64_t else.  Float to integer
 * truncates, saturates beyond int64_t and wraps below that; NaN becomes 0.
 * Layer: kernels.  Depends on base/half.h.  Read next: kernels/dispatch.c. */
#include "base/half.h"
#include "kernels/ref/ref.h"

static inline int64_t integer_of(double x)
{
    return x >= 0x1p63 ? INT64_MAX : x >= -0x1p63 ? (int64_t)x : x < 0 ? INT64_MIN : 0;
}

#define SAME(x) (x)
#define INTEGER(x) \
    _Generic((x), float : integer_of((double)(x)), double : integer_of((double)(x)), default : (x))
#define TRUTH(x) ((x) != 0)
#define BRAIN(x) bf16_of_f32((float)(x))
#define HALF(x) f16_of_f32((float)(x))

/* ROW(place in tp_dtype, name, C type, value of an element, element of a value) */
#define STORED(ROW, ...)                                      \
    ROW(0, f32, float, SAME, (float), __VA_ARGS__)            \
    ROW(1, f64, double, SAME, (double), __VA_ARGS__)          \
    ROW(2, f16, uint16_t, f32_of_f16, HALF, __VA_ARGS__)      \
    ROW(3, bf16, uint16_t, f32_of_bf16, BRAIN, __VA_ARGS__)   \
    ROW(4, i64, int64_t, SAME, (int64_t)INTEGER, __VA_ARGS__) \
    ROW(5, i32, int32_t, SAME, (int32_t)INTEGER, __VA_ARGS__) \
    ROW(6, i16, int16_t, SAME, (int16_t)INTEGER, __VA_ARGS__) \
    ROW(7, i8, int8_t, SAME, (int8_t)INTEGER, __VA_ARGS__)    \
    ROW(8, u8, uint8_t, SAME, (uint8_t)INTEGER, __VA_ARGS__)  \
    ROW(9, truth, uint8_t, SAME, (uint8_t)TRUTH, __VA_ARGS__)

#define COPY(type)                                               \
    if (ds == 1 && ss == 0)                                      \
        for (int64_t i = 0; i < n; i++)                          \
            ((type *)dst)[i] = ((const type *)src)[0];           \
    else                                                         \
        for (int64_t i = 0; i < n; i++)                          \
            ((type *)dst)[i * ds] = ((const type *)src)[i * ss]; \
    break;

/* elements of size bytes as they are */
static void copy(void *dst, int64_t ds, const void *src, int64_t ss, size_t size, int64_t n)
{
    switch (size) {
    case 1: COPY(uint8_t)
    case 2: COPY(uint16_t)
    case 4: COPY(uint32_t)
    default: COPY(uint64_t)
    }
}

typedef void row_fn(void *dst, const void *src, int64_t n);

/* Every conversion has a loop for adjacent elements alone.  Others are brought together first, a block at a time. */
static void convert_apart(row_fn *row, void *dst_, int64_t ds, size_t dst_size, const void *src_, int64_t ss,
                          size_t src_size, int64_t n)
{
    enum { BLOCK = 512 };
    uint64_t in[BLOCK], out[BLOCK];
    char *dst = dst_;
    const char *src = src_;
    if (ss == 0 && n > 0) {
        row(out, src, 1);
        copy(dst, ds, out, 0, dst_size, n);
        return;
    }
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        const void *from = src + i * ss * (int64_t)src_size;
        void *to = dst + i * ds * (int64_t)dst_size;
        if (ss != 1)
            copy(in, 1, from, ss, src_size, m);
        row(ds == 1 ? to : out, ss == 1 ? from : in, m);
        if (ds != 1)
            copy(to, ds, out, 1, dst_size, m);
    }
}

#define CONVERT(dst_name, dst_type, to, src_name, src_type, from)                                       \
    static __attribute__((noinline)) void src_name##_to_##dst_name##_row(void *dst_, const void *src_,  \
                                                                         int64_t n)                     \
    {                                                                                                   \
        dst_type *dst = dst_;                                                                           \
        const src_type *src = src_;                                                                     \
        for (int64_t i = 0; i < n; i++)                                                                 \
            dst[i] = to(from(src[i]));                                                                  \
    }                                                                                                   \
    static void src_name##_to_##dst_name(void *dst, int64_t ds, const void *src, int64_t ss, int64_t n) \
    {                                                                                                   \
        if (ds == 1 && ss == 1)                                                                         \
            src_name##_to_##dst_name##_row(dst, src, n);                                                \
        else                                                                                            \
            convert_apart(src_name##_to_##dst_name##_row, dst, ds, sizeof(dst_type), src, ss,           \
                          sizeof(src_type), n);                                                         \
    }

/* clang-format off */
#define FROM_ALL(place, name, type, from, to, ...)        \
    CONVERT(name, type, to, f32, float, SAME)             \
    CONVERT(name, type, to, f64, double, SAME)            \
    CONVERT(name, type, to, f16, uint16_t, f32_of_f16)    \
    CONVERT(name, type, to, bf16, uint16_t, f32_of_bf16)  \
    CONVERT(name, type, to, i64, int64_t, SAME)           \
    CONVERT(name, type, to, i32, int32_t, SAME)           \
    CONVERT(name, type, to, i16, int16_t, SAME)           \
    CONVERT(name, type, to, i8, int8_t, SAME)             \
    CONVERT(name, type, to, u8, uint8_t, SAME)            \
    CONVERT(name, type, to, truth, uint8_t, SAME)
STORED(FROM_ALL, )

#define FILL_FROM_ALL(place, name, type, from, to, ...)                          \
    t->convert[place][0] = f32_to_##name, t->convert[place][1] = f64_to_##name;  \
    t->convert[place][2] = f16_to_##name, t->convert[place][3] = bf16_to_##name; \
    t->convert[place][4] = i64_to_##name, t->convert[place][5] = i32_to_##name;  \
    t->convert[place][6] = i16_to_##name, t->convert[place][7] = i8_to_##name;   \
    t->convert[place][8] = u8_to_##name, t->convert[place][9] = truth_to_##name;
/* clang-format on */

void ref_fill_convert(kernel_table *t)
{
    STORED(FILL_FROM_ALL, )
}
