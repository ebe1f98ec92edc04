/* test_dlpack.c - tensors handed to other libraries and taken from them; tests/python/dlpack.py does it with NumPy and
 * PyTorch.
 *
 * Layer: tests.  Read next: io/dlpack.c. */
#include "support/files.h"

#include "core/tensor.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <taper/autograd.h>
#include <taper/dlpack.h>
#include <taper/ops.h>

/* The layout is other people's: where every field lies on a 64-bit machine. */
_Static_assert(sizeof(DLTensor) == 48 && offsetof(DLTensor, device) == 8 && offsetof(DLTensor, ndim) == 16 &&
                   offsetof(DLTensor, dtype) == 20 && offsetof(DLTensor, shape) == 24 &&
                   offsetof(DLTensor, strides) == 32 && offsetof(DLTensor, byte_offset) == 40,
               "DLTensor");
_Static_assert(sizeof(DLManagedTensor) == 64 && offsetof(DLManagedTensor, manager_ctx) == 48 &&
                   offsetof(DLManagedTensor, deleter) == 56,
               "DLManagedTensor");
_Static_assert(sizeof(DLManagedTensorVersioned) == 80 &&
                   offsetof(DLManagedTensorVersioned, manager_ctx) == 8 &&
                   offsetof(DLManagedTensorVersioned, deleter) == 16 &&
                   offsetof(DLManagedTensorVersioned, flags) == 24 &&
                   offsetof(DLManagedTensorVersioned, dl_tensor) == 32,
               "DLManagedTensorVersioned");
_Static_assert(sizeof(DLDataType) == 4 && sizeof(DLDevice) == 8 && kDLBfloat == 4 && kDLBool == 6, "codes");

/* ---- out ------------------------------------------------------------------------------------------------------------- */

static void a_tensor_goes_out_as_it_is(void **state)
{
    (void)state;
    static const DLDataType types[] = { { kDLFloat, 32, 1 },  { kDLFloat, 64, 1 }, { kDLFloat, 16, 1 },
                                        { kDLBfloat, 16, 1 }, { kDLInt, 64, 1 },   { kDLInt, 32, 1 },
                                        { kDLInt, 16, 1 },    { kDLInt, 8, 1 },    { kDLUInt, 8, 1 },
                                        { kDLBool, 8, 1 } };
    for (int dtype = 0; dtype < TP_N_DTYPES; dtype++) {
        TP_SCOPE;
        tp_tensor *x = tp_transpose(tp_zeros(TP_SHAPE(4, 3), .dtype = (tp_dtype)dtype), 0, 1);
        tp_tensor *y = tp_select(x, 0, 2); /* stride 3, offset 2 */
        DLManagedTensorVersioned *m = tp_to_dlpack(y);
        expect_no_error();
        assert_int_equal(m->version.major, 1);
        assert_int_equal(m->flags, 0);
        assert_ptr_equal(m->dl_tensor.data, tp_data(y));
        assert_int_equal(m->dl_tensor.device.device_type, kDLCPU);
        assert_int_equal(m->dl_tensor.device.device_id, 0);
        assert_int_equal(m->dl_tensor.ndim, 1);
        assert_memory_equal(&m->dl_tensor.dtype, &types[dtype], sizeof(DLDataType));
        assert_int_equal(m->dl_tensor.shape[0], 4);
        assert_int_equal(m->dl_tensor.strides[0], 3);
        assert_int_equal(m->dl_tensor.byte_offset, 0);
        m->deleter(m);
        DLManagedTensor *legacy = tp_to_dlpack_legacy(x);
        assert_ptr_equal(legacy->dl_tensor.data, tp_data(x));
        assert_int_equal(legacy->dl_tensor.strides[0], 1);
        assert_int_equal(legacy->dl_tensor.strides[1], 3);
        legacy->deleter(legacy);
    }
}

static void *delete_it(void *m)
{
    ((DLManagedTensorVersioned *)m)->deleter(m);
    return NULL;
}

static void the_memory_lives_as_long_as_the_other_side_needs_it(void **state)
{
    (void)state;
    int64_t live = tp_memory_stats().live_bytes;
    DLManagedTensorVersioned *m;
    {
        TP_SCOPE;
        m = tp_to_dlpack(tp_full(TP_SHAPE(1000), 3));
    }
    assert_true(((float *)m->dl_tensor.data)[999] == 3);
    pthread_t other; /* the deleter may come from any thread */
    assert_int_equal(pthread_create(&other, NULL, delete_it, m), 0);
    pthread_join(other, NULL);
    assert_int_equal(tp_memory_stats().live_bytes, live);
}

static void gradients_do_not_go_out(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_ones(TP_SHAPE(2)), true);
    assert_null(tp_to_dlpack(x));
    expect_error(TP_ERR_GRAD, "requires a gradient, hand out tp_detach of it");
    assert_null(tp_to_dlpack_legacy(tp_mul(x, 2)));
    expect_error(TP_ERR_GRAD, "requires a gradient");
    DLManagedTensorVersioned *m = tp_to_dlpack(tp_detach(x));
    assert_ptr_equal(m->dl_tensor.data, tp_data(x));
    m->deleter(m);
    assert_null(tp_to_dlpack(NULL));
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

