/* number.c - numbers in text, with a decimal point whatever the locale says.
 *
 * Layer: data.  Depends on nothing.  Read next: number.h. */
#include "data/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

static locale_t c_locale;
static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The cells of a CSV file are mostly short decimals: up to 15 digits and a power of ten up to 22 are exact in a
 * double, and then one division gives the correctly rounded value (Clinger 1990). */
static bool parse_short(const char *p, double *value, const char **end)
{
    static const double powers[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    long long digits = 0;
    int n = 0, after_point = 0;
    for (; *p >= '0' && *p <= '9' && n < 16; p++, n++)
        digits = 10 * digits + (*p - '0');
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9' && n < 16; p++, n++, after_point++)
            digits = 10 * digits + (*p - '0');
    if (n == 0 || n > 15 || *p == 'e' || *p == 'E' || *p == 'x' || *p == 'X')
        return false;
    double x = (double)digits / powers[after_point];
    *value = negative ? -x : x;
    *end = p;
    return true;
}

bool parse_number(const char *text, double *value, const char **end)
{
    if (parse_short(text, value, end))
        return true;
    const char *p = text + (*text == '-' || *text == '+');
    bool point = *p == '.';
    if (p[point] < '0' || p[point] > '9' || (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')))
        return false; /* strtod would also take inf, nan and hex */
    pthread_once(&started, start);
    char *stop;
    *value = c_locale ? strtod_l(text, &stop, c_locale) : strtod(text, &stop);
    *end = stop;
    return stop != text && isfinite(*value);
}
