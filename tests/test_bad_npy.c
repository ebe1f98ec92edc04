/* test_bad_npy.c - malformed npy files: each is an error that says what and where.
 *
 * Layer: tests.  Read next: io/npy_header.c. */
#include "support/files.h"

#include "io/npy.h"

#include <stdio.h>
#include <string.h>

static tp_tensor *read_memory(const void *file, size_t size)
{
    file_in in = file_from_memory("f.npy", file, size);
    return npy_from(&in);
}

/* Version 1, the header as it stands, data bytes of 0. */
static size_t make(unsigned char *file, const char *header, size_t data)
{
    size_t length = strlen(header);
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (unsigned char)length, file[9] = (unsigned char)(length >> 8);
    memcpy(file + 10, header, length);
    memset(file + 10 + length, 0, data);
    return 10 + length + data;
}

#define H(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const struct {
    const char *header;
    size_t data;
    tp_status status; /* TP_OK: it is read */
    const char *piece;
} cases[] = {
    { H("'<f4'", "False", "(2,)"), 8, TP_OK, "" },
    { "{\"shape\":(2,3),\"descr\":\"<f4\",\"fortran_order\":True}  \n", 24, TP_OK, "" },
    { H("'<f4'", "False", "(2L, 3L)"), 24, TP_OK, "" }, /* Python 2 */
    { H("'<f4'", "False", "()"), 4, TP_OK, "" },
    { H("'<f4'", "False", "(0, 7)"), 0, TP_OK, "" },

    { H("'<f4'", "False", "(np.int64(1),)"), 4, TP_ERR_FORMAT, "'n', a size is wanted" },
    { H("'<f4'", "False", "[2]"), 8, TP_ERR_FORMAT, "'[', a tuple of sizes is wanted" },
    { H("'<f4'", "False", "(2)"), 8, TP_ERR_FORMAT, "a tuple of one size is (3,)" },
    { H("'<f4'", "False", "2"), 8, TP_ERR_FORMAT, "a tuple of sizes" },
    { H("'<f4'", "False", "(-1,)"), 4, TP_ERR_FORMAT, "'-', a size is wanted" },
    { H("'<f4'", "False", "(True,)"), 4, TP_ERR_FORMAT, "'T', a size is wanted" },
    { H("'<f4'", "False", "(2.0,)"), 8, TP_ERR_FORMAT, "'.', a comma or the end of the tuple is wanted" },
    { H("'<f4'", "False", "(02,)"), 8, TP_ERR_FORMAT, "a size without leading zeros" },
    { H("'<f4'", "False", "(2,,3)"), 24, TP_ERR_FORMAT, "',', a size is wanted" },
    { H("'<f4'", "False", "(,)"), 0, TP_ERR_FORMAT, "a size is wanted" },
    { H("'<f4'", "False", "(2 3)"), 24, TP_ERR_FORMAT, "a comma or the end of the tuple" },
    { H("'<f4'", "False", "(9223372036854775808,)"), 0, TP_ERR_FORMAT, "a size below 2^63" },
    { H("'<f4'", "False", "(4294967296, 4294967296)"), 0, TP_ERR_FORMAT, "larger than any memory" },
    { H("'<f4'", "False", "(4611686018427387904,)"), 0, TP_ERR_FORMAT, "larger than any memory" },
    { H("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, TP_ERR_UNSUPPORTED, "9 dims, at most 8 are possible" },

    { H("'<f4'", "False",
        "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
        "1,1,1,1,1,"
        "1,1,1,1,1,1,1,1,1,1,1)"),
      4, TP_ERR_UNSUPPORTED, "65 dims, at most 8 are possible" },

    { H("'|O'", "False", "(2,)"), 8, TP_ERR_UNSUPPORTED, "elements '|O'" },
    { H("'<c8'", "False", "(2,)"), 16, TP_ERR_UNSUPPORTED, "elements '<c8'" },
    { H("'<U5'", "False", "(2,)"), 40, TP_ERR_UNSUPPORTED, "elements '<U5'" },
    { H("'<V2'", "False", "(2,)"), 4, TP_ERR_UNSUPPORTED, "elements '<V2'" }, /* a bfloat16 of ml_dtypes */
    { H("'bfloat16'", "False", "(2,)"), 4, TP_ERR_UNSUPPORTED, "elements 'bfloat16'" },
    { H("'f4'", "False", "(2,)"), 8, TP_ERR_UNSUPPORTED, "elements 'f4'" },
    { H("''", "False", "(2,)"), 8, TP_ERR_UNSUPPORTED, "elements ''" },
    { H("'|f4'", "False", "(2,)"), 8, TP_ERR_UNSUPPORTED, "elements '|f4'" },
    { H("[('a', '<f4')]", "False", "(2,)"), 8, TP_ERR_UNSUPPORTED, "structured elements" },
    { H("'<\\x66''4'", "False", "(2,)"), 8, TP_ERR_FORMAT, "without escapes" },
    { H("3", "False", "(2,)"), 8, TP_ERR_FORMAT, "byte 20: npy header: '3', a string is wanted" },

    { H("'<f4'", "'yes'", "(2,)"), 8, TP_ERR_FORMAT, "True or False is wanted" },
    { H("'<f4'", "0", "(2,)"), 8, TP_ERR_FORMAT, "True or False is wanted" },

    { "{'descr': '<f4', 'fortran_order': False, }\n", 4, TP_ERR_FORMAT, "the key 'shape' is missing" },
    { "{'fortran_order': False, 'shape': (), }\n", 4, TP_ERR_FORMAT, "the key 'descr' is missing" },
    { "{}\n", 4, TP_ERR_FORMAT, "the key 'descr' is missing" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}\n", 4, TP_ERR_FORMAT,
      "unknown key 'x'" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'shape': (2,)}\n", 4, TP_ERR_FORMAT,
      "second key 'shape'" },
    { "{'descr' '<f4'}\n", 4, TP_ERR_FORMAT, "a colon is wanted" },
    { "{'descr': '<f4' 'fortran_order': False, 'shape': ()}\n", 4, TP_ERR_FORMAT,
      "a comma or '}' is wanted" },
    { "['descr']\n", 4, TP_ERR_FORMAT, "byte 10: npy header: '[', '{' is wanted" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 4, TP_ERR_FORMAT,
      "a newline at its end is wanted" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n\n", 4, TP_ERR_FORMAT,
      "nothing after the newline" },
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (", 4, TP_ERR_FORMAT, "the end, a size is wanted" },
    { "{'descr': '<f4", 4, TP_ERR_FORMAT, "a short string without escapes" },
    { "", 0, TP_ERR_FORMAT, "the end, '{' is wanted" },

    { H("'<f4'", "False", "(2,)"), 7, TP_ERR_FORMAT,
      "too short: 7 bytes of data, shape (2,) of f32 wants 8" },
    { H("'<f4'", "False", "(2,)"), 9, TP_ERR_FORMAT, "too long: 9 bytes of data, shape (2,) of f32 wants 8" },
    { H("'<f4'", "False", "(1000000000000,)"), 8, TP_ERR_FORMAT, "too short: 8 bytes of data" },
};

static void every_case_is_the_error_it_should_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        unsigned char file[512];
        tp_tensor *t = read_memory(file, make(file, cases[i].header, cases[i].data));
        if ((t != NULL) != (cases[i].status == TP_OK))
            fail_msg("%s: %s", t ? "this header is taken" : tp_error_message(), cases[i].header);
        expect_error(cases[i].status, cases[i].piece);
    }
}

