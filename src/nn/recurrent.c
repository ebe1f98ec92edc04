/* recurrent.c - RNN, LSTM and GRU as layers: several of them one above the other, in both directions, with a state that goes on;
 * and their cells, one step each.
 *
 * Parameters have PyTorch's names and shapes, each layer and direction its own: weight_ih_l1_reverse.  What a layer computes is an
 * operation (ops/recurrent.c).
 * Invariant: the tensors of strand i = layer * directions + direction are borrowed from the module; absent ones are NULL.
 * Layer: nn.  Depends on module.h.  Read next: ops/recurrent_forms.c, init.c. */
#include "nn/module.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum { RNN, LSTM, GRU } kind;

typedef struct strand { /* one layer in one direction */
    tp_tensor *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_hr, *peephole;
    tp_tensor *norm_ih, *norm_hh, *norm_cell, *norm_cell_bias;
} strand;

typedef struct recurrent_state {
    kind kind;
    bool is_cell, relu;
    tp_rnn_options options;
    bool carry; /* from call to call, in the buffers h and c */
    int64_t input, hidden, layers, directions;
    strand strand[];
} recurrent_state;

/* ---- forward --------------------------------------------------------------------------------------------------------------- */

typedef struct running {        /* one call */
    tp_tensor *lengths, *h, *c; /* h, c NULL: zeros */
    tp_tensor **h_n, **c_n;     /* a strand each */
} running;

static tp_recurrent_options options_of(const recurrent_state *s, const strand *w)
{
    return (tp_recurrent_options){ .struct_size = sizeof(tp_recurrent_options),
                                   .bias_ih = w->bias_ih,
                                   .bias_hh = w->bias_hh,
                                   .weight_hr = w->weight_hr,
                                   .peephole = w->peephole,
                                   .norm_ih = w->norm_ih,
                                   .norm_hh = w->norm_hh,
                                   .norm_cell = w->norm_cell,
                                   .norm_cell_bias = w->norm_cell_bias,
                                   .relu = s->relu,
                                   .batch_first = s->options.batch_first,
                                   .reset_before = s->options.reset_before };
}

static tp_tensor *run_strand(const recurrent_state *s, tp_tensor *x, int64_t i, const running *r)
{
    const strand *w = &s->strand[i];
    tp_recurrent_options o = options_of(s, w);
    o.reverse = i % s->directions == 1;
    o.lengths = r->lengths;
    o.h0 = r->h ? tp_select(r->h, 0, i) : NULL;
    o.c0 = r->c ? tp_select(r->c, 0, i) : NULL;
    o.h_n = &r->h_n[i];
    o.c_n = &r->c_n[i];
    return s->kind == LSTM  ? tp_lstm_opt(x, w->weight_ih, w->weight_hh, &o)
           : s->kind == GRU ? tp_gru_opt(x, w->weight_ih, w->weight_hh, &o)
                            : tp_rnn_opt(x, w->weight_ih, w->weight_hh, &o);
}

static tp_tensor *run_layers(tp_module *m, tp_tensor *x, const running *r)
{
    const recurrent_state *s = tp_module_state(m);
    for (int64_t l = 0; l < s->layers; l++) {
        tp_tensor *y[2] = { NULL, NULL };
        for (int64_t d = 0; d < s->directions; d++)
            y[d] = run_strand(s, x, l * s->directions + d, r);
        x = s->directions == 2 ? tp_cat(y, 2, -1) : y[0];
        if (l + 1 < s->layers && s->options.dropout > 0)
            x = tp_dropout(x, s->options.dropout, m->training);
    }
    return x;
}

static tp_tensor *run_cell(const recurrent_state *s, tp_tensor *x, tp_tensor *h, tp_tensor *c,
                           tp_tensor **c_n)
{
    const strand *w = s->strand;
    tp_recurrent_options o = options_of(s, w);
    o.h0 = h, o.c0 = c, o.c_n = c_n;
    return s->kind == LSTM  ? tp_lstm_cell_opt(x, w->weight_ih, w->weight_hh, &o)
           : s->kind == GRU ? tp_gru_cell_opt(x, w->weight_ih, w->weight_hh, &o)
                            : tp_rnn_cell_opt(x, w->weight_ih, w->weight_hh, &o);
}

