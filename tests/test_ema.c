/* test_ema.c - running means of weights: formula, swapping, state, errors.  Values beside PyTorch's: test_training_golden.c.
 *
 * Layer: tests.  Read next: src/optim/ema.c. */
#include "support/files.h"

#include <math.h>
#include <taper/nn.h>
#include <taper/optim.h>

static tp_params *two(tp_tensor *w, tp_tensor *n)
{
    tp_params *list = tp_params_new();
    tp_params_add(list, "w", w);
    tp_params_add(list, "w_again", w);
    tp_params_add(list, "n", n);
    return list;
}

static tp_tensor *leaf(double value)
{
    return tp_full(TP_SHAPE(3), value, .requires_grad = true);
}

static double first(tp_params *list, const char *name)
{
    double x[3];
    tp_to_f64(tp_params_find(list, name), x, tp_numel(tp_params_find(list, name)));
    return x[0];
}

static void set(tp_tensor *t, double value)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_fill_(t, value);
}

static void the_first_update_copies_and_later_ones_average(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *w = leaf(1), *n = tp_full(TP_SHAPE(1), 5, .dtype = TP_I64);
    tp_ema *ema = tp_ema_new(two(w, n), 0.75);
    tp_params *means = tp_ema_state(ema);
    assert_int_equal(tp_params_count(means), 2); /* a tied one once */
    set(w, 2), set(n, 7);
    assert_int_equal(tp_ema_update(ema), TP_OK);
    assert_true(first(means, "w") == 2 && first(means, "n") == 7);
    set(w, 4), set(n, 8);
    assert_int_equal(tp_ema_update(ema), TP_OK);
    assert_true(first(means, "w") == 2.5 && first(means, "n") == 8);
    assert_false(tp_requires_grad(tp_params_find(means, "w")));
    expect_no_error();
}

static void swapping_exchanges_the_two_and_once_more_brings_them_back(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_nn_linear(2, 1);
    tp_params *weights = tp_state_dict(net);
    tp_ema *ema = tp_ema_new(weights, 0.5);
    tp_tensor *x = tp_ones(TP_SHAPE(1, 2)), *w = tp_params_find(weights, "weight");
    set(w, 1), set(tp_params_find(weights, "bias"), 0);
    tp_ema_update(ema);
    set(w, 3);
    tp_ema_update(ema); /* a mean of 2 */
    assert_true(tp_item(tp_forward(net, x)) == 6);
    tp_ema_swap(ema);
    assert_true(tp_item(tp_forward(net, x)) == 4);
    assert_true(first(tp_ema_state(ema), "weight") == 3);
    tp_ema_swap(ema);
    tp_tensor *y = tp_forward(net, x);
    assert_true(tp_item(y) == 6);
    tp_backward(y); /* and it learns on */
    assert_non_null(tp_grad(w));
    tp_ema_swap(NULL);
    expect_no_error();
}

static void loaded_means_go_on_to_the_same_bits(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *w = leaf(1), *n = tp_full(TP_SHAPE(1), 5, .dtype = TP_I64);
    tp_ema *a = tp_ema_new(two(w, n), 0.9), *b = tp_ema_new(two(w, n), 0.9);
    set(w, 0.3), tp_ema_update(a);
    set(w, 0.7), tp_ema_update(a);
    assert_int_equal(tp_ema_load_state(b, tp_ema_state(a), 2), TP_OK);
    set(w, 0.1), tp_ema_update(a), tp_ema_update(b);
    assert_true(first(tp_ema_state(a), "w") == first(tp_ema_state(b), "w"));
    expect_no_error();
}

static void what_does_not_fit_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *w = leaf(1), *n = tp_full(TP_SHAPE(1), 5, .dtype = TP_I64);
    tp_ema *ema = tp_ema_new(two(w, n), 0.9);
    assert_null(tp_ema_new(NULL, 0.9));
    expect_error(TP_ERR_ARGUMENT, "ema: decay 0.9");
    assert_null(tp_ema_new(two(w, n), 1));
    expect_error(TP_ERR_ARGUMENT, "ema: decay 1, ");
    assert_null(tp_ema_new(two(w, n), (double)NAN));
    expect_error(TP_ERR_ARGUMENT, "ema: decay nan");
    tp_params *bad = tp_params_new();
    tp_params_add(bad, "w", leaf(1));
    assert_int_equal(tp_ema_load_state(ema, bad, 1), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "the mean of 'n' is missing, i64 (1,) is wanted");
    tp_params_add(bad, "n", tp_zeros(TP_SHAPE(1)));
    tp_ema_load_state(ema, bad, 1);
    expect_error(TP_ERR_ARGUMENT, "the mean of 'n' is of another type or shape");
    tp_ema_load_state(ema, two(w, n), 1);
    expect_error(TP_ERR_ARGUMENT, "means of 3 tensors, 2 are wanted");
    tp_ema_load_state(ema, tp_ema_state(ema), -1);
    expect_error(TP_ERR_ARGUMENT, "0 or more updates");
    assert_int_equal(tp_ema_update(NULL), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "the means are NULL");
}

static void make_and_update(void)
{
    TP_SCOPE;
    tp_tensor *w = leaf(1), *n = tp_full(TP_SHAPE(1), 5, .dtype = TP_I64);
    tp_ema *ema = tp_ema_new(two(w, n), 0.75);
    tp_ema_update(ema);
    tp_ema_update(ema);
}

static void failing_allocations_come_back_as_errors(void **state)
{
    (void)state;
    with_failing_allocations(make_and_update);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_update_copies_and_later_ones_average),
        cmocka_unit_test(swapping_exchanges_the_two_and_once_more_brings_them_back),
        cmocka_unit_test(loaded_means_go_on_to_the_same_bits),
        cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(failing_allocations_come_back_as_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
