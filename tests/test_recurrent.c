/* test_recurrent.c - RNN, LSTM and GRU beside PyTorch's with every combination of options; the kernels beside the same layer made of
 * elementary operations; states that go on; errors.
 *
 * The numbers: tools/golden/recurrent.py.  One layer in one direction, cells, and what PyTorch has not: test_opdb.c.
 * Layer: tests.  Read next: support/filled.h. */
#include "support/golden.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/filled.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <taper/nn.h>
#include <taper/optim.h>

enum { T = 4, B = 3, INPUT = 2, HIDDEN = 3, MOST = 80 };

/* ---- PyTorch's ------------------------------------------------------------------------------------------------------------ */

typedef struct row { /* a case */
    char kind[8];
    int number, layers, both, bias, batch_first, proj, relu, lengths, states;
} row;

static tp_tensor *half(const char *name, tp_shape shape, tp_dtype dtype)
{
    TP_NO_GRAD;
    tp_tensor *t = tp_zeros(shape);
    filled_tensor(name, t, 0.5, 0);
    return tp_to(t, dtype);
}

static tp_module *layer_of(const row *r)
{
    const tp_rnn_options o = { .struct_size = sizeof o,
                               .num_layers = r->layers,
                               .bidirectional = r->both,
                               .no_bias = !r->bias,
                               .batch_first = r->batch_first,
                               .proj_size = r->proj,
                               .nonlinearity = r->relu ? "relu" : NULL };
    return *r->kind == 'l'   ? tp_nn_lstm_opt(INPUT, HIDDEN, &o)
           : *r->kind == 'g' ? tp_nn_gru_opt(INPUT, HIDDEN, &o)
                             : tp_nn_rnn_opt(INPUT, HIDDEN, &o);
}

static tp_module *filled_layer(const row *r, tp_dtype dtype)
{
    TP_NO_GRAD;
    tp_module *m = layer_of(r);
    expect_no_error();
    tp_params *all = tp_parameters(m);
    for (int i = 0; i < tp_params_count(all); i++)
        filled_tensor(tp_params_name(all, i), tp_params_at(all, i), 0.5, 0);
    tp_module_to(m, dtype);
    return m;
}

/* The sums of t's numbers times those named a and b. */
static void digest(tp_tensor *t, double *sums)
{
    TP_NO_GRAD;
    const int64_t n = tp_numel(t);
    double *v = malloc((size_t)n * sizeof *v);
    tp_to_f64(t, v, n);
    for (int k = 0; k < 2; k++) {
        sums[k] = 0;
        for (int64_t i = 0; i < n; i++)
            sums[k] += v[i] * ((double)(filled_raw(k ? "b" : "a", "", i) >> 40) / (1 << 23) - 1);
    }
    free(v);
}

static tp_tensor *weighed(tp_tensor *t, const char *name)
{
    return tp_sum(tp_mul(t, half(name, tp_shape_of(t), tp_dtype_of(t))), TP_ALL_DIMS, false);
}

/* y, h_n, c_n, dx, dh0, dc0 and the parameters' gradients; their number */
static int run(const row *r, tp_dtype dtype, tp_tensor **all)
{
    const int64_t out = r->proj ? r->proj : HIDDEN, strands = r->layers * (1 + r->both);
    const bool is_lstm = *r->kind == 'l';
    tp_module *m = filled_layer(r, dtype);
    tp_tensor *x = half("x", r->batch_first ? TP_SHAPE(B, T, INPUT) : TP_SHAPE(T, B, INPUT), dtype);
    tp_tensor *lengths = tp_tensor_copied((int64_t[]){ 2, 4, 1 }, TP_I64, TP_SHAPE(B)), *leaves[MOST],
              *grads[MOST];
    int n = 0, n_leaves = 0;
    tp_rnn_state state = { 0 };
    if (r->states) {
        state.h = tp_requires_grad_(half("h0", TP_SHAPE(strands, B, out), dtype), true);
        state.c = is_lstm ? tp_requires_grad_(half("c0", TP_SHAPE(strands, B, HIDDEN), dtype), true) : NULL;
    }
    leaves[n_leaves++] = tp_requires_grad_(x, true);
    if (state.h)
        leaves[n_leaves++] = state.h;
    if (state.c)
        leaves[n_leaves++] = state.c;
    tp_params *parameters = tp_parameters(m);
    for (int i = 0; i < tp_params_count(parameters); i++)
        leaves[n_leaves++] = tp_params_at(parameters, i);
    tp_tensor *y = tp_rnn_forward(m, x, &state, .lengths = r->lengths ? lengths : NULL);
    expect_no_error();
    tp_tensor *loss = tp_add(weighed(y, "dy"), weighed(state.h, "dh_n"));
    if (is_lstm)
        loss = tp_add(loss, weighed(state.c, "dc_n"));
    all[n++] = y, all[n++] = state.h;
    if (is_lstm)
        all[n++] = state.c;
    tp_gradients(loss, leaves, n_leaves, grads);
    expect_no_error();
    for (int i = 0; i < n_leaves; i++)
        all[n++] = grads[i];
    return n;
}

