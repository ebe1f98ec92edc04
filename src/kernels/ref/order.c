/* order.c - sorting, the first k, the k-th, for every stored type.
 *
 * An element becomes a key, an unsigned number in the same order: floats with the sign bit turned, all NaN behind
 * infinity and equal, -0 equal to 0.  What key and place say is written back as a value.
 * Layer: kernels.  Depends on base/half.h, base/parallel.h.  Read next: order.inc.h. */
#include "base/half.h"
#include "base/parallel.h"
#include "kernels/ref/ref.h"

#include <string.h>

enum {
    INSERTION = 40,      /* up to here by insertion */
    WIDE_DIGITS = 16384, /* from here on digits of 11 bits instead of 8 */
    CHUNK_LEAST = 32768,
    MOST_CHUNKS = 16,
    BLOCK = 256, /* keys made at once */
};

static int64_t chunks_of(int64_t n)
{
    int64_t chunks = n / CHUNK_LEAST;
    return chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : chunks;
}

static int64_t select_room(int64_t k)
{
    return 2 * k + 4 * BLOCK;
}

static int64_t select_chunks(int64_t n, int64_t k)
{
    int64_t chunks = n / (CHUNK_LEAST + 16 * k);
    return chunks < 1 ? 1 : chunks > MOST_CHUNKS ? MOST_CHUNKS : chunks;
}

size_t order_scratch(int type, int64_t n)
{
    size_t pair = type == 1 || type == 4 ? 16 : 8;
    return (size_t)(2 * n + BLOCK) * pair + ((size_t)(chunks_of(n) * 8) << 11);
}

size_t select_scratch(int type, int64_t n, int64_t k)
{
    size_t pair = type == 1 || type == 4 ? 16 : 8;
    size_t search = (size_t)(select_chunks(n, k) * select_room(k)) * pair, sort = order_scratch(type, k);
    return search > sort ? search : sort;
}

#define NAME(x) narrow_##x
#define KEY uint32_t
#define PAIR uint64_t
#include "kernels/ref/order.inc.h"
#undef NAME
#undef KEY
#undef PAIR

#define NAME(x) wide_##x
#define KEY uint64_t
#define PAIR unsigned __int128
#include "kernels/ref/order.inc.h"

/* ---- keys of elements ----------------------------------------------------------------------------------------------- */

static inline uint32_t key_of_f32(float x)
{
    uint32_t u = bits_of_f32(x + 0.0f); /* -0 + 0 is 0 */
    uint32_t key = u ^ (uint32_t)((int32_t)u >> 31 | (int32_t)0x80000000);
    return x != x ? UINT32_MAX : key;
}

static inline float f32_of_key(uint32_t key)
{
    return f32_of_bits(key >> 31 ? key ^ 0x80000000u : ~key);
}

static inline uint64_t key_of_f64(double x)
{
    uint64_t u;
    double y = x + 0.0;
    memcpy(&u, &y, sizeof u);
    uint64_t key = u ^ (uint64_t)((int64_t)u >> 63 | INT64_MIN);
    return x != x ? UINT64_MAX : key;
}

