/* number.h - numbers in text, with a decimal point whatever the locale says.
 *
 * Layer: base.  Depends on nothing.  Read next: number.c. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A finite decimal number at the start of text ("-1.5e3"; no hex, no inf, no nan); *end is where it stops. */
bool parse_number(const char *text, double *value, const char **end);

/* As snprintf(text, size, "%.*e" or "%.*f" or "%.*g", precision, value); conversion is that last letter. */
int print_number(char *text, size_t size, char conversion, int precision, double value);

int print_arguments(char *text, size_t size, const char *format, va_list); /* as vsnprintf */

/* The fewest digits that read back as the same value, written as Python's repr writes them: 0.1, 1e-05, 2.0, 1e+16;
 * nan, inf and -inf.  Returns the length, at most 26. */
int print_number_shortest(char text[32], double x);

#endif
