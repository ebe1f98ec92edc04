/* late.c - see late.h.
 *
 * Layer: hub.  Read next: late.h. */
#include "hub/late.h"

#include "base/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static bool find(void *library, const late_function *f)
{
    void *found = dlsym(library, f->name);
    memcpy(f->to, &found, sizeof found); /* POSIX lets a function stand in a void * */
    return found;
}

static bool open_now(late_library *l, const char *what)
{
    const char *missing = NULL;
    void *library = NULL;
    for (int i = 0; l->files[i] && !library; i++)
        library = dlopen(l->files[i], RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; i < l->n && library && !missing; i++)
        missing = find(library, &l->functions[i]) ? NULL : l->functions[i].name;
    l->is_open = library && !missing;
    if (!l->is_open && what)
        tp_fail(TP_ERR_UNSUPPORTED, "%s is unsupported here: %s %s%s", what, *l->files,
                missing ? "has no " : "is not installed", missing ? missing : "");
    return l->is_open;
}

bool late_open(late_library *l, const char *what)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    const bool is_open = l->is_open || open_now(l, what);
    pthread_mutex_unlock(&lock);
    return is_open;
}