static void starts_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        size_t size;
        tp_status status;
        const char *piece;
    } starts[] = {
        { "", 0, TP_ERR_FORMAT, "f.npy: byte 0: not an npy file: 0 bytes" },
        { "\x93NUMPX\1\0\0\0", 10, TP_ERR_FORMAT, "byte 0: not an npy file: begins with 0x934e" },
        { "PK\3\4......", 10, TP_ERR_FORMAT, "begins with 0x504b" },
        { "\x93NUMPY\x9\0\0\0", 10, TP_ERR_UNSUPPORTED, "byte 6: npy version 9.0, 1.0 to 3.0 are read" },
        { "\x93NUMPY\0\0\0\0", 10, TP_ERR_UNSUPPORTED, "version 0.0" },
        { "\x93NUMPY\1\1\0\0", 10, TP_ERR_UNSUPPORTED, "version 1.1" },
        { "\x93NUMPY\1\0\x40\0", 10, TP_ERR_FORMAT, "byte 8: header of 64 bytes, at most 0 are possible" },
        { "\x93NUMPY\1\0\xff\xff", 10, TP_ERR_FORMAT, "header of 65535 bytes" },
        { "\x93NUMPY\2\0\xff\xff\xff\xff", 12, TP_ERR_FORMAT,
          "header of 4294967295 bytes, at most 0 are possible" },
        { "\x93NUMPY\2\0\xff\xff", 10, TP_ERR_FORMAT, "byte 10: 2 bytes wanted, the file ends at 10" },
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        assert_null(read_memory(starts[i].start, starts[i].size));
        expect_error(starts[i].status, starts[i].piece);
    }
}

static void a_header_longer_than_numpy_takes_is_an_error(void **state)
{
    (void)state;
    static unsigned char file[20000];
    static char header[10002];
    memset(header, ' ', 10001);
    memcpy(header, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}", 53);
    header[9999] = '\n', header[10000] = 0;
    TP_SCOPE;
    assert_non_null(read_memory(file, make(file, header, 4)));
    header[9999] = ' ', header[10000] = '\n', header[10001] = 0;
    assert_null(read_memory(file, make(file, header, 4)));
    expect_error(TP_ERR_FORMAT, "byte 8: header of 10001 bytes, at most 10000 are possible");
}

static void cut_and_changed_files_do_no_harm(void **state)
{
    (void)state;
    unsigned char file[512];
    size_t size = get_file("tests/data/npy/i32_big_fortran.npy", file, sizeof file);
    for (size_t cut = 0; cut < size; cut++) {
        assert_null(read_memory(file, cut));
        expect_error(TP_ERR_FORMAT, "f.npy: byte ");
    }
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            TP_SCOPE;
            file[i] ^= (unsigned char)(1 << bit);
            tp_tensor *t = read_memory(file, size);
            tp_status status = tp_error_take(NULL, 0);
            assert_true(t ? status == TP_OK : status == TP_ERR_FORMAT || status == TP_ERR_UNSUPPORTED);
            file[i] ^= (unsigned char)(1 << bit);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_the_error_it_should_be),
        cmocka_unit_test(starts_that_cannot_be),
        cmocka_unit_test(a_header_longer_than_numpy_takes_is_an_error),
        cmocka_unit_test(cut_and_changed_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