static tp_status check_lengths(const tp_module *m, const tp_tensor *lengths)
{
    if (!lengths || tp_dtype_of(lengths) != TP_I64 || tp_ndim(lengths) != 1)
        return TP_OK; /* the operation says what is wrong */
    const int64_t *length = tp_data((tp_tensor *)(uintptr_t)lengths);
    for (int64_t i = 0; i < tp_numel(lengths) && length; i++)
        if (length[i * tp_stride(lengths, 0)] < 1)
            return tp_fail(TP_ERR_ARGUMENT, "%s: length %lld of sequence %lld, at least 1 is wanted", m->type,
                           (long long)length[i * tp_stride(lengths, 0)], (long long)i);
    return TP_OK;
}

/* Of a module with several strands: (strands, B, H) or (strands, H). */
static tp_status check_state(const tp_module *m, const tp_tensor *x, const tp_tensor *t, int64_t size,
                             const char *name)
{
    const recurrent_state *s = m->state;
    if (!t || s->is_cell)
        return TP_OK;
    const int64_t strands = s->layers * s->directions;
    const int dims = tp_ndim(x);
    if (tp_ndim(t) == dims && tp_size(t, 0) == strands && tp_size(t, dims - 1) == size)
        return TP_OK;
    return tp_fail(TP_ERR_SHAPE, "%s: state %s has %d dims, the first is %lld; (%lld%s, %lld) is wanted",
                   m->type, name, tp_ndim(t), (long long)(tp_ndim(t) ? tp_size(t, 0) : 0), (long long)strands,
                   dims == 3 ? ", batch" : "", (long long)size);
}

static tp_tensor *joined(tp_tensor *const *t, int64_t n)
{
    return !t[0] ? NULL : n == 1 ? tp_unsqueeze(t[0], 0) : tp_stack(t, (int)n, 0);
}

/* in: x, and h and c where the state has them.  out: y, h, c */
static tp_status recurrent_body(tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **out, int n_out,
                                void *context)
{
    const recurrent_state *s = m->state;
    const int64_t strands = s->layers * s->directions;
    tp_tensor *parts[2 * strands];
    running r = { .lengths = context,
                  .h = n_in > 1 ? in[1] : NULL,
                  .c = n_in > 2 ? in[2] : NULL,
                  .h_n = parts,
                  .c_n = parts + strands };
    memset(parts, 0, sizeof parts);
    if (s->is_cell) {
        out[0] = run_cell(s, in[0], r.h, r.c, parts);
        if (n_out > 1)
            out[1] = out[0];
        if (n_out > 2)
            out[2] = parts[0];
        return tp_error_pending();
    }
    const int64_t size = s->options.proj_size ? s->options.proj_size : s->hidden;
    if (check_lengths(m, r.lengths) || check_state(m, in[0], r.h, size, "h") ||
        check_state(m, in[0], r.c, s->hidden, "c"))
        return tp_error_pending();
    out[0] = run_layers(m, in[0], &r);
    if (n_out > 1 && !tp_pending())
        out[1] = joined(r.h_n, strands);
    if (n_out > 2 && !tp_pending())
        out[2] = joined(r.c_n, strands);
    return tp_error_pending();
}

/* ---- a state that is carried from call to call ---------------------------------------------------------------------------------- */

static const char *const carried_names[] = { "h", "c" };

static bool is_carried_shape(const recurrent_state *s, const tp_tensor *t, int which)
{
    const int64_t size = which == 0 && s->options.proj_size ? s->options.proj_size : s->hidden;
    return tp_dtype_of(t) == TP_F32 && tp_ndim(t) == 3 && tp_size(t, 0) == s->layers * s->directions &&
           tp_size(t, 2) == size && tp_size(t, 1) > 0;
}

/* The carried tensor's first sequences, as many as x has; NULL: zeros. */
static tp_tensor *carried(const tp_module *m, int which, int64_t batch)
{
    tp_tensor *t = module_tensor_named(m, carried_names[which]);
    return !t || tp_size(t, 1) < batch ? NULL : tp_narrow(t, 1, 0, batch);
}

static tp_tensor *forward_carrying(tp_module *m, tp_tensor *x)
{
    const recurrent_state *s = m->state;
    const int n = s->kind == LSTM ? 3 : 2;
    const int64_t batch = tp_ndim(x) == 3 ? tp_size(x, s->options.batch_first ? 0 : 1) : 0;
    tp_tensor *in[3] = { x }, *out[3] = { NULL, NULL, NULL };
    for (int i = 1; i < n; i++)
        in[i] = carried(m, i - 1, batch);
    recurrent_body(m, in, in[1] ? n : 1, out, n, NULL);
    TP_SCOPE;
    TP_NO_GRAD;
    for (int i = 1; i < n && !tp_pending(); i++)
        tp_passing_buffer(m, carried_names[i - 1], tp_clone(tp_detach(out[i])));
    return tp_pending() ? NULL : out[0];
}

