/* error.c - the pending error of a thread.
 *
 * Invariant: the first failure stays, with its text, until it is taken; later ones change nothing.
 * Layer: base.  Depends on nothing.  Read next: object.c. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

_Thread_local tp_status tp_error_pending_fast __attribute__((tls_model("initial-exec")));
static _Thread_local char pending_text[1024];

static const char *const status_names[] = {
    [TP_OK] = "ok",
    [TP_ERR_ARGUMENT] = "argument",
    [TP_ERR_SHAPE] = "shape",
    [TP_ERR_DTYPE] = "dtype",
    [TP_ERR_INDEX] = "index",
    [TP_ERR_GRAD] = "grad",
    [TP_ERR_MEMORY] = "memory",
    [TP_ERR_DEVICE] = "device",
    [TP_ERR_IO] = "io",
    [TP_ERR_FORMAT] = "format",
    [TP_ERR_UNSUPPORTED] = "unsupported",
    [TP_ERR_STATE] = "state",
};

const char *tp_status_name(tp_status status)
{
    return (unsigned)status < sizeof status_names / sizeof *status_names ? status_names[status] : "unknown";
}

tp_status tp_error_pending(void)
{
    return tp_error_pending_fast;
}

const char *tp_error_message(void)
{
    return tp_error_pending_fast ? pending_text : "";
}

tp_status tp_error_set(tp_status status, const char *format, ...)
{
    if (tp_error_pending_fast == TP_OK && status != TP_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(pending_text, sizeof pending_text, format, arguments);
        va_end(arguments);
        tp_error_pending_fast = status;
    }
    return tp_error_pending_fast;
}

tp_status tp_fail_errno(const char *path, const char *what)
{
    int error = errno;
    char text[128];
    return tp_fail(TP_ERR_IO, "%s: %s: %s", path, what, strerror_r(error, text, sizeof text));
}

tp_status tp_error_take(char *text, size_t size)
{
    tp_status status = tp_error_pending_fast;
    if (text && size)
        snprintf(text, size, "%s", status ? pending_text : "");
    tp_error_pending_fast = TP_OK;
    return status;
}

int tp_report_error(FILE *to)
{
    if (tp_error_pending_fast == TP_OK)
        return 0;
    fprintf(to, "error: %s\n", pending_text);
    tp_error_pending_fast = TP_OK;
    return 1;
}

void tp_error_export(tp_error_record *record)
{
    record->status = tp_error_take(record->text, sizeof record->text);
}

tp_status tp_error_import(const tp_error_record *record)
{
    return record->status ? tp_fail(record->status, "%s", record->text) : tp_error_pending_fast;
}
