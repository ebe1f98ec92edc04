/* test_data.c - datasets and transforms that are well formed.
 *
 * Resize, affine and normalize are compared with torchvision (tools/golden/io.py).  Layer: tests.
 * Read next: test_loader.c; test_bad_idx.c, test_bad_csv.c and test_bad_pictures.c for data that is malformed. */
#include "support/files.h"

#include "core/tensor.h"
#include "base/number.h"
#include "data/permutation.h"
#include "data/transform.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/data.h>
#include <taper/io.h>
#include <unistd.h>

/* ---- permutation --------------------------------------------------------------------------------------------------- */

static void a_permutation_has_every_number_once(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 100, 1000, 60000, 65536, 65537 };
    static unsigned char seen[65537];
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        permutation p = permutation_of(sizes[k], 42 + k);
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < sizes[k]; i++) {
            int64_t at = permutation_at(&p, i);
            assert_true(at >= 0 && at < sizes[k] && !seen[at]);
            seen[at] = 1;
        }
    }
}

/* Each number comes to each place about equally often, and so do pairs of neighbours: chi-square within 5 sigma. */
static void permutations_are_uniform(void **state)
{
    (void)state;
    enum { N = 10, SEEDS = 20000 };
    static int places[N][N], follows[N][N];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        permutation p = permutation_of(N, seed);
        int64_t before = -1;
        for (int i = 0; i < N; i++) {
            int64_t at = permutation_at(&p, i);
            places[i][at]++;
            if (before >= 0)
                follows[before][at]++;
            before = at;
        }
    }
    double place = 0, follow = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double e = SEEDS / (double)N;
            place += (places[i][j] - e) * (places[i][j] - e) / e;
            if (i != j)
                follow += (follows[i][j] - e) * (follows[i][j] - e) / e;
        }
    assert_true(place < 81 + 5 * sqrt(2 * 81.0));
    assert_true(follow < 90 + 5 * sqrt(2 * 90.0));
}

/* ---- MNIST and IDX --------------------------------------------------------------------------------------------------- */

static void mnist_is_read(void **state)
{
    (void)state;
    need_gzip();
    TP_SCOPE;
    static const int64_t counts[] = { 60000, 10000 };
    static const double labels[][3] = { { 5, 0, 4 }, { 7, 2, 1 } };
    static const char *const names[] = { "train-images-idx3-ubyte", "t10k-images-idx3-ubyte" };
    for (int part = 0; part < 2; part++) {
        float x[784];
        double y;
        char name[64];
        tp_dataset *d = tp_mnist("data/mnist", part ? TP_TEST : TP_TRAIN);
        expect_no_error();
        assert_int_equal(tp_dataset_count(d), counts[part]);
        assert_int_equal(tp_dataset_classes(d), 10);
        assert_string_equal(tp_dataset_kind(d), "mnist");
        assert_string_equal(tp_dataset_class_name(d, 7), "7");
        assert_string_equal(shape_text(tp_dataset_shape(d)), "(1, 28, 28)");
        tp_dataset_example_name(d, 17, name, sizeof name);
        assert_memory_equal(name, names[part], strlen(names[part]));
        assert_non_null(strstr(name, "[17]"));
        for (int i = 0; i < 3; i++) {
            assert_int_equal(tp_dataset_get(d, i, x, &y), TP_OK);
            assert_true(y == labels[part][i]);
            float largest = 0;
            for (int k = 0; k < 784; k++) {
                assert_true(x[k] >= 0);
                largest = x[k] > largest ? x[k] : largest;
            }
            assert_true(largest > 0.9f && largest <= 1);
        }
        tp_dataset_get(d, counts[part], x, &y);
        expect_error(TP_ERR_INDEX, "dataset_get: example ");
    }
}

static void mnist_s_statistics_are_the_known_ones(void **state)
{
    (void)state;
    need_gzip();
    TP_SCOPE;
    float mean, std;
    assert_int_equal(tp_dataset_statistics(tp_mnist("data/mnist", TP_TRAIN), 0, &mean, &std, 1), TP_OK);
    assert_true(fabsf(mean - 0.1307f) < 5e-5f && fabsf(std - 0.3081f) < 5e-5f);
}

