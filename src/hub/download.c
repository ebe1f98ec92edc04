/* download.c - the files of a repository, at one commit, several at once.
 *
 * A list of files at a commit (one request); then each file passes through the phases of a worker:
 *
 *   HEAD   its ETag and size are asked for           -> is it there already?  then done
 *   LOCK   until no other process downloads it       -> is it there now?      then done
 *   BODY   into ETAG.incomplete, from where that ends -> size and hash right?  rename, done
 *
 * Layer: hub.  Depends on http.h, store.h, digest.h, io/json.h.  Read next: store.h, http.h. */
#include "hub/digest.h"
#include "hub/http.h"
#include "hub/store.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/json.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { IDLE, HEAD, LOCK, BODY } phase;

typedef struct worker {
    phase phase;
    int64_t index;
    store_file file;
    http_request request;
    int lock, fd;
    double tried; /* when the lock was */
    bool resumed; /* a part was there before: if the hash is wrong, once more from the begin */
} worker;

typedef struct download {
    hub_settings settings;
    hub_store store;
    http_pool *pool;
    js_value *list;
    const char **names;
    int64_t *sizes, *got; /* sizes: -1 not known */
    int64_t n, room, next, done;
    worker *workers;
    double told; /* when progress was */
} download;

static const char *named(const download *d, const char *file)
{
    char *text = error_piece();
    snprintf(text, ERROR_PIECE, "%s%s%s", d->store.repo.id, file ? ": " : "", file ? file : "");
    return text;
}

/* ---- which files ------------------------------------------------------------------------------------------------------------------------ */

static bool ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && !strcmp(name + n - m, end);
}

static bool included(const char *name, const char *globs)
{
    for (const char *at = globs; *at; at += strcspn(at, ","), at += *at == ',') {
        char glob[256];
        const int length = (int)strcspn(at, ",");
        snprintf(glob, sizeof glob, "%.*s%s", length, at, length && at[length - 1] == '/' ? "*" : "");
        if (!fnmatch(glob, name, 0))
            return true;
    }
    return false;
}

/* Of a repository with several formats of the same weights one: safetensors, else PyTorch's. */
static bool is_pretrained_file(const char *name, bool has_safetensors)
{
    if (strchr(name, '/')) /* of sentence encoders (train/embed.c) */
        return ends(name, "_Pooling/config.json");
    if (has_safetensors ? ends(name, ".safetensors") || ends(name, ".safetensors.index.json")
                        : !fnmatch("pytorch_model*.bin*", name, 0))
        return true;
    return (ends(name, ".json") && !ends(name, ".index.json")) || ends(name, ".model") ||
           ends(name, ".bpe") || !fnmatch("vocab*.txt", name, 0) || !fnmatch("merges*.txt", name, 0);
}

static tp_status add_name(download *d, const char *name, int64_t size)
{
    if (hub_check_path(&d->store.repo, "the file", name))
        return tp_error_pending();
    d->names[d->n] = name;
    d->sizes[d->n++] = size;
    return TP_OK;
}

static tp_status make_room(download *d, int64_t n)
{
    d->room = n > 0 ? n : 1;
    d->names = tp_calloc((size_t)d->room * sizeof *d->names);
    d->sizes = tp_calloc((size_t)d->room * sizeof *d->sizes);
    d->got = tp_calloc((size_t)d->room * sizeof *d->got);
    return tp_error_pending();
}

static const js_value *entry_of(const js_value *files, const char *name)
{
    for (int64_t i = 0; i < js_count(files); i++) {
        const char *other = js_string(js_get(js_at(files, i), "rfilename"));
        if (other && !strcmp(other, name))
            return js_at(files, i);
    }
    return NULL;
}

static int64_t size_in(const js_value *entry)
{
    int64_t size = -1;
    return js_integer(js_get(entry, "size"), &size) && size >= 0 ? size : -1;
}

static tp_status choose_named(download *d, const js_value *files)
{
    const tp_hub_options *o = &d->settings.o;
    for (int i = 0; i < o->n_files && !tp_pending(); i++) {
        const js_value *entry = entry_of(files, o->files[i]);
        if (files && !entry && !hub_check_path(&d->store.repo, "the file", o->files[i]))
            return tp_fail(TP_ERR_IO, "hub: %s: there is no file '%.200s' at revision '%s'", d->store.repo.id,
                           o->files[i], o->revision);
        add_name(d, o->files[i], size_in(entry));
    }
    return tp_error_pending();
}

