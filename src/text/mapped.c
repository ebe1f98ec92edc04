/* mapped.c - a text on its way through a tokenizer, which remembers where each of its bytes comes from.
 *
 * Layer: text.  Depends on base/memory.h, base/utf8.h.  Read next: mapped.h. */
#include "text/mapped.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

void mapped_free(mapped_text *t)
{
    tp_free(t->bytes, (size_t)t->room);
    tp_free(t->from, (size_t)t->from_room * sizeof *t->from);
    *t = (mapped_text){ .follow = t->follow };
}

void mapped_clear(mapped_text *t)
{
    t->size = 0;
}

static tp_status reserve(mapped_text *t, int64_t size)
{
    if (tp_grow((void **)&t->bytes, &t->room, t->size + size, 1))
        return tp_error_pending();
    return t->follow ? tp_grow((void **)&t->from, &t->from_room, t->size + size, sizeof *t->from) : TP_OK;
}

tp_status mapped_append(mapped_text *t, const void *bytes, int64_t size, text_span from)
{
    if (reserve(t, size))
        return tp_error_pending();
    if (size)
        memcpy(t->bytes + t->size, bytes, (size_t)size);
    for (int64_t i = 0; t->follow && i < size; i++)
        t->from[t->size + i] = from;
    t->size += size;
    return TP_OK;
}

tp_status mapped_copy(mapped_text *t, const mapped_text *source, int64_t begin, int64_t end)
{
    if (end <= begin)
        return TP_OK;
    if (reserve(t, end - begin))
        return tp_error_pending();
    memcpy(t->bytes + t->size, source->bytes + begin, (size_t)(end - begin));
    if (t->follow)
        memcpy(t->from + t->size, source->from + begin, (size_t)(end - begin) * sizeof *t->from);
    t->size += end - begin;
    return TP_OK;
}

tp_status mapped_begin(mapped_text *t, const void *bytes, int64_t size, int64_t begin)
{
    const unsigned char *s = bytes;
    mapped_clear(t);
    if (!t->follow)
        return mapped_append(t, bytes, size, (text_span){ 0, 0 });
    for (int64_t i = 0, n; i < size; i += n) {
        n = character_bytes(s[i]);
        if (mapped_append(t, s + i, n, (text_span){ begin + i, begin + i + n }))
            return tp_error_pending();
    }
    return TP_OK;
}

text_span mapped_from(const mapped_text *t, int64_t begin, int64_t end)
{
    if (!t->follow || !t->size)
        return (text_span){ 0, 0 };
    if (begin >= end) {
        const int64_t place = begin < t->size ? t->from[begin].begin : t->from[t->size - 1].end;
        return (text_span){ place, place };
    }
    text_span all = t->from[begin];
    for (int64_t i = begin + 1; i < end; i++) {
        all.begin = t->from[i].begin < all.begin ? t->from[i].begin : all.begin;
        all.end = t->from[i].end > all.end ? t->from[i].end : all.end;
    }
    return all;
}

tp_status spans_add(span_list *list, int64_t begin, int64_t end)
{
    if (tp_grow((void **)&list->items, &list->room, list->count + 1, sizeof *list->items))
        return tp_error_pending();
    list->items[list->count++] = (text_span){ begin, end };
    return TP_OK;
}

void spans_free(span_list *list)
{
    tp_free(list->items, (size_t)list->room * sizeof *list->items);
    *list = (span_list){ 0 };
}

int64_t utf8_valid(const void *bytes, int64_t size)
{
    const unsigned char *s = bytes;
    uint32_t code;
    for (int64_t i = 0; i < size;) {
        if (s[i] < 0x80) {
            i++;
            continue;
        }
        size_t n = utf8_read(s + i, (size_t)(size - i), &code);
        if (!n)
            return i;
        i += (int64_t)n;
    }
    return size;
}
