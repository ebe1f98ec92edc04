/* gzip.c - inflating .gz files by zlib.
 *
 * Layer: io.  Depends on file.h, zlib.  Read next: gzip.h. */
#include "io/gzip.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>
#include <zlib.h>

enum { BEST_RATIO = 1032 }; /* no deflate stream expands more: 258 bytes from 2 bits */

bool gzip_is(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

uint32_t gzip_crc32(const void *data, size_t size)
{
    return (uint32_t)crc32_z(crc32(0, NULL, 0), data, size);
}

typedef struct inflater {
    const char *name;
    const unsigned char *data;
    size_t size;
    z_stream z; /* next_in runs over data; zlib counts in unsigned int, so input and output go in pieces */
} inflater;

static size_t position(const inflater *in)
{
    return (size_t)(in->z.next_in - in->data);
}

static tp_status open_inflater(inflater *in, const char *name, const void *data, size_t size)
{
    *in = (inflater){ .name = name, .data = data, .size = size };
    in->z.next_in = (unsigned char *)(uintptr_t)data;
    int code = inflateInit2(&in->z, 15 + 16); /* gzip wrapper only */
    return code == Z_OK ? TP_OK : tp_fail(TP_ERR_MEMORY, "%s: out of memory while inflating", name);
}

static tp_status fail_at(const inflater *in, const char *what)
{
    return tp_fail(TP_ERR_FORMAT, "%s: byte %zu: %s", in->name, position(in), what);
}

/* Inflates into dst until room is full or the last member ends (*ended). */
static tp_status run(inflater *in, unsigned char *dst, size_t room, size_t *made, bool *ended)
{
    *made = 0;
    *ended = false;
    while (*made < room) {
        size_t left = in->size - position(in), space = room - *made;
        unsigned step = space < (1u << 30) ? (unsigned)space : 1u << 30;
        in->z.avail_in = left < (1u << 30) ? (unsigned)left : 1u << 30;
        in->z.avail_out = step;
        in->z.next_out = dst + *made;
        int code = inflate(&in->z, Z_NO_FLUSH);
        *made += step - in->z.avail_out;
        if (code == Z_STREAM_END) {
            if (position(in) == in->size) {
                *ended = true;
                return TP_OK;
            }
            if (!gzip_is(in->z.next_in, in->size - position(in)))
                return fail_at(in, "bytes after the end of the gzip data");
            inflateReset(&in->z);
        } else if (code == Z_MEM_ERROR) {
            return tp_fail(TP_ERR_MEMORY, "%s: out of memory while inflating", in->name);
        } else if (code == Z_BUF_ERROR || (code == Z_OK && position(in) == in->size && in->z.avail_out)) {
            return fail_at(in, "the gzip data is cut off");
        } else if (code != Z_OK) {
            return fail_at(in, in->z.msg ? in->z.msg : "not valid gzip data");
        }
    }
    return TP_OK;
}

/* What the trailer says (content size mod 2^32), as far as it is believable. */
static size_t first_room(const unsigned char *data, size_t size, int64_t cap)
{
    size_t most = size > SIZE_MAX / BEST_RATIO ? SIZE_MAX : size * BEST_RATIO;
    uint32_t stated = 0;
    if (size >= 4)
        memcpy(&stated, data + size - 4, 4);
    size_t room = (size_t)stated + 1; /* one more, so that the end is seen without another round */
    room = room < most ? room : most;
    return room < (size_t)cap + 1 ? room : (size_t)cap + 1;
}

tp_status gzip_inflate(const char *name, const void *data, size_t size, int64_t cap, file_bytes *out)
{
    inflater in;
    bool ended = false;
    *out = (file_bytes){ 0 };
    if (tp_pending())
        return tp_error_pending();
    tp_status status = open_inflater(&in, name, data, size);
    if (status)
        return status;
    size_t room = first_room(data, size, cap);
    while (!status && !ended) {
        size_t made = 0;
        status = file_bytes_reserve(out, room < 64 ? 64 : room);
        if (!status)
            status = run(&in, out->data + out->size, out->room - out->size, &made, &ended);
        out->size += made;
        if (!status && out->size > (size_t)cap)
            status = tp_fail(TP_ERR_FORMAT, "%s: inflates to more than %lld bytes", name, (long long)cap);
        room = out->room < (size_t)cap / 2 ? 2 * out->room : (size_t)cap + 1;
    }
    inflateEnd(&in.z);
    if (status)
        file_bytes_free(out);
    return status;
}

tp_status gzip_peek(const char *name, const void *data, size_t size, void *dst, size_t want, size_t *got)
{
    inflater in;
    bool ended;
    *got = 0;
    if (tp_pending())
        return tp_error_pending();
    tp_status status = open_inflater(&in, name, data, size);
    if (status)
        return status;
    status = run(&in, dst, want, got, &ended);
    inflateEnd(&in.z);
    return status;
}

const char *gzip_library(bool running)
{
    return running ? zlibVersion() : ZLIB_VERSION;
}
