/* test_bad_pictures.c - malformed PNG, JPEG and folders of pictures: each is an error that names its file.
 *
 * PNG files are made here, chunk by chunk; JPEG files are fixtures with changed bytes.  Layer: tests.
 * Read next: io/png.c, io/jpeg.c, data/folder.c. */
#include "support/files.h"

#include "io/gzip.h"
#include "io/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/data.h>
#include <time.h>
#include <unistd.h>

static tp_status decode(const void *data, size_t size)
{
    picture p;
    tp_status status = picture_decode("f.png", data, size, 0, &p);
    picture_free(&p);
    return status;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- PNG ----------------------------------------------------------------------------------------------------------- */

typedef struct buffer {
    unsigned char data[8192];
    size_t n;
} buffer;

static void put(buffer *b, const void *data, size_t n)
{
    assert_true(b->n + n <= sizeof b->data);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_u32(buffer *b, uint32_t v)
{
    put(b,
        (unsigned char[]){ (unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8),
                           (unsigned char)v },
        4);
}

static void chunk(buffer *b, const char *kind, const void *data, size_t n)
{
    put_u32(b, (uint32_t)n);
    size_t start = b->n;
    put(b, kind, 4);
    put(b, data, n);
    put_u32(b, gzip_crc32(b->data + start, n + 4));
}

static void header(buffer *b, uint32_t width, uint32_t height, int depth, int colour, int interlace)
{
    unsigned char h[13] = { (unsigned char)(width >> 24),
                            (unsigned char)(width >> 16),
                            (unsigned char)(width >> 8),
                            (unsigned char)width,
                            (unsigned char)(height >> 24),
                            (unsigned char)(height >> 16),
                            (unsigned char)(height >> 8),
                            (unsigned char)height,
                            (unsigned char)depth,
                            (unsigned char)colour,
                            0,
                            0,
                            (unsigned char)interlace };
    b->n = 0;
    put(b, "\x89PNG\r\n\x1a\n", 8);
    chunk(b, "IHDR", h, sizeof h);
}

/* Rows as a zlib stream of one stored block. */
static void pixels(buffer *b, const unsigned char *rows, size_t n)
{
    unsigned char z[1100] = { 0x78,
                              0x01,
                              0x01,
                              (unsigned char)n,
                              (unsigned char)(n >> 8),
                              (unsigned char)~n,
                              (unsigned char)(~n >> 8) };
    uint32_t s1 = 1, s2 = 0;
    for (size_t i = 0; i < n; i++)
        s1 = (s1 + rows[i]) % 65521, s2 = (s2 + s1) % 65521;
    memcpy(z + 7, rows, n);
    z[7 + n] = (unsigned char)(s2 >> 8), z[8 + n] = (unsigned char)s2;
    z[9 + n] = (unsigned char)(s1 >> 8), z[10 + n] = (unsigned char)s1;
    chunk(b, "IDAT", z, n + 11);
}

static const unsigned char rows4[] = { 0, 1, 2, 0, 3, 4 }; /* 2 x 2, 8 bits grey */

static void png_files_that_are_wrong(void **state)
{
    (void)state;
    need_png();
    static buffer b;

    header(&b, 2, 2, 8, 0, 0); /* the right one first */
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_no_error();
    for (size_t cut = 1; cut < b.n; cut++) {
        decode(b.data, cut);
        expect_error(TP_ERR_FORMAT, "f.png: byte ");
    }
    b.data[b.n - 20] ^= 1; /* in the IDAT's checksum or data */
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "PNG: ");

    header(&b, 2, 2, 8, 0, 0);
    pixels(&b, rows4, sizeof rows4 - 3); /* a row is missing */
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "PNG: ");

    header(&b, 2, 2, 8, 0, 0);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "PNG: ");

    header(&b, 2, 2, 8, 0, 0);
    pixels(&b, (unsigned char[]){ 0, 1, 2, 9, 3, 4 }, 6); /* filter 9 */
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "bad adaptive filter value");
}