static int different(const char *what, const tp_params *golden, const char *name, tp_tensor *const *got,
                     int n, double bound)
{
    double wanted[2 * MOST], mine[2];
    tp_tensor *sums = golden_tensor(golden, "%s", name);
    int wrong = 0;
    assert_int_equal(tp_numel(sums), 2 * n);
    tp_to_f64(sums, wanted, 2 * n);
    for (int i = 0; i < n; i++) {
        digest(got[i], mine);
        for (int k = 0; k < 2; k++)
            if (!(fabs(mine[k] - wanted[2 * i + k]) <= bound * (1 + fabs(wanted[2 * i + k])))) {
                print_error("%s, tensor %d: %.12g, wanted %.12g\n", what, i, mine[k], wanted[2 * i + k]);
                wrong++;
            }
    }
    return wrong;
}

static void every_combination(tp_dtype dtype, double bound)
{
    TP_SCOPE;
    tp_params *golden = golden_read("recurrent");
    char *cases = golden_metadata("recurrent", "cases"), *at = cases, name[16];
    int wrong = 0, n = 0;
    for (row r;
         sscanf(at, "%d %7s layers=%d both=%d bias=%d batch_first=%d proj=%d relu=%d lengths=%d states=%d",
                &r.number, r.kind, &r.layers, &r.both, &r.bias, &r.batch_first, &r.proj, &r.relu, &r.lengths,
                &r.states) == 10;
         n++) {
        TP_SCOPE;
        tp_tensor *all[MOST];
        const int length = (int)strcspn(at, "\n"), count = run(&r, dtype, all);
        char what[128];
        snprintf(what, sizeof what, "%.*s", length, at);
        snprintf(name, sizeof name, "%d", r.number);
        wrong += different(what, golden, name, all, count, bound);
        at += length + (at[length] == '\n');
    }
    free(cases);
    assert_int_equal(n, 320);
    assert_int_equal(wrong, 0);
}

static void every_combination_of_options_gives_what_pytorch_gives(void **state)
{
    (void)state;
    every_combination(TP_F64, 1e-12);
    every_combination(TP_F32, 2e-5);
}

static void ten_training_steps_are_those_of_pytorch(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_params *golden = golden_read("recurrent");
    static const row rows[] = { { "rnn", 0, 2, 1, 1, 0, 0, 0, 0, 0 },
                                { "lstm", 0, 2, 1, 1, 0, 2, 0, 0, 0 },
                                { "gru", 0, 2, 1, 1, 0, 0, 0, 0, 0 } };
    for (int k = 0; k < 3; k++) {
        TP_SCOPE;
        tp_module *m = filled_layer(&rows[k], TP_F32);
        tp_optim *sgd = tp_sgd(tp_parameters(m), .lr = 0.5);
        tp_tensor *x = half("x", TP_SHAPE(T, B, INPUT), TP_F32), *all[MOST];
        double wanted[10];
        char name[40];
        tp_to_f64(golden_tensor(golden, "sgd/%s", rows[k].kind), wanted, 10);
        for (int i = 0; i < 10; i++) {
            TP_SCOPE;
            tp_tensor *y = tp_forward(m, x), *loss = tp_mse_loss(y, half("target", tp_shape_of(y), TP_F32));
            assert_true(fabs(tp_item(loss) - wanted[i]) < 1e-6);
            tp_zero_grad(sgd);
            tp_backward(loss);
            tp_step(sgd);
        }
        tp_params *parameters = tp_parameters(m);
        for (int i = 0; i < tp_params_count(parameters); i++)
            all[i] = tp_params_at(parameters, i);
        snprintf(name, sizeof name, "sgd/%.7s/after", rows[k].kind);
        assert_int_equal(different(name, golden, name, all, tp_params_count(parameters), 2e-5), 0);
    }
    expect_no_error();
}

