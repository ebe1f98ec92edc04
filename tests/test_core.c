/* test_core.c - data types, tensors, views, reading elements, lists of named tensors.
 *
 * Layer: tests.  Depends on cmocka.  Read next: test_autograd.c. */
#include "base/memory.h"
#include "support/golden.h"

#include <math.h>
#include <string.h>

static int after_each(void **state)
{
    (void)state;
    tp_memory_set_hook(NULL, NULL);
    return tp_error_take(NULL, 0) ? -1 : 0;
}

static void assert_error(tp_status want)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (got != want)
        fail_msg("status %s instead of %s: %s", tp_status_name(got), tp_status_name(want), text);
    assert_true(want == TP_OK || text[0]);
}

/* ---- data types --------------------------------------------------------------------------------------------------------- */

static void dtypes_have_names_and_sizes(void **state)
{
    (void)state;
    static const struct {
        tp_dtype dtype;
        const char *name, *torch;
        size_t size;
        bool is_float;
    } rows[TP_N_DTYPES] = {
        { TP_F32, "f32", "float32", 4, true }, { TP_F64, "f64", "float64", 8, true },
        { TP_F16, "f16", "float16", 2, true }, { TP_BF16, "bf16", "bfloat16", 2, true },
        { TP_I64, "i64", "int64", 8, false },  { TP_I32, "i32", "int32", 4, false },
        { TP_I16, "i16", "int16", 2, false },  { TP_I8, "i8", "int8", 1, false },
        { TP_U8, "u8", "uint8", 1, false },    { TP_BOOL, "bool", "bool", 1, false },
    };
    tp_dtype found;
    for (int i = 0; i < TP_N_DTYPES; i++) {
        assert_int_equal(rows[i].dtype, i);
        assert_string_equal(tp_dtype_name(rows[i].dtype), rows[i].name);
        assert_int_equal(tp_dtype_size(rows[i].dtype), rows[i].size);
        assert_int_equal(tp_dtype_is_float(rows[i].dtype), rows[i].is_float);
        assert_int_equal(tp_dtype_from_name(rows[i].name, &found), TP_OK);
        assert_int_equal(found, i);
        assert_int_equal(tp_dtype_from_name(rows[i].torch, &found), TP_OK);
        assert_int_equal(found, i);
    }
    tp_dtype_from_name("float128", &found);
    assert_error(TP_ERR_DTYPE);
    tp_dtype_from_name("", &found);
    assert_error(TP_ERR_DTYPE);
    assert_string_equal(tp_dtype_name((tp_dtype)77), "?");
    assert_int_equal(tp_dtype_size((tp_dtype)77), 0);
}

static void promotion_is_that_of_pytorch(void **state)
{
    (void)state;
    enum {
        f4 = TP_F32,
        f8 = TP_F64,
        f2 = TP_F16,
        bf = TP_BF16,
        i8 = TP_I64,
        i4 = TP_I32,
        i2 = TP_I16,
        i1 = TP_I8,
        u1 = TP_U8,
        bo = TP_BOOL
    };
    static const uint8_t table[TP_N_DTYPES][TP_N_DTYPES] = {
        /* torch.promote_types(row, column) */
        /*        f32 f64 f16 bf16 i64 i32 i16 i8 u8 bool */
        [TP_F32] = { f4, f8, f4, f4, f4, f4, f4, f4, f4, f4 },
        [TP_F64] = { f8, f8, f8, f8, f8, f8, f8, f8, f8, f8 },
        [TP_F16] = { f4, f8, f2, f4, f2, f2, f2, f2, f2, f2 },
        [TP_BF16] = { f4, f8, f4, bf, bf, bf, bf, bf, bf, bf },
        [TP_I64] = { f4, f8, f2, bf, i8, i8, i8, i8, i8, i8 },
        [TP_I32] = { f4, f8, f2, bf, i8, i4, i4, i4, i4, i4 },
        [TP_I16] = { f4, f8, f2, bf, i8, i4, i2, i2, i2, i2 },
        [TP_I8] = { f4, f8, f2, bf, i8, i4, i2, i1, i2, i1 },
        [TP_U8] = { f4, f8, f2, bf, i8, i4, i2, i2, u1, u1 },
        [TP_BOOL] = { f4, f8, f2, bf, i8, i4, i2, i1, u1, bo },
    };
    for (tp_dtype a = 0; a < TP_N_DTYPES; a++)
        for (tp_dtype b = 0; b < TP_N_DTYPES; b++) {
            TP_SCOPE;
            if (tp_promote(a, b) != table[a][b])
                fail_msg("%s with %s gives %s, not %s", tp_dtype_name(a), tp_dtype_name(b),
                         tp_dtype_name(tp_promote(a, b)), tp_dtype_name(table[a][b]));
            tp_tensor *sum = tp_add(tp_ones(TP_SHAPE(2), .dtype = a), tp_ones(TP_SHAPE(2), .dtype = b));
            assert_int_equal(tp_dtype_of(sum), table[a][b]);
        }
}

