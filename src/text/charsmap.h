/* charsmap.h - SentencePiece's map of character sequences, which normalises a text: a trie and the texts it points at.
 *
 *   offset      size  meaning
 *   0           4     n, bytes of the trie, little-endian, a multiple of 4
 *   4           n     units of a double array (Darts-clone by Susumu Yata)
 *   4 + n             texts, each with a 0 behind it; a trie's value is where one begins
 *
 * Layer: text.  Depends on base.  Read next: charsmap.c, sentencepiece.c. */
#ifndef TEXT_CHARSMAP_H
#define TEXT_CHARSMAP_H

#include <taper/base.h>

typedef struct charsmap {
    const uint32_t *units;
    const char *texts;
    int64_t n_units, texts_size;
} charsmap;

/* The beginning of s[0, size) that the map knows, the longest or the shortest: its bytes, 0 if there is none, and what it becomes. */
int64_t charsmap_find(const charsmap *, const unsigned char *s, int64_t size, bool longest,
                      const char **text);

#endif
