/* late.h - functions of a shared library that is opened when they are first wanted.
 *
 * libcurl brings thirty libraries with it and takes 5 ms to load, and libcrypto 1 ms: more than most commands take, none of which
 * asks a hub for anything.  So both are compiled against but not linked.
 * Layer: hub.  Depends on dlopen.  Read next: http.c, digest.c. */
#ifndef HUB_LATE_H
#define HUB_LATE_H

#include <taper/base.h>

typedef struct late_function {
    const char *name;
    void *to; /* the address of a pointer to such a function */
} late_function;

typedef struct late_library {
    const char *const *files; /* names under which it may lie, ended by NULL */
    const late_function *functions;
    int n;
    bool is_open;
} late_library;

/* Opens it and finds all n, unless that is done.  what: "hub: downloading", for the error; NULL: there is to be none. */
bool late_open(late_library *, const char *what);

#endif
