/* crc32.c - the checksum of gzip, zip and PNG, piece by piece, eight bytes a round (slicing by 8).
 *
 * table[k][b] is the checksum's change by byte b followed by k zero bytes.
 * Layer: train.  Depends on io/file.h.  Read next: checkpoint.c. */
#include "train/crc32.h"

#include "base/error.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

uint32_t crc32_update(uint32_t crc, const void *data, size_t size)
{
    const unsigned char *p = data;
    pthread_once(&made, make_table);
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^
              table[4][crc >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
    }
    for (; size; size--, p++)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return ~crc;
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