static void numbers_yield_to_tensors(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_int_equal(tp_dtype_of(tp_mul(tp_ones(TP_SHAPE(2), .dtype = TP_F16), 2.5)), TP_F16);
    assert_int_equal(tp_dtype_of(tp_mul(tp_ones(TP_SHAPE(2), .dtype = TP_I8), 2)), TP_I8);
    assert_int_equal(tp_dtype_of(tp_mul(tp_ones(TP_SHAPE(2), .dtype = TP_I8), 2.5)), TP_F32);
    assert_int_equal(tp_dtype_of(tp_mul(tp_ones(TP_SHAPE(2), .dtype = TP_BOOL), 2)), TP_I64);
    assert_int_equal(tp_dtype_of(tp_add(tp_ones(TP_SHAPE(2)), tp_ones(TP_SHAPE(), .dtype = TP_F64))), TP_F32);
    assert_int_equal(tp_dtype_of(tp_number(1)), TP_F64);
    assert_int_equal(tp_dtype_of(tp_integer(1)), TP_I64);
    assert_error(TP_OK);
}

/* ---- shapes, strides, views ------------------------------------------------------------------------------------------------ */

static void a_new_tensor_is_contiguous(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_zeros(TP_SHAPE(2, 3, 4)), *scalar = tp_zeros(TP_SHAPE()),
              *empty = tp_zeros(TP_SHAPE(3, 0, 2));
    assert_int_equal(tp_ndim(x), 3);
    assert_int_equal(tp_numel(x), 24);
    assert_int_equal(tp_dtype_of(x), TP_F32);
    assert_int_equal(tp_size(x, 0), 2);
    assert_int_equal(tp_size(x, -1), 4);
    assert_int_equal(tp_size(x, 3), -1);
    assert_int_equal(tp_size(x, -4), -1);
    assert_int_equal(tp_stride(x, 0), 12);
    assert_int_equal(tp_stride(x, 1), 4);
    assert_int_equal(tp_stride(x, -1), 1);
    assert_int_equal(tp_shape_of(x).ndim, 3);
    assert_int_equal(tp_shape_of(x).dim[1], 3);
    assert_int_equal(tp_storage_offset(x), 0);
    assert_true(tp_is_contiguous(x));
    assert_string_equal(tp_device_of(x), "cpu");
    assert_int_equal((uintptr_t)tp_data(x) % 64, 0);
    assert_int_equal(tp_ndim(scalar), 0);
    assert_int_equal(tp_numel(scalar), 1);
    assert_int_equal(tp_numel(empty), 0);
    assert_true(tp_is_contiguous(empty));
    assert_false(tp_shares_storage(x, scalar));
    assert_int_equal(tp_to_f32(empty, NULL, 0), TP_OK);
    assert_error(TP_OK);

    assert_int_equal(tp_ndim(NULL), 0);
    assert_int_equal(tp_numel(NULL), 0);
    assert_int_equal(tp_size(NULL, 0), -1);
    assert_null(tp_data(NULL));
    assert_null(tp_storage_of(NULL));
    assert_false(tp_is_contiguous(NULL));
}

static void impossible_shapes_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_zeros(TP_SHAPE(2, -1)));
    assert_error(TP_ERR_SHAPE);
    tp_shape nine = { .ndim = 9 };
    assert_null(tp_zeros(nine));
    assert_error(TP_ERR_SHAPE);
    assert_null(tp_zeros(TP_SHAPE((int64_t)1 << 40, (int64_t)1 << 40)));
    assert_error(TP_ERR_MEMORY);
    assert_null(tp_zeros(TP_SHAPE((int64_t)1 << 61)));
    assert_error(TP_ERR_MEMORY);
}

