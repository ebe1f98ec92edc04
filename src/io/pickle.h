/* pickle.h - Python's pickles as plain values: numbers, texts, tuples, lists, dicts, and what a closed list of names makes.
 *
 * A pickle is a program for a small stack machine, and Python's own reader lets it import and call anything.  This one
 * calls nothing but the two functions of a pickle_world, which know every name they take; an opcode that is not in its
 * table is an error.  Limits: 2^26 bytes, 2^22 values.  Values live until pickle_close.
 * Layer: io.  Depends on file.h.  Read next: pickle.c, pth_names.c. */
#ifndef IO_PICKLE_H
#define IO_PICKLE_H

#include "io/file.h"

enum { PICKLE_MAX_BYTES = 1 << 26, PICKLE_MAX_VALUES = 1 << 22 };

typedef enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_LONG, /* an integer of more than 8 bytes, which lie in text, the lowest first */
    PICKLE_REAL,
    PICKLE_TEXT, /* UTF-8, with a NUL behind it */
    PICKLE_BYTES,
    PICKLE_TUPLE,
    PICKLE_LIST, /* or a set */
    PICKLE_DICT, /* items: key, value, key, value, ... */
    PICKLE_NAME, /* made by world->name */
    PICKLE_MADE, /* made by world->call or world->persistent; opaque here */
    PICKLE_MARK, /* never seen outside */
} pickle_kind;

typedef struct pickle_value {
    pickle_kind kind;
    int tag; /* NAME, MADE: the world's own */
    union {
        int64_t integer; /* BOOL: 0 or 1 */
        double real;
        int64_t length; /* of text */
        int64_t count;  /* of items */
    };
    union {
        const char *text;
        struct pickle_value **items;
        const void *made;
    };
    int64_t capacity; /* of a list's or dict's items */
} pickle_value;

typedef struct pickle pickle;

/* What may stand in a pickle besides plain values.  Each returns NULL with an error pending (pickle_fail) to refuse. */
typedef struct pickle_world {
    pickle_value *(*name)(pickle *, void *context, const char *module, const char *name);
    pickle_value *(*call)(pickle *, void *context, const pickle_value *function,
                          const pickle_value *arguments);
    pickle_value *(*persistent)(pickle *, void *context, const pickle_value *id);
} pickle_world;

pickle *pickle_open(const file_in *, int64_t at, const pickle_world *, void *context);
void pickle_close(pickle *); /* NULL is fine */

/* The next pickle of the file, from where the last one ended. */
pickle_value *pickle_load(pickle *);
int64_t pickle_at(const pickle *);     /* the byte behind what was loaded */
int64_t pickle_pushed(const pickle *); /* values so far */

/* ---- For a world ----------------------------------------------------------------------------------------------------- */

void *pickle_alloc(pickle *, size_t bytes); /* cleared; freed by pickle_close */
pickle_value *pickle_make(pickle *, pickle_kind);
tp_status pickle_append(pickle *, pickle_value *list, pickle_value *item);
tp_status pickle_fail(pickle *, tp_status, const char *format, ...)
    TP_PRINTF(3, 4); /* "<path>: byte <opcode's>: ..." */

/* ---- For who reads values -------------------------------------------------------------------------------------------- */

const char *pickle_kind_name(const pickle_value *); /* "a tuple" */
bool pickle_is_text(const pickle_value *, const char *text);
bool pickle_utf8(const pickle_value *); /* whether a text or bytes are UTF-8 */
pickle_value *pickle_get(const pickle_value *dict,
                         const char *key); /* the last of that key; NULL: none, or no dict */

#endif
