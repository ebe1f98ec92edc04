/* vocabulary.c - tokens by name, and texts cut into them.
 *
 * Layer: data.  Depends on text/pieces.h, base/utf8.h.  Read next: vocabulary.h, pairs.c. */
#include "data/vocabulary.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

tp_status vocabulary_add(vocabulary *v, const char *name, size_t length)
{
    return pieces_find(&v->pieces, name, (int64_t)length) >= 0
               ? TP_OK
               : pieces_add(&v->pieces, "vocabulary", v->pieces.count, name, (int64_t)length);
}

tp_status vocabulary_add_special(vocabulary *v)
{
    static const char *const names[] = { "<pad>", "<begin>", "<end>", "<unknown>" };
    for (int i = 0; i < TOKENS_SPECIAL; i++)
        vocabulary_add(v, names[i], strlen(names[i]));
    return tp_error_pending();
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

tp_status vocabulary_sort(vocabulary *v, int64_t first)
{
    const int64_t count = vocabulary_count(v);
    const size_t bytes = (size_t)(count ? count : 1) * sizeof(char *);
    const char **names = tp_alloc(bytes);
    vocabulary sorted = { 0 };
    if (!names)
        return tp_error_pending();
    for (int64_t i = 0; i < count; i++)
        names[i] = vocabulary_name(v, i);
    qsort(names + first, (size_t)(count - first), sizeof *names, by_bytes);
    vocabulary_of(&sorted, names, count);
    tp_free(names, bytes);
    vocabulary_free(tp_pending() ? &sorted : v);
    if (!tp_pending())
        *v = sorted;
    return tp_error_pending();
}

tp_status vocabulary_of(vocabulary *v, const char *const *names, int64_t count)
{
    for (int64_t i = 0; i < count && !tp_pending(); i++)
        vocabulary_add(v, names[i] ? names[i] : "", names[i] ? strlen(names[i]) : 0);
    return tp_error_pending();
}

int64_t vocabulary_find(const vocabulary *v, const char *name, size_t length)
{
    return pieces_find(&v->pieces, name, (int64_t)length);
}

void vocabulary_free(vocabulary *v)
{
    pieces_free(&v->pieces);
}

int64_t count_unknown(const int32_t *tokens, int64_t n)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        count += tokens[i] == TOKEN_UNKNOWN;
    return count;
}

int64_t token_next(token_unit unit, const char **text, const char *end)
{
    const char *at = *text;
    while (unit == UNIT_WORDS && at < end && *at == ' ')
        at++;
    *text = at;
    if (at == end)
        return 0;
    if (unit == UNIT_CHARS) {
        uint32_t code;
        const size_t length = utf8_read((const unsigned char *)at, (size_t)(end - at), &code);
        return length ? (int64_t)length : -1;
    }
    const char *blank = memchr(at, ' ', (size_t)(end - at));
    return (blank ? blank : end) - at;
}
