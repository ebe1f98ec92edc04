/* number.c - numbers in text, with a decimal point whatever the locale says.
 *
 * Layer: base.  Depends on nothing.  Read next: number.h. */
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int print_arguments(char *text, size_t size, const char *format, va_list args)
{
    pthread_once(&started, start);
    locale_t before = c_locale ? uselocale(c_locale) : (locale_t)0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = vsnprintf(text, size, format, args);
#pragma GCC diagnostic pop
    if (before)
        uselocale(before);
    return n;
}

static int print_with(char *text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = print_arguments(text, size, format, args);
    va_end(args);
    return n;
}

int print_number(char *text, size_t size, char conversion, int precision, double value)
{
    const char format[] = { '%', '.', '*', conversion, 0 };
    return print_with(text, size, format, precision, value);
}

static bool gives_back(const char *text, double x)
{
    double back;
    const char *end;
    return parse_number(text, &back, &end) && back == x;
}

/* 15 digits are exact both ways (fewer for the smallest numbers); where they do not give the value back, 16 or 17 do.
 * Below a power of two numbers lie closer than above it: there the nearest decimal may miss where the next one hits. */
static void find_digits(double x, char digits[20], int *exponent)
{
    char text[40];
    int power;
    bool is_power = frexp(x, &power) == 0.5;
    for (int precision = x < 0x1p-1022 ? 0 : 14; precision < 17; precision++) {
        print_number(text, sizeof text, 'e', precision, x);
        if (precision == 16 || gives_back(text, x))
            break;
        char *last = strchr(text, 'e') - 1;
        if (is_power && *last != '9') {
            ++*last;
            if (gives_back(text, x))
                break;
        }
    }
    const char *e = strchr(text, 'e');
    size_t n = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9' && n < 19)
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    *exponent = atoi(e + 1);
}

int print_number_shortest(char text[32], double x)
{
    char digits[20];
    int exponent;
    if (isnan(x))
        return snprintf(text, 32, "nan");
    if (isinf(x))
        return snprintf(text, 32, x > 0 ? "inf" : "-inf");
    const char *sign = signbit(x) ? "-" : "";
    find_digits(fabs(x), digits, &exponent);
    int n = (int)strlen(digits);
    if (exponent < -4 || exponent >= 16)
        return snprintf(text, 32, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "", digits + 1,
                        exponent < 0 ? '-' : '+', abs(exponent));
    if (exponent < 0)
        return snprintf(text, 32, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    if (n > exponent + 1)
        return snprintf(text, 32, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    return snprintf(text, 32, "%s%s%.*s.0", sign, digits, exponent + 1 - n, "0000000000000000");
}
