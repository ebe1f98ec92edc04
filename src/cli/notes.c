/* notes.c - what the library tells while it works, each once: pictures that are left out, what this machine lacks for a run.
 *
 * The library tells it from any thread, and again when the data are opened again; the verb's own thread prints what is new
 * between the lines of its progress.
 * Layer: cli.  Depends on base.h.  Read next: progress.c. */
#include "cli/cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static char **notes;
static size_t n_notes, n_printed, room;

static bool is_known(const char *text)
{
    for (size_t i = 0; i < n_notes; i++)
        if (!strcmp(notes[i], text))
            return true;
    return false;
}

static void add_note(const char *text)
{
    if (n_notes == room) {
        size_t more = room ? 2 * room : 16;
        char **larger = realloc(notes, more * sizeof *notes);
        if (!larger)
            return;
        notes = larger;
        room = more;
    }
    char *copy = strdup(text);
    if (copy)
        notes[n_notes++] = copy;
}

static void on_line(const char *subject, const char *text, void *context)
{
    (void)context;
    if (strcmp(subject, "data") != 0 && strcmp(subject, "run") != 0) { /* what TAPER_LOG asks for beside it */
        fprintf(stderr, "taper %s: %s\n", subject, text);
        return;
    }
    pthread_mutex_lock(&lock);
    if (!is_known(text))
        add_note(text);
    pthread_mutex_unlock(&lock);
}

void take_notes(void)
{
    char subjects[256];
    const char *wanted = getenv("TAPER_LOG");
    snprintf(subjects, sizeof subjects, "data,run,%s", wanted ? wanted : "");
    tp_set_log(subjects, on_line, NULL);
}

void print_notes(void)
{
    pthread_mutex_lock(&lock);
    for (; n_printed < n_notes; n_printed++)
        complain("%s", notes[n_printed]);
    pthread_mutex_unlock(&lock);
}
