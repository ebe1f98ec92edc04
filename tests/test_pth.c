/* test_pth.c - PyTorch's state dicts that are well formed: both forms, every type, views, checkpoints; and writing them.
 *
 * Layer: tests.  Fixtures: tools/golden/pth.py; tests/python/pth.py has PyTorch load what is written.
 * Read next: test_bad_pth.c. */
#include "support/files.h"

#include "core/tensor.h"
#include "io/pth.h"

#include <string.h>
#include <taper/models.h>
#include <taper/ops.h>
#include <taper/train.h>

static void same_tensors(const tp_params *got, const tp_params *wanted)
{
    assert_int_equal(tp_params_count(got), tp_params_count(wanted));
    for (int i = 0; i < tp_params_count(wanted); i++) {
        const char *name = tp_params_name(wanted, i);
        tp_tensor *b = tp_params_at(wanted, i), *a = tp_params_find(got, name);
        if (!a)
            fail_msg("'%s' is missing", name);
        a = tp_contiguous(a);
        b = tp_contiguous(b);
        assert_int_equal(a->dtype, b->dtype);
        if (!tensor_same_shape(a, b))
            fail_msg("'%s' is %s instead of %s", name, tensor_shape_text(a), tensor_shape_text(b));
        assert_memory_equal(tensor_data(a), tensor_data(b), (size_t)a->numel * tensor_element_size(a));
    }
}

static const struct {
    const char *file, *wanted;
} files[] = {
    { "conv.zip", "conv" },
    { "conv.old", "conv" },
    { "types.zip", "types" },
    { "types.old", "types" },
    { "views.zip", "views" },
    { "views.old", "views" },
    { "nested.zip", "nested" },
    { "nested.old", "nested" },
    { "checkpoint.zip", "checkpoint" },
    { "checkpoint.old", "checkpoint" },
    { "empty.zip", "empty" },
    { "empty.old", "empty" },
    { "protocol4.zip", "checkpoint" },
    { "protocol4.old", "checkpoint" },
    { "protocol5.zip", "types" },
    { "big.zip", "types" },
};

static void what_torch_saves_is_read(void **state)
{
    (void)state;
    need_npz();
    need_json();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        TP_SCOPE;
        char path[100], wanted[100];
        snprintf(path, sizeof path, "tests/data/pth/%s.pth", files[i].file);
        snprintf(wanted, sizeof wanted, "tests/data/pth/%s.safetensors", files[i].wanted);
        tp_params *got = tp_pth_read(path);
        expect_no_error();
        same_tensors(got, tp_safetensors_read(wanted));
        same_tensors(tp_weights_read(path), tp_weights_read(wanted));
        expect_no_error();
    }
}

static void the_older_form_needs_no_library(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = tp_pth_read("tests/data/pth/conv.old.pth");
    expect_no_error();
    assert_string_equal(tp_params_name(p, 0), "conv.weight"); /* in the order of the file */
    assert_string_equal(tp_params_name(p, 6), "bn.num_batches_tracked");
}

static void views_share_and_keep_their_strides(void **state)
{
    (void)state;
    static const char *const forms[] = { "tests/data/pth/views.old.pth", "tests/data/pth/views.zip.pth" };
    for (int i = 0; i < 2; i++) {
        TP_SCOPE;
        if (i)
            need_npz();
        tp_params *p = tp_pth_read(forms[i]);
        expect_no_error();
        tp_tensor *base = tp_params_find(p, "base"), *turned = tp_params_find(p, "turned");
        assert_int_equal(tp_stride(turned, 0), 1);
        assert_int_equal(tp_stride(turned, 1), 6);
        assert_int_equal(tp_stride(tp_params_find(p, "spread"), 0), 0);
        assert_int_equal(tp_params_find(p, "piece")->offset, 5);
        assert_ptr_equal(base->storage, turned->storage);
        assert_ptr_equal(base->storage, tp_params_find(p, "tied")->storage);
    }
}

static void of_a_checkpoint_one_entry_is_read(void **state)
{
    (void)state;
    TP_SCOPE;
    const char *path = "tests/data/pth/checkpoint.old.pth";
    char left_out[200], few[8];
    tp_params *p = tp_pth_read(path, .left_out = left_out, .left_out_size = sizeof left_out);
    expect_no_error();
    assert_string_equal(tp_params_name(p, 0), "conv.weight"); /* "module." is off */
    assert_string_equal(left_out,
                        "epoch, best, done, optimizer, schedule, tags, raw, size, dtype, device, big, huge, "
                        "minus, note");
    p = tp_pth_read(path, .key = "optimizer", .left_out = few, .left_out_size = sizeof few);
    expect_no_error();
    assert_non_null(tp_params_find(p, "state.0.exp_avg"));
    assert_string_equal(few, "epoch, ");
    assert_null(tp_pth_read(path, .key = "nothing"));
    expect_error(TP_ERR_ARGUMENT,
                 "checkpoint.old.pth: has no entry 'nothing'; there are: epoch, best, done, model");
    assert_null(tp_pth_read(path, .key = "epoch"));
    expect_error(TP_ERR_ARGUMENT, "'epoch' is an integer, a dict of tensors is wanted");
    assert_null(tp_pth_read(path, .key = "schedule"));
    expect_error(TP_ERR_FORMAT, "holds no tensor");
}