static void idx_of_colour_images_is_read(void **state)
{
    (void)state;
    TP_SCOPE;
    unsigned char images[20 + 2 * 12] = "\0\0\x08\x04\0\0\0\x02\0\0\0\x03\0\0\0\x02\0\0\0\x02";
    for (int i = 0; i < 24; i++)
        images[20 + i] = (unsigned char)(i * 10);
    put_file(temp_path("c-images"), images, sizeof images);
    put_file(temp_path("c-labels"), "\0\0\x08\x01\0\0\0\x02\x04\x01", 10);
    tp_dataset *d = tp_idx(temp_path("c-images"), temp_path("c-labels"));
    expect_no_error();
    assert_string_equal(shape_text(tp_dataset_shape(d)), "(3, 2, 2)");
    assert_int_equal(tp_dataset_classes(d), 5);
    float x[12];
    double y;
    assert_int_equal(tp_dataset_get(d, 1, x, &y), TP_OK);
    assert_true(y == 1 && x[0] == 120.0f / 255.0f && x[11] == 230.0f / 255.0f);
}

static void put_pair(const char *folder, const char *labels)
{
    char path[600];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/features-idx3-byte", folder);
    put_file(path, "\0\0\x09\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x80\x7f\x01\0", 20);
    snprintf(path, sizeof path, "%s/labels-idx1-ubyte", folder);
    put_file(path, labels, 10);
}

/* train/ and test/ with a pair each; a label of the test part that the training part has not is an error. */
static void pairs_of_idx_are_found_in_folders(void **state)
{
    (void)state;
    TP_SCOPE;
    char folder[500], train[520], test[520];
    strcpy(folder, temp_path("pairs"));
    mkdir(folder, 0777);
    snprintf(train, sizeof train, "%s/train", folder);
    snprintf(test, sizeof test, "%s/test", folder);
    put_pair(train, "\0\0\x08\x01\0\0\0\x02\x02\x00");
    put_pair(test, "\0\0\x08\x01\0\0\0\x02\x01\x01");
    tp_dataset *d = tp_data_open(folder, TP_TEST);
    expect_no_error();
    float x[2];
    double y;
    assert_int_equal(tp_dataset_count(d), 2);
    assert_int_equal(tp_dataset_classes(d), 3);
    assert_int_equal(tp_dataset_get(d, 0, x, &y), TP_OK);
    assert_true(y == 1 && x[0] == -1 && x[1] == 127.0f / 128);
    put_pair(test, "\0\0\x08\x01\0\0\0\x02\x01\x03");
    tp_data_open(folder, TP_TEST);
    expect_error(TP_ERR_FORMAT, "labels-idx1-ubyte: byte 9: label 3, 0 to 2 is wanted");
}

/* ---- CSV --------------------------------------------------------------------------------------------------------------- */

static tp_dataset *csv_of(const char *text, tp_csv_options o)
{
    o.struct_size = sizeof o;
    put_text(temp_path("t.csv"), text);
    return tp_csv_opt(temp_path("t.csv"), &o);
}

