/* vocabulary.c - tokens by name in a hash table.
 *
 * Layer: data.  Depends on folder.h, base/utf8.h.  Read next: vocabulary.h, pairs.c. */
#include "data/vocabulary.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *name, size_t length)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static bool is_name(const char *name, const char *text, size_t length)
{
    return !strncmp(name, text, length) && !name[length];
}

/* Where the name's token is, or would be. */
static int64_t *slot_of(const vocabulary *v, const char *name, size_t length)
{
    const uint64_t mask = (uint64_t)v->n_slots - 1;
    for (uint64_t i = hash_of(name, length) & mask;; i = (i + 1) & mask)
        if (v->slots[i] < 0 || is_name(vocabulary_name(v, v->slots[i]), name, length))
            return &v->slots[i];
}

/* A table of at least twice the names. */
static tp_status rehash(vocabulary *v, int64_t n_slots)
{
    int64_t *slots = tp_alloc((size_t)n_slots * sizeof *slots);
    if (!slots)
        return tp_error_pending();
    tp_free(v->slots, (size_t)v->n_slots * sizeof *v->slots);
    v->slots = slots;
    v->n_slots = n_slots;
    memset(slots, 0xff, (size_t)n_slots * sizeof *slots);
    for (int64_t i = 0; i < vocabulary_count(v); i++) {
        const char *name = vocabulary_name(v, i);
        *slot_of(v, name, strlen(name)) = i;
    }
    return TP_OK;
}

tp_status vocabulary_add(vocabulary *v, const char *name, size_t length)
{
    char text[256], *copy = length < sizeof text ? text : tp_alloc(length + 1);
    if (!copy || (2 * vocabulary_count(v) + 2 > v->n_slots && rehash(v, v->n_slots ? 2 * v->n_slots : 256)))
        return tp_error_pending();
    memcpy(copy, name, length);
    copy[length] = 0;
    int64_t *slot = slot_of(v, copy, strlen(copy));
    if (*slot < 0 && !names_add(&v->names, copy))
        *slot = vocabulary_count(v) - 1;
    if (copy != text)
        tp_free(copy, length + 1);
    return tp_error_pending();
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
    if (vocabulary_of(&sorted, names, count))
        vocabulary_free(&sorted);
    else {
        vocabulary_free(v);
        *v = sorted;
    }
    tp_free(names, bytes);
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
    return v->n_slots ? *slot_of(v, name, length) : -1;
}

void vocabulary_free(vocabulary *v)
{
    names_free(&v->names);
    tp_free(v->slots, (size_t)v->n_slots * sizeof *v->slots);
    *v = (vocabulary){ 0 };
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
