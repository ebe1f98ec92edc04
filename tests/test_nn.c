/* test_nn.c - modules and layers: names, shapes, loading, modes, the observer, initialisation, options.
 *
 * What a module is and what it refuses; a layer's values are those of the operations that it is made of.
 * Layer: tests.  Read next: test_models.c, test_lenet_golden.c. */
#include "support/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/nn.h>

static char error_text[1024];

/* An error is pending, and its one line has this in it. */
static void expect_error(const char *part)
{
    tp_status status = tp_error_take(error_text, sizeof error_text);
    if (status == TP_OK || !strstr(error_text, part) || strchr(error_text, '\n') || strlen(error_text) > 960)
        fail_msg("wanted an error with '%s', got '%s'", part, status ? error_text : "none");
}

static void expect_fine(void)
{
    if (tp_error_take(error_text, sizeof error_text))
        fail_msg("%s", error_text);
}

static void expect_names(const tp_params *p, const char *const *names, int n)
{
    expect_fine();
    assert_int_equal(tp_params_count(p), n);
    for (int i = 0; i < n; i++)
        assert_string_equal(tp_params_name(p, i), names[i]);
}

static void expect_bits(tp_tensor *got, tp_tensor *wanted)
{
    char text[512];
    if (!same_bits("output", got, wanted, text, sizeof text))
        fail_msg("%s", text);
}

static tp_module *small(void)
{
    return tp_nn_sequential("fc1", tp_nn_linear(3, 4), "inner",
                            tp_nn_sequential("act", tp_nn_relu(), "fc2",
                                             tp_nn_linear(4, 2, .no_bias = true)));
}

/* ---- names, shapes, nesting -------------------------------------------------------------------------------------- */

static void names_are_dotted_and_shapes_pytorchs(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    expect_names(tp_parameters(net), (const char *[]){ "fc1.weight", "fc1.bias", "inner.fc2.weight" }, 3);
    tp_tensor *w = tp_params_find(tp_parameters(net), "inner.fc2.weight");
    assert_int_equal(tp_size(w, 0), 2);
    assert_int_equal(tp_size(w, 1), 4);
    assert_true(tp_requires_grad(w));
    tp_module *conv = tp_nn_conv2d(4, 6, 3, .groups = 2, .kernel_hw = { 1, 5 });
    w = tp_params_find(tp_parameters(conv), "weight");
    assert_non_null(w);
    assert_int_equal(tp_size(w, 1), 2);
    assert_int_equal(tp_size(w, 2), 1);
    assert_int_equal(tp_size(w, 3), 5);
}

static void children_are_found_by_name(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    assert_string_equal(tp_module_type(tp_find_module(net, "inner.fc2")), "linear");
    assert_ptr_equal(tp_find_module(net, ""), net);
    assert_null(tp_find_module(net, "inner.fc3"));
    assert_null(tp_find_module(net, "inner."));
    assert_null(tp_find_module(net, "inne"));
    assert_null(tp_child_at(net, 2));
    assert_null(tp_child_name(net, -1));
    assert_int_equal(tp_n_children(net), 2);
    tp_nn_append(net, NULL, tp_nn_flatten());
    assert_string_equal(tp_child_name(net, 2), "2");
    expect_fine();
}

static void infos_say_what_the_constructor_got(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_string_equal(tp_module_info(tp_nn_conv2d(3, 64, 7, .stride = 2)), "3, 64, kernel 7, stride 2");
    assert_string_equal(tp_module_info(tp_nn_conv2d(1, 2, 3, .padding_hw = { 0, 1 }, .no_bias = true)),
                        "1, 2, kernel 3, padding 0x1, no bias");
    assert_string_equal(tp_module_info(tp_nn_linear(3, 4)), "3, 4");
    assert_string_equal(tp_module_info(tp_nn_max_pool2d(3, .stride = 2, .padding = 1)),
                        "kernel 3, stride 2, padding 1");
    assert_string_equal(tp_module_info(tp_nn_dropout(0.5)), "0.5");
    assert_string_equal(tp_module_info(tp_nn_relu()), "");
    expect_fine();
}

