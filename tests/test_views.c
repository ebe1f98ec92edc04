/* test_views.c - views: whose storage they share, with which strides from which element on; views of views; their gradients where
 * windows overlap; and what is refused, in which words.
 *
 * Layer: tests.  Read next: ops/shape.c, slice.c, strided.c. */
#include "support/golden.h"

#include <stdio.h>
#include <string.h>

#define S(...) TP_SHAPE(__VA_ARGS__)

static tp_tensor *counting(tp_shape shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.ndim; i++)
        n *= shape.dim[i];
    return tp_reshape(tp_arange(0, (double)n, 1), shape);
}

static void lies(const tp_tensor *y, const tp_tensor *x, tp_shape shape, tp_shape stride, int64_t offset,
                 const char *file, int line)
{
    bool same = y && tp_shares_storage(y, x) && tp_ndim(y) == shape.ndim && tp_storage_offset(y) == offset;
    for (int i = 0; same && i < shape.ndim; i++)
        same = tp_size(y, i) == shape.dim[i] && (shape.dim[i] == 1 || tp_stride(y, i) == stride.dim[i]);
    if (same)
        return;
    print_error("%s:%d: %s; ndim %d, offset %lld\n", file, line,
                y ? "another view is wanted" : tp_error_message(), tp_ndim(y),
                (long long)tp_storage_offset(y));
    for (int i = 0; i < tp_ndim(y); i++)
        print_error("  dim %d: size %lld, stride %lld\n", i, (long long)tp_size(y, i),
                    (long long)tp_stride(y, i));
    fail();
}
#define lies_at(y, x, shape, stride, offset) lies(y, x, shape, stride, offset, __FILE__, __LINE__)

static void holds(const tp_tensor *y, int n, const float *wanted, const char *file, int line)
{
    float got[64];
    if (!y || tp_to_f32(y, got, n)) {
        print_error("%s:%d: %s\n", file, line, tp_error_message());
        fail();
    }
    for (int i = 0; i < n; i++)
        if (got[i] != wanted[i]) {
            print_error("%s:%d: element %d is %g, wanted %g\n", file, line, i, (double)got[i],
                        (double)wanted[i]);
            fail();
        }
}
#define holds_values(y, ...)                                                                          \
    holds(y, (int)(sizeof((float[]){ __VA_ARGS__ }) / sizeof(float)), (const float[]){ __VA_ARGS__ }, \
          __FILE__, __LINE__)

/* ---- strides --------------------------------------------------------------------------------------------------------------- */

static void views_share_storage_with_the_right_strides(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = counting(S(2, 3, 4)), *parts[8];
    lies_at(tp_flatten(x, 1, -1), x, S(2, 12), S(12, 1), 0);
    lies_at(tp_unflatten(x, 2, S(2, -1)), x, S(2, 3, 2, 2), S(12, 4, 2, 1), 0);
    lies_at(tp_ravel(x), x, S(24), S(1), 0);
    lies_at(tp_view_as(x, tp_zeros(S(4, 6))), x, S(4, 6), S(6, 1), 0);
    lies_at(tp_transpose(x, 0, -1), x, S(4, 3, 2), S(1, 4, 12), 0);
    lies_at(tp_t(tp_select(x, 0, 1)), x, S(4, 3), S(1, 4), 12);
    lies_at(tp_movedim(x, S(0), S(-1)), x, S(3, 4, 2), S(4, 1, 12), 0);
    lies_at(tp_movedim(x, S(2, 0), S(0, 1)), x, S(4, 2, 3), S(1, 12, 4), 0);
    lies_at(tp_squeeze_dims(tp_reshape(x, S(2, 1, 12, 1)), TP_ALL_DIMS), x, S(2, 12), S(12, 1), 0);
    lies_at(tp_squeeze_dims(tp_reshape(x, S(2, 1, 12, 1)), S(-1, 0)), x, S(2, 1, 12), S(12, 12, 1), 0);
    lies_at(tp_unsqueeze(x, 1), x, S(2, 1, 3, 4), S(12, 12, 4, 1), 0);
    lies_at(tp_narrow(x, 1, 1, 2), x, S(2, 2, 4), S(12, 4, 1), 4);
    lies_at(tp_select(x, -1, -1), x, S(2, 3), S(12, 4), 3);
    lies_at(tp_slice(x, 2, -3, -1, 2), x, S(2, 3, 1), S(12, 4, 2), 1);
    lies_at(tp_diagonal(x, 0, 1, 2), x, S(2, 3), S(12, 5), 0);
    lies_at(tp_diagonal(x, -1, 2, 1), x, S(2, 3), S(12, 5), 1);
    lies_at(tp_unfold(x, 2, 3, 1), x, S(2, 3, 2, 3), S(12, 4, 1, 1), 0);
    lies_at(tp_as_strided(x, S(3, 3), S(2, 1), 5), x, S(3, 3), S(2, 1), 5);
    lies_at(tp_expand(tp_select(x, 1, 0), S(5, 2, 4)), x, S(5, 2, 4), S(0, 12, 1), 0);
    lies_at(tp_expand_as(tp_narrow(x, 1, 0, 1), x), x, S(2, 3, 4), S(12, 0, 1), 0);
    assert_int_equal(tp_split_sizes(x, S(1, 0, 2), 1, parts), TP_OK);
    lies_at(parts[2], x, S(2, 2, 4), S(12, 4, 1), 4);
    assert_int_equal(tp_size(parts[1], 1), 0);
    assert_int_equal(tp_tensor_split(x, 3, 2, parts), TP_OK); /* 2, 1, 1 */
    lies_at(parts[1], x, S(2, 3, 1), S(12, 4, 1), 2);
    assert_int_equal(tp_tensor_split_at(x, S(1, -1, 9), 2, parts), TP_OK);
    lies_at(parts[1], x, S(2, 3, 2), S(12, 4, 1), 1);
    assert_int_equal(tp_size(parts[3], 2), 0);
    assert_int_equal(tp_unbind(x, 1, parts), TP_OK);
    lies_at(parts[2], x, S(2, 4), S(12, 1), 8);
}

