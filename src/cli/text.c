/* text.c - words and numbers for people: spelling, sizes, durations, columns, colours.
 *
 * Here and not in the library because only the command line speaks to people.
 * Layer: cli.  Depends on libc only.  Read next: help.c, progress.c. */
#include "cli/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- spelling -------------------------------------------------------------------------------------- */

static int smallest(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours (Damerau 1964, as optimal string alignment). */
int name_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int d[LONGEST + 1][LONGEST + 1];
    int la = (int)strnlen(a, LONGEST), lb = (int)strnlen(b, LONGEST);
    for (int i = 0; i <= la; i++)
        for (int j = 0; j <= lb; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = smallest(d[i][j], smallest(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = smallest(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[la][lb];
}

const char *nearest_name(const char *word, choice_fn *names)
{
    const char *best = NULL;
    size_t length = strlen(word);
    int limit = length < 3 ? 1 : length < 6 ? 2 : 3, least = limit + 1;
    for (int i = 0; names(i); i++) {
        int d = name_distance(word, names(i));
        if (length >= 3 && !strncmp(word, names(i), length))
            d = smallest(d, 1); /* the beginning of a name */
        if (d < least && d < (int)strlen(names(i))) {
            least = d;
            best = names(i);
        }
    }
    return best;
}

/* ---- numbers --------------------------------------------------------------------------------------- */

char *text_count(char *text, int64_t n)
{
    char digits[24], *out = text;
    int length = snprintf(digits, sizeof digits, "%" PRId64, n);
    for (int i = 0; i < length; i++) {
        *out++ = digits[i];
        if ((length - 1 - i) % 3 == 0 && i + 1 < length && digits[i] != '-')
            *out++ = ',';
    }
    *out = 0;
    return text;
}

static char *scaled(char *text, double n, double step, const char *const *units)
{
    int i = 0;
    while (fabs(n) >= 999.5 && units[i + 1]) { /* 999.5 would print as 1000 */
        n /= step;
        i++;
    }
    int decimals = i == 0 || fabs(n) >= 99.95 ? 0 : fabs(n) >= 9.995 ? 1 : 2;
    snprintf(text, TEXT_ROOM, "%.*f%s", decimals, n, units[i]);
    return text;
}

char *text_quantity(char *text, double n)
{
    static const char *const units[] = { "", " k", " M", " G", " T", " P", NULL };
    return scaled(text, n, 1000, units);
}

char *text_bytes(char *text, double bytes)
{
    static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", NULL };
    return scaled(text, bytes, 1024, units);
}

char *text_duration(char *text, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(text, TEXT_ROOM, "?");
    else if (seconds < 59.95)
        snprintf(text, TEXT_ROOM, "%.1f s", seconds);
    else if (seconds < 3599.5)
        snprintf(text, TEXT_ROOM, "%d:%02d", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else {
        int64_t s = (int64_t)(seconds + 0.5);
        snprintf(text, TEXT_ROOM, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
    }
    return text;
}

char *text_shape(char *text, tp_shape shape)
{
    size_t used = (size_t)snprintf(text, TEXT_ROOM, "(");
    for (int i = 0; i < shape.ndim && used < TEXT_ROOM - 24; i++)
        used += (size_t)snprintf(text + used, TEXT_ROOM - used, "%s%" PRId64, i ? ", " : "", shape.dim[i]);
    snprintf(text + used, TEXT_ROOM - used, ")");
    return text;
}

/* ---- columns --------------------------------------------------------------------------------------- */

int text_columns(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80; /* bytes that begin a character */
    return n;
}

void print_padded(FILE *to, const char *text, int columns)
{
    int n = text_columns(text), room = n > columns ? columns - 3 : columns;
    int left = room;
    for (const char *p = text; *p; p++) {
        if ((*p & 0xc0) != 0x80 && left-- == 0)
            break;
        fputc((unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p, to);
    }
    fprintf(to, "%*s", n > columns ? 0 : columns - n, "");
    if (n > columns)
        fputs("...", to);
}

int print_wrapped(FILE *to, const char *text, int column, int indent)
{
    enum { WIDTH = 80 };
    bool first = true;
    while (*text) {
        char word[256];
        size_t length = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, text);
        int wide = text_columns(word);
        for (char *p = word; *p; p++) /* a file's text may hold anything */
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                *p = *p == *HARD_SPACE ? ' ' : '?';
        if (!first && column + 1 + wide > WIDTH) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        fprintf(to, "%s%s", first ? "" : " ", word);
        column += wide + !first;
        first = false;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', to);
    return column;
}

/* ---- the terminal ---------------------------------------------------------------------------------- */

int terminal_columns(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    if (width <= 0 && (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !ioctl(STDERR_FILENO, TIOCGWINSZ, &size)))
        width = size.ws_col;
    return width <= 0 ? 80 : width;
}

int terminal_width(void)
{
    const int width = terminal_columns();
    return width < 40 ? 40 : width;
}

bool speaks_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

void print_bar(FILE *to, double part, int columns)
{
    const bool utf8 = speaks_utf8();
    const int full = (int)(part * columns);
    fputs(green(to), to);
    for (int i = 0; i < columns; i++) {
        if (i == full)
            fputs(dimmed(to), to);
        fputs(utf8 ? (i < full ? "━" : "─") : (i < full ? "#" : "-"), to);
    }
    fputs(no_style(to), to);
}

bool colour_on(FILE *to)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(to)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

const char *bold(FILE *to)
{
    return colour_on(to) ? "\033[1m" : "";
}

const char *dimmed(FILE *to)
{
    return colour_on(to) ? "\033[2m" : "";
}

const char *green(FILE *to)
{
    return colour_on(to) ? "\033[32m" : "";
}

const char *red(FILE *to)
{
    return colour_on(to) ? "\033[31m" : "";
}

const char *no_style(FILE *to)
{
    return colour_on(to) ? "\033[0m" : "";
}

/* ---- figures ------------------------------------------------------------------------------------------ */

void print_figures(const tp_figure *figures, int n)
{
    int width = 8;
    for (int i = 0; i < n; i++)
        width = (int)strlen(figures[i].name) > width ? (int)strlen(figures[i].name) : width;
    for (int i = 0; i < n; i++)
        printf("%-*s  %.6g\n", width, figures[i].name, figures[i].value);
}

/* ---- clock and paths ------------------------------------------------------------------------------- */

double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

char *path_of(char *text, size_t room, const char *folder, const char *name)
{
    size_t length = strlen(folder);
    int n = snprintf(text, room, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
    return n < 0 || (size_t)n >= room ? NULL : text;
}

bool is_directory(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

bool is_run_folder(const char *path)
{
    char config[4096];
    return is_directory(path) && path_of(config, sizeof config, path, "config.json") && !access(config, F_OK);
}