static void check_row(tp_dataset *d, int64_t i, const char *want)
{
    float x[64];
    double y;
    char got[512] = "";
    expect_no_error();
    assert_int_equal(tp_dataset_get(d, i, x, &y), TP_OK);
    for (int64_t k = 0; k < tp_dataset_shape(d).dim[0]; k++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%g ", (double)x[k]);
    snprintf(got + strlen(got), sizeof got - strlen(got), "| %g", y);
    assert_string_equal(got, want);
}

static void csv_numbers_texts_and_classes(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_dataset *d = csv_of(
        "\xef\xbb\xbfsize, colour ,kind\r\n1.5,red,dog\r\n-2e1,\"dark, \"\"blue\"\"\",cat\r\n\r\n.5,red,dog",
        (tp_csv_options){ 0 });
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), 3);
    assert_int_equal(tp_dataset_classes(d), 2);
    assert_string_equal(tp_dataset_class_name(d, 0), "cat");
    check_row(d, 0, "1.5 0 1 | 1");
    check_row(d, 1, "-20 1 0 | 0");
    check_row(d, 2, "0.5 0 1 | 1");
    char name[32];
    assert_string_equal(tp_dataset_example_name(d, 2, name, sizeof name), "t.csv:5");

    d = csv_of("3;1;2\n10;4;5\n3;4;5\n", (tp_csv_options){ .target = "0" }); /* no header; classes by value */
    expect_no_error();
    assert_string_equal(tp_dataset_class_name(d, 0), "3");
    assert_string_equal(tp_dataset_class_name(d, 1), "10");
    check_row(d, 1, "4 5 | 1");

    d = csv_of("a\tb\tc\n1\t2\t3.25\n4\t5\t-6\n", (tp_csv_options){ .regression = true });
    assert_int_equal(tp_dataset_classes(d), 0);
    check_row(d, 0, "1 2 | 3.25");

    d = csv_of("a,b,c\n1,2,3\n4,5,6\n", (tp_csv_options){ .target = "b", .regression = true });
    check_row(d, 1, "4 6 | 5");
    d = csv_of("a,b\nc,d\ne,b\n",
               (tp_csv_options){ 0 }); /* all texts; the first row's b comes again: no header */
    assert_int_equal(tp_dataset_count(d), 3);
    d = csv_of("a,b\nc,d\n", (tp_csv_options){ .header = -1 });
    assert_int_equal(tp_dataset_count(d), 2);
    d = csv_of("1,2\n3,4\n", (tp_csv_options){ .header = 1 });
    assert_int_equal(tp_dataset_count(d), 1);
    d = csv_of("59 2 32.1\n48  1 21.6\n", (tp_csv_options){ .delimiter = ' ', .regression = true });
    check_row(d, 1, "48 1 | 21.6");
    d = csv_of("2,3,no,yes\n1,2,3,1\n4,5,6,0\n",
               (tp_csv_options){ 0 }); /* scikit-learn's counts and class names */
    assert_int_equal(tp_dataset_count(d), 2);
    assert_string_equal(tp_dataset_class_name(d, 1), "yes");
    check_row(d, 0, "1 2 3 | 1");
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const texts[] = { "0.1",
                                         "-123.456",
                                         "1e-7",
                                         "3.4028234663852886e38",
                                         "12345678901234567890",
                                         "0.30000000000000004",
                                         "5.",
                                         ".5",
                                         "+1",
                                         "1E3",
                                         "179769313486231570000000000" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value;
        const char *end;
        setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, its point is a comma */
        assert_true(parse_number(texts[i], &value, &end));
        assert_int_equal(*end, 0);
        setlocale(LC_ALL, "C");
        assert_true(value == strtod(texts[i], NULL));
    }
    static const char *const bad[] = { "",     "-",      ".",  "e5",    "nan", "inf",
                                       "0x10", "-0x1p3", " 1", "1e999", "+-1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value;
        const char *end = "";
        if (parse_number(bad[i], &value, &end) && !*end)
            fail_msg("'%s' is taken for %g", bad[i], value);
    }
}

/* ---- image folders -------------------------------------------------------------------------------------------------------- */

static void copy_picture(const char *fixture, const char *to)
{
    static unsigned char data[1 << 16];
    char from[256];
    snprintf(from, sizeof from, "tests/data/pictures/%s", fixture);
    put_file(temp_path(to), data, get_file(from, data, sizeof data));
}