static void views_of_views_find_their_elements(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = counting(S(3, 4)), *wide = tp_expand(tp_unsqueeze(x, 0), S(2, 3, 4));
    holds_values(tp_diagonal(tp_transpose(x, 0, 1), 1, 0, 1), 4, 9);
    holds_values(tp_slice(tp_select(wide, 0, 1), 1, 1, 4, 2), 1, 3, 5, 7, 9, 11);
    holds_values(tp_unfold(tp_select(tp_transpose(x, 0, 1), 0, 2), 0, 2, 1), 2, 6, 6, 10);
    holds_values(tp_diagonal(wide, 0, 0, 1), 0, 4, 1, 5, 2, 6, 3, 7);
    holds_values(tp_reshape(tp_narrow(wide, 2, 1, 2), S(2, 6)), 1, 2, 5, 6, 9, 10, 1, 2, 5, 6, 9, 10);
    lies_at(tp_as_strided(tp_narrow(x, 0, 1, 2), S(2), S(1), TP_NO_DIM), x, S(2), S(1), 4);
    assert_int_equal(tp_numel(tp_slice(tp_slice(x, 1, 3, -9, 1), 0, 0, 2, 1)), 0);
}

/* ---- gradients --------------------------------------------------------------------------------------------------------------- */

static tp_tensor *gradient_of(tp_tensor *y, tp_tensor *x)
{
    tp_tensor *g = NULL;
    tp_gradients(tp_sum(y, TP_ALL_DIMS, false), &x, 1, &g);
    return g;
}

static void overlapping_windows_add_up_their_gradients(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_zeros(S(5)), true), *m = tp_requires_grad_(tp_zeros(S(2, 3)), true);
    holds_values(gradient_of(tp_unfold(x, 0, 3, 1), x), 1, 2, 3, 2, 1);
    holds_values(gradient_of(tp_unfold(x, 0, 2, 3), x), 1, 1, 0, 1, 1);
    holds_values(gradient_of(tp_as_strided(x, S(2, 3), S(1, 1), 1), x), 0, 1, 2, 2, 1);
    holds_values(gradient_of(tp_as_strided(x, S(4), S(0), 2), x), 0, 0, 4, 0, 0);
    holds_values(gradient_of(tp_as_strided(tp_transpose(m, 0, 1), S(4), S(1), 1), m), 0, 1, 1, 1, 1, 0);
    holds_values(gradient_of(tp_expand(x, S(3, 5)), x), 3, 3, 3, 3, 3);
    /* an element of an expanded view that as_strided sees once has a share of it at each of its places, which sum to it */
    tp_tensor *one = tp_requires_grad_(tp_zeros(S(1)), true);
    holds_values(gradient_of(tp_as_strided(tp_expand(one, S(3)), S(1), S(1), 0), one), 1);
}

typedef struct scattered {
    int which;
} scattered;

