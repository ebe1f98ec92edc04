/* recurrent_steps.c - a recurrent layer made of operations that everybody uses, one step after the other.
 *
 * For what has no kernels (layer normalisation, a reset gate before the product), for derivatives of derivatives, and to check
 * the kernels against.  Normalised forms: Ba, Kiros and Hinton 2016, supplement; the biases are those of the normalisation.
 * Layer: ops.  Depends on recurrent.h.  Read next: recurrent_forms.c. */
#include "ops/recurrent.h"

#include "base/memory.h"

typedef struct unrolled {
    const recurrent_attrs *a;
    tp_tensor *const *in;
    int64_t t, b, h;
    tp_tensor *x; /* (T, B, G H): what the input gives, in the order of computing */
    tp_tensor *
        moment; /* (T, B, 1), i64: where in the input each step is, reversed sequences of different lengths; else NULL */
    tp_tensor *state_h, *state_c;
} unrolled;

static tp_tensor *plus(tp_tensor *x, tp_tensor *y)
{
    return y ? tp_add(x, y) : x;
}

static tp_tensor *gate(const unrolled *u, tp_tensor *x, int i) /* (.., G H) -> (.., H) */
{
    return tp_narrow(x, -1, i * u->h, u->h);
}

/* gain (x - mean) / std over so many adjacent numbers; of a GRU the first two gates together and the last alone */
static tp_tensor *normalized(const unrolled *u, tp_tensor *x, tp_tensor *gain)
{
    if (!gain || u->a->kind != GRU)
        return gain ? tp_layer_norm(x, TP_SHAPE(tp_size(gain, 0)), .weight = gain) : x;
    tp_tensor *parts[2];
    for (int i = 0; i < 2; i++) {
        const int64_t n = i ? u->h : 2 * u->h, at = i ? 2 * u->h : 0;
        parts[i] = tp_layer_norm(tp_narrow(x, -1, at, n), TP_SHAPE(n), .weight = tp_narrow(gain, 0, at, n));
    }
    return tp_cat(parts, 2, -1);
}

static bool is_rnn(const unrolled *u)
{
    return u->a->kind == RNN_TANH || u->a->kind == RNN_RELU;
}

/* What input or state gives to the gates.  An RNN normalises the sum of both. */
static tp_tensor *given(const unrolled *u, tp_tensor *x, int weight, int bias, int norm)
{
    tp_tensor *gain = is_rnn(u) ? NULL : u->in[norm], *b = is_rnn(u) && u->in[R_NORM_IH] ? NULL : u->in[bias];
    if (!gain)
        return tp_linear(x, u->in[weight], b);
    return plus(normalized(u, tp_linear(x, u->in[weight], NULL), gain), b);
}

/* ---- one step: the state after x (B, G H) --------------------------------------------------------------------------------------- */

static tp_tensor *rnn_step(unrolled *u, tp_tensor *x)
{
    tp_tensor *sum = tp_add(x, given(u, u->state_h, R_WEIGHT_HH, R_BIAS_HH, R_NORM_HH)),
              *gain = u->in[R_NORM_IH];
    if (gain)
        sum = plus(plus(normalized(u, sum, gain), u->in[R_BIAS_IH]), u->in[R_BIAS_HH]);
    return u->a->kind == RNN_RELU ? tp_relu(sum) : tp_tanh(sum);
}

static tp_tensor *peeped(const unrolled *u, tp_tensor *x, tp_tensor *c, int i)
{
    tp_tensor *p = u->in[R_PEEPHOLE];
    return p ? tp_add(x, tp_mul(tp_narrow(p, 0, i * u->h, u->h), c)) : x;
}

static tp_tensor *lstm_step(unrolled *u, tp_tensor *x, tp_tensor **c_now)
{
    tp_tensor *sum = tp_add(x, given(u, u->state_h, R_WEIGHT_HH, R_BIAS_HH, R_NORM_HH)), *c = u->state_c,
              *w = u->in[R_WEIGHT_HR];
    tp_tensor *i = tp_sigmoid(peeped(u, gate(u, sum, 0), c, 0)),
              *f = tp_sigmoid(peeped(u, gate(u, sum, 1), c, 1)), *g = tp_tanh(gate(u, sum, 2));
    *c_now = tp_add(tp_mul(f, c), tp_mul(i, g));
    tp_tensor *o = tp_sigmoid(peeped(u, gate(u, sum, 3), *c_now, 2)), *seen = *c_now;
    if (u->in[R_NORM_CELL])
        seen = tp_layer_norm(seen, TP_SHAPE(u->h), .weight = u->in[R_NORM_CELL],
                             .bias = u->in[R_NORM_CELL_BIAS]);
    tp_tensor *h = tp_mul(o, tp_tanh(seen));
    return w ? tp_linear(h, w, NULL) : h;
}

