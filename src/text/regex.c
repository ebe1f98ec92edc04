/* regex.c - regular expressions over UTF-8, by PCRE2.
 *
 * PCRE2's \s and \w differ from Oniguruma's in a few characters (U+180E is no white space, marks are parts of words), so
 * they are written out as classes.  A pattern that backtracks without end is stopped and is an error.
 * Layer: text.  Depends on PCRE2.  Read next: regex.h. */
#include "text/regex.h"

#include "base/error.h"
#include "base/memory.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

enum { MATCH_STEPS = 1000000, HEAP_KIB = 16384, MAX_PATTERN = 4096, WIDEST_CLASS = 200 };

struct regex {
    pcre2_code *code;
    pcre2_match_context *context;
};

static const char white[] =
    "\\x09-\\x0d\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";
static const char word[] = "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}"
                           "\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}";
static const char fractions[] = "\\xb2\\xb3\\xb9\\xbc-\\xbe"; /* are in \\w, but not in [\\w] */

/* What Oniguruma and PCRE2 read differently: (?m) and (?s), \h, {,n}, sets in sets and &&. */
static bool means_something_else(const char *p, int depth)
{
    if (!strncmp(p, "(?", 2)) {
        size_t flags = strspn(p + 2, "imsx-");
        return strcspn(p + 2, "ms") < flags;
    }
    return !strncmp(p, "\\h", 2) || !strncmp(p, "\\H", 2) || (!depth && !strncmp(p, "{,", 2)) ||
           (depth && (!strncmp(p, "&&", 2) || (*p == '[' && p[1] != ':')));
}

/* \p{Han} is a script; unmarked, PCRE2 would also take what is used with it. */
static char *translate_property(char *to, const char *p)
{
    size_t letters = strspn(p + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
    bool script = letters > 2 && p[3 + letters] == '}' && strncmp(p + 3, "Any}", 4) != 0;
    return to + sprintf(to, "%.3s%s", p, script && PCRE2_MINOR >= 40 ? "sc:" : "");
}

/* The pattern with \s, \S, \w, \W written out (within a class \S and \W cannot be, and stay as PCRE2 has them); where it
 * cannot be kept, the place. */
static const char *translate(char *to, const char *pattern)
{
    int depth = 0;
    for (const char *p = pattern; *p; p++) {
        const char *set = *p != '\\' ? NULL : (p[1] | 32) == 's' ? white : (p[1] | 32) == 'w' ? word : NULL;
        if (means_something_else(p, depth))
            return p;
        if (set && !(depth && p[1] < 'a')) {
            to += sprintf(to, depth ? "%s%s%s%s" : "[%s%s%s%s", p[1] < 'a' ? "^" : "", set,
                          !depth && set == word ? fractions : "", depth ? "" : "]");
            p++;
            continue;
        }
        if (!strncmp(p, "\\p{", 3) || !strncmp(p, "\\P{", 3)) {
            to = translate_property(to, p);
            p += 2;
            continue;
        }
        if (*p == '\\' && p[1])
            *to++ = *p++;
        else
            depth += *p == '[' ? 1 : *p == ']' && depth ? -1 : 0;
        *to++ = *p;
    }
    *to = 0;
    return NULL;
}

static regex *compile(const char *where, const char *pattern, char *room)
{
    int error;
    PCRE2_SIZE at;
    PCRE2_UCHAR text[256];
    const char *bad = translate(room, pattern);
    if (bad)
        return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: the pattern '%.200s': '%.3s' at byte %d is unsupported",
                            where, pattern, bad, (int)(bad - pattern));
    regex *r = tp_calloc(sizeof *r);
    if (!r)
        return NULL;
    r->context = pcre2_match_context_create(NULL);
    r->code = pcre2_compile((PCRE2_SPTR)room, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE,
                            &error, &at, NULL);
    if (!r->context || !r->code) {
        pcre2_get_error_message(error, text, sizeof text);
        tp_fail(r->context ? TP_ERR_FORMAT : TP_ERR_MEMORY, "%s: the pattern '%.200s': %s", where, pattern,
                r->context ? (char *)text : "out of memory");
        regex_free(r);
        return NULL;
    }
    pcre2_set_match_limit(r->context, MATCH_STEPS);
    pcre2_set_heap_limit(r->context, HEAP_KIB);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* where it cannot be, the pattern is interpreted */
    return r;
}

regex *regex_new(const char *where, const char *pattern)
{
    size_t length = strlen(pattern), size = (length / 2 + 1) * (WIDEST_CLASS + 2) + length + 1;
    if (length > MAX_PATTERN)
        return tp_fail_null(TP_ERR_FORMAT, "%s: a pattern of %zu bytes, at most %d are wanted", where, length,
                            MAX_PATTERN);
    char *room = tp_alloc(size);
    regex *r = room ? compile(where, pattern, room) : NULL;
    tp_free(room, size);
    return r;
}

void regex_free(regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->context);
    pcre2_code_free(r->code);
    tp_free(r, sizeof *r);
}

void *regex_room(void)
{
    void *room = pcre2_match_data_create(1, NULL);
    return room ? room : tp_fail_null(TP_ERR_MEMORY, "tokenizer: out of memory");
}

void regex_room_free(void *room)
{
    pcre2_match_data_free(room);
}

tp_status regex_find(const regex *r, void *room, const unsigned char *text, int64_t size, int64_t at,
                     int64_t *begin, int64_t *end)
{
    pcre2_match_data *found = room;
    *end = -1;
    int n =
        pcre2_match(r->code, text, (PCRE2_SIZE)size, (PCRE2_SIZE)at, PCRE2_NO_UTF_CHECK, found, r->context);
    if (n == PCRE2_ERROR_NOMATCH)
        return TP_OK;
    if (n < 0)
        return tp_fail(
            TP_ERR_UNSUPPORTED,
            "tokenizer: its regular expression needs more than %d steps at byte %lld of a piece of %lld "
            "bytes",
            MATCH_STEPS, (long long)at, (long long)size);
    const PCRE2_SIZE *pair = pcre2_get_ovector_pointer(found);
    *begin = (int64_t)pair[0];
    *end = (int64_t)pair[1];
    return TP_OK;
}

const char *regex_library(bool running)
{
    static char versions[2][64];
    if (running)
        pcre2_config(PCRE2_CONFIG_VERSION, versions[1]);
    else
        snprintf(versions[0], sizeof versions[0], "%d.%d", PCRE2_MAJOR, PCRE2_MINOR);
    return versions[running];
}