static void png_headers_that_cannot_be(void **state)
{
    (void)state;
    need_png();
    static const struct {
        uint32_t width, height;
        int depth, colour, interlace;
        tp_status status;
    } headers[] = {
        { 0, 2, 8, 0, 0, TP_ERR_FORMAT },           { 2, 0, 8, 0, 0, TP_ERR_FORMAT },
        { 1000001, 1, 8, 0, 0, TP_ERR_FORMAT },     { 0xffffffffu, 1, 8, 0, 0, TP_ERR_FORMAT },
        { 2, 2, 3, 0, 0, TP_ERR_FORMAT },           { 2, 2, 16, 3, 0, TP_ERR_FORMAT },
        { 2, 2, 8, 5, 0, TP_ERR_FORMAT },           { 2, 2, 8, 0, 2, TP_ERR_FORMAT },
        { 100000, 100000, 8, 2, 0, TP_ERR_FORMAT }, /* cannot be in so few bytes */
    };
    static buffer b;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        header(&b, headers[i].width, headers[i].height, headers[i].depth, headers[i].colour,
               headers[i].interlace);
        pixels(&b, rows4, sizeof rows4);
        chunk(&b, "IEND", "", 0);
        tp_memory_reset_peak();
        int64_t before = tp_memory_stats().peak_bytes;
        decode(b.data, b.n);
        expect_error(headers[i].status, "f.png: byte ");
        assert_true(tp_memory_stats().peak_bytes - before < 1 << 20);
    }
    b.n = 0;
    put(&b, "\x89PNG\r\n\x1a\n", 8);
    chunk(&b, "IHDR", "\0\0\0\2\0\0\0\2\x08\0\0\0\0\0", 14);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "f.png: byte ");
    b.n = 8;
    chunk(&b, "IDAT", "x", 1);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "f.png: byte ");
}

static void png_palettes_that_are_wrong(void **state)
{
    (void)state;
    need_png();
    static buffer b;
    static const unsigned char colours[15] = { 0 };
    header(&b, 2, 2, 8, 3, 0);
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "PNG: "); /* no PLTE */

    header(&b, 2, 2, 8, 3, 0);
    chunk(&b, "PLTE", colours, 9); /* index 3 is past its three colours */
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "pixel (1, 0) has palette index 3, the palette has 3 colours");

    header(&b, 2, 2, 8, 3, 0);
    chunk(&b, "PLTE", colours, 14); /* not a multiple of 3 */
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_error(TP_ERR_FORMAT, "PNG: ");

    header(&b, 2, 2, 8, 3, 0);
    chunk(&b, "PLTE", colours, 15);
    chunk(&b, "tRNS", colours, 9); /* longer than the palette: alpha is dropped anyway */
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_no_error();
}

static void png_texts_are_skipped(void **state)
{
    (void)state;
    need_png();
    static buffer b;
    header(&b, 2, 2, 8, 0, 0);
    for (int i = 0; i < 300; i++)
        chunk(&b, "tEXt", "key\0text", 8);
    chunk(&b, "zTXt", "key\0\0not zlib", 13);
    chunk(&b, "iCCP", "profile\0\0not zlib", 17);
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    put(&b, "trailing", 8);
    decode(b.data, b.n);
    expect_no_error();
}

/* What may be left out is, whatever its size and number; nothing of it is inflated. */
static void png_files_full_of_other_things_are_read(void **state)
{
    (void)state;
    need_png();
    enum { MEGA = 1 << 20, TEXTS = 1500, ROOM = 12 * MEGA };
    static const char *const kinds[] = { "zTXt", "iCCP", "tEXt", "prVt" };
    unsigned char *file = calloc(1, ROOM);
    static buffer b;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        header(&b, 2, 2, 8, 0, 0);
        size_t n = b.n;
        memcpy(file, b.data, n);
        int count = k == 2 ? TEXTS : 1;
        size_t each = k == 2 ? 8 : 9 * MEGA;
        for (int i = 0; i < count; i++) { /* a chunk of each bytes, beginning with a key */
            unsigned char *c = file + n;
            memset(c, 0, each + 12);
            for (int j = 0; j < 4; j++)
                c[j] = (unsigned char)(each >> 8 * (3 - j));
            memcpy(c + 4, kinds[k], 4);
            memcpy(c + 8, "key", 4);
            uint32_t crc = gzip_crc32(c + 4, each + 4);
            for (int j = 0; j < 4; j++)
                c[8 + each + (size_t)j] = (unsigned char)(crc >> 8 * (3 - j));
            n += each + 12;
        }
        b.n = 0;
        pixels(&b, rows4, sizeof rows4);
        chunk(&b, "IEND", "", 0);
        memcpy(file + n, b.data, b.n);
        tp_memory_reset_peak();
        int64_t before = tp_memory_stats().peak_bytes;
        double start = seconds();
        decode(file, n + b.n);
        expect_no_error();
        assert_true(tp_memory_stats().peak_bytes - before < MEGA && seconds() - start < 1);
    }
    free(file);
}

