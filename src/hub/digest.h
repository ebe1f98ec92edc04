/* digest.h - the hash of a file, as the hub states it in a file's ETag.
 *
 * 64 digits are the SHA-256 of the content (large files), 40 are git's name of it: the SHA-1 of "blob <size>\0" and the content.
 * Layer: hub.  Depends on libcrypto (no_digest.c: none).  Read next: digest.c. */
#ifndef HUB_DIGEST_H
#define HUB_DIGEST_H

#include <taper/base.h>

/* Of the open file, whose name stands in errors, into hex: as many digits as etag has; *hex is "" if etag is of neither kind. */
tp_status digest_file(int fd, const char *name, int64_t size, const char *etag, char hex[65]);

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *digest_library(bool running);

#endif
