/* file.c - whole files in and out, safely.
 *
 * Invariant of a file_out: fd >= 0 exactly while the file beside exists and is not yet committed or abandoned.
 * Layer: io.  Depends on base.  Read next: file.h for the rules. */
#include "io/file.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bytes in memory --------------------------------------------------------------------------------------------- */

void file_bytes_free(file_bytes *bytes)
{
    tp_free(bytes->data, bytes->room);
    *bytes = (file_bytes){ 0 };
}

tp_status file_bytes_reserve(file_bytes *bytes, size_t room)
{
    if (room <= bytes->room)
        return TP_OK;
    unsigned char *bigger = tp_alloc(room);
    if (!bigger)
        return TP_ERR_MEMORY;
    if (bytes->size)
        memcpy(bigger, bytes->data, bytes->size);
    tp_free(bytes->data, bytes->room);
    bytes->data = bigger;
    bytes->room = room;
    return TP_OK;
}

tp_status file_bytes_append(file_bytes *bytes, const void *data, size_t size)
{
    size_t want = bytes->size + size;
    if (want > bytes->room && file_bytes_reserve(bytes, want < 2 * bytes->room ? 2 * bytes->room : want))
        return TP_ERR_MEMORY;
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size = want;
    return TP_OK;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a FIFO"
           : S_ISSOCK(mode) ? "a socket"
           : S_ISCHR(mode)  ? "a character device"
           : S_ISBLK(mode)  ? "a block device"
                            : "of an unknown kind";
}

static tp_status must_be_regular(const char *path, mode_t mode)
{
    return S_ISREG(mode) ? TP_OK
                         : tp_fail(TP_ERR_IO, "%s: is %s, a regular file is wanted", path, kind_of(mode));
}

tp_status file_open(file_in *in, const char *path)
{
    *in = (file_in){ .path = path, .fd = -1 };
    struct stat info;
    if (tp_pending())
        return tp_error_pending();
    if (!path || !*path)
        return tp_fail(TP_ERR_ARGUMENT, "file: the path is empty");
    if (stat(path, &info)) /* before opening: opening a device may already do something */
        return tp_fail_errno(path, "cannot open");
    if (must_be_regular(path, info.st_mode))
        return TP_ERR_IO;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* it may have become a FIFO since */
    if (fd < 0)
        return tp_fail_errno(path, "cannot open");
    if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
        close(fd);
        return must_be_regular(path, info.st_mode);
    }
    in->fd = fd;
    in->size = info.st_size;
    return TP_OK;
}

file_in file_from_memory(const char *name, const void *data, size_t size)
{
    return (file_in){ .path = name, .fd = -1, .memory = data, .size = (int64_t)size };
}

void file_close(file_in *in)
{
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}

tp_status file_read_at(const file_in *in, int64_t offset, void *dst, size_t bytes)
{
    if (offset < 0 || offset > in->size || bytes > (size_t)(in->size - offset))
        return tp_fail(TP_ERR_FORMAT, "%s: byte %lld: %zu bytes wanted, the file ends at %lld", in->path,
                       (long long)offset, bytes, (long long)in->size);
    if (in->read)
        return bytes ? in->read(in->context, offset, dst, bytes) : TP_OK;
    if (in->fd < 0) {
        if (bytes)
            memcpy(dst, in->memory + offset, bytes);
        return TP_OK;
    }
    for (size_t done = 0; done < bytes;) {
        size_t want =
            bytes - done < ((size_t)1 << 30) ? bytes - done : (size_t)1 << 30; /* Linux reads 2 GB at most */
        ssize_t got = pread(in->fd, (char *)dst + done, want, (off_t)offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tp_fail_errno(in->path, "cannot read");
        if (got == 0)
            return tp_fail(TP_ERR_IO, "%s: shrank while it was read: ends at byte %lld, had %lld", in->path,
                           (long long)offset + (long long)done, (long long)in->size);
        done += (size_t)got;
    }
    return TP_OK;
}

tp_status file_read_all(const file_in *in, int64_t cap, file_bytes *out)
{
    *out = (file_bytes){ 0 };
    if (in->size > cap)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: has %lld bytes, at most %lld are read", in->path,
                       (long long)in->size, (long long)cap);
    if (file_bytes_reserve(out, (size_t)in->size + 1)) /* never an empty block */
        return TP_ERR_MEMORY;
    out->size = (size_t)in->size;
    tp_status status = file_read_at(in, 0, out->data, out->size);
    if (status)
        file_bytes_free(out);
    return status;
}

