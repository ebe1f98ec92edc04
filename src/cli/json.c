/* json.c - a small writer of JSON to standard output.
 *
 * The command line prints few and simple documents, so it needs no library for them.
 * Layer: cli.  Depends on libc only.  Read next: models.c, which uses most of it. */
#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { DEEPEST = 16 };

static int lines = 3; /* below so many levels a value stays on its line */

static struct {
    char close[DEEPEST];
    bool filled[DEEPEST];
    int depth;
} now_in;

/* Bytes of the UTF-8 sequence at p, 0 if it is none. */
static int sequence(const unsigned char *p)
{
    int n = *p < 0x80                 ? 1
            : *p >= 0xc2 && *p < 0xe0 ? 2
            : *p >= 0xe0 && *p < 0xf0 ? 3
            : *p >= 0xf0 && *p < 0xf5 ? 4
                                      : 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = n >= 3 && ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
                          (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f));
    return bad ? 0 : n;
}

static void quote(const char *text)
{
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int n = sequence(p);
        if (n == 0)
            fputs("\\ufffd", stdout);
        else if (*p == '"' || *p == '\\')
            printf("\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            printf("\\u%04x", *p);
        else
            fwrite(p, 1, (size_t)n, stdout);
        p += n ? n : 1;
    }
    putchar('"');
}

/* What stands before a value: comma, new line, key. */
static void before(const char *key)
{
    int d = now_in.depth;
    if (d) {
        if (now_in.filled[d - 1])
            putchar(',');
        if (d < lines)
            printf("\n%*s", 2 * d, "");
        else if (now_in.filled[d - 1])
            putchar(' ');
        now_in.filled[d - 1] = true;
    }
    if (key) {
        quote(key);
        fputs(": ", stdout);
    }
}

static void begin(const char *key, char open, char close)
{
    before(key);
    putchar(open);
    now_in.close[now_in.depth] = close;
    now_in.filled[now_in.depth++] = false;
}

void emit_lines(bool each)
{
    lines = each ? 0 : 3;
}

void emit_object(const char *key)
{
    begin(key, '{', '}');
}

void emit_list(const char *key)
{
    begin(key, '[', ']');
}

void emit_end(void)
{
    int d = --now_in.depth;
    if (now_in.filled[d] && d + 1 < lines)
        printf("\n%*s", 2 * d, "");
    putchar(now_in.close[d]);
    if (d == 0)
        putchar('\n');
}

void emit_text(const char *key, const char *value)
{
    before(key);
    if (value)
        quote(value);
    else
        fputs("null", stdout);
}

void emit_integer(const char *key, int64_t value)
{
    before(key);
    printf("%" PRId64, value);
}

void emit_real(const char *key, double value)
{
    char text[40];
    before(key);
    if (!isfinite(value)) {
        fputs("null", stdout);
        return;
    }
    snprintf(text, sizeof text, "%.9g", value);
    for (char *p = text; *p; p++)
        if (*p == ',')
            *p = '.'; /* whatever the locale */
    fputs(text, stdout);
}

void emit_bool(const char *key, bool value)
{
    before(key);
    fputs(value ? "true" : "false", stdout);
}

void emit_shape(const char *key, tp_shape shape)
{
    emit_list(key);
    for (int i = 0; i < shape.ndim; i++)
        emit_integer(NULL, shape.dim[i]);
    emit_end();
}
