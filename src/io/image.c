/* image.c - pictures: which format a file has, grey and RGB, turning, floats.
 *
 * Layer: io.  Depends on png.c and jpeg.c or their no_ twins.  Read next: image.h. */
#include "io/image.h"

#include "base/error.h"
#include "base/memory.h"
#include "core/tensor.h"

#include <string.h>
#include <taper/io.h>

static const int64_t max_file = (int64_t)512 << 20;

tp_status picture_new(const char *name, int64_t height, int64_t width, int channels, picture *out)
{
    *out = (picture){ .height = height, .width = width, .channels = channels };
    if (height < 1 || width < 1 || height > MAX_PIXELS || width > MAX_PIXELS || height * width > MAX_PIXELS)
        return tp_fail(TP_ERR_UNSUPPORTED, "%s: a picture of %lld x %lld, at most %d pixels are read", name,
                       (long long)width, (long long)height, MAX_PIXELS);
    out->room = (size_t)(height * width) * (size_t)channels;
    out->pixels = tp_alloc(out->room);
    return out->pixels ? TP_OK : TP_ERR_MEMORY;
}

void picture_free(picture *p)
{
    tp_free(p->pixels, p->room);
    *p = (picture){ 0 };
}

/* ---- grey and RGB ------------------------------------------------------------------------------------------------ */

static tp_status to_grey(const char *name, picture *p)
{
    picture grey;
    tp_status status = picture_new(name, p->height, p->width, 1, &grey);
    if (status)
        return status;
    for (int64_t i = 0; i < p->height * p->width; i++) { /* PIL's integers */
        const unsigned char *rgb = p->pixels + 3 * i;
        grey.pixels[i] =
            (unsigned char)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
    }
    picture_free(p);
    *p = grey;
    return TP_OK;
}

static tp_status to_rgb(const char *name, picture *p)
{
    picture rgb;
    tp_status status = picture_new(name, p->height, p->width, 3, &rgb);
    if (status)
        return status;
    for (int64_t i = 0; i < p->height * p->width; i++)
        memset(rgb.pixels + 3 * i, p->pixels[i], 3);
    picture_free(p);
    *p = rgb;
    return TP_OK;
}

/* ---- turning ----------------------------------------------------------------------------------------------------- */

/* EXIF: 2 mirrored, 3 turned by 180 degrees, 4 upside down, 5 transposed, 6 turned right, 7 across, 8 turned left. */
static tp_status turn(const char *name, picture *p, int orientation)
{
    picture turned;
    bool exchange = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    if (orientation < 2 || orientation > 8)
        return TP_OK;
    tp_status status = picture_new(name, exchange ? p->width : p->height, exchange ? p->height : p->width,
                                   p->channels, &turned);
    if (status)
        return status;
    unsigned char *to = turned.pixels;
    for (int64_t i = 0; i < turned.height; i++)
        for (int64_t j = 0; j < turned.width; j++, to += p->channels) {
            int64_t row = exchange ? j : i, col = exchange ? i : j; /* of p, before mirroring */
            row = from_bottom ? p->height - 1 - row : row;
            col = from_right ? p->width - 1 - col : col;
            memcpy(to, p->pixels + (row * p->width + col) * p->channels, (size_t)p->channels);
        }
    picture_free(p);
    *p = turned;
    return TP_OK;
}

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *start;
    size_t length;
    const char *what;
} others[] = {
    { "GIF8", 4, "a GIF" },   { "RIFF", 4, "a WebP or another RIFF file" },
    { "BM", 2, "a BMP" },     { "II*\0", 4, "a TIFF" },
    { "MM\0*", 4, "a TIFF" }, { "<", 1, "a text like HTML or SVG" },
    { "%PDF", 4, "a PDF" },   { "P5", 2, "a PGM" },
    { "P6", 2, "a PPM" },     { "\x1f\x8b", 2, "a gzip" },
    { "PK", 2, "a zip" },
};

static tp_status not_a_picture(const char *name, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (size >= others[i].length && !memcmp(data, others[i].start, others[i].length))
            return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not a PNG or JPEG, but %s", name, others[i].what);
    char hex[16] = "";
    for (size_t i = 0; i < size && i < 4; i++)
        snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", data[i]);
    return tp_fail(TP_ERR_FORMAT, "%s: byte 0: not a PNG or JPEG: %zu bytes that begin with 0x%s", name, size,
                   hex);
}

