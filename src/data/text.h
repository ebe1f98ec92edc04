/* text.h - what a run asks about a text's units.
 *
 * Layer: data.  Read next: text.c. */
#ifndef DATA_TEXT_H
#define DATA_TEXT_H

#include <taper/data.h>

/* The vocabulary entry of a character of `unit` among class names, as text.c names them; -1: none of them. */
int64_t text_token(const char *const *names, int64_t count, bool bytes, uint32_t code);

/* How many bytes of text the targets of all examples stand for; 0 of datasets of another kind. */
int64_t text_bytes(const tp_dataset *);

#endif