/* 400 million pixels of one bit: they fit into 60 KB of deflate, and are refused before memory is asked for. */
static void png_bombs_are_refused(void **state)
{
    (void)state;
    need_png();
    enum { PADDING = 60000 };
    static buffer b;
    static unsigned char file[PADDING + 200];
    header(&b, 20000, 20000, 1, 0, 0);
    pixels(&b, rows4, sizeof rows4);
    chunk(&b, "IEND", "", 0);
    memcpy(file, b.data, b.n);
    tp_memory_reset_peak();
    int64_t before = tp_memory_stats().peak_bytes;
    decode(file, sizeof file);
    expect_error(TP_ERR_UNSUPPORTED, "f.png: a picture of 20000 x 20000, at most 67108864 pixels are read");
    assert_true(tp_memory_stats().peak_bytes - before < 1 << 20);

    header(&b, 2, 2, 8, 0, 0); /* rows go on behind the picture */
    static unsigned char rows[900];
    pixels(&b, rows, sizeof rows);
    chunk(&b, "IEND", "", 0);
    decode(b.data, b.n);
    expect_no_error();
}

static void changed_png_files_do_no_harm(void **state)
{
    (void)state;
    need_png();
    static const char *const names[] = { "rgb8_interlaced.png", "palette4.png", "rgb16.png",
                                         "grey_alpha8.png" };
    static unsigned char file[1 << 14];
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[256];
        snprintf(path, sizeof path, "tests/data/pictures/%s", names[k]);
        size_t size = get_file(path, file, sizeof file);
        for (size_t i = 0; i < size; i++)
            for (int bit = 0; bit < 8; bit += 3) {
                file[i] ^= (unsigned char)(1 << bit);
                tp_status status = decode(file, size);
                tp_error_take(NULL, 0);
                assert_true(status == TP_ERR_FORMAT ||
                            status == TP_ERR_UNSUPPORTED); /* the CRC sees every bit */
                file[i] ^= (unsigned char)(1 << bit);
            }
    }
}

/* ---- JPEG ----------------------------------------------------------------------------------------------------------- */

static unsigned char jpeg[1 << 14];
static size_t jpeg_size;

static void load_jpeg(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/data/pictures/%s", name);
    jpeg_size = get_file(path, jpeg, sizeof jpeg - 1000);
}

/* Where the marker 0xff, code stands. */
static size_t marker(int code)
{
    size_t at = 2;
    while (at + 4 < jpeg_size && jpeg[at] == 0xff && jpeg[at + 1] != code)
        at += 2 + ((size_t)jpeg[at + 2] << 8 | jpeg[at + 3]);
    assert_int_equal(jpeg[at + 1], code);
    return at;
}

static void cut_out(size_t at)
{
    size_t n = 2 + ((size_t)jpeg[at + 2] << 8 | jpeg[at + 3]);
    memmove(jpeg + at, jpeg + at + n, jpeg_size - at - n);
    jpeg_size -= n;
}

#define jpeg_fails(status, piece)    \
    do {                             \
        decode(jpeg, jpeg_size);     \
        expect_error(status, piece); \
    } while (0)

