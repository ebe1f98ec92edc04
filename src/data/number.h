/* number.h - numbers in text, with a decimal point whatever the locale says.
 *
 * Layer: data.  Depends on nothing.  Read next: csv.c, transform_parse.c. */
#ifndef DATA_NUMBER_H
#define DATA_NUMBER_H

#include <stdbool.h>

/* A finite decimal number at the start of text ("-1.5e3"; no hex, no inf, no nan); *end is where it stops. */
bool parse_number(const char *text, double *value, const char **end);

#endif
