/* test_robust.c - scheduled sampling, embeddings moved against the network, self-critical reinforcement learning.
 *
 * Networks of a few numbers whose answers are known, and runs of words that become themselves read backwards.
 * Layer: tests.  Read next: src/train/robust.c, reinforce.c. */
#include "support/files.h"

#include "data/vocabulary.h"
#include "train/robust.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- a network that answers the same whatever it reads: scores (T, V) of each place ------------------------------------ */

typedef struct fixed {
    tp_tensor *scores;
} fixed;

static tp_tensor *fixed_forward(tp_module *m, tp_tensor *x)
{
    const fixed *f = tp_module_state(m);
    return tp_add(tp_unsqueeze(f->scores, 0),
                  tp_zeros(TP_SHAPE(tp_size(x, 0), 1, 1), .dtype = tp_dtype_of(f->scores)));
}

static tp_status fixed_begin(tp_module *m, tp_tensor *source, tp_decoding *d)
{
    (void)m;
    d->carried[d->n_carried++] = tp_zeros(TP_SHAPE(tp_size(source, 0)), .dtype = TP_I64); /* the place */
    return tp_error_pending();
}

static tp_tensor *fixed_step(tp_module *m, tp_tensor *tokens, tp_decoding *d)
{
    const fixed *f = tp_module_state(m);
    (void)tokens;
    tp_tensor *place = d->carried[0];
    d->carried[0] = tp_add(place, tp_integer(1));
    return tp_index_select(f->scores, 0, place);
}

static tp_module *fixed_net(tp_tensor *scores)
{
    static const tp_decoding_functions functions = { fixed_begin, fixed_step, NULL };
    tp_module *m = tp_module_new("fixed", sizeof(fixed), fixed_forward);
    fixed *f = tp_module_state(m);
    if (!f)
        return NULL;
    f->scores = tp_parameter(m, "scores", scores);
    tp_module_decodes(m, &functions);
    return tp_module_built(m);
}

/* ---- scheduled sampling ------------------------------------------------------------------------------------------------ */

static void the_share_rises_from_the_first_step_to_the_last(void **unused)
{
    (void)unused;
    assert_true(scheduled_share(0.5, 0, 11) == 0);
    assert_true(scheduled_share(0.5, 5, 11) == 0.25);
    assert_true(scheduled_share(0.5, 10, 11) == 0.5);
    assert_true(scheduled_share(0.5, 0, 1) == 0);
}

/* Token 9 stands in all targets, in row i up to place 10 + i % 31; after place k the network writes 3 + k % 4, if not <pad>. */
static void the_share_of_tokens_is_replaced_by_the_networks_own(void **unused)
{
    (void)unused;
    enum { N = 400, T = 40, V = 10 };
    TP_SCOPE;
    tp_tensor *scores = tp_zeros(TP_SHAPE(T, V)), *x = tp_zeros(TP_SHAPE(N, 2, T));
    float *s = tp_data(scores), *in = tp_data(x);
    for (int k = 0; k < T; k++)
        s[k * V] = 3, s[k * V + 1] = 2, s[k * V + 3 + k % 4] = 1;
    int64_t tokens = 0;
    for (int i = 0; i < N; i++) {
        const int length = 10 + i % 31;
        in[(2 * i + 1) * T] = TOKEN_BEGIN;
        for (int k = 0; k < length; k++) {
            in[2 * i * T + k] = 5;
            if (k)
                in[(2 * i + 1) * T + k] = 9, tokens++;
        }
    }
    tp_module *net = fixed_net(scores);
    static const double shares[] = { 0, 0.3, 1 };
    for (int which = 0; which < 3; which++) {
        tp_manual_seed(3);
        tp_tensor *y = scheduled_input(net, x, shares[which]);
        expect_no_error();
        const float *out = tp_data(y);
        int64_t replaced = 0;
        for (int64_t i = 0; i < tp_numel(x); i++) {
            if (out[i] == in[i])
                continue;
            const int64_t k = i % T;
            assert_true(i / T % 2 == 1 && k > 0 && in[i] == 9);
            assert_true(out[i] == (float)(3 + (k - 1) % 4));
            replaced++;
        }
        assert_true(fabs((double)replaced / (double)tokens - shares[which]) < 0.015);
        assert_true(tp_is_training(net));
    }
    tp_manual_seed(3);
    tp_tensor *a = scheduled_input(net, x, 0.3);
    tp_manual_seed(3);
    assert_true(tp_item(tp_allclose(a, scheduled_input(net, x, 0.3), 0, 0, false)) == 1);
}

