/* store.h - where downloaded files lie: Hugging Face's cache, or a plain folder.
 *
 *   cache/models--ORG--NAME/blobs/ETAG                     what a file holds; ETAG.incomplete: the part that has come
 *                          /snapshots/COMMIT/PATH          a link to its blob
 *                          /refs/REVISION                  the commit that it stood for last
 *   cache/.locks/models--ORG--NAME/ETAG.lock               held (flock) by whoever downloads it
 *
 *   folder/PATH                                            the file itself
 *         /.cache/huggingface/download/PATH.metadata       commit, ETag, time: three lines
 *                                     /ETAG.incomplete, ETAG.lock
 *
 * Layer: hub.  Depends on hub.h.  Read next: store.c, download.c. */
#ifndef HUB_STORE_H
#define HUB_STORE_H

#include "hub/hub.h"

typedef struct hub_store {
    hub_repo repo;
    const char *cache;   /* NULL: a plain folder */
    char root[PATH_MAX]; /* models--ORG--NAME in the cache, or the folder */
    char commit[64];
} hub_store;

tp_status store_open(hub_store *, const hub_settings *, const char *repo);
bool store_find_commit(hub_store *, const char *revision); /* as the cache knows it */
tp_status store_keep_ref(const hub_store *, const char *revision);
tp_status store_folder(const hub_store *, char *folder, size_t room); /* where the files lie */
bool store_has(const hub_store *, const char *name); /* of this commit; of a plain folder: any */

/* One file on its way. */
typedef struct store_file {
    const char *name;
    char etag[160];
    char path[PATH_MAX], part[PATH_MAX], lock[PATH_MAX], metadata[PATH_MAX]; /* metadata: of a plain folder */
} store_file;

tp_status store_place(const hub_store *, store_file *, const char *name, const char *etag);
bool store_is_there(const store_file *, int64_t size); /* whole and right */
tp_status store_open_part(const store_file *, int *fd);
int store_lock(const store_file *);                            /* -1: another has it; -2: failed */
tp_status store_finish(const hub_store *, const store_file *); /* path is there: the link, or the metadata */

#endif