static void a_tied_parameter_counts_once_and_is_saved_twice(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *shared = tp_nn_linear(3, 3);
    tp_module *net = tp_nn_sequential("a", shared, "b", shared);
    assert_int_equal(tp_params_numel(tp_parameters(net)), 12);
    expect_names(tp_state_dict(net), (const char *[]){ "a.weight", "a.bias", "b.weight", "b.bias" }, 4);
}

static void modules_refuse_wrong_names_and_cycles(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    assert_null(tp_child(net, "fc1", tp_nn_relu()));
    expect_error("'fc1' is there already");
    assert_null(tp_child(net, "a.b", tp_nn_relu()));
    expect_error("no dot");
    assert_null(tp_child(tp_find_module(net, "inner"), "up", net));
    expect_error("hold itself");
    assert_null(tp_parameter(net, "p", NULL));
    expect_error("NULL");
    assert_null(tp_nn_sequential("a", tp_nn_relu(), "b", NULL));
    expect_error("'b'");
    assert_int_not_equal(tp_nn_append(tp_nn_relu(), NULL, tp_nn_relu()), TP_OK);
    expect_error("a sequential is wanted, not relu");
    assert_null(tp_forward(net, NULL));
    expect_error("input is NULL");
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static void loading_copies_values_and_keeps_leaves(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(1);
    tp_module *a = small(), *b = small();
    assert_int_equal(tp_load_state(b, tp_state_dict(a)), TP_OK);
    float x[12], y[12];
    tp_tensor *w = tp_params_at(tp_parameters(b), 0);
    tp_to_f32(tp_params_at(tp_parameters(a), 0), x, 12);
    tp_to_f32(w, y, 12);
    assert_memory_equal(x, y, sizeof x);
    assert_true(tp_is_leaf(w) && tp_requires_grad(w));
    expect_fine();
}

static void loading_lists_all_that_is_wrong_and_changes_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    tp_tensor *bias = tp_params_find(tp_parameters(net), "fc1.bias");
    float before[4], after[4];
    tp_to_f32(bias, before, 4);
    tp_params *given = tp_params_new();
    tp_params_add(given, "fc1.bias", tp_ones(TP_SHAPE(4)));
    tp_params_add(given, "fc1.weight", tp_ones(TP_SHAPE(4, 5)));
    tp_params_add(given, "fc9.weight", tp_ones(TP_SHAPE(1)));
    expect_fine();
    assert_int_equal(tp_load_state(net, given), TP_ERR_ARGUMENT);
    expect_error(
        "missing: inner.fc2.weight; unexpected: fc9.weight; of another shape: fc1.weight (4, 5) instead of "
        "(4, 3)");
    tp_to_f32(bias, after, 4);
    assert_memory_equal(before, after, sizeof before);
    for (int i = 0; i < 500; i++) {
        char name[64];
        snprintf(name, sizeof name, "an.unexpected.tensor.%d", i);
        tp_params_add(given, name, bias);
    }
    tp_load_state(net, given);
    expect_error("missing: inner.fc2.weight; unexpected: fc9.weight, an (500); of another shape");
    for (int i = 0; i < 500; i++) {
        char name[64];
        snprintf(name, sizeof name, "fc1.tensor%d", i); /* beside one that is known: each by its name */
        tp_params_add(given, name, bias);
    }
    tp_load_state(net, given);
    expect_error("an (500), fc1.tensor0, fc1.tensor1, ");
    tp_load_state(net, given);
    const char *details = tp_error_details(); /* every one of them, a line each */
    int lines = 0;
    for (const char *at = details; *at; at = strchr(at, '\n') + 1)
        lines++;
    assert_int_equal(lines, 1 + 1001 + 1);
    assert_memory_equal(details, "missing: inner.fc2.weight (2, 4)\nunexpected: fc9.weight (1,)\n", 60);
    assert_non_null(strstr(details, "unexpected: fc1.tensor499 (4,)\nof another shape: fc1.weight (4, 5) "
                                    "instead of (4, 3)\n"));
    expect_error(" more; of another shape");
    assert_string_equal(tp_error_details(), "");
}