static tp_status choose(download *d, const js_value *files)
{
    const tp_hub_options *o = &d->settings.o;
    bool has_safetensors = false;
    if (make_room(d, o->n_files ? o->n_files : js_count(files)))
        return tp_error_pending();
    if (o->n_files)
        return choose_named(d, files);
    for (int64_t i = 0; i < js_count(files); i++) {
        const char *name = js_string(js_get(js_at(files, i), "rfilename"));
        has_safetensors |= name && !strchr(name, '/') && ends(name, ".safetensors");
    }
    for (int64_t i = 0; i < js_count(files) && !tp_pending(); i++) {
        const char *name = js_string(js_get(js_at(files, i), "rfilename"));
        if (!name)
            tp_fail(TP_ERR_FORMAT, "hub: %s: file %lld of its list has no rfilename", d->store.repo.id,
                    (long long)i);
        else if ((!o->include || included(name, o->include)) &&
                 (!o->pretrained || is_pretrained_file(name, has_safetensors)))
            add_name(d, name, size_in(js_at(files, i)));
    }
    if (!tp_pending() && !d->n)
        return tp_fail(TP_ERR_IO, "hub: %s: no file of its %lld is %s", d->store.repo.id,
                       (long long)js_count(files), o->include ? "taken by the globs" : "one to download");
    return tp_error_pending();
}

/* ---- progress ----------------------------------------------------------------------------------------------------------------------------- */

static bool tell(download *d)
{
    const tp_hub_options *o = &d->settings.o;
    tp_hub_progress p = { .files = (int)d->done, .n_files = (int)d->n };
    for (int64_t i = 0; i < d->n; i++) {
        p.bytes += d->got[i];
        p.total_bytes += d->sizes[i] > d->got[i] ? d->sizes[i] : d->got[i];
    }
    d->told = hub_now();
    return !o->progress || o->progress(o->context, &p);
}

static bool go_on(void *context)
{
    download *d = context;
    return hub_now() - d->told < 0.05 || tell(d);
}

/* ---- the list ------------------------------------------------------------------------------------------------------------------------------ */

static tp_status read_list(download *d, const http_request *r)
{
    d->list = js_parse(hub_shown(r->url), r->body.data, r->body.size, 0);
    const char *sha = d->list ? js_string(js_get(d->list, "sha")) : NULL;
    const js_value *files = d->list ? js_get(d->list, "siblings") : NULL;
    if (d->list && (!sha || !hub_is_hex(sha, 40) || js_kind_of(files) != JS_ARRAY))
        return tp_fail(TP_ERR_FORMAT, "hub: %s: is no answer of a hub: \"sha\" and \"siblings\" are wanted",
                       hub_shown(r->url));
    if (d->list)
        snprintf(d->store.commit, sizeof d->store.commit, "%s", sha);
    return tp_pending() ? tp_error_pending() : choose(d, files);
}

/* unreachable: why no hub answered, and nothing is pending; or "". */
static tp_status ask_list(download *d, char unreachable[512])
{
    http_request *r = tp_calloc(sizeof *r);
    if (!r)
        return TP_ERR_MEMORY;
    snprintf(r->url, sizeof r->url, "%s/%s/revision/", d->settings.place.endpoint, d->store.repo.api);
    hub_quote(r->url, d->settings.o.revision, false);
    strcat(r->url, "?blobs=true"); /* with sizes */
    if (!http_get(d->pool, r, go_on, d)) {
        snprintf(unreachable, 512, "%s", r->unreachable ? r->error : "");
        if (r->status == 200 && !*r->error)
            read_list(d, r);
        else if (!r->unreachable)
            http_fail(r, &d->settings,
                      !strcmp(r->error_code, "RevisionNotFound") ? named(d, d->settings.o.revision)
                                                                 : named(d, NULL));
    }
    file_bytes_free(&r->body);
    tp_free(r, sizeof *r);
    return tp_error_pending();
}

/* ---- a file -------------------------------------------------------------------------------------------------------------------------------- */

static void leave(worker *w)
{
    if (w->fd >= 0)
        close(w->fd);
    if (w->lock >= 0)
        close(w->lock);
    w->fd = w->lock = -1;
    w->phase = IDLE;
}

static void done_with(download *d, worker *w)
{
    if (!store_finish(&d->store, &w->file))
        d->done++;
    leave(w);
}

