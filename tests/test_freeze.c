/* test_freeze.c - names by patterns, weights loaded in part, parts of a network that do not learn.
 *
 * Layer: tests.  Read next: src/core/pattern.c, src/nn/freeze.c. */
#include "support/files.h"

#include <string.h>
#include <taper/nn.h>
#include <taper/optim.h>

static tp_module *small(void)
{
    return tp_nn_sequential("features",
                            tp_nn_sequential("conv", tp_nn_conv2d(1, 4, 3), "bn", tp_nn_batch_norm2d(4),
                                             "free", tp_nn_batch_norm2d(4, .no_affine = true), "relu",
                                             tp_nn_relu()),
                            "flat", tp_nn_flatten(), "fc", tp_nn_linear(16, 3));
}

static void names_match_globs_and_modules(void **state)
{
    (void)state;
    static const struct {
        const char *patterns, *name;
        bool matches;
    } rows[] = {
        { "features", "features.0.weight", true },
        { "features", "features", true },
        { "features", "features2.weight", false },
        { "feature", "features.0.weight", false },
        { "features.0", "features.0.weight", true },
        { "features.0", "features.01.weight", false },
        { "*.bias", "layer1.0.conv1.bias", true },
        { "*.bias", "bias", false },
        { "*bias", "bias", true },
        { "layer?", "layer1.0.bn1.weight", true },
        { "layer?.1", "layer4.1.bn1.weight", true },
        { "layer?.1", "layer4.0.bn1.weight", false },
        { "*", "anything.at.all", true },
        { "fc,layer4", "layer4.0.bn1.weight", true },
        { ",fc,", "fc.weight", true },
        { "", "fc.weight", false },
        { NULL, "fc.weight", false },
        { "*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (tp_name_matches(rows[i].patterns, rows[i].name) != rows[i].matches)
            fail_msg("'%s' and '%s'", rows[i].patterns, rows[i].name);
}

static void a_pattern_that_chooses_nothing_is_an_error_that_says_what_there_is(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    tp_params *all = tp_parameters(net), *some = tp_params_matching(all, "fc,*bn.bias");
    assert_int_equal(tp_params_count(some), 3);
    assert_string_equal(tp_params_name(some, 0), "features.bn.bias");
    assert_null(tp_params_matching(all, "fc,featurs"));
    expect_error(TP_ERR_ARGUMENT, "no name matches 'featurs'; the names begin with features, fc");
    assert_int_equal(tp_freeze(net, "fc.wait"), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "no name matches 'fc.wait'");
    assert_true(tp_requires_grad(tp_params_find(all, "fc.weight")));
    assert_null(tp_params_matching(all, NULL));
    expect_error(TP_ERR_ARGUMENT, "the patterns are NULL");
}

static bool same_bits(tp_tensor *a, tp_tensor *b)
{
    return tp_item(tp_equal(a, b)) != 0;
}

static void learn_one_step(tp_module *net, tp_tensor *x)
{
    TP_SCOPE;
    tp_optim *sgd = tp_sgd(tp_parameters(net), .lr = 0.1);
    tp_train(net, true);
    tp_backward(tp_mse_loss(tp_forward(net, x), tp_ones(TP_SHAPE(8, 3))));
    tp_step(sgd);
    tp_zero_grad(sgd);
    expect_no_error();
}

static void what_is_frozen_stays_to_the_bit_and_the_rest_learns(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(3);
    tp_module *net = small();
    tp_tensor *x = tp_randn(TP_SHAPE(8, 1, 4, 4));
    learn_one_step(net, x); /* statistics that are not those of the beginning */
    assert_int_equal(tp_freeze(net, "features"), TP_OK);
    tp_params *now = tp_state_dict(net), *before = tp_params_new();
    for (int i = 0; i < tp_params_count(now); i++)
        tp_params_add(before, tp_params_name(now, i), tp_clone(tp_detach(tp_params_at(now, i))));
    learn_one_step(net, x);
    for (int i = 0; i < tp_params_count(now); i++) {
        const char *name = tp_params_name(now, i);
        bool same = same_bits(tp_params_at(now, i), tp_params_at(before, i));
        if (same != tp_name_matches("features", name))
            fail_msg("%s %s", name, same ? "did not learn" : "changed");
    }
    assert_false(tp_requires_grad(tp_params_find(now, "features.conv.weight")));
    assert_false(tp_is_training(tp_find_module(net, "features.bn")));
    assert_true(tp_is_training(tp_find_module(net, "features")));
    assert_int_equal(tp_unfreeze(net, "features"), TP_OK);
    assert_true(tp_is_training(tp_find_module(net, "features.bn")));
    learn_one_step(net, x);
    static const char *const again[] = { "features.conv.weight", "features.bn.running_mean",
                                         "features.free.running_var" };
    for (size_t i = 0; i < sizeof again / sizeof *again; i++)
        assert_false(same_bits(tp_params_find(now, again[i]), tp_params_find(before, again[i])));
    expect_no_error();
}

static void a_batch_norm_of_which_a_part_learns_goes_on_with_its_statistics(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    assert_int_equal(tp_freeze(net, "*.weight"), TP_OK);
    assert_true(tp_is_training(tp_find_module(net, "features.bn")));
    assert_true(tp_is_training(tp_find_module(net, "features.free")));
    assert_int_equal(tp_freeze(net, "*.bias"), TP_OK);
    assert_false(tp_is_training(tp_find_module(net, "features.bn")));
    assert_true(tp_is_training(tp_find_module(net, "features.free"))); /* its name was not meant */
}

static void weights_are_loaded_but_for_the_classifier(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(5);
    tp_module *net = small(), *other = small();
    tp_params *given = tp_params_new(), *theirs = tp_state_dict(other);
    for (int i = 0; i < tp_params_count(theirs); i++)
        if (!tp_name_matches("fc,*.num_batches_tracked", tp_params_name(theirs, i)))
            tp_params_add(given, tp_params_name(theirs, i), tp_params_at(theirs, i));
    tp_params_add(given, "fc.weight", tp_ones(TP_SHAPE(1000, 16)));
    tp_params_add(given, "fc.more", tp_ones(TP_SHAPE(1000)));
    tp_tensor *fc = tp_clone(tp_detach(tp_params_find(tp_parameters(net), "fc.weight")));
    assert_int_equal(tp_load_state(net, given), TP_ERR_ARGUMENT);
    expect_error(
        TP_ERR_ARGUMENT,
        "missing: fc.bias; unexpected: fc.more; of another shape: fc.weight (1000, 16) instead of (3, 16)");
    assert_int_equal(tp_load_state_except(net, given, "fc"), TP_OK);
    assert_true(same_bits(tp_params_find(tp_parameters(net), "fc.weight"), fc));
    assert_true(same_bits(tp_params_find(tp_parameters(net), "features.conv.weight"),
                          tp_params_find(theirs, "features.conv.weight")));
    assert_int_equal(tp_load_state_except(net, given, "fc,head"), TP_ERR_ARGUMENT);
    expect_error(TP_ERR_ARGUMENT, "no name matches 'head'; the names begin with features, fc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_globs_and_modules),
        cmocka_unit_test(a_pattern_that_chooses_nothing_is_an_error_that_says_what_there_is),
        cmocka_unit_test(what_is_frozen_stays_to_the_bit_and_the_rest_learns),
        cmocka_unit_test(a_batch_norm_of_which_a_part_learns_goes_on_with_its_statistics),
        cmocka_unit_test(weights_are_loaded_but_for_the_classifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