static void views_share_the_storage(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_reshape(tp_arange(0, 24, 1), TP_SHAPE(2, 3, 4));
    tp_tensor *t = tp_transpose(x, 0, 2), *s = tp_slice(x, 2, 1, 4, 2), *row = tp_select(x, 0, 1),
              *e = tp_expand(tp_narrow(x, 0, 1, 1), TP_SHAPE(5, 3, 4)), *v = tp_view(x, TP_SHAPE(6, -1)),
              *p = tp_permute(x, TP_SHAPE(1, 2, 0));
    tp_tensor *views[] = { t, s, row, e, v, p, tp_detach(x), tp_unsqueeze(x, 0) };
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        assert_true(tp_shares_storage(x, views[i]) && tp_storage_of(x) == tp_storage_of(views[i]));
    assert_true(tp_size(t, 0) == 4 && tp_size(t, 2) == 2 && tp_stride(t, 0) == 1 && tp_stride(t, 2) == 12);
    assert_true(tp_size(s, 2) == 2 && tp_stride(s, 2) == 2 && tp_storage_offset(s) == 1);
    assert_true(tp_ndim(row) == 2 && tp_storage_offset(row) == 12 && tp_is_contiguous(row));
    assert_true(tp_size(e, 0) == 5 && tp_stride(e, 0) == 0 && !tp_is_contiguous(e));
    assert_true(tp_size(v, 1) == 4 && tp_is_contiguous(v));
    assert_true(tp_stride(p, 0) == 4 && tp_stride(p, 1) == 1 && tp_stride(p, 2) == 12);
    assert_false(tp_is_contiguous(t) || tp_is_contiguous(s) || tp_is_contiguous(p));
    assert_ptr_equal(tp_data(row), (float *)tp_data(x) + 12);

    tp_fill_(row, -1); /* a write through a view is seen by the others */
    assert_true(((float *)tp_data(x))[11] == 11 && ((float *)tp_data(x))[12] == -1);
    float got[12];
    assert_int_equal(tp_to_f32(s, got, 12), TP_OK);
    assert_true(got[0] == 1 && got[1] == 3 && got[2] == 5 && got[5] == 11 && got[6] == -1);

    assert_null(tp_view(t, TP_SHAPE(24)));
    assert_error(TP_ERR_SHAPE);
    tp_tensor *copy = tp_reshape(t, TP_SHAPE(24));
    assert_false(tp_shares_storage(copy, t));
    assert_error(TP_OK);
}

static void contiguous_copies_only_what_is_not(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_reshape(tp_arange(0, 6, 1), TP_SHAPE(2, 3)), *t = tp_transpose(x, 0, 1),
              *c = tp_contiguous(t);
    assert_ptr_equal(tp_data(tp_contiguous(x)), tp_data(x));
    assert_true(tp_is_contiguous(c) && !tp_shares_storage(c, t));
    static const float want[] = { 0, 3, 1, 4, 2, 5 };
    assert_memory_equal(tp_data(c), want, sizeof want);
    assert_true(tp_is_contiguous(tp_zeros(TP_SHAPE(1, 3, 1))));
    assert_true(tp_is_contiguous(tp_transpose(tp_zeros(TP_SHAPE(1, 3)), 0, 1)));
    tp_tensor *like = tp_clone(t); /* same strides where dense */
    assert_true(tp_stride(like, 0) == 1 && !tp_shares_storage(like, t));
    assert_error(TP_OK);
}

static void a_view_outlives_its_base(void **state)
{
    (void)state;
    tp_memory_info before = tp_memory_stats();
    tp_tensor *view;
    {
        TP_SCOPE;
        view = tp_retain(tp_select(tp_reshape(tp_arange(0, 6, 1), TP_SHAPE(2, 3)), 0, 1));
    }
    assert_true(((float *)tp_data(view))[2] == 5);
    tp_release(view);
    assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);
}

/* ---- making and reading -------------------------------------------------------------------------------------------------------- */

static int released;

static void count_release(void *context)
{
    released += *(int *)context;
}

static void shared_memory_is_given_back_once(void **state)
{
    (void)state;
    float data[6] = { 0, 1, 2, 3, 4, 5 };
    int step = 1;
    released = 0;
    tp_tensor *view;
    {
        TP_SCOPE;
        tp_tensor *x = tp_tensor_shared(data, TP_F32, TP_SHAPE(2, 3), count_release, &step);
        assert_ptr_equal(tp_data(x), data);
        data[4] = 44;
        view = tp_retain(tp_select(x, 0, 1));
        tp_mul_(x, 2);
        assert_true(data[4] == 88 && data[1] == 2);
    }
    assert_int_equal(released, 0);
    assert_true(((float *)tp_data(view))[1] == 88);
    tp_release(view);
    assert_int_equal(released, 1);
    {
        TP_SCOPE;
        assert_non_null(tp_tensor_shared(data, TP_F32, TP_SHAPE(6), NULL, NULL));
    }
    assert_error(TP_OK);
}