tp_status picture_decode(const char *name, const void *data, size_t size, int channels, picture *out)
{
    int orientation = 1;
    *out = (picture){ 0 };
    if (tp_pending())
        return tp_error_pending();
    tp_status status;
    if (size == 0)
        return tp_fail(TP_ERR_FORMAT, "%s: byte 0: the file is empty, a PNG or JPEG is wanted", name);
    if (size >= 8 && !memcmp(data, "\x89PNG\r\n\x1a\n", 8))
        status = decode_png(name, data, size, out);
    else if (size >= 3 && !memcmp(data, "\xff\xd8\xff", 3))
        status = decode_jpeg(name, data, size, out, &orientation);
    else
        status = not_a_picture(name, data, size);
    if (!status)
        status = turn(name, out, orientation);
    if (!status && channels == 1 && out->channels == 3)
        status = to_grey(name, out);
    if (!status && channels == 3 && out->channels == 1)
        status = to_rgb(name, out);
    if (status)
        picture_free(out);
    return status;
}

tp_status picture_read(const char *path, int channels, picture *out)
{
    file_bytes file;
    *out = (picture){ 0 };
    tp_status status = file_read(path, max_file, &file);
    if (!status)
        status = picture_decode(path, file.data, file.size, channels, out);
    file_bytes_free(&file);
    return status;
}

void picture_to_planes(const picture *p, float *planes)
{
    const int64_t n = p->height * p->width;
    float level[256];
    for (int i = 0; i < 256; i++)
        level[i] = (float)i / 255.0f;
    for (int c = 0; c < p->channels; c++) {
        const unsigned char *from = p->pixels + c;
        for (int64_t i = 0; i < n; i++, from += p->channels)
            *planes++ = level[*from];
    }
}

/* ---- the public functions ---------------------------------------------------------------------------------------- */

static bool channels_are_right(const char *op, int channels)
{
    if (tp_pending())
        return false;
    if (channels != 0 && channels != 1 && channels != 3)
        tp_fail(TP_ERR_ARGUMENT, "%s: %d channels, 1, 3 or 0 (as in the file) are wanted", op, channels);
    return !tp_pending();
}

/* The picture is freed. */
static tp_tensor *to_tensor(picture p)
{
    tp_tensor *t = tensor_new(TP_F32, TP_SHAPE(p.channels, p.height, p.width));
    if (t)
        picture_to_planes(&p, (float *)tensor_data(t));
    picture_free(&p);
    return t;
}

tp_tensor *tp_image_read(const char *path, int channels)
{
    picture p;
    return channels_are_right("image_read", channels) && !picture_read(path, channels, &p) ? to_tensor(p)
                                                                                           : NULL;
}

tp_tensor *tp_image_decode(const char *name, const void *data, size_t size, int channels)
{
    picture p;
    return channels_are_right("image_decode", channels) && !picture_decode(name, data, size, channels, &p)
               ? to_tensor(p)
               : NULL;
}

/* (channels, H, W) in [0, 1] to bytes; what lies outside is cut off, NaN becomes 0. */
static tp_status from_planes(const char *name, const tp_tensor *image, picture *out)
{
    int64_t height = tp_size(image, -2), width = tp_size(image, -1), n = height * width, numel = image->numel;
    int channels = image->ndim == 3 ? (int)image->shape[0] : 1;
    tp_status status = picture_new(name, height, width, channels, out);
    float *planes = status ? NULL : tp_alloc((size_t)numel * sizeof *planes);
    if (!planes)
        return tp_error_pending();
    status = tp_to_f32(image, planes, numel);
    for (int c = 0; c < channels && !status; c++)
        for (int64_t i = 0; i < n; i++) {
            float x = planes[c * n + i];
            x = x > 0 ? x < 1 ? x : 1 : 0;
            out->pixels[i * channels + c] = (unsigned char)(x * 255.0f + 0.5f);
        }
    tp_free(planes, (size_t)numel * sizeof *planes);
    return status;
}

tp_status tp_image_write_png(const char *path, tp_tensor *image)
{
    if (tp_pending())
        return tp_error_pending();
    if (!image || image->ndim < 2 || image->ndim > 3 ||
        (image->ndim == 3 && image->shape[0] != 1 && image->shape[0] != 3))
        return tp_fail(TP_ERR_SHAPE, "image_write_png: shape %s, (1 or 3, H, W) is wanted",
                       image ? tensor_shape_text(image) : "NULL");
    picture p = { 0 };
    file_bytes bytes = { 0 };
    tp_status status = from_planes(path, image, &p);
    if (!status)
        status = encode_png(path, &p, &bytes);
    if (!status)
        status = file_write(path, bytes.data, bytes.size);
    file_bytes_free(&bytes);
    picture_free(&p);
    return status;
}