/* ---- in -------------------------------------------------------------------------------------------------------------- */

typedef struct other_side { /* another library's tensor */
    DLManagedTensorVersioned m;
    DLManagedTensor legacy;
    int64_t shape[9], strides[9];
    _Alignas(64) float data[24];
    int deleted;
} other_side;

static void delete_versioned(DLManagedTensorVersioned *m)
{
    ((other_side *)m->manager_ctx)->deleted++;
}

static void delete_legacy(DLManagedTensor *m)
{
    ((other_side *)m->manager_ctx)->deleted++;
}

/* (2, 3) floats 0 to 5, row-major. */
static DLTensor *prepare(other_side *o)
{
    *o = (other_side){ .shape = { 2, 3 }, .strides = { 3, 1 } };
    for (int i = 0; i < 24; i++)
        o->data[i] = (float)i;
    o->m = (DLManagedTensorVersioned){ .version = { 1, 0 }, .manager_ctx = o, .deleter = delete_versioned };
    o->m.dl_tensor = (DLTensor){ o->data, { kDLCPU, 0 }, 2, { kDLFloat, 32, 1 }, o->shape, o->strides, 0 };
    o->legacy = (DLManagedTensor){ o->m.dl_tensor, o, delete_legacy };
    return &o->m.dl_tensor;
}

static void memory_comes_in_without_a_copy(void **state)
{
    (void)state;
    other_side o;
    prepare(&o);
    tp_tensor *view;
    {
        TP_SCOPE;
        tp_tensor *x = tp_from_dlpack(&o.m);
        expect_no_error();
        assert_ptr_equal(tp_data(x), o.data);
        tp_mul_(x, 2);
        assert_true(o.data[5] == 10);
        view = tp_retain(tp_select(x, 0, 1));
    }
    assert_int_equal(o.deleted, 0);
    assert_true(((float *)tp_data(view))[2] == 10);
    tp_release(view);
    assert_int_equal(o.deleted, 1);

    prepare(&o);
    {
        TP_SCOPE;
        assert_ptr_equal(tp_data(tp_from_dlpack_legacy(&o.legacy)), o.data);
    }
    assert_int_equal(o.deleted, 1);
    prepare(&o);
    o.m.deleter = NULL; /* allowed */
    {
        TP_SCOPE;
        assert_non_null(tp_from_dlpack(&o.m));
    }
    expect_no_error();
}

static void strides_offsets_and_none_of_them(void **state)
{
    (void)state;
    TP_SCOPE;
    other_side o;
    DLTensor *d = prepare(&o);
    o.strides[0] = 1, o.strides[1] = 2, d->byte_offset = 8;
    tp_tensor *x = tp_from_dlpack(&o.m); /* element (1, 2) is number 2 + 1 + 4 */
    assert_true(tp_item(tp_select(tp_select(x, 0, 1), 0, 2)) == 7);
    prepare(&o)->strides = NULL; /* row-major, as before 1.2 */
    x = tp_from_dlpack(&o.m);
    assert_true(tp_is_contiguous(x) && tp_item(tp_select(tp_select(x, 0, 1), 0, 2)) == 5);
    d = prepare(&o);
    d->ndim = 0, d->shape = d->strides = NULL;
    assert_true(tp_item(tp_from_dlpack(&o.m)) == 0 && !tp_error_pending());
    prepare(&o);
    o.shape[0] = 1, o.strides[0] = -77; /* never used */
    assert_int_equal(tp_numel(tp_from_dlpack(&o.m)), 3);
    prepare(&o);
    o.strides[0] = 0; /* expanded */
    x = tp_from_dlpack(&o.m);
    assert_true(tp_item(tp_select(tp_select(x, 0, 1), 0, 2)) == 2);
    expect_no_error();
}

static void what_is_read_only_is_copied(void **state)
{
    (void)state;
    TP_SCOPE;
    other_side o;
    prepare(&o);
    o.m.flags = DLPACK_FLAG_BITMASK_READ_ONLY | DLPACK_FLAG_BITMASK_IS_COPIED;
    tp_tensor *x = tp_from_dlpack(&o.m);
    assert_int_equal(o.deleted, 1);
    tp_add_(x, 1);
    assert_true(o.data[0] == 0 && ((float *)tp_data(x))[5] == 6);
}

static void no_elements_need_no_memory(void **state)
{
    (void)state;
    TP_SCOPE;
    other_side o;
    DLTensor *d = prepare(&o);
    o.shape[0] = 0, d->data = NULL;
    tp_tensor *x = tp_from_dlpack(&o.m);
    assert_int_equal(tp_numel(x), 0);
    assert_int_equal(tp_size(x, 1), 3);
    assert_int_equal(o.deleted, 1);
    DLManagedTensorVersioned *m = tp_to_dlpack(x);
    assert_null(m->dl_tensor.data);
    m->deleter(m);
}

