/* store.c - the folders of Hugging Face's cache, as huggingface_hub lays them out, and a plain folder as it keeps one.
 *
 * Layer: hub.  Depends on hub.h, digest.h, io/file.h.  Read next: store.h for the picture. */
#include "hub/store.h"

#include "base/error.h"
#include "hub/digest.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

tp_status store_open(hub_store *s, const hub_settings *settings, const char *repo)
{
    memset(s, 0, sizeof *s);
    if (hub_repo_read(&s->repo, repo))
        return tp_error_pending();
    if (settings->o.local_dir)
        return hub_path(s->root, "%s", settings->o.local_dir);
    s->cache = settings->place.cache;
    return hub_path(s->root, "%s/%s", s->cache, s->repo.folder);
}

/* The words of a small file, at most room - 1; "" when there is none. */
static void read_words(const char *path, char *text, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, room - 1);
    text[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
}

bool store_find_commit(hub_store *s, const char *revision)
{
    char path[PATH_MAX];
    if (hub_is_hex(revision, 40))
        snprintf(s->commit, sizeof s->commit, "%s", revision);
    else if (s->cache && !hub_path(path, "%s/refs/%s", s->root, revision)) {
        read_words(path, s->commit, 41);
        if (!hub_is_hex(s->commit, 40))
            s->commit[0] = 0;
    }
    return *s->commit;
}

tp_status store_keep_ref(const hub_store *s, const char *revision)
{
    char path[PATH_MAX], old[64];
    if (!s->cache || !strcmp(revision, s->commit) || hub_path(path, "%s/refs/%s", s->root, revision))
        return tp_error_pending();
    read_words(path, old, sizeof old);
    if (!strcmp(old, s->commit) || hub_make_folders(path, 0777))
        return tp_error_pending();
    return file_write(path, s->commit, strlen(s->commit));
}

static tp_status path_of(const hub_store *s, const char *name, char path[PATH_MAX])
{
    return s->cache ? hub_path(path, "%s/snapshots/%s/%s", s->root, s->commit, name)
                    : hub_path(path, "%s/%s", s->root, name);
}

tp_status store_folder(const hub_store *s, char *folder, size_t room)
{
    char path[PATH_MAX];
    if (path_of(s, "", path))
        return tp_error_pending();
    path[strlen(path) - 1] = 0; /* the slash */
    if (strlen(path) >= room)
        return tp_fail(TP_ERR_ARGUMENT, "hub: %s: the path has no room in %zu bytes", path, room);
    memcpy(folder, path, strlen(path) + 1);
    return TP_OK;
}

bool store_has(const hub_store *s, const char *name)
{
    char path[PATH_MAX];
    return !path_of(s, name, path) && !access(path, F_OK);
}

/* ---- one file -------------------------------------------------------------------------------------------------------------------------- */

tp_status store_place(const hub_store *s, store_file *f, const char *name, const char *etag)
{
    const size_t plain = strspn(etag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    f->name = name;
    if (!*etag || etag[plain] || etag[0] == '.')
        return tp_fail(TP_ERR_FORMAT, "hub: %s: %s: the ETag '%s' is none of a hub", s->repo.id, name, etag);
    snprintf(f->etag, sizeof f->etag, "%s", etag);
    if (s->cache) {
        hub_path(f->path, "%s/blobs/%s", s->root, etag);
        hub_path(f->part, "%s/blobs/%s.incomplete", s->root, etag);
        hub_path(f->lock, "%s/.locks/%s/%s.lock", s->cache, s->repo.folder, etag);
    } else {
        hub_path(f->path, "%s/%s", s->root, name);
        hub_path(f->part, "%s/.cache/huggingface/download/%s.incomplete", s->root, etag);
        hub_path(f->lock, "%s/.cache/huggingface/download/%s.lock", s->root, etag);
        hub_path(f->metadata, "%s/.cache/huggingface/download/%s.metadata", s->root, name);
    }
    return tp_error_pending();
}

/* What the metadata says of the file, if nobody has written to it since. */
static bool metadata_fits(const store_file *f, const struct stat *info)
{
    char text[400], etag[160];
    long long time = 0;
    read_words(f->metadata, text, sizeof text);
    return sscanf(text, "%*63s %159s %lld", etag, &time) == 2 && !strcmp(etag, f->etag) &&
           (long long)info->st_mtime <= time + 1;
}

bool store_is_there(const store_file *f, int64_t size)
{
    struct stat info;
    char hex[65] = "";
    if (stat(f->path, &info) || !S_ISREG(info.st_mode))
        return false;
    if (!*f->metadata) /* a blob has its name only when it was right */
        return true;
    if (size >= 0 && info.st_size != size)
        return false;
    if (metadata_fits(f, &info))
        return true;
    const int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && digest_file(fd, f->path, info.st_size, f->etag, hex))
        tp_error_take(NULL, 0); /* what cannot be read is not there */
    if (fd >= 0)
        close(fd);
    return *hex && !strcasecmp(hex, f->etag);
}

tp_status store_open_part(const store_file *f, int *fd)
{
    if (hub_make_folders(f->part, 0777))
        return tp_error_pending();
    *fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    return *fd < 0 ? tp_fail_errno(f->part, "cannot write") : TP_OK;
}

/* Where there are no locks we go on without: the worst that can happen is that a hash is wrong. */
int store_lock(const store_file *f)
{
    if (hub_make_folders(f->lock, 0777))
        return -2;
    const int fd = open(f->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        tp_fail_errno(f->lock, "cannot write");
        return -2;
    }
    if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
        return fd;
    close(fd);
    return -1;
}

/* Relative, so that the cache can be moved. */
static tp_status make_link(const hub_store *s, const store_file *f)
{
    char path[PATH_MAX], target[PATH_MAX], old[PATH_MAX];
    char up[PATH_MAX] = "../../";
    for (const char *p = f->name; (p = strchr(p, '/')) && strlen(up) + 4 < sizeof up; p++)
        strcat(up, "../");
    if (path_of(s, f->name, path) || hub_path(target, "%sblobs/%s", up, f->etag) ||
        hub_make_folders(path, 0777))
        return tp_error_pending();
    const ssize_t had = readlink(path, old, sizeof old - 1);
    if (had > 0) {
        old[had] = 0;
        if (!strcmp(old, target))
            return TP_OK;
    }
    unlink(path);
    if (symlink(target, path) && errno != EEXIST && link(f->path, path))
        return tp_fail_errno(path, "cannot make this link");
    return TP_OK;
}

static tp_status write_metadata(const hub_store *s, const store_file *f)
{
    char text[300], ignore[PATH_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const int n = snprintf(text, sizeof text, "%s\n%s\n%lld.%06ld\n", s->commit, f->etag,
                           (long long)now.tv_sec, now.tv_nsec / 1000);
    if (hub_make_folders(f->metadata, 0777) || file_write(f->metadata, text, (size_t)n) ||
        hub_path(ignore, "%s/.cache/huggingface/.gitignore", s->root))
        return tp_error_pending();
    return access(ignore, F_OK) ? file_write(ignore, "*", 1) : TP_OK;
}

tp_status store_finish(const hub_store *s, const store_file *f)
{
    return s->cache ? make_link(s, f) : write_metadata(s, f);
}