/* Optimizer's state is twice the weights: none of it is given memory. */
static void what_is_left_out_costs_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    int64_t before = tp_memory_stats().live_bytes;
    tp_params *p = tp_pth_read("tests/data/pth/checkpoint.old.pth");
    int64_t all = tp_memory_stats().live_bytes - before;
    before = tp_memory_stats().live_bytes;
    tp_params *q = tp_pth_read("tests/data/pth/conv.old.pth");
    assert_int_equal(tp_memory_stats().live_bytes - before, all);
    assert_int_equal(tp_params_count(p), tp_params_count(q));
}

static tp_params *one_of_each(void)
{
    tp_params *p = tp_params_new();
    tp_tensor *x = tp_view(tp_arange(0, 60, 1), TP_SHAPE(3, 4, 5));
    for (int dtype = 0; dtype < TP_N_DTYPES; dtype++)
        tp_params_add(p, tp_dtype_name((tp_dtype)dtype), tp_to(x, (tp_dtype)dtype));
    tp_params_add(p, "turned", tp_transpose(x, 0, 2));
    tp_params_add(p, "spread", tp_expand(tp_number(2.5), TP_SHAPE(300, 400)));
    tp_params_add(p, "empty", tp_zeros(TP_SHAPE(0, 3)));
    tp_params_add(p, "scalar", tp_number(-1));
    tp_params_add(p, "../\xc3\xa9", tp_integer(8));
    tp_params_add(p, "tied", x);
    tp_params_add(p, "tied again", x);
    tp_params_add(p, "dims", tp_zeros(TP_SHAPE(1, 2, 1, 2, 1, 2, 1, 2)));
    return p;
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    need_npz();
    static unsigned char first[2000000], second[2000000];
    const char *path = temp_path("each.pth");
    TP_SCOPE;
    tp_params *p = one_of_each();
    assert_int_equal(tp_pth_write(path, p), TP_OK);
    tp_params *q = tp_pth_read(path);
    expect_no_error();
    same_tensors(q, p);
    assert_ptr_equal(tp_params_find(q, "tied")->storage, tp_params_find(q, "tied again")->storage);
    size_t size = get_file(path, first, sizeof first);
    assert_int_equal(tp_pth_write(path, p), TP_OK);
    assert_int_equal(get_file(path, second, sizeof second), size); /* the same tensors are the same bytes */
    assert_memory_equal(first, second, size);
    assert_int_equal(tp_pth_write(path, tp_params_new()), TP_OK);
    assert_int_equal(tp_params_count(tp_pth_read(path)), 0);
    expect_no_error();
}

static void a_network_goes_through_a_pth(void **state)
{
    (void)state;
    need_npz();
    TP_SCOPE;
    const char *path = temp_path("lenet5.pth");
    tp_manual_seed(1);
    tp_module *a = tp_model("lenet5"), *b = tp_model("lenet5");
    assert_int_equal(tp_save_pth(a, path), TP_OK);
    assert_int_equal(tp_load(b, path), TP_OK);
    same_tensors(tp_state_dict(b), tp_state_dict(a));
    assert_int_equal(tp_save_pth(NULL, path), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "save_pth: the module is NULL");
}

static void what_cannot_be_written_leaves_the_old_file(void **state)
{
    (void)state;
    TP_SCOPE;
    unsigned char text[8];
    const char *path = temp_path("keep.pth");
    put_text(path, "old");
    tp_params *p = tp_params_new();
    tp_params_add(p, "\xff\xfe", tp_zeros(TP_SHAPE(2)));
    tp_pth_write(path, p);
    expect_error(TP_ERR_ARGUMENT, "is not UTF-8");
    tp_pth_write(path, NULL);
    expect_error(TP_ERR_ARGUMENT, "pth_write: the list of tensors is NULL");
    need_npz();
    tp_pth_write(temp_path("nowhere/x.pth"), tp_params_new());
    expect_error(TP_ERR_IO, "cannot write: No such file");
    assert_int_equal(get_file(path, text, sizeof text), 3);
}

static void write_and_read(void)
{
    tp_pth_write(temp_path("failing.pth"), one_of_each());
    tp_pth_read("tests/data/pth/checkpoint.zip.pth");
    tp_pth_read("tests/data/pth/checkpoint.old.pth");
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
        cmocka_unit_test(what_torch_saves_is_read),
        cmocka_unit_test(the_older_form_needs_no_library),
        cmocka_unit_test(views_share_and_keep_their_strides),
        cmocka_unit_test(of_a_checkpoint_one_entry_is_read),
        cmocka_unit_test(what_is_left_out_costs_nothing),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_network_goes_through_a_pth),
        cmocka_unit_test(what_cannot_be_written_leaves_the_old_file),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