/* ---- adversarial perturbation ------------------------------------------------------------------------------------------ */

static tp_tensor *loss_of(tp_module *net, tp_tensor *x, tp_tensor *y)
{
    return tp_cross_entropy(tp_flatten(tp_forward(net, x), 0, 1), tp_flatten(y, 0, 1));
}

typedef struct kept {
    tp_params *values, *gradients;
} kept;

static kept keep_all(tp_params *p)
{
    kept k = { tp_params_new(), tp_params_new() };
    for (int i = 0; i < tp_params_count(p); i++) {
        tp_tensor *t = tp_params_at(p, i);
        tp_params_add(k.values, tp_params_name(p, i), tp_clone(tp_detach(t)));
        tp_params_add(k.gradients, tp_params_name(p, i), tp_clone(tp_grad(t)));
    }
    return k;
}

static bool is_table(const char *name)
{
    return strstr(name, "source.weight") || strstr(name, "target.weight");
}

/* By hand: gradients here, tables moved by eps g / |g| on the host, gradients there. */
static void add_by_hand(tp_module *net, tp_tensor *x, tp_tensor *y, double eps, kept *sum)
{
    tp_params *p = tp_parameters(net);
    tp_zero_grads(net);
    tp_backward(loss_of(net, x, y));
    *sum = keep_all(p);
    for (int i = 0; i < tp_params_count(p); i++)
        if (is_table(tp_params_name(p, i))) {
            double *w = tp_data(tp_params_at(p, i)), squares = 0;
            const double *g = tp_data(tp_params_at(sum->gradients, i));
            const int64_t n = tp_numel(tp_params_at(p, i));
            for (int64_t k = 0; k < n; k++)
                squares += g[k] * g[k];
            for (int64_t k = 0; k < n; k++)
                w[k] += eps * g[k] / sqrt(squares);
        }
    tp_zero_grads(net);
    tp_backward(loss_of(net, x, y));
    TP_NO_GRAD;
    for (int i = 0; i < tp_params_count(p); i++) {
        tp_add_(tp_params_at(sum->gradients, i), tp_grad(tp_params_at(p, i)));
        tp_copy_(tp_params_at(p, i), tp_params_at(sum->values, i));
    }
}

static void the_gradient_is_the_sum_of_both_and_weights_come_back(void **unused)
{
    (void)unused;
    static const char *const models[] = { "seq2seq", "transformer" };
    for (int m = 0; m < 2; m++)
        for (int before = 0; before < 2; before++) { /* whether a batch of the same step came before */
            TP_SCOPE;
            tp_manual_seed(8);
            tp_module *net =
                m ? tp_model("transformer", .dim = 8, .heads = 2, .layers = 1, .inputs = 9, .classes = 7,
                             .context = 8)
                  : tp_model(models[m], .hidden = "5", .embedding = 4, .inputs = 9, .classes = 7);
            tp_module_to(net, TP_F64);
            tp_tensor *x = tp_double(tp_randint(1, 7, TP_SHAPE(3, 2, 5))),
                      *y = tp_randint(2, 7, TP_SHAPE(3, 5));
            tp_params *p = tp_parameters(net);
            adversary a;
            kept hand;
            add_by_hand(net, x, y, 0.7, &hand);
            tp_zero_grads(net);
            for (int i = 0; i < tp_params_count(p) && before; i++)
                tp_set_grad(tp_params_at(p, i), tp_full(tp_shape_of(tp_params_at(p, i)), 3, .dtype = TP_F64));
            assert_int_equal(adversary_begin(&a, net), TP_OK);
            assert_int_equal(a.n, 2);
            tp_backward(loss_of(net, x, y));
            assert_int_equal(adversary_move(&a, 0.7), TP_OK);
            tp_backward(loss_of(net, x, y));
            assert_int_equal(adversary_end(&a), TP_OK);
            expect_no_error();
            for (int i = 0; i < tp_params_count(p); i++) {
                tp_tensor *t = tp_params_at(p, i), *g = tp_params_at(hand.gradients, i);
                assert_memory_equal(tp_data(t), tp_data(tp_params_at(hand.values, i)),
                                    (size_t)tp_numel(t) * sizeof(double));
                assert_true(
                    tp_item(tp_allclose(tp_grad(t), before ? tp_add(g, 3) : g, 1e-10, 1e-12, false)) == 1);
            }
        }
}