static void shared_memory_may_have_strides(void **state)
{
    (void)state;
    float data[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    int step = 1;
    released = 0;
    {
        TP_SCOPE;
        tp_tensor *x = tp_tensor_shared_strided(data, sizeof data, TP_F32, TP_SHAPE(3, 4), TP_SHAPE(1, 3),
                                                count_release, &step);
        assert_error(TP_OK);
        assert_int_equal(tp_stride(x, 1), 3);
        assert_true(tp_item(tp_select(tp_select(x, 0, 2), 0, 3)) == 11);
        assert_true(tp_item(tp_sum(x, TP_ALL_DIMS, false)) == 66);
        tp_tensor *y = tp_tensor_shared_strided(data + 2, sizeof data - 8, TP_F32, TP_SHAPE(2, 2),
                                                TP_SHAPE(0, 9), NULL, NULL);
        assert_true(tp_item(tp_sum(y, TP_ALL_DIMS, false)) == 2 * (2 + 11));
        assert_int_equal(tp_storage_bytes(tp_storage_of(x)), sizeof data);
        assert_ptr_equal(tp_storage_data(tp_storage_of(tp_select(x, 0, 1))), data);
    }
    assert_int_equal(released, 1);
    {
        TP_SCOPE;
        assert_non_null(
            tp_tensor_shared_strided(NULL, 0, TP_F32, TP_SHAPE(0, 4), TP_SHAPE(99, 99), NULL, NULL));
        assert_error(TP_OK);
        static const struct {
            tp_shape shape, strides;
        } wrong[] = {
            { TP_SHAPE(3, 4), TP_SHAPE(4, 2) }, /* the last element is number 14 */
            { TP_SHAPE(13), TP_SHAPE(1) },
            { TP_SHAPE(3, 4), TP_SHAPE(1) },
            { TP_SHAPE(3), TP_SHAPE(-1) },
            { TP_SHAPE(-3), TP_SHAPE(1) },
            { TP_SHAPE(3, 3), TP_SHAPE(INT64_MAX / 2, INT64_MAX) },
            { TP_SHAPE(INT64_MAX), TP_SHAPE(2) },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            assert_null(tp_tensor_shared_strided(data, sizeof data, TP_F32, wrong[i].shape, wrong[i].strides,
                                                 count_release, &step));
            tp_status status = tp_error_take(NULL, 0);
            assert_true(status == TP_ERR_SHAPE || status == TP_ERR_MEMORY);
        }
        assert_null(tp_tensor_shared((char *)data + 1, TP_F32, TP_SHAPE(2), count_release, &step));
        assert_error(TP_ERR_ARGUMENT);
        assert_null(tp_tensor_shared(NULL, TP_F32, TP_SHAPE(2), count_release, &step));
        assert_error(TP_ERR_ARGUMENT);
    }
    assert_int_equal(released, 1); /* what failed is still the caller's */
}

static void a_saved_activation_keeps_shared_memory(void **state)
{
    (void)state;
    float data[2] = { 3, 4 };
    int step = 1;
    released = 0;
    {
        TP_SCOPE;
        tp_tensor *w = tp_requires_grad_(tp_ones(TP_SHAPE(2)), true), *loss;
        {
            TP_SCOPE;
            tp_tensor *x = tp_tensor_shared(data, TP_F32, TP_SHAPE(2), count_release, &step);
            loss = tp_keep(tp_sum(tp_mul(w, x), TP_ALL_DIMS, false));
        }
        assert_int_equal(released, 0); /* backward needs it */
        tp_backward(loss);
        assert_true(((float *)tp_data(tp_grad(w)))[1] == 4);
        assert_int_equal(released, 1);
    }
    assert_error(TP_OK);
}

static void devices_that_are_not_there_are_errors(void **state)
{
    (void)state;
    TP_SCOPE;
    char text[200];
    tp_tensor *x = tp_requires_grad_(tp_ones(TP_SHAPE(2)), true);
    assert_ptr_equal(tp_cpu(x), x);
    assert_ptr_equal(tp_to_device(x, "cpu:0"), x);
    assert_string_equal(tp_device_of(x), "cpu");
    assert_int_equal(tp_device_count("cpu"), 1);
    assert_int_equal(tp_device_count("cuda"), 0);
    assert_int_equal(tp_device_count(NULL), 0);
    assert_null(tp_cuda(x));
    assert_int_equal(tp_error_take(text, sizeof text), TP_ERR_DEVICE);
    assert_string_equal(text, "device 'cuda:0' is not there: this build knows cpu");
    static const char *const names[] = { "cuda", "cuda:1", "cpu:1", "CPU", "", "mps", "cpu " };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_null(tp_to_device(x, names[i]));
        assert_error(TP_ERR_DEVICE);
    }
    assert_null(tp_to_device(NULL, "cpu"));
    assert_error(TP_ERR_ARGUMENT);
    assert_null(tp_to_device(x, NULL));
    assert_error(TP_ERR_ARGUMENT);
}

