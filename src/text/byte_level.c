/* byte_level.c - GPT-2's alphabet: each byte as a character that can be seen, so that any text is a text of 256 characters.
 *
 * Printable Latin-1 stands for itself, the 68 others for U+0100 and following, in order (Radford et al. 2019).
 * Layer: text.  Read next: split.c, decode.c. */
#include "text/tokenizer.h"

static bool is_shown(uint32_t b)
{
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
}

uint32_t byte_character(unsigned char b)
{
    if (is_shown(b))
        return b;
    return 0x100u + (b < '!' ? b : b < 0xa1 ? b - 0x7fu + 33 : 67u);
}

int byte_of_character(uint32_t code)
{
    if (code < 0x100)
        return is_shown(code) ? (int)code : -1;
    code -= 0x100;
    return code < 33 ? (int)code : code < 67 ? (int)code - 33 + 0x7f : code == 67 ? 0xad : -1;
}
