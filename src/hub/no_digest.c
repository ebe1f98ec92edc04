/* no_digest.c - digest.h in a build without libcrypto.
 *
 * Layer: hub.  Read next: digest.h. */
#include "hub/digest.h"

#include "base/error.h"

tp_status digest_file(int fd, const char *name, int64_t size, const char *etag, char hex[65])
{
    (void)fd, (void)size, (void)etag;
    *hex = 0;
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: cannot be checked: built without libcrypto", name);
}

const char *digest_library(bool running)
{
    (void)running;
    return NULL;
}
