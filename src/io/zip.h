/* zip.h - zip archives: members out one after the other, and tensors in.
 *
 * What a member claims is held against what is stored before anybody asks for memory: all members together cannot be
 * more than the file, and deflate makes at most 1032 bytes of one.  A name in an archive is never a path.
 * Layer: io.  zip.c uses libzip, no_zip.c says that it is not there.  Depends on file.h.  Read next: zip.c, npz.c, pth.c. */
#ifndef IO_ZIP_H
#define IO_ZIP_H

#include "core/tensor.h"
#include "io/file.h"

/* ---- Reading ------------------------------------------------------------------------------------------------------- */

typedef struct zip_archive zip_archive;

/* kind ("npz") is what error texts call the format.  The file must stay open. */
zip_archive *zip_archive_open(const file_in *, const char *kind);
void zip_archive_close(zip_archive *); /* NULL is fine */
int64_t zip_count(const zip_archive *);
const char *zip_name(const zip_archive *, int64_t i);    /* NULL with an error pending */
int64_t zip_find(const zip_archive *, const char *name); /* -1: there is none */

typedef struct zip_member {
    file_in in; /* its bytes, from the first to the last; path: "weights.npz: conv1.npy" */
    bool deflated;
    zip_archive *archive;
    void *file;
    int64_t at;
    char label[512];
} zip_member;

tp_status zip_member_open(zip_archive *, int64_t i, zip_member *);
tp_status zip_member_ends(zip_member *); /* when all of it was read: compares the checksum */
void zip_member_close(zip_member *);

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

typedef struct zip_part { /* a member to be: bytes, then the elements of a tensor; either may be absent */
    const char *name;
    const void *head;
    size_t head_size;
    const tp_tensor *tensor;
} zip_part;

/* The same parts are the same bytes: no date goes into the file. */
tp_status zip_write(const char *path, const char *kind, const zip_part *, int n, bool compressed);

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *zip_library(bool running);

#endif