static bool is_there(download *d, worker *w)
{
    if (!store_is_there(&w->file, d->sizes[w->index]))
        return false;
    d->sizes[w->index] = d->got[w->index] = 0;
    done_with(d, w);
    return true;
}

static void ask(download *d, worker *w, phase p)
{
    http_request *r = &w->request;
    snprintf(r->url, sizeof r->url, "%s/%s/resolve/%s/", d->settings.place.endpoint, d->store.repo.files,
             d->store.commit);
    hub_quote(r->url, d->names[w->index], true);
    r->head = p == HEAD;
    r->fd = p == HEAD ? -1 : w->fd;
    r->size = p == HEAD ? -1 : d->sizes[w->index];
    w->phase = p;
    http_start(d->pool, r);
}

static void begin_file(download *d, worker *w)
{
    w->index = d->next++;
    w->resumed = false;
    w->request.from = 0;
    if (d->store.cache && store_has(&d->store, d->names[w->index])) {
        d->sizes[w->index] = 0;
        d->done++;
    } else
        ask(d, w, HEAD);
}

static void on_head(download *d, worker *w)
{
    const http_request *r = &w->request;
    const char *name = d->names[w->index];
    if (r->status != 200 || *r->error)
        http_fail(r, &d->settings, named(d, name));
    else if (!*r->etag)
        tp_fail(TP_ERR_FORMAT, "hub: %s: came without an ETag: %s is no hub, or something stands between",
                named(d, name), hub_shown(d->settings.place.endpoint));
    else if (!store_place(&d->store, &w->file, name, r->etag)) {
        d->sizes[w->index] = r->length;
        if (!is_there(d, w))
            w->phase = LOCK, w->tried = 0;
    }
}

/* The part is whole: is it right? */
static void check(download *d, worker *w)
{
    char hex[65];
    const store_file *f = &w->file;
    struct stat info;
    if (fstat(w->fd, &info)) {
        tp_fail_errno(f->part, "cannot read");
        return;
    }
    if (digest_file(w->fd, f->part, info.st_size, f->etag, hex))
        return;
    if (*hex && strcasecmp(hex, f->etag) != 0) {
        if (ftruncate(w->fd, 0) || !w->resumed) {
            unlink(f->part);
            tp_fail(TP_ERR_FORMAT, "hub: %s: is damaged: its %s is %.12s..., the hub says %.12s...",
                    named(d, f->name), hex[40] ? "SHA-256" : "git SHA-1", hex, f->etag);
            return;
        }
        w->resumed = false;
        w->request.from = 0;
        ask(d, w, BODY);
        return;
    }
    if ((fsync(w->fd) && errno != EINVAL && errno != ENOTSUP) || hub_make_folders(f->path, 0777) ||
        rename(f->part, f->path))
        tp_fail_errno(f->path, "cannot write");
    else {
        d->got[w->index] = info.st_size;
        done_with(d, w);
    }
}

static void on_lock(download *d, worker *w)
{
    struct stat info;
    http_request *r = &w->request;
    const int64_t size = d->sizes[w->index];
    w->tried = hub_now();
    w->lock = store_lock(&w->file);
    if (w->lock == -1 || tp_pending() || is_there(d, w))
        return;
    if (store_open_part(&w->file, &w->fd))
        return;
    if (fstat(w->fd, &info)) {
        tp_fail_errno(w->file.part, "cannot read");
        return;
    }
    r->from = info.st_size;
    if (size >= 0 && r->from > size) { /* of another content */
        r->from = 0;
        if (ftruncate(w->fd, 0)) {
            tp_fail_errno(w->file.part, "cannot write");
            return;
        }
    }
    w->resumed = r->from > 0;
    if (r->from > 0 && r->from == size)
        check(d, w);
    else
        ask(d, w, BODY);
}

static void on_body(download *d, worker *w)
{
    const http_request *r = &w->request;
    if (r->status / 100 != 2 || *r->error)
        http_fail(r, &d->settings, named(d, d->names[w->index]));
    else
        check(d, w);
}

static worker *worker_of(const download *d, const http_request *r)
{
    for (int i = 0; i < d->settings.o.at_once; i++)
        if (&d->workers[i].request == r)
            return &d->workers[i];
    return NULL;
}

