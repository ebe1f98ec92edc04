/* png.c - PNG by libpng.
 *
 * libpng reports errors by longjmp: everything that has to be freed lies in png_job, and nothing else is touched
 * after setjmp.  Ancillary chunks (text, colour profiles) are skipped, never inflated.
 * Layer: io.  Depends on image.h, libpng.  Read next: image.c. */
#include "io/image.h"

#include "base/error.h"
#include "base/memory.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

enum { BEST_RATIO = 1032 }; /* of deflate */

typedef struct png_job {
    const char *name;
    const unsigned char *data;
    size_t size, position;
    picture *picture;
    file_bytes *out;
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char message[200];
} png_job;

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    snprintf(job->message, sizeof job->message, "%s", message);
    longjmp(job->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static void on_read(png_structp png, png_bytep to, size_t bytes)
{
    png_job *job = png_get_io_ptr(png);
    if (bytes > job->size - job->position)
        png_error(png, "cut off");
    memcpy(to, job->data + job->position, bytes);
    job->position += bytes;
}

/* A failure of our own inside libpng's calls: the pending error is the message. */
static void must(png_job *job, tp_status status)
{
    if (status)
        longjmp(job->jump, 1);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Rows of one byte a sample: grey or palette index (1 channel), RGB (3). */
static void set_up(png_job *job, int *channels)
{
    png_structp png = job->png;
    int type = png_get_color_type(png, job->info), depth = png_get_bit_depth(png, job->info);
    if (depth == 16)
        png_set_strip_16(png);
    if (depth < 8 && type == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    else if (depth < 8)
        png_set_packing(png);
    if (type & PNG_COLOR_MASK_ALPHA)
        png_set_strip_alpha(png);
    *channels = type == PNG_COLOR_TYPE_RGB || type == PNG_COLOR_TYPE_RGB_ALPHA ? 3 : 1;
}

static void check_size(png_job *job)
{
    double bits = (double)png_get_image_width(job->png, job->info) *
                  png_get_image_height(job->png, job->info) * png_get_bit_depth(job->png, job->info) *
                  png_get_channels(job->png, job->info);
    if (bits / 8 > (double)job->size * BEST_RATIO) /* before memory is asked for */
        png_error(job->png, "more pixels than the compressed data can hold: cut off");
}

static void read_pixels(png_job *job)
{
    png_structp png = job->png;
    picture *p = job->picture;
    int channels;
    png_read_info(png, job->info);
    check_size(job);
    set_up(job, &channels);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    must(job, picture_new(job->name, png_get_image_height(png, job->info),
                          png_get_image_width(png, job->info), channels, p));
    size_t row = (size_t)p->width * (size_t)channels;
    if (png_get_rowbytes(png, job->info) != row)
        png_error(png, "a row of another length than its samples");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t i = 0; i < p->height; i++)
            png_read_row(png, p->pixels + (size_t)i * row, NULL);
    png_read_end(png, NULL);
}

static void use_palette(png_job *job)
{
    png_colorp colours = NULL;
    int n = 0;
    picture *p = job->picture, rgb;
    if (png_get_color_type(job->png, job->info) != PNG_COLOR_TYPE_PALETTE)
        return;
    png_get_PLTE(job->png, job->info, &colours, &n);
    must(job, picture_new(job->name, p->height, p->width, 3, &rgb));
    for (int64_t i = 0; i < p->height * p->width; i++) {
        int index = p->pixels[i];
        if (index >= n) {
            picture_free(&rgb);
            must(job, tp_fail(TP_ERR_FORMAT,
                              "%s: PNG: pixel (%lld, %lld) has palette index %d, the palette has %d colours",
                              job->name, (long long)(i / p->width), (long long)(i % p->width), index, n));
        }
        rgb.pixels[3 * i] = colours[index].red;
        rgb.pixels[3 * i + 1] = colours[index].green;
        rgb.pixels[3 * i + 2] = colours[index].blue;
    }
    picture_free(p);
    *p = rgb;
}

static void read_all(png_job *job)
{
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png ? png_create_info_struct(job->png) : NULL;
    if (!job->info)
        must(job, tp_fail(TP_ERR_MEMORY, "%s: out of memory while reading PNG", job->name));
    static const png_byte skipped[] = "iCCP\0tEXt\0zTXt\0iTXt\0sPLT\0hIST\0eXIf\0pCAL\0sCAL";
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, skipped, (int)(sizeof skipped / 5));
    png_set_chunk_malloc_max(job->png, 8 << 20);
    png_set_crc_action(job->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_read_fn(job->png, job, on_read);
    read_pixels(job);
    use_palette(job);
}

tp_status decode_png(const char *name, const void *data, size_t size, picture *out)
{
    png_job job = { .name = name, .data = data, .size = size, .picture = out };
    *out = (picture){ 0 };
    if (setjmp(job.jump) == 0)
        read_all(&job);
    else {
        picture_free(out);
        if (!tp_pending())
            tp_fail(TP_ERR_FORMAT, "%s: byte %zu: PNG: %s", name, job.position, job.message);
    }
    png_destroy_read_struct(&job.png, &job.info, NULL);
    return tp_error_pending();
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void on_write(png_structp png, png_bytep from, size_t bytes)
{
    png_job *job = png_get_io_ptr(png);
    must(job, file_bytes_append(job->out, from, bytes));
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void write_all(png_job *job, const picture *p)
{
    job->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png ? png_create_info_struct(job->png) : NULL;
    if (!job->info)
        must(job, tp_fail(TP_ERR_MEMORY, "%s: out of memory while writing PNG", job->name));
    png_set_write_fn(job->png, job, on_write, on_flush);
    png_set_IHDR(job->png, job->info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
                 p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (int64_t i = 0; i < p->height; i++)
        png_write_row(job->png, p->pixels + i * p->width * p->channels);
    png_write_end(job->png, NULL);
}

tp_status encode_png(const char *name, const picture *p, file_bytes *out)
{
    png_job job = { .name = name, .out = out };
    if (tp_pending())
        return tp_error_pending();
    if (setjmp(job.jump) == 0)
        write_all(&job, p);
    else if (!tp_pending())
        tp_fail(TP_ERR_UNSUPPORTED, "%s: PNG: %s", name, job.message);
    png_destroy_write_struct(&job.png, &job.info);
    return tp_error_pending();
}

const char *png_library(bool running)
{
    return running ? png_get_libpng_ver(NULL) : PNG_LIBPNG_VER_STRING;
}