static void make_image_folder(void)
{
    static const char *const folders[] = { "pets", "pets/cat", "pets/dog", "pets/dog/puppies",
                                           "pets/.hidden" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(temp_path(folders[i]), 0700);
    copy_picture("rgb8.png", "pets/cat/b.PNG");
    copy_picture("grey8.png", "pets/cat/a.png");
    copy_picture("rgb8.png", "pets/dog/z.png");
    copy_picture("rgb8.png", "pets/dog/puppies/a\n\xff.png"); /* any bytes are a name */
    put_text(temp_path("pets/cat/readme.txt"), "no picture");
}

static void an_image_folder_is_sorted_resized_and_cropped(void **state)
{
    (void)state;
    need_png();
    TP_SCOPE;
    make_image_folder();
    tp_dataset *d = tp_image_folder(temp_path("pets"), 3, 19);
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), 4);
    assert_int_equal(tp_dataset_classes(d), 2);
    assert_string_equal(tp_dataset_class_name(d, 1), "dog");
    char name[512];
    assert_non_null(strstr(tp_dataset_example_name(d, 0, name, sizeof name), "pets/cat/a.png"));
    assert_non_null(strstr(tp_dataset_example_name(d, 1, name, sizeof name), "pets/cat/b.PNG"));
    assert_non_null(strstr(tp_dataset_example_name(d, 2, name, sizeof name), "pets/dog/z.png"));
    float x[3 * 19 * 19];
    double y;
    assert_int_equal(tp_dataset_get(d, 3, x, &y), TP_OK);
    assert_true(y == 1);
    const float *whole =
        tp_data(tp_image_read("tests/data/pictures/rgb8.png", 3)); /* (3, 19, 29): only cropped */
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 19; i++)
            for (int j = 0; j < 19; j++)
                assert_true(x[(c * 19 + i) * 19 + j] == whole[(c * 19 + i) * 29 + j + 5]);
    d = tp_image_folder(temp_path("pets"), 1, 8);
    assert_int_equal(tp_dataset_get(d, 0, x, &y), TP_OK);
    assert_string_equal(shape_text(tp_dataset_shape(d)), "(1, 8, 8)");
}

static tp_dataset *table(const char *text, const tp_csv_options *o)
{
    put_text(temp_path("table.csv"), text);
    return tp_csv_opt(temp_path("table.csv"), o);
}

static void columns_are_found_by_their_names(void **state)
{
    (void)state;
    TP_SCOPE;
    static const char *const names[] = { "w", "colour=blue", "colour=red" };
    tp_csv_options o = { .struct_size = sizeof o };
    float x[3];
    double y;
    tp_dataset *d = table("w,colour,kind\n1,red,p\n2,blue,q\n", &o);
    expect_no_error();
    for (int i = 0; i < 3; i++)
        assert_string_equal(tp_dataset_column_name(tp_shuffled(d, 1), i), names[i]);
    assert_string_equal(tp_dataset_column_name(d, 3), "kind");
    assert_null(tp_dataset_column_name(d, 4));
    o.known = (tp_known_names){ .columns = names, .n_columns = 3 };
    d = table("kind,note,colour,w\nq,,red,5\nq,x,red,6\n",
              &o); /* a missing cell of a column that is not read */
    expect_error(TP_ERR_FORMAT,
                 "line 2: the cell in column 1 is missing"); /* the last one that is left is the target */
    o.target = "kind";
    d = table("kind,note,colour,w\nq,,red,5\nq,x,red,6\n", &o);
    expect_no_error();
    assert_int_equal(tp_dataset_classes(d), 1);
    assert_int_equal(tp_dataset_get(d, 0, x, &y), TP_OK);
    assert_true(x[0] == 5 && x[1] == 0 && x[2] == 1 && y == 0);
    o.no_target = true;
    d = table("colour,w\nblue,7\n", &o);
    expect_no_error();
    assert_int_equal(tp_dataset_classes(d), 0);
    assert_int_equal(tp_dataset_get(d, 0, x, &y), TP_OK);
    assert_true(x[0] == 7 && x[1] == 1 && x[2] == 0 && y == 0);
    assert_null(table("colour,w\ngreen,7\n", &o));
    expect_error(TP_ERR_FORMAT, "line 2: 'green' in column 0 is none of the 2 that are known");
    assert_null(table("colour,w\nred,wide\n", &o));
    expect_error(TP_ERR_FORMAT, "line 2: 'wide' in column 1 is no number");
    assert_null(table("colour\nred\n", &o));
    expect_error(TP_ERR_FORMAT, "no column 'w'");
}

/* A table without a header, whose first column was the target. */
static void columns_without_names_are_found_by_their_places(void **state)
{
    (void)state;
    TP_SCOPE;
    static const char *const names[] = { "1", "2" };
    const tp_csv_options o = { .struct_size = sizeof o,
                               .target = "0",
                               .no_target = true,
                               .known = { .columns = names, .n_columns = 2 } };
    float x[2];
    double y;
    const char *const texts[] = { "p,3,4\nq,5,6\n", "3,4\n5,6\n" };
    for (int i = 0; i < 2; i++) {
        tp_dataset *d = table(texts[i], &o);
        expect_no_error();
        assert_int_equal(tp_dataset_get(d, 1, x, &y), TP_OK);
        assert_true(x[0] == 5 && x[1] == 6);
    }
    assert_null(table("3\n5\n", &o));
    expect_error(TP_ERR_FORMAT, "no column '2'");
}