/* ---- kernels beside elementary operations, at sizes that go every way ------------------------------------------------------------ */

typedef struct size {
    int64_t t, b, i, h;
    bool lengths;
} size;

static tp_tensor *steps_of(char kind, tp_tensor *x, tp_tensor *const *w, tp_tensor *h, tp_tensor *lengths)
{
    const int64_t t = tp_size(x, 0), n = tp_size(h, 1);
    tp_tensor *c = h, *ys[256];
    for (int64_t s = 0; s < t; s++) {
        tp_tensor *a = tp_linear(tp_select(x, 0, s), w[0], w[2]), *b = tp_linear(h, w[1], w[3]), *before = h,
                  *c_before = c;
#define GATE(v, i) tp_narrow(v, 1, (i)*n, n)
        if (kind == 'r')
            h = tp_tanh(tp_add(a, b));
        else if (kind == 'l') {
            tp_tensor *sum = tp_add(a, b);
            c = tp_add(tp_mul(tp_sigmoid(GATE(sum, 1)), c),
                       tp_mul(tp_sigmoid(GATE(sum, 0)), tp_tanh(GATE(sum, 2))));
            h = tp_mul(tp_sigmoid(GATE(sum, 3)), tp_tanh(c));
        } else {
            tp_tensor *z = tp_sigmoid(tp_add(GATE(a, 1), GATE(b, 1))),
                      *r = tp_sigmoid(tp_add(GATE(a, 0), GATE(b, 0)));
            tp_tensor *new = tp_tanh(tp_add(GATE(a, 2), tp_mul(r, GATE(b, 2))));
            h = tp_add(tp_mul(tp_sub(1, z), new), tp_mul(z, h));
        }
        ys[s] = h;
        if (lengths) {
            tp_tensor *active = tp_unsqueeze(tp_gt(lengths, tp_integer(s)), 1);
            ys[s] = tp_where(active, h, 0.0), h = tp_where(active, h, before),
            c = tp_where(active, c, c_before);
        }
    }
    return tp_stack(ys, (int)t, 0);
}

static void compare_at(char kind, size s, tp_dtype dtype, double bound)
{
    TP_SCOPE;
    const int64_t wide = (kind == 'l' ? 4 : kind == 'g' ? 3 : 1) * s.h;
    tp_tensor *w[6], *got[6], *wanted[6], *lengths = NULL;
    const tp_shape shapes[6] = { TP_SHAPE(wide, s.i), TP_SHAPE(wide, s.h),     TP_SHAPE(wide),
                                 TP_SHAPE(wide),      TP_SHAPE(s.t, s.b, s.i), TP_SHAPE(s.b, s.h) };
    for (int i = 0; i < 6; i++)
        w[i] = tp_requires_grad_(tp_mul(tp_randn(shapes[i], .dtype = dtype),
                                        i < 2 ? 0.7 / sqrt((double)s.h) : 0.5),
                                 true);
    if (s.lengths)
        lengths = tp_add(tp_randint(0, s.t, TP_SHAPE(s.b)), 1);
    tp_tensor *dy = tp_randn(TP_SHAPE(s.t, s.b, s.h), .dtype = dtype);
    const tp_recurrent_options o = { .struct_size = sizeof o,
                                     .bias_ih = w[2],
                                     .bias_hh = w[3],
                                     .h0 = w[5],
                                     .c0 = kind == 'l' ? w[5] : NULL,
                                     .lengths = lengths };
    tp_tensor *y = kind == 'l'   ? tp_lstm_opt(w[4], w[0], w[1], &o)
                   : kind == 'g' ? tp_gru_opt(w[4], w[0], w[1], &o)
                                 : tp_rnn_opt(w[4], w[0], w[1], &o);
    tp_tensor *z = steps_of(kind, w[4], w, w[5], lengths);
    char text[512], what[64];
    snprintf(what, sizeof what, "%c %d %d %d %d", kind, (int)s.t, (int)s.b, (int)s.i, (int)s.h);
    if (!same_tensor(what, y, z, (tolerance){ bound, bound, false }, text, sizeof text))
        fail_msg("%s", text);
    tp_gradients(y, w, 6, got, .gradient = dy);
    tp_gradients(z, w, 6, wanted, .gradient = dy);
    expect_no_error();
    for (int i = 0; i < 6; i++)
        if (!same_tensor(what, got[i], wanted[i], (tolerance){ 20 * bound, 20 * bound, false }, text,
                         sizeof text))
            fail_msg("gradient %d: %s", i, text);
}

