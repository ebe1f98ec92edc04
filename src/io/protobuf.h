/* protobuf.h - protocol buffers field by field, read and written (https://protobuf.dev/programming-guides/encoding).
 *
 * Layer: io.  Depends on base.  Read next: protobuf.c, text/sentencepiece.c, train/board.c. */
#ifndef IO_PROTOBUF_H
#define IO_PROTOBUF_H

#include "io/file.h"

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

/* ---- Writing: a field at the end of the bytes; what fails leaves an error pending, and the rest does nothing ------ */

void proto_put_number(file_bytes *, uint32_t field, uint64_t); /* of any integer or enumeration */
void proto_put_double(file_bytes *, uint32_t field, double);
void proto_put_float(file_bytes *, uint32_t field, float);
void proto_put_bytes(file_bytes *, uint32_t field, const void *data, size_t size);
void proto_put_text(file_bytes *, uint32_t field, const char *);
void proto_put_doubles(file_bytes *, uint32_t field, const double *, size_t n); /* packed */

/* A message: what is put before its end lies in it.  Messages nest. */
size_t proto_begin(file_bytes *, uint32_t field);
void proto_end(file_bytes *, size_t begun);

#endif
