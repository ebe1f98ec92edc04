/* no_zip.c - zip.h in a build without libzip: no archive opens, so nothing else is ever asked of one.
 *
 * Layer: io.  Depends on base.  Read next: zip.h. */
#include "io/zip.h"

#include "base/error.h"

static tp_status say(const char *path, const char *kind)
{
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: %s is unsupported: built without libzip", path ? path : kind,
                   kind);
}

zip_archive *zip_archive_open(const file_in *in, const char *kind)
{
    say(in->path, kind);
    return NULL;
}

void zip_archive_close(zip_archive *a)
{
    (void)a;
}

int64_t zip_count(const zip_archive *a)
{
    (void)a;
    return 0;
}

const char *zip_name(const zip_archive *a, int64_t i)
{
    (void)a, (void)i;
    return NULL;
}

int64_t zip_find(const zip_archive *a, const char *name)
{
    (void)a, (void)name;
    return -1;
}

tp_status zip_member_open(zip_archive *a, int64_t i, zip_member *m)
{
    (void)a, (void)i;
    *m = (zip_member){ 0 };
    return tp_fail(TP_ERR_STATE, "zip: no archive is open");
}

tp_status zip_member_ends(zip_member *m)
{
    (void)m;
    return TP_OK;
}

void zip_member_close(zip_member *m)
{
    (void)m;
}

tp_status zip_write(const char *path, const char *kind, const zip_part *parts, int n, bool compressed)
{
    (void)parts, (void)n, (void)compressed;
    return say(path, kind);
}

const char *zip_library(bool running)
{
    (void)running;
    return NULL;
}