static void classes_take_the_numbers_of_other_names(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *const names[] = { "wolf", "dog", "cat" };
    char name[64];
    float x[2];
    double y;
    put_text(temp_path("pets.csv"), "a,b,kind\n1,2,cat\n3,4,dog\n5,6,cat\n");
    tp_dataset *d = tp_relabelled(tp_data_open(temp_path("pets.csv"), TP_WHOLE), names, 3);
    expect_no_error();
    assert_int_equal(tp_dataset_count(d), 3);
    assert_int_equal(tp_dataset_classes(d), 3);
    assert_string_equal(tp_dataset_class_name(d, 1), "dog");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tp_dataset_get(d, i, x, &y), TP_OK);
        assert_true(x[0] == (float)(2 * i + 1) && y == (i == 1 ? 1 : 2));
        assert_int_equal(tp_dataset_label(d, i, &y), TP_OK);
        assert_true(y == (i == 1 ? 1 : 2));
    }
    assert_string_equal(tp_dataset_example_name(d, 1, name, sizeof name), "pets.csv:3");
    assert_null(tp_relabelled(d, names, 2));
    expect_error(TP_ERR_ARGUMENT, "class 2, 'cat', is none of the 2 that are known");
    assert_null(tp_relabelled(NULL, names, 2));
    expect_error(TP_ERR_ARGUMENT, "relabelled: a dataset with a class an example");
}

static void a_label_is_had_without_its_picture(void **state)
{
    (void)state;
    TP_SCOPE;
    double y;
    mkdir(temp_path("labels"), 0700), mkdir(temp_path("labels/cat"), 0700),
        mkdir(temp_path("labels/dog"), 0700);
    put_text(temp_path("labels/cat/a.png"), "no picture");
    put_text(temp_path("labels/dog/a.png"), "no picture");
    put_text(temp_path("labels/dog/b.png"), "no picture");
    tp_dataset *d = tp_image_folder(temp_path("labels"), 3, 8), *part = tp_subset(tp_shuffled(d, 1), 0, 2);
    permutation p = permutation_of(3, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tp_dataset_label(part, i, &y), TP_OK);
        assert_true(y == (permutation_at(&p, i) > 0));
    }
    assert_int_equal(tp_dataset_label(part, 2, &y), TP_ERR_INDEX);
    expect_error(TP_ERR_INDEX, "dataset_label: example 2 of 2");
    tp_dataset_label(NULL, 0, &y);
    expect_error(TP_ERR_ARGUMENT, "the dataset or the place for the label is NULL");
}

/* ---- tp_data_open ------------------------------------------------------------------------------------------------------------ */