static void expect_refused(other_side *o, tp_status status, const char *piece)
{
    assert_null(tp_from_dlpack(&o->m));
    expect_error(status, piece);
    o->legacy.dl_tensor = o->m.dl_tensor;
    if (o->m.version.major == 1) {
        assert_null(tp_from_dlpack_legacy(&o->legacy));
        expect_error(status, piece);
    }
    assert_int_equal(o->deleted, 0); /* it is still the other side's */
}

static void what_taper_cannot_take_is_an_error(void **state)
{
    (void)state;
    other_side o;
    DLTensor *d = prepare(&o);
    d->device.device_type = kDLCUDA;
    expect_refused(&o, TP_ERR_DEVICE, "memory of device type 2, the CPU's (1) is wanted");
    prepare(&o)->device.device_type = kDLCUDAHost;
    expect_refused(&o, TP_ERR_DEVICE, "device type 3");
    prepare(&o)->dtype.lanes = 4;
    expect_refused(&o, TP_ERR_DTYPE, "4 lanes");
    prepare(&o)->dtype = (DLDataType){ kDLComplex, 64, 1 };
    expect_refused(&o, TP_ERR_DTYPE, "type code 5 of 64 bits");
    prepare(&o)->dtype = (DLDataType){ kDLUInt, 32, 1 };
    expect_refused(&o, TP_ERR_DTYPE, "type code 1 of 32 bits");
    prepare(&o)->dtype = (DLDataType){ kDLFloat8_e4m3fn, 8, 1 };
    expect_refused(&o, TP_ERR_DTYPE, "type code 10 of 8 bits");
    prepare(&o)->dtype = (DLDataType){ kDLBool, 1, 1 };
    expect_refused(&o, TP_ERR_DTYPE, "type code 6 of 1 bits");
    prepare(&o)->ndim = 9;
    expect_refused(&o, TP_ERR_SHAPE, "9 dims, 0 to 8 are possible");
    prepare(&o)->ndim = -1;
    expect_refused(&o, TP_ERR_SHAPE, "-1 dims");
    prepare(&o)->shape = NULL;
    expect_refused(&o, TP_ERR_ARGUMENT, "the shape is NULL");
    prepare(&o), o.shape[1] = -3;
    expect_refused(&o, TP_ERR_SHAPE, "dim 1 has size -3");
    prepare(&o), o.shape[0] = o.shape[1] = (int64_t)1 << 32;
    expect_refused(&o, TP_ERR_SHAPE, "larger than any memory");
    prepare(&o), o.shape[0] = INT64_MAX / 4, o.shape[1] = 2;
    expect_refused(&o, TP_ERR_SHAPE, "larger than any memory");
    prepare(&o), o.strides[0] = -3;
    expect_refused(&o, TP_ERR_SHAPE, "stride -3 of dim 0, strides from 0 are wanted");
    prepare(&o), o.strides[0] = INT64_MAX;
    expect_refused(&o, TP_ERR_SHAPE, "with strides (9223372036854775807, 1) is larger than any memory");
    prepare(&o)->data = NULL;
    expect_refused(&o, TP_ERR_ARGUMENT, "data is NULL, shape (2, 3) has elements");
    prepare(&o)->byte_offset = 2;
    expect_refused(&o, TP_ERR_ARGUMENT, "data + byte_offset 2 is not aligned to the 4 bytes of f32");
    prepare(&o)->byte_offset = UINT64_MAX - 3;
    expect_refused(&o, TP_ERR_ARGUMENT, "byte_offset 18446744073709551612 is larger than any memory");
    prepare(&o)->dtype = (DLDataType){ kDLBool, 8, 1 }, o.data[0] = 1.5f;
    expect_refused(&o, TP_ERR_ARGUMENT, "a bool is");
    prepare(&o), o.m.version.major = 2;
    expect_refused(&o, TP_ERR_UNSUPPORTED, "DLPack version 2.0, 1.x is read");
    prepare(&o), o.m.version.major = 0;
    expect_refused(&o, TP_ERR_UNSUPPORTED, "DLPack version 0.0");
    assert_null(tp_from_dlpack(NULL));
    expect_error(TP_ERR_ARGUMENT, "NULL");
}

static void there_and_back(void)
{
    DLManagedTensorVersioned *m = tp_to_dlpack(tp_ones(TP_SHAPE(2, 2)));
    tp_tensor *x = tp_from_dlpack(m);
    if (m && !x)
        m->deleter(m);
    DLManagedTensor *legacy = tp_to_dlpack_legacy(x);
    if (legacy && !tp_from_dlpack_legacy(legacy))
        legacy->deleter(legacy);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    with_failing_allocations(there_and_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_goes_out_as_it_is),
        cmocka_unit_test(the_memory_lives_as_long_as_the_other_side_needs_it),
        cmocka_unit_test(gradients_do_not_go_out),
        cmocka_unit_test(memory_comes_in_without_a_copy),
        cmocka_unit_test(strides_offsets_and_none_of_them),
        cmocka_unit_test(what_is_read_only_is_copied),
        cmocka_unit_test(no_elements_need_no_memory),
        cmocka_unit_test(what_taper_cannot_take_is_an_error),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
