/* test_attention_record.c - recorded shares, times the values, are what fused attention gave.
 *
 * Layer: tests.  Depends on taper/nn.h, support/compare.h, support/files.h.  Read next: ../src/nn/attention_record.c. */
#include "support/compare.h"
#include "support/files.h"

#include <taper/nn.h>

enum { B = 2, T = 7, HEADS = 4, D = 5, WIDTH = HEADS * D };

static void is_same(tp_tensor *got, tp_tensor *wanted)
{
    char text[512];
    if (!same_tensor("y", got, wanted, (tolerance){ .rtol = 1e-5, .atol = 1e-5 }, text, sizeof text))
        fail_msg("%s", text);
}

static tp_tensor *rows_of_ones(void)
{
    return tp_ones(TP_SHAPE(B, HEADS, T));
}

/* Shares (B, H, T, S) of values (B, S, G D) -> (B, T, H D). */
static tp_tensor *weighed(tp_tensor *shares, tp_tensor *v, int64_t kv_heads)
{
    v = tp_transpose(tp_unflatten(v, 2, TP_SHAPE(kv_heads, D)), 1, 2);
    v = tp_repeat_interleave(v, HEADS / kv_heads, 1);
    return tp_flatten(tp_transpose(tp_matmul(shares, v), 1, 2), 2, 3);
}

static void check_self(tp_module *net, int64_t kv_heads)
{
    tp_tensor *x = tp_randn(TP_SHAPE(B, T, WIDTH));
    tp_eval(net);
    tp_params *all = tp_params_new();
    tp_record_attention(net, all);
    tp_tensor *y = tp_forward(net, x);
    tp_record_attention(NULL, NULL);
    tp_forward(net, x);
    expect_no_error();
    assert_int_equal(tp_params_count(all), 1);
    assert_string_equal(tp_params_name(all, 0), "layers.0.attention");
    tp_tensor *shares = tp_params_at(all, 0);
    is_same(tp_sum(shares, TP_SHAPE(3), false), rows_of_ones());
    tp_tensor *qkv = tp_forward(tp_find_module(net, "layers.0.attention.qkv"), x);
    tp_tensor *v = tp_narrow(qkv, 2, (HEADS + kv_heads) * D, kv_heads * D);
    tp_module *out = tp_find_module(net, "layers.0.attention.out");
    is_same(tp_forward(out, weighed(shares, v, kv_heads)),
            tp_output_of(net, tp_find_module(net, "layers.0.attention"), x));
    is_same(tp_forward(net, x), y);
}

static void shares_are_those_of_fused_attention(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(3);
    check_self(tp_nn_transformer(WIDTH, 1, HEADS, .norm = "post"), HEADS);
    check_self(tp_nn_transformer(WIDTH, 1, HEADS, .norm = "post", .causal = true, .position = "alibi"),
               HEADS);
    check_self(tp_nn_transformer(WIDTH, 1, HEADS, .norm = "post", .causal = true, .kv_heads = 2, .window = 3),
               2);
    check_self(tp_nn_transformer(WIDTH, 1, HEADS, .norm = "post", .dropout = 0.5, .attention_dropout = 0.5),
               HEADS);
}

static void of_a_memory_only_what_is_there_is_seen(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_manual_seed(4);
    tp_module *net = tp_nn_transformer(WIDTH, 2, HEADS, .cross = true, .causal = true);
    tp_eval(net);
    tp_tensor *x = tp_randn(TP_SHAPE(B, T, WIDTH)), *memory = tp_randn(TP_SHAPE(B, 9, WIDTH)),
              *lengths = tp_from_list("[9, 4]");
    tp_params *all = tp_params_new();
    tp_tensor *mean = NULL;
    tp_transformer_forward(net, x, .memory = memory, .memory_lengths = lengths, .shares = &mean);
    tp_record_attention(net, all);
    tp_transformer_forward(net, x, .memory = memory, .memory_lengths = lengths);
    tp_record_attention(NULL, NULL);
    expect_no_error();
    static const char *const names[] = { "layers.0.attention", "layers.0.cross", "layers.1.attention",
                                         "layers.1.cross" };
    assert_int_equal(tp_params_count(all), 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(tp_params_name(all, i), names[i]);
    is_same(tp_mean(tp_params_at(all, 3), TP_SHAPE(1), false), mean); /* made by a softmax, step by step */
    assert_true(
        tp_item(tp_sum(tp_narrow(tp_select(tp_params_at(all, 1), 0, 1), 2, 4, 5), TP_ALL_DIMS, false)) == 0);
    tp_tensor *first = tp_select(tp_select(tp_params_at(all, 0), 0, 0), 1, 0); /* causal: itself */
    assert_true(tp_item(tp_sum(tp_narrow(first, 1, 1, T - 1), TP_ALL_DIMS, false)) == 0);
}

static void a_module_of_ones_own_can_note(void **state)
{
    (void)state;
    TP_SCOPE;
    tp_module *net = tp_nn_identity();
    tp_note_attention(net, tp_ones(TP_SHAPE(1, 2, 3)));
    assert_false(tp_is_recording_attention());
    tp_params *all = tp_params_new();
    tp_record_attention(net, all);
    assert_true(tp_is_recording_attention());
    tp_note_attention(net, tp_ones(TP_SHAPE(1, 2, 3)));
    tp_note_attention(net, tp_zeros(TP_SHAPE(1, 2, 3))); /* of several calls the first */
    tp_record_attention(NULL, NULL);
    expect_no_error();
    assert_int_equal(tp_params_count(all), 1);
    is_same(tp_params_at(all, 0), tp_ones(TP_SHAPE(1, 1, 2, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_fused_attention),
        cmocka_unit_test(of_a_memory_only_what_is_there_is_seen),
        cmocka_unit_test(a_module_of_ones_own_can_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