static void floats_are_converted_and_integers_refused(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_nn_linear(2, 2);
    tp_params *own = tp_state_dict(net), *wide = tp_params_new(), *bad = tp_params_new();
    tp_tensor *bias = tp_rand(TP_SHAPE(2)), *weight = tp_rand(TP_SHAPE(2, 2));
    tp_params_add(wide, "bias", tp_double(bias)); /* another order, too */
    tp_params_add(wide, "weight", tp_double(weight));
    assert_int_equal(tp_load_state(net, wide), TP_OK);
    expect_bits(tp_params_at(own, 0), weight);
    expect_bits(tp_params_at(own, 1), bias);
    tp_params_add(bad, "weight", tp_long(tp_ones(TP_SHAPE(2, 2))));
    tp_params_add(bad, "bias", tp_ones(TP_SHAPE(2)));
    assert_int_equal(tp_load_state(net, bad), TP_ERR_DTYPE);
    expect_error("of another type: weight i64 instead of f32");
    expect_bits(tp_params_at(own, 1), bias);
    tp_load_state(NULL, bad);
    expect_error("the module is NULL");
    tp_load_state(net, NULL);
    expect_error("the state is NULL");
}

static void buffers_are_saved_and_not_trained(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    tp_buffer(net, "mean", tp_zeros(TP_SHAPE(3)));
    assert_int_equal(tp_params_count(tp_parameters(net)), 3);
    expect_names(tp_buffers(net), (const char *[]){ "mean" }, 1);
    expect_names(tp_state_dict(net), (const char *[]){ "mean", "fc1.weight", "fc1.bias", "inner.fc2.weight" },
                 4);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void dropout_works_in_training_only(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_nn_sequential("drop", tp_nn_dropout(0.5));
    tp_tensor *x = tp_ones(TP_SHAPE(1000));
    double kept = tp_item(tp_sum(tp_forward(net, x), TP_ALL_DIMS, false));
    assert_true(kept > 800 && kept < 1200 && kept != 1000);
    tp_eval(net);
    assert_false(tp_is_training(tp_child_at(net, 0)));
    assert_ptr_equal(tp_forward(net, x), x);
    tp_train(net, true);
    assert_true(tp_is_training(tp_child_at(net, 0)));
    expect_fine();
    assert_null(tp_nn_dropout(1.5));
    expect_error("dropout: p is 1.5");
}

typedef struct seen {
    char types[128];
    double last;
} seen;

static void see(void *context, tp_module *m, const tp_tensor *input, const tp_tensor *output, double seconds)
{
    seen *s = context;
    assert_non_null(input);
    assert_non_null(output);
    assert_true(seconds >= 0);
    strcat(strcat(s->types, tp_module_type(m)), " ");
    s->last = seconds;
}

static void the_observer_sees_each_module_innermost_first(void **state)
{
    (void)state;
    TP_SCOPE;
    seen s = { 0 };
    tp_set_observer(see, &s);
    tp_tensor *y = tp_forward(small(), tp_ones(TP_SHAPE(5, 3)));
    tp_set_observer(NULL, NULL);
    expect_fine();
    assert_int_equal(tp_size(y, 0), 5);
    assert_int_equal(tp_size(y, 1), 2);
    assert_string_equal(s.types, "linear relu linear sequential sequential ");
    tp_forward(small(), tp_ones(TP_SHAPE(5, 3)));
    assert_string_equal(s.types, "linear relu linear sequential sequential ");
}

static tp_tensor *forgets(tp_module *m, tp_tensor *x)
{
    (void)m;
    (void)x;
    return NULL;
}

static void a_forward_without_a_result_is_an_error(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_forward(tp_module_new("forgets", 0, forgets), tp_ones(TP_SHAPE(1))));
    expect_error("forgets: its forward");
}

static void zero_grads_takes_them_away(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    tp_backward(tp_sum(tp_forward(net, tp_ones(TP_SHAPE(2, 3))), TP_ALL_DIMS, false));
    expect_fine();
    assert_non_null(tp_grad(tp_params_at(tp_parameters(net), 0)));
    tp_zero_grads(net);
    assert_null(tp_grad(tp_params_at(tp_parameters(net), 0)));
}

