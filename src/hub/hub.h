/* hub.h - what the files of this folder share: settings, names, addresses, the folders of the cache.
 *
 * Layer: hub.  Depends on taper/hub.h.  Read next: download.c, http.h, store.h. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <taper/hub.h>

#include <limits.h>

enum { TOKEN_ROOM = 512, URL_ROOM = 8192 };

typedef struct hub_settings {
    tp_hub_options o; /* with the defaults filled in */
    tp_hub_place place;
    char token[TOKEN_ROOM]; /* "": none */
} hub_settings;

tp_status hub_settings_read(hub_settings *, const tp_hub_options *);

/* "datasets/ORG/NAME" in its parts. */
typedef struct hub_repo {
    char id[100];     /* ORG/NAME */
    char folder[128]; /* datasets--ORG--NAME */
    char api[128];    /* api/datasets/ORG/NAME */
    char files[128];  /* datasets/ORG/NAME; of models ORG/NAME */
} hub_repo;
tp_status hub_repo_read(hub_repo *, const char *name);

/* Whether a name that is to become a path stays below a folder: no "..", nothing absolute, nothing that is no name. */
tp_status hub_check_path(const hub_repo *, const char *what, const char *path);

bool hub_is_hex(const char *text, size_t digits); /* so many digits, and no more */

/* Appends text to an address, with % for what may not stand there.  Names that hub_check_path lets through always fit. */
void hub_quote(char url[URL_ROOM], const char *text, bool slashes_stay);

/* "https://host/path" of an address, for error texts: without a password, and without what follows a ?. */
const char *hub_shown(const char *url);

double hub_now(void); /* seconds of a clock that only goes forward */

tp_status hub_make_folders(const char *path, unsigned mode); /* those above the last name in path */
tp_status hub_path(char path[PATH_MAX], const char *format, ...) TP_PRINTF(2, 3);

#endif
