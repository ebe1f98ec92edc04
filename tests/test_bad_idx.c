/* test_bad_idx.c - malformed IDX files and MNIST folders: each is an error that says what and where.
 *
 * Layer: tests.  Read next: data/idx.c. */
#include "support/files.h"

#include "data/idx.h"
#include "io/gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/data.h>
#include <time.h>
#include <unistd.h>

static tp_status parse(const void *data, size_t size)
{
    file_bytes file = { 0 };
    idx_array array;
    file_bytes_append(&file, data, size);
    tp_status status = idx_parse("f.idx", &file, &array);
    assert_null(file.data);
    file_bytes_free(&array.bytes);
    return status;
}

#define CASE(text, status, piece)            \
    {                                        \
        text, sizeof text - 1, status, piece \
    }

static const struct {
    const char *data;
    size_t size;
    tp_status status;
    const char *piece;
} cases[] = {
    CASE("\0\0\x08\1\0\0\0\2ab", TP_OK, ""),
    CASE("\0\0\x08\2\0\0\0\2\0\0\0\3abcdef", TP_OK, ""),
    CASE("", TP_ERR_FORMAT, "f.idx: byte 0: not an IDX file: 0 bytes"),
    CASE("\0\0\x08", TP_ERR_FORMAT, "byte 0: not an IDX file: 3 bytes"),
    CASE("\1\0\x08\1\0\0\0\2ab", TP_ERR_FORMAT, "begins with 0x0100, 0x0000 is wanted"),
    CASE("<html><head>", TP_ERR_FORMAT, "begins with 0x3c68"),
    CASE("\0\0\x0a\1\0\0\0\2ab", TP_ERR_FORMAT, "byte 2: IDX element type 0x0a does not exist"),
    CASE("\0\0\0\1\0\0\0\2ab", TP_ERR_FORMAT, "element type 0x00 does not exist"),
    CASE("\0\0\xff\1\0\0\0\2ab", TP_ERR_FORMAT, "element type 0xff does not exist"),
    CASE("\0\0\x0d\1\0\0\0\2abcdefgh", TP_ERR_UNSUPPORTED,
         "byte 2: IDX elements are f32, u8 or i8 is wanted"),
    CASE("\0\0\x08\0ab", TP_ERR_FORMAT, "byte 3: 0 dims, 1 to 8 are wanted"),
    CASE("\0\0\x08\xff"
         "ab",
         TP_ERR_FORMAT, "byte 3: 255 dims"),
    CASE("\0\0\x08\3\0\0\0\2\0\0", TP_ERR_FORMAT, "byte 10: cut off inside the 3 dims"),
    CASE("\0\0\x08\1\0\0\0\0", TP_ERR_FORMAT, "byte 4: dim 0 is 0"),
    CASE("\0\0\x08\2\0\0\0\1\0\0\0\0", TP_ERR_FORMAT, "byte 8: dim 1 is 0"),
    CASE("\0\0\x08\1\xff\xff\xff\xff"
         "ab",
         TP_ERR_FORMAT, "byte 10: too short: 10 bytes, shape (4294967295,) wants 4294967303"),
    CASE("\0\0\x08\1\2\0\0\0ab", TP_ERR_FORMAT, "too short: 10 bytes"), /* little-endian */
    CASE("\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
         "ab",
         TP_ERR_FORMAT, "multiply to more than any file holds"),
    CASE("\0\0\x08\1\0\0\0\2a", TP_ERR_FORMAT, "byte 9: too short: 9 bytes, shape (2,) wants 10"),
    CASE("\0\0\x08\1\0\0\0\2abc", TP_ERR_FORMAT, "byte 10: too long: 11 bytes, shape (2,) wants 10"),
};

static void every_case_is_the_error_it_should_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse(cases[i].data, cases[i].size);
        expect_error(cases[i].status, cases[i].piece);
    }
}

/* ---- gzip ---------------------------------------------------------------------------------------------------------- */

