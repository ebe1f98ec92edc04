/* unicode.c - what Unicode's tables say about a character, by utf8proc.
 *
 * Normalisation is written out over single characters, because a tokenizer has to know where each one comes from.
 * Layer: text.  Depends on utf8proc.  Read next: unicode.h. */
#include "text/unicode.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <utf8proc.h>

bool unicode_there(void)
{
    return true;
}

/* ---- sets -------------------------------------------------------------------------------------------------------- */

static bool in_category(uint32_t code, uint32_t categories)
{
    return categories >> utf8proc_category((utf8proc_int32_t)code) & 1;
}

#define SET(name) 1u << UTF8PROC_CATEGORY_##name

bool is_white(uint32_t code)
{
    return (code >= 9 && code <= 13) || code == 0x85 || in_category(code, SET(ZS) | SET(ZL) | SET(ZP));
}

/* Alphabetic is letters, letter-like numbers, most marks, and circled and squared letters. */
bool is_word(uint32_t code)
{
    return in_category(code, SET(LU) | SET(LL) | SET(LT) | SET(LM) | SET(LO) | SET(MN) | SET(MC) | SET(ME) |
                                 SET(ND) | SET(NL) | SET(PC)) ||
           (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
           (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
}

bool is_digit(uint32_t code)
{
    return in_category(code, SET(ND));
}

bool is_numeric(uint32_t code)
{
    return in_category(code, SET(ND) | SET(NL) | SET(NO));
}

bool is_punctuation(uint32_t code)
{
    if (code < 0x80)
        return code > ' ' && code < 0x7f && !((code | 32) >= 'a' && (code | 32) <= 'z') &&
               !(code >= '0' && code <= '9');
    return in_category(code, SET(PC) | SET(PD) | SET(PS) | SET(PE) | SET(PI) | SET(PF) | SET(PO));
}

bool is_mark(uint32_t code)
{
    return in_category(code, SET(MN) | SET(MC) | SET(ME));
}

bool is_nonspacing(uint32_t code)
{
    return in_category(code, SET(MN));
}

bool is_control(uint32_t code)
{
    return code != '\t' && code != '\n' && code != '\r' && in_category(code, SET(CC) | SET(CF) | SET(CO));
}

uint32_t unicode_lower(uint32_t code)
{
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)code);
}

/* ---- normal forms (Unicode Standard Annex 15) ---------------------------------------------------------------------- */

typedef struct character {
    utf8proc_int32_t code;
    int class;     /* canonical combining class */
    int64_t order; /* as it came */
    text_span from;
} character;

typedef struct characters { /* from a starter up to where the next one is safe */
    character *items;
    int64_t count, room;
} characters;

static tp_status decompose(characters *list, uint32_t code, text_span from, int options)
{
    enum { MOST = 32 };
    utf8proc_int32_t parts[MOST];
    int boundary = 0;
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)code, parts, MOST, (utf8proc_option_t)options, &boundary);
    if (n < 0 || n > MOST)
        parts[0] = (utf8proc_int32_t)code, n = 1;
    if (tp_grow((void **)&list->items, &list->room, list->count + n, sizeof *list->items))
        return tp_error_pending();
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        int class = utf8proc_get_property(parts[i])->combining_class;
        list->items[list->count] = (character){ parts[i], class, list->count, from };
        list->count++;
    }
    return TP_OK;
}

static int by_class(const void *a, const void *b)
{
    const character *x = a, *y = b;
    return x->class != y->class ? x->class - y->class : (x->order > y->order) - (x->order < y->order);
}

/* Marks between two starters go into the order of their classes, equal ones as they came. */
static void order_marks(characters *list)
{
    for (int64_t i = 0, n; i < list->count; i += n) {
        bool sorted = true;
        for (n = 1; list->items[i].class && i + n < list->count && list->items[i + n].class; n++)
            sorted = sorted && list->items[i + n - 1].class <= list->items[i + n].class;
        if (!sorted)
            qsort(list->items + i, (size_t)n, sizeof *list->items, by_class);
    }
}

/* The character that two make together, or -1. */
static utf8proc_int32_t pair(utf8proc_int32_t a, utf8proc_int32_t b)
{
    utf8proc_int32_t both[2] = { a, b };
    if (a < 0x80 && b < 0x300)
        return -1;
    return utf8proc_normalize_utf32(both, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1 ? both[0] : -1;
}

static text_span join(text_span a, text_span b)
{
    return (text_span){ a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end };
}

/* A mark is joined to the last starter unless one of its class, or a starter, stands between. */
static void compose(characters *list)
{
    int64_t starter = -1, kept = 0;
    int last = 0;
    for (int64_t i = 0; i < list->count; i++) {
        character c = list->items[i];
        bool near = starter >= 0 && (kept - 1 == starter || last < c.class);
        utf8proc_int32_t both = near ? pair(list->items[starter].code, c.code) : -1;
        if (both >= 0) {
            list->items[starter].code = both;
            list->items[starter].from = join(list->items[starter].from, c.from);
            continue;
        }
        if (!c.class)
            starter = kept;
        last = c.class;
        list->items[kept++] = c;
    }
    list->count = kept;
}

static tp_status put_characters(characters *list, bool composed, mapped_text *out)
{
    char bytes[UTF8_MOST + 1];
    order_marks(list);
    if (composed)
        compose(list);
    for (int64_t i = 0; i < list->count; i++) {
        size_t n = utf8_write(bytes, (uint32_t)list->items[i].code);
        if (mapped_append(out, bytes, (int64_t)n, list->items[i].from))
            return tp_error_pending();
    }
    list->count = 0;
    return TP_OK;
}

/* Pieces end before ASCII, which joins nothing in front of it and is changed by nothing but marks behind it. */
tp_status unicode_normalise(unicode_form form, const mapped_text *text, mapped_text *out)
{
    const bool composed = form == NFC || form == NFKC;
    const int options =
        UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (form == NFKC || form == NFKD ? UTF8PROC_COMPAT : 0);
    characters list = { 0 };
    tp_status status = TP_OK;
    for (int64_t i = 0, n; i < text->size && !status; i += n) {
        n = character_bytes(text->bytes[i]);
        if (text->bytes[i] < 0x80)
            status = put_characters(&list, composed, out);
        if (!status)
            status = decompose(&list, character_at(text->bytes + i), mapped_from(text, i, i + n), options);
    }
    if (!status)
        status = put_characters(&list, composed, out);
    tp_free(list.items, (size_t)list.room * sizeof *list.items);
    return status;
}

int64_t grapheme_end(const unsigned char *s, int64_t begin, int64_t size)
{
    utf8proc_int32_t state = 0;
    int64_t at = begin + character_bytes(s[begin]);
    for (uint32_t before = character_at(s + begin), code; at < size; before = code) {
        code = character_at(s + at);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)code, &state))
            break;
        at += character_bytes(s[at]);
    }
    return at;
}

const char *unicode_library(bool running)
{
    static char compiled[40];
    snprintf(compiled, sizeof compiled, "%d.%d.%d", UTF8PROC_VERSION_MAJOR, UTF8PROC_VERSION_MINOR,
             UTF8PROC_VERSION_PATCH);
    return running ? utf8proc_version() : compiled;
}
