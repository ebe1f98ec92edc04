/* test_dist.c - a process that is alone; what several of them do, tests/mpi/run asks (`make mpi`).
 *
 * Layer: tests.  Read next: src/dist/dist.c. */
#include "support/files.h"

#include <stdlib.h>
#include <string.h>
#include <taper/taper.h>

static void alone_sums_are_what_they_were(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_int_equal(tp_dist_begin(), TP_OK);
    assert_int_equal(tp_dist_rank(), 0);
    assert_int_equal(tp_dist_size(), 1);
    tp_tensor *x = tp_full(TP_SHAPE(3), 2);
    assert_int_equal(tp_dist_sum(x), TP_OK);
    assert_true(tp_item(tp_sum(x, TP_ALL_DIMS, false)) == 6);
    tp_params *p = tp_params_new();
    tp_requires_grad_(x, true);
    tp_params_add(p, "x", x);
    assert_int_equal(tp_dist_mean_gradients(p), TP_OK);
    assert_null(tp_grad(x));
    assert_int_equal(tp_dist_end(), TP_OK);
}

static void what_cannot_be_summed_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_dist_sum(NULL);
    expect_error(TP_ERR_ARGUMENT, "NULL");
    tp_dist_sum(tp_zeros(TP_SHAPE(2), .dtype = TP_I64));
    expect_error(TP_ERR_DTYPE, "i64, f32 or f64 is wanted");
    tp_dist_sum(tp_transpose(tp_zeros(TP_SHAPE(2, 3)), 0, 1));
    expect_error(TP_ERR_STATE, "not contiguous");
    tp_dist_mean_gradients(NULL);
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

/* As an mpirun says it: learning alone, and writing where the others write, would be worse than not to begin. */
static void a_build_without_mpi_does_not_begin_beside_others(void **state)
{
    (void)state;
#ifdef TAPER_HAS_MPI
    skip();
#endif
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv(names[i], "2", 1);
        assert_int_equal(tp_dist_begin(), TP_ERR_UNSUPPORTED);
        expect_error(TP_ERR_UNSUPPORTED, "without MPI");
        setenv(names[i], "1", 1);
        assert_int_equal(tp_dist_begin(), TP_OK);
        unsetenv(names[i]);
    }
}

/* Every batch is in one process's epoch, and is the same as in an epoch of all. */
static void strides_share_an_epoch_out(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_dataset *d = tp_tensor_dataset(tp_reshape(tp_arange(0, 103, 1, .dtype = TP_F32), TP_SHAPE(103, 1)),
                                      tp_zeros(TP_SHAPE(103), .dtype = TP_I64), 2);
    for (int workers = -1; workers < 3; workers++)
        for (int64_t stride = 1; stride < 14; stride++) {
            int found[11] = { 0 };
            tp_loader *whole = tp_loader_new(d, 10, .shuffle = true, .seed = 7, .workers = -1);
            float first[11] = { 0 };
            tp_batch b;
            while (tp_loader_next(whole, &b))
                first[b.index] = *(const float *)tp_data(b.x);
            for (int64_t from = 0; from < stride; from++) {
                tp_loader *part = tp_loader_new(d, 10, .shuffle = true, .seed = 7, .workers = workers,
                                                .first_batch = from < 11 ? from : 11, .stride = stride);
                while (tp_loader_next(part, &b)) {
                    assert_int_equal(b.index % stride, from);
                    assert_int_equal(b.n, b.index < 10 ? 10 : 3);
                    assert_true(*(const float *)tp_data(b.x) == first[b.index]);
                    found[b.index]++;
                }
            }
            expect_no_error();
            for (int i = 0; i < 11; i++)
                assert_int_equal(found[i], 1);
        }
    tp_loader_new(d, 10, .stride = -1);
    expect_error(TP_ERR_ARGUMENT, "stride -1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_sums_are_what_they_were),
        cmocka_unit_test(what_cannot_be_summed_is_an_error),
        cmocka_unit_test(a_build_without_mpi_does_not_begin_beside_others),
        cmocka_unit_test(strides_share_an_epoch_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