/* ---- self-critical loss ------------------------------------------------------------------------------------------------ */

enum {
    TOY_N = 64,
    TOY_T = 3,
    TOY_V = 5,
    A = 3,
    B = 4
}; /* two tokens beside the special ones but <unknown> */

static const double toy_scores[TOY_T][TOY_V] = { { 9, 8, -1, 0.5, 0 },
                                                 { 7, 9, 0.3, -0.2, 0.6 },
                                                 { 8, 8, 0.1, 0.2, -0.4 } };

/* The target is A B <end>; the likeliest is A B A: one edit of two tokens. */
static int hand_edits(const int64_t *row)
{
    int best = 9, n = 0;
    while (n < TOY_T && row[n] != TOKEN_END)
        n++;
    const int64_t target[] = { A, B };
    for (int shift = -2; shift <= 2; shift++) { /* a gap inside is never better for sequences this short */
        int wrong = 0;
        for (int k = -3; k < 6; k++) {
            const bool here = k >= 0 && k < n, there = k + shift >= 0 && k + shift < 2;
            wrong += here != there || (here && row[k] != target[k + shift]);
        }
        best = wrong < best ? wrong : best;
    }
    return best;
}

static void the_self_critical_loss_is_the_one_by_hand(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_manual_seed(21);
    tp_module *net = fixed_net(tp_tensor_copied(toy_scores, TP_F64, TP_SHAPE(TOY_T, TOY_V)));
    tp_tensor *x = tp_ones(TP_SHAPE(TOY_N, 2, TOY_T)),
              *truth = tp_zeros(TP_SHAPE(TOY_N, TOY_T), .dtype = TP_I64);
    for (int i = 0; i < TOY_N; i++)
        memcpy((int64_t *)tp_data(truth) + i * TOY_T, (const int64_t[]){ A, B, TOKEN_END },
               TOY_T * sizeof(int64_t));
    robust_batch r = { .x = x };
    assert_int_equal(self_critical_draw(net, x, truth, &r), TP_OK);
    tp_tensor *loss = self_critical_loss(net, &r);
    tp_backward(loss);
    expect_no_error();
    double wanted = 0, slope[TOY_T][TOY_V] = { { 0 } };
    int counts[TOY_V] = { 0 };
    for (int i = 0; i < TOY_N; i++) {
        const int64_t *row = (const int64_t *)tp_data(r.tokens) + i * TOY_T;
        const double gap = (1 - hand_edits(row) / 2.0) - (1 - 1 / 2.0); /* r(drawn) - r(likeliest) */
        assert_true(((float *)tp_data(r.advantage))[i] == (float)gap);
        for (int k = 0; k < TOY_T && row[k] != TP_IGNORED; k++) {
            double sum = 0;
            for (int v = TOKEN_END; v < TOY_V; v++)
                sum += exp(toy_scores[k][v]);
            counts[row[k]]++;
            wanted += -gap * (toy_scores[k][row[k]] - log(sum)) / TOY_N;
            for (int v = TOKEN_END; v < TOY_V; v++)
                slope[k][v] += gap * (exp(toy_scores[k][v]) / sum - (v == row[k])) / TOY_N;
            assert_true(k == TOY_T - 1 || (row[k] == TOKEN_END) == (row[k + 1] == TP_IGNORED));
        }
        const float *in = (const float *)tp_data(r.drawn) + (2 * i + 1) * TOY_T;
        assert_true(in[0] == TOKEN_BEGIN && in[1] == (row[0] == TOKEN_END ? 0 : (float)row[0]));
    }
    assert_true(counts[0] == 0 && counts[1] == 0 && counts[A] > 20 && counts[B] > 20);
    assert_true(fabs(wanted) > 1e-3 && fabs(tp_item(loss) - wanted) < 1e-7);
    const double *g = tp_data(tp_grad(tp_params_at(tp_parameters(net), 0)));
    for (int i = 0; i < TOY_T * TOY_V; i++)
        assert_true(fabs(g[i] - slope[i / TOY_V][i % TOY_V]) < 1e-7);
}