static void a_sequential_is_its_children_one_after_another(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *a = tp_nn_linear(3, 5), *b = tp_nn_tanh(), *inner = tp_nn_sequential("a", a, "b", b);
    tp_module *net = tp_nn_sequential("inner", inner);
    tp_tensor *x = tp_randn(TP_SHAPE(4, 3));
    expect_bits(tp_forward(net, x), tp_tanh(tp_linear(x, tp_params_find(tp_parameters(a), "weight"),
                                                      tp_params_find(tp_parameters(a), "bias"))));
    assert_int_equal(tp_nn_append(net, NULL, tp_nn_linear(5, 2)), TP_OK);
    assert_int_equal(tp_nn_append(net, "out", tp_nn_softmax(-1)), TP_OK);
    assert_string_equal(tp_child_name(net, 1), "1");
    assert_int_equal(tp_size(tp_forward(net, x), 1), 2);
    assert_non_null(tp_params_find(tp_state_dict(net), "inner.a.weight"));
    assert_non_null(tp_params_find(tp_state_dict(net), "1.weight"));
    tp_module *empty = tp_nn_sequential_of((const void *const[]){ NULL });
    assert_ptr_equal(tp_forward(empty, x), x);
    expect_fine();
}

static void a_failed_layer_makes_the_whole_network_fail_with_its_error(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_nn_sequential("a", tp_nn_linear(2, 3), "b", tp_nn_conv2d(1, 0, 3), "c", tp_nn_relu()));
    expect_error("conv2d");
    assert_null(tp_nn_sequential("a", tp_nn_relu(), "b"));
    expect_error("'b'");
    tp_module *net = tp_nn_linear(2, 3);
    assert_null(tp_forward(net, tp_ones(TP_SHAPE(1, 5))));
    assert_int_not_equal(tp_error_take(NULL, 0), TP_OK);
}

static void a_module_outlives_the_scope_of_its_making(void **state)
{
    (void)state;
    int64_t before = tp_memory_stats().live_blocks;
    {
        TP_SCOPE;
        tp_module *net;
        {
            TP_SCOPE;
            net = tp_keep(small());
        }
        assert_non_null(tp_forward(net, tp_randn(TP_SHAPE(1, 3))));
        expect_fine();
    }
    assert_int_equal(tp_memory_stats().live_blocks, before);
}

static void a_steady_forward_asks_malloc_for_nothing(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = small();
    tp_tensor *x = tp_randn(TP_SHAPE(2, 3));
    int64_t calls = 0;
    for (int i = 0; i < 6; i++) {
        TP_SCOPE;
        if (i == 3)
            calls = tp_memory_stats().system_calls;
        tp_forward(net, x);
    }
    expect_fine();
    const char *cache = getenv("TAPER_CACHE");
    if (!cache || strcmp(cache, "0") != 0)
        assert_int_equal(tp_memory_stats().system_calls, calls);
}

/* Of eight outputs of 1 MiB two are there at a time: a layer's input and its output. */
static void a_sequential_lets_go_of_what_nobody_needs(void **state)
{
    (void)state;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_module *net = tp_nn_sequential("first", tp_nn_tanh());
    for (int i = 0; i < 7; i++)
        tp_nn_append(net, NULL, tp_nn_tanh());
    tp_tensor *x = tp_ones(TP_SHAPE(512, 512));
    int64_t before = tp_memory_stats().live_bytes;
    tp_memory_reset_peak();
    assert_non_null(tp_forward(net, x));
    expect_fine();
    assert_true(tp_memory_stats().peak_bytes - before < 5 << 19);
}

/* ---- initialisation ---------------------------------------------------------------------------------------------- */

static void expect_bound(tp_tensor *t, double bound)
{
    expect_fine();
    assert_non_null(t);
    double most = tp_item(tp_norm(tp_detach(t), INFINITY, TP_ALL_DIMS, false));
    expect_fine();
    if (!(most <= bound * (1 + 1e-6) && most > 0.9 * bound))
        fail_msg("the largest element is %g, the bound %g", most, bound);
}

