/* no_gzip.c - gzip.h in a build without zlib.
 *
 * Layer: io.  Depends on base.  Read next: gzip.h. */
#include "io/gzip.h"

#include "base/error.h"

bool gzip_is(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

tp_status gzip_inflate(const char *name, const void *data, size_t size, int64_t cap, file_bytes *out)
{
    (void)data, (void)size, (void)cap;
    *out = (file_bytes){ 0 };
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: gzip is unsupported: built without zlib (gunzip the file first)",
                   name);
}

tp_status gzip_peek(const char *name, const void *data, size_t size, void *dst, size_t want, size_t *got)
{
    (void)data, (void)size, (void)dst, (void)want;
    *got = 0;
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: gzip is unsupported: built without zlib (gunzip the file first)",
                   name);
}

uint32_t gzip_crc32(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

const char *gzip_library(bool running)
{
    (void)running;
    return NULL;
}
