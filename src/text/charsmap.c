/* charsmap.c - SentencePiece's map of character sequences.
 *
 * A unit of the double array holds: bits 0-7 its label; bit 8, a value hangs below; bits 10-30 the offset to its children, 256 times
 * that when bit 9 is set; a leaf has bit 31 and its value in the others.  Every place is checked, as the file may say anything.
 * Layer: text.  Depends on tokenizer.h.  Read next: charsmap.h. */
#include "text/charsmap.h"

#include "base/error.h"
#include "text/tokenizer.h"

#include <string.h>

static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

int64_t charsmap_find(const charsmap *m, const unsigned char *s, int64_t size, bool longest,
                      const char **text)
{
    int64_t found = 0;
    uint32_t at = offset_of(m->units[0]);
    for (int64_t i = 0; i < size && (longest || !found); i++) {
        at ^= s[i];
        if (at >= m->n_units || (m->units[at] & (1u << 31 | 0xff)) != s[i])
            break;
        const uint32_t unit = m->units[at];
        at ^= offset_of(unit);
        if (!(unit >> 8 & 1) || at >= m->n_units)
            continue;
        const int64_t value = m->units[at] & ~(1u << 31);
        if (value < m->texts_size) {
            *text = m->texts + value;
            found = i + 1;
        }
    }
    return found;
}

tp_status read_charsmap(loader *l, const unsigned char *blob, int64_t size)
{
    uint32_t bytes = 0;
    if (size >= 4)
        memcpy(&bytes, blob, 4);
    if (bytes < 4 || bytes % 4 || bytes > size - 4 || (bytes + 4 < size && blob[size - 1]))
        return tp_fail(
            TP_ERR_FORMAT,
            "%s: a map of characters of %lld bytes that gives %u to its trie: cut off or malformed", l->path,
            (long long)size, bytes);
    charsmap *m = arena_alloc(&l->t->memory, sizeof *m);
    unsigned char *copy = m ? arena_alloc(&l->t->memory, (size_t)size) : NULL;
    if (!copy)
        return tp_error_pending();
    memcpy(copy, blob + 4, (size_t)size - 4);
    *m =
        (charsmap){ (const uint32_t *)(void *)copy, (const char *)copy + bytes, bytes / 4, size - 4 - bytes };
    if (offset_of(m->units[0]) >= m->n_units)
        return tp_fail(TP_ERR_FORMAT, "%s: the root of its map of characters points at unit %u of %lld",
                       l->path, offset_of(m->units[0]), (long long)m->n_units);
    for (int64_t i = 0; i < m->texts_size;) {
        const int64_t length = (int64_t)strlen(m->texts + i);
        if (utf8_valid(m->texts + i, length) < length)
            return tp_fail(TP_ERR_FORMAT, "%s: a text in its map of characters is no UTF-8", l->path);
        i += length + 1;
    }
    l->t->map = m;
    return TP_OK;
}
