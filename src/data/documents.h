/* documents.h - the texts that a language is learned from.
 *
 * Layer: data.  Depends on io/file.h.  Read next: documents.c, text.c. */
#ifndef DATA_DOCUMENTS_H
#define DATA_DOCUMENTS_H

#include "io/file.h"

#include <taper/data.h>

typedef struct document {
    int64_t begin, end; /* in the bytes of all */
    uint64_t order;     /* by which it is decided what is held out */
    bool test;
} document;

typedef struct documents {
    char *name; /* of the file or folder, without the path to it */
    file_bytes text;
    document *items;
    int64_t count, room;
    bool packed; /* many, of which whole ones are held out; otherwise the two parts of one text */
} documents;

/* What path holds: a file or folder as tp_text_options tells.  Texts are UTF-8 afterwards, unless they are to be bytes; newline:
 * each of many documents ends with one.  On failure nothing needs to be freed. */
tp_status documents_read(documents *, const char *path, const tp_text_options *, bool newline);
void documents_free(documents *);

/* The same of a file's bytes, which are taken; path is its name. */
tp_status documents_from(documents *, const char *path, file_bytes *, const tp_text_options *, bool newline);

#endif