static void copied_memory_is_not_the_callers(void **state)
{
    (void)state;
    TP_SCOPE;
    int16_t data[3] = { -1, 2, 3 };
    tp_tensor *x = tp_tensor_copied(data, TP_I16, TP_SHAPE(3));
    data[0] = 9;
    int64_t out[3];
    assert_int_equal(tp_to_i64(x, out, 3), TP_OK);
    assert_true(out[0] == -1 && out[1] == 2 && out[2] == 3);
    assert_int_equal(tp_dtype_of(tp_tensor_of(1, 2)), TP_F32);
    assert_int_equal(tp_numel(tp_tensor_of(1, 2)), 2);
}

static void item_reads_one_element_of_any_dtype(void **state)
{
    (void)state;
    TP_SCOPE;
    for (tp_dtype d = 0; d < TP_N_DTYPES; d++) {
        tp_tensor *x = tp_full(TP_SHAPE(1, 1), d == TP_BOOL ? 1 : 3, .dtype = d);
        assert_true(tp_item(x) == (d == TP_BOOL ? 1 : 3));
        assert_int_equal(tp_item_i64(x), d == TP_BOOL ? 1 : 3);
    }
    assert_int_equal(tp_item_i64(tp_integer(INT64_MAX)), INT64_MAX); /* not by way of a double */
    assert_int_equal(tp_item_i64(tp_integer(INT64_MIN)), INT64_MIN);
    assert_true(tp_item(tp_number(0.1)) == 0.1);
    assert_true(tp_item(tp_select(tp_tensor_of(1, 2, 3), 0, 1)) == 2);
    assert_error(TP_OK);
    assert_true(isnan(tp_item(tp_tensor_of(1, 2))));
    assert_string_equal(tp_error_message(), "item: the tensor (2,) has 2 elements, 1 is wanted");
    assert_error(TP_ERR_ARGUMENT);
    assert_int_equal(tp_item_i64(tp_zeros(TP_SHAPE(0))), 0);
    assert_error(TP_ERR_ARGUMENT);
    assert_true(isnan(tp_item(NULL)));
    assert_error(TP_ERR_ARGUMENT);
}

static void to_reads_all_elements_in_row_major_order(void **state)
{
    (void)state;
    TP_SCOPE;
    for (tp_dtype d = 0; d < TP_BOOL; d++) {
        tp_tensor *x = tp_transpose(tp_reshape(tp_to(tp_arange(0, 24, 1), d), TP_SHAPE(2, 3, 4)), 0, 2);
        float f[24];
        double g[24];
        int64_t h[24];
        assert_int_equal(tp_to_f32(x, f, 24), TP_OK);
        assert_int_equal(tp_to_f64(x, g, 24), TP_OK);
        assert_int_equal(tp_to_i64(x, h, 24), TP_OK);
        for (int k = 0, i = 0; k < 4; k++)
            for (int j = 0; j < 3; j++)
                for (int n = 0; n < 2; n++, i++) {
                    int want = n * 12 + j * 4 + k;
                    assert_true((int)f[i] == want && (int)g[i] == want && h[i] == want);
                }
    }
    float out[4];
    tp_to_f32(tp_tensor_of(1, 2, 3), out, 4);
    assert_error(TP_ERR_ARGUMENT);
    tp_to_f32(NULL, out, 4);
    assert_error(TP_ERR_ARGUMENT);
    int64_t whole[3];
    assert_int_equal(tp_to_i64(tp_tensor_of(1.9f, -1.9f, 0.5f), whole, 3), TP_OK);
    assert_true(whole[0] == 1 && whole[1] == -1 && whole[2] == 0);
}

