/* error.c - the pending error of a thread.
 *
 * Invariant: the first failure stays, with its text, until it is taken; later ones change nothing.
 * The texts lie in a block that a thread gets with its first failure: a library that another program loads at run time
 * (Python does) has only some hundred bytes for variables of threads.
 * Layer: base.  Depends on nothing.  Read next: object.c. */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

_Thread_local tp_status tp_error_pending_fast __attribute__((tls_model("initial-exec")));

typedef struct thread_texts {
    char pending[1024];
    char piece[4][ERROR_PIECE];
    unsigned turn;
    char *details; /* lines; NULL: none */
    size_t n_details, room;
} thread_texts;

static _Thread_local thread_texts *texts __attribute__((tls_model("initial-exec")));
static thread_texts spare; /* for threads that malloc has refused: a garbled text is better than none */
static pthread_key_t at_thread_exit;
static pthread_once_t started = PTHREAD_ONCE_INIT;

enum { MOST_DETAILS = 1 << 20, ONE_DETAIL = 1024 };

static void forget_details(thread_texts *t)
{
    free(t->details);
    t->details = NULL;
    t->n_details = t->room = 0;
}

static void thread_ends(void *block)
{
    forget_details(block);
    texts = NULL;
    free(block);
}

static void start(void)
{
    pthread_key_create(&at_thread_exit, thread_ends);
}

static thread_texts *own_texts(void)
{
    if (texts)
        return texts;
    pthread_once(&started, start);
    texts = calloc(1, sizeof *texts);
    if (!texts)
        return &spare;
    pthread_setspecific(at_thread_exit, texts);
    return texts;
}

char *error_piece(void)
{
    thread_texts *t = own_texts();
    return t->piece[t->turn++ % 4];
}

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
    return tp_error_pending_fast ? own_texts()->pending : "";
}

const char *tp_error_details(void)
{
    const thread_texts *t = tp_error_pending_fast ? own_texts() : &spare;
    return t->details ? t->details : "";
}

tp_status tp_error_set(tp_status status, const char *format, ...)
{
    if (tp_error_pending_fast == TP_OK && status != TP_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(own_texts()->pending, sizeof texts->pending, format, arguments);
        va_end(arguments);
        tp_error_pending_fast = status;
    }
    return tp_error_pending_fast;
}

void tp_error_detail(const char *format, ...)
{
    char line[ONE_DETAIL];
    thread_texts *t = tp_error_pending_fast ? own_texts() : &spare;
    if (t == &spare || t->n_details > MOST_DETAILS)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    size_t want = t->n_details + strlen(line) + 1;
    const char *text = want > MOST_DETAILS ? "..." : line;
    if (want + sizeof "..." > t->room) {
        char *more = realloc(t->details, 2 * want + sizeof "...");
        if (!more)
            return;
        t->details = more;
        t->room = 2 * want + sizeof "...";
    }
    snprintf(t->details + t->n_details, t->room - t->n_details, "%s\n", text);
    t->n_details = want;
}

tp_status tp_error_in(const char *path)
{
    thread_texts *t = own_texts();
    char text[sizeof t->pending];
    if (tp_error_pending_fast) {
        memcpy(text, t->pending, sizeof text);
        size_t n = (size_t)snprintf(t->pending, sizeof text, "%s: ", path);
        if (n < sizeof text)
            snprintf(t->pending + n, sizeof text - n, "%.*s", (int)(sizeof text - n - 1), text);
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
        snprintf(text, size, "%s", status ? own_texts()->pending : "");
    if (status)
        forget_details(own_texts());
    tp_error_pending_fast = TP_OK;
    return status;
}

int tp_report_error(FILE *to)
{
    if (tp_error_pending_fast == TP_OK)
        return 0;
    fprintf(to, "error: %s\n%s", own_texts()->pending, tp_error_details());
    tp_error_take(NULL, 0);
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