static void initial_values_lie_in_pytorchs_bounds(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_params *p = tp_parameters(tp_nn_linear(16, 64));
    expect_bound(tp_params_find(p, "weight"), 0.25);
    expect_bound(tp_params_find(p, "bias"), 0.25);
    p = tp_parameters(tp_nn_conv2d(8, 64, 3, .groups = 2));
    expect_bound(tp_params_find(p, "weight"), 1.0 / 6);
    expect_bound(tp_params_find(p, "bias"), 1.0 / 6);
    tp_tensor *w = tp_params_find(p, "weight"); /* (64, 4, 3, 3): fans 36 and 576 */
    expect_bound(tp_init_xavier_uniform_(w, 1), sqrt(6.0 / 612));
    expect_bound(tp_init_kaiming_uniform_(w, 0), sqrt(6.0 / 36));
    double std = tp_item(tp_std(tp_detach(tp_init_kaiming_normal_(w, 0)), TP_ALL_DIMS, 0, false));
    assert_true(fabs(std / sqrt(2.0 / 36) - 1) < 0.1);
    std = tp_item(tp_std(tp_detach(tp_init_xavier_normal_(w, 2)), TP_ALL_DIMS, 0, false));
    assert_true(fabs(std / (2 * sqrt(2.0 / 612)) - 1) < 0.1);
    assert_true(tp_is_leaf(w));
    expect_fine();
    assert_null(tp_init_xavier_uniform_(tp_ones(TP_SHAPE(3)), 1));
    expect_error("at least 2");
}

static void layers_hand_their_options_to_their_operation(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_tensor *x = tp_randn(TP_SHAPE(2, 4, 9, 8));
    tp_module *conv = tp_nn_conv2d(4, 6, 3, .stride = 2, .padding = 1, .dilation = 2, .groups = 2);
    tp_params *p = tp_parameters(conv);
    expect_bits(tp_forward(conv, x), tp_conv2d(x, tp_params_at(p, 0), .bias = tp_params_at(p, 1), .stride = 2,
                                               .padding = 1, .dilation = 2, .groups = 2));
    tp_module *wide = tp_nn_conv2d(4, 6, 0, .kernel_hw = { 1, 5 }, .no_bias = true);
    assert_int_equal(tp_params_count(tp_parameters(wide)), 1);
    expect_bits(tp_forward(wide, x), tp_conv2d(x, tp_params_at(tp_parameters(wide), 0)));
    expect_bits(tp_forward(tp_nn_max_pool2d(3, .stride = 2, .padding = 1), x),
                tp_max_pool2d(x, 3, .stride = 2, .padding = 1));
    expect_bits(tp_forward(tp_nn_avg_pool2d(2, .ceil_mode = true, .exclude_pad = true), x),
                tp_avg_pool2d(x, 2, .ceil_mode = true, .exclude_pad = true));
    expect_bits(tp_forward(tp_nn_adaptive_avg_pool2d(3, 2), x), tp_adaptive_avg_pool2d(x, 3, 2));
    expect_bits(tp_forward(tp_nn_flatten(), x), tp_flatten(x, 1, -1));
    expect_bits(tp_forward(tp_nn_leaky_relu(0.2), x), tp_leaky_relu(x, 0.2));
    expect_bits(tp_forward(tp_nn_softmax(1), x), tp_softmax(x, 1));
    expect_bits(tp_forward(tp_nn_log_softmax(2), x), tp_log_softmax(x, 2));
    assert_ptr_equal(tp_forward(tp_nn_identity(), x), x);
    expect_fine();
}

static void layers_refuse_wrong_sizes(void **state)
{
    (void)state;
    TP_SCOPE;
    assert_null(tp_nn_linear(0, 3));
    expect_error("linear");
    assert_null(tp_nn_conv2d(3, 4, 0));
    expect_error("kernel");
    assert_null(tp_nn_conv2d(3, 4, 3, .groups = 2));
    expect_error("groups");
    assert_null(tp_nn_conv2d(3, 4, 3, .stride = -1));
    expect_error("stride");
    assert_null(tp_nn_max_pool2d(2, .padding = 2));
    expect_error("padding");
    assert_null(tp_nn_avg_pool2d(2, .dilation = 2));
    expect_error("dilation");
    assert_null(tp_nn_adaptive_avg_pool2d(0, 1));
    expect_error("size");
}