static void format_says_how_long_the_text_is(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(1, 2, 3);
    char text[128], few[5];
    size_t n = tp_format(x, text, sizeof text);
    assert_int_equal(n, strlen(text));
    assert_string_equal(text, "tensor([1., 2., 3.])");
    assert_int_equal(tp_format(x, few, sizeof few), n);
    assert_string_equal(few, "tens");
    assert_int_equal(tp_format(x, NULL, 0), n);
}

/* ---- named tensors ---------------------------------------------------------------------------------------------------------------- */

static void params_hold_tensors_by_name(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = tp_params_new();
    assert_int_equal(tp_params_count(p), 0);
    assert_null(tp_params_find(p, "a"));
    char name[32];
    for (int i = 0; i < 500; i++) {
        TP_SCOPE;
        snprintf(name, sizeof name, "layer.%d.weight", i);
        assert_int_equal(tp_params_add(p, name, tp_full(TP_SHAPE(2), i)), TP_OK);
    }
    assert_int_equal(tp_params_count(p), 500);
    assert_int_equal(tp_params_numel(p), 1000);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "layer.%d.weight", i);
        assert_string_equal(tp_params_name(p, i), name);
        assert_ptr_equal(tp_params_find(p, name), tp_params_at(p, i));
        assert_true(((float *)tp_data(tp_params_at(p, i)))[1] == (float)i);
    }
    assert_null(tp_params_find(p, "layer.500.weight"));
    assert_null(tp_params_find(p, ""));
    assert_null(tp_params_at(p, 500));
    assert_null(tp_params_at(p, -1));
    assert_null(tp_params_name(p, 500));
    assert_error(TP_OK);
    tp_params_add(p, "layer.3.weight", tp_zeros(TP_SHAPE(1)));
    assert_error(TP_ERR_ARGUMENT);
    tp_params_add(p, "null", NULL);
    assert_error(TP_ERR_ARGUMENT);
    tp_params_add(NULL, "x", tp_zeros(TP_SHAPE(1)));
    assert_error(TP_ERR_ARGUMENT);
    assert_int_equal(tp_params_count(p), 500);
    assert_int_equal(tp_params_count(NULL), 0);
}

typedef struct nth {
    int64_t count, n;
} nth;

static bool fail_nth(size_t bytes, void *context)
{
    nth *c = context;
    (void)bytes;
    return ++c->count != c->n;
}

static void lists_and_views(float *data)
{
    TP_SCOPE;
    tp_params *p = tp_params_new();
    tp_tensor *x = tp_tensor_shared(data, TP_F32, TP_SHAPE(2, 2), NULL, NULL);
    char name[16];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "t%d", i);
        tp_params_add(p, name, tp_transpose(tp_mul(x, i), 0, 1));
    }
    tp_params_add(p, "last", tp_contiguous(tp_params_at(p, 0)));
}

static void every_failing_request_comes_back_as_an_error(void **state)
{
    (void)state;
    float data[4] = { 1, 2, 3, 4 };
    lists_and_views(data);
    assert_error(TP_OK);
    tp_memory_info before = tp_memory_stats();
    nth c = { 0, 0 };
    do {
        c = (nth){ 0, c.n + 1 };
        tp_memory_set_hook(fail_nth, &c);
        lists_and_views(data);
        tp_memory_set_hook(NULL, NULL);
        assert_error(c.count >= c.n ? TP_ERR_MEMORY : TP_OK);
        assert_int_equal(tp_memory_stats().live_blocks, before.live_blocks);
        assert_int_equal(tp_memory_stats().live_bytes, before.live_bytes);
    } while (c.count >= c.n);
    assert_true(c.n > 100);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, after_each)
    const struct CMUnitTest tests[] = {
        TEST(dtypes_have_names_and_sizes),
        TEST(promotion_is_that_of_pytorch),
        TEST(numbers_yield_to_tensors),
        TEST(a_new_tensor_is_contiguous),
        TEST(impossible_shapes_are_errors),
        TEST(views_share_the_storage),
        TEST(contiguous_copies_only_what_is_not),
        TEST(a_view_outlives_its_base),
        TEST(shared_memory_is_given_back_once),
        TEST(shared_memory_may_have_strides),
        TEST(a_saved_activation_keeps_shared_memory),
        TEST(devices_that_are_not_there_are_errors),
        TEST(copied_memory_is_not_the_callers),
        TEST(item_reads_one_element_of_any_dtype),
        TEST(to_reads_all_elements_in_row_major_order),
        TEST(format_says_how_long_the_text_is),
        TEST(params_hold_tensors_by_name),
        TEST(every_failing_request_comes_back_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
