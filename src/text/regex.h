/* regex.h - regular expressions over UTF-8.
 *
 * A small interface of our own over PCRE2 (regex.c); a build without it (no_regex.c) refuses tokenizers that need one.
 * Patterns are meant as Oniguruma reads them (tokenizer.json): \s, \w and \d are Unicode's.
 * Layer: text.  Depends on base.  Read next: regex.c, split.c. */
#ifndef TEXT_REGEX_H
#define TEXT_REGEX_H

#include <taper/base.h>

typedef struct regex regex;

regex *regex_new(const char *where, const char *pattern); /* NULL with an error pending: "where: ..." */
void regex_free(regex *);                                 /* NULL is fine */

/* Room for the place of a match; one a thread, NULL with an error pending. */
void *regex_room(void);
void regex_room_free(void *);

/* The first match in text[at, size), which is UTF-8; what stands before `at` can be looked back at.  end < 0: there is none. */
tp_status regex_find(const regex *, void *room, const unsigned char *text, int64_t size, int64_t at,
                     int64_t *begin, int64_t *end);

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *regex_library(bool running);

#endif