static tp_tensor *scatter(tp_tensor *const *in, int n, void *context)
{
    (void)n;
    switch (((scattered *)context)->which) {
    case 0: return tp_diagonal_scatter(in[0], in[1], 0, 0, 1);
    case 1: return tp_select_scatter(in[0], in[1], 1, 2);
    default: return tp_mul(tp_unfold(in[0], 1, 2, 1), tp_unsqueeze(tp_unsqueeze(in[1], 1), 2));
    }
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        TP_SCOPE;
        tp_tensor *in[] = { tp_requires_grad_(tp_rand(S(3, 4), .dtype = TP_F64), true),
                            tp_requires_grad_(tp_rand(S(3), .dtype = TP_F64), true) };
        assert_int_equal(tp_gradcheck(scatter, &(scattered){ which }, in, 2, .second = true), TP_OK);
    }
}

/* ---- copies ------------------------------------------------------------------------------------------------------------------- */

static void repeats_are_counted_by_a_tensor(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(counting(S(3)), true);
    tp_tensor *counts = tp_tensor_copied((int64_t[]){ 2, 0, 3 }, TP_I64, S(3));
    tp_tensor *y = tp_repeat_interleave_by(x, counts, 0);
    holds_values(y, 0, 0, 2, 2, 2);
    holds_values(gradient_of(y, x), 2, 0, 3);
    holds_values(tp_repeat_interleave_by(counting(S(2, 2)), tp_tensor_copied((int64_t[]){ 2 }, TP_I64, S(1)),
                                         TP_NO_DIM),
                 0, 0, 1, 1, 2, 2, 3, 3);
    holds_values(tp_repeat_interleave(counting(S(2, 2)), 2, 1), 0, 0, 1, 1, 2, 2, 3, 3);
}

static void borders_are_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = counting(S(1, 4));
    holds_values(tp_pad_last(x, S(2, 1), TP_PAD_CONSTANT, 9), 9, 9, 0, 1, 2, 3, 9);
    holds_values(tp_pad_last(x, S(2, 1), TP_PAD_REFLECT, 0), 2, 1, 0, 1, 2, 3, 2);
    holds_values(tp_pad_last(x, S(2, 1), TP_PAD_REPLICATE, 0), 0, 0, 0, 1, 2, 3, 3);
    holds_values(tp_pad_last(x, S(2, 1), TP_PAD_CIRCULAR, 0), 2, 3, 0, 1, 2, 3, 0);
    holds_values(tp_pad_last(x, S(-1, 1), TP_PAD_REPLICATE, 0), 1, 2, 3, 3);
    assert_int_equal(tp_numel(tp_pad(x, S(0, -2), S(0, -2), 5)), 0);
    holds_values(tp_pad(counting(S(2)), S(3), S(-4), 5), 5);
}

static void integers_and_bools_are_joined_and_cut(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *i = tp_int(counting(S(2, 3))), *b = tp_gt(counting(S(2, 3)), 2);
    assert_int_equal(tp_dtype_of(tp_tril(b, 0)), TP_BOOL);
    holds_values(tp_tril(i, 0), 0, 0, 0, 3, 4, 0);
    holds_values(tp_trace(i), 4);
    assert_int_equal(tp_dtype_of(tp_trace(i)), TP_I64);
    assert_int_equal(tp_dtype_of(tp_cat((tp_tensor *[]){ i, counting(S(2, 3)) }, 2, 0)), TP_F32);
    holds_values(tp_kron(tp_int(counting(S(2))), i), 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 5);
    holds_values(tp_matmul(i, tp_t(i)), 5, 14, 14, 50);
    tp_tensor *bytes = tp_to(tp_full(S(2, 2), 20), TP_I8);
    holds_values(tp_matmul(bytes, bytes), 32, 32, 32, 32); /* 800 wraps */
}

/* Two pieces of images whose channels lie innermost, and one of another layout. */
static void images_joined_keep_channels_innermost(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *image = tp_permute(counting(S(2, 2, 1, 3)), S(0, 3, 1, 2)),
              *both = tp_cat((tp_tensor *[]){ image, tp_narrow(image, 1, 1, 1) }, 2, 1);
    assert_false(tp_is_contiguous(image));
    assert_true(tp_is_contiguous(both));
    both = tp_cat((tp_tensor *[]){ image, image }, 2, 1);
    assert_true(tp_stride(both, 1) == 1 && tp_stride(both, 2) == 6 && tp_stride(both, 0) == 12);
    holds_values(tp_select(both, 0, 0), 0, 3, 1, 4, 2, 5, 0, 3, 1, 4, 2, 5);
}

/* ---- refusals -------------------------------------------------------------------------------------------------------------------- */

