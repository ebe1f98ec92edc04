/* image.h - pictures in memory: bytes in, rows of pixels out.
 *
 * PNG by libpng (png.c or no_png.c), JPEG by libjpeg (jpeg.c or no_jpeg.c); which one a file is, its first bytes tell.
 * Own caps stand before the libraries': 64 million pixels, 500 JPEG scans, and no more pixels than the compressed size
 * can hold.  Layer: io.  Depends on file.h.  Read next: image.c. */
#ifndef IO_IMAGE_H
#define IO_IMAGE_H

#include "io/file.h"

typedef struct picture {
    unsigned char *pixels; /* (height, width, channels), from tp_alloc(room) */
    size_t room;
    int64_t height, width;
    int channels; /* 1: grey, 3: RGB */
} picture;

enum { MAX_PIXELS = 64 << 20, MAX_SCANS = 500 };

/* Not cleared; fails with the file's name when it would pass MAX_PIXELS. */
tp_status picture_new(const char *name, int64_t height, int64_t width, int channels, picture *out);
void picture_free(picture *);

/* A file's bytes, 1 or 3 channels (0: as in the file), as PIL's convert("L") and convert("RGB") give them: alpha is
 * dropped, L = 0.299 R + 0.587 G + 0.114 B.  16-bit samples keep their high byte.  EXIF orientation is applied. */
tp_status picture_decode(const char *name, const void *data, size_t size, int channels, picture *out);
tp_status picture_read(const char *path, int channels, picture *out);

/* planes (channels, height, width) = pixels / 255 */
void picture_to_planes(const picture *, float *planes);

/* ---- the parts (1 or 3 channels, as in the file) ----------------------------------------------------------------- */

tp_status decode_png(const char *name, const void *data, size_t size, picture *out);
tp_status encode_png(const char *name, const picture *, file_bytes *out);
tp_status decode_jpeg(const char *name, const void *data, size_t size, picture *out,
                      int *orientation); /* EXIF: 1 to 8 */

/* The library's version, of the header or of what runs; NULL: this build has none. */
const char *png_library(bool running);
const char *jpeg_library(bool running);

#endif
