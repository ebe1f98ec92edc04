/* test_transformer.c - every cell of the grid of Transformers, 6 structures x 4 positions x 4 activations x 4 norms: it learns, it is saved
 * and comes back with the same bits, its gradients agree with differences, token by token it says what it says at once, and it sees what
 * its structure lets it see.
 *
 * Layer: tests.  Read next: test_presets.c, support/compare.h. */
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

#include "train/decode.h"

#include <taper/taper.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const structures[] = { "encoder-decoder", "encoder",        "decoder",
                                          "causal-encoder",  "causal-decoder", "prefix-decoder" },
                         *const positions[] = { "sinusoidal", "learned", "rope", "alibi" },
                         *const activations[] = { "relu", "gelu", "swiglu", "geglu" },
                         *const norms[] = { "post", "pre", "deep", "rms" };
enum { STRUCTURES = 6, KINDS = 4, CLASSES = 9, LENGTH = 6, BATCH = 4 };

typedef struct cell {
    int structure, position, activation, norm;
    const char *model;
    char name[96];
} cell;

static cell cell_of(int i)
{
    static const char *const models[] = { "transformer",    "transformer-text-classifier",
                                          "transformer-lm", "transformer-tagger",
                                          "transformer",    "transformer" };
    cell c = { i / 64, i / 16 % 4, i / 4 % 4, i % 4, NULL, "" };
    c.model = models[c.structure];
    snprintf(c.name, sizeof c.name, "%s, %s, %s, %s", structures[c.structure], positions[c.position],
             activations[c.activation], norms[c.norm]);
    return c;
}

static tp_module *net_of(const cell *c)
{
    tp_manual_seed(5);
    tp_model_options o = { .struct_size = sizeof o,
                           .structure = structures[c->structure],
                           .position = positions[c->position],
                           .activation = activations[c->activation],
                           .norm = norms[c->norm],
                           .layers = 2,
                           .heads = 2,
                           .kv_heads = c->activation % 2 ? 1 : 2,
                           .dim = 16,
                           .ff = 24,
                           .context = 32,
                           .classes = CLASSES };
    if (strcmp(c->model, "transformer-lm") != 0)
        o.inputs = CLASSES;
    tp_module *net = tp_model_opt(c->model, &o);
    assert_non_null(net);
    return net;
}

/* Rows of different lengths, filled up with 0. */
static tp_tensor *tokens_of(int64_t rows, uint64_t seed)
{
    tp_manual_seed(seed);
    tp_tensor *x = tp_add(tp_randint(0, CLASSES - 1, TP_SHAPE(rows, LENGTH)), tp_integer(1));
    int64_t *t = tp_data(x);
    for (int64_t b = 1; b < rows; b++)
        for (int64_t i = LENGTH - b % 3; i < LENGTH; i++)
            t[b * LENGTH + i] = 0;
    return x;
}

static bool is_pair(const cell *c)
{
    return !strcmp(c->model, "transformer");
}

static tp_tensor *input_of(const cell *c)
{
    tp_tensor *source = tokens_of(BATCH, 1), *target = tokens_of(BATCH, 2);
    return is_pair(c) ? tp_stack((tp_tensor *[]){ source, target }, 2, 1) : source;
}

/* Token t of the target is the one after it; a class is the first token. */
static tp_tensor *loss_of(const cell *c, tp_module *net, tp_tensor *x)
{
    tp_tensor *y = tp_forward(net, x), *tokens = is_pair(c) ? tp_select(x, 1, 1) : x;
    if (c->structure == 1)
        return tp_cross_entropy(y, tp_select(x, 1, 0));
    const int64_t steps = tp_size(y, 1);
    if (c->structure == 3) /* a label for each: the token before it, which it can see */
        return tp_cross_entropy(tp_flatten(tp_narrow(y, 1, 1, steps - 1), 0, 1),
                                tp_flatten(tp_narrow(tokens, 1, 0, steps - 1), 0, 1), .ignore_zero = true);
    return tp_cross_entropy(tp_flatten(tp_narrow(y, 1, 0, steps - 1), 0, 1),
                            tp_flatten(tp_narrow(tokens, 1, 1, steps - 1), 0, 1), .ignore_zero = true);
}

static void for_cells(bool (*check)(const cell *, char *text, size_t size), bool (*wanted)(const cell *))
{
    int wrong = 0;
    for (int i = 0; i < STRUCTURES * KINDS * KINDS * KINDS; i++) {
        TP_SCOPE;
        char text[256] = "";
        const cell c = cell_of(i);
        if ((!wanted || wanted(&c)) && !check(&c, text, sizeof text)) {
            if (tp_error_pending())
                tp_error_take(text, sizeof text);
            print_error("%s: %s\n", c.name, text);
            wrong++;
        }
    }
    if (wrong)
        fail_msg("%d cells are wrong", wrong);
}