static inline double f64_of_key(uint64_t key)
{
    uint64_t u = key >> 63 ? key ^ (uint64_t)INT64_MIN : ~key;
    double x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static inline uint32_t key_of_f16(uint16_t x)
{
    return key_of_f32(f32_of_f16(x));
}

static inline uint32_t key_of_bf16(uint16_t x)
{
    return key_of_f32(f32_of_bf16(x));
}

#define KEY_OF_INT(x) ((uint32_t)(x) ^ 0x80000000u)
#define KEY_OF_LONG(x) ((uint64_t)(x) ^ (uint64_t)INT64_MIN)

/* A float whose key stands for several (zeros, NaNs) is read from where it stood. */
#define F32_VALUE(key, own) ((key) == 0x80000000u || (key) == UINT32_MAX ? (own) : f32_of_key(key))
#define F64_VALUE(key, own) ((key) == (uint64_t)INT64_MIN || (key) == UINT64_MAX ? (own) : f64_of_key(key))
#define INT_VALUE(key, own) ((int32_t)((key) ^ 0x80000000u))
#define LONG_VALUE(key, own) ((int64_t)((key) ^ (uint64_t)INT64_MIN))
#define OWN_VALUE(key, own) (own)

#define ELEMENTS(number, name, type, width, KEY, PAIR, key_of, VALUE)                                        \
    static void name##_keys(KEY *to, const void *x_, int64_t first, int64_t n, KEY flip)                     \
    {                                                                                                        \
        const type *x = (const type *)x_ + first;                                                            \
        for (int64_t i = 0; i < n; i++)                                                                      \
            to[i] = key_of(x[i]) ^ flip;                                                                     \
    }                                                                                                        \
    static void name##_values(void *y_, const PAIR *p, const void *x_, int64_t first, int64_t n, KEY flip)   \
    {                                                                                                        \
        type *y = y_;                                                                                        \
        const type *x = x_;                                                                                  \
        (void)x, (void)flip;                                                                                 \
        for (int64_t i = first; i < first + n; i++) {                                                        \
            KEY key = (KEY)(p[i] >> (sizeof(KEY) * 8)) ^ flip;                                               \
            (void)key;                                                                                       \
            y[i] = (type)VALUE(key, x[(KEY)p[i]]);                                                           \
        }                                                                                                    \
    }                                                                                                        \
    static const width##_elements name##_elements = { name##_keys, name##_values };                          \
    static void order_##name(void *y, int64_t *index, const void *x, int64_t n, bool descending,             \
                             void *scratch)                                                                  \
    {                                                                                                        \
        width##_order(&name##_elements, y, index, x, n, descending, scratch);                                \
    }                                                                                                        \
    static void select_##name(void *y, int64_t *index, const void *x, int64_t n, int64_t k, bool descending, \
                              void *scratch)                                                                 \
    {                                                                                                        \
        width##_select(&name##_elements, y, index, x, n, k, descending, scratch);                            \
    }                                                                                                        \
    static int64_t kth_##name(const void *x, int64_t n, int64_t k, void *scratch)                            \
    {                                                                                                        \
        return width##_kth(&name##_elements, x, n, k, scratch);                                              \
    }                                                                                                        \
    static void fill_##name(kernel_table *t)                                                                 \
    {                                                                                                        \
        t->order[number] = order_##name;                                                                     \
        t->select[number] = select_##name;                                                                   \
        t->kth[number] = kth_##name;                                                                         \
    }

#undef KEY
#undef PAIR
ELEMENTS(0, f32, float, narrow, uint32_t, uint64_t, key_of_f32, F32_VALUE)
ELEMENTS(1, f64, double, wide, uint64_t, unsigned __int128, key_of_f64, F64_VALUE)
ELEMENTS(2, f16, uint16_t, narrow, uint32_t, uint64_t, key_of_f16, OWN_VALUE)
ELEMENTS(3, bf16, uint16_t, narrow, uint32_t, uint64_t, key_of_bf16, OWN_VALUE)
ELEMENTS(4, i64, int64_t, wide, uint64_t, unsigned __int128, KEY_OF_LONG, LONG_VALUE)
ELEMENTS(5, i32, int32_t, narrow, uint32_t, uint64_t, KEY_OF_INT, INT_VALUE)
ELEMENTS(6, i16, int16_t, narrow, uint32_t, uint64_t, KEY_OF_INT, INT_VALUE)
ELEMENTS(7, i8, int8_t, narrow, uint32_t, uint64_t, KEY_OF_INT, INT_VALUE)
ELEMENTS(8, u8, uint8_t, narrow, uint32_t, uint64_t, KEY_OF_INT, INT_VALUE)
ELEMENTS(9, truth, uint8_t, narrow, uint32_t, uint64_t, KEY_OF_INT, INT_VALUE)

void ref_fill_order(kernel_table *t)
{
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
