/* test_elementwise.c - what the examples of element-wise operations do not reach: special values, dtypes of results,
 * errors, forms in place, numbers as operands.
 *
 * The values are PyTorch 2.15's on a CPU, in f64.  Layer: tests.  Read next: test_ops.c. */
#include "support/golden.h"

#include <math.h>
#include <string.h>

#define S(...) TP_SHAPE(__VA_ARGS__)
#define F64(...)                                        \
    tp_tensor_copied((double[]){ __VA_ARGS__ }, TP_F64, \
                     S((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))))
#define I64(...)                                         \
    tp_tensor_copied((int64_t[]){ __VA_ARGS__ }, TP_I64, \
                     S((int64_t)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))))

static tp_tensor *apply(const char *name, tp_tensor *const *in, int n)
{
    const tp_op *op = tp_op_find(name);
    _Alignas(16) char attrs[64];
    assert_non_null(op);
    tp_op_defaults(op, attrs);
    return tp_apply(op, in, n, attrs);
}

static void check(const char *name, tp_tensor *y, const double *want, int n, double rtol)
{
    double got[16];
    char text[256];
    if (tp_error_take(text, sizeof text))
        fail_msg("%s: %s", name, text);
    assert_int_equal(tp_to_f64(y, got, n), TP_OK);
    for (int i = 0; i < n; i++) {
        bool same = (isnan(got[i]) && isnan(want[i])) || got[i] == want[i] ||
                    fabs(got[i] - want[i]) <= rtol * (fabs(want[i]) + 1e-1);
        bool sign = rtol > 1e-9 || want[i] != 0 || got[i] != 0 || signbit(got[i]) == signbit(want[i]);
        if (!same || !sign)
            fail_msg("%s: element %d is %.17g, wanted %.17g", name, i, got[i], want[i]);
    }
}

