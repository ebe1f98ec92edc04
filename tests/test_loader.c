/* test_loader.c - batches: the same for any number of workers, errors in their place, memory used again.
 *
 * Layer: tests.  Read next: data/loader.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/data.h>
#include <unistd.h>

enum { COUNT = 103, FEATURES = 12 };

typedef struct
    made { /* a dataset by a formula, with a place that fails; it stands before the scope that ends its loader */
    int64_t bad;
    int slow_us;
    _Atomic int gets;
} made;

static tp_status made_get(void *context, int64_t i, float *x, double *y)
{
    made *m = context;
    atomic_fetch_add(&m->gets, 1);
    if (m->slow_us)
        usleep((useconds_t)m->slow_us);
    if (i == m->bad)
        return tp_error_set(TP_ERR_FORMAT, "example %lld is broken", (long long)i);
    for (int k = 0; k < FEATURES; k++)
        x[k] = (float)(i * FEATURES + k);
    *y = (double)(i % 7);
    return TP_OK;
}

static tp_dataset *made_dataset(made *m, int64_t classes)
{
    tp_dataset_functions f = { .struct_size = sizeof f, .kind = "made", .get = made_get };
    return tp_dataset_new(&f, m, COUNT, TP_SHAPE(1, 3, 4), classes);
}

static uint64_t hash(uint64_t h, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

/* Everything that comes out of an epoch, in one number. */
static uint64_t epoch_hash(tp_dataset *d, int workers, int64_t first_batch, bool drop_last)
{
    TP_SCOPE;
    tp_transform *t = tp_transform_parse("pad=1 affine=30:0.2:0.7-1.3:10 normalize=600/300");
    tp_loader *l = tp_loader_new(d, 10, .shuffle = true, .seed = 5, .workers = workers, .transform = t,
                                 .first_batch = first_batch, .drop_last = drop_last);
    uint64_t h = 0xcbf29ce484222325u;
    int64_t n = 0;
    for (tp_batch b; tp_loader_next(l, &b);) {
        TP_SCOPE;
        assert_int_equal(b.index, first_batch + n++);
        assert_int_equal(tp_size(b.x, 0), b.n);
        assert_int_equal(tp_size(b.y, 0), b.n);
        assert_int_equal(tp_numel(b.x), b.n * 30);
        h = hash(h, tp_data(b.x), (size_t)tp_numel(b.x) * sizeof(float));
        h = hash(h, tp_data(b.y), (size_t)b.n * sizeof(int64_t));
        h = hash(h, b.examples, (size_t)b.n * sizeof(int64_t));
    }
    expect_no_error();
    assert_int_equal(n + first_batch, tp_loader_batches(l));
    assert_int_equal(n + first_batch, drop_last ? 10 : 11);
    return h;
}

/* 103 examples in batches of 10: eleven batches, ten streams of 11, of which the last is 4 long. */
static void streams_go_on_from_batch_to_batch(void **state)
{
    (void)state;
    TP_SCOPE;
    made m = { .bad = -1 };
    tp_loader *l = tp_loader_new(made_dataset(&m, 7), 10, .streams = true, .first_batch = 2);
    int64_t seen = 0;
    for (tp_batch b; tp_loader_next(l, &b); seen += b.n) {
        assert_int_equal(b.n, b.index < 4 ? 10 : 9);
        for (int64_t i = 0; i < b.n; i++)
            assert_int_equal(b.examples[i], i * 11 + b.index);
    }
    expect_no_error();
    assert_int_equal(seen, 103 - 20);
    tp_loader_new(made_dataset(&m, 7), 10, .streams = true, .shuffle = true);
    expect_error(TP_ERR_ARGUMENT, "streams go neither with shuffle nor with drop_last or bucket");
}

static void any_number_of_workers_gives_the_same_bits(void **state)
{
    (void)state;
    TP_SCOPE;
    static const int workers[] = { 0, 1, 2, 5, 40 };
    made m = { .bad = -1, .slow_us = 20 };
    tp_dataset *d = made_dataset(&m, 7);
    for (int drop = 0; drop < 2; drop++) {
        uint64_t want = epoch_hash(d, -1, 0, drop), tail = epoch_hash(d, -1, 4, drop);
        for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
            assert_int_equal(epoch_hash(d, workers[i], 0, drop), want);
            assert_int_equal(epoch_hash(d, workers[i], 4, drop), tail);
        }
    }
}