static tp_tensor *recurrent_forward(tp_module *m, tp_tensor *x)
{
    const recurrent_state *s = m->state;
    tp_tensor *y = NULL;
    if (s->carry && x)
        return forward_carrying(m, x);
    recurrent_body(m, &x, 1, &y, 1, NULL);
    return y;
}

tp_status tp_rnn_carry(tp_module *m, bool on)
{
    if (tp_pending())
        return tp_error_pending();
    if (!m)
        return tp_fail(TP_ERR_ARGUMENT, "rnn_carry: the module is NULL");
    recurrent_state *s = m->forward == recurrent_forward ? m->state : NULL;
    if (s && !s->is_cell) {
        s->carry = on;
        for (int i = 0; i < 2; i++)
            tp_passing_buffer(m, carried_names[i], NULL);
    }
    for (int64_t i = 0; i < m->n_children; i++)
        tp_rnn_carry(m->children[i].module, on);
    return tp_error_pending();
}

static tp_status load_carried(tp_module *net, const char *name, tp_tensor *t)
{
    char path[512];
    const char *dot = strrchr(name, '.'), *own = dot ? dot + 1 : name;
    snprintf(path, sizeof path, "%.*s", dot ? (int)(dot - name) : 0, name);
    tp_module *m = tp_find_module(net, path);
    const recurrent_state *s = m && m->forward == recurrent_forward ? m->state : NULL;
    for (int i = 0; s && s->carry && i < 2; i++)
        if (!strcmp(own, carried_names[i]) && (i == 0 || s->kind == LSTM) && is_carried_shape(s, t, i))
            return tp_passing_buffer(m, own, t) ? TP_OK : tp_error_pending();
    return tp_pending() ? tp_error_pending()
                        : tp_fail(TP_ERR_SHAPE, "'%.200s' is no state that this network carries", name);
}

tp_status tp_rnn_load_carried(tp_module *net, const tp_params *states)
{
    TP_SCOPE;
    if (tp_pending())
        return tp_error_pending();
    if (!net || !states)
        return tp_fail(TP_ERR_ARGUMENT, "rnn_load_carried: the module or the list is NULL");
    for (int i = 0; i < tp_params_count(states) && !tp_pending(); i++)
        load_carried(net, tp_params_name(states, i), tp_params_at(states, i));
    return tp_error_pending();
}

tp_tensor *tp_rnn_forward_opt(tp_module *m, tp_tensor *x, tp_rnn_state *state,
                              const tp_rnn_forward_options *o)
{
    if (tp_pending())
        return NULL;
    if (!m || m->forward != recurrent_forward || !state)
        return tp_fail_null(TP_ERR_ARGUMENT, "rnn_forward: %s, a recurrent layer and a state are wanted",
                            !m       ? "the module is NULL"
                            : !state ? "the state is NULL"
                                     : m->type);
    const recurrent_state *s = m->state;
    const bool is_lstm = s->kind == LSTM;
    if (is_lstm && !state->h != !state->c)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: of h and c in its state one is NULL", m->type);
    if (s->is_cell && o->lengths)
        return tp_fail_null(TP_ERR_ARGUMENT, "%s: lengths are for sequences", m->type);
    tp_tensor *in[3] = { x, state->h, state->c }, *out[3] = { NULL, NULL, NULL };
    if (tp_module_call(m, in,
                       !state->h ? 1
                       : is_lstm ? 3
                                 : 2,
                       out, is_lstm ? 3 : 2, recurrent_body, o->lengths))
        return NULL;
    state->h = out[1], state->c = out[2];
    return out[0];
}

/* ---- a state without its history ---------------------------------------------------------------------------------------------- */

static tp_tensor *own_copy(tp_tensor **own, tp_tensor *t)
{
    bool fits = *own && tp_ndim(*own) == tp_ndim(t) && tp_dtype_of(*own) == tp_dtype_of(t);
    for (int i = 0; i < tp_ndim(t) && fits; i++)
        fits = tp_size(*own, i) == tp_size(t, i);
    if (fits)
        return tp_copy_(*own, tp_detach(t));
    return *own = tp_keep(tp_clone(tp_detach(t)));
}

tp_status tp_detach_state(tp_rnn_state *state)
{
    if (tp_pending())
        return tp_error_pending();
    if (!state)
        return tp_fail(TP_ERR_ARGUMENT, "detach_state: the state is NULL");
    TP_NO_GRAD;
    state->h = state->h ? own_copy(&state->own_h, state->h) : NULL;
    state->c = state->c ? own_copy(&state->own_c, state->c) : NULL;
    return tp_error_pending();
}

