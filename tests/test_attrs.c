/* test_attrs.c - attributes from text, and operations made of others.
 *
 * Layer: tests.  Read next: test_ops.c. */
#include "support/golden.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct all_attrs {
    int64_t number, pair[2], dim;
    uint64_t seed;
    double factor;
    bool flag;
    tp_shape dims;
    tp_dtype dtype;
    int reduction;
    const char *equation;
} all_attrs;

#define FIELD(name) offsetof(all_attrs, name)
static const tp_attr attrs[] = {
    { "number", TP_ATTR_I64, FIELD(number), 3, NULL },
    { "pair", TP_ATTR_PAIR, FIELD(pair), 1, NULL },
    { "dim", TP_ATTR_I64, FIELD(dim), TP_NO_DIM, NULL },
    { "seed", TP_ATTR_U64, FIELD(seed), 0, NULL },
    { "factor", TP_ATTR_F64, FIELD(factor), TP_REQUIRED, NULL },
    { "flag", TP_ATTR_BOOL, FIELD(flag), 0, NULL },
    { "dims", TP_ATTR_DIMS, FIELD(dims), -1, NULL },
    { "dtype", TP_ATTR_DTYPE, FIELD(dtype), TP_F32, NULL },
    { "reduction", TP_ATTR_WORD, FIELD(reduction), 0, "mean sum none" },
    { "equation", TP_ATTR_TEXT, FIELD(equation), 0, "ij,jk" },
    { 0 },
};

static void halves(tp_call *c)
{
    const all_attrs *a = c->attrs;
    tp_tensor *half = tp_mul(c->in[0], a->factor);
    for (c->n_out = 0; c->n_out < a->number; c->n_out++)
        c->out[c->n_out] = tp_mul(half, c->n_out);
}

static const tp_op several = { .name = "several",
                               .formula = "y_i = i factor x",
                               .inputs = "x",
                               .n_in = 1,
                               .n_out = -1,
                               .attrs_size = sizeof(all_attrs),
                               .attrs = attrs,
                               .compose = halves };

static void first_of(tp_call *c)
{
    c->out[0] = tp_square(tp_add(c->in[0], 1));
}

static const tp_op composed = {
    .name = "composed", .formula = "y = (x + 1)^2", .inputs = "x", .n_in = 1, .compose = first_of
};

static void defaults_are_those_of_the_table(void **state)
{
    (void)state;
    all_attrs a;
    memset(&a, 0xff, sizeof a);
    tp_op_defaults(&several, &a);
    assert_int_equal(a.number, 3);
    assert_true(a.pair[0] == 1 && a.pair[1] == 1 && a.dim == TP_NO_DIM && a.seed == 0 && !a.flag);
    assert_true(a.dims.ndim == 1 && a.dims.dim[0] == -1 && a.dtype == TP_F32 && a.reduction == 0);
    assert_string_equal(a.equation, "ij,jk");
    assert_string_equal(tp_op_missing(&several, NULL, 0), "factor");
    assert_null(tp_op_missing(&several, (const char *[]){ "pair", "factor" }, 2));
}

static void text_becomes_a_value(void **state)
{
    (void)state;
    all_attrs a;
    tp_op_defaults(&several, &a);
    static const char *const given[][2] = { { "number", "-12" },     { "pair", "2,5" },
                                            { "dim", "none" },       { "seed", "18446744073709551615" },
                                            { "factor", "-inf" },    { "flag", "" },
                                            { "dims", "(0, -1)" },   { "dtype", "int64" },
                                            { "reduction", "none" }, { "equation", "bij,bjk->bik" } };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_int_equal(tp_op_set(&several, &a, given[i][0], given[i][1]), TP_OK);
    assert_true(a.number == -12 && a.pair[0] == 2 && a.pair[1] == 5 && a.dim == TP_NO_DIM &&
                a.seed == UINT64_MAX);
    assert_true(a.factor == -INFINITY && a.flag && a.dtype == TP_I64 && a.reduction == 2);
    assert_true(a.dims.ndim == 2 && a.dims.dim[0] == 0 && a.dims.dim[1] == -1);
    assert_string_equal(a.equation, "bij,bjk->bik");
    tp_op_set(&several, &a, "dims", "");
    tp_op_set(&several, &a, "pair", "7");
    assert_true(a.dims.ndim == 0 && a.pair[0] == 7 && a.pair[1] == 7);
    assert_int_equal(tp_error_pending(), TP_OK);
}

static void a_malformed_value_names_what_is_wanted(void **state)
{
    (void)state;
    static const char *const wrong[][3] = { { "number", "1.5", "an integer" },
                                            { "number", "", "an integer" },
                                            { "number", "9223372036854775808", "an integer" },
                                            { "number", " 1", "an integer" },
                                            { "pair", "1,2,3", "two" },
                                            { "pair", "", "two" },
                                            { "seed", "-1", "from 0" },
                                            { "factor", "1x", "a number" },
                                            { "factor", "0x10", "a number" },
                                            { "flag", "maybe", "true or false" },
                                            { "dims", "1,,2", "integers" },
                                            { "dims", "(1,2", "integers" },
                                            { "dims", "1,2)", "integers" },
                                            { "dims", "1;2", "integers" },
                                            { "dims", "1,2,3,4,5,6,7,8,9", "at most 8" },
                                            { "dtype", "f33", "bf16" },
                                            { "reduction", "max", "mean sum none" },
                                            { "reduction", "", "mean sum none" },
                                            { "nosuch", "1", "no attribute 'nosuch'" } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        all_attrs a;
        char text[256];
        tp_op_defaults(&several, &a);
        assert_int_equal(tp_op_set(&several, &a, wrong[i][0], wrong[i][1]), TP_ERR_ARGUMENT);
        tp_error_take(text, sizeof text);
        if (strncmp(text, "several: ", 9) != 0 || !strstr(text, wrong[i][2]))
            fail_msg("%s=%s: '%s' does not say '%s'", wrong[i][0], wrong[i][1], text, wrong[i][2]);
    }
}

static void a_composed_operation_has_the_gradient_of_its_parts(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_requires_grad_(tp_tensor_of(1, 2), true), *y = tp_apply(&composed, &x, 1, NULL);
    tp_backward(tp_sum(y, TP_ALL_DIMS, false));
    assert_true(((float *)tp_data(tp_grad(x)))[1] == 6);
    TP_NO_GRAD;
    tp_tensor *z = tp_tensor_of(1, 2);
    assert_ptr_equal(tp_apply_(&composed, &z, 1, NULL), z); /* in place: by a copy */
    assert_true(((float *)tp_data(z))[1] == 9);
}

static void an_operation_may_give_any_number_of_tensors(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_tensor_of(1, 2), *out[TP_MAX_PARTS];
    all_attrs a;
    tp_op_defaults(&several, &a);
    a.factor = 0.5;
    assert_int_equal(tp_apply_n(&several, &x, 1, &a, out), TP_OK);
    assert_true(out[2] && !out[3] && ((float *)tp_data(out[2]))[1] == 2);
    assert_null(tp_apply(&several, &x, 1, &a));
    assert_int_equal(tp_error_take(NULL, 0), TP_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_table),
        cmocka_unit_test(text_becomes_a_value),
        cmocka_unit_test(a_malformed_value_names_what_is_wanted),
        cmocka_unit_test(a_composed_operation_has_the_gradient_of_its_parts),
        cmocka_unit_test(an_operation_may_give_any_number_of_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
