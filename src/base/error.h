/* error.h - the pending error, from the inside: how library code fails.
 *
 * Layer: base.  Depends on taper/base.h, whose rules it implements.  Read next: error.c. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <taper/base.h>

/* Sets the pending error unless one is there already.  The text names the operation, what it got and what it wanted. */
#define tp_fail(status, ...) tp_error_set(status, __VA_ARGS__)

/* return tp_fail_null(TP_ERR_SHAPE, "..."); in functions that return a pointer */
#define tp_fail_null(status, ...) ((void)tp_error_set(status, __VA_ARGS__), NULL)

/* A line of the details of the pending error: what a text of one line has no room for.  Past 1 MB the rest is "...". */
void tp_error_detail(const char *format, ...) TP_PRINTF(1, 2);

/* Puts "<path>: " before the pending text. */
tp_status tp_error_in(const char *path);

/* Fails with TP_ERR_IO: "<path>: <what>: <strerror(errno)>" */
tp_status tp_fail_errno(const char *path, const char *what);

/* True when an error is pending in this thread: the first line of every function that makes something. */
#define tp_pending() __builtin_expect(tp_error_pending_fast != TP_OK, 0)
extern _Thread_local tp_status tp_error_pending_fast __attribute__((tls_model("initial-exec")));

/* ERROR_PIECE bytes for a part of an error text; the last four of a thread stay valid. */
enum { ERROR_PIECE = 256 };
char *error_piece(void);

/* An error that travels between threads with a result. */
typedef struct tp_error_record {
    tp_status status;
    char text[1024];
} tp_error_record;

void tp_error_export(tp_error_record *);            /* takes this thread's pending error into the record */
tp_status tp_error_import(const tp_error_record *); /* makes it pending here */

#endif