tp_status file_read(const char *path, int64_t cap, file_bytes *out)
{
    file_in in;
    *out = (file_bytes){ 0 };
    tp_status status = file_open(&in, path);
    if (!status)
        status = file_read_all(&in, cap, out);
    file_close(&in);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void forget(file_out *out)
{
    tp_free(out->temp, out->temp_room);
    tp_free(out->target, out->target_room);
    *out = (file_out){ .fd = -1 };
}

/* The file that path names, behind any links: rename would replace the link itself.  Fills mode with the
 * permissions of a file that is there already. */
static tp_status find_target(file_out *out, const char *path, mode_t *mode)
{
    char real[PATH_MAX];
    struct stat info;
    if (!stat(path, &info)) {
        if (must_be_regular(path, info.st_mode))
            return TP_ERR_IO;
        *mode = info.st_mode & 0777;
        if (!lstat(path, &info) && S_ISLNK(info.st_mode) && realpath(path, real))
            path = real;
    }
    out->target_room = strlen(path) + 1;
    out->temp_room = out->target_room + 48;
    out->target = tp_memdup(path, out->target_room);
    out->temp = out->target ? tp_alloc(out->temp_room) : NULL;
    return out->temp ? TP_OK : TP_ERR_MEMORY;
}

tp_status file_create(file_out *out, const char *path)
{
    static _Atomic unsigned serial; /* two threads may write the same path */
    *out = (file_out){ .fd = -1 };
    mode_t mode = 0;
    if (tp_pending())
        return tp_error_pending();
    if (!path || !*path)
        return tp_fail(TP_ERR_ARGUMENT, "file: the path is empty");
    tp_status status = find_target(out, path, &mode);
    if (status) {
        forget(out);
        return status;
    }
    for (int attempt = 0; out->fd < 0 && attempt < 100; attempt++) {
        snprintf(out->temp, out->temp_room, "%s.tmp-%ld-%u", out->target, (long)getpid(),
                 atomic_fetch_add(&serial, 1));
        out->fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (out->fd < 0 && errno != EEXIST)
            break;
    }
    if (out->fd < 0) {
        tp_fail_errno(path, "cannot write");
        forget(out);
        return TP_ERR_IO;
    }
    if (mode) /* the new file stays as private or as public as the old one was */
        (void)!fchmod(out->fd, mode);
    return TP_OK;
}

tp_status file_put(file_out *out, const void *data, size_t bytes)
{
    if (out->fd < 0)
        return tp_fail(TP_ERR_STATE, "file: not open for writing");
    for (size_t done = 0; done < bytes;) {
        size_t want = bytes - done < ((size_t)1 << 30) ? bytes - done : (size_t)1 << 30;
        ssize_t put = write(out->fd, (const char *)data + done, want);
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0)
            errno = ENOSPC;
        if (put <= 0)
            return tp_fail_errno(out->target, "cannot write");
        done += (size_t)put;
        out->written += put;
    }
    return TP_OK;
}

void file_abandon(file_out *out)
{
    if (out->fd >= 0) {
        close(out->fd);
        unlink(out->temp);
    }
    forget(out);
}

/* The new name is on disk only when its folder is.  Some file systems cannot sync folders: that is no failure. */
static tp_status sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder)
        return TP_OK;
    memcpy(folder, path, length);
    folder[length] = 0;
    int fd = open(slash ? (length ? folder : "/") : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return TP_OK;
    tp_status status = TP_OK;
    if (fsync(fd) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
        status = tp_fail_errno(path, "cannot sync the folder");
    close(fd);
    return status;
}

tp_status file_commit(file_out *out)
{
    if (out->fd < 0)
        return tp_fail(TP_ERR_STATE, "file: not open for writing");
    tp_status status = TP_OK;
    if (fsync(out->fd) && errno != EINVAL && errno != ENOTSUP)
        status = tp_fail_errno(out->target, "cannot write");
    if (close(out->fd) && errno != EINTR)
        status = tp_fail_errno(out->target, "cannot write");
    if (!status && rename(out->temp, out->target))
        status = tp_fail_errno(out->target, "cannot rename the new file");
    if (status)
        unlink(out->temp);
    else
        status = sync_folder(out->target);
    forget(out);
    return status;
}

tp_status file_write(const char *path, const void *data, size_t bytes)
{
    file_out out;
    tp_status status = file_create(&out, path);
    if (!status)
        status = file_put(&out, data, bytes);
    if (!status)
        status = file_commit(&out);
    file_abandon(&out);
    return status;
}
