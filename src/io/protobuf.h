/* protobuf.h - reading protocol buffers field by field (https://protobuf.dev/programming-guides/encoding).
 *
 * Layer: io.  Depends on base.  Read next: protobuf.c, text/sentencepiece.c. */
#ifndef IO_PROTOBUF_H
#define IO_PROTOBUF_H

#include <taper/base.h>

typedef struct proto_in {
    const char *name; /* begins every error */
    const unsigned char *data;
    int64_t size, at;
    int64_t base; /* where data begins in the file, for errors */
} proto_in;

typedef enum proto_wire {
    PROTO_VARINT = 0,
    PROTO_FIXED64 = 1,
    PROTO_BYTES = 2,
    PROTO_FIXED32 = 5
} proto_wire;

typedef struct proto_field {
    uint32_t number;
    proto_wire wire;
    uint64_t value;            /* of a number, as its bits */
    const unsigned char *data; /* of bytes, a text or a message */
    int64_t size;
    int64_t begin; /* where the field begins in the file */
} proto_field;

/* The next field; false at the end, and with an error pending where the bytes are none. */
bool proto_next(proto_in *, proto_field *);

/* The fields inside of a field. */
proto_in proto_message(const proto_in *, const proto_field *);

/* Fails unless the field is of that kind. */
tp_status proto_want(const proto_in *, const proto_field *, proto_wire);

#endif