/* ---- making them ------------------------------------------------------------------------------------------------------------------ */

static tp_tensor *parameter(tp_module *m, const char *name, const char *suffix, tp_tensor *t)
{
    char text[64];
    snprintf(text, sizeof text, "%s%s", name, suffix);
    return tp_parameter(m, text, t);
}

static tp_tensor *uniform(const recurrent_state *s, tp_shape shape)
{
    const double bound = 1 / sqrt((double)s->hidden);
    return tp_uniform(-bound, bound, shape);
}

/* A matrix a gate. */
static void make_orthogonal(const recurrent_state *s, tp_tensor *weight)
{
    TP_SCOPE;
    TP_NO_GRAD;
    for (int64_t at = 0; weight && at < tp_size(weight, 0); at += s->hidden)
        tp_init_orthogonal_(tp_narrow(weight, 0, at, s->hidden), 1);
}

static void raise_forget_bias(const recurrent_state *s, tp_tensor *bias)
{
    TP_SCOPE;
    TP_NO_GRAD;
    tp_add_(tp_narrow(bias, 0, s->hidden, s->hidden), s->options.forget_bias);
}

static void make_norms(tp_module *m, strand *w, const char *suffix, const recurrent_state *s, int64_t wide)
{
    w->norm_ih = parameter(m, "norm_ih", suffix, tp_ones(TP_SHAPE(wide)));
    if (s->kind != RNN)
        w->norm_hh = parameter(m, "norm_hh", suffix, tp_ones(TP_SHAPE(wide)));
    if (s->kind != LSTM)
        return;
    w->norm_cell = parameter(m, "norm_cell", suffix, tp_ones(TP_SHAPE(s->hidden)));
    w->norm_cell_bias = parameter(m, "norm_cell_bias", suffix, tp_zeros(TP_SHAPE(s->hidden)));
}

static void make_strand(tp_module *m, int64_t i)
{
    recurrent_state *s = m->state;
    strand *w = &s->strand[i];
    const tp_rnn_options *o = &s->options;
    const int64_t wide = (s->kind == LSTM  ? 4
                          : s->kind == GRU ? 3
                                           : 1) *
                         s->hidden,
                  out = o->proj_size ? o->proj_size : s->hidden, layer = i / s->directions,
                  in = layer ? s->directions * out : s->input;
    char suffix[40] = "";
    if (!s->is_cell)
        snprintf(suffix, sizeof suffix, "_l%lld%s", (long long)layer, i % s->directions ? "_reverse" : "");
    w->weight_ih = parameter(m, "weight_ih", suffix, uniform(s, TP_SHAPE(wide, in)));
    w->weight_hh = parameter(m, "weight_hh", suffix, uniform(s, TP_SHAPE(wide, out)));
    if (!o->no_bias) {
        w->bias_ih = parameter(m, "bias_ih", suffix, uniform(s, TP_SHAPE(wide)));
        w->bias_hh = parameter(m, "bias_hh", suffix, uniform(s, TP_SHAPE(wide)));
    }
    if (o->proj_size)
        w->weight_hr = parameter(m, "weight_hr", suffix, uniform(s, TP_SHAPE(out, s->hidden)));
    if (o->peephole)
        w->peephole = parameter(m, "peephole", suffix, uniform(s, TP_SHAPE(3 * s->hidden)));
    if (o->layer_norm)
        make_norms(m, w, suffix, s, wide);
    if (o->orthogonal)
        make_orthogonal(s, w->weight_hh);
    if (o->forget_bias != 0)
        raise_forget_bias(s, w->bias_ih);
}

static tp_status only_for(const char *type, bool given, bool fits, const char *option, const char *whom)
{
    return given && !fits ? tp_fail(TP_ERR_ARGUMENT, "%s: %s is for %s", type, option, whom) : TP_OK;
}

