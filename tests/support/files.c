/* files.c - for tests that work with files.
 *
 * Layer: tests.  Read next: files.h. */
#include "support/files.h"

#include "io/gzip.h"
#include "io/image.h"
#include "io/json.h"
#include "io/npz.h"
#include "text/regex.h"
#include "text/unicode.h"

#include <dirent.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *temp_path(const char *name)
{
    static char ring[8][512];
    static unsigned turn;
    if (!*folder) {
        strcpy(folder, "/tmp/taper-test-XXXXXX");
        assert_non_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    char *path = ring[turn++ % 8];
    snprintf(path, sizeof *ring, "%s/%s", folder, name);
    return path;
}

void put_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(size ? fwrite(data, 1, size, f) : 0, size);
    assert_int_equal(fclose(f), 0);
}

void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

size_t get_file(const char *path, unsigned char *data, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(data, 1, room, f);
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    return size;
}

int count_files(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

void expect_error_at(tp_status status, const char *piece, const char *file, int line)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != status || !strstr(text, piece) || strchr(text, '\n')) {
        print_error("got %s: '%s'\nwanted %s: '%s'\n", tp_status_name(got), text, tp_status_name(status),
                    piece);
        _fail(file, line);
    }
}

void expect_no_error_at(const char *file, int line)
{
    if (tp_error_pending()) {
        print_error("an error that was not wanted: %s\n", tp_error_message());
        tp_error_take(NULL, 0);
        _fail(file, line);
    }
}

/* ---- failing allocations ----------------------------------------------------------------------------------------- */

static _Atomic int64_t granted;

static bool grant(size_t bytes, void *context)
{
    (void)bytes, (void)context;
    return atomic_fetch_sub(&granted, 1) > 0;
}

static tp_status run_granted(void (*body)(void), int64_t n)
{
    char text[1024];
    atomic_store(&granted, n);
    tp_memory_set_hook(grant, NULL);
    {
        TP_SCOPE;
        body();
    }
    tp_memory_set_hook(NULL, NULL);
    return tp_error_take(text, sizeof text);
}

void with_failing_allocations(void (*body)(void))
{
    assert_int_equal(run_granted(body, INT64_MAX), TP_OK); /* what is made once, is made */
    int64_t live = tp_memory_stats().live_bytes;
    for (int64_t n = 0;; n++) {
        tp_status status = run_granted(body, n);
        if (tp_memory_stats().live_bytes != live)
            fail_msg("allocation %lld failed: %lld bytes are lost", (long long)n,
                     (long long)(tp_memory_stats().live_bytes - live));
        if (!status)
            return;
        assert_int_equal(status, TP_ERR_MEMORY);
    }
}

/* ---- parts that a build may lack ------------------------------------------------------------------------------------ */

static void skip_if_unsupported(void)
{
    if (tp_error_take(NULL, 0) == TP_ERR_UNSUPPORTED)
        skip();
}

void need_json(void)
{
    js_free(js_parse("probe", "{}", 2, 0));
    skip_if_unsupported();
}

void need_gzip(void)
{
    size_t got;
    gzip_peek("probe", "\x1f\x8b", 2, NULL, 0, &got);
    skip_if_unsupported();
}

void need_npz(void)
{
    TP_SCOPE;
    file_in in = file_from_memory("probe", "", 0);
    npz_from(&in);
    skip_if_unsupported();
}

void need_png(void)
{
    picture p;
    decode_png("probe", "", 0, &p);
    skip_if_unsupported();
}

void need_unicode(void)
{
    if (!unicode_there())
        skip();
}

void need_regex(void)
{
    regex *r = regex_new("probe", "a");
    regex_free(r);
    skip_if_unsupported();
}

void need_jpeg(void)
{
    picture p;
    int orientation;
    decode_jpeg("probe", "", 0, &p, &orientation);
    skip_if_unsupported();
}