/* ---- each learns, and comes back from a file ------------------------------------------------------------------------------- */

static bool learns(const cell *c, char *text, size_t size)
{
    tp_module *net = net_of(c);
    tp_tensor *x = input_of(c);
    tp_optim *adam = tp_adam(tp_parameters(net), .lr = 5e-3);
    double first = 0, last = 0;
    for (int step = 0; step < 40 && !tp_error_pending(); step++) {
        TP_SCOPE;
        tp_tensor *loss = loss_of(c, net, x);
        tp_zero_grad(adam);
        tp_backward(loss);
        tp_clip_grad_norm(tp_parameters(net), 1);
        tp_step(adam);
        last = loss ? tp_item(loss) : NAN;
        first = step ? first : last;
    }
    snprintf(text, size, "loss from %.4f to %.4f", first, last);
    if (tp_error_pending() || !(last < 0.6 * first))
        return false;
    TP_NO_GRAD;
    tp_eval(net);
    tp_tensor *before = tp_forward(net, x);
    const char *path = temp_path("cell.safetensors");
    tp_module *other = net_of(c);
    tp_eval(other);
    if (tp_save(net, path) || tp_load(other, path))
        return false;
    return same_bits("from the file", tp_forward(other, x), before, text, size);
}

static void every_cell_learns_and_is_saved(void **unused)
{
    (void)unused;
    for_cells(learns, NULL);
}

/* ---- gradients: along one direction through all parameters ------------------------------------------------------------------- */

static bool is_on_diagonal(const cell *c)
{
    return (c->position + c->activation + c->norm) % 4 == c->structure % 4;
}

static bool has_right_gradients(const cell *c, char *text, size_t size)
{
    tp_module *net = net_of(c);
    tp_tensor *x = input_of(c);
    tp_module_to(net, TP_F64);
    tp_params *p = tp_parameters(net);
    tp_backward(loss_of(c, net, x));
    double analytic = 0, value[2];
    tp_tensor *way[256];
    const double eps = 1e-7; /* so small that hardly any relu changes sides */
    for (int i = 0; i < tp_params_count(p); i++) {
        TP_NO_GRAD;
        way[i] = tp_randn(tp_shape_of(tp_params_at(p, i)), .dtype = TP_F64);
        tp_tensor *g = tp_grad(tp_params_at(p, i));
        analytic += g ? tp_item(tp_sum(tp_mul(g, way[i]), TP_ALL_DIMS, false)) : 0;
    }
    for (int sign = 0; sign < 2; sign++) {
        TP_NO_GRAD;
        for (int i = 0; i < tp_params_count(p); i++)
            tp_add_(tp_params_at(p, i), tp_mul(way[i], tp_number(sign ? -2 * eps : eps)));
        value[sign] = tp_item(loss_of(c, net, x));
    }
    const double numeric = (value[0] - value[1]) / (2 * eps);
    snprintf(text, size, "derivative %.9g, differences give %.9g", analytic, numeric);
    return !tp_error_pending() && fabs(analytic - numeric) < 1e-5 * (1 + fabs(numeric));
}

static void gradients_agree_with_differences(void **unused)
{
    (void)unused;
    for_cells(has_right_gradients, is_on_diagonal);
}

/* ---- token by token ------------------------------------------------------------------------------------------------------------- */

static bool decodes(const cell *c)
{
    return c->structure != 1 && c->structure != 3;
}

static bool says_the_same_token_by_token(const cell *c, char *text, size_t size)
{
    TP_NO_GRAD;
    tp_module *net = net_of(c);
    tp_eval(net);
    tp_tensor *x = input_of(c), *y = tp_forward(net, x), *tokens = is_pair(c) ? tp_select(x, 1, 1) : x;
    const tp_decoding_functions *f = tp_module_decoding(net);
    tp_decoding d = { .n_read = 0 };
    if (!f || f->begin(net, is_pair(c) ? tp_select(x, 1, 0) : NULL, &d))
        return false;
    for (int64_t t = 0; t < LENGTH; t++)
        if (!same_tensor("a step", f->step(net, tp_select(tokens, 1, t), &d),
                         tp_contiguous(tp_select(y, 1, t)), (tolerance){ 1e-4, 2e-5, false }, text, size))
            return false;
    if (c->structure == 2) { /* several tokens in one step */
        tp_decoding again = { .n_read = 0 };
        f->step(net, tp_narrow(tokens, 1, 0, 4), &again);
        return same_tensor("after four", f->step(net, tp_narrow(tokens, 1, 4, 2), &again),
                           tp_contiguous(tp_select(y, 1, 5)), (tolerance){ 1e-4, 2e-5, false }, text, size);
    }
    decoded out[BATCH];
    const decoding_options o = { .beam = 2, .max_length = 8, .begin = 1, .end = 2 };
    if (decode(net, tp_select(x, 1, 0), &o, out))
        return false;
    const bool ends = out[0].n >= 1 && out[0].best[0].n <= 8;
    decoded_free(out, BATCH);
    return ends;
}

