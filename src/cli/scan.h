/* scan.h - a little JSON read: the lines and files that the library itself has written.
 *
 * The library reads JSON for itself; numbers of flat lines and texts of a known object need no more than this, which finds nothing
 * where a text is not well formed.  What others send is read by a whole parser (http_answer.c).
 * Layer: cli.  Depends on libc only.  Read next: scan.c. */
#ifndef CLI_SCAN_H
#define CLI_SCAN_H

#include <stdbool.h>
#include <stddef.h>

const char *scan_blanks(const char *);

/* The string that begins at the quote p, into text with its simple escapes undone; returns what follows, NULL if it does not end. */
const char *scan_string(const char *p, char *text, size_t room);

double scan_number(const char *line, const char *key); /* behind the first "key":; NaN if there is none */
bool scan_text(const char *line, const char *key, char *text,
               size_t room); /* the same; false: there is none */

#endif
