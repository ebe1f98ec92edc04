/* no_unicode.c - unicode.h in a build without utf8proc: ASCII alone is known.
 *
 * Whoever needs more asks unicode_there() and fails with words.  Layer: text.  Read next: unicode.h. */
#include "text/unicode.h"

#include "base/error.h"

bool unicode_there(void)
{
    return false;
}
bool is_white(uint32_t code)
{
    return (code >= 9 && code <= 13) || code == ' ';
}
bool is_digit(uint32_t code)
{
    return code >= '0' && code <= '9';
}
bool is_numeric(uint32_t code)
{
    return is_digit(code);
}
static bool is_letter(uint32_t code)
{
    return (code | 32) >= 'a' && (code | 32) <= 'z';
}
bool is_word(uint32_t code)
{
    return is_letter(code) || is_digit(code) || code == '_';
}
bool is_punctuation(uint32_t code)
{
    return code > ' ' && code < 0x7f && !is_letter(code) && !is_digit(code);
}
bool is_mark(uint32_t code)
{
    (void)code;
    return false;
}
bool is_nonspacing(uint32_t code)
{
    return is_mark(code);
}
bool is_control(uint32_t code)
{
    return (code < ' ' && code != '\t' && code != '\n' && code != '\r') || code == 0x7f;
}
uint32_t unicode_lower(uint32_t code)
{
    return code >= 'A' && code <= 'Z' ? code | 32 : code;
}

tp_status unicode_normalise(unicode_form form, const mapped_text *text, mapped_text *out)
{
    (void)form, (void)text, (void)out;
    return tp_fail(TP_ERR_UNSUPPORTED, "tokenizer: normal forms are unsupported: built without utf8proc");
}

int64_t grapheme_end(const unsigned char *s, int64_t begin, int64_t size)
{
    (void)size;
    return begin + character_bytes(s[begin]);
}

const char *unicode_library(bool running)
{
    (void)running;
    return NULL;
}
