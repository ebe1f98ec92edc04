/* crc32.c - checksums of 32 bits, eight bytes a round (slicing by 8): that of gzip, zip and PNG, and Castagnoli's.
 *
 * table[p][k][b] is for polynomial p the checksum's change by byte b followed by k zero bytes.
 * Layer: train.  Depends on io/file.h.  Read next: checkpoint.c. */
#include "train/crc32.h"

#include "base/error.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

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

static uint32_t update(int polynomial, uint32_t crc, const void *data, size_t size)
{
    const unsigned char *p = data;
    pthread_once(&made, make_tables);
    const uint32_t(*t)[256] = table[polynomial];
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = t[7][crc & 255] ^ t[6][crc >> 8 & 255] ^ t[5][crc >> 16 & 255] ^ t[4][crc >> 24] ^ t[3][p[4]] ^
              t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]];
    }
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

tp_status crc32_of_file(const char *path, uint32_t *crc, int64_t *size)
{
    enum { PIECE = 1 << 20 };
    file_in in;
    *crc = 0;
    tp_status status = file_open(&in, path);
    unsigned char *piece = status ? NULL : tp_alloc(PIECE);
    if (!status && !piece)
        status = TP_ERR_MEMORY;
    *size = status ? 0 : in.size;
    for (int64_t at = 0; !status && at < in.size; at += PIECE) {
        size_t n = in.size - at < PIECE ? (size_t)(in.size - at) : PIECE;
        status = file_read_at(&in, at, piece, n);
        if (!status)
            *crc = crc32_update(*crc, piece, n);
    }
    tp_free(piece, PIECE);
    file_close(&in);
    return status;
}