static void opening_tells_what_is_there(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[400] = "a,b\n";
    for (int i = 0; i < 11; i++)
        sprintf(text + strlen(text), "%d,%d\n", i, i % 2);
    put_text(temp_path("eleven.csv"), text);
    tp_dataset *train = tp_data_open(temp_path("eleven.csv"), TP_TRAIN, .seed = 3);
    tp_dataset *test = tp_data_open(temp_path("eleven.csv"), TP_TEST, .seed = 3);
    expect_no_error();
    assert_int_equal(tp_dataset_count(train), 9);
    assert_int_equal(tp_dataset_count(test), 2);
    unsigned seen = 0;
    for (int i = 0; i < 11; i++) {
        float x;
        double y;
        tp_dataset_get(i < 9 ? train : test, i < 9 ? i : i - 9, &x, &y);
        seen |= 1u << (int)x;
        assert_true(y == (int)x % 2);
    }
    assert_int_equal(seen, (1u << 11) - 1);
    tp_data_open(temp_path("nowhere"), TP_TRAIN);
    expect_error(TP_ERR_IO, "nowhere: cannot open: No such file");
    put_text(temp_path("file.xyz"), "?");
    tp_data_open(temp_path("file.xyz"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "file.xyz: not data that is known");
    mkdir(temp_path("bare"), 0700);
    tp_data_open(temp_path("bare"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "MNIST's files");
    put_text(temp_path("one.csv"), "1,2\n");
    tp_data_open(temp_path("one.csv"), TP_TRAIN);
    expect_error(TP_ERR_FORMAT, "1 examples, at least 2 are wanted");
    need_gzip();
    assert_string_equal(tp_dataset_kind(tp_data_open("data/mnist", TP_TEST)), "mnist");
}

static void train_and_test_folders_share_their_classes(void **state)
{
    (void)state;
    need_png();
    TP_SCOPE;
    static const char *const folders[] = { "parts",         "parts/train", "parts/train/a",
                                           "parts/train/b", "parts/val",   "parts/val/b" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(temp_path(folders[i]), 0700);
    copy_picture("rgb8.png", "parts/train/a/1.png");
    copy_picture("rgb8.png", "parts/train/b/1.png");
    copy_picture("rgb8.png", "parts/val/b/1.png");
    tp_dataset *test = tp_data_open(temp_path("parts"), TP_TEST, .image_size = 8, .channels = 1);
    expect_no_error();
    float x[64];
    double y;
    assert_int_equal(tp_dataset_count(test), 1);
    assert_int_equal(tp_dataset_get(test, 0, x, &y), TP_OK);
    assert_true(y == 1); /* b is class 1, as in train/ */
    assert_int_equal(tp_dataset_count(tp_data_open(temp_path("parts"), TP_TRAIN)), 2);
    mkdir(temp_path("parts/val/c"), 0700);
    tp_data_open(temp_path("parts"), TP_TEST);
    expect_error(TP_ERR_FORMAT, "parts/val/c: a class that ");
}

/* ---- tensors, parts, an order ------------------------------------------------------------------------------------------------- */

static void tensors_subsets_and_shuffles(void **state)
{
    (void)state;
    TP_SCOPE;
    float data[20];
    int64_t labels[10];
    for (int i = 0; i < 10; i++)
        data[2 * i] = (float)i, data[2 * i + 1] = (float)-i, labels[i] = i % 3;
    tp_tensor *x = tp_tensor_copied(data, TP_F32, TP_SHAPE(10, 2));
    tp_tensor *y = tp_tensor_copied(labels, TP_I64, TP_SHAPE(10));
    tp_dataset *d = tp_tensor_dataset(x, y, 3);
    check_row(d, 4, "4 -4 | 1");
    tp_dataset *part = tp_subset(d, 5, 3);
    check_row(part, 0, "5 -5 | 2");
    assert_int_equal(tp_dataset_count(part), 3);
    tp_dataset *mixed = tp_shuffled(d, 1);
    permutation p = permutation_of(10, 1);
    char want[32], name[32];
    for (int i = 0; i < 10; i++) {
        int64_t at = permutation_at(&p, i);
        snprintf(want, sizeof want, at ? "%lld -%lld | %lld" : "0 0 | 0", (long long)at, (long long)at,
                 (long long)at % 3);
        check_row(mixed, i, want);
    }
    double label;
    assert_int_equal(tp_dataset_label(mixed, 3, &label), TP_OK);
    assert_true(label == (double)(permutation_at(&p, 3) % 3));
    snprintf(want, sizeof want, "tensors[%lld]", (long long)permutation_at(&p, 3));
    assert_string_equal(tp_dataset_example_name(mixed, 3, name, sizeof name), want);
    tp_subset(d, 5, 6);
    expect_error(TP_ERR_INDEX, "subset: examples 5 to 10, the dataset has 10");
    tp_tensor_dataset(x, y, 2);
    expect_error(TP_ERR_INDEX, "label 2 is 2, 0 to 1 is wanted");
    tp_tensor_dataset(x, tp_unsqueeze(x, 2), 2);
    expect_error(TP_ERR_SHAPE, "x (10, 2) and y (10, 2, 1)");
}

/* ---- transforms ------------------------------------------------------------------------------------------------------------------ */

static double largest_difference(const float *a, const float *b, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

static void transforms_are_torchvision_s(void **state)
{
    (void)state;
    need_json();
    TP_SCOPE;
    tp_params *p = tp_safetensors_read("tests/data/expected.safetensors");
    tp_tensor *image = tp_params_find(p, "image");
    tp_shape in = tp_shape_of(image), out;
    static float y[3 * 64 * 64];
    int resized = 0, moved = 0;
    static const double affine[][6] = { { 0, 0, 0, 1, 0, 0 },
                                        { 90, 0, 0, 1, 0, 0 },
                                        { 17, 3, -2, 1, 0, 0.5 },
                                        { -30, 1, 4, 0.8, 10, 0 },
                                        { 5, -3, 0, 1.3, -20, 1 } };
    for (int i = 0; i < tp_params_count(p); i++) {
        const char *name = tp_params_name(p, i);
        tp_tensor *want = tp_params_at(p, i);
        if (!strncmp(name, "resize ", 7)) {
            char text[32];
            snprintf(text, sizeof text, "resize=%s", name + 7);
            tp_transform *t = tp_transform_parse(text);
            assert_int_equal(tp_transform_shape(t, in, &out), TP_OK);
            assert_string_equal(shape_text(out), tensor_shape_text(want));
            assert_int_equal(tp_transform_run(t, in, tp_data(image), y, 0, 0), TP_OK);
            assert_true(largest_difference(y, tp_data(want), want->numel) < 2e-6);
            resized++;
        } else if (!strncmp(name, "affine ", 7)) {
            const double *a = affine[atoi(name + 7)];
            double matrix[6];
            affine_inverse_matrix(a[0], a[1], a[2], a[3], a[4], matrix);
            affine_planes(3, in.dim[1], in.dim[2], tp_data(image), matrix, (float)a[5], y);
            assert_true(largest_difference(y, tp_data(want), want->numel) < 1e-5);
            moved++;
        }
    }
    assert_int_equal(resized, 6);
    assert_int_equal(moved, 5);
    tp_transform *n = tp_transform_parse("normalize=0.485,0.456,0.406/0.229,0.224,0.225");
    assert_int_equal(tp_transform_run(n, in, tp_data(image), y, 0, 0), TP_OK);
    tp_tensor *want = tp_params_find(p, "normalize");
    assert_memory_equal(y, tp_data(want), (size_t)want->numel * sizeof *y); /* the same bits */
    tp_transform *pad = tp_transform_parse(" pad=2:0.25 ");
    assert_int_equal(tp_transform_run(pad, in, tp_data(image), y, 0, 0), TP_OK);
    want = tp_params_find(p, "pad");
    assert_memory_equal(y, tp_data(want), (size_t)want->numel * sizeof *y);
}

static void a_chain_is_its_steps_one_after_the_other(void **state)
{
    (void)state;
    TP_SCOPE;
    float x[48], a[100], b[100], c[100];
    for (int i = 0; i < 48; i++)
        x[i] = (float)((i * 7) % 13);
    tp_shape in = TP_SHAPE(3, 4, 4), out;
    tp_transform *pad = tp_transform_pad(1, 0.5),
                 *norm = tp_transform_normalize((float[]){ 1 }, (float[]){ 2 }, 1);
    tp_transform *size = tp_transform_resize(5, 4);
    tp_transform *inner = tp_transform_chain((tp_transform *[]){ pad, norm }, 2);
    tp_transform *chain = tp_transform_chain((tp_transform *[]){ size, inner }, 2);
    assert_int_equal(tp_transform_shape(chain, in, &out), TP_OK);
    assert_string_equal(shape_text(out), "(3, 7, 6)");
    float whole[3 * 7 * 6], steps[3 * 7 * 6], padded[3 * 7 * 6];
    tp_transform_run(chain, in, x, whole, 1, 2);
    tp_transform_run(size, in, x, a, 1, 2);
    tp_transform_run(pad, TP_SHAPE(3, 5, 4), a, padded, 1, 2);
    tp_transform_run(norm, TP_SHAPE(3, 7, 6), padded, steps, 1, 2);
    assert_memory_equal(whole, steps, sizeof whole);
    assert_true(whole[0] == (0.5f - 1) / 2);

    /* a random step in a chain draws by its place, and by nothing else */
    tp_transform *turn = tp_transform_parse("affine=30:0.2:0.8-1.2:10");
    tp_transform_run(turn, in, x, a, 1, 2);
    tp_transform_run(turn, in, x, b, 1, 2);
    tp_transform_run(turn, in, x, c, 1, 3);
    assert_memory_equal(a, b, sizeof x);
    assert_memory_not_equal(a, c, sizeof x);
    tp_transform_run(turn, in, x, c, 2, 2);
    assert_memory_not_equal(a, c, sizeof x);
    tp_transform *empty = tp_transform_parse("");
    tp_transform_run(empty, in, x, a, 0, 0);
    assert_memory_equal(a, x, sizeof x);
    tp_transform_shape(pad, TP_SHAPE(4), &out);
    expect_error(TP_ERR_SHAPE, "pad: an example of shape (4,), an image (C, H, W) is wanted");
    tp_transform_shape(tp_transform_normalize((float[]){ 1, 2 }, (float[]){ 2, 2 }, 2), in, &out);
    expect_error(TP_ERR_SHAPE, "the mean has 2 channels");
}

static void transforms_in_text_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *piece;
    } cases[] = {
        { "blur=2", "'blur=2' is not understood, one of pad, resize, centercrop, normalize, randomcrop," },
        { "pad", "is not understood" },
        { "pad=", "pad=PIXELS" },
        { "pad=-1", "pad=PIXELS" },
        { "pad=1.5", "pad=PIXELS" },
        { "pad=2x", "pad=PIXELS" },
        { "resize=0x3", "resize=SIZE or resize=HEIGHTxWIDTH" },
        { "resize=3x", "HEIGHTxWIDTH" },
        { "resize=99999999", "HEIGHTxWIDTH" },
        { "normalize=0.5", "MEAN/STD" },
        { "normalize=0.5,0.5/1", "MEAN/STD" },
        { "normalize=0.5/0", "a std above 0 is wanted" },
        { "normalize=nan/1", "MEAN/STD" },
        { "affine=", "affine=DEGREES" },
        { "affine=10:2", "translate 2" },
        { "affine=10:0:1.2-0.8", "scale 1.2 to 0.8" },
        { "affine=10:0:1:90", "shear 90" },
        { "pad=1 pad=1 what", "'what'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(tp_transform_parse(cases[i].text));
        expect_error(TP_ERR_ARGUMENT, cases[i].piece);
    }
}

/* ---- failing allocations ----------------------------------------------------------------------------------------------------------- */

static void open_some_of_all(void)
{
    float x[3 * 64 * 64];
    double y;
    tp_csv(temp_path("t.csv"));
    tp_dataset *d = tp_data_open(temp_path("pets"), TP_TRAIN, .image_size = 8);
    tp_dataset_get(d, 0, x, &y);
    tp_transform *t = tp_transform_parse("pad=2 normalize=0.5/0.5 resize=9x9 affine=3");
    tp_transform_run(t, TP_SHAPE(3, 8, 8), x, x + 1000, 1, 2);
    tp_idx(temp_path("c-images"), temp_path("c-labels"));
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    need_png();
    TP_SCOPE;
    csv_of("a,b,kind\n1,red,dog\n2,blue,cat\n", (tp_csv_options){ 0 });
    make_image_folder();
    with_failing_allocations(open_some_of_all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permutation_has_every_number_once),
        cmocka_unit_test(permutations_are_uniform),
        cmocka_unit_test(mnist_is_read),
        cmocka_unit_test(mnist_s_statistics_are_the_known_ones),
        cmocka_unit_test(idx_of_colour_images_is_read),
        cmocka_unit_test(pairs_of_idx_are_found_in_folders),
        cmocka_unit_test(csv_numbers_texts_and_classes),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(an_image_folder_is_sorted_resized_and_cropped),
        cmocka_unit_test(columns_are_found_by_their_names),
        cmocka_unit_test(columns_without_names_are_found_by_their_places),
        cmocka_unit_test(classes_take_the_numbers_of_other_names),
        cmocka_unit_test(classes_take_the_numbers_of_other_names),
        cmocka_unit_test(a_label_is_had_without_its_picture),
        cmocka_unit_test(opening_tells_what_is_there),
        cmocka_unit_test(train_and_test_folders_share_their_classes),
        cmocka_unit_test(tensors_subsets_and_shuffles),
        cmocka_unit_test(transforms_are_torchvision_s),
        cmocka_unit_test(a_chain_is_its_steps_one_after_the_other),
        cmocka_unit_test(transforms_in_text_that_are_wrong),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