/* ---- special values ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const double one_x[] = { 0, -0.0, 1, -1, 0.5, INFINITY, -INFINITY, NAN };
static const struct { const char *name; double y[8]; } one[] = {
    { "exp2", { 1, 1, 2, 0.5, 1.4142135623730949, INFINITY, 0, NAN } },
    { "log2", { -INFINITY, -INFINITY, 0, NAN, -1, INFINITY, NAN, NAN } },
    { "log10", { -INFINITY, -INFINITY, 0, NAN, -0.3010299956639812, INFINITY, NAN, NAN } },
    { "tan", { 0, -0.0, 1.5574077246549023, -1.5574077246549023, 0.54630248984379048, NAN, NAN, NAN } },
    { "asin", { 0, -0.0, 1.5707963267948966, -1.5707963267948966, 0.52359877559829893, NAN, NAN, NAN } },
    { "acos", { 1.5707963267948966, 1.5707963267948966, 0, 3.1415926535897931, 1.0471975511965976, NAN, NAN, NAN } },
    { "atan", { 0, -0.0, 0.78539816339744828, -0.78539816339744828, 0.46364760900080609, 1.5707963267948966, -1.5707963267948966, NAN } },
    { "sinh", { 0, -0.0, 1.1752011936438014, -1.1752011936438014, 0.52109530549374738, INFINITY, -INFINITY, NAN } },
    { "cosh", { 1, 1, 1.5430806348152437, 1.5430806348152437, 1.1276259652063807, INFINITY, INFINITY, NAN } },
    { "asinh", { 0, -0.0, 0.88137358701954305, -0.88137358701954305, 0.48121182505960347, INFINITY, -INFINITY, NAN } },
    { "acosh", { NAN, NAN, 0, NAN, NAN, INFINITY, NAN, NAN } },
    { "atanh", { 0, -0.0, INFINITY, -INFINITY, 0.54930614433405489, NAN, NAN, NAN } },
    { "erfc", { 1, 1, 0.15729920705028513, 1.8427007929497148, 0.47950012218695348, 0, 2, NAN } },
    { "erfinv", { 0, -0.0, INFINITY, -INFINITY, 0.47693627620446988, NAN, NAN, NAN } },
    { "sinc", { 1, 1, 3.8981718325193755e-17, 3.8981718325193755e-17, 0.63661977236758138, NAN, NAN, NAN } },
    { "logit", { -INFINITY, -INFINITY, INFINITY, NAN, 0, NAN, NAN, NAN } },
    { "lgamma", { INFINITY, INFINITY, 0, INFINITY, 0.57236494292470008, INFINITY, INFINITY, NAN } },
    { "digamma", { -INFINITY, INFINITY, -0.57721566490153275, NAN, -1.9635100260214229, INFINITY, NAN, NAN } },
    { "frac", { 0, 0, 0, 0, 0.5, NAN, NAN, NAN } },
    { "trunc", { 0, -0.0, 1, -1, 0, INFINITY, -INFINITY, NAN } },
    { "elu", { 0, -0.0, 1, -0.63212055882855767, 0.5, INFINITY, -1, NAN } },
    { "selu", { 0, -0.0, 1.0507009873554805, -1.1113307378125625, 0.52535049367774023, INFINITY, -1.7580993408473766, NAN } },
    { "celu", { 0, -0.0, 1, -0.63212055882855767, 0.5, INFINITY, -1, NAN } },
    { "mish", { 0, -0.0, 0.86509838826731034, -0.30340146137410895, 0.37524521130489513, INFINITY, NAN, NAN } },
    { "logsigmoid", { -0.69314718055994529, -0.69314718055994529, -0.31326168751822286, -1.3132616875182228, -0.47407698418010669, 0, -INFINITY, NAN } },
    { "softplus", { 0.69314718055994529, 0.69314718055994529, 1.3132616875182228, 0.31326168751822286, 0.97407698418010669, INFINITY, 0, NAN } },
    { "hardsigmoid", { 0.5, 0.5, 0.66666666666666663, 0.33333333333333331, 0.58333333333333337, 1, 0, NAN } },
    { "hardswish", { 0, -0.0, 0.66666666666666663, -0.33333333333333331, 0.29166666666666669, INFINITY, NAN, NAN } },
    { "softsign", { 0, -0.0, 0.5, -0.5, 0.33333333333333331, NAN, NAN, NAN } },
    { "tanhshrink", { 0, 0, 0.23840584404423515, -0.23840584404423515, 0.037882842739990263, INFINITY, -INFINITY, NAN } },
    { "relu6", { 0, -0.0, 1, 0, 0.5, 6, 0, NAN } },
    { "hardtanh", { 0, -0.0, 1, -1, 0.5, 1, -1, NAN } },
    { "hardshrink", { 0, 0, 1, -1, 0, INFINITY, -INFINITY, NAN } },
    { "gelu", { 0, -0.0, 0.84134474606854304, -0.15865525393145702, 0.34573123063700656, INFINITY, NAN, NAN } },
    { "silu", { 0, -0.0, 0.7310585786300049, -0.2689414213699951, 0.3112296656009273, INFINITY, NAN, NAN } },
};

static const double two_x[] = { 0, -0.0, 5, -5, 5, INFINITY, 1, -1, NAN, 1 };
static const double two_y[] = { 0, 1, 3, 3, -3, 2, INFINITY, -INFINITY, 1, NAN };
static const struct { const char *name; double z[10]; } two[] = {
    { "atan2", { 0, -0.0, 1.0303768265243125, -1.0303768265243125, 2.1112158270654806, 1.5707963267948966, 0, -3.1415926535897931, NAN, NAN } },
    { "hypot", { 0, 1, 5.8309518948453007, 5.8309518948453007, 5.8309518948453007, INFINITY, INFINITY, INFINITY, NAN, NAN } },
    { "fmod", { NAN, -0.0, 2, -2, 2, NAN, 1, -1, NAN, NAN } },
    { "remainder", { NAN, -0.0, 2, 1, -1, NAN, 1, -1, NAN, NAN } },
    { "floor_divide", { NAN, -0.0, 1, -2, -2, NAN, 0, 0, NAN, NAN } },
    { "pow", { 1, -0.0, 125, -125, 0.0080000000000000002, INFINITY, 1, 1, NAN, 1 } },
    { "xlogy", { 0, 0, 5.4930614433405491, -5.4930614433405491, NAN, INFINITY, INFINITY, NAN, NAN, NAN } },
    { "logaddexp", { 0.69314718055994529, 1.3132616875182228, 5.1269280110429722, 3.000335406372896, 5.000335406372896, INFINITY, INFINITY, -1, NAN, NAN } },
    { "copysign", { 0, 0, 5, 5, -5, INFINITY, 1, -1, NAN, 1 } },
    { "nextafter", { 0, 4.9406564584124654e-324, 4.9999999999999991, -4.9999999999999991, 4.9999999999999991, 1.7976931348623157e+308, 1.0000000000000002, -1.0000000000000002, NAN, NAN } },
    { "fmax", { 0, 1, 5, 3, 5, INFINITY, INFINITY, -1, 1, 1 } },
    { "fmin", { 0, -0.0, 3, -5, -3, 2, 1, -INFINITY, 1, 1 } },
    { "maximum", { 0, 1, 5, 3, 5, INFINITY, INFINITY, -1, NAN, NAN } },
    { "heaviside", { 0, 1, 1, 0, 1, 1, 1, 0, 0, 1 } },
};
/* clang-format on */

