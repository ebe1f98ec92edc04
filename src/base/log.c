/* log.c - where log lines go: to the program's function, or to stderr when the environment asks for them.
 *
 * The only place in the library that can write to stderr, and it does so only when TAPER_LOG names a subject.
 * Layer: base.  Depends on nothing.  Read next: log.h. */
#include "base/log.h"

#include <taper/base.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[LOG_SUBJECTS] = { "select", "data", "run" };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the next two */
static tp_log_line *receiver;
static void *receiver_context;
static atomic_uint wanted; /* a bit for each subject */
static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
    const char *asked = getenv("TAPER_LOG");
    for (int i = 0; asked && i < LOG_SUBJECTS; i++)
        if (strstr(asked, names[i]))
            atomic_fetch_or(&wanted, 1u << i);
}

void tp_set_log(const char *subjects, tp_log_line *line, void *context)
{
    unsigned bits = 0;
    pthread_once(&started, start);
    for (int i = 0; subjects && i < LOG_SUBJECTS; i++)
        bits |= strstr(subjects, names[i]) ? 1u << i : 0;
    pthread_mutex_lock(&lock);
    receiver = line, receiver_context = context;
    pthread_mutex_unlock(&lock);
    atomic_store(&wanted, bits);
}

bool log_wants(log_subject subject)
{
    pthread_once(&started, start);
    return atomic_load_explicit(&wanted, memory_order_relaxed) >> subject & 1;
}

void log_line(log_subject subject, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&lock);
    if (receiver)
        receiver(names[subject], text, receiver_context);
    else
        fprintf(stderr, "taper %s: %s\n", names[subject], text);
    pthread_mutex_unlock(&lock);
}