static void draw_without_memory(void)
{
    TP_SCOPE;
    tp_module *net = fixed_net(tp_tensor_copied(toy_scores, TP_F64, TP_SHAPE(TOY_T, TOY_V)));
    tp_tensor *x = tp_ones(TP_SHAPE(2, 2, TOY_T)), *truth = tp_full(TP_SHAPE(2, TOY_T), A, .dtype = TP_I64);
    robust_batch r = { .x = x };
    if (truth && !self_critical_draw(net, x, truth, &r))
        tp_backward(self_critical_loss(net, &r));
}

static void without_memory_there_is_an_error(void **unused)
{
    (void)unused;
    with_failing_allocations(draw_without_memory);
}

/* ---- runs ---------------------------------------------------------------------------------------------------------------- */

static const char *reversed(void)
{
    static char path[512], text[20000];
    unsigned state = 7;
    if (*path)
        return path;
    for (int i = 0; i < 600; i++) {
        char word[8];
        const int n = 2 + (int)((state = state * 1664525u + 1013904223u) >> 30);
        for (int k = 0; k < n; k++)
            word[k] = "abcd"[(state = state * 1664525u + 1013904223u) >> 16 & 3];
        sprintf(text + strlen(text), "%.*s\t", n, word);
        for (int k = n; k-- > 0;)
            sprintf(text + strlen(text), "%c", word[k]);
        strcat(text, "\n");
    }
    strcpy(path, temp_path("reversed.tsv"));
    put_text(path, text);
    return path;
}

static tp_train_config config_in(const char *out)
{
    return (tp_train_config){ .struct_size = sizeof(tp_train_config),
                              .model = "seq2seq",
                              .model_options = { .hidden = "24", .embedding = 12, .dropout = 0.1 },
                              .data = reversed(),
                              .data_options = { .target_unit = "chars" },
                              .optim_options = { .lr = 5e-3 },
                              .out = out,
                              .epochs = 2,
                              .batch_size = 32,
                              .seed = 4 };
}

static const char *in(const char *folder, const char *name)
{
    static char ring[4][700];
    static int turn;
    char *path = ring[turn++ % 4];
    snprintf(path, sizeof *ring, "%s/%s", folder, name);
    return path;
}

/* The path of weights that were trained a little, and what they reach. */
static const char *begun(double *error)
{
    static char path[600], out[512];
    static double reached;
    if (!*path) {
        strcpy(out, temp_path("begun"));
        tp_train_config c = config_in(out);
        tp_train_result r;
        c.epochs = 4;
        tp_train_run(&c, NULL, NULL, &r);
        expect_no_error();
        strcpy(path, in(out, "best/model.safetensors"));
        reached = r.best;
    }
    *error = reached;
    return path;
}

/* Nothing but the reward makes the network better here: the cross-entropy has no weight. */
static void a_run_with_reward_raises_it(void **unused)
{
    (void)unused;
    need_json();
    double before;
    char out[512];
    strcpy(out, temp_path("rewarded"));
    tp_train_config c = config_in(out);
    tp_train_result r;
    c.init = begun(&before);
    c.reward = 1;
    c.epochs = 15;
    c.model_options.dropout = 0;
    c.optim_options.lr = 2e-3;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    assert_true(before > 0.1 && r.best < 0.5 * before);
}

static bool until_step_11(void *unused, const tp_progress *p)
{
    (void)unused;
    return p->global_step != 11;
}

static void same_bits_when_resumed(const char *name, tp_train_config c)
{
    static unsigned char a[1 << 20], b[1 << 20];
    char whole[512], parts[512];
    tp_train_result r;
    snprintf(whole, sizeof whole, "%s-whole", temp_path(name));
    snprintf(parts, sizeof parts, "%s-parts", temp_path(name));
    c.out = whole;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    c.out = parts;
    tp_train_run(&c, until_step_11, NULL, &r);
    expect_no_error();
    assert_true(r.stopped && r.global_step == 11);
    tp_train_resume(parts, 0, NULL, NULL, &r);
    expect_no_error();
    const size_t n = get_file(in(whole, "last/model.safetensors"), a, sizeof a);
    assert_int_equal(get_file(in(parts, "last/model.safetensors"), b, sizeof b), n);
    assert_memory_equal(a, b, n);
    c.scheduled_sampling = c.adversarial = c.reward = 0;
    snprintf(parts, sizeof parts, "%s-plain", temp_path(name));
    c.out = parts;
    tp_train_run(&c, NULL, NULL, &r);
    expect_no_error();
    assert_int_equal(get_file(in(parts, "last/model.safetensors"), b, sizeof b), n);
    assert_memory_not_equal(a, b, n);
}