static void jpeg_files_that_are_wrong(void **state)
{
    (void)state;
    need_jpeg();
    enum { SOF0 = 0xc0, DHT = 0xc4, DQT = 0xdb, SOS = 0xda };
    decode("\xff\xd8\xff", 3);
    expect_error(TP_ERR_FORMAT, "JPEG: ");
    decode("\xff\xd8\xff\xd9", 4);
    expect_error(TP_ERR_FORMAT, "JPEG: ");

    load_jpeg("rgb420.jpg");
    size_t sof = marker(SOF0), size = jpeg_size;
    for (jpeg_size = 3; jpeg_size < size; jpeg_size++)
        jpeg_fails(TP_ERR_FORMAT, "JPEG: ");
    jpeg_size = size;

    jpeg[sof + 5] = jpeg[sof + 6] = 0; /* height 0 */
    jpeg_fails(TP_ERR_FORMAT, "JPEG: ");
    memcpy(jpeg + sof + 5, "\xff\x00\xf6\x0a", 4); /* 65280 x 62986 in a small file */
    tp_memory_reset_peak();
    int64_t before = tp_memory_stats().peak_bytes;
    double start = seconds();
    jpeg_fails(TP_ERR_FORMAT, "pixels cannot be in");
    assert_true(tp_memory_stats().peak_bytes - before < 1 << 20 && seconds() - start < 1);

    load_jpeg("rgb420.jpg");
    jpeg[sof + 4] = 12; /* bits */
    jpeg_fails(TP_ERR_FORMAT, "JPEG: Unsupported JPEG data precision 12");
    load_jpeg("rgb420.jpg");
    jpeg[sof + 11] = 0x02; /* sampling 0 x 2 */
    jpeg_fails(TP_ERR_FORMAT, "sampling factors");
    load_jpeg("rgb420.jpg");
    jpeg[sof + 11] = 0x52; /* sampling 5 x 2 */
    jpeg_fails(TP_ERR_FORMAT, "sampling factors");
    load_jpeg("rgb420.jpg");
    jpeg[sof + 1] = 0xc9; /* arithmetic */
    jpeg_fails(TP_ERR_UNSUPPORTED, "arithmetic coding is unsupported");
    load_jpeg("rgb420.jpg");
    jpeg[sof + 1] = 0xc3; /* lossless */
    jpeg_fails(TP_ERR_FORMAT, "JPEG: ");
    load_jpeg("rgb420.jpg");
    cut_out(marker(DQT));
    cut_out(marker(DQT));
    jpeg_fails(TP_ERR_FORMAT, "Quantization table");
    load_jpeg("rgb420.jpg");
    cut_out(marker(DHT));
    decode(jpeg, jpeg_size); /* libjpeg takes the standard table instead, which the fixture uses too */
    expect_no_error();
    load_jpeg("rgb420.jpg");
    size_t data = marker(SOS) + 14;
    memmove(jpeg + data, jpeg + data + 100, jpeg_size - data - 100);
    jpeg_size -= 100; /* decodes, with a warning: half a picture must not train a network */
    jpeg_fails(TP_ERR_FORMAT, "premature end of data segment");
    load_jpeg("rgb420.jpg");
    memcpy(jpeg + jpeg_size - 2, "\0\0", 2); /* no end */
    jpeg_fails(TP_ERR_FORMAT, "JPEG: ");
}

/* A progressive file whose first scan of a chroma component comes again 600 times: legal, and slow without end. */
static void hundreds_of_scans_are_an_error(void **state)
{
    (void)state;
    need_jpeg();
    load_jpeg("rgb_progressive.jpg");
    size_t begin = 0, end;
    for (size_t i = 0; i + 8 < jpeg_size && !begin; i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xda && jpeg[i + 4] == 1 && jpeg[i + 7] == 1 &&
            jpeg[i + 8] == 63)
            begin = i;
    assert_int_not_equal(begin, 0);
    jpeg[begin + 9] = 0; /* all bits at once: no refinement is awaited, so that the scan may come again */
    for (end = begin + 10; jpeg[end] != 0xff || jpeg[end + 1] == 0; end++)
        ;
    size_t scan = end - begin, size = end;
    unsigned char *many = malloc(size + 600 * scan + 2);
    memcpy(many, jpeg, size);
    for (int i = 0; i < 600; i++, size += scan)
        memcpy(many + size, jpeg + begin, scan);
    memcpy(many + size, "\xff\xd9", 2);
    double start = seconds();
    decode(many, size + 2);
    expect_error(TP_ERR_UNSUPPORTED, "JPEG: more than 500 scans of 29 x 19 pixels");
    assert_true(seconds() - start < 1);
    memcpy(many + end + 100 * scan, "\xff\xd9", 2);
    decode(many, end + 100 * scan + 2);
    expect_no_error();
    free(many);
}

