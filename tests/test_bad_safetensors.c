/* test_bad_safetensors.c - malformed safetensors files: each is an error that says what and where.
 *
 * Layer: tests.  Read next: io/safetensors.c. */
#include "support/files.h"

#include "io/safetensors.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t make(unsigned char *file, const char *header, size_t data)
{
    uint64_t length = strlen(header);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    memset(file + 8 + length, 0, data);
    return 8 + length + data;
}

static tp_params *read_memory(const void *file, size_t size)
{
    file_in in = file_from_memory("f.safetensors", file, size);
    return safetensors_from(&in);
}

#define T(rest) "{\"t\":{" rest "}}"

static const struct {
    const char *header;
    size_t data;
    tp_status status;
    const char *piece;
} cases[] = {
    /* the header is no JSON object */
    { "[]", 0, TP_ERR_FORMAT, "byte 8: the header begins with byte 0x5b, '{' is wanted" },
    { "{\"a\":\"\xff\"}", 0, TP_ERR_FORMAT, "not valid JSON" },
    { "{} {}", 0, TP_ERR_FORMAT, "not valid JSON" },
    { "{},", 0, TP_ERR_FORMAT, "byte 11: not valid JSON" },
    { "{\"a\":1,}", 0, TP_ERR_FORMAT, "not valid JSON" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"t\":{"), 4, TP_ERR_FORMAT, "duplicate" },
    { "{\"a\":1,\"\\u0061\":1}", 0, TP_ERR_FORMAT, "duplicate" },
    { "{\"t\\u0000\":1}", 0, TP_ERR_FORMAT, "not valid JSON" },

    /* metadata */
    { "{\"__metadata__\":{\"a\":1}}", 0, TP_ERR_FORMAT,
      "__metadata__ 'a' is an integer, a string is wanted" },
    { "{\"__metadata__\":[]}", 0, TP_ERR_FORMAT, "__metadata__ is an array, an object of strings is wanted" },
    { "{\"__metadata__\":{\"a\":null}}", 0, TP_ERR_FORMAT, "'a' is null" },

    /* entries */
    { "{\"t\":1}", 0, TP_ERR_FORMAT, "tensor 't': the entry is an integer, an object is wanted" },
    { T(""), 0, TP_ERR_FORMAT, "dtype is missing, a string is wanted" },
    { T("\"dtype\":3"), 0, TP_ERR_FORMAT, "dtype is an integer" },
    { T("\"dtype\":\"F33\""), 0, TP_ERR_FORMAT, "unknown dtype 'F33'" },
    { T("\"dtype\":\"f32\""), 0, TP_ERR_FORMAT, "unknown dtype 'f32'" },
    { T("\"dtype\":\"F8_E4M3\""), 0, TP_ERR_UNSUPPORTED, "F8_E4M3, which Taper does not have" },
    { T("\"dtype\":\"F4\",\"shape\":[3]"), 0, TP_ERR_UNSUPPORTED, "F4" },
    { T("\"dtype\":\"F32\""), 0, TP_ERR_FORMAT, "shape is missing" },
    { T("\"dtype\":\"F32\",\"shape\":3"), 0, TP_ERR_FORMAT, "shape is an integer, an array is wanted" },
    { T("\"dtype\":\"F32\",\"shape\":[-1]"), 0, TP_ERR_FORMAT, "shape[0] is not an integer from 0" },
    { T("\"dtype\":\"F32\",\"shape\":[1.0]"), 0, TP_ERR_FORMAT, "shape[0] is not an integer from 0" },
    { T("\"dtype\":\"F32\",\"shape\":[2,1e3]"), 0, TP_ERR_FORMAT, "shape[1] is not an integer from 0" },
    { T("\"dtype\":\"F32\",\"shape\":[18446744073709551616]"), 0, TP_ERR_FORMAT,
      "not valid JSON: too big integer" },
    { T("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]"), 0, TP_ERR_FORMAT, "larger than any memory" },
    { T("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]"), 0, TP_ERR_FORMAT,
      "larger than any memory" },
    { T("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]"), 0, TP_ERR_UNSUPPORTED, "has 9 dims, at most 8" },
    { T("\"dtype\":\"F32\",\"shape\":[]"), 0, TP_ERR_FORMAT, "data_offsets are not [begin, end]" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4,4]"), 4, TP_ERR_FORMAT,
      "data_offsets are not" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4.0]"), 4, TP_ERR_FORMAT,
      "data_offsets are not" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,0]"), 4, TP_ERR_FORMAT, "data_offsets [4, 0]" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[-4,0]"), 4, TP_ERR_FORMAT, "data_offsets [-4, 0]" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]"), 3, TP_ERR_FORMAT, "the data has 3 bytes" },
    { T("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[9223372036854775800,9223372036854775807]"), 4,
      TP_ERR_FORMAT, "the data has 4 bytes" },
    { T("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, TP_ERR_FORMAT,
      "4 bytes of data, (2,) of f32 wants 8" },

    /* layout */
    { T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]"), 8, TP_ERR_FORMAT,
      "after a gap that begins at 0" },
    { T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]"), 8, TP_ERR_FORMAT,
      "4 bytes after the last tensor" },
    { T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
        "offsets\":[2,6]"),
      6, TP_ERR_FORMAT, "tensor 's' begins at 2 of the data, inside another one that ends at 4" },
    { T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
        "offsets\":[5,9]"),
      9, TP_ERR_FORMAT, "tensor 's' begins at 5 of the data, after a gap that begins at 4" },
    { T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
        "offsets\":[0,4]"),
      4, TP_ERR_FORMAT, "inside another one" },
    { "{}", 5, TP_ERR_FORMAT, "5 bytes after the last tensor" },
};

