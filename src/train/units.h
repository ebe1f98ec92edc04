/* units.h - what the numbers of a language model stand for: characters, bytes, or the tokens of a tokenizer.
 *
 * Layer: train.  Depends on config.h, taper/text.h.  Read next: units.c, generate.c. */
#ifndef TRAIN_UNITS_H
#define TRAIN_UNITS_H

#include "train/config.h"

#include <taper/text.h>

/* The run's own copy of its tokenizer, folder/tokenizer: nobody else's is there yet; it is made; it is taken away again.  Of a run without
 * a tokenizer nothing is done. */
tp_status tokenizer_check(const setup *, const char *folder);
tp_status tokenizer_keep(const setup *, const char *folder);
void tokenizer_drop(const setup *, const char *folder);

typedef struct units {
    const setup *setup;
    tp_tokenizer *tokenizer; /* NULL: characters or bytes */
    bool bytes;
    int64_t *read, n_read; /* what units_read made */
    size_t read_room;
    int32_t *tail; /* the last tokens of the text, see units.c */
    int64_t n_tail, tail_room, whole;
    char *text; /* theirs */
    int64_t text_room, told;
} units;

tp_status units_open(units *, const setup *);
tp_status units_open_tokenizer(units *, tp_tokenizer *); /* of no run */
void units_close(units *);

/* The numbers of a text to go on with, at least one, into read; NULL or "": of what stands before a text.  what begins an error's text:
 * "generate". */
tp_status units_read(units *, const char *what, const char *prompt);

/* Whether a text ends with this one. */
bool units_end(const units *, int64_t unit);
int64_t units_end_unit(const units *); /* that one; -1: there is none */

/* Tells of what the text gains by one more: whole characters, or where units are bytes, bytes.  What is not UTF-8 becomes U+FFFD as soon as
 * that is certain; half a character waits for its other half.  False: enough. */
bool units_tell(units *, int64_t unit, tp_generate_fn *told, void *context);

#endif
