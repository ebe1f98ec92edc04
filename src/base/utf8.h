/* utf8.h - one character of UTF-8.
 *
 * Layer: base.  Read next: utf8.c. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MOST = 4, UTF8_REPLACEMENT = 0xfffd };

/* The character at s, of whose bytes n > 0 are there; its bytes, or 0 if they are no UTF-8 (too long forms and surrogates are not). */
size_t utf8_read(const unsigned char *s, size_t n, uint32_t *code);

/* Writes the character and a 0 behind it; its bytes. */
size_t utf8_write(char text[UTF8_MOST + 1], uint32_t code);

#endif