static tp_tensor *leaky(tp_tensor *x)
{
    return tp_leaky_relu(x, 0.01);
}
static tp_tensor *softmax(tp_tensor *x)
{
    return tp_softmax(x, -1);
}
static tp_tensor *log_softmax(tp_tensor *x)
{
    return tp_log_softmax(x, -1);
}

static void activations_are_chosen_by_name(void **state)
{
    (void)state;
    TP_SCOPE;
    const struct {
        const char *name;
        tp_tensor *(*op)(tp_tensor *);
        tp_module *layer; /* by its own constructor, where it has no argument */
    } rows[] = {
        { "sigmoid", tp_sigmoid, tp_nn_sigmoid() },  { "tanh", tp_tanh, tp_nn_tanh() },
        { "relu", tp_relu, tp_nn_relu() },           { "leaky_relu", leaky, tp_nn_leaky_relu(0.01) },
        { "gelu", tp_gelu, tp_nn_gelu() },           { "gelu_tanh", tp_gelu_tanh, tp_nn_gelu_tanh() },
        { "silu", tp_silu, tp_nn_silu() },           { "softplus", tp_softplus, tp_nn_softplus() },
        { "softmax", softmax, tp_nn_softmax(-1) },   { "log_softmax", log_softmax, tp_nn_log_softmax(-1) },
        { "identity", tp_itself, tp_nn_identity() },
    };
    tp_tensor *x = tp_randn(TP_SHAPE(5, 7));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tp_module *m = tp_nn_activation(rows[i].name);
        expect_fine();
        assert_string_equal(tp_module_type(m), rows[i].name);
        expect_bits(tp_forward(m, x), rows[i].op(x));
        expect_bits(tp_forward(rows[i].layer, x), rows[i].op(x));
    }
    assert_null(tp_nn_activation("rellu"));
    expect_error("did you mean 'relu'?");
    assert_non_null(strstr(error_text, "log_softmax"));
    assert_null(tp_nn_activation("xxxxxxxx"));
    expect_error("unknown activation 'xxxxxxxx' (known: sigmoid");
    assert_null(tp_nn_activation(NULL));
    expect_error("unknown activation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_dotted_and_shapes_pytorchs),
        cmocka_unit_test(children_are_found_by_name),
        cmocka_unit_test(infos_say_what_the_constructor_got),
        cmocka_unit_test(a_tied_parameter_counts_once_and_is_saved_twice),
        cmocka_unit_test(modules_refuse_wrong_names_and_cycles),
        cmocka_unit_test(loading_copies_values_and_keeps_leaves),
        cmocka_unit_test(loading_lists_all_that_is_wrong_and_changes_nothing),
        cmocka_unit_test(floats_are_converted_and_integers_refused),
        cmocka_unit_test(buffers_are_saved_and_not_trained),
        cmocka_unit_test(dropout_works_in_training_only),
        cmocka_unit_test(the_observer_sees_each_module_innermost_first),
        cmocka_unit_test(a_forward_without_a_result_is_an_error),
        cmocka_unit_test(zero_grads_takes_them_away),
        cmocka_unit_test(a_sequential_is_its_children_one_after_another),
        cmocka_unit_test(a_failed_layer_makes_the_whole_network_fail_with_its_error),
        cmocka_unit_test(a_module_outlives_the_scope_of_its_making),
        cmocka_unit_test(a_steady_forward_asks_malloc_for_nothing),
        cmocka_unit_test(a_sequential_lets_go_of_what_nobody_needs),
        cmocka_unit_test(initial_values_lie_in_pytorchs_bounds),
        cmocka_unit_test(layers_hand_their_options_to_their_operation),
        cmocka_unit_test(layers_refuse_wrong_sizes),
        cmocka_unit_test(activations_are_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
