/* utf8.c - reading and writing characters as RFC 3629 has them.
 *
 * Layer: base.  Read next: utf8.h. */
#include "base/utf8.h"

size_t utf8_read(const unsigned char *s, size_t n, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    *code = s[0];
    if (s[0] < 0x80)
        return 1;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > n)
        return 0;
    uint32_t found = s[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        found = found << 6 | (s[i] & 0x3f);
    }
    *code = found;
    return found < least[length] || found > 0x10ffff || (found >= 0xd800 && found < 0xe000) ? 0 : length;
}

size_t utf8_write(char text[UTF8_MOST + 1], uint32_t code)
{
    const size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    text[length] = 0;
    for (size_t i = length; i-- > 1; code >>= 6)
        text[i] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(lead[length] | code);
    return length;
}