static void token_by_token_is_the_same_as_at_once(void **unused)
{
    (void)unused;
    for_cells(says_the_same_token_by_token, decodes);
}

/* ---- what a token sees ------------------------------------------------------------------------------------------------------- */

/* x with other numbers at step t; which of the outputs changed, as bits. */
static unsigned changed_by(tp_module *stack, tp_tensor *x, int64_t t, tp_tensor *prefix, tp_tensor *lengths)
{
    tp_tensor *other = tp_clone(x);
    tp_add_(tp_narrow(tp_narrow(other, 1, t, 1), 2, 0, 3),
            tp_number(0.5)); /* a norm takes away what all numbers share */
    tp_tensor *a = tp_transformer_forward(stack, x, .prefix = prefix, .lengths = lengths),
              *b = tp_transformer_forward(stack, other, .prefix = prefix, .lengths = lengths);
    unsigned changed = 0;
    for (int64_t i = 0; i < tp_size(x, 1); i++)
        changed |= tp_item(tp_equal(tp_narrow(a, 1, i, 1), tp_narrow(b, 1, i, 1))) == 0 ? 1u << i : 0;
    return changed;
}

static void a_token_sees_what_its_structure_allows(void **unused)
{
    (void)unused;
    enum { T = 8, PREFIX = 3, LENGTH_OF = 6, WINDOW = 2 };
    TP_NO_GRAD;
    for (int i = 0; i < 16; i++)
        for (int causal = 0; causal < 2; causal++)
            for (int window = 0; window < 2; window++) {
                TP_SCOPE;
                tp_module *stack =
                    tp_nn_transformer(12, 1, 2, .position = i / 4 < 2 ? "none" : positions[i / 4],
                                      .norm = norms[i % 4], .causal = causal, .window = window ? WINDOW : 0);
                tp_tensor *x = tp_randn(TP_SHAPE(1, T, 12)),
                          *prefix = tp_full(TP_SHAPE(1), PREFIX, .dtype = TP_I64),
                          *length = tp_full(TP_SHAPE(1), LENGTH_OF, .dtype = TP_I64);
                for (int t = 0; t < T; t++) {
                    unsigned all = 0, with_prefix = 0, with_length = 0;
                    for (int q = 0; q < T; q++) { /* does query q see key t? */
                        const bool near = !window || (t > q - WINDOW && (causal || t < q + WINDOW));
                        const bool sees = causal ? t <= q && near : near;
                        all |= sees ? 1u << q : 0;
                        with_prefix |= sees || (causal && t < PREFIX && t > q) ? 1u << q : 0;
                        with_length |= (sees && t < LENGTH_OF) || q == t ? 1u << q : 0;
                    }
                    assert_int_equal(changed_by(stack, x, t, NULL, NULL), all);
                    if (causal)
                        assert_int_equal(changed_by(stack, x, t, prefix, NULL), with_prefix);
                    assert_int_equal(changed_by(stack, x, t, NULL, length), with_length);
                }
            }
    expect_no_error();
}

/* ---- a cache that drops what no token sees any more -------------------------------------------------------------------------- */

static void a_window_keeps_the_cache_small(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    enum { T = 300, WINDOW = 20 };
    tp_module *stack =
        tp_nn_transformer(16, 2, 2, .position = "rope", .norm = "rms", .causal = true, .window = WINDOW);
    tp_tensor *x = tp_randn(TP_SHAPE(2, T, 16)), *whole = tp_transformer_forward(stack, x);
    tp_kv_cache cache = { 0 };
    char text[256] = "";
    for (int64_t t = 0; t < T; t++) {
        tp_tensor *y = tp_transformer_forward(stack, tp_narrow(x, 1, t, 1), .cache = &cache);
        assert_int_equal(tp_kv_cache_advance(&cache, tp_integer(1)), TP_OK);
        if (!same_tensor("step", y, tp_contiguous(tp_narrow(whole, 1, t, 1)),
                         (tolerance){ 1e-4, 1e-5, false }, text, sizeof text))
            fail_msg("%s", text);
        assert_true(tp_size(cache.keys, 3) <= 64);
    }
    expect_no_error();
}

/* ---- what cannot be is said ------------------------------------------------------------------------------------------------ */