static void every_example_comes_once(void **state)
{
    (void)state;
    made m = { .bad = -1 };
    TP_SCOPE;
    tp_dataset *d = made_dataset(&m, 0);
    int seen[COUNT] = { 0 }, in_place = 0;
    tp_loader *l = tp_loader_new(d, 10, .shuffle = true, .seed = 1, .workers = 2);
    int64_t i = 0;
    for (tp_batch b; tp_loader_next(l, &b);)
        for (int64_t k = 0; k < b.n; k++, i++) {
            int64_t example = b.examples[k];
            seen[example]++;
            in_place += example == i;
            assert_true(((const float *)tp_data(b.x))[k * FEATURES] == (float)(example * FEATURES));
            assert_int_equal(tp_ndim(b.y), 2);
            assert_true(((const float *)tp_data(b.y))[k] == (float)(example % 7));
        }
    for (int k = 0; k < COUNT; k++)
        assert_int_equal(seen[k], 1);
    assert_true(in_place < 12);
    assert_false(tp_loader_next(l, &(tp_batch){ 0 }));
    expect_no_error();

    l = tp_loader_new(d, 1000);
    tp_batch b;
    assert_true(tp_loader_next(l, &b));
    assert_int_equal(b.n, COUNT);
    for (int64_t k = 0; k < b.n; k++)
        assert_int_equal(b.examples[k], k);
}

static void a_worker_s_error_comes_with_its_batch(void **state)
{
    (void)state;
    static const int workers[] = { -1, 1, 2, 5 };
    for (size_t w = 0; w < sizeof workers / sizeof *workers; w++) {
        made m = { .bad = 57 };
        TP_SCOPE;
        tp_loader *l = tp_loader_new(made_dataset(&m, 7), 10, .workers = workers[w]);
        tp_batch b;
        for (int i = 0; i < 5; i++)
            assert_true(tp_loader_next(l, &b));
        assert_false(tp_loader_next(l, &b));
        assert_null(b.x);
        assert_false(tp_loader_next(l, &b)); /* it stays pending */
        expect_error(TP_ERR_FORMAT, "example 57 is broken");
        assert_true(tp_loader_next(l, &b)); /* whoever takes it may go on */
        assert_int_equal(b.index, 6);
        int rest = 0;
        while (tp_loader_next(l, &b))
            rest++;
        assert_int_equal(rest, 4);
        expect_no_error();
    }
}

static void a_label_out_of_range_is_an_error(void **state)
{
    (void)state;
    made m = { .bad = -1 };
    TP_SCOPE;
    tp_batch b;
    assert_false(tp_loader_next(tp_loader_new(made_dataset(&m, 6), 10), &b));
    expect_error(TP_ERR_INDEX, "made[6]: label 6, a whole number from 0 to 5 is wanted");
}

static void a_loader_may_be_left_at_any_time(void **state)
{
    (void)state;
    for (int taken = 0; taken < 4; taken++)
        for (int workers = -1; workers < 4; workers++) {
            made m = { .bad = -1, .slow_us = 50 };
            TP_SCOPE;
            tp_loader *l = tp_loader_new(made_dataset(&m, 7), 10, .workers = workers);
            tp_batch b;
            for (int i = 0; i < taken; i++)
                assert_true(tp_loader_next(l, &b));
        }
    expect_no_error();
}

static void what_is_kept_is_not_written_again(void **state)
{
    (void)state;
    made m = { .bad = -1 };
    TP_SCOPE;
    tp_loader *l = tp_loader_new(made_dataset(&m, 7), 10, .workers = 2);
    tp_tensor *kept[11];
    tp_batch b;
    for (int i = 0; i < 11; i++) {
        assert_true(tp_loader_next(l, &b));
        kept[i] = i % 2 ? tp_retain(b.x) : tp_retain(tensor_alias(b.x)); /* itself, or only its storage */
    }
    assert_false(tp_loader_next(l, &b));
    for (int i = 0; i < 11; i++) {
        const float *x = tp_data(kept[i]);
        assert_int_equal(tp_size(kept[i], 0), i == 10 ? 3 : 10);
        for (int64_t k = 0; k < tp_numel(kept[i]); k++)
            assert_true(x[k] == (float)(i * 10 * FEATURES + k));
        tp_release(kept[i]);
    }
}