static void kernels_agree_with_elementary_operations(void **state)
{
    (void)state;
    static const size sizes[] = { { 1, 1, 3, 5, false },   { 3, 5, 4, 7, false },   { 3, 5, 4, 7, true },
                                  { 6, 1, 8, 33, false },  { 5, 17, 3, 16, false }, { 9, 40, 5, 20, true },
                                  { 4, 3, 7, 300, false }, { 2, 70, 20, 50, false } };
    tp_manual_seed(2);
    for (const char *kind = "rlg"; *kind; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            compare_at(*kind, sizes[i], TP_F64, 1e-11);
            compare_at(*kind, sizes[i], TP_F32, 1e-5);
        }
}

/* ---- the same bits ------------------------------------------------------------------------------------------------------------------ */

static int outputs_on(int threads, char kind, size s, tp_tensor **out)
{
    int before = tp_num_threads(), n = 0;
    tp_set_num_threads(threads);
    tp_manual_seed(4);
    tp_module *m = kind == 'l'   ? tp_nn_lstm(s.i, s.h)
                   : kind == 'g' ? tp_nn_gru(s.i, s.h)
                                 : tp_nn_rnn(s.i, s.h);
    tp_tensor *x = tp_requires_grad_(tp_randn(TP_SHAPE(s.t, s.b, s.i)), true);
    out[n++] = tp_forward(m, x);
    tp_backward(tp_sum(tp_square(out[0]), TP_ALL_DIMS, false));
    out[n++] = tp_grad(x);
    tp_params *p = tp_parameters(m);
    for (int i = 0; i < tp_params_count(p); i++)
        out[n++] = tp_grad(tp_params_at(p, i));
    tp_set_num_threads(before);
    return n;
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    static const size sizes[] = { { 6, 40, 24, 48, false },
                                  { 5, 2, 40, 300, false },
                                  { 1, 1, 256, 256, false },
                                  { 2, 90, 30, 70, false } };
    static const int threads[] = { 2, 3, 8 };
    for (const char *kind = "rlg"; *kind; kind++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int k = 0; k < 3; k++) {
                TP_SCOPE;
                tp_tensor *one[8], *many[8];
                char text[512];
                int n = outputs_on(1, *kind, sizes[i], one);
                outputs_on(threads[k], *kind, sizes[i], many);
                expect_no_error();
                for (int j = 0; j < n; j++)
                    if (!same_bits("result", many[j], one[j], text, sizeof text))
                        fail_msg("%c, size %d, tensor %d, %d threads: %s", *kind, (int)i, j, threads[k],
                                 text);
            }
}

/* ---- states ------------------------------------------------------------------------------------------------------------------------- */

static void expect_close(const char *what, tp_tensor *got, tp_tensor *wanted)
{
    char text[512];
    if (!same_tensor(what, got, wanted, (tolerance){ 1e-5, 1e-6, false }, text, sizeof text))
        fail_msg("%s", text);
}

static void a_state_goes_on_from_piece_to_piece(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *all[] = { tp_nn_rnn(3, 5, .num_layers = 2), tp_nn_lstm(3, 5, .num_layers = 2, .proj_size = 2),
                         tp_nn_gru(3, 5, .num_layers = 2) };
    tp_tensor *x = tp_randn(TP_SHAPE(7, 2, 3));
    for (int k = 0; k < 3; k++) {
        tp_rnn_state whole = { 0 }, state = { 0 };
        tp_tensor *y = tp_rnn_forward(all[k], x, &whole);
        for (int64_t t = 0; t < 7; t++) { /* step by step, in one memory */
            TP_SCOPE;
            tp_tensor *piece = tp_rnn_forward(all[k], tp_narrow(x, 0, t, 1), &state);
            expect_close("step", piece, tp_narrow(y, 0, t, 1));
            const void *mine = state.own_h;
            assert_int_equal(tp_detach_state(&state), TP_OK);
            assert_true(!tp_requires_grad(state.h) && state.h == state.own_h &&
                        (!mine || mine == state.own_h));
        }
        expect_close("h", state.h, whole.h);
        if (k == 1)
            expect_close("c", state.c, whole.c);
    }
    expect_no_error();
}

