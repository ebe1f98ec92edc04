/* protobuf.c - protocol buffers field by field, read and written.
 *
 * Groups (wire types 3 and 4) are of a time before anything that is read here, and refused.
 * Layer: io.  Depends on base.  Read next: protobuf.h. */
#include "io/protobuf.h"

#include "base/error.h"

#include <string.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool wrong(const proto_in *in, int64_t at, const char *what)
{
    tp_fail(TP_ERR_FORMAT, "%s: byte %lld: %s", in->name, (long long)(in->base + at), what);
    return false;
}

static bool read_varint(proto_in *in, uint64_t *value)
{
    const int64_t begin = in->at;
    *value = 0;
    for (int shift = 0; in->at < in->size; shift += 7) {
        const unsigned char b = in->data[in->at++];
        if (shift == 63 && b > 1)
            return wrong(in, begin, "a varint of more than 64 bits");
        *value |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return true;
    }
    return wrong(in, begin, "the file ends within a varint");
}

static bool read_fixed(proto_in *in, int64_t bytes, uint64_t *value)
{
    if (in->size - in->at < bytes)
        return wrong(in, in->at, "the file ends within a number");
    *value = 0;
    for (int64_t i = 0; i < bytes; i++)
        *value |= (uint64_t)in->data[in->at + i] << 8 * i;
    in->at += bytes;
    return true;
}

bool proto_next(proto_in *in, proto_field *f)
{
    uint64_t key;
    if (tp_pending() || in->at >= in->size)
        return false;
    *f = (proto_field){ .begin = in->base + in->at };
    const int64_t begin = in->at;
    if (!read_varint(in, &key))
        return false;
    f->number = (uint32_t)(key >> 3);
    f->wire = (proto_wire)(key & 7);
    if (!(key >> 3) || key >> 32)
        return wrong(in, begin, "a field's number is not one from 1 to 2^29 - 1");
    switch (f->wire) {
    case PROTO_VARINT: return read_varint(in, &f->value);
    case PROTO_FIXED64: return read_fixed(in, 8, &f->value);
    case PROTO_FIXED32: return read_fixed(in, 4, &f->value);
    case PROTO_BYTES:
        if (!read_varint(in, &f->value))
            return false;
        if (f->value > (uint64_t)(in->size - in->at))
            return wrong(in, begin, "a field is longer than what is left of the file");
        f->data = in->data + in->at;
        f->size = (int64_t)f->value;
        in->at += f->size;
        return true;
    default: return wrong(in, begin, "a field of a wire type that is none of 0, 1, 2 and 5");
    }
}

proto_in proto_message(const proto_in *in, const proto_field *f)
{
    return (proto_in){ in->name, f->data, f->size, 0, in->base + (f->data - in->data) };
}

tp_status proto_want(const proto_in *in, const proto_field *f, proto_wire wire)
{
    static const char *const names[] = { "a number", "a number of 8 bytes", "bytes", "?",
                                         "?",        "a number of 4 bytes" };
    return f->wire == wire ? TP_OK
                           : tp_fail(TP_ERR_FORMAT, "%s: byte %lld: field %u is %s, %s is wanted", in->name,
                                     (long long)f->begin, f->number, names[f->wire], names[wire]);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t varint(unsigned char *to, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        to[n++] = (unsigned char)(value | 0x80);
    to[n++] = (unsigned char)value;
    return n;
}

static void put(file_bytes *out, const void *data, size_t size)
{
    if (!tp_pending())
        file_bytes_append(out, data, size);
}

static void put_key(file_bytes *out, uint32_t field, proto_wire wire)
{
    unsigned char key[10];
    put(out, key, varint(key, (uint64_t)field << 3 | wire));
}

static void put_fixed(file_bytes *out, uint64_t bits, size_t bytes)
{
    unsigned char little[8];
    for (size_t i = 0; i < bytes; i++)
        little[i] = (unsigned char)(bits >> 8 * i);
    put(out, little, bytes);
}

void proto_put_number(file_bytes *out, uint32_t field, uint64_t value)
{
    unsigned char bytes[10];
    put_key(out, field, PROTO_VARINT);
    put(out, bytes, varint(bytes, value));
}

static void put_real(file_bytes *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_fixed(out, bits, sizeof bits);
}

void proto_put_double(file_bytes *out, uint32_t field, double value)
{
    put_key(out, field, PROTO_FIXED64);
    put_real(out, value);
}

void proto_put_float(file_bytes *out, uint32_t field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(out, field, PROTO_FIXED32);
    put_fixed(out, bits, sizeof bits);
}

void proto_put_bytes(file_bytes *out, uint32_t field, const void *data, size_t size)
{
    unsigned char length[10];
    put_key(out, field, PROTO_BYTES);
    put(out, length, varint(length, size));
    put(out, data, size);
}

void proto_put_text(file_bytes *out, uint32_t field, const char *text)
{
    proto_put_bytes(out, field, text, strlen(text));
}

void proto_put_doubles(file_bytes *out, uint32_t field, const double *values, size_t n)
{
    size_t begun = proto_begin(out, field);
    for (size_t i = 0; i < n; i++)
        put_real(out, values[i]);
    proto_end(out, begun);
}

size_t proto_begin(file_bytes *out, uint32_t field)
{
    put_key(out, field, PROTO_BYTES);
    return out->size;
}

/* The length comes before what it is the length of, which moves up. */
void proto_end(file_bytes *out, size_t begun)
{
    unsigned char length[10];
    if (tp_pending())
        return;
    const size_t size = out->size - begun, n = varint(length, size);
    put(out, length, n);
    if (tp_pending())
        return;
    memmove(out->data + begun + n, out->data + begun, size);
    memcpy(out->data + begun, length, n);
}
