/* test_cifar.c - CIFAR-10's binary files, right and wrong.
 *
 * The records are made here, as https://www.cs.toronto.edu/~kriz/cifar.html describes them.  Layer: tests.
 * Read next: data/cifar.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/data.h>
#include <unistd.h>

/* Record i: label i % 10, red i, green 2 i, blue by position. */
static void put_cifar(const char *name, int from, int n)
{
    static unsigned char file[8 * 3073];
    for (int i = 0; i < n; i++) {
        unsigned char *record = file + i * 3073;
        record[0] = (unsigned char)((from + i) % 10);
        memset(record + 1, from + i, 1024);
        memset(record + 1025, 2 * (from + i), 1024);
        for (int k = 0; k < 1024; k++)
            record[2049 + k] = (unsigned char)(k / 32 + 3 * (k % 32));
    }
    put_file(temp_path(name), file, (size_t)n * 3073);
}

static void cifar_s_binary_files_are_read(void **state)
{
    (void)state;
    TP_SCOPE;
    static float x[3 * 32 * 32];
    double y;
    char name[300];
    mkdir(temp_path("cifar"), 0700);
    put_cifar("cifar/data_batch_1.bin", 0, 3);
    put_cifar("cifar/data_batch_2.bin", 3, 8);
    tp_cifar10(temp_path("cifar"), TP_TEST);
    expect_error(TP_ERR_IO, "cifar: no test_batch.bin");
    put_cifar("cifar/test_batch.bin", 20, 1);
    tp_dataset *train = tp_data_open(temp_path("cifar"), TP_TRAIN),
               *test = tp_data_open(temp_path("cifar"), TP_TEST);
    expect_no_error();
    assert_string_equal(tp_dataset_kind(train), "cifar10");
    assert_string_equal(shape_text(tp_dataset_shape(train)), "(3, 32, 32)");
    assert_true(tp_dataset_count(train) == 11 && tp_dataset_count(test) == 1);
    assert_string_equal(tp_dataset_class_name(train, 5), "dog");
    assert_int_equal(tp_dataset_get(train, 5, x, &y), TP_OK);
    assert_true(y == 5 && x[0] == 5 / 255.0f && x[1024] == 10 / 255.0f);
    assert_true(x[2048 + 7 * 32 + 9] == 34 / 255.0f); /* row 7, column 9 */
    assert_string_equal(tp_dataset_example_name(train, 5, name, sizeof name), "data_batch_2.bin[2]");
    tp_dataset_get(test, 0, x, &y);
    assert_true(y == 0 && x[0] == 20 / 255.0f);

    static unsigned char file[2 * 3073];
    static const struct {
        size_t size;
        int label;
        const char *piece;
    } wrong[] = {
        { 0, 0, "data_batch_3.bin: byte 0: 0 bytes, a multiple of 3073 is wanted" },
        { 3072, 0, "byte 0: 3072 bytes, a multiple of 3073" },
        { 3074, 0, "byte 3073: 3074 bytes, a multiple of 3073" }, /* CIFAR-100's records */
        { 2 * 3073, 10, "byte 3073: label 10, 0 to 9 is wanted" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        file[3073] = (unsigned char)wrong[i].label;
        put_file(temp_path("cifar/data_batch_3.bin"), file, wrong[i].size);
        assert_null(tp_data_open(temp_path("cifar"), TP_TRAIN));
        expect_error(TP_ERR_FORMAT, wrong[i].piece);
    }
    unlink(temp_path("cifar/data_batch_3.bin"));
    unlink(temp_path("cifar/data_batch_1.bin"));
    tp_cifar10(temp_path("cifar"), TP_TRAIN);
    expect_error(TP_ERR_IO, "data_batch_2.bin is there, but not data_batch_1.bin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar_s_binary_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
