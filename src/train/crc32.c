/* crc32.c - checksums of 32 bits, eight bytes a round (slicing by 8): that of gzip, zip and PNG, and Castagnoli's.
 *
 * table[p][k][b] is for polynomial p the checksum's change by byte b followed by k zero bytes.  A step waits for the one before
 * it, so four parts of a block go side by side; what is in front of n bytes counts as the product with x^8n, modulo the polynomial.
 * Layer: train.  Depends on io/file.h, base/parallel.h.  Read next: checkpoint.c. */
#include "train/crc32.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

enum { IEEE, CASTAGNOLI };
static const uint32_t polynomials[] = { 0xedb88320u, 0x82f63b78u }; /* bits reversed */
static uint32_t table[2][8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (int p = 0; p < 2; p++) {
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t crc = b;
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (polynomials[p] & (0u - (crc & 1)));
            table[p][0][b] = crc;
        }
        for (int k = 1; k < 8; k++)
            for (int b = 0; b < 256; b++)
                table[p][k][b] = table[p][k - 1][b] >> 8 ^ table[p][0][table[p][k - 1][b] & 255];
    }
}

/* a b modulo the polynomial; the highest bit is x^0. */
static uint32_t product(uint32_t polynomial, uint32_t a, uint32_t b)
{
    uint32_t sum = 0;
    for (; a; a <<= 1) {
        sum ^= b & (0u - (a >> 31));
        b = b >> 1 ^ (polynomial & (0u - (b & 1)));
    }
    return sum;
}

/* x^8n */
static uint32_t zero_bytes(uint32_t polynomial, size_t n)
{
    uint32_t power = 1u << 23, all = 1u << 31;
    for (; n; n >>= 1) {
        if (n & 1)
            all = product(polynomial, all, power);
        power = product(polynomial, power, power);
    }
    return all;
}

static uint32_t little(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t eight_bytes(const uint32_t (*t)[256], uint32_t crc, const unsigned char *p)
{
    const uint32_t low = little(p) ^ crc, high = little(p + 4);
    return t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^ t[4][low >> 24] ^
           t[3][high & 255] ^ t[2][high >> 8 & 255] ^ t[1][high >> 16 & 255] ^ t[0][high >> 24];
}

static uint32_t update(int which, uint32_t crc, const void *data, size_t size)
{
    enum { PARTS = 4, LEAST = 4096 };
    const unsigned char *p = data;
    pthread_once(&made, make_tables);
    const uint32_t(*t)[256] = table[which];
    crc = ~crc;
    if (size >= LEAST) {
        const size_t each = size / PARTS / 8 * 8; /* bytes of a part */
        const uint32_t shift = zero_bytes(polynomials[which], each);
        uint32_t part[PARTS] = { crc };
        for (size_t at = 0; at < each; at += 8)
#pragma GCC unroll 4
            for (int i = 0; i < PARTS; i++)
                part[i] = eight_bytes(t, part[i], p + (size_t)i * each + at);
        crc = 0;
        for (int i = 0; i < PARTS; i++)
            crc = product(polynomials[which], shift, crc) ^ part[i];
        p += PARTS * each, size -= PARTS * each;
    }
    for (; size >= 8; size -= 8, p += 8)
        crc = eight_bytes(t, crc, p);
    for (; size; size--, p++)
        crc = crc >> 8 ^ t[0][(crc ^ *p) & 255];
    return ~crc;
}

uint32_t crc32_update(uint32_t crc, const void *data, size_t size)
{
    return update(IEEE, crc, data, size);
}

uint32_t crc32c(const void *data, size_t size)
{
    return update(CASTAGNOLI, 0, data, size);
}

/* ---- a file -------------------------------------------------------------------------------------------------------- */

enum { PIECE = 1 << 20, AT_ONCE = 1 << 16 };

typedef struct pieces {
    const file_in *in;
    uint32_t *crc; /* of each piece */
    atomic_flag failed;
    tp_error_record error; /* the first */
} pieces;

static void add_pieces(void *context, int64_t begin, int64_t end)
{
    pieces *p = context;
    unsigned char bytes[AT_ONCE];
    for (int64_t i = begin; i < end; i++) {
        const int64_t stop = (i + 1) * PIECE < p->in->size ? (i + 1) * PIECE : p->in->size;
        p->crc[i] = 0;
        for (int64_t at = i * PIECE; at < stop; at += AT_ONCE) {
            const size_t n = stop - at < AT_ONCE ? (size_t)(stop - at) : AT_ONCE;
            if (!file_read_at(p->in, at, bytes, n))
                p->crc[i] = crc32_update(p->crc[i], bytes, n);
            else if (!atomic_flag_test_and_set(&p->failed))
                tp_error_export(&p->error);
            else
                tp_error_take(NULL, 0);
        }
    }
}

tp_status crc32_of_file(const char *path, uint32_t *crc, int64_t *size)
{
    file_in in;
    *crc = 0;
    *size = 0;
    if (file_open(&in, path))
        return tp_error_pending();
    const int64_t n = in.size / PIECE + 1;
    pieces p = { .in = &in, .crc = tp_alloc((size_t)n * sizeof *p.crc), .failed = ATOMIC_FLAG_INIT };
    if (p.crc) {
        parallel_for(n, 1, add_pieces, &p);
        tp_error_import(&p.error);
        const uint32_t polynomial = polynomials[IEEE], whole = zero_bytes(polynomial, PIECE),
                       rest = zero_bytes(polynomial, (size_t)(in.size % PIECE));
        for (int64_t i = 0; i < n; i++)
            *crc = product(polynomial, i + 1 < n ? whole : rest, *crc) ^ p.crc[i];
        *size = in.size;
    }
    tp_free(p.crc, (size_t)n * sizeof *p.crc);
    file_close(&in);
    return tp_error_pending();
}
