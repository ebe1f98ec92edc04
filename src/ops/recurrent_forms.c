/* recurrent_forms.c - recurrent layers as everybody calls them: rnn, lstm, gru, one step of each, and sequences of different
 * lengths put side by side.
 *
 * Layers go to the kernels where these have the form that is wanted, else to recurrent_steps.  A sequence without a batch is a batch of
 * one; half precision is computed in f32.
 * Layer: ops.  Depends on recurrent.h.  Read next: nn/recurrent.c. */
#include "ops/recurrent.h"

#include "base/memory.h"

/* ---- layers ----------------------------------------------------------------------------------------------------------------------- */

/* The inputs of each operation, by place. */
static const int of_rnn[] = {
    R_X, R_WEIGHT_IH, R_WEIGHT_HH, R_BIAS_IH, R_BIAS_HH, R_H0, R_LENGTHS, R_NORM_IH
};
static const int of_lstm[] = { R_X,       R_WEIGHT_IH, R_WEIGHT_HH, R_BIAS_IH,       R_BIAS_HH,
                               R_H0,      R_C0,        R_LENGTHS,   R_WEIGHT_HR,     R_PEEPHOLE,
                               R_NORM_IH, R_NORM_HH,   R_NORM_CELL, R_NORM_CELL_BIAS };
static const int of_gru[] = { R_X,  R_WEIGHT_IH, R_WEIGHT_HH, R_BIAS_IH, R_BIAS_HH,
                              R_H0, R_LENGTHS,   R_NORM_IH,   R_NORM_HH };

static const int *places_of(const tp_op *op)
{
    return op->tag == LSTM ? of_lstm : op->tag == GRU ? of_gru : of_rnn;
}

static tp_status check_norm(const char *op, const recurrent_attrs *a, tp_tensor *const *in)
{
    const recurrence r = recurrence_of(a, in, NULL);
    for (int i = R_NORM_IH; i < R_ALL_INPUTS; i++) {
        const int64_t n = i < R_NORM_CELL ? r.gates * r.h : r.h;
        if (in[i] && (in[i]->ndim != 1 || in[i]->shape[0] != n || in[i]->dtype != in[R_X]->dtype))
            return tp_fail(TP_ERR_SHAPE, "%s: norm %s of %s, (%lld,) of %s is wanted", op,
                           tensor_shape_text(in[i]), tp_dtype_name((tp_dtype)in[i]->dtype), (long long)n,
                           tp_dtype_name((tp_dtype)in[R_X]->dtype));
    }
    if (a->kind >= LSTM && !in[R_NORM_IH] != !in[R_NORM_HH])
        return tp_fail(TP_ERR_ARGUMENT, "%s: norm_ih and norm_hh are wanted together", op);
    return TP_OK;
}

static bool has_kernels(const recurrent_attrs *a, tp_tensor *const *in)
{
    return !a->reset_before && !in[R_NORM_IH] && !in[R_NORM_HH] && !in[R_NORM_CELL] && !in[R_NORM_CELL_BIAS];
}

static bool want_gradients(tp_tensor *const *in)
{
    for (int i = 0; i < R_INPUTS; i++)
        if (wants_gradient(in[i]))
            return true;
    return false;
}

/* in: R_ALL_INPUTS with x (T, B, I) */
static void layer(const char *op, recurrent_attrs a, tp_tensor *const *in, tp_tensor **out)
{
    tp_tensor *all[R_OUTPUTS];
    a.keep = want_gradients(in);
    if (recurrent_check(op, &a, in) || check_norm(op, &a, in))
        return;
    if (has_kernels(&a, in)) {
        if (tp_apply_n(&tp_op__recurrent, in, R_INPUTS, &a, all))
            return;
        for (int i = 0; i < R_RESULTS; i++)
            out[i] = all[i];
    } else
        recurrent_steps(&a, in, out);
}

static void without_batch(tp_tensor **in, int batch_dim)
{
    in[R_X] = tp_unsqueeze(in[R_X], batch_dim);
    in[R_H0] = in[R_H0] ? tp_unsqueeze(in[R_H0], 0) : NULL;
    in[R_C0] = in[R_C0] ? tp_unsqueeze(in[R_C0], 0) : NULL;
    in[R_LENGTHS] = in[R_LENGTHS] ? tp_unsqueeze(in[R_LENGTHS], 0) : NULL;
}