/* n before its tanh without what x gives: W_n (r h) + b */
static tp_tensor *reset_first(const unrolled *u, tp_tensor *r)
{
    tp_tensor *w = tp_narrow(u->in[R_WEIGHT_HH], 0, 2 * u->h, u->h), *b = u->in[R_BIAS_HH],
              *gain = u->in[R_NORM_HH];
    tp_tensor *y = tp_linear(tp_mul(r, u->state_h), w, gain || !b ? NULL : tp_narrow(b, 0, 2 * u->h, u->h));
    if (!gain)
        return y;
    y = tp_layer_norm(y, TP_SHAPE(u->h), .weight = tp_narrow(gain, 0, 2 * u->h, u->h));
    return plus(y, b ? tp_narrow(b, 0, 2 * u->h, u->h) : NULL);
}

static tp_tensor *gru_step(unrolled *u, tp_tensor *x)
{
    tp_tensor *s = given(u, u->state_h, R_WEIGHT_HH, R_BIAS_HH, R_NORM_HH);
    tp_tensor *r = tp_sigmoid(tp_add(gate(u, x, 0), gate(u, s, 0))),
              *z = tp_sigmoid(tp_add(gate(u, x, 1), gate(u, s, 1)));
    tp_tensor *by_state = u->a->reset_before ? reset_first(u, r) : tp_mul(r, gate(u, s, 2));
    tp_tensor *n = tp_tanh(tp_add(gate(u, x, 2), by_state));
    return tp_add(n, tp_mul(z, tp_sub(u->state_h, n)));
}

/* ---- all steps -------------------------------------------------------------------------------------------------------------------- */

/* (T, B, 1): step s of a reversed sequence of length L is at L - 1 - s, and what lies past its end stays there. */
static tp_tensor *mirrored(const unrolled *u)
{
    tp_tensor *s = tp_reshape(tp_arange(0, (double)u->t, 1, .dtype = TP_I64), TP_SHAPE(u->t, 1)),
              *length = tp_expand(tp_unsqueeze(u->in[R_LENGTHS], 0), TP_SHAPE(u->t, u->b));
    tp_tensor *at = tp_sub(tp_sub(length, 1), s);
    return tp_unsqueeze(tp_where(tp_ge(at, 0), at, tp_expand(s, TP_SHAPE(u->t, u->b))), 2);
}

static tp_tensor *turned(const unrolled *u, tp_tensor *x)
{
    if (!u->a->reverse || !x)
        return x;
    if (!u->moment)
        return tp_flip(x, TP_SHAPE(0));
    return tp_gather(x, 0, tp_expand(u->moment, tp_shape_of(x)));
}

static tp_tensor *step(unrolled *u, int64_t s)
{
    tp_tensor *x = tp_select(u->x, 0, s), *c = NULL;
    tp_tensor *h = u->a->kind == LSTM  ? lstm_step(u, x, &c)
                   : u->a->kind == GRU ? gru_step(u, x)
                                       : rnn_step(u, x);
    if (!u->in[R_LENGTHS]) {
        u->state_h = h, u->state_c = c;
        return h;
    }
    tp_tensor *active = tp_unsqueeze(tp_gt(u->in[R_LENGTHS], tp_integer(s)), 1);
    u->state_h = tp_where(active, h, u->state_h);
    u->state_c = c ? tp_where(active, c, u->state_c) : NULL;
    return tp_where(active, h, 0.0);
}

static tp_tensor *zeros_unless(tp_tensor *t, const tp_tensor *x, int64_t rows, int64_t cols)
{
    return t ? t : tp_zeros(TP_SHAPE(rows, cols), .dtype = (tp_dtype)x->dtype);
}

void recurrent_steps(const recurrent_attrs *a, tp_tensor *const *in, tp_tensor **out)
{
    const recurrence r = recurrence_of(a, in, NULL);
    unrolled u = { .a = a, .in = in, .t = r.t, .b = r.b, .h = r.h };
    tp_tensor *x = a->batch_first ? tp_transpose(in[R_X], 0, 1) : in[R_X];
    u.moment = a->reverse && in[R_LENGTHS] ? mirrored(&u) : NULL;
    u.state_h = zeros_unless(in[R_H0], x, r.b, r.p);
    u.state_c = a->kind == LSTM ? zeros_unless(in[R_C0], x, r.b, r.h) : NULL;
    u.x = given(&u, turned(&u, x), R_WEIGHT_IH, R_BIAS_IH, R_NORM_IH);
    const size_t bytes = (size_t)r.t * sizeof(tp_tensor *);
    tp_tensor **rows = tp_pending() ? NULL : tp_alloc(bytes);
    if (!rows)
        return;
    for (int64_t s = 0; s < r.t; s++)
        rows[s] = step(&u, s);
    tp_tensor *y = r.t ? turned(&u, tp_stack(rows, (int)r.t, 0))
                       : tp_zeros(TP_SHAPE(0, r.b, r.p), .dtype = (tp_dtype)x->dtype);
    tp_free(rows, bytes);
    out[R_OUT_Y] = a->batch_first ? tp_transpose(y, 0, 1) : y;
    out[R_OUT_H_N] = u.state_h, out[R_OUT_C_N] = u.state_c;
}
