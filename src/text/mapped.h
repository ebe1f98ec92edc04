/* mapped.h - a text on its way through a tokenizer, which remembers where each of its bytes comes from.
 *
 * Layer: text.  Depends on base.  Read next: mapped.c, normalise.c, split.c. */
#ifndef TEXT_MAPPED_H
#define TEXT_MAPPED_H

#include <taper/base.h>

typedef struct text_span {
    int64_t begin, end;
} text_span;

typedef struct mapped_text {
    unsigned char *bytes;
    text_span *from; /* of each byte, in the text that the caller gave; NULL: nobody asks */
    int64_t size, room, from_room;
    bool follow; /* somebody asks */
} mapped_text;

void mapped_free(mapped_text *);
void mapped_clear(mapped_text *); /* empty, but with its room */
tp_status mapped_append(mapped_text *, const void *bytes, int64_t size,
                        text_span from); /* all from one span */
tp_status mapped_copy(mapped_text *, const mapped_text *, int64_t begin, int64_t end);

/* size bytes of a text whose first byte has offset begin there; a character's bytes all come from the character. */
tp_status mapped_begin(mapped_text *, const void *bytes, int64_t size, int64_t begin);

/* The part of the caller's text that bytes [begin, end) come from: normal forms may have put marks into another order.  Of no bytes it is the
 * place in front of the next one. */
text_span mapped_from(const mapped_text *, int64_t begin, int64_t end);

/* ---- pieces of it ---- */

typedef struct span_list {
    text_span *items;
    int64_t count, room;
} span_list;

tp_status spans_add(span_list *, int64_t begin, int64_t end);
void spans_free(span_list *);

/* ---- characters: the text is known to be UTF-8 ---- */

static inline int64_t character_bytes(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static inline uint32_t character_at(const unsigned char *s)
{
    return *s < 0x80   ? *s
           : *s < 0xe0 ? (uint32_t)(*s & 31) << 6 | (s[1] & 63)
           : *s < 0xf0 ? (uint32_t)(*s & 15) << 12 | (uint32_t)(s[1] & 63) << 6 | (s[2] & 63)
                       : (uint32_t)(*s & 7) << 18 | (uint32_t)(s[1] & 63) << 12 | (uint32_t)(s[2] & 63) << 6 |
                             (s[3] & 63);
}

/* The first byte that is no UTF-8; size: all of it is. */
int64_t utf8_valid(const void *bytes, int64_t size);

#endif
