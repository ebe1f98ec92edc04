/* files.h - for tests that work with files: a folder that goes away, expected errors, failing allocations.
 *
 * Layer: tests.  Depends on cmocka.  Read next: files.c. */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <taper/base.h>

const char *temp_path(const char *name); /* in this process's folder; the last 8 results stay valid */
void put_file(const char *path, const void *data, size_t size);
void put_text(const char *path, const char *text);
size_t get_file(const char *path, unsigned char *data,
                size_t room); /* fails the test when it is not there or larger */
int count_files(const char *folder);

/* An error of this status is pending, and its text contains piece; takes it. */
#define expect_error(status, piece) expect_error_at(status, piece, __FILE__, __LINE__)
void expect_error_at(tp_status, const char *piece, const char *file, int line);
#define expect_no_error() expect_no_error_at(__FILE__, __LINE__)
void expect_no_error_at(const char *file, int line);

/* Runs body again and again, each time with one request for memory more that is granted, until it does without an
 * error.  Each failure must be TP_ERR_MEMORY, and must leave as much memory in use as there was. */
void with_failing_allocations(void (*body)(void));

/* Leaves the test (skipped) in a build without the part. */
void need_json(void);
void need_gzip(void);
void need_npz(void);
void need_png(void);
void need_unicode(void);
void need_regex(void);
void need_jpeg(void);

#endif