static void special_values_are_those_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        for (int narrow = 0; narrow < 2; narrow++) {
            TP_SCOPE;
            tp_tensor *x = tp_to(tp_tensor_copied(one_x, TP_F64, S(8)), narrow ? TP_F32 : TP_F64);
            check(one[i].name, apply(one[i].name, &x, 1), one[i].y, 8, narrow ? 2e-6 : 1e-14);
        }
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        for (int narrow = 0; narrow < 2 && (!narrow || strcmp(two[i].name, "nextafter") != 0); narrow++) {
            TP_SCOPE;
            tp_dtype dtype = narrow ? TP_F32 : TP_F64;
            tp_tensor *in[] = { tp_to(tp_tensor_copied(two_x, TP_F64, S(10)), dtype),
                                tp_to(tp_tensor_copied(two_y, TP_F64, S(10)), dtype) };
            check(two[i].name, apply(two[i].name, in, 2), two[i].z, 10, narrow ? 2e-6 : 1e-14);
        }
}

#define IS(y, ...) \
    check(#y, y, (const double[]){ __VA_ARGS__ }, sizeof((double[]){ __VA_ARGS__ }) / sizeof(double), 1e-12)

static void tests_of_an_element_know_every_kind(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = F64(0, -0.0, -1, INFINITY, -INFINITY, NAN);
    IS(tp_isnan(x), 0, 0, 0, 0, 0, 1);
    IS(tp_isinf(x), 0, 0, 0, 1, 1, 0);
    IS(tp_isfinite(x), 1, 1, 1, 0, 0, 0);
    IS(tp_isposinf(x), 0, 0, 0, 1, 0, 0);
    IS(tp_isneginf(x), 0, 0, 0, 0, 1, 0);
    IS(tp_signbit(x), 0, 1, 1, 0, 1, signbit(NAN) != 0);
    IS(tp_logical_not(x), 1, 1, 0, 0, 0, 0);
    IS(tp_nan_to_num(x), 0, -0.0, -1, 1.7976931348623157e308, -1.7976931348623157e308, 0);
    IS(tp_nan_to_num(x, .nan = 7, .posinf = TP_ZERO, .neginf = 3), 0, -0.0, -1, 0, 3, 7);
    tp_tensor *half = tp_to(F64(INFINITY, -INFINITY), TP_F16);
    IS(tp_nan_to_num(half), 65504, -65504);
    IS(tp_isfinite(I64(3, -3)), 1, 1);
    IS(tp_isnan(I64(3, -3)), 0, 0);
    tp_tensor *y = F64(1.000001, NAN, INFINITY, -INFINITY), *z = F64(1, NAN, INFINITY, INFINITY);
    IS(tp_isclose(y, z, 1e-5, 1e-8, false), 1, 0, 1, 0);
    IS(tp_isclose(y, z, 1e-5, 1e-8, true), 1, 1, 1, 0);
    IS(tp_allclose(y, z, 1e-5, 1e-8, true), 0);
    IS(tp_equal(I64(1, 2), I64(1, 2)), 1);
    IS(tp_equal(I64(1, 2), I64(1, 3)), 0);
    IS(tp_equal(I64(1, 2), I64(1, 2, 3)), 0);
    IS(tp_equal(F64(NAN), F64(NAN)), 0);
    assert_int_equal(tp_ndim(tp_equal(y, z)), 0);
}

static void neighbours_of_halves_are_halves(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = F64(1, 1, 0, -0.0, -1, NAN, 65504), *to = F64(2, 0, 1, -1, -2, 1, INFINITY);
    IS(tp_nextafter(tp_to(x, TP_F16), tp_to(to, TP_F16)), 1.0009765625, 0.99951171875, 0x1p-24, -0x1p-24,
       -1.0009765625, NAN, INFINITY);
    IS(tp_nextafter(tp_to(F64(1, 1, 0), TP_BF16), tp_to(F64(2, 0, -1), TP_BF16)), 1.0078125, 0.99609375,
       -0x1p-133);
}

/* ---- integers and bool ------------------------------------------------------------------------------------------------- */

static void integers_divide_shift_and_share_divisors_as_in_pytorch(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = I64(7, -7, 7, -7, INT64_MIN), *y = I64(2, 2, -2, -2, -1);
    IS(tp_div_rounded(x, y, TP_ROUND_TRUNC), 3, -3, -3, 3, -0x1p63);
    IS(tp_div_rounded(x, y, TP_ROUND_FLOOR), 3, -4, -4, 3, -0x1p63);
    IS(tp_floor_divide(x, y), 3, -4, -4, 3, -0x1p63);
    IS(tp_fmod(x, y), 1, -1, 1, -1, 0);
    IS(tp_remainder(x, y), 1, 1, -1, -1, 0);
    IS(tp_gcd(I64(-12, 0, 0), I64(8, 0, -5)), 4, 0, 5);
    IS(tp_lcm(I64(-12, 0, 4), I64(8, 0, -6)), 24, 0, 12);
    tp_tensor *i32 = tp_int(I64(1, 1, 1, 1, -8)), *by = tp_int(I64(-1, 31, 32, 4, 1));
    IS(tp_bitwise_left_shift(i32, by), 0, -0x1p31, 0, 16, -16);
    IS(tp_bitwise_right_shift(tp_int(I64(-8, -8, 8, 8)), tp_int(I64(-1, 40, 32, 1))), -1, -1, 0, 4);
    IS(tp_bitwise_not(I64(0, -1, 5)), -1, 0, -6);
    IS(tp_bitwise_not(tp_bool(I64(0, 1))), 1, 0);
    IS(tp_bitwise_xor(tp_bool(I64(0, 1, 1)), tp_bool(I64(1, 1, 0))), 1, 0, 1);
    IS(tp_bitwise_and(I64(6, -1), 3), 2, 3);
    IS(tp_add_alpha(I64(1, 2), I64(3, 4), 2), 7, 10);
    IS(tp_addcmul(I64(1), I64(2), I64(3), 2), 13);
    IS(tp_square(tp_bool(I64(0, 1))), 0, 1);
    IS(tp_clamp(I64(-5, 5), -1, 2), -1, 2);
}

static void results_have_the_dtypes_of_pytorch(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *i = I64(1, 2), *b = tp_bool(i), *u = tp_to(i, TP_U8), *h = tp_half(i), *f = tp_float(i);
    const struct {
        tp_tensor *y;
        tp_dtype want;
    } rows[] = {
        { tp_exp2(i), TP_F32 },           { tp_sinc(b), TP_F32 },         { tp_exp2(h), TP_F16 },
        { tp_sign(b), TP_BOOL },          { tp_square(b), TP_I64 },       { tp_trunc(u), TP_U8 },
        { tp_clamp(i, 0.5, 2), TP_F32 },  { tp_clamp(i, 0, 2), TP_I64 },  { tp_deg2rad(h), TP_F16 },
        { tp_atan2(i, u), TP_F32 },       { tp_fmod(i, u), TP_I64 },      { tp_fmod(i, 2.5), TP_F32 },
        { tp_float_power(f, 2), TP_F64 }, { tp_xlogy(b, i), TP_F32 },     { tp_copysign(i, i), TP_F32 },
        { tp_ldexp(f, i), TP_F32 },       { tp_bitwise_or(b, u), TP_U8 }, { tp_add(u, 1), TP_U8 },
        { tp_hypot(h, f), TP_F32 },       { tp_isnan(i), TP_BOOL },       { tp_hardtanh(u, 0, 1), TP_U8 },
        { tp_nan_to_num(b), TP_BOOL },    { tp_heaviside(u, u), TP_U8 },  { tp_div(u, u), TP_F32 },
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        assert_non_null(rows[k].y);
        if (tp_dtype_of(rows[k].y) != rows[k].want)
            fail_msg("row %d gives %s", (int)k, tp_dtype_name(tp_dtype_of(rows[k].y)));
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

static void fails(tp_tensor *y, tp_status status, const char *start)
{
    char text[512];
    tp_status got = tp_error_take(text, sizeof text);
    if (y || got != status || strncmp(text, start, strlen(start)) != 0)
        fail_msg("got %s '%s', wanted %s '%s...'", tp_status_name(got), text, tp_status_name(status), start);
}

static void what_pytorch_refuses_is_refused(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *i = I64(1, 0), *b = tp_bool(i), *f = tp_float(i), *d = F64(1, 2);
    fails(tp_neg(b), TP_ERR_DTYPE, "neg: got bool, wants numbers");
    fails(tp_sub(b, b), TP_ERR_DTYPE, "sub: got bool and bool");
    fails(tp_sub(1, b), TP_ERR_DTYPE, "sub: got i64 and bool");
    fails(tp_floor(b), TP_ERR_DTYPE, "floor: got bool");
    fails(tp_frac(i), TP_ERR_DTYPE, "frac: got i64, wants floats");
    fails(tp_elu(i, 1), TP_ERR_DTYPE, "elu: got i64");
    fails(tp_gelu(i), TP_ERR_DTYPE, "gelu: got i64");
    fails(tp_hypot(i, i), TP_ERR_DTYPE, "hypot: got i64 and i64");
    fails(tp_bitwise_and(f, i), TP_ERR_DTYPE, "bitwise_and: got f32 and i64");
    fails(tp_gcd(b, b), TP_ERR_DTYPE, "gcd: got bool and bool");
    fails(tp_fmod(b, b), TP_ERR_DTYPE, "fmod: got bool and bool");
    fails(tp_heaviside(f, d), TP_ERR_DTYPE, "heaviside: got f32 and f64, wants one dtype");
    fails(tp_lerp(f, d, 0.5), TP_ERR_DTYPE, "lerp: got f32 and f64");
    fails(tp_isclose(f, d, 0, 0, false), TP_ERR_DTYPE, "isclose: got f32 and f64");
    fails(tp_isclose(f, f, -1, 0, false), TP_ERR_ARGUMENT, "isclose: rtol is -1");
    fails(tp_addcdiv(f, i, i, 1), TP_ERR_DTYPE, "addcdiv: divides i64 by i64");
    fails(tp_floor_divide(i, i), TP_ERR_ARGUMENT, "floor_divide: an integer is divided by zero");
    fails(tp_remainder(i, 0), TP_ERR_ARGUMENT, "remainder: an integer is divided by zero");
    fails(tp_div_rounded(i, i, TP_ROUND_FLOOR), TP_ERR_ARGUMENT, "div: an integer is divided by zero");
    fails(tp_pow(i, -1), TP_ERR_ARGUMENT, "pow: the exponent of integers is -1");
    fails(tp_add_alpha(i, i, 0.5), TP_ERR_ARGUMENT, "add: alpha is 0.5");
    fails(tp_celu(f, 0), TP_ERR_ARGUMENT, "celu: alpha is 0");
    fails(tp_softshrink(f, -1), TP_ERR_ARGUMENT, "softshrink: lambd is -1");
    fails(tp_polygamma(-1, f), TP_ERR_ARGUMENT, "polygamma: n is -1");
    fails(tp_glu(tp_ones(S(2, 3)), -1), TP_ERR_SHAPE, "glu: dim 1 of (2, 3) cannot be halved");
    fails(tp_prelu(tp_ones(S(2, 3)), tp_ones(S(2))), TP_ERR_SHAPE, "prelu: weight (2,)");
    fails(tp_exp_(i), TP_ERR_DTYPE, "exp_: the result is f32, the tensor i64");
    IS(tp_floor_divide(f, f), 1, NAN);
}

/* ---- in place -------------------------------------------------------------------------------------------------------------- */

static void forms_in_place_write_into_their_tensor(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = F64(1, -2);
    const void *memory = tp_data(x);
    IS(tp_square_(x), 1, 4);
    IS(tp_add_(x, 1), 2, 5);
    IS(tp_remainder_(x, 3), 2, 2);
    IS(tp_pow_(x, 3), 8, 8);
    IS(tp_clamp_(x, 0, 7), 7, 7);
    IS(tp_lerp_(x, F64(0, 1), 0.5), 3.5, 4);
    IS(tp_addcmul_(x, F64(1, 1), F64(2, 2), 3), 9.5, 10);
    IS(tp_gt_(x, 9.7), 0, 1);
    IS(tp_elu_(x, 1), 0, 1);
    IS(tp_softsign_(x), 0, 0.5);
    IS(tp_logical_not_(x), 1, 0);
    IS(tp_nan_to_num_(x), 1, 0);
    IS(tp_div_rounded_(x, 2, TP_ROUND_FLOOR), 0, 0);
    IS(tp_masked_fill_(x, tp_eq(x, 0), 4), 4, 4);
    assert_ptr_equal(tp_data(x), memory);
}

/* ---- gradients at the edges ---------------------------------------------------------------------------------------------------- */

static tp_tensor *slope(tp_tensor *y, tp_tensor *x)
{
    tp_tensor *dx = NULL;
    assert_int_equal(tp_gradients(tp_sum(y, TP_ALL_DIMS, false), &x, 1, &dx), TP_OK);
    return dx;
}

static void gradients_at_edges_are_those_of_pytorch(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(F64(0, 1, -1, 0.5), true), *e = F64(0, 1, 2, -1);
    IS(slope(tp_clamp(x, 0, 1), x), 0, 0, 0, 1);
    IS(slope(tp_hardtanh(x, -1, 1), x), 1, 0, 0, 1);
    IS(slope(tp_relu(x), x), 0, 1, 0, 1);
    IS(slope(tp_threshold(x, 0.5, 7), x), 0, 1, 0, 0);
    IS(slope(tp_softshrink(x, 0.5), x), 0, 1, 1, 0);
    IS(slope(tp_elu(x, 1), x), 1, 1, exp(-1), 1);
    IS(slope(tp_fmax(x, e), x), 0.5, 0.5, 0, 1);
    IS(slope(tp_pow(x, 2), x), 0, 2, -2, 1);
    IS(slope(tp_pow(x, e), x), 0, 1, -2, -4);
    IS(slope(tp_pow(x, 0), x), 0, 0, 0, 0);
    IS(slope(tp_atan2(x, F64(0, 1, 1, 1)), x), 0, 0.5, 0.5, 0.8);
    IS(slope(tp_logit(x, 0.1), x), 0, 0, 0, 4);
    IS(slope(tp_sinc(x), x), 0, -1, 1, -1.2732395447351628);
    IS(slope(tp_copysign(x, F64(1, -1, -1, 1)), x), 0, -1, 1, 1);
    tp_tensor *w = tp_requires_grad_(F64(0.5, 0.25), true), *image = F64(1, -1, -2, -3);
    IS(slope(tp_prelu(tp_reshape(image, S(2, 2)), w), w), -2, -4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_values_are_those_of_pytorch),
        cmocka_unit_test(tests_of_an_element_know_every_kind),
        cmocka_unit_test(neighbours_of_halves_are_halves),
        cmocka_unit_test(integers_divide_shift_and_share_divisors_as_in_pytorch),
        cmocka_unit_test(results_have_the_dtypes_of_pytorch),
        cmocka_unit_test(what_pytorch_refuses_is_refused),
        cmocka_unit_test(forms_in_place_write_into_their_tensor),
        cmocka_unit_test(gradients_at_edges_are_those_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
