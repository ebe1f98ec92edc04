/* gzip.h - .gz files in memory: RFC 1952, any number of members.
 *
 * Truncation, a wrong checksum and bytes after the end are errors; so is more than cap bytes of content (a bomb).
 * Layer: io.  gzip.c uses zlib, no_gzip.c says that it is not there.  Read next: gzip.c, data/idx.c. */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include "io/file.h"

bool gzip_is(const void *data, size_t size); /* told by its first bytes */

/* The content, at most cap bytes.  name is for error texts. */
tp_status gzip_inflate(const char *name, const void *data, size_t size, int64_t cap, file_bytes *out);

/* A file's bytes that are gzip become their content; others stay. */
static inline tp_status gzip_unpack(const char *name, int64_t cap, file_bytes *file)
{
    file_bytes content = { 0 };
    if (!gzip_is(file->data, file->size))
        return TP_OK;
    tp_status status = gzip_inflate(name, file->data, file->size, cap, &content);
    if (status)
        return status;
    file_bytes_free(file);
    *file = content;
    return TP_OK;
}

/* The first want bytes of the content, or all of it if it is shorter; the rest is not looked at. */
tp_status gzip_peek(const char *name, const void *data, size_t size, void *dst, size_t want, size_t *got);

uint32_t gzip_crc32(const void *data, size_t size); /* the checksum of gzip, zip and PNG */

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *gzip_library(bool running);

#endif