static void fetch_all(download *d)
{
    const int n = d->settings.o.at_once;
    while (d->done < d->n && !tp_pending()) {
        for (int i = 0; i < n && !tp_pending(); i++) {
            worker *w = &d->workers[i];
            while (w->phase == IDLE && d->next < d->n && !tp_pending())
                begin_file(d, w);
            if (w->phase == LOCK && hub_now() - w->tried > 0.05)
                on_lock(d, w);
        }
        if (tp_pending() || d->done >= d->n)
            break;
        worker *w = worker_of(d, http_next(d->pool));
        if (w && w->phase == HEAD)
            on_head(d, w);
        else if (w)
            on_body(d, w);
        for (int i = 0; i < n; i++)
            if (d->workers[i].phase == BODY)
                d->got[d->workers[i].index] = d->workers[i].request.from;
        if (!go_on(d))
            tp_fail(TP_ERR_STATE, "hub: stopped");
    }
}

static tp_status fetch(download *d)
{
    const int n = d->settings.o.at_once;
    d->workers = tp_calloc((size_t)n * sizeof *d->workers);
    if (!d->workers)
        return TP_ERR_MEMORY;
    for (int i = 0; i < n; i++)
        d->workers[i].fd = d->workers[i].lock = -1;
    fetch_all(d);
    for (int i = 0; i < n; i++) {
        http_end(d->pool, &d->workers[i].request);
        leave(&d->workers[i]);
    }
    tp_free(d->workers, (size_t)n * sizeof *d->workers);
    return tp_error_pending();
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------------ */

static tp_status from_cache(download *d, tp_status status, const char *why)
{
    const tp_hub_options *o = &d->settings.o;
    char folder[PATH_MAX];
    if (!o->n_files && (!d->store.cache || !store_find_commit(&d->store, o->revision) ||
                        store_folder(&d->store, folder, sizeof folder) || access(folder, F_OK)))
        return tp_fail(status, "hub: %s: %s; revision '%s' is not in %s", d->store.repo.id, why, o->revision,
                       d->store.cache ? d->store.cache : d->store.root);
    store_find_commit(&d->store, o->revision);
    for (int i = 0; i < o->n_files; i++)
        if (hub_check_path(&d->store.repo, "the file", o->files[i]) ||
            (d->store.cache && !*d->store.commit) || !store_has(&d->store, o->files[i]))
            return tp_fail(status, "hub: %s: %s; '%.200s' of revision '%s' is not in %s", d->store.repo.id,
                           why, o->files[i], o->revision, d->store.cache ? d->store.cache : d->store.root);
    if (!d->settings.place.offline && !tp_pending() && log_wants(LOG_RUN))
        log_line(LOG_RUN, "hub: %s; %s is taken as it is in the cache", why, d->store.repo.id);
    return tp_error_pending();
}

static tp_status from_hub(download *d)
{
    const tp_hub_options *o = &d->settings.o;
    char unreachable[512] = "";
    if (!http_library(false) || !digest_library(false))
        return from_cache(d, TP_ERR_UNSUPPORTED,
                          http_library(false) ? "downloading is unsupported: built without libcrypto"
                                              : "downloading is unsupported: built without libcurl");
    d->pool = http_open(&d->settings);
    if (!d->pool)
        return tp_error_pending();
    if (hub_is_hex(o->revision, 40) && o->n_files) { /* then there is nothing that a list could say */
        store_find_commit(&d->store, o->revision);
        choose(d, NULL);
    } else if (!ask_list(d, unreachable) && *unreachable)
        return from_cache(d, TP_ERR_IO, unreachable);
    if (!tp_pending() && !fetch(d) && !store_keep_ref(&d->store, o->revision))
        tell(d);
    return tp_error_pending();
}

tp_status tp_hub_download_opt(const char *repo, char *folder, size_t room, const tp_hub_options *options)
{
    if (tp_pending())
        return tp_error_pending();
    download *d = tp_calloc(sizeof *d);
    if (!d)
        return TP_ERR_MEMORY;
    if (!hub_settings_read(&d->settings, options) && !store_open(&d->store, &d->settings, repo) &&
        !hub_check_path(&d->store.repo, "the revision", d->settings.o.revision) &&
        !(d->settings.place.offline ? from_cache(d, TP_ERR_IO, "offline") : from_hub(d)))
        store_folder(&d->store, folder, room);
    http_close(d->pool);
    js_free(d->list);
    tp_free(d->names, (size_t)d->room * sizeof *d->names);
    tp_free(d->sizes, (size_t)d->room * sizeof *d->sizes);
    tp_free(d->got, (size_t)d->room * sizeof *d->got);
    tp_free(d, sizeof *d);
    return tp_error_pending();
}
