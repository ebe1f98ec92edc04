/* no_regex.c - regex.h in a build without PCRE2: a tokenizer that needs one fails with words.
 *
 * Layer: text.  Depends on base.  Read next: regex.h. */
#include "text/regex.h"

#include "base/error.h"

regex *regex_new(const char *where, const char *pattern)
{
    return tp_fail_null(TP_ERR_UNSUPPORTED, "%s: the pattern '%.100s' is unsupported: built without PCRE2",
                        where, pattern);
}

void regex_free(regex *r)
{
    (void)r;
}

void *regex_room(void)
{
    return tp_fail_null(TP_ERR_UNSUPPORTED, "tokenizer: patterns are unsupported: built without PCRE2");
}

void regex_room_free(void *room)
{
    (void)room;
}

tp_status regex_find(const regex *r, void *room, const unsigned char *text, int64_t size, int64_t at,
                     int64_t *begin, int64_t *end)
{
    (void)r, (void)room, (void)text, (void)size, (void)at, (void)begin;
    *end = -1;
    return tp_error_pending();
}

const char *regex_library(bool running)
{
    (void)running;
    return NULL;
}
