/* file.h - whole files in and out, safely.
 *
 * Reading takes regular files only (a FIFO, folder or socket is an error that says so and never blocks) and copies
 * with pread: a file that shrinks while it is read is an error, not a SIGBUS.  Writing goes to a file beside, which
 * is synced and renamed: whatever happens, the old file or the new one is there.
 * Layer: io.  Depends on base.  Read next: file.c, safetensors.c. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <taper/base.h>

/* ---- Bytes in memory --------------------------------------------------------------------------------------------- */

typedef struct file_bytes {
    unsigned char *data; /* from tp_alloc(room) */
    size_t size, room;
} file_bytes;

void file_bytes_free(file_bytes *);
tp_status file_bytes_reserve(file_bytes *, size_t room); /* room for so many bytes in all */
tp_status file_bytes_append(file_bytes *, const void *data, size_t size);

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* An open file; memory under a name (for tests and fuzzers); or what read gives: an archive's member, whose bytes come
 * one after the other. */
typedef struct file_in {
    const char *path; /* the caller's, for error texts */
    int fd;           /* -1: memory or read */
    const unsigned char *memory;
    int64_t size;
    tp_status (*read)(void *context, int64_t offset, void *dst, size_t bytes); /* within size; all of them */
    void *context;
} file_in;

tp_status file_open(file_in *, const char *path);
file_in file_from_memory(const char *name, const void *data, size_t size);
tp_status file_read_at(const file_in *, int64_t offset, void *dst,
                       size_t bytes); /* all of them, or an error */
void file_close(file_in *);

/* The whole of it; more than cap bytes is an error. */
tp_status file_read_all(const file_in *, int64_t cap, file_bytes *out);
tp_status file_read(const char *path, int64_t cap, file_bytes *out);

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct file_out {
    char *target, *temp; /* where it goes, and the file beside that it is made in */
    size_t target_room, temp_room;
    int fd;
    int64_t written;
} file_out;

tp_status file_create(file_out *, const char *path);
tp_status file_put(file_out *, const void *data, size_t bytes);
tp_status file_commit(file_out *); /* sync, rename, sync the folder; on failure nothing is left behind */
void file_abandon(file_out *);     /* removes the file beside; after a commit it does nothing */

tp_status file_write(const char *path, const void *data, size_t bytes); /* all of the above */

#endif
