/* test_map.c - files mapped into memory: npy and safetensors.
 *
 * Layer: tests.  Read next: io/map.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <stdio.h>
#include <string.h>
#include <taper/io.h>
#include <taper/ops.h>
#include <unistd.h>

/* Whether this process has the file mapped: its path is a line of /proc/self/maps. */
static bool is_mapped(const char *path)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen("/proc/self/maps", "r");
    if (!f)
        skip();
    while (fgets(line, sizeof line, f))
        found |= strstr(line, path) != NULL;
    fclose(f);
    return found;
}

static void same_numbers(tp_tensor *a, tp_tensor *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->dtype, b->dtype);
    assert_true(tensor_same_shape(a, b));
    assert_memory_equal(tensor_data(tp_contiguous(a)), tensor_data(tp_contiguous(b)),
                        (size_t)a->numel * tensor_element_size(a));
}

static void a_mapped_file_is_read_in_place(void **state)
{
    (void)state;
    const char *path = temp_path("a.npy");
    tp_tensor *view;
    {
        TP_SCOPE;
        tp_tensor *x = tp_view(tp_arange(0, 60, 1, .dtype = TP_F32), TP_SHAPE(3, 4, 5));
        assert_int_equal(tp_npy_write(path, x), TP_OK);
        tp_tensor *y = tp_npy_map(path);
        expect_no_error();
        same_numbers(y, x);
        assert_true(is_mapped(path));
        view = tp_retain(tp_select(y, 0, 2));
    }
    assert_true(is_mapped(path)); /* the view keeps it */
    assert_true(((float *)tp_data(view))[0] == 40);
    tp_release(view);
    assert_false(is_mapped(path));
}

static void writing_stays_private(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *path = temp_path("private.npy");
    assert_int_equal(tp_npy_write(path, tp_ones(TP_SHAPE(1000))), TP_OK);
    tp_tensor *x = tp_npy_map(path), *y = tp_npy_map(path);
    tp_mul_(x, 5);
    assert_true(((float *)tp_data(x))[999] == 5);
    assert_true(((float *)tp_data(y))[999] == 1);
    assert_true(((float *)tp_data(tp_npy_read(path)))[999] == 1);
}

static void replacing_the_file_leaves_the_mapping(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *path = temp_path("replaced.npy");
    assert_int_equal(tp_npy_write(path, tp_ones(TP_SHAPE(5000))), TP_OK);
    tp_tensor *x = tp_npy_map(path);
    assert_int_equal(tp_npy_write(path, tp_zeros(TP_SHAPE(3))),
                     TP_OK); /* shorter: written in place it would be SIGBUS */
    assert_true(((float *)tp_data(x))[4999] == 1);
    assert_int_equal(tp_numel(tp_npy_map(path)), 3);
}

static void column_major_files_keep_their_strides(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_npy_map("tests/data/npy/f64_fortran.npy");
    expect_no_error();
    assert_int_equal(tp_stride(x, 0), 1);
    assert_false(tp_is_contiguous(x));
    same_numbers(x, tp_npy_read("tests/data/npy/f64_fortran.npy"));
}

static void what_cannot_be_mapped_says_so(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_npy_map("tests/data/npy/i32_big_fortran.npy"));
    expect_error(TP_ERR_UNSUPPORTED, "big-endian elements cannot be mapped, only read");
    assert_null(tp_npy_map(temp_path("nowhere.npy")));
    expect_error(TP_ERR_IO, "cannot open");
    put_text(temp_path("empty.npy"), "");
    assert_null(tp_npy_map(temp_path("empty.npy")));
    expect_error(TP_ERR_FORMAT, "byte 0: not an npy file: 0 bytes");
    assert_null(tp_safetensors_map(temp_path("empty.npy")));
    expect_error(TP_ERR_FORMAT, "byte 0: an empty file");
    unsigned char odd[100] =
        "\x93NUMPY\1\0\x3b\0{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } \n";
    put_file(temp_path("odd.npy"), odd, 10 + 0x3b + 4);
    assert_null(tp_npy_map(temp_path("odd.npy")));
    expect_error(TP_ERR_UNSUPPORTED, "byte 69: elements that begin here are not aligned to 4 bytes");
    assert_non_null(tp_npy_read(temp_path("odd.npy")));

    /* cut after it was written: found when it is mapped */
    assert_int_equal(tp_npy_write(temp_path("cut.npy"), tp_ones(TP_SHAPE(100))), TP_OK);
    assert_int_equal(truncate(temp_path("cut.npy"), 300), 0);
    assert_null(tp_npy_map(temp_path("cut.npy")));
    expect_error(TP_ERR_FORMAT, "byte 300: too short");
}

