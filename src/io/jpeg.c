/* jpeg.c - JPEG by libjpeg (libjpeg-turbo).
 *
 * libjpeg reports errors by a function that must not return: it jumps back to decode_jpeg, and everything that has to
 * be freed lies in jpeg_job.  A warning of corrupt data is an error here: half a picture must not train a network.
 * Layer: io.  Depends on image.h, libjpeg.  Read next: image.c. */
#include "io/image.h"

#include "base/error.h"
#include "base/memory.h"

#include <setjmp.h>
#include <string.h>
/* jpeglib.h wants size_t and FILE to be known */
#include <jpeglib.h>
#include <jerror.h>

typedef struct jpeg_job {
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const char *name;
    size_t size;
    picture *picture;
    unsigned char *row; /* four bytes a pixel, of CMYK */
    size_t row_room;
    char message[JMSG_LENGTH_MAX];
} jpeg_job;

static _Noreturn void on_error(j_common_ptr codec)
{
    jpeg_job *job = codec->client_data;
    codec->err->format_message(codec, job->message);
    longjmp(job->jump, 1);
}

/* Level -1 is a warning, 0 and above are traces. */
static void on_message(j_common_ptr codec, int level)
{
    int code = codec->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM)
        on_error(codec);
}

static void on_output(j_common_ptr codec)
{
    (void)codec;
}

/* A failure of our own: its text is pending already. */
static void must(jpeg_job *job, tp_status status)
{
    if (status)
        longjmp(job->jump, 1);
}

/* Many scans over many pixels cost minutes and few bytes. */
static void on_progress(j_common_ptr codec)
{
    jpeg_job *job = codec->client_data;
    int scan = job->codec.input_scan_number;
    double pixels = (double)job->codec.image_width * job->codec.image_height;
    if (scan > MAX_SCANS || scan * pixels > 20.0 * MAX_PIXELS)
        must(job, tp_fail(TP_ERR_UNSUPPORTED, "%s: JPEG: more than %d scans of %u x %u pixels", job->name,
                          scan - 1, job->codec.image_width, job->codec.image_height));
}

/* ---- EXIF: the orientation, tag 0x0112 of the first directory ---------------------------------------------------- */

static unsigned number(const unsigned char *p, int bytes, bool little)
{
    unsigned value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (unsigned)p[i] << 8 * (little ? i : bytes - 1 - i);
    return value;
}