static tp_status check_options(const char *type, kind k, bool is_cell, int64_t input, int64_t hidden,
                               const tp_rnn_options *o)
{
    if (tp_pending())
        return tp_error_pending();
    if (input < 1 || hidden < 1)
        return tp_fail(TP_ERR_ARGUMENT, "%s: sizes are %lld and %lld, at least 1 is wanted", type,
                       (long long)input, (long long)hidden);
    if (o->num_layers < 0 || o->num_layers > 1000)
        return tp_fail(TP_ERR_ARGUMENT, "%s: num_layers is %lld, 1 to 1000 are possible", type,
                       (long long)o->num_layers);
    if (!(o->dropout >= 0 && o->dropout <= 1))
        return tp_fail(TP_ERR_ARGUMENT, "%s: dropout is %g, [0, 1] is wanted", type, o->dropout);
    if (only_for(type, o->proj_size != 0, k == LSTM, "proj_size", "lstm") ||
        only_for(type, o->peephole, k == LSTM, "peephole", "lstm") ||
        only_for(type, o->forget_bias != 0, k == LSTM, "forget_bias", "lstm") ||
        only_for(type, o->reset_before, k == GRU, "reset_before", "gru") ||
        only_for(type, o->nonlinearity, k == RNN, "nonlinearity", "rnn") ||
        only_for(type, is_cell && (o->num_layers > 1 || o->bidirectional || o->batch_first || o->dropout > 0),
                 false, "num_layers, bidirectional, batch_first or dropout", "whole sequences") ||
        only_for(type, is_cell && (o->proj_size || o->peephole || o->layer_norm), false,
                 "proj_size, peephole or layer_norm", "whole sequences"))
        return tp_error_pending();
    if (o->proj_size < 0 || o->proj_size >= hidden)
        return tp_fail(TP_ERR_ARGUMENT, "%s: proj_size is %lld, less than the hidden size %lld is wanted",
                       type, (long long)o->proj_size, (long long)hidden);
    if (o->nonlinearity && strcmp(o->nonlinearity, "tanh") != 0 && strcmp(o->nonlinearity, "relu") != 0)
        return tp_fail(TP_ERR_ARGUMENT, "%s: nonlinearity is '%s', tanh or relu is wanted", type,
                       o->nonlinearity);
    if (o->forget_bias != 0 && o->no_bias)
        return tp_fail(TP_ERR_ARGUMENT, "%s: forget_bias without biases", type);
    return TP_OK;
}

static void describe(tp_module *m)
{
    const recurrent_state *s = m->state;
    const tp_rnn_options *o = &s->options;
    char text[200] = "";
    if (s->layers > 1)
        text_add(text, sizeof text, ", layers %lld", (long long)s->layers);
    if (o->proj_size)
        text_add(text, sizeof text, ", projection %lld", (long long)o->proj_size);
    if (o->dropout > 0)
        text_add(text, sizeof text, ", dropout %g", o->dropout);
    tp_module_set_info(m, "%lld, %lld%s%s%s%s%s%s%s%s", (long long)s->input, (long long)s->hidden, text,
                       s->relu ? ", relu" : "", o->bidirectional ? ", both directions" : "",
                       o->batch_first ? ", batch first" : "", o->peephole ? ", peephole" : "",
                       o->reset_before ? ", reset before" : "", o->layer_norm ? ", layer norm" : "",
                       o->no_bias ? ", no bias" : "");
}

static tp_module *recurrent_new(const char *type, kind k, bool is_cell, int64_t input, int64_t hidden,
                                const tp_rnn_options *o)
{
    if (check_options(type, k, is_cell, input, hidden, o))
        return NULL;
    TP_SCOPE;
    const int64_t layers = o->num_layers ? o->num_layers : 1, directions = o->bidirectional ? 2 : 1;
    tp_module *m =
        tp_module_new(type, sizeof(recurrent_state) + (size_t)(layers * directions) * sizeof(strand),
                      recurrent_forward);
    recurrent_state *s = tp_module_state(m);
    if (!s)
        return NULL;
    s->kind = k, s->is_cell = is_cell;
    s->relu = o->nonlinearity && strcmp(o->nonlinearity, "relu") == 0;
    s->options = *o;
    s->input = input, s->hidden = hidden, s->layers = layers, s->directions = directions;
    for (int64_t i = 0; i < layers * directions && !tp_pending(); i++)
        make_strand(m, i);
    describe(m);
    return tp_keep(tp_module_built(m));
}

#define LAYER(name, KIND, is_cell)                                                        \
    tp_module *tp_nn_##name##_opt(int64_t input, int64_t hidden, const tp_rnn_options *o) \
    {                                                                                     \
        return recurrent_new(#name, KIND, is_cell, input, hidden, o);                     \
    }
LAYER(rnn, RNN, false)
LAYER(lstm, LSTM, false)
LAYER(gru, GRU, false)
LAYER(rnn_cell, RNN, true)
LAYER(lstm_cell, LSTM, true)
LAYER(gru_cell, GRU, true)
