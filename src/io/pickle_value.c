/* pickle_value.c - questions to the values of a pickle.
 *
 * Layer: io.  Depends on pickle.h.  Read next: pickle.c. */
#include "io/pickle.h"

#include <string.h>

const char *pickle_kind_name(const pickle_value *v)
{
    static const char *const names[] = {
        [PICKLE_NONE] = "None",   [PICKLE_BOOL] = "a bool",   [PICKLE_INT] = "an integer",
        [PICKLE_LONG] = "a long", [PICKLE_REAL] = "a float",  [PICKLE_TEXT] = "a text",
        [PICKLE_BYTES] = "bytes", [PICKLE_TUPLE] = "a tuple", [PICKLE_LIST] = "a list",
        [PICKLE_DICT] = "a dict", [PICKLE_NAME] = "a name",   [PICKLE_MADE] = "an object",
        [PICKLE_MARK] = "a mark",
    };
    return names[v->kind];
}

bool pickle_is_text(const pickle_value *v, const char *text)
{
    return v->kind == PICKLE_TEXT && (size_t)v->length == strlen(text) &&
           !memcmp(v->text, text, strlen(text));
}

pickle_value *pickle_get(const pickle_value *dict, const char *key)
{
    if (dict->kind == PICKLE_DICT)
        for (int64_t i = dict->count; i > 0; i -= 2)
            if (pickle_is_text(dict->items[i - 2], key))
                return dict->items[i - 1];
    return NULL;
}

/* Bytes of the UTF-8 sequence at s, of which n are there; 0 if it is none. */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > n)
        return 0;
    uint32_t code = s[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

bool pickle_utf8(const pickle_value *v)
{
    size_t n = (size_t)v->length;
    for (size_t i = 0, length; i < n; i += length)
        if (!(length = utf8_length((const unsigned char *)v->text + i, n - i)))
            return false;
    return true;
}
