/* test_npz.c - archives of arrays that are well formed.
 *
 * Layer: tests.  Fixtures: tools/golden/npz.py; tests/python/npy.py has NumPy read what is written.
 * Read next: test_bad_npz.c. */
#include "support/files.h"

#include "core/tensor.h"
#include "io/npz.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <taper/ops.h>

static void same_tensor(const tp_tensor *a, const tp_tensor *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->dtype, b->dtype);
    assert_true(tensor_same_shape(a, b));
    assert_memory_equal(tensor_data(a), tensor_data(b), (size_t)a->numel * tensor_element_size(a));
}

static void numpy_s_archives_are_read(void **state)
{
    (void)state;
    need_npz();
    static const char *const files[] = { "good_stored", "good_deflated", "good_by_hand" };
    TP_SCOPE;
    tp_tensor *x = tp_view(tp_arange(0, 6, 1, .dtype = TP_F32), TP_SHAPE(2, 3));
    tp_tensor *y = tp_arange(0, 3, 1, .dtype = TP_I64);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[100];
        snprintf(path, sizeof path, "tests/data/npz/%s.npz", files[i]);
        tp_params *p = tp_npz_read(path);
        expect_no_error();
        assert_int_equal(tp_params_count(p), 2);
        same_tensor(tp_params_find(p, "x"), x);
        same_tensor(tp_params_find(p, "y"), y);
        same_tensor(tp_npz_read_one(path, "y"), y);
        assert_null(tp_npz_read_one(path, "y.npy"));
        expect_error(TP_ERR_ARGUMENT, "no array 'y.npy'; there are: x, y");
    }
}

static void names_are_names_and_never_paths(void **state)
{
    (void)state;
    need_npz();
    TP_SCOPE;
    tp_params *p = tp_npz_read("tests/data/npz/good_up.npz");
    assert_string_equal(tp_params_name(p, 0), "../a");
    assert_string_equal(tp_params_name(p, 1), "/etc/b");
    assert_non_null(tp_npz_read_one("tests/data/npz/good_up.npz", "../a"));
    assert_non_null(tp_npz_read_one("tests/data/npz/good_no_suffix.npz", "x"));
}

static tp_params *one_of_each(void)
{
    tp_params *p = tp_params_new();
    tp_tensor *x = tp_view(tp_arange(0, 60, 1), TP_SHAPE(3, 4, 5));
    for (int dtype = 0; dtype < TP_N_DTYPES; dtype++)
        if (dtype != TP_BF16)
            tp_params_add(p, tp_dtype_name((tp_dtype)dtype), tp_to(x, (tp_dtype)dtype));
    tp_params_add(p, "turned", tp_transpose(x, 0, 2));
    tp_params_add(p, "spread", tp_expand(tp_number(2.5), TP_SHAPE(300, 400)));
    tp_params_add(p, "empty", tp_zeros(TP_SHAPE(0, 3)));
    tp_params_add(p, "scalar", tp_number(-1));
    tp_params_add(p, "", tp_integer(7));
    tp_params_add(p, "../\xc3\xa9", tp_integer(8));
    return p;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    need_npz();
    const char *path = temp_path("each.npz");
    static unsigned char first[2000000], second[2000000];
    for (int compressed = 0; compressed < 2; compressed++) {
        TP_SCOPE;
        tp_params *p = one_of_each();
        assert_int_equal(tp_npz_write(path, p, .compressed = compressed), TP_OK);
        tp_params *q = tp_npz_read(path);
        expect_no_error();
        assert_int_equal(tp_params_count(q), tp_params_count(p));
        for (int i = 0; i < tp_params_count(p); i++) {
            assert_string_equal(tp_params_name(p, i), tp_params_name(q, i));
            same_tensor(tp_params_at(q, i), tp_contiguous(tp_params_at(p, i)));
        }
        size_t size = get_file(path, first, sizeof first);
        assert_int_equal(tp_npz_write(path, p, .compressed = compressed), TP_OK);
        assert_int_equal(get_file(path, second, sizeof second),
                         size); /* the same tensors are the same bytes */
        assert_memory_equal(first, second, size);
        assert_true(compressed ? size < 10000 : size > 900000);
    }
}

