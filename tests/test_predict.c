/* test_predict.c - answers for many pictures: files, folders, globs, and what cannot be read.
 *
 * Layer: tests.  Read next: src/train/predict.c. */
#include "support/mnist.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <taper/train.h>
#include <unistd.h>

enum { MOST = 32 };

/* A folder of pictures: b.png, a.png, broken.png, empty/, z/c.png, z/fifo.png, and a text. */
static const char *folder(void)
{
    static char path[512];
    static const char *const pictures[] = { "b.png", "a.png", "z/c.png" };
    char name[600];
    if (*path)
        return path;
    strcpy(path, temp_path("photos"));
    snprintf(name, sizeof name, "%s/z", path);
    mkdir(path, 0777), mkdir(name, 0777);
    snprintf(name, sizeof name, "%s/empty", path);
    mkdir(name, 0777);
    TP_SCOPE;
    float x[784];
    double y;
    tp_dataset *d = tp_mnist(small_mnist(120, 60), TP_TEST);
    for (int i = 0; i < 3; i++) {
        tp_dataset_get(d, i, x, &y);
        snprintf(name, sizeof name, "%s/%s", path, pictures[i]);
        tp_image_write_png(name, tp_tensor_copied(x, TP_F32, TP_SHAPE(1, 28, 28)));
    }
    snprintf(name, sizeof name, "%s/broken.png", path);
    put_text(name, "no picture");
    snprintf(name, sizeof name, "%s/readme.txt", path);
    put_text(name, "no picture");
    snprintf(name, sizeof name, "%s/z/fifo.png", path);
    assert_int_equal(mkfifo(name, 0666), 0);
    expect_no_error();
    return path;
}

static const char *finished_run(void)
{
    static char path[512];
    if (!*path) {
        strcpy(path, temp_path("run"));
        tp_train_config c = {
            .struct_size = sizeof c, .model = "lenet5", .data = small_mnist(120, 60), .out = path, .epochs = 1
        };
        tp_train_run(&c, NULL, NULL, NULL);
        expect_no_error();
    }
    return path;
}

typedef struct heard {
    int n, stop_after;
    char path[MOST][600], error[MOST][600];
    tp_status status[MOST];
    double values[MOST][10];
} heard;

static bool hear(void *context, const tp_prediction *p)
{
    heard *h = context;
    assert_true(h->n < MOST);
    snprintf(h->path[h->n], sizeof *h->path, "%s", p->path);
    snprintf(h->error[h->n], sizeof *h->error, "%s", p->error ? p->error : "");
    h->status[h->n] = p->status;
    if (!p->error) {
        assert_int_equal(p->n, 10);
        memcpy(h->values[h->n], p->values, sizeof *h->values);
    }
    return ++h->n != h->stop_after;
}

static void check_end(const heard *h, int i, const char *end, const char *error)
{
    size_t n = strlen(h->path[i]), tail = strlen(end);
    if (n < tail || strcmp(h->path[i] + n - tail, end) != 0 ||
        (*error ? !strstr(h->error[i], error) : *h->error[i]))
        fail_msg("%d: %s (%s), wanted %s (%s)", i, h->path[i], h->error[i], end, error);
}

static void folders_come_in_order_and_what_is_broken_stops_nothing(void **state)
{
    (void)state;
    need_json(), need_png();
    TP_SCOPE;
    char missing[600], empty[600], pattern[600], none[600];
    snprintf(missing, sizeof missing, "%s/missing.png", folder());
    snprintf(empty, sizeof empty, "%s/empty", folder());
    snprintf(pattern, sizeof pattern, "%s/[ab].png", folder());
    snprintf(none, sizeof none, "%s/*.tiff", folder());
    const char *paths[] = { missing, folder(), empty, pattern, none };
    tp_run *run = tp_run_open(finished_run());
    static const int64_t batches[] = { 0, 1, 3 };
    static heard h[3];
    for (int k = 0; k < 3; k++) {
        tp_set_num_threads(1 + k);
        assert_int_equal(tp_run_predict(run, paths, 5, batches[k], hear, &h[k]), TP_OK);
        assert_int_equal(h[k].n, 10);
        check_end(&h[k], 0, "missing.png", "missing.png: cannot open");
        check_end(&h[k], 1, "photos/a.png", "");
        check_end(&h[k], 2, "photos/b.png", "");
        check_end(&h[k], 3, "photos/broken.png", "broken.png: ");
        check_end(&h[k], 4, "photos/z/c.png", "");
        check_end(&h[k], 5, "photos/z/fifo.png", "fifo.png: ");
        check_end(&h[k], 6, "photos/empty", "empty: no PNG or JPEG files");
        check_end(&h[k], 7, "photos/a.png", "");
        check_end(&h[k], 8, "photos/b.png", "");
        check_end(&h[k], 9, "photos/*.tiff", "no file of such a name");
        for (int i = 0; i < 10; i++)
            for (int j = 0; j < 10; j++)
                assert_true(fabs(h[k].values[i][j] - h[0].values[i][j]) < 1e-6);
    }
    double alone[10];
    tp_to_f64(tp_predict(run, tp_run_input(run, h[0].path[4])), alone, 10);
    for (int j = 0; j < 10; j++)
        assert_true(fabs(alone[j] - h[0].values[4][j]) < 1e-6);
    expect_no_error();
}