static void a_steady_loop_asks_malloc_for_nothing(void **state)
{
    (void)state;
    made m = { .bad = -1 };
    TP_SCOPE;
    tp_dataset *d = made_dataset(&m, 7);
    tp_transform *t = tp_transform_parse("pad=1 resize=9x9 affine=30:0.2:0.7-1.3:10 normalize=600/300");
    for (int workers = -1; workers < 2; workers++) {
        TP_SCOPE;
        tp_loader *l = tp_loader_new(d, 4, .shuffle = true, .workers = workers, .transform = t);
        int64_t before = 0;
        for (tp_batch b; tp_loader_next(l, &b);)
            if (b.index == 3)
                before = tp_memory_stats().system_calls;
        if (getenv("TAPER_CACHE") == NULL)
            assert_int_equal(tp_memory_stats().system_calls, before);
    }
}

static void options_that_cannot_be_are_errors(void **state)
{
    (void)state;
    made m = { .bad = -1 };
    TP_SCOPE;
    tp_dataset *d = made_dataset(&m, 7);
    assert_null(tp_loader_new(d, 0));
    expect_error(TP_ERR_ARGUMENT, "loader: batch size 0, 1 or more is wanted");
    assert_null(tp_loader_new(d, 10, .workers = -2));
    expect_error(TP_ERR_ARGUMENT, "loader: -2 workers");
    assert_null(tp_loader_new(d, 10, .first_batch = 12));
    expect_error(TP_ERR_ARGUMENT, "loader: first batch 12, the epoch has 11");
    assert_null(tp_loader_new(NULL, 10));
    expect_error(TP_ERR_ARGUMENT, "loader: the dataset is NULL");
    assert_null(
        tp_loader_new(d, 10, .transform = tp_transform_normalize((float[]){ 1, 1 }, (float[]){ 1, 1 }, 2)));
    expect_error(TP_ERR_SHAPE, "normalize: an example of shape (1, 3, 4), the mean has 2 channels");
    tp_loader *end = tp_loader_new(d, 10, .first_batch = 11), *none = tp_loader_new(tp_subset(d, 0, 0), 10);
    tp_batch b;
    assert_false(tp_loader_next(end, &b));
    assert_false(tp_loader_next(none, &b));
    expect_no_error();
    assert_int_equal(tp_loader_batches(none), 0);
    tp_dataset_functions f = { .struct_size = sizeof f, .kind = "made" };
    assert_null(tp_dataset_new(&f, NULL, 3, TP_SHAPE(1), 0));
    expect_error(TP_ERR_ARGUMENT, "lack struct_size, get or load");
    f.get = made_get;
    assert_null(tp_dataset_new(&f, NULL, 3, TP_SHAPE(1, 0), 0));
    expect_error(TP_ERR_SHAPE, "an example of shape (1, 0)");
}

static void one_epoch(void)
{
    static made m = { .bad = -1 }; /* outlives the loader, which the caller's scope holds */
    tp_transform *t = tp_transform_parse("pad=1 resize=9x9");
    tp_loader *l = tp_loader_new(made_dataset(&m, 7), 10, .shuffle = true, .transform = t, .workers = 2);
    tp_batch b;
    while (tp_loader_next(l, &b))
        tensor_alias(b.x); /* kept by the scope: each batch needs new memory */
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    with_failing_allocations(one_epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_workers_gives_the_same_bits),
        cmocka_unit_test(streams_go_on_from_batch_to_batch),
        cmocka_unit_test(every_example_comes_once),
        cmocka_unit_test(a_worker_s_error_comes_with_its_batch),
        cmocka_unit_test(a_label_out_of_range_is_an_error),
        cmocka_unit_test(a_loader_may_be_left_at_any_time),
        cmocka_unit_test(what_is_kept_is_not_written_again),
        cmocka_unit_test(a_steady_loop_asks_malloc_for_nothing),
        cmocka_unit_test(options_that_cannot_be_are_errors),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