/* Progressive files keep all coefficients: 258 bytes must not cost gigabytes. */
static void jpeg_bombs_are_refused(void **state)
{
    (void)state;
    need_jpeg();
    enum { SOF2 = 0xc2, PADDING = 3 << 20, SEGMENT = 65537, PROFILE = 64 };
    load_jpeg("rgb_progressive.jpg");
    memcpy(jpeg + marker(SOF2) + 5, "\xff\x00\xfd\x00", 4); /* 64768 x 65280 */
    jpeg_fails(TP_ERR_FORMAT, "pixels cannot be in");

    unsigned char *large =
        calloc(1, jpeg_size + PADDING); /* as large as such a picture may be: the limit remains */
    memcpy(large, jpeg, jpeg_size);
    tp_memory_reset_peak();
    int64_t before = tp_memory_stats().peak_bytes;
    decode(large, jpeg_size + PADDING);
    expect_error(TP_ERR_UNSUPPORTED, "f.png: a picture of 64768 x 65280, at most 67108864 pixels are read");
    assert_true(tp_memory_stats().peak_bytes - before < 1 << 20);
    free(large);

    load_jpeg("rgb420.jpg"); /* a colour profile of 4 MB goes by */
    large = calloc(PROFILE, SEGMENT);
    memcpy(large, jpeg, 2);
    for (size_t i = 0; i < PROFILE - 1; i++)
        memcpy(large + 2 + i * SEGMENT, "\xff\xe2\xff\xffICC_PROFILE", 16);
    memcpy(large + 2 + (PROFILE - 1) * (size_t)SEGMENT, jpeg + 2, jpeg_size - 2);
    decode(large, (PROFILE - 1) * (size_t)SEGMENT + jpeg_size);
    expect_no_error();
    free(large);
}

static void changed_jpeg_files_do_no_harm(void **state)
{
    (void)state;
    need_jpeg();
    static const char *const names[] = { "rgb420.jpg", "rgb_progressive.jpg", "cmyk.jpg",
                                         "ycck.jpg",   "turned6.jpg",         "grey.jpg" };
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        load_jpeg(names[k]);
        for (size_t i = 0; i < jpeg_size; i++)
            for (int bit = 0; bit < 8; bit += 2) {
                jpeg[i] ^= (unsigned char)(1 << bit);
                tp_status status = decode(jpeg, jpeg_size);
                tp_error_take(NULL, 0);
                assert_true(status == TP_OK || status == TP_ERR_FORMAT || status == TP_ERR_UNSUPPORTED);
                jpeg[i] ^= (unsigned char)(1 << bit);
            }
    }
}

static void exif_that_is_wrong_is_left_aside(void **state)
{
    (void)state;
    need_jpeg();
    load_jpeg("turned6.jpg");
    size_t app1 = marker(0xe1) + 4, value = 0;
    for (size_t i = app1; i < app1 + 40; i++)
        if ((jpeg[i] == 0x12 && jpeg[i + 1] == 0x01) || (jpeg[i] == 0x01 && jpeg[i + 1] == 0x12))
            value = i;
    assert_int_not_equal(value, 0);
    picture p;
    unsigned char before[40];
    memcpy(before, jpeg + app1, sizeof before);
    for (size_t i = app1; i < app1 + 26; i++)
        for (int byte = 0; byte < 256; byte += 3) {
            jpeg[i] = (unsigned char)byte;
            assert_int_equal(picture_decode("f.jpg", jpeg, jpeg_size, 0, &p), TP_OK);
            assert_int_equal(p.height * p.width, 19 * 29);
            picture_free(&p);
            memcpy(jpeg + app1, before, sizeof before);
        }
    bool little = jpeg[app1 + 6] == 'I';
    for (int orientation = 0; orientation < 10; orientation += 9) { /* 1 to 8 are known */
        jpeg[value + (little ? 8 : 9)] = (unsigned char)orientation;
        jpeg[value + (little ? 9 : 8)] = 0;
        assert_int_equal(picture_decode("f.jpg", jpeg, jpeg_size, 0, &p), TP_OK);
        assert_int_equal(p.height, 19);
        picture_free(&p);
    }
    memcpy(jpeg + app1, before, sizeof before);
    jpeg[value] = 0; /* the only entry means something else, and the next directory is this one again */
    for (int i = 0; i < 4; i++)
        jpeg[value + 12 + (size_t)i] = jpeg[app1 + 6 + 4 + (size_t)i];
    assert_int_equal(picture_decode("f.jpg", jpeg, jpeg_size, 0, &p), TP_OK);
    assert_int_equal(p.height, 19);
    picture_free(&p);
}

