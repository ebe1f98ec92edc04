/* no_jpeg.c - JPEG in a build without libjpeg.
 *
 * Layer: io.  Depends on base.  Read next: image.h. */
#include "io/image.h"

#include "base/error.h"

tp_status decode_jpeg(const char *name, const void *data, size_t size, picture *out, int *orientation)
{
    (void)data, (void)size, (void)orientation;
    *out = (picture){ 0 };
    return tp_fail(TP_ERR_UNSUPPORTED, "%s: JPEG is unsupported: built without libjpeg", name);
}

const char *jpeg_library(bool running)
{
    (void)running;
    return NULL;
}
