/* unicode.h - what Unicode's tables say about a character.
 *
 * A small interface of our own over utf8proc (unicode.c); a build without it (no_unicode.c) refuses tokenizers that ask.
 * Layer: text.  Depends on mapped.h.  Read next: unicode.c, normalise.c. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include "text/mapped.h"

bool unicode_there(void); /* with tables; without, only ASCII is known */

/* Sets of characters, by general category and a few properties. */
typedef bool character_set(uint32_t code);
bool is_white(uint32_t code);         /* White_Space */
bool is_word(uint32_t code);          /* \w: letters, marks, digits, connectors */
bool is_digit(uint32_t code);         /* Nd */
bool is_numeric(uint32_t code);       /* N* */
bool is_punctuation(uint32_t code);   /* ASCII's, and P* */
bool is_mark(uint32_t code);          /* M* */
bool is_nonspacing(uint32_t code);    /* Mn */
bool is_control(uint32_t code);       /* Cc, Cf, Co but tab and ends of lines */
static inline bool is_han(uint32_t c) /* the blocks that BERT calls Chinese characters */
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
           (c >= 0x2a700 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

uint32_t unicode_lower(uint32_t code); /* the simple form */

typedef enum unicode_form { NFC, NFD, NFKC, NFKD } unicode_form;
/* What is in text, in that form, to out; a character knows from which characters it is made. */
tp_status unicode_normalise(unicode_form, const mapped_text *text, mapped_text *out);

/* Where the grapheme cluster that begins at begin ends. */
int64_t grapheme_end(const unsigned char *s, int64_t begin, int64_t size);

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *unicode_library(bool running);

#endif