/* ---- files and folders that hold no pictures ----------------------------------------------------------------------------- */

static void what_is_no_picture_says_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        const char *piece;
    } others[] = {
        { "", "f.png: byte 0: the file is empty, a PNG or JPEG is wanted" },
        { "<!DOCTYPE html>", "not a PNG or JPEG, but a text like HTML or SVG" },
        { "GIF89a", "but a GIF" },
        { "RIFF....WEBPVP8 ", "but a WebP" },
        { "BM....", "but a BMP" },
        { "\x89PNG\n", "not a PNG or JPEG: 5 bytes that begin with 0x89504e47" },
        { "\xff\xd8", "not a PNG or JPEG: 2 bytes that begin with 0xffd8" },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        decode(others[i].data, strlen(others[i].data));
        expect_error(TP_ERR_FORMAT, others[i].piece);
    }
}

static void folder(const char *name)
{
    assert_true(mkdir(temp_path(name), 0700) == 0 || errno == EEXIST);
}

static void folder_fails(const char *name, tp_status status, const char *piece)
{
    TP_SCOPE;
    assert_null(tp_image_folder(temp_path(name), 3, 8));
    expect_error(status, piece);
}

static void folders_that_are_wrong(void **state)
{
    (void)state;
    folder_fails("nowhere", TP_ERR_IO, "nowhere: cannot open the folder: No such file");
    put_text(temp_path("file"), "");
    folder_fails("file", TP_ERR_IO, "file: cannot open the folder: Not a directory");
    folder("set");
    folder_fails("set", TP_ERR_FORMAT, "set: no folders in it, one a class is wanted");
    folder("set/a");
    folder("set/b");
    put_text(temp_path("set/a/1.png"), "");
    folder_fails("set", TP_ERR_FORMAT, "set/b: a class folder without PNG or JPEG files");
    folder("set/b/x.png"); /* a folder with a picture's name, empty */
    folder_fails("set", TP_ERR_FORMAT, "set/b: a class folder without PNG or JPEG files");
    mkfifo(temp_path("set/b/fifo.jpg"), 0600);
    folder_fails("set", TP_ERR_IO, "set/b/fifo.jpg: not a regular file, a picture is wanted");
    unlink(temp_path("set/b/fifo.jpg"));
    assert_int_equal(symlink("nothing", temp_path("set/b/dangling.png")), 0);
    folder_fails("set", TP_ERR_IO, "set/b/dangling.png: cannot open: No such file");
    unlink(temp_path("set/b/dangling.png"));
    assert_int_equal(symlink("self.png", temp_path("set/b/self.png")), 0);
    folder_fails("set", TP_ERR_IO, "set/b/self.png: cannot open: Too many levels of symbolic links");
    unlink(temp_path("set/b/self.png"));
    assert_int_equal(symlink("..", temp_path("set/b/up")), 0);
    folder_fails("set", TP_ERR_IO, "a link to a folder above it");
    unlink(temp_path("set/b/up"));
    put_text(temp_path("set/b/1.jpg"), "<html>");
    TP_SCOPE;
    tp_dataset *d = tp_image_folder(temp_path("set"), 3, 8);
    expect_no_error();
    float x[3 * 8 * 8];
    double y;
    tp_dataset_get(d, 0, x, &y);
    expect_error(TP_ERR_FORMAT, "set/a/1.png: byte 0: the file is empty");
    tp_dataset_get(d, 1, x, &y);
    expect_error(TP_ERR_FORMAT, "set/b/1.jpg: byte 0: not a PNG or JPEG, but a text");
    unlink(temp_path("set/b/1.jpg"));
    tp_dataset_get(d, 1, x, &y);
    expect_error(TP_ERR_IO, "set/b/1.jpg: cannot open: No such file");
    tp_image_folder(temp_path("set"), 2, 8);
    expect_error(TP_ERR_ARGUMENT, "image_folder: 2 channels, size 8; 1 or 3, and 1 to 8192 are wanted");
}