static tp_tensor *squeezed(tp_tensor *x, int dim)
{
    return x && x->ndim > 1 ? tp_squeeze(x, dim) : x;
}

/* step: x is one step, (B, I) or (I), and so is y */
static void run(const char *op, recurrent_attrs a, tp_tensor *const *given, bool step, tp_tensor **out)
{
    tp_tensor *in[R_ALL_INPUTS];
    for (int i = 0; i < R_ALL_INPUTS; i++)
        in[i] = given[i];
    const tp_dtype dtype = (tp_dtype)in[R_X]->dtype;
    const bool half = is_half(in[R_X]), one = in[R_X]->ndim == (step ? 1 : 2);
    for (int i = 0; i < R_ALL_INPUTS && half; i++)
        in[i] = in[i] && in[i]->dtype == dtype ? tp_float(in[i]) : in[i];
    if (one)
        without_batch(in, step ? 0 : !a.batch_first);
    if (step)
        in[R_X] = in[R_X] && in[R_X]->ndim == 2 ? tp_unsqueeze(in[R_X], 0) : in[R_X];
    if (tp_pending())
        return;
    layer(op, a, in, out);
    if (step)
        out[R_OUT_Y] = squeezed(out[R_OUT_Y], 0);
    if (one) {
        out[R_OUT_Y] = squeezed(out[R_OUT_Y], step ? 0 : !a.batch_first);
        for (int i = R_OUT_H_N; i < R_RESULTS; i++)
            out[i] = squeezed(out[i], 0);
    }
    for (int i = 0; i < R_RESULTS && half; i++)
        out[i] = out[i] ? tp_to(out[i], dtype) : NULL;
}

static void compose(tp_call *c, bool step)
{
    const int *places = places_of(c->op);
    tp_tensor *in[R_ALL_INPUTS] = { 0 }, *out[R_RESULTS] = { 0 };
    recurrent_attrs a = *(const recurrent_attrs *)c->attrs;
    for (int i = 0; i < c->n_in; i++)
        in[places[i]] = c->in[i];
    a.kind = c->op->tag == RNN_TANH ? a.kind : (int)c->op->tag;
    run(c->op->name, a, in, step, out);
    for (int i = 0; i < c->n_out; i++)
        c->out[i] = step && c->op->tag == LSTM && i ? out[R_OUT_C_N] : out[i];
}

static void layer_compose(tp_call *c)
{
    compose(c, false);
}

static void cell_compose(tp_call *c)
{
    compose(c, true);
}

#define OF(kind, reverse, batch_first, reset_before)    \
    &(recurrent_attrs)                                  \
    {                                                   \
        kind, reverse, batch_first, false, reset_before \
    }
#define ATTR(field) OP_ATTR(recurrent_attrs, BOOL, field, 0)
#define NONLINEARITY                                                                  \
    {                                                                                 \
        "nonlinearity", TP_ATTR_WORD, offsetof(recurrent_attrs, kind), 0, "tanh relu" \
    }

#define LAYER(op, KIND, inputs_, outputs, text, attrs_, ...)             \
    const tp_op tp_op_##op = { .name = #op,                              \
                               .formula = text,                          \
                               .inputs = inputs_,                        \
                               .n_in = sizeof of_##op / sizeof *of_##op, \
                               .n_out = outputs,                         \
                               .attrs_size = sizeof(recurrent_attrs),    \
                               .attrs = (const tp_attr[])attrs_,         \
                               .compose = layer_compose,                 \
                               OP_EXAMPLES(__VA_ARGS__),                 \
                               .tag = KIND }
#define LIST(...)    \
    {                \
        __VA_ARGS__, \
        {            \
            0        \
        }            \
    }

LAYER(rnn, RNN_TANH, "x weight_ih weight_hh bias_ih? bias_hh? h0? lengths? norm_ih?", 2,
      "h = tanh(W_ih x + b_ih + W_hh h' + b_hh), or relu, at every step; and the last h",
      LIST(NONLINEARITY, ATTR(reverse), ATTR(batch_first)), { "1,2,2 3,2 3,3 3 3 2,3 - -", NULL },
      { "4,3,2 1,2 1,1 1 1 3,1 - -", NULL },
      { "2,3,2@t 2,2 2,2 - 2 - 2@i3 -", OF(RNN_RELU, true, true, false) }, { "3,2 2,2 2,2 - - - - 2", NULL });