static void fails_with(const void *result, tp_status status, const char *piece, const char *file, int line)
{
    char text[1024];
    tp_status got = tp_error_take(text, sizeof text);
    if (!result && got == status && strstr(text, piece))
        return;
    print_error("%s:%d: %s '%s', wanted %s with '%s'\n", file, line, tp_status_name(got), text,
                tp_status_name(status), piece);
    fail();
}
#define fails(result, status, piece) fails_with(result, status, piece, __FILE__, __LINE__)

static void what_is_no_view_says_why(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_zeros(S(2, 3)), *deep = tp_zeros(S(1, 1, 1, 1, 1, 1, 1, 1)), *parts[TP_MAX_PARTS];
    fails(tp_unflatten(x, 1, S(2, 2)), TP_ERR_SHAPE,
          "unflatten: (3,) has 3 elements, (2, 2) wants another number");
    fails(tp_unflatten(x, 2, S(3)), TP_ERR_INDEX, "unflatten: dim 2");
    fails(tp_unflatten(deep, 0, S(1, 1)), TP_ERR_SHAPE, "unflatten: ");
    fails(tp_view_as(x, tp_zeros(S(4))), TP_ERR_SHAPE, "view: (2, 3) has 6 elements");
    fails(tp_t(tp_zeros(S(1, 2, 3))), TP_ERR_SHAPE, "t: (1, 2, 3) has 3 dims");
    fails(tp_movedim(x, S(0, 0), S(0, 1)), TP_ERR_ARGUMENT,
          "movedim: dim 0 is moved, or place 1 taken, twice");
    fails(tp_movedim(x, S(0), S(0, 1)), TP_ERR_ARGUMENT, "movedim: 1 dims to 2 places");
    fails(tp_squeeze_dims(x, S(5)), TP_ERR_INDEX, "squeeze: dim 5");
    fails(tp_broadcast_to(x, S(3)), TP_ERR_SHAPE, "expand: (2, 3)");
    fails(tp_diagonal(x, 0, 0, 0), TP_ERR_ARGUMENT, "diagonal: dims 0 and 0 of (2, 3)");
    fails(tp_diagonal(tp_zeros(S(3)), 0, 0, 1), TP_ERR_INDEX, "diagonal: dim 1");
    fails(tp_unfold(x, 1, 4, 1), TP_ERR_ARGUMENT, "unfold: windows of 4 every 1 in dim 1 of (2, 3)");
    fails(tp_unfold(x, 1, 2, 0), TP_ERR_ARGUMENT, "unfold: windows of 2 every 0");
    fails(tp_unfold(deep, 0, 1, 1), TP_ERR_ARGUMENT, "at most 7 dims");
    fails(tp_as_strided(x, S(2, 3), S(3, 1), 1), TP_ERR_INDEX,
          "as_strided: size (2, 3), stride (3, 1) from element 1 on");
    fails(tp_as_strided(x, S(2), S(1, 1), 0), TP_ERR_ARGUMENT,
          "as_strided: size (2,) has 1 dims, stride (1, 1) has 2");
    fails(tp_as_strided(x, S(2), S(-1), 1), TP_ERR_ARGUMENT, "none may be negative");
    fails(tp_as_strided(x, S(INT64_MAX, INT64_MAX), S(INT64_MAX, 1), 0), TP_ERR_ARGUMENT, "as_strided");
    fails(tp_split_sizes(x, S(1, 1), 1, parts) ? NULL : x, TP_ERR_ARGUMENT,
          "split: dim 1 of (2, 3) in pieces of (1, 1)");
    fails(tp_tensor_split(x, 0, 0, parts) ? NULL : x, TP_ERR_ARGUMENT, "tensor_split: 0 sections");
    fails(tp_unbind(tp_zeros(S(100)), 0, parts) ? NULL : x, TP_ERR_UNSUPPORTED,
          "unbind: makes 100 tensors, at most 64");
    fails(tp_unbind(tp_zeros(S()), 0, parts) ? NULL : x, TP_ERR_SHAPE, "unbind: a scalar");
}

