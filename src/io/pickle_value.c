/* pickle_value.c - questions to the values of a pickle.
 *
 * Layer: io.  Depends on pickle.h.  Read next: pickle.c. */
#include "io/pickle.h"

#include "base/utf8.h"

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

bool pickle_utf8(const pickle_value *v)
{
    size_t n = (size_t)v->length;
    uint32_t code;
    for (size_t i = 0, length; i < n; i += length)
        if (!(length = utf8_read((const unsigned char *)v->text + i, n - i, &code)))
            return false;
    return true;
}