LAYER(lstm, LSTM,
      "x weight_ih weight_hh bias_ih? bias_hh? h0? c0? lengths? weight_hr? peephole? norm_ih? norm_hh? "
      "norm_cell? norm_cell_bias?",
      3,
      "c = f c' + i g, h = o tanh(c) at every step, i, f, o = sigmoid(W_ih x + b_ih + W_hh h' + b_hh), g = "
      "tanh(..); and the last h and c",
      LIST(ATTR(reverse), ATTR(batch_first)), { "3,2,2 8,2 8,2 8 8 2,2 2,2 - - - - - - -", NULL },
      { "2,3,2@t 8,2 8,2 - - - - 2@i3 - 6 - - - -", OF(LSTM, true, true, false) },
      { "2,2,2 12,2 12,2 12 - - - - 2,3 - - - - -", NULL }, { "2,2 8,2 8,2 8 8 - - - - - 8 8 2 2", NULL });

LAYER(gru, GRU, "x weight_ih weight_hh bias_ih? bias_hh? h0? lengths? norm_ih? norm_hh?", 2,
      "h = (1 - z) n + z h' at every step, r, z = sigmoid(W_ih x + b_ih + W_hh h' + b_hh), n = tanh(W_ih x + "
      "b_ih + r (W_hh h' + b_hh)); "
      "and the last h",
      LIST(ATTR(reverse), ATTR(batch_first), ATTR(reset_before)), { "3,2,2 9,2 9,3 9 9 2,3 - - -", NULL },
      { "2,3,2@t 6,2 6,2 - 6 - 2@i3 - -", OF(GRU, true, true, false) },
      { "2,2,2 6,2 6,2 6 6 2,2 - - -", OF(GRU, false, false, true) }, { "2,2 6,2 6,2 6 6 - - 6 6", NULL });

/* ---- one step ----------------------------------------------------------------------------------------------------------------------- */

#define CELL(op, KIND, inputs_, n_inputs, outputs, text, attrs_, ...) \
    const tp_op tp_op_##op = { .name = #op,                           \
                               .formula = text,                       \
                               .inputs = inputs_,                     \
                               .n_in = n_inputs,                      \
                               .n_out = outputs,                      \
                               .attrs_size = sizeof(recurrent_attrs), \
                               .attrs = (const tp_attr[])attrs_,      \
                               .compose = cell_compose,               \
                               OP_EXAMPLES(__VA_ARGS__),              \
                               .tag = KIND }

CELL(rnn_cell, RNN_TANH, "x weight_ih weight_hh bias_ih? bias_hh? h?", 6, 1,
     "tanh(W_ih x + b_ih + W_hh h + b_hh), or relu", LIST(NONLINEARITY), { "2,3 4,3 4,4 4 4 2,4", NULL },
     { "3 2,3 2,2 - - -", OF(RNN_RELU, false, false, false) });
CELL(lstm_cell, LSTM, "x weight_ih weight_hh bias_ih? bias_hh? h? c?", 7, 2, "one step of lstm: h, c",
     { { 0 } }, { "2,3 8,3 8,2 8 8 2,2 2,2", NULL }, { "3 8,3 8,2 - - - -", NULL });
CELL(gru_cell, GRU, "x weight_ih weight_hh bias_ih? bias_hh? h?", 6, 1, "one step of gru: h",
     LIST(ATTR(reset_before)), { "2,3 6,3 6,2 6 6 2,2", NULL },
     { "3 6,3 6,2 - - 2", OF(GRU, false, false, true) });

/* ---- as functions -------------------------------------------------------------------------------------------------------------------- */