static void no_elements_and_scalars_are_mapped(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *path = temp_path("small.npy");
    assert_int_equal(tp_npy_write(path, tp_zeros(TP_SHAPE(0, 3))), TP_OK);
    same_numbers(tp_npy_map(path), tp_zeros(TP_SHAPE(0, 3)));
    assert_int_equal(tp_npy_write(path, tp_integer(7)), TP_OK);
    assert_int_equal(tp_item_i64(tp_npy_map(path)), 7);
}

static void bools_of_others_become_0_and_1(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *path = temp_path("bool.npy");
    unsigned char file[200];
    assert_int_equal(tp_npy_write(path, tp_zeros(TP_SHAPE(4), .dtype = TP_BOOL)), TP_OK);
    size_t size = get_file(path, file, sizeof file);
    file[size - 1] = 200;
    put_file(path, file, size);
    assert_int_equal(((unsigned char *)tp_data(tp_npy_map(path)))[3], 1);
}

static void weights_are_mapped(void **state)
{
    (void)state;
    need_json();
    const char *path = temp_path("w.safetensors");
    tp_tensor *kept;
    {
        TP_SCOPE;
        tp_params *p = tp_params_new();
        for (int dtype = 0; dtype < TP_N_DTYPES; dtype++)
            tp_params_add(p, tp_dtype_name((tp_dtype)dtype), tp_to(tp_arange(0, 7, 1), (tp_dtype)dtype));
        tp_params_add(p, "empty", tp_zeros(TP_SHAPE(0)));
        assert_int_equal(tp_safetensors_write(path, p, NULL, 0), TP_OK);
        tp_params *q = tp_safetensors_map(path);
        expect_no_error();
        assert_int_equal(tp_params_count(q), TP_N_DTYPES + 1);
        for (int i = 0; i < tp_params_count(p); i++)
            same_numbers(tp_params_find(q, tp_params_name(p, i)), tp_params_at(p, i));
        assert_true(is_mapped(path));
        kept = tp_retain(tp_params_find(q, "bf16"));
    }
    assert_true(is_mapped(path));
    tp_release(kept);
    assert_false(is_mapped(path));
}

static void elements_that_are_not_aligned_are_copied(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    static const char json[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                               "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}";
    unsigned char file[200] = { sizeof json - 1 };
    memcpy(file + 8, json, sizeof json - 1);
    float two = 2;
    file[8 + sizeof json - 1] = 9;
    memcpy(file + 8 + sizeof json, &two, 4);
    put_file(temp_path("odd.safetensors"), file, 8 + sizeof json + 4);
    tp_params *p = tp_safetensors_map(temp_path("odd.safetensors"));
    expect_no_error();
    assert_true(tp_item(tp_params_find(p, "a")) == 9);
    assert_true(tp_item(tp_params_find(p, "b")) == 2);
}

static void map_all(void)
{
    tp_npy_map("tests/data/npy/f64_fortran.npy");
    tp_safetensors_map("tests/data/python.safetensors");
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    need_json();
    with_failing_allocations(map_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapped_file_is_read_in_place),
        cmocka_unit_test(writing_stays_private),
        cmocka_unit_test(replacing_the_file_leaves_the_mapping),
        cmocka_unit_test(column_major_files_keep_their_strides),
        cmocka_unit_test(what_cannot_be_mapped_says_so),
        cmocka_unit_test(no_elements_and_scalars_are_mapped),
        cmocka_unit_test(bools_of_others_become_0_and_1),
        cmocka_unit_test(weights_are_mapped),
        cmocka_unit_test(elements_that_are_not_aligned_are_copied),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
