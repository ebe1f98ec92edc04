/* folder.c - folders that change in one instant.
 *
 * Layer: train.  Depends on base.  Read next: folder.h for the rules, checkpoint.c for what is in them. */
#include "train/folder.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

tp_status folder_path(char *path, const char *folder, const char *name)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= PATH_MAX)
        return tp_fail(TP_ERR_ARGUMENT, "%.200s...: the path is longer than %d bytes", folder, PATH_MAX - 1);
    return TP_OK;
}

static tp_status with_suffix(char *path, const char *base, const char *suffix)
{
    int length = snprintf(path, PATH_MAX, "%s%s", base, suffix);
    if (length < 0 || length >= PATH_MAX)
        return tp_fail(TP_ERR_ARGUMENT, "%.200s...: the path is longer than %d bytes", base, PATH_MAX - 1);
    return TP_OK;
}

bool folder_exists(const char *path)
{
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

bool file_exists(const char *path)
{
    struct stat info;
    return !stat(path, &info);
}

tp_status folder_make(const char *path)
{
    if (!mkdir(path, 0777) || (errno == EEXIST && folder_exists(path)))
        return TP_OK;
    return tp_fail_errno(path, "cannot make this folder");
}

void folder_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(fd, entry->d_name, 0); /* folders stay: a checkpoint has none */
    closedir(folder);
    rmdir(path);
}

/* The folder that path is in is on disk.  Some file systems cannot sync folders: that is no failure. */
static tp_status sync_parent(const char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    if (length >= sizeof parent)
        return TP_OK;
    memcpy(parent, slash ? path : ".", length);
    parent[length] = 0;
    int fd = open(length ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return TP_OK;
    tp_status status = TP_OK;
    if (fsync(fd) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
        status = tp_fail_errno(parent, "cannot sync the folder");
    close(fd);
    return status;
}

tp_status folder_begin(const char *path, char *beside)
{
    char old[PATH_MAX];
    if (tp_pending())
        return tp_error_pending();
    if (with_suffix(beside, path, ".new") || with_suffix(old, path, ".old"))
        return tp_error_pending();
    folder_remove(beside);
    if (!folder_exists(path) && folder_exists(old)) /* killed in the middle of a dance */
        if (rename(old, path))
            return tp_fail_errno(path, "cannot rename the checkpoint before it");
    folder_remove(old);
    return folder_make(beside);
}

void folder_abandon(const char *path)
{
    char beside[PATH_MAX];
    int length = snprintf(beside, sizeof beside, "%s.new", path);
    if (length > 0 && length < PATH_MAX)
        folder_remove(beside);
}

/* For file systems that cannot exchange: between the two renames path.old is the one that counts. */
static tp_status dance(const char *path, const char *beside, const char *old)
{
    if (rename(path, old))
        return tp_fail_errno(path, "cannot rename the old checkpoint");
    if (rename(beside, path)) {
        int reason = errno;
        (void)!rename(old, path);
        errno = reason;
        return tp_fail_errno(path, "cannot rename the new checkpoint");
    }
    return sync_parent(path);
}

tp_status folder_commit(const char *path)
{
    char beside[PATH_MAX], old[PATH_MAX];
    if (with_suffix(beside, path, ".new") || with_suffix(old, path, ".old"))
        return tp_error_pending();
    tp_status status = TP_OK;
    if (!folder_exists(path)) {
        if (rename(beside, path))
            status = tp_fail_errno(path, "cannot rename the new checkpoint");
    } else if (renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE)) {
        if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP)
            status = dance(path, beside, old);
        else
            status = tp_fail_errno(path, "cannot exchange the old checkpoint for the new one");
    }
    if (!status)
        status = sync_parent(path);
    folder_remove(beside); /* the old one, or what failed */
    if (folder_exists(path))
        folder_remove(old);
    return status;
}

bool folder_find(const char *path, char *found)
{
    static const char *const suffixes[] = { "", ".old" };
    for (int i = 0; i < 2; i++) {
        int length = snprintf(found, PATH_MAX, "%s%s", path, suffixes[i]);
        if (length > 0 && length < PATH_MAX && folder_exists(found))
            return true;
    }
    return false;
}

int folder_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        tp_fail_errno(path, "cannot open this folder");
        return -1;
    }
    int failed = flock(fd, LOCK_EX | LOCK_NB);
    for (int i = 0; i < 5 && failed && errno == EWOULDBLOCK;
         i++) { /* who only looks (taper watch) has it for a moment */
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        failed = flock(fd, LOCK_EX | LOCK_NB);
    }
    if (failed && errno == EWOULDBLOCK) { /* where there are no locks, we go on without */
        close(fd);
        tp_fail(TP_ERR_STATE, "%s: another process is training in this run folder", path);
        return -1;
    }
    return fd;
}

void folder_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
