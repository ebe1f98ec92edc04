/* scan.c - numbers and texts behind their keys.
 *
 * Layer: cli.  Depends on libc only.  Read next: inspect_run.c, watch.c. */
#include "cli/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *scan_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

const char *scan_string(const char *p, char *text, size_t room)
{
    size_t n = 0;
    for (p++; *p && *p != '"'; p++) {
        char c = *p;
        if (c == '\\' && p[1]) {
            c = *++p;
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'u' ? '?' : c;
            if (*p == 'u')
                p += strnlen(p + 1, 4);
        }
        if (n + 1 < room)
            text[n++] = c;
    }
    text[n] = 0;
    return *p == '"' ? p + 1 : NULL;
}

/* Where the value of a key begins; NULL: nowhere. */
static const char *value_of(const char *line, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *p = strstr(line, quoted);
    p = p ? scan_blanks(p + strlen(quoted)) : NULL;
    return p && *p == ':' ? scan_blanks(p + 1) : NULL;
}

double scan_number(const char *line, const char *key)
{
    const char *p = value_of(line, key);
    return p && *p && strchr("-0123456789", *p) ? strtod(p, NULL) : NAN;
}

bool scan_text(const char *line, const char *key, char *text, size_t room)
{
    const char *p = value_of(line, key);
    return p && *p == '"' && scan_string(p, text, room);
}
