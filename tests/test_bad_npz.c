/* test_bad_npz.c - malformed archives of arrays: each is an error that says which member, and where.
 *
 * Layer: tests.  Fixtures: tools/golden/npz.py.  Read next: io/npz.c. */
#include "support/files.h"

#include "io/npz.h"

#include <string.h>

static const struct {
    const char *file;
    tp_status status;
    const char *piece;
} cases[] = {
    { "empty", TP_ERR_FORMAT, "bad_empty.npz: byte 0: npz: 0 bytes, at least 22 are wanted" },
    { "npy", TP_ERR_FORMAT, "bad_npy.npz: byte 0: npz: " },
    { "tail", TP_ERR_FORMAT, "byte 0: npz: " },
    { "count", TP_ERR_FORMAT, "byte 0: npz: " },
    { "overlap", TP_ERR_FORMAT, "byte 0: npz: " },
    { "duplicate", TP_ERR_FORMAT, "byte 0: npz: two members have one name" },
    { "same_key", TP_ERR_FORMAT, "byte 0: two members are named 'x'" },
    { "encrypted", TP_ERR_UNSUPPORTED, "bad_encrypted.npz: x.npy: byte 0: is encrypted" },
    { "method", TP_ERR_UNSUPPORTED, "x.npy: byte 0: compression method 12" },
    { "crc", TP_ERR_FORMAT, "x.npy: byte 152: npz: CRC error" },
    { "crc_deflated", TP_ERR_FORMAT, "x.npy: byte 152: npz: CRC error" },
    { "stored_size", TP_ERR_FORMAT, "byte 0: " }, /* said by us or by libzip, whose newer versions see more */
    { "stored_more", TP_ERR_FORMAT, "byte 0: " },
    { "deflated_less", TP_ERR_FORMAT, "x.npy: byte 148: too short: 20 bytes of data" },
    { "deflated_more", TP_ERR_FORMAT, "x.npy: byte 152: ends here, 164 bytes were declared" },
    { "claims", TP_ERR_FORMAT, "x.npy: byte 0: claims 4000000128 bytes, but 85 are stored" },
    { "4_gb", TP_ERR_FORMAT, "x.npy: byte 0: claims 4294967294 bytes, but 85 are stored" },
    { "shape", TP_ERR_FORMAT, "x.npy: byte 152: too short: 24 bytes of data" },
    { "short", TP_ERR_FORMAT, "x.npy: byte 152: too short: 24 bytes of data, shape (3, 3) of f32 wants 36" },
    { "long", TP_ERR_FORMAT, "x.npy: byte 144: too long: 24 bytes of data, shape (2, 2) of f32 wants 16" },
    { "head", TP_ERR_FORMAT, "x.npy: byte 8: header of 32767 bytes, at most 30 are possible" },
    { "no_npy", TP_ERR_FORMAT, "readme.txt: byte 0: not an npy file" },
    { "folder", TP_ERR_FORMAT, "x/: byte 0: not an npy file: 0 bytes" },
    { "objects", TP_ERR_UNSUPPORTED, "x.npy: byte 20: npy header: elements '|O '" },
    { "deflate", TP_ERR_FORMAT, "x.npy: byte 0: npz: " },
    { "cut", TP_ERR_FORMAT, "x.npy: byte " },
    { "name", TP_ERR_FORMAT, "byte 8: header of 118 bytes, at most 90 are possible" },
};

static void every_malformed_archive_is_the_error_it_should_be(void **state)
{
    (void)state;
    need_npz();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        char path[100];
        snprintf(path, sizeof path, "tests/data/npz/bad_%s.npz", cases[i].file);
        tp_memory_reset_peak();
        int64_t before = tp_memory_stats().live_bytes;
        if (tp_npz_read(path))
            fail_msg("%s is taken", path);
        expect_error(cases[i].status, cases[i].piece);
        assert_true(tp_memory_stats().peak_bytes - before < 100000); /* no claim is believed */
        tp_tensor *one = tp_npz_read_one(path, "x");
        assert_true((one != NULL) == (tp_error_take(NULL, 0) == TP_OK));
    }
}

static void one_good_member_of_a_bad_archive_is_read(void **state)
{
    (void)state;
    need_npz();
    TP_SCOPE;
    assert_non_null(tp_npz_read_one("tests/data/npz/bad_no_npy.npz", "x"));
    expect_no_error();
}

static tp_params *read_memory(const void *file, size_t size)
{
    file_in in = file_from_memory("f.npz", file, size);
    return npz_from(&in);
}

static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    need_npz();
    static const char *const files[] = { "tests/data/npz/good_stored.npz",
                                         "tests/data/npz/good_deflated.npz" };
    for (int f = 0; f < 2; f++) {
        unsigned char file[1000];
        size_t size = get_file(files[f], file, sizeof file);
        for (size_t cut = 0; cut < size; cut++) {
            TP_SCOPE;
            assert_null(read_memory(file, cut));
            expect_error(TP_ERR_FORMAT, "f.npz: byte ");
        }
        for (size_t i = 0; i < size; i++)
            for (int bit = 0; bit < 8; bit++) {
                TP_SCOPE;
                file[i] ^= (unsigned char)(1 << bit);
                tp_params *p = read_memory(file, size);
                tp_status status = tp_error_take(NULL, 0);
                assert_true(p ? status == TP_OK : status == TP_ERR_FORMAT || status == TP_ERR_UNSUPPORTED);
                file[i] ^= (unsigned char)(1 << bit);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_malformed_archive_is_the_error_it_should_be),
        cmocka_unit_test(one_good_member_of_a_bad_archive_is_read),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