/* A run of zeros, 258 bytes from two bits: fixed Huffman code, "length 258, distance 1" again and again. */
static size_t zero_bomb(unsigned char *out, const char *start, size_t n_start, size_t runs)
{
    size_t n = 0, bit = 0;
    memcpy(out, "\x1f\x8b\x08\0\0\0\0\0\0\x03\0", 11);
    n = 10;
    out[n++] = 0, out[n++] = (unsigned char)n_start, out[n++] = 0; /* a stored block with the start */
    out[n++] = (unsigned char)~n_start, out[n++] = 0xff;
    memcpy(out + n, start, n_start);
    n += n_start;
    memset(out + n, 0, runs * 2 + 16);
#define BITS(value, count)                      \
    for (int b_ = 0; b_ < (count); b_++, bit++) \
    out[n + bit / 8] |= (unsigned char)(((value) >> b_ & 1) << bit % 8)
    BITS(3, 3);    /* last block, fixed codes */
    BITS(0x0c, 8); /* literal 0: 00110000, high bit first */
    for (size_t i = 0; i < runs; i++) {
        BITS(0xa3, 8); /* length 258: 11000101, high bit first */
        BITS(0, 5);    /* distance 1 */
    }
#undef BITS
    return n + bit / 8 + 1;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void a_bomb_is_not_blown_up(void **state)
{
    (void)state;
    need_gzip();
    enum { RUNS = 4000000 }; /* 6.5 MB that inflate to 1 GB */
    unsigned char *bomb = malloc(2 * RUNS + 1000);
    size_t size = zero_bomb(bomb, "\0\0\x08\1\0\0\0\2ab", 10, RUNS);
    double before = seconds();
    tp_memory_reset_peak();
    int64_t peak = tp_memory_stats().peak_bytes;
    parse(bomb, size);
    expect_error(TP_ERR_FORMAT, "inflates to more than 10 bytes");
    assert_true(tp_memory_stats().peak_bytes - peak < (int64_t)size * 2);
    assert_true(seconds() - before < 1);

    size = zero_bomb(bomb, "\0\0\x08\1\xff\xff\xff\xff", 8, 100);
    parse(bomb, size);
    expect_error(TP_ERR_FORMAT, "bytes of gzip cannot hold them");
    free(bomb);
}

static void cut_and_changed_gzip_does_no_harm(void **state)
{
    (void)state;
    need_gzip();
    static unsigned char file[8192];
    const char *path =
        access("data/mnist/t10k-labels-idx1-ubyte.gz", R_OK) ? NULL : "data/mnist/t10k-labels-idx1-ubyte.gz";
    if (!path)
        skip();
    size_t size = get_file(path, file, sizeof file);
    parse(file, size);
    expect_no_error();
    for (size_t cut = 2; cut < size; cut += 7) {
        parse(file, cut);
        expect_error(TP_ERR_FORMAT, "f.idx: byte ");
    }
    int taken = 0;
    for (size_t i = 2; i < size; i += 3) {
        file[i] ^= 0x10;
        taken += parse(file, size) == TP_OK;
        tp_status status = tp_error_take(NULL, 0);
        assert_true(status == TP_OK || status == TP_ERR_FORMAT || status == TP_ERR_UNSUPPORTED);
        file[i] ^= 0x10;
    }
    assert_true(taken < 30); /* only bytes of the head that say nothing: the date, the name */
    file[size] = 'x';
    parse(file, size + 1);
    expect_error(TP_ERR_FORMAT, "bytes after the end of the gzip data");
}

/* ---- pairs and folders ------------------------------------------------------------------------------------------------ */

static void pair(const char *images, size_t image_bytes, const char *labels, size_t label_bytes)
{
    put_file(temp_path("images"), images, image_bytes);
    put_file(temp_path("labels"), labels, label_bytes);
    TP_SCOPE;
    tp_dataset *d = tp_idx(temp_path("images"), temp_path("labels"));
    assert_true(d ? !tp_error_pending() : tp_error_pending());
}

static void pairs_that_do_not_fit(void **state)
{
    (void)state;
    const char images[] = "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2abcd";
    pair(images, sizeof images - 1, "\0\0\x08\1\0\0\0\2\0\1", 10);
    expect_no_error();
    pair(images, sizeof images - 1, "\0\0\x08\1\0\0\0\3\0\1\2", 11);
    expect_error(TP_ERR_FORMAT, "labels: byte 4: 3 labels, ");
    pair("\0\0\x08\1\0\0\0\2\0\1", 10, "\0\0\x08\1\0\0\0\2\0\1", 10);
    expect_error(TP_ERR_FORMAT, "images: byte 3: shape (2,), (N, H, W) or (N, C, H, W) is wanted of images");
    pair(images, sizeof images - 1, images, sizeof images - 1);
    expect_error(TP_ERR_FORMAT, "labels: byte 3: shape (2, 1, 2), u8 (N,) is wanted of labels");
    assert_null(tp_idx(temp_path("images"), temp_path("nowhere")));
    expect_error(TP_ERR_IO, "nowhere: cannot open: No such file");
    assert_null(tp_idx(NULL, temp_path("labels")));
    expect_error(TP_ERR_ARGUMENT, "a path is NULL");
}

static void folders_that_are_not_mnist(void **state)
{
    (void)state;
    unsigned char images[16 + 2 * 784] = "\0\0\x08\3\0\0\0\2\0\0\0\x1c\0\0\0\x1c";
    mkdir(temp_path("mnist"), 0700);
    tp_mnist(temp_path("mnist"), TP_TRAIN);
    expect_error(TP_ERR_IO, "mnist: no train-images-idx3-ubyte, with or without .gz");
    put_file(temp_path("mnist/t10k-images-idx3-ubyte"), images, sizeof images);
    tp_mnist(temp_path("mnist"), TP_TEST);
    expect_error(TP_ERR_IO, "mnist: no t10k-labels-idx1-ubyte");
    put_file(temp_path("mnist/t10k-labels-idx1-ubyte"), "\0\0\x08\1\0\0\0\2\x09\x0a", 10);
    tp_mnist(temp_path("mnist"), TP_TEST);
    expect_error(TP_ERR_FORMAT, "t10k-labels-idx1-ubyte: byte 9: label 10, 0 to 9 is wanted");
    put_file(temp_path("mnist/t10k-labels-idx1-ubyte"), "\0\0\x08\1\0\0\0\2\x09\x00", 10);
    tp_mnist(temp_path("mnist"), TP_TEST);
    expect_no_error();
    put_file(temp_path("mnist/t10k-images-idx3-ubyte"), "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2abcd", 20);
    tp_mnist(temp_path("mnist"), TP_TEST);
    expect_error(TP_ERR_FORMAT, "images of (1, 1, 2), MNIST's are (1, 28, 28)");
    tp_mnist(temp_path("no-such-folder"), TP_TEST);
    expect_error(TP_ERR_IO, "no-such-folder: no t10k-images");
    tp_mnist(NULL, TP_TEST);
    expect_error(TP_ERR_ARGUMENT, "the folder is NULL");
    unlink(temp_path("mnist/t10k-images-idx3-ubyte"));
    mkfifo(temp_path("mnist/t10k-images-idx3-ubyte"), 0600);
    tp_mnist(temp_path("mnist"), TP_TEST);
    expect_error(TP_ERR_IO, "t10k-images-idx3-ubyte: is a FIFO");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_the_error_it_should_be), cmocka_unit_test(a_bomb_is_not_blown_up),
        cmocka_unit_test(cut_and_changed_gzip_does_no_harm),    cmocka_unit_test(pairs_that_do_not_fit),
        cmocka_unit_test(folders_that_are_not_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