static void what_cannot_be_joined_says_why(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_zeros(S(2, 3)), *v = tp_zeros(S(3)), *parts[8];
    fails(tp_hstack((tp_tensor *[]){ x, tp_zeros(S(3, 3)) }, 2), TP_ERR_SHAPE, "cat: tensor 1 is (3, 3)");
    fails(tp_block_diag((tp_tensor *[]){ tp_zeros(S(1, 1, 1)) }, 1), TP_ERR_SHAPE,
          "block_diag: tensor 0 is (1, 1, 1)");
    fails(tp_meshgrid((tp_tensor *[]){ v, x }, 2, false, parts) ? NULL : x, TP_ERR_SHAPE,
          "meshgrid: tensor 1 is (2, 3)");
    fails(tp_cartesian_prod((tp_tensor *[]){ x, v }, 2), TP_ERR_SHAPE, "cartesian_prod: tensor 0 is (2, 3)");
    fails(tp_repeat_interleave(x, -1, 0), TP_ERR_ARGUMENT, "repeat_interleave: ");
    fails(tp_repeat_interleave_by(x, v, 0), TP_ERR_SHAPE,
          "repeat_interleave: repeats (3,) of f32, 2 integers");
    fails(tp_roll(x, S(1, 2), S(0)), TP_ERR_ARGUMENT, "roll: shifts (1, 2), dims (0,)");
    fails(tp_rot90(x, 1, S(1, 1)), TP_ERR_ARGUMENT, "rot90: dims (1, 1)");
    fails(tp_fliplr(v), TP_ERR_SHAPE, "fliplr: (3,)");
    fails(tp_pad_last(x, S(1), TP_PAD_CONSTANT, 0), TP_ERR_ARGUMENT, "pad: 1 widths (1,)");
    fails(tp_pad_last(x, S(3, 0), TP_PAD_REFLECT, 0), TP_ERR_SHAPE,
          "pad: 3 and 0 at dim 1 of (2, 3): less than the size");
    fails(tp_pad_last(x, S(0, 4), TP_PAD_CIRCULAR, 0), TP_ERR_SHAPE, "up to the size");
    fails(tp_pixel_shuffle(tp_zeros(S(3, 2, 2)), 2), TP_ERR_SHAPE, "pixel_shuffle: (3, 2, 2) by 2");
    fails(tp_tril(v, 0), TP_ERR_SHAPE, "tril: (3,)");
    fails(tp_diag(tp_zeros(S(1, 1, 1)), 0), TP_ERR_SHAPE, "diag: (1, 1, 1)");
    fails(tp_select_scatter(x, v, 0, 2), TP_ERR_INDEX, "select_scatter: index 2");
    fails(tp_select_scatter(x, v, 1, 0), TP_ERR_SHAPE, "select_scatter: src (3,), (2,) is wanted");
    fails(tp_bmm(x, x), TP_ERR_SHAPE, "bmm: (2, 3) and (2, 3): (B, M, K) and (B, K, N)");
    fails(tp_mm(x, v), TP_ERR_SHAPE, "mm: (2, 3) and (3,)");
    fails(tp_dot(x, x), TP_ERR_SHAPE, "dot: ");
    fails(tp_mm(tp_bool(x), tp_bool(x)), TP_ERR_DTYPE, "mm: bool and bool");
    fails(tp_kron(tp_zeros(S(1, 1, 1, 1, 1)), v), TP_ERR_SHAPE, "kron: ");
    fails(tp_matrix_power(x, 2), TP_ERR_SHAPE, "matrix_power: (2, 3)");
    fails(tp_matrix_power(tp_zeros(S(2, 2)), -1), TP_ERR_UNSUPPORTED, "matrix_power: -1");
    fails(tp_multi_dot((tp_tensor *[]){ x, x }, 2), TP_ERR_SHAPE,
          "multi_dot: tensor 1 is (2, 3) after (2, 3)");
    fails(tp_cross(x, tp_zeros(S(2, 4)), 1), TP_ERR_SHAPE, "cross: ");
    fails(tp_addmm(x, tp_int(tp_zeros(S(2, 2))), tp_int(tp_zeros(S(2, 3))), 1, 1), TP_ERR_DTYPE,
          "addmm: input is f32");
    fails(tp_addmm(tp_int(x), tp_int(tp_zeros(S(2, 2))), tp_int(tp_zeros(S(2, 3))), 1, 0.5), TP_ERR_ARGUMENT,
          "integer");
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_share_storage_with_the_right_strides),
        cmocka_unit_test(views_of_views_find_their_elements),
        cmocka_unit_test(overlapping_windows_add_up_their_gradients),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(repeats_are_counted_by_a_tensor),
        cmocka_unit_test(borders_are_pytorchs),
        cmocka_unit_test(integers_and_bools_are_joined_and_cut),
        cmocka_unit_test(images_joined_keep_channels_innermost),
        cmocka_unit_test(what_is_no_view_says_why),
        cmocka_unit_test(what_cannot_be_joined_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