/* Longer than any room for an error's text, first and last, of one byte and of two a character. */
static void long_names_are_names(void **state)
{
    (void)state;
    need_npz();
    static unsigned char file[20000];
    char name[4001];
    for (size_t length = 190; length < 4000; length += length < 320 ? 1 : 997) {
        TP_SCOPE;
        for (size_t i = 0; i < length; i++)
            name[i] = length % 2 ? 'x' : (char)(i % 2 ? 0xa9 : 0xc3);
        name[length] = 0;
        tp_params *p = tp_params_new();
        tp_params_add(p, name, tp_ones(TP_SHAPE(2)));
        tp_params_add(p, "b", tp_ones(TP_SHAPE(3)));
        const char *path = temp_path("long.npz");
        assert_int_equal(tp_npz_write(path, p), TP_OK);
        assert_int_equal(tp_numel(tp_npz_read_one(path, name)), 2);
        assert_int_equal(tp_numel(tp_npz_read_one(path, "b")), 3);
        assert_int_equal(tp_params_count(tp_npz_read(path)), 2);
        assert_null(tp_npz_read_one(path, "c"));
        expect_error(TP_ERR_ARGUMENT, "no array 'c'; there are: ");
        size_t size = get_file(path, file, sizeof file);
        unsigned char *magic = memmem(file, size, "\x93NUMPY", 6);
        magic[1] = 'X';
        put_file(path, file, size);
        assert_null(tp_npz_read(path));
        expect_error(TP_ERR_FORMAT, "not an npy file");
    }
}

static void an_archive_without_arrays_is_one(void **state)
{
    (void)state;
    need_npz();
    TP_SCOPE;
    const char *path = temp_path("none.npz");
    assert_int_equal(tp_npz_write(path, tp_params_new()), TP_OK);
    assert_int_equal(tp_params_count(tp_npz_read(path)), 0);
    expect_no_error();
    assert_null(tp_npz_read_one(path, "x"));
    expect_error(TP_ERR_ARGUMENT, "no array 'x'; there are: none");
}

static void what_cannot_be_written_leaves_the_old_file(void **state)
{
    (void)state;
    need_npz();
    TP_SCOPE;
    const char *path = temp_path("keep.npz");
    unsigned char text[8];
    put_text(path, "old");
    tp_params *p = tp_params_new(), *q = tp_params_new(), *r = tp_params_new();
    tp_params_add(p, "half", tp_zeros(TP_SHAPE(2), .dtype = TP_BF16));
    tp_npz_write(path, p);
    expect_error(TP_ERR_DTYPE, "npz_write: 'half': NumPy has no bf16");
    tp_params_add(q, "\xff\xfe", tp_zeros(TP_SHAPE(2)));
    tp_npz_write(path, q);
    expect_error(TP_ERR_ARGUMENT, "is not UTF-8");
    tp_npz_write(path, NULL);
    expect_error(TP_ERR_ARGUMENT, "is NULL");

    tp_params_add(r, "large", tp_zeros(TP_SHAPE(10000)));
    struct rlimit before, small = { 20000, 20000 }; /* the disk is full after 20000 bytes */
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    tp_npz_write(path, r);
    setrlimit(RLIMIT_FSIZE, &before);
    expect_error(TP_ERR_IO, "keep.npz: cannot write: File too large");
    assert_int_equal(get_file(path, text, sizeof text), 3);
    assert_memory_equal(text, "old", 3);
    tp_npz_write(temp_path("nowhere/x.npz"), r);
    expect_error(TP_ERR_IO, "cannot write: No such file");
}

static void write_and_read(void)
{
    tp_params *p = one_of_each();
    tp_npz_write(temp_path("failing.npz"), p, .compressed = true);
    tp_npz_read(temp_path("failing.npz"));
    tp_npz_read_one("tests/data/npz/good_deflated.npz", "x");
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    need_npz();
    with_failing_allocations(write_and_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_s_archives_are_read),
        cmocka_unit_test(names_are_names_and_never_paths),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(long_names_are_names),
        cmocka_unit_test(an_archive_without_arrays_is_one),
        cmocka_unit_test(what_cannot_be_written_leaves_the_old_file),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