/* Whose products are done by other kernels than a sequence's. */
static void steps_of_one_sequence_are_those_of_the_whole(void **unused)
{
    (void)unused;
    static const int64_t sizes[][2] = { { 3, 5 }, { 32, 32 }, { 64, 40 }, { 257, 33 }, { 330, 270 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int k = 0; k < 6; k++) {
            TP_SCOPE;
            TP_NO_GRAD;
            const int64_t in = sizes[i][0], hidden = sizes[i][1];
            tp_module *m = k == 0   ? tp_nn_rnn(in, hidden)
                           : k == 1 ? tp_nn_lstm(in, hidden)
                           : k == 2 ? tp_nn_lstm(in, hidden, .no_bias = true)
                           : k == 3 ? tp_nn_lstm(in, hidden, .proj_size = 3)
                           : k == 4 ? tp_nn_lstm(in, hidden, .peephole = true)
                                    : tp_nn_gru(in, hidden);
            tp_tensor *x = tp_randn(TP_SHAPE(6, 1, in));
            tp_rnn_state whole = { 0 }, state = { 0 };
            tp_tensor *y = tp_rnn_forward(m, x, &whole);
            for (int64_t t = 0; t < 6; t++)
                expect_close("step", tp_rnn_forward(m, tp_narrow(x, 0, t, 1), &state), tp_narrow(y, 0, t, 1));
            expect_close("h", state.h, whole.h);
            expect_no_error();
        }
}

static void cells_are_one_step_of_the_layer(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_manual_seed(1);
    tp_module *layer = tp_nn_lstm(3, 4);
    tp_manual_seed(1);
    tp_module *cell = tp_nn_lstm_cell(3, 4);
    tp_params *names = tp_parameters(cell);
    assert_string_equal(tp_params_name(names, 0), "weight_ih");
    assert_string_equal(tp_params_name(names, 3), "bias_hh");
    tp_tensor *x = tp_randn(TP_SHAPE(2, 3));
    tp_rnn_state a = { 0 }, b = { 0 };
    for (int i = 0; i < 3; i++) {
        tp_tensor *h = tp_lstm_forward(cell, x, &a), *y = tp_lstm_forward(layer, tp_unsqueeze(x, 0), &b);
        expect_close("y", h, tp_squeeze(y, 0));
        expect_close("c", a.c, tp_squeeze(b.c, 0));
    }
    tp_tensor *h = tp_forward(tp_nn_gru_cell(3, 4), tp_randn(TP_SHAPE(3)));
    assert_true(tp_ndim(h) == 1 && tp_size(h, 0) == 4);
    expect_no_error();
}

static void gradients_of_gradients_are_there(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = tp_nn_gru(2, 3, .num_layers = 2, .bidirectional = true);
    tp_tensor *x = tp_requires_grad_(tp_randn(TP_SHAPE(3, 2, 2)), true), *g;
    tp_tensor *y = tp_sum(tp_square(tp_forward(m, x)), TP_ALL_DIMS, false);
    assert_int_equal(tp_gradients(y, &x, 1, &g, .create_graph = true), TP_OK);
    assert_int_equal(tp_backward(tp_sum(tp_square(g), TP_ALL_DIMS, false)), TP_OK);
    assert_non_null(tp_grad(x));
}

/* ---- options of their own ------------------------------------------------------------------------------------------------------------ */

static void dropout_lies_between_layers_in_training(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = tp_nn_rnn(2, 3, .num_layers = 2, .dropout = 1);
    tp_tensor *x = tp_randn(TP_SHAPE(4, 1, 2)), *other = tp_randn(TP_SHAPE(4, 1, 2));
    char text[512];
    expect_close("training", tp_forward(m, x), tp_forward(m, other)); /* nothing of x is left */
    tp_eval(m);
    assert_false(same_tensor("", tp_forward(m, x), tp_forward(m, other), (tolerance){ 1e-3, 1e-3, false },
                             text, sizeof text));
    expect_no_error();
}

static void first_weights_are_as_asked_for(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = tp_nn_lstm(2, 16, .orthogonal = true, .forget_bias = 3);
    tp_params *p = tp_parameters(m);
    for (int gate = 0; gate < 4; gate++) {
        tp_tensor *w = tp_detach(tp_narrow(tp_params_at(p, 1), 0, gate * 16, 16));
        expect_close("w w^T", tp_matmul(w, tp_transpose(w, 0, 1)), tp_eye(16, 16));
    }
    tp_tensor *bias = tp_detach(tp_params_at(p, 2));
    assert_true(tp_item(tp_amin(tp_narrow(bias, 0, 16, 16), TP_ALL_DIMS, false)) >= 2.75);
    assert_true(tp_item(tp_amax(tp_narrow(bias, 0, 0, 16), TP_ALL_DIMS, false)) <= 0.25);
    assert_true(tp_item(tp_amax(tp_abs(tp_params_at(p, 0)), TP_ALL_DIMS, false)) <= 0.25);
    assert_string_equal(tp_module_info(
                            tp_nn_gru(3, 5, .num_layers = 2, .bidirectional = true, .dropout = 0.5)),
                        "3, 5, layers 2, dropout 0.5, both directions");
    tp_module *normed = tp_nn_gru(3, 4, .layer_norm = true, .reset_before = true, .batch_first = true);
    tp_tensor *y = tp_forward(normed, tp_randn(TP_SHAPE(2, 5, 3)));
    assert_int_equal(tp_size(y, 1), 5);
    assert_int_equal(tp_params_count(tp_parameters(normed)), 6);
    expect_no_error();
}

static void sequences_of_different_lengths_are_padded(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_tensor *one = tp_ones(TP_SHAPE(2, 3)), *two = tp_full(TP_SHAPE(4, 3), 2), *lengths;
    tp_tensor *x = tp_pad_sequence((tp_tensor *[]){ one, two }, 2, false, 0, &lengths);
    assert_int_equal(tp_size(x, 0), 4);
    assert_true(tp_item(tp_select(lengths, 0, 0)) == 2 && tp_item(tp_select(lengths, 0, 1)) == 4);
    tp_module *m = tp_nn_gru(3, 4, .bidirectional = true);
    tp_rnn_state both = { 0 }, alone = { 0 };
    tp_tensor *y = tp_gru_forward(m, x, &both, .lengths = lengths), *z = tp_gru_forward(m, one, &alone);
    expect_close("y", tp_select(tp_narrow(y, 0, 0, 2), 1, 0), z);
    expect_close("h", tp_select(both.h, 1, 0), alone.h);
    expect_close("rest", tp_select(tp_narrow(y, 0, 2, 2), 1, 0), tp_zeros(TP_SHAPE(2, 8)));
    expect_no_error();
}

/* ---- what is not possible --------------------------------------------------------------------------------------------------------------- */

static void inputs_that_do_not_fit_are_errors(void **unused)
{
    (void)unused;
    TP_SCOPE;
    tp_module *m = tp_nn_lstm(3, 4);
    tp_tensor *x = tp_ones(TP_SHAPE(5, 2, 3));
    tp_rnn_state state = { 0 },
                 wrong = { tp_ones(TP_SHAPE(2, 2, 4)), tp_ones(TP_SHAPE(1, 2, 4)), NULL, NULL };
    assert_null(tp_forward(m, tp_ones(TP_SHAPE(5, 2, 4))));
    expect_error(TP_ERR_SHAPE, "lstm: input (5, 2, 4) has 4 features, weight (16, 3) wants 3");
    assert_null(tp_forward(m, tp_ones(TP_SHAPE(3))));
    expect_error(TP_ERR_SHAPE, "lstm: input (3,), (steps, batch, input size) is wanted");
    assert_null(tp_forward(m, tp_ones(TP_SHAPE(5, 2, 3), .dtype = TP_I64)));
    expect_error(TP_ERR_DTYPE, "i64");
    assert_null(tp_lstm_forward(m, x, &wrong));
    expect_error(TP_ERR_SHAPE, "lstm: state h has 3 dims, the first is 2; (1, batch, 4) is wanted");
    wrong = (tp_rnn_state){ tp_ones(TP_SHAPE(1, 3, 4)), tp_ones(TP_SHAPE(1, 3, 4)), NULL, NULL };
    assert_null(tp_lstm_forward(m, x, &wrong));
    expect_error(TP_ERR_SHAPE, "lstm: h0 (3, 4), (2, 4) is wanted");
    wrong.c = NULL;
    assert_null(tp_lstm_forward(m, x, &wrong));
    expect_error(TP_ERR_ARGUMENT, "of h and c in its state one is NULL");
    assert_null(
        tp_lstm_forward(m, x, &state, .lengths = tp_tensor_copied((int64_t[]){ 5, 0 }, TP_I64, TP_SHAPE(2))));
    expect_error(TP_ERR_ARGUMENT, "lstm: length 0 of sequence 1, at least 1 is wanted");
    assert_null(
        tp_lstm_forward(m, x, &state, .lengths = tp_tensor_copied((int64_t[]){ 6, 1 }, TP_I64, TP_SHAPE(2))));
    expect_error(TP_ERR_ARGUMENT, "lstm: length 6 of sequence 0, the input has 5 steps");
    assert_null(tp_lstm_forward(m, x, &state, .lengths = tp_ones(TP_SHAPE(2))));
    expect_error(TP_ERR_SHAPE, "(2,) of i64 is wanted");
    assert_null(tp_lstm_forward(tp_nn_relu(), x, &state));
    expect_error(TP_ERR_ARGUMENT, "rnn_forward: relu, a recurrent layer");
}

static void options_that_do_not_fit_are_errors(void **unused)
{
    (void)unused;
    TP_SCOPE;
    assert_null(tp_nn_lstm(0, 4));
    expect_error(TP_ERR_ARGUMENT, "lstm: sizes are 0 and 4");
    assert_null(tp_nn_lstm(3, 4, .proj_size = 4));
    expect_error(TP_ERR_ARGUMENT, "lstm: proj_size is 4, less than the hidden size 4 is wanted");
    assert_null(tp_nn_gru(3, 4, .proj_size = 2));
    expect_error(TP_ERR_ARGUMENT, "gru: proj_size is for lstm");
    assert_null(tp_nn_lstm(3, 4, .nonlinearity = "relu"));
    expect_error(TP_ERR_ARGUMENT, "nonlinearity is for rnn");
    assert_null(tp_nn_rnn(3, 4, .nonlinearity = "gelu"));
    expect_error(TP_ERR_ARGUMENT, "rnn: nonlinearity is 'gelu', tanh or relu is wanted");
    assert_null(tp_nn_rnn(3, 4, .num_layers = -1));
    expect_error(TP_ERR_ARGUMENT, "num_layers is -1");
    assert_null(tp_nn_rnn(3, 4, .dropout = 1.5));
    expect_error(TP_ERR_ARGUMENT, "dropout is 1.5, [0, 1] is wanted");
    assert_null(tp_nn_rnn_cell(3, 4, .bidirectional = true));
    expect_error(TP_ERR_ARGUMENT, "is for whole sequences");
    assert_null(tp_nn_lstm(3, 4, .forget_bias = 1, .no_bias = true));
    expect_error(TP_ERR_ARGUMENT, "forget_bias without biases");
}

static void build_and_train_once(void)
{
    TP_SCOPE;
    tp_module *net = tp_nn_lstm(2, 3, .bidirectional = true, .proj_size = 2, .peephole = true);
    tp_rnn_state state = { 0 };
    tp_tensor *y = tp_lstm_forward(net, tp_ones(TP_SHAPE(5, 2, 2)), &state);
    tp_backward(tp_sum(y, TP_ALL_DIMS, false));
    tp_forward(tp_nn_gru(2, 3, .reset_before = true), tp_ones(TP_SHAPE(3, 2, 2)));
}

static void without_memory_they_fail_and_leave_none_behind(void **unused)
{
    (void)unused;
    with_failing_allocations(build_and_train_once);
}

int main(void)
{
    if (!golden_isa_is_there())
        return GOLDEN_SKIP;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_of_options_gives_what_pytorch_gives),
        cmocka_unit_test(ten_training_steps_are_those_of_pytorch),
        cmocka_unit_test(kernels_agree_with_elementary_operations),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(a_state_goes_on_from_piece_to_piece),
        cmocka_unit_test(steps_of_one_sequence_are_those_of_the_whole),
        cmocka_unit_test(cells_are_one_step_of_the_layer),
        cmocka_unit_test(gradients_of_gradients_are_there),
        cmocka_unit_test(dropout_lies_between_layers_in_training),
        cmocka_unit_test(first_weights_are_as_asked_for),
        cmocka_unit_test(sequences_of_different_lengths_are_padded),
        cmocka_unit_test(inputs_that_do_not_fit_are_errors),
        cmocka_unit_test(options_that_do_not_fit_are_errors),
        cmocka_unit_test(without_memory_they_fail_and_leave_none_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