static void the_caller_stops_when_it_likes(void **state)
{
    (void)state;
    need_json(), need_png();
    TP_SCOPE;
    const char *paths[] = { folder() };
    tp_run *run = tp_run_open(finished_run());
    heard h = { .stop_after = 2 };
    assert_int_equal(tp_run_predict(run, paths, 1, 0, hear, &h), TP_OK);
    assert_int_equal(h.n, 2);
    assert_int_equal(tp_run_predict(run, paths, 0, 0, hear, &h), TP_OK);
    assert_int_equal(tp_run_predict(run, paths, 1, -1, hear, &h), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "run_predict: a run, paths, a function");
}

static tp_run *opened;

static bool ignore(void *context, const tp_prediction *p)
{
    (void)context, (void)p;
    return true;
}

static void predict_all(void)
{
    TP_SCOPE;
    const char *paths[] = { folder() };
    tp_run_predict(opened, paths, 1, 2, ignore, NULL);
}

static void failing_allocations_come_back_as_errors(void **state)
{
    (void)state;
    need_json(), need_png();
    tp_set_num_threads(1);
    opened = tp_retain(tp_run_open(finished_run()));
    folder();
    with_failing_allocations(predict_all);
    tp_release(opened);
}

/* What comes from memory is what comes from the file: bytes, and the picture they hold. */
static void a_picture_in_memory_is_read_as_its_file_is(void **state)
{
    (void)state;
    TP_SCOPE;
    char path[600];
    unsigned char bytes[4096];
    tp_run *run = tp_run_open(finished_run());
    snprintf(path, sizeof path, "%s/a.png", folder());
    const size_t size = get_file(path, bytes, sizeof bytes);
    tp_tensor *from_file = tp_run_input(run, path);
    tp_tensor *from_memory = tp_run_input_of(run, tp_image_decode("a.png", bytes, size, 1));
    expect_no_error();
    assert_int_equal(tp_numel(from_file), 32 * 32);
    assert_memory_equal(tp_data(from_file), tp_data(from_memory), 32 * 32 * sizeof(float));
    const tp_shape shape = tp_run_shape(run);
    assert_true(shape.ndim == 3 && shape.dim[0] == 1 && shape.dim[1] == 28 && shape.dim[2] == 28);
    /* another size is brought to the dataset's; rows that do not lie one after the other are read in their order */
    tp_tensor *turned = tp_transpose(tp_rand(TP_SHAPE(1, 40, 30)), 1, 2);
    tp_tensor *a = tp_run_input_of(run, turned), *b = tp_run_input_of(run, tp_contiguous(turned));
    expect_no_error();
    assert_memory_equal(tp_data(a), tp_data(b), 32 * 32 * sizeof(float));
    assert_null(tp_run_input_of(run, tp_zeros(TP_SHAPE(3, 28, 28))));
    expect_error(TP_ERR_SHAPE, "(3, 28, 28)");
    assert_null(tp_run_input_of(run, tp_zeros(TP_SHAPE(28, 28))));
    expect_error(TP_ERR_SHAPE, "(1, 28, 28)");
    assert_null(tp_run_input_of(run, NULL));
    expect_error(TP_ERR_ARGUMENT, "NULL");
    assert_null(tp_image_decode("a.png", bytes, 20, 1));
    expect_error(TP_ERR_FORMAT, "a.png");
    assert_null(tp_image_decode("a.png", bytes, size, 2));
    expect_error(TP_ERR_ARGUMENT, "2 channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_come_in_order_and_what_is_broken_stops_nothing),
        cmocka_unit_test(a_picture_in_memory_is_read_as_its_file_is),
        cmocka_unit_test(the_caller_stops_when_it_likes),
        cmocka_unit_test(failing_allocations_come_back_as_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