static tp_tensor *call(const tp_op *op, tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh,
                       const tp_recurrent_options *o)
{
    tp_tensor *const given[R_ALL_INPUTS] = { [R_X] = x,
                                             [R_WEIGHT_IH] = weight_ih,
                                             [R_WEIGHT_HH] = weight_hh,
                                             [R_BIAS_IH] = o->bias_ih,
                                             [R_BIAS_HH] = o->bias_hh,
                                             [R_H0] = o->h0,
                                             [R_C0] = o->c0,
                                             [R_LENGTHS] = o->lengths,
                                             [R_WEIGHT_HR] = o->weight_hr,
                                             [R_PEEPHOLE] = o->peephole,
                                             [R_NORM_IH] = o->norm_ih,
                                             [R_NORM_HH] = o->norm_hh,
                                             [R_NORM_CELL] = o->norm_cell,
                                             [R_NORM_CELL_BIAS] = o->norm_cell_bias };
    const recurrent_attrs a = { op->tag == RNN_TANH && o->relu ? RNN_RELU : (int)op->tag, o->reverse,
                                o->batch_first, false, o->reset_before };
    const int *places = places_of(op);
    tp_tensor *in[R_ALL_INPUTS], *out[R_RESULTS] = { 0 };
    for (int i = 0; i < op->n_in; i++)
        in[i] = given[places[i]];
    tp_apply_n(op, in, op->n_in, &a, out);
    const bool is_step = op->compose == cell_compose;
    if (o->h_n)
        *o->h_n = out[!is_step];
    if (o->c_n)
        *o->c_n = op->tag == LSTM ? out[is_step ? 1 : 2] : NULL;
    return out[0];
}

#define FUNCTION(op)                                                                   \
    tp_tensor *tp_##op##_opt(tp_tensor *x, tp_tensor *weight_ih, tp_tensor *weight_hh, \
                             const tp_recurrent_options *o)                            \
    {                                                                                  \
        return call(&tp_op_##op, x, weight_ih, weight_hh, o);                          \
    }
FUNCTION(rnn)
FUNCTION(lstm)
FUNCTION(gru)
FUNCTION(rnn_cell)
FUNCTION(lstm_cell)
FUNCTION(gru_cell)

/* ---- sequences of different lengths ---------------------------------------------------------------------------------------------------- */

typedef struct pad_attrs {
    bool batch_first;
    double padding_value;
} pad_attrs;

static void pad_sequence_compose(tp_call *c)
{
    const pad_attrs *a = c->attrs;
    int64_t longest_one = 0;
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i], *first = c->in[0];
        bool fits = x->ndim == first->ndim && x->ndim > 0 && x->dtype == first->dtype;
        for (int d = 1; d < x->ndim && fits; d++)
            fits = x->shape[d] == first->shape[d];
        if (!fits) {
            tp_fail(
                TP_ERR_SHAPE,
                "pad_sequence: sequence %d is %s of %s, the first %s of %s: only the first dim may differ", i,
                tensor_shape_text(x), tp_dtype_name((tp_dtype)x->dtype), tensor_shape_text(first),
                tp_dtype_name((tp_dtype)first->dtype));
            return;
        }
        longest_one = x->shape[0] > longest_one ? x->shape[0] : longest_one;
    }
    tp_tensor **padded = tp_alloc((size_t)c->n_in * sizeof *padded);
    if (!padded)
        return;
    for (int i = 0; i < c->n_in; i++) {
        tp_shape rest = tp_shape_of(c->in[i]);
        rest.dim[0] = longest_one - rest.dim[0];
        tp_tensor *parts[2] = { c->in[i],
                                tp_full(rest, a->padding_value, .dtype = (tp_dtype)c->in[i]->dtype) };
        padded[i] = tp_cat(parts, 2, 0);
    }
    c->out[0] = tp_stack(padded, c->n_in, a->batch_first ? 0 : 1);
    tp_free(padded, (size_t)c->n_in * sizeof *padded);
}

COMPOSED_OP(pad_sequence, "sequences...", -1, "y[t, i] = sequences[i][t], or padding_value past its end",
            OP_ATTRS(pad_attrs, OP_ATTR(pad_attrs, BOOL, batch_first, 0),
                     OP_ATTR(pad_attrs, F64, padding_value, 0)),
            OP_EXAMPLES({ "2,3 4,3 1,3", NULL }, { "3 1", &(pad_attrs){ true, -1 } }));

tp_tensor *tp_pad_sequence(tp_tensor *const *sequences, int n, bool batch_first, double value,
                           tp_tensor **lengths)
{
    tp_tensor *y = tp_apply(&tp_op_pad_sequence, sequences, n, &(pad_attrs){ batch_first, value });
    if (!lengths)
        return y;
    *lengths = y ? tensor_new(TP_I64, TP_SHAPE(n)) : NULL;
    for (int i = 0; i < n && *lengths; i++)
        ((int64_t *)(void *)tensor_data(*lengths))[i] = sequences[i]->shape[0];
    return *lengths ? y : NULL;
}