static int exif_orientation(const unsigned char *data, size_t size)
{
    if (size < 14 || memcmp(data, "Exif\0\0", 6) != 0)
        return 1;
    data += 6;
    size -= 6;
    bool little = data[0] == 'I';
    size_t at = number(data + 4, 4, little);
    if (at > size || size - at < 2)
        return 1;
    unsigned entries = number(data + at, 2, little);
    at += 2;
    for (unsigned i = 0; i < entries && size - at >= 12; i++, at += 12)
        if (number(data + at, 2, little) == 0x0112 && number(data + at + 2, 2, little) == 3) {
            unsigned value = number(data + at + 8, 2, little);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    return 1;
}

static int find_orientation(const jpeg_job *job)
{
    for (jpeg_saved_marker_ptr m = job->codec.marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length >= 6 && !memcmp(m->data, "Exif\0\0", 6))
            return exif_orientation(m->data, m->data_length);
    return 1;
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

/* Photoshop's inverted inks, as PIL takes every CMYK JPEG to be: 255 is no ink. */
static void cmyk_to_rgb(const unsigned char *cmyk, unsigned char *rgb, int64_t n)
{
    for (int64_t i = 0; i < n; i++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) {
            unsigned t = (255u - cmyk[c]) * cmyk[3] + 128;
            rgb[c] = (unsigned char)(cmyk[3] - ((t + (t >> 8)) >> 8));
        }
}

/* Huffman codes have a bit a block at least: a short file that claims many pixels is refused before memory is asked. */
static void check_header(jpeg_job *job)
{
    struct jpeg_decompress_struct *c = &job->codec;
    double blocks = (double)c->image_width * c->image_height / 64 /
                    4; /* a component has a sample for 4 pixels at least */
    if (c->arith_code)
        must(job, tp_fail(TP_ERR_UNSUPPORTED, "%s: JPEG: arithmetic coding is unsupported", job->name));
    if (blocks / 8 > (double)job->size)
        must(job, tp_fail(TP_ERR_FORMAT, "%s: byte %zu: JPEG: %u x %u pixels cannot be in %zu bytes: cut off",
                          job->name, job->size, c->image_width, c->image_height, job->size));
    switch (c->jpeg_color_space) {
    case JCS_GRAYSCALE: c->out_color_space = JCS_GRAYSCALE; break;
    case JCS_RGB:
    case JCS_YCbCr: c->out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: c->out_color_space = JCS_CMYK; break;
    default:
        must(job, tp_fail(TP_ERR_UNSUPPORTED, "%s: JPEG: %d components, 1, 3 or 4 are wanted", job->name,
                          c->num_components));
    }
}

static void read_pixels(jpeg_job *job)
{
    struct jpeg_decompress_struct *c = &job->codec;
    picture *p = job->picture;
    bool cmyk = c->out_color_space == JCS_CMYK;
    must(job, picture_new(job->name, c->image_height, c->image_width,
                          c->out_color_space == JCS_GRAYSCALE ? 1 : 3, p));
    jpeg_start_decompress(c);
    if (cmyk) {
        job->row_room = 4 * (size_t)p->width;
        job->row = tp_alloc(job->row_room);
        must(job, job->row ? TP_OK : TP_ERR_MEMORY);
    }
    while (c->output_scanline < c->output_height) {
        unsigned char *to = p->pixels + (size_t)c->output_scanline * (size_t)p->width * (size_t)p->channels;
        JSAMPROW row = cmyk ? job->row : to;
        jpeg_read_scanlines(c, &row, 1);
        if (cmyk)
            cmyk_to_rgb(row, to, p->width);
    }
    jpeg_finish_decompress(c);
}

static void read_all(jpeg_job *job, const void *data, int *orientation)
{
    jpeg_create_decompress(&job->codec);
    job->codec.mem->max_memory_to_use = (long)1 << 30;
    jpeg_mem_src(&job->codec, data, job->size);
    jpeg_save_markers(&job->codec, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&job->codec, TRUE);
    job->progress.progress_monitor = on_progress;
    job->codec.progress = &job->progress;
    check_header(job);
    *orientation = find_orientation(job);
    read_pixels(job);
}

static size_t position(const jpeg_job *job)
{
    size_t left = job->codec.src ? job->codec.src->bytes_in_buffer : 0;
    return left <= job->size ? job->size - left : job->size;
}

tp_status decode_jpeg(const char *name, const void *data, size_t size, picture *out, int *orientation)
{
    jpeg_job job = { .name = name, .size = size, .picture = out };
    *out = (picture){ 0 };
    *orientation = 1;
    job.codec.err = jpeg_std_error(&job.errors);
    job.codec.client_data = &job;
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    job.errors.output_message = on_output;
    if (setjmp(job.jump) == 0)
        read_all(&job, data, orientation);
    else {
        picture_free(out);
        if (!tp_pending())
            tp_fail(TP_ERR_FORMAT, "%s: byte %zu: JPEG: %s", name, position(&job), job.message);
    }
    tp_free(job.row, job.row_room);
    jpeg_destroy_decompress(&job.codec);
    return tp_error_pending();
}

/* That of the interface: the library compares it itself, and tells no other. */
const char *jpeg_library(bool running)
{
    static char text[12];
    (void)running;
    snprintf(text, sizeof text, "%d", JPEG_LIB_VERSION);
    return text;
}