/* ---- pictures that cannot be read, left out ---------------------------------------------------------------------------- */

static int told;

static void note(const char *subject, const char *text, void *context)
{
    (void)context;
    assert_string_equal(subject, "data");
    assert_memory_equal(text, "left out: ", 10);
    assert_non_null(strstr(text, "bad/a/")); /* the path */
    __atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

static void copy_good(const char *to)
{
    put_file(temp_path(to), jpeg, jpeg_size);
}

static void bad_pictures_are_left_out_and_told_of_once(void **state)
{
    (void)state;
    need_jpeg();
    static const char *const folders[] = { "bad", "bad/a", "bad/b", "bad/a/folder.png" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        folder(folders[i]);
    load_jpeg("rgb420.jpg");
    copy_good("bad/a/good.jpg");
    copy_good("bad/b/good.jpg");
    put_file(temp_path("bad/a/cut.jpg"), jpeg, jpeg_size / 2);
    put_text(temp_path("bad/a/page.jpg"), "<html>");
    put_text(temp_path("bad/a/empty.png"), "");
    mkfifo(temp_path("bad/a/fifo.jpg"), 0600);
    assert_true(symlink("nowhere", temp_path("bad/a/dangling.png")) == 0 || errno == EEXIST);
    put_text(temp_path("bad/a/secret.jpg"), "?");
    chmod(temp_path("bad/a/secret.jpg"), 0);

    TP_SCOPE;
    tp_data_open(temp_path("bad"), TP_TRAIN, .on_bad_image = "ignore");
    expect_error(TP_ERR_ARGUMENT, "on_bad_image 'ignore', error or skip is wanted");
    tp_data_open(temp_path("bad"), TP_TRAIN, .on_bad_image = "error");
    expect_error(TP_ERR_IO, "dangling.png: cannot open");
    tp_set_log("data", note, NULL);
    tp_dataset *train = tp_data_open(temp_path("bad"), TP_TRAIN, .on_bad_image = "skip", .image_size = 8);
    tp_dataset *test = tp_data_open(temp_path("bad"), TP_TEST, .on_bad_image = "skip", .image_size = 8);
    expect_no_error();
    assert_int_equal(tp_dataset_count(train) + tp_dataset_count(test), 8);
    int seen = 0;
    for (int epoch = 0; epoch < 3; epoch++)
        for (int part = 0; part < 2; part++) {
            TP_SCOPE;
            tp_dataset *d = part ? test : train;
            tp_loader *l = tp_loader_new(d, 2, .shuffle = true, .seed = (uint64_t)epoch, .workers = 3);
            for (tp_batch b; tp_loader_next(l, &b);)
                seen += (int)b.n;
            tp_error_take(NULL, 0); /* a part of bad pictures alone is an error */
        }
    assert_int_equal(seen, 3 * 2);
    assert_int_equal(told, 6);
    tp_set_log(NULL, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_files_that_are_wrong),
        cmocka_unit_test(png_headers_that_cannot_be),
        cmocka_unit_test(png_palettes_that_are_wrong),
        cmocka_unit_test(png_texts_are_skipped),
        cmocka_unit_test(png_files_full_of_other_things_are_read),
        cmocka_unit_test(png_bombs_are_refused),
        cmocka_unit_test(changed_png_files_do_no_harm),
        cmocka_unit_test(jpeg_files_that_are_wrong),
        cmocka_unit_test(hundreds_of_scans_are_an_error),
        cmocka_unit_test(jpeg_bombs_are_refused),
        cmocka_unit_test(changed_jpeg_files_do_no_harm),
        cmocka_unit_test(exif_that_is_wrong_is_left_aside),
        cmocka_unit_test(what_is_no_picture_says_what_it_is),
        cmocka_unit_test(folders_that_are_wrong),
        cmocka_unit_test(bad_pictures_are_left_out_and_told_of_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