static void every_case_is_the_error_it_should_be(void **state)
{
    (void)state;
    need_json();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        unsigned char file[1024];
        size_t size = make(file, cases[i].header, cases[i].data);
        if (read_memory(file, size))
            fail_msg("this header is taken: %s", cases[i].header);
        expect_error(cases[i].status, cases[i].piece);
    }
}

static void lengths_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *piece;
    } lengths[] = {
        { 0, "header length 0, 2 to 100000000 is wanted" },
        { 1, "header length 1" },
        { 17, "header length 17, the file has 16 bytes after it" },
        { UINT64_MAX, "header length 18446744073709551615, 2 to 100000000" },
        { 100000001, "header length 100000001, 2 to" },
        { 100000000, "the file has 16 bytes after it" },
    };
    unsigned char file[24] = { 0 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memcpy(file, &lengths[i].length, 8);
        assert_null(read_memory(file, sizeof file));
        expect_error(TP_ERR_FORMAT, lengths[i].piece);
    }
    for (size_t size = 0; size < 8; size++) {
        assert_null(read_memory(file, size));
        expect_error(TP_ERR_FORMAT, "f.safetensors: byte 0: not a safetensors file");
    }
}

static void deep_nesting_is_an_error_and_no_crash(void **state)
{
    (void)state;
    need_json();
    enum { DEPTH = 100000 };
    unsigned char *file = test_malloc(8 + DEPTH + 6);
    char *text = test_malloc(DEPTH + 7);
    memcpy(text, "{\"t\":", 5);
    memset(text + 5, '[', DEPTH);
    text[5 + DEPTH] = 0;
    assert_null(read_memory(file, make(file, text, 0)));
    expect_error(TP_ERR_FORMAT, "maximum parsing depth");
    test_free(text);
    test_free(file);
}

/* Cut at every byte: an error.  Each byte changed: an error or another file, never a crash. */
static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    need_json();
    static unsigned char file[4096];
    size_t size = get_file("tests/data/python.safetensors", file, sizeof file);
    for (size_t cut = 0; cut < size; cut++) {
        TP_SCOPE;
        assert_null(read_memory(file, cut));
        expect_error(TP_ERR_FORMAT, "f.safetensors: byte ");
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
    file[size] = 0;
    assert_null(read_memory(file, size + 1));
    expect_error(TP_ERR_FORMAT, "1 bytes after the last tensor");
}

static void what_is_no_file_is_an_error(void **state)
{
    (void)state;
    assert_null(tp_safetensors_read(temp_path("nowhere.safetensors")));
    expect_error(TP_ERR_IO, "nowhere.safetensors: cannot open: No such file");
    assert_null(tp_safetensors_read("/tmp"));
    expect_error(TP_ERR_IO, "/tmp: is a folder");
    assert_null(tp_safetensors_read(NULL));
    expect_error(TP_ERR_ARGUMENT, "path is empty");
    char text[4];
    tp_safetensors_metadata(temp_path("nowhere.safetensors"), "a", text, sizeof text);
    expect_error(TP_ERR_IO, "No such file");
}

static void a_sparse_file_of_a_terabyte_costs_nothing(void **state)
{
    (void)state;
    need_json();
    unsigned char file[128];
    const char *path = temp_path("sparse.safetensors");
    put_file(path, file, make(file, T("\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]"), 4));
    if (truncate(path, (off_t)1 << 40))
        skip();
    assert_null(tp_safetensors_read(path));
    expect_error(TP_ERR_FORMAT, "bytes after the last tensor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_the_error_it_should_be),
        cmocka_unit_test(lengths_that_cannot_be),
        cmocka_unit_test(deep_nesting_is_an_error_and_no_crash),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
        cmocka_unit_test(what_is_no_file_is_an_error),
        cmocka_unit_test(a_sparse_file_of_a_terabyte_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