static void a_resumed_run_has_the_same_bits(void **unused)
{
    (void)unused;
    need_json();
    double reached;
    tp_train_config c = config_in(NULL);
    c.scheduled_sampling = 0.5;
    same_bits_when_resumed("scheduled", c);
    c = config_in(NULL);
    c.adversarial = 0.5;
    c.accumulate = 2;
    c.batch_size = 16;
    same_bits_when_resumed("adversarial", c);
    c = config_in(NULL);
    c.init = begun(&reached);
    c.reward = 0.5;
    same_bits_when_resumed("reward", c);
    c.scheduled_sampling = 0.3;
    c.adversarial = 0.2;
    c.model = "transformer";
    c.model_options = (tp_model_options){ .dim = 16, .heads = 2, .layers = 1 };
    c.init = NULL, c.reward = 0;
    same_bits_when_resumed("all", c);
    c.init = in(temp_path("all-whole"), "best/model.safetensors");
    c.reward = 0.5;
    same_bits_when_resumed("transformer", c);
}

/* One that began before there were these options. */
static void an_older_run_goes_without_them(void **unused)
{
    (void)unused;
    need_json();
    static unsigned char text[1 << 16];
    double reached;
    char out[512], *key;
    snprintf(out, sizeof out, "%.*s", (int)(strlen(begun(&reached)) - strlen("/best/model.safetensors")),
             begun(&reached));
    text[get_file(in(out, "config.json"), text, sizeof text - 1)] = 0;
    static const char *const keys[] = { "\"scheduled_sampling\"", "\"adversarial\"", "\"reward\"" };
    for (int i = 0; i < 3; i++) {
        assert_non_null(key = strstr((char *)text, keys[i]));
        char *next = strchr(key, '\n') + 1;
        memmove(key, next, strlen(next) + 1);
    }
    put_text(in(out, "config.json"), (char *)text);
    TP_SCOPE;
    tp_run *run = tp_run_open(out);
    expect_no_error();
    assert_true(tp_run_config(run)->reward == 0);
}

/* ---- wrong uses ---------------------------------------------------------------------------------------------------------- */

#define REJECTS(piece, ...)                                                                          \
    do {                                                                                             \
        tp_train_config c_ = { .model = "seq2seq", .data = "pairs.tsv", .init = "w.pth" }, *c = &c_; \
        __VA_ARGS__;                                                                                 \
        assert_int_not_equal(tp_train_config_resolve(c), TP_OK);                                     \
        expect_error(TP_ERR_ARGUMENT, piece);                                                        \
    } while (0)

static void what_cannot_be_is_an_error(void **unused)
{
    (void)unused;
    REJECTS("scheduled_sampling is 1.5, [0, 1] is wanted", c->scheduled_sampling = 1.5);
    REJECTS("scheduled_sampling is nan", c->scheduled_sampling = NAN);
    REJECTS("reward is -1", c->reward = -1);
    REJECTS("adversarial is -2", c->adversarial = -2);
    REJECTS("reward without init", c->reward = 0.5, c->init = NULL);
    REJECTS("scheduled_sampling is for runs of pairs", c->scheduled_sampling = 0.5, c->model = "char-lm");
    REJECTS("reward is for runs of pairs (seq2seq, transformer), not for lenet5", c->reward = 0.5,
            c->model = "lenet5");
    REJECTS("adversarial with carry", c->adversarial = 1, c->carry = true, c->model = "char-lm");
    TP_SCOPE;
    tp_train_config c = { .model = "mlp", .adversarial = 1 };
    robust_check_net(&c, tp_model("mlp", .features = 3, .hidden = "4", .classes = 2));
    expect_error(TP_ERR_ARGUMENT, "adversarial moves embeddings, and mlp has none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_rises_from_the_first_step_to_the_last),
        cmocka_unit_test(the_share_of_tokens_is_replaced_by_the_networks_own),
        cmocka_unit_test(the_gradient_is_the_sum_of_both_and_weights_come_back),
        cmocka_unit_test(the_self_critical_loss_is_the_one_by_hand),
        cmocka_unit_test(without_memory_there_is_an_error),
        cmocka_unit_test(a_run_with_reward_raises_it),
        cmocka_unit_test(a_resumed_run_has_the_same_bits),
        cmocka_unit_test(an_older_run_goes_without_them),
        cmocka_unit_test(what_cannot_be_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
