/* no_png.c - PNG in a build without libpng.
 *
 * Layer: io.  Depends on base.  Read next: image.h. */
#include "io/image.h"

#include "base/error.h"

tp_status decode_png(const char *name, const void *data, size_t size, picture *out)
{
    (void)data, (void)size;
    *out = (picture){ 0 };
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: PNG is unsupported: built without libpng", name);
}

tp_status encode_png(const char *name, const picture *p, file_bytes *out)
{
    (void)p, (void)out;
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: PNG is unsupported: built without libpng", name);
}

const char *png_library(bool running)
{
    (void)running;
    return NULL;
}
