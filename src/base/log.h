/* log.h - lines that tell what the library decided, for those who ask: TAPER_LOG=select.
 *
 * Layer: base.  Depends on taper/base.h (tp_set_log).  Read next: log.c. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

typedef enum {
    LOG_SELECT, /* "select": which kernel takes a shape, and why */
    LOG_DATA,   /* "data": pictures that are left out, and why */
    LOG_RUN,    /* "run": what a run cannot have here as it is configured */
    LOG_SUBJECTS
} log_subject;

bool log_wants(log_subject); /* cheap; ask before a line is put together */
void log_line(log_subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