static void wrong_options_are_told(void **unused)
{
    (void)unused;
    static const struct {
        tp_model_options o;
        const char *model, *says;
    } cases[] = {
        { { .dim = 10, .heads = 4 }, "transformer-lm", "heads divide" },
        { { .dim = 12, .heads = 4, .kv_heads = 3 }, "transformer-lm", "divisor" },
        { { .dim = 12, .heads = 4, .position = "rope" }, "transformer-lm", "pairs" },
        { { .structure = "encoder" }, "transformer-lm", "sees what it has to tell" },
        { { .structure = "causal-decoder" }, "transformer-mlm", "encoder is wanted" },
        { { .structure = "causal-encoder" }, "transformer-lm", "prefix-decoder or encoder is wanted" },
        { { .structure = "causal-decoder" }, "transformer-tagger", "encoder or causal-encoder" },
        { { .norm = "layer" }, "transformer", "norm 'layer'" },
        { { .activation = "swigl" }, "transformer", "activation 'swigl'" },
        { { .position = "rotary" }, "transformer", "unknown position 'rotary'" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TP_SCOPE;
        char text[512] = "";
        tp_model_options o = cases[i].o;
        o.struct_size = sizeof o;
        assert_null(tp_model_opt(cases[i].model, &o));
        tp_error_take(text, sizeof text);
        if (!strstr(text, cases[i].says))
            fail_msg("'%s' says nothing of '%s'", text, cases[i].says);
    }
    TP_SCOPE;
    tp_module *lm = tp_model("transformer-lm", .context = 16);
    assert_null(tp_forward(lm, tp_zeros(TP_SHAPE(1, 17))));
    char text[512] = "";
    tp_error_take(text, sizeof text);
    assert_non_null(strstr(text, "16 places"));
}

static void expect_told(tp_tensor *y, const char *says)
{
    char text[512] = "";
    assert_null(y);
    tp_error_take(text, sizeof text);
    if (!strstr(text, says) || strchr(text, '\n'))
        fail_msg("'%s' says nothing of '%s'", text, says);
}

static void wrong_inputs_are_told(void **unused)
{
    (void)unused;
    TP_SCOPE;
    TP_NO_GRAD;
    tp_module *lm = tp_model("transformer-lm", .classes = 12, .dim = 16, .heads = 2, .context = 16),
              *prefix = tp_model("transformer-lm", .classes = 12, .dim = 16, .heads = 2,
                                 .structure = "prefix-decoder"),
              *stack = tp_nn_transformer(16, 1, 2, .causal = true), *many[] = { lm, prefix };
    tp_tensor *x = tp_zeros(TP_SHAPE(1, 4, 16)), *correct, *two = tp_zeros(TP_SHAPE(1, 2), .dtype = TP_I64);
    for (int i = 0; i < 2; i++) {
        expect_told(tp_forward(many[i], tp_full(TP_SHAPE(1, 3), 12)), "index 12 is out of range, [0, 12)");
        expect_told(tp_forward(many[i], tp_full(TP_SHAPE(1, 3), -1)), "index -1 is out of range");
        expect_told(tp_forward(many[i], tp_zeros(TP_SHAPE(1, 3, 4))), "input of 3 dims, tokens (N, T)");
        expect_told(tp_forward(many[i], tp_zeros(TP_SHAPE(3))), "input of 1 dims");
    }
    expect_told(tp_forward_loss(lm, two, tp_full(TP_SHAPE(1, 2), 12, .dtype = TP_I64), -100, &correct),
                "target: index 12 is out of range");
    expect_told(tp_forward(prefix, tp_full(TP_SHAPE(1, 2, 4), 5)), "prefix[0] is 20, 0 to 4");
    expect_told(tp_transformer_forward(stack, x, .prefix = tp_full(TP_SHAPE(1), 5, .dtype = TP_I64)),
                "prefix[0] is 5, 0 to 4");
    expect_told(tp_transformer_forward(stack, x, .lengths = tp_full(TP_SHAPE(1), -1, .dtype = TP_I64)),
                "lengths[0] is -1");
    for (int64_t length = 0; length <= 3; length += 3) { /* of 2 */
        tp_decoding d = { .lengths = tp_full(TP_SHAPE(1), (double)length, .dtype = TP_I64) };
        expect_told(tp_module_decoding(lm)->step(lm, two, &d), "of 2 tokens");
    }
    tp_decoding d = { 0 };
    expect_told(tp_module_decoding(lm)->step(lm, tp_zeros(TP_SHAPE(1, 17), .dtype = TP_I64), &d),
                "16 places");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_learns_and_is_saved),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(token_by_token_is_the_same_as_at_once),
        cmocka_unit_test(a_token_sees_what_its_structure_allows),
        cmocka_unit_test(a_window_keeps_the_cache_small),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(wrong_inputs_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
